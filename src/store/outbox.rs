//! The outbox in the store: one row a message, one row a recipient.

use rusqlite::{Transaction, params};

use super::{Journal, NewMail, Store, StoreError, commit, ladder, ledger};
use crate::alert::outbox::{Attachment, Due, MailId, Message, Settled};
use crate::clock::WallTime;

/// Queues a message; `false` if one with its Message-ID is there already.
pub(super) fn insert(tx: &Transaction<'_>, mail: &NewMail) -> Result<bool, StoreError> {
    let m = &mail.message;
    let inserted = tx
        .prepare_cached(
            "INSERT INTO mail (message_id, in_reply_to, alert, sender, subject, body, urgent, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (message_id) DO NOTHING",
        )?
        .execute(params![
            m.message_id,
            m.in_reply_to.as_deref().unwrap_or_default(),
            mail.alert.map_or(0, |a| a.0),
            m.from,
            m.subject,
            m.body,
            m.urgent,
            m.date.micros()
        ])?;
    if inserted == 0 {
        return Ok(false);
    }
    let id = tx.last_insert_rowid();
    let mut attach =
        tx.prepare_cached("INSERT INTO mail_attachment (mail, place, name, content) VALUES (?1, ?2, ?3, ?4)")?;
    // What is signed leaves with whatever leaves: every mailbox it reaches is a place this host cannot change.
    let checkpoint = ledger::attachment(tx)?;
    for (place, file) in (0i64..).zip(m.attachments.iter().chain(&checkpoint)) {
        attach.execute(params![id, place, file.name, file.content])?;
    }
    let mut recipient = tx.prepare_cached(
        "INSERT INTO mail_recipient (mail, place, address, state, attempts, next_at, refused_since, blocked,
            settled_at, answer)
         VALUES (?1, ?2, ?3, 'waiting', 0, ?4, 0, 0, 0, '')",
    )?;
    // Tries are settled by mail and address: nobody stands there twice.
    let first = |i: usize, address: &String| !m.to.iter().take(i).any(|before| before == address);
    let once: Vec<&String> =
        m.to.iter()
            .enumerate()
            .filter(|(i, address)| first(*i, address))
            .map(|(_, address)| address)
            .collect();
    for (place, address) in (0i64..).zip(&once) {
        recipient.execute(params![id, place, address, m.date.micros()])?;
    }
    ledger::queued(tx, m, &once, m.date)?;
    Ok(true)
}

