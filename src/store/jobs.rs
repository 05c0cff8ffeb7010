//! Approved jobs in the store, and what was done under each.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::{Journal, Store, StoreError, commit, count, int, ledger};
use crate::access::{DatasetId, Operation, WhoId};
use crate::calendar::Day;
use crate::clock::WallTime;
use crate::detect::book::PageKey;
use crate::register::jobs::{Job, Jobs};
use crate::text::say;

/// A job with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The job.
    pub job: Job,
    /// When it was registered.
    pub at: WallTime,
    /// When it was ended before its time, by whom and why.
    pub ended: Option<(WallTime, String, String)>,
}

/// What was done under a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobUse {
    /// Accesses.
    pub accesses: u64,
    /// Records they gave out.
    pub records: u64,
    /// Most records on one day.
    pub most: u64,
    /// The last day with any.
    pub last: Option<Day>,
}

/// Jobs in memory, with what tells whether they are still those of the store.
#[derive(Debug, Default)]
pub struct KnownJobs {
    /// The jobs; none before the first look.
    pub jobs: Option<Jobs>,
    version: (i64, i64),
}

const COLUMNS: &str =
    "id, number, title, person, dataset, operations, \"limit\", from_day, until_day, approver, by, at,
    ended_at, ended_by, ended_why";

/// What a job is bound by.
pub(super) fn bound_words(job: &Job, at: WallTime) -> Value {
    let operations: Vec<&str> = job.operations.iter().map(|o| o.as_str()).collect();
    json!({"id": job.id, "number": job.number, "title": job.title, "person": job.person, "dataset": job.dataset,
        "operations": operations.join(" "), "limit": job.limit, "from": job.from.0, "until": job.until.0,
        "approver": job.approver, "by": job.by, "at": at.micros()})
}

fn read(row: &Row<'_>) -> Result<JobRow, rusqlite::Error> {
    let mask: u16 = row.get(5)?;
    let ended: Option<i64> = row.get(12)?;
    Ok(JobRow {
        job: Job {
            id: row.get(0)?,
            number: row.get(1)?,
            title: row.get(2)?,
            person: row.get(3)?,
            dataset: row.get(4)?,
            operations: Operation::ALL
                .into_iter()
                .filter(|o| mask & 1 << (*o as u8) != 0)
                .collect(),
            limit: count(row.get(6)?),
            from: Day(row.get(7)?),
            until: Day(row.get(8)?),
            approver: row.get(9)?,
            by: row.get(10)?,
        },
        at: WallTime::from_micros(row.get(11)?),
        ended: match ended {
            Some(at) => Some((WallTime::from_micros(at), row.get(13)?, row.get(14)?)),
            None => None,
        },
    })
}

