//! One source on its way into the batch: its files, its encoding, its format.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::PipelineError;
use super::ahead::{Ahead, Seen};
use super::batch::{OfSources, Work};
use crate::access::{Damage, Line, LineRef, SegmentId, SourceId};
use crate::clock::WallTime;
use crate::config::SourceConfig;
use crate::parse::{Format, FormatState, Why};
use crate::source::{Decoder, Following, Incarnation, Known, SourceEvent};
use crate::store::{Store, Tally};

/// Most chunks tried in one go: files that are gone cost an attempt to open them.
const CHECKS_MAX: u32 = 64;

#[derive(Debug)]
pub(super) struct Lane {
    id: SourceId,
    index: usize,
    tailer: Following,
    reader: Reader,
    ahead: Ahead,
    /// Position of each segment as handed over last.
    handed: HashMap<SegmentId, u64>,
    events: Vec<SourceEvent>,
    more: bool,
    /// Something may be there to read: a scan or a look at the files said so.
    ready: bool,
}

/// What turns lines of this source into records.
#[derive(Debug)]
struct Reader {
    format: Format,
    decoder: Decoder,
    /// The segment the last line stood in, with its state: most lines stand in the same one.
    current: (SegmentId, FormatState),
    states: HashMap<SegmentId, FormatState>,
    tally: Tally,
}

/// What one turn read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turn {
    pub lines: u64,
    pub more: bool,
}

impl Lane {
    pub fn new(source: &SourceConfig, id: SourceId, index: usize, format: Format, known: Known) -> Lane {
        let handed = known.segments.iter().map(|s| (s.id, s.position)).collect();
        Lane {
            id,
            index,
            tailer: Following::open(source.read.clone(), id, known),
            reader: Reader {
                format,
                decoder: Decoder::new(source.read.encoding),
                current: (SegmentId(0), FormatState::default()),
                states: HashMap::new(),
                tally: Tally::default(),
            },
            ahead: Ahead::default(),
            handed,
            events: Vec::new(),
            more: false,
            ready: true,
        }
    }

    pub fn id(&self) -> SourceId {
        self.id
    }

    pub fn scan(&mut self, now: WallTime, next: &mut SegmentId) {
        self.tailer.scan(now, &mut || fresh(next));
        self.ready = true;
        self.events.extend(self.tailer.take_events());
    }

    pub fn poll(&mut self) -> bool {
        let ready = self.tailer.poll();
        self.ready |= ready;
        ready
    }

    pub fn written(&mut self, files: &[Incarnation]) -> bool {
        let ready = self.tailer.written(files);
        self.ready |= ready;
        ready
    }

    pub fn has_more(&mut self) -> bool {
        self.more
    }

    /// Whether a commit would write anything of this source.
    pub fn has_changes(&self) -> bool {
        !self.events.is_empty() || self.tailer.has_changes()
    }

    pub fn idle(&self) -> bool {
        !self.more && self.tailer.idle()
    }

    pub fn watch_dirs(&self) -> Vec<PathBuf> {
        self.tailer.watch_dirs()
    }

    pub fn read(
        &mut self,
        now: WallTime,
        budget: usize,
        skew: Duration,
        next: &mut SegmentId,
        work: &mut Work,
    ) -> Result<Turn, PipelineError> {
        if !self.ready {
            return Ok(Turn::default());
        }
        let Lane {
            tailer,
            reader,
            id,
            index,
            more,
            ahead,
            ..
        } = self;
        work.begin_turn(now, skew, (*id, *index));
        // Where the last turn did not reach the end, this one is full: two threads are worth their while.
        let run_ahead = *more && reader.may_run_ahead();
        let mut result = Ok(());
        let outcome = tailer.read(now, budget, &mut || fresh(next), &mut |line, format_state| {
            if run_ahead && line.damage != Some(Damage::Oversize) {
                ahead.gather(&line);
            } else if result.is_ok() {
                result = reader.line(line, format_state, *index, work);
            }
        });
        result?;
        if run_ahead {
            let surveyor = Arc::clone(work.surveyor());
            let tally = &mut reader.tally;
            ahead.read(&reader.format, &surveyor, *index, |seen, line| {
                tally.lines += 1;
                take(tally, seen, line, work)
            })?;
        }
        reader.tally.bytes = reader.tally.bytes.saturating_add(outcome.bytes);
        reader.tally.newest = reader.tally.newest.max(work.turn_newest());
        self.events.extend(self.tailer.take_events());
        self.more = outcome.more;
        self.ready = outcome.more;
        Ok(Turn {
            lines: outcome.lines,
            more: outcome.more,
        })
    }

