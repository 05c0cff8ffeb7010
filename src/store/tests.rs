use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::access::{
    Access, Amount, LineRef, Marks, Operation, Outcome, SegmentId, SourceId, Standing, Subject, WhoId,
};
use crate::clock::{EventTime, WallTime};
use crate::detect::book::{Book, DayNumber, History, Select, place};
use crate::detect::page::Page;
use crate::parse::Why;
use crate::parse::place::WhoIds;
use crate::source::{Cause, ChunkHash, Incarnation, Phase, Proof, SegmentState, SourceEvent, SourceEventKind};

mod alerts;
mod opening;
mod outbox;
mod plans;
mod register;

/// 2026-11-21T00:00:00+09:00.
const MIDNIGHT: i64 = 1_795_186_800;

fn at(secs: i64) -> WallTime {
    WallTime::from_secs(MIDNIGHT + secs)
}

/// A store in a folder of its own, with source 1 and dataset 1.
struct Place {
    folder: TempDir,
    store: Store,
}

fn made() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("s.db")).unwrap();
    assert_eq!(store.source_ids(&["web"]).unwrap(), [SourceId(1)]);
    assert_eq!(store.dataset_ids(&["juki"]).unwrap(), [crate::access::DatasetId(1)]);
    Place { folder, store }
}

impl Place {
    fn path(&self) -> PathBuf {
        self.folder.path().join("s.db")
    }

    /// Every row of every table, as text.
    fn dump(&self) -> String {
        let conn = Connection::open(self.path()).unwrap();
        let mut tables = conn
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            .unwrap();
        let tables: Vec<String> = tables
            .query_map([], |r| r.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut out = String::new();
        for table in tables {
            let mut all = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = all.column_count();
            let mut rows = all.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let cells: Vec<String> = (0..columns).map(|i| format!("{:?}", row.get_ref(i).unwrap())).collect();
                out += &format!("{table}: {}\n", cells.join(" "));
            }
        }
        out
    }
}

fn segment(id: i64, position: u64) -> SegmentState {
    SegmentState {
        id: SegmentId(id),
        source: SourceId(1),
        path: "/var/log/\u{4f4f}.log".into(),
        incarnation: Incarnation {
            dev: u64::MAX,
            ino: 7,
            btime: -1,
            generation: u64::MAX / 2,
        },
        position,
        inside: false,
        lines: position / 10,
        head: Proof { len: 4, hash: [1; 32] },
        window: Proof {
            len: 9,
            hash: [255; 32],
        },
        phase: Phase::Live,
        format_state: vec![0, 255],
        last_read: at(5),
        caught_at: at(4),
        origin: 3,
        part: Proof { len: 9, hash: [7; 32] },
        chain: [8; 32],
        boot: u128::MAX - 1,
        marks: vec![1, 2],
    }
}

fn access(who: u32, secs: i64, records: u64, subject: u64) -> Access {
    Access {
        at: LineRef::default(),
        source: SourceId(1),
        time: EventTime::from_secs(MIDNIGHT + secs),
        who: WhoId(who),
        standing: Standing::Valid,
        marks: Marks::NONE,
        dataset: crate::access::DatasetId(1),
        operation: Operation::Export,
        outcome: Outcome::Success,
        records: Amount::Known(records),
        bytes: Amount::Unknown,
        subject: Some(Subject(subject)),
        trace: crate::access::Trace::default(),
    }
}

/// What a batch of a test consists of.
#[derive(Default)]
struct Parts {
    segments: Vec<(SegmentState, Option<u64>)>,
    chunks: Vec<ChunkHash>,
    accesses: Vec<Access>,
    names: NewNames,
}

fn commit_with(
    store: &mut Store,
    parts: &Parts,
    decide: &mut dyn FnMut(&mut AlertDesk<'_, '_>) -> Result<(), StoreError>,
) -> Result<Committed, StoreError> {
    let mut book = Book::default();
    parts.accesses.iter().for_each(|a| book.add(a));
    let lines = u64::try_from(parts.accesses.len()).unwrap();
    let event = SourceEvent {
        source: SourceId(1),
        segment: Some(SegmentId(1)),
        kind: SourceEventKind::Truncated,
        cause: Cause::Unexplained,
        lo: 1,
        hi: 2,
        detail: "d".into(),
        at: at(0),
    };
    let reject = RejectCount {
        source: SourceId(1),
        why: Why::Shape,
        lines: 2,
        last: LineRef::default(),
    };
    let batch = Batch {
        segments: &parts.segments,
        chunks: &parts.chunks,
        begun: &[],
        events: std::slice::from_ref(&event),
        book: &mut book,
        memos: &[],
        names: &parts.names,
        tallies: &[(
            SourceId(1),
            Tally {
                lines,
                bytes: lines * 10,
                newest: 5,
                ..Tally::default()
            },
        )],
        rejects: &[reject],
        archive: &ArchiveBatch::default(),
        day: 20_778,
        now: at(0),
    };
    store.commit(batch, decide)
}

