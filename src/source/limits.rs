//! What the system limits, and what remote file systems get wrong for a while.
//!
//! Logs take no more descriptors than leaves enough for everything else. Beyond that files that are over are closed first,
//! then quiet ones that still have their name; these are parked: their segment stays, and a file of the same incarnation
//! and size needs no descriptor. Files for which there is no room yet wait until others are read and stored. A remote file system may show
//! a stale size: there a file counts as cut only when it stayed so for a minute.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::fs::fstatfs;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::body::Body;
use super::follow::Tailer;
use super::identity::Stat;
use super::scan::Pass;
use super::segment::Seg;
use super::tail::Tail;
use super::{Incarnation, Phase};
use crate::clock::WallTime;

/// Files that are open for reading, of all sources.
static OPEN: AtomicUsize = AtomicUsize::new(0);
/// Most quiet files that are closed at once.
const PARKED_AT_ONCE: usize = 64;
/// Descriptors that are left to the store, the archive, mails and whoever asks: a quarter, within these.
const LEFT: std::ops::RangeInclusive<u64> = 16..=512;

/// Counts one open file for as long as it lives.
#[derive(Debug)]
pub(super) struct Slot(());

impl Slot {
    pub fn take() -> Slot {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Slot(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether one more file may be open for reading.
pub(super) fn has_room() -> bool {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let left = (limit / 4).clamp(*LEFT.start(), *LEFT.end());
    (OPEN.load(Ordering::Relaxed) as u64) < limit.saturating_sub(left)
}

/// How long a file of a remote file system must look cut, and how long what cannot be looked at is waited for.
pub(super) const DOUBT: Duration = Duration::from_secs(60);

/// Local file systems, by the magic number of statfs(2); any other one counts as remote.
const LOCAL: [u64; 13] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0x0102_1994, // tmpfs
    0x794c_7630, // overlayfs
    0x2fc1_2fc1, // ZFS
    0xf2f5_2010, // F2FS
    0x3153_464a, // JFS
    0x8584_58f6, // ramfs
    0xca45_1a4e, // bcachefs
    0x7371_7368, // SquashFS
    0x5265_4973, // ReiserFS
    0x0000_f15f, // eCryptfs
];

/// Raises the limit of open files as far as this process may: each log that is followed is one.
pub fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some() && current != maximum {
        let wanted = Rlimit {
            current: maximum,
            maximum,
        };
        match setrlimit(Resource::Nofile, wanted) {
            // Without it fewer files stay open at a time; nothing is lost.
            Ok(()) | Err(_) => {}
        }
    }
}

/// Whether the file may show a stale size: it stands on a file system that is not known to be local.
pub(super) fn is_remote(file: &File) -> bool {
    fstatfs(file).is_ok_and(|s| {
        let magic = u64::try_from(s.f_type).unwrap_or(0);
        !LOCAL.contains(&magic)
    })
}

impl Tailer {
    /// Whether the error says that no more files can be open, and some were closed now: not those of the family `keep`, with
    /// which what is to be opened is compared.
    pub(super) fn made_room(&mut self, error: &io::Error, keep: &Path) -> bool {
        let errno = error.raw_os_error().map(Errno::from_raw_os_error);
        if !matches!(errno, Some(Errno::MFILE | Errno::NFILE)) {
            return false;
        }
        self.make_room(keep, 1)
    }

    /// Whether some files were closed: those that are over, else up to `most` quiet ones that were for the longest time, but not
    /// of the family `keep`.
    fn make_room(&mut self, keep: &Path, most: usize) -> bool {
        let over = |s: &Seg| !s.active() && !s.dirty && !s.handed && s.stored && s.tail.is_some();
        if self.segs.iter().any(over) {
            self.segs.iter_mut().filter(|s| over(s)).for_each(|s| s.tail = None);
            return true;
        }
        let quiet = |s: &&mut Seg| {
            let read = s.tail.as_ref().is_some_and(|t| {
                !t.packed() && !t.broken && !t.ready() && t.stat.names > 0 && t.stat.size == s.state.position
            });
            read && s.base != keep
                && s.state.phase == Phase::Live
                && s.stored
                && !s.dirty
                && !s.handed
                && s.away.is_none()
        };
        let mut quiet: Vec<&mut Seg> = self.segs.iter_mut().filter(quiet).collect();
        quiet.sort_unstable_by_key(|seg| seg.changed_at);
        let found = !quiet.is_empty();
        for seg in quiet.into_iter().take(most) {
            seg.tail = None;
            seg.parked = true;
        }
        found
    }

    /// Whether a file of the family `base` may be opened now. If not, it waits for a scan behind the next commit.
    pub(super) fn may_open(&mut self, base: &Path, pass: &mut Pass) -> bool {
        if (self.room)() || !pass.crowded && self.make_room(base, PARKED_AT_ONCE) && (self.room)() {
            self.crowded_since = None;
            return true;
        }
        (pass.crowded, pass.blind) = (true, true);
        let since = *self.crowded_since.get_or_insert(pass.now);
        self.crowded = pass.now.since(since) < DOUBT;
        false
    }

    /// A parked segment whose file was not seen as it was is to be found again.
    pub(super) fn unpark(&mut self, seen: &[Incarnation], blind: bool) {
        for seg in self.segs.iter_mut().filter(|s| s.parked) {
            seg.parked = blind || seen.contains(&seg.state.incarnation);
        }
    }

    /// Opens the file of a parked segment again: whether it is still what was read.
    pub(super) fn revive(&mut self, at: usize) -> bool {
        let Some((state, base)) = self.segs.get(at).map(|s| (s.state.clone(), s.base.clone())) else {
            return false;
        };
        let mut opened = (self.opener)(&state.path, true);
        if let Err(error) = &opened
            && self.made_room(error, &base)
        {
            opened = (self.opener)(&state.path, true);
        }
        let Ok((file, stat)) = opened.and_then(|f| Stat::of_file(&f).map(|s| (f, s))) else {
            return false;
        };
        if stat.incarnation != state.incarnation {
            return false;
        }
        let Ok(resumed) = Tail::resume(Body::new(file, &state.path), stat, &state) else {
            return false;
        };
        let Some(seg) = self.segs.get_mut(at) else { return false };
        seg.parked = false;
        let whole = resumed.is_ok();
        seg.tail = Some(resumed.unwrap_or_else(|body| Tail::unproved(body, stat)));
        whole
    }

    /// Whether it is too early to say that the file of segment `at` was cut: its size may be stale, or what became of it
    /// cannot be looked at.
    pub(super) fn doubtful(&mut self, at: usize, doubt: bool, now: WallTime) -> bool {
        let Some(seg) = self.segs.get_mut(at).filter(|_| doubt) else {
            return false;
        };
        let since = *seg.doubt.get_or_insert(now);
        now.since(since) < DOUBT
    }
}
