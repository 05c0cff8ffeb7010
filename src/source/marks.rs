//! Where the first records of a file ended, as short hashes: how much of its beginning is still what was read.
//!
//! A proof says all or nothing. A file that was cut back within its first records (a crash that took back what was
//! not on the disk, `truncate -s`), or in which some lines were changed, must go on without counting its other lines
//! again, and the text of a log is never stored: so for each of the first records, and for each KiB of longer ones, there
//! is the place of its end and six bytes of its hash. One mark more stands for the last bytes that were consumed: where
//! they are still in their place, whatever was changed before them was changed in place.

use sha2::{Digest, Sha256};

use super::framer::Framer;

/// Most marks of one segment.
const MARKS_MAX: usize = 64;
/// Most bytes one mark stands for.
const PIECE: usize = 1024;
/// Bytes that tell one record from another: a time, or what is before it.
const BEGINS: usize = 64;
/// How far marks reach at most.
pub(super) const START_MAX: usize = MARKS_MAX * PIECE;
/// Bytes of one mark: its place (4) and its hash (6).
const MARK: usize = 10;

/// In the place of a mark: the record goes on behind it.
const INSIDE: u32 = 1 << 31;
/// The place of the mark of the last bytes.
const LAST: u32 = u32::MAX;
/// Bytes it covers: some records, with their times.
const LAST_BYTES: usize = 512;

/// How far the beginning of a file agrees with the marks of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Agreement {
    /// Behind the last record up to which all are still there.
    pub whole: u64,
    /// Behind the last record that is still there.
    last: u64,
    /// Behind the last record up to which each is still there or another of the same length in its place.
    fit: u64,
    /// A record that should be there whole is another.
    pub contradicted: bool,
    /// Marks that agree, at their places.
    pub records: usize,
    /// Marks there are.
    of: usize,
    /// Marks whose bytes are there, the same or others.
    there: usize,
    /// Marks that agree before the first that does not.
    prefix: usize,
    /// Marks that do not.
    others: usize,
}

impl Agreement {
    /// Whether all `len` bytes, where `start` was everything, are the first records of what was read.
    pub fn covers(&self, len: usize) -> bool {
        !self.contradicted && self.records > 0 && (self.whole == len as u64 || self.records == MARKS_MAX)
    }

    /// Whether a file of `len` bytes holds the first records of what was read and no others, but for a few that were changed
    /// in it.
    pub fn resembles(&self, len: u64) -> bool {
        self.mostly_there() && (self.fit == len || self.there == self.of)
    }

    /// Whether one record at most is another, and some are not: few enough to be changed and not written anew.
    pub fn but_for_one(&self) -> bool {
        self.others <= 1 && self.records > 1
    }

    /// Whether each record is there, or another one of the same length in its place, and most are.
    pub fn fits(&self) -> bool {
        self.mostly() && self.fit > 0 && self.there == self.of && self.fit >= self.last
    }

    /// Whether records agree behind one that does not, and as many as do not: it was changed in place. Lines that head every
    /// file are too few.
    pub fn in_place(&self) -> bool {
        self.contradicted && self.prefix < self.records && self.others <= self.records
    }

    /// Where what is still there ends: records changed in place do not end it. After a crash of the host another record in
    /// the place of one that was read is a new one.
    pub fn end(&self, crashed: bool) -> u64 {
        let last = if self.in_place() { self.last } else { self.whole };
        let fit = !crashed && self.mostly_there();
        if fit { last.max(self.fit) } else { last }
    }

    /// Whether most of several marks agree.
    pub fn mostly(&self) -> bool {
        self.records > 1 && self.of < self.records.saturating_mul(2)
    }

    /// Whether most of those agree whose bytes are there.
    fn mostly_there(&self) -> bool {
        self.records > 0 && self.there < self.records.saturating_mul(2)
    }

    /// Whether the file goes on behind all marks, of which most agree.
    pub fn goes_on(&self) -> bool {
        self.mostly() && self.there == self.of
    }
}

/// The hash of `piece`, and of how its record begins where that is before it: long records are alike inside.
fn mark(record: &[u8], piece: &[u8]) -> [u8; MARK - 4] {
    let hash: [u8; 32] = Sha256::new().chain_update(record).chain_update(piece).finalize().into();
    hash.first_chunk().copied().unwrap_or_default()
}

/// How the record that begins at `from` begins, for a piece of it that begins at `at`.
fn begins(bytes: &[u8], from: usize, at: usize) -> &[u8] {
    let upto = at.min(from.saturating_add(BEGINS));
    bytes.get(from..upto).unwrap_or_default()
}

/// The marks of a file while its first records are consumed.
#[derive(Debug, Clone, Default)]
pub(super) struct Marking {
    kept: Vec<u8>,
    /// Up to here there are marks.
    at: u64,
}

impl Marking {
    /// Goes on from `marks` of a segment that stands at `position`.
    pub fn resume(marks: &[u8], position: u64) -> Marking {
        let kept = without_last(marks).to_vec();
        let at = each(&kept).last().map_or(0, |(place, _)| u64::from(place & !INSIDE));
        // Bytes were consumed that have none: there will be no more.
        let at = if at == position { at } else { u64::MAX };
        Marking { kept, at }
    }

    /// Takes `bytes`, whole records that stood at `from` and were consumed.
    pub fn take(&mut self, from: u64, bytes: &[u8], framer: &Framer) {
        if !self.wants(from) {
            return;
        }
        let mut at = 0;
        // The last record of a file may have no end.
        for end in framer.line_ends(bytes).chain(std::iter::once(bytes.len())) {
            let begun = at;
            while at < end && !self.full() {
                let upto = end.min(at.saturating_add(PIECE));
                let place = from.saturating_add(upto as u64);
                let Ok(short) = u32::try_from(place) else { return };
                let place = if upto < end { short | INSIDE } else { short };
                self.kept.extend_from_slice(&place.to_le_bytes());
                self.kept
                    .extend_from_slice(&mark(begins(bytes, begun, at), bytes.get(at..upto).unwrap_or_default()));
                self.at = u64::from(short);
                at = upto;
            }
        }
    }