impl Store {
    /// Registers a job that was checked. Its row id.
    pub fn add_job(&mut self, job: &Job, now: WallTime) -> Result<i64, StoreError> {
        let mask = job.operations.iter().fold(0u16, |mask, o| mask | 1 << (*o as u8));
        let tx = self.begin()?;
        tx.execute(
            "INSERT INTO job (number, title, person, dataset, operations, \"limit\", from_day, until_day, approver, by, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                job.number,
                job.title,
                job.person,
                job.dataset,
                mask,
                int(job.limit),
                job.from.0,
                job.until.0,
                job.approver,
                job.by,
                now.micros()
            ],
        )?;
        let id = tx.last_insert_rowid();
        let operations: Vec<&str> = job.operations.iter().map(|o| o.as_str()).collect();
        let detail = format!(
            "{id}: {} ({}) of {} on {}, {}, up to {} records a day from {} until {}, approved by {}, registered by {}",
            job.number,
            job.title,
            job.person,
            job.dataset,
            operations.join(" "),
            job.limit,
            job.from.iso(),
            job.until.iso(),
            job.approver,
            job.by
        );
        let what = "job-added";
        let row = Job { id, ..job.clone() };
        commit::note_about(&tx, now, &Journal { what, detail }, (id, bound_words(&row, now)))?;
        tx.commit()?;
        Ok(id)
    }

    /// Ends a job before its time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is none with this row id that runs.
    pub fn end_job(&mut self, id: i64, by: &str, why: &str, now: WallTime) -> Result<(), StoreError> {
        let tx = self.begin()?;
        let ended = tx.execute(
            "UPDATE job SET ended_at = ?2, ended_by = ?3, ended_why = ?4 WHERE id = ?1 AND ended_at IS NULL",
            params![id, now.micros(), by, why],
        )?;
        if ended == 0 {
            return Err(StoreError::NotFound(say!(
                "終了できる業務処理 {id} はありません。sekimori job list で確認してください。",
                "there is no job {id} that could be ended; see sekimori job list"
            )));
        }
        let (what, detail) = ("job-ended", format!("{id}: by {by}: {why}"));
        let about = (id, ledger::ended_row(id, now, by, why));
        commit::note_about(&tx, now, &Journal { what, detail }, about)?;
        Ok(tx.commit()?)
    }

    /// Every job, in the order of registration.
    pub fn job_rows(&self) -> Result<Vec<JobRow>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached(&format!("SELECT {COLUMNS} FROM job ORDER BY id"))?;
        let rows = select.query_map([], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Looks whether jobs were registered or ended since `known` was read; reads them again then. Whether that was so.
    pub fn refresh_jobs(&self, known: &mut KnownJobs) -> Result<bool, StoreError> {
        let mut newest = self.conn.prepare_cached(
            "SELECT (SELECT coalesce(max(id), 0) FROM job), (SELECT coalesce(max(ended_at), 0) FROM job)",
        )?;
        let version: (i64, i64) = newest.query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
        if known.jobs.is_some() && known.version == version {
            return Ok(false);
        }
        let mut jobs = Jobs::default();
        if version.0 != 0 {
            jobs = self.jobs_as(&self.known_datasets()?)?;
        }
        *known = KnownJobs {
            jobs: Some(jobs),
            version,
        };
        Ok(true)
    }

    /// The jobs as they stand, with the datasets as `datasets` numbers them.
    pub fn jobs_as(&self, datasets: &[(DatasetId, String)]) -> Result<Jobs, StoreError> {
        let mut jobs = Jobs::default();
        for row in self.job_rows()? {
            let dataset = datasets.iter().find(|(_, name)| *name == row.job.dataset);
            // A dataset that was never configured has no access that could belong to the job.
            let dataset = dataset.map_or(DatasetId(0), |(id, _)| *id);
            jobs.add(&row.job, dataset, (row.at, row.ended.as_ref().map(|(at, ..)| *at)));
        }
        Ok(jobs)
    }

    /// What was done under a job up to `today`.
    pub fn job_use(&self, job: &Job, today: Day) -> Result<JobUse, StoreError> {
        let mut used = JobUse::default();
        let who = "SELECT id FROM who WHERE kind = 'job' AND name = ?1";
        let who: Option<u32> = self
            .conn
            .prepare_cached(who)?
            .query_row([job.counted_as()], |r| r.get(0))
            .optional()?;
        let dataset = "SELECT id FROM dataset WHERE name = ?1";
        let dataset: Option<u16> = self
            .conn
            .prepare_cached(dataset)?
            .query_row([&job.dataset], |r| r.get(0))
            .optional()?;
        let (Some(who), Some(dataset)) = (who, dataset) else {
            return Ok(used);
        };
        let (first, last) = PageKey::of_dataset(WhoId(who), DatasetId(dataset));
        let mut of_day = self
            .conn
            .prepare_cached("SELECT key & 15, accesses, records FROM book WHERE key BETWEEN ?1 AND ?2")?;
        for day in job.from.0..=job.until.0.min(today.0) {
            let mut rows = of_day.query((first.row(day), last.row(day)))?;
            let mut records = 0u64;
            while let Some(row) = rows.next()? {
                let operation: u8 = row.get(0)?;
                if !job.operations.iter().any(|o| *o as u8 == operation) {
                    continue;
                }
                used.accesses = used.accesses.saturating_add(count(row.get(1)?));
                records = records.saturating_add(count(row.get(2)?));
                used.last = Some(Day(day));
            }
            used.records = used.records.saturating_add(records);
            used.most = used.most.max(records);
        }
        Ok(used)
    }

    /// Takes over the jobs of another store: for replays.
    ///
    /// # Errors
    /// Either store.
    pub fn copy_jobs(&mut self, from: &Store) -> Result<(), StoreError> {
        for row in from.job_rows()? {
            let id = self.add_job(&row.job, row.at)?;
            if let Some((at, by, why)) = row.ended {
                self.end_job(id, &by, &why, at)?;
            }
        }
        Ok(())
    }
}
