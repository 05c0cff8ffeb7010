//! Record -> Access: joins what a line says with who and what is registered.
//!
//! The account becomes a person and a standing at the record's own time; the resource becomes a dataset and a
//! class of operation; the citizen's number becomes a keyed hash here and is nowhere else from here on.
//!
//! In two steps: what a record says of data, whoever it was ([`Surveyor`], which remembers nothing, so that another
//! thread may do it ahead), and who it was ([`Placer`], which gives out row ids and must see records in order).
//!
//! Not here: row ids (given by [`WhoIds`]), counters and rules (`detect`).

mod jobs;
mod key;
mod spellings;

use std::borrow::Cow;
use std::sync::Arc;

pub use key::SubjectKey;

use jobs::ByJob;

use super::Record;
use crate::access::{
    Access, Amount, DatasetId, ForJob, LineRef, Mark, Marks, Operation, Ordinal, Outcome, SectionHash, SourceId,
    Standing, Terminal, Trace, WhoId, name_hash,
};
use crate::calendar::{Calendar, Day, day_of};
use crate::clock::EventTime;
use crate::register::accounts::normal;
use crate::register::jobs::Jobs;
use crate::register::sections::{Duty, Sections};
use crate::register::{AccountIx, Datasets, Register, Verdict};
use crate::text::inert;
use spellings::{Spelling, Spellings};

/// Longest spelling remembered, in bytes: longer ones are looked up every time.
const SPELLING_BYTES_MAX: usize = 128;
/// Longest name kept of an account nobody registered, in characters.
const NAME_CHARS_MAX: usize = 128;

/// More bytes than this no single answer holds (16 TiB).
const BYTES_MAX: u64 = 1 << 44;

/// Days before the last one of office or contract from which a person is about to leave.
const LEAVING_DAYS: i32 = 30;

/// Where row ids of persons and unregistered accounts come from.
pub trait WhoIds {
    /// The id of the person with this 職員番号.
    fn person(&mut self, number: &str) -> WhoId;
    /// The id of an account that is in no register; the name is normalised, inert and short.
    fn account(&mut self, name: &str) -> WhoId;
    /// The id of an approved job, by the name it is counted under.
    fn job(&mut self, name: &str) -> WhoId {
        self.account(name)
    }
    /// The same for a name that `source` showed on `day`, with its place among the names without registration of that
    /// source and day. Where there are very many, those behind get one id together.
    fn unregistered(&mut self, name: &str, _source: SourceId, _day: Day) -> (WhoId, u32) {
        (self.account(name), 1)
    }
}

/// Says what a record means for the 台帳, whoever it was.
#[derive(Debug)]
pub struct Surveyor {
    datasets: Datasets,
    key: SubjectKey,
}

/// What a record says of a dataset.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    dataset: DatasetId,
    operation: Operation,
    outcome: Outcome,
    records: Amount,
    bytes: Amount,
    terminal: Terminal,
    /// The log states an amount that cannot be: it is taken as not stated.
    pub implausible: bool,
}

/// What of a record goes on from here: small, because it passes from one core to another.
#[derive(Debug)]
pub struct Surveyed<'a> {
    /// The record's own time.
    pub time: Option<EventTime>,
    /// Account name, undecorated.
    pub user: Option<Cow<'a, [u8]>>,
    /// Address or terminal.
    pub source: Option<Cow<'a, [u8]>>,
    /// What it is about; `None`: no dataset.
    pub sight: Option<Sight>,
    /// The citizen's number as the line has it, until [`Placer::place`] makes a keyed hash of it.
    pub number: Option<Cow<'a, [u8]>>,
    /// What tells it from every other record of its source, where that is declared.
    pub key: Option<u64>,
    /// Whether it only adds to an access that was counted.
    pub part: bool,
}

impl Surveyor {
    /// The 台帳.
    pub fn datasets(&self) -> &Datasets {
        &self.datasets
    }

