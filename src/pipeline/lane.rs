//! One source on its way into the batch: its files, its encoding, its format.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::PipelineError;
use super::ahead::{self, Handful, Sink};
use super::batch::{OfSources, Work};
use super::odd::{Dated, Oddities};
use crate::access::{Damage, Line, SegmentId, SourceId};
use crate::clock::{EventTime, WallTime};
use crate::config::SourceConfig;
use crate::parse::place::Surveyor;
use crate::parse::{Format, FormatState, Parsed, Why};
use crate::source::{Columns, Decoder, Following, Incarnation, Known, SourceEvent};
use crate::store::{Store, Tally};

/// Most chunks tried in one go: files that are gone cost an attempt to open them.
const CHECKS_MAX: u32 = 64;

#[derive(Debug)]
pub(super) struct Lane {
    id: SourceId,
    index: usize,
    tailer: Following,
    reader: Reader,
    /// What was judged of this source since the last commit.
    judged: Tally,
    /// Position of each segment as handed over last.
    handed: HashMap<SegmentId, u64>,
    events: Vec<SourceEvent>,
    more: bool,
    /// The last turn reached the end: what the next one reads was just written.
    caught: bool,
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
    /// Lines read since the last commit, and how many of them were damaged.
    read: (u64, u64),
    /// What is noticed beside the accesses.
    oddities: Oddities,
    /// When this turn reads: the year of stamps that write none.
    read_at: EventTime,
}

/// Bytes of a turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Where the end was reached last time.
    pub usual: usize,
    /// While behind: the longer two threads go on side by side, the less one of them waits.
    pub behind: usize,
}

/// What one turn read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turn {
    pub lines: u64,
    pub bytes: u64,
    /// Bytes looked at.
    pub scanned: u64,
    pub more: bool,
}

impl Lane {
    pub fn new(source: &SourceConfig, id: SourceId, index: usize, format: Format, known: Known) -> Lane {
        let handed = known.segments.iter().map(|s| (s.id, s.position)).collect();
        let oddities = Oddities::new(&known.segments);
        let mut tailer = Following::open(source.read.clone(), id, known);
        tailer.know_columns(columns_of(&format));
        Lane {
            id,
            index,
            tailer,
            reader: Reader {
                format,
                decoder: Decoder::new(source.read.encoding),
                current: (SegmentId(0), FormatState::default()),
                states: HashMap::new(),
                read: (0, 0),
                oddities,
                read_at: EventTime::from_micros(0),
            },
            judged: Tally::default(),
            handed,
            events: Vec::new(),
            more: false,
            caught: false,
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

    /// No more is expected: takes the last record of each file as whole.
    pub fn settle(&mut self) -> bool {
        let ready = self.tailer.settle();
        self.ready |= ready;
        ready
    }

    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Bytes that were not read, as of the last look; `None`: nobody can say.
    pub fn unread(&self) -> Option<u64> {
        if self.more { self.tailer.unread() } else { Some(0) }
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
        budget: Budget,
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
            judged,
            index,
            ..
        } = self;
        work.begin_turn(now, skew, (self.id, *index))?;
        reader.read_at = EventTime::from_micros(now.micros());
        let budget = if self.more { budget.behind } else { budget.usual };
        let surveyor = Arc::clone(work.surveyor());
        let read = |sink: &mut Sink<'_>| {
            let mut handful = Handful::default();
            let outcome = tailer.read(now, budget, &mut || fresh(next), &mut |line, state| {
                reader.line(&line, state, (*index, &surveyor), &mut handful);
                if handful.is_full() {
                    sink(&mut handful);
                }
            });
            if !handful.is_empty() {
                sink(&mut handful);
            }
            outcome
        };
        let judge = |handful: &Handful| work.judge(handful, judged);
        let outcome = match self.more {
            true => ahead::side_by_side(read, judge)?,
            false => ahead::alone(read, judge)?,
        };
        self.judged.bytes = self.judged.bytes.saturating_add(outcome.bytes);
        let (newest, seen, odd) = work.turned();
        self.judged.newest = self.judged.newest.max(newest);
        let dated = Dated {
            newest: seen,
            lines: outcome.lines,
            odd,
            live: std::mem::replace(&mut self.caught, !outcome.more) && !outcome.more,
        };
        self.events.extend(self.reader.oddities.turn(self.id, dated, now));
        self.events.extend(self.tailer.take_events());
        self.more = outcome.more;
        self.ready = outcome.more;
        Ok(Turn {
            lines: outcome.lines,
            bytes: outcome.bytes,
            scanned: outcome.scanned,
            more: outcome.more,
        })
    }

