//! Rolling windows over event time: the sum of one key's amounts over the last so-and-so long, or the number of
//! its distinct subjects (`subjects`).
//!
//! Promise: what a window finds does not depend on the order of arrival. An access that comes late is put into
//! its bucket, and every window that holds it is looked at again. A window never covers *less* than stated:
//! it ends with the bucket of the access and reaches back over as many whole buckets as fill its width, so
//! it covers up to one bucket (at most 1/60 of the width) more, two where the width is no multiple of it.
//!
//! A slot is a cache of committed pages plus the batch in hand; `covers_from` says how far back it knows.

mod subjects;

use std::time::Duration;

use super::Within;
use crate::clock::EventTime;

pub use subjects::{SIGHTINGS_MAX, SUBJECTS_MAX, SubjectSlot};

/// Japan is nine hours ahead of UTC, all year; buckets are cut at JST midnight.
pub const JST_SECS: i64 = 9 * 3_600;
const DAY_SECS: i64 = 86_400;
/// Bucket widths to choose from: each divides a day and is a multiple of the cell widths of its age.
const RESOLUTIONS: [i64; 10] = [10, 60, 240, 1_200, 3_600, 7_200, 14_400, 21_600, 43_200, DAY_SECS];

/// How a window is cut into buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Seconds of a bucket.
    pub bucket_secs: i64,
    /// Whole buckets before that of the access.
    pub back: i32,
}

impl Span {
    /// The buckets of `within`; `None` for a single access.
    pub fn of(within: Within) -> Option<Span> {
        match within {
            Within::OneAccess => None,
            Within::Day => Some(Span {
                bucket_secs: DAY_SECS,
                back: 0,
            }),
            Within::Rolling(width) => Some(Span::rolling(width)),
        }
    }

    fn rolling(width: Duration) -> Span {
        let secs = i64::try_from(width.as_secs()).unwrap_or(i64::MAX).max(600);
        let finest = secs / 60;
        let bucket_secs = RESOLUTIONS.into_iter().rev().find(|r| *r <= finest).unwrap_or(10);
        let back = secs.saturating_add(bucket_secs - 1) / bucket_secs;
        Span {
            bucket_secs,
            back: i32::try_from(back).unwrap_or(i32::MAX),
        }
    }

    /// The bucket `at` falls into.
    pub fn bucket(&self, at: EventTime) -> i32 {
        self.bucket_of_secs(at.secs())
    }

    /// The bucket the second `secs` (UTC) falls into.
    pub fn bucket_of_secs(&self, secs: i64) -> i32 {
        let bucket = secs.saturating_add(JST_SECS).div_euclid(self.bucket_secs);
        i32::try_from(bucket)
            .unwrap_or(if bucket < 0 { i32::MIN } else { i32::MAX })
            .max(EMPTY + 1)
    }

    /// First moment of a bucket.
    pub fn start(&self, bucket: i32) -> EventTime {
        EventTime::from_secs(
            i64::from(bucket)
                .saturating_mul(self.bucket_secs)
                .saturating_sub(JST_SECS),
        )
    }

    /// First bucket of the window that ends with `bucket`.
    pub fn first(&self, bucket: i32) -> i32 {
        bucket.saturating_sub(self.back)
    }
}

/// What a window holds at its fullest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Amount.
    pub observed: u64,
    /// First bucket in it that is not empty.
    pub from: i32,
}

/// One key's sums.
///
/// `last` and `first` repeat what stands in `buckets`, so that the usual access touches the slot alone and only
/// writes to the list: with hundreds of thousands of keys each look at another place in memory costs more than
/// the sum.
#[derive(Debug, Clone)]
pub struct SumSlot<A = u64> {
    /// Bucket and amount, sorted.
    buckets: Vec<(i32, A)>,
    /// Index of the first bucket of the window that ends with the last bucket.
    head: u32,
    /// Sum from `head` on.
    sum: u64,
    /// The newest bucket; `EMPTY` if there is none.
    last: i32,
    /// The bucket at `head`.
    first: i32,
    /// Everything at or behind this bucket is known.
    pub covers_from: i32,
    /// What the batch in hand put in.
    pub in_hand: InHand,
}

/// Which part of a slot only memory knows, because the batch that added it is not committed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InHand {
    /// Number of the batch that last added something.
    batch: u32,
    /// The oldest bucket it added to.
    oldest: i32,
}

impl InHand {
    /// `batch` adds to `bucket`.
    pub fn touch(&mut self, batch: u32, bucket: i32) {
        self.oldest = if self.batch == batch {
            self.oldest.min(bucket)
        } else {
            bucket
        };
        self.batch = batch;
    }

    /// The bucket before which nothing belongs to `batch`; `i32::MAX` when nothing at all does.
    pub fn oldest(&self, batch: u32) -> i32 {
        if self.batch == batch { self.oldest } else { i32::MAX }
    }
}

impl Default for InHand {
    fn default() -> Self {
        InHand {
            batch: u32::MAX,
            oldest: i32::MAX,
        }
    }
}

/// No bucket.
const EMPTY: i32 = i32::MIN;

/// A number wide enough for what one bucket of a slot may hold.
pub trait BucketAmount: Copy + Into<u64> + std::fmt::Debug {
    /// `amount`, or the most there can be.
    fn of(amount: u64) -> Self;
}

impl BucketAmount for u64 {
    fn of(amount: u64) -> u64 {
        amount
    }
}

