//! The kind `relation`: who looks at whom (S1 to S4), on keyed hashes only.
//!
//! Volume rules miss curiosity: four citizens looked at are no volume. These rules ask of one citizen who looked, how
//! often, and whether any business came of it: an update or a document issued within the time says that one did. That
//! is asked of everything up to half an hour before, so that lines that come a little late change nothing.
//!
//! * `converge`: more than so many people of more than one section look at one citizen. How many do so by chance grows with
//!   the number of looks: the rule reckons with it, and with what the last weeks have shown, and asks for
//!   more people where many meet by chance.
//! * `repeat`: one person looks at one citizen on many days.
//! * `watched`: a citizen of the list that the 保護管理者 keeps.
//! * `own`, `colleague`: oneself, one's household, another member of staff, by the list the personnel section gives.

mod chance;

use super::Scope;
use super::book::{DayNumber, History, HistoryError};
use super::judge::{Facts, Held, Judge};
use super::memo::{DaySet, Memo, Memory, Reader, Space, Value, joined, put, put_signed};
use crate::access::{Access, Operation, Outcome, Subject};
use crate::calendar::day_of;
use crate::clock::EventTime;
use chance::Chance;

/// People remembered of one citizen at most.
const VIEWERS_MAX: usize = 24;
/// Updates remembered of one citizen.
const UPDATES_MAX: usize = 4;
/// An update counts once it is so old, in seconds: what comes later may not have come yet.
const SETTLED_SECS: i64 = 1_800;
/// Citizens remembered in memory beyond the batch in hand.
const MOST: usize = 250_000;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Several people of several sections look at one citizen.
    Converge {
        /// Sections they belong to at least.
        sections: u32,
    },
    /// One person looks at one citizen on several days.
    Repeat,
    /// A citizen on the watch-list.
    Watched,
    /// Oneself or one's household.
    Own,
    /// Another member of staff or his household.
    Colleague,
}

/// A list of citizens' keyed hashes, imported without the numbers staying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum List {
    /// Kept by the 保護管理者: DV等支援措置, publicly known people, people in the news.
    Watch = 1,
    /// Staff and their households, given by the personnel section.
    Staff = 2,
}

/// Who looks at whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationRule {
    /// What is asked.
    pub relation: Relation,
    /// The rule holds when there are more people (`converge`) or days (`repeat`) than this.
    pub limit: u64,
    /// Days looked back at.
    pub within_days: DayNumber,
    /// Classes of operation that say that there was business: an update, a document issued.
    pub settled_by: Vec<Operation>,
}

/// Who looked at one citizen.
#[derive(Debug, Clone, Default)]
struct Viewers {
    /// Person, section, last day.
    people: Vec<(u32, u64, DayNumber)>,
    /// Seconds of the last updates, sorted.
    updates: Vec<i64>,
}

impl Value for Viewers {
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, u64::try_from(self.people.len()).unwrap_or(0));
        for (who, section, day) in &self.people {
            put(out, u64::from(*who));
            put(out, *section);
            put_signed(out, i64::from(*day));
        }
        self.updates.iter().for_each(|at| put_signed(out, *at));
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut viewers = Viewers::default();
        for _ in 0..reader.number()? {
            let who = u32::try_from(reader.number()?).ok()?;
            viewers.people.push((who, reader.number()?, reader.day()?));
        }
        while !reader.is_empty() {
            viewers.updates.push(reader.signed()?);
        }
        Some(viewers)
    }

    fn until(&self) -> DayNumber {
        let last = self.people.iter().map(|p| p.2).max().unwrap_or(0);
        last.saturating_add(60)
    }
}

impl Viewers {
    /// Notes a look; gives whether that changed anything and whether it is a new one of that person in the window.
    fn note(&mut self, who: u32, section: u64, day: DayNumber, within: DayNumber) -> (bool, bool) {
        if let Some(known) = self.people.iter_mut().find(|p| p.0 == who) {
            let is_new = known.2.saturating_add(within) < day;
            let changed = known.2 < day || known.1 != section;
            if known.2 <= day {
                (known.1, known.2) = (section, day);
            }
            return (changed, is_new);
        }
        let newest = self.people.iter().map(|p| p.2).max().unwrap_or(day).max(day);
        self.people
            .retain(|p| newest <= p.2.saturating_add(within.saturating_mul(2)));
        if self.people.len() < VIEWERS_MAX {
            self.people.push((who, section, day));
            self.people.sort_unstable();
        }
        (true, true)
    }

