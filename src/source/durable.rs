//! What a batch takes with it, and the way back when it fails.
//!
//! Handing over is not yet being durable: until [`Tailer::committed`] says so, every file stays open and everything
//! can be begun again, because an unlinked file that is closed is gone.

use std::collections::BTreeMap;

use super::away::Away;
use super::body::Body;
use super::follow::Tailer;
use super::identity::Stat;
use super::segment::{Held, Seg, shown};
use super::tail::Tail;
use super::{Cause, ChunkHash, Handed, Known, Phase, SourceEventKind};
use crate::access::SegmentId;
use crate::clock::WallTime;

/// Most files of one source that stay open although they are over: somebody may still write to them, under
/// whatever name.
const OVER_OPEN_MAX: usize = 32;

impl Tailer {
    /// Whether there is something to hand over.
    pub fn has_changes(&self) -> bool {
        self.segs.iter().any(|s| s.dirty) || !self.changed_chunks.is_empty() || self.paths.spent.is_new()
    }

    /// Takes out what the batch has to write. It counts as stored from [`Tailer::committed`] on; meanwhile the next
    /// batch may be read. One hand-over at a time.
    pub fn hand_over(&mut self) -> Handed {
        let mut handed = Handed {
            chunks: std::mem::take(&mut self.changed_chunks),
            begun: self.paths.spent.hand_over(),
            ..Handed::default()
        };
        for seg in self.segs.iter_mut().filter(|s| s.dirty) {
            if let Some(tail) = seg.tail.as_mut() {
                tail.fill_proofs(&mut seg.state);
                let filled = tail.take_filled(seg.state.id);
                handed.chunks.extend_from_slice(&filled);
                seg.chunks.extend(filled);
            }
            handed.segments.push(seg.state.clone());
            (seg.dirty, seg.handed) = (false, true);
        }
        for away in self.segs.iter_mut().filter_map(|s| s.away.as_mut()) {
            away.handed = away.told;
        }
        self.handed_spells.clone_from(&self.spells);
        self.late.hand_over();
        handed
    }

    /// What was handed over last is durable: files that are over, and whose end is durable, are let go.
    pub fn committed(&mut self) {
        for seg in self.segs.iter_mut().filter(|s| s.handed) {
            (seg.handed, seg.stored) = (false, true);
        }
        for away in self.segs.iter_mut().filter_map(|s| s.away.as_mut()) {
            away.stored = away.handed;
        }
        self.stored_spells.clone_from(&self.handed_spells);
        self.late.committed();
        self.paths.spent.committed();
        self.let_go();
    }

    /// Closes the files of segments that are over, but not the last ones that still have a name.
    pub(super) fn let_go(&mut self) {
        let over = |s: &Seg| !s.active() && !s.dirty && s.stored && s.tail.is_some();
        let mut left = OVER_OPEN_MAX;
        for seg in self.segs.iter_mut().rev().filter(|s| over(s)) {
            let Some(tail) = &seg.tail else { continue };
            let named = tail.stat.names > 0 && !seg.let_go && !tail.packed();
            if named && left > 0 && tail.stat.size == seg.state.position {
                left = left.saturating_sub(1);
            } else {
                seg.tail = None;
                seg.chunks = Vec::new();
            }
        }
    }

    pub(super) fn load(&mut self, known: Known) {
        let mut chunks: BTreeMap<SegmentId, Vec<ChunkHash>> = BTreeMap::new();
        for chunk in known.chunks {
            chunks.entry(chunk.segment).or_default().push(chunk);
        }
        self.segs = known
            .segments
            .into_iter()
            .map(|state| {
                let (base, rank) = self.paths.place(&state.path);
                let chunks = chunks.remove(&state.id).unwrap_or_default();
                Seg {
                    stored: true,
                    dirty: false,
                    chunks,
                    ..Seg::new(state, None, base, rank)
                }
            })
            .collect();
        self.paths.spent.load(&known.begun);
    }

