//! CSV: RFC 4180 records with a header line or declared columns.
//!
//! The framer hands over a whole record, quoted newlines included. Columns are found by the configured name, else by
//! the usual ones (`names`). A configured column that is not there leaves its field unknown, and [`Lacking`] says so; without
//! a time no row is read. The header is remembered in the [`FormatState`]; where it comes again it is nothing. Where
//! another header stands in the middle of a file (two exports in one) it holds from there on, but the line counts as a
//! reject so that the change shows; the same names in another order are refused, because every row after them would be
//! misread without a sign.

use std::hash::{DefaultHasher, Hash, Hasher};

use memchr::memchr;

use super::cells::{Cell, Cells, Form, undecorated};
use super::format::{FormatError, Got, Read};
use super::lacking::Lacking;
use super::names::{DAY_AND_CLOCK, Slot};
use super::scan::trim;
use super::state::{FormatState, Header};
use super::{CsvFormat, FieldNames, Record, Why};

/// Most columns a header may have; a longer line is no header.
const COLUMNS_MAX: usize = 2000;

/// A CSV format, compiled.
#[derive(Debug)]
pub(super) struct CsvRows {
    delimiter: u8,
    fields: FieldNames,
    zone_secs: i32,
    /// Equal rows no further apart, in microseconds, are one access.
    equal_within: i64,
    /// The declared columns and what they are.
    declared: Option<(Vec<Vec<u8>>, Plan)>,
    /// Tells the plans of this format from those of an earlier configuration.
    id: u64,
}

/// Which column is which field.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The format that made it.
    format: u64,
    /// The fields of each column; a column may be two, most are none.
    columns: Vec<Vec<Slot>>,
}

impl CsvRows {
    pub(super) fn compile(settings: &CsvFormat) -> Result<CsvRows, FormatError> {
        let CsvFormat {
            delimiter,
            columns,
            fields,
            zone_secs,
            equal_within_secs,
        } = settings;
        if delimiter.is_ascii_alphanumeric() || matches!(delimiter, b'"' | b'\n' | b'\r' | 0 | 0x80..) {
            return Err(FormatError::Delimiter);
        }
        let mut hasher = DefaultHasher::new();
        format!("{fields:?}").hash(&mut hasher);
        let mut rows = CsvRows {
            delimiter: *delimiter,
            fields: fields.clone(),
            zone_secs: *zone_secs,
            equal_within: i64::from(*equal_within_secs).saturating_mul(1_000_000),
            declared: None,
            id: hasher.finish(),
        };
        if !columns.is_empty() {
            let names: Vec<_> = columns.iter().map(|name| trim(name.as_bytes()).to_vec()).collect();
            let known = || columns.join(", ");
            let (plan, lacks) = rows.plan(&names);
            if let Some(slot) = lacks.first() {
                return Err(match slot.configured(fields) {
                    Some(name) => FormatError::Column {
                        field: slot.key(),
                        name: name.to_owned(),
                        known: known(),
                    },
                    None => FormatError::NoTimeColumn { known: known() },
                });
            }
            rows.declared = Some((names, plan));
        }
        Ok(rows)
    }

