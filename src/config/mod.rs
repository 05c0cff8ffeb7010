//! Configuration: TOML files -> checked [`Config`].
//!
//! Errors name file, line, key and what would do; all of them are reported at once.
//! No stage imports this module: settings types belong to the stage that uses them.

use std::path::PathBuf;
use std::time::Duration;

use crate::alert::AlertSettings;
use crate::detect::RuleSettings;
use crate::mail::MailSettings;
use crate::parse::FormatSettings;
use crate::register::{AccountsSettings, DatasetSettings};
use crate::source::SourceSettings;
use crate::text::Lang;

/// Everything that is configured, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// Name of the agency, for mails.
    pub agency: String,
    /// Language of mails and console.
    pub lang: Lang,
    /// Where people ask (内線 …), printed in mails.
    pub contact: Option<String>,
    /// The SQLite file.
    pub store: PathBuf,
    /// Key file for hashes of citizens' numbers; made on first use beside the store.
    pub subject_key: PathBuf,
    /// How far ahead of the clock a record may be dated.
    pub future_skew: Duration,
    /// The sources.
    pub sources: Vec<SourceConfig>,
    /// The account register.
    pub accounts: AccountsSettings,
    /// The 台帳.
    pub datasets: Vec<DatasetSettings>,
    /// The rules.
    pub rules: Vec<RuleSettings>,
    /// Who is told.
    pub alerts: AlertSettings,
    /// How mails leave.
    pub mail: MailSettings,
    /// SHA-256 of all configuration files as read, hex: the version that stands in records.
    pub hash: String,
}

/// One source: how it is read and how its lines are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// Reading.
    pub read: SourceSettings,
    /// Parsing.
    pub format: FormatSettings,
}
