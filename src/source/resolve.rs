//! What cannot be settled by incarnation: files found again by content, and files that were cut.
//!
//! The rules, in the order they are tried:
//! - A segment whose file is not there under its incarnation goes on in the family member that starts with
//!   everything it consumed (a copy by `copytruncate`, another device number, a restored file).
//! - A file that became shorter but kept its beginning, or was edited, goes on there; nothing is counted again (`left`).
//! - Else what was consumed is gone: an event, the old segment is closed, the file is a new segment from its start.

use std::fs::File;
use std::path::Path;

use super::body::Body;
use super::family::Listed;
use super::follow::Tailer;
use super::framer::Framer;
use super::identity::{PROOF_MAX, Stat, proof_len};
use super::left::{Left, Verdict, left};
use super::marks::{START_MAX, agree};
use super::newcomer::older;
use super::scan::Pass;
use super::segment::{Seg, shown};
use super::tail::Tail;
use super::{Cause, Phase, SegmentState, SourceEventKind};
use crate::access::SegmentId;

impl Tailer {
    /// Makes sure that the open files of families with unclaimed members are still what was read: what to
    /// make of the members depends on it.
    pub(super) fn check_families(&mut self, pass: &Pass) {
        let unclaimed = pass.unclaimed();
        if unclaimed.is_empty() {
            return;
        }
        for seg in self.segs.iter_mut().filter(|s| s.active()) {
            if unclaimed.iter().any(|(_, f)| f.base == seg.base)
                && let Some(tail) = seg.tail.as_mut()
                && tail.intact(seg.state.position).is_err()
            {
                // An I/O error is no proof of a change; `read` meets it again and raises the event.
                tail.look_again();
            }
        }
    }

    /// Finds the files of segments that have none, and settles those whose file was cut.
    pub(super) fn resolve(&mut self, pass: &mut Pass, new_id: &mut dyn FnMut() -> SegmentId) {
        for at in 0..self.segs.len() {
            match self.segs.get(at) {
                Some(seg) if seg.unfound() => self.find(at, pass, new_id),
                Some(seg) if seg.active() && seg.tail.as_ref().is_some_and(|t| t.broken) => self.cut(at, pass, new_id),
                _ => {}
            }
        }
    }

    /// Looks for the file of a segment that has none.
    fn find(&mut self, at: usize, pass: &mut Pass, new_id: &mut dyn FnMut() -> SegmentId) {
        let Some(state) = self.segs.get(at).map(|s| s.state.clone()) else {
            return;
        };
        if self.held.iter().any(|h| h.id == state.id) {
            // It is open, and could not be looked at.
            pass.blind = true;
            return;
        }
        if self.overtaken(at, pass) {
            pass.blind = true;
            return;
        }
        if self.move_to_match(at, &state, pass) || self.move_to_packed(at, false, pass) {
            return;
        }
        let own = pass
            .unclaimed()
            .into_iter()
            .find(|(_, f)| f.stat.incarnation == state.incarnation);
        let there = match &own {
            Some((_, file)) => match (self.opener)(&file.path, file.live()) {
                Ok(open) => self.changed_in_place(at, &open, file.stat.size, None),
                Err(_) => {
                    pass.blind = true;
                    return;
                }
            },
            None => false,
        };
        let changed = !there && (own.is_some() || pass.last && !pass.blind);
        if changed && (self.move_to_edited(at, pass) || self.move_to_packed(at, true, pass)) {
            return;
        }
        if let Some((index, file)) = own {
            if let Ok((open, stat)) = self.open_listed(&file, pass) {
                pass.claim(index);
                let doubt = pass.blind || (self.remote)(&open);
                if self.doubtful(at, doubt, pass.now) {
                    pass.blind = true;
                    return;
                }
                let body = Body::new(open, &file.path);
                self.cut_settled(at, body, stat, None, pass.now, new_id);
            }
            return;
        }
        if state.position == 0 && pass.unclaimed().iter().any(|(_, f)| f.form.is_some()) {
            // Nothing was read of it; every member nobody knows is read from its start.
            return self.close(at, Phase::Sealed);
        }
        if !pass.last || pass.blind || self.find_replacement(at, pass, new_id) {
            return;
        }
        if self.expired(at) {
            self.vanished(at);
            let detail = format!("{} position={}", shown(&state.path), state.position);
            let what = (Some(state.id), SourceEventKind::Expired, Cause::Handling);
            return self.event(what, (state.position, state.position), detail, pass.now);
        }
        let packed = pass
            .listing
            .files
            .iter()
            .filter(|f| f.sealed_off() && self.segs.get(at).is_some_and(|s| s.base == f.base));
        let packed = packed.count();
        let what = if packed > 0 {
            format!(" (compressed members not read: {packed})")
        } else {
            String::new()
        };
        let detail = format!("{} position={}{what}", shown(&state.path), state.position);
        self.vanished(at);
        let what = (Some(state.id), SourceEventKind::Lost, Cause::Unexplained);
        self.event(what, (state.position, state.position), detail, pass.now);
    }

