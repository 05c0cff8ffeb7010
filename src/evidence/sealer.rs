//! The thread that seals: bytes come in as they are consumed, finished segments go out.
//!
//! It holds one open segment a file and closes it when it is large or old enough, at midnight (JST), or when it is told
//! to. A segment is written to `tmp/` and reported; only when its entry is committed does it get its place. What is open
//! is lost in a crash and read again from the source. If it cannot write, it says so and lets everything go:
//! the same way then leads back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::age::Recipient;
use super::facts::{Facts, Learned};
use super::index;
use super::piece::{Context, Piece};
use super::segment::{Beginning, Sealed, SegmentWriter};
use super::tree::Hash;
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::text::{Say, reason, say};

/// Pieces that may wait for the thread; behind that reading waits. A piece is at most 1 MiB or so.
const WAITING_MAX: usize = 8;
/// How long a segment to which nothing comes keeps the memory of one that is written to.
const REST_AFTER: Duration = Duration::from_secs(5);
/// Most segments that keep it at the same time.
const BUSY_MAX: usize = 8;
/// Bytes of a piece that is gathered with others.
const SMALL: usize = 16 * 1024;
/// Pieces gathered before they are handed over.
const GATHERED_MAX: usize = 64;

/// How segments are made.
#[derive(Debug, Clone)]
pub struct SealerSettings {
    /// Where unfinished segments stand.
    pub tmp: PathBuf,
    /// Who can open them; nobody: they are compressed only.
    pub recipients: Vec<Recipient>,
    /// Level of compression.
    pub level: i32,
    /// Bytes of source a segment holds at most (and one piece more).
    pub bytes_max: u64,
    /// How long one stays open.
    pub open_max: Duration,
    /// Makes salts that nobody outside can guess.
    pub salt_key: [u8; 32],
}

/// A finished segment that waits in `tmp/` for its entry.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Number of the unfinished file in `tmp/`.
    pub tmp: u64,
    /// Where it begins.
    pub beginning: Beginning,
    /// Behind its last byte.
    pub to: u64,
    /// Whether that is inside a record of which only the head is read.
    pub inside: bool,
    /// What the format remembers there.
    pub state: Vec<u8>,
    /// What it is known by.
    pub sealed: Sealed,
    /// Hash and length of its index.
    pub index: (Hash, u64),
    /// Oldest and newest record, microseconds.
    pub times: Option<(i64, i64)>,
    /// Something is in it of which nothing is known: it counts as holding everything.
    pub unknown: bool,
    /// Row ids of datasets.
    pub datasets: Vec<u32>,
    /// See [`Facts::ahead`].
    pub ahead: bool,
    /// What its records were counted by.
    pub context: Arc<Context>,
}

/// An open segment at a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSegment {
    /// Source and file.
    pub source: Arc<str>,
    /// The file's number.
    pub file: i64,
    /// First byte and behind the last so far.
    pub span: (u64, u64),
    /// Archived bytes so far.
    pub bytes: u64,
    /// Lines so far and their root.
    pub lines: u64,
    /// See `lines`.
    pub root: Hash,
}

#[derive(Debug)]
enum Order {
    Pieces(Vec<(Piece, Arc<Facts>, WallTime)>),
    Close(i64),
    Tick(WallTime),
    CloseAll(SyncSender<()>),
    Forget(SyncSender<()>),
    Beat(SyncSender<Vec<OpenSegment>>),
}

#[derive(Debug, Default)]
struct Shared {
    finished: Vec<Finished>,
    failed: Option<Say>,
}

/// The sealing thread, from outside.
#[derive(Debug)]
pub struct Sealer {
    orders: Option<SyncSender<Order>>,
    gathered: Mutex<Vec<(Piece, Arc<Facts>, WallTime)>>,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

impl Sealer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(settings: SealerSettings) -> std::io::Result<Sealer> {
        let (orders, queue) = sync_channel(WAITING_MAX);
        let shared = Arc::new(Mutex::new(Shared::default()));
        let mut bench = Bench {
            settings,
            open: BTreeMap::new(),
            next: 0,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new()
            .name("seal".into())
            .spawn(move || bench.work(&queue))?;
        Ok(Sealer {
            orders: Some(orders),
            gathered: Mutex::default(),
            shared,
            thread: Some(thread),
        })
    }

    fn order(&self, order: Order) {
        self.hand_over();
        self.send(order);
    }

    /// Hands over what was gathered.
    fn hand_over(&self) {
        let gathered = std::mem::take(&mut *self.gathered.lock().unwrap_or_else(PoisonError::into_inner));
        if !gathered.is_empty() {
            self.send(Order::Pieces(gathered));
        }
    }

