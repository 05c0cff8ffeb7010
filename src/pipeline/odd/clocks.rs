//! Clocks that are not right: records dated ahead of the clock, in another zone, or times of a file that go back.
//!
//! Not here: when it is told (`odd`).

use std::time::Duration;

use crate::access::{LineRef, SegmentId};
use crate::clock::WallTime;

/// Zones differ by half hours, and 45 minutes from them.
const STEP_SECS: i64 = 900;
/// How far from a zone's difference a stamp may lie.
const OFF_SECS: i64 = 120;
/// Smallest difference that is taken for a zone's.
const ZONE_MIN_SECS: i64 = 1_800;
/// How many looks in a row must show the same difference, and how many lines.
const LOOKS: u32 = 3;
const LONG: Duration = Duration::from_secs(300);
const LINES: u64 = 10;
/// Records so far behind the one before them may lie there because of a clock that was set.
const BACK_SECS: i64 = 60;
/// So many in a row say that it was.
const BACK_RECORDS: u32 = 10;

/// The difference between record times and the clock.
#[derive(Debug, Default)]
pub struct Zone {
    /// In steps; what the last looks showed.
    steps: i64,
    looks: u32,
    lines: u64,
    since: Option<WallTime>,
}

/// What was odd about accesses of one turn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Odd {
    /// The first record that is dated ahead of the clock by more than is allowed, and by how many seconds any is at most.
    pub ahead: Option<(LineRef, i64)>,
    /// The first line with an amount that cannot be.
    pub implausible: Option<LineRef>,
    /// Where the times of a file went back and stayed there, and by how many seconds.
    pub back: Option<(LineRef, i64)>,
}

/// Whether the times of the file being read go on or went back. A line that comes a little late is no clock that was set,
/// and a file that was not read from before this turn may be sorted by anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Order {
    segment: SegmentId,
    /// Whether the file was read from in an earlier turn.
    known: bool,
    newest: i64,
    /// Records in a row that lie behind the newest.
    behind: u32,
}

impl Order {
    /// Another turn begins.
    pub fn turn(self) -> Order {
        Order {
            known: self.segment != SegmentId(0),
            ..self
        }
    }

    /// Takes in the second of a record; gives by how much the times went back once that has shown.
    #[inline]
    pub fn look(&mut self, at: LineRef, secs: i64) -> Option<i64> {
        if at.segment != self.segment {
            *self = Order {
                segment: at.segment,
                known: false,
                newest: secs,
                behind: 0,
            };
        }
        if self.newest.saturating_sub(BACK_SECS) <= secs {
            self.newest = self.newest.max(secs);
            self.behind = 0;
            return None;
        }
        self.behind = self.behind.saturating_add(1);
        if self.behind < BACK_RECORDS {
            return None;
        }
        let back = self.newest.saturating_sub(secs);
        (self.newest, self.behind) = (secs, 0);
        self.known.then_some(back)
    }
}

/// What one turn of reading showed of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dated {
    /// Newest record, those that lie ahead included; 0: none.
    pub newest: i64,
    /// Records.
    pub lines: u64,
    /// Whether the turn read what was just written.
    pub live: bool,
    /// What was odd about its accesses.
    pub odd: Odd,
}

impl Zone {
    /// Gives the difference in steps, once, when it has shown long enough.
    pub fn look(&mut self, dated: Dated, now: WallTime, told: &mut i64) -> Option<i64> {
        if dated.newest == 0 {
            return None;
        }
        let secs = dated.newest.saturating_sub(now.micros()) / 1_000_000;
        let half = STEP_SECS / 2;
        let steps = (secs + if secs < 0 { -half } else { half }) / STEP_SECS;
        // Records from the future cannot be late ones; records from the past may be, unless they were just written.
        let usable = 0 < secs || dated.live;
        let zone = usable
            && ZONE_MIN_SECS <= secs.abs() + OFF_SECS
            && secs.abs() <= 15 * 3600
            && (secs - steps * STEP_SECS).abs() <= OFF_SECS;
        if !zone {
            if usable {
                (*self, *told) = (Zone::default(), 0);
            }
            return None;
        }
        if self.steps != steps {
            (self.steps, self.looks, self.lines) = (steps, 0, 0);
            self.since = Some(now);
        }
        self.looks = self.looks.saturating_add(1);
        self.lines = self.lines.saturating_add(dated.lines);
        let long = self.since.is_some_and(|since| LONG <= now.since(since));
        let sure = LINES <= self.lines && (0 < secs || LOOKS <= self.looks && long);
        if !sure || *told == steps {
            return None;
        }
        *told = steps;
        Some(steps)
    }
}

