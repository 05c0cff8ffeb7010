//! Versions of the account register.
//!
//! An import writes the rows it adds and the ends of those it takes away (as runs of rows: where every row changes, which
//! happens each spring, that is one) in small transactions, so that the batches of
//! the daemon get through between them, and comes into force with one last row: until then nothing has changed, and
//! what an import that was interrupted left behind is cleared away by the next one. One import at a time: [`Importing`].

use std::path::Path;

use rusqlite::{OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::{Store, StoreError, count, int, unopened};
use crate::access::WhoId;
use crate::clock::WallTime;
use crate::detect::book::PageKey;
use crate::evidence::hex;

/// Rows a transaction of an import writes: some hundredths of a second.
const CHUNK: usize = 8_000;
/// Pause behind each: longer than who waits takes to look again ([`super::LOOK_AGAIN`]).
const GAP: std::time::Duration = std::time::Duration::from_millis(3);

/// A version of the register: who brought it, when, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterVersion {
    /// Number, from 1.
    pub id: i64,
    /// When it came into force.
    pub imported_at: WallTime,
    /// When the same content was last brought.
    pub refreshed_at: WallTime,
    /// What is known of the import.
    pub import: NewRegister,
    /// Rows it added.
    pub added: u64,
    /// Rows it took away.
    pub ended: u64,
}

/// What is known of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewRegister {
    /// Who brought it; empty: sekimori itself, from the configured file or folder.
    pub by: String,
    /// The file.
    pub origin: String,
    /// SHA-256 of the file's text, hex.
    pub sha256: String,
    /// Rows.
    pub rows: u64,
    /// Accounts.
    pub accounts: u64,
    /// Persons, and accounts that are nobody's.
    pub people: u64,
    /// Why it was allowed to take much away; empty: it did not.
    pub reason: String,
}

/// Runs of rows of a version that end with the next one: first and last id. Rows that end and have none between them that
/// stays are one run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ended {
    runs: Vec<(i64, i64)>,
    open: bool,
    rows: u64,
}

impl Ended {
    /// The next row of the version, in the order of the ids, ends, or stays.
    pub fn next(&mut self, id: i64, ends: bool) {
        match self.runs.last_mut().filter(|_| self.open && ends) {
            Some((_, last)) => *last = id,
            None if ends => self.runs.push((id, id)),
            None => {}
        }
        self.open = ends;
        self.rows = self.rows.saturating_add(u64::from(ends));
    }

    /// How many rows end.
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

/// The right to import; ends with the value (or the process).
#[derive(Debug)]
pub struct Importing(#[expect(dead_code, reason = "held for its lock, released when dropped")] std::fs::File);

impl Importing {
    /// Waits for the lock beside the store.
    ///
    /// # Errors
    /// The file cannot be made or locked.
    pub fn begin(store: &Path) -> Result<Importing, StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = store.with_extension("import.lock");
        let open = |why: std::io::Error| StoreError::Open {
            path: path.clone(),
            why: unopened(&why),
        };
        let mut options = std::fs::OpenOptions::new();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(open)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).map_err(|e| open(e.into()))?;
        Ok(Importing(file))
    }
}

const REGISTER: &str = "SELECT id, imported_at, refreshed_at, by, origin, sha256, rows, accounts, people, added, ended,
    reason FROM register ORDER BY id DESC LIMIT ?1";

fn version(r: &Row<'_>) -> Result<RegisterVersion, rusqlite::Error> {
    Ok(RegisterVersion {
        id: r.get(0)?,
        imported_at: WallTime::from_micros(r.get(1)?),
        refreshed_at: WallTime::from_micros(r.get(2)?),
        import: NewRegister {
            by: r.get(3)?,
            origin: r.get(4)?,
            sha256: r.get(5)?,
            rows: count(r.get(6)?),
            accounts: count(r.get(7)?),
            people: count(r.get(8)?),
            reason: r.get(11)?,
        },
        added: count(r.get(9)?),
        ended: count(r.get(10)?),
    })
}

impl Store {
    /// The version in force.
    ///
    /// # Errors
    /// The store.
    pub fn register_version(&self) -> Result<Option<RegisterVersion>, StoreError> {
        Ok(self.conn.prepare_cached(REGISTER)?.query_row([1], version).optional()?)
    }

    /// The newest versions.
    ///
    /// # Errors
    /// The store.
    pub fn register_versions(&self, max: u32) -> Result<Vec<RegisterVersion>, StoreError> {
        let mut select = self.conn.prepare_cached(REGISTER)?;
        Ok(select.query_map([max], version)?.collect::<Result<_, _>>()?)
    }

