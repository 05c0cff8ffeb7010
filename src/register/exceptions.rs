//! Exceptions: a limit raised for somebody, for a while, by somebody else.
//!
//! An exception never switches a rule off: it raises the limit for a scope until a day, at the latest the last of the
//! 年度. Nobody gets one from himself, and where it names no person it does not hold for whoever approved or registered
//! it. What it holds is recorded and counted all the same.
//!
//! Not here: where they are kept and how often they were used (`store`), whether people are told (`alert`).

use crate::calendar::Day;
use crate::text::Lang;

/// Days before its end from which an exception is listed as expiring.
pub const EXPIRING_DAYS: i32 = 30;
/// Largest limit: what is higher is no limit any more.
const LIMIT_MAX: u64 = 1_000_000_000;

/// One exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Row id; 0 before it is registered.
    pub id: i64,
    /// Rules whose limit is raised.
    pub rules: Vec<String>,
    /// 職員番号 it is for; `None`: everybody but those who made it.
    pub person: Option<String>,
    /// Dataset it is for; `None`: every one.
    pub dataset: Option<String>,
    /// The raised limit: what is observed up to this is held.
    pub limit: u64,
    /// First day.
    pub from: Day,
    /// Last day, inclusive.
    pub until: Day,
    /// Why.
    pub reason: String,
    /// 職員番号 of whoever approved it.
    pub approver: String,
    /// 職員番号 of whoever registered it.
    pub by: String,
}

/// What an exception is held against before it is registered.
#[derive(Debug)]
pub struct World<'a> {
    /// Today.
    pub today: Day,
    /// Ids of the rules.
    pub rules: &'a [&'a str],
    /// Ids of the datasets.
    pub datasets: &'a [&'a str],
    /// The highest limit the rules have without it, where they have one.
    pub limit: Option<u64>,
    /// Whether the approver has a right in force today.
    pub approver_in_force: bool,
}

/// Why an exception is not registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Approved or registered by the person it is for.
    ForOneself,
    /// It names neither a person nor a dataset.
    NoScope,
    /// Its last day is behind us, or before the first.
    Past,
    /// Its last day lies behind the end of the 年度.
    BeyondFiscalYear(Day),
    /// There is no such rule.
    NoRule(String),
    /// There is no such dataset.
    NoDataset(String),
    /// The limit is not higher than the one there is.
    NotRaised(u64),
    /// The limit is none.
    Off,
    /// The approver has no right in force.
    Approver(String),
    /// No reason is given.
    NoReason,
}

impl Refusal {
    /// Whether somebody tried to be left out of the watch by his own word: that is told.
    pub fn is_evasion(&self) -> bool {
        matches!(self, Refusal::ForOneself)
    }

    /// What is wrong and what would do.
    pub fn say(&self, lang: Lang) -> String {
        let ja = match self {
            Refusal::ForOneself => {
                "例外は、その対象となる本人が承認・登録することはできません。対象者以外の方が承認し、登録してください。"
                    .to_owned()
            }
            Refusal::NoScope => "--person か --dataset で、対象を限ってください。".to_owned(),
            Refusal::Past => "--until は、今日以後で、開始日以後の日にしてください。".to_owned(),
            Refusal::BeyondFiscalYear(end) => {
                format!(
                    "例外は年度の末日（{}）までです。翌年度も必要なときは、年度の初めに見直してください。",
                    end.wareki()
                )
            }
            Refusal::NoRule(rule) => format!("「{rule}」という規則はありません。"),
            Refusal::NoDataset(dataset) => format!("「{dataset}」という情報資産はありません。"),
            Refusal::NotRaised(limit) => {
                format!("今のしきい値は {limit} です。--limit にはそれより大きい数を書いてください。")
            }
            Refusal::Off => format!("しきい値をなくすことはできません。--limit は {LIMIT_MAX} までです。"),
            Refusal::Approver(who) => format!("承認者 {who} は、権限台帳で有効な職員ではありません。"),
            Refusal::NoReason => "--reason に理由を書いてください。".to_owned(),
        };
        let en = match self {
            Refusal::ForOneself => {
                "nobody approves or registers an exception for himself; let somebody else do it".to_owned()
            }
            Refusal::NoScope => "limit it by --person or --dataset".to_owned(),
            Refusal::Past => "--until must be today or later, and not before the first day".to_owned(),
            Refusal::BeyondFiscalYear(end) => {
                format!(
                    "an exception ends with the fiscal year, on {} at the latest; consider it anew then",
                    end.iso()
                )
            }
            Refusal::NoRule(rule) => format!("there is no rule {rule:?}"),
            Refusal::NoDataset(dataset) => format!("there is no dataset {dataset:?}"),
            Refusal::NotRaised(limit) => format!("the limit is {limit} now; give --limit a higher number"),
            Refusal::Off => format!("a limit cannot be taken away; --limit goes up to {LIMIT_MAX}"),
            Refusal::Approver(who) => format!("the approver {who} has no right in force in the account register"),
            Refusal::NoReason => "give the reason with --reason".to_owned(),
        };
        match lang {
            Lang::Ja => ja,
            Lang::En => en,
        }
    }
}

/// The last day of the 年度 of `day`.
pub fn fiscal_year_end(day: Day) -> Day {
    Day::of(day.fiscal_year().saturating_add(1), 3, 31).unwrap_or(day)
}