fn commit(store: &mut Store, parts: &Parts) -> Result<Committed, StoreError> {
    commit_with(store, parts, &mut |_| Ok(()))
}

/// Names the next batch adds.
fn named(store: &Store, people: &[&str]) -> NewNames {
    let mut names = store.names().unwrap();
    for person in people {
        names.person(person);
    }
    names.take_added()
}

fn pages(store: &Store, select: Select, from: DayNumber, to: DayNumber) -> Vec<(DayNumber, Page)> {
    let names = store.names().unwrap();
    let mut out = Vec::new();
    let mut history = PageHistory {
        store,
        names: &names,
        key: None,
        lists: None,
    };
    history
        .pages(select, from, to, &mut |day, _, page| out.push((day, page.clone())))
        .unwrap();
    out
}

#[test]
fn a_batch_is_there_whole_and_the_next_one_adds_to_it() {
    let mut p = made();
    let who = named(&p.store, &["012345"]);
    let first = Parts {
        chunks: Vec::new(),
        segments: vec![(segment(1, 100), None)],
        accesses: vec![access(1, 0, 5, 1), access(1, 10, 7, 2)],
        names: who,
    };
    commit(&mut p.store, &first).unwrap();
    let second = Parts {
        chunks: Vec::new(),
        segments: vec![(segment(1, 250), Some(100))],
        accesses: vec![access(1, 10, 1, 2)],
        names: NewNames::default(),
    };
    commit(&mut p.store, &second).unwrap();
    let kept = p.store.segments(SourceId(1)).unwrap();
    assert_eq!(kept, [segment(1, 250)]);
    assert_eq!(p.store.next_segment().unwrap(), SegmentId(2));
    let day = place(access(1, 0, 0, 0).time).0;
    for select in [
        Select::Person(WhoId(1)),
        Select::PersonDataset(WhoId(1), crate::access::DatasetId(1)),
        Select::DatasetByPerson(crate::access::DatasetId(1)),
    ] {
        let [(on, page)] = &pages(&p.store, select, day - 5, DayNumber::MAX)[..] else {
            panic!("{select:?}")
        };
        assert_eq!(
            (*on, page.total.accesses, page.total.records, page.distinct()),
            (day, 3, 13, 2)
        );
    }
    let everybody = pages(&p.store, Select::Dataset(crate::access::DatasetId(1)), day, day);
    assert_eq!(
        everybody
            .iter()
            .map(|e| (e.1.total.records, e.1.distinct()))
            .collect::<Vec<_>>(),
        [(13, 0)]
    );
    assert_eq!(pages(&p.store, Select::Person(WhoId(1)), day + 1, DayNumber::MAX), []);
    assert_eq!(
        pages(&p.store, Select::Person(WhoId(2)), DayNumber::MIN, DayNumber::MAX),
        []
    );
    let source = &p.store.sources().unwrap()[0];
    assert_eq!((source.amounts[0], source.amounts[1], source.newest), (3, 30, 5));
    assert_eq!(source.rejects, [("shape".to_owned(), 4)]);
}

#[test]
fn counters_are_grouped_as_asked_and_never_counted_twice() {
    let mut p = made();
    let who = named(&p.store, &["012345", "067890"]);
    let accesses = vec![access(1, 0, 5, 1), access(1, 90_000, 7, 1), access(2, 0, 1, 1)];
    commit(
        &mut p.store,
        &Parts {
            accesses,
            names: who,
            ..Parts::default()
        },
    )
    .unwrap();
    let day = place(access(1, 0, 0, 0).time).0;
    let rows = |by: CountBy| -> Vec<(Option<String>, Option<DayNumber>, u64)> {
        let rows = p.store.counts(by, day, day + 9).unwrap();
        rows.into_iter().map(|r| (r.who, r.day, r.amounts[1])).collect()
    };
    assert_eq!(rows(CountBy::default()), [(None, None, 13)]);
    let person = |name: &str| Some(name.to_owned());
    assert_eq!(
        rows(CountBy {
            person: true,
            ..CountBy::default()
        }),
        [(person("012345"), None, 12), (person("067890"), None, 1)]
    );
    let by_both = CountBy {
        person: true,
        day: true,
        ..CountBy::default()
    };
    let want = [
        (person("012345"), Some(day), 5),
        (person("067890"), Some(day), 1),
        (person("012345"), Some(day + 1), 7),
    ];
    assert_eq!(rows(by_both), want);
    assert_eq!(p.store.counts(CountBy::default(), day + 2, day + 9).unwrap(), []);
}

