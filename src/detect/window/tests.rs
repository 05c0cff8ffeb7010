use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const HOUR: Span = Span {
    bucket_secs: 60,
    back: 5,
};

/// Every window that holds `bucket` and ends where something is: the fullest, by `of` of its buckets.
fn fullest<T>(span: &Span, bucket: i32, arrived: &[(i32, T)], of: impl Fn(&[&(i32, T)]) -> u64) -> u64 {
    let ends: BTreeSet<i32> = arrived.iter().map(|a| a.0).filter(|e| bucket <= *e).collect();
    let windows = ends.into_iter().filter(|e| span.first(*e) <= bucket);
    let inside = |e: i32| {
        arrived
            .iter()
            .filter(|a| span.first(e) <= a.0 && a.0 <= e)
            .collect::<Vec<_>>()
    };
    windows.map(|e| of(&inside(e))).max().unwrap_or(0)
}

fn total(window: &[&(i32, u64)]) -> u64 {
    window.iter().map(|a| a.1).sum()
}

fn distinct(window: &[&(i32, u64)]) -> u64 {
    window.iter().map(|a| a.1).collect::<BTreeSet<u64>>().len() as u64
}

fn spans() -> impl Strategy<Value = Span> {
    (0i32..7).prop_map(|back| Span { back, ..HOUR })
}

fn shuffled<T: Clone>(mut list: Vec<T>, mut seed: u64) -> Vec<T> {
    for i in (1..list.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        list.swap(i, usize::try_from(seed >> 33).unwrap() % (i + 1));
    }
    list
}

