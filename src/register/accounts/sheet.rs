//! The CSV of the account register: one right a row, and what is wrong with a row.
//!
//! A file is read whole or refused with the line and column of the first thing that is wrong: a row cut off, a quote
//! that never ends, NULs, a formula, a date that is none, the same row twice. What is odd but can be meant is a
//! [`Warning`].
//!
//! Not here: what the rows say together (`span`).

use hashbrown::HashMap;
use memchr::{memchr, memchr_iter};

use super::cell::{Cell, is_formula, shorten};
use super::columns::{Column, Columns};
use super::grouped::Grouped;
use super::overlap::overlaps;
use super::span::compile;
use super::{AccountKind, Register, RegisterError, Row, State, normal};
use crate::calendar::{Day, read_date};
use crate::text::{Say, say};

/// Bytes of a row, rather few: room is made for the rows of a file at once.
const ROW_BYTES_USUAL: usize = 80;
/// Warnings kept of one file; more are counted.
const WARNINGS_MAX: usize = 100;

/// Something odd in a row that is taken all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Line in the file, from 1.
    pub line: u64,
    /// The account it is about, as it is compared.
    pub account: String,
    /// Header of the column.
    pub column: String,
    /// What is odd, and what would do.
    pub why: Say,
}

/// A register file that was read.
#[derive(Debug)]
pub struct Reading {
    /// Its rows, in the order of the file.
    pub rows: Vec<Row>,
    /// What they say together.
    pub register: Register,
    /// What is odd, the first hundred.
    pub warnings: Vec<Warning>,
    /// How many things are odd.
    pub odd: u64,
}

/// A register that is being read.
#[derive(Debug)]
pub struct Sheet<'a> {
    reader: csv::Reader<&'a [u8]>,
    lines: Lines<'a>,
    columns: Columns,
    /// Line and whole text of each row, by hash: the same row twice is a file that was put together wrongly.
    seen: HashMap<u64, u64>,
    /// Dates that were read before, and whether a date names an era that did not hold on its day.
    dates: HashMap<String, (Option<Day>, bool)>,
    /// Words that were read before: the same few stand in every row.
    kinds: HashMap<String, AccountKind>,
    states: HashMap<String, State>,
    operations: HashMap<String, u16>,
    generations: HashMap<String, i32>,
    warnings: Vec<Warning>,
    odd: u64,
}

