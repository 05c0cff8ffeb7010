//! What a `[[dataset]]` says beyond its patterns: who may use it, from where, how much, where it is expected.

use crate::register::{Hosts, MatchSettings, Terms};

use super::nearest::advice;
use super::problem::{Place, say, shown};
use super::section::{Found, Section};

/// A 異動 is handed over within two weeks at most.
const HANDOVER_DAYS_MAX: u64 = 14;
const RETENTION_YEARS_MAX: u64 = 100;

/// A dataset's own limit of a rule.
#[derive(Debug, Clone)]
pub(super) struct OwnLimit {
    /// The dataset.
    pub dataset: String,
    /// The rule, and where that is written.
    pub rule: Found<String>,
    /// The limit.
    pub limit: u64,
}

/// Reads the keys; `known` are the names of the sources.
pub(super) fn read(section: &Section<'_>, known: &[&str]) -> Option<Terms> {
    let my_number = match section.value("my_number") {
        Some(_) => section.boolean("my_number").map(|f| f.value),
        None => Some(false),
    };
    let designated = list(section, "designated");
    let designated_sections = list(section, "designated_sections");
    if my_number == Some(false) {
        for key in ["designated", "designated_sections"] {
            section.refuse(
                key,
                &say!(
                    "事務取扱担当者は my_number = true の情報資産（特定個人情報ファイル）だけに指定できます。",
                    "only for datasets of my_number = true (特定個人情報ファイル)"
                ),
            );
        }
    }
    let terminals = terminals(section);
    let handover_days = up_to(section, "handover_days", HANDOVER_DAYS_MAX);
    let retention_years = up_to(section, "retention_years", RETENTION_YEARS_MAX);
    let sources = sources(section, known);
    Some(Terms {
        my_number: my_number?,
        designated: values(designated?),
        designated_sections: values(designated_sections?),
        terminals: terminals?,
        handover_days: handover_days?,
        retention_years: retention_years?,
        sources: sources?,
    })
}

fn values(list: Vec<Found<String>>) -> Vec<String> {
    list.into_iter().map(|f| f.value.trim().to_owned()).collect()
}

/// A list that may be absent, but not empty: an empty one would say something else than it seems to.
fn list(section: &Section<'_>, key: &str) -> Option<Vec<Found<String>>> {
    match section.value(key) {
        Some(_) => section.required_strings(key),
        None => Some(Vec::new()),
    }
}

fn up_to(section: &Section<'_>, key: &str, most: u64) -> Option<Option<u16>> {
    if section.value(key).is_none() {
        return Some(None);
    }
    let found = section.integer(key)?;
    if most < found.value {
        let message = say!("{most} までの数を書いてください。", "write a number up to {most}");
        section.problem(&found.place, message, None);
        return None;
    }
    Some(u16::try_from(found.value).ok())
}

fn terminals(section: &Section<'_>) -> Option<Vec<String>> {
    let list = list(section, "terminals")?;
    let mut right = true;
    for entry in list.iter().filter(|entry| !Hosts::is_entry(&entry.value)) {
        let word = shown(&entry.value);
        let message = say!(
            "「{word}」は端末名でもネットワークでもありません。",
            "\"{word}\" is neither a terminal nor a network"
        );
        let hint = say!(
            "例: \"10.1.2.0/24\"、\"10.1.2.3\"、\"ZEI-PC-*\"",
            "such as \"10.1.2.0/24\", \"10.1.2.3\" or \"ZEI-PC-*\""
        );
        section.problem(&entry.place, message, Some(hint));
        right = false;
    }
    right.then(|| values(list))
}

fn sources(section: &Section<'_>, known: &[&str]) -> Option<Vec<String>> {
    let list = list(section, "expected_in")?;
    // Without any source that is what is wrong, not the name.
    for name in list
        .iter()
        .filter(|n| !known.is_empty() && !known.contains(&n.value.as_str()))
    {
        let word = shown(&name.value);
        let message = say!("「{word}」という情報源はありません。", "there is no source \"{word}\"");
        section.problem(&name.place, message, advice(&name.value, known));
    }
    Some(values(list))
}

/// Reports a source the dataset is expected in though none of its patterns applies to it.
pub(super) fn unreachable(section: &Section<'_>, terms: &Terms, matches: &[MatchSettings]) {
    let reached = |source: &String| {
        matches
            .iter()
            .any(|m| m.sources.is_empty() || m.sources.contains(source))
    };
    for source in terms.sources.iter().filter(|source| !reached(source)) {
        let word = shown(source);
        let place = section
            .value("expected_in")
            .map_or_else(|| section.place(), |f| f.place);
        let message = say!(
            "情報源「{word}」の記録は、どの [[dataset.match]] にも当たりません。",
            "no [[dataset.match]] applies to the source \"{word}\""
        );
        section.problem(&place, message, None);
    }
}

/// `[dataset.limits]`: the dataset's own limits, by rule.
pub(super) fn limits(section: &Section<'_>, dataset: &str, out: &mut Vec<OwnLimit>) {
    let Some(table) = section.table("limits") else { return };
    for rule in table.keys() {
        if let Some(limit) = table.integer(&rule.value) {
            out.push(OwnLimit {
                dataset: dataset.to_owned(),
                rule,
                limit: limit.value,
            });
        }
    }
}

/// The place of an own limit whose rule is none that has limits by dataset, with what is wrong.
pub(super) fn without_rule<'l>(
    limits: &'l [OwnLimit],
    rules: &[&str],
) -> impl Iterator<Item = (&'l Place, super::problem::Say, Option<super::problem::Say>)> {
    let rules: Vec<String> = rules.iter().map(|r| (*r).to_owned()).collect();
    limits.iter().filter_map(move |own| {
        if rules.contains(&own.rule.value) {
            return None;
        }
        let word = shown(&own.rule.value);
        let message = say!(
            "「{word}」という、情報資産ごとの基準値を持てる規則はありません。",
            "there is no rule \"{word}\" that can have limits by dataset"
        );
        let valid: Vec<&str> = rules.iter().map(String::as_str).collect();
        Some((&own.rule.place, message, advice(&own.rule.value, &valid)))
    })
}
