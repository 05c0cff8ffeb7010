//! Alerts in the store: as they were put, moved along by named people, never by the one they are about.

use super::*;
use crate::access::{DatasetId, Mark, Marks};
use crate::alert::{Alert, AlertId, AlertState, ClosedAs, Notified};
use crate::detect::Severity;

/// An open critical alert about who 1 (012345).
pub(super) fn stored(id: i64, number: &str) -> StoredAlert {
    StoredAlert {
        alert: Alert {
            id: AlertId(id),
            number: number.into(),
            rule: "V3".into(),
            who: WhoId(1),
            dataset: DatasetId(1),
            severity: Severity::Critical,
            state: AlertState::Open,
            first_seen: EventTime::from_secs(MIDNIGHT),
            last_seen: EventTime::from_secs(MIDNIGHT + 60),
            window_from: EventTime::from_secs(MIDNIGHT - 60),
            observed: 12_480,
            limit: 1_000,
            facts: crate::detect::Facts([1, 2, 3, u64::MAX]),
            hits: 3,
            records: 12_480,
            records_unknown: 1,
            successes: 3,
            source: SourceId(1),
            operation: Operation::Export,
            standing: Standing::Revoked,
            marks: Marks::of(&[Mark::Terminal]),
            retro: true,
            detected_at: at(61),
            notified: Some(Notified {
                at: at(61),
                level: 10,
                severity: Severity::Critical,
                mails: 1,
                hits: 3,
            }),
        },
        account: "tz012345".into(),
        address: "10.0.0.1".into(),
        section: "税務課".into(),
        valid_from: None,
        valid_to: Some(20_777),
        config: "abc".into(),
        closed_as: String::new(),
        lead: AlertId(id),
        register: 1,
    }
}

fn with_alert() -> Place {
    let mut p = made();
    let parts = Parts {
        names: named(&p.store, &["012345"]),
        ..Parts::default()
    };
    commit_with(&mut p.store, &parts, &mut |desk| desk.put(&stored(1, "A-2026-000001"))).unwrap();
    p
}

const NUMBER: &str = "A-2026-000001";

#[test]
fn an_alert_is_read_back_as_it_was_put() {
    let p = with_alert();
    assert_eq!(p.store.alert(NUMBER).unwrap(), stored(1, NUMBER));
    let missing = p.store.alert("A-2026-000009").unwrap_err().to_string();
    assert_eq!(missing, "there is no alert A-2026-000009; see sekimori alert list");
}

#[test]
fn every_standing_severity_and_state_is_read_back() {
    let mut p = with_alert();
    let mut want = vec![stored(1, NUMBER)];
    let standings = Standing::SUSPICIOUS.into_iter().chain([Standing::Valid]);
    for (id, standing) in (2..).zip(standings) {
        let mut one = stored(id, &format!("A-2026-{id:06}"));
        one.alert.standing = standing;
        one.alert.severity = Severity::ALL[usize::try_from(id % 3).unwrap()];
        one.alert.operation = Operation::ALL[usize::try_from(id).unwrap()];
        one.alert.state =
            [AlertState::Open, AlertState::Acknowledged, AlertState::Closed][usize::try_from(id % 3).unwrap()];
        one.alert.notified = None;
        want.push(one);
    }
    commit_with(&mut p.store, &Parts::default(), &mut |desk| {
        want.iter().try_for_each(|a| desk.put(a))
    })
    .unwrap();
    want.reverse();
    assert_eq!(p.store.alerts(AlertFilter::default()).unwrap(), want);
    want.retain(|a| a.alert.state != AlertState::Closed);
    assert_eq!(
        p.store
            .alerts(AlertFilter {
                open_only: true,
                leads_only: false,
                max: None
            })
            .unwrap(),
        want
    );
    assert_eq!(
        p.store
            .alerts(AlertFilter {
                open_only: true,
                leads_only: false,
                max: Some(1)
            })
            .unwrap(),
        want[..1]
    );
}

