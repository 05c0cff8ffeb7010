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

use hashbrown::HashMap;

use super::charge::ChargesBuilder;
use super::days::{Now, now, share_a_day};
use super::grouped::Grouped;
use super::names::Names;
use super::{AccountIx, AccountKind, Declared, Register, RegisterError, Row, at};
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

/// No number was given yet.
const UNNUMBERED: u32 = u32::MAX;

/// The numbers of what a row names; those of section and charge are given at their first use.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    person: u32,
    section: u32,
    words: u32,
}

/// Compiles the rows of a register; also gives back which rows are each account's.
pub(super) fn compile(rows: &[Row]) -> Result<(Register, Grouped), RegisterError> {
    let bytes = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).len()).sum();
    let mut accounts = Names::with_capacity(rows.len(), bytes(|row| &row.account));
    let mut people = Names::with_capacity(rows.len(), bytes(|row| &row.person));
    let account_of: Vec<u32> = rows.iter().map(|row| accounts.of(&row.account)).collect();
    let person_of: Vec<u32> = rows.iter().map(|row| people.of(&row.person)).collect();
    let by_account = Grouped::new(&account_of, accounts.len());
    let by_person = Grouped::new(&person_of, people.len());
    let numbers = person_of.iter().map(|person| Numbers {
        person: *person,
        section: UNNUMBERED,
        words: UNNUMBERED,
    });
    let mut work = Compiler {
        rows,
        numbers: numbers.collect(),
        by_person: &by_person,
        sections: Names::default(),
        charges: ChargesBuilder::default(),
        declared: Vec::new(),
        declared_of: HashMap::new(),
        spans: Vec::with_capacity(accounts.len() * 3),
        scratch: Scratch::default(),
    };
    let mut spans_of: Vec<(u32, u32)> = Vec::with_capacity(accounts.len());
    // Whose accounts they are, or were: each pair once, in the order of the accounts.
    let mut owned: Vec<(u32, AccountIx)> = Vec::with_capacity(accounts.len());
    for (account, own) in (0..).zip(by_account.all()) {
        two_holders(rows, own)?;
        let first = u32::try_from(work.spans.len()).unwrap_or(u32::MAX);
        work.account(own);
        let behind = u32::try_from(work.spans.len()).unwrap_or(u32::MAX);
        spans_of.push((first, behind.saturating_sub(first)));
        let begun = owned.len();
        for row in own {
            let person = at(&person_of, *row).copied().unwrap_or(UNNUMBERED);
            if owned.iter().skip(begun).all(|(known, _)| *known != person) {
                owned.push((person, AccountIx(account)));
            }
        }
    }
    let persons: Vec<u32> = owned.iter().map(|(person, _)| *person).collect();
    let by_owner = Grouped::new(&persons, people.len());
    let (owned_from, order) = by_owner.into_parts();
    let accounts_of = order.iter().filter_map(|n| at(&owned, *n));
    accounts.shrink();
    people.shrink();
    work.spans.shrink_to_fit();
    let register = Register {
        owned: accounts_of.map(|(_, account)| *account).collect(),
        owned_from,
        accounts,
        spans_of,
        people,
        sections: work.sections,
        spans: work.spans,
        charges: work.charges.finish(),
        declared: work.declared,
        rows: rows.len(),
        ..Register::default()
    };
    Ok((register, by_account))
}

