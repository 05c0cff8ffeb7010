//! Runs of NUL bytes longer than a chunk: a hole that `copytruncate` left before a writer with its own offset, room a
//! writer took up in advance, a sparse file somebody put there.
//!
//! They are left out only when there is something behind them; until then somebody may still fill them. Whether there is
//! anything the file system says of holes without reading them. However long the run, one turn passes over one chunk.

use std::io;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use super::SegmentState;
use super::body::Body;
use super::tail::{CHUNK_MAX, End, Tail, Turn};

/// A run at the end of a file that is at least as long as this is told: whoever takes up room in advance takes less.
const TOLD_MIN: u64 = 64 << 20;

/// A run of NUL bytes where a record should begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Its first byte: where reading stands.
    pub from: u64,
    /// There are only NUL bytes up to here.
    pub seen: u64,
    /// Its end, once that is known.
    pub data: Option<u64>,
}

impl Tail {
    /// Begins to look for the end of a run that stands at `from` and is at least `len` bytes long.
    pub(super) fn begin_run(&mut self, from: u64, len: usize) {
        let seen = from.saturating_add(len as u64);
        self.run = Some(Run { from, seen, data: None });
    }

    /// The bytes from `position` on of which it is known that they are NUL and that something follows.
    pub(super) fn nul_until(&self, position: u64) -> Option<u64> {
        self.run.filter(|run| run.from == position).and_then(|run| run.data)
    }

    /// Joins runs of NUL bytes that were left out; one that ended before `position` is told.
    pub(super) fn note_nuls(&mut self, nuls: &[(u64, u64)], position: u64) {
        for (lo, hi) in nuls {
            match &mut self.nuls {
                Some((_, end)) if *end == *lo => *end = *hi,
                other => self.skipped.extend(other.replace((*lo, *hi))),
            }
        }
        if self.nuls.is_some_and(|(_, end)| end < position) {
            self.skipped.extend(self.nuls.take());
        }
    }

    /// Whether the end of a run is still to be found.
    pub(super) fn seeks_data(&self) -> bool {
        self.run.is_some_and(|run| run.data.is_none())
    }

    /// Goes on looking for the end of a run.
    pub(super) fn seek_data(&mut self, state: &SegmentState, buf: &mut Vec<u8>) -> io::Result<Turn> {
        let Some(mut run) = self.run.take().filter(|run| run.from == state.position) else {
            return Ok(Turn::nothing(End::More));
        };
        if !self.still(state.position)? {
            return Ok(Turn::nothing(End::Broken));
        }
        let size = self.stat.size;
        let Some(at) = self.data_behind(run.seen)?.filter(|at| *at < size) else {
            self.tell_nuls(run.from, size);
            return Ok(Turn::nothing(End::Caught));
        };
        let want = usize::try_from(size.saturating_sub(at))
            .unwrap_or(usize::MAX)
            .min(CHUNK_MAX);
        if buf.len() < want {
            buf.resize(want, 0);
        }
        let piece = buf.get_mut(..want).unwrap_or_default();
        let n = self.body.read_full(piece, at)?;
        let piece = piece.get(..n).unwrap_or_default();
        if n == 0 {
            return Ok(Turn::nothing(End::Broken));
        }
        match piece.iter().position(|b| *b != 0) {
            Some(found) => run.data = Some(at.saturating_add(found as u64)),
            None => run.seen = at.saturating_add(n as u64),
        }
        self.run = Some(run);
        Ok(Turn {
            scanned: n as u64,
            ..Turn::nothing(End::More)
        })
    }

    /// Where the next bytes from `at` on stand that somebody wrote; `None`: only holes are left.
    fn data_behind(&self, at: u64) -> io::Result<Option<u64>> {
        let Body::Plain(file) = &self.body else {
            return Ok(Some(at));
        };
        match seek(file, SeekFrom::Data(at)) {
            Ok(data) => Ok(Some(data.max(at))),
            Err(Errno::NXIO) => Ok(None),
            // The file system cannot say: they are read.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(Some(at)),
            Err(error) => Err(error.into()),
        }
    }

    /// The rest of the file is NUL: told once, if it is much.
    fn tell_nuls(&mut self, from: u64, size: u64) {
        if TOLD_MIN <= size.saturating_sub(from) && self.told_nuls != Some(from) {
            self.told_nuls = Some(from);
            self.skipped.push((from, size));
        }
    }
}
