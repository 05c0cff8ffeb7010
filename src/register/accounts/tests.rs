use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::calendar::parse_date;
use crate::text::Encoding;

const HEADER: &str = "職員番号,利用者ID,所属名,権限開始日,権限終了日,状態,状態開始日,状態終了日";

fn day(text: &str) -> Day {
    parse_date(text).unwrap_or_else(|| panic!("{text} is a date"))
}

fn register(rows: &[&str]) -> Register {
    Register::read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes()).unwrap()
}

fn refusal(text: impl AsRef<[u8]>) -> String {
    Register::read(text.as_ref()).unwrap_err().to_string()
}

fn refused_row(row: &str) -> String {
    refusal(format!("{HEADER}\n{row}\n"))
}

/// Standing on a day.
fn standing(register: &Register, account: &str, on: &str) -> Standing {
    let ix = register.find(account.as_bytes()).unwrap();
    register.verdict_on(ix, day(on)).standing
}

#[test]
fn a_right_holds_on_its_last_day_until_midnight_in_japan() {
    let register = register(&["012345,tz012345,税務課,R8.4.1,R8.12.21,在職,,"]);
    let ix = register.find(b"tz012345").unwrap();
    let at = |secs: i64| register.verdict(ix, EventTime::from_secs(secs)).standing;
    let midnight = i64::from(day("2026-12-22").0) * 86_400 - 9 * 3_600;
    assert_eq!(at(midnight - 1), Standing::Valid, "2026-12-21T23:59:59+09:00");
    assert_eq!(at(midnight), Standing::Revoked, "2026-12-22T00:00:00+09:00");
    let first = i64::from(day("2026-04-01").0) * 86_400 - 9 * 3_600;
    assert_eq!(at(first - 1), Standing::NotYetValid);
    assert_eq!(at(first), Standing::Valid);
    let verdict = register.verdict(ix, EventTime::from_secs(midnight));
    assert_eq!(
        (verdict.section, verdict.valid_to, verdict.valid_from),
        ("税務課", Some(day("2026-12-21")), None)
    );
    let verdict = register.verdict(ix, EventTime::from_secs(0));
    assert_eq!(
        (verdict.section, verdict.valid_to, verdict.valid_from),
        ("税務課", None, Some(day("2026-04-01")))
    );
}

#[test]
fn one_post_of_several_is_enough_and_gives_the_section() {
    let register = register(&[
        "012345,tz012345,税務課,R8.4.1,R9.3.31,在職,,",
        "012345,tz012345,防災課,R8.6.1,R8.8.31,在職,,",
        "012345,tz012345,福祉課,R9.6.1,,在職,,",
        "012345,bousai01,防災課,R8.6.1,R8.8.31,在職,,",
    ]);
    assert_eq!((register.accounts(), register.rows()), (2, 4));
    for on in ["2026-04-01", "2026-07-01", "2027-03-31", "2027-06-01", "2040-01-01"] {
        assert_eq!(standing(&register, "tz012345", on), Standing::Valid, "{on}");
    }
    // Between two posts nothing is in force, although one will be.
    let ix = register.find(b"tz012345").unwrap();
    let between = register.verdict_on(ix, day("2027-05-01"));
    assert_eq!((between.standing, between.section), (Standing::Revoked, "税務課"));
    assert_eq!(between.valid_to, Some(day("2027-03-31")));
    assert_eq!(standing(&register, "bousai01", "2026-09-01"), Standing::Revoked);
    assert_eq!(between.person, "012345");
    assert!(register.is_in_force("012345", Day(20_772)) && !register.is_in_force("12345", Day(20_772)));
}

#[test]
fn rows_that_differ_in_what_is_not_read_say_the_same_right() {
    let text = "職員番号,利用者ID,業務区分,権限終了日\n1,u1,住民税,R9.3.31\n1,u1,固定資産,R9.3.31\n";
    let register = Register::read(text.as_bytes()).unwrap();
    assert_eq!((register.accounts(), register.rows()), (1, 2));
    assert_eq!(standing(&register, "u1", "2027-04-01"), Standing::Revoked);
}

