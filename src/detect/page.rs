//! One page of the book: what one key did on one day (JST), in cells of event time.
//!
//! A page is the sum of its accesses in any order; merging is addition and set union, so neither batches nor
//! the order of arrival can be seen in it. Cells are ten seconds wide while fresh and are joined to wider ones
//! as the page goes on, never before everything in the wider cell is old; a window that is at least 60 times as
//! wide as its cells is never short by more than one cell, and that one is counted in (the cautious side).
//! A window shorter than an hour that a late access asks for, hours behind the newest one, meets cells wider
//! than a sixtieth of it: there its far end is exact to a cell (at most four minutes) only.
//!
//! Not here: which pages there are (`book`), where they lie (`store`).

use super::sketch::Sketch;

/// Seconds of the finest cell.
pub const CELL_SECS: i64 = 10;
/// Finest cells in a day.
const CELLS: u16 = 8_640;
/// Widths of cells in finest cells: 10 s, 1 min, 4 min.
const WIDTHS: [u16; 3] = [1, 6, 24];
/// Age, in finest cells behind the newest cell, behind which a whole cell of each width must lie: none, 1 h, 6 h.
const KEEP: [u16; 3] = [0, 360, 2_160];
/// Distinct subjects kept exactly for each key and day; beyond, a sketch (see `sketch`).
pub const EXACT_SUBJECTS: usize = 4_096;

/// Amounts that are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Successful accesses.
    pub accesses: u64,
    /// Records given out, as far as stated.
    pub records: u64,
    /// Accesses whose number of records is unknown.
    pub records_unknown: u64,
    /// Bytes given out, as far as stated.
    pub bytes: u64,
    /// Accesses whose number of bytes is unknown.
    pub bytes_unknown: u64,
    /// Accesses that were refused or failed; none of the other amounts holds them.
    pub denied: u64,
}

impl Amounts {
    /// Adds `other`, saturating.
    pub fn add(&mut self, other: &Amounts) {
        self.accesses = self.accesses.saturating_add(other.accesses);
        self.records = self.records.saturating_add(other.records);
        self.records_unknown = self.records_unknown.saturating_add(other.records_unknown);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.bytes_unknown = self.bytes_unknown.saturating_add(other.bytes_unknown);
        self.denied = self.denied.saturating_add(other.denied);
    }

    fn fields(&self) -> [u64; 6] {
        [
            self.accesses,
            self.records,
            self.records_unknown,
            self.bytes,
            self.bytes_unknown,
            self.denied,
        ]
    }
}

/// Amounts of one span of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// First finest cell of the span, 0..8640.
    pub start: u16,
    /// Width in finest cells: 1, 6 or 24.
    pub width: u16,
    /// What happened in it.
    pub amounts: Amounts,
}

/// Distinct subjects of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subjects {
    /// Each keyed hash with the finest cells in which it was seen, sorted, without doubles.
    Exact(Vec<(u64, u16)>),
    /// Too many to keep: an estimate of their number.
    Sketch(Box<Sketch>),
}

/// What one key did on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Sums of the day.
    pub total: Amounts,
    /// Sorted by start, not overlapping: a late access that falls into a wide cell's span joins it.
    pub cells: Vec<Cell>,
    /// Distinct subjects.
    pub subjects: Subjects,
}

impl Default for Page {
    fn default() -> Self {
        Page {
            total: Amounts::default(),
            cells: Vec::new(),
            subjects: Subjects::Exact(Vec::new()),
        }
    }
}

impl Page {
    /// Makes the page empty; its memory is used again.
    pub fn clear(&mut self) {
        self.total = Amounts::default();
        self.cells.clear();
        match &mut self.subjects {
            Subjects::Exact(seen) => seen.clear(),
            Subjects::Sketch(_) => self.subjects = Subjects::Exact(Vec::new()),
        }
    }

    /// Adds the amounts of finest cell `cell`. Fastest when called in rising order.
    pub fn add(&mut self, cell: u16, amounts: &Amounts) {
        let cell = cell.min(CELLS - 1);
        self.total.add(amounts);
        match self.cells.last_mut() {
            Some(last) if cell < last.start => self.add_late(cell, amounts),
            Some(last) if cell < last.start.saturating_add(last.width) => last.amounts.add(amounts),
            _ => self.cells.push(Cell {
                start: cell,
                width: 1,
                amounts: *amounts,
            }),
        }
    }

