//! What cannot be settled by incarnation: files found again by content, and files that were cut.
//!
//! The rules, in the order they are tried:
//! - A segment whose file is not there under its incarnation goes on in the family member that starts with
//!   everything it consumed (a copy by `copytruncate`, another device number, a restored file).
//! - A file that became shorter but kept its beginning goes on there; nothing is counted again.
//! - Else what was consumed is gone: an event, the old segment is closed, the file is a new segment from its start.

use std::fs::File;
use std::path::Path;

use super::family::Listed;
use super::follow::Tailer;
use super::framer::last_end;
use super::identity::{PROOF_MAX, Stat, bytes_at, proof_len};
use super::scan::Pass;
use super::segment::shown;
use super::tail::Tail;
use super::{Incarnation, Phase, SegmentState, SourceEventKind};
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
                Some(seg) if seg.active() && seg.tail.is_none() => self.find(at, pass, new_id),
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
        if self.move_to_match(at, &state, pass) {
            return;
        }
        let own = pass
            .unclaimed()
            .into_iter()
            .find(|(_, f)| f.stat.incarnation == state.incarnation);
        if let Some((index, file)) = own {
            if let Ok((open, stat)) = self.open_listed(&file, pass) {
                pass.claim(index);
                self.replace_cut(at, open, stat, pass, new_id);
            }
            return;
        }
        if !pass.last || pass.blind {
            return;
        }
        let packed = pass
            .listing
            .files
            .iter()
            .filter(|f| f.compressed && self.segs.get(at).is_some_and(|s| s.base == f.base));
        let packed = packed.count();
        let what = if packed > 0 {
            format!(" (compressed members not read: {packed})")
        } else {
            String::new()
        };
        let detail = format!("{} position={}{what}", shown(&state.path), state.position);
        self.close(at, Phase::Lost);
        self.event(
            Some(state.id),
            SourceEventKind::Lost,
            (state.position, state.position),
            detail,
            pass.now,
        );
    }

    /// Goes on in the unclaimed family member that holds everything `state` consumed, if there is one.
    fn move_to_match(&mut self, at: usize, state: &SegmentState, pass: &mut Pass) -> bool {
        let Some(base) = self.segs.get(at).map(|s| s.base.clone()) else {
            return false;
        };
        let mut candidates = pass.unclaimed();
        candidates.retain(|(_, f)| f.base == base && f.stat.size >= state.position);
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
            if let Ok(Ok(tail)) = Tail::resume(open, stat, state) {
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

    /// An open file became shorter, or its consumed bytes changed.
    fn cut(&mut self, at: usize, pass: &mut Pass, new_id: &mut dyn FnMut() -> SegmentId) {
        let Some(seg) = self.segs.get_mut(at) else { return };
        let Some(tail) = seg.tail.as_mut() else { return };
        if tail.restat().is_err() {
            return;
        }
        let (stat, peak, position) = (tail.stat, seg.seen_size.max(tail.peak()), seg.state.position);
        let Ok(whole) = tail.intact(position) else { return };
        tail.fill_proofs(&mut seg.state);
        let state = seg.state.clone();
        let copied = self.copies.iter().any(|(_, of)| *of == state.id);
        if whole && stat.size >= position && !(position == 0 && copied) {
            // Only bytes that were not yet read are gone.
            tail.accept_size();
            seg.seen_size = stat.size;
            if stat.size < peak {
                let detail = format!("{} size={} seen={peak}", shown(&state.path), stat.size);
                self.event(
                    Some(state.id),
                    SourceEventKind::Truncated,
                    (stat.size, peak),
                    detail,
                    pass.now,
                );
            }
            return;
        }
        let Some(old) = seg.tail.take() else { return };
        let (base, rank, path, phase) = (seg.base.clone(), seg.rank, seg.state.path.clone(), seg.state.phase);
        if self.move_to_match(at, &state, pass) {
            // copytruncate: the copy is read to its end, the file itself begins anew.
            if let Ok(tail) = Tail::start(old.into_file(), stat, 0) {
                let mut seg = self.born(tail, &path, 0, phase, pass.now, new_id);
                (seg.base, seg.rank) = (base, rank);
                self.segs.push(seg);
            }
            return;
        }
        let head = old.head.clone();
        if self.skip_short_copies(&head, &state, &base, pass, new_id) {
            self.begin_after(at, old.into_file(), stat, 0, pass, new_id);
            self.close(at, Phase::Sealed);
            return;
        }
        let start = old.bytes_at(0, head.len()).unwrap_or_default();
        let resume = kept(&head, &start, position, stat.size);
        self.truncated(at, old.into_file(), stat, resume, pass, new_id);
    }

    /// A file that was cut while nobody looked: its incarnation is the segment's, its content is not.
    fn replace_cut(
        &mut self,
        at: usize,
        open: File,
        stat: Stat,
        pass: &mut Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) {
        let Some(state) = self.segs.get(at).map(|s| s.state.clone()) else {
            return;
        };
        let start = bytes_at(&open, 0, PROOF_MAX).unwrap_or_default();
        // Only the hash of the old beginning is known: it still stands there as a whole, or it does not.
        let head = if state.head.holds(&start) {
            start.as_slice()
        } else {
            &[]
        };
        let resume = kept(head, &start, state.position, stat.size);
        self.truncated(at, open, stat, resume, pass, new_id);
    }

    /// Raises the event and goes on where `resume` says.
    fn truncated(
        &mut self,
        at: usize,
        open: File,
        stat: Stat,
        resume: Resume,
        pass: &mut Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) {
        let Some(state) = self.segs.get(at).map(|s| s.state.clone()) else {
            return;
        };
        let detail = format!(
            "{} size={} position={} resumed={}",
            shown(&state.path),
            stat.size,
            state.position,
            resume.position
        );
        self.event(
            Some(state.id),
            SourceEventKind::Truncated,
            (resume.sure, state.position),
            detail,
            pass.now,
        );
        self.begin_after(at, open, stat, resume.position, pass, new_id);
        self.close(at, Phase::Lost);
    }

    /// A new segment for the file of segment `at`, from `position`.
    fn begin_after(
        &mut self,
        at: usize,
        open: File,
        stat: Stat,
        position: u64,
        pass: &Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) {
        let Some(old) = self.segs.get(at) else { return };
        let (path, base, rank, phase) = (old.state.path.clone(), old.base.clone(), old.rank, old.state.phase);
        let format_state = if position > 0 {
            old.state.format_state.clone()
        } else {
            Vec::new()
        };
        match Tail::start(open, stat, position) {
            Ok(tail) => {
                let mut seg = self.born(tail, &path, position, phase, pass.now, new_id);
                (seg.base, seg.rank, seg.state.format_state) = (base, rank, format_state);
                self.segs.push(seg);
            }
            // Cut again meanwhile, or an I/O error: the next scan finds a file nobody knows and reads it from its start.
            Err(error) => self.spell(
                &path,
                None,
                SourceEventKind::Unreadable,
                false,
                &error.to_string(),
                pass.now,
            ),
        }
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
            let len = proof_len(file.stat.size);
            if file.base != base || file.live() || len == 0 || file.stat.size > state.position {
                continue;
            }
            let Ok((open, stat)) = self.open_listed(&file, pass) else {
                continue;
            };
            let start = bytes_at(&open, 0, len);
            if start.is_ok_and(|start| head.get(..len) == Some(&start))
                && self.pass_over(open, stat, &file, pass, new_id).is_ok()
            {
                pass.claim(index);
                any = true;
            }
        }
        any
    }

    /// Ends a segment. Its incarnation is forgotten: the file has another segment now, or none.
    fn close(&mut self, at: usize, phase: Phase) {
        if let Some(seg) = self.segs.get_mut(at) {
            seg.state.phase = phase;
            seg.state.incarnation = Incarnation::default();
            seg.closing = None;
            seg.tail = None;
            seg.dirty = true;
        }
    }

    /// Members that exist only compressed and are younger than what was read last: they are not read.
    pub(super) fn note_compressed(&mut self, pass: &Pass) {
        let mut missed: Vec<Listed> = Vec::new();
        for file in pass.listing.files.iter().filter(|f| f.compressed && !f.live()) {
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
            self.event(None, SourceEventKind::Lost, (0, file.stat.size), detail, pass.now);
        }
    }
}