/// Refuses an account that two persons hold on the same day.
fn two_holders(rows: &[Row], own: &[u32]) -> Result<(), RegisterError> {
    let rows = || own.iter().filter_map(|n| at(rows, *n));
    for (n, later) in rows().enumerate().skip(1) {
        let clash = |first: &&Row| first.person != later.person && share_a_day(first, later);
        if let Some(first) = rows().take(n).find(clash) {
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

/// What gives a right among rows that are this on a day, and what speaks against it.
fn running(all: &[(Now, u32)]) -> (Now, Option<Mark>) {
    let is = |wanted: Now| all.iter().any(|(now, _)| *now == wanted);
    if is(Now::Runs) || is(Now::Leave) {
        (Now::Runs, None)
    } else if is(Now::Contract) {
        (Now::Contract, Some(Mark::ContractEnded))
    } else {
        (Now::Generation, Some(Mark::OldGeneration))
    }
}

/// Rows by their numbers.
#[derive(Clone)]
struct Rows<'r> {
    rows: &'r [Row],
    numbers: core::slice::Iter<'r, u32>,
}

impl<'r> Iterator for Rows<'r> {
    type Item = &'r Row;

    fn next(&mut self) -> Option<&'r Row> {
        at(self.rows, *self.numbers.next()?)
    }
}

/// Room that is used again for each account.
#[derive(Debug, Default)]
struct Scratch {
    own: Vec<u32>,
    days: Vec<i32>,
    now: Vec<(Now, u32)>,
    words: Vec<u32>,
    sections: Vec<u32>,
}

struct Compiler<'r, 'w> {
    rows: &'r [Row],
    /// As many as rows.
    numbers: Vec<Numbers>,
    by_person: &'w Grouped,
    sections: Names,
    charges: ChargesBuilder<'r>,
    declared: Vec<Declared>,
    declared_of: HashMap<(&'r str, &'r str, &'r str), u32>,
    spans: Vec<Span>,
    scratch: Scratch,
}

impl<'r, 'w: 'r> Compiler<'r, 'w> {
    /// Appends the spans of the account with the rows `own`.
    fn account(&mut self, own: &[u32]) {
        let mut scratch = core::mem::take(&mut self.scratch);
        scratch.own.clear();
        scratch.own.extend_from_slice(own);
        if 1 < own.len() {
            // 本務 first, then the older post; never by the order of the file, which a version in the store does not keep.
            scratch.own.sort_by_key(|n| at(self.rows, *n).map(precedence));
        }
        scratch.days.clear();
        scratch.days.push(i32::MIN);
        for (place, n) in own.iter().enumerate() {
            let person = self.number(*n).person;
            // Who holds it in several rows is gone through once.
            if own
                .iter()
                .take(place)
                .any(|earlier| self.number(*earlier).person == person)
            {
                continue;
            }
            for row in self.rows_of(person) {
                let first = [row.from, row.state_from].into_iter().flatten().map(|d| d.0);
                let last = [row.to, row.state_to, row.contract_end, row.leaving];
                let behind = last.into_iter().flatten().map(|d| d.0.saturating_add(1));
                scratch.days.extend(first.chain(behind));
            }
        }
        scratch.days.sort_unstable();
        scratch.days.dedup();
        let first = self.spans.len();
        for n in 0..scratch.days.len() {
            let Some(day) = scratch.days.get(n).copied() else { break };
            let mut span = self.span(&mut scratch, Day(day));
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
        self.scratch = scratch;
    }

    fn number(&self, row: u32) -> Numbers {
        at(&self.numbers, row).copied().unwrap_or(Numbers {
            person: UNNUMBERED,
            section: UNNUMBERED,
            words: UNNUMBERED,
        })
    }

    fn number_mut(&mut self, row: u32) -> Option<&mut Numbers> {
        usize::try_from(row).ok().and_then(|n| self.numbers.get_mut(n))
    }

    /// All rows of a person.
    fn rows_of(&self, person: u32) -> Rows<'r> {
        Rows {
            rows: self.rows,
            numbers: self.by_person.of(person).iter(),
        }
    }

    fn section_of(&mut self, n: u32, row: &Row) -> u32 {
        let known = self.number(n).section;
        if known != UNNUMBERED {
            return known;
        }
        let section = self.sections.of(&row.section);
        if let Some(numbers) = self.number_mut(n) {
            numbers.section = section;
        }
        section
    }

    fn words_of(&mut self, n: u32, row: &'r Row) -> u32 {
        let known = self.number(n).words;
        if known != UNNUMBERED {
            return known;
        }
        let words = self.charges.row(row);
        if let Some(numbers) = self.number_mut(n) {
            numbers.words = words;
        }
        words
    }

    fn span(&mut self, scratch: &mut Scratch, day: Day) -> Span {
        let Scratch {
            own,
            now: all,
            words,
            sections,
            ..
        } = scratch;
        all.clear();
        for n in own.iter() {
            let person = self.number(*n).person;
            let now = at(self.rows, *n).map(|row| now(row, || self.rows_of(person), day));
            all.extend(now.map(|now| (now, *n)));
        }
        let (wanted, mark) = running(all);
        let rows = self.rows;
        let running = || all.iter().filter(|(now, _)| *now == wanted);
        let running = || running().filter_map(|(_, n)| Some((*n, at(rows, *n)?)));
        let mut span = match running().next() {
            Some((first, row)) => {
                let until = running().map(|(_, r)| r.to.map_or(i32::MAX, |d| d.0)).max();
                sections.clear();
                words.clear();
                for (n, row) in running() {
                    let section = self.section_of(n, row);
                    if !sections.contains(&section) {
                        sections.push(section);
                    }
                    words.push(self.words_of(n, row));
                }
                let span = self.of_row(first, row, Standing::Valid);
                Span {
                    valid_to: until.filter(|d| *d != i32::MAX).unwrap_or(NO_DAY),
                    charge: self.charges.charge(words, sections),
                    marks: mark.map_or(span.marks, |mark| span.marks.with(mark)),
                    ..span
                }
            }
            None => self.without_right(all),
        };
        let known = own.iter().filter_map(|n| at(rows, *n));
        let known = known
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
    fn without_right(&mut self, all: &[(Now, u32)]) -> Span {
        let rows = self.rows;
        let known = || all.iter().filter_map(|(now, n)| Some((*now, *n, at(rows, *n)?)));
        if let Some((_, n, row)) = known().find(|(now, ..)| *now == Now::Leave) {
            return self.of_row(n, row, Standing::OnLeave);
        }
        let ended = known().filter_map(|(now, n, row)| match now {
            Now::Ended(last) => Some((last, n, row)),
            _ => None,
        });
        if let Some((last, n, row)) = ended.max_by_key(|(last, ..)| *last) {
            return Span {
                valid_to: last.map_or(NO_DAY, |d| d.0),
                ..self.of_row(n, row, Standing::Revoked)
            };
        }
        let next = known().min_by_key(|(_, _, row)| row.from);
        next.map_or_else(Span::default, |(_, n, row)| Span {
            valid_from: row.from.map_or(NO_DAY, |d| d.0),
            ..self.of_row(n, row, Standing::NotYetValid)
        })
    }

    fn of_row(&mut self, n: u32, row: &'r Row, standing: Standing) -> Span {
        Span {
            from: i32::MIN,
            person: self.number(n).person,
            section: self.section_of(n, row),
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

/// Which of several rows of an account comes first.
fn precedence(row: &Row) -> (bool, Option<Day>, &str, &str, &str, AccountKind) {
    (
        row.concurrent,
        row.from,
        &row.section,
        &row.tasks,
        &row.datasets,
        row.kind,
    )
}
