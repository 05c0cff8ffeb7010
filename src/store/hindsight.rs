//! Which version of the register was last held against the past, and what was read and used lately.

use rusqlite::params;

use super::{AlertDesk, Committed, Journal, Store, StoreError, alerts, commit, count};
use crate::access::{DatasetId, WhoId};
use crate::clock::WallTime;
use crate::detect::book::{DayNumber, PageKey};
use crate::detect::coverage::{SILENT_DAYS, Seen, SourceSeen};

/// Setting: the version of the register that was last held against the past.
const RECONSIDERED: &str = "register_reconsidered";

impl Store {
    /// From now on this connection sees what is committed now, whatever is committed later.
    ///
    /// # Errors
    /// The store.
    pub fn hold(&self) -> Result<(), StoreError> {
        self.conn.execute_batch("BEGIN")?;
        // The first look fixes what is seen.
        self.meta(RECONSIDERED)?;
        Ok(())
    }

    /// The version of the register by which what is in the book was last judged, where that is not `version`.
    ///
    /// # Errors
    /// The store.
    pub fn judged_by(&mut self, version: i64) -> Result<Option<i64>, StoreError> {
        let Some(last) = self.meta(RECONSIDERED)?.and_then(|v| v.parse::<i64>().ok()) else {
            // The first register: there is no past to judge again.
            self.set_meta(RECONSIDERED, &version.to_string())?;
            return Ok(None);
        };
        Ok((last != version).then_some(last))
    }

    /// Whether what is in the book was last judged by this version of the register.
    ///
    /// # Errors
    /// The store.
    pub fn is_judged_by(&self, version: i64) -> Result<bool, StoreError> {
        let last = self.meta(RECONSIDERED)?;
        Ok(last.and_then(|v| v.parse::<i64>().ok()) == Some(version))
    }

    /// Writes what was found in hindsight: with `by`, what holds by that version of the register, once; else what was found
    /// beside, in the archive.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is written then.
    pub fn in_hindsight(
        &mut self,
        by: Option<i64>,
        write: &mut dyn FnMut(&mut AlertDesk<'_, '_>) -> Result<(), StoreError>,
    ) -> Result<Committed, StoreError> {
        let tx = self.begin()?;
        let mut desk = alerts::AlertDesk::new(&tx);
        write(&mut desk)?;
        let committed = desk.done();
        if let Some(version) = by {
            tx.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![RECONSIDERED, version.to_string()],
            )?;
        }
        tx.commit()?;
        Ok(committed)
    }

    /// What was read and used lately, as `detect::coverage` asks.
    pub fn seen(&self, today: DayNumber) -> Result<Seen, StoreError> {
        let since = today.saturating_sub(SILENT_DAYS);
        let (first, newest): (Option<DayNumber>, Option<i64>) = self
            .conn
            .prepare_cached("SELECT (SELECT min(day) FROM tally), (SELECT max(newest) FROM tally WHERE ?1 < day)")?
            .query_row([since], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let mut sources = self.conn.prepare_cached(
            "SELECT s.name, sum(t.lines), sum(t.accesses) FROM tally AS t JOIN source AS s ON s.id = t.source
             WHERE ?1 < t.day GROUP BY s.id ORDER BY s.id",
        )?;
        let sources = sources.query_map([since], |r| {
            Ok(SourceSeen {
                name: r.get(0)?,
                lines: count(r.get(1)?),
                accesses: count(r.get(2)?),
            })
        })?;
        let sources = sources.collect::<Result<_, _>>()?;
        // Records may lie in the past; what counts is that their sources showed the dataset among the newest ones.
        let newest = newest
            .filter(|micros| *micros != 0)
            .map(crate::clock::EventTime::from_micros);
        let mut datasets = Vec::new();
        if let Some(newest) = newest {
            let day = crate::calendar::day_of(newest).0;
            let mut select = self.conn.prepare_cached(
                "SELECT DISTINCT d.name FROM page AS p JOIN dataset AS d ON d.id = p.dataset WHERE p.key BETWEEN ?1 AND ?2",
            )?;
            let (first, last) = PageKey::of_person(WhoId(0));
            for day in day.saturating_sub(SILENT_DAYS).saturating_add(1)..=day {
                for name in select.query_map((first.row(day), last.row(day)), |r| r.get::<_, String>(0))? {
                    let name = name?;
                    if !datasets.contains(&name) {
                        datasets.push(name);
                    }
                }
            }
        }
        Ok(Seen {
            age_days: first.map(|first| today.saturating_sub(first)),
            sources,
            datasets,
        })
    }
}

impl AlertDesk<'_, '_> {
    /// Whether a rule was found to hold for a person and dataset in hindsight by this version of the register.
    pub fn is_told_in_hindsight(
        &self,
        rule: &str,
        (who, dataset): (WhoId, DatasetId),
        version: i64,
    ) -> Result<bool, StoreError> {
        let mut find = self.tx().prepare_cached(
            "SELECT 1 FROM alert WHERE rule = ?1 AND who = ?2 AND dataset = ?3 AND retro = 1 AND register = ?4",
        )?;
        Ok(find.exists(params![rule, who.0, dataset.0, version])?)
    }

    /// Notes something that happened in the journal.
    pub fn note(&mut self, at: WallTime, entry: &Journal) -> Result<(), StoreError> {
        commit::note(self.tx(), at, entry)
    }
}
