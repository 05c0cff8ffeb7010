//! The postman's outbox on a connection of its own to the store.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::postman::{Outbox, OutboxError};
use crate::alert::outbox::{Due, MailId, Settled};
use crate::clock::WallTime;
use crate::store::{Store, StoreError};

/// The outbox of a store.
#[derive(Debug)]
pub struct StoreOutbox {
    store: Mutex<Store>,
    patient: bool,
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
        })
    }

    /// The same for a daemon: a store that cannot be written for a while is waited for.
    #[must_use]
    pub fn patient(self) -> StoreOutbox {
        StoreOutbox { patient: true, ..self }
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
    fn pause_after(&self, error: &OutboxError) -> Option<Duration> {
        let passes = error
            .0
            .downcast_ref::<StoreError>()
            .is_some_and(StoreError::is_transient);
        (self.patient && passes).then_some(PAUSE)
    }
}
