//! Limits of the system, stale answers of remote file systems, and rotation that overtakes the reading.

use std::cell::{Cell, RefCell};
use std::io;

use super::*;

thread_local! {
    /// How many more files may be opened.
    static ROOM: Cell<usize> = const { Cell::new(usize::MAX) };
    /// Whose files are counted.
    static DIR: RefCell<PathBuf> = const { RefCell::new(PathBuf::new()) };
}

/// Opening with a limit on the files that are open at a time, as RLIMIT_NOFILE has it.
fn scarce(path: &Path, follow: bool) -> io::Result<File> {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten().filter(|fd| {
        let to = fs::read_link(fd.path()).unwrap_or_default();
        to.starts_with(path.parent().unwrap())
    });
    if ROOM.get() <= open.count() {
        return Err(io::Error::from_raw_os_error(24));
    }
    super::super::tail::open_file(path, follow)
}

#[test]
fn more_files_than_descriptors_are_each_read_once() {
    let mut w = World::with(|s| s.paths = vec!["*.log".to_owned()]);
    w.tailer.opener = scarce;
    ROOM.set(5);
    for n in 0..20u32 {
        w.append(&format!("{n:02}.log"), &text(n..n + 1));
    }
    for _ in 0..25 {
        w.step();
    }
    assert_eq!(w.sorted(), numbered(0..20));
    for n in 0..20u32 {
        w.append(&format!("{n:02}.log"), &text(100 + n..101 + n));
    }
    for _ in 0..60 {
        w.step();
    }
    ROOM.set(usize::MAX);
    w.settle();
    w.restart();
    w.settle();
    assert_eq!(w.sorted(), [numbered(0..20), numbered(100..120)].concat());
    let bad = |k: &SourceEventKind| !matches!(k, SourceEventKind::Unreadable | SourceEventKind::ReadableAgain);
    assert!(!w.kinds().iter().any(bad), "{:?}", w.events);
}

/// The same as a limit that is kept in advance.
fn room() -> bool {
    DIR.with_borrow(|dir| {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let logs = open.filter(|fd| fs::read_link(fd.path()).unwrap_or_default().starts_with(dir));
        logs.count() < ROOM.get()
    })
}

#[test]
fn logs_leave_descriptors_to_others_and_are_each_read_once() {
    let mut w = World::with(|s| s.paths = vec!["*.log".to_owned()]);
    DIR.set(w.dir.path().to_owned());
    (w.tailer.opener, w.tailer.room) = (scarce, room);
    ROOM.set(8);
    let all = 0..100u32;
    for round in 0..2 {
        for n in all.clone() {
            w.append(&format!("{n:03}.log"), &text(round * 100 + n..round * 100 + n + 1));
        }
        let mut steps = 0;
        while {
            w.tailer.poll();
            w.step();
            steps += 1;
            !w.tailer.idle() || w.lines.len() < 100 * (round as usize + 1)
        } {
            assert!(steps < 200, "{} of {}", w.lines.len(), 100 * (round + 1));
        }
        let open = w.tailer.segs.iter().filter(|s| s.tail.is_some()).count();
        assert!(open <= 8, "{open}");
    }
    assert_eq!(w.sorted(), numbered(0..200));
    assert_eq!(w.events, [], "nobody need be told");
    // Renamed while it was closed, and written to: read on.
    w.rename("007.log", "007.log.1");
    w.append("007.log.1", &text(200..201));
    w.append("007.log", &text(201..202));
    for _ in 0..5 {
        w.tailer.poll();
        w.step();
    }
    assert_eq!(w.sorted()[200..], numbered(200..202));
    ROOM.set(usize::MAX);
}

#[test]
fn where_no_room_comes_free_people_are_told_what_to_raise() {
    let mut w = World::with(|s| s.paths = vec!["*.log".to_owned()]);
    w.tailer.room = || false;
    w.append("a.log", &text(0..1));
    w.step();
    assert_eq!((w.events.len(), w.tailer.idle()), (0, false));
    w.pass(Duration::from_secs(61));
    w.tailer.poll();
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::Unreadable]);
    assert!(w.events[0].detail.contains("LimitNOFILE"), "{:?}", w.events);
    assert!(w.tailer.idle(), "who waits for the end is not kept waiting");
    w.tailer.room = || true;
    w.step();
    assert_eq!(w.texts(), numbered(0..1));
}

#[test]
fn a_remote_file_counts_as_cut_only_when_it_stays_so_for_a_minute() {
    let mut w = World::new();
    w.tailer.remote = |_| true;
    w.append("access.log", &text(0..5));
    w.step();
    let other = fs::read(w.path("access.log")).unwrap();
    // For a while the server answers with a file of before.
    File::options()
        .write(true)
        .open(w.path("access.log"))
        .unwrap()
        .set_len(9)
        .unwrap();
    w.step();
    w.pass(Duration::from_secs(30));
    w.step();
    fs::write(w.path("access.log"), [other.as_slice(), text(5..6).as_bytes()].concat()).unwrap();
    w.step();
    assert_eq!(w.texts(), numbered(0..6));
    assert!(w.events.is_empty(), "{:?}", w.events);
    // This time it is true.
    File::options()
        .write(true)
        .open(w.path("access.log"))
        .unwrap()
        .set_len(9)
        .unwrap();
    for _ in 0..3 {
        w.step();
        w.pass(Duration::from_secs(61));
    }
    w.append("access.log", &text(6..7));
    w.settle();
    assert_eq!(w.texts(), numbered(0..7));
    assert_eq!(w.kinds(), [SourceEventKind::RolledBack]);
}

#[test]
fn people_are_told_when_rotation_may_overtake_the_reading() {
    let mut w = World::new();
    let day = Duration::from_secs(86_400);
    let since_1970 = Duration::from_secs(1_795_300_000);
    w.now = WallTime::from_micros(i64::try_from(since_1970.as_micros()).unwrap());
    let now = std::time::UNIX_EPOCH + since_1970;
    let aged = |w: &World, name: &str, days: u32| {
        let file = File::options().write(true).open(w.path(name)).unwrap();
        file.set_modified(now - days * day).unwrap();
    };
    w.append("access.log.3", "old\n");
    aged(&w, "access.log.3", 4);
    w.append("access.log", &text(0..1));
    w.step();
    w.restart();
    w.append("access.log", &text(1..2));
    w.rename("access.log", "access.log.1");
    w.append("access.log", &text(2..3));
    aged(&w, "access.log.1", 1);
    w.scan();
    w.commit();
    assert_eq!(w.kinds(), [], "one day of four");
    aged(&w, "access.log.1", 3);
    for _ in 0..2 {
        w.scan();
        w.commit();
        assert_eq!(w.kinds(), [SourceEventKind::Lagging], "told once");
    }
    w.drain();
    w.scan();
    w.commit();
    assert_eq!(w.kinds(), [SourceEventKind::Lagging, SourceEventKind::CaughtUp]);
    assert_eq!(w.texts(), numbered(0..3));
}
