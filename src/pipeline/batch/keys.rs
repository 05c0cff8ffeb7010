//! Records that come twice: an export that overlaps the one before it, a delivery that is repeated.
//!
//! Where a source declares what tells its records apart, a record counts once, in whichever file it stands. What was
//! seen is committed with the batch that counted it.

use hashbrown::HashSet;

use crate::access::SourceId;
use crate::detect::book::DayNumber;
use crate::detect::memo::{Memo, Space};
use crate::store::{Store, StoreError};

/// Days for which a record is remembered: exports are made anew for a fiscal year at most, and some weeks after its end.
const DAYS: DayNumber = 430;

/// Records of this batch, and of the one on its way to the store.
#[derive(Debug, Default)]
pub(super) struct Keys {
    batch: HashSet<(Space, u64)>,
    sealed: HashSet<(Space, u64)>,
}

impl Keys {
    /// Whether the record of `source` with this key was counted before; if not, it is from now on.
    pub fn are_known(&mut self, source: SourceId, key: u64, store: &Store) -> Result<bool, StoreError> {
        let space = Space::of(&source.0.to_string(), b'k');
        let one = (space, key);
        if self.batch.contains(&one) || self.sealed.contains(&one) || store.memo(space, key)?.is_some() {
            return Ok(true);
        }
        self.batch.insert(one);
        Ok(false)
    }

    /// Adds what is to be written to `memos`.
    pub fn seal(&mut self, today: DayNumber, memos: &mut Vec<Memo>) {
        self.sealed = std::mem::take(&mut self.batch);
        let mut keys: Vec<(Space, u64)> = self.sealed.iter().copied().collect();
        keys.sort_unstable();
        memos.extend(keys.into_iter().map(|(space, key)| Memo {
            space,
            key,
            until: today.saturating_add(DAYS),
            bytes: Vec::new(),
        }));
    }

    /// What was sealed is in the store.
    pub fn settle(&mut self) {
        self.sealed.clear();
    }
}
