//! What a batch collects before it is committed: changes of the book, situations, rejects.

mod begin;
mod jobs;
mod keys;
mod turn;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use self::begin::situation;
use self::jobs::JobsInForce;
use self::keys::Keys;
use self::turn::{Turn, note};
use super::ahead::{Handful, Seen};
use super::cases::Cases;
use super::odd::{Odd, Order};
use super::ongoing::{Ongoing, Shadow};
use super::recheck::Rechecked;
use super::tell::{Backdated, Corrected};
use super::{PipelineError, Teller};
use crate::access::{Access, DatasetId, LineRef, SourceId, WhoId};
use crate::alert::AlertId;
use crate::alert::decide;
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::detect::book::Book;
use crate::detect::memo::Memo;
use crate::detect::{Detector, Finding, RuleIx, RuleSettings};
use crate::evidence::Facts;
use crate::parse::Why;
use crate::parse::place::{Placed, Placer, Surveyed, Surveyor};
use crate::register::Register;
use crate::source::{SegmentState, SourceEvent};
use crate::store::{
    ArchiveBatch, Batch, Committed, Lists, Names, NewNames, PageHistory, RejectCount, Store, StoreError, Tally,
};

/// Key of a situation.
pub(super) type Key = (RuleIx, WhoId, DatasetId);

#[derive(Debug)]
pub(super) struct Work {
    /// For looking: sees what is committed.
    pub store: Store,
    names: Names,
    lists: Lists,
    jobs: JobsInForce,
    detector: Detector,
    placer: Placer,
    rules: Vec<RuleSettings>,
    gaps: Vec<Duration>,
    book: Book,
    spare: Book,
    situations: BTreeMap<Key, Ongoing>,
    cases: Cases,
    /// Situations of this batch so far.
    begun: u64,
    /// What the batch says whose commit is on its way, while there is one.
    shadow: Option<Shadow>,
    rejects: Vec<RejectCount>,
    keys: Keys,
    findings: Vec<Finding>,
    /// Accesses of the handful in hand with the numbers of their lines.
    placed: Vec<(usize, Access)>,
    newest: Option<EventTime>,
    turn: Turn,
    /// Whether times go on, by source.
    orders: Vec<Order>,
    /// What the archive wants to know of the content of this turn, where there is one.
    facts: Option<Facts>,
}

/// What a batch has to write of its sources.
#[derive(Debug, Default)]
pub(super) struct OfSources {
    /// Positions, each with the one the batch began with.
    pub segments: Vec<(SegmentState, Option<u64>)>,
    pub chunks: Vec<crate::source::ChunkHash>,
    pub begun: Vec<(SourceId, String)>,
    pub events: Vec<SourceEvent>,
    pub tallies: Vec<(SourceId, Tally)>,
    /// What is archived.
    pub archive: ArchiveBatch,
}

/// A whole batch, ready to be committed by whoever holds the writing connection.
#[derive(Debug)]
pub(super) struct Sealed {
    of_sources: OfSources,
    pub book: Book,
    memos: Vec<Memo>,
    names: NewNames,
    situations: BTreeMap<Key, Ongoing>,
    rejects: Vec<RejectCount>,
    /// Who is in office, for whom to tell.
    register: Arc<Register>,
    now: WallTime,
}

impl Sealed {
    /// Makes it durable, or none of it.
    pub fn commit(&mut self, store: &mut Store, teller: &Teller) -> Result<Committed, StoreError> {
        let batch = Batch {
            segments: &self.of_sources.segments,
            chunks: &self.of_sources.chunks,
            begun: &self.of_sources.begun,
            events: &self.of_sources.events,
            book: &mut self.book,
            memos: &self.memos,
            names: &self.names,
            tallies: &self.of_sources.tallies,
            rejects: &self.rejects,
            archive: &self.of_sources.archive,
            day: day_of(EventTime::from_micros(self.now.micros())).0,
            now: self.now,
        };
        teller.set_register(Arc::clone(&self.register));
        store.commit(batch, &mut |desk| {
            teller.tell_events(desk, &self.of_sources.events, self.now)?;
            teller.tell_rejects(desk, &self.rejects, self.now)?;
            teller.tell(desk, &self.situations, self.now)
        })
    }
}

