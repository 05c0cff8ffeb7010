//! Files that no more continue what was consumed of them: what is said of it, and where reading goes on.

use super::body::Body;
use super::follow::Tailer;
use super::identity::Stat;
use super::left::{Verdict, crashed, left, range};
use super::segment::{Held, shown};
use super::tail::Tail;
use super::{Cause, ChunkHash, Incarnation, Phase, SourceEventKind};
use crate::access::SegmentId;
use crate::clock::WallTime;

impl Tailer {
    /// Says what became of a file that no more continues what was consumed, and goes on where that allows.
    pub(super) fn cut_settled(
        &mut self,
        at: usize,
        body: Body,
        stat: Stat,
        window: Option<&[u8]>,
        now: WallTime,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) {
        let Some(seg) = self.segs.get(at) else { return };
        let (state, boot) = (seg.state.clone(), self.boot);
        let left = match left(
            body.file(),
            stat.size,
            &state,
            (&seg.chunks, boot, &self.framer),
            window,
        ) {
            Ok(left) => left,
            Err(error) => {
                // Nothing is decided on what cannot be read.
                let (kind, path) = (SourceEventKind::Unreadable, state.path.clone());
                self.put_by(at, body, stat);
                return self.spell(&path, Some(state.id), kind, true, &error.to_string(), now);
            }
        };
        let (kind, position, lo) = match left.verdict {
            Verdict::Intact => (SourceEventKind::Edited, state.position, left.sure),
            Verdict::Cut => (SourceEventKind::RolledBack, stat.size, left.sure),
            Verdict::Edited(position) => (SourceEventKind::Edited, position, left.sure),
            Verdict::Other(position) => (SourceEventKind::Truncated, position, position),
        };
        let cause = match kind {
            SourceEventKind::RolledBack if crashed(&state, boot) => Cause::Crash,
            _ => Cause::Unexplained,
        };
        let range = match (kind, &left.changed) {
            (SourceEventKind::Edited, Some(chunk)) => range(chunk, &state),
            _ => (lo, state.position),
        };
        if kind == SourceEventKind::Edited && position == state.position {
            let told = left.told;
            if !told {
                let detail = format!("{} {}", shown(&state.path), left.evidence);
                self.event((Some(state.id), kind, cause), range, detail, now);
            }
            return self.accept(at, body, stat, left.changed);
        }
        if self.begin_after(at, body, stat, position, now, new_id) {
            let detail = format!("{} {} resumed={position}", shown(&state.path), left.evidence);
            self.event((Some(state.id), kind, cause), range, detail, now);
            self.close(at, Phase::Lost);
        }
    }

    /// Keeps a file open that nothing could be decided on; the next scan tries again.
    fn put_by(&mut self, at: usize, file: Body, stat: Stat) {
        let Some(seg) = self.segs.get(at) else { return };
        self.held.push(Held {
            file,
            incarnation: stat.incarnation,
            id: seg.state.id,
            path: seg.state.path.clone(),
            base: seg.base.clone(),
            rank: seg.rank,
            phase: seg.state.phase,
            origin: seg.origin,
            stored: seg.stored,
            away: seg.away,
        });
    }

    /// Goes on in a file whose consumed bytes were changed in place: its segment stays, with hashes of what was counted.
    pub(super) fn accept(&mut self, at: usize, body: Body, stat: Stat, changed: Option<ChunkHash>) {
        let (framer, Some(seg)) = (&self.framer, self.segs.get_mut(at)) else {
            return;
        };
        if let Some(changed) = changed {
            if let Some(kept) = seg.chunks.iter_mut().find(|c| c.index == changed.index) {
                *kept = changed;
            }
            self.changed_chunks.push(changed);
        }
        // Else cut again meanwhile, or an I/O error: the next scan finds it as it is then.
        if let Ok(tail) = Tail::accept(body, stat, &seg.state, framer) {
            tail.fill_proofs(&mut seg.state);
            seg.state.incarnation = stat.incarnation;
            seg.seen_size = stat.size;
            seg.tail = Some(tail);
            seg.dirty = true;
        }
    }

    /// A new segment for the file of segment `at`, from `position`: whether that could be begun.
    pub(super) fn begin_after(
        &mut self,
        at: usize,
        open: Body,
        stat: Stat,
        position: u64,
        now: WallTime,
        new_id: &mut dyn FnMut() -> SegmentId,
    ) -> bool {
        let Some(old) = self.segs.get(at) else { return false };
        let (path, base, rank, phase) = (old.state.path.clone(), old.base.clone(), old.rank, old.state.phase);
        let format_state = if position > 0 {
            old.state.format_state.clone()
        } else {
            Vec::new()
        };
        let spare = open.file().try_clone();
        match Tail::start(open, stat, position, &self.framer) {
            Ok(tail) => {
                let mut seg = self.born(tail, &path, position, phase, now, new_id);
                (seg.base, seg.rank, seg.state.format_state) = (base, rank, format_state);
                self.segs.push(seg);
                true
            }
            // Cut again meanwhile, or an I/O error: the next scan tries again.
            Err(error) => {
                if let Ok(file) = spare {
                    self.put_by(at, Body::new(file, &path), stat);
                }
                self.spell(&path, None, SourceEventKind::Unreadable, true, &error.to_string(), now);
                false
            }
        }
    }

    /// Ends a segment whose file is gone. Should it come back, it is known, by its content where an inode number may be
    /// used again: nothing of it counts twice.
    pub(super) fn vanished(&mut self, at: usize) {
        let incarnation = self.segs.get(at).map(|s| s.state.incarnation);
        self.close(at, Phase::Sealed);
        if let (Some(seg), Some(incarnation)) = (self.segs.get_mut(at), incarnation)
            && seg.state.position > 0
            && incarnation.btime != 0
        {
            seg.state.incarnation = incarnation;
        }
    }

    /// Ends a segment. Its incarnation is forgotten: the file has another segment now, or none.
    pub(super) fn close(&mut self, at: usize, phase: Phase) {
        if let Some(seg) = self.segs.get_mut(at) {
            seg.state.phase = phase;
            seg.state.incarnation = Incarnation::default();
            seg.closing = None;
            if let Some(mut tail) = seg.tail.take() {
                tail.fill_proofs(&mut seg.state);
                self.changed_chunks.extend(tail.take_filled(seg.state.id));
            }
            seg.dirty = true;
        }
    }
}
