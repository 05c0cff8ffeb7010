//! 和暦, both ways: dates written by their era, and dates read from registers.

use unicode_normalization::UnicodeNormalization as _;

use super::{Date, Day};

/// Longest text that can be a date, in characters; registers are foreign text.
const DATE_CHARS_MAX: usize = 32;

/// An era: how it is written, its letter, and its first day (year, month, day). That day lies in its year 1.
struct Era {
    name: &'static str,
    letter: char,
    first: Date,
}

/// The eras since 明治 (whose first day is 明治元年1月1日 of the old calendar), the latest first. 昭和 and
/// before by the edicts of 1912 and 1926, 平成 and 令和 by 元号法 and its 政令.
const ERAS: [Era; 5] = [
    Era {
        name: "令和",
        letter: 'R',
        first: Date {
            year: 2019,
            month: 5,
            day: 1,
        },
    },
    Era {
        name: "平成",
        letter: 'H',
        first: Date {
            year: 1989,
            month: 1,
            day: 8,
        },
    },
    Era {
        name: "昭和",
        letter: 'S',
        first: Date {
            year: 1926,
            month: 12,
            day: 25,
        },
    },
    Era {
        name: "大正",
        letter: 'T',
        first: Date {
            year: 1912,
            month: 7,
            day: 30,
        },
    },
    Era {
        name: "明治",
        letter: 'M',
        first: Date {
            year: 1868,
            month: 1,
            day: 25,
        },
    },
];

/// `令和8年11月21日`, or `1860年1月1日` before 明治.
pub(super) fn wareki(day: Day) -> String {
    let date = day.date();
    format!("{}年{}月{}日", year_of_era(date), date.month, date.day)
}

/// The name a 年度 goes by: that of the year as on 1 May, so that 2019 is 令和元年度.
pub(super) fn fiscal_year(fiscal_year: i32) -> String {
    format!(
        "{}年度",
        year_of_era(Date {
            year: fiscal_year,
            month: 5,
            day: 1
        })
    )
}

/// `令和8`, `令和元`, or the Western year before 明治.
fn year_of_era(date: Date) -> String {
    let Some(era) = ERAS.iter().find(|era| date >= era.first) else {
        return date.year.to_string();
    };
    match date.year - era.first.year + 1 {
        1 => format!("{}元", era.name),
        n => format!("{}{n}", era.name),
    }
}

/// A date as somebody wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateRead {
    /// The day meant.
    pub day: Day,
    /// The era named did not hold on that day, as 平成32年3月31日 in forms printed earlier. The day is what
    /// counting on gives; whoever reads a register should say so.
    pub outside_era: bool,
}

/// The day `text` names: `2026-11-21`, `2026/11/21`, `2026.11.21`, `20261121`, `2026年11月21日`, `R8.11.21`,
/// `R08/11/21`, `令和8年11月21日`, `令和元年5月1日`, `H31.4.30`; half or full width, with spaces.
pub fn parse_date(text: &str) -> Option<Day> {
    read_date(text).map(|read| read.day)
}

/// Like [`parse_date`], and says whether the era fits the day.
pub fn read_date(text: &str) -> Option<DateRead> {
    let text = text.trim();
    if text.chars().count() > DATE_CHARS_MAX {
        return None;
    }
    let text: String = text.nfkc().filter(|c| !c.is_whitespace()).collect();
    match ERAS.iter().find_map(|era| Some((era, after_era(&text, era)?))) {
        Some((era, rest)) => in_era(era, rest),
        None => western(&text).map(|day| DateRead {
            day,
            outside_era: false,
        }),
    }
}

/// What stands behind the era's name (`令和`, `令`) or letter in `text`.
fn after_era<'a>(text: &'a str, era: &Era) -> Option<&'a str> {
    let first = text.chars().next()?;
    if first.to_ascii_uppercase() == era.letter {
        return text.get(1..).map(|rest| rest.trim_start_matches('.'));
    }
    text.strip_prefix(era.name)
        .or_else(|| text.strip_prefix(era.name.chars().next()?))
}

fn in_era(era: &Era, rest: &str) -> Option<DateRead> {
    let (year, month, day) = three_numbers(rest)?;
    if !(1..=99).contains(&year) {
        return None;
    }
    let day = Day::of(era.first.year + year - 1, month, day)?;
    let holds = ERAS
        .iter()
        .find(|other| day.date() >= other.first)
        .is_some_and(|other| other.letter == era.letter);
    Some(DateRead {
        day,
        outside_era: !holds,
    })
}

fn western(text: &str) -> Option<Day> {
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        let part = |range| text.get(range).and_then(|digits: &str| digits.parse::<u16>().ok());
        let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
        return western_day(i32::from(year), u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    }
    // Two digits of a Western year would be read as 和暦 by somebody else, so four it is.
    if text.bytes().take_while(u8::is_ascii_digit).count() != 4 {
        return None;
    }
    let (year, month, day) = three_numbers(text)?;
    western_day(year, month, day)
}

fn western_day(year: i32, month: u8, day: u8) -> Option<Day> {
    if (1_800..=9_999).contains(&year) {
        Day::of(year, month, day)
    } else {
        None
    }
}

/// Year, month and day of `8.11.21`, `8/11/21`, `8-11-21` or `8年11月21日`, 元 being 1. The same separator twice.
fn three_numbers(text: &str) -> Option<(i32, u8, u8)> {
    let (year, month, day) = if let Some((year, rest)) = text.split_once('年') {
        let (month, rest) = rest.split_once('月')?;
        (year, month, rest.strip_suffix('日')?)
    } else {
        let separator = text.chars().find(|c| matches!(c, '.' | '/' | '-'))?;
        let mut parts = text.split(separator);
        let found = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        found
    };
    let year = if year == "元" { 1 } else { digits(year, 4)? };
    Some((
        year,
        u8::try_from(digits(month, 2)?).ok()?,
        u8::try_from(digits(day, 2)?).ok()?,
    ))
}

/// The number `text` is, if it is one to `length_max` digits and nothing else.
fn digits(text: &str, length_max: usize) -> Option<i32> {
    let plain = !text.is_empty() && text.len() <= length_max && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
