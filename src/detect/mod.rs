//! Access -> Finding: the book of counters and the rules that look at it.
//!
//! Pure: the book's history comes in through [`book::History`], findings go out as values. Order of
//! arrival never changes what is found (windows are sums over cells of event time).
//!
//! Not here: whether anybody is told (`alert`), storage (`store`).

mod account;
mod baseline;
pub mod book;
pub mod coverage;
mod crowd;
mod dormant;
pub mod draw;
mod first_seen;
mod hours;
mod judge;
pub mod memo;
pub mod page;
mod relation;
mod retro;
mod rule;
mod sample;
mod sequence;
pub mod silence;
pub mod sketch;
pub mod tune;
mod volume;
pub mod window;

use std::sync::Arc;

use crate::access::{Access, DatasetId, Operation, WhoId};
use crate::calendar::Calendar;
use crate::clock::EventTime;
use crate::register::DatasetSettings;
use account::Marked;
use baseline::BaselineJudge;
use book::{History, HistoryError};
use dormant::Dormant;
use draw::DrawJudge;
use first_seen::FirstSeenJudge;
use hours::HoursJudge;
use memo::Memo;
use relation::RelationJudge;
use sequence::SequenceJudge;
use volume::{Passed, VolumeRule};

pub use account::{AccountRule, GrantRule};
pub use baseline::BaselineRule;
pub use dormant::DormantRule;
pub use draw::DrawRule;
pub use first_seen::{FirstSeenRule, Thing};
pub use hours::{HoursRule, OffHours};
pub use judge::{Facts, Held, Judge};
pub use relation::{List, Relation, RelationRule};
pub use retro::{Allowed, Differing, Hindsight, Past, Said};
pub use rule::{Count, Limits, Per, RuleKind, RuleSettings, Sample, Severity, Volume, When, Within, Words};
pub use sample::{SampleError, run_samples};
pub use sequence::{Pattern, SequenceRule};

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
    /// Amount in the window (`volume`), 1 where a single access is one too many.
    pub observed: u64,
    /// The limit; 0 where a single access is one too many.
    pub limit: u64,
    /// How bad.
    pub severity: Severity,
    /// What the words of a mail need beside.
    pub facts: Facts,
}

#[derive(Debug)]
enum Compiled {
    Volume(Box<VolumeRule>),
    Marked(Marked),
    Judged(Box<dyn Judge>),
}

#[derive(Debug)]
struct Rule {
    severity: Severity,
    scope: Scope,
    kind: Compiled,
}

impl Rule {
    /// Shows the rule an access; a finding is put behind those in `out`.
    fn ask(
        &mut self,
        ix: RuleIx,
        access: &Access,
        history: &mut dyn History,
        out: &mut Vec<Finding>,
    ) -> Result<(), HistoryError> {
        match &mut self.kind {
            Compiled::Volume(volume) => {
                if let Some(passed) = volume.observe(access, &self.scope, history)? {
                    out.push(over(ix, volume.key(access), access, passed, self.severity));
                }
            }
            Compiled::Marked(marked) => {
                let severity = marked.holds(access, self.severity);
                out.extend(severity.map(|severity| held(ix, access, Held::once(access), severity)));
            }
            // What was approved is no habit and no curiosity of the person who does it.
            Compiled::Judged(judge) if !access.trace.job.is_none() && !judge.minds_jobs() => {}
            Compiled::Judged(judge) => {
                if let Some(h) = judge.observe(access, &self.scope, history)? {
                    out.push(held(ix, access, h, h.severity.unwrap_or(self.severity)));
                }
            }
        }
        Ok(())
    }
}

fn held(rule: RuleIx, access: &Access, held: Held, severity: Severity) -> Finding {
    Finding {
        rule,
        who: held.who,
        dataset: held.dataset,
        at: access.time,
        from: held.from,
        observed: held.observed,
        limit: held.limit,
        severity,
        facts: held.facts,
    }
}

