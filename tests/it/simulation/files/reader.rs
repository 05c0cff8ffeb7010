//! The product's tailer, stepped by hand, and what a store would hold of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

use sekimori::access::{Damage, Line, SegmentId, SourceId};
use sekimori::clock::WallTime;
use sekimori::fault::Died;
use sekimori::source::{
    ChunkHash, Encoding, Incarnation, Known, Phase, SegmentState, SourceEvent, SourceSettings, Start, Tailer,
};

use super::script::Senses;

/// How long a rotated file is followed after its end was reached.
pub(crate) const WAIT: Duration = Duration::from_secs(60);
/// Longest record kept whole.
pub(crate) const LINE_MAX: usize = 4_096;

const SOURCE: SourceId = SourceId(1);

/// One line, as the store would count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) text: String,
    pub(crate) oversize: bool,
}

/// What is durable: positions, lines, events, together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) segments: BTreeMap<SegmentId, SegmentState>,
    pub(crate) chunks: BTreeMap<(SegmentId, u64), ChunkHash>,
    pub(crate) begun: Vec<String>,
    pub(crate) lines: Vec<Got>,
    /// Events, each with the number of its commit.
    pub(crate) events: Vec<(u64, SourceEvent)>,
}

pub(crate) struct Reader {
    settings: SourceSettings,
    tailer: Tailer,
    pub(crate) kept: Kept,
    batch: Vec<Got>,
    next: i64,
    /// Commits so far, of all processes.
    pub(crate) commits: u64,
    /// Processes so far.
    pub(crate) lives: u64,
    pub(crate) now: WallTime,
    budget: usize,
    senses: Senses,
    /// Files that were written to since the last look, and whether names changed.
    written: Vec<Incarnation>,
    renamed: bool,
}

impl Reader {
    pub(crate) fn new(paths: Vec<String>, budget: usize, senses: Senses) -> Reader {
        let settings = SourceSettings {
            journal: None,
            name: "web".to_owned(),
            paths,
            rotated_in: Vec::new(),
            encoding: Encoding::Utf8,
            start: Start::Beginning,
            quoted_newlines: false,
            framing: sekimori::text::framing::Framing::Lines,
            delimiter: None,
            line_bytes_max: LINE_MAX,
            rotate_wait: WAIT,
        };
        Reader {
            tailer: Tailer::open(settings.clone(), SOURCE, Known::default()),
            settings,
            kept: Kept::default(),
            batch: Vec::new(),
            next: 0,
            commits: 0,
            lives: 0,
            now: WallTime::from_secs(1_800_000_000),
            budget,
            senses,
            written: Vec::new(),
            renamed: true,
        }
    }

    /// The kernel says that `ino` was written to.
    pub(crate) fn tell_written(&mut self, (dev, ino): (u64, u64)) {
        self.written.push(Incarnation {
            dev,
            ino,
            ..Incarnation::default()
        });
    }

    /// The kernel says that names came, went or changed.
    pub(crate) fn tell_renamed(&mut self) {
        self.renamed = true;
    }

    /// Does `what` unless the process dies in it; then it starts again.
    fn alive(&mut self, what: impl FnOnce(&mut Reader)) -> bool {
        let lived = catch_unwind(AssertUnwindSafe(|| what(self)));
        match lived {
            Ok(()) => true,
            Err(panic) if panic.is::<Died>() => {
                sekimori::fault::disarm();
                self.restart();
                false
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    pub(crate) fn scan(&mut self) -> bool {
        self.alive(|r| {
            let next = &mut r.next;
            r.tailer.scan(r.now, &mut || fresh(next));
            r.renamed = false;
        })
    }

    /// One reading, as a wake-up or a look at the files has it.
    pub(crate) fn read(&mut self) -> bool {
        let mut more = false;
        self.alive(|r| more = r.read_once());
        more
    }

    fn look(&mut self) {
        if self.senses != Senses::Polling {
            let written = std::mem::take(&mut self.written);
            self.tailer.written(&written);
        }
        if self.senses != Senses::WakeUps {
            self.tailer.poll();
        }
    }

    fn read_once(&mut self) -> bool {
        self.look();
        let (next, batch) = (&mut self.next, &mut self.batch);
        let mut sink = |line: Line<'_>, state: &mut Vec<u8>| {
            // What a format remembers is stored with the position.
            let seen = state.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b)) + 1;
            *state = seen.to_le_bytes().to_vec();
            batch.push(Got {
                text: String::from_utf8_lossy(line.bytes).into_owned(),
                oversize: line.damage == Some(Damage::Oversize),
            });
        };
        let read = self.tailer.read(self.now, self.budget, &mut || fresh(next), &mut sink);
        read.more
    }

