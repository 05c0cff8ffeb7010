//! Search of the archive: which segments may hold what is asked for, and the records in them that do.
//!
//! The entries of the ledger say which segments lie in the period and hold the dataset, the index of each whether it may hold
//! the person or the citizen; only what is left is opened. Every segment that is opened is held against the hash in its
//! entry, so that nothing is given out that was not sealed. What is not there, or is not what was sealed, is told: an answer
//! is complete or says that it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use sha2::{Digest, Sha256};

use super::reread::{Archived, Reread, Seen};
use crate::access::{Access, DatasetId, LineRef, Subject, WhoId};
use crate::clock::EventTime;
use crate::evidence::{
    Beginning, Entry, Hash, Identity, Levels, SegmentReader, hex, leaf_hash, may_hold, of_person, verify,
};
use crate::parse::place::WhoIds;
use crate::parse::{Record, Why};
use crate::register::accounts::normal;

/// What is asked for; everything given must hold.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// From this moment.
    pub from: Option<EventTime>,
    /// To before this moment.
    pub to: Option<EventTime>,
    /// Of these persons and accounts.
    pub who: Option<Wanted>,
    /// Of this dataset: its row id and its name in the ledger.
    pub dataset: Option<(DatasetId, String)>,
    /// Of this citizen.
    pub subject: Option<Subject>,
}

/// Persons and accounts that are looked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Whose accesses count.
    pub who: BTreeSet<WhoId>,
    /// Who they may have been taken for when they were archived.
    pub perhaps: BTreeSet<WhoId>,
    /// Only by this account, as it is compared.
    pub account: Option<String>,
}

/// A segment that lies in the scope.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Index of its entry in the ledger.
    pub index: u64,
    /// Its entry.
    pub entry: Entry,
    /// Its number.
    pub n: u64,
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// Segments in the period and of the dataset.
    pub segments: u64,
    /// Of them, those whose index says that they hold nothing of it.
    pub passed: u64,
    /// Those opened.
    pub opened: u64,
    /// Records read in them.
    pub records: u64,
    /// Records found.
    pub found: u64,
    /// Lines in them that no record came from: what they were about is not known.
    pub unread: u64,
    /// Segments that are not there, by number.
    pub missing: Vec<u64>,
    /// Entries that say that records were lost which may be of the period.
    pub gaps: Vec<u64>,
    /// Oldest and newest record in any segment of the archive, microseconds.
    pub held: Option<(i64, i64)>,
    /// Segments that are not what was sealed, cannot be opened, or are of a source that is not configured any more.
    pub unusable: Vec<(u64, String)>,
}

impl Looked {
    /// Whether nothing in the scope was left out.
    pub fn complete(&self) -> bool {
        self.missing.is_empty() && self.unusable.is_empty() && self.gaps.is_empty()
    }
}

/// One record that was found.
#[derive(Debug)]
pub struct Hit<'a> {
    /// The segment it stands in.
    pub segment: &'a Candidate,
    /// The tree over the segment.
    pub tree: &'a Levels,
    /// Number of its first line in the segment, from 1.
    pub line: usize,
    /// Its lines as they stood in the source, without their newlines.
    pub lines: Vec<&'a [u8]>,
    /// Where it stood in its source.
    pub at: LineRef,
    /// What it says; none where it could not be read.
    pub record: Option<&'a Record<'a>>,
    /// What it was, where it is about a dataset.
    pub access: Option<&'a Access>,
    /// Why it could not be read.
    pub why: Option<Why>,
}

/// A search that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// What was found cannot be given out.
    #[error(transparent)]
    Out(#[from] std::io::Error),
}

/// A segment in memory.
struct Loaded {
    candidate: Candidate,
    content: Result<(Beginning, Vec<u8>, Vec<u8>), String>,
}

/// A search in the archive folder.
#[derive(Debug)]
pub struct Search<'a> {
    /// The archive.
    pub archive: &'a Path,
    /// Its ledger, checked.
    pub log: &'a verify::ReadLog,
    /// Who opens segments.
    pub identities: &'a [Identity],
}

