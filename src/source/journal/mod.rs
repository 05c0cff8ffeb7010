//! The journal of systemd as a source: its files are read as they stand in the folder, without any library of systemd.
//!
//! A *row* of entries (`seqnum_id` of journald) is a segment; its position is the number of the next entry, committed
//! with what was counted like any position. journald gives every entry the next number, whatever file it stands in: a
//! number that is missing is an entry that is gone, and an event. Rotation, several files and boots make no
//! difference. What is given out as a line is what the program wrote (`MESSAGE`), of the units or identifiers that the
//! configuration names.
//!
//! An entry that seems to be missing may only have come later than one in another file: the folder is listed again
//! before a gap is believed. Damaged files are read as far as they hold, an event says so, and what is missing is a gap.
//!
//! Not here: sealing by journald (our own ledger proves what was read), writing to the journal.

mod file;
mod folder;
#[cfg(test)]
mod tests;
mod unpack;

use std::collections::BTreeMap;
use std::path::PathBuf;

use self::file::SeqnumId;
pub use self::folder::JournalFilter;
use self::folder::{Folder, Row, Trouble};
use super::recut::archived_entry;
use super::segment::shown;
use super::{
    Cause, Handed, Incarnation, Known, Phase, Proof, Raw, ReadOutcome, SegmentState, SegmentStatus, SourceEvent,
    SourceEventKind, SourceSettings, Start,
};
use crate::access::{Damage, Line, LineRef, SegmentId, SourceId};
use crate::clock::WallTime;

/// Bytes an entry is reckoned as beside its text, so that a long stretch of other programs' entries ends a turn, too.
const ENTRY_BYTES: u64 = 256;

/// One row of entries.
#[derive(Debug)]
struct Seg {
    state: SegmentState,
    row: SeqnumId,
    /// The greatest number in the files at the last look.
    last: u64,
    /// Up to where the store knows it.
    committed: u64,
    /// What is to come next cannot be read now.
    stuck: bool,
    dirty: bool,
}

impl Seg {
    fn of(state: SegmentState) -> Seg {
        Seg {
            row: state.head.hash.first_chunk::<16>().copied().unwrap_or_default(),
            last: 0,
            committed: state.position,
            stuck: false,
            dirty: false,
            state,
        }
    }

    fn ready(&self) -> bool {
        !self.stuck && self.state.position <= self.last
    }
}

/// Follows the journal in one folder. Owned by one thread; every method returns at once.
#[derive(Debug)]
pub struct JournalTailer {
    settings: SourceSettings,
    id: SourceId,
    folder: Folder,
    segs: Vec<Seg>,
    events: Vec<SourceEvent>,
    /// Files that cannot be read, and those of them that the store knows of.
    trouble: BTreeMap<PathBuf, String>,
    stored_trouble: BTreeMap<PathBuf, String>,
    scanned: bool,
    /// Nothing of this source is in the store: `start` applies to the rows that are there.
    first: bool,
    /// The store does not know yet that `start` is spent.
    begun: bool,
    /// The source's entries since they were taken last, where somebody wants them.
    raw: Option<Vec<Raw>>,
}

/// Entries of the source in `from..state.position` once more, as they are archived: how many are there still, and their
/// lines.
pub fn journal_again(settings: &SourceSettings, state: &SegmentState, from: u64) -> (u64, Vec<u8>) {
    let folder = settings.paths.first().map(PathBuf::from).unwrap_or_default();
    let mut folder = Folder::new(folder, settings.journal.clone().unwrap_or_default());
    let row: SeqnumId = state.head.hash.first_chunk::<16>().copied().unwrap_or_default();
    // What cannot be read is missing; whoever asks knows how much there must be.
    let mut trouble = folder.list(&|_| None);
    let (mut at, mut found, mut lines) = (from, 0u64, Vec::new());
    while let Some((number, file)) = folder.next(&row, at, &mut trouble).filter(|(n, _)| *n < state.position) {
        match folder.message(file, settings.line_bytes_max) {
            Ok(Some((text, len))) => {
                lines.extend(archived_entry(number, &text, len));
                found = found.saturating_add(1);
            }
            Ok(None) => {}
            Err(why) => drop(folder.give_up(file, &why)),
        }
        at = number.saturating_add(1);
    }
    (found, lines)
}

