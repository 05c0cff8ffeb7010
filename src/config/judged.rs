//! What rules of the kinds with a memory say: `hours`, `first-seen`, `sequence`, `relation`, `baseline`.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::access::Operation;
use crate::detect::draw::EACH_MAX;
use crate::detect::{
    BaselineRule, Count, DrawRule, FirstSeenRule, HoursRule, OffHours, Pattern, Per, Relation, RelationRule, RuleKind,
    SequenceRule, Thing,
};

use super::problem::{say, shown};
use super::rules::World;
use super::section::{Found, Section};
use super::units::{DAY, MINUTE};
use super::volume;

const YEAR: Duration = Duration::from_secs(400 * 86_400);
/// Longest span of a sequence: what is further apart is no sequence.
const SEQUENCE_MAX: Duration = Duration::from_secs(86_400);
/// Longest memory of looks at one citizen.
const LOOKS_MAX: Duration = Duration::from_secs(120 * 86_400);
/// Most accesses a sequence may ask for.
const LIMIT_MAX: u64 = 150;
/// Largest step of rising numbers: after a restart each is tried.
const STEP_MAX: u64 = 1_000;

/// Reads the keys of an hours rule.
pub(super) fn hours(section: &Section<'_>) -> Option<RuleKind> {
    let outside = section.value("outside").is_some();
    let between = section.value("between").is_some();
    let closed = section.value("closed").is_some();
    let off = match (outside, between, closed) {
        (true, false, false) => span(section, "outside").map(|(a, b)| OffHours::Outside(a, b)),
        (false, true, false) => span(section, "between").map(|(a, b)| OffHours::Between(a, b)),
        (false, false, true) => match section.boolean("closed")? {
            on if on.value => Some(OffHours::ClosedDays),
            off => {
                let message = say!("false とは書けません。", "cannot be false");
                section.problem(
                    &off.place,
                    message,
                    Some(say!("この行を消してください。", "remove the line")),
                );
                None
            }
        },
        _ => {
            let message = say!(
                "outside、between、closed のどれか一つだけを書いてください。",
                "write exactly one of outside, between and closed"
            );
            section.problem(&section.place(), message, None);
            None
        }
    };
    let accustomed = accustomed(section);
    let more_than = match section.value("more-than") {
        None => Some(None),
        Some(_) => section.integer("more-than").map(|n| Some(n.value)),
    };
    Some(RuleKind::Hours(HoursRule {
        off: off?,
        accustomed: accustomed?,
        more_than: more_than?,
    }))
}

/// `"07:30-20:00"` in minutes of the day.
fn span(section: &Section<'_>, key: &str) -> Option<(u32, u32)> {
    let text = section.string(key)?;
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
        (hour * 60 + minute <= 24 * 60 && minute < 60).then_some(hour * 60 + minute)
    };
    let read = text
        .value
        .split_once('-')
        .and_then(|(a, b)| Some((minute(a)?, minute(b)?)));
    match read {
        Some((a, b)) if a != b && (key == "between" || a < b) => Some((a, b)),
        _ => {
            let word = shown(&text.value);
            let message = say!("「{word}」は時間帯として読めません。", "\"{word}\" is no span of hours");
            section.problem(
                &text.place,
                message,
                Some(say!("例: {key} = \"07:30-20:00\"", "such as {key} = \"07:30-20:00\"")),
            );
            None
        }
    }
}

/// Days on which somebody becomes accustomed; never where nothing is said.
fn accustomed(section: &Section<'_>) -> Option<Option<u32>> {
    match section.value("accustomed") {
        None => Some(None),
        Some(_) => number(section, "accustomed", 0, &(1..=60)).map(|n| u32::try_from(n).ok()),
    }
}

/// A whole number within `range`, or `default` where the key is absent.
fn number(section: &Section<'_>, key: &str, default: u64, range: &RangeInclusive<u64>) -> Option<u64> {
    if section.value(key).is_none() {
        return Some(default);
    }
    let found = section.integer(key)?;
    if range.contains(&found.value) {
        return Some(found.value);
    }
    let (from, to) = (range.start(), range.end());
    let message = say!(
        "{from} から {to} までの数を書いてください。",
        "write a number from {from} to {to}"
    );
    section.problem(&found.place, message, None);
    None
}

fn required_number(section: &Section<'_>, key: &str, range: &RangeInclusive<u64>) -> Option<u64> {
    if section.value(key).is_none() {
        section.missing(key, None);
        return None;
    }
    number(section, key, 0, range)
}

fn days(section: &Section<'_>, key: &str, default: u64, range: RangeInclusive<Duration>) -> Option<i32> {
    let length = section.duration(key, DAY * u32::try_from(default).unwrap_or(1), range)?;
    i32::try_from(length.as_secs() / DAY.as_secs()).ok()
}

/// Reads the keys of a first-seen rule.
pub(super) fn first_seen(section: &Section<'_>) -> Option<RuleKind> {
    let first = section.required_choice("of", &Thing::ALL.map(|t| (t.as_str(), t)));
    let within = days(section, "within", 365, DAY..=YEAR);
    let after = days(section, "after", 20, DAY..=DAY * 120);
    Some(RuleKind::FirstSeen(FirstSeenRule {
        first: first?.value,
        within_days: within?,
        after_days: u32::try_from(after?).unwrap_or(0),
    }))
}

