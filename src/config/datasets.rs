//! `[[dataset]]`: the 台帳, and which resources belong to which entry.

use std::collections::{BTreeMap, HashMap};

use crate::access::Operation;
use crate::register::{DatasetSettings, MatchSettings, Tier};

use super::nearest::advice;
use super::problem::{Place, say, shown};
use super::section::{Found, Section};
use super::terms::{self, OwnLimit};

/// Most datasets: their number in the counters has 16 bits.
const DATASETS_MAX: usize = 65_000;
const ID_CHARS_MAX: usize = 32;
/// The kind of use is the one the source's format knows of the operation.
const AS_LOGGED: &str = "as-logged";
const SUBJECT: &str = "{subject}";

/// The datasets read so far, of all files.
#[derive(Debug, Default)]
pub(super) struct Datasets {
    /// The ones that are right.
    pub settings: Vec<DatasetSettings>,
    /// Every id, also of those that are wrong, with its place.
    pub ids: BTreeMap<String, Place>,
    /// Limits of their own, by rule.
    pub limits: Vec<OwnLimit>,
    count: usize,
}

/// Reads every `[[dataset]]` of one file; `sources` are the names of the sources.
pub(super) fn read(root: &Section<'_>, sources: &[&str], out: &mut Datasets) {
    let sections = root.tables("dataset");
    if root.value("dataset").is_none() {
        let hint = say!(
            "[[dataset]] を一つ以上書いてください。",
            "write at least one [[dataset]]"
        );
        root.missing("dataset", Some(hint));
    }
    for section in &sections {
        out.count += 1;
        if out.count == DATASETS_MAX + 1 {
            let message = say!(
                "情報資産は {DATASETS_MAX} 件までです。",
                "there can be at most {DATASETS_MAX} datasets"
            );
            section.problem(&section.place(), message, None);
        }
        let read = dataset(section, sources, out);
        section.finish();
        out.settings.extend(read);
    }
}

fn dataset(section: &Section<'_>, sources: &[&str], out: &mut Datasets) -> Option<DatasetSettings> {
    let id = section
        .required_string("id")
        .and_then(|id| unique_id(section, id, &mut out.ids));
    let title = section.required_string("title");
    let tier = section.required_choice("tier", &Tier::ALL.map(|t| (t.as_str(), t)));
    let owner = section.required_string("owner");
    let registered = section.integer("registered");
    let terms = terms::read(section, sources);
    let matches = section.tables("match");
    if section.value("match").is_none() {
        let hint = say!(
            "[[dataset.match]] で、どの記録がこの情報資産に当たるかを書いてください。",
            "say with [[dataset.match]] which records belong to it"
        );
        section.missing("match", Some(hint));
    }
    let mut all = Some(Vec::new());
    for section in &matches {
        let read = one_match(section, sources);
        section.finish();
        match (read, &mut all) {
            (Some(one), Some(all)) => all.push(one),
            _ => all = None,
        }
    }
    let id = id?;
    terms::limits(section, &id, &mut out.limits);
    let (terms, all) = (terms?, all?);
    terms::unreachable(section, &terms, &all);
    Some(DatasetSettings {
        id,
        title: title?.value,
        tier: tier?.value,
        owner: owner?.value,
        registered: registered.map(|f| f.value),
        terms,
        matches: all,
    })
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
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if ID_CHARS_MAX < id.value.len() || !id.value.bytes().all(allowed) {
        let message = say!("「{word}」は id に使えません。", "\"{word}\" cannot be an id");
        let hint = say!(
            "英小文字、数字、「-」、「_」で {ID_CHARS_MAX} 文字までです。名称は title に書いてください。",
            "use a-z, 0-9, \"-\" and \"_\", at most {ID_CHARS_MAX} characters; the name people know is the title"
        );
        section.problem(&id.place, message, Some(hint));
        return None;
    }
    Some(id.value)
}

fn one_match(section: &Section<'_>, known: &[&str]) -> Option<MatchSettings> {
    let sources = match section.value("sources") {
        Some(_) => section.required_strings("sources").map(|list| {
            // Without any source that is what is wrong, not the name.
            for name in list
                .iter()
                .filter(|name| !known.is_empty() && !known.contains(&name.value.as_str()))
            {
                let word = shown(&name.value);
                let message = say!("「{word}」という情報源はありません。", "there is no source \"{word}\"");
                section.problem(&name.place, message, advice(&name.value, known));
            }
            list.into_iter().map(|f| f.value).collect()
        }),
        None => Some(Vec::new()),
    };
    let resource = section
        .required_string("resource")
        .and_then(|text| resource(section, text));
    let subject_query = section.string("subject_query");
    let operations = match section.value("operations") {
        Some(_) => section
            .required_strings("operations")
            .map(|list| list.into_iter().map(|f| f.value).collect()),
        None => Some(Vec::new()),
    };
    let words: Vec<(&str, Option<Operation>)> = Operation::ALL
        .iter()
        .map(|o| (o.as_str(), Some(*o)))
        .chain([(AS_LOGGED, None)])
        .collect();
    let class = section.required_choice("class", &words);
    let records = section.integer("records");
    Some(MatchSettings {
        sources: sources?,
        resource: resource?,
        subject_query: subject_query.map(|f| f.value),
        operations: operations?,
        class: class?.value,
        records: records.map(|f| f.value),
    })
}

