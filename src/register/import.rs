//! An import: whether a new register may take the place of the one in force, and what it changes, for people.
//!
//! Not here: reading the file, keeping versions (`service::import`, `store`).

use super::accounts::{AccountIx, Change, Register, changes};
use crate::access::Standing;
use crate::calendar::Day;
use crate::text::Lang;

/// A register that would take too much away at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vanishing {
    /// Accounts in force today that would not be, or not with the same person.
    pub lost: usize,
    /// How many of these would be in force with another person.
    pub renumbered: usize,
    /// Accounts in force today.
    pub of: usize,
    /// The share that is allowed, in percent.
    pub percent_max: u8,
}

impl std::error::Error for Vanishing {}

impl std::fmt::Display for Vanishing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.say(Lang::En))
    }
}

impl Vanishing {
    /// What is wrong and what would do.
    pub fn say(&self, lang: Lang) -> String {
        let Vanishing {
            lost,
            renumbered,
            of,
            percent_max,
        } = self;
        let others = match (renumbered, lang) {
            (0, _) => String::new(),
            (n, Lang::Ja) => format!("うち {n} は別の職員番号のものになります。"),
            (n, Lang::En) => format!(" ({n} of them would belong to another 職員番号)"),
        };
        match lang {
            Lang::En => format!(
                "{lost} of the {of} accounts whose right is in force today would have none any more, more than \
                 {percent_max} %{others}; was the file cut off, is it of one section only, or did a spreadsheet take \
                 leading zeros away? If this is meant: sekimori account import FILE --by STAFF --reason TEXT"
            ),
            Lang::Ja => format!(
                "今日有効な {of} アカウントのうち {lost} の権限がなくなります（{percent_max} % を超えます）。{others}\
                 ファイルが途中で切れていたり、一つの所属だけのものだったり、表計算ソフトが番号の先頭の 0 を消したりしていませんか。\
                 意図したものであれば：sekimori account import ファイル --by 職員番号 --reason 理由"
            ),
        }
    }
}

/// Refuses a register by which more than `percent_max` percent of the rights in force on `today` would vanish. It does
/// not matter how: rows that are missing, dates in the wrong column, a whole column of 退職. A right that passes to another
/// person is one that vanishes: what the account did so far stays with the person, and with other numbers for everybody
/// (leading zeros lost in a spreadsheet) every sum over a year would begin anew.
///
/// # Errors
/// How many would vanish.
pub fn weigh(old: &Register, new: &Register, today: Day, percent_max: u8) -> Result<(), Vanishing> {
    let in_force = |register: &Register, ix: AccountIx| register.verdict_on(ix, today).standing == Standing::Valid;
    let (mut of, mut lost, mut renumbered) = (0usize, 0usize, 0usize);
    for ix in old.all().filter(|ix| in_force(old, *ix)) {
        of += 1;
        let now = new.by_own_name(old.name(ix)).filter(|ix| in_force(new, *ix));
        let other = now.is_some_and(|now| new.verdict_on(now, today).person != old.verdict_on(ix, today).person);
        renumbered += usize::from(other);
        lost += usize::from(now.is_none() || other);
    }
    // A handful of accounts may all end on one day; a share of them says nothing.
    if lost <= 2 || lost * 100 <= of * usize::from(percent_max) {
        return Ok(());
    }
    Err(Vanishing {
        lost,
        renumbered,
        of,
        percent_max,
    })
}

/// What becomes of an account, or of some of its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// The account is in the register no more.
    Gone,
    /// A right ends, or never was.
    Ended,
    /// The person is away.
    Away,
    /// Another person holds the account.
    Holder,
    /// Another section.
    Moved,
    /// A right in force where there was none.
    Begun,
    /// The account was in no register.
    New,
    /// Something else: 業務, datasets, operations, 区分.
    Other,
}

impl What {
    /// Every one, in the order of a list for people.
    pub const ALL: [What; 8] = [
        What::Gone,
        What::Ended,
        What::Away,
        What::Holder,
        What::Moved,
        What::Begun,
        What::New,
        What::Other,
    ];

    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            What::Gone => "gone",
            What::Ended => "ended",
            What::Away => "away",
            What::Holder => "holder",
            What::Moved => "moved",
            What::Begun => "begun",
            What::New => "new",
            What::Other => "other",
        }
    }
}

/// One line of the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// What becomes of it.
    pub what: What,
    /// Days and verdicts.
    pub change: Change<'a>,
    /// Whether days before today are concerned: 遡及.
    pub retroactive: bool,
}

/// What `new` changes, as people want to read it: days on which an account had no right before and has none now are
/// left out. The worst first, then in the order of the registers.
pub fn difference<'a>(old: &'a Register, new: &'a Register, today: Day) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = changes(old, new)
        .into_iter()
        .filter_map(|change| Some((what(&change)?, change)))
        .map(|(what, change)| Item {
            what,
            change,
            retroactive: change.from < today && what != What::New,
        })
        .collect();
    items.sort_by_key(|item| item.what);
    items
}

fn what(change: &Change<'_>) -> Option<What> {
    use Standing::Valid;
    let standing = |v: Option<super::Verdict<'_>>| v.map(|v| v.standing);
    Some(match (standing(change.before), standing(change.after)) {
        (Some(Valid), None) => What::Gone,
        (None, Some(Valid)) => What::New,
        (Some(Valid), Some(Valid)) if change.other_person() => What::Holder,
        (Some(Valid), Some(Valid)) if change.ends_right() => What::Ended,
        (Some(Valid), Some(Valid)) => match change.before.map(|v| v.section) == change.after.map(|v| v.section) {
            true => What::Other,
            false => What::Moved,
        },
        (Some(Valid), Some(Standing::OnLeave)) => What::Away,
        (Some(Valid), Some(_)) => What::Ended,
        (Some(_), Some(Valid)) => What::Begun,
        _ => return None,
    })
}

/// Why a change that the register allows is shown to whoever checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delicate {
    /// It gives a right to somebody who may bring registers.
    Keeper,
    /// An account of a person's becomes nobody's (共用, システム): what is done with it is counted for him no more.
    Nobodys,
    /// On days on which an account was one person's it becomes another's: what is done with it is counted for that one.
    Holder,
}

/// What of a difference looks like ordinary work, and is how somebody who keeps the register would help himself or hide
/// others. `keepers` may bring registers. Changes that concern no day from `since` on are left out.
pub fn delicate<'a>(items: &[Item<'a>], keepers: &[&str], since: Day) -> Vec<(Delicate, Change<'a>)> {
    let mut found: Vec<(Delicate, Change<'a>)> = items
        .iter()
        .filter(|item| since <= item.change.to)
        .filter_map(|item| {
            let after = item.change.after.filter(|after| after.standing == Standing::Valid)?;
            let gains = matches!(
                item.what,
                What::New | What::Begun | What::Moved | What::Other | What::Holder
            );
            let why = match item.what {
                _ if gains && keepers.contains(&after.person) => Delicate::Keeper,
                What::Holder if after.kind.is_custodied() => Delicate::Nobodys,
                What::Holder => Delicate::Holder,
                _ => return None,
            };
            Some((why, item.change))
        })
        .collect();
    found.sort_by_key(|(why, _)| *why);
    found
}

#[cfg(test)]
mod tests;
