//! The world a script lives in, and what must hold in it at every moment.
//!
//! *At most once*, always. *Exactly once*, at every step without faults, what stands in a file that can be read then.
//! *Or an event*: what was destroyed before such a step, of a file that the store knew and whose loss could be seen, is
//! counted, or an event committed after it was written names a segment of that file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sekimori::access::SegmentId;
use sekimori::fault::{self, Effect};
use sekimori::source::{Phase, SourceEventKind};

use super::disk::{Disk, LOGS, Packed};
use super::reader::{Kept, LINE_MAX, Reader, WAIT, paths};
use super::script::{Act, Packing, Script};

type Verdict = Result<(), String>;

/// What is known of one record that was begun.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    /// Commits before it was written.
    commits: u64,
    /// It was destroyed where nobody could have noticed.
    unseen: bool,
}

pub(crate) struct World {
    disk: Disk,
    reader: Reader,
    records: Vec<Record>,
    /// Bodies each segment was ever seen as.
    bodies_of: BTreeMap<SegmentId, BTreeSet<usize>>,
    /// How many of the kept lines were looked at, and what they were.
    looked: usize,
    count: Vec<u32>,
    faulty: bool,
    /// A copy of the store, and which bodies its segments had been by then.
    saved: Option<(Kept, BTreeMap<SegmentId, BTreeSet<usize>>)>,
}

impl World {
    pub(crate) fn new(script: &Script) -> Result<World, String> {
        let disk = Disk::new(script.setup.names);
        let reader = Reader::new(
            paths(disk.dir(), script.setup.wide),
            script.setup.budget,
            script.setup.senses,
        );
        let mut world = World {
            disk,
            reader,
            records: Vec::new(),
            bodies_of: BTreeMap::new(),
            looked: 0,
            count: Vec::new(),
            faulty: false,
            saved: None,
        };
        // Before its first start a source has no rotated files to read.
        world.write(0, 10, 100);
        world.step()?;
        Ok(world)
    }

    /// Records counted, by number.
    pub(crate) fn counted(&self) -> Vec<usize> {
        (0..self.count.len()).filter(|id| self.count[*id] == 1).collect()
    }

    fn write(&mut self, log: usize, pad: usize, hundredths: u8) {
        let fresh = self.disk.live(log).is_none();
        let body = self.disk.open(log);
        if fresh {
            self.reader.tell_renamed();
        }
        self.write_to(body, pad, hundredths);
    }

    fn write_to(&mut self, body: usize, pad: usize, hundredths: u8) {
        self.disk.write(body, pad, hundredths);
        self.note_records();
        self.reader.tell_written(self.disk.bodies[body].file);
    }

    fn note_records(&mut self) {
        let commits = self.reader.commits;
        self.records
            .resize(self.disk.records, Record { commits, unseen: false });
        self.count.resize(self.disk.records, 0);
    }

