//! The records of bytes that were consumed before, cut as they were when they were followed: for whoever opens an archive.
//!
//! Consumed bytes are whole records, so that any run of them can be cut on its own. Entries of the journal are archived as
//! lines of JSON ([`archived_entry`]); here they come out as the messages they were.

use serde_json::{Value, json};

use super::chunk::Framed;
use super::framer::{Columns, Framer};
use super::{Incarnation, Phase, Proof, SegmentState, SourceSettings};
use crate::access::{Damage, Line, LineRef, SegmentId, SourceId};
use crate::clock::WallTime;

/// Where bytes stood that are cut once more.
#[derive(Debug, Clone, Copy)]
pub struct Stood<'a> {
    /// The file.
    pub file: SegmentId,
    /// The first byte.
    pub from: u64,
    /// They begin inside a record of which the head was given before.
    pub inside: bool,
    /// What the format remembered there.
    pub state: &'a [u8],
}

/// Takes a record, the range of its bytes, and what its format remembers.
pub type RecutSink<'s> = dyn FnMut(Line<'_>, (usize, usize), &mut Vec<u8>) + 's;

/// Cuts records of one source.
#[derive(Debug)]
pub struct Recut {
    framer: Framer,
    journal: bool,
}

impl Recut {
    /// For records as this source has them.
    pub fn new(settings: &SourceSettings) -> Recut {
        let framer = Framer::new(settings.encoding, settings.quoted_newlines, settings.line_bytes_max)
            .with_delimiter(settings.delimiter)
            .framed(&settings.framing);
        Recut {
            framer,
            journal: settings.journal.is_some(),
        }
    }

    /// The same with rows of so many columns.
    pub fn with_columns(mut self, columns: Columns) -> Recut {
        self.framer = self.framer.with_columns(Some(columns));
        self
    }

    /// Gives each record of `bytes`, which stood where `at` says, together with the range of its own bytes in `bytes` and what
    /// its format remembers.
    pub fn records(&self, at: &Stood<'_>, bytes: &[u8], sink: &mut RecutSink<'_>) {
        if self.journal {
            return entries(at, bytes, sink);
        }
        let from = at.from;
        let mut state = begun(at);
        let within = |at: u64| usize::try_from(at.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut rest = bytes;
        loop {
            let (inside, all) = (state.inside, (u64::MAX, true, rest.len()));
            let framed = Framed::run(rest, &mut state, &self.framer, all, &mut |line, state| {
                sink(line, (within(line.at.start), within(line.at.end)), state);
            });
            state.position = state.position.saturating_add(framed.consumed as u64);
            rest = rest.get(framed.consumed..).unwrap_or_default();
            if !inside || state.inside {
                break;
            }
        }
    }
}

/// One entry of the journal as it is archived: canonical JSON, one line.
///
/// `len`: how long the whole message is; only its head is kept where it is longer than a record may be.
pub(super) fn archived_entry(number: u64, message: &[u8], len: u64) -> Vec<u8> {
    let text = match std::str::from_utf8(message) {
        Ok(text) => json!(text),
        // As `journalctl -o json` writes what is no text.
        Err(_) => json!(message),
    };
    let mut entry = json!({"MESSAGE": text, "__SEQNUM": number.to_string()});
    if (message.len() as u64) < len
        && let Some(entry) = entry.as_object_mut()
    {
        entry.insert("_LENGTH".into(), len.into());
    }
    let mut line = entry.to_string().into_bytes();
    line.push(b'\n');
    line
}

fn entries(stood: &Stood<'_>, bytes: &[u8], sink: &mut RecutSink<'_>) {
    let mut from = 0;
    let mut state = stood.state.to_vec();
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let range = (from, from + line.len());
        from = range.1;
        let Some((number, message, cut)) = entry(line) else {
            continue;
        };
        let at = LineRef {
            segment: stood.file,
            start: number,
            end: number.saturating_add(1),
        };
        let line = Line {
            bytes: &message,
            at,
            damage: cut.then_some(Damage::Oversize),
        };
        sink(line, range, &mut state);
    }
}

/// Archived entries of a journal without those before number `from`.
pub fn entries_from(bytes: &[u8], from: u64) -> Vec<u8> {
    let lines = bytes.split_inclusive(|b| *b == b'\n');
    lines
        .filter(|line| entry(line).is_none_or(|(number, ..)| from <= number))
        .collect::<Vec<_>>()
        .concat()
}

fn entry(line: &[u8]) -> Option<(u64, Vec<u8>, bool)> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let number = value.get("__SEQNUM")?.as_str()?.parse().ok()?;
    let message = match value.get("MESSAGE")? {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(bytes) => bytes
            .iter()
            .map(|b| u8::try_from(b.as_u64()?).ok())
            .collect::<Option<Vec<u8>>>()?,
        _ => return None,
    };
    Some((number, message, value.get("_LENGTH").is_some()))
}

/// A file of which nothing is known but where reading begins.
fn begun(at: &Stood<'_>) -> SegmentState {
    let position = at.from;
    SegmentState {
        id: at.file,
        source: SourceId::default(),
        path: std::path::PathBuf::new(),
        incarnation: Incarnation::default(),
        position,
        inside: at.inside,
        lines: 0,
        head: Proof::default(),
        window: Proof::default(),
        phase: Phase::Live,
        format_state: at.state.to_vec(),
        last_read: WallTime::from_micros(0),
        caught_at: WallTime::from_micros(0),
        origin: position,
        part: Proof::default(),
        chain: [0; 32],
        boot: 0,
        marks: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archived_entry_is_read_back_whatever_it_holds() {
        for message in [&b"plain"[..], "二行\nの記録".as_bytes(), b"\xff\x00\xfe", b""] {
            let line = archived_entry(7, message, message.len() as u64);
            assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
            assert_eq!(entry(&line), Some((7, message.to_vec(), false)));
        }
        assert_eq!(entry(&archived_entry(8, b"ab", 9)), Some((8, b"ab".to_vec(), true)));
    }
}
