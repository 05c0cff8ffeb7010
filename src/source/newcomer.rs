//! Files no segment claimed: copies of what is read, returned old files, new ones.
//!
//! - A new member that is a copy of a file being read is left alone: its lines were or will be counted.
//! - A member that holds a sealed segment's content is that segment's file.
//! - Any other new file is read from its start, except at the very first start of the source: then live files are
//!   read as configured, and rotated ones are remembered as not to be read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::body::Body;
use super::family::Listed;
use super::follow::Tailer;
use super::framer::Framer;
use super::identity::{PROOF_MAX, Stat, proof_len, prove};
use super::left::{Left, Verdict, left};
use super::limits::DOUBT;
use super::marks::{START_MAX, agree};
use super::members::Unpacked;
use super::resolve::may_continue;
use super::rotated::Rank;
use super::scan::{Pass, Unopened};
use super::segment::{Seg, shown};
use super::tail::Tail;
use super::{Cause, Incarnation, Phase, Proof, SegmentState, SourceEventKind, Start};
use crate::access::SegmentId;
use crate::clock::WallTime;

/// How far back from the end of a file its last whole line is looked for when reading starts at the end.
const LAST_LINE_MAX: usize = 1 << 20;

impl Tailer {
    /// Takes up files no segment claimed: live ones first, to know them when a member may be their copy.
    pub(super) fn take_new(&mut self, pass: &mut Pass, new_id: &mut dyn FnMut() -> SegmentId) {
        let (before, mut shut) = (self.copies.clone(), BTreeMap::new());
        let mut copies = Vec::new();
        let (live, members): (Vec<_>, Vec<_>) = pass.unclaimed().into_iter().partition(|(_, f)| f.live());
        for (index, file) in live.into_iter().chain(members.into_iter().rev()) {
            let taken = if self.undecided(&file.stat.incarnation) || self.shut_out(&file, &shut, pass.now) {
                Ok(Taken::Unseen)
            } else {
                match self.open_listed(&file, pass) {
                    Ok((open, stat)) => self.take_one((Body::new(open, &file.path), stat), &file, pass, new_id),
                    Err(Unopened::Blind | Unopened::Changed) => Ok(Taken::Unseen),
                }
            };
            // What cannot be read now stays unclaimed for the next scan.
            if file.live() && !matches!(taken, Ok(Taken::Settled)) {
                let since = self.shut.get(&file.path).copied();
                shut.insert(file.path.clone(), since.unwrap_or(pass.now));
            }
            match taken {
                Ok(Taken::Settled) => pass.claim(index),
                Ok(Taken::Copy(of)) => copies.push((file.stat.incarnation, of)),
                Ok(Taken::Later) => {}
                // What it was taken for before, it still is as far as anybody knows.
                Ok(Taken::Unseen) => copies.extend(before.iter().filter(|(of, _)| *of == file.stat.incarnation)),
                Err(error) => {
                    let kind = SourceEventKind::Unreadable;
                    self.spell(&file.path, None, kind, true, &error.to_string(), pass.now);
                }
            }
        }
        (self.copies, self.shut) = (copies, shut);
    }

    /// Whether the live file of a member could not be taken up, so that nobody knows whether this is its copy.
    fn shut_out(&self, file: &Listed, shut: &BTreeMap<PathBuf, WallTime>, now: WallTime) -> bool {
        let since = shut.get(&file.base).filter(|_| !file.live());
        since.is_some_and(|since| now.since(*since) < DOUBT)
    }

