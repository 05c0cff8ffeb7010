//! The daemon without threads, sockets and clock: a [`TestDaemon`] is stepped by hand.
//!
//! Everything is the product's own (configuration, pipeline, store, postman) except the clock, which a test
//! moves, and the relay, which is a [`FakeMailer`]. A crash drops what is in memory; a disk is full on demand.
//!
//! Not here: power loss (nothing is torn by dropping a value), waiting and waking (`service::Ingest`).

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sekimori::alert::AlertState;
use sekimori::alert::outbox::Message;
use sekimori::calendar::parse_date;
use sekimori::clock::{Clock, EventTime, ManualClock, WallTime};
use sekimori::config::{self, Config};
use sekimori::detect::Severity;
use sekimori::mail::{Carrying, Delivery, Mailer, Obstacle};
use sekimori::pipeline::{Pipeline, PipelineError, Step};
use sekimori::service::postman::{self, Drained};
use sekimori::service::{StoreOutbox, import, setup};
use sekimori::store::{AlertFilter, CountBy, CountRow, MailCounts, SourceRow, Store};
use tempfile::TempDir;
use tokio::sync::Notify;

/// A mail that a relay accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) message: Message,
    pub(crate) recipient: String,
    pub(crate) at: WallTime,
}

/// A relay that does what it is told.
#[derive(Debug, Default)]
pub(crate) struct FakeMailer {
    relay: Mutex<Relay>,
    /// Told when a mail was accepted and the process is to die before it hears of it.
    gone: Notify,
}

#[derive(Debug, Default)]
struct Relay {
    down: bool,
    /// What it answers an address, where it is not 250.
    answers: BTreeMap<String, u16>,
    dies_after: Option<u32>,
    now: Option<WallTime>,
    taken: Vec<Taken>,
}

impl FakeMailer {
    fn relay(&self) -> MutexGuard<'_, Relay> {
        self.relay.lock().unwrap()
    }

    /// One try. None: the process dies with the mail accepted and its acceptance unknown.
    fn answer(&self, message: &Message, recipient: &str) -> Option<Delivery> {
        let mut relay = self.relay();
        if relay.down {
            let why = "connection refused".to_owned();
            return Some(Delivery::Blocked {
                by: Obstacle::Session,
                why,
            });
        }
        match relay.answers.get(recipient) {
            Some(code @ 400..=499) => return Some(Delivery::Transient(format!("{code} try again later"))),
            Some(code) => return Some(Delivery::Permanent(format!("{code} no such address"))),
            None => {}
        }
        let at = relay.now.unwrap();
        relay.taken.push(Taken {
            message: message.clone(),
            recipient: recipient.to_owned(),
            at,
        });
        match &mut relay.dies_after {
            Some(0) => None,
            Some(n) => {
                *n -= 1;
                Some(Delivery::Sent("250 ok".to_owned()))
            }
            None => Some(Delivery::Sent("250 ok".to_owned())),
        }
    }
}

impl Mailer for FakeMailer {
    fn deliver<'a>(&'a self, message: &'a Message, recipient: &'a str) -> Carrying<'a, Delivery> {
        Box::pin(async move {
            match self.answer(message, recipient) {
                Some(delivery) => delivery,
                None => {
                    self.gone.notify_one();
                    std::future::pending().await
                }
            }
        })
    }
}

/// An alert as a test compares it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) rule: String,
    pub(crate) who: String,
    pub(crate) dataset: String,
    pub(crate) observed: u64,
    pub(crate) limit: u64,
    pub(crate) first_seen: EventTime,
    pub(crate) last_seen: EventTime,
    pub(crate) hits: u64,
    pub(crate) severity: Severity,
    pub(crate) state: AlertState,
    pub(crate) number: String,
}

/// The daemon in a folder of its own.
#[derive(Debug)]
pub(crate) struct TestDaemon {
    folder: TempDir,
    clock: ManualClock,
    config: Config,
    mailer: FakeMailer,
    runtime: tokio::runtime::Runtime,
    alive: Option<Alive>,
    full: bool,
    /// Lines of a batch and bytes of a turn, where batches are to follow one another closely.
    batches: Option<(u64, usize)>,
}

/// What a crash takes with it.
#[derive(Debug)]
struct Alive {
    pipeline: Pipeline,
    outbox: Arc<StoreOutbox>,
}

impl TestDaemon {
    /// Writes `files` into a new folder, reads the configuration in its `sekimori.toml` and starts at `now`.
    pub(crate) fn start(files: &[(&str, &str)], now: WallTime) -> TestDaemon {
        let folder = folder();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let loaded = config::load(&folder.path().join("sekimori.toml")).unwrap_or_else(|e| panic!("{e}"));
        let mut daemon = TestDaemon {
            folder,
            clock: ManualClock::new(now),
            config: loaded.config,
            mailer: FakeMailer::default(),
            runtime: runtime(),
            alive: None,
            full: false,
            batches: None,
        };
        daemon.rise();
        daemon
    }