    /// Every row any register ever had, in its canonical spelling.
    pub fn register_rows_ever(&self) -> Result<Vec<String>, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT text FROM register_row ORDER BY id")?;
        let rows = select.query_map([], |r| r.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The rows of a version in their canonical spelling, with their ids, in the order in which they came.
    ///
    /// # Errors
    /// The store.
    pub fn register_rows(&self, version: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let mut rows = Vec::new();
        self.each_register_row(version, &mut |id, text| rows.push((id, text.to_owned())))?;
        Ok(rows)
    }

    /// Calls `found` for each of them.
    ///
    /// # Errors
    /// The store.
    pub fn each_register_row(&self, version: i64, found: &mut dyn FnMut(i64, &str)) -> Result<(), StoreError> {
        // Both lists in the order of the ids, side by side: no row is looked for. What belongs to a version in force is
        // never changed, so that it does not matter what is committed between the two.
        let mut runs = self
            .conn
            .prepare_cached("SELECT first, last FROM register_row_end WHERE version <= ?1 ORDER BY first")?
            .query_map([version], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<Result<Vec<(i64, i64)>, _>>()?
            .into_iter()
            .peekable();
        let mut ended_to = i64::MIN;
        let mut select = self
            .conn
            .prepare_cached("SELECT r.id, r.text FROM register_row AS r WHERE r.since <= ?1 ORDER BY r.id")?;
        let mut rows = select.query([version])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            while let Some((_, last)) = runs.next_if(|(first, _)| *first <= id) {
                ended_to = ended_to.max(last);
            }
            if ended_to < id {
                found(id, row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
            }
        }
        Ok(())
    }

    /// SHA-256 over the rows of a version, each with a newline behind it, hex.
    ///
    /// # Errors
    /// The store.
    pub fn register_content(&self, version: i64) -> Result<String, StoreError> {
        let mut hash = Sha256::new();
        self.each_register_row(version, &mut |_, text| {
            hash.update(text.as_bytes());
            hash.update(b"\n");
        })?;
        let hash: [u8; 32] = hash.finalize().into();
        Ok(hex(&hash))
    }

    /// Makes a new version: `added` rows more than the one in force, without those that end. Other
    /// writers get through meanwhile.
    ///
    /// # Errors
    /// The store; then the version in force stays as it is.
    pub fn put_register(
        &mut self,
        _lock: &Importing,
        new: &NewRegister,
        added: &[&str],
        ended: &Ended,
        now: WallTime,
    ) -> Result<i64, StoreError> {
        let version = self.register_version()?.map_or(1, |v| v.id.saturating_add(1));
        self.clear_interrupted(version)?;
        for chunk in added.chunks(CHUNK) {
            let tx = self.begin()?;
            {
                let mut insert = tx.prepare_cached("INSERT INTO register_row (since, text) VALUES (?1, ?2)")?;
                for text in chunk {
                    insert.execute(params![version, text])?;
                }
            }
            tx.commit()?;
            super::pass("register.rows")?;
            self.let_others_through();
        }
        for chunk in ended.runs.chunks(CHUNK) {
            let tx = self.begin()?;
            {
                let insert = "INSERT INTO register_row_end (first, last, version) VALUES (?1, ?2, ?3)";
                let mut insert = tx.prepare_cached(insert)?;
                for (first, last) in chunk {
                    insert.execute((first, last, version))?;
                }
            }
            tx.commit()?;
            super::pass("register.ends")?;
            self.let_others_through();
        }
        let content = self.register_content(version)?;
        let tx = self.begin()?;
        tx.execute(
            "INSERT INTO register (id, imported_at, refreshed_at, by, origin, sha256, rows, accounts, people, added, ended,
                reason) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                version,
                now.micros(),
                new.by,
                new.origin,
                new.sha256,
                int(new.rows),
                int(new.accounts),
                int(new.people),
                i64::try_from(added.len()).unwrap_or(i64::MAX),
                int(ended.rows()),
                new.reason
            ],
        )?;
        let kept = RegisterVersion {
            id: version,
            imported_at: now,
            refreshed_at: now,
            import: new.clone(),
            added: u64::try_from(added.len()).unwrap_or(u64::MAX),
            ended: ended.rows(),
        };
        super::ledger::register(&tx, &kept, &content)?;
        super::pass("register.version")?;
        tx.commit()?;
        Ok(version)
    }