    /// Whether a file that is gone is one that rotation deletes: it was rotated away and read to its end, and no older one
    /// of its log is still there. (What is deleted while sekimori runs is read to its end from the open file.)
    fn expired(&self, at: usize) -> bool {
        let Some(seg) = self.segs.get(at) else { return false };
        let read = seg.state.last_read;
        let older = |s: &Seg| s.base == seg.base && s.tail.is_some() && s.state.last_read < read;
        let over = seg.state.phase == Phase::Rotated && read <= seg.state.caught_at;
        over && !self.segs.iter().any(older)
    }

    /// Goes on in an edited copy that took the place of a segment's file while nobody looked.
    fn find_replacement(&mut self, at: usize, pass: &mut Pass, new_id: &mut dyn FnMut() -> SegmentId) -> bool {
        let Some((state, chunks)) = self.segs.get(at).map(|s| (s.state.clone(), s.chunks.clone())) else {
            return false;
        };
        let same = |f: &Listed| f.path == state.path && f.form.is_none() && f.live();
        let Some((index, file)) = pass.unclaimed().into_iter().find(|(_, f)| same(f)) else {
            return false;
        };
        let Ok((open, stat)) = self.open_listed(&file, pass) else {
            return false;
        };
        let Ok(left) = left(&open, stat.size, &state, (&chunks, self.boot, &self.framer), None) else {
            return false;
        };
        if state.phase != Phase::Live || !left.resembles {
            return false;
        }
        pass.claim(index);
        self.take_replacement(at, &left, Body::new(open, &file.path), stat, pass, new_id);
        true
    }

    /// Goes on in the unclaimed family member that holds everything `state` consumed, if there is one.
    fn move_to_match(&mut self, at: usize, state: &SegmentState, pass: &mut Pass) -> bool {
        let Some(base) = self.segs.get(at).map(|s| s.base.clone()) else {
            return false;
        };
        let mut candidates = pass.unclaimed();
        candidates.retain(|(_, f)| f.base == base && f.form.is_none() && f.stat.size >= state.position);
        candidates.sort_by_key(|(_, f)| {
            (
                !f.stat.incarnation.same_but_for_device(&state.incarnation),
                f.path != state.path,
            )
        });
        for (index, file) in candidates {
            let copied = self.copies.contains(&(file.stat.incarnation, state.id));
            if !copied && !may_continue(state, &file) {
                continue;
            }
            let Ok((open, stat)) = self.open_listed(&file, pass) else {
                continue;
            };
            let resumed = Tail::resume(Body::new(open, &file.path), stat, state);
            if resumed.is_err() {
                // It could not be looked at: it may be the one, and it may not.
                pass.blind = true;
            }
            if let Ok(Ok(tail)) = resumed {
                pass.claim(index);
                if let Some(seg) = self.segs.get_mut(at) {
                    seg.seen_size = stat.size;
                    seg.tail = Some(tail);
                    seg.dirty = true;
                }
                self.place(at, &file, pass.now, false);
                return true;
            }
        }
        false
    }

    /// Whether `file`, that of segment `at`, still holds what was consumed, but for some bytes that are others now. Where
    /// it cannot be read, nothing says that it does not.
    fn changed_in_place(&self, at: usize, file: &File, size: u64, window: Option<&[u8]>) -> bool {
        self.segs.get(at).is_some_and(|seg| {
            let left = left(file, size, &seg.state, (&seg.chunks, self.boot, &self.framer), window);
            left.map_or(true, |left| {
                matches!(left.verdict, Verdict::Edited(_) | Verdict::Intact)
            })
        })
    }

