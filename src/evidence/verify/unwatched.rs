//! Times in which nobody watched: between the end of a run and the next start, and where a run wrote nothing.
//!
//! A run writes an entry each `every` seconds, whether anything happens or not. Whoever kills the daemon, holds it still
//! or stops it for an evening leaves a hole, even where the logs of that time are read afterwards: what was taken out of
//! them meanwhile, nobody has seen. A hole is no proof of anything, so it is a warning, always with its span.

use std::time::Duration;

use super::finding::{Code, Finding};
use super::{ReadLog, Report, micros, spoken_time};
use crate::text::{Lang, duration_text};

/// A stop for so long is a restart or an update. Whoever stops the watch for longer could take something, and clean the log.
const RESTART: i64 = 2 * 60 * 1_000_000;
/// What a busy machine may be late by, beyond three times the usual.
const SLACK: i64 = 60 * 1_000_000;
/// What commands write, whether the daemon runs or not: it says nothing of a watch.
const BY_COMMANDS: [&str; 15] = [
    "backup",
    "expire",
    "expired",
    "export",
    "exported",
    "hold",
    "incident",
    "integrity",
    "journal",
    "key",
    "recover",
    "register",
    "release",
    "report",
    "review",
];
/// Holes told of one by one; of more, their number.
const TOLD_MAX: usize = 20;

/// A time without a watch.
#[derive(Debug, PartialEq, Eq)]
struct Hole<'l> {
    /// The entry behind it.
    index: u64,
    from: &'l str,
    to: &'l str,
    micros: i64,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The run before ended without a stop.
    Killed,
    /// It was stopped.
    Stopped,
    /// It went on afterwards.
    Still,
}

/// Finds them all.
pub(super) fn check(log: &ReadLog, report: &mut Report) {
    let holes = holes(log);
    for hole in holes.iter().take(TOLD_MAX) {
        report.add(finding(hole));
    }
    let more = holes.len().saturating_sub(TOLD_MAX);
    if 0 < more {
        report.add(Finding::new(
            Code::Unwatched,
            format!("監視されていない時間がほかに {more} 回あります。"),
            format!("there are {more} more times in which nobody watched"),
        ));
    }
}

fn holes(log: &ReadLog) -> Vec<Hole<'_>> {
    let mut holes = Vec::new();
    let mut every: Option<i64> = None;
    let mut before: Option<(&str, i64, &str)> = None;
    for (index, entry) in &log.entries {
        let (kind, to) = (entry.kind(), entry.text("at"));
        if BY_COMMANDS.contains(&kind) || !entry.text("by").is_empty() {
            continue;
        }
        let Some(at) = micros(to) else { continue };
        if let Some((from, last, last_kind)) = before {
            let span = at.saturating_sub(last);
            let late = |every: i64| every.saturating_mul(3).saturating_add(SLACK) < span;
            let how = match (every, last_kind, kind) {
                // Whoever writes entries without the daemon starts none.
                (None, ..) => None,
                (Some(_), "stop", "start") if RESTART < span => Some(How::Stopped),
                (Some(_), "stop", _) => None,
                (Some(_), _, "start") => Some(How::Killed),
                (Some(every), ..) => late(every).then_some(How::Still),
            };
            holes.extend(how.map(|how| Hole {
                index: *index,
                from,
                to,
                micros: span,
                how,
            }));
        }
        if kind == "start" {
            every = entry
                .number("every")
                .and_then(|s| i64::try_from(s).ok()?.checked_mul(1_000_000));
        }
        // What is written while the daemon stands still by its own stop is written by others.
        before = match before {
            Some((from, last, "stop")) if kind != "start" => Some((from, last, "stop")),
            _ => Some((to, at, kind)),
        };
    }
    holes
}

