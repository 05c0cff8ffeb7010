//! The account register: whose account it is, and whether its right is in force at a moment.
//!
//! One CSV row is one right of one account for one period. `権限終了日` is inclusive: the right holds until
//! 24:00 JST of that day. An account is valid when any of its rows is. The register is a value: an import makes a
//! new one and the old one stays in force until the new one is whole and sound.
//!
//! Names of people are not kept; the key of a person is the 職員番号.

mod sheet;

use std::borrow::Cow;

use hashbrown::HashMap;
use unicode_normalization::UnicodeNormalization;

use crate::access::Standing;
use crate::calendar::{Day, day_of};
use crate::clock::EventTime;
use sheet::{Row, Sheet, shorten};

/// A register that cannot be used; the last good one stays in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The file holds no account.
    #[error("the register holds no account at all (is the export cut off?); the last good register stays in force")]
    Empty,
    /// A needed column is missing.
    #[error("line 1: there is no column for {what}; call it one of: {names}")]
    NoColumn {
        /// What is missing.
        what: &'static str,
        /// Header names that would do.
        names: String,
    },
    /// A row cannot be read.
    #[error("line {line}, column {column}: {why}")]
    Row {
        /// Line in the file, from 1.
        line: u64,
        /// Header of the column.
        column: String,
        /// What is wrong and what would do.
        why: String,
    },
    /// Bytes that are not text of the declared encoding.
    #[error("the file is not {encoding} (first at line {line}); set accounts.encoding to what it is")]
    Encoding {
        /// The declared encoding.
        encoding: &'static str,
        /// First line with such bytes.
        line: u64,
    },
}

/// Index of an account in its register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountIx(u32);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Right {
    section: String,
    from: Option<Day>,
    to: Option<Day>,
    absence: Option<Absence>,
}

/// A period in which the person does not work, though the right runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Absence {
    left: bool,
    from: Option<Day>,
    to: Option<Day>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    person: String,
    /// Line it first stood in.
    line: u64,
    rights: Vec<Right>,
}

/// One version of the register.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Register {
    accounts: Vec<Account>,
    by_name: HashMap<String, AccountIx>,
    rows: usize,
    domains: Vec<String>,
}

/// What the register says of an account on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Whether the right is in force.
    pub standing: Standing,
    /// 所属 on that day, or the last one before.
    pub section: &'a str,
    /// First day of the next right, where none has begun.
    pub valid_from: Option<Day>,
    /// Last day of the last right, where all have ended.
    pub valid_to: Option<Day>,
}

/// The account name as it is compared: NFKC, without blanks around, lower case.
pub fn normal(raw: &[u8]) -> Cow<'_, str> {
    let plain = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'@' | b'\\');
    if raw.iter().all(plain)
        && let Ok(text) = std::str::from_utf8(raw)
    {
        return Cow::Borrowed(text);
    }
    let text = String::from_utf8_lossy(raw);
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    Cow::Owned(folded.trim().to_owned())
}

/// Account and domain of `DOMAIN\account` or `account@domain`.
fn split_domain(account: &str) -> Option<(&str, &str)> {
    match account.split_once('\\') {
        Some((domain, local)) => Some((local, domain)),
        None => account.rsplit_once('@'),
    }
}

impl Register {
    /// Reads the register from `bytes` of CSV text in UTF-8.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and column; nothing of the file is used then.
    pub fn read(bytes: &[u8]) -> Result<Register, RegisterError> {
        let mut sheet = Sheet::open(bytes)?;
        let mut register = Register::default();
        while let Some((line, row)) = sheet.next_row()? {
            register.add(row, &sheet, line)?;
        }
        if register.rows == 0 {
            Err(RegisterError::Empty)
        } else {
            Ok(register)
        }
    }

    fn add(&mut self, row: Row, sheet: &Sheet<'_>, line: u64) -> Result<(), RegisterError> {
        let next = AccountIx(u32::try_from(self.accounts.len()).unwrap_or(u32::MAX));
        let ix = *self.by_name.entry(row.account.clone()).or_insert(next);
        if ix == next {
            self.accounts.push(Account {
                person: row.person.clone(),
                line,
                rights: Vec::new(),
            });
        }
        let Some(account) = usize::try_from(ix.0).ok().and_then(|i| self.accounts.get_mut(i)) else {
            return Ok(());
        };
        if account.person != row.person {
            let why = format!(
                "account {} belongs to {} here and to {} in line {}; one account belongs to one person: correct the \
                 number, or give the person who came later an account of another name",
                shorten(&row.account),
                shorten(&row.person),
                shorten(&account.person),
                account.line
            );
            return Err(sheet.person_error(line, why));
        }
        // Rows that differ in what we do not read (業務区分, 権限) say the same right again.
        if !account.rights.contains(&row.right) {
            account.rights.push(row.right);
        }
        self.rows += 1;
        Ok(())
    }