#[test]
fn leave_has_a_beginning_and_an_end_and_does_not_stop_another_post() {
    let register = register(&[
        "1,u1,市民課,R8.4.1,,育休,R8.6.1,R8.11.30",
        "2,u2,市民課,R8.4.1,,休職,,",
        "3,u3,市民課,R8.4.1,,停職,R8.6.1,",
        "3,u3,防災課,R8.8.1,R8.8.31,在職,,",
        "4,u4,市民課,R8.4.1,R8.6.30,休職,R8.6.1,",
    ]);
    for (account, on, want) in [
        ("u1", "2026-05-31", Standing::Valid),
        ("u1", "2026-06-01", Standing::OnLeave),
        ("u1", "2026-11-30", Standing::OnLeave),
        ("u1", "2026-12-01", Standing::Valid),
        ("u2", "2030-01-01", Standing::OnLeave),
        ("u2", "2026-03-31", Standing::NotYetValid),
        ("u3", "2026-07-31", Standing::OnLeave),
        ("u3", "2026-08-31", Standing::Valid),
        ("u3", "2026-09-01", Standing::OnLeave),
        ("u4", "2026-06-30", Standing::OnLeave),
        ("u4", "2026-07-01", Standing::Revoked),
    ] {
        assert_eq!(standing(&register, account, on), want, "{account} on {on}");
    }
}

#[test]
fn whoever_has_left_has_no_right_from_that_day_on() {
    let register = register(&[
        "1,u1,市民課,R5.4.1,R9.3.31,退職,R8.11.21,",
        "2,u2,市民課,R5.4.1,R9.3.31,退職,,",
        "3,u3,市民課,R5.4.1,,失職,R8.6.1,",
    ]);
    assert_eq!(standing(&register, "u1", "2026-11-20"), Standing::Valid);
    assert_eq!(standing(&register, "u1", "2026-11-21"), Standing::Revoked);
    let last_day = |account: &str, on| {
        register
            .verdict_on(register.find(account.as_bytes()).unwrap(), day(on))
            .valid_to
    };
    assert_eq!(
        last_day("u1", "2026-11-21"),
        Some(day("2026-11-20")),
        "not the end the right would have had"
    );
    // Nobody wrote when: taken as left all along rather than as still there.
    assert_eq!(standing(&register, "u2", "2026-01-01"), Standing::Revoked);
    assert_eq!(last_day("u2", "2026-01-01"), None);
    assert_eq!(standing(&register, "u3", "2026-05-31"), Standing::Valid);
    assert_eq!(last_day("u3", "2027-01-01"), Some(day("2026-05-31")));
}

#[test]
fn dates_are_read_as_registers_write_them() {
    for from in [
        "R8.11.21",
        "r8/11/21",
        "令和8年11月21日",
        "2026-11-21",
        "2026/11/21",
        "20261121",
        "Ｒ８．１１．２１",
        " R 8.11.21 ",
    ] {
        let register = register(&[&format!("1,u1,x,{from},,,,")]);
        assert_eq!(standing(&register, "u1", "2026-11-20"), Standing::NotYetValid, "{from}");
        assert_eq!(standing(&register, "u1", "2026-11-21"), Standing::Valid, "{from}");
    }
    let open = register(&["1,u1,x,令和元年5月1日,,,,"]);
    assert_eq!(standing(&open, "u1", "2019-05-01"), Standing::Valid);
    assert_eq!(standing(&open, "u1", "2999-12-31"), Standing::Valid, "no end: open");
}

