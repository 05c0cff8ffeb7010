//! A hop of the ladder: who was told or passed over, when, why, and what became of the mail.

use std::time::Duration;

use super::Place;
use crate::clock::WallTime;

/// Why somebody is told, or passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The alert is new, or open again.
    First,
    /// Nobody has acknowledged it for this long.
    Unanswered(Duration),
    /// Nobody of the level below could be told.
    Nobody,
    /// The mail to somebody else of the level was refused.
    Refused,
    /// The alert is about whoever would have decided.
    Suspect,
    /// The alert is about somebody who runs the systems, or who stands above everybody told.
    Administrator,
    /// The last level, once more.
    Again(Duration),
    /// Passed over: away by the absence calendar.
    Absent,
    /// Passed over: no right in force by the account register.
    Left,
    /// Passed over: nobody holds the post, or nobody else.
    Vacant,
    /// Passed over: the alert is about him.
    Himself,
}

impl Why {
    /// The word used in JSON and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::First => "first",
            Why::Unanswered(_) => "unanswered",
            Why::Nobody => "nobody-below",
            Why::Refused => "refused",
            Why::Suspect => "suspect-below",
            Why::Administrator => "administrator",
            Why::Again(_) => "again",
            Why::Absent => "absent",
            Why::Left => "left",
            Why::Vacant => "vacant",
            Why::Himself => "himself",
        }
    }

    /// The reason of this word; `wait` is the time of those that have one.
    pub fn from_word(word: &str, wait: Duration) -> Option<Why> {
        let all = [
            Why::First,
            Why::Unanswered(wait),
            Why::Nobody,
            Why::Refused,
            Why::Suspect,
            Why::Administrator,
            Why::Again(wait),
            Why::Absent,
            Why::Left,
            Why::Vacant,
            Why::Himself,
        ];
        all.into_iter().find(|why| why.as_str() == word)
    }

    /// The time that had passed, where that is the reason.
    pub fn wait(self) -> Option<Duration> {
        match self {
            Why::Unanswered(wait) | Why::Again(wait) => Some(wait),
            _ => None,
        }
    }

    /// Whether nobody is told.
    pub fn is_passed_over(self) -> bool {
        matches!(self, Why::Absent | Why::Left | Why::Vacant | Why::Himself)
    }
}

/// Somebody is told, or passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// When.
    pub at: WallTime,
    /// Level of the ladder, from 0.
    pub level: usize,
    /// In which capacity.
    pub place: Place,
    /// 職員番号; empty where no single person stands behind it.
    pub person: String,
    /// Where to; empty where he is passed over.
    pub addresses: Vec<String>,
    /// Why.
    pub why: Why,
}

/// What became of the mail of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It waits, or cannot leave because no relay can be used: nobody's time runs yet.
    UnderWay,
    /// The relay puts this one off: his time runs all the same.
    PutOff,
    /// It was accepted then.
    Got(WallTime),
    /// It was refused for good, or came back.
    Refused,
}

/// A hop that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The hop.
    pub hop: Hop,
    /// What became of it.
    pub reach: Reach,
}