proptest! {
    #[test]
    fn a_sum_is_that_of_the_fullest_window_that_holds_the_access(
        span in spans(),
        arrivals in vec((0i32..25, 0u64..10), 1..60),
    ) {
        let mut slot = SumSlot::<u64>::new(i32::MIN);
        for (i, (bucket, amount)) in arrivals.iter().enumerate() {
            let fill = slot.add(&span, *bucket, *amount);
            prop_assert_eq!(fill.observed, fullest(&span, *bucket, &arrivals[..=i], total));
        }
    }

    #[test]
    fn distinct_subjects_are_those_of_the_fullest_window_that_holds_the_sighting(
        span in spans(),
        arrivals in vec((0i32..25, 0u64..12), 1..80),
    ) {
        let mut slot = SubjectSlot::new(i32::MIN);
        for (i, (bucket, subject)) in arrivals.iter().enumerate() {
            let fill = slot.add(&span, *bucket, *subject);
            prop_assert_eq!(fill.observed, fullest(&span, *bucket, &arrivals[..=i], distinct));
        }
    }

    #[test]
    fn the_most_a_window_ever_held_does_not_depend_on_the_order(
        span in spans(),
        arrivals in vec((0i32..40, 0u64..10), 1..60),
        seed in any::<u64>(),
    ) {
        let most = |arrivals: &[(i32, u64)]| {
            let (mut sums, mut subjects) = (SumSlot::<u64>::new(i32::MIN), SubjectSlot::new(i32::MIN));
            arrivals.iter().fold((0, 0), |(a, b), (bucket, n)| {
                (a.max(sums.add(&span, *bucket, *n).observed), b.max(subjects.add(&span, *bucket, *n).observed))
            })
        };
        let mut sorted = arrivals.clone();
        sorted.sort_unstable();
        prop_assert_eq!(most(&arrivals), most(&shuffled(arrivals.clone(), seed)));
        prop_assert_eq!(most(&arrivals), most(&sorted));
    }

    #[test]
    fn the_window_begins_with_a_bucket_that_is_not_empty(
        span in spans(),
        arrivals in vec((0i32..25, 1u64..10), 1..60),
    ) {
        let (mut sums, mut subjects) = (SumSlot::<u64>::new(i32::MIN), SubjectSlot::new(i32::MIN));
        for (i, (bucket, n)) in arrivals.iter().enumerate() {
            for from in [sums.add(&span, *bucket, *n).from, subjects.add(&span, *bucket, *n).from] {
                prop_assert!(from <= *bucket);
                prop_assert!(arrivals[..=i].iter().any(|a| a.0 == from));
            }
        }
    }

    #[test]
    fn pruning_changes_nothing_that_is_still_known(
        span in spans(),
        before in vec((0i32..40, 1u64..10), 1..60),
        after in vec((0i32..60, 1u64..10), 1..40),
    ) {
        let (mut sums, mut kept_sums) = (SumSlot::<u64>::new(i32::MIN), SumSlot::<u64>::new(i32::MIN));
        let (mut subjects, mut kept_subjects) = (SubjectSlot::new(i32::MIN), SubjectSlot::new(i32::MIN));
        let mut newest = i32::MIN;
        for (i, (bucket, n)) in before.iter().chain(&after).enumerate() {
            if i % 7 == 3 || i == before.len() {
                sums.prune(&span, 1);
                subjects.prune(&span, 1);
            }
            newest = newest.max(*bucket);
            let (full, pruned) = (kept_sums.add(&span, *bucket, *n), sums.add(&span, *bucket, *n));
            if sums.covers_from <= span.first(*bucket) {
                prop_assert_eq!(full, pruned);
            }
            let (full, pruned) = (kept_subjects.add(&span, *bucket, *n), subjects.add(&span, *bucket, *n));
            if subjects.covers_from <= span.first(*bucket) {
                prop_assert_eq!(full, pruned);
            }
            // Whoever is no more than a window late is still answered in full.
            if newest - span.back <= *bucket {
                prop_assert!(sums.covers_from <= span.first(*bucket));
                prop_assert!(subjects.covers_from <= span.first(*bucket));
            }
        }
    }

    #[test]
    fn history_that_is_loaded_counts_like_history_that_was_seen(
        span in spans(),
        past in vec((0i32..25, 0u64..10), 0..50),
        arrivals in vec((0i32..30, 0u64..10), 1..30),
    ) {
        let (mut added, mut loaded) = (SumSlot::<u64>::new(i32::MIN), SumSlot::<u64>::new(i32::MIN));
        let (mut seen, mut told) = (SubjectSlot::new(i32::MIN), SubjectSlot::new(i32::MIN));
        for (bucket, n) in &past {
            added.add(&span, *bucket, *n);
            loaded.load(*bucket, *n);
            seen.add(&span, *bucket, *n);
            told.load(*bucket, *n);
        }
        loaded.loaded(&span);
        told.loaded(&span);
        for (bucket, n) in &arrivals {
            prop_assert_eq!(added.add(&span, *bucket, *n), loaded.add(&span, *bucket, *n));
            prop_assert_eq!(seen.add(&span, *bucket, *n), told.add(&span, *bucket, *n));
        }
    }

    #[test]
    fn a_window_never_covers_less_than_its_width_and_at_most_a_sixtieth_more(
        width in 600i64..=400 * 86_400,
        now in 0i64..4_000_000_000,
    ) {
        let span = Span::of(Within::Rolling(Duration::from_secs(u64::try_from(width).unwrap()))).unwrap();
        let first = span.first(span.bucket(EventTime::from_secs(now)));
        let covered = now - span.start(first).secs();
        prop_assert!(width <= covered, "{} s of {}", covered, width);
        let uneven = i64::from(width % span.bucket_secs != 0);
        prop_assert!(covered <= width + span.bucket_secs * (1 + uneven), "{} s of {}", covered, width);
        prop_assert!(span.bucket_secs * 60 <= width);
        // An access exactly as long ago as the window is wide is in it.
        prop_assert!(first <= span.bucket(EventTime::from_secs(now - width)));
    }

    #[test]
    fn a_day_known_as_an_estimate_never_hides_subjects(
        span in spans(),
        past in vec((0i32..25, 0u64..12), 1..60),
        arrivals in vec((0i32..40, 0u64..12), 1..30),
    ) {
        let mut accesses: BTreeMap<i32, u64> = BTreeMap::new();
        past.iter().for_each(|(bucket, _)| *accesses.entry(*bucket).or_default() += 1);
        let all: Vec<&(i32, u64)> = past.iter().collect();
        let mut slot = SubjectSlot::new(i32::MIN);
        slot.load_sketch(distinct(&all), accesses.into_iter().collect());
        slot.loaded(&span);
        let mut arrived = past.clone();
        for (bucket, subject) in arrivals {
            arrived.push((bucket, subject));
            let fill = slot.add(&span, bucket, subject);
            prop_assert!(fullest(&span, bucket, &arrived, distinct) <= fill.observed);
            // And it counts nothing from outside the windows that hold the access.
            let near: Vec<_> = arrived.iter().filter(|a| (a.0 - bucket).abs() <= span.back).collect();
            prop_assert!(fill.observed <= near.len() as u64);
        }
    }
}

#[test]
fn spans_are_cut_as_the_manual_says() {
    let of = |secs| Span::of(Within::Rolling(Duration::from_secs(secs))).map(|s| (s.bucket_secs, s.back));
    assert_eq!(of(600), Some((10, 60)));
    assert_eq!(of(601), Some((10, 61)));
    assert_eq!(of(3_600), Some((60, 60)));
    assert_eq!(of(86_400), Some((1_200, 72)));
    assert_eq!(of(30 * 86_400), Some((43_200, 60)));
    assert_eq!(of(400 * 86_400), Some((86_400, 400)));
    assert_eq!(of(1), Some((10, 60)), "nothing narrower than ten minutes");
    assert_eq!(of(u64::MAX).map(|s| s.0), Some(86_400));
    assert_eq!(Span::of(Within::OneAccess), None);
}

