//! One batch from source to store: `step()` is the only place that carries a line all the way.
//!
//! read -> decode -> parse -> place -> count -> judge -> decide -> commit, by plain calls on one thread. While behind,
//! one thread reads as far as `parse` (`ahead`), one judges and one commits (`writer`), each in order. What a batch
//! means is in memory only until the commit; if that fails, all of it is forgotten and the lines are read again from
//! the committed positions. Memory is a cache of committed rows.
//!
//! Not here: waiting and waking (`service`), sending (`mail`).

mod ahead;
mod archive;
mod batch;
mod cases;
mod digest;
mod drawn;
mod full;
mod keep;
mod lane;
mod look;
mod odd;
mod ongoing;
mod past;
mod proof;
mod recheck;
mod recount;
mod reread;
mod search;
mod tell;
mod verify;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use crate::access::{DatasetId, SegmentId, SourceId};
use crate::alert::AlertId;
use crate::calendar::Day;
use crate::clock::{EventTime, WallTime};
use crate::config::Config;
use crate::detect::book::Book;
use crate::detect::{Detector, RuleSettings};
use crate::parse::place::{Placer, SubjectKey};
use crate::parse::{Format, FormatError};
use crate::register::sections::Sections;
use crate::register::{DatasetSettings, Datasets, Naming, Register};
use crate::source::SourceEvent;
use crate::store::{Committed, Store, StoreError};

pub use archive::Archive;
use batch::{OfSources, Work};
pub use drawn::{SectionDraw, drawn, month_before};
use full::BATCH_LINES_MAX;
use lane::{Budget, Lane};
pub use proof::{Begin, Proof};
pub use recheck::{Recheck, Rechecked, Rejudge, RejudgeError, Rejudged};
pub use recount::{Recount, Recounted, RegisterOf};
pub use reread::{Archived, Reread, Seen};
pub use search::{Candidate, Hit, Looked, Scope, Search, SearchError, Wanted};
pub use tell::Teller;
use verify::Verify;
use writer::{Writer, store_id};

/// Bytes read from one source before the next one has its turn.
const TURN_BYTES: usize = 1 << 20;
/// How many times as long a turn is while behind, where nothing is archived.
const BEHIND: usize = 8;
/// The same where the archive keeps the bytes of a turn until they are sealed.
const ARCHIVED: usize = 4;
/// Longest time a counted line waits for its commit while no finding hurries it.
const COMMIT_AFTER: Duration = Duration::from_millis(200);
/// The same in a batch of more than [`QUIET_LINES_MAX`]: a stream of lines is committed once a second, not five times.
const COMMIT_STREAM_AFTER: Duration = Duration::from_secs(1);
/// Most lines of a batch that is not yet taken for part of a stream.
const QUIET_LINES_MAX: u64 = 20;
/// How often folders are listed even if nothing woke us.
const SCAN_EVERY: Duration = Duration::from_secs(10);
/// How often windows nobody can ask for any more are dropped, in batches.
const PRUNE_EVERY: u32 = 16;

/// A batch could not be made durable, or the pipeline not be built.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A format string.
    #[error("source {name}: {error}")]
    Format {
        /// The source.
        name: String,
        /// What is wrong.
        error: FormatError,
    },
    /// The log folder or a key of it.
    #[error(transparent)]
    Log(#[from] crate::evidence::LogError),
    /// The past could not be read while a line was judged.
    #[error(transparent)]
    History(#[from] crate::detect::book::HistoryError),
}

impl PipelineError {
    /// Whether waiting may help.
    pub fn is_transient(&self) -> bool {
        match self {
            PipelineError::Store(e) => e.is_transient(),
            PipelineError::History(e) => e.transient,
            PipelineError::Format { .. } | PipelineError::Log(_) => false,
        }
    }
}

/// What a step did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Lines read.
    pub lines: u64,
    /// Whether more can be read at once.
    pub more: bool,
    /// Whether something was committed.
    pub committed: bool,
    /// Alerts begun or grown.
    pub alerts: Vec<AlertId>,
    /// Mails queued.
    pub mails: usize,
    /// What happened to the bytes of sources, with the name of each, once it is committed.
    pub events: Vec<(String, SourceEvent)>,
    /// Whether folders were listed.
    pub scanned: bool,
    /// When the next commit or listing is due, at the latest.
    pub due: Option<WallTime>,
}

