//! Where a kind of rule that keeps something of its own is asked at each access.
//!
//! A kind with memory (windows, first uses, baselines) implements [`Judge`] in a file of its own; `Detector::new` makes
//! one for each rule of its kind. Kinds that look at the access alone (`account`, `grant`) need none.

use super::book::{History, HistoryError};
use super::memo::Memo;
use super::{Scope, Severity};
use crate::access::{Access, DatasetId, WhoId};
use crate::clock::EventTime;

/// A rule held: what a [`Judge`] says of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Person or account; 0 where the rule adds up over persons.
    pub who: WhoId,
    /// Dataset; 0 where the rule adds up over datasets.
    pub dataset: DatasetId,
    /// Start of the window, or the access's own time.
    pub from: EventTime,
    /// What was observed.
    pub observed: u64,
    /// The limit; 0 where a single access is one too many.
    pub limit: u64,
    /// How bad, where it is not the rule's own severity.
    pub severity: Option<Severity>,
    /// What the words of a mail need beside.
    pub facts: Facts,
}

/// Numbers by which a kind says in a mail why it held; what each means stands where the words are made
/// (`alert::text`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts(pub [u64; 4]);

impl Held {
    /// A single access is one too many.
    pub fn once(access: &Access) -> Held {
        Held {
            who: access.who,
            dataset: access.dataset,
            from: access.time,
            observed: 1,
            limit: 0,
            severity: None,
            facts: Facts::default(),
        }
    }
}

/// A rule with a memory of its own.
///
/// Promise of every implementation: memory is a cache of the book. What is forgotten by `prune` or `reset` is looked up
/// in the history when it is needed again, so neither changes what is found; nor does the order of arrival.
pub trait Judge: std::fmt::Debug + Send {
    /// Takes in an access that lies in the rule's scope, and says whether the rule holds.
    ///
    /// # Errors
    /// The past cannot be read.
    fn observe(
        &mut self,
        access: &Access,
        scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError>;

    /// The batch in hand is sealed; what comes now belongs to the next one. What it changed of what the rule keeps goes
    /// to `out` and is committed with the batch.
    fn seal(&mut self, _out: &mut Vec<Memo>) {}

    /// Forgets what no access can ask for any more, given the newest record time seen.
    fn prune(&mut self, newest: EventTime);

    /// Forgets everything: the batch failed and is read again.
    fn reset(&mut self);

    /// Whether the rule also makes sense of many names together: what it asks of one person (his usual terminals, his
    /// past) it cannot ask of a crowd.
    fn faces_crowds(&self) -> bool {
        false
    }

    /// Whether it also asks what is done under an approved job: where and when somebody works, yes; how much, and of whom,
    /// the job says.
    fn minds_jobs(&self) -> bool {
        true
    }

    /// Keys in memory.
    fn keys(&self) -> usize;
}