/// Accesses of one key in one bucket: four thousand million of them are no log.
impl BucketAmount for u32 {
    fn of(amount: u64) -> u32 {
        u32::try_from(amount).unwrap_or(u32::MAX)
    }
}

impl<A> Default for SumSlot<A> {
    fn default() -> Self {
        SumSlot {
            buckets: Vec::new(),
            head: 0,
            sum: 0,
            last: EMPTY,
            first: EMPTY,
            covers_from: 0,
            in_hand: InHand::default(),
        }
    }
}

impl<A: BucketAmount> SumSlot<A> {
    /// A slot that knows everything from `covers_from` on.
    pub fn new(covers_from: i32) -> Self {
        SumSlot {
            covers_from,
            ..SumSlot::default()
        }
    }

    /// The newest bucket.
    pub fn last(&self) -> Option<i32> {
        (self.last != EMPTY).then_some(self.last)
    }

    /// Looks at what [`SumSlot::add`] will look at.
    pub fn touch(&self) -> i32 {
        self.last ^ self.buckets.last().map_or(0, |b| b.0)
    }

    /// Puts in an amount without asking anything: history.
    pub fn load(&mut self, bucket: i32, amount: u64) {
        match self.buckets.binary_search_by_key(&bucket, |b| b.0) {
            Ok(i) => {
                if let Some(b) = self.buckets.get_mut(i) {
                    b.1 = plus(b.1, amount);
                }
            }
            Err(i) => self.buckets.insert(i, (bucket, A::of(amount))),
        }
    }

    /// To be called after the last [`SumSlot::load`].
    pub fn loaded(&mut self, span: &Span) {
        let Some(last) = self.buckets.last().map(|b| b.0) else {
            return;
        };
        let first = span.first(last);
        self.last = last;
        let head = self.buckets.partition_point(|b| b.0 < first);
        self.set_head(head);
        self.first = self.buckets.get(head).map_or(last, |b| b.0);
        self.sum = sum(self.buckets.get(head..).unwrap_or_default());
    }

    /// Adds an amount and says what the fullest window holds that it belongs to.
    pub fn add(&mut self, span: &Span, bucket: i32, amount: u64) -> Fill {
        if bucket < self.last {
            return self.add_late(span, bucket, amount);
        }
        if bucket == self.last && self.last != EMPTY {
            if let Some(last) = self.buckets.last_mut() {
                last.1 = plus(last.1, amount);
            }
        } else {
            if self.last == EMPTY {
                self.first = bucket;
            }
            self.buckets.push((bucket, A::of(amount)));
            self.last = bucket;
            let first = span.first(bucket);
            if self.first < first {
                self.advance(first);
            }
        }
        self.sum = self.sum.saturating_add(amount);
        Fill {
            observed: self.sum,
            from: self.first,
        }
    }

    fn advance(&mut self, first: i32) {
        let mut head = self.head();
        while let Some((bucket, amount)) = self.buckets.get(head)
            && *bucket < first
        {
            self.sum = self.sum.saturating_sub((*amount).into());
            head += 1;
        }
        self.first = self.buckets.get(head).map_or(self.last, |b| b.0);
        self.set_head(head);
    }

    fn head(&self) -> usize {
        usize::try_from(self.head).unwrap_or(usize::MAX)
    }

    fn set_head(&mut self, head: usize) {
        self.head = u32::try_from(head).unwrap_or(u32::MAX);
    }

    fn add_late(&mut self, span: &Span, bucket: i32, amount: u64) -> Fill {
        self.load(bucket, amount);
        self.loaded(span);
        let mut best = Fill {
            observed: 0,
            from: bucket,
        };
        let at = self.buckets.partition_point(|b| b.0 < bucket);
        let ends = self.buckets.get(at..).unwrap_or_default();
        for (end, _) in ends.iter().take_while(|e| span.first(e.0) <= bucket) {
            let first = span.first(*end);
            let (a, b) = (
                self.buckets.partition_point(|b| b.0 < first),
                self.buckets.partition_point(|b| b.0 <= *end),
            );
            let window = self.buckets.get(a..b).unwrap_or_default();
            let observed = sum(window);
            if best.observed < observed {
                best = Fill {
                    observed,
                    from: window.first().map_or(bucket, |b| b.0),
                };
            }
        }
        best
    }

    /// Forgets what lies more than one further window behind the newest bucket, but nothing that belongs to `batch`:
    /// that can be read back from nowhere.
    pub fn prune(&mut self, span: &Span, batch: u32) {
        let Some(last) = self.last() else { return };
        let keep = span.first(span.first(last)).saturating_sub(1);
        let keep = keep.min(self.in_hand.oldest(batch));
        let n = self.buckets.partition_point(|b| b.0 < keep);
        if n > 0 {
            self.buckets.drain(..n);
            self.buckets.shrink_to(self.buckets.len() * 2);
            self.set_head(self.head().saturating_sub(n));
            self.covers_from = self.covers_from.max(keep);
        }
    }
}

fn sum<A: BucketAmount>(buckets: &[(i32, A)]) -> u64 {
    buckets.iter().fold(0, |s, b| s.saturating_add(b.1.into()))
}

fn plus<A: BucketAmount>(have: A, more: u64) -> A {
    A::of(have.into().saturating_add(more))
}

#[cfg(test)]
mod tests;
