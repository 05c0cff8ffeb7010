//! The postman: carries what is due from the outbox to the mailer, and decides when to try again.
//!
//! Promises:
//! * a try is counted, durably, before the connection; a crash between try and outcome sends the same mail again
//!   under the same Message-ID, never a new one;
//! * one recipient's mails go one after another, critical ones first, then the oldest; recipients do not wait for
//!   each other, and a mail put off or refused holds back none;
//! * while it is not known whether the relay can be used, one mail at a time probes it and the others stay untouched; when it can be
//!   used again, everything that waited for it goes at once;
//! * no mail is given up because the relay was away; only five days of refusals of that very mail end it.
//!
//! Not here: what is in the mails (`alert`), the table (`store`), SMTP (`mail`).

mod round;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::alert::outbox::{Due, MailId, Settled};
use crate::clock::{Clock, ManualClock, WallTime};
use crate::mail::{Delivery, Mailer, Obstacle};

use self::round::{Round, round};

/// Mails taken from the outbox at a time: small, so that a new critical mail waits for few others.
const BATCH_MAILS_MAX: usize = 64;
/// Recipients served at the same time.
const LANES: usize = 4;
/// How long the mail in hand may take once the daemon is to stop.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Longest sleep: a clock that was set is noticed after this.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// How long a relay may go on putting one mail off.
const GIVE_UP_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);
/// Pauses between tries of a mail the relay puts off; the last one goes on.
const PAUSES_SECS: [u64; 8] = [10, 30, 60, 120, 300, 600, 1200, 1800];
/// Pauses between tries while no session comes about.
const SESSION_PAUSES_SECS: [u64; 3] = [10, 30, 60];
/// Pauses between tries while the login is refused: accounts get locked after a few in a short time.
const LOGIN_PAUSES_SECS: [u64; 2] = [300, 1800];

/// The outbox could not be read or written: what is mailed can no longer be known. The postman waits where that may
/// help ([`Outbox::pause_after`]), the outcome of its try in hand, and ends where it does not.
#[derive(Debug, thiserror::Error)]
#[error("outbox: {0}")]
pub struct OutboxError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What waits to be sent. Calls are short and blocking; the postman makes them off the runtime's thread.
pub trait Outbox: Send + Sync + 'static {
    /// Up to `max` mails whose time has come at `now`: critical ones first, then by age; to one recipient no more than a
    /// quarter of `max` (but one), so that a recipient with a backlog leaves room for the others.
    fn due(&self, now: WallTime, max: usize) -> Result<Vec<Due>, OutboxError>;
    /// Counts a try, durably, before it is made.
    fn begin_attempt(&self, mail: MailId, recipient: &str, now: WallTime) -> Result<(), OutboxError>;
    /// Keeps what a try came to.
    fn settle(&self, mail: MailId, recipient: &str, outcome: &Settled, now: WallTime) -> Result<(), OutboxError>;
    /// When the next waiting mail is due; none where nothing waits.
    fn next_due(&self, now: WallTime) -> Result<Option<WallTime>, OutboxError>;
    /// Makes every mail due that waits because the relay could not be used (`Settled::Retry { blocked: true, .. }`).
    fn wake_waiting(&self, now: WallTime) -> Result<(), OutboxError>;
    /// Puts mails together that waited long because the relay could not be used: one mail instead of a flood.
    fn fold(&self, _now: WallTime) -> Result<(), OutboxError> {
        Ok(())
    }
    /// After which pause a call that failed so is worth making again (a full disk, say); none: the postman ends.
    fn pause_after(&self, _error: &OutboxError) -> Option<Duration> {
        None
    }
}

/// What a pass over the outbox did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Tries accepted by the next hop.
    pub sent: u64,
    /// Tries put off.
    pub put_off: u64,
    /// Mails given up.
    pub dead: u64,
    /// Whether the pass ended because the relay could not be used.
    pub blocked: bool,
}

/// What to do after a try: `attempts` tries have been begun, this one included; the relay has been putting this
/// very mail off for `refused_for` (zero before the first such answer).
///
/// Pauses grow with time passed, 10 s, 30 s, 1, 2, 5, 10, 20, 30 minutes, then every 30 minutes for five days.
/// While the relay cannot be used pauses are short and nothing is given up.
pub fn after(delivery: &Delivery, attempts: u32, refused_for: Duration, now: WallTime) -> Settled {
    match delivery {
        Delivery::Sent(answer) => Settled::Sent { answer: answer.clone() },
        Delivery::Permanent(why) => Settled::Dead { why: why.clone() },
        Delivery::Transient(why) if refused_for >= GIVE_UP_AFTER => Settled::Dead {
            why: format!("gave up after 5 days: {why}"),
        },
        Delivery::Transient(why) => Settled::Retry {
            at: now.plus(pause(refused_for)),
            why: why.clone(),
            blocked: false,
        },
        Delivery::Blocked { by, why } => Settled::Retry {
            at: now.plus(blocked_pause(*by, attempts)),
            why: why.clone(),
            blocked: true,
        },
    }
}

