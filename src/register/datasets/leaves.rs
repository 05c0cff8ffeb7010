//! Patterns that end at one place: they differ by operation, and the one written first decides.

use hashbrown::HashMap;

use crate::access::{DatasetId, Operation};
use crate::text::folded;

/// What a pattern stands for.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Place among all patterns: the smallest decides.
    pub order: u32,
    pub dataset: DatasetId,
    pub class: Option<Operation>,
    pub records: Option<u64>,
    /// As the log says them, folded (`text::folded`) and without regard to case; empty: all.
    pub operations: Box<[Box<[u8]>]>,
    pub subject_query: Option<Box<[u8]>>,
}

/// What a pattern says of a line it matches, small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sign {
    /// Place among all patterns: the smallest decides.
    pub order: u32,
    pub dataset: DatasetId,
    pub class: Option<Operation>,
    pub records: Option<u64>,
}

/// Beyond so many leaves operations are hashed.
const FEW: usize = 8;
/// Longest operation that is hashed, in bytes.
const OPERATION_BYTES_MAX: usize = 64;

/// The patterns of one place, in the order they were written. Most places have one, which stands in place.
#[derive(Debug)]
pub(super) struct Leaves {
    one: Leaf,
    more: Option<Box<More>>,
}

/// The patterns of one place but the first one.
#[derive(Debug, Default)]
struct More {
    all: Vec<Leaf>,
    /// First leaf of each operation in small letters, once there are many.
    by_operation: HashMap<Box<[u8]>, usize>,
    /// First leaf for any operation.
    any: Option<usize>,
}

impl Leaf {
    pub(super) fn sign(&self) -> Sign {
        Sign {
            order: self.order,
            dataset: self.dataset,
            class: self.class,
            records: self.records,
        }
    }

    fn allows(&self, operation: &[u8]) -> bool {
        self.operations.is_empty() || self.operations.iter().any(|o| o.eq_ignore_ascii_case(operation))
    }
}

impl Leaves {
    pub(super) fn new(leaf: Leaf) -> Leaves {
        Leaves { one: leaf, more: None }
    }

    /// What is said here whatever the operation and the query, where that is so.
    pub(super) fn plain(&self) -> Option<Sign> {
        let one = &self.one;
        (one.operations.is_empty() && one.subject_query.is_none()).then(|| one.sign())
    }

    pub(super) fn push(&mut self, leaf: Leaf) {
        self.more.get_or_insert_default().push(leaf);
    }

    /// The leaf that decides for an operation, in whatever width it is written.
    pub(super) fn first(&self, operation: &[u8]) -> Option<&Leaf> {
        if self.one.operations.is_empty() {
            return Some(&self.one);
        }
        let operation = &*folded(operation);
        if self.one.allows(operation) {
            return Some(&self.one);
        }
        self.more.as_ref()?.first(operation)
    }
}

impl More {
    fn push(&mut self, leaf: Leaf) {
        self.all.push(leaf);
        if self.all.len() <= FEW {
            return;
        }
        let from = if self.by_operation.is_empty() && self.any.is_none() {
            0
        } else {
            self.all.len() - 1
        };
        for (n, leaf) in self.all.iter().enumerate().skip(from) {
            if leaf.operations.is_empty() {
                self.any.get_or_insert(n);
            }
            for operation in &leaf.operations {
                self.by_operation
                    .entry(operation.to_ascii_lowercase().into())
                    .or_insert(n);
            }
        }
    }

    fn first(&self, operation: &[u8]) -> Option<&Leaf> {
        let mut room = [0u8; OPERATION_BYTES_MAX];
        let hashed = FEW < self.all.len();
        if let Some(small) = room.get_mut(..operation.len()).filter(|_| hashed) {
            small.copy_from_slice(operation);
            small.make_ascii_lowercase();
            let named = self.by_operation.get(&*small).copied();
            let first = named.into_iter().chain(self.any).min();
            return first.and_then(|n| self.all.get(n));
        }
        self.all.iter().find(|leaf| leaf.allows(operation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaf(order: u32, operations: &[String]) -> Leaf {
        Leaf {
            order,
            dataset: DatasetId(1),
            class: Some(Operation::View),
            records: None,
            operations: operations.iter().map(|o| o.as_bytes().into()).collect(),
            subject_query: None,
        }
    }

    proptest! {
        #[test]
        fn the_first_one_written_decides_however_many_there_are(
            written in prop::collection::vec(prop::collection::vec("[abAB]{1,2}", 0..3), 1..40),
            asked in prop::collection::vec("[abAB]{1,3}", 1..20),
        ) {
            let mut all = (0u32..).zip(&written).map(|(order, operations)| leaf(order, operations));
            let mut leaves = Leaves::new(all.next().unwrap());
            all.for_each(|leaf| leaves.push(leaf));
            for operation in asked.iter().chain([&"x".repeat(OPERATION_BYTES_MAX + 1)]) {
                let naive = written.iter().position(|o| o.is_empty() || o.iter().any(|o| o.eq_ignore_ascii_case(operation)));
                let found = leaves.first(operation.as_bytes()).map(|l| l.order as usize);
                prop_assert_eq!(found, naive);
            }
        }
    }
}
