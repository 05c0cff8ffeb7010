//! The book: counters for each person, dataset and operation class, by event time.
//!
//! A batch collects one entry an access; [`Book::fold`] sorts them and gives the store one [`Page`] for each key
//! and day in key order, the net change of the book. Failed accesses count as `denied` and as nothing else.
//!
//! Beside each person's pages there is one page for each dataset and operation over all persons (who 0), so
//! that a limit on a dataset can look back without reading everybody's pages.

use super::memo::Space;
use super::page::{Amounts, CELL_SECS, Page};
use super::relation::List;
use super::window::JST_SECS;
use crate::access::{Access, Amount, DatasetId, Operation, Ordinal, Outcome, Subject, WhoId};
use crate::clock::EventTime;

/// Days since 1970-01-01, JST.
pub type DayNumber = i32;

/// Days the book has pages for: the years 1790 to 2149.
const DAYS: std::ops::RangeInclusive<DayNumber> = -65_536..=65_535;
/// Bits of a page's number for person, dataset and operation; above them stands the day.
const WHO_BITS: u32 = 27;
const DATASET_BITS: u32 = 16;
const OPERATION_BITS: u32 = 4;
const KEY_BITS: u32 = WHO_BITS + DATASET_BITS + OPERATION_BITS;
/// Most persons and accounts that can be told apart.
pub const WHO_MAX: u32 = (1 << WHO_BITS) - 1;

/// Whose page, of what: person, dataset and operation class in one number, in this order from the highest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageKey(u64);

impl PageKey {
    /// The key of a person (0: everybody), dataset and operation class.
    pub fn new(who: WhoId, dataset: DatasetId, operation: Operation) -> Self {
        PageKey::of_parts(who, dataset, operation as u8)
    }

    fn of_parts(who: WhoId, dataset: DatasetId, operation: u8) -> Self {
        let who = u64::from(who.0.min(WHO_MAX)) << DATASET_BITS | u64::from(dataset.0);
        PageKey(who << OPERATION_BITS | u64::from(operation))
    }

    /// The first and the last key a person can have.
    pub fn of_person(who: WhoId) -> (PageKey, PageKey) {
        let first = PageKey::of_parts(who, DatasetId(0), 0);
        (first, PageKey::of_parts(who, DatasetId(u16::MAX), 15))
    }

    /// The first and the last key a person can have of a dataset.
    pub fn of_dataset(who: WhoId, dataset: DatasetId) -> (PageKey, PageKey) {
        (PageKey::of_parts(who, dataset, 0), PageKey::of_parts(who, dataset, 15))
    }

    /// The number of the page of a day.
    pub fn row(self, day: DayNumber) -> i64 {
        i64::from(day.clamp(*DAYS.start(), *DAYS.end())) << KEY_BITS | self.0.cast_signed()
    }

    /// Day and key of the page of this number.
    pub fn of_row(row: i64) -> (DayNumber, PageKey) {
        let day = i32::try_from(row >> KEY_BITS).unwrap_or(0);
        (day, PageKey(row.cast_unsigned() & ((1 << KEY_BITS) - 1)))
    }

    /// The first and the last number a page of the days `from..=to` can have.
    pub fn rows(from: DayNumber, to: DayNumber) -> (i64, i64) {
        (PageKey(0).row(from), PageKey((1 << KEY_BITS) - 1).row(to))
    }

    /// The person; 0 for everybody.
    pub fn who(self) -> WhoId {
        WhoId(u32::try_from(self.0 >> (DATASET_BITS + OPERATION_BITS)).unwrap_or(0))
    }

    /// The dataset.
    pub fn dataset(self) -> DatasetId {
        DatasetId(u16::try_from(self.0 >> OPERATION_BITS & 0xffff).unwrap_or(0))
    }

    /// The operation class.
    pub fn operation(self) -> Operation {
        u8::try_from(self.0 & 0xf)
            .ok()
            .and_then(Operation::from_number)
            .unwrap_or(Operation::Other)
    }

    fn everybody(self) -> Self {
        PageKey(self.0 & ((1 << (DATASET_BITS + OPERATION_BITS)) - 1))
    }
}

/// One access as the book takes it: half a cache line, so that a million of them stay small and sort fast.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key: PageKey,
    subject: u64,
    /// As stated; with `LARGE` the place of the true numbers in `Book::large`.
    records: u32,
    bytes: u32,
    day: DayNumber,
    cell: u16,
    flags: u8,
}

/// Entries fetched together when pages are made of them: they stay in a core's own cache.
const BLOCK: usize = 1 << 12;
/// Bits of an entry's place in its book: more entries than that a book never holds (see [`Book::is_full`]).
const PLACE_BITS: u32 = 26;
/// Bits of cell and place.
const WITHIN_PAGE: u32 = 14 + PLACE_BITS;

impl Entry {
    /// Day, key and cell in one number, to be compared at once, and below them the entry's own place. Sorting these costs
    /// a third of sorting the entries. Days before 1970 come first.
    fn rank(&self, key: PageKey, place: u32) -> u128 {
        let page = key.row(self.day).cast_unsigned() ^ 1 << 63;
        u128::from(page) << WITHIN_PAGE | u128::from(self.cell) << PLACE_BITS | u128::from(place)
    }
}

const SUCCESS: u8 = 1;
const RECORDS_KNOWN: u8 = 2;
const BYTES_KNOWN: u8 = 4;
const HAS_SUBJECT: u8 = 8;
const LARGE: u8 = 16;
/// Adds to an access that was counted.
const PART: u8 = 32;

