//! When the ledger leaves the store for the log folder, and when a checkpoint is signed.
//!
//! Entries are committed with what they speak of. Every few minutes this adds a heartbeat, carries the new entries to
//! the folder and signs; on a new day it first changes the key. A folder that cannot be written is tried again; one that
//! does not continue what was signed stops the signing, never the watch.

use std::time::Duration;

use tracing::{error, info, warn};

use super::{Archive, PipelineError};
use crate::alert::notice::{Handled, Standing, Trace};
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::config::Config;
use crate::evidence::{Checkpoint, Entry, EvidenceSettings, Log, LogError, Note, base64, spoken_code};
use crate::store::{Signed, Store, StoreError};
use crate::text::{Lang, Say};

/// How soon a folder that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(30);
/// How long no checkpoint could be written before people are told.
const TELL_AFTER: Duration = Duration::from_secs(900);
/// Entries carried at once.
const CARRY: u32 = 1_000;
/// Name of the log in the store's settings.
const ORIGIN: &str = "ledger_origin";
/// Entries of which the mail of the day has told.
const TOLD: &str = "ledger_told";

/// The ledger on its way out of the store.
#[derive(Debug)]
pub struct Proof {
    log: Log,
    every: Duration,
    due: WallTime,
    stopped: Option<Say>,
    /// The same, while nobody was told yet.
    untold: Option<Say>,
    /// Since when no checkpoint can be written, why, and whether people were told.
    failing: Option<(WallTime, Say, bool)>,
    /// Who gets the checkpoint of the day; nobody named: whoever gets every alert.
    checkpoints_to: Vec<String>,
    recipients: Vec<String>,
    /// What people must be told of the folder as it was found.
    found: Vec<Handled>,
}

/// What a run says of itself when it begins.
#[derive(Debug, Clone)]
pub struct Begin<'a> {
    /// The configuration that comes into force.
    pub config: &'a Config,
    /// Name of this host.
    pub host: &'a str,
    /// A start of the program, not a reload.
    pub start: bool,
}

impl Proof {
    /// Joins the log folder to the store and notes that a run (or a configuration) begins.
    ///
    /// # Errors
    /// The store, or a folder or key that cannot be used. A folder that contradicts the store is no error: signing stops
    /// and [`Proof::stopped`] says why.
    pub fn open(store: &mut Store, begin: &Begin<'_>, now: WallTime) -> Result<Proof, PipelineError> {
        let (mut proof, mut entries) = Proof::joined(store, begin, now)?;
        proof.begin(store, begin, now, &mut entries)?;
        store.ledger_append(&entries)?;
        Ok(proof)
    }

    /// Carries and signs what the store holds, for a command that runs while no daemon does; nothing begins by it. Gives
    /// why nothing may be signed, if that is so.
    ///
    /// # Errors
    /// The store, the folder, or a key that is not there: no key is made for a ledger that has one.
    pub fn settle(
        store: &mut Store,
        begin: &Begin<'_>,
        now: WallTime,
    ) -> Result<(Option<Say>, Vec<Handled>), PipelineError> {
        let (mut proof, mut entries) = Proof::joined(store, begin, now)?;
        let found = proof.found();
        if proof.stopped.is_some() || proof.log.epoch().is_none() && store.ledger_last("key")?.is_none() {
            return Ok((proof.stopped, Vec::new()));
        }
        proof.log.must_have_key()?;
        // Behind a new key something must stand that it signs.
        entries.push(Entry::new("signed", now).with("by", "command"));
        match proof.checkpoint(store, entries, now) {
            Err(PipelineError::Log(LogError::Fork(why))) => Ok((Some(why), Vec::new())),
            done => done.map(|()| (None, found)),
        }
    }

