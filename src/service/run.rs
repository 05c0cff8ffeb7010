//! `sekimori run`: builds everything, keeps it going, and takes it down in the reverse order.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::import::{self, ImportError};
use super::ingest::{Build, Elsewhere, Ingest, IngestError, Request};
use super::outbox::StoreOutbox;
use super::postman;
use super::registrar::{self, Registrar, Told};
use super::setup::{self, InForce, SetupError};
use crate::alert::AlertId;
use crate::alert::notice::Notice;
use crate::clock::{Clock, WallTime};
use crate::config::{self, Config, Problems};
use crate::mail::{MailError, Mailer, mailer_for};
use crate::pipeline::{Begin, Pipeline, PipelineError, Proof, Step};
use crate::register::Register;
use crate::source::{NotifyWake, SourceEvent, raise_file_limit};
use crate::store::{Journal, Lock, Store, StoreError};

/// How long the ingest thread may stand still before systemd is no longer told that all is well.
const STILL_MAX: Duration = Duration::from_secs(60);

/// Why a run did not start or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration.
    #[error("{0}")]
    Config(Problems),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The register or a key.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The pipeline.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// Mail settings.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The ingest thread.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// A task ended that must not.
    #[error("{0}")]
    Ended(String),
    /// The operating system refused something.
    #[error("cannot {0}: {1}")]
    System(&'static str, #[source] std::io::Error),
}

/// What a run is given.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The configuration file.
    pub config: PathBuf,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

/// What a run that ended when everything was read did.
#[derive(Debug)]
pub struct Ran {
    /// The pipeline, with its store.
    pub pipeline: Pipeline,
    /// Alerts begun or grown.
    pub alerts: Vec<AlertId>,
    /// Lines read.
    pub lines: u64,
    /// Mails accepted by the next hop or written to the folder, for each recipient.
    pub sent: u64,
    /// Mails that wait.
    pub waiting: u64,
    /// What happened to the bytes of sources, with the name of each.
    pub events: Vec<(String, SourceEvent)>,
    /// Why the register file was refused, if it was.
    pub register_refused: Option<String>,
}

/// Builds a pipeline on the store of `config`.
fn build(
    config: &Config,
    in_force: InForce,
    now: WallTime,
    start: bool,
) -> Result<(Pipeline, Option<String>), RunError> {
    let mut store = Store::open(&config.store)?;
    let key = setup::subject_key(&config.subject_key, &mut store)?;
    let host = setup::host_name();
    let begin = Begin {
        config,
        host: &host,
        start,
    };
    let proof = Proof::open(&mut store, &begin, now)?;
    let before = judged_by(config, &mut store, in_force.version)?;
    let mut pipeline = Pipeline::new(config, store, in_force.register, key, &host)?;
    if let Some(before) = before {
        pipeline.judged_by(before, in_force.version);
    }
    let stopped = proof.stopped().cloned();
    if stopped.is_none() {
        pipeline.open_archive(config, now)?;
    }
    pipeline.set_proof(proof);
    pipeline.tell_handled(config, now)?;
    if let Some(why) = stopped {
        pipeline.notify(&Notice::EvidenceStopped(why), now)?;
    }
    if let Some(why) = &in_force.refused {
        error!(%why, "register refused; the last good one stays in force");
        pipeline.notify(&Notice::RegisterRefused(why.clone()), now)?;
    }
    if let Some(odd) = &in_force.odd {
        pipeline.notify(odd, now)?;
    }
    Ok((pipeline, in_force.refused))
}

/// The register by which what is in the book was last judged, where that is not `version`.
fn judged_by(config: &Config, store: &mut Store, version: i64) -> Result<Option<Register>, RunError> {
    let Some(before) = store.judged_by(version)? else {
        return Ok(None);
    };
    match import::of_version(store, &config.accounts, before) {
        Ok(register) => Ok(Some(register)),
        Err(ImportError::Store(e)) => Err(e.into()),
        Err(ImportError::Refused(why)) => {
            error!(%why, version = before, "an earlier register cannot be read; the past is not judged again");
            Ok(None)
        }
    }
}

/// The register for `config`, taken from its file where that has changed.
fn register(config: &Config, now: WallTime) -> Result<InForce, RunError> {
    let mut store = Store::open(&config.store)?;
    Ok(setup::register_in_force(config, &mut store, now)?)
}