fn finding(hole: &Hole<'_>) -> Finding {
    let long = Duration::from_micros(u64::try_from(hole.micros).unwrap_or(0));
    let (ja, en) = match hole.how {
        How::Killed => (
            "停止の記録がないまま終わり、次の起動まで監視していません",
            "a run ended without a stop, and nobody watched until the next start",
        ),
        How::Stopped => ("監視が停止されていました", "the watch was stopped"),
        How::Still => (
            "稼働中のはずの監視が何も記録していません（一時停止、機器の停止、時計の変更）",
            "a run that should be going on wrote nothing (held still, the machine asleep, the clock set)",
        ),
    };
    let (from, to) = (hole.from, hole.to);
    let span = |lang| format!("{}～{}", spoken_time(from, lang), spoken_time(to, lang));
    let (span_ja, span_en) = (span(Lang::Ja), span(Lang::En));
    let (long_ja, long_en) = (duration_text(long, Lang::Ja), duration_text(long, Lang::En));
    Finding::new(
        Code::Unwatched,
        format!("{span_ja}（{long_ja}）：{ja}。"),
        format!("{span_en} ({long_en}): {en}"),
    )
    .at("entry", hole.index)
    .at("from", from)
    .at("to", to)
    .next(
        "その間に記録元のログから消された行は分かりません。再起動・保守の記録と照らし合わせてください。",
        "what was taken out of the logs meanwhile cannot be known; hold it against the record of restarts and maintenance",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::WallTime;
    use crate::evidence::Entry;

    /// A log of entries, each with its second.
    fn log(entries: &[(&str, i64)]) -> ReadLog {
        let entry = |(kind, secs): &(&str, i64)| {
            let entry = Entry::new(kind, WallTime::from_micros((1_790_000_000 + secs) * 1_000_000));
            if *kind == "start" {
                entry.with("every", 300u64)
            } else {
                entry
            }
        };
        ReadLog {
            entries: (0..).zip(entries.iter().map(entry)).collect(),
            ..ReadLog::default()
        }
    }

    fn found(entries: &[(&str, i64)]) -> Vec<(u64, How)> {
        let log = log(entries);
        holes(&log).iter().map(|hole| (hole.index, hole.how)).collect()
    }

    #[test]
    fn a_run_that_was_killed_held_still_or_stopped_for_an_evening_shows() {
        let killed = [("start", 0), ("heartbeat", 300), ("start", 400), ("heartbeat", 700)];
        assert_eq!(found(&killed), [(2, How::Killed)]);
        let still = [("start", 0), ("heartbeat", 300), ("heartbeat", 1_300)];
        assert_eq!(found(&still), [(2, How::Still)]);
        let stopped = [("start", 0), ("stop", 100), ("export", 4_000), ("start", 8_000)];
        assert_eq!(found(&stopped), [(3, How::Stopped)]);
    }

    #[test]
    fn commands_in_the_place_of_a_daemon_that_was_killed_hide_no_hole() {
        let papered = [
            ("start", 0),
            ("heartbeat", 300),
            ("hold", 900),
            ("key", 901),
            ("export", 1_500),
            ("start", 2_000),
            ("heartbeat", 2_300),
        ];
        assert_eq!(found(&papered), [(5, How::Killed)]);
        let log = log(&papered);
        assert_eq!(holes(&log)[0].micros, 1_700_000_000);
    }

    #[test]
    fn a_restart_an_update_and_a_busy_machine_do_not() {
        let plain = [
            ("key", 0),
            ("start", 0),
            ("heartbeat", 900),
            ("stop", 1_000),
            ("start", 1_100),
            ("alert", 1_200),
        ];
        assert_eq!(found(&plain), []);
        // Commands before the first start are nobody's watch.
        assert_eq!(found(&[("register", 0), ("register", 90_000), ("start", 180_000)]), []);
    }

    #[test]
    fn each_hole_is_told_with_its_span_and_many_are_counted() {
        let killed: Vec<(&str, i64)> = (0..30).map(|n| ("start", n * 60)).collect();
        let mut report = Report::default();
        check(&log(&killed), &mut report);
        assert_eq!(report.findings.len(), TOLD_MAX + 1);
        assert_eq!(report.exit_code(), 0);
        let first = &report.findings[0].what;
        assert!(
            first.0.contains("停止の記録がないまま") && first.0.contains("（1分）"),
            "{first:?}"
        );
        assert!(report.findings[TOLD_MAX].what.1.contains("9 more"));
    }
}
