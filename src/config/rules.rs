//! `[[rule]]`: sentences of what is not allowed.
//!
//! Not here: whether a rule can ever hold (`reach`).

use std::collections::BTreeMap;

use crate::access::Operation;
use crate::detect::{Per, RuleKind, RuleSettings, Sample, Severity, When, Words};
use crate::register::{DatasetSettings, Tier};

use super::SourceConfig;
use super::account;
use super::judged;
use super::nearest::advice;
use super::problem::{Place, say, shown};
use super::reach;
use super::section::{Found, Section};
use super::terms::OwnLimit;
use super::volume;

const ID_CHARS_MAX: usize = 32;

/// A kind of rule: its word, the keys that belong to it, and how they are read.
#[derive(Clone, Copy)]
struct Kind {
    word: &'static str,
    keys: &'static [&'static str],
    read: fn(&Section<'_>, &World<'_>) -> Option<RuleKind>,
}

/// Every kind. Kinds may share keys; a key that belongs to other kinds only is refused.
const KINDS: [Kind; 9] = [
    Kind {
        word: "volume",
        keys: &["count", "per", "within", "limit", "unknown", "leaving"],
        read: |section, world| volume::read(section, world).map(RuleKind::Volume),
    },
    Kind {
        word: "account",
        keys: &["standing", "after", "failure", "many"],
        read: |section, _| account::account(section),
    },
    Kind {
        word: "grant",
        keys: &["lacks", "failure"],
        read: |section, _| account::grant(section),
    },
    Kind {
        word: "hours",
        keys: &["outside", "between", "closed", "accustomed", "more-than"],
        read: |section, _| judged::hours(section),
    },
    Kind {
        word: "first-seen",
        keys: &["of", "within", "after"],
        read: |section, _| judged::first_seen(section),
    },
    Kind {
        word: "sequence",
        keys: &["pattern", "limit", "within", "step", "accustomed"],
        read: |section, _| judged::sequence(section),
    },
    Kind {
        word: "relation",
        keys: &["relation", "limit", "within", "sections", "settled-by"],
        read: |section, _| judged::relation(section),
    },
    Kind {
        word: "draw",
        keys: &["each"],
        read: |section, _| judged::draw(section),
    },
    Kind {
        word: "baseline",
        keys: &[
            "count", "per", "floor", "ratio", "mad", "days", "enough", "peers", "unknown",
        ],
        read: judged::baseline,
    },
];

/// What rules speak of.
#[derive(Debug)]
pub(super) struct World<'a> {
    /// The datasets that are right.
    pub datasets: &'a [DatasetSettings],
    /// Every dataset's id, also of those that are wrong.
    pub ids: Vec<&'a str>,
    /// Whether `ids` is all of them: every file of datasets could be read.
    pub ids_known: bool,
    /// The datasets' own limits, by rule.
    pub limits: &'a [OwnLimit],
    /// The sources that are right.
    pub sources: &'a [SourceConfig],
    /// Whether nothing was wrong with datasets and sources: only then can anybody say what a rule never sees.
    pub complete: bool,
}

impl World<'_> {
    /// Whether a dataset may be called `id`.
    pub(super) fn has(&self, id: &str) -> bool {
        !self.ids_known || self.ids.contains(&id)
    }
}

/// The rules read so far, of all files.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// The ones that are right.
    pub settings: Vec<RuleSettings>,
    ids: BTreeMap<String, Place>,
}

/// Reads every `[[rule]]` of one file.
pub(super) fn read(root: &Section<'_>, world: &World<'_>, out: &mut Rules) {
    if root.value("rule").is_none() {
        root.missing(
            "rule",
            Some(say!(
                "[[rule]] を一つ以上書いてください。",
                "write at least one [[rule]]"
            )),
        );
    }
    for section in root.tables("rule") {
        let before = root.doc().problem_count();
        let read = rule(&section, world, out);
        section.finish();
        if let Some(mut rule) = read {
            own_limits(&section, &mut rule, world);
            if world.complete && root.doc().problem_count() == before {
                reach::check(&section, &rule, world);
            }
            out.settings.push(rule);
        }
    }
}

