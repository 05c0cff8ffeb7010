//! The tailer: all segments of one source, read in turn.
//!
//! What it holds in memory is a cache of what the store holds plus what the present batch would add. After a
//! failed batch [`Tailer::reset`] goes back; files that are open stay open, because an unlinked file that is
//! closed is gone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::family::Paths;
use super::framer::Framer;
use super::segment::{Away, Held, Seg, Spell, shown};
use super::tail::{End, Job, Sink, open_file};
use super::{Incarnation, Phase, SegmentState, SourceEvent, SourceEventKind, SourceSettings};
use crate::access::{SegmentId, SourceId};
use crate::clock::WallTime;

/// Most scans one call of `read` makes on finding files cut under it; the next call goes on.
const RESCANS_MAX: u32 = 4;

/// What one call of [`Tailer::read`] gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOutcome {
    /// Bytes consumed.
    pub bytes: u64,
    /// Lines given out.
    pub lines: u64,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// Where one segment stands, for people to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentStatus {
    /// Path it was last seen under.
    pub path: PathBuf,
    /// Bytes consumed.
    pub position: u64,
    /// Size of the file at the last look; `position` while the file is not open.
    pub size: u64,
    /// Records consumed.
    pub lines: u64,
    /// Where in its life it is.
    pub phase: Phase,
    /// When something was last read from it.
    pub last_read: WallTime,
}

/// Follows the files of one source. Owned by one thread; every method returns at once.
#[derive(Debug)]
pub struct Tailer {
    pub(super) settings: SourceSettings,
    pub(super) id: SourceId,
    pub(super) paths: Paths,
    pub(super) segs: Vec<Seg>,
    /// Open files from before a reset, to be taken up by the next scan.
    pub(super) held: Vec<Held>,
    /// Nothing of this source is in the store and nothing was scanned: `start` applies.
    pub(super) first: bool,
    /// The next scan is the first of this process.
    pub(super) fresh: bool,
    /// Whether the segments were looked for since the start or the last reset.
    pub(super) scanned: bool,
    pub(super) events: Vec<SourceEvent>,
    /// Paths that cannot be read now, and those the store knows of.
    pub(super) spells: BTreeMap<PathBuf, Spell>,
    stored_spells: BTreeMap<PathBuf, Spell>,
    /// Files that are copies of a live segment (copytruncate on its way), with the segment they copy.
    pub(super) copies: Vec<(super::Incarnation, SegmentId)>,
    pub(super) watch: Vec<PathBuf>,
    pub(super) opener: fn(&Path, bool) -> io::Result<File>,
    framer: Framer,
    buf: Vec<u8>,
    calls: u64,
}

impl Tailer {
    /// A tailer of source `id` that goes on from `known`: every segment of this source that the store holds.
    /// The sealed ones tell a rotated file that was read from one that was not, so leave out only those
    /// whose files are surely gone. No file is touched yet.
    pub fn open(settings: SourceSettings, id: SourceId, known: Vec<SegmentState>) -> Tailer {
        let framer = Framer::new(settings.encoding, settings.quoted_newlines, settings.line_bytes_max);
        let mut tailer = Tailer {
            paths: Paths::new(&settings.paths),
            settings,
            id,
            segs: Vec::new(),
            held: Vec::new(),
            first: known.is_empty(),
            fresh: true,
            scanned: false,
            events: Vec::new(),
            spells: BTreeMap::new(),
            stored_spells: BTreeMap::new(),
            copies: Vec::new(),
            watch: Vec::new(),
            opener: open_file,
            framer,
            buf: Vec::new(),
            calls: 0,
        };
        tailer.load(known);
        tailer
    }

    fn load(&mut self, known: Vec<SegmentState>) {
        let wanted = known.into_iter().filter(|s| s.phase != Phase::Lost);
        self.segs = wanted
            .map(|state| {
                let (base, rank) = self.paths.place(&state.path);
                Seg {
                    stored: true,
                    dirty: false,
                    ..Seg::new(state, None, base, rank)
                }
            })
            .collect();
    }

    /// Looks at the open files only: is there anything to read?
    pub fn poll(&mut self) -> bool {
        let mut ready = !self.scanned;
        for seg in self.segs.iter_mut().filter(|s| s.active()) {
            if let Some(tail) = seg.tail.as_mut() {
                // A file that cannot even be looked at is tried by `read`, which raises the event.
                if tail.restat().is_err() {
                    tail.look_again();
                }
                ready |= tail.ready();
            }
        }
        ready
    }

