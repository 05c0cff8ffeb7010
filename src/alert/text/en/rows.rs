//! The facts and what they rest on, a label and a value each (English).

use super::judged::measured;
use super::{amount, dataset, severity, who};
use crate::access::{Mark, Standing};
use crate::alert::AlertFacts;
use crate::alert::text::Row;
use crate::alert::text::view::{self, Off, View};
use crate::calendar::{Day, Jst};
use crate::detect::Within;
use crate::text::{Lang, duration_text, number};

/// The facts, in the order people ask for them.
pub(in crate::alert::text) fn rows(view: &View) -> Vec<Row> {
    let alert = view.alert;
    let mut rows = vec![
        Row::new("Alert", view.number.as_str()),
        Row::new("Severity", severity(alert.severity)),
        Row::new("Rule", format!("{}  {}", view.rule, view.rule_title)),
        Row::new("Limit", limit(view)),
        Row::new("Observed", observed(view)),
    ];
    if let Some(within) = view.facts.within {
        rows.push(Row::new("Window", window(view, within)));
    }
    rows.push(Row::new("Detected", Jst::from(alert.detected_at).iso()));
    if alert.retro {
        rows.push(Row::new(
            "Found",
            "in hindsight: past use was judged again by a corrected register",
        ));
    }
    if let Some(late) = view.late() {
        rows.push(Row::new(
            "Found",
            format!(
                "late: by records that came about {} after it happened",
                duration_text(late, Lang::En)
            ),
        ));
    }
    rows.push(happened(view));
    rows.push(Row::new("Dataset", asset(view)));
    if let Some(job) = &view.facts.job {
        rows.push(Row::new("Approved job", format!("{job}: its limit was passed")));
    }
    let last = if view.one_access() { "" } else { " (last access)" };
    rows.push(Row::new("Operation", format!("{}{last}", alert.operation.as_str())));
    rows.extend(people(view));
    rows.extend(amounts(view));
    rows.extend(reasons(view));
    rows
}

/// What other rules found in the same situation, a line each.
fn reasons(view: &View) -> Option<Row> {
    let line = |facts: &AlertFacts| {
        let view = View::new(facts);
        let limit = match view.alert.limit {
            0 => String::new(),
            limit => format!(" (limit {})", measured(limit, &view)),
        };
        let observed = measured(view.alert.observed, &view);
        format!(
            "{}  {}: {}, {observed}{limit}",
            view.rule,
            view.rule_title,
            severity(view.alert.severity)
        )
    };
    let lines: Vec<String> = view.facts.reasons.iter().map(line).collect();
    (!lines.is_empty()).then_some(Row {
        label: "Other reasons",
        lines,
    })
}

fn limit(view: &View) -> String {
    match view.alert.limit {
        0 => "0 (a single access is an alert)".to_string(),
        limit => measured(limit, view),
    }
}

fn observed(view: &View) -> String {
    let observed = measured(view.alert.observed, view);
    match view.ratio() {
        Some(ratio) => format!("{observed} (about {ratio} times the limit)"),
        None => observed,
    }
}

fn window(view: &View, within: Within) -> String {
    let from = Jst::from(view.alert.window_from);
    match within {
        Within::OneAccess => "each single access".to_string(),
        Within::Rolling(span) => format!("{} (since {})", duration_text(span, Lang::En), from.iso()),
        Within::Day => format!("one day ({}, {})", from.day.iso(), from.day.weekday().en()),
    }
}

fn happened(view: &View) -> Row {
    let (first, last) = (Jst::from(view.alert.first_seen), Jst::from(view.alert.last_seen));
    let span = match (first == last, first.day == last.day) {
        (true, _) => first.iso(),
        (false, true) => format!("{} {} to {} JST", first.day.iso(), first.clock(), last.clock()),
        (false, false) => format!("{} to {}", first.iso(), last.iso()),
    };
    let mut row = Row::new("Happened", span);
    row.lines.extend(view.off().map(|off| match off {
        Off::Day(why) => format!("on a closed day ({})", why.en()),
        Off::Hours => "outside office hours (8:30 to 17:15)".to_string(),
    }));
    row
}

fn asset(view: &View) -> String {
    if view.over_datasets() {
        return match view.crowd() {
            true => dataset(view),
            false => "all datasets of the rule together".to_string(),
        };
    }
    match (view.tier.is_empty(), view.owner.is_empty()) {
        (true, _) => dataset(view),
        (false, true) => format!("{} (tier {})", dataset(view), view.tier),
        (false, false) => format!("{} (tier {}, owned by {})", dataset(view), view.tier, view.owner),
    }
}

