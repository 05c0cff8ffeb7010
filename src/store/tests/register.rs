//! Versions of the account register.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn texts(store: &Store, version: i64) -> Vec<String> {
    store
        .register_rows(version)
        .unwrap()
        .into_iter()
        .map(|(_, text)| text)
        .collect()
}

fn put(store: &mut Store, added: &[&str], ended: &[&str], secs: i64) -> i64 {
    let lock = Importing::begin(store.path()).unwrap();
    let rows = store
        .register_version()
        .unwrap()
        .map_or_else(Vec::new, |v| store.register_rows(v.id).unwrap());
    let mut ends = Ended::default();
    for (id, text) in &rows {
        ends.next(*id, ended.contains(&text.as_str()));
    }
    assert_eq!(ends.rows(), ended.len() as u64);
    let new = NewRegister {
        by: "012345".into(),
        rows: 2,
        ..NewRegister::default()
    };
    store.put_register(&lock, &new, added, &ends, at(secs)).unwrap()
}

#[test]
fn every_version_can_be_read_again() {
    let mut p = made();
    assert_eq!(p.store.register_version().unwrap(), None);
    assert_eq!(put(&mut p.store, &["a", "b"], &[], 1), 1);
    assert_eq!(put(&mut p.store, &["c"], &["a"], 2), 2);
    assert_eq!(put(&mut p.store, &["a"], &["b", "c"], 3), 3);
    assert_eq!(texts(&p.store, 1), ["a", "b"]);
    assert_eq!(texts(&p.store, 2), ["b", "c"]);
    assert_eq!(texts(&p.store, 3), ["a"]);
    let newest = p.store.register_version().unwrap().unwrap();
    assert_eq!((newest.id, newest.added, newest.ended), (3, 1, 2));
    assert_eq!(
        (newest.import.by.as_str(), newest.imported_at, newest.refreshed_at),
        ("012345", at(3), at(3))
    );
    p.store.refresh_register(3, at(9)).unwrap();
    let versions = p.store.register_versions(2).unwrap();
    let told: Vec<_> = versions.iter().map(|v| (v.id, v.refreshed_at)).collect();
    assert_eq!(told, [(3, at(9)), (2, at(2))]);
}

#[test]
fn an_import_that_was_interrupted_changes_nothing_and_is_cleared_away() {
    let mut p = made();
    put(&mut p.store, &["a", "b"], &[], 1);
    // As a crash between the chunks leaves it: rows and ends of version 2, and no version 2.
    p.store
        .conn
        .execute("INSERT INTO register_row (since, text) VALUES (2, 'x')", [])
        .unwrap();
    p.store
        .conn
        .execute(
            "INSERT INTO register_row_end (first, last, version) VALUES (1, 2, 2)",
            [],
        )
        .unwrap();
    assert_eq!(texts(&p.store, 1), ["a", "b"]);
    assert_eq!(put(&mut p.store, &["c"], &[], 2), 2);
    assert_eq!(texts(&p.store, 2), ["a", "b", "c"]);
    let rows: i64 = p
        .store
        .conn
        .query_row("SELECT count(*) FROM register_row", [], |r| r.get(0))
        .unwrap();
    assert_eq!(rows, 3);
}

proptest! {
    // Each case opens a store.
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn every_version_is_what_was_brought_however_rows_come_and_go(
        versions in prop::collection::vec(prop::collection::btree_set(0u8..24, 0..16), 1..9),
    ) {
        let mut p = made();
        let mut before: BTreeSet<u8> = BTreeSet::new();
        for (rows, n) in versions.iter().zip(1..) {
            let text = |set: Vec<&u8>| set.into_iter().map(u8::to_string).collect::<Vec<_>>();
            let (added, ended) = (text(rows.difference(&before).collect()), text(before.difference(rows).collect()));
            let added: Vec<&str> = added.iter().map(String::as_str).collect();
            let ended: Vec<&str> = ended.iter().map(String::as_str).collect();
            prop_assert_eq!(put(&mut p.store, &added, &ended, n), n);
            before.clone_from(rows);
        }
        for (rows, n) in versions.iter().zip(1..) {
            let mut kept = texts(&p.store, n);
            kept.sort_unstable_by_key(|text| text.parse::<u8>().unwrap());
            prop_assert_eq!(kept, rows.iter().map(u8::to_string).collect::<Vec<_>>());
        }
    }
}
