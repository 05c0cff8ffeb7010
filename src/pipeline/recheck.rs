//! The past held against another register, beside the ingest thread: which days' uses the two registers judge differently.
//!
//! A [`Recheck`] sees the store as it stood when the register came into force, whatever is committed afterwards; so what
//! was read since then, and judged by the new register, is not judged a second time. What it finds is small and goes back
//! to the pipeline, which asks the rules and tells people (`past`).

mod rejudge;

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

pub use rejudge::{Rejudge, RejudgeError, Rejudged};

use super::PipelineError;
use crate::access::{Marks, Standing, WhoId};
use crate::calendar::Day;
use crate::detect::book::{History, Select};
use crate::detect::{Differing, Past};

use crate::parse::place::Surveyor;
use crate::register::import::{Delicate, delicate, difference};
use crate::register::{Change, PersonDays, Register, held_against, held_against_account, newly_known, touched};
use crate::store::{Names, PageHistory, Store};

/// How far back a corrected register is held against the book, in days.
const HINDSIGHT_DAYS: i32 = 400;
/// Days of persons that are looked up one by one; where more are touched, whole days are read.
const SINGLE_DAYS_MAX: i64 = 50_000;
/// Versions of the register among which the one in hand is looked for: the newest, unless others came meanwhile.
const VERSIONS_MAX: u32 = 16;

/// A register to be held against the past.
#[derive(Debug)]
pub struct Recheck {
    /// Sees what was committed when the register came into force.
    store: Store,
    before: Arc<Register>,
    after: Arc<Register>,
    surveyor: Arc<Surveyor>,
    /// 職員番号 of those who may bring registers.
    keepers: Vec<String>,
    version: i64,
    today: Day,
}

/// What the two registers judge differently.
#[derive(Debug)]
pub struct Rechecked {
    /// The version that was held against the past.
    pub version: i64,
    /// Days' uses, with what either register says.
    pub(super) differing: Vec<Differing>,
    /// 職員番号 of those concerned.
    pub(super) numbers: BTreeMap<WhoId, String>,
    /// Who brought the version, or from which file it was taken.
    pub(super) brought: String,
    /// What whoever checks should hear of, although the register allows it.
    pub(super) delicate: Vec<Shown>,
}

/// A change of an account, for people.
#[derive(Debug)]
pub(super) struct Shown {
    pub why: Delicate,
    pub account: String,
    /// 職員番号 of the holder before; empty: none.
    pub before: String,
    /// 職員番号 of the holder now; the account's own name where it is nobody's.
    pub after: String,
    pub section: String,
    /// What the right is for, as the register words it.
    pub charge: String,
    pub days: (Day, Day),
}

impl Recheck {
    /// `store` is a connection of its own, for reading.
    pub(super) fn new(
        store: Store,
        (before, after): (Arc<Register>, Arc<Register>),
        (surveyor, keepers): (Arc<Surveyor>, Vec<String>),
        (version, today): (i64, Day),
    ) -> Result<Recheck, PipelineError> {
        store.hold()?;
        Ok(Recheck {
            store,
            before,
            after,
            surveyor,
            keepers,
            version,
            today,
        })
    }

