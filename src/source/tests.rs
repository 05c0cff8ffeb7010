//! The tailer on real files, stepped by hand. The oracle of every test: each numbered line exactly once.

mod durable;
mod faults;
mod framing;
mod gone;
mod integrity;
mod limits;
mod long;
mod open;
mod packed;
mod plain;
mod random;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::access::{Damage, LineRef};

/// One line as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    text: String,
    at: LineRef,
    damage: Option<Damage>,
}

/// A directory with logs, a tailer over them and what a store would hold.
struct World {
    dir: TempDir,
    settings: SourceSettings,
    tailer: Tailer,
    stored: BTreeMap<SegmentId, SegmentState>,
    chunks: BTreeMap<(SegmentId, u64), ChunkHash>,
    begun: Vec<String>,
    /// Lines of committed batches.
    lines: Vec<Seen>,
    /// Lines of the batch that is being made.
    batch: Vec<Seen>,
    events: Vec<SourceEvent>,
    next: i64,
    now: WallTime,
    budget: usize,
    /// How many columns rows have; 0: nobody knows.
    columns: usize,
}

const WAIT: Duration = Duration::from_secs(600);

impl World {
    fn new() -> World {
        World::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut SourceSettings)) -> World {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = SourceSettings {
            journal: None,
            name: "web".to_owned(),
            paths: vec![dir.path().join("access.log").to_str().unwrap().to_owned()],
            rotated_in: Vec::new(),
            encoding: Encoding::Utf8,
            start: Start::Beginning,
            quoted_newlines: false,
            framing: crate::text::framing::Framing::Lines,
            delimiter: None,
            line_bytes_max: 65_536,
            rotate_wait: WAIT,
        };
        change(&mut settings);
        for path in &mut settings.paths {
            *path = dir.path().join(&*path).to_str().unwrap().to_owned();
        }
        let tailer = Tailer::open(settings.clone(), SourceId(1), Known::default());
        World {
            dir,
            settings,
            tailer,
            stored: BTreeMap::new(),
            chunks: BTreeMap::new(),
            begun: Vec::new(),
            lines: Vec::new(),
            batch: Vec::new(),
            events: Vec::new(),
            next: 0,
            now: WallTime::from_secs(1_000_000),
            budget: 1 << 20,
            columns: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// A writer that keeps its file open whatever happens to the name.
    fn writer(&self, name: &str) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap()
    }

    fn scan(&mut self) {
        let next = &mut self.next;
        self.tailer.scan(self.now, &mut || {
            *next += 1;
            SegmentId(*next)
        });
    }

    fn read(&mut self) -> ReadOutcome {
        let (next, batch) = (&mut self.next, &mut self.batch);
        let mut new_id = || {
            *next += 1;
            SegmentId(*next)
        };
        let mut sink = |line: crate::access::Line<'_>, state: &mut Vec<u8>| {
            // What a format remembers is stored with the position: here, how many lines it saw.
            let seen = state.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b)) + 1;
            *state = seen.to_le_bytes().to_vec();
            let text = String::from_utf8_lossy(line.bytes).into_owned();
            batch.push(Seen {
                text,
                at: line.at,
                damage: line.damage,
            });
        };
        self.tailer.read(self.now, self.budget, &mut new_id, &mut sink)
    }

    /// Everything there is to read, as a wake-up would have it: poll, then read until there is no more.
    fn drain(&mut self) {
        self.tailer.poll();
        while self.read().more {}
    }

    fn commit(&mut self) {
        let handed = self.tailer.hand_over();
        self.store(handed);
        self.events.append(&mut self.tailer.take_events());
        self.tailer.committed();
        self.lines.append(&mut self.batch);
    }

    fn store(&mut self, handed: Handed) {
        for state in handed.segments {
            self.stored.insert(state.id, state);
        }
        for chunk in handed.chunks {
            self.chunks.insert((chunk.segment, chunk.index), chunk);
        }
        self.begun.extend(handed.begun);
    }

    /// Looks at everything that was consumed again.
    fn look_again(&mut self) {
        while let Some(check) = self.tailer.next_check() {
            let stored = self.chunks.get(&(check.segment, check.index)).copied();
            self.tailer.check(check, stored.as_ref(), self.now);
        }
    }

    /// Scan, read all, commit.
    fn step(&mut self) {
        self.scan();
        self.drain();
        self.commit();
    }

    fn known(&self) -> Known {
        let active = |c: &&ChunkHash| {
            let seg = self.stored.get(&c.segment);
            seg.is_some_and(|s| matches!(s.phase, Phase::Live | Phase::Rotated))
        };
        Known {
            segments: self.stored.values().cloned().collect(),
            chunks: self.chunks.values().filter(active).copied().collect(),
            begun: self.begun.clone(),
        }
    }

    /// kill -9 and a new start: what was not committed never happened.
    fn restart(&mut self) {
        self.batch.clear();
        self.next = self.stored.keys().next_back().map_or(0, |id| id.0);
        self.tailer = Tailer::open(self.settings.clone(), SourceId(1), self.known());
        self.know_columns(self.columns);
    }

    fn know_columns(&mut self, declared: usize) {
        self.columns = declared;
        self.tailer.know_columns(Columns { declared, of: |_| 0 });
    }

    /// A batch failed in the running process.
    fn fail_batch(&mut self) {
        self.batch.clear();
        self.next = self.stored.keys().next_back().map_or(0, |id| id.0);
        let known = self.known();
        self.tailer.reset(known);
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    /// Quiet long enough for everything that can be sealed to be sealed.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.step();
            self.pass(WAIT);
        }
        self.step();
    }

    fn texts(&self) -> Vec<&str> {
        self.lines.iter().map(|l| l.text.as_str()).collect()
    }

    fn sorted(&self) -> Vec<&str> {
        let mut texts = self.texts();
        texts.sort_unstable();
        texts
    }

    fn kinds(&self) -> Vec<SourceEventKind> {
        self.events.iter().map(|e| e.kind).collect()
    }

    fn phases(&self) -> Vec<(String, Phase)> {
        let name = |p: &Path| p.file_name().unwrap().to_str().unwrap().to_owned();
        self.stored.values().map(|s| (name(&s.path), s.phase)).collect()
    }
}

/// A segment of no file.
pub(super) fn state() -> SegmentState {
    SegmentState {
        id: SegmentId(1),
        source: SourceId(1),
        path: PathBuf::from("/var/log/a.log"),
        incarnation: Incarnation::default(),
        position: 10,
        inside: false,
        lines: 2,
        head: Proof::default(),
        window: Proof::default(),
        phase: Phase::Live,
        format_state: Vec::new(),
        last_read: WallTime::from_secs(0),
        caught_at: WallTime::from_secs(0),
        origin: 0,
        part: Proof::default(),
        chain: [0; 32],
        boot: 0,
        marks: Vec::new(),
    }
}

/// `line-007` for each number of `range`.
fn numbered(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("line-{n:03}")).collect()
}

fn text(range: std::ops::Range<u32>) -> String {
    numbered(range).iter().map(|l| format!("{l}\n")).collect()
}
