//! The CSV of the account register: which column is which, one right a row, and what is wrong with a row.
//!
//! Not here: what the rows say together (`accounts`).

use unicode_normalization::UnicodeNormalization;

use super::{Absence, RegisterError, Right, normal};
use crate::calendar::{Day, parse_date};

/// A register that is being read.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    reader: csv::Reader<&'a [u8]>,
    lines: Lines<'a>,
    columns: Columns,
}

/// One right of one account.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) account: String,
    pub(super) person: String,
    pub(super) right: Right,
}

impl<'a> Sheet<'a> {
    /// Reads the header.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Sheet<'a>, RegisterError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(true)
            .flexible(false)
            .from_reader(bytes);
        let mut lines = Lines { bytes, at: 0, line: 1 };
        let headers = match reader.headers() {
            Ok(headers) => headers.clone(),
            Err(e) => return Err(Columns::default().row_error(&e, &mut lines)),
        };
        if headers.iter().all(|h| h.trim().is_empty()) {
            return Err(RegisterError::Empty);
        }
        let columns = Columns::find(&headers)?;
        Ok(Sheet { reader, lines, columns })
    }

    /// The next row with the line it begins in (from 1). Rows of nothing but separators, as spreadsheets leave them
    /// behind, are passed over.
    pub(super) fn next_row(&mut self) -> Result<Option<(u64, Row)>, RegisterError> {
        let mut row = csv::StringRecord::new();
        loop {
            match self.reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(e) => return Err(self.columns.row_error(&e, &mut self.lines)),
            }
            if row.iter().any(|field| !field.trim().is_empty()) {
                let line = self.lines.of(row.position());
                return Ok(Some((line, self.columns.row(&row, line)?)));
            }
        }
    }

    /// An error in the column of the staff number.
    pub(super) fn person_error(&self, line: u64, why: String) -> RegisterError {
        self.columns.error(self.columns.person, line, why)
    }
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

#[derive(Debug, Default)]
struct Columns {
    person: usize,
    account: usize,
    section: Option<usize>,
    from: Option<usize>,
    to: Option<usize>,
    state: Option<usize>,
    state_from: Option<usize>,
    state_to: Option<usize>,
    names: Vec<String>,
}

const PERSON: &[&str] = &[
    "職員番号",
    "職員コード",
    "個人コード",
    "staff_number",
    "staff_no",
    "person",
];
const ACCOUNT: &[&str] = &[
    "利用者ID",
    "ユーザーID",
    "ユーザID",
    "利用者コード",
    "操作者ID",
    "account",
    "user_id",
    "user",
];
const SECTION: &[&str] = &["所属名", "所属", "課名", "部課名", "部署名", "section"];
const FROM: &[&str] = &["権限開始日", "開始日", "有効開始日", "valid_from", "from"];
const TO: &[&str] = &["権限終了日", "終了日", "有効終了日", "有効期限", "valid_to", "to"];
const STATE: &[&str] = &["状態", "在職区分", "state"];
const STATE_FROM: &[&str] = &["状態開始日", "state_from"];
const STATE_TO: &[&str] = &["状態終了日", "state_to"];

