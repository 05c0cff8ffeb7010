//! What speaks against an access beyond the standing of its account: facts of register and 台帳, found while it is placed.
//!
//! An access carries a set of marks, so that a rule costs one AND: rules say which marks are not allowed, never how
//! they are found. A mark is a fact at the record's own time, not an opinion; several may hold at once.

/// One fact that speaks against an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Mark {
    /// 契約期間の終了後: the account of a contractor or agency worker whose contract has ended.
    ContractEnded = 0,
    /// 旧世代のID: an account of a generation that was issued anew (好事例2).
    OldGeneration = 1,
    /// 異動前の所属の情報資産: the right came with a former post, and the time to hand over has passed.
    Transferred = 2,
    /// 事務引継期間中: the right came with a former post, within the time to hand over.
    Handover = 3,
    /// 登録外の接続元: a shared, service or contractor's account from a host it is not declared for.
    Elsewhere = 4,
    /// 予定時間外: a service or contractor's account outside its declared schedule.
    OffSchedule = 5,
    /// 特権: an account declared as privileged (administrator, database, maintenance) touches personal data.
    Privileged = 6,
    /// 退職・異動予定: the planned last day is near.
    Leaving = 7,
    /// 業務外の情報資産: the dataset is not granted to any post of the person.
    Dataset = 8,
    /// 未指名: a 特定個人情報ファイル, and the person is none of its designated 事務取扱担当者.
    Designation = 9,
    /// 付与のない操作: the dataset is granted, this class of operation is not.
    Operation = 10,
    /// 指定外の端末: not one of the terminals or networks permitted for the dataset.
    Terminal = 11,
    /// 勤務時間内: within the duty hours of the person or section (`[[duty]]`). The one mark that speaks for an access.
    OnDuty = 12,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Mark; 13] = [
        Mark::ContractEnded,
        Mark::OldGeneration,
        Mark::Transferred,
        Mark::Handover,
        Mark::Elsewhere,
        Mark::OffSchedule,
        Mark::Privileged,
        Mark::Leaving,
        Mark::Dataset,
        Mark::Designation,
        Mark::Operation,
        Mark::Terminal,
        Mark::OnDuty,
    ];

    /// What an `account` rule may name beside the standings.
    pub const OF_ACCOUNT: [Mark; 7] = [
        Mark::ContractEnded,
        Mark::OldGeneration,
        Mark::Transferred,
        Mark::Handover,
        Mark::Elsewhere,
        Mark::OffSchedule,
        Mark::Privileged,
    ];

    /// What a `grant` rule may name.
    pub const OF_GRANT: [Mark; 4] = [Mark::Dataset, Mark::Designation, Mark::Operation, Mark::Terminal];

    /// The word used in configuration and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Mark::ContractEnded => "contract-ended",
            Mark::OldGeneration => "old-generation",
            Mark::Transferred => "transferred",
            Mark::Handover => "handover",
            Mark::Elsewhere => "elsewhere",
            Mark::OffSchedule => "off-schedule",
            Mark::Privileged => "privileged",
            Mark::Leaving => "leaving",
            Mark::Dataset => "dataset",
            Mark::Designation => "designation",
            Mark::Operation => "operation",
            Mark::Terminal => "terminal",
            Mark::OnDuty => "on-duty",
        }
    }

    /// The words used in Japanese mails and reports.
    pub fn ja(self) -> &'static str {
        match self {
            Mark::ContractEnded => "契約期間の終了後",
            Mark::OldGeneration => "旧世代のID",
            Mark::Transferred => "異動前の所属の情報資産",
            Mark::Handover => "異動前の所属の情報資産（事務引継期間中）",
            Mark::Elsewhere => "登録外の接続元",
            Mark::OffSchedule => "予定外の日時",
            Mark::Privileged => "特権アカウント",
            Mark::Leaving => "退職・異動予定",
            Mark::Dataset => "付与されていない情報資産",
            Mark::Designation => "事務取扱担当者の指名なし",
            Mark::Operation => "付与されていない操作",
            Mark::Terminal => "指定外の端末・ネットワーク",
            Mark::OnDuty => "勤務時間内（勤務割）",
        }
    }

    /// The words used in English mails.
    pub fn en(self) -> &'static str {
        match self {
            Mark::ContractEnded => "after the end of the contract",
            Mark::OldGeneration => "an ID of an old generation",
            Mark::Transferred => "a dataset of the former section",
            Mark::Handover => "a dataset of the former section (handing over)",
            Mark::Elsewhere => "from a host the account is not declared for",
            Mark::OffSchedule => "outside the declared schedule",
            Mark::Privileged => "a privileged account",
            Mark::Leaving => "about to leave or move",
            Mark::Dataset => "a dataset that is not granted",
            Mark::Designation => "not designated for this file",
            Mark::Operation => "an operation that is not granted",
            Mark::Terminal => "a terminal or network that is not permitted",
            Mark::OnDuty => "on duty by the roster",
        }
    }
}

/// A set of marks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Marks(u32);

impl Marks {
    /// Nothing speaks against the access.
    pub const NONE: Marks = Marks(0);

    /// The set of these marks.
    pub fn of(marks: &[Mark]) -> Marks {
        marks.iter().fold(Marks::NONE, |set, mark| set.with(*mark))
    }

    /// This set and `mark`.
    #[must_use]
    pub const fn with(self, mark: Mark) -> Marks {
        Marks(self.0 | 1 << (mark as u8))
    }

    /// This set without `mark`.
    #[must_use]
    pub const fn without(self, mark: Mark) -> Marks {
        Marks(self.0 & !(1 << (mark as u8)))
    }

    /// What stands in either set.
    #[must_use]
    pub const fn union(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    /// Whether `mark` stands in it.
    pub const fn has(self, mark: Mark) -> bool {
        self.0 & 1 << (mark as u8) != 0
    }

    /// Whether the two sets have a mark in common.
    pub const fn meets(self, other: Marks) -> bool {
        self.0 & other.0 != 0
    }

    /// What stands in both sets.
    #[must_use]
    pub const fn common(self, other: Marks) -> Marks {
        Marks(self.0 & other.0)
    }

    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The marks, in their order.
    pub fn iter(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(move |mark| self.has(*mark))
    }

    /// As stored.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From what was stored; bits nobody knows are left out.
    pub fn from_bits(bits: u32) -> Marks {
        Marks(bits & Marks::of(&Mark::ALL).0)
    }
}

impl std::fmt::Debug for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_a_bit_and_a_word_of_its_own() {
        let mut seen = Marks::NONE;
        for mark in Mark::ALL {
            assert!(!seen.has(mark), "{mark:?}");
            seen = seen.with(mark);
            assert_eq!(Mark::ALL.into_iter().filter(|m| m.as_str() == mark.as_str()).count(), 1);
        }
        assert_eq!(seen.iter().collect::<Vec<_>>(), Mark::ALL);
        assert_eq!(Marks::from_bits(u32::MAX), seen);
        assert_eq!(Marks::from_bits(seen.bits()), seen);
    }

    #[test]
    fn sets_meet_in_what_they_share() {
        let (a, b) = (
            Marks::of(&[Mark::Dataset, Mark::Terminal]),
            Marks::of(&[Mark::Terminal, Mark::Leaving]),
        );
        assert!(a.meets(b) && !a.meets(Marks::NONE));
        assert_eq!(a.common(b), Marks::of(&[Mark::Terminal]));
        assert_eq!(a.union(b).without(Mark::Dataset), b);
        assert_eq!(format!("{a:?}"), "{Dataset, Terminal}");
    }
}
