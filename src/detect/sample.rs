//! Samples that stand inside rules: what must fire and what must not, run by `check` through the very code
//! that runs in the daemon.

use hashbrown::HashMap;

use super::book::{DayNumber, History, HistoryError, PageKey, Select};
use super::memo::joined;
use super::page::Page;
use super::relation::List;
use super::{Detector, RuleSettings};
use crate::access::{
    Access, Amount, DatasetId, LineRef, Mark, Marks, Operation, Ordinal, Outcome, SectionHash, SourceId, Standing,
    Subject, Terminal, Trace, WhoId, name_hash,
};
use crate::clock::EventTime;
use crate::register::DatasetSettings;

/// A sample that cannot be read or does not come out as it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The text of an access cannot be read.
    #[error("line {line}: rule {rule}: sample access {text:?}: {why}")]
    Unreadable {
        /// Line of the sample.
        line: usize,
        /// The rule.
        rule: String,
        /// The access.
        text: String,
        /// What is wrong and what would do.
        why: String,
    },
    /// The rule fired although the sample says it must not, or the other way round.
    #[error("line {line}: rule {rule}: this sample must {}fire, and it does{}", if *.fires { "" } else { "not " }, if *.fires { " not" } else { "" })]
    Wrong {
        /// Line of the sample.
        line: usize,
        /// The rule.
        rule: String,
        /// What the sample says.
        fires: bool,
    },
}

/// Runs every sample of every rule, each on an empty book. `time` reads a time stamp (RFC 3339).
pub fn run_samples(
    rules: &[RuleSettings],
    datasets: &[DatasetSettings],
    time: &dyn Fn(&str) -> Option<EventTime>,
) -> Vec<SampleError> {
    let numbered: Vec<(DatasetId, &DatasetSettings)> = (1u16..).map(DatasetId).zip(datasets).collect();
    let mut errors = Vec::new();
    for rule in rules {
        for sample in &rule.samples {
            let mut detector = Detector::new(std::slice::from_ref(rule), &numbered);
            let mut reader = Reader {
                datasets: &numbered,
                people: HashMap::new(),
                time,
            };
            let mut fired = Vec::new();
            for text in &sample.accesses {
                match reader.read(text) {
                    Ok(read) => {
                        if read
                            .all()
                            .any(|a| detector.observe(&a, &mut read.history(), &mut fired).is_err())
                        {
                            break;
                        }
                    }
                    Err(why) => errors.push(SampleError::Unreadable {
                        line: sample.line,
                        rule: rule.id.clone(),
                        text: text.clone(),
                        why,
                    }),
                }
            }
            if fired.is_empty() == sample.fires {
                errors.push(SampleError::Wrong {
                    line: sample.line,
                    rule: rule.id.clone(),
                    fires: sample.fires,
                });
            }
        }
    }
    errors
}

/// Most accesses one text may stand for.
const TIMES_MAX: u32 = 10_000;
/// Somebody who is none of those who use anything here.
const ANOTHER: WhoId = WhoId(u32::MAX);

/// The accesses one text stands for.
struct Read {
    access: Access,
    times: u32,
    listed: Option<(List, WhoId)>,
}

impl Read {
    /// One a second, each of another citizen.
    fn all(&self) -> impl Iterator<Item = Access> {
        (0..self.times).map(|n| {
            let mut access = self.access;
            if 0 < n {
                access.time = access.time.plus(std::time::Duration::from_secs(n.into()));
                access.subject = access.subject.map(|s| Subject(joined(s.0, n.into())));
                access.trace.ordinal = None;
            }
            access
        })
    }

    fn history(&self) -> Listed {
        Listed(self.listed)
    }
}

/// A history without a past, in which the citizen stands on a list.
struct Listed(Option<(List, WhoId)>);

impl History for Listed {
    fn knows(&self, _who: WhoId) -> bool {
        false
    }
    fn pages(
        &mut self,
        _select: Select,
        _from: DayNumber,
        _to: DayNumber,
        _sink: &mut dyn FnMut(DayNumber, PageKey, &Page),
    ) -> Result<(), HistoryError> {
        Ok(())
    }
    fn lists(&mut self, list: List, _subject: Subject, _who: WhoId) -> Option<WhoId> {
        self.0.filter(|(on, _)| *on == list).map(|(_, of)| of)
    }
}

