//! Findings -> situations -> decisions: what is one alert, and when people are told of it.
//!
//! A [`Situation`] is what the findings of one batch say under one key. Joining is associative, so it does not matter
//! how lines fall into batches. [`decide`] joins a situation with the alert that is already
//! there, or begins a new one, and says whether to tell, with the reason.

use std::time::Duration;

use super::text::NotifyReason;
use super::{Alert, AlertId, AlertSettings, AlertState, Notified};
use crate::access::{Access, Amount, DatasetId, LineRef, Marks, Operation, Outcome, SourceId, Standing, WhoId};
use crate::clock::{EventTime, WallTime};
use crate::detect::{Facts, Finding, Relation, RuleKind, RuleSettings, Severity, Within};

/// Line references kept of one batch for an alert.
pub const EVIDENCE_MAX: usize = 20;
/// A situation goes on while the next finding is no further away than this, or than the rule's window.
const SITUATION_GAP: Duration = Duration::from_secs(24 * 3_600);
/// Once the limit, as [`prominence`] counts: in tenths, for of nearly equal ones the first stands for the act itself.
const ONCE: u64 = 10;

/// What findings say together under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// Person or account, 0 for all.
    pub who: WhoId,
    /// Dataset, 0 for all.
    pub dataset: DatasetId,
    /// Worst severity.
    pub severity: Severity,
    /// Time of the first finding.
    pub first_seen: EventTime,
    /// Time of the last.
    pub last_seen: EventTime,
    /// Start of the window of the first finding.
    pub window_from: EventTime,
    /// Largest amount in a window (volume), number of hits (account).
    pub observed: u64,
    /// The limit.
    pub limit: u64,
    /// What the words need beside, of the fullest one.
    pub facts: Facts,
    /// Number of findings.
    pub hits: u64,
    /// Records given out by them, as far as stated.
    pub records: u64,
    /// Findings without a stated number of records.
    pub records_unknown: u64,
    /// Findings whose access succeeded.
    pub successes: u64,
    /// Source of the first.
    pub source: SourceId,
    /// Operation class of the last.
    pub operation: Operation,
    /// Standing of the account at the last.
    pub standing: Standing,
    /// What else spoke against any of them.
    pub marks: Marks,
    /// Account as in the log, of the first; inert. Empty where the rule adds up over persons.
    pub account: String,
    /// Address or terminal of the first; inert.
    pub address: String,
    /// Section of the person at the first.
    pub section: String,
    /// First day of the right, where it has not begun.
    pub valid_from: Option<i32>,
    /// Last day of the right, where it has ended.
    pub valid_to: Option<i32>,
    /// Lines, the first ones.
    pub evidence: Vec<LineRef>,
    /// Version of the account register that was in force.
    pub register: i64,
}

/// How far apart findings of one situation may be.
pub fn gap(rule: &RuleSettings) -> Duration {
    match &rule.kind {
        RuleKind::Volume(v) => match v.within {
            Within::Rolling(width) => width.max(SITUATION_GAP),
            Within::OneAccess | Within::Day => SITUATION_GAP,
        },
        RuleKind::Relation(r) => {
            let days = u64::try_from(r.within_days).unwrap_or(1);
            Duration::from_secs(days * 86_400).max(SITUATION_GAP)
        }
        RuleKind::Account(_)
        | RuleKind::Grant(_)
        | RuleKind::Dormant(_)
        | RuleKind::Hours(_)
        | RuleKind::FirstSeen(_)
        | RuleKind::Sequence(_)
        | RuleKind::Baseline(_)
        | RuleKind::Draw(_) => SITUATION_GAP,
    }
}

/// How much an alert stands out among the reasons of one situation: by severity, then whoever has no right at all,
/// then by how many times the limit was passed. Where a single access is one too many that is once.
pub fn prominence(alert: &Alert, rule: Option<&RuleSettings>) -> (Severity, bool, u64) {
    let Some(rule) = rule else {
        return (alert.severity, false, 0);
    };
    // What leads others stands with the worst severity among them.
    let severity = alert.severity.min(rule.severity);
    if adds_up(rule, alert.limit) {
        return (severity, matches!(rule.kind, RuleKind::Account(_)), ONCE);
    }
    let times = u128::from(alert.observed) * u128::from(ONCE) / u128::from(alert.limit.max(1));
    (severity, false, u64::try_from(times).unwrap_or(u64::MAX))
}

/// Whether hits are added up (a single access is one too many) or the fullest window counts (`volume`).
fn adds_up(rule: &RuleSettings, limit: u64) -> bool {
    match &rule.kind {
        // Of many names without registration the largest number counts.
        RuleKind::Account(account) => account.many.is_none() || limit == 0,
        RuleKind::Volume(_) | RuleKind::Baseline(_) | RuleKind::Sequence(_) => false,
        RuleKind::Relation(r) => !matches!(r.relation, Relation::Converge { .. } | Relation::Repeat),
        _ => true,
    }
}

