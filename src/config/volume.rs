//! What a rule of `kind = "volume"` says: what is counted, for whom, over what span, up to what limit.

use std::time::Duration;

use crate::detect::{Count, Limits, Per, Volume, Within};
use crate::register::Tier;

use super::nearest::advice;
use super::problem::{say, shown};
use super::rules::World;
use super::section::{Found, Section};
use super::units;

const WINDOW_MIN: Duration = Duration::from_secs(600);
const WINDOW_MAX: Duration = Duration::from_secs(400 * 86_400);
const COUNTS: [Count; 4] = [Count::Accesses, Count::Records, Count::Bytes, Count::Subjects];
/// What an access without a stated number counts for, where nothing is said: at least itself.
const UNKNOWN: u64 = 1;

/// Reads the keys of a volume rule.
pub(super) fn read(section: &Section<'_>, world: &World<'_>) -> Option<Volume> {
    let count = section
        .required_choice("count", &COUNTS.map(|c| (c.as_str(), c)))
        .map(|f| f.value);
    let per = per(section);
    let within = within(section);
    let limit = limits(section, "limit", per, world);
    let leaving = leaving(section);
    let unknown = match section.value("unknown") {
        Some(found) => {
            if matches!(count, Some(Count::Accesses | Count::Subjects)) {
                let message = say!(
                    "count = \"records\" か \"bytes\" のときだけ使えます。",
                    "only for count = \"records\" or \"bytes\""
                );
                section.problem(&found.place, message, None);
            }
            section.integer("unknown").map(|f| f.value)
        }
        None => Some(UNKNOWN),
    };
    Some(Volume {
        count: count?,
        per: per?,
        within: within?,
        limit: limit?,
        unknown: unknown?,
        leaving: leaving?,
    })
}

/// `per`: each person and dataset, where nothing is said.
pub(super) fn per(section: &Section<'_>) -> Option<Per> {
    if section.value("per").is_none() {
        return Some(Per::PersonDataset);
    }
    let list = section.required_strings("per")?;
    let words = [("person", Per::Person), ("dataset", Per::Dataset)];
    let read: Vec<Option<Found<Per>>> = list.iter().map(|text| section.word(text, &words)).collect();
    let read = read.into_iter().collect::<Option<Vec<_>>>()?;
    let has = |per: Per| read.iter().any(|f| f.value == per);
    match (has(Per::Person), has(Per::Dataset)) {
        (true, true) => Some(Per::PersonDataset),
        (true, false) => Some(Per::Person),
        _ => Some(Per::Dataset),
    }
}

fn within(section: &Section<'_>) -> Option<Within> {
    let text = section.required_string("within")?;
    match text.value.as_str() {
        "one access" => return Some(Within::OneAccess),
        "day" => return Some(Within::Day),
        _ => {}
    }
    match units::duration(&text.value) {
        Some(window) => section
            .within(&text.with(window), &(WINDOW_MIN..=WINDOW_MAX))
            .map(Within::Rolling),
        None => {
            let word = shown(&text.value);
            let message = say!("「{word}」は期間として読めません。", "\"{word}\" is not a span");
            let hint = say!(
                "\"one access\"（一回の操作）、\"day\"（暦日）、または \"60m\"、\"24h\"、\"30d\" のような期間を書いてください。",
                "write \"one access\", \"day\" (the calendar day), or a window such as \"60m\", \"24h\" or \"30d\""
            );
            section.problem(&text.place, message, Some(hint));
            None
        }
    }
}

/// `leaving`: how much of the limit holds for somebody about to leave, in percent; all of it where nothing is said.
fn leaving(section: &Section<'_>) -> Option<u64> {
    if section.value("leaving").is_none() {
        return Some(100);
    }
    let found = section.integer("leaving")?;
    if !(1..=100).contains(&found.value) {
        let message = say!(
            "1 から 100 までの数（百分率）を書いてください。",
            "write a number from 1 to 100 (percent)"
        );
        section.problem(&found.place, message, None);
        return None;
    }
    Some(found.value)
}

/// `key` (`limit`, `floor`): one number, or numbers by tier and by dataset where the rule adds up for each dataset, or a
/// share of the registered persons.
pub(super) fn limits(section: &Section<'_>, key: &str, per: Option<Per>, world: &World<'_>) -> Option<Limits> {
    let Some(found) = section.value(key) else {
        section.missing(key, None);
        return None;
    };
    if !found.value.is_table() {
        return section.integer(key).map(|n| Limits {
            all: Some(n.value),
            ..Limits::default()
        });
    }
    let table = section.table(key)?;
    if per == Some(Per::Person) {
        let message = say!(
            "per = [\"person\"] は情報資産をまたいで合計するので、情報資産や重要度ごとの基準値は使えません。",
            "per = [\"person\"] adds up over datasets, so it has no limits by tier or dataset"
        );
        section.problem(
            &found.place,
            message,
            Some(say!("数を一つ書いてください。", "give one number")),
        );
        table.keys();
        return None;
    }
    let mut limits = Some(Limits::default());
    for key in table.keys() {
        let number = table.integer(&key.value);
        if let ("share" | "least", Some(n), Some(limits)) = (key.value.as_str(), &number, &mut limits) {
            match key.value.as_str() {
                "share" => limits.share = Some(n.value),
                _ => limits.least = n.value,
            }
            continue;
        }
        let tier = Tier::ALL.into_iter().find(|tier| tier.as_str() == key.value);
        match (number, tier, &mut limits) {
            (Some(n), Some(tier), Some(limits)) => limits.tiers.push((tier, n.value)),
            (Some(n), None, Some(limits)) => limits.datasets.push((key.value.clone(), n.value)),
            _ => limits = None,
        }
        if tier.is_none() && !world.has(&key.value) {
            let word = shown(&key.value);
            let message = say!(
                "「{word}」は重要度でも情報資産の id でもありません。",
                "\"{word}\" is neither a tier nor a dataset"
            );
            let valid: Vec<&str> = Tier::ALL
                .iter()
                .map(|t| t.as_str())
                .chain(world.ids.iter().copied())
                .collect();
            section.problem(&key.place, message, advice(&key.value, &valid));
            limits = None;
        }
    }
    let mut limits = limits?;
    limits.tiers.sort();
    limits.datasets.sort();
    Some(limits)
}
