//! The account register: whose account it is on a day, whether its right is in force, and what it may be used for.
//!
//! One CSV row is one right of one account in one post for one period (see `sheet` for the columns). A right holds
//! until 24:00 JST of its last day. What the rows of an account say together is compiled once into spans of days, so
//! that an access is placed by one search (`span` says how rows add up). The register is a value: an import makes a
//! new one, and the old one stays in force until the new one is whole and sound.
//!
//! Names of people are not kept; the key of a person is the 職員番号. One account may be several persons', one after
//! the other: what the earlier one did stays his.
//!
//! Not here: which files are read and when (`service`), versions (`store`), whether an import is taken
//! (`register::import`).

mod cell;
mod change;
mod charge;
mod columns;
mod days;
mod declared;
mod grouped;
mod kind;
mod names;
mod overlap;
mod row;
mod sheet;
mod span;

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use crate::access::{DatasetId, Mark, Marks, Operation, Standing};
use crate::calendar::{Day, day_of};
use crate::clock::EventTime;
use crate::text::{Lang, Say};

pub use change::{Change, changes};
pub use charge::Naming;
pub use declared::Declared;
pub use kind::{AccountKind, Granted};
pub use names::Names;
pub use row::{Row, State};
pub use sheet::{Reading, Sheet, Warning};

use charge::{Charges, Head};
use span::{NO_DAY, Span};

/// A register that cannot be used; the last good one stays in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The file holds no account.
    #[error("the register holds no account at all (is the export cut off?)")]
    Empty,
    /// A needed column is missing.
    #[error("line 1: there is no column for {}; call it one of: {names}", .what.pick(Lang::En))]
    NoColumn {
        /// What is missing.
        what: Say,
        /// Header names that would do.
        names: String,
    },
    /// A row cannot be read.
    #[error("line {line}, column {column}: {}", .why.pick(Lang::En))]
    Row {
        /// Line in the file, from 1.
        line: u64,
        /// Header of the column.
        column: String,
        /// What is wrong and what would do.
        why: Say,
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

impl RegisterError {
    /// What is wrong and what would do.
    pub fn say(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            RegisterError::Empty => "アカウントが1件もありません（出力が途中で切れていませんか）".to_owned(),
            RegisterError::NoColumn { what, names } => {
                format!(
                    "1 行目：{}の列がありません。見出しは次のいずれかにしてください：{names}",
                    what.pick(lang)
                )
            }
            RegisterError::Row { line, column, why } => format!("{line} 行目、列「{column}」：{}", why.pick(lang)),
            RegisterError::Encoding { encoding, line } => format!(
                "文字コードが {encoding} ではありません（{line} 行目が最初です）。実際の文字コードを accounts.encoding に書いてください"
            ),
        }
    }
}

/// Index of an account in its register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountIx(u32);

/// Index of a span of days in its register: what holds for an account on those days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanIx(u32);

/// What holds in a span of days, small enough to be kept beside a name: see [`Register::right`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    span: SpanIx,
    charge: u32,
    head: Head,
    valid: bool,
    moved: bool,
}

/// One version of the register.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Register {
    accounts: Names,
    /// The spans of each account stand in a row: the first one's index, and how many.
    spans_of: Vec<(u32, u32)>,
    people: Names,
    /// The accounts of each person stand in a row in `owned`: where they begin, and behind the last person the end.
    owned_from: Vec<u32>,
    owned: Vec<AccountIx>,
    sections: Names,
    spans: Vec<Span>,
    charges: Charges,
    declared: Vec<Declared>,
    rows: usize,
    domains: Vec<String>,
    version: i64,
}

/// What the register says of an account on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// 職員番号 of whoever holds the account that day (or held it last, or will first); the account's own name where
    /// it is nobody's (システム, 共用).
    pub person: &'a str,
    /// Whether the right is in force.
    pub standing: Standing,
    /// What speaks against a right in force, whatever it is used for: a contract that has ended, an ID of an old
    /// generation, a privileged account.
    pub marks: Marks,
    /// 区分.
    pub kind: AccountKind,
    /// 所属 on that day (本務 first), or the last one before.
    pub section: &'a str,
    /// First day of the next right, where none has begun.
    pub valid_from: Option<Day>,
    /// Last day of the right in force; of the last right, where all have ended.
    pub valid_to: Option<Day>,
    /// Last day of office or contract known in advance: 退職予定日, 契約終了日.
    pub leaving: Option<Day>,
    /// What was declared of a システム, 共用 or 特権 account.
    pub declared: Option<&'a Declared>,
    span: SpanIx,
}

