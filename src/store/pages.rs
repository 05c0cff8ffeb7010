//! The pages of the book in the store: written by the batch, read back by rules.

use rusqlite::{CachedStatement, OptionalExtension, Row, Transaction, params};

use super::lists::Lists;
use super::{Names, Store, StoreError, count, int};
use crate::access::{DatasetId, Operation, Ordinal, Subject, WhoId};
use crate::detect::List;
use crate::detect::book::{Book, DayNumber, History, HistoryError, PageKey, Select};
use crate::detect::memo::Space;
use crate::detect::page::{Amounts, Page};
use crate::parse::place::SubjectKey;

const SELECT_ONE: &str = "
SELECT accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, subjects
FROM page WHERE day = ?1 AND who = ?2 AND dataset = ?3 AND operation = ?4 AND job = 0";

const INSERT: &str = "
INSERT INTO page (day, who, dataset, operation, job, accesses, records, records_unknown, bytes, bytes_unknown,
    denied, subjects_distinct, cells, subjects)
VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

const UPDATE: &str = "
UPDATE page SET accesses = ?5, records = ?6, records_unknown = ?7, bytes = ?8, bytes_unknown = ?9, denied = ?10,
    subjects_distinct = ?11, cells = ?12, subjects = ?13
WHERE day = ?1 AND who = ?2 AND dataset = ?3 AND operation = ?4 AND job = 0";

/// Writes the net change of the book, page by page in key order.
pub(super) fn write(tx: &Transaction<'_>, book: &mut Book) -> Result<(), StoreError> {
    if book.is_empty() {
        return Ok(());
    }
    // Pages of days the store has never seen need no look before they are written.
    let newest: Option<DayNumber> = tx.query_row("SELECT max(day) FROM page", [], |r| r.get(0))?;
    let mut select = tx.prepare_cached(SELECT_ONE)?;
    let mut insert = tx.prepare_cached(INSERT)?;
    let mut update = tx.prepare_cached(UPDATE)?;
    let (mut cells, mut subjects) = (Vec::new(), Vec::new());
    book.fold(|day, key, change| {
        let mut before = match newest {
            Some(newest) if day <= newest => read_one(&mut select, day, key)?,
            _ => None,
        };
        let (page, statement) = match &mut before {
            Some(before) => {
                before.merge(change);
                (before, &mut update)
            }
            None => (change, &mut insert),
        };
        page.coarsen();
        page.encode_cells(&mut cells);
        page.encode_subjects(&mut subjects);
        let t = &page.total;
        statement.execute(params![
            day,
            key.who().0,
            key.dataset().0,
            key.operation() as u8,
            int(t.accesses),
            int(t.records),
            int(t.records_unknown),
            int(t.bytes),
            int(t.bytes_unknown),
            int(t.denied),
            int(page.distinct()),
            cells,
            subjects
        ])?;
        Ok(())
    })
}

fn read_one(select: &mut CachedStatement<'_>, day: DayNumber, key: PageKey) -> Result<Option<Page>, StoreError> {
    let by = params![day, key.who().0, key.dataset().0, key.operation() as u8];
    match select.query_row(by, |row| Ok(page(row, 0))).optional()? {
        None => Ok(None),
        Some(Err(e)) => Err(e),
        Some(Ok(page)) => Ok(Some(page)),
    }
}

/// A page from eight columns, the first of them at `at`.
fn page(row: &Row<'_>, at: usize) -> Result<Page, StoreError> {
    let n = |i: usize| row.get::<_, i64>(at + i).map(count);
    let total = Amounts {
        accesses: n(0)?,
        records: n(1)?,
        records_unknown: n(2)?,
        bytes: n(3)?,
        bytes_unknown: n(4)?,
        denied: n(5)?,
    };
    let blob = |i: usize| {
        row.get_ref(at + i)?
            .as_blob()
            .map_err(|e| rusqlite::Error::InvalidColumnName(e.to_string()))
    };
    Page::decode(total, blob(6)?, blob(7)?).ok_or_else(|| {
        StoreError::Refused(
            "a page of the book cannot be read; restore the last backup and keep this store as evidence".into(),
        )
    })
}

/// The committed pages as rules look back at them.
#[derive(Debug)]
pub struct PageHistory<'a> {
    /// The store.
    pub store: &'a Store,
    /// Names, to know who is new in this run.
    pub names: &'a Names,
    /// The key of citizens' hashes, where it is at hand.
    pub key: Option<&'a SubjectKey>,
    /// The lists of citizens.
    pub lists: Option<&'a Lists>,
}

