//! What a command writes into the ledger leaves the store before the command goes on.
//!
//! An entry that stands in the store only can be taken back with a copy of the store made just before. So whoever gives out
//! records, takes them away or copies the store waits until the entry about it stands in the log folder under a signed
//! checkpoint. A daemon that runs signs (it looks once a second whether somebody waits); where none does, the command takes
//! the daemon's place for that moment.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use super::setup;
use crate::alert::notice::Notice;
use crate::clock::WallTime;
use crate::config::Config;
use crate::evidence::last_published;
use crate::pipeline::{Begin, PipelineError, Proof, Teller};
use crate::store::{Lock, Store, StoreError};
use crate::text::{Lang, Say, say};

/// How long the daemon is waited for, and how often one looks.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why an entry is not signed.
#[derive(Debug, thiserror::Error)]
pub enum Unsettled {
    /// The daemon runs and has not signed in time.
    #[error("the daemon has not signed the entry within {} seconds", PATIENCE.as_secs())]
    Late,
    /// Nothing may be signed.
    #[error("{}", .0.pick(Lang::En))]
    Stopped(Say),
    /// The log folder belongs to somebody else: what this user makes there the daemon could not use.
    #[error("{0} belongs to another user")]
    Owner(PathBuf),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log folder or a key.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

impl Unsettled {
    /// The same for people, with what would do.
    pub fn say(&self) -> Say {
        let (why, remedy) = match self {
            Unsettled::Late => {
                let secs = PATIENCE.as_secs();
                (
                    say!(
                        "稼働中の sekimori が {secs} 秒待っても署名しません",
                        "the daemon that runs has not signed it within {secs} seconds"
                    ),
                    Say::new(
                        "sekimori status と届いているメールで、署名が止まっていないか確かめてください。",
                        "see sekimori status and the mails whether signing has stopped",
                    ),
                )
            }
            Unsettled::Stopped(why) => (why.clone(), Say::new("", "")),
            Unsettled::Owner(path) => {
                let path = path.display();
                (
                    say!(
                        "{path} の所有者が、このコマンドを実行した利用者と違います",
                        "{path} belongs to another user than the one who runs this"
                    ),
                    Say::new(
                        "sekimori を動かす利用者で実行してください（sudo -u sekimori …）。",
                        "run this as the user of the daemon (sudo -u sekimori ...)",
                    ),
                )
            }
            Unsettled::Store(e) => (e.say(), Say::new("", "")),
            Unsettled::Pipeline(e) => {
                let why = match e {
                    PipelineError::Log(e) => e.say(),
                    PipelineError::Store(e) => e.say(),
                    other => say!("{other}", "{other}"),
                };
                (
                    why,
                    Say::new(
                        "sekimori を起動してからやり直してください。",
                        "start sekimori and try again",
                    ),
                )
            }
        };
        let (ja, en) = (why.pick(Lang::Ja), why.pick(Lang::En));
        let (ja, en) = (ja.trim_end_matches('。'), en.trim_end_matches('.'));
        let (then_ja, then_en) = (remedy.pick(Lang::Ja), remedy.pick(Lang::En));
        match then_en.is_empty() {
            true => say!("記録簿に署名できません：{ja}。", "the ledger cannot be signed: {en}"),
            false => say!(
                "記録簿に署名できません：{ja}。{then_ja}",
                "the ledger cannot be signed: {en}; {then_en}"
            ),
        }
    }
}

/// Waits until everything that stands in the ledger now is in the log folder under a signed checkpoint. `now` is when the
/// command began.
///
/// # Errors
/// [`Unsettled`]: it is not, and the command must not go on.
pub fn settle(config: &Config, store: &mut Store, now: WallTime) -> Result<(), Unsettled> {
    let size = store.ledger_await()?;
    let looks = PATIENCE.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        match Lock::take(&config.store) {
            Ok(_lock) => return alone(config, store, now),
            Err(StoreError::Locked(_)) => {}
            Err(e) => return Err(e.into()),
        }
        if last_published(&config.evidence.folder).is_some_and(|checkpoint| size <= checkpoint.size) {
            return Ok(());
        }
        if crate::fault::pass("settle.wait").is_err() {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Err(Unsettled::Late)
}

/// Signs in the place of a daemon that does not run.
fn alone(config: &Config, store: &mut Store, now: WallTime) -> Result<(), Unsettled> {
    let entries = config.evidence.folder.join("log/entries.jsonl");
    let owner = std::fs::metadata(&entries).map(|there| there.uid());
    if owner.is_ok_and(|owner| owner != rustix::process::geteuid().as_raw()) {
        return Err(Unsettled::Owner(entries));
    }
    let host = setup::host_name();
    let begin = Begin {
        config,
        host: &host,
        start: false,
    };
    let (stopped, found) = Proof::settle(store, &begin, now)?;
    if !found.is_empty() {
        let mut teller = Teller::for_console(config, store)?;
        teller.set_host(&host);
        for (n, handled) in found.into_iter().enumerate() {
            let local = format!("K-{}-{n}", now.micros());
            store.queue(&teller.notice(&Notice::Handled(handled), &local, now))?;
        }
    }
    stopped.map_or(Ok(()), |why| Err(Unsettled::Stopped(why)))
}