#[test]
fn numbers_count_up_within_the_year_and_ids_are_never_used_again() {
    let mut p = made();
    let mut numbers = Vec::new();
    for year in [2026, 2026, 2027, 2027, 2026, 2028] {
        commit_with(&mut p.store, &Parts::default(), &mut |desk| {
            let (id, number) = desk.next(year)?;
            desk.put(&stored(id.0, &number))?;
            numbers.push((id.0, number));
            Ok(())
        })
        .unwrap();
    }
    let want = [
        "A-2026-000001",
        "A-2026-000002",
        "A-2027-000001",
        "A-2027-000002",
        "A-2026-000003",
        "A-2028-000001",
    ];
    assert_eq!(numbers, (1..).zip(want.map(str::to_owned)).collect::<Vec<_>>());
    // A number given to a batch that failed is given again; beyond six digits it goes on.
    commit_with(&mut p.store, &Parts::default(), &mut |desk| {
        desk.put(&stored(7, "A-2028-999999"))?;
        assert_eq!(desk.next(2028)?, (AlertId(8), "A-2028-1000000".into()));
        desk.put(&stored(8, "A-2028-1000000"))?;
        assert_eq!(desk.next(2028)?, (AlertId(9), "A-2028-1000001".into()));
        Err(StoreError::Busy)
    })
    .unwrap_err();
    commit_with(&mut p.store, &Parts::default(), &mut |desk| {
        assert_eq!(desk.next(2028)?, (AlertId(7), "A-2028-000002".into()));
        Ok(())
    })
    .unwrap();
}

#[test]
fn alerts_of_a_key_are_found_by_when_they_ended_and_none_of_another_key() {
    let mut p = with_alert();
    commit_with(&mut p.store, &Parts::default(), &mut |desk| {
        for (id, last) in [(2, 500), (3, 300), (4, 100)] {
            let mut one = stored(id, &format!("A-2026-{id:06}"));
            one.alert.last_seen = EventTime::from_secs(MIDNIGHT + last);
            desk.put(&one)?;
        }
        assert_eq!(desk.who(WhoId(1))?, Some(("person".into(), "012345".into())));
        assert_eq!(desk.alert(AlertId(3))?.alert.number, "A-2026-000003");
        Ok(())
    })
    .unwrap();
    let ending = |rule: &str, who, dataset, from: i64, to: i64| {
        let span = EventTime::from_secs(MIDNIGHT + from)..EventTime::from_secs(MIDNIGHT + to);
        let found = p
            .store
            .alerts_ending(rule, WhoId(who), DatasetId(dataset), &span)
            .unwrap();
        let mut ids: Vec<i64> = found.into_iter().map(|a| a.0.0).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ending("V3", 1, 1, 0, 1_000), [1, 2, 3, 4]);
    assert_eq!(
        ending("V3", 1, 1, 100, 500),
        [3, 4],
        "from the first moment, before the second"
    );
    for (rule, who, dataset) in [("V3", 2, 1), ("V3", 1, 0), ("V4", 1, 1)] {
        assert_eq!(ending(rule, who, dataset, 0, 1_000), [0i64; 0]);
    }
    assert_eq!(p.store.last_alert().unwrap(), AlertId(4));
    assert_eq!(made().store.last_alert().unwrap(), AlertId(0));
}

#[test]
fn evidence_stops_at_its_most_and_no_line_stands_twice() {
    let mut p = with_alert();
    let line = |start| LineRef {
        segment: SegmentId(1),
        start,
        end: start + 9,
    };
    commit_with(&mut p.store, &Parts::default(), &mut |desk| {
        desk.evidence(AlertId(1), &[line(30), line(10), line(10)], 4)?;
        desk.evidence(AlertId(1), &[line(20), line(40), line(50), line(60)], 4)?;
        assert_eq!(desk.evidence_of(AlertId(1))?, [line(10), line(20), line(30), line(40)]);
        Ok(())
    })
    .unwrap();
    assert_eq!(p.store.evidence(AlertId(1)).unwrap().len(), 4);
}