impl<'a> Sheet<'a> {
    /// Reads a whole file of CSV text in UTF-8. `may_end_open`: whether the last line may lack its end mark; a file
    /// that was cut off does.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(bytes: &'a [u8], may_end_open: bool) -> Result<Reading, RegisterError> {
        let mut sheet = Sheet::open(bytes)?;
        let most = bytes.len() / ROW_BYTES_USUAL;
        let mut rows = Vec::with_capacity(most);
        sheet.seen.reserve(most);
        let mut record = csv::StringRecord::new();
        while let Some(row) = sheet.next_row(&mut record)? {
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(RegisterError::Empty);
        }
        sheet.check_end(&rows, may_end_open)?;
        let (register, by_account) = compile(&rows)?;
        sheet.note_overlaps(&rows, &by_account);
        Ok(Reading {
            rows,
            register,
            warnings: sheet.warnings,
            odd: sheet.odd,
        })
    }

    /// Reads the header.
    fn open(bytes: &'a [u8]) -> Result<Sheet<'a>, RegisterError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(true)
            .flexible(false)
            .from_reader(bytes);
        let mut lines = Lines { bytes, at: 0, line: 1 };
        let headers = match reader.headers() {
            Ok(headers) => headers.clone(),
            Err(e) => return Err(row_error(&Columns::default(), &e, &mut lines)),
        };
        if headers.iter().all(|h| h.trim().is_empty()) {
            return Err(RegisterError::Empty);
        }
        let columns = Columns::find(&headers)?;
        Ok(Sheet {
            reader,
            lines,
            columns,
            seen: HashMap::new(),
            dates: HashMap::new(),
            kinds: HashMap::new(),
            states: HashMap::new(),
            operations: HashMap::new(),
            generations: HashMap::new(),
            warnings: Vec::new(),
            odd: 0,
        })
    }

    /// The next row. Rows of nothing but separators, as spreadsheets leave them behind, are passed over.
    fn next_row(&mut self, record: &mut csv::StringRecord) -> Result<Option<Row>, RegisterError> {
        loop {
            match self.reader.read_record(record) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(e) => return Err(row_error(&self.columns, &e, &mut self.lines)),
            }
            if record.iter().any(|field| !field.trim().is_empty()) {
                let line = self.lines.of(record.position());
                let row = self.row(record, line)?;
                self.check_whole(record, &row)?;
                self.note_odd(record, &row);
                return Ok(Some(row));
            }
        }
    }

    /// What concerns the row as it stands in the file, whatever its columns mean.
    fn check_whole(&mut self, record: &csv::StringRecord, row: &Row) -> Result<(), RegisterError> {
        let bytes = record.as_slice();
        let nul = memchr(0, bytes.as_bytes()).is_some();
        let formula =
            |field: &str| matches!(field.trim_start().chars().next(), Some('=' | '＝')) && is_formula(field.trim());
        let unread = record
            .iter()
            .enumerate()
            .filter(|(place, _)| !self.columns.is_read(*place));
        for (place, field) in unread {
            let why = if nul && field.contains('\0') {
                say!("制御文字が含まれています", "this holds control characters")
            } else if formula(field) {
                say!(
                    "表計算ソフトの数式です。先頭に = のない、値だけを出力してください",
                    "this is a formula of a spreadsheet; export the values, without = in front"
                )
            } else {
                continue;
            };
            return Err(RegisterError::Row {
                line: row.line,
                column: self.columns.header(place),
                why,
            });
        }
        let hash = {
            use std::hash::{Hash, Hasher};
            // A fixed key would let a hostile file make rows collide; this one is drawn at the start of the program.
            let mut hasher = std::hash::BuildHasher::build_hasher(self.seen.hasher());
            bytes.hash(&mut hasher);
            record.iter().for_each(|field| field.len().hash(&mut hasher));
            hasher.finish()
        };
        if let Some(first) = self.seen.insert(hash, row.line) {
            let why = say!(
                "同じ行が {first} 行目にもあります。2つのファイルをつないでいませんか",
                "this row stands in line {first} already; was the file put together from two exports?"
            );
            return Err(self.columns.error(Column::Person, row.line, why));
        }
        Ok(())
    }

    fn note_odd(&mut self, record: &csv::StringRecord, row: &Row) {
        let field = |column| {
            self.columns
                .place(column)
                .and_then(|place| record.get(place))
                .unwrap_or("")
                .trim()
        };
        let outside = |column| self.dates.get(field(column)).is_some_and(|(_, outside)| *outside);
        let mut odd: Vec<(Column, Say)> = Vec::new();
        if row.kind.ends() && row.to.is_none() && row.contract_end.is_none() {
            odd.push((
                Column::To,
                say!(
                    "期限のある任用・契約ですが、終わりの日がありません。権限終了日を書いてください",
                    "such an appointment ends, but no last day is written; write 権限終了日"
                ),
            ));
        }
        if row.kind.is_custodied() && row.custodian.is_empty() {
            odd.push((
                Column::Custodian,
                say!(
                    "このIDの管理責任者がいません。管理責任者の職員番号を書いてください",
                    "nobody answers for this account; write the 職員番号 of its custodian"
                ),
            ));
        }
        if row.kind == AccountKind::Unstated && !field(Column::Kind).is_empty() {
            odd.push((
                Column::Kind,
                say!(
                    "区分が分かりません。正規、再任用、会計年度任用、臨時、派遣、委託、システム、共用、特権のいずれかを書いてください",
                    "this kind is unknown; write 正規, 再任用, 会計年度任用, 臨時, 派遣, 委託, システム, 共用 or 特権"
                ),
            ));
        }
        if row.state.has_left() && row.state_from.is_none() {
            odd.push((
                Column::StateFrom,
                say!(
                    "退職等の日がありません。はじめから権限のない方として扱います",
                    "left, but nobody wrote when: taken as without a right all along"
                ),
            ));
        }
        for column in [
            Column::From,
            Column::To,
            Column::StateFrom,
            Column::StateTo,
            Column::Leaving,
            Column::ContractEnd,
        ] {
            if outside(column) {
                odd.push((
                    column,
                    say!(
                        "その日には使われていない元号です。年を数え続けた日として扱います",
                        "the era named did not hold on that day; the day is what counting on gives"
                    ),
                ));
            }
        }
        for (column, why) in odd {
            self.odd += 1;
            if self.warnings.len() < WARNINGS_MAX {
                self.warnings.push(warning(&self.columns, row, column, why));
            }
        }
    }

    /// Rows that do not agree stand before all that is odd in single rows: what they grant may be a right that has ended.
    fn note_overlaps(&mut self, rows: &[Row], by_account: &Grouped) {
        let columns = &self.columns;
        let posts = columns.place(Column::Concurrent).is_some();
        let (mut first, mut count) = (Vec::new(), 0u64);
        overlaps(rows, by_account, posts, &mut |row, column, why| {
            count += 1;
            if first.len() < WARNINGS_MAX {
                first.push(warning(columns, row, column, why));
            }
        });
        self.odd += count;
        first.append(&mut self.warnings);
        first.truncate(WARNINGS_MAX);
        self.warnings = first;
    }

    /// Refuses a file that ends within a row.
    fn check_end(&mut self, rows: &[Row], may_end_open: bool) -> Result<(), RegisterError> {
        let bytes = self.lines.bytes;
        let last = rows.last().map_or(1, |row| row.line);
        let place = self.columns.count().saturating_sub(1);
        let error = |why: Say| RegisterError::Row {
            line: last,
            column: self.columns.header(place),
            why,
        };
        if !memchr_iter(b'"', bytes).count().is_multiple_of(2) {
            return Err(error(say!(
                "引用符が閉じられていません。ファイルが途中で切れていませんか",
                "a quotation mark is opened and never closed; was the file cut off?"
            )));
        }
        if !may_end_open && !matches!(bytes.last(), Some(b'\n' | b'\r')) {
            return Err(error(say!(
                "最後の行に改行がありません。ファイルが途中で切れていませんか。出力が常にこの形のときは、accounts.unended_last_line = \"accept\" としてください",
                "the last line has no end mark; was the file cut off? If the export always ends so, set accounts.unended_last_line = \"accept\""
            )));
        }
        Ok(())
    }

    fn row(&mut self, record: &csv::StringRecord, line: u64) -> Result<Row, RegisterError> {
        let columns = &self.columns;
        let cell = |column: Column| Cell {
            columns,
            text: columns
                .place(column)
                .and_then(|place| record.get(place))
                .unwrap_or("")
                .trim(),
            column,
            line,
        };
        let dates = &mut self.dates;
        let mut date = |column: Column| -> Result<Option<Day>, RegisterError> {
            let cell = cell(column);
            if cell.text.is_empty() {
                return Ok(None);
            }
            if let Some((known, _)) = dates.get(cell.text) {
                return Ok(*known);
            }
            let read = cell.date()?;
            let era = cell.text.starts_with(|c: char| !c.is_ascii_digit());
            let outside = era && read_date(cell.text).is_some_and(|read| read.outside_era);
            dates.insert(cell.text.to_owned(), (read, outside));
            Ok(read)
        };
        let account = normal(cell(Column::Account).name()?.as_bytes()).into_owned();
        let read = cell(Column::Kind);
        let kind = once(&mut self.kinds, read.text, || Ok(read.kind()?.unwrap_or_default()))?;
        let read = cell(Column::State);
        let state = once(&mut self.states, read.text, || read.state())?;
        let read = cell(Column::Operations);
        let operations = once(&mut self.operations, read.text, || read.operations())?;
        let read = cell(Column::Generation);
        let generation = once(&mut self.generations, read.text, || read.generation())?;
        let mut person = cell(Column::Person).number()?;
        if person.is_empty() {
            if !kind.is_custodied() {
                cell(Column::Person).name()?;
            }
            // Counted under its own name: nobody's number stands for it.
            person = account.as_str().into();
        }
        let (section_code, mut section) = (cell(Column::SectionCode).number()?, cell(Column::Section).inert()?);
        if section.is_empty() {
            section = &section_code;
        }
        let row = Row {
            line,
            person,
            account: account.into(),
            kind,
            section: section.into(),
            concurrent: cell(Column::Concurrent).concurrent()?,
            tasks: cell(Column::Tasks).list()?,
            datasets: cell(Column::Datasets).list()?,
            operations,
            from: date(Column::From)?,
            to: date(Column::To)?,
            state,
            state_from: date(Column::StateFrom)?,
            state_to: date(Column::StateTo)?,
            leaving: date(Column::Leaving)?,
            contractor: cell(Column::Contractor).inert()?.into(),
            contract_end: date(Column::ContractEnd)?,
            generation,
            custodian: cell(Column::Custodian).number()?,
            hosts: cell(Column::Hosts).hosts()?,
            schedule: cell(Column::Schedule).schedule()?,
            section_code,
        };
        let ends_first = |from: Option<Day>, to: Option<Day>| from.zip(to).is_some_and(|(from, to)| to < from);
        if ends_first(row.from, row.to) {
            return Err(columns.error(
                Column::To,
                line,
                say!("権限の終了日が開始日より前です", "the right ends before it begins"),
            ));
        }
        if ends_first(row.state_from, row.state_to) {
            return Err(columns.error(
                Column::StateTo,
                line,
                say!("状態の終了日が開始日より前です", "the state ends before it begins"),
            ));
        }
        Ok(row)
    }
}

