//! The forms people and office systems write, in plain ASCII: `2026/11/21 9:05:07`, `R8.11.21`, `20261121 090507`,
//! `1700000000.123`, a day number of a spreadsheet.

use super::{Civil, JST_SECS, fraction, offset};
use crate::clock::{EventTime, MICROS};
use crate::parse::scan;

/// Day number of 1970-01-01 in spreadsheets (day 1 is 1900-01-01, with their leap day that never was).
const SHEET_EPOCH: u64 = 25_569;

/// Day numbers taken for a date: 1990 to 2099. Any other five digits are no date.
const SHEET_DAYS: std::ops::RangeInclusive<u64> = 32_874..=73_050;

/// Reads a stamp; all of it must be understood.
pub(super) fn read(text: &[u8], zone_secs: i32) -> Option<EventTime> {
    let text = text.trim_ascii();
    let (era, text) = match text {
        [letter @ (b'R' | b'H' | b'S' | b'T' | b'M'), rest @ ..] => (Some(era_base(*letter)?), rest.trim_ascii_start()),
        _ => (None, text),
    };
    let (value, rest) = scan::number(text)?;
    let digits = text.len() - rest.len();
    if let Some(base) = era {
        let (day, rest) = match digits {
            1 | 2 => separated(small(value)?.checked_add(base)?, rest)?,
            6 => (compact_day(small(value)? + base * 10_000)?, rest),
            _ => return None,
        };
        return time_of_day(day, rest, zone_secs);
    }
    match digits {
        1 | 2 => {
            let (day, rest) = year_last(small(value)?, rest)?;
            time_of_day(day, rest.strip_prefix(b",").unwrap_or(rest), zone_secs)
        }
        // `161209  4:37:59`, as MySQL wrote it: only with a time of day.
        6 if rest.contains(&b':') => time_of_day(compact_day(20_000_000 + small(value)?)?, rest, zone_secs),
        4 => {
            let (day, rest) = separated(small(value)?, rest)?;
            time_of_day(day, rest, zone_secs)
        }
        7 => time_of_day(era_code_day(small(value)?)?, rest, zone_secs),
        8 => time_of_day(compact_day(small(value)?)?, rest, zone_secs),
        12 => compact(value.checked_mul(100)?, rest, zone_secs),
        14 => compact(value, rest, zone_secs),
        17 => {
            let mut civil = compact_civil(value / 1000)?;
            civil.micros = small(value % 1000)? * 1000;
            civil.at(zone(rest, zone_secs)?)
        }
        5 if SHEET_DAYS.contains(&value) => sheet_day(value, rest, zone_secs),
        10 | 13 | 16 | 19 => epoch(value, digits, rest),
        _ => None,
    }
}

/// Year before the first one of the era. 令和N = N+2018 and so on; a date past the era's end is taken at its word,
/// since forms went on printing 平成32年.
fn era_base(letter: u8) -> Option<u32> {
    Some(match letter {
        b'R' => 2018,
        b'H' => 1988,
        b'S' => 1925,
        b'T' => 1911,
        b'M' => 1867,
        _ => return None,
    })
}

fn small(value: u64) -> Option<u32> {
    u32::try_from(value).ok()
}

/// `/11/21` behind a year.
fn separated(year: u32, text: &[u8]) -> Option<(Civil, &[u8])> {
    let [b'/' | b'-' | b'.', text @ ..] = text else {
        return None;
    };
    let (month, text) = part(text.trim_ascii_start())?;
    let [b'/' | b'-' | b'.', text @ ..] = text else {
        return None;
    };
    let (day, text) = part(text.trim_ascii_start())?;
    Some((
        Civil {
            year,
            month,
            day,
            ..Civil::default()
        },
        text,
    ))
}

/// One or two digits.
fn part(text: &[u8]) -> Option<(u32, &[u8])> {
    let (value, rest) = scan::number(text)?;
    (text.len() - rest.len() <= 2).then_some((small(value)?, rest))
}

/// `20261121`.
fn compact_day(value: u32) -> Option<Civil> {
    Some(Civil {
        year: value / 10_000,
        month: value / 100 % 100,
        day: value % 100,
        ..Civil::default()
    })
}

