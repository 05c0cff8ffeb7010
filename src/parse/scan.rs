//! Bytes: the small steps every format is made of. Nothing here panics or allocates, except [`unescape`].

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// A field as it stands in the line, with whether it holds escapes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    /// The bytes between the delimiters.
    pub(super) text: &'a [u8],
    /// Whether a backslash stands in them.
    pub(super) escaped: bool,
}

impl<'a> Raw<'a> {
    /// What the field says; `-` and nothing at all mean that the line does not say.
    #[inline]
    pub(super) fn said(self) -> Option<Cow<'a, [u8]>> {
        match self.text {
            [] | b"-" => None,
            text if self.escaped => Some(Cow::Owned(unescape(text))),
            text => Some(Cow::Borrowed(text)),
        }
    }
}

/// Splits text that starts behind an opening quote at the first `"` no backslash stands before.
#[inline]
pub(super) fn quoted(text: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    quoted_until(text, |_| true)
}

/// Like [`quoted`], but the quote counts only where `ends` accepts what follows it: servers that do not escape
/// quotes would otherwise let a visitor drop out of the log by putting one into an address.
#[inline]
pub(super) fn quoted_until(text: &[u8], ends: impl Fn(&[u8]) -> bool) -> Option<(Raw<'_>, &[u8])> {
    let mut from = 0;
    let mut escaped = false;
    loop {
        let at = from + quote_or_backslash(text.get(from..)?)?;
        let (before, rest) = text.split_at_checked(at)?;
        let (&mark, rest) = rest.split_first()?;
        if mark == b'\\' {
            escaped = true;
            from = at + 2;
            continue;
        }
        if ends(rest) {
            return Some((Raw { text: before, escaped }, rest));
        }
        from = at + 1;
    }
}

/// Words of eight bytes looked at in place before a vectorised search is worth its call.
const WORDS_IN_PLACE: usize = 4;

/// Each byte 1, and each byte's highest bit.
const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);

/// Where the first `"` or backslash stands. Most fields of a log are shorter than the call of a search costs.
#[inline]
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
    // The lowest set bit stands in the first byte that is zero.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH_BITS;
    let mut rest = text;
    for n in 0..WORDS_IN_PLACE {
        let Some((chunk, after)) = rest.split_first_chunk::<8>() else {
            break;
        };
        let word = u64::from_le_bytes(*chunk);
        let hits = zero(word ^ QUOTES) | zero(word ^ BACKSLASHES);
        if hits != 0 {
            return Some(n * 8 + usize::try_from(hits.trailing_zeros() / 8).ok()?);
        }
        rest = after;
    }
    Some(text.len() - rest.len() + memchr2(b'"', b'\\', rest)?)
}

/// What follows `literal`, if `text` begins with it. Literals are short: compared in place, not by a call.
#[inline]
pub(super) fn behind<'a>(text: &'a [u8], literal: &[u8]) -> Option<&'a [u8]> {
    let (front, rest) = text.split_at_checked(literal.len())?;
    front.iter().zip(literal).all(|(a, b)| a == b).then_some(rest)
}

/// Splits at the first blank; the blank is in neither part. Without one the rest is empty.
#[inline]
pub(super) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b' ', text) {
        Some(at) => (
            text.get(..at).unwrap_or_default(),
            text.get(at + 1..).unwrap_or_default(),
        ),
        None => (text, &[]),
    }
}

/// The decimal number at the start, with what follows it. `None` without a digit or beyond 64 bits.
#[inline]
pub(super) fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut rest = text;
    while let [byte @ b'0'..=b'9', after @ ..] = rest {
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
        rest = after;
    }
    (rest.len() < text.len()).then_some((value, rest))
}

/// Undoes the escapes of nginx (`\xHH`), Apache (`\"`, `\\`, `\n`, `\xhh`) and JSON (`\u00e9`). They do not
/// contradict each other, and logs mix them (a JSON `log_format` without `escape=json`). An unknown escape stays.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        rest = escape(rest.get(at + 1..).unwrap_or_default(), &mut out);
    }
    out.extend_from_slice(rest);
    out
}

