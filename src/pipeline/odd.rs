//! What the content of a source says about its writer, beyond its accesses: columns that changed or are not there, lines
//! none of which can be read, clocks in another zone, 個人番号 where none belongs. Each is raised once, not with every line it
//! shows in.

use std::time::Duration;

use crate::access::{Damage, LineRef, SegmentId, SourceId};
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::parse::{FormatState, Lacking, Parsed, Why};
use crate::source::{Cause, SegmentState, SourceEvent, SourceEventKind};
use crate::text::{inert, my_number_in};

/// Sets of columns a source may write side by side before a further one is no change any more.
const COLUMNS_MAX: usize = 16;
/// Names of columns told of one change.
const NAMES_MAX: usize = 8;
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
/// After so many days without it is it told again: some logs are never in order.
const BACK_DAYS: i32 = 7;

/// Lines refused one behind the other, with no record before them, that are told of: the format is another one.
const UNREAD: u32 = 3;

/// What was noticed of one source.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    columns: Vec<Vec<String>>,
    zone: Zone,
    /// Where a 個人番号 was seen first in this turn.
    number: Option<LineRef>,
    /// What was told; the same as of the batch whose commit is on its way, and of what is committed.
    told: Told,
    handed: Told,
    settled: Told,
    /// The first line of this turn that is too long, and the first with an open quote.
    damaged: [Option<LineRef>; 2],
    /// What is to be told of headers, and of lines that cannot be read, behind this turn.
    told_of: Vec<(SourceEventKind, LineRef, String)>,
    /// What was told of columns that are not there.
    lacking: Vec<String>,
    unread: Unread,
}

/// Whether any record ever came from the lines of a source, since this run began.
#[derive(Debug, Default, PartialEq, Eq)]
enum Unread {
    /// No line yet.
    #[default]
    New,
    /// So many lines were refused.
    Refused(u32),
    /// A record came, or it was told that none does.
    Settled,
}

/// The days on which something was told last; the zone's difference.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    numbers: Option<i32>,
    damaged: [Option<i32>; 2],
    ahead: Option<i32>,
    implausible: Option<i32>,
    back: Option<i32>,
    zone: i64,
}

/// The difference between record times and the clock.
#[derive(Debug, Default)]
struct Zone {
    /// In steps; what the last looks showed.
    steps: i64,
    looks: u32,
    lines: u64,
    since: Option<WallTime>,
}

/// What was odd about accesses of one turn.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Odd {
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
pub(super) struct Order {
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
pub(super) struct Dated {
    /// Newest record, those that lie ahead included; 0: none.
    pub newest: i64,
    /// Records.
    pub lines: u64,
    /// Whether the turn read what was just written.
    pub live: bool,
    /// What was odd about its accesses.
    pub odd: Odd,
}

impl Oddities {
    /// With the columns its files had so far.
    pub fn new(known: &[SegmentState]) -> Oddities {
        let mut oddities = Oddities::default();
        for state in known {
            if let Some(names) = FormatState::from_bytes(&state.format_state).columns() {
                oddities.know(names);
            }
        }
        oddities
    }

    /// What was raised so far goes to the store with the batch.
    pub fn handed_over(&mut self) {
        self.handed = self.told;
    }

    /// That batch is committed.
    pub fn settled(&mut self) {
        self.settled = self.handed;
    }

    /// What was not committed is read again, and raised again.
    pub fn reset(&mut self) {
        self.told = self.settled;
        self.handed = self.settled;
        self.zone = Zone::default();
        self.number = None;
        self.damaged = [None; 2];
        self.told_of.clear();
    }

    /// Looks at a line.
    #[inline]
    pub fn look(&mut self, line: &[u8], at: LineRef) {
        if my_number_in(line).is_some() {
            self.number.get_or_insert(at);
        }
    }

    /// Looks at what became of a line, until it is known whether the format fits.
    #[inline]
    pub fn parsed(&mut self, parsed: &Parsed<'_>, at: LineRef) {
        if self.unread != Unread::Settled {
            self.first(parsed, at);
        }
    }