#[test]
fn an_account_is_the_same_in_full_width_other_case_and_with_its_domain() {
    let mut register = register(&["012345,ＴＺ012345,税務課,,,,,", "2,Yamada.Taro@city.example,x,,,,,"]);
    assert_eq!(
        register.find(b"CITY\\tz012345"),
        None,
        "no domain is ours before it is configured"
    );
    register.set_domains(&["City".into(), "city.example".into()]);
    for spelling in [
        "tz012345",
        "TZ012345",
        "ＴＺ０１２３４５",
        "  tz012345 ",
        "CITY\\tz012345",
        "city\\TZ012345",
        "tz012345@city.example",
        "\u{3000}tz012345\u{3000}",
    ] {
        let ix = register
            .find(spelling.as_bytes())
            .unwrap_or_else(|| panic!("{spelling}"));
        assert_eq!(register.verdict_on(ix, day("2026-04-01")).person, "012345");
    }
    assert!(
        register.find(b"YAMADA.TARO@CITY.EXAMPLE").is_some(),
        "the whole name first"
    );
    for other in [
        "",
        " ",
        "tz01234",
        "tz0123456",
        "012345",
        "city\\",
        "@city.example",
        "tz012345\\x",
        "EVIL\\tz012345",
        "tz012345@evil.example",
    ] {
        assert_eq!(register.find(other.as_bytes()), None, "{other:?}");
    }
    assert_eq!(register.find(b"\xff\xfe\x00"), None);
    assert_eq!(register.find(&vec![b'a'; 1 << 20]), None);
}

#[test]
fn columns_are_found_by_any_of_their_usual_names_in_any_order() {
    for header in [
        "利用者ID,職員番号,権限終了日",
        "ユーザーID,職員コード,有効期限",
        "ﾕｰｻﾞｰＩＤ,個人コード,終了日",
        "操作者ID,staff_no,valid_to",
        "Account,Staff_Number,TO",
        " user_id ,person,有効終了日",
        "\u{feff}利用者ID,職員番号,権限終了日",
    ] {
        let register = Register::read(format!("{header}\nu1,000123,R8.3.31\n").as_bytes()).unwrap();
        assert_eq!(
            register
                .verdict_on(register.find(b"u1").unwrap(), day("2026-04-01"))
                .person,
            "000123",
            "{header}: leading zeros stay"
        );
        assert_eq!(standing(&register, "u1", "2026-04-01"), Standing::Revoked, "{header}");
    }
}

#[test]
fn a_register_of_another_encoding_is_read_as_declared() {
    let text = format!("{HEADER}\r\n012345,tz012345,㈱髙島①課,R8.4.1,,在職,,\r\n");
    for (encoding, name) in [
        (encoding_rs::SHIFT_JIS, "cp932"),
        (encoding_rs::EUC_JP, "euc-jp"),
        (encoding_rs::UTF_8, "utf-8"),
    ] {
        let plain = if name == "euc-jp" {
            text.replace("㈱髙島①課", "税務課")
        } else {
            text.clone()
        };
        let bytes = encoding.encode(&plain).0;
        let decoded = Encoding::from_word(name).unwrap().decode_all(&bytes).unwrap();
        let register = Register::read(&decoded).unwrap();
        let section = register
            .verdict_on(register.find(b"tz012345").unwrap(), day("2026-05-01"))
            .section;
        assert_eq!(
            section,
            if name == "euc-jp" {
                "税務課"
            } else {
                "㈱髙島①課"
            },
            "{name}"
        );
    }
    let cp932 = encoding_rs::SHIFT_JIS.encode(&text).0;
    assert_eq!(
        Encoding::Utf8.decode_all(&cp932),
        Err(1),
        "the line that is no UTF-8 is named"
    );
    assert!(
        refusal(&cp932).starts_with("line 1, column 1: this row is not valid UTF-8"),
        "{}",
        refusal(&cp932)
    );
}

#[test]
fn a_file_that_holds_no_account_is_refused() {
    for text in [
        "",
        "\u{feff}",
        "\n\n\n",
        ",,,\n",
        &format!("{HEADER}\n"),
        HEADER,
        &format!("{HEADER}\n\n,,,,,,,\n"),
    ] {
        assert!(
            refusal(text).starts_with("the register holds no account at all"),
            "{text:?}: {}",
            refusal(text)
        );
    }
}

#[test]
fn rows_of_nothing_but_separators_are_passed_over() {
    let text = format!("{HEADER}\r\n1,u1,x,,,,,\r\n,,,,,,,\r\n , ,,,,,,\r\n");
    assert_eq!(Register::read(text.as_bytes()).unwrap().rows(), 1);
}

