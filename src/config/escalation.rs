//! `[escalation]`: who is told next of an alert that nobody answers for.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::alert::ladder::{LadderSettings, Place, Rung};

use super::mail;
use super::problem::say;
use super::section::Section;
use super::units::DAY;

/// How long a level may be given.
const WAIT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 86_400);
const AGAIN: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(30 * 86_400);
/// Levels of one ladder.
const LEVELS_MAX: usize = 20;

/// Reads `[escalation]`; what is not said is as shipped.
pub(super) fn read(root: &Section<'_>) -> Option<LadderSettings> {
    let shipped = LadderSettings::default();
    let Some(table) = root.table("escalation") else {
        return root.value("escalation").is_none().then_some(shipped);
    };
    let duty = match table.value("duty") {
        Some(_) => table
            .required_strings("duty")
            .and_then(|list| mail::addresses(&table, &list)),
        None => Some(Vec::new()),
    };
    let phone = table.string("phone").map(|f| f.value);
    let administrators = match table.value("administrators") {
        Some(_) => table
            .required_strings("administrators")
            .map(|list| list.into_iter().map(|f| f.value).collect()),
        None => Some(Vec::new()),
    };
    let again = table.duration("again", DAY, AGAIN);
    let critical = levels(&table, "critical", shipped.critical);
    let warning = levels(&table, "warning", shipped.warning);
    table.finish();
    Some(LadderSettings {
        critical: critical?,
        warning: warning?,
        duty: duty?,
        phone,
        administrators: administrators?,
        again: again?,
    })
}

fn levels(table: &Section<'_>, key: &'static str, shipped: Vec<Rung>) -> Option<Vec<Rung>> {
    let Some(found) = table.value(key) else {
        return Some(shipped);
    };
    let tables = table.tables(key);
    if LEVELS_MAX < tables.len() {
        let message = say!("{LEVELS_MAX} 段までです。", "no more than {LEVELS_MAX} levels");
        table.problem(&found.place, message, None);
        return None;
    }
    let read: Vec<Option<Rung>> = tables
        .iter()
        .enumerate()
        .map(|(n, level)| rung(level, n == 0))
        .collect();
    read.into_iter().collect()
}

fn rung(level: &Section<'_>, first: bool) -> Option<Rung> {
    let tell = level.required_strings("tell").and_then(|list| {
        let words = Place::ALL.map(|place| (place.as_str(), place));
        let read: Vec<Option<Place>> = list
            .iter()
            .map(|word| level.word(word, &words).map(|found| found.value))
            .collect();
        read.into_iter().collect::<Option<Vec<Place>>>()
    });
    if first {
        let message = say!(
            "最初の段は、検知と同時に通知されます。",
            "the first level is told at once"
        );
        level.refuse("after", &message);
        level.refuse("after_off_hours", &message);
        level.finish();
        return Some(Rung {
            tell: tell?,
            after: Duration::ZERO,
            after_off_hours: Duration::ZERO,
        });
    }
    let after = match level.value("after") {
        Some(_) => level.duration("after", DAY, WAIT),
        None => {
            level.missing("after", None);
            None
        }
    };
    let off_hours = match (level.value("after_off_hours"), after) {
        (Some(_), _) => level.duration("after_off_hours", DAY, WAIT),
        (None, after) => after,
    };
    level.finish();
    Some(Rung {
        tell: tell?,
        after: after?,
        after_off_hours: off_hours?,
    })
}