impl Columns {
    fn find(headers: &csv::StringRecord) -> Result<Columns, RegisterError> {
        let names: Vec<String> = headers
            .iter()
            .map(|h| h.nfkc().collect::<String>().trim().to_owned())
            .collect();
        let all = |alias: &str| {
            let named = names
                .iter()
                .enumerate()
                .filter(|(_, name)| name.eq_ignore_ascii_case(alias));
            named.map(|(i, _)| i).collect::<Vec<usize>>()
        };
        let of = |aliases: &[&str]| match aliases.iter().map(|a| all(a)).find(|found| !found.is_empty()) {
            None => Ok(None),
            Some(found) => match found.as_slice() {
                [one] => Ok(Some(*one)),
                [_, second, ..] => Err(RegisterError::Row {
                    line: 1,
                    column: names.get(*second).map_or("", String::as_str).to_owned(),
                    why: "this column stands twice; take one of them out".into(),
                }),
                [] => Ok(None),
            },
        };
        let missing = |what: &'static str, aliases: &[&str]| RegisterError::NoColumn {
            what,
            names: aliases.join(", "),
        };
        let (to, state) = (of(TO)?, of(STATE)?);
        if to.is_none() && state.is_none() {
            // Without either no right would ever end, and nobody would notice.
            return Err(missing(
                "the last day of the right (権限終了日) or the state (状態)",
                &[TO, STATE].concat(),
            ));
        }
        Ok(Columns {
            person: of(PERSON)?.ok_or_else(|| missing("the staff number (職員番号)", PERSON))?,
            account: of(ACCOUNT)?.ok_or_else(|| missing("the account (利用者ID)", ACCOUNT))?,
            section: of(SECTION)?,
            from: of(FROM)?,
            to,
            state,
            state_from: of(STATE_FROM)?,
            state_to: of(STATE_TO)?,
            names,
        })
    }

    fn error(&self, column: usize, line: u64, why: String) -> RegisterError {
        let column = self.names.get(column).map_or("", String::as_str);
        RegisterError::Row {
            line,
            column: shorten(column),
            why,
        }
    }

    fn row(&self, row: &csv::StringRecord, line: u64) -> Result<Row, RegisterError> {
        let cell = |column: usize| Cell {
            columns: self,
            text: row.get(column).unwrap_or("").trim(),
            column,
            line,
        };
        let date = |column: Option<usize>| column.map_or(Ok(None), |c| cell(c).date());
        let person: String = cell(self.person).name()?.nfkc().collect();
        let right = Right {
            section: self.section.map_or(Ok(""), |c| cell(c).inert())?.to_owned(),
            from: date(self.from)?,
            to: date(self.to)?,
            absence: match self.state.map(|c| cell(c).state()).transpose()?.flatten() {
                None => None,
                Some(left) => Some(Absence {
                    left,
                    from: date(self.state_from)?,
                    to: date(self.state_to)?,
                }),
            },
        };
        let ends_first = |from: Option<Day>, to: Option<Day>| from.zip(to).is_some_and(|(from, to)| to < from);
        if ends_first(right.from, right.to) {
            return Err(self.error(self.to.unwrap_or(0), line, "the right ends before it begins".into()));
        }
        if right.absence.is_some_and(|a| ends_first(a.from, a.to)) {
            return Err(self.error(
                self.state_to.unwrap_or(0),
                line,
                "the state ends before it begins".into(),
            ));
        }
        Ok(Row {
            account: normal(cell(self.account).name()?.as_bytes()).into_owned(),
            person: person.trim().to_owned(),
            right,
        })
    }

    fn row_error(&self, e: &csv::Error, lines: &mut Lines<'_>) -> RegisterError {
        let line = lines.of(e.position());
        let (column, why) = match e.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                let behind = usize::try_from(*len.min(expected_len)).unwrap_or(usize::MAX);
                let column = self.names.get(behind).map(|name| shorten(name));
                let why = format!("this row has {len} fields, the header has {expected_len}");
                (column.unwrap_or_else(|| behind.saturating_add(1).to_string()), why)
            }
            csv::ErrorKind::Utf8 { err, .. } => {
                let column = self.names.get(err.field()).map(|name| shorten(name));
                let why = "this row is not valid UTF-8; set accounts.encoding to what it is";
                (
                    column.unwrap_or_else(|| err.field().saturating_add(1).to_string()),
                    why.into(),
                )
            }
            other => (String::new(), format!("{other:?}")),
        };
        RegisterError::Row { line, column, why }
    }
}

/// One cell, and how it is read.
#[derive(Debug, Clone, Copy)]
struct Cell<'a> {
    columns: &'a Columns,
    text: &'a str,
    column: usize,
    line: u64,
}

impl<'a> Cell<'a> {
    fn error(self, why: String) -> RegisterError {
        self.columns.error(self.column, self.line, why)
    }

    /// Text that is shown to people and opened in spreadsheets later: nothing but text.
    fn inert(self) -> Result<&'a str, RegisterError> {
        if self.text.chars().any(char::is_control) {
            return Err(self.error("this holds control characters".into()));
        }
        let mut chars = self.text.nfkc();
        match (chars.next(), chars.next()) {
            (Some('=' | '+' | '@'), _) | (Some('-'), Some(_)) => {
                Err(self
                    .error("this is a formula of a spreadsheet; export the values, without = + - @ in front".into()))
            }
            _ => Ok(self.text),
        }
    }

    fn name(self) -> Result<&'a str, RegisterError> {
        let name = self.inert()?;
        if name.nfkc().all(char::is_whitespace) {
            return Err(self.error("this must not be empty".into()));
        }
        Ok(name)
    }

    fn date(self) -> Result<Option<Day>, RegisterError> {
        if self.text.is_empty() {
            return Ok(None);
        }
        parse_date(self.text).map(Some).ok_or_else(|| {
            let text = shorten(self.text);
            self.error(format!("{text:?} is no date; write 2026-11-21, 2026/11/21 or R8.11.21"))
        })
    }

    /// `None`: in office. Else whether the person has left for good.
    fn state(self) -> Result<Option<bool>, RegisterError> {
        let state = normal(self.text.as_bytes());
        match state.as_ref() {
            "" | "在職" | "active" => Ok(None),
            "退職" | "失職" | "免職" | "死亡" | "retired" | "left" => Ok(Some(true)),
            "休職" | "育休" | "育児休業" | "病休" | "停職" | "派遣中" | "休業" | "leave" | "suspended" => {
                Ok(Some(false))
            }
            _ => Err(self.error(format!(
                "the state {:?} is unknown; write 在職, 休職, 育休, 病休, 停職, 派遣中, 退職 or 失職",
                shorten(&state)
            ))),
        }
    }
}

pub(super) fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
