//! `common` and `combined` of nginx and Apache, hand-written: the format most lines come in.
//!
//! `[vhost[:port] ]address ident user [time] "request" status bytes ["referer" "agent" [more]]`
//!
//! The user ends where ` [` and a date and `] "` follow, so a name may hold blanks and brackets. Every quoted field
//! ends at the first quote no backslash stands before. A line that stops inside a field is rejected as a whole.
//! Lines of nginx's error log between the others are read too (`error_log`).
//!
//! A request that is no `METHOD target PROTOCOL` (bytes of a TLS hello, a port scan) is still an access somebody
//! made: no operation, and the raw request as resource.

mod error_log;

use std::borrow::Cow;

use memchr::{memchr, memmem, memrchr};

use super::envelope::Envelope;
use super::format::{Got, Read};
use super::scan::{Raw, account, is_address, number, quoted_until, trim, word};
use super::time::TimeCache;
use super::{Record, Why};

/// The two shapes, either with or without a leading virtual host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Web {
    /// The line ends behind the byte count; what follows is not looked at.
    pub(super) short: bool,
    /// A virtual host is expected in front, even where the address is no IP address.
    pub(super) vhost: bool,
}

impl Web {
    /// Reads one line.
    #[inline]
    pub(super) fn read<'a>(self, line: &'a [u8], clock: &mut TimeCache, record: &mut Record<'a>) -> Read {
        let Some((head, stamp, rest)) = split_at_stamp(line) else {
            return error_log::read(line, record).unwrap_or(Err(Why::Shape));
        };
        let (address, user) = self.head(head);
        if let [] | [b'<', ..] = address {
            return Err(Why::Shape);
        }
        record.source = plain(address).said();
        record.user = name(user);
        record.time = Some(clock.clf(stamp).ok_or(Why::Time)?);
        self.tail(rest, record)
    }

    /// Splits what stands before the time into address and user.
    #[inline]
    fn head(self, head: &[u8]) -> (&[u8], &[u8]) {
        let (address, rest) = word(head);
        match rest {
            [b'-'] if !address.ends_with(b",") => (address, &[]),
            [b'-', b' ', user @ ..] if !address.ends_with(b",") => (address, user),
            _ => self.odd_head(head),
        }
    }

    /// `[syslog header: ][vhost ][client, ]address ident user`, where it is not just `address - user`.
    #[cold]
    fn odd_head(self, head: &[u8]) -> (&[u8], &[u8]) {
        let (mut address, mut rest) = word(head);
        if self.is_host(address, rest) {
            (address, rest) = word(rest);
        } else if !rest.is_empty() && !is_address(address.strip_suffix(b",").unwrap_or(address)) {
            (address, rest) = word(behind_syslog_header(head));
        }
        // A proxy's list `client, proxy1, proxy2`: the first is the client.
        if let [client @ .., b','] = address {
            address = client;
            loop {
                let (next, behind) = word(rest);
                rest = behind;
                if !next.ends_with(b",") {
                    break;
                }
            }
        }
        let (_ident, user) = word(rest);
        (address, user)
    }

    /// Whether `first` is a virtual host: an address follows it, where a line without one has its ident.
    fn is_host(self, first: &[u8], rest: &[u8]) -> bool {
        let (second, behind) = word(rest);
        if first.ends_with(b",") {
            return false;
        }
        self.vhost && !behind.is_empty() || is_address(second.strip_suffix(b",").unwrap_or(second))
    }

    /// Reads what stands behind `] "`.
    #[inline]
    fn tail<'a>(self, text: &'a [u8], record: &mut Record<'a>) -> Read {
        let Some((raw, rest)) = quoted_until(text, |rest| status(rest).is_some()) else {
            // Told apart for whoever looks for the cause: cut off, or with something else for a status.
            return Err(match quoted_until(text, |rest| rest.len() >= 5) {
                Some(_) => Why::Number,
                None => Why::Shape,
            });
        };
        request(raw, record);
        let Some((code, rest)) = status(rest) else {
            return Err(Why::Shape);
        };
        record.status = code;
        let rest = match (rest, number(rest)) {
            (_, Some((bytes, rest))) => {
                record.bytes = Some(bytes);
                rest
            }
            ([b'-', rest @ ..], None) => rest,
            ([], None) => return Err(Why::Shape),
            _ => return Err(Why::Number),
        };
        let [b' ', rest @ ..] = rest else {
            return if rest.is_empty() {
                Ok(Got::Record)
            } else {
                Err(Why::Number)
            };
        };
        let [b'"', referer @ ..] = rest else {
            return Ok(Got::Record);
        };
        let agent = quoted_until(referer, |rest| rest.starts_with(b" \""))
            .and_then(|(_, rest)| quoted_until(rest.get(2..)?, |_| true));
        match agent {
            Some((agent, _)) => record.user_agent = agent.said(),
            None if self.short => {}
            None => return Err(Why::Shape),
        }
        Ok(Got::Record)
    }
}

