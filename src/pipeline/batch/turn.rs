//! The turn of one source, and what the archive is told of its accesses.

use crate::access::{Access, SourceId};
use crate::clock::EventTime;
use crate::evidence::{Facts, of_person};
use crate::pipeline::odd::{Odd, Order};

/// The turn of one source: what is the same for all its lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub source: (SourceId, usize),
    /// When it reads: what is dated behind `latest` counts as of then.
    pub now: EventTime,
    pub latest: EventTime,
    /// Newest record of this turn.
    pub newest: i64,
    /// The same with those that lie ahead.
    pub seen: i64,
    pub odd: Odd,
    pub order: Order,
}

/// What the index and the retention of a segment go by.
pub(super) fn note(facts: &mut Facts, access: &Access) {
    facts.keys.push(of_person(access.who.0));
    facts.keys.extend(access.subject.map(|subject| subject.0));
    let dataset = u32::from(access.dataset.0);
    if facts.datasets.last() != Some(&dataset) && !facts.datasets.contains(&dataset) {
        facts.datasets.push(dataset);
    }
}
