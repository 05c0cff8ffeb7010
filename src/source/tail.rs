//! One open file: its bytes in chunks, proved to continue what was consumed, as whole records.
//!
//! Every chunk is read together with the last consumed bytes before it, and once more looked at afterwards: a
//! file that was cut, refilled or edited under the reader gives no line but [`End::Broken`]. What to make of
//! that is decided in `scan`, never here.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::chunk::{Framed, line_of};
use super::framer::{Framer, Scan};
use super::identity::{PROOF_MAX, Stat, bytes_at, proof_len, prove, read_full};
use super::{Proof, SegmentState};
use crate::access::{Line, LineRef};
use crate::fault;

/// Most bytes of a file read at once.
const CHUNK_MAX: usize = 512 * 1024;
/// An incomplete record this long is no more read from its start at each look.
const LONG_MIN: usize = 64 * 1024;
/// Room for end marks and a byte order mark beside the longest record kept whole.
const MARKS_MAX: u64 = 8;

/// Takes one line and what its segment's format remembers.
pub(super) type Sink<'s> = dyn FnMut(Line<'_>, &mut Vec<u8>) + 's;

/// One file that is being read.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    /// The last look at the file.
    pub stat: Stat,
    /// What the file looked like when all of its whole records were read.
    looked: Option<(u64, i64)>,
    /// Greatest size seen.
    peak: u64,
    /// The file became shorter, or consumed bytes changed.
    pub broken: bool,
    /// First consumed bytes, until the proof is full and after it.
    pub head: Vec<u8>,
    head_proof: Option<Proof>,
    /// Last consumed bytes.
    pub window: Vec<u8>,
    /// An incomplete record too long to be read from its start again.
    long: Option<Long>,
}

#[derive(Debug)]
struct Long {
    kept: Vec<u8>,
    scan: Scan,
}

