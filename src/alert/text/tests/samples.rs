//! Alerts as they happen: one for each kind of mail.

use std::time::Duration;

use crate::access::{DatasetId, LineRef, Marks, Operation, SegmentId, SourceId, Standing, WhoId};
use crate::alert::{Alert, AlertFacts, AlertId, AlertState};
use crate::calendar::{day_start, parse_date};
use crate::clock::{EventTime, WallTime};
use crate::detect::{Count, Severity, Within, Words};

const DAY: Duration = Duration::from_secs(86_400);

/// A moment in Japan: `2026-11-21 14:03:27`.
pub fn at(text: &str) -> EventTime {
    let (day, clock) = text.split_once(' ').unwrap();
    let parts: Vec<u64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    day_start(parse_date(day).unwrap()).plus(Duration::from_secs(parts[0] * 3_600 + parts[1] * 60 + parts[2]))
}

pub fn wall(text: &str) -> WallTime {
    WallTime::from_micros(at(text).micros())
}

pub fn evidence(count: u64) -> Vec<LineRef> {
    (0..count)
        .map(|n| LineRef {
            segment: SegmentId(12),
            start: 48_120 + n * 231,
            end: 48_120 + (n + 1) * 231,
        })
        .collect()
}

/// 住民税課税台帳, much exported within 24 hours by somebody with a right in force.
pub fn volume() -> AlertFacts {
    AlertFacts {
        alert: Alert {
            id: AlertId(1_234),
            number: "A-2026-001234".into(),
            rule: "V3".into(),
            who: WhoId(17),
            dataset: DatasetId(1),
            severity: Severity::Warning,
            state: AlertState::Open,
            first_seen: at("2026-11-20 14:03:11"),
            last_seen: at("2026-11-20 14:21:40"),
            window_from: at("2026-11-19 14:03:11"),
            observed: 1_248,
            limit: 1_000,
            facts: crate::detect::Facts::default(),
            hits: 2,
            records: 298,
            records_unknown: 0,
            successes: 2,
            source: SourceId(1),
            operation: Operation::Export,
            standing: Standing::Valid,
            marks: Marks::NONE,
            retro: false,
            detected_at: wall("2026-11-20 14:03:12"),
            notified: None,
        },
        rule_title: "24時間の大量出力".into(),
        words: Words::default(),
        basis: vec!["22".into()],
        kind: None,
        count: Some(Count::Records),
        within: Some(Within::Rolling(DAY)),
        person: Some("012345".into()),
        job: None,
        section: Some("税務課".into()),
        account: "tz012345".into(),
        valid_to: parse_date("R9.3.31").map(|day| day.0),
        valid_from: None,
        dataset: "juminzei".into(),
        dataset_title: "住民税課税台帳".into(),
        tier: "A".into(),
        owner: "税務課".into(),
        source: "juminzei-web".into(),
        address: "10.20.3.45".into(),
        reasons: Vec::new(),
        evidence: evidence(2),
        calendar: Default::default(),
        told: Vec::new(),
        answer_within: None,
    }
}

pub fn volume_critical() -> AlertFacts {
    let mut facts = volume();
    facts.alert.severity = Severity::Critical;
    facts.alert.observed = 12_480;
    facts.alert.hits = 31;
    facts.alert.successes = 31;
    facts.alert.records = 11_530;
    facts.alert.last_seen = at("2026-11-20 22:47:02");
    facts.evidence = evidence(31);
    facts
}

/// An account rule under which `standing` is not allowed.
pub fn account(standing: Standing) -> AlertFacts {
    let mut facts = volume();
    facts.alert.severity = Severity::Critical;
    facts.alert.rule = "A1".into();
    facts.alert.standing = standing;
    facts.alert.limit = 0;
    facts.alert.observed = 3;
    facts.alert.hits = 3;
    facts.alert.successes = 3;
    facts.alert.records = 3;
    facts.alert.operation = Operation::View;
    facts.rule_title = "失効した権限による利用".into();
    facts.basis = vec!["9(2)".into(), "20".into()];
    facts.count = None;
    facts.within = None;
    facts.valid_to = None;
    facts
}

/// domain scenario 1: the day after retirement, a Saturday, 16 files with 248 records.
pub fn retired() -> AlertFacts {
    let mut facts = account(Standing::Revoked);
    facts.alert.first_seen = at("2026-11-21 10:02:11");
    facts.alert.last_seen = at("2026-11-21 10:14:50");
    facts.alert.window_from = at("2026-11-21 10:02:11");
    facts.alert.detected_at = wall("2026-11-21 10:02:12");
    facts.alert.observed = 16;
    facts.alert.hits = 16;
    facts.alert.successes = 16;
    facts.alert.records = 248;
    facts.alert.operation = Operation::Export;
    facts.valid_to = parse_date("2026-11-20").map(|day| day.0);
    facts.evidence = evidence(8);
    facts
}