struct Reader<'a> {
    datasets: &'a [(DatasetId, &'a DatasetSettings)],
    people: HashMap<String, WhoId>,
    time: &'a dyn Fn(&str) -> Option<EventTime>,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) -> Result<Read, String> {
        let mut words = text.split_whitespace();
        let mut next = |what: &str| {
            words
                .next()
                .ok_or_else(|| format!("no {what}; write TIME WHO DATASET OPERATION"))
        };
        let time = next("time")?;
        let time = (self.time)(time).ok_or_else(|| format!("{time:?} is no time; write 2026-11-21T10:00:00+09:00"))?;
        let who = next("person")?.to_owned();
        let dataset = next("dataset")?;
        let operation = next("operation")?;
        let id = self.datasets.iter().find(|d| d.1.id == dataset).map(|d| d.0);
        let count = u32::try_from(self.people.len()).unwrap_or(u32::MAX).saturating_add(1);
        let mut access = Access {
            at: LineRef::default(),
            source: SourceId(1),
            time,
            who: *self.people.entry(who).or_insert(WhoId(count)),
            standing: Standing::Valid,
            marks: Marks::NONE,
            dataset: id.ok_or_else(|| format!("there is no dataset {dataset:?}"))?,
            operation: Operation::from_word(operation).ok_or_else(|| format!("there is no operation {operation:?}"))?,
            outcome: Outcome::Success,
            records: Amount::Unknown,
            bytes: Amount::Unknown,
            subject: None,
            trace: Trace::default(),
        };
        let (mut times, mut listed) = (1, None);
        for word in words {
            match word.split_once('=') {
                Some(("times", v)) => {
                    times = v.parse().ok().filter(|n| (1..=TIMES_MAX).contains(n)).unwrap_or(0);
                    if times == 0 {
                        return Err(format!("{v:?} is no number from 1 to {TIMES_MAX}"));
                    }
                }
                Some(("listed", "watch")) => listed = Some((List::Watch, WhoId(0))),
                Some(("listed", "own")) => listed = Some((List::Staff, access.who)),
                Some(("listed", "staff")) => listed = Some((List::Staff, ANOTHER)),
                _ => apply(&mut access, word)?,
            }
        }
        Ok(Read { access, times, listed })
    }
}

fn apply(access: &mut Access, word: &str) -> Result<(), String> {
    let number = |v: &str| v.parse().map(Amount::Known).map_err(|_| format!("{v:?} is no number"));
    match word.split_once('=') {
        None if word == "failure" => access.outcome = Outcome::Failure,
        Some(("records", v)) => access.records = number(v)?,
        Some(("bytes", v)) => access.bytes = number(v)?,
        Some(("subject", v)) => {
            access.subject = Some(Subject(fnv(v)));
            access.trace.ordinal = Ordinal::read(v.as_bytes());
        }
        Some(("names", v)) => access.trace.names = v.parse().map_err(|_| format!("{v:?} is no number"))?,
        Some(("terminal", v)) => access.trace.terminal = Terminal(name_hash(v.as_bytes())),
        Some(("section", v)) => access.trace.section = SectionHash(name_hash(v.as_bytes())),
        Some(("standing", v)) => {
            let all = Standing::SUSPICIOUS.into_iter().chain([Standing::Valid]);
            access.standing = all
                .into_iter()
                .find(|s| s.as_str() == v)
                .ok_or_else(|| format!("there is no standing {v:?}"))?;
        }
        Some(("marks", v)) => {
            for word in v.split(',') {
                let mark = Mark::ALL.into_iter().find(|m| m.as_str() == word);
                access.marks = access
                    .marks
                    .with(mark.ok_or_else(|| format!("there is no mark {word:?}"))?);
            }
        }
        _ => {
            return Err(format!(
                "{word:?} is unknown; write failure, records=, bytes=, subject=, terminal=, section=, standing=, marks=, names=, listed= or times="
            ));
        }
    }
    Ok(())
}

/// FNV-1a: sample subjects only need to differ.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}
