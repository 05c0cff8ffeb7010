use super::*;
use crate::clock::ManualClock;
use crate::config::Config;
use crate::source::NotifyWake;

const HEADER: &str = "職員番号,利用者ID,権限終了日\n";

struct Office {
    folder: tempfile::TempDir,
    registrar: Registrar,
    asked: Receiver<Request>,
}

fn now(secs: i64) -> WallTime {
    WallTime::from_secs(1_795_186_800 + secs)
}

fn office() -> Office {
    let folder = tempfile::tempdir().unwrap();
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/quickstart.toml");
    let mut config: Config = crate::config::load(&quickstart).unwrap().config;
    config.accounts.lang = crate::text::Lang::En;
    config.accounts.path = folder.path().join("accounts.csv");
    config.accounts.drop_folder = Some(folder.path().join("drop"));
    std::fs::create_dir(folder.path().join("drop")).unwrap();
    std::fs::write(&config.accounts.path, format!("{HEADER}1,u1,\n2,u2,\n")).unwrap();
    let path = folder.path().join("s.db");
    let mut store = Store::open(&path).unwrap();
    let version = setup::register_in_force(&config, &mut store, now(0)).unwrap().version;
    let (requests, asked) = std::sync::mpsc::sync_channel(8);
    let (_, told) = std::sync::mpsc::sync_channel(1);
    let first = stamp(&config.accounts.path).unwrap();
    let registrar = Registrar {
        store: path,
        clock: Arc::new(ManualClock::new(now(0))),
        version,
        naming: Arc::default(),
        requests,
        poker: NotifyWake::new().poker(),
        told,
        seen: BTreeMap::new(),
        considered: BTreeMap::from([(config.accounts.path.clone(), first)]),
        untold: Vec::new(),
        stale_told: None,
        known: None,
        accounts: config.accounts,
    };
    Office {
        folder,
        registrar,
        asked,
    }
}

impl Office {
    /// What the ingest thread is asked after two looks at files that stand still.
    fn looks(&mut self, at: i64) -> Vec<Request> {
        self.registrar.look(now(at)).unwrap();
        self.registrar.look(now(at + 5)).unwrap();
        self.asked.try_iter().collect()
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("drop").join(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_file_that_changed_is_imported_once_it_stands_still() {
    let mut o = office();
    assert!(o.looks(0).is_empty());
    std::fs::write(&o.registrar.accounts.path, format!("{HEADER}1,u1,R8.3.31\n2,u2,\n")).unwrap();
    o.registrar.look(now(10)).unwrap();
    assert_eq!(o.asked.try_iter().count(), 0, "it may still be written");
    o.registrar.look(now(15)).unwrap();
    match o.asked.try_recv().unwrap() {
        Request::Register(register, version) => assert_eq!((version, register.accounts()), (2, 2)),
        other => panic!("{other:?}"),
    }
    assert!(o.looks(20).is_empty(), "once");
}

#[test]
fn a_dropped_register_is_taken_or_refused_with_the_reason_beside_it() {
    let mut o = office();
    let drop = o.folder.path().join("drop");
    std::fs::write(drop.join("a.csv"), format!("{HEADER}1,u1,\n2,u2,\n3,u3,\n")).unwrap();
    std::fs::write(drop.join("b.csv"), format!("{HEADER}1,u1,\n2,u2,R8.4.31\n")).unwrap();
    std::fs::write(drop.join("c.tmp"), "not yet").unwrap();
    let asked = o.looks(0);
    match asked.as_slice() {
        [Request::Notify(notice), Request::Register(register, 2)] => {
            let Notice::RegisterRefused(why) = notice.as_ref() else {
                panic!("{notice:?}")
            };
            assert!(
                why.contains("b.csv: line 3, column 権限終了日") && why.ends_with("version 2 stays in force"),
                "{why}"
            );
            assert_eq!(register.accounts(), 3);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(o.files("imported"), ["2026-11-21T000005-a.csv"]);
    assert_eq!(
        o.files("refused"),
        ["2026-11-21T000005-b.csv", "2026-11-21T000005-b.txt"]
    );
    assert_eq!(o.files(""), ["c.tmp", "imported", "refused"]);
}

#[test]
fn what_a_command_imported_comes_into_force() {
    let mut o = office();
    let by_hand = o.folder.path().join("x.csv");
    std::fs::write(&by_hand, format!("{HEADER}1,u1,\n9,u9,\n")).unwrap();
    let mut store = Store::open(&o.registrar.store).unwrap();
    let offer = import::read(&o.registrar.accounts, &by_hand).unwrap();
    import::take(
        &mut store,
        &o.registrar.accounts,
        &offer,
        ("1", ""),
        import::Known::default(),
        now(1),
    )
    .unwrap();
    let asked = o.looks(2);
    assert!(
        matches!(asked.as_slice(), [Request::Register(register, 2)] if register.find(b"u9").is_some()),
        "{asked:?}"
    );
}

#[test]
fn a_register_nobody_brings_any_more_is_told_once_a_day() {
    let mut o = office();
    let day = 86_400;
    assert!(o.looks(8 * day - 10).is_empty());
    let stale = |asked: Vec<Request>| match asked.as_slice() {
        [] => None,
        [Request::Notify(notice)] => match notice.as_ref() {
            Notice::RegisterStale { days, version, .. } => Some((*days, *version)),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(stale(o.looks(8 * day)), Some((8, 1)));
    assert_eq!(stale(o.looks(8 * day + 60)), None);
    assert_eq!(stale(o.looks(9 * day)), Some((9, 1)));
    // The same content, brought again.
    let drop = o.folder.path().join("drop/same.csv");
    std::fs::write(drop, format!("{HEADER}1,u1,\n2,u2,\n")).unwrap();
    assert_eq!(
        stale(o.looks(10 * day)),
        Some((10, 1)),
        "the first look comes before the import"
    );
    assert_eq!(stale(o.looks(11 * day)), None);
}