/// Everything between the files and the store.
#[derive(Debug)]
pub struct Pipeline {
    work: Work,
    /// The datasets by the words a register may use for them.
    naming: Arc<Naming>,
    /// The register the book was judged by, while the one in force, of this version, is still to be held against it.
    to_reconsider: Option<(Arc<Register>, i64)>,
    /// The version that is being held against the past beside this thread.
    rechecking: Option<i64>,
    datasets: Vec<DatasetSettings>,
    sections: Sections,
    rules: Vec<RuleSettings>,
    sources: Vec<String>,
    /// The day on which holes in the watch were last looked for.
    covered_on: Option<Day>,
    /// When it was last asked which sources are silent, and those that were told of today: day and last line.
    silence_at: Option<WallTime>,
    missed: std::collections::BTreeSet<(String, Day, i64)>,
    /// The day on which it was last seen to whether a draw is to be told.
    drawn_on: Option<Day>,
    lanes: Vec<Lane>,
    /// Whose turn it is to be read.
    turn: usize,
    teller: Arc<Teller>,
    writer: Writer,
    /// Carries the ledger out of the store; none where nothing is to be proved (replay).
    proof: Option<Proof>,
    /// Keeps consumed bytes; none where that is not asked for (replay).
    archive: Option<Archive>,
    /// Row ids and names of the datasets.
    dataset_rows: Vec<(u32, String)>,
    /// What commits did since it was last told.
    done: Step,
    /// Events of the batch whose commit is on its way.
    on_the_way: Vec<(String, SourceEvent)>,
    batch_lines_max: u64,
    turn_bytes: usize,
    future_skew: Duration,
    scanned_at: Option<WallTime>,
    verify: Verify,
    uncommitted_since: Option<WallTime>,
    /// The time of the last step: a rollback belongs to it.
    rolled_back_at: WallTime,
    /// Lines and bytes the batch has read.
    batch_lines: u64,
    batch_bytes: u64,
    /// Bytes it has looked at, and those of turns that gave no line.
    batch_scanned: (u64, u64),
    batches: u32,
    /// Day of the last digest of this run; the mail's own id keeps it one a day.
    digest_day: Option<i32>,
    next_segment: SegmentId,
}

impl Pipeline {
    /// Builds the pipeline on an open store.
    ///
    /// # Errors
    /// A format that cannot be compiled, or the store.
    pub fn new(
        config: &Config,
        mut store: Store,
        mut register: Register,
        key: SubjectKey,
        host: &str,
    ) -> Result<Pipeline, PipelineError> {
        let names: Vec<&str> = config.sources.iter().map(|s| s.read.name.as_str()).collect();
        let source_ids = store.source_ids(&names)?;
        let dataset_names: Vec<&str> = config.datasets.iter().map(|d| d.id.as_str()).collect();
        let dataset_ids = store.dataset_ids(&dataset_names)?;
        let numbered: Vec<_> = dataset_ids.iter().copied().zip(&config.datasets).collect();
        let teller = Arc::new(Teller::new(
            config,
            &numbered,
            &source_ids,
            &store_id(&mut store)?,
            host,
        ));
        let calendar = Arc::new(config.calendar.clone());
        let detector = Detector::of_office(&config.rules, &numbered, &calendar);
        let naming = Naming::new(&numbered);
        register.bind(&naming);
        let mut placer = Placer::new(Arc::new(register), calendar, Datasets::new(&numbered, &names), key);
        placer.set_duties(&config.sections);
        let mut lanes = Vec::new();
        for ((index, source), id) in config.sources.iter().enumerate().zip(source_ids) {
            let format = Format::compile(&source.format).map_err(|error| PipelineError::Format {
                name: source.read.name.clone(),
                error,
            })?;
            lanes.push(Lane::new(source, id, index, format, store.known(id)?));
        }
        let next_segment = store.next_segment()?;
        let reader = store.reader()?;
        let work = Work::new(reader, detector, placer, config.rules.clone())?;
        Ok(Pipeline {
            work,
            naming: Arc::new(naming),
            to_reconsider: None,
            rechecking: None,
            datasets: config.datasets.clone(),
            sections: config.sections.clone(),
            rules: config.rules.clone(),
            sources: names.iter().map(|name| (*name).to_owned()).collect(),
            covered_on: None,
            silence_at: None,
            missed: std::collections::BTreeSet::new(),
            drawn_on: None,
            lanes,
            turn: 0,
            teller,
            writer: Writer::new(store),
            proof: None,
            archive: None,
            dataset_rows: dataset_ids
                .iter()
                .map(|id| u32::from(id.0))
                .zip(config.datasets.iter().map(|d| d.id.clone()))
                .collect(),
            done: Step::default(),
            on_the_way: Vec::new(),
            batch_lines_max: BATCH_LINES_MAX,
            turn_bytes: TURN_BYTES,
            future_skew: config.future_skew,
            scanned_at: None,
            verify: Verify::default(),
            uncommitted_since: None,
            rolled_back_at: WallTime::from_micros(0),
            batch_lines: 0,
            batch_bytes: 0,
            batch_scanned: (0, 0),
            batches: 0,
            digest_day: None,
            next_segment,
        })
    }

