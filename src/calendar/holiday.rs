//! 国民の祝日 by the law as it stood in each year from 1948 to 2099, and the days offices are closed.
//!
//! Source: 国民の祝日に関する法律 (昭和23年法律第178号) with its changes and the laws made for single days;
//! 行政機関の休日に関する法律 (昭和63年法律第91号). The equinoxes are computed; the official ones stand in the
//! 暦要項 of the February before and have agreed with this formula so far.
//!
//! Not here: days an agency closes or opens by its own rules.

use super::{Date, Day, Weekday};

/// Why offices are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Closed {
    /// A 祝日 or a 休日 of that law, with its name.
    Holiday(&'static str),
    /// 12月29日 to 1月3日 (年末年始).
    YearEnd,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
    /// Closed by the agency's own rules.
    Local,
}

impl Closed {
    /// For a mail or a report: 「土曜日」, 「勤労感謝の日」.
    pub fn ja(self) -> &'static str {
        match self {
            Closed::Holiday(name) => name,
            Closed::YearEnd => "年末年始",
            Closed::Saturday => "土曜日",
            Closed::Sunday => "日曜日",
            Closed::Local => "庁の休日",
        }
    }

    /// The same in English.
    pub fn en(self) -> &'static str {
        match self {
            Closed::Holiday(_) => "national holiday",
            Closed::YearEnd => "New Year closing",
            Closed::Saturday => "Saturday",
            Closed::Sunday => "Sunday",
            Closed::Local => "closed by the agency",
        }
    }
}

/// Whether agencies are closed on `day` by 行政機関の休日に関する法律 as it stands since May 1992 (before,
/// some or all Saturdays were open).
pub fn is_closed(day: Day) -> bool {
    closed(day).is_some()
}

/// Why agencies are closed on `day`, if they are.
pub fn closed(day: Day) -> Option<Closed> {
    holiday(day).map(Closed::Holiday).or_else(|| closed_otherwise(day))
}

/// Why agencies are closed on a day that is no 祝日, if they are.
pub(super) fn closed_otherwise(day: Day) -> Option<Closed> {
    let date = day.date();
    match (date.month, date.day, day.weekday()) {
        (12, 29.., _) | (1, ..=3, _) => Some(Closed::YearEnd),
        (_, _, Weekday::Saturday) => Some(Closed::Saturday),
        (_, _, Weekday::Sunday) => Some(Closed::Sunday),
        _ => None,
    }
}

/// The name of the 祝日, 振替休日 (「休日（振替休日）」) or 国民の休日 on `day`, if it is one; only 1948 to 2099.
pub fn holiday(day: Day) -> Option<&'static str> {
    let year = day.date().year;
    if !(1948..=2099).contains(&year) {
        return None;
    }
    if let Some(name) = festival(day) {
        return Some(name);
    }
    if is_substitute(day) {
        return Some("振替休日");
    }
    is_between(day).then_some("国民の休日")
}

/// 第3条第2項: the day that stands in for a 祝日 on a Sunday.
fn is_substitute(day: Day) -> bool {
    const FIRST: Date = Date {
        year: 1973,
        month: 4,
        day: 12,
    };
    let sunday_before = |day: Day| day.weekday() == Weekday::Sunday && festival(day).is_some() && day.date() >= FIRST;
    if day.date().year < 2007 {
        // 「その翌日」; where that is a 祝日 itself nothing moves on.
        return sunday_before(day.plus(-1));
    }
    // 「その日後においてその日に最も近い「国民の祝日」でない日」: back over the 祝日 right before it to the Sunday.
    let mut earlier = day.plus(-1);
    while festival(earlier).is_some() {
        if sunday_before(earlier) {
            return true;
        }
        earlier = earlier.plus(-1);
    }
    false
}

/// 第3条第3項: a day whose neighbours are both 祝日.
fn is_between(day: Day) -> bool {
    const FIRST: Date = Date {
        year: 1985,
        month: 12,
        day: 27,
    };
    let not_a_sunday = day.date().year >= 2007 || day.weekday() != Weekday::Sunday;
    day.date() >= FIRST && not_a_sunday && festival(day.plus(-1)).is_some() && festival(day.plus(1)).is_some()
}

