//! Opening: what is a store, what is not, and who may hold it.

use super::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_store_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/s.db");
    let mut store = Store::open(&path).unwrap();
    store.set_meta("k", "v").unwrap();
    assert_eq!(mode(&path), 0o600);
    for beside in ["s.db-wal", "s.db-shm"] {
        assert_eq!(mode(&path.with_file_name(beside)), 0o600, "{beside}");
    }
    assert_eq!(
        (mode(&folder.path().join("a")), mode(&folder.path().join("a/b"))),
        (0o700, 0o700)
    );
    assert_eq!(store.path(), path);
}

#[test]
fn what_was_written_is_there_when_it_is_opened_again() {
    let mut p = made();
    p.store.set_meta("k", "1").unwrap();
    p.store.set_meta("k", "2").unwrap();
    p.store
        .note(
            at(3),
            &Journal {
                what: "w",
                detail: "d".into(),
            },
        )
        .unwrap();
    p.store.checkpoint().unwrap();
    let path = p.path();
    let again = Store::open(&path).unwrap();
    assert_eq!(
        (again.meta("k").unwrap().as_deref(), again.meta("x").unwrap()),
        (Some("2"), None)
    );
    let looking = Store::open_read(&path).unwrap();
    assert_eq!(looking.journal(9).unwrap(), [(at(3), "w".to_owned(), "d".to_owned())]);
    let pragma = |name: &str| {
        again
            .conn
            .pragma_query_value(None, name, |r| r.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(
        (pragma("synchronous"), pragma("foreign_keys"), pragma("secure_delete")),
        (2, 1, 1)
    );
    assert_eq!(
        (pragma("application_id"), pragma("user_version")),
        (APPLICATION, VERSION)
    );
}

#[test]
fn a_store_opened_for_looking_cannot_be_written() {
    let p = made();
    let mut looking = Store::open_read(&p.path()).unwrap();
    assert!(matches!(looking.set_meta("k", "v"), Err(StoreError::ReadOnly)));
    let missing = Store::open_read(&p.folder.path().join("none.db"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("none.db") && missing.contains("has sekimori run"),
        "{missing}"
    );
}

#[test]
fn an_empty_file_left_by_a_crash_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    std::fs::write(&path, "").unwrap();
    let looking = Store::open_read(&path).unwrap_err().to_string();
    assert!(looking.contains("start the daemon once"), "{looking}");
    Store::open(&path).unwrap().set_meta("k", "v").unwrap();
}

#[test]
fn two_that_open_a_new_store_at_once_both_get_it() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let path = folder.path().join(format!("{round}.db"));
        let opened = || Store::open(&path).map(|_| ()).map_err(|e| e.to_string());
        let both = std::thread::scope(|s| {
            let (a, b) = (s.spawn(opened), s.spawn(opened));
            (a.join().unwrap(), b.join().unwrap())
        });
        assert_eq!(both, (Ok(()), Ok(())));
    }
}

#[test]
fn a_file_of_a_newer_program_is_refused_untouched() {
    let p = made();
    p.store.conn.pragma_update(None, "user_version", VERSION + 1).unwrap();
    p.store.checkpoint().unwrap();
    let before = std::fs::read(p.path()).unwrap();
    for refused in [Store::open(&p.path()).map(drop), Store::open_read(&p.path()).map(drop)] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StoreError::Newer { found, .. } if found == VERSION + 1));
        assert!(
            refused.to_string().contains("install the newer sekimori again"),
            "{refused}"
        );
    }
    assert_eq!(std::fs::read(p.path()).unwrap(), before);
}

#[test]
fn a_damaged_file_is_refused_untouched_with_what_would_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let whole = {
        let p = made();
        p.store.checkpoint().unwrap();
        std::fs::read(p.path()).unwrap()
    };
    let mut broken_header = whole.clone();
    broken_header[..16].copy_from_slice(b"sqlite format 9\0");
    let noise: Vec<u8> = (0..9_000u32).map(|i| u8::try_from(i * 31 % 251).unwrap()).collect();
    for content in [noise, b"date,user\n".repeat(100), broken_header] {
        std::fs::write(&path, &content).unwrap();
        for refused in [Store::open(&path).map(drop), Store::open_read(&path).map(drop)] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
            assert!(refused.to_string().contains("restore the last backup"), "{refused}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

#[test]
fn another_programs_file_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    for setup in [
        "CREATE TABLE cookies (a)",
        "CREATE TABLE cookies (a); PRAGMA user_version = 1",
        "PRAGMA user_version = 7",
        "PRAGMA application_id = 5; CREATE TABLE page (day)",
    ] {
        drop(std::fs::remove_file(&path));
        Connection::open(&path).unwrap().execute_batch(setup).unwrap();
        let before = std::fs::read(&path).unwrap();
        for refused in [Store::open(&path).map(drop), Store::open_read(&path).map(drop)] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, StoreError::Foreign(_)), "{setup}: {refused}");
            assert!(refused.to_string().contains("another program's"), "{refused}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before, "{setup}");
    }
}

#[test]
fn a_store_that_lost_its_schema_is_not_taken_for_an_older_one() {
    let p = made();
    p.store.conn.pragma_update(None, "user_version", -3).unwrap();
    let refused = Store::open(&p.path()).map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for path in ["file/s.db", "file/x/s.db"] {
        let refused = Store::open(&folder.path().join(path))
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(
            refused.starts_with("cannot open the store") && refused.contains("file"),
            "{refused}"
        );
    }
    assert!(Store::open(folder.path()).is_err(), "a folder is no store");
}

#[test]
fn only_one_daemon_holds_a_store() {
    let p = made();
    assert!(!Lock::is_held(&p.path()));
    let lock = Lock::take(&p.path()).unwrap();
    assert!(Lock::is_held(&p.path()));
    assert_eq!(mode(&p.path().with_extension("lock")), 0o600);
    let second = Lock::take(&p.path()).unwrap_err();
    assert!(
        matches!(second, StoreError::Locked(_)) && second.to_string().contains("systemctl stop"),
        "{second}"
    );
    assert!(!second.is_transient());
    // The command line writes all the same.
    Store::open(&p.path()).unwrap().set_meta("k", "v").unwrap();
    drop(lock);
    assert!(!Lock::is_held(&p.path()));
    Lock::take(&p.path()).unwrap();
}

#[test]
fn looking_whether_a_daemon_runs_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!Lock::is_held(&folder.path().join("s.db")));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