/// The next pause of a mail that has been put off for `refused_for`: the first whose predecessors do not fill that time.
fn pause(refused_for: Duration) -> Duration {
    let mut passed = Duration::ZERO;
    let mut next = Duration::ZERO;
    for secs in PAUSES_SECS {
        next = Duration::from_secs(secs);
        passed = passed.saturating_add(next);
        if passed > refused_for {
            break;
        }
    }
    next
}

/// The pause after `failures` tries in a row that found the relay unusable.
fn blocked_pause(by: Obstacle, failures: u32) -> Duration {
    let pauses: &[u64] = match by {
        Obstacle::Session => &SESSION_PAUSES_SECS,
        Obstacle::Login => &LOGIN_PAUSES_SECS,
    };
    let i = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let secs = pauses.get(i).or(pauses.last()).copied().unwrap_or(60);
    Duration::from_secs(secs)
}

/// What the postman knows of the relay. In memory only: after a restart one try finds it out anew.
#[derive(Debug, Clone, Copy)]
enum Relay {
    /// Not tried yet.
    Unknown,
    /// Answered last time.
    Usable,
    /// Could not be used; not to be tried before `until`.
    Unusable { until: WallTime, failures: u32 },
}

impl Relay {
    /// From when on it may be tried.
    fn closed_until(self, now: WallTime) -> Option<WallTime> {
        match self {
            Relay::Unusable { until, .. } if until > now => Some(until),
            _ => None,
        }
    }

    /// How many mails may be tried at once: one alone finds out whether a relay can be used (again), before anything else
    /// of what waited is tried.
    fn lanes(self) -> usize {
        if matches!(self, Relay::Usable) { LANES } else { 1 }
    }

    /// What is known after a round; true where it has just become usable.
    fn learn(&mut self, round: &Round, now: WallTime) -> bool {
        if round.answered > 0 {
            let news = !matches!(self, Relay::Usable);
            *self = Relay::Usable;
            return news;
        }
        if let Some(by) = round.blocked {
            let failures = if let Relay::Unusable { failures, .. } = self {
                failures.saturating_add(1)
            } else {
                1
            };
            *self = Relay::Unusable {
                until: now.plus(blocked_pause(by, failures)),
                failures,
            };
        }
        false
    }
}

