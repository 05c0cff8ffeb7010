//! Why a command failed: its exit code, and what is said of it in the language of the console.

use std::path::{Path, PathBuf};

use super::chain;
use crate::service::RunError;
use crate::service::settle::Unsettled;
use crate::service::setup::SetupError;
use crate::store::StoreError;
use crate::text::{Lang, Say, reason};

/// Why a command failed, as its exit code.
#[derive(Debug)]
pub(super) enum Failure {
    /// The configuration: 78.
    Config(String),
    /// The command line names what is not there or cannot be: 2.
    Usage(Say),
    /// The store: 75 while somebody else uses it, else 1.
    Store(StoreError),
    /// What the command does could not be entered into the ledger for good, so it was not done: 1.
    Unsettled(Say),
    /// A file that cannot be used: 1.
    File(PathBuf, std::io::Error),
    /// Anything else: 1.
    Failed(String),
    /// The answer itself is a code: verification.
    Verdict(u8),
    /// Whoever read the output went away: 0.
    Closed,
}

impl Failure {
    pub(super) fn code(&self) -> u8 {
        match self {
            Failure::Config(_) => 78,
            Failure::Usage(_) => 2,
            Failure::Store(StoreError::Locked(_) | StoreError::Busy) => 75,
            Failure::Store(_) | Failure::Unsettled(_) | Failure::File(..) | Failure::Failed(_) => 1,
            Failure::Verdict(code) => *code,
            Failure::Closed => 0,
        }
    }

    /// What is said of it; nothing where the output said it already, or nobody listens.
    pub(super) fn said(&self, lang: Lang) -> Option<String> {
        match self {
            Failure::Config(text) | Failure::Failed(text) => Some(text.clone()),
            Failure::Usage(why) | Failure::Unsettled(why) => Some(why.pick(lang).to_owned()),
            Failure::Store(e) => Some(e.say().pick(lang).to_owned()),
            Failure::File(path, e) => Some(format!("{}: {}", path.display(), reason(e).pick(lang))),
            Failure::Verdict(_) | Failure::Closed => None,
        }
    }

    /// Names the file of an error.
    pub(super) fn at(path: &Path) -> impl Fn(std::io::Error) -> Failure {
        move |e| Failure::File(path.to_owned(), e)
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        match e.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Failed(e.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Self {
        Failure::Store(e)
    }
}

impl From<Unsettled> for Failure {
    /// Without its entry under a signature nothing is given out: to be tried again where somebody is only busy.
    fn from(e: Unsettled) -> Self {
        match e {
            Unsettled::Store(e) => e.into(),
            e => Failure::Unsettled(e.say()),
        }
    }
}

impl From<RunError> for Failure {
    fn from(e: RunError) -> Self {
        match e {
            RunError::Config(problems) => Failure::Config(problems.to_string()),
            RunError::Store(e) | RunError::Setup(SetupError::Store(e)) => e.into(),
            RunError::Setup(e) => Failure::Config(e.to_string()),
            e => Failure::Failed(chain(&e)),
        }
    }
}
