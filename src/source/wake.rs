//! Waking early: why the ingest thread looks before its poll interval has passed.
//!
//! A hint and nothing more. Directory watches are merged by the kernel, dropped when its queue overflows and missing
//! for remote file systems. Whoever waits here must get everything right if no wake-up ever comes.
//!
//! An event names its file, so that a busy log does not cost a look at every quiet one. And while nobody waits, because
//! lines are read or gathered, the watching thread holds still: the kernel then makes one event of all that happens to
//! a file, and a busy log costs some wake-ups and not one a line.
//!
//! Watches cost one a directory. When the kernel refuses (limits, no inotify), waiting goes on by time alone and
//! [`NotifyWake::problem`] says why.

use std::collections::BTreeMap;
use std::mem::take;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tracing::warn;

use super::Incarnation;
use super::identity::Stat;
use crate::fault;

/// With more files written to than this, all are looked at.
const FILES_MAX: usize = 64;
/// Longest time the watching thread holds still. Once in a time nobody waits: while a batch takes long it goes on
/// emptying the kernel's queue.
const HOLD_MAX: Duration = Duration::from_millis(50);

/// Why a wait ended. All false and empty: the time was over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Woken {
    /// Somebody poked: there may be a request.
    pub poked: bool,
    /// Files may have come, gone or changed names, or events were lost: list the directories again.
    pub rescan: bool,
    /// Files were written to that cannot be named: look at all of them.
    pub all: bool,
    /// These files were written to.
    pub written: Vec<Incarnation>,
}

/// What happened since somebody waited last.
#[derive(Debug, Default)]
struct News {
    poked: bool,
    rescan: bool,
    all: bool,
    written: Vec<PathBuf>,
    /// Somebody waits for news.
    awaited: bool,
    /// The watching thread held still already since somebody waited last.
    held: bool,
    problem: Option<String>,
}

impl News {
    fn any(&self) -> bool {
        self.poked || self.rescan || self.all || !self.written.is_empty()
    }

    fn write(&mut self, path: PathBuf) {
        if self.all || self.written.contains(&path) {
        } else if self.written.len() < FILES_MAX {
            self.written.push(path);
        } else {
            self.all = true;
        }
    }
}

/// Where news are left and taken.
#[derive(Debug, Default)]
struct Board {
    news: Mutex<News>,
    left: Condvar,
    taken: Condvar,
}

impl Board {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, what: impl FnOnce(&mut News)) {
        let mut news = self.news();
        what(&mut news);
        if news.awaited {
            self.left.notify_one();
        }
    }

    /// Takes what the watcher's thread reports.
    fn take(&self, event: notify::Result<Event>) {
        match event {
            // An overflow comes without paths and with a kind that says nothing: look for it first.
            Ok(event) if event.need_rescan() => self.leave(|news| news.rescan = true),
            Ok(event) => match event.kind {
                // Our own opening and closing of files; listening to it would never let us sleep.
                EventKind::Access(_) => {}
                EventKind::Modify(ModifyKind::Name(_))
                | EventKind::Create(_)
                | EventKind::Remove(_)
                | EventKind::Any
                | EventKind::Other => self.leave(|news| news.rescan = true),
                EventKind::Modify(_) => {
                    self.leave(|news| event.paths.into_iter().for_each(|path| news.write(path)));
                    self.hold();
                }
            },
            Err(error) => self.leave(|news| {
                news.problem = Some(error.to_string());
                news.rescan = true;
            }),
        }
    }

    /// Holds the watching thread until its news are taken.
    fn hold(&self) {
        let mut news = self.news();
        if !news.awaited && !news.held {
            news.held = true;
            drop(self.taken.wait_timeout_while(news, HOLD_MAX, |news| news.any()));
        }
    }
}

/// Wakes a waiter from another thread: to stop, to reload, to look at once.
#[derive(Debug, Clone)]
pub struct Poker(Arc<Board>);

impl Poker {
    /// Ends the present or the next wait at once.
    pub fn poke(&self) {
        self.0.leave(|news| news.poked = true);
    }
}

/// Waits for something to read: wakes at file system events of watched directories.
#[derive(Debug)]
pub struct NotifyWake {
    board: Arc<Board>,
    watcher: Option<RecommendedWatcher>,
    /// Watched directories. A directory that was made anew under its old name needs a new watch.
    watched: BTreeMap<PathBuf, Incarnation>,
    /// Files that were written to, as far as no file changed its name since: a busy one is not looked up each time.
    found: BTreeMap<PathBuf, Incarnation>,
}

