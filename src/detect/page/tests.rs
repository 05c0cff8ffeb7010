use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// One access: cell, kind of amount, how much, subject.
type Seen = (u16, u8, u32, Option<u16>);

fn seen(cells: std::ops::Range<u16>) -> impl Strategy<Value = Seen> {
    (cells, 0u8..4, 0u32..2_000_000_000, proptest::option::of(0u16..40))
}

fn amounts(kind: u8, n: u32) -> Amounts {
    let n = u64::from(n);
    match kind {
        0 => Amounts {
            denied: 1,
            ..Amounts::default()
        },
        1 => Amounts {
            accesses: 1,
            records: n,
            bytes_unknown: 1,
            ..Amounts::default()
        },
        2 => Amounts {
            accesses: 1,
            records_unknown: 1,
            bytes: n,
            ..Amounts::default()
        },
        _ => Amounts {
            accesses: 1,
            records: n,
            bytes: u64::MAX / 3,
            ..Amounts::default()
        },
    }
}

fn subject(n: u16) -> u64 {
    u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn page(accesses: &[Seen]) -> Page {
    let mut page = Page::default();
    let mut subjects = Vec::new();
    for (cell, kind, n, who) in accesses {
        page.add(*cell, &amounts(*kind, *n));
        subjects.extend(who.map(|s| (subject(s), *cell)));
    }
    subjects.sort_unstable();
    subjects.dedup();
    page.add_subjects(&subjects);
    page
}

fn sum<'a>(of: impl Iterator<Item = &'a Amounts>) -> Amounts {
    let mut all = Amounts::default();
    of.for_each(|a| all.add(a));
    all
}

/// Amounts by ten seconds, added up by hand.
fn by_cell(accesses: &[Seen]) -> BTreeMap<u16, Amounts> {
    let mut out: BTreeMap<u16, Amounts> = BTreeMap::new();
    for (cell, kind, n, _) in accesses {
        out.entry(*cell).or_default().add(&amounts(*kind, *n));
    }
    out
}

/// Whether the cells are in order, apart, aligned and inside the day.
fn is_sound(page: &Page) -> bool {
    page.cells.is_sorted_by(|a, b| a.start + a.width <= b.start)
        && page
            .cells
            .iter()
            .all(|c| c.start % c.width == 0 && c.start + c.width <= CELLS && WIDTHS.contains(&c.width))
}

fn round_trip(page: &Page) -> Option<Page> {
    let (mut cells, mut subjects) = (Vec::new(), Vec::new());
    page.encode_cells(&mut cells);
    page.encode_subjects(&mut subjects);
    Page::decode(page.total, &cells, &subjects)
}

