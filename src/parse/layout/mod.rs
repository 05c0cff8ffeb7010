//! Format strings of web servers (nginx `log_format`, Apache `LogFormat`), compiled to a scanner: fields with the
//! literal text that ends each of them.
//!
//! A field between quotes ends at the first quote no backslash stands before; any other at the literal behind it,
//! where the field behind that literal could begin (so a user may hold ` [`, and a list of upstreams blanks). Times
//! know their own length. What follows the last literal is accepted: fields are added behind more often than removed.

mod apache;
mod build;
mod nginx;

pub(super) use apache::compile as apache;
pub(super) use nginx::compile as nginx;

use std::borrow::Cow;

use memchr::memchr;

use super::format::{Got, Read};
use super::scan::{Raw, account, behind, number, quoted_until, trim};
use super::time::{self, TimeCache, strftime};
use super::{Record, Why, web};

/// A compiled format string.
#[derive(Debug)]
pub(super) struct Layout {
    /// Text before the first field.
    lead: Vec<u8>,
    steps: Vec<Step>,
    /// Whether the server escapes quotes and control bytes.
    escaped: bool,
}

/// A field and what ends it.
#[derive(Debug)]
struct Step {
    what: What,
    end: End,
    /// The text behind the field; empty only for the last field.
    literal: Vec<u8>,
    /// What the next field begins with, where that helps to find the end of this one.
    next: Next,
    /// The text behind the next field.
    next_literal: Vec<u8>,
}

/// What a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Skip,
    /// A list of several answers, `a, b : c`: blanks behind a comma do not end it.
    List,
    Source,
    /// Addresses as a proxy lists them, `client, proxy1`; the first counts.
    Forwarded,
    User,
    /// `10/Oct/2000:13:55:36 -0700`
    Clf,
    /// `2026-11-21T09:05:07+09:00`
    Iso,
    /// `1795219507.042`
    Epoch,
    Strftime(Vec<strftime::Item>),
    Request,
    Operation,
    /// A URI with its query.
    Resource,
    Path,
    Query,
    Status,
    Bytes,
    Agent,
}

/// How the end of a field is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// A quote.
    Quote,
    /// The literal.
    Literal,
    /// The `/` the next field begins with.
    Slash,
    /// A blank or the end of the line.
    Blank,
    /// The end of the line.
    Line,
    /// The field itself.
    Own,
}

/// What the next field must begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Anything,
    ClfTime,
    Digit,
    Status,
    Amount,
}

impl Step {
    /// Whether the next field may begin here.
    #[inline]
    fn next_may_begin(&self, text: &[u8]) -> bool {
        match self.next {
            Next::Anything => true,
            // A date whose bracket does not close where it should was typed by somebody as a name.
            Next::ClfTime => {
                matches!(text, [b'0'..=b'9', _, b'/', ..])
                    && text
                        .get(26..)
                        .is_some_and(|rest| behind(rest, &self.next_literal).is_some())
            }
            Next::Digit => matches!(text, [b'0'..=b'9', ..]),
            Next::Status => matches!(text, [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] | [b'-', ..]),
            Next::Amount => matches!(text, [b'0'..=b'9' | b'-', ..]),
        }
    }
}

/// What stands in several fields before it is put together.
#[derive(Default)]
struct Loose<'a> {
    parts: Option<strftime::Parts>,
    path: Option<Raw<'a>>,
    query: Option<Raw<'a>>,
}

impl Layout {
    /// Reads one line.
    pub(super) fn read<'a>(&self, line: &'a [u8], clock: &mut TimeCache, record: &mut Record<'a>) -> Read {
        let mut rest = behind(line, &self.lead).ok_or(Why::Shape)?;
        let mut loose = Loose::default();
        for step in &self.steps {
            if step.end == End::Own {
                rest = loose.time(&step.what, rest, clock, record)?;
            } else {
                let (raw, after) = self.field(step, rest).ok_or(Why::Shape)?;
                loose.put(&step.what, raw, record)?;
                rest = after;
            }
            rest = behind(rest, &step.literal).ok_or(Why::Shape)?;
        }
        if !matches!(rest, [] | [b' ' | b'\t' | b',', ..]) {
            return Err(Why::Shape);
        }
        loose.finish(record)
    }

    /// Splits one field from what follows it; its literal is still in front of the rest.
    #[inline]
    fn field<'a>(&self, step: &Step, text: &'a [u8]) -> Option<(Raw<'a>, &'a [u8])> {
        let ends = |rest: &[u8]| behind(rest, &step.literal).is_some_and(|rest| step.next_may_begin(rest));
        let plain = |end: usize| {
            let (text, rest) = text.split_at_checked(end)?;
            Some((
                Raw {
                    text,
                    escaped: self.escaped && text.iter().fold(false, |found, b| found | (*b == b'\\')),
                },
                rest,
            ))
        };
        match step.end {
            End::Quote if self.escaped => {
                let behind_quote = step.literal.get(1..)?;
                let (raw, _) = quoted_until(text, |rest| {
                    behind(rest, behind_quote).is_some_and(|rest| step.next_may_begin(rest))
                })?;
                Some((raw, text.get(raw.text.len()..)?))
            }
            End::Quote | End::Literal => {
                let first = *step.literal.first()?;
                let mut from = 0;
                loop {
                    let at = from + memchr(first, text.get(from..)?)?;
                    if ends(text.get(at..)?)
                        && !(matches!(step.what, What::List | What::Forwarded) && in_list(text, at))
                    {
                        return plain(at);
                    }
                    from = at + 1;
                }
            }
            End::Slash => plain(memchr(b'/', text)?),
            End::Blank => plain(memchr(b' ', text).unwrap_or(text.len())),
            End::Line | End::Own => plain(text.len()),
        }
    }
}

