//! Looking again at what was read, at a bounded rate, while there is nothing new.

use std::time::Duration;

use super::PipelineError;
use super::lane::Lane;
use crate::clock::WallTime;
use crate::store::Store;

/// How often consumed bytes are looked at again, and how many of them: somebody who changes a log behind the reader is
/// noticed within a day in 70 GB of logs, for a thousandth of a core.
const VERIFY_EVERY: Duration = Duration::from_secs(10);
const VERIFY_BYTES: u64 = 8 << 20;

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Verify {
    at: Option<WallTime>,
    next: usize,
}

impl Verify {
    /// Looks again at some consumed bytes, of the sources in turn, when it is time.
    pub fn look(&mut self, lanes: &mut [Lane], store: &Store, now: WallTime) -> Result<(), PipelineError> {
        let recent = |at: WallTime| at <= now && now.since(at) < VERIFY_EVERY;
        if self.at.is_some_and(recent) {
            return Ok(());
        }
        self.at = Some(now);
        let mut left = VERIFY_BYTES;
        for _ in 0..lanes.len() {
            let at = self.next.checked_rem(lanes.len()).unwrap_or(0);
            let Some(lane) = lanes.get_mut(at).filter(|_| left > 0) else {
                break;
            };
            left = left.saturating_sub(lane.verify(now, left, store)?);
            if left > 0 {
                self.next = at.saturating_add(1);
            }
        }
        Ok(())
    }
}
