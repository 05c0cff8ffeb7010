//! The ingest thread: waits, steps the pipeline, and survives what passes.
//!
//! A store that is full, read-only or busy for a while costs nothing but time: the batch is forgotten, the
//! positions stand where they were committed, and the lines are read again. Anything else ends the process.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use tracing::{error, info, warn};

use super::setup::InForce;
use crate::alert::notice::{self, Notice};
use crate::clock::{Clock, WallTime};
use crate::config::Config;
use crate::pipeline::{Pipeline, PipelineError, Recheck, Rechecked, Step};
use crate::register::Register;
use crate::source::{NotifyWake, Woken};
use crate::text::Lang;

/// All open files are looked at so often, whatever wakes us.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// While lines keep coming, so long is waited for more of them: fewer wake-ups, same alerts. It is the greater part of
/// the time from a line to its alert (p99 under 50 ms) and decides what a trickle of lines costs (under 1 % of a core).
const GATHER: Duration = Duration::from_millis(10);
/// The same while more than one line comes at a time.
const GATHER_STREAM: Duration = Duration::from_millis(30);
/// Pauses after a store that could not be written.
const RETRY_MAX: Duration = Duration::from_secs(8);

/// What another thread asks of the ingest thread.
#[derive(Debug)]
pub enum Request {
    /// Commit what is in memory and end.
    Stop,
    /// Go on with this configuration and register, or say why not and go on with the old ones.
    Reload(Box<(Config, InForce)>),
    /// Go on with this version of the register, bound and ready.
    Register(Arc<Register>, i64),
    /// Tell people what a register says of the past.
    Rechecked(Box<Rechecked>),
    /// Tell people something about the watch itself.
    Notify(Box<Notice>),
    /// A new configuration could not even be read: tell people why.
    Refuse(String),
}

/// The ingest thread ended because of this.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The pipeline.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

/// Builds a pipeline from a configuration: at the start and at each reload.
pub type Build = Box<dyn FnMut((Config, InForce), WallTime) -> Result<Pipeline, String> + Send>;

/// Takes work to another thread, or gives it back.
pub type Elsewhere = Box<dyn FnMut(Recheck) -> Result<(), Box<Recheck>> + Send>;

/// Tells people that a new configuration was refused, and why.
pub type Refused = Box<dyn FnMut(&mut Pipeline, String, WallTime) + Send>;

/// The loop of the ingest thread.
pub struct Ingest {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What wakes us early.
    pub wake: NotifyWake,
    /// Requests of the runtime; a poke wakes us to look.
    pub requests: std::sync::mpsc::Receiver<Request>,
    /// Called after each commit.
    pub on_step: Box<dyn FnMut(&Step) + Send>,
    /// Makes another pipeline for a new configuration.
    pub build: Build,
    /// Takes a register that is to be held against the past to another thread; gives it back where there is none.
    pub recheck: Elsewhere,
    /// Called with what went wrong at a reload.
    pub on_refused: Refused,
    /// When the loop last went round, microseconds: the watchdog looks at it.
    pub beat: Arc<AtomicI64>,
    /// When all files were looked at last.
    pub polled_at: Option<WallTime>,
    /// Set once a stop was asked for while the store could not be written.
    pub stopping: bool,
    /// Requests taken from the queue and not answered yet.
    pub kept: VecDeque<Request>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest")
            .field("pipeline", &self.pipeline)
            .finish_non_exhaustive()
    }
}

impl Ingest {
    /// Goes round until asked to stop.
    ///
    /// # Errors
    /// What cannot be waited out.
    pub fn run(mut self) -> Result<Pipeline, IngestError> {
        let mut rescan = true;
        let mut gathered = false;
        loop {
            let now = self.clock.now();
            self.beat.store(now.micros(), Ordering::Relaxed);
            if self.answer_requests(now)? {
                return Ok(self.pipeline);
            }
            let step = self.step(now, rescan)?;
            if step.scanned {
                self.wake.set_dirs(&self.pipeline.watch_dirs());
                self.tell_gaps(now);
            }
            rescan = false;
            if step.more {
                continue;
            }
            // A steady stream is gathered; the first line after a silence is not kept waiting.
            if 0 < step.lines && gathered {
                std::thread::sleep(if 1 < step.lines { GATHER_STREAM } else { GATHER });
            }
            gathered = 0 < step.lines;
            rescan = self.wait(&step);
        }
    }

