//! The `dormant` standing of the kind `account`: an account that was not used for long, and now is.
//!
//! What counts are the days (JST) of successful use, of any dataset. The rule holds on the day of the new use and on
//! the one behind it: a late line of the evening before changes nothing then, whatever comes first. Somebody the book
//! has never seen is not dormant but new.

use hashbrown::HashMap;

use super::book::{DayNumber, History, HistoryError, Select, place};
use super::memo::Memo;
use super::{Held, Judge, Scope, Severity};
use crate::access::{Access, Outcome, Standing, WhoId};
use crate::clock::EventTime;

/// How far the book is looked back into, in days: the bits of a person's memory.
const DAYS: i32 = 448;
const WORDS: usize = 7;
/// How far the book is read back at first.
const WEEK: i32 = 7;
/// Days of use that belong to the waking up.
const WAKING_DAYS: i32 = 2;
/// Persons whose newest day is so far behind leave memory.
const KEEP_DAYS: i32 = 3;

/// Use of an account that was not used for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DormantRule {
    /// Days without use: the rule holds when there were more.
    pub after_days: i32,
    /// Severity of attempts that failed; `None`: failures are not looked at.
    pub failure: Option<Severity>,
}

/// The days on which somebody was active, the newest one first.
#[derive(Debug, Clone, Copy, Default)]
struct Active {
    newest: DayNumber,
    /// Bit `n`: `newest - n`.
    bits: [u64; WORDS],
}

impl Active {
    fn note(&mut self, day: DayNumber) {
        if self.is_empty() {
            self.newest = day;
        }
        let ahead = day.saturating_sub(self.newest);
        if 0 < ahead {
            self.shift(ahead);
            self.newest = day;
        }
        self.set(self.newest.saturating_sub(day));
    }

    fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }

    fn set(&mut self, age: i32) {
        let Ok(age) = usize::try_from(age) else { return };
        if let Some(word) = self.bits.get_mut(age / 64) {
            *word |= 1 << (age % 64);
        }
    }

    fn shift(&mut self, days: i32) {
        let old = *self;
        self.bits = [0; WORDS];
        for age in (0..DAYS).filter(|age| old.has(*age)) {
            self.set(age.saturating_add(days));
        }
    }

    fn has(&self, age: i32) -> bool {
        let age = usize::try_from(age).unwrap_or(usize::MAX);
        self.bits.get(age / 64).is_some_and(|word| word & 1 << (age % 64) != 0)
    }

    /// The last active day that is at least [`WAKING_DAYS`] before `day`.
    fn before(&self, day: DayNumber) -> Option<DayNumber> {
        let youngest = self.newest.saturating_sub(day).saturating_add(WAKING_DAYS).max(0);
        let age = (youngest..DAYS).find(|age| self.has(*age))?;
        Some(self.newest.saturating_sub(age))
    }
}

/// What is in memory of somebody.
#[derive(Debug, Clone, Copy)]
struct Known {
    active: Active,
    /// The book was read back to this day; the days behind it are not known yet.
    from: DayNumber,
    /// The batch that touched it last: what that batch says is not in the book yet.
    batch: u32,
}

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Dormant {
    rule: DormantRule,
    people: HashMap<WhoId, Known>,
    batch: u32,
    /// Whether anybody has left memory: then the book may know whom it did not know at the start.
    forgotten: bool,
}

impl Dormant {
    pub(super) fn new(rule: DormantRule) -> Dormant {
        Dormant {
            rule,
            people: HashMap::new(),
            batch: 0,
            forgotten: false,
        }
    }

    /// The last active day before `day`. Most people were active this week, so the book is read back in steps.
    fn last(
        rule: &DormantRule,
        who: WhoId,
        known: &mut Known,
        day: DayNumber,
        history: &mut dyn History,
    ) -> Result<Option<DayNumber>, HistoryError> {
        let back = |days: i32| day.saturating_sub(days);
        let steps = [
            back(WEEK),
            back(rule.after_days.saturating_add(WAKING_DAYS)),
            back(DAYS),
        ];
        for from in steps {
            let last = known.active.before(day);
            // What lies behind the days that were read may not be the last.
            if last.is_some_and(|last| known.from <= last) {
                return Ok(last);
            }
            if from < known.from {
                let to = known.from.saturating_sub(1);
                let active = &mut known.active;
                history.pages(Select::Person(who), from, to, &mut |day, _, page| {
                    if 0 < page.total.accesses {
                        active.note(day);
                    }
                })?;
                known.from = from;
            }
        }
        Ok(known.active.before(day))
    }
}

