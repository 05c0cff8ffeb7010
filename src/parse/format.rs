//! [`FormatSettings`] -> [`Format`]: what is checked once, so that no line has to be.

use std::borrow::Cow;

use super::catalogue;
use super::csv::CsvRows;
use super::define::{Defined, DefinitionError};
use super::envelope::Envelope;
use super::jsonl::JsonLines;
use super::layout::{self, Layout};
use super::time::JST_SECS;
use super::web::Web;
use super::{CsvFormat, FormatSettings, FormatState, JsonFormat, Parsed, Record, WebFormat, Why};

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What a format made of a line; the fields are in the record it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// A record.
    Record,
    /// A header, a comment: nothing is missing.
    Nothing,
}

/// What reading a line gives.
pub(super) type Read = Result<Got, Why>;

/// A format, compiled.
#[derive(Debug)]
pub struct Format(Kind);

#[derive(Debug)]
enum Kind {
    Web(Web),
    Layout(Layout),
    Json(JsonLines),
    Csv(Box<CsvRows>),
    Defined(Box<Defined>),
    Inside(Envelope, Box<Format>),
}

/// What is wrong with a configured format. Places are counted in bytes from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A directive Apache has and this does not, or neither.
    #[error(
        "unknown directive {what} at position {at} of the format string; take it out, or skip its text with %{{skip}}n"
    )]
    Directive {
        /// Place of the `%`.
        at: usize,
        /// The directive.
        what: String,
    },
    /// A conversion inside `%{..}t`.
    #[error(
        "time conversion {what} at position {at} of the format string cannot be read back; use the likes of %F, %T and %z"
    )]
    Time {
        /// Place of the `%`.
        at: usize,
        /// The conversion.
        what: String,
    },
    /// A brace without its partner.
    #[error("{what} at position {at} of the format string is never closed; add a }}")]
    Unclosed {
        /// Place of the `$` or `%`.
        at: usize,
        /// What was opened.
        what: &'static str,
    },
    /// A `$` with no name behind it.
    #[error("$ at position {at} of the format string has no variable name behind it")]
    Nameless {
        /// Place of the `$`.
        at: usize,
    },
    /// Two fields nobody can tell apart.
    #[error(
        "{first} and {second} stand side by side in the format string; put a blank or another sign between them, here and in the server"
    )]
    Adjacent {
        /// The field in front.
        first: String,
        /// The field behind it.
        second: String,
    },
    /// No field says when.
    #[error("the format string holds no time; add {hint}, here and in the server")]
    NoTime {
        /// What to add.
        hint: &'static str,
    },
    /// A word behind `escape=`.
    #[error("escape={word} is not known; write escape=default, escape=json or escape=none")]
    Escape {
        /// The word.
        word: String,
    },
    /// A separator that cannot separate.
    #[error(
        "the delimiter must be a sign of its own, not a quote, a letter, a digit or a line break; write \",\" or \"\\t\""
    )]
    Delimiter,
    /// A configured column that is not among the declared ones.
    #[error("there is no column \"{name}\" for {field}; the declared columns are {known}")]
    Column {
        /// Name of the field.
        field: &'static str,
        /// The column that was looked for.
        name: String,
        /// The columns there are.
        known: String,
    },
    /// Declared columns among which none is a time.
    #[error("none of the declared columns is known as a time; name it with fields.time (declared: {known})")]
    NoTimeColumn {
        /// The columns there are.
        known: String,
    },
    /// A path with an empty name in it.
    #[error("\"{path}\" for {field} is not a path of member names joined by dots")]
    Path {
        /// Name of the field.
        field: &'static str,
        /// The path.
        path: String,
    },
    /// A format definition.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
}

impl Format {
    /// Checks settings and builds what reads lines by them.
    pub fn compile(settings: &FormatSettings) -> Result<Format, FormatError> {
        let hand = |short, vhost| Kind::Web(Web { short, vhost });
        Ok(Format(match settings {
            FormatSettings::Web(WebFormat::Common) => hand(true, false),
            FormatSettings::Web(WebFormat::Combined) => hand(false, false),
            FormatSettings::Web(WebFormat::VhostCombined) => hand(false, true),
            FormatSettings::Web(WebFormat::Nginx(format)) => match format.as_str() {
                "combined" => hand(false, false),
                format => Kind::Layout(layout::nginx(format)?),
            },
            FormatSettings::Web(WebFormat::Apache(format)) => match format.as_str() {
                "common" => hand(true, false),
                "combined" => hand(false, false),
                "vhost_combined" => hand(false, true),
                format => Kind::Layout(layout::apache(format)?),
            },
            FormatSettings::Json(json) => Kind::Json(JsonLines::compile(json)?),
            FormatSettings::Csv(csv) => Kind::Csv(Box::new(CsvRows::compile(csv)?)),
            FormatSettings::Defined(definition, zone) => Kind::Defined(Box::new(Defined::new(definition, *zone)?)),
            FormatSettings::Inside(envelope, inner) => Kind::Inside(*envelope, Box::new(Format::compile(inner)?)),
        }))
    }

