//! `format` of a `[[source]]` and what belongs to it: how the lines of the files are written.

use std::collections::HashSet;
use std::time::Duration;

use crate::parse::{
    CsvFormat, Definition, Envelope, FieldNames, Format, FormatSettings, JsonFormat, WebFormat, catalogue,
};

use super::nearest::advice;
use super::problem::{Place, Say, say, shown};
use super::section::{Found, Section, absolute};

/// Times without a zone are Japanese times.
const ZONE_SECS: i32 = 9 * 3600;

/// Longest time within which equal rows may be one access.
const EQUAL_WITHIN_MAX: Duration = Duration::from_secs(600);

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
    if let Some(word) = section.value("format").and_then(|found| found.value.as_str())
        && !KINDS.iter().any(|(known, _)| *known == word)
    {
        return defined(section, word);
    }
    let kind = section.required_choice("format", &KINDS);
    let log_format = section.string_or_strings("log_format");
    let delimiter = delimiter(section);
    let columns = columns(section);
    let zone_secs = section.zone("zone", ZONE_SECS);
    let fields = fields(section, columns.as_deref().filter(|c| !c.is_empty()));
    let equal_within = section
        .duration("equal_within", Duration::ZERO, Duration::ZERO..=EQUAL_WITHIN_MAX)
        .and_then(|time| u32::try_from(time.as_secs()).ok());
    let kind = kind?;
    for (key, kinds) in [
        ("log_format", &[Kind::Nginx, Kind::Apache][..]),
        ("delimiter", &[Kind::Csv]),
        ("columns", &[Kind::Csv]),
        ("zone", &[Kind::Json, Kind::Csv]),
        ("fields", &[Kind::Json, Kind::Csv]),
        ("equal_within", &[Kind::Csv]),
    ] {
        if !kinds.contains(&kind.value) {
            section.refuse(key, &only_for(kinds, kind.value));
        }
    }
    if kind.value != Kind::Csv
        && let Some(found) = section.table("fields").and_then(|fields| fields.value("joined_by"))
    {
        section.problem(&found.place, only_for(&[Kind::Csv], kind.value), None);
        return None;
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
            equal_within_secs: equal_within?,
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

/// A format that is data: in a file of its own (`./my.toml`), in the folder `formats` beside the configuration, or one that
/// comes with the program; an envelope may stand before it (`docker+combined`).
fn defined(section: &Section<'_>, word: &str) -> Option<FormatSettings> {
    let place = section.string("format")?.place;
    let zone = section.value("zone").is_some();
    let zone_secs = section.zone("zone", ZONE_SECS).filter(|_| zone);
    for key in ["log_format", "delimiter", "columns", "fields", "equal_within"] {
        let message = say!(
            "format = {word} では使えない項目です。書式は定義ファイルで決まります。",
            "not for format = {word}: its definition says how it is read"
        );
        section.refuse(key, &message);
    }
    inside(section, word, zone_secs, &place)
}

/// The format behind as many envelopes as stand before it (`rfc6587+syslog+combined`).
fn inside(section: &Section<'_>, word: &str, zone_secs: Option<i32>, place: &Place) -> Option<FormatSettings> {
    if let Some((envelope, inner)) = word.split_once('+')
        && let Some(envelope) = Envelope::from_word(envelope)
    {
        let inner = inside(section, inner, zone_secs, place)?;
        return Some(FormatSettings::Inside(envelope, Box::new(inner)));
    }
    one(section, word, zone_secs, place)
}

fn one(section: &Section<'_>, word: &str, zone_secs: Option<i32>, place: &Place) -> Option<FormatSettings> {
    let with_zone = |definition| FormatSettings::Defined(definition, zone_secs);
    let folder = section.doc().folder();
    let own = if word.ends_with(".toml") {
        Some(absolute(folder, word))
    } else {
        let beside = folder.join("formats").join(format!("{word}.toml"));
        let plain = !word.contains(['/', '\\']);
        (plain && beside.is_file()).then_some(beside)
    };
    if let Some(path) = own {
        let read = std::fs::read_to_string(&path).map_err(|e| e.to_string());
        let read = read.and_then(|text| Definition::read(&text).map_err(|e| e.to_string()));
        return match read {
            Ok(definition) => Some(with_zone(definition)),
            Err(why) => {
                let (path, why) = (shown(&path.display().to_string()), shown(&why));
                let message = say!(
                    "書式の定義 {path} を使えません（{why}）。",
                    "the format definition {path} cannot be used: {why}"
                );
                section.problem(place, message, None);
                None
            }
        };
    }
    match Format::from_name(word) {
        Some(FormatSettings::Defined(definition, _)) => Some(with_zone(definition)),
        Some(other) => Some(other),
        None => {
            let valid: Vec<&str> = KINDS.iter().map(|(word, _)| *word).chain(catalogue::names()).collect();
            let shown = shown(word);
            let message = say!("「{shown}」という書式はありません。", "there is no format \"{shown}\"");
            let hint = advice(word, &valid).unwrap_or_else(|| {
                say!(
                    "sekimori formats で一覧を見られます。自分の定義は ./名前.toml と書いてください。",
                    "`sekimori formats` lists them; a definition of your own is written ./name.toml"
                )
            });
            section.problem(place, message, Some(hint));
            None
        }
    }
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
        let known = |columns: &&[String]| {
            let declared = |one: &str| columns.iter().any(|column| column == one);
            declared(&name.value) || key == "record_key" && name.value.split('+').all(declared)
        };
        if let Some(columns) = columns.filter(|columns| !known(columns)) {
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
        record_key: field("record_key"),
        joined_by: field("joined_by"),
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
