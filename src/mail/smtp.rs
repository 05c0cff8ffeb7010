//! The way to an SMTP relay (RFC 5321), over lettre's connection.
//!
//! The steps are taken one by one instead of through lettre's transport, because what a refusal means depends on
//! the step: a 554 as greeting is the relay's trouble, a 554 to RCPT is this recipient's. The whole of one delivery
//! stands under one time limit. Not here: putting the mail together (`rfc5322`).

mod verdict;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;

use self::verdict::{Step, failed, timed_out};
use super::rfc5322::address;
use super::{Carrying, Delivery, MailError, Mailer, Message, Obstacle, SmtpSettings, Tls, one_line};

/// Idle connections kept within one round; as many as the postman has lanes.
const IDLE_MAX: usize = 4;
/// Longest time for the courtesies (NOOP before reuse, RSET after a refusal, QUIT).
const COURTESY_MAX: Duration = Duration::from_secs(2);

/// Sends to one relay.
pub struct SmtpMailer {
    settings: SmtpSettings,
    /// Envelope sender: the configured one, so that a corrected setting helps mails that wait.
    sender: Address,
    tls: Option<TlsParameters>,
    hello: ClientId,
    /// Where systemd puts credentials.
    credentials: Option<PathBuf>,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl SmtpMailer {
    /// A mailer to the relay of `settings` with envelope sender `from`. Reads the certificate file, not the password:
    /// that is read at each login, so that a changed one needs no restart.
    pub fn new(from: &str, settings: &SmtpSettings) -> Result<SmtpMailer, MailError> {
        match (&settings.user, &settings.password_file, settings.tls) {
            (Some(_), None, _) => return Err(MailError::Login("user is set, password_file is not")),
            (None, Some(_), _) => return Err(MailError::Login("password_file is set, user is not")),
            (Some(_), Some(_), Tls::None) => {
                return Err(MailError::Login(
                    "a password must not travel in clear; set tls to starttls or tls",
                ));
            }
            _ => {}
        }
        let tls = match settings.tls {
            Tls::None => None,
            Tls::StartTls | Tls::Tls => Some(tls_parameters(&settings.host, settings.ca_file.as_deref())?),
        };
        Ok(SmtpMailer {
            settings: settings.clone(),
            sender: address(from)?,
            tls,
            hello: own_name(),
            credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            idle: Mutex::default(),
        })
    }

    /// One delivery; `at` always holds the step being taken, for whoever cuts it off.
    async fn send(&self, at: &At, raw: &str, recipient: &Address) -> Delivery {
        let mut line = match self.ready_connection(at).await {
            Ok(line) => line,
            Err(why) => return why,
        };
        match transfer(&mut line, at, &self.sender, recipient, raw).await {
            Ok(answer) => {
                self.keep(line);
                Delivery::Sent(answer)
            }
            Err(e) => {
                // After a refusal the session may go on; after anything else it is in an unknown state.
                let refused = e.status().is_some_and(|code| u16::from(code) != 421);
                if refused && matches!(timeout(COURTESY_MAX, line.command(Rset)).await, Ok(Ok(_))) {
                    self.keep(line);
                }
                failed(at.get(), &self.settings, &e)
            }
        }
    }

    /// A connection that has said hello, is encrypted and logged in as configured.
    async fn ready_connection(&self, at: &At) -> Result<AsyncSmtpConnection, Delivery> {
        while let Some(mut line) = self.take_idle() {
            if matches!(timeout(COURTESY_MAX, line.test_connected()).await, Ok(true)) {
                return Ok(line);
            }
        }
        let SmtpSettings { host, port, .. } = &self.settings;
        let wrong = |e: SmtpError| failed(at.get(), &self.settings, &e);
        at.set(Step::Connect);
        let from_start = self.tls.clone().filter(|_| self.settings.tls == Tls::Tls);
        let to = (host.as_str(), *port);
        // No time limit of its own: ours covers name look-up and TLS as well.
        let mut line = AsyncSmtpConnection::connect_tokio1(to, None, &self.hello, from_start, None)
            .await
            .map_err(wrong)?;
        if let (Tls::StartTls, Some(tls)) = (self.settings.tls, &self.tls) {
            at.set(Step::StartTls);
            line.starttls(tls.clone(), &self.hello).await.map_err(wrong)?;
        }
        if let (Some(user), Some(file)) = (&self.settings.user, &self.settings.password_file) {
            at.set(Step::Login);
            let password = password(file, self.credentials.as_deref())?;
            let login = Credentials::new(user.clone(), password);
            line.auth(&[Mechanism::Plain, Mechanism::Login], &login)
                .await
                .map_err(wrong)?;
        }
        Ok(line)
    }

    fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, line: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !line.has_broken() {
            idle.push(line);
        }
    }
}

