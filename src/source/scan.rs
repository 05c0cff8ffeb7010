//! Which segment is which file: one pass over the directories.
//!
//! A pass lists, lets every segment claim its file by incarnation, finds by content what was not found that
//! way (`resolve`), takes up what is new, and seals what is over. Nothing is declared lost before a second listing
//! agrees, and never while some path could not be looked at: a file is there, gone, or unobservable.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use super::body::Body;
use super::family::{Listed, Listing, Paths};
use super::follow::Tailer;
use super::identity::Stat;
use super::segment::Seg;
use super::tail::Tail;
use super::{Incarnation, Phase, SourceEventKind};
use crate::access::SegmentId;
use crate::clock::WallTime;

/// Most looks at the directories for two in a row that agree.
const LOOKS_MAX: u32 = 5;

/// What one pass knows.
pub(super) struct Pass {
    pub listing: Listing,
    /// For each listed file, whether it is settled whose it is.
    pub claimed: Vec<bool>,
    pub now: WallTime,
    /// Something could not be opened: nothing may be declared lost.
    pub blind: bool,
    /// Whether a segment that is not found now is lost.
    pub last: bool,
    /// There is no room for another open file.
    pub crowded: bool,
    /// What was listed anew when a file was first found cut or gone.
    again: Option<Listing>,
    /// Some file was cut after its copy had been listed.
    pub overtaken: bool,
    /// Paths found unreadable in this pass.
    noted: BTreeSet<PathBuf>,
}

impl Pass {
    fn new(listing: Listing, now: WallTime, last: bool) -> Pass {
        // A file with several names (hard links, a link and its target) is looked at under the live-most one.
        let mut seen = HashSet::new();
        let key = |f: &Listed| (f.stat.incarnation.dev, f.stat.incarnation.ino);
        let claimed = listing
            .files
            .iter()
            .map(|f| f.sealed_off() || !seen.insert(key(f)))
            .collect();
        Pass {
            blind: !listing.certain(),
            listing,
            claimed,
            now,
            last,
            crowded: false,
            again: None,
            overtaken: false,
            noted: BTreeSet::new(),
        }
    }

    /// The listed files nobody claimed yet, newest first.
    pub fn unclaimed(&self) -> Vec<(usize, Listed)> {
        let files = self.listing.files.iter().zip(&self.claimed).enumerate();
        files
            .filter(|(_, (_, claimed))| !**claimed)
            .map(|(i, (f, _))| (i, f.clone()))
            .collect()
    }

    /// Whether family `base` has changed since it was listed: a copy was not whole then, and its log is cut by now.
    pub fn overtaken(&mut self, base: &Path, paths: &Paths) -> bool {
        let again = self.again.get_or_insert_with(|| paths.list());
        let open = |index: usize| self.claimed.get(index) == Some(&false);
        let overtaken = !self.listing.agrees_on(again, base, open);
        self.overtaken |= overtaken;
        overtaken
    }

    pub fn claim(&mut self, index: usize) {
        if let Some(claimed) = self.claimed.get_mut(index) {
            *claimed = true;
        }
    }
}

impl Tailer {
    /// Lists the files and settles which segment each one is: notices new, renamed, vanished and replaced files.
    /// Call it at the start, when a wake-up says so, and every ten seconds.
    pub fn scan(&mut self, now: WallTime, new_id: &mut dyn FnMut() -> SegmentId) {
        self.crowded = false;
        self.take_held(now, new_id);
        let mut pass = self.pass(now, false, new_id);
        for _ in 0..LOOKS_MAX {
            // A rename during the listing can hide a file, and what was written after it would be read before it:
            // files nobody knows yet are taken up when two looks in a row agree.
            if !pass.overtaken && (pass.unclaimed().is_empty() || pass.listing.agrees(&self.paths.list())) {
                break;
            }
            pass = self.pass(now, false, new_id);
        }
        if self.segs.iter().any(Seg::unfound) && !pass.blind {
            // Not found, and perhaps hidden in the same way. Look once more before calling it lost.
            pass = self.pass(now, true, new_id);
        }
        if self.fresh {
            self.note_compressed(&pass);
        }
        self.take_new(&mut pass, new_id);
        self.tell_away(now);
        self.seal(&pass);
        self.tell_unfinished(now);
        self.tell_lag(&pass);
        self.close_spells(&pass);
        self.watch = std::mem::take(&mut pass.listing.watch);
        self.paths.begin();
        self.fresh = false;
        self.scanned = true;
        for seg in self
            .segs
            .iter_mut()
            .filter(|s| s.tail.as_ref().is_some_and(|t| !t.broken))
        {
            seg.doubt = None;
        }
        self.let_go();
        self.settle(Some(now));
    }

