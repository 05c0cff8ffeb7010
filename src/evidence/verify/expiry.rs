//! Lawful absence: a segment may be gone only if its expiry was announced, due, not under a hold, known outside, and waited
//! for.
//!
//! `expire` announces (who approved, which segments), `hold` and `release` keep, `expired` says that it was done. A file that
//! is missing for any other reason is evidence.

use std::collections::BTreeMap;

use super::finding::{Code, Finding};
use super::{ReadLog, Report, micros};
use crate::calendar::rfc3339;
use crate::clock::WallTime;
use crate::evidence::entry::Entry;

/// How long an announced expiry is open to objection, in days.
pub const GRACE_DAYS: i64 = 7;
const DAY_MICROS: i64 = 86_400_000_000;

/// Why a file is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It was expired as it should be.
    Lawful,
    /// It was expired, wrongly; that is told elsewhere.
    Told,
    /// Nobody expired it.
    Unknown,
}

/// The expiries of a log.
#[derive(Debug, Default)]
pub struct Expiries<'l> {
    announced: BTreeMap<u64, (u64, &'l Entry)>,
    done: BTreeMap<u64, (u64, &'l Entry)>,
    wrong: BTreeMap<u64, (Code, u64, String, String)>,
    /// When each entry was made at the latest, microseconds.
    times: BTreeMap<u64, i64>,
}

/// When each entry that speaks of expiry was made at the latest.
fn believed(log: &ReadLog, now: WallTime) -> BTreeMap<u64, i64> {
    let mut latest = now.micros();
    let mut times = BTreeMap::new();
    for (index, entry) in log.entries.iter().rev() {
        latest = latest.min(micros(entry.text("at")).unwrap_or(latest));
        if matches!(entry.kind(), "expire" | "expired") {
            times.insert(*index, latest);
        }
    }
    times
}

fn numbers(entry: &Entry) -> Vec<u64> {
    let list = entry.get("segments").and_then(|v| v.as_array());
    list.into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_u64)
        .collect()
}

impl<'l> Expiries<'l> {
    /// Reads the entries about expiry. No entry counts as younger than those behind it, or than `now`: a clock that was set
    /// ahead makes nothing due.
    pub fn read(log: &'l ReadLog, now: WallTime) -> Expiries<'l> {
        let mut all = Expiries {
            times: believed(log, now),
            ..Expiries::default()
        };
        let mut keep: BTreeMap<u64, &str> = BTreeMap::new();
        let mut held: BTreeMap<u64, &str> = BTreeMap::new();
        for (index, entry) in &log.entries {
            match entry.kind() {
                "segment" => {
                    keep.extend(entry.number("n").map(|n| (n, entry.text("keep_until"))));
                }
                "hold" => numbers(entry).into_iter().for_each(|n| {
                    held.insert(n, entry.text("by"));
                }),
                "release" => numbers(entry).into_iter().for_each(|n| {
                    held.remove(&n);
                }),
                "expire" => {
                    for n in numbers(entry) {
                        all.announced.insert(n, (*index, entry));
                        let by = entry.text("by");
                        let until = keep.get(&n).copied().unwrap_or("9999");
                        let day = all.day_of(*index);
                        if day.as_str() <= until {
                            all.wrong_one(
                                Code::EarlyExpiry,
                                n,
                                *index,
                                format!("保存期間（{until} まで）の満了前です。承認者 {by}。"),
                                format!("it was to be kept until {until}; approved by {by}"),
                            );
                        }
                    }
                }
                "expired" => {
                    for n in numbers(entry) {
                        all.done.insert(n, (*index, entry));
                        if let Some(by) = held.get(&n) {
                            all.wrong_one(
                                Code::EarlyExpiry,
                                n,
                                *index,
                                format!("保全（hold、{by}）の対象です。"),
                                format!("it is under a hold of {by}"),
                            );
                        }
                        all.waited(log, n, *index);
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// The day on which an entry was made at the latest.
    fn day_of(&self, index: u64) -> String {
        let at = self.times.get(&index).copied().unwrap_or(0);
        rfc3339(at).chars().take(10).collect()
    }

    fn wrong_one(&mut self, code: Code, n: u64, index: u64, ja: String, en: String) {
        self.wrong.entry(n).or_insert((code, index, ja, en));
    }

    /// Whether an expiry was announced, waited for, and known outside before it was done.
    fn waited(&mut self, log: &ReadLog, n: u64, index: u64) {
        let Some((announced, _)) = self.announced.get(&n).copied() else {
            self.wrong_one(
                Code::UnloggedExpiry,
                n,
                index,
                "事前の告知（expire）がありません。".into(),
                "it was never announced".into(),
            );
            return;
        };
        let time = |index: u64| self.times.get(&index).copied();
        let span = time(index)
            .unwrap_or(0)
            .saturating_sub(time(announced).unwrap_or(i64::MAX));
        if span < GRACE_DAYS.saturating_mul(DAY_MICROS) {
            self.wrong_one(
                Code::UnloggedExpiry,
                n,
                index,
                format!("告知から {GRACE_DAYS} 日を置かずに消去されています。"),
                format!("it was not waited for {GRACE_DAYS} days"),
            );
        }
        let covered = log.anchors.iter().any(|size| announced < *size && *size <= index);
        if !covered {
            self.wrong_one(
                Code::UnloggedExpiry,
                n,
                index,
                "告知が、消去前に外部へ出た照合点に含まれていません。".into(),
                "no checkpoint kept outside covers the announcement before it was done".into(),
            );
        }
    }

    /// Tells of expiries that should not have been.
    pub fn check(&self, _log: &ReadLog, report: &mut Report) {
        for (n, (code, index, ja, en)) in &self.wrong {
            report.add(
                Finding::new(
                    *code,
                    format!("区画 {n} の期限切れ処理が不当です：{ja}"),
                    format!("the expiry of segment {n} is not lawful: {en}"),
                )
                .at("segment", *n)
                .at("entry", *index)
                .at("approver", self.announced.get(n).map_or("", |(_, e)| e.text("by"))),
            );
        }
    }

    /// Why the file of segment `n` is not there.
    pub fn absence(&self, n: u64) -> Absence {
        match (self.wrong.contains_key(&n), self.done.contains_key(&n)) {
            (true, _) => Absence::Told,
            (false, true) => Absence::Lawful,
            (false, false) => Absence::Unknown,
        }
    }
}
