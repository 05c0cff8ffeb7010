//! A record too long to be read from its start at each look: how far the search for its end came.
//!
//! Once it is longer than is kept of any record, it is given out: its head, marked. Its rest is then passed over a chunk at
//! a time, like whole records ([`SegmentState::inside`]), so that no turn, batch or archived piece is longer for it.

use std::io;
use std::sync::Arc;

use super::SegmentState;
use super::body::Body;
use super::chunk::{Raw, line_of};
use super::framer::{Ended, Scan};
use super::identity::{PROOF_MAX, proof_len};
use super::marks::START_MAX;
use super::tail::{CHUNK_MAX, End, Job, MARKS_MAX, Tail, Turn};
use crate::access::LineRef;

/// What is kept of such a record.
#[derive(Debug)]
pub(super) struct Long {
    kept: Vec<u8>,
    scan: Scan,
}

impl Long {
    /// Begins with `rest`, of which `scan` saw what it says; the first `most` bytes are kept.
    pub fn begin(rest: &[u8], scan: Scan, most: u64) -> Long {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Long {
            kept: rest.get(..most).unwrap_or(rest).to_vec(),
            scan,
        }
    }

    /// Keeps of `bytes`, which go on where the search stopped, what belongs to the first `most` of the record.
    fn keep(&mut self, bytes: &[u8], most: u64) {
        let have = self.kept.len() as u64;
        let skip = usize::try_from(have.saturating_sub(self.scan.seen)).unwrap_or(usize::MAX);
        let room = usize::try_from(most.saturating_sub(have)).unwrap_or(usize::MAX);
        let fresh = bytes.get(skip..).unwrap_or_default();
        self.kept.extend_from_slice(fresh.get(..room).unwrap_or(fresh));
    }
}

impl Tail {
    /// Goes on looking for the end of a long record.
    pub fn read_long(&mut self, state: &mut SegmentState, job: &mut Job<'_, '_>) -> io::Result<Turn> {
        let Some(mut long) = self.long.take() else {
            return Ok(Turn::nothing(End::More));
        };
        if !self.still(state.position)? {
            return Ok(Turn::nothing(End::Broken));
        }
        if job.framer.endless(&long.scan) {
            return self.give_head(&long, state, job);
        }
        let from = state.position.saturating_add(long.scan.seen);
        let remaining = self.stat.size.saturating_sub(from);
        let want = match &self.body {
            Body::Plain(_) => usize::try_from(remaining).unwrap_or(usize::MAX).min(CHUNK_MAX),
            Body::Packed(_) => CHUNK_MAX,
        };
        let buf = Arc::make_mut(job.buf);
        if buf.len() < want {
            buf.resize(want, 0);
        }
        let buf = buf.get_mut(..want).unwrap_or_default();
        let n = self.body.read_full(buf, from)?;
        let (buf, at_end) = if self.packed() {
            self.stat = self.body.stat()?;
            (buf.get_mut(..n).unwrap_or_default(), n < want)
        } else {
            (buf, want as u64 == remaining)
        };
        let want = buf.len();
        if n != want {
            return Ok(Turn::nothing(End::Broken));
        }
        long.keep(buf, job.framer.max().saturating_add(MARKS_MAX));
        let ended = job.framer.end(&mut long.scan, buf, &state.format_state);
        let whole = long.scan.seen.max(self.stat.size.saturating_sub(state.position));
        let closing = at_end && job.closing == Some(self.stat.size);
        let rest = || {
            let state = &state.format_state;
            closing.then(|| job.framer.end_of_rest(&long.scan, buf, whole, state))
        };
        let Some(Ended { len, open }) = ended.or_else(rest) else {
            let endless = job.framer.endless(&long.scan);
            self.long = Some(long);
            let end = if at_end && !endless { End::Caught } else { End::More };
            return Ok(Turn {
                bytes: 0,
                lines: 0,
                scanned: want as u64,
                end,
            });
        };
        let kept = usize::try_from(len)
            .ok()
            .and_then(|len| long.kept.get(..len))
            .unwrap_or(&long.kept);
        let turn = self.give(state, job, (kept, len, open), len)?;
        Ok(turn.map_or(Turn::nothing(End::Broken), |turn| Turn {
            scanned: want as u64,
            ..turn
        }))
    }

