//! One function a house rule: source files in, violations out, each as `path:line: what; what instead`.

use regex::Regex;

use super::source::SourceFile;

/// The modules from the top of the house to its foot: a module may use only modules that stand before it.
const ORDER: [&str; 19] = [
    "fault", "text", "clock", "calendar", "access", "register", "source", "parse", "detect", "alert", "evidence",
    "store", "report", "mail", "config", "pipeline", "service", "cli", "main",
];

/// Modules that decide and never do.
const PURE: [&str; 7] = ["calendar", "text", "access", "register", "parse", "detect", "alert"];

/// What a pure module may not reach for.
const IMPURE: [&str; 11] = [
    "std::fs",
    "std::thread",
    "std::net",
    "std::process",
    "std::env",
    "std::os",
    "tokio",
    "rusqlite",
    "lettre",
    "notify",
    "rustix",
];

/// Longest file, in lines without tests.
const FILE_LINES_MAX: usize = 500;

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|m| *m == module)
}

fn begins_with(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every module of `lib.rs` has its place in the order.
pub(crate) fn map(files: &[SourceFile]) -> Vec<String> {
    let module = Regex::new(r"^\s*(?:pub(?:\([a-z]+\))?\s+)?mod\s+(\w+)\s*;").unwrap();
    let mut bad = Vec::new();
    for file in files.iter().filter(|f| f.path == "src/lib.rs") {
        for (number, line) in file.lines() {
            let name = module.captures(line).map(|found| found[1].to_owned());
            if let Some(name) = name.filter(|name| rank(name).is_none()) {
                bad.push(format!("{}:{number}: module `{name}` has no place in the house; put it into ORDER in tests/it/tidy/house.rs", file.path));
            }
        }
    }
    bad
}

/// A module uses only modules above it.
pub(crate) fn order(files: &[SourceFile]) -> Vec<String> {
    let mut bad = Vec::new();
    for file in files {
        let Some(module) = file.module().filter(|m| *m != "lib") else {
            continue;
        };
        let Some(own) = rank(module) else { continue };
        let top = file.path == format!("src/{module}.rs") || file.path == format!("src/{module}/mod.rs");
        for (number, path) in file.paths() {
            if file.is_test(number) {
                continue;
            }
            let leaves = if top {
                begins_with(&path, "super")
            } else {
                begins_with(&path, "super::super") && file.path.matches('/').count() == 2
            };
            if leaves {
                bad.push(format!(
                    "{}:{number}: `{path}` leaves the module; write `crate::…`, so that the order can be read",
                    file.path
                ));
            }
            let target = path.strip_prefix("crate::").or_else(|| path.strip_prefix("sekimori::"));
            let Some(target) = target.and_then(|t| t.split("::").next()) else {
                continue;
            };
            if rank(target).is_some_and(|rank| own < rank) {
                bad.push(format!(
                    "{}:{number}: `{module}` may not use `{target}`, which stands below it; take what is needed as an argument, or move the type up",
                    file.path
                ));
            }
        }
    }
    bad
}

/// Pure modules reach for nothing outside.
pub(crate) fn purity(files: &[SourceFile]) -> Vec<String> {
    let mut bad = Vec::new();
    for file in files.iter().filter(|f| f.module().is_some_and(|m| PURE.contains(&m))) {
        for (number, path) in file.paths() {
            let impure = IMPURE.iter().any(|i| begins_with(path.trim_start_matches("::"), i));
            if impure && !file.is_test(number) {
                bad.push(format!(
                    "{}:{number}: `{path}` in a pure module; return a value and let `pipeline`, `store` or `service` act on it",
                    file.path
                ));
            }
        }
    }
    bad
}

/// SQL and rusqlite stand in `store` only.
pub(crate) fn sql(files: &[SourceFile]) -> Vec<String> {
    let statement = Regex::new(
        r"\b(SELECT\s|INSERT\s+(OR|INTO)\b|UPDATE\s+\w+\s+SET\b|DELETE\s+FROM\b|(CREATE|DROP|ALTER)\s+(TABLE|INDEX|VIEW)\b|PRAGMA\s|BEGIN\s+IMMEDIATE\b)",
    )
    .unwrap();
    let mut bad = Vec::new();
    for file in files.iter().filter(|f| f.module().is_some_and(|m| m != "store")) {
        for (number, string) in &file.strings {
            if statement.is_match(string) && !file.is_test(*number) {
                bad.push(format!(
                    "{}:{number}: SQL outside store/; write a query method there and call it",
                    file.path
                ));
            }
        }
        for (number, path) in file.paths() {
            if begins_with(&path, "rusqlite") && !file.is_test(number) {
                bad.push(format!(
                    "{}:{number}: `{path}` outside store/; use the store's own types",
                    file.path
                ));
            }
        }
    }
    bad
}

/// Only `clock.rs` reads the clock.
pub(crate) fn clock(files: &[SourceFile]) -> Vec<String> {
    let read = Regex::new(r"\b(SystemTime|Instant|Utc|Local)\s*::\s*now\b|UNIX_EPOCH\s*\.\s*elapsed\b").unwrap();
    let mut bad = Vec::new();
    for file in files
        .iter()
        .filter(|f| f.module().is_some() && f.path != "src/clock.rs")
    {
        for (number, line) in file.lines() {
            if read.is_match(line) {
                bad.push(format!(
                    "{}:{number}: reads the clock; take a `WallTime` as an argument (tests: ManualClock)",
                    file.path
                ));
            }
        }
    }
    bad
}

/// Only `cli` and `main` write to the terminal.
pub(crate) fn printing(files: &[SourceFile]) -> Vec<String> {
    let print = Regex::new(r"\be?print(ln)?!").unwrap();
    let mut bad = Vec::new();
    for file in files
        .iter()
        .filter(|f| f.module().is_some_and(|m| m != "cli" && m != "main"))
    {
        for (number, line) in file.lines() {
            if print.is_match(line) && !file.is_test(number) {
                bad.push(format!(
                    "{}:{number}: prints; return the text to `cli`, or log an event with tracing",
                    file.path
                ));
            }
        }
    }
    bad
}

/// No ignored test, no waiting by the clock.
pub(crate) fn tests(files: &[SourceFile]) -> Vec<String> {
    let ignored = Regex::new(r"#\[\s*ignore\b").unwrap();
    let sleeps = Regex::new(r"\bsleep(_until|_ms)?\s*\(").unwrap();
    let mut bad = Vec::new();
    for file in files {
        for (number, line) in file.lines() {
            if ignored.is_match(line) {
                bad.push(format!(
                    "{}:{number}: ignored test; mend it, or move what it needs into .ci/run",
                    file.path
                ));
            }
            if sleeps.is_match(line) && file.is_test(number) {
                bad.push(format!(
                    "{}:{number}: a test that sleeps; wait for the event itself with a time-out, or move a ManualClock",
                    file.path
                ));
            }
        }
    }
    bad
}

/// Every module opens with what it is for.
pub(crate) fn docs(files: &[SourceFile]) -> Vec<String> {
    files
        .iter()
        .filter(|file| !file.path.ends_with("/tests.rs"))
        .filter(|file| !file.text.trim_start().starts_with("//!"))
        .map(|file| {
            format!(
                "{}:1: no module doc; begin with `//!` what it is for, what it promises, what is not here",
                file.path
            )
        })
        .collect()
}

/// Lengths of the files of `src` without tests, as information, and those that are too long.
pub(crate) fn sizes(files: &[SourceFile]) -> (String, Vec<String>) {
    let mut lengths: Vec<(usize, &str)> = files
        .iter()
        .filter(|file| file.module().is_some() && !file.path.ends_with("/tests.rs"))
        .map(|file| {
            (
                file.test_lines.iter().filter(|test| !**test).count(),
                file.path.as_str(),
            )
        })
        .collect();
    lengths.sort_unstable();
    let at = |percent: usize| {
        lengths
            .get(lengths.len().saturating_sub(1) * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    let (longest, path) = at(100);
    let report = format!(
        "{} files in src, lines without tests: median {}, p90 {}, max {longest} ({path})",
        lengths.len(),
        at(50).0,
        at(90).0
    );
    let bad = lengths
        .iter()
        .filter(|(length, _)| FILE_LINES_MAX < *length)
        .map(|(length, path)| format!("{path}:1: {length} lines without tests, more than {FILE_LINES_MAX}; look for the second idea in it and give it a file"))
        .collect();
    (report, bad)
}

/// Texts name places of an installed system, not of the machine they were written on.
pub(crate) fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let private = Regex::new(concat!(
        r#"(^|[\s"'`(=])/(wo"#,
        r#"rk|ro"#,
        r#"ot|ho"#,
        r#"me|tmp/w"#,
        r"t)/"
    ))
    .unwrap();
    let lines = text.lines().enumerate().filter(|(_, line)| private.is_match(line));
    lines
        .map(|(i, _)| {
            format!(
                "{path}:{}: a path of somebody's machine; write one relative to the repository",
                i + 1
            )
        })
        .collect()
}

#[cfg(test)]
fn one(path: &str, text: &str) -> Vec<SourceFile> {
    vec![SourceFile::new(path, text)]
}

#[test]
fn an_import_that_points_down_is_named_with_its_place() {
    let bad = order(&one(
        "src/detect/book.rs",
        "use crate::access::Access;\nuse crate::{clock, store::Store};\n",
    ));
    assert_eq!(bad.len(), 1);
    assert!(
        bad[0].starts_with("src/detect/book.rs:2: `detect` may not use `store`"),
        "{bad:?}"
    );
    assert_eq!(order(&one("src/mail.rs", "use super::alert::Alert;\n")).len(), 1);
    assert_eq!(
        order(&one(
            "src/store/mod.rs",
            "use crate::detect;\nfn f() { crate::alert::decide() }\n"
        )),
        [""; 0]
    );
}

#[test]
fn each_rule_finds_what_it_is_for() {
    assert_eq!(map(&one("src/lib.rs", "pub mod text;\npub mod misc;\n")).len(), 1);
    assert_eq!(
        purity(&one(
            "src/alert/text.rs",
            "use std::{fmt, fs};\nfn notify() { tokio::spawn(x) }\n"
        ))
        .len(),
        2
    );
    assert_eq!(
        sql(&one(
            "src/report.rs",
            "let q = \"SELECT a FROM b\";\nlet no = \"please SELECT\";\n"
        ))
        .len(),
        1
    );
    assert_eq!(
        clock(&one("src/service/mod.rs", "let t = std::time::Instant::now();\n")).len(),
        1
    );
    assert_eq!(
        printing(&one("src/store/mod.rs", "println!();\n// println!\n")).len(),
        1
    );
    assert_eq!(
        tests(&one(
            "tests/it/x.rs",
            "#[test]\n#[ignore]\nfn a() { std::thread::sleep(b) }\n"
        ))
        .len(),
        2
    );
    assert_eq!(docs(&one("src/mail.rs", "use a;\n")).len(), 1);
    assert_eq!(sizes(&one("src/mail.rs", &"let a;\n".repeat(501))).1.len(), 1);
    assert_eq!(
        machine_paths("README.md", concat!("see /ho", "me/me/x\nand /var/lib/sekimori\n")).len(),
        1
    );
}
