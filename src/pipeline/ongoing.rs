//! What goes on under one key (rule, who, dataset): the alerts there are, and what this batch adds to them.
//!
//! Promise: each finding joins the alert it would have joined had every line been committed alone, so it does
//! not matter how lines fall into batches. A late finding may lie between two alerts; it joins the one that
//! ended last, and the two stay two, for people know them by their numbers.
//!
//! Not here: whether people are told (`alert::decide`), writing (`tell`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::batch::Key;
use super::cases::Lead;
use crate::access::Access;
use crate::alert::AlertId;
use crate::alert::decide::Situation;
use crate::clock::EventTime;
use crate::detect::{Finding, RuleSettings};

/// The alerts of one key, as far as this batch may reach them.
#[derive(Debug)]
pub(super) struct Ongoing {
    /// Alerts that ended before this moment are not looked up yet.
    since: EventTime,
    alerts: Vec<Going>,
    /// The one that ended last: where a finding reaches it, it joins it.
    latest: usize,
}

/// An alert there is, or one this batch begins.
#[derive(Debug)]
pub(super) struct Going {
    /// The alert, unless this batch begins it, or the one whose commit is on its way.
    pub alert: Option<AlertId>,
    /// Number of the situation that begins it in the batch whose commit is on its way.
    pending: Option<u64>,
    /// The `nth` situation of the batch, over all keys.
    pub nth: u64,
    first_seen: EventTime,
    last_seen: EventTime,
    /// The alert it is a reason of; itself where it leads.
    pub lead: Lead,
    /// What this batch says of it.
    pub added: Option<Situation>,
}

impl Going {
    /// Of those a finding reaches it joins the one that ended last; of these the newest, which is one of this batch.
    fn order(&self) -> (EventTime, bool, Option<AlertId>, u64) {
        match self.pending {
            // It gets a number behind all there are.
            Some(nth) => (self.last_seen, false, Some(AlertId(i64::MAX)), nth),
            None => (self.last_seen, self.alert.is_none(), self.alert, self.nth),
        }
    }

    fn reaches(&self, at: EventTime, gap: Duration) -> bool {
        self.first_seen.minus(gap) <= at && at <= self.last_seen.plus(gap)
    }
}

impl Ongoing {
    pub fn new() -> Ongoing {
        Ongoing {
            since: EventTime::from_micros(i64::MAX),
            alerts: Vec::new(),
            latest: 0,
        }
    }

    /// Which stored alerts a finding at `at` needs to be known: those whose last finding lies in this span.
    pub fn lacks(&self, at: EventTime, gap: Duration) -> Option<std::ops::Range<EventTime>> {
        let from = at.minus(gap);
        (from < self.since).then_some(from..self.since)
    }

    /// Takes in the stored alerts of a span that was lacking: number, first and last finding.
    pub fn load(&mut self, from: EventTime, stored: impl IntoIterator<Item = Stored>) {
        self.since = from;
        let going = |(id, first_seen, last_seen, lead)| Going {
            alert: Some(id),
            pending: None,
            nth: 0,
            first_seen,
            last_seen,
            lead: Lead::Alert(lead),
            added: None,
        };
        self.alerts.extend(stored.into_iter().map(going));
        let latest = self.alerts.iter().enumerate().max_by_key(|(_, g)| g.order());
        self.latest = latest.map_or(0, |(i, _)| i);
    }

    /// Lays over what was loaded what the batch says whose commit is on its way.
    fn lay_over(&mut self, shadows: &[ShadowSpan]) {
        for shadow in shadows {
            let same = |g: &&mut Going| match shadow.alert {
                Some(_) => g.alert == shadow.alert,
                None => g.pending == Some(shadow.nth),
            };
            match self.alerts.iter_mut().find(same) {
                Some(going) => {
                    going.first_seen = going.first_seen.min(shadow.first_seen);
                    going.last_seen = going.last_seen.max(shadow.last_seen);
                }
                None => self.alerts.push(Going {
                    alert: shadow.alert,
                    pending: shadow.alert.is_none().then_some(shadow.nth),
                    nth: 0,
                    first_seen: shadow.first_seen,
                    last_seen: shadow.last_seen,
                    lead: shadow.lead,
                    added: None,
                }),
            }
        }
        let latest = self.alerts.iter().enumerate().max_by_key(|(_, g)| g.order());
        self.latest = latest.map_or(0, |(i, _)| i);
    }

