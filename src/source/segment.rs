//! What the tailer holds in memory of one segment, of a file that outlived a reset, and of a path it cannot read.

use std::path::{Path, PathBuf};

use super::away::Away;
use super::body::Body;
use super::rotated::{Rank, begun};
use super::tail::Tail;
use super::{ChunkHash, Incarnation, Phase, SegmentState, SourceEventKind};
use crate::access::SegmentId;
use crate::clock::WallTime;

/// One segment in memory.
#[derive(Debug)]
pub(super) struct Seg {
    pub state: SegmentState,
    /// The open file; `None` before it is found again and after it is sealed.
    pub tail: Option<Tail>,
    pub base: PathBuf,
    pub rank: Rank,
    /// When the file was begun, as far as its name says.
    pub begun: Rank,
    /// Where reading began, should the store never hear of it.
    pub origin: u64,
    /// Whether the store holds it in some version.
    pub stored: bool,
    pub dirty: bool,
    /// Whether it was handed over and is not known to be durable yet.
    pub handed: bool,
    /// Its full chunks, in order, while it is read from.
    pub chunks: Vec<ChunkHash>,
    /// Its file is not open, for want of descriptors; it was read to its end.
    pub parked: bool,
    /// Since when the file looks as if it had been cut, on a remote file system.
    pub doubt: Option<WallTime>,
    /// What a later look found in its last chunk; people were told.
    pub part_found: Option<[u8; 32]>,
    /// What it was before a packed member was taken for its file, until that is proved.
    pub tried: Option<Box<(PathBuf, Incarnation, Phase)>>,
    /// To be closed as soon as its end is durable, whatever name it has.
    pub let_go: bool,
    /// When the file last grew or changed its name.
    pub changed_at: WallTime,
    pub seen_size: u64,
    /// The size at which it is to be sealed, its incomplete last record given out.
    pub closing: Option<u64>,
    /// The size at which its last record counts as whole without the next one.
    pub settled: Option<u64>,
    /// The size it had when everything but its last record was read, and since when.
    pub pending: Option<u64>,
    pub pending_since: WallTime,
    /// Set while the file has a name, but none of this source's.
    pub away: Option<Away>,
    /// Reading fails at present.
    pub failing: bool,
    /// Last turn of reading, for taking turns.
    pub turn: u64,
    /// Last call of `read` that gave up on it.
    pub skipped: u64,
}

/// An open file that outlived a reset.
#[derive(Debug)]
pub(super) struct Held {
    pub file: Body,
    /// Which file it was at the last look.
    pub incarnation: Incarnation,
    pub id: SegmentId,
    pub path: PathBuf,
    pub base: PathBuf,
    pub rank: Rank,
    pub phase: Phase,
    pub origin: u64,
    pub stored: bool,
    pub away: Option<Away>,
}

/// A time during which a path cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spell {
    pub kind: SourceEventKind,
    /// Noticed by reading, not by a scan: only reading ends it.
    pub reading: bool,
}

impl Seg {
    /// A segment of family `base`, not yet known to the store.
    pub fn new(state: SegmentState, tail: Option<Tail>, base: PathBuf, rank: Rank) -> Seg {
        let (changed_at, origin) = (state.last_read, state.position);
        let seen_size = tail.as_ref().map_or(0, |t| t.stat.size);
        let begun = begun(&state.path);
        Seg {
            state,
            tail,
            base,
            rank,
            begun,
            origin,
            stored: false,
            dirty: true,
            handed: false,
            chunks: Vec::new(),
            parked: false,
            doubt: None,
            part_found: None,
            tried: None,
            let_go: false,
            changed_at,
            seen_size,
            closing: None,
            settled: None,
            pending: None,
            pending_since: changed_at,
            away: None,
            failing: false,
            turn: 0,
            skipped: 0,
        }
    }

    /// A packed member is about to be taken for its file.
    pub fn try_packed(&mut self) {
        let state = &self.state;
        self.tried = Some(Box::new((state.path.clone(), state.incarnation, state.phase)));
    }

    /// Whether it is still read from.
    pub fn active(&self) -> bool {
        matches!(self.state.phase, Phase::Live | Phase::Rotated)
    }

    /// Whether its file is to be found.
    pub fn unfound(&self) -> bool {
        self.active() && self.tail.is_none() && !self.parked
    }

    /// Whether there may be something to read.
    pub fn ready(&self) -> bool {
        self.active() && self.tail.as_ref().is_some_and(Tail::ready)
    }

    /// Who reads first: what is unlinked, then what is rotated, oldest first, then live files in turn; of a dated row
    /// of files the older ones, so that lines come as they were written.
    pub fn order(&self) -> (u8, Rank, u64) {
        match (&self.tail, self.state.phase) {
            (Some(tail), _) if tail.stat.names == 0 => (0, self.rank, self.turn),
            (_, Phase::Rotated) => (1, self.rank, self.turn),
            _ => (2, self.begun, self.turn),
        }
    }
}

/// A path for people to read, on one line and without control characters.
pub(super) fn shown(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        let hostile =
            c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if hostile {
            text.extend(c.escape_unicode())
        } else {
            text.push(c)
        }
    }
    text
}
