//! Many patterns with `*`, found without comparing each.
//!
//! A pattern stands under the text before its first `*`, and a text is looked up under its own beginnings, once for each
//! length there is among the patterns; there are few. Patterns that begin with `*` stand under their end. What begins and
//! ends with `*` is compared one by one; there are few of these.

use hashbrown::HashMap;

/// Bytes of a beginning or end that are looked up; behind them patterns are compared.
const KEY: usize = 23;
/// No pattern.
const NONE: u32 = u32::MAX;

/// A beginning or end, its length in the last byte.
type Key = [u8; KEY + 1];

/// Patterns by how they begin, or end.
#[derive(Debug, Default)]
struct Index {
    /// Lengths there are, each once.
    lengths: Vec<usize>,
    /// Newest pattern of each text; the others behind it.
    newest: HashMap<Key, u32>,
}

fn key(text: &[u8]) -> Option<Key> {
    let mut key = [0u8; KEY + 1];
    let (last, room) = key.split_last_mut()?;
    room.get_mut(..text.len())?.copy_from_slice(text);
    *last = u8::try_from(text.len()).ok()?;
    Some(key)
}

impl Index {
    /// Puts pattern `number` under `text`; gives the pattern that stood there.
    fn put(&mut self, text: &[u8], number: u32) -> u32 {
        if !self.lengths.contains(&text.len()) {
            self.lengths.push(text.len());
        }
        let before = key(text).and_then(|key| self.newest.insert(key, number));
        before.unwrap_or(NONE)
    }

    /// Gives the newest pattern of each text there is; `part` cuts a text of a length out of what is asked.
    fn look<'t>(&self, part: impl Fn(usize) -> Option<&'t [u8]>, found: &mut dyn FnMut(u32)) {
        for length in &self.lengths {
            if let Some(newest) = part(*length).and_then(key).and_then(|key| self.newest.get(&key)) {
                found(*newest);
            }
        }
    }
}

fn index(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[derive(Debug)]
struct Pattern<T> {
    /// Whether being found under its beginning or end is all there is to it: `begin*`, `*end`.
    sure: bool,
    /// The next one under the same beginning or end.
    next: u32,
    glob: Box<[u8]>,
    value: T,
}

/// Patterns with `*`, each with what it stands for.
#[derive(Debug)]
pub(super) struct Globs<T> {
    patterns: Vec<Pattern<T>>,
    by_glob: HashMap<Box<[u8]>, u32>,
    by_begin: Index,
    by_end: Index,
    others: Vec<u32>,
}

impl<T> Default for Globs<T> {
    fn default() -> Self {
        Globs {
            patterns: Vec::new(),
            by_glob: HashMap::new(),
            by_begin: Index::default(),
            by_end: Index::default(),
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
        let number = u32::try_from(self.patterns.len()).unwrap_or(NONE);
        let begin = glob.split(|b| *b == b'*').next().unwrap_or_default();
        let end = glob.rsplit(|b| *b == b'*').next().unwrap_or_default();
        let mut next = NONE;
        if !begin.is_empty() {
            next = self.by_begin.put(begin.get(..KEY).unwrap_or(begin), number);
        } else if !end.is_empty() {
            let cut = end.len().saturating_sub(KEY);
            next = self.by_end.put(end.get(cut..).unwrap_or(end), number);
        } else {
            self.others.push(number);
        }
        let one_star = glob.len() == begin.len() + 1 + end.len();
        let sure = one_star && (end.is_empty() != begin.is_empty()) && begin.len().max(end.len()) <= KEY;
        self.by_glob.insert(glob.into(), number);
        self.patterns.push(Pattern {
            sure,
            next,
            glob: glob.into(),
            value,
        });
    }

    /// What the pattern `glob` stands for; nothing yet where it is new.
    pub(super) fn entry(&mut self, glob: &[u8]) -> &mut T
    where
        T: Default,
    {
        let known = self.by_glob.get(glob).map(|n| index(*n));
        let at = known.unwrap_or_else(|| {
            self.push(glob, T::default());
            self.patterns.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or pushed there the line above")]
        &mut self.patterns[at].value
    }

    /// Gives what every pattern that matches `text` stands for, in no order.
    pub(super) fn matching<'g>(&'g self, text: &[u8], found: &mut dyn FnMut(&'g T)) {
        if self.patterns.is_empty() {
            return;
        }
        let mut look = |first: u32| {
            let mut number = first;
            while let Some(pattern) = self.patterns.get(index(number)) {
                if pattern.sure || glob_matches(&pattern.glob, text) {
                    found(&pattern.value);
                }
                number = pattern.next;
            }
        };
        self.by_begin.look(|length| text.get(..length), &mut look);
        self.by_end
            .look(|length| text.get(text.len().checked_sub(length)?..), &mut look);
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
            globs in prop::collection::vec("[ab]{0,2}(b{22})?[ab*]{0,4}[*]([ab]{0,2}a{22})?[ab*]{0,3}", 1..40),
            texts in prop::collection::vec("[ab]{0,2}(b{22})?[ab]{0,5}(a{22})?[ab]{0,3}", 1..20),
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
