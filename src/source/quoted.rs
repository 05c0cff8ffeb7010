//! Rows of cells: where a record ends that may hold newlines between double quotes (RFC 4180).
//!
//! A quote opens a cell only where a cell begins, as `parse` reads them: at the start of the record or right behind a
//! delimiter. Not every program that writes rows doubles the quotes people type, so a quote may be open although no cell
//! of several lines was meant, and must not take along what others did afterwards. It was no quoted cell, and the record
//! ends at its first newline after all ([`Ended::open`]), where
//! - text stands behind the closing quote,
//! - it is still open after [`OPEN_NEWLINES_MAX`] newlines or [`OPEN_BYTES_MAX`] bytes,
//! - the number of columns is known and the record would have another one,
//! - a later line is a record by itself: it has all columns, and its first cell looks like that of this record.
//!
//! Asked with the bytes from the start of a record each time, so that any way of cutting a file gives the same records.

use memchr::memchr3;

use super::framer::{Ended, Framer, Unit};

/// Most newlines in the quoted cells of one record. Office systems write remarks of a few lines; what is longer is more
/// likely a quote that nobody closed, and must not hold back what follows.
pub(super) const OPEN_NEWLINES_MAX: u8 = 64;
/// Longest record with newlines in quoted cells, in bytes.
pub(super) const OPEN_BYTES_MAX: u64 = 64 * 1024;
/// Fewer columns than this say nothing of a line that has as many.
const COLUMNS_MIN: usize = 2;

const ESC: u8 = 0x1b;

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

/// What the first line of some bytes is.
enum First {
    /// The whole record, this long.
    Record(usize),
    /// Its newline stands in a quoted cell.
    Open,
    /// It has no newline yet.
    Endless,
}

/// The cells of a record, or of one line of it, up to where it was looked at.
#[derive(Debug, Clone, Copy)]
struct Walk {
    cell: Cell,
    cells: usize,
    /// What the first cell looks like: digits, letters, other characters, and marks as they stand.
    shape: u64,
    last: u32,
}

impl Walk {
    fn begin() -> Walk {
        Walk {
            cell: Cell::Plain,
            cells: 1,
            shape: 0,
            last: 0,
        }
    }

    /// Takes the next character. `begins`: a cell may begin with it.
    fn take(&mut self, code: u32, begins: bool, framer: &Framer) {
        let is = |c: char| code == u32::from(c);
        if self.cell == Cell::Closing {
            self.cell = match () {
                () if is('"') => Cell::Quoted,
                () if is('\r') || is('\n') || framer.delimits(code) => Cell::Plain,
                () => Cell::Wrong,
            };
            if self.cell == Cell::Quoted {
                return;
            }
        }
        match self.cell {
            Cell::Quoted if is('"') => self.cell = Cell::Closing,
            Cell::Plain if is('"') && begins => self.cell = Cell::Quoted,
            Cell::Plain if framer.delimits(code) => self.cells = self.cells.saturating_add(1),
            _ if self.cells == 1 && !is('"') => self.look(code),
            _ => {}
        }
    }

    /// Takes a character of the first cell into its shape, runs of one kind once.
    fn look(&mut self, code: u32) {
        let kind = match u8::try_from(code) {
            Ok(b'0'..=b'9') => u32::from(b'0'),
            Ok(b'a'..=b'z' | b'A'..=b'Z') => u32::from(b'a'),
            Ok(mark @ 0..0x80) => u32::from(mark),
            _ => 0x80,
        };
        if kind != self.last {
            self.shape = self.shape.wrapping_mul(0x100_0000_01b3) ^ u64::from(kind).wrapping_add(1);
        }
        self.last = kind;
    }

    /// Whether the line it walked, whose newline was just taken, has all of `columns` and nothing open.
    fn stands(&self, columns: usize) -> bool {
        COLUMNS_MIN <= columns && self.cells == columns && self.cell == Cell::Plain
    }
}

impl Framer {
    /// Where the record ends that `bytes` begin with; `state` is what its format remembers. `last`: no more bytes will
    /// come.
    pub(super) fn quoted_end(&self, bytes: &[u8], state: &[u8], last: bool) -> Option<Ended> {
        let whole = |len: usize| Ended::whole(len as u64);
        match self.first_line(bytes) {
            First::Record(len) => Some(whole(len)),
            First::Endless => last.then(|| whole(bytes.len())),
            First::Open => self.open_end(bytes, self.columns(state), last),
        }
    }

