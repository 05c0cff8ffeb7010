//! Where the first records of a file ended, as short hashes: how much of its beginning is still what was read.
//!
//! A proof says all or nothing. A file that was cut back within its first records (a crash that took back what was
//! not on the disk, `truncate -s`), or in which one line was changed, must go on without counting its other lines
//! again, and the text of a log is never stored: so for each record in the head there is the place of its end and six
//! bytes of its hash. One mark more stands for the last bytes that were consumed: where they are still in their place,
//! whatever was changed before them was changed in place.

use sha2::{Digest, Sha256};

/// Most marks of one segment.
const MARKS_MAX: usize = 64;
/// Bytes of one mark: its place (2) and its hash (6).
const MARK: usize = 8;

/// The place of the mark of the last bytes; no record of the head ends so far behind.
const LAST: u16 = u16::MAX;
/// Bytes it covers: some records, with their times.
const LAST_BYTES: usize = 512;

/// How far the beginning of a file agrees with the marks of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Agreement {
    /// Behind the last record up to which all are still there.
    pub whole: u64,
    /// Behind the last record that is still there.
    last: u64,
    /// A record that should be there whole is another.
    pub contradicted: bool,
    /// Records that agree, at their places.
    pub records: usize,
    /// Records there were.
    pub of: usize,
    /// Records that agree before the first that does not.
    prefix: usize,
    /// Records that do not.
    others: usize,
}

impl Agreement {
    /// Whether all `len` bytes, where `start` was everything, are the first records of what was read.
    pub fn covers(&self, len: usize) -> bool {
        !self.contradicted && self.records > 0 && (self.whole == len as u64 || self.records == MARKS_MAX)
    }

    /// Whether one record at most is another, and some are not: few enough to be changed and not written anew.
    pub fn but_for_one(&self) -> bool {
        self.others <= 1 && self.records > 1
    }

    /// Whether records agree behind one that does not, and as many as do not: it was changed in place. Lines that head every
    /// file are too few.
    pub fn in_place(&self) -> bool {
        self.contradicted && self.prefix < self.records && self.others <= self.records
    }

    /// Where what is still there ends: records changed in place do not end it.
    pub fn end(&self) -> u64 {
        if self.in_place() { self.last } else { self.whole }
    }

    /// Whether most of several records agree.
    pub fn mostly(&self) -> bool {
        self.records > 1 && self.of < self.records.saturating_mul(2)
    }
}

fn mark(record: &[u8]) -> [u8; MARK - 2] {
    let hash: [u8; 32] = Sha256::digest(record).into();
    hash.first_chunk().copied().unwrap_or_default()
}

/// The marks of the consumed `head` of a file whose records end at `ends`.
pub(super) fn marks(head: &[u8], ends: impl Iterator<Item = usize>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    for end in ends.take(MARKS_MAX) {
        let Ok(place) = u16::try_from(end) else { break };
        out.extend_from_slice(&place.to_le_bytes());
        out.extend_from_slice(&mark(head.get(at..end).unwrap_or_default()));
        at = end;
    }
    out
}

/// Puts the mark of the last bytes of `window`, what was consumed last, behind the others.
pub(super) fn mark_last(marks: &mut Vec<u8>, window: &[u8]) {
    if last_mark(marks).is_some() {
        marks.truncate(marks.len().saturating_sub(MARK));
    }
    if let Some((_, last)) = window.split_last_chunk::<LAST_BYTES>() {
        marks.extend_from_slice(&LAST.to_le_bytes());
        marks.extend_from_slice(&mark(last));
    }
}

fn last_mark(marks: &[u8]) -> Option<&[u8]> {
    let (_, last) = marks.split_last_chunk::<MARK>()?;
    let (place, hash) = last.split_first_chunk::<2>()?;
    (u16::from_le_bytes(*place) == LAST).then_some(hash)
}

/// Whether `bytes`, at least those before the position, end with what was consumed last.
pub(super) fn ends_alike(marks: &[u8], bytes: &[u8]) -> bool {
    let last = bytes.split_last_chunk::<LAST_BYTES>();
    last.is_some_and(|(_, last)| last_mark(marks) == Some(&mark(last)))
}

/// Compares `start`, the beginning of a file now, with `marks` of the first `head_len` bytes that were consumed.
pub(super) fn agree(marks: &[u8], head_len: u32, start: &[u8]) -> Agreement {
    let mut out = Agreement::default();
    let mut at = 0usize;
    for kept in marks.chunks_exact(MARK) {
        let [low, high, hash @ ..] = kept else { break };
        let place = u16::from_le_bytes([*low, *high]);
        if place == LAST {
            break;
        }
        let end = usize::from(place);
        out.of = out.of.saturating_add(1);
        match start.get(at..end) {
            Some(record) if mark(record) == *hash => {
                out.records = out.records.saturating_add(1);
                out.last = end as u64;
                if !out.contradicted {
                    out.whole = end as u64;
                    out.prefix = out.records;
                }
            }
            Some(_) => {
                out.contradicted = true;
                out.others = out.others.saturating_add(1);
            }
            // Cut in the middle of this record, or another record stands there.
            None => out.contradicted |= memchr::memchr(b'\n', start.get(at..).unwrap_or_default()).is_some(),
        }
        at = end;
    }
    // Behind the last mark no record ended within the head: one that does is another.
    let len = usize::try_from(head_len).unwrap_or(usize::MAX).min(start.len());
    if out.of < MARKS_MAX {
        out.contradicted |= memchr::memchr(b'\n', start.get(at..len).unwrap_or_default()).is_some();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_the_last_bytes_goes_on_and_says_whether_they_are_in_place() {
        let mut kept = marks(b"one\ntwo\n", [4, 8].into_iter());
        mark_last(&mut kept, b"one\ntwo\n");
        assert_eq!(kept.len(), 16);
        let (first, second) = (vec![b'a'; 600], vec![b'b'; 600]);
        mark_last(&mut kept, &first);
        mark_last(&mut kept, &second);
        assert_eq!(kept.len(), 24);
        assert!(ends_alike(&kept, &second) && !ends_alike(&kept, &first));
        assert_eq!(agree(&kept, 8, b"one\ntwo\n").records, 2);
        assert!(!ends_alike(&marks(b"one\n", std::iter::once(4)), &second));
    }

    #[test]
    fn marks_tell_how_many_records_are_left_and_which_were_changed() {
        let head = b"one\ntwo\nthree\nfour";
        let marks = marks(head, memchr::memchr_iter(b'\n', head).map(|at| at + 1));
        for (now, whole, contradicted, in_place) in [
            (&b"one\ntwo\nthree\nfour and more\n"[..], 14, false, false),
            (b"one\ntw", 4, false, false),
            (b"one\nx\n", 4, true, false),
            (b"one\n", 4, false, false),
            (b"one\ntwX\nthree\n", 4, true, true),
            (b"one\ntwX\nothers\n", 4, true, false),
            (b"one\ntwo\nthree\nx\n", 14, true, false),
            (b"one\ntwo\nthree\nfour", 14, false, false),
            (b"other\nlines\n", 0, true, false),
            (b"", 0, false, false),
        ] {
            let agreed = agree(&marks, 18, now);
            assert_eq!(
                (agreed.whole, agreed.contradicted, agreed.in_place()),
                (whole, contradicted, in_place),
                "{now:?}"
            );
        }
    }
}