/// The difference of a zone as it stands in an event.
pub fn hours_minutes(steps: i64) -> String {
    let minutes = steps * STEP_SECS / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A span of time as it stands in an event.
pub fn hours_minutes_seconds(secs: i64) -> String {
    let (hours, rest) = (secs / 3_600, secs % 3_600);
    format!("{hours:02}:{:02}:{:02}", rest / 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(secs: i64) -> WallTime {
        WallTime::from_secs(1_795_219_500 + secs)
    }

    fn dated(secs: i64, lines: u64, live: bool) -> Dated {
        Dated {
            newest: (1_795_219_500 + secs) * 1_000_000,
            lines,
            live,
            ..Dated::default()
        }
    }

    #[test]
    fn records_nine_hours_ahead_are_told_once() {
        let (mut zone, mut told) = (Zone::default(), 0);
        assert_eq!(
            zone.look(dated(9 * 3600 - 3, 4, true), now(0), &mut told),
            None,
            "four lines are few"
        );
        assert_eq!(zone.look(dated(9 * 3600 + 58, 9, false), now(60), &mut told), Some(36));
        assert_eq!(zone.look(dated(9 * 3600 + 118, 900, true), now(120), &mut told), None);
    }

    #[test]
    fn records_nine_hours_behind_are_told_only_if_they_were_just_written() {
        let (mut zone, mut told) = (Zone::default(), 0);
        for n in 0..9 {
            let at = now(n * 60);
            assert_eq!(
                zone.look(dated(-9 * 3600 + n * 60, 100, false), at, &mut told),
                None,
                "an old log"
            );
        }
        let told: Vec<_> = (0..9)
            .filter_map(|n| zone.look(dated(-9 * 3600 + n * 60, 100, true), now(n * 60), &mut told))
            .collect();
        assert_eq!(told, [-36]);
    }

    #[test]
    fn a_clock_that_is_right_or_merely_late_is_no_zone() {
        for secs in [0, -5, 40, -700, 1_000, 700, -20_000] {
            let (mut zone, mut told) = (Zone::default(), 0);
            let at = |n: u64| now(0).plus(Duration::from_secs(n * 60));
            let raised = (0..9).filter_map(|n| zone.look(dated(secs, 100, true), at(n), &mut told));
            assert_eq!(raised.count(), 0, "{secs}");
        }
    }

    fn order(secs: &[i64], segment: i64, order: &mut Order) -> Vec<i64> {
        let at = LineRef {
            segment: SegmentId(segment),
            ..LineRef::default()
        };
        secs.iter().filter_map(|secs| order.look(at, *secs)).collect()
    }

    #[test]
    fn a_clock_that_was_set_back_is_told_and_late_lines_and_sorted_files_are_not() {
        let steady: Vec<i64> = (0..40).collect();
        let set_back: Vec<i64> = (0..40).map(|n| n - 3_600).collect();
        let mut one = Order::default().turn();
        assert!(order(&steady, 1, &mut one).is_empty());
        one = one.turn();
        let late: Vec<i64> = (40..60).flat_map(|n| [n, n - 900, n - 30]).collect();
        assert!(order(&late, 1, &mut one).is_empty(), "each comes late, the log goes on");
        assert_eq!(order(&set_back, 1, &mut one), [3_650]);
        assert!(order(&set_back, 1, &mut one.turn()).is_empty(), "told once");
        let mut sorted = Order::default().turn();
        let by_person: Vec<i64> = (0..300).map(|n| n % 30 * 600).collect();
        assert!(
            order(&by_person, 1, &mut sorted).is_empty(),
            "an export sorted by person"
        );
    }
}