/// Sends what is due until `stop` turns true (or its sender is gone): sleeps until the next mail is due, or `wake` is
/// notified. On stop the mails in hand get ten seconds. An error of the outbox ends it.
pub async fn run<O: Outbox>(
    outbox: Arc<O>,
    mailer: Arc<dyn Mailer>,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), OutboxError> {
    let mut relay = Relay::Unknown;
    if let Some(woken) = unless_stopped(begin(&outbox, clock.now()), &stop).await {
        woken?;
    }
    while !*stop.borrow_and_update() {
        let now = clock.now();
        if relay.closed_until(now).is_none() {
            let news = AtomicBool::new(false);
            // A round is cut short when new mails have come, as they may be more urgent, and when the daemon is to stop.
            let cut = || news.load(Ordering::Relaxed) || *stop.borrow();
            let going = round(&outbox, mailer.as_ref(), clock.as_ref(), relay.lanes(), &cut);
            let Some(done) = attended(going, &news, &wake, &stop).await else {
                tracing::warn!("stopping with a mail in hand: it goes again, as the same mail, at the next start");
                return Ok(());
            };
            let (done, now) = (done?, clock.now());
            let back = relay.learn(&done, now);
            tell(&relay, &done);
            if back {
                match unless_stopped(call(&outbox, move |outbox| usable_again(outbox, now)), &stop).await {
                    Some(woken) => woken?,
                    None => break,
                }
            }
            if done.answered > 0 || news.load(Ordering::Relaxed) {
                continue;
            }
        }
        mailer.rest().await;
        let Some(sleep) = unless_stopped(until_next(&outbox, &relay, clock.as_ref()), &stop).await else {
            break;
        };
        let sleep = sleep?;
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = wake.notified() => {}
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    mailer.rest().await;
    Ok(())
}

/// One pass over everything that is due at `now`, for a run that ends when all is read, and for tests. What is put off
/// is left for later; the pass ends early where the relay cannot be used.
pub async fn drain<O: Outbox>(outbox: &Arc<O>, mailer: &dyn Mailer, now: WallTime) -> Result<Drained, OutboxError> {
    let clock = ManualClock::new(now);
    let mut relay = Relay::Unknown;
    let mut all = Drained::default();
    begin(outbox, now).await?;
    loop {
        let done = round(outbox, mailer, &clock, relay.lanes(), &|| false).await?;
        all.sent += done.sent;
        all.dead += done.dead;
        all.put_off += done.put_off;
        let back = relay.learn(&done, now);
        tell(&relay, &done);
        if back {
            call(outbox, move |outbox| usable_again(outbox, now)).await?;
        }
        if done.answered == 0 && !back {
            all.blocked = done.blocked.is_some();
            mailer.rest().await;
            return Ok(all);
        }
    }
}

/// What waited for the relay goes now; many mails that waited long as one.
fn usable_again<O: Outbox>(outbox: &O, now: WallTime) -> Result<(), OutboxError> {
    outbox.fold(now)?;
    outbox.wake_waiting(now)
}

/// Time to sleep: until a mail is due and the relay may be tried.
async fn until_next<O: Outbox>(outbox: &Arc<O>, relay: &Relay, clock: &dyn Clock) -> Result<Duration, OutboxError> {
    let now = clock.now();
    let next = call(outbox, move |outbox| outbox.next_due(now)).await?;
    let next = next.map(|at| relay.closed_until(now).map_or(at, |until| at.max(until)));
    Ok(next.map_or(SLEEP_MAX, |at| at.since(now).min(SLEEP_MAX)))
}

/// The outcome of a round, while `news` is set as soon as `wake` is notified. None where the round was still not over
/// ten seconds after `stop` turned true.
async fn attended<T>(
    round: impl Future<Output = T>,
    news: &AtomicBool,
    wake: &Notify,
    stop: &watch::Receiver<bool>,
) -> Option<T> {
    let mut stop = stop.clone();
    let late = async {
        // A sender that is gone means stop, too.
        drop(stop.wait_for(|&stop| stop).await);
        tokio::time::sleep(STOP_MAX).await;
    };
    let listen = async {
        loop {
            wake.notified().await;
            news.store(true, Ordering::Relaxed);
        }
    };
    tokio::select! {
        done = round => Some(done),
        () = late => None,
        () = listen => None,
    }
}

/// At a start nothing is known of the relay, and somebody may just have mended what kept mails back: all that waited
/// for it are due, of which the first is a probe.
async fn begin<O: Outbox>(outbox: &Arc<O>, now: WallTime) -> Result<(), OutboxError> {
    call(outbox, move |outbox| outbox.wake_waiting(now)).await
}

/// What `work` gives, or None as soon as `stop` turned true.
async fn unless_stopped<T>(work: impl Future<Output = T>, stop: &watch::Receiver<bool>) -> Option<T> {
    let mut stop = stop.clone();
    tokio::select! {
        done = work => Some(done),
        _ = stop.wait_for(|&stop| stop) => None,
    }
}

/// One call of the outbox, off the runtime's thread: a commit may wait for the disk. Made again while the outbox says
/// that waiting may help.
async fn call<O, T>(
    outbox: &Arc<O>,
    f: impl Fn(&O) -> Result<T, OutboxError> + Send + Sync + 'static,
) -> Result<T, OutboxError>
where
    O: Outbox,
    T: Send + 'static,
{
    let f = Arc::new(f);
    loop {
        let (theirs, f) = (Arc::clone(outbox), Arc::clone(&f));
        let failed = match tokio::task::spawn_blocking(move || f(&theirs)).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(failed)) => failed,
            Err(broken) => return Err(OutboxError(Box::new(broken))),
        };
        let Some(pause) = outbox.pause_after(&failed) else {
            return Err(failed);
        };
        tracing::error!(error = %failed, "the outbox cannot be used; mails wait");
        tokio::time::sleep(pause).await;
    }
}

/// Says in the program's log how the relay fares, once a round.
fn tell(relay: &Relay, done: &Round) {
    match relay {
        Relay::Unusable { failures, .. } if done.blocked.is_some() => {
            tracing::error!(
                failures,
                why = done.why.as_str(),
                "the mail relay cannot be used; mails wait"
            );
        }
        Relay::Usable if done.sent > 0 => tracing::debug!(sent = done.sent, "mails sent"),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
