//! The thread that keeps the account register fresh: looks at the configured file and the drop folder, imports what is
//! new, and hands each new version to the ingest thread, ready to use.
//!
//! What a command imports comes into force the same way: the store says that there is a newer version. A file is
//! imported once it has stood still between two looks. Nothing here waits for the ingest thread, nor it for us.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use tracing::{error, info, warn};

use super::import::{self, ImportError, Taken};
use super::ingest::Request;
use super::setup;
use crate::alert::notice::Notice;
use crate::clock::{Clock, WallTime};
use crate::pipeline::Recheck;
use crate::register::{AccountsSettings, Naming, Register};
use crate::source::Poker;
use crate::store::{Store, StoreError};

/// How often file, folder and store are looked at. Each look opens the store: once a second it would cost more than all else
/// that a daemon does while nothing happens.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Subfolders for what was dropped.
const DONE: &str = "imported";
const REFUSED: &str = "refused";

/// Size, time of change and inode of a file: while they stay, the file does.
pub(super) type Stamp = (u64, i128, u64);

/// What another thread tells this one.
#[derive(Debug)]
pub(super) enum Told {
    /// A new configuration came into force, with this version of the register.
    Settings(Box<AccountsSettings>, i64, Arc<Naming>),
    /// Hold this register against the past.
    Recheck(Box<Recheck>),
    /// End.
    Stop,
}

/// Keeps the register fresh.
pub(super) struct Registrar {
    pub accounts: AccountsSettings,
    pub store: PathBuf,
    pub clock: Arc<dyn Clock>,
    /// The version the ingest thread was given last.
    pub version: i64,
    /// The datasets by the words a register may use for them.
    pub naming: Arc<Naming>,
    pub requests: SyncSender<Request>,
    pub poker: Poker,
    pub told: Receiver<Told>,
    /// Files as they stood at the last look.
    pub seen: BTreeMap<PathBuf, Stamp>,
    /// Files that were considered, as they stood then.
    pub considered: BTreeMap<PathBuf, Stamp>,
    /// What people must still be told.
    pub untold: Vec<Notice>,
    /// Day on which people were last told that the register is old.
    pub stale_told: Option<i32>,
    /// The register handed over last: the next one is weighed against it.
    pub known: Option<Arc<Register>>,
}

