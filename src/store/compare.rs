//! The store held against what it should say: the counters against a second count of the archived records, the rows of
//! alerts against the ledger, the ledger against its folder. Looks only.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::params;

use super::{Store, StoreError, count, int, ledger};
use crate::detect::book::DayNumber;
use crate::evidence::Entry;

/// What is compared of each page of the book.
const AMOUNTS: [&str; 7] = [
    "accesses",
    "records",
    "records_unknown",
    "bytes",
    "bytes_unknown",
    "denied",
    "subjects_distinct",
];

/// A counter that is not what counting again gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterDrift {
    /// The day, JST.
    pub day: DayNumber,
    /// `person` or `account` and its name; empty: everybody together.
    pub who: String,
    /// The dataset.
    pub dataset: String,
    /// The class of operation, by number.
    pub operation: u8,
    /// Which number, what stands in the store, and what the records give.
    pub numbers: Vec<(&'static str, u64, u64)>,
}

/// A step of an alert's life that stands in one place only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepDrift {
    /// The alert.
    pub alert: String,
    /// The step.
    pub step: String,
    /// Index of the ledger entry without a row; none: a row without an entry.
    pub entry: Option<u64>,
}

const PAGES: &str = "
SELECT p.day AS day, coalesce(w.kind || ' ' || w.name, '') AS who, d.name AS dataset, p.operation AS operation,
    p.accesses, p.records, p.records_unknown, p.bytes, p.bytes_unknown, p.denied, p.subjects_distinct
FROM page AS p LEFT JOIN who AS w ON w.id = p.who JOIN dataset AS d ON d.id = p.dataset";

impl Store {
    /// From now on everything is read as it stands at this moment.
    pub fn snapshot(&self) -> Result<(), StoreError> {
        self.conn.execute_batch("BEGIN")?;
        // The transaction begins with the first look.
        self.meta("store_id")?;
        Ok(())
    }

    /// The counters that differ from those of `again`, a store into which the same records were counted once more.
    pub fn counters_against(&self, again: &Path) -> Result<Vec<CounterDrift>, StoreError> {
        let other = Store::open_read(again)?;
        let mut drifts: BTreeMap<Key, [[u64; 7]; 2]> = BTreeMap::new();
        for (side, store) in [self, &other].into_iter().enumerate() {
            let mut select = store.conn.prepare(PAGES)?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let key: Key = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                let mut amounts = [0u64; 7];
                for (at, amount) in amounts.iter_mut().enumerate() {
                    *amount = count(row.get(at.saturating_add(4))?);
                }
                if let Some(place) = drifts.entry(key).or_default().get_mut(side) {
                    *place = amounts;
                }
            }
        }
        let drift = |((day, who, dataset, operation), [kept, found]): (Key, [[u64; 7]; 2])| CounterDrift {
            day,
            who,
            dataset,
            operation,
            numbers: AMOUNTS
                .into_iter()
                .zip(kept.into_iter().zip(found))
                .filter(|(_, (kept, found))| kept != found)
                .map(|(name, (kept, found))| (name, kept, found))
                .collect(),
        };
        Ok(drifts
            .into_iter()
            .map(drift)
            .filter(|d| !d.numbers.is_empty())
            .collect())
    }

    /// Steps of alerts that stand in the ledger and not in the store, or the other way round. Entries in `without` (a store
    /// that was restored did not have their rows) are left out.
    pub fn steps_against_ledger(&self, without: &[(u64, u64)]) -> Result<Vec<StepDrift>, StoreError> {
        let mut rows: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        let mut select = self.conn.prepare(
            "SELECT a.number, s.at, s.step, s.by, s.reason FROM alert_step AS s JOIN alert AS a ON a.id = s.alert",
        )?;
        let mut steps = select.query([])?;
        while let Some(row) = steps.next()? {
            let (number, at, step): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (by, reason): (String, String) = (row.get(3)?, row.get(4)?);
            let bound = ledger::bound(&self.conn, &ledger::step_row(&number, at, &step, &by, &reason))?;
            rows.entry(bound).or_default().push((number, step));
        }
        let mut drifts = Vec::new();
        let mut select = self
            .conn
            .prepare("SELECT ix, entry FROM ledger WHERE kind = 'alert' ORDER BY ix")?;
        let mut entries = select.query([])?;
        while let Some(row) = entries.next()? {
            let (ix, line): (i64, String) = (row.get(0)?, row.get(1)?);
            let ix = count(ix);
            let Ok(entry) = Entry::read(line.as_bytes()) else {
                continue;
            };
            let there = rows.get_mut(entry.text("row")).and_then(Vec::pop).is_some();
            if !there && !without.iter().any(|(from, to)| (*from..*to).contains(&ix)) {
                drifts.push(StepDrift {
                    alert: entry.text("alert").to_owned(),
                    step: entry.text("step").to_owned(),
                    entry: Some(ix),
                });
            }
        }
        for (alert, step) in rows.into_values().flatten() {
            drifts.push(StepDrift {
                alert,
                step,
                entry: None,
            });
        }
        Ok(drifts)
    }

    /// The entry at an index.
    pub fn ledger_line(&self, ix: u64) -> Result<Option<String>, StoreError> {
        use rusqlite::OptionalExtension;
        let mut select = self.conn.prepare_cached("SELECT entry FROM ledger WHERE ix = ?1")?;
        Ok(select.query_row(params![int(ix)], |r| r.get(0)).optional()?)
    }
}

type Key = (DayNumber, String, String, u8);
