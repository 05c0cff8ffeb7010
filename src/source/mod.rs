//! Bytes -> Line: follows the files of one configured source without losing or doubling a line.
//!
//! A *segment* is one incarnation of a file. Its position stands in the store beside what was counted from
//! it; this module only says what it would be after the batch (`Tailer::changes`) and goes back to what
//! the store holds when a batch fails (`Tailer::reset`). It never seeks to the start or the end of a file as a repair: what cannot
//! be explained becomes a new segment and a [`SourceEvent`].
//!
//! `notify` only wakes early (`wake`); polling decides.
//!
//! The way of the bytes: `family` lists which files there are, `scan`, `resolve` and `newcomer` decide which segment
//! each file is (`identity`: incarnation while running, content at every reopening), `tail` reads one file,
//! `framer` cuts records, [`Decoder`] makes text of them. `follow` holds it together as [`Tailer`].
//!
//! An open file that is renamed to a name outside the source's is followed on (and an event), but not beyond a restart.
//!
//! What is read: every file under a configured path, and every rotated member of its family that appears after the
//! source's first start. Members that were there before are not read; what is added to them later is. Files
//! that appear while the source is followed are read from their first byte, whatever `start` says.
//!
//! Not here: what a line means (`parse`), where positions are kept (`store`), compressed members of a family
//! (their loss is an event), the clock.

mod chunk;
mod decode;
mod family;
mod follow;
mod framer;
mod identity;
mod newcomer;
mod resolve;
mod scan;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod wake;

use std::path::PathBuf;
use std::time::Duration;

use crate::access::{SegmentId, SourceId};
use crate::clock::WallTime;
pub use crate::text::Encoding;

pub use decode::{Decoded, Decoder};
pub use follow::{ReadOutcome, SegmentStatus, Tailer};
pub use wake::{NotifyWake, Poker, Woken};

/// What is configured about reading one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// Name in the configuration.
    pub name: String,
    /// Absolute paths or glob patterns of the live files.
    pub paths: Vec<String>,
    /// How the bytes are to be read as text.
    pub encoding: Encoding,
    /// Where a file that was there before the first start of this source is read from.
    pub start: Start,
    /// Whether records may hold newlines inside double quotes (CSV).
    pub quoted_newlines: bool,
    /// Longest record kept whole, in bytes; longer ones count as one record of which the head is kept.
    pub line_bytes_max: usize,
    /// How long the renamed or unlinked file of a live segment is still followed after its end was reached.
    pub rotate_wait: Duration,
}

/// Where a file that was already there at the first start is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// From its first byte, the default: what was written before counts too.
    #[default]
    Beginning,
    /// From its end at that moment. Recorded as a gap.
    End,
}

/// Which incarnation of a file: survives renaming, changes when an inode is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Incarnation {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Birth time in nanoseconds (statx), 0 where the file system has none.
    pub btime: i64,
    /// Inode generation (FS_IOC_GETVERSION), 0 where the file system has none.
    pub generation: u64,
}

/// What is known of a run of consumed bytes: their number and SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proof {
    /// Bytes covered.
    pub len: u32,
    /// SHA-256 of them.
    pub hash: [u8; 32],
}

/// Where in its life a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Phase {
    /// The file stands under a configured path.
    #[default]
    Live,
    /// The file was renamed or unlinked and is still followed.
    Rotated,
    /// Read to its end; nothing more is expected.
    Sealed,
    /// Gone before its end was reached; a gap event was raised.
    Lost,
}

/// What the store keeps of one segment: enough to go on after any crash, and to prove that the file is the
/// same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentState {
    /// Row id; never reused.
    pub id: SegmentId,
    /// The source it belongs to.
    pub source: SourceId,
    /// Path it was last seen under.
    pub path: PathBuf,
    /// Incarnation it was last seen as.
    pub incarnation: Incarnation,
    /// Start of the first record not yet consumed.
    pub position: u64,
    /// Records consumed, rejects included.
    pub lines: u64,
    /// The first bytes of the file, at most 4 KiB of what is consumed.
    pub head: Proof,
    /// The last bytes before `position`, at most 4 KiB.
    pub window: Proof,
    /// Where in its life it is.
    pub phase: Phase,
    /// What the format remembers (`parse::FormatState::to_bytes`).
    pub format_state: Vec<u8>,
    /// When the segment was last read from, for grace periods.
    pub last_read: WallTime,
}

/// Something that happened to the bytes of a source and that a person must be able to see later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEvent {
    /// The source.
    pub source: SourceId,
    /// The segment, where one is concerned.
    pub segment: Option<SegmentId>,
    /// What happened.
    pub kind: SourceEventKind,
    /// First byte concerned.
    pub lo: u64,
    /// Behind the last byte concerned.
    pub hi: u64,
    /// Path and circumstances, one line, already inert.
    pub detail: String,
    /// When it was noticed.
    pub at: WallTime,
}

/// What happened to the bytes of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceEventKind {
    /// The file became shorter than what was consumed, or its consumed bytes changed: lines may be gone.
    Truncated,
    /// A file vanished before its end was read.
    Lost,
    /// Reading began at the end of a file by configuration.
    StartedAtEnd,
    /// The file cannot be read (permission, I/O); `detail` says why. Raised once per spell.
    Unreadable,
    /// It can be read again.
    ReadableAgain,
    /// A path that is no regular file stands where a log is expected.
    NotAFile,
    /// The file was renamed to a name outside the configuration; it is followed as long as it stays open here.
    /// Raised once, when it stayed there for `rotate_wait`.
    RenamedAway,
}

impl SourceEventKind {
    /// The word used in JSON and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceEventKind::Truncated => "truncated",
            SourceEventKind::Lost => "lost",
            SourceEventKind::StartedAtEnd => "started-at-end",
            SourceEventKind::Unreadable => "unreadable",
            SourceEventKind::ReadableAgain => "readable-again",
            SourceEventKind::NotAFile => "not-a-file",
            SourceEventKind::RenamedAway => "renamed-away",
        }
    }
}