/// Reads everything there is, sends what is due, and ends.
///
/// # Errors
/// [`RunError`]; what was committed stays.
pub fn run_until_idle(config: &Config, clock: &dyn Clock) -> Result<Ran, RunError> {
    let lock = Lock::take(&config.store)?;
    let mailer = mailer_for(&config.mail)?;
    let in_force = register(config, clock.now())?;
    let (mut pipeline, register_refused) = build(config, in_force, clock.now(), true)?;
    let mut ran_alerts: Vec<AlertId> = Vec::new();
    let mut events = Vec::new();
    let mut lines = 0;
    let mut rescan = true;
    loop {
        let mut step = pipeline.step(clock.now(), rescan)?;
        lines += step.lines;
        collect(&mut ran_alerts, &step);
        events.append(&mut step.events);
        rescan = false;
        if step.lines == 0 && !step.more && !pipeline.poll() && !pipeline.end_records() {
            let mut step = pipeline.flush(clock.now())?;
            collect(&mut ran_alerts, &step);
            events.append(&mut step.events);
            break;
        }
    }
    let outbox = Arc::new(StoreOutbox::open(&config.store)?.telling(&pipeline));
    let drained = runtime()?.block_on(postman::drain(&outbox, mailer.as_ref(), clock.now()));
    let drained = drained.map_err(|e| RunError::Ended(e.to_string()))?;
    // Last of all, so that what became of the mails is signed, too.
    pipeline.finish(clock.now())?;
    checkpoint(pipeline.store());
    let waiting = pipeline.store().mail_counts()?.waiting;
    drop(lock);
    Ok(Ran {
        pipeline,
        alerts: ran_alerts,
        lines,
        sent: drained.sent,
        waiting,
        events,
        register_refused,
    })
}

fn collect(all: &mut Vec<AlertId>, step: &Step) {
    for id in &step.alerts {
        if !all.contains(id) {
            all.push(*id);
        }
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, RunError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| RunError::System("start the runtime", e))
}

/// The mailer in force; another one after a reload.
#[derive(Debug)]
struct MailerInForce(RwLock<Arc<dyn Mailer>>);

impl MailerInForce {
    fn get(&self) -> Arc<dyn Mailer> {
        Arc::clone(&self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
    fn set(&self, mailer: Arc<dyn Mailer>) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = mailer;
    }
}

impl Mailer for MailerInForce {
    fn deliver<'a>(
        &'a self,
        message: &'a crate::alert::outbox::Message,
        recipient: &'a str,
    ) -> crate::mail::Carrying<'a, crate::mail::Delivery> {
        Box::pin(async move { self.get().deliver(message, recipient).await })
    }
    fn rest(&self) -> crate::mail::Carrying<'_, ()> {
        Box::pin(async move { self.get().rest().await })
    }
}

