//! Several rules on one act are one alert with several reasons.
//!
//! What a rule finds under its key stays an entry of its own: it grows, is counted and stands in the record. People are
//! told of the one that leads: the worst rule of the first act; whatever other rules find of the same person and
//! dataset within a day joins it as a further reason. A later act begins a new one.
//!
//! Like [`super::ongoing`], the answer never depends on how lines fall into batches.

use std::collections::BTreeMap;
use std::time::Duration;

use hashbrown::HashMap;

use crate::access::{DatasetId, WhoId};
use crate::alert::AlertId;
use crate::clock::EventTime;

/// Findings no further apart belong to one act and what follows from it.
const TOGETHER: Duration = Duration::from_secs(24 * 3_600);

/// The alert that leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// A stored one.
    Alert(AlertId),
    /// The situation with this number of the batch in hand.
    Nth(u64),
    /// The situation with this number of the batch whose commit is on its way.
    Pending(u64),
}

impl Lead {
    /// The batch in hand is on its way now.
    pub fn sealed(self) -> Lead {
        match self {
            Lead::Nth(nth) => Lead::Pending(nth),
            known => known,
        }
    }

    /// The batch that was on its way is committed.
    pub fn settled(self, alerts: &BTreeMap<u64, AlertId>) -> Lead {
        match self {
            Lead::Pending(nth) => alerts.get(&nth).map_or(self, |id| Lead::Alert(*id)),
            known => known,
        }
    }
}

/// A leading alert with all that has joined it.
#[derive(Debug, Clone, Copy)]
struct Case {
    lead: Lead,
    first: EventTime,
    last: EventTime,
}

impl Case {
    fn reaches(&self, at: EventTime) -> bool {
        self.first.minus(TOGETHER) <= at && at <= self.last.plus(TOGETHER)
    }
}

/// What goes on, by person and dataset.
#[derive(Debug, Default)]
pub(super) struct Cases(HashMap<(WhoId, DatasetId), Vec<Case>>);

impl Cases {
    /// From when on stored cases are needed for a finding at `at`, if they are not known yet.
    pub fn lacks(&self, key: (WhoId, DatasetId), at: EventTime) -> Option<EventTime> {
        (!self.0.contains_key(&key)).then(|| at.minus(TOGETHER))
    }

    /// Takes in the stored ones, the oldest first: lead, first and last finding.
    pub fn load(&mut self, key: (WhoId, DatasetId), stored: Vec<(AlertId, EventTime, EventTime)>) {
        let case = |(id, first, last)| Case {
            lead: Lead::Alert(id),
            first,
            last,
        };
        self.0.insert(key, stored.into_iter().map(case).collect());
    }

    /// What a finding that begins something of its own at `at` joins; `None`: it leads.
    pub fn joins(&self, key: (WhoId, DatasetId), at: EventTime) -> Option<Lead> {
        let cases = self.0.get(&key)?;
        cases.iter().rev().find(|c| c.reaches(at)).map(|c| c.lead)
    }

    /// Notes a finding of what `lead` leads.
    pub fn hit(&mut self, key: (WhoId, DatasetId), lead: Lead, at: EventTime) {
        let cases = self.0.entry(key).or_default();
        match cases.iter_mut().find(|c| c.lead == lead) {
            Some(case) => {
                case.first = case.first.min(at);
                case.last = case.last.max(at);
            }
            None => cases.push(Case {
                lead,
                first: at,
                last: at,
            }),
        }
    }

    /// The batch in hand is on its way.
    pub fn seal(&mut self) {
        let all = self.0.values_mut().flatten();
        all.for_each(|case| case.lead = case.lead.sealed());
    }

    /// The batch that was on its way is committed.
    pub fn settle(&mut self, alerts: &BTreeMap<u64, AlertId>) {
        let all = self.0.values_mut().flatten();
        all.for_each(|case| case.lead = case.lead.settled(alerts));
    }

    /// Forgets what is over; only while no commit is on its way.
    pub fn prune(&mut self, newest: EventTime) {
        let old = newest.minus(TOGETHER * 3);
        self.0.retain(|_, cases| cases.iter().any(|c| old <= c.last));
    }

    /// Forgets everything: the batch failed.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
