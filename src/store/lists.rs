//! Lists of citizens as keyed hashes: watched ones (S3), staff and their households (S4).
//!
//! A list is replaced as a whole, with who did it and why; the numbers it was made from are nowhere.

use hashbrown::HashMap;
use rusqlite::params;

use super::{Names, Store, StoreError, count, int};
use crate::access::{Subject, WhoId};
use crate::clock::WallTime;
use crate::detect::List;

/// The lists in force, in memory.
#[derive(Debug, Default)]
pub struct Lists {
    /// 職員番号 a citizen belongs to; an empty one: nobody's.
    entries: HashMap<(u8, u64), Vec<Box<str>>>,
    version: i64,
}

impl Lists {
    /// Whether a citizen stands on a list, and of whom (0: of nobody); of several, as in one household, of `who` if he
    /// is one of them.
    pub fn find(&self, list: List, subject: Subject, who: WhoId, names: &Names) -> Option<WhoId> {
        let people = self.entries.get(&(list as u8, subject.0))?;
        let id = |person: &str| match person {
            "" => WhoId(0),
            // Somebody who was never seen has no id yet; he is nobody the access can be of.
            person => names.known_person(person).unwrap_or(WhoId(u32::MAX)),
        };
        let mut ids = people.iter().map(|person| id(person));
        let first = ids.next()?;
        Some(if first == who || ids.any(|id| id == who) {
            who
        } else {
            first
        })
    }

    /// Whether there is nothing on any list.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// One import of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListVersion {
    /// Which.
    pub list: u8,
    /// When.
    pub at: WallTime,
    /// 職員番号 of who did it.
    pub by: String,
    /// Entries.
    pub entries: u64,
    /// Why.
    pub reason: String,
}

impl Store {
    /// The lists in force; `known`, if it is still the newest version.
    pub fn lists(&self, known: Lists) -> Result<Lists, StoreError> {
        let mut newest = self
            .conn
            .prepare_cached("SELECT coalesce(max(at), 0) FROM list_version WHERE 0 < list")?;
        let version: i64 = newest.query_row([], |r| r.get(0))?;
        if version == known.version && !known.entries.is_empty() || version == 0 {
            return Ok(known);
        }
        let mut lists = Lists {
            entries: HashMap::new(),
            version,
        };
        let mut select = self
            .conn
            .prepare_cached("SELECT list, subject, person FROM listed WHERE 0 < list")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (list, subject, person): (u8, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let people = lists.entries.entry((list, subject.cast_unsigned())).or_default();
            people.push(person.into());
        }
        Ok(lists)
    }

    /// Replaces a list: each entry a citizen, and the 職員番号 it belongs to or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; the list before stays in force.
    pub fn put_list(
        &mut self,
        list: List,
        entries: &[(Subject, String)],
        (by, reason): (&str, &str),
        now: WallTime,
    ) -> Result<(), StoreError> {
        let tx = self.begin()?;
        tx.execute("DELETE FROM listed WHERE list = ?1", [list as u8])?;
        {
            let mut insert = tx.prepare_cached(
                "INSERT INTO listed (list, subject, person) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?;
            for (subject, person) in entries {
                insert.execute(params![list as u8, subject.0.cast_signed(), person])?;
            }
        }
        let entries = int(u64::try_from(entries.len()).unwrap_or(u64::MAX));
        tx.execute(
            "INSERT INTO list_version (list, at, by, entries, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![list as u8, now.micros(), by, entries, reason],
        )?;
        tx.commit()?;
        Ok(())
    }

    /// Takes over the lists of another store, made with the same key: for replays.
    ///
    /// # Errors
    /// Either store.
    pub fn copy_lists(&mut self, from: &Store) -> Result<(), StoreError> {
        let tx = self.begin()?;
        let mut select = from
            .conn
            .prepare("SELECT list, subject, person FROM listed WHERE 0 < list")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let row: (u8, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            tx.execute(
                "INSERT INTO listed (list, subject, person) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                row,
            )?;
        }
        let mut select = from
            .conn
            .prepare("SELECT list, at, by, entries, reason FROM list_version WHERE 0 < list")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let row: (u8, i64, String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            tx.execute(
                "INSERT INTO list_version (list, at, by, entries, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
                row,
            )?;
        }
        tx.commit()?;
        Ok(())
    }

    /// The imports of lists, newest first.
    pub fn list_versions(&self) -> Result<Vec<ListVersion>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT list, at, by, entries, reason FROM list_version WHERE 0 < list ORDER BY at DESC")?;
        let rows = select.query_map([], |r| {
            Ok(ListVersion {
                list: r.get(0)?,
                at: WallTime::from_micros(r.get(1)?),
                by: r.get(2)?,
                entries: count(r.get(3)?),
                reason: r.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
