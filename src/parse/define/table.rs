//! Rows of columns: CSV, tab separated, and W3C extended log files, whose `#Fields:` line may change in the middle.
//!
//! Columns are found by name, whatever their order. A row with another number of columns than its header is rejected.

use std::borrow::Cow;

use hashbrown::HashMap;
use memchr::memchr;

use super::values::Values;
use crate::parse::Why;
use crate::parse::cells::{Cell, Form};
use crate::parse::csv;
use crate::parse::scan::trim;
use crate::parse::state::{FormatState, Header};

/// How a table is written, compiled.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) delimiter: u8,
    /// Number of each value by the name of its column.
    pub(super) names: HashMap<Vec<u8>, u8>,
    /// Columns where no header says otherwise.
    pub(super) columns: Vec<Option<u8>>,
    pub(super) header: HeaderLine,
    pub(super) comment: Vec<u8>,
    /// Tells the plan of this definition from another's.
    pub(super) id: u64,
}

/// Which lines name the columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderLine {
    /// None: the columns are declared.
    None,
    /// The first one, and whatever is the same.
    First,
    /// Those that begin with this word.
    Word(Vec<u8>),
}

/// What a line is.
pub(super) enum Row {
    /// Values were set.
    Values,
    /// A header, a comment.
    Nothing,
}

impl Table {
    /// Reads one line.
    pub(super) fn read<'a>(
        &self,
        line: &'a [u8],
        state: &mut FormatState,
        values: &mut Values<'a, '_>,
    ) -> Result<Row, Why> {
        match &self.header {
            HeaderLine::Word(word) => {
                if let Some(names) = line.strip_prefix(&**word) {
                    self.take_header(names, state);
                    return Ok(Row::Nothing);
                }
            }
            HeaderLine::First if state.header.is_none() => {
                // A file whose columns are declared may have no header at all.
                if self.is_header(line) {
                    self.take_header(line, state);
                    return Ok(Row::Nothing);
                }
                if self.columns.is_empty() {
                    return Err(Why::Missing);
                }
            }
            HeaderLine::First if self.is_header(line) => {
                let same = state
                    .header
                    .as_ref()
                    .is_some_and(|header| header.names == self.cells(line));
                self.take_header(line, state);
                // The same names again are nothing; other ones must show.
                return if same { Ok(Row::Nothing) } else { Err(Why::Columns) };
            }
            _ => {}
        }
        if !self.comment.is_empty() && line.starts_with(&self.comment) {
            return Ok(Row::Nothing);
        }
        if let Some(header) = &mut state.header {
            if header.table.as_ref().is_none_or(|(id, _)| *id != self.id) {
                header.table = Some((self.id, self.plan(&header.names)));
            }
            if let Some((_, columns)) = &header.table {
                return self.row(line, columns, values, true);
            }
        }
        self.row(line, &self.columns, values, false)
    }

    fn row<'a>(
        &self,
        line: &'a [u8],
        columns: &[Option<u8>],
        values: &mut Values<'a, '_>,
        exact: bool,
    ) -> Result<Row, Why> {
        let mut rest = Some(line);
        let mut read = 0_usize;
        for column in columns {
            let Some(text) = rest else { break };
            let (cell, after) = self.cell(text).ok_or(Why::Shape)?;
            if let Some(number) = column {
                let value = match cell.form {
                    Form::Plain => Cow::Borrowed(cell.text),
                    _ => cell.value(),
                };
                if values.get(*number).is_none() {
                    values.set(*number, value);
                }
            }
            read += 1;
            rest = after;
        }
        let over = rest.is_some_and(|rest| !rest.trim_ascii().is_empty());
        // Newer versions of a writer add columns behind those that are declared; a row of few is one of something else.
        if exact && (read != columns.len() || over) || read < 2 || 2 * read < columns.len() {
            return Err(Why::Columns);
        }
        Ok(Row::Values)
    }

    /// Blanks and tabs separate without quoting: their writers (IIS, CloudFront) replace them in values, and a quote a
    /// visitor puts there must not swallow the rest of the line.
    fn cell<'a>(&self, text: &'a [u8]) -> Option<(Cell<'a>, Option<&'a [u8]>)> {
        if !matches!(self.delimiter, b' ' | b'\t') {
            return csv::cell(text, self.delimiter);
        }
        let at = memchr(self.delimiter, text);
        let cell = Cell {
            text: text.get(..at.unwrap_or(text.len()))?,
            form: Form::Plain,
        };
        Some((cell, at.and_then(|at| text.get(at + 1..))))
    }

    fn is_header(&self, line: &[u8]) -> bool {
        let cells = self.cells(line);
        2 <= cells
            .iter()
            .filter(|cell| self.names.contains_key(&folded(cell)))
            .count()
    }

    fn cells(&self, line: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let mut rest = Some(line);
        while let Some((cell, after)) = rest.and_then(|text| self.cell(text)) {
            out.push(trim(&cell.value()).to_vec());
            rest = after;
        }
        out
    }

    #[cold]
    fn take_header(&self, text: &[u8], state: &mut FormatState) {
        let text = trim(text);
        let mut names = match memchr(self.delimiter, text) {
            // CloudFront sets names apart by blanks and values by tabs.
            None if self.delimiter == b'\t' && matches!(self.header, HeaderLine::Word(_)) => text
                .split(u8::is_ascii_whitespace)
                .map(<[u8]>::to_vec)
                .filter(|name| !name.is_empty())
                .collect(),
            _ => self.cells(text),
        };
        if self.delimiter == b' ' {
            names.retain(|name| !name.is_empty());
        }
        if state.header.as_ref().is_some_and(|header| header.names == names) {
            return;
        }
        let table = Some((self.id, self.plan(&names)));
        state.set_header(Header {
            names,
            plan: None,
            table,
        });
    }

    fn plan(&self, names: &[Vec<u8>]) -> Vec<Option<u8>> {
        names
            .iter()
            .map(|name| self.names.get(&folded(name)).copied())
            .collect()
    }
}

/// A column's name without what makes no difference.
pub(super) fn folded(name: &[u8]) -> Vec<u8> {
    trim(name).to_ascii_lowercase()
}
