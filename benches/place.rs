//! Placing: from a line's resource to the dataset, with five thousand patterns of every shape.
//!
//! `cargo bench --bench place`

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use sekimori::access::{DatasetId, Operation};
use sekimori::register::{DatasetSettings, Datasets, MatchSettings, Terms, Tier};

const DATASETS: usize = 5_000;
const LINES: usize = 4_096;

fn main() {
    divan::main();
}

fn dataset(n: usize, resource: String, operations: &[&str]) -> DatasetSettings {
    DatasetSettings {
        id: format!("d{n}"),
        title: String::new(),
        tier: Tier::A,
        owner: String::new(),
        registered: None,
        terms: Terms::default(),
        matches: vec![MatchSettings {
            sources: Vec::new(),
            resource,
            subject_query: None,
            operations: operations.iter().map(|o| (*o).to_owned()).collect(),
            class: Operation::View,
            records: None,
        }],
    }
}

/// Five thousand entries whose patterns `pattern` writes, and lines `line` writes, spread over all of them.
fn run(bencher: Bencher, pattern: impl Fn(usize) -> (String, String), line: impl Fn(usize) -> (String, String)) {
    let settings: Vec<DatasetSettings> = (0..DATASETS)
        .map(|n| {
            let (resource, operation) = pattern(n);
            let operations: &[&str] = if operation.is_empty() {
                &[]
            } else {
                &[operation.as_str()]
            };
            dataset(n, resource, operations)
        })
        .collect();
    let numbered: Vec<_> = (1u16..).map(DatasetId).zip(&settings).collect();
    let datasets = Datasets::new(&numbered, &["web"]);
    let lines: Vec<(usize, (String, String))> = (0..LINES)
        .map(|i| i * 2_654_435_761 % DATASETS)
        .map(|n| (n, line(n)))
        .collect();
    for (n, (operation, resource)) in &lines {
        let hit = datasets.resolve(0, operation.as_bytes(), resource.as_bytes());
        assert_eq!(
            hit.map(|h| usize::from(h.dataset.0)),
            Some(n + 1),
            "{operation} {resource}"
        );
    }
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        for (_, (operation, resource)) in &lines {
            black_box(datasets.resolve(0, black_box(operation.as_bytes()), black_box(resource.as_bytes())));
        }
    });
}

/// `/app17/d4017/{subject}/view`
#[divan::bench]
fn paths(bencher: Bencher) {
    run(
        bencher,
        |n| (format!("/app{}/d{n}/{{subject}}/view", n % 100), String::new()),
        |n| ("GET".into(), format!("/app{}/d{n}/0012345678/view?page=2", n % 100)),
    );
}

/// `/app/d4017-*/list`: a star inside a segment.
#[divan::bench]
fn stars_in_segments(bencher: Bencher) {
    run(
        bencher,
        |n| (format!("/app/d{n}-*/list"), String::new()),
        |n| ("GET".into(), format!("/app/d{n}-2026/list")),
    );
}

/// Names of tables, without a slash.
#[divan::bench]
fn tables(bencher: Bencher) {
    run(
        bencher,
        |n| (format!("JUKI.TBL_{n:05}"), String::new()),
        |n| ("SELECT".into(), format!("JUKI.TBL_{n:05}")),
    );
}

/// Names of functions with a star at their end.
#[divan::bench]
fn functions_with_stars(bencher: Bencher) {
    run(
        bencher,
        |n| (format!("業務{n:05}*"), String::new()),
        |n| ("照会".into(), format!("業務{n:05}異動一覧")),
    );
}

/// One resource, told apart by the operation alone.
#[divan::bench]
fn operations(bencher: Bencher) {
    run(
        bencher,
        |n| ("*".into(), format!("F{n:05}")),
        |n| (format!("f{n:05}"), "住民記録".into()),
    );
}
