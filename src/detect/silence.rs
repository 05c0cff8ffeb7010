//! A source that has fallen silent, or a daily file that did not arrive (I1), by what the source has shown so far.
//!
//! How long a source may be quiet is learned from its own office days: the median of the longest time without a line on
//! each of the last twenty, times five, and never less than half an hour. Where a day is mostly quiet that says nothing: such a
//! source brings its lines at a time of day, and is missed an hour behind the latest such time, at nine at the earliest.
//!
//! Pure. Not here: holes of many days, and sources that never gave a line (`coverage`).

use crate::calendar::{Calendar, Day, Jst, day_start};
use crate::clock::{EventTime, WallTime};

/// The hours in which a source is expected to give lines, in seconds of the day: 8:30 to 17:15.
pub const OFFICE: (i64, i64) = (30_600, 62_100);
/// Office days that are learned from at most, and at least.
const LEARNED: usize = 20;
const ENOUGH: usize = 5;
/// Never sooner than this, in seconds.
const LEAST_SECS: i64 = 1_800;
/// How many times the usual gap.
const TIMES: i64 = 5;
/// A daily file is missed at nine at the earliest, and an hour behind its latest time.
const NINE: i64 = 32_400;
const GRACE_SECS: i64 = 3_600;
/// Days a look back reaches.
pub const DAYS: i32 = 60;

/// When lines of a source came in on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The day.
    pub day: Day,
    /// The first.
    pub first: WallTime,
    /// The last.
    pub last: WallTime,
    /// Longest time without a line between two lines, within [`OFFICE`] hours.
    pub gap_secs: i64,
}

/// Why a source is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// It has been quiet for longer than it ever is.
    Quiet {
        /// Seconds it is usually quiet at most.
        usual_secs: i64,
    },
    /// Its lines of the day have not come.
    NotArrived {
        /// Second of the day by which they came at the latest so far.
        usual: i64,
    },
}

/// A source that is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Its last line.
    pub since: WallTime,
    /// Why.
    pub missed: Missed,
}

/// Whether a source is missed at `now`, by its arrivals, the newest day first.
pub fn silence(arrivals: &[Arrival], now: WallTime, calendar: &Calendar) -> Option<Silence> {
    let today = Jst::from(now).day;
    let second = second_of(now, today);
    if calendar.is_closed(today) || second < OFFICE.0 || OFFICE.1 < second {
        return None;
    }
    let since = arrivals.first()?.last;
    let oldest = arrivals.last()?.day;
    let of = |day: Day| arrivals.iter().find(|a| a.day == day);
    // The first day is one on which reading began, at whatever hour.
    let days = (1..DAYS)
        .map(|back| today.plus(-back))
        .take_while(|day| oldest.0 < day.0);
    let learned: Vec<Option<&Arrival>> = days
        .filter(|day| !calendar.is_closed(*day))
        .take(LEARNED)
        .map(of)
        .collect();
    if learned.len() < ENOUGH {
        return None;
    }
    let mut gaps: Vec<i64> = learned.iter().map(|day| quiet_of(*day)).collect();
    gaps.sort_unstable();
    let usual_secs = gaps.get(gaps.len() / 2).copied()?;
    let limit = usual_secs.saturating_mul(TIMES).max(LEAST_SECS);
    if limit < OFFICE.1 - OFFICE.0 {
        let quiet = second.saturating_sub(second_of(since, today).max(OFFICE.0));
        return (limit < quiet).then_some(Silence {
            since,
            missed: Missed::Quiet { usual_secs },
        });
    }
    // It comes at a time of day: on every office day so far, but for one in ten.
    let came: Vec<i64> = learned.iter().flatten().map(|a| second_of(a.first, a.day)).collect();
    if came.len() < ENOUGH || came.len() * 10 < learned.len() * 9 || of(today).is_some() {
        return None;
    }
    let usual = came.into_iter().max()?;
    let due = NINE.max(usual.saturating_add(GRACE_SECS));
    (due < second).then_some(Silence {
        since,
        missed: Missed::NotArrived { usual },
    })
}

/// The longest time without a line on an office day.
fn quiet_of(day: Option<&Arrival>) -> i64 {
    let Some(a) = day else { return OFFICE.1 - OFFICE.0 };
    let before = second_of(a.first, a.day).min(OFFICE.1) - OFFICE.0;
    let behind = OFFICE.1 - second_of(a.last, a.day).max(OFFICE.0);
    a.gap_secs.max(before).max(behind)
}