    pub(crate) fn act(&mut self, act: &Act) -> Verdict {
        match *act {
            Act::Write(log, n, pad) => (0..n).for_each(|_| self.write(log, usize::from(pad), 100)),
            Act::Tear(log, hundredths) => self.tear(log, hundredths),
            Act::Long(log) => self.write(log, LINE_MAX + 900, 100),
            Act::Rotate(log, create) => {
                self.disk.rotate(log, create);
                self.reader.tell_renamed();
            }
            Act::CopyTruncate(log, look, between) => return self.copytruncate(log, look, between),
            Act::Pack(log, how, look) => return self.pack(log, how, look),
            Act::Expire(log) => {
                self.disk.expire(log);
                self.gone();
            }
            Act::Delete(log) => {
                self.disk.delete(log);
                self.gone();
            }
            Act::Late(log) => self.late(log),
            Act::Link(log) => {
                self.disk.link(log);
                self.reader.tell_renamed();
            }
            Act::Replace(log) => return self.replace(log),
            Act::Empty(log) => {
                self.cut(log, 0);
            }
            Act::RollBack(log, hundredths) => return self.roll_back(log, hundredths),
            Act::Edit(log, hundredths) => self.edit(log, hundredths),
            Act::Fault(place, errno, times) => {
                fault::arm(place, 0, u64::from(times) + 1, Effect::Errno(errno));
                self.faulty = true;
            }
            Act::Mend => self.mend(),
            Act::Pass(secs) => self.reader.now = self.reader.now.plus(Duration::from_secs(secs.into())),
            Act::Back(secs) => {
                let now = self.reader.now.micros() - i64::from(secs) * 1_000_000;
                self.reader.now = sekimori::clock::WallTime::from_micros(now);
            }
            Act::Scan => {
                self.reader.scan();
                self.listed();
            }
            Act::Read => drop(self.reader.read()),
            Act::Commit => self.commit()?,
            Act::Step => self.step()?,
            Act::Fail => {
                self.reader.fail();
            }
            Act::Restart => self.restart(),
            Act::Die(place, skip) => self.die(place, skip)?,
            Act::Save => self.saved = Some((self.reader.kept.clone(), self.bodies_of.clone())),
            Act::PutBack => return self.put_back(),
            Act::Reconfigure(wide, short) => {
                let limit = if short { LINE_MAX - 1_000 } else { LINE_MAX };
                let paths = paths(self.disk.dir(), wide);
                self.reader.reconfigure(paths, limit);
                self.restarted();
            }
        }
        Ok(())
    }

    fn tear(&mut self, log: usize, hundredths: u8) {
        self.write(log, 30, hundredths);
    }

    fn mend(&mut self) {
        fault::disarm();
        self.faulty = false;
    }

    fn commit(&mut self) -> Verdict {
        self.reader.commit()?;
        self.look()
    }

    /// Lists, reads, commits; if nothing hindered it, everything readable must be counted.
    fn step(&mut self) -> Verdict {
        if !self.reader.step()? {
            self.restarted();
            return Ok(());
        }
        self.listed();
        self.look()?;
        if self.faulty {
            return Ok(());
        }
        // What was changed in place and no reading meets is found by looking again.
        self.reader.look_again();
        self.commit()?;
        self.all_read()?;
        for body in &mut self.disk.bodies {
            body.seen_cut = u64::MAX;
            body.edits = 0;
        }
        Ok(())
    }

    /// Which bodies the reader has listed, and may have opened.
    fn listed(&mut self) {
        if self.faulty {
            return;
        }
        for at in self.disk.there.values() {
            let body = &mut self.disk.bodies[*at];
            // An empty file that was rotated is not opened: it may be a copy that is about to be written.
            body.listed_in = (0 < body.len).then_some(self.reader.lives);
        }
    }

    fn restart(&mut self) {
        self.reader.restart();
        self.restarted();
    }

    /// What only the last process had open is gone.
    fn restarted(&mut self) {
        self.mend();
        self.gone();
    }

    fn die(&mut self, place: &'static str, skip: u8) -> Verdict {
        self.mend();
        fault::arm(place, skip.into(), 1, Effect::Die);
        let lives = self.reader.lives;
        self.reader.step()?;
        fault::disarm();
        if lives == self.reader.lives {
            self.listed();
        } else {
            self.restarted();
        }
        self.look()
    }

    fn put_back(&mut self) -> Verdict {
        let Some((saved, bodies_of)) = self.saved.clone() else {
            return Ok(());
        };
        self.reader.put_back(saved);
        self.looked = 0;
        self.count.iter_mut().for_each(|n| *n = 0);
        self.bodies_of = bodies_of;
        self.look()?;
        // Only what the store of that time knew can be missed: what was cut away since then is not.
        let there: BTreeSet<usize> = self
            .disk
            .bodies
            .iter()
            .flat_map(|b| b.spans.iter().map(|s| s.id))
            .collect();
        for id in (0..self.records.len()).filter(|id| !there.contains(id)) {
            self.records[id].unseen = true;
        }
        // Nor is anything known of how long a file was that was cut since.
        for body in self.disk.bodies.iter_mut().filter(|b| b.was_cut) {
            body.seen_cut = 0;
        }
        self.restarted();
        Ok(())
    }

