//! What waits to be sent: the words the store, the postman and the mailer share.
//!
//! Pure values. A message is rendered, given its Message-ID and stored before any connection is made, so the
//! same fields always make the same mail. Not here: sending (`mail`), deciding when to try again
//! (`service::postman`), the table (`store`).

use crate::clock::WallTime;

/// Row id of a stored message; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailId(pub i64);

/// A message as stored: everything needed to send the very same mail again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Message-ID without angle brackets.
    pub message_id: String,
    /// Message-ID of the first mail of the thread, where this is not it.
    pub in_reply_to: Option<String>,
    /// Sender address.
    pub from: String,
    /// Everybody it goes to, for the To header.
    pub to: Vec<String>,
    /// Subject.
    pub subject: String,
    /// Text body, plain.
    pub body: String,
    /// Date header.
    pub date: WallTime,
    /// Whether it is urgent (Importance: high).
    pub urgent: bool,
    /// Files that go with it. The outbox adds the newest checkpoint of the ledger to every message.
    pub attachments: Vec<Attachment>,
}

/// A file that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name: ASCII letters, digits, dots and hyphens.
    pub name: String,
    /// What it holds.
    pub content: Vec<u8>,
}

/// One message for one recipient whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The message's row.
    pub mail: MailId,
    /// The one recipient of this try.
    pub recipient: String,
    /// The message.
    pub message: Message,
    /// Tries begun so far, whatever came of them.
    pub attempts: u32,
    /// When the relay first put *this mail to this recipient* off ([`Settled::Retry`] with `blocked: false`).
    /// Time during which no relay could be reached does not count against the mail.
    pub refused_since: Option<WallTime>,
    /// Whether it goes before everything else (重大).
    pub critical: bool,
}

/// What one try came to, as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Accepted by the next hop; its answer.
    Sent {
        /// The relay's answer, one line.
        answer: String,
    },
    /// Not yet.
    Retry {
        /// Not before.
        at: WallTime,
        /// Why, and what would do.
        why: String,
        /// True where the relay could not be used at all: such mails become due together as soon as it can.
        /// False where it answered about this mail; the first such answer sets [`Due::refused_since`].
        blocked: bool,
    },
    /// Never; people must be told by another way.
    Dead {
        /// Why.
        why: String,
    },
}

impl Settled {
    /// The word used in JSON and the store.
    pub fn as_str(&self) -> &'static str {
        match self {
            Settled::Sent { .. } => "sent",
            Settled::Retry { .. } => "retry",
            Settled::Dead { .. } => "dead",
        }
    }
}