    pub(crate) fn commit(&mut self) -> Result<(), String> {
        self.commits += 1;
        let handed = self.tailer.hand_over();
        let chunks = handed.chunks.into_iter().map(|c| ((c.segment, c.index), c));
        self.kept.chunks.extend(chunks);
        self.kept.begun.extend(handed.begun);
        for state in handed.segments {
            let before = self.kept.segments.get(&state.id);
            if before.is_some_and(|b| state.position < b.position) {
                return Err(format!("a position went back: {before:?} -> {state:?}"));
            }
            self.kept.segments.insert(state.id, state);
        }
        let commit = self.commits;
        let events = self.tailer.take_events().into_iter();
        self.kept.events.extend(events.map(|e| (commit, e)));
        self.tailer.committed();
        self.kept.lines.append(&mut self.batch);
        Ok(())
    }

    /// Lists, reads everything there is, commits. False where the process died in it.
    pub(crate) fn step(&mut self) -> Result<bool, String> {
        if !self.scan() {
            return Ok(false);
        }
        for turn in 0.. {
            if turn == 100_000 {
                return Err("reading finds no end".to_owned());
            }
            let mut more = false;
            if !self.alive(|r| more = r.read_once()) {
                return Ok(false);
            }
            if !more {
                break;
            }
        }
        self.commit().map(|()| true)
    }

    /// Looks again at everything that was consumed, as the daemon does a little at a time.
    pub(crate) fn look_again(&mut self) {
        while let Some(check) = self.tailer.next_check() {
            let stored = self.kept.chunks.get(&(check.segment, check.index));
            self.tailer.check(check, stored, self.now);
        }
    }

    fn known(&self) -> Known {
        let read_from = |c: &&ChunkHash| {
            let of = self.kept.segments.get(&c.segment);
            of.is_some_and(|s| matches!(s.phase, Phase::Live | Phase::Rotated))
        };
        Known {
            segments: self.kept.segments.values().cloned().collect(),
            chunks: self.kept.chunks.values().filter(read_from).copied().collect(),
            begun: self.kept.begun.clone(),
        }
    }

    /// `kill -9` and a new start: what was not committed never happened.
    pub(crate) fn restart(&mut self) {
        self.lives += 1;
        self.batch.clear();
        self.renamed = true;
        self.next = self.kept.segments.keys().next_back().map_or(0, |id| id.0);
        self.tailer = Tailer::open(self.settings.clone(), SOURCE, self.known());
    }

    /// A batch failed in the running process.
    pub(crate) fn fail(&mut self) {
        self.batch.clear();
        self.next = self.kept.segments.keys().next_back().map_or(0, |id| id.0);
        let known = self.known();
        self.tailer.reset(known);
    }

    /// A new start with a store that was saved earlier.
    pub(crate) fn put_back(&mut self, kept: Kept) {
        self.kept = kept;
        self.restart();
    }

    /// A new start with other settings.
    pub(crate) fn reconfigure(&mut self, paths: Vec<String>, line_max: usize) {
        self.settings.paths = paths;
        self.settings.line_bytes_max = line_max;
        self.restart();
    }
}

fn fresh(next: &mut i64) -> SegmentId {
    *next += 1;
    SegmentId(*next)
}

/// The paths of the two logs in `dir`.
pub(crate) fn paths(dir: &Path, wide: bool) -> Vec<String> {
    let name = |log: &str| dir.join(log).to_str().unwrap().to_owned() + if wide { "*" } else { "" };
    vec![name("access.log"), name("admin.log")]
}