impl Store {
    /// Up to `max` mails whose time has come: urgent ones first, then by age; to one recipient no more than a
    /// quarter of `max` (but one), so that a backlog for one leaves room for the others.
    pub fn due_mails(&self, now: WallTime, max: usize) -> Result<Vec<Due>, StoreError> {
        let share = (max / 4).max(1);
        let mut select = self.conn.prepare_cached(
            "SELECT m.id, w.address, w.attempts, w.refused_since, m.urgent FROM (
                SELECT r.mail, r.address, r.attempts, r.refused_since, row_number() OVER (
                    PARTITION BY r.address ORDER BY q.urgent DESC, r.mail) AS nth
                FROM mail_recipient AS r JOIN mail AS q ON q.id = r.mail
                WHERE r.state = 'waiting' AND r.next_at <= ?1) AS w
             JOIN mail AS m ON m.id = w.mail WHERE w.nth <= ?2 ORDER BY m.urgent DESC, m.id LIMIT ?3",
        )?;
        let limit = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let mut rows = select.query(params![now.micros(), limit(share), limit(max)])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let mail = MailId(row.get(0)?);
            let refused: i64 = row.get(3)?;
            out.push(Due {
                mail,
                recipient: row.get(1)?,
                message: self.message(mail)?,
                attempts: row.get(2)?,
                refused_since: (refused != 0).then(|| WallTime::from_micros(refused)),
                critical: row.get(4)?,
            });
        }
        Ok(out)
    }

    /// A message as it was rendered.
    pub fn message(&self, mail: MailId) -> Result<Message, StoreError> {
        let mut to = self
            .conn
            .prepare_cached("SELECT address FROM mail_recipient WHERE mail = ?1 ORDER BY place")?;
        let to = to
            .query_map([mail.0], |r| r.get(0))?
            .collect::<Result<Vec<String>, _>>()?;
        let mut files = self
            .conn
            .prepare_cached("SELECT name, content FROM mail_attachment WHERE mail = ?1 ORDER BY place")?;
        let file = |r: &rusqlite::Row<'_>| {
            Ok(Attachment {
                name: r.get(0)?,
                content: r.get(1)?,
            })
        };
        let attachments = files
            .query_map([mail.0], file)?
            .collect::<Result<Vec<Attachment>, _>>()?;
        let mut select = self.conn.prepare_cached(
            "SELECT message_id, in_reply_to, sender, subject, body, urgent, at FROM mail WHERE id = ?1",
        )?;
        let message = select.query_row([mail.0], |r| {
            let in_reply_to: String = r.get(1)?;
            Ok(Message {
                message_id: r.get(0)?,
                in_reply_to: (!in_reply_to.is_empty()).then_some(in_reply_to),
                from: r.get(2)?,
                to,
                subject: r.get(3)?,
                body: r.get(4)?,
                urgent: r.get(5)?,
                date: WallTime::from_micros(r.get(6)?),
                attachments,
            })
        })?;
        Ok(message)
    }

    /// Counts a try, durably, before it is made.
    pub fn begin_attempt(&mut self, mail: MailId, recipient: &str) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("UPDATE mail_recipient SET attempts = attempts + 1 WHERE mail = ?1 AND address = ?2")?
            .execute(params![mail.0, recipient])?;
        Ok(())
    }

    /// Keeps what a try came to.
    pub fn settle(
        &mut self,
        mail: MailId,
        recipient: &str,
        outcome: &Settled,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let (state, at, answer, settled, blocked, refused) = match outcome {
            Settled::Sent { answer } => ("sent", now, answer, now.micros(), false, 0),
            Settled::Dead { why } => ("dead", now, why, now.micros(), false, 0),
            Settled::Retry { at, why, blocked } => (
                "waiting",
                *at,
                why,
                0,
                *blocked,
                if *blocked { 0 } else { now.micros() },
            ),
        };
        let tx = self.begin()?;
        tx.prepare_cached(
            "UPDATE mail_recipient SET state = ?3, next_at = ?4, answer = ?5, settled_at = ?6, blocked = ?7,
                    refused_since = CASE WHEN refused_since = 0 THEN ?8 ELSE refused_since END
                 WHERE mail = ?1 AND address = ?2",
        )?
        .execute(params![
            mail.0,
            recipient,
            state,
            at.micros(),
            answer,
            settled,
            blocked,
            refused
        ])?;
        if !blocked {
            ladder::wake(&tx, mail.0, now)?;
        }
        if settled != 0 {
            ledger::mail(&tx, mail.0, recipient, state, answer, now)?;
        }
        if let Settled::Dead { why } = outcome {
            let detail = format!("mail {} to {recipient}: {why}", mail.0);
            let what = "mail-undeliverable";
            commit::note(&tx, now, &Journal { what, detail })?;
        }
        Ok(tx.commit()?)
    }

    /// When the next waiting mail is due.
    pub fn next_mail_due(&self) -> Result<Option<WallTime>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT min(next_at) FROM mail_recipient WHERE state = 'waiting'")?;
        Ok(select
            .query_row([], |r| r.get::<_, Option<i64>>(0))?
            .map(WallTime::from_micros))
    }

    /// Makes every mail due that waits because the relay could not be used.
    pub fn wake_mails(&mut self, now: WallTime) -> Result<(), StoreError> {
        self.conn.execute(
            "UPDATE mail_recipient SET next_at = ?1 WHERE state = 'waiting' AND blocked = 1 AND ?1 < next_at",
            [now.micros()],
        )?;
        Ok(())
    }
}