proptest! {
    #[test]
    fn a_page_is_the_sum_of_its_accesses_in_any_order(accesses in vec(seen(0..8_640), 0..200)) {
        let made = page(&accesses);
        let exact = by_cell(&accesses);
        prop_assert_eq!(made.total, sum(exact.values()));
        let cells: BTreeMap<u16, Amounts> = made.cells.iter().map(|c| (c.start, c.amounts)).collect();
        prop_assert_eq!(cells, exact);
        prop_assert!(is_sound(&made) && made.cells.iter().all(|c| c.width == 1));
        let distinct: BTreeSet<u16> = accesses.iter().filter_map(|a| a.3).collect();
        prop_assert_eq!(made.distinct(), distinct.len() as u64);
    }

    #[test]
    fn what_was_written_is_read_back(accesses in vec(seen(0..8_640), 0..300), old in any::<bool>()) {
        let mut made = page(&accesses);
        if old {
            made.join_old();
        }
        prop_assert_eq!(round_trip(&made), Some(made));
    }

    #[test]
    fn merging_is_the_sum_in_any_grouping_and_order(
        parts in vec(vec(seen(0..300), 0..30), 1..8),
        order in any::<prop::sample::Index>(),
    ) {
        let all: Vec<Seen> = parts.concat();
        let whole = page(&all);
        let pages: Vec<Page> = parts.iter().map(|p| page(p)).collect();
        let mut left = Page::default();
        pages.iter().for_each(|p| left.merge(p));
        let right = pages.iter().rev().fold(Page::default(), |right, p| {
            let mut p = p.clone();
            p.merge(&right);
            p
        });
        let (a, b) = pages.split_at(order.index(pages.len()));
        let join = |pages: &[Page]| pages.iter().fold(Page::default(), |mut all, p| { all.merge(p); all });
        let mut halves = join(b);
        halves.merge(&join(a));
        prop_assert_eq!(&left, &whole);
        prop_assert_eq!(&right, &whole);
        prop_assert_eq!(&halves, &whole);
    }

    #[test]
    fn joining_old_cells_keeps_sums_and_moves_nothing_out_of_its_cell(accesses in vec(seen(0..8_640), 1..300)) {
        let mut made = page(&accesses);
        made.join_old();
        prop_assert!(is_sound(&made));
        let newest = accesses.iter().map(|a| a.0).max().unwrap();
        let mut exact = by_cell(&accesses);
        for cell in &made.cells {
            let inside: Vec<u16> = exact.range(cell.start..cell.start + cell.width).map(|(k, _)| *k).collect();
            let amounts: Vec<Amounts> = inside.iter().map(|k| exact.remove(k).unwrap()).collect();
            prop_assert_eq!(cell.amounts, sum(amounts.iter()));
            // Whoever asks for the last hour meets ten seconds, for the last six hours a minute.
            let age = newest - (cell.start + cell.width).min(newest);
            prop_assert!(cell.width == 1 || 360 <= age);
            prop_assert!(cell.width <= 6 || 2_160 <= age);
        }
        prop_assert!(exact.is_empty());
    }

    #[test]
    fn joining_on_the_way_is_joining_at_the_end(batches in vec(vec(seen(0..8_640), 1..20), 1..12)) {
        let mut stored = Page::default();
        for batch in &batches {
            stored.merge(&page(batch));
            stored.join_old();
        }
        let mut whole = page(&batches.concat());
        whole.join_old();
        prop_assert_eq!(stored, whole);
    }

    #[test]
    fn an_access_added_to_an_old_page_joins_the_cell_it_falls_into(
        accesses in vec(seen(0..8_640), 1..200),
        late in vec(seen(0..8_640), 1..20),
    ) {
        let mut made = page(&accesses);
        made.join_old();
        let before = made.total;
        for (cell, kind, n, _) in &late {
            made.add(*cell, &amounts(*kind, *n));
        }
        prop_assert!(is_sound(&made));
        prop_assert_eq!(sum(made.cells.iter().map(|c| &c.amounts)), made.total);
        let added = late.iter().filter(|a| a.1 != 0).count() as u64;
        prop_assert_eq!(made.total.accesses, before.accesses + added);
    }

    #[test]
    fn bytes_that_are_no_page_are_refused_without_a_panic(
        cells in vec(any::<u8>(), 0..80),
        subjects in vec(any::<u8>(), 0..80),
    ) {
        if let Some(mut page) = Page::decode(Amounts::default(), &cells, &subjects) {
            // Whatever is accepted lies in a day and can be gone on with.
            prop_assert!(page.cells.iter().all(|c| c.start + c.width <= CELLS));
            prop_assert!(round_trip(&page).is_some());
            page.merge(&page.clone());
            page.coarsen();
        }
    }

    #[test]
    fn a_damaged_page_never_panics(
        accesses in vec(seen(0..8_640), 1..60),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let (mut cells, mut subjects) = (Vec::new(), Vec::new());
        let made = page(&accesses);
        made.encode_cells(&mut cells);
        made.encode_subjects(&mut subjects);
        let i = at.index(cells.len());
        cells[i] ^= 1 << bit;
        let read = Page::decode(made.total, &cells, &subjects);
        prop_assert!(read.is_none_or(|page| page.cells.iter().all(|c| c.start + c.width <= CELLS)));
        let (whole, cut) = (subjects.clone(), at.index(subjects.len().max(1)));
        subjects.truncate(cut);
        if cut % 10 != 1 && 0 < cut && cut < whole.len() {
            prop_assert_eq!(Page::decode(made.total, &[], &subjects), None);
        }
    }
}

