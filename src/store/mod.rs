//! The SQLite file: schema, upgrades, one commit a batch, the queries. No SQL stands elsewhere.
//!
//! Positions, counters, alerts and mails to send are committed in one transaction or not at all. Whoever holds a
//! [`Store`] may write; the daemon additionally holds the [`Lock`], so that a second one refuses to start. The
//! command line opens the same file beside it and writes through the same transactions.

mod alerts;
mod archive;
mod arrivals;
mod backup;
mod commit;
mod compare;
mod error;
mod exceptions;
mod fold;
mod hindsight;
mod incidents;
mod jobs;
mod ladder;
mod ledger;
mod life;
mod lists;
mod memos;
mod names;
mod outbox;
mod pages;
mod query;
mod register;
mod reports;
mod reviews;
mod rows;
mod segments;
mod steps;
mod tune;
mod unregistered;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::text::{self, Lang, Say, say};
use error::brief;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub use alerts::{AlertDesk, AlertFilter, StoredAlert};
pub use archive::{ArchiveBatch, Reached};
pub use commit::{Batch, Committed, Journal, NewMail, RejectCount, Tally};
pub use compare::{CounterDrift, StepDrift};
pub use error::StoreError;
pub use exceptions::ExceptionRow;
pub use fold::HeldMail;
pub use incidents::NewIncident;
pub use jobs::{JobRow, JobUse, KnownJobs};
pub use ladder::{LadderRow, LookAt};
pub use ledger::Signed;
pub use life::MailTrouble;
pub use lists::{ListVersion, Lists};
pub use names::{Names, NewNames};
pub use pages::PageHistory;
pub use query::{CountBy, CountRow, MailCounts, RuleRecord, SourceRow};
pub use register::{Ended, Importing, NewRegister, RegisterVersion, Usage};
pub use reports::{DayTally, DayUse, EventRow};
pub use reviews::{Deciding, NewReport, NewReview, ReportRow, ReviewRow};
pub use rows::{RowDrift, RowOf};
pub use steps::{StepRow, Times};

/// Schema version of this program.
const VERSION: i64 = 1;
/// Marks a SQLite file as a store of this program ("seki"), whatever version it is of.
const APPLICATION: i64 = 0x7365_6b69;
/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(10);
/// The same in a store that serves one command and goes with it.
const SCRATCH_BUSY: Duration = Duration::from_secs(3_600);
/// How soon a writer looks again. SQLite's own pauses grow to a tenth of a second, and miss the gaps that an import of a
/// register leaves between its transactions.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// How often the write-ahead log is tried to be turned on in that time.
const WAL_TRIES: u32 = 1_000;

/// Passes a named place of a transaction (`fault`).
fn pass(place: &'static str) -> Result<(), StoreError> {
    crate::fault::pass(place).map_err(StoreError::passed)
}

/// One connection to the store.
#[derive(Debug)]
pub struct Store {
    conn: Connection,
    path: PathBuf,
    /// How long it waits for a writer.
    patience: Duration,
}

/// The right to be the only daemon on a store; ends with the value (or the process).
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its lock, released when dropped")] std::fs::File);

impl Lock {
    /// Takes the lock beside the store.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds it.
    pub fn take(store: &Path) -> Result<Lock, StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = store.with_extension("lock");
        let open = |why: std::io::Error| StoreError::Open {
            path: path.clone(),
            why: unopened(&why),
        };
        if let Some(folder) = store.parent() {
            make_folder(folder, store)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(open)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Locked(store.to_owned())),
            Err(e) => Err(open(e.into())),
        }
    }

    /// Whether a daemon holds the lock of this store.
    pub fn is_held(store: &Path) -> bool {
        let Ok(file) = std::fs::File::open(store.with_extension("lock")) else {
            return false;
        };
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared) {
            Ok(()) => false,
            Err(e) => e == rustix::io::Errno::WOULDBLOCK,
        }
    }
}

/// Sleeps before another look at a store that is busy; `false` once `patience` is over.
fn look_again(looks: i32, patience: Duration) -> bool {
    std::thread::sleep(LOOK_AGAIN);
    LOOK_AGAIN.saturating_mul(looks.unsigned_abs()) < patience
}

fn make_folder(folder: &Path, store: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| StoreError::Open {
            path: store.to_owned(),
            why: {
                let (folder, why) = (folder.display(), unopened(&e));
                let (ja, en) = (why.pick(Lang::Ja), why.pick(Lang::En));
                say!(
                    "フォルダー {folder} を作れません：{ja}",
                    "its folder {folder} cannot be made: {en}"
                )
            },
        })
}

