use std::collections::BTreeMap;

use super::book::{Book, NoHistory, PageKey, WHO_MAX, place};
use super::*;
use crate::access::{Amount, LineRef, Mark, Marks, Outcome, SourceId, Standing, Subject};
use crate::register::{Terms, Tier};

fn dataset(id: &str, tier: Tier) -> DatasetSettings {
    DatasetSettings {
        id: id.into(),
        title: String::new(),
        tier,
        owner: String::new(),
        registered: None,
        terms: Terms::default(),
        matches: Vec::new(),
    }
}

fn access(dataset: u16, operation: Operation) -> Access {
    Access {
        at: LineRef::default(),
        source: SourceId(1),
        time: EventTime::from_secs(1_795_186_800),
        who: WhoId(7),
        standing: Standing::Valid,
        marks: Marks::NONE,
        dataset: DatasetId(dataset),
        operation,
        outcome: Outcome::Success,
        records: Amount::Known(100),
        bytes: Amount::Unknown,
        subject: None,
        trace: crate::access::Trace::default(),
    }
}

fn rule(kind: RuleKind, when: When) -> RuleSettings {
    RuleSettings {
        id: "R".into(),
        title: String::new(),
        severity: Severity::Warning,
        basis: Vec::new(),
        kind,
        when,
        words: Words::default(),
        samples: Vec::new(),
    }
}

fn volume(limit: Limits) -> RuleKind {
    RuleKind::Volume(Volume {
        count: Count::Records,
        per: Per::PersonDataset,
        within: Within::OneAccess,
        limit,
        unknown: 1,
        leaving: 100,
    })
}

/// Datasets 1 (tier S), 2 and 3 (tier A), 9 (tier B).
fn found(rules: &[RuleSettings], access: &Access) -> Vec<Finding> {
    let datasets = [
        dataset("s", Tier::S),
        dataset("a", Tier::A),
        dataset("big", Tier::A),
        dataset("b", Tier::B),
    ];
    let ids = [1, 2, 3, 9].map(DatasetId);
    let numbered: Vec<_> = ids.into_iter().zip(&datasets).collect();
    let mut out = Vec::new();
    Detector::new(rules, &numbered)
        .observe(access, &mut NoHistory, &mut out)
        .unwrap();
    out
}

#[test]
fn a_limit_is_the_datasets_own_else_its_tiers_else_the_common_one() {
    let limits = Limits {
        all: Some(40),
        tiers: vec![(Tier::A, 30), (Tier::S, 10)],
        datasets: vec![("big".into(), 99)],
        ..Limits::default()
    };
    let rules = [rule(volume(limits), When::default())];
    let limit = |dataset| {
        found(&rules, &access(dataset, Operation::Export))
            .first()
            .map(|f| f.limit)
    };
    assert_eq!([1, 2, 3, 9].map(limit), [Some(10), Some(30), Some(99), Some(40)]);
    let tiers_only = Limits {
        tiers: vec![(Tier::A, 30)],
        ..Limits::default()
    };
    let rules = [rule(volume(tiers_only), When::default())];
    let limit = |dataset| {
        found(&rules, &access(dataset, Operation::Export))
            .first()
            .map(|f| f.limit)
    };
    assert_eq!(
        [1, 2, 9].map(limit),
        [None, Some(30), None],
        "without a limit nothing is over it"
    );
}

#[test]
fn a_limit_holds_when_it_is_passed_and_not_when_it_is_met() {
    let at = |limit| {
        let limits = Limits {
            all: Some(limit),
            ..Limits::default()
        };
        found(&[rule(volume(limits), When::default())], &access(1, Operation::Export)).len()
    };
    assert_eq!([99, 100, 101, u64::MAX].map(at), [1, 0, 0, 0]);
}

