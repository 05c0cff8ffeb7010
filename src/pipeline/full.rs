//! When a batch holds as much as one commit should.

use super::Pipeline;
use super::lane::{Lane, Turn};

/// Lines a batch may hold while behind; the transaction and its fsync are shared by all of them.
pub(super) const BATCH_LINES_MAX: u64 = 1_000_000;
/// Lines from which a batch is committed once no more is left to read than it has read: a commit goes on beside the
/// reading of what follows, and nothing goes on beside the last one, so that is a small one.
const BATCH_LINES_HALF: u64 = 100_000;
/// Situations a batch may hold: a flood of alerts is committed in parts, so that none waits long.
const SITUATIONS_MAX: u64 = 1_000;

/// Bytes a batch may have looked at, and the same while no line came of them: a line without end, or a hole, must not keep
/// what others wrote from being committed, nor the program from being told to stop.
const BATCH_BYTES_MAX: u64 = 1 << 30;
const BARREN_BYTES_MAX: u64 = 64 << 20;

impl Pipeline {
    /// Whether the batch holds as much as one commit should.
    pub(super) fn is_full(&self) -> bool {
        self.batch_lines_max <= self.batch_lines
            || self.work.is_full()
            || BATCH_BYTES_MAX <= self.batch_scanned.0
            || BARREN_BYTES_MAX <= self.batch_scanned.1
            || SITUATIONS_MAX <= self.work.situations()
            || BATCH_LINES_HALF <= self.batch_lines && self.unread().is_some_and(|unread| unread <= self.batch_bytes)
    }

    pub(super) fn note_scanned(&mut self, turn: Turn) {
        let barren = if turn.lines == 0 { turn.scanned } else { 0 };
        let (scanned, before) = self.batch_scanned;
        self.batch_scanned = (scanned.saturating_add(turn.scanned), before.saturating_add(barren));
    }

    /// Bytes of all sources that were not read, as of the last look; `None`: nobody can say.
    fn unread(&self) -> Option<u64> {
        let mut lanes = self.lanes.iter().map(Lane::unread);
        lanes.try_fold(0u64, |sum, unread| Some(sum.saturating_add(unread?)))
    }
}