impl Work {
    pub fn new(
        store: Store,
        detector: Detector,
        placer: Placer,
        rules: Vec<RuleSettings>,
    ) -> Result<Work, PipelineError> {
        let names = store.names()?;
        let lists = store.lists(Lists::default())?;
        let gaps = rules.iter().map(decide::gap).collect();
        Ok(Work {
            store,
            names,
            lists,
            jobs: JobsInForce::default(),
            detector,
            placer,
            rules,
            gaps,
            book: Book::default(),
            spare: Book::default(),
            situations: BTreeMap::new(),
            cases: Cases::default(),
            begun: 0,
            shadow: None,
            rejects: Vec::new(),
            keys: Keys::default(),
            findings: Vec::new(),
            placed: Vec::new(),
            newest: None,
            turn: Turn {
                source: (SourceId(0), 0),
                now: EventTime::from_micros(i64::MIN),
                latest: EventTime::from_micros(i64::MIN),
                newest: 0,
                seen: 0,
                odd: Odd::default(),
                order: Order::default(),
            },
            orders: Vec::new(),
            facts: None,
        })
    }

    /// Goes on with another version of the register; gives back the one before.
    pub fn set_register(&mut self, register: Arc<Register>) -> Arc<Register> {
        self.placer.set_register(register)
    }

    /// The register in force.
    pub fn register(&self) -> Arc<Register> {
        self.placer.shared_register()
    }

    /// What the rules say of what two registers judge differently.
    pub fn hindsight(&self, rechecked: &Rechecked) -> Vec<Corrected> {
        let register = self.placer.register();
        let found = self.detector.reconsider(&rechecked.differing);
        let corrected = found.into_iter().map(|found| {
            let number = rechecked.numbers.get(&found.who).map_or("", String::as_str);
            Corrected::of(register, found, number)
        });
        corrected.collect()
    }

    /// What a rule held against somebody and no longer does: rights given for days that had passed.
    pub fn backdated(&self, rechecked: &Rechecked) -> Vec<Backdated> {
        let register = self.placer.register();
        let found = self.detector.allowed_since(&rechecked.differing);
        let backdated = found.into_iter().map(|found| {
            let number = rechecked.numbers.get(&found.who).cloned().unwrap_or_default();
            let verdicts = register.accounts_of(&number).iter();
            let mut verdicts = verdicts.map(|ix| register.verdict(*ix, found.span.1));
            let section = verdicts.find(|v| v.person == number).map_or("", |v| v.section);
            Backdated {
                found,
                section: section.to_owned(),
                person: number,
            }
        });
        backdated.collect()
    }

    pub fn begin_turn(&mut self, now: WallTime, skew: Duration, source: (SourceId, usize)) -> Result<(), StoreError> {
        if let Some(jobs) = self.jobs.look(&self.store, now)? {
            self.placer.set_jobs(jobs);
        }
        self.turn = Turn {
            source,
            now: EventTime::from_micros(now.micros()),
            latest: EventTime::from_micros(now.plus(skew).micros()),
            newest: 0,
            seen: 0,
            odd: Odd::default(),
            order: self.orders.get(source.1).copied().unwrap_or_default().turn(),
        };
        Ok(())
    }

    /// Newest record of this turn, the same with those that lie ahead, and what was odd about any.
    pub fn turned(&mut self) -> (i64, i64, Odd) {
        let index = self.turn.source.1;
        if self.orders.len() <= index {
            self.orders.resize(index + 1, Order::default());
        }
        if let Some(order) = self.orders.get_mut(index) {
            *order = self.turn.order;
        }
        (self.turn.newest, self.turn.seen, self.turn.odd)
    }

    pub fn newest(&self) -> Option<EventTime> {
        self.newest
    }

    /// Whether the batch holds findings: they are committed at once.
    pub fn found(&self) -> bool {
        !self.situations.is_empty()
    }

