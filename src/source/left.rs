//! What is left of the consumed bytes in a file that does not simply continue them.
//!
//! Each piece of evidence says yes or no for itself: the first bytes, the marks of the first records, full chunks, the
//! chunk that was not full, the last bytes. Together they tell a file that was cut back from one that was edited and
//! from one that holds something else, after a restart as well as before it.

use std::fs::File;
use std::io;

use memchr::memmem;

use super::chunks::{brief, chunk_at, hash_of};
use super::framer::Framer;
use super::identity::{PROOF_MAX, bytes_at, proof_len};
use super::marks::{START_MAX, agree, ends_alike};
use super::{CHUNK_BYTES, ChunkHash, SegmentState};

/// Most full chunks compared at once, at either end; the others are compared in the background.
const PROBES: usize = 32;
/// How far from its place what was read last is looked for.
const SHIFT_MAX: u64 = 8 << 20;
/// Most and fewest bytes that are looked for.
const NEEDLE: std::ops::RangeInclusive<usize> = 32..=512;

/// How far back the beginning of a record is looked for.
const RECORD_BACK: u64 = 64 * 1024;

/// What to make of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything compared is as it was.
    Intact,
    /// It is shorter, and what is left is what was read.
    Cut,
    /// Bytes were changed; the rest is what was read. Reading goes on at this position.
    Edited(u64),
    /// It holds something else behind this position, where a record begins.
    Other(u64),
}

/// The evidence, and what follows from it.
#[derive(Debug, Clone)]
pub(super) struct Left {
    pub verdict: Verdict,
    /// Up to here the consumed bytes surely still stand.
    pub sure: u64,
    /// The chunk that is changed, and people were not told yet, with what it is now.
    pub changed: Option<ChunkHash>,
    /// What differs was told before.
    pub told: bool,
    /// Whether much of what was read stands in it: all of the first bytes, a chunk, or most of several records.
    pub resembles: bool,
    /// What was compared, for the event.
    pub evidence: String,
}

/// Compares `file`, now `size` bytes long, with what `state` consumed. `chunks` are its full ones in order, `window`
/// its last consumed bytes where they are still known, `boot` this boot of the kernel, `framer` says where records end.
pub(super) fn left(
    file: &File,
    size: u64,
    state: &SegmentState,
    (chunks, boot, framer): (&[ChunkHash], u128, &Framer),
    window: Option<&[u8]>,
) -> io::Result<Left> {
    let start = bytes_at(file, 0, START_MAX)?;
    let head_len = usize::try_from(state.head.len).unwrap_or(usize::MAX);
    let head = start.get(..head_len).is_some_and(|h| state.head.holds(h));
    let agreed = agree(&state.marks, &start, framer);
    let reaches = size >= state.position;
    let behind = state.position.saturating_sub(u64::from(state.window.len));
    let last = reaches && {
        let len = usize::try_from(state.window.len).unwrap_or(usize::MAX);
        state.window.holds(&bytes_at(file, behind, len)?)
    };
    let probed = probe(file, size, state, chunks)?;
    let part = reaches && state.part.len > 0 && {
        let from = state.position.saturating_sub(u64::from(state.part.len));
        hash_of(file, from, state.position)? == Some(state.part.hash)
    };
    let full_head = head && head_len == PROOF_MAX;
    let full_last = last && state.window.len as usize == PROOF_MAX;
    let much = full_head || full_last || part || probed.good > 0;
    let sure = if head {
        probed.sure.max(u64::from(state.head.len).min(size)).max(agreed.whole)
    } else {
        agreed.whole
    };
    let shifted = match window {
        Some(window) if !last && (much || head || agreed.whole > 0) => find(file, window, state.position)?,
        _ => None,
    };
    let ends_alike = reaches && {
        let from = state.position.saturating_sub(PROOF_MAX as u64);
        let len = proof_len(state.position);
        ends_alike(&state.marks, &bytes_at(file, from, len)?)
    };
    // All records but one are as they were, and one still ends where the last one did: it was changed. Unless a crash took
    // it back, and one of the same length was written since.
    let start_now = if reaches {
        record_start(file, state.position, framer)?
    } else {
        state.position
    };
    let crashed = crashed(state, boot);
    let fits = reaches && (agreed.but_for_one() || agreed.fits()) && !crashed && start_now == state.position;
    // Cut back, and before that perhaps changed in place.
    let cut = !agreed.contradicted && (head || agreed.whole > 0) || agreed.goes_on() || agreed.end(crashed) == size;
    let verdict = match (reaches, shifted) {
        (true, _) if head && last && probed.bad.is_none() => Verdict::Intact,
        (true, shifted) if much || agreed.in_place() || ends_alike || fits => {
            Verdict::Edited(shifted.unwrap_or(start_now))
        }
        (_, Some(position)) => Verdict::Edited(position),
        (false, None) if size > 0 && cut => Verdict::Cut,
        _ => Verdict::Other(agreed.end(crashed)),
    };
    let word = |yes: bool| if yes { "same" } else { "changed" };
    let mut evidence = format!(
        "size={size} position={} records={} head={}",
        state.position,
        state.lines,
        word(head)
    );
    if reaches {
        evidence += &format!(" last={}", word(last));
    }
    if let Some((chunk, found)) = &probed.bad {
        let (was, is) = (brief(&chunk.hash), brief(found));
        evidence += &format!(" chunk={} sha256 {was} now {is}", chunk.index);
    }
    Ok(Left {
        verdict,
        sure,
        resembles: full_head || full_last || probed.good > 0 || agreed.mostly() || ends_alike && agreed.records > 0,
        told: reaches && last && probed.told && probed.bad.is_none(),
        changed: probed.bad.map(|(chunk, found)| ChunkHash {
            found: Some(found),
            ..chunk
        }),
        evidence,
    })
}

