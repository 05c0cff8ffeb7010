//! One chunk of bytes -> lines given out. The inner loop of reading.

use memchr::{memchr, memchr_iter};

use super::framer::{Framer, Scan};
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
    /// They end where a record does.
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

impl Framed {
    /// Cuts `chunk`, which begins at `state.position`, and gives each record to `sink`: up to `allowance` bytes,
    /// but with `force` at least one record, and with `closing` also what is left at the end. `more`: bytes follow
    /// behind the chunk.
    pub fn run(
        chunk: &[u8],
        state: &mut SegmentState,
        framer: &Framer,
        (allowance, force, closing, more): (u64, bool, bool, bool),
        sink: &mut Sink<'_>,
    ) -> Framed {
        let nul = framer.nul_is_damage() && memchr(0, chunk).is_some();
        let mut out = Framed {
            consumed: 0,
            lines: 0,
            stopped: false,
            scan: Scan::default(),
            nuls: Vec::new(),
        };
        let base = state.position;
        let segment = state.id;
        let format_state = &mut state.format_state;
        let mut give = |out: &mut Framed, end: usize| {
            if end as u64 > allowance && !(force && out.consumed == 0) {
                out.stopped = true;
                return false;
            }
            if nul {
                out.skip_nuls(chunk, end, base);
            }
            let record = chunk.get(out.consumed..end).unwrap_or_default();
            let start = base.saturating_add(out.consumed as u64);
            let at = LineRef {
                segment,
                start,
                end: base.saturating_add(end as u64),
            };
            sink(line_of(record, record.len() as u64, framer, nul, at), format_state);
            out.consumed = end;
            out.lines = out.lines.saturating_add(1);
            true
        };
        if framer.plain() {
            for newline in memchr_iter(b'\n', chunk) {
                if !give(&mut out, newline.saturating_add(1)) {
                    return out;
                }
            }
            if nul {
                out.skip_to_data(chunk, base, more);
            }
            out.scan.seen = chunk.len().saturating_sub(out.consumed) as u64;
        } else {
            while out.consumed <= chunk.len() {
                if nul {
                    out.skip_to_data(chunk, base, more);
                }
                let Some(rest) = chunk.get(out.consumed..) else { break };
                let mut scan = Scan::default();
                let Some(len) = framer.end(&mut scan, rest) else {
                    out.scan = scan;
                    break;
                };
                let end = out.consumed.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
                if !give(&mut out, end) {
                    return out;
                }
            }
        }
        while closing && out.consumed < chunk.len() {
            let rest = chunk.get(out.consumed..).unwrap_or_default();
            let mut scan = Scan::default();
            let whole = rest.len() as u64;
            let len = framer
                .end(&mut scan, rest)
                .unwrap_or_else(|| framer.end_of_rest(&scan, rest, whole));
            let end = out.consumed.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
            if !give(&mut out, end) {
                return out;
            }
        }
        out
    }
}

impl Framed {
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

    /// Leaves out the NUL bytes an incomplete record begins with, but not those at the end of the file: a writer that
    /// takes up room in advance may still fill them.
    fn skip_to_data(&mut self, chunk: &[u8], base: u64, more: bool) {
        let rest = chunk.get(self.consumed..).unwrap_or_default();
        if more || rest.iter().any(|b| *b != 0) {
            self.skip_nuls(chunk, chunk.len(), base);
        }
    }
}

/// The line made of a record of `len` bytes of which `record` holds all or the first.
pub(super) fn line_of<'a>(record: &'a [u8], len: u64, framer: &Framer, nul: bool, at: LineRef) -> Line<'a> {
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
    let damage = (nul && framer.nul_is_damage() && memchr(0, text).is_some()).then_some(Damage::Nul);
    Line {
        bytes: text,
        at,
        damage,
    }
}
