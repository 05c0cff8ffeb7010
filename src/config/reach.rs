//! Whether a rule can ever hold, given the datasets and sources there are.
//!
//! A rule that never holds looks like a quiet office. Only what is certain is refused: where a source may or
//! may not yield a field, it is taken to yield it.

use crate::access::Operation;
use crate::detect::coverage::looks_at;
use crate::detect::window::SUBJECTS_MAX;
use crate::detect::{Count, Pattern, Per, RuleKind, RuleSettings, Volume, When, Within};
use crate::parse::{FormatSettings, WebFormat};
use crate::register::{DatasetSettings, MatchSettings, Tier};

use super::SourceConfig;
use super::problem::{Say, say};
use super::rules::World;
use super::section::Section;

/// Most datasets that a message names.
const NAMED_MAX: usize = 3;

/// A use of a dataset that a rule looks at.
type Use<'a> = (&'a DatasetSettings, &'a MatchSettings);

/// Reports where `rule`, which `section` holds, can never hold.
pub(super) fn check(section: &Section<'_>, rule: &RuleSettings, world: &World<'_>) {
    let datasets = world.datasets.iter().filter(|dataset| looks_at(&rule.when, dataset));
    let uses: Vec<Use<'_>> = datasets
        .flat_map(|dataset| dataset.matches.iter().map(move |m| (dataset, m)))
        .filter(|(_, m)| {
            rule.when.operations.is_empty() || m.class.is_none_or(|class| rule.when.operations.contains(&class))
        })
        .collect();
    if uses.is_empty() {
        nothing_to_see(section, &rule.when, world);
        return;
    }
    if let RuleKind::Volume(volume) = &rule.kind {
        uncovered_limits(section, volume, &uses);
        unlooked_limits(section, volume, &uses);
        uncountable(section, volume, &uses, world);
        too_small_a_span(section, volume);
    }
    let key = match &rule.kind {
        RuleKind::Relation(_) => Some("relation"),
        RuleKind::Sequence(s) if matches!(s.pattern, Pattern::Scan { .. }) => Some("pattern"),
        _ => None,
    };
    if let Some(key) = key.filter(|_| !tells_persons_apart(&uses, world)) {
        let place = section.value(key).map_or_else(|| section.place(), |found| found.place);
        let message = say!("この規則は成り立つことがありません。", "this rule can never hold");
        section.problem(&place, message, Some(no_subject()));
    }
}

/// Whether any of the uses names a citizen.
fn tells_persons_apart(uses: &[Use<'_>], world: &World<'_>) -> bool {
    let in_match = |m: &MatchSettings| m.resource.contains("{subject}") || m.subject_query.is_some();
    uses.iter()
        .any(|(_, m)| in_match(m) || sources_of(m, world).any(states_subject))
}

fn no_subject() -> Say {
    say!(
        "対象の情報資産のどれにも {{subject}} や subject_query がなく、本人を区別できません。",
        "none of its datasets has {{subject}} or subject_query, so persons cannot be told apart"
    )
}

fn nothing_to_see(section: &Section<'_>, when: &When, world: &World<'_>) {
    let place = section
        .value("when")
        .map_or_else(|| section.place(), |found| found.place);
    let message = say!("この規則は成り立つことがありません。", "this rule can never hold");
    let hint = if world.datasets.iter().any(|dataset| looks_at(when, dataset)) {
        let classes = when
            .operations
            .iter()
            .map(|o: &Operation| o.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        say!(
            "対象の情報資産には、class が {classes} の [[dataset.match]] がありません。",
            "no [[dataset.match]] of its datasets has the class {classes}"
        )
    } else {
        say!(
            "dataset と tier の両方に当てはまる情報資産がありません。",
            "no dataset answers to both dataset and tier"
        )
    };
    section.problem(&place, message, Some(hint));
}

/// Each dataset the rule looks at needs a limit: its own, its tier's, or the common one.
fn uncovered_limits(section: &Section<'_>, volume: &Volume, uses: &[Use<'_>]) {
    if volume.limit.all.is_some() || volume.per == Per::Person {
        return;
    }
    let own = |dataset: &DatasetSettings| {
        let shared = volume.limit.share.is_some() && dataset.registered.is_some();
        shared || volume.limit.datasets.iter().any(|(id, _)| *id == dataset.id)
    };
    for tier in Tier::ALL
        .into_iter()
        .filter(|tier| !volume.limit.tiers.iter().any(|(t, _)| t == tier))
    {
        let mut ids: Vec<&str> = uses
            .iter()
            .filter(|(d, _)| d.tier == tier && !own(d))
            .map(|(d, _)| d.id.as_str())
            .collect();
        ids.dedup();
        if ids.is_empty() {
            continue;
        }
        let more = ids.len().saturating_sub(NAMED_MAX);
        let named = ids.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
        let (ja_more, en_more) = match more {
            0 => (String::new(), String::new()),
            _ => (format!(" ほか {more} 件"), format!(" and {more} more")),
        };
        let tier = tier.as_str();
        let message = say!(
            "重要度 {tier} の基準値がありません（{named}{ja_more}）。",
            "no limit for tier {tier} ({named}{en_more})"
        );
        let hint = say!("{tier} = 数 を加えてください。", "add {tier} = number");
        limit_problem(section, message, Some(hint));
    }
}

/// A limit for a dataset that the rule does not look at is a mistake in one of the two.
fn unlooked_limits(section: &Section<'_>, volume: &Volume, uses: &[Use<'_>]) {
    for (id, _) in volume
        .limit
        .datasets
        .iter()
        .filter(|(id, _)| !uses.iter().any(|(d, _)| d.id == *id))
    {
        let message = say!(
            "{id} の基準値がありますが、この規則は {id} を見ません。",
            "there is a limit for {id}, but the rule does not look at {id}"
        );
        limit_problem(section, message, Some(say!("when を確かめてください。", "see when")));
    }
}

