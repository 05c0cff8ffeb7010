//! The kind `baseline`: far more in a day than is usual for this person, or for this dataset (V7, V8).
//!
//! Usual is the median of the business days on which there was any use, with the median of the distances from it (MAD),
//! so that a single wild day moves nothing. A day that was found wanting is never learned from, unless a named person
//! closed its alert as legitimate. Until a person has enough days of his own, the days of his section with the
//! same dataset serve. Yesterday is not yet learned from: a line that comes a day late changes nothing.

use std::sync::Arc;

use hashbrown::HashMap;

use super::book::{DayNumber, History, HistoryError};
use super::judge::{Facts, Held, Judge};
use super::memo::{Memo, Memory, Reader, Space, Value, joined, put, put_signed};
use super::{Count, Limits, Per, Scope};
use crate::access::{Access, Amount, DatasetId, Outcome, SectionHash, WhoId};
use crate::calendar::{Calendar, Day, day_of, day_start};
use crate::clock::EventTime;

/// Days kept of a key.
const DAYS_MAX: usize = 96;
/// Members of a section whose days serve as peers.
const PEERS_MAX: usize = 64;
/// Other people whose days are needed at least.
const PEERS_MIN: usize = 3;
/// Keys remembered in memory beyond the batch in hand.
const MOST: usize = 60_000;

/// Far more than usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineRule {
    /// What is added up: accesses, records or bytes.
    pub count: Count,
    /// Whose usual day: a person with a dataset, or a dataset over all persons.
    pub per: Per,
    /// So many times the median must be passed.
    pub ratio: u64,
    /// And the median by so many MAD.
    pub mad: u64,
    /// And this, however little is usual.
    pub floor: Limits,
    /// Business days looked back at.
    pub days: u32,
    /// Days of use without which nothing is usual yet.
    pub enough: u32,
    /// Whether the section's days serve until there are enough own ones.
    pub peers: bool,
    /// What an access counts for where the log states no number.
    pub unknown: u64,
}

/// One day of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OneDay {
    day: DayNumber,
    sum: u64,
    /// The rule held on it.
    wild: bool,
}

/// The days of one key, in order.
#[derive(Debug, Clone, Default)]
struct Days(Vec<OneDay>);

impl Value for Days {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut before = 0i64;
        for day in &self.0 {
            put_signed(out, i64::from(day.day) - before);
            put(out, day.sum);
            out.push(u8::from(day.wild));
            before = i64::from(day.day);
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (mut days, mut before) = (Vec::new(), 0i64);
        while !reader.is_empty() {
            before += reader.signed()?;
            let day = i32::try_from(before).ok()?;
            let sum = reader.number()?;
            let wild = reader.number()? != 0;
            days.push(OneDay { day, sum, wild });
        }
        Some(Days(days))
    }

    fn until(&self) -> DayNumber {
        self.0.last().map_or(0, |d| d.day).saturating_add(120)
    }
}

impl Days {
    fn add(&mut self, day: DayNumber, amount: u64) -> u64 {
        match self.0.binary_search_by_key(&day, |d| d.day) {
            Ok(i) => self.0.get_mut(i).map_or(0, |d| {
                d.sum = d.sum.saturating_add(amount);
                d.sum
            }),
            Err(i) => {
                let one = OneDay {
                    day,
                    sum: amount,
                    wild: false,
                };
                self.0.insert(i, one);
                if DAYS_MAX < self.0.len() {
                    self.0.remove(0);
                }
                amount
            }
        }
    }

    fn between(&self, from: DayNumber, to: DayNumber) -> &[OneDay] {
        let a = self.0.partition_point(|d| d.day < from);
        let b = self.0.partition_point(|d| d.day <= to);
        self.0.get(a..b.max(a)).unwrap_or_default()
    }
}

/// People of one section who use one dataset.
#[derive(Debug, Clone, Default)]
struct Members {
    people: Vec<u32>,
    newest: DayNumber,
}

impl Value for Members {
    fn encode(&self, out: &mut Vec<u8>) {
        put_signed(out, i64::from(self.newest));
        self.people.iter().for_each(|p| put(out, u64::from(*p)));
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let newest = reader.day()?;
        let mut people = Vec::new();
        while !reader.is_empty() {
            people.push(u32::try_from(reader.number()?).ok()?);
        }
        Some(Members { people, newest })
    }

    fn until(&self) -> DayNumber {
        self.newest.saturating_add(400)
    }
}

