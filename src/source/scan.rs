//! Which segment is which file: one pass over the directories.
//!
//! A pass lists, lets every segment claim its file by incarnation, finds by content what was not found that
//! way (`resolve`), takes up what is new, and seals what is over. Nothing is declared lost before a second listing
//! agrees, and never while some path could not be looked at: a file is there, gone, or unobservable.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::family::{Listed, Listing, Rank};
use super::follow::Tailer;
use super::identity::Stat;
use super::segment::{Away, Held, Seg, shown};
use super::tail::Tail;
use super::{Incarnation, Phase, SourceEventKind};
use crate::access::SegmentId;
use crate::clock::WallTime;

/// Most looks at the directories for two in a row that agree.
const LOOKS_MAX: u32 = 5;
/// Most files of one source that are kept open although they were renamed to a name outside it.
pub(super) const AWAY_MAX: usize = 64;

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
            .map(|f| f.compressed || !seen.insert(key(f)))
            .collect();
        Pass {
            blind: !listing.certain(),
            listing,
            claimed,
            now,
            last,
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
        self.take_held(now, new_id);
        let mut pass = self.pass(now, false, new_id);
        for _ in 0..LOOKS_MAX {
            // A rename during the listing can hide a file, and what was written after it would be read before it:
            // files nobody knows yet are taken up when two looks in a row agree.
            if pass.unclaimed().is_empty() || pass.listing.agrees(&self.paths.list()) {
                break;
            }
            pass = self.pass(now, false, new_id);
        }
        if self.segs.iter().any(|s| s.active() && s.tail.is_none()) && !pass.blind {
            // Not found, and perhaps hidden in the same way. Look once more before calling it lost.
            pass = self.pass(now, true, new_id);
        }
        if self.fresh && !self.first {
            self.note_compressed(&pass);
        }
        self.take_new(&mut pass, new_id);
        self.tell_away(now);
        self.seal(&pass);
        self.close_spells(&pass);
        self.watch = std::mem::take(&mut pass.listing.watch);
        self.first = false;
        self.fresh = false;
        self.scanned = true;
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
            .filter(|f| f.compressed && f.named && f.live());
        for path in packed.map(|f| f.path.clone()).collect::<Vec<_>>() {
            self.spell(
                &path,
                None,
                SourceEventKind::Unreadable,
                false,
                "compressed, not read",
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

    /// Files that stayed open over a reset: back to their segments, or begun anew as new ones.
    fn take_held(&mut self, now: WallTime, new_id: &mut dyn FnMut() -> SegmentId) {
        for seg in self
            .segs
            .iter_mut()
            .filter(|s| s.state.id == SegmentId::default() && !s.stored)
        {
            seg.state.id = new_id();
        }
        let mut orphans = Vec::new();
        for held in std::mem::take(&mut self.held) {
            let Ok(stat) = Stat::of_file(&held.file) else { continue };
            let free = |s: &&mut Seg| s.tail.is_none() && s.stored;
            let same_id = self.segs.iter_mut().filter(free).find(|s| s.state.id == held.id);
            let seg = match same_id {
                Some(seg) => Some(seg),
                None => self
                    .segs
                    .iter_mut()
                    .filter(free)
                    .find(|s| s.active() && s.state.incarnation == stat.incarnation),
            };
            match seg {
                // Sealed, and not grown since: let the file go.
                Some(seg) if !seg.active() && stat.size == seg.state.position => {}
                Some(seg) => match Tail::resume(held.file, stat, &seg.state) {
                    Ok(Ok(tail)) => {
                        seg.dirty |= seg.state.incarnation != stat.incarnation;
                        seg.state.incarnation = stat.incarnation;
                        seg.seen_size = stat.size;
                        seg.tail = Some(tail);
                        (seg.base, seg.rank, seg.away) = (held.base, held.rank, held.away);
                        if !seg.active() {
                            (seg.state.phase, seg.dirty) = (Phase::Rotated, true);
                        }
                    }
                    // Cut, begun anew and unlinked: no listing will show it again.
                    Ok(Err(file)) if stat.names == 0 && !held.stored => orphans.push((Held { file, ..held }, stat)),
                    Ok(Err(_)) | Err(_) => {}
                },
                None if !held.stored => orphans.push((held, stat)),
                None => {}
            }
        }
        for (held, stat) in orphans {
            self.begin_again(held, stat, now, new_id);
        }
    }

    /// The store never heard of this file's segment: it begins again, where it had begun.
    fn begin_again(&mut self, held: Held, stat: Stat, now: WallTime, new_id: &mut dyn FnMut() -> SegmentId) {
        if self
            .segs
            .iter()
            .any(|s| s.tail.as_ref().is_some_and(|t| t.stat.incarnation == stat.incarnation))
        {
            return;
        }
        let origin = held.origin.min(stat.size);
        let Ok(tail) = Tail::start(held.file, stat, origin) else {
            return;
        };
        let phase = if held.phase == Phase::Live {
            Phase::Live
        } else {
            Phase::Rotated
        };
        let mut seg = self.born(tail, &held.path, origin, phase, now, new_id);
        (seg.base, seg.rank, seg.away) = (held.base, held.rank, held.away);
        if origin > 0 {
            self.event(
                Some(seg.state.id),
                SourceEventKind::StartedAtEnd,
                (0, origin),
                shown(&held.path),
                now,
            );
        }
        self.segs.push(seg);
    }

    /// Segments claim their files by incarnation.
    fn claim_known(&mut self, pass: &mut Pass) {
        let owners = self.owners();
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
                pass.claim(index);
                continue;
            }
            let file = file.clone();
            if self.claim_one(at, &file, pass) {
                pass.claim(index);
            }
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
        let same_size = file.stat.size == seg.state.position;
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
            let Ok(Ok(tail)) = Tail::resume(opened.0, opened.1, &state) else {
                return false;
            };
            let Some(seg) = self.segs.get_mut(at) else { return false };
            seg.seen_size = tail.stat.size;
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

    /// Open files that stand under no name of the source any more.
    fn notice_gone(&mut self, pass: &mut Pass) {
        let listed: HashSet<(u64, u64)> = pass
            .listing
            .files
            .iter()
            .map(|f| (f.stat.incarnation.dev, f.stat.incarnation.ino))
            .collect();
        for seg in self.segs.iter_mut().filter(|s| s.active()) {
            let Some(tail) = seg.tail.as_mut() else { continue };
            // A file that cannot be looked at is tried by `read`, which raises the event.
            if tail.restat().is_err() {
                tail.look_again();
            }
            let (inc, size) = (tail.stat.incarnation, tail.stat.size);
            if size != seg.seen_size {
                seg.seen_size = size;
                seg.changed_at = pass.now;
            }
            let named = listed.contains(&(inc.dev, inc.ino));
            if named || tail.stat.names == 0 {
                seg.away = None;
            } else if !pass.blind {
                seg.away.get_or_insert(Away {
                    since: pass.now,
                    told: false,
                    stored: false,
                });
            }
            if seg.state.phase == Phase::Live && !named && !pass.blind {
                seg.state.phase = Phase::Rotated;
                seg.rank = Rank::GONE;
                seg.changed_at = pass.now;
                seg.dirty = true;
            }
        }
    }

    /// Raises an event for each open file that was renamed to a name outside the source and stayed there. They are
    /// followed on, because their writer may still have them open; but of too many, the oldest are let go.
    fn tell_away(&mut self, now: WallTime) {
        let wait = self.settings.rotate_wait;
        let mut away: Vec<(WallTime, usize)> = Vec::new();
        let mut told = Vec::new();
        for (at, seg) in self.segs.iter_mut().enumerate().filter(|(_, s)| s.active()) {
            let Some(mark) = seg.away.as_mut() else { continue };
            away.push((mark.since, at));
            if !mark.told && now.since(mark.since) >= wait {
                mark.told = true;
                let (place, detail) = (seg.state.position, shown(&seg.state.path));
                told.push((seg.state.id, SourceEventKind::RenamedAway, place, detail));
            }
        }
        away.sort_unstable();
        let over = away.len().saturating_sub(AWAY_MAX);
        for (_, at) in away.into_iter().take(over) {
            let Some(seg) = self.segs.get_mut(at) else { continue };
            let Some(tail) = seg.tail.as_mut().filter(|t| !t.ready()) else {
                continue;
            };
            if seg.closing.replace(tail.stat.size).is_none() {
                let detail = format!(
                    "{} renamed away; no more followed, because more than {AWAY_MAX} files were",
                    shown(&seg.state.path)
                );
                told.push((seg.state.id, SourceEventKind::Lost, seg.state.position, detail));
            }
            tail.look_again();
        }
        for (id, kind, place, detail) in told {
            self.event(Some(id), kind, (place, place), detail, now);
        }
    }

    /// Seals what was rotated away, is read to its end, quiet, and has a successor that holds something. What
    /// has a name outside the source may be written to unseen and stays open (`tell_away`).
    fn seal(&mut self, pass: &Pass) {
        if !self.segs.iter().any(|s| s.state.phase == Phase::Rotated) {
            return;
        }
        // The youngest member of each family that holds something.
        let mut youngest: BTreeMap<&Path, Rank> = BTreeMap::new();
        for file in pass.listing.files.iter().filter(|f| f.stat.size > 0) {
            let rank = youngest.entry(file.base.as_path()).or_insert(file.rank);
            *rank = file.rank.max(*rank);
        }
        let wait = self.settings.rotate_wait;
        for seg in self.segs.iter_mut().filter(|s| s.state.phase == Phase::Rotated) {
            let Some(tail) = seg.tail.as_mut().filter(|t| !t.ready() && seg.away.is_none()) else {
                continue;
            };
            let quiet = pass.now.since(seg.changed_at.max(seg.state.last_read)) >= wait;
            let followed = youngest.get(seg.base.as_path()).is_some_and(|rank| *rank > seg.rank);
            if !quiet || !(followed || tail.stat.names == 0) {
                continue;
            }
            if seg.state.position == tail.stat.size {
                seg.state.phase = Phase::Sealed;
                seg.dirty = true;
            } else {
                seg.closing = Some(tail.stat.size);
                tail.look_again();
            }
        }
    }

    /// Opens a listed file and makes sure that it is still the one that was listed.
    pub(super) fn open_listed(&mut self, file: &Listed, pass: &mut Pass) -> Result<(File, Stat), Unopened> {
        let opened = (self.opener)(&file.path, file.live()).and_then(|f| Stat::of_file(&f).map(|s| (f, s)));
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
    let open = seg.tail.is_some() && seg.state.phase == phase;
    let over = seg.tail.is_none() && seg.state.phase == Phase::Sealed && file.stat.size == seg.state.position;
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