    /// Waits until something may be there. Returns whether folders must be listed.
    fn wait(&mut self, step: &Step) -> bool {
        loop {
            let now = self.clock.now();
            self.beat.store(now.micros(), Ordering::Relaxed);
            let left = step.due.map_or(POLL_EVERY, |due| due.since(now)).min(POLL_EVERY);
            let woken = self.wake.wait(left);
            let now = self.clock.now();
            if self.grown(&woken, now) || woken.poked || woken.rescan {
                return woken.rescan;
            }
            // What fails now is tried again, or said, at the next step.
            if step.due.is_none_or(|due| due <= now) || self.pipeline.is_awaited().unwrap_or(false) {
                return false;
            }
        }
    }

    /// Whether there may be something to read: in files that are said to have grown, or in any when it is time to look.
    fn grown(&mut self, woken: &Woken, now: WallTime) -> bool {
        let recent = |at: WallTime| at <= now && now.since(at) < POLL_EVERY;
        let named = !woken.all && !woken.written.is_empty();
        if named && self.polled_at.is_some_and(recent) {
            return self.pipeline.written(&woken.written);
        }
        self.polled_at = Some(now);
        self.pipeline.poll()
    }

    fn step(&mut self, now: WallTime, rescan: bool) -> Result<Step, IngestError> {
        let mut pause = Duration::from_secs(1);
        let mut failed = match self.pipeline.step(now, rescan) {
            Ok(step) => {
                self.seen(&step);
                return Ok(step);
            }
            Err(e) => e,
        };
        loop {
            if !failed.is_transient() {
                return Err(failed.into());
            }
            error!(error = %failed, retry_secs = pause.as_secs(), "batch not committed; its lines are read again");
            std::thread::sleep(pause);
            self.beat.store(self.clock.now().micros(), Ordering::Relaxed);
            if self.stop_asked() {
                // Nothing is lost: what is not committed is read again at the next start.
                return Ok(Step::default());
            }
            pause = (pause * 2).min(RETRY_MAX);
            match self.pipeline.rollback() {
                Ok(()) => {
                    return Ok(Step {
                        more: true,
                        ..Step::default()
                    });
                }
                Err(e) => failed = e,
            }
        }
    }

    /// Whether a stop was asked for; other requests are kept for later. Nobody left to ask is a stop, too.
    fn stop_asked(&mut self) -> bool {
        loop {
            match self.requests.try_recv() {
                Ok(Request::Stop) | Err(TryRecvError::Disconnected) => self.stopping = true,
                Ok(other) => self.kept.push_back(other),
                Err(TryRecvError::Empty) => return self.stopping,
            }
            if self.stopping {
                return true;
            }
        }
    }

    fn seen(&mut self, step: &Step) {
        for (source, e) in &step.events {
            let (what, detail) = (e.kind.as_str(), e.detail.as_str());
            if notice::is_news(e) {
                let remedy = notice::remedy(e.kind, Lang::En);
                error!(%source, what, detail, remedy, "a log is not read as it should be");
            } else {
                info!(%source, what, detail, "noted");
            }
        }
        if step.committed {
            (self.on_step)(step);
        }
    }

    /// Answers what was asked; `true`: stop.
    fn answer_requests(&mut self, now: WallTime) -> Result<bool, IngestError> {
        let waited_out = self.stopping;
        if self.stop_asked() {
            if !waited_out {
                match self.pipeline.finish(now) {
                    Ok(step) => self.seen(&step),
                    // What is not committed is read again at the next start.
                    Err(e) => warn!(error = %e, "last batch not committed; its lines are read again"),
                }
            }
            return Ok(true);
        }
        while let Some(request) = self.kept.pop_front() {
            match request {
                Request::Stop => {}
                Request::Reload(prepared) => self.reload(*prepared, now)?,
                Request::Register(register, version) => self.take_register(register, version, now)?,
                Request::Rechecked(found) => self.take_rechecked(&found, now)?,
                Request::Notify(notice) => self.tell(&notice, now),
                Request::Refuse(why) => self.refuse(why, now),
            }
        }
        Ok(false)
    }

