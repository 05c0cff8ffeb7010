//! What holds in hindsight -> alerts marked 遡及, told in one mail for everybody and one for each owner section.

use std::collections::BTreeMap;

use super::Teller;
use crate::access::SourceId;
use crate::alert::decide::{self, Situation};
use crate::alert::notice::Notice;
use crate::alert::text::one_line;
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::detect::{Facts, Hindsight, Severity};
use crate::store::{AlertDesk, StoreError, StoredAlert};

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
}

impl Teller {
    /// Writes what holds in hindsight by register version `version`. An import makes a list, not a flood: no alert gets
    /// a mail of its own, whatever its severity.
    pub(in crate::pipeline) fn tell_hindsight(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        corrected: &[Corrected],
        version: i64,
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
        self.list(desk, sorted(all), &notice, &format!("H-{version}"), None, now)?;
        for (n, (owner, lines)) in by_owner.into_iter().enumerate() {
            let case = self.case(&owner, None, None, Severity::Warning);
            let office = crate::alert::ladder::look(&case, &self.office(), &[], now);
            let mut to = self.recipients(&case, &office.hops, now);
            to.retain(|address| !self.settings.to.contains(address));
            if !to.is_empty() {
                let local = format!("H-{version}-{n}");
                self.list(desk, sorted(lines), &notice, &local, Some(to), now)?;
            }
        }
        Ok(())
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
