//! The archive at ingest: consumed bytes go to the sealing thread; finished segments come back into a batch.
//!
//! The source is the write-ahead log: what was consumed and not yet sealed is read from it once more after a crash. A
//! segment gets its place only after its entry is committed, so nothing unlisted ever stands in `seg/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{error, warn};

use super::PipelineError;
use crate::access::{SegmentId, SourceId};
use crate::calendar::{Day, Jst, day_of, rfc3339};
use crate::clock::{EventTime, WallTime};
use crate::config::Config;
use crate::evidence::{
    Entry, EvidenceSettings, Facts, Finished, Piece, Sealer, SealerSettings, hex, sync_folder, unhex,
};
use crate::source::{Phase, Raw, SegmentState, open_again, read_again};
use crate::store::{ArchiveBatch, Store, StoreError};

/// Bytes read at once from a source once more.
const AGAIN: u64 = 1 << 20;
/// Segments looked back at for unfinished renames.
const LOOK_BACK: u32 = 10_000;

/// The archive of one pipeline.
#[derive(Debug)]
pub struct Archive {
    sealer: Sealer,
    settings: EvidenceSettings,
    sources: BTreeMap<SourceId, Arc<str>>,
    datasets: BTreeMap<u32, String>,
    /// Files the store has a row for, and those begun in this batch.
    known: BTreeSet<SegmentId>,
    begun: Vec<(SegmentId, u64, Vec<u8>, SourceId)>,
    /// Finished segments whose entries are in the batch on its way: from, to.
    placing: Vec<(PathBuf, PathBuf)>,
    next: u64,
    ticked: Option<WallTime>,
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
            made.map_err(|e| failed("make", dir, &e))?;
        }
        let newest = store.ledger_newest("segment", LOOK_BACK)?;
        place_left(&settings.folder, &newest)?;
        let sealer = Sealer::start(SealerSettings {
            tmp,
            recipients: settings.recipients.clone(),
            level: settings.level,
            bytes_max: settings.segment_bytes,
            open_max: settings.segment_every,
            salt_key: unhex(&salt).unwrap_or_default(),
        });
        Ok(Archive {
            sealer: sealer.map_err(|e| failed("start sealing in", &settings.folder, &e))?,
            settings,
            sources: sources.iter().map(|(id, name)| (*id, Arc::from(*name))).collect(),
            datasets: datasets.iter().cloned().collect(),
            known: BTreeSet::new(),
            begun: Vec::new(),
            placing: Vec::new(),
            next: newest
                .first()
                .and_then(|e| e.number("n"))
                .map_or(1, |n| n.saturating_add(1)),
            ticked: None,
        })
    }

    /// Takes what a turn of a source consumed.
    pub fn take(&mut self, source: SourceId, raws: Vec<Raw>, facts: &Facts, now: WallTime) {
        for raw in raws {
            let Some(name) = self.sources.get(&source) else {
                continue;
            };
            if self.known.insert(raw.segment) {
                self.begun.push((raw.segment, raw.from, raw.states.0.clone(), source));
            }
            let piece = Piece {
                file: raw.segment.0,
                source: Arc::clone(name),
                from: raw.from,
                bytes: raw.bytes,
                states: raw.states,
            };
            self.sealer.take(piece, facts.clone(), now);
        }
    }

    /// Closes the segments of files that are read to their end.
    pub fn ended(&self, states: &[(SegmentState, Option<u64>)]) {
        let over = |state: &SegmentState| matches!(state.phase, Phase::Sealed | Phase::Lost);
        states
            .iter()
            .filter(|(state, _)| over(state))
            .for_each(|(state, _)| self.sealer.close(state.id.0));
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
        for (segment, from, state, source) in self.begun.drain(..) {
            let name = self.sources.get(&source).map_or("", |n| n);
            let path = paths(segment).unwrap_or_default();
            let entry = Entry::new("file", now)
                .with("src", name)
                .with("file", segment.0)
                .with("from", from)
                .with("path", path.to_string_lossy().into_owned());
            batch.entries.push(entry);
            batch.begun.push((segment, from, state));
        }
        for finished in self.sealer.finished() {
            let segment = SegmentId(finished.beginning.file);
            let entry = self.entry(&finished, now)?;
            batch.entries.push(entry);
            batch.reached.push((segment, finished.to, finished.state));
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
            std::fs::rename(&from, &waiting).map_err(|e| failed("name", &from, &e))?;
            self.placing.push((waiting, folder.join(place)));
        }
        sync_folder(&folder.join("tmp/x")).map_err(|e| failed("write", folder, &e))?;
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
            .with("idx", hex(&finished.index.0))
            .with("idx_len", finished.index.1)
            .with("keep_until", self.keep_until(&datasets, finished, now))
            .with("datasets", datasets.into_iter().map(String::as_str).collect::<Vec<_>>());
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

    /// The batch is committed: its segments get their places.
    ///
    /// # Errors
    /// The folder; the next start does what is left.
    pub fn place(&mut self) -> Result<(), PipelineError> {
        self.placing.drain(..).try_for_each(|(from, to)| put(&from, &to))
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
        let open = |o: crate::evidence::OpenSegment| serde_json::json!({"src": o.source.as_ref(), "file": o.file, "off": [o.span.0, o.span.1], "recs": o.lines, "root": hex(&o.root)});
        self.sealer.open().into_iter().map(open).collect()
    }

    /// Why nothing is sealed at present.
    pub fn failed(&self) -> Option<String> {
        self.sealer.failed()
    }

    /// Goes back to what the store holds, and reads from the sources once more what was consumed and not sealed.
    ///
    /// # Errors
    /// The store.
    pub fn again(&mut self, store: &mut Store, sources: &[SourceId], now: WallTime) -> Result<(), PipelineError> {
        self.sealer.forget();
        self.begun.clear();
        self.placing.clear();
        self.known.clear();
        let newest = store.ledger_last("segment")?;
        self.next = newest.and_then(|e| e.number("n")).map_or(1, |n| n.saturating_add(1));
        let mut lost = ArchiveBatch::default();
        for source in sources {
            for state in store.segments(*source)? {
                let Some((from, format_state)) = store.archived(&state)? else {
                    continue;
                };
                self.known.insert(state.id);
                if from < state.position && !self.read_again(*source, &state, (from, format_state), now) {
                    let name = self.sources.get(source).map_or("", |n| n);
                    error!(source = name, path = %state.path.display(), from, to = state.position, "consumed bytes cannot be archived any more");
                    let entry = Entry::new("gap", now)
                        .with("src", name)
                        .with("file", state.id.0)
                        .with("why", "archive")
                        .with("off", vec![from, state.position])
                        .with("detail", "counted, but the file was gone before its bytes were sealed");
                    lost.entries.push(entry);
                    lost.reached
                        .push((state.id, state.position, state.format_state.clone()));
                }
            }
        }
        Ok(store.archive_commit(&lost)?)
    }

    fn read_again(
        &self,
        source: SourceId,
        state: &SegmentState,
        (from, format_state): (u64, Vec<u8>),
        now: WallTime,
    ) -> bool {
        let (Some(mut file), Some(name)) = (open_again(state), self.sources.get(&source)) else {
            return false;
        };
        let mut at = from;
        while at < state.position {
            let len = state.position.saturating_sub(at).min(AGAIN);
            let wanted = usize::try_from(len).unwrap_or(0);
            let Some(bytes) = read_again(&mut file, at, wanted).ok().filter(|b| b.len() == wanted) else {
                warn!(path = %state.path.display(), at, "cannot be read again");
                return false;
            };
            let piece = Piece {
                file: state.id.0,
                source: Arc::clone(name),
                from: at,
                bytes,
                states: (format_state.clone(), state.format_state.clone()),
            };
            self.sealer.take(piece, Facts::unknown(), now);
            at = at.saturating_add(len);
        }
        if matches!(state.phase, Phase::Sealed | Phase::Lost) {
            self.sealer.close(state.id.0);
        }
        true
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> PipelineError {
    PipelineError::Store(StoreError::Refused(format!(
        "cannot {what} {}: {error}",
        path.display()
    )))
}

/// Gives a file its place, durably.
fn put(from: &Path, to: &Path) -> Result<(), PipelineError> {
    use std::os::unix::fs::DirBuilderExt;
    let place = || {
        if let Some(folder) = to.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
        }
        std::fs::rename(from, to)?;
        sync_folder(to)
    };
    place().map_err(|e| failed("place", to, &e))
}

/// Finishes what a crash interrupted: committed segments get their places, others are thrown away.
fn place_left(folder: &Path, newest: &[Entry]) -> Result<(), PipelineError> {
    let tmp = folder.join("tmp");
    let files = std::fs::read_dir(&tmp).map_err(|e| failed("read", &tmp, &e))?;
    for path in files.filter_map(|f| Some(f.ok()?.path())) {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let number = name
            .strip_prefix('n')
            .and_then(|n| n.get(..8))
            .and_then(|n| n.parse::<u64>().ok());
        let entry = number.and_then(|n| newest.iter().find(|e| e.number("n") == Some(n)));
        let place = match (entry, name.ends_with(".part")) {
            (Some(entry), true) => Some(folder.join(entry.text("name"))),
            (Some(_), false) => number.map(|n| folder.join(format!("idx/{n:08}.idx"))),
            (None, _) => None,
        };
        match place {
            Some(place) => put(&path, &place)?,
            None => std::fs::remove_file(&path).map_err(|e| failed("remove", &path, &e))?,
        }
    }
    Ok(())
}
