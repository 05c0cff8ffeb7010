//! What placing says of rights, held against a reference that walks over rows and days one by one.

use proptest::prelude::*;

use super::*;
use crate::access::Operation;
use crate::register::accounts::Row;
use crate::register::{Naming, held_against};

const FIRST: i32 = 20_500;
const SECTIONS: [&str; 2] = ["税務課", "市民課"];
const OPERATIONS: [Operation; 4] = [Operation::View, Operation::Export, Operation::Update, Operation::Login];

/// A row of the only account, plainly.
#[derive(Debug, Clone)]
struct Right {
    from: i32,
    to: Option<i32>,
    section: usize,
    /// Bit `n`: dataset `n + 1`.
    datasets: u8,
    /// Bit `n`: `OPERATIONS[n]`; 0: all.
    operations: u8,
}

#[derive(Debug, Clone)]
struct TermsOf {
    tier: Tier,
    handover: Option<u16>,
    designated: Option<(bool, Option<usize>)>,
    terminals: bool,
}

fn right() -> impl Strategy<Value = Right> {
    (0..60i32, prop::option::of(0..40i32), 0..2usize, 1..4u8, 0..8u8).prop_map(
        |(from, length, section, datasets, operations)| Right {
            from,
            to: length.map(|n| from + n),
            section,
            datasets,
            operations,
        },
    )
}

fn terms() -> impl Strategy<Value = TermsOf> {
    let designated = prop::option::of((any::<bool>(), prop::option::of(0..2usize)));
    let tier = prop::sample::select(vec![Tier::S, Tier::A]);
    (tier, prop::option::of(0..15u16), designated, any::<bool>()).prop_map(|(tier, handover, designated, terminals)| {
        TermsOf {
            tier,
            handover,
            designated,
            terminals,
        }
    })
}

fn row(right: &Right) -> Row {
    let names: Vec<String> = (0..2)
        .filter(|n| right.datasets & 1 << n != 0)
        .map(|n| format!("d{n}"))
        .collect();
    let mask = |(n, o): (usize, &Operation)| {
        if right.operations & 1 << n == 0 {
            0
        } else {
            1 << (*o as u16)
        }
    };
    Row {
        person: "012345".into(),
        account: "tz1".into(),
        section: SECTIONS[right.section].into(),
        datasets: names.join(";").into(),
        operations: OPERATIONS.iter().enumerate().map(mask).sum(),
        from: Some(Day(FIRST + right.from)),
        to: right.to.map(|to| Day(FIRST + to)),
        ..Row::default()
    }
}

fn dataset(n: usize, terms: &TermsOf) -> DatasetSettings {
    let one = |operation: Operation| MatchSettings {
        sources: Vec::new(),
        resource: format!("/d{n}/{}", operation.as_str()),
        subject_query: None,
        operations: Vec::new(),
        class: Some(operation),
        records: None,
    };
    DatasetSettings {
        id: format!("d{n}"),
        title: format!("台帳{n}"),
        tier: terms.tier,
        owner: "総務課".into(),
        registered: None,
        terms: Terms {
            my_number: terms.designated.is_some(),
            designated: match terms.designated {
                Some((true, _)) => vec!["000001".into(), "012345".into()],
                _ => vec!["000001".into()],
            },
            designated_sections: terms
                .designated
                .and_then(|d| d.1)
                .map(|s| SECTIONS[s].to_owned())
                .into_iter()
                .collect(),
            terminals: if terms.terminals {
                vec!["10.1.2.0/24".into()]
            } else {
                Vec::new()
            },
            handover_days: terms.handover,
            ..Terms::default()
        },
        matches: OPERATIONS.map(one).to_vec(),
    }
}

/// By the words of the manual, day by day.
fn naive(
    rights: &[Right],
    terms: &TermsOf,
    day: i32,
    dataset: usize,
    operation: usize,
    inside: bool,
) -> (Standing, Marks) {
    let running = |day: i32| {
        rights
            .iter()
            .filter(move |r| r.from <= day && r.to.is_none_or(|to| day <= to))
    };
    let mut marks = Marks::NONE;
    if terms.terminals && !inside {
        marks = marks.with(Mark::Terminal);
    }
    if running(day).next().is_none() {
        let ended = rights.iter().any(|r| r.to.is_some_and(|to| to < day));
        return (
            if ended {
                Standing::Revoked
            } else {
                Standing::NotYetValid
            },
            marks,
        );
    }
    let names = |r: &&Right| r.datasets & 1 << dataset != 0;
    let allows = |r: &Right| r.operations == 0 || r.operations & 1 << operation != 0;
    let free = OPERATIONS[operation] == Operation::Login;
    if !running(day).any(|r| names(&r)) {
        let handover = terms.handover.unwrap_or(if terms.tier == Tier::S { 0 } else { 7 });
        let before = (0..day).rev().find(|before| running(*before).any(|r| names(&r)));
        marks = marks.with(match before {
            None => Mark::Dataset,
            Some(last) if day - last <= i32::from(handover) => Mark::Handover,
            Some(_) => Mark::Transferred,
        });
    } else if !free && !running(day).filter(names).any(allows) {
        marks = marks.with(Mark::Operation);
    }
    if let Some((person, section)) = terms.designated
        && !person
        && !running(day).any(|r| Some(r.section) == section)
    {
        marks = marks.with(Mark::Designation);
    }
    (Standing::Valid, marks)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn permission_is_what_a_walk_over_rows_and_days_says(
        rights in prop::collection::vec(right(), 1..5), terms in terms(), asked in prop::collection::vec(
            (0..100i32, 0..2usize, 0..4usize, any::<bool>()), 1..20),
    ) {
        let mut register = Register::of(&rights.iter().map(row).collect::<Vec<_>>()).unwrap();
        let settings = [dataset(0, &terms), dataset(1, &terms)];
        let numbered: Vec<_> = (1u16..).map(DatasetId).zip(&settings).collect();
        register.bind(&Naming::new(&numbered));
        let register = Arc::new(register);
        let key = SubjectKey::new(&[7; 32]);
        let mut placer = Placer::new(Arc::clone(&register), Arc::default(), Datasets::new(&numbered, &["web"]), key);
        let datasets = Datasets::new(&numbered, &["web"]);
        let mut ids = Ids::default();
        for (day, which, operation, inside) in asked {
            let resource = format!("/d{which}/{}", OPERATIONS[operation].as_str());
            let mut record = record(Some("TZ1"), &resource);
            record.time = Some(crate::calendar::day_start(Day(FIRST + day)));
            record.source = Some(Cow::Borrowed(if inside { b"10.1.2.9".as_slice() } else { b"10.1.3.9" }));
            let Placed::Access(access) = placed(&mut placer, &record, &mut ids) else { panic!("{resource}") };
            let expected = naive(&rights, &terms, day, which, operation, inside);
            prop_assert_eq!((access.standing, access.marks), expected, "day {} {}", day, resource);
            let day = Day(FIRST + day);
            let past = held_against(&register, &datasets, "012345", day, (DatasetId(which as u16 + 1), OPERATIONS[operation]));
            prop_assert_eq!(past, (expected.0, expected.1.without(Mark::Terminal)), "in hindsight");
        }
    }
}