    fn pass(&mut self, now: WallTime, last: bool, new_id: &mut dyn FnMut() -> SegmentId) -> Pass {
        let mut pass = Pass::new(self.paths.list(), now, last);
        for (path, error) in std::mem::take(&mut pass.listing.blind) {
            self.note(&mut pass, path, SourceEventKind::Unreadable, &error.to_string());
        }
        for path in std::mem::take(&mut pass.listing.odd) {
            self.note(&mut pass, path, SourceEventKind::NotAFile, "not a regular file");
        }
        let packed = pass
            .listing
            .files
            .iter()
            .filter(|f| f.sealed_off() && f.named && f.live());
        for path in packed.map(|f| f.path.clone()).collect::<Vec<_>>() {
            self.spell(
                &path,
                None,
                SourceEventKind::Unreadable,
                false,
                "compressed in a way that is not read (gz, zst, xz and bz2 are)",
                now,
            );
            pass.noted.insert(path);
        }
        self.claim_known(&mut pass);
        self.notice_gone(&mut pass);
        self.check_families(&pass);
        self.resolve(&mut pass, new_id);
        pass
    }

    /// Segments claim their files by incarnation.
    fn claim_known(&mut self, pass: &mut Pass) {
        let owners = self.owners();
        let mut parked = Vec::new();
        for index in 0..pass.claimed.len() {
            let Some(file) = pass
                .listing
                .files
                .get(index)
                .filter(|_| pass.claimed.get(index) == Some(&false))
            else {
                continue;
            };
            let Some(at) = owners.get(&file.stat.incarnation).copied() else {
                continue;
            };
            if self.segs.get(at).is_some_and(|seg| unchanged(seg, file)) {
                parked.push(file.stat.incarnation);
                pass.claim(index);
                continue;
            }
            let file = file.clone();
            if self.claim_one(at, &file, pass) {
                pass.claim(index);
            }
        }
        if self.segs.iter().any(|s| s.parked) {
            self.unpark(&parked, pass.blind);
        }
    }

    /// The segment of each incarnation; one that is being read before one that is over.
    fn owners(&self) -> HashMap<Incarnation, usize> {
        let mut owners: HashMap<Incarnation, usize> = HashMap::with_capacity(self.segs.len());
        let order = |seg: &Seg| (!seg.active(), seg.tail.is_none());
        for (at, seg) in self
            .segs
            .iter()
            .enumerate()
            .filter(|(_, s)| s.state.phase != Phase::Lost)
        {
            let open = seg.tail.as_ref().map(|t| t.stat.incarnation);
            let first = owners.entry(open.unwrap_or(seg.state.incarnation)).or_insert(at);
            if self.segs.get(*first).is_some_and(|other| order(seg) < order(other)) {
                *first = at;
            }
        }
        owners
    }

    fn claim_one(&mut self, at: usize, file: &Listed, pass: &mut Pass) -> bool {
        let Some(seg) = self.segs.get_mut(at) else { return false };
        let over = !seg.active();
        let same_size = file.form.is_some() || file.stat.size == seg.state.position;
        let sure = file.stat.incarnation.btime != 0 || seg.state.path == file.path;
        if let Some(tail) = seg.tail.as_mut().filter(|_| over && !same_size) {
            // Sealed a moment ago and grown since: it is not over.
            tail.look_again();
            seg.changed_at = pass.now;
        } else if !(seg.tail.is_some() || over && same_size && sure) {
            let state = seg.state.clone();
            let opened = match self.open_listed(file, pass) {
                Ok(opened) => opened,
                // It is this segment's file, and it cannot be read now: wait.
                Err(Unopened::Blind) => return true,
                Err(Unopened::Changed) => return false,
            };
            let body = Body::new(opened.0, &file.path);
            let tail = match file.form {
                Some(_) => Tail::resume_packed(body, opened.1, &state),
                None => match Tail::resume(body, opened.1, &state) {
                    Ok(Ok(tail)) => tail,
                    Ok(Err(_)) => return false,
                    Err(error) => {
                        // It is this segment's file, and it cannot be read now: wait.
                        self.note(pass, file.path.clone(), SourceEventKind::Unreadable, &error.to_string());
                        return true;
                    }
                },
            };
            let Some(seg) = self.segs.get_mut(at) else { return false };
            seg.seen_size = tail.stat.size;
            seg.parked = false;
            if !over || !same_size {
                seg.tail = Some(tail);
                seg.changed_at = if over { pass.now } else { seg.changed_at };
            }
        }
        self.place(at, file, pass.now, over && same_size);
        true
    }

