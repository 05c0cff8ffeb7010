//! What is known of a period: plain numbers and names, gathered from the store (`gather`), put into words by `compose`.
//!
//! Not here: words, order, judgement.

use super::period::Period;
use crate::access::{Operation, Standing};
use crate::alert::AlertState;
use crate::calendar::Day;
use crate::clock::{EventTime, WallTime};
use crate::detect::coverage::Gap;
use crate::detect::{Count, Severity};
use crate::register::Tier;

/// Everything a report is composed of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The span.
    pub period: Period,
    /// The agency.
    pub agency: String,
    /// 所属; `None`: the agency as a whole.
    pub section: Option<String>,
    /// Whether the period was over when the facts were gathered.
    pub over: bool,
    /// Datasets in scope, in the order of the 台帳.
    pub datasets: Vec<DatasetFacts>,
    /// Sources of these datasets, in the order of configuration.
    pub sources: Vec<SourceFacts>,
    /// What happened to the bytes of these sources.
    pub losses: Vec<LossFacts>,
    /// Holes in the watch that concern the scope.
    pub gaps: Vec<Gap>,
    /// Whether the amounts of all persons add up to those of the datasets.
    pub adds_up: bool,
    /// Each day of the period: accesses, and whether offices were closed.
    pub daily: Vec<(Day, u64, bool)>,
    /// Accesses by weekday (Monday first) and hour.
    pub hourly: [[u64; 24]; 7],
    /// Month by month up to the period's end: its first day, accesses, records given out.
    pub monthly: Vec<(Day, u64, u64)>,
    /// Everybody who used anything, most accesses first.
    pub users: Vec<UserFacts>,
    /// Rules that raised anything, in the order of configuration.
    pub rules: Vec<RuleFacts>,
    /// Alerts of the period that people are told of.
    pub alerts: Vec<AlertRow>,
    /// Alerts of the period before and of the same period last year.
    pub alerts_before: [u64; 2],
    /// Exceptions that ran in the period.
    pub exceptions: Vec<ExceptionFacts>,
    /// Slow drip: amounts of the last 30 and 365 days, nearest to their limits first.
    pub cumulative: Vec<CumulativeFacts>,
    /// Rights against use.
    pub rights: RightsFacts,
    /// Exports and prints, largest first; and how many there are.
    pub exports: (Vec<ExportFacts>, u64),
    /// Drawn for 理由確認.
    pub samples: Vec<SampleFacts>,
    /// The settings.
    pub settings: SettingsFacts,
    /// The last report of the same kind on the same section, and what became of its points.
    pub before: Option<BeforeFacts>,
    /// Section by section; in roll-ups only.
    pub sections: Vec<SectionFacts>,
    /// Who confirms.
    pub reviewers: Vec<(crate::register::sections::Role, Vec<String>)>,
}

/// How a dataset was used in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Use {
    /// Persons and unregistered accounts with at least one success.
    pub users: u64,
    /// Successes, by number of the operation class (place 0 is not used).
    pub by_operation: [u64; 9],
    /// Successes.
    pub accesses: u64,
    /// Records given out by export and print.
    pub taken: u64,
    /// Exports and prints whose number of records is unknown.
    pub taken_unknown: u64,
    /// Refused or failed.
    pub denied: u64,
}

impl Use {
    /// Successes of an operation.
    pub fn of(&self, operation: Operation) -> u64 {
        self.by_operation
            .get(usize::from(operation as u8))
            .copied()
            .unwrap_or(0)
    }

    /// Adds another use; persons are counted elsewhere.
    pub fn add(&mut self, other: &Use) {
        for (mine, theirs) in self.by_operation.iter_mut().zip(other.by_operation) {
            *mine = mine.saturating_add(theirs);
        }
        self.accesses = self.accesses.saturating_add(other.accesses);
        self.taken = self.taken.saturating_add(other.taken);
        self.taken_unknown = self.taken_unknown.saturating_add(other.taken_unknown);
        self.denied = self.denied.saturating_add(other.denied);
    }
}

