//! Time stamps as logs write them -> [`EventTime`]. Hand-written; allocates nothing.
//!
//! Every part is checked against its range (there is no 30 February); a leap second `:60` counts as `:59`;
//! hours 24 to 29 are the small hours of the next day, as Japanese batch logs write them. A stamp without a
//! zone is in the zone the caller gives. A day alone is that day at 00:00.
//!
//! Not here: calendars, closed days and the printing of 和暦 (`calendar`).

mod fold;
mod free;
pub(super) mod strftime;
mod words;

use crate::clock::{EventTime, MICROS};

/// Offset of Japan from UTC in seconds. Japan has no summer time.
pub const JST_SECS: i32 = 9 * 3600;

/// Longest time stamp that is remembered, in bytes.
const CACHED_BYTES_MAX: usize = 36;

/// Reads any form this module knows. `zone_secs` (east of UTC) applies where the stamp names none.
pub fn any(text: &[u8], zone_secs: i32) -> Option<EventTime> {
    if let Some(time) = iso(text, zone_secs) {
        return Some(time);
    }
    let text = super::scan::trim(text);
    if let Some(time) = clf(text) {
        return Some(time);
    }
    if text.is_ascii() && !text.contains(&b'(') {
        return free::read(text, zone_secs);
    }
    let mut folded = fold::Folded::default();
    folded.push(text)?;
    free::read(folded.bytes(), zone_secs)
}

/// [`any`], and stamps with the month as a word, of which those of RFC 3164 need a `reference` (microseconds since 1970,
/// the moment the line is read at) for their year.
pub fn any_or_word(text: &[u8], zone_secs: i32, reference: Option<i64>) -> Option<EventTime> {
    let text = super::scan::trim(text);
    let text = match text {
        [b'[', inner @ .., b']'] => inner,
        text => text,
    };
    any(text, zone_secs).or_else(|| words::read(text, zone_secs, reference))
}

/// Reads a stamp whose day and time of day stand in two columns.
pub fn joined(day: &[u8], time: &[u8], zone_secs: i32) -> Option<EventTime> {
    let (day, time) = (super::scan::trim(day), super::scan::trim(time));
    if day.is_empty() || time.is_empty() {
        return None;
    }
    let mut folded = fold::Folded::default();
    folded.push(day)?;
    folded.push(b" ")?;
    folded.push(time)?;
    free::read(folded.bytes(), zone_secs)
}

/// Reads the form of web servers, `10/Oct/2000:13:55:36 -0700`, and nothing longer or shorter.
#[inline]
pub fn clf(text: &[u8]) -> Option<EventTime> {
    let text: &[u8; 26] = text.try_into().ok()?;
    let &[
        d1,
        d2,
        b'/',
        m1,
        m2,
        m3,
        b'/',
        y1,
        y2,
        y3,
        y4,
        b':',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b' ',
        sign,
        z1,
        z2,
        z3,
        z4,
    ] = text
    else {
        return None;
    };
    Civil {
        year: two(y1, y2)? * 100 + two(y3, y4)?,
        month: month(&[m1, m2, m3])?,
        day: two(d1, d2)?,
        hour: two(h1, h2).filter(|h| *h < 24)?,
        minute: two(n1, n2)?,
        second: two(s1, s2)?,
        micros: 0,
    }
    .at(offset(sign, two(z1, z2)?, two(z3, z4)?)?)
}

/// Reads `2026-11-21T09:05:07`, also with `/` and a blank, then fraction and zone.
#[inline]
fn iso(text: &[u8], zone_secs: i32) -> Option<EventTime> {
    let (head, mut rest) = text.split_first_chunk::<19>()?;
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-' | b'/',
        m1,
        m2,
        b'-' | b'/',
        d1,
        d2,
        b'T' | b't' | b' ',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = head
    else {
        return None;
    };
    let mut micros = 0;
    if let [b'.' | b',', after @ ..] = rest {
        (micros, rest) = fraction(after)?;
    }
    let zone = match rest {
        [] => zone_secs,
        b"Z" => 0,
        &[sign @ (b'+' | b'-'), a, b, b':', c, d] | &[sign @ (b'+' | b'-'), a, b, c, d] => {
            offset(sign, two(a, b)?, two(c, d)?)?
        }
        _ => return None,
    };
    Civil {
        year: two(y1, y2)? * 100 + two(y3, y4)?,
        month: two(m1, m2)?,
        day: two(d1, d2)?,
        hour: two(h1, h2)?,
        minute: two(n1, n2)?,
        second: two(s1, s2)?,
        micros,
    }
    .at(zone)
}

/// A day and a time of day, not yet checked.
#[derive(Debug, Clone, Copy, Default)]
struct Civil {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    micros: u32,
}

