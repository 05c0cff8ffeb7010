//! The calendar of one agency: the law's 祝日 by computation, the official list where there is one, and the agency's
//! own closed and open days.
//!
//! The official list is the CSV of the Cabinet Office (内閣府「国民の祝日」, CP932): a header, then `2026/1/1,元日`. For
//! the years it covers it decides instead of the computation: a law of a single summer can move a 祝日.

use std::collections::{BTreeMap, BTreeSet};

use super::holiday::{self, Closed};
use super::{Day, parse_date};

/// Days a list may hold; the official one holds about a thousand.
const DAYS_MAX: usize = 20_000;
/// Longest name of a day, in characters.
const NAME_CHARS_MAX: usize = 40;

/// A list of 祝日 that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct CalendarError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong and what would do.
    pub why: &'static str,
}

/// When the offices of one agency are closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calendar {
    official: BTreeMap<Day, String>,
    /// Years the official list covers.
    years: BTreeSet<i32>,
    closed: BTreeSet<Day>,
    open: BTreeSet<Day>,
}

impl Calendar {
    /// Reads the official list, as UTF-8; it decides for every year it names a day of.
    ///
    /// # Errors
    /// The first line that is no day with a name. Nothing is changed then.
    pub fn set_official(&mut self, text: &str) -> Result<(), CalendarError> {
        let mut days = BTreeMap::new();
        for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let error = |why| CalendarError { line: n + 1, why };
            if line.trim().is_empty() {
                continue;
            }
            let fields = line
                .split_once(',')
                .map(|(day, name)| (day.trim().trim_matches('"'), name.trim()));
            let (date, name) = fields.ok_or_else(|| error("a day and a name are expected: 2026/1/1,元日"))?;
            let Some(day) = parse_date(date) else {
                if n == 0 {
                    continue;
                }
                return Err(error("the first column is no date; write 2026/1/1"));
            };
            let name = name.trim_matches('"');
            let plain = !name.is_empty() && !name.chars().any(char::is_control);
            if !plain || NAME_CHARS_MAX < name.chars().count() {
                return Err(error("the second column is no name of a day"));
            }
            if days.insert(day, name.to_owned()).is_some() {
                return Err(error("this day is listed twice"));
            }
            if DAYS_MAX < days.len() {
                return Err(error("there are more days than any list of 祝日 has"));
            }
        }
        if days.is_empty() {
            return Err(CalendarError {
                line: 1,
                why: "no day is listed; export the CSV of the Cabinet Office again",
            });
        }
        self.years = days.keys().map(|day| day.date().year).collect();
        self.official = days;
        Ok(())
    }

    /// A day on which the agency is closed by its own rules.
    pub fn close(&mut self, day: Day) {
        self.closed.insert(day);
    }

    /// A day on which it is open although the law closes offices (日曜開庁).
    pub fn open(&mut self, day: Day) {
        self.open.insert(day);
    }

    /// The name of the 祝日 or 休日 on `day`, if it is one.
    pub fn holiday(&self, day: Day) -> Option<&str> {
        if self.years.contains(&day.date().year) {
            return self.official.get(&day).map(String::as_str);
        }
        holiday::holiday(day)
    }

    /// Why the agency is closed on `day`, if it is.
    pub fn closed(&self, day: Day) -> Option<Closed> {
        if self.open.contains(&day) {
            return None;
        }
        if self.closed.contains(&day) {
            return Some(Closed::Local);
        }
        match self.holiday(day) {
            Some(_) => Some(Closed::Holiday(holiday::holiday(day).unwrap_or("国民の祝日"))),
            None => holiday::closed_otherwise(day),
        }
    }

    /// Whether the agency is closed on `day`.
    pub fn is_closed(&self, day: Day) -> bool {
        self.closed(day).is_some()
    }

    /// The first open day that is not before `day`: where a term that would end on a closed day ends
    /// (行政機関の休日に関する法律第2条).
    pub fn next_open(&self, day: Day) -> Day {
        let far = (0..400).map(|n| day.plus(n)).find(|d| !self.is_closed(*d));
        far.unwrap_or(day)
    }
}
