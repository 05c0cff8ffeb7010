use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::access::{Marks, SegmentId};
use crate::detect::{AccountRule, Count, Limits, Per, RuleIx, Volume, When, Words};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn rule(kind: RuleKind) -> RuleSettings {
    RuleSettings {
        id: "R".into(),
        title: String::new(),
        severity: Severity::Warning,
        basis: Vec::new(),
        kind,
        when: When::default(),
        words: Words::default(),
        samples: Vec::new(),
    }
}

fn volume(within: Within) -> RuleSettings {
    rule(RuleKind::Volume(Volume {
        count: Count::Records,
        per: Per::PersonDataset,
        within,
        limit: Limits::default(),
        unknown: 1,
        leaving: 100,
    }))
}

fn account() -> RuleSettings {
    rule(RuleKind::Account(AccountRule {
        marks: Vec::new(),
        standings: vec![Standing::Revoked],
        failure: None,
        many: None,
    }))
}

fn finding(at: i64, observed: u64) -> Finding {
    Finding {
        rule: RuleIx(0),
        who: WhoId(7),
        dataset: DatasetId(2),
        at: EventTime::from_secs(at),
        from: EventTime::from_secs(at - 10),
        observed,
        limit: 100,
        facts: crate::detect::Facts::default(),
        severity: Severity::Warning,
    }
}

fn access(at: i64, records: Amount, outcome: Outcome) -> Access {
    Access {
        at: LineRef {
            segment: SegmentId(1),
            start: u64::try_from(at.max(0)).unwrap(),
            end: 0,
        },
        source: SourceId(1),
        time: EventTime::from_secs(at),
        who: WhoId(7),
        standing: Standing::Revoked,
        marks: Marks::NONE,
        dataset: DatasetId(2),
        operation: Operation::Export,
        outcome,
        records,
        bytes: Amount::Unknown,
        subject: None,
        trace: crate::access::Trace::default(),
    }
}

fn settings() -> AlertSettings {
    AlertSettings {
        to: Vec::new(),
        owners: Vec::new(),
        repeat_critical: HOUR,
        repeat_warning: DAY,
        sign_of_life: Default::default(),
        ladder: Default::default(),
    }
}

/// An alert with 150 of 100 observed, of which people were told at second 0.
fn told() -> Alert {
    let situation = Situation::new(&finding(0, 150), &access(0, Amount::Known(150), Outcome::Success));
    let rule = volume(Within::Day);
    let mut alert = begin(
        AlertId(1),
        "A-2026-000001".into(),
        &rule,
        &situation,
        WallTime::from_secs(0),
    );
    notified(&mut alert, &rule, WallTime::from_secs(0));
    alert
}

fn decision(alert: &Alert, secs: i64) -> Decision {
    decide(alert, &volume(Within::Day), &settings(), WallTime::from_secs(secs))
}

#[test]
fn a_new_alert_is_told_whatever_its_severity() {
    for severity in Severity::ALL {
        let alert = Alert {
            notified: None,
            severity,
            ..told()
        };
        assert_eq!(decision(&alert, 0), Decision::Notify(NotifyReason::First));
    }
}

#[test]
fn what_people_know_already_is_held() {
    let mut alert = told();
    assert_eq!(decision(&alert, 10), Decision::Hold(Why::Known));
    alert.hits += 5;
    alert.observed = 199;
    assert_eq!(decision(&alert, 86_399), Decision::Hold(Why::Known));
    for state in [AlertState::Open, AlertState::Acknowledged] {
        assert_eq!(
            decision(&Alert { state, ..alert.clone() }, 10),
            Decision::Hold(Why::Known)
        );
    }
}

#[test]
fn people_are_told_again_at_twice_five_and_ten_times_the_limit() {
    let mut alert = told();
    let mut told_at = Vec::new();
    for observed in (150..12_000).step_by(10) {
        alert.observed = observed;
        if let Decision::Notify(reason) = decision(&alert, 10) {
            told_at.push((observed, reason));
            notified(&mut alert, &volume(Within::Day), WallTime::from_secs(10));
        }
    }
    let grown = |times| NotifyReason::Grown {
        times,
        uses: None,
        aside: false,
    };
    let want = [(200, 2), (500, 5), (1_000, 10), (2_000, 20), (5_000, 50), (10_000, 100)];
    assert_eq!(told_at, want.map(|(observed, times)| (observed, grown(times))));
    // A jump over several steps is one mail.
    let jumped = Alert {
        observed: 1_100,
        ..told()
    };
    assert_eq!(decision(&jumped, 10), Decision::Notify(grown(10)));
    assert_eq!(alert.notified.unwrap().mails, 7);
}