    /// A batch failed: forgets what was read since, and goes on from `known`, as in [`Tailer::open`]. Open files
    /// stay open. The next scan raises again what was noticed and not committed.
    pub fn reset(&mut self, known: Known) {
        let old = std::mem::take(&mut self.segs);
        self.load(known);
        let mut reborn = Vec::new();
        for mut seg in old {
            match seg.tail.take() {
                Some(tail) => self.held.push(Held {
                    incarnation: tail.stat.incarnation,
                    file: tail.into_body(),
                    id: seg.state.id,
                    path: seg.state.path,
                    base: seg.base,
                    rank: seg.rank,
                    phase: seg.state.phase,
                    origin: seg.origin,
                    stored: seg.stored,
                    away: seg.away.map(|away| Away {
                        told: away.stored,
                        ..away
                    }),
                }),
                // A file that was there before the first start and is not to be read: remember that again.
                None if !seg.stored && seg.state.phase == Phase::Sealed => reborn.push(seg),
                None => {}
            }
        }
        let ids: Vec<SegmentId> = self.segs.iter().map(|s| s.state.id).collect();
        self.segs.extend(
            reborn
                .into_iter()
                .filter(|s| !ids.contains(&s.state.id))
                .map(|mut seg| {
                    seg.state.id = SegmentId::default();
                    (seg.dirty, seg.handed) = (true, false);
                    seg
                }),
        );
        self.spells.clone_from(&self.stored_spells);
        self.late.reset();
        self.changed_chunks.clear();
        self.events.clear();
        self.copies.clear();
        self.take_raw();
        self.scanned = false;
    }

    /// Files that stayed open over a reset: back to their segments, or begun anew as new ones.
    pub(super) fn take_held(&mut self, now: WallTime, new_id: &mut dyn FnMut() -> SegmentId) {
        for seg in self
            .segs
            .iter_mut()
            .filter(|s| s.state.id == SegmentId::default() && !s.stored)
        {
            seg.state.id = new_id();
        }
        let mut orphans = Vec::new();
        for held in std::mem::take(&mut self.held) {
            let Ok(stat) = held.file.stat() else {
                self.held.push(held);
                continue;
            };
            let free = |s: &Seg| s.tail.is_none();
            // What was never stored got another number, unless it is only put by.
            let same = |s: &Seg| free(s) && (s.stored || s.active()) && s.state.id == held.id;
            let same_id = self.segs.iter().position(same);
            let of = |s: &Seg| free(s) && s.active() && s.state.incarnation == stat.incarnation;
            match same_id.or_else(|| self.segs.iter().position(of)) {
                Some(at) => self.take_up(at, held, stat, &mut orphans),
                None if !held.stored => orphans.push((held, stat)),
                None => {}
            }
        }
        for (held, stat) in orphans {
            self.begin_again(held, stat, now, new_id);
        }
    }

    /// Gives a file that stayed open back to segment `at`, if it still continues it.
    fn take_up(&mut self, at: usize, held: Held, stat: Stat, orphans: &mut Vec<(Held, Stat)>) {
        let Some(seg) = self.segs.get_mut(at) else { return };
        let packed = matches!(held.file, Body::Packed(_));
        if !seg.active() && (packed || stat.size == seg.state.position) {
            // Over, and not grown since: let the file go.
            return;
        }
        let spare = held.file.file().try_clone();
        let resumed = if packed {
            Ok(Ok(Tail::resume_packed(held.file, stat, &seg.state)))
        } else {
            Tail::resume(held.file, stat, &seg.state)
        };
        match resumed {
            Ok(Ok(tail)) => {
                seg.dirty |= seg.state.incarnation != stat.incarnation;
                seg.state.incarnation = stat.incarnation;
                seg.seen_size = tail.stat.size;
                seg.tail = Some(tail);
                (seg.base, seg.rank, seg.away) = (held.base, held.rank, held.away);
                if !seg.active() {
                    (seg.state.phase, seg.dirty) = (Phase::Rotated, true);
                }
            }
            // Cut and unlinked: no listing will show it again.
            Ok(Err(file)) if stat.names == 0 && !held.stored => orphans.push((Held { file, ..held }, stat)),
            // What became of it is decided together with the copies there may be.
            Ok(Err(file)) if seg.active() => seg.tail = Some(Tail::unproved(file, stat)),
            Ok(Err(_)) => {}
            Err(_) => {
                if let Ok(file) = spare {
                    let file = Body::Plain(file);
                    self.held.push(Held { file, ..held });
                }
            }
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
        let spare = held.file.file().try_clone();
        let tail = match Tail::start(held.file, stat, origin, &self.framer) {
            Ok(tail) => tail,
            Err(_) => {
                // It cannot be read now; closed, it might be gone.
                if let Ok(file) = spare {
                    let file = Body::new(file, &held.path);
                    self.held.push(Held { file, ..held });
                }
                return;
            }
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
                (Some(seg.state.id), SourceEventKind::StartedAtEnd, Cause::Configured),
                (0, origin),
                shown(&held.path),
                now,
            );
        }
        self.segs.push(seg);
    }
}