impl JournalTailer {
    /// Goes on from `known`. `settings.paths` holds the folder. No file is touched yet.
    pub fn open(settings: SourceSettings, id: SourceId, known: Known) -> JournalTailer {
        let folder = settings.paths.first().map(PathBuf::from).unwrap_or_default();
        let filter = settings.journal.clone().unwrap_or_default();
        let mut tailer = JournalTailer {
            folder: Folder::new(folder, filter),
            settings,
            id,
            segs: Vec::new(),
            events: Vec::new(),
            trouble: BTreeMap::new(),
            stored_trouble: BTreeMap::new(),
            scanned: false,
            first: true,
            begun: false,
            raw: None,
        };
        tailer.load(known);
        tailer
    }

    fn load(&mut self, known: Known) {
        self.first = known.segments.is_empty() && known.begun.is_empty();
        let wanted = known.segments.into_iter().filter(|s| s.phase != Phase::Lost);
        self.segs = wanted.map(Seg::of).collect();
    }

    /// Lists the folder and settles which rows are there.
    pub fn scan(&mut self, now: WallTime, new_id: &mut dyn FnMut() -> SegmentId) {
        let trouble = self.list();
        self.note(trouble, now);
        let rows = self.folder.rows();
        for (row, found) in &rows {
            match self.segs.iter_mut().find(|s| s.row == *row) {
                Some(seg) => {
                    seg.last = found.last;
                    seg.stuck = false;
                    seg.state.phase = Phase::Live;
                }
                None => self.begin(*row, found, now, new_id()),
            }
        }
        let blind = !self.trouble.is_empty();
        let mut gone = Vec::new();
        for seg in self.segs.iter_mut().filter(|s| s.state.phase == Phase::Live) {
            match rows.get(&seg.row) {
                Some(found) if found.over && found.last < seg.state.position => seg.state.phase = Phase::Sealed,
                Some(_) => continue,
                None if blind || rows.is_empty() => continue,
                None => {
                    seg.state.phase = Phase::Lost;
                    gone.push((seg.state.id, seg.state.position));
                }
            }
            seg.dirty = true;
        }
        for (id, position) in gone {
            let detail = format!(
                "{}: no more entries of this row; another one has begun",
                shown(&self.settings.paths.first().map(PathBuf::from).unwrap_or_default())
            );
            let what = (Some(id), SourceEventKind::Lost, Cause::Unexplained);
            self.event(what, (position, position), detail, now);
        }
        self.begun |= self.first;
        self.first = false;
        self.scanned = true;
    }

    fn list(&mut self) -> Trouble {
        let segs = &self.segs;
        let read = |row: &SeqnumId| segs.iter().find(|s| s.row == *row).map(|s| s.committed);
        self.folder.list(&read)
    }

    /// Takes up a row nobody knows.
    fn begin(&mut self, row: SeqnumId, found: &Row, now: WallTime, id: SegmentId) {
        let at_end = self.first && self.settings.start == Start::End;
        let position = if at_end {
            found.last.saturating_add(1)
        } else {
            found.first
        };
        let mut hash = [0; 32];
        hash.iter_mut().zip(row).for_each(|(to, from)| *to = from);
        let path: PathBuf = self.settings.paths.first().map(PathBuf::from).unwrap_or_default();
        let detail = format!("{}: entries of the journal", shown(&path));
        let state = SegmentState {
            id,
            source: self.id,
            path,
            incarnation: Incarnation::default(),
            position,
            inside: false,
            lines: 0,
            head: Proof { len: 16, hash },
            window: Proof::default(),
            phase: Phase::Live,
            format_state: Vec::new(),
            last_read: now,
            caught_at: now,
            origin: position,
            part: Proof::default(),
            chain: [0; 32],
            boot: 0,
            marks: Vec::new(),
        };
        if at_end {
            let what = (Some(id), SourceEventKind::StartedAtEnd, Cause::Configured);
            self.event(what, (found.first, position), detail, now);
        }
        let mut seg = Seg::of(state);
        (seg.last, seg.dirty) = (found.last, true);
        self.segs.push(seg);
    }

    /// Looks at the open files only: is there anything to read?
    pub fn poll(&mut self) -> bool {
        self.folder.look();
        self.refresh();
        !self.scanned || self.segs.iter().any(Seg::ready)
    }

