//! The 台帳: which dataset a resource belongs to, and what kind of use an access is.
//!
//! Patterns are compiled to one trie of path segments for each source, so that thousands of them cost a few
//! hash lookups a line. Among all patterns that match, the one written first decides. Other spellings of the same
//! path are the same path (see `path`).

mod edges;
mod leaves;
mod trie;

use std::borrow::Cow;

use super::{DatasetSettings, Hosts, Tier, path};
use crate::access::{DatasetId, Operation};
use trie::{Found, Trie};

/// What a resource and an operation mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The dataset.
    pub dataset: DatasetId,
    /// Class of the use; `None`: the format says it.
    pub operation: Option<Operation>,
    /// Records such an access gives out, where the log does not count them.
    pub records: Option<u64>,
    /// The citizen's number, percent-decoded.
    pub subject: Option<Cow<'a, [u8]>>,
}

/// Compiled patterns, one trie for each source in the order of configuration.
#[derive(Debug, Default)]
pub struct Datasets {
    tries: Vec<Trie>,
    facts: Vec<Option<Facts>>,
    briefs: Vec<Brief>,
}

/// What every access is asked of its dataset, small: facts are looked up where this says that there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Brief {
    /// Days a former post may still use it behind its last day.
    pub handover_days: u16,
    /// Whether terminals and networks are named for it.
    pub terminals: bool,
    /// Whether only designated persons may use it.
    pub designated: bool,
    /// More records than this no single access gives out: such a number is a mistake or a lie.
    pub records_max: u32,
}

/// What the 台帳 says of a dataset, as an access is held against it.
#[derive(Debug)]
pub struct Facts {
    /// 重要度.
    pub tier: Tier,
    /// Section that owns it.
    pub owner: String,
    /// Terminals and networks permitted for it; empty: any.
    pub terminals: Hosts,
    /// The 事務取扱担当者 of a 特定個人情報ファイル; `None`: it is none.
    pub designated: Option<Designated>,
    /// Days a former post may still use it behind its last day.
    pub handover_days: u16,
    /// Most records a single access can give out.
    pub records_max: u32,
}

/// Who may handle a 特定個人情報ファイル (番号法, 訓令第4条第5項・第6項).
#[derive(Debug, Default)]
pub struct Designated {
    persons: Vec<String>,
    sections: Vec<String>,
}

impl Designated {
    /// Whether the person with this 職員番号, in any of these sections, is designated.
    pub fn holds<'s>(&self, person: &str, sections: impl IntoIterator<Item = &'s str>) -> bool {
        self.persons.binary_search_by(|p| p.as_str().cmp(person)).is_ok()
            || (!self.sections.is_empty() && sections.into_iter().any(|s| self.sections.iter().any(|own| own == s)))
    }
}

impl Facts {
    fn new(dataset: &DatasetSettings) -> Facts {
        let terms = &dataset.terms;
        let mut persons = terms.designated.clone();
        persons.sort();
        Facts {
            tier: dataset.tier,
            owner: dataset.owner.clone(),
            terminals: Hosts::new(&terms.terminals),
            records_max: records_max(dataset.registered),
            designated: terms.my_number.then(|| Designated {
                persons,
                sections: terms.designated_sections.clone(),
            }),
            handover_days: terms.handover_days.unwrap_or(match dataset.tier {
                Tier::S => 0,
                Tier::A | Tier::B => HANDOVER_DAYS,
            }),
        }
    }
}

/// Days to hand over after a transfer, where the dataset says nothing: from 1 to 7 April.
const HANDOVER_DAYS: u16 = 7;

/// Most records a single access can give out, where nobody says how many persons are registered.
const RECORDS_MAX: u32 = 1_000_000_000;
/// So many rows of each registered person one access may give out, histories included.
const ROWS_A_PERSON: u64 = 1_000;
/// A full extract of a database is no mistake, whatever the 台帳 says of its persons.
const ROWS_LEAST: u32 = 10_000_000;

/// Most records a single access to a dataset of so many persons can give out.
fn records_max(registered: Option<u64>) -> u32 {
    let rows = registered.map(|persons| persons.saturating_mul(ROWS_A_PERSON));
    rows.and_then(|rows| u32::try_from(rows).ok())
        .map_or(RECORDS_MAX, |rows| rows.clamp(ROWS_LEAST, RECORDS_MAX))
}

impl Datasets {
    /// Compiles the patterns of `datasets` (with their ids) for `sources` (names in order of configuration).
    pub fn new(datasets: &[(DatasetId, &DatasetSettings)], sources: &[&str]) -> Self {
        let tries = sources.iter().map(|source| {
            let mut trie = Trie::default();
            let mut order = 0u32;
            for (id, dataset) in datasets {
                for pattern in &dataset.matches {
                    order += 1;
                    if pattern.sources.is_empty() || pattern.sources.iter().any(|s| s == source) {
                        trie.add(*id, pattern, order);
                    }
                }
            }
            trie.settle();
            trie
        });
        let tries = tries.collect();
        let size = datasets.iter().map(|d| usize::from(d.0.0) + 1).max().unwrap_or(0);
        let mut facts: Vec<Option<Facts>> = Vec::new();
        facts.resize_with(size, || None);
        for (id, dataset) in datasets {
            if let Some(slot) = facts.get_mut(usize::from(id.0)) {
                *slot = Some(Facts::new(dataset));
            }
        }
        let brief = |facts: &Option<Facts>| {
            facts.as_ref().map_or_else(Brief::default, |facts| Brief {
                handover_days: facts.handover_days,
                terminals: !facts.terminals.is_empty(),
                designated: facts.designated.is_some(),
                records_max: facts.records_max,
            })
        };
        let briefs = facts.iter().map(brief).collect();
        Datasets { tries, facts, briefs }
    }

    /// What every access is asked of its dataset.
    pub fn brief(&self, dataset: DatasetId) -> Brief {
        self.briefs.get(usize::from(dataset.0)).copied().unwrap_or_default()
    }

    /// What the 台帳 says of a dataset.
    pub fn facts(&self, dataset: DatasetId) -> Option<&Facts> {
        self.facts.get(usize::from(dataset.0))?.as_ref()
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
        let subject = match self.subject_query {
            Some(name) => path::query_value(query, name),
            None => self.subject.map(path::decoded),
        };
        Hit {
            dataset: self.sign.dataset,
            operation: self.sign.class,
            records: self.sign.records,
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

#[cfg(test)]
mod tests;
