//! The 台帳: which dataset a resource belongs to, and what kind of use an access is.
//!
//! Patterns are compiled to one trie of path segments for each source, so that thousands of them cost a few
//! hash lookups a line. Among all patterns that match, the one written first decides. Other spellings of the same
//! path are the same path (see `path`).

use std::borrow::Cow;

use hashbrown::HashMap;
use memchr::memchr;

use super::{DatasetSettings, MatchSettings, path};
use crate::access::{DatasetId, Operation};

/// What a resource and an operation mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The dataset.
    pub dataset: DatasetId,
    /// Class of the use.
    pub operation: Operation,
    /// Records such an access gives out, where the log does not count them.
    pub records: Option<u64>,
    /// The citizen's number, percent-decoded.
    pub subject: Option<Cow<'a, [u8]>>,
}

/// Compiled patterns, one trie for each source in the order of configuration.
#[derive(Debug, Default)]
pub struct Datasets {
    tries: Vec<Trie>,
}

#[derive(Debug)]
struct Leaf {
    /// Place among all patterns: the smallest decides.
    order: u32,
    dataset: DatasetId,
    class: Operation,
    records: Option<u64>,
    operations: Vec<Box<[u8]>>,
    subject_query: Option<Box<[u8]>>,
}

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
    globs: Vec<(Box<[u8]>, u32)>,
    any: Option<u32>,
    subject: Option<u32>,
    rest: Vec<Leaf>,
    leaves: Vec<Leaf>,
}

#[derive(Debug)]
struct Trie {
    nodes: Vec<Node>,
    /// Patterns without a leading slash: compared with the whole text.
    whole: HashMap<Box<[u8]>, Vec<Leaf>>,
    whole_globs: Vec<(Box<[u8]>, Leaf)>,
}

struct Found<'t, 'a> {
    leaf: &'t Leaf,
    subject: Option<&'a [u8]>,
}

impl Datasets {
    /// Compiles the patterns of `datasets` (with their ids) for `sources` (names in order of configuration).
    pub fn new(datasets: &[(DatasetId, &DatasetSettings)], sources: &[&str]) -> Self {
        let tries = sources.iter().map(|source| {
            let mut trie = Trie {
                nodes: vec![Node::default()],
                whole: HashMap::new(),
                whole_globs: Vec::new(),
            };
            let mut order = 0u32;
            for (id, dataset) in datasets {
                for pattern in &dataset.matches {
                    order += 1;
                    if pattern.sources.is_empty() || pattern.sources.iter().any(|s| s == source) {
                        trie.add(*id, pattern, order);
                    }
                }
            }
            trie
        });
        Datasets { tries: tries.collect() }
    }

    /// What `resource` under `operation` (as the log says them) means in source number `source`.
    pub fn resolve<'a>(&self, source: usize, operation: &[u8], resource: &'a [u8]) -> Option<Hit<'a>> {
        let trie = self.tries.get(source)?;
        let (path, query) = path::split(resource);
        if path.first() == Some(&b'/') && path::is_odd(path) {
            let plain = path::plain(path);
            if let Some(found) = trie.find(operation, &plain) {
                return Some(found.hit(query).into_owned());
            }
        }
        let mut found = trie.find(operation, path);
        if path.first() != resource.first() {
            // A whole address: there may be a pattern for it as it stands.
            trie.find_whole(operation, resource, &mut found);
        }
        Some(found?.hit(query))
    }
}

impl<'a> Found<'_, 'a> {
    fn hit(self, query: &'a [u8]) -> Hit<'a> {
        let subject = match &self.leaf.subject_query {
            Some(name) => path::query_value(query, name),
            None => self.subject.map(path::decoded),
        };
        Hit {
            dataset: self.leaf.dataset,
            operation: self.leaf.class,
            records: self.leaf.records,
            subject: subject.filter(|s| !s.is_empty()),
        }
    }
}

impl Hit<'_> {
    fn into_owned(self) -> Hit<'static> {
        Hit {
            dataset: self.dataset,
            operation: self.operation,
            records: self.records,
            subject: self.subject.map(|s| Cow::Owned(s.into_owned())),
        }
    }
}

impl Trie {
    fn add(&mut self, dataset: DatasetId, pattern: &MatchSettings, order: u32) {
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
                self.whole_globs.push((text, leaf));
            } else {
                self.whole.entry(text).or_default().push(leaf);
            }
            return;
        };
        let mut at = 0usize;
        for segment in path.split('/') {
            if segment == "**" {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.rest.push(leaf);
                }
                return;
            }
            at = self.child(at, segment);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.leaves.push(leaf);
        }
    }

    /// The node below `at` for a pattern segment, made if need be.
    fn child(&mut self, at: usize, segment: &str) -> usize {
        let fresh = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let next = match segment {
            "*" => *node.any.get_or_insert(fresh),
            "{subject}" => *node.subject.get_or_insert(fresh),
            glob if glob.contains('*') => {
                let text: Box<[u8]> = glob.as_bytes().into();
                match node.globs.iter().find(|g| g.0 == text) {
                    Some(g) => g.1,
                    None => {
                        node.globs.push((text, fresh));
                        fresh
                    }
                }
            }
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

    fn find<'t, 'a>(&'t self, operation: &[u8], resource: &'a [u8]) -> Option<Found<'t, 'a>> {
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
    fn find_whole<'t, 'a>(&'t self, operation: &[u8], resource: &[u8], best: &mut Option<Found<'t, 'a>>) {
        for leaf in self.whole.get(resource).into_iter().flatten() {
            consider(leaf, operation, None, best);
        }
        for (glob, leaf) in &self.whole_globs {
            if best.as_ref().is_none_or(|b| leaf.order < b.leaf.order) && glob_matches(glob, resource) {
                consider(leaf, operation, None, best);
            }
        }
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
        node.rest
            .iter()
            .for_each(|leaf| consider(leaf, operation, subject, best));
        let (segment, tail) = match memchr(b'/', path) {
            Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..)),
            None => (path, None),
        };
        let mut enter = |next: u32, subject: Option<&'a [u8]>| match tail {
            Some(tail) => self.walk(next, operation, tail, subject, best),
            None => {
                if let Some(node) = usize::try_from(next).ok().and_then(|i| self.nodes.get(i)) {
                    // `**` stands for the rest, which may be nothing.
                    let ends = node.leaves.iter().chain(&node.rest);
                    ends.for_each(|leaf| consider(leaf, operation, subject, best));
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
        for (glob, next) in &node.globs {
            if glob_matches(glob, &path::decoded(segment)) {
                enter(*next, subject);
            }
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

fn consider<'t, 'a>(leaf: &'t Leaf, operation: &[u8], subject: Option<&'a [u8]>, best: &mut Option<Found<'t, 'a>>) {
    let allowed = leaf.operations.is_empty() || leaf.operations.iter().any(|o| o.eq_ignore_ascii_case(operation));
    if allowed && best.as_ref().is_none_or(|b| leaf.order < b.leaf.order) {
        *best = Some(Found { leaf, subject });
    }
}

/// Whether `text` is what `glob` says, where `*` stands for any text. Never backtracks beyond the last `*`.
pub(super) fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0usize, 0usize);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (glob.get(g), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((g, t));
                g += 1;
            }
            (Some(a), Some(b)) if a == b => {
                g += 1;
                t += 1;
            }
            _ => match star {
                Some((sg, st)) => {
                    g = sg + 1;
                    t = st + 1;
                    star = Some((sg, st + 1));
                }
                None => return false,
            },
        }
    }
    glob.get(g..).unwrap_or_default().iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests;