    /// Looks at a record of source number `index` (in configuration).
    pub fn survey<'r>(&self, record: &'r Record<'_>, index: usize) -> Surveyed<'r> {
        let operation = record.operation.as_deref().unwrap_or_default();
        let resource = record.resource.as_deref().unwrap_or_default();
        let (sight, number) = match self.datasets.resolve(index, operation, resource) {
            None => (None, None),
            Some(hit) => {
                let stated = record.subject.as_deref().filter(|number| !is_blank(number));
                let found = hit.subject.filter(|number| !is_blank(number));
                let records_max = u64::from(self.datasets.brief(hit.dataset).records_max);
                let (rows, bytes) = (
                    record.rows.filter(|n| *n <= records_max),
                    record.bytes.filter(|n| *n <= BYTES_MAX),
                );
                let sight = Sight {
                    dataset: hit.dataset,
                    operation: hit.operation.or(record.class).unwrap_or(Operation::View),
                    outcome: outcome(record),
                    records: match (record.status, record.bytes) {
                        // 499: the client went away before it got anything.
                        (Some(304), _) | (Some(499), Some(0)) => Amount::Known(0),
                        _ if rows != record.rows => Amount::Unknown,
                        _ => amount(rows.or(hit.records)),
                    },
                    bytes: amount(bytes),
                    terminal: terminal(record),
                    implausible: rows != record.rows || bytes != record.bytes,
                };
                (Some(sight), stated.map(Cow::Borrowed).or(found))
            }
        };
        Surveyed {
            time: record.time,
            user: record.user.as_deref().map(Cow::Borrowed),
            source: record.source.as_deref().map(Cow::Borrowed),
            sight,
            number,
            key: record.key,
            part: record.part,
        }
    }
}

fn amount(stated: Option<u64>) -> Amount {
    stated.map_or(Amount::Unknown, Amount::Known)
}

/// Joins records with the register and the 台帳.
#[derive(Debug)]
pub struct Placer {
    register: Arc<Register>,
    calendar: Arc<Calendar>,
    surveyor: Arc<Surveyor>,
    spellings: Spellings,
    anonymous: Option<WhoId>,
    duties: Vec<Duty>,
    jobs: ByJob,
}

/// Whose access it is.
struct Whose {
    who: WhoId,
    standing: Standing,
    marks: Marks,
    section: SectionHash,
    names: u32,
    job: ForJob,
}

/// What became of a record.
#[derive(Debug, Clone, Copy)]
pub enum Placed {
    /// An access to a dataset.
    Access(Access),
    /// A resource that belongs to no dataset: counted as read, nothing more.
    NoDataset,
    /// A record without a time.
    NoTime,
}

impl Placer {
    /// A placer for one version of the register and the 台帳.
    pub fn new(register: Arc<Register>, calendar: Arc<Calendar>, datasets: Datasets, key: SubjectKey) -> Self {
        Placer {
            register,
            calendar,
            surveyor: Arc::new(Surveyor { datasets, key }),
            spellings: Spellings::default(),
            anonymous: None,
            duties: Vec::new(),
            jobs: ByJob::default(),
        }
    }

    /// Approved jobs: what is done under one is counted under it.
    pub fn set_jobs(&mut self, jobs: Arc<Jobs>) {
        self.jobs = ByJob::new(jobs);
        self.spellings.clear();
    }

    /// Duty hours of sections and persons: whoever is on duty is not outside office hours.
    pub fn set_duties(&mut self, sections: &Sections) {
        self.duties.clone_from(&sections.duties);
        self.spellings.clear();
    }

    /// The key by which citizens' numbers are hashed.
    pub fn key(&self) -> &SubjectKey {
        &self.surveyor.key
    }

    /// The register in force.
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// The same, to be held beside the placer.
    pub fn shared_register(&self) -> Arc<Register> {
        Arc::clone(&self.register)
    }

    /// Takes another version of the register into force; gives back the one before.
    pub fn set_register(&mut self, register: Arc<Register>) -> Arc<Register> {
        self.spellings.clear();
        std::mem::replace(&mut self.register, register)
    }

    /// What says which dataset a record is about, to be used beside the placer.
    pub fn surveyor(&self) -> &Arc<Surveyor> {
        &self.surveyor
    }

    /// Forgets ids that were given out but not committed.
    pub fn reset(&mut self) {
        self.spellings.clear();
        self.jobs.reset();
        self.anonymous = None;
    }

