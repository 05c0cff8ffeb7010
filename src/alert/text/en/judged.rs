//! What happened, for the kinds of rule that compare accesses with one another (English).

use super::{amount, dataset, who};
use crate::access::Standing;
use crate::alert::text::view::{Off, View, off};
use crate::calendar::Jst;
use crate::detect::{BaselineRule, OffHours, Pattern, Relation, RuleKind, SequenceRule, Thing};
use crate::text::{Lang, duration_text, number};

/// What happened, in plain words; `None` for kinds whose words stand elsewhere.
pub(super) fn judged(view: &View) -> Option<String> {
    let alert = view.alert;
    let (whose, dataset) = (whose(view), dataset(view));
    let [a, b, c, d] = alert.facts.0;
    let accesses = amount(alert.hits, None);
    Some(match view.facts.kind.as_ref()? {
        RuleKind::Hours(hours) => {
            let at = Jst::from(alert.last_seen);
            let when = match (hours.off, off(at, &view.facts.calendar)) {
                (OffHours::ClosedDays, Some(Off::Day(why))) => format!("on a closed day ({})", why.en()),
                _ => format!("outside working hours (at {})", at.clock()),
            };
            let usual = if 0 < a {
                format!(
                    " The same was seen of this account on {} of the last 90 days.",
                    number(a)
                )
            } else {
                String::new()
            };
            format!(
                "{whose} used {dataset} ({}) {when} ({accesses}).{usual}",
                alert.operation.as_str()
            )
        }
        RuleKind::FirstSeen(first) => {
            let what = match first.first {
                Thing::Dataset => format!("{dataset}, which it had not used before"),
                Thing::Terminal => "a terminal or address from which it had not been used before".to_string(),
                Thing::Operation => format!("{dataset} in a way it had not before ({})", alert.operation.as_str()),
            };
            format!("{whose} used {what}.")
        }
        RuleKind::Sequence(sequence) => sequence_text(view, sequence),
        RuleKind::Relation(relation) => {
            let days = relation.within_days;
            let n = number(alert.observed);
            let no_business = "Nothing was updated or issued meanwhile that would show official business.";
            match relation.relation {
                Relation::Converge { .. } => format!(
                    "The record of one and the same citizen in {dataset} was looked at by {n} members of staff of {} \
                     sections within {days} days. {no_business}",
                    number(b.max(2))
                ),
                Relation::Repeat => format!(
                    "{whose} looked at the record of one and the same citizen in {dataset} on {n} days within {days} \
                     days. {no_business}"
                ),
                Relation::Watched => format!(
                    "{whose} used the record of a citizen in {dataset} whom the data protection manager has put on \
                     the watch-list ({accesses})."
                ),
                Relation::Own => format!(
                    "{whose} used a record in {dataset} that is the user's own or of the same household ({accesses})."
                ),
                Relation::Colleague => format!(
                    "{whose} used a record in {dataset} that is of another member of staff or of that household \
                     ({accesses})."
                ),
            }
        }
        RuleKind::Baseline(baseline) => baseline_text(view, baseline, [a, b, c, d]),
        RuleKind::Volume(_) | RuleKind::Account(_) | RuleKind::Grant(_) | RuleKind::Dormant(_) | RuleKind::Draw(_) => {
            return None;
        }
    })
}

fn sequence_text(view: &View, rule: &SequenceRule) -> String {
    let secs = u64::try_from(rule.within_secs).unwrap_or(0);
    let span = duration_text(std::time::Duration::from_secs(secs), Lang::En);
    let (n, whose) = (number(view.alert.observed), whose(view));
    match rule.pattern {
        Pattern::Scan { .. } => format!(
            "{whose} looked at {n} citizens in {} one after another with rising numbers, as when a list is copied.",
            dataset(view)
        ),
        Pattern::Terminals => format!(
            "{whose} was used from {n} terminals or addresses within {span}: it may be shared, or used by somebody \
             else."
        ),
        Pattern::People => format!(
            "{n} accounts were used from one terminal or address within {span}, the last one by {}: somebody may \
             use the accounts of others.",
            who(view)
        ),
        Pattern::Failures | Pattern::FailuresAtTerminal => {
            let [_, then, ..] = view.alert.facts.0;
            let after = if then == 0 { "" } else { " Then one succeeded." };
            match rule.pattern {
                Pattern::Failures => format!("{whose} failed to sign in {n} times within {span}.{after}"),
                _ => format!("Signing in failed {n} times within {span} from one terminal or address.{after}"),
            }
        }
    }
}

fn baseline_text(view: &View, rule: &BaselineRule, [median, _, days, peers]: [u64; 4]) -> String {
    let count = Some(rule.count);
    let (seen, usual) = (amount(view.alert.observed, count), amount(median, count));
    let usual = match (view.over_persons(), peers) {
        (true, _) => format!(
            "Over all users, {} business days show about {usual} a day (median).",
            number(days)
        ),
        (false, 0) => format!(
            "On {} earlier days of use it was about {usual} a day (median).",
            number(days)
        ),
        (false, peers) => format!(
            "There are too few days of this account, so it was compared with {} people of the same section: on {} \
             days of use it was about {usual} a day (median).",
            number(peers),
            number(days)
        ),
    };
    let subject = if view.over_persons() {
        format!("All users together took {seen} of {} in one day", dataset(view))
    } else {
        format!("{} used {seen} of {} in one day", whose(view), dataset(view))
    };
    format!("{subject}, far more than usual. {usual}")
}

/// Whose account, at the head of a sentence.
fn whose(view: &View) -> String {
    match (view.alert.standing, &view.person) {
        (_, Some(_)) => format!("The account of {}", who(view)),
        (Standing::Anonymous, None) => "Someone the log does not name".to_string(),
        (_, None) => "An account that is not in the account register".to_string(),
    }
}

/// A measured number with its unit.
pub(super) fn measured(n: u64, view: &View) -> String {
    let (one, many) = match view.facts.kind.as_ref() {
        Some(RuleKind::Sequence(rule)) => match rule.pattern {
            Pattern::Scan { .. } => ("citizen", "citizens"),
            Pattern::People => ("account", "accounts"),
            Pattern::Terminals => ("terminal", "terminals"),
            Pattern::Failures | Pattern::FailuresAtTerminal => ("failure", "failures"),
        },
        Some(RuleKind::Relation(rule)) => match rule.relation {
            Relation::Converge { .. } => ("person", "people"),
            Relation::Repeat => ("day", "days"),
            _ => ("access", "accesses"),
        },
        Some(RuleKind::Account(_)) if view.crowd() => ("name", "names"),
        _ => return amount(n, view.facts.count),
    };
    format!("{} {}", number(n), if n == 1 { one } else { many })
}