impl Right {
    /// The span of days it holds for.
    pub fn span(self) -> SpanIx {
        self.span
    }
}

impl Verdict<'_> {
    /// The span of days it holds for.
    pub fn span(&self) -> SpanIx {
        self.span
    }
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

fn at<T>(list: &[T], index: u32) -> Option<&T> {
    usize::try_from(index).ok().and_then(|i| list.get(i))
}

impl Register {
    /// Reads the register from `bytes` of CSV text in UTF-8.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and column; nothing of the file is used then.
    pub fn read(bytes: &[u8]) -> Result<Register, RegisterError> {
        Ok(Sheet::read(bytes, true)?.register)
    }

    /// What `rows` say together.
    ///
    /// # Errors
    /// An account that two persons hold on the same day.
    pub fn of(rows: &[Row]) -> Result<Register, RegisterError> {
        if rows.is_empty() {
            return Err(RegisterError::Empty);
        }
        Ok(span::compile(rows)?.0)
    }

    /// Its number among the versions that were in force; 0: none yet.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Says which version it is.
    pub fn set_version(&mut self, version: i64) {
        self.version = version;
    }

    /// Rows read.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Accounts known.
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// Persons known, and accounts that are nobody's.
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// Every account, in the order of the file.
    pub fn all(&self) -> impl Iterator<Item = AccountIx> {
        (0..u32::try_from(self.accounts.len()).unwrap_or(u32::MAX)).map(AccountIx)
    }

    /// The account's name as it is compared.
    pub fn name(&self, ix: AccountIx) -> &str {
        self.accounts.get(ix.0)
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
        let found = self.accounts.find(&name);
        found.or_else(|| self.accounts.find(self.local(&name)?)).map(AccountIx)
    }

    /// The account called exactly so in the register.
    pub fn by_own_name(&self, name: &str) -> Option<AccountIx> {
        self.accounts.find(name).map(AccountIx)
    }

    /// Every account the person with this 職員番号 ever had.
    pub fn accounts_of(&self, number: &str) -> &[AccountIx] {
        let place = |n: u32| usize::try_from(*at(&self.owned_from, n)?).ok();
        let person = self.people.find(number);
        let bounds = person.and_then(|n| place(n).zip(place(n.saturating_add(1))));
        let own = bounds.and_then(|(from, to)| self.owned.get(from..to));
        own.unwrap_or_default()
    }

    /// Whether the person with this 職員番号 has any right in force on `day`.
    pub fn is_in_force(&self, number: &str, day: Day) -> bool {
        self.accounts_of(number).iter().any(|ix| {
            let verdict = self.verdict_on(*ix, day);
            let over = Marks::of(&[Mark::ContractEnded, Mark::OldGeneration]);
            verdict.standing == Standing::Valid && !verdict.marks.meets(over) && verdict.person == number
        })
    }

    /// Whether the person was in `section` on a day from `since` on and is there no more on `day`. Of whom the register
    /// never showed there it says nothing.
    pub fn has_left(&self, number: &str, section: &str, (since, day): (Option<Day>, Day)) -> bool {
        let there = |span: SpanIx| {
            let verdict = self.verdict_of(span);
            let own = verdict.person == number && verdict.standing == Standing::Valid;
            own && self.sections_of(span).any(|s| s == section)
        };
        let (mut was, mut is) = (false, false);
        for ix in self.accounts_of(number) {
            is |= there(self.span_on(*ix, day));
            let mut spans = self.spans(*ix).take_while(|(from, _)| *from <= day).peekable();
            while let Some((_, span)) = spans.next() {
                let over = spans.peek().map(|(next, _)| *next);
                // A span that ended before the appointment began says nothing of it.
                let counts = over.is_some_and(|over| since.is_none_or(|since| since < over));
                was |= counts && there(span);
            }
        }
        was && !is
    }