#[test]
fn an_error_in_the_middle_leaves_nothing_of_the_batch() {
    let mut p = made();
    let before = p.dump();
    let parts = Parts {
        chunks: Vec::new(),
        segments: vec![(segment(1, 100), None)],
        accesses: vec![access(1, 0, 5, 1)],
        names: named(&p.store, &["012345"]),
    };
    let mut mails = 0;
    let failed = commit_with(&mut p.store, &parts, &mut |desk| {
        let (id, number) = desk.next(2026)?;
        desk.put(&alerts::stored(id.0, &number))?;
        desk.evidence(id, &[LineRef::default()], 9)?;
        desk.step(id, at(0), "detected", "")?;
        desk.mail(&outbox::mail("m1", &["a@x"], 0))?;
        mails += 1;
        Err(StoreError::because("no"))
    });
    assert!(matches!(failed, Err(StoreError::Refused(_))));
    assert_eq!((mails, p.dump()), (1, before));
    // And the same batch goes through when nothing is in its way.
    commit(&mut p.store, &parts).unwrap();
    assert_eq!(p.store.segments(SourceId(1)).unwrap().len(), 1);
}

#[test]
fn a_position_that_somebody_else_moved_fails_the_batch() {
    let mut p = made();
    let begin = Parts {
        segments: vec![(segment(1, 100), None), (segment(2, 0), None)],
        ..Parts::default()
    };
    commit(&mut p.store, &begin).unwrap();
    let before = p.dump();
    let replayed = Parts {
        segments: vec![(segment(2, 10), Some(0)), (segment(1, 200), Some(50))],
        accesses: vec![access(1, 0, 1, 1)],
        ..Parts::default()
    };
    assert!(matches!(commit(&mut p.store, &replayed), Err(StoreError::Moved(1))));
    let unknown = Parts {
        segments: vec![(segment(9, 200), Some(50))],
        ..Parts::default()
    };
    assert!(matches!(commit(&mut p.store, &unknown), Err(StoreError::Moved(9))));
    let twice = Parts {
        segments: vec![(segment(1, 200), None)],
        ..Parts::default()
    };
    assert!(
        commit(&mut p.store, &twice).is_err(),
        "a segment that is there already is not new"
    );
    assert_eq!(p.dump(), before);
}

#[test]
fn a_full_disk_says_so_loses_nothing_and_goes_on_when_there_is_room() {
    let mut p = made();
    let before = p.dump();
    let many = Parts {
        segments: vec![(segment(1, 100), None)],
        accesses: (0..4_000)
            .map(|i| access(u32::try_from(i % 800).unwrap() + 1, i * 20, 1, 1))
            .collect(),
        ..Parts::default()
    };
    p.store.limit_pages(1).unwrap();
    let full = commit(&mut p.store, &many).unwrap_err();
    assert!(matches!(full, StoreError::Full) && full.is_transient(), "{full}");
    assert!(full.to_string().contains("free space"), "{full}");
    assert_eq!(p.dump(), before);
    p.store.limit_pages(1 << 30).unwrap();
    commit(&mut p.store, &many).unwrap();
    assert_eq!(
        p.store.counts(CountBy::default(), 0, i32::MAX).unwrap()[0].amounts[0],
        4_000
    );
}

#[test]
fn what_happened_to_the_bytes_is_stored_with_their_positions_or_not_at_all() {
    let mut p = made();
    let events = |store: &Store| -> i64 {
        let mut count = store.conn.prepare("SELECT count(*) FROM source_event").unwrap();
        count.query_row([], |r| r.get(0)).unwrap()
    };
    let before = events(&p.store);
    let moved = Parts {
        segments: vec![(segment(1, 100), Some(77))],
        ..Parts::default()
    };
    commit(&mut p.store, &moved).unwrap_err();
    assert_eq!(events(&p.store), before);
    commit(&mut p.store, &Parts::default()).unwrap();
    assert_eq!(events(&p.store), before + 1);
}

