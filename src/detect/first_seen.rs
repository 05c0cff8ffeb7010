//! The kind `first-seen`: a person uses a dataset, a terminal or an operation for the first time.
//!
//! Who has not yet worked on enough days does everything for the first time: the rule waits until then.

use super::Scope;
use super::book::{DayNumber, History, HistoryError};
use super::judge::{Facts, Held, Judge};
use super::memo::{DaySet, Memo, Memory, Reader, Space, Value, joined, put, put_signed};
use crate::access::{Access, Outcome};
use crate::calendar::day_of;
use crate::clock::EventTime;

/// Things remembered of a person; beyond, the one unused for longest is forgotten.
const THINGS_MAX: usize = 96;
/// People remembered in memory beyond the batch in hand.
const MOST: usize = 50_000;

/// What is used for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// The dataset.
    Dataset,
    /// The terminal or address.
    Terminal,
    /// The class of operation on this dataset.
    Operation,
}

impl Thing {
    /// Every one.
    pub const ALL: [Thing; 3] = [Thing::Dataset, Thing::Terminal, Thing::Operation];

    /// The word used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Thing::Dataset => "dataset",
            Thing::Terminal => "terminal",
            Thing::Operation => "operation",
        }
    }
}

/// A first use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstSeenRule {
    /// Of what.
    pub first: Thing,
    /// Days after which a thing not used counts as new again.
    pub within_days: DayNumber,
    /// Days of work that must lie before, so that a new person is not told of at every turn.
    pub after_days: u32,
}

/// What one person has used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Days on which the rule saw the person.
    days: DaySet,
    /// First and last day of each thing.
    things: Vec<(u64, DayNumber, DayNumber)>,
}

impl Value for Used {
    fn encode(&self, out: &mut Vec<u8>) {
        self.days.put(out);
        for (thing, first, last) in &self.things {
            put(out, *thing);
            put_signed(out, i64::from(*first));
            put_signed(out, i64::from(*last));
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut used = Used {
            days: DaySet::take(&mut reader)?,
            things: Vec::new(),
        };
        while !reader.is_empty() {
            used.things.push((reader.number()?, reader.day()?, reader.day()?));
        }
        Some(used)
    }

    fn until(&self) -> DayNumber {
        self.days.newest().unwrap_or(0).saturating_add(800)
    }
}

impl Used {
    /// Notes a use on `day`; gives whether that changed anything, and whether it is the first one.
    fn note(&mut self, thing: u64, day: DayNumber, within: DayNumber) -> (bool, bool) {
        let changed = self.days.add(day);
        let Some(known) = self.things.iter_mut().find(|t| t.0 == thing) else {
            if THINGS_MAX <= self.things.len()
                && let Some(oldest) = self.things.iter().enumerate().min_by_key(|(_, t)| t.2).map(|(i, _)| i)
            {
                self.things.swap_remove(oldest);
            }
            self.things.push((thing, day, day));
            return (true, true);
        };
        let (first, last) = (known.1, known.2);
        if last.saturating_add(within) < day {
            // Unused for so long that it is new again.
            (known.1, known.2) = (day, day);
            return (true, true);
        }
        known.1 = first.min(day);
        known.2 = last.max(day);
        (changed || (known.1, known.2) != (first, last), day <= first)
    }
}

/// A rule of this kind, with what each person has used.
#[derive(Debug)]
pub(super) struct FirstSeenJudge {
    rule: FirstSeenRule,
    used: Memory<Used>,
}

impl FirstSeenJudge {
    pub fn new(id: &str, rule: FirstSeenRule) -> Self {
        FirstSeenJudge {
            rule,
            used: Memory::new(Space::of(id, 0), MOST),
        }
    }
}

impl Judge for FirstSeenJudge {
    fn observe(
        &mut self,
        access: &Access,
        _scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError> {
        let thing = match self.rule.first {
            Thing::Dataset => joined(1, u64::from(access.dataset.0)),
            Thing::Terminal if access.trace.terminal.is_none() => return Ok(None),
            Thing::Terminal => joined(2, access.trace.terminal.0),
            Thing::Operation => joined(3, u64::from(access.dataset.0) << 8 | access.operation as u64),
        };
        if access.outcome == Outcome::Failure {
            return Ok(None);
        }
        let day = day_of(access.time).0;
        let within = self.rule.within_days;
        let is_new = !history.knows(access.who);
        let (first, worked) = self.used.change(u64::from(access.who.0), is_new, history, |used| {
            let (changed, first) = used.note(thing, day, within);
            (changed, (first, used.days.count(day - 127, day - 1)))
        })?;
        Ok((first && self.rule.after_days <= worked).then(|| Held {
            facts: Facts([u64::from(worked), 0, 0, 0]),
            ..Held::once(access)
        }))
    }

    fn seal(&mut self, out: &mut Vec<Memo>) {
        self.used.seal(out);
    }

    fn prune(&mut self, _newest: EventTime) {
        self.used.prune();
    }

    fn reset(&mut self) {
        self.used.reset();
    }

    fn keys(&self) -> usize {
        self.used.len()
    }
}
