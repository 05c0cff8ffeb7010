//! The archive held against another register: what the counters are too coarse to say.
//!
//! The counters know persons, datasets, operations and days (`recheck`). Which of several accounts somebody used, from
//! which terminal and at what hour stands in the archived records only; where these are encrypted, only whoever brings an
//! identity can read them, so this runs by command. Each record of the persons on whom the two registers differ is placed
//! by both, by the code that placed it when it was read, and the rules are asked of what differs, access by access.
//!
//! Not here: records that are not sealed yet, and those that have expired; what could not be looked at is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::access::{Access, DatasetId, LineRef, WhoId};
use crate::calendar::{Day, day_of, day_start};
use crate::clock::{EventTime, WallTime};
use crate::config::Config;
use crate::detect::{Detector, Differing, Past, RuleIx};
use crate::parse::FormatError;
use crate::parse::place::{SubjectKey, WhoIds as _};
use crate::pipeline::Teller;
use crate::pipeline::reread::Reread;
use crate::pipeline::search::{Hit, Looked, Scope, Search, SearchError, Wanted};
use crate::pipeline::tell::Corrected;
use crate::register::{Register, newly_known, touched};
use crate::store::{Names, Store, StoreError};

/// Lines an alert found here refers to at most.
const EVIDENCE_MAX: usize = 20;

/// The past could not be judged again.
#[derive(Debug, thiserror::Error)]
pub enum RejudgeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A format of the configuration.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The archive.
    #[error(transparent)]
    Search(#[from] SearchError),
}

/// What was found in the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejudged {
    /// Accesses that the two registers judge differently.
    pub differing: u64,
    /// Alerts begun.
    pub found: u64,
    /// Findings that had been told of the same version before.
    pub known: u64,
    /// Mails queued.
    pub mails: u64,
    /// What was looked at.
    pub looked: Looked,
}

/// Two versions of the register, and the archive.
pub struct Rejudge<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The archive.
    pub search: Search<'a>,
    /// The register of before, and the one in force with its version.
    pub registers: (Register, Register),
    /// The version in force.
    pub version: i64,
    /// The key of citizens' hashes.
    pub key: SubjectKey,
    /// Name of this host, for mails.
    pub host: &'a str,
}

impl std::fmt::Debug for Rejudge<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rejudge")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Who is looked for, and on which days.
struct Sought {
    scope: Scope,
    numbers: BTreeMap<WhoId, String>,
}

/// What is gathered while records pass by.
#[derive(Default)]
struct Gathered {
    differing: Vec<Differing>,
    lines: BTreeMap<(WhoId, DatasetId, RuleIx), Vec<LineRef>>,
}

