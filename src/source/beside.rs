//! Hashing beside the framing: while one thread makes records of what was read, and reads on, another hashes the same bytes.
//!
//! One thread for all sources, begun when there is much to read for the first time. It has one place for work: who finds
//! that taken hashes his bytes himself, and who comes back before they were begun takes them back, so nobody ever waits
//! for a thread the machine has no time for. What comes of it is what hashing them in place gives.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use super::chunks::Hashing;

/// Bytes that are worth waking another thread.
const MANY: usize = 64 * 1024;

/// Looks for more work before the thread sleeps: some tenths of a millisecond.
const LOOKS: usize = 300;

/// Bytes to be hashed: a part of what was read.
struct Work {
    hashing: Hashing,
    read: Arc<Vec<u8>>,
    part: Range<usize>,
    done: SyncSender<Hashing>,
}

/// Where work waits for the thread.
#[derive(Default)]
struct Desk {
    work: Mutex<Option<Work>>,
    brought: Condvar,
}

impl Desk {
    fn place(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is brought next. Whoever reads a long log brings it very soon: to sleep and to be woken for each piece would take
    /// a tenth of the time of hashing it.
    fn next(&self) -> Work {
        for _ in 0..LOOKS {
            if let Some(work) = self.place().take() {
                return work;
            }
            thread::yield_now();
        }
        let mut place = self.place();
        loop {
            match place.take() {
                Some(work) => return work,
                None => place = self.brought.wait(place).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Hashes whatever is brought, for ever.
    fn serve(&self) {
        loop {
            let Work {
                mut hashing,
                read,
                part,
                done,
            } = self.next();
            hashing.take(read.get(part).unwrap_or_default());
            // The reader reads into it again as soon as he has the hashes.
            drop(read);
            // He may have given up, and hashed them himself.
            drop(done.send(hashing));
        }
    }
}

/// The desk, if there is a thread at it: none where there is one core only, or no thread is to be had.
fn desk() -> Option<&'static Arc<Desk>> {
    static DESK: OnceLock<Option<Arc<Desk>>> = OnceLock::new();
    DESK.get_or_init(|| {
        thread::available_parallelism().ok().filter(|cores| 1 < cores.get())?;
        let desk = Arc::<Desk>::default();
        let theirs = Arc::clone(&desk);
        let thread = thread::Builder::new().name("hash".into()).spawn(move || theirs.serve());
        thread.is_ok().then_some(desk)
    })
    .as_ref()
}

/// Bytes that are being hashed elsewhere.
pub(super) struct Beside {
    desk: &'static Arc<Desk>,
    read: Arc<Vec<u8>>,
    part: Range<usize>,
    hashed: Receiver<Hashing>,
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beside")
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

impl Beside {
    /// Lets `part` of `read` be hashed on from `hashing`. `None`: they are few, or nobody has time.
    pub fn begin(hashing: Option<&Hashing>, read: &Arc<Vec<u8>>, part: Range<usize>) -> Option<Beside> {
        let hashing = hashing.filter(|_| MANY <= part.len())?;
        let desk = desk()?;
        let mut place = desk.place();
        if place.is_some() {
            return None;
        }
        let (done, hashed) = sync_channel(1);
        *place = Some(Work {
            hashing: hashing.clone(),
            read: Arc::clone(read),
            part: part.clone(),
            done,
        });
        drop(place);
        desk.brought.notify_one();
        Some(Beside {
            desk,
            read: Arc::clone(read),
            part,
            hashed,
        })
    }

    /// Brings `hashing`, from which it was begun, behind those bytes: where nobody began with them, here.
    pub fn end(self, hashing: &mut Hashing) {
        let own = |work: &mut Work| Arc::ptr_eq(&work.read, &self.read);
        let begun = self.desk.place().take_if(own).is_none();
        match self.hashed.recv().ok().filter(|_| begun) {
            Some(behind) => *hashing = behind,
            None => hashing.take(self.read.get(self.part).unwrap_or_default()),
        }
    }
}
