//! One chunk of bytes -> lines given out. The inner loop of reading.

use memchr::{memchr, memchr_iter};

use super::framer::{Ended, Framer, Scan};
use super::{SegmentState, tail::Sink};
use crate::access::{Damage, Line, LineRef, SegmentId};

/// Consumed bytes as they stood in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// The segment.
    pub segment: SegmentId,
    /// Where the first of them stood, and behind the last. In a journal: numbers of entries.
    pub span: (u64, u64),
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they begin, and whether they end, inside a record of which only the head is kept, and that was given before.
    pub inside: (bool, bool),
    /// They end where a record does, or inside one of which only the head is kept: others may be kept apart from them.
    pub ends: bool,
    /// What the format remembered before them and after them.
    pub states: (Vec<u8>, Vec<u8>),
}

/// What came of cutting one chunk into records.
pub(super) struct Framed {
    /// Bytes of whole records.
    pub consumed: usize,
    pub lines: u64,
    /// The allowance ended before the chunk.
    pub stopped: bool,
    /// Where the search stands in the incomplete record at the end.
    pub scan: Scan,
    /// Runs of NUL bytes at the start of records, left out: a hole that copytruncate left, blocks that a power loss
    /// never filled.
    pub nuls: Vec<(u64, u64)>,
}

/// Who takes the records of one chunk, and how many.
struct Giving<'c, 's, 'k> {
    chunk: &'c [u8],
    framer: &'c Framer,
    sink: &'c mut Sink<'s>,
    state: &'k mut Vec<u8>,
    segment: SegmentId,
    base: u64,
    nul: bool,
    allowance: u64,
    force: bool,
}

impl Giving<'_, '_, '_> {
    /// Gives the record that ends at `end`; `false`: it has to wait.
    #[inline]
    fn give(&mut self, out: &mut Framed, end: usize, open: bool) -> bool {
        if end as u64 > self.allowance && !(self.force && out.consumed == 0) {
            out.stopped = true;
            return false;
        }
        if self.nul {
            out.skip_nuls(self.chunk, end, self.base);
        }
        let record = self.chunk.get(out.consumed..end).unwrap_or_default();
        let at = LineRef {
            segment: self.segment,
            start: self.base.saturating_add(out.consumed as u64),
            end: self.base.saturating_add(end as u64),
        };
        let line = line_of(record, record.len() as u64, self.framer, (self.nul, open), at);
        (self.sink)(line, self.state);
        out.consumed = end;
        out.lines = out.lines.saturating_add(1);
        true
    }

    /// Gives records from where `out` stands, up to `upto`: however the last one ends, if `closing`.
    fn give_until(&mut self, out: &mut Framed, upto: usize, closing: bool) -> bool {
        while out.consumed < upto {
            let rest = self.chunk.get(out.consumed..upto).unwrap_or_default();
            let mut scan = Scan::default();
            let whole = rest.len() as u64;
            let ended = self.framer.end(&mut scan, rest, self.state);
            let ended = ended.or_else(|| closing.then(|| self.framer.end_of_rest(&scan, rest, whole, self.state)));
            let Some(Ended { len, open }) = ended else {
                out.scan = scan;
                break;
            };
            let end = out.consumed.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
            if !self.give(out, end, open) {
                return false;
            }
        }
        true
    }
}

impl Framed {
    fn nothing() -> Framed {
        Framed {
            consumed: 0,
            lines: 0,
            stopped: false,
            scan: Scan::default(),
            nuls: Vec::new(),
        }
    }

