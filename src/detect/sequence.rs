//! The kind `sequence`: what several accesses shortly after one another say together (V10, A6, A10).
//!
//! * `scan`: one person opens citizen after citizen with rising numbers. The numbers stay in memory; what is kept is
//!   the keyed hash of each, and after a restart the numbers are found again from the next one that comes.
//! * `terminals`: one account from several terminals at once. Terminals a person uses on many days are `accustomed`.
//! * `people`: several accounts from one terminal. A terminal at which that is so on many days is shared, and no
//!   finding.
//! * `failures`: several refused attempts of one account, or from one terminal.
//!
//! Order of arrival does not matter: an access that comes late is put where it belongs, and every window that holds it
//! is looked at.

use super::book::{DayNumber, History, HistoryError};
use super::judge::{Facts, Held, Judge};
use super::memo::{DaySet, Memo, Memory, Reader, Space, Value, joined, put, put_signed};
use super::{Scope, Severity};
use crate::access::{Access, Ordinal, Outcome, Subject};
use crate::calendar::day_of;
use crate::clock::{EventTime, MICROS};

/// Entries kept of a key beside those the rule counts.
const SPARE: usize = 8;
/// Entries kept of a key at most.
const ENTRIES_MAX: usize = 192;
/// Of them where people or terminals are told apart: a gateway behind which everybody stands must cost little.
const TOGETHER_MAX: usize = 32;
/// Usual terminals remembered of a person.
const USUAL_MAX: usize = 16;
/// Days behind which use no longer makes a terminal usual.
const REMEMBERED_DAYS: DayNumber = 90;
/// Days of use without which nobody can say what is usual.
const HISTORY_DAYS: u32 = 10;
/// Keys remembered in memory beyond the batch in hand.
const MOST: usize = 60_000;
/// A number that is certainly no neighbour of the next one.
const FAR: u64 = u64::MAX;

/// What several accesses say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Citizens with rising numbers; the next number lies at most `step` behind the one before.
    Scan {
        /// Largest step.
        step: u64,
    },
    /// Terminals of one account.
    Terminals,
    /// Accounts at one terminal.
    People,
    /// Refused attempts of one account.
    Failures,
    /// Refused attempts from one terminal.
    FailuresAtTerminal,
}

/// Several accesses shortly after one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceRule {
    /// What they say.
    pub pattern: Pattern,
    /// The rule holds when there are more than this.
    pub limit: u64,
    /// Within so many seconds.
    pub within_secs: i64,
    /// Days that make a terminal usual (`terminals`) or shared (`people`); `None`: none ever is.
    pub accustomed: Option<u32>,
}

/// One access as this kind remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Microseconds.
    time: i64,
    /// Subject, terminal, person, or 1 for a success behind failures.
    what: u64,
    /// The citizen's number, in memory only; 0: not known.
    number: u64,
}

/// What is remembered of one key.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    entries: Vec<Entry>,
    /// Days by terminal; 0: all together, 1: days on which several people were at the terminal.
    usual: Vec<(u64, DaySet)>,
}

impl Value for Recent {
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, u64::try_from(self.entries.len()).unwrap_or(0));
        let mut before = 0i64;
        for entry in &self.entries {
            put_signed(out, entry.time.wrapping_sub(before));
            out.extend_from_slice(&entry.what.to_le_bytes());
            before = entry.time;
        }
        for (what, days) in &self.usual {
            out.extend_from_slice(&what.to_le_bytes());
            days.put(out);
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let fixed = |reader: &mut Reader<'_>| {
            let (what, tail) = reader.0.split_first_chunk::<8>()?;
            reader.0 = tail;
            Some(u64::from_le_bytes(*what))
        };
        let mut recent = Recent::default();
        let mut time = 0i64;
        for _ in 0..reader.number()? {
            time = time.wrapping_add(reader.signed()?);
            let what = fixed(&mut reader)?;
            recent.entries.push(Entry { time, what, number: 0 });
        }
        while !reader.is_empty() {
            recent.usual.push((fixed(&mut reader)?, DaySet::take(&mut reader)?));
        }
        Some(recent)
    }

    fn until(&self) -> DayNumber {
        let newest = self.usual.iter().filter_map(|u| u.1.newest()).max();
        let last = self.entries.last().map(|e| day_of(EventTime::from_micros(e.time)).0);
        newest.max(last).unwrap_or(0).saturating_add(REMEMBERED_DAYS)
    }
}