/// What is usual.
#[derive(Debug, Clone, Copy)]
struct Usual {
    median: u64,
    mad: u64,
    days: u64,
    /// Of how many other people; 0: the key's own days.
    peers: u64,
}

/// What was worked out and holds as long as nothing it rests on changes.
#[derive(Debug, Default)]
struct Known {
    /// Which days are closed: working out 祝日 costs more than all else here.
    closed: HashMap<DayNumber, bool>,
    /// The day last asked of, with the days one looks back at from there.
    span: Option<(DayNumber, (DayNumber, DayNumber))>,
    /// What is usual for a key, as of a day and for somebody of a section. Forgotten with each batch (alerts may be closed as legitimate meanwhile), when a
    /// section gains a member, and when a line comes so late that it changes what was learned from.
    usual: HashMap<u64, (DayNumber, SectionHash, Option<Usual>)>,
    /// The newest day anything usual was worked out for.
    newest: DayNumber,
}

impl Known {
    fn is_closed(&mut self, calendar: &Calendar, day: DayNumber) -> bool {
        *self.closed.entry(day).or_insert_with(|| calendar.is_closed(Day(day)))
    }

    /// Something of `day` changed: what is usual from two days later on may have, too.
    fn changed(&mut self, day: DayNumber) {
        if day + 2 <= self.newest {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.usual.clear();
        self.newest = 0;
    }
}

/// A rule of this kind, with the days of each key.
#[derive(Debug)]
pub(super) struct BaselineJudge {
    rule: BaselineRule,
    /// Floor by dataset id; the last one is for datasets not listed.
    floors: Vec<u64>,
    days: Memory<Days>,
    members: Memory<Members>,
    calendar: Arc<Calendar>,
    known: Known,
}

impl BaselineJudge {
    /// Compiles a rule; `floors` gives the floor of each dataset by id.
    pub fn new(id: &str, rule: BaselineRule, floors: Vec<u64>, calendar: &Arc<Calendar>) -> Self {
        BaselineJudge {
            rule,
            floors,
            days: Memory::new(Space::of(id, 0), MOST),
            members: Memory::new(Space::of(id, 1), MOST),
            calendar: Arc::clone(calendar),
            known: Known::default(),
        }
    }

    fn key(&self, access: &Access) -> (WhoId, DatasetId) {
        match self.rule.per {
            Per::Dataset => (WhoId(0), access.dataset),
            Per::Person => (access.who, DatasetId(0)),
            Per::PersonDataset => (access.who, access.dataset),
        }
    }

    fn amount(&self, access: &Access) -> u64 {
        let stated = |amount: Amount| match amount {
            Amount::Known(n) => n,
            Amount::Unknown if access.trace.part => 0,
            Amount::Unknown => self.rule.unknown,
        };
        match self.rule.count {
            Count::Accesses if access.trace.part => 0,
            Count::Accesses | Count::Subjects => 1,
            Count::Records => stated(access.records),
            Count::Bytes => stated(access.bytes),
        }
    }

    /// Days one looks back at: so many business days, before yesterday.
    fn span(&mut self, day: DayNumber) -> (DayNumber, DayNumber) {
        if let Some((known, span)) = self.known.span
            && known == day
        {
            return span;
        }
        let (mut from, mut left) = (day - 1, self.rule.days);
        while 0 < left && day - 200 < from {
            from -= 1;
            left -= u32::from(!self.known.is_closed(&self.calendar, from));
        }
        self.known.span = Some((day, (from, day - 2)));
        (from, day - 2)
    }

    fn learned(
        &mut self,
        (who, dataset): (WhoId, DatasetId),
        (from, to): (DayNumber, DayNumber),
        history: &mut dyn History,
    ) -> Result<Vec<u64>, HistoryError> {
        let days = self.days.look(pack(who, dataset), !history.knows(who), history)?;
        let days: Vec<OneDay> = days.between(from, to).to_vec();
        let mut out = Vec::with_capacity(days.len());
        for day in days {
            if self.known.is_closed(&self.calendar, day.day) {
                continue;
            }
            if !day.wild || history.is_legitimate(who, dataset, day.day)? {
                out.push(day.sum);
            }
        }
        Ok(out)
    }