fn over(rule: RuleIx, key: (WhoId, DatasetId), access: &Access, passed: Passed, severity: Severity) -> Finding {
    Finding {
        rule,
        who: key.0,
        dataset: key.1,
        at: access.time,
        from: passed.from,
        observed: passed.observed,
        limit: passed.limit,
        severity,
        facts: Facts::default(),
    }
}

/// What one rule made of one access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explained {
    /// The rule.
    pub rule: RuleIx,
    /// Whether it looks at this dataset and class of operation.
    pub looks: bool,
    /// Whether it held.
    pub finding: Option<Finding>,
    /// What it measured against which limit, also where it did not hold (`volume`).
    pub measured: Option<(u64, u64)>,
}

/// All rules, with the windows they keep.
#[derive(Debug)]
pub struct Detector {
    rules: Vec<Rule>,
    /// Rules that look at a dataset and operation: index `dataset * OPERATIONS + operation`.
    index: Vec<Vec<u16>>,
    /// Names without registration behind so many of a source and day are taken together.
    many: u32,
}

const OPERATIONS: usize = 16;

impl Detector {
    /// Compiles `rules` for the datasets with the ids the store gave them; offices close as the law says.
    pub fn new(rules: &[RuleSettings], datasets: &[(DatasetId, &DatasetSettings)]) -> Self {
        Detector::of_office(rules, datasets, &Arc::default())
    }