    /// Leaves the store to a batch of the daemon that may wait for it: SQLite gives it to whoever asks first, and who
    /// has just had it is always quicker.
    fn let_others_through(&self) {
        std::thread::sleep(GAP);
    }

    /// Clears away what an interrupted import left behind.
    fn clear_interrupted(&mut self, version: i64) -> Result<(), StoreError> {
        let chunk = i64::try_from(CHUNK).unwrap_or(i64::MAX);
        for delete in [
            "DELETE FROM register_row_end WHERE first IN (SELECT first FROM register_row_end WHERE version >= ?1 LIMIT ?2)",
            // They are the last ones: the newest that stays is found from the end.
            "DELETE FROM register_row WHERE id IN (SELECT id FROM register_row WHERE id > coalesce((SELECT id
                FROM register_row WHERE since < ?1 ORDER BY id DESC LIMIT 1), 0) LIMIT ?2)",
        ] {
            while 0 < self.conn.execute(delete, (version, chunk))? {
                self.let_others_through();
            }
        }
        Ok(())
    }

    /// Notes that the content of the version in force was brought again.
    ///
    /// # Errors
    /// The store.
    pub fn refresh_register(&mut self, version: i64, now: WallTime) -> Result<(), StoreError> {
        self.conn.execute(
            "UPDATE register SET refreshed_at = ?2 WHERE id = ?1",
            (version, now.micros()),
        )?;
        Ok(())
    }
}

/// What one person or unregistered account did with one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// 職員番号, or the account nobody registered.
    pub who: String,
    /// Dataset id.
    pub dataset: String,
    /// Day of the last successful access, since the first day asked for.
    pub last: Option<i32>,
    /// Successful accesses since the second day asked for.
    pub accesses: u64,
    /// Records they gave out, as far as the logs say.
    pub records: u64,
    /// Failed attempts.
    pub denied: u64,
}

impl Store {
    /// Who used what: last use since day `from`, amounts since day `since`. What somebody did under an approved job is his
    /// use of the dataset, too.
    ///
    /// # Errors
    /// The store.
    pub fn usages(&self, from: i32, since: i32) -> Result<Vec<Usage>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT CASE w.kind WHEN 'job' THEN substr(w.name, instr(w.name, '/') + 1) ELSE w.name END AS used_by, d.name, max(CASE WHEN 0 < p.accesses THEN p.day END),
                sum(CASE WHEN ?2 <= p.day THEN p.accesses ELSE 0 END),
                sum(CASE WHEN ?2 <= p.day THEN p.records ELSE 0 END),
                sum(CASE WHEN ?2 <= p.day THEN p.denied ELSE 0 END)
             FROM page AS p JOIN who AS w ON w.id = p.who JOIN dataset AS d ON d.id = p.dataset
             WHERE ?1 << 47 <= p.key AND 0 < p.who GROUP BY used_by, p.dataset ORDER BY used_by, d.name",
        )?;
        let usage = |r: &Row<'_>| {
            Ok(Usage {
                who: r.get(0)?,
                dataset: r.get(1)?,
                last: r.get(2)?,
                accesses: count(r.get(3)?),
                records: count(r.get(4)?),
                denied: count(r.get(5)?),
            })
        };
        Ok(select.query_map([from, since], usage)?.collect::<Result<_, _>>()?)
    }

    /// Successful accesses of a person on the days `from..=to`.
    ///
    /// # Errors
    /// The store.
    pub fn accesses_of(&self, person: &str, from: i32, to: i32) -> Result<u64, StoreError> {
        let find = "SELECT id FROM who WHERE kind = 'person' AND name = ?1";
        let who: Option<u32> = self
            .conn
            .prepare_cached(find)?
            .query_row([person], |r| r.get(0))
            .optional()?;
        let first = "SELECT (SELECT min(key) FROM book) >> 47, (SELECT max(key) FROM book) >> 47";
        let (first, last): (Option<i32>, Option<i32>) = self
            .conn
            .prepare_cached(first)?
            .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let (Some(who), Some(first), Some(last)) = (who, first, last) else {
            return Ok(0);
        };
        // Day by day: the pages of a day are found by the person, those of a person by the day only.
        let mut of_day = self
            .conn
            .prepare_cached("SELECT coalesce(sum(accesses), 0) FROM book WHERE key BETWEEN ?1 AND ?2")?;
        let mut sum = 0u64;
        let (least, most) = PageKey::of_person(WhoId(who));
        for day in from.max(first)..=to.min(last) {
            sum = sum.saturating_add(count(of_day.query_row((least.row(day), most.row(day)), |r| r.get(0))?));
        }
        Ok(sum)
    }
}
