//! What stands for the store and for the relay in tests of the postman.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::*;
use crate::alert::outbox::Message;
use crate::mail::Carrying;

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) due: Due,
    /// None once it is over.
    pub(super) next: Option<WallTime>,
    blocked: bool,
    pub(super) outcome: Option<Settled>,
}

/// Rows as the store would keep them; outlives the postman as the store outlives the process.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<Row>>);

impl Memory {
    pub(super) fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.0.lock().unwrap()
    }
    pub(super) fn add(&self, id: i64, recipient: &str, critical: bool) {
        let message = Message {
            message_id: format!("m{id}@sekimori.example.lg.jp"),
            in_reply_to: None,
            from: "sekimori@example.lg.jp".into(),
            to: vec![A.into(), B.into()],
            subject: format!("警告 {id}"),
            body: "検知しました。\n".into(),
            date: T0,
            urgent: critical,
            attachments: Vec::new(),
        };
        let recipient = recipient.to_owned();
        let due = Due {
            mail: MailId(id),
            recipient,
            message,
            attempts: 0,
            refused_since: None,
            critical,
        };
        self.rows().push(Row {
            due,
            next: Some(T0),
            blocked: false,
            outcome: None,
        });
    }
    pub(super) fn with(ids: &[(i64, &str)]) -> Arc<Memory> {
        let memory = Memory::default();
        for (id, recipient) in ids {
            memory.add(*id, recipient, false);
        }
        Arc::new(memory)
    }
    pub(super) fn row(&self, id: i64, recipient: &str) -> Row {
        self.rows()
            .iter()
            .find(|r| r.due.mail.0 == id && r.due.recipient == recipient)
            .unwrap()
            .clone()
    }
    pub(super) fn outcomes(&self) -> Vec<&'static str> {
        self.rows()
            .iter()
            .map(|r| r.outcome.as_ref().map_or("untouched", Settled::as_str))
            .collect()
    }
    fn change(&self, mail: MailId, recipient: &str, f: impl FnOnce(&mut Row)) {
        f(self
            .rows()
            .iter_mut()
            .find(|r| r.due.mail == mail && r.due.recipient == recipient)
            .unwrap());
    }
}

impl Outbox for Memory {
    fn due(&self, now: WallTime, max: usize) -> Result<Vec<Due>, OutboxError> {
        let rows = self.rows();
        let mut due: Vec<Due> = rows
            .iter()
            .filter(|r| r.next.is_some_and(|at| at <= now))
            .map(|r| r.due.clone())
            .collect();
        due.sort_by_key(|due| (!due.critical, due.mail));
        let mut of_each: BTreeMap<String, usize> = BTreeMap::new();
        due.retain(|due| {
            let n = of_each.entry(due.recipient.clone()).or_default();
            *n += 1;
            *n <= (max / 4).max(1)
        });
        due.truncate(max);
        Ok(due)
    }
    fn begin_attempt(&self, mail: MailId, recipient: &str, _now: WallTime) -> Result<(), OutboxError> {
        self.change(mail, recipient, |row| row.due.attempts += 1);
        Ok(())
    }
    fn settle(&self, mail: MailId, recipient: &str, outcome: &Settled, now: WallTime) -> Result<(), OutboxError> {
        self.change(mail, recipient, |row| {
            row.outcome = Some(outcome.clone());
            (row.next, row.blocked) = match outcome {
                Settled::Retry { at, blocked, .. } => (Some(*at), *blocked),
                Settled::Sent { .. } | Settled::Dead { .. } => (None, false),
            };
            if matches!(outcome, Settled::Retry { blocked: false, .. }) {
                row.due.refused_since.get_or_insert(now);
            }
        });
        Ok(())
    }
    fn next_due(&self, _now: WallTime) -> Result<Option<WallTime>, OutboxError> {
        Ok(self.rows().iter().filter_map(|r| r.next).min())
    }
    fn wake_waiting(&self, now: WallTime) -> Result<(), OutboxError> {
        for row in self.rows().iter_mut().filter(|r| r.blocked) {
            row.next = Some(now);
        }
        Ok(())
    }
}

/// An outbox that breaks at the given call.
pub(super) struct Broken(pub(super) &'static str);

impl Broken {
    fn at(&self, call: &str) -> Result<(), OutboxError> {
        if self.0 == call {
            Err(OutboxError("disk full".into()))
        } else {
            Ok(())
        }
    }
}

impl Outbox for Broken {
    fn due(&self, _: WallTime, _: usize) -> Result<Vec<Due>, OutboxError> {
        self.at("due").map(|()| Memory::with(&[(1, A)]).due(T0, 1).unwrap())
    }
    fn begin_attempt(&self, _: MailId, _: &str, _: WallTime) -> Result<(), OutboxError> {
        self.at("begin")
    }
    fn settle(&self, _: MailId, _: &str, _: &Settled, _: WallTime) -> Result<(), OutboxError> {
        self.at("settle")
    }
    fn next_due(&self, _: WallTime) -> Result<Option<WallTime>, OutboxError> {
        Ok(None)
    }
    fn wake_waiting(&self, _: WallTime) -> Result<(), OutboxError> {
        Ok(())
    }
}

type Answer = Box<dyn Fn(i64, &str) -> Delivery + Send + Sync>;

/// Answers by mail number and recipient, and keeps what it carried, in order, and how many at once.
pub(super) struct Fake {
    answer: Answer,
    carried: Mutex<Vec<(i64, String)>>,
    pub(super) at_once: Mutex<(usize, usize)>,
    /// How often the postman had nothing to do.
    pub(super) rests: AtomicUsize,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

impl Fake {
    pub(super) fn new(answer: impl Fn(i64, &str) -> Delivery + Send + Sync + 'static) -> Fake {
        Fake {
            answer: Box::new(answer),
            carried: Mutex::default(),
            at_once: Mutex::default(),
            rests: AtomicUsize::new(0),
        }
    }
    pub(super) fn carried(&self) -> Vec<(i64, String)> {
        self.carried.lock().unwrap().clone()
    }
    pub(super) fn carried_to(&self, to: &str) -> Vec<i64> {
        self.carried()
            .into_iter()
            .filter(|(_, r)| r == to)
            .map(|(id, _)| id)
            .collect()
    }
}

impl Mailer for Fake {
    fn deliver<'a>(&'a self, message: &'a Message, recipient: &'a str) -> Carrying<'a, Delivery> {
        Box::pin(async move {
            let id = message.message_id.split(['m', '@']).nth(1).unwrap().parse().unwrap();
            self.carried.lock().unwrap().push((id, recipient.to_owned()));
            {
                let mut at_once = self.at_once.lock().unwrap();
                at_once.0 += 1;
                at_once.1 = at_once.1.max(at_once.0);
            }
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            self.at_once.lock().unwrap().0 -= 1;
            (self.answer)(id, recipient)
        })
    }
    fn rest(&self) -> Carrying<'_, ()> {
        self.rests.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {})
    }
}
