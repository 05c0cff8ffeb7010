//! What is different between two registers: the days on which something else holds for an account.
//!
//! This is what a retroactive correction touches: whoever judges the past again looks at the accesses of exactly these
//! accounts on exactly these days.

use super::{Register, SpanIx, Verdict, at};
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
    for account in &old.accounts {
        let ours: Vec<(Day, SpanIx)> = spans_of(old, account.spans);
        let theirs = new.by_name.get(&account.name).and_then(|ix| at(&new.accounts, ix.0));
        let theirs: Vec<(Day, SpanIx)> = theirs.map_or_else(Vec::new, |a| spans_of(new, a.spans));
        compare(&account.name, (old, &ours), (new, &theirs), &mut out);
    }
    for account in new.accounts.iter().filter(|a| !old.by_name.contains_key(&a.name)) {
        compare(
            &account.name,
            (old, &[]),
            (new, &spans_of(new, account.spans)),
            &mut out,
        );
    }
    out
}

type Side<'a, 's> = (&'a Register, &'s [(Day, SpanIx)]);

fn spans_of(register: &Register, (first, count): (u32, u32)) -> Vec<(Day, SpanIx)> {
    let numbers = first..first.saturating_add(count);
    numbers
        .filter_map(|n| Some((Day(at(&register.spans, n)?.from), SpanIx(n))))
        .collect()
}

fn compare<'a>(account: &'a str, before: Side<'a, '_>, after: Side<'a, '_>, out: &mut Vec<Change<'a>>) {
    let mut days: Vec<Day> = before.1.iter().chain(after.1).map(|(day, _)| *day).collect();
    days.sort_unstable();
    days.dedup();
    let on = |side: &Side<'a, '_>, day: Day| side.1.iter().rev().find(|(from, _)| *from <= day).map(|(_, ix)| *ix);
    let begun = out.len();
    for (n, from) in days.iter().enumerate() {
        let (b, a) = (on(&before, *from), on(&after, *from));
        let same = match (b, a) {
            (Some(b), Some(a)) => is_same(before.0, b, after.0, a),
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
fn is_same(old: &Register, before: SpanIx, new: &Register, after: SpanIx) -> bool {
    let (b, a) = (old.verdict_of(before), new.verdict_of(after));
    (b.person, b.standing, b.marks, b.kind, b.section) == (a.person, a.standing, a.marks, a.kind, a.section)
        && old.sections_of(before).eq(new.sections_of(after))
        && old.charge_of(before) == new.charge_of(after)
}
