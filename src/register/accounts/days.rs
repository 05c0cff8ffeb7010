//! What one row of the register is on a day: not begun, in force, away, ended; by itself and by the other rows of its
//! person.
//!
//! Not here: what the rows of an account are together (`span`).

use super::Row;
use crate::calendar::Day;

/// What a row is on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Now {
    Before,
    Runs,
    Leave,
    Contract,
    Generation,
    /// With the last day, where that is known.
    Ended(Option<Day>),
}

/// First and last day of a row, as numbers without holes. Somebody who has left holds nothing from that day on.
fn period(row: &Row) -> (i32, i32) {
    let to = row.to.map_or(i32::MAX, |d| d.0);
    let to = match row.state_from.filter(|_| row.state.has_left()) {
        Some(left) => to.min(left.0.saturating_sub(1)),
        None => to,
    };
    (row.from.map_or(i32::MIN, |d| d.0), to)
}

pub(super) fn share_a_day(a: &Row, b: &Row) -> bool {
    let (a, b) = (period(a), period(b));
    a.0 <= b.1 && b.0 <= a.1
}

/// Whether the states of `other` hold for `row`: same post, or 本務 for 兼務.
fn is_same_post(other: &Row, row: &Row) -> bool {
    (other.section == row.section && other.concurrent == row.concurrent) || (!other.concurrent && row.concurrent)
}

/// Whether `other`'s leave takes `row` away on `day`.
fn is_on_leave_by(other: &Row, row: &Row, day: Day) -> bool {
    other.state.is_leave()
        && other.is_in_state(day)
        && (std::ptr::eq(other, row) || (other.is_in_period(day) && is_same_post(other, row)))
}

/// Whether by `other` the person has left `row`'s post for good on `day`. Who was appointed later is there again.
fn has_left_by(other: &Row, row: &Row, day: Day) -> bool {
    let began_before = || match (row.from, other.state_from) {
        (_, None) => row.from == other.from,
        (from, Some(left)) => from.is_none_or(|from| from < left),
    };
    other.state.has_left()
        && other.is_in_state(day)
        && (std::ptr::eq(other, row) || (is_same_post(other, row) && began_before()))
}

/// Whether `other` is an ID of a later generation for what `row` is for, in force on `day`.
fn replaces(other: &Row, row: &Row, day: Day) -> bool {
    row.generation != 0
        && row.generation < other.generation
        && other.account != row.account
        && (&other.tasks, &other.datasets) == (&row.tasks, &row.datasets)
        && other.is_in_period(day)
        && !(other.state.has_left() && other.is_in_state(day))
}

/// The last day of a row's right, where it ends by the row itself or by the state of `left`.
fn last_day(row: &Row, left: Option<&Row>) -> Option<Day> {
    match left {
        None => row.to,
        // Left, and nobody knows when: the end of the right would say too much.
        Some(Row { state_from: None, .. }) => None,
        Some(Row {
            state_from: Some(on), ..
        }) => {
            let before = Day(on.0.saturating_sub(1));
            Some(row.to.map_or(before, |to| to.min(before)))
        }
    }
}

/// What `row` is on `day`; `others` are all rows of its person.
pub(super) fn now<'r, R: Iterator<Item = &'r Row>>(row: &Row, others: impl Fn() -> R, day: Day) -> Now {
    let left = others().filter(|o| has_left_by(o, row, day));
    if let Some(last) = left.map(|left| last_day(row, Some(left))).min() {
        return Now::Ended(last);
    }
    if row.from.is_some_and(|from| day < from) {
        Now::Before
    } else if row.to.is_some_and(|to| to < day) {
        Now::Ended(row.to)
    } else if others().any(|o| is_on_leave_by(o, row, day)) {
        Now::Leave
    } else if row.contract_end.is_some_and(|end| end < day) {
        Now::Contract
    } else if others().any(|o| replaces(o, row, day)) {
        Now::Generation
    } else {
        Now::Runs
    }
}
