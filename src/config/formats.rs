//! `format` of a `[[source]]` and what belongs to it: how the lines of the files are written.

use std::collections::HashSet;

use crate::parse::{CsvFormat, FieldNames, Format, FormatSettings, JsonFormat, WebFormat};

use super::nearest::advice;
use super::problem::{Say, say, shown};
use super::section::{Found, Section};

/// Times without a zone are Japanese times.
const ZONE_SECS: i32 = 9 * 3600;

/// The formats by their words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Common,
    Combined,
    VhostCombined,
    Nginx,
    Apache,
    Json,
    Csv,
}

const KINDS: [(&str, Kind); 7] = [
    ("common", Kind::Common),
    ("combined", Kind::Combined),
    ("vhost_combined", Kind::VhostCombined),
    ("nginx", Kind::Nginx),
    ("apache", Kind::Apache),
    ("json", Kind::Json),
    ("csv", Kind::Csv),
];

/// Reads `format` and its keys.
pub(super) fn read(section: &Section<'_>) -> Option<FormatSettings> {
    let kind = section.required_choice("format", &KINDS);
    let log_format = section.string_or_strings("log_format");
    let delimiter = delimiter(section);
    let columns = columns(section);
    let zone_secs = section.zone("zone", ZONE_SECS);
    let fields = fields(section, columns.as_deref().filter(|c| !c.is_empty()));
    let kind = kind?;
    for (key, kinds) in [
        ("log_format", &[Kind::Nginx, Kind::Apache][..]),
        ("delimiter", &[Kind::Csv]),
        ("columns", &[Kind::Csv]),
        ("zone", &[Kind::Json, Kind::Csv]),
        ("fields", &[Kind::Json, Kind::Csv]),
    ] {
        if !kinds.contains(&kind.value) {
            section.refuse(key, &only_for(kinds, kind.value));
        }
    }
    let format = match kind.value {
        Kind::Common => FormatSettings::Web(WebFormat::Common),
        Kind::Combined => FormatSettings::Web(WebFormat::Combined),
        Kind::VhostCombined => FormatSettings::Web(WebFormat::VhostCombined),
        Kind::Nginx => FormatSettings::Web(WebFormat::Nginx(server_format(section, log_format)?)),
        Kind::Apache => FormatSettings::Web(WebFormat::Apache(server_format(section, log_format)?)),
        Kind::Json => FormatSettings::Json(JsonFormat {
            fields: fields?,
            zone_secs: zone_secs?,
        }),
        Kind::Csv => FormatSettings::Csv(CsvFormat {
            delimiter: delimiter?,
            columns: columns?,
            fields: fields?,
            zone_secs: zone_secs?,
        }),
    };
    if let Err(why) = check_format(&format) {
        let why = shown(&why);
        let place = section.value("log_format").map_or(kind.place, |found| found.place);
        section.problem(
            &place,
            say!("書式として使えません（{why}）。", "cannot be used as a format: {why}"),
            None,
        );
        return None;
    }
    Some(format)
}

/// Whether `parse` can work with the format; the text says what it cannot.
fn check_format(format: &FormatSettings) -> Result<(), String> {
    Format::compile(format).map(|_| ()).map_err(|e| e.to_string())
}

fn only_for(kinds: &[Kind], is: Kind) -> Say {
    let word = |kind: &Kind| KINDS.iter().find(|(_, k)| k == kind).map_or("", |(word, _)| word);
    let (is, only) = (word(&is), kinds.iter().map(word).collect::<Vec<_>>());
    let (ja, en) = (only.join(" か "), only.join(" or "));
    say!(
        "format = {is} では使えない項目です（{ja} のときだけ書けます）。",
        "not for format = {is}, only for {en}"
    )
}

fn server_format(section: &Section<'_>, log_format: Option<Vec<Found<String>>>) -> Option<String> {
    if section.value("log_format").is_none() {
        let hint = say!(
            "サーバーの設定にある書式の文字列を、そのまま '…' で囲んで書いてください。",
            "copy the format string of the server's own configuration, in single quotes"
        );
        section.missing("log_format", Some(hint));
    }
    Some(log_format?.into_iter().map(|piece| piece.value).collect())
}

fn delimiter(section: &Section<'_>) -> Option<u8> {
    let Some(found) = section.value("delimiter") else {
        return Some(b',');
    };
    // Not `string`: a tab is blank.
    match found.value.as_str().map(str::as_bytes) {
        Some(&[byte])
            if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) && !byte.is_ascii_alphanumeric() =>
        {
            Some(byte)
        }
        _ => {
            let message = say!("区切り文字は一文字で書いてください。", "must be a single character");
            let hint = say!("例: \",\"、\"\\t\"、\";\"", "such as \",\", \"\\t\" or \";\"");
            section.problem(&found.place, message, Some(hint));
            None
        }
    }
}

fn columns(section: &Section<'_>) -> Option<Vec<String>> {
    if section.value("columns").is_none() {
        return Some(Vec::new());
    }
    let columns = section.required_strings("columns")?;
    let mut seen: HashSet<&str> = HashSet::new();
    for column in &columns {
        if !seen.insert(&column.value) {
            let word = shown(&column.value);
            let message = say!("列「{word}」が二度書かれています。", "column \"{word}\" stands twice");
            section.problem(&column.place, message, None);
        }
    }
    Some(columns.iter().map(|c| c.value.clone()).collect())
}

/// `[source.fields]`; where the columns are declared, each field must be one of them.
fn fields(section: &Section<'_>, columns: Option<&[String]>) -> Option<FieldNames> {
    if section.value("fields").is_none() {
        return Some(FieldNames::default());
    }
    let table = section.table("fields")?;
    let field = |key: &str| -> Option<String> {
        let name = table.string(key)?;
        if let Some(columns) = columns.filter(|columns| !columns.contains(&name.value)) {
            let word = shown(&name.value);
            let message = say!(
                "列「{word}」は columns にありません。",
                "column \"{word}\" does not stand in columns"
            );
            let valid: Vec<&str> = columns.iter().map(String::as_str).collect();
            table.problem(&name.place, message, advice(&name.value, &valid));
        }
        Some(name.value)
    };
    let names = FieldNames {
        time: field("time"),
        time2: field("time2"),
        user: field("user"),
        source: field("source"),
        operation: field("operation"),
        resource: field("resource"),
        status: field("status"),
        bytes: field("bytes"),
        rows: field("rows"),
        outcome: field("outcome"),
        user_agent: field("user_agent"),
        subject: field("subject"),
    };
    if names.time2.is_some() && names.time.is_none() {
        let hint = say!(
            "time に日付、time2 に時刻の項目を書いてください。",
            "time names the day, time2 the time of day"
        );
        table.missing("time", Some(hint));
    }
    table.finish();
    Some(names)
}
