//! The book: counters for each person, dataset and operation class, by event time.
//!
//! A batch collects one entry an access; [`Book::fold`] sorts them and gives the store one [`Page`] for each key
//! and day in key order, the net change of the book. Failed accesses count as `denied` and as nothing else.
//!
//! Beside each person's pages there is one page for each dataset and operation over all persons (who 0), so
//! that a limit on a dataset can look back without reading everybody's pages.

use hashbrown::HashMap;

use super::memo::Space;
use super::page::{Amounts, CELL_SECS, Page};
use super::relation::List;
use super::window::JST_SECS;
use crate::access::{Access, Amount, DatasetId, Operation, Ordinal, Outcome, Subject, WhoId};
use crate::clock::EventTime;

/// Days since 1970-01-01, JST.
pub type DayNumber = i32;

/// Whose page, of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageKey(u64);

impl PageKey {
    /// The key of a person (0: everybody), dataset and operation class.
    pub fn new(who: WhoId, dataset: DatasetId, operation: Operation) -> Self {
        PageKey(u64::from(who.0) << 32 | u64::from(dataset.0) << 16 | u64::from(operation as u8))
    }

    /// The person; 0 for everybody.
    pub fn who(self) -> WhoId {
        WhoId(u32::try_from(self.0 >> 32).unwrap_or(0))
    }

    /// The dataset.
    pub fn dataset(self) -> DatasetId {
        DatasetId(u16::try_from(self.0 >> 16 & 0xffff).unwrap_or(0))
    }

    /// The operation class.
    pub fn operation(self) -> Operation {
        u8::try_from(self.0 & 0xff)
            .ok()
            .and_then(Operation::from_number)
            .unwrap_or(Operation::Other)
    }

    fn everybody(self) -> Self {
        PageKey(self.0 & 0xffff_ffff)
    }
}

/// One access as the book takes it: what is unknown is flagged, so that a million of them stay small.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key: PageKey,
    records: u64,
    bytes: u64,
    subject: u64,
    day: DayNumber,
    cell: u16,
    flags: u8,
}

const SUCCESS: u8 = 1;
const RECORDS_KNOWN: u8 = 2;
const BYTES_KNOWN: u8 = 4;
const HAS_SUBJECT: u8 = 8;

/// What a batch adds to the book.
#[derive(Debug, Default)]
pub struct Book {
    entries: Vec<Entry>,
}

/// Which pages a look into the past asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select {
    /// One person, all datasets and operations.
    Person(WhoId),
    /// One person and dataset.
    PersonDataset(WhoId, DatasetId),
    /// One dataset over all persons: everybody's pages, without subjects.
    Dataset(DatasetId),
    /// One dataset, each person's own pages; slower, for subjects. Their keys need not name the person.
    DatasetByPerson(DatasetId),
}

/// A page could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the book's history: {why}")]
pub struct HistoryError {
    /// What is wrong.
    pub why: String,
    /// Whether waiting may help.
    pub transient: bool,
}

/// The committed pages, as rules look back at them.
pub trait History {
    /// Whether any page of `who` may be committed. `false` only when there is certainly none.
    fn knows(&self, who: WhoId) -> bool;
    /// Gives every committed page of `select` for the days `from..=to`.
    fn pages(
        &mut self,
        select: Select,
        from: DayNumber,
        to: DayNumber,
        sink: &mut dyn FnMut(DayNumber, PageKey, &Page),
    ) -> Result<(), HistoryError>;
    /// Whether rules have kept anything in `space` before.
    fn has_memos(&mut self, _space: Space) -> Result<bool, HistoryError> {
        Ok(false)
    }
    /// What a rule has kept under `key`.
    fn memo(&mut self, _space: Space, _key: u64) -> Result<Option<Vec<u8>>, HistoryError> {
        Ok(None)
    }
    /// Whether a named person closed as legitimate what was found of `who` and `dataset` on `day`.
    fn is_legitimate(&mut self, _who: WhoId, _dataset: DatasetId, _day: DayNumber) -> Result<bool, HistoryError> {
        Ok(false)
    }
    /// Whether a citizen stands on a list, and of whom (0 where the list names nobody).
    fn lists(&mut self, _list: List, _subject: Subject) -> Option<WhoId> {
        None
    }
    /// The keyed hash of a citizen's number, where the key is at hand.
    fn subject_of(&self, _number: Ordinal) -> Option<Subject> {
        None
    }
}

/// A history without a past.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHistory;