    /// Places a record of `source`.
    pub fn place(&mut self, record: &Surveyed<'_>, at: LineRef, source: SourceId, ids: &mut dyn WhoIds) -> Placed {
        let Some(time) = record.time else { return Placed::NoTime };
        let Some(sight) = record.sight else {
            return Placed::NoDataset;
        };
        let Whose {
            who,
            standing,
            marks,
            section,
            names,
            job,
        } = self.who(record, time, (&sight, source), ids);
        Placed::Access(Access {
            at,
            source,
            time,
            who,
            standing,
            marks,
            dataset: sight.dataset,
            operation: sight.operation,
            outcome: sight.outcome,
            records: sight.records,
            bytes: sight.bytes,
            subject: record.number.as_deref().map(|number| self.surveyor.key.hash(number)),
            trace: Trace {
                terminal: sight.terminal,
                section,
                ordinal: record.number.as_deref().and_then(Ordinal::read),
                part: record.part,
                names,
                job,
            },
        })
    }

    fn who(
        &mut self,
        record: &Surveyed<'_>,
        time: EventTime,
        (sight, source): (&Sight, SourceId),
        ids: &mut dyn WhoIds,
    ) -> Whose {
        let Some(user) = record.user.as_deref().filter(|user| !is_blank(user)) else {
            let anonymous = *self.anonymous.get_or_insert_with(|| ids.account("-"));
            return Whose {
                who: anonymous,
                standing: Standing::Anonymous,
                marks: Marks::NONE,
                section: SectionHash::default(),
                names: 0,
                job: ForJob::default(),
            };
        };
        let day = day_of(time);
        let known = match self.spellings.get_mut(user) {
            Some(known) => {
                match known.known {
                    Some((ix, _)) if known.day != day.0 => {
                        *known = registered((&self.register, &self.duties, &self.jobs), ix, day, ids);
                    }
                    None if known.day != day.0 || known.source != source => {
                        *known = unknown(user, source, day, ids);
                    }
                    Some(_) | None => {}
                }
                *known
            }
            None => {
                let fresh = match self.register.find(user) {
                    Some(ix) => registered((&self.register, &self.duties, &self.jobs), ix, day, ids),
                    None => unknown(user, source, day, ids),
                };
                if user.len() <= SPELLING_BYTES_MAX && !fresh.who.is_crowd() {
                    self.spellings.insert(user, fresh);
                }
                fresh
            }
        };
        let mut marks = known.marks;
        let brief = self.surveyor.datasets.brief(sight.dataset);
        if let Some((_, right)) = known.known {
            let granted = self.register.granted(right, day, sight.dataset, sight.operation);
            if let Some(mark) = granted.mark(brief.handover_days) {
                marks = marks.with(mark);
            }
        }
        if 0 < known.duty && self.is_on_duty(known.duty, time) {
            marks = marks.with(Mark::OnDuty);
        }
        if known.declared || brief.terminals || brief.designated {
            marks = self.narrower(&known, record, time, sight, marks);
        }
        Whose {
            who: known.who,
            standing: known.standing,
            marks,
            section: known.section,
            names: known.names,
            job: self.job(&known, sight, time, ids),
        }
    }

    /// The approved job it belongs to, if to any.
    fn job(&mut self, known: &Spelling, sight: &Sight, time: EventTime, ids: &mut dyn WhoIds) -> ForJob {
        let Some((_, right)) = known.known.filter(|_| known.jobs) else {
            return ForJob::default();
        };
        let person = self.register.verdict_of(right.span()).person;
        self.jobs.of(person, sight, time, ids)
    }

    fn is_on_duty(&self, duty: u16, time: EventTime) -> bool {
        let duty = self.duties.get(usize::from(duty).saturating_sub(1));
        duty.is_some_and(|duty| duty.hours.holds(time, &self.calendar))
    }