impl Search<'_> {
    /// The segments that may hold something of `scope`, in the order of the ledger.
    pub fn candidates(&self, scope: &Scope, looked: &mut Looked) -> Vec<Candidate> {
        let keys = Keys::of(scope);
        let mut all = Vec::new();
        self.lost(scope, looked);
        for (index, entry) in self.log.entries.iter().filter(|(_, e)| e.kind() == "segment") {
            let Some(n) = entry.number("n").filter(|_| in_scope(entry, scope)) else {
                continue;
            };
            looked.segments = looked.segments.saturating_add(1);
            if keys
                .as_ref()
                .is_some_and(|keys| !keys.may_be_in(self.archive, n, entry))
            {
                looked.passed = looked.passed.saturating_add(1);
                continue;
            }
            all.push(Candidate {
                index: *index,
                entry: entry.clone(),
                n,
            });
        }
        all
    }

    /// Notes what was lost of the period, and what the archive reaches over. What a gap tells of was written between the last
    /// record before it that was archived of its source, and the moment it was noticed.
    fn lost(&self, scope: &Scope, looked: &mut Looked) {
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for (index, entry) in &self.log.entries {
            let time = |key: &str| verify::micros(entry.text(key));
            match entry.kind() {
                "segment" => {
                    if let (Some(from), Some(to)) = (time("first"), time("last")) {
                        let reached = last.entry(entry.text("src")).or_insert(to);
                        *reached = (*reached).max(to);
                        let held = looked.held.unwrap_or((from, to));
                        looked.held = Some((held.0.min(from), held.1.max(to)));
                    }
                }
                "gap" if is_lost(entry) => {
                    let since = last.get(entry.text("src")).copied();
                    let before = scope
                        .to
                        .is_some_and(|to| since.is_some_and(|since| to.micros() <= since));
                    let after = scope
                        .from
                        .is_some_and(|from| time("at").is_some_and(|at| at < from.micros()));
                    if !before && !after {
                        looked.gaps.push(*index);
                    }
                }
                _ => {}
            }
        }
    }

    /// Gives every record of `scope` in `candidates` to `sink`: segment by segment, in the order in which they were read.
    /// The next segment is opened on a thread of its own meanwhile.
    ///
    /// # Errors
    /// The first one of `sink`.
    pub fn records(
        &self,
        candidates: Vec<Candidate>,
        scope: &Scope,
        reread: &mut Reread,
        names: &mut dyn WhoIds,
        looked: &mut Looked,
        sink: &mut dyn FnMut(&Hit<'_>) -> std::io::Result<()>,
    ) -> Result<(), SearchError> {
        std::thread::scope(|scope_of_threads| {
            let (send, receive) = sync_channel(1);
            let opening = move || {
                for candidate in candidates {
                    let content = self.load(&candidate);
                    if send.send(Loaded { candidate, content }).is_err() {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().name("open".into());
            drop(thread.spawn_scoped(scope_of_threads, opening)?);
            for loaded in receive {
                let (beginning, header, bytes) = match loaded.content {
                    Ok(content) => content,
                    Err(why) if why.is_empty() => {
                        looked.missing.push(loaded.candidate.n);
                        continue;
                    }
                    Err(why) => {
                        looked.unusable.push((loaded.candidate.n, why));
                        continue;
                    }
                };
                looked.opened = looked.opened.saturating_add(1);
                let opened = Opened {
                    candidate: &loaded.candidate,
                    header: &header,
                    bytes: &bytes,
                };
                opened.records(&beginning, scope, reread, names, looked, sink)?;
            }
            Ok(())
        })
    }

    /// A segment's header and bytes, if they are what was sealed; an empty reason where it is not there.
    fn load(&self, candidate: &Candidate) -> Result<(Beginning, Vec<u8>, Vec<u8>), String> {
        let entry = &candidate.entry;
        let path: PathBuf = self.archive.join(entry.text("name"));
        if !path.exists() {
            return Err(String::new());
        }
        let encrypted = !entry.texts("rcpt").is_empty();
        let open = SegmentReader::open(&path, encrypted, self.identities, entry.raw_bytes());
        let mut reader = open.map_err(|e| e.to_string())?;
        let header = reader.header().to_vec();
        let bytes = reader.all().map_err(|e| e.to_string())?;
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        if hex(&hash) != entry.text("sha256_raw") {
            return Err("its content is not what was sealed".to_owned());
        }
        let beginning = Beginning::read(&header).ok_or("its header is not what was sealed")?;
        Ok((beginning, header, bytes))
    }
}

/// Whether bytes were lost, and not only what was read of them changed afterwards or cut by rotation.
fn is_lost(gap: &Entry) -> bool {
    let kept = ["truncated", "rolled-back", "edited", "replaced", "expired"];
    !matches!(gap.text("cause"), "handling" | "configured") && !kept.contains(&gap.text("why"))
}

/// What the index is asked for.
struct Keys {
    any: Vec<u64>,
    subject: Option<u64>,
}

impl Keys {
    fn of(scope: &Scope) -> Option<Keys> {
        let who = scope.who.as_ref();
        let any: Vec<u64> = who
            .map(|who| who.who.union(&who.perhaps).map(|who| of_person(who.0)).collect())
            .unwrap_or_default();
        let subject = scope.subject.map(|subject| subject.0);
        (who.is_some() || subject.is_some()).then_some(Keys { any, subject })
    }

    /// Whether the segment may hold them. An index that is not the one that was sealed says nothing.
    fn may_be_in(&self, archive: &Path, n: u64, entry: &Entry) -> bool {
        let Ok(index) = std::fs::read(archive.join(format!("idx/{n:08}.idx"))) else {
            return true;
        };
        let hash: [u8; 32] = Sha256::digest(&index).into();
        if hex(&hash) != entry.text("idx") {
            return true;
        }
        let who = self.any.is_empty() || self.any.iter().any(|key| may_hold(&index, *key));
        who && self.subject.is_none_or(|key| may_hold(&index, key))
    }
}

/// Whether the segment may hold records of the period and the dataset, by what its entry says.
fn in_scope(entry: &Entry, scope: &Scope) -> bool {
    if let Some((_, dataset)) = &scope.dataset
        && !entry.texts("datasets").contains(&dataset.as_str())
    {
        return false;
    }
    let at = |key: &str| verify::micros(entry.text(key));
    // Without times it may hold any.
    let (Some(first), Some(last)) = (at("first"), at("last")) else {
        return true;
    };
    // Times in the ledger are whole seconds.
    let (last, first) = (last.saturating_add(1_000_000), first.saturating_sub(1_000_000));
    scope.from.is_none_or(|from| from.micros() <= last) && scope.to.is_none_or(|to| first < to.micros())
}

struct Opened<'a> {
    candidate: &'a Candidate,
    header: &'a [u8],
    bytes: &'a [u8],
}

impl Opened<'_> {
    fn records(
        &self,
        beginning: &Beginning,
        scope: &Scope,
        reread: &mut Reread,
        names: &mut dyn WhoIds,
        looked: &mut Looked,
        sink: &mut dyn FnMut(&Hit<'_>) -> std::io::Result<()>,
    ) -> Result<(), SearchError> {
        let read_at = EventTime::from_micros(verify::micros(self.candidate.entry.text("at")).unwrap_or(i64::MAX));
        let mut tree: Option<Levels> = None;
        // Lines before `counted` bytes.
        let (mut line, mut counted) = (1usize, 0usize);
        let mut result = Ok(());
        let known = reread.records(beginning, self.bytes, read_at, names, &mut |archived| {
            looked.records = looked.records.saturating_add(1);
            if matches!(archived.seen, Seen::Reject(_)) {
                looked.unread = looked.unread.saturating_add(1);
            }
            if result.is_err() || !holds(&archived, scope) {
                return;
            }
            let (from, to) = archived.range;
            let before = self.bytes.get(counted..from).unwrap_or_default();
            line = line.saturating_add(memchr::memchr_iter(b'\n', before).count());
            counted = from;
            let own = self.bytes.get(from..to).unwrap_or_default();
            let own = own.strip_suffix(b"\n").unwrap_or(own);
            let tree = tree.get_or_insert_with(|| self.tree());
            let (record, access, why) = match &archived.seen {
                Seen::Access(record, access) => (Some(*record), Some(access.as_ref()), None),
                Seen::Other(record) => (Some(*record), None, None),
                Seen::Reject(why) => (None, None, Some(*why)),
                Seen::Nothing => (None, None, None),
            };
            looked.found = looked.found.saturating_add(1);
            result = sink(&Hit {
                segment: self.candidate,
                tree,
                line,
                lines: own.split(|b| *b == b'\n').collect(),
                at: archived.at,
                record,
                access,
                why,
            });
        });
        if !known {
            let why = format!("there is no source {} in the configuration", beginning.source);
            looked.unusable.push((self.candidate.n, why));
        }
        Ok(result?)
    }

    fn tree(&self) -> Levels {
        let body = self.bytes.strip_suffix(b"\n").unwrap_or(self.bytes);
        let lines = body.split(|b| *b == b'\n').map(leaf_hash);
        let leaves: Vec<Hash> = std::iter::once(leaf_hash(self.header)).chain(lines).collect();
        Levels::of(leaves)
    }
}

fn is_his(wanted: &Wanted, record: &Record<'_>, access: &Access) -> bool {
    let by = |account: &String| {
        record
            .user
            .as_deref()
            .is_some_and(|user| normal(user) == account.as_str())
    };
    wanted.who.contains(&access.who) && wanted.account.as_ref().is_none_or(by)
}

fn holds(archived: &Archived<'_>, scope: &Scope) -> bool {
    let particular = scope.who.is_some() || scope.dataset.is_some() || scope.subject.is_some();
    let in_time = |time: Option<EventTime>| {
        let Some(time) = time else {
            return scope.from.is_none() && scope.to.is_none();
        };
        scope.from.is_none_or(|from| from <= time) && scope.to.is_none_or(|to| time < to)
    };
    match &archived.seen {
        Seen::Nothing => false,
        // What it was about is not known; in a period it stands with the others.
        Seen::Reject(_) => !particular,
        Seen::Other(record) => !particular && in_time(record.time),
        Seen::Access(record, access) => {
            in_time(Some(access.time))
                && scope.who.as_ref().is_none_or(|wanted| is_his(wanted, record, access))
                && scope.dataset.as_ref().is_none_or(|(id, _)| *id == access.dataset)
                && scope.subject.is_none_or(|subject| access.subject == Some(subject))
        }
    }
}
