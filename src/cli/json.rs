//! JSON for machines: stable keys, documented in docs/manual.md.

use serde_json::{Value, json};

use crate::alert::{Alert, AlertFacts};
use crate::calendar::rfc3339;
use crate::clock::WallTime;
use crate::store::{StepRow, StoredAlert, Times};

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

/// Adds the times of an alert's life, who sees to it, and its steps.
pub(super) fn life(value: &mut Value, times: &Times, steps: &[StepRow]) {
    let Some(members) = value.as_object_mut() else { return };
    let by = |step: &Option<(WallTime, String)>| match step {
        Some((at, by)) => json!({"at": rfc3339(at.micros()), "by": by}),
        None => Value::Null,
    };
    members.insert("sent_at".into(), json!(times.sent.map(|at| rfc3339(at.micros()))));
    members.insert("known".into(), by(&times.known));
    members.insert("dealt_with".into(), by(&times.dealt_with));
    members.insert("assignee".into(), json!(times.assignee));
    let step = |s: &StepRow| json!({"at": rfc3339(s.at.micros()), "step": s.step, "by": s.by, "reason": s.reason});
    members.insert("steps".into(), steps.iter().map(step).collect());
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