    pub fn reject(&mut self, why: Why, at: LineRef) {
        let source = self.turn.source.0;
        match self.rejects.iter_mut().find(|r| r.source == source && r.why == why) {
            Some(r) => {
                r.lines += 1;
                r.last = at;
            }
            None => self.rejects.push(RejectCount {
                source,
                why,
                lines: 1,
                last: at,
            }),
        }
    }

    /// What says which dataset a record is about.
    pub fn surveyor(&self) -> &Arc<Surveyor> {
        self.placer.surveyor()
    }

    /// Takes in what was read: counts each record and shows it to the rules, in order.
    pub fn judge(&mut self, handful: &Handful, tally: &mut Tally) -> Result<(), PipelineError> {
        let mut placed = std::mem::take(&mut self.placed);
        for i in 0..handful.len() {
            match handful.get(i) {
                Some((Seen::Record(record), at)) => placed.extend(self.place(record, at, tally)?.map(|a| (i, a))),
                Some((Seen::Reject(why), at)) => {
                    tally.rejects += 1;
                    self.reject(why, at);
                }
                Some((Seen::Nothing, _)) => tally.nothing += 1,
                None => {}
            }
        }
        self.detector.expect(placed.iter().map(|(_, access)| access));
        for (i, access) in &placed {
            self.access(|| handful.get(*i), access)?;
        }
        placed.clear();
        self.placed = placed;
        Ok(())
    }

    /// Says whose access a record is, and to what; `None` where it is none.
    fn place(
        &mut self,
        mut record: Surveyed<'_>,
        at: LineRef,
        tally: &mut Tally,
    ) -> Result<Option<Access>, PipelineError> {
        // Before 1970 nobody logged anything: a date of 1900 is a spreadsheet's zero.
        let Some(written) = record.time.filter(|time| 0 <= time.micros()) else {
            tally.rejects += 1;
            self.reject(Why::Time, at);
            return Ok(None);
        };
        self.turn.seen = self.turn.seen.max(written.micros());
        if let Some(back) = self.turn.order.look(at, written.secs()) {
            self.turn.odd.back.get_or_insert((at, back));
        }
        let time = match self.turn.latest < written {
            true => self.ahead(written, at),
            false => written,
        };
        record.time = Some(time);
        self.turn.newest = self.turn.newest.max(time.micros());
        if let Some(facts) = &mut self.facts {
            facts.saw(time.micros());
        }
        self.newest = self.newest.max(Some(time));
        if let Some(key) = record.key
            && self.keys.are_known(self.turn.source.0, key, &self.store)?
        {
            tally.repeated += 1;
            return Ok(None);
        }
        if record.sight.is_some_and(|sight| sight.implausible) {
            self.turn.odd.implausible.get_or_insert(at);
        }
        Ok(
            match self.placer.place(&record, at, self.turn.source.0, &mut self.names) {
                Placed::Access(access) => {
                    tally.accesses += 1;
                    Some(access)
                }
                Placed::NoDataset | Placed::NoTime => {
                    tally.no_dataset += 1;
                    None
                }
            },
        )
    }

    /// A record that is dated ahead of the clock happened now at the latest.
    fn ahead(&mut self, written: EventTime, at: LineRef) -> EventTime {
        let secs = written.secs().saturating_sub(self.turn.now.secs());
        let (_, most) = self.turn.odd.ahead.get_or_insert((at, secs));
        *most = secs.max(*most);
        if let Some(facts) = &mut self.facts {
            facts.ahead = true;
        }
        self.turn.now
    }

    fn access<'a>(
        &mut self,
        line: impl Fn() -> Option<(Seen<'a>, LineRef)>,
        access: &Access,
    ) -> Result<(), PipelineError> {
        self.book.add(access);
        if let Some(facts) = &mut self.facts {
            note(facts, access);
        }
        let mut history = PageHistory {
            store: &self.store,
            names: &self.names,
            key: Some(self.placer.key()),
            lists: Some(&self.lists),
        };
        self.detector.observe(access, &mut history, &mut self.findings)?;
        if self.findings.is_empty() {
            return Ok(());
        }
        let mut findings = std::mem::take(&mut self.findings);
        if let Some((Seen::Record(record), _)) = line() {
            // The worst leads; of equals the first in the order of the rules.
            findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
            for finding in &findings {
                self.finding(finding, &record, access)?;
            }
        }
        self.findings = findings;
        self.findings.clear();
        Ok(())
    }

