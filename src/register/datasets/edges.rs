//! From a node of the trie down a literal segment to the next: one table for all nodes.
//!
//! A segment of usual length stands in the entry itself, so that a step costs one look in memory, not three.

use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::leaves::Sign;
use super::trie::Node;

/// Room for a segment in its entry.
const SHORT: usize = 22;

/// A few bytes, in place where they are short.
#[derive(Debug)]
enum Text {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

impl Text {
    fn new(text: &[u8]) -> Text {
        let mut bytes = [0u8; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(text);
                Text::Short { length, bytes }
            }
            _ => Text::Long(text.into()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Text::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Text::Long(text) => text,
        }
    }
}

/// A node as whoever comes down to it sees it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Below {
    /// Nothing but literal segments lead on, and one pattern for every operation at most ends here.
    Plain { literals: bool, sign: Option<Sign> },
    /// Anything else.
    Node(Node),
}

/// A line of the processor's memory each: with all a step needs to know, it is the only one the step fetches.
#[derive(Debug)]
#[repr(align(64))]
struct Edge {
    node: u32,
    next: u32,
    text: Text,
    below: Below,
}

/// The literal segments of all nodes.
#[derive(Debug, Default)]
pub(super) struct Edges {
    table: HashTable<Edge>,
    hasher: DefaultHashBuilder,
}

impl Edges {
    /// The number of the node below `node` under `text`, and that node as it was when it was [settled](Edges::settle).
    pub(super) fn get(&self, node: u32, text: &[u8]) -> Option<(u32, &Below)> {
        let is = |edge: &Edge| edge.node == node && edge.text.as_bytes() == text;
        self.table
            .find(self.hasher.hash_one((node, text)), is)
            .map(|edge| (edge.next, &edge.below))
    }

    /// Takes over the nodes, once all patterns are in.
    pub(super) fn settle(&mut self, below: impl Fn(u32) -> Below) {
        for edge in self.table.iter_mut() {
            edge.below = below(edge.next);
        }
    }

    /// The node below `node` under `text`; `fresh` from now on where there is none.
    pub(super) fn get_or_insert(&mut self, node: u32, text: &[u8], fresh: u32) -> u32 {
        if let Some((next, _)) = self.get(node, text) {
            return next;
        }
        let edge = Edge {
            node,
            next: fresh,
            text: Text::new(text),
            below: Below::Node(Node::default()),
        };
        let hasher = &self.hasher;
        let hash = |edge: &Edge| hasher.hash_one((edge.node, edge.text.as_bytes()));
        self.table.insert_unique(hash(&edge), edge, hash);
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_edge_fills_one_line_of_memory() {
        assert_eq!(size_of::<Edge>(), 64);
    }

    proptest! {
        #[test]
        fn what_was_put_first_under_a_segment_is_found_there_and_nowhere_else(
            put in prop::collection::vec((0..3u32, "[ab]{0,30}"), 1..40), asked in prop::collection::vec((0..3u32, "[ab]{0,30}"), 0..20),
        ) {
            let mut edges = Edges::default();
            for (fresh, (node, text)) in (0u32..).zip(&put) {
                edges.get_or_insert(*node, text.as_bytes(), fresh);
            }
            for wanted in put.iter().chain(&asked) {
                let naive = put.iter().position(|p| p == wanted).map(|n| u32::try_from(n).unwrap());
                prop_assert_eq!(edges.get(wanted.0, wanted.1.as_bytes()).map(|found| found.0), naive);
            }
        }
    }
}