    /// Whether bytes that stood at `from` get marks.
    pub fn wants(&self, from: u64) -> bool {
        from == self.at && !self.full()
    }

    fn full(&self) -> bool {
        MARKS_MAX <= self.kept.len() / MARK
    }

    /// Writes them, and one of `window`, what was consumed last.
    pub fn write(&self, marks: &mut Vec<u8>, window: &[u8]) {
        marks.clone_from(&self.kept);
        if let Some((_, last)) = window.split_last_chunk::<LAST_BYTES>() {
            marks.extend_from_slice(&LAST.to_le_bytes());
            marks.extend_from_slice(&mark(&[], last));
        }
    }
}

/// Each mark's place and hash.
fn each(marks: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    marks.chunks_exact(MARK).filter_map(|mark| {
        let (place, hash) = mark.split_first_chunk::<4>()?;
        Some((u32::from_le_bytes(*place), hash))
    })
}

fn last_mark(marks: &[u8]) -> Option<&[u8]> {
    each(marks)
        .last()
        .filter(|(place, _)| *place == LAST)
        .map(|(_, hash)| hash)
}

fn without_last(marks: &[u8]) -> &[u8] {
    let last = last_mark(marks).map_or(0, |_| MARK);
    marks.get(..marks.len().saturating_sub(last)).unwrap_or_default()
}

/// Whether `bytes`, at least those before the position, end with what was consumed last.
pub(super) fn ends_alike(marks: &[u8], bytes: &[u8]) -> bool {
    let last = bytes.split_last_chunk::<LAST_BYTES>();
    last.is_some_and(|(_, last)| last_mark(marks) == Some(&mark(&[], last)))
}

/// Compares `start`, the beginning of a file now, all of it or [`START_MAX`] bytes, with the marks of what was consumed.
pub(super) fn agree(marks: &[u8], start: &[u8], framer: &Framer) -> Agreement {
    let mut out = Agreement::default();
    let (mut at, mut begun, mut fits) = (0usize, 0usize, true);
    for (place, hash) in each(without_last(marks)) {
        let inside = place & INSIDE != 0;
        let end = usize::try_from(place & !INSIDE).unwrap_or(usize::MAX);
        out.of = out.of.saturating_add(1);
        match start.get(at..end) {
            Some(piece) => {
                out.there = out.there.saturating_add(1);
                let same = mark(begins(start, begun, at), piece) == *hash;
                if same {
                    out.records = out.records.saturating_add(1);
                } else {
                    out.contradicted = true;
                    out.others = out.others.saturating_add(1);
                    let ends = framer.line_ends(piece).next();
                    fits &= ends == (!inside).then_some(piece.len());
                }
                if !out.contradicted {
                    out.prefix = out.records;
                }
                if !inside {
                    let upto = |to: &mut u64, yes: bool| *to = if yes { end as u64 } else { *to };
                    upto(&mut out.last, same);
                    upto(&mut out.whole, !out.contradicted);
                    upto(&mut out.fit, fits);
                }
            }
            // Cut in the middle of this record, or another record stands there.
            None => {
                let rest = start.get(at..).unwrap_or_default();
                let other = framer.line_ends(rest).next().is_some();
                out.contradicted |= other;
                fits &= !other;
            }
        }
        at = end;
        begun = if inside { begun } else { end };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Encoding;

    fn framer() -> Framer {
        Framer::new(Encoding::Utf8, false, 1 << 20)
    }

    fn marking(bytes: &[u8]) -> Marking {
        let mut marking = Marking::default();
        marking.take(0, bytes, &framer());
        marking
    }

    #[test]
    fn the_mark_of_the_last_bytes_goes_on_and_says_whether_they_are_in_place() {
        let mut marking = marking(b"one\ntwo\n");
        let mut kept = Vec::new();
        marking.write(&mut kept, b"one\ntwo\n");
        assert_eq!(kept.len(), 20);
        let (first, second) = (vec![b'a'; 600], vec![b'b'; 600]);
        marking.write(&mut kept, &first);
        marking = Marking::resume(&kept, 8);
        marking.write(&mut kept, &second);
        assert_eq!(kept.len(), 30);
        assert!(ends_alike(&kept, &second) && !ends_alike(&kept, &first));
        assert_eq!(agree(&kept, b"one\ntwo\n", &framer()).records, 2);
    }

    #[test]
    fn marks_tell_how_many_records_are_left_and_which_were_changed() {
        let head = b"one\ntwo\nthree\nfour";
        let mut marks = Vec::new();
        marking(&head[..14]).write(&mut marks, b"");
        for (now, whole, contradicted, in_place) in [
            (&b"one\ntwo\nthree\nfour and more\n"[..], 14, false, false),
            (b"one\ntw", 4, false, false),
            (b"one\nx\n", 4, true, false),
            (b"one\n", 4, false, false),
            (b"one\ntwX\nthree\n", 4, true, true),
            (b"one\ntwX\nothers\n", 4, true, false),
            (b"one\ntwo\nthree\nx\n", 14, false, false),
            (b"one\ntwo\nthree\nfour", 14, false, false),
            (b"other\nlines\n", 0, true, false),
            (b"", 0, false, false),
        ] {
            let agreed = agree(&marks, now, &framer());
            assert_eq!(
                (agreed.whole, agreed.contradicted, agreed.in_place()),
                (whole, contradicted, in_place),
                "{now:?}"
            );
        }
    }
}
