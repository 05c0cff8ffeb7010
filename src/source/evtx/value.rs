//! Values of an event as text, as Windows writes them: numbers, hexadecimal, GUID, SID, times in UTC.

use crate::calendar::Day;

/// The kind of a string.
pub(super) const STRING: u8 = 0x01;
/// Set for a list of values.
const LIST: u8 = 0x80;
/// Days from 1601, where Windows begins to count, to 1970; and its units in a second.
const DAYS_TO_1970: u64 = 134_774;
const UNITS: u64 = 10_000_000;
const DAY_SECS: u64 = 86_400;

/// A value that fills a blank of a template.
pub(super) struct Value<'c> {
    pub(super) kind: u8,
    pub(super) bytes: &'c [u8],
    /// Where it stands in the chunk.
    pub(super) at: usize,
}

impl Value<'_> {
    /// Whether there is none.
    pub(super) fn is_null(&self) -> bool {
        self.kind == 0 || self.bytes.is_empty()
    }

    /// Whether it is XML of its own.
    pub(super) fn is_fragment(&self) -> bool {
        self.kind == 0x21
    }
}

/// Writes a value; one that is damaged writes nothing.
pub(super) fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    let kind = value.kind & !LIST;
    if value.kind & LIST == 0 {
        one(kind, value.bytes, out);
        return;
    }
    let items: Box<dyn Iterator<Item = &[u8]>> = match (kind, size(kind)) {
        (STRING, _) => Box::new(Strings(value.bytes)),
        (_, Some(size)) => Box::new(value.bytes.chunks_exact(size)),
        _ => Box::new(std::iter::once(value.bytes)),
    };
    for (n, item) in items.enumerate() {
        if 0 < n {
            out.extend_from_slice(b", ");
        }
        one(kind, item, out);
    }
}

/// Strings with a NUL behind each.
struct Strings<'c>(&'c [u8]);

impl<'c> Iterator for Strings<'c> {
    type Item = &'c [u8];

    fn next(&mut self) -> Option<&'c [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = self
            .0
            .chunks_exact(2)
            .position(|unit| unit == [0, 0])
            .map_or(self.0.len(), |n| n * 2);
        let (item, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(2..).unwrap_or_default();
        Some(item)
    }
}

/// Bytes of a kind that always has as many.
fn size(kind: u8) -> Option<usize> {
    Some(match kind {
        0x03 | 0x04 => 1,
        0x05 | 0x06 => 2,
        0x07 | 0x08 | 0x0b | 0x0d | 0x14 => 4,
        0x09 | 0x0a | 0x0c | 0x11 | 0x15 => 8,
        0x0f | 0x12 => 16,
        _ => return None,
    })
}

fn one(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    let (signed, unsigned) = integer(bytes);
    let said = match kind {
        STRING => return text(bytes, out),
        0x02 => {
            let whole = String::from_utf8_lossy(bytes);
            whole.trim_end_matches('\0').chars().for_each(|c| character(c, out));
            return;
        }
        0x03 | 0x05 | 0x07 | 0x09 => signed.to_string(),
        0x04 | 0x06 | 0x08 | 0x0a => unsigned.to_string(),
        0x0b => bytes
            .try_into()
            .map(f32::from_le_bytes)
            .map_or_else(|_| String::new(), |f| f.to_string()),
        0x0c => bytes
            .try_into()
            .map(f64::from_le_bytes)
            .map_or_else(|_| String::new(), |f| f.to_string()),
        0x0d => (unsigned != 0).to_string(),
        0x0e => bytes.iter().map(|b| format!("{b:02X}")).collect(),
        0x0f => guid(bytes).unwrap_or_default(),
        0x10 | 0x14 | 0x15 => format!("0x{unsigned:x}"),
        0x11 => file_time(unsigned),
        0x12 => system_time(bytes).unwrap_or_default(),
        0x13 => sid(bytes).unwrap_or_default(),
        _ => return,
    };
    out.extend_from_slice(said.as_bytes());
}

/// Up to eight bytes as a number, with and without a sign.
fn integer(bytes: &[u8]) -> (i64, u64) {
    let bytes = bytes.get(..8.min(bytes.len())).unwrap_or_default();
    let mut plain = [0u8; 8];
    plain.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    let negative = bytes.last().is_some_and(|b| 0x80 <= *b);
    let mut signed = if negative { [0xffu8; 8] } else { [0u8; 8] };
    signed.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    (i64::from_le_bytes(signed), u64::from_le_bytes(plain))
}

/// UTF-16 as UTF-8, with what means something to XML escaped, up to the first NUL.
pub(super) fn text(units: &[u8], out: &mut Vec<u8>) {
    let units = units
        .chunks_exact(2)
        .filter_map(|unit| Some(u16::from_le_bytes(unit.try_into().ok()?)));
    for char in char::decode_utf16(units.take_while(|unit| *unit != 0)) {
        character(char.unwrap_or('\u{fffd}'), out);
    }
}

/// One character of text.
pub(super) fn character(char: char, out: &mut Vec<u8>) {
    match char {
        '&' => out.extend_from_slice(b"&amp;"),
        '<' => out.extend_from_slice(b"&lt;"),
        '>' => out.extend_from_slice(b"&gt;"),
        '"' => out.extend_from_slice(b"&quot;"),
        '\'' => out.extend_from_slice(b"&apos;"),
        _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn guid(bytes: &[u8]) -> Option<String> {
    let (a, rest) = bytes.split_first_chunk::<4>()?;
    let (b, rest) = rest.split_first_chunk::<2>()?;
    let (c, rest) = rest.split_first_chunk::<2>()?;
    let (d, rest) = rest.split_first_chunk::<2>()?;
    let e: &[u8; 6] = rest.try_into().ok()?;
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02X}")).collect::<String>();
    let (a, b, c) = (u32::from_le_bytes(*a), u16::from_le_bytes(*b), u16::from_le_bytes(*c));
    Some(format!("{{{a:08X}-{b:04X}-{c:04X}-{}-{}}}", hex(d), hex(e)))
}

/// `S-1-5-21-…`.
fn sid(bytes: &[u8]) -> Option<String> {
    let (&[revision, count], rest) = bytes.split_first_chunk::<2>()?;
    let (authority, rest) = rest.split_first_chunk::<6>()?;
    let authority = authority.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let mut said = format!("S-{revision}-{authority}");
    for part in rest.chunks_exact(4).take(usize::from(count)) {
        said += &format!("-{}", u32::from_le_bytes(part.try_into().ok()?));
    }
    Some(said)
}

/// A FILETIME: tenths of microseconds since 1601.
fn file_time(units: u64) -> String {
    let (secs, part) = (units / UNITS, units % UNITS);
    let day = i64::try_from(secs / DAY_SECS).unwrap_or(0) - i64::try_from(DAYS_TO_1970).unwrap_or(0);
    let day = Day(i32::try_from(day).unwrap_or(0)).iso();
    let secs = secs % DAY_SECS;
    format!(
        "{day}T{:02}:{:02}:{:02}.{part:07}Z",
        secs / 3600,
        secs / 60 % 60,
        secs % 60
    )
}

/// A SYSTEMTIME: year, month, day of the week, day, hour, minute, second, millisecond.
fn system_time(bytes: &[u8]) -> Option<String> {
    let mut parts = [0u16; 8];
    for (part, two) in parts.iter_mut().zip(bytes.chunks_exact(2)) {
        *part = u16::from_le_bytes(two.try_into().ok()?);
    }
    let [year, month, _, day, hour, minute, second, milli] = parts;
    (bytes.len() == 16).then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"))
}
