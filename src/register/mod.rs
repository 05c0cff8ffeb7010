//! Who and what: which person an account belongs to at a moment and whether the right is in force, which
//! dataset a resource belongs to and how it was used.
//!
//! [`accounts`] reads the account register (CSV) and answers by event time; [`datasets`] compiles the 台帳
//! to a segment trie. `parse::place` asks both to turn a record into an access.
//!
//! Not here: row ids (`store` gives them), rules (`detect`).

pub mod accounts;
pub mod datasets;
pub mod exceptions;
mod globs;
mod hosts;
pub mod import;
pub mod jobs;
mod path;
mod reconsider;
pub mod sections;

use crate::access::Operation;

pub use accounts::{
    AccountIx, AccountKind, Change, Declared, Granted, Naming, Register, RegisterError, Right, SpanIx, Verdict,
};
pub use datasets::{Datasets, Designated, Facts, Hit};
pub use exceptions::Exception;
pub use hosts::Hosts;
pub use reconsider::{PersonDays, held_against, held_against_account, newly_known, touched};

/// 重要度 of a dataset. S: 特定個人情報, 要配慮, accounts; A: residents' register, tax; B: lists of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Highest.
    S,
    /// High.
    A,
    /// Ordinary.
    B,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Tier; 3] = [Tier::S, Tier::A, Tier::B];

    /// The letter used everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::S => "S",
            Tier::A => "A",
            Tier::B => "B",
        }
    }
}

/// An entry of the 台帳 as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSettings {
    /// Short name in rules, counters and JSON; `[a-z0-9_-]+`, never reused for another dataset.
    pub id: String,
    /// 名称, as people know it.
    pub title: String,
    /// 重要度.
    pub tier: Tier,
    /// Section that owns the dataset, as people know it.
    pub owner: String,
    /// Registered persons, where known.
    pub registered: Option<u64>,
    /// What else holds for it.
    pub terms: Terms,
    /// Which resources belong to it; the first that matches decides.
    pub matches: Vec<MatchSettings>,
}

/// What else the 台帳 says of a dataset: who may use it, from where, how much, and how long its records are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Whether it is a 特定個人情報ファイル (番号法第2条第9項): then only designated 事務取扱担当者 may use it.
    pub my_number: bool,
    /// 職員番号 of its 事務取扱担当者.
    pub designated: Vec<String>,
    /// Sections all of whose staff are its 事務取扱担当者.
    pub designated_sections: Vec<String>,
    /// Terminals and networks permitted for it (see [`Hosts`]); empty: any.
    pub terminals: Vec<String>,
    /// Days a former post may still use it; `None`: by tier (S none, else seven).
    pub handover_days: Option<u16>,
    /// Fiscal years its access records are kept.
    pub retention_years: Option<u16>,
    /// Sources it is expected in.
    pub sources: Vec<String>,
}

/// One pattern from resource to dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchSettings {
    /// Names of the sources it applies to; empty: all.
    pub sources: Vec<String>,
    /// Pattern of the resource, compared segment by segment (`/`), percent-decoded, without the query.
    /// `*` one segment, `**` the rest, `{subject}` one segment that is a citizen's number; inside a
    /// segment `*` stands for any text. A pattern without a leading `/` is compared with the whole resource.
    pub resource: String,
    /// Query parameter that holds the citizen's number.
    pub subject_query: Option<String>,
    /// Operations as the log says them (`GET`, `照会`), compared without case; empty: all.
    pub operations: Vec<String>,
    /// Class of the use; `None`: what the format says of the operation, else a view.
    pub class: Option<Operation>,
    /// Records one such access gives out, where the log does not count them.
    pub records: Option<u64>,
}

/// The account register as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsSettings {
    /// The CSV file.
    pub path: std::path::PathBuf,
    /// Its encoding.
    pub encoding: crate::text::Encoding,
    /// Domains whose accounts are this agency's: `CITY\\u` and `u@city.example.jp` are `u`. With any other domain an
    /// account is somebody else's.
    pub domains: Vec<String>,
    /// Folder into which registers are dropped to be imported.
    pub drop_folder: Option<std::path::PathBuf>,
    /// Largest share of the rights in force that an import may take away without a reason, in percent.
    pub vanish_percent_max: u8,
    /// A register that was not brought again for so long is raised.
    pub stale_after: std::time::Duration,
    /// Whether the last line of the file may lack its end mark.
    pub unended_last_line: bool,
    /// Language in which people are told what is wrong with a register.
    pub lang: crate::text::Lang,
}
