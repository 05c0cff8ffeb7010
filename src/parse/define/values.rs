//! The values a line was taken apart into, by number.

use std::borrow::Cow;

use crate::parse::scan::{Raw, trim, unescape};

/// Most values a definition may name.
pub(super) const VALUES_MAX: usize = 72;

/// The values of one line.
#[derive(Debug)]
pub(super) struct Values<'a, 'd> {
    list: [Option<Cow<'a, [u8]>>; VALUES_MAX],
    /// Texts that say nothing, `-` among them.
    nothing: &'d [Vec<u8>],
}

impl<'a, 'd> Values<'a, 'd> {
    pub(super) fn new(nothing: &'d [Vec<u8>]) -> Values<'a, 'd> {
        Values {
            list: [const { None }; VALUES_MAX],
            nothing,
        }
    }

    /// The value, if the line says one.
    pub(super) fn get(&self, number: u8) -> Option<&Cow<'a, [u8]>> {
        self.list.get(usize::from(number))?.as_ref()
    }

    /// Sets a value; what says nothing is none.
    pub(super) fn set(&mut self, number: u8, value: Cow<'a, [u8]>) {
        let value = match value {
            Cow::Borrowed(text) => Cow::Borrowed(trim(text)),
            owned => owned,
        };
        if value.is_empty() || self.nothing.iter().any(|n| **n == *value) {
            return;
        }
        if let Some(place) = self.list.get_mut(usize::from(number)) {
            *place = Some(value);
        }
    }

    /// Bytes written as `\344`, `\x8f` or `\n` become what they are.
    pub(super) fn unescape(&mut self, number: u8) {
        if let Some(Some(value)) = self.list.get_mut(usize::from(number))
            && memchr::memchr(b'\\', value).is_some()
        {
            *value = Cow::Owned(bytes_of(value));
        }
    }

    /// A value in hexadecimal becomes the bytes it stands for.
    pub(super) fn unhex(&mut self, number: u8) {
        if let Some(Some(value)) = self.list.get_mut(usize::from(number))
            && let Some(bytes) = super::pairs::unhexed(value)
        {
            *value = Cow::Owned(bytes);
        }
    }

    /// Sets a text that may hold escapes, unless there is a value: whoever smuggles a second one in gains nothing.
    pub(super) fn set_raw_if_none(&mut self, number: u8, raw: Raw<'a>) {
        if self.get(number).is_none() {
            let value = if raw.escaped {
                Cow::Owned(unescape(raw.text))
            } else {
                Cow::Borrowed(raw.text)
            };
            self.set(number, value);
        }
    }
}

/// The bytes meant by `vis` (OpenSSH) and its like: octal or hexadecimal digits, the letters of C, a doubled backslash.
fn bytes_of(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let (byte, behind) = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..] => {
                (((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'), behind)
            }
            [b'\\', b'x', high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (nibble(*high) << 4 | nibble(*low), behind)
            }
            [b'\\', b'n', behind @ ..] => (b'\n', behind),
            [b'\\', b't', behind @ ..] => (b'\t', behind),
            [b'\\', b'r', behind @ ..] => (b'\r', behind),
            [b'\\', mark @ (b'\\' | b'"' | b'\''), behind @ ..] => (*mark, behind),
            _ => (*first, after),
        };
        out.push(byte);
        rest = behind;
    }
    out
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit.to_ascii_lowercase()).wrapping_sub(b'a').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_as_openssh_writes_them_are_read() {
        for (text, bytes) in [
            (r"/srv/\344\275\217\346\260\221.csv", "/srv/住民.csv"),
            (r"a\\b\n\x41", "a\\b\nA"),
            (r"\9\4\", r"\9\4\"),
        ] {
            assert_eq!(bytes_of(text.as_bytes()), bytes.as_bytes(), "{text}");
        }
    }
}
