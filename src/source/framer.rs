//! Bytes -> records: where one record ends, however the bytes come in pieces.
//!
//! The search works on bytes before any decoding, so that a broken character never moves a boundary, and
//! it can be left and taken up again at any byte ([`Scan`]): any way of cutting a file into chunks gives
//! the same records.
//!
//! A record ends at a newline. With quoted newlines (RFC 4180) a newline in a quoted cell does not count. A quote opens a
//! cell only where a cell begins, as `parse` reads them: at the start of the record or right behind a delimiter. Where
//! text stands behind the closing quote, or the quote is still open after [`OPEN_NEWLINES_MAX`] newlines or
//! [`OPEN_BYTES_MAX`] bytes, it was no quoted cell, and the record ends at its first newline after all. A wrong quote
//! costs one record, never the rest of the file.

use std::sync::Arc;

use memchr::{memchr, memchr_iter, memchr3};

use super::Encoding;
use crate::text::framing::{self, Framing};

const ESC: u8 = 0x1b;
/// Most newlines in the quoted cells of one record. Office systems write remarks of a few lines; what is longer is more
/// likely a quote that nobody closed, and must not hold back what follows.
pub(super) const OPEN_NEWLINES_MAX: u8 = 64;
/// Longest record with newlines in quoted cells, in bytes.
pub(super) const OPEN_BYTES_MAX: u64 = 64 * 1024;

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
    max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    Little,
    Big,
}

/// Where the search for the end of one record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scan {
    /// Bytes of the record looked at.
    pub seen: u64,
    cell: Cell,
    shifted: bool,
    /// Newlines in quoted cells so far.
    newlines: u8,
    /// The last bytes looked at (three of them, or one UTF-16 unit), the last one lowest.
    last: u32,
    /// Length of the record if it ended at its first newline.
    first: Option<u64>,
}