pub fn not_yet_valid() -> AlertFacts {
    let mut facts = account(Standing::NotYetValid);
    facts.alert.severity = Severity::Warning;
    facts.alert.rule = "A2".into();
    facts.rule_title = "権限開始日前の利用".into();
    facts.valid_from = parse_date("R8.12.1").map(|day| day.0);
    facts
}

pub fn on_leave() -> AlertFacts {
    let mut facts = account(Standing::OnLeave);
    facts.alert.rule = "A3".into();
    facts.rule_title = "休職等の期間中の利用".into();
    facts
}

/// A stranger whose name tries everything a name can try.
pub fn hostile() -> AlertFacts {
    let mut facts = account(Standing::Unknown);
    facts.alert.severity = Severity::Warning;
    facts.alert.rule = "A4".into();
    facts.alert.successes = 0;
    facts.alert.records = 0;
    facts.alert.records_unknown = 3;
    facts.alert.first_seen = at("2026-11-21 02:58:09");
    facts.alert.last_seen = at("2026-11-21 03:01:10");
    facts.alert.detected_at = wall("2026-11-21 02:58:09");
    facts.rule_title = "台帳に登録のない利用者名".into();
    facts.person = None;
    facts.section = None;
    facts.account = format!("x\r\nBcc: a@example.jp\u{1b}[2J\u{202e}<script>{}", "A".repeat(10_240));
    facts.address = "10.20.9.9\u{200b} http://example.jp/ 1234-5678-9018".into();
    facts
}

pub fn anonymous() -> AlertFacts {
    let mut facts = hostile();
    facts.alert.standing = Standing::Anonymous;
    facts.alert.rule = "A13".into();
    facts.alert.successes = 3;
    facts.rule_title = "利用者名のない利用".into();
    facts.account = String::new();
    facts.address = "10.20.9.9".into();
    facts
}

/// Everybody's exports of one dataset in one day.
pub fn dataset_total() -> AlertFacts {
    let mut facts = volume();
    facts.alert.who = WhoId(0);
    facts.alert.rule = "V7".into();
    facts.alert.observed = 40_220;
    facts.alert.limit = 20_000;
    facts.alert.window_from = at("2026-11-20 00:00:00");
    facts.rule_title = "情報資産ごとの1日の総量".into();
    facts.within = Some(Within::Day);
    facts.person = None;
    facts.section = None;
    facts
}

/// One person's distinct citizens over all datasets in 30 days.
pub fn person_total() -> AlertFacts {
    let mut facts = volume();
    facts.alert.dataset = DatasetId(0);
    facts.alert.rule = "V5".into();
    facts.alert.observed = 612;
    facts.alert.limit = 600;
    facts.alert.window_from = at("2026-10-21 14:03:11");
    facts.alert.operation = Operation::View;
    facts.rule_title = "30日間の閲覧対象者数".into();
    facts.count = Some(Count::Subjects);
    facts.within = Some(Within::Rolling(30 * DAY));
    facts.dataset = String::new();
    facts.dataset_title = String::new();
    facts.tier = String::new();
    facts.owner = String::new();
    facts
}

pub fn unknown_counts() -> AlertFacts {
    let mut facts = volume();
    facts.alert.rule = "V11".into();
    facts.alert.observed = 251_658_240;
    facts.alert.limit = 200_000_000;
    facts.alert.hits = 4;
    facts.alert.successes = 4;
    facts.alert.records = 150;
    facts.alert.records_unknown = 3;
    facts.rule_title = "件数の分からない大量転送".into();
    facts.count = Some(Count::Bytes);
    facts
}

pub fn one_access() -> AlertFacts {
    let mut facts = volume();
    facts.alert.rule = "V1".into();
    facts.alert.first_seen = at("2026-11-24 18:30:00");
    facts.alert.last_seen = facts.alert.first_seen;
    facts.alert.window_from = facts.alert.first_seen;
    facts.alert.hits = 1;
    facts.alert.successes = 1;
    facts.alert.records = 1_248;
    facts.rule_title = "1回の大量出力".into();
    facts.within = Some(Within::OneAccess);
    facts.evidence = evidence(1);
    facts
}
