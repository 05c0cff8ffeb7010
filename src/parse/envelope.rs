//! What carries a log line: syslog (RFC 3164, RFC 5424, and the ISO stamps rsyslog writes), the byte counts of RFC 6587, the
//! log files of Docker, of Kubernetes (CRI) and of Fluentd.
//!
//! An envelope says when, on which host and by which program; the message inside is read by another format. A line without
//! an envelope is its own message: relays leave it off.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::jsonl::skip::blanks;
use super::scan::{Raw, number, quoted, word};

/// Which envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// RFC 3164, RFC 5424 (behind a byte count as well), or an ISO 8601 stamp, host and program.
    Syslog,
    /// `123 <13>…`: octet counting (RFC 6587) as streams of syslog were kept, with newlines inside messages and none behind.
    Counted,
    /// `{"log":"…\n","stream":"stdout","time":"…"}`.
    Docker,
    /// `2026-11-21T00:05:07.123456789Z stdout F …`.
    Cri,
    /// `2026-11-21T09:05:07+09:00<TAB>tag<TAB>{…}`, as Fluentd, td-agent and Fluent Bit write files.
    Fluentd,
}

impl Envelope {
    /// Every envelope with its word.
    pub const ALL: [(&'static str, Envelope); 5] = [
        ("syslog", Envelope::Syslog),
        ("rfc6587", Envelope::Counted),
        ("docker", Envelope::Docker),
        ("cri", Envelope::Cri),
        ("fluentd", Envelope::Fluentd),
    ];

    /// The envelope called `word`.
    pub fn from_word(word: &str) -> Option<Envelope> {
        Envelope::ALL
            .into_iter()
            .find(|(known, _)| *known == word)
            .map(|(_, e)| e)
    }
}

/// A line taken out of its envelope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Letter<'a> {
    /// The stamp of the envelope.
    pub(super) time: Option<&'a [u8]>,
    /// The host it names.
    pub(super) host: Option<&'a [u8]>,
    /// The program, without its process number.
    pub(super) program: Option<&'a [u8]>,
    /// The process number.
    pub(super) pid: Option<&'a [u8]>,
    /// What is inside.
    pub(super) message: Cow<'a, [u8]>,
}

impl Envelope {
    /// Whether `line` stands in this envelope.
    pub fn holds(self, line: &[u8]) -> bool {
        match self {
            Envelope::Counted => counted(line).is_some(),
            _ => self.open(line).time.is_some(),
        }
    }

    /// Takes `line` out of its envelope.
    pub(super) fn open(self, line: &[u8]) -> Letter<'_> {
        let bare = || Letter {
            message: Cow::Borrowed(line),
            ..Letter::default()
        };
        match self {
            Envelope::Syslog => syslog(line),
            Envelope::Counted => counted(line),
            Envelope::Docker => docker(line),
            Envelope::Cri => cri(line),
            Envelope::Fluentd => fluentd(line),
        }
        .unwrap_or_else(bare)
    }
}

fn docker(line: &[u8]) -> Option<Letter<'_>> {
    let mut letter = Letter::default();
    let [b'{', rest @ ..] = blanks(line) else { return None };
    let mut rest = blanks(rest);
    let mut found = false;
    while let [b'"', key @ ..] = rest {
        let (key, after) = quoted(key)?;
        let after = blanks(blanks(after).strip_prefix(b":")?);
        let (value, after) = match after {
            [b'"', inside @ ..] => quoted(inside)?,
            // Labels (`attrs`) and what else may stand there.
            [b'{' | b'[', ..] => (
                Raw {
                    text: &[],
                    escaped: false,
                },
                super::jsonl::skip::skip(after)?,
            ),
            _ => return None,
        };
        match key.text {
            b"log" => {
                found = true;
                letter.message = value.said().unwrap_or_default();
            }
            b"time" => letter.time = Some(value.text),
            _ => {}
        }
        rest = blanks(blanks(after).strip_prefix(b",").unwrap_or_default());
    }
    while let [.., b'\n' | b'\r'] = *letter.message {
        letter.message = match letter.message {
            Cow::Borrowed([text @ .., _]) => Cow::Borrowed(text),
            Cow::Owned(mut text) => {
                text.pop();
                Cow::Owned(text)
            }
            empty => empty,
        };
    }
    found.then_some(letter)
}

fn cri(line: &[u8]) -> Option<Letter<'_>> {
    let (time, rest) = word(line);
    let (stream, rest) = word(rest);
    let (tag, message) = word(rest);
    if !is_iso(time) || !matches!(stream, b"stdout" | b"stderr") || !matches!(tag, b"F" | b"P") {
        return None;
    }
    Some(Letter {
        time: Some(time),
        message: Cow::Borrowed(message),
        ..Letter::default()
    })
}

