//! Situations -> alerts and mails, inside the batch's transaction.
//!
//! Acts on what `alert::decide` decides: looks up the alert a situation continues, or begins one; composes the
//! mail and gives it its Message-ID, made of the alert's number, the count of its mails and the store's name,
//! so that the same telling never gets a second one.

mod delicate;
mod excepted;
mod hindsight;
mod ladder;
mod notices;
mod routing;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use super::batch::Key;
use super::cases::Lead;
use super::ongoing::Ongoing;
use super::{Numbered, SourceIds};
use crate::access::{DatasetId, SourceId, WhoId};
use crate::alert::decide::{self, EVIDENCE_MAX, Situation};
use crate::alert::notice::{self, Notice, Rhythm};
use crate::alert::outbox::Message;
use crate::alert::text::{MailContext, NotifyReason, compose, one_line};
use crate::alert::{Alert, AlertFacts, AlertId, AlertSettings, AlertState, EXCEPTED};
use crate::calendar::{Calendar, Day, day_of};
use crate::clock::{EventTime, WallTime};
use crate::config::Config;
use crate::detect::{RuleKind, RuleSettings, Severity};
use crate::register::jobs;
use crate::register::sections::Sections;
use crate::register::{DatasetSettings, Register};
use crate::store::{AlertDesk, LookAt, NewMail, Store, StoreError, StoredAlert};
use crate::text::Lang;

/// Line references an alert keeps at most.
const EVIDENCE_PER_ALERT_MAX: usize = 10 * EVIDENCE_MAX;

/// Alerts of one rule told lately, and those that are told together.
#[derive(Debug, Default)]
struct Crowd {
    told: BTreeMap<String, u64>,
    /// What waits for one mail, by rule and by whom it goes to.
    held: BTreeMap<(String, Vec<String>), Vec<Line>>,
}

/// A line of a list: the person it is about, and its text.
type Line = (Option<String>, String);

impl Crowd {
    /// Whether one more alert of `rule` gets a mail of its own.
    fn has_room(&mut self, desk: &AlertDesk<'_, '_>, rule: &str, now: WallTime) -> Result<bool, StoreError> {
        let told = match self.told.get_mut(rule) {
            Some(told) => told,
            None => {
                let since = now.minus(notice::MANY_WITHIN);
                let told = desk.told_since(rule, since)?;
                self.told.entry(rule.to_owned()).or_insert(told)
            }
        };
        *told = told.saturating_add(1);
        Ok(*told <= notice::MANY)
    }
}

pub(super) use hindsight::{Backdated, Corrected};

/// Who is told of what, in which words.
#[derive(Debug)]
pub struct Teller {
    settings: AlertSettings,
    rules: Vec<RuleSettings>,
    datasets: BTreeMap<DatasetId, DatasetSettings>,
    sources: BTreeMap<SourceId, String>,
    from: String,
    store_id: String,
    config: String,
    agency: String,
    lang: Lang,
    contact: Option<String>,
    host: String,
    calendar: Arc<Calendar>,
    sections: Sections,
    /// Who has left; none where only the configuration is asked.
    register: RwLock<Option<Arc<Register>>>,
}

impl Teller {
    pub(super) fn new(
        config: &Config,
        datasets: &Numbered<'_>,
        sources: &SourceIds,
        store_id: &str,
        host: &str,
    ) -> Teller {
        let names = config.sources.iter().map(|s| s.read.name.clone());
        Teller {
            settings: config.alerts.clone(),
            rules: config.rules.clone(),
            datasets: datasets.iter().map(|(id, d)| (*id, (*d).clone())).collect(),
            sources: sources.iter().copied().zip(names).collect(),
            from: config.mail.from.clone(),
            store_id: store_id.to_owned(),
            config: config.hash.clone(),
            agency: config.agency.clone(),
            lang: config.lang,
            contact: config.contact.clone(),
            host: host.to_owned(),
            calendar: Arc::new(config.calendar.clone()),
            sections: config.sections.clone(),
            register: RwLock::default(),
        }
    }

    /// Names the host in what is written from a console.
    pub fn set_host(&mut self, host: &str) {
        host.clone_into(&mut self.host);
    }

    /// When the offices of the agency work.
    pub(super) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// How often those who get every alert hear that the watch is running.
    pub(super) fn rhythm(&self) -> Rhythm {
        self.settings.sign_of_life
    }