/// Adds the limits that datasets have of their own.
fn own_limits(section: &Section<'_>, rule: &mut RuleSettings, world: &World<'_>) {
    let RuleKind::Volume(volume) = &mut rule.kind else {
        return;
    };
    if volume.per == Per::Person {
        return;
    }
    for own in world.limits.iter().filter(|own| own.rule.value == rule.id) {
        if volume.limit.datasets.iter().any(|(id, _)| *id == own.dataset) {
            let place = section.value("limit").map_or_else(|| section.place(), |f| f.place);
            let (id, at) = (&own.dataset, &own.rule.place);
            let at = format!("{}:{}", at.file.display(), at.line);
            let message = say!(
                "{id} の基準値は {at} にもあります。",
                "{id} has a limit of its own at {at}"
            );
            section.problem(&place, message, None);
        } else {
            volume.limit.datasets.push((own.dataset.clone(), own.limit));
        }
    }
    volume.limit.datasets.sort();
}

fn rule(section: &Section<'_>, world: &World<'_>, out: &mut Rules) -> Option<RuleSettings> {
    let id = section
        .required_string("id")
        .and_then(|id| unique_id(section, id, &mut out.ids));
    let title = section.required_string("title");
    let severities = Severity::ALL.map(|s| (s.as_str(), s));
    let severity = section.required_choice("severity", &severities);
    let basis = match section.value("basis") {
        Some(_) => section
            .strings("basis")
            .map(|list| list.into_iter().map(|f| f.value).collect()),
        None => Some(Vec::new()),
    };
    let when = match section.value("when") {
        Some(_) => section.table("when").and_then(|table| when(&table, world)),
        None => Some(When::default()),
    };
    let kind = kind(section, world);
    let words = words(section);
    let samples: Vec<Option<Sample>> = section
        .tables("sample")
        .iter()
        .map(|table| sample(table, world))
        .collect();
    Some(RuleSettings {
        id: id?,
        title: title?.value,
        severity: severity?.value,
        basis: basis?,
        kind: kind?,
        when: when?,
        words: words?,
        samples: samples.into_iter().collect::<Option<Vec<Sample>>>()?,
    })
}

/// `kind` and the keys that belong to it; those of other kinds are refused.
fn kind(section: &Section<'_>, world: &World<'_>) -> Option<RuleKind> {
    let Some(kind) = section.required_choice("kind", &KINDS.map(|kind| (kind.word, kind))) else {
        // Valid keys all the same: without a kind nobody can say which are too many.
        for key in KINDS.iter().flat_map(|kind| kind.keys) {
            section.value(key);
        }
        return None;
    };
    let kind = kind.value;
    let mut refused: Vec<&str> = Vec::new();
    for key in KINDS.iter().flat_map(|other| other.keys) {
        if kind.keys.contains(key) || refused.contains(key) {
            continue;
        }
        refused.push(key);
        let owners: Vec<String> = KINDS
            .iter()
            .filter(|other| other.keys.contains(key))
            .map(|other| format!("\"{}\"", other.word))
            .collect();
        let (ja, en) = (owners.join("、"), owners.join(", "));
        section.refuse(
            key,
            &say!("kind = {ja} の規則だけの項目です。", "only for rules of kind = {en}"),
        );
    }
    (kind.read)(section, world)
}

/// `explain` and `first`: what the rule says to people in a mail.
fn words(section: &Section<'_>) -> Option<Words> {
    let mut words = Words::default();
    if section.value("explain").is_some() {
        let table = section.table("explain")?;
        words.explain = ["ja", "en"].map(|lang| table.string(lang).map(|f| f.value).unwrap_or_default());
        table.finish();
    }
    if section.value("first").is_some() {
        let table = section.table("first")?;
        words.first = ["ja", "en"].map(|lang| {
            let list = table.strings(lang).unwrap_or_default();
            list.into_iter().map(|f| f.value).collect()
        });
        table.finish();
    }
    Some(words)
}