const PERSON: &str = "
SELECT dataset, operation, accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, subjects
FROM page WHERE day = ?1 AND who = ?2";

const PERSON_DATASET: &str = "
SELECT dataset, operation, accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, subjects
FROM page WHERE day = ?1 AND who = ?2 AND dataset = ?3";

const DATASET_BY_PERSON: &str = "
SELECT dataset, operation, accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, subjects
FROM page WHERE day = ?1 AND ?2 < who AND dataset = ?3";

impl History for PageHistory<'_> {
    fn knows(&self, who: WhoId) -> bool {
        self.names.is_old(who)
    }

    fn pages(
        &mut self,
        select: Select,
        from: DayNumber,
        to: DayNumber,
        sink: &mut dyn FnMut(DayNumber, PageKey, &Page),
    ) -> Result<(), HistoryError> {
        self.read(select, from, to, sink).map_err(lost)
    }

    fn has_memos(&mut self, space: Space) -> Result<bool, HistoryError> {
        self.store.has_memos(space).map_err(lost)
    }

    fn memo(&mut self, space: Space, key: u64) -> Result<Option<Vec<u8>>, HistoryError> {
        self.store.memo(space, key).map_err(lost)
    }

    fn is_legitimate(&mut self, who: WhoId, dataset: DatasetId, day: DayNumber) -> Result<bool, HistoryError> {
        self.store.is_legitimate(who, dataset, day).map_err(lost)
    }

    fn lists(&mut self, list: List, subject: Subject) -> Option<WhoId> {
        self.lists?.find(list, subject)
    }

    fn subject_of(&self, number: Ordinal) -> Option<Subject> {
        self.key.map(|key| key.hash(number.text().as_bytes()))
    }
}

impl Store {
    /// Pages of everybody who is `wanted` on the days `from..=to`, without subjects.
    ///
    /// # Errors
    /// The store, or a page that cannot be read.
    pub fn days(
        &self,
        from: DayNumber,
        to: DayNumber,
        wanted: &dyn Fn(DayNumber, WhoId) -> bool,
        sink: &mut dyn FnMut(DayNumber, PageKey, &Page),
    ) -> Result<(), StoreError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT day, who, dataset, operation, accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, x''
             FROM page WHERE ?1 <= day AND day <= ?2 AND 0 < who",
        )?;
        let mut rows = statement.query((from, to))?;
        while let Some(row) = rows.next()? {
            let (day, who) = (row.get(0)?, WhoId(row.get(1)?));
            if wanted(day, who) {
                let operation = Operation::from_number(row.get(3)?).unwrap_or(Operation::Other);
                sink(
                    day,
                    PageKey::new(who, DatasetId(row.get(2)?), operation),
                    &page(row, 4)?,
                );
            }
        }
        Ok(())
    }
}

fn lost(e: StoreError) -> HistoryError {
    HistoryError {
        why: e.to_string(),
        transient: e.is_transient(),
    }
}

impl PageHistory<'_> {
    fn read(
        &self,
        select: Select,
        from: DayNumber,
        to: DayNumber,
        sink: &mut dyn FnMut(DayNumber, PageKey, &Page),
    ) -> Result<(), StoreError> {
        let conn = &self.store.conn;
        let range: (Option<DayNumber>, Option<DayNumber>) = conn
            .prepare_cached("SELECT (SELECT min(day) FROM page), (SELECT max(day) FROM page)")?
            .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let (Some(oldest), Some(newest)) = range else {
            return Ok(());
        };
        let (who, dataset) = match select {
            Select::Person(who) => (who, None),
            Select::PersonDataset(who, dataset) => (who, Some(dataset)),
            Select::Dataset(dataset) | Select::DatasetByPerson(dataset) => (WhoId(0), Some(dataset)),
        };
        let statement = match select {
            Select::Person(_) => PERSON,
            Select::PersonDataset(..) | Select::Dataset(_) => PERSON_DATASET,
            Select::DatasetByPerson(_) => DATASET_BY_PERSON,
        };
        let mut statement = conn.prepare_cached(statement)?;
        for day in from.max(oldest)..=to.min(newest) {
            let mut rows = match dataset {
                Some(dataset) => statement.query(params![day, who.0, dataset.0])?,
                None => statement.query(params![day, who.0])?,
            };
            while let Some(row) = rows.next()? {
                let operation = Operation::from_number(row.get(1)?).unwrap_or(Operation::Other);
                sink(
                    day,
                    PageKey::new(who, DatasetId(row.get(0)?), operation),
                    &page(row, 2)?,
                );
            }
        }
        Ok(())
    }
}