impl Rejudge<'_> {
    /// Looks through the archive and tells of what holds in hindsight, as after an import.
    ///
    /// # Errors
    /// [`RejudgeError`]; nothing is told then.
    pub fn run(mut self, store: &mut Store, now: WallTime) -> Result<Rejudged, RejudgeError> {
        let ids: Vec<&str> = self.config.datasets.iter().map(|d| d.id.as_str()).collect();
        let datasets = store.dataset_ids(&ids)?;
        let mut names = store.names()?;
        let Some(sought) = self.sought(&mut names, day_of(EventTime::from_micros(now.micros()))) else {
            return Ok(Rejudged::default());
        };
        let (before, after) = std::mem::take(&mut self.registers);
        let mut before = Reread::new(self.config, &datasets, before, self.key.clone())?;
        let mut after = Reread::new(self.config, &datasets, after, self.key.clone())?;
        let numbered: Vec<_> = datasets.iter().copied().zip(&self.config.datasets).collect();
        let detector = Detector::of_office(&self.config.rules, &numbered, &Arc::new(self.config.calendar.clone()));
        let mut done = Rejudged::default();
        let candidates = self.search.candidates(&sought.scope, &mut done.looked);
        // Ids as the store has them; whoever is new to it has no archived record of his own.
        let mut of_then = store.names()?;
        let known = store.names()?;
        let mut gathered = Gathered::default();
        self.search.records(
            candidates,
            &sought.scope,
            &mut after,
            &mut names,
            &mut done.looked,
            &mut |hit| {
                if let Some((access, was)) = twice(hit, &mut before, &mut of_then)
                    && (access.standing, access.marks) != (was.standing, was.marks)
                {
                    let who = if known.is_old(access.who) { access.who } else { was.who };
                    gathered.note(&detector, &access, &was, who);
                }
                Ok(())
            },
        )?;
        done.differing = u64::try_from(gathered.differing.len()).unwrap_or(u64::MAX);
        let corrected = gathered.corrected(&detector, after.register(), &sought.numbers);
        self.tell(store, &corrected, after.register(), &mut done, now)?;
        Ok(done)
    }

    /// Whose records are looked at: of persons on whom the registers differ, and of accounts that were unknown.
    fn sought(&self, names: &mut Names, today: Day) -> Option<Sought> {
        let (before, after) = &self.registers;
        let (mut wanted, mut numbers) = (Wanted::default(), BTreeMap::new());
        let (mut from, mut to) = (Day(i32::MAX), Day(i32::MIN));
        for days in touched(before, after, today) {
            if let Some(who) = names.known_person(&days.person) {
                (from, to) = (from.min(days.from), to.max(days.to));
                wanted.who.insert(who);
                numbers.insert(who, days.person);
            }
        }
        for account in newly_known(before, after) {
            let (Some(who), Some(ix)) = (names.known_account(account), after.by_own_name(account)) else {
                continue;
            };
            let people: BTreeSet<&str> = after.spans(ix).map(|(_, span)| after.verdict_of(span).person).collect();
            for person in people {
                let id = names.person(person);
                wanted.who.insert(id);
                numbers.extend([who, id].map(|who| (who, person.to_owned())));
            }
            wanted.perhaps.insert(who);
            (from, to) = (Day(i32::MIN), today);
        }
        let earliest = Day(today.0.saturating_sub(4_000));
        (!wanted.who.is_empty()).then(|| Sought {
            scope: Scope {
                from: Some(day_start(from.max(earliest))),
                to: Some(day_start(to.min(today).plus(1))),
                who: Some(wanted),
                ..Scope::default()
            },
            numbers,
        })
    }

    fn tell(
        &self,
        store: &mut Store,
        corrected: &[Corrected],
        register: &Register,
        done: &mut Rejudged,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let mut teller = Teller::for_console(self.config, store)?;
        teller.set_host(self.host);
        teller.set_register(Arc::new(register.clone()));
        let version = self.version;
        let (mut found, mut known) = (0u64, 0u64);
        let committed = store.in_hindsight(None, &mut |desk| {
            let mut fresh = Vec::new();
            for one in corrected {
                let rule = self.config.rules.get(usize::from(one.found.rule.0));
                let id = rule.map_or("", |rule| rule.id.as_str());
                match desk.is_told_in_hindsight(id, (one.found.who, one.found.dataset), version)? {
                    true => known += 1,
                    false => fresh.push(one.clone()),
                }
            }
            found = u64::try_from(fresh.len()).unwrap_or(u64::MAX);
            teller.tell_hindsight(desk, &fresh, (version, &format!("HA-{version}-{}", now.micros())), now)
        })?;
        (done.found, done.known) = (found, known);
        done.mails = u64::try_from(committed.mails).unwrap_or(u64::MAX);
        Ok(())
    }
}

/// An archived access as either register places it.
fn twice(hit: &Hit<'_>, before: &mut Reread, names: &mut Names) -> Option<(Access, Access)> {
    let access = *hit.access?;
    let was = before.place_again(hit.segment.entry.text("src"), hit.record?, hit.at, names)?;
    Some((access, was))
}

impl Gathered {
    fn note(&mut self, detector: &Detector, access: &Access, was: &Access, who: WhoId) {
        let differing = Differing {
            day: Past::of_access(access, who),
            before: (was.standing, was.marks),
            now: (access.standing, access.marks),
        };
        for found in detector.reconsider(&[differing]) {
            let lines = self.lines.entry((found.who, found.dataset, found.rule)).or_default();
            if lines.len() < EVIDENCE_MAX {
                lines.push(access.at);
            }
        }
        self.differing.push(differing);
    }

    fn corrected(
        &mut self,
        detector: &Detector,
        register: &Register,
        numbers: &BTreeMap<WhoId, String>,
    ) -> Vec<Corrected> {
        let found = detector.reconsider(&self.differing).into_iter();
        let corrected = found.map(|found| {
            let number = numbers.get(&found.who).map_or("", String::as_str);
            let lines = self.lines.remove(&(found.who, found.dataset, found.rule));
            Corrected {
                evidence: lines.unwrap_or_default(),
                ..Corrected::of(register, found, number)
            }
        });
        corrected.collect()
    }
}