    /// Takes note that `files` were written to, so that `read` tries them: is any of them followed here?
    pub fn written(&mut self, files: &[Incarnation]) -> bool {
        let mut ready = !self.scanned;
        for seg in self.segs.iter_mut().filter(|s| s.active()) {
            let tail = seg.tail.as_mut();
            let wanted = |open: Incarnation| files.iter().any(|f| (f.dev, f.ino) == (open.dev, open.ino));
            if let Some(tail) = tail.filter(|t| wanted(t.stat.incarnation)) {
                tail.look_again();
                ready = true;
            }
        }
        ready
    }

    /// Reads whole records of the files that have something, about `budget_bytes` of them (one record more
    /// where the first is longer), and gives each to `sink` together with what its segment's format
    /// remembers. Positions advance in memory only.
    pub fn read(
        &mut self,
        now: WallTime,
        budget_bytes: usize,
        new_id: &mut dyn FnMut() -> SegmentId,
        sink: &mut dyn FnMut(crate::access::Line<'_>, &mut Vec<u8>),
    ) -> ReadOutcome {
        if !self.scanned {
            self.scan(now, new_id);
        }
        self.calls = self.calls.saturating_add(1);
        let mut out = ReadOutcome::default();
        let mut left = budget_bytes as u64;
        let mut rescans = 0;
        while left > 0 {
            let call = self.calls;
            let ready = self
                .segs
                .iter()
                .enumerate()
                .filter(|(_, s)| s.skipped != call && s.ready());
            let Some((next, _)) = ready.min_by_key(|(_, s)| s.order()) else {
                break;
            };
            let end = self.turn(next, now, &mut left, &mut out, sink);
            match end {
                End::Broken if rescans < RESCANS_MAX => {
                    rescans = rescans.saturating_add(1);
                    self.scan(now, new_id);
                }
                // What is left is too little for its next record: a younger file does not go before it for that.
                End::Spent => break,
                End::Broken => self.skip(next),
                End::More | End::Caught => {}
            }
        }
        let stuck = |s: &Seg| s.failing || s.tail.as_ref().is_some_and(|t| t.broken);
        out.more = self.segs.iter().any(|s| s.ready() && !stuck(s));
        out
    }

    fn skip(&mut self, index: usize) {
        if let Some(seg) = self.segs.get_mut(index) {
            seg.skipped = self.calls;
        }
    }

    /// Lets one segment read one chunk.
    fn turn(&mut self, index: usize, now: WallTime, left: &mut u64, out: &mut ReadOutcome, sink: &mut Sink<'_>) -> End {
        let Some(seg) = self.segs.get_mut(index) else {
            return End::Caught;
        };
        let Some(tail) = seg.tail.as_mut() else {
            return End::Caught;
        };
        seg.turn = self.calls.saturating_mul(1 << 20).saturating_add(out.lines);
        let mut job = Job {
            buf: &mut self.buf,
            framer: self.framer,
            allowance: *left,
            force: out.lines == 0,
            closing: seg.closing,
            sink,
        };
        let turn = match tail.read(&mut seg.state, &mut job) {
            Ok(turn) => turn,
            Err(error) => {
                seg.failing = true;
                seg.skipped = self.calls;
                let (path, id) = (seg.state.path.clone(), seg.state.id);
                self.spell(
                    &path,
                    Some(id),
                    SourceEventKind::Unreadable,
                    true,
                    &error.to_string(),
                    now,
                );
                return End::More;
            }
        };
        *left = left.saturating_sub(turn.scanned);
        out.bytes = out.bytes.saturating_add(turn.bytes);
        out.lines = out.lines.saturating_add(turn.lines);
        if turn.bytes > 0 {
            seg.dirty = true;
            seg.state.last_read = now;
            seg.changed_at = now;
        }
        if turn.end == End::Caught
            && let Some(size) = seg.closing.take()
        {
            // Grown meanwhile: it is not over yet.
            if size == tail.stat.size && seg.state.position == size {
                seg.state.phase = Phase::Sealed;
                seg.dirty = true;
            }
        }
        if seg.failing && turn.end != End::Broken {
            seg.failing = false;
            let path = seg.state.path.clone();
            self.end_spell(&path, now);
        }
        turn.end
    }

    /// Whether any segment differs from what the store holds.
    pub fn has_changes(&self) -> bool {
        self.segs.iter().any(|s| s.dirty)
    }

    /// The segments that differ from what the store holds, as they would be after this batch.
    pub fn changes(&self) -> Vec<SegmentState> {
        let dirty = self.segs.iter().filter(|s| s.dirty);
        dirty
            .map(|seg| {
                let mut state = seg.state.clone();
                if let Some(tail) = &seg.tail {
                    tail.fill_proofs(&mut state);
                }
                state
            })
            .collect()
    }

    /// The store took what [`Tailer::changes`] gave; nothing may have been read in between.
    pub fn committed(&mut self) {
        for seg in &mut self.segs {
            seg.dirty = false;
            seg.stored = true;
            if let Some(away) = &mut seg.away {
                away.stored = away.told;
            }
            if !seg.active()
                && let Some(tail) = seg.tail.take()
            {
                tail.fill_proofs(&mut seg.state);
            }
        }
        self.segs.retain(|s| s.state.phase != Phase::Lost);
        self.stored_spells.clone_from(&self.spells);
    }

    /// A batch failed: forgets what was read since, and goes on from `known`, as in [`Tailer::open`]. Open files
    /// stay open. The next scan raises again what was noticed and not committed.
    pub fn reset(&mut self, known: Vec<SegmentState>) {
        let old = std::mem::take(&mut self.segs);
        self.load(known);
        let mut reborn = Vec::new();
        for mut seg in old {
            match seg.tail.take() {
                Some(tail) => self.held.push(Held {
                    file: tail.into_file(),
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
                    seg
                }),
        );
        self.spells.clone_from(&self.stored_spells);
        self.events.clear();
        self.copies.clear();
        self.scanned = false;
    }

    /// What happened since the last call and is to be committed with the batch.
    pub fn take_events(&mut self) -> Vec<SourceEvent> {
        std::mem::take(&mut self.events)
    }

    /// The segments being read, rotated ones first.
    pub fn status(&self) -> Vec<SegmentStatus> {
        let mut active: Vec<&Seg> = self.segs.iter().filter(|s| s.active()).collect();
        active.sort_by_key(|s| (s.base.clone(), s.rank));
        let status = active.into_iter().map(|seg| SegmentStatus {
            path: seg.state.path.clone(),
            position: seg.state.position,
            size: seg.tail.as_ref().map_or(seg.state.position, |t| t.stat.size),
            lines: seg.state.lines,
            phase: seg.state.phase,
            last_read: seg.state.last_read,
        });
        status.collect()
    }

    /// Whether everything that can be read at present has been read, going by the last scan and poll.
    pub fn idle(&self) -> bool {
        self.scanned && !self.segs.iter().any(|s| s.ready() && !s.failing)
    }

    /// The directories to watch: those of the files, or their nearest ancestors that exist. Known after a scan.
    pub fn watch_dirs(&self) -> Vec<PathBuf> {
        self.watch.clone()
    }

    pub(super) fn event(
        &mut self,
        segment: Option<SegmentId>,
        kind: SourceEventKind,
        (lo, hi): (u64, u64),
        detail: String,
        at: WallTime,
    ) {
        self.events.push(SourceEvent {
            source: self.id,
            segment,
            kind,
            lo,
            hi,
            detail,
            at,
        });
    }

    /// A path cannot be read: raises the event if this is new.
    pub(super) fn spell(
        &mut self,
        path: &Path,
        segment: Option<SegmentId>,
        kind: SourceEventKind,
        reading: bool,
        why: &str,
        now: WallTime,
    ) {
        let before = self.spells.insert(path.to_owned(), Spell { kind, reading });
        if before.is_none_or(|b| b.kind != kind) {
            self.event(segment, kind, (0, 0), format!("{}: {why}", shown(path)), now);
        }
    }

    /// A path can be read again.
    pub(super) fn end_spell(&mut self, path: &Path, now: WallTime) {
        if let Some(spell) = self.spells.remove(path)
            && spell.kind == SourceEventKind::Unreadable
        {
            self.event(None, SourceEventKind::ReadableAgain, (0, 0), shown(path), now);
        }
    }
}
