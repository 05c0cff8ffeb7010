//! Values of an XML record: Windows events, audit logs of databases.
//!
//! Known by local name: `EventID` is the text of an element, `TimeCreated@SystemTime` an attribute, `#SubjectUserName` the
//! text of `<Data Name="SubjectUserName">`. The first of two equal names counts. No DTD, no entities but the five of XML and
//! character references: nothing expands.

use std::borrow::Cow;

use hashbrown::HashMap;
use memchr::{memchr, memchr2, memmem};

use super::values::Values;

/// The values of a definition by name.
#[derive(Debug)]
pub(super) struct Xml(pub(super) HashMap<Vec<u8>, u8>);

impl Xml {
    /// Reads one record; `None` if there is no element in it.
    pub(super) fn read<'a>(&self, text: &'a [u8], values: &mut Values<'a, '_>) -> Option<()> {
        let mut rest = text.get(memchr(b'<', text)?..)?;
        let mut elements = 0_usize;
        let mut key = Vec::with_capacity(64);
        while let Some(at) = memchr(b'<', rest) {
            let tag = rest.get(at + 1..)?;
            if let Some(behind) = other_markup(tag) {
                rest = behind;
                continue;
            }
            let end = tag_end(tag)?;
            let (inside, behind) = (tag.get(..end)?, tag.get(end + 1..)?);
            rest = behind;
            if inside.starts_with(b"/") {
                continue;
            }
            elements += 1;
            let closed = inside.ends_with(b"/");
            let inside = inside.strip_suffix(b"/").unwrap_or(inside);
            let split = inside.iter().position(u8::is_ascii_whitespace).unwrap_or(inside.len());
            let (name, attributes) = inside.split_at_checked(split)?;
            let name = local(name);
            let mut named = None;
            each_attribute(attributes, |attribute, value| {
                if name == b"Data" && attribute == b"Name" {
                    named = Some(value);
                }
                key.clear();
                key.extend_from_slice(name);
                key.push(b'@');
                key.extend_from_slice(attribute);
                self.put(&key, value, values);
            });
            if closed {
                continue;
            }
            let upto = memchr(b'<', behind).unwrap_or(behind.len());
            let content = behind.get(..upto)?;
            match named {
                Some(named) => {
                    key.clear();
                    key.push(b'#');
                    key.extend_from_slice(named);
                    self.put(&key, content, values);
                }
                None => self.put(name, content, values),
            }
        }
        (0 < elements).then_some(())
    }

    fn put<'a>(&self, key: &[u8], text: &'a [u8], values: &mut Values<'a, '_>) {
        let Some(number) = self.0.get(key) else { return };
        if values.get(*number).is_none() {
            values.set(*number, unescaped(text));
        }
    }
}

/// Comments, declarations and processing instructions: what follows them.
fn other_markup(tag: &[u8]) -> Option<&[u8]> {
    if let Some(comment) = tag.strip_prefix(b"!--") {
        let end = memmem::find(comment, b"-->").map_or(comment.len(), |at| at + 3);
        return comment.get(end..);
    }
    match tag {
        [b'!' | b'?', ..] => tag.get(memchr(b'>', tag).map_or(tag.len(), |at| at + 1)..),
        _ => None,
    }
}

/// Where a tag ends; a `>` in a quoted attribute does not count.
fn tag_end(tag: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = tag.get(from..)?;
        let end = memchr(b'>', rest)?;
        let Some(at) = memchr2(b'"', b'\'', rest.get(..end)?) else {
            return Some(from + end);
        };
        let mark = *rest.get(at)?;
        from += at + 1;
        from += memchr(mark, tag.get(from..)?)? + 1;
    }
}

fn each_attribute<'a>(text: &'a [u8], mut each: impl FnMut(&'a [u8], &'a [u8])) {
    let mut rest = text;
    while let Some(at) = memchr(b'=', rest) {
        let Some((name, after)) = rest.split_at_checked(at) else {
            return;
        };
        let after = after.get(1..).unwrap_or_default().trim_ascii_start();
        let Some((mark, value)) = after.split_first().filter(|(mark, _)| matches!(mark, b'"' | b'\'')) else {
            return;
        };
        let Some(end) = memchr(*mark, value) else { return };
        each(local(name.trim_ascii()), value.get(..end).unwrap_or_default());
        rest = value.get(end + 1..).unwrap_or_default();
    }
}

/// A name without its prefix.
fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|b| *b == b':').next().unwrap_or(name)
}

fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    let text = text
        .strip_prefix(b"<![CDATA[")
        .and_then(|t| t.strip_suffix(b"]]>"))
        .unwrap_or(text);
    if memchr(b'&', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        let tail = rest.get(at + 1..).unwrap_or_default();
        let end = tail.iter().take(10).position(|b| *b == b';');
        let char = end.and_then(|end| tail.get(..end)).and_then(reference);
        match (char, end) {
            (Some(char), Some(end)) => {
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                rest = tail.get(end + 1..).unwrap_or_default();
            }
            _ => {
                out.push(b'&');
                rest = tail;
            }
        }
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

fn reference(name: &[u8]) -> Option<char> {
    let number = |digits: &[u8], radix| u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok();
    match name {
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"amp" => Some('&'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', hex @ ..] => char::from_u32(number(hex, 16)?),
        [b'#', decimal @ ..] => char::from_u32(number(decimal, 10)?),
        _ => None,
    }
}
