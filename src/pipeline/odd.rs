//! What the content of a source says about its writer, beyond its accesses: columns that changed or are not there, lines
//! none of which can be read, clocks in another zone, 個人番号 where none belongs. Each is raised once, not with every line it
//! shows in.

mod clocks;

use std::sync::Arc;

use crate::access::{Damage, LineRef, SourceId};
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::parse::{FormatState, Lacking, Parsed, Why};
use crate::source::{Cause, SegmentState, SourceEvent, SourceEventKind};
use crate::text::{inert, my_number_in};
pub(super) use clocks::{Dated, Odd, Order};
use clocks::{Zone, hours_minutes, hours_minutes_seconds};

/// Sets of columns a source may write side by side before a further one is no change any more.
const COLUMNS_MAX: usize = 16;
/// Names of columns told of one change.
const NAMES_MAX: usize = 8;
/// After so many days without it is it told again: some logs are never in order.
const BACK_DAYS: i32 = 7;

/// Lines refused one behind the other, with no record before them, that are told of: the format is another one.
const UNREAD: u32 = 3;

/// What was noticed of one source.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    zone: Zone,
    /// Where a 個人番号 was seen first in this turn.
    number: Option<LineRef>,
    /// The first line of this turn that is too long, and the first with an open quote.
    damaged: [Option<LineRef>; 2],
    /// What is to be told of headers, and of lines that cannot be read, behind this turn.
    told_of: Vec<(SourceEventKind, LineRef, String)>,
    /// What was told; the same as of the batch whose commit is on its way, and of what is committed.
    told: Told,
    handed: Told,
    settled: Told,
}

/// Whether any record ever came from the lines of a source, since this run began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Unread {
    /// No line yet.
    #[default]
    New,
    /// So many lines were refused.
    Refused(u32),
    /// A record came, or it was told that none does.
    Settled,
}

/// What is remembered so that it is not told with every line it shows in. Columns are shared: they seldom change, and
/// this is copied with every batch.
#[derive(Debug, Clone, Default)]
struct Told {
    /// Sets of columns the files had.
    columns: Arc<Vec<Vec<String>>>,
    /// What was told of columns that are not there.
    lacking: Arc<Vec<String>>,
    unread: Unread,
    /// The days on which something was told last.
    numbers: Option<i32>,
    damaged: [Option<i32>; 2],
    ahead: Option<i32>,
    implausible: Option<i32>,
    back: Option<i32>,
    /// The zone's difference.
    zone: i64,
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
        oddities.handed_over();
        oddities.settled();
        oddities
    }

    /// What was raised so far goes to the store with the batch.
    pub fn handed_over(&mut self) {
        self.handed.clone_from(&self.told);
    }

    /// That batch is committed.
    pub fn settled(&mut self) {
        self.settled.clone_from(&self.handed);
    }

    /// What was not committed is read again, and raised again.
    pub fn reset(&mut self) {
        self.told.clone_from(&self.settled);
        self.handed.clone_from(&self.settled);
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
        if self.told.unread != Unread::Settled {
            self.first(parsed, at);
        }
    }

    #[cold]
    fn first(&mut self, parsed: &Parsed<'_>, at: LineRef) {
        let refused = match (parsed, self.told.unread) {
            (Parsed::Record(_), _) => {
                self.told.unread = Unread::Settled;
                return;
            }
            // What a copytruncate or a power loss left says nothing of the format.
            (Parsed::Nothing | Parsed::Reject(Why::Nul | Why::Oversize | Why::OpenQuote), _) => return,
            (Parsed::Reject(_), Unread::Refused(n)) => n + 1,
            (Parsed::Reject(_), _) => 1,
        };
        self.told.unread = Unread::Refused(refused);
        if let Parsed::Reject(why) = parsed
            && UNREAD <= refused
        {
            self.told.unread = Unread::Settled;
            let detail = why.as_str().to_owned();
            self.told_of.push((SourceEventKind::Unparsed, at, detail));
        }
    }

    /// Configured columns do not stand in a header.
    pub fn lacking(&mut self, lacking: &Lacking, at: LineRef) {
        let said = lacking.to_string();
        if self.told.lacking.contains(&said) || COLUMNS_MAX <= self.told.lacking.len() {
            return;
        }
        Arc::make_mut(&mut self.told.lacking).push(said.clone());
        let kind = match lacking.unread {
            true => SourceEventKind::Unparsed,
            false => SourceEventKind::ColumnsMissing,
        };
        if lacking.unread {
            // It is told why; that it is so need not be told once more.
            self.told.unread = Unread::Settled;
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
        if self.told.columns.contains(&sorted) {
            return false;
        }
        if self.told.columns.len() < COLUMNS_MAX {
            Arc::make_mut(&mut self.told.columns).push(sorted);
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
        let before = self.told.columns.last().cloned();
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
            events.push(event(SourceEventKind::ZoneSuspect, None, hours_minutes(steps)));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn now(secs: i64) -> WallTime {
        WallTime::from_secs(1_795_219_500 + secs)
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
            oddities.turn(SourceId(1), Dated::default(), now(0)).len()
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
    fn what_was_raised_in_a_batch_that_failed_is_raised_again_and_what_is_committed_is_not() {
        let at = LineRef::default();
        let mut oddities = Oddities::default();
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let lacking = Lacking {
            fields: Vec::new(),
            columns: names("日時,職員番号,備考"),
            unread: false,
            garbled: false,
        };
        let read = |oddities: &mut Oddities| {
            oddities.header(names("日時,職員番号,件数"), at);
            oddities.header(names("日時,職員番号,備考"), at);
            oddities.lacking(&lacking, at);
            (0..4).for_each(|_| oddities.parsed(&Parsed::Reject(Why::Shape), at));
            oddities.turn(SourceId(1), Dated::default(), now(0)).len()
        };
        assert_eq!(read(&mut oddities), 3);
        oddities.handed_over();
        oddities.reset();
        assert_eq!(read(&mut oddities), 3, "nothing of it was committed");
        oddities.handed_over();
        oddities.settled();
        assert_eq!(read(&mut oddities), 0);
        oddities.reset();
        assert_eq!(read(&mut oddities), 0);
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
