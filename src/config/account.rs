//! What rules of `kind = "account"` and `kind = "grant"` say: which standings and marks are not allowed.

use std::time::Duration;

use crate::access::{Mark, Standing};
use crate::detect::{AccountRule, DormantRule, GrantRule, RuleKind, Severity};

use super::problem::say;
use super::section::Section;
use super::units::DAY;

/// The word for an account that was not used for long; its rule remembers, so it stands alone.
const DORMANT: &str = "dormant";
const AFTER: Duration = Duration::from_secs(45 * 86_400);
/// Names of a source and day are counted each by itself up to here.
const MANY_MAX: u32 = 1_000;
/// Names of a source and day that are told of one by one where nothing is said.
const MANY: u32 = 20;
const AFTER_MAX: Duration = Duration::from_secs(365 * 86_400);

#[derive(Debug, Clone, Copy)]
enum Word {
    Standing(Standing),
    Mark(Mark),
    Dormant,
}

/// Reads the keys of an account rule.
pub(super) fn account(section: &Section<'_>) -> Option<RuleKind> {
    let standings = Standing::SUSPICIOUS.map(|s| (s.as_str(), Word::Standing(s)));
    let marks = Mark::OF_ACCOUNT.map(|m| (m.as_str(), Word::Mark(m)));
    let words: Vec<(&str, Word)> = standings
        .into_iter()
        .chain(marks)
        .chain([(DORMANT, Word::Dormant)])
        .collect();
    let named = match section.required_strings("standing") {
        Some(_) => section.choices("standing", &words),
        None => None,
    };
    let failure = failure(section);
    let named = named?;
    if !named.iter().any(|word| matches!(word, Word::Dormant)) {
        section.refuse(
            "after",
            &say!(
                "standing = [\"{DORMANT}\"] の規則だけの項目です。",
                "only for rules of standing = [\"{DORMANT}\"]"
            ),
        );
        let mut rule = AccountRule {
            standings: Vec::new(),
            marks: Vec::new(),
            failure: failure?,
            many: None,
        };
        for word in named {
            match word {
                Word::Standing(standing) => rule.standings.push(standing),
                Word::Mark(mark) => rule.marks.push(mark),
                Word::Dormant => {}
            }
        }
        rule.many = many(section, rule.standings.contains(&Standing::Unknown))?;
        return Some(RuleKind::Account(rule));
    }
    section.refuse(
        "many",
        &say!(
            "standing に unknown を含む規則だけの項目です。",
            "only for rules whose standing names unknown"
        ),
    );
    let after = section.duration("after", AFTER, DAY..=AFTER_MAX);
    if 1 < named.len() {
        let place = section.value("standing").map(|found| found.place);
        section.problem(
            &place.unwrap_or_else(|| section.place()),
            say!(
                "{DORMANT} はほかの語と並べて書けません。",
                "{DORMANT} cannot stand beside other words"
            ),
            Some(say!("規則を分けてください。", "make two rules of it")),
        );
        return None;
    }
    let days = after?.as_secs() / DAY.as_secs();
    Some(RuleKind::Dormant(DormantRule {
        after_days: i32::try_from(days).unwrap_or(i32::MAX),
        failure: failure?,
    }))
}

/// Names without registration that are told of one by one.
fn many(section: &Section<'_>, of_unknown: bool) -> Option<Option<u32>> {
    if !of_unknown {
        section.refuse(
            "many",
            &say!(
                "standing に unknown を含む規則だけの項目です。",
                "only for rules whose standing names unknown"
            ),
        );
        return Some(None);
    }
    if section.value("many").is_none() {
        return Some(Some(MANY));
    }
    let found = section.integer("many")?;
    match u32::try_from(found.value) {
        Ok(many) if (1..=MANY_MAX).contains(&many) => Some(Some(many)),
        _ => {
            let message = say!(
                "1 から 1,000 までの数を書いてください。",
                "write a number from 1 to 1,000"
            );
            section.problem(&found.place, message, None);
            None
        }
    }
}

/// Reads the keys of a grant rule.
pub(super) fn grant(section: &Section<'_>) -> Option<RuleKind> {
    let words = Mark::OF_GRANT.map(|m| (m.as_str(), m));
    let lacks = match section.required_strings("lacks") {
        Some(_) => section.choices("lacks", &words),
        None => None,
    };
    let failure = failure(section);
    Some(RuleKind::Grant(GrantRule {
        lacks: lacks?,
        failure: failure?,
    }))
}

/// Severity of attempts that failed; not looked at where nothing is said.
fn failure(section: &Section<'_>) -> Option<Option<Severity>> {
    let severities = Severity::ALL.map(|s| (s.as_str(), s));
    match section.value("failure") {
        Some(_) => section.choice("failure", &severities).map(|f| Some(f.value)),
        None => Some(None),
    }
}
