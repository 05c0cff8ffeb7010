//! The sheet by which people without access to the server confirm a report: sent with it, filled in, returned.
//!
//! Promise: nothing but the cells meant to be filled in may differ from what was sent; which report it is of is said by
//! number and hash. Spreadsheets rewrite days, numbers and leading zeros when they save; that is no change.
//!
//! Not here: who may confirm (`sign`).

use std::io::Cursor;

use calamine::{Data, Reader as _, Xlsx};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Edition;
use super::doc::{Cell, Table};
use super::sign::Request;
use crate::calendar::{Day, Jst, parse_date};
use crate::clock::WallTime;
use crate::evidence::hex;
use crate::text::{Lang, inert};

/// Largest sheet read, in bytes; reports are a hundred times smaller.
pub const BYTES_MAX: usize = 20 << 20;
/// Rows and columns looked at.
const ROWS_MAX: usize = 200_000;
const COLUMNS_MAX: usize = 64;
/// Days from 1899-12-30, which spreadsheets count from, to 1970-01-01.
const SERIAL_EPOCH: f64 = 25_569.0;

/// Why a returned sheet is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SheetError {
    /// It cannot be read.
    Unreadable(String),
    /// No number of a report stands in it.
    NoNumber,
    /// Its hash is another one: forged, or of another store.
    Forged,
    /// A cell was changed: where, what was sent, what came back.
    Edited(String, String, String),
    /// A table is missing.
    Cut(String),
    /// The form is missing.
    NoForm,
    /// It says nothing that is not registered.
    Nothing,
    /// What is registered reads otherwise in it.
    Contradicts(String),
    /// A day that is none.
    NoDay(String),
}

impl SheetError {
    /// What is wrong and what would do.
    pub fn say(&self, lang: Lang) -> String {
        let ja = lang == Lang::Ja;
        match self {
            SheetError::Unreadable(why) if ja => format!("返送された表を読み取れない：{why}"),
            SheetError::Unreadable(why) => format!("the sheet cannot be read: {why}"),
            SheetError::NoNumber if ja => "文書番号と内容のSHA-256がない。送付した表をそのまま返送すること".into(),
            SheetError::NoNumber => "no number and hash of a report stand in it; return the sheet that was sent".into(),
            SheetError::Forged if ja => {
                "内容のSHA-256が保存された報告書と一致しない（偽造又は別の版）。登録しない".into()
            }
            SheetError::Forged => "its SHA-256 is not that of the report kept: forged, or another version".into(),
            SheetError::Edited(at, sent, back) if ja => {
                format!("{at}：送付した内容「{sent}」が「{back}」に書き換えられている。登録しない")
            }
            SheetError::Edited(at, sent, back) => format!("{at}: {sent:?} was changed to {back:?}"),
            SheetError::Cut(table) if ja => format!("「{table}」がない。送付した表をそのまま返送すること"),
            SheetError::Cut(table) => format!("{table} is missing; return the whole sheet"),
            SheetError::NoForm if ja => "確認欄（返送用）がない".into(),
            SheetError::NoForm => "the form to confirm is missing".into(),
            SheetError::Nothing if ja => "新たに記入された確認がない（登録済みのものと同じ表である）".into(),
            SheetError::Nothing => "nothing is filled in that is not registered yet (the same sheet twice?)".into(),
            SheetError::Contradicts(role) if ja => format!("{role}：登録済みの確認と異なる記入がある。登録しない"),
            SheetError::Contradicts(role) => format!("{role}: it reads otherwise than what is registered"),
            SheetError::NoDay(text) if ja => format!("確認日「{text}」は日付ではない"),
            SheetError::NoDay(text) => format!("{text:?} is no day"),
        }
    }
}

/// A cell as it came back.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Empty,
    Text(String),
    Number(f64),
}

impl Value {
    fn text(&self) -> String {
        match self {
            Value::Empty => String::new(),
            Value::Text(text) => plain(text).to_owned(),
            Value::Number(n) => n.to_string(),
        }
    }
}

