//! What holds in hindsight -> alerts marked 遡及, told in one mail for everybody and one for each owner section.

use std::collections::BTreeMap;

use super::Teller;
use crate::access::{LineRef, Mark, Marks, SourceId, Standing};
use crate::alert::decide::{self, Situation};
use crate::alert::notice::Notice;
use crate::alert::text::one_line;
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::detect::{Allowed, Facts, Hindsight, Said, Severity};
use crate::register::Register;
use crate::store::{AlertDesk, Journal, StoreError, StoredAlert};
use crate::text::{Lang, inert, number};

/// Longest name told, in characters.
const NAME_CHARS_MAX: usize = 40;

/// An alert in a list: how bad it is, whom it is about, and what is said of it.
type Line = (Severity, Option<String>, String);

/// A finding in hindsight, with what people are told of the person.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Corrected {
    pub found: Hindsight,
    /// Section of the person at the last access.
    pub section: String,
    /// First day of the right, where it had not begun.
    pub valid_from: Option<i32>,
    /// Last day of the right, where it had ended.
    pub valid_to: Option<i32>,
    /// Lines it was found in; none where only the counters were asked.
    pub evidence: Vec<LineRef>,
}

impl Corrected {
    /// A finding about the person with this 職員番号, by what `register` says of him.
    pub fn of(register: &Register, found: Hindsight, number: &str) -> Corrected {
        // Of several accounts the one that was the person's that day.
        let verdicts = register.accounts_of(number).iter();
        let mut verdicts = verdicts.map(|ix| register.verdict(*ix, found.span.1));
        let verdict = verdicts.find(|v| v.person == number);
        Corrected {
            found,
            section: verdict.map_or_else(String::new, |v| v.section.to_owned()),
            valid_from: verdict.and_then(|v| v.valid_from).map(|d| d.0),
            valid_to: verdict.and_then(|v| v.valid_to).map(|d| d.0),
            evidence: Vec::new(),
        }
    }
}

impl Teller {
    /// Writes what holds in hindsight by register version `version`. An import makes a list, not a flood: no alert gets
    /// a mail of its own, whatever its severity. `local` makes the Message-IDs.
    pub(in crate::pipeline) fn tell_hindsight(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        corrected: &[Corrected],
        (version, local): (i64, &str),
        now: WallTime,
    ) -> Result<(), StoreError> {
        let year = day_of(EventTime::from_micros(now.micros())).date().year;
        let mut all: Vec<Line> = Vec::new();
        let mut by_owner: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for one in corrected {
            let Some(rule) = self.rules.get(usize::from(one.found.rule.0)) else {
                continue;
            };
            let (id, number) = desk.next(year)?;
            let mut alert = decide::begin(id, number, rule, &situation(one), now);
            alert.retro = true;
            decide::notified(&mut alert, rule, now);
            let stored = StoredAlert {
                alert,
                account: String::new(),
                address: String::new(),
                section: one.section.clone(),
                valid_from: one.valid_from,
                valid_to: one.valid_to,
                config: self.config.clone(),
                closed_as: String::new(),
                lead: id,
                register: version,
            };
            desk.put(&stored)?;
            desk.evidence(id, &one.evidence, one.evidence.len())?;
            desk.step(
                id,
                now,
                "detected",
                &format!("in hindsight, by register version {version}"),
            )?;
            desk.step(id, now, "mailed", "together with others")?;
            let facts = self.facts(&stored, desk.who(one.found.who)?, Vec::new());
            let line = (one.found.severity, facts.person.clone(), one_line(&facts, self.lang));
            by_owner.entry(facts.owner.clone()).or_default().push(line.clone());
            all.push(line);
        }
        if all.is_empty() {
            return Ok(());
        }
        let notice = |alerts| Notice::Hindsight { version, alerts };
        self.list(desk, sorted(all), &notice, local, None, now)?;
        for (n, (owner, lines)) in by_owner.into_iter().enumerate() {
            let case = self.case(&owner, None, None, Severity::Warning);
            let office = crate::alert::ladder::look(&case, &self.office(), &[], now);
            let mut to = self.recipients(&case, &office.hops, now);
            to.retain(|address| !self.settings.to.contains(address));
            if !to.is_empty() {
                let local = format!("{local}-{n}");
                self.list(desk, sorted(lines), &notice, &local, Some(to), now)?;
            }
        }
        Ok(())
    }
}

/// Uses of a person and dataset for which there was no right when they happened, and now is.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Backdated {
    pub found: Allowed,
    /// Section of the person at the last access, as the register says now.
    pub section: String,
    /// 職員番号.
    pub person: String,
}

