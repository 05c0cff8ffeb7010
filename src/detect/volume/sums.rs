//! The windows of a rule that adds something up, one for each key.

use hashbrown::HashMap;

use super::{Given, Reach, bucket_of, look_back, pack, select};
use crate::access::{DatasetId, WhoId};
use crate::detect::Scope;
use crate::detect::book::{History, HistoryError};
use crate::detect::page::Amounts;
use crate::detect::window::{BucketAmount, Fill, Span, SumSlot};

/// So few slots lie in a core's own cache.
const FEW_SLOTS: usize = 1 << 10;

/// Slots looked at together.
const TOGETHER: usize = 32;

/// The windows of each key, in amounts of type `A`.
#[derive(Debug)]
pub(super) struct Sums<A> {
    slots: HashMap<u64, SumSlot<A>>,
}

impl<A> Default for Sums<A> {
    fn default() -> Self {
        Sums { slots: HashMap::new() }
    }
}

impl<A: BucketAmount> Sums<A> {
    /// Looks at the slots of `keys`. With hundreds of thousands of them each lies in memory and not in a cache; looks that
    /// do not wait for one another overlap there: first at all slots, then at what each of them points to.
    pub fn expect(&self, mut keys: impl Iterator<Item = (WhoId, DatasetId)>) {
        if self.slots.len() < FEW_SLOTS {
            return;
        }
        let mut touched = 0;
        loop {
            let mut found: [Option<&SumSlot<A>>; TOGETHER] = [None; TOGETHER];
            let mut some = 0;
            for (place, (who, dataset)) in found.iter_mut().zip(&mut keys) {
                *place = self.slots.get(&pack(who, dataset));
                some += 1;
            }
            touched = found
                .iter()
                .flatten()
                .fold(touched, |touched, slot| touched ^ slot.touch());
            if some < TOGETHER {
                break;
            }
        }
        // The compiler must not find out that nobody asks for the sum.
        std::hint::black_box(touched);
    }

    /// Adds what was given; `of_cell` says what a cell of the past counts. A key that is not in memory is loaded first.
    pub fn add(
        &mut self,
        given: &Given<'_>,
        reach: &Reach,
        of_cell: impl Fn(&Amounts) -> u64,
        scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Fill, HistoryError> {
        let (span, bucket) = (given.span, given.bucket);
        let (who, dataset) = given.key;
        let key = pack(who, dataset);
        let wanted = span.first(bucket);
        if let Some(slot) = self.slots.get_mut(&key)
            && slot.covers_from <= wanted
        {
            slot.in_hand.touch(reach.batch, bucket);
            return Ok(slot.add(span, bucket, given.amount));
        }
        let known = self.slots.get(&key).map(|s| s.covers_from);
        let mut loaded: Vec<(i32, u64)> = Vec::new();
        if let Some(until) = reach.unknown_range(known, wanted, who, history) {
            let select = select(who, dataset);
            look_back(span, select, scope, wanted, until, history, &mut |day, page| {
                let given = page.cells.iter().filter(|cell| 0 < cell.amounts.accesses);
                loaded.extend(given.map(|cell| (bucket_of(span, day, cell), of_cell(&cell.amounts))));
            })?;
        }
        let covers_from = reach.covers_from(known, wanted, who, history);
        let slot = self.slots.entry(key).or_default();
        for (b, a) in loaded
            .into_iter()
            .filter(|(b, _)| wanted <= *b && known.is_none_or(|k| *b < k))
        {
            slot.load(b, a);
        }
        slot.loaded(span);
        slot.covers_from = covers_from;
        slot.in_hand.touch(reach.batch, bucket);
        Ok(slot.add(span, bucket, given.amount))
    }

    /// Forgets what lies behind every window, and keys whose newest bucket `stays` lets go.
    pub fn prune(&mut self, span: &Span, batch: u32, stays: &mut dyn FnMut(Option<i32>) -> bool) {
        self.slots.retain(|_, slot| {
            slot.prune(span, batch);
            slot.in_hand.oldest(batch) < i32::MAX || stays(slot.last())
        });
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.slots.clear();
    }

    /// Keys in memory.
    pub fn len(&self) -> usize {
        self.slots.len()
    }
}
