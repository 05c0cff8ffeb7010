//! Where the first records of a file ended, as short hashes: how much of its beginning is still what was read.
//!
//! A proof says all or nothing. A file that was cut back within its first records (a crash that took back what was
//! not on the disk, `truncate -s`), or in which one line was changed, must go on without counting its other lines
//! again, and the text of a log is never stored: so for each record in the head there is the place of its end and six
//! bytes of its hash.

use sha2::{Digest, Sha256};

/// Most marks of one segment.
const MARKS_MAX: usize = 64;
/// Bytes of one mark: its place (2) and its hash (6).
const MARK: usize = 8;

/// How far the beginning of a file agrees with the marks of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Agreement {
    /// Behind the last record up to which all are still there.
    pub whole: u64,
    /// A record that should be there whole is another.
    pub contradicted: bool,
    /// Records that agree, at their places.
    pub records: usize,
    /// Records there were.
    pub of: usize,
    /// Records that agree before the first that does not.
    prefix: usize,
}

impl Agreement {
    /// Whether all `len` bytes, where `start` was everything, are the first records of what was read.
    pub fn covers(&self, len: usize) -> bool {
        !self.contradicted && self.records > 0 && (self.whole == len as u64 || self.records == MARKS_MAX)
    }

    /// Whether records agree behind one that does not: it was changed in place.
    pub fn in_place(&self) -> bool {
        self.contradicted && self.prefix < self.records
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

/// Compares `start`, the beginning of a file now, with `marks`.
pub(super) fn agree(marks: &[u8], start: &[u8]) -> Agreement {
    let mut out = Agreement::default();
    let mut at = 0usize;
    for kept in marks.chunks_exact(MARK) {
        let [low, high, hash @ ..] = kept else { break };
        let end = usize::from(u16::from_le_bytes([*low, *high]));
        out.of = out.of.saturating_add(1);
        match start.get(at..end) {
            Some(record) if mark(record) == *hash => {
                out.records = out.records.saturating_add(1);
                if !out.contradicted {
                    out.whole = end as u64;
                    out.prefix = out.records;
                }
            }
            Some(_) => out.contradicted = true,
            // Cut in the middle of this record, or another record stands there.
            None => out.contradicted |= memchr::memchr(b'\n', start.get(at..).unwrap_or_default()).is_some(),
        }
        at = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (b"other\nlines\n", 0, true, false),
            (b"", 0, false, false),
        ] {
            let agreed = agree(&marks, now);
            assert_eq!(
                (agreed.whole, agreed.contradicted, agreed.in_place()),
                (whole, contradicted, in_place),
                "{now:?}"
            );
        }
    }
}