impl Mailer for SmtpMailer {
    fn deliver<'a>(&'a self, message: &'a Message, recipient: &'a str) -> Carrying<'a, Delivery> {
        Box::pin(async move {
            let (raw, to) = match (message.to_rfc5322(), address(recipient)) {
                (Ok(raw), Ok(to)) => (raw, to),
                (Err(e), _) | (_, Err(e)) => return Delivery::Permanent(e.to_string()),
            };
            // ASCII by its promise.
            let raw = String::from_utf8_lossy(&raw);
            let at = At::default();
            match timeout(self.settings.timeout, self.send(&at, &raw, &to)).await {
                Ok(delivery) => delivery,
                Err(_) => timed_out(at.get(), &self.settings),
            }
        })
    }

    fn rest(&self) -> Carrying<'_, ()> {
        Box::pin(async {
            while let Some(mut line) = self.take_idle() {
                // Whether the relay says goodbye changes nothing for us.
                drop(timeout(COURTESY_MAX, line.quit()).await);
            }
        })
    }
}

/// MAIL, RCPT, DATA, text: the relay's answer to the text.
async fn transfer(
    line: &mut AsyncSmtpConnection,
    at: &At,
    sender: &Address,
    recipient: &Address,
    raw: &str,
) -> Result<String, SmtpError> {
    at.set(Step::Sender);
    line.command(Mail::new(Some(sender.clone()), Vec::new())).await?;
    at.set(Step::Recipient);
    line.command(Rcpt::new(recipient.clone(), Vec::new())).await?;
    at.set(Step::Data);
    line.command(Data).await?;
    at.set(Step::Text);
    let answer = line.command(Text(raw)).await?;
    let text = answer.message().collect::<Vec<_>>().join(" ");
    Ok(one_line(&format!("{} {text}", u16::from(answer.code()))))
}

/// The text as it stands on the line: leading dots doubled, a lone dot at the end (RFC 5321 §4.5.2). Written in one piece:
/// text and dot in two, as lettre would, wait for each other some 40 ms (Nagle's algorithm and delayed acknowledgement).
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.split_inclusive("\r\n") {
            let dot = if line.starts_with('.') { "." } else { "" };
            write!(f, "{dot}{line}")?;
        }
        let end = if self.0.ends_with("\r\n") { "" } else { "\r\n" };
        write!(f, "{end}.\r\n")
    }
}

/// The step a delivery has come to.
#[derive(Debug, Default)]
struct At(AtomicU8);

impl At {
    fn set(&self, step: Step) {
        self.0.store(step.number(), Ordering::Relaxed);
    }
    fn get(&self) -> Step {
        Step::from_number(self.0.load(Ordering::Relaxed))
    }
}

/// Certificates to trust: the system's, and those of `ca_file`.
fn tls_parameters(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = ca_file {
        let unfit = |why: String| MailError::CaFile {
            path: path.to_owned(),
            why: one_line(&why),
        };
        let pem = std::fs::read(path).map_err(|e| unfit(e.to_string()))?;
        if !String::from_utf8_lossy(&pem).contains("BEGIN CERTIFICATE") {
            return Err(unfit("no certificate in it".to_owned()));
        }
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|e| unfit(e.to_string()))?);
    }
    builder.build().map_err(|e| MailError::Relay {
        host: host.to_owned(),
        why: one_line(&e.to_string()),
    })
}

/// What we call ourselves in EHLO: this host's full name, or an address literal where it has none.
fn own_name() -> ClientId {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy().into_owned();
    let sound = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if sound && name.contains('.') && name.parse::<IpAddr>().is_err() {
        ClientId::Domain(name)
    } else {
        ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST)
    }
}

/// The password in `file`, or in the credential of that name where systemd gave one. One line end behind it is not
/// part of it.
fn password(file: &Path, credentials: Option<&Path>) -> Result<String, Delivery> {
    let given = credentials
        .filter(|_| file.is_relative())
        .map(|dir| dir.join(file))
        .filter(|path| path.exists());
    let path = given.as_deref().unwrap_or(file);
    let unfit = |why: &str| Delivery::Blocked {
        by: Obstacle::Session,
        why: format!(
            "password file {}: {why}; it must be readable and hold the password on one line",
            path.display()
        ),
    };
    let bytes = std::fs::read(path).map_err(|e| unfit(&e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unfit("not UTF-8"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err(unfit("empty")),
        line if line.contains(['\n', '\r', '\0']) => Err(unfit("more than one line")),
        line => Ok(line.to_owned()),
    }
}

#[cfg(test)]
mod tests;