#[test]
fn growth_of_a_further_reason_is_told_in_that_rules_own_numbers() {
    let lead = Alert {
        limit: 0,
        observed: 1,
        ..told()
    };
    let more = Alert {
        observed: 250,
        ..told()
    };
    let rule = volume(Within::Day);
    let told = decide_together(&[(&lead, &rule), (&more, &rule)], &settings(), WallTime::from_secs(10));
    assert_eq!(
        told,
        Some(NotifyReason::Grown {
            times: 2,
            uses: None,
            aside: false
        })
    );
}

#[test]
fn what_becomes_worse_is_told_at_once_and_what_becomes_milder_is_not() {
    let worse = Alert {
        severity: Severity::Critical,
        observed: 1_000,
        ..told()
    };
    assert_eq!(
        decision(&worse, 1),
        Decision::Notify(NotifyReason::Worse {
            from: Severity::Warning
        })
    );
    let milder = Alert {
        severity: Severity::Notice,
        ..told()
    };
    assert_eq!(decision(&milder, 1), Decision::Hold(Why::Known));
}

#[test]
fn what_goes_on_is_repeated_when_the_interval_has_passed_and_only_then() {
    let mut alert = told();
    assert_eq!(
        decision(&alert, 864_000),
        Decision::Hold(Why::Known),
        "nothing new: nothing to repeat"
    );
    alert.hits += 1;
    assert_eq!(decision(&alert, 86_399), Decision::Hold(Why::Known));
    assert_eq!(decision(&alert, 86_400), Decision::Notify(NotifyReason::Repeat));
    assert_eq!(
        decision(&alert, -5),
        Decision::Hold(Why::Known),
        "a clock that went back"
    );
    let mut critical = Alert {
        severity: Severity::Critical,
        ..alert
    };
    notified(&mut critical, &volume(Within::Day), WallTime::from_secs(0));
    critical.hits += 1;
    assert_eq!(decision(&critical, 3_599), Decision::Hold(Why::Known));
    assert_eq!(decision(&critical, 3_600), Decision::Notify(NotifyReason::Repeat));
    notified(&mut critical, &volume(Within::Day), WallTime::from_secs(3_600));
    assert_eq!(
        decision(&critical, 10_000),
        Decision::Hold(Why::Known),
        "told of that hit"
    );
}

#[test]
fn a_closed_alert_stays_closed_until_it_has_grown() {
    let closed = Alert {
        state: AlertState::Closed,
        ..told()
    };
    assert_eq!(decision(&closed, 10), Decision::Hold(Why::Closed));
    let more = Alert {
        hits: 9,
        observed: 190,
        ..closed.clone()
    };
    assert_eq!(decision(&more, 10), Decision::Hold(Why::Closed));
    assert_eq!(
        decision(&more, 86_400),
        Decision::Notify(NotifyReason::Reopened),
        "it still goes on a day later"
    );
    let grown = Alert {
        observed: 200,
        ..closed.clone()
    };
    assert_eq!(decision(&grown, 10), Decision::Notify(NotifyReason::Reopened));
    let mut worse = Alert {
        severity: Severity::Critical,
        ..closed
    };
    assert!(matches!(
        decision(&worse, 10),
        Decision::Notify(NotifyReason::Worse { .. })
    ));
    notified(&mut worse, &volume(Within::Day), WallTime::from_secs(10));
    assert_eq!(worse.state, AlertState::Open, "told again is open again");
    let mut known = Alert {
        state: AlertState::Acknowledged,
        ..told()
    };
    notified(&mut known, &volume(Within::Day), WallTime::from_secs(10));
    assert_eq!(
        known.state,
        AlertState::Acknowledged,
        "who took notice has taken notice"
    );
}

