//! For random registers and days: what the compiled register says is what a reader of the rows would say.
//!
//! The reader goes through all rows for each question, day by day, and knows neither spans nor charges.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::register::accounts::Row;

const SECTIONS: [&str; 3] = ["税務課", "市民課", "防災課"];
const DATASETS: [&str; 3] = ["juminzei", "juki", "bousai"];
const OPERATIONS: [Operation; 3] = [Operation::View, Operation::Export, Operation::Delete];
const EPOCH: i32 = 20_544;

/// Days of a row's period, of its state, of its contract; what else it says.
fn any_row() -> impl Strategy<Value = Row> {
    let day = || proptest::option::weighted(0.7, 0i32..24);
    let who = (0u8..3, 0u8..3, 0usize..3, any::<bool>());
    let what = (0usize..4, 0u16..4, 0u8..4, 0i32..3);
    (
        (day(), day()),
        (day(), day()),
        proptest::option::weighted(0.2, 0i32..24),
        who,
        what,
    )
        .prop_map(
            |(
                period,
                state,
                contract,
                (person, account, section, concurrent),
                (dataset, operations, kind, generation),
            )| {
                let ordered = |(a, b): (Option<i32>, Option<i32>)| match (a, b) {
                    (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
                    open => open,
                };
                let days = |(a, b): (Option<i32>, Option<i32>)| {
                    let (a, b) = ordered((a, b));
                    (a.map(|d| Day(EPOCH + d)), b.map(|d| Day(EPOCH + d)))
                };
                let ((from, to), (state_from, state_to)) = (days(period), days(state));
                Row {
                    // One account is one person's here: two holders are refused, which has a test of its own.
                    person: person.to_string().into(),
                    account: format!("u{person}-{account}").into(),
                    section: SECTIONS[section].into(),
                    concurrent,
                    datasets: DATASETS.get(dataset).copied().unwrap_or("").into(),
                    operations: if operations == 0 { 0 } else { 1 << (operations + 1) },
                    from,
                    to,
                    state: [State::InOffice, State::InOffice, State::ChildCare, State::Retired][usize::from(kind)],
                    state_from,
                    state_to,
                    contract_end: contract.map(|d| Day(EPOCH + d)),
                    generation,
                    ..Row::default()
                }
            },
        )
}

/// What a reader says of one row on one day, all rows of the person before him: 0 not begun, 1 ended, 2 on leave, 3 a
/// contract that has ended, 4 an old generation, 5 in force.
fn of_row(row: &Row, all: &[Row], day: Day) -> u8 {
    let inside = |from: Option<Day>, to: Option<Day>| from.is_none_or(|f| f <= day) && to.is_none_or(|t| day <= t);
    let persons = || all.iter().filter(|o| o.person == row.person);
    let same_post =
        |o: &Row| (o.section == row.section && o.concurrent == row.concurrent) || (row.concurrent && !o.concurrent);
    for o in persons().filter(|o| o.state == State::Retired && inside(o.state_from, o.state_to)) {
        let earlier = match o.state_from {
            Some(left) => row.from.is_none_or(|f| f < left),
            None => row.from == o.from,
        };
        if std::ptr::eq(o, row) || (same_post(o) && earlier) {
            return 1;
        }
    }
    if row.from.is_some_and(|f| day < f) {
        return 0;
    }
    if row.to.is_some_and(|t| t < day) {
        return 1;
    }
    for o in persons().filter(|o| o.state == State::ChildCare && inside(o.state_from, o.state_to)) {
        if std::ptr::eq(o, row) || (inside(o.from, o.to) && same_post(o)) {
            return 2;
        }
    }
    if row.contract_end.is_some_and(|end| end < day) {
        return 3;
    }
    let newer = persons().any(|o| {
        o.account != row.account
            && 0 < row.generation
            && row.generation < o.generation
            && (&o.tasks, &o.datasets) == (&row.tasks, &row.datasets)
            && inside(o.from, o.to)
            && !(o.state == State::Retired && inside(o.state_from, o.state_to))
    });
    if newer { 4 } else { 5 }
}

/// Standing, mark, and for each dataset and operation whether it may be used.
type Said = (Standing, Option<Mark>, Vec<bool>);

fn by_reader(account: &str, all: &[Row], day: Day) -> Said {
    let own: Vec<(&Row, u8)> = all
        .iter()
        .filter(|row| &*row.account == account)
        .map(|row| (row, of_row(row, all, day)))
        .collect();
    let of = |wanted: u8| -> Vec<&Row> { own.iter().filter(|(_, n)| *n == wanted).map(|(row, _)| *row).collect() };
    let (good, leave, contract, old) = (of(5), of(2), of(3), of(4));
    let (rights, mark) = if !good.is_empty() {
        (good, None)
    } else if !leave.is_empty() {
        return (Standing::OnLeave, None, Vec::new());
    } else if !contract.is_empty() {
        (contract, Some(Mark::ContractEnded))
    } else if !old.is_empty() {
        (old, Some(Mark::OldGeneration))
    } else if !of(1).is_empty() {
        return (Standing::Revoked, None, Vec::new());
    } else {
        return (Standing::NotYetValid, None, Vec::new());
    };
    let may = |dataset: &str, operation: Operation| {
        rights.iter().any(|row| {
            let names = row.datasets.is_empty() || &*row.datasets == dataset;
            names && (row.operations == 0 || row.operations & 1 << (operation as u8) != 0)
        })
    };
    let granted = DATASETS.iter().flat_map(|d| OPERATIONS.map(|o| may(d, o))).collect();
    (Standing::Valid, mark, granted)
}

fn by_register(register: &Register, account: &str, day: Day) -> Said {
    let ix = register.find(account.as_bytes()).unwrap();
    let verdict = register.verdict_on(ix, day);
    let mark = verdict.marks.iter().next();
    let granted = |dataset: u16, operation| {
        let said = register.granted(register.right(verdict.span()), day, DatasetId(dataset), operation);
        matches!(said, Granted::NotStated | Granted::Yes)
    };
    let granted = match verdict.standing {
        Standing::Valid => (1..=3).flat_map(|d| OPERATIONS.map(|o| granted(d, o))).collect(),
        _ => Vec::new(),
    };
    (verdict.standing, mark, granted)
}

fn naming() -> Naming {
    let mut naming = Naming::default();
    for (n, name) in (1u16..).zip(DATASETS) {
        naming.add(name, DatasetId(n));
    }
    naming
}

proptest! {
    #[test]
    fn permission_is_what_a_reader_of_all_rows_would_say(rows in vec(any_row(), 1..12)) {
        let mut register = Register::of(&rows).unwrap();
        register.bind(&naming());
        for row in &rows {
            for day in (EPOCH - 2..EPOCH + 27).map(Day) {
                let (found, want) = (by_register(&register, &row.account, day), by_reader(&row.account, &rows, day));
                prop_assert_eq!(found, want, "{} on {:?} of {:#?}", row.account, day.0 - EPOCH, rows);
            }
        }
    }

    #[test]
    fn the_order_of_the_rows_does_not_matter(rows in vec(any_row(), 1..8), seed in any::<u64>()) {
        let mut other = rows.clone();
        let place = |n: usize| (seed >> (n % 8 * 8)) as usize % rows.len();
        (0..other.len()).for_each(|n| other.swap(n, place(n)));
        let (mut a, mut b) = (Register::of(&rows).unwrap(), Register::of(&other).unwrap());
        a.bind(&naming());
        b.bind(&naming());
        prop_assert_eq!(changes(&a, &b).len(), 0, "{:?}", changes(&a, &b));
    }

    #[test]
    fn changes_are_exactly_the_days_on_which_the_answers_differ(
        before in vec(any_row(), 1..6),
        after in vec(any_row(), 1..6),
    ) {
        let (mut old, mut new) = (Register::of(&before).unwrap(), Register::of(&after).unwrap());
        old.bind(&naming());
        new.bind(&naming());
        let found = changes(&old, &new);
        for row in before.iter().chain(&after) {
            for day in (EPOCH - 2..EPOCH + 27).map(Day) {
                let said = |register: &Register| {
                    let ix = register.find(row.account.as_bytes())?;
                    let verdict = register.verdict_on(ix, day);
                    Some((verdict.person.to_owned(), verdict.section.to_owned(), by_register(register, &row.account, day)))
                };
                let covered = found.iter().any(|c| c.account == &*row.account && c.from <= day && day <= c.to);
                if said(&old) != said(&new) {
                    prop_assert!(covered, "{} on {}", row.account, day.0 - EPOCH);
                }
            }
        }
        for (n, change) in found.iter().enumerate() {
            prop_assert!(change.from <= change.to);
            let next = found.get(n + 1).filter(|next| next.account == change.account);
            prop_assert!(next.is_none_or(|next| change.to < next.from), "spans of one account never overlap");
        }
    }
}