    fn add_late(&mut self, cell: u16, amounts: &Amounts) {
        let at = self.cells.partition_point(|c| c.start <= cell);
        if let Some(before) = at.checked_sub(1).and_then(|i| self.cells.get_mut(i))
            && cell < before.start.saturating_add(before.width)
        {
            before.amounts.add(amounts);
            return;
        }
        self.cells.insert(
            at,
            Cell {
                start: cell,
                width: 1,
                amounts: *amounts,
            },
        );
    }

    /// Adds subjects; `seen` must be sorted.
    pub fn add_subjects(&mut self, seen: &[(u64, u16)]) {
        match &mut self.subjects {
            Subjects::Sketch(sketch) => seen.iter().for_each(|s| sketch.insert(s.0)),
            Subjects::Exact(have) if have.is_empty() => have.extend_from_slice(seen),
            Subjects::Exact(have) => {
                have.extend_from_slice(seen);
                have.sort_unstable();
                have.dedup();
            }
        }
        self.bound_subjects();
    }

    fn bound_subjects(&mut self) {
        let Subjects::Exact(have) = &self.subjects else { return };
        if have.len() <= EXACT_SUBJECTS {
            return;
        }
        let mut sketch = Box::<Sketch>::default();
        have.iter().for_each(|s| sketch.insert(s.0));
        self.subjects = Subjects::Sketch(sketch);
    }

    /// Adds everything of `other`, a page of the same key and day.
    pub fn merge(&mut self, other: &Page) {
        self.total.add(&other.total);
        let mine = std::mem::take(&mut self.cells);
        self.cells = merge_cells(mine, &other.cells);
        match &other.subjects {
            Subjects::Exact(seen) => self.add_subjects(seen),
            Subjects::Sketch(theirs) => {
                let mut joined = theirs.clone();
                match &self.subjects {
                    Subjects::Exact(have) => have.iter().for_each(|s| joined.insert(s.0)),
                    Subjects::Sketch(ours) => joined.merge(ours),
                }
                self.subjects = Subjects::Sketch(joined);
            }
        }
    }

    /// Number of distinct subjects; exact up to [`EXACT_SUBJECTS`] sightings.
    pub fn distinct(&self) -> u64 {
        match &self.subjects {
            Subjects::Exact(seen) => {
                let mut n = 0;
                let mut last = None;
                for (hash, _) in seen {
                    if last != Some(*hash) {
                        n += 1;
                        last = Some(*hash);
                    }
                }
                n
            }
            Subjects::Sketch(sketch) => sketch.estimate(),
        }
    }

    /// Joins cells that are old enough, so that a busy page stays small.
    pub fn coarsen(&mut self) {
        const FEW: usize = 64;
        if FEW <= self.cells.len() {
            self.join_old();
        }
    }

    fn join_old(&mut self) {
        let Some(newest) = self.cells.last().map(|c| c.start) else {
            return;
        };
        let mut out: Vec<Cell> = Vec::with_capacity(self.cells.len());
        for cell in &self.cells {
            let width = width_at(cell.start, newest).max(cell.width);
            let start = cell.start / width * width;
            match out.last_mut() {
                Some(last) if start < last.start.saturating_add(last.width) => last.amounts.add(&cell.amounts),
                _ => out.push(Cell {
                    start,
                    width,
                    amounts: cell.amounts,
                }),
            }
        }
        self.cells = out;
    }

    /// The cells as bytes: delta-coded starts and variable-length numbers.
    pub fn encode_cells(&self, out: &mut Vec<u8>) {
        out.clear();
        let mut before = 0u16;
        for cell in &self.cells {
            let class = WIDTHS.iter().position(|w| *w == cell.width).unwrap_or(0) as u64;
            put(out, (u64::from(cell.start.saturating_sub(before)) << 2) | class);
            before = cell.start;
            let fields = cell.amounts.fields();
            let mask = fields
                .iter()
                .enumerate()
                .fold(0u8, |m, (i, v)| if *v > 0 { m | (1 << i) } else { m });
            out.push(mask);
            fields.iter().filter(|v| **v > 0).for_each(|v| put(out, *v));
        }
    }