    /// The same for an office that closes and opens by `calendar`.
    pub fn of_office(
        rules: &[RuleSettings],
        datasets: &[(DatasetId, &DatasetSettings)],
        calendar: &Arc<Calendar>,
    ) -> Self {
        let compiled: Vec<Rule> = rules
            .iter()
            .map(|rule| Rule {
                severity: rule.severity,
                scope: Scope::new(&looked_at(rule), datasets),
                kind: match &rule.kind {
                    RuleKind::Volume(v) => Compiled::Volume(Box::new(VolumeRule::new(
                        v.clone(),
                        rule.severity,
                        limits(&v.limit, datasets),
                    ))),
                    RuleKind::Account(rule) => Compiled::Marked(Marked::of_account(rule)),
                    RuleKind::Grant(rule) => Compiled::Marked(Marked::of_grant(rule)),
                    RuleKind::Dormant(rule) => Compiled::Judged(Box::new(Dormant::new(*rule))),
                    RuleKind::Draw(draw) => Compiled::Judged(Box::new(DrawJudge::new(&rule.id, *draw))),
                    RuleKind::Hours(hours) => Compiled::Judged(Box::new(HoursJudge::new(&rule.id, *hours, calendar))),
                    RuleKind::FirstSeen(first) => Compiled::Judged(Box::new(FirstSeenJudge::new(&rule.id, *first))),
                    RuleKind::Sequence(sequence) => Compiled::Judged(Box::new(SequenceJudge::new(&rule.id, *sequence))),
                    RuleKind::Relation(relation) => {
                        Compiled::Judged(Box::new(RelationJudge::new(&rule.id, relation.clone())))
                    }
                    RuleKind::Baseline(baseline) => {
                        let floors = limits(&baseline.floor, datasets);
                        Compiled::Judged(Box::new(BaselineJudge::new(
                            &rule.id,
                            baseline.clone(),
                            floors,
                            calendar,
                        )))
                    }
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
        Detector {
            rules: compiled,
            index,
            many: crowd::many(rules),
        }
    }

    /// Says which accesses come next, so that what rules keep of them is fetched from memory all at once and not one
    /// after the other. Changes nothing.
    pub fn expect<'a>(&self, accesses: impl Iterator<Item = &'a Access> + Clone) {
        for rule in &self.rules {
            if let Compiled::Volume(volume) = &rule.kind {
                let looked_at = accesses.clone().filter(|a| rule.scope.holds(a.dataset, a.operation));
                volume.expect(looked_at);
            }
        }
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
        let crowd = self.many < access.trace.names;
        for ix in applying {
            if let Some(rule) = self.rules.get_mut(usize::from(*ix)) {
                match crowd {
                    false => rule.ask(RuleIx(*ix), access, history, out)?,
                    true => rule.ask_of_crowd(RuleIx(*ix), access, history, out)?,
                }
            }
        }
        Ok(())
    }

    /// Shows an access to every rule, by the same code, and says what each made of it.
    ///
    /// # Errors
    /// The past cannot be read.
    pub fn explain(&mut self, access: &Access, history: &mut dyn History) -> Result<Vec<Explained>, HistoryError> {
        let mut all = Vec::with_capacity(self.rules.len());
        for (rule, ix) in self.rules.iter_mut().zip(0u16..) {
            let looks = rule.scope.holds(access.dataset, access.operation);
            let mut explained = Explained {
                rule: RuleIx(ix),
                looks,
                finding: None,
                measured: None,
            };
            match &mut rule.kind {
                Compiled::Volume(volume) if looks => {
                    let weighed = volume.weigh(access, &rule.scope, history)?;
                    explained.measured = weighed.map(|p| (p.observed, p.limit));
                    let passed = weighed.filter(|p| p.limit < p.observed);
                    let key = volume.key(access);
                    explained.finding = passed.map(|p| over(RuleIx(ix), key, access, p, rule.severity));
                }
                _ if looks => {
                    let mut found = Vec::new();
                    match self.many < access.trace.names {
                        false => rule.ask(RuleIx(ix), access, history, &mut found)?,
                        true => rule.ask_of_crowd(RuleIx(ix), access, history, &mut found)?,
                    }
                    explained.finding = found.pop();
                }
                _ => {}
            }
            all.push(explained);
        }
        Ok(all)
    }

    /// The batch in hand is sealed; what comes now belongs to the next one. Gives what the rules keep of it.
    pub fn seal(&mut self) -> Vec<Memo> {
        let mut memos = Vec::new();
        for rule in &mut self.rules {
            match &mut rule.kind {
                Compiled::Volume(volume) => volume.next_batch(),
                Compiled::Judged(judge) => judge.seal(&mut memos),
                Compiled::Marked(_) => {}
            }
        }
        memos
    }

    /// Forgets what no window can ask for any more, given the newest record time seen.
    pub fn prune(&mut self, newest: EventTime) {
        for rule in &mut self.rules {
            match &mut rule.kind {
                Compiled::Volume(volume) => volume.prune(newest),
                Compiled::Judged(judge) => judge.prune(newest),
                Compiled::Marked(_) => {}
            }
        }
    }

    /// Forgets everything in memory: the batch failed and is read again.
    pub fn reset(&mut self) {
        for rule in &mut self.rules {
            match &mut rule.kind {
                Compiled::Volume(volume) => volume.reset(),
                Compiled::Judged(judge) => judge.reset(),
                Compiled::Marked(_) => {}
            }
        }
    }

    /// Keys in memory.
    pub fn keys(&self) -> usize {
        let of = |r: &Rule| match &r.kind {
            Compiled::Volume(volume) => volume.keys(),
            Compiled::Judged(judge) => judge.keys(),
            Compiled::Marked(_) => 0,
        };
        self.rules.iter().map(of).sum()
    }
}

/// What a rule must be shown: beside what it looks at, what speaks for business (`relation`).
fn looked_at(rule: &RuleSettings) -> When {
    let mut when = rule.when.clone();
    if let RuleKind::Relation(relation) = &rule.kind
        && !when.operations.is_empty()
    {
        when.operations.extend(&relation.settled_by);
    }
    when
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
        let share = limits.share.zip(dataset.registered);
        let share = share.map(|(share, all)| (all.saturating_mul(share) / 100).max(limits.least));
        if let Some(slot) = out.get_mut(usize::from(id.0)) {
            *slot = own.or(share).or(tier).unwrap_or(common);
        }
    }
    out
}

#[cfg(test)]
mod kinds;
#[cfg(test)]
mod tests;