    /// The first line, for most records are one.
    fn first_line(&self, bytes: &[u8]) -> First {
        if self.unit() != Unit::Byte {
            return First::Open;
        }
        let third = if self.shifts() { ESC } else { b'"' };
        let (mut at, mut cell, mut shifted) = (0usize, Cell::Plain, false);
        while let Some(hit) = bytes.get(at..).and_then(|rest| memchr3(b'"', b'\n', third, rest)) {
            at = at.saturating_add(hit);
            match bytes.get(at) {
                Some(b'"') if !shifted => match (cell, bytes.get(at.saturating_add(1)).copied()) {
                    (Cell::Plain, _) if self.begins(at, before(bytes, at)) => cell = Cell::Quoted,
                    (Cell::Quoted, Some(b'"')) => at = at.saturating_add(1),
                    (Cell::Quoted, Some(b'\r' | b'\n')) => cell = Cell::Plain,
                    (Cell::Quoted, Some(next)) if self.delimits(u32::from(next)) => cell = Cell::Plain,
                    (Cell::Quoted, Some(_)) => cell = Cell::Wrong,
                    _ => {}
                },
                Some(b'\n') if cell == Cell::Quoted => return First::Open,
                Some(b'\n') => return First::Record(at.saturating_add(1)),
                Some(&ESC) => match bytes.get(at.saturating_add(1)) {
                    Some(b'$') => shifted = true,
                    Some(b'(') => shifted = false,
                    _ => {}
                },
                _ => {}
            }
            at = at.saturating_add(1);
        }
        First::Endless
    }

    /// The same, character by character, for records of several lines.
    fn open_end(&self, bytes: &[u8], columns: usize, last: bool) -> Option<Ended> {
        let most = self.open_max();
        let (mut record, mut line) = (Walk::begin(), Walk::begin());
        let (mut first, mut newlines, mut open_cell) = (None::<u64>, 0u8, 0usize);
        let (mut shifted, mut fresh, mut near) = (false, false, 0u32);
        for (at, code) in self.characters(bytes) {
            let len = at.saturating_add(self.unit().len()) as u64;
            let newline = code == u32::from('\n');
            if self.shifts() {
                shifted = !newline && shift(near).unwrap_or(shifted);
            }
            if !shifted {
                record.take(code, self.begins(at, near), self);
                if first.is_some() {
                    line.take(code, fresh || self.begins(at, near), self);
                }
            }
            fresh = newline;
            near = match self.unit() {
                Unit::Byte => near << 8 | code,
                Unit::Little | Unit::Big => code,
            };
            if let (Cell::Wrong, Some(first)) = (record.cell, first) {
                return Some(Ended::open(first));
            }
            if !newline {
                continue;
            }
            let alone = first.is_some() && line.stands(columns) && line.shape == record.shape;
            if record.cell == Cell::Quoted {
                let head = *first.get_or_insert(len);
                newlines = newlines.saturating_add(1);
                open_cell = record.cells;
                if alone || OPEN_NEWLINES_MAX < newlines || most < len {
                    return Some(Ended {
                        len: head,
                        open: head <= most,
                    });
                }
                line = Walk::begin();
                continue;
            }
            let Some(head) = first else {
                return Some(Ended::whole(len));
            };
            let others = COLUMNS_MIN <= columns && record.cells != columns;
            // The line behind the last newline of a first cell has all columns in any case.
            let alone = alone && 1 < open_cell;
            return Some(match others || alone || most < len {
                true => Ended::open(head),
                false => Ended::whole(len),
            });
        }
        match first {
            Some(first) if last || most < bytes.len() as u64 => Some(Ended::open(first)),
            _ => last.then(|| Ended::whole(bytes.len() as u64)),
        }
    }

    /// Characters, as far as they matter here, and where each begins.
    fn characters<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, u32)> + use<'a> {
        let unit = self.unit();
        let code = move |piece: &[u8]| match (unit, piece) {
            (Unit::Byte, [byte, ..]) => u32::from(*byte),
            (Unit::Big, [hi, lo]) => u32::from(u16::from_be_bytes([*hi, *lo])),
            (_, [lo, hi]) => u32::from(u16::from_le_bytes([*lo, *hi])),
            _ => 0,
        };
        let pieces = bytes.chunks_exact(unit.len()).enumerate();
        pieces.map(move |(n, piece)| (n.saturating_mul(unit.len()), code(piece)))
    }

    /// Whether a cell begins behind the first `len` bytes of a record, of which `near` are the last three, or the last
    /// character where these have two bytes.
    fn begins(&self, len: usize, near: u32) -> bool {
        let (mark, code) = match self.unit() {
            Unit::Byte => (len == 3 && near & 0xff_ffff == 0xef_bbbf, near & 0xff),
            Unit::Little | Unit::Big => (len == 2 && near == 0xfeff, near),
        };
        len == 0 || mark || self.delimits(code) && (self.pipe() || code != u32::from('|'))
    }
}

/// What a shift says whose last character follows `near`: whether bytes are half a character from now on.
fn shift(near: u32) -> Option<bool> {
    match (near >> 8 & 0xff, near & 0xff) {
        (0x1b, 0x24) => Some(true),
        (0x1b, 0x28) => Some(false),
        _ => None,
    }
}

/// The last three bytes before `at`.
fn before(bytes: &[u8], at: usize) -> u32 {
    let near = bytes.get(at.saturating_sub(3)..at).unwrap_or_default();
    near.iter().fold(0, |last, byte| last << 8 | u32::from(*byte))
}
