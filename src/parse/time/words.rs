//! Stamps with the month as an English word: `Nov 21 09:05:07`, `Sat Nov 21 09:05:07.042 JST 2026`,
//! `21/Nov/2026:09:05:07.042 +0900`, `21-NOV-26 09.05.07.042000 AM`, `Nov 21, 2026 9:05:07 AM`.
//!
//! RFC 3164 writes no year: it is the latest one that does not put the stamp more than a day behind the reference, the
//! moment the line is read at.

use super::{Civil, free, month, offset};
use crate::clock::{EventTime, MICROS};
use crate::parse::scan;

/// How far a stamp without a year may lie ahead of the moment it is read at.
const AHEAD_SECS: i64 = 86_400;

/// What was found so far.
#[derive(Default)]
struct Found {
    civil: Civil,
    zone: Option<i32>,
    afternoon: Option<bool>,
    clock: bool,
}

/// Reads a stamp; all of it must be understood. `reference` (microseconds) gives a missing year.
pub(super) fn read(text: &[u8], zone_secs: i32, reference: Option<i64>) -> Option<EventTime> {
    let mut found = Found::default();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = match first {
            b' ' | b',' | b'/' | b':' => after,
            b'-' if !found.clock => after,
            b'0'..=b'9' => found.digits(rest)?,
            b'+' | b'-' if found.clock && found.zone.is_none() => {
                let (zone, rest) = numeric_zone(rest)?;
                found.zone = Some(zone);
                rest
            }
            b'a'..=b'z' | b'A'..=b'Z' => found.word(rest)?,
            _ => return None,
        };
    }
    found.time(zone_secs, reference)
}

impl Found {
    fn digits<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let (value, rest) = scan::number(text)?;
        let len = text.len() - rest.len();
        let dated = self.civil.day != 0 && self.civil.month != 0;
        match rest {
            [b':', b'0'..=b'9', b'0'..=b'9', ..] if len <= 2 && !self.clock => self.clock(text, b':'),
            [b'.', b'0'..=b'9', b'0'..=b'9', ..] if len <= 2 && dated && !self.clock => self.clock(text, b'.'),
            _ => {
                let value = u32::try_from(value).ok()?;
                match len {
                    4 if self.civil.year == 0 => self.civil.year = value,
                    1 | 2 if self.civil.day == 0 => self.civil.day = value,
                    2 if self.civil.year == 0 => self.civil.year = 2000 + value,
                    _ => return None,
                }
                Some(rest)
            }
        }
    }

    fn clock<'a>(&mut self, text: &'a [u8], mark: u8) -> Option<&'a [u8]> {
        let part = |text: &'a [u8]| {
            let (value, rest) = scan::number(text)?;
            (text.len() - rest.len() <= 2).then_some((u32::try_from(value).ok()?, rest))
        };
        let behind = |text: &'a [u8]| {
            text.split_first()
                .filter(|(first, _)| **first == mark)
                .map(|(_, rest)| rest)
        };
        let (hour, rest) = part(text)?;
        let (minute, rest) = part(behind(rest)?)?;
        (self.civil.hour, self.civil.minute) = (hour, minute);
        self.clock = true;
        let Some(seconds) = behind(rest) else { return Some(rest) };
        let (second, mut rest) = part(seconds)?;
        self.civil.second = second;
        if let [b'.' | b',', after @ ..] = rest
            && after.first().is_some_and(u8::is_ascii_digit)
        {
            (self.civil.micros, rest) = super::fraction(after)?;
        }
        Some(rest)
    }

    fn word<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let len = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, rest) = text.split_at_checked(len)?;
        let mut short = [0_u8; 3];
        for (to, from) in short.iter_mut().zip(word) {
            *to = from.to_ascii_lowercase();
        }
        if let Some(first) = short.first_mut() {
            first.make_ascii_uppercase();
        }
        if 3 <= len
            && self.civil.month == 0
            && let Some(number) = month(&short)
        {
            self.civil.month = number;
        } else if matches!(word, b"AM" | b"PM" | b"am" | b"pm") && self.clock {
            self.afternoon = Some(word.first().is_some_and(|b| matches!(b, b'P' | b'p')));
        } else if self.clock
            && self.zone.is_none()
            && let Some(secs) = free::named_zone(word)
        {
            self.zone = Some(secs);
        } else if !matches!(&short, b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun") && word != b"T" {
            return None;
        }
        Some(rest)
    }

    fn time(self, zone_secs: i32, reference: Option<i64>) -> Option<EventTime> {
        let mut civil = self.civil;
        if !self.clock || civil.month == 0 {
            return None;
        }
        civil.hour = match (self.afternoon, civil.hour) {
            (Some(false), 12) => 0,
            (Some(true), hour @ 0..12) => hour + 12,
            (_, hour) => hour,
        };
        let zone = self.zone.unwrap_or(zone_secs);
        if civil.year != 0 {
            return civil.at(zone);
        }
        let latest = reference?.saturating_add(AHEAD_SECS * MICROS);
        let this_year = super::civil_from_epoch(latest.div_euclid(86_400 * MICROS)).0;
        // 29 February comes every four years, and once not for eight.
        (0..=8).find_map(|back| {
            civil.year = u32::try_from(this_year + 1 - back).ok()?;
            civil.at(zone).filter(|time| time.micros() <= latest)
        })
    }
}

/// `+0900`, `+09:00`, `-05`.
fn numeric_zone(text: &[u8]) -> Option<(i32, &[u8])> {
    match text {
        [sign, a, b, b':', c, d, rest @ ..] | [sign, a, b, c @ b'0'..=b'9', d @ b'0'..=b'9', rest @ ..] => {
            Some((offset(*sign, super::two(*a, *b)?, super::two(*c, *d)?)?, rest))
        }
        [sign, a, b, rest @ ..] => Some((offset(*sign, super::two(*a, *b)?, 0)?, rest)),
        _ => None,
    }
}
