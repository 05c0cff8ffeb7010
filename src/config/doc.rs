//! One configuration file as text: places in it, its syntax, and the list of what is wrong with it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use toml::de::DeTable;

use super::problem::{Place, Problem, Say, say};

/// Most syntax errors told of one file: the rest usually follow from the first.
const SYNTAX_ERRORS_MAX: usize = 5;

/// One file while it is read. Problems are collected, never thrown: all of them are to be told at once.
#[derive(Debug)]
pub(super) struct Doc<'t> {
    file: Rc<Path>,
    folder: PathBuf,
    text: &'t str,
    line_starts: Vec<usize>,
    problems: RefCell<Vec<(usize, Problem)>>,
    asked: RefCell<BTreeMap<String, BTreeSet<String>>>,
}

impl<'t> Doc<'t> {
    /// The text of `file` as opened.
    pub(super) fn new(file: &Path, text: &'t str) -> Doc<'t> {
        let parent = file
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let newlines = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(i, _)| i + 1);
        Doc {
            file: Rc::from(file),
            folder: std::path::absolute(parent).unwrap_or_else(|_| parent.to_path_buf()),
            text,
            line_starts: std::iter::once(0).chain(newlines).collect(),
            problems: RefCell::default(),
            asked: RefCell::default(),
        }
    }

    /// The folder the file stands in, absolute: what relative paths in it are relative to.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path written in this file, as it is to be shown: not made absolute.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }

    /// The place of the byte at `at` under `key`.
    pub(super) fn place(&self, at: usize, key: String) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = line
            .checked_sub(1)
            .and_then(|i| self.line_starts.get(i))
            .copied()
            .unwrap_or(0);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count()) + 1;
        Place {
            file: Rc::clone(&self.file),
            line,
            column,
            key,
        }
    }

    /// Notes a problem.
    pub(super) fn problem(&self, place: &Place, message: Say, hint: Option<Say>) {
        let mut problems = self.problems.borrow_mut();
        let nth = problems.len();
        problems.push((nth, Problem::new(place, message, hint)));
    }

    /// How many problems have been noted so far.
    pub(super) fn problem_count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Notes that `key` is one that a section of the shape `pattern` may have.
    pub(super) fn ask(&self, pattern: &str, key: &str) {
        let mut asked = self.asked.borrow_mut();
        let keys = match asked.get_mut(pattern) {
            Some(keys) => keys,
            None => asked.entry(pattern.to_owned()).or_default(),
        };
        if !keys.contains(key) {
            keys.insert(key.to_owned());
        }
    }

    /// The keys that sections of the shape `pattern` may have.
    pub(super) fn asked(&self, pattern: &str) -> BTreeSet<String> {
        self.asked.borrow().get(pattern).cloned().unwrap_or_default()
    }

    /// Everything noted, by line; and every key that was asked for, as `section.key`.
    pub(super) fn into_parts(self) -> (Vec<Problem>, BTreeSet<String>) {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(nth, p)| (p.line, p.column, *nth));
        let asked = self.asked.into_inner();
        let full = |(pattern, keys): (String, BTreeSet<String>)| {
            let dot = if pattern.is_empty() { "" } else { "." };
            keys.into_iter()
                .map(move |key| format!("{pattern}{dot}{key}"))
                .collect::<Vec<_>>()
        };
        (
            problems.into_iter().map(|(_, p)| p).collect(),
            asked.into_iter().flat_map(full).collect(),
        )
    }

    /// The tables of the file, or `None` with the syntax errors noted, one a line of the file.
    pub(super) fn parse(&self) -> Option<DeTable<'t>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            return Some(table.into_inner());
        }
        let mut places: Vec<Place> = Vec::new();
        for error in errors {
            let at = error.span().map_or(self.text.len(), |span| span.start);
            let place = self.place(at, String::new());
            if places.iter().any(|p| p.line == place.line) || SYNTAX_ERRORS_MAX <= places.len() {
                continue;
            }
            let told = error.message();
            let hint = syntax_ja(told).map(|ja| Say::new(ja, told));
            match hint {
                Some(say) => self.problem(&place, say, None),
                None => self.problem(
                    &place,
                    say!("TOML として読めません（{told}）。", "not valid TOML: {told}"),
                    None,
                ),
            }
            places.push(place);
        }
        None
    }
}