    /// Goes on in the unclaimed family member that holds what was consumed but for what was changed in it before it was
    /// copied.
    fn move_to_edited(&mut self, at: usize, pass: &mut Pass) -> bool {
        let Some((base, state, chunks)) = self
            .segs
            .get(at)
            .map(|s| (s.base.clone(), s.state.clone(), s.chunks.clone()))
        else {
            return false;
        };
        let mut candidates = pass.unclaimed();
        let own = state.incarnation;
        candidates.retain(|(_, f)| {
            let copy = !f.live() && f.form.is_none() && !older(&f.stat.incarnation, &own);
            copy && f.base == base && state.position <= f.stat.size
        });
        for (index, file) in candidates {
            let Ok((open, stat)) = self.open_listed(&file, pass) else {
                continue;
            };
            let Ok(left) = left(&open, stat.size, &state, (&chunks, self.boot, &self.framer), None) else {
                pass.blind = true;
                continue;
            };
            if left.verdict != Verdict::Edited(state.position) || !left.resembles {
                continue;
            }
            pass.claim(index);
            self.go_on_in_copy(at, &left, Body::new(open, &file.path), stat, &file, pass);
            return true;
        }
        false
    }

    /// Lets segment `at` go on in a copy in which some of its records were changed.
    pub(super) fn go_on_in_copy(&mut self, at: usize, left: &Left, open: Body, stat: Stat, file: &Listed, pass: &Pass) {
        let Some(state) = self.segs.get(at).map(|s| &s.state) else {
            return;
        };
        let what = (Some(state.id), SourceEventKind::Edited, Cause::Unexplained);
        let range = (left.sure.min(state.position), state.position);
        let detail = format!("{} {}", shown(&file.path), left.evidence);
        self.event(what, range, detail, pass.now);
        self.accept(at, open, stat, left.changed);
        self.place(at, file, pass.now, false);
    }

    /// An open file became shorter, or its consumed bytes changed.
    fn cut(&mut self, at: usize, pass: &mut Pass, new_id: &mut dyn FnMut() -> SegmentId) {
        let Some(seg) = self.segs.get_mut(at) else { return };
        let Some(tail) = seg.tail.as_mut() else { return };
        if tail.restat().is_err() {
            return;
        }
        let (stat, peak, position) = (tail.stat, seg.seen_size.max(tail.peak()), seg.state.position);
        let Ok(whole) = tail.intact(position) else { return };
        let remote = (self.remote)(tail.file());
        let stale = whole && stat.size < position;
        let longer = whole && !stale;
        if remote && !longer && (stale || self.doubtful(at, true, pass.now)) {
            // Perhaps only its size is stale.
            return;
        }
        if (!whole || stat.size < peak) && self.overtaken(at, pass) {
            return;
        }
        let Some(seg) = self.segs.get_mut(at) else { return };
        let Some(tail) = seg.tail.as_mut() else { return };
        if !pass.blind {
            seg.doubt = None;
        }
        tail.fill_proofs(&mut seg.state);
        let state = seg.state.clone();
        let copied = self.copies.iter().any(|(_, of)| *of == state.id);
        if whole && stat.size >= position && !(position == 0 && copied) {
            // Only bytes that were not yet read are gone.
            tail.accept_size();
            seg.seen_size = stat.size;
            let copy = |f: &Listed| f.base == seg.base && !f.live() && !older(&f.stat.incarnation, &stat.incarnation);
            let holds = |f: &Listed| f.form.is_some() || peak <= f.stat.size;
            // Copied and emptied before it was read: its copy is read from its start.
            let moved = pass.unclaimed().iter().any(|(_, f)| copy(f) && holds(f));
            if stat.size < peak && !moved {
                let detail = format!("{} size={} seen={peak}", shown(&state.path), stat.size);
                let what = (Some(state.id), SourceEventKind::Gap, Cause::Unexplained);
                self.event(what, (stat.size, peak), detail, pass.now);
            }
            return;
        }
        let Some(mut old) = seg.tail.take() else { return };
        self.changed_chunks.extend(old.take_filled(state.id));
        let Some(seg) = self.segs.get(at) else { return };
        let (base, rank, path, phase) = (seg.base.clone(), seg.rank, seg.state.path.clone(), seg.state.phase);
        let here = self.changed_in_place(at, old.file(), stat.size, Some(&old.window));
        let moved = !here
            && (self.move_to_match(at, &state, pass)
                || self.move_to_packed(at, false, pass)
                || self.move_to_edited(at, pass)
                || self.move_to_packed(at, true, pass));
        if moved {
            // copytruncate: the copy is read to its end, the file itself begins anew. Should that fail now, the next scan
            // finds a file nobody knows.
            if let Ok(tail) = Tail::start(old.into_body(), stat, 0, &self.framer) {
                let mut seg = self.born(tail, &path, 0, phase, pass.now, new_id);
                (seg.base, seg.rank) = (base, rank);
                self.segs.push(seg);
            }
            return;
        }
        if pass.blind && self.doubtful(at, true, pass.now) {
            // What could not be looked at may be its copy.
            if let Some(seg) = self.segs.get_mut(at) {
                seg.tail = Some(old);
            }
            return;
        }
        let head = old.head.clone();
        if !here && self.skip_short_copies(&head, &state, &base, pass, new_id) {
            if self.begin_after(at, old.into_body(), stat, 0, pass.now, new_id) {
                self.close(at, Phase::Sealed);
            }
            return;
        }
        let window = old.window.clone();
        self.cut_settled(at, old.into_body(), stat, Some(&window), pass.now, new_id);
    }