    /// Takes in what was committed: nothing twice.
    fn look(&mut self) -> Verdict {
        for state in self.reader.kept.segments.values() {
            let of = self.bodies_of.entry(state.id).or_default();
            let file = (state.incarnation.dev, state.incarnation.ino);
            if let Some(body) = self.disk.bodies.iter().position(|b| b.file == file) {
                of.insert(body);
            }
            if matches!(state.phase, Phase::Sealed | Phase::Lost) {
                of.iter().for_each(|b| self.disk.bodies[*b].let_go = true);
            } else {
                of.iter().for_each(|b| self.disk.bodies[*b].let_go = false);
            }
        }
        let mut torn = false;
        for got in &self.reader.kept.lines[self.looked..] {
            match whole(&got.text, got.oversize) {
                Some(id) => self.count[id] += 1,
                None if !self.disk.torn_off.is_empty() => torn = true,
                None => {
                    return Err(format!(
                        "a torn line: {:?}",
                        got.text.chars().take(80).collect::<String>()
                    ));
                }
            }
        }
        self.looked = self.reader.kept.lines.len();
        if torn {
            // Given out in two parts, which is once as well.
            for id in &self.disk.torn_off {
                self.records[*id].unseen = true;
            }
        }
        match self.count.iter().position(|n| 1 < *n) {
            Some(id) => Err(format!("record {id} is counted {} times", self.count[id])),
            None => Ok(()),
        }
    }

    /// Whether the reader can read a body now.
    fn readable(&self, at: usize) -> bool {
        let body = &self.disk.bodies[at];
        if let Some(whole) = body.packed {
            return whole && 0 < body.links;
        }
        if 0 < body.links {
            return true;
        }
        body.listed_in == Some(self.reader.lives) && !body.let_go
    }

    /// What stands whole in a readable file is counted.
    fn all_read(&self) -> Verdict {
        for (at, body) in self.disk.bodies.iter().enumerate() {
            if !self.readable(at) {
                continue;
            }
            for span in body.spans.iter().filter(|s| s.whole && self.count[s.id] == 0) {
                let in_parts = self.records[span.id].unseen && self.disk.torn_off.contains(&span.id);
                if in_parts || body.disturbed && self.covered(span.id) {
                    continue;
                }
                return Err(format!(
                    "record {} at {}..{} of body {at} ({:?}) can be read and is not counted; {}",
                    span.id,
                    span.start,
                    span.end,
                    self.names_of(at),
                    self.story()
                ));
            }
        }
        Ok(())
    }

    fn names_of(&self, at: usize) -> Vec<&String> {
        self.disk
            .there
            .iter()
            .filter(|(_, b)| **b == at)
            .map(|(n, _)| n)
            .collect()
    }

    fn story(&self) -> String {
        let name = |p: &std::path::Path| p.file_name().unwrap().to_string_lossy().into_owned();
        let segments = self.reader.kept.segments.values();
        let segments: Vec<_> = segments
            .map(|s| format!("{} {} {:?}@{}", s.id.0, name(&s.path), s.phase, s.position))
            .collect();
        let events = self.reader.kept.events.iter();
        let events: Vec<_> = events
            .map(|(_, e)| format!("{} {:?} {}..{}", e.kind.as_str(), e.segment.map(|s| s.0), e.lo, e.hi))
            .collect();
        format!("segments {segments:?}; events {events:?}")
    }

    /// Whether an event committed after the record was written speaks of a file it stood in.
    fn covered(&self, id: usize) -> bool {
        let held: Vec<(usize, u64)> = self
            .disk
            .bodies
            .iter()
            .enumerate()
            .filter_map(|(at, b)| b.all.iter().find(|s| s.id == id).map(|s| (at, s.start)))
            .collect();
        self.reader.kept.events.iter().any(|(commit, event)| {
            let of = event.segment.and_then(|s| self.bodies_of.get(&s));
            let there = held
                .iter()
                .any(|(body, start)| of.is_some_and(|of| of.contains(body)) && event.lo <= *start);
            self.records[id].commits < *commit && is_loss(event.kind) && there
        })
    }