#[test]
fn steps_of_growth_go_by_the_limit_or_for_accounts_by_hundreds_of_hits() {
    let volume = |observed, limit| level(&volume(Within::Day), observed, limit);
    for (observed, limit, want) in [
        (101, 100, 1),
        (199, 100, 1),
        (200, 100, 2),
        (499, 100, 2),
        (500, 100, 5),
        (1, 0, 1),
        (2, 0, 2),
        (u64::MAX, 1, 100_000),
        (0, 100, 1),
        (u64::MAX, u64::MAX, 1),
    ] {
        assert_eq!(volume(observed, limit), want, "{observed} of {limit}");
    }
    for (hits, want) in [
        (1, 1),
        (2, 1),
        (99, 1),
        (100, 100),
        (999, 100),
        (1_000, 1_000),
        (50_000, 10_000),
    ] {
        assert_eq!(level(&account(), hits, 0), want, "{hits} hits");
    }
}

#[test]
fn one_situation_lasts_while_findings_are_no_further_apart_than_a_day_or_the_window() {
    assert_eq!(gap(&account()), DAY);
    assert_eq!(gap(&volume(Within::Day)), DAY);
    assert_eq!(gap(&volume(Within::OneAccess)), DAY);
    assert_eq!(gap(&volume(Within::Rolling(HOUR))), DAY);
    assert_eq!(gap(&volume(Within::Rolling(DAY * 30))), DAY * 30);
}

#[test]
fn accesses_that_failed_give_no_records_out() {
    let s = |records, outcome| {
        let s = Situation::new(&finding(0, 1), &access(0, records, outcome));
        (s.records, s.records_unknown, s.successes)
    };
    assert_eq!(s(Amount::Known(9), Outcome::Success), (9, 0, 1));
    assert_eq!(s(Amount::Unknown, Outcome::Success), (0, 1, 1));
    assert_eq!(s(Amount::Known(9), Outcome::Failure), (0, 0, 0));
}

#[test]
fn no_more_lines_than_a_mail_needs_are_kept_as_evidence() {
    let rule = account();
    let mut s = Situation::new(&finding(0, 1), &access(0, Amount::Unknown, Outcome::Success));
    for at in 1..100 {
        s.absorb(&finding(at, 1), &access(at, Amount::Unknown, Outcome::Success), &rule);
    }
    assert_eq!((s.evidence.len(), s.hits, s.observed), (EVIDENCE_MAX, 100, 100));
}

/// Time, observed, records (0: unknown), success, severity.
type Hit = (i64, u64, u64, bool, usize);

fn hits() -> impl Strategy<Value = Vec<Hit>> {
    vec((0i64..400, 101u64..500, 0u64..50, any::<bool>(), 0usize..3), 1..25)
}

/// What these findings say together, taken in one after another.
fn situation(hits: &[Hit], rule: &RuleSettings) -> Option<Situation> {
    let mut all: Option<Situation> = None;
    for (at, observed, records, success, severity) in hits {
        let records = if *records == 0 {
            Amount::Unknown
        } else {
            Amount::Known(*records)
        };
        let outcome = if *success { Outcome::Success } else { Outcome::Failure };
        let (access, severity) = (access(*at, records, outcome), Severity::ALL[*severity]);
        let finding = Finding {
            severity,
            ..finding(*at, *observed)
        };
        match &mut all {
            Some(all) => all.absorb(&finding, &access, rule),
            None => all = Some(Situation::new(&finding, &access)),
        }
    }
    all
}

fn sums(a: &Alert) -> (i64, i64, i64, u64, u64, u64, u64, u64, Severity) {
    let (first, last, from) = (a.first_seen.secs(), a.last_seen.secs(), a.window_from.secs());
    (
        first,
        last,
        from,
        a.observed,
        a.hits,
        a.records,
        a.records_unknown,
        a.successes,
        a.severity,
    )
}

