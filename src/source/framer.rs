//! Bytes -> records: where one record ends, however the bytes come in pieces.
//!
//! The search works on bytes before any decoding, so that a broken character never moves a boundary, and
//! it can be left and taken up again at any byte ([`Scan`]): any way of cutting a file into chunks gives
//! the same records.
//!
//! A record ends at a newline, but rows may hold some (`quoted`), and other kinds of records go by [`Framing`].

use std::sync::Arc;

use memchr::memchr_iter;

use super::Encoding;
use super::quoted::OPEN_BYTES_MAX;
use super::tail::MARKS_MAX;
use crate::text::framing::{self, Framing};

/// How many columns a row has: as its format declares, else as what it remembers of the file says.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// 0: the file says it.
    pub declared: usize,
    /// Reads it from what the format remembers; 0: it is not known.
    pub of: fn(&[u8]) -> usize,
}

/// The way records of one source end.
#[derive(Debug, Clone)]
pub(super) struct Framer {
    /// Records of another kind than lines and rows.
    other: Option<Arc<Framing>>,
    unit: Unit,
    quoted: bool,
    /// Whether bytes may be in a shifted state where `"` is half a character (ISO-2022-JP).
    shifts: bool,
    /// Whether `|` may be a delimiter; in Windows-31J it is half of some characters.
    pipe: bool,
    /// What separates cells, where that is known.
    delimiter: Option<u8>,
    /// How many cells a row has, where that can be known.
    columns: Option<Columns>,
    max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Byte,
    Little,
    Big,
}

impl Unit {
    /// Bytes of one.
    pub fn len(self) -> usize {
        match self {
            Unit::Byte => 1,
            Unit::Little | Unit::Big => 2,
        }
    }
}

/// Where a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its length, end mark included.
    pub len: u64,
    /// A quote in it was never closed: it ends at its first newline, and what follows is read by itself.
    pub open: bool,
}

impl Ended {
    pub fn whole(len: u64) -> Ended {
        Ended { len, open: false }
    }

    pub fn open(len: u64) -> Ended {
        Ended { len, open: true }
    }
}

/// Where the search for the end of one record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scan {
    /// Bytes of the record that need not be looked at again: there is no end in them, and the next newline is one.
    pub seen: u64,
}

impl Framer {
    /// Records of `encoding`, with newlines inside quotes if `quoted`, kept whole up to `max` bytes.
    pub fn new(encoding: Encoding, quoted: bool, max: usize) -> Framer {
        let unit = match encoding {
            Encoding::Utf16Le => Unit::Little,
            Encoding::Utf16Be => Unit::Big,
            _ => Unit::Byte,
        };
        Framer {
            other: None,
            unit,
            quoted,
            shifts: encoding == Encoding::Iso2022Jp,
            pipe: encoding != Encoding::Cp932,
            delimiter: None,
            columns: None,
            max: max.max(1) as u64,
        }
    }

    /// The same with cells separated by `delimiter` only.
    pub fn with_delimiter(mut self, delimiter: Option<u8>) -> Framer {
        self.delimiter = delimiter;
        self
    }

    /// The same with rows of so many cells.
    pub fn with_columns(mut self, columns: Option<Columns>) -> Framer {
        // In Windows-31J `|` may be half a character: such cells cannot be counted in bytes.
        let countable = self.delimiter.is_some_and(|delimiter| self.pipe || delimiter != b'|');
        self.columns = columns.filter(|_| countable);
        self
    }

    /// The same with records that end as `framing` says. Lines and rows are known already, and in UTF-16 a record is a
    /// line.
    pub fn framed(mut self, framing: &Framing) -> Framer {
        let known = matches!(framing, Framing::Lines | Framing::Quoted) || self.unit != Unit::Byte;
        self.other = (!known).then(|| Arc::new(framing.clone()));
        self
    }

    /// Whether a record simply ends at the next newline byte.
    pub fn plain(&self) -> bool {
        self.unit == Unit::Byte && !self.quoted && self.other.is_none()
    }

    /// Whether the end of a record only shows when the next one has begun.
    pub fn looks_ahead(&self) -> bool {
        self.other.as_ref().is_some_and(|framing| framing.looks_ahead())
    }

    /// Whether the lines of a record may wait for one that never comes.
    pub fn waits(&self) -> bool {
        self.quoted || self.looks_ahead()
    }

    /// Whether a NUL byte is damage; in UTF-16 it is half of most characters.
    pub fn nul_is_damage(&self) -> bool {
        self.unit == Unit::Byte
    }

    /// Longest record kept whole.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Looks at `bytes`, which go on where `scan` stopped, for the end of the record; `state` is what its format remembers.
    /// Where there is none, `scan` says how far the search came.
    pub fn end(&self, scan: &mut Scan, bytes: &[u8], state: &[u8]) -> Option<Ended> {
        if scan.seen == 0 && (self.quoted || self.other.is_some()) {
            // Asked with the bytes from the start of the record each time, unless it is one endless line.
            let (end, most) = match &self.other {
                Some(framing) => {
                    let end = framing.end(bytes, false).map(|len| Ended::whole(len as u64));
                    (end, framing::OPEN_BYTES_MAX as u64)
                }
                None => (self.quoted_end(bytes, state, false), self.open_max()),
            };
            if end.is_none() && most < bytes.len() as u64 {
                self.passed(scan, bytes.len());
            }
            return end;
        }
        let Some(end) = self.line_ends(bytes).next() else {
            self.passed(scan, bytes.len());
            return None;
        };
        Some(Ended::whole(scan.seen.saturating_add(end as u64)))
    }

