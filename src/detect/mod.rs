//! Access -> Finding: the book of counters and the rules that look at it.
//!
//! Pure: the book's history comes in through [`book::History`], findings go out as values. Order of
//! arrival never changes what is found (windows are sums over cells of event time).
//!
//! Not here: whether anybody is told (`alert`), storage (`store`).

use std::time::Duration;

use crate::access::{Operation, Standing};
use crate::register::Tier;

/// How bad it is when a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// 注意: for the daily digest.
    Notice,
    /// 警告: a mail at once.
    Warning,
    /// 重大: a mail at once, never held.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Severity; 3] = [Severity::Notice, Severity::Warning, Severity::Critical];

    /// The word used in configuration and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Notice => "notice",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    /// The word used in Japanese mails.
    pub fn ja(self) -> &'static str {
        match self {
            Severity::Notice => "注意",
            Severity::Warning => "警告",
            Severity::Critical => "重大",
        }
    }
}

/// One rule, as checked from configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    /// Short name (`V3`); part of the alert's key.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// Articles of the 訓令 it rests on.
    pub basis: Vec<String>,
    /// What it asks.
    pub kind: RuleKind,
    /// Which accesses it looks at.
    pub when: When,
    /// Samples that `check` runs.
    pub samples: Vec<Sample>,
}

/// Which accesses a rule looks at; an empty list is no condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// Classes of operation.
    pub operations: Vec<Operation>,
    /// Datasets by id.
    pub datasets: Vec<String>,
    /// Tiers.
    pub tiers: Vec<Tier>,
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKind {
    /// More than so much within so long.
    Volume(Volume),
    /// Use by an account that has no right in force.
    Account(AccountRule),
}

/// A limit on an amount in a window. The rule holds when `observed > limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// What is counted.
    pub count: Count,
    /// Whose amounts are added up.
    pub per: Per,
    /// Over what span.
    pub within: Within,
    /// The limits.
    pub limit: Limits,
    /// What an access counts for where the log states no number (`records`, `bytes`).
    pub unknown: u64,
}

/// What a volume rule counts. Successful accesses only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Count {
    /// Accesses.
    Accesses,
    /// Records given out.
    Records,
    /// Bytes given out.
    Bytes,
    /// Distinct citizens.
    Subjects,
}

impl Count {
    /// The word used in configuration and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Count::Accesses => "accesses",
            Count::Records => "records",
            Count::Bytes => "bytes",
            Count::Subjects => "subjects",
        }
    }
}

/// Whose amounts a volume rule adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Per {
    /// Each person over all datasets the rule looks at.
    Person,
    /// Each dataset over all persons.
    Dataset,
    /// Each person and dataset.
    PersonDataset,
}

/// The span of a volume rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Within {
    /// A single access.
    OneAccess,
    /// A rolling window of 10 minutes to 400 days.
    Rolling(Duration),
    /// The calendar day, JST.
    Day,
}

/// Limits of a volume rule: the dataset's own where one is set, else its tier's, else the common one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// One number for all.
    pub all: Option<u64>,
    /// By tier; only where `per` names the dataset.
    pub tiers: Vec<(Tier, u64)>,
    /// By dataset id; only where `per` names the dataset.
    pub datasets: Vec<(String, u64)>,
}

/// Use by an account without a right in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRule {
    /// The standings that are not allowed.
    pub standings: Vec<Standing>,
    /// Severity of attempts that failed; `None`: failures are not looked at.
    pub failure: Option<Severity>,
}

/// A sample that stands inside a rule and must come out as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Whether the rule must fire.
    pub fires: bool,
    /// Accesses, one a string: `TIME WHO DATASET OPERATION [failure] [records=N] [bytes=N] [subject=TEXT]
    /// [standing=WORD]`.
    pub accesses: Vec<String>,
    /// Line of the sample in the rules file, for messages.
    pub line: usize,
}
