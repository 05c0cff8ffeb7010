//! The patterns of one source, as a trie of path segments; patterns without a leading slash beside it.
//!
//! A line walks down the segments of its own path: literal segments are hashed, those with `*` inside found by their
//! begin or end (`globs`), operations hashed where many patterns end at one place. So the cost of a line does not grow
//! with the number of patterns.

use hashbrown::HashMap;
use memchr::memchr;

use super::super::globs::Globs;
use super::super::{MatchSettings, path};
use super::leaves::{Leaf, Leaves};
use crate::access::DatasetId;

/// Literal segments of a node: few are compared one by one, many are hashed.
#[derive(Debug, Default)]
struct Literals {
    few: Vec<(Box<[u8]>, u32)>,
    many: HashMap<Box<[u8]>, u32>,
}

/// Beyond so many literals a node hashes.
const FEW: usize = 4;

impl Literals {
    fn get(&self, segment: &[u8]) -> Option<u32> {
        if self.many.is_empty() {
            return self.few.iter().find(|l| *l.0 == *segment).map(|l| l.1);
        }
        self.many.get(segment).copied()
    }

    /// The child under `segment`, or `fresh` under it from now on.
    fn get_or_insert(&mut self, segment: &[u8], fresh: u32) -> u32 {
        if let Some(next) = self.get(segment) {
            return next;
        }
        if self.many.is_empty() && self.few.len() < FEW {
            self.few.push((segment.into(), fresh));
        } else {
            self.many.extend(self.few.drain(..));
            self.many.insert(segment.into(), fresh);
        }
        fresh
    }
}

#[derive(Debug, Default)]
struct Node {
    literal: Literals,
    any: Option<u32>,
    subject: Option<u32>,
    // Few nodes have these, and many small nodes stay in the processor's cache where large ones do not.
    globs: Option<Box<Globs<Option<u32>>>>,
    rest: Option<Box<Leaves>>,
    leaves: Option<Box<Leaves>>,
}

/// The patterns of one source.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// Patterns without a leading slash: compared with the whole text.
    whole: HashMap<Box<[u8]>, Leaves>,
    whole_globs: Globs<Leaves>,
}

/// The pattern that decides so far, with the citizen's number where the path holds it.
pub(super) struct Found<'t, 'a> {
    pub leaf: &'t Leaf,
    pub subject: Option<&'a [u8]>,
}

impl Default for Trie {
    fn default() -> Self {
        Trie {
            nodes: vec![Node::default()],
            whole: HashMap::new(),
            whole_globs: Globs::default(),
        }
    }
}

impl Trie {
    /// Adds a pattern; `order` is its place among all.
    pub(super) fn add(&mut self, dataset: DatasetId, pattern: &MatchSettings, order: u32) {
        let bytes = |s: &String| s.as_bytes().into();
        let leaf = Leaf {
            order,
            dataset,
            class: pattern.class,
            records: pattern.records,
            operations: pattern.operations.iter().map(bytes).collect(),
            subject_query: pattern.subject_query.as_ref().map(bytes),
        };
        let Some(path) = pattern.resource.strip_prefix('/') else {
            let text: Box<[u8]> = pattern.resource.as_bytes().into();
            if text.contains(&b'*') {
                self.whole_globs.entry(&text).push(leaf);
            } else {
                self.whole.entry(text).or_default().push(leaf);
            }
            return;
        };
        let mut at = 0usize;
        for segment in path.split('/') {
            if segment == "**" {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.rest.get_or_insert_default().push(leaf);
                }
                return;
            }
            at = self.child(at, segment);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.leaves.get_or_insert_default().push(leaf);
        }
    }

    /// The node below `at` for a pattern segment, made if need be.
    fn child(&mut self, at: usize, segment: &str) -> usize {
        let fresh = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let next = match segment {
            "*" => *node.any.get_or_insert(fresh),
            "{subject}" => *node.subject.get_or_insert(fresh),
            glob if glob.contains('*') => *node
                .globs
                .get_or_insert_default()
                .entry(glob.as_bytes())
                .get_or_insert(fresh),
            literal => {
                let next = node.literal.get_or_insert(literal.as_bytes(), fresh);
                // Servers log the segment percent-encoded; the usual form is found without decoding.
                node.literal.get_or_insert(&path::encoded(literal), next);
                next
            }
        };
        if next == fresh {
            self.nodes.push(Node::default());
        }
        usize::try_from(next).unwrap_or(at)
    }

    /// The pattern that decides for a resource.
    pub(super) fn find<'t, 'a>(&'t self, operation: &[u8], resource: &'a [u8]) -> Option<Found<'t, 'a>> {
        let mut best = None;
        self.find_exactly(operation, resource, &mut best);
        // Servers answer with and without a slash at the end.
        if let [shorter @ .., b'/'] = resource
            && !shorter.is_empty()
        {
            self.find_exactly(operation, shorter, &mut best);
        }
        best
    }

    fn find_exactly<'t, 'a>(&'t self, operation: &[u8], resource: &'a [u8], best: &mut Option<Found<'t, 'a>>) {
        if let Some(path) = resource.strip_prefix(b"/") {
            self.walk(0, operation, path, None, best);
        }
        self.find_whole(operation, resource, best);
    }

    /// Looks among the patterns without a leading slash.
    pub(super) fn find_whole<'t, 'a>(&'t self, operation: &[u8], resource: &[u8], best: &mut Option<Found<'t, 'a>>) {
        consider(self.whole.get(resource), operation, None, best);
        self.whole_globs
            .matching(resource, &mut |leaves| consider(Some(leaves), operation, None, best));
    }

    fn walk<'t, 'a>(
        &'t self,
        at: u32,
        operation: &[u8],
        path: &'a [u8],
        subject: Option<&'a [u8]>,
        best: &mut Option<Found<'t, 'a>>,
    ) {
        let Some(node) = usize::try_from(at).ok().and_then(|i| self.nodes.get(i)) else {
            return;
        };
        consider(node.rest.as_deref(), operation, subject, best);
        let (segment, tail) = match memchr(b'/', path) {
            Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..)),
            None => (path, None),
        };
        let mut enter = |next: u32, subject: Option<&'a [u8]>| match tail {
            Some(tail) => self.walk(next, operation, tail, subject, best),
            None => {
                if let Some(node) = usize::try_from(next).ok().and_then(|i| self.nodes.get(i)) {
                    // `**` stands for the rest, which may be nothing.
                    consider(node.leaves.as_deref(), operation, subject, best);
                    consider(node.rest.as_deref(), operation, subject, best);
                }
            }
        };
        match node.literal.get(segment) {
            Some(next) => enter(next, subject),
            None if memchr(b'%', segment).is_some() => {
                if let Some(next) = node.literal.get(path::decoded(segment).as_ref()) {
                    enter(next, subject);
                }
            }
            None => {}
        }
        if let Some(globs) = &node.globs {
            globs.matching(&path::decoded(segment), &mut |next| {
                next.iter().for_each(|next| enter(*next, subject))
            });
        }
        if let Some(next) = node.subject
            && !segment.is_empty()
        {
            enter(next, Some(segment));
        }
        if let Some(next) = node.any {
            enter(next, subject);
        }
    }
}

fn consider<'t, 'a>(
    leaves: Option<&'t Leaves>,
    operation: &[u8],
    subject: Option<&'a [u8]>,
    best: &mut Option<Found<'t, 'a>>,
) {
    if let Some(leaf) = leaves.and_then(|leaves| leaves.first(operation))
        && best.as_ref().is_none_or(|b| leaf.order < b.leaf.order)
    {
        *best = Some(Found { leaf, subject });
    }
}
