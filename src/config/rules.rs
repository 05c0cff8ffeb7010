//! `[[rule]]`: sentences of what is not allowed.
//!
//! Not here: whether a rule can ever hold (`reach`).

use std::collections::BTreeMap;

use crate::access::{Operation, Standing};
use crate::detect::{AccountRule, RuleKind, RuleSettings, Sample, Severity, When};
use crate::register::{DatasetSettings, Tier};

use super::SourceConfig;
use super::nearest::advice;
use super::problem::{Place, say, shown};
use super::reach;
use super::section::{Found, Section};
use super::volume;

const ID_CHARS_MAX: usize = 32;
const VOLUME_KEYS: [&str; 5] = ["count", "per", "within", "limit", "unknown"];
const ACCOUNT_KEYS: [&str; 2] = ["standing", "failure"];

/// What rules speak of.
#[derive(Debug)]
pub(super) struct World<'a> {
    /// The datasets that are right.
    pub datasets: &'a [DatasetSettings],
    /// Every dataset's id, also of those that are wrong.
    pub ids: Vec<&'a str>,
    /// Whether `ids` is all of them: every file of datasets could be read.
    pub ids_known: bool,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Volume,
    Account,
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
        if let Some(rule) = read {
            if world.complete && root.doc().problem_count() == before {
                reach::check(&section, &rule, world);
            }
            out.settings.push(rule);
        }
    }
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
        samples: samples.into_iter().collect::<Option<Vec<Sample>>>()?,
    })
}

/// `kind` and the keys that belong to it; those of the other kind are refused.
fn kind(section: &Section<'_>, world: &World<'_>) -> Option<RuleKind> {
    let kind = section.required_choice("kind", &[("volume", Kind::Volume), ("account", Kind::Account)]);
    let refuse = |keys: &[&str], kind: &str| {
        for key in keys {
            section.refuse(
                key,
                &say!(
                    "kind = \"{kind}\" の規則だけの項目です。",
                    "only for rules of kind = \"{kind}\""
                ),
            );
        }
    };
    match kind.map(|k| k.value) {
        Some(Kind::Volume) => {
            refuse(&ACCOUNT_KEYS, "account");
            volume::read(section, world).map(RuleKind::Volume)
        }
        Some(Kind::Account) => {
            refuse(&VOLUME_KEYS, "volume");
            account(section).map(RuleKind::Account)
        }
        None => {
            // Valid keys all the same: without a kind nobody can say which are too many.
            for key in VOLUME_KEYS.iter().chain(&ACCOUNT_KEYS) {
                section.value(key);
            }
            None
        }
    }
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

fn account(section: &Section<'_>) -> Option<AccountRule> {
    let words = Standing::SUSPICIOUS.map(|s| (s.as_str(), s));
    let standings = match section.required_strings("standing") {
        Some(_) => section.choices("standing", &words),
        None => None,
    };
    let severities = Severity::ALL.map(|s| (s.as_str(), s));
    let failure = match section.value("failure") {
        Some(_) => section.choice("failure", &severities).map(|f| Some(f.value)),
        None => Some(None),
    };
    Some(AccountRule {
        standings: standings?,
        failure: failure?,
    })
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