/// Without the apostrophe that guards against formulas, and blanks around.
fn plain(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('\'').unwrap_or(text).trim()
}

/// A returned sheet.
#[derive(Debug)]
pub struct Returned {
    /// SHA-256 of the file, hex.
    pub origin: String,
    /// Number of the report it says to be of.
    pub number: String,
    sha256: String,
    rows: Vec<Vec<Value>>,
}

/// Reads a returned CSV or XLSX file.
///
/// # Errors
/// [`SheetError`] where it is neither, or names no report.
pub fn read(bytes: &[u8]) -> Result<Returned, SheetError> {
    if BYTES_MAX < bytes.len() {
        return Err(SheetError::Unreadable(format!("{} bytes", bytes.len())));
    }
    let rows = if bytes.starts_with(b"PK") {
        workbook(bytes)?
    } else {
        table_file(bytes)?
    };
    let value_of = |names: [&str; 2]| {
        let found = rows
            .iter()
            .find(|row| row.first().is_some_and(|c| names.contains(&c.text().as_str())));
        found
            .and_then(|row| row.get(1))
            .map(Value::text)
            .filter(|t| !t.is_empty())
    };
    let number = value_of(["文書番号", "number"]).ok_or(SheetError::NoNumber)?;
    let sha256 = value_of(["内容のSHA-256", "sha256"]).ok_or(SheetError::NoNumber)?;
    Ok(Returned {
        origin: hex(&Sha256::digest(bytes)),
        number: inert(number, 40),
        sha256,
        rows,
    })
}

fn workbook(bytes: &[u8]) -> Result<Vec<Vec<Value>>, SheetError> {
    let broken = |e: calamine::XlsxError| SheetError::Unreadable(inert(e.to_string(), 200));
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let mut rows = Vec::new();
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).map_err(broken)?;
        let left = range.start().map_or(0, |(_, column)| column);
        let pad = usize::try_from(left).unwrap_or(0).min(COLUMNS_MAX);
        for row in range.rows().take(ROWS_MAX) {
            let cells = row.iter().take(COLUMNS_MAX).map(|cell| match cell {
                Data::Empty => Value::Empty,
                Data::Int(n) => Value::Text(n.to_string()),
                Data::Float(n) => Value::Number(*n),
                Data::DateTime(at) => Value::Number(at.as_f64()),
                Data::String(text) if text.trim().is_empty() => Value::Empty,
                other => Value::Text(other.to_string()),
            });
            let mut out = vec![Value::Empty; pad];
            out.extend(cells);
            rows.push(out);
        }
        rows.push(Vec::new());
    }
    Ok(rows)
}

/// A CSV, in UTF-8 or as Japanese spreadsheets save it (CP932).
fn table_file(bytes: &[u8]) -> Result<Vec<Vec<Value>>, SheetError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => {
            let (text, _, damaged) = encoding_rs::SHIFT_JIS.decode(bytes);
            if damaged {
                return Err(SheetError::Unreadable("neither UTF-8 nor Shift_JIS".into()));
            }
            text.into_owned()
        }
    };
    let separator = if text.lines().take(3).any(|l| l.contains('\t')) {
        b'\t'
    } else {
        b','
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records().take(ROWS_MAX) {
        let record = record.map_err(|e| SheetError::Unreadable(inert(e.to_string(), 200)))?;
        let cell = |text: &str| match text.trim() {
            "" => Value::Empty,
            _ => Value::Text(text.to_owned()),
        };
        rows.push(record.iter().take(COLUMNS_MAX).map(cell).collect());
    }
    Ok(rows)
}