fn unique_id(section: &Section<'_>, id: Found<String>, ids: &mut BTreeMap<String, Place>) -> Option<String> {
    let word = shown(&id.value);
    if let Some(before) = ids.get(&id.value) {
        let at = format!("{}:{}", before.file.display(), before.line);
        let message = say!("「{word}」は {at} にもあります。", "\"{word}\" stands at {at} already");
        section.problem(&id.place, message, None);
        return None;
    }
    ids.insert(id.value.clone(), id.place.clone());
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if ID_CHARS_MAX < id.value.len() || !id.value.bytes().all(allowed) {
        let message = say!("「{word}」は id に使えません。", "\"{word}\" cannot be an id");
        let hint = say!(
            "英数字、「-」、「_」、「.」で {ID_CHARS_MAX} 文字までです。",
            "use letters, digits, \"-\", \"_\" and \".\", at most {ID_CHARS_MAX} characters"
        );
        section.problem(&id.place, message, Some(hint));
        return None;
    }
    Some(id.value)
}

fn when(table: &Section<'_>, world: &World<'_>) -> Option<When> {
    let operations = table.choices("operation", &Operation::ALL.map(|o| (o.as_str(), o)));
    let datasets = match table.value("dataset") {
        Some(_) => table.required_strings("dataset").map(|list| {
            for id in list.iter().filter(|id| !world.has(&id.value)) {
                unknown_dataset(table, id, world);
            }
            list.into_iter().map(|f| f.value).collect()
        }),
        None => Some(Vec::new()),
    };
    let tiers = table.choices("tier", &Tier::ALL.map(|t| (t.as_str(), t)));
    table.finish();
    Some(When {
        operations: operations?,
        datasets: datasets?,
        tiers: tiers?,
    })
}

fn unknown_dataset(section: &Section<'_>, id: &Found<String>, world: &World<'_>) {
    let word = shown(&id.value);
    let message = say!(
        "「{word}」という情報資産はありません。",
        "there is no dataset \"{word}\""
    );
    section.problem(&id.place, message, advice(&id.value, &world.ids));
}

/// A sample; whether it comes out as it says is for `check` to find out.
fn sample(table: &Section<'_>, world: &World<'_>) -> Option<Sample> {
    if table.value("fires").is_none() {
        table.missing(
            "fires",
            Some(say!("true か false を書いてください。", "write true or false")),
        );
    }
    let fires = table.boolean("fires");
    let accesses = table.required_strings("accesses");
    for access in accesses.iter().flatten() {
        sample_access(table, access, world);
    }
    let line = table.place().line;
    table.finish();
    Some(Sample {
        fires: fires?.value,
        accesses: accesses?.into_iter().map(|f| f.value).collect(),
        line,
    })
}

/// The words of a sample that configuration knows: dataset and operation.
fn sample_access(table: &Section<'_>, access: &Found<String>, world: &World<'_>) {
    let mut words = access.value.split_whitespace().skip(2);
    let (Some(dataset), Some(operation)) = (words.next(), words.next()) else {
        let message = say!(
            "時刻、職員、情報資産、操作の四つが要ります。",
            "needs time, person, dataset and operation"
        );
        let hint = say!(
            "例: \"2026-11-21T10:00:00+09:00 012345 juminzei export records=1001\"",
            "such as \"2026-11-21T10:00:00+09:00 012345 juminzei export records=1001\""
        );
        table.problem(&access.place, message, Some(hint));
        return;
    };
    if !world.has(dataset) {
        unknown_dataset(table, &access.with(dataset.to_owned()), world);
    }
    if Operation::from_word(operation).is_none() {
        table.unknown_word(
            &access.with(operation.to_owned()),
            &Operation::ALL.map(Operation::as_str),
        );
    }
}