    /// Reads one record.
    pub(super) fn read<'a>(&self, line: &'a [u8], state: &mut FormatState, record: &mut Record<'a>) -> Read {
        if let Some((names, plan)) = &self.declared {
            let read = self.row(line, plan).and_then(|cells| self.fill(&cells, state, record));
            return if self.says_nothing(read, line, names) {
                Ok(Got::Nothing)
            } else {
                read
            };
        }
        let Some(header) = &mut state.header else {
            return self.first(line, state);
        };
        if header.plan.as_ref().is_none_or(|plan| plan.format != self.id) {
            let (plan, lacks) = self.plan(&header.names);
            if !lacks.is_empty() {
                state.lacking = Some(self.lacking(&lacks, &header.names));
            }
            header.plan = usable(&lacks).then_some(plan);
        }
        let Some(plan) = &header.plan else {
            return self.first(line, state);
        };
        let cells = self.row(line, plan);
        let read = cells.and_then(|cells| self.fill(&cells, state, record));
        match read {
            Err(Why::Time | Why::Columns) => self.other_header(read, line, state),
            read => read,
        }
    }

    #[inline]
    fn fill<'a>(&self, cells: &Cells<'a>, state: &mut FormatState, record: &mut Record<'a>) -> Read {
        let got = cells.fill(self.zone_secs, &mut state.clock, record)?;
        if let Some(number) = cells.joined_by() {
            state.operations.meet(&number, record);
        }
        if 0 < self.equal_within && state.operations.is_again(self.equal_within, record) {
            return Ok(Got::Nothing);
        }
        Ok(got)
    }

    /// How many columns are declared; 0: the file says it.
    pub(super) fn declared(&self) -> usize {
        self.declared.as_ref().map_or(0, |(names, _)| names.len())
    }

    /// The head of a row, completed.
    pub(super) fn completed(&self, head: &[u8], state: &FormatState) -> Option<Vec<u8>> {
        let columns = match self.declared() {
            0 => state.header.as_ref()?.names.len(),
            declared => declared,
        };
        super::head::row(head, self.delimiter, columns)
    }

    /// Splits a record into the cells the plan asks for.
    #[inline]
    fn row<'a>(&self, line: &'a [u8], plan: &Plan) -> Result<Cells<'a>, Why> {
        let mut cells = Cells::default();
        let mut rest = Some(line);
        for slots in &plan.columns {
            let (cell, after) = cell(rest.ok_or(Why::Columns)?, self.delimiter).ok_or(Why::Shape)?;
            if let Some((first, more)) = slots.split_first() {
                for slot in more {
                    cells.set(*slot, cell);
                }
                cells.set(*first, cell);
            }
            rest = after;
        }
        if rest.is_none() { Ok(cells) } else { Err(Why::Columns) }
    }

    /// A line before any header: it is the header, or there is none.
    #[cold]
    fn first(&self, line: &[u8], state: &mut FormatState) -> Read {
        let names = self.cells(line).ok_or(Why::Shape)?;
        let (plan, lacks) = self.plan(&names);
        if !usable(&lacks) {
            // A title may stand above the header; where the next line is none either, the first one is told of.
            match state.suspect.take() {
                Some(first) => state.lacking = Some(first),
                None if state.header.is_none() => state.suspect = Some(self.lacking(&lacks, &names)),
                None => {}
            }
            return Err(Why::Missing);
        }
        if !lacks.is_empty() {
            state.lacking = Some(self.lacking(&lacks, &names));
        }
        state.suspect = None;
        state.set_header(Header {
            names,
            plan: Some(plan),
            table: None,
        });
        Ok(Got::Nothing)
    }

    /// A line that is no record under the present header: nothing if it is the header again or an empty row, else a
    /// reject, be it another header or none.
    #[cold]
    fn other_header(&self, read: Read, line: &[u8], state: &mut FormatState) -> Read {
        if state
            .header
            .as_ref()
            .is_some_and(|header| self.says_nothing(read, line, &header.names))
        {
            return Ok(Got::Nothing);
        }
        let Some(names) = self.cells(line) else { return read };
        // A header has a time column and the account's and no time in it, so no row of values passes for one.
        let (plan, lacks) = self.plan(&names);
        let timed = |cell: &Vec<u8>| state.clock.any(undecorated(cell), self.zone_secs).is_some();
        if !usable(&lacks) || !plan.has(Slot::User) || names.iter().any(timed) {
            return read;
        }
        if state.header.as_ref().is_none_or(|old| differs(&names, &old.names)) {
            if !lacks.is_empty() {
                state.lacking = Some(self.lacking(&lacks, &names));
            }
            state.set_header(Header {
                names,
                plan: Some(plan),
                table: None,
            });
        }
        Err(Why::Columns)
    }

    /// Whether a line without a time is the header again, or an empty row.
    fn says_nothing(&self, read: Read, line: &[u8], names: &[Vec<u8>]) -> bool {
        matches!(read, Err(Why::Time | Why::Columns))
            && self
                .cells(line)
                .is_some_and(|cells| cells == names || cells.iter().all(Vec::is_empty))
    }

    /// Every cell of a record, trimmed.
    fn cells(&self, line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut cells = Vec::new();
        let mut rest = Some(line);
        while let Some(text) = rest {
            let (cell, after) = cell(text, self.delimiter)?;
            cells.push(cell.value().into_owned());
            rest = after;
            if COLUMNS_MAX < cells.len() {
                return None;
            }
        }
        Some(cells)
    }

    fn lacking(&self, lacks: &[Slot], names: &[Vec<u8>]) -> Box<Lacking> {
        Box::new(Lacking::new(lacks, &self.fields, names, !usable(lacks)))
    }

    /// Finds the fields among column names, and those whose configured column is not there (or any column that is a time).
    fn plan(&self, names: &[Vec<u8>]) -> (Plan, Vec<Slot>) {
        let mut lacks = Vec::new();
        let mut columns: Vec<Vec<Slot>> = vec![Vec::new(); names.len()];
        let names = Names::new(names);
        let usual_time = self.fields.time.is_none() && self.fields.time2.is_none();
        let pair = DAY_AND_CLOCK
            .iter()
            .filter(|_| usual_time)
            .find_map(|(day, clock)| Some((names.column(day)?, names.column(clock)?)));
        for slot in Slot::ALL {
            if let (Slot::RecordKey, Some(name)) = (slot, slot.configured(&self.fields)) {
                let places = names.columns(name);
                if places.is_none() {
                    lacks.push(slot);
                }
                for at in places.into_iter().flatten() {
                    if let Some(slots) = columns.get_mut(at) {
                        slots.push(slot);
                    }
                }
                continue;
            }
            let at = match (slot, pair, slot.configured(&self.fields)) {
                // Never another column in its place: what is unknown stays unknown.
                (_, _, Some(name)) => names.column(name),
                (Slot::Time, Some((day, _)), _) => Some(day),
                (Slot::Clock, Some((_, clock)), _) => Some(clock),
                _ => slot.usual().iter().find_map(|name| names.column(name)),
            };
            match at.and_then(|at| columns.get_mut(at)) {
                Some(slots) => slots.push(slot),
                None if slot == Slot::Time || slot.configured(&self.fields).is_some() => lacks.push(slot),
                None => {}
            }
        }
        let plan = Plan {
            format: self.id,
            columns,
        };
        (plan, lacks)
    }
}

