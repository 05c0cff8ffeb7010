//! Configuration: TOML files -> checked [`Config`].
//!
//! Errors name file, line, key and what would do; all of them are reported at once.
//! No stage imports this module: settings types belong to the stage that uses them.
//!
//! Each file is read table by table through `section::Section`, which remembers the keys it was asked for:
//! the set of valid keys stands once, in the code that reads them, and `docs/configuration.md` is held
//! against it by a test.
//!
//! Not here: reading the account register, compiling formats and patterns, running samples.

mod account;
mod calendar;
mod datasets;
mod doc;
mod escalation;
mod evidence;
mod formats;
mod general;
mod journal;
mod judged;
mod load;
mod mail;
mod nearest;
mod problem;
mod reach;
mod rules;
mod section;
mod sections;
mod sources;
mod terms;
mod units;
mod unwise;
mod values;
mod volume;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::alert::AlertSettings;
use crate::calendar::Calendar;
use crate::detect::RuleSettings;
use crate::evidence::EvidenceSettings;
use crate::mail::MailSettings;
use crate::parse::FormatSettings;
use crate::register::sections::Sections;
use crate::register::{AccountsSettings, DatasetSettings};
use crate::source::SourceSettings;
use crate::text::Lang;

pub use load::{Loaded, load, load_with, load_with_rules};
pub use problem::{Problem, Problems, Say};

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
    /// When offices are closed.
    pub calendar: Calendar,
    /// Who holds which role, and who is away.
    pub sections: Sections,
    /// The 台帳.
    pub datasets: Vec<DatasetSettings>,
    /// The rules.
    pub rules: Vec<RuleSettings>,
    /// Who is told.
    pub alerts: AlertSettings,
    /// How mails leave.
    pub mail: MailSettings,
    /// Where the record that proves itself is kept.
    pub evidence: EvidenceSettings,
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

/// The source one of whose patterns matches `file`: how a past log is to be read. The first one decides.
pub fn source_for_file(config: &Config, file: &Path) -> Option<usize> {
    let written = std::path::absolute(file).ok();
    let real = std::fs::canonicalize(file).ok();
    let names: Vec<PathBuf> = written
        .into_iter()
        .chain(real)
        .map(|path| without_parents(&path))
        .collect();
    let matches = |pattern: &String| {
        let pattern = without_parents(Path::new(pattern));
        let pattern = pattern.to_str().and_then(|text| glob::Pattern::new(text).ok());
        pattern.is_some_and(|pattern| {
            names
                .iter()
                .any(|name| pattern.matches_path_with(name, sources::MATCHING))
        })
    };
    config
        .sources
        .iter()
        .position(|source| source.read.journal.is_none() && source.read.paths.iter().any(matches))
}

/// `path` with each `..` taking away the part before it: enough to compare two names.
fn without_parents(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests;
