//! The kinds with a memory: restarts, forgetting and late lines change nothing of what is found.

use std::collections::{BTreeMap, BTreeSet};

use super::book::{DayNumber, History, HistoryError, PageKey, Select};
use super::memo::{Memo, Space};
use super::page::Page;
use super::*;
use crate::access::{
    Amount, LineRef, Marks, Ordinal, Outcome, SectionHash, SegmentId, SourceId, Standing, Subject, Terminal, Trace,
};
use crate::register::Tier;
use proptest::prelude::*;

/// 2026-11-16, a Monday, 09:00 JST.
const MORNING: i64 = 1_794_787_200;

/// What is committed.
#[derive(Debug, Default)]
struct Kept(BTreeMap<(Space, u64), Vec<u8>>);

impl Kept {
    fn commit(&mut self, memos: Vec<Memo>) {
        self.0.extend(memos.into_iter().map(|m| ((m.space, m.key), m.bytes)));
    }
}

impl History for Kept {
    fn knows(&self, _who: WhoId) -> bool {
        true
    }
    fn pages(
        &mut self,
        _select: Select,
        _from: DayNumber,
        _to: DayNumber,
        _sink: &mut dyn FnMut(DayNumber, PageKey, &Page),
    ) -> Result<(), HistoryError> {
        Ok(())
    }
    fn has_memos(&mut self, space: Space) -> Result<bool, HistoryError> {
        Ok(self.0.keys().any(|(s, _)| *s == space))
    }
    fn memo(&mut self, space: Space, key: u64) -> Result<Option<Vec<u8>>, HistoryError> {
        Ok(self.0.get(&(space, key)).cloned())
    }
    fn subject_of(&self, number: Ordinal) -> Option<Subject> {
        Some(hash(number))
    }
}

fn hash(number: Ordinal) -> Subject {
    Subject(memo::joined(99, number.value()))
}

fn rules() -> Vec<RuleSettings> {
    let sequence = |pattern, limit, accustomed| {
        RuleKind::Sequence(SequenceRule {
            pattern,
            limit,
            within_secs: 1_800,
            accustomed,
        })
    };
    let relation = |relation, limit, within_days| {
        RuleKind::Relation(RelationRule {
            relation,
            limit,
            within_days,
            settled_by: vec![Operation::Update],
        })
    };
    let limits = |n| Limits {
        all: Some(n),
        ..Limits::default()
    };
    let kinds = [
        (
            "hours",
            RuleKind::Hours(HoursRule {
                off: OffHours::Outside(600, 720),
                accustomed: Some(2),
                more_than: None,
            }),
        ),
        (
            "first",
            RuleKind::FirstSeen(FirstSeenRule {
                first: Thing::Terminal,
                within_days: 365,
                after_days: 2,
            }),
        ),
        ("scan", sequence(Pattern::Scan { step: 3 }, 3, None)),
        ("terminals", sequence(Pattern::Terminals, 1, Some(2))),
        ("people", sequence(Pattern::People, 2, Some(2))),
        ("failures", sequence(Pattern::Failures, 2, None)),
        ("at-terminal", sequence(Pattern::FailuresAtTerminal, 3, None)),
        ("converge", relation(Relation::Converge { sections: 2 }, 2, 7)),
        ("repeat", relation(Relation::Repeat, 1, 90)),
        (
            "baseline",
            RuleKind::Baseline(BaselineRule {
                count: Count::Records,
                per: Per::PersonDataset,
                ratio: 2,
                mad: 1,
                floor: limits(5),
                days: 20,
                enough: 2,
                peers: true,
                unknown: 1,
            }),
        ),
    ];
    let rule = |(id, kind): (&str, RuleKind)| RuleSettings {
        id: id.into(),
        title: String::new(),
        severity: Severity::Warning,
        basis: Vec::new(),
        kind,
        when: When::default(),
        words: Words::default(),
        samples: Vec::new(),
    };
    kinds.into_iter().map(rule).collect()
}

/// Day, second of it, person, what, number.
type Raw = (i64, i64, u32, u8, u64);

fn access((day, second, who, what, number): Raw, line: usize) -> Access {
    let ordinal = Ordinal::read(format!("{:06}", 500 + number).as_bytes()).unwrap();
    Access {
        at: LineRef {
            segment: SegmentId(1),
            start: line as u64,
            end: line as u64 + 1,
        },
        source: SourceId(1),
        time: EventTime::from_secs(MORNING + day * 86_400 + second),
        who: WhoId(1 + who),
        standing: Standing::Valid,
        marks: Marks::NONE,
        dataset: DatasetId(1),
        operation: match what % 8 {
            0 => Operation::Login,
            1 => Operation::Update,
            2 => Operation::Export,
            _ => Operation::View,
        },
        outcome: if what % 8 == 0 && what % 3 != 0 {
            Outcome::Failure
        } else {
            Outcome::Success
        },
        records: Amount::Known(number % 7),
        bytes: Amount::Unknown,
        subject: (what % 8 != 0).then(|| hash(ordinal)),
        trace: Trace {
            terminal: Terminal(100 + u64::from(what % 3)),
            section: SectionHash(1 + u64::from(who % 2)),
            ordinal: (what % 8 != 0).then_some(ordinal),
            part: false,
            names: 0,
            job: crate::access::ForJob::default(),
        },
    }
}

