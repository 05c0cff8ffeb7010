//! The patterns of one source, as a trie of path segments; patterns without a leading slash beside it.
//!
//! A line walks down the segments of its own path: literal segments are hashed, those with `*` inside found by their
//! begin or end (`globs`), operations hashed where many patterns end at one place. So the cost of a line does not grow
//! with the number of patterns.

use memchr::memchr;

use super::super::globs::Globs;
use super::super::{MatchSettings, path};
use super::edges::{Below, Edges};
use super::leaves::{Leaf, Leaves, Sign};
use crate::access::DatasetId;
use crate::text::folded;

/// No node, nor anything else that is numbered.
const NONE: u32 = u32::MAX;
/// The node above patterns without a leading slash: compared with the whole text.
const WHOLE: u32 = NONE;

/// Small, so that thousands stay in the processor's cache: what few nodes have stands elsewhere, under its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    /// Whether any literal segment leads on.
    literals: bool,
    any: u32,
    subject: u32,
    globs: u32,
    rest: u32,
    leaves: u32,
}

impl Default for Node {
    fn default() -> Self {
        Node {
            literals: false,
            any: NONE,
            subject: NONE,
            globs: NONE,
            rest: NONE,
            leaves: NONE,
        }
    }
}

/// The patterns of one source.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    edges: Edges,
    globs: Vec<Globs<Option<u32>>>,
    leaves: Vec<Leaves>,
    /// Whether there is any literal pattern without a leading slash.
    whole: bool,
    whole_globs: Globs<Option<Leaves>>,
}

/// The pattern that decides so far, with the citizen's number where the path holds it.
pub(super) struct Found<'t, 'a> {
    pub sign: Sign,
    /// Name of the query's parameter that holds the number.
    pub subject_query: Option<&'t [u8]>,
    pub subject: Option<&'a [u8]>,
}

/// A node from which literal segments lead on, and nothing else is there.
const LITERALS: Node = Node {
    literals: true,
    any: NONE,
    subject: NONE,
    globs: NONE,
    rest: NONE,
    leaves: NONE,
};

impl Default for Trie {
    fn default() -> Self {
        Trie {
            nodes: vec![Node::default()],
            edges: Edges::default(),
            globs: Vec::new(),
            leaves: Vec::new(),
            whole: false,
            whole_globs: Globs::default(),
        }
    }
}

fn at<T>(list: &[T], number: u32) -> Option<&T> {
    usize::try_from(number).ok().and_then(|n| list.get(n))
}

/// The number the next entry of `list` will have.
fn next_of<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(NONE)
}

impl Trie {
    /// Adds a pattern; `order` is its place among all.
    pub(super) fn add(&mut self, dataset: DatasetId, pattern: &MatchSettings, order: u32) {
        let bytes = |s: &String| s.as_bytes().into();
        let folded = |s: &String| folded(s.as_bytes()).into_owned().into();
        let leaf = Leaf {
            order,
            dataset,
            class: pattern.class,
            records: pattern.records,
            operations: pattern.operations.iter().map(folded).collect(),
            subject_query: pattern.subject_query.as_ref().map(bytes),
        };
        let Some(path) = pattern.resource.strip_prefix('/') else {
            let text = pattern.resource.as_bytes();
            if text.contains(&b'*') {
                match self.whole_globs.entry(text) {
                    Some(leaves) => leaves.push(leaf),
                    none => *none = Some(Leaves::new(leaf)),
                }
            } else {
                self.whole = true;
                let fresh = next_of(&self.nodes);
                let node = self.edges.get_or_insert(WHOLE, text, fresh);
                self.made(node, fresh);
                self.put(node, leaf, |node| &mut node.leaves);
            }
            return;
        };
        let mut at = 0u32;
        for segment in path.split('/') {
            if segment == "**" {
                return self.put(at, leaf, |node| &mut node.rest);
            }
            at = self.child(at, segment);
        }
        self.put(at, leaf, |node| &mut node.leaves);
    }

    fn node_mut(&mut self, number: u32) -> Option<&mut Node> {
        usize::try_from(number).ok().and_then(|n| self.nodes.get_mut(n))
    }

    /// Puts a leaf where `place` of a node says.
    fn put(&mut self, node: u32, leaf: Leaf, place: impl Fn(&mut Node) -> &mut u32) {
        let fresh = next_of(&self.leaves);
        let Some(slot) = self.node_mut(node).map(place) else {
            return;
        };
        if *slot == NONE {
            *slot = fresh;
            return self.leaves.push(Leaves::new(leaf));
        }
        let known = usize::try_from(*slot).ok();
        if let Some(leaves) = known.and_then(|n| self.leaves.get_mut(n)) {
            leaves.push(leaf);
        }
    }

    /// The node below `at` for a pattern segment, made if need be.
    fn child(&mut self, at: u32, segment: &str) -> u32 {
        let fresh = next_of(&self.nodes);
        let globs = next_of(&self.globs);
        let Some(node) = self.node_mut(at) else { return at };
        let next = match segment {
            "*" => link(&mut node.any, fresh),
            "{subject}" => link(&mut node.subject, fresh),
            glob if glob.contains('*') => {
                let number = link(&mut node.globs, globs);
                if number == globs {
                    self.globs.push(Globs::default());
                }
                let of_node = usize::try_from(number).ok().and_then(|n| self.globs.get_mut(n));
                of_node.map_or(at, |g| *g.entry(glob.as_bytes()).get_or_insert(fresh))
            }
            literal => {
                node.literals = true;
                let next = self.edges.get_or_insert(at, literal.as_bytes(), fresh);
                // Servers log the segment percent-encoded; the usual form is found without decoding.
                self.edges.get_or_insert(at, &path::encoded(literal), next);
                next
            }
        };
        self.made(next, fresh);
        next
    }

