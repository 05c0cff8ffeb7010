//! The vocabulary of the way of one line: where it stood, what it meant.
//!
//! `Line` (bytes with their origin) becomes a `parse::Record` (fields, still text) and, once account and
//! resource are placed, an [`Access`]: one normalised access to data. Everything behind `parse` speaks of
//! accesses only, so a new format never touches a rule.
//!
//! Invariant: an `Access` holds no text of a citizen; the subject is a keyed hash from the first moment, and the
//! number as an [`Ordinal`] is neither shown nor stored.

mod marks;
pub mod sha256;

pub use marks::{Mark, Marks};

use crate::clock::EventTime;

/// Row id of a configured source in the store. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SourceId(pub u32);

/// Row id of one incarnation of a file (or stream) of a source. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SegmentId(pub i64);

/// Row id of a person or, for an account nobody registered, of that account: the key of the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WhoId(pub u32);

impl WhoId {
    /// Ids of crowds: the highest ones a page of the book can be of (`detect::book`).
    const CROWDS: std::ops::RangeInclusive<u32> = (1 << 27) - (1 << 16)..=(1 << 27) - 1;

    /// The id under which the many names that nobody registered are taken together, those of one source.
    pub fn crowd(source: SourceId) -> WhoId {
        let (first, last) = (*WhoId::CROWDS.start(), *WhoId::CROWDS.end());
        WhoId(last.saturating_sub(source.0).max(first))
    }

    /// Whether it stands for many names.
    pub fn is_crowd(self) -> bool {
        WhoId::CROWDS.contains(&self.0)
    }
}

/// Row id of a dataset of the 台帳 in the store. 0 is "no dataset".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DatasetId(pub u16);

/// Where a line stood: `start..end` are positions inside the segment. For a file these are bytes, the
/// newline included in `end`; for a stream they would be sequence numbers. Nothing may do arithmetic on
/// them except the source that gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LineRef {
    /// The incarnation of the file the line stood in.
    pub segment: SegmentId,
    /// Position of the first byte.
    pub start: u64,
    /// Position behind the line and its end mark.
    pub end: u64,
}

/// One record's bytes with their origin, without the end mark; still in the source's encoding.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The record's bytes; for an oversize line its first `line_bytes_max` bytes.
    pub bytes: &'a [u8],
    /// Where the line stood.
    pub at: LineRef,
    /// What was wrong with the line as bytes, if anything.
    pub damage: Option<Damage>,
}

/// What was wrong with a line as bytes. The line still counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Damage {
    /// Longer than `line_bytes_max`; only the head is kept. Where the line ends may not be known yet.
    Oversize,
    /// A quote in it opens a cell and is never closed.
    OpenQuote,
    /// Held NUL bytes (as after copytruncate with a writer that keeps its offset, or a power loss).
    Nul,
}

/// What kind of use an access is. The class decides which limits apply, not the log's own word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Operation {
    /// 照会: looking at single records.
    View = 1,
    /// 検索: a list of records.
    Search = 2,
    /// 出力: a file, a download, an extract.
    Export = 3,
    /// 印刷.
    Print = 4,
    /// 更新: add or change.
    Update = 5,
    /// 削除.
    Delete = 6,
    /// Signing in or out; no data.
    Login = 7,
    /// Anything else that touches the dataset.
    Other = 8,
}

impl Operation {
    /// Every class, in the order of their numbers.
    pub const ALL: [Operation; 8] = [
        Operation::View,
        Operation::Search,
        Operation::Export,
        Operation::Print,
        Operation::Update,
        Operation::Delete,
        Operation::Login,
        Operation::Other,
    ];

    /// The word used in configuration and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::View => "view",
            Operation::Search => "search",
            Operation::Export => "export",
            Operation::Print => "print",
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::Login => "login",
            Operation::Other => "other",
        }
    }

    /// The word used in Japanese mails and reports.
    pub fn ja(self) -> &'static str {
        match self {
            Operation::View => "照会",
            Operation::Search => "検索",
            Operation::Export => "出力",
            Operation::Print => "印刷",
            Operation::Update => "更新",
            Operation::Delete => "削除",
            Operation::Login => "認証",
            Operation::Other => "その他",
        }
    }

    /// The class called `word` in configuration.
    pub fn from_word(word: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|o| o.as_str() == word)
    }

    /// The class with number `n`, as stored.
    pub fn from_number(n: u8) -> Option<Operation> {
        Operation::ALL.into_iter().find(|o| *o as u8 == n)
    }
}

/// Whether the system let the account do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The system answered with the data.
    Success,
    /// The system refused or failed.
    Failure,
}

impl Outcome {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
        }
    }
}

/// A quantity the log states, or does not. A missing count is unknown, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Amount {
    /// The log (or the pattern that matched) says how many.
    Known(u64),
    /// The log does not say.
    #[default]
    Unknown,
}

/// Keyed hash of a citizen's number: HMAC-SHA-256 (RFC 2104), first 64 bits. Never the number itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(pub u64);