    /// The subjects as bytes: `1` and 10 bytes each, or `2` and the sketch. Empty: none.
    pub fn encode_subjects(&self, out: &mut Vec<u8>) {
        out.clear();
        match &self.subjects {
            Subjects::Exact(seen) if seen.is_empty() => {}
            Subjects::Exact(seen) => {
                out.push(1);
                for (hash, cell) in seen {
                    out.extend_from_slice(&hash.to_be_bytes());
                    out.extend_from_slice(&cell.to_be_bytes());
                }
            }
            Subjects::Sketch(sketch) => {
                out.push(2);
                out.extend_from_slice(sketch.registers());
            }
        }
    }

    /// Reads what [`Page::encode_cells`] and [`Page::encode_subjects`] wrote; `None` for anything else.
    pub fn decode(total: Amounts, cells: &[u8], subjects: &[u8]) -> Option<Page> {
        let mut page = Page {
            total,
            ..Page::default()
        };
        let mut rest = cells;
        let mut start = 0u16;
        while !rest.is_empty() {
            let head = take(&mut rest)?;
            start = start.checked_add(u16::try_from(head >> 2).ok()?)?;
            let width = *WIDTHS.get(usize::try_from(head & 3).ok()?)?;
            if CELLS < start.checked_add(width)? {
                return None;
            }
            let (mask, tail) = rest.split_first()?;
            rest = tail;
            if 0x3f < *mask {
                return None;
            }
            let mut fields = [0u64; 6];
            for (i, field) in fields.iter_mut().enumerate() {
                if mask & (1 << i) != 0 {
                    *field = take(&mut rest)?;
                }
            }
            let [accesses, records, records_unknown, bytes, bytes_unknown, denied] = fields;
            let amounts = Amounts {
                accesses,
                records,
                records_unknown,
                bytes,
                bytes_unknown,
                denied,
            };
            page.cells.push(Cell { start, width, amounts });
        }
        page.subjects = decode_subjects(subjects)?;
        Some(page)
    }
}

fn decode_subjects(bytes: &[u8]) -> Option<Subjects> {
    match bytes.split_first() {
        None => Some(Subjects::Exact(Vec::new())),
        Some((1, rest)) => {
            let (entries, tail) = rest.as_chunks::<10>();
            let entry = |e: &[u8; 10]| {
                let [a, b, c, d, e, f, g, h, hi, lo] = *e;
                (
                    u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                    u16::from_be_bytes([hi, lo]),
                )
            };
            let seen: Vec<(u64, u16)> = entries.iter().map(entry).collect();
            let sound = tail.is_empty() && seen.is_sorted_by(|a, b| a < b) && seen.iter().all(|s| s.1 < CELLS);
            sound.then_some(Subjects::Exact(seen))
        }
        Some((2, rest)) => Some(Subjects::Sketch(Box::new(Sketch::from_registers(rest)?))),
        Some(_) => None,
    }
}

/// The width a cell at `start` may have once `newest` has begun: the widest that lies behind its age as a whole, so
/// that no window ever finds fresh amounts in a cell wider than it can use.
fn width_at(start: u16, newest: u16) -> u16 {
    let end = |width: u16| start / width * width + (width - 1);
    let mut widths = WIDTHS.into_iter().zip(KEEP).rev();
    widths
        .find(|(width, keep)| *width == 1 || *keep < newest.saturating_sub(end(*width)))
        .map_or(1, |(width, _)| width)
}

fn merge_cells(mine: Vec<Cell>, other: &[Cell]) -> Vec<Cell> {
    if mine.is_empty() {
        return other.to_vec();
    }
    let mut out: Vec<Cell> = Vec::with_capacity(mine.len() + other.len());
    let mut a = mine.into_iter().peekable();
    let mut b = other.iter().copied().peekable();
    while let Some(next) = match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if (x.start, std::cmp::Reverse(x.width)) <= (y.start, std::cmp::Reverse(y.width)) => {
            a.next()
        }
        (_, Some(_)) => b.next(),
        (_, None) => a.next(),
    } {
        match out.last_mut() {
            // A fine cell inside a wide one joins it.
            Some(last) if next.start < last.start.saturating_add(last.width) => last.amounts.add(&next.amounts),
            _ => out.push(next),
        }
    }
    out
}

/// Appends `v` seven bits at a time, lowest first, high bit meaning "more" (LEB128).
fn put(out: &mut Vec<u8>, mut v: u64) {
    loop {
        let [low, ..] = v.to_le_bytes();
        v >>= 7;
        if v == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut v = 0u64;
    let mut shift = 0u32;
    loop {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        if shift == 63 && 1 < *byte {
            return None;
        }
        v |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(v);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

#[cfg(test)]
mod tests;
