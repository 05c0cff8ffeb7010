//! An alert as the store has it, and which of several reasons of one situation people are told first.

use crate::alert::decide::prominence;
use crate::alert::{Alert, AlertId, EXCEPTED};
use crate::detect::RuleSettings;

/// An alert with what was looked up when it was raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAlert {
    /// The alert.
    pub alert: Alert,
    /// Account as in the log, inert.
    pub account: String,
    /// Address or terminal, inert.
    pub address: String,
    /// Section of the person at the time.
    pub section: String,
    /// First day of the right, where it has not begun.
    pub valid_from: Option<i32>,
    /// Last day of the right, where it has ended.
    pub valid_to: Option<i32>,
    /// Hash of the configuration it was raised under.
    pub config: String,
    /// How it was closed; empty while it is not.
    pub closed_as: String,
    /// The alert it is a further reason of; its own id where it leads and people are told of it.
    pub lead: AlertId,
    /// Version of the account register its first finding rests on.
    pub register: i64,
}

impl StoredAlert {
    /// Whether an exception holds it as it stands.
    pub fn is_excepted(&self) -> bool {
        self.closed_as == EXCEPTED
    }

    /// The reason that stands out most, of those that no exception holds, the earlier one of equals: mail, list and report
    /// speak of the same. `None`: exceptions hold all of them.
    pub fn foremost<'a>(all: &'a [StoredAlert], rules: &[RuleSettings]) -> Option<&'a StoredAlert> {
        let rule = |stored: &StoredAlert| rules.iter().find(|rule| rule.id == stored.alert.rule);
        let counting = all.iter().rev().filter(|stored| !stored.is_excepted());
        counting.max_by_key(|stored| prominence(&stored.alert, rule(stored)))
    }
}
