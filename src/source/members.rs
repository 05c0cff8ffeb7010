//! Compressed members of a family: whose content each one is.
//!
//! Rotation compresses a file that was read, is being read, or was never read, and a name says nothing of which. A
//! member is compared by its first bytes with every segment of its family that has no file any more, unpacked to where
//! that segment stands and proved on the way (`unpack`), and read on from there. One that nobody knows is read from
//! its start. It is over only when it was unpacked to its end with every checksum right.

use std::io;

use super::body::Body;
use super::family::Listed;
use super::follow::Tailer;
use super::identity::{PROOF_MAX, Stat, bytes_at, prove};
use super::marks::{START_MAX, agree};
use super::newcomer::Taken;
use super::scan::Pass;
use super::segment::shown;
use super::tail::{End, Tail};
use super::{Cause, Phase, Proof, SegmentState, SourceEventKind, Start};
use crate::access::SegmentId;
use crate::clock::WallTime;

/// What a plain file beside a packed one of its name is.
pub(super) enum Unpacked {
    /// Too early to say.
    Waits,
    /// The content of this segment.
    Is(usize),
}

impl Tailer {
    /// Takes up a compressed file nobody claimed.
    pub(super) fn take_packed(
        &mut self,
        (mut open, stat): (Body, Stat),
        file: &Listed,
        pass: &Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) -> io::Result<Taken> {
        let head = open.bytes_at(0, START_MAX)?;
        if !file.begun && (!file.named || self.settings.start == Start::End) {
            let head = head.get(..PROOF_MAX).unwrap_or(&head);
            self.pass_over_packed(open, stat, head, file, pass, new_id);
            return Ok(Taken::Settled);
        }
        if head.is_empty() && matches!(&open, Body::Packed(p) if !p.whole && p.broken.is_none()) {
            // Perhaps it is only about to be written.
            return Ok(Taken::Later);
        }
        let begin = head.get(..PROOF_MAX).unwrap_or(&head);
        if self.being_packed(begin, file, pass)? {
            return Ok(Taken::Later);
        }
        if let Some(of) = self.open_original(begin, &head, file)? {
            return Ok(Taken::Copy(of));
        }
        if let Some(at) = self.packed_match(&head, stat, file, pass) {
            return Ok(self.adopt_packed(at, open, stat, file, pass));
        }
        self.begin(open, stat, file, Start::Beginning, pass, new_id)?;
        Ok(Taken::Settled)
    }

