//! What `alert::ladder` decides, done: hops kept and entered into the record, mails to whoever is told next.

use std::collections::BTreeMap;

use super::Teller;
use crate::alert::ladder::{self, Case, Hop, Reach, Told};
use crate::alert::notice::Notice;
use crate::alert::outbox::Message;
use crate::alert::text::{NotifyReason, compose, one_line};
use crate::alert::{AlertFacts, AlertId, AlertState};
use crate::clock::WallTime;
use crate::detect::Severity;
use crate::store::{AlertDesk, LookAt, NewMail, StoreError, StoredAlert};

/// Ladders looked at in one transaction.
const LOOKS_MAX: u32 = 600;

/// Alerts, not 重大, that are handed on singly at a time; more are told together.
const ALONE_MAX: usize = 5;

/// What is to be done on one ladder.
struct Due {
    shown: StoredAlert,
    facts: AlertFacts,
    hops: Vec<Hop>,
    round: u32,
    /// Hops of the round before these.
    before: usize,
    /// Where to; empty where everybody is passed over.
    to: Vec<String>,
}

impl Due {
    /// Keeps its hops under the Message-ID of their mail.
    fn keep(&self, desk: &AlertDesk<'_, '_>, message_id: &str) -> Result<(), StoreError> {
        let alert = self.shown.alert.id;
        for hop in &self.hops {
            desk.put_hop(alert, self.round, hop, message_id)?;
        }
        desk.look_at(alert, self.round, LookAt::Woken)
    }
}

/// Those who stand on the ladder when an alert is mailed.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// Of this round, earlier ones first.
    pub all: Vec<Hop>,
    /// Of them, the ones made now.
    pub new: Vec<Hop>,
    /// Which round it is.
    pub round: u32,
}

impl Teller {
    /// Looks at every ladder of which something is due. Many alerts that are not 重大 are handed on together.
    pub(in crate::pipeline) fn tend(&self, desk: &mut AlertDesk<'_, '_>, now: WallTime) -> Result<(), StoreError> {
        let mut all = Vec::new();
        for alert in desk.ladders_due(now, LOOKS_MAX)? {
            all.extend(self.look(desk, alert, now)?);
        }
        let held = |due: &Due| due.shown.alert.severity < Severity::Critical && !due.to.is_empty();
        let many = ALONE_MAX < all.iter().filter(|due| held(due)).count();
        let mut together: BTreeMap<Vec<String>, Vec<Due>> = BTreeMap::new();
        for due in all {
            match many && held(&due) {
                true => together.entry(due.to.clone()).or_default().push(due),
                false => self.hand_on(desk, due, now)?,
            }
        }
        for (n, (to, dues)) in together.into_iter().enumerate() {
            self.hand_on_together(desk, (n, to), dues, now)?;
        }
        Ok(())
    }

    /// What is to be done on the ladder of an alert now; keeps when to look again where that is nothing.
    fn look(&self, desk: &AlertDesk<'_, '_>, id: AlertId, now: WallTime) -> Result<Option<Due>, StoreError> {
        let row = desk.ladder(id)?.unwrap_or_default();
        let mut all = vec![desk.alert(id)?];
        all.extend(desk.reasons(id)?);
        let Some((shown, others)) = self.shown(all) else {
            desk.look_at(id, row.round, LookAt::Woken)?;
            return Ok(None);
        };
        if shown.alert.state != AlertState::Open {
            desk.look_at(id, row.round, LookAt::Woken)?;
            return Ok(None);
        }
        let mut facts = self.facts_with(desk, &shown, &others)?;
        let (owner, section, person) = (facts.owner.clone(), facts.section.clone(), facts.person.clone());
        let case = self.case(&owner, section.as_deref(), person.as_deref(), shown.alert.severity);
        let look = ladder::look(&case, &self.office(), &row.told, now);
        if look.hops.is_empty() {
            let next = look.next.map_or(LookAt::Woken, LookAt::At);
            desk.look_at(id, row.round, next)?;
            return Ok(None);
        }
        let addresses = look.hops.iter().flat_map(|hop| &hop.addresses);
        let to = self.office().without(addresses, case.suspect);
        let all: Vec<Told> = row.told.iter().cloned().chain(look.hops.iter().map(arrived)).collect();
        facts.answer_within = self.answer_within(&case, &all, now);
        facts.told = all.into_iter().map(|t| t.hop).collect();
        Ok(Some(Due {
            shown,
            facts,
            hops: look.hops,
            round: row.round,
            before: row.told.len(),
            to,
        }))
    }

    /// A mail to whoever is next of one alert.
    fn hand_on(&self, desk: &mut AlertDesk<'_, '_>, due: Due, now: WallTime) -> Result<(), StoreError> {
        let alert = &due.shown.alert;
        let message_id = self.id(&format!("{}.h{}-{}", alert.number, due.round, due.before));
        due.keep(desk, &message_id)?;
        let Some(first) = due.hops.iter().find(|hop| !hop.why.is_passed_over()) else {
            return Ok(());
        };
        let text = compose(&due.facts, NotifyReason::Handed(first.why), &self.context(now));
        let message = Message {
            in_reply_to: alert.notified.map(|_| self.message_id(alert, 1)),
            message_id,
            from: self.from.clone(),
            to: due.to,
            subject: text.subject,
            body: text.body,
            date: now,
            urgent: alert.severity == Severity::Critical,
            attachments: Vec::new(),
        };
        let alert = Some(alert.id);
        desk.mail(&NewMail { alert, message })
    }

