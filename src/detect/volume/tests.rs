use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::access::{LineRef, Marks, Operation, SourceId, Standing, Subject};
use crate::detect::book::{Book, NoHistory, PageKey};
use crate::detect::{Detector, Finding, Limits, RuleKind, RuleSettings, Severity, When, Within};
use crate::register::{DatasetSettings, Terms, Tier};

/// 2026-11-21T00:00:00+09:00.
const MIDNIGHT: i64 = 1_795_186_800;

/// The committed pages, in memory.
#[derive(Debug, Default)]
struct Committed {
    pages: BTreeMap<(DayNumber, PageKey), Page>,
    /// First id that was new when the program last started.
    first_new: u32,
    highest: u32,
    looks: usize,
}

impl Committed {
    fn commit(&mut self, book: &mut Book) {
        let pages = &mut self.pages;
        let highest = &mut self.highest;
        book.fold(|day, key, page| -> Result<(), std::convert::Infallible> {
            *highest = key.who().0.max(*highest);
            let stored = pages.entry((day, key)).or_default();
            stored.merge(page);
            stored.coarsen();
            Ok(())
        })
        .unwrap();
        book.clear();
    }

    fn restart(&mut self) {
        self.first_new = self.highest + 1;
    }
}

impl History for Committed {
    fn knows(&self, who: WhoId) -> bool {
        if who.0 == 0 {
            1 < self.first_new
        } else {
            who.0 < self.first_new
        }
    }

    fn pages(
        &mut self,
        select: Select,
        from: DayNumber,
        to: DayNumber,
        sink: &mut dyn FnMut(DayNumber, PageKey, &Page),
    ) -> Result<(), HistoryError> {
        self.looks += 1;
        let wanted = |key: &PageKey| match select {
            Select::Person(who) => key.who() == who,
            Select::PersonDataset(who, dataset) => key.who() == who && key.dataset() == dataset,
            Select::Dataset(dataset) => key.who() == WhoId(0) && key.dataset() == dataset,
            Select::DatasetByPerson(dataset) => key.who() != WhoId(0) && key.dataset() == dataset,
        };
        let days = self
            .pages
            .iter()
            .filter(|((day, key), _)| from <= *day && *day <= to && wanted(key));
        days.for_each(|((day, key), page)| sink(*day, *key, page));
        Ok(())
    }
}

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

fn rule(count: Count, per: Per, within: Within) -> RuleSettings {
    RuleSettings {
        id: format!("{count:?} {per:?} {within:?}"),
        title: String::new(),
        severity: Severity::Warning,
        basis: Vec::new(),
        kind: RuleKind::Volume(Volume {
            count,
            per,
            within,
            // Everything is over the limit: each finding says what the window held.
            limit: Limits {
                all: Some(0),
                ..Limits::default()
            },
            unknown: 3,
            leaving: 100,
        }),
        when: When {
            operations: vec![Operation::Export, Operation::View],
            ..When::default()
        },
        words: super::super::Words::default(),
        samples: Vec::new(),
    }
}

fn hours(h: u64) -> Within {
    Within::Rolling(Duration::from_secs(h * 3_600))
}

/// Every kind of volume rule, each over several spans.
fn rules() -> Vec<RuleSettings> {
    let tens = Within::Rolling(Duration::from_secs(600));
    let nearly_an_hour = Within::Rolling(Duration::from_secs(3_590));
    let spans = [
        Within::OneAccess,
        Within::Day,
        tens,
        nearly_an_hour,
        hours(1),
        hours(5),
        hours(24),
        hours(72),
    ];
    let mut out = Vec::new();
    for count in [Count::Accesses, Count::Records, Count::Bytes, Count::Subjects] {
        for per in [Per::Person, Per::Dataset, Per::PersonDataset] {
            out.extend(spans.map(|within| rule(count, per, within)));
        }
    }
    out
}

fn detector() -> Detector {
    let (a, b) = (dataset("a", Tier::A), dataset("b", Tier::B));
    Detector::new(&rules(), &[(DatasetId(1), &a), (DatasetId(2), &b)])
}

fn amount(n: u64) -> Amount {
    if n == 0 { Amount::Unknown } else { Amount::Known(n - 1) }
}

