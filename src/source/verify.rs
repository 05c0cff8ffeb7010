//! Looking again at bytes that were consumed, a little at a time, for as long as their files are there.
//!
//! A file is only compared at its last bytes while it is read; what somebody changes farther back shows here: each full
//! chunk of every plain file comes round, and the last one of files nothing is added to. Who calls decides how much is
//! read in a second.

use std::fs::File;
use std::io;

use super::body::Body;
use super::chunks::{brief, chunk_at, hash_of};
use super::follow::Tailer;
use super::identity::Stat;
use super::segment::{Seg, shown};
use super::tail::Tail;
use super::{CHUNK_BYTES, Cause, ChunkHash, Phase, SourceEventKind};
use crate::access::SegmentId;
use crate::clock::WallTime;

/// A chunk to look at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Check {
    /// The segment.
    pub segment: SegmentId,
    /// The chunk, as in [`ChunkHash::index`].
    pub index: u64,
}

impl Tailer {
    /// The chunk whose turn it is. `None`: the round is over; the next call begins another one.
    pub fn next_check(&mut self) -> Option<Check> {
        let after = self.checked;
        let next = |seg: &Seg| {
            let state = &seg.state;
            let first = state.origin / CHUNK_BYTES;
            let from = match after {
                Some(last) if last.segment > state.id => return None,
                Some(last) if last.segment == state.id => last.index.saturating_add(1).max(first),
                _ => first,
            };
            let (part, start, _) = chunk_at(state.position, state.origin);
            let last = if start < state.position {
                Some(part)
            } else {
                part.checked_sub(1)
            };
            last.is_some_and(|last| from <= last).then_some(Check {
                segment: state.id,
                index: from,
            })
        };
        self.checked = self.segs.iter().filter(|s| checkable(s)).filter_map(next).min();
        self.checked
    }

    /// Looks at a chunk again. `stored` is its hash where it is full; the one that is not full is compared with what
    /// its segment says. Gives the number of bytes read.
    pub fn check(&mut self, check: Check, stored: Option<&ChunkHash>, now: WallTime) -> u64 {
        let Some(at) = self.segs.iter().position(|s| s.state.id == check.segment) else {
            return 0;
        };
        let opener = self.opener;
        let Some(seg) = self.segs.get(at).filter(|s| checkable(s)) else {
            return 0;
        };
        let state = &seg.state;
        let (part, start, _) = chunk_at(state.position, state.origin);
        let (_, lo, hi) = chunk_at(check.index.saturating_mul(CHUNK_BYTES), state.origin);
        let (lo, hi, was, known) = match stored {
            _ if check.index == part && !seg.dirty => (start, state.position, state.part.hash, seg.part_found),
            Some(chunk) if check.index < part => (lo, hi, chunk.hash, chunk.found),
            _ => return 0,
        };
        let found = match &seg.tail {
            Some(tail) => hash_of(tail.file(), lo, hi),
            None => match reopened(seg, opener) {
                Ok(Some(file)) => hash_of(&file, lo, hi),
                // It is gone, or another file stands there: `scan` sees to that.
                Ok(None) | Err(_) => return 0,
            },
        };
        // What cannot be read, or is cut, is for the reading to tell.
        let Ok(Some(found)) = found else { return 0 };
        if found != was && known != Some(found) {
            self.tell_changed(at, check, (lo, hi), (was, found), now);
        }
        hi.saturating_sub(lo)
    }

    fn tell_changed(
        &mut self,
        at: usize,
        check: Check,
        range: (u64, u64),
        (was, found): ([u8; 32], [u8; 32]),
        now: WallTime,
    ) {
        let Some(seg) = self.segs.get_mut(at) else { return };
        let full = check.index < chunk_at(seg.state.position, seg.state.origin).0;
        let detail = format!(
            "{} chunk={} sha256 {} now {} position={} records={}",
            shown(&seg.state.path),
            check.index,
            brief(&was),
            brief(&found),
            seg.state.position,
            seg.state.lines
        );
        if full {
            let changed = ChunkHash {
                segment: check.segment,
                index: check.index,
                hash: was,
                found: Some(found),
            };
            if let Some(kept) = seg.chunks.iter_mut().find(|c| c.index == check.index) {
                *kept = changed;
            }
            self.changed_chunks.push(changed);
        } else {
            seg.part_found = Some(found);
        }
        let what = (Some(check.segment), SourceEventKind::Edited, Cause::Unexplained);
        self.event(what, range, detail, now);
        self.prove_anew(at);
    }

    /// What was changed was told: from now on a file is known by what stands there.
    fn prove_anew(&mut self, at: usize) {
        let (opener, framer) = (self.opener, &self.framer);
        let Some(seg) = self.segs.get_mut(at) else { return };
        let done = match seg.tail.as_mut() {
            Some(tail) => tail
                .prove_anew(&seg.state, framer)
                .map(|()| tail.fill_proofs(&mut seg.state)),
            None => reopened(seg, opener).and_then(|file| {
                let Some(file) = file else { return Ok(()) };
                let stat = Stat::of_file(&file)?;
                let tail = Tail::accept(Body::Plain(file), stat, &seg.state, framer)?;
                tail.fill_proofs(&mut seg.state);
                Ok(())
            }),
        };
        // What cannot be read now keeps the proofs it has.
        seg.dirty |= done.is_ok();
    }
}

/// Whether its file can be looked at: a plain one that was read.
fn checkable(seg: &Seg) -> bool {
    let plain = seg.tail.as_ref().is_none_or(|t| !t.packed() && !t.broken);
    let there = seg.tail.is_some() || seg.state.phase == Phase::Sealed;
    plain && there && seg.state.origin < seg.state.position && super::body::Form::of(&seg.state.path).is_none()
}

/// The file of a segment that is over, if it is still there.
fn reopened(seg: &Seg, opener: super::follow::Opener) -> io::Result<Option<File>> {
    let file = opener(&seg.state.path, false)?;
    let stat = Stat::of_file(&file)?;
    Ok((stat.incarnation == seg.state.incarnation).then_some(file))
}