    /// People and sections in the window that ends with `day`.
    fn count(&self, day: DayNumber, within: DayNumber) -> (usize, usize) {
        let inside = |p: &&(u32, u64, DayNumber)| day - within <= p.2 && p.2 <= day;
        let mut sections: Vec<u64> = self.people.iter().filter(inside).map(|p| p.1).collect();
        let people = sections.len();
        sections.sort_unstable();
        sections.dedup();
        (people, sections.len())
    }

    fn update(&mut self, at: i64) -> bool {
        let place = self.updates.partition_point(|u| *u < at);
        // One an hour says as much as many.
        let near = |u: Option<&i64>| u.is_some_and(|u| u.abs_diff(at) < 600);
        if near(self.updates.get(place)) || place.checked_sub(1).is_some_and(|i| near(self.updates.get(i))) {
            return false;
        }
        self.updates.insert(place, at);
        if UPDATES_MAX < self.updates.len() {
            self.updates.remove(0);
        }
        true
    }

    fn was_settled(&self, at: i64, within_secs: i64) -> bool {
        let settled = at.saturating_sub(within_secs)..=at.saturating_sub(SETTLED_SECS);
        self.updates.iter().any(|u| settled.contains(u))
    }
}

/// On which days one person looked at one citizen, and changed something.
#[derive(Debug, Clone, Default)]
struct Visits {
    looks: DaySet,
    updates: DaySet,
}

impl Value for Visits {
    fn encode(&self, out: &mut Vec<u8>) {
        self.looks.put(out);
        if self.updates.newest().is_some() {
            self.updates.put(out);
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let looks = DaySet::take(&mut reader)?;
        let updates = if reader.is_empty() {
            DaySet::default()
        } else {
            DaySet::take(&mut reader)?
        };
        Some(Visits { looks, updates })
    }

    fn until(&self) -> DayNumber {
        self.looks
            .newest()
            .max(self.updates.newest())
            .unwrap_or(0)
            .saturating_add(127)
    }
}

/// A rule of this kind, with what it remembers.
#[derive(Debug)]
pub(super) struct RelationJudge {
    rule: RelationRule,
    /// Bit `n` for operation class number `n`.
    settled: u16,
    viewers: Memory<Viewers>,
    visits: Memory<Visits>,
    chance: Memory<Chance>,
}

impl RelationJudge {
    pub fn new(id: &str, rule: RelationRule) -> Self {
        RelationJudge {
            settled: rule.settled_by.iter().fold(0, |mask, o| mask | 1 << (*o as u8)),
            rule,
            viewers: Memory::new(Space::of(id, 0), MOST),
            visits: Memory::new(Space::of(id, 1), MOST),
            chance: Memory::new(Space::of(id, 2), MOST),
        }
    }

    fn settles(&self, access: &Access) -> bool {
        self.settled & 1 << (access.operation as u8) != 0
    }

