//! The kind `draw`: a few uses of each section and month, chosen by lot, for which people are asked the reason (S5).
//!
//! No rule on amounts sees somebody who looks at one neighbour once. What helps is that everybody may be asked. So of each
//! section and month `each` uses are drawn: those with the lowest lot, a keyed hash of what the use is. Nobody can tell
//! beforehand which these will be, for nobody has the key; and whoever has it draws the same ones again from the
//! same log, in whatever order the lines come.
//!
//! A draw is no finding: it begins no alert. It stands in what the rule keeps, and is told once the month is over.

use super::Scope;
use super::book::{DayNumber, History, HistoryError};
use super::judge::{Held, Judge};
use super::memo::{Memo, Memory, Reader, Space, Value, joined, put, put_signed};
use crate::access::{Access, DatasetId, LineRef, Operation, Ordinal, Outcome, SectionHash, SegmentId, WhoId};
use crate::calendar::{Day, day_of};
use crate::clock::EventTime;

/// Uses drawn of a section and month at most.
pub const EACH_MAX: u32 = 200;
/// Sections and months remembered in memory.
const MOST: usize = 10_000;
/// Days for which a draw is kept.
const KEPT_DAYS: DayNumber = 800;

/// How many uses are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawRule {
    /// Of each section and month.
    pub each: u32,
}

/// A use that was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drawn {
    lot: u64,
    /// When.
    pub at: EventTime,
    /// Who.
    pub who: WhoId,
    /// What.
    pub dataset: DatasetId,
    /// How, by number of the class.
    operation: u8,
    /// The record.
    pub line: LineRef,
}

impl Drawn {
    /// The class of operation.
    pub fn operation(&self) -> Operation {
        Operation::from_number(self.operation).unwrap_or(Operation::Other)
    }
}

/// The draw of one section and month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draw {
    /// The section, as a hash of its name; none where the register names no section.
    pub section: SectionHash,
    /// Year and month as one number, `202611`.
    pub month: i32,
    /// Uses there were.
    pub of: u64,
    /// Those drawn, in the order of their lots.
    pub drawn: Vec<Drawn>,
}

impl Draw {
    /// Reads what a rule has kept.
    pub fn read(bytes: &[u8]) -> Option<Draw> {
        <Draw as Value>::decode(bytes)
    }

    fn put(&mut self, one: Drawn, each: usize) {
        if each <= self.drawn.len() && self.drawn.last().is_some_and(|last| *last <= one) {
            return;
        }
        if let Err(at) = self.drawn.binary_search(&one) {
            self.drawn.insert(at, one);
            self.drawn.truncate(each);
        }
    }
}

impl Value for Draw {
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.section.0);
        put_signed(out, i64::from(self.month));
        put(out, self.of);
        for one in &self.drawn {
            put(out, one.lot);
            put_signed(out, one.at.micros());
            put(out, u64::from(one.who.0));
            put(out, u64::from(one.dataset.0));
            put(out, u64::from(one.operation));
            put_signed(out, one.line.segment.0);
            put(out, one.line.start);
            put(out, one.line.end);
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut draw = Draw {
            section: SectionHash(reader.number()?),
            month: reader.day()?,
            of: reader.number()?,
            drawn: Vec::new(),
        };
        while !reader.is_empty() {
            draw.drawn.push(Drawn {
                lot: reader.number()?,
                at: EventTime::from_micros(reader.signed()?),
                who: WhoId(u32::try_from(reader.number()?).ok()?),
                dataset: DatasetId(u16::try_from(reader.number()?).ok()?),
                operation: u8::try_from(reader.number()?).ok()?,
                line: LineRef {
                    segment: SegmentId(reader.signed()?),
                    start: reader.number()?,
                    end: reader.number()?,
                },
            });
        }
        Some(draw)
    }

    fn until(&self) -> DayNumber {
        let last = self.drawn.iter().map(|one| day_of(one.at).0).max();
        last.unwrap_or(0).saturating_add(KEPT_DAYS)
    }
}

/// Where the rule `id` keeps its draws.
pub fn space(id: &str) -> Space {
    Space::of(id, 0)
}

/// A month as one number, `202611`.
pub fn month_of(day: Day) -> i32 {
    let date = day.date();
    date.year.saturating_mul(100).saturating_add(i32::from(date.month))
}

/// A rule of this kind, with what was drawn.
#[derive(Debug)]
pub(super) struct DrawJudge {
    rule: DrawRule,
    draws: Memory<Draw>,
    /// Day and month of the last access.
    last: (Day, i32),
    /// What nobody knows who has not the key.
    secret: Option<u64>,
}

impl DrawJudge {
    pub fn new(id: &str, rule: DrawRule) -> Self {
        DrawJudge {
            rule,
            draws: Memory::new(space(id), MOST),
            last: (Day(0), month_of(Day(0))),
            secret: None,
        }
    }

    fn secret(&mut self, history: &dyn History) -> u64 {
        *self.secret.get_or_insert_with(|| {
            let number = Ordinal::read(b"0");
            number.and_then(|n| history.subject_of(n)).map_or(0, |hash| hash.0)
        })
    }
}

