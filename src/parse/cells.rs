//! Named values -> [`Record`]: what JSON lines and CSV share. Numbers and result words as people and office systems
//! write them.

use std::borrow::Cow;

use memchr::memchr;

use super::format::{Got, Read};
use super::names::Slot;
use super::scan::{Raw, account, number, trim, unescape};
use super::time::{TimeCache, joined};
use super::{Record, Why, web};
use crate::access::{Outcome, name_hash};
use crate::text::folded;

/// A value as it stands in the line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    /// The bytes between quotes or delimiters.
    pub(super) text: &'a [u8],
    /// How to read them.
    pub(super) form: Form,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is meant.
    Plain,
    /// With backslashes.
    Escaped,
    /// With each quote written twice.
    Doubled,
}

impl<'a> Cell<'a> {
    /// What is meant, without blanks around it.
    #[inline]
    pub(super) fn value(self) -> Cow<'a, [u8]> {
        match self.form {
            Form::Plain => Cow::Borrowed(trim(self.text)),
            Form::Escaped => Cow::Owned(trim(&unescape(self.text)).to_vec()),
            Form::Doubled => Cow::Owned(trim(&undoubled(self.text)).to_vec()),
        }
    }
}

fn undoubled(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'"', rest) {
        value.extend_from_slice(rest.get(..=at).unwrap_or_default());
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    value.extend_from_slice(rest);
    value
}

/// The values of one line by field.
#[derive(Debug, Default)]
pub(super) struct Cells<'a>([Option<Cell<'a>>; Slot::COUNT], Option<u64>);

impl<'a> Cells<'a> {
    /// Sets a value. The last one stands; who must not let that happen asks first.
    #[inline]
    pub(super) fn set(&mut self, slot: Slot, cell: Cell<'a>) {
        if slot == Slot::RecordKey {
            return self.add_to_key(cell);
        }
        if let Some(place) = self.0.get_mut(slot as usize) {
            *place = Some(cell);
        }
    }

    /// The key may be of several cells.
    #[cold]
    fn add_to_key(&mut self, cell: Cell<'a>) {
        let value = cell.value();
        if !matches!(undecorated(&value), [] | b"-") {
            let before = self.1.unwrap_or(0).rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.1 = Some(before ^ name_hash(undecorated(&value)));
        }
    }

    /// The number of the operation the row belongs to.
    pub(super) fn joined_by(&self) -> Option<Cow<'a, [u8]>> {
        self.id(Slot::JoinedBy)
    }

    /// Whether there is a value.
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.0.get(slot as usize).is_some_and(Option::is_some)
    }

    /// A text; `-` and nothing say nothing.
    #[inline]
    fn text(&self, slot: Slot) -> Option<Cow<'a, [u8]>> {
        let text = self.0.get(slot as usize).copied()??.value();
        (!matches!(&*text, [] | b"-")).then_some(text)
    }

    /// The number of somebody or something.
    #[inline]
    fn id(&self, slot: Slot) -> Option<Cow<'a, [u8]>> {
        let id = match self.text(slot)? {
            Cow::Borrowed(text) => Cow::Borrowed(undecorated(text)),
            Cow::Owned(text) => Cow::Owned(undecorated(&text).to_vec()),
        };
        (!id.is_empty()).then_some(id)
    }

    /// A number that cannot be read is unknown: who touched what is still known, and must count.
    #[inline]
    fn amount(&self, slot: Slot) -> Option<u64> {
        self.text(slot).and_then(|text| amount(&text).ok().flatten())
    }

    /// Puts the record together. `zone_secs` is for times without a zone.
    pub(super) fn fill(&self, zone_secs: i32, clock: &mut TimeCache, record: &mut Record<'a>) -> Read {
        let day = self.id(Slot::Time).ok_or(Why::Time)?;
        let time = match self.0.get(Slot::Clock as usize).copied().flatten() {
            Some(time) => joined(&day, undecorated(&time.value()), zone_secs),
            None => clock.any(&day, zone_secs),
        };
        record.time = Some(time.ok_or(Why::Time)?);
        record.user = self.id(Slot::User).map(account);
        record.source = self.id(Slot::Source);
        record.operation = self.text(Slot::Operation);
        record.resource = self.text(Slot::Resource);
        record.bytes = self.amount(Slot::Bytes);
        record.rows = self.amount(Slot::Rows);
        record.outcome = self.text(Slot::Outcome).and_then(|word| outcome(&word));
        record.user_agent = self.text(Slot::Agent);
        record.subject = self.id(Slot::Subject);
        record.key = self.1;
        if let Some(text) = self.text(Slot::Status) {
            match amount(&text) {
                Ok(value) => record.status = value.and_then(|v| u16::try_from(v).ok()),
                // `"status":"success"` is as common as a number.
                Err(_) => record.outcome = record.outcome.or(outcome(&text)),
            }
        }
        if record.resource.is_none()
            && let Some(line) = self.text(Slot::Request)
        {
            request(line, record);
        }
        Ok(Got::Record)
    }
}

/// Splits a request line, which may be owned here.
pub(super) fn request<'a>(line: Cow<'a, [u8]>, record: &mut Record<'a>) {
    let mut parts = Record::default();
    match line {
        Cow::Borrowed(text) => web::request(Raw { text, escaped: false }, &mut parts),
        Cow::Owned(text) => {
            let mut split = Record::default();
            web::request(
                Raw {
                    text: &text,
                    escaped: false,
                },
                &mut split,
            );
            parts.operation = split.operation.map(|part| Cow::Owned(part.into_owned()));
            parts.resource = split.resource.map(|part| Cow::Owned(part.into_owned()));
        }
    }
    record.resource = parts.resource;
    if record.operation.is_none() {
        record.operation = parts.operation;
    }
}