#[test]
fn a_missing_column_is_named_with_the_names_that_would_do() {
    assert!(
        refusal("利用者ID,権限終了日\nu1,\n").contains("staff number (職員番号); call it one of: 職員番号, 職員コード")
    );
    assert!(refusal("職員番号,権限終了日\n1,\n").contains("account (利用者ID); call it one of: 利用者ID"));
    // No column says when a right ends: nobody would ever be revoked, and nobody would notice.
    let open = refusal("職員番号,利用者ID,権限終了年月日\n1,u1,R8.3.31\n");
    assert!(open.contains("権限終了日") && open.contains("状態"), "{open}");
    let twice = refusal("職員番号,利用者ID,権限終了日,権限終了日\n1,u1,,\n");
    assert_eq!(
        twice,
        "line 1, column 権限終了日: this column stands twice; take one of them out"
    );
}

#[test]
fn a_mistyped_column_that_ends_rights_is_refused_with_the_name_that_was_meant() {
    for (typed, meant) in [
        ("権限終了曰", "権限終了日"),
        ("権限終日", "権限終了日"),
        ("有効期間", "有効期限"),
        ("退職予定曰", "退職予定日"),
    ] {
        let said = refusal(format!("職員番号,利用者ID,{typed},状態\n010001,u01,R7.3.31,在職\n"));
        assert!(said.contains(typed) && said.contains(meant), "{said}");
    }
    // Columns of the staff system that mean something else are left alone.
    let other = "職員番号,利用者ID,権限終了日,採用年月日,職員カナ\n010001,u01,R7.3.31,H10.4.1,ﾔﾏﾀﾞ\n";
    assert_eq!(Register::read(other.as_bytes()).map(|_| ()), Ok(()));
}