/// Whether the blank at `at` stands inside a list of nginx: `10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80`.
fn in_list(text: &[u8], at: usize) -> bool {
    let (before, after) = text.split_at_checked(at).unwrap_or_default();
    matches!(before, [.., b','] | [.., b' ', b':']) || after.starts_with(b" : ")
}

impl<'a> Loose<'a> {
    /// Reads a time from the start of `text`; gives what follows it.
    #[inline]
    fn time(
        &mut self,
        what: &What,
        text: &'a [u8],
        clock: &mut TimeCache,
        record: &mut Record<'a>,
    ) -> Result<&'a [u8], Why> {
        let (time, rest) = match what {
            What::Clf => {
                let (stamp, rest) = text.split_first_chunk::<26>().ok_or(Why::Shape)?;
                (clock.clf(stamp), rest)
            }
            What::Iso => {
                let (stamp, rest) = text.split_first_chunk::<25>().ok_or(Why::Shape)?;
                (clock.any(stamp, time::JST_SECS), rest)
            }
            What::Strftime(items) => {
                let rest = self.parts.get_or_insert_default().read(items, text).ok_or(Why::Time)?;
                return Ok(rest);
            }
            _ => {
                let end = text
                    .iter()
                    .position(|b| !matches!(b, b'0'..=b'9' | b'.'))
                    .unwrap_or(text.len());
                let (stamp, rest) = text.split_at_checked(end).ok_or(Why::Shape)?;
                (clock.any(stamp, time::JST_SECS), rest)
            }
        };
        record.time = Some(time.ok_or(Why::Time)?);
        Ok(rest)
    }

    #[inline]
    fn put(&mut self, what: &What, raw: Raw<'a>, record: &mut Record<'a>) -> Result<(), Why> {
        match what {
            What::Source => record.source = raw.said(),
            What::Forwarded => {
                let text = raw.text.split(|b| *b == b',').next().unwrap_or_default();
                record.source = Raw { text, ..raw }.said();
            }
            What::User => {
                let text = if raw.text == b"\"\"" { &[] } else { trim(raw.text) };
                record.user = Raw { text, ..raw }.said().map(account);
            }
            What::Request => web::request(raw, record),
            What::Operation => record.operation = raw.said(),
            What::Resource => record.resource = raw.said(),
            What::Path => self.path = Some(raw),
            What::Query => self.query = Some(raw),
            What::Status => {
                record.status = amount(raw.text)?
                    .map(u16::try_from)
                    .transpose()
                    .map_err(|_| Why::Number)?
            }
            What::Bytes => record.bytes = amount(raw.text)?,
            What::Agent => record.user_agent = raw.said(),
            What::Skip | What::List | What::Clf | What::Iso | What::Epoch | What::Strftime(_) => {}
        }
        Ok(())
    }

    fn finish(self, record: &mut Record<'a>) -> Read {
        if let Some(parts) = self.parts
            && record.time.is_none()
        {
            record.time = Some(parts.time(time::JST_SECS).ok_or(Why::Time)?);
        }
        if let Some(path) = self.path.and_then(Raw::said)
            && record.resource.is_none()
        {
            record.resource = Some(match self.query.and_then(Raw::said) {
                Some(query) => Cow::Owned([&*path, b"?", query.strip_prefix(b"?").unwrap_or(&query)].concat()),
                None => path,
            });
        }
        Ok(Got::Record)
    }
}

/// A number; `-` and nothing are none.
#[inline]
fn amount(text: &[u8]) -> Result<Option<u64>, Why> {
    match number(text) {
        Some((value, [])) => Ok(Some(value)),
        _ if matches!(text, [] | b"-") => Ok(None),
        _ => Err(Why::Number),
    }
}

#[cfg(test)]
mod tests;
