//! The archive at ingest: consumed bytes go to the sealing thread; finished segments come back into a batch.
//!
//! The source is the write-ahead log: what was consumed and not yet sealed is read from it once more after a crash. A
//! segment gets its place only after its entry is committed, so nothing unlisted ever stands in `seg/`.

mod again;
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::place::{cut_off, failed, left_over, put};
use super::PipelineError;
use crate::access::{SegmentId, SourceId};
use crate::calendar::{Day, Jst, day_of, rfc3339};
use crate::clock::{EventTime, WallTime};
use crate::config::Config;
use crate::evidence::{
    Context, Entry, EvidenceSettings, Facts, Finished, Piece, Sealer, SealerSettings, hex, sync_folder, unhex,
};
use crate::source::{Phase, Raw, SegmentState, SourceSettings};
use crate::store::{ArchiveBatch, Reached, Store};
use crate::text::Say;

/// Segments looked back at for unfinished renames.
const LOOK_BACK: u32 = 10_000;
/// How soon a folder that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// The archive of one pipeline.
#[derive(Debug)]
pub struct Archive {
    sealer: Sealer,
    settings: EvidenceSettings,
    sources: BTreeMap<SourceId, Arc<str>>,
    datasets: BTreeMap<u32, String>,
    /// Files the store has a row for, and those begun in this batch.
    known: BTreeSet<SegmentId>,
    begun: Vec<(Reached, SourceId)>,
    /// Finished segments whose entries are in the batch on its way: from, to.
    placing: Vec<(PathBuf, PathBuf)>,
    next: u64,
    ticked: Option<WallTime>,
    retried: Option<WallTime>,
    /// What is counted by now.
    context: Arc<Context>,
    /// Sources that are journals.
    journals: BTreeMap<SourceId, SourceSettings>,
    /// Folders with rotated members of each source.
    rotated_in: BTreeMap<SourceId, Vec<String>>,
    /// Behind the last number of each journal that was handed over.
    ends: BTreeMap<SegmentId, u64>,
    /// Files that were rotated away and whose segment was closed then.
    rotated: BTreeSet<SegmentId>,
    /// Up to where files that are read once more are archived already.
    skip: BTreeMap<SegmentId, (u64, bool)>,
}

