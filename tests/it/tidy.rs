//! The house rules, read from the source. A rule that nothing checks is not a rule; each message names the place
//! and what to write instead.
//!
//! Not here: what the compiler and clippy check (`[lints]` in Cargo.toml, clippy.toml).

mod house;
mod licences;
mod source;

use std::path::Path;

use source::SourceFile;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the program, its tests and its benchmarks.
fn rust_files() -> Vec<SourceFile> {
    let files: Vec<SourceFile> = source::walk(root(), &["src", "tests", "benches"])
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .map(|path| SourceFile::new(&path, &std::fs::read_to_string(root().join(&path)).unwrap()))
        .collect();
    assert!(
        files.iter().any(|f| f.path == "src/lib.rs"),
        "no source found under {}",
        root().display()
    );
    files
}

/// Fails with all violations at once.
fn refuse(violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{} house rule violation(s):\n{}",
        violations.len(),
        violations.join("\n")
    );
}

#[test]
fn modules_use_only_modules_above_them() {
    let files = rust_files();
    let mut bad = house::order(&files);
    bad.extend(house::map(&files));
    refuse(&bad);
}

#[test]
fn pure_modules_touch_neither_files_nor_threads_nor_services() {
    refuse(&house::purity(&rust_files()));
}

#[test]
fn sql_stands_in_store_only() {
    refuse(&house::sql(&rust_files()));
}

#[test]
fn only_clock_reads_the_clock() {
    refuse(&house::clock(&rust_files()));
}

#[test]
fn only_the_command_line_prints() {
    refuse(&house::printing(&rust_files()));
}

#[test]
fn tests_neither_sleep_nor_hide() {
    refuse(&house::tests(&rust_files()));
}

#[test]
fn every_module_says_what_it_is_for() {
    refuse(&house::docs(&rust_files()));
}

#[test]
fn no_file_outgrows_a_reader() {
    let (sizes, bad) = house::sizes(&rust_files());
    println!("{sizes}");
    refuse(&bad);
}

#[test]
fn texts_name_no_path_of_a_developers_machine() {
    let mut bad = Vec::new();
    for path in source::walk(root(), &["."]) {
        if let Ok(text) = std::fs::read_to_string(root().join(&path)) {
            bad.extend(house::machine_paths(&path, &text));
        }
    }
    refuse(&bad);
}

#[test]
fn dependencies_are_licensed_and_none_is_banned() {
    let policy = licences::Policy::from_toml(&std::fs::read_to_string(root().join("deny.toml")).unwrap());
    let packages = licences::packages(root());
    assert!(
        packages.iter().any(|p| p.name == "rusqlite"),
        "the list of packages is not that of this program"
    );
    let bad: Vec<String> = packages.iter().filter_map(|p| policy.objection(p)).collect();
    refuse(&bad);
}
