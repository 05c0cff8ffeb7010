//! The `volume` kind: more than so much within so long.
//!
//! One [`VolumeRule`] holds the windows of every key it has seen lately. A key that is not in memory is
//! loaded from the book's history when it is next touched, so forgetting one (`prune`) changes nothing.

use hashbrown::HashMap;

use super::book::{DayNumber, History, HistoryError, Select, cell_secs};
use super::page::{Amounts, Cell, Page, Subjects};
use super::window::{Fill, Span, SubjectSlot, SumSlot};
use super::{Count, Per, Scope, Volume};
use crate::access::{Access, Amount, DatasetId, Mark, Outcome, WhoId};
use crate::clock::EventTime;

/// A limit that no amount passes.
const NO_LIMIT: u64 = u64::MAX;

/// So few slots lie in a core's own cache.
const FEW_SLOTS: usize = 1 << 14;

/// A compiled `volume` rule.
#[derive(Debug)]
pub struct VolumeRule {
    volume: Volume,
    span: Option<Span>,
    /// Limit by dataset id; the last one is for datasets not listed.
    limits: Vec<u64>,
    sums: HashMap<u64, SumSlot>,
    subjects: HashMap<u64, SubjectSlot>,
    /// No key that left memory had anything behind this bucket.
    evicted_to: i32,
    /// Number of the batch in hand.
    batch: u32,
}

/// What a window holds, against its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Largest amount of a window that holds the access.
    pub observed: u64,
    /// The limit.
    pub limit: u64,
    /// Start of that window's first bucket that is not empty, or the access's own time.
    pub from: EventTime,
}

impl VolumeRule {
    /// Compiles a rule; `limits` gives the limit of each dataset by id (see [`super::Detector::new`]).
    pub fn new(volume: Volume, limits: Vec<u64>) -> Self {
        let span = Span::of(volume.within);
        VolumeRule {
            volume,
            span,
            limits,
            sums: HashMap::new(),
            subjects: HashMap::new(),
            evicted_to: i32::MIN,
            batch: 0,
        }
    }

    fn limit(&self, dataset: DatasetId) -> u64 {
        let by_dataset = self.limits.get(usize::from(dataset.0));
        *by_dataset.or(self.limits.last()).unwrap_or(&NO_LIMIT)
    }

    /// The limit for this access: less of it for somebody about to leave.
    fn limit_for(&self, access: &Access) -> u64 {
        let limit = self.limit(access.dataset);
        if self.volume.leaving < 100 && self.volume.per != Per::Dataset && access.marks.has(Mark::Leaving) {
            return limit / 100 * self.volume.leaving + limit % 100 * self.volume.leaving / 100;
        }
        limit
    }

    /// Whose amounts an access is added to: who and dataset, 0 for all.
    pub fn key(&self, access: &Access) -> (WhoId, DatasetId) {
        match self.volume.per {
            Per::Person => (access.who, DatasetId(0)),
            Per::Dataset => (WhoId(0), access.dataset),
            Per::PersonDataset => (access.who, access.dataset),
        }
    }

