//! Finding -> Decision -> Alert: the life of one situation, and the text people get.
//!
//! Pure. An alert is one continuing situation under the key (rule, who, dataset). It grows with each
//! finding; [`decide`] says when people are told, with the reason; [`text`] writes the mail.

pub mod decide;
pub mod gaps;
pub mod incident;
pub mod ladder;
pub mod notice;
pub mod outbox;
pub mod text;

use std::sync::Arc;
use std::time::Duration;

use crate::access::{DatasetId, LineRef, Marks, Operation, SourceId, Standing, WhoId};
use crate::calendar::Calendar;
use crate::clock::{EventTime, WallTime};
use crate::detect::{Count, Facts, RuleKind, Severity, Within, Words};

/// Whom alerts go to and how often, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertSettings {
    /// Recipients of every alert (security staff).
    pub to: Vec<String>,
    /// Further recipients by owner section of the dataset (保護管理者, 保護担当者).
    pub owners: Vec<(String, Vec<String>)>,
    /// Time after which a situation that goes on is mailed again, by severity: critical.
    pub repeat_critical: Duration,
    /// The same for warnings.
    pub repeat_warning: Duration,
    /// How often those who get every alert are told that the watch is running.
    pub sign_of_life: notice::Rhythm,
    /// Who is told next while nobody answers.
    pub ladder: ladder::LadderSettings,
}

/// Row id of an alert; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub i64);

/// Where in its life an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertState {
    /// Nobody has answered for it.
    Open,
    /// A named person has taken notice (認知).
    Acknowledged,
    /// A named person has closed it with an outcome and a reason.
    Closed,
}

impl AlertState {
    /// The word used in JSON and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Open => "open",
            AlertState::Acknowledged => "acknowledged",
            AlertState::Closed => "closed",
        }
    }
}

/// How an alert is closed that an exception holds.
pub const EXCEPTED: &str = "excepted";

/// How a closed alert was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClosedAs {
    /// 正当: a proper use, with its 業務上の理由.
    Legitimate,
    /// 誤検知: the rule or the register was wrong.
    FalseAlarm,
    /// 事案: an incident.
    Incident,
}

impl ClosedAs {
    /// Every outcome.
    pub const ALL: [ClosedAs; 3] = [ClosedAs::Legitimate, ClosedAs::FalseAlarm, ClosedAs::Incident];

    /// The word used on the command line, in JSON and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            ClosedAs::Legitimate => "legitimate",
            ClosedAs::FalseAlarm => "false-alarm",
            ClosedAs::Incident => "incident",
        }
    }
}

/// One continuing situation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Row id.
    pub id: AlertId,
    /// Number people use: `A-2026-000123` (calendar year of detection, JST).
    pub number: String,
    /// Rule.
    pub rule: String,
    /// Person or unregistered account; `WhoId(0)` where the rule adds up over persons.
    pub who: WhoId,
    /// Dataset; `DatasetId(0)` where the rule adds up over datasets.
    pub dataset: DatasetId,
    /// Worst severity so far.
    pub severity: Severity,
    /// State.
    pub state: AlertState,
    /// Record time of the first access that held the rule.
    pub first_seen: EventTime,
    /// Record time of the last one.
    pub last_seen: EventTime,
    /// Start of the window in which the limit was first passed.
    pub window_from: EventTime,
    /// Largest amount seen in the window (volume), or accesses so far (account).
    pub observed: u64,
    /// The limit; the rule holds when `observed > limit`.
    pub limit: u64,
    /// What the words need beside, by kind of rule.
    pub facts: Facts,
    /// Accesses that were findings of this alert.
    pub hits: u64,
    /// Records these gave out, as far as known.
    pub records: u64,
    /// Hits without a stated number of records.
    pub records_unknown: u64,
    /// Successful hits.
    pub successes: u64,
    /// Source of the first hit.
    pub source: SourceId,
    /// Operation class of the last hit.
    pub operation: Operation,
    /// Standing of the account at the last hit.
    pub standing: Standing,
    /// What else of register and 台帳 spoke against any of the hits.
    pub marks: Marks,
    /// Whether it was found in hindsight, by a corrected register (遡及).
    pub retro: bool,
    /// When sekimori noticed (検知).
    pub detected_at: WallTime,
    /// When a mail was last composed, and at which level.
    pub notified: Option<Notified>,
}

/// What people were last told of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notified {
    /// When the mail was composed.
    pub at: WallTime,
    /// Growth step (see `decide::level`).
    pub level: u32,
    /// Severity then.
    pub severity: Severity,
    /// How many mails so far.
    pub mails: u32,
    /// `hits` then: without further hits there is nothing to repeat.
    pub hits: u64,
}

/// The facts of an alert as text, for mails, console and JSON: looked up once, so that [`text`] stays pure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertFacts {
    /// The alert.
    pub alert: Alert,
    /// Title of the rule.
    pub rule_title: String,
    /// What the rule says to people.
    pub words: Words,
    /// Articles it rests on.
    pub basis: Vec<String>,
    /// What the rule asks; `None` where it is not configured any more.
    pub kind: Option<RuleKind>,
    /// What is counted, for volume rules.
    pub count: Option<Count>,
    /// The span, for volume rules.
    pub within: Option<Within>,
    /// Staff number (職員番号), where the account is registered.
    pub person: Option<String>,
    /// The number of the approved job whose limit was passed, where it is about one.
    pub job: Option<String>,
    /// Section of that person at the time.
    pub section: Option<String>,
    /// Account name as in the log, inert; the last one seen.
    pub account: String,
    /// Until when the right ran (権限終了日, inclusive, days since 1970-01-01), where it ended.
    pub valid_to: Option<i32>,
    /// From when it runs, where it has not begun.
    pub valid_from: Option<i32>,
    /// Dataset id, empty where the rule adds up over datasets.
    pub dataset: String,
    /// Title of the dataset.
    pub dataset_title: String,
    /// Tier letter.
    pub tier: String,
    /// Owner section of the dataset.
    pub owner: String,
    /// Name of the source.
    pub source: String,
    /// Address or terminal of the last hit, inert.
    pub address: String,
    /// What other rules found in the same situation.
    pub reasons: Vec<AlertFacts>,
    /// References of lines that stand as evidence, first and last ones; contents are never mailed.
    pub evidence: Vec<LineRef>,
    /// When the offices of the agency are closed.
    pub calendar: Arc<Calendar>,
    /// Who was told so far, or passed over, in the order in which it happened.
    pub told: Vec<ladder::Hop>,
    /// How long whoever is told now has before the next level is told; none: nobody is told next.
    pub answer_within: Option<Duration>,
}