    /// Whether the offices of the agency are closed on a day.
    pub(super) fn is_closed(&self, day: Day) -> bool {
        self.calendar.is_closed(day)
    }

    /// A teller for commands that only look: knows the datasets and sources the store has ids for.
    ///
    /// # Errors
    /// The store.
    pub fn for_console(config: &Config, store: &Store) -> Result<Teller, StoreError> {
        let datasets = store.known_datasets()?;
        let find = |name: &String| config.datasets.iter().find(|d| d.id == *name);
        let numbered: Vec<_> = datasets
            .iter()
            .filter_map(|(id, name)| find(name).map(|d| (*id, d)))
            .collect();
        let id = store.meta("store_id")?.unwrap_or_else(|| "0".to_owned());
        let mut teller = Teller::new(config, &numbered, &[], &id, "");
        teller.sources = store.sources()?.into_iter().map(|s| (s.id, s.name)).collect();
        Ok(teller)
    }

    /// Writes the batch's situations into their alerts, in the order in which they began.
    pub(super) fn tell(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        situations: &BTreeMap<Key, Ongoing>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let mut ordered = Vec::new();
        for (key, ongoing) in situations {
            ordered.extend(ongoing.added().map(|(going, s)| (going.nth, key.0, going, s)));
        }
        ordered.sort_unstable_by_key(|(nth, ..)| *nth);
        let mut begun: BTreeMap<u64, AlertId> = BTreeMap::new();
        let mut leads: Vec<AlertId> = Vec::new();
        for (nth, rule, going, situation) in ordered {
            let Some(rule) = self.rules.get(usize::from(rule.0)) else {
                continue;
            };
            let lead = match going.lead {
                Lead::Alert(id) => Some(id),
                Lead::Nth(lead) | Lead::Pending(lead) => begun.get(&lead).copied(),
            };
            let stored = self.note(desk, situation, (going.alert, lead), rule, now)?;
            begun.insert(nth, stored.alert.id);
            desk.begun(nth, stored.alert.id);
            if !leads.contains(&stored.lead) {
                leads.push(stored.lead);
            }
        }
        let mut crowd = Crowd::default();
        for lead in leads {
            self.speak(desk, lead, &mut crowd, now)?;
        }
        for (n, ((rule, to), alerts)) in crowd.held.into_iter().enumerate() {
            let local = format!("M-{rule}-{}-{n}", now.micros());
            let many = |alerts| Notice::Many {
                rule: rule.clone(),
                alerts,
            };
            self.list(desk, alerts, &many, &local, Some(to), now)?;
        }
        Ok(())
    }

    /// Writes what a situation says into its alert, or begins one: a reason of `lead`, or one that leads.
    fn note(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        s: &Situation,
        (alert, lead): (Option<AlertId>, Option<AlertId>),
        rule: &RuleSettings,
        now: WallTime,
    ) -> Result<StoredAlert, StoreError> {
        let mut stored = match alert {
            Some(id) => {
                let mut stored = desk.alert(id)?;
                decide::grow(&mut stored.alert, s, rule);
                stored
            }
            None => self.begin(desk, s, lead, rule, now)?,
        };
        let exceptions = desk.exceptions()?;
        let holding = self.excepted(desk, &exceptions, &stored, s)?;
        let newly = holding.filter(|_| !stored.is_excepted());
        stored.closed_as = match holding {
            Some(_) => EXCEPTED.to_owned(),
            None if stored.is_excepted() => String::new(),
            None => stored.closed_as,
        };
        stored.config.clone_from(&self.config);
        desk.put(&stored)?;
        desk.evidence(stored.alert.id, &s.evidence, EVIDENCE_PER_ALERT_MAX)?;
        if alert.is_none() {
            desk.step(stored.alert.id, now, "detected", "")?;
        }
        if let Some(exception) = newly {
            desk.excepted(stored.alert.id, now, exception)?;
        }
        Ok(stored)
    }