/// What kind of cell the search stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cell {
    /// One without quotes, or behind the closing one.
    #[default]
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote in a quoted cell; the next character says whether it closed the cell.
    Closing,
    /// Text stood behind a closing quote: no quote of this record means anything.
    Wrong,
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
            max: max.max(1) as u64,
        }
    }

    /// The same with cells separated by `delimiter` only.
    pub fn with_delimiter(mut self, delimiter: Option<u8>) -> Framer {
        self.delimiter = delimiter;
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

    /// Whether a NUL byte is damage; in UTF-16 it is half of most characters.
    pub fn nul_is_damage(&self) -> bool {
        self.unit == Unit::Byte
    }

    /// Longest record kept whole.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Looks at `bytes`, which go on where `scan` stopped, for the end of the record. Gives the record's whole
    /// length, end mark included; else `scan` says how far the search came (short of `bytes` by at most
    /// three bytes that only make sense with the next).
    pub fn end(&self, scan: &mut Scan, bytes: &[u8]) -> Option<u64> {
        if let Some(framing) = self.other.as_ref().filter(|_| scan.seen == 0) {
            // Asked with the bytes from the start of the record each time, unless it is one endless line.
            let end = framing.end(bytes, false).map(|len| len as u64);
            if end.is_none() && framing::OPEN_BYTES_MAX < bytes.len() {
                scan.seen = bytes.len() as u64;
            }
            return end;
        }
        match (self.unit, self.quoted) {
            (Unit::Byte, false) => match memchr(b'\n', bytes) {
                Some(at) => Some(scan.seen.saturating_add(at as u64).saturating_add(1)),
                None => {
                    scan.seen = scan.seen.saturating_add(bytes.len() as u64);
                    None
                }
            },
            (Unit::Byte, true) => self.quoted_end(scan, bytes),
            (unit, _) => self.wide_end(unit, scan, bytes),
        }
    }

    /// What remains of a record of `len` bytes, which `rest` begins, when no more bytes will come: it ends there, or at
    /// its first newline if a quote was never closed.
    pub fn end_of_rest(&self, scan: &Scan, rest: &[u8], len: u64) -> u64 {
        if let Some(framing) = self.other.as_ref().filter(|_| scan.seen == 0) {
            return framing.end(rest, true).map_or(len, |len| len as u64);
        }
        scan.first.filter(|_| scan.cell == Cell::Quoted).unwrap_or(len)
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

    fn quoted_end(&self, scan: &mut Scan, bytes: &[u8]) -> Option<u64> {
        let base = scan.seen;
        let stop = |scan: &mut Scan, at: usize| {
            scan.last = before(scan.last, bytes, at);
            scan.seen = base.saturating_add(at as u64);
            self.overlong(scan)
        };
        let third = if self.shifts { ESC } else { b'"' };
        let mut at = 0usize;
        if scan.cell == Cell::Closing
            && let Some(next) = bytes.first()
        {
            at = usize::from(self.closed(scan, u32::from(*next)));
            if let Some(end) = wrong(scan) {
                return Some(end);
            }
        }
        while let Some(hit) = bytes.get(at..).and_then(|rest| memchr3(b'"', b'\n', third, rest)) {
            at = at.saturating_add(hit);
            match bytes.get(at) {
                Some(b'"') if !scan.shifted => match (scan.cell, bytes.get(at.saturating_add(1))) {
                    (Cell::Plain, _) => {
                        let begun = base.saturating_add(at as u64);
                        if self.begins(begun, before(scan.last, bytes, at)) {
                            scan.cell = Cell::Quoted;
                        }
                    }
                    (Cell::Quoted, None) => scan.cell = Cell::Closing,
                    (Cell::Quoted, Some(next)) => {
                        at = at.saturating_add(usize::from(self.closed(scan, u32::from(*next))));
                        if let Some(end) = wrong(scan) {
                            return Some(end);
                        }
                    }
                    (Cell::Closing | Cell::Wrong, _) => {}
                },
                Some(b'\n') => {
                    scan.shifted = false;
                    let len = base.saturating_add(at as u64).saturating_add(1);
                    if let Some(end) = self.newline(scan, len) {
                        return Some(end);
                    }
                }
                Some(&ESC) if self.shifts => match bytes.get(at.saturating_add(1)..at.saturating_add(3)) {
                    Some([b'$', _]) => scan.shifted = true,
                    Some([b'(', _]) => scan.shifted = false,
                    Some(_) => {}
                    // The escape sequence is cut: look at it again with its rest.
                    None => return stop(scan, at),
                },
                _ => {}
            }
            at = at.saturating_add(1);
        }
        stop(scan, bytes.len())
    }

    /// Whether a cell begins behind the first `len` bytes of a record, of which `last` are the last.
    fn begins(&self, len: u64, last: u32) -> bool {
        let (mark, unit) = match self.unit {
            Unit::Byte => (len == 3 && last & 0xff_ffff == 0xef_bbbf, last & 0xff),
            Unit::Little | Unit::Big => (len == 2 && last == 0xfeff, last),
        };
        len == 0 || mark || self.delimits(unit) && (self.pipe || unit != u32::from(b'|'))
    }

    /// Whether this character separates cells. Where nobody said which one it is in this file: any of the usual ones.
    fn delimits(&self, unit: u32) -> bool {
        match self.delimiter {
            Some(delimiter) => unit == u32::from(delimiter),
            None => matches!(char::from_u32(unit), Some(',' | '\t' | ';' | '|')),
        }
    }

    /// A quote stood in a quoted cell and `next` behind it: is that a doubled quote? Else the cell is over.
    fn closed(&self, scan: &mut Scan, next: u32) -> bool {
        scan.cell = match char::from_u32(next) {
            Some('"') => Cell::Quoted,
            Some('\r' | '\n') => Cell::Plain,
            _ if self.delimits(next) => Cell::Plain,
            _ => Cell::Wrong,
        };
        scan.cell == Cell::Quoted
    }

    /// A newline that makes the record `len` bytes long: is it the end?
    fn newline(&self, scan: &mut Scan, len: u64) -> Option<u64> {
        let first = *scan.first.get_or_insert(len);
        let overlong = self.open_max() < len;
        if scan.cell != Cell::Quoted {
            return Some(if overlong { first } else { len });
        }
        scan.newlines = scan.newlines.saturating_add(1);
        (overlong || OPEN_NEWLINES_MAX < scan.newlines).then_some(first)
    }

    fn overlong(&self, scan: &Scan) -> Option<u64> {
        if self.open_max() < scan.seen { scan.first } else { None }
    }

    /// Longest record of several lines.
    fn open_max(&self) -> u64 {
        self.max.min(OPEN_BYTES_MAX)
    }

    fn wide_end(&self, unit: Unit, scan: &mut Scan, bytes: &[u8]) -> Option<u64> {
        let code = |pair: &[u8]| match (unit, pair) {
            (Unit::Big, [hi, lo]) => u32::from(u16::from_be_bytes([*hi, *lo])),
            (_, [lo, hi]) => u32::from(u16::from_le_bytes([*lo, *hi])),
            _ => 0,
        };
        let mut len = scan.seen;
        for code in bytes.chunks_exact(2).map(code) {
            let begun = len;
            len = len.saturating_add(2);
            if !self.quoted {
                if code == 0x0a {
                    return Some(len);
                }
                continue;
            }
            let doubled = scan.cell == Cell::Closing && self.closed(scan, code);
            if let Some(end) = wrong(scan) {
                return Some(end);
            }
            match code {
                0x22 if doubled => {}
                0x22 if scan.cell == Cell::Quoted => scan.cell = Cell::Closing,
                0x22 if scan.cell == Cell::Plain && self.begins(begun, scan.last) => scan.cell = Cell::Quoted,
                0x0a => {
                    if let Some(end) = self.newline(scan, len) {
                        return Some(end);
                    }
                }
                _ => {}
            }
            scan.last = code;
        }
        scan.seen = len;
        self.overlong(scan)
    }
}

/// Where a record ends in which text stood behind a closing quote: at its first newline, if that is known.
fn wrong(scan: &Scan) -> Option<u64> {
    scan.first.filter(|_| scan.cell == Cell::Wrong)
}

/// The last three bytes before `at`, where `last` stood before `bytes`.
fn before(last: u32, bytes: &[u8], at: usize) -> u32 {
    let near = bytes.get(at.saturating_sub(3)..at).unwrap_or_default();
    near.iter().fold(last, |last, byte| last << 8 | u32::from(*byte))
}