/// `5081121`: a digit for the era (1 明治 to 5 令和) before the year, as municipal packages store dates.
fn era_code_day(value: u32) -> Option<Civil> {
    let letter = match value / 1_000_000 {
        1 => b'M',
        2 => b'T',
        3 => b'S',
        4 => b'H',
        5 => b'R',
        _ => return None,
    };
    compact_day(value % 1_000_000 + era_base(letter)? * 10_000)
}

fn compact_civil(value: u64) -> Option<Civil> {
    let day = compact_day(small(value / 1_000_000)?)?;
    let time = small(value % 1_000_000)?;
    Some(Civil {
        hour: time / 10_000,
        minute: time / 100 % 100,
        second: time % 100,
        ..day
    })
}

/// `20261121090507`, then perhaps a fraction and a zone.
fn compact(value: u64, rest: &[u8], zone_secs: i32) -> Option<EventTime> {
    let mut civil = compact_civil(value)?;
    let mut rest = rest;
    if let [b'.' | b',', after @ ..] = rest {
        (civil.micros, rest) = fraction(after)?;
    }
    civil.at(zone(rest, zone_secs)?)
}

/// Seconds, milli-, micro- or nanoseconds since 1970, told apart by the number of digits.
fn epoch(value: u64, digits: usize, rest: &[u8]) -> Option<EventTime> {
    let (part, rest) = match rest {
        [b'.' | b',', after @ ..] => fraction(after)?,
        _ => (0, rest),
    };
    if !rest.is_empty() {
        return None;
    }
    let value = i64::try_from(value).ok()?;
    Some(EventTime::from_micros(match digits {
        10 => value * MICROS + i64::from(part),
        13 => value * 1000 + i64::from(part / 1000),
        16 => value,
        _ => value / 1000,
    }))
}

/// `46347.378553`: days, and the part of the day that has passed, to the nearest second.
fn sheet_day(value: u64, rest: &[u8], zone_secs: i32) -> Option<EventTime> {
    let (part, rest) = match rest {
        [b'.', after @ ..] => fraction(after)?,
        _ => (0, rest),
    };
    let days = i64::try_from(value.checked_sub(SHEET_EPOCH)?).ok()?;
    let of_day = (i64::from(part) * 86_400 + MICROS / 2) / MICROS;
    rest.is_empty()
        .then(|| EventTime::from_secs(days * 86_400 + of_day - i64::from(zone_secs)))
}

/// The time of day behind a day, if there is one, and the zone.
fn time_of_day(day: Civil, text: &[u8], zone_secs: i32) -> Option<EventTime> {
    let text = match text {
        [b'T' | b't' | b'_' | b':', rest @ ..] => rest,
        // A digit right behind the day would be another day: `2026/11/211`.
        [b' ', rest @ ..] => rest.trim_ascii_start(),
        [] | [b'a' | b'p', ..] => text,
        _ => return None,
    };
    if text.is_empty() {
        return day.at(zone_secs);
    }
    let (half, text) = match text {
        [half @ (b'a' | b'p'), rest @ ..] => (Some(*half), rest.trim_ascii_start()),
        _ => (None, text),
    };
    let (mut civil, text) = clock(day, text)?;
    let text = text.trim_ascii_start();
    let (half, text) = match text {
        [letter @ (b'A' | b'a' | b'P' | b'p'), b'M' | b'm', rest @ ..] if half.is_none() => {
            (Some(letter.to_ascii_lowercase()), rest.trim_ascii_start())
        }
        _ => (half, text),
    };
    civil.hour = match (half, civil.hour) {
        (Some(b'a'), 12) => 0,
        (Some(b'a'), 13..) => return None,
        (Some(b'p'), hour @ 0..12) => hour + 12,
        (_, hour) => hour,
    };
    civil.at(zone(text, zone_secs)?)
}

