//! Incidents (事案): what alerts became once a named person said so, with the dates the law counts.
//!
//! Pure. [`Periods`] are the dates of 個人情報保護法第68条 and its rules: 速報 within about three to five days, 確報
//! within 30 days, 60 where a wrongful purpose is suspected; the day of knowing is the first one, and a term that
//! would end on a closed day ends on the next open one (行政機関の休日に関する法律第2条). [`report`] fills the form of the
//! report within the agency (庁内報告) with what the record knows; what people must judge stays empty.
//!
//! Nothing here closes or decides by itself: whether to report is asked for one single person, too.

pub mod report;

use crate::calendar::{Calendar, Day};
use crate::clock::{EventTime, WallTime};

/// Why an incident must be reported (法第68条第1項, 施行規則第43条), or that it need not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ground {
    /// 要配慮個人情報.
    Sensitive,
    /// 財産的被害のおそれ.
    Property,
    /// 不正の目的のおそれ: 確報 within 60 days.
    Wrongful,
    /// 本人が100人を超える.
    Hundred,
    /// 特定個人情報 (番号法第29条の4).
    MyNumber,
    /// None of them.
    None,
}

impl Ground {
    /// Every one.
    pub const ALL: [Ground; 6] = [
        Ground::Sensitive,
        Ground::Property,
        Ground::Wrongful,
        Ground::Hundred,
        Ground::MyNumber,
        Ground::None,
    ];

    /// The word used on the command line, in JSON and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Ground::Sensitive => "sensitive",
            Ground::Property => "property",
            Ground::Wrongful => "wrongful",
            Ground::Hundred => "hundred",
            Ground::MyNumber => "my-number",
            Ground::None => "none",
        }
    }

    /// The ground of this word.
    pub fn from_word(word: &str) -> Option<Ground> {
        Ground::ALL.into_iter().find(|ground| ground.as_str() == word)
    }

    /// As the form says it.
    pub fn ja(self) -> &'static str {
        match self {
            Ground::Sensitive => "要配慮個人情報",
            Ground::Property => "財産的被害のおそれ",
            Ground::Wrongful => "不正の目的のおそれ",
            Ground::Hundred => "本人が100人を超える",
            Ground::MyNumber => "特定個人情報（番号法第29条の4）",
            Ground::None => "いずれにも該当しない",
        }
    }

    /// The same in English.
    pub fn en(self) -> &'static str {
        match self {
            Ground::Sensitive => "sensitive personal data",
            Ground::Property => "danger of damage to property",
            Ground::Wrongful => "suspicion of a wrongful purpose",
            Ground::Hundred => "more than 100 people",
            Ground::MyNumber => "specific personal information (Number Act, article 29-4)",
            Ground::None => "none of these",
        }
    }
}

/// The dates of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// The day somebody of the agency, other than the wrongdoer, came to know: the first day.
    pub known: Day,
    /// 速報: the third day, calendar days.
    pub prompt_from: Day,
    /// 速報: the fifth day. Guidance (概ね), not a term that moves.
    pub prompt_by: Day,
    /// 確報: the 30th day, or the next open one.
    pub final_by: Day,
    /// 確報 where a wrongful purpose is suspected: the 60th day, or the next open one.
    pub final_by_wrongful: Day,
}

impl Periods {
    /// The dates for an incident known on `known`.
    pub fn of(known: Day, calendar: &Calendar) -> Periods {
        let nth = |n: i32| known.plus(n.saturating_sub(1));
        Periods {
            known,
            prompt_from: nth(3),
            prompt_by: nth(5),
            final_by: calendar.next_open(nth(30)),
            final_by_wrongful: calendar.next_open(nth(60)),
        }
    }

    /// The day by which the final report is due.
    pub fn final_due(&self, wrongful: bool) -> Day {
        if wrongful {
            self.final_by_wrongful
        } else {
            self.final_by
        }
    }
}

/// An incident as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// `I-2026-0001`.
    pub number: String,
    /// What it is, in a few words of whoever opened it.
    pub title: String,
    /// When it was opened, and by whom.
    pub opened_at: WallTime,
    /// 職員番号.
    pub opened_by: String,
    /// 認知: when somebody other than the wrongdoer came to know.
    pub known_at: WallTime,
    /// 職員番号 of who that was.
    pub known_by: String,
    /// 要否判断: on which grounds it is to be reported; empty while nobody has decided.
    pub grounds: Vec<Ground>,
    /// Whether somebody closed it.
    pub closed: bool,
    /// Its alerts, by number.
    pub alerts: Vec<String>,
    /// Archived segments that are held for it.
    pub held: Vec<u64>,
}

impl Incident {
    /// Whether it is to be reported; none while nobody has decided.
    pub fn must_report(&self) -> Option<bool> {
        (!self.grounds.is_empty()).then(|| self.grounds.iter().any(|g| *g != Ground::None))
    }

    /// Whether a wrongful purpose is suspected.
    pub fn is_wrongful(&self) -> bool {
        self.grounds.contains(&Ground::Wrongful)
    }
}

/// What one person did to one dataset within an incident, by the counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// 職員番号 or account, and whether it stands in the register; empty: everybody together.
    pub who: String,
    /// Section then.
    pub section: String,
    /// Title of the dataset.
    pub dataset: String,
    /// Class of operation.
    pub operation: crate::access::Operation,
    /// Successful accesses, records, accesses that stated no number of records.
    pub accesses: u64,
    /// Records given out, as far as stated.
    pub records: u64,
    /// Accesses without a stated number.
    pub records_unknown: u64,
}

/// How far an incident reaches, by the counters of whole days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    /// First and last access found.
    pub span: Option<(EventTime, EventTime)>,
    /// By person, dataset and operation.
    pub rows: Vec<Reach>,
    /// Distinct citizens seen by their keyed hashes: no fewer.
    pub subjects_min: u64,
    /// Records given out: no more, where each access stated their number.
    pub records_max: u64,
    /// Accesses that stated no number: the upper bound is not known then.
    pub unknown: u64,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: WallTime,
    /// What happened, in words.
    pub what: String,
}

#[cfg(test)]
mod tests;
