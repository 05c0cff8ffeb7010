//! The archived records counted once more, into a store of their own: what the counters should be.
//!
//! Each segment is read by the register it was counted by, which its entry names. What is consumed and not sealed yet is read
//! from its source, as after a crash. Days of which something can no longer be read are named: of them nothing is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::PipelineError;
use super::reread::{Reread, Seen};
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::config::Config;
use crate::detect::book::Book;
use crate::evidence::{Beginning, Entry, Identity, SegmentReader, hex, verify};
use crate::register::Register;
use crate::source::{SegmentState, journal_again, open_anywhere, read_again};
use crate::store::{ArchiveBatch, Batch, Names, Store, StoreError};

/// Accesses counted in one transaction.
const BATCH: usize = 500_000;
/// Most bytes that are read of a source that were not sealed yet.
const REST_MAX: usize = 1 << 30;

/// What was counted and what could not be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recounted {
    /// Segments read.
    pub segments: u64,
    /// Records read.
    pub records: u64,
    /// Accesses counted.
    pub accesses: u64,
    /// Days that cannot be counted whole, each with the reason.
    pub days: BTreeMap<i32, String>,
    /// Up to and with this day nothing can be counted whole.
    pub upto: Option<(i32, String)>,
    /// Segments that could not be opened, and why.
    pub closed: Vec<(u64, String)>,
    /// Days with records that were counted under another configuration than the one given; first and last of each segment.
    pub other_config: Vec<(i32, i32)>,
}

impl Recounted {
    /// Whether records of a day were counted under another configuration than the one given.
    pub fn is_other(&self, day: i32) -> bool {
        self.other_config.iter().any(|(from, to)| (*from..=*to).contains(&day))
    }

    /// Why a day cannot be compared, if it cannot.
    pub fn open_day(&self, day: i32) -> Option<&str> {
        let upto = self.upto.as_ref().filter(|(upto, _)| day <= *upto).map(|(_, why)| why);
        upto.or_else(|| self.days.get(&day)).map(String::as_str)
    }
}

/// Gives the register of a version.
pub type RegisterOf<'a> = dyn FnMut(i64) -> Result<Register, String> + 'a;

/// Counts again.
pub struct Recount<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The archive folder.
    pub archive: &'a Path,
    /// Who opens segments.
    pub identities: &'a [Identity],
    /// The reader, with any register.
    pub reread: Reread,
    /// The store to count into.
    pub into: Store,
}

impl std::fmt::Debug for Recount<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recount")
            .field("archive", &self.archive)
            .finish_non_exhaustive()
    }
}

