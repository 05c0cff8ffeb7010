//! Rules as configured: what a sentence of `rules.toml` says, checked.
//!
//! Not here: reading them (`config`), how each kind works (one file a kind).

use std::time::Duration;

use super::account::{AccountRule, GrantRule};
use super::baseline::BaselineRule;
use super::dormant::DormantRule;
use super::draw::DrawRule;
use super::first_seen::FirstSeenRule;
use super::hours::HoursRule;
use super::relation::RelationRule;
use super::sequence::SequenceRule;
use crate::access::Operation;
use crate::register::Tier;
use crate::text::Lang;

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
    /// What people read of it in a mail.
    pub words: Words,
    /// Samples that `check` runs.
    pub samples: Vec<Sample>,
}

/// What a rule says to people in a mail, in both languages; where one is empty the other serves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Why this is worth a mail, in plain words: Japanese, English.
    pub explain: [String; 2],
    /// What to check first, a step an entry: Japanese, English.
    pub first: [Vec<String>; 2],
}

impl Words {
    /// Why this is worth a mail; empty where the rule does not say.
    pub fn explain(&self, lang: Lang) -> &str {
        let [ja, en] = &self.explain;
        match (lang, ja.is_empty(), en.is_empty()) {
            (Lang::Ja, false, _) | (Lang::En, _, true) => ja,
            (Lang::En, ..) | (Lang::Ja, true, _) => en,
        }
    }

    /// What to check first.
    pub fn first(&self, lang: Lang) -> &[String] {
        let [ja, en] = &self.first;
        match (lang, ja.is_empty(), en.is_empty()) {
            (Lang::Ja, false, _) | (Lang::En, _, true) => ja,
            (Lang::En, ..) | (Lang::Ja, true, _) => en,
        }
    }
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
    /// Use by an account that has no right in force, or is used as it may not be.
    Account(AccountRule),
    /// Use of a dataset, an operation or a terminal that is not granted.
    Grant(GrantRule),
    /// Use of an account that was not used for long.
    Dormant(DormantRule),
    /// Use when the office does not work.
    Hours(HoursRule),
    /// A first use.
    FirstSeen(FirstSeenRule),
    /// Several accesses shortly after one another.
    Sequence(SequenceRule),
    /// Who looks at whom.
    Relation(RelationRule),
    /// Far more than usual.
    Baseline(BaselineRule),
    /// A few uses chosen by lot.
    Draw(DrawRule),
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
    /// How much of the limit holds for somebody about to leave, in percent.
    pub leaving: u64,
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
    /// Of the persons registered in a dataset, in percent; where their number is known.
    pub share: Option<u64>,
    /// What `share` never goes below.
    pub least: u64,
}

/// A sample that stands inside a rule and must come out as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Whether the rule must fire.
    pub fires: bool,
    /// Accesses, one a string: `TIME WHO DATASET OPERATION [failure] [records=N] [bytes=N] [subject=TEXT]
    /// [standing=WORD] [marks=WORD,WORD]`.
    pub accesses: Vec<String>,
    /// Line of the sample in the rules file, for messages.
    pub line: usize,
}
