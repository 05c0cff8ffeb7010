//! `[[source]]`: which files are read, each by one source only.
//!
//! Not here: how their lines are written (`formats`).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::parse::FormatSettings;
use crate::source::{SourceSettings, Start};

use crate::text::framing::Framing;

use super::SourceConfig;
use super::formats;
use super::general::encoding;
use super::journal;
use super::problem::{Say, say, shown};
use super::section::{Found, Section, absolute};
use super::units::DAY;

const LINE_BYTES: u64 = 1 << 20;
const LINE_BYTES_MIN: u64 = 1 << 10;
const LINE_BYTES_MAX: u64 = 64 << 20;
const ROTATE_WAIT: Duration = Duration::from_secs(600);
/// How a pattern of files is compared: a star stays inside one folder.
pub(super) const MATCHING: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};
const START_WORDS: [(&str, Start); 2] = [("beginning", Start::Beginning), ("end", Start::End)];

/// The sources read so far.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// The ones that are right.
    pub settings: Vec<SourceConfig>,
    /// Every name, also of those that are wrong, with its place.
    pub names: Vec<Found<String>>,
    /// Every pattern made absolute, with the pattern as written and the name of its source.
    patterns: BTreeMap<String, (Found<String>, String)>,
}

/// Reads every `[[source]]`.
pub(super) fn read(root: &Section<'_>) -> Sources {
    let mut sources = Sources::default();
    if root.value("source").is_none() {
        root.missing(
            "source",
            Some(say!(
                "[[source]] を一つ以上書いてください。",
                "write at least one [[source]]"
            )),
        );
    }
    for section in root.tables("source") {
        let read = source(&section, &mut sources);
        section.finish();
        sources.settings.extend(read);
    }
    covered_twice(root, &sources.patterns);
    sources
}

fn source(section: &Section<'_>, sources: &mut Sources) -> Option<SourceConfig> {
    let name = section
        .required_string("name")
        .and_then(|name| unique_name(section, name, sources));
    let journal = journal::read(section);
    let mut files = || {
        let list = section.required_strings("paths")?;
        let owner = name.as_deref().unwrap_or("?");
        let read: Vec<_> = list
            .iter()
            .map(|path| pattern(section, path, owner, &mut sources.patterns))
            .collect();
        read.into_iter().collect::<Option<Vec<String>>>()
    };
    let (paths, journal) = match journal {
        Some(Some((folder, filter))) => (Some(vec![folder]), Some(filter)),
        Some(None) => (files(), None),
        None => (None, None),
    };
    let format = formats::read(section);
    let encoding = encoding(section);
    let start = match section.value("start") {
        Some(_) => section.choice("start", &START_WORDS).map(|f| f.value),
        None => Some(Start::Beginning),
    };
    let line_bytes_max = section
        .size("line_bytes_max", LINE_BYTES, LINE_BYTES_MIN..=LINE_BYTES_MAX)
        .and_then(|bytes| usize::try_from(bytes).ok());
    let rotated_in = match section.value("rotated_in") {
        Some(_) => section
            .required_strings("rotated_in")
            .map(|list| list.into_iter().map(|dir| dir.value).collect()),
        None => Some(Vec::new()),
    };
    let rotate_wait = section.duration("rotate_wait", ROTATE_WAIT, Duration::ZERO..=DAY);
    let format = format?;
    let read = SourceSettings {
        name: name?,
        paths: paths?,
        rotated_in: rotated_in?,
        journal,
        encoding: encoding?,
        start: start?,
        quoted_newlines: format.framing() == Framing::Quoted,
        framing: format.framing(),
        delimiter: match &format {
            FormatSettings::Csv(csv) => Some(csv.delimiter),
            _ => None,
        },
        line_bytes_max: line_bytes_max?,
        rotate_wait: rotate_wait?,
    };
    Some(SourceConfig { read, format })
}