    /// Looks through the past.
    ///
    /// # Errors
    /// The store.
    pub fn run(&self) -> Result<Rechecked, PipelineError> {
        let names = self.store.names()?;
        let oldest = self.today.0.saturating_sub(HINDSIGHT_DAYS);
        let mut people: HashMap<WhoId, (String, Vec<PersonDays>)> = HashMap::new();
        for mut days in touched(&self.before, &self.after, Day(i32::MAX)) {
            let Some(who) = names.known_person(&days.person).filter(|_| oldest <= days.to.0) else {
                continue;
            };
            days.from = days.from.max(Day(oldest));
            let known = people.entry(who).or_insert_with(|| (days.person.clone(), Vec::new()));
            known.1.push(days);
        }
        // What a person did under an approved job he did.
        for (person, job) in names.known_jobs() {
            let own = names.known_person(person).and_then(|who| people.get(&who)).cloned();
            people.extend(own.map(|own| (job, own)));
        }
        let mut past: Vec<Past> = Vec::new();
        let all = || people.values().flat_map(|(_, days)| days);
        let newest = all().map(|d| d.to).max().unwrap_or(Day(0));
        let single: i64 = all()
            .map(|d| i64::from(d.to.min(self.today).0) - i64::from(d.from.0))
            .sum();
        if single <= SINGLE_DAYS_MAX {
            let mut history = PageHistory {
                store: &self.store,
                names: &names,
                key: None,
                lists: None,
            };
            for (who, (_, spans)) in &people {
                for days in spans {
                    history.pages(Select::Person(*who), days.from.0, days.to.0, &mut |day, key, page| {
                        past.push(Past::of(day, key, page));
                    })?;
                }
            }
        } else {
            let first = all().map(|d| d.from).min().unwrap_or(Day(0));
            let wanted = |day: i32, who: WhoId| {
                let spans = people.get(&who).map_or(&[][..], |(_, spans)| spans.as_slice());
                spans.iter().any(|d| d.from.0 <= day && day <= d.to.0)
            };
            self.store.days(first.0, newest.0, &wanted, &mut |day, key, page| {
                past.push(Past::of(day, key, page));
            })?;
        }
        past.sort_unstable_by_key(|p| (p.who, p.day, p.dataset, p.operation as u8));
        let mut found = Rechecked {
            version: self.version,
            differing: Vec::new(),
            numbers: BTreeMap::new(),
            brought: String::new(),
            delicate: Vec::new(),
        };
        let (brought, by) = self.brought()?;
        found.delicate = self.delicate(&by);
        found.brought = brought;
        for day in past {
            let Some((number, _)) = people.get(&day.who) else {
                continue;
            };
            let by = |register: &Register| {
                let used = (day.dataset, day.operation);
                held_against(register, self.surveyor.datasets(), number, Day(day.day), used)
            };
            let (before, now) = (by(&self.before), by(&self.after));
            if before != now {
                found.numbers.entry(day.who).or_insert_with(|| number.clone());
                found.differing.push(Differing { day, before, now });
            }
        }
        self.once_unknown(&names, oldest, &mut found)?;
        Ok(found)
    }

    /// Uses of accounts that the register before did not know.
    fn once_unknown(&self, names: &Names, oldest: i32, found: &mut Rechecked) -> Result<(), PipelineError> {
        let mut history = PageHistory {
            store: &self.store,
            names,
            key: None,
            lists: None,
        };
        let newest = self.today.0.saturating_add(1);
        for account in newly_known(&self.before, &self.after) {
            let Some(who) = names.known_account(account) else {
                continue;
            };
            history.pages(Select::Person(who), oldest, newest, &mut |day, key, page| {
                let past = Past::of(day, key, page);
                let used = (past.dataset, past.operation);
                let datasets = self.surveyor.datasets();
                let said = held_against_account(&self.after, datasets, account, Day(day), used);
                if let Some((number, now)) = said {
                    found.numbers.entry(who).or_insert_with(|| number.to_owned());
                    found.differing.push(Differing {
                        day: past,
                        before: (Standing::Unknown, Marks::NONE),
                        now,
                    });
                }
            })?;
        }
        Ok(())
    }

    /// What the register changes that looks like ordinary work and is how somebody who keeps it would help himself.
    fn delicate(&self, by: &str) -> Vec<Shown> {
        let own = self.keepers.iter().map(String::as_str).chain([by]);
        let keepers: Vec<&str> = own.filter(|person| !person.is_empty()).collect();
        let items = difference(&self.before, &self.after, self.today);
        let since = self.today.plus(-HINDSIGHT_DAYS);
        let shown = |(why, change): (Delicate, Change<'_>)| {
            let after = change.after?;
            let charge = self.after.charge_of(after.span());
            Some(Shown {
                why,
                account: change.account.to_owned(),
                before: change.before.map_or_else(String::new, |v| v.person.to_owned()),
                after: after.person.to_owned(),
                section: after.section.to_owned(),
                charge: charge.into_iter().map(|(words, _)| words).collect::<Vec<_>>().join(";"),
                days: (change.from, change.to),
            })
        };
        let found = delicate(&items, &keepers, since);
        found.into_iter().filter_map(shown).collect()
    }

    /// Who brought the version, or from which file it was taken; and who, where somebody did.
    fn brought(&self) -> Result<(String, String), PipelineError> {
        let versions = self.store.register_versions(VERSIONS_MAX)?;
        let version = versions.into_iter().find(|v| v.id == self.version);
        Ok(version.map_or_else(Default::default, |v| match v.import.by.is_empty() {
            true => (v.import.origin, String::new()),
            false => (v.import.by.clone(), v.import.by),
        }))
    }
}