/// What the register says of an account at the moment of the access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Standing {
    /// A right in force.
    Valid,
    /// Every right has ended, or the person has left.
    Revoked,
    /// Rights begin later.
    NotYetValid,
    /// On leave, suspended, or lent out (休職・育休・停職・派遣中).
    OnLeave,
    /// No such account in the register.
    #[default]
    Unknown,
    /// The log names nobody.
    Anonymous,
}

impl Standing {
    /// Every standing an `account` rule may name; `Valid` is none of them.
    pub const SUSPICIOUS: [Standing; 5] = [
        Standing::Revoked,
        Standing::NotYetValid,
        Standing::OnLeave,
        Standing::Unknown,
        Standing::Anonymous,
    ];

    /// The word used in configuration and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Valid => "valid",
            Standing::Revoked => "revoked",
            Standing::NotYetValid => "not-yet-valid",
            Standing::OnLeave => "on-leave",
            Standing::Unknown => "unknown",
            Standing::Anonymous => "anonymous",
        }
    }

    /// In a word, for people.
    pub fn ja(self) -> &'static str {
        match self {
            Standing::Valid => "有効",
            Standing::Revoked => "失効",
            Standing::NotYetValid => "開始前",
            Standing::OnLeave => "休職等",
            Standing::Unknown => "登録なし",
            Standing::Anonymous => "利用者なし",
        }
    }
}

/// One normalised access to a dataset: what rules and counters see.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// The line it came from.
    pub at: LineRef,
    /// The source of that line.
    pub source: SourceId,
    /// The record's own time.
    pub time: EventTime,
    /// Person of the register, or the unregistered account.
    pub who: WhoId,
    /// What the register says of the account at `time`.
    pub standing: Standing,
    /// What else of register and 台帳 speaks against it.
    pub marks: Marks,
    /// The dataset that was touched.
    pub dataset: DatasetId,
    /// Class of the operation.
    pub operation: Operation,
    /// Whether it succeeded.
    pub outcome: Outcome,
    /// Records (rows, persons) the access gave out.
    pub records: Amount,
    /// Bytes the access gave out.
    pub bytes: Amount,
    /// The citizen concerned, where the access names one.
    pub subject: Option<Subject>,
    /// What only rules with a memory ask for.
    pub trace: Trace,
}

/// The approved job (承認された業務処理) an access is counted under, with its limit; by default none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForJob {
    /// The key of its counters; 0: none.
    pub who: WhoId,
    /// Records it may give out on a day.
    pub most: u32,
}

impl ForJob {
    /// Whether the access belongs to no job.
    pub fn is_none(self) -> bool {
        self.who.0 == 0
    }
}

impl Access {
    /// Under whom it is counted: the approved job, else the person or account.
    pub fn counted(&self) -> WhoId {
        if self.trace.job.is_none() {
            self.who
        } else {
            self.trace.job.who
        }
    }
}

/// From where, of which section, where among the citizens' numbers, and whether it is an access of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trace {
    /// Terminal or address.
    pub terminal: Terminal,
    /// Section of the person at the time.
    pub section: SectionHash,
    /// Whether numbers rise is asked of this; never stored, never shown.
    pub ordinal: Option<Ordinal>,
    /// A further row of an operation that was counted: its amounts and its subject count, the access does not.
    pub part: bool,
    /// How many names without registration the source had shown that day when this one came first, itself included;
    /// 0: it is registered, or there is none.
    pub names: u32,
    /// The approved job it is part of.
    pub job: ForJob,
}

/// A terminal or address as the log says it: a hash that stays the same, 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Terminal(pub u64);

impl Terminal {
    /// Whether the log says none.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// A section by its name: a hash that stays the same, 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SectionHash(pub u64);

impl SectionHash {
    /// Whether no section is known.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// A hash that stays the same from one run to the next, for names that must only be told apart; never 0.
pub fn name_hash(name: &[u8]) -> u64 {
    let fold = |h: u64, b: u64| (h ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let (words, rest) = name.as_chunks::<8>();
    let hash = words
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |h, w| fold(h, u64::from_le_bytes(*w)));
    let hash = rest.iter().fold(hash ^ 1, |h, b| fold(h, u64::from(*b)));
    (hash ^ (hash >> 32)).max(1)
}

/// A citizen's number as a number, for the one question whether numbers rise. It lives as long as its access does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ordinal {
    value: u64,
    digits: u8,
}

impl std::fmt::Debug for Ordinal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ordinal(..)")
    }
}

impl Ordinal {
    /// Of a number in digits; `None` where it holds anything else.
    pub fn read(number: &[u8]) -> Option<Ordinal> {
        let number = number.trim_ascii();
        if number.is_empty() || 18 < number.len() || !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = number.iter().fold(0u64, |n, b| n * 10 + u64::from(b - b'0'));
        Some(Ordinal {
            value: value.saturating_add(1),
            digits: u8::try_from(number.len()).ok()?,
        })
    }

    /// One more than the number, so that 0 is none.
    pub fn value(self) -> u64 {
        self.value
    }

    /// Another number of the same form.
    #[must_use]
    pub fn with(self, value: u64) -> Ordinal {
        Ordinal { value, ..self }
    }

    /// The number as it is written.
    pub fn text(self) -> String {
        format!(
            "{:0width$}",
            self.value.saturating_sub(1),
            width = usize::from(self.digits)
        )
    }
}