/// A field of a log without escapes.
fn plain(text: &[u8]) -> Raw<'_> {
    Raw { text, escaped: false }
}

/// The user: `-` and `""` are nobody.
#[inline]
fn name(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let text = match text {
        [b'"', name @ .., b'"'] => name,
        text => trim(text),
    };
    let odd = text
        .iter()
        .fold(false, |odd, b| odd | matches!(b, b'\\' | b'\n' | b'\r'));
    let name = Raw { text, escaped: odd }.said();
    if odd { name.map(account) } else { name }
}

/// What a relay through syslog put the access behind: `Nov 21 09:05:07 web1 nginx: `, `<134>1 2026-11-21T00:05:07Z web1 nginx 7 - - `.
#[cold]
fn behind_syslog_header(head: &[u8]) -> &[u8] {
    if let Cow::Borrowed(access) = Envelope::Syslog.open(head).message
        && access.len() < head.len()
        && is_address(word(access).0)
    {
        return access;
    }
    let access = memmem::find(head, b": ").and_then(|at| head.get(at + 2..));
    access.filter(|access| is_address(word(access).0)).unwrap_or(head)
}

/// Splits around the first ` [date] "`: what stands before, the 26 bytes of the date, what stands behind.
#[inline]
fn split_at_stamp(line: &[u8]) -> Option<(&[u8], &[u8; 26], &[u8])> {
    let mut from = 0;
    loop {
        let at = from + memchr(b'[', line.get(from..)?)?;
        if let Some((stamp, [b']', b' ', b'"', rest @ ..])) = line.get(at + 1..)?.split_first_chunk::<26>()
            && let [.., b' '] = line.get(..at)?
            && let [_, _, b'/', ..] = stamp
        {
            return Some((line.get(..at - 1)?, stamp, rest));
        }
        from = at + 1;
    }
}

/// The status and what follows its blank. The inner `None` is a `-`.
#[inline]
fn status(text: &[u8]) -> Option<(Option<u16>, &[u8])> {
    match text {
        [b' ', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', rest @ ..] => {
            let digit = |d: u8| u16::from(d - b'0');
            Some((Some(digit(*a) * 100 + digit(*b) * 10 + digit(*c)), rest))
        }
        [b' ', b'-', b' ', rest @ ..] => Some((None, rest)),
        _ => None,
    }
}

/// Splits a request line into operation and resource. A blank inside the target belongs to the target.
#[inline]
pub(super) fn request<'a>(line: Raw<'a>, record: &mut Record<'a>) {
    let piece = |text: &'a [u8]| {
        Raw {
            text,
            escaped: line.escaped,
        }
        .said()
    };
    let Some(at) = memchr(b' ', line.text) else {
        record.resource = piece(line.text);
        return;
    };
    let method = line.text.get(..at).unwrap_or_default();
    let behind = line.text.get(at + 1..).unwrap_or_default();
    let target = match behind {
        [target @ .., b' ', b'H', b'T', b'T', b'P', b'/', _, b'.', _] => Some(target),
        _ => memrchr(b' ', behind)
            .filter(|at| behind.get(at + 1..).is_some_and(|end| end.starts_with(b"HTTP/")))
            .and_then(|at| behind.get(..at)),
    };
    let is_method = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    // Without a protocol (HTTP/0.9, cut off by the server) only what looks like a method is one.
    let plausible = !method.is_empty()
        && (method.iter().all(is_method) || target.is_some() && method.iter().all(u8::is_ascii_graphic));
    if plausible && !behind.is_empty() {
        record.operation = piece(method);
        record.resource = piece(target.unwrap_or(behind));
    } else {
        record.resource = piece(line.text);
    }
}