    fn copytruncate(&mut self, log: usize, look: bool, between: bool) -> Verdict {
        let Some(body) = self.disk.copy(log) else { return Ok(()) };
        self.reader.tell_renamed();
        if look {
            self.step()?;
        }
        if between {
            // The window inside logrotate itself: what is written in it is gone unless somebody read it just then.
            self.write_to(body, 20, 100);
            let id = self.disk.records - 1;
            self.records[id].unseen = true;
        }
        self.disk.cut(body, 0);
        self.disk.bodies[body].seen_cut = 0;
        self.reader.tell_written(self.disk.bodies[body].file);
        Ok(())
    }

    fn pack(&mut self, log: usize, how: Packing, look: bool) -> Verdict {
        let Some(packed) = self.disk.pack(log, how) else {
            return Ok(());
        };
        let steps: [fn(&mut Disk, &Packed); 3] = [|_, _| {}, Disk::pack_rest, Disk::pack_end];
        for step in steps {
            step(&mut self.disk, &packed);
            self.reader.tell_renamed();
            if look {
                self.step()?;
            }
        }
        self.gone();
        Ok(())
    }

    /// The writer of a file that was renamed or deleted has not noticed.
    fn late(&mut self, log: usize) {
        if let Some(body) = self.disk.late(log) {
            self.write_to(body, 15, 100);
            self.gone();
        }
    }

    fn replace(&mut self, log: usize) -> Verdict {
        // A short file looks like many others, and one that has another name is still read under it.
        let Some(body) = self.disk.live(log) else { return Ok(()) };
        let alone = self.disk.bodies[body].links == 1;
        if !alone || self.disk.bodies[body].len < 8_192 || !self.faultless_step() {
            return Ok(());
        }
        if self
            .saved
            .as_ref()
            .is_some_and(|(kept, _)| self.consumed_by(kept, body) < 8_192)
        {
            // Nor does a store that had read little of it know it from many others.
            self.saved = None;
        }
        self.disk.replace(log);
        self.gone();
        // What an editor put in place is seen before it is rotated away.
        self.step()
    }

    fn faultless_step(&mut self) -> bool {
        !self.faulty && self.step().is_ok()
    }

    fn cut(&mut self, log: usize, len: u64) {
        let Some(body) = self.disk.live(log) else { return };
        let consumed = self.consumed(body).min(self.disk.bodies[body].seen_cut);
        let lost: Vec<usize> = self.disk.bodies[body]
            .spans
            .iter()
            .filter(|s| len < s.end)
            .map(|s| s.id)
            .collect();
        self.disk.tear_off(body);
        self.disk.cut(body, len);
        self.disk.bodies[body].disturbed = true;
        self.disk.bodies[body].seen_cut = len;
        if consumed <= len {
            // It only never grew that far, for all anybody can see.
            lost.into_iter().for_each(|id| self.records[id].unseen = true);
        }
        self.reader.tell_written(self.disk.bodies[body].file);
    }

    /// Bytes of a body that the store has counted.
    fn consumed(&self, body: usize) -> u64 {
        self.consumed_by(&self.reader.kept, body)
    }

    fn consumed_by(&self, kept: &Kept, body: usize) -> u64 {
        let file = self.disk.bodies[body].file;
        let of = kept.segments.values();
        let mine = of.filter(|s| (s.incarnation.dev, s.incarnation.ino) == file && s.phase != Phase::Lost);
        mine.map(|s| s.position).max().unwrap_or(0)
    }

