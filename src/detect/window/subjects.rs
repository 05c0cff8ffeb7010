//! How many distinct subjects one key met within a window, at its fullest.
//!
//! Promises as for sums (`window`), for any order of arrival. Days that are only known as an estimate make the
//! answer an upper bound; a slot that is full keeps what the newest window needs.

use hashbrown::HashMap;

use super::{Fill, InHand, Span, sum};

/// One key's distinct subjects.
///
/// Sightings of a day that is only known as an estimate ([`SubjectSlot::load_sketch`]) are counted as new ones: what
/// the slot says is then an upper bound.
#[derive(Debug, Clone, Default)]
pub struct SubjectSlot {
    /// Bucket and subject of each sighting, sorted, without doubles.
    pub(super) seen: Vec<(i32, u64)>,
    /// Index of the first sighting in the window that ends with the last bucket.
    head: usize,
    /// How often each subject stands in that window.
    inside: HashMap<u64, u32>,
    /// Pages that are only known as sketches.
    sketched: Vec<Sketched>,
    /// No room for more until a bucket behind this one comes.
    full_to: Option<i32>,
    /// Everything at or behind this bucket is known.
    pub covers_from: i32,
    /// What the batch in hand put in.
    pub in_hand: InHand,
}

/// A page of which only the number of subjects is known, and when it was accessed.
#[derive(Debug, Clone)]
struct Sketched {
    /// Estimated number of subjects of the day.
    distinct: u64,
    /// Bucket and accesses, sorted: no part of the day can hold more subjects than accesses.
    accesses: Vec<(i32, u64)>,
}

/// Sightings a slot holds at most. Beyond, each subject keeps its latest one only, which is all the newest window
/// needs; a late access may then find less.
pub const SIGHTINGS_MAX: usize = 1 << 18;
/// Subjects a window counts at most; a higher limit cannot be told.
pub const SUBJECTS_MAX: usize = SIGHTINGS_MAX / 2;

impl SubjectSlot {
    /// A slot that knows everything from `covers_from` on.
    pub fn new(covers_from: i32) -> Self {
        SubjectSlot {
            covers_from,
            ..SubjectSlot::default()
        }
    }

    /// The newest bucket.
    pub fn last(&self) -> Option<i32> {
        let sketched = self.sketched.iter().filter_map(|s| s.accesses.last());
        self.seen.last().map(|s| s.0).max(sketched.map(|a| a.0).max())
    }

    /// Puts in a sighting without asking anything: history.
    pub fn load(&mut self, bucket: i32, subject: u64) {
        self.seen.push((bucket, subject));
    }

    /// Puts in a day of which only the number of subjects and the accesses by bucket (sorted) are known.
    pub fn load_sketch(&mut self, distinct: u64, accesses: Vec<(i32, u64)>) {
        if !accesses.is_empty() {
            self.sketched.push(Sketched { distinct, accesses });
        }
    }

    /// To be called after the last [`SubjectSlot::load`].
    pub fn loaded(&mut self, span: &Span) {
        self.seen.sort_unstable();
        self.seen.dedup();
        if SIGHTINGS_MAX < self.seen.len() {
            self.keep_latest();
        }
        self.recount(span);
    }

    fn recount(&mut self, span: &Span) {
        self.inside.clear();
        let Some(last) = self.last() else { return };
        let first = span.first(last);
        self.head = self.seen.partition_point(|s| s.0 < first);
        for (_, subject) in self.seen.get(self.head..).unwrap_or_default() {
            *self.inside.entry(*subject).or_insert(0) += 1;
        }
    }

    /// Adds a sighting and says how many distinct subjects the fullest window holds that it belongs to.
    pub fn add(&mut self, span: &Span, bucket: i32, subject: u64) -> Fill {
        if SIGHTINGS_MAX <= self.seen.len() && !self.has_room(span, bucket) {
            return self.fill(span, bucket);
        }
        match self.last() {
            Some(last) if bucket < last => return self.add_late(span, bucket, subject),
            Some(last) if bucket == last => self.add_to_last(bucket, subject),
            _ => {
                self.seen.push((bucket, subject));
                *self.inside.entry(subject).or_insert(0) += 1;
                self.advance(span.first(bucket));
            }
        }
        self.fill(span, bucket)
    }

    fn add_to_last(&mut self, bucket: i32, subject: u64) {
        if let Err(i) = self.seen.binary_search(&(bucket, subject)) {
            self.seen.insert(i, (bucket, subject));
            *self.inside.entry(subject).or_insert(0) += 1;
        }
    }

    fn advance(&mut self, first: i32) {
        while let Some((bucket, subject)) = self.seen.get(self.head).copied()
            && bucket < first
        {
            self.head += 1;
            if let Some(n) = self.inside.get_mut(&subject) {
                *n -= 1;
                if *n == 0 {
                    self.inside.remove(&subject);
                }
            }
        }
    }

