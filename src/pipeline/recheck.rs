//! The past held against another register, beside the ingest thread: which days' uses the two registers judge differently.
//!
//! A [`Recheck`] sees the store as it stood when the register came into force, whatever is committed afterwards; so what
//! was read since then, and judged by the new register, is not judged a second time. What it finds is small and goes back
//! to the pipeline, which asks the rules and tells people (`past`).

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use super::PipelineError;
use crate::access::WhoId;
use crate::calendar::Day;
use crate::detect::book::{History, Select};
use crate::detect::{Differing, Past};

use crate::parse::place::Surveyor;
use crate::register::{PersonDays, Register, held_against, touched};
use crate::store::{PageHistory, Store};

/// How far back a corrected register is held against the book, in days.
const HINDSIGHT_DAYS: i32 = 400;
/// Days of persons that are looked up one by one; where more are touched, whole days are read.
const SINGLE_DAYS_MAX: i64 = 50_000;

/// A register to be held against the past.
#[derive(Debug)]
pub struct Recheck {
    /// Sees what was committed when the register came into force.
    store: Store,
    before: Arc<Register>,
    after: Arc<Register>,
    surveyor: Arc<Surveyor>,
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
}

impl Recheck {
    /// `store` is a connection of its own, for reading.
    pub(super) fn new(
        store: Store,
        (before, after): (Arc<Register>, Arc<Register>),
        surveyor: Arc<Surveyor>,
        (version, today): (i64, Day),
    ) -> Result<Recheck, PipelineError> {
        store.hold()?;
        Ok(Recheck {
            store,
            before,
            after,
            surveyor,
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
        let mut numbers = BTreeMap::new();
        let mut differing = Vec::new();
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
                numbers.entry(day.who).or_insert_with(|| number.clone());
                differing.push(Differing { day, before, now });
            }
        }
        Ok(Rechecked {
            version: self.version,
            differing,
            numbers,
        })
    }
}
