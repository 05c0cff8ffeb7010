//! The calendar of Japanese offices: JST, 年度 and quarters, 和暦, 祝日 and closed days.
//!
//! Pure arithmetic on days since 1970-01-01 in Japan (UTC+9, no daylight saving time). The offset of 1948
//! to 1951, when there was such a time, is left out: no access log is that old.
//!
//! Not here: time stamps in log lines (`parse`), local closed days of an agency, rosters.

mod era;
mod holiday;
mod hours;
mod office;

pub use era::{DateRead, parse_date, read_date};
pub use holiday::{Closed, closed, holiday, is_closed};
pub use hours::Schedule;
pub use office::{Calendar, CalendarError};

use crate::clock::{EventTime, MICROS, WallTime};

/// Seconds JST is ahead of UTC.
const JST_AHEAD_SECS: i64 = 9 * 3_600;
const DAY_SECS: i64 = 86_400;

/// A calendar day in Japan: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// A day by the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Year; 0 is 1 BC.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
}

/// Day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weekday {
    /// 日曜日.
    Sunday,
    /// 月曜日.
    Monday,
    /// 火曜日.
    Tuesday,
    /// 水曜日.
    Wednesday,
    /// 木曜日.
    Thursday,
    /// 金曜日.
    Friday,
    /// 土曜日.
    Saturday,
}

impl Weekday {
    /// One character, as written behind a date: 土.
    pub fn ja(self) -> &'static str {
        match self {
            Weekday::Sunday => "日",
            Weekday::Monday => "月",
            Weekday::Tuesday => "火",
            Weekday::Wednesday => "水",
            Weekday::Thursday => "木",
            Weekday::Friday => "金",
            Weekday::Saturday => "土",
        }
    }

    /// The English name.
    pub fn en(self) -> &'static str {
        match self {
            Weekday::Sunday => "Sunday",
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
        }
    }
}

impl Day {
    /// The day with this date; `None` where the calendar has no such day (2026-02-29).
    pub fn of(year: i32, month: u8, day: u8) -> Option<Day> {
        let found = Day(days_from_civil(year, month, day));
        (found.date() == Date { year, month, day }).then_some(found)
    }

    /// Year, month and day.
    pub fn date(self) -> Date {
        civil_from_days(self.0)
    }

    /// Day of the week.
    pub fn weekday(self) -> Weekday {
        match self.0.rem_euclid(7) {
            0 => Weekday::Thursday,
            1 => Weekday::Friday,
            2 => Weekday::Saturday,
            3 => Weekday::Sunday,
            4 => Weekday::Monday,
            5 => Weekday::Tuesday,
            _ => Weekday::Wednesday,
        }
    }

    /// The day `days` later, or earlier where negative.
    pub fn plus(self, days: i32) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// 年度: the year in which the fiscal year began, 1 April.
    pub fn fiscal_year(self) -> i32 {
        let date = self.date();
        if date.month < 4 { date.year - 1 } else { date.year }
    }

    /// Quarter of the fiscal year, 1 (April to June) to 4 (January to March).
    pub fn quarter(self) -> u8 {
        match self.date().month {
            4..=6 => 1,
            7..=9 => 2,
            10..=12 => 3,
            _ => 4,
        }
    }

    /// `2026-11-21`.
    pub fn iso(self) -> String {
        let mut out = String::with_capacity(10);
        self.write_iso(&mut out);
        out
    }

    /// Appends the same to `out`.
    pub fn write_iso(self, out: &mut String) {
        let Date { year, month, day } = self.date();
        if !(0..=9_999).contains(&year) {
            return out.push_str(&format!("{year:04}-{month:02}-{day:02}"));
        }
        let digit = |n: u32| char::from_digit(n % 10, 10).unwrap_or('0');
        let year = year.unsigned_abs();
        out.extend([year / 1_000, year / 100, year / 10, year].map(digit));
        for part in [month, day].map(u32::from) {
            out.extend(['-', digit(part / 10), digit(part)]);
        }
    }