/// What the TOML reader's message means, for Japanese readers.
fn syntax_ja(message: &str) -> Option<&'static str> {
    let says = [
        ("duplicate key", "同じ項目（または表）が二度書かれています。"),
        (
            "string values must be quoted",
            "値がないか、文字列が \"…\" で囲まれていません。",
        ),
        ("missing opening quote", "引用符の始まりがありません。"),
        (
            "invalid basic string",
            "文字列の書き方が正しくありません（引用符が閉じているか、\\ の後の文字を確かめてください）。",
        ),
        (
            "missing escaped value",
            "\\ の後の文字が正しくありません。そのままの文字列は '…' で囲めます。",
        ),
        ("too few unicode value digits", "\\u の後の桁数が足りません。"),
        ("missing comma", "要素の間にコンマがありません。"),
        ("extra comma", "余分なコンマがあります。"),
        ("missing assignment", "項目名の後に「=」がありません。"),
        ("extra assignment", "余分な「=」があります。"),
        ("extra `=`", "余分な「=」があります。"),
        ("unexpected `=` in array", "一覧の中に「=」があります。"),
        ("missing value", "「=」の後に値がありません。"),
        ("key with no value", "項目名だけで値がありません。"),
        ("unclosed array table", "[[…]] が閉じていません。"),
        ("unclosed array", "一覧 […] が閉じていません。"),
        ("unclosed inline table", "表 {…} が閉じていません。"),
        ("unclosed table", "見出し […] が閉じていません。"),
        (
            "invalid unquoted key",
            "項目名に使えない文字があります。日本語などの項目名は \"…\" で囲んでください。",
        ),
        ("unquoted keys cannot be empty", "項目名がありません。"),
        ("keys cannot be multi-line", "項目名は一行で書いてください。"),
        ("unexpected leading zero", "数の先頭に余分な 0 があります。"),
        (
            "cannot extend value",
            "すでに値のある項目を表として続けることはできません。",
        ),
        (
            "carriage return must be followed by newline",
            "改行が正しくありません（CR だけの改行は使えません）。",
        ),
        ("invalid comment character", "注釈に使えない制御文字があります。"),
        ("recursion limit", "入れ子が深すぎます。"),
        ("cannot recurse further", "入れ子が深すぎます。"),
        (
            "unexpected key or value",
            "ここには何も書けません（改行がないか、コンマや引用符が抜けています）。",
        ),
        (
            "unexpected content",
            "ここには何も書けません（改行がないか、コンマや引用符が抜けています）。",
        ),
        ("invalid", "値の書き方が正しくありません。"),
    ];
    says.into_iter()
        .find(|(start, _)| message.starts_with(start))
        .map(|(_, ja)| ja)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let doc = Doc::new(Path::new("a.toml"), "x = 1\n税 = 2\n");
        let at = "x = 1\n税 ".len();
        let place = doc.place(at, String::new());
        assert_eq!((place.line, place.column), (2, 3));
    }

    #[test]
    fn several_syntax_errors_are_told_with_their_lines() {
        let doc = Doc::new(Path::new("a.toml"), "a = \nb = 1\nb = 2\nc = [1, 2\n");
        assert!(doc.parse().is_none());
        let lines: Vec<usize> = doc.into_parts().0.iter().map(|p| p.line).collect();
        assert!(lines.starts_with(&[1, 3]), "{lines:?}");
    }

    #[test]
    fn whatever_the_text_reading_ends_with_tables_or_problems() {
        for text in [
            "",
            "\u{feff}a = 1",
            "[[[",
            "\0",
            "a = \"\\q\"",
            "= 1",
            "[a]\n[a]",
            &"[".repeat(500),
        ] {
            let doc = Doc::new(Path::new("a.toml"), text);
            let read = doc.parse().is_some();
            assert_eq!(read, doc.into_parts().0.is_empty(), "{text:?}");
        }
    }
}