    /// Leaves out what only a later run could ask for.
    pub fn for_once(&mut self) {
        self.tailer.without_hashes();
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
        self.reader.oddities.handed_over();
        for state in handed.segments {
            let before = self.handed.insert(state.id, state.position);
            to.segments.push((state, before));
        }
        to.chunks.extend(handed.chunks);
        to.begun
            .extend(handed.begun.into_iter().map(|pattern| (self.id, pattern)));
        to.events.append(&mut self.events);
        let mut tally = std::mem::take(&mut self.judged);
        (tally.lines, tally.damaged) = std::mem::take(&mut self.reader.read);
        if tally != Tally::default() {
            to.tallies.push((self.id, tally));
        }
    }

    /// What was handed over last is durable. Only now files that are over are let go.
    pub fn settled(&mut self) {
        self.tailer.committed();
        self.reader.oddities.settled();
    }

    pub fn reset(&mut self, known: Known) {
        self.handed = known.segments.iter().map(|s| (s.id, s.position)).collect();
        self.tailer.reset(known);
        self.reader.states.clear();
        self.reader.current = (SegmentId(0), FormatState::default());
        self.reader.read = (0, 0);
        self.reader.oddities.reset();
        self.judged = Tally::default();
        self.events.clear();
        self.more = false;
        self.caught = false;
        self.ready = true;
    }
}

impl super::Pipeline {
    /// No more is expected: takes the last record of each file as whole where its end would only show with the next. Is
    /// there something to read now?
    pub fn end_records(&mut self) -> bool {
        let mut ready = false;
        for lane in &mut self.lanes {
            ready |= lane.settle();
        }
        ready
    }
}

/// How many columns rows of this format have.
pub(super) fn columns_of(format: &Format) -> Columns {
    Columns {
        declared: format.declared_columns(),
        of: FormatState::columns_in,
    }
}

/// Reads a line in which something may be wrong as bytes. Damage is the reason only where nothing came of the line for it.
pub(super) fn parse_damaged<'a>(
    format: &Format,
    text: &'a [u8],
    damage: Option<Damage>,
    state: &mut FormatState,
) -> Parsed<'a> {
    if damage == Some(Damage::Oversize) {
        return format.parse_head(text, state);
    }
    match (format.parse(text, state), damage) {
        (Parsed::Reject(_), Some(Damage::Nul)) => Parsed::Reject(Why::Nul),
        (Parsed::Reject(_), Some(Damage::OpenQuote)) => Parsed::Reject(Why::OpenQuote),
        (parsed, _) => parsed,
    }
}

fn fresh(next: &mut SegmentId) -> SegmentId {
    let id = *next;
    next.0 = next.0.saturating_add(1);
    id
}

impl Reader {
    /// Adds what a line is to `to`; `stored` is what is kept of the state of its segment.
    fn line(&mut self, line: &Line<'_>, stored: &mut Vec<u8>, (index, surveyor): (usize, &Surveyor), to: &mut Handful) {
        if self.current.0 != line.at.segment {
            self.change_segment(line.at.segment, stored);
        }
        let decoded = self.decoder.decode(line.bytes);
        self.read.0 += 1;
        self.read.1 += u64::from(decoded.damaged);
        self.oddities.look(decoded.text, line.at);
        if let Some(damage) = line.damage {
            self.oddities.damaged(damage, line.at);
        }
        let state = &mut self.current.1;
        state.read_at(self.read_at);
        let (version, headers) = (state.version(), state.headers());
        let parsed = parse_damaged(&self.format, decoded.text, line.damage, state);
        self.oddities.parsed(&parsed, line.at);
        to.push(parsed, line.at, index, surveyor);
        if let Some(lacking) = state.take_lacking() {
            self.oddities.lacking(&lacking, line.at);
        }
        if state.version() != version {
            *stored = state.to_bytes();
        }
        if state.headers() != headers
            && let Some(names) = state.columns()
        {
            self.oddities.header(names, line.at);
        }
    }

    fn change_segment(&mut self, segment: SegmentId, stored: &[u8]) {
        let state = self.states.remove(&segment);
        let state = state.unwrap_or_else(|| FormatState::from_bytes(stored));
        let (left, state) = std::mem::replace(&mut self.current, (segment, state));
        self.states.insert(left, state);
    }
}
