//! The pages of the book in the store: written by the batch, read back by rules.

use rusqlite::{CachedStatement, OptionalExtension, Row, Transaction, params};

use super::lists::Lists;
use super::{Names, Store, StoreError, count, int};
use crate::access::{DatasetId, Ordinal, Subject, WhoId};
use crate::detect::List;
use crate::detect::book::{Book, DayNumber, History, HistoryError, PageKey, Select, WHO_MAX};
use crate::detect::memo::Space;
use crate::detect::page::{Amounts, Page};
use crate::parse::place::SubjectKey;
use crate::text::Say;

const SELECT_ONE: &str = "
SELECT accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, subjects FROM book WHERE key = ?1";

const INSERT: &str = "
INSERT INTO book (key, accesses, records, records_unknown, bytes, bytes_unknown, denied, subjects_distinct, cells, subjects)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const UPDATE: &str = "
UPDATE book SET accesses = ?2, records = ?3, records_unknown = ?4, bytes = ?5, bytes_unknown = ?6, denied = ?7,
    subjects_distinct = ?8, cells = ?9, subjects = ?10 WHERE key = ?1";

/// Writes the net change of the book, page by page in key order.
pub(super) fn write(tx: &Transaction<'_>, book: &mut Book) -> Result<(), StoreError> {
    if book.is_empty() {
        return Ok(());
    }
    // Pages of days the store has never seen need no look before they are written.
    let newest: Option<i64> = tx.query_row("SELECT max(key) FROM book", [], |r| r.get(0))?;
    let newest = newest.map(|row| PageKey::of_row(row).0);
    let mut select = tx.prepare_cached(SELECT_ONE)?;
    let mut update = tx.prepare_cached(UPDATE)?;
    let mut fresh = Fresh::new(tx)?;
    book.fold(|day, key, change| {
        let before = match newest {
            Some(newest) if day <= newest => read_one(&mut select, day, key)?,
            _ => None,
        };
        let Some(mut page) = before else {
            change.coarsen();
            return fresh.add(key.row(day), change);
        };
        page.merge(change);
        page.coarsen();
        let (mut cells, mut subjects) = (Vec::new(), Vec::new());
        page.encode_cells(&mut cells);
        page.encode_subjects(&mut subjects);
        let [key, a, b, c, d, e, f, g] = numbers(key.row(day), &page);
        update.execute(params![key, a, b, c, d, e, f, g, cells, subjects])?;
        Ok(())
    })?;
    fresh.write()
}

/// Key, sums and number of subjects, as the columns are ordered.
fn numbers(key: i64, page: &Page) -> [i64; 8] {
    let t = &page.total;
    [
        key,
        int(t.accesses),
        int(t.records),
        int(t.records_unknown),
        int(t.bytes),
        int(t.bytes_unknown),
        int(t.denied),
        int(page.distinct()),
    ]
}

/// Pages that are new, collected so that one statement writes many: beginning and ending a statement costs more than a row.
struct Fresh<'t> {
    one: CachedStatement<'t>,
    many: CachedStatement<'t>,
    rows: Vec<[i64; 8]>,
    /// Cells and subjects of each row, one behind the other, and where each ends.
    blobs: Vec<u8>,
    ends: Vec<usize>,
    scratch: Vec<u8>,
}

/// Rows a statement writes.
const MANY: usize = 64;

impl<'t> Fresh<'t> {
    fn new(tx: &'t Transaction<'_>) -> Result<Fresh<'t>, StoreError> {
        let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let (head, _) = INSERT.split_once("(?1").unwrap_or((INSERT, ""));
        Ok(Fresh {
            one: tx.prepare_cached(INSERT)?,
            many: tx.prepare_cached(&format!("{head}{}", [row; MANY].join(", ")))?,
            rows: Vec::with_capacity(MANY),
            blobs: Vec::new(),
            ends: Vec::new(),
            scratch: Vec::new(),
        })
    }

    fn add(&mut self, key: i64, page: &Page) -> Result<(), StoreError> {
        self.rows.push(numbers(key, page));
        page.encode_cells(&mut self.scratch);
        self.blobs.extend_from_slice(&self.scratch);
        self.ends.push(self.blobs.len());
        page.encode_subjects(&mut self.scratch);
        self.blobs.extend_from_slice(&self.scratch);
        self.ends.push(self.blobs.len());
        if self.rows.len() < MANY {
            return Ok(());
        }
        bind(&mut self.many, &self.rows, &self.ends, &self.blobs)?;
        self.clear();
        Ok(())
    }

    /// Writes what is left.
    fn write(&mut self) -> Result<(), StoreError> {
        let mut start = 0;
        for (row, ends) in self.rows.iter().zip(self.ends.chunks(2)) {
            let end = ends.last().copied().unwrap_or(start);
            let ends: Vec<usize> = ends.iter().map(|end| end.saturating_sub(start)).collect();
            let blobs = self.blobs.get(start..end).unwrap_or_default();
            bind(&mut self.one, std::slice::from_ref(row), &ends, blobs)?;
            start = end;
        }
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.blobs.clear();
        self.ends.clear();
    }
}