impl Returned {
    /// What it wants to register, in the order of the posts, after everything else in it was found to be as it was sent.
    ///
    /// # Errors
    /// [`SheetError`]
    pub fn requests(&self, edition: &Edition) -> Result<Vec<Request>, SheetError> {
        if self.sha256 != edition.sha256 || self.number != edition.number {
            return Err(SheetError::Forged);
        }
        let mut answers = Vec::new();
        for (part, table) in edition.report.tables() {
            self.compare(part, table, &mut answers)?;
        }
        let answers = json!(answers).to_string();
        let mut out = Vec::new();
        for row in self.form(edition)? {
            let [role, on, by, method, result, measures] = &row;
            let reviewer = edition.report.reviewers.iter().find(|r| r.title == role.text());
            let Some(reviewer) = reviewer else { continue };
            let filled = [on, by, method, result, measures].iter().any(|v| **v != Value::Empty);
            if let Some(kept) = edition.reviews.iter().find(|r| r.review.role == reviewer.role) {
                let lang = edition.lang();
                let words = [
                    super::edition::method(&kept.review.method, lang),
                    super::edition::result(&kept.review.result, lang),
                ];
                // Sheets go out before anybody signs: those that come behind may be blank there.
                if filled && (!is_text(&kept.review.by, by) || words != [method.text(), result.text()]) {
                    return Err(SheetError::Contradicts(reviewer.title.clone()));
                }
                continue;
            }
            if filled {
                out.push(Request {
                    role: Some(reviewer.role.clone()),
                    by: whole_number(&by.text(), reviewer),
                    on: match on {
                        Value::Empty => None,
                        given => Some(day(given).ok_or_else(|| SheetError::NoDay(inert(given.text(), 40)))?),
                    },
                    method: method.text(),
                    result: result.text(),
                    measures: measures.text(),
                    answers: answers.clone(),
                    origin: self.origin.clone(),
                });
            }
        }
        if out.is_empty() {
            Err(SheetError::Nothing)
        } else {
            Ok(out)
        }
    }

    fn form(&self, edition: &Edition) -> Result<Vec<[Value; 6]>, SheetError> {
        let heads = edition.sign_heads();
        let is_head = |row: &Vec<Value>| heads.iter().zip(row).all(|(h, v)| v.text() == *h) && heads.len() <= row.len();
        let at = self.rows.iter().position(is_head).ok_or(SheetError::NoForm)?;
        let rows = self.rows.iter().skip(at + 1).take(edition.report.reviewers.len());
        Ok(rows
            .map(|row| {
                let cell = |n: usize| row.get(n).cloned().unwrap_or(Value::Empty);
                [cell(0), cell(1), cell(2), cell(3), cell(4), cell(5)]
            })
            .collect())
    }

    /// Finds a table and holds it against what was sent; what was filled in goes to `answers`.
    fn compare(&self, part: u8, table: &Table, answers: &mut Vec<serde_json::Value>) -> Result<(), SheetError> {
        let title = format!("{part} {}", table.title);
        let is_title = |row: &Vec<Value>| row.first().is_some_and(|v| v.text() == title);
        let at = self
            .rows
            .iter()
            .position(is_title)
            .ok_or_else(|| SheetError::Cut(title.clone()))?;
        let empty = Vec::new();
        for (nth, row) in table.rows.iter().enumerate() {
            let back = self.rows.get(at + 2 + nth).unwrap_or(&empty);
            for ((cell, column), n) in row.iter().zip(&table.columns).zip(0..) {
                let back = back.get(n).unwrap_or(&Value::Empty);
                if *cell == Cell::Blank {
                    if *back != Value::Empty {
                        answers.push(json!({"table": table.id, "row": nth + 1, "column": column.id,
                            "text": inert(back.text(), 400)}));
                    }
                } else if !is_as_sent(cell, back) {
                    let at = format!("{title}　{}行目　{}", nth + 1, column.title);
                    return Err(SheetError::Edited(at, sent(cell), inert(back.text(), 80)));
                }
            }
        }
        Ok(())
    }
}

fn sent(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Count(n) => n.to_string(),
        Cell::Permille(n) => format!("{}.{}%", n / 10, (n % 10).abs()),
        Cell::Day(day) => Day(*day).iso(),
        Cell::Time(at) => crate::calendar::rfc3339(*at),
        Cell::Unknown | Cell::None | Cell::Blank => String::new(),
    }
}