proptest! {
    #[test]
    fn an_alert_says_the_same_in_whatever_order_and_batches_its_findings_came(
        hits in hits(),
        cuts in vec(any::<prop::sample::Index>(), 0..5),
        adds_up in any::<bool>(),
    ) {
        let rule = if adds_up { account() } else { volume(Within::Day) };
        let mut ends: Vec<usize> = cuts.iter().map(|c| c.index(hits.len())).collect();
        ends.extend([0, hits.len()]);
        ends.sort_unstable();
        let mut alert: Option<Alert> = None;
        for s in ends.windows(2).filter_map(|w| situation(&hits[w[0]..w[1]], &rule)) {
            match &mut alert {
                Some(alert) => grow(alert, &s, &rule),
                None => alert = Some(begin(AlertId(1), String::new(), &rule, &s, WallTime::from_secs(0))),
            }
        }
        let fine = || hits.iter().filter(|h| h.3);
        let count = |n: usize| u64::try_from(n).unwrap();
        let observed = hits.iter().map(|h| h.1);
        let first = hits.iter().map(|h| h.0).min().unwrap();
        let by_hand = (
            first,
            hits.iter().map(|h| h.0).max().unwrap(),
            first - 10,
            if adds_up { observed.sum() } else { observed.max().unwrap() },
            count(hits.len()),
            fine().map(|h| h.2).sum(),
            count(fine().filter(|h| h.2 == 0).count()),
            count(fine().count()),
            hits.iter().map(|h| Severity::ALL[h.4]).max().unwrap(),
        );
        prop_assert_eq!(sums(&alert.unwrap()), by_hand);
    }

    #[test]
    fn nobody_is_told_twice_within_the_interval_unless_it_is_worse_or_more(
        steps in vec((0i64..40_000, 0u64..400, 0usize..3, any::<bool>()), 1..60),
    ) {
        let rule = volume(Within::Day);
        let mut alert = told();
        let mut now = 0;
        for (pause, more, severity, closes) in steps {
            now += pause;
            let before = alert.clone();
            grow(&mut alert, &Situation::new(&Finding { severity: Severity::ALL[severity], ..finding(now, 100 + more) }, &access(now, Amount::Unknown, Outcome::Success)), &rule);
            if closes {
                alert.state = AlertState::Closed;
            }
            let last = before.notified.unwrap();
            let interval = if alert.severity == Severity::Critical { 3_600 } else { 86_400 };
            let since = now - last.at.secs();
            let news = last.severity < alert.severity || last.level < level(&rule, alert.observed, alert.limit);
            let tells = matches!(decision(&alert, now), Decision::Notify(_));
            prop_assert_eq!(tells, news || interval <= since);
            if tells {
                notified(&mut alert, &rule, WallTime::from_secs(now));
                prop_assert_eq!(alert.notified.unwrap().mails, last.mails + 1);
            }
        }
    }
}

/// The evening's ten records and the next morning's four thousand.
fn evening_and_morning() -> (Alert, Alert) {
    let lead = Alert {
        limit: 0,
        observed: 10,
        hits: 1,
        ..told()
    };
    let take = Alert {
        id: AlertId(2),
        limit: 1_000,
        observed: 4_000,
        ..told()
    };
    (lead, take)
}

#[test]
fn the_take_of_four_thousand_stands_out_and_not_the_ten_of_the_evening_before() {
    let (evening, morning) = evening_and_morning();
    let grants = rule(RuleKind::Grant(crate::detect::GrantRule {
        lacks: Vec::new(),
        failure: None,
    }));
    let day = volume(Within::Day);
    assert!(prominence(&evening, Some(&grants)) < prominence(&morning, Some(&day)));
    // Whoever has no right at all stands before any amount of the same severity.
    assert!(prominence(&morning, Some(&day)) < prominence(&evening, Some(&account())));
    // A severity that the lead only bears for the others is not its own.
    let borrowed = Alert {
        severity: Severity::Critical,
        ..evening
    };
    assert!(prominence(&borrowed, Some(&grants)) < prominence(&morning, Some(&day)));
}

#[test]
fn a_reason_that_joined_without_a_word_is_told_when_it_shows_more_than_people_know() {
    let (lead, take) = evening_and_morning();
    let grants = rule(RuleKind::Grant(crate::detect::GrantRule {
        lacks: Vec::new(),
        failure: None,
    }));
    let week = Alert {
        id: AlertId(3),
        notified: None,
        observed: 4_100,
        limit: 3_000,
        ..told()
    };
    let rule = volume(Within::Day);
    let say = |week: &Alert| {
        let mut take = take.clone();
        notified(&mut take, &rule, WallTime::from_secs(0));
        let all = [(&lead, &grants), (&take, &rule), (week, &rule)];
        decide_together(&all, &settings(), WallTime::from_secs(10))
    };
    assert_eq!(say(&week), None, "the day's four thousand were told");
    let more = Alert {
        observed: 30_500,
        ..week
    };
    assert_eq!(
        say(&more),
        Some(NotifyReason::Grown {
            times: 10,
            uses: None,
            aside: false
        })
    );
}