    /// Cuts `chunk`, which begins at `state.position`, and gives each record to `sink`: up to `allowance` bytes,
    /// but with `force` at least one record, and also what is left before `closing`. Inside a record of which the head was
    /// given before, its rest is left out.
    pub fn run(
        chunk: &[u8],
        state: &mut SegmentState,
        framer: &Framer,
        (allowance, force, closing): (u64, bool, usize),
        sink: &mut Sink<'_>,
    ) -> Framed {
        let mut out = Framed::nothing();
        if state.inside {
            out.leave_out(chunk, state, framer);
            return out;
        }
        let nul = framer.nul_is_damage() && memchr(0, chunk).is_some();
        let mut giving = Giving {
            chunk,
            framer,
            sink,
            segment: state.id,
            base: state.position,
            state: &mut state.format_state,
            nul,
            allowance,
            force,
        };
        if framer.plain() {
            for newline in memchr_iter(b'\n', chunk) {
                if !giving.give(&mut out, newline.saturating_add(1), false) {
                    return out;
                }
            }
            if nul {
                out.skip_to_data(chunk, giving.base);
            }
            out.scan.seen = chunk.len().saturating_sub(out.consumed) as u64;
        } else if nul {
            // Record by record: NUL bytes stand before some.
            loop {
                out.skip_to_data(chunk, giving.base);
                let before = out.consumed;
                let rest = chunk.get(before..).unwrap_or_default();
                let mut scan = Scan::default();
                let Some(Ended { len, open }) = framer.end(&mut scan, rest, giving.state) else {
                    out.scan = scan;
                    break;
                };
                let end = before.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
                if !giving.give(&mut out, end, open) {
                    return out;
                }
            }
        } else if !giving.give_until(&mut out, chunk.len(), false) {
            return out;
        }
        giving.give_until(&mut out, closing, true);
        out
    }

    /// Leaves out a chunk that is nothing but NUL bytes.
    pub fn all_nul(len: usize, position: u64) -> Framed {
        Framed {
            consumed: len,
            nuls: vec![(position, position.saturating_add(len as u64))],
            ..Framed::nothing()
        }
    }

    /// Leaves out the rest of a record of which the head was given.
    fn leave_out(&mut self, chunk: &[u8], state: &mut SegmentState, framer: &Framer) {
        match framer.line_ends(chunk).next() {
            Some(end) => {
                self.consumed = end;
                state.inside = false;
            }
            None => self.consumed = framer.whole_units(chunk.len()),
        }
    }

    /// Leaves out the NUL bytes a record that ends at `end` begins with.
    fn skip_nuls(&mut self, chunk: &[u8], end: usize, base: u64) {
        let record = chunk.get(self.consumed..end).unwrap_or_default();
        let run = record.iter().take_while(|b| **b == 0).count();
        if run > 0 {
            let lo = base.saturating_add(self.consumed as u64);
            self.consumed = self.consumed.saturating_add(run);
            self.nuls.push((lo, lo.saturating_add(run as u64)));
        }
    }

    /// Leaves out the NUL bytes an incomplete record begins with, but none behind which there is nothing yet: a writer
    /// that takes up room in advance may still fill them.
    fn skip_to_data(&mut self, chunk: &[u8], base: u64) {
        let rest = chunk.get(self.consumed..).unwrap_or_default();
        if rest.first() == Some(&0) && rest.iter().any(|b| *b != 0) {
            self.skip_nuls(chunk, chunk.len(), base);
        }
    }
}

/// The line made of a record of `len` bytes of which `record` holds all or the first.
///
/// `nul`: there are NUL bytes about. `open`: a quote in it was never closed.
pub(super) fn line_of<'a>(
    record: &'a [u8],
    len: u64,
    framer: &Framer,
    (nul, open): (bool, bool),
    at: LineRef,
) -> Line<'a> {
    let max = usize::try_from(framer.max()).unwrap_or(usize::MAX);
    let whole = record.len() as u64 == len;
    let text = framer.trim(record, whole);
    if let Some(head) = text.get(..max).filter(|_| !whole || max < text.len()) {
        return Line {
            bytes: head,
            at,
            damage: Some(Damage::Oversize),
        };
    }
    let nul = nul && framer.nul_is_damage() && memchr(0, text).is_some();
    let damage = nul.then_some(Damage::Nul).or(open.then_some(Damage::OpenQuote));
    Line {
        bytes: text,
        at,
        damage,
    }
}
