//! What is different between two registers: the days on which something else holds for an account.
//!
//! This is what a retroactive correction touches: whoever judges the past again looks at the accesses of exactly these
//! accounts on exactly these days.

use hashbrown::HashMap;

use super::{AccountIx, Register, SpanIx, Verdict, at};
use crate::access::{Mark, Marks, Standing};
use crate::calendar::Day;

/// Days on which another thing holds for an account than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// The account, as it is compared.
    pub account: &'a str,
    /// First day; `Day(i32::MIN)`: ever since.
    pub from: Day,
    /// Last day; `Day(i32::MAX)`: for ever.
    pub to: Day,
    /// What held; `None`: the account was in no register.
    pub before: Option<Verdict<'a>>,
    /// What holds now; `None`: the account is in the register no more.
    pub after: Option<Verdict<'a>>,
}

impl Change<'_> {
    /// Whether a right that was in force is so no more.
    pub fn ends_right(&self) -> bool {
        let over = Marks::of(&[Mark::ContractEnded, Mark::OldGeneration]);
        let valid = |verdict: Option<Verdict<'_>>| {
            verdict.is_some_and(|v| v.standing == Standing::Valid && !v.marks.meets(over))
        };
        valid(self.before) && !valid(self.after)
    }

    /// Whether another person holds the account on these days.
    pub fn other_person(&self) -> bool {
        self.before
            .zip(self.after)
            .is_some_and(|(before, after)| before.person != after.person)
    }
}

/// Every account and span of days for which `new` says something else than `old`: person, standing, section or
/// charge. In the order of the accounts in `old`, then those only `new` knows; days in order.
pub fn changes<'a>(old: &'a Register, new: &'a Register) -> Vec<Change<'a>> {
    let mut out = Vec::new();
    let mut charges = SameCharges::default();
    // Registers of two days hold their accounts in much the same order: the next one is looked for where it is awaited.
    let mut awaited = 0;
    for ix in old.all() {
        let (name, spans) = (old.name(ix), spans_of_account(old, ix));
        let there = Some(AccountIx(awaited)).filter(|next| new.name(*next) == name);
        let theirs = there.or_else(|| new.by_own_name(name));
        awaited = theirs.map_or(awaited, |theirs| theirs.0.saturating_add(1));
        let their_spans = theirs.map(|theirs| spans_of_account(new, theirs));
        if their_spans.is_some_and(|theirs| are_same((old, spans), (new, theirs), &mut charges)) {
            continue;
        }
        let (ours, theirs) = (
            spans_of(old, spans),
            their_spans.map_or_else(Vec::new, |s| spans_of(new, s)),
        );
        compare(name, (old, &ours), (new, &theirs), &mut charges, &mut out);
    }
    let mut awaited = 0;
    for ix in new.all() {
        let name = new.name(ix);
        if old.name(AccountIx(awaited)) == name {
            awaited += 1;
        } else if let Some(ours) = old.by_own_name(name) {
            awaited = ours.0.saturating_add(1);
        } else {
            let spans = spans_of(new, spans_of_account(new, ix));
            compare(name, (old, &[]), (new, &spans), &mut charges, &mut out);
        }
    }
    out
}

fn spans_of_account(register: &Register, ix: AccountIx) -> (u32, u32) {
    at(&register.spans_of, ix.0).copied().unwrap_or_default()
}

/// Charges of two registers that say the same, by their numbers: a few thousand stand behind all accounts.
type SameCharges = HashMap<(u32, u32), bool>;

/// Whether two accounts have the same spans: nearly all of an import have.
fn are_same(before: (&Register, (u32, u32)), after: (&Register, (u32, u32)), charges: &mut SameCharges) -> bool {
    let ((old, (first, count)), (new, (their_first, their_count))) = (before, after);
    count == their_count
        && (0..count).all(|n| {
            let (b, a) = (first.saturating_add(n), their_first.saturating_add(n));
            let from = |register: &Register, n: u32| at(&register.spans, n).map(|span| span.from);
            from(old, b) == from(new, a) && is_same((old, SpanIx(b)), (new, SpanIx(a)), charges)
        })
}

type Side<'a, 's> = (&'a Register, &'s [(Day, SpanIx)]);

fn spans_of(register: &Register, (first, count): (u32, u32)) -> Vec<(Day, SpanIx)> {
    let numbers = first..first.saturating_add(count);
    numbers
        .filter_map(|n| Some((Day(at(&register.spans, n)?.from), SpanIx(n))))
        .collect()
}

fn compare<'a>(
    account: &'a str,
    before: Side<'a, '_>,
    after: Side<'a, '_>,
    charges: &mut SameCharges,
    out: &mut Vec<Change<'a>>,
) {
    let mut days: Vec<Day> = before.1.iter().chain(after.1).map(|(day, _)| *day).collect();
    days.sort_unstable();
    days.dedup();
    let on = |side: &Side<'a, '_>, day: Day| side.1.iter().rev().find(|(from, _)| *from <= day).map(|(_, ix)| *ix);
    let begun = out.len();
    for (n, from) in days.iter().enumerate() {
        let (b, a) = (on(&before, *from), on(&after, *from));
        let same = match (b, a) {
            (Some(b), Some(a)) => is_same((before.0, b), (after.0, a), charges),
            (None, None) => true,
            _ => false,
        };
        if same {
            continue;
        }
        let to = days.get(n + 1).map_or(Day(i32::MAX), |next| next.plus(-1));
        let change = Change {
            account,
            from: *from,
            to,
            before: b.map(|ix| before.0.verdict_of(ix)),
            after: a.map(|ix| after.0.verdict_of(ix)),
        };
        match out.get_mut(begun..).and_then(<[Change<'_>]>::last_mut) {
            // Breaks of the other side that change nothing here.
            Some(last) if last.to.plus(1) == *from && (last.before, last.after) == (change.before, change.after) => {
                last.to = to;
            }
            _ => out.push(change),
        }
    }
}

/// Whether two spans say the same of person, standing, sections, kind and charge.
fn is_same((old, before): (&Register, SpanIx), (new, after): (&Register, SpanIx), charges: &mut SameCharges) -> bool {
    let (b, a) = (old.verdict_of(before), new.verdict_of(after));
    if (b.person, b.standing, b.marks, b.kind, b.section) != (a.person, a.standing, a.marks, a.kind, a.section) {
        return false;
    }
    let charge = |register: &Register, ix: SpanIx| at(&register.spans, ix.0).map_or(0, |span| span.charge);
    let both = (charge(old, before), charge(new, after));
    *charges.entry(both).or_insert_with(|| {
        old.sections_of(before).eq(new.sections_of(after)) && old.charge_of(before) == new.charge_of(after)
    })
}
