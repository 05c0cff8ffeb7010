//! Approved jobs (承認された業務処理): bulk work that somebody does for the agency, under a number of its own.
//!
//! 督促状, 統計, 連携: what is done under a job is counted under the job, so that it neither feeds nor falls under the
//! limits of the person who does it. Everything else stays as it is: his right is judged, the access is archived, and the
//! job has a limit of its own, the records it may give out a day. What goes beyond the job (another dataset, another
//! operation, another day, an access whose log does not say how many records it gave out) is the person's own.
//!
//! A job holds for accesses from a minute after its registration, never for those before: what was counted stays counted.
//!
//! Not here: where jobs are kept and what was done under them (`store`), the limit (`detect::volume`).

use hashbrown::HashMap;

use super::exceptions::fiscal_year_end;
use crate::access::{DatasetId, Operation};
use crate::calendar::{Day, day_start};
use crate::clock::{EventTime, WallTime};
use crate::text::{Lang, Say, say};

/// Most records a day that a job may have as its limit.
const LIMIT_MAX: u64 = 1_000_000_000;
/// Longest number, in characters.
const NUMBER_CHARS_MAX: usize = 40;
/// What was read within so long of a registration (or an end) may have been read before it was known.
const SETTLES: std::time::Duration = std::time::Duration::from_secs(60);

/// One approved job of one person with one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Row id; 0 before it is registered.
    pub id: i64,
    /// 申請番号, under which it was approved.
    pub number: String,
    /// What is done.
    pub title: String,
    /// 職員番号 of who does it; the account's own name where it is nobody's (システム, 共用).
    pub person: String,
    /// Dataset id.
    pub dataset: String,
    /// Operations it needs.
    pub operations: Vec<Operation>,
    /// Records it may give out on a day.
    pub limit: u64,
    /// First day.
    pub from: Day,
    /// Last day, inclusive.
    pub until: Day,
    /// 職員番号 of whoever approved it.
    pub approver: String,
    /// 職員番号 of whoever registered it.
    pub by: String,
}

/// What a job is held against before it is registered.
pub struct World<'a> {
    /// Today.
    pub today: Day,
    /// Ids of the datasets.
    pub datasets: &'a [&'a str],
    /// Whether the register knows a right in force today, by 職員番号.
    pub in_force: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("today", &self.today)
            .finish_non_exhaustive()
    }
}

/// Why a job is not registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Approved or registered by the person who does it.
    ForOneself,
    /// Anything else: what is wrong and what would do.
    Wrong(Say),
}

impl Refusal {
    /// Whether somebody tried to take himself out of his own limits: that is told.
    pub fn is_evasion(&self) -> bool {
        *self == Refusal::ForOneself
    }

    /// What is wrong and what would do.
    pub fn say(&self, lang: Lang) -> String {
        match self {
            Refusal::ForOneself => lang.pick(
                "業務処理は、それを行う本人が承認・登録することはできません。別の方が承認し、登録してください。",
                "nobody approves or registers a job of his own; let somebody else do it",
            ),
            Refusal::Wrong(why) => why.pick(lang),
        }
        .to_owned()
    }
}