/// Where the record begins that holds the byte before `position`, if it does not end there: other records were written
/// over those that did, and one that goes on behind it was never read.
fn record_start(file: &File, position: u64, framer: &Framer) -> io::Result<u64> {
    let from = position.saturating_sub(RECORD_BACK) & !1;
    let len = usize::try_from(position.saturating_sub(from)).unwrap_or(usize::MAX);
    let before = bytes_at(file, from, len)?;
    Ok(framer
        .last_end(&before)
        .map_or(position, |end| from.saturating_add(end as u64)))
}

/// Whether the host was started anew since `state` was read.
pub(super) fn crashed(state: &SegmentState, boot: u128) -> bool {
    state.boot != 0 && boot != 0 && state.boot != boot
}

/// The bytes of a full chunk of `state`.
pub(super) fn range(chunk: &ChunkHash, state: &SegmentState) -> (u64, u64) {
    let (_, start, end) = chunk_at(chunk.index.saturating_mul(CHUNK_BYTES), state.origin);
    (start, end)
}

#[derive(Debug, Default)]
struct Probed {
    /// Up to here chunk after chunk agrees.
    sure: u64,
    /// Chunks that agree.
    good: usize,
    /// One of them was changed, and people know.
    told: bool,
    /// The first that does not, and what it is now.
    bad: Option<(ChunkHash, [u8; 32])>,
}

fn probe(file: &File, size: u64, state: &SegmentState, chunks: &[ChunkHash]) -> io::Result<Probed> {
    let mut out = Probed::default();
    let there = |c: &&ChunkHash| range(c, state).1 <= size;
    let there: Vec<&ChunkHash> = chunks.iter().filter(there).collect();
    let last = there.len().saturating_sub(PROBES);
    let mut row = state.origin == 0;
    for (nth, chunk) in there.iter().enumerate() {
        if PROBES <= nth && nth < last {
            row = false;
            continue;
        }
        let (lo, hi) = range(chunk, state);
        match hash_of(file, lo, hi)? {
            Some(hash) if hash == chunk.hash || Some(hash) == chunk.found => {
                out.good = out.good.saturating_add(1);
                out.told |= hash != chunk.hash;
                if row {
                    out.sure = hi;
                }
            }
            Some(hash) => {
                row = false;
                out.bad.get_or_insert((**chunk, hash));
            }
            None => row = false,
        }
    }
    Ok(out)
}

/// Where what was read last ends now, when bytes before it were taken out or put in.
fn find(file: &File, window: &[u8], position: u64) -> io::Result<Option<u64>> {
    let from = window.len().saturating_sub(*NEEDLE.end());
    let needle = window.get(from..).unwrap_or(window);
    if needle.len() < *NEEDLE.start() {
        return Ok(None);
    }
    let lo = position.saturating_sub(SHIFT_MAX);
    let len = usize::try_from(SHIFT_MAX.saturating_mul(2)).unwrap_or(usize::MAX);
    let around = bytes_at(file, lo, len)?;
    let mut found = memmem::find_iter(&around, needle);
    // In a log that repeats itself it says nothing.
    let (Some(at), None) = (found.next(), found.next()) else {
        return Ok(None);
    };
    Ok(Some(lo.saturating_add(at as u64).saturating_add(needle.len() as u64)))
}