impl Judge for DrawJudge {
    fn observe(
        &mut self,
        access: &Access,
        _scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError> {
        if access.outcome == Outcome::Failure || access.trace.part {
            return Ok(None);
        }
        let day = day_of(access.time);
        if self.last.0 != day {
            self.last = (day, month_of(day));
        }
        let (section, month) = (access.trace.section, self.last.1);
        // Of what the use is, not of where its line stood: a log that is read again gives the same lots.
        let what = u64::from(access.dataset.0) << 8 | access.operation as u64;
        let who = joined(u64::from(access.who.0), what);
        let time = joined(access.time.micros().cast_unsigned(), access.subject.map_or(0, |s| s.0));
        let one = Drawn {
            lot: joined(self.secret(history), joined(who, time)),
            at: access.time,
            who: access.who,
            dataset: access.dataset,
            operation: access.operation as u8,
            line: access.at,
        };
        let each = usize::try_from(self.rule.each).unwrap_or(usize::MAX);
        let key = joined(section.0, u64::from(month.cast_unsigned()));
        self.draws.change(key, false, history, |draw| {
            (draw.section, draw.month) = (section, month);
            draw.of = draw.of.saturating_add(1);
            draw.put(one, each);
            (true, ())
        })?;
        Ok(None)
    }

    fn seal(&mut self, out: &mut Vec<Memo>) {
        self.draws.seal(out);
    }

    fn prune(&mut self, _newest: EventTime) {
        self.draws.prune();
    }

    fn reset(&mut self) {
        self.draws.reset();
    }

    fn faces_crowds(&self) -> bool {
        true
    }

    fn minds_jobs(&self) -> bool {
        false
    }

    fn keys(&self) -> usize {
        self.draws.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Amount, Marks, SourceId, Standing, Subject, Trace};
    use crate::detect::When;
    use crate::detect::book::{PageKey, Select};
    use crate::detect::page::Page;

    /// A history with a key and nothing else.
    struct Keyed(u64);

    impl History for Keyed {
        fn knows(&self, _who: WhoId) -> bool {
            false
        }
        fn pages(
            &mut self,
            _select: Select,
            _from: DayNumber,
            _to: DayNumber,
            _sink: &mut dyn FnMut(DayNumber, PageKey, &Page),
        ) -> Result<(), HistoryError> {
            Ok(())
        }
        fn subject_of(&self, number: Ordinal) -> Option<Subject> {
            Some(Subject(joined(self.0, number.value())))
        }
    }

    fn uses(n: u32) -> Vec<Access> {
        let one = |n: u32| Access {
            at: LineRef::default(),
            source: SourceId(1),
            // 2026-11-16 09:00 JST and on.
            time: EventTime::from_secs(1_794_787_200 + i64::from(n) * 60),
            who: WhoId(1 + n % 7),
            standing: Standing::Valid,
            marks: Marks::NONE,
            dataset: DatasetId(1),
            operation: Operation::View,
            outcome: Outcome::Success,
            records: Amount::Known(1),
            bytes: Amount::Unknown,
            subject: Some(Subject(u64::from(n))),
            trace: Trace {
                section: SectionHash(1 + u64::from(n % 2)),
                ..Trace::default()
            },
        };
        (0..n).map(one).collect()
    }

    fn draws(accesses: &[Access], key: u64) -> Vec<Draw> {
        let mut judge = DrawJudge::new("S5", DrawRule { each: 10 });
        let scope = Scope::new(&When::default(), &[]);
        for access in accesses {
            let held = judge.observe(access, &scope, &mut Keyed(key)).unwrap();
            assert!(held.is_none());
        }
        let mut memos = Vec::new();
        judge.seal(&mut memos);
        let mut all: Vec<Draw> = memos.iter().map(|m| Draw::read(&m.bytes).unwrap()).collect();
        all.sort_by_key(|draw| draw.section.0);
        all
    }

    #[test]
    fn ten_uses_of_each_section_are_drawn_whatever_the_order_and_others_with_another_key() {
        let all = uses(3_000);
        let drawn = draws(&all, 1);
        let sizes: Vec<_> = drawn
            .iter()
            .map(|d| (d.section.0, d.month, d.of, d.drawn.len()))
            .collect();
        assert_eq!(sizes, [(1, 202_611, 1_500, 10), (2, 202_611, 1_500, 10)]);
        let mut backwards = all.clone();
        backwards.reverse();
        assert_eq!(drawn, draws(&backwards, 1));
        assert_ne!(drawn, draws(&all, 2));
        // A use more or less changes no other lot: whoever adds uses of his own does not choose who is asked.
        let fewer: Vec<Access> = all.iter().copied().filter(|a| a.who != WhoId(3)).collect();
        let others = |draw: &Draw| {
            draw.drawn
                .iter()
                .filter(|d| d.who != WhoId(3))
                .copied()
                .collect::<Vec<_>>()
        };
        for (with, without) in drawn.iter().zip(draws(&fewer, 1)) {
            assert!(others(with).iter().all(|one| without.drawn.contains(one)));
        }
    }

    #[test]
    fn everybody_is_drawn_about_as_often_as_he_works() {
        let mut by_person = [0u32; 8];
        for key in 0..200 {
            for one in draws(&uses(400), key).iter().flat_map(|d| &d.drawn) {
                by_person[one.who.0 as usize] += 1;
            }
        }
        // 4,000 lots among seven people.
        assert!(by_person[1..].iter().all(|n| (430..=710).contains(n)), "{by_person:?}");
    }
}
