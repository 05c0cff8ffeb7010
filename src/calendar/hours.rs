//! Times of the week: office hours, duty rosters, the schedule of a batch account.
//!
//! `平日 8:30-17:15; 土 9:00-12:00` is a list of days and hours; a range that ends before it begins runs past
//! midnight and belongs to the day on which it begins.

use unicode_normalization::UnicodeNormalization as _;

use super::{Calendar, Day, Jst, Weekday};
use crate::clock::EventTime;

/// Minutes in a day.
const DAY_MINUTES: u16 = 1_440;

/// Which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    Every,
    /// 開庁日: offices are open.
    Open,
    /// 閉庁日.
    Closed,
    /// By day of the week, bit 0 for Sunday.
    Week(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hours {
    days: Days,
    /// Minutes since midnight.
    from: u16,
    /// Minutes since midnight, not included; not behind `from`: on the next day.
    to: u16,
}

/// A list of days and hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Hours>);

impl Schedule {
    /// Reads `平日 8:30-17:15; 毎日 22:00-5:00`. Days: `毎日`, `平日` (開庁日), `閉庁日` (`休日`), or days of the week
    /// (`月水金`, `土日`); without days `毎日`, without hours the whole day. In English: `daily`, `open`, `closed`,
    /// `mon,tue`. `None` where any part is something else, or nothing stands there.
    pub fn parse(text: &str) -> Option<Schedule> {
        let text: String = text.nfkc().collect();
        let parts = text.split([';', '、']).map(str::trim).filter(|part| !part.is_empty());
        let list: Vec<Hours> = parts.map(part).collect::<Option<_>>()?;
        (!list.is_empty()).then_some(Schedule(list))
    }

    /// 8:30 to 17:15 on days on which offices are open.
    pub fn office() -> Schedule {
        Schedule(vec![Hours {
            days: Days::Open,
            from: 8 * 60 + 30,
            to: 17 * 60 + 15,
        }])
    }

    /// Whether `at` lies in one of the ranges.
    pub fn holds(&self, at: EventTime, calendar: &Calendar) -> bool {
        let at = Jst::from(at);
        let minute = u16::try_from(at.minute_of_day()).unwrap_or(0);
        self.0.iter().any(|hours| {
            let starts = |day: Day| hours.days.holds(day, calendar);
            if hours.from < hours.to {
                return (hours.from..hours.to).contains(&minute) && starts(at.day);
            }
            (hours.from <= minute && starts(at.day)) || (minute < hours.to && starts(at.day.plus(-1)))
        })
    }
}

impl Days {
    fn holds(self, day: Day, calendar: &Calendar) -> bool {
        match self {
            Days::Every => true,
            Days::Open => !calendar.is_closed(day),
            Days::Closed => calendar.is_closed(day),
            Days::Week(mask) => mask & 1 << index(day.weekday()) != 0,
        }
    }
}

fn index(weekday: Weekday) -> u8 {
    match weekday {
        Weekday::Sunday => 0,
        Weekday::Monday => 1,
        Weekday::Tuesday => 2,
        Weekday::Wednesday => 3,
        Weekday::Thursday => 4,
        Weekday::Friday => 5,
        Weekday::Saturday => 6,
    }
}

fn part(text: &str) -> Option<Hours> {
    let split = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (days, hours) = text.split_at_checked(split)?;
    let days = days_of(days.trim())?;
    if hours.trim().is_empty() {
        return Some(Hours {
            days,
            from: 0,
            to: DAY_MINUTES,
        });
    }
    let (from, to) = hours.split_once(['-', '~', '～'])?;
    let (from, to) = (minute(from.trim())?, minute(to.trim())?);
    (from < DAY_MINUTES && from != to).then_some(Hours { days, from, to })
}

fn days_of(word: &str) -> Option<Days> {
    match word.to_ascii_lowercase().as_str() {
        "" | "毎日" | "daily" => return Some(Days::Every),
        "平日" | "開庁日" | "open" => return Some(Days::Open),
        "閉庁日" | "休日" | "closed" => return Some(Days::Closed),
        _ => {}
    }
    let english = word.to_ascii_lowercase();
    let mut mask = 0u8;
    if english.is_ascii() {
        for name in english.split([',', ' ']).filter(|name| !name.is_empty()) {
            let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
            mask |= 1 << names.iter().position(|n| *n == name)?;
        }
    } else {
        for c in word.chars().filter(|c| !matches!(c, '曜' | '・' | ',' | ' ')) {
            mask |= 1 << "日月火水木金土".chars().position(|day| day == c)?;
        }
    }
    (mask != 0).then_some(Days::Week(mask))
}

/// `8:30`, `08:30`, `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |t: &str| (t.len() <= 2 && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u16>().ok())?;
    let (hour, minute) = (number(hour)?, number(minute)?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY_MINUTES).then_some(all)
}