/// The daemon: runs until SIGTERM or SIGINT.
///
/// # Errors
/// [`RunError`] when it cannot start, or when something ended that must not.
pub fn run(options: &RunOptions, config: Config) -> Result<(), RunError> {
    let clock = Arc::clone(&options.clock);
    raise_file_limit();
    let lock = Lock::take(&config.store)?;
    let mailer = Arc::new(MailerInForce(RwLock::new(Arc::from(mailer_for(&config.mail)?))));
    // As it stands before it is read: a change meanwhile is seen at the next look.
    let considered = registrar::stamp(&config.accounts.path).map(|stamp| (config.accounts.path.clone(), stamp));
    let in_force = register(&config, clock.now())?;
    let version = in_force.version;
    let (pipeline, _) = build(&config, in_force, clock.now(), true)?;
    let outbox = Arc::new(StoreOutbox::open(&config.store)?.telling(&pipeline).patient());
    let wake = NotifyWake::new();
    let poker = wake.poker();
    let mail_wake = Arc::new(Notify::new());
    let beat = Arc::new(AtomicI64::new(clock.now().micros()));
    let (requests_tx, requests) = std::sync::mpsc::sync_channel(8);
    let store_path = config.store.clone();
    // Reloads and the stop; it is read every few seconds.
    let (told_tx, told) = std::sync::mpsc::sync_channel(8);
    let registrar = Registrar {
        accounts: config.accounts.clone(),
        store: config.store.clone(),
        clock: Arc::clone(&clock),
        version,
        naming: pipeline.naming(),
        requests: requests_tx.clone(),
        poker: poker.clone(),
        told,
        seen: std::collections::BTreeMap::new(),
        considered: considered.into_iter().collect(),
        untold: Vec::new(),
        stale_told: None,
        known: None,
    };
    let news = Arc::clone(&mail_wake);
    let ingest = Ingest {
        pipeline,
        clock: Arc::clone(&clock),
        wake,
        requests,
        on_step: Box::new(move |step| {
            if 0 < step.mails {
                news.notify_one();
            }
        }),
        build: rebuild(Arc::clone(&mailer), Arc::clone(&outbox), told_tx.clone()),
        recheck: elsewhere(told_tx.clone()),
        on_refused: Box::new(move |pipeline, why, now| {
            note(&store_path, now, "reload-refused", &why);
            if let Err(e) = pipeline.notify(&Notice::ConfigurationRefused(why), now) {
                warn!(error = %e, "cannot queue the mail about it");
            }
        }),
        beat: Arc::clone(&beat),
        polled_at: None,
        stopping: false,
        kept: std::collections::VecDeque::new(),
    };
    let (ended_tx, ended) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("ingest".into()).spawn(move || {
        let result = ingest.run();
        // The runtime waits for this; it is gone only when the process ends anyway.
        ended_tx.send(()).unwrap_or(());
        result
    });
    let thread = thread.map_err(|e| RunError::System("start the ingest thread", e))?;
    let registrar = std::thread::Builder::new()
        .name("register".into())
        .spawn(move || registrar.run());
    let registrar = registrar.map_err(|e| RunError::System("start the thread for registers", e))?;
    let tasks = Tasks {
        options,
        config,
        clock,
        mailer,
        outbox,
        mail_wake,
        beat,
        requests: requests_tx.clone(),
        poker: poker.clone(),
        registrar: &registrar,
    };
    let result = runtime()?.block_on(tasks.attend(ended));
    // Teardown in the reverse order of the setup: the last batch is committed before the lock is let go.
    // It may have ended by itself; that is what the result says then.
    drop(told_tx.send(Told::Stop));
    let registered = registrar.join();
    // The last sender is gone: the ingest thread takes that as a stop.
    drop(requests_tx);
    poker.poke();
    let ended = thread
        .join()
        .map_err(|_| RunError::Ended("the ingest thread panicked; see above".into()))?;
    checkpoint(ended?.store());
    drop(lock);
    registered.map_err(|_| RunError::Ended("the thread for registers panicked; see above".into()))?;
    result
}

/// Takes what is to be held against the past to the thread for registers.
fn elsewhere(told: SyncSender<Told>) -> Elsewhere {
    Box::new(move |recheck| match told.try_send(Told::Recheck(Box::new(recheck))) {
        Err(TrySendError::Full(Told::Recheck(recheck)) | TrySendError::Disconnected(Told::Recheck(recheck))) => {
            Err(recheck)
        }
        _ => Ok(()),
    })
}

/// How a new configuration comes into force: pipeline and mailer together, or neither.
fn rebuild(in_force: Arc<MailerInForce>, outbox: Arc<StoreOutbox>, told: SyncSender<Told>) -> Build {
    Box::new(move |(config, register), now| {
        let mailer = mailer_for(&config.mail).map_err(|e| e.to_string())?;
        let version = register.version;
        let (pipeline, _) = build(&config, register, now, false).map_err(|e| e.to_string())?;
        // Gone only while everything ends; full only while eight reloads wait, and the last of them says the same.
        drop(told.try_send(Told::Settings(Box::new(config.accounts), version, pipeline.naming())));
        in_force.set(Arc::from(mailer));
        outbox.tell_with(&pipeline);
        Ok(pipeline)
    })
}

/// Tidies up the files of the store. Where that fails (full disk) the next start does it, and nothing is lost.
fn checkpoint(store: &Store) {
    if let Err(e) = store.checkpoint() {
        warn!(error = %e, "the write-ahead log of the store stays for the next start");
    }
}

fn note(store: &Path, now: WallTime, what: &'static str, detail: &str) {
    let noted = Store::open(store).and_then(|mut s| {
        s.note(
            now,
            &Journal {
                what,
                detail: detail.to_owned(),
            },
        )
    });
    if let Err(e) = noted {
        warn!(error = %e, "cannot note this in the store");
    }
}