impl Plan {
    fn has(&self, slot: Slot) -> bool {
        self.columns.iter().any(|slots| slots.contains(&slot))
    }
}

/// Whether rows can be read without these fields: without their time they cannot.
fn usable(lacks: &[Slot]) -> bool {
    !lacks.iter().any(|slot| matches!(slot, Slot::Time | Slot::Clock))
}

/// Column names, as they stand and without what people write in different ways: width, blanks, case.
struct Names<'a> {
    exact: &'a [Vec<u8>],
    folded: Vec<String>,
}

impl<'a> Names<'a> {
    fn new(exact: &'a [Vec<u8>]) -> Names<'a> {
        Names {
            exact,
            folded: exact.iter().map(|name| folded(name)).collect(),
        }
    }

    /// The columns called `name`, or its parts joined by `+`.
    fn columns(&self, name: &str) -> Option<Vec<usize>> {
        if let Some(one) = self.column(name) {
            return Some(vec![one]);
        }
        name.split('+').map(|part| self.column(part)).collect()
    }

    /// The column called `name`: exactly, else but for width, blanks and case (`利用者ＩＤ`).
    fn column(&self, name: &str) -> Option<usize> {
        let exact = self.exact.iter().position(|known| known == trim(name.as_bytes()));
        exact.or_else(|| {
            let wanted = folded(name.as_bytes());
            self.folded.iter().position(|known| *known == wanted)
        })
    }
}

/// Whether `names` are another set of columns than `old`: another number, or a name that was not there.
fn differs(names: &[Vec<u8>], old: &[Vec<u8>]) -> bool {
    let known: Vec<String> = old.iter().map(|name| folded(name)).collect();
    names.len() != old.len() || names.iter().any(|name| !known.contains(&folded(name)))
}

fn folded(name: &[u8]) -> String {
    let half = |char: char| match u32::from(char) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(char),
        _ => char,
    };
    let name = String::from_utf8_lossy(name);
    name.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| half(c).to_ascii_lowercase())
        .collect()
}

/// Splits the first cell from what follows its delimiter. Where its quote is not closed, or text follows the closing one, it
/// opened nothing: not every program that writes rows doubles the quotes people type.
#[inline]
pub(super) fn cell(text: &[u8], delimiter: u8) -> Option<(Cell<'_>, Option<&[u8]>)> {
    let [b'"', inner @ ..] = text else {
        return plain(text, delimiter);
    };
    let mut from = 0;
    let mut form = Form::Plain;
    loop {
        let Some(at) = memchr(b'"', inner.get(from..)?).map(|at| from + at) else {
            return plain(text, delimiter);
        };
        let cell = Cell {
            text: inner.get(..at)?,
            form,
        };
        match inner.get(at + 1) {
            None => return Some((cell, None)),
            Some(b'"') => {
                form = Form::Doubled;
                from = at + 2;
            }
            Some(next) if *next == delimiter => return Some((cell, inner.get(at + 2..))),
            Some(_) => return plain(text, delimiter),
        }
    }
}

/// Whether the quote before `inner` is not closed by its end.
pub(super) fn is_open(inner: &[u8]) -> bool {
    let mut rest = inner;
    while let Some(at) = memchr(b'"', rest) {
        match rest.get(at + 1..) {
            Some([b'"', more @ ..]) => rest = more,
            _ => return false,
        }
    }
    true
}

fn plain(text: &[u8], delimiter: u8) -> Option<(Cell<'_>, Option<&[u8]>)> {
    let at = memchr(delimiter, text);
    let cell = Cell {
        text: text.get(..at.unwrap_or(text.len()))?,
        form: Form::Plain,
    };
    Some((cell, at.and_then(|at| text.get(at + 1..))))
}

#[cfg(test)]
mod tests;