impl History for NoHistory {
    fn knows(&self, _who: WhoId) -> bool {
        false
    }
    fn pages(
        &mut self,
        _select: Select,
        _from: DayNumber,
        _to: DayNumber,
        _sink: &mut dyn FnMut(DayNumber, PageKey, &Page),
    ) -> Result<(), HistoryError> {
        Ok(())
    }
}

/// Day (JST) and finest cell of a moment.
pub fn place(at: EventTime) -> (DayNumber, u16) {
    let secs = at.secs().saturating_add(JST_SECS);
    let day = i32::try_from(secs.div_euclid(86_400)).unwrap_or(0);
    let cell = u16::try_from(secs.rem_euclid(86_400) / CELL_SECS).unwrap_or(0);
    (day, cell)
}

/// First second (UTC) of a finest cell.
pub fn cell_secs(day: DayNumber, cell: u16) -> i64 {
    i64::from(day) * 86_400 + i64::from(cell) * CELL_SECS - JST_SECS
}

impl Book {
    /// Notes an access.
    pub fn add(&mut self, access: &Access) {
        let (day, cell) = place(access.time);
        let mut flags = if access.outcome == Outcome::Success { SUCCESS } else { 0 };
        let mut stated = |amount: Amount, flag: u8| match amount {
            Amount::Known(n) => {
                flags |= flag;
                n
            }
            Amount::Unknown => 0,
        };
        let (records, bytes) = (stated(access.records, RECORDS_KNOWN), stated(access.bytes, BYTES_KNOWN));
        if access.subject.is_some() {
            flags |= HAS_SUBJECT;
        }
        self.entries.push(Entry {
            key: PageKey::new(access.who, access.dataset, access.operation),
            records,
            bytes,
            subject: access.subject.map_or(0, |s| s.0),
            day,
            cell,
            flags,
        });
    }

    /// Accesses noted since the last [`Book::clear`].
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets the batch: it was committed, or it failed and will be read again.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Gives the net change page by page, in order of day and key; everybody's pages come last. `put` may change the
    /// page; it is used again for the next one.
    ///
    /// # Errors
    /// The first error of `put`.
    pub fn fold<E>(&self, mut put: impl FnMut(DayNumber, PageKey, &mut Page) -> Result<(), E>) -> Result<(), E> {
        let mut order: Vec<(DayNumber, PageKey, u32)> =
            (0u32..).zip(&self.entries).map(|(i, e)| (e.day, e.key, i)).collect();
        order.sort_unstable();
        let mut everybody: HashMap<(DayNumber, PageKey), Vec<u32>> = HashMap::new();
        let mut scratch = Scratch::default();
        for group in order.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some((day, key, _)) = group.first().copied() else {
                continue;
            };
            put(
                day,
                key,
                scratch.page(group.iter().filter_map(|g| self.entry(g.2)), true),
            )?;
            everybody
                .entry((day, key.everybody()))
                .or_default()
                .extend(group.iter().map(|g| g.2));
        }
        drop(order);
        let mut keys: Vec<(DayNumber, PageKey)> = everybody.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            let Some(indices) = everybody.get_mut(&key) else {
                continue;
            };
            indices.sort_unstable_by_key(|i| self.entry(*i).map(|e| e.cell));
            put(
                key.0,
                key.1,
                scratch.page(indices.iter().filter_map(|i| self.entry(*i)), false),
            )?;
        }
        Ok(())
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        usize::try_from(index).ok().and_then(|i| self.entries.get(i))
    }
}

/// A page and its subjects, used again for each page: a batch makes hundreds of thousands.
#[derive(Debug, Default)]
struct Scratch {
    page: Page,
    subjects: Vec<(u64, u16)>,
}

impl Scratch {
    fn page<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>, with_subjects: bool) -> &mut Page {
        self.page.clear();
        self.subjects.clear();
        for entry in entries {
            self.page.add(entry.cell, &amounts(entry));
            if with_subjects && entry.flags & (HAS_SUBJECT | SUCCESS) == HAS_SUBJECT | SUCCESS {
                self.subjects.push((entry.subject, entry.cell));
            }
        }
        self.subjects.sort_unstable();
        self.subjects.dedup();
        self.page.add_subjects(&self.subjects);
        &mut self.page
    }
}

fn amounts(entry: &Entry) -> Amounts {
    let has = |flag: u8| entry.flags & flag != 0;
    if !has(SUCCESS) {
        return Amounts {
            denied: 1,
            ..Amounts::default()
        };
    }
    Amounts {
        accesses: 1,
        records: entry.records,
        records_unknown: u64::from(!has(RECORDS_KNOWN)),
        bytes: entry.bytes,
        bytes_unknown: u64::from(!has(BYTES_KNOWN)),
        denied: 0,
    }
}