impl NotifyWake {
    /// A wake that watches nothing yet: a timer that can be poked, and that it stays where the system offers no watches.
    pub fn new() -> NotifyWake {
        let board: Arc<Board> = Arc::default();
        let theirs = Arc::clone(&board);
        let watcher = match notify::recommended_watcher(move |event| theirs.take(event)) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                board.news().problem = Some(error.to_string());
                None
            }
        };
        NotifyWake {
            board,
            watcher,
            watched: BTreeMap::new(),
            found: BTreeMap::new(),
        }
    }

    /// A handle that wakes this waiter from other threads.
    pub fn poker(&self) -> Poker {
        Poker(Arc::clone(&self.board))
    }

    /// Why some or all watches do not work, if so; reading goes on by polling.
    pub fn problem(&self) -> Option<String> {
        self.board.news().problem.clone()
    }

    /// Watches exactly `dirs`. Call it after each scan; what is watched already costs one look. When a
    /// watch was added the next wait asks for another scan, because a file may have come in between.
    pub fn set_dirs(&mut self, dirs: &[PathBuf]) {
        let Some(watcher) = self.watcher.as_mut() else { return };
        let gone: Vec<PathBuf> = self.watched.keys().filter(|d| !dirs.contains(d)).cloned().collect();
        for dir in gone {
            self.watched.remove(&dir);
            unwatch(watcher, &dir);
        }
        let mut failed = None;
        for dir in dirs {
            let Ok(stat) = Stat::of_path(dir, true) else { continue };
            if self.watched.get(dir) == Some(&stat.incarnation) {
                continue;
            }
            if self.watched.remove(dir).is_some() {
                unwatch(watcher, dir);
            }
            let allowed = fault::pass("source.watch").map_err(notify::Error::io);
            match allowed.and_then(|()| watcher.watch(dir, RecursiveMode::NonRecursive)) {
                Ok(()) => {
                    self.watched.insert(dir.clone(), stat.incarnation);
                    self.board.leave(|news| news.rescan = true);
                }
                Err(error) => failed = Some(format!("{}: {error}", dir.display())),
            }
        }
        let mut news = self.board.news();
        if failed.is_some() && failed != news.problem {
            warn!(
                why = failed,
                "directories cannot be watched; files are looked at once a second"
            );
        }
        if failed.is_some() || !self.watched.is_empty() {
            news.problem = failed;
        }
    }

    /// Waits until something may have changed, or `timeout` has passed.
    pub fn wait(&mut self, timeout: Duration) -> Woken {
        let mut news = self.board.news();
        news.awaited = true;
        let waited = self.board.left.wait_timeout_while(news, timeout, |news| !news.any());
        let (mut news, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let held = take(&mut news.held);
        news.awaited = false;
        let mut woken = Woken {
            poked: take(&mut news.poked),
            rescan: take(&mut news.rescan),
            all: take(&mut news.all),
            written: Vec::new(),
        };
        let written = take(&mut news.written);
        drop(news);
        if held {
            self.board.taken.notify_one();
        }
        if woken.rescan || FILES_MAX < self.found.len() {
            self.found.clear();
        }
        for path in written {
            match self.file(path) {
                Some(file) if woken.written.contains(&file) => {}
                Some(file) => woken.written.push(file),
                // Unlinked, and perhaps still written to.
                None => woken.all = true,
            }
        }
        woken
    }

    /// The file that stands under `path`.
    fn file(&mut self, path: PathBuf) -> Option<Incarnation> {
        let found = self.found.get(&path).copied();
        found.or_else(|| {
            let incarnation = Stat::of_path(&path, true).ok()?.incarnation;
            self.found.insert(path, incarnation);
            Some(incarnation)
        })
    }
}

fn unwatch(watcher: &mut RecommendedWatcher, dir: &Path) {
    match watcher.unwatch(dir) {
        // The kernel drops the watch of a deleted directory by itself; then there is nothing to remove.
        Ok(()) | Err(_) => {}
    }
}

impl Default for NotifyWake {
    fn default() -> Self {
        NotifyWake::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, CreateKind, DataChange, Flag, RenameMode};
    use std::fs::{File, OpenOptions};
    use std::io::Write;

    const LONG: Duration = Duration::from_secs(20);
    const NOT: Duration = Duration::ZERO;

    /// A wake on `dir`, its first scan done.
    fn watching(dir: &Path) -> NotifyWake {
        let mut wake = NotifyWake::new();
        wake.set_dirs(&[dir.to_owned()]);
        assert_eq!(wake.problem(), None);
        assert!(wake.wait(LONG).rescan, "a file may have come while the watch was set");
        wake
    }

    fn incarnation(path: &Path) -> Incarnation {
        Stat::of_path(path, true).unwrap().incarnation
    }