    /// Makes room in a slot that is full, once a bucket: forgets what the newest window does not need.
    fn has_room(&mut self, span: &Span, bucket: i32) -> bool {
        if self.full_to.is_some_and(|full| bucket <= full) {
            return false;
        }
        let last = self.last().unwrap_or(bucket).max(bucket);
        let first = span.first(last);
        let n = self.seen.partition_point(|s| s.0 < first);
        self.seen.drain(..n);
        self.covers_from = self.covers_from.max(first);
        self.keep_latest();
        self.recount(span);
        let room = self.seen.len() <= SUBJECTS_MAX;
        self.full_to = (!room).then_some(last);
        room
    }

    fn keep_latest(&mut self) {
        let mut met = hashbrown::HashSet::new();
        let mut latest: Vec<(i32, u64)> = self.seen.iter().rev().filter(|s| met.insert(s.1)).copied().collect();
        latest.reverse();
        self.seen = latest;
    }

    fn fill(&self, span: &Span, bucket: i32) -> Fill {
        let exact = u64::try_from(self.inside.len()).unwrap_or(u64::MAX);
        let window = self.seen.get(self.head).map_or(bucket, |s| s.0);
        let (estimated, from) = self.estimated(span, bucket);
        Fill {
            observed: exact.saturating_add(estimated),
            from: from.map_or(window, |from| from.min(window)),
        }
    }

    /// Subjects of sketched days in the window that ends with `end`, at most, and its first bucket that is not empty.
    fn estimated(&self, span: &Span, end: i32) -> (u64, Option<i32>) {
        let first = span.first(end);
        let (mut observed, mut from) = (0u64, None);
        for day in &self.sketched {
            let a = day.accesses.partition_point(|b| b.0 < first);
            let b = day.accesses.partition_point(|b| b.0 <= end);
            let window = day.accesses.get(a..b).unwrap_or_default();
            observed = observed.saturating_add(sum(window).min(day.distinct));
            from = window.first().map(|b| b.0).into_iter().chain(from).min();
        }
        (observed, from)
    }

    fn add_late(&mut self, span: &Span, bucket: i32, subject: u64) -> Fill {
        if let Err(i) = self.seen.binary_search(&(bucket, subject)) {
            self.seen.insert(i, (bucket, subject));
            match self.last().map(|last| span.first(last)) {
                Some(first) if first <= bucket => *self.inside.entry(subject).or_insert(0) += 1,
                _ => self.head += 1,
            }
        }
        let mut best = Fill {
            observed: 0,
            from: bucket,
        };
        let first_at = |bucket: i32| self.seen.partition_point(|s| s.0 < bucket);
        let at = |i: usize| self.seen.get(i).copied();
        let (mut a, mut b) = (first_at(span.first(bucket)), first_at(span.first(bucket)));
        let mut inside: HashMap<u64, u32> = HashMap::new();
        for end in self.ends(span, bucket) {
            while let Some((_, subject)) = at(b).filter(|s| s.0 <= end) {
                *inside.entry(subject).or_insert(0) += 1;
                b += 1;
            }
            while let Some((_, subject)) = at(a).filter(|s| s.0 < span.first(end)) {
                match inside.get_mut(&subject) {
                    Some(n) if 1 < *n => *n -= 1,
                    _ => drop(inside.remove(&subject)),
                }
                a += 1;
            }
            let (estimated, from) = self.estimated(span, end);
            let observed = u64::try_from(inside.len())
                .unwrap_or(u64::MAX)
                .saturating_add(estimated);
            if best.observed < observed {
                let exact = at(a).map_or(bucket, |s| s.0);
                best = Fill {
                    observed,
                    from: from.map_or(exact, |from| from.min(exact)),
                };
            }
        }
        best
    }

    /// Buckets that are not empty and end a window that holds `bucket`, in order.
    fn ends(&self, span: &Span, bucket: i32) -> Vec<i32> {
        let a = self.seen.partition_point(|s| s.0 < bucket);
        let seen = self.seen.get(a..).unwrap_or_default().iter().map(|s| s.0);
        let mut ends: Vec<i32> = Vec::new();
        for end in seen.take_while(|end| span.first(*end) <= bucket) {
            if ends.last() != Some(&end) {
                ends.push(end);
            }
        }
        let sketched = self.sketched.iter().flat_map(|s| s.accesses.iter().map(|a| a.0));
        ends.extend(sketched.filter(|end| bucket <= *end && span.first(*end) <= bucket));
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// Forgets what lies more than one further window behind the newest bucket, but nothing that belongs to `batch`.
    pub fn prune(&mut self, span: &Span, batch: u32) {
        let Some(last) = self.last() else { return };
        let keep = span.first(span.first(last)).saturating_sub(1);
        let keep = keep.min(self.in_hand.oldest(batch));
        let n = self.seen.partition_point(|s| s.0 < keep);
        let mut forgot = 0 < n;
        self.seen.drain(..n);
        self.head = self.head.saturating_sub(n);
        for day in &mut self.sketched {
            let n = day.accesses.partition_point(|b| b.0 < keep);
            day.accesses.drain(..n);
            forgot |= 0 < n;
        }
        self.sketched.retain(|day| !day.accesses.is_empty());
        if forgot {
            self.covers_from = self.covers_from.max(keep);
        }
    }
}