/// A dataset in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetFacts {
    /// Id.
    pub id: String,
    /// 名称.
    pub title: String,
    /// 重要度.
    pub tier: Tier,
    /// 所管.
    pub owner: String,
    /// Registered persons.
    pub registered: Option<u64>,
    /// Whether it is a 特定個人情報ファイル.
    pub my_number: bool,
    /// In the period, the one before, and the same one last year.
    pub uses: [Use; 3],
    /// Distinct citizens; `None`: no subject was in the log.
    pub subjects: Option<u64>,
    /// Whether `subjects` is an estimate.
    pub estimated: bool,
    /// Successes outside office hours of open days.
    pub off_hours: u64,
    /// Successes on closed days.
    pub closed: u64,
    /// Longest time without an access within office hours of an open day, in minutes.
    pub silent_longest: u64,
    /// Open days without any access.
    pub idle_days: Vec<Day>,
}

/// A source in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// Name.
    pub name: String,
    /// Lines read on the days of the period, as they divide up.
    pub lines: u64,
    /// Accesses to datasets.
    pub accesses: u64,
    /// About no dataset.
    pub no_dataset: u64,
    /// Headers, comments, empty lines.
    pub nothing: u64,
    /// Records counted before, exported or delivered again.
    pub repeated: u64,
    /// No record came from them.
    pub rejects: u64,
    /// Not valid text.
    pub damaged: u64,
    /// Rejects by reason.
    pub why: Vec<(String, u64)>,
    /// Open days on which nothing was read of it and none of its datasets shows a use.
    pub missing: Vec<Day>,
    /// A file of it is not read to its end.
    pub behind: bool,
}

/// What happened to the bytes of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LossFacts {
    /// When it was noticed.
    pub at: WallTime,
    /// The source.
    pub source: String,
    /// One word.
    pub kind: String,
    /// Bytes.
    pub bytes: u64,
    /// Why.
    pub cause: String,
    /// Whether records were lost or cannot be read.
    pub lost: bool,
}

/// A person or unregistered account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// 職員番号, or the account.
    pub name: String,
    /// Whether the register knows the person.
    pub registered: bool,
    /// 所属 on the last day.
    pub section: String,
    /// Successes in the period.
    pub accesses: u64,
    /// Records given out by export and print.
    pub taken: u64,
    /// Successes in the three periods before, together; only where a whole one is on record.
    pub earlier: u64,
    /// How many of these periods have anything on record at all.
    pub earlier_periods: u64,
    /// Refused or failed.
    pub denied: u64,
}

/// A rule in the period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleFacts {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Alerts.
    pub raised: u64,
    /// Closed as legitimate.
    pub legitimate: u64,
    /// Closed as a false alarm.
    pub false_alarm: u64,
    /// Closed as an incident.
    pub incident: u64,
    /// Acknowledged, not closed.
    pub acknowledged: u64,
    /// Nobody has acknowledged.
    pub open: u64,
}

/// An alert people are told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Number.
    pub number: String,
    /// Rule.
    pub rule: String,
    /// Severity.
    pub severity: Severity,
    /// First finding.
    pub at: EventTime,
    /// Dataset id; empty: none.
    pub dataset: String,
    /// Who it is about.
    pub who: String,
    /// 所属 at the time.
    pub section: String,
    /// What was seen.
    pub observed: u64,
    /// Against what.
    pub limit: u64,
    /// Findings.
    pub hits: u64,
    /// State of the account.
    pub standing: Standing,
    /// Life cycle.
    pub state: AlertState,
    /// How it was closed.
    pub closed_as: String,
    /// Found in hindsight.
    pub retro: bool,
    /// Detected, first mailed, first acknowledged.
    pub times: [Option<WallTime>; 3],
}

/// An exception that ran in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionFacts {
    /// Number.
    pub id: i64,
    /// Rules.
    pub rules: String,
    /// Person; empty: everybody.
    pub person: String,
    /// Dataset; empty: every one.
    pub dataset: String,
    /// Raised limit.
    pub limit: u64,
    /// Last day.
    pub until: Day,
    /// Why.
    pub reason: String,
    /// Who approved.
    pub approver: String,
    /// Findings it held in the period.
    pub hits: u64,
    /// Findings behind its last day.
    pub late_hits: u64,
    /// Ended before its time.
    pub ended: bool,
}

