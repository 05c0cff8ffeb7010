//! The samples of a definition, and what comes out where they do not hold.

use super::Definition;
use super::raw::RawSample;
use crate::access::Outcome;
use crate::clock::EventTime;
use crate::parse::time::write_jst;
use crate::parse::{Format, FormatSettings, FormatState, Parsed, Record};
use crate::text::inert;

/// The moment samples are read at: their stamps without a year are of 2026.
const READ_AT: i64 = 1_798_700_000;

/// A sample that means something else than it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("format {format}, sample {number}: {field} is {got}, not {expected}")]
pub struct SampleError {
    format: String,
    number: usize,
    field: &'static str,
    got: String,
    expected: String,
}

impl Definition {
    /// Reads every sample; gives how many there are, and what does not hold.
    pub fn run_samples(&self) -> (usize, Vec<SampleError>) {
        let mut errors = Vec::new();
        let samples = &self.0.raw.sample;
        let Ok(format) = Format::compile(&FormatSettings::Defined(self.clone(), None)) else {
            return (0, errors);
        };
        let mut state = FormatState::default();
        state.read_at(EventTime::from_secs(READ_AT));
        for (number, sample) in (1_usize..).zip(samples) {
            let mut wrong = |field, got: String, expected: String| {
                if got != expected {
                    errors.push(SampleError {
                        format: self.name().to_owned(),
                        number,
                        field,
                        got,
                        expected,
                    });
                }
            };
            match format.parse(sample.line.as_bytes(), &mut state) {
                Parsed::Record(record) => {
                    wrong("meaning", "a record".into(), expected_meaning(sample));
                    for (field, got, expected) in fields(&record, sample) {
                        wrong(field, got, expected);
                    }
                }
                Parsed::Reject(why) => wrong("meaning", format!("reject {}", why.as_str()), expected_meaning(sample)),
                Parsed::Nothing => wrong("meaning", "nothing".into(), expected_meaning(sample)),
            }
        }
        (samples.len(), errors)
    }
}

fn expected_meaning(sample: &RawSample) -> String {
    match (&sample.reject, sample.nothing) {
        (Some(why), _) => format!("reject {why}"),
        (None, true) => "nothing".into(),
        (None, false) => "a record".into(),
    }
}

fn fields(record: &Record<'_>, sample: &RawSample) -> Vec<(&'static str, String, String)> {
    let text = |got: Option<&[u8]>, expected: Option<&String>| {
        let got = got.map_or("nothing".to_owned(), |t| inert(t, 400));
        (got, expected.cloned().unwrap_or_else(|| "nothing".into()))
    };
    let number = |got: Option<u64>, expected: Option<u64>| {
        let said = |n: Option<u64>| n.map_or("nothing".to_owned(), |n| n.to_string());
        (said(got), said(expected))
    };
    let time = record.time.map(|t| {
        let mut out = Vec::new();
        write_jst(&mut out, t);
        out
    });
    let all = [
        ("time", text(time.as_deref(), sample.time.as_ref())),
        ("user", text(record.user.as_deref(), sample.user.as_ref())),
        ("source", text(record.source.as_deref(), sample.source.as_ref())),
        (
            "operation",
            text(record.operation.as_deref(), sample.operation.as_ref()),
        ),
        (
            "class",
            text(record.class.map(|c| c.as_str().as_bytes()), sample.class.as_ref()),
        ),
        ("resource", text(record.resource.as_deref(), sample.resource.as_ref())),
        (
            "status",
            number(record.status.map(u64::from), sample.status.map(u64::from)),
        ),
        ("bytes", number(record.bytes, sample.bytes)),
        ("rows", number(record.rows, sample.rows)),
        (
            "outcome",
            text(
                record.outcome.map(Outcome::as_str).map(str::as_bytes),
                sample.outcome.as_ref(),
            ),
        ),
        (
            "user_agent",
            text(record.user_agent.as_deref(), sample.user_agent.as_ref()),
        ),
        ("subject", text(record.subject.as_deref(), sample.subject.as_ref())),
    ];
    all.into_iter()
        .map(|(field, (got, expected))| (field, got, expected))
        .collect()
}
