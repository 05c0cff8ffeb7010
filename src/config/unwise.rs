//! What is not wrong but unwise: told by `check` and at the start, and stopping nothing.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::access::Mark;
use crate::detect::coverage::looks_at;
use crate::detect::{RuleKind, RuleSettings};
use crate::mail::{MailSettings, TransportSettings};
use crate::register::Tier;

use super::datasets::Datasets;
use super::general::General;
use super::nearest::nearest;
use super::problem::{Place, Problem, say, shown};
use super::section::warning;

const WRITABLE_BY_OTHERS: u32 = 0o002;
const READABLE_BY_OTHERS: u32 = 0o004;

/// Files that more people can change or read than should.
pub(super) fn permissions(files: &[PathBuf], mail: Option<&MailSettings>, warnings: &mut Vec<Problem>) {
    for file in files.iter().filter(|file| allows(file, WRITABLE_BY_OTHERS)) {
        let name = shown(&file.display().to_string());
        let message = say!("誰でも書き換えられるファイルです。", "everybody can change this file");
        let hint = say!("chmod o-w {name} としてください。", "run chmod o-w {name}");
        warnings.push(warning(&Place::whole(file), message, Some(hint)));
    }
    let Some(TransportSettings::Smtp { relay, fallback }) = mail.map(|mail| &mail.transport) else {
        return;
    };
    let secrets = std::iter::once(relay)
        .chain(fallback.as_deref())
        .filter_map(|relay| relay.password_file.as_ref());
    for file in secrets.filter(|file| allows(file, READABLE_BY_OTHERS)) {
        let name = shown(&file.display().to_string());
        let message = say!(
            "誰でも読めるパスワードのファイルです。",
            "everybody can read this password file"
        );
        let hint = say!("chmod o= {name} としてください。", "run chmod o= {name}");
        warnings.push(warning(&Place::whole(file), message, Some(hint)));
    }
}

/// A file that cannot be looked at allows nothing; whoever opens it says why.
fn allows(file: &Path, bits: u32) -> bool {
    std::fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & bits != 0)
}

/// Sources, datasets and recipients that nothing leads to: what nobody watches looks like peace.
pub(super) fn gaps(general: &General, datasets: &Datasets, rules: &[RuleSettings], warnings: &mut Vec<Problem>) {
    let matches = || datasets.settings.iter().flat_map(|d| &d.matches);
    let everywhere = matches().any(|m| m.sources.is_empty());
    let named: BTreeSet<&str> = matches().flat_map(|m| &m.sources).map(String::as_str).collect();
    for source in general
        .sources
        .names
        .iter()
        .filter(|name| !everywhere && !named.contains(name.value.as_str()))
    {
        let name = shown(&source.value);
        let message = say!(
            "情報源「{name}」の記録を見る情報資産がありません。",
            "no dataset looks at the source \"{name}\""
        );
        let hint = say!(
            "[[dataset.match]] の sources に加えてください。",
            "add it to sources of a [[dataset.match]]"
        );
        warnings.push(warning(&source.place, message, Some(hint)));
    }
    for dataset in datasets
        .settings
        .iter()
        .filter(|d| !rules.iter().any(|rule| looks_at(&rule.when, d)))
    {
        let Some(place) = datasets.ids.get(&dataset.id) else {
            continue;
        };
        let id = shown(&dataset.id);
        let message = say!(
            "情報資産「{id}」を見る規則がありません。",
            "no rule looks at the dataset \"{id}\""
        );
        warnings.push(warning(place, message, None));
    }
    for dataset in &datasets.settings {
        let terms = &dataset.terms;
        let id = shown(&dataset.id);
        let nobody = terms.designated.is_empty() && terms.designated_sections.is_empty();
        let message = match (terms.my_number, nobody, dataset.tier) {
            (true, true, _) => say!(
                "特定個人情報ファイル「{id}」に事務取扱担当者が一人も指定されていません。誰が利用しても警告になります。",
                "nobody is designated for the 特定個人情報ファイル \"{id}\": whoever uses it is an alert"
            ),
            (true, false, Tier::A | Tier::B) => say!(
                "特定個人情報ファイル「{id}」の重要度が S ではありません。",
                "the 特定個人情報ファイル \"{id}\" is not of tier S"
            ),
            _ => continue,
        };
        if let Some(place) = datasets.ids.get(&dataset.id) {
            warnings.push(warning(place, message, None));
        }
    }
    never_marked(datasets, rules, warnings);
    let owners: BTreeSet<&str> = datasets.settings.iter().map(|d| d.owner.as_str()).collect();
    for owner in general
        .owners
        .iter()
        .filter(|owner| !owners.contains(owner.value.as_str()))
    {
        let name = shown(&owner.value);
        let message = say!(
            "「{name}」が所管する情報資産はありません。",
            "no dataset is owned by \"{name}\""
        );
        let near = nearest(&owner.value, owners.iter().copied()).map(shown);
        let hint = near.map(|near| say!("「{near}」のことですか。", "did you mean \"{near}\"?"));
        warnings.push(warning(&owner.place, message, hint));
    }
}

/// Grant rules that ask for what the 台帳 says of no dataset: they look like a quiet office.
fn never_marked(datasets: &Datasets, rules: &[RuleSettings], warnings: &mut Vec<Problem>) {
    for rule in rules {
        let RuleKind::Grant(grant) = &rule.kind else { continue };
        let seen = || datasets.settings.iter().filter(|d| looks_at(&rule.when, d));
        let stated = |mark: &Mark| match mark {
            Mark::Terminal => seen().any(|d| !d.terms.terminals.is_empty()),
            Mark::Designation => seen().any(|d| d.terms.my_number),
            // Whether the register says what is granted is known only when it is read.
            _ => true,
        };
        if grant.lacks.iter().any(stated) {
            continue;
        }
        let (id, lacks) = (shown(&rule.id), grant.lacks.first().map_or("", |m| m.as_str()));
        let key = match grant.lacks.first() {
            Some(Mark::Terminal) => "terminals",
            _ => "my_number",
        };
        let Some(place) = datasets.ids.values().next() else {
            continue;
        };
        let message = say!(
            "規則 {id}（lacks = \"{lacks}\"）は、{key} を書いた情報資産がないため、成り立つことがありません。",
            "rule {id} (lacks = \"{lacks}\") can never hold: no dataset says {key}"
        );
        warnings.push(warning(&Place::whole(&place.file), message, None));
    }
}