/// SplitMix64 (Steele et al. 2014): uniform test hashes.
fn mix(i: u64) -> u64 {
    let mut z = i.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn sightings(range: std::ops::Range<u64>) -> Vec<(u64, u16)> {
    let mut seen: Vec<(u64, u16)> = range.map(|i| (mix(i), u16::try_from(i % 8_640).unwrap())).collect();
    seen.sort_unstable();
    seen
}

#[test]
fn subjects_are_exact_to_4096_and_then_within_two_percent() {
    let mut page = Page::default();
    page.add_subjects(&sightings(0..4_096));
    assert!(matches!(page.subjects, Subjects::Exact(_)));
    assert_eq!(page.distinct(), 4_096);
    for n in [4_097, 5_000, 20_000, 100_000] {
        page.add_subjects(&sightings(0..n));
        assert!(matches!(page.subjects, Subjects::Sketch(_)));
        let error = (page.distinct() as f64 - n as f64).abs() / n as f64;
        assert!(error < 0.02, "{n}: {} is off by {error}", page.distinct());
        assert_eq!(round_trip(&page).as_ref(), Some(&page));
    }
}

#[test]
fn many_subjects_are_the_same_set_however_the_batches_fell() {
    let part = |range| {
        let mut page = Page::default();
        page.add_subjects(&sightings(range));
        page
    };
    let mut at_once = Page::default();
    at_once.add_subjects(&sightings(0..9_000));
    let join = |parts: [std::ops::Range<u64>; 3]| {
        parts.into_iter().map(part).fold(Page::default(), |mut all, p| {
            all.merge(&p);
            all
        })
    };
    assert_eq!(join([0..3_000, 2_000..6_000, 5_000..9_000]), at_once);
    assert_eq!(join([5_000..9_000, 0..3_000, 2_000..6_000]), at_once);
    // A sketch joined with few, few joined with a sketch, two sketches.
    assert_eq!(join([0..8_000, 7_000..9_000, 0..10]), at_once);
    assert_eq!(join([0..10, 0..8_000, 1_000..9_000]), at_once);
}

#[test]
fn a_cell_outside_the_day_is_refused() {
    let page = |start: u64, class: u64| {
        let mut cells = Vec::new();
        put(&mut cells, start << 2 | class);
        cells.extend([1, 1]);
        Page::decode(Amounts::default(), &cells, &[])
    };
    assert!(page(8_639, 0).is_some());
    assert!(page(8_640, 0).is_none());
    assert!(page(8_616, 2).is_some());
    assert!(page(8_639, 2).is_none());
    assert!(page(65_535, 2).is_none());
    assert!(page(0, 3).is_none());
    let twice = [[1u8; 11], [1u8; 11]].concat();
    assert_eq!(
        Page::decode(Amounts::default(), &[], &twice[..21]),
        None,
        "a subject that stands twice"
    );
    assert_eq!(
        Page::decode(Amounts::default(), &[], b"\x01\0\0\0\0\0\0\0\x01\xff\xff"),
        None,
        "a cell out of the day"
    );
    assert_eq!(
        Page::decode(Amounts::default(), &[], b"\x03"),
        None,
        "a kind nobody writes"
    );
}

#[test]
fn a_number_of_any_size_is_read_back() {
    for n in [
        0,
        1,
        127,
        128,
        16_383,
        16_384,
        u64::from(u32::MAX),
        u64::MAX >> 1,
        u64::MAX,
    ] {
        let mut bytes = Vec::new();
        put(&mut bytes, n);
        let mut rest = bytes.as_slice();
        assert_eq!(take(&mut rest), Some(n));
        assert!(rest.is_empty());
    }
    for bad in [
        &b""[..],
        b"\x80",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
    ] {
        assert_eq!(take(&mut &*bad), None, "{bad:?}");
    }
}

#[test]
fn a_busy_day_stays_small() {
    let mut page = Page::default();
    for cell in 0..8_640 {
        page.add(cell, &amounts(1, 100));
        page.coarsen();
    }
    // One hour of ten seconds, five of a minute, eighteen of four minutes, and the blocks at the edges.
    assert!(
        page.cells.len() <= 360 + 300 + 270 + 24 + 24,
        "{} cells",
        page.cells.len()
    );
    assert_eq!(page.total.accesses, 8_640);
    assert_eq!(sum(page.cells.iter().map(|c| &c.amounts)), page.total);
}