/// Seconds since the day began; negative before.
fn second_of(at: WallTime, day: Day) -> i64 {
    let start = day_start(day).secs();
    EventTime::from_micros(at.micros()).secs().saturating_sub(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::parse_date;

    fn at(day: &str, clock: &str) -> WallTime {
        let (hour, minute) = clock.split_once(':').unwrap();
        let secs = hour.parse::<i64>().unwrap() * 3_600 + minute.parse::<i64>().unwrap() * 60;
        WallTime::from_secs(day_start(parse_date(day).unwrap()).secs() + secs)
    }

    /// November 2026, office days up to the 19th, newest first; each with its first and last line and longest gap.
    fn days(first: &str, last: &str, gap_secs: i64) -> Vec<Arrival> {
        let calendar = Calendar::default();
        let all = (2..=19).rev().map(|d| format!("2026-11-{d:02}"));
        let open = all.filter(|d| !calendar.is_closed(parse_date(d).unwrap()));
        let arrival = |day: String| Arrival {
            day: parse_date(&day).unwrap(),
            first: at(&day, first),
            last: at(&day, last),
            gap_secs,
        };
        open.map(arrival).collect()
    }

    fn missed(arrivals: &[Arrival], day: &str, clock: &str) -> Option<Missed> {
        silence(arrivals, at(day, clock), &Calendar::default()).map(|s| s.missed)
    }

    #[test]
    fn a_busy_source_is_missed_after_half_an_hour_and_one_with_long_breaks_later() {
        let busy = days("08:31", "17:14", 120);
        assert_eq!(missed(&busy, "2026-11-20", "08:59"), None);
        let quiet = |usual_secs| Some(Missed::Quiet { usual_secs });
        assert_eq!(missed(&busy, "2026-11-20", "09:01"), quiet(120));
        let slow = days("08:40", "17:00", 1_800);
        assert_eq!(missed(&slow, "2026-11-20", "10:59"), None);
        assert_eq!(missed(&slow, "2026-11-20", "11:01"), quiet(1_800));
        // A line today begins the time anew.
        let mut today = busy.clone();
        today.insert(
            0,
            Arrival {
                day: parse_date("2026-11-20").unwrap(),
                first: at("2026-11-20", "08:31"),
                last: at("2026-11-20", "13:00"),
                gap_secs: 60,
            },
        );
        assert_eq!(missed(&today, "2026-11-20", "13:29"), None);
        assert_eq!(missed(&today, "2026-11-20", "13:31"), quiet(120));
    }

    #[test]
    fn nobody_is_missed_at_night_on_closed_days_or_before_five_days_are_known() {
        let busy = days("08:31", "17:14", 120);
        for (day, clock) in [
            ("2026-11-20", "18:00"),
            ("2026-11-21", "11:00"),
            ("2026-11-23", "11:00"),
            ("2026-11-20", "06:00"),
        ] {
            assert_eq!(missed(&busy, day, clock), None, "{day} {clock}");
        }
        assert_eq!(
            missed(&busy[..5], "2026-11-20", "12:00"),
            None,
            "the oldest day is not learned from"
        );
        assert!(missed(&busy[..6], "2026-11-20", "12:00").is_some());
        assert_eq!(missed(&[], "2026-11-20", "12:00"), None);
    }

    #[test]
    fn a_daily_file_is_missed_at_nine_or_an_hour_behind_its_latest_time() {
        let night = days("02:10", "02:11", 0);
        let not_arrived = |usual| Some(Missed::NotArrived { usual });
        assert_eq!(missed(&night, "2026-11-20", "08:59"), None);
        assert_eq!(missed(&night, "2026-11-20", "09:01"), not_arrived(7_800));
        let morning = days("09:20", "09:21", 0);
        assert_eq!(missed(&morning, "2026-11-20", "10:19"), None);
        assert_eq!(missed(&morning, "2026-11-20", "10:21"), not_arrived(33_600));
        // It came: nothing is missed for the rest of the day.
        let mut came = night.clone();
        came.insert(
            0,
            Arrival {
                day: parse_date("2026-11-20").unwrap(),
                first: at("2026-11-20", "02:15"),
                last: at("2026-11-20", "02:16"),
                gap_secs: 0,
            },
        );
        assert_eq!(missed(&came, "2026-11-20", "16:00"), None);
        // A source that comes now and then is no daily one.
        let weekly: Vec<Arrival> = night.iter().step_by(4).copied().collect();
        assert_eq!(missed(&weekly, "2026-11-20", "12:00"), None);
    }
}
