//! The postman's outbox on a connection of its own to the store.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::postman::{Outbox, OutboxError};
use crate::alert::outbox::{Due, MailId, Settled};
use crate::clock::WallTime;
use crate::pipeline::{Pipeline, Teller};
use crate::store::{HeldMail, Store, StoreError};

/// The outbox of a store.
#[derive(Debug)]
pub struct StoreOutbox {
    store: Mutex<Store>,
    patient: bool,
    /// Writes one mail in the place of many; without it each goes singly.
    teller: RwLock<Option<Arc<Teller>>>,
}

/// Pause before a store that was full, read-only or busy is tried again.
const PAUSE: Duration = Duration::from_secs(2);

impl StoreOutbox {
    /// Opens a second connection to the store at `path`.
    ///
    /// # Errors
    /// [`StoreError`] as for [`Store::open`].
    pub fn open(path: &Path) -> Result<StoreOutbox, StoreError> {
        Ok(StoreOutbox {
            store: Mutex::new(Store::open(path)?),
            patient: false,
            teller: RwLock::default(),
        })
    }

    /// The same for a daemon: a store that cannot be written for a while is waited for.
    #[must_use]
    pub fn patient(self) -> StoreOutbox {
        StoreOutbox { patient: true, ..self }
    }

    /// From now on mails that waited long are put together, in the words of this pipeline.
    pub fn tell_with(&self, pipeline: &Pipeline) {
        *self.teller.write().unwrap_or_else(PoisonError::into_inner) = Some(pipeline.shared_teller());
    }

    /// The same from the start.
    #[must_use]
    pub fn telling(self, pipeline: &Pipeline) -> StoreOutbox {
        self.tell_with(pipeline);
        self
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(e: StoreError) -> OutboxError {
    OutboxError(Box::new(e))
}

impl Outbox for StoreOutbox {
    fn due(&self, now: WallTime, max: usize) -> Result<Vec<Due>, OutboxError> {
        self.store().due_mails(now, max).map_err(failed)
    }
    fn begin_attempt(&self, mail: MailId, recipient: &str, _now: WallTime) -> Result<(), OutboxError> {
        self.store().begin_attempt(mail, recipient).map_err(failed)
    }
    fn settle(&self, mail: MailId, recipient: &str, outcome: &Settled, now: WallTime) -> Result<(), OutboxError> {
        self.store().settle(mail, recipient, outcome, now).map_err(failed)
    }
    fn next_due(&self, _now: WallTime) -> Result<Option<WallTime>, OutboxError> {
        self.store().next_mail_due().map_err(failed)
    }
    fn wake_waiting(&self, now: WallTime) -> Result<(), OutboxError> {
        self.store().wake_mails(now).map_err(failed)
    }
    fn fold(&self, now: WallTime) -> Result<(), OutboxError> {
        let teller = self.teller.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(teller) = teller else { return Ok(()) };
        let compose = |mails: &[HeldMail], nth: usize| teller.held_back(mails, nth, now);
        let folded = self.store().fold_mails(now, &compose).map_err(failed)?;
        if 0 < folded {
            tracing::info!(folded, "mails that waited for the relay are told of together");
        }
        Ok(())
    }
    fn pause_after(&self, error: &OutboxError) -> Option<Duration> {
        let passes = error
            .0
            .downcast_ref::<StoreError>()
            .is_some_and(StoreError::is_transient);
        (self.patient && passes).then_some(PAUSE)
    }
}
