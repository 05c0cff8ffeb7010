//! Bytes -> Line: follows the files of one configured source without losing or doubling a line.
//!
//! A *segment* is one incarnation of a file. Its position stands in the store beside what was counted from
//! it; this module only says what it would be after the batch (`Tailer::hand_over`) and goes back to what
//! the store holds when a batch fails (`Tailer::reset`). It never seeks to the start or the end of a file as a repair: what cannot
//! be explained becomes a new segment and a [`SourceEvent`].
//!
//! `notify` only wakes early (`wake`); polling decides.
//!
//! The way of the bytes: `family` lists which files there are, `scan`, `resolve`, `newcomer` and `members` decide which
//! segment each file is (`identity`: incarnation while running, content at every reopening; `left`: what is left of a
//! file somebody changed), `tail` reads one file (`body`: packed or not), `framer` cuts records, [`Decoder`] makes text
//! of them. `follow` holds it together as [`Tailer`], `durable` hands over to the batch.
//!
//! What was read stays provable: `chunks` hashes every consumed byte, of long runs of them beside the framing (`beside`), `verify` looks at it again.
//!
//! An open file that is renamed to a name outside the source's is followed on (and an event), but not beyond a restart.
//!
//! What is read: every file under a configured path, and every rotated member of its family that appears after the
//! source's first start, compressed or not. Members that were there before are not read; what is added to them later
//! is. Files that appear after the first start are read from their first byte, whatever `start` says.
//!
//! Not here: what a line means (`parse`), where positions are kept (`store`), the clock.

mod again;
mod away;
mod beside;
mod body;
mod boot;
mod chunk;
mod chunks;
mod cut;
mod decode;
mod durable;
mod evtx;
mod family;
mod follow;
mod following;
mod framer;
mod identity;
mod journal;
mod lag;
mod left;
mod limits;
mod long;
mod marks;
mod members;
mod newcomer;
mod nuls;
#[cfg(any(test, fuzzing))]
pub mod probe;
mod proofs;
mod quoted;
mod recut;
mod resolve;
mod rotated;
mod scan;
mod segment;
mod spent;
mod tail;
#[cfg(test)]
mod tests;
mod unpack;
mod verify;
mod wake;

use std::path::PathBuf;
use std::time::Duration;

use crate::access::{SegmentId, SourceId};
use crate::clock::WallTime;
pub use crate::text::Encoding;
use crate::text::framing::Framing;

pub use again::{Again, open_again, open_anywhere, open_changed, open_whole, read_again};
pub use chunk::Raw;
pub use decode::{Decoded, Decoder};
pub use follow::{ReadOutcome, SegmentStatus, Tailer};
pub use following::Following;
pub use framer::Columns;
pub use journal::{JournalFilter, JournalTailer, journal_again};
pub use limits::raise_file_limit;
pub use recut::{Recut, RecutSink, Stood, entries_from};
pub use verify::Check;
pub use wake::{NotifyWake, Poker, Woken};

/// What is configured about reading one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// Name in the configuration.
    pub name: String,
    /// Absolute paths or glob patterns of the live files.
    pub paths: Vec<String>,
    /// Folders rotation moves old files to; relative ones to the folder of the live file.
    pub rotated_in: Vec<String>,
    /// Set where `paths` names one folder of the journal: whose entries are read.
    pub journal: Option<JournalFilter>,
    /// How the bytes are to be read as text.
    pub encoding: Encoding,
    /// Where a file that was there before the first start of this source is read from.
    pub start: Start,
    /// Whether records may hold newlines inside double quotes (CSV).
    pub quoted_newlines: bool,
    /// Where records end that are more than a line or less than one; `Lines` and `Quoted` leave it to `quoted_newlines`.
    pub framing: Framing,
    /// What separates the cells of such records; `None`: any of the usual ones.
    pub delimiter: Option<u8>,
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
    /// Start of the first record not yet consumed; with `inside`, of what is not consumed of one of which only the head is
    /// kept.
    pub position: u64,
    /// Whether `position` stands inside a record that was given out and counted, longer than is kept of any: what follows up
    /// to its end is passed over.
    pub inside: bool,
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
    /// When everything the file held had been read, the last time this was so.
    pub caught_at: WallTime,
    /// Where reading began; hashes cover the bytes from here to `position`.
    pub origin: u64,
    /// The consumed bytes of the chunk that is not full yet.
    pub part: Proof,
    /// SHA-256 over the chain up to the last full chunk and that chunk's hash: all full chunks in one value.
    pub chain: [u8; 32],
    /// The boot of the kernel in which it was last read from (`boot_id` of random(4)), 0 where unknown.
    pub boot: u128,
    /// Where the first records ended, with short hashes of what was before (`source/marks.rs`).
    pub marks: Vec<u8>,
}