/// `9:05:07.123`, `9h05m`, `090507`.
fn clock(day: Civil, text: &[u8]) -> Option<(Civil, &[u8])> {
    let (value, rest) = scan::number(text)?;
    let (value, digits) = (small(value)?, text.len() - rest.len());
    let mut civil = day;
    let mut rest = match (digits, rest) {
        (1 | 2, [b':', rest @ ..]) => {
            civil.hour = value;
            let (minute, rest) = part(rest)?;
            civil.minute = minute;
            match rest {
                [b':', rest @ ..] => {
                    let (second, rest) = part(rest)?;
                    civil.second = second;
                    rest
                }
                _ => rest,
            }
        }
        (1 | 2, [b'h', rest @ ..]) => return Some(spelled(Civil { hour: value, ..day }, rest)),
        (3 | 4, _) => {
            (civil.hour, civil.minute) = (value / 100, value % 100);
            rest
        }
        (5 | 6, _) => {
            (civil.hour, civil.minute, civil.second) = (value / 10_000, value / 100 % 100, value % 100);
            rest
        }
        _ => return None,
    };
    match rest {
        [b'.' | b',', after @ ..] => (civil.micros, rest) = fraction(after)?,
        // `9:05:07:042`, as some packages write milliseconds.
        [b':', millis @ ..] if millis.len() == 3 => (civil.micros, rest) = fraction(millis)?,
        _ => {}
    }
    Some((civil, rest))
}

/// What follows `9時`: `05分07秒`, each of them optional.
fn spelled(hour: Civil, text: &[u8]) -> (Civil, &[u8]) {
    let mut civil = hour;
    let mut text = text.trim_ascii_start();
    if let Some((minute, [b'm', rest @ ..])) = part(text) {
        civil.minute = minute;
        text = rest.trim_ascii_start();
    }
    if let Some((second, [b's', rest @ ..])) = part(text) {
        civil.second = second;
        text = rest;
    }
    (civil, text)
}

/// The zone at the end; a name of a place in brackets behind it says nothing more.
pub(super) fn zone(text: &[u8], zone_secs: i32) -> Option<i32> {
    let text = match text.trim_ascii() {
        [before @ .., b']'] => before.split(|b| *b == b'[').next()?,
        text => text,
    };
    match text {
        [] => Some(zone_secs),
        [b'a'..=b'z' | b'A'..=b'Z', ..] => named_zone(text),
        [sign @ (b'+' | b'-'), digits @ ..] => {
            let (hours, minutes) = match digits {
                [a, b, b':', c, d] | [a, b, c, d] => (super::two(*a, *b)?, super::two(*c, *d)?),
                [a, b] => (super::two(*a, *b)?, 0),
                _ => return None,
            };
            offset(*sign, hours, minutes)
        }
        _ => None,
    }
}

/// Zones by the abbreviations servers write. Others than these mean several zones, so they mean none.
pub(super) fn named_zone(name: &[u8]) -> Option<i32> {
    const HOUR: i32 = 3600;
    Some(match name {
        b"Z" | b"z" | b"UTC" | b"GMT" | b"WET" => 0,
        b"JST" | b"KST" => JST_SECS,
        b"CET" | b"BST" | b"WEST" | b"MEZ" => HOUR,
        b"CEST" | b"EET" | b"MESZ" => 2 * HOUR,
        b"EEST" | b"MSK" => 3 * HOUR,
        b"EDT" => -4 * HOUR,
        b"EST" | b"CDT" => -5 * HOUR,
        b"MDT" => -6 * HOUR,
        b"MST" | b"PDT" => -7 * HOUR,
        b"PST" => -8 * HOUR,
        _ => return None,
    })
}

/// `11/21/2026`, as American programs write it (day first where that is the only way to read it), or `21.11.2026`.
fn year_last(first: u32, text: &[u8]) -> Option<(Civil, &[u8])> {
    let (mark, rest) = text
        .split_first()
        .filter(|(mark, _)| matches!(mark, b'/' | b'.' | b'-'))?;
    let (second, rest) = part(rest)?;
    let (year, after) = scan::number(rest.strip_prefix(&[*mark])?)?;
    if rest.len() - after.len() != 5 {
        return None;
    }
    let day_first = *mark != b'/' || 12 < first;
    let (day, month) = if day_first { (first, second) } else { (second, first) };
    let civil = Civil {
        year: small(year)?,
        month,
        day,
        ..Civil::default()
    };
    Some((civil, after))
}