    /// Decides whether people are told of an alert with all its reasons as they stand now, and tells them.
    fn speak(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        lead: AlertId,
        crowd: &mut Crowd,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let mut all = vec![desk.alert(lead)?];
        all.extend(desk.reasons(lead)?);
        let state = all.first().map_or(AlertState::Open, |s| s.alert.state);
        all.iter_mut().for_each(|s| s.alert.state = state);
        if all.iter().all(StoredAlert::is_excepted) {
            if let Some(first) = all.first_mut().filter(|s| s.alert.notified.is_none()) {
                first.alert.state = AlertState::Closed;
                desk.put(first)?;
            }
            return Ok(());
        }
        let told = all.iter().filter(|s| !s.is_excepted());
        let parts: Vec<(&Alert, &RuleSettings)> = told.filter_map(|s| Some((&s.alert, self.rule(s)?))).collect();
        let reason = decide::decide_together(&parts, &self.settings, now);
        let Some(severity) = parts.iter().map(|(alert, _)| alert.severity).max() else {
            return Ok(());
        };
        let Some(reason) = reason else {
            if let Some(first) = all.first_mut().filter(|s| s.alert.severity < severity) {
                first.alert.severity = severity;
                desk.put(first)?;
            }
            return Ok(());
        };
        // Asked before this one counts as told itself.
        let foremost = self.shown(all.clone()).map(|(shown, _)| shown.alert.rule);
        let alone = severity == Severity::Critical || crowd.has_room(desk, &foremost.unwrap_or_default(), now)?;
        for (n, one) in all.iter_mut().enumerate() {
            if n == 0 {
                one.alert.severity = severity;
            }
            if let Some(rule) = self.rule(one) {
                decide::notified(&mut one.alert, rule, now);
            }
            if !one.is_excepted() {
                one.closed_as = String::new();
            }
            desk.put(one)?;
        }
        if state == AlertState::Closed {
            desk.step(lead, now, "reopened", "it goes on and has grown")?;
        }
        let Some((shown, others)) = self.shown(all) else {
            return Ok(());
        };
        let others: Vec<&StoredAlert> = others.iter().collect();
        if alone {
            return self.mail(desk, &shown, (&others, state == AlertState::Closed), reason, now);
        }
        let facts = self.facts(&shown, desk.who(shown.alert.who)?, Vec::new());
        let case = self.case(
            &facts.owner,
            facts.section.as_deref(),
            facts.person.as_deref(),
            severity,
        );
        let to = self.recipients(&case, &[], now);
        let held = crowd.held.entry((shown.alert.rule.clone(), to)).or_default();
        held.push((facts.person.clone(), one_line(&facts, self.lang)));
        desk.step(lead, now, "mailed", "together with others")
    }

    fn rule(&self, stored: &StoredAlert) -> Option<&RuleSettings> {
        self.rules.iter().find(|r| r.id == stored.alert.rule)
    }

    fn begin(
        &self,
        desk: &AlertDesk<'_, '_>,
        s: &Situation,
        lead: Option<AlertId>,
        rule: &RuleSettings,
        now: WallTime,
    ) -> Result<StoredAlert, StoreError> {
        let year = day_of(EventTime::from_micros(now.micros())).date().year;
        let (id, mut number) = desk.next(year)?;
        if let Some(lead) = lead {
            // A further reason has no number of its own in the row of alerts.
            let nth = desk.reasons(lead)?.len().saturating_add(2);
            number = format!("{}-{nth}", desk.alert(lead)?.alert.number);
        }
        Ok(StoredAlert {
            alert: decide::begin(id, number, rule, s, now),
            account: s.account.clone(),
            address: s.address.clone(),
            section: s.section.clone(),
            valid_from: s.valid_from,
            valid_to: s.valid_to,
            config: self.config.clone(),
            closed_as: String::new(),
            lead: lead.unwrap_or(id),
            register: s.register,
        })
    }

