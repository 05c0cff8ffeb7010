//! What the fuzz targets hold every parser to, and what they start from.
//!
//! An input is a byte that picks the format, a byte that says how the log comes in pieces, and the log. Where the highest
//! bit of the second byte is set, the rest is no log but what an attacker writes into one field of a line, escaped as its
//! writer escapes.
//!
//! Promises checked: no panic; any way of cutting a log gives the same records, and every byte is in one; a restart between
//! two records changes nothing; what goes out is one line of JSON without a sign that steers a device; whatever stands in
//! a field that the client writes, the line stays one record, of the user who signed in, from the same address.

mod forged;
pub mod seeds;

use std::sync::OnceLock;

use sekimori::clock::EventTime;
use sekimori::parse::{Format, FormatSettings, FormatState, Parsed, Record, json};
use sekimori::source::{Encoding, probe};
use sekimori::text::framing::Framing;
use sekimori::text::{inert, mask_numbers};

pub use forged::Forged;

/// Set in the second byte: the rest is what an attacker writes.
pub const ATTACK: u8 = 0x80;

/// A format under test.
pub struct Subject {
    settings: FormatSettings,
    format: Format,
}

impl Subject {
    /// By its name on the command line.
    pub fn new(name: &str) -> Subject {
        let settings = Format::from_name(name).unwrap_or_else(|| panic!("no format {name}"));
        let format = Format::compile(&settings).expect("a good format");
        Subject { settings, format }
    }
}

/// One target: the formats it tries and the lines it forges.
pub struct Target {
    subjects: Vec<Subject>,
    forged: Vec<(Subject, &'static Forged)>,
}

impl Target {
    /// The target called `name`.
    pub fn new(name: &str) -> Target {
        Target {
            subjects: seeds::formats(name).iter().map(|name| Subject::new(name)).collect(),
            forged: Forged::of(name)
                .map(|forged| (Subject::new(forged.format), forged))
                .collect(),
        }
    }

    /// Tries one input.
    pub fn run(&self, input: &[u8]) {
        let [pick, knob, rest @ ..] = input else { return };
        let nth = usize::from(*pick);
        if *knob & ATTACK != 0 && !self.forged.is_empty() {
            let (subject, forged) = &self.forged[nth % self.forged.len()];
            return attack(subject, forged, rest);
        }
        if let Some(subject) = self.subjects.get(nth % self.subjects.len().max(1)) {
            log(subject, *knob, rest);
        }
    }
}

/// Runs `name` on an input; what it needs is made once.
pub fn run(target: &'static OnceLock<Target>, name: &str, input: &[u8]) {
    target.get_or_init(|| Target::new(name)).run(input);
}

/// Lengths of pieces, from a byte.
fn cuts(knob: u8) -> [usize; 3] {
    let n = usize::from(knob & 0x7f);
    [1 + n % 7, 1 + n % 31, 1 + n]
}

/// Cuts a log in two ways and reads its records.
fn log(subject: &Subject, knob: u8, log: &[u8]) {
    let framing = subject.settings.framing();
    cut_the_same(Encoding::Utf8, &framing, 0, log, knob);
    let mut state = state();
    let mut rest = log;
    while let Some(end) = framing.end(rest, true) {
        let (record, behind) = rest.split_at(end);
        line(subject, record, &mut state);
        rest = behind;
    }
    assert!(rest.is_empty(), "every byte is in a record");
}

/// Any way of cutting `bytes` gives the same records, which lie end to end.
pub fn cut_the_same(encoding: Encoding, framing: &Framing, columns: usize, bytes: &[u8], knob: u8) {
    let whole = probe::cut(encoding, framing, columns, bytes, &[usize::MAX >> 1]);
    let pieces = probe::cut(encoding, framing, columns, bytes, &cuts(knob));
    assert_eq!(whole, pieces, "{framing:?}");
    let mut end = 0;
    for (from, to) in whole {
        assert_eq!(from, end);
        assert!(from < to && to <= bytes.len());
        end = to;
    }
}

/// Reads one record: the same behind a restart, and nothing in it reaches a device.
fn line(subject: &Subject, record: &[u8], state: &mut FormatState) {
    let mut again = FormatState::from_bytes(&state.to_bytes());
    again.read_at(NOW);
    let half = record.get(..record.len() / 2).unwrap_or_default();
    let _head = subject.format.parse_head(half, &mut state.clone());
    let parsed = subject.format.parse(record, state);
    assert_eq!(
        parsed,
        subject.format.parse(record, &mut again),
        "a restart changes nothing"
    );
    shown(&parsed);
}

/// What is printed of a record, and what is shown of its fields.
fn shown(parsed: &Parsed<'_>) {
    let mut written = Vec::new();
    json::write_record(&mut written, 1, parsed);
    let body = written.strip_suffix(b"\n").unwrap_or(&written);
    assert!(body.iter().all(|b| 0x20 <= *b && *b != 0x7f), "{}", body.escape_ascii());
    if !body.is_empty() {
        serde_json::from_slice::<serde_json::Value>(body).expect("an object of JSON");
    }
    let Parsed::Record(record) = parsed else { return };
    for field in [
        &record.user,
        &record.source,
        &record.operation,
        &record.resource,
        &record.user_agent,
    ] {
        let Some(field) = field else { continue };
        let text = inert(field, 120);
        assert!(!text.chars().any(char::is_control) && text.chars().count() <= 120);
        assert_eq!(mask_numbers(&text), text);
    }
}

/// Writes a line as its writer would, with what the attacker sent, and reads it.
fn attack(subject: &Subject, forged: &Forged, sent: &[u8]) {
    let log = forged.log(sent);
    let framing = subject.settings.framing();
    cut_the_same(Encoding::Utf8, &framing, 0, &log, sent.first().copied().unwrap_or(3));
    let mut state = state();
    let mut rest = log.as_slice();
    let mut found = 0;
    while let Some(end) = framing.end(rest, true) {
        let (record, behind) = rest.split_at(end);
        rest = behind;
        let parsed = subject.format.parse(record, &mut state);
        shown(&parsed);
        match parsed {
            Parsed::Record(record) => {
                found += 1;
                genuine(forged, &record, &log);
            }
            Parsed::Nothing => {}
            Parsed::Reject(why) => panic!("{why:?}: {}", log.escape_ascii()),
        }
    }
    assert_eq!(found, 1, "one line is one record: {}", log.escape_ascii());
}

fn genuine(forged: &Forged, record: &Record<'_>, log: &[u8]) {
    let is = |field: &Option<std::borrow::Cow<'_, [u8]>>, wanted: &str| field.as_deref() == Some(wanted.as_bytes());
    if forged.names_user {
        assert!(
            is(&record.user, forged::USER),
            "{:?}: {}",
            record.user,
            log.escape_ascii()
        );
    }
    assert!(
        is(&record.source, forged::ADDRESS),
        "{:?}: {}",
        record.source,
        log.escape_ascii()
    );
    assert_eq!(record.time, Some(forged::TIME), "{}", log.escape_ascii());
}

const NOW: EventTime = EventTime::from_secs(1_798_700_000);

fn state() -> FormatState {
    let mut state = FormatState::default();
    state.read_at(NOW);
    state
}
