//! Rows by account and by person: two lists, instead of a list for each of 200,000 keys.

/// What is numbered by a key: those of key `k` are `order[starts[k]..starts[k + 1]]`, in the order in which they came.
#[derive(Debug)]
pub(super) struct Grouped {
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl Grouped {
    /// `keys` are numbers below `count`.
    pub(super) fn new(keys: &[u32], count: usize) -> Grouped {
        let mut starts = vec![0u32; count + 1];
        let slot = |key: u32| usize::try_from(key).unwrap_or(usize::MAX);
        for key in keys {
            if let Some(n) = starts.get_mut(slot(*key) + 1) {
                *n += 1;
            }
        }
        let mut sum = 0;
        for n in &mut starts {
            sum += *n;
            *n = sum;
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; keys.len()];
        for (row, key) in (0u32..).zip(keys) {
            if let Some(place) = next.get_mut(slot(*key)) {
                if let Some(slot) = order.get_mut(slot(*place)) {
                    *slot = row;
                }
                *place += 1;
            }
        }
        Grouped { starts, order }
    }

    /// Those of a key.
    pub(super) fn of(&self, key: u32) -> &[u32] {
        let slot = |n: &u32| usize::try_from(*n).ok();
        let bound = |key: Option<u32>| self.starts.get(slot(&key?)?).and_then(slot);
        let bounds = bound(Some(key)).zip(bound(key.checked_add(1)));
        bounds
            .and_then(|(from, to)| self.order.get(from..to))
            .unwrap_or_default()
    }

    /// Every group, in the order of the keys.
    pub(super) fn all(&self) -> impl Iterator<Item = &[u32]> {
        (0..u32::try_from(self.starts.len()).unwrap_or(u32::MAX).saturating_sub(1)).map(|key| self.of(key))
    }

    /// Where those of each key begin (behind the last key the end) in the list of all, and that list.
    pub(super) fn into_parts(self) -> (Vec<u32>, Vec<u32>) {
        (self.starts, self.order)
    }
}