impl Registrar {
    /// Goes round until told to stop.
    pub(super) fn run(mut self) {
        loop {
            match self.told.recv_timeout(LOOK_EVERY) {
                Ok(Told::Settings(accounts, version, naming)) => {
                    self.accounts = *accounts;
                    self.version = version;
                    self.naming = naming;
                }
                Ok(Told::Recheck(recheck)) => self.recheck(&recheck),
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(e) = self.look(self.clock.now()) {
                        warn!(error = %e, "the account register could not be looked after; tried again");
                    }
                }
            }
        }
    }

    /// One round.
    pub(super) fn look(&mut self, now: WallTime) -> Result<(), StoreError> {
        for notice in std::mem::take(&mut self.untold) {
            self.tell(notice);
        }
        let file = self.accounts.path.clone();
        let dropped = self.accounts.drop_folder.as_deref().map(dropped).unwrap_or_default();
        let mut seen = BTreeMap::new();
        let mut still = Vec::new();
        for path in dropped.into_iter().chain([file.clone()]) {
            let Some(stamp) = stamp(&path) else { continue };
            let stood = self.seen.get(&path) == Some(&stamp);
            if stood && self.considered.get(&path) != Some(&stamp) {
                still.push((path.clone(), stamp));
            }
            seen.insert(path, stamp);
        }
        self.considered.retain(|path, _| seen.contains_key(path));
        self.seen = seen;
        if !still.is_empty() {
            let mut store = Store::open(&self.store)?;
            for (path, stamp) in still {
                if path == file {
                    let considered = setup::consider_file(&self.accounts, &mut store, self.known.as_deref(), now)?;
                    considered.refused.into_iter().for_each(|why| self.refused(why));
                    considered.odd.into_iter().for_each(|odd| self.tell(odd));
                } else {
                    self.dropped(&mut store, &path, now)?;
                }
                self.considered.insert(path, stamp);
            }
        }
        self.take_up(now)
    }

    /// Holds a register against the past; what holds in hindsight goes back to the ingest thread.
    fn recheck(&self, recheck: &Recheck) {
        match recheck.run() {
            Ok(found) => {
                // Where the ingest thread is gone, the next start does it.
                drop(self.requests.send(Request::Rechecked(Box::new(found))));
                self.poker.poke();
            }
            Err(e) => error!(error = %e, "the past could not be held against the register; the next start does it"),
        }
    }

    /// Imports a dropped file and puts it where people see what became of it.
    fn dropped(&mut self, store: &mut Store, path: &Path, now: WallTime) -> Result<(), StoreError> {
        let offer = import::read(&self.accounts, path).map_err(ImportError::Refused);
        let taken = offer.and_then(|offer| {
            let (register, plan) = (self.known.as_deref(), None);
            let known = import::Known { register, plan };
            let taken = import::take(store, &self.accounts, &offer, ("", ""), known, now)?;
            if let Taken::New { version, .. } = taken {
                let odd = import::odd_news(store, &self.accounts, (&offer, version), now)?;
                odd.into_iter().for_each(|odd| self.tell(odd));
            }
            Ok(taken)
        });
        let (folder, why) = match taken {
            Ok(Taken::Same(version)) => {
                info!(path = %path.display(), version, "register brought again, nothing new");
                (DONE, None)
            }
            Ok(Taken::New { version, added, ended }) => {
                info!(path = %path.display(), version, added, ended, "register imported");
                (DONE, None)
            }
            Err(ImportError::Refused(why)) => (
                REFUSED,
                Some(setup::refuse(store, (path, self.accounts.lang), &why, now)?),
            ),
            Err(ImportError::Store(e)) => return Err(e),
        };
        if let Err(e) = put_away(path, folder, why.as_deref(), now) {
            // It stays and is not imported again while it stays the same.
            warn!(path = %path.display(), error = %e, "the dropped register cannot be moved away");
        }
        why.into_iter().for_each(|why| self.refused(why));
        Ok(())
    }

    /// Hands a version that is newer than the ingest thread's to it, and says when none has come for long.
    fn take_up(&mut self, now: WallTime) -> Result<(), StoreError> {
        let store = Store::open_read(&self.store)?;
        let Some(newest) = store.register_version()? else {
            return Ok(());
        };
        if self.version < newest.id {
            match import::of_version(&store, &self.accounts, newest.id) {
                Ok(mut register) => {
                    register.bind(&self.naming);
                    let accounts = register.accounts();
                    let register = Arc::new(register);
                    if self.ask(Request::Register(Arc::clone(&register), newest.id)) {
                        self.known = Some(register);
                        info!(version = newest.id, accounts, "new register in force");
                        self.version = newest.id;
                    }
                }
                Err(ImportError::Store(e)) => return Err(e),
                Err(ImportError::Refused(why)) => error!(%why, "the newest register cannot be used"),
            }
        }
        let age = now.since(newest.refreshed_at);
        let day = crate::calendar::Jst::from(now).day.0;
        if self.accounts.stale_after <= age && self.stale_told != Some(day) {
            let notice = Notice::RegisterStale {
                origin: newest.import.origin,
                version: newest.id,
                since: newest.refreshed_at,
                days: age.as_secs() / 86_400,
            };
            self.stale_told = Some(day);
            self.tell(notice);
        }
        Ok(())
    }

    fn refused(&mut self, why: String) {
        error!(%why, "register refused; the last good one stays in force");
        self.tell(Notice::RegisterRefused(why));
    }

    /// Has people told; where the ingest thread is too busy to be asked, at the next round.
    fn tell(&mut self, notice: Notice) {
        if !self.ask(Request::Notify(Box::new(notice.clone()))) {
            self.untold.push(notice);
        }
    }

    /// Whether the ingest thread will hear of it; else it is asked again at the next round.
    fn ask(&self, request: Request) -> bool {
        let asked = self.requests.try_send(request).is_ok();
        self.poker.poke();
        asked
    }
}

/// How a file stands now.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let changed = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    Some((meta.len(), changed, meta.ino()))
}

/// Registers in the drop folder, by name: the later name is imported last and stays in force.
fn dropped(folder: &Path) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => {
            warn!(folder = %folder.display(), error = %e, "the drop folder of the register cannot be read");
            return Vec::new();
        }
    };
    let is_csv = |path: &PathBuf| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(is_csv).collect();
    paths.sort();
    paths
}

/// Moves a dropped file into a subfolder under a name of its own, with the reason beside it where it was refused.
fn put_away(path: &Path, folder: &str, why: Option<&str>, now: WallTime) -> std::io::Result<()> {
    let folder = path.with_file_name(folder);
    std::fs::create_dir_all(&folder)?;
    let at = crate::calendar::Jst::from(now);
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let to = folder.join(format!("{}T{}-{name}", at.day.iso(), at.clock().replace(':', "")));
    std::fs::rename(path, &to)?;
    match why {
        Some(why) => std::fs::write(to.with_extension("txt"), format!("{why}\n")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