#[test]
fn a_rule_looks_only_at_the_datasets_and_operations_it_names() {
    let any = Limits {
        all: Some(0),
        ..Limits::default()
    };
    let holds = |when: When, dataset, operation| {
        !found(&[rule(volume(any.clone()), when)], &access(dataset, operation)).is_empty()
    };
    let exports = When {
        operations: vec![Operation::Export, Operation::Print],
        ..When::default()
    };
    assert!(holds(exports.clone(), 1, Operation::Export) && holds(exports.clone(), 1, Operation::Print));
    assert!(!holds(exports, 1, Operation::View));
    let named = When {
        datasets: vec!["big".into(), "s".into()],
        tiers: vec![Tier::A],
        ..When::default()
    };
    let by_dataset = [1, 2, 3, 9].map(|d| holds(named.clone(), d, Operation::View));
    assert_eq!(by_dataset, [false, false, true, false], "both conditions");
    for operation in Operation::ALL {
        assert!(holds(When::default(), 9, operation), "{operation:?}");
        assert!(
            !holds(When::default(), 4, operation),
            "an id that belongs to no dataset"
        );
        assert!(!holds(When::default(), 0, operation) && !holds(When::default(), u16::MAX, operation));
    }
}

#[test]
fn an_account_rule_is_as_severe_as_the_outcome() {
    let account = |failure| {
        rule(
            RuleKind::Account(AccountRule {
                marks: Vec::new(),
                standings: vec![Standing::Revoked, Standing::Unknown],
                failure,
                many: None,
            }),
            When::default(),
        )
    };
    let with = |standing, outcome| Access {
        standing,
        outcome,
        ..access(2, Operation::View)
    };
    let severity = |failure, standing, outcome| {
        found(&[account(failure)], &with(standing, outcome))
            .first()
            .map(|f| f.severity)
    };
    let notice = Some(Severity::Notice);
    assert_eq!(
        severity(notice, Standing::Revoked, Outcome::Success),
        Some(Severity::Warning)
    );
    assert_eq!(severity(notice, Standing::Unknown, Outcome::Failure), notice);
    assert_eq!(severity(None, Standing::Unknown, Outcome::Failure), None);
    for standing in [
        Standing::Valid,
        Standing::OnLeave,
        Standing::NotYetValid,
        Standing::Anonymous,
    ] {
        assert_eq!(severity(notice, standing, Outcome::Success), None, "{standing:?}");
    }
    let one = found(&[account(None)], &with(Standing::Revoked, Outcome::Success));
    assert_eq!(
        (one[0].who, one[0].dataset, one[0].observed, one[0].limit),
        (WhoId(7), DatasetId(2), 1, 0)
    );
}

#[test]
fn a_grant_rule_asks_for_what_is_lacking_and_an_account_rule_for_marks_beside_standings() {
    let grant = RuleKind::Grant(GrantRule {
        lacks: vec![Mark::Operation, Mark::Terminal],
        failure: Some(Severity::Notice),
    });
    let account = RuleKind::Account(AccountRule {
        standings: vec![Standing::Revoked],
        marks: vec![Mark::Privileged],
        failure: None,
        many: None,
    });
    let rules = [rule(grant, When::default()), rule(account, When::default())];
    let held = |marks: &[Mark], outcome| {
        let access = Access {
            marks: Marks::of(marks),
            outcome,
            ..access(2, Operation::Export)
        };
        let found = found(&rules, &access);
        found.iter().map(|f| (f.rule.0, f.severity)).collect::<Vec<_>>()
    };
    let (warning, notice) = (Severity::Warning, Severity::Notice);
    assert_eq!(held(&[], Outcome::Success), []);
    assert_eq!(held(&[Mark::Dataset, Mark::Leaving], Outcome::Success), []);
    assert_eq!(
        held(&[Mark::Operation, Mark::Terminal], Outcome::Success),
        [(0, warning)]
    );
    assert_eq!(
        held(&[Mark::Operation, Mark::Privileged], Outcome::Success),
        [(0, warning), (1, warning)]
    );
    assert_eq!(
        held(&[Mark::Terminal, Mark::Privileged], Outcome::Failure),
        [(0, notice)]
    );
}

