//! Line -> Record | Reject: what a log line says, as borrowed fields, one file a format.
//!
//! Pure: bytes in, fields out. A [`Format`] is compiled once from [`FormatSettings`] and shared; what a
//! format must remember between lines of one file (a CSV header) is a [`FormatState`], kept beside the
//! position of that file so that a restart in the middle of a file reads on as if nothing happened.
//!
//! Promises: no input panics; a line either is a [`Record`], or a [`Why`], or nothing was there; hostile text
//! inside a field never moves another field as long as the writer escaped its quotes, as web servers do.
//!
//! Not here: bytes to lines and encodings (`source`), accounts and datasets (`register`), whether a status is a
//! success (`register`).

pub mod catalogue;
mod cells;
mod csv;
pub mod define;
mod envelope;
mod format;
mod head;
pub mod json;
mod jsonl;
mod lacking;
mod layout;
mod names;
mod rows;
mod scan;
mod sessions;
mod state;
pub mod time;
mod web;

#[cfg(test)]
mod mutate;
#[cfg(test)]
mod tests;

pub mod place;

use std::borrow::Cow;

pub use define::{Definition, DefinitionError};
pub use envelope::Envelope;
pub use format::{Format, FormatError};
pub use lacking::{Lack, Lacking};
pub use state::FormatState;

use crate::access::{Operation, Outcome};
use crate::clock::EventTime;
use crate::text::framing::Framing;

/// How the lines of a source are written, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatSettings {
    /// A web server's format: `common`, `combined`, `vhost_combined`, or a format string as it stands in
    /// the server's own configuration.
    Web(WebFormat),
    /// One JSON object a line.
    Json(JsonFormat),
    /// Comma (or other) separated values, RFC 4180 quoting.
    Csv(CsvFormat),
    /// By a format definition; with the offset of times without a zone, where the source says another one.
    Defined(Definition, Option<i32>),
    /// Another format inside an envelope.
    Inside(Envelope, Box<FormatSettings>),
}

impl FormatSettings {
    /// The definition the format is read by, if there is one.
    pub fn definition(&self) -> Option<&Definition> {
        match self {
            FormatSettings::Defined(definition, _) => Some(definition),
            FormatSettings::Inside(_, inner) => inner.definition(),
            _ => None,
        }
    }

    /// Where the records of the format end.
    pub fn framing(&self) -> Framing {
        match self {
            FormatSettings::Inside(Envelope::Counted, _) => Framing::Counted,
            FormatSettings::Web(_) | FormatSettings::Inside(..) => Framing::Lines,
            FormatSettings::Json(_) => Framing::Lines,
            FormatSettings::Csv(_) => Framing::Quoted,
            FormatSettings::Defined(definition, _) => definition.framing().clone(),
        }
    }
}

/// Which web server format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebFormat {
    /// NCSA common log format, with or without a leading virtual host.
    Common,
    /// NCSA combined log format, with or without a leading virtual host.
    Combined,
    /// Combined behind `%v:%p`.
    VhostCombined,
    /// An nginx `log_format` string (the text between the quotes, pieces joined).
    Nginx(String),
    /// An Apache `LogFormat` string (without the surrounding quotes and escapes of httpd.conf).
    Apache(String),
}

/// Which JSON member (a path of names joined by `.`) holds which field. A field without a path is tried under
/// the names usual for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonFormat {
    /// Paths by field.
    pub fields: FieldNames,
    /// Offset of times without a zone, in seconds east of UTC.
    pub zone_secs: i32,
}

/// Columns of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvFormat {
    /// The separator, usually `,` or tab.
    pub delimiter: u8,
    /// Column names where the file has no header line. Empty: the first line of each file is the header.
    pub columns: Vec<String>,
    /// Column name by field.
    pub fields: FieldNames,
    /// Offset of times without a zone, in seconds east of UTC.
    pub zone_secs: i32,
    /// Equal rows no further apart than this many seconds are one access; 0: each is one.
    pub equal_within_secs: u32,
}

/// Name of the member, column or variable for each field of a [`Record`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldNames {
    /// Time; with `time2` where day and time of day stand apart.
    pub time: Option<String>,
    /// Time of day, where it stands apart from the day.
    pub time2: Option<String>,
    /// Account.
    pub user: Option<String>,
    /// Address or terminal.
    pub source: Option<String>,
    /// Operation, as the log says it.
    pub operation: Option<String>,
    /// What was touched.
    pub resource: Option<String>,
    /// Status code.
    pub status: Option<String>,
    /// Bytes given out.
    pub bytes: Option<String>,
    /// Records given out.
    pub rows: Option<String>,
    /// Result word.
    pub outcome: Option<String>,
    /// Client program.
    pub user_agent: Option<String>,
    /// Number of the citizen concerned.
    pub subject: Option<String>,
    /// What tells a record from every other one; several columns are joined by `+`.
    pub record_key: Option<String>,
    /// Number under which several rows are one operation.
    pub joined_by: Option<String>,
}

