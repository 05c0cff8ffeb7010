//! 区分 of accounts, and the answer to whether a use is granted.

use crate::access::Mark;

/// 区分 of an account's holder, or of an account that is no single person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum AccountKind {
    /// The register does not say.
    #[default]
    Unstated,
    /// 正規.
    Regular,
    /// 再任用.
    Reappointed,
    /// 会計年度任用: ends with the 年度 unless renewed.
    FiscalYear,
    /// 臨時, 非常勤.
    Temporary,
    /// 派遣: of a temporary-work agency.
    Dispatched,
    /// 委託: of a contractor.
    Contractor,
    /// システム: a program's own account (batch, linkage).
    System,
    /// 共用: used by several people.
    Shared,
    /// 特権: administration of the system, its database or its host.
    Privileged,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [AccountKind; 10] = [
        AccountKind::Unstated,
        AccountKind::Regular,
        AccountKind::Reappointed,
        AccountKind::FiscalYear,
        AccountKind::Temporary,
        AccountKind::Dispatched,
        AccountKind::Contractor,
        AccountKind::System,
        AccountKind::Shared,
        AccountKind::Privileged,
    ];

    /// The word used in configuration and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountKind::Unstated => "unstated",
            AccountKind::Regular => "regular",
            AccountKind::Reappointed => "reappointed",
            AccountKind::FiscalYear => "fiscal-year",
            AccountKind::Temporary => "temporary",
            AccountKind::Dispatched => "dispatched",
            AccountKind::Contractor => "contractor",
            AccountKind::System => "system",
            AccountKind::Shared => "shared",
            AccountKind::Privileged => "privileged",
        }
    }

    /// The word of the register.
    pub fn ja(self) -> &'static str {
        match self {
            AccountKind::Unstated => "",
            AccountKind::Regular => "正規",
            AccountKind::Reappointed => "再任用",
            AccountKind::FiscalYear => "会計年度任用",
            AccountKind::Temporary => "臨時",
            AccountKind::Dispatched => "派遣",
            AccountKind::Contractor => "委託",
            AccountKind::System => "システム",
            AccountKind::Shared => "共用",
            AccountKind::Privileged => "特権",
        }
    }

    /// Whether people of another employer use it: 派遣, 委託.
    pub fn is_external(self) -> bool {
        matches!(self, AccountKind::Dispatched | AccountKind::Contractor)
    }

    /// Whether it is no single person's, so that a custodian answers for it: システム, 共用.
    pub fn is_custodied(self) -> bool {
        matches!(self, AccountKind::System | AccountKind::Shared)
    }

    /// Whether such an appointment always has an end, so that a right without one is a mistake.
    pub fn ends(self) -> bool {
        matches!(
            self,
            AccountKind::FiscalYear | AccountKind::Temporary | AccountKind::Dispatched | AccountKind::Contractor
        )
    }
}

/// Whether the register grants the dataset and the operation of an access to the account. Only a right in force is
/// asked; without one its standing says what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Granted {
    /// The register does not say which datasets the account may use.
    #[default]
    NotStated,
    /// Granted.
    Yes,
    /// Another dataset than those granted.
    NoDataset,
    /// The dataset is granted, the operation is not.
    NoOperation,
    /// Granted until so many days ago (1: yesterday was the last day), by another post: a transfer.
    Ended {
        /// Days since the last one on which it was granted.
        days: u16,
    },
}

impl Granted {
    /// What is lacking, where a former post's datasets may be used for `handover_days` more.
    pub fn mark(self, handover_days: u16) -> Option<Mark> {
        match self {
            Granted::NotStated | Granted::Yes => None,
            Granted::NoDataset => Some(Mark::Dataset),
            Granted::NoOperation => Some(Mark::Operation),
            Granted::Ended { days } if days <= handover_days => Some(Mark::Handover),
            Granted::Ended { .. } => Some(Mark::Transferred),
        }
    }
}