#[test]
fn findings_come_in_the_order_of_the_rules_and_name_what_they_add_up() {
    let any = Limits {
        all: Some(0),
        ..Limits::default()
    };
    let per = |per| {
        let kind = Volume {
            count: Count::Accesses,
            per,
            within: Within::Day,
            limit: any.clone(),
            unknown: 1,
            leaving: 100,
        };
        rule(RuleKind::Volume(kind), When::default())
    };
    let rules = [per(Per::Person), per(Per::Dataset), per(Per::PersonDataset)];
    let keys: Vec<_> = found(&rules, &access(3, Operation::View))
        .iter()
        .map(|f| (f.rule.0, f.who.0, f.dataset.0))
        .collect();
    assert_eq!(keys, [(0, 7, 0), (1, 0, 3), (2, 7, 3)]);
}

#[test]
fn the_net_change_of_a_batch_is_the_recount_and_everybodys_pages_are_the_sum_over_persons() {
    let mut book = Book::default();
    let mut by_hand: BTreeMap<(i32, PageKey), [u64; 6]> = BTreeMap::new();
    for i in 0..2_000u64 {
        let n = |modulus: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % modulus;
        let amount = |n: u64| if n == 0 { Amount::Unknown } else { Amount::Known(n) };
        let one = Access {
            time: EventTime::from_secs(1_795_186_800 + i64::try_from(n(60_000) * 7).unwrap()),
            who: WhoId(1 + u32::try_from(i % 5).unwrap()),
            outcome: if i % 7 == 0 { Outcome::Failure } else { Outcome::Success },
            records: amount(i % 4),
            bytes: amount(i % 6),
            subject: (i % 3 == 0).then_some(Subject(i % 11)),
            ..access(
                1 + u16::try_from(i % 3).unwrap(),
                Operation::ALL[usize::try_from(i % 8).unwrap()],
            )
        };
        book.add(&one);
        let (known, unknown) = (|n: u64| n, |n: u64| u64::from(n == 0));
        let row = match one.outcome {
            Outcome::Success => [1, known(i % 4), unknown(i % 4), known(i % 6), unknown(i % 6), 0],
            Outcome::Failure => [0, 0, 0, 0, 0, 1],
        };
        for who in [one.who, WhoId(0)] {
            let sums = by_hand
                .entry((place(one.time).0, PageKey::new(who, one.dataset, one.operation)))
                .or_default();
            sums.iter_mut().zip(row).for_each(|(sum, n)| *sum += n);
        }
    }
    let mut folded = BTreeMap::new();
    let mut order = Vec::new();
    book.fold(|day, key, page| -> Result<(), std::convert::Infallible> {
        let t = page.total;
        let row = [
            t.accesses,
            t.records,
            t.records_unknown,
            t.bytes,
            t.bytes_unknown,
            t.denied,
        ];
        assert!(
            key.who() != WhoId(0) || page.distinct() == 0,
            "subjects are kept by person"
        );
        order.push((key.who().0 == 0, day, key));
        assert!(folded.insert((day, key), row).is_none(), "no page comes twice");
        Ok(())
    })
    .unwrap();
    assert_eq!(folded, by_hand);
    assert!(order.is_sorted(), "in key order, everybody's last");
    assert!(
        folded
            .keys()
            .any(|k| k.0 == place(EventTime::from_secs(1_795_186_800)).0)
    );
}

#[test]
fn a_fold_that_fails_stops_and_says_so() {
    let mut book = Book::default();
    book.add(&access(1, Operation::View));
    let mut puts = 0;
    let failed = book.fold(|_, _, _| {
        puts += 1;
        Err("full")
    });
    assert_eq!((failed, puts), (Err("full"), 1));
    assert_eq!(book.len(), 1, "what was not stored is still there");
    book.clear();
    assert!(book.is_empty());
}

#[test]
fn the_key_of_a_page_holds_who_what_and_how() {
    for operation in Operation::ALL {
        let key = PageKey::new(WhoId(WHO_MAX), DatasetId(u16::MAX), operation);
        assert_eq!(
            (key.who(), key.dataset(), key.operation()),
            (WhoId(WHO_MAX), DatasetId(u16::MAX), operation)
        );
    }
}

