//! The tailer: all segments of one source, read in turn.
//!
//! What it holds in memory is a cache of what the store holds plus what the present batch would add. After a
//! failed batch [`Tailer::reset`] goes back; files that are open stay open, because an unlinked file that is
//! closed is gone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::boot::boot_id;
use super::chunk::Raw;
use super::family::Paths;
use super::framer::{Columns, Framer};
use super::lag::Late;
use super::limits::{has_room, is_remote};
use super::segment::{Held, Seg, Spell, shown};
use super::tail::{End, Job, Sink, open_file};
use super::{Cause, Incarnation, Known, Phase, SourceEvent, SourceEventKind, SourceSettings};
use crate::access::{SegmentId, SourceId};
use crate::clock::WallTime;

/// Most scans one call of `read` makes on finding files cut under it; the next call goes on.
const RESCANS_MAX: u32 = 4;
/// How long nothing was added before the last record of a file is taken as whole although the next has not begun. Writers
/// write the lines of one record at once.
const SETTLE: Duration = Duration::from_secs(5);
/// The same where a quote is open: its rest is to come, unless nobody meant it.
const SETTLE_OPEN: Duration = Duration::from_secs(60);

/// Opens a path for reading; the flag says whether a link is followed.
pub(super) type Opener = fn(&Path, bool) -> io::Result<File>;

/// What one call of [`Tailer::read`] gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOutcome {
    /// Bytes consumed.
    pub bytes: u64,
    /// Lines given out.
    pub lines: u64,
    /// Bytes looked at; more than `bytes` where the end of a record is still to be found.
    pub scanned: u64,
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
    /// The next scan is the first of this process.
    pub(super) fresh: bool,
    /// Whether the segments were looked for since the start or the last reset.
    pub(super) scanned: bool,
    pub(super) events: Vec<SourceEvent>,
    /// Paths that cannot be read now, and those the store knows of.
    pub(super) spells: BTreeMap<PathBuf, Spell>,
    pub(super) handed_spells: BTreeMap<PathBuf, Spell>,
    pub(super) stored_spells: BTreeMap<PathBuf, Spell>,
    /// Families of which people were told that rotation may overtake the reading.
    pub(super) late: Late,
    /// Chunks that were found changed, to be handed over.
    pub(super) changed_chunks: Vec<super::ChunkHash>,
    /// This boot of the kernel.
    pub(super) boot: u128,
    /// Whether consumed bytes are hashed; off only to measure what it costs.
    hash: bool,
    /// Files that are copies of a live segment (copytruncate on its way), with the segment they copy.
    pub(super) copies: Vec<(super::Incarnation, SegmentId)>,
    /// Live paths whose file could not be taken up, since when: a member may be its copy.
    pub(super) shut: BTreeMap<PathBuf, WallTime>,
    /// Packed members that proved not to be what a segment consumed.
    pub(super) refuted: Vec<(Incarnation, SegmentId)>,
    pub(super) watch: Vec<PathBuf>,
    pub(super) opener: Opener,
    /// Whether one more file may be open.
    pub(super) room: fn() -> bool,
    /// Some files wait for room, and since when there is none at all.
    pub(super) crowded: bool,
    pub(super) crowded_since: Option<WallTime>,
    /// Whether a file may show a stale size.
    pub(super) remote: fn(&File) -> bool,
    /// The chunk that was looked at again last.
    pub(super) checked: Option<super::Check>,
    pub(super) framer: Framer,
    buf: Arc<Vec<u8>>,
    spare: Arc<Vec<u8>>,
    /// The segment of which bytes may still be hashed.
    hashing: Option<usize>,
    /// Consumed bytes since they were taken last, where somebody wants them.
    raw: Option<Vec<Raw>>,
    calls: u64,
}