    /// Takes note that `files` were written to: is any of them the journal's?
    pub fn written(&mut self, files: &[Incarnation]) -> bool {
        self.folder.holds(files) && self.poll()
    }

    fn refresh(&mut self) {
        let rows = self.folder.rows();
        for seg in &mut self.segs {
            if let Some(row) = rows.get(&seg.row) {
                seg.last = seg.last.max(row.last);
            }
        }
    }

    /// Reads entries in the order of their numbers, about `budget_bytes` of them. Positions advance in memory only.
    pub fn read(
        &mut self,
        now: WallTime,
        budget_bytes: usize,
        new_id: &mut dyn FnMut() -> SegmentId,
        sink: &mut dyn FnMut(Line<'_>, &mut Vec<u8>),
    ) -> ReadOutcome {
        if !self.scanned {
            self.scan(now, new_id);
        }
        let mut out = ReadOutcome::default();
        let mut left = budget_bytes as u64;
        let mut listed = false;
        while let Some(at) = self.segs.iter().position(Seg::ready).filter(|_| 0 < left) {
            let Some(seg) = self.segs.get(at) else { break };
            let (row, position) = (seg.row, seg.state.position);
            let mut trouble = Vec::new();
            let next = self.folder.next(&row, position, &mut trouble);
            self.note_more(trouble, now);
            match next {
                // Perhaps it only came later than its neighbour in another file.
                Some((number, _)) if position < number && !listed => {
                    listed = true;
                    let trouble = self.list();
                    self.note(trouble, now);
                    self.refresh();
                }
                Some((number, file)) => {
                    listed = false;
                    if position < number {
                        self.gap(at, number, now);
                    }
                    self.entry(at, (number, file), &mut left, &mut out, now, sink);
                }
                None => self.stick(at),
            }
        }
        for seg in self.segs.iter_mut().filter(|s| s.dirty && s.last < s.state.position) {
            seg.state.caught_at = now;
        }
        out.more = self.segs.iter().any(Seg::ready);
        out
    }

    fn stick(&mut self, at: usize) {
        if let Some(seg) = self.segs.get_mut(at) {
            seg.stuck = true;
        }
    }

    /// Numbers up to `number` are missing.
    fn gap(&mut self, at: usize, number: u64, now: WallTime) {
        let Some(seg) = self.segs.get_mut(at) else { return };
        let from = std::mem::replace(&mut seg.state.position, number);
        seg.dirty = true;
        let (id, path) = (seg.state.id, seg.state.path.clone());
        let count = number.saturating_sub(from);
        let detail = format!(
            "{}: {count} journal entries are missing; whose they were is not known",
            shown(&path)
        );
        let what = (Some(id), SourceEventKind::Gap, Cause::Unexplained);
        self.event(what, (from, number), detail, now);
    }

    /// Gives out one entry, if it is one of the source's.
    fn entry(
        &mut self,
        at: usize,
        (number, file): (u64, usize),
        left: &mut u64,
        out: &mut ReadOutcome,
        now: WallTime,
        sink: &mut dyn FnMut(Line<'_>, &mut Vec<u8>),
    ) {
        let max = self.settings.line_bytes_max;
        let message = match self.folder.message(file, max) {
            Ok(message) => message,
            Err(error) => {
                let trouble = self.folder.give_up(file, &error);
                self.note_more(trouble, now);
                return;
            }
        };
        let Some(seg) = self.segs.get_mut(at) else { return };
        let end = number.saturating_add(1);
        let mut bytes = ENTRY_BYTES;
        if let Some((text, len)) = message {
            if let Some(raw) = self.raw.as_mut() {
                let line = archived_entry(number, &text, len);
                let state = seg.state.format_state.clone();
                match raw.last_mut().filter(|raw| raw.segment == seg.state.id) {
                    Some(raw) => {
                        raw.bytes.extend(line);
                        raw.span.1 = end;
                    }
                    None => raw.push(Raw {
                        segment: seg.state.id,
                        span: (seg.state.position, end),
                        bytes: line,
                        inside: (false, false),
                        ends: true,
                        states: (state.clone(), state),
                    }),
                }
            }
            let line = Line {
                bytes: &text,
                at: LineRef {
                    segment: seg.state.id,
                    start: number,
                    end,
                },
                damage: (max as u64 > 0 && (max as u64) < len).then_some(Damage::Oversize),
            };
            sink(line, &mut seg.state.format_state);
            if let Some(raw) = self.raw.as_mut().and_then(|raw| raw.last_mut()) {
                raw.states.1.clone_from(&seg.state.format_state);
            }
            seg.state.lines = seg.state.lines.saturating_add(1);
            out.lines = out.lines.saturating_add(1);
            out.bytes = out.bytes.saturating_add(len);
            bytes = bytes.saturating_add(len);
        }
        *left = left.saturating_sub(bytes);
        seg.state.position = end;
        seg.state.last_read = now;
        seg.dirty = true;
    }

    /// From now on keeps the source's entries, until they are taken.
    pub fn keep_raw(&mut self) {
        self.raw = Some(Vec::new());
    }

    /// The source's entries since the last call, as they are archived.
    pub fn take_raw(&mut self) -> Vec<Raw> {
        self.raw.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether any row differs from what was handed over.
    pub fn has_changes(&self) -> bool {
        self.begun || self.segs.iter().any(|s| s.dirty)
    }

    /// What the batch has to write of this source.
    pub fn hand_over(&mut self) -> Handed {
        let mut segments = Vec::new();
        for seg in self.segs.iter_mut().filter(|s| s.dirty) {
            seg.dirty = false;
            segments.push(seg.state.clone());
        }
        let begun = std::mem::take(&mut self.begun).then(|| self.settings.paths.clone());
        Handed {
            segments,
            chunks: Vec::new(),
            begun: begun.unwrap_or_default(),
        }
    }

    /// What was handed over last is durable.
    pub fn committed(&mut self) {
        for seg in self.segs.iter_mut().filter(|s| !s.dirty) {
            seg.committed = seg.state.position;
        }
        self.segs.retain(|s| s.state.phase != Phase::Lost);
        self.stored_trouble.clone_from(&self.trouble);
    }

    /// A batch failed: goes on from `known`. Files stay open.
    pub fn reset(&mut self, known: Known) {
        self.load(known);
        self.folder.rewind();
        self.trouble.clone_from(&self.stored_trouble);
        self.events.clear();
        self.scanned = false;
        self.begun = false;
        drop(self.take_raw());
    }

    /// What happened since the last call and is to be committed with the batch.
    pub fn take_events(&mut self) -> Vec<SourceEvent> {
        std::mem::take(&mut self.events)
    }

    /// The rows being read. Positions and sizes are numbers of entries.
    pub fn status(&self) -> Vec<SegmentStatus> {
        let live = self.segs.iter().filter(|s| s.state.phase == Phase::Live);
        live.map(|seg| SegmentStatus {
            path: seg.state.path.clone(),
            position: seg.state.position,
            size: seg.state.position.max(seg.last.saturating_add(1)),
            lines: seg.state.lines,
            phase: seg.state.phase,
            last_read: seg.state.last_read,
        })
        .collect()
    }

    /// Whether everything that can be read at present has been read.
    pub fn idle(&self) -> bool {
        self.scanned && !self.segs.iter().any(Seg::ready)
    }

    /// The folders to watch.
    pub fn watch_dirs(&self) -> Vec<PathBuf> {
        self.folder.dirs.clone()
    }

    fn event(
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

    /// What a listing could not read: new trouble is an event, and so is its end.
    fn note(&mut self, trouble: Trouble, now: WallTime) {
        let over: Vec<PathBuf> = self.trouble.keys().cloned().collect();
        for path in over.into_iter().filter(|p| !trouble.iter().any(|(t, _)| t == p)) {
            self.trouble.remove(&path);
            if path.exists() {
                let what = (None, SourceEventKind::ReadableAgain, Cause::Unexplained);
                self.event(what, (0, 0), shown(&path), now);
            }
        }
        self.note_more(trouble, now);
    }

    fn note_more(&mut self, trouble: Trouble, now: WallTime) {
        for (path, why) in trouble {
            if self.trouble.insert(path.clone(), why.clone()).is_none() {
                let what = (None, SourceEventKind::Unreadable, Cause::Unexplained);
                self.event(what, (0, 0), format!("{}: {why}", shown(&path)), now);
            }
        }
    }
}