#[test]
fn a_moment_belongs_to_its_day_in_japan_and_to_ten_seconds_of_it() {
    let midnight = 1_795_186_800; // 2026-11-21T00:00:00+09:00
    let day = place(EventTime::from_secs(midnight)).0;
    assert_eq!(place(EventTime::from_secs(midnight - 1)), (day - 1, 8_639));
    assert_eq!(place(EventTime::from_secs(midnight + 9)), (day, 0));
    assert_eq!(place(EventTime::from_secs(midnight + 10)), (day, 1));
    assert_eq!(book::cell_secs(day, 8_639), midnight + 86_390);
    assert_eq!(place(EventTime::from_secs(-1)).0, 0, "1970-01-01T08:59:59+09:00");
    assert_eq!(place(EventTime::from_secs(-40_000)).0, -1);
}

mod samples {
    use super::*;

    fn run(fires: bool, accesses: &[&str], kind: RuleKind) -> Vec<String> {
        let mut rule = rule(kind, When::default());
        rule.samples = vec![Sample {
            fires,
            accesses: accesses.iter().map(|a| (*a).to_owned()).collect(),
            line: 12,
        }];
        let time = |text: &str| text.parse::<i64>().ok().map(EventTime::from_secs);
        run_samples(&[rule], &[dataset("juki", Tier::A)], &time)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn records(limit: u64, within: Within) -> RuleKind {
        let limit = Limits {
            all: Some(limit),
            ..Limits::default()
        };
        RuleKind::Volume(Volume {
            count: Count::Records,
            per: Per::PersonDataset,
            within,
            limit,
            unknown: 1,
            leaving: 100,
        })
    }

    #[test]
    fn a_sample_that_comes_out_as_it_says_is_silent() {
        let day = Within::Day;
        assert_eq!(
            run(
                true,
                &["0 1 juki export records=600", "9 1 juki export records=401"],
                records(1_000, day)
            ),
            [""; 0]
        );
        assert_eq!(
            run(
                false,
                &["0 1 juki export records=600", "9 2 juki export records=401"],
                records(1_000, day)
            ),
            [""; 0]
        );
        assert_eq!(
            run(false, &["0 1 juki export failure records=9000"], records(1_000, day)),
            [""; 0]
        );
        let unknown = RuleKind::Account(AccountRule {
            marks: Vec::new(),
            standings: vec![Standing::Unknown],
            failure: None,
            many: None,
        });
        assert_eq!(
            run(true, &["0 x juki view standing=unknown subject=1 bytes=2"], unknown),
            [""; 0]
        );
    }

    #[test]
    fn a_sample_that_does_not_is_told_with_its_line() {
        let told = run(true, &["0 1 juki export records=1000"], records(1_000, Within::Day));
        assert_eq!(told, ["line 12: rule R: this sample must fire, and it does not"]);
        let told = run(false, &["0 1 juki export records=1001"], records(1_000, Within::Day));
        assert_eq!(told, ["line 12: rule R: this sample must not fire, and it does"]);
    }

    #[test]
    fn a_sample_that_cannot_be_read_says_which_word_is_wrong() {
        for (text, why) in [
            ("", "no time"),
            ("yesterday 1 juki view", "\"yesterday\" is no time"),
            ("0 1 juki", "no operation"),
            ("0 1 zei view", "no dataset \"zei\""),
            ("0 1 juki look", "no operation \"look\""),
            ("0 1 juki view records=many", "\"many\" is no number"),
            ("0 1 juki view standing=fired", "no standing \"fired\""),
            ("0 1 juki view now", "\"now\" is unknown"),
        ] {
            let told = run(false, &[text], records(1, Within::Day)).join("\n");
            assert!(
                told.starts_with("line 12: rule R: sample access") && told.contains(why),
                "{text}: {told}"
            );
        }
    }
}