fn unique_name(section: &Section<'_>, name: Found<String>, sources: &mut Sources) -> Option<String> {
    let before = sources
        .names
        .iter()
        .find(|n| n.value == name.value)
        .map(|n| n.place.line);
    sources.names.push(name.clone());
    let word = shown(&name.value);
    if let Some(line) = before {
        let message = say!(
            "「{word}」は {line} 行目にもあります。",
            "\"{word}\" stands in line {line} already"
        );
        let hint = say!(
            "情報源ごとに別の名前を付けてください。",
            "give each source its own name"
        );
        section.problem(&name.place, message, Some(hint));
        return None;
    }
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if !name.value.bytes().all(allowed) {
        let message = say!("「{word}」は名前に使えません。", "\"{word}\" cannot be a name");
        let hint = say!(
            "英小文字、数字、「-」、「_」だけで書いてください。",
            "use only a-z, 0-9, \"-\" and \"_\""
        );
        section.problem(&name.place, message, Some(hint));
        return None;
    }
    Some(name.value)
}

/// A path or glob pattern, made absolute; one that stands elsewhere already would count every line twice.
fn pattern(
    section: &Section<'_>,
    path: &Found<String>,
    owner: &str,
    seen: &mut BTreeMap<String, (Found<String>, String)>,
) -> Option<String> {
    let word = shown(&path.value);
    if path.value.ends_with('/') {
        let message = say!("{word} はフォルダーです。", "{word} is a folder");
        let hint = say!(
            "{word}*.log のように、その中のファイルを書いてください。",
            "name the files in it, such as {word}*.log"
        );
        section.problem(&path.place, message, Some(hint));
        return None;
    }
    if let Err(error) = glob::Pattern::new(&path.value) {
        let why = error.msg;
        let message = say!(
            "{word} はパターンとして正しくありません。",
            "{word} is not a valid pattern: {why}"
        );
        let hint = say!(
            "「[」には閉じる「]」が要り、「**」は区切りの間に単独でだけ書けます。「[」そのものは「[[]」と書いてください。",
            "write \"[[]\" for a bracket that is part of the name"
        );
        section.problem(&path.place, message, Some(hint));
        return None;
    }
    let Some(full) = absolute_pattern(section.doc().folder(), &path.value) else {
        let message = say!(
            "設定ファイルのフォルダー名を UTF-8 として読めません。",
            "the folder of this file has no UTF-8 name"
        );
        section.problem(&path.place, message, None);
        return None;
    };
    if let Some((_, other)) = seen.insert(full.clone(), (path.clone(), owner.to_owned())) {
        let (message, hint) = read_twice(&path.value, &other);
        section.problem(&path.place, message, Some(hint));
        return None;
    }
    Some(full)
}

fn read_twice(path: &str, other: &str) -> (Say, Say) {
    let (path, other) = (shown(path), shown(other));
    let message = say!(
        "{path} は情報源「{other}」も読んでいます。",
        "{path} is read by source \"{other}\" too"
    );
    let hint = say!(
        "同じファイルの行を二度数えることになります。",
        "its lines would be counted twice"
    );
    (message, hint)
}

/// Reports files that a pattern of another source covers. Two patterns may still meet in a file that is not
/// there yet; nobody can say that before.
fn covered_twice(root: &Section<'_>, patterns: &BTreeMap<String, (Found<String>, String)>) {
    let is_pattern = |path: &str| path.contains(['*', '?', '[']);
    let compiled: Vec<(glob::Pattern, &String)> = patterns
        .iter()
        .filter(|(path, _)| is_pattern(path))
        .filter_map(|(path, (_, owner))| Some((glob::Pattern::new(path).ok()?, owner)))
        .collect();
    for (path, (written, owner)) in patterns.iter().filter(|(path, _)| !is_pattern(path)) {
        let covers = |(pattern, other): &&(glob::Pattern, &String)| {
            *other != owner && pattern.matches_path_with(Path::new(path), MATCHING)
        };
        if let Some((_, other)) = compiled.iter().find(covers) {
            let (message, hint) = read_twice(&written.value, other);
            root.problem(&written.place, message, Some(hint));
        }
    }
}

/// The pattern as seen from `folder`, whose own name is taken literally.
fn absolute_pattern(folder: &Path, path: &str) -> Option<String> {
    if Path::new(path).is_absolute() {
        return absolute(folder, path).to_str().map(str::to_owned);
    }
    let folder = glob::Pattern::escape(folder.to_str()?);
    absolute(Path::new(&folder), path).to_str().map(str::to_owned)
}