impl Recent {
    /// Puts an entry where it belongs; its place, or `None` where it says nothing new.
    fn insert(&mut self, entry: Entry, same_within: i64, most: usize) -> Option<usize> {
        let at = self
            .entries
            .partition_point(|e| (e.time, e.number, e.what) < (entry.time, entry.number, entry.what));
        let near = |e: &Entry| e.what == entry.what && e.time / same_within == entry.time / same_within;
        // Mostly it is the newest one.
        if self.entries.iter().rev().any(near) {
            return None;
        }
        self.entries.insert(at, entry);
        let too_many = self.entries.len().saturating_sub(most);
        self.entries.drain(..too_many);
        at.checked_sub(too_many)
    }

    /// Forgets entries that no window can hold any more.
    fn forget(&mut self, within: i64) {
        let Some(newest) = self.entries.last().map(|e| e.time) else {
            return;
        };
        let old = newest.saturating_sub(within.saturating_mul(2));
        let n = self.entries.partition_point(|e| e.time < old);
        self.entries.drain(..n);
    }

    /// Notes a day of `what`; whether that is new.
    fn note(&mut self, what: u64, day: DayNumber) -> bool {
        if let Some((_, days)) = self.usual.iter_mut().find(|u| u.0 == what) {
            return days.add(day);
        }
        if USUAL_MAX <= self.usual.len()
            && let Some(oldest) = (0..self.usual.len())
                .filter(|i| self.usual.get(*i).is_some_and(|u| 1 < u.0))
                .min_by_key(|i| self.usual.get(*i).and_then(|u| u.1.newest()))
        {
            self.usual.swap_remove(oldest);
        }
        let mut days = DaySet::default();
        days.add(day);
        self.usual.push((what, days));
        true
    }

    fn earlier(&self, what: u64, day: DayNumber) -> u32 {
        let days = self.usual.iter().find(|u| u.0 == what);
        days.map_or(0, |d| d.1.count(day - REMEMBERED_DAYS, day - 2))
    }

    /// The window with most different entries that holds `at`, in order of time.
    fn fullest(&self, at: i64, within: i64) -> &[Entry] {
        let mut best: (usize, &[Entry]) = (0, &[]);
        let from = self.entries.partition_point(|e| e.time < at);
        let ends = self.entries.get(from..).unwrap_or_default();
        let mut before = None;
        for end in ends
            .iter()
            .map(|e| e.time)
            .take_while(|end| end.saturating_sub(within) <= at)
        {
            if before.replace(end) == Some(end) {
                continue;
            }
            let a = self.entries.partition_point(|e| e.time < end.saturating_sub(within));
            let b = self.entries.partition_point(|e| e.time <= end);
            let window = self.entries.get(a..b).unwrap_or_default();
            let n = distinct(window).len();
            if best.0 < n {
                best = (n, window);
            }
        }
        best.1
    }
}

