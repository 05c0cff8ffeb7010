//! What reports ask of the store: amounts of a span of days, and what was read, lost and raised in it.
//!
//! Not here: which of it makes a report (`report::gather`), the reports themselves (`reviews`).

use rusqlite::params;

use super::alerts::{self, COLUMNS};
use super::pages::{amounts, page};
use super::{Store, StoreError, Tally, count, ledger};
use crate::access::{DatasetId, Operation, SourceId, WhoId};
use crate::calendar::{Day, day_start};
use crate::clock::WallTime;
use crate::detect::book::{DayNumber, PageKey};
use crate::detect::page::{Amounts, Page};

/// What one person did with one dataset and operation on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayUse {
    /// The day (JST).
    pub day: DayNumber,
    /// The person or unregistered account.
    pub who: WhoId,
    /// The dataset.
    pub dataset: DatasetId,
    /// The operation.
    pub operation: Operation,
    /// Amounts.
    pub amounts: Amounts,
}

/// What was read of a source on a day of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayTally {
    /// The day of reading (JST).
    pub day: Day,
    /// The source.
    pub source: SourceId,
    /// What was read.
    pub tally: Tally,
}

/// Something that happened to the bytes of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// When it was noticed.
    pub at: WallTime,
    /// The source.
    pub source: SourceId,
    /// One word.
    pub kind: String,
    /// Bytes it is about.
    pub bytes: u64,
    /// Why, as far as known.
    pub cause: String,
}

