//! What this module keeps to itself, for those who try to break it: the fuzz targets (`fuzz/`) and the tests.

use std::io::Read as _;

use super::evtx::Events;
use super::framer::{Framer, Scan};
use super::{Columns, Encoding};
use crate::text::framing::Framing;

/// Cuts `bytes`, given in pieces of the lengths `cuts` (in turn), into records.
pub(super) fn records(framer: &Framer, bytes: &[u8], cuts: &[usize]) -> Vec<(usize, usize)> {
    let (mut found, mut start, mut have, mut turn) = (Vec::new(), 0_usize, 0_usize, 0_usize);
    let mut scan = Scan::default();
    let len = |len: u64| usize::try_from(len).unwrap_or(usize::MAX);
    loop {
        let from = start + len(scan.seen);
        if from < have
            && let Some(ended) = framer.end(&mut scan, bytes.get(from..have).unwrap_or_default(), &[])
        {
            found.push((start, start + len(ended.len)));
            start += len(ended.len);
            scan = Scan::default();
            continue;
        }
        if have == bytes.len() {
            break;
        }
        let more = cuts.get(turn % cuts.len().max(1)).map_or(1, |cut| (*cut).max(1));
        have = have.saturating_add(more).min(bytes.len());
        turn += 1;
    }
    found
}

/// Cuts `bytes` of a source into records, as they come in pieces of the lengths `cuts`.
pub fn cut(encoding: Encoding, framing: &Framing, columns: usize, bytes: &[u8], cuts: &[usize]) -> Vec<(usize, usize)> {
    let declared = Columns {
        declared: columns,
        of: |_| 0,
    };
    let quoted = matches!(framing, Framing::Quoted);
    let framer = Framer::new(encoding, quoted, 4096)
        .with_delimiter(Some(b','))
        .with_columns(Some(declared))
        .framed(framing);
    records(&framer, bytes, cuts)
}

/// The lines that a Windows event log becomes.
///
/// # Errors
/// It is none, or ends in the middle of a chunk.
pub fn event_lines(file: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    Events::new(file).read_to_end(&mut lines)?;
    Ok(lines)
}
