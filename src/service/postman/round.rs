//! One round: a batch of due mails, recipient by recipient, in a few lanes at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{BATCH_MAILS_MAX, Due, Mailer, Outbox, OutboxError, Settled, after, call};
use crate::clock::Clock;
use crate::mail::{Delivery, Obstacle};

/// What a round did.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Tries about which the relay gave its answer, whatever it was: the relay can be used.
    pub(super) answered: u64,
    /// Of these, accepted.
    pub(super) sent: u64,
    /// Tries that are to be made again.
    pub(super) put_off: u64,
    /// Mails given up.
    pub(super) dead: u64,
    /// What kept the relay from being used, where something did.
    pub(super) blocked: Option<Obstacle>,
    /// Its words.
    pub(super) why: String,
}

/// The mails of one recipient, in the order they go.
type Bag = VecDeque<Due>;

/// Carries up to [`BATCH_MAILS_MAX`] due mails in `lanes` lanes, 1 to 4. With one lane only the first mail is tried: it
/// is a probe. A lane ends when the relay cannot be used; all end, after the mail in hand, when `cut` says so.
pub(super) async fn round<O: Outbox>(
    outbox: &Arc<O>,
    mailer: &dyn Mailer,
    clock: &dyn Clock,
    lanes: usize,
    cut: &(dyn Fn() -> bool + Sync),
) -> Result<Round, OutboxError> {
    let now = clock.now();
    let max = if lanes == 1 { 1 } else { BATCH_MAILS_MAX };
    let due = call(outbox, move |outbox| outbox.due(now, max)).await?;
    let bags = Mutex::new(by_recipient(due));
    let done = Mutex::new(Round::default());
    let work = Work {
        outbox,
        mailer,
        clock,
        cut,
        bags: &bags,
        done: &done,
    };
    // Futures of one task, not tasks: they end with the round, and a cut-off round cuts them off.
    let ends = tokio::join!(work.lane(), work.lane(), work.lane(), work.lane());
    for end in [ends.0, ends.1, ends.2, ends.3] {
        end?;
    }
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What the lanes of a round share.
struct Work<'a, O> {
    outbox: &'a Arc<O>,
    mailer: &'a dyn Mailer,
    clock: &'a dyn Clock,
    cut: &'a (dyn Fn() -> bool + Sync),
    bags: &'a Mutex<VecDeque<Bag>>,
    done: &'a Mutex<Round>,
}

impl<O: Outbox> Work<'_, O> {
    /// Takes one recipient's mails after another's until there are none.
    async fn lane(&self) -> Result<(), OutboxError> {
        loop {
            let bag = self.bags.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(bag) = bag else { return Ok(()) };
            for due in bag {
                let delivery = self.carry(due).await?;
                // Asked after a mail, not before: every round gets somewhere, however often it is cut.
                if matches!(delivery, Delivery::Blocked { .. }) || (self.cut)() {
                    return Ok(());
                }
            }
        }
    }

    /// One try of one mail, counted before and settled after.
    async fn carry(&self, due: Due) -> Result<Delivery, OutboxError> {
        let Due {
            mail,
            recipient,
            message,
            attempts,
            refused_since,
            ..
        } = due;
        let (to, now) = (recipient.clone(), self.clock.now());
        call(self.outbox, move |outbox| outbox.begin_attempt(mail, &to, now)).await?;
        reach("mail.before")?;
        let delivery = self.mailer.deliver(&message, &recipient).await;
        reach("mail.after")?;
        let now = self.clock.now();
        let refused_for = refused_since.map_or(Duration::ZERO, |first| now.since(first));
        let settled = after(&delivery, attempts.saturating_add(1), refused_for, now);
        self.count(&delivery, &settled, &message.message_id);
        call(self.outbox, move |outbox| {
            outbox.settle(mail, &recipient, &settled, now)
        })
        .await?;
        Ok(delivery)
    }

    fn count(&self, delivery: &Delivery, settled: &Settled, message_id: &str) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if let Delivery::Blocked { by, why } = delivery {
            done.blocked = Some(*by);
            done.why.clone_from(why);
        } else {
            done.answered += 1;
        }
        match settled {
            Settled::Sent { .. } => done.sent += 1,
            Settled::Retry { blocked, why, .. } => {
                done.put_off += 1;
                if !blocked {
                    tracing::warn!(message_id, why = why.as_str(), "a mail was put off");
                }
            }
            Settled::Dead { why } => {
                done.dead += 1;
                tracing::error!(message_id, why = why.as_str(), "a mail cannot be delivered");
            }
        }
    }
}

/// Due mails by recipient: each one's in the order given, critical ones first; recipients in the order of their first.
fn by_recipient(mut due: Vec<Due>) -> VecDeque<Bag> {
    due.sort_by_key(|due| !due.critical);
    let mut bags: VecDeque<Bag> = VecDeque::new();
    for one in due {
        match bags
            .iter_mut()
            .find(|bag| bag.front().is_some_and(|first| first.recipient == one.recipient))
        {
            Some(bag) => bag.push_back(one),
            None => bags.push_back(VecDeque::from([one])),
        }
    }
    bags
}

/// Passes a named place around a try (`fault`).
fn reach(place: &'static str) -> Result<(), OutboxError> {
    crate::fault::pass(place).map_err(|e| OutboxError(Box::new(e)))
}