    /// The log folder held against the store, and what the ledger must say of it.
    fn joined(store: &mut Store, begin: &Begin<'_>, now: WallTime) -> Result<(Proof, Vec<Entry>), PipelineError> {
        let settings = &begin.config.evidence;
        let origin = origin(store, settings, begin.host)?;
        let signed = store.ledger_signed()?;
        let mut known: Vec<Checkpoint> = signed.iter().filter_map(|s| checkpoint(&s.note)).collect();
        known.extend(settings.anchors.iter().flat_map(|folder| anchors(folder)));
        let sizes: Vec<u64> = known.iter().map(|c| c.size).collect();
        let log = Log::open(&settings.folder, &settings.keys, &origin, &sizes)?;
        let mut proof = Proof {
            log,
            every: settings.checkpoint_every,
            due: now,
            stopped: None,
            untold: None,
            failing: None,
            checkpoints_to: settings.checkpoints_to.clone(),
            recipients: settings.recipients.iter().map(|r| r.fingerprint()).collect(),
            found: Vec::new(),
        };
        if let Err(e) = proof.log.join(&store.ledger_tree()?, &known) {
            proof.stop(e)?;
            // Whoever opens it tells of it.
            proof.untold = None;
        }
        let mut entries = Vec::new();
        if let Some(cut) = signed.as_ref().filter(|s| proof.log.size() < s.size) {
            entries.push(
                Entry::new("integrity", now)
                    .with("what", "log-cut")
                    .with("size", proof.log.size())
                    .with("signed", cut.size),
            );
            proof.found.push(Handled::LedgerCut {
                size: proof.log.size(),
                signed: cut.size,
                at: cut.at,
            });
        }
        Ok((proof, entries))
    }

    fn begin(
        &mut self,
        store: &mut Store,
        begin: &Begin<'_>,
        now: WallTime,
        entries: &mut Vec<Entry>,
    ) -> Result<(), PipelineError> {
        if self.stopped.is_none() && self.log.epoch().is_none() && store.ledger_last("key")?.is_none() {
            // Before the key is made that would be one of them.
            let traces = self.log.traces(&begin.config.evidence.anchors)?;
            entries.push(self.log.next_epoch(now)?);
            if !traces.is_empty() {
                let words: Vec<&str> = traces.iter().map(|trace| trace.as_str()).collect();
                let anew = Entry::new("integrity", now).with("what", "begun-anew");
                entries.push(anew.with("traces", words));
                self.found.push(Handled::LedgerAnew(traces));
            }
        }
        if begin.start {
            let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            entries.push(
                Entry::new("start", now)
                    .with("version", env!("CARGO_PKG_VERSION"))
                    .with("boot", boot.trim())
                    .with("every", self.every.as_secs()),
            );
        }
        let before = store.ledger_last("config")?;
        let from = before.as_ref().map(|e| e.text("to")).unwrap_or_default();
        if from != begin.config.hash {
            use std::os::unix::fs::MetadataExt;
            let owner = std::fs::metadata(&begin.config.path).map_or(0, |m| u64::from(m.uid()));
            entries.push(
                Entry::new("config", now)
                    .with("from", from)
                    .with("to", begin.config.hash.as_str())
                    .with("uid", owner)
                    .with(
                        "rcpt",
                        begin
                            .config
                            .evidence
                            .recipients
                            .iter()
                            .map(|r| r.fingerprint())
                            .collect::<Vec<_>>(),
                    )
                    .with("keep_years", begin.config.evidence.keep_years),
            );
        }
        Ok(())
    }

    /// What people must be told of the folder as it was found; once.
    pub fn found(&mut self) -> Vec<Handled> {
        std::mem::take(&mut self.found)
    }

    /// Why nothing is signed, if that is so.
    pub fn stopped(&self) -> Option<&Say> {
        self.stopped.as_ref()
    }

    fn stop(&mut self, error: LogError) -> Result<(), PipelineError> {
        match error {
            LogError::Fork(why) => {
                error!(why = why.pick(Lang::En), "the ledger is not signed any more");
                self.stopped = Some(why.clone());
                self.untold = Some(why);
                Ok(())
            }
            other => Err(other.into()),
        }
    }

    /// When the next checkpoint is due.
    pub fn due(&self) -> Option<WallTime> {
        self.stopped.is_none().then_some(self.due)
    }

