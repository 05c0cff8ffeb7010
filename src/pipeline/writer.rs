//! The writing connection, and the commit that may be on its way behind the reading of the next batch.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::Teller;
use super::batch::Sealed;
use crate::clock::WallTime;
use crate::detect::book::Book;
use crate::store::{Committed, Store, StoreError};

/// Who writes: at most one commit at a time, in the order of the batches.
#[derive(Debug)]
pub(super) struct Writer {
    store: Option<Store>,
    under_way: Option<JoinHandle<Done>>,
    /// When ladders were last looked at.
    pub tended_at: Option<WallTime>,
}

/// What a commit comes back with.
type Done = (Store, Book, Result<Committed, StoreError>);

impl Writer {
    pub fn new(store: Store) -> Writer {
        Writer {
            store: Some(store),
            under_way: None,
            tended_at: None,
        }
    }

    /// Whether a commit is on its way.
    pub fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// The connection, while no commit is on its way.
    pub fn store(&mut self) -> Result<&mut Store, StoreError> {
        self.store.as_mut().ok_or_else(lost)
    }

    /// Commits a batch at once. The one before must have been finished.
    pub fn commit(&mut self, mut sealed: Sealed, teller: &Teller) -> Result<(Book, Committed), StoreError> {
        let committed = sealed.commit(self.store()?, teller)?;
        Ok((sealed.book, committed))
    }

    /// Begins to commit a batch on a thread of its own. The one before must have been finished.
    pub fn begin(&mut self, mut sealed: Sealed, teller: &Arc<Teller>) -> Result<(), StoreError> {
        let mut store = self.store.take().ok_or_else(lost)?;
        let teller = Arc::clone(teller);
        let commit = move || {
            let result = sealed.commit(&mut store, &teller);
            (store, sealed.book, result)
        };
        let thread = std::thread::Builder::new().name("commit".into()).spawn(commit);
        self.under_way =
            Some(thread.map_err(|e| StoreError::because(format!("cannot start the committing thread: {e}")))?);
        Ok(())
    }

    /// Waits for the commit on its way. `None`: there is none.
    pub fn finish(&mut self) -> Result<Option<(Book, Committed)>, StoreError> {
        let Some(thread) = self.under_way.take() else {
            return Ok(None);
        };
        let (store, book, result) = thread.join().map_err(|_| lost())?;
        self.store = Some(store);
        Ok(Some((book, result?)))
    }

    /// Waits for the commit on its way, whatever came of it: the store knows.
    pub fn forget(&mut self) {
        if let Some(Ok((store, _, _))) = self.under_way.take().map(JoinHandle::join) {
            self.store = Some(store);
        }
    }
}

fn lost() -> StoreError {
    StoreError::because("the thread that commits has failed; see the message above")
}

impl Drop for Writer {
    /// A commit under way ends before the connection does: whoever opens the store next sees it whole.
    fn drop(&mut self) {
        self.forget();
    }
}

/// A name for this store, so that mails of two stores never share a Message-ID.
pub(super) fn store_id(store: &mut Store) -> Result<String, StoreError> {
    if let Some(id) = store.meta("store_id")? {
        return Ok(id);
    }
    let mut bytes = [0u8; 6];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::because(format!("the system gives no random bytes: {e}")))?;
    let id: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    store.set_meta("store_id", &id)?;
    Ok(id)
}