fn access(secs: i64, who: u32, dataset: u16, kind: u8, records: u64, subject: u64) -> Access {
    Access {
        at: LineRef::default(),
        source: SourceId(1),
        time: EventTime::from_secs(MIDNIGHT + secs),
        who: WhoId(who),
        standing: Standing::Valid,
        marks: Marks::NONE,
        dataset: DatasetId(dataset),
        operation: [Operation::Export, Operation::View, Operation::Search][usize::from(kind % 3)],
        outcome: if kind == 3 { Outcome::Failure } else { Outcome::Success },
        records: amount(records),
        bytes: amount(records * 1_000),
        subject: (0 < subject).then_some(Subject(subject)),
        trace: crate::access::Trace::default(),
    }
}

/// Accesses in bursts over four days, in any order.
fn any_access() -> impl Strategy<Value = Access> {
    let time = (0i64..4, 0i64..5, 0i64..1_500)
        .prop_map(|(d, h, s)| d * 86_400 + [0, 300, 43_200, 79_200, 85_500][usize::try_from(h).unwrap()] + s);
    (time, 1u32..4, 1u16..3, 0u8..5, 0u64..6, 0u64..9).prop_map(|(t, w, d, k, r, s)| access(t, w, d, k, r, s))
}

/// What happens between two accesses.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Between {
    Nothing,
    /// The batch goes on its way to the store and is not there yet.
    Commit,
    /// What was on its way has arrived.
    Arrive,
    /// Windows forget, while the batch in hand is still in hand; then it goes on its way.
    PruneAndCommit,
    /// Everything is committed and the program begins anew.
    Restart,
    /// The batch in hand cannot be committed; it is read again.
    Fail,
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        6 => Just(Between::Nothing),
        2 => Just(Between::Commit),
        1 => Just(Between::Arrive),
        2 => Just(Between::PruneAndCommit),
        1 => Just(Between::Restart),
        1 => Just(Between::Fail),
    ]
}

fn observe(detector: &mut Detector, access: &Access, history: &mut dyn History) -> Vec<Finding> {
    let mut out = Vec::new();
    detector.observe(access, history, &mut out).unwrap();
    out
}

/// Findings of every access, by a program that commits, forgets, fails and restarts as told.
fn forgetting(steps: &[(Access, Between)]) -> Vec<Vec<Finding>> {
    let mut history = Committed {
        first_new: 1,
        ..Committed::default()
    };
    let (mut detector, mut book, mut on_its_way) = (detector(), Book::default(), Book::default());
    let (mut found, mut begun, mut newest) = (Vec::new(), 0, i64::MIN);
    for (i, (access, between)) in steps.iter().enumerate() {
        book.add(access);
        found.push(observe(&mut detector, access, &mut history));
        newest = newest.max(access.time.secs());
        if *between != Between::Nothing {
            history.commit(&mut on_its_way);
        }
        match between {
            Between::Nothing | Between::Arrive => continue,
            Between::PruneAndCommit => detector.prune(EventTime::from_secs(newest)),
            Between::Commit | Between::Restart => {}
            Between::Fail => {
                // Nothing of the batch is there; it is read again.
                book.clear();
                history.restart();
                detector.reset();
                for (j, (access, _)) in steps.iter().enumerate().take(i + 1).skip(begun) {
                    book.add(access);
                    found[j] = observe(&mut detector, access, &mut history);
                }
                continue;
            }
        }
        std::mem::swap(&mut book, &mut on_its_way);
        detector.seal();
        begun = i + 1;
        if *between == Between::Restart {
            history.commit(&mut on_its_way);
            history.restart();
            detector.reset();
        }
    }
    found
}

fn never_forgetting(steps: &[(Access, Between)]) -> Vec<Vec<Finding>> {
    let mut detector = detector();
    steps
        .iter()
        .map(|(access, _)| observe(&mut detector, access, &mut NoHistory))
        .collect()
}

