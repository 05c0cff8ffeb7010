//! JSON for machines: stable keys, documented in docs/manual.md.

use serde_json::{Value, json};

use crate::alert::{Alert, AlertFacts};
use crate::calendar::rfc3339;
use crate::store::StoredAlert;

/// One alert.
pub(super) fn alert(stored: &StoredAlert, facts: &AlertFacts) -> Value {
    let a = &stored.alert;
    let text = |s: &str| if s.is_empty() { Value::Null } else { Value::from(s) };
    json!({
        "number": a.number,
        "rule": a.rule,
        "severity": a.severity.as_str(),
        "state": a.state.as_str(),
        "closed_as": text(&stored.closed_as),
        "person": facts.person,
        "section": facts.section,
        "account": text(&facts.account),
        "standing": a.standing.as_str(),
        "dataset": text(&facts.dataset),
        "operation": a.operation.as_str(),
        "source": facts.source,
        "address": text(&facts.address),
        "first_seen": rfc3339(a.first_seen.micros()),
        "last_seen": rfc3339(a.last_seen.micros()),
        "window_from": rfc3339(a.window_from.micros()),
        "observed": a.observed,
        "limit": a.limit,
        "hits": a.hits,
        "successes": a.successes,
        "records": a.records,
        "records_unknown": a.records_unknown,
        "detected_at": rfc3339(a.detected_at.micros()),
        "retro": a.retro,
        "register": stored.register,
        "mails": a.notified.map_or(0, |n| n.mails),
        "reasons": facts.reasons.iter().map(|r| reason(&r.alert)).collect::<Vec<_>>(),
    })
}

/// What a further rule found in the same situation.
fn reason(a: &Alert) -> Value {
    json!({
        "rule": a.rule,
        "severity": a.severity.as_str(),
        "first_seen": rfc3339(a.first_seen.micros()),
        "last_seen": rfc3339(a.last_seen.micros()),
        "observed": a.observed,
        "limit": a.limit,
        "hits": a.hits,
    })
}