    /// One mail to those who are next of many alerts.
    fn hand_on_together(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        (nth, to): (usize, Vec<String>),
        dues: Vec<Due>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let lines = dues.iter().map(|due| one_line(&due.facts, self.lang)).collect();
        let mut mail = self.notice(&Notice::Unanswered(lines), &format!("U-{}-{nth}", now.micros()), now);
        mail.message.to = to;
        for due in &dues {
            due.keep(desk, &mail.message.message_id)?;
        }
        desk.mail(&mail)
    }

    /// Begins the ladder of an alert that is told for the first time or open again; else gives those told so far.
    pub(super) fn stand(
        &self,
        desk: &AlertDesk<'_, '_>,
        (alert, case): (AlertId, &Case<'_>),
        reopened: bool,
        now: WallTime,
    ) -> Result<Steps, StoreError> {
        let before = desk.ladder(alert)?;
        let round = before.as_ref().map_or(0, |row| row.round);
        if let Some(row) = before.filter(|row| !reopened && !row.told.is_empty()) {
            return Ok(Steps {
                all: row.told.into_iter().map(|t| t.hop).collect(),
                new: Vec::new(),
                round,
            });
        }
        let round = if reopened { round.saturating_add(1) } else { round };
        let new = ladder::look(case, &self.office(), &[], now).hops;
        Ok(Steps {
            all: new.clone(),
            new,
            round,
        })
    }

    /// Keeps the hops that a mail made.
    pub(super) fn keep(
        &self,
        desk: &AlertDesk<'_, '_>,
        alert: AlertId,
        steps: &Steps,
        message_id: &str,
    ) -> Result<(), StoreError> {
        if steps.new.is_empty() {
            return Ok(());
        }
        for hop in &steps.new {
            desk.put_hop(alert, steps.round, hop, message_id)?;
        }
        desk.look_at(alert, steps.round, LookAt::Woken)
    }

    /// How long whoever is told now has before the next level is told; none at the last one.
    pub(super) fn answer_within(&self, case: &Case<'_>, told: &[Told], now: WallTime) -> Option<std::time::Duration> {
        let level = told.iter().map(|t| t.hop.level).max()?;
        let last = self.settings.ladder.rungs(case.severity).len() <= level.saturating_add(1);
        let look = ladder::look(case, &self.office(), told, now);
        let next = look.next.filter(|_| !last);
        next.map(|next| next.since(now)).filter(|wait| !wait.is_zero())
    }

    /// Who would be told of an alert, and when, if nobody answered: from now on where it has begun, else as if it were
    /// raised at `now`. The facts are those of the alert as people are told of it.
    pub fn foresee(&self, facts: &AlertFacts, told: &[Told], now: WallTime) -> Vec<Hop> {
        let (owner, section) = (facts.owner.as_str(), facts.section.as_deref());
        let case = self.case(owner, section, facts.person.as_deref(), facts.alert.severity);
        ladder::foresee(&case, &self.office(), told, now)
    }

    /// Who gets an alert beside those on the ladder.
    pub fn always(&self, facts: &AlertFacts, now: WallTime) -> Vec<String> {
        let (owner, section) = (facts.owner.as_str(), facts.section.as_deref());
        let case = self.case(owner, section, facts.person.as_deref(), facts.alert.severity);
        self.recipients(&case, &[], now)
    }

    /// The alert in the words of the reason that stands out most, under the number and life of the one that leads, and the
    /// others; `None` where exceptions hold all of them.
    pub fn shown(&self, all: Vec<StoredAlert>) -> Option<(StoredAlert, Vec<StoredAlert>)> {
        let lead = all.first()?.clone();
        let mut shown = StoredAlert::foremost(&all, &self.rules)?.clone();
        let mut others: Vec<StoredAlert> = all
            .into_iter()
            .filter(|s| s.alert.id != shown.alert.id && !s.is_excepted())
            .collect();
        // The one that leads stands with the worst severity among them; as a reason it has its own.
        for other in &mut others {
            let own = self.rule(other).map(|rule| rule.severity);
            other.alert.severity = own.map_or(other.alert.severity, |own| own.min(other.alert.severity));
        }
        shown.alert.severity = shown.alert.severity.max(lead.alert.severity);
        shown.alert.id = lead.alert.id;
        shown.alert.number = lead.alert.number;
        (shown.alert.state, shown.alert.notified) = (lead.alert.state, lead.alert.notified);
        Some((shown, others))
    }

    fn facts_with(
        &self,
        desk: &AlertDesk<'_, '_>,
        shown: &StoredAlert,
        others: &[StoredAlert],
    ) -> Result<AlertFacts, StoreError> {
        let evidence = desk.evidence_of(shown.alert.id)?;
        let mut facts = self.facts(shown, desk.who(shown.alert.who)?, evidence);
        facts.reasons = others.iter().map(|s| self.facts(s, None, Vec::new())).collect();
        Ok(facts)
    }
}

/// As if its mail had arrived at once.
pub(super) fn arrived(hop: &Hop) -> Told {
    Told {
        reach: Reach::Got(hop.at),
        hop: hop.clone(),
    }
}
