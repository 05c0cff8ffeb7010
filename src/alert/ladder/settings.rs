//! The levels of the ladder, as configured or shipped.

use std::time::Duration;

use crate::detect::Severity;
use crate::register::sections::Role;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// In which capacity somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// 保護担当者 of the owner section, or who stands in.
    Officer,
    /// 保護管理者 of the owner section, or who stands in.
    Manager,
    /// The next deputy of 保護管理者.
    Deputy,
    /// 総括保護管理者, or who stands in.
    General,
    /// The next deputy of 総括保護管理者.
    GeneralDeputy,
    /// 監査責任者, or who stands in.
    Auditor,
    /// 情報システム管理者, or who stands in.
    System,
    /// Whoever is on duty at night and on closed days (`escalation.duty`).
    Duty,
    /// Whoever gets every alert (`alerts.to`).
    Security,
}

impl Place {
    /// Every one.
    pub const ALL: [Place; 9] = [
        Place::Officer,
        Place::Manager,
        Place::Deputy,
        Place::General,
        Place::GeneralDeputy,
        Place::Auditor,
        Place::System,
        Place::Duty,
        Place::Security,
    ];

    /// The word used in configuration, JSON and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Officer => "officer",
            Place::Manager => "manager",
            Place::Deputy => "deputy",
            Place::General => "general",
            Place::GeneralDeputy => "general-deputy",
            Place::Auditor => "auditor",
            Place::System => "system",
            Place::Duty => "duty",
            Place::Security => "security",
        }
    }

    /// The place of this word.
    pub fn from_word(word: &str) -> Option<Place> {
        Place::ALL.into_iter().find(|place| place.as_str() == word)
    }

    /// The role whose posts are asked, where it is one.
    pub fn role(self) -> Option<Role> {
        match self {
            Place::Officer => Some(Role::Officer),
            Place::Manager | Place::Deputy => Some(Role::Manager),
            Place::General | Place::GeneralDeputy => Some(Role::General),
            Place::Auditor => Some(Role::Auditor),
            Place::System => Some(Role::System),
            Place::Duty | Place::Security => None,
        }
    }

    /// How high it stands: the highest places of a level decide whether it was told.
    pub(super) fn rank(self) -> u8 {
        match self {
            Place::Officer => 0,
            Place::Manager | Place::Deputy => 1,
            Place::General | Place::GeneralDeputy => 2,
            Place::Auditor | Place::System | Place::Duty | Place::Security => 3,
        }
    }
}

/// One level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// Who is told.
    pub tell: Vec<Place>,
    /// How long the level below is given where it was told within duty hours.
    pub after: Duration,
    /// The same outside of them.
    pub after_off_hours: Duration,
}

impl Rung {
    pub(super) fn rank(&self) -> u8 {
        self.tell.iter().map(|place| place.rank()).max().unwrap_or(0)
    }
}

/// The ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LadderSettings {
    /// Levels of 重大.
    pub critical: Vec<Rung>,
    /// Levels of 警告.
    pub warning: Vec<Rung>,
    /// Addresses at which somebody answers at night and on closed days.
    pub duty: Vec<String>,
    /// Telephone numbers, printed in mails from the second level on.
    pub phone: Option<String>,
    /// 職員番号 of those who run the host, beside the posts of 情報システム管理者.
    pub administrators: Vec<String>,
    /// How often the last level is told of 重大 that nobody answers for; zero: not again.
    pub again: Duration,
}

impl Default for LadderSettings {
    /// Nobody prescribes these times; 訓令 第39条 asks that the alarm reaches the top in time.
    fn default() -> Self {
        let rung = |tell: &[Place], after: Duration, after_off_hours: Duration| Rung {
            tell: tell.to_vec(),
            after,
            after_off_hours,
        };
        let now = Duration::ZERO;
        LadderSettings {
            critical: vec![
                rung(&[Place::Officer, Place::Manager], now, now),
                rung(&[Place::Deputy], 30 * MINUTE, HOUR),
                rung(&[Place::General, Place::GeneralDeputy], HOUR, HOUR),
                rung(&[Place::Duty, Place::Security], 2 * HOUR, 2 * HOUR),
            ],
            warning: vec![
                rung(&[Place::Officer, Place::Manager], now, now),
                rung(&[Place::Deputy], 4 * HOUR, 16 * HOUR),
                rung(&[Place::General], 24 * HOUR, 24 * HOUR),
            ],
            duty: Vec::new(),
            phone: None,
            administrators: Vec::new(),
            again: 24 * HOUR,
        }
    }
}

impl LadderSettings {
    /// The levels for a severity; none for 注意, which waits for the digest of the day.
    pub fn rungs(&self, severity: Severity) -> &[Rung] {
        match severity {
            Severity::Critical => &self.critical,
            Severity::Warning => &self.warning,
            Severity::Notice => &[],
        }
    }
}
