//! The book and the alerts of past days, as limits are held against them.

use rusqlite::params;

use super::alerts::{COLUMNS, stored};
use super::{Store, StoreError, StoredAlert, pages};
use crate::access::WhoId;
use crate::clock::EventTime;
use crate::detect::book::{DayNumber, PageKey};
use crate::detect::page::Page;

impl Store {
    /// The newest day of the book.
    ///
    /// # Errors
    /// The store.
    pub fn newest_day(&self) -> Result<Option<DayNumber>, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT max(key) FROM book")?;
        let newest: Option<i64> = select.query_row([], |r| r.get(0))?;
        Ok(newest.map(|row| PageKey::of_row(row).0))
    }

    /// Everybody's own pages of a day, with their subjects.
    ///
    /// # Errors
    /// The store, a page that cannot be read, or the first error of `sink`.
    pub fn pages_of_day<E: From<StoreError>>(
        &self,
        day: DayNumber,
        sink: &mut dyn FnMut(PageKey, &Page) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |e: rusqlite::Error| E::from(StoreError::from(e));
        let mut select = self
            .conn
            .prepare_cached(
                "SELECT key, accesses, records, records_unknown, bytes, bytes_unknown, denied, cells, subjects
                 FROM book WHERE key BETWEEN ?1 AND ?2",
            )
            .map_err(failed)?;
        let mut rows = select.query(PageKey::rows(day, day)).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let read = || -> Result<(PageKey, Page), StoreError> {
                let (_, key) = PageKey::of_row(row.get(0)?);
                Ok((key, pages::page(row, 1)?))
            };
            let (key, page) = read()?;
            if key.who() != WhoId(0) {
                sink(key, &page)?;
            }
        }
        Ok(())
    }

    /// Alerts of a rule found since `from`, with the verdict on the alert they belong to in `closed_as`.
    ///
    /// # Errors
    /// The store.
    pub fn alerts_of_rule(&self, rule: &str, from: EventTime) -> Result<Vec<StoredAlert>, StoreError> {
        let mut select = self.conn.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM alert AS a WHERE a.rule = ?1 AND ?2 <= a.last_seen ORDER BY a.id"
        ))?;
        let rows = select.query_map(params![rule, from.micros()], stored)?;
        let mut all: Vec<StoredAlert> = rows.collect::<Result<_, _>>()?;
        let mut verdict = self.conn.prepare_cached("SELECT closed_as FROM alert WHERE id = ?1")?;
        for one in &mut all {
            if one.lead != one.alert.id {
                one.closed_as = verdict.query_row([one.lead.0], |r| r.get(0))?;
            }
        }
        Ok(all)
    }
}