/// What a batch adds to the book.
#[derive(Debug, Default)]
pub struct Book {
    entries: Vec<Entry>,
    /// Records and bytes of entries where either needs more than 32 bits.
    large: Vec<(u64, u64)>,
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
    /// Whether a citizen stands on a list, and of whom (0 where the list names nobody); of several of `who`, if he is one.
    fn lists(&mut self, _list: List, _subject: Subject, _who: WhoId) -> Option<WhoId> {
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
    let day = secs
        .div_euclid(86_400)
        .clamp((*DAYS.start()).into(), (*DAYS.end()).into());
    let day = i32::try_from(day).unwrap_or(0);
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
        if access.trace.part {
            flags |= PART;
        }
        if access.subject.is_some() {
            flags |= HAS_SUBJECT;
        }
        let (records, bytes) = if let (Ok(records), Ok(bytes)) = (u32::try_from(records), u32::try_from(bytes)) {
            (records, bytes)
        } else {
            flags |= LARGE;
            self.large.push((records, bytes));
            (u32::try_from(self.large.len() - 1).unwrap_or(u32::MAX), 0)
        };
        self.entries.push(Entry {
            key: PageKey::new(access.counted(), access.dataset, access.operation),
            subject: access.subject.map_or(0, |s| s.0),
            records,
            bytes,
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
        self.large.clear();
    }

    /// Whether it can take in no more than another turn of a source.
    pub fn is_full(&self) -> bool {
        1 << (PLACE_BITS - 1) <= self.entries.len()
    }

    /// Gives the net change page by page, in order of day and key; everybody's pages come last. `put` may change the
    /// page; it is used again for the next one.
    ///
    /// # Errors
    /// The first error of `put`.
    pub fn fold<E>(&self, mut put: impl FnMut(DayNumber, PageKey, &mut Page) -> Result<(), E>) -> Result<(), E> {
        let mut scratch = Scratch::default();
        let mut order = Vec::with_capacity(self.entries.len());
        let everybody: fn(PageKey) -> PageKey = PageKey::everybody;
        for (whose, with_subjects) in [((|key| key) as fn(PageKey) -> PageKey, true), (everybody, false)] {
            order.clear();
            order.extend(
                self.entries
                    .iter()
                    .zip(0..)
                    .map(|(e, place)| e.rank(whose(e.key), place)),
            );
            order.sort_unstable();
            self.fold_sorted((&order, whose, with_subjects), &mut scratch, &mut put)?;
        }
        Ok(())
    }

    /// The same for entries in this order. They lie anywhere in the book: fetched some thousand at a time, the looks at
    /// them do not wait for one another.
    fn fold_sorted<E>(
        &self,
        (order, whose, with_subjects): (&[u128], fn(PageKey) -> PageKey, bool),
        scratch: &mut Scratch,
        put: &mut impl FnMut(DayNumber, PageKey, &mut Page) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut block: Vec<Entry> = Vec::with_capacity(BLOCK.min(order.len()));
        let mut open: Option<(DayNumber, PageKey)> = None;
        for ranks in order.chunks(BLOCK) {
            block.clear();
            block.extend(ranks.iter().filter_map(|rank| self.entry(*rank)));
            for entry in &block {
                let page = (entry.day, whose(entry.key));
                if open != Some(page) {
                    if let Some((day, key)) = open.replace(page) {
                        put(day, key, scratch.finish())?;
                    }
                    scratch.begin();
                }
                scratch.add(entry, &self.large, with_subjects);
            }
        }
        match open {
            Some((day, key)) => put(day, key, scratch.finish()),
            None => Ok(()),
        }
    }

    fn entry(&self, rank: u128) -> Option<&Entry> {
        let place = rank & ((1 << PLACE_BITS) - 1);
        self.entries.get(usize::try_from(place).ok()?)
    }
}

/// A page and its subjects, used again for each page: a batch makes hundreds of thousands.
#[derive(Debug, Default)]
struct Scratch {
    page: Page,
    subjects: Vec<(u64, u16)>,
}

impl Scratch {
    fn begin(&mut self) {
        self.page.clear();
        self.subjects.clear();
    }

    fn add(&mut self, entry: &Entry, large: &[(u64, u64)], with_subjects: bool) {
        self.page.add(entry.cell, &amounts(entry, large));
        if with_subjects && entry.flags & (HAS_SUBJECT | SUCCESS) == HAS_SUBJECT | SUCCESS {
            self.subjects.push((entry.subject, entry.cell));
        }
    }

    fn finish(&mut self) -> &mut Page {
        self.subjects.sort_unstable();
        self.subjects.dedup();
        self.page.add_subjects(&self.subjects);
        &mut self.page
    }
}

fn amounts(entry: &Entry, large: &[(u64, u64)]) -> Amounts {
    let has = |flag: u8| entry.flags & flag != 0;
    if !has(SUCCESS) {
        return Amounts {
            denied: u64::from(!has(PART)),
            ..Amounts::default()
        };
    }
    let at = |index: u32| usize::try_from(index).ok().and_then(|i| large.get(i)).copied();
    let (records, bytes) = match has(LARGE) {
        true => at(entry.records).unwrap_or((u64::MAX, u64::MAX)),
        false => (u64::from(entry.records), u64::from(entry.bytes)),
    };
    Amounts {
        accesses: u64::from(!has(PART)),
        records,
        records_unknown: u64::from(!has(RECORDS_KNOWN) && !has(PART)),
        bytes,
        bytes_unknown: u64::from(!has(BYTES_KNOWN) && !has(PART)),
        denied: 0,
    }
}