    fn take_one(
        &mut self,
        (mut open, stat): (Body, Stat),
        file: &Listed,
        pass: &Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) -> io::Result<Taken> {
        if !file.live() && self.unsettled(file, pass.now) {
            return Ok(Taken::Later);
        }
        if file.form.is_some() {
            return self.take_packed((open, stat), file, pass, new_id);
        }
        if !file.begun {
            if !file.named {
                return self.pass_over(open, stat, file, pass, new_id).map(|()| Taken::Settled);
            }
            return self
                .begin(open, stat, file, self.settings.start, pass, new_id)
                .map(|()| Taken::Settled);
        }
        if file.live() {
            return match self.replaced(&mut open, stat, file)? {
                Some(at) => self.adopt(at, open, stat, file, pass),
                None => match self.resembles(&mut open, stat, file)? {
                    Some((at, left)) => {
                        self.take_replacement(at, &left, open, stat, pass, new_id);
                        Ok(Taken::Settled)
                    }
                    None => match self.returned(&mut open, stat, file, pass)? {
                        Some(at) => self.adopt(at, open, stat, file, pass),
                        None => self
                            .begin(open, stat, file, Start::Beginning, pass, new_id)
                            .map(|()| Taken::Settled),
                    },
                },
            };
        }
        if stat.size == 0 {
            // Perhaps a copy that is about to be written.
            return Ok(Taken::Later);
        }
        if let Some(at) = self.unfound_match(&mut open, stat, file)? {
            return self.adopt(at, open, stat, file, pass);
        }
        match self.unpacked(&mut open, stat, file, pass)? {
            Some(Unpacked::Waits) => return Ok(Taken::Later),
            Some(Unpacked::Is(at)) => return self.adopt(at, open, stat, file, pass),
            None => {}
        }
        if let Some(at) = self.sealed_match(&mut open, stat, pass, &|_| true)? {
            return self.adopt(at, open, stat, file, pass);
        }
        if let Some(of) = self.copied(&mut open, stat, file)? {
            return Ok(Taken::Copy(of));
        }
        // Its original may have been emptied and filled again while the two were held against each other: the difference
        // says nothing then. Asked again when it is settled what became of the original.
        if self.unsettled(file, pass.now) {
            return Ok(Taken::Later);
        }
        let known_copy = self.copies.iter().find(|(inc, _)| *inc == stat.incarnation);
        if known_copy.is_some_and(|(_, of)| !self.segs.iter().any(|s| s.state.id == *of && s.active())) {
            return self.pass_over(open, stat, file, pass, new_id).map(|()| Taken::Settled);
        }
        match self.given_up(&mut open, stat, file)? {
            Some((at, left)) if stat.size >= self.segs.get(at).map_or(0, |s| s.state.position) => {
                self.go_on_in_copy(at, &left, open, stat, file, pass);
                Ok(Taken::Settled)
            }
            Some(_) => self.pass_over(open, stat, file, pass, new_id).map(|()| Taken::Settled),
            None => self
                .begin(open, stat, file, Start::Beginning, pass, new_id)
                .map(|()| Taken::Settled),
        }
    }

    /// The segment that was given up because nobody could look at this, its copy, of all of it or of its first records, when
    /// its file was cut; some of them changed since they were read.
    fn given_up(&self, open: &mut Body, stat: Stat, file: &Listed) -> io::Result<Option<(usize, Left)>> {
        let lost = |s: &&Seg| s.state.phase == Phase::Lost && s.base == file.base && s.tail.is_none();
        if !self.segs.iter().any(|s| lost(&s)) {
            return Ok(None);
        }
        let start = open.bytes_at(0, START_MAX)?;
        for (at, seg) in self.segs.iter().enumerate().filter(|(_, s)| lost(s)) {
            let agreed = agree(&seg.state.marks, &start, &self.framer);
            let short = stat.size < seg.state.position;
            if !(if short {
                agreed.resembles(stat.size)
            } else {
                agreed.mostly()
            }) {
                continue;
            }
            let with = (seg.chunks.as_slice(), self.boot, &self.framer);
            let left = left(open.file(), stat.size, &seg.state, with, None)?;
            if short || left.resembles && left.verdict == Verdict::Edited(seg.state.position) {
                return Ok(Some((at, left)));
            }
        }
        Ok(None)
    }