fn warning(columns: &Columns, row: &Row, column: Column, why: Say) -> Warning {
    Warning {
        line: row.line,
        account: row.account.to_string(),
        column: columns.name(column),
        why,
    }
}

/// What `read` makes of a text, read once.
fn once<T: Copy>(
    known: &mut HashMap<String, T>,
    text: &str,
    read: impl FnOnce() -> Result<T, RegisterError>,
) -> Result<T, RegisterError> {
    if let Some(found) = known.get(text) {
        return Ok(*found);
    }
    let found = read()?;
    known.insert(text.to_owned(), found);
    Ok(found)
}

fn row_error(columns: &Columns, e: &csv::Error, lines: &mut Lines<'_>) -> RegisterError {
    let line = lines.of(e.position());
    let (column, why) = match e.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let behind = usize::try_from(*len.min(expected_len)).unwrap_or(usize::MAX);
            let why = say!(
                "この行の項目は {len} 個ですが、見出しは {expected_len} 個です",
                "this row has {len} fields, the header has {expected_len}"
            );
            (columns.header(behind), why)
        }
        csv::ErrorKind::Utf8 { err, .. } => {
            let why = say!(
                "この行は UTF-8 ではありません。実際の文字コードを accounts.encoding に書いてください",
                "this row is not valid UTF-8; set accounts.encoding to what it is"
            );
            (columns.header(err.field()), why)
        }
        other => {
            let why = shorten(&format!("{other:?}"));
            (String::new(), say!("CSV として読めません（{why}）", "{why}"))
        }
    };
    RegisterError::Row { line, column, why }
}

/// Line numbers as an editor shows them: empty lines and lines inside quotes count.
#[derive(Debug)]
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the record found at `position`, which is not before the last one asked for.
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let begins = position.and_then(|p| usize::try_from(p.byte()).ok()).unwrap_or(self.at);
        while let Some(byte) = self.bytes.get(self.at) {
            let ends_line = match byte {
                b'\n' => true,
                b'\r' => self.bytes.get(self.at + 1) != Some(&b'\n'),
                _ => false,
            };
            // The reader passes empty lines over after it has said where it stands.
            if begins <= self.at && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.at += 1;
            self.line += u64::from(ends_line);
        }
        self.line
    }
}