    /// Whether the plain file of the same name stands beside it and begins alike: that one is read, and what is packed
    /// waits until it is gone. Half written, it could not even be told from it.
    fn being_packed(&self, head: &[u8], file: &Listed, pass: &Pass) -> io::Result<bool> {
        let plain = |f: &&Listed| !f.compressed && f.base == file.base && f.rank == file.rank;
        for plain in pass.listing.files.iter().filter(plain) {
            let open = match (self.opener)(&plain.path, plain.live()) {
                Ok(open) => open,
                // It went this moment, and the next scan sees what is left.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
                Err(error) => return Err(error),
            };
            if bytes_at(&open, 0, head.len())? == head {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What becomes of a plain file beside the packed one it was unpacked from: it waits while that is being read or while
    /// it holds less than was read of it, and then its segment goes on in it.
    pub(super) fn unpacked(
        &self,
        open: &mut Body,
        stat: Stat,
        file: &Listed,
        pass: &Pass,
    ) -> io::Result<Option<Unpacked>> {
        let packed = |f: &&Listed| f.compressed && f.base == file.base && f.rank == file.rank;
        let packed: Vec<_> = pass
            .listing
            .files
            .iter()
            .filter(packed)
            .map(|f| f.stat.incarnation)
            .collect();
        if packed.is_empty() {
            return Ok(None);
        }
        let head = open.bytes_at(0, START_MAX)?;
        for (at, seg) in self.segs.iter().enumerate() {
            let state = &seg.state;
            if state.position == 0 || state.phase == Phase::Lost || !packed.contains(&state.incarnation) {
                continue;
            }
            let len = usize::try_from(state.head.len).unwrap_or(usize::MAX);
            let begins = match head.get(..len) {
                Some(head) => state.head.holds(head),
                None => agree(&state.marks, &head, &self.framer).covers(head.len()),
            };
            if begins && (seg.active() || stat.size < state.position) {
                return Ok(Some(Unpacked::Waits));
            }
            if begins && prove(open, stat.size, state)?.is_some() {
                return Ok(Some(Unpacked::Is(at)));
            }
        }
        Ok(None)
    }

    /// The segment whose file is still open and begins with `head`, or held most of the records of `start`: what was packed is
    /// read there.
    fn open_original(&mut self, head: &[u8], start: &[u8], file: &Listed) -> io::Result<Option<SegmentId>> {
        let framer = &self.framer;
        for seg in self.segs.iter_mut().filter(|s| s.base == file.base) {
            let Some(tail) = seg.tail.as_mut().filter(|t| !t.packed() && !t.broken) else {
                continue;
            };
            let mut state = seg.state.clone();
            tail.fill_proofs(&mut state);
            if tail.bytes_at(0, head.len())? == head || agree(&state.marks, start, framer).mostly() {
                return Ok(Some(seg.state.id));
            }
        }
        Ok(None)
    }

    /// The segment without a file that may go on in a packed member that begins with `head`: of several the one that
    /// was read farthest, which is the one most easily refuted.
    fn packed_match(&self, head: &[u8], stat: Stat, file: &Listed, pass: &Pass) -> Option<usize> {
        let mut found: Vec<((bool, u64), usize)> = Vec::new();
        for (at, seg) in self.segs.iter().enumerate() {
            let state = &seg.state;
            let begins = self.begins(state, head);
            let there = || {
                let own = |f: &Listed| f.stat.incarnation == state.incarnation;
                pass.listing.files.iter().any(own)
            };
            let possible = seg.base == file.base
                && seg.tail.is_none()
                && state.head.len > 0
                && !self.refuted.contains(&(stat.incarnation, state.id))
                && begins
                && !there();
            if possible {
                // What was cut away may come back in a copy; what was read on of it goes before.
                found.push(((state.phase != Phase::Lost, state.position), at));
            }
        }
        found.into_iter().max().map(|(_, at)| at)
    }

    /// Whether `start` is the beginning of what `state` consumed: of all of it, of less where it was compressed before the
    /// last lines were written, or with some records changed in place.
    fn begins(&self, state: &SegmentState, start: &[u8]) -> bool {
        let len = usize::try_from(state.head.len).unwrap_or(usize::MAX);
        let agreed = agree(&state.marks, start, &self.framer);
        match start.get(..len) {
            Some(head) => state.head.holds(head) || agreed.mostly(),
            None => agreed.covers(start.len()) || agreed.mostly(),
        }
    }

    fn adopt_packed(&mut self, at: usize, open: Body, stat: Stat, file: &Listed, pass: &Pass) -> Taken {
        let Some(seg) = self.segs.get_mut(at) else {
            return Taken::Later;
        };
        // Passed over when it was packed already: nobody ever read it, and nobody will.
        let passed_over = seg.state.phase == Phase::Sealed && seg.state.position == 0;
        if !passed_over {
            seg.try_packed();
            seg.tail = Some(Tail::resume_packed(open, stat, &seg.state));
            seg.changed_at = pass.now;
        }
        self.place(at, file, pass.now, passed_over);
        Taken::Settled
    }

    /// Lets a segment that lost its file go on in a packed member, if there is one that begins like it; with `edited` in one
    /// that does but for some records that were changed in it.
    pub(super) fn move_to_packed(&mut self, at: usize, edited: bool, pass: &mut Pass) -> bool {
        let Some((base, state)) = self.segs.get(at).map(|s| (s.base.clone(), s.state.clone())) else {
            return false;
        };
        let mut candidates = pass.unclaimed();
        candidates.retain(|(_, f)| f.base == base && f.form.is_some());
        for (index, file) in candidates {
            if state.head.len == 0 || self.refuted.contains(&(file.stat.incarnation, state.id)) {
                continue;
            }
            let Ok((open, stat)) = self.open_listed(&file, pass) else {
                continue;
            };
            let mut body = Body::new(open, &file.path);
            let start = body.bytes_at(0, START_MAX);
            // What could not be looked at may be the one.
            pass.blind |= start.is_err();
            let len = usize::try_from(state.head.len).unwrap_or(usize::MAX);
            let same = |start: &Vec<u8>| start.get(..len).is_some_and(|head| state.head.holds(head));
            let alike = |start: &Vec<u8>| edited && len <= start.len() && self.begins(&state, start);
            if !start.is_ok_and(|start| same(&start) || alike(&start)) {
                continue;
            }
            pass.claim(index);
            if let Some(seg) = self.segs.get_mut(at) {
                seg.try_packed();
                seg.tail = Some(Tail::resume_packed(body, stat, &state));
                seg.dirty = true;
            }
            self.place(at, &file, pass.now, false);
            return true;
        }
        false
    }

    /// Remembers a packed member that was there before the first start, by its first bytes.
    fn pass_over_packed(
        &mut self,
        open: Body,
        stat: Stat,
        head: &[u8],
        file: &Listed,
        pass: &Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) {
        let tail = Tail::new(open, stat, Vec::new(), Vec::new());
        let mut seg = self.born(tail, &file.path, 0, Phase::Sealed, pass.now, new_id);
        seg.tail = None;
        seg.state.head = Proof::of(head);
        (seg.base, seg.rank) = (file.base.clone(), file.rank);
        self.segs.push(seg);
    }

    /// What a turn of reading a packed member means for its segment.
    pub(super) fn packed_turn(&mut self, index: usize, end: End, now: WallTime) {
        let Some(seg) = self.segs.get_mut(index) else { return };
        let Some(tail) = seg.tail.as_mut() else { return };
        let Some(pack) = tail.pack() else { return };
        let (id, position, path) = (seg.state.id, seg.state.position, shown(&seg.state.path));
        let (incarnation, size) = (tail.stat.incarnation, tail.stat.size);
        let (whole, broken) = (pack.whole, pack.broken.clone());
        let what = |kind, cause| (Some(id), kind, cause);
        match end {
            End::Refuted => {
                self.refuted.push((incarnation, id));
                seg.tail = None;
                if let Some(before) = seg.tried.take() {
                    (seg.state.path, seg.state.incarnation, seg.state.phase) = *before;
                }
                self.scanned = false;
            }
            End::Short => {
                seg.tail = None;
                seg.state.phase = Phase::Sealed;
                seg.dirty = true;
                let detail = format!("{path} holds {size} of {position} bytes that were read");
                let range = (size.min(position), position);
                self.event(what(SourceEventKind::RolledBack, Cause::Handling), range, detail, now);
            }
            End::Caught if broken.is_some() => {
                seg.tail = None;
                seg.state.phase = Phase::Sealed;
                seg.dirty = true;
                let detail = format!("{path}: {}", broken.unwrap_or_default());
                let range = (position, size.max(position));
                self.event(what(SourceEventKind::Corrupt, Cause::Unexplained), range, detail, now);
            }
            End::Caught if whole && position == size => {
                seg.state.phase = Phase::Sealed;
                seg.tried = None;
                seg.dirty = true;
            }
            End::Caught if whole => {
                seg.closing = Some(size);
                tail.look_again();
            }
            _ => {}
        }
    }

    /// A packed member that ends in the middle and did not grow for as long as a late writer is waited for.
    pub(super) fn tell_unfinished(&mut self, now: WallTime) {
        let wait = self.settings.rotate_wait;
        let mut told = Vec::new();
        for seg in self.segs.iter_mut().filter(|s| s.state.phase == Phase::Rotated) {
            let quiet = now.since(seg.changed_at.max(seg.state.last_read)) >= wait;
            let unfinished = |t: &Tail| !t.ready() && t.pack().is_some_and(super::body::Packed::unfinished);
            if quiet && seg.tail.as_ref().is_some_and(unfinished) {
                seg.tail = None;
                seg.state.phase = Phase::Sealed;
                seg.dirty = true;
                told.push((seg.state.id, seg.state.position, shown(&seg.state.path)));
            }
        }
        for (id, position, path) in told {
            let what = (Some(id), SourceEventKind::Corrupt, Cause::Unexplained);
            self.event(
                what,
                (position, position),
                format!("{path}: it ends in the middle"),
                now,
            );
        }
    }
}