    fn finding(&mut self, finding: &Finding, record: &Surveyed<'_>, access: &Access) -> Result<(), PipelineError> {
        let ix = usize::from(finding.rule.0);
        let (Some(rule), Some(gap)) = (self.rules.get(ix), self.gaps.get(ix)) else {
            return Ok(());
        };
        let key = (finding.rule, finding.who, finding.dataset);
        let ongoing = self.situations.entry(key).or_insert_with(Ongoing::new);
        if let Some(span) = ongoing.lacks(finding.at, *gap) {
            let stored = self
                .store
                .alerts_ending(&rule.id, finding.who, finding.dataset, &span)?;
            match &self.shadow {
                Some(shadow) => shadow.load(&key, ongoing, span.start, stored),
                None => ongoing.load(span.start, stored),
            }
        }
        let case = (finding.who, finding.dataset);
        if let Some(from) = self.cases.lacks(case, finding.at) {
            let stored = self.store.cases_since(case.0, case.1, from)?;
            self.cases.load(case, stored);
        }
        let (placer, names, begun) = (&self.placer, &self.names, &mut self.begun);
        let joins = self.cases.joins(case, finding.at);
        let lead = ongoing.join(finding, access, (rule, *gap), joins, || {
            *begun = begun.saturating_add(1);
            (situation((placer, names), finding, record, access), *begun)
        });
        if let Some(lead) = lead {
            self.cases.hit(case, lead, finding.at);
        }
        Ok(())
    }

    /// Takes out what the batch has decided; the next batch begins empty.
    pub fn seal(&mut self, of_sources: OfSources, now: WallTime) -> Result<Sealed, StoreError> {
        self.shadow = Some(Shadow::of(&self.situations, self.store.last_alert()?));
        self.begun = 0;
        self.cases.seal();
        let book = std::mem::replace(&mut self.book, std::mem::take(&mut self.spare));
        let mut memos = self.detector.seal();
        self.keys
            .seal(day_of(EventTime::from_micros(now.micros())).0, &mut memos);
        self.lists = self.store.lists(std::mem::take(&mut self.lists))?;
        Ok(Sealed {
            of_sources,
            book,
            memos,
            names: self.names.take_added(),
            situations: std::mem::take(&mut self.situations),
            rejects: std::mem::take(&mut self.rejects),
            register: self.register(),
            now,
        })
    }

    /// The sealed batch is committed: its situations are alerts now, its memory is used again.
    pub fn settle(&mut self, mut book: Book, situations: &[(u64, AlertId)]) {
        let alerts: BTreeMap<u64, AlertId> = situations.iter().copied().collect();
        self.situations.values_mut().for_each(|ongoing| ongoing.settle(&alerts));
        self.cases.settle(&alerts);
        self.shadow = None;
        self.keys.settle();
        book.clear();
        self.spare = book;
    }

    /// From now on notes what the archive wants to know.
    pub fn keep_facts(&mut self) {
        self.facts = Some(Facts::default());
    }

    /// What was found since the last call.
    pub fn take_facts(&mut self) -> Facts {
        self.facts.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Situations the batch holds.
    pub fn situations(&self) -> u64 {
        self.begun
    }

    /// Whether the book can take in no more than another turn.
    pub fn is_full(&self) -> bool {
        self.book.is_full()
    }

    /// Forgets what no window can ask for any more. Only while no commit is on its way.
    pub fn prune(&mut self) {
        if let Some(newest) = self.newest {
            self.detector.prune(newest);
            self.cases.prune(newest);
        }
    }

    pub fn rollback(&mut self) -> Result<(), PipelineError> {
        self.names = self.store.names()?;
        self.placer.reset();
        self.detector.reset();
        self.book.clear();
        self.situations.clear();
        self.cases.clear();
        self.begun = 0;
        self.shadow = None;
        self.rejects.clear();
        self.keys = Keys::default();
        self.findings.clear();
        self.placed.clear();
        self.orders.clear();
        Ok(())
    }
}