/// Slow drip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CumulativeFacts {
    /// Who.
    pub name: String,
    /// 所属.
    pub section: String,
    /// Dataset id.
    pub dataset: String,
    /// Records taken in the last 30 and 365 days.
    pub taken: [u64; 2],
    /// Limits for these, where a rule sets one.
    pub limits: [Option<u64>; 2],
}

impl CumulativeFacts {
    /// Largest share of a limit, in tenths of a percent.
    pub fn share(&self) -> Option<u64> {
        let share = |(taken, limit): (&u64, &Option<u64>)| {
            limit.map(|l| taken.saturating_mul(1_000).checked_div(l).unwrap_or(u64::MAX))
        };
        self.taken.iter().zip(&self.limits).filter_map(share).max()
    }
}

/// Rights against use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RightsFacts {
    /// Version of the register, and when it was last brought.
    pub register: Option<(i64, WallTime)>,
    /// Accounts that no register knows: name, dataset ids, successes, refusals.
    pub unknown: Vec<(String, String, u64, u64)>,
    /// Alerts by state of the account: what, how many.
    pub without_right: Vec<(Standing, u64)>,
    /// Accounts of the section in force all the last 90 days of the period without a use: person, account, last use.
    pub idle: Vec<(String, String, Option<Day>)>,
    /// Temporary and outside staff without an end of their right: person, account, kind.
    pub endless: Vec<(String, String, &'static str, &'static str)>,
    /// Rights that end within 30 days of the period's end: person, account, last day.
    pub leaving: Vec<(String, String, Day)>,
    /// Shared accounts: account, custodian.
    pub shared: Vec<(String, String)>,
    /// Outside staff with a use in the period: person, 区分, successes, records taken.
    pub outside: Vec<(String, &'static str, &'static str, u64, u64)>,
}

/// An export or print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFacts {
    /// The day.
    pub day: Day,
    /// Who.
    pub name: String,
    /// Dataset id.
    pub dataset: String,
    /// What.
    pub operation: Operation,
    /// How often.
    pub accesses: u64,
    /// Records, and how often their number is unknown.
    pub records: u64,
    /// Accesses without a known number.
    pub unknown: u64,
}

/// Something to be explained by who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleFacts {
    /// The day.
    pub day: Day,
    /// From and to, minutes since midnight.
    pub minutes: (u32, u32),
    /// Who.
    pub name: String,
    /// 所属.
    pub section: String,
    /// Dataset id.
    pub dataset: String,
    /// What.
    pub operation: Operation,
    /// How often in these minutes.
    pub accesses: u64,
}

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsFacts {
    /// SHA-256 of the configuration.
    pub hash: String,
    /// When the watch began to run under it, and how many changes there were in the period.
    pub changed: Option<WallTime>,
    /// Changes in the period.
    pub changes: u64,
    /// Each limit: rule, title, severity, what is counted, limits by tier S, A, B.
    pub limits: Vec<LimitFacts>,
    /// The last 設定確認: when, number of its report, who.
    pub confirmed: Option<(Day, String)>,
}

/// A rule and its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitFacts {
    /// Rule.
    pub rule: String,
    /// Title.
    pub title: String,
    /// Severity.
    pub severity: Severity,
    /// What is counted; `None`: the rule counts nothing.
    pub count: Option<Count>,
    /// Limits by tier S, A, B.
    pub limits: [Option<u64>; 3],
}

/// The report before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeforeFacts {
    /// Its number.
    pub number: String,
    /// Its period.
    pub period: String,
    /// Its points, and whether each is still one.
    pub points: Vec<(String, String)>,
    /// Who confirmed it: role, when, result, measures.
    pub reviews: Vec<(String, Day, String, String)>,
    /// Whether everybody has.
    pub complete: bool,
    /// The day it was due.
    pub due: Day,
}

/// A section in a roll-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionFacts {
    /// 所属.
    pub section: String,
    /// Datasets.
    pub datasets: u64,
    /// Use in the period and the one before.
    pub uses: [Use; 2],
    /// Alerts, those still open, incidents.
    pub alerts: [u64; 3],
    /// Monthly reports of the period: due so far, made, signed in time, signed late, missing or unsigned.
    pub reviews: [u64; 5],
}