impl Civil {
    /// The moment, `zone_secs` east of UTC, if every part is in its range.
    #[inline]
    fn at(self, zone_secs: i32) -> Option<EventTime> {
        if !(1..=9999).contains(&self.year)
            || self.day == 0
            || days_in_month(self.year, self.month)? < self.day
            || 29 < self.hour
            || 59 < self.minute
            || 60 < self.second
        {
            return None;
        }
        let of_day = self.hour * 3600 + self.minute * 60 + self.second.min(59);
        let secs = days_from_epoch(self.year, self.month, self.day) * 86_400 + i64::from(of_day) - i64::from(zone_secs);
        Some(EventTime::from_micros(secs * MICROS + i64::from(self.micros)))
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days_from_epoch(year: u32, month: u32, day: u32) -> i64 {
    // Years begin in March here, so that the leap day is the last one of its year.
    let year = i64::from(year) - i64::from(month <= 2);
    let month = (i64::from(month) + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + i64::from(day) - 719_469
}

fn days_in_month(year: u32, month: u32) -> Option<u32> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => return None,
    })
}

/// Seconds east of UTC of `+09:00`, `UTC`, `JST`.
pub fn zone_of(text: &[u8]) -> Option<i32> {
    match text {
        [] => None,
        text => free::zone(text, 0),
    }
}

/// Whether this is the name of a month.
pub(super) fn is_month(name: &[u8; 3]) -> bool {
    month(name).is_some()
}

/// Number of an English month name of three letters.
#[inline]
fn month(name: &[u8; 3]) -> Option<u32> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// Seconds east of UTC. No place on earth is further than 14 hours away; 18 is the limit of ISO 8601 libraries.
#[inline]
fn offset(sign: u8, hours: u32, minutes: u32) -> Option<i32> {
    if 18 < hours || 59 < minutes {
        return None;
    }
    let secs = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    match sign {
        b'+' => Some(secs),
        b'-' => Some(-secs),
        _ => None,
    }
}

/// Microseconds of the digits behind a decimal point, cut after the sixth, with what follows them.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let mut rest = text;
    let (mut micros, mut unit) = (0, 100_000);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        micros += u32::from(digit - b'0') * unit;
        unit /= 10;
        rest = after;
    }
    (rest.len() < text.len()).then_some((micros, rest))
}

/// The last stamps read: most lines of a busy log repeat the second of the line before.
#[derive(Debug, Clone)]
pub(super) struct TimeCache {
    clf: ([u8; 26], EventTime),
    any: ([u8; CACHED_BYTES_MAX], usize, i32, EventTime),
    /// The moment lines are read at, for stamps without a year.
    pub(super) reference: Option<i64>,
}

impl Default for TimeCache {
    fn default() -> Self {
        let epoch = EventTime::from_micros(0);
        Self {
            clf: ([0; 26], epoch),
            any: ([0; CACHED_BYTES_MAX], 0, 0, epoch),
            reference: None,
        }
    }
}

impl TimeCache {
    /// [`clf`], remembered.
    #[inline]
    pub(super) fn clf(&mut self, text: &[u8; 26]) -> Option<EventTime> {
        if self.clf.0 != *text {
            self.clf = (*text, clf(text)?);
        }
        Some(self.clf.1)
    }

    /// [`any`], remembered.
    #[inline]
    pub(super) fn any(&mut self, text: &[u8], zone_secs: i32) -> Option<EventTime> {
        let (known, len, zone, time) = &self.any;
        if *len != 0 && *zone == zone_secs && known.get(..*len) == Some(text) {
            return Some(*time);
        }
        let time = any_or_word(text, zone_secs, self.reference)?;
        if let Some(place) = self.any.0.get_mut(..text.len()) {
            place.copy_from_slice(text);
            (self.any.1, self.any.2, self.any.3) = (text.len(), zone_secs, time);
        }
        Some(time)
    }
}

/// Appends a moment as RFC 3339 in Japanese time, with as many decimals as it has.
pub fn write_jst(out: &mut Vec<u8>, time: EventTime) {
    let local = time.micros().saturating_add(i64::from(JST_SECS) * MICROS);
    let (days, of_day) = (local.div_euclid(86_400 * MICROS), local.rem_euclid(86_400 * MICROS));
    let (year, month, day) = civil_from_epoch(days);
    let (secs, micros) = (of_day / MICROS, of_day % MICROS);
    let mut text = format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
        secs / 3600,
        secs / 60 % 60,
        secs % 60
    );
    if micros != 0 {
        text.push_str(format!(".{micros:06}").trim_end_matches('0'));
    }
    text.push_str("+09:00");
    out.extend_from_slice(text.as_bytes());
}

/// The day of the Gregorian calendar that lies `days` after 1970-01-01.
fn civil_from_epoch(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let century = (4 * days + 3).div_euclid(146_097);
    let of_century = days - (century * 146_097).div_euclid(4);
    let year_in_century = (4 * of_century + 3) / 1461;
    let of_year = of_century - year_in_century * 1461 / 4;
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = century * 100 + year_in_century;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

#[cfg(test)]
mod tests;