    /// `令和8年11月21日`; before 明治 the Western year.
    pub fn wareki(self) -> String {
        era::wareki(self)
    }

    /// `令和8年11月21日（土）`.
    pub fn wareki_weekday(self) -> String {
        format!("{}（{}）", self.wareki(), self.weekday().ja())
    }
}

/// `令和8年度`. A 年度 in which an era changes on its first days bears the new one: 令和元年度.
pub fn fiscal_year_wareki(fiscal_year: i32) -> String {
    era::fiscal_year(fiscal_year)
}

/// Midnight JST at which `day` begins.
pub fn day_start(day: Day) -> EventTime {
    EventTime::from_secs(i64::from(day.0) * DAY_SECS - JST_AHEAD_SECS)
}

/// The day in Japan on which `time` lies.
pub fn day_of(time: EventTime) -> Day {
    Jst::from(time).day
}

/// A moment as a clock on a wall in Japan shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jst {
    /// The day.
    pub day: Day,
    /// Seconds since its midnight.
    pub second_of_day: u32,
}

impl From<EventTime> for Jst {
    fn from(time: EventTime) -> Jst {
        Jst::of_micros(time.micros())
    }
}

impl From<WallTime> for Jst {
    fn from(time: WallTime) -> Jst {
        Jst::of_micros(time.micros())
    }
}

impl Jst {
    fn of_micros(micros: i64) -> Jst {
        let secs = micros.div_euclid(MICROS) + JST_AHEAD_SECS;
        // Microseconds in an i64 span 107 million days, so neither conversion can fail.
        Jst {
            day: Day(i32::try_from(secs.div_euclid(DAY_SECS)).unwrap_or(i32::MAX)),
            second_of_day: u32::try_from(secs.rem_euclid(DAY_SECS)).unwrap_or(0),
        }
    }

    /// Hour, 0 to 23.
    pub fn hour(self) -> u32 {
        self.second_of_day / 3_600
    }

    /// Minute, 0 to 59.
    pub fn minute(self) -> u32 {
        self.second_of_day / 60 % 60
    }

    /// Second, 0 to 59.
    pub fn second(self) -> u32 {
        self.second_of_day % 60
    }

    /// Minutes since midnight: what office hours are compared with.
    pub fn minute_of_day(self) -> u32 {
        self.second_of_day / 60
    }

    /// `14:03:27`.
    pub fn clock(self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour(), self.minute(), self.second())
    }

    /// `令和8年11月21日（土）14:03:27`.
    pub fn wareki(self) -> String {
        format!("{}{}", self.day.wareki_weekday(), self.clock())
    }

    /// `2026-11-21 14:03:27 JST`.
    pub fn iso(self) -> String {
        format!("{} {} JST", self.day.iso(), self.clock())
    }
}

/// A moment, in microseconds since the Unix epoch, as RFC 3339 writes it, in Japanese time:
/// `2026-11-21T14:03:27+09:00`, with microseconds where there are any.
pub fn rfc3339(micros: i64) -> String {
    let at = Jst::of_micros(micros);
    let fraction = match micros.rem_euclid(MICROS) {
        0 => String::new(),
        fraction => format!(".{fraction:06}"),
    };
    format!("{}T{}{fraction}+09:00", at.day.iso(), at.clock())
}

/// Days since 1970-01-01 of a date, counted in eras of 400 years from 0000-03-01, where leap days come last.
fn days_from_civil(year: i32, month: u8, day: u8) -> i32 {
    let (month, day) = (i32::from(month), i32::from(day));
    let year = year.clamp(-99_999, 99_999) - i32::from(month <= 2);
    let (cycle, year_of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (month - 3).rem_euclid(12) + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    cycle * 146_097 + day_of_cycle - 719_468
}

fn civil_from_days(days: i32) -> Date {
    let days = days.saturating_add(719_468);
    let (cycle, day_of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    Date {
        year: year_of_cycle + cycle * 400 + i32::from(month <= 2),
        month: u8::try_from(month).unwrap_or(1),
        day: u8::try_from(day).unwrap_or(1),
    }
}

#[cfg(test)]
mod tests;