    fn passed(&self, scan: &mut Scan, len: usize) {
        scan.seen = scan.seen.saturating_add(self.whole_units(len) as u64);
    }

    /// Of `len` bytes those that are whole characters, as far as units go.
    pub fn whole_units(&self, len: usize) -> usize {
        len.saturating_sub(len % self.unit.len())
    }

    /// Where a record of `len` bytes, which `rest` begins, ends when no more bytes will come.
    pub fn end_of_rest(&self, scan: &Scan, rest: &[u8], len: u64, state: &[u8]) -> Ended {
        if scan.seen == 0 {
            let end = match &self.other {
                Some(framing) => framing.end(rest, true).map(|len| Ended::whole(len as u64)),
                None if self.quoted => self.quoted_end(rest, state, true),
                None => None,
            };
            return end.unwrap_or(Ended::whole(len));
        }
        Ended::whole(len)
    }

    /// Whether a record is so long that only its head is kept, wherever it ends: at the next newline.
    pub fn endless(&self, scan: &Scan) -> bool {
        self.max.saturating_add(MARKS_MAX) <= scan.seen
    }

    /// Up to where records are over at the end of a file, of which `bytes` are the last: all of them, where it is closed, or
    /// those to the last of which nothing was added for long.
    pub fn over_at(&self, bytes: &[u8], closed: bool, settled: bool) -> usize {
        let end = self.last_end(bytes).unwrap_or(0);
        match () {
            () if closed => bytes.len(),
            // Where the next record begins another way than the lines of this one, half a line may be the next one's.
            () if !settled || self.looks_ahead() && end < bytes.len() => 0,
            () => end,
        }
    }

    /// What is used by `quoted`.
    pub(super) fn unit(&self) -> Unit {
        self.unit
    }

    pub(super) fn shifts(&self) -> bool {
        self.shifts
    }

    pub(super) fn pipe(&self) -> bool {
        self.pipe
    }

    /// Cells of a row; 0: nobody knows.
    pub(super) fn columns(&self, state: &[u8]) -> usize {
        self.columns.map_or(0, |columns| match columns.declared {
            0 => (columns.of)(state),
            declared => declared,
        })
    }

    /// The record without a byte order mark and, if it is `whole`, without its end mark (LF or CR LF).
    pub fn trim<'a>(&self, record: &'a [u8], whole: bool) -> &'a [u8] {
        let (bom, lf, cr): (&[u8], &[u8], &[u8]) = match self.unit {
            Unit::Byte => {
                let record = match record {
                    [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] if whole => line,
                    _ => record,
                };
                return match record {
                    [0xef, 0xbb, 0xbf, line @ ..] => line,
                    _ => record,
                };
            }
            Unit::Little => (b"\xff\xfe", b"\n\0", b"\r\0"),
            Unit::Big => (b"\xfe\xff", b"\0\n", b"\0\r"),
        };
        let record = match record.strip_suffix(lf).filter(|_| whole) {
            Some(line) => line.strip_suffix(cr).unwrap_or(line),
            None => record,
        };
        record.strip_prefix(bom).unwrap_or(record)
    }

    /// Where lines end in `bytes`, which begin where a record does or, in UTF-16, at an even place.
    pub fn line_ends<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = usize> + use<'a> {
        let unit = self.unit;
        memchr_iter(b'\n', bytes).filter_map(move |at| match unit {
            Unit::Byte => Some(at.saturating_add(1)),
            Unit::Little => {
                let high = bytes.get(at.saturating_add(1));
                (at.is_multiple_of(2) && high == Some(&0)).then(|| at.saturating_add(2))
            }
            Unit::Big => {
                let high = at.checked_sub(1).and_then(|at| bytes.get(at));
                (!at.is_multiple_of(2) && high == Some(&0)).then(|| at.saturating_add(1))
            }
        })
    }

    /// Where the last line of `bytes` ends, for a start at the end of a file.
    pub fn last_end(&self, bytes: &[u8]) -> Option<usize> {
        self.line_ends(bytes).last()
    }

    /// Whether this character separates cells. Where nobody said which one it is in this file: any of the usual ones.
    pub(super) fn delimits(&self, unit: u32) -> bool {
        match self.delimiter {
            Some(delimiter) => unit == u32::from(delimiter),
            None => matches!(char::from_u32(unit), Some(',' | '\t' | ';' | '|')),
        }
    }

    /// Longest record of several lines.
    pub(super) fn open_max(&self) -> u64 {
        self.max.min(OPEN_BYTES_MAX)
    }
}