    /// The settings called `name` on the command line: `common`, `combined`, `vhost_combined`, `nginx`, `apache`,
    /// `json`, `csv`, `tsv`, a format string behind `nginx:` or `apache:`, or one of the [`catalogue`]; an envelope stands in
    /// front with a plus, `docker+combined`.
    pub fn from_name(name: &str) -> Option<FormatSettings> {
        if let Some((word, inner)) = name.split_once('+')
            && let Some(envelope) = Envelope::from_word(word)
        {
            return Some(FormatSettings::Inside(envelope, Box::new(Format::from_name(inner)?)));
        }
        if let Some(format) = name.strip_prefix("nginx:") {
            return Some(FormatSettings::Web(WebFormat::Nginx(format.to_owned())));
        }
        if let Some(format) = name.strip_prefix("apache:") {
            return Some(FormatSettings::Web(WebFormat::Apache(format.to_owned())));
        }
        let csv = |delimiter| {
            FormatSettings::Csv(CsvFormat {
                delimiter,
                columns: Vec::new(),
                fields: super::FieldNames::default(),
                zone_secs: JST_SECS,
                equal_within_secs: 0,
            })
        };
        Some(match name {
            "common" => FormatSettings::Web(WebFormat::Common),
            "combined" | "nginx" | "apache" | "nginx-access" | "nginx-combined" | "apache-access"
            | "apache-combined" => FormatSettings::Web(WebFormat::Combined),
            "vhost_combined" => FormatSettings::Web(WebFormat::VhostCombined),
            "json" => FormatSettings::Json(JsonFormat {
                zone_secs: JST_SECS,
                ..JsonFormat::default()
            }),
            "csv" => csv(b','),
            "tsv" => csv(b'\t'),
            _ => return Some(FormatSettings::Defined(catalogue::find(name)?, None)),
        })
    }

    /// Reads one record's bytes, UTF-8 or what a broken writer left. `state` is that of the file the line stood in.
    #[inline]
    pub fn parse<'a>(&self, line: &'a [u8], state: &mut FormatState) -> Parsed<'a> {
        let line = body(line);
        if line.first().is_none_or(u8::is_ascii_whitespace) && line.trim_ascii().is_empty() {
            return Parsed::Nothing;
        }
        // Filled in place: a record is too large to be handed from function to function.
        let mut parsed = Parsed::Record(Record::default());
        let Parsed::Record(record) = &mut parsed else {
            return parsed;
        };
        let read = match &self.0 {
            Kind::Web(web) => web.read(line, &mut state.clock, record),
            Kind::Layout(layout) => layout.read(line, &mut state.clock, record),
            Kind::Json(json) => json.read(line, &mut state.clock, record),
            Kind::Csv(csv) => csv.read(line, state, record),
            Kind::Defined(defined) => defined.read(line, state, record),
            Kind::Inside(envelope, inner) => return inner.parse_inside(*envelope, line, state),
        };
        match read {
            Ok(Got::Record) => {}
            Ok(Got::Nothing) => parsed = Parsed::Nothing,
            Err(_) if memchr::memchr(0, line).is_some() => parsed = Parsed::Reject(Why::Nul),
            Err(why) => parsed = Parsed::Reject(why),
        }
        parsed
    }

    /// Reads the head of a line that is longer than is kept of any. What stood behind it is unknown; it is a record where
    /// it says when and who.
    #[cold]
    pub fn parse_head<'a>(&self, head: &[u8], state: &mut FormatState) -> Parsed<'a> {
        let head = body(head);
        let completed = match &self.0 {
            Kind::Web(web) if !web.short => super::head::web(head),
            Kind::Json(_) => super::head::object(head),
            Kind::Csv(csv) => csv.completed(head, state),
            Kind::Web(_) => Some(head.to_vec()),
            Kind::Layout(_) | Kind::Defined(_) | Kind::Inside(..) => {
                Some(super::head::object(head).unwrap_or_else(|| head.to_vec()))
            }
        };
        match completed.as_deref().map(|line| self.parse(line, state)) {
            Some(Parsed::Record(record)) if record.time.is_some() && record.user.is_some() => {
                Parsed::Record(record.into_owned())
            }
            _ => Parsed::Reject(Why::Oversize),
        }
    }

    /// How many columns rows have that declare them; 0: their file says it, or they are no rows.
    pub fn declared_columns(&self) -> usize {
        match &self.0 {
            Kind::Csv(csv) => csv.declared(),
            _ => 0,
        }
    }

    /// Reads what is in an envelope. The envelope's time counts where the message has none.
    #[cold]
    fn parse_inside<'a>(&self, envelope: Envelope, line: &'a [u8], state: &mut FormatState) -> Parsed<'a> {
        let letter = envelope.open(line);
        let time = letter.time.and_then(|time| state.clock.any(time, JST_SECS));
        let mut parsed = match letter.message {
            Cow::Borrowed(message) => self.parse(message, state),
            Cow::Owned(message) => match self.parse(&message, state) {
                Parsed::Record(record) => Parsed::Record(record.into_owned()),
                Parsed::Reject(why) => Parsed::Reject(why),
                Parsed::Nothing => Parsed::Nothing,
            },
        };
        if let Parsed::Record(record) = &mut parsed
            && record.time.is_none()
        {
            record.time = time;
        }
        parsed
    }
}

/// The line without its end mark, a byte order mark and the NUL bytes that copytruncate leaves before a record.
#[inline]
fn body(line: &[u8]) -> &[u8] {
    let mut line = line;
    while let [before @ .., b'\n' | b'\r'] = line {
        line = before;
    }
    if let [0, ..] = line {
        let nuls = line.iter().take_while(|b| **b == 0).count();
        // Only NUL bytes: they stay, so that they are told from an empty line.
        if nuls < line.len() {
            line = line.get(nuls..).unwrap_or_default();
        }
    }
    line.strip_prefix(BOM).unwrap_or(line)
}