impl Recount<'_> {
    /// Counts everything `store` has consumed. `store` must stand still meanwhile ([`Store::snapshot`]).
    ///
    /// # Errors
    /// Either store.
    pub fn run(&mut self, store: &Store, registers: &mut RegisterOf<'_>) -> Result<Recounted, PipelineError> {
        let mut done = Recounted::default();
        let sources: Vec<&str> = self.config.sources.iter().map(|s| s.read.name.as_str()).collect();
        self.into.source_ids(&sources)?;
        let mut tally = Tally {
            names: self.into.names()?,
            book: Book::default(),
        };
        let mut in_force = None;
        // The last day of each file that is sealed so far.
        let mut sealed: BTreeMap<u64, i32> = BTreeMap::new();
        let mut from = 0u64;
        loop {
            let lines = store.ledger_lines(from, 1_000)?;
            if lines.is_empty() {
                break;
            }
            from = from.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
            for entry in lines.iter().filter_map(|line| Entry::read(line.as_bytes()).ok()) {
                match entry.kind() {
                    "recover" => {
                        let (from, to) = (entry.number("from").unwrap_or(0), entry.number("to").unwrap_or(0));
                        restored(store, (from, to), &mut done)?;
                    }
                    "segment" => {
                        self.register(&entry, &mut in_force, registers, &mut done);
                        self.segment(&entry, &mut tally, &mut done)?;
                        if let (Some(file), Some(last)) = (entry.number("file"), verify::micros(entry.text("last"))) {
                            sealed.insert(file, day_of(EventTime::from_micros(last)).0);
                        }
                    }
                    "gap" if entry.text("why") == "archive" => {
                        let why = "some of its records were counted and lost before they were archived";
                        done.gap(&entry, sealed.get(&entry.number("file").unwrap_or(0)).copied(), why);
                    }
                    _ => {}
                }
            }
        }
        self.unsealed(store, &mut tally, &mut done)?;
        tally.commit(&mut self.into)?;
        Ok(done)
    }

    /// Takes the register a segment was counted by into force.
    fn register(
        &mut self,
        entry: &Entry,
        in_force: &mut Option<u64>,
        registers: &mut RegisterOf<'_>,
        done: &mut Recounted,
    ) {
        if entry.text("config") != self.config.hash {
            done.other(entry);
        }
        let version = entry.number("register").unwrap_or(0);
        if *in_force == Some(version) || version == 0 {
            return;
        }
        match registers(i64::try_from(version).unwrap_or(0)) {
            Ok(register) => {
                self.reread.set_register(register);
                *in_force = Some(version);
            }
            Err(why) => done.lose(
                entry,
                &format!("version {version} of the register cannot be read: {why}"),
            ),
        }
    }

    fn segment(&mut self, entry: &Entry, tally: &mut Tally, done: &mut Recounted) -> Result<(), PipelineError> {
        let n = entry.number("n").unwrap_or(0);
        match self.load(entry) {
            Ok((beginning, bytes)) => {
                done.segments = done.segments.saturating_add(1);
                self.count(&beginning, &bytes, at(entry), tally, done)?;
                if entry.get("ahead").is_some() {
                    done.lose(
                        entry,
                        "some records bore a time ahead of the clock and count as of when they were read",
                    );
                    let skew = i32::try_from(self.config.future_skew.as_secs() / 86_400).unwrap_or(0);
                    let last = day_of(at(entry)).0.saturating_add(skew).saturating_add(1);
                    done.days
                        .insert(last, "records that lay ahead of the clock may be of it".to_owned());
                }
            }
            Err(why) => {
                done.lose(entry, &why);
                done.closed.push((n, why));
            }
        }
        Ok(())
    }

    fn load(&self, entry: &Entry) -> Result<(Beginning, Vec<u8>), String> {
        let path = self.archive.join(entry.text("name"));
        if !path.exists() {
            return Err("its segment is not there".to_owned());
        }
        let encrypted = !entry.texts("rcpt").is_empty();
        let reader = SegmentReader::open(&path, encrypted, self.identities, entry.raw_bytes());
        let mut reader = reader.map_err(|e| e.to_string())?;
        let beginning = Beginning::read(reader.header()).ok_or("its segment has no header")?;
        let bytes = reader.all().map_err(|e| e.to_string())?;
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        if hex(&hash) != entry.text("sha256_raw") {
            return Err("its segment is not what was sealed".to_owned());
        }
        Ok((beginning, bytes))
    }

    fn count(
        &mut self,
        beginning: &Beginning,
        bytes: &[u8],
        read_at: EventTime,
        tally: &mut Tally,
        done: &mut Recounted,
    ) -> Result<(), PipelineError> {
        let Tally { names, book } = &mut *tally;
        let before = book.len();
        let mut records = 0u64;
        let known = self.reread.records(beginning, bytes, read_at, names, &mut |archived| {
            records = records.saturating_add(1);
            if let Seen::Access(_, access) = archived.seen {
                book.add(&access);
            }
        });
        if !known {
            // A source the configuration does not have: whenever its records are of.
            done.other_config.push((i32::MIN, i32::MAX));
        }
        let counted = book.len().saturating_sub(before);
        done.records = done.records.saturating_add(records);
        done.accesses = done.accesses.saturating_add(u64::try_from(counted).unwrap_or(0));
        if BATCH <= book.len() {
            tally.commit(&mut self.into)?;
        }
        Ok(())
    }

    /// What is consumed and not sealed yet, from the sources themselves.
    fn unsealed(&mut self, store: &Store, tally: &mut Tally, done: &mut Recounted) -> Result<(), PipelineError> {
        let names: Vec<String> = self.config.sources.iter().map(|s| s.read.name.clone()).collect();
        for (id, name) in store.source_rows()? {
            let Some(index) = names.iter().position(|known| *known == name) else {
                continue;
            };
            for state in store.segments(id)? {
                let Some(reached) = store.archived(state.id)? else {
                    continue;
                };
                let (from, lines) = (reached.position, reached.lines);
                let beginning = Beginning {
                    source: name.clone(),
                    file: state.id.0,
                    from,
                    inside: reached.inside,
                    state: reached.state,
                    salt: [0; 16],
                };
                if from < state.position && !self.rest(index, &state, beginning, lines, tally, done)? {
                    let why = "records that are not sealed yet cannot be read from their source";
                    let day = day_of(EventTime::from_micros(state.last_read.micros())).0;
                    done.days.insert(day, why.to_owned());
                    done.days.insert(day.saturating_sub(1), why.to_owned());
                }
            }
        }
        Ok(())
    }

    fn rest(
        &mut self,
        index: usize,
        state: &SegmentState,
        beginning: Beginning,
        lines: u64,
        tally: &mut Tally,
        done: &mut Recounted,
    ) -> Result<bool, PipelineError> {
        let Some(settings) = self.config.sources.get(index).map(|s| &s.read) else {
            return Ok(false);
        };
        let read_at = EventTime::from_micros(state.last_read.micros());
        if settings.journal.is_some() {
            let expected = state.lines.saturating_sub(lines);
            let (found, bytes) = match expected {
                0 => return Ok(true),
                _ => journal_again(settings, state, beginning.from),
            };
            self.count(&beginning, &bytes, read_at, tally, done)?;
            return Ok(expected <= found);
        }
        let Some(mut file) = open_anywhere(state, &settings.rotated_in) else {
            return Ok(false);
        };
        let len = state.position.saturating_sub(beginning.from);
        let Some(wanted) = usize::try_from(len).ok().filter(|len| *len <= REST_MAX) else {
            return Ok(false);
        };
        // In one piece: what the format remembers (a header of columns) is known at its beginning only.
        let bytes = read_again(&mut file, beginning.from, wanted).unwrap_or_default();
        if bytes.len() != wanted {
            return Ok(false);
        }
        self.count(&beginning, &bytes, read_at, tally, done)?;
        Ok(true)
    }
}