/// What runs on the runtime.
struct Tasks<'a> {
    options: &'a RunOptions,
    config: Config,
    clock: Arc<dyn Clock>,
    mailer: Arc<MailerInForce>,
    outbox: Arc<StoreOutbox>,
    mail_wake: Arc<Notify>,
    beat: Arc<AtomicI64>,
    requests: SyncSender<Request>,
    poker: crate::source::Poker,
    registrar: &'a std::thread::JoinHandle<()>,
}

impl Tasks<'_> {
    async fn attend(self, mut ingest_ended: tokio::sync::oneshot::Receiver<()>) -> Result<(), RunError> {
        let on = |kind| signal(kind).map_err(|e| RunError::System("listen to signals", e));
        let (mut term, mut int, mut hup) = (
            on(SignalKind::terminate())?,
            on(SignalKind::interrupt())?,
            on(SignalKind::hangup())?,
        );
        let (stop_tx, stop) = watch::channel(false);
        let mailer: Arc<dyn Mailer> = Arc::clone(&self.mailer) as Arc<dyn Mailer>;
        let postman = postman::run(
            Arc::clone(&self.outbox),
            mailer,
            Arc::clone(&self.clock),
            Arc::clone(&self.mail_wake),
            stop,
        );
        tokio::pin!(postman);
        let mut watchdog = tokio::time::interval(watchdog_interval());
        tell_systemd(&[sd_notify::NotifyState::Ready]);
        info!(config = %self.config.path.display(), store = %self.config.store.display(), "running");
        let result = loop {
            tokio::select! {
                _ = term.recv() => break Ok(()),
                _ = int.recv() => break Ok(()),
                _ = hup.recv() => self.reload(),
                _ = watchdog.tick() => {
                    if self.registrar.is_finished() {
                        break Err(RunError::Ended("the thread for registers ended".into()));
                    }
                    self.watch();
                }
                _ = &mut ingest_ended => break Err(RunError::Ended("the ingest thread ended".into())),
                ended = &mut postman => {
                    let why = ended.err().map_or_else(|| "for no reason".to_owned(), |e| e.to_string());
                    return Err(RunError::Ended(format!("the postman ended: {why}")));
                }
            }
        };
        tell_systemd(&[sd_notify::NotifyState::Stopping]);
        info!("stopping");
        // The receiver lives in the postman, which is polled below: it cannot be gone yet.
        stop_tx.send_replace(true);
        postman
            .await
            .map_err(|e| RunError::Ended(format!("the postman ended: {e}")))?;
        result
    }

    /// Reads configuration and register on a thread of its own: neither signals and mails nor the ingest thread wait.
    fn reload(&self) {
        tell_systemd(&[sd_notify::NotifyState::Reloading]);
        let (path, store) = (self.options.config.clone(), self.config.store.clone());
        let (clock, requests, poker) = (Arc::clone(&self.clock), self.requests.clone(), self.poker.clone());
        let read = std::thread::Builder::new().name("reload".into()).spawn(move || {
            if requests.try_send(prepared(&path, &store, clock.now())).is_err() {
                warn!("a reload is under way already; send SIGHUP again");
            }
            poker.poke();
            tell_systemd(&[sd_notify::NotifyState::Ready]);
        });
        if let Err(e) = read {
            error!(error = %e, "cannot start a thread for the reload; send SIGHUP again");
            tell_systemd(&[sd_notify::NotifyState::Ready]);
        }
    }

    fn watch(&self) {
        let beat = WallTime::from_micros(self.beat.load(Ordering::Relaxed));
        if self.clock.now().since(beat) < STILL_MAX {
            tell_systemd(&[sd_notify::NotifyState::Watchdog]);
        } else {
            error!("the ingest thread stands still");
        }
    }
}

/// What a reload asks of the ingest thread.
fn prepared(path: &Path, store: &Path, now: WallTime) -> Request {
    match config::load(path) {
        Err(problems) => Request::Refuse(problems.to_string()),
        Ok(loaded) if loaded.config.store != *store => {
            Request::Refuse("store.path changed; stop and start the daemon for that".into())
        }
        Ok(loaded) => match register(&loaded.config, now) {
            Ok(in_force) => Request::Reload(Box::new((loaded.config, in_force))),
            Err(e) => Request::Refuse(e.to_string()),
        },
    }
}

fn watchdog_interval() -> Duration {
    sd_notify::watchdog_enabled().map_or(Duration::from_secs(20), |limit| limit / 3)
}

/// Tells systemd; without it there is nobody to tell.
fn tell_systemd(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!(error = %e, "systemd not told");
    }
}