    #[cold]
    fn first(&mut self, parsed: &Parsed<'_>, at: LineRef) {
        let refused = match (parsed, &self.unread) {
            (Parsed::Record(_), _) => {
                self.unread = Unread::Settled;
                return;
            }
            // What a copytruncate or a power loss left says nothing of the format.
            (Parsed::Nothing | Parsed::Reject(Why::Nul | Why::Oversize | Why::OpenQuote), _) => return,
            (Parsed::Reject(_), Unread::Refused(n)) => n + 1,
            (Parsed::Reject(_), _) => 1,
        };
        self.unread = Unread::Refused(refused);
        if let Parsed::Reject(why) = parsed
            && UNREAD <= refused
        {
            self.unread = Unread::Settled;
            let detail = why.as_str().to_owned();
            self.told_of.push((SourceEventKind::Unparsed, at, detail));
        }
    }

    /// Configured columns do not stand in a header.
    pub fn lacking(&mut self, lacking: &Lacking, at: LineRef) {
        let said = lacking.to_string();
        if self.lacking.contains(&said) || COLUMNS_MAX <= self.lacking.len() {
            return;
        }
        self.lacking.push(said.clone());
        let kind = match lacking.unread {
            true => SourceEventKind::Unparsed,
            false => SourceEventKind::ColumnsMissing,
        };
        if lacking.unread {
            // It is told why; that it is so need not be told once more.
            self.unread = Unread::Settled;
        }
        self.told_of.push((kind, at, said));
    }

    /// A line is damaged as bytes.
    #[cold]
    pub fn damaged(&mut self, damage: Damage, at: LineRef) {
        let [oversize, open] = &mut self.damaged;
        match damage {
            Damage::Oversize => drop(oversize.get_or_insert(at)),
            Damage::OpenQuote => drop(open.get_or_insert(at)),
            // Ranges of NUL bytes are told where they are left out.
            Damage::Nul => {}
        }
    }

    fn know(&mut self, names: Vec<String>) -> bool {
        let mut sorted = names;
        sorted.sort_unstable();
        if self.columns.contains(&sorted) {
            return false;
        }
        if self.columns.len() < COLUMNS_MAX {
            self.columns.push(sorted);
        }
        true
    }

    /// The header of a file is (now) this one.
    pub fn header(&mut self, names: Vec<String>, at: LineRef) {
        if let Some(changed) = self.columns(names) {
            self.told_of.push((SourceEventKind::ColumnsChanged, at, changed));
        }
    }

    /// Gives what changed against the header before.
    fn columns(&mut self, names: Vec<String>) -> Option<String> {
        let before = self.columns.last().cloned();
        if !self.know(names.clone()) {
            return None;
        }
        let before = before?;
        let list = |names: Vec<&String>| {
            let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|n| inert(n, 40)).collect();
            let more = if NAMES_MAX < names.len() { ", …" } else { "" };
            format!("{}{more}", shown.join(", "))
        };
        let added: Vec<&String> = names.iter().filter(|n| !before.contains(n)).collect();
        let gone: Vec<&String> = before.iter().filter(|n| !names.contains(n)).collect();
        Some(format!("+ [{}] - [{}]", list(added), list(gone)))
    }