impl Situation {
    /// What one finding says; texts are still empty.
    pub fn new(finding: &Finding, access: &Access) -> Self {
        let (records, records_unknown, success) = given_out(access);
        Situation {
            who: finding.who,
            dataset: finding.dataset,
            severity: finding.severity,
            first_seen: finding.at,
            last_seen: finding.at,
            window_from: finding.from,
            observed: finding.observed,
            limit: finding.limit,
            facts: finding.facts,
            hits: 1,
            records,
            records_unknown,
            successes: u64::from(success),
            source: access.source,
            operation: access.operation,
            standing: access.standing,
            marks: access.marks,
            account: String::new(),
            address: String::new(),
            section: String::new(),
            valid_from: None,
            valid_to: None,
            evidence: vec![access.at],
            register: 0,
        }
    }

    /// Takes in one more finding.
    pub fn absorb(&mut self, finding: &Finding, access: &Access, rule: &RuleSettings) {
        let (records, records_unknown, success) = given_out(access);
        self.severity = self.severity.max(finding.severity);
        if finding.at < self.first_seen {
            self.first_seen = finding.at;
            self.window_from = finding.from;
            self.source = access.source;
        }
        if self.last_seen <= finding.at {
            self.last_seen = finding.at;
            self.operation = access.operation;
            self.standing = access.standing;
        }
        self.marks = self.marks.union(access.marks);
        if self.observed <= finding.observed {
            self.facts = finding.facts;
        }
        self.observed = joined((rule, finding.limit), self.observed, finding.observed);
        self.hits = self.hits.saturating_add(1);
        self.records = self.records.saturating_add(records);
        self.records_unknown = self.records_unknown.saturating_add(records_unknown);
        self.successes = self.successes.saturating_add(u64::from(success));
        if self.evidence.len() < EVIDENCE_MAX {
            self.evidence.push(access.at);
        }
    }
}

/// Records given out, accesses without a stated number, whether it succeeded.
fn given_out(access: &Access) -> (u64, u64, bool) {
    match (access.outcome, access.records) {
        (Outcome::Failure, _) => (0, 0, false),
        (Outcome::Success, Amount::Known(n)) => (n, 0, true),
        (Outcome::Success, Amount::Unknown) => (0, 1, true),
    }
}

/// Hits add up (`account`); of windows the fullest counts (`volume`).
fn joined((rule, limit): (&RuleSettings, u64), a: u64, b: u64) -> u64 {
    if adds_up(rule, limit) {
        a.saturating_add(b)
    } else {
        a.max(b)
    }
}

/// What to do about an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Tell people, for this reason.
    Notify(NotifyReason),
    /// Keep quiet, for this reason; the findings are recorded all the same.
    Hold(Why),
}

/// Why people are not told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// They know of this situation and it has not grown by a step.
    Known,
    /// A named person has closed it, and it has not grown by a step since.
    Closed,
}

/// Growth steps: how many times the limit; an account's hits by hundreds only, since the first says it all.
pub fn level(rule: &RuleSettings, observed: u64, limit: u64) -> u32 {
    const STEPS: [u32; 10] = [1, 2, 5, 10, 20, 50, 100, 1_000, 10_000, 100_000];
    const HITS: [u32; 4] = [1, 100, 1_000, 10_000];
    let times = if adds_up(rule, limit) {
        observed
    } else {
        observed / limit.max(1)
    };
    let steps: &[u32] = if adds_up(rule, limit) { &HITS } else { &STEPS };
    steps
        .iter()
        .rev()
        .find(|s| u64::from(**s) <= times)
        .copied()
        .unwrap_or(1)
}

/// Begins an alert.
pub fn begin(id: AlertId, number: String, rule: &RuleSettings, s: &Situation, now: WallTime) -> Alert {
    Alert {
        id,
        number,
        rule: rule.id.clone(),
        who: s.who,
        dataset: s.dataset,
        severity: s.severity,
        state: AlertState::Open,
        first_seen: s.first_seen,
        last_seen: s.last_seen,
        window_from: s.window_from,
        observed: s.observed,
        limit: s.limit,
        facts: s.facts,
        hits: s.hits,
        records: s.records,
        records_unknown: s.records_unknown,
        successes: s.successes,
        source: s.source,
        operation: s.operation,
        standing: s.standing,
        marks: s.marks,
        retro: false,
        detected_at: now,
        notified: None,
    }
}

/// Adds a situation to the alert it continues.
pub fn grow(alert: &mut Alert, s: &Situation, rule: &RuleSettings) {
    alert.severity = alert.severity.max(s.severity);
    if s.first_seen < alert.first_seen {
        alert.first_seen = s.first_seen;
        alert.window_from = s.window_from;
        alert.source = s.source;
    }
    if alert.last_seen <= s.last_seen {
        alert.last_seen = s.last_seen;
        alert.operation = s.operation;
        alert.standing = s.standing;
    }
    alert.marks = alert.marks.union(s.marks);
    if alert.observed <= s.observed {
        alert.facts = s.facts;
    }
    alert.observed = joined((rule, s.limit), alert.observed, s.observed);
    alert.limit = s.limit;
    alert.hits = alert.hits.saturating_add(s.hits);
    alert.records = alert.records.saturating_add(s.records);
    alert.records_unknown = alert.records_unknown.saturating_add(s.records_unknown);
    alert.successes = alert.successes.saturating_add(s.successes);
}