impl Store {
    /// Every amount of the days `from..=to`, person by person, in order of day and person. Cells and subjects stay where
    /// they are: a year of a large agency is read in about two seconds.
    pub fn uses(&self, from: DayNumber, to: DayNumber, sink: &mut dyn FnMut(DayUse)) -> Result<(), StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT key, accesses, records, records_unknown, bytes, bytes_unknown, denied
             FROM page WHERE key BETWEEN ?1 AND ?2 AND 0 < who",
        )?;
        let mut rows = select.query(PageKey::rows(from, to))?;
        while let Some(row) = rows.next()? {
            let (day, key) = PageKey::of_row(row.get(0)?);
            sink(DayUse {
                day,
                who: key.who(),
                dataset: key.dataset(),
                operation: key.operation(),
                amounts: amounts(row, 1)?,
            });
        }
        Ok(())
    }

    /// Pages of a dataset over all persons on the days `from..=to`: cells, no subjects.
    pub fn dataset_pages(
        &self,
        dataset: DatasetId,
        from: DayNumber,
        to: DayNumber,
        sink: &mut dyn FnMut(DayNumber, Operation, &Page),
    ) -> Result<(), StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT key, accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, x''
             FROM book WHERE key BETWEEN ?1 AND ?2",
        )?;
        let (first, last) = PageKey::of_dataset(WhoId(0), dataset);
        for day in from..=to {
            let mut rows = select.query((first.row(day), last.row(day)))?;
            while let Some(row) = rows.next()? {
                sink(day, PageKey::of_row(row.get(0)?).1.operation(), &page(row, 1)?);
            }
        }
        Ok(())
    }

    /// Subjects of the days `from..=to`, page by page of each person.
    pub fn subject_pages(
        &self,
        from: DayNumber,
        to: DayNumber,
        wanted: &dyn Fn(DatasetId) -> bool,
        sink: &mut dyn FnMut(DatasetId, &Page),
    ) -> Result<(), StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT dataset, accesses, records, records_unknown, bytes, bytes_unknown, denied, x'', subjects
             FROM page WHERE key BETWEEN ?1 AND ?2 AND 0 < who AND 0 < subjects_distinct",
        )?;
        let mut rows = select.query(PageKey::rows(from, to))?;
        while let Some(row) = rows.next()? {
            let dataset = DatasetId(row.get(0)?);
            if wanted(dataset) {
                sink(dataset, &page(row, 1)?);
            }
        }
        Ok(())
    }

    /// The page of one person, dataset, operation and day.
    pub fn page_of(&self, of: &DayUse) -> Result<Option<Page>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, x''
             FROM book WHERE key = ?1",
        )?;
        let key = PageKey::new(of.who, of.dataset, of.operation);
        let mut rows = select.query([key.row(of.day)])?;
        match rows.next()? {
            Some(row) => Ok(Some(page(row, 0)?)),
            None => Ok(None),
        }
    }

    /// What was read on the days `from..=to`, by day and source.
    pub fn tallies(&self, from: DayNumber, to: DayNumber) -> Result<Vec<DayTally>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT day, source, lines, bytes, accesses, no_dataset, no_record, repeated, rejects, damaged, newest
             FROM tally WHERE day BETWEEN ?1 AND ?2 ORDER BY day, source",
        )?;
        let rows = select.query_map([from, to], |r| {
            let n = |i: usize| r.get::<_, i64>(i).map(count);
            Ok(DayTally {
                day: Day(r.get(0)?),
                source: SourceId(r.get(1)?),
                tally: Tally {
                    lines: n(2)?,
                    bytes: n(3)?,
                    accesses: n(4)?,
                    no_dataset: n(5)?,
                    nothing: n(6)?,
                    repeated: n(7)?,
                    rejects: n(8)?,
                    damaged: n(9)?,
                    newest: r.get(10)?,
                },
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Lines of the days `from..=to` no record came from: source, reason, lines.
    pub fn rejects_by(&self, from: DayNumber, to: DayNumber) -> Result<Vec<(SourceId, String, u64)>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT source, why, sum(lines) FROM reject WHERE day BETWEEN ?1 AND ?2 GROUP BY source, why ORDER BY 1, 2",
        )?;
        let rows = select.query_map([from, to], |r| Ok((SourceId(r.get(0)?), r.get(1)?, count(r.get(2)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What happened to the bytes of sources on the days `from..=to` (JST).
    pub fn events_in(&self, from: Day, to: Day) -> Result<Vec<EventRow>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT at, source, kind, max(hi - lo, 0), cause FROM source_event WHERE ?1 <= at AND at < ?2 ORDER BY id",
        )?;
        let rows = select.query_map(span(from, to), |r| {
            Ok(EventRow {
                at: WallTime::from_micros(r.get(0)?),
                source: SourceId(r.get(1)?),
                kind: r.get(2)?,
                bytes: count(r.get(3)?),
                cause: r.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Sources of which a file has been read on since it was last read to its end.
    pub fn behind(&self) -> Result<Vec<SourceId>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT DISTINCT source FROM segment WHERE phase IN (0, 1) AND caught_at < last_read ORDER BY source",
        )?;
        Ok(select
            .query_map([], |r| Ok(SourceId(r.get(0)?)))?
            .collect::<Result<_, _>>()?)
    }

    /// Alerts whose first finding lies on the days `from..=to` (JST), oldest first, with who each is about.
    pub fn alerts_in(&self, from: Day, to: Day) -> Result<Vec<(alerts::StoredAlert, String)>, StoreError> {
        let mut select = self.conn.prepare_cached(&format!(
            "SELECT {COLUMNS}, coalesce(w.name, '') FROM alert AS a LEFT JOIN who AS w ON w.id = a.who
             WHERE ?1 <= a.first_seen AND a.first_seen < ?2 ORDER BY a.first_seen, a.id",
        ))?;
        let rows = select.query_map(span(from, to), |r| Ok((alerts::stored(r)?, r.get(37)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Findings each exception held on the days `from..=to`, and those behind its last day.
    pub fn exception_hits(&self, from: Day, to: Day) -> Result<Vec<(i64, u64, u64)>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT exception, sum(CASE late WHEN 0 THEN hits ELSE 0 END), sum(CASE late WHEN 1 THEN hits ELSE 0 END)
             FROM exception_hit WHERE day BETWEEN ?1 AND ?2 GROUP BY exception ORDER BY exception",
        )?;
        let rows = select.query_map([from.0, to.0], |r| Ok((r.get(0)?, count(r.get(1)?), count(r.get(2)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A keyed hash of `text` that nobody without the store can foresee, and that is the same each time.
    pub fn draw(&self, text: &str) -> Result<String, StoreError> {
        ledger::bound(&self.conn, &serde_json::json!({"draw": text}))
    }

    /// The first day (JST) anything is on record of.
    pub fn first_day(&self) -> Result<Option<Day>, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT min(key) FROM book")?;
        let first: Option<i64> = select.query_row([], |r| r.get(0))?;
        Ok(first.map(|row| Day(PageKey::of_row(row).0)))
    }

    /// Kind (`person`, `account`) and name of everybody who ever was counted.
    pub fn everybody(&self) -> Result<Vec<(WhoId, String, String)>, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT id, kind, name FROM who ORDER BY id")?;
        let rows = select.query_map([], |r| Ok((WhoId(r.get(0)?), r.get(1)?, r.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Entries of a kind made before `until`, the last `max` of them, oldest first.
    pub fn ledger_of(&self, kind: &str, max: u32) -> Result<Vec<crate::evidence::Entry>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT entry FROM ledger WHERE kind = ?1 ORDER BY ix DESC LIMIT ?2")?;
        let lines = select.query_map(params![kind, max], |r| r.get::<_, String>(0))?;
        let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
        let entries = lines.iter().rev();
        Ok(entries
            .filter_map(|l| crate::evidence::Entry::read(l.as_bytes()).ok())
            .collect())
    }
}

/// The span of days as microseconds, the end excluded.
fn span(from: Day, to: Day) -> [i64; 2] {
    [day_start(from).micros(), day_start(to.plus(1)).micros()]
}