impl Store {
    /// Opens the store, makes it if it is not there, and brings an older one to this program's schema.
    ///
    /// # Errors
    /// [`StoreError`] with the file and what would do.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        if let Some(folder) = path.parent() {
            make_folder(folder, path)?;
        }
        if !path.exists() {
            use std::os::unix::fs::OpenOptionsExt;
            // SQLite gives the -wal and -shm files the mode of the file itself.
            let made = std::fs::OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(path);
            match made {
                // Another one that opens it was faster: it is made the same way.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                made => drop(made.map_err(|e| StoreError::Open {
                    path: path.to_owned(),
                    why: unopened(&e),
                })?),
            }
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = Store {
            conn: connect(path, flags)?,
            path: path.to_owned(),
            patience: BUSY,
        };
        // Before anything is written into a file that may be somebody else's.
        store.check_owner()?;
        store.configure().map_err(|e| store.at_open(e))?;
        store.upgrade()?;
        Ok(store)
    }

    /// Opens a store that must be there, for looking only.
    ///
    /// # Errors
    /// [`StoreError`] with the file and what would do.
    pub fn open_read(path: &Path) -> Result<Store, StoreError> {
        let there = path.try_exists().map_err(|e| StoreError::Open {
            path: path.to_owned(),
            why: {
                let why = text::reason(&e);
                let (ja, en) = (why.pick(Lang::Ja), why.pick(Lang::En));
                say!(
                    "{ja}。sekimori を動かす利用者で実行してください（sudo -u sekimori …）。",
                    "{en}; run this as the user of the daemon (sudo -u sekimori ...)"
                )
            },
        })?;
        if !there {
            let why = Say::new(
                "まだありません。この設定で sekimori run を一度でも動かしましたか。",
                "it is not there; has sekimori run with this configuration?",
            );
            return Err(StoreError::Open {
                path: path.to_owned(),
                why,
            });
        }
        // A reader of a WAL file needs to write its index; `query_only` keeps it from anything else.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = Store {
            conn: connect(path, flags)?,
            path: path.to_owned(),
            patience: BUSY,
        };
        store.check_owner()?;
        let found = store.version()?;
        if found != VERSION {
            return Err(store.wrong_version(found));
        }
        store.conn.pragma_update(None, "query_only", true)?;
        Ok(store)
    }

    /// Opens the same store once more, for looking only, with as much patience as this one has.
    ///
    /// # Errors
    /// [`Store::open_read`].
    pub fn reader(&self) -> Result<Store, StoreError> {
        let mut reader = Store::open_read(&self.path)?;
        reader.wait_for_others(self.patience)?;
        Ok(reader)
    }

    /// Waits so long for whoever writes.
    fn wait_for_others(&mut self, patience: Duration) -> Result<(), rusqlite::Error> {
        // SQLite counts the looks, and a look takes as long as the sleep at least.
        let wait: fn(i32) -> bool = if patience <= BUSY {
            |looks| look_again(looks, BUSY)
        } else {
            |looks| look_again(looks, SCRATCH_BUSY)
        };
        self.patience = patience;
        self.conn.busy_handler(Some(wait))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn configure(&self) -> Result<(), rusqlite::Error> {
        self.write_ahead()?;
        self.conn.pragma_update(None, "synchronous", "FULL")?;
        self.conn.pragma_update(None, "foreign_keys", true)?;
        self.conn.pragma_update(None, "trusted_schema", false)?;
        self.conn.pragma_update(None, "secure_delete", true)?;
        self.conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
        self.conn.pragma_update(None, "cache_size", -8_192)?;
        self.conn.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    /// Turns the write-ahead log on. SQLite refuses that at once, without waiting as for other locks, while another
    /// connection makes the same change or closes.
    fn write_ahead(&self) -> Result<(), rusqlite::Error> {
        let mut tries = 0;
        loop {
            match self.conn.pragma_update(None, "journal_mode", "WAL") {
                Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) && tries < WAL_TRIES => {
                    tries += 1;
                    std::thread::sleep(BUSY / WAL_TRIES);
                }
                done => return done,
            }
        }
    }

    /// Gives SQLite room for a long read of old logs, in KiB.
    pub fn set_cache(&self, kib: i64) -> Result<(), StoreError> {
        Ok(self.conn.pragma_update(None, "cache_size", -kib)?)
    }

    /// For a scratch store that nobody needs after a crash.
    pub fn scratch(&mut self) -> Result<(), StoreError> {
        self.conn.pragma_update(None, "journal_mode", "OFF")?;
        // Without a log beside it, who reads waits for the whole transaction: as long as it takes, it ends.
        self.wait_for_others(SCRATCH_BUSY)?;
        self.conn.pragma_update(None, "synchronous", "OFF")?;
        Ok(self.conn.pragma_update(None, "secure_delete", false)?)
    }

    fn at_open(&self, e: rusqlite::Error) -> StoreError {
        match e.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
                path: self.path.clone(),
                why: e.to_string(),
            },
            Some(rusqlite::ErrorCode::CannotOpen) => StoreError::Open {
                path: self.path.clone(),
                why: may_write(&{
                    let why = brief(&e);
                    say!("{why}", "{why}")
                }),
            },
            _ => StoreError::from(e),
        }
    }

    fn version(&self) -> Result<i64, StoreError> {
        self.conn
            .pragma_query_value(None, "user_version", |r| r.get(0))
            .map_err(|e| self.at_open(e))
    }

    /// Refuses a SQLite file of another program; an empty one is nobody's.
    fn check_owner(&mut self) -> Result<(), StoreError> {
        self.wait_for_others(BUSY)?;
        // One look: somebody may be making the store this very moment.
        let look = "SELECT (SELECT application_id FROM pragma_application_id),
            (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)";
        let found = self.conn.query_row(look, [], |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?))
        });
        match found.map_err(|e| self.at_open(e))? {
            (APPLICATION, _, _) | (_, 0, 0) => Ok(()),
            _ => Err(StoreError::Foreign(self.path.clone())),
        }
    }

    fn wrong_version(&self, found: i64) -> StoreError {
        if VERSION < found {
            return StoreError::Newer {
                path: self.path.clone(),
                found,
            };
        }
        let why = say!(
            "スキーマの版が {found} です。デーモンを一度起動すると、この版に合わせて更新されます。",
            "its schema version is {found}; start the daemon once, it brings the store up to date"
        );
        StoreError::Open {
            path: self.path.clone(),
            why,
        }
    }

    fn upgrade(&mut self) -> Result<(), StoreError> {
        let found = self.version()?;
        if VERSION < found {
            return Err(self.wrong_version(found));
        }
        if found == VERSION {
            return Ok(());
        }
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Somebody may have made it while we waited for the lock.
        let found: i64 = tx.pragma_query_value(None, "user_version", |r| r.get(0))?;
        if found < 0 {
            let (path, why) = (self.path.clone(), format!("its schema version is {found}"));
            return Err(StoreError::Damaged { path, why });
        }
        if found == 0 {
            tx.execute_batch(include_str!("0001_init.sql"))?;
            tx.execute_batch(include_str!("0001_reports.sql"))?;
            tx.execute_batch(include_str!("0001_ladder.sql"))?;
            tx.pragma_update(None, "application_id", APPLICATION)?;
        }
        tx.pragma_update(None, "user_version", VERSION)?;
        Ok(tx.commit()?)
    }

    /// A setting of the store itself.
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        use rusqlite::OptionalExtension;
        let mut select = self.conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
        Ok(select.query_row([key], |r| r.get(0)).optional()?)
    }

    /// Writes a setting of the store itself.
    pub fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        self.conn.execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [key, value],
        )?;
        Ok(())
    }

    fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Writes back what the write-ahead log holds, at the end of a run.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Limits the file to so many pages: a full disk, in tests.
    #[doc(hidden)]
    pub fn limit_pages(&self, pages: i64) -> Result<(), StoreError> {
        Ok(self.conn.pragma_update(None, "max_page_count", pages)?)
    }
}

/// Why a file beside or of the store cannot be opened, and what would do.
fn unopened(e: &std::io::Error) -> Say {
    match e.kind() {
        std::io::ErrorKind::StorageFull => {
            say!(
                "ディスクに空きがありません。空きを作ってください。",
                "{e}; free space on its disk"
            )
        }
        _ => may_write(&text::reason(e)),
    }
}

/// What would do about a store that cannot be opened, also for looking: readers share an index file beside it.
fn may_write(why: &Say) -> Say {
    let (ja, en) = (why.pick(Lang::Ja), why.pick(Lang::En));
    say!(
        "{ja}。sekimori を動かす利用者が、ファイルとそのフォルダーに書き込めるようにしてください。",
        "{en}; the account that runs sekimori must be able to write the file and its folder"
    )
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(path, flags).map_err(|e| StoreError::Open {
        path: path.to_owned(),
        why: may_write(&{
            let why = brief(&e);
            say!("{why}", "{why}")
        }),
    })?;
    // A statement is planned once, not again for each value that is bound to it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(conn)
}

/// A count as SQLite holds it; beyond 2^63 it stays there.
fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A count as SQLite held it.
fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests;