#[test]
fn a_calendar_day_ends_at_midnight_in_japan() {
    let span = Span::of(Within::Day).unwrap();
    let midnight = EventTime::from_secs(1_795_186_800); // 2026-11-21T00:00:00+09:00
    assert_eq!(span.start(span.bucket(midnight)), midnight);
    assert_eq!(
        span.bucket(midnight.minus(Duration::from_micros(1))),
        span.bucket(midnight) - 1
    );
    assert_eq!(
        span.bucket(midnight.plus(Duration::from_secs(86_399))),
        span.bucket(midnight)
    );
    assert_eq!(span.first(span.bucket(midnight)), span.bucket(midnight));
}

#[test]
fn times_out_of_any_range_keep_their_side() {
    // The bucket below stands for none.
    const LOWEST: i32 = i32::MIN + 1;
    let span = Span::of(Within::Rolling(Duration::from_secs(600))).unwrap();
    assert_eq!(span.bucket(EventTime::from_micros(i64::MIN)), LOWEST);
    assert_eq!(span.bucket(EventTime::from_secs(-62_135_596_800)), LOWEST, "0001-01-01");
    assert_eq!(span.bucket(EventTime::from_micros(i64::MAX)), i32::MAX);
    assert!(span.first(LOWEST) <= LOWEST);
    let mut slot = SumSlot::<u64>::new(LOWEST);
    assert_eq!(slot.add(&span, LOWEST, 1).observed, 1);
    assert_eq!(slot.add(&span, 178_000_000, 2).observed, 2);
    slot.prune(&span, 1);
    assert_eq!(
        slot.add(&span, 178_000_000, u64::MAX).observed,
        u64::MAX,
        "sums stop at the end of numbers"
    );
}

#[test]
fn a_day_of_many_subjects_says_nothing_of_another_hour() {
    // 5,000 citizens on the day, all between 9 and 10; seen again after a restart.
    let mut slot = SubjectSlot::new(i32::MIN);
    slot.load_sketch(5_000, vec![(540, 3_000), (599, 3_000)]);
    slot.loaded(&HOUR);
    let at = |slot: &mut SubjectSlot, bucket| slot.clone().add(&HOUR, bucket, 1).observed;
    assert_eq!(at(&mut slot, 100), 1, "earlier on that day, and late");
    assert_eq!(at(&mut slot, 545), 3_001);
    assert_eq!(at(&mut slot, 599), 3_001);
    assert_eq!(at(&mut slot, 900), 1, "in the afternoon");
    assert_eq!(slot.add(&HOUR, 604, 1).from, 599);
    let wide = Span { back: 100, ..HOUR };
    assert_eq!(slot.add(&wide, 605, 2).observed, 5_002, "never more than the day had");
}

#[test]
fn a_slot_that_is_full_goes_on_with_the_newest_window() {
    let mut slot = SubjectSlot::new(i32::MIN);
    let many = u64::try_from(SIGHTINGS_MAX).unwrap();
    // The same 100,000 citizens again and again: the slot fills up with old sightings of them.
    for i in 0..many + 10 {
        slot.add(&HOUR, i32::try_from(i / 100_000).unwrap(), i % 100_000);
    }
    assert_eq!(slot.add(&HOUR, 2, 5).observed, 100_000);
    // A week later there is one: the sightings of last week do not stand in for this one's.
    assert_eq!(slot.add(&HOUR, 10_000, 5).observed, 1);
    assert_eq!(slot.add(&HOUR, 10_001, 6).observed, 2);
}

#[test]
fn a_window_of_more_subjects_than_are_counted_still_says_so() {
    let mut slot = SubjectSlot::new(i32::MIN);
    let many = u64::try_from(SIGHTINGS_MAX).unwrap();
    let most = (0..many + 5_000).map(|i| slot.add(&HOUR, 0, i).observed).max();
    assert!(most >= Some(u64::try_from(SUBJECTS_MAX).unwrap()), "{most:?}");
    assert!(slot.seen.len() <= SIGHTINGS_MAX);
    assert!(u64::try_from(SUBJECTS_MAX).unwrap() <= slot.add(&HOUR, 3, 1).observed);
    assert_eq!(slot.add(&HOUR, 9, 1).observed, 1);
}