/// SHA-256 of one full chunk of consumed bytes ([`CHUNK_BYTES`], aligned to their multiples; the first one of a
/// segment begins at its origin).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkHash {
    /// The segment.
    pub segment: SegmentId,
    /// Position of its first byte divided by [`CHUNK_BYTES`].
    pub index: u64,
    /// Of the bytes that were counted.
    pub hash: [u8; 32],
    /// What a later look found there instead; people were told.
    pub found: Option<[u8; 32]>,
}

/// Bytes one hash of consumed bytes covers.
pub const CHUNK_BYTES: u64 = 1 << 20;

/// What the store holds of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Its segments, oldest first.
    pub segments: Vec<SegmentState>,
    /// The chunks of those that are still read from.
    pub chunks: Vec<ChunkHash>,
    /// The configured patterns on which `start` is spent.
    pub begun: Vec<String>,
}

/// What one batch has to write of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handed {
    /// The segments that differ from what was handed over before, as they are with the batch.
    pub segments: Vec<SegmentState>,
    /// Chunks that became full, or were found changed.
    pub chunks: Vec<ChunkHash>,
    /// Configured patterns whose files were listed for the first time.
    pub begun: Vec<String>,
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
    /// What explains it, as far as that is known.
    pub cause: Cause,
    /// Path, evidence and circumstances, one line, already inert.
    pub detail: String,
    /// When it was noticed.
    pub at: WallTime,
}

/// What explains an event. What nothing explains may be tampering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Cause {
    /// Nothing that is known here.
    #[default]
    Unexplained,
    /// The host was started anew since the bytes were read: what was not on the disk yet is gone.
    Crash,
    /// The way the log is rotated, compressed or written to.
    Handling,
    /// The configuration asks for it.
    Configured,
}

impl Cause {
    /// The word used in JSON and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Unexplained => "unexplained",
            Cause::Crash => "crash",
            Cause::Handling => "handling",
            Cause::Configured => "configured",
        }
    }
}

/// What happened to the bytes of a source. `lo..hi` of the event is the range of bytes it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceEventKind {
    /// The file became shorter than what was read, and what was read is no more in it: lines written meanwhile may be
    /// gone. What it holds now is read from its start.
    Truncated,
    /// The file became shorter and what is left is what was read of it. Counts stay; what follows is read.
    RolledBack,
    /// Bytes that were read are others now, in place. Counts stay; what follows is read.
    Edited,
    /// Another file with the same beginning took its place (an editor, `sed -i`). Counts stay.
    Replaced,
    /// Bytes that were seen but not read yet are gone, or were never to be had.
    Gap,
    /// A file vanished before its end was read.
    Lost,
    /// A rotated file was deleted while nobody looked. It had been read to its end, and only the oldest of its log are
    /// gone, as rotation has it. What somebody wrote to it in between nobody can know.
    Expired,
    /// Bytes in which nothing is written (a hole, NULs) were left out.
    Skipped,
    /// A compressed member cannot be unpacked to its end.
    Corrupt,
    /// What is not read yet comes near the age at which rotation deletes it.
    Lagging,
    /// It does not any more.
    CaughtUp,
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
    /// A file has other columns than those before it; `detail` says which came and which went.
    ColumnsChanged,
    /// Configured columns do not stand in the header of a file; its lines are read, those fields are unknown. `detail` says
    /// which, and what may have taken their place.
    ColumnsMissing,
    /// No line of a source can be read: its first lines were refused, all of them. `detail` says why.
    Unparsed,
    /// Records are dated a constant time off that looks like a zone's; `detail` says how much.
    ZoneSuspect,
    /// A 個人番号 stands in the log. Raised once a day.
    MyNumber,
    /// A record is longer than is kept of any; its head counts where it says when and who. Raised once a day.
    Oversize,
    /// A quote opens a cell and is never closed: a line that may hide others. Raised once a day.
    OpenQuote,
    /// Records are dated ahead of this host's clock by more than is allowed; they count as of when they were read.
    /// `detail` says how far. Raised once a day.
    ClockAhead,
    /// The times of a log went back and stayed there; `detail` says how far.
    ClockBack,
    /// A number of records or bytes that cannot be; it is taken as not stated. Raised once a day.
    Implausible,
}

