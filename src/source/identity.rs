//! What makes a file the same file: its incarnation while it is open, its content when it is opened again.
//!
//! Device, inode and birth time name one incarnation of a file as long as the kernel runs; an inode number
//! alone is used again at once by ext4. Device numbers change with a reboot and a copy has another inode, so
//! the last word at every reopening is the content: a SHA-256 of the first bytes and of the last bytes
//! before the position (FIPS 180-4).
//!
//! Inode generations (FS_IOC_GETVERSION) are left at 0: there is no safe call for them, and birth time says
//! the same on every file system that has either.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Statx, StatxFlags, makedev, statx};
use sha2::{Digest, Sha256};

use super::body::Body;
use super::{Incarnation, Proof, SegmentState};
use crate::fault;

/// Most bytes one proof covers.
pub(super) const PROOF_MAX: usize = 4096;

/// What one look at a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// Which file it is.
    pub incarnation: Incarnation,
    /// Its length in bytes.
    pub size: u64,
    /// When its content or names last changed, in nanoseconds. Unlike the modification time nobody can set it.
    pub ctime: i64,
    /// When its content last changed, in nanoseconds, as far as nobody set it.
    pub mtime: i64,
    /// Number of names it has; 0 for a file that was unlinked and is still open.
    pub names: u32,
    /// What kind of file it is.
    pub kind: FileType,
}

impl Stat {
    /// A look at an open file.
    pub fn of_file(file: &File) -> io::Result<Stat> {
        fault::pass("source.stat")?;
        Ok(statx(file, "", AtFlags::EMPTY_PATH, wanted()).map(Stat::from)?)
    }

    /// A look at what stands under `path`: the target of a symbolic link if `follow`, else the link itself.
    pub fn of_path(path: &Path, follow: bool) -> io::Result<Stat> {
        fault::pass("source.look")?;
        let flags = if follow {
            AtFlags::empty()
        } else {
            AtFlags::SYMLINK_NOFOLLOW
        };
        Ok(statx(CWD, path, flags, wanted()).map(Stat::from)?)
    }

    /// Whether this is a regular file, the only kind that is ever read.
    pub fn regular(&self) -> bool {
        self.kind == FileType::RegularFile
    }
}

fn wanted() -> StatxFlags {
    StatxFlags::BASIC_STATS.union(StatxFlags::BTIME)
}

impl From<Statx> for Stat {
    fn from(s: Statx) -> Stat {
        let nanos = |secs: i64, nanos: u32| secs.saturating_mul(1_000_000_000).saturating_add(i64::from(nanos));
        let born = s.stx_mask & StatxFlags::BTIME.bits() != 0;
        Stat {
            incarnation: Incarnation {
                dev: makedev(s.stx_dev_major, s.stx_dev_minor),
                ino: s.stx_ino,
                btime: if born {
                    nanos(s.stx_btime.tv_sec, s.stx_btime.tv_nsec)
                } else {
                    0
                },
                generation: 0,
            },
            size: s.stx_size,
            ctime: nanos(s.stx_ctime.tv_sec, s.stx_ctime.tv_nsec),
            mtime: nanos(s.stx_mtime.tv_sec, s.stx_mtime.tv_nsec),
            names: s.stx_nlink,
            kind: FileType::from_raw_mode(s.stx_mode.into()),
        }
    }
}

impl Incarnation {
    /// Whether both name the same file although the device may have another number since a reboot (LVM, NFS).
    pub(super) fn same_but_for_device(&self, other: &Incarnation) -> bool {
        self.btime != 0 && self.ino == other.ino && self.btime == other.btime
    }
}

impl Proof {
    /// The proof of `bytes`, of which there are at most `PROOF_MAX`.
    pub(super) fn of(bytes: &[u8]) -> Proof {
        Proof {
            len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            hash: Sha256::digest(bytes).into(),
        }
    }

    /// Whether `bytes` are what this proof was made of.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        if self.len == 0 {
            bytes.is_empty()
        } else {
            *self == Proof::of(bytes)
        }
    }
}

/// How many bytes the proofs of a segment at `position` cover.
pub(super) fn proof_len(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX).min(PROOF_MAX)
}

/// The `len` bytes of `file` from `at`; fewer where it ends before.
pub(super) fn bytes_at(file: &File, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let n = read_full(file, &mut bytes, at)?;
    bytes.truncate(n);
    Ok(bytes)
}

/// Reads until `buf` is full or the file ends; gives the number of bytes read.
pub(super) fn read_full(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    fault::pass("source.read")?;
    let mut done = 0usize;
    while let Some(rest) = buf.get_mut(done..).filter(|r| !r.is_empty()) {
        match file.read_at(rest, at.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(n) => done = done.saturating_add(n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// The first and the last bytes that `state`'s proofs speak of, if `file` holds exactly those.
pub(super) fn prove(body: &mut Body, size: u64, state: &SegmentState) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let len = proof_len(state.position);
    if size < state.position || len as u64 != u64::from(state.head.len) || state.window.len != state.head.len {
        return Ok(None);
    }
    let head = body.bytes_at(0, len)?;
    if !state.head.holds(&head) {
        return Ok(None);
    }
    let window = body.bytes_at(state.position.saturating_sub(len as u64), len)?;
    Ok(state.window.holds(&window).then_some((head, window)))
}