/// Who, with which right, from where.
fn people(view: &View) -> Vec<Row> {
    if view.over_persons() {
        return vec![Row::new(
            "Person",
            "all persons together (no single person stands behind this alert)",
        )];
    }
    let mut rows = Vec::new();
    if view.person.is_some() {
        rows.push(Row::new("Person", who(view)));
    }
    // On a line of its own, so that a name made up to look like our words stands alone.
    if !view.account.is_empty() && view.person.as_ref() != Some(&view.account) {
        let label = if view.crowd() { "Accounts such as" } else { "Account" };
        rows.push(Row::new(label, format!("\"{}\"", view.account)));
    }
    rows.push(Row::new("Right", standing_text(view, view.alert.standing)));
    if !view.alert.marks.is_empty() {
        let marks: Vec<&str> = view.alert.marks.iter().map(Mark::en).collect();
        rows.push(Row::new("Note", marks.join(", ")));
    }
    if !view.address.is_empty() {
        rows.push(Row::new("From", view.address.as_str()));
    }
    rows
}

pub(super) fn standing_text(view: &View, standing: Standing) -> String {
    let to = view.facts.valid_to.map(|day| Day(day).iso());
    match (standing, to, view.facts.valid_from) {
        (Standing::Valid, Some(to), _) => format!("valid (until {to})"),
        (Standing::Valid, None, _) => "valid".to_string(),
        (Standing::Revoked, Some(to), _) => format!("revoked (ran until {to})"),
        (Standing::Revoked, None, _) => "revoked".to_string(),
        (Standing::NotYetValid, _, Some(from)) => format!("not yet valid (from {})", Day(from).iso()),
        (Standing::NotYetValid, _, None) => "not yet valid".to_string(),
        (Standing::OnLeave, ..) => "on leave, suspended or lent out".to_string(),
        (Standing::Unknown, ..) => "not in the account register".to_string(),
        (Standing::Anonymous, ..) => "no name in the log".to_string(),
    }
}

/// How many accesses, with how many records.
fn amounts(view: &View) -> Vec<Row> {
    let alert = view.alert;
    // Of a volume rule only the accesses behind the limit are the alert's own.
    let behind = view.facts.count.is_some() && !view.one_access();
    let since = if behind { " past the limit" } else { "" };
    let hits = format!(
        "{}{since} ({} succeeded, {} failed)",
        number(alert.hits),
        number(alert.successes),
        number(view.failures())
    );
    let without = || format!("{} without a count", amount(alert.records_unknown, None));
    let records = match (view.all_failed(), alert.records, alert.records_unknown) {
        (true, ..) => "none (no access succeeded)".to_string(),
        (false, records, 0) => format!("{}{since}", number(records)),
        (false, 0, _) => format!("unknown ({})", without()),
        (false, records, _) => format!("{}{since} (and {})", number(records), without()),
    };
    vec![Row::new("Accesses", hits), Row::new("Records", records)]
}

/// What the alert rests on: articles, and where the records stand.
pub(in crate::alert::text) fn proof(view: &View) -> Vec<Row> {
    let mut rows = Vec::new();
    if !view.basis.is_empty() {
        rows.push(Row {
            label: "Articles",
            lines: view.basis.iter().map(|basis| article(basis)).collect(),
        });
    }
    let source = if view.alert.retro {
        "counters"
    } else {
        view.source.as_str()
    };
    rows.push(Row::new("Log", source));
    let evidence = view
        .evidence()
        .into_iter()
        .map(|at| at.unwrap_or_else(|| "...".to_string()))
        .collect::<Vec<_>>();
    if !evidence.is_empty() {
        let mut row = Row::new("Records at", evidence.join("  "));
        row.lines
            .push("(file number:start-end; contents are not mailed)".to_string());
        rows.push(row);
    }
    rows
}

fn article(basis: &str) -> String {
    let Some(article) = view::article(basis) else {
        return basis.to_string();
    };
    let paragraph = article
        .paragraph
        .map_or(String::new(), |paragraph| format!("({paragraph})"));
    let heading = article.heading.map_or(String::new(), |(_, en)| format!(", {en}"));
    format!("Directive (訓令), Article {}{paragraph}{heading}", article.number)
}
