//! Binary XML of event logs -> text ([MS-EVEN6] 2.2.12): tokens one behind the other, with templates whose blanks a record
//! fills in.
//!
//! Every place is checked against the chunk, nesting is bounded, and so is what a record may grow to: templates that
//! refer to templates must not fill memory.

use std::cell::Cell;

use super::value::{self, Value};
use super::{u16_at, u32_at};

/// Deepest nesting of elements, templates and fragments.
const DEPTH_MAX: usize = 64;
/// Longest text of one record, in bytes.
const TEXT_MAX: usize = 1 << 20;
/// Most tokens of one record.
const TOKENS_MAX: usize = 100_000;
/// Most values of one template.
const VALUES_MAX: usize = 2_048;
/// An element that depends on no value.
const NO_VALUE: u16 = 0xffff;

/// Writes what stands in `chunk[from..to]` behind `out`. `None`: it cannot be read.
pub(super) fn write(chunk: &[u8], (from, to): (usize, usize), out: &mut Vec<u8>) -> Option<()> {
    let begun = out.len();
    let left = Cell::new(TOKENS_MAX);
    let mut reader = Reader {
        chunk,
        left: &left,
        at: from,
        end: to,
        values: &[],
        in_template: false,
        depth: 0,
        room: begun + TEXT_MAX,
    };
    reader.fragment(out)?;
    // One event is one line of text: a NUL or an escape in a name would be damage to whoever reads it.
    for byte in out.get_mut(begun..)? {
        if byte.is_ascii_control() {
            *byte = b' ';
        }
    }
    out.get(begun..)?.starts_with(b"<Event").then_some(())
}

struct Reader<'c, 'v> {
    chunk: &'c [u8],
    /// Tokens the record may still have: templates may stand in templates, again and again.
    left: &'c Cell<usize>,
    at: usize,
    end: usize,
    /// What fills the blanks of the template.
    values: &'v [Value<'c>],
    /// In the definition of a template elements say which value they depend on.
    in_template: bool,
    depth: usize,
    /// How long `out` may become.
    room: usize,
}

/// The attribute in hand.
#[derive(Default)]
struct Attribute {
    name: Vec<u8>,
    text: Vec<u8>,
    /// It is filled from a value that is not there: Windows leaves it out.
    left_out: bool,
}

