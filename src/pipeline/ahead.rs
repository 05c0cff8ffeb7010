//! Reading ahead: while behind, one thread reads, decodes and parses lines and looks them up in the 台帳, and another
//! judges them, in the order they stand in the file.
//!
//! A turn is read and judged to its end before it is over, so nothing is ever read that is not judged, and the outcome
//! is that of one thread.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use crate::access::LineRef;
use crate::clock::EventTime;
use crate::parse::place::{Sight, Surveyed, Surveyor};
use crate::parse::{Parsed, Why};

/// Lines handed over at a time: enough that waking the other thread costs nothing beside them, few enough that they
/// stay in a core's own cache.
const HANDFUL: usize = 256;
/// Handfuls that may wait to be judged.
const WAITING_MAX: usize = 8;

/// What a line is, before it is known who it was.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// A header, a comment, an empty line.
    Nothing,
    /// No record came from it.
    Reject(Why),
    /// A record.
    Record(Surveyed<'a>),
}

/// Lines in the order of the file, each with what it is. What is needed of a line stands here, so that the tailer's
/// buffer may go on.
#[derive(Debug, Default)]
pub(super) struct Handful {
    /// Accounts, addresses and citizens' numbers, one behind the other.
    names: Vec<u8>,
    lines: Vec<(Kept, LineRef)>,
}

#[derive(Debug, Clone, Copy)]
enum Kept {
    Nothing,
    Reject(Why),
    Record {
        time: Option<EventTime>,
        user: Part,
        source: Part,
        sight: Option<Sight>,
        number: Part,
        key: Option<u64>,
        part: bool,
    },
}

/// A piece of `Handful::names`; none where the field was not there.
type Part = Option<(usize, usize)>;

impl Handful {
    /// Adds a line of source number `index`.
    pub fn push(&mut self, parsed: Parsed<'_>, at: LineRef, index: usize, surveyor: &Surveyor) {
        let kept = match parsed {
            Parsed::Nothing => Kept::Nothing,
            Parsed::Reject(why) => Kept::Reject(why),
            Parsed::Record(record) => {
                let seen = surveyor.survey(&record, index);
                Kept::Record {
                    time: seen.time,
                    user: self.keep(seen.user.as_deref()),
                    source: self.keep(seen.source.as_deref()),
                    sight: seen.sight,
                    number: self.keep(seen.number.as_deref()),
                    key: seen.key,
                    part: seen.part,
                }
            }
        };
        self.lines.push((kept, at));
    }

    fn keep(&mut self, name: Option<&[u8]>) -> Part {
        let name = name?;
        let start = self.names.len();
        self.names.extend_from_slice(name);
        Some((start, self.names.len()))
    }

    fn name(&self, part: Part) -> Option<std::borrow::Cow<'_, [u8]>> {
        let (start, end) = part?;
        self.names.get(start..end).map(Into::into)
    }

    /// What line number `i` of this handful is.
    pub fn get(&self, i: usize) -> Option<(Seen<'_>, LineRef)> {
        let (kept, at) = self.lines.get(i)?;
        let seen = match *kept {
            Kept::Nothing => Seen::Nothing,
            Kept::Reject(why) => Seen::Reject(why),
            Kept::Record {
                time,
                user,
                source,
                sight,
                number,
                key,
                part,
            } => Seen::Record(Surveyed {
                time,
                user: self.name(user),
                source: self.name(source),
                sight,
                number: self.name(number),
                key,
                part,
            }),
        };
        Some((seen, *at))
    }

    /// Whether it is to be handed over.
    pub fn is_full(&self) -> bool {
        HANDFUL <= self.lines.len()
    }

    /// Lines in it.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line in it.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn clear(&mut self) {
        self.names.clear();
        self.lines.clear();
    }
}

/// Where a reader puts each handful; it is empty when that returns.
pub(super) type Sink<'a> = dyn FnMut(&mut Handful) + 'a;

/// Reads and judges in turns, on one thread. What comes behind the first error of `judge` is not judged.
///
/// # Errors
/// The first one of `judge`.
pub(super) fn alone<T, E>(
    read: impl FnOnce(&mut Sink<'_>) -> T,
    mut judge: impl FnMut(&Handful) -> Result<(), E>,
) -> Result<T, E> {
    let mut result = Ok(());
    let read = read(&mut |handful| {
        if result.is_ok() {
            result = judge(handful);
        }
        handful.clear();
    });
    result.map(|()| read)
}

/// Reads on a second thread and judges on this one.
///
/// # Errors
/// The first one of `judge`.
pub(super) fn side_by_side<T: Send + Default, E>(
    read: impl FnOnce(&mut Sink<'_>) -> T + Send,
    mut judge: impl FnMut(&Handful) -> Result<(), E>,
) -> Result<T, E> {
    // In a cell that outlives the thread, so that it is still here when no thread is to be had.
    let reader = Mutex::new(Some(read));
    let take = || reader.lock().unwrap_or_else(PoisonError::into_inner).take();
    std::thread::scope(|scope| {
        let (full, to_judge) = sync_channel(WAITING_MAX);
        let (judged, empty) = sync_channel(WAITING_MAX);
        let work = || {
            let (full, empty) = (full, empty);
            take().map(|read| read(&mut |handful| pass(handful, &full, &empty)))
        };
        let Ok(thread) = std::thread::Builder::new()
            .name("read".into())
            .spawn_scoped(scope, work)
        else {
            return take().map_or(Ok(T::default()), |read| alone(read, judge));
        };
        for mut handful in to_judge {
            judge(&handful)?;
            handful.clear();
            // Once all is read nobody takes it back.
            drop(judged.try_send(handful));
        }
        match thread.join() {
            Ok(read) => Ok(read.unwrap_or_default()),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Hands a full handful over and takes an empty one for it. Where nobody judges any more, the batch has failed and the
/// rest of the turn is read again with it.
fn pass(handful: &mut Handful, full: &SyncSender<Handful>, empty: &Receiver<Handful>) {
    let next = empty.try_recv().unwrap_or_default();
    if full.send(std::mem::replace(handful, next)).is_err() {
        handful.clear();
    }
}
