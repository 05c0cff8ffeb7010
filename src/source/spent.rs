//! The patterns on which `start` is spent: what appears under them later is read from its first byte.
//!
//! Kept in the store, because a source may have been started before any of its files was there; and kept when the
//! configuration changes, because another pattern for the same files is no new start.

use std::path::Path;

use glob::Pattern;

/// The patterns.
#[derive(Debug, Default)]
pub(super) struct Spent(Vec<One>);

#[derive(Debug)]
struct One {
    pattern: String,
    /// `None` for a plain path.
    glob: Option<Pattern>,
    at: At,
}

/// Who knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Here,
    Handed,
    Stored,
}

impl Spent {
    fn put(&mut self, pattern: &str, at: At) {
        match self.0.iter_mut().find(|o| o.pattern == pattern) {
            Some(one) if at == At::Stored => one.at = at,
            Some(_) => {}
            None => self.0.push(One {
                pattern: pattern.to_owned(),
                glob: pattern
                    .contains(['*', '?', '['])
                    .then(|| Pattern::new(pattern).ok())
                    .flatten(),
                at,
            }),
        }
    }

    /// Files of `pattern` were listed.
    pub fn add(&mut self, pattern: &str) {
        self.put(pattern, At::Here);
    }

    /// Whether `path` belongs to one of the patterns.
    pub fn holds(&self, path: &Path) -> bool {
        self.0.iter().any(|one| match &one.glob {
            Some(glob) => glob.matches_path(path),
            None => Path::new(&one.pattern) == path,
        })
    }

    /// Whether there are patterns to hand over.
    pub fn is_new(&self) -> bool {
        self.0.iter().any(|o| o.at == At::Here)
    }

    /// The patterns the store does not know.
    pub fn hand_over(&mut self) -> Vec<String> {
        let new = self.0.iter_mut().filter(|o| o.at == At::Here);
        new.map(|one| {
            one.at = At::Handed;
            one.pattern.clone()
        })
        .collect()
    }

    /// What was handed over is stored.
    pub fn committed(&mut self) {
        let handed = self.0.iter_mut().filter(|o| o.at == At::Handed);
        handed.for_each(|o| o.at = At::Stored);
    }

    /// Goes on from what the store knows; what it does not know is handed over again.
    pub fn load(&mut self, stored: &[String]) {
        self.0.iter_mut().for_each(|o| o.at = At::Here);
        stored.iter().for_each(|pattern| self.put(pattern, At::Stored));
    }
}
