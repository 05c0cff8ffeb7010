//! Rust source as the house rules see it: code without comments and strings, strings apart, test code marked.

use std::path::Path;

use regex::Regex;

/// One Rust file.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Path from the root of the repository, with `/`.
    pub(crate) path: String,
    /// The text as it is.
    pub(crate) text: String,
    /// The text with comments and the contents of strings blanked; same lines, same columns.
    pub(crate) code: String,
    /// Strings with the line they begin on.
    pub(crate) strings: Vec<(usize, String)>,
    /// For each line (from 0) whether it is test code.
    pub(crate) test_lines: Vec<bool>,
}

impl SourceFile {
    /// Reads `text` as the file at `path`.
    pub(crate) fn new(path: &str, text: &str) -> SourceFile {
        let (code, strings) = blank(text);
        let all_tests = path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/");
        let test_lines = if all_tests {
            vec![true; text.lines().count()]
        } else {
            test_lines(&code)
        };
        SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            strings,
            test_lines,
        }
    }

    /// The module of the house this file belongs to: `alert` for `src/alert/text.rs`; `None` outside `src`.
    pub(crate) fn module(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        Some(rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs"))
    }

    /// Whether line `number` (from 1) is test code.
    pub(crate) fn is_test(&self, number: usize) -> bool {
        self.test_lines.get(number.saturating_sub(1)).copied().unwrap_or(false)
    }

    /// Lines of code with their number (from 1), comments and strings blanked.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(i, line)| (i + 1, line))
    }

    /// Every path of two or more names the code uses, `use` trees unfolded, with its line (from 1).
    pub(crate) fn paths(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let trees = Regex::new(r"(?s)\buse\s+([^;]+);").unwrap();
        for tree in trees.captures_iter(&self.code) {
            let text = tree.get(1).unwrap();
            unfold(text.as_str(), "", line_of(&self.code, text.start()), &mut found);
        }
        let inline = Regex::new(r"[A-Za-z_]\w*(?:\s*::\s*[A-Za-z_]\w*)+").unwrap();
        for path in inline.find_iter(&trees.replace_all(&self.code, blanked)) {
            found.push((
                line_of(&self.code, path.start()),
                path.as_str().split_whitespace().collect(),
            ));
        }
        found
    }
}

/// Files below `folders` of `root`, as paths from `root`, sorted; without build output, run-time state, git's and
/// hidden ones except `.ci`.
pub(crate) fn walk(root: &Path, folders: &[&str]) -> Vec<String> {
    let mut open: Vec<_> = folders.iter().map(|f| root.join(f)).collect();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let skipped = ["target", "var"].contains(&name.as_str()) || (name.starts_with('.') && name != ".ci");
            if skipped {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                let path = entry
                    .path()
                    .strip_prefix(root)
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push(path.trim_start_matches("./").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

/// The same number of bytes and lines, nothing to read.
fn blanked(captures: &regex::Captures<'_>) -> String {
    captures
        .get(0)
        .unwrap()
        .as_str()
        .bytes()
        .map(|b| if b == b'\n' { '\n' } else { ' ' })
        .collect()
}

/// `a::{b, c::d}` -> `a::b`, `a::c::d`, each with the line it stands on.
fn unfold(tree: &str, prefix: &str, line: usize, found: &mut Vec<(usize, String)>) {
    let Some(open) = tree.find('{') else {
        let name = tree
            .split(" as ")
            .next()
            .unwrap_or(tree)
            .split_whitespace()
            .collect::<String>();
        found.push((line, format!("{prefix}{name}")));
        return;
    };
    let stem: String = tree.chars().take(open).filter(|c| !c.is_whitespace()).collect();
    let inner = tree.get(open + 1..tree.rfind('}').unwrap_or(tree.len())).unwrap_or("");
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inner.get(from..at).unwrap_or("");
                let lead = part.len() - part.trim_start().len();
                if !part.trim().is_empty() {
                    let here = line + line_of(tree, open + 1 + from + lead) - 1;
                    unfold(part.trim(), &format!("{prefix}{stem}"), here, found);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// Marks the items behind `#[cfg(test)]` and `#[test]`.
fn test_lines(code: &str) -> Vec<bool> {
    let mut marks = vec![false; code.lines().count()];
    for (at, _) in code.match_indices("#[cfg(test)]").chain(code.match_indices("#[test]")) {
        let rest = code.get(at..).unwrap_or("");
        let (mut depth, mut end) = (0, rest.len());
        for (i, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if (c == '}' || c == ';') && depth == 0 {
                end = i;
                break;
            }
        }
        let (first, last) = (line_of(code, at), line_of(code, at + end));
        for mark in marks.iter_mut().take(last).skip(first - 1) {
            *mark = true;
        }
    }
    marks
}

/// Blanks comments and the contents of strings; returns the strings apart.
fn blank(text: &str) -> (String, Vec<(usize, String)>) {
    // In this order: comments, raw strings, strings, characters. A lifetime is none of them.
    let comment = r"//[^\n]*|(?s:/\*.*?\*/)";
    let raw = r####"(?s:\bb?r"[^"]*"|\bb?r#".*?"#|\bb?r##".*?"##|\bb?r###".*?"###)"####;
    let string = r#"(?s:"(?:\\.|[^"\\])*")"#;
    let character = r"'(?:\\[^\n]{1,8}?|[^\\'\n])'";
    let token = Regex::new(&format!(
        "(?P<comment>{comment})|(?P<string>{raw}|{string})|(?P<character>{character})"
    ))
    .unwrap();
    let mut strings = Vec::new();
    let code = token.replace_all(text, |found: &regex::Captures<'_>| {
        if let Some(string) = found.name("string") {
            strings.push((line_of(text, string.start()), string.as_str().to_owned()));
        }
        blanked(found)
    });
    (code.into_owned(), strings)
}

#[test]
fn comments_and_strings_are_not_code() {
    let file = SourceFile::new(
        "src/a.rs",
        "let a = \"crate::x // \\\" no\"; // crate::y\n/* crate::z */ let b = 'c'; r#\"a\"b\"#;\n",
    );
    assert_eq!(
        file.code.split_whitespace().collect::<Vec<_>>(),
        ["let", "a", "=", ";", "let", "b", "=", ";", ";"]
    );
    assert_eq!(
        file.strings,
        [(1, "\"crate::x // \\\" no\"".to_owned()), (2, "r#\"a\"b\"#".to_owned())]
    );
}

#[test]
fn use_trees_unfold_with_their_lines() {
    let file = SourceFile::new(
        "src/a.rs",
        "use crate::{\n    b::{C, D},\n    e,\n};\nfn f() { std::fs::read(1) }\n",
    );
    let paths: Vec<String> = file
        .paths()
        .into_iter()
        .map(|(line, path)| format!("{line} {path}"))
        .collect();
    assert_eq!(
        paths,
        ["2 crate::b::C", "2 crate::b::D", "3 crate::e", "5 std::fs::read"]
    );
}

#[test]
fn code_behind_cfg_test_is_test_code() {
    let file = SourceFile::new(
        "src/a.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n",
    );
    assert_eq!(file.test_lines, [false, true, true, true, true, false]);
}