impl Recounted {
    /// The days of a segment cannot be counted whole.
    /// What a gap lost was counted from the last day on that is sealed of its file, or from nobody knows when.
    fn gap(&mut self, entry: &Entry, since: Option<i32>, why: &str) {
        let day = day_of(at(entry)).0;
        match since {
            Some(since) => {
                let days: Vec<i32> = (since..=day).collect();
                self.days.extend(days.into_iter().map(|day| (day, why.to_owned())));
            }
            None => {
                let upto = self.upto.as_ref().map_or(day, |(upto, _)| day.max(*upto));
                self.upto = Some((upto, why.to_owned()));
            }
        }
    }

    fn other(&mut self, entry: &Entry) {
        let day = |key: &str| verify::micros(entry.text(key)).map(|at| day_of(EventTime::from_micros(at)).0);
        self.other_config.push(match (day("first"), day("last")) {
            (Some(first), Some(last)) => (first, last),
            // Of when its records are is not known; not of days behind it.
            _ => (i32::MIN, day_of(at(entry)).0.saturating_add(1)),
        });
    }

    fn lose(&mut self, entry: &Entry, why: &str) {
        let time = |key: &str| verify::micros(entry.text(key)).map(EventTime::from_micros);
        match (time("first"), time("last")) {
            (Some(first), Some(last)) => {
                let days: BTreeSet<i32> = (day_of(first).0..=day_of(last).0).collect();
                self.days.extend(days.into_iter().map(|day| (day, why.to_owned())));
            }
            _ => {
                let day = day_of(at(entry)).0;
                let upto = self.upto.as_ref().map_or(day, |(upto, _)| day.max(*upto));
                self.upto = Some((upto, why.to_owned()));
            }
        }
    }
}

/// Records that were archived behind a copy that was restored: whether they were read and counted again is not known.
fn restored(store: &Store, (from, to): (u64, u64), done: &mut Recounted) -> Result<(), StoreError> {
    let most = u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX);
    for line in store.ledger_lines(from, most)? {
        let entry = Entry::read(line.as_bytes()).ok();
        if let Some(entry) = entry.filter(|e| e.kind() == "segment") {
            done.lose(
                &entry,
                "its records were archived, then the store was restored from an older copy",
            );
        }
    }
    Ok(())
}

fn at(entry: &Entry) -> EventTime {
    EventTime::from_micros(entry.at_micros())
}

/// What is counted and not committed yet.
struct Tally {
    names: Names,
    book: Book,
}

impl Tally {
    fn commit(&mut self, into: &mut Store) -> Result<(), StoreError> {
        let names = self.names.take_added();
        into.commit(
            Batch {
                segments: &[],
                chunks: &[],
                begun: &[],
                events: &[],
                book: &mut self.book,
                memos: &[],
                names: &names,
                tallies: &[],
                rejects: &[],
                archive: &ArchiveBatch::default(),
                day: 0,
                now: WallTime::from_micros(0),
            },
            &mut |_| Ok(()),
        )?;
        self.book.clear();
        Ok(())
    }
}