    fn usual(
        &mut self,
        access: &Access,
        day: DayNumber,
        history: &mut dyn History,
    ) -> Result<Option<Usual>, HistoryError> {
        let (key, span) = (self.key(access), self.span(day));
        let enough = usize::try_from(self.rule.enough).unwrap_or(usize::MAX);
        let own = self.learned(key, span, history)?;
        if enough <= own.len() {
            return Ok(Some(robust(own, 0)));
        }
        if !self.rule.peers || access.trace.section.is_none() || key.0 == WhoId(0) {
            return Ok(None);
        }
        let section = joined(access.trace.section.0, u64::from(key.1.0));
        let people = self.members.look(section, false, history)?.people.clone();
        let (mut days, mut others) = (Vec::new(), 0usize);
        for person in people.into_iter().map(WhoId).filter(|p| *p != access.who) {
            let theirs = self.learned((person, key.1), span, history)?;
            others += usize::from(!theirs.is_empty());
            days.extend(theirs);
        }
        let serves = PEERS_MIN <= others && enough <= days.len();
        Ok(serves.then(|| robust(days, u64::try_from(others).unwrap_or(0))))
    }
}

/// Median and MAD of the days' sums.
fn robust(mut sums: Vec<u64>, peers: u64) -> Usual {
    let median = median(&mut sums);
    let mut distances: Vec<u64> = sums.iter().map(|s| s.abs_diff(median)).collect();
    Usual {
        median,
        mad: self::median(&mut distances),
        days: u64::try_from(sums.len()).unwrap_or(0),
        peers,
    }
}

/// The middle one; of two the greater, so that less is found rather than more.
fn median(sums: &mut [u64]) -> u64 {
    if sums.is_empty() {
        return 0;
    }
    let middle = sums.len() / 2;
    *sums.select_nth_unstable(middle).1
}

fn pack(who: WhoId, dataset: DatasetId) -> u64 {
    u64::from(who.0) << 16 | u64::from(dataset.0)
}

impl Judge for BaselineJudge {
    fn observe(
        &mut self,
        access: &Access,
        _scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError> {
        if access.outcome == Outcome::Failure {
            return Ok(None);
        }
        let (who, dataset) = self.key(access);
        let (day, amount) = (day_of(access.time).0, self.amount(access));
        let is_new = !history.knows(who);
        let sum = self.days.change(pack(who, dataset), is_new, history, |days| {
            (true, days.add(day, amount))
        })?;
        self.known.changed(day);
        if self.rule.peers && !access.trace.section.is_none() {
            let section = joined(access.trace.section.0, u64::from(dataset.0));
            let joined = self.members.change(section, false, history, |members| {
                let known = members.people.contains(&who.0) || PEERS_MAX <= members.people.len();
                if known {
                    return (false, false);
                }
                members.people.push(who.0);
                members.people.sort_unstable();
                members.newest = members.newest.max(day);
                (true, true)
            })?;
            if joined {
                self.known.forget();
            }
        }
        let floor = self.floors.get(usize::from(access.dataset.0)).or(self.floors.last());
        let floor = floor.copied().unwrap_or(u64::MAX);
        if sum <= floor {
            return Ok(None);
        }
        let key = pack(who, dataset);
        let usual = match self.known.usual.get(&key) {
            Some((known, section, usual)) if (*known, *section) == (day, access.trace.section) => *usual,
            _ => {
                let usual = self.usual(access, day, history)?;
                self.known.usual.insert(key, (day, access.trace.section, usual));
                self.known.newest = self.known.newest.max(day);
                usual
            }
        };
        let Some(usual) = usual else { return Ok(None) };
        let far = usual.median.saturating_add(usual.mad.saturating_mul(self.rule.mad));
        let limit = floor.max(far).max(usual.median.saturating_mul(self.rule.ratio));
        if sum <= limit {
            return Ok(None);
        }
        self.days.change(pack(who, dataset), is_new, history, |days| {
            let one = days.0.binary_search_by_key(&day, |d| d.day).ok();
            let changed = one
                .and_then(|i| days.0.get_mut(i))
                .is_some_and(|d| !std::mem::replace(&mut d.wild, true));
            (changed, ())
        })?;
        self.known.changed(day);
        Ok(Some(Held {
            who,
            dataset,
            from: day_start(Day(day)),
            observed: sum,
            limit,
            severity: None,
            facts: Facts([usual.median, usual.mad, usual.days, usual.peers]),
        }))
    }

    fn seal(&mut self, out: &mut Vec<Memo>) {
        self.days.seal(out);
        self.members.seal(out);
        self.known.forget();
    }

    fn prune(&mut self, _newest: EventTime) {
        self.days.prune();
        self.members.prune();
    }

    fn reset(&mut self) {
        self.days.reset();
        self.members.reset();
        self.known.forget();
    }

    fn minds_jobs(&self) -> bool {
        false
    }

    fn keys(&self) -> usize {
        self.days.len() + self.members.len()
    }
}
