//! Placing: from a line's resource to the dataset, with five thousand patterns of every shape; from account and
//! resource to person, rights and dataset, with two hundred thousand accounts; and what an import of those costs.
//!
//! `cargo bench --bench place`

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use sekimori::access::{DatasetId, LineRef, Operation, SourceId, WhoId};
use sekimori::clock::EventTime;
use sekimori::parse::Record;
use sekimori::parse::place::{Placed, Placer, SubjectKey, WhoIds};
use sekimori::register::accounts::{Sheet, changes};
use sekimori::register::{DatasetSettings, Datasets, MatchSettings, Naming, Register, Terms, Tier};

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
            class: Some(Operation::View),
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

const ACCOUNTS: usize = 200_000;

/// A register as an agency exports it: rights by 業務, a tenth of the people with a second post.
fn csv(changed: usize) -> String {
    let mut text = String::from("職員番号,利用者ID,区分,所属名,業務区分,権限,権限開始日,権限終了日,状態\n");
    for n in 0..ACCOUNTS {
        let to = if n < changed { "R8.9.30" } else { "R9.3.31" };
        let (section, task) = (n % 700, n % DATASETS);
        text += &format!("{n:06},tz{n:06},正規,第{section}課,d{task},照会・出力,R8.4.1,{to},在職\n");
    }
    text
}

fn register(text: &str) -> Register {
    Register::read(text.as_bytes()).unwrap_or_else(|e| unreachable!("{e}"))
}

#[derive(Default)]
struct Ids(u32);

impl WhoIds for Ids {
    fn person(&mut self, _: &str) -> WhoId {
        self.0 += 1;
        WhoId(self.0)
    }
    fn account(&mut self, name: &str) -> WhoId {
        self.person(name)
    }
}

/// Whole placing: account to person, standing and rights, resource to dataset; a few thousand people at work, in datasets
/// all over the place.
#[divan::bench]
fn accounts_and_resources(bencher: Bencher) {
    whole(bencher, LINES);
}

/// The same with each of the 200,000 at work, in no order: nothing that a line asks for was asked for lately.
#[divan::bench(sample_count = 20)]
fn every_account(bencher: Bencher) {
    whole(bencher, ACCOUNTS);
}

fn whole(bencher: Bencher, lines: usize) {
    let settings: Vec<DatasetSettings> = (0..DATASETS)
        .map(|n| dataset(n, format!("/app{}/d{n}/view", n % 100), &[]))
        .collect();
    let numbered: Vec<_> = (1u16..).map(DatasetId).zip(&settings).collect();
    let mut register = register(&csv(0));
    register.bind(&Naming::new(&numbered));
    let datasets = Datasets::new(&numbered, &["web"]);
    let mut placer = Placer::new(register.into(), Default::default(), datasets, SubjectKey::new(&[7; 32]));
    let surveyor = Arc::clone(placer.surveyor());
    let count = lines;
    let lines: Vec<(String, String)> = (0..count)
        .map(|i| (i * 2_654_435_761 % ACCOUNTS, i * 40_503 % DATASETS))
        .map(|(user, n)| (format!("tz{user:06}"), format!("/app{}/d{n}/view?page=2", n % 100)))
        .collect();
    let mut ids = Ids::default();
    let time = EventTime::from_secs(1_795_186_800);
    let mut place = |user: &str, resource: &str| {
        let record = Record {
            time: Some(time),
            user: Some(user.as_bytes().into()),
            operation: Some(b"GET".into()),
            resource: Some(resource.as_bytes().into()),
            status: Some(200),
            ..Record::default()
        };
        placer.place(&surveyor.survey(&record, 0), LineRef::default(), SourceId(1), &mut ids)
    };
    assert!(
        lines
            .iter()
            .all(|(user, resource)| matches!(place(user, resource), Placed::Access(_)))
    );
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        for (user, resource) in &lines {
            black_box(place(black_box(user), black_box(resource)));
        }
    });
}

/// Reading and compiling 200,000 rows.
#[divan::bench(sample_count = 5)]
fn a_register_is_read(bencher: Bencher) {
    let text = csv(0);
    bencher.bench_local(|| black_box(Sheet::read(black_box(text.as_bytes()), false)));
}

/// What six hundred transfers among 200,000 accounts change.
#[divan::bench(sample_count = 5)]
fn two_registers_are_compared(bencher: Bencher) {
    let (old, new) = (register(&csv(0)), register(&csv(600)));
    bencher.bench_local(|| {
        let found = changes(black_box(&old), black_box(&new));
        assert!(600 <= found.len());
    });
}