    /// Brings the process up, on whatever the last one left.
    pub(crate) fn rise(&mut self) {
        if self.alive.is_some() {
            return;
        }
        let now = self.now();
        let mut store = Store::open(&self.config.store).unwrap();
        // Nothing here loses power, so nothing has to wait for a disk.
        store.scratch().unwrap();
        let in_force = setup::register_in_force(&self.config, &mut store, now).unwrap();
        let before = store.judged_by(in_force.version).unwrap();
        let before = before.map(|v| import::of_version(&store, &self.config.accounts, v).unwrap());
        let key = setup::subject_key(&self.config.subject_key, &mut store).unwrap();
        let mut pipeline = Pipeline::new(&self.config, store, in_force.register, key, "kansi01").unwrap();
        if let Some(before) = before {
            pipeline.judged_by(before, in_force.version);
        }
        if let Some((lines, turn_bytes)) = self.batches {
            pipeline.set_batch_max(lines, turn_bytes);
        }
        let outbox = Arc::new(StoreOutbox::open(&self.config.store).unwrap().telling(&pipeline));
        self.alive = Some(Alive { pipeline, outbox });
        self.fill_disk(self.full);
    }

    /// The process is gone, and everything that was not committed with it.
    pub(crate) fn crash(&mut self) {
        self.alive = None;
    }

    /// SIGTERM and start.
    pub(crate) fn restart(&mut self) {
        let now = self.now();
        if let Some(alive) = &mut self.alive {
            match alive.pipeline.flush(now) {
                Ok(_) => {}
                Err(e) => assert!(e.is_transient(), "{e}"),
            }
        }
        self.crash();
        self.rise();
    }

    fn pipeline(&mut self) -> &mut Pipeline {
        &mut self.alive.as_mut().expect("the daemon is down").pipeline
    }

    /// One step, folders listed. A store that cannot be written costs the batch: it is forgotten and none comes back.
    pub(crate) fn step(&mut self) -> Option<Step> {
        self.look(true)
    }

    /// One step as it comes without a word of `notify`: folders are listed when it is time.
    pub(crate) fn look(&mut self, rescan: bool) -> Option<Step> {
        let now = self.now();
        let pipeline = self.pipeline();
        pipeline.poll();
        let stepped = pipeline.step(now, rescan);
        self.wait_out(stepped)
    }

    /// What the ingest thread does with an error: waits and reads again, or ends.
    fn wait_out(&mut self, stepped: Result<Step, PipelineError>) -> Option<Step> {
        match stepped {
            Ok(step) => Some(step),
            Err(e) => {
                assert!(e.is_transient(), "the daemon would end: {e}");
                self.pipeline().rollback().unwrap();
                None
            }
        }
    }

    /// Steps until everything readable is read and committed. False where the store cannot be written.
    pub(crate) fn settle(&mut self) -> bool {
        for _ in 0..1_000 {
            let Some(step) = self.step() else { return false };
            if step.lines == 0 && !step.more && !self.pipeline().poll() {
                let now = self.now();
                let flushed = self.pipeline().flush(now);
                return self.wait_out(flushed).is_some();
            }
        }
        panic!("the daemon finds no end");
    }

    /// From now on batches are this small, so that one is committed behind the reading of the next.
    pub(crate) fn small_batches(&mut self, lines: u64, turn_bytes: usize) {
        self.batches = Some((lines, turn_bytes));
        self.pipeline().set_batch_max(lines, turn_bytes);
    }

    /// Drops the batch in hand as a failed commit does.
    pub(crate) fn fail_batch(&mut self) {
        self.pipeline().rollback().unwrap();
    }

