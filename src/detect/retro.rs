//! 遡及: what a corrected register says of accesses that were judged by the one before.
//!
//! A pure function from days of the book and two registers to findings. Only rules that ask for standing and marks can be
//! asked again: cells know persons, datasets, operations and days, not terminals. What the register of the time already
//! held against an access is not said twice. One finding stands for all a person did with a dataset, so that an import
//! that corrects six hundred transfers gives a list, not a flood.

use std::collections::BTreeMap;

use super::book::{DayNumber, PageKey, cell_secs, place};
use super::page::Page;
use super::{Compiled, Detector, OPERATIONS, RuleIx, Severity};
use crate::access::{Access, Amount, DatasetId, Marks, Operation, Outcome, Standing, WhoId};
use crate::clock::EventTime;

/// What a register says of a person's use on a day.
pub type Said = (Standing, Marks);

/// What a person did with a dataset, in one class of operation, on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// The person.
    pub who: WhoId,
    /// The dataset.
    pub dataset: DatasetId,
    /// Class of the operation.
    pub operation: Operation,
    /// Day (JST).
    pub day: DayNumber,
    /// First and last moment, exact to a cell.
    pub span: (EventTime, EventTime),
    /// Accesses that succeeded.
    pub successes: u64,
    /// Accesses that were refused.
    pub denied: u64,
    /// Records given out, as far as stated.
    pub records: u64,
    /// Accesses without a stated number of records.
    pub records_unknown: u64,
}

impl Past {
    /// What a page of the book says.
    pub fn of(day: DayNumber, key: PageKey, page: &Page) -> Past {
        let at = |cell: u16| EventTime::from_secs(cell_secs(day, cell));
        let first = page.cells.first().map_or(0, |c| c.start);
        let last = page.cells.last().map_or(0, |c| c.start);
        Past {
            who: key.who(),
            dataset: key.dataset(),
            operation: key.operation(),
            day,
            span: (at(first), at(last)),
            successes: page.total.accesses,
            denied: page.total.denied,
            records: page.total.records,
            records_unknown: page.total.records_unknown,
        }
    }
}

impl Past {
    /// A single access, of somebody whose counters bear the id `who`.
    pub fn of_access(access: &Access, who: WhoId) -> Past {
        let success = access.outcome == Outcome::Success;
        let (records, unknown) = match access.records {
            Amount::Known(n) => (n, 0),
            Amount::Unknown => (0, 1),
        };
        let own = |n: u64| if success { n } else { 0 };
        Past {
            who,
            dataset: access.dataset,
            operation: access.operation,
            day: place(access.time).0,
            span: (access.time, access.time),
            successes: u64::from(success && !access.trace.part),
            denied: u64::from(!success),
            records: own(records),
            records_unknown: own(unknown),
        }
    }
}

/// A day's use of which two registers say different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Differing {
    /// The use.
    pub day: Past,
    /// What the register said by which it was judged.
    pub before: Said,
    /// What the register in force says.
    pub now: Said,
}

/// A rule that holds in hindsight, over all days of a person and dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hindsight {
    /// Which rule.
    pub rule: RuleIx,
    /// The person.
    pub who: WhoId,
    /// The dataset.
    pub dataset: DatasetId,
    /// How bad, at worst.
    pub severity: Severity,
    /// Class of the last operation.
    pub operation: Operation,
    /// First and last moment, exact to a cell.
    pub span: (EventTime, EventTime),
    /// Accesses that succeeded.
    pub successes: u64,
    /// All accesses it holds for.
    pub hits: u64,
    /// Records given out, as far as stated.
    pub records: u64,
    /// Accesses without a stated number of records.
    pub records_unknown: u64,
    /// Standing at the last.
    pub standing: Standing,
    /// Marks of any.
    pub marks: Marks,
}

impl Detector {
    /// How bad it is by rule `ix` that somebody of whom `said` holds did this; `None`: not at all.
    fn asked_again(&self, ix: u16, (standing, marks): Said, success: bool) -> Option<Severity> {
        let rule = self.rules.get(usize::from(ix))?;
        match &rule.kind {
            Compiled::Marked(marked) => marked.judged(standing, marks, success, rule.severity),
            _ => None,
        }
    }