impl Job {
    /// Whether it may be registered.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn check(&self, world: &World<'_>) -> Result<(), Refusal> {
        if self.person == self.approver || self.person == self.by {
            return Err(Refusal::ForOneself);
        }
        let wrong = |why| Err(Refusal::Wrong(why));
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.number.is_empty() || NUMBER_CHARS_MAX < self.number.chars().count() || !self.number.chars().all(plain) {
            return wrong(say!(
                "申請番号は、文字・数字・「-」「_」「.」の {NUMBER_CHARS_MAX} 文字までにしてください。",
                "the number of a job has up to {NUMBER_CHARS_MAX} letters, digits, '-', '_' or '.'"
            ));
        }
        if self.title.trim().is_empty() {
            return wrong(say!(
                "--title に業務の内容を書いてください。",
                "say with --title what is done"
            ));
        }
        if !world.datasets.contains(&self.dataset.as_str()) {
            let dataset = crate::text::inert(&self.dataset, 40);
            return wrong(say!(
                "「{dataset}」という情報資産はありません。",
                "there is no dataset {dataset:?}"
            ));
        }
        if self.operations.is_empty() || self.operations.contains(&Operation::Login) {
            return wrong(say!(
                "--operation に、業務に要る操作（export、print、search、view など）を書いてください。",
                "give the operations the job needs with --operation (export, print, search, view ...)"
            ));
        }
        if self.limit == 0 || LIMIT_MAX < self.limit {
            return wrong(say!(
                "--limit には、1日の最大件数を 1 から {LIMIT_MAX} までで書いてください。",
                "--limit is the most records a day, from 1 to {LIMIT_MAX}"
            ));
        }
        if self.from < world.today || self.until < self.from {
            return wrong(say!(
                "期間は今日以後にしてください。既に行われた利用を、後から業務処理とすることはできません。",
                "the period must lie ahead: what was done already cannot be made a job afterwards"
            ));
        }
        let end = fiscal_year_end(world.today);
        if end < self.until {
            let (ja, en) = (end.wareki(), end.iso());
            return wrong(Say::new(
                format!("業務処理は年度の末日（{ja}）までです。翌年度も必要なときは、改めて承認を受けてください。"),
                format!("a job ends with the fiscal year, on {en} at the latest; have it approved anew then"),
            ));
        }
        for (who, ja, en) in [
            (&self.approver, "承認者", "the approver"),
            (&self.by, "登録者", "who registers it,"),
            (&self.person, "業務を行う", "who does it,"),
        ] {
            if !(world.in_force)(who) {
                let who = crate::text::inert(who, 40);
                return wrong(say!(
                    "{ja} {who} は、権限台帳で有効な職員ではありません。",
                    "{en} {who} has no right in force in the account register"
                ));
            }
        }
        Ok(())
    }

    /// The name under which it is counted: its number and who does it.
    pub fn counted_as(&self) -> String {
        format!("{}/{}", self.number, self.person)
    }

    /// From when to before when it holds, registered at `at` and perhaps ended before its time.
    pub fn span(&self, at: WallTime, ended: Option<WallTime>) -> (EventTime, EventTime) {
        let settled = |at: WallTime| EventTime::from_micros(at.plus(SETTLES).micros());
        let until = day_start(self.until.plus(1));
        (
            day_start(self.from).max(settled(at)),
            ended.map_or(until, |ended| until.min(settled(ended))),
        )
    }
}

/// Number and 職員番号 of a name of [`Job::counted_as`].
pub fn parts(counted_as: &str) -> Option<(&str, &str)> {
    counted_as.split_once('/')
}

/// A job as accesses are held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The name it is counted under.
    pub name: Box<str>,
    /// The dataset.
    pub dataset: DatasetId,
    /// Operations, bit `n` for class number `n`.
    operations: u16,
    /// From when to before when it holds.
    span: (EventTime, EventTime),
    /// Records it may give out on a day.
    pub most: u32,
}

/// All jobs there ever were: accesses of their time are counted under them whenever they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jobs {
    all: Vec<Running>,
    by_person: HashMap<Box<str>, Vec<u32>>,
}

impl Jobs {
    /// Takes one more; `at`: when it was registered, and when it was ended before its time.
    pub fn add(&mut self, job: &Job, dataset: DatasetId, (at, ended): (WallTime, Option<WallTime>)) {
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.by_person
            .entry(job.person.as_str().into())
            .or_default()
            .push(place);
        self.all.push(Running {
            name: job.counted_as().into(),
            dataset,
            operations: job.operations.iter().fold(0, |mask, o| mask | 1 << (*o as u8)),
            span: job.span(at, ended),
            most: u32::try_from(job.limit).unwrap_or(u32::MAX),
        });
    }