fn limit_problem(section: &Section<'_>, message: Say, hint: Option<Say>) {
    let place = section
        .value("limit")
        .map_or_else(|| section.place(), |found| found.place);
    section.problem(&place, message, hint);
}

/// What is counted must be stated somewhere.
fn uncountable(section: &Section<'_>, volume: &Volume, uses: &[Use<'_>], world: &World<'_>) {
    let stated = |states: fn(&SourceConfig) -> bool| uses.iter().any(|(_, m)| sources_of(m, world).any(states));
    let place = section
        .value("count")
        .map_or_else(|| section.place(), |found| found.place);
    let message = say!("基準値に達することがありません。", "the limit can never be reached");
    match volume.count {
        Count::Subjects => {
            let most = u64::try_from(SUBJECTS_MAX).unwrap_or(u64::MAX);
            if limits(volume).any(|limit| most <= limit) {
                let hint = say!(
                    "本人の数は {most} まで数えます。",
                    "persons are told apart up to {most}"
                );
                section.problem(&place, message, Some(hint));
                return;
            }
            if !tells_persons_apart(uses, world) {
                section.problem(&place, message, Some(no_subject()));
            }
        }
        Count::Records => {
            let in_match = uses.iter().any(|(_, m)| m.records.is_some());
            if volume.unknown == 0 && !in_match && !stated(states_rows) {
                let hint = say!(
                    "件数を記録する情報源も records を書いた [[dataset.match]] もないのに、unknown が 0 です。",
                    "no source states a number of records, no [[dataset.match]] has records, and unknown is 0"
                );
                section.problem(&place, message, Some(hint));
            }
        }
        Count::Bytes => {
            if volume.unknown == 0 && !stated(states_bytes) {
                let hint = say!(
                    "バイト数を記録する情報源がないのに、unknown が 0 です。",
                    "no source states a number of bytes, and unknown is 0"
                );
                section.problem(&place, message, Some(hint));
            }
        }
        Count::Accesses => {}
    }
}

/// Every limit of the rule.
fn limits(volume: &Volume) -> impl Iterator<Item = u64> {
    let limit = &volume.limit;
    let tiers = limit.tiers.iter().map(|(_, n)| *n);
    let datasets = limit.datasets.iter().map(|(_, n)| *n);
    limit.all.into_iter().chain(tiers).chain(datasets)
}

fn sources_of<'a>(m: &'a MatchSettings, world: &'a World<'_>) -> impl Iterator<Item = &'a SourceConfig> {
    world
        .sources
        .iter()
        .filter(|s| m.sources.is_empty() || m.sources.contains(&s.read.name))
}

/// Whether lines of the source may hold the number of the citizen in a field of its own.
fn states_subject(source: &SourceConfig) -> bool {
    says(&source.format, "subject")
}

/// Whether they may hold a number of records.
fn states_rows(source: &SourceConfig) -> bool {
    match &source.format {
        // A header or variable of the application may hold it.
        FormatSettings::Web(WebFormat::Nginx(_) | WebFormat::Apache(_)) => true,
        format => says(format, "rows"),
    }
}

/// Whether they may hold a number of bytes.
fn states_bytes(source: &SourceConfig) -> bool {
    match &source.format {
        FormatSettings::Web(WebFormat::Nginx(format)) => format.contains("bytes"),
        FormatSettings::Web(WebFormat::Apache(format)) => {
            ["b", "B", "O", "S"].iter().any(|letter| format.contains(letter))
        }
        FormatSettings::Web(_) => true,
        format => says(format, "bytes"),
    }
}

/// Whether records of a format may hold a field.
fn says(format: &FormatSettings, field: &str) -> bool {
    match format {
        FormatSettings::Web(_) => false,
        FormatSettings::Json(_) | FormatSettings::Csv(_) => true,
        FormatSettings::Defined(definition, _) => definition.says(field),
        FormatSettings::Inside(_, inner) => says(inner, field),
    }
}

/// One access is one access, of one citizen at most.
fn too_small_a_span(section: &Section<'_>, volume: &Volume) {
    let smallest = volume.limit.all.into_iter();
    let smallest = smallest.chain(volume.limit.tiers.iter().map(|(_, n)| *n));
    let Some(smallest) = smallest.chain(volume.limit.datasets.iter().map(|(_, n)| *n)).min() else {
        return;
    };
    let single = matches!(volume.count, Count::Accesses | Count::Subjects);
    if single && volume.within == Within::OneAccess && 1 <= smallest {
        let count = volume.count.as_str();
        let message = say!("基準値に達することがありません。", "the limit can never be reached");
        let hint = say!(
            "一回の操作の {count} は多くても 1 です。within に期間を書いてください。",
            "one access has at most 1 of {count}; give within a window"
        );
        limit_problem(section, message, Some(hint));
    }
}
