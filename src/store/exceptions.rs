//! Exceptions in the store, and how often each was used.

use rusqlite::{Row, params};
use serde_json::{Value, json};

use super::{AlertDesk, Journal, Store, StoreError, commit, count, int, ledger};
use crate::alert::AlertId;
use crate::calendar::Day;
use crate::clock::WallTime;
use crate::register::Exception;
use crate::text::say;

/// An exception with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionRow {
    /// The exception.
    pub exception: Exception,
    /// When it was registered.
    pub at: WallTime,
    /// When it was ended before its time, by whom and why.
    pub ended: Option<(WallTime, String, String)>,
    /// Findings it held.
    pub hits: u64,
    /// Day (JST) of the last one.
    pub last_hit: Option<Day>,
    /// Findings of its scope behind its last day: it is missed, or overused.
    pub late_hits: u64,
}

/// What an exception is bound by.
pub(super) fn bound_words(e: &Exception, at: WallTime) -> Value {
    json!({"id": e.id, "rules": e.rules.join(" "), "person": e.person, "dataset": e.dataset, "limit": e.limit,
        "from": e.from.0, "until": e.until.0, "reason": e.reason, "approver": e.approver, "by": e.by, "at": at.micros()})
}

fn exception(row: &Row<'_>) -> Result<Exception, rusqlite::Error> {
    let some = |text: String| (!text.is_empty()).then_some(text);
    Ok(Exception {
        id: row.get(0)?,
        rules: row.get::<_, String>(1)?.split(' ').map(str::to_owned).collect(),
        person: some(row.get(2)?),
        dataset: some(row.get(3)?),
        limit: count(row.get(4)?),
        from: Day(row.get(5)?),
        until: Day(row.get(6)?),
        reason: row.get(7)?,
        approver: row.get(8)?,
        by: row.get(9)?,
    })
}

impl Store {
    /// Registers an exception that was checked. Its number.
    pub fn add_exception(&mut self, e: &Exception, now: WallTime) -> Result<i64, StoreError> {
        let tx = self.begin()?;
        tx.execute(
            "INSERT INTO exception (rules, person, dataset, \"limit\", from_day, until_day, reason, approver, by, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                e.rules.join(" "),
                e.person.as_deref().unwrap_or(""),
                e.dataset.as_deref().unwrap_or(""),
                int(e.limit),
                e.from.0,
                e.until.0,
                e.reason,
                e.approver,
                e.by,
                now.micros()
            ],
        )?;
        let id = tx.last_insert_rowid();
        let detail = format!(
            "{id}: {} up to {} for {} on {} until {}, approved by {}, registered by {}: {}",
            e.rules.join(" "),
            e.limit,
            e.person.as_deref().unwrap_or("everybody"),
            e.dataset.as_deref().unwrap_or("every dataset"),
            e.until.iso(),
            e.approver,
            e.by,
            e.reason
        );
        let what = "exception-added";
        let row = Exception { id, ..e.clone() };
        commit::note_about(&tx, now, &Journal { what, detail }, (id, bound_words(&row, now)))?;
        tx.commit()?;
        Ok(id)
    }

    /// Ends an exception before its time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is none with this number that runs.
    pub fn end_exception(&mut self, id: i64, by: &str, why: &str, now: WallTime) -> Result<(), StoreError> {
        let tx = self.begin()?;
        let ended = tx.execute(
            "UPDATE exception SET ended_at = ?2, ended_by = ?3, ended_why = ?4 WHERE id = ?1 AND ended_at IS NULL",
            params![id, now.micros(), by, why],
        )?;
        if ended == 0 {
            return Err(StoreError::NotFound(say!(
                "終了できる例外 {id} はありません。sekimori exception list で一覧を確かめてください。",
                "there is no exception {id} that could be ended; see sekimori exception list"
            )));
        }
        let (what, detail) = ("exception-ended", format!("{id}: by {by}: {why}"));
        let about = (id, ledger::ended_row(id, now, by, why));
        commit::note_about(&tx, now, &Journal { what, detail }, about)?;
        Ok(tx.commit()?)
    }

    /// Every exception, in the order of their numbers.
    pub fn exceptions(&self) -> Result<Vec<ExceptionRow>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT e.id, e.rules, e.person, e.dataset, e.\"limit\", e.from_day, e.until_day, e.reason, e.approver, e.by, e.at, e.ended_at, e.ended_by, e.ended_why,
                coalesce((SELECT sum(hits) FROM exception_hit WHERE exception = e.id AND late = 0), 0),
                (SELECT max(day) FROM exception_hit WHERE exception = e.id AND late = 0),
                coalesce((SELECT sum(hits) FROM exception_hit WHERE exception = e.id AND late = 1), 0)
             FROM exception AS e ORDER BY e.id",
        )?;
        let rows = select.query_map([], |row| {
            let ended: Option<i64> = row.get(11)?;
            Ok(ExceptionRow {
                exception: exception(row)?,
                at: WallTime::from_micros(row.get(10)?),
                ended: match ended {
                    Some(at) => Some((WallTime::from_micros(at), row.get(12)?, row.get(13)?)),
                    None => None,
                },
                hits: count(row.get(14)?),
                last_hit: row.get::<_, Option<i32>>(15)?.map(Day),
                late_hits: count(row.get(16)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl AlertDesk<'_, '_> {
    /// Every exception that was not ended, expired ones included.
    pub fn exceptions(&self) -> Result<Vec<Exception>, StoreError> {
        let mut select = self.tx().prepare_cached(
            "SELECT e.id, e.rules, e.person, e.dataset, e.\"limit\", e.from_day, e.until_day, e.reason, e.approver, e.by
             FROM exception AS e WHERE e.ended_at IS NULL ORDER BY e.id",
        )?;
        Ok(select.query_map([], exception)?.collect::<Result<_, _>>()?)
    }

    /// Notes that an exception held `hits` findings of a day, or, where `late`, would have but for its end.
    pub fn exception_hit(
        &mut self,
        id: i64,
        day: Day,
        late: bool,
        hits: u64,
        alert: AlertId,
    ) -> Result<(), StoreError> {
        self.tx()
            .prepare_cached(
                "INSERT INTO exception_hit (exception, day, late, hits, alert) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (exception, day, late) DO UPDATE SET hits = hits + excluded.hits, alert = excluded.alert",
            )?
            .execute(params![id, day.0, late, int(hits), alert.0])?;
        Ok(())
    }
}
