//! Access -> Finding: the book of counters and the rules that look at it.
//!
//! Pure: the book's history comes in through [`book::History`], findings go out as values. Order of
//! arrival never changes what is found (windows are sums over cells of event time).
//!
//! Not here: whether anybody is told (`alert`), storage (`store`).

pub mod book;
pub mod page;
mod sample;
pub mod sketch;
mod volume;
pub mod window;

use std::time::Duration;

use crate::access::{Access, DatasetId, Operation, Outcome, Standing, WhoId};
use crate::clock::EventTime;
use crate::register::{DatasetSettings, Tier};
use book::{History, HistoryError};
use volume::VolumeRule;

pub use sample::{SampleError, run_samples};

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

/// Number of a rule in the order of configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIx(pub u16);

/// Which datasets and operations a rule looks at, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// By dataset id.
    datasets: Vec<bool>,
    /// Bit `n` for operation class number `n`.
    operations: u16,
}

impl Scope {
    fn new(when: &When, datasets: &[(DatasetId, &DatasetSettings)]) -> Self {
        let mut by_id = vec![false; datasets.iter().map(|d| usize::from(d.0.0) + 1).max().unwrap_or(0)];
        for (id, dataset) in datasets {
            let named = when.datasets.is_empty() || when.datasets.contains(&dataset.id);
            let tier = when.tiers.is_empty() || when.tiers.contains(&dataset.tier);
            if let Some(slot) = by_id.get_mut(usize::from(id.0)) {
                *slot = named && tier;
            }
        }
        let operations = match when.operations.as_slice() {
            [] => u16::MAX,
            some => some.iter().fold(0, |mask, o| mask | 1 << (*o as u8)),
        };
        Scope {
            datasets: by_id,
            operations,
        }
    }

    /// Whether the rule looks at this dataset and operation.
    pub fn holds(&self, dataset: DatasetId, operation: Operation) -> bool {
        self.operations & 1 << (operation as u8) != 0
            && self.datasets.get(usize::from(dataset.0)).copied().unwrap_or(false)
    }
}

/// A rule held at an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: RuleIx,
    /// Person or account; 0 where the rule adds up over persons.
    pub who: WhoId,
    /// Dataset; 0 where the rule adds up over datasets.
    pub dataset: DatasetId,
    /// Time of the access.
    pub at: EventTime,
    /// Start of the window, or the access's own time.
    pub from: EventTime,
    /// Amount in the window (`volume`), 1 (`account`).
    pub observed: u64,
    /// The limit; 0 for `account`.
    pub limit: u64,
    /// How bad.
    pub severity: Severity,
}

#[derive(Debug)]
enum Compiled {
    Volume(Box<VolumeRule>),
    Account { standings: u8, failure: Option<Severity> },
}

#[derive(Debug)]
struct Rule {
    severity: Severity,
    scope: Scope,
    kind: Compiled,
}

/// All rules, with the windows they keep.
#[derive(Debug)]
pub struct Detector {
    rules: Vec<Rule>,
    /// Rules that look at a dataset and operation: index `dataset * OPERATIONS + operation`.
    index: Vec<Vec<u16>>,
}

const OPERATIONS: usize = 16;

impl Detector {
    /// Compiles `rules` for the datasets with the ids the store gave them.
    pub fn new(rules: &[RuleSettings], datasets: &[(DatasetId, &DatasetSettings)]) -> Self {
        let compiled: Vec<Rule> = rules
            .iter()
            .map(|rule| Rule {
                severity: rule.severity,
                scope: Scope::new(&rule.when, datasets),
                kind: match &rule.kind {
                    RuleKind::Volume(v) => {
                        Compiled::Volume(Box::new(VolumeRule::new(v.clone(), limits(&v.limit, datasets))))
                    }
                    RuleKind::Account(a) => Compiled::Account {
                        standings: a.standings.iter().fold(0, |mask, s| mask | 1 << (*s as u8)),
                        failure: a.failure,
                    },
                },
            })
            .collect();
        let size = datasets.iter().map(|d| usize::from(d.0.0) + 1).max().unwrap_or(0) * OPERATIONS;
        let mut index = vec![Vec::new(); size];
        for (id, _) in datasets {
            for operation in Operation::ALL {
                let Some(list) = index.get_mut(usize::from(id.0) * OPERATIONS + operation as usize) else {
                    continue;
                };
                let looks = |r: &(usize, &Rule)| r.1.scope.holds(*id, operation);
                list.extend(
                    compiled
                        .iter()
                        .enumerate()
                        .filter(looks)
                        .filter_map(|(i, _)| u16::try_from(i).ok()),
                );
            }
        }
        Detector { rules: compiled, index }
    }

