//! One open file: its bytes in chunks, proved to continue what was consumed, as whole records.
//!
//! Every chunk is read together with the last consumed bytes before it, and once more looked at afterwards: a
//! file that was cut, refilled or edited under the reader gives no line but [`End::Broken`]. What to make of
//! that is decided in `scan`, never here.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use memchr::memrchr;
use rustix::fs::{Mode, OFlags};

use super::beside::Beside;
use super::body::Body;
use super::chunk::{Framed, Raw};
use super::chunks::Hashing;
use super::framer::Framer;
use super::identity::{PROOF_MAX, Stat, prove};
use super::limits::Slot;
use super::long::Long;
use super::marks::Marking;
use super::nuls::Run;
use super::proofs::proofs;
use super::unpack::Catching;
use super::{ChunkHash, Proof, SegmentState};
use crate::access::{Line, SegmentId};
use crate::fault;

/// Most bytes of a file read at once.
pub(super) const CHUNK_MAX: usize = 512 * 1024;
/// An incomplete record this long is no more read from its start at each look.
const LONG_MIN: usize = 64 * 1024;
/// Room for end marks and a byte order mark beside the longest record kept whole.
pub(super) const MARKS_MAX: u64 = 8;

/// Takes one line and what its segment's format remembers.
pub(super) type Sink<'s> = dyn FnMut(Line<'_>, &mut Vec<u8>) + 's;

/// One file that is being read.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) body: Body,
    /// The last look at the file.
    pub stat: Stat,
    /// What the file looked like when all of its whole records were read.
    looked: Option<(u64, i64)>,
    /// Greatest size seen.
    peak: u64,
    /// The file became shorter, or consumed bytes changed.
    pub broken: bool,
    /// What was consumed of it is not known here.
    pub(super) unproved: bool,
    /// First consumed bytes, until the proof is full and after it.
    pub head: Vec<u8>,
    pub(super) head_proof: Option<Proof>,
    /// Last consumed bytes.
    pub window: Vec<u8>,
    /// Marks of the first records.
    pub(super) marks: Marking,
    /// Hashes of what is consumed; none before the first reading after it was opened again.
    pub(super) hashing: Option<Hashing>,
    /// What was consumed last, where it is not in them yet.
    pub(super) beside: Option<Beside>,
    /// A packed member that is still unpacked to where its segment stands.
    pub(super) catching: Option<Box<Catching>>,
    /// An incomplete record too long to be read from its start again.
    pub(super) long: Option<Long>,
    /// NUL bytes at the start of a record, left out and not told yet.
    pub(super) nuls: Option<(u64, u64)>,
    pub(super) skipped: Vec<(u64, u64)>,
    /// A run of them that is longer than a chunk.
    pub(super) run: Option<Run>,
    /// Where one began that goes on to the end of the file and was told.
    pub(super) told_nuls: Option<u64>,
    /// What was consumed last was found to be something else: where, and the evidence.
    pub(super) changed: Option<((u64, u64), String)>,
    /// One of the files that may be open.
    _slot: Slot,
}

/// What one turn of reading needs.
pub(super) struct Job<'a, 's> {
    /// Where chunks are read into; shared by all files.
    pub buf: &'a mut Arc<Vec<u8>>,
    /// The other one: what was read before may still be hashed.
    pub spare: &'a mut Arc<Vec<u8>>,
    /// Where records end.
    pub framer: Framer,
    /// Bytes that may be given out.
    pub allowance: u64,
    /// Whether one record may be given out although it is longer than that.
    pub force: bool,
    /// The size at which the file is over: then its incomplete last record is given out too.
    pub closing: Option<u64>,
    /// The size since which nothing was added for so long that its last record is whole if its last line is.
    pub settled: Option<u64>,
    /// Whether consumed bytes are hashed.
    pub hash: bool,
    /// Who takes the lines.
    pub sink: &'a mut Sink<'s>,
    /// Who takes the bytes as they were, if anybody wants them.
    pub raw: Option<&'a mut Vec<Raw>>,
}

/// How a turn of reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There may be more to read.
    More,
    /// The allowance is used up.
    Spent,
    /// Everything is read.
    Caught,
    /// The file no more continues what was consumed.
    Broken,
    /// A packed member does not begin with what was consumed.
    Refuted,
    /// A packed member ends before the position.
    Short,
}

