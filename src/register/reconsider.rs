//! A person's use of a dataset on a past day, held against another version of the register.
//!
//! The book knows persons, not accounts, and neither terminals nor minutes. So what is said here is what holds however the
//! person used the dataset that day: one account with a right is enough, and only what speaks against every such account
//! is said. This errs on the side of saying nothing; the register of the day itself has said the rest when it happened.

use super::accounts::{Change, Verdict, changes};
use super::{Datasets, Register};
use crate::access::{DatasetId, Mark, Marks, Operation, Standing};
use crate::calendar::Day;

/// What a register says of a person's use of a dataset on a day.
pub fn held_against(
    register: &Register,
    datasets: &Datasets,
    person: &str,
    day: Day,
    (dataset, operation): (DatasetId, Operation),
) -> (Standing, Marks) {
    let own = register.accounts_of(person).iter();
    let said = own
        .map(|ix| register.verdict_on(*ix, day))
        .filter(|verdict| verdict.person == person)
        .map(|verdict| of_account(register, datasets, &verdict, day, (dataset, operation)));
    said.reduce(milder).unwrap_or((Standing::Unknown, Marks::NONE))
}

/// The same of one account.
fn of_account(
    register: &Register,
    datasets: &Datasets,
    verdict: &Verdict<'_>,
    day: Day,
    (dataset, operation): (DatasetId, Operation),
) -> (Standing, Marks) {
    let facts = datasets.facts(dataset);
    let mut marks = verdict.marks;
    if verdict.standing == Standing::Valid {
        let granted = register.granted(register.right(verdict.span()), day, dataset, operation);
        if let Some(mark) = granted.mark(facts.map_or(0, |f| f.handover_days)) {
            marks = marks.with(mark);
        }
        let designated = facts.and_then(|f| f.designated.as_ref());
        if designated.is_some_and(|d| !d.holds(verdict.person, register.sections_of(verdict.span()))) {
            marks = marks.with(Mark::Designation);
        }
    }
    (verdict.standing, marks)
}

/// What a register says of the use of an account that an earlier one did not know; with the 職員番号 of its holder.
pub fn held_against_account<'r>(
    register: &'r Register,
    datasets: &Datasets,
    account: &str,
    day: Day,
    used: (DatasetId, Operation),
) -> Option<(&'r str, (Standing, Marks))> {
    let verdict = register.verdict_on(register.by_own_name(account)?, day);
    Some((verdict.person, of_account(register, datasets, &verdict, day, used)))
}

/// Accounts that `old` did not know and `new` does: whoever used them before was unknown then.
pub fn newly_known<'r>(old: &Register, new: &'r Register) -> impl Iterator<Item = &'r str> {
    let names = new.all().map(|ix| new.name(ix));
    names.filter(|name| old.by_own_name(name).is_none())
}

/// Of two accounts the one that says less against the person; what speaks against both where both have a right.
fn milder(a: (Standing, Marks), b: (Standing, Marks)) -> (Standing, Marks) {
    match (a.0 == Standing::Valid, b.0 == Standing::Valid) {
        (true, true) => (Standing::Valid, a.1.common(b.1)),
        (true, false) => a,
        (false, true) => b,
        // Both without a right: on leave says less than revoked, and that less than unknown.
        (false, false) if severity(b.0) < severity(a.0) => b,
        (false, false) => a,
    }
}

fn severity(standing: Standing) -> u8 {
    match standing {
        Standing::Valid => 0,
        Standing::NotYetValid => 1,
        Standing::OnLeave => 2,
        Standing::Revoked => 3,
        Standing::Unknown | Standing::Anonymous => 4,
    }
}

/// Days on which something else holds for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonDays {
    /// 職員番号.
    pub person: String,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

/// Longest time to hand over after a transfer, in days.
const HANDOVER_DAYS_MAX: i32 = 14;

/// Whose past another register touches, and on which days up to `until`; each person's days in order, without overlap.
/// A transfer touches the days behind it too: the time to hand over runs from it.
pub fn touched(old: &Register, new: &Register, until: Day) -> Vec<PersonDays> {
    let mut days: Vec<PersonDays> = Vec::new();
    for change in changes(old, new).iter().filter(|c| c.from <= until) {
        for person in persons(change) {
            days.push(PersonDays {
                person: person.to_owned(),
                from: change.from,
                to: change.to.plus(HANDOVER_DAYS_MAX).min(until),
            });
        }
    }
    days.sort_unstable();
    days.dedup_by(|later, first| {
        let joins = later.person == first.person && later.from.0 <= first.to.0.saturating_add(1);
        if joins {
            first.to = first.to.max(later.to);
        }
        joins
    });
    days
}

fn persons<'a>(change: &Change<'a>) -> impl Iterator<Item = &'a str> {
    let (before, after) = (change.before.map(|v| v.person), change.after.map(|v| v.person));
    before.into_iter().chain(after.filter(|a| before != Some(*a)))
}