    /// The commit came through: situations of that batch have become alerts.
    pub fn settle(&mut self, situations: &BTreeMap<u64, AlertId>) {
        for going in &mut self.alerts {
            if let Some(nth) = going.pending.take() {
                going.alert = situations.get(&nth).copied();
            }
            going.lead = going.lead.settled(situations);
        }
    }

    /// Joins a finding with what it continues. `fresh` gives its situation where it begins one, for this batch or
    /// altogether; `lead` what it is a reason of in the latter case, `None`: it leads. Gives the lead.
    pub fn join(
        &mut self,
        finding: &Finding,
        access: &Access,
        (rule, gap): (&RuleSettings, Duration),
        lead: Option<Lead>,
        fresh: impl FnOnce() -> (Situation, u64),
    ) -> Option<Lead> {
        let at = finding.at;
        let reached = self.reached(at, gap);
        let joined = match reached {
            Some(joined) => joined,
            None => {
                self.alerts.push(Going {
                    alert: None,
                    pending: None,
                    nth: 0,
                    first_seen: at,
                    last_seen: at,
                    lead: lead.unwrap_or(Lead::Nth(0)),
                    added: None,
                });
                self.alerts.len().saturating_sub(1)
            }
        };
        let going = self.alerts.get_mut(joined)?;
        going.first_seen = going.first_seen.min(at);
        going.last_seen = going.last_seen.max(at);
        match &mut going.added {
            Some(situation) => situation.absorb(finding, access, rule),
            None => {
                let (situation, nth) = fresh();
                (going.added, going.nth) = (Some(situation), nth);
            }
        }
        if reached.is_none() && lead.is_none() {
            going.lead = Lead::Nth(going.nth);
        }
        let of = going.lead;
        if self.alerts.get(self.latest).map(Going::order) < self.alerts.get(joined).map(Going::order) {
            self.latest = joined;
        }
        Some(of)
    }

    /// The alert that a finding at `at` continues.
    fn reached(&self, at: EventTime, gap: Duration) -> Option<usize> {
        if self.alerts.get(self.latest).is_some_and(|g| g.reaches(at, gap)) {
            return Some(self.latest);
        }
        let reached = self.alerts.iter().enumerate().filter(|(_, g)| g.reaches(at, gap));
        reached.max_by_key(|(_, g)| g.order()).map(|(i, _)| i)
    }

    /// What the batch adds.
    pub fn added(&self) -> impl Iterator<Item = (&Going, &Situation)> {
        self.alerts.iter().filter_map(|g| g.added.as_ref().map(|s| (g, s)))
    }
}

/// What the batch says whose commit is on its way: the store may or may not know it yet.
#[derive(Debug)]
pub(super) struct Shadow {
    /// Alerts behind this one are begun by that batch.
    floor: AlertId,
    spans: BTreeMap<Key, Vec<ShadowSpan>>,
}

#[derive(Debug)]
struct ShadowSpan {
    alert: Option<AlertId>,
    nth: u64,
    first_seen: EventTime,
    last_seen: EventTime,
    lead: Lead,
}

/// A stored alert: number, first and last finding, and the one it is a reason of.
pub(super) type Stored = (AlertId, EventTime, EventTime, AlertId);

impl Shadow {
    /// What `situations` say; `floor` is the last alert there was before.
    pub fn of(situations: &BTreeMap<Key, Ongoing>, floor: AlertId) -> Shadow {
        let span = |g: &Going| ShadowSpan {
            alert: g.alert,
            nth: g.nth,
            first_seen: g.first_seen,
            last_seen: g.last_seen,
            lead: g.lead.sealed(),
        };
        let spans = situations
            .iter()
            .map(|(key, o)| (*key, o.added().map(|(g, _)| span(g)).collect()));
        Shadow {
            floor,
            spans: spans.collect(),
        }
    }

    /// Loads the stored alerts of a span as they are with that batch.
    pub fn load(&self, key: &Key, ongoing: &mut Ongoing, from: EventTime, stored: impl IntoIterator<Item = Stored>) {
        ongoing.load(from, stored.into_iter().filter(|(id, ..)| *id <= self.floor));
        ongoing.lay_over(self.spans.get(key).map_or(&[], Vec::as_slice));
    }
}