impl Exception {
    /// Whether it may be registered.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn check(&self, world: &World<'_>) -> Result<(), Refusal> {
        if self.person.is_some()
            && (self.person.as_ref() == Some(&self.approver) || self.person.as_ref() == Some(&self.by))
        {
            return Err(Refusal::ForOneself);
        }
        if self.person.is_none() && self.dataset.is_none() {
            return Err(Refusal::NoScope);
        }
        if let Some(rule) = self.rules.iter().find(|rule| !world.rules.contains(&rule.as_str())) {
            return Err(Refusal::NoRule(rule.clone()));
        }
        if let Some(dataset) = self.dataset.as_ref().filter(|d| !world.datasets.contains(&d.as_str())) {
            return Err(Refusal::NoDataset(dataset.clone()));
        }
        if self.until < world.today || self.until < self.from {
            return Err(Refusal::Past);
        }
        let end = fiscal_year_end(world.today);
        if end < self.until {
            return Err(Refusal::BeyondFiscalYear(end));
        }
        if LIMIT_MAX < self.limit {
            return Err(Refusal::Off);
        }
        if let Some(limit) = world.limit.filter(|limit| self.limit <= *limit) {
            return Err(Refusal::NotRaised(limit));
        }
        if self.reason.trim().is_empty() {
            return Err(Refusal::NoReason);
        }
        if !world.approver_in_force {
            return Err(Refusal::Approver(self.approver.clone()));
        }
        Ok(())
    }

    /// Whether its scope holds this: rule, person (none: all persons together) and dataset (empty: all together).
    pub fn names(&self, rule: &str, person: Option<&str>, dataset: &str) -> bool {
        let person_named = match (&self.person, person) {
            (Some(own), Some(person)) => own == person,
            (Some(_), None) => false,
            (None, Some(person)) => person != self.approver && person != self.by,
            (None, None) => true,
        };
        person_named && self.rules.iter().any(|r| r == rule) && self.dataset.as_ref().is_none_or(|own| own == dataset)
    }

    /// Whether it is in force on both days.
    pub fn runs(&self, first: Day, last: Day) -> bool {
        self.from <= first && last <= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        crate::calendar::parse_date(text).unwrap()
    }

    fn exception() -> Exception {
        Exception {
            id: 0,
            rules: vec!["V1".into(), "V3".into()],
            person: Some("012345".into()),
            dataset: Some("juki".into()),
            limit: 20_000,
            from: day("2026-11-21"),
            until: day("2027-03-31"),
            reason: "督促状の発送".into(),
            approver: "010001".into(),
            by: "010002".into(),
        }
    }

    fn refused(change: impl Fn(&mut Exception)) -> Option<Refusal> {
        let mut exception = exception();
        change(&mut exception);
        let world = World {
            today: day("2026-11-21"),
            rules: &["V1", "V3"],
            datasets: &["juki"],
            limit: Some(1_000),
            approver_in_force: exception.approver != "008841",
        };
        exception.check(&world).err()
    }

    #[test]
    fn an_exception_is_for_somebody_else_and_ends_with_the_fiscal_year() {
        assert_eq!(refused(|_| {}), None);
        assert_eq!(refused(|e| e.approver = "012345".into()), Some(Refusal::ForOneself));
        assert_eq!(refused(|e| e.by = "012345".into()), Some(Refusal::ForOneself));
        assert_eq!(
            refused(|e| e.until = day("2027-04-01")),
            Some(Refusal::BeyondFiscalYear(day("2027-03-31")))
        );
        assert_eq!(refused(|e| e.until = day("2026-11-20")), Some(Refusal::Past));
        assert_eq!(
            refused(|e| (e.person, e.dataset) = (None, None)),
            Some(Refusal::NoScope)
        );
        assert_eq!(refused(|e| e.limit = 1_000), Some(Refusal::NotRaised(1_000)));
        assert_eq!(refused(|e| e.limit = u64::MAX), Some(Refusal::Off));
        assert_eq!(
            refused(|e| e.rules.push("V9".into())),
            Some(Refusal::NoRule("V9".into()))
        );
        assert_eq!(
            refused(|e| e.dataset = Some("kaigo".into())),
            Some(Refusal::NoDataset("kaigo".into()))
        );
        assert_eq!(
            refused(|e| e.approver = "008841".into()),
            Some(Refusal::Approver("008841".into()))
        );
        assert_eq!(refused(|e| e.reason = "　".into()), Some(Refusal::NoReason));
    }

    #[test]
    fn an_exception_for_everybody_does_not_hold_for_those_who_made_it() {
        let all = Exception {
            person: None,
            ..exception()
        };
        for (person, holds) in [("012345", true), ("010001", false), ("010002", false)] {
            assert_eq!(all.names("V1", Some(person), "juki"), holds, "{person}");
        }
        assert!(all.names("V1", None, "juki") && !exception().names("V1", None, "juki"));
        assert!(!all.names("V2", Some("012345"), "juki") && !all.names("V1", Some("012345"), "kaigo"));
        assert!(
            !exception().runs(day("2026-11-20"), day("2026-11-21"))
                && !exception().runs(day("2027-03-31"), day("2027-04-01"))
        );
    }
}