    /// Rows read.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Accounts known.
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// Domains that are this agency's own.
    pub fn set_domains(&mut self, domains: &[String]) {
        self.domains = domains.iter().map(|d| normal(d.as_bytes()).into_owned()).collect();
    }

    /// The account without its domain, if that is one of this agency's.
    fn local<'a>(&self, name: &'a str) -> Option<&'a str> {
        let (local, domain) = split_domain(name)?;
        self.domains.iter().any(|d| d == domain).then_some(local)
    }

    /// The account called `raw` in a log: by its whole name, else without its domain.
    pub fn find(&self, raw: &[u8]) -> Option<AccountIx> {
        let name = normal(raw);
        self.by_name
            .get(name.as_ref())
            .or_else(|| self.by_name.get(self.local(&name)?))
            .copied()
    }

    /// Whether the person with this 職員番号 has any right in force on `day`.
    pub fn is_in_force(&self, number: &str, day: Day) -> bool {
        let of_person = |(i, a): (usize, &Account)| (a.person == number).then(|| u32::try_from(i).ok()).flatten();
        let mut accounts = self.accounts.iter().enumerate().filter_map(of_person);
        accounts.any(|i| self.verdict_on(AccountIx(i), day).standing == Standing::Valid)
    }

    /// 職員番号 of the person an account belongs to.
    pub fn person(&self, ix: AccountIx) -> &str {
        self.get(ix).map_or("", |a| &a.person)
    }

    fn get(&self, ix: AccountIx) -> Option<&Account> {
        usize::try_from(ix.0).ok().and_then(|i| self.accounts.get(i))
    }

    /// What holds for the account on the day (JST) of `at`.
    pub fn verdict(&self, ix: AccountIx, at: EventTime) -> Verdict<'_> {
        self.verdict_on(ix, day_of(at))
    }

    /// What holds for the account on `day`.
    pub fn verdict_on(&self, ix: AccountIx, day: Day) -> Verdict<'_> {
        let rights = self.get(ix).map_or(&[][..], |a| &a.rights);
        let mut absent: Option<&Right> = None;
        for right in rights.iter().filter(|r| r.runs(day)) {
            match right.absence.filter(|a| a.covers(day)) {
                None => {
                    let section = right.section.as_str();
                    return Verdict {
                        standing: Standing::Valid,
                        section,
                        valid_from: None,
                        valid_to: None,
                    };
                }
                Some(a) if !a.left => absent = Some(right),
                Some(_) => {}
            }
        }
        if let Some(right) = absent {
            return Verdict {
                standing: Standing::OnLeave,
                section: &right.section,
                valid_from: None,
                valid_to: None,
            };
        }
        without_right(rights, day)
    }
}

fn without_right(rights: &[Right], day: Day) -> Verdict<'_> {
    let ended = rights.iter().filter(|r| r.has_ended(day)).max_by_key(|r| r.last_day());
    let next = rights
        .iter()
        .filter(|r| r.from.is_some_and(|f| day < f))
        .min_by_key(|r| r.from);
    match (ended, next) {
        (None, Some(next)) => Verdict {
            standing: Standing::NotYetValid,
            section: &next.section,
            valid_from: next.from,
            valid_to: None,
        },
        (ended, _) => Verdict {
            standing: Standing::Revoked,
            section: ended.map_or("", |r| &r.section),
            valid_from: None,
            valid_to: ended.and_then(Right::last_day),
        },
    }
}

impl Right {
    fn runs(&self, day: Day) -> bool {
        self.from.is_none_or(|f| f <= day) && self.to.is_none_or(|t| day <= t)
    }

    fn last_day(&self) -> Option<Day> {
        let left = match self.absence.filter(|a| a.left) {
            // Left, and nobody knows when: the end of the right would say too much.
            Some(Absence { from: None, .. }) => return None,
            left => left.and_then(|a| a.from).map(|d| Day(d.0.saturating_sub(1))),
        };
        match (self.to, left) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn has_ended(&self, day: Day) -> bool {
        self.to.is_some_and(|t| t < day) || self.absence.is_some_and(|a| a.left && a.covers(day))
    }
}

impl Absence {
    fn covers(&self, day: Day) -> bool {
        self.from.is_none_or(|f| f <= day) && self.to.is_none_or(|t| day <= t)
    }
}

#[cfg(test)]
mod tests;
