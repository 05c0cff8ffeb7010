//! JSON lines: one object a line, read in one pass without building it.
//!
//! Members are found by path. Where a member comes twice the first one counts: whoever smuggles a second `user`
//! behind the real one gains nothing. `null` says nothing. Objects on no path are skipped, nested to a fixed depth.
//! The text of strings is not checked to be UTF-8; what cannot be read as an object is rejected as a whole.

pub(super) mod paths;
pub(super) mod skip;

use super::cells::{Cell, Cells, Form};
use super::format::{FormatError, Read};
use super::names::Slot;
use super::scan::{Raw, quoted, unescape};
use super::time::TimeCache;
use super::{JsonFormat, Record, Why};
use paths::{Paths, Wanted};
use skip::{blanks, scalar, skip};

/// A JSON format, compiled.
#[derive(Debug)]
pub(super) struct JsonLines {
    paths: Paths,
    zone_secs: i32,
    /// Whether the configuration says where the time is.
    time_named: bool,
}

/// A value of a line, with the rank of the name it was found under.
#[derive(Debug, Clone, Copy)]
struct Value<'a> {
    raw: Raw<'a>,
    rank: u8,
}

type Found<'a> = [Option<Value<'a>>; Slot::COUNT];

impl JsonLines {
    pub(super) fn compile(settings: &JsonFormat) -> Result<JsonLines, FormatError> {
        Ok(JsonLines {
            paths: Paths::compile(&settings.fields)?,
            zone_secs: settings.zone_secs,
            time_named: settings.fields.time.is_some(),
        })
    }

    /// Reads one line.
    pub(super) fn read<'a>(&self, line: &'a [u8], clock: &mut TimeCache, record: &mut Record<'a>) -> Read {
        let mut found = Found::default();
        let whole = match blanks(line) {
            [b'{', inside @ ..] => self.object(Paths::ROOT, inside, &mut found),
            _ => None,
        };
        if !whole.is_some_and(|rest| blanks(rest).is_empty()) {
            return Err(Why::Json);
        }
        let mut cells = Cells::default();
        for (slot, value) in Slot::ALL.into_iter().zip(found) {
            if let Some(Value { raw, .. }) = value {
                let form = if raw.escaped { Form::Escaped } else { Form::Plain };
                cells.set(slot, Cell { text: raw.text, form });
            }
        }
        if self.time_named && !cells.has(Slot::Time) {
            return Err(Why::Missing);
        }
        cells.fill(self.zone_secs, clock, record)
    }

    /// Reads an object behind its `{`; gives what follows its `}`. Goes as deep as the configured paths do.
    fn object<'a>(&self, node: usize, text: &'a [u8], found: &mut Found<'a>) -> Option<&'a [u8]> {
        let mut rest = blanks(text);
        if let [b'}', after @ ..] = rest {
            return Some(after);
        }
        loop {
            let [b'"', key @ ..] = rest else { return None };
            let (key, after) = quoted(key)?;
            let [b':', value @ ..] = blanks(after) else { return None };
            let wanted = if key.escaped {
                self.paths.find(node, &unescape(key.text))
            } else {
                self.paths.find(node, key.text)
            };
            rest = blanks(self.value(wanted, blanks(value), found)?);
            rest = match rest {
                [b',', after @ ..] => blanks(after),
                [b'}', after @ ..] => return Some(after),
                _ => return None,
            };
        }
    }

    /// Reads one value; gives what follows it.
    #[inline]
    fn value<'a>(&self, wanted: Option<&Wanted>, text: &'a [u8], found: &mut Found<'a>) -> Option<&'a [u8]> {
        let (raw, rest) = match text {
            [b'"', inside @ ..] => quoted(inside)?,
            [b'{', inside @ ..] => {
                return match wanted.and_then(|wanted| wanted.node) {
                    Some(node) => self.object(node, inside, found),
                    None => skip(text),
                };
            }
            [b'[', ..] => return skip(text),
            _ => {
                let (text, rest) = scalar(text)?;
                if text == b"null" {
                    return Some(rest);
                }
                (Raw { text, escaped: false }, rest)
            }
        };
        for (slot, rank) in wanted.map_or(&[][..], |wanted| &wanted.slots) {
            let place = found.get_mut(usize::from(*slot))?;
            if place.is_none_or(|before| *rank < before.rank) {
                *place = Some(Value { raw, rank: *rank });
            }
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests;