    /// Carries and signs if it is due. Returns why signing has stopped, if it just did.
    ///
    /// # Errors
    /// The store.
    pub fn tend(
        &mut self,
        store: &mut Store,
        archive: Option<&Archive>,
        now: WallTime,
    ) -> Result<Option<Say>, PipelineError> {
        if let Some(why) = self.untold.take() {
            return Ok(Some(why));
        }
        // A clock that went back must not keep checkpoints waiting.
        let early = now < self.due && self.due.since(now) <= self.every;
        if self.stopped.is_some() || early && !self.is_awaited(store)? {
            return Ok(None);
        }
        let open = archive.map(Archive::open_segments).unwrap_or_default();
        match self.checkpoint(store, vec![Entry::new("heartbeat", now).with("open", open)], now) {
            Ok(()) => {
                self.due = now.plus(self.every);
                self.failing = None;
            }
            Err(PipelineError::Log(LogError::Fork(why))) => {
                self.stop(LogError::Fork(why))?;
                return Ok(self.untold.take());
            }
            Err(PipelineError::Log(e)) => {
                warn!(error = %e, "no checkpoint; the entries wait in the store");
                let (since, told) = self
                    .failing
                    .take()
                    .map_or((now, false), |(since, _, told)| (since, told));
                self.failing = Some((since, e.say(), told));
                self.due = now.plus(RETRY);
            }
            Err(e) => return Err(e),
        }
        Ok(None)
    }

    /// Why no checkpoint can be written, once, when that has lasted.
    pub fn failing(&mut self, now: WallTime) -> Option<Say> {
        let (since, why, told) = self.failing.as_mut()?;
        if *told || now.since(*since) < TELL_AFTER {
            return None;
        }
        *told = true;
        Some(why.clone())
    }

    /// Whether a command waits for what it wrote to be signed. While the folder cannot be written it waits in vain.
    ///
    /// # Errors
    /// The store.
    pub fn is_awaited(&self, store: &Store) -> Result<bool, StoreError> {
        if self.stopped.is_some() || self.failing.is_some() {
            return Ok(false);
        }
        let signed = self.log.last().map_or(0, |(_, checkpoint)| checkpoint.size);
        Ok(store.ledger_awaited()?.is_some_and(|size| signed < size))
    }

    fn checkpoint(&mut self, store: &mut Store, last: Vec<Entry>, now: WallTime) -> Result<(), PipelineError> {
        // First, so that the epoch is that of the store: the folder may have lost the entry that began it.
        self.carry(store)?;
        let mut entries = Vec::new();
        if let Some(epoch) = self.log.epoch() {
            let today = day_of(EventTime::from_micros(now.micros())).iso();
            if epoch.at.get(..10).is_some_and(|day| day < today.as_str()) {
                entries.push(self.log.next_epoch(now)?);
            }
        }
        entries.extend(last);
        store.ledger_append(&entries)?;
        self.carry(store)?;
        crate::fault::pass("proof.carried").map_err(StoreError::passed)?;
        let (note, checkpoint) = self.log.sign()?;
        let size = checkpoint.size;
        store.ledger_note_signed(&Signed {
            size,
            at: now,
            note: note.clone(),
        })?;
        crate::fault::pass("proof.signed").map_err(StoreError::passed)?;
        self.log.publish(&note)?;
        // By way of the journal to wherever that is forwarded: a line is a checkpoint outside.
        info!("checkpoint v1 note={}", base64(note.as_bytes()));
        Ok(self.log.publish_trust()?)
    }

    /// Who gets the checkpoint of the day, where somebody is named.
    pub fn checkpoints_to(&self) -> Option<&[String]> {
        Some(self.checkpoints_to.as_slice()).filter(|to| !to.is_empty())
    }

    /// Where the ledger stands, for the mail of the day; `None` before the first checkpoint and on the day the ledger was
    /// begun: the first mail comes the morning after.
    ///
    /// # Errors
    /// The store.
    pub fn standing(&self, store: &Store) -> Result<Option<Standing>, StoreError> {
        let Some(signed) = store.ledger_signed()? else {
            return Ok(None);
        };
        let Some(checkpoint) = checkpoint(&signed.note) else {
            return Ok(None);
        };
        let told = store.meta(TOLD)?.and_then(|n| n.parse().ok());
        if told.is_none() && !begun_before(store, signed.at)? {
            return Ok(None);
        }
        let told = told.unwrap_or(0);
        let kinds = store.ledger_kinds(told)?;
        let count = |kind: &str| kinds.get(kind).copied().unwrap_or(0);
        Ok(Some(Standing {
            code: spoken_code(&checkpoint.text()),
            origin: checkpoint.origin,
            size: checkpoint.size,
            root: base64(&checkpoint.root),
            at: signed.at,
            since: [
                count("segment"),
                count("gap"),
                count("export"),
                count("expire"),
                count("expired"),
            ],
            recipients: self.recipients.clone(),
        }))
    }

