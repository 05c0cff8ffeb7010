//! What a source follows: files, or the journal. The pipeline does not care which.

use std::path::PathBuf;

use super::{
    Check, ChunkHash, Columns, Handed, Incarnation, JournalTailer, Known, Raw, ReadOutcome, SegmentStatus, SourceEvent,
    SourceSettings, Tailer,
};
use crate::access::{Line, SegmentId, SourceId};
use crate::clock::WallTime;

/// The tailer of one source, of either kind.
#[derive(Debug)]
pub enum Following {
    /// Files and their rotated predecessors.
    Files(Box<Tailer>),
    /// Entries of the journal.
    Journal(Box<JournalTailer>),
}

/// The same question to whichever it is.
macro_rules! either {
    ($self:ident, $tailer:ident => $answer:expr) => {
        match $self {
            Following::Files($tailer) => $answer,
            Following::Journal($tailer) => $answer,
        }
    };
}

impl Following {
    /// Goes on from `known`: everything of this source that the store holds. No file is touched yet.
    pub fn open(settings: SourceSettings, id: SourceId, known: Known) -> Following {
        if settings.journal.is_some() {
            Following::Journal(Box::new(JournalTailer::open(settings, id, known)))
        } else {
            Following::Files(Box::new(Tailer::open(settings, id, known)))
        }
    }

    /// Lists what is there.
    pub fn scan(&mut self, now: WallTime, new_id: &mut dyn FnMut() -> SegmentId) {
        either!(self, t => t.scan(now, new_id));
    }

    /// Looks at what is open: is there anything to read?
    pub fn poll(&mut self) -> bool {
        either!(self, t => t.poll())
    }

    /// Takes note that `files` were written to: is any of them followed here?
    pub fn written(&mut self, files: &[Incarnation]) -> bool {
        either!(self, t => t.written(files))
    }

    /// Reads about `budget_bytes` and gives each line to `sink`, with what its segment's format remembers.
    pub fn read(
        &mut self,
        now: WallTime,
        budget_bytes: usize,
        new_id: &mut dyn FnMut() -> SegmentId,
        sink: &mut dyn FnMut(Line<'_>, &mut Vec<u8>),
    ) -> ReadOutcome {
        either!(self, t => t.read(now, budget_bytes, new_id, sink))
    }

    /// Bytes that were not read, as of the last look; `None`: nobody can say.
    pub fn unread(&self) -> Option<u64> {
        match self {
            Following::Files(tailer) => tailer.unread(),
            Following::Journal(_) => None,
        }
    }

    /// No more is expected: takes the last record of each file as whole. Entries of the journal always are.
    pub fn settle(&mut self) -> bool {
        match self {
            Following::Files(tailer) => tailer.settle(None),
            Following::Journal(_) => false,
        }
    }

    /// Whether there is something to hand over.
    pub fn has_changes(&self) -> bool {
        either!(self, t => t.has_changes())
    }

    /// Takes out what the batch has to write.
    pub fn hand_over(&mut self) -> Handed {
        either!(self, t => t.hand_over())
    }

    /// What was handed over last is durable.
    pub fn committed(&mut self) {
        either!(self, t => t.committed());
    }

    /// A batch failed: goes on from `known`.
    pub fn reset(&mut self, known: Known) {
        either!(self, t => t.reset(known));
    }

    /// Says how many columns rows have. Entries of the journal are no rows.
    pub fn know_columns(&mut self, columns: Columns) {
        if let Following::Files(tailer) = self {
            tailer.know_columns(columns);
        }
    }

    /// Leaves out the hashing of what is read: nothing will ever be gone on from here.
    pub fn without_hashes(&mut self) {
        if let Following::Files(tailer) = self {
            tailer.without_hashes();
        }
    }

    /// From now on keeps consumed bytes as they were, until they are taken; of the journal, the source's entries.
    pub fn keep_raw(&mut self) {
        either!(self, t => t.keep_raw());
    }

    /// Consumed bytes since the last call, in the order of reading.
    pub fn take_raw(&mut self) -> Vec<Raw> {
        either!(self, t => t.take_raw())
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<SourceEvent> {
        either!(self, t => t.take_events())
    }

    /// What is being read.
    pub fn status(&self) -> Vec<SegmentStatus> {
        either!(self, t => t.status())
    }

    /// Whether everything that can be read at present has been read.
    pub fn idle(&self) -> bool {
        either!(self, t => t.idle())
    }

    /// The chunk of consumed bytes that is to be looked at again next. The journal has none: its entries are not bytes of
    /// a file that stays.
    pub fn next_check(&mut self) -> Option<Check> {
        match self {
            Following::Files(tailer) => tailer.next_check(),
            Following::Journal(_) => None,
        }
    }

    /// Looks at it: the bytes that were read.
    pub fn check(&mut self, check: Check, stored: Option<&ChunkHash>, now: WallTime) -> u64 {
        match self {
            Following::Files(tailer) => tailer.check(check, stored, now),
            Following::Journal(_) => 0,
        }
    }

    /// Folders to watch.
    pub fn watch_dirs(&self) -> Vec<PathBuf> {
        either!(self, t => t.watch_dirs())
    }
}
