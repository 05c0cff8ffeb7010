//! Alerts of the period: by rule and outcome, and one by one.

use std::collections::BTreeMap;

use super::{NAME_CHARS_MAX, Scope};
use crate::alert::{AlertId, AlertState, ClosedAs};
use crate::detect::RuleSettings;
use crate::report::facts::{AlertRow, RuleFacts};
use crate::store::{Store, StoreError, StoredAlert};
use crate::text::inert;

/// What was raised in the period.
#[derive(Debug)]
pub(super) struct Alerts {
    pub rules: Vec<RuleFacts>,
    pub rows: Vec<AlertRow>,
    /// In the period before, in that of last year.
    pub before: [u64; 2],
    /// By owner section: raised, open, incidents.
    pub by_owner: BTreeMap<String, [u64; 3]>,
}

impl Alerts {
    pub(super) fn read(scope: &Scope<'_>) -> Result<Alerts, StoreError> {
        let all: Vec<(StoredAlert, String)> = scope
            .store
            .alerts_in(scope.period.from, scope.period.to)?
            .into_iter()
            .filter(|(stored, _)| concerns(scope, stored))
            .collect();
        let leads: BTreeMap<AlertId, &StoredAlert> = all.iter().map(|(s, _)| (s.alert.id, s)).collect();
        let mut by_rule: BTreeMap<&str, RuleFacts> = BTreeMap::new();
        let mut by_owner: BTreeMap<String, [u64; 3]> = BTreeMap::new();
        let mut rows = Vec::new();
        for (stored, name) in &all {
            // How an alert was closed counts for each of its reasons.
            let outcome = leads.get(&stored.lead).copied().unwrap_or(stored);
            let rule = by_rule.entry(&stored.alert.rule).or_default();
            rule.raised = rule.raised.saturating_add(1);
            let slot = match (outcome.alert.state, outcome.closed_as.as_str()) {
                (AlertState::Open, _) => &mut rule.open,
                (AlertState::Acknowledged, _) => &mut rule.acknowledged,
                (AlertState::Closed, word) if word == ClosedAs::Incident.as_str() => &mut rule.incident,
                (AlertState::Closed, word) if word == ClosedAs::FalseAlarm.as_str() => &mut rule.false_alarm,
                (AlertState::Closed, _) => &mut rule.legitimate,
            };
            *slot = slot.saturating_add(1);
            if stored.lead == stored.alert.id {
                let row = row(scope, stored, name)?;
                let sums = by_owner.entry(owner(scope, stored)).or_default();
                sums[0] = sums[0].saturating_add(1);
                sums[1] = sums[1].saturating_add(u64::from(row.state != AlertState::Closed));
                sums[2] = sums[2].saturating_add(u64::from(row.closed_as == ClosedAs::Incident.as_str()));
                rows.push(row);
            }
        }
        Ok(Alerts {
            rules: in_order(scope, by_rule),
            rows,
            before: [
                count(scope, scope.period.before())?,
                count(scope, scope.period.year_before())?,
            ],
            by_owner,
        })
    }
}

/// Rules in the order of configuration; those that are no longer configured come last.
fn in_order(scope: &Scope<'_>, mut by_rule: BTreeMap<&str, RuleFacts>) -> Vec<RuleFacts> {
    let mut out = Vec::new();
    for rule in scope.site.rules {
        if let Some(facts) = by_rule.remove(rule.id.as_str()) {
            out.push(RuleFacts {
                id: rule.id.clone(),
                title: rule.title.clone(),
                ..facts
            });
        }
    }
    out.extend(by_rule.into_iter().map(|(id, facts)| RuleFacts {
        id: id.to_owned(),
        ..facts
    }));
    out
}

/// Whether an alert is about a dataset in scope, or about none and a person of the section.
fn concerns(scope: &Scope<'_>, stored: &StoredAlert) -> bool {
    match scope.section {
        None => true,
        Some(section) if stored.alert.dataset.0 == 0 => stored.section == section,
        Some(_) => scope.place(stored.alert.dataset).is_some(),
    }
}

fn owner(scope: &Scope<'_>, stored: &StoredAlert) -> String {
    let place = scope.place(stored.alert.dataset).and_then(|n| scope.datasets.get(n));
    place.map_or_else(|| stored.section.clone(), |(_, d)| d.owner.clone())
}

fn count(scope: &Scope<'_>, period: crate::report::period::Period) -> Result<u64, StoreError> {
    let all = scope.store.alerts_in(period.from, period.to)?;
    let own = all.iter().filter(|(s, _)| s.lead == s.alert.id && concerns(scope, s));
    Ok(u64::try_from(own.count()).unwrap_or(0))
}

/// The reason that people are told first of an alert that leads others: the mail, the list and the report agree.
pub(in crate::report) fn foremost(
    store: &Store,
    rules: &[RuleSettings],
    lead: &StoredAlert,
) -> Result<StoredAlert, StoreError> {
    let mut all = vec![lead.clone()];
    all.extend(store.reasons(lead.alert.id)?);
    Ok(StoredAlert::foremost(&all, rules).unwrap_or(lead).clone())
}

fn row(scope: &Scope<'_>, stored: &StoredAlert, name: &str) -> Result<AlertRow, StoreError> {
    let (a, shown) = (&stored.alert, foremost(scope.store, scope.site.rules, stored)?.alert);
    let steps = scope.store.steps(a.id)?;
    let first = |step: &str| steps.iter().find(|s| s.step == step).map(|s| s.at);
    let place = scope.place(a.dataset).and_then(|n| scope.datasets.get(n));
    Ok(AlertRow {
        number: a.number.clone(),
        rule: shown.rule,
        severity: a.severity,
        at: shown.first_seen,
        dataset: place.map_or(String::new(), |(_, d)| d.id.clone()),
        who: inert(name, NAME_CHARS_MAX),
        section: inert(&stored.section, NAME_CHARS_MAX),
        observed: shown.observed,
        limit: shown.limit,
        hits: shown.hits,
        standing: shown.standing,
        state: a.state,
        closed_as: stored.closed_as.clone(),
        retro: a.retro,
        times: [Some(a.detected_at), first("mailed"), first("acknowledged")],
    })
}