    /// Looks at the slots that `accesses` will touch. With hundreds of thousands of them each lies in memory and not in
    /// a cache; looks that do not wait for one another overlap there.
    pub fn expect<'a>(&self, accesses: impl Iterator<Item = &'a Access>) {
        if self.span.is_none() || self.sums.len() < FEW_SLOTS {
            return;
        }
        let touched = accesses.fold(0i32, |touched, access| {
            let (who, dataset) = self.key(access);
            touched ^ self.sums.get(&pack(who, dataset)).map_or(0, SumSlot::touch)
        });
        // The compiler must not find out that nobody asks for the sum.
        std::hint::black_box(touched);
    }

    /// Takes in an access and says whether it stands in a window over the limit.
    pub fn observe(
        &mut self,
        access: &Access,
        scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Passed>, HistoryError> {
        let weighed = self.weigh(access, scope, history)?;
        Ok(weighed.filter(|w| w.limit < w.observed))
    }

    /// Takes in an access and says what the fullest window holds that it stands in, with the limit; `None` where it does
    /// not count.
    pub fn weigh(
        &mut self,
        access: &Access,
        scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Passed>, HistoryError> {
        if access.outcome == Outcome::Failure {
            return Ok(None);
        }
        let amount = self.amount(access);
        let limit = self.limit_for(access);
        let fill = match (self.span, self.volume.count) {
            (None, Count::Subjects) => return Ok(None),
            (None, _) => {
                return Ok(Some(Passed {
                    observed: amount,
                    limit,
                    from: access.time,
                }));
            }
            (Some(_), Count::Subjects) if access.subject.is_none() => return Ok(None),
            (Some(span), Count::Subjects) => self.add_subject(&span, access, scope, history)?,
            (Some(span), _) => self.add_sum(&span, access, amount, scope, history)?,
        };
        let Some(span) = self.span else { return Ok(None) };
        Ok(Some(Passed {
            observed: fill.observed,
            limit,
            from: span.start(fill.from),
        }))
    }

    fn amount(&self, access: &Access) -> u64 {
        let stated = |amount: Amount| match amount {
            Amount::Known(n) => n,
            Amount::Unknown => self.volume.unknown,
        };
        match self.volume.count {
            Count::Accesses | Count::Subjects => 1,
            Count::Records => stated(access.records),
            Count::Bytes => stated(access.bytes),
        }
    }

    fn amount_of_cell(&self, a: &Amounts) -> u64 {
        let with_unknown = |known: u64, unknown: u64| known.saturating_add(unknown.saturating_mul(self.volume.unknown));
        match self.volume.count {
            Count::Accesses | Count::Subjects => a.accesses,
            Count::Records => with_unknown(a.records, a.records_unknown),
            Count::Bytes => with_unknown(a.bytes, a.bytes_unknown),
        }
    }

    fn add_sum(
        &mut self,
        span: &Span,
        access: &Access,
        amount: u64,
        scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Fill, HistoryError> {
        let (who, dataset) = self.key(access);
        let key = pack(who, dataset);
        let bucket = span.bucket(access.time);
        let wanted = span.first(bucket);
        if let Some(slot) = self.sums.get_mut(&key)
            && slot.covers_from <= wanted
        {
            slot.in_hand.touch(self.batch, bucket);
            return Ok(slot.add(span, bucket, amount));
        }
        let known = self.sums.get(&key).map(|s| s.covers_from);
        let mut loaded: Vec<(i32, u64)> = Vec::new();
        if let Some(until) = self.unknown_range(known, wanted, who, history) {
            let mut each = |b: i32, a: &Amounts| loaded.push((b, self.amount_of_cell(a)));
            let select = select(who, dataset);
            look_back(span, select, scope, wanted, until, history, &mut |day, page| {
                let given = page.cells.iter().filter(|cell| 0 < cell.amounts.accesses);
                given.for_each(|cell| each(bucket_of(span, day, cell), &cell.amounts));
            })?;
        }
        let covers_from = self.covers_from(known, wanted, who, history);
        let slot = self.sums.entry(key).or_default();
        for (b, a) in loaded
            .into_iter()
            .filter(|(b, _)| wanted <= *b && known.is_none_or(|k| *b < k))
        {
            slot.load(b, a);
        }
        slot.loaded(span);
        slot.covers_from = covers_from;
        slot.in_hand.touch(self.batch, bucket);
        Ok(slot.add(span, bucket, amount))
    }

    fn add_subject(
        &mut self,
        span: &Span,
        access: &Access,
        scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Fill, HistoryError> {
        let Some(subject) = access.subject else {
            return Ok(Fill { observed: 0, from: 0 });
        };
        let (who, dataset) = self.key(access);
        let key = pack(who, dataset);
        let bucket = span.bucket(access.time);
        let wanted = span.first(bucket);
        if let Some(slot) = self.subjects.get_mut(&key)
            && slot.covers_from <= wanted
        {
            slot.in_hand.touch(self.batch, bucket);
            return Ok(slot.add(span, bucket, subject.0));
        }
        let known = self.subjects.get(&key).map(|s| s.covers_from);
        let covers_from = self.covers_from(known, wanted, who, history);
        let until = self.unknown_range(known, wanted, who, history);
        let (mut seen, mut sketched) = (Vec::new(), Vec::new());
        if let Some(until) = until {
            let inside = |b: i32| wanted <= b && known.is_none_or(|k| b < k);
            let select = match select(who, dataset) {
                // Everybody's pages hold no subjects.
                Select::Dataset(dataset) => Select::DatasetByPerson(dataset),
                one => one,
            };
            look_back(
                span,
                select,
                scope,
                wanted,
                until,
                history,
                &mut |day, page| match &page.subjects {
                    Subjects::Exact(sightings) => {
                        let bucket = |cell: u16| span.bucket_of_secs(cell_secs(day, cell));
                        let sightings = sightings.iter().map(|(hash, cell)| (bucket(*cell), *hash));
                        seen.extend(sightings.filter(|(b, _)| inside(*b)));
                    }
                    Subjects::Sketch(sketch) => {
                        let mut accesses = accesses(span, day, page);
                        accesses.retain(|(b, _)| inside(*b));
                        sketched.push((sketch.estimate(), accesses));
                    }
                },
            )?;
        }
        // Only now: a slot that could not be filled must not be there to be believed.
        let slot = self.subjects.entry(key).or_default();
        seen.into_iter().for_each(|(b, hash)| slot.load(b, hash));
        sketched
            .into_iter()
            .for_each(|(distinct, accesses)| slot.load_sketch(distinct, accesses));
        slot.loaded(span);
        slot.covers_from = covers_from;
        slot.in_hand.touch(self.batch, bucket);
        Ok(slot.add(span, bucket, subject.0))
    }

    /// Whether the past of a key is in memory already: its person is new, and nothing of the window has left.
    fn is_fresh(&self, known: Option<i32>, wanted: i32, who: WhoId, history: &dyn History) -> bool {
        known.is_none() && self.evicted_to < wanted && !history.knows(who)
    }

    /// Up to which bucket history must be read: `None` if nothing can be there.
    fn unknown_range(&self, known: Option<i32>, wanted: i32, who: WhoId, history: &dyn History) -> Option<i32> {
        (!self.is_fresh(known, wanted, who, history)).then(|| known.unwrap_or(i32::MAX))
    }

    fn covers_from(&self, known: Option<i32>, wanted: i32, who: WhoId, history: &dyn History) -> i32 {
        if self.is_fresh(known, wanted, who, history) {
            self.evicted_to.saturating_add(1)
        } else {
            wanted
        }
    }

    /// The batch in hand is sealed; what comes now belongs to the next one.
    pub fn next_batch(&mut self) {
        self.batch = self.batch.wrapping_add(1);
    }

    /// Forgets keys and buckets that lie behind every window that can still be asked for. What the batch in hand added
    /// stays: only what is committed can be read back.
    pub fn prune(&mut self, newest: EventTime) {
        let Some(span) = self.span else { return };
        let idle = span.first(span.first(span.bucket(newest)));
        let (batch, evicted_to) = (self.batch, &mut self.evicted_to);
        let mut stays = |last: Option<i32>| {
            let stays = last.is_some_and(|last| idle <= last);
            if !stays {
                *evicted_to = (*evicted_to).max(last.unwrap_or(i32::MIN));
            }
            stays
        };
        self.sums.retain(|_, slot| {
            slot.prune(&span, batch);
            slot.in_hand.oldest(batch) < i32::MAX || stays(slot.last())
        });
        self.subjects.retain(|_, slot| {
            slot.prune(&span, batch);
            slot.in_hand.oldest(batch) < i32::MAX || stays(slot.last())
        });
    }

    /// Forgets everything in memory: the batch failed.
    pub fn reset(&mut self) {
        self.sums.clear();
        self.subjects.clear();
    }

    /// Keys in memory.
    pub fn keys(&self) -> usize {
        self.sums.len() + self.subjects.len()
    }
}

/// The bucket a cell is counted in: that of its end.
fn bucket_of(span: &Span, day: DayNumber, cell: &Cell) -> i32 {
    let last = cell.start.saturating_add(cell.width.saturating_sub(1));
    span.bucket_of_secs(cell_secs(day, last))
}

/// Successful accesses of a page by bucket, in order.
fn accesses(span: &Span, day: DayNumber, page: &Page) -> Vec<(i32, u64)> {
    let mut out: Vec<(i32, u64)> = Vec::new();
    for cell in page.cells.iter().filter(|c| 0 < c.amounts.accesses) {
        let bucket = bucket_of(span, day, cell);
        match out.last_mut() {
            Some(last) if last.0 == bucket => last.1 = last.1.saturating_add(cell.amounts.accesses),
            _ => out.push((bucket, cell.amounts.accesses)),
        }
    }
    out
}

fn pack(who: WhoId, dataset: DatasetId) -> u64 {
    u64::from(who.0) << 16 | u64::from(dataset.0)
}

fn select(who: WhoId, dataset: DatasetId) -> Select {
    match (who, dataset) {
        (WhoId(0), dataset) => Select::Dataset(dataset),
        (who, DatasetId(0)) => Select::Person(who),
        (who, dataset) => Select::PersonDataset(who, dataset),
    }
}

fn look_back(
    span: &Span,
    select: Select,
    scope: &Scope,
    from: i32,
    until: i32,
    history: &mut dyn History,
    sink: &mut dyn FnMut(DayNumber, &Page),
) -> Result<(), HistoryError> {
    let day = |bucket: i32| super::book::place(span.start(bucket)).0;
    let to = if until == i32::MAX { i32::MAX } else { day(until) };
    history.pages(select, day(from), to, &mut |d, key, page| {
        if scope.holds(key.dataset(), key.operation()) {
            sink(d, page);
        }
    })
}

#[cfg(test)]
mod tests;