    fn send(&self, order: Order) {
        if self.orders.as_ref().is_none_or(|orders| orders.send(order).is_err()) {
            self.lock().failed = Some(say!(
                "保管の処理が終了しています（動作記録を確かめてください）。",
                "the sealing thread has ended; see the message above"
            ));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes; waits while too much is under way. A trickle is gathered until the next order: the thread is not woken
    /// for each line.
    pub fn take(&self, piece: Piece, facts: Arc<Facts>, now: WallTime) {
        let small = piece.bytes.len() < SMALL;
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.push((piece, facts, now));
        let enough = !small || GATHERED_MAX <= gathered.len();
        drop(gathered);
        if enough {
            self.hand_over();
        }
    }

    /// Closes the segment of a file that ends or begins anew.
    pub fn close(&self, file: i64) {
        self.order(Order::Close(file));
    }

    /// Closes what is old enough.
    pub fn tick(&self, now: WallTime) {
        self.order(Order::Tick(now));
    }

    /// Closes everything and waits for it.
    pub fn close_all(&self) {
        self.answered(Order::CloseAll);
    }

    /// Lets everything go that is not committed, finished or not.
    pub fn forget(&self) {
        self.answered(Order::Forget);
        let mut shared = self.lock();
        shared.finished.clear();
        shared.failed = None;
    }

    /// What is open now.
    pub fn open(&self) -> Vec<OpenSegment> {
        self.answered(Order::Beat).unwrap_or_default()
    }

    fn answered<T>(&self, order: impl FnOnce(SyncSender<T>) -> Order) -> Option<T> {
        let (answer, answered) = sync_channel(1);
        self.order(order(answer));
        answered.recv().ok()
    }

    /// Takes what is finished.
    pub fn finished(&self) -> Vec<Finished> {
        std::mem::take(&mut self.lock().finished)
    }

    /// Whether something is finished.
    pub fn has_finished(&self) -> bool {
        !self.lock().finished.is_empty()
    }

    /// Why nothing is sealed at present.
    pub fn failed(&self) -> Option<Say> {
        self.lock().failed.clone()
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It has said itself why it ended, if it did.
            drop(thread.join());
        }
    }
}

#[derive(Debug)]
struct Open {
    tmp: u64,
    beginning: Beginning,
    source: Arc<str>,
    to: u64,
    /// Whether that is inside a record of which only the head is read.
    inside: bool,
    state: Vec<u8>,
    writer: SegmentWriter,
    since: WallTime,
    /// When bytes came last; none once it rests.
    touched: Option<WallTime>,
    learned: Learned,
    context: Arc<Context>,
}

impl Open {
    fn rest(&mut self) -> std::io::Result<()> {
        self.touched = None;
        self.learned.rest();
        self.writer.rest()
    }
}

#[derive(Debug)]
struct Bench {
    settings: SealerSettings,
    open: BTreeMap<i64, Open>,
    next: u64,
    shared: Arc<Mutex<Shared>>,
}

impl Bench {
    fn work(&mut self, queue: &Receiver<Order>) {
        while let Ok(order) = queue.recv() {
            let done = match order {
                Order::Pieces(pieces) => pieces
                    .into_iter()
                    .try_for_each(|(piece, facts, now)| self.piece(piece, facts, now)),
                Order::Close(file) => self.close(file),
                Order::Tick(now) => self.tick(now),
                Order::CloseAll(answer) => {
                    let done = self.close_all();
                    answer.send(()).unwrap_or(());
                    done
                }
                Order::Forget(answer) => {
                    self.open.clear();
                    answer.send(()).unwrap_or(());
                    Ok(())
                }
                Order::Beat(answer) => {
                    drop(answer.send(self.beat()));
                    Ok(())
                }
            };
            if let Err(e) = done {
                self.open.clear();
                let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.failed = Some(reason(&e));
            }
        }
    }

    fn failed(&self) -> bool {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.failed.is_some()
    }

    fn piece(&mut self, piece: Piece, facts: Arc<Facts>, now: WallTime) -> std::io::Result<()> {
        if self.failed() {
            return Ok(());
        }
        // A segment is one run of bytes, counted in one way: what does not continue it begins another.
        let continues = |open: &Open| {
            open.to == piece.span.0 && (Arc::ptr_eq(&open.context, &piece.context) || open.context == piece.context)
        };
        if self.open.get(&piece.file).is_some_and(|open| !continues(open)) {
            self.close(piece.file)?;
        }
        if !self.open.contains_key(&piece.file) {
            self.begin(&piece, now)?;
        }
        let Some(open) = self.open.get_mut(&piece.file) else {
            return Ok(());
        };
        crate::fault::pass("archive.write")?;
        let rested = !open.writer.busy();
        open.writer.take(&piece.bytes)?;
        let woken = rested && open.writer.busy();
        open.to = piece.span.1;
        open.inside = piece.inside.1;
        open.state = piece.states.1;
        open.touched = Some(now);
        open.learned.learn(facts);
        if piece.ends && self.settings.bytes_max <= open.writer.bytes() {
            self.close(piece.file)?;
        }
        if woken { self.rest_of_many() } else { Ok(()) }
    }

