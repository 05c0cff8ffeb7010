//! Names nobody registered, counted by source and day: the first ones each by itself, the others together.
//!
//! A scan with made-up names must fill neither memory nor the book nor a mailbox. So each name knows its place in the
//! row of names its source showed on that day, and whoever comes behind [`NAMES_MAX`] is counted under one id of the
//! source. How many there were stays known: exactly up to there, beyond within 2 %.
//!
//! Promise: what is kept is a function of the names in their order, so restarts and batches change nothing of it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use hashbrown::HashMap;
use rusqlite::{Connection, Transaction, params};
use sha2::{Digest, Sha256};

use super::StoreError;
use crate::access::SourceId;
use crate::detect::sketch::Sketch;

/// Names of a source and day that are counted each by itself.
pub(super) const NAMES_MAX: u32 = 1_000;
/// Names kept as examples of a source and day.
const EXAMPLES_MAX: usize = 5;
/// The estimate is made again when the ranks of the sketch have risen by this much together.
const RISE: u64 = 128;
/// Days that are remembered behind the newest one.
const DAYS_MAX: i32 = 400;

/// Names behind [`NAMES_MAX`].
#[derive(Debug, Clone)]
struct Beyond {
    sketch: Sketch,
    /// Sum of its ranks.
    ranks: u64,
    /// How many names there are with the first ones, as last estimated.
    names: u32,
}

impl Beyond {
    fn new(sketch: Sketch, names: u32) -> Beyond {
        let ranks = sketch.registers().iter().map(|r| u64::from(*r)).sum();
        Beyond { sketch, ranks, names }
    }

    /// Notes a name; whether that changed anything.
    fn note(&mut self, hash: u64) -> bool {
        let risen = self.sketch.raise(hash);
        let before = self.ranks;
        self.ranks = before.saturating_add(risen);
        if before / RISE != self.ranks / RISE {
            let beyond = u32::try_from(self.sketch.estimate()).unwrap_or(u32::MAX);
            self.names = NAMES_MAX.saturating_add(beyond).max(self.names);
        }
        0 < risen
    }
}

/// The names of one source on one day.
#[derive(Debug, Clone, Default)]
struct Day {
    /// Place of each name, from 1.
    named: HashMap<u64, u32>,
    /// The same, in order.
    order: Vec<u64>,
    beyond: Option<Beyond>,
    examples: Vec<Box<str>>,
}

impl Day {
    /// Notes a name: its place, and whether that changed anything.
    fn note(&mut self, name: &str) -> (u32, bool) {
        let hash = hash(name);
        if let Some(place) = self.named.get(&hash) {
            return (*place, false);
        }
        let place = u32::try_from(self.order.len()).unwrap_or(u32::MAX).saturating_add(1);
        if place <= NAMES_MAX {
            self.named.insert(hash, place);
            self.order.push(hash);
            if self.examples.len() < EXAMPLES_MAX {
                self.examples.push(name.into());
            }
            return (place, true);
        }
        let beyond = self.beyond.get_or_insert_with(|| Beyond::new(Sketch::default(), place));
        let changed = beyond.note(hash);
        (beyond.names, changed)
    }
}

/// Hash of a name: whoever makes names up must not be able to make two of one place.
fn hash(name: &str) -> u64 {
    let digest = Sha256::digest(name.as_bytes());
    let mut head = [0u8; 8];
    head.iter_mut().zip(digest).for_each(|(h, d)| *h = d);
    u64::from_be_bytes(head)
}

/// All sources and days.
#[derive(Debug, Default)]
pub(super) struct Unregistered {
    days: BTreeMap<(i32, SourceId), Day>,
    changed: BTreeSet<(i32, SourceId)>,
}

impl Unregistered {
    /// The place of `name` among those its source showed on `day`, itself included.
    pub fn note(&mut self, name: &str, source: SourceId, day: i32) -> u32 {
        let (place, changed) = self.days.entry((day, source)).or_default().note(name);
        if changed {
            self.changed.insert((day, source));
        }
        place
    }