    /// Reads what is there, judges it, and commits when it is time: at once when something was found and the
    /// sources are read to their end, else when a batch is full or its first line has waited long enough.
    ///
    /// # Errors
    /// The store. The batch is then forgotten; call [`Pipeline::rollback`] before the next step.
    pub fn step(&mut self, now: WallTime, rescan: bool) -> Result<Step, PipelineError> {
        self.rolled_back_at = now;
        if self.to_reconsider.is_some() && self.uncommitted_since.is_none() {
            self.reconsider(now)?;
        }
        let scanned = self.scan_if_due(now, rescan);
        if self.batches == 0 && self.has_changes() {
            // Before the first line is read: a file that is rotated away while the first batch is still being read
            // must be known at the next start, whatever becomes of this one.
            self.commit(now, false)?;
        }
        let lines = self.read(now)?;
        reach("step.read")?;
        let more = self.is_full() && self.lanes.iter().any(Lane::has_more);
        if !more {
            self.verify.look(&mut self.lanes, &self.work.store, now)?;
        }
        if (0 < lines || self.has_changes()) && self.uncommitted_since.is_none() {
            self.uncommitted_since = Some(now);
        }
        let stream = QUIET_LINES_MAX < self.batch_lines;
        let commit_after = if stream { COMMIT_STREAM_AFTER } else { COMMIT_AFTER };
        let since = self.uncommitted_since;
        let waited = since.is_some_and(|since| commit_after <= now.since(since));
        if self.work.found() || waited || self.is_full() {
            self.commit(now, more)?;
        } else if !more {
            self.settle()?;
        }
        self.prove(now)?;
        self.digest_if_due(now)?;
        let due = match (self.uncommitted_since, self.scanned_at) {
            (Some(since), _) => Some(since.plus(commit_after)),
            (None, scanned) => scanned.map(|at| at.plus(SCAN_EVERY)),
        };
        Ok(self.report(lines, more, scanned, due))
    }

    fn scan_if_due(&mut self, now: WallTime, rescan: bool) -> bool {
        let clock_went_back = self.scanned_at.is_some_and(|at| now < at);
        let due = self.scanned_at.is_none_or(|at| SCAN_EVERY <= now.since(at));
        let scan = rescan || due || clock_went_back;
        if scan {
            for lane in &mut self.lanes {
                lane.scan(now, &mut self.next_segment);
            }
            self.scanned_at = Some(now);
        }
        scan
    }

    fn read(&mut self, now: WallTime) -> Result<u64, PipelineError> {
        let before = self.batch_lines;
        // The archive keeps the bytes of a turn until they are sealed.
        let longer = if self.archive.is_some() { ARCHIVED } else { BEHIND };
        let budget = Budget {
            usual: self.turn_bytes,
            behind: self.turn_bytes.saturating_mul(longer),
        };
        // Each source in its turn, also where a batch was full before all of them had theirs.
        let mut nothing = 0;
        while nothing < self.lanes.len() && !self.is_full() {
            let at = self.turn;
            self.turn = (at + 1) % self.lanes.len().max(1);
            let Some(lane) = self.lanes.get_mut(at) else { break };
            let turn = lane.read(now, budget, self.future_skew, &mut self.next_segment, &mut self.work)?;
            if let Some(archive) = &mut self.archive {
                let raws = lane.take_raw();
                let facts = self.work.take_facts();
                archive.take(lane.id(), raws, facts, now);
            }
            self.batch_lines = self.batch_lines.saturating_add(turn.lines);
            self.batch_bytes = self.batch_bytes.saturating_add(turn.bytes);
            self.note_scanned(turn);
            nothing = if turn.more { 0 } else { nothing + 1 };
        }
        Ok(self.batch_lines.saturating_sub(before))
    }

    fn has_changes(&self) -> bool {
        self.lanes.iter().any(Lane::has_changes)
    }

    /// Commits what is in memory, whether it is due or not.
    ///
    /// # Errors
    /// The store; see [`Pipeline::step`].
    pub fn flush(&mut self, now: WallTime) -> Result<Step, PipelineError> {
        if self.uncommitted_since.is_some() || self.has_changes() {
            self.commit(now, false)?;
        }
        self.settle()?;
        Ok(self.report(0, false, false, None))
    }