/// A pattern that can match something, and that means what it seems to mean.
fn resource(section: &Section<'_>, text: Found<String>) -> Option<String> {
    let pattern = text.value.as_str();
    let segments: Vec<&str> = pattern.split('/').collect();
    let subjects = pattern.matches(SUBJECT).count();
    let mut says = Vec::new();
    if 1 < subjects {
        says.push((
            say!("{SUBJECT} は一度だけ書けます。", "{SUBJECT} may stand only once"),
            None,
        ));
    } else if subjects == 1 && !segments.contains(&SUBJECT) {
        let message = say!(
            "{SUBJECT} は「/」で区切られた一区間の全体でなければなりません。",
            "{SUBJECT} must be a whole segment between slashes"
        );
        says.push((
            message,
            Some(say!("例: /juki/{SUBJECT}/view", "such as /juki/{SUBJECT}/view")),
        ));
    }
    let starred = segments.iter().position(|segment| segment.contains("**"));
    let last = segments.len().saturating_sub(1);
    if starred.is_some_and(|i| i != last || segments.get(i) != Some(&"**")) {
        let message = say!(
            "** は最後の区間の全体としてだけ書けます。",
            "** may stand only as the whole last segment"
        );
        says.push((message, Some(say!("例: /juki/**", "such as /juki/**"))));
    }
    let mut names: HashMap<&str, ()> = HashMap::new();
    for segment in &segments {
        let name = segment
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'))
            .map(|(name, _)| name);
        if let Some(name) = name.filter(|name| *name != "subject" && names.insert(name, ()).is_none()) {
            let word = shown(name);
            let message = say!(
                "{{{word}}} という置き場所はありません。",
                "there is no placeholder {{{word}}}"
            );
            says.push((
                message,
                Some(say!("書けるのは {SUBJECT} だけです。", "the only one is {SUBJECT}")),
            ));
        }
    }
    if pattern.starts_with('/') && pattern.contains('?') {
        let message = say!("「?」以降は照合されません。", "what follows \"?\" is never compared");
        let hint = say!(
            "問い合わせ変数の番号は subject_query で指定してください。",
            "name the query parameter with subject_query"
        );
        says.push((message, Some(hint)));
    }
    if pattern.starts_with('/') && has_escape(pattern) {
        let message = say!(
            "「%」による符号化は解いてから照合されます。",
            "resources are compared after %-decoding"
        );
        says.push((
            message,
            Some(say!("復号した文字で書いてください。", "write the decoded characters")),
        ));
    }
    if says.is_empty() {
        return Some(text.value);
    }
    for (message, hint) in says {
        section.problem(&text.place, message, hint);
    }
    None
}

fn has_escape(pattern: &str) -> bool {
    let hex = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
    pattern
        .split('%')
        .skip(1)
        .any(|rest| hex(rest.as_bytes().first().copied()) && hex(rest.as_bytes().get(1).copied()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::doc::Doc;
    use super::*;
    use crate::text::Lang;

    #[test]
    fn one_dataset_too_many_is_told_once() {
        let one = |id: &str| {
            format!(
                "[[dataset]]\nid = \"{id}\"\ntitle = \"t\"\ntier = \"A\"\nowner = \"o\"\n[[dataset.match]]\nresource = \"/{id}\"\nclass = \"view\"\n"
            )
        };
        let text = ["a", "b", "c"].map(one).concat();
        let told = |count: usize| -> Vec<String> {
            let doc = Doc::new(Path::new("d.toml"), &text);
            let table = doc.parse().unwrap();
            read(
                &Section::root(&doc, &table),
                &[],
                &mut Datasets {
                    count,
                    ..Datasets::default()
                },
            );
            doc.into_parts().0.iter().map(|p| p.render(Lang::En)).collect()
        };
        assert_eq!(told(DATASETS_MAX - 3), [""; 0]);
        assert_eq!(
            told(DATASETS_MAX - 2),
            ["d.toml:17: dataset[3]: there can be at most 65000 datasets"]
        );
    }
}