/// What one turn of reading needs.
pub(super) struct Job<'a, 's> {
    /// Where chunks are read into; shared by all files.
    pub buf: &'a mut Vec<u8>,
    /// Where records end.
    pub framer: Framer,
    /// Bytes that may be given out.
    pub allowance: u64,
    /// Whether one record may be given out although it is longer than that.
    pub force: bool,
    /// The size at which the file is over: then its incomplete last record is given out too.
    pub closing: Option<u64>,
    /// Who takes the lines.
    pub sink: &'a mut Sink<'s>,
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
    fn nothing(end: End) -> Turn {
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
    /// Takes up `file` where `state` stands, if its content proves to be what `state` consumed.
    pub fn resume(file: File, stat: Stat, state: &SegmentState) -> io::Result<Result<Tail, File>> {
        Ok(match prove(&file, stat.size, state)? {
            Some((head, window)) => Ok(Tail::new(file, stat, head, window)),
            None => Err(file),
        })
    }

    /// Takes up `file` at `position`, whatever stands before it.
    pub fn start(file: File, stat: Stat, position: u64) -> io::Result<Tail> {
        let len = proof_len(position);
        let head = bytes_at(&file, 0, len)?;
        let window = bytes_at(&file, position.saturating_sub(len as u64), len)?;
        if head.len() != len || window.len() != len {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was opened",
            ));
        }
        Ok(Tail::new(file, stat, head, window))
    }

    fn new(file: File, stat: Stat, head: Vec<u8>, window: Vec<u8>) -> Tail {
        let head_proof = (head.len() == PROOF_MAX).then(|| Proof::of(&head));
        Tail {
            file,
            stat,
            looked: None,
            peak: stat.size,
            broken: false,
            head,
            head_proof,
            window,
            long: None,
        }
    }

    /// The open file, given back.
    pub fn into_file(self) -> File {
        self.file
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
        self.stat = Stat::of_file(&self.file)?;
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
        self.looked = None;
    }

    /// Whether the last consumed bytes before `position` still stand there.
    pub fn intact(&mut self, position: u64) -> io::Result<bool> {
        let from = position.saturating_sub(self.window.len() as u64);
        let ok = bytes_at(&self.file, from, self.window.len())? == self.window;
        if !ok {
            self.broken = true;
        }
        Ok(ok)
    }

    /// Some bytes of the file.
    pub fn bytes_at(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        bytes_at(&self.file, at, len)
    }

    /// Writes into `state` what proves the consumed bytes.
    pub fn fill_proofs(&self, state: &mut SegmentState) {
        state.head = self.head_proof.unwrap_or_else(|| Proof::of(&self.head));
        state.window = Proof::of(&self.window);
    }

    /// Reads one chunk at most and gives out its whole records.
    pub fn read(&mut self, state: &mut SegmentState, job: &mut Job<'_, '_>) -> io::Result<Turn> {
        self.restat()?;
        if self.broken {
            return Ok(Turn::nothing(End::Broken));
        }
        let looked = (self.stat.size, self.stat.ctime);
        let turn = if self.long.is_some() {
            self.read_long(state, job)?
        } else {
            self.read_chunk(state, job)?
        };
        if turn.end == End::Caught {
            self.looked = Some(looked);
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
        let want = usize::try_from(remaining).unwrap_or(usize::MAX).min(most);
        let at_end = want as u64 == remaining;
        let room = before.saturating_add(want);
        if job.buf.len() < room {
            job.buf.resize(room, 0);
        }
        let Some(buf) = job.buf.get_mut(..room) else {
            return Ok(Turn::nothing(End::Broken));
        };
        let n = read_full(&self.file, buf, state.position.saturating_sub(before as u64))?;
        let (window, chunk) = buf.split_at(before);
        if n != room || window != self.window || !self.still(state.position)? {
            return Ok(Turn::nothing(End::Broken));
        }
        let framed = Framed::run(
            chunk,
            state,
            job.framer,
            (job.allowance, job.force, at_end && job.closing == Some(self.stat.size)),
            job.sink,
        );
        let consumed = framed.consumed;
        state.position = state.position.saturating_add(consumed as u64);
        state.lines = state.lines.saturating_add(framed.lines);
        let upto = before.saturating_add(consumed);
        let buf = job.buf.get(..room).unwrap_or_default();
        self.consumed(buf.get(..upto).unwrap_or_default(), consumed);
        let rest = buf.get(upto..).unwrap_or_default();
        let end = if framed.stopped {
            End::Spent
        } else if at_end && rest.len() < LONG_MIN {
            End::Caught
        } else if consumed == 0 || at_end {
            // No end in sight: remember how far the search came instead of reading all again.
            let keep = usize::try_from(job.framer.max().saturating_add(MARKS_MAX)).unwrap_or(usize::MAX);
            let kept = rest.get(..keep).unwrap_or(rest).to_vec();
            self.long = Some(Long {
                kept,
                scan: framed.scan,
            });
            if at_end { End::Caught } else { End::More }
        } else {
            End::More
        };
        let scanned = if consumed == 0 { want } else { consumed };
        Ok(Turn {
            bytes: consumed as u64,
            lines: framed.lines,
            scanned: scanned as u64,
            end,
        })
    }

    fn read_long(&mut self, state: &mut SegmentState, job: &mut Job<'_, '_>) -> io::Result<Turn> {
        let Some(mut long) = self.long.take() else {
            return Ok(Turn::nothing(End::More));
        };
        if !self.still(state.position)? {
            return Ok(Turn::nothing(End::Broken));
        }
        let from = state.position.saturating_add(long.scan.seen);
        let remaining = self.stat.size.saturating_sub(from);
        let want = usize::try_from(remaining).unwrap_or(usize::MAX).min(CHUNK_MAX);
        if job.buf.len() < want {
            job.buf.resize(want, 0);
        }
        let buf = job.buf.get_mut(..want).unwrap_or_default();
        if read_full(&self.file, buf, from)? != want {
            return Ok(Turn::nothing(End::Broken));
        }
        long.keep(buf, job.framer.max().saturating_add(MARKS_MAX));
        let at_end = want as u64 == remaining;
        let ended = job.framer.end(&mut long.scan, buf);
        let whole = long.scan.seen.max(self.stat.size.saturating_sub(state.position));
        let rest = (at_end && job.closing == Some(self.stat.size)).then(|| job.framer.end_of_rest(&long.scan, whole));
        let Some(len) = ended.or(rest) else {
            self.long = Some(long);
            let end = if at_end { End::Caught } else { End::More };
            return Ok(Turn {
                bytes: 0,
                lines: 0,
                scanned: want as u64,
                end,
            });
        };
        let position = state.position.saturating_add(len);
        let proof = proof_len(position);
        let window = bytes_at(&self.file, position.saturating_sub(proof as u64), proof)?;
        let head = if self.head_proof.is_some() {
            Vec::new()
        } else {
            bytes_at(&self.file, 0, proof)?
        };
        if window.len() != proof {
            return Ok(Turn::nothing(End::Broken));
        }
        self.window = window;
        if self.head_proof.is_none() {
            self.head_proof = (head.len() == PROOF_MAX).then(|| Proof::of(&head));
            self.head = head;
        }
        let at = LineRef {
            segment: state.id,
            start: state.position,
            end: position,
        };
        let kept = usize::try_from(len)
            .ok()
            .and_then(|len| long.kept.get(..len))
            .unwrap_or(&long.kept);
        (job.sink)(line_of(kept, len, job.framer, true, at), &mut state.format_state);
        state.position = position;
        state.lines = state.lines.saturating_add(1);
        Ok(Turn {
            bytes: len,
            lines: 1,
            scanned: want as u64,
            end: End::More,
        })
    }

    /// The second look: what was just read was read from a file that still continues what was consumed.
    fn still(&mut self, position: u64) -> io::Result<bool> {
        let before = self.stat;
        self.restat()?;
        let whole = !self.broken && self.intact(position)?;
        self.stat = before;
        Ok(whole)
    }

    /// Takes `bytes`, of which the last `fresh` were just consumed and the others stood before.
    fn consumed(&mut self, bytes: &[u8], fresh: usize) {
        if fresh == 0 {
            return;
        }
        let from = bytes.len().saturating_sub(PROOF_MAX);
        self.window.clear();
        self.window.extend_from_slice(bytes.get(from..).unwrap_or_default());
        if self.head_proof.is_none() {
            let fresh = bytes.get(bytes.len().saturating_sub(fresh)..).unwrap_or_default();
            let room = PROOF_MAX.saturating_sub(self.head.len());
            self.head.extend_from_slice(fresh.get(..room).unwrap_or(fresh));
            self.head_proof = (self.head.len() == PROOF_MAX).then(|| Proof::of(&self.head));
        }
    }
}

impl Long {
    /// Keeps of `bytes`, which go on where the search stopped, what belongs to the first `most` of the record.
    fn keep(&mut self, bytes: &[u8], most: u64) {
        let have = self.kept.len() as u64;
        let skip = usize::try_from(have.saturating_sub(self.scan.seen)).unwrap_or(usize::MAX);
        let room = usize::try_from(most.saturating_sub(have)).unwrap_or(usize::MAX);
        let fresh = bytes.get(skip..).unwrap_or_default();
        self.kept.extend_from_slice(fresh.get(..room).unwrap_or(fresh));
    }
}