fn fluentd(line: &[u8]) -> Option<Letter<'_>> {
    let mut parts = line.splitn(3, |b| *b == b'\t');
    let (time, tag, message) = (parts.next()?, parts.next()?, parts.next()?);
    let stamped = matches!(time, [b'0'..=b'9', _, _, _, b'-', _, _, b'-', _, _, b'T' | b' ', ..]);
    let tagged = !tag.is_empty() && !tag.contains(&b' ');
    (stamped && tagged && message.starts_with(b"{")).then_some(Letter {
        time: Some(time),
        program: Some(tag),
        message: Cow::Borrowed(message),
        ..Letter::default()
    })
}

/// `2026-11-21T09:05:07`, whatever follows.
fn is_iso(text: &[u8]) -> bool {
    matches!(text, [b'0'..=b'9', _, _, _, b'-', _, _, b'-', _, _, b'T', ..])
}

/// The message behind `123 `, which is a syslog message of its own.
fn counted(line: &[u8]) -> Option<Letter<'_>> {
    let (_, [b' ', message @ ..]) = number(line)? else {
        return None;
    };
    message.starts_with(b"<").then_some(Letter {
        message: Cow::Borrowed(message),
        ..Letter::default()
    })
}

fn syslog(line: &[u8]) -> Option<Letter<'_>> {
    let text = counted(line).map_or(line, |letter| match letter.message {
        Cow::Borrowed(message) => message,
        Cow::Owned(_) => line,
    });
    let mut rest = text;
    let mut marked = false;
    if let [b'<', inside @ ..] = text
        && let Some((priority, [b'>', behind @ ..])) = number(inside)
        && priority < 192
    {
        rest = behind;
        marked = true;
        if let [b'1', b' ', body @ ..] = rest {
            return rfc5424(body);
        }
    }
    let (time, rest) = match stamp(rest) {
        Some((time, rest)) => (Some(time), rest),
        // RFC 3164 allows a relay to leave out everything but the priority.
        None if marked => (None, rest),
        None => return None,
    };
    let (host, message) = if time.is_some() { host(rest) } else { (None, rest) };
    let (program, pid, message) = tag(message);
    Some(Letter {
        time,
        host,
        program,
        pid,
        message: Cow::Borrowed(message),
    })
}

/// The host, which is left out where the program's tag follows at once.
fn host(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let (first, rest) = word(text);
    if first.ends_with(b":") {
        return (None, text);
    }
    (Some(first), rest.trim_ascii_start())
}

/// Splits the stamp from what follows its blank.
fn stamp(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if is_iso(text) {
        return Some(word(text));
    }
    let [a, b, c, b' ', ..] = text else { return None };
    super::time::is_month(&[*a, *b, *c]).then_some(())?;
    let rest = text.get(4..)?.trim_ascii_start();
    let (day, rest) = word(rest);
    if day.is_empty() || 2 < day.len() || !day.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut rest = rest.trim_ascii_start();
    // Some write the year here, some behind the time of day.
    let (next, after) = word(rest);
    if next.len() == 4 && next.iter().all(u8::is_ascii_digit) {
        rest = after;
    }
    let (clock, after) = word(rest);
    if !matches!(clock, [b'0'..=b'9', .., b':', _, _] | [_, _, b':', _, _, b':', ..]) {
        return None;
    }
    let mut end = text.len() - after.len();
    let mut after = after;
    let (year, behind) = word(after);
    if year.len() == 4 && (year.starts_with(b"19") || year.starts_with(b"20")) && year.iter().all(u8::is_ascii_digit) {
        end = text.len() - behind.len();
        after = behind;
    }
    let time = text.get(..end)?.trim_ascii_end();
    // Cisco closes the stamp with a colon.
    let time = time.strip_suffix(b":").unwrap_or(time);
    Some((time, after.trim_ascii_start()))
}

/// `TIMESTAMP HOST APP PROCID MSGID SD MSG`.
fn rfc5424(text: &[u8]) -> Option<Letter<'_>> {
    let said = |text: &'_ [u8]| text != b"-" && !text.is_empty();
    let (time, rest) = word(text);
    let (host, rest) = word(rest);
    let (program, rest) = word(rest);
    let (pid, rest) = word(rest);
    let (_message_id, rest) = word(rest);
    let message = structured_data(rest)?.trim_ascii_start();
    Some(Letter {
        time: Some(time).filter(|t| said(t)),
        host: Some(host).filter(|t| said(t)),
        program: Some(program).filter(|t| said(t)),
        pid: Some(pid).filter(|t| said(t)),
        message: Cow::Borrowed(message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message)),
    })
}

/// What follows `-` or `[id name="value"]…`.
fn structured_data(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    if let [b'-', after @ ..] = rest {
        return Some(after);
    }
    while let [b'[', inside @ ..] = rest {
        let mut text = inside;
        loop {
            let at = memchr::memchr2(b'"', b']', text)?;
            let (mark, after) = text.get(at..)?.split_first()?;
            if *mark == b']' {
                rest = after;
                break;
            }
            text = quoted(after)?.1;
        }
    }
    Some(rest)
}