    /// Whether the person has any.
    pub fn knows(&self, person: &str) -> bool {
        !self.by_person.is_empty() && self.by_person.contains_key(person)
    }

    /// The first job of the person that this belongs to: its place, and the job.
    pub fn find(
        &self,
        person: &str,
        dataset: DatasetId,
        operation: Operation,
        at: EventTime,
    ) -> Option<(usize, &Running)> {
        let places = self.by_person.get(person)?.iter();
        let mut all = places.filter_map(|n| {
            let n = usize::try_from(*n).ok()?;
            Some((n, self.all.get(n)?))
        });
        all.find(|(_, job)| {
            let (from, to) = job.span;
            job.dataset == dataset && job.operations & 1 << (operation as u8) != 0 && from <= at && at < to
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        crate::calendar::parse_date(text).unwrap()
    }

    fn job() -> Job {
        Job {
            id: 0,
            number: "R8-督促-012".into(),
            title: "督促状の発送".into(),
            person: "012345".into(),
            dataset: "zei".into(),
            operations: vec![Operation::Export],
            limit: 20_000,
            from: day("2026-11-21"),
            until: day("2027-03-31"),
            approver: "010001".into(),
            by: "010002".into(),
        }
    }

    fn refused(change: impl Fn(&mut Job)) -> Option<String> {
        let mut job = job();
        change(&mut job);
        let world = World {
            today: day("2026-11-21"),
            datasets: &["zei"],
            in_force: &|who| who != "008841",
        };
        job.check(&world).err().map(|why| why.say(Lang::En))
    }

    #[test]
    fn a_job_is_approved_by_somebody_else_lies_ahead_and_ends_with_the_fiscal_year() {
        assert_eq!(refused(|_| {}), None);
        for (change, why) in [
            ((|j| j.approver = "012345".into()) as fn(&mut Job), "a job of his own"),
            (|j| j.by = "012345".into(), "a job of his own"),
            (|j| j.number = "R8/12".into(), "number of a job"),
            (|j| j.title = "　".into(), "--title"),
            (|j| j.dataset = "juki".into(), "no dataset \"juki\""),
            (|j| j.operations.clear(), "--operation"),
            (|j| j.limit = 0, "--limit"),
            (|j| j.from = day("2026-11-20"), "must lie ahead"),
            (|j| j.until = day("2027-04-01"), "fiscal year"),
            (|j| j.approver = "008841".into(), "the approver 008841"),
            (|j| j.person = "008841".into(), "who does it, 008841"),
        ] {
            let said = refused(change).unwrap_or_default();
            assert!(said.contains(why), "{why}: {said}");
        }
    }

    #[test]
    fn a_job_takes_what_it_names_from_a_minute_after_its_registration_to_its_end() {
        let noon = day_start(day("2026-11-21")).secs() + 12 * 3_600;
        let at = |secs: i64| EventTime::from_secs(noon + secs);
        let mut jobs = Jobs::default();
        let ended = Some(WallTime::from_secs(noon + 3_600));
        jobs.add(&job(), DatasetId(1), (WallTime::from_secs(noon), ended));
        let found = |person: &str, dataset: u16, operation, secs: i64| {
            jobs.find(person, DatasetId(dataset), operation, at(secs)).is_some()
        };
        let export = Operation::Export;
        assert!(found("012345", 1, export, 60) && found("012345", 1, export, 3_659));
        assert!(!found("012345", 1, export, 59) && !found("012345", 1, export, 3_660));
        assert!(!found("012345", 2, export, 60) && !found("012345", 1, Operation::View, 60));
        assert!(!found("012346", 1, export, 60) && jobs.knows("012345") && !jobs.knows("012346"));
        assert_eq!(parts(&job().counted_as()), Some(("R8-督促-012", "012345")));
    }
}