    /// What holds for the account on the day (JST) of `at`.
    pub fn verdict(&self, ix: AccountIx, at: EventTime) -> Verdict<'_> {
        self.verdict_on(ix, day_of(at))
    }

    /// What holds for the account on `day`.
    pub fn verdict_on(&self, ix: AccountIx, day: Day) -> Verdict<'_> {
        self.verdict_of(self.span_on(ix, day))
    }

    /// The span of days that `day` lies in.
    pub fn span_on(&self, ix: AccountIx, day: Day) -> SpanIx {
        let (first, count) = at(&self.spans_of, ix.0).copied().unwrap_or((0, 1));
        // Spans begin in order, the first one with the beginning of time; most accounts have two or three.
        let later = (1..count).take_while(|n| at(&self.spans, first + n).is_some_and(|s| s.from <= day.0));
        SpanIx(first + u32::try_from(later.count()).unwrap_or(0))
    }

    /// What holds in a span.
    pub fn verdict_of(&self, ix: SpanIx) -> Verdict<'_> {
        let span = at(&self.spans, ix.0).copied().unwrap_or_default();
        let day = |n: i32| (n != NO_DAY).then_some(Day(n));
        Verdict {
            person: self.people.get(span.person),
            standing: span.standing,
            marks: span.marks,
            kind: span.kind,
            section: self.sections.get(span.section),
            valid_from: day(span.valid_from),
            valid_to: day(span.valid_to),
            leaving: day(span.leaving),
            declared: span.declared.checked_sub(1).and_then(|ix| at(&self.declared, ix)),
            span: ix,
        }
    }

    /// The spans of an account with the first day of each, from the beginning of time (`Day(i32::MIN)`).
    pub fn spans(&self, ix: AccountIx) -> impl Iterator<Item = (Day, SpanIx)> {
        let (first, count) = at(&self.spans_of, ix.0).copied().unwrap_or_default();
        (first..first.saturating_add(count)).filter_map(|n| Some((Day(at(&self.spans, n)?.from), SpanIx(n))))
    }

    /// All 所属 of a span, 本務 first.
    pub fn sections_of(&self, ix: SpanIx) -> impl Iterator<Item = &str> {
        let charge = at(&self.spans, ix.0).map_or(0, |s| s.charge);
        self.charges.sections(charge).iter().map(|s| self.sections.get(*s))
    }

    /// What a span grants, as the register words it: 業務 and 情報資産, and the operations (empty: all). Empty: the
    /// register does not say.
    pub fn charge_of(&self, ix: SpanIx) -> Vec<(String, Vec<Operation>)> {
        let charge = at(&self.spans, ix.0).map_or(0, |s| s.charge);
        self.charges.words(charge)
    }

    /// Resolves the words of the register (業務, 情報資産) to datasets, once, before anything is asked of it.
    pub fn bind(&mut self, naming: &Naming) {
        self.charges.bind(naming, &self.sections);
    }

    /// Words of the register that name no dataset, each with the line it first stands in.
    pub fn unknown_words(&self) -> &[(u64, String)] {
        self.charges.unknown()
    }

    /// The right that holds in a span, to be asked for dataset after dataset.
    pub fn right(&self, ix: SpanIx) -> Right {
        let span = at(&self.spans, ix.0).copied().unwrap_or_default();
        Right {
            span: ix,
            charge: span.charge,
            head: self.charges.head(span.charge),
            valid: span.standing == Standing::Valid,
            moved: span.moved,
        }
    }

    /// Whether `dataset` and `operation` are granted by a right, as seen from `day` in its span. An account without a
    /// right in force is granted nothing that could be said here: [`Granted::NotStated`].
    pub fn granted(&self, right: Right, day: Day, dataset: DatasetId, operation: Operation) -> Granted {
        if !right.valid {
            return Granted::NotStated;
        }
        let ix = right.span;
        match self.charges.says(right.head, dataset, operation) {
            // What never changed cannot have ended by a transfer.
            Granted::NoDataset if !right.moved => Granted::NoDataset,
            Granted::NotStated if !right.moved || self.charges.is_owners(right.charge, dataset) => Granted::NotStated,
            // A right that the register does not limit ends with the section that owns the dataset.
            Granted::NotStated => self
                .ended(ix, day, |charge| self.charges.is_owners(charge, dataset))
                .unwrap_or_default(),
            Granted::NoDataset => {
                let says = |charge| self.charges.says(self.charges.head(charge), dataset, operation);
                let before = |charge| !matches!(says(charge), Granted::NoDataset);
                self.ended(ix, day, before).unwrap_or(Granted::NoDataset)
            }
            said => said,
        }
    }

    /// Since when what held in an earlier span of the same person's account holds no longer.
    fn ended(&self, ix: SpanIx, day: Day, held: impl Fn(u32) -> bool) -> Option<Granted> {
        let now = at(&self.spans, ix.0)?;
        let mut next = now;
        let mut n = ix.0;
        while next.from != i32::MIN {
            n = n.checked_sub(1)?;
            let span = at(&self.spans, n)?;
            if span.person == now.person && span.standing == Standing::Valid && held(span.charge) {
                let days = day.0.saturating_sub(next.from).saturating_add(1);
                return Some(Granted::Ended {
                    days: u16::try_from(days).unwrap_or(u16::MAX),
                });
            }
            next = span;
        }
        None
    }
}

#[cfg(test)]
mod tests;