/// The name of the 「国民の祝日」 itself on `day`, without the days derived from it.
fn festival(day: Day) -> Option<&'static str> {
    let date = day.date();
    if date
        < (Date {
            year: 1948,
            month: 7,
            day: 20,
        })
    {
        return None;
    }
    single(date).or_else(|| fixed(date)).or_else(|| moving(day))
}

/// Days that a law made a holiday once, and those it moved for the Olympic Games of 2020 and 2021.
fn single(date: Date) -> Option<&'static str> {
    match (date.year, date.month, date.day) {
        (1959, 4, 10) => Some("皇太子明仁親王の結婚の儀"),
        (1989, 2, 24) => Some("昭和天皇の大喪の礼"),
        (1990, 11, 12) => Some("即位礼正殿の儀"),
        (1993, 6, 9) => Some("皇太子徳仁親王の結婚の儀"),
        (2019, 5, 1) => Some("即位の日"),
        (2019, 10, 22) => Some("即位礼正殿の儀"),
        (2020, 7, 23) | (2021, 7, 22) => Some("海の日"),
        (2020, 7, 24) | (2021, 7, 23) => Some("スポーツの日"),
        (2020, 8, 10) | (2021, 8, 8) => Some("山の日"),
        _ => None,
    }
}

/// 祝日 with a date of their own.
fn fixed(date: Date) -> Option<&'static str> {
    match (date.month, date.day, date.year) {
        (1, 1, _) => Some("元日"),
        (1, 15, ..=1999) => Some("成人の日"),
        (2, 11, 1967..) => Some("建国記念の日"),
        (2, 23, 2020..) => Some("天皇誕生日"),
        (4, 29, ..=1988) => Some("天皇誕生日"),
        (4, 29, 1989..=2006) => Some("みどりの日"),
        (4, 29, 2007..) => Some("昭和の日"),
        (5, 3, _) => Some("憲法記念日"),
        (5, 4, 2007..) => Some("みどりの日"),
        (5, 5, _) => Some("こどもの日"),
        (7, 20, 1996..=2002) => Some("海の日"),
        (8, 11, 2016..=2019 | 2022..) => Some("山の日"),
        (9, 15, 1966..=2002) => Some("敬老の日"),
        (10, 10, 1966..=1999) => Some("体育の日"),
        (11, 3, _) => Some("文化の日"),
        (11, 23, _) => Some("勤労感謝の日"),
        (12, 23, 1989..=2018) => Some("天皇誕生日"),
        _ => None,
    }
}

/// 祝日 on a certain Monday, and the equinoxes.
fn moving(day: Day) -> Option<&'static str> {
    let Date {
        year,
        month,
        day: day_of_month,
    } = day.date();
    let week = day_of_month.div_ceil(7);
    let monday = day.weekday() == Weekday::Monday;
    match (month, year) {
        (1, 2000..) if monday && week == 2 => Some("成人の日"),
        (3, 1949..) if i64::from(day_of_month) == equinox(year, VERNAL) => Some("春分の日"),
        (7, 2003..=2019 | 2022..) if monday && week == 3 => Some("海の日"),
        (9, 2003..) if monday && week == 3 => Some("敬老の日"),
        (9, _) if i64::from(day_of_month) == equinox(year, AUTUMNAL) => Some("秋分の日"),
        (10, 2000..=2019) if monday && week == 2 => Some("体育の日"),
        (10, 2022..) if monday && week == 2 => Some("スポーツの日"),
        _ => None,
    }
}

/// Day of the month of the mean equinox around 1980, in ten-thousandths: until 1979, from 1980.
const VERNAL: [i64; 2] = [208_357, 208_431];
/// The same in autumn.
const AUTUMNAL: [i64; 2] = [232_588, 232_488];

/// Day of the month of an equinox. The sun is later by 0.242194 days each common year and goes back one day each leap
/// year; the constants before 1980 count leap years from 1983 and cut towards zero.
fn equinox(year: i32, around_1980: [i64; 2]) -> i64 {
    let year = i64::from(year);
    let [until_1979, from_1980] = around_1980;
    let drift = 242_194 * (year - 1980);
    if year < 1980 {
        (until_1979 * 100 + drift).div_euclid(1_000_000) - (year - 1983) / 4
    } else {
        (from_1980 * 100 + drift).div_euclid(1_000_000) - (year - 1980) / 4
    }
}