/// Reads the keys of a sequence rule.
pub(super) fn sequence(section: &Section<'_>) -> Option<RuleKind> {
    const WORDS: [(&str, Pattern); 5] = [
        ("scan", Pattern::Scan { step: 0 }),
        ("terminals", Pattern::Terminals),
        ("people", Pattern::People),
        ("failures", Pattern::Failures),
        ("failures-at-terminal", Pattern::FailuresAtTerminal),
    ];
    let pattern = section.required_choice("pattern", &WORDS);
    let limit = required_number(section, "limit", &(1..=LIMIT_MAX));
    let within = section.duration("within", MINUTE * 60, MINUTE..=SEQUENCE_MAX);
    let step = number(section, "step", 100, &(1..=STEP_MAX));
    let accustomed = accustomed(section);
    let pattern = pattern?;
    let only = |key: &str, when: bool, ja: &str, en: &str| {
        if !when {
            section.refuse(
                key,
                &say!(
                    "pattern = {ja} の規則だけの項目です。",
                    "only for rules of pattern = {en}"
                ),
            );
        }
    };
    let (scan, usual) = match pattern.value {
        Pattern::Scan { .. } => (true, false),
        Pattern::Terminals | Pattern::People => (false, true),
        Pattern::Failures | Pattern::FailuresAtTerminal => (false, false),
    };
    only("step", scan, "\"scan\"", "\"scan\"");
    only(
        "accustomed",
        usual,
        "\"terminals\"、\"people\"",
        "\"terminals\", \"people\"",
    );
    let pattern = match pattern.value {
        Pattern::Scan { .. } => Pattern::Scan { step: step? },
        other => other,
    };
    Some(RuleKind::Sequence(SequenceRule {
        pattern,
        limit: limit?,
        within_secs: i64::try_from(within?.as_secs()).ok()?,
        accustomed: accustomed?,
    }))
}

/// Reads the keys of a relation rule.
pub(super) fn relation(section: &Section<'_>) -> Option<RuleKind> {
    const WORDS: [(&str, Relation); 5] = [
        ("converge", Relation::Converge { sections: 0 }),
        ("repeat", Relation::Repeat),
        ("watched", Relation::Watched),
        ("own", Relation::Own),
        ("colleague", Relation::Colleague),
    ];
    let relation = section.required_choice("relation", &WORDS);
    let settled = match section.value("settled-by") {
        None => Some(vec![Operation::Update, Operation::Print, Operation::Delete]),
        Some(_) => section.choices("settled-by", &Operation::ALL.map(|o| (o.as_str(), o))),
    };
    let relation = relation?;
    let counts = matches!(relation.value, Relation::Converge { .. } | Relation::Repeat);
    let limit = if counts {
        required_number(section, "limit", &(1..=20))
    } else {
        let message = say!(
            "relation = \"converge\"、\"repeat\" の規則だけの項目です。",
            "only for rules of relation = \"converge\", \"repeat\""
        );
        section.refuse("limit", &message);
        section.refuse("within", &message);
        Some(0)
    };
    let within = if counts {
        days(section, "within", 7, DAY..=LOOKS_MAX)
    } else {
        Some(1)
    };
    let value = match relation.value {
        Relation::Converge { .. } => Relation::Converge {
            sections: u32::try_from(number(section, "sections", 2, &(1..=10))?).ok()?,
        },
        other => {
            section.refuse(
                "sections",
                &say!(
                    "relation = \"converge\" の規則だけの項目です。",
                    "only for rules of relation = \"converge\""
                ),
            );
            other
        }
    };
    Some(RuleKind::Relation(RelationRule {
        relation: value,
        limit: limit?,
        within_days: within?,
        settled_by: settled?,
    }))
}

/// Reads the keys of a rule that draws lots.
pub(super) fn draw(section: &Section<'_>) -> Option<RuleKind> {
    let each = number(section, "each", 10, &(1..=u64::from(EACH_MAX)))?;
    Some(RuleKind::Draw(DrawRule {
        each: u32::try_from(each).ok()?,
    }))
}

/// Reads the keys of a baseline rule.
pub(super) fn baseline(section: &Section<'_>, world: &World<'_>) -> Option<RuleKind> {
    const COUNTS: [Count; 3] = [Count::Accesses, Count::Records, Count::Bytes];
    let count = section.required_choice("count", &COUNTS.map(|c| (c.as_str(), c)));
    let per = volume::per(section);
    let floor = volume::limits(section, "floor", per, world);
    let ratio = number(section, "ratio", 3, &(1..=1_000));
    let mad = number(section, "mad", 6, &(0..=1_000));
    let looked_back = days(section, "days", 40, DAY * 5..=DAY * 80);
    let enough = days(section, "enough", 20, DAY * 3..=DAY * 80);
    let unknown = number(section, "unknown", 1, &(0..=1_000_000));
    let peers = match section.value("peers") {
        None => Some(false),
        Some(_) => section.boolean("peers").map(|b: Found<bool>| b.value),
    };
    let (days, enough) = (looked_back?, enough?);
    if days < enough {
        let place = section.value("enough").map_or_else(|| section.place(), |f| f.place);
        let message = say!(
            "enough が days より長いので、この規則は成り立つことがありません。",
            "enough is longer than days: this rule can never hold"
        );
        section.problem(&place, message, None);
        return None;
    }
    let peers = peers?;
    if peers && per == Some(Per::Dataset) {
        let place = section.value("peers").map_or_else(|| section.place(), |f| f.place);
        let message = say!(
            "per = [\"dataset\"] の規則に同僚はありません。",
            "a rule of per = [\"dataset\"] has no peers"
        );
        section.problem(&place, message, None);
    }
    Some(RuleKind::Baseline(BaselineRule {
        count: count?.value,
        per: per?,
        ratio: ratio?,
        mad: mad?,
        floor: floor?,
        days: u32::try_from(days).unwrap_or(0),
        enough: u32::try_from(enough).unwrap_or(0),
        peers,
        unknown: unknown?,
    }))
}