    /// Tells once a day what nobody watches. What fails now is tried again at the next listing.
    fn tell_gaps(&mut self, now: WallTime) {
        match self.pipeline.tell_gaps(now) {
            Ok(false) => {}
            Ok(true) => (self.on_step)(&Step {
                mails: 1,
                ..Step::default()
            }),
            Err(e) => warn!(error = %e, "cannot say what nobody watches"),
        }
        match self.pipeline.tell_silence(now) {
            Ok(false) => {}
            Ok(true) => (self.on_step)(&Step {
                mails: 1,
                ..Step::default()
            }),
            Err(e) => warn!(error = %e, "cannot say which logs are silent"),
        }
        if let Err(e) = self.pipeline.tell_drawn(now) {
            warn!(error = %e, "cannot say which uses were drawn");
        }
    }

    /// What was read before is judged by the register it was read under.
    fn take_register(&mut self, register: Arc<Register>, version: i64, now: WallTime) -> Result<(), IngestError> {
        match self.pipeline.flush(now) {
            Ok(step) => self.seen(&step),
            Err(e) if e.is_transient() => {
                warn!(error = %e, "last batch not committed; its lines are read again");
                self.pipeline.rollback()?;
            }
            Err(e) => return Err(e.into()),
        }
        self.pipeline.set_register(register, version);
        match self.pipeline.recheck(now) {
            Ok(Some(recheck)) => {
                if let Err(recheck) = (self.recheck)(recheck) {
                    let found = recheck.run()?;
                    self.take_rechecked(&found, now)?;
                }
            }
            Ok(None) => {}
            Err(e) if e.is_transient() => warn!(error = %e, "the past is held against the register at the next step"),
            Err(e) => return Err(e.into()),
        }
        let paused_ms = self.clock.now().since(now).as_millis();
        info!(version, paused_ms, "lines are judged by the new register");
        Ok(())
    }

    fn take_rechecked(&mut self, found: &Rechecked, now: WallTime) -> Result<(), IngestError> {
        let mut pause = Duration::from_secs(1);
        loop {
            match self.pipeline.rechecked(found, now) {
                Ok(()) => {
                    let paused_ms = self.clock.now().since(now).as_millis();
                    info!(
                        version = found.version,
                        paused_ms, "the past is held against the register"
                    );
                    return Ok(());
                }
                Err(e) if e.is_transient() => {
                    error!(error = %e, retry_secs = pause.as_secs(), "what a register says of the past is not committed");
                    std::thread::sleep(pause);
                    self.beat.store(self.clock.now().micros(), Ordering::Relaxed);
                    if self.stop_asked() {
                        // The next start holds the past against it once more.
                        return Ok(());
                    }
                    pause = (pause * 2).min(RETRY_MAX);
                }
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn tell(&mut self, notice: &Notice, now: WallTime) {
        if let Err(e) = self.pipeline.notify(notice, now) {
            warn!(error = %e, "cannot queue the mail about it");
        }
        // It must not wait for the next alert.
        (self.on_step)(&Step {
            mails: 1,
            ..Step::default()
        });
    }

    fn reload(&mut self, (config, register): (Config, InForce), now: WallTime) -> Result<(), IngestError> {
        let flushed = self.pipeline.flush(now);
        match &flushed {
            Ok(step) => self.seen(step),
            // The new pipeline reads those lines again.
            Err(e) => warn!(error = %e, "last batch not committed; its lines are read again"),
        }
        let hash = config.hash.clone();
        match (self.build)((config, register), now) {
            Ok(pipeline) => {
                self.pipeline = pipeline;
                info!(config = %hash, "new configuration in force");
                // A refused register may have queued a mail.
                (self.on_step)(&Step {
                    mails: 1,
                    ..Step::default()
                });
            }
            Err(why) => {
                self.refuse(why, now);
                if flushed.is_err() {
                    self.pipeline.rollback()?;
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, why: String, now: WallTime) {
        error!(%why, "new configuration refused; the old one stays in force");
        (self.on_refused)(&mut self.pipeline, why, now);
        // The mail about it must not wait for the next alert.
        (self.on_step)(&Step {
            mails: 1,
            ..Step::default()
        });
    }
}