#[test]
fn what_is_wrong_with_a_row_is_said_with_its_line_and_column() {
    for (row, want) in [
        (
            "1,u1,x,R8.4.31,,,,",
            "line 2, column 権限開始日: \"R8.4.31\" is no date",
        ),
        (
            "1,u1,x,,=TODAY(),,,",
            "line 2, column 権限終了日: \"=TODAY()\" is no date",
        ),
        (
            "1,u1,x,R8.4.2,R8.4.1,,,",
            "line 2, column 権限終了日: the right ends before it begins",
        ),
        (
            "1,u1,x,,,休職,R8.4.2,R8.4.1",
            "line 2, column 状態終了日: the state ends before it begins",
        ),
        (
            "1,u1,x,,,謎,,",
            "line 2, column 状態: the state \"謎\" is unknown; write 在職",
        ),
        (",u1,x,,,,,", "line 2, column 職員番号: this must not be empty"),
        ("1,,x,,,,,", "line 2, column 利用者ID: this must not be empty"),
        ("1,\u{3000},x,,,,,", "line 2, column 利用者ID: this must not be empty"),
        (
            "1,u\u{0}1,x,,,,,",
            "line 2, column 利用者ID: this holds control characters",
        ),
        (
            "1\u{1b}[31m,u1,x,,,,,",
            "line 2, column 職員番号: this holds control characters",
        ),
        (
            "1,u1,\"税\n務課\",,,,,",
            "line 2, column 所属名: this holds control characters",
        ),
        (
            "1,=cmd|' /C calc'!A0,x,,,,,",
            "line 2, column 利用者ID: this is a formula",
        ),
        ("=\"012345\",u1,x,,,,,", "line 2, column 職員番号: this is a formula"),
        ("1,u1,＝HYPERLINK(1),,,,,", "line 2, column 所属名: this is a formula"),
        ("1,-2+3,x,,,,,", "line 2, column 利用者ID: this is a formula"),
        (
            "1,u1,x",
            "line 2, column 権限開始日: this row has 3 fields, the header has 8",
        ),
        (
            "1,u1,x,,,,,,,",
            "line 2, column 9: this row has 10 fields, the header has 8",
        ),
    ] {
        let said = refused_row(row);
        assert!(said.starts_with(want), "{row:?}: {said}");
    }
    assert!(
        Register::read(format!("{HEADER}\n1,u1,-,,,,,\n").as_bytes()).is_ok(),
        "a dash is no formula"
    );
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    let bad = ",u9,x,,,,,";
    let line = |before: &str| {
        refusal(format!("{HEADER}{before}{bad}"))
            .split(',')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(line("\n1,u1,x,,,,,\n"), "line 3");
    assert_eq!(line("\r\n1,u1,x,,,,,\r\n"), "line 3");
    assert_eq!(line("\n\n\n1,u1,x,,,,,\n\n\n"), "line 7", "empty lines count");
    assert_eq!(line("\r\n\r\n1,u1,x,,,,,\r\n\r\n"), "line 5");
    assert_eq!(line("\n1,u1,x,,,\"在職\",,\n2,u2,x,,,,,\n"), "line 4");
    assert_eq!(line("\r1,u1,x,,,,,\r"), "line 3", "as old spreadsheets end lines");
    let note = "職員番号,利用者ID,権限終了日,備考\n1,u1,,\"a\nb\nc\"\n2,,,\n";
    assert!(
        refusal(note).starts_with("line 5, column 利用者ID"),
        "lines inside quotes count"
    );
    let short = refusal(format!("{HEADER}\n\n\n1,u1\n"));
    assert!(short.starts_with("line 4, column 所属名"), "{short}");
}

#[test]
fn an_account_of_two_persons_is_refused_naming_both_and_what_would_do() {
    let said = refusal(format!(
        "{HEADER}\n012345,kyoyo01,税務課,,R8.3.31,,,\n3,u3,x,,,,,\n067890,KYOYO01,市民課,R8.3.31,,,,\n"
    ));
    let want = "line 4, column 職員番号: account kyoyo01 belongs to 067890 here and, on the same days, to 012345 in \
                line 2; correct the number, end the earlier right before the later one begins, or give the person who \
                came later an account of another name";
    assert_eq!(said, want);
}

#[test]
fn messages_stay_short_whatever_a_cell_holds() {
    let long = "長".repeat(100_000);
    for row in [
        format!("1,u1,x,{long},,,,"),
        format!("1,u1,x,,,{long},,"),
        format!("1,{long},x,,,,,\n2,{long},x,,,,,"),
        format!("{long},u1,x,,,,,\n2,u1,x,,,,,"),
    ] {
        assert!(refused_row(&row).chars().count() < 500);
    }
}

#[test]
fn a_million_columns_are_refused() {
    let wide = ",x".repeat(1_000_000);
    let said = refusal(format!("職員番号,利用者ID,権限終了日{wide}\n1,u1,{wide}\n"));
    assert_eq!(
        said,
        "line 1, column 257: there are more than 256 columns; export the columns that are needed"
    );
    let wide = ",x".repeat(100_000);
    let said = refused_row(&format!("1,u1{wide}"));
    assert_eq!(said, "line 2, column 9: this row has 100002 fields, the header has 8");
    let said = refusal(format!("{}\n1\n", "a,".repeat(100_000)));
    assert!(said.starts_with("line 1, column 257"), "{said}");
}

/// A row as days from 2026-04-01: from, to, state (0 in office, 1 leave, 2 left), its from and to.
type Plain = (Option<i32>, Option<i32>, u8, Option<i32>, Option<i32>);

fn span() -> impl Strategy<Value = (Option<i32>, Option<i32>)> {
    let some = proptest::option::weighted(0.7, 0i32..20);
    (some.clone(), some).prop_map(|(a, b)| match (a, b) {
        (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
        open => open,
    })
}

fn plain() -> impl Strategy<Value = Plain> {
    (span(), 0u8..3, span()).prop_map(|((from, to), state, (a, b))| (from, to, state, a, b))
}

fn in_span(day: i32, from: Option<i32>, to: Option<i32>) -> bool {
    from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
}

/// What a reader of the rows says of one post on one day.
fn by_hand(rows: &[Plain], day: i32) -> Standing {
    // A leave within the period of its row holds for the whole post.
    let on_leave = rows
        .iter()
        .any(|r| r.2 == 1 && in_span(day, r.0, r.1) && in_span(day, r.3, r.4));
    // Who has left, has left every right of the post that began before; a row without the day ends with its own kind.
    let left = |row: &Plain| {
        let by = |r: &Plain| {
            std::ptr::eq(r, row)
                || match r.3 {
                    Some(left) => row.0.is_none_or(|from| from < left),
                    None => row.0 == r.0,
                }
        };
        rows.iter().any(|r| r.2 == 2 && in_span(day, r.3, r.4) && by(r))
    };
    // The leave of a row that was itself left behind still says that the person is away.
    let own_leave = |r: &Plain| r.2 == 1 && in_span(day, r.3, r.4);
    let now: Vec<&Plain> = rows.iter().filter(|r| in_span(day, r.0, r.1) && !left(r)).collect();
    if now.iter().any(|r| !on_leave && !own_leave(r)) {
        return Standing::Valid;
    }
    if !now.is_empty() {
        return Standing::OnLeave;
    }
    let ended = rows.iter().any(|r| r.1.is_some_and(|to| to < day) || left(r));
    if ended || !rows.iter().any(|r| r.0.is_some_and(|from| day < from)) {
        Standing::Revoked
    } else {
        Standing::NotYetValid
    }
}

fn written(offset: Option<i32>, form: i32) -> String {
    let Some(offset) = offset else { return String::new() };
    let date = day("2026-04-01").plus(offset).date();
    match (offset + form) % 3 {
        0 => format!("{:04}-{:02}-{:02}", date.year, date.month, date.day),
        1 => format!("R{}.{}.{}", date.year - 2018, date.month, date.day),
        _ => format!("{}/{}/{}", date.year, date.month, date.day),
    }
}

proptest! {
    #[test]
    fn the_verdict_is_what_a_reader_of_the_rows_would_say(mut rows in vec(plain(), 1..6), form in 0i32..3) {
        // The same row twice is refused.
        rows.sort();
        rows.dedup();
        let mut text = HEADER.to_owned();
        for r in &rows {
            let state = ["在職", "休職", "退職"][usize::from(r.2)];
            let dates = [r.0, r.1, r.3, r.4].map(|d| written(d, form));
            text += &format!("\n012345,u1,税務課,{},{},{state},{},{}", dates[0], dates[1], dates[2], dates[3]);
        }
        let register = Register::read(text.as_bytes()).unwrap();
        let ix = register.find(b"u1").unwrap();
        for offset in -2..22 {
            let verdict = register.verdict_on(ix, day("2026-04-01").plus(offset));
            prop_assert_eq!(verdict.standing, by_hand(&rows, offset), "day {} of {:?}", offset, rows);
            // Whoever is told "from when" or "until when" can check it against the day.
            let day = day("2026-04-01").plus(offset);
            prop_assert!(verdict.valid_from.is_none_or(|from| day < from));
            let runs = verdict.standing == Standing::Valid;
            prop_assert!(verdict.valid_to.is_none_or(|to| (day <= to) == runs));
            prop_assert!(verdict.valid_from.is_none() || verdict.standing == Standing::NotYetValid);
            prop_assert!(verdict.valid_to.is_none() || runs || verdict.standing == Standing::Revoked);
        }
    }

    #[test]
    fn any_bytes_are_a_register_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        drop(Register::read(&bytes));
    }

    #[test]
    fn any_text_in_the_cells_is_a_register_or_refused_with_its_line(
        cells in vec("[ -~\u{3000}-\u{30ff}\n\r\u{0}\"]{0,12}", 8),
    ) {
        let row: Vec<String> = cells.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect();
        let read = Register::read(format!("{HEADER}\n{}\n", row.join(",")).as_bytes());
        if let Err(RegisterError::Row { line, column, .. }) = read {
            prop_assert_eq!(line, 2);
            prop_assert!(HEADER.split(',').any(|name| name == column), "{}", column);
        }
    }
}

mod duties;
mod property;