/// Splits `program[pid]: ` from the message. Without a colon nothing is a tag.
fn tag(text: &[u8]) -> (Option<&[u8]>, Option<&[u8]>, &[u8]) {
    let none = (None, None, text);
    let Some(colon) = memchr(b':', text) else { return none };
    // A tag may hold blanks in brackets only (`postfix/smtpd[1]`, `CRON[1]`, `%ASA-6-1`).
    let Some((head, rest)) = text.split_at_checked(colon) else {
        return none;
    };
    if head.is_empty() || 64 < head.len() || memchr(b' ', head).is_some() || head.contains(&b'"') {
        return none;
    }
    let message = rest.get(1..).unwrap_or_default();
    // `CEF:0|`, `LEEF:2.0|` and addresses of IPv6 begin a message.
    let set_off = message.first().is_none_or(|b| matches!(b, b' ' | b'\t'));
    if !set_off && !head.ends_with(b"]") && !head.starts_with(b"%") {
        return none;
    }
    let message = message.strip_prefix(b" ").unwrap_or(message);
    match memmem::find(head, b"[") {
        Some(at) => {
            let pid = head.get(at + 1..).unwrap_or_default();
            let pid = pid.strip_suffix(b"]").unwrap_or(pid);
            (head.get(..at), Some(pid), message)
        }
        None => (Some(head), None, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(envelope: Envelope, line: &str) -> (String, String, String, String) {
        let letter = envelope.open(line.as_bytes());
        let text = |t: Option<&[u8]>| String::from_utf8_lossy(t.unwrap_or(b"-")).into_owned();
        (
            text(letter.time),
            text(letter.host),
            text(letter.program),
            String::from_utf8_lossy(&letter.message).into_owned(),
        )
    }

    fn four(a: &str, b: &str, c: &str, d: &str) -> (String, String, String, String) {
        (a.into(), b.into(), c.into(), d.into())
    }

    #[test]
    fn syslog_in_all_its_forms_is_unwrapped() {
        for (line, time, host, program) in [
            (
                "Nov  1 09:05:07 web1 sshd[12]: hello: x",
                "Nov  1 09:05:07",
                "web1",
                "sshd",
            ),
            (
                "<34>Nov 21 09:05:07 web1 sshd: hello: x",
                "Nov 21 09:05:07",
                "web1",
                "sshd",
            ),
            (
                "2026-11-21T09:05:07.123456+09:00 web1 sshd[12]: hello: x",
                "2026-11-21T09:05:07.123456+09:00",
                "web1",
                "sshd",
            ),
            (
                "<165>1 2026-11-21T00:05:07Z web1 sshd 12 ID47 [a@1 b=\"]\\\"\"][c d=\"e\"] \u{feff}hello: x",
                "2026-11-21T00:05:07Z",
                "web1",
                "sshd",
            ),
            (
                "99 <165>1 2026-11-21T00:05:07Z web1 sshd - - - hello: x",
                "2026-11-21T00:05:07Z",
                "web1",
                "sshd",
            ),
            (
                "<190>Nov 21 2026 09:05:07: %ASA-6-1: hello: x",
                "Nov 21 2026 09:05:07",
                "-",
                "%ASA-6-1",
            ),
            ("<13>sshd: hello: x", "-", "-", "sshd"),
            (
                "<34>Nov 21 09:05:07 web1 sshd[12]:hello: x",
                "Nov 21 09:05:07",
                "web1",
                "sshd",
            ),
        ] {
            assert_eq!(
                open(Envelope::Syslog, line),
                four(time, host, program, "hello: x"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_message_that_begins_with_a_colon_of_its_own_is_no_program() {
        for message in [
            "CEF:0|Vendor|DLP",
            "LEEF:2.0|Vendor|DLP",
            "2001:db8::7 - 012345 [21",
            "CEF:0|a: b",
        ] {
            let line = format!("<134>Nov 21 09:05:07 dlp1 {message}");
            let wanted = four("Nov 21 09:05:07", "dlp1", "-", message);
            assert_eq!(open(Envelope::Syslog, &line), wanted);
        }
    }

    #[test]
    fn containers_are_unwrapped_and_a_bare_line_is_its_own_message() {
        assert_eq!(
            open(
                Envelope::Docker,
                r#"{"log":"a \"b\"\r\n","stream":"stdout","attrs":{"x":"y"},"time":"2026-11-21T00:05:07.1Z"}"#
            ),
            four("2026-11-21T00:05:07.1Z", "-", "-", "a \"b\"")
        );
        assert_eq!(
            open(Envelope::Cri, "2026-11-21T00:05:07.1Z stdout F a b"),
            four("2026-11-21T00:05:07.1Z", "-", "-", "a b")
        );
        assert_eq!(
            open(
                Envelope::Fluentd,
                "2026-11-21T09:05:07+09:00\tapp.access\t{\"a\":\"b\\tc\"}"
            ),
            four("2026-11-21T09:05:07+09:00", "-", "app.access", "{\"a\":\"b\\tc\"}")
        );
        for envelope in [
            Envelope::Syslog,
            Envelope::Docker,
            Envelope::Cri,
            Envelope::Counted,
            Envelope::Fluentd,
        ] {
            assert_eq!(open(envelope, "just: text"), four("-", "-", "-", "just: text"));
        }
    }
}
