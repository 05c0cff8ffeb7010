//! Rows -> spans of days on which the same holds for an account.
//!
//! How rows add up, day by day:
//! * a row counts from its first to its last day; a state of leave or of having left takes it away;
//! * such a state holds for every row of the person's that is in the same post, whatever account it names, and one
//!   written in a 本務 row holds for the 兼務 rows too; whoever has left and is appointed again later is there again;
//! * behind the end of a contract, or once an ID of a later generation for the same task is in force, a row gives a
//!   right that should be none any more: it is marked so, unless another row gives a good one;
//! * one row with a right is enough.
//!
//! Where no row gives a right, what is nearest to one is said: on leave, ended, not yet begun.

use core::cell::Cell;

use hashbrown::HashMap;

use super::charge::ChargesBuilder;
use super::{Account, AccountIx, AccountKind, Declared, Person, Register, RegisterError, Row};
use crate::access::{Mark, Marks, Standing};
use crate::calendar::Day;
use crate::text::say;

/// No day.
pub(super) const NO_DAY: i32 = i32::MIN;

/// What holds for an account from a day on, until the next span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub from: i32,
    pub person: u32,
    pub section: u32,
    /// Number of the charge; 0: none.
    pub charge: u32,
    /// Number of the declaration; 0: none.
    pub declared: u32,
    pub valid_from: i32,
    pub valid_to: i32,
    pub leaving: i32,
    pub standing: Standing,
    pub marks: Marks,
    pub kind: AccountKind,
    /// Whether the account was in another section, or had another charge, before.
    pub moved: bool,
}

/// What a row is on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    Before,
    Runs,
    Leave,
    Contract,
    Generation,
    /// With the last day, where that is known.
    Ended(Option<Day>),
}

/// Rows by a key: those of key `k` are `order[starts[k]..starts[k + 1]]`, in the order of the file.
struct Grouped {
    starts: Vec<usize>,
    order: Vec<usize>,
}

impl Grouped {
    fn new(keys: &[u32], count: usize) -> Grouped {
        let mut starts = vec![0usize; count + 1];
        let slot = |key: u32| usize::try_from(key).unwrap_or(usize::MAX);
        for key in keys {
            if let Some(n) = starts.get_mut(slot(*key) + 1) {
                *n += 1;
            }
        }
        let mut sum = 0;
        for n in &mut starts {
            sum += *n;
            *n = sum;
        }
        let mut next = starts.clone();
        let mut order = vec![0usize; keys.len()];
        for (row, key) in keys.iter().enumerate() {
            if let Some(place) = next.get_mut(slot(*key)) {
                if let Some(slot) = order.get_mut(*place) {
                    *slot = row;
                }
                *place += 1;
            }
        }
        Grouped { starts, order }
    }

    fn of<'r>(&self, key: u32, rows: &'r [Row]) -> Vec<&'r Row> {
        let key = usize::try_from(key).unwrap_or(usize::MAX);
        let bounds = self.starts.get(key).zip(self.starts.get(key + 1));
        let range = bounds.map_or(0..0, |(from, to)| *from..*to);
        let own = self.order.get(range).unwrap_or_default();
        own.iter().filter_map(|n| rows.get(*n)).collect()
    }
}

/// Numbers for texts, in the order of their first use.
#[derive(Default)]
struct Numbers<'r> {
    by_text: HashMap<&'r str, u32>,
    all: Vec<&'r str>,
    /// The text asked for last, by where it stands: the same row is asked about several times in a row.
    last: Cell<Option<(*const u8, usize, u32)>>,
}

impl<'r> Numbers<'r> {
    fn of(&mut self, text: &'r str) -> u32 {
        if let Some(number) = self.just_now(text) {
            return number;
        }
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let number = *self.by_text.entry(text).or_insert(next);
        if number == next {
            self.all.push(text);
        }
        self.last.set(Some((text.as_ptr(), text.len(), number)));
        number
    }

    /// The number of a text that has one.
    fn known(&self, text: &'r str) -> Option<u32> {
        if let Some(number) = self.just_now(text) {
            return Some(number);
        }
        let number = self.by_text.get(text).copied()?;
        self.last.set(Some((text.as_ptr(), text.len(), number)));
        Some(number)
    }

    fn just_now(&self, text: &str) -> Option<u32> {
        let (at, len, number) = self.last.get()?;
        (at == text.as_ptr() && len == text.len()).then_some(number)
    }
}

