//! Approved jobs as they come and go while the daemon runs.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::WallTime;
use crate::register::jobs::Jobs;
use crate::store::{KnownJobs, Store, StoreError};

/// How often it is looked whether other jobs were approved: well before the first access one can hold for.
const EVERY: Duration = Duration::from_secs(5);

/// The jobs as last read.
#[derive(Debug, Default)]
pub(super) struct JobsInForce {
    known: KnownJobs,
    looked_at: Option<WallTime>,
}

impl JobsInForce {
    /// The jobs, where others are in the store than at the last look.
    pub fn look(&mut self, store: &Store, now: WallTime) -> Result<Option<Arc<Jobs>>, StoreError> {
        let lately = |at: WallTime| at <= now && now.since(at) < EVERY;
        if self.looked_at.is_some_and(lately) {
            return Ok(None);
        }
        self.looked_at = Some(now);
        let changed = store.refresh_jobs(&mut self.known)?;
        Ok(changed.then(|| Arc::new(self.known.jobs.clone().unwrap_or_default())))
    }
}