impl Teller {
    /// Tells 監査責任者 and 総括保護管理者 of rights given for days that had passed, once a version: a right that comes
    /// after the use may be an appointment entered late, or misuse covered up. The alerts of the time stay as they are.
    pub(in crate::pipeline) fn tell_backdated(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        backdated: &[Backdated],
        (version, brought): (i64, &str),
        now: WallTime,
    ) -> Result<(), StoreError> {
        if backdated.is_empty() {
            return Ok(());
        }
        let mut lines: Vec<(u64, String, String)> = backdated
            .iter()
            .map(|one| (one.found.hits, one.person.clone(), self.backdated_line(one)))
            .collect();
        lines.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.cmp(&b.2)));
        let hits = lines.iter().fold(0u64, |sum, (n, ..)| sum.saturating_add(*n));
        desk.note(
            now,
            &Journal {
                what: "register-backdated",
                detail: format!(
                    "version {version}, brought by {brought}, grants afterwards {hits} accesses of {} persons and datasets",
                    lines.len()
                ),
            },
        )?;
        let lines = lines
            .into_iter()
            .map(|(_, person, line)| (Some(person), line))
            .collect();
        let notice = |uses| Notice::Backdated {
            version,
            brought: brought.to_owned(),
            uses,
        };
        let to = Some(self.of_the_top(now));
        self.list(desk, lines, &notice, &format!("B-{version}"), to, now)
    }

    fn backdated_line(&self, one: &Backdated) -> String {
        let found = &one.found;
        let title = self.datasets.get(&found.dataset).map_or("", |d| d.title.as_str());
        let (person, section) = (inert(&one.person, NAME_CHARS_MAX), inert(&one.section, NAME_CHARS_MAX));
        let (hits, records) = (number(found.hits), number(found.records));
        let (first, last) = (day_of(found.span.0), day_of(found.span.1));
        let then = then(found.before, self.lang);
        match self.lang {
            Lang::Ja => {
                let days = match first == last {
                    true => first.wareki(),
                    false => format!("{}～{}", first.wareki(), last.wareki()),
                };
                format!(
                    "・職員番号 {person}（{section}）　{title}　{days}　利用 {hits} 回、{records} 件（当時：{then}）"
                )
            }
            Lang::En => format!(
                "- {person} ({section}), {title}, {} to {}: {hits} accesses, {records} records (then: {then})",
                first.iso(),
                last.iso()
            ),
        }
    }
}

/// What spoke against a use when it happened.
fn then((standing, marks): Said, lang: Lang) -> &'static str {
    match standing {
        Standing::Unknown | Standing::Anonymous => lang.pick("台帳に登録なし", "not in the register"),
        Standing::Revoked => lang.pick("権限終了後", "right ended"),
        Standing::NotYetValid => lang.pick("権限開始前", "right not begun"),
        Standing::OnLeave => lang.pick("休職等", "on leave"),
        Standing::Valid if marks.has(Mark::ContractEnded) => lang.pick("契約終了後", "contract ended"),
        Standing::Valid if marks.has(Mark::OldGeneration) => lang.pick("旧世代のID", "ID of an old generation"),
        Standing::Valid if marks.meets(Marks::of(&[Mark::Transferred, Mark::Handover])) => {
            lang.pick("異動前の所属の権限", "right of a former post")
        }
        Standing::Valid => lang.pick("付与されていない利用", "not granted"),
    }
}

/// The worst first.
fn sorted(mut lines: Vec<Line>) -> Vec<(Option<String>, String)> {
    lines.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.cmp(&b.2)));
    lines.into_iter().map(|(_, person, line)| (person, line)).collect()
}

fn situation(one: &Corrected) -> Situation {
    let found = &one.found;
    Situation {
        who: found.who,
        dataset: found.dataset,
        severity: found.severity,
        first_seen: found.span.0,
        last_seen: found.span.1,
        window_from: found.span.0,
        observed: found.hits,
        limit: 0,
        hits: found.hits,
        records: found.records,
        records_unknown: found.records_unknown,
        successes: found.successes,
        source: SourceId(0),
        operation: found.operation,
        standing: found.standing,
        marks: found.marks,
        facts: Facts::default(),
        account: String::new(),
        address: String::new(),
        section: one.section.clone(),
        valid_from: one.valid_from,
        valid_to: one.valid_to,
        evidence: Vec::new(),
        register: 0,
    }
}
