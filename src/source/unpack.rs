//! A compressed member taken up where a segment stands: unpacked to there, a piece at each turn, and proved on the way.

use std::io;

use super::body::{Body, Packed};
use super::chunks::{Hashing, brief};
use super::framer::Framer;
use super::identity::{PROOF_MAX, Stat};
use super::marks::{Marking, START_MAX, agree, ends_alike};
use super::tail::{End, Tail, Turn};
use super::{Phase, SegmentState};

/// Bytes unpacked in one turn.
const STEP: usize = 4 << 20;

/// What was unpacked so far of what was consumed before.
#[derive(Debug)]
pub(super) struct Catching {
    at: u64,
    origin: u64,
    hashing: Hashing,
    head: Vec<u8>,
    window: Vec<u8>,
    /// The segment was closed, and another may go on in what was its file: what only resembles it is not its.
    exact: bool,
}

impl Catching {
    fn begin(origin: u64, exact: bool) -> Catching {
        Catching {
            at: 0,
            origin,
            hashing: Hashing::begin(origin),
            head: Vec::new(),
            window: Vec::new(),
            exact,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = START_MAX.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.window.extend_from_slice(bytes);
        let over = self.window.len().saturating_sub(PROOF_MAX);
        self.window.drain(..over);
        let before = usize::try_from(self.origin.saturating_sub(self.at)).unwrap_or(usize::MAX);
        self.hashing.take(bytes.get(before..).unwrap_or_default());
        self.at = self.at.saturating_add(bytes.len() as u64);
    }

    /// Whether this is what `state` consumed.
    fn proves(&self, state: &SegmentState) -> bool {
        let head = self.head.get(..PROOF_MAX).unwrap_or(&self.head);
        let ends = state.head.holds(head) && state.window.holds(&self.window);
        let hashed =
            state.origin == state.position || self.hashing.part() == state.part && self.hashing.chain() == state.chain;
        ends && hashed
    }
}

impl Tail {
    /// Takes up a packed member where `state` stands; that it is what was consumed is proved by the first turns.
    pub fn resume_packed(mut body: Body, stat: Stat, state: &SegmentState) -> Tail {
        if let Body::Packed(packed) = &mut body {
            packed.rewind();
        }
        let mut tail = Tail::new(body, stat, Vec::new(), Vec::new());
        tail.catching = Some(Box::new(Catching::begin(state.origin, state.phase == Phase::Lost)));
        tail
    }

    /// The packed member that is read, if it is one.
    pub fn pack(&self) -> Option<&Packed> {
        match &self.body {
            Body::Packed(packed) => Some(packed),
            Body::Plain(_) => None,
        }
    }

    /// Unpacks towards where `state` stands.
    pub fn catch_up(&mut self, state: &SegmentState, framer: &Framer) -> io::Result<Turn> {
        let (Body::Packed(packed), Some(catching)) = (&mut self.body, self.catching.as_mut()) else {
            return Ok(Turn::nothing(End::More));
        };
        if packed.at() != catching.at {
            // An error on the way: it begins anew.
            packed.rewind();
            **catching = Catching::begin(state.origin, catching.exact);
        }
        let reached = packed.advance(state.position, STEP, &mut |bytes| catching.take(bytes))?;
        self.stat = self.body.stat()?;
        let Body::Packed(packed) = &self.body else {
            return Ok(Turn::nothing(End::More));
        };
        if !reached {
            let end = match () {
                () if packed.whole => End::Short,
                () if packed.at_end() => End::Caught,
                () => End::More,
            };
            let scanned = if end == End::More { STEP as u64 } else { 0 };
            return Ok(Turn {
                scanned,
                ..Turn::nothing(end)
            });
        }
        let Some(catching) = self.catching.take() else {
            return Ok(Turn::nothing(End::More));
        };
        if !catching.proves(state) {
            let agreed = agree(&state.marks, &catching.head, framer);
            let ended = framer.last_end(&catching.window) == Some(catching.window.len());
            let last = ends_alike(&state.marks, &catching.window);
            let edited = agreed.mostly() && (agreed.in_place() || (agreed.but_for_one() || agreed.fits()) && ended);
            let edited = edited || last && agreed.records > 0;
            let begins = catching
                .head
                .get(..PROOF_MAX)
                .is_some_and(|head| state.head.holds(head));
            if catching.exact || !(begins || edited) {
                return Ok(Turn::nothing(End::Refuted));
            }
            // It begins as what was read and goes on otherwise: nothing of it is counted again.
            let evidence = format!(
                "position={} records={} chain {} now {}",
                state.position,
                state.lines,
                brief(&state.chain),
                brief(&catching.hashing.chain())
            );
            self.changed = Some(((state.origin, state.position), evidence));
        }
        let mut head = catching.head;
        self.marks = Marking::default();
        let marked = head.get(..usize::try_from(state.position).unwrap_or(usize::MAX));
        self.marks.take(0, marked.unwrap_or(&head), framer);
        head.truncate(PROOF_MAX);
        (self.head, self.window) = (head, catching.window);
        let mut hashing = catching.hashing;
        hashing.take_filled(state.id);
        self.hashing = Some(hashing);
        self.head_grown();
        Ok(Turn::nothing(End::More))
    }
}