/// Writes rows with a statement that has ten places for each of them.
fn bind(
    statement: &mut CachedStatement<'_>,
    rows: &[[i64; 8]],
    ends: &[usize],
    blobs: &[u8],
) -> Result<(), StoreError> {
    let (mut place, mut start) = (1, 0);
    for (row, ends) in rows.iter().zip(ends.chunks(2)) {
        for number in row {
            statement.raw_bind_parameter(place, number)?;
            place += 1;
        }
        for end in ends {
            statement.raw_bind_parameter(place, blobs.get(start..*end).unwrap_or_default())?;
            (place, start) = (place + 1, *end);
        }
    }
    statement.raw_execute()?;
    Ok(())
}

fn read_one(select: &mut CachedStatement<'_>, day: DayNumber, key: PageKey) -> Result<Option<Page>, StoreError> {
    match select.query_row([key.row(day)], |row| Ok(page(row, 0))).optional()? {
        None => Ok(None),
        Some(Err(e)) => Err(e),
        Some(Ok(page)) => Ok(Some(page)),
    }
}

/// Amounts from six columns, the first of them at `at`.
pub(super) fn amounts(row: &Row<'_>, at: usize) -> Result<Amounts, rusqlite::Error> {
    let n = |i: usize| row.get::<_, i64>(at + i).map(count);
    Ok(Amounts {
        accesses: n(0)?,
        records: n(1)?,
        records_unknown: n(2)?,
        bytes: n(3)?,
        bytes_unknown: n(4)?,
        denied: n(5)?,
    })
}

/// A page from eight columns, the first of them at `at`.
pub(super) fn page(row: &Row<'_>, at: usize) -> Result<Page, StoreError> {
    let blob = |i: usize| {
        row.get_ref(at + i)?
            .as_blob()
            .map_err(|e| rusqlite::Error::InvalidColumnName(e.to_string()))
    };
    Page::decode(amounts(row, at)?, blob(6)?, blob(7)?).ok_or_else(|| {
        StoreError::Refused(Say::new(
            "集計の1件を読めません。直近のバックアップを復元し、この保存先は証拠として残してください。",
            "a page of the book cannot be read; restore the last backup and keep this store as evidence",
        ))
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

/// A range of pages; ?3: the dataset, or null for any.
const RANGE: &str = "
SELECT key, accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, subjects
FROM page WHERE key BETWEEN ?1 AND ?2 AND (?3 IS NULL OR dataset = ?3)";

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

    fn lists(&mut self, list: List, subject: Subject, who: WhoId) -> Option<WhoId> {
        self.lists?.find(list, subject, who, self.names)
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
            "SELECT key, accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, x''
             FROM page WHERE key BETWEEN ?1 AND ?2 AND 0 < who",
        )?;
        let mut rows = statement.query(PageKey::rows(from, to))?;
        while let Some(row) = rows.next()? {
            let (day, key) = PageKey::of_row(row.get(0)?);
            if wanted(day, key.who()) {
                sink(day, key, &page(row, 1)?);
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
        let range: (Option<i64>, Option<i64>) = conn
            .prepare_cached("SELECT (SELECT min(key) FROM book), (SELECT max(key) FROM book)")?
            .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let (Some(oldest), Some(newest)) = range else {
            return Ok(());
        };
        let ((first, last), dataset) = match select {
            Select::Person(who) => (PageKey::of_person(who), None),
            Select::PersonDataset(who, dataset) => (PageKey::of_dataset(who, dataset), None),
            Select::Dataset(dataset) => (PageKey::of_dataset(WhoId(0), dataset), None),
            Select::DatasetByPerson(dataset) => {
                let (first, last) = (PageKey::of_person(WhoId(1)).0, PageKey::of_person(WhoId(WHO_MAX)).1);
                ((first, last), Some(dataset))
            }
        };
        let mut statement = conn.prepare_cached(RANGE)?;
        for day in from.max(PageKey::of_row(oldest).0)..=to.min(PageKey::of_row(newest).0) {
            let mut rows = statement.query(params![first.row(day), last.row(day), dataset.map(|d| d.0)])?;
            while let Some(row) = rows.next()? {
                let (_, key) = PageKey::of_row(row.get(0)?);
                sink(day, key, &page(row, 1)?);
            }
        }
        Ok(())
    }
}
