//! What an account may be used for: sections, datasets and operations of the rows in force together.
//!
//! Two hundred thousand accounts share a few hundred different charges; each is kept, and resolved to datasets, once.
//! A row that names neither datasets nor a 業務 the 台帳 knows limits nothing.

use hashbrown::{HashMap, HashSet};

use super::names::Names;
use super::row::{Row, bit, operations};
use super::{Granted, at, normal};
use crate::access::{DatasetId, Operation};
use crate::register::DatasetSettings;

/// What one row grants, as worded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Words {
    tasks: Box<str>,
    datasets: Box<str>,
    operations: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Charge {
    /// 本務 first.
    sections: Vec<u32>,
    words: Vec<u32>,
}

/// Which datasets a row or a charge grants, resolved. By operation class: bit `n` for class number `n`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Set {
    /// Operations on every dataset, where a row names none.
    any: Option<u16>,
    /// By dataset id, in order.
    list: Vec<(u16, u16)>,
}

/// The sets of all charges, laid out for the look that every access takes: most charges grant one dataset or two, and
/// the first one stands in place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Sets {
    heads: Vec<Head>,
    /// What charges grant beyond their first dataset.
    tails: Vec<(u16, u16)>,
}

/// What a charge grants, as far as it fits beside a name; see [`Charges::head`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    /// Operations on every dataset; 0: none.
    any: u16,
    /// Datasets granted.
    length: u16,
    first: (u16, u16),
    /// Where the others begin in `tails`.
    tail: u32,
}

impl Sets {
    fn push(&mut self, set: &Set) {
        let others = set.list.get(1..).unwrap_or_default();
        self.heads.push(Head {
            any: set.any.unwrap_or(0),
            length: u16::try_from(set.list.len()).unwrap_or(u16::MAX),
            first: set.list.first().copied().unwrap_or_default(),
            // From 1, so that no head of a charge is the empty one.
            tail: u32::try_from(self.tails.len().saturating_add(1)).unwrap_or(u32::MAX),
        });
        self.tails.extend_from_slice(others);
    }

    /// Operations of a head on a dataset; `None`: it is not listed.
    fn mask(&self, head: &Head, dataset: u16) -> Option<u16> {
        if head.length == 0 || dataset < head.first.0 {
            return None;
        }
        if head.first.0 == dataset {
            return Some(head.first.1);
        }
        let from = usize::try_from(head.tail).ok()?.checked_sub(1)?;
        let others = self.tails.get(from..from.checked_add(usize::from(head.length) - 1)?)?;
        let found = others.binary_search_by_key(&dataset, |entry| entry.0).ok()?;
        others.get(found).map(|entry| entry.1)
    }
}

/// Every charge of a register.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Charges {
    words: Vec<(Words, u64)>,
    charges: Vec<Charge>,
    sets: Sets,
    /// Section that owns a dataset, by dataset id.
    owners: Vec<Option<u32>>,
    unknown: Vec<(u64, String)>,
}

/// Collects the charges of a register that is being compiled.
#[derive(Debug, Default)]
pub(super) struct ChargesBuilder<'r> {
    charges: Charges,
    words: HashMap<(&'r str, &'r str, u16), u32>,
    by_pair: HashMap<(u32, u32), u32>,
    by_parts: HashMap<Charge, u32>,
}

/// The datasets by the words a register may use for them.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    words: HashMap<String, Vec<DatasetId>>,
    owners: Vec<(DatasetId, String)>,
}

impl Naming {
    /// Every dataset by its id and by its 名称.
    pub fn new(datasets: &[(DatasetId, &DatasetSettings)]) -> Naming {
        let mut naming = Naming::default();
        for (id, dataset) in datasets {
            naming.add(&dataset.id, *id);
            naming.add(&dataset.title, *id);
            naming.owners.push((*id, dataset.owner.clone()));
        }
        naming
    }

    /// One more word for a dataset; a 業務 may stand for several datasets.
    pub fn add(&mut self, word: &str, id: DatasetId) {
        let ids = self.words.entry(normal(word.as_bytes()).into_owned()).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }

    fn of(&self, word: &str) -> &[DatasetId] {
        self.words.get(word).map_or(&[], Vec::as_slice)
    }
}

/// The words of a list cell, as they are compared.
fn words(list: &str) -> impl Iterator<Item = String> {
    let words = list.split(';').map(|word| normal(word.as_bytes()).into_owned());
    words.filter(|word| !word.is_empty())
}

impl<'r> ChargesBuilder<'r> {
    /// The number of the charge that rows with these [words](Self::row) make together, in `sections` (本務 first).
    /// 0: none. The words are put in order.
    pub(super) fn charge(&mut self, words: &mut Vec<u32>, sections: &[u32]) -> u32 {
        words.sort_unstable();
        words.dedup();
        let next = self.next();
        let whole = || Charge {
            sections: sections.to_vec(),
            words: words.clone(),
        };
        // Nearly every account has one row in one section.
        let number = match (words.as_slice(), sections) {
            ([words], [section]) => *self.by_pair.entry((*words, *section)).or_insert(next),
            _ => *self.by_parts.entry(whole()).or_insert(next),
        };
        if number == next {
            self.charges.charges.push(whole());
        }
        number
    }

    /// The number the next charge gets, from 1.
    fn next(&self) -> u32 {
        u32::try_from(self.charges.charges.len().saturating_add(1)).unwrap_or(u32::MAX)
    }