    /// What holds in hindsight and did not hold before.
    pub fn reconsider(&self, differing: &[Differing]) -> Vec<Hindsight> {
        let mut found: BTreeMap<(WhoId, DatasetId, RuleIx), Hindsight> = BTreeMap::new();
        for Differing { day, before, now } in differing.iter().copied() {
            let at = usize::from(day.dataset.0) * OPERATIONS + day.operation as usize;
            for ix in self.index.get(at).into_iter().flatten() {
                let new = |success| {
                    self.asked_again(*ix, now, success)
                        .filter(|_| self.asked_again(*ix, before, success).is_none())
                };
                let success = new(true).filter(|_| 0 < day.successes);
                let failure = new(false).filter(|_| 0 < day.denied);
                let Some(severity) = success.max(failure) else { continue };
                let one = Hindsight {
                    rule: RuleIx(*ix),
                    who: day.who,
                    dataset: day.dataset,
                    severity,
                    operation: day.operation,
                    span: day.span,
                    successes: success.map_or(0, |_| day.successes),
                    hits: success
                        .map_or(0, |_| day.successes)
                        .saturating_add(failure.map_or(0, |_| day.denied)),
                    records: success.map_or(0, |_| day.records),
                    records_unknown: success.map_or(0, |_| day.records_unknown),
                    standing: now.0,
                    marks: now.1,
                };
                let key = (one.who, one.dataset, one.rule);
                found.entry(key).and_modify(|all| all.join(&one)).or_insert(one);
            }
        }
        found.into_values().collect()
    }
}

/// Use of a dataset that a rule held against a person when it happened, and that a later register allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The person, or the account nobody had registered.
    pub who: WhoId,
    /// The dataset.
    pub dataset: DatasetId,
    /// First and last moment, exact to a cell.
    pub span: (EventTime, EventTime),
    /// Accesses.
    pub hits: u64,
    /// Records given out, as far as stated.
    pub records: u64,
    /// What was held against the last one.
    pub before: Said,
}

impl Detector {
    /// What no rule holds against anybody any more, although one did when it happened: rights given for days that had
    /// passed already.
    pub fn allowed_since(&self, differing: &[Differing]) -> Vec<Allowed> {
        let mut found: BTreeMap<(WhoId, DatasetId), Allowed> = BTreeMap::new();
        for Differing { day, before, now } in differing.iter().copied() {
            let at = usize::from(day.dataset.0) * OPERATIONS + day.operation as usize;
            let rules = self.index.get(at).map_or(&[][..], Vec::as_slice);
            let holds = |said, success| rules.iter().any(|ix| self.asked_again(*ix, said, success).is_some());
            let allowed = |success| holds(before, success) && !holds(now, success);
            let hits = [(true, day.successes), (false, day.denied)];
            let hits = hits.into_iter().filter(|(success, n)| 0 < *n && allowed(*success));
            let hits = hits.fold(0u64, |sum, (_, n)| sum.saturating_add(n));
            if hits == 0 {
                continue;
            }
            let one = Allowed {
                who: day.who,
                dataset: day.dataset,
                span: day.span,
                hits,
                records: day.records,
                before,
            };
            let join = |all: &mut Allowed| {
                all.span = (all.span.0.min(one.span.0), all.span.1.max(one.span.1));
                all.hits = all.hits.saturating_add(one.hits);
                all.records = all.records.saturating_add(one.records);
                all.before = one.before;
            };
            found.entry((one.who, one.dataset)).and_modify(join).or_insert(one);
        }
        found.into_values().collect()
    }
}

impl Hindsight {
    fn join(&mut self, other: &Hindsight) {
        self.severity = self.severity.max(other.severity);
        if self.span.1 <= other.span.1 {
            (self.operation, self.standing) = (other.operation, other.standing);
        }
        self.span = (self.span.0.min(other.span.0), self.span.1.max(other.span.1));
        self.successes = self.successes.saturating_add(other.successes);
        self.hits = self.hits.saturating_add(other.hits);
        self.records = self.records.saturating_add(other.records);
        self.records_unknown = self.records_unknown.saturating_add(other.records_unknown);
        self.marks = self.marks.union(other.marks);
    }
}
