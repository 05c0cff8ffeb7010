//! Mails about the watch itself: what happened to logs, lines that could not be read, the daily digest.

use std::collections::BTreeMap;

use super::Teller;
use crate::access::SourceId;
use crate::alert::notice::{self, Notice};
use crate::alert::outbox::Message;
use crate::alert::text::one_line;
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::source::SourceEvent;
use crate::store::{AlertDesk, NewMail, RejectCount, StoreError};

impl Teller {
    /// Events, each with the name of its source.
    pub(in crate::pipeline) fn named(&self, events: &[SourceEvent]) -> impl Iterator<Item = (String, SourceEvent)> {
        let name = |e: &SourceEvent| self.sources.get(&e.source).cloned().unwrap_or_default();
        events.iter().map(move |e| (name(e), e.clone()))
    }

    /// Tells of what happened to the bytes of sources in this batch, in one mail.
    pub(in crate::pipeline) fn tell_events(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        events: &[SourceEvent],
        now: WallTime,
    ) -> Result<(), StoreError> {
        let news: Vec<_> = self.named(events).filter(|(_, e)| notice::is_news(e)).collect();
        if news.is_empty() {
            return Ok(());
        }
        let local = format!("N-{}", now.micros());
        desk.mail(&self.notice(&Notice::Sources(news), &local, now))
    }

    /// Tells of lines that could not be read, at ten, a hundred, a thousand ... a day.
    pub(in crate::pipeline) fn tell_rejects(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        rejects: &[RejectCount],
        now: WallTime,
    ) -> Result<(), StoreError> {
        let mut added: BTreeMap<SourceId, u64> = BTreeMap::new();
        for r in rejects {
            *added.entry(r.source).or_insert(0) += r.lines;
        }
        let day = day_of(EventTime::from_micros(now.micros())).0;
        for (source, added) in added {
            let (lines, why) = desk.rejects_of(source, day)?;
            let after = why.iter().fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
            if let Some(step) = notice::reject_step(after.saturating_sub(added), after, lines) {
                let name = self.sources.get(&source).cloned().unwrap_or_default();
                let notice = Notice::Rejects {
                    source: name,
                    why,
                    lines,
                };
                desk.mail(&self.notice(&notice, &format!("R-{}-{day}-{step}", source.0), now))?;
            }
        }
        Ok(())
    }

    /// Tells of all notices nobody was told of yet, in one mail; whether there were any.
    pub(in crate::pipeline) fn digest(&self, desk: &mut AlertDesk<'_, '_>, now: WallTime) -> Result<(), StoreError> {
        let (untold, total) = desk.untold(notice::DIGEST_MAX)?;
        if total == 0 {
            return Ok(());
        }
        let mut alerts = Vec::with_capacity(untold.len());
        for stored in &untold {
            let facts = self.facts(stored, desk.who(stored.alert.who)?, Vec::new());
            alerts.push(one_line(&facts, self.lang));
            desk.step(stored.alert.id, now, "mailed", "in the daily digest")?;
        }
        let last = untold.last().map_or(0, |s| s.alert.id.0);
        desk.told_of_notices(now)?;
        let day = day_of(EventTime::from_micros(now.micros())).0;
        desk.mail(&self.notice(&Notice::Digest { alerts, total }, &format!("D-{day}-{last}"), now))
    }

    /// A mail about the watch itself, to everybody who gets every alert. `local` makes its Message-ID: the same one
    /// is queued once only.
    pub fn notice(&self, notice: &Notice, local: &str, now: WallTime) -> NewMail {
        let text = notice::compose(notice, &self.context(now));
        let message = Message {
            message_id: self.id(local),
            in_reply_to: None,
            from: self.from.clone(),
            to: match notice {
                Notice::Exception { .. } | Notice::Coverage(_) => self.of_the_watch(now),
                _ => self.settings.to.clone(),
            },
            subject: text.subject,
            body: text.body,
            date: now,
            urgent: !matches!(notice, Notice::Digest { .. } | Notice::Checkpoint(_)),
            attachments: Vec::new(),
        };
        NewMail { alert: None, message }
    }
}