    /// What is to be told behind a turn of reading.
    pub fn turn(&mut self, source: SourceId, dated: Dated, now: WallTime) -> Vec<SourceEvent> {
        let mut events = Vec::new();
        let event = |kind, at: Option<LineRef>, detail: String| SourceEvent {
            source,
            segment: at.map(|at| at.segment),
            kind,
            cause: Cause::Unexplained,
            lo: at.map_or(0, |at| at.start),
            hi: at.map_or(0, |at| at.end),
            detail,
            at: now,
        };
        let today = day_of(EventTime::from_micros(now.micros())).0;
        for (kind, at, detail) in std::mem::take(&mut self.told_of) {
            events.push(event(kind, Some(at), detail));
        }
        if let Some((at, secs)) = dated.odd.back
            && self
                .told
                .back
                .replace(today)
                .is_none_or(|last| last + BACK_DAYS <= today)
        {
            events.push(event(
                SourceEventKind::ClockBack,
                Some(at),
                format!("-{}", hours_minutes_seconds(secs)),
            ));
        }
        if let Some(at) = dated.odd.implausible
            && self.told.implausible.replace(today) != Some(today)
        {
            events.push(event(SourceEventKind::Implausible, Some(at), String::new()));
        }
        if let Some(at) = self.number.take()
            && self.told.numbers.replace(today) != Some(today)
        {
            // The kind says it all, in the reader's language.
            events.push(event(SourceEventKind::MyNumber, Some(at), String::new()));
        }
        let kinds = [SourceEventKind::Oversize, SourceEventKind::OpenQuote];
        for ((kind, found), told) in kinds.into_iter().zip(&mut self.damaged).zip(&mut self.told.damaged) {
            if let Some(at) = found.take()
                && told.replace(today) != Some(today)
            {
                events.push(event(kind, Some(at), String::new()));
            }
        }
        if let Some(steps) = self.zone.look(dated, now, &mut self.told.zone) {
            let minutes = steps * STEP_SECS / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            let minutes = minutes.unsigned_abs();
            let detail = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
            events.push(event(SourceEventKind::ZoneSuspect, None, detail));
            self.told.ahead = Some(today);
        }
        if let Some((at, secs)) = dated.odd.ahead
            && self.told.ahead.replace(today) != Some(today)
        {
            let detail = format!("+{}", hours_minutes_seconds(secs));
            events.push(event(SourceEventKind::ClockAhead, Some(at), detail));
        }
        events
    }
}

fn hours_minutes_seconds(secs: i64) -> String {
    let (hours, rest) = (secs / 3_600, secs % 3_600);
    format!("{hours:02}:{:02}:{:02}", rest / 60, rest % 60)
}

impl Zone {
    /// Gives the difference in steps, once, when it has shown long enough.
    fn look(&mut self, dated: Dated, now: WallTime, told: &mut i64) -> Option<i64> {
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

    #[test]
    fn a_log_none_of_whose_first_lines_can_be_read_is_told_once_and_a_stray_line_is_not() {
        let at = LineRef {
            segment: crate::access::SegmentId(1),
            start: 0,
            end: 9,
        };
        let told = |lines: &[Parsed<'_>]| {
            let mut oddities = Oddities::default();
            lines.iter().for_each(|line| oddities.parsed(line, at));
            let no_time = dated(0, 0, false);
            oddities.turn(SourceId(1), Dated { newest: 0, ..no_time }, now(0)).len()
        };
        let (bad, good) = (
            Parsed::Reject(Why::Shape),
            Parsed::Record(crate::parse::Record::default()),
        );
        let nul = Parsed::Reject(Why::Nul);
        assert_eq!(told(&[bad.clone(), bad.clone(), bad.clone(), bad.clone()]), 1);
        assert_eq!(told(&[bad.clone(), nul.clone(), nul, bad.clone()]), 0);
        assert_eq!(told(&[bad.clone(), good, bad.clone(), bad.clone(), bad]), 0);
    }

    #[test]
    fn other_columns_are_told_and_the_same_ones_in_another_order_are_not() {
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let mut oddities = Oddities::default();
        assert_eq!(oddities.columns(names("日時,職員番号,件数")), None, "the first file");
        assert_eq!(oddities.columns(names("職員番号,日時,件数")), None);
        let changed = oddities.columns(names("日時,職員番号,出力件数,備考"));
        assert_eq!(changed.as_deref(), Some("+ [出力件数, 備考] - [件数]"));
        assert_eq!(oddities.columns(names("日時,職員番号,件数")), None, "both are known");
    }
}
