//! Records as JSON lines: what `sekimori parse --json` prints, with keys that stay as they are.
//!
//! Every object has the same keys in the same order; `null` means that the line does not say. The subject is not
//! among them: a citizen's number leaves the record only as a keyed hash.

use std::borrow::Cow;

use super::time::write_jst;
use super::{Parsed, Record};
use crate::text::mask_numbers;

/// Appends one object and a newline for a record or a reject; nothing for a header, a comment or an empty line.
///
/// `line_no` counts from 1. Times are RFC 3339 in Japanese time. Bytes that are no UTF-8 become U+FFFD, and signs
/// that could steer a terminal or turn text around are escaped.
pub fn write_record(out: &mut Vec<u8>, line_no: u64, parsed: &Parsed<'_>) {
    let nothing = Record::default();
    let (record, reject) = match parsed {
        Parsed::Record(record) => (record, None),
        Parsed::Reject(why) => (&nothing, Some(Cow::Borrowed(why.as_str().as_bytes()))),
        Parsed::Nothing => return,
    };
    out.extend_from_slice(format!("{{\"line\":{line_no},\"time\":").as_bytes());
    match record.time {
        Some(time) => {
            out.push(b'"');
            write_jst(out, time);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
    text(out, "user", record.user.as_ref());
    text(out, "source", record.source.as_ref());
    text(out, "operation", record.operation.as_ref());
    let class = record.class.map(|class| Cow::Borrowed(class.as_str().as_bytes()));
    text(out, "class", class.as_ref());
    text(out, "resource", record.resource.as_ref());
    number(out, "status", record.status.map(u64::from));
    number(out, "bytes", record.bytes);
    number(out, "rows", record.rows);
    text(
        out,
        "outcome",
        record
            .outcome
            .map(|outcome| Cow::Borrowed(outcome.as_str().as_bytes()))
            .as_ref(),
    );
    text(out, "user_agent", record.user_agent.as_ref());
    text(out, "reject", reject.as_ref());
    out.extend_from_slice(b"}\n");
}

fn key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn number(out: &mut Vec<u8>, name: &str, value: Option<u64>) {
    key(out, name);
    match value {
        Some(value) => out.extend_from_slice(value.to_string().as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

fn text(out: &mut Vec<u8>, name: &str, value: Option<&Cow<'_, [u8]>>) {
    key(out, name);
    let Some(value) = value else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'"');
    for char in mask_numbers(&String::from_utf8_lossy(value)).chars() {
        match char {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\t' => out.extend_from_slice(b"\\t"),
            // Controls, separators of lines, and what turns the direction of writing.
            '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => out.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes()),
            _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Outcome;
    use crate::clock::EventTime;
    use crate::parse::Why;

    fn written(parsed: &Parsed<'_>) -> String {
        let mut out = Vec::new();
        write_record(&mut out, 7, parsed);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_has_every_key_and_null_for_what_the_line_does_not_say() {
        let record = Record {
            time: Some(EventTime::from_micros(1_795_219_507_042_000)),
            user: Some(Cow::Borrowed("山田\"\u{1b}[2J\u{202e}".as_bytes())),
            status: Some(200),
            outcome: Some(Outcome::Success),
            subject: Some(Cow::Borrowed(b"0012345678")),
            resource: Some(Cow::Borrowed(b"/\xff")),
            ..Record::default()
        };
        assert_eq!(
            written(&Parsed::Record(record)),
            "{\"line\":7,\"time\":\"2026-11-21T09:05:07.042+09:00\",\"user\":\"山田\\\"\\u001b[2J\\u202e\",\"source\":null,\
             \"operation\":null,\"class\":null,\"resource\":\"/\u{fffd}\",\"status\":200,\"bytes\":null,\"rows\":null,\
             \"outcome\":\"success\",\"user_agent\":null,\"reject\":null}\n"
        );
    }

    #[test]
    fn a_reject_says_why_and_a_header_says_nothing() {
        let reject: serde_json::Value = serde_json::from_str(&written(&Parsed::Reject(Why::Oversize))).unwrap();
        assert_eq!(reject["reject"], "oversize");
        assert_eq!(reject["line"], 7);
        assert!(reject["user"].is_null());
        assert_eq!(written(&Parsed::Nothing), "");
    }
}