impl<'c> Reader<'c, '_> {
    /// The next token.
    fn token(&mut self) -> Option<u8> {
        self.left.set(self.left.get().checked_sub(1)?);
        self.u8()
    }

    fn u8(&mut self) -> Option<u8> {
        let byte = self.chunk.get(..self.end)?.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn u16(&mut self) -> Option<u16> {
        let two = u16_at(self.chunk, self.at).filter(|_| self.at + 2 <= self.end)?;
        self.at += 2;
        Some(two)
    }

    fn u32(&mut self) -> Option<usize> {
        let four = u32_at(self.chunk, self.at).filter(|_| self.at + 4 <= self.end)?;
        self.at += 4;
        Some(four)
    }

    fn take(&mut self, length: usize) -> Option<&'c [u8]> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end)?;
        let bytes = self.chunk.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    /// What stands from here to the end: a head, then an element or a template with its values.
    fn fragment(&mut self, out: &mut Vec<u8>) -> Option<()> {
        while self.at < self.end {
            if self.room < out.len() {
                return None;
            }
            match self.token()? {
                // The end; what follows is padding.
                0x00 => return Some(()),
                0x0f => drop(self.take(3)?),
                0x0c => self.template(out)?,
                token @ (0x01 | 0x41) => self.element(token, out)?,
                0x0a => drop(self.name()?),
                0x0b => drop(self.string()?),
                _ => return None,
            }
        }
        Some(())
    }

    /// Another part of the chunk, one level deeper.
    fn inside<'w>(
        &self,
        (at, end): (usize, usize),
        values: &'w [Value<'c>],
        in_template: bool,
    ) -> Option<Reader<'c, 'w>> {
        (self.depth < DEPTH_MAX && end <= self.chunk.len()).then_some(())?;
        Some(Reader {
            chunk: self.chunk,
            left: self.left,
            at,
            end,
            values,
            in_template,
            depth: self.depth + 1,
            room: self.room,
        })
    }

    /// A template and the values for it. Its definition stands here, or where it was used first.
    fn template(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.take(5)?;
        let definition = self.u32()?;
        // The place of the next one, a GUID, and how long it is.
        let length = u32_at(self.chunk, definition.checked_add(20)?)?;
        let from = definition.checked_add(24)?;
        let to = from.checked_add(length)?;
        if definition == self.at {
            self.take(24)?;
            self.take(length)?;
        }
        let count = self.u32().filter(|count| *count <= VALUES_MAX)?;
        let mut kinds = Vec::with_capacity(count);
        for _ in 0..count {
            let length = self.u16()?;
            kinds.push((usize::from(length), self.u8()?));
            self.u8()?;
        }
        let mut values = Vec::with_capacity(count);
        for (length, kind) in kinds {
            let at = self.at;
            let bytes = self.take(length)?;
            values.push(Value { kind, bytes, at });
        }
        self.inside((from, to), &values, true)?.fragment(out)
    }

    /// An element behind its first byte, to its end.
    fn element(&mut self, token: u8, out: &mut Vec<u8>) -> Option<()> {
        let depends = if self.in_template { self.u16()? } else { NO_VALUE };
        self.depth += 1;
        (self.depth < DEPTH_MAX).then_some(())?;
        self.u32()?;
        let name = self.name()?;
        if token == 0x41 {
            self.u32()?;
        }
        let begun = out.len();
        out.push(b'<');
        out.extend_from_slice(&name);
        let closed = self.attributes(out)?;
        if closed {
            out.extend_from_slice(b"></");
        } else {
            out.push(b'>');
            self.content(out)?;
            out.extend_from_slice(b"</");
        }
        out.extend_from_slice(&name);
        out.push(b'>');
        self.depth -= 1;
        let left_out = depends != NO_VALUE && self.values.get(usize::from(depends)).is_none_or(Value::is_null);
        if left_out {
            out.truncate(begun);
        }
        Some(())
    }

    /// The attributes of an element; whether it is over behind them.
    fn attributes(&mut self, out: &mut Vec<u8>) -> Option<bool> {
        let mut open: Option<Attribute> = None;
        loop {
            let token = self.token()?;
            if matches!(token, 0x02 | 0x03 | 0x06 | 0x46)
                && let Some(attribute) = open.take().filter(|a| !a.left_out)
            {
                out.push(b' ');
                out.extend_from_slice(&attribute.name);
                out.extend_from_slice(b"='");
                out.extend_from_slice(&attribute.text);
                out.push(b'\'');
            }
            match token {
                0x02 => return Some(false),
                0x03 => return Some(true),
                0x06 | 0x46 => {
                    open = Some(Attribute {
                        name: self.name()?,
                        ..Attribute::default()
                    });
                }
                0x0d | 0x0e => {
                    let attribute = open.as_mut()?;
                    let number = self.u16()?;
                    self.u8()?;
                    match self.values.get(usize::from(number)).filter(|value| !value.is_null()) {
                        Some(value) => value::write(value, &mut attribute.text),
                        None => attribute.left_out |= token == 0x0e,
                    }
                }
                token => self.text(token, &mut open.as_mut()?.text)?,
            }
        }
    }

    /// What stands in an element, to its end.
    fn content(&mut self, out: &mut Vec<u8>) -> Option<()> {
        loop {
            if self.room < out.len() {
                return None;
            }
            match self.token()? {
                0x04 => return Some(()),
                token @ (0x01 | 0x41) => self.element(token, out)?,
                0x0c => self.template(out)?,
                0x0f => drop(self.take(3)?),
                0x0d | 0x0e => {
                    let number = self.u16()?;
                    self.u8()?;
                    let Some(value) = self.values.get(usize::from(number)) else {
                        continue;
                    };
                    if value.is_fragment() {
                        let place = (value.at, value.at + value.bytes.len());
                        self.inside(place, &[], false)?.fragment(out)?;
                    } else {
                        value::write(value, out);
                    }
                }
                token => self.text(token, out)?,
            }
        }
    }

    /// Text of an element or an attribute.
    fn text(&mut self, token: u8, out: &mut Vec<u8>) -> Option<()> {
        match token {
            0x05 | 0x45 => {
                // Only strings are written in place.
                (self.u8()? == value::STRING).then_some(())?;
                value::text(self.string()?, out);
            }
            0x07 | 0x47 => value::text(self.string()?, out),
            0x08 | 0x48 => value::character(char::from_u32(u32::from(self.u16()?)).unwrap_or('\u{fffd}'), out),
            0x09 | 0x49 => {
                let name = self.name()?;
                out.push(b'&');
                out.extend_from_slice(&name);
                out.push(b';');
            }
            _ => return None,
        }
        Some(())
    }

    /// A counted string, in UTF-16.
    fn string(&mut self) -> Option<&'c [u8]> {
        let units = self.u16()?;
        self.take(usize::from(units) * 2)
    }

    /// The name of an element, an attribute or an entity: it stands here, or where it was used first.
    fn name(&mut self) -> Option<Vec<u8>> {
        let place = self.u32()?;
        // The place of the next one, a hash, how many units, and a NUL behind them.
        let units = u16_at(self.chunk, place.checked_add(6)?)?;
        let from = place.checked_add(8)?;
        let name = self.chunk.get(from..from.checked_add(usize::from(units) * 2)?)?;
        if place == self.at {
            self.take(8 + name.len() + 2)?;
        }
        let mut out = Vec::new();
        value::text(name, &mut out);
        // What stands here becomes markup.
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':') || 0x80 <= *b;
        (!out.is_empty() && out.iter().all(plain)).then_some(out)
    }
}