    fn append(path: &Path) {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"x\n").unwrap();
    }

    fn written(path: &Path) -> notify::Result<Event> {
        let kind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        Ok(Event::new(kind).add_path(path.to_owned()))
    }

    fn poked() -> Woken {
        Woken {
            poked: true,
            ..Woken::default()
        }
    }

    fn rescan() -> Woken {
        Woken {
            rescan: true,
            ..Woken::default()
        }
    }

    #[test]
    fn many_pokes_wake_once() {
        let mut wake = NotifyWake::new();
        let poker = wake.poker();
        (0..5).for_each(|_| poker.poke());
        assert_eq!(wake.wait(LONG), poked());
        assert_eq!(wake.wait(NOT), Woken::default());
    }

    #[test]
    fn a_poke_from_another_thread_ends_the_wait() {
        let mut wake = NotifyWake::new();
        let poker = wake.poker();
        let thread = std::thread::spawn(move || poker.poke());
        assert_eq!(wake.wait(LONG), poked());
        thread.join().unwrap();
    }

    #[test]
    fn an_overflow_asks_for_a_rescan_and_our_own_opening_for_nothing() {
        let mut wake = NotifyWake::new();
        wake.board.take(Ok(Event::new(EventKind::Access(AccessKind::Any))));
        assert_eq!(wake.wait(NOT), Woken::default());
        for event in [
            Event::new(EventKind::Other).set_flag(Flag::Rescan),
            Event::new(EventKind::Create(CreateKind::File)),
        ] {
            wake.board.take(Ok(event));
            assert_eq!(wake.wait(NOT), rescan());
        }
        wake.board
            .take(Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch)));
        assert_eq!(wake.wait(NOT), rescan());
        assert!(wake.problem().is_some());
    }

    #[test]
    fn writes_between_two_waits_name_each_file_once() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.log"), dir.path().join("b.log"));
        for path in [&a, &b] {
            File::create(path).unwrap();
        }
        let mut wake = NotifyWake::new();
        for path in [&a, &b, &a, &a, &b] {
            wake.board.take(written(path));
        }
        let woken = wake.wait(NOT);
        assert_eq!(woken.written, [incarnation(&a), incarnation(&b)]);
        assert!(!woken.all && !woken.rescan && !woken.poked);
        assert_eq!(wake.wait(NOT), Woken::default());
    }

    #[test]
    fn a_file_that_is_gone_or_one_too_many_asks_for_a_look_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let mut wake = NotifyWake::new();
        wake.board.take(written(&dir.path().join("gone.log")));
        assert!(wake.wait(NOT).all);
        for i in 0..=FILES_MAX {
            let path = dir.path().join(format!("{i}.log"));
            File::create(&path).unwrap();
            wake.board.take(written(&path));
        }
        let woken = wake.wait(NOT);
        assert!(woken.all && woken.written.len() == FILES_MAX);
    }

    #[test]
    fn a_write_ends_the_wait_and_names_its_file_also_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (there, here) = (dir.path().join("there"), dir.path().join("here.log"));
        std::fs::create_dir(&there).unwrap();
        let file = there.join("today.log");
        File::create(&file).unwrap();
        std::os::unix::fs::symlink(&file, &here).unwrap();
        let mut wake = watching(&there);
        append(&here);
        assert_eq!(wake.wait(LONG).written, [incarnation(&file)]);
    }

    #[test]
    fn files_that_come_go_and_change_names_ask_for_a_scan() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.log"), dir.path().join("b.log"));
        let mut wake = watching(dir.path());
        File::create(&a).unwrap();
        assert!(wake.wait(LONG).rescan);
        std::fs::rename(&a, &b).unwrap();
        assert!(wake.wait(LONG).rescan);
        std::fs::remove_file(&b).unwrap();
        assert!(wake.wait(LONG).rescan);
    }

    #[test]
    fn a_write_names_the_file_that_stands_under_the_path_now() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.log"), dir.path().join("b.log"));
        let mut wake = NotifyWake::new();
        for path in [&a, &b] {
            File::create(path).unwrap();
        }
        let before = incarnation(&a);
        wake.board.take(written(&a));
        assert_eq!(wake.wait(NOT).written, [before]);
        std::fs::rename(&b, &a).unwrap();
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::Any));
        wake.board.take(Ok(Event::new(renamed).add_path(a.clone())));
        wake.board.take(written(&a));
        let woken = wake.wait(NOT);
        assert!(woken.rescan);
        assert_eq!(woken.written, [incarnation(&a)]);
        assert_ne!(woken.written, [before]);
    }

    #[test]
    fn without_watches_it_is_said_and_the_wait_is_a_timer_until_there_are_some() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [dir.path().to_owned()];
        let mut wake = NotifyWake::new();
        // ENOSPC: max_user_watches is reached.
        fault::arm("source.watch", 0, 1, fault::Effect::Errno(28));
        wake.set_dirs(&dirs);
        fault::disarm();
        assert!(wake.problem().is_some_and(|why| why.contains("No space left")));
        File::create(dir.path().join("access.log")).unwrap();
        assert_eq!(wake.wait(NOT), Woken::default());
        wake.set_dirs(&dirs);
        assert_eq!(wake.problem(), None);
        assert!(wake.wait(LONG).rescan, "what came meanwhile is looked for");
    }

    #[test]
    fn a_directory_made_anew_is_watched_anew() {
        let dir = tempfile::tempdir().unwrap();
        let logs = dir.path().join("logs");
        let mut wake = NotifyWake::new();
        for _ in 0..2 {
            std::fs::create_dir(&logs).unwrap();
            wake.set_dirs(std::slice::from_ref(&logs));
            while wake.wait(NOT) != Woken::default() {}
            File::create(logs.join("a.log")).unwrap();
            assert!(wake.wait(LONG).rescan);
            std::fs::remove_dir_all(&logs).unwrap();
            while wake.wait(Duration::from_millis(20)) != Woken::default() {}
        }
        assert_eq!(wake.problem(), None);
    }
}