    /// Some of the names.
    pub fn examples(&self, source: SourceId, day: i32) -> impl Iterator<Item = &str> {
        let day = self.days.get(&(day, source));
        day.into_iter().flat_map(|d| d.examples.iter().map(AsRef::as_ref))
    }

    /// Takes out what the batch changed.
    pub fn take(&mut self) -> Changed {
        let changed = std::mem::take(&mut self.changed);
        let days = changed
            .into_iter()
            .filter_map(|key| Some((key, self.days.get(&key)?.clone())));
        let days = days.collect();
        if let Some(newest) = self.days.keys().next_back().map(|(day, _)| *day) {
            let oldest = newest.saturating_sub(DAYS_MAX);
            self.days.retain(|(day, _), _| oldest <= *day);
        }
        Changed(days)
    }

    /// What is committed.
    pub fn read(conn: &Connection) -> Result<Unregistered, StoreError> {
        let mut out = Unregistered::default();
        let mut select = conn.prepare_cached(
            "SELECT day, source, names, hashes, sketch, examples FROM unregistered
             WHERE (SELECT max(day) FROM unregistered) - ?1 <= day",
        )?;
        let mut rows = select.query([DAYS_MAX])?;
        while let Some(row) = rows.next()? {
            let (day, source, names): (i32, u32, u32) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (hashes, sketch, examples): (Vec<u8>, Vec<u8>, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
            let (words, _) = hashes.as_chunks::<8>();
            let order: Vec<u64> = words.iter().map(|w| u64::from_le_bytes(*w)).collect();
            let one = Day {
                named: order.iter().copied().zip(1..).collect(),
                order,
                beyond: Sketch::from_registers(&sketch).map(|sketch| Beyond::new(sketch, names)),
                examples: examples.lines().map(Box::from).collect(),
            };
            out.days.insert((day, SourceId(source)), one);
        }
        Ok(out)
    }
}

/// What a batch changes.
#[derive(Debug, Default)]
pub(super) struct Changed(Vec<((i32, SourceId), Day)>);

impl Changed {
    pub fn write(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        let mut put = tx.prepare_cached(
            "INSERT OR REPLACE INTO unregistered (day, source, names, hashes, sketch, examples)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        // The id under which the others of a source are counted has a name like every other.
        let mut name = tx.prepare_cached(
            "INSERT OR IGNORE INTO who (id, kind, name)
             VALUES (?1, 'crowd', coalesce((SELECT name FROM source WHERE id = ?2), ?2))",
        )?;
        for ((day, source), one) in &self.0 {
            let first = u32::try_from(one.order.len()).unwrap_or(u32::MAX);
            let (sketch, names) = match &one.beyond {
                Some(beyond) => (beyond.sketch.registers(), beyond.names),
                None => (&[][..], first),
            };
            let hashes: Vec<u8> = one.order.iter().flat_map(|h| h.to_le_bytes()).collect();
            put.execute(params![day, source.0, names, hashes, sketch, one.examples.join("\n")])?;
            name.execute(params![crate::access::WhoId::crowd(*source).0, source.0])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_place_and_those_beyond_are_counted_within_two_percent() {
        let mut all = Unregistered::default();
        let source = SourceId(3);
        assert_eq!(all.note("maint01", source, 20_000), 1);
        assert_eq!(all.note("maint02", source, 20_000), 2);
        assert_eq!(all.note("maint01", source, 20_000), 1);
        assert_eq!(all.note("maint01", SourceId(4), 20_000), 1, "each source has its own");
        assert_eq!(all.note("maint02", source, 20_001), 1, "and each day");
        let mut last = 0;
        for n in 0..60_000u32 {
            let place = all.note(&format!("x{n}"), source, 20_000);
            assert!(last <= place, "the number never falls");
            last = place;
        }
        assert!((58_800..=61_200).contains(&last), "{last}");
        assert_eq!(all.note("maint01", source, 20_000), 1);
        assert_eq!(all.examples(source, 20_000).next(), Some("maint01"));
        assert_eq!(all.examples(source, 20_000).count(), EXAMPLES_MAX);
    }
}
