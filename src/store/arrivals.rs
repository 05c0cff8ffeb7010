//! When lines of a source came in, day by day: what says how long it may be silent.

use rusqlite::{Transaction, params};

use super::{Store, StoreError};
use crate::access::SourceId;
use crate::calendar::{Day, Jst, day_start};
use crate::clock::WallTime;
use crate::detect::silence::{Arrival, DAYS, OFFICE};

/// Notes that a source gave lines.
pub(super) fn note(tx: &Transaction<'_>, source: SourceId, now: WallTime) -> Result<(), StoreError> {
    let day = Jst::from(now).day;
    let second = |second: i64| day_start(day).micros().saturating_add(second.saturating_mul(1_000_000));
    tx.prepare_cached(
        "INSERT INTO arrival (day, source, first, last, gap) VALUES (?1, ?2, ?3, ?3, 0)
         ON CONFLICT (day, source) DO UPDATE SET
            gap = max(gap, min(excluded.last, ?5) - max(last, ?4)), last = max(last, excluded.last)",
    )?
    .execute(params![
        day.0,
        source.0,
        now.micros(),
        second(OFFICE.0),
        second(OFFICE.1)
    ])?;
    Ok(())
}

impl Store {
    /// The days on which lines of a source came in lately, the newest first.
    ///
    /// # Errors
    /// The store.
    pub fn arrivals(&self, source: SourceId, today: Day) -> Result<Vec<Arrival>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT day, first, last, gap FROM arrival WHERE source = ?1 AND ?2 <= day ORDER BY day DESC",
        )?;
        let rows = select.query_map(params![source.0, today.0.saturating_sub(DAYS)], |r| {
            Ok(Arrival {
                day: Day(r.get(0)?),
                first: WallTime::from_micros(r.get(1)?),
                last: WallTime::from_micros(r.get(2)?),
                gap_secs: r.get::<_, i64>(3)? / 1_000_000,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