impl SourceEventKind {
    /// Every kind.
    pub const ALL: [SourceEventKind; 26] = [
        SourceEventKind::Truncated,
        SourceEventKind::RolledBack,
        SourceEventKind::Edited,
        SourceEventKind::Replaced,
        SourceEventKind::Gap,
        SourceEventKind::Lost,
        SourceEventKind::Expired,
        SourceEventKind::Skipped,
        SourceEventKind::Corrupt,
        SourceEventKind::Lagging,
        SourceEventKind::CaughtUp,
        SourceEventKind::StartedAtEnd,
        SourceEventKind::Unreadable,
        SourceEventKind::ReadableAgain,
        SourceEventKind::NotAFile,
        SourceEventKind::RenamedAway,
        SourceEventKind::ColumnsChanged,
        SourceEventKind::ColumnsMissing,
        SourceEventKind::Unparsed,
        SourceEventKind::ZoneSuspect,
        SourceEventKind::MyNumber,
        SourceEventKind::Oversize,
        SourceEventKind::OpenQuote,
        SourceEventKind::ClockAhead,
        SourceEventKind::ClockBack,
        SourceEventKind::Implausible,
    ];

    /// The word used in JSON and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceEventKind::Truncated => "truncated",
            SourceEventKind::RolledBack => "rolled-back",
            SourceEventKind::Edited => "edited",
            SourceEventKind::Replaced => "replaced",
            SourceEventKind::Gap => "gap",
            SourceEventKind::Lost => "lost",
            SourceEventKind::Expired => "expired",
            SourceEventKind::Skipped => "skipped",
            SourceEventKind::Corrupt => "corrupt",
            SourceEventKind::Lagging => "lagging",
            SourceEventKind::CaughtUp => "caught-up",
            SourceEventKind::StartedAtEnd => "started-at-end",
            SourceEventKind::Unreadable => "unreadable",
            SourceEventKind::ReadableAgain => "readable-again",
            SourceEventKind::NotAFile => "not-a-file",
            SourceEventKind::RenamedAway => "renamed-away",
            SourceEventKind::ColumnsChanged => "columns-changed",
            SourceEventKind::ColumnsMissing => "columns-missing",
            SourceEventKind::Unparsed => "unparsed",
            SourceEventKind::ZoneSuspect => "zone-suspect",
            SourceEventKind::MyNumber => "my-number",
            SourceEventKind::Oversize => "oversize",
            SourceEventKind::OpenQuote => "open-quote",
            SourceEventKind::ClockAhead => "clock-ahead",
            SourceEventKind::ClockBack => "clock-back",
            SourceEventKind::Implausible => "implausible",
        }
    }

    /// Whether records may be gone, changed, or put out of sight.
    pub fn is_loss(self) -> bool {
        matches!(
            self,
            SourceEventKind::Truncated
                | SourceEventKind::RolledBack
                | SourceEventKind::Edited
                | SourceEventKind::Replaced
                | SourceEventKind::Gap
                | SourceEventKind::Lost
                | SourceEventKind::Corrupt
                | SourceEventKind::RenamedAway
        )
    }
}