    fn roll_back(&mut self, log: usize, hundredths: u8) -> Verdict {
        let Some(body) = self.disk.live(log) else {
            return Ok(());
        };
        // Changed and cut back between two looks, little is left to know it by.
        if 0 < self.disk.bodies[body].edits && !self.faultless_step() {
            return Ok(());
        }
        let spans = &self.disk.bodies[body].spans;
        let keep = spans.len() * usize::from(hundredths) / 100;
        let len = spans[..keep].last().map_or(0, |s| s.end);
        if 0 < len {
            self.cut(log, len);
            // What a store from before would make of it, nobody can know.
            self.saved = None;
            // The host crashed: the daemon starts again as well, perhaps after the log's writer.
            self.restart();
            if hundredths % 2 == 1 {
                self.write(log, 12, 100);
            }
            return self.step();
        }
        Ok(())
    }

    fn edit(&mut self, log: usize, hundredths: u8) {
        let Some(body) = self.disk.live(log) else { return };
        // A file of which most records were changed is known by nothing, not even by a store that knew fewer of them.
        let consumed = self.consumed(body);
        let read = self.disk.bodies[body].spans.iter().filter(|s| s.end <= consumed);
        if read.count() < (self.disk.bodies[body].edits + 1) * 2 + 1 {
            return;
        }
        let at = self.consumed(body) * u64::from(hundredths) / 100;
        if self.disk.edit(body, at) {
            self.disk.bodies[body].disturbed = true;
            self.disk.bodies[body].edits += 1;
            self.saved = None;
        }
    }

    /// Files lost their names or their readers: what nobody can have seen of them is excused.
    fn gone(&mut self) {
        self.reader.tell_renamed();
        for at in 0..self.disk.bodies.len() {
            if 0 < self.disk.bodies[at].links || self.readable(at) {
                continue;
            }
            let file = self.disk.bodies[at].file;
            let known = self.reader.kept.segments.values().any(|s| {
                (s.incarnation.dev, s.incarnation.ino) == file && !matches!(s.phase, Phase::Sealed | Phase::Lost)
            });
            if known {
                continue;
            }
            let ids: Vec<usize> = self.disk.bodies[at].spans.iter().map(|s| s.id).collect();
            for id in ids {
                let elsewhere = |(other, body): (usize, &super::disk::Body)| {
                    other != at && self.readable(other) && body.spans.iter().any(|s| s.id == id)
                };
                if !self.disk.bodies.iter().enumerate().any(elsewhere) {
                    self.records[id].unseen = true;
                }
            }
        }
    }

    /// Good weather at last.
    pub(crate) fn end(&mut self) -> Verdict {
        self.mend();
        for log in 0..LOGS.len() {
            if let Some(body) = self.disk.live(log).filter(|b| self.disk.is_torn(*b)) {
                self.write_to(body, 5, 100);
            }
        }
        for _ in 0..3 {
            self.step()?;
            self.reader.now = self.reader.now.plus(WAIT);
        }
        self.step()?;
        // A start finds nothing that the last process missed.
        self.restart();
        self.step()?;
        for id in 0..self.records.len() {
            let once = self.count[id] == 1;
            if !once && !self.records[id].unseen && !self.covered(id) && !self.unfinished(id) {
                return Err(format!("record {id} is gone and no event covers it; {}", self.story()));
            }
        }
        Ok(())
    }

    /// A record whose end was never written.
    fn unfinished(&self, id: usize) -> bool {
        !self
            .disk
            .bodies
            .iter()
            .any(|b| b.all.iter().any(|s| s.id == id && s.whole))
    }
}

/// Whether an event of this kind says that bytes may be gone.
fn is_loss(kind: SourceEventKind) -> bool {
    !matches!(
        kind,
        SourceEventKind::Unreadable
            | SourceEventKind::ReadableAgain
            | SourceEventKind::NotAFile
            | SourceEventKind::RenamedAway
            | SourceEventKind::StartedAtEnd
    )
}

/// The number of a whole record; none of a torn one.
fn whole(text: &str, oversize: bool) -> Option<usize> {
    let (first, rest) = text.split_once(':')?;
    let id = first.parse().ok().filter(|_| first.len() == 6)?;
    let (pad, last) = if oversize { (rest, first) } else { rest.split_once(':')? };
    (last == first && pad.bytes().all(|b| b == b'x' || b == b'y')).then_some(id)
}