fn assert_same(steps: &[(Access, Between)]) {
    let names: Vec<String> = rules().into_iter().map(|r| r.id).collect();
    let (ours, theirs) = (forgetting(steps), never_forgetting(steps));
    for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        let wrong = a.iter().zip(b).find(|(a, b)| a != b);
        let wrong = wrong.map(|(a, b)| (&names[usize::from(a.rule.0)], a, b));
        assert!(a == b, "access {i} of {}: {wrong:?}\n{:?}", steps.len(), steps[i]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn forgetting_and_looking_back_finds_what_was_never_forgotten(
        steps in vec((any_access(), between()), 1..60),
    ) {
        assert_same(&steps);
    }

    #[test]
    fn a_busy_day_in_order_is_found_the_same_across_restarts_and_joined_cells(
        gaps in vec((0i64..200, 1u16..3, 0u64..6, 1u64..30), 150..400),
        cuts in vec((any::<prop::sample::Index>(), prop_oneof![
            Just(Between::Restart), Just(Between::PruneAndCommit), Just(Between::Commit), Just(Between::Fail)
        ]), 1..12),
    ) {
        let mut now = 20_000;
        let mut steps: Vec<(Access, Between)> = Vec::new();
        for (gap, dataset, records, subject) in gaps {
            now += gap;
            steps.push((access(now, 1, dataset, 0, records, subject), Between::Nothing));
        }
        let count = steps.len();
        cuts.iter().for_each(|(at, between)| steps[at.index(count)].1 = *between);
        assert_same(&steps);
    }
}

/// One rule on the datasets a (tier A) and b (tier B).
fn only(rule: RuleSettings) -> Detector {
    let (a, b) = (dataset("a", Tier::A), dataset("b", Tier::B));
    Detector::new(&[rule], &[(DatasetId(1), &a), (DatasetId(2), &b)])
}

fn limited(all: u64, count: Count, per: Per, within: Within) -> RuleSettings {
    let mut rule = rule(count, per, within);
    if let RuleKind::Volume(volume) = &mut rule.kind {
        volume.limit.all = Some(all);
    }
    rule
}

#[test]
fn a_rule_holds_only_above_its_limit() {
    let mut detector = only(limited(1_000, Count::Records, Per::PersonDataset, hours(24)));
    let mut history = Committed::default();
    assert_eq!(observe(&mut detector, &access(0, 1, 1, 0, 1_001, 0), &mut history), []);
    let over = observe(&mut detector, &access(86_400, 1, 1, 0, 2, 0), &mut history);
    assert_eq!(over.len(), 1, "1,000 and 1 within 24 h");
    assert_eq!(
        (over[0].observed, over[0].limit, over[0].from),
        (1_001, 1_000, EventTime::from_secs(MIDNIGHT))
    );
    assert_eq!(
        observe(&mut detector, &access(200_000, 1, 1, 0, 2, 0), &mut history),
        []
    );
}

#[test]
fn accesses_that_failed_give_nothing_out_and_count_in_no_volume_rule() {
    for count in [Count::Accesses, Count::Records, Count::Bytes, Count::Subjects] {
        for within in [Within::OneAccess, Within::Day] {
            let mut detector = only(rule(count, Per::Person, within));
            let failed = access(0, 1, 1, 3, 100, 1);
            assert_eq!(observe(&mut detector, &failed, &mut NoHistory), [], "{count:?}");
            let fine = access(1, 1, 1, 0, 8, 2);
            let found = observe(&mut detector, &fine, &mut NoHistory);
            let want = match (count, within) {
                (Count::Subjects, Within::OneAccess) => None,
                (Count::Records, _) => Some(7),
                (Count::Bytes, _) => Some(7_999),
                _ => Some(1),
            };
            assert_eq!(found.first().map(|f| f.observed), want, "{count:?} {within:?}");
        }
    }
}

#[test]
fn an_unknown_number_counts_as_the_rule_says_from_memory_and_from_history() {
    let mut detector = only(rule(Count::Records, Per::Dataset, Within::Day));
    let mut history = Committed {
        first_new: 1,
        ..Committed::default()
    };
    let mut book = Book::default();
    for secs in 0..5 {
        let one = access(secs, 1, 1, 0, 0, 0);
        book.add(&one);
        assert_eq!(
            observe(&mut detector, &one, &mut history)[0].observed,
            u64::try_from(secs + 1).unwrap() * 3
        );
    }
    history.commit(&mut book);
    detector.seal();
    history.restart();
    detector.reset();
    assert_eq!(
        observe(&mut detector, &access(9, 2, 1, 0, 0, 0), &mut history)[0].observed,
        18
    );
}

#[test]
fn a_restart_does_not_forget_whose_data_a_dataset_gave_out() {
    let mut detector = only(rule(Count::Subjects, Per::Dataset, hours(24)));
    let (mut history, mut book) = (
        Committed {
            first_new: 1,
            ..Committed::default()
        },
        Book::default(),
    );
    for i in 1..=9u32 {
        let one = access(i64::from(i), 1 + i % 3, 1, 0, 1, u64::from(i));
        book.add(&one);
        observe(&mut detector, &one, &mut history);
    }
    history.commit(&mut book);
    detector.seal();
    history.restart();
    detector.reset();
    assert_eq!(
        observe(&mut detector, &access(60, 1, 1, 0, 1, 10), &mut history)[0].observed,
        10
    );
}

#[test]
fn a_crowded_day_is_looked_back_at_by_the_hour_after_a_restart() {
    let mut detector = only(rule(Count::Subjects, Per::Person, hours(1)));
    let (mut history, mut book) = (
        Committed {
            first_new: 1,
            ..Committed::default()
        },
        Book::default(),
    );
    // 9,000 citizens from nine to half past eleven: more than are kept one by one.
    for i in 0..9_000u32 {
        book.add(&access(
            32_400 + i64::from(i),
            1,
            1,
            0,
            1,
            (u64::from(i) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ));
    }
    history.commit(&mut book);
    detector.seal();
    history.restart();
    detector.reset();
    let mut at = |secs| observe(&mut detector, &access(secs, 1, 1, 0, 1, 1), &mut history)[0].observed;
    assert_eq!(at(50_000), 1, "nothing within the hour");
    let within_the_hour = at(42_000);
    assert!((3_001..=3_100).contains(&within_the_hour), "{within_the_hour}");
    assert_eq!(at(20_000), 1, "before all that");
}

#[test]
fn keys_that_nobody_can_ask_for_leave_memory_and_are_read_again_when_they_come_back() {
    let mut detector = only(rule(Count::Accesses, Per::Person, hours(1)));
    let (mut history, mut book) = (
        Committed {
            first_new: 1,
            ..Committed::default()
        },
        Book::default(),
    );
    for who in 1..=50 {
        let one = access(0, who, 1, 0, 1, 0);
        book.add(&one);
        observe(&mut detector, &one, &mut history);
    }
    assert_eq!((detector.keys(), history.looks), (50, 0), "nobody new is looked up");
    history.commit(&mut book);
    detector.seal();
    detector.prune(EventTime::from_secs(MIDNIGHT + 7_000));
    assert_eq!(detector.keys(), 50, "somebody an hour late would still be asked about");
    detector.prune(EventTime::from_secs(MIDNIGHT + 7_500));
    assert_eq!(detector.keys(), 0);
    assert_eq!(
        observe(&mut detector, &access(100, 7, 1, 0, 1, 0), &mut history)[0].observed,
        2
    );
    assert_eq!(history.looks, 1);
}

#[test]
fn a_history_that_cannot_be_read_is_an_error_and_not_a_zero() {
    struct Broken;
    impl History for Broken {
        fn knows(&self, _: WhoId) -> bool {
            true
        }
        fn pages(
            &mut self,
            _: Select,
            _: DayNumber,
            _: DayNumber,
            _: &mut dyn FnMut(DayNumber, PageKey, &Page),
        ) -> Result<(), HistoryError> {
            Err(HistoryError {
                why: "disk".into(),
                transient: false,
            })
        }
    }
    for count in [Count::Records, Count::Subjects] {
        let mut detector = only(rule(count, Per::Person, hours(1)));
        let one = access(0, 1, 1, 0, 5, 1);
        assert!(detector.observe(&one, &mut Broken, &mut Vec::new()).is_err());
        assert_eq!(
            detector
                .observe(&one, &mut Broken, &mut Vec::new())
                .map_err(|e| e.to_string()),
            Err("cannot read the book's history: disk".into())
        );
    }
}
