//! The table of faults in the manual (`docs/faults.md`) names tests that exist.

use std::fs;
use std::path::Path;

use regex::Regex;

/// All Rust source below `dir`, as one text.
fn sources(dir: &Path, text: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|e| e == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn each_fault_of_the_manual_has_its_test_or_is_a_limit_that_is_said() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/faults.md")).unwrap();
    let mut code = String::new();
    sources(&root.join("src"), &mut code);
    sources(&root.join("tests"), &mut code);
    let tests: Vec<&str> = Regex::new(r"#\[test\]\s*fn (\w+)\(")
        .unwrap()
        .captures_iter(&code)
        .map(|c| c.get(1).unwrap().as_str())
        .collect();
    let named = Regex::new(r"`([a-z0-9_]{20,})`").unwrap();
    let (mut rows, mut gone) = (0, Vec::new());
    for row in page.lines().filter(|l| l.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{row}");
        if cells[2].trim() == "shown by" {
            continue;
        }
        rows += 1;
        let names: Vec<&str> = named
            .captures_iter(cells[2])
            .map(|c| c.get(1).unwrap().as_str())
            .collect();
        assert!(
            !names.is_empty() || cells[1].trim_start().starts_with("*limit*"),
            "neither a test nor a limit: {row}"
        );
        gone.extend(names.into_iter().filter(|n| !tests.contains(n)).map(str::to_owned));
    }
    assert!(45 < rows, "only {rows} rows");
    assert_eq!(
        gone,
        Vec::<String>::new(),
        "docs/faults.md names tests that do not exist"
    );
}
