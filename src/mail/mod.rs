//! One rendered message -> Sent | Transient | Permanent | Blocked, for one recipient.
//!
//! The message (subject, text, Message-ID, date) was stored before any connection is made; this module only
//! carries it. One envelope per recipient, so that one bad address never holds back another. Promises:
//! * `Permanent` only where the relay refused this recipient or this message with a 5xx; whatever an operator
//!   or time can mend is tried again;
//! * the same message makes the same bytes and bears the same Message-ID at every try;
//! * nothing a caller puts into a message makes a header of its own;
//! * passwords are in no `Debug`, no error and no answer.
//!
//! Not here: when to try again (`service::postman`), what waits (`store`), the text (`alert::text`).

mod fallback;
mod folder;
mod rfc5322;
mod smtp;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use self::fallback::FallbackMailer;
pub use self::folder::FolderMailer;
pub use self::smtp::SmtpMailer;
pub use crate::alert::outbox::Message;
use crate::clock::SystemClock;

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
    Smtp {
        /// The relay.
        relay: SmtpSettings,
        /// Another one, for while that cannot be used.
        fallback: Option<Box<SmtpSettings>>,
    },
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

/// What became of one attempt for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Accepted by the next hop; its answer.
    Sent(String),
    /// Try this mail again later: the relay put it off, or fell silent while it had it in hand. Why.
    Transient(String),
    /// Never: 5xx for this recipient or message. Why.
    Permanent(String),
    /// The relay cannot be used at all, every mail would fare alike: hold the others, try again. Why.
    Blocked {
        /// What stands in the way.
        by: Obstacle,
        /// Why, and what would do.
        why: String,
    },
}

/// What keeps every mail from leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// No session comes about: refused, silent, broken, TLS not agreed, sender not accepted. Trying costs nothing.
    Session,
    /// The relay refuses the login. Trying often may lock the account.
    Login,
}

/// Why mails cannot be made or sent with these settings.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// An address that cannot stand in an envelope or a header.
    #[error("`{0}` is not a mail address of the form name@host in ASCII")]
    Address(String),
    /// A Message-ID that cannot stand in a header.
    #[error("`{0}` cannot be a Message-ID: one word@host without spaces or brackets is needed")]
    MessageId(String),
    /// The message cannot be put together.
    #[error("the message cannot be put together: {0}")]
    Build(String),
    /// The certificate file cannot be used.
    #[error("{path}: {why}; ca_file must be a readable PEM file with the relay's certificate authority", path = path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The host name cannot be used.
    #[error("relay `{host}`: {why}")]
    Relay {
        /// The host.
        host: String,
        /// What is wrong with it.
        why: String,
    },
    /// A login that would pass in clear, or half of one.
    #[error("relay login: {0}")]
    Login(&'static str),
}

/// A future that a mailer returns.
pub type Carrying<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way out for mails. Works inside a tokio runtime with time and io, of any flavour.
pub trait Mailer: Send + Sync + fmt::Debug {
    /// Carries `message` to `recipient` only. Returns within the configured time; never retries by itself.
    fn deliver<'a>(&'a self, message: &'a Message, recipient: &'a str) -> Carrying<'a, Delivery>;

    /// Called when nothing more is to be sent for now: lets go of idle connections.
    fn rest(&self) -> Carrying<'_, ()> {
        Box::pin(async {})
    }
}

/// The mailer for these settings. Reads the certificate files; connects to nothing.
///
/// # Errors
/// Settings that no mail can be sent with.
pub fn mailer_for(settings: &MailSettings) -> Result<Box<dyn Mailer>, MailError> {
    let smtp = |relay: &SmtpSettings| -> Result<Box<dyn Mailer>, MailError> {
        Ok(Box::new(SmtpMailer::new(&settings.from, relay)?))
    };
    Ok(match &settings.transport {
        TransportSettings::Folder(folder) => Box::new(FolderMailer::new(folder.clone())),
        TransportSettings::Smtp { relay, fallback: None } => smtp(relay)?,
        TransportSettings::Smtp {
            relay,
            fallback: Some(fallback),
        } => {
            let (first, second) = (smtp(relay)?, smtp(fallback)?);
            Box::new(FallbackMailer::new(first, second, Arc::new(SystemClock)))
        }
    })
}

/// One of the configured ways out by itself.
#[derive(Debug)]
pub struct Way {
    /// `mail.city.example.jp:587`, or the folder.
    pub name: String,
    /// Sends by this way only.
    pub mailer: Box<dyn Mailer>,
}

/// Every configured way out, the usual one first.
///
/// # Errors
/// As for [`mailer_for`].
pub fn ways(settings: &MailSettings) -> Result<Vec<Way>, MailError> {
    let smtp = |relay: &SmtpSettings| {
        Ok(Way {
            name: format!("{}:{}", relay.host, relay.port),
            mailer: Box::new(SmtpMailer::new(&settings.from, relay)?),
        })
    };
    match &settings.transport {
        TransportSettings::Folder(path) => Ok(vec![Way {
            name: path.display().to_string(),
            mailer: Box::new(FolderMailer::new(path.clone())),
        }]),
        TransportSettings::Smtp { relay, fallback } => {
            std::iter::once(relay).chain(fallback.as_deref()).map(smtp).collect()
        }
    }
}

/// A relay's or the system's words as one short line without control characters: they reach logs and people.
fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(CHARS_MAX)
        .collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The scripted relay, shared with the integration tests.
#[cfg(test)]
#[path = "../../tests/it/support/smtp.rs"]
pub(crate) mod test_relay;
#[cfg(test)]
mod tests;
