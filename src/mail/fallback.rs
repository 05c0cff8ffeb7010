//! Two relays: the second takes the mails while the first cannot be used.
//!
//! Only what the first relay has not had in hand goes to the second: a mail that it took and fell silent over is tried
//! again with it, so that nobody gets it by both ways.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::{Carrying, Delivery, Mailer, Message};
use crate::clock::{Clock, WallTime};

/// How long the first relay is left alone once it could not be used: a relay that does not answer costs each try the
/// whole time limit.
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// Sends by the first relay, and by the second while the first cannot be used.
#[derive(Debug)]
pub struct FallbackMailer {
    first: Box<dyn Mailer>,
    second: Box<dyn Mailer>,
    clock: Arc<dyn Clock>,
    /// When the first could last not be used, in microseconds; 0: it can, as far as is known.
    failed_at: AtomicI64,
}

impl FallbackMailer {
    /// Both ways, and the clock that says when the first is tried again.
    pub fn new(first: Box<dyn Mailer>, second: Box<dyn Mailer>, clock: Arc<dyn Clock>) -> FallbackMailer {
        FallbackMailer {
            first,
            second,
            clock,
            failed_at: AtomicI64::new(0),
        }
    }

    /// Whether the first is to be left alone for now. A clock that was set back ends that, too.
    fn left_alone(&self, now: WallTime) -> bool {
        let failed = self.failed_at.load(Ordering::Relaxed);
        let failed_at = WallTime::from_micros(failed);
        failed != 0 && failed_at <= now && now.since(failed_at) < LEFT_ALONE
    }
}

impl Mailer for FallbackMailer {
    fn deliver<'a>(&'a self, message: &'a Message, recipient: &'a str) -> Carrying<'a, Delivery> {
        Box::pin(async move {
            if self.left_alone(self.clock.now()) {
                let delivery = self.second.deliver(message, recipient).await;
                if matches!(delivery, Delivery::Blocked { .. }) {
                    // Both are gone as far as is known: the next try asks the first again.
                    self.failed_at.store(0, Ordering::Relaxed);
                }
                return delivery;
            }
            let (by, why) = match self.first.deliver(message, recipient).await {
                Delivery::Blocked { by, why } => (by, why),
                answered => {
                    if self.failed_at.swap(0, Ordering::Relaxed) != 0 {
                        tracing::warn!("the first mail relay can be used again");
                    }
                    return answered;
                }
            };
            match self.second.deliver(message, recipient).await {
                Delivery::Blocked { why: other, .. } => Delivery::Blocked {
                    by,
                    why: format!("{why}; the fallback: {other}"),
                },
                answered => {
                    self.failed_at.store(self.clock.now().micros(), Ordering::Relaxed);
                    tracing::error!(why, "the first mail relay cannot be used; the fallback takes its mails");
                    answered
                }
            }
        })
    }

    fn rest(&self) -> Carrying<'_, ()> {
        Box::pin(async move {
            self.first.rest().await;
            self.second.rest().await;
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;
    use crate::clock::ManualClock;
    use crate::mail::Obstacle;

    /// Answers what it is told to, and then that the mail was taken; remembers who was served.
    #[derive(Debug, Default)]
    struct Scripted {
        answers: Mutex<VecDeque<Delivery>>,
        served: Arc<Mutex<Vec<String>>>,
    }

    impl Mailer for Scripted {
        fn deliver<'a>(&'a self, _: &'a Message, recipient: &'a str) -> Carrying<'a, Delivery> {
            Box::pin(async move {
                self.served.lock().unwrap().push(recipient.to_owned());
                let next = self.answers.lock().unwrap().pop_front();
                next.unwrap_or_else(|| Delivery::Sent("250 ok".into()))
            })
        }
    }

    type Served = Arc<Mutex<Vec<String>>>;

    fn scripted(answers: impl IntoIterator<Item = Delivery>) -> (Box<Scripted>, Served) {
        let mailer = Scripted {
            answers: Mutex::new(answers.into_iter().collect()),
            ..Scripted::default()
        };
        let served = Arc::clone(&mailer.served);
        (Box::new(mailer), served)
    }

    fn gone() -> Delivery {
        Delivery::Blocked {
            by: Obstacle::Session,
            why: "refused".into(),
        }
    }

    fn message() -> Message {
        Message {
            message_id: "1@x".into(),
            in_reply_to: None,
            from: "a@example.jp".into(),
            to: Vec::new(),
            subject: String::new(),
            body: String::new(),
            date: WallTime::from_secs(0),
            urgent: false,
            attachments: Vec::new(),
        }
    }

    fn deliver(mailer: &FallbackMailer, to: &str) -> Delivery {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(mailer.deliver(&message(), to))
    }

    #[test]
    fn the_second_takes_what_the_first_cannot_and_the_first_is_asked_again_after_a_minute() {
        let ((first, asked), (second, helped)) = (scripted([gone(), gone()]), scripted([]));
        let clock = Arc::new(ManualClock::new(WallTime::from_secs(1_000)));
        let mailer = FallbackMailer::new(first, second, Arc::clone(&clock) as Arc<dyn Clock>);
        for (secs, to) in [
            (1_000, "a"),
            (1_001, "b"),
            (1_059, "c"),
            (1_060, "d"),
            (1_061, "e"),
            (1_120, "f"),
        ] {
            clock.set(WallTime::from_secs(secs));
            assert_eq!(deliver(&mailer, to), Delivery::Sent("250 ok".into()), "{to}");
        }
        assert_eq!(*asked.lock().unwrap(), ["a", "d", "f"]);
        assert_eq!(*helped.lock().unwrap(), ["a", "b", "c", "d", "e"]);
        deliver(&mailer, "g");
        assert_eq!(*asked.lock().unwrap(), ["a", "d", "f", "g"], "back to the first");
    }

    #[test]
    fn what_the_first_has_answered_about_goes_no_other_way() {
        let refused = Delivery::Permanent("550 no such user".into());
        let silent = Delivery::Transient("no answer after the text".into());
        let ((first, _), (second, helped)) = (scripted([refused.clone(), silent.clone()]), scripted([]));
        let clock = Arc::new(ManualClock::new(WallTime::from_secs(1_000)));
        let mailer = FallbackMailer::new(first, second, clock);
        assert_eq!(deliver(&mailer, "a"), refused);
        assert_eq!(deliver(&mailer, "b"), silent);
        assert!(helped.lock().unwrap().is_empty());
    }

    #[test]
    fn where_neither_can_be_used_both_reasons_are_told_and_the_first_is_asked_first_again() {
        let ((first, asked), (second, helped)) = (scripted([gone()]), scripted([gone()]));
        let clock = Arc::new(ManualClock::new(WallTime::from_secs(1_000)));
        let mailer = FallbackMailer::new(first, second, clock);
        let Delivery::Blocked { why, .. } = deliver(&mailer, "a") else {
            panic!("neither could be used");
        };
        assert_eq!(why, "refused; the fallback: refused");
        deliver(&mailer, "b");
        assert_eq!((asked.lock().unwrap().len(), helped.lock().unwrap().len()), (2, 1));
    }
}
