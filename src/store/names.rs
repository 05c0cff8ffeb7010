//! Row ids of persons, unregistered accounts, datasets and sources.
//!
//! Ids of persons and accounts are given out in memory while a batch is read and become rows when it is
//! committed. They are never used for anybody else: a failed batch gives the same ids to the same names again,
//! or leaves a hole.

use hashbrown::HashMap;
use rusqlite::{OptionalExtension, Transaction};

use super::unregistered::{Changed, NAMES_MAX, Unregistered};
use super::{Store, StoreError};
use crate::access::{DatasetId, SourceId, WhoId};
use crate::calendar::Day;
use crate::detect::book::WHO_MAX;
use crate::parse::place::WhoIds;
use crate::register::jobs;
use crate::text::Say;

/// What kind of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Person,
    Account,
    Job,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Person => "person",
            Kind::Account => "account",
            Kind::Job => "job",
        }
    }
}

/// Ids of persons and accounts, those committed and those this batch adds.
#[derive(Debug)]
pub struct Names {
    known: HashMap<(Kind, Box<str>), WhoId>,
    added: Vec<(WhoId, Kind, Box<str>)>,
    unregistered: Unregistered,
    next: u32,
    /// First id that was given out since the start (or the last reset): whoever has it has no history.
    first_new: u32,
}

impl Names {
    /// Whether this person or account may have committed pages from before this run.
    pub fn is_old(&self, who: WhoId) -> bool {
        if who.0 == 0 || who.is_crowd() {
            self.first_new > 1
        } else {
            who.0 < self.first_new
        }
    }

    /// The id of the person with this 職員番号, if it has one.
    pub fn known_person(&self, number: &str) -> Option<WhoId> {
        self.known.get(&(Kind::Person, number.into())).copied()
    }

    /// The id of the unregistered account of this name, if it has one; the name as it is compared.
    pub fn known_account(&self, name: &str) -> Option<WhoId> {
        self.known.get(&(Kind::Account, name.into())).copied()
    }

    /// The ids of approved jobs, each with the 職員番号 of who does it.
    pub fn known_jobs(&self) -> impl Iterator<Item = (&str, WhoId)> {
        let jobs = self.known.iter().filter(|((kind, _), _)| *kind == Kind::Job);
        jobs.filter_map(|((_, name), id)| Some((jobs::parts(name)?.1, *id)))
    }

    /// Kind (`person`, `account`, `job`) and name of an id, committed or not.
    pub fn name_of(&self, who: WhoId) -> Option<(&'static str, &str)> {
        let mut all = self.known.iter();
        let ((kind, name), _) = all.find(|(_, id)| **id == who)?;
        Some((kind.word(), name))
    }

    fn get(&mut self, kind: Kind, name: &str) -> WhoId {
        use hashbrown::hash_map::RawEntryMut;
        let key: (Kind, Box<str>) = (kind, name.into());
        match self.known.raw_entry_mut().from_key(&key) {
            RawEntryMut::Occupied(e) => *e.get(),
            RawEntryMut::Vacant(e) => {
                // Behind the last number whoever comes shares it.
                let id = WhoId(self.next.min(WHO_MAX));
                if self.next <= WHO_MAX {
                    self.next = self.next.saturating_add(1);
                    self.added.push((id, kind, name.into()));
                    e.insert(key, id);
                }
                id
            }
        }
    }

    /// The names given out since the last call: they belong to the batch in hand.
    pub fn take_added(&mut self) -> NewNames {
        NewNames {
            added: std::mem::take(&mut self.added),
            unregistered: self.unregistered.take(),
        }
    }

    /// Some of the names without registration that a source showed on a day.
    pub fn examples(&self, source: SourceId, day: Day) -> Vec<&str> {
        self.unregistered.examples(source, day.0).collect()
    }
}

/// Names a batch adds.
#[derive(Debug, Default)]
pub struct NewNames {
    added: Vec<(WhoId, Kind, Box<str>)>,
    unregistered: Changed,
}

impl NewNames {
    /// Writes them as rows.
    pub(super) fn write(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        let mut insert = tx.prepare_cached("INSERT INTO who (id, kind, name) VALUES (?1, ?2, ?3)")?;
        for (id, kind, name) in &self.added {
            insert.execute((id.0, kind.word(), name))?;
        }
        self.unregistered.write(tx)
    }
}