    /// Appends `text` to a file of the folder.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(self.path(file)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn now(&self) -> WallTime {
        self.clock.now()
    }

    pub(crate) fn tick(&self, d: Duration) {
        self.clock.advance(d);
    }

    /// The keyed hash of a citizen's number.
    pub(crate) fn subject(&self, number: &str) -> sekimori::access::Subject {
        let key = setup::subject_key(&self.config.subject_key, &mut self.console()).unwrap();
        key.hash(number.as_bytes())
    }

    /// Moves the clock to a moment such as `2026-11-21 09:41:00` (JST).
    pub(crate) fn set_clock(&self, text: &str) {
        self.clock.set(jst(text));
    }

    /// Moves the clock.
    pub(crate) fn set_time(&self, now: WallTime) {
        self.clock.set(now);
    }

    /// One pass of the postman over what is due.
    pub(crate) fn deliver(&mut self) -> Drained {
        let outbox = Arc::clone(&self.alive.as_ref().expect("the daemon is down").outbox);
        let now = self.now();
        self.mailer.relay().now = Some(now);
        self.runtime
            .block_on(postman::drain(&outbox, &self.mailer, now))
            .unwrap()
    }

    /// A pass of the postman during which the process dies: `after` mails and one more are accepted, and of the
    /// last one it never hears. False where there were not so many; then everything that was due is sent.
    pub(crate) fn crash_in_mail(&mut self, after: u32) -> bool {
        let outbox = Arc::clone(&self.alive.as_ref().expect("the daemon is down").outbox);
        let now = self.now();
        self.mailer.relay().now = Some(now);
        self.mailer.relay().dies_after = Some(after);
        let died = self.runtime.block_on(async {
            tokio::select! {
                done = postman::drain(&outbox, &self.mailer, now) => { done.unwrap(); false }
                () = self.mailer.gone.notified() => true,
            }
        });
        self.mailer.relay().dies_after = None;
        drop(outbox);
        if died {
            // Waits for calls of the outbox that are under way: what a dead process began, it does not end later.
            self.runtime = runtime();
            self.crash();
        }
        died
    }

    /// Whether the relay can be reached.
    pub(crate) fn set_relay(&self, up: bool) {
        self.mailer.relay().down = !up;
    }

    /// What the relay answers `address` from now on; 250: it accepts.
    pub(crate) fn answer(&self, address: &str, code: u16) {
        let mut relay = self.mailer.relay();
        relay.answers.remove(address);
        if code != 250 {
            relay.answers.insert(address.to_owned(), code);
        }
    }

    /// Fills the disk of the store, or frees it.
    pub(crate) fn fill_disk(&mut self, full: bool) {
        self.full = full;
        if let Some(alive) = &mut self.alive {
            // Waits for a commit that is on its way: only then is there a connection to limit.
            let now = self.clock.now();
            if alive.pipeline.writing_store().is_err() && alive.pipeline.flush(now).is_err() {
                alive.pipeline.rollback().unwrap();
            }
            alive
                .pipeline
                .writing_store()
                .unwrap()
                .limit_pages(if full { 1 } else { i64::from(u32::MAX - 1) })
                .unwrap();
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.alive.is_some()
    }

    /// Every mail a relay accepted, in order.
    pub(crate) fn mails(&self) -> Vec<Taken> {
        self.mailer.relay().taken.clone()
    }

    /// Looks into the store as the command line does, whether the daemon runs or not.
    pub(crate) fn store(&self) -> Store {
        Store::open_read(&self.config.store).unwrap()
    }

    /// A second writer, as the command line is.
    pub(crate) fn console(&self) -> Store {
        Store::open(&self.config.store).unwrap()
    }

    /// Every alert, sorted by what it is about.
    pub(crate) fn alerts(&self) -> Vec<Seen> {
        let store = self.store();
        let mut all: Vec<Seen> = store
            .alerts(AlertFilter::default())
            .unwrap()
            .into_iter()
            .map(|s| Seen {
                rule: s.alert.rule,
                who: store.who(s.alert.who).unwrap().map(|w| w.1).unwrap_or_default(),
                dataset: store.dataset_name(s.alert.dataset).unwrap(),
                observed: s.alert.observed,
                limit: s.alert.limit,
                first_seen: s.alert.first_seen,
                last_seen: s.alert.last_seen,
                hits: s.alert.hits,
                severity: s.alert.severity,
                state: s.alert.state,
                number: s.alert.number,
            })
            .collect();
        all.sort();
        all
    }

    /// Alerts of one rule.
    pub(crate) fn alerts_of(&self, rule: &str) -> Vec<Seen> {
        self.alerts().into_iter().filter(|a| a.rule == rule).collect()
    }

    /// The book, by person, dataset, operation and day.
    pub(crate) fn counts(&self) -> Vec<CountRow> {
        let by = CountBy {
            person: true,
            dataset: true,
            operation: true,
            day: true,
        };
        self.store().counts(by, i32::MIN, i32::MAX).unwrap()
    }

    /// What was read of the sources.
    pub(crate) fn sources(&self) -> Vec<SourceRow> {
        self.store().sources().unwrap()
    }

    pub(crate) fn mail_counts(&self) -> MailCounts {
        self.store().mail_counts().unwrap()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// A folder in memory where there is one: SQLite waits for disks, and no test here is about disks.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap()
}

/// A moment such as `2026-11-21 09:41:00`, JST.
pub(crate) fn jst(text: &str) -> WallTime {
    let (date, time) = text.split_once(' ').unwrap();
    let day = parse_date(date).unwrap();
    let mut parts = time.split(':').map(|p| p.parse::<i64>().unwrap());
    let mut next = || parts.next().unwrap_or(0);
    let secs = next() * 3_600 + next() * 60 + next();
    let start = sekimori::calendar::day_start(day).secs();
    WallTime::from_secs(start + secs)
}

/// A moment as logs write it: `2026-11-21T09:41:00+09:00`.
pub(crate) fn stamp(secs: i64) -> String {
    let local = secs + 9 * 3_600;
    let day = sekimori::calendar::day_of(EventTime::from_secs(secs));
    let s = local.rem_euclid(86_400);
    format!("{}T{:02}:{:02}:{:02}+09:00", day.iso(), s / 3_600, s / 60 % 60, s % 60)
}
