//! What goes wrong around a file: permissions, batches that fail, things that are no files.

use std::cell::RefCell;
use std::io;

use super::*;

thread_local! {
    /// The error number that opening fails with at present.
    static FAULT: RefCell<Option<i32>> = const { RefCell::new(None) };
}

fn faulty_open(path: &Path, follow: bool) -> io::Result<File> {
    match FAULT.with_borrow(|f| *f) {
        Some(errno) => Err(io::Error::from_raw_os_error(errno)),
        None => super::super::tail::open_file(path, follow),
    }
}

const EACCES: i32 = 13;
const EMFILE: i32 = 24;

#[test]
fn permission_lost_and_regained_keeps_the_position_and_is_raised_once() {
    for errno in [EACCES, EMFILE, 5] {
        let mut w = World::new();
        w.append("access.log", &text(0..2));
        w.step();
        w.restart();
        w.tailer.opener = faulty_open;
        FAULT.set(Some(errno));
        w.append("access.log", &text(2..3));
        for _ in 0..3 {
            w.step();
            w.pass(WAIT);
        }
        assert_eq!(w.kinds(), [SourceEventKind::Unreadable], "once a spell, and no loss");
        assert!(w.tailer.idle());
        FAULT.set(None);
        w.step();
        assert_eq!(w.kinds(), [SourceEventKind::Unreadable, SourceEventKind::ReadableAgain]);
        assert_eq!(w.texts(), numbered(0..3));
    }
}

#[test]
fn a_new_file_that_cannot_be_opened_is_read_whole_later() {
    let mut w = World::new();
    w.append("access.log", &text(0..1));
    w.step();
    w.tailer.opener = faulty_open;
    FAULT.set(Some(EMFILE));
    w.rename("access.log", "access.log.1");
    w.append("access.log", &text(1..3));
    w.step();
    FAULT.set(None);
    w.settle();
    assert_eq!(w.texts(), numbered(0..3));
}

#[test]
fn what_is_no_regular_file_is_never_opened_and_raised() {
    for plant in ["fifo", "link to a device", "link to a directory", "directory"] {
        let mut w = World::new();
        let path = w.path("access.log");
        match plant {
            "fifo" => rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from(0o644)).unwrap(),
            "link to a device" => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
            "link to a directory" => std::os::unix::fs::symlink("/", &path).unwrap(),
            _ => fs::create_dir(&path).unwrap(),
        }
        w.tailer.opener = |path, _| panic!("opened {}", path.display());
        w.step();
        w.step();
        assert_eq!(w.kinds(), [SourceEventKind::NotAFile], "{plant}");
        assert!(w.lines.is_empty());
    }
}

#[test]
fn a_link_planted_as_a_rotated_member_is_not_followed() {
    let mut w = World::new();
    w.append("access.log", &text(0..1));
    w.step();
    w.append("secret", "secret\n");
    std::os::unix::fs::symlink("secret", w.path("access.log.1")).unwrap();
    w.step();
    assert_eq!(w.texts(), numbered(0..1));
    assert_eq!(w.kinds(), [SourceEventKind::NotAFile]);
}

#[test]
fn a_link_that_takes_the_place_of_a_listed_file_is_not_opened() {
    use super::super::tail::open_file;
    let w = World::new();
    w.append("secret", "secret\n");
    let path = w.path("access.log.1");
    std::os::unix::fs::symlink(w.path("secret"), &path).unwrap();
    assert!(open_file(&path, false).is_err());
    assert!(open_file(&path, true).is_ok());
}

#[test]
fn a_failed_batch_is_read_again_even_from_a_file_that_was_deleted_meanwhile() {
    let mut w = World::new();
    w.append("access.log", &text(0..2));
    w.step();
    w.append("access.log", &text(2..4));
    w.scan();
    w.rename("access.log", "access.log.1");
    w.append("access.log", &text(4..6));
    w.scan();
    w.drain();
    // The new file is unknown to the store, the old one stands at line 2; both are unlinked.
    fs::remove_file(w.path("access.log")).unwrap();
    fs::remove_file(w.path("access.log.1")).unwrap();
    w.fail_batch();
    w.append("access.log", &text(6..7));
    w.step();
    assert_eq!(w.sorted(), numbered(0..7));
    w.settle();
    w.restart();
    w.settle();
    assert_eq!(w.sorted(), numbered(0..7));
}

#[test]
fn a_failed_first_batch_starts_where_it_had_started() {
    let mut w = World::with(|s| s.start = Start::End);
    w.append("access.log.1", "older\n");
    w.append("access.log", "old\n");
    w.scan();
    w.append("access.log", "new\n");
    w.drain();
    w.fail_batch();
    w.step();
    assert_eq!(w.texts(), ["new"]);
    assert_eq!(w.kinds(), [SourceEventKind::StartedAtEnd]);
}

#[test]
fn events_of_a_failed_batch_are_raised_again() {
    let mut w = World::new();
    w.append("access.log", &text(0..5));
    w.step();
    fs::write(w.path("access.log"), text(5..6)).unwrap();
    w.scan();
    w.drain();
    assert_eq!(w.tailer.take_events().len(), 1);
    w.fail_batch();
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::Truncated]);
    assert_eq!(w.texts(), numbered(0..6));
}