impl Tailer {
    /// A tailer of source `id` that goes on from `known`: everything of this source that the store holds.
    /// The sealed segments tell a rotated file that was read from one that was not, so leave out only those
    /// whose files are surely gone. No file is touched yet.
    pub fn open(settings: SourceSettings, id: SourceId, known: Known) -> Tailer {
        let framer = Framer::new(settings.encoding, settings.quoted_newlines, settings.line_bytes_max)
            .with_delimiter(settings.delimiter)
            .framed(&settings.framing);
        let mut tailer = Tailer {
            paths: Paths::new(&settings.paths, &settings.rotated_in),
            settings,
            id,
            segs: Vec::new(),
            held: Vec::new(),
            fresh: true,
            scanned: false,
            events: Vec::new(),
            spells: BTreeMap::new(),
            handed_spells: BTreeMap::new(),
            stored_spells: BTreeMap::new(),
            late: Late::default(),
            changed_chunks: Vec::new(),
            boot: boot_id(),
            hash: true,
            copies: Vec::new(),
            shut: BTreeMap::new(),
            refuted: Vec::new(),
            watch: Vec::new(),
            opener: open_file,
            room: has_room,
            crowded: false,
            crowded_since: None,
            remote: is_remote,
            checked: None,
            framer,
            buf: Arc::default(),
            spare: Arc::default(),
            hashing: None,
            raw: None,
            calls: 0,
        };
        tailer.load(known);
        tailer
    }