/// One record's fields as the line says them; borrowed where the line needs no unescaping. `None`: the line
/// does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record<'a> {
    /// The record's own time.
    pub time: Option<EventTime>,
    /// Account name, undecorated.
    pub user: Option<Cow<'a, [u8]>>,
    /// Address or terminal.
    pub source: Option<Cow<'a, [u8]>>,
    /// Operation as the log says it (`GET`, `照会`).
    pub operation: Option<Cow<'a, [u8]>>,
    /// What kind of use that word is, where the format knows; the 台帳 has the last word.
    pub class: Option<Operation>,
    /// What was touched (URI with query, table, function name).
    pub resource: Option<Cow<'a, [u8]>>,
    /// Status code.
    pub status: Option<u16>,
    /// Bytes given out.
    pub bytes: Option<u64>,
    /// Records given out.
    pub rows: Option<u64>,
    /// Success or failure where the log states it in words; a web status is judged by `register`.
    pub outcome: Option<Outcome>,
    /// Client program.
    pub user_agent: Option<Cow<'a, [u8]>>,
    /// Number of the citizen concerned; hashed as soon as it is placed, never stored.
    pub subject: Option<Cow<'a, [u8]>>,
    /// Hash of what tells the record from every other one of its source, where that is declared: a record exported or
    /// delivered twice counts once.
    pub key: Option<u64>,
    /// A further row of an operation that was counted already: its amounts and its subject count, the access does not.
    pub part: bool,
}

impl Record<'_> {
    /// The record on its own, where the line does not live as long.
    pub(crate) fn into_owned(self) -> Record<'static> {
        let owned = |text: Option<Cow<'_, [u8]>>| text.map(|text| Cow::Owned(text.into_owned()));
        Record {
            time: self.time,
            user: owned(self.user),
            source: owned(self.source),
            operation: owned(self.operation),
            class: self.class,
            resource: owned(self.resource),
            status: self.status,
            bytes: self.bytes,
            rows: self.rows,
            outcome: self.outcome,
            user_agent: owned(self.user_agent),
            subject: owned(self.subject),
            key: self.key,
            part: self.part,
        }
    }
}

/// What one line is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a record is filled in place; a box would allocate for every line"
)]
pub enum Parsed<'a> {
    /// A record.
    Record(Record<'a>),
    /// A line that no record came from.
    Reject(Why),
    /// A header, a comment, an empty line: nothing is missing.
    Nothing,
}

/// Why a line yielded no record. Counted by source and reason and kept visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// The line does not have the shape of the format.
    Shape,
    /// No time, or one that cannot be read.
    Time,
    /// A number that is none (status, bytes, rows).
    Number,
    /// Not valid JSON, or not an object.
    Json,
    /// Another number of columns than the header.
    Columns,
    /// A column or member that the configuration names is not there.
    Missing,
    /// Longer than `line_bytes_max`, and its head does not say when and who.
    Oversize,
    /// A quote in it opens a cell and is never closed.
    OpenQuote,
    /// NUL bytes, as after a power loss or a copytruncate.
    Nul,
}

impl Why {
    /// Every reason.
    pub const ALL: [Why; 9] = [
        Why::Shape,
        Why::Time,
        Why::Number,
        Why::Json,
        Why::Columns,
        Why::Missing,
        Why::Oversize,
        Why::OpenQuote,
        Why::Nul,
    ];

    /// In words, for people.
    pub fn ja(self) -> &'static str {
        match self {
            Why::Shape => "書式と合いません",
            Why::Time => "日時を読めません",
            Why::Number => "数値を読めません",
            Why::Json => "JSON として読めません",
            Why::Columns => "列の数が見出しと違います",
            Why::Missing => "必要な項目がありません",
            Why::Oversize => "長すぎます",
            Why::OpenQuote => "引用符が閉じていません",
            Why::Nul => "NUL バイトがあります",
        }
    }

    /// The word used in JSON and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Shape => "shape",
            Why::Time => "time",
            Why::Number => "number",
            Why::Json => "json",
            Why::Columns => "columns",
            Why::Missing => "missing-field",
            Why::Oversize => "oversize",
            Why::OpenQuote => "open-quote",
            Why::Nul => "nul",
        }
    }
}