    /// From now on keeps consumed bytes for the archive.
    pub fn keep_raw(&mut self) {
        self.tailer.keep_raw();
    }

    /// Consumed bytes since the last call.
    pub fn take_raw(&mut self) -> Vec<crate::source::Raw> {
        self.tailer.take_raw()
    }

    /// Looks again at about `budget` of the bytes that were consumed; gives how many were looked at.
    pub fn verify(&mut self, now: WallTime, budget: u64, store: &Store) -> Result<u64, PipelineError> {
        let mut done = 0u64;
        for _ in 0..CHECKS_MAX {
            if budget <= done {
                break;
            }
            let Some(check) = self.tailer.next_check() else { break };
            let stored = store.chunk(check.segment, check.index)?;
            done = done.saturating_add(self.tailer.check(check, stored.as_ref(), now));
        }
        self.events.extend(self.tailer.take_events());
        Ok(done)
    }

    /// Hands over what the batch has to write of this source. It counts as committed from `settled` on; if the commit
    /// fails, everything is forgotten and begun again from the store (`reset`).
    pub fn hand_over(&mut self, to: &mut OfSources) {
        let handed = self.tailer.hand_over();
        for state in handed.segments {
            let before = self.handed.insert(state.id, state.position);
            to.segments.push((state, before));
        }
        to.chunks.extend(handed.chunks);
        to.begun
            .extend(handed.begun.into_iter().map(|pattern| (self.id, pattern)));
        to.events.append(&mut self.events);
        let tally = std::mem::take(&mut self.reader.tally);
        if tally != Tally::default() {
            to.tallies.push((self.id, tally));
        }
    }

    /// What was handed over last is durable. Only now files that are over are let go.
    pub fn settled(&mut self) {
        self.tailer.committed();
    }

    pub fn reset(&mut self, known: Known) {
        self.handed = known.segments.iter().map(|s| (s.id, s.position)).collect();
        self.tailer.reset(known);
        self.reader.states.clear();
        self.reader.current = (SegmentId(0), FormatState::default());
        self.reader.tally = Tally::default();
        self.events.clear();
        self.more = false;
        self.ready = true;
    }
}

fn fresh(next: &mut SegmentId) -> SegmentId {
    let id = *next;
    next.0 = next.0.saturating_add(1);
    id
}

impl Reader {
    /// Whether lines may be read ahead on another thread: as they stand in the file, by a format that remembers
    /// nothing worth keeping.
    fn may_run_ahead(&self) -> bool {
        self.decoder.is_transparent() && self.format.is_stateless()
    }

    fn line(
        &mut self,
        line: Line<'_>,
        stored: &mut Vec<u8>,
        index: usize,
        work: &mut Work,
    ) -> Result<(), PipelineError> {
        self.tally.lines += 1;
        let decoded = self.decoder.decode(line.bytes);
        if decoded.damaged {
            self.tally.damaged += 1;
        }
        if line.damage == Some(Damage::Oversize) {
            self.tally.rejects += 1;
            work.reject(Why::Oversize, line.at);
            return Ok(());
        }
        let state = self
            .states
            .entry(line.at.segment)
            .or_insert_with(|| FormatState::from_bytes(stored));
        let version = state.version();
        let parsed = self.format.parse(decoded.text, state);
        if state.version() != version {
            *stored = state.to_bytes();
        }
        let seen = Seen::of(parsed, index, work.surveyor());
        take(&mut self.tally, &seen, (line.at, line.damage), work)
    }
}

fn take(
    tally: &mut Tally,
    seen: &Seen<'_>,
    (at, damage): (LineRef, Option<Damage>),
    work: &mut Work,
) -> Result<(), PipelineError> {
    match seen {
        Seen::Nothing => tally.nothing += 1,
        Seen::Record(record) => work.record(record, at, tally)?,
        Seen::Reject(why) => {
            tally.rejects += 1;
            let nul = damage == Some(Damage::Nul);
            work.reject(if nul { Why::Nul } else { *why }, at);
        }
    }
    Ok(())
}
