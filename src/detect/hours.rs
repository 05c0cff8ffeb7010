//! The kind `hours`: use at hours and on days at which an office does not work (T1 to T3).
//!
//! Whoever worked at such hours on many earlier days (shifts, the busy season) is `accustomed`: the finding stays, as a
//! notice. Only days behind yesterday count as earlier, so a line that comes a day late changes nothing.

use std::sync::Arc;

use super::book::{DayNumber, History, HistoryError};
use super::judge::{Facts, Held, Judge};
use super::memo::{DaySet, Memo, Memory, Reader, Space, Value};
use super::{Scope, Severity};
use crate::access::{Access, Amount, Mark, Outcome};
use crate::calendar::{Calendar, Day, Jst};
use crate::clock::EventTime;

/// Days behind which an earlier day no longer makes anybody accustomed.
const REMEMBERED_DAYS: DayNumber = 90;
/// People remembered in memory beyond the batch in hand.
const MOST: usize = 50_000;

/// When the office does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffHours {
    /// On days on which it works, before the first and from the second minute of the day on.
    Outside(u32, u32),
    /// On any day, from the first to before the second minute of the day; over midnight where the second is the smaller.
    Between(u32, u32),
    /// On closed days (行政機関の休日に関する法律第1条).
    ClosedDays,
}

/// Use at hours at which the office does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoursRule {
    /// Which hours.
    pub off: OffHours,
    /// On so many earlier days a person is accustomed to such hours: a notice from then on. `None`: never.
    pub accustomed: Option<u32>,
    /// Only accesses that gave out more records than this.
    pub more_than: Option<u64>,
}

impl OffHours {
    /// Whether `at` lies in them; `closed`: whether the office is closed on that day.
    pub fn holds(self, at: Jst, closed: bool) -> bool {
        let minute = at.minute_of_day();
        match self {
            OffHours::Outside(from, to) => (minute < from || to <= minute) && !closed,
            OffHours::Between(from, to) if from <= to => (from..to).contains(&minute),
            OffHours::Between(from, to) => from <= minute || minute < to,
            OffHours::ClosedDays => closed,
        }
    }
}

impl Value for DaySet {
    fn encode(&self, out: &mut Vec<u8>) {
        self.put(out);
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        DaySet::take(&mut Reader(bytes))
    }
    fn until(&self) -> DayNumber {
        self.newest().unwrap_or(0).saturating_add(REMEMBERED_DAYS)
    }
}

/// A rule of this kind, with the days on which it held for each person.
#[derive(Debug)]
pub(super) struct HoursJudge {
    rule: HoursRule,
    days: Memory<DaySet>,
    calendar: Arc<Calendar>,
    /// The day that was last asked for, and whether the office was closed: lines come in order, mostly.
    last: (Day, bool),
}

impl HoursJudge {
    pub fn new(id: &str, rule: HoursRule, calendar: &Arc<Calendar>) -> Self {
        let first = Day(0);
        HoursJudge {
            rule,
            days: Memory::new(Space::of(id, 0), MOST),
            last: (first, calendar.is_closed(first)),
            calendar: Arc::clone(calendar),
        }
    }

    fn is_off(&mut self, at: Jst) -> bool {
        if self.last.0 != at.day {
            self.last = (at.day, self.calendar.is_closed(at.day));
        }
        self.rule.off.holds(at, self.last.1)
    }
}

impl Judge for HoursJudge {
    fn observe(
        &mut self,
        access: &Access,
        _scope: &Scope,
        history: &mut dyn History,
    ) -> Result<Option<Held>, HistoryError> {
        // Whoever is on duty by the roster works at hours of his own.
        if access.outcome == Outcome::Failure || access.marks.has(Mark::OnDuty) || !self.is_off(Jst::from(access.time))
        {
            return Ok(None);
        }
        if self
            .rule
            .more_than
            .is_some_and(|least| !matches!(access.records, Amount::Known(n) if least < n))
        {
            return Ok(None);
        }
        let mut held = Held::once(access);
        if let Some(enough) = self.rule.accustomed {
            let day = Jst::from(access.time).day.0;
            let is_new = !history.knows(access.who);
            let earlier = self.days.change(u64::from(access.who.0), is_new, history, |days| {
                let earlier = days.count(day - REMEMBERED_DAYS, day - 2);
                (days.add(day), earlier)
            })?;
            held.facts = Facts([u64::from(earlier), 0, 0, 0]);
            if enough <= earlier {
                held.severity = Some(Severity::Notice);
            }
        }
        Ok(Some(held))
    }

    fn seal(&mut self, out: &mut Vec<Memo>) {
        self.days.seal(out);
    }

    fn prune(&mut self, _newest: EventTime) {
        self.days.prune();
    }

    fn reset(&mut self) {
        self.days.reset();
    }

    fn faces_crowds(&self) -> bool {
        true
    }

    fn keys(&self) -> usize {
        self.days.len()
    }
}
