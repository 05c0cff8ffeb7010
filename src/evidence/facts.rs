//! What is known of the records of a segment beside its bytes: for how long it is kept, and by which keys it is found.

use std::sync::Arc;

/// What was found in pieces of a file: facts about the content for retention and index.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Oldest and newest record, microseconds.
    pub times: Option<(i64, i64)>,
    /// Row ids of datasets.
    pub datasets: Vec<u32>,
    /// Keys for the index.
    pub keys: Vec<u64>,
    /// Something is in the pieces of which nothing is known.
    pub unknown: bool,
    /// Records whose time lay ahead of the clock count as of when they were read: whoever counts again cannot tell
    /// exactly when.
    pub ahead: bool,
}

impl Facts {
    /// Facts about bytes that are read once more: nothing is known, so everything may be in them.
    pub fn unknown() -> Facts {
        Facts {
            unknown: true,
            ..Facts::default()
        }
    }

    /// Notes the time of a record, microseconds.
    pub fn saw(&mut self, at: i64) {
        self.times = Some(match self.times {
            None => (at, at),
            Some((first, last)) => (first.min(at), last.max(at)),
        });
    }

    /// Takes in what was found in the next bytes.
    fn join(&mut self, other: &Facts) {
        self.times = match (self.times, other.times) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (a, b) => a.or(b),
        };
        self.keys.extend_from_slice(&other.keys);
        self.unknown |= other.unknown;
        self.ahead |= other.ahead;
        for dataset in &other.datasets {
            if !self.datasets.contains(dataset) {
                self.datasets.push(*dataset);
            }
        }
    }
}

/// Keys of an index that are gathered before those that repeat themselves are let go.
const KEYS_MIN: usize = 1_024;

/// What was found in a segment so far.
#[derive(Debug, Default)]
pub(super) struct Learned {
    facts: Facts,
    /// Taken in last: pieces of one turn of reading come with the same facts.
    last: Option<Arc<Facts>>,
    /// Keys at which they are next looked through for repetitions.
    keys_max: usize,
}

impl Learned {
    /// Takes in what was found in a piece. Most keys come again and again, and one is enough.
    pub fn learn(&mut self, facts: Arc<Facts>) {
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &facts)) {
            return;
        }
        self.facts.join(&facts);
        self.last = Some(facts);
        if self.keys_max.max(KEYS_MIN) <= self.facts.keys.len() {
            self.distinct();
            self.keys_max = self.facts.keys.len().saturating_mul(2);
            self.facts.keys.shrink_to(self.keys_max.max(KEYS_MIN));
        }
    }

    /// Keeps as little memory as it can.
    pub fn rest(&mut self) {
        self.last = None;
        self.distinct();
        self.facts.keys.shrink_to_fit();
    }

    /// All of it.
    pub fn all(self) -> Facts {
        self.facts
    }

    fn distinct(&mut self) {
        self.facts.keys.sort_unstable();
        self.facts.keys.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_in_a_turn_is_learned_once_and_repeated_keys_are_kept_once() {
        let mut learned = Learned::default();
        let turn = |keys: Vec<u64>| {
            Arc::new(Facts {
                keys,
                datasets: vec![7],
                ..Facts::default()
            })
        };
        let first = turn((0..2_000).map(|n| n % 500).collect());
        learned.learn(Arc::clone(&first));
        learned.learn(first);
        assert_eq!(learned.facts.keys.len(), 500);
        learned.learn(turn(vec![1, 2, 9_000]));
        learned.rest();
        let all = learned.all();
        assert_eq!((all.keys.len(), all.datasets), (501, vec![7]));
        assert!(all.keys.contains(&9_000));
    }
}