    fn converge(
        &mut self,
        sections: u32,
        access: &Access,
        subject: Subject,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError> {
        let (day, secs) = (day_of(access.time).0, access.time.secs());
        if self.settles(access) {
            self.viewers
                .change(subject.0, false, history, |viewers| (viewers.update(secs), ()))?;
            return Ok(None);
        }
        let within = self.rule.within_days;
        let (who, section) = (access.who.0, access.trace.section.0);
        let (is_new, is_first, people, sections_seen, settled) =
            self.viewers.change(subject.0, false, history, |viewers| {
                let is_first = viewers.people.is_empty();
                let (changed, is_new) = viewers.note(who, section, day, within);
                // A late look belongs to the windows of later ones too; the newest says the most.
                let last = viewers.people.iter().map(|p| p.2).max().unwrap_or(day);
                let end = last.min(day.saturating_add(within));
                let (people, sections) = viewers.count(end, within);
                let settled = viewers.was_settled(secs, i64::from(within) * 86_400);
                (changed, (is_new, is_first, people, sections, settled))
            })?;
        let far = sections <= u32::try_from(sections_seen).unwrap_or(0) && !settled;
        let limit = self.rule.limit;
        let asks = far && limit < u64::try_from(people).unwrap_or(0);
        if !is_new && !asks {
            return Ok(None);
        }
        let telling = self.chance.change(0, false, history, |chance| {
            if is_new {
                chance.citizens += u64::from(is_first);
                if let Some(on_day) = chance.day(day) {
                    on_day.1 += 1;
                    if far && let Some(n) = on_day.2.get_mut(people) {
                        *n = n.saturating_add(1);
                    }
                }
            }
            (is_new, if asks { chance.telling(day, within, limit) } else { 0 })
        })?;
        let people = u64::try_from(people).unwrap_or(0);
        // So many meet by chance: to tell of each would bury the one that matters.
        if !asks || people < telling {
            return Ok(None);
        }
        let facts = Facts([people, u64::try_from(sections_seen).unwrap_or(0), telling, 0]);
        Ok(Some(Held {
            from: EventTime::from_secs(secs - i64::from(within) * 86_400),
            observed: people,
            limit,
            facts,
            ..Held::once(access)
        }))
    }

    fn repeat(
        &mut self,
        access: &Access,
        subject: Subject,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError> {
        let day = day_of(access.time).0;
        let key = joined(u64::from(access.who.0), subject.0);
        let is_new = !history.knows(access.who);
        let settles = self.settles(access);
        let within = self.rule.within_days.min(120);
        let (looks, settled) = self.visits.change(key, is_new, history, |visits| {
            if settles {
                return (visits.updates.add(day), (0, true));
            }
            let changed = visits.looks.add(day);
            let last = visits.looks.newest().unwrap_or(day).min(day.saturating_add(within));
            let settled = 0 < visits.updates.count(last - within, last - 1);
            (changed, (visits.looks.count(last - within, last), settled))
        })?;
        let looks = u64::from(looks);
        Ok((!settled && self.rule.limit < looks).then(|| Held {
            from: EventTime::from_secs(access.time.secs() - i64::from(within) * 86_400),
            observed: looks,
            limit: self.rule.limit,
            facts: Facts([looks, 0, 0, 0]),
            ..Held::once(access)
        }))
    }
}

impl Judge for RelationJudge {
    fn observe(
        &mut self,
        access: &Access,
        _scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError> {
        let Some(subject) = access.subject.filter(|_| access.outcome == Outcome::Success) else {
            return Ok(None);
        };
        match self.rule.relation {
            Relation::Converge { sections } => self.converge(sections, access, subject, history),
            Relation::Repeat => self.repeat(access, subject, history),
            Relation::Watched => {
                let listed = !self.settles(access) && history.lists(List::Watch, subject, access.who).is_some();
                Ok(listed.then(|| Held::once(access)))
            }
            Relation::Own | Relation::Colleague => {
                let of = history.lists(List::Staff, subject, access.who);
                let own = of.is_some_and(|of| of == access.who);
                let asked = self.rule.relation == Relation::Own;
                Ok((of.is_some() && own == asked && !self.settles(access)).then(|| Held::once(access)))
            }
        }
    }

    fn seal(&mut self, out: &mut Vec<Memo>) {
        self.viewers.seal(out);
        self.visits.seal(out);
        self.chance.seal(out);
    }

    fn prune(&mut self, _newest: EventTime) {
        self.viewers.prune();
        self.visits.prune();
        self.chance.prune();
    }

    fn reset(&mut self) {
        self.viewers.reset();
        self.visits.reset();
        self.chance.reset();
    }

    fn faces_crowds(&self) -> bool {
        !matches!(self.rule.relation, Relation::Repeat)
    }

    fn minds_jobs(&self) -> bool {
        false
    }

    fn keys(&self) -> usize {
        self.viewers.len() + self.visits.len() + self.chance.len()
    }
}