    /// Whether the family of segment `at` was listed too early to say what became of its file: what was listed as the
    /// beginning of a copy may be all of it by now. A minute at most.
    fn overtaken(&mut self, at: usize, pass: &mut Pass) -> bool {
        let Some(seg) = self.segs.get(at) else { return false };
        let overtaken = pass.overtaken(&seg.base, &self.paths);
        self.doubtful(at, overtaken, pass.now)
    }

    /// Settles copies that end before `state`'s position: all their lines were counted.
    fn skip_short_copies(
        &mut self,
        head: &[u8],
        state: &SegmentState,
        base: &Path,
        pass: &mut Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) -> bool {
        let mut any = false;
        for (index, file) in pass.unclaimed() {
            if file.base != base || file.live() || file.form.is_none() && file.stat.size > state.position {
                continue;
            }
            let Ok((open, stat)) = self.open_listed(&file, pass) else {
                continue;
            };
            if file.form.is_none() && stat.size > state.position {
                continue;
            }
            let mut body = Body::new(open, &file.path);
            match short_copy(&mut body, head, state, &self.framer) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => {
                    pass.blind = true;
                    continue;
                }
            }
            let stat = body.stat().unwrap_or(stat);
            if self.pass_over(body, stat, &file, pass, new_id).is_ok() {
                pass.claim(index);
                any = true;
            }
        }
        any
    }

    /// Members that exist only compressed and are younger than what was read last: they are not read.
    pub(super) fn note_compressed(&mut self, pass: &Pass) {
        let mut missed: Vec<Listed> = Vec::new();
        for file in pass.listing.files.iter().filter(|f| f.sealed_off() && !f.live()) {
            let family = self
                .segs
                .iter()
                .filter(|s| s.base == file.base && s.stored && s.tail.is_some());
            let newest = family.map(|s| s.rank).max();
            let plain = pass
                .listing
                .files
                .iter()
                .any(|f| !f.compressed && f.base == file.base && f.rank == file.rank);
            if newest.is_some_and(|newest| newest < file.rank) && !plain {
                missed.push(file.clone());
            }
        }
        for file in missed {
            let detail = format!("{} compressed, not read", shown(&file.path));
            let what = (None, SourceEventKind::Lost, Cause::Unexplained);
            self.event(what, (0, file.stat.size), detail, pass.now);
        }
    }
}

/// Whether `body`, packed or not, holds the first records of what `state` consumed, as `head` begins, and no more.
fn short_copy(body: &mut Body, head: &[u8], state: &SegmentState, framer: &Framer) -> std::io::Result<bool> {
    if let Body::Packed(packed) = &mut *body
        && (packed.advance(state.position.saturating_add(1), usize::MAX, &mut |_| {})? || !packed.whole)
    {
        return Ok(false);
    }
    let size = body.stat()?.size;
    let (start, len) = (body.bytes_at(0, START_MAX)?, proof_len(size));
    let same = head.get(..len).is_some_and(|head| start.starts_with(head));
    Ok(len > 0 && (same || agree(&state.marks, &start, framer).resembles(size)))
}

/// Whether `file` may be what `state` goes on in, should the content agree.
///
/// Not without anything consumed, when any content would agree. A rotated file does not come back under the
/// live name. And a live file of another incarnation must agree in a full proof: short files begin alike.
pub(super) fn may_continue(state: &SegmentState, file: &Listed) -> bool {
    let (old, new) = (&state.incarnation, &file.stat.incarnation);
    if new.same_but_for_device(old) || new == old {
        return true;
    }
    let other = old.dev == new.dev && old.btime != 0 && new.btime != 0;
    let weak = state.phase == Phase::Rotated || other && state.position < PROOF_MAX as u64;
    state.position > 0 && !(file.live() && weak)
}