impl Archive {
    /// Starts sealing into the archive folder. `datasets` by their row ids.
    ///
    /// # Errors
    /// The folder, or the system gives no thread.
    pub fn open(
        store: &mut Store,
        config: &Config,
        sources: &[(SourceId, &str)],
        datasets: &[(u32, String)],
    ) -> Result<Archive, PipelineError> {
        let settings = config.evidence.clone();
        let salt = store.archive_salt()?;
        let tmp = settings.folder.join("tmp");
        for dir in [&tmp, &settings.folder.join("seg"), &settings.folder.join("idx")] {
            use std::os::unix::fs::DirBuilderExt;
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o750).create(dir);
            made.map_err(|e| failed("make", dir, e))?;
        }
        let newest = store.ledger_newest("segment", LOOK_BACK)?;
        let placing = left_over(&settings.folder, &newest)?;
        let sealer = Sealer::start(SealerSettings {
            tmp,
            recipients: settings.recipients.clone(),
            level: settings.level,
            bytes_max: settings.segment_bytes,
            open_max: settings.segment_every,
            salt_key: unhex(&salt).unwrap_or_default(),
        });
        Ok(Archive {
            sealer: sealer.map_err(|e| failed("start sealing in", &settings.folder, e))?,
            settings,
            sources: sources.iter().map(|(id, name)| (*id, Arc::from(*name))).collect(),
            datasets: datasets.iter().cloned().collect(),
            known: BTreeSet::new(),
            begun: Vec::new(),
            placing,
            next: newest
                .first()
                .and_then(|e| e.number("n"))
                .map_or(1, |n| n.saturating_add(1)),
            ticked: None,
            retried: None,
            context: Arc::new(Context {
                register: store.register_version()?.map_or(0, |v| v.id),
                config: config.hash.clone(),
            }),
            journals: config
                .sources
                .iter()
                .filter(|source| source.read.journal.is_some())
                .filter_map(|source| {
                    let (id, _) = sources.iter().find(|(_, name)| *name == source.read.name)?;
                    Some((*id, source.read.clone()))
                })
                .collect(),
            rotated_in: config
                .sources
                .iter()
                .filter_map(|source| {
                    let (id, _) = sources.iter().find(|(_, name)| *name == source.read.name)?;
                    Some((*id, source.read.rotated_in.clone()))
                })
                .collect(),
            ends: BTreeMap::new(),
            rotated: BTreeSet::new(),
            skip: BTreeMap::new(),
        })
    }

    /// From now on records are counted by this version of the register: what was consumed before is sealed.
    pub fn set_register(&mut self, version: i64) {
        self.context = Arc::new(Context {
            register: version,
            ..Context::clone(&self.context)
        });
        self.sealer.close_all();
    }

    /// Takes what a turn of a source consumed.
    pub fn take(&mut self, source: SourceId, raws: Vec<Raw>, facts: Facts, now: WallTime) {
        let Some(name) = self.sources.get(&source) else { return };
        let facts = Arc::new(facts);
        for mut raw in raws {
            let journal = self.journals.contains_key(&source);
            if let Some(upto) = self.skip.get(&raw.segment).copied() {
                if raw.span.1 <= upto.0 {
                    continue;
                }
                cut_off(&mut raw, upto, journal);
                self.skip.remove(&raw.segment);
            }
            if journal {
                // Between two entries of ours stand those of others: a segment covers them, too.
                raw.span.0 = self.ends.get(&raw.segment).copied().unwrap_or(raw.span.0);
                self.ends.insert(raw.segment, raw.span.1);
            }
            if self.known.insert(raw.segment) {
                let begun = Reached {
                    segment: raw.segment,
                    position: raw.span.0,
                    inside: raw.inside.0,
                    state: raw.states.0.clone(),
                    lines: 0,
                };
                self.begun.push((begun, source));
            }
            let piece = Piece {
                file: raw.segment.0,
                source: Arc::clone(name),
                span: raw.span,
                bytes: raw.bytes,
                inside: raw.inside,
                ends: raw.ends,
                states: raw.states,
                context: Arc::clone(&self.context),
            };
            // What was found in a turn is said of each of its pieces: rather once too often than never.
            self.sealer.take(piece, Arc::clone(&facts), now);
        }
    }

    /// Closes the segments of files that are read to their end, and once those of files that were rotated away and are read
    /// as far as they go: more is seldom written to them, and what is closed need not be read again at the next start.
    pub fn ended(&mut self, states: &[(SegmentState, Option<u64>)]) {
        for (state, _) in states {
            let over = match state.phase {
                Phase::Live => {
                    self.rotated.remove(&state.id);
                    false
                }
                Phase::Rotated => state.last_read <= state.caught_at && self.rotated.insert(state.id),
                Phase::Sealed | Phase::Lost => {
                    self.rotated.remove(&state.id);
                    true
                }
            };
            if over {
                self.sealer.close(state.id.0);
            }
        }
    }

    /// What is finished and may be committed now, together with everything consumed so far. `states`: positions of files, for
    /// their paths.
    pub fn batch(
        &mut self,
        paths: &dyn Fn(SegmentId) -> Option<PathBuf>,
        now: WallTime,
    ) -> Result<ArchiveBatch, PipelineError> {
        if self.ticked.is_none_or(|at| now < at || 1 <= now.since(at).as_secs()) {
            self.ticked = Some(now);
            self.sealer.tick(now);
        }
        let mut batch = ArchiveBatch::default();
        for (begun, source) in self.begun.drain(..) {
            let name = self.sources.get(&source).map_or("", |n| n);
            let path = paths(begun.segment).unwrap_or_default();
            let entry = Entry::new("file", now)
                .with("src", name)
                .with("file", begun.segment.0)
                .with("from", begun.position)
                .with("path", path.to_string_lossy().into_owned());
            batch.entries.push(entry);
            batch.begun.push(begun);
        }
        for finished in self.sealer.finished() {
            let segment = SegmentId(finished.beginning.file);
            let entry = self.entry(&finished, now)?;
            batch.entries.push(entry);
            batch.reached.push(Reached {
                segment,
                position: finished.to,
                inside: finished.inside,
                state: finished.state,
                lines: finished.sealed.lines,
            });
        }
        Ok(batch)
    }

    /// Names a finished segment, and gives its unfinished file that name, too: after a crash it is known by it.
    fn entry(&mut self, finished: &Finished, now: WallTime) -> Result<Entry, PipelineError> {
        let n = self.next;
        self.next = n.saturating_add(1);
        let (begin, sealed) = (&finished.beginning, &finished.sealed);
        let first = finished.times.map_or(now.micros(), |t| t.0);
        let at = Jst::from(EventTime::from_micros(first));
        let day = day_of(EventTime::from_micros(now.micros())).iso().replace('-', "/");
        let source: String = begin
            .source
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || "-_".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let time = format!(
            "{}T{:02}{:02}{:02}",
            day_of(EventTime::from_micros(first)).iso().replace('-', ""),
            at.hour(),
            at.minute(),
            at.second()
        );
        let ending = if self.settings.recipients.is_empty() {
            "zst"
        } else {
            "zst.age"
        };
        let name = format!("seg/{day}/{source}-{time}+0900-{n:06}.{ending}");
        let folder = &self.settings.folder;
        for (ending, place) in [("part", name.clone()), ("idx", format!("idx/{n:08}.idx"))] {
            let from = folder.join(format!("tmp/{:08}.{ending}", finished.tmp));
            let waiting = folder.join(format!("tmp/n{n:08}.{ending}"));
            crate::fault::pass("archive.name").map_err(|e| failed("name", &from, e))?;
            std::fs::rename(&from, &waiting).map_err(|e| failed("name", &from, e))?;
            self.placing.push((waiting, folder.join(place)));
        }
        sync_folder(&folder.join("tmp/x")).map_err(|e| failed("write", folder, e))?;
        let known = |id: &u32| self.datasets.get(id);
        let mut datasets: Vec<&String> = match finished.unknown {
            true => self.datasets.values().collect(),
            false => finished.datasets.iter().filter_map(known).collect(),
        };
        datasets.sort();
        let mut entry = Entry::new("segment", now)
            .with("n", n)
            .with("src", begin.source.as_str())
            .with("file", begin.file)
            .with("off", vec![begin.from, finished.to])
            .with("recs", sealed.lines)
            .with("sha256_raw", hex(&sealed.sha256_raw))
            .with("root", hex(&sealed.root))
            .with("name", name)
            .with("sha256_age", hex(&sealed.sha256_age))
            .with("len_age", sealed.len_age)
            .with(
                "rcpt",
                self.settings
                    .recipients
                    .iter()
                    .map(|r| r.fingerprint())
                    .collect::<Vec<_>>(),
            )
            .with("len_raw", sealed.bytes)
            .with("register", finished.context.register)
            .with("config", finished.context.config.as_str())
            .with("idx", hex(&finished.index.0))
            .with("idx_len", finished.index.1)
            .with("keep_until", self.keep_until(&datasets, finished, now))
            .with("datasets", datasets.into_iter().map(String::as_str).collect::<Vec<_>>());
        if finished.ahead {
            entry = entry.with("ahead", true);
        }
        if let Some((first, last)) = finished.times {
            entry = entry.with("first", rfc3339(first)).with("last", rfc3339(last));
        }
        Ok(entry)
    }

    /// The last day it must be kept: so many years behind the fiscal year of its newest record.
    fn keep_until(&self, datasets: &[&String], finished: &Finished, now: WallTime) -> String {
        let of = |name: &str| {
            self.settings
                .keep_datasets
                .iter()
                .find(|(dataset, _)| dataset == name)
                .map(|(_, years)| *years)
        };
        let longest = datasets.iter().filter_map(|name| of(name)).max();
        let years = longest.unwrap_or(0).max(self.settings.keep_years);
        let newest = finished.times.map_or(now.micros(), |t| t.1);
        let year = day_of(EventTime::from_micros(newest)).fiscal_year();
        let end = Day::of(year.saturating_add(1).saturating_add(i32::from(years)), 3, 31);
        end.map_or_else(String::new, Day::iso)
    }

    /// Whether committed segments wait for their places.
    pub fn is_placing(&self) -> bool {
        !self.placing.is_empty()
    }

    /// Segments whose entries stand in the log folder get their places: whoever verifies finds nothing that is not listed.
    ///
    /// # Errors
    /// The folder; the next start does what is left.
    pub fn place(&mut self) -> Result<(), PipelineError> {
        while let Some((from, to)) = self.placing.first() {
            put(from, to)?;
            self.placing.remove(0);
        }
        Ok(())
    }

    /// Whether something finished waits for a commit.
    pub fn has_finished(&self) -> bool {
        self.sealer.has_finished() || !self.begun.is_empty()
    }

    /// Closes everything that is open.
    pub fn close_all(&self) {
        self.sealer.close_all();
    }

    /// What is open, for a heartbeat.
    pub fn open_segments(&self) -> Vec<serde_json::Value> {
        let open = |o: crate::evidence::OpenSegment| serde_json::json!({"src": o.source.as_ref(), "file": o.file, "off": [o.span.0, o.span.1], "len": o.bytes, "recs": o.lines, "root": hex(&o.root)});
        self.sealer.open().into_iter().map(open).collect()
    }

    /// Why nothing is sealed at present.
    pub fn failed(&self) -> Option<Say> {
        self.sealer.failed()
    }

    /// Whether what could not be written is to be tried again by now.
    pub fn may_retry(&mut self, now: WallTime) -> bool {
        let early = self.retried.is_some_and(|at| at <= now && now.since(at) < RETRY);
        if !early {
            self.retried = Some(now);
        }
        !early
    }
}