/// Without what exports put around a value so that a spreadsheet takes it as text: `'001`, `="001"`.
pub(super) fn undecorated(text: &[u8]) -> &[u8] {
    let text = trim(text);
    if let [b'=', b'"', inner @ .., b'"'] = text {
        return trim(inner);
    }
    text.strip_prefix(b"'").map_or(text, trim)
}

/// A number of things: `1234`, `'1,234`, `１，２３４件`, `12.0`. `-1` is how programs say that they do not know.
pub(super) fn amount(text: &[u8]) -> Result<Option<u64>, Why> {
    match number(text) {
        Some((value, [])) => return Ok(Some(value)),
        _ if matches!(text, b"-1" | b"-") => return Ok(None),
        _ => {}
    }
    let text = std::str::from_utf8(undecorated(text)).map_err(|_| Why::Number)?;
    if let Some(value) = with_power(text) {
        return Ok(Some(value));
    }
    let text = UNITS
        .iter()
        .find_map(|unit| text.strip_suffix(unit))
        .unwrap_or(text)
        .trim();
    let text = text.split_once('.').map_or(Ok(text), |(whole, part)| {
        if part.bytes().all(|b| b == b'0') {
            Ok(whole)
        } else {
            Err(Why::Number)
        }
    })?;
    let mut value = None;
    for char in text.chars() {
        let digit = match char {
            '0'..='9' => u32::from(char) - u32::from('0'),
            '０'..='９' => u32::from(char) - u32::from('０'),
            // Thousands, and only between digits.
            ',' | '，' | '、' if value.is_some() => continue,
            _ => return Err(Why::Number),
        };
        value = Some(
            value
                .unwrap_or(0_u64)
                .checked_mul(10)
                .and_then(|v| v.checked_add(digit.into()))
                .ok_or(Why::Number)?,
        );
    }
    value.map_or(Err(Why::Number), |value| Ok(Some(value)))
}

/// A whole number written with a power of ten, as serialisers write large ones: `1e3`, `1.5E+06`.
fn with_power(text: &str) -> Option<u64> {
    let (digits, power) = text.split_once(['e', 'E'])?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let power: u32 = power.strip_prefix('+').unwrap_or(power).parse().ok()?;
    let part = part.trim_end_matches('0');
    let zeros = power.checked_sub(u32::try_from(part.len()).ok()?)?;
    let plain = !whole.is_empty() && whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit());
    let value: u64 = plain.then(|| format!("{whole}{part}").parse().ok())??;
    match value {
        0 => Some(0),
        value => value.checked_mul(10u64.checked_pow(zeros)?),
    }
}

/// What may stand behind a number.
const UNITS: [&str; 9] = ["件", "行", "人", "名", "世帯", "レコード", "バイト", "bytes", "B"];

/// Result words. A code other than 0 means something else in every system, so it means nothing here.
pub(super) fn outcome(word: &[u8]) -> Option<Outcome> {
    let word = folded(word);
    let word = std::str::from_utf8(&word).ok()?;
    let is = |known: &&str| word.eq_ignore_ascii_case(known);
    if SUCCESS.iter().any(is) {
        return Some(Outcome::Success);
    }
    FAILURE.iter().any(is).then_some(Outcome::Failure)
}

const SUCCESS: [&str; 15] = [
    "正常",
    "成功",
    "正常終了",
    "完了",
    "許可",
    "可",
    "○",
    "〇",
    "OK",
    "success",
    "succeeded",
    "successful",
    "allow",
    "allowed",
    "0",
];

const FAILURE: [&str; 20] = [
    "異常",
    "失敗",
    "異常終了",
    "エラー",
    "拒否",
    "不許可",
    "不可",
    "×",
    "NG",
    "error",
    "fail",
    "failed",
    "failure",
    "deny",
    "denied",
    "reject",
    "rejected",
    "refused",
    "forbidden",
    "unauthorized",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_office_systems_are_read() {
        for (text, value) in [
            ("1234", 1234),
            ("'1,234", 1234),
            ("１，２３４件", 1234),
            ("1、234 人", 1234),
            ("12.0", 12),
            ("0", 0),
            ("5行", 5),
            ("1e3", 1_000),
            ("1.5E+06", 1_500_000),
            ("12.50e1", 125),
            ("0e99", 0),
        ] {
            assert_eq!(amount(text.as_bytes()), Ok(Some(value)), "{text}");
        }
        for text in ["-1", "-"] {
            assert_eq!(amount(text.as_bytes()), Ok(None), "{text}");
        }
        for text in [
            "件",
            "12.5",
            "-5",
            "1e-3",
            "1.55e1",
            "1e99",
            "e3",
            "1e",
            ",5",
            "99999999999999999999",
            "12x",
        ] {
            assert_eq!(amount(text.as_bytes()), Err(Why::Number), "{text}");
        }
    }

    #[test]
    fn result_words_are_told_apart_and_codes_are_not_guessed() {
        for word in ["正常", "成功", "ok", "ＯＫ", "Success", "0", "０"] {
            assert_eq!(outcome(word.as_bytes()), Some(Outcome::Success), "{word}");
        }
        for word in ["異常", "失敗", "エラー", "ｴﾗｰ", "NG", "FAILED", "拒否"] {
            assert_eq!(outcome(word.as_bytes()), Some(Outcome::Failure), "{word}");
        }
        for word in ["1", "E001", "処理中", ""] {
            assert_eq!(outcome(word.as_bytes()), None, "{word}");
        }
    }
}