fn state(p: &Place) -> (AlertState, String) {
    let now = p.store.alert(NUMBER).unwrap();
    (now.alert.state, now.closed_as)
}

fn steps(p: &Place) -> Vec<(String, String, String)> {
    p.store
        .steps(AlertId(1))
        .unwrap()
        .into_iter()
        .map(|s| (s.step, s.by, s.reason))
        .collect()
}

#[test]
fn named_people_move_an_alert_along_and_every_step_is_kept() {
    let mut p = with_alert();
    p.store.acknowledge(NUMBER, "067890", "seen", at(100)).unwrap();
    assert_eq!(state(&p), (AlertState::Acknowledged, String::new()));
    p.store
        .close_alert(NUMBER, "067890", ClosedAs::Legitimate, "引継ぎ", at(200))
        .unwrap();
    assert_eq!(state(&p), (AlertState::Closed, "legitimate".into()));
    p.store.reopen(NUMBER, "011111", "次の日にも", at(300)).unwrap();
    assert_eq!(state(&p), (AlertState::Open, String::new()));
    p.store
        .close_alert(NUMBER, "011111", ClosedAs::Incident, "報告済", at(400))
        .unwrap();
    let row = |step: &str, by: &str, reason: &str| (step.to_owned(), by.to_owned(), reason.to_owned());
    let want = [
        row("acknowledged", "067890", "seen"),
        row("closed", "067890", "legitimate: 引継ぎ"),
        row("reopened", "011111", "次の日にも"),
        row("closed", "011111", "incident: 報告済"),
    ];
    assert_eq!(steps(&p), want);
    assert_eq!(p.store.steps(AlertId(1)).unwrap()[1].at, at(200));
}

#[test]
fn a_step_that_does_not_fit_is_refused_and_leaves_no_trace() {
    let mut p = with_alert();
    let say = |result: Result<(), StoreError>| result.unwrap_err().to_string();
    assert_eq!(
        say(p.store.reopen(NUMBER, "067890", "x", at(1))),
        "alert A-2026-000001 is not closed"
    );
    p.store.acknowledge(NUMBER, "067890", "x", at(1)).unwrap();
    assert!(say(p.store.acknowledge(NUMBER, "067890", "x", at(2))).ends_with("is already acknowledged"));
    p.store
        .close_alert(NUMBER, "067890", ClosedAs::FalseAlarm, "x", at(3))
        .unwrap();
    assert!(say(p.store.close_alert(NUMBER, "067890", ClosedAs::Incident, "x", at(4))).ends_with("is already closed"));
    assert!(say(p.store.acknowledge(NUMBER, "067890", "x", at(4))).ends_with("is closed; reopen it first"));
    assert!(say(p.store.acknowledge("A-1", "067890", "x", at(4))).contains("there is no alert A-1"));
    assert_eq!(
        (state(&p), steps(&p).len()),
        ((AlertState::Closed, "false-alarm".into()), 2)
    );
}

#[test]
fn nobody_answers_for_an_alert_about_himself_however_he_writes_his_number() {
    let mut p = with_alert();
    for by in ["012345", " 012345 ", "０１２３４５"] {
        for result in [
            p.store.acknowledge(NUMBER, by, "x", at(1)),
            p.store.close_alert(NUMBER, by, ClosedAs::Legitimate, "x", at(1)),
        ] {
            let refused = result.unwrap_err().to_string();
            assert!(refused.contains("somebody else must answer for it"), "{by}: {refused}");
        }
    }
    for (by, reason) in [("", "x"), ("  ", "x"), ("067890", ""), ("067890", "\u{3000}")] {
        let refused = p.store.acknowledge(NUMBER, by, reason, at(1)).unwrap_err().to_string();
        assert!(refused.contains("say who does it"), "{refused}");
    }
    assert_eq!((state(&p).0, steps(&p)), (AlertState::Open, vec![]));
    p.store.acknowledge(NUMBER, "0123456", "another number", at(1)).unwrap();
}