/// Writes what one escape (without its backslash) stands for; gives what follows it.
fn escape<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let (byte, rest) = match text {
        [b'x', a, b, rest @ ..] => match (hex(*a), hex(*b)) {
            (Some(a), Some(b)) => (a * 16 + b, rest),
            _ => (b'\\', text),
        },
        [b'u', rest @ ..] => match code_unit(rest) {
            Some((unit, rest)) => return code_point(unit, rest, out),
            None => (b'\\', text),
        },
        [b'n', rest @ ..] => (b'\n', rest),
        [b't', rest @ ..] => (b'\t', rest),
        [b'r', rest @ ..] => (b'\r', rest),
        [b'b', rest @ ..] => (8, rest),
        [b'f', rest @ ..] => (12, rest),
        [b'v', rest @ ..] => (11, rest),
        [byte @ (b'"' | b'\\' | b'/'), rest @ ..] => (*byte, rest),
        _ => (b'\\', text),
    };
    out.push(byte);
    rest
}

/// Writes the character of a UTF-16 unit and, for a surrogate, of the escape behind it.
fn code_point<'a>(unit: u32, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut after = rest;
    let mut point = unit;
    if (0xD800..0xDC00).contains(&unit)
        && let [b'\\', b'u', low @ ..] = rest
        && let Some((low, low_rest)) = code_unit(low)
        && (0xDC00..0xE000).contains(&low)
    {
        point = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        after = low_rest;
    }
    let char = char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    after
}

fn code_unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let mut unit = 0;
    for digit in digits {
        unit = unit * 16 + u32::from(hex(*digit)?);
    }
    Some((unit, rest))
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Without blanks at both ends: ASCII ones and U+3000, which people type between Japanese words.
#[inline]
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let may_trim = |byte: &u8| matches!(byte, 0..=b' ' | 0x80 | 0xE3);
    if !text.first().is_some_and(may_trim) && !text.last().is_some_and(may_trim) {
        return text;
    }
    let mut text = text.trim_ascii();
    while let Some(rest) = text.strip_prefix("\u{3000}".as_bytes()) {
        text = rest.trim_ascii_start();
    }
    while let Some(rest) = text.strip_suffix("\u{3000}".as_bytes()) {
        text = rest.trim_ascii_end();
    }
    text
}

/// Whether `text` is written like an IP address, with or without a port, or nginx's name for a Unix socket.
pub(super) fn is_address(text: &[u8]) -> bool {
    if text == b"unix:" {
        return true;
    }
    let colons = text.iter().filter(|b| **b == b':').count();
    if colons >= 2 {
        // Behind a % stands the name of an interface.
        let address = text.split(|b| *b == b'%').next().unwrap_or_default();
        return address
            .iter()
            .all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'[' | b']'));
    }
    let host = text.split(|b| *b == b':').next().unwrap_or_default();
    let mut parts = 0;
    for part in host.split(|b| *b == b'.') {
        parts += 1;
        if part.is_empty() || 3 < part.len() || !part.iter().all(u8::is_ascii_digit) {
            return false;
        }
    }
    parts == 4
}

/// An account name is one line: a raw line break (from a quoted CSV value or an escape) becomes a blank.
#[inline]
pub(super) fn account(name: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if !name.iter().fold(false, |found, b| found | matches!(b, b'\n' | b'\r')) {
        return name;
    }
    let mut name = name.into_owned();
    for byte in &mut name {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_all_three_writers_are_undone() {
        assert_eq!(unescape(br"a\x22b\x5C\xe6\x9d\xb1"), "a\"b\\東".as_bytes());
        assert_eq!(unescape(br#"\"\\\t\/"#), b"\"\\\t/");
        assert_eq!(unescape(br"\u6771\ud83d\ude00"), "東😀".as_bytes());
    }

    #[test]
    fn an_escape_nobody_writes_stays_as_it_stands() {
        assert_eq!(unescape(br"C:\q\xZZ\u12"), br"C:\q\xZZ\u12");
        assert_eq!(unescape(b"end\\"), b"end\\");
        assert_eq!(unescape(br"\ud83dx"), "\u{fffd}x".as_bytes());
    }

    #[test]
    fn addresses_are_told_from_host_names() {
        for yes in [
            "192.168.1.1",
            "10.0.0.1:80",
            "::1",
            "2001:db8::1",
            "unix:",
            "[::1]:443",
            "fe80::1%eth0",
        ] {
            assert!(is_address(yes.as_bytes()), "{yes}");
        }
        for no in [
            "-",
            "www.example.jp",
            "www.example.jp:80",
            "cafe:80",
            "1.2.3",
            "1.2.3.4.5",
            "bob",
        ] {
            assert!(!is_address(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn blanks_of_both_widths_are_trimmed() {
        assert_eq!(
            trim("　 文書　ダウンロード 　".as_bytes()),
            "文書　ダウンロード".as_bytes()
        );
    }
}