/// Whether `file` may be what `state` goes on in, should the content agree.
///
/// Not without anything consumed, when any content would agree. A rotated file does not come back under the
/// live name. And a live file of another incarnation must agree in a full proof: short files begin alike.
fn may_continue(state: &SegmentState, file: &Listed) -> bool {
    let (old, new) = (&state.incarnation, &file.stat.incarnation);
    if new.same_but_for_device(old) || new == old {
        return true;
    }
    let other = old.dev == new.dev && old.btime != 0 && new.btime != 0;
    let weak = state.phase == Phase::Rotated || other && state.position < PROOF_MAX as u64;
    state.position > 0 && !(file.live() && weak)
}

/// Where to go on in a file that was cut or changed.
#[derive(Debug, Clone, Copy)]
struct Resume {
    position: u64,
    /// Up to where the consumed bytes surely still stand.
    sure: u64,
}

/// Compares the `head` that was consumed of a file with its `start` now. As long as it agrees, the lines are those that were
/// counted; behind a difference they are new. If all of it agrees nobody can tell more: what the file holds
/// now up to the old position counts as read.
fn kept(head: &[u8], start: &[u8], position: u64, size: u64) -> Resume {
    let same = head.iter().zip(start).take_while(|(a, b)| a == b).count();
    if same > 0 && (same == PROOF_MAX || same as u64 == size) {
        return Resume {
            position: size.min(position),
            sure: same as u64,
        };
    }
    let whole = last_end(head.get(..same).unwrap_or_default()).unwrap_or(0) as u64;
    Resume {
        position: whole,
        sure: whole,
    }
}