    fn mail(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        stored: &StoredAlert,
        (others, reopened): (&[&StoredAlert], bool),
        reason: NotifyReason,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let alert = &stored.alert;
        let evidence = desk.evidence_of(alert.id)?;
        let mut facts = self.facts(stored, desk.who(alert.who)?, evidence);
        facts.reasons = others.iter().map(|s| self.facts(s, None, Vec::new())).collect();
        let (owner, section, person) = (facts.owner.clone(), facts.section.clone(), facts.person.clone());
        let case = self.case(&owner, section.as_deref(), person.as_deref(), alert.severity);
        let steps = self.stand(desk, (alert.id, &case), reopened, now)?;
        let told: Vec<_> = steps.all.iter().map(ladder::arrived).collect();
        facts.told.clone_from(&steps.all);
        facts.answer_within = self
            .answer_within(&case, &told, now)
            .filter(|_| alert.state == AlertState::Open);
        let text = compose(&facts, reason, &self.context(now));
        let nth = alert.notified.map_or(1, |n| n.mails);
        let message_id = self.message_id(alert, nth);
        self.keep(desk, alert.id, &steps, &message_id)?;
        if steps.new.is_empty() && !steps.all.is_empty() {
            // Worse than before, it may be due for the next level already.
            desk.look_at(alert.id, steps.round, LookAt::At(now))?;
        }
        let message = Message {
            message_id,
            in_reply_to: (1 < nth).then(|| self.message_id(alert, 1)),
            from: self.from.clone(),
            to: self.recipients(&case, &steps.all, now),
            subject: text.subject,
            body: text.body,
            date: now,
            urgent: alert.severity == Severity::Critical,
            attachments: Vec::new(),
        };
        let told = message.to.join(", ");
        desk.mail(&NewMail {
            alert: Some(alert.id),
            message,
        })?;
        desk.step(alert.id, now, "mailed", &format!("{}: {told}", reason.as_str()))
    }

    fn message_id(&self, alert: &Alert, nth: u32) -> String {
        self.id(&format!("{}.{nth}", alert.number))
    }

    fn id(&self, local: &str) -> String {
        let host = self
            .from
            .rsplit_once('@')
            .map_or("localhost", |(_, host)| host.trim_end_matches('>'));
        format!("{local}.{}@{host}", self.store_id)
    }

    fn context(&self, now: WallTime) -> MailContext {
        MailContext {
            agency: self.agency.clone(),
            lang: self.lang,
            contact: self.contact.clone(),
            phone: self.settings.ladder.phone.clone(),
            host: self.host.clone(),
            now,
            calendar: Arc::clone(&self.calendar),
        }
    }

    /// The facts of an alert as text. `who` is kind and name of its key, as the store knows it.
    pub fn facts(
        &self,
        stored: &StoredAlert,
        who: Option<(String, String)>,
        evidence: Vec<crate::access::LineRef>,
    ) -> AlertFacts {
        let alert = &stored.alert;
        let rule = self.rules.iter().find(|r| r.id == alert.rule);
        let dataset = self.datasets.get(&alert.dataset);
        let (person, job) = match who.filter(|_| alert.who != WhoId(0)) {
            Some((kind, name)) if kind == "person" => (Some(name), None),
            Some((kind, name)) if kind == "job" => match jobs::parts(&name) {
                Some((job, person)) => (Some(person.to_owned()), Some(job.to_owned())),
                None => (None, None),
            },
            _ => (None, None),
        };
        let volume = rule.and_then(|r| match &r.kind {
            RuleKind::Volume(v) => Some(v),
            _ => None,
        });
        AlertFacts {
            alert: alert.clone(),
            rule_title: rule.map_or_else(String::new, |r| r.title.clone()),
            words: rule.map_or_else(Default::default, |r| r.words.clone()),
            basis: rule.map_or_else(Vec::new, |r| r.basis.clone()),
            kind: rule.map(|r| r.kind.clone()),
            count: match rule.map(|r| &r.kind) {
                Some(RuleKind::Baseline(b)) => Some(b.count),
                _ => volume.map(|v| v.count),
            },
            within: volume.map(|v| v.within),
            section: person
                .as_ref()
                .map(|_| stored.section.clone())
                .filter(|s| !s.is_empty()),
            person,
            job,
            account: stored.account.clone(),
            valid_to: stored.valid_to,
            valid_from: stored.valid_from,
            dataset: dataset.map_or_else(String::new, |d| d.id.clone()),
            dataset_title: dataset.map_or_else(String::new, |d| d.title.clone()),
            tier: dataset.map_or_else(String::new, |d| d.tier.as_str().to_owned()),
            owner: dataset.map_or_else(String::new, |d| d.owner.clone()),
            source: self.sources.get(&alert.source).cloned().unwrap_or_default(),
            address: stored.address.clone(),
            reasons: Vec::new(),
            evidence,
            calendar: Arc::clone(&self.calendar),
            told: Vec::new(),
            answer_within: None,
        }
    }
}