/// Compiles the rows of a register.
pub(super) fn compile(rows: &[Row]) -> Result<Register, RegisterError> {
    let (mut accounts, mut people) = (Numbers::default(), Numbers::default());
    let account_of: Vec<u32> = rows.iter().map(|row| accounts.of(&row.account)).collect();
    let person_of: Vec<u32> = rows.iter().map(|row| people.of(&row.person)).collect();
    let by_account = Grouped::new(&account_of, accounts.all.len());
    let by_person = Grouped::new(&person_of, people.all.len());
    let mut work = Compiler {
        rows,
        people: &people,
        by_person: &by_person,
        sections: Numbers::default(),
        charges: ChargesBuilder::default(),
        declared: Vec::new(),
        declared_of: HashMap::new(),
        spans: Vec::with_capacity(accounts.all.len() * 3),
    };
    let mut register = Register::default();
    register.accounts.reserve_exact(accounts.all.len());
    register.by_name.reserve(accounts.all.len());
    let mut owned: Vec<Vec<AccountIx>> = vec![Vec::new(); people.all.len()];
    for (name, number) in accounts.all.iter().zip(0..) {
        let own = by_account.of(number, rows);
        two_holders(&own)?;
        let first = u32::try_from(work.spans.len()).unwrap_or(u32::MAX);
        work.account(&own);
        let count = u32::try_from(work.spans.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(first);
        let ix = AccountIx(number);
        for row in &own {
            let person = people.known(&row.person).and_then(|p| usize::try_from(p).ok());
            if let Some(list) = person.and_then(|p| owned.get_mut(p))
                && list.last() != Some(&ix)
            {
                list.push(ix);
            }
        }
        register.accounts.push(Account {
            name: (*name).into(),
            spans: (first, count),
        });
        register.by_name.insert((*name).into(), ix);
    }
    register.sections = work.sections.all.iter().map(|s| (*s).into()).collect();
    register.charges = work.charges.finish();
    register.declared = work.declared;
    register.spans = work.spans;
    register.people = people
        .all
        .iter()
        .zip(owned)
        .map(|(number, accounts)| Person {
            number: (*number).into(),
            accounts,
        })
        .collect();
    register.by_number = people
        .by_text
        .iter()
        .map(|(number, ix)| ((*number).into(), *ix))
        .collect();
    register.rows = rows.len();
    Ok(register)
}

/// Refuses an account that two persons hold on the same day.
fn two_holders(rows: &[&Row]) -> Result<(), RegisterError> {
    for (n, later) in rows.iter().enumerate() {
        let clash = |first: &&&Row| first.person != later.person && share_a_day(first, later);
        if let Some(first) = rows.iter().take(n).find(clash) {
            let shorten = super::cell::shorten;
            let (account, here) = (shorten(&later.account), shorten(&later.person));
            let (there, line) = (shorten(&first.person), first.line);
            return Err(RegisterError::Row {
                line: later.line,
                column: "職員番号".into(),
                why: say!(
                    "利用者ID {account} は、ここでは {here}、{line} 行目では同じ期間に {there} のものです。番号を直すか、先の方の権限を後の方の開始日より前に終わらせるか、後の方に別のIDを付けてください",
                    "account {account} belongs to {here} here and, on the same days, to {there} in line {line}; correct the number, end the earlier right before the later one begins, or give the person who came later an account of another name"
                ),
            });
        }
    }
    Ok(())
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
fn now(row: &Row, others: &[&Row], day: Day) -> Now {
    let left = others.iter().filter(|o| has_left_by(o, row, day));
    if let Some(last) = left.map(|left| last_day(row, Some(left))).min() {
        return Now::Ended(last);
    }
    if row.from.is_some_and(|from| day < from) {
        Now::Before
    } else if row.to.is_some_and(|to| to < day) {
        Now::Ended(row.to)
    } else if others.iter().any(|o| is_on_leave_by(o, row, day)) {
        Now::Leave
    } else if row.contract_end.is_some_and(|end| end < day) {
        Now::Contract
    } else if others.iter().any(|o| replaces(o, row, day)) {
        Now::Generation
    } else {
        Now::Runs
    }
}

/// The rows that give a right, and what speaks against it.
fn running<'r>(all: &[(Now, &'r Row)]) -> (Vec<&'r Row>, Option<Mark>) {
    let of = |wanted: Now| -> Vec<&'r Row> { all.iter().filter(|(now, _)| *now == wanted).map(|(_, r)| *r).collect() };
    let good = of(Now::Runs);
    if !good.is_empty() || all.iter().any(|(now, _)| *now == Now::Leave) {
        return (good, None);
    }
    let contract = of(Now::Contract);
    if !contract.is_empty() {
        return (contract, Some(Mark::ContractEnded));
    }
    (of(Now::Generation), Some(Mark::OldGeneration))
}