fn detector() -> Detector {
    let dataset = DatasetSettings {
        id: "d".into(),
        title: String::new(),
        tier: Tier::A,
        owner: String::new(),
        registered: None,
        terms: crate::register::Terms::default(),
        matches: Vec::new(),
    };
    Detector::new(&rules(), &[(DatasetId(1), &dataset)])
}

fn found(accesses: &[Access], restarts: &dyn Fn(usize) -> bool) -> Vec<Finding> {
    let (mut kept, mut detector, mut out) = (Kept::default(), detector(), Vec::new());
    for (n, one) in accesses.iter().enumerate() {
        detector.observe(one, &mut kept, &mut out).unwrap();
        if restarts(n) {
            kept.commit(detector.seal());
            detector = self::detector();
        }
    }
    out
}

fn raws(n: usize) -> impl Strategy<Value = Vec<Raw>> {
    prop::collection::vec((0..12i64, 0..14_400i64, 0..4u32, 0..32u8, 0..9u64), 1..n)
}

proptest! {
    #[test]
    fn a_restart_anywhere_changes_no_finding(mut raw in raws(160), every in 1..9usize) {
        raw.sort_unstable();
        let accesses: Vec<Access> = raw.iter().enumerate().map(|(n, r)| access(*r, n)).collect();
        let whole = found(&accesses, &|_| false);
        let cut = found(&accesses, &|n| n % every == 0);
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn lines_that_come_ten_minutes_late_change_nothing_of_whom_a_rule_finds(mut raw in raws(120), late in prop::collection::vec(0..600i64, 120)) {
        raw.sort_unstable();
        let accesses: Vec<Access> = raw.iter().enumerate().map(|(n, r)| access(*r, n)).collect();
        let mut shuffled: Vec<(i64, Access)> = accesses.iter().zip(&late).map(|(a, l)| (a.time.secs() + l, *a)).collect();
        shuffled.sort_by_key(|(arrival, _)| *arrival);
        let shuffled: Vec<Access> = shuffled.into_iter().map(|(_, a)| a).collect();
        let whom = |all: Vec<Finding>| -> BTreeSet<(u16, u32, i64)> {
            // A situation goes on over a day: one day more or less is the same situation.
            all.into_iter().map(|f| (f.rule.0, f.who.0, 0)).collect()
        };
        let per_person = |all: &[Access]| whom(found(all, &|_| false));
        let (a, b) = (per_person(&accesses), per_person(&shuffled));
        // Who is the third at a terminal, or at a citizen, is whoever is seen last: these two are compared as a whole.
        let meets = |rule: u16| rule == 4 || rule == 6 || rule == 7;
        let alone = |all: &BTreeSet<(u16, u32, i64)>| all.iter().filter(|f| !meets(f.0)).copied().collect::<Vec<_>>();
        let together = |all: &BTreeSet<(u16, u32, i64)>| all.iter().filter(|f| meets(f.0)).map(|f| f.0).collect::<BTreeSet<_>>();
        prop_assert_eq!(alone(&a), alone(&b));
        prop_assert_eq!(together(&a), together(&b));
    }
}

#[test]
fn numbers_that_rise_across_a_restart_are_found_again_from_their_hashes() {
    let accesses: Vec<Access> = (0..5)
        .map(|n| access((0, 60 * n, 0, 3, n as u64), n as usize))
        .collect();
    let scans = |all: Vec<Finding>| {
        all.into_iter()
            .filter(|f| f.rule.0 == 2)
            .map(|f| f.observed)
            .collect::<Vec<_>>()
    };
    assert_eq!(scans(found(&accesses, &|_| false)), [4, 5]);
    assert_eq!(scans(found(&accesses, &|n| n == 2)), [4, 5]);
}

#[test]
fn a_flood_of_made_up_names_leaves_memory_and_the_real_person_stays() {
    let (mut kept, mut detector, mut out) = (Kept::default(), detector(), Vec::new());
    let real = |day| access((day, 3_600, 0, 3, 1), 0);
    detector.observe(&real(0), &mut kept, &mut out).unwrap();
    for n in 0..66_000u32 {
        let mut other = access((0, i64::from(n) % 3_600, 7 + n, 3, 5), 1);
        other.subject = Some(Subject(memo::joined(5, u64::from(n))));
        other.trace.ordinal = None;
        other.standing = Standing::Unknown;
        detector.observe(&other, &mut kept, &mut out).unwrap();
        if n % 22_000 == 0 {
            kept.commit(detector.seal());
            detector.prune(other.time);
        }
    }
    kept.commit(detector.seal());
    detector.prune(real(0).time);
    assert!(detector.keys() < 480_000, "{} keys in memory", detector.keys());
    out.clear();
    detector.observe(&real(1), &mut kept, &mut out).unwrap();
    assert!(
        out.iter().any(|f| f.rule.0 == 8),
        "the second look at one citizen: {out:?}"
    );
}
