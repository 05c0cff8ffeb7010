//! Mails that waited long because no relay could be used, put together: one mail in the place of many.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::params;

use super::{NewMail, Store, StoreError, outbox};
use crate::alert::outbox::{MailId, Message};
use crate::clock::WallTime;

/// How long the oldest one of a recipient must have waited: less is no outage.
const WAITED: Duration = Duration::from_secs(600);
/// Fewer mails to one recipient go singly.
const MAILS_MIN: usize = 6;

/// A mail that waits: when it was composed, and its subject.
pub type HeldMail = (WallTime, String);

/// Recipients of the same mails.
type Groups = BTreeMap<Vec<MailId>, Vec<String>>;

impl Store {
    /// Puts mails together for each recipient that has many of which one waited long: alerts that are not 重大, and notices about
    /// the watch; never lists, reports, and what the relay itself puts off. `compose` writes the mail in their place. How many
    /// were put together.
    pub fn fold_mails(
        &mut self,
        now: WallTime,
        compose: &dyn Fn(&[HeldMail], usize) -> Message,
    ) -> Result<u64, StoreError> {
        let tx = self.begin()?;
        let mut texts: BTreeMap<MailId, HeldMail> = BTreeMap::new();
        let mut by_address: BTreeMap<String, Vec<MailId>> = BTreeMap::new();
        {
            let mut select = tx.prepare_cached(
                "SELECT r.address, m.id, m.at, m.subject FROM mail_recipient AS r JOIN mail AS m ON m.id = r.mail
                 WHERE r.state = 'waiting' AND 0 <= r.next_at AND r.refused_since = 0
                    AND (m.alert <> 0 AND m.urgent = 0
                        OR m.alert = 0 AND substr(m.message_id, 1, 2) IN ('N-', 'R-', 'C-'))
                    AND NOT EXISTS (SELECT 1 FROM mail_attachment AS a
                        WHERE a.mail = m.id AND substr(a.name, 1, 11) <> 'checkpoint-')
                 ORDER BY m.id",
            )?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let mail = MailId(row.get(1)?);
                texts.insert(mail, (WallTime::from_micros(row.get(2)?), row.get(3)?));
                by_address.entry(row.get(0)?).or_default().push(mail);
            }
        }
        let mut groups: Groups = BTreeMap::new();
        let long_ago = now.minus(WAITED);
        for (address, mails) in by_address {
            let oldest = mails.first().and_then(|mail| texts.get(mail));
            let waited = oldest.is_some_and(|(at, _)| *at <= long_ago);
            if waited && MAILS_MIN <= mails.len() {
                groups.entry(mails).or_default().push(address);
            }
        }
        let mut folded = 0;
        for (n, (mails, addresses)) in groups.into_iter().enumerate() {
            let held: Vec<HeldMail> = mails.iter().filter_map(|mail| texts.get(mail).cloned()).collect();
            let mut message = compose(&held, n);
            message.to.clone_from(&addresses);
            let mut fold =
                tx.prepare_cached("INSERT INTO mail_folded (mail, address, at, into_message) VALUES (?1, ?2, ?3, ?4)")?;
            let mut leave_out =
                tx.prepare_cached("DELETE FROM mail_recipient WHERE mail = ?1 AND address = ?2 AND state = 'waiting'")?;
            for mail in &mails {
                for address in &addresses {
                    fold.execute(params![mail.0, address, now.micros(), message.message_id])?;
                    leave_out.execute(params![mail.0, address])?;
                    folded += 1;
                }
            }
            outbox::insert(&tx, &NewMail { alert: None, message })?;
        }
        tx.commit()?;
        Ok(folded)
    }
}
