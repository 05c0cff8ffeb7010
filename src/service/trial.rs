//! A test of the way mails take: one mail by every configured way to everybody who would ever get one, past the outbox.
//!
//! A way that is never used until the night it is needed is not known to work; the one to fall back on least of all.

use std::sync::Arc;

use super::RunError;
use super::run::runtime;
use super::setup::host_name;
use crate::alert::notice::{Notice, compose};
use crate::alert::text::MailContext;
use crate::clock::WallTime;
use crate::config::Config;
use crate::mail::{Delivery, Message, ways};

/// One mail of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The way it went: relay and port, or folder.
    pub way: String,
    /// Whom it was for.
    pub recipient: String,
    /// What became of it.
    pub delivery: Delivery,
}

/// Everybody who may get a mail by this configuration, each once: those who get every alert, owners, posts by day and by
/// night, those on duty, and whoever keeps the checkpoints.
pub fn everybody(config: &Config) -> Vec<String> {
    let alerts = &config.alerts;
    let owners = alerts.owners.iter().flat_map(|(_, list)| list);
    let posts = config
        .sections
        .posts
        .iter()
        .flat_map(|post| post.office.iter().chain(&post.off_hours));
    let rest = alerts.ladder.duty.iter().chain(&config.evidence.checkpoints_to);
    let mut all: Vec<String> = Vec::new();
    for address in alerts.to.iter().chain(owners).chain(posts).chain(rest) {
        if !all.iter().any(|known| known.eq_ignore_ascii_case(address)) {
            all.push(address.clone());
        }
    }
    all
}

/// Sends a test mail by each way to each of `to`, one after another.
///
/// # Errors
/// No mail can be sent with these settings at all.
pub fn try_mail(config: &Config, to: &[String], now: WallTime) -> Result<Vec<Trial>, RunError> {
    let ways = ways(&config.mail)?;
    let context = MailContext {
        agency: config.agency.clone(),
        lang: config.lang,
        contact: config.contact.clone(),
        phone: None,
        host: host_name(),
        now,
        calendar: Arc::new(config.calendar.clone()),
    };
    let host = config.mail.from.rsplit_once('@').map_or("localhost", |(_, host)| host);
    let mut trials = Vec::new();
    runtime()?.block_on(async {
        for (way, nth) in ways.iter().zip(1u32..) {
            let name = way.name.clone();
            let text = compose(&Notice::Test { way: name.clone() }, &context);
            for recipient in to {
                let message = Message {
                    message_id: format!("T-{}-{nth}-{}@{host}", now.micros(), trials.len()),
                    in_reply_to: None,
                    from: config.mail.from.clone(),
                    to: vec![recipient.clone()],
                    subject: text.subject.clone(),
                    body: text.body.clone(),
                    date: now,
                    urgent: false,
                    attachments: Vec::new(),
                };
                trials.push(Trial {
                    way: name.clone(),
                    recipient: recipient.clone(),
                    delivery: way.mailer.deliver(&message, recipient).await,
                });
            }
            way.mailer.rest().await;
        }
    });
    Ok(trials)
}
