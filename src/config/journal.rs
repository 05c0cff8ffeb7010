//! `journal`, `units`, `identifiers` of a source: entries of the journal instead of files.

use crate::source::JournalFilter;

use super::problem::say;
use super::section::{Found, Section, absolute};

/// The folder of the journal and whose entries are read. `None` in the outer place: something is wrong; in the
/// inner one: the source reads files.
#[expect(clippy::option_option, reason = "wrong, absent and there are three things")]
pub(super) fn read(section: &Section<'_>) -> Option<Option<(String, JournalFilter)>> {
    if section.value("journal").is_none() {
        let only = |key: &str| {
            let message = say!(
                "`journal` と一緒にだけ書ける項目です。",
                "this key goes with `journal` only"
            );
            let hint = say!(
                "ジャーナルを読むなら journal = \"/var/log/journal\" を書き、paths を消してください。",
                "to read the journal, write journal = \"/var/log/journal\" instead of paths"
            );
            section.forbid(key, message, hint)
        };
        only("units");
        only("identifiers");
        return Some(None);
    }
    let message = say!(
        "`journal` のある情報源には書けません。",
        "not possible in a source with `journal`"
    );
    let hint = say!(
        "ファイルを読む情報源は、別の [[source]] にしてください。",
        "read files with a [[source]] of their own"
    );
    let wrong = section.forbid("paths", message, hint);
    let folder = section.string("journal")?;
    let units = names(section, "units")?;
    let identifiers = names(section, "identifiers")?;
    if units.is_empty() && identifiers.is_empty() {
        let hint = say!(
            "ジャーナルには全プログラムの記録があります。units = [\"kosekid.service\"] のように、読むものを書いてください。",
            "the journal holds the log of every program; say whose is read, such as units = [\"kosekid.service\"]"
        );
        section.missing("units", Some(hint));
        return None;
    }
    let path = absolute(section.doc().folder(), &folder.value);
    let path = path.to_str()?.to_owned();
    (!wrong).then_some(Some((path, JournalFilter { units, identifiers })))
}

fn names(section: &Section<'_>, key: &str) -> Option<Vec<String>> {
    if section.value(key).is_none() {
        return Some(Vec::new());
    }
    let list: Vec<Found<String>> = section.required_strings(key)?;
    Some(list.into_iter().map(|name| name.value).collect())
}