    /// To be called once all patterns are in.
    pub(super) fn settle(&mut self) {
        let Trie {
            nodes, edges, leaves, ..
        } = self;
        edges.settle(|number| {
            let node = at(nodes, number).copied().unwrap_or_default();
            let below = |literals| Node { literals, ..LITERALS };
            if node == below(node.literals) {
                let literals = node.literals;
                return Below::Plain { literals, sign: None };
            }
            let sign = at(leaves, node.leaves).and_then(Leaves::plain);
            let alone = Node {
                leaves: node.leaves,
                ..below(node.literals)
            };
            match sign {
                Some(sign) if node == alone => Below::Plain {
                    literals: node.literals,
                    sign: Some(sign),
                },
                _ => Below::Node(node),
            }
        });
    }

    /// Makes the node `fresh` where that is the one that is needed.
    fn made(&mut self, needed: u32, fresh: u32) {
        if needed == fresh {
            self.nodes.push(Node::default());
        }
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
        if let Some(path) = resource.strip_prefix(b"/")
            && let Some(root) = self.nodes.first()
        {
            self.walk((0, root), operation, path, None, best);
        }
        self.find_whole(operation, resource, best);
    }

    /// Looks among the patterns without a leading slash.
    pub(super) fn find_whole<'t, 'a>(&'t self, operation: &[u8], resource: &[u8], best: &mut Option<Found<'t, 'a>>) {
        if self.whole {
            match self.edges.get(WHOLE, resource) {
                Some((_, Below::Plain { sign, .. })) => take(*sign, None, best),
                Some((_, Below::Node(node))) => consider(at(&self.leaves, node.leaves), operation, None, best),
                None => {}
            }
        }
        self.whole_globs
            .matching(resource, &mut |leaves| consider(leaves.as_ref(), operation, None, best));
    }

    fn walk<'t, 'a>(
        &'t self,
        (number, node): (u32, &Node),
        operation: &[u8],
        path: &'a [u8],
        subject: Option<&'a [u8]>,
        best: &mut Option<Found<'t, 'a>>,
    ) {
        consider(at(&self.leaves, node.rest), operation, subject, best);
        let (segment, tail) = match memchr(b'/', path) {
            Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..)),
            None => (path, None),
        };
        let numbered = |next: u32| at(&self.nodes, next).map(|node| (next, node));
        if node.literals {
            let found = self.edges.get(number, segment).or_else(|| {
                let escaped = memchr(b'%', segment).is_some();
                escaped.then(|| self.edges.get(number, path::decoded(segment).as_ref()))?
            });
            match (found, tail) {
                (Some((next, Below::Plain { literals: true, .. })), Some(_)) => {
                    self.enter((next, &LITERALS), operation, tail, subject, best);
                }
                (Some((_, Below::Plain { sign, .. })), None) => take(*sign, subject, best),
                (Some((next, Below::Node(node))), _) => self.enter((next, node), operation, tail, subject, best),
                (Some((_, Below::Plain { .. })), Some(_)) | (None, _) => {}
            }
        }
        if let Some(globs) = at(&self.globs, node.globs) {
            globs.matching(&path::decoded(segment), &mut |next| {
                if let Some(next) = next.and_then(numbered) {
                    self.enter(next, operation, tail, subject, best);
                }
            });
        }
        if let Some(next) = numbered(node.subject).filter(|_| !segment.is_empty()) {
            self.enter(next, operation, tail, Some(segment), best);
        }
        if let Some(next) = numbered(node.any) {
            self.enter(next, operation, tail, subject, best);
        }
    }

    /// Goes on below a segment, with what is behind it.
    fn enter<'t, 'a>(
        &'t self,
        next: (u32, &Node),
        operation: &[u8],
        tail: Option<&'a [u8]>,
        subject: Option<&'a [u8]>,
        best: &mut Option<Found<'t, 'a>>,
    ) {
        if let Some(tail) = tail {
            return self.walk(next, operation, tail, subject, best);
        }
        // `**` stands for the rest, which may be nothing.
        consider(at(&self.leaves, next.1.leaves), operation, subject, best);
        consider(at(&self.leaves, next.1.rest), operation, subject, best);
    }
}

fn consider<'t, 'a>(
    leaves: Option<&'t Leaves>,
    operation: &[u8],
    subject: Option<&'a [u8]>,
    best: &mut Option<Found<'t, 'a>>,
) {
    if let Some(leaf) = leaves.and_then(|leaves| leaves.first(operation))
        && best.as_ref().is_none_or(|b| leaf.order < b.sign.order)
    {
        *best = Some(Found {
            sign: leaf.sign(),
            subject_query: leaf.subject_query.as_deref(),
            subject,
        });
    }
}

fn take<'a>(sign: Option<Sign>, subject: Option<&'a [u8]>, best: &mut Option<Found<'_, 'a>>) {
    if let Some(sign) = sign.filter(|sign| best.as_ref().is_none_or(|b| sign.order < b.sign.order)) {
        *best = Some(Found {
            sign,
            subject_query: None,
            subject,
        });
    }
}

/// The number behind a link, which leads to `fresh` from now on where it led nowhere.
fn link(slot: &mut u32, fresh: u32) -> u32 {
    if *slot == NONE {
        *slot = fresh;
    }
    *slot
}