struct Compiler<'r, 'w> {
    rows: &'r [Row],
    people: &'w Numbers<'r>,
    by_person: &'w Grouped,
    sections: Numbers<'r>,
    charges: ChargesBuilder<'r>,
    declared: Vec<Declared>,
    declared_of: HashMap<(&'r str, &'r str, &'r str), u32>,
    spans: Vec<Span>,
}

impl<'r> Compiler<'r, '_> {
    /// Appends the spans of the account with the rows `own`.
    fn account(&mut self, own: &[&'r Row]) {
        let others: Vec<(&str, Vec<&'r Row>)> = self.persons(own);
        let mut days: Vec<i32> = vec![i32::MIN];
        for row in others.iter().flat_map(|(_, rows)| rows) {
            let first = [row.from, row.state_from].into_iter().flatten().map(|d| d.0);
            let last = [row.to, row.state_to, row.contract_end, row.leaving];
            days.extend(first.chain(last.into_iter().flatten().map(|d| d.0.saturating_add(1))));
        }
        days.sort_unstable();
        days.dedup();
        let first = self.spans.len();
        for day in days {
            let mut span = self.span(own, &others, Day(day));
            let before = self.spans.get(first..).and_then(<[Span]>::last);
            if let Some(before) = before {
                let other = before.standing == Standing::Valid
                    && (before.section, before.charge) != (span.section, span.charge);
                span.moved = before.moved || other;
                // Flags of the past that change nothing are not worth a span of their own.
                let same = Span {
                    from: before.from,
                    ..span
                };
                if same == *before {
                    continue;
                }
            }
            self.spans.push(span);
        }
    }

    /// Who ever held the account, each with all rows of that person.
    fn persons(&self, own: &[&'r Row]) -> Vec<(&'r str, Vec<&'r Row>)> {
        let mut out: Vec<(&'r str, Vec<&'r Row>)> = Vec::new();
        for row in own {
            if !out.iter().any(|(person, _)| *person == &*row.person) {
                let number = self.people.known(&row.person).unwrap_or(u32::MAX);
                out.push((&row.person, self.by_person.of(number, self.rows)));
            }
        }
        out
    }

    fn span(&mut self, own: &[&'r Row], others: &[(&str, Vec<&'r Row>)], day: Day) -> Span {
        let others_of = |row: &Row| {
            let found = others.iter().find(|(person, _)| *person == &*row.person);
            found.map_or(&[][..], |(_, rows)| rows)
        };
        // 本務 first, then the older post; never by the order of the file, which a version in the store does not keep.
        let mut all: Vec<(Now, &'r Row)> = own.iter().map(|row| (now(row, others_of(row), day), *row)).collect();
        all.sort_by_key(|(_, row)| {
            (
                row.concurrent,
                row.from,
                &row.section,
                &row.tasks,
                &row.datasets,
                row.kind,
            )
        });
        let (running, mark) = running(&all);
        let mut span = match running.first() {
            Some(row) => {
                let until = running.iter().map(|r| r.to.map_or(i32::MAX, |d| d.0)).max();
                let mut sections: Vec<u32> = Vec::new();
                for row in &running {
                    let section = self.sections.of(&row.section);
                    if !sections.contains(&section) {
                        sections.push(section);
                    }
                }
                let span = self.of_row(row, Standing::Valid);
                Span {
                    valid_to: until.filter(|d| *d != i32::MAX).unwrap_or(NO_DAY),
                    charge: self.charges.charge(&running, sections),
                    marks: mark.map_or(span.marks, |mark| span.marks.with(mark)),
                    ..span
                }
            }
            None => self.without_right(&all),
        };
        let known = own
            .iter()
            .filter(|row| row.is_in_period(day))
            .flat_map(|r| [r.leaving, r.contract_end]);
        span.leaving = known
            .flatten()
            .map(|d| d.0)
            .filter(|d| day.0 <= *d)
            .min()
            .unwrap_or(NO_DAY);
        span.from = day.0;
        span
    }

    /// What is said on a day without a right.
    fn without_right(&mut self, all: &[(Now, &'r Row)]) -> Span {
        if let Some((_, row)) = all.iter().find(|(now, _)| *now == Now::Leave) {
            return self.of_row(row, Standing::OnLeave);
        }
        let ended = all.iter().filter_map(|(now, row)| match now {
            Now::Ended(last) => Some((*last, *row)),
            _ => None,
        });
        if let Some((last, row)) = ended.max_by_key(|(last, _)| *last) {
            return Span {
                valid_to: last.map_or(NO_DAY, |d| d.0),
                ..self.of_row(row, Standing::Revoked)
            };
        }
        let next = all.iter().map(|(_, row)| *row).min_by_key(|row| row.from);
        next.map_or_else(Span::default, |row| Span {
            valid_from: row.from.map_or(NO_DAY, |d| d.0),
            ..self.of_row(row, Standing::NotYetValid)
        })
    }

    fn of_row(&mut self, row: &'r Row, standing: Standing) -> Span {
        Span {
            from: i32::MIN,
            person: self.people.known(&row.person).unwrap_or(u32::MAX),
            section: self.sections.of(&row.section),
            charge: 0,
            declared: self.declaration(row),
            valid_from: NO_DAY,
            valid_to: NO_DAY,
            leaving: NO_DAY,
            standing,
            marks: match row.kind {
                AccountKind::Privileged => Marks::of(&[Mark::Privileged]),
                _ => Marks::NONE,
            },
            kind: row.kind,
            moved: false,
        }
    }

    fn declaration(&mut self, row: &'r Row) -> u32 {
        if row.custodian.is_empty() && row.hosts.is_empty() && row.schedule.is_empty() {
            return 0;
        }
        let key = (&*row.custodian, &*row.hosts, &*row.schedule);
        let next = u32::try_from(self.declared.len() + 1).unwrap_or(u32::MAX);
        let number = *self.declared_of.entry(key).or_insert(next);
        if number == next {
            self.declared.push(Declared::of(row));
        }
        number
    }
}