    fn begin(&mut self, piece: &Piece, now: WallTime) -> std::io::Result<()> {
        let hash = Sha256::new()
            .chain_update(self.settings.salt_key)
            .chain_update(piece.file.to_be_bytes())
            .chain_update(piece.span.0.to_be_bytes())
            .finalize();
        let beginning = Beginning {
            source: piece.source.to_string(),
            file: piece.file,
            from: piece.span.0,
            inside: piece.inside.0,
            state: piece.states.0.clone(),
            salt: hash.first_chunk::<16>().copied().unwrap_or_default(),
        };
        let tmp = self.next;
        self.next = self.next.saturating_add(1);
        let path = self.settings.tmp.join(format!("{tmp:08}.part"));
        let writer = SegmentWriter::new(&path, &beginning, &self.settings.recipients, self.settings.level)?;
        self.open.insert(
            piece.file,
            Open {
                tmp,
                beginning,
                source: Arc::clone(&piece.source),
                to: piece.span.0,
                inside: piece.inside.0,
                state: Vec::new(),
                writer,
                since: now,
                touched: Some(now),
                learned: Learned::default(),
                context: Arc::clone(&piece.context),
            },
        );
        Ok(())
    }

    /// Of more than [`BUSY_MAX`] segments that are written to, the one that was not for the longest time rests.
    fn rest_of_many(&mut self) -> std::io::Result<()> {
        let busy = self.open.values_mut().filter(|open| open.writer.busy());
        if busy.count() <= BUSY_MAX {
            return Ok(());
        }
        let busy = self.open.values_mut().filter(|open| open.writer.busy());
        busy.min_by_key(|open| open.touched).map_or(Ok(()), Open::rest)
    }

    fn close(&mut self, file: i64) -> std::io::Result<()> {
        let Some(open) = self.open.remove(&file) else {
            return Ok(());
        };
        crate::fault::pass("archive.finish")?;
        let sealed = open.writer.finish()?;
        let mut facts = open.learned.all();
        let index = match facts.unknown {
            // No filter at all: it may hold everything.
            true => Vec::new(),
            false => index::build(&mut facts.keys),
        };
        let path = self.settings.tmp.join(format!("{:08}.idx", open.tmp));
        crate::fault::pass("archive.index")?;
        super::durable::put(&path, &index)?;
        let finished = Finished {
            tmp: open.tmp,
            beginning: open.beginning,
            to: open.to,
            inside: open.inside,
            state: open.state,
            sealed,
            index: (Sha256::digest(&index).into(), u64::try_from(index.len()).unwrap_or(0)),
            times: facts.times.filter(|_| !facts.unknown),
            unknown: facts.unknown,
            datasets: facts.datasets,
            ahead: facts.ahead,
            context: open.context,
        };
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.finished.push(finished);
        Ok(())
    }

    fn close_all(&mut self) -> std::io::Result<()> {
        let files: Vec<i64> = self.open.keys().copied().collect();
        files.into_iter().try_for_each(|file| self.close(file))
    }

    fn tick(&mut self, now: WallTime) -> std::io::Result<()> {
        let day = |at: WallTime| day_of(EventTime::from_micros(at.micros()));
        let old = |open: &Open| self.settings.open_max <= now.since(open.since) || day(open.since) != day(now);
        let files: Vec<i64> = self
            .open
            .iter()
            .filter(|(_, open)| old(open))
            .map(|(file, _)| *file)
            .collect();
        files.into_iter().try_for_each(|file| self.close(file))?;
        let quiet = |open: &&mut Open| open.touched.is_some_and(|at| REST_AFTER <= now.since(at) || now < at);
        self.open.values_mut().filter(quiet).try_for_each(Open::rest)
    }

    fn beat(&self) -> Vec<OpenSegment> {
        let state = |(file, open): (&i64, &Open)| {
            let (lines, root) = open.writer.root();
            OpenSegment {
                source: Arc::clone(&open.source),
                file: *file,
                span: (open.beginning.from, open.to),
                bytes: open.writer.bytes(),
                lines,
                root,
            }
        };
        self.open.iter().map(state).collect()
    }
}