    /// The segment whose unlinked file `open` replaces with the same content (an editor, `sed -i`, a restore).
    /// Only a full proof counts: short files begin alike.
    fn replaced(&self, open: &mut Body, stat: Stat, file: &Listed) -> io::Result<Option<usize>> {
        for (at, seg) in self
            .segs
            .iter()
            .enumerate()
            .filter(|(_, s)| s.active() && s.state.path == file.path)
        {
            let Some(tail) = seg.tail.as_ref().filter(|t| t.stat.names == 0 && !t.broken) else {
                continue;
            };
            if seg.state.position < PROOF_MAX as u64 || seg.state.position != tail.stat.size {
                continue;
            }
            let mut state = seg.state.clone();
            tail.fill_proofs(&mut state);
            if prove(open, stat.size, &state)?.is_some() {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// The segment of the same path whose file has no name any more and of which `open` holds much, but not all: an
    /// edited copy. A first line alone, which many files share, is not much.
    fn resembles(&self, open: &mut Body, stat: Stat, file: &Listed) -> io::Result<Option<(usize, Left)>> {
        for (at, seg) in self.segs.iter().enumerate() {
            let gone = match &seg.tail {
                Some(tail) => tail.stat.names == 0 && seg.state.position == tail.stat.size,
                None => seg.active() && seg.state.phase == Phase::Live,
            };
            if !gone || seg.state.position == 0 || seg.base != file.base || seg.state.path != file.path {
                continue;
            }
            let mut state = seg.state.clone();
            let window = seg.tail.as_ref().map(|tail| {
                tail.fill_proofs(&mut state);
                tail.window.clone()
            });
            let left = left(
                open.file(),
                stat.size,
                &state,
                (&seg.chunks, self.boot, &self.framer),
                window.as_deref(),
            )?;
            if left.resembles {
                return Ok(Some((at, left)));
            }
        }
        Ok(None)
    }

    /// Goes on in the edited copy that took the place of a segment's file.
    pub(super) fn take_replacement(
        &mut self,
        at: usize,
        left: &Left,
        open: Body,
        stat: Stat,
        pass: &Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) {
        let Some(seg) = self.segs.get_mut(at) else { return };
        seg.state.phase = Phase::Live;
        let state = seg.state.clone();
        let position = match left.verdict {
            Verdict::Edited(position) => position.min(stat.size),
            _ => state.position.min(stat.size),
        };
        let detail = format!("{} {} resumed={position}", shown(&state.path), left.evidence);
        let what = (Some(state.id), SourceEventKind::Replaced, Cause::Unexplained);
        let range = (left.sure.min(state.position), state.position);
        if self.begin_after(at, open, stat, position, pass.now, new_id) {
            self.event(what, range, detail, pass.now);
            self.close(at, Phase::Lost);
        }
    }

    /// Whether a segment that has no file at present was last seen as this one: what became of it is still to be decided.
    fn undecided(&self, file: &Incarnation) -> bool {
        let unfound = self.segs.iter().filter(|s| s.unfound());
        unfound.map(|s| &s.state.incarnation).any(|of| of == file) || self.held.iter().any(|h| h.incarnation == *file)
    }

    /// Whether it is open what became of a file that this one may be the copy of.
    fn unsettled(&mut self, file: &Listed, now: WallTime) -> bool {
        let mut unsettled = self.held.iter().any(|h| h.base == file.base);
        for at in 0..self.segs.len() {
            let Some(seg) = self.segs.get_mut(at).filter(|s| s.active() && s.base == file.base) else {
                continue;
            };
            let position = seg.state.position;
            unsettled |= match seg.tail.as_mut() {
                Some(tail) => !tail.packed() && !tail.intact(position).unwrap_or(false),
                None if seg.parked => !self.revive(at),
                None => self.doubtful(at, true, now),
            };
        }
        unsettled
    }

    /// The segment of the family that could not be found, because this file could not be looked at then.
    fn unfound_match(&self, open: &mut Body, stat: Stat, file: &Listed) -> io::Result<Option<usize>> {
        for (at, seg) in self.segs.iter().enumerate() {
            let wanted = seg.unfound() && seg.base == file.base && may_continue(&seg.state, file);
            if wanted && prove(open, stat.size, &seg.state)?.is_some() {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// The segment that was over and whose content stands under the live name again (put back from a copy). Only a full
    /// proof counts: short files begin alike.
    fn returned(&self, open: &mut Body, stat: Stat, file: &Listed, pass: &Pass) -> io::Result<Option<usize>> {
        if stat.size < PROOF_MAX as u64 {
            return Ok(None);
        }
        let of = |seg: &Seg| seg.base == file.base && PROOF_MAX as u64 <= seg.state.position;
        self.sealed_match(open, stat, pass, &of)
    }

    /// The sealed segment, one of which `of` holds, whose content `open` has, if that segment's own file is not there any
    /// more.
    fn sealed_match(
        &self,
        open: &mut Body,
        stat: Stat,
        pass: &Pass,
        of: &dyn Fn(&Seg) -> bool,
    ) -> io::Result<Option<usize>> {
        let head = open.bytes_at(0, proof_len(stat.size))?;
        let full = Proof::of(&head);
        let sealed = self
            .segs
            .iter()
            .enumerate()
            .filter(|(_, s)| !s.active() && s.state.position > 0 && of(s));
        for (at, seg) in sealed {
            let state = &seg.state;
            let alike = if state.head.len == full.len {
                state.head == full
            } else {
                state.head.len < full.len
            };
            if !alike || stat.size < state.position {
                continue;
            }
            let there = pass
                .listing
                .files
                .iter()
                .any(|f| f.stat.incarnation == state.incarnation);
            if !there && prove(open, stat.size, state)?.is_some() {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// The segment of a file being read that `open` is a copy of, as far as it goes.
    fn copied(&mut self, open: &mut Body, stat: Stat, file: &Listed) -> io::Result<Option<SegmentId>> {
        let len = proof_len(stat.size);
        let head = open.bytes_at(0, len)?;
        let end = stat.size.saturating_sub(len as u64);
        let tail = open.bytes_at(end, len)?;
        crate::fault::pass("source.compare")?;
        for seg in self.segs.iter_mut().filter(|s| s.active() && s.base == file.base) {
            let Some(source) = seg.tail.as_mut().filter(|t| !t.broken) else {
                continue;
            };
            // The file of a rotated one stands under its own name: few lines that agree make no copy of it.
            let own = seg.state.phase == Phase::Rotated
                && seg.away.is_none()
                && source.stat.names > 0
                && seg.rank != Rank::GONE;
            if older(&stat.incarnation, &source.stat.incarnation) || own && len < PROOF_MAX {
                continue;
            }
            if source.bytes_at(0, len)? == head && source.bytes_at(end, len)? == tail {
                return Ok(Some(seg.state.id));
            }
        }
        Ok(None)
    }

    /// Lets segment `at` go on in `open`.
    fn adopt(&mut self, at: usize, open: Body, stat: Stat, file: &Listed, pass: &Pass) -> io::Result<Taken> {
        let Some(seg) = self.segs.get_mut(at) else {
            return Ok(Taken::Later);
        };
        if let Some(tail) = &seg.tail {
            tail.fill_proofs(&mut seg.state);
        }
        if seg.state.phase == Phase::Lost {
            // What was cut away is there again, in a copy.
            seg.state.phase = Phase::Sealed;
            seg.dirty = true;
        }
        let over = !seg.active() && stat.size == seg.state.position;
        if !over {
            let Ok(tail) = Tail::resume(open, stat, &seg.state)? else {
                return Ok(Taken::Later);
            };
            seg.tail = Some(tail);
            seg.seen_size = stat.size;
            seg.changed_at = pass.now;
        }
        self.place(at, file, pass.now, over);
        Ok(Taken::Settled)
    }

    /// Begins to read a file nobody knows.
    pub(super) fn begin(
        &mut self,
        mut open: Body,
        stat: Stat,
        file: &Listed,
        start: Start,
        pass: &Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) -> io::Result<()> {
        let position = match start {
            Start::Beginning => 0,
            Start::End => last_whole(&mut open, stat.size, &self.framer)?,
        };
        let tail = Tail::start(open, stat, position, &self.framer)?;
        let phase = if file.live() { Phase::Live } else { Phase::Rotated };
        let mut seg = self.born(tail, &file.path, position, phase, pass.now, new_id);
        (seg.base, seg.rank) = (file.base.clone(), file.rank);
        if position > 0 {
            let what = (Some(seg.state.id), SourceEventKind::StartedAtEnd, Cause::Configured);
            self.event(what, (0, position), shown(&file.path), pass.now);
        }
        self.segs.push(seg);
        Ok(())
    }

    /// Remembers a file whose lines are not to be counted: as a segment that is sealed from its birth.
    pub(super) fn pass_over(
        &mut self,
        open: Body,
        stat: Stat,
        file: &Listed,
        pass: &Pass,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) -> io::Result<()> {
        let tail = Tail::start(open, stat, stat.size, &self.framer)?;
        let mut seg = self.born(tail, &file.path, stat.size, Phase::Sealed, pass.now, new_id);
        if let Some(tail) = seg.tail.take() {
            tail.fill_proofs(&mut seg.state);
        }
        (seg.base, seg.rank) = (file.base.clone(), file.rank);
        self.segs.push(seg);
        Ok(())
    }

    /// A new segment of the file open in `tail`.
    pub(super) fn born(
        &mut self,
        tail: Tail,
        path: &Path,
        position: u64,
        phase: Phase,
        now: WallTime,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) -> Seg {
        let state = SegmentState {
            id: new_id(),
            source: self.id,
            path: path.to_owned(),
            incarnation: tail.stat.incarnation,
            position,
            inside: false,
            lines: 0,
            head: Proof::default(),
            window: Proof::default(),
            phase,
            format_state: Vec::new(),
            last_read: now,
            caught_at: now,
            origin: position,
            part: Proof::default(),
            chain: [0; 32],
            boot: self.boot,
            marks: Vec::new(),
        };
        Seg::new(state, Some(tail), path.to_owned(), Rank::LIVE)
    }
}

/// What became of a file nobody had claimed.
pub(super) enum Taken {
    /// It has its segment.
    Settled,
    /// It is a copy of this segment's file.
    Copy(SegmentId),
    /// It is too early to say.
    Later,
    /// It could not be looked at.
    Unseen,
}

/// Whether a file of incarnation `a` was there before one of `b`, so that it cannot be a copy of it.
pub(super) fn older(a: &Incarnation, b: &Incarnation) -> bool {
    a.dev == b.dev && a.btime != 0 && a.btime < b.btime
}

/// Where the last whole line of `file` ends: a line that is being written is still to be counted.
fn last_whole(file: &mut Body, size: u64, framer: &Framer) -> io::Result<u64> {
    let len = usize::try_from(size).unwrap_or(usize::MAX).min(LAST_LINE_MAX);
    let from = size.saturating_sub(len as u64) & !1;
    let bytes = file.bytes_at(from, len)?;
    Ok(framer
        .last_end(&bytes)
        .map_or(size, |end| from.saturating_add(end as u64)))
}