#[test]
fn an_uncommitted_seal_keeps_the_file() {
    let mut w = World::new();
    let mut old = w.writer("access.log");
    old.write_all(b"one\ntw").unwrap();
    w.step();
    fs::remove_file(w.path("access.log")).unwrap();
    w.step();
    w.pass(WAIT);
    w.scan();
    w.drain();
    assert_eq!(w.batch.len(), 1, "the rest is given out at the seal");
    w.fail_batch();
    old.write_all(b"o\n").unwrap();
    w.settle();
    assert_eq!(w.texts(), ["one", "two"]);
}

#[test]
fn a_log_that_is_renamed_while_its_folder_is_listed_is_read_before_its_successor() {
    let mut w = World::with(|s| s.paths = vec!["*.log".to_owned()]);
    w.append("a.log", "other\n");
    w.step();
    w.append("b.log", &text(0..3));
    let (log, old, next) = (w.path("b.log"), w.path("b.log.1"), text(3..6));
    // Its name is listed, and is another file's before anybody looks at it; its own new name is not listed.
    crate::fault::meanwhile("source.look", move || {
        fs::rename(&log, old).unwrap();
        fs::write(&log, next).unwrap();
    });
    w.step();
    w.step();
    assert_eq!(w.texts()[1..], numbered(0..6));
}

#[test]
fn a_log_cut_while_its_copy_cannot_be_looked_at_raises_no_alarm() {
    let mut w = World::new();
    w.append("access.log", &text(0..50));
    w.step();
    w.append("access.log", &text(50..52));
    fs::copy(w.path("access.log"), w.path("access.log.1")).unwrap();
    fs::write(w.path("access.log"), text(52..53)).unwrap();
    w.tailer.opener = |path, follow| match FAULT.with_borrow(|f| *f) {
        Some(errno) if path.ends_with("access.log.1") => Err(io::Error::from_raw_os_error(errno)),
        _ => super::super::tail::open_file(path, follow),
    };
    FAULT.set(Some(EACCES));
    for _ in 0..3 {
        w.step();
        w.pass(Duration::from_secs(10));
    }
    FAULT.set(None);
    w.settle();
    assert_eq!(w.texts(), numbered(0..53));
    assert_eq!(w.kinds(), [SourceEventKind::Unreadable, SourceEventKind::ReadableAgain]);
}

#[test]
fn a_log_copied_and_emptied_before_it_was_read_raises_no_alarm() {
    let mut w = World::new();
    w.append("access.log", &text(0..50));
    w.scan();
    fs::copy(w.path("access.log"), w.path("access.log.1")).unwrap();
    fs::write(w.path("access.log"), text(50..53)).unwrap();
    w.settle();
    assert_eq!(w.sorted(), numbered(0..53));
    assert_eq!(w.kinds(), []);
    // Without a copy it is a gap.
    let mut w = World::new();
    w.append("access.log", &text(0..50));
    w.scan();
    fs::write(w.path("access.log"), text(50..53)).unwrap();
    w.settle();
    assert_eq!(w.kinds(), [SourceEventKind::Gap]);
}

#[test]
fn a_copy_that_is_finished_while_the_folder_is_listed_is_read_to_its_end() {
    for there in [None, Some(0), Some(4_096), Some(17_999), Some(18_000), Some(20_000)] {
        for restarts in [false, true] {
            let mut w = World::new();
            w.append("access.log", &text(0..2_000));
            w.step();
            w.append("access.log", &text(2_000..2_500));
            if let Some(bytes) = there {
                fs::write(w.path("access.log.1"), &text(0..2_500)[..bytes]).unwrap();
            }
            if restarts {
                w.restart();
            }
            let (log, copy) = (w.path("access.log"), w.path("access.log.1"));
            let place = if restarts { "source.open" } else { "source.read" };
            crate::fault::meanwhile(place, move || {
                fs::write(copy, text(0..2_500)).unwrap();
                fs::write(log, text(2_500..2_510)).unwrap();
            });
            w.step();
            w.settle();
            assert_eq!(w.texts(), numbered(0..2_510), "{there:?} {restarts}");
            assert_eq!(w.kinds(), [], "{there:?} {restarts}");
        }
    }
}

#[test]
fn a_log_emptied_and_filled_again_while_its_copy_is_held_against_it_counts_nothing_twice() {
    let lines = |range: std::ops::Range<u32>| range.map(|n| format!("line-{n:04}\n")).collect::<String>();
    // Filled again to fewer bytes, to the very same size, and to more.
    for more in [50, 150, 400] {
        let mut w = World::new();
        w.append("access.log", &lines(0..150));
        w.step();
        fs::copy(w.path("access.log"), w.path("access.log.1")).unwrap();
        let log = w.path("access.log");
        crate::fault::meanwhile("source.compare", move || {
            let text = (150..150 + more).map(|n| format!("line-{n:04}\n")).collect::<String>();
            // In place, as copytruncate leaves it to the writer.
            fs::write(log, text).unwrap();
        });
        w.step();
        w.settle();
        let wanted: Vec<String> = (0..150 + more).map(|n| format!("line-{n:04}")).collect();
        assert_eq!(w.sorted(), wanted, "{more}");
        assert_eq!(w.kinds(), [], "{more}");
    }
}
