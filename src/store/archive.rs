//! Up to where each file is archived: moved in the transaction that enters the sealed segments into the ledger.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, StoreError, count, int, ledger};
use crate::access::SegmentId;
use crate::evidence::{Checkpoint, Entry, Note};

/// What a transaction says of the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveBatch {
    /// Files that are archived from now on: where they begin.
    pub begun: Vec<Reached>,
    /// Files archived further: up to where, and how many lines more.
    pub reached: Vec<Reached>,
    /// What the ledger says of it.
    pub entries: Vec<Entry>,
}

/// Up to where a file is archived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// The file.
    pub segment: SegmentId,
    /// Behind the last byte.
    pub position: u64,
    /// Whether that is inside a record of which only the head is read.
    pub inside: bool,
    /// What the format remembers there.
    pub state: Vec<u8>,
    /// How many lines that are.
    pub lines: u64,
}

/// Writes it. Files that are begun must be known by now.
pub(super) fn write(tx: &Transaction<'_>, batch: &ArchiveBatch) -> Result<(), StoreError> {
    let mut begin = tx.prepare_cached(
        "INSERT INTO archive (segment, position, inside, format_state, lines) VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT DO NOTHING",
    )?;
    for b in &batch.begun {
        begin.execute(params![b.segment.0, int(b.position), b.inside, b.state])?;
    }
    let mut reach = tx.prepare_cached(
        "UPDATE archive SET position = ?2, inside = ?3, format_state = ?4, lines = lines + ?5 WHERE segment = ?1",
    )?;
    for r in &batch.reached {
        if reach.execute(params![r.segment.0, int(r.position), r.inside, r.state, int(r.lines)])? != 1 {
            return Err(StoreError::Moved(r.segment.0));
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

    /// Up to where a file is archived. `None`: it never was.
    pub fn archived(&self, segment: SegmentId) -> Result<Option<Reached>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT position, inside, format_state, lines FROM archive WHERE segment = ?1")?;
        let row = select.query_row([segment.0], |r| {
            Ok(Reached {
                segment,
                position: count(r.get(0)?),
                inside: r.get(1)?,
                state: r.get(2)?,
                lines: count(r.get(3)?),
            })
        });
        Ok(row.optional()?)
    }

    /// A key for salts, from the key that binds rows.
    pub fn archive_salt(&mut self) -> Result<String, StoreError> {
        let tx = self.begin()?;
        let salt = ledger::bound(&tx, &serde_json::json!("salt of segments"))?;
        tx.commit()?;
        Ok(salt)
    }

    /// Entries that the newest checkpoint covers of which a copy has left the host: attached to a mail that the next hop took.
    pub fn checkpoint_left(&self) -> Result<u64, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT a.content FROM mail_attachment AS a
             WHERE substr(a.name, 1, 11) = 'checkpoint-'
                AND EXISTS (SELECT 1 FROM mail_recipient AS r WHERE r.mail = a.mail AND r.state = 'sent')
             ORDER BY a.mail DESC LIMIT 1",
        )?;
        let note: Option<Vec<u8>> = select.query_row([], |r| r.get(0)).optional()?;
        let read = |note: Vec<u8>| Checkpoint::read(Note::read(&note).ok()?.text()).ok();
        Ok(note.and_then(read).map_or(0, |checkpoint| checkpoint.size))
    }

    /// Indexes of the entries of a kind, with the entries, oldest first.
    pub fn ledger_placed(&self, kind: &str) -> Result<Vec<(u64, Entry)>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT ix, entry FROM ledger WHERE kind = ?1 ORDER BY ix")?;
        let rows = select.query_map([kind], |r| Ok((count(r.get(0)?), r.get::<_, String>(1)?)))?;
        let mut placed = Vec::new();
        for row in rows {
            let (ix, line) = row?;
            placed.extend(Entry::read(line.as_bytes()).ok().map(|entry| (ix, entry)));
        }
        Ok(placed)
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
