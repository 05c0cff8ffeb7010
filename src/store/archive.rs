//! Up to where each file is archived: moved in the transaction that enters the sealed segments into the ledger.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, StoreError, count, int, ledger};
use crate::access::SegmentId;
use crate::evidence::Entry;

/// What a transaction says of the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveBatch {
    /// Files that are archived from now on: where they begin, what the format remembers there.
    pub begun: Vec<(SegmentId, u64, Vec<u8>)>,
    /// Files archived further: up to where, what the format remembers there, and how many lines more.
    pub reached: Vec<(SegmentId, u64, Vec<u8>, u64)>,
    /// What the ledger says of it.
    pub entries: Vec<Entry>,
}

/// Writes it. Files that are begun must be known by now.
pub(super) fn write(tx: &Transaction<'_>, batch: &ArchiveBatch) -> Result<(), StoreError> {
    let mut begin = tx.prepare_cached(
        "INSERT INTO archive (segment, position, format_state, lines) VALUES (?1, ?2, ?3, 0) ON CONFLICT DO NOTHING",
    )?;
    for (segment, from, state) in &batch.begun {
        begin.execute(params![segment.0, int(*from), state])?;
    }
    let mut reach = tx
        .prepare_cached("UPDATE archive SET position = ?2, format_state = ?3, lines = lines + ?4 WHERE segment = ?1")?;
    for (segment, to, state, lines) in &batch.reached {
        if reach.execute(params![segment.0, int(*to), state, int(*lines)])? != 1 {
            return Err(StoreError::Moved(segment.0));
        }
    }
    for entry in &batch.entries {
        ledger::append(tx, entry)?;
    }
    Ok(())
}

impl Store {
    /// Notes what was archived, outside of any batch.
    pub fn archive_commit(&mut self, batch: &ArchiveBatch) -> Result<(), StoreError> {
        let tx = self.begin()?;
        write(&tx, batch)?;
        Ok(tx.commit()?)
    }

    /// Up to where a file is archived, what its format remembers there, and how many lines that are. `None`: it never was.
    pub fn archived(&self, segment: SegmentId) -> Result<Option<(u64, Vec<u8>, u64)>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT position, format_state, lines FROM archive WHERE segment = ?1")?;
        let row = select.query_row([segment.0], |r| Ok((count(r.get(0)?), r.get(1)?, count(r.get(2)?))));
        Ok(row.optional()?)
    }

    /// A key for salts, from the key that binds rows.
    pub fn archive_salt(&mut self) -> Result<String, StoreError> {
        let tx = self.begin()?;
        let salt = ledger::bound(&tx, &serde_json::json!("salt of segments"))?;
        tx.commit()?;
        Ok(salt)
    }

    /// The entries of the newest segments, newest first.
    pub fn ledger_newest(&self, kind: &str, max: u32) -> Result<Vec<Entry>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT entry FROM ledger WHERE kind = ?1 ORDER BY ix DESC LIMIT ?2")?;
        let rows = select.query_map(params![kind, max], |r| r.get::<_, String>(0))?;
        let lines: Vec<String> = rows.collect::<Result<_, _>>()?;
        Ok(lines
            .iter()
            .filter_map(|line| Entry::read(line.as_bytes()).ok())
            .collect())
    }
}