    /// What only few datasets and accounts are held to: terminals, designation, what was declared.
    fn narrower(
        &self,
        known: &Spelling,
        record: &Surveyed<'_>,
        time: EventTime,
        sight: &Sight,
        mut marks: Marks,
    ) -> Marks {
        let facts = self.surveyor.datasets.facts(sight.dataset);
        if let Some(facts) = facts {
            let host = record.source.as_deref().filter(|host| !is_blank(host));
            if !facts.terminals.is_empty() && host.is_some_and(|host| !facts.terminals.permit(host)) {
                marks = marks.with(Mark::Terminal);
            }
        }
        let Some((_, right)) = known.known else { return marks };
        let span = right.span();
        if known.standing == Standing::Valid
            && let Some(designated) = facts.and_then(|facts| facts.designated.as_ref())
            && !designated.holds(self.register.verdict_of(span).person, self.register.sections_of(span))
        {
            marks = marks.with(Mark::Designation);
        }
        if known.declared
            && let Some(declared) = self.register.verdict_of(span).declared
        {
            if !declared.permits_host(record.source.as_deref()) {
                marks = marks.with(Mark::Elsewhere);
            }
            if !declared.permits_time(time, &self.calendar) {
                marks = marks.with(Mark::OffSchedule);
            }
        }
        marks
    }
}

/// A section as rules tell it from another.
fn section(name: &str) -> SectionHash {
    if name.is_empty() {
        return SectionHash::default();
    }
    SectionHash(name_hash(name.as_bytes()))
}

/// The terminal or address as rules tell it from another.
fn terminal(record: &Record<'_>) -> Terminal {
    match record.source.as_deref().map(<[u8]>::trim_ascii) {
        None | Some(b"" | b"-") => Terminal::default(),
        Some(name) => Terminal(name_hash(name)),
    }
}

/// An account that the register does not know.
fn unknown(user: &[u8], source: SourceId, day: Day, ids: &mut dyn WhoIds) -> Spelling {
    // Somebody may type a citizen's number, or escapes for a terminal, where the account belongs.
    let name = inert(normal(user).as_bytes(), NAME_CHARS_MAX);
    Spelling::unknown(ids.unregistered(&name, source, day), source, day)
}

/// What the register says of an account on a day.
fn registered(
    (register, duties, jobs): (&Register, &[Duty], &ByJob),
    ix: AccountIx,
    day: Day,
    ids: &mut dyn WhoIds,
) -> Spelling {
    let verdict = register.verdict_on(ix, day);
    let near = |last: Day| last.0.saturating_sub(day.0) <= LEAVING_DAYS;
    let leaving = verdict.leaving.is_some_and(near);
    Spelling {
        who: ids.person(verdict.person),
        known: Some((ix, register.right(verdict.span()))),
        day: day.0,
        standing: verdict.standing,
        marks: if leaving {
            verdict.marks.with(Mark::Leaving)
        } else {
            verdict.marks
        },
        section: section(verdict.section),
        declared: verdict.declared.is_some(),
        jobs: jobs.knows(verdict.person),
        source: SourceId(0),
        names: 0,
        duty: duty(duties, &verdict),
    }
}

/// The duty hours of whoever holds a right: his own, else those of his section.
fn duty(duties: &[Duty], verdict: &Verdict<'_>) -> u16 {
    if verdict.standing != Standing::Valid {
        return 0;
    }
    let of_person = duties
        .iter()
        .position(|d| !d.person.is_empty() && d.person == verdict.person);
    let of_section = || {
        duties
            .iter()
            .position(|d| d.person.is_empty() && d.section == verdict.section)
    };
    let found = of_person.or_else(of_section);
    found.and_then(|n| u16::try_from(n + 1).ok()).unwrap_or(0)
}

/// Whether a field holds nothing but blanks.
fn is_blank(text: &[u8]) -> bool {
    match text.first() {
        Some(b'!'..=b'~') => false,
        _ => String::from_utf8_lossy(text).trim().is_empty(),
    }
}

/// Whether data was given out. The log's own word decides; a web status of 2xx or 304 is a success, and so is nginx's
/// 499 (the client went away while it was served: the bytes that were sent were given out, and nobody refused). Any other
/// redirect (usually to a sign-in page), refusal or error is not. A log that says nothing is taken as success.
fn outcome(record: &Record<'_>) -> Outcome {
    match (record.outcome, record.status) {
        (Some(outcome), _) => outcome,
        (None, Some(200..=299 | 304 | 499) | None) => Outcome::Success,
        (None, Some(_)) => Outcome::Failure,
    }
}

#[cfg(test)]
mod tests;
