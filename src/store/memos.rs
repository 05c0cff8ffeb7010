//! What rules keep beyond the counters: written with the batch, read back when a rule asks.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, StoreError};
use crate::access::{DatasetId, WhoId};
use crate::calendar::{Day, day_start};
use crate::detect::book::DayNumber;
use crate::detect::memo::{Memo, Space};

/// Writes what the batch changed.
pub(super) fn write(tx: &Transaction<'_>, memos: &[Memo]) -> Result<(), StoreError> {
    let mut put = tx.prepare_cached(
        "INSERT INTO memo (space, key, until, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (space, key) DO UPDATE SET until = excluded.until, value = excluded.value",
    )?;
    for memo in memos {
        put.execute(params![memo.space.0, memo.key.cast_signed(), memo.until, memo.bytes])?;
    }
    Ok(())
}

impl Store {
    /// Whether rules have kept anything in `space`.
    pub fn has_memos(&self, space: Space) -> Result<bool, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM memo WHERE space = ?1)")?;
        Ok(select.query_row([space.0], |r| r.get(0))?)
    }

    /// What a rule has kept under `key`.
    pub fn memo(&self, space: Space, key: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT value FROM memo WHERE space = ?1 AND key = ?2")?;
        Ok(select
            .query_row(params![space.0, key.cast_signed()], |r| r.get(0))
            .optional()?)
    }

    /// Everything a rule has kept in `space`.
    pub fn memos(&self, space: Space) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT value FROM memo WHERE space = ?1 ORDER BY key")?;
        Ok(select.query_map([space.0], |r| r.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Whether an alert about `who` and `dataset` that covers `day` was closed as legitimate.
    pub fn is_legitimate(&self, who: WhoId, dataset: DatasetId, day: DayNumber) -> Result<bool, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM alert WHERE who = ?1 AND dataset = ?2 AND closed_as = 'legitimate'
                AND first_seen < ?4 AND ?3 <= last_seen)",
        )?;
        let (from, to) = (day_start(Day(day)), day_start(Day(day.saturating_add(1))));
        let by = params![who.0, dataset.0, from.micros(), to.micros()];
        Ok(select.query_row(by, |r| r.get(0))?)
    }

    /// Forgets what nobody asks for any more on `day`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget_memos(&mut self, day: DayNumber) -> Result<usize, StoreError> {
        Ok(self
            .conn
            .execute("DELETE FROM memo WHERE 0 <= space AND until < ?1", [day])?)
    }
}
