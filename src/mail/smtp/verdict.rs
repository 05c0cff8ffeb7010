//! What a failed step means for the mail: the table of `Transient`, `Permanent` and `Blocked`.
//!
//! The cautious side is to try again. A 5xx ends a mail only where it speaks of this recipient or this message.

use std::error::Error as _;

use lettre::transport::smtp::Error as SmtpError;

use super::super::{Delivery, Obstacle, SmtpSettings, one_line};

/// A step of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Name look-up, TCP, TLS from the first byte, greeting, EHLO.
    Connect,
    /// STARTTLS and the EHLO after it.
    StartTls,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The text and the answer to it.
    Text,
}

impl Step {
    const ALL: [Step; 7] = [
        Step::Connect,
        Step::StartTls,
        Step::Login,
        Step::Sender,
        Step::Recipient,
        Step::Data,
        Step::Text,
    ];

    /// Its number, for an atomic.
    pub(super) fn number(self) -> u8 {
        Step::ALL
            .iter()
            .position(|&s| s == self)
            .and_then(|i| u8::try_from(i).ok())
            .unwrap_or(0)
    }
    /// The step of that number.
    pub(super) fn from_number(number: u8) -> Step {
        Step::ALL.get(usize::from(number)).copied().unwrap_or(Step::Connect)
    }
    /// In words, for messages.
    fn words(self) -> &'static str {
        match self {
            Step::Connect => "connecting",
            Step::StartTls => "STARTTLS",
            Step::Login => "login",
            Step::Sender => "MAIL FROM",
            Step::Recipient => "RCPT TO",
            Step::Data => "DATA",
            Step::Text => "sending the text",
        }
    }
    /// Whether nothing of the mail itself had been named yet.
    fn before_mail(self) -> bool {
        matches!(self, Step::Connect | Step::StartTls | Step::Login | Step::Sender)
    }
}

/// Words by which common relays say that it is us they refuse, though they say it to RCPT TO.
const ABOUT_US: [&str; 6] = [
    "client host rejected",
    "helo command rejected",
    "sender address rejected",
    "relay access denied",
    "relaying denied",
    "relay not permitted",
];

/// The time limit cut the delivery off at `step`.
pub(super) fn timed_out(step: Step, settings: &SmtpSettings) -> Delivery {
    let SmtpSettings {
        host, port, timeout, ..
    } = settings;
    let secs = timeout.as_secs_f64();
    let why = format!("relay {host}:{port} did not answer within {secs} s ({})", step.words());
    match step {
        _ if step.before_mail() => blocked(
            Obstacle::Session,
            format!("{why}; is it running and reachable, and is `tls` right for this port?"),
        ),
        Step::Text => Delivery::Transient(format!(
            "{why}; the mail may have arrived, it goes again as the same mail"
        )),
        _ => Delivery::Transient(why),
    }
}

/// The delivery failed at `step`.
pub(super) fn failed(step: Step, settings: &SmtpSettings, error: &SmtpError) -> Delivery {
    let relay = format!("relay {}:{}", settings.host, settings.port);
    match error.status().map(u16::from) {
        Some(code) => answered(step, &relay, code, &text_of(error)),
        None => broke(step, &relay, error),
    }
}

/// The relay answered with a refusal.
fn answered(step: Step, relay: &str, code: u16, text: &str) -> Delivery {
    let said = format!("{relay} answered {code} {text} ({})", step.words());
    match (step, code) {
        // Not the relay's words: some repeat what they were sent.
        (Step::Login, 500..) => blocked(Obstacle::Login, login_refused(relay, code, text)),
        (_, 530 | 534 | 535 | 538) => blocked(
            Obstacle::Login,
            format!("{said}; the relay wants a login: set user and password_file, and tls"),
        ),
        (Step::Login, _) => blocked(Obstacle::Session, login_refused(relay, code, text)),
        (Step::Sender, 500..) => blocked(
            Obstacle::Session,
            format!("{said}; set `from` to an address the relay accepts as sender"),
        ),
        (Step::Connect | Step::StartTls, 500..) => blocked(
            Obstacle::Session,
            format!("{said}; the relay must accept this host as a client"),
        ),
        (Step::Connect | Step::StartTls | Step::Sender, _) => blocked(Obstacle::Session, said),
        (Step::Recipient, 500..) if ABOUT_US.iter().any(|words| text.to_ascii_lowercase().contains(words)) => {
            Delivery::Transient(format!("{said}; the relay must accept this host and sender"))
        }
        (Step::Recipient | Step::Data | Step::Text, 500..) => Delivery::Permanent(said),
        (Step::Recipient | Step::Data | Step::Text, _) => Delivery::Transient(said),
    }
}

/// No answer came, or none that is SMTP.
fn broke(step: Step, relay: &str, error: &SmtpError) -> Delivery {
    let text = text_of(error);
    let why = format!("{relay}: {text} ({})", step.words());
    match step {
        Step::Login if error.is_client() => blocked(
            Obstacle::Session,
            format!("{why}; the relay must offer AUTH PLAIN or LOGIN over TLS"),
        ),
        Step::StartTls if error.is_client() => blocked(
            Obstacle::Session,
            format!("{relay} does not offer STARTTLS; set tls to \"tls\" (port 465) or let the relay offer it"),
        ),
        _ if step.before_mail() => blocked(Obstacle::Session, format!("{why}; {}", hint(&text))),
        Step::Text => Delivery::Transient(format!(
            "{why}; the connection ended after the text was sent: the mail may have arrived, it goes again as the same mail"
        )),
        _ => Delivery::Transient(why),
    }
}

fn blocked(by: Obstacle, why: String) -> Delivery {
    Delivery::Blocked { by, why }
}

/// A refused login, with nothing of the relay's text but an enhanced status code.
fn login_refused(relay: &str, code: u16, text: &str) -> String {
    let enhanced = text
        .split(' ')
        .next()
        .filter(|w| w.len() <= 9 && w.split('.').count() == 3 && w.bytes().all(|b| b == b'.' || b.is_ascii_digit()));
    let space = if enhanced.is_some() { " " } else { "" };
    let what = if code >= 500 {
        "refused the login"
    } else {
        "cannot check the login now"
    };
    format!(
        "{relay} {what} ({code}{space}{}); check user and the password file",
        enhanced.unwrap_or("")
    )
}

/// What would do about a connection that did not come about.
fn hint(text: &str) -> &'static str {
    let has = |word: &str| text.contains(word);
    if has("UnknownIssuer") || has("CaUsedAsEndEntity") {
        "its certificate is not signed by an authority known here: name that authority's PEM file in ca_file"
    } else if has("NotValidForName") || has("not valid for name") {
        "host must be the name that stands in its certificate"
    } else if has("Expired") || has("expired") || has("NotValidYet") {
        "its certificate is out of date, or this host's clock is wrong"
    } else if has("refused") {
        "is the relay running, and host and port right?"
    } else if has("lookup") || has("resolve") || has("Name or service") {
        "host must be a name this host can look up"
    } else if has("InvalidMessage") || has("CorruptMessage") || has("invalid message") || has("corrupt message") {
        "it does not speak TLS on this port: is `tls` right for it?"
    } else {
        "is `tls` right for this port, and the relay healthy?"
    }
}

/// The words of an error and of what caused it, one line.
fn text_of(error: &SmtpError) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&words);
        }
        next = cause.source();
    }
    if text.is_empty() {
        text = error.to_string();
    }
    one_line(&text)
}