fn distinct(window: &[Entry]) -> Vec<u64> {
    let mut all: Vec<u64> = window.iter().map(|e| e.what).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A rule of this kind, with what it remembers of each key.
#[derive(Debug)]
pub(super) struct SequenceJudge {
    rule: SequenceRule,
    recent: Memory<Recent>,
}

impl SequenceJudge {
    pub fn new(id: &str, rule: SequenceRule) -> Self {
        SequenceJudge {
            rule,
            recent: Memory::new(Space::of(id, 0), MOST),
        }
    }

    fn within(&self) -> i64 {
        self.rule.within_secs.saturating_mul(MICROS)
    }

    fn held(access: &Access, first: i64, observed: usize, limit: u64) -> Held {
        Held {
            from: EventTime::from_micros(first),
            observed: u64::try_from(observed).unwrap_or(u64::MAX),
            limit,
            ..Held::once(access)
        }
    }

    fn scan(&mut self, step: u64, access: &Access, history: &mut dyn History) -> Result<Option<Held>, HistoryError> {
        let (Some(subject), Some(ordinal)) = (access.subject, access.trace.ordinal) else {
            return Ok(None);
        };
        let most = usize::try_from(self.rule.limit).unwrap_or(ENTRIES_MAX).min(ENTRIES_MAX) + SPARE;
        let (limit, within) = (self.rule.limit, self.within());
        let entry = Entry {
            time: access.time.micros(),
            what: subject.0,
            number: ordinal.value(),
        };
        let key = joined(u64::from(access.who.0), u64::from(access.dataset.0));
        let is_new = !history.knows(access.who);
        let mut unknown = false;
        let row = self.recent.change(key, is_new, history, |recent| {
            // The same citizen again says nothing new.
            let place = recent.insert(entry, within.max(1), most);
            recent.forget(within);
            unknown = recent.entries.iter().any(|e| e.number == 0);
            let row = place.and_then(|_| row_around(recent, entry, step));
            (place.is_some(), row)
        })?;
        let row = if unknown {
            self.scan_again(key, step, (entry, ordinal), history)?
        } else {
            row
        };
        Ok(row
            .filter(|(_, n)| limit < u64::try_from(*n).unwrap_or(u64::MAX))
            .map(|(first, n)| Self::held(access, first, n, limit)))
    }

    /// After a restart the numbers of earlier entries are not known: a neighbour of a known one gives itself away,
    /// for its keyed hash can be made again.
    fn scan_again(
        &mut self,
        key: u64,
        step: u64,
        (entry, ordinal): (Entry, Ordinal),
        history: &mut dyn History,
    ) -> Result<Option<(i64, usize)>, HistoryError> {
        let mut recent = self.recent.look(key, false, history)?.clone();
        let at = recent
            .entries
            .iter()
            .position(|e| e.time == entry.time && e.what == entry.what);
        let mut known = entry.number;
        for i in (0..at.unwrap_or(0)).rev() {
            let Some(before) = recent.entries.get_mut(i) else { break };
            if before.number == 0 {
                let lower = known.saturating_sub(step)..known;
                let mut tries = lower.rev().map(|n| (n, history.subject_of(ordinal.with(n))));
                let found = tries.find(|(_, subject)| *subject == Some(Subject(before.what)));
                before.number = found.map_or(FAR, |(n, _)| n);
            }
            if before.number == FAR {
                break;
            }
            known = before.number;
        }
        let row = row_around(&recent, entry, step);
        self.recent.change(key, false, history, |kept| {
            *kept = recent;
            (false, ())
        })?;
        Ok(row)
    }

    fn together(&mut self, access: &Access, history: &mut dyn History) -> Result<Option<Held>, HistoryError> {
        if access.trace.terminal.is_none() || access.outcome == Outcome::Failure {
            return Ok(None);
        }
        let by_person = self.rule.pattern == Pattern::Terminals;
        let (key, what) = match by_person {
            true => (u64::from(access.who.0), access.trace.terminal.0 | 2),
            false => (access.trace.terminal.0, u64::from(access.who.0).saturating_add(2)),
        };
        let (rule, within) = (self.rule, self.within());
        let day = day_of(access.time).0;
        // To the minute, and windows a minute longer for it: who goes on working says nothing new.
        const MINUTE: i64 = 60 * MICROS;
        let within = within.saturating_add(MINUTE);
        let entry = Entry {
            time: access.time.micros().div_euclid(MINUTE) * MINUTE,
            what,
            number: 0,
        };
        let is_new = by_person && !history.knows(access.who);
        let found = self.recent.change(key, is_new, history, |recent| {
            // Who is here already says nothing new.
            if recent.insert(entry, MINUTE, TOGETHER_MAX).is_none() {
                return (false, None);
            }
            let mut changed = true;
            recent.forget(within);
            if rule.accustomed.is_some() {
                changed |= recent.note(0, day);
                if by_person {
                    changed |= recent.note(what, day);
                }
            }
            let window = recent.fullest(entry.time, within);
            let (first, all) = (window.first().map_or(entry.time, |e| e.time), distinct(window));
            let over = rule.limit < u64::try_from(all.len()).unwrap_or(u64::MAX);
            // A terminal at which two people work on many days is shared, whoever the third is.
            if 1 < all.len() && !by_person && rule.accustomed.is_some() {
                changed |= recent.note(1, day);
            }
            let severity = over.then(|| usual(recent, &rule, by_person, (day, &all)));
            (changed, severity.flatten().map(|severity| (first, all.len(), severity)))
        })?;
        Ok(found.map(|(first, n, severity)| Held {
            severity,
            facts: Facts([u64::try_from(n).unwrap_or(0), 0, 0, 0]),
            ..Self::held(access, first, n, rule.limit)
        }))
    }

    fn failures(&mut self, access: &Access, history: &mut dyn History) -> Result<Option<Held>, HistoryError> {
        let by_person = self.rule.pattern == Pattern::Failures;
        if !by_person && access.trace.terminal.is_none() {
            return Ok(None);
        }
        let key = if by_person {
            u64::from(access.who.0)
        } else {
            access.trace.terminal.0
        };
        let (rule, within, time) = (self.rule, self.within(), access.time.micros());
        let is_new = by_person && !history.knows(access.who);
        let count = |recent: &Recent, from: i64, to: i64| {
            let a = recent.entries.partition_point(|e| e.time < from);
            let b = recent.entries.partition_point(|e| e.time <= to);
            (b.saturating_sub(a), recent.entries.get(a).map_or(from, |e| e.time))
        };
        let (n, first, then_success) = if access.outcome == Outcome::Success {
            let recent = self.recent.look(key, is_new, history)?;
            if recent.entries.is_empty() {
                return Ok(None);
            }
            let (n, first) = count(recent, time.saturating_sub(within), time);
            (n, first, true)
        } else {
            // Each attempt counts: two in the same moment are two.
            let entry = Entry {
                time,
                what: joined(access.at.start, u64::try_from(access.at.segment.0).unwrap_or(0)),
                number: 0,
            };
            let (n, first) = self.recent.change(key, is_new, history, |recent| {
                let changed = recent.insert(entry, 1, ENTRIES_MAX).is_some();
                recent.forget(within);
                let ends: Vec<i64> = recent.entries.iter().map(|e| e.time).filter(|t| time <= *t).collect();
                let windows = ends.into_iter().take_while(|end| end.saturating_sub(within) <= time);
                let best = windows
                    .map(|end| count(recent, end.saturating_sub(within), end))
                    .max_by_key(|(n, _)| *n);
                (changed, best.unwrap_or((1, time)))
            })?;
            (n, first, false)
        };
        let over = rule.limit < u64::try_from(n).unwrap_or(u64::MAX);
        Ok(over.then(|| Held {
            facts: Facts([u64::try_from(n).unwrap_or(0), u64::from(then_success), 0, 0]),
            ..Self::held(access, first, n, rule.limit)
        }))
    }
}

/// How bad it is where what is usual is known; `None` where all of it is usual.
fn usual(
    recent: &Recent,
    rule: &SequenceRule,
    by_person: bool,
    (day, all): (DayNumber, &[u64]),
) -> Option<Option<Severity>> {
    let Some(enough) = rule.accustomed else {
        return Some(None);
    };
    let is_usual = match by_person {
        true => all.iter().all(|what| enough <= recent.earlier(*what, day)),
        false => enough <= recent.earlier(1, day),
    };
    // Before that nobody can say what is usual here.
    let known = HISTORY_DAYS <= recent.earlier(0, day);
    match (is_usual, known) {
        (true, _) => None,
        (false, true) => Some(None),
        (false, false) => Some(Some(Severity::Notice)),
    }
}

/// The row of rising numbers `entry` stands in: when it begins and how many they are.
fn row_around(recent: &Recent, entry: Entry, step: u64) -> Option<(i64, usize)> {
    let at = recent
        .entries
        .iter()
        .position(|e| e.time == entry.time && e.what == entry.what)?;
    let follows = |a: &Entry, b: &Entry| {
        a.number != 0 && a.number != FAR && a.number < b.number && b.number - a.number <= step && b.number != FAR
    };
    let pairs = |range: std::ops::Range<usize>| recent.entries.get(range).unwrap_or_default();
    let mut first = at;
    while let [a, b] = pairs(first.saturating_sub(1)..first + 1)
        && follows(a, b)
    {
        first -= 1;
    }
    let mut last = at;
    while let [a, b] = pairs(last..last + 2)
        && follows(a, b)
    {
        last += 1;
    }
    Some((recent.entries.get(first)?.time, last - first + 1))
}

impl Judge for SequenceJudge {
    fn observe(
        &mut self,
        access: &Access,
        _scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError> {
        match self.rule.pattern {
            Pattern::Scan { step } if access.outcome == Outcome::Success => self.scan(step, access, history),
            Pattern::Scan { .. } => Ok(None),
            Pattern::Terminals | Pattern::People => self.together(access, history),
            Pattern::Failures | Pattern::FailuresAtTerminal => self.failures(access, history),
        }
    }

    fn seal(&mut self, out: &mut Vec<Memo>) {
        self.recent.seal(out);
    }

    fn prune(&mut self, _newest: EventTime) {
        self.recent.prune();
    }

    fn reset(&mut self) {
        self.recent.reset();
    }

    fn faces_crowds(&self) -> bool {
        matches!(self.rule.pattern, Pattern::People | Pattern::FailuresAtTerminal)
    }

    fn minds_jobs(&self) -> bool {
        !matches!(self.rule.pattern, Pattern::Scan { .. })
    }

    fn keys(&self) -> usize {
        self.recent.len()
    }
}