    /// Gives out a record of which only the head is kept, before its end is known: from here on its rest is passed over.
    fn give_head(&mut self, long: &Long, state: &mut SegmentState, job: &mut Job<'_, '_>) -> io::Result<Turn> {
        let given = self.give(state, job, (&long.kept, u64::MAX, false), long.scan.seen)?;
        state.inside = given.is_some();
        Ok(given.unwrap_or(Turn::nothing(End::Broken)))
    }

    /// Gives out a record of `whole` bytes of which `kept` are the first, and takes `len` bytes as consumed. `None`: they
    /// are no more there.
    fn give(
        &mut self,
        state: &mut SegmentState,
        job: &mut Job<'_, '_>,
        (kept, whole, open): (&[u8], u64, bool),
        len: u64,
    ) -> io::Result<Option<Turn>> {
        let position = state.position.saturating_add(len);
        if !self.take_long(state.position, position, job)? {
            return Ok(None);
        }
        let at = LineRef {
            segment: state.id,
            start: state.position,
            end: position,
        };
        let raw = match job.raw {
            Some(_) => self.raw_of(at, &state.format_state)?,
            None => Some(Vec::new()),
        };
        let Some(mut raw) = raw else {
            return Ok(None);
        };
        let line = line_of(kept, whole, &job.framer, (true, open), at);
        (job.sink)(line, &mut state.format_state);
        if let Some(all) = job.raw.as_deref_mut() {
            if let Some(last) = raw.last_mut() {
                last.states.1.clone_from(&state.format_state);
                last.inside.1 = whole == u64::MAX;
            }
            all.append(&mut raw);
        }
        state.position = position;
        state.lines = state.lines.saturating_add(1);
        Ok(Some(Turn {
            bytes: len,
            lines: 1,
            scanned: len,
            end: End::More,
        }))
    }

    /// The bytes of a long record for whoever keeps them, read once more because only its head is in memory. `None`:
    /// they are no more there.
    fn raw_of(&mut self, at: LineRef, format_state: &[u8]) -> io::Result<Option<Vec<Raw>>> {
        let (mut raw, mut from) = (Vec::new(), at.start);
        while from < at.end {
            let left = usize::try_from(at.end.saturating_sub(from)).unwrap_or(usize::MAX);
            let len = left.min(CHUNK_MAX);
            let bytes = self.body.bytes_at(from, len)?;
            if bytes.len() != len {
                return Ok(None);
            }
            raw.push(Raw {
                segment: at.segment,
                span: (from, from.saturating_add(len as u64)),
                bytes,
                inside: (false, false),
                ends: from.saturating_add(len as u64) == at.end,
                states: (format_state.to_vec(), format_state.to_vec()),
            });
            from = from.saturating_add(len as u64);
        }
        Ok(Some(raw))
    }

    /// Takes the consumed bytes up to `position` into what proves them.
    fn take_long(&mut self, from: u64, position: u64, job: &Job<'_, '_>) -> io::Result<bool> {
        let proof = proof_len(position);
        let window = self.body.bytes_at(position.saturating_sub(proof as u64), proof)?;
        if window.len() != proof {
            return Ok(false);
        }
        if let Some(hashing) = self.hashing.as_mut() {
            let body = &mut self.body;
            hashing.take_from(&mut |buf, at| body.read_full(buf, at), position)?;
        }
        self.window = window;
        if self.head.len() < PROOF_MAX {
            self.head = self.body.bytes_at(0, proof)?;
            self.head_grown();
        }
        if self.marks.wants(from) {
            let most = position.saturating_sub(from).min(START_MAX as u64);
            let start = self.body.bytes_at(from, usize::try_from(most).unwrap_or(START_MAX))?;
            self.marks.take(from, &start, &job.framer);
        }
        Ok(true)
    }
}