/// What one turn of reading gave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub bytes: u64,
    pub lines: u64,
    /// Bytes looked at; more than `bytes` inside a long record.
    pub scanned: u64,
    pub end: End,
}

impl Turn {
    pub fn nothing(end: End) -> Turn {
        Turn {
            bytes: 0,
            lines: 0,
            scanned: 0,
            end,
        }
    }
}

/// Opens `path` for reading: never blocks on a FIFO, never follows a link unless told.
pub(super) fn open_file(path: &Path, follow: bool) -> io::Result<File> {
    fault::pass("source.open")?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = if follow { flags } else { flags | OFlags::NOFOLLOW };
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

impl Tail {
    /// Takes up `body` where `state` stands, if its content proves to be what `state` consumed.
    pub fn resume(mut body: Body, stat: Stat, state: &SegmentState) -> io::Result<Result<Tail, Body>> {
        Ok(match prove(&mut body, stat.size, state)? {
            Some((head, window)) => {
                let mut tail = Tail::new(body, stat, head, window);
                tail.marks = Marking::resume(&state.marks, state.position);
                Ok(tail)
            }
            None => Err(body),
        })
    }

    /// Takes up `body` of which it is not decided yet what became of it.
    pub fn unproved(body: Body, stat: Stat) -> Tail {
        let mut tail = Tail::new(body, stat, Vec::new(), Vec::new());
        tail.broken = true;
        tail.unproved = true;
        tail
    }

    /// Takes up `body` where `state` stands although bytes before that were changed, of which people were told: what
    /// stands there now is its proof.
    pub fn accept(body: Body, stat: Stat, state: &SegmentState, framer: &Framer) -> io::Result<Tail> {
        let mut tail = Tail::start(body, stat, state.position, framer)?;
        tail.restore(state)?;
        tail.changed = None;
        Ok(tail)
    }

    /// Takes up `body` at `position`, whatever stands before it.
    pub fn start(mut body: Body, stat: Stat, position: u64, framer: &Framer) -> io::Result<Tail> {
        let (head, marks, window) = proofs(&mut body, position, framer)?;
        let mut tail = Tail::new(body, stat, head, window);
        tail.hashing = Some(Hashing::begin(position));
        tail.marks = marks;
        Ok(tail)
    }

    pub(super) fn new(body: Body, stat: Stat, head: Vec<u8>, window: Vec<u8>) -> Tail {
        let head_proof = (head.len() == PROOF_MAX).then(|| Proof::of(&head));
        // Of a packed file the size that counts is the one of what is in it.
        let stat = match &body {
            Body::Plain(_) => stat,
            Body::Packed(packed) => Stat {
                size: packed.at(),
                ..stat
            },
        };
        Tail {
            body,
            stat,
            looked: None,
            peak: stat.size,
            broken: false,
            unproved: false,
            head,
            head_proof,
            window,
            marks: Marking::default(),
            hashing: None,
            beside: None,
            catching: None,
            long: None,
            nuls: None,
            skipped: Vec::new(),
            run: None,
            told_nuls: None,
            changed: None,
            _slot: Slot::take(),
        }
    }

    /// The open file.
    pub fn file(&self) -> &File {
        self.body.file()
    }

    /// The open file, given back.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Whether the file is compressed.
    pub fn packed(&self) -> bool {
        matches!(self.body, Body::Packed(_))
    }

    /// Whether the file may hold something that was not looked at.
    pub fn ready(&self) -> bool {
        self.broken || self.looked != Some((self.stat.size, self.stat.ctime))
    }

    /// Forgets that everything was read.
    pub fn look_again(&mut self) {
        self.looked = None;
    }

    /// Looks at the file's size and times.
    pub fn restat(&mut self) -> io::Result<()> {
        self.stat = self.body.stat()?;
        if self.stat.size < self.peak {
            self.broken = true;
        } else {
            self.peak = self.stat.size;
        }
        Ok(())
    }

    /// The greatest size seen.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// Accepts the present size after a shrinking that left everything consumed in place.
    pub fn accept_size(&mut self) {
        self.peak = self.stat.size;
        self.broken = false;
        self.long = None;
        self.run = None;
        self.looked = None;
    }

    /// Whether the last consumed bytes before `position` still stand there.
    pub fn intact(&mut self, position: u64) -> io::Result<bool> {
        let from = position.saturating_sub(self.window.len() as u64);
        let ok = !self.unproved && self.body.bytes_at(from, self.window.len())? == self.window;
        if !ok {
            self.broken = true;
        }
        Ok(ok)
    }

    /// Some bytes of the file.
    pub fn bytes_at(&mut self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        self.body.bytes_at(at, len)
    }

    /// The chunks that became full since the last call.
    pub fn take_filled(&mut self, segment: SegmentId) -> Vec<ChunkHash> {
        self.hashing
            .as_mut()
            .map(|h| h.take_filled(segment))
            .unwrap_or_default()
    }

    /// Ranges of NUL bytes that were left out since the last call.
    pub fn take_skipped(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.skipped)
    }

    /// What was consumed before the file was opened again, if it is something else now: the range and the evidence.
    pub fn take_changed(&mut self) -> Option<((u64, u64), String)> {
        self.changed.take()
    }

    /// Reads one chunk at most and gives out its whole records.
    pub fn read(&mut self, state: &mut SegmentState, job: &mut Job<'_, '_>) -> io::Result<Turn> {
        self.restat()?;
        if self.broken {
            return Ok(Turn::nothing(End::Broken));
        }
        if self.catching.is_some() {
            let turn = self.catch_up(state, &job.framer)?;
            if turn.end == End::Caught {
                self.looked = Some((self.stat.size, self.stat.ctime));
            }
            return Ok(turn);
        }
        let looked = (self.stat.size, self.stat.ctime);
        if !job.hash {
            self.hashing = None;
        }
        if job.hash && self.hashing.is_none() && self.ready() {
            // Before hashes of something else take the place of those that would tell it.
            if !self.packed() && !self.intact(state.position)? {
                return Ok(Turn::nothing(End::Broken));
            }
            self.restore(state)?;
        }
        if self.long.is_some() || self.seeks_data() {
            self.end_hashing();
        }
        let turn = if self.long.is_some() {
            self.read_long(state, job)?
        } else if self.seeks_data() {
            self.seek_data(state, Arc::make_mut(job.buf))?
        } else {
            self.read_chunk(state, job)?
        };
        if turn.end == End::Caught {
            let packed = self.packed().then_some((self.stat.size, self.stat.ctime));
            self.looked = Some(packed.unwrap_or(looked));
        }
        if turn.end == End::Broken {
            self.broken = true;
        }
        Ok(turn)
    }

    fn read_chunk(&mut self, state: &mut SegmentState, job: &mut Job<'_, '_>) -> io::Result<Turn> {
        let before = self.window.len();
        let remaining = self.stat.size.saturating_sub(state.position);
        let most = usize::try_from(job.allowance)
            .unwrap_or(usize::MAX)
            .clamp(LONG_MIN, CHUNK_MAX);
        let nul_until = self.nul_until(state.position);
        let want = match &self.body {
            Body::Plain(_) => {
                let upto = nul_until.map_or(remaining, |data| data.saturating_sub(state.position));
                usize::try_from(upto.min(remaining)).unwrap_or(usize::MAX).min(most)
            }
            // How much is in it is known at its end.
            Body::Packed(_) => most,
        };
        let room = before.saturating_add(want);
        std::mem::swap(job.buf, job.spare);
        let buf = Arc::make_mut(job.buf);
        if buf.len() < room {
            buf.resize(room, 0);
        }
        let Some(buf) = buf.get_mut(..room) else {
            return Ok(Turn::nothing(End::Broken));
        };
        let n = self.body.read_full(buf, state.position.saturating_sub(before as u64))?;
        let buf = job.buf.get(..room).unwrap_or_default();
        let (buf, at_end) = if self.packed() {
            self.stat = self.body.stat()?;
            (buf.get(..n.max(before)).unwrap_or_default(), n < room)
        } else {
            (buf, want as u64 == remaining)
        };
        let (room, want) = (buf.len(), buf.len().saturating_sub(before));
        let (window, chunk) = buf.split_at(before);
        if n != room || window != self.window || !self.still(state.position)? {
            return Ok(Turn::nothing(End::Broken));
        }
        let (from, state_before) = (state.position, job.raw.is_some().then(|| state.format_state.clone()));
        let size = self.stat.size;
        let over = match at_end {
            true => job
                .framer
                .over_at(chunk, job.closing == Some(size), job.settled == Some(size)),
            false => 0,
        };
        let inside = state.inside;
        // Nobody fills a packed member any more.
        let nul = nul_until.is_some() || !at_end && job.framer.nul_is_damage() && self.packed();
        let passing = nul && !inside && !chunk.is_empty() && chunk.iter().all(|b| *b == 0);
        self.run = self.run.filter(|_| passing);
        // Where records will most likely end: so far the bytes are hashed beside the framing.
        let most = usize::try_from(job.allowance).unwrap_or(usize::MAX).min(chunk.len());
        let whole = chunk.get(..most).and_then(|most| memrchr(b'\n', most));
        let likely = whole.map_or(0, |at| at.saturating_add(1));
        let part = before..before.saturating_add(likely);
        self.end_hashing();
        let beside = Beside::begin(self.hashing.as_ref(), job.buf, part);
        let framed = match passing {
            true => Framed::all_nul(chunk.len(), state.position),
            false => Framed::run(chunk, state, &job.framer, (job.allowance, job.force, over), job.sink),
        };
        let beside = beside.filter(|_| likely == framed.consumed);
        let consumed = framed.consumed;
        state.position = state.position.saturating_add(consumed as u64);
        if let (Some(raw), Some(before), 1..) = (job.raw.as_deref_mut(), state_before, consumed) {
            raw.push(Raw {
                segment: state.id,
                span: (from, state.position),
                bytes: chunk.get(..consumed).unwrap_or_default().to_vec(),
                inside: (inside, state.inside),
                ends: true,
                states: (before, state.format_state.clone()),
            });
        }
        state.lines = state.lines.saturating_add(framed.lines);
        let upto = before.saturating_add(consumed);
        let buf = job.buf.get(..room).unwrap_or_default();
        let at = (from, consumed);
        self.consumed(buf.get(..upto).unwrap_or_default(), at, beside, &job.framer);
        self.note_nuls(&framed.nuls, state.position);
        let rest = buf.get(upto..).unwrap_or_default();
        let how = (at_end, inside, passing);
        let end = self.end_of(&framed, rest, how, state, &job.framer);
        let scanned = if consumed == 0 { want } else { consumed };
        Ok(Turn {
            bytes: consumed as u64,
            lines: framed.lines,
            scanned: scanned as u64,
            end,
        })
    }

    /// How a turn ended that left `rest` of its chunk: whether that is at the end of the file, whether the chunk began inside a
    /// record of which the head was given, and whether it is part of a run of NUL bytes.
    fn end_of(
        &mut self,
        framed: &Framed,
        rest: &[u8],
        (at_end, inside, passing): (bool, bool, bool),
        state: &SegmentState,
        framer: &Framer,
    ) -> End {
        if let Some(run) = self.run.as_mut() {
            run.from = state.position;
        }
        self.run = self.run.filter(|run| run.data != Some(run.from));
        let nul = !rest.is_empty() && rest.iter().all(|b| *b == 0);
        if framed.stopped {
            End::Spent
        } else if passing {
            End::More
        } else if inside {
            // Behind its end the next look goes on.
            if at_end && state.inside { End::Caught } else { End::More }
        } else if at_end && (rest.len() < LONG_MIN || nul) {
            End::Caught
        } else if framed.consumed == 0 && nul && framer.nul_is_damage() {
            self.begin_run(state.position, rest.len());
            End::More
        } else if framed.consumed == 0 || at_end {
            // No end in sight: remember how far the search came instead of reading all again.
            let most = framer.max().saturating_add(MARKS_MAX);
            self.long = Some(Long::begin(rest, framed.scan, most));
            let endless = framer.endless(&framed.scan);
            if at_end && !endless { End::Caught } else { End::More }
        } else {
            End::More
        }
    }

    /// The second look: what was just read was read from a file that still continues what was consumed.
    pub(super) fn still(&mut self, position: u64) -> io::Result<bool> {
        let before = self.stat;
        self.restat()?;
        let whole = !self.broken && self.intact(position)?;
        self.stat = before;
        Ok(whole)
    }
}