/// Whether text came back as it was, or as a spreadsheet rewrites it: `012345` may have become a number.
fn is_text(text: &str, back: &Value) -> bool {
    let same = |a: &str, b: &str| plain(a).replace("\r\n", "\n") == plain(b).replace("\r\n", "\n");
    match back {
        Value::Empty => plain(text).is_empty(),
        Value::Text(back) => same(text, back) || (is_digits(text) && zeros_cut(text) == zeros_cut(plain(back))),
        Value::Number(n) => is_digits(text) && zeros_cut(text) == n.to_string(),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn zeros_cut(text: &str) -> &str {
    text.trim_start_matches('0')
}

/// A staff number whose leading zeros a spreadsheet has cut away, as the post names it.
fn whole_number(text: &str, reviewer: &super::doc::Reviewer) -> String {
    let named = reviewer
        .persons
        .iter()
        .find(|p| is_digits(text) && zeros_cut(p) == zeros_cut(text));
    named.map_or_else(|| inert(text, 40), Clone::clone)
}

fn number_in(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => Some(*n),
        Value::Text(text) => plain(text).trim_end_matches('%').replace(',', "").parse().ok(),
        Value::Empty => None,
    }
}

fn day(value: &Value) -> Option<Day> {
    match value {
        Value::Number(n) => {
            let days = (n - SERIAL_EPOCH).floor();
            // Within what a calendar holds; beyond, it is no day.
            (0.0..100_000.0)
                .contains(&days)
                .then(|| Day(format!("{days:.0}").parse().unwrap_or(0)))
        }
        Value::Text(text) => parse_date(plain(text)),
        Value::Empty => None,
    }
}

fn is_as_sent(cell: &Cell, back: &Value) -> bool {
    let near = |a: f64, b: f64, by: f64| (a - b).abs() <= by;
    let text = back.text();
    match cell {
        Cell::Text(sent) => is_text(sent, back),
        Cell::Count(n) => match back {
            Value::Number(back) => back.to_string() == n.to_string(),
            _ => text.replace(',', "") == n.to_string(),
        },
        Cell::Permille(n) => {
            let sent = f64::from(i32::try_from(*n).unwrap_or(i32::MAX));
            match back {
                Value::Number(back) => near(back * 1_000.0, sent, 0.6),
                _ => number_in(back).is_some_and(|back| near(back * 10.0, sent, 0.6)),
            }
        }
        Cell::Day(sent) => day(back) == Some(Day(*sent)),
        Cell::Time(sent) => {
            let at = Jst::from(WallTime::from_micros(*sent));
            match back {
                Value::Number(back) => {
                    let sent = f64::from(at.day.0) + f64::from(at.second_of_day) / 86_400.0;
                    near(*back - SERIAL_EPOCH, sent, 1.0 / 1_440.0)
                }
                _ => text.split_once(' ').is_some_and(|(date, time)| {
                    let mut parts = time.trim().split(':').map(|p| p.parse::<u32>().ok());
                    let (hour, minute) = (parts.next().flatten(), parts.next().flatten());
                    parse_date(date) == Some(at.day) && (hour, minute) == (Some(at.hour()), Some(at.minute()))
                }),
            }
        }
        Cell::Unknown => text == "不明" || text == "unknown",
        Cell::None => *back == Value::Empty,
        Cell::Blank => true,
    }
}

/// The rows of the form: what is to be filled in stands behind its heads, a row a reviewer.
pub(super) fn form(edition: &Edition) -> Vec<Vec<String>> {
    let lang = edition.lang();
    let mut rows = vec![vec![], vec![title(lang).to_owned()]];
    rows.push(edition.sign_heads().map(str::to_owned).to_vec());
    for row in edition.sign_rows() {
        let cells = row.iter().map(|cell| match cell {
            Cell::Text(text) => text.clone(),
            Cell::Day(day) => Day(*day).iso(),
            _ => String::new(),
        });
        rows.push(cells.collect());
    }
    rows
}

/// The line above the form.
pub(super) fn title(lang: Lang) -> &'static str {
    lang.pick("確認欄（返送用）", "confirmation (to be returned)")
}

#[cfg(test)]
mod tests;
