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
use crate::store::{AlertDesk, HeldMail, NewMail, RejectCount, StoreError};

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
            let mut all = vec![stored.clone()];
            all.extend(desk.reasons(stored.alert.id)?);
            let shown = self.shown(all).map_or_else(|| stored.clone(), |(shown, _)| shown);
            let facts = self.facts(&shown, desk.who(shown.alert.who)?, Vec::new());
            alerts.push((facts.person.clone(), one_line(&facts, self.lang)));
            desk.step(stored.alert.id, now, "mailed", "in the daily digest")?;
        }
        let last = untold.last().map_or(0, |s| s.alert.id.0);
        desk.told_of_notices(now)?;
        let day = day_of(EventTime::from_micros(now.micros())).0;
        let listed = u64::try_from(alerts.len()).unwrap_or(total);
        let digest = |alerts: Vec<String>| {
            let left_out = listed.saturating_sub(u64::try_from(alerts.len()).unwrap_or(listed));
            let total = total.saturating_sub(left_out);
            Notice::Digest { alerts, total }
        };
        self.list(desk, alerts, &digest, &format!("D-{day}-{last}"), None, now)
    }

    /// Queues a mail that lists alerts, each with the person it is about: at an address of his own nobody gets the lines
    /// about himself. `to`: other recipients than usual.
    pub(super) fn list(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        lines: Vec<(Option<String>, String)>,
        notice: &dyn Fn(Vec<String>) -> Notice,
        local: &str,
        to: Option<Vec<String>>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let text = |keep: &dyn Fn(&str) -> bool| -> Vec<String> {
            let kept = lines.iter().filter(|(person, _)| person.as_deref().is_none_or(keep));
            kept.map(|(_, line)| line.clone()).collect()
        };
        let mut mail = self.notice(&notice(text(&|_| true)), local, now);
        let to = to.unwrap_or_else(|| std::mem::take(&mut mail.message.to));
        let office = self.office();
        let stands = |address: &String| {
            let mut own = lines.iter().filter_map(|(person, _)| person.as_deref());
            own.any(|person| office.is_own(address, person))
        };
        let (himself, others): (Vec<String>, Vec<String>) = to.into_iter().partition(stands);
        for (n, address) in himself.iter().enumerate() {
            let kept = text(&|person| !office.is_own(address, person));
            if !kept.is_empty() {
                let mut mail = self.notice(&notice(kept), &format!("{local}-{n}"), now);
                mail.message.to = vec![address.clone()];
                desk.mail(&mail)?;
            }
        }
        mail.message.to = match others.is_empty() {
            true => self.above_all(&lines, now),
            false => others,
        };
        desk.mail(&mail)
    }

    /// Who gets a list where everybody else stands in it himself.
    fn above_all(&self, lines: &[(Option<String>, String)], now: WallTime) -> Vec<String> {
        let mut to = self.of_the_watch(now);
        let stands = |address: &String| {
            let mut people = lines.iter().filter_map(|(person, _)| person.as_deref());
            people.any(|person| self.office().is_own(address, person))
        };
        to.retain(|address| !stands(address));
        to
    }

    /// One mail in the place of many that waited, without recipients yet; the `nth` of this moment.
    pub fn held_back(&self, mails: &[HeldMail], nth: usize, now: WallTime) -> Message {
        let local = format!("O-{}-{nth}", now.micros());
        self.notice(&Notice::HeldBack(mails.to_vec()), &local, now).message
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
                Notice::Exception { .. } | Notice::Job { .. } | Notice::Coverage(_) | Notice::Handled(_) => {
                    self.of_the_watch(now)
                }
                Notice::RegisterOdd { .. } => self.of_registers(now),
                Notice::Backdated { .. } | Notice::RegisterDelicate { .. } => self.of_the_top(now),
                _ => self.settings.to.clone(),
            },
            subject: text.subject,
            body: text.body,
            date: now,
            urgent: !matches!(
                notice,
                Notice::Digest { .. }
                    | Notice::Checkpoint(_)
                    | Notice::Drawn { .. }
                    | Notice::Alive(_)
                    | Notice::Test { .. }
            ),
            attachments: Vec::new(),
        };
        NewMail { alert: None, message }
    }
}