    /// Notes under which name the segment stands now.
    pub(super) fn place(&mut self, at: usize, file: &Listed, now: WallTime, keep_phase: bool) {
        let Some(seg) = self.segs.get_mut(at) else { return };
        let phase = match seg.state.phase {
            phase if keep_phase => phase,
            _ if file.live() => Phase::Live,
            _ => Phase::Rotated,
        };
        if seg.state.path != file.path || seg.state.phase != phase || seg.state.incarnation != file.stat.incarnation {
            if seg.state.phase != phase && seg.active() {
                seg.changed_at = now;
            }
            seg.state.path.clone_from(&file.path);
            seg.state.phase = phase;
            seg.state.incarnation = file.stat.incarnation;
            seg.dirty = true;
        }
        if phase == Phase::Live {
            seg.closing = None;
        }
        seg.base.clone_from(&file.base);
        seg.rank = file.rank;
    }

    /// Opens a listed file and makes sure that it is still the one that was listed.
    pub(super) fn open_listed(&mut self, file: &Listed, pass: &mut Pass) -> Result<(File, Stat), Unopened> {
        if !self.may_open(&file.base, pass) {
            if !self.crowded {
                let limit = getrlimit(Resource::Nofile).current.unwrap_or_default();
                let why = format!("more logs at a time than files may be open ({limit}): raise LimitNOFILE");
                self.note(pass, file.path.clone(), SourceEventKind::Unreadable, &why);
            }
            return Err(Unopened::Blind);
        }
        let mut opened = (self.opener)(&file.path, file.live());
        if let Err(error) = &opened
            && self.made_room(error, &file.base)
        {
            opened = (self.opener)(&file.path, file.live());
        }
        let opened = opened.and_then(|f| Stat::of_file(&f).map(|s| (f, s)));
        match opened {
            Ok((f, stat)) if stat.incarnation == file.stat.incarnation && stat.regular() => Ok((f, stat)),
            Ok(_) => {
                pass.blind = true;
                Err(Unopened::Changed)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                pass.blind = true;
                Err(Unopened::Changed)
            }
            Err(e) => {
                self.note(pass, file.path.clone(), SourceEventKind::Unreadable, &e.to_string());
                Err(Unopened::Blind)
            }
        }
    }

    fn note(&mut self, pass: &mut Pass, path: PathBuf, kind: SourceEventKind, why: &str) {
        if kind == SourceEventKind::Unreadable {
            pass.blind = true;
        }
        self.spell(&path, None, kind, false, why, pass.now);
        pass.noted.insert(path);
    }

    /// Ends the spells of paths this pass had no trouble with.
    fn close_spells(&mut self, pass: &Pass) {
        let over = self
            .spells
            .iter()
            .filter(|(path, spell)| !spell.reading && !pass.noted.contains(*path));
        let over: Vec<PathBuf> = over.map(|(path, _)| path.clone()).collect();
        for path in over {
            if path.exists() {
                self.end_spell(&path, pass.now);
            } else {
                self.spells.remove(&path);
            }
        }
    }
}

/// Whether `file` is just where and what `seg` was at the last look, so that there is nothing to note.
fn unchanged(seg: &Seg, file: &Listed) -> bool {
    let phase = if file.live() { Phase::Live } else { Phase::Rotated };
    let parked = seg.parked && file.stat.size == seg.state.position;
    let open = (seg.tail.is_some() || parked) && seg.state.phase == phase;
    let all = file.form.is_some() || file.stat.size == seg.state.position;
    let over = seg.state.phase == Phase::Sealed && all;
    (open || over) && seg.state.path == file.path && seg.rank == file.rank && seg.base == file.base
}

/// Why a listed file was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unopened {
    /// It may not or cannot be read now.
    Blind,
    /// It is gone or another file since it was listed; the next scan will see.
    Changed,
}
