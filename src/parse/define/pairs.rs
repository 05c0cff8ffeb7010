//! `key=value` pairs: logfmt, auditd, CEF and LEEF extensions, firewalls.
//!
//! A value is in quotes (`"` or `'`, a backslash escapes) or ends at the separator. With `open` set, as in CEF, a value
//! goes on over blanks until the next ` key=`. The first of two equal keys counts.

use std::borrow::Cow;

use hashbrown::HashMap;
use memchr::memchr;

use super::values::Values;
use crate::parse::scan::unescape;

/// How pairs are written, compiled.
#[derive(Debug)]
pub(super) struct Pairs {
    pub(super) keys: HashMap<Vec<u8>, u8>,
    /// What separates pairs; a blank stands for any run of blanks and commas.
    pub(super) separator: u8,
    /// What separates key and value.
    pub(super) assign: u8,
    /// Whether values go on over separators until the next key.
    pub(super) open: bool,
    /// Values that may be written in hexadecimal (auditd).
    pub(super) hex: Vec<u8>,
    /// The value that says another separator, as a sign or like `x09` (LEEF 2.0).
    pub(super) separator_in: Option<u8>,
}

impl Pairs {
    /// Reads every pair of `text`.
    pub(super) fn read<'a>(&self, text: &'a [u8], values: &mut Values<'a, '_>) {
        let own = self.separator_in.and_then(|number| separator(values.get(number)?));
        self.separated(text, own.unwrap_or(self.separator), values);
    }

    fn separated<'a>(&self, text: &'a [u8], separator: u8, values: &mut Values<'a, '_>) {
        let mut rest = text;
        while let Some((key, after)) = self.key(rest, separator) {
            let (value, after) = self.value(after, separator);
            if let Some(number) = self.keys.get(key) {
                self.put(*number, value, values);
            }
            // auditd: msg='op=login acct="root"'
            if let [b'\'', inner @ .., b'\''] = value
                && !self.open
                && memchr(self.assign, inner).is_some()
            {
                self.separated(inner, separator, values);
            }
            rest = after;
        }
    }

    fn key<'a>(&self, text: &'a [u8], separator: u8) -> Option<(&'a [u8], &'a [u8])> {
        let mut text = text;
        loop {
            let at = memchr(self.assign, text)?;
            let (key, rest) = text.split_at_checked(at)?;
            let rest = rest.get(1..)?;
            // Words without a value stand before the key.
            let start = key
                .iter()
                .rposition(|b| *b == separator || separator == b' ' && matches!(b, b',' | b'\t' | b'\n' | b'\r' | b';'))
                .map_or(0, |at| at + 1);
            let key = key.get(start..)?.trim_ascii();
            let key = key
                .strip_prefix(b"\"")
                .and_then(|k| k.strip_suffix(b"\""))
                .unwrap_or(key);
            if !key.is_empty() {
                return Some((key, rest));
            }
            text = rest;
        }
    }

    fn value<'a>(&self, text: &'a [u8], separator: u8) -> (&'a [u8], &'a [u8]) {
        let text = if self.assign == b'=' {
            text
        } else {
            text.trim_ascii_start()
        };
        if let [mark @ (b'"' | b'\''), inside @ ..] = text
            && !self.open
            && let Some(end) = closing(inside, *mark)
        {
            let value = text.get(..end + 2).unwrap_or_default();
            return (value, inside.get(end + 1..).unwrap_or_default());
        }
        let end = if self.open {
            self.open_end(text, separator)
        } else if separator == b' ' {
            text.iter().position(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
        } else {
            memchr(separator, text)
        };
        text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, &[]))
    }

    /// Where a value ends that may hold blanks: before ` key=`, where the key is made of letters, digits and dots.
    fn open_end(&self, text: &[u8], separator: u8) -> Option<usize> {
        let mut from = 0;
        loop {
            let at = from + memchr(self.assign, text.get(from..)?)?;
            let before = text.get(..at)?;
            if before.ends_with(b"\\") {
                from = at + 1;
                continue;
            }
            let start = before.iter().rposition(|b| *b == separator);
            let is_key = |key: &[u8]| {
                !key.is_empty()
                    && key
                        .iter()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
            };
            match start {
                Some(start) if before.get(start + 1..).is_some_and(is_key) => return Some(start),
                _ => from = at + 1,
            }
        }
    }

    fn put<'a>(&self, number: u8, text: &'a [u8], values: &mut Values<'a, '_>) {
        if values.get(number).is_some() {
            return;
        }
        let inner = match text {
            [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] if !self.open => inner,
            _ => {
                if self.hex.contains(&number)
                    && let Some(decoded) = unhexed(text)
                {
                    values.set(number, Cow::Owned(decoded));
                    return;
                }
                text
            }
        };
        let value = if memchr(b'\\', inner).is_some() && !self.open {
            Cow::Owned(unescape(inner))
        } else if self.open && memchr(b'\\', inner).is_some() {
            Cow::Owned(without_escapes(inner))
        } else {
            Cow::Borrowed(inner)
        };
        values.set(number, value);
    }
}

/// `^`, `x5e`, `0x5E`.
fn separator(said: &[u8]) -> Option<u8> {
    match said {
        [sign] => Some(*sign),
        [b'x', digits @ ..] | [b'0', b'x', digits @ ..] => {
            u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        }
        _ => None,
    }
}

fn closing(text: &[u8], mark: u8) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(mark, b'\\', text.get(from..)?)?;
        if text.get(at) == Some(&mark) {
            return Some(at);
        }
        from = at + 2;
    }
}

fn without_escapes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte == b'\\' && matches!(bytes.peek(), Some(b'=' | b'\\' | b'|')) {
            continue;
        }
        out.push(*byte);
    }
    out
}

/// `2F746D70` -> `/tmp`; arguments are separated by NUL, which becomes a blank.
pub(super) fn unhexed(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() < 2 || !text.len().is_multiple_of(2) || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    text.chunks_exact(2)
        .map(|pair| {
            let digits = std::str::from_utf8(pair).ok()?;
            let byte = u8::from_str_radix(digits, 16).ok()?;
            Some(if byte == 0 { b' ' } else { byte })
        })
        .collect()
}
