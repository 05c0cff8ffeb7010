//! One rendered message -> Sent | Transient | Permanent, for one recipient.
//!
//! The message (subject, text, Message-ID, date) was stored before any connection is made; this module only
//! carries it. One envelope per recipient, so that one bad address never holds back another.

use std::path::PathBuf;
use std::time::Duration;

use crate::clock::WallTime;

/// How mails leave, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// Sender address, also the host part of Message-IDs.
    pub from: String,
    /// The way out.
    pub transport: TransportSettings,
}

/// The way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportSettings {
    /// `.eml` files in a folder, written as a whole; the default where no relay is set.
    Folder(PathBuf),
    /// An SMTP relay.
    Smtp(SmtpSettings),
}

/// An SMTP relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpSettings {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection of the connection.
    pub tls: Tls,
    /// Further certificate authority (PEM file).
    pub ca_file: Option<PathBuf>,
    /// User for AUTH.
    pub user: Option<String>,
    /// File that holds the password; relative names stand in `$CREDENTIALS_DIRECTORY` first.
    pub password_file: Option<PathBuf>,
    /// Longest time for one message.
    pub timeout: Duration,
}

/// Protection of the connection to the relay. Never opportunistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// None; only sensible on the host itself.
    None,
    /// STARTTLS, required.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

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
}

/// What became of one attempt for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Accepted by the next hop; its answer.
    Sent(String),
    /// Try again: 4xx, connection, time-out, TLS, wrong password (an operator can mend it). Why.
    Transient(String),
    /// Never: 5xx for this recipient or message. Why.
    Permanent(String),
}
