//! Many patterns with `*`, found without comparing each.
//!
//! A pattern stands under the text before its first `*`, in a trie of bytes: a text walks down its own letters and meets
//! only patterns that begin as it does. Patterns that begin with `*` stand under their end, in a trie walked backwards.
//! What begins and ends with `*` is compared one by one; there are few of these.

/// A byte trie whose nodes hold the numbers of patterns.
#[derive(Debug, Default)]
struct Trie {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Sorted by byte.
    next: Vec<(u8, u32)>,
    here: Vec<u32>,
}

impl Trie {
    fn insert(&mut self, text: impl Iterator<Item = u8>, pattern: u32) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0usize;
        for byte in text {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = match node.next.binary_search_by_key(&byte, |n| n.0) {
                Ok(found) => node.next.get(found).map_or(fresh, |n| index(n.1)),
                Err(place) => {
                    node.next
                        .insert(place, (byte, u32::try_from(fresh).unwrap_or(u32::MAX)));
                    fresh
                }
            };
            if at == fresh {
                self.nodes.push(Node::default());
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.here.push(pattern);
        }
    }

    /// Gives every pattern on the way of `text`.
    fn walk(&self, text: impl Iterator<Item = u8>, found: &mut dyn FnMut(u32)) {
        let Some(mut node) = self.nodes.first() else { return };
        node.here.iter().for_each(|p| found(*p));
        for byte in text {
            let next = match node.next.as_slice() {
                [only] if only.0 == byte => Some(only.1),
                [_] | [] => None,
                many => match many.binary_search_by_key(&byte, |n| n.0) {
                    Ok(at) => many.get(at).map(|n| n.1),
                    Err(_) => None,
                },
            };
            match next.and_then(|n| self.nodes.get(index(n))) {
                Some(next) => node = next,
                None => return,
            }
            node.here.iter().for_each(|p| found(*p));
        }
    }
}

fn index(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Patterns with `*`, each with what it stands for.
#[derive(Debug)]
pub(super) struct Globs<T> {
    patterns: Vec<(Box<[u8]>, T)>,
    by_begin: Trie,
    by_end: Trie,
    others: Vec<u32>,
}

impl<T> Default for Globs<T> {
    fn default() -> Self {
        Globs {
            patterns: Vec::new(),
            by_begin: Trie::default(),
            by_end: Trie::default(),
            others: Vec::new(),
        }
    }
}

impl<T> Globs<T> {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Adds a pattern.
    pub(super) fn push(&mut self, glob: &[u8], value: T) {
        let number = u32::try_from(self.patterns.len()).unwrap_or(u32::MAX);
        let begin = glob.iter().take_while(|b| **b != b'*');
        let end = glob.iter().rev().take_while(|b| **b != b'*');
        if glob.first() != Some(&b'*') {
            self.by_begin.insert(begin.copied(), number);
        } else if glob.last() != Some(&b'*') {
            self.by_end.insert(end.copied(), number);
        } else {
            self.others.push(number);
        }
        self.patterns.push((glob.into(), value));
    }

    /// What the pattern `glob` stands for; nothing yet where it is new.
    pub(super) fn entry(&mut self, glob: &[u8]) -> &mut T
    where
        T: Default,
    {
        let known = self.patterns.iter().position(|p| *p.0 == *glob);
        let at = known.unwrap_or_else(|| {
            self.push(glob, T::default());
            self.patterns.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or pushed there the line above")]
        &mut self.patterns[at].1
    }

    /// Gives what every pattern that matches `text` stands for, in no order.
    pub(super) fn matching<'g>(&'g self, text: &[u8], found: &mut dyn FnMut(&'g T)) {
        if self.patterns.is_empty() {
            return;
        }
        let mut look = |number: u32| {
            if let Some((glob, value)) = self.patterns.get(index(number))
                && glob_matches(glob, text)
            {
                found(value);
            }
        };
        self.by_begin.walk(text.iter().copied(), &mut look);
        self.by_end.walk(text.iter().rev().copied(), &mut look);
        self.others.iter().for_each(|p| look(*p));
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_index_finds_what_comparing_each_finds(
            globs in prop::collection::vec("[ab*]{1,6}", 1..40), texts in prop::collection::vec("[ab]{0,8}", 1..20),
        ) {
            let mut index = Globs::default();
            for (n, glob) in globs.iter().enumerate() {
                index.push(glob.as_bytes(), n);
            }
            for text in texts {
                let naive: Vec<usize> = (0..globs.len())
                    .filter(|n| glob_matches(globs[*n].as_bytes(), text.as_bytes()))
                    .collect();
                let mut found = Vec::new();
                index.matching(text.as_bytes(), &mut |n| found.push(*n));
                found.sort_unstable();
                prop_assert_eq!(found, naive);
            }
        }
    }

    #[test]
    fn a_pattern_written_twice_is_one() {
        let mut globs = Globs::<u32>::default();
        *globs.entry("住民*".as_bytes()) += 1;
        *globs.entry("*台帳".as_bytes()) += 5;
        *globs.entry("住民*".as_bytes()) += 1;
        let mut found = Vec::new();
        globs.matching("住民台帳".as_bytes(), &mut |n| found.push(*n));
        found.sort_unstable();
        assert_eq!(found, [2, 5]);
    }
}
