//! What the system limits, and what remote file systems get wrong for a while.
//!
//! Out of descriptors, files that are over are closed first, then quiet ones that still have their name; these are parked:
//! their segment stays, and a file of the same incarnation and size needs no descriptor. A remote file system may show
//! a stale size: there a file counts as cut only when it stayed so for a minute.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::fstatfs;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::body::Body;
use super::follow::Tailer;
use super::identity::Stat;
use super::segment::Seg;
use super::tail::Tail;
use super::{Incarnation, Phase};
use crate::clock::WallTime;

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
        let longest = self.segs.iter_mut().filter(quiet).min_by_key(|s| s.changed_at);
        longest.is_some_and(|seg| {
            seg.tail = None;
            seg.parked = true;
            true
        })
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
