//! Copies of the store while it is in use, and what a restored one takes over from the log folder.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::{Store, StoreError, int, ledger};
use crate::evidence::Entry;
use crate::text::say;

/// Name under which the store keeps the greatest number any file ever had.
pub(super) const FLOOR: &str = "segment_floor";

impl Store {
    /// Writes a copy of the store as it stands at this moment to `to`, which must not be there, and checks it. Gives how many
    /// entries of the ledger it holds.
    ///
    /// # Errors
    /// The store, or a copy that is not sound.
    pub fn copy_to(&self, to: &Path) -> Result<u64, StoreError> {
        self.conn.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        Store::check_copy(to)
    }

    /// Checks a copy from its first page to its last, and its ledger with the tree over it. Gives how many entries it holds.
    ///
    /// # Errors
    /// It is no store, or not a sound one.
    pub fn check_copy(path: &Path) -> Result<u64, StoreError> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let said: String = conn.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0))?;
        let damaged = |why: String| StoreError::Damaged {
            path: path.to_owned(),
            why,
        };
        if said != "ok" {
            return Err(damaged(said));
        }
        let mut store = Store {
            conn,
            path: path.to_owned(),
            patience: super::BUSY,
        };
        store.check_owner()?;
        let kept = store.ledger_tree()?;
        let mut tree = crate::evidence::Frontier::default();
        loop {
            let lines = store.ledger_lines(tree.size(), 10_000)?;
            if lines.is_empty() {
                break;
            }
            lines
                .iter()
                .for_each(|line| tree.push(crate::evidence::leaf_hash(line.as_bytes())));
        }
        if tree.size() != kept.size() || tree.root() != kept.root() {
            return Err(damaged("the tree of its ledger is not that of its entries".into()));
        }
        Ok(tree.size())
    }

    /// Takes over entries of the log folder that a restored store lacks, and says so in `last`. What they say was archived is
    /// not archived again; no file gets a number one of them speaks of.
    ///
    /// # Errors
    /// The store; nothing is taken over then.
    pub fn adopt(&mut self, lines: &[String], last: &Entry) -> Result<(), StoreError> {
        let tx = self.begin()?;
        let mut floor = 0u64;
        let mut reached: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for line in lines {
            let entry = Entry::read(line.as_bytes()).map_err(|why| {
                StoreError::Refused(say!(
                    "記録簿フォルダーに受け入れられない項目があります：{why}",
                    "an entry of the log folder is refused: {why}"
                ))
            })?;
            floor = floor.max(entry.number("file").unwrap_or(0));
            if entry.kind() == "segment"
                && let (Some(file), Some((_, to))) = (entry.number("file"), entry.span("off"))
            {
                let lines = entry.number("recs").unwrap_or(0);
                let so_far = reached.entry(file).or_default();
                *so_far = (so_far.0.max(to), so_far.1.saturating_add(lines));
            }
            ledger::append(&tx, &entry)?;
        }
        for (file, (to, lines)) in reached {
            tx.prepare_cached(
                "UPDATE archive SET position = max(position, ?2), lines = lines + ?3 WHERE segment = ?1",
            )?
            .execute(params![int(file), int(to), int(lines)])?;
        }
        tx.prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![FLOOR, floor.to_string()])?;
        ledger::append(&tx, last)?;
        Ok(tx.commit()?)
    }

    /// The keyed hash that binds `row` to the ledger.
    pub fn bound(&mut self, row: &serde_json::Value) -> Result<String, StoreError> {
        let tx = self.begin()?;
        let bound = ledger::bound(&tx, row)?;
        tx.commit()?;
        Ok(bound)
    }
}
