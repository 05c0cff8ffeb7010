//! The kinds `account` and `grant`: use by an account that may not, and use that is not granted.
//!
//! Both ask what placing found out (standing and marks of the access) and nothing else: one look at two bit sets an
//! access. Failures and successes are told apart, with a severity each.

use super::Severity;
use crate::access::{Access, Mark, Marks, Outcome, Standing};

/// Use by an account without a right in force, or used as it may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRule {
    /// The standings that are not allowed.
    pub standings: Vec<Standing>,
    /// The marks that are not allowed, of [`Mark::OF_ACCOUNT`].
    pub marks: Vec<Mark>,
    /// Severity of attempts that failed; `None`: failures are not looked at.
    pub failure: Option<Severity>,
    /// Names without registration that are told of one by one on a day, for each source; those behind are told of
    /// together.
    pub many: Option<u32>,
}

/// Use of what is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRule {
    /// What is lacking, of [`Mark::OF_GRANT`].
    pub lacks: Vec<Mark>,
    /// Severity of attempts that failed; `None`: failures are not looked at.
    pub failure: Option<Severity>,
}

/// A compiled rule of either kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marked {
    standings: u8,
    marks: Marks,
    failure: Option<Severity>,
    many: Option<u32>,
}

impl Marked {
    pub(super) fn of_account(rule: &AccountRule) -> Marked {
        Marked {
            standings: rule.standings.iter().fold(0, |mask, s| mask | 1 << (*s as u8)),
            marks: Marks::of(&rule.marks),
            failure: rule.failure,
            many: rule.many,
        }
    }

    pub(super) fn of_grant(rule: &GrantRule) -> Marked {
        Marked {
            standings: 0,
            marks: Marks::of(&rule.lacks),
            failure: rule.failure,
            many: None,
        }
    }

    /// Behind how many names without registration it tells of them together.
    pub(super) fn many(&self) -> Option<u32> {
        self.many
    }

    /// How bad the access is under this rule; `None`: not at all.
    pub(super) fn holds(&self, access: &Access, severity: Severity) -> Option<Severity> {
        let success = access.outcome == Outcome::Success;
        self.judged(access.standing, access.marks, success, severity)
    }

    /// The same of what is known of an access.
    pub(super) fn judged(
        &self,
        standing: Standing,
        marks: Marks,
        success: bool,
        severity: Severity,
    ) -> Option<Severity> {
        if self.standings & 1 << (standing as u8) == 0 && !self.marks.meets(marks) {
            return None;
        }
        if success { Some(severity) } else { self.failure }
    }
}
