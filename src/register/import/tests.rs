use super::*;
use crate::calendar::parse_date;

fn day(text: &str) -> Day {
    parse_date(text).unwrap()
}

fn register(rows: &[String]) -> Register {
    let text = format!("職員番号,利用者ID,所属名,権限開始日,権限終了日\n{}\n", rows.join("\n"));
    Register::read(text.as_bytes()).unwrap()
}

fn many(n: usize, to: &str) -> Vec<String> {
    (0..n).map(|i| format!("{i},u{i},税務課,R5.4.1,{to}")).collect()
}

#[test]
fn a_register_that_takes_too_much_away_is_refused_however_it_does_it() {
    let today = day("2026-11-20");
    let old = register(&many(100, ""));
    let weigh = |new: &[String]| weigh(&old, &register(new), today, 20).map_err(|v| (v.lost, v.of));
    assert_eq!(weigh(&many(100, "")), Ok(()));
    assert_eq!(weigh(&many(80, "")), Ok(()));
    assert_eq!(weigh(&many(79, "")), Err((21, 100)), "cut off");
    assert_eq!(
        weigh(&many(100, "R8.3.31")),
        Err((100, 100)),
        "dates in the wrong column"
    );
    assert_eq!(weigh(&many(100, "R9.3.31")), Ok(()));
    let stripped: Vec<String> = (0..100).map(|i| format!("9{i},u{i},税務課,R5.4.1,")).collect();
    assert_eq!(weigh(&stripped), Err((100, 100)), "everybody under another number");
    let few = register(&many(3, ""));
    assert!(
        super::weigh(&few, &register(&many(1, "")), today, 20).is_ok(),
        "two leave on one day"
    );
    let said = super::weigh(&old, &register(&many(10, "")), today, 20)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("90 of the 100 accounts") && said.contains("--reason"),
        "{said}"
    );
}

#[test]
fn what_was_not_in_force_may_vanish() {
    let old = register(&[many(100, "R8.3.31"), vec!["x,ux,税務課,,".into()]].concat());
    assert_eq!(
        weigh(&old, &register(&["x,ux,税務課,,".into()]), day("2026-11-20"), 20),
        Ok(())
    );
}

#[test]
fn the_difference_names_what_becomes_of_each_account() {
    let rows = |rows: &[&str]| register(&rows.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>());
    let old = rows(&[
        "1,gone,税務課,R5.4.1,",
        "2,ended,税務課,R5.4.1,",
        "3,moved,税務課,R5.4.1,",
        "4,holder,税務課,R5.4.1,",
        "5,same,税務課,R5.4.1,",
        "6,begun,税務課,R5.4.1,R8.3.31",
        "7,past,税務課,R1.5.1,R2.3.31",
    ]);
    let new = rows(&[
        "2,ended,税務課,R5.4.1,R8.10.31",
        "3,moved,税務課,R5.4.1,R9.3.31",
        "3,moved,市民課,R9.4.1,",
        "40,holder,税務課,R5.4.1,",
        "5,same,税務課,R5.4.1,",
        "6,begun,税務課,R5.4.1,R9.3.31",
        "8,new,市民課,R8.12.1,",
    ]);
    let told: Vec<_> = difference(&old, &new, day("2026-11-20"))
        .iter()
        .map(|item| (item.what, item.change.account, item.change.from.iso(), item.retroactive))
        .collect();
    let item = |what, account, from: &str, retroactive| (what, account, from.to_owned(), retroactive);
    assert_eq!(
        told,
        [
            item(What::Gone, "gone", "2023-04-01", true),
            item(What::Gone, "past", "2019-05-01", true),
            item(What::Ended, "ended", "2026-11-01", true),
            item(What::Holder, "holder", "2023-04-01", true),
            item(What::Moved, "moved", "2027-04-01", false),
            item(What::Begun, "begun", "2026-04-01", true),
            item(What::New, "new", "2026-12-01", false),
        ]
    );
}

#[test]
fn rights_of_those_who_keep_the_register_and_accounts_that_change_hands_are_shown() {
    const HEAD: &str = "職員番号,利用者ID,区分,所属名,業務区分,権限開始日,権限終了日\n";
    let rows = |rows: &[&str]| Register::read(format!("{HEAD}{}\n", rows.join("\n")).as_bytes()).unwrap();
    let old = rows(&[
        "1,keeper,正規,情報課,台帳,R5.4.1,",
        "2,u2,正規,税務課,住民税,R5.4.1,",
        "3,u3,正規,税務課,住民税,R5.4.1,",
        "4,u4,正規,税務課,住民税,R5.4.1,R8.9.30",
    ]);
    let new = rows(&[
        "1,keeper,正規,情報課,台帳,R5.4.1,",
        "1,keeper,正規,情報課,住民税,R8.11.20,",
        "9,u2,正規,税務課,住民税,R5.4.1,",
        ",u3,共用,税務課,住民税,R5.4.1,",
        // Reused behind the end, and somebody new: nothing out of the way.
        "4,u4,正規,税務課,住民税,R5.4.1,R8.9.30",
        "5,u4,正規,税務課,住民税,R8.10.1,",
        "6,u6,正規,税務課,住民税,R8.11.1,",
    ]);
    let today = day("2026-11-20");
    let items = difference(&old, &new, today);
    let shown = |since: Day| -> Vec<(Delicate, String, String)> {
        let all = delicate(&items, &["1"], since).into_iter();
        all.map(|(why, c)| (why, c.account.to_owned(), c.after.unwrap().person.to_owned()))
            .collect()
    };
    let own = |why, account: &str, after: &str| (why, account.to_owned(), after.to_owned());
    let expected = [
        own(Delicate::Keeper, "keeper", "1"),
        own(Delicate::Nobodys, "u3", "u3"),
        own(Delicate::Holder, "u2", "9"),
    ];
    assert_eq!(shown(day("2025-11-20")), expected);
    assert_eq!(delicate(&difference(&old, &old, today), &["1"], today), []);
    let same = rows(&["1,keeper,正規,情報課,台帳,R5.4.1,"]);
    assert_eq!(
        delicate(&difference(&old, &same, today), &["1"], today),
        [],
        "less is nothing to be shown"
    );
}