/// Decides whether people are told of `alert` as it stands now.
pub fn decide(alert: &Alert, rule: &RuleSettings, settings: &AlertSettings, now: WallTime) -> Decision {
    let Some(last) = &alert.notified else {
        return Decision::Notify(NotifyReason::First);
    };
    let level = level(rule, alert.observed, alert.limit);
    let closed = alert.state == AlertState::Closed;
    if last.severity < alert.severity {
        return Decision::Notify(NotifyReason::Worse { from: last.severity });
    }
    if last.level < level {
        let grown = NotifyReason::Grown {
            times: u64::from(level),
            uses: (alert.limit == 0).then_some(alert.observed),
            aside: false,
        };
        return Decision::Notify(if closed { NotifyReason::Reopened } else { grown });
    }
    // Who has no right is not in the right the next time either: a closed alert of an account opens at once.
    if closed && adds_up(rule, alert.limit) && last.hits < alert.hits {
        return Decision::Notify(NotifyReason::Reopened);
    }
    let repeat = match alert.severity {
        Severity::Critical => settings.repeat_critical,
        Severity::Warning | Severity::Notice => settings.repeat_warning,
    };
    if last.hits < alert.hits && repeat <= now.since(last.at) {
        return Decision::Notify(if closed {
            NotifyReason::Reopened
        } else {
            NotifyReason::Repeat
        });
    }
    Decision::Hold(if closed { Why::Closed } else { Why::Known })
}

/// Decides whether people are told of an alert with its further reasons, the leading one first; each stands with its
/// rule. A notice waits for the daily digest.
pub fn decide_together(
    all: &[(&Alert, &RuleSettings)],
    settings: &AlertSettings,
    now: WallTime,
) -> Option<NotifyReason> {
    let severity = all.iter().map(|(alert, _)| alert.severity).max()?;
    if severity == Severity::Notice {
        return None;
    }
    let Some(told) = all.first().and_then(|(lead, _)| lead.notified) else {
        return Some(NotifyReason::First);
    };
    if told.severity < severity {
        return Some(NotifyReason::Worse { from: told.severity });
    }
    let foremost = all.iter().rev().max_by_key(|(a, r)| prominence(a, Some(r)));
    let foremost = foremost.map(|(alert, _)| alert.id);
    let mut best: Option<NotifyReason> = None;
    for (alert, rule) in all {
        let reason = match (alert.notified, told_of_kind(all, rule)) {
            (Some(_), _) => match decide(alert, rule, settings, now) {
                Decision::Notify(reason) => Some(reason),
                Decision::Hold(_) => None,
            },
            (None, _) if alert.severity == Severity::Notice => None,
            (None, None) => Some(NotifyReason::Further),
            // It joined without a word, for people knew as much from a rule of its kind: until it shows more.
            (None, Some(told)) => {
                let told = Notified {
                    severity: alert.severity,
                    hits: alert.hits,
                    ..told
                };
                let as_told = Alert {
                    notified: Some(told),
                    ..(*alert).clone()
                };
                match decide(&as_told, rule, settings, now) {
                    Decision::Notify(NotifyReason::Repeat) | Decision::Hold(_) => None,
                    Decision::Notify(reason) => Some(reason),
                }
            }
        };
        let reason = match reason {
            Some(NotifyReason::Grown { times, uses, .. }) => Some(NotifyReason::Grown {
                times,
                uses,
                aside: foremost != Some(alert.id),
            }),
            other => other,
        };
        if let Some(reason) = reason
            && best.is_none_or(|best| best.weight() < reason.weight())
        {
            best = Some(reason);
        }
    }
    best
}

/// What people were last told of rules of the same kind: the highest level of them.
fn told_of_kind(all: &[(&Alert, &RuleSettings)], rule: &RuleSettings) -> Option<Notified> {
    let of_same_kind = |r: &RuleSettings| std::mem::discriminant(&r.kind) == std::mem::discriminant(&rule.kind);
    let told = all.iter().filter(|(_, r)| of_same_kind(r));
    told.filter_map(|(a, _)| a.notified).max_by_key(|n| n.level)
}

/// Notes on the alert that people are told at `now`; a closed alert is open again.
pub fn notified(alert: &mut Alert, rule: &RuleSettings, now: WallTime) {
    let mails = alert.notified.map_or(0, |n| n.mails).saturating_add(1);
    if alert.state == AlertState::Closed {
        alert.state = AlertState::Open;
    }
    alert.notified = Some(Notified {
        at: now,
        level: level(rule, alert.observed, alert.limit),
        severity: alert.severity,
        mails,
        hits: alert.hits,
    });
}

#[cfg(test)]
mod tests;