impl WhoIds for Names {
    fn person(&mut self, number: &str) -> WhoId {
        self.get(Kind::Person, number)
    }
    fn account(&mut self, name: &str) -> WhoId {
        self.get(Kind::Account, name)
    }
    fn job(&mut self, name: &str) -> WhoId {
        self.get(Kind::Job, name)
    }
    fn unregistered(&mut self, name: &str, source: SourceId, day: Day) -> (WhoId, u32) {
        let place = self.unregistered.note(name, source, day.0);
        if place <= NAMES_MAX {
            return (self.get(Kind::Account, name), place);
        }
        // A name that has an id of its own from another day keeps it.
        let own = self.known_account(name);
        (own.unwrap_or(WhoId::crowd(source)), place)
    }
}

impl Store {
    /// The names committed so far.
    pub fn names(&self) -> Result<Names, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT id, kind, name FROM who WHERE kind <> 'crowd'")?;
        let mut rows = select.query([])?;
        let mut known = HashMap::new();
        let mut next = 1u32;
        while let Some(row) = rows.next()? {
            let (id, kind, name): (u32, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let kind = match kind.as_str() {
                "person" => Kind::Person,
                "job" => Kind::Job,
                _ => Kind::Account,
            };
            known.insert((kind, name.into_boxed_str()), WhoId(id));
            next = next.max(id.saturating_add(1));
        }
        Ok(Names {
            known,
            added: Vec::new(),
            unregistered: Unregistered::read(&self.conn)?,
            next,
            first_new: next,
        })
    }

    /// Every source that ever got an id.
    pub fn source_rows(&self) -> Result<Vec<(SourceId, String)>, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT id, name FROM source ORDER BY id")?;
        let rows = select.query_map([], |r| Ok((SourceId(r.get(0)?), r.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every dataset that ever got an id.
    pub fn known_datasets(&self) -> Result<Vec<(DatasetId, String)>, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT id, name FROM dataset ORDER BY id")?;
        let rows = select.query_map([], |r| Ok((DatasetId(r.get(0)?), r.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The ids of the datasets called `ids`, in that order; new ones get one.
    pub fn dataset_ids(&mut self, ids: &[&str]) -> Result<Vec<DatasetId>, StoreError> {
        let given = self.ids(
            ids,
            "SELECT id FROM dataset WHERE name = ?1",
            "INSERT INTO dataset (name) VALUES (?1)",
        )?;
        let too_many = |_| {
            StoreError::Refused(Say::new(
                "これまでに設定されたデータの種類が 65,535 を超えました。",
                "more than 65,535 datasets have ever been configured",
            ))
        };
        given
            .into_iter()
            .map(|id| u16::try_from(id).map(DatasetId).map_err(too_many))
            .collect()
    }

    /// The ids of the sources called `names`, in that order; new ones get one.
    pub fn source_ids(&mut self, names: &[&str]) -> Result<Vec<SourceId>, StoreError> {
        let given = self.ids(
            names,
            "SELECT id FROM source WHERE name = ?1",
            "INSERT INTO source (name) VALUES (?1)",
        )?;
        let too_many = |_| {
            StoreError::Refused(Say::new(
                "これまでに設定された監視対象が多すぎます。",
                "too many sources have ever been configured",
            ))
        };
        given
            .into_iter()
            .map(|id| u32::try_from(id).map(SourceId).map_err(too_many))
            .collect()
    }

    /// Looks before it inserts: an insert that finds the name there already would use up an id all the same.
    fn ids(&mut self, names: &[&str], select: &str, insert: &str) -> Result<Vec<i64>, StoreError> {
        let tx = self.begin()?;
        let mut out = Vec::with_capacity(names.len());
        for name in names {
            let known = tx.query_row(select, [name], |r| r.get(0)).optional()?;
            out.push(match known {
                Some(id) => id,
                None => {
                    tx.execute(insert, [name])?;
                    tx.last_insert_rowid()
                }
            });
        }
        tx.commit()?;
        Ok(out)
    }
}