    /// The mail of the day is queued: the next one counts from here.
    ///
    /// # Errors
    /// The store.
    pub fn told(&self, store: &mut Store) -> Result<(), StoreError> {
        let size = store.ledger_tree()?.size();
        store.set_meta(TOLD, &size.to_string())
    }

    /// Carries what the store holds and the folder does not.
    fn carry(&mut self, store: &Store) -> Result<(), PipelineError> {
        if let Some(signed) = store.ledger_signed()?.filter(|s| s.size <= self.log.size()) {
            // What a crash kept from leaving, or cut.
            self.log.publish(&signed.note)?;
        }
        self.log.close_epochs()?;
        loop {
            let lines = store.ledger_lines(self.log.size(), CARRY)?;
            if lines.is_empty() {
                return Ok(());
            }
            for line in &lines {
                self.log.add(line)?;
            }
        }
    }

    /// Carries what is committed to the log folder, without signing it yet. `false`: it cannot be written now.
    ///
    /// # Errors
    /// The store.
    pub fn list(&mut self, store: &Store) -> Result<bool, PipelineError> {
        if self.stopped.is_some() {
            return Ok(false);
        }
        match self.carry(store) {
            Ok(()) => Ok(true),
            Err(PipelineError::Log(LogError::Fork(why))) => {
                self.stop(LogError::Fork(why))?;
                Ok(false)
            }
            Err(PipelineError::Log(e)) => {
                warn!(error = %e, "finished segments wait for the log folder");
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }

    /// Notes that the run ends, and signs.
    ///
    /// # Errors
    /// The store.
    pub fn finish(&mut self, store: &mut Store, now: WallTime) -> Result<(), PipelineError> {
        if self.stopped.is_some() {
            return store
                .ledger_append(&[Entry::new("stop", now)])
                .map_err(PipelineError::from);
        }
        self.checkpoint(store, vec![Entry::new("stop", now)], now)
    }
}

impl Log {
    /// What shows that a ledger was signed, or records archived, here before.
    fn traces(&self, anchors_in: &Option<std::path::PathBuf>) -> Result<Vec<Trace>, LogError> {
        let mut traces = Vec::new();
        if self.has_signed()? {
            traces.push(Trace::Key);
        }
        if self.has_segments() {
            traces.push(Trace::Segments);
        }
        if anchors_in.iter().any(|folder| !anchors(folder).is_empty()) {
            traces.push(Trace::Anchor);
        }
        Ok(traces)
    }
}

/// Whether the ledger was begun on a day before that of `at`.
fn begun_before(store: &Store, at: WallTime) -> Result<bool, StoreError> {
    let first = store.ledger_lines(0, 1)?;
    let first = first.first().and_then(|line| Entry::read(line.as_bytes()).ok());
    let today = day_of(EventTime::from_micros(at.micros())).iso();
    Ok(first.is_some_and(|entry| entry.text("at").get(..10).is_some_and(|day| day < today.as_str())))
}

/// The name of the log, chosen once.
fn origin(store: &mut Store, settings: &EvidenceSettings, host: &str) -> Result<String, StoreError> {
    if let Some(kept) = store.meta(ORIGIN)? {
        return Ok(kept);
    }
    let chosen = match &settings.origin {
        Some(origin) => origin.clone(),
        None => {
            let id = super::store_id(store)?;
            let host: String = host
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c))
                .collect();
            format!("sekimori/{host}/{id}")
        }
    };
    store.set_meta(ORIGIN, &chosen)?;
    Ok(chosen)
}

fn checkpoint(note: &str) -> Option<Checkpoint> {
    Checkpoint::read(Note::read(note.as_bytes()).ok()?.text()).ok()
}

/// Checkpoints that came back to this host.
fn anchors(folder: &std::path::Path) -> Vec<Checkpoint> {
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let notes = files.filter(|f| f.path().extension().is_some_and(|e| e == "note"));
    notes
        .filter_map(|f| checkpoint(&std::fs::read_to_string(f.path()).ok()?))
        .collect()
}