    /// Looks at the open files only: is there anything to read?
    pub fn poll(&mut self) -> bool {
        // By now files may be read that others can take the room of.
        self.scanned &= !std::mem::take(&mut self.crowded);
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
            } else if seg.parked && wanted(seg.state.incarnation) {
                // It must be opened again first.
                self.scanned = false;
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
                    self.end_hashing();
                    rescans = rescans.saturating_add(1);
                    self.scan(now, new_id);
                }
                // What is left is too little for its next record: a younger file does not go before it for that.
                End::Spent => break,
                End::Broken => self.skip(next),
                End::More | End::Caught => {}
                End::Refuted | End::Short => self.skip(next),
            }
        }
        self.end_hashing();
        // What was tried in this call and could not be read is left for the next look.
        let call = self.calls;
        out.more = self.segs.iter().any(|s| s.ready() && s.skipped != call);
        if !out.more {
            // There is one of these for each source.
            (self.buf, self.spare) = (Arc::default(), Arc::default());
        }
        out
    }

    /// Waits for the hashes of what was read last.
    fn end_hashing(&mut self) {
        let seg = self.hashing.take().and_then(|at| self.segs.get_mut(at));
        if let Some(tail) = seg.and_then(|seg| seg.tail.as_mut()) {
            tail.end_hashing();
        }
    }

    fn skip(&mut self, index: usize) {
        if let Some(seg) = self.segs.get_mut(index) {
            seg.skipped = self.calls;
        }
    }

    /// Lets one segment read one chunk.
    fn turn(&mut self, index: usize, now: WallTime, left: &mut u64, out: &mut ReadOutcome, sink: &mut Sink<'_>) -> End {
        if self.hashing != Some(index) {
            self.end_hashing();
            self.hashing = Some(index);
        }
        let Some(seg) = self.segs.get_mut(index) else {
            return End::Caught;
        };
        let Some(tail) = seg.tail.as_mut() else {
            return End::Caught;
        };
        seg.turn = self.calls.saturating_mul(1 << 20).saturating_add(out.lines);
        let mut job = Job {
            buf: &mut self.buf,
            spare: &mut self.spare,
            framer: self.framer.clone(),
            allowance: *left,
            force: out.lines == 0,
            closing: seg.closing,
            settled: seg.settled,
            hash: self.hash,
            sink,
            raw: self.raw.as_mut(),
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
        out.scanned = out.scanned.saturating_add(turn.scanned);
        out.lines = out.lines.saturating_add(turn.lines);
        if turn.bytes > 0 {
            seg.dirty = true;
            seg.state.last_read = now;
            seg.state.boot = self.boot;
            seg.changed_at = now;
        }
        let skipped = tail.take_skipped();
        let changed = tail.take_changed();
        if turn.end == End::Caught {
            if seg.pending != Some(tail.stat.size) {
                (seg.pending, seg.pending_since) = (Some(tail.stat.size), now);
            }
            // Where the store says that there is more to read, it is to learn that there is not.
            seg.dirty |= seg.state.caught_at < seg.state.last_read;
            seg.state.caught_at = now;
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
        let (id, path, readable) = (seg.state.id, seg.state.path.clone(), turn.end != End::Broken);
        let again = readable && std::mem::take(&mut seg.failing);
        if again {
            self.end_spell(&path, now);
        }
        for (lo, hi) in skipped {
            let what = (Some(id), SourceEventKind::Skipped, Cause::Handling);
            self.event(what, (lo, hi), format!("{} NUL bytes", shown(&path)), now);
        }
        if let Some((range, evidence)) = changed {
            // The hashes go on from what is there now.
            if let Some(seg) = self.segs.get_mut(index) {
                seg.dirty = true;
            }
            let what = (Some(id), SourceEventKind::Edited, Cause::Unexplained);
            self.event(what, range, format!("{} {evidence}", shown(&path)), now);
        }
        self.packed_turn(index, turn.end, now);
        turn.end
    }

    /// Takes the last record of each file as whole where its end would only show with what follows: no more is expected,
    /// or nothing was added for a while. Gives whether there is something to read now.
    pub fn settle(&mut self, now: Option<WallTime>) -> bool {
        let mut ready = false;
        if !self.framer.waits() {
            return ready;
        }
        let wait = if self.framer.looks_ahead() { SETTLE } else { SETTLE_OPEN };
        for seg in self.segs.iter_mut().filter(|s| s.active()) {
            let Some(tail) = seg.tail.as_mut().filter(|t| !t.ready()) else {
                continue;
            };
            let size = tail.stat.size;
            let quiet = now.is_none_or(|now| seg.pending == Some(size) && wait <= now.since(seg.pending_since));
            if quiet && seg.state.position < size && seg.settled != Some(size) {
                seg.settled = Some(size);
                tail.look_again();
                ready = true;
            }
        }
        ready
    }

    /// Says how many columns rows have.
    pub fn know_columns(&mut self, columns: Columns) {
        self.framer = self.framer.clone().with_columns(Some(columns));
    }

    /// Leaves out the hashing of what is read: nothing will ever be gone on from here.
    pub fn without_hashes(&mut self) {
        self.hash = false;
    }

    /// From now on keeps consumed bytes as they were, until they are taken.
    pub fn keep_raw(&mut self) {
        self.raw = Some(Vec::new());
    }

    /// Consumed bytes since the last call, in the order of reading.
    pub fn take_raw(&mut self) -> Vec<Raw> {
        self.raw.as_mut().map(std::mem::take).unwrap_or_default()
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
        self.scanned && !self.crowded && !self.segs.iter().any(|s| s.ready() && !s.failing)
    }

    /// The directories to watch: those of the files, or their nearest ancestors that exist. Known after a scan.
    pub fn watch_dirs(&self) -> Vec<PathBuf> {
        self.watch.clone()
    }

    pub(super) fn event(
        &mut self,
        (segment, kind, cause): (Option<SegmentId>, SourceEventKind, Cause),
        (lo, hi): (u64, u64),
        detail: String,
        at: WallTime,
    ) {
        self.events.push(SourceEvent {
            source: self.id,
            segment,
            kind,
            cause,
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
            let detail = format!("{}: {why}", shown(path));
            self.event((segment, kind, Cause::Unexplained), (0, 0), detail, now);
        }
    }

    /// A path can be read again.
    pub(super) fn end_spell(&mut self, path: &Path, now: WallTime) {
        if let Some(spell) = self.spells.remove(path)
            && spell.kind == SourceEventKind::Unreadable
        {
            let what = (None, SourceEventKind::ReadableAgain, Cause::Unexplained);
            self.event(what, (0, 0), shown(path), now);
        }
    }
}