#[test]
fn a_failed_batch_gives_no_id_to_two_names() {
    let mut p = made();
    let mut names = p.store.names().unwrap();
    let lost = [names.person("a"), names.account("b"), names.person("b")];
    assert_eq!(
        lost,
        [WhoId(1), WhoId(2), WhoId(3)],
        "a person and an account of one name are two"
    );
    let parts = Parts {
        names: names.take_added(),
        ..Parts::default()
    };
    commit_with(&mut p.store, &parts, &mut |_| Err(StoreError::Busy)).unwrap_err();
    // The batch is read again, in another order.
    let mut names = p.store.names().unwrap();
    assert_eq!((names.person("c"), names.account("b")), (WhoId(1), WhoId(2)));
    let parts = Parts {
        names: names.take_added(),
        ..Parts::default()
    };
    commit(&mut p.store, &parts).unwrap();
    let mut again = p.store.names().unwrap();
    assert_eq!(
        (again.account("b"), again.person("c"), again.person("a")),
        (WhoId(2), WhoId(1), WhoId(3))
    );
    assert!(again.is_old(WhoId(2)) && !again.is_old(WhoId(3)) && again.is_old(WhoId(0)));
    assert_eq!(p.store.who(WhoId(2)).unwrap(), Some(("account".into(), "b".into())));
    assert_eq!(p.store.who(WhoId(3)).unwrap(), None);
    assert!(
        !made().store.names().unwrap().is_old(WhoId(0)),
        "a new store has no past"
    );
}

#[test]
fn an_id_once_given_to_a_dataset_or_source_is_never_anothers() {
    let mut p = made();
    let ids = p.store.dataset_ids(&["zei", "juki", "kaigo"]).unwrap();
    assert_eq!(ids.iter().map(|d| d.0).collect::<Vec<_>>(), [2, 1, 3]);
    let path = p.path();
    let mut again = Store::open(&path).unwrap();
    assert_eq!(
        again
            .dataset_ids(&["kaigo", "new"])
            .unwrap()
            .iter()
            .map(|d| d.0)
            .collect::<Vec<_>>(),
        [3, 4]
    );
    for _ in 0..50 {
        again.dataset_ids(&["juki", "zei", "kaigo"]).unwrap();
    }
    assert_eq!(
        again.dataset_ids(&["fifth"]).unwrap()[0].0,
        5,
        "starting again uses up no numbers"
    );
    assert_eq!(again.known_datasets().unwrap().len(), 5);
    assert_eq!(again.source_ids(&["other", "web"]).unwrap(), [SourceId(2), SourceId(1)]);
    assert_eq!(
        (
            again.source_name(SourceId(2)).unwrap(),
            again.source_name(SourceId(9)).unwrap()
        ),
        ("other".into(), String::new())
    );
    assert_eq!(again.dataset_name(crate::access::DatasetId(0)).unwrap(), "");
}

#[test]
fn numbers_beyond_what_sqlite_holds_stop_at_its_end() {
    let mut p = made();
    let parts = Parts {
        accesses: vec![access(1, 0, u64::MAX, 1), access(1, 1, u64::MAX, 1)],
        ..Parts::default()
    };
    commit(&mut p.store, &parts).unwrap();
    let counted = p
        .store
        .counts(
            CountBy {
                person: true,
                ..CountBy::default()
            },
            0,
            i32::MAX,
        )
        .unwrap();
    assert_eq!(counted[0].amounts[1], i64::MAX.unsigned_abs());
}

#[test]
fn a_damaged_page_is_an_error_and_not_an_empty_one() {
    let mut p = made();
    commit(
        &mut p.store,
        &Parts {
            accesses: vec![access(1, 0, 1, 1)],
            ..Parts::default()
        },
    )
    .unwrap();
    p.store.conn.execute("UPDATE book SET cells = x'ffff'", []).unwrap();
    let names = p.store.names().unwrap();
    let mut history = PageHistory {
        store: &p.store,
        names: &names,
        key: None,
        lists: None,
    };
    let read = history.pages(Select::Person(WhoId(1)), 0, i32::MAX, &mut |_, _, _| {});
    assert!(read.is_err_and(|e| e.to_string().contains("cannot be read")));
    let again = Parts {
        accesses: vec![access(1, 0, 1, 1)],
        ..Parts::default()
    };
    assert!(
        commit(&mut p.store, &again).is_err(),
        "nothing is counted on top of what cannot be read"
    );
}

#[test]
fn whoever_reads_a_scratch_store_waits_for_its_writer_as_long_as_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("scratch.db")).unwrap();
    assert_eq!(store.reader().unwrap().patience, BUSY);
    store.scratch().unwrap();
    assert!(100 * BUSY < store.reader().unwrap().patience);
}
