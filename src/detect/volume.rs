//! The `volume` kind: more than so much within so long.
//!
//! One [`VolumeRule`] holds the windows of every key it has seen lately. A key that is not in memory is
//! loaded from the book's history when it is next touched, so forgetting one (`prune`) changes nothing.

mod sums;

use hashbrown::HashMap;

use super::book::{DayNumber, History, HistoryError, Select, cell_secs};
use super::page::{Amounts, Cell, Page, Subjects};
use super::window::{Fill, Span, SubjectSlot};
use super::{Count, Per, Scope, Severity, Volume, Within};
use crate::access::{Access, Amount, DatasetId, Mark, Outcome, WhoId};
use crate::clock::EventTime;
use sums::Sums;

/// A limit that no amount passes.
const NO_LIMIT: u64 = u64::MAX;

/// A compiled `volume` rule.
#[derive(Debug)]
pub struct VolumeRule {
    volume: Volume,
    severity: Severity,
    span: Option<Span>,
    /// Limit by dataset id; the last one is for datasets not listed.
    limits: Vec<u64>,
    /// Windows of accesses, where those are counted.
    accesses: Sums<u32>,
    /// Windows of anything else that is added up.
    amounts: Sums<u64>,
    subjects: HashMap<u64, SubjectSlot>,
    reach: Reach,
}

/// What memory knows of the past.
#[derive(Debug)]
struct Reach {
    /// No key that left memory had anything behind this bucket.
    evicted_to: i32,
    /// Number of the batch in hand.
    batch: u32,
}

/// What an access adds to a window.
struct Given<'a> {
    span: &'a Span,
    key: (WhoId, DatasetId),
    bucket: i32,
    amount: u64,
}

impl Reach {
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
    /// Compiles a rule of a severity; `limits` gives the limit of each dataset by id (see [`super::Detector::new`]).
    pub fn new(volume: Volume, severity: Severity, limits: Vec<u64>) -> Self {
        let span = Span::of(volume.within);
        VolumeRule {
            volume,
            severity,
            span,
            limits,
            accesses: Sums::default(),
            amounts: Sums::default(),
            subjects: HashMap::new(),
            reach: Reach {
                evicted_to: i32::MIN,
                batch: 0,
            },
        }
    }

    fn limit(&self, dataset: DatasetId) -> u64 {
        let by_dataset = self.limits.get(usize::from(dataset.0));
        *by_dataset.or(self.limits.last()).unwrap_or(&NO_LIMIT)
    }

    /// The limit for this access: that of its job, or less of it for somebody about to leave.
    fn limit_for(&self, access: &Access) -> u64 {
        if !access.trace.job.is_none() && self.volume.per != Per::Dataset {
            return self.limit_of_job(access);
        }
        let limit = self.limit(access.dataset);
        if self.volume.leaving < 100 && self.volume.per != Per::Dataset && access.marks.has(Mark::Leaving) {
            return limit / 100 * self.volume.leaving + limit % 100 * self.volume.leaving / 100;
        }
        limit
    }

    /// A job has a limit of its own, records a day: a warning where it is passed, and critical at ten times as much.
    fn limit_of_job(&self, access: &Access) -> u64 {
        const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
        let within_a_day = match self.volume.within {
            Within::OneAccess | Within::Day => true,
            Within::Rolling(span) => span <= DAY,
        };
        let times = match self.severity {
            Severity::Notice => None,
            Severity::Warning => Some(1),
            Severity::Critical => Some(10),
        };
        let counts = self.volume.count == Count::Records && within_a_day;
        let limit = times
            .filter(|_| counts)
            .map(|times| times * u64::from(access.trace.job.most));
        limit.unwrap_or(NO_LIMIT)
    }

    /// Whose amounts an access is added to: who and dataset, 0 for all.
    pub fn key(&self, access: &Access) -> (WhoId, DatasetId) {
        match self.volume.per {
            Per::Person => (access.counted(), DatasetId(0)),
            Per::Dataset => (WhoId(0), access.dataset),
            Per::PersonDataset => (access.counted(), access.dataset),
        }
    }

    /// Says which accesses come next, so that what is kept of them is fetched from memory together.
    pub fn expect<'a>(&self, accesses: impl Iterator<Item = &'a Access>) {
        let keys = accesses.map(|access| self.key(access));
        match self.volume.count {
            _ if self.span.is_none() => {}
            Count::Subjects => {}
            Count::Accesses => self.accesses.expect(keys),
            Count::Records | Count::Bytes => self.amounts.expect(keys),
        }
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
            (Some(span), count) => {
                let given = Given {
                    span: &span,
                    key: self.key(access),
                    bucket: span.bucket(access.time),
                    amount,
                };
                let of_cell = |amounts: &Amounts| amount_of_cell(&self.volume, amounts);
                match count {
                    Count::Accesses => self.accesses.add(&given, &self.reach, of_cell, scope, history)?,
                    _ => self.amounts.add(&given, &self.reach, of_cell, scope, history)?,
                }
            }
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
            Amount::Unknown if access.trace.part => 0,
            Amount::Unknown => self.volume.unknown,
        };
        match self.volume.count {
            Count::Accesses if access.trace.part => 0,
            Count::Accesses | Count::Subjects => 1,
            Count::Records => stated(access.records),
            Count::Bytes => stated(access.bytes),
        }
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
            slot.in_hand.touch(self.reach.batch, bucket);
            return Ok(slot.add(span, bucket, subject.0));
        }
        let known = self.subjects.get(&key).map(|s| s.covers_from);
        let covers_from = self.reach.covers_from(known, wanted, who, history);
        let until = self.reach.unknown_range(known, wanted, who, history);
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
        slot.in_hand.touch(self.reach.batch, bucket);
        Ok(slot.add(span, bucket, subject.0))
    }

    /// The batch in hand is sealed; what comes now belongs to the next one.
    pub fn next_batch(&mut self) {
        self.reach.batch = self.reach.batch.wrapping_add(1);
    }

    /// Forgets keys and buckets that lie behind every window that can still be asked for. What the batch in hand added
    /// stays: only what is committed can be read back.
    pub fn prune(&mut self, newest: EventTime) {
        let Some(span) = self.span else { return };
        let idle = span.first(span.first(span.bucket(newest)));
        let (batch, evicted_to) = (self.reach.batch, &mut self.reach.evicted_to);
        let mut stays = |last: Option<i32>| {
            let stays = last.is_some_and(|last| idle <= last);
            if !stays {
                *evicted_to = (*evicted_to).max(last.unwrap_or(i32::MIN));
            }
            stays
        };
        self.accesses.prune(&span, batch, &mut stays);
        self.amounts.prune(&span, batch, &mut stays);
        self.subjects.retain(|_, slot| {
            slot.prune(&span, batch);
            slot.in_hand.oldest(batch) < i32::MAX || stays(slot.last())
        });
    }

    /// Forgets everything in memory: the batch failed.
    pub fn reset(&mut self) {
        self.accesses.clear();
        self.amounts.clear();
        self.subjects.clear();
    }

    /// Keys in memory.
    pub fn keys(&self) -> usize {
        self.accesses.len() + self.amounts.len() + self.subjects.len()
    }
}

/// What a cell of the past counts.
fn amount_of_cell(volume: &Volume, a: &Amounts) -> u64 {
    let with_unknown = |known: u64, unknown: u64| known.saturating_add(unknown.saturating_mul(volume.unknown));
    match volume.count {
        Count::Accesses | Count::Subjects => a.accesses,
        Count::Records => with_unknown(a.records, a.records_unknown),
        Count::Bytes => with_unknown(a.bytes, a.bytes_unknown),
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
