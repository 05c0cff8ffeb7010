//! Which approved job an access belongs to, if to any.

use std::sync::Arc;

use super::{Sight, WhoIds};
use crate::access::{Amount, ForJob, Outcome, WhoId};
use crate::clock::EventTime;
use crate::register::jobs::Jobs;

/// The jobs, with the ids under which they are counted as far as they were asked for.
#[derive(Debug, Default)]
pub(super) struct ByJob {
    jobs: Arc<Jobs>,
    ids: Vec<(usize, WhoId)>,
}

impl ByJob {
    pub(super) fn new(jobs: Arc<Jobs>) -> ByJob {
        ByJob { jobs, ids: Vec::new() }
    }

    /// Whether the person has any.
    pub(super) fn knows(&self, person: &str) -> bool {
        self.jobs.knows(person)
    }

    /// Forgets ids that were given out but not committed.
    pub(super) fn reset(&mut self) {
        self.ids.clear();
    }

    /// The job of an access by `person`. What says not how many records it gave out belongs to none: it could not be held
    /// against the job's limit.
    pub(super) fn of(&mut self, person: &str, sight: &Sight, at: EventTime, ids: &mut dyn WhoIds) -> ForJob {
        let stated = matches!(sight.records, Amount::Known(_)) && sight.outcome == Outcome::Success;
        let found = self.jobs.find(person, sight.dataset, sight.operation, at);
        let Some((place, job)) = found.filter(|_| stated) else {
            return ForJob::default();
        };
        let known = self.ids.iter().find(|(known, _)| *known == place).map(|(_, id)| *id);
        let who = known.unwrap_or_else(|| {
            let id = ids.job(&job.name);
            self.ids.push((place, id));
            id
        });
        ForJob { who, most: job.most }
    }
}