    /// Commits the batch. While behind, that is done on a thread of its own and the next batch is read meanwhile:
    /// one writer, one transaction a batch, in order, on two cores.
    fn commit(&mut self, now: WallTime, behind: bool) -> Result<(), PipelineError> {
        self.settle()?;
        self.prove(now)?;
        reach("step.commit")?;
        if self.batches.is_multiple_of(PRUNE_EVERY) || behind {
            // Nothing is on its way: what windows forget now can be read back from the store.
            self.work.prune();
        }
        let mut of_sources = OfSources::default();
        self.lanes.iter_mut().for_each(|lane| lane.hand_over(&mut of_sources));
        if let Some(archive) = &mut self.archive {
            archive.ended(&of_sources.segments);
            let states = &of_sources.segments;
            let path = |id| states.iter().find(|(s, _)| s.id == id).map(|(s, _)| s.path.clone());
            of_sources.archive = archive.batch(&path, now)?;
        }
        self.on_the_way = self.teller.named(&of_sources.events).collect();
        let sealed = self.work.seal(of_sources, now)?;
        self.uncommitted_since = None;
        (self.batch_lines, self.batch_bytes, self.batch_scanned) = (0, 0, (0, 0));
        self.batches = self.batches.wrapping_add(1);
        if behind {
            return Ok(self.writer.begin(sealed, &self.teller)?);
        }
        let (book, committed) = self.writer.commit(sealed, &self.teller)?;
        self.take_in(book, committed)
    }

    /// Waits for a commit that is on its way and takes in what it did.
    fn settle(&mut self) -> Result<(), PipelineError> {
        if let Some((book, committed)) = self.writer.finish()? {
            self.take_in(book, committed)?;
        }
        Ok(())
    }

    fn take_in(&mut self, book: Book, committed: Committed) -> Result<(), PipelineError> {
        self.work.settle(book, &committed.situations);
        self.lanes.iter_mut().for_each(Lane::settled);
        self.done.committed = true;
        self.done.alerts.extend(committed.alerts);
        self.done.mails += committed.mails;
        self.done.events.append(&mut self.on_the_way);
        self.place()
    }

    /// Hands out what was done since the last time, together with what this step read.
    fn report(&mut self, lines: u64, more: bool, scanned: bool, due: Option<WallTime>) -> Step {
        Step {
            lines,
            more,
            scanned,
            due,
            ..std::mem::take(&mut self.done)
        }
    }

    /// Forgets everything that was not committed and goes back to what the store holds.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn rollback(&mut self) -> Result<(), PipelineError> {
        self.writer.forget();
        self.work.rollback()?;
        for lane in &mut self.lanes {
            lane.reset(self.work.store.known(lane.id())?);
        }
        self.next_segment = self.work.store.next_segment()?;
        self.uncommitted_since = None;
        (self.batch_lines, self.batch_bytes, self.batch_scanned) = (0, 0, (0, 0));
        self.scanned_at = None;
        if let (Some(archive), Ok(store)) = (&mut self.archive, self.writer.store()) {
            let ids: Vec<SourceId> = self.lanes.iter().map(Lane::id).collect();
            let now = self.rolled_back_at;
            archive.again(store, &ids, now)?;
        }
        Ok(())
    }

    /// Whether everything that could be read has been read and committed.
    pub fn idle(&self) -> bool {
        self.uncommitted_since.is_none() && !self.writer.is_busy() && self.lanes.iter().all(Lane::idle)
    }

    /// The store, to look into.
    pub fn store(&self) -> &Store {
        &self.work.store
    }

    /// The store, to write to between batches.
    #[doc(hidden)]
    pub fn writing_store(&mut self) -> Result<&mut Store, PipelineError> {
        Ok(self.writer.store()?)
    }

    /// Leaves out what only a later run could ask for: the store is thrown away.
    pub fn for_once(&mut self) {
        self.lanes.iter_mut().for_each(Lane::for_once);
    }

    /// Limits batches to so many lines and turns to so many bytes: many small ones behind one another, in tests.
    #[doc(hidden)]
    pub fn set_batch_max(&mut self, lines: u64, turn_bytes: usize) {
        self.batch_lines_max = lines;
        self.turn_bytes = turn_bytes;
    }

    /// Newest record time seen in this run.
    pub fn newest(&self) -> Option<EventTime> {
        self.work.newest()
    }

    /// What people are told, and how.
    pub fn teller(&self) -> &Teller {
        &self.teller
    }
}

/// A numbered dataset: its row id and what is configured.
type Numbered<'a> = [(DatasetId, &'a crate::register::DatasetSettings)];
/// Row ids of the sources in order of configuration.
type SourceIds = [SourceId];

/// Passes a named place between source and store (`fault`).
fn reach(place: &'static str) -> Result<(), StoreError> {
    crate::fault::pass(place).map_err(StoreError::because)
}