    /// Shows an access to every rule that looks at it; findings are appended to `out`.
    pub fn observe(
        &mut self,
        access: &Access,
        history: &mut dyn History,
        out: &mut Vec<Finding>,
    ) -> Result<(), HistoryError> {
        let at = usize::from(access.dataset.0) * OPERATIONS + access.operation as usize;
        let Some(applying) = self.index.get(at) else {
            return Ok(());
        };
        for ix in applying {
            let Some(rule) = self.rules.get_mut(usize::from(*ix)) else {
                continue;
            };
            let finding = |who, dataset, from, observed, limit, severity| Finding {
                rule: RuleIx(*ix),
                who,
                dataset,
                at: access.time,
                from,
                observed,
                limit,
                severity,
            };
            match &mut rule.kind {
                Compiled::Volume(volume) => {
                    let (who, dataset) = volume.key(access);
                    if let Some(p) = volume.observe(access, &rule.scope, history)? {
                        out.push(finding(who, dataset, p.from, p.observed, p.limit, rule.severity));
                    }
                }
                Compiled::Account { standings, failure } => {
                    let severity = match access.outcome {
                        Outcome::Success => Some(rule.severity),
                        Outcome::Failure => *failure,
                    };
                    if let Some(severity) = severity
                        && *standings & 1 << (access.standing as u8) != 0
                    {
                        out.push(finding(access.who, access.dataset, access.time, 1, 0, severity));
                    }
                }
            }
        }
        Ok(())
    }

    /// The batch in hand is sealed; what comes now belongs to the next one.
    pub fn next_batch(&mut self) {
        for rule in &mut self.rules {
            if let Compiled::Volume(volume) = &mut rule.kind {
                volume.next_batch();
            }
        }
    }

    /// Forgets what no window can ask for any more, given the newest record time seen.
    pub fn prune(&mut self, newest: EventTime) {
        for rule in &mut self.rules {
            if let Compiled::Volume(volume) = &mut rule.kind {
                volume.prune(newest);
            }
        }
    }

    /// Forgets everything in memory: the batch failed and is read again.
    pub fn reset(&mut self) {
        for rule in &mut self.rules {
            if let Compiled::Volume(volume) = &mut rule.kind {
                volume.reset();
            }
        }
    }

    /// Windows in memory.
    pub fn keys(&self) -> usize {
        let of = |r: &Rule| match &r.kind {
            Compiled::Volume(volume) => volume.keys(),
            Compiled::Account { .. } => 0,
        };
        self.rules.iter().map(of).sum()
    }
}

/// The limit of each dataset by id, and last the one for all others.
fn limits(limits: &Limits, datasets: &[(DatasetId, &DatasetSettings)]) -> Vec<u64> {
    let common = limits.all.unwrap_or(u64::MAX);
    let size = datasets.iter().map(|d| usize::from(d.0.0) + 1).max().unwrap_or(0);
    let mut out = vec![common; size + 1];
    for (id, dataset) in datasets {
        let own = limits
            .datasets
            .iter()
            .find(|(name, _)| *name == dataset.id)
            .map(|l| l.1);
        let tier = limits.tiers.iter().find(|(tier, _)| *tier == dataset.tier).map(|l| l.1);
        if let Some(slot) = out.get_mut(usize::from(id.0)) {
            *slot = own.or(tier).unwrap_or(common);
        }
    }
    out
}

#[cfg(test)]
mod tests;