    /// The number of what a row grants.
    pub(super) fn row(&mut self, row: &'r Row) -> u32 {
        let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        let words = (&*row.tasks, &*row.datasets, row.operations);
        let number = *self.words.entry(words).or_insert(next);
        if number == next {
            let words = Words {
                tasks: row.tasks.clone(),
                datasets: row.datasets.clone(),
                operations: row.operations,
            };
            self.charges.words.push((words, row.line));
        }
        number
    }

    pub(super) fn finish(self) -> Charges {
        self.charges
    }
}

impl Charges {
    fn get(&self, charge: u32) -> Option<&Charge> {
        at(&self.charges, charge.checked_sub(1)?)
    }

    /// Sections of a charge, 本務 first.
    pub(super) fn sections(&self, charge: u32) -> &[u32] {
        self.get(charge).map_or(&[], |c| &c.sections)
    }

    /// What a charge grants, as worded; see `Register::charge_of`.
    pub(super) fn words(&self, charge: u32) -> Vec<(String, Vec<Operation>)> {
        let rows = self.get(charge).map_or(&[][..], |c| &c.words);
        let words = rows.iter().filter_map(|n| at(&self.words, *n).map(|w| &w.0));
        let stated = words.filter(|w| !(w.tasks.is_empty() && w.datasets.is_empty() && w.operations == 0));
        let named = stated.map(|w| {
            let both = [&*w.tasks, &*w.datasets].map(str::to_owned);
            let name = both.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(";");
            (name, operations(w.operations))
        });
        let mut named: Vec<(String, Vec<Operation>)> = named.collect();
        named.sort_unstable();
        named
    }

    /// Resolves all words.
    pub(super) fn bind(&mut self, naming: &Naming, sections: &Names) {
        let mut unknown = Vec::new();
        let mut told = HashSet::new();
        let rows: Vec<Set> = self
            .words
            .iter()
            .map(|(words, line)| {
                let mut tell = |word: String| {
                    if told.insert(word.clone()) {
                        unknown.push((*line, word));
                    }
                };
                resolve(words, naming, &mut tell)
            })
            .collect();
        self.sets = Sets::default();
        for charge in &self.charges {
            self.sets
                .push(&union(charge.words.iter().filter_map(|n| at(&rows, *n))));
        }
        let size = naming
            .owners
            .iter()
            .map(|(id, _)| usize::from(id.0) + 1)
            .max()
            .unwrap_or(0);
        self.owners = vec![None; size];
        for (id, owner) in &naming.owners {
            if let Some(slot) = self.owners.get_mut(usize::from(id.0)) {
                *slot = sections.find(owner);
            }
        }
        self.unknown = unknown;
    }

    /// Words that name no dataset.
    pub(super) fn unknown(&self) -> &[(u64, String)] {
        &self.unknown
    }

    /// What a charge grants; nothing is said by no charge.
    pub(super) fn head(&self, charge: u32) -> Head {
        let head = charge.checked_sub(1).and_then(|n| at(&self.sets.heads, n));
        head.copied().unwrap_or_default()
    }

    /// Whether a charge grants an operation on a dataset. Signing in, and what has no class of its own, is never more
    /// than the dataset itself.
    pub(super) fn says(&self, head: Head, dataset: DatasetId, operation: Operation) -> Granted {
        if head == Head::default() {
            return Granted::NotStated;
        }
        let mask = self.sets.mask(&head, dataset.0);
        let free = matches!(operation, Operation::Login | Operation::Other);
        let allows = |mask: u16| free || mask & bit(operation) != 0;
        match (mask, Some(head.any).filter(|any| *any != 0)) {
            (None, None) => Granted::NoDataset,
            (None, Some(any)) if allows(any) => Granted::NotStated,
            (Some(mask), any) if allows(mask | any.unwrap_or(0)) => Granted::Yes,
            _ => Granted::NoOperation,
        }
    }

    /// Whether a charge is in the section that owns the dataset. A section that stands in no row says nothing: true.
    pub(super) fn is_owners(&self, charge: u32, dataset: DatasetId) -> bool {
        let owner = self.owners.get(usize::from(dataset.0)).copied().flatten();
        owner.is_none_or(|owner| self.sections(charge).contains(&owner))
    }
}

/// What one row grants.
fn resolve(row: &Words, naming: &Naming, tell: &mut dyn FnMut(String)) -> Set {
    let operations = if row.operations == 0 { u16::MAX } else { row.operations };
    let mut ids = HashSet::new();
    for word in words(&row.tasks).chain(words(&row.datasets)) {
        match naming.of(&word) {
            [] => tell(word),
            known => ids.extend(known.iter().map(|id| id.0)),
        }
    }
    if ids.is_empty() && row.datasets.is_empty() {
        return Set {
            any: Some(operations),
            list: Vec::new(),
        };
    }
    let mut list: Vec<(u16, u16)> = ids.into_iter().map(|id| (id, operations)).collect();
    list.sort_unstable();
    Set { any: None, list }
}

fn union<'a>(rows: impl Iterator<Item = &'a Set>) -> Set {
    let mut out = Set::default();
    for row in rows {
        if let Some(any) = row.any {
            out.any = Some(out.any.unwrap_or(0) | any);
        }
        out.list.extend_from_slice(&row.list);
    }
    out.list.sort_unstable();
    out.list.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 |= later.1;
        }
        same
    });
    out
}