impl Judge for Dormant {
    fn observe(
        &mut self,
        access: &Access,
        _scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError> {
        // Made-up names fill no memory, and who has no right is told of by other rules.
        if matches!(access.standing, Standing::Unknown | Standing::Anonymous) {
            return Ok(None);
        }
        let severity = match access.outcome {
            Outcome::Success => None,
            Outcome::Failure => match self.rule.failure {
                None => return Ok(None),
                failure => failure,
            },
        };
        let (day, _) = place(access.time);
        let (batch, forgotten) = (self.batch, self.forgotten);
        let known = self.people.entry(access.who).or_insert_with(|| Known {
            active: Active::default(),
            // Whom the book does not know has no past to be read.
            from: if forgotten || history.knows(access.who) {
                i32::MAX
            } else {
                i32::MIN
            },
            batch,
        });
        known.batch = batch;
        if access.outcome == Outcome::Success {
            known.active.note(day);
        }
        let Some(last) = Dormant::last(&self.rule, access.who, known, day, history)? else {
            return Ok(None);
        };
        let idle = day.saturating_sub(last).saturating_sub(1);
        Ok((self.rule.after_days < idle).then(|| Held {
            severity,
            ..Held::once(access)
        }))
    }

    fn seal(&mut self, _out: &mut Vec<Memo>) {
        self.batch = self.batch.wrapping_add(1);
    }

    fn prune(&mut self, newest: EventTime) {
        let oldest = place(newest).0.saturating_sub(KEEP_DAYS);
        let (batch, before) = (self.batch, self.people.len());
        self.people
            .retain(|_, known| known.batch == batch || oldest <= known.active.newest);
        self.forgotten |= self.people.len() < before;
    }

    fn reset(&mut self) {
        self.people.clear();
    }

    fn keys(&self) -> usize {
        self.people.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Amount, DatasetId, LineRef, Marks, Operation, SourceId};
    use crate::detect::book::NoHistory;
    use proptest::prelude::*;

    fn access(day: DayNumber) -> Access {
        Access {
            at: LineRef::default(),
            source: SourceId(1),
            time: EventTime::from_secs(i64::from(day) * 86_400),
            who: WhoId(7),
            standing: Standing::Valid,
            marks: Marks::NONE,
            dataset: DatasetId(1),
            operation: Operation::View,
            outcome: Outcome::Success,
            records: Amount::Unknown,
            bytes: Amount::Unknown,
            subject: None,
            trace: crate::access::Trace::default(),
        }
    }

    fn held(days: &[DayNumber]) -> Vec<DayNumber> {
        let mut rule = Dormant::new(DormantRule {
            after_days: 45,
            failure: None,
        });
        let held = days
            .iter()
            .filter(|day| {
                let found = rule.observe(&access(**day), &scope(), &mut NoHistory).unwrap();
                found.is_some()
            })
            .copied();
        held.collect()
    }

    fn scope() -> Scope {
        Scope::new(&super::super::When::default(), &[])
    }

    #[test]
    fn an_account_that_wakes_after_forty_six_idle_days_is_told_and_one_after_forty_five_is_not() {
        assert_eq!(held(&[20_000, 20_046]), [0; 0]);
        assert_eq!(held(&[20_000, 20_047]), [20_047]);
        assert_eq!(held(&[20_000, 20_047, 20_048, 20_049]), [20_047, 20_048]);
    }

    #[test]
    fn somebody_new_is_not_dormant() {
        assert_eq!(held(&[20_000]), [0; 0]);
    }

    proptest! {
        #[test]
        fn a_line_a_day_late_changes_nothing(days in prop::collection::vec(20_000..20_440i32, 1..40)) {
            let mut sorted = days;
            sorted.sort_unstable();
            let mut late = sorted.clone();
            let mut i = 0;
            while i + 1 < late.len() {
                if late[i + 1] - late[i] <= 1 {
                    late.swap(i, i + 1);
                }
                i += 2;
            }
            let (mut a, mut b) = (held(&sorted), held(&late));
            a.sort_unstable();
            b.sort_unstable();
            prop_assert_eq!(a, b);
        }

        #[test]
        fn memory_says_what_a_list_of_days_says(days in prop::collection::vec(20_000..20_440i32, 1..60), ask in 20_000..20_440i32) {
            let mut active = Active::default();
            days.iter().for_each(|day| active.note(*day));
            let naive = days.iter().copied().filter(|day| *day <= ask - WAKING_DAYS).max();
            prop_assert_eq!(active.before(ask), naive);
        }
    }
}
