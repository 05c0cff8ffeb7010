//! Posts, persons one after the other, charges, declarations: what the rows of a register say together.

use super::*;
use crate::calendar::Calendar;
use crate::register::{DatasetSettings, Terms, Tier};

const HEADER: &str = "職員番号,利用者ID,区分,所属名,兼務区分,業務区分,情報資産,権限,権限開始日,権限終了日,状態,\
    状態開始日,状態終了日,退職予定日,契約終了日,ID世代,管理責任者,接続元,利用時間";

/// A row of `name=value` words; 職員番号 and 利用者ID first.
fn row(person: &str, account: &str, cells: &str) -> String {
    let mut fields = vec![String::new(); HEADER.split(',').count()];
    fields[0] = person.into();
    fields[1] = account.into();
    for cell in cells.split_whitespace() {
        let (name, value) = cell.split_once('=').unwrap();
        let place = HEADER.split(',').position(|h| h.trim() == name);
        fields[place.unwrap_or_else(|| panic!("{name}"))] = value.replace('_', " ");
    }
    fields.join(",")
}

fn register(rows: &[String]) -> Register {
    let mut register = Register::read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes()).unwrap();
    register.bind(&naming());
    register
}

fn naming() -> Naming {
    let dataset = |id: &str, title: &str, owner: &str| DatasetSettings {
        id: id.into(),
        title: title.into(),
        tier: Tier::A,
        owner: owner.into(),
        registered: None,
        terms: Terms::default(),
        matches: Vec::new(),
    };
    let zei = dataset("juminzei", "個人住民税課税台帳", "税務課");
    let juki = dataset("juki", "住民基本台帳", "市民課");
    let mut naming = Naming::new(&[(DatasetId(1), &zei), (DatasetId(2), &juki)]);
    naming.add("住民税", DatasetId(1));
    naming
}

fn granted(register: &Register, account: &str, on: &str, dataset: u16, operation: Operation) -> Granted {
    let ix = register.find(account.as_bytes()).unwrap();
    let right = register.right(register.span_on(ix, day(on)));
    register.granted(right, day(on), DatasetId(dataset), operation)
}

#[test]
fn a_reused_id_belongs_to_whoever_holds_it_that_day() {
    let register = register(&[
        row("1", "kyoyo01", "所属名=税務課 権限開始日=R7.4.1 権限終了日=R8.3.31"),
        row("2", "kyoyo01", "所属名=市民課 権限開始日=R8.6.1"),
    ]);
    let ix = register.find(b"kyoyo01").unwrap();
    let on = |date| {
        let verdict = register.verdict_on(ix, day(date));
        (verdict.person, verdict.standing, verdict.section)
    };
    assert_eq!(on("2025-03-31"), ("1", Standing::NotYetValid, "税務課"));
    assert_eq!(on("2026-03-31"), ("1", Standing::Valid, "税務課"));
    assert_eq!(
        on("2026-04-15"),
        ("1", Standing::Revoked, "税務課"),
        "still the one who had it"
    );
    assert_eq!(on("2026-06-01"), ("2", Standing::Valid, "市民課"));
    assert!(!register.is_in_force("1", day("2026-06-01")) && register.is_in_force("2", day("2026-06-01")));
    assert_eq!(register.accounts_of("1"), register.accounts_of("2"));
}

#[test]
fn a_leave_holds_for_the_whole_post_and_from_the_main_post_for_the_others() {
    let register = register(&[
        row(
            "1",
            "u1",
            "所属名=税務課 業務区分=住民税 状態=育休 状態開始日=R8.6.1 状態終了日=R8.8.31",
        ),
        row("1", "u1", "所属名=税務課 業務区分=固定資産 状態=在職"),
        row("1", "u1b", "所属名=防災課 兼務区分=兼務"),
        row(
            "2",
            "u2",
            "所属名=税務課 権限終了日=R9.3.31 状態=退職 状態開始日=R8.4.1",
        ),
        row(
            "2",
            "u2",
            "所属名=税務課 区分=再任用 権限開始日=R8.4.1 権限終了日=R9.3.31",
        ),
        row("2", "u2b", "所属名=防災課 兼務区分=兼務 権限開始日=R7.4.1"),
    ]);
    for (account, on, want) in [
        ("u1", "2026-05-31", Standing::Valid),
        ("u1", "2026-06-01", Standing::OnLeave),
        ("u1b", "2026-08-31", Standing::OnLeave),
        ("u1b", "2026-09-01", Standing::Valid),
        ("u2", "2026-04-01", Standing::Valid),
        ("u2b", "2026-03-31", Standing::Valid),
        ("u2b", "2026-04-01", Standing::Revoked),
    ] {
        assert_eq!(standing(&register, account, on), want, "{account} on {on}");
    }
}

#[test]
fn a_contract_that_has_ended_and_an_id_from_before_the_reissue_are_told_apart() {
    let register = register(&[
        row("900017", "v-abc03", "区分=委託 権限開始日=R8.4.1 契約終了日=R8.12.28"),
        row("1", "u1-r7", "業務区分=住民税 権限開始日=R7.4.1 ID世代=R7"),
        row("1", "u1-r8", "業務区分=住民税 権限開始日=R8.4.1 ID世代=令和8年度"),
        row("1", "k1-r7", "業務区分=介護 権限開始日=R7.4.1 ID世代=2025"),
    ]);
    for (account, on, want) in [
        ("v-abc03", "2026-12-28", None),
        ("v-abc03", "2026-12-29", Some(Mark::ContractEnded)),
        ("u1-r7", "2026-03-31", None),
        ("u1-r7", "2026-04-01", Some(Mark::OldGeneration)),
        ("u1-r8", "2026-04-01", None),
        ("k1-r7", "2026-04-01", None),
    ] {
        let verdict = register.verdict_on(register.find(account.as_bytes()).unwrap(), day(on));
        assert_eq!(verdict.standing, Standing::Valid);
        assert_eq!(verdict.marks.iter().next(), want, "{account} on {on}");
        assert_eq!(
            register.is_in_force(verdict.person, day(on)),
            want.is_none() || account == "u1-r7"
        );
    }
    let ix = register.find(b"v-abc03").unwrap();
    let verdict = register.verdict_on(ix, day("2026-12-01"));
    assert_eq!(
        (verdict.kind, verdict.leaving),
        (AccountKind::Contractor, Some(day("2026-12-28")))
    );
    assert_eq!(
        register.verdict_on(ix, day("2026-12-29")).leaving,
        None,
        "that day has passed"
    );
}

#[test]
fn rights_reach_as_far_as_the_register_words_them() {
    use Operation::{Delete, Export, Login, Search, View};
    let register = register(&[
        row("1", "u1", "所属名=税務課 業務区分=住民税 権限=照会・出力"),
        row(
            "1",
            "u1",
            "所属名=防災課 兼務区分=兼務 情報資産=住民基本台帳 権限=照会 権限開始日=R8.6.1",
        ),
        row("2", "u2", "所属名=税務課 権限=照会"),
        row("3", "u3", "所属名=税務課 業務区分=知らない業務"),
        row("4", "u4", "所属名=税務課 情報資産=知らない台帳"),
    ]);
    for (account, on, dataset, operation, want) in [
        ("u1", "2026-05-31", 1, View, Granted::Yes),
        ("u1", "2026-05-31", 1, Search, Granted::Yes),
        ("u1", "2026-05-31", 1, Login, Granted::Yes),
        ("u1", "2026-05-31", 1, Delete, Granted::NoOperation),
        ("u1", "2026-05-31", 2, View, Granted::NoDataset),
        ("u1", "2026-06-01", 2, View, Granted::Yes),
        ("u1", "2026-06-01", 2, Export, Granted::NoOperation),
        ("u2", "2026-06-01", 1, View, Granted::NotStated),
        ("u2", "2026-06-01", 2, Export, Granted::NoOperation),
        ("u3", "2026-06-01", 2, Export, Granted::NotStated),
        ("u4", "2026-06-01", 1, View, Granted::NoDataset),
    ] {
        assert_eq!(
            granted(&register, account, on, dataset, operation),
            want,
            "{account} {on} {dataset}"
        );
    }
    let words: Vec<&str> = register.unknown_words().iter().map(|(_, word)| word.as_str()).collect();
    assert_eq!(words, ["知らない業務", "知らない台帳"]);
}

#[test]
fn after_a_transfer_the_old_post_s_datasets_have_ended_so_many_days_ago() {
    let register = register(&[
        row("1", "u1", "所属名=税務課 業務区分=住民税 権限終了日=R8.3.31"),
        row("1", "u1", "所属名=市民課 情報資産=juki 権限開始日=R8.4.1"),
        // A register that does not say what for: the section that owns the dataset decides.
        row("2", "u2", "所属名=税務課 権限終了日=R8.3.31"),
        row("2", "u2", "所属名=市民課 権限開始日=R8.4.1"),
        row("3", "u3", "所属名=税務課 権限終了日=R8.3.31"),
        row("3", "u3", "所属名=市民課 権限開始日=R8.4.1"),
        row(
            "3",
            "u3",
            "所属名=税務課 兼務区分=兼務 権限開始日=R8.4.1 権限終了日=R8.4.30",
        ),
    ]);
    for account in ["u1", "u2"] {
        let ended = |days| Granted::Ended { days };
        assert_eq!(
            granted(&register, account, "2026-04-01", 1, Operation::View),
            ended(1),
            "{account}"
        );
        assert_eq!(
            granted(&register, account, "2026-04-07", 1, Operation::View),
            ended(7),
            "{account}"
        );
        assert_ne!(
            granted(&register, account, "2026-03-31", 1, Operation::View),
            Granted::NoDataset
        );
    }
    assert_eq!(
        granted(&register, "u1", "2026-03-31", 2, Operation::View),
        Granted::NoDataset
    );
    assert_eq!(
        granted(&register, "u2", "2026-04-07", 2, Operation::View),
        Granted::NotStated
    );
    assert_eq!(
        granted(&register, "u3", "2026-04-30", 1, Operation::View),
        Granted::NotStated,
        "兼務"
    );
    assert_eq!(
        granted(&register, "u3", "2026-05-01", 1, Operation::View),
        Granted::Ended { days: 1 }
    );
}

#[test]
fn a_declared_account_has_a_custodian_hosts_and_hours() {
    let register = register(&[row(
        "",
        "batch01",
        "区分=システム 管理責任者=012345 接続元=10.1.2.0/24；ZEI-BAT-* 利用時間=毎日_1:00-5:00",
    )]);
    let ix = register.find(b"batch01").unwrap();
    let verdict = register.verdict_on(ix, day("2026-11-20"));
    assert_eq!((verdict.person, verdict.kind), ("batch01", AccountKind::System));
    let declared = verdict.declared.unwrap();
    assert_eq!(declared.custodian(), "012345");
    for (host, want) in [
        ("10.1.2.77", true),
        ("::ffff:10.1.2.77", true),
        ("10.1.3.1", false),
        ("zei-bat-02", true),
        ("ZEI-PC-1", false),
        ("", false),
    ] {
        assert_eq!(declared.permits_host(Some(host.as_bytes())), want, "{host}");
    }
    assert!(!declared.permits_host(None));
    let at = |hour: i64| EventTime::from_secs(crate::calendar::day_start(day("2026-11-20")).secs() + hour * 3_600);
    assert!(declared.permits_time(at(1), &Calendar::default()));
    assert!(!declared.permits_time(at(5), &Calendar::default()));
}

#[test]
fn a_correction_changes_exactly_the_days_it_concerns() {
    let old = register(&[
        row("1", "u1", "所属名=税務課 権限開始日=R7.4.1"),
        row("2", "u2", "所属名=市民課 権限開始日=R7.4.1"),
        row("3", "u3", "所属名=市民課 権限開始日=R7.4.1"),
    ]);
    let new = register(&[
        row("1", "u1", "所属名=税務課 権限開始日=R7.4.1 権限終了日=R8.3.31"),
        row("2", "u2", "所属名=市民課 権限開始日=R7.4.1"),
        row("4", "u4", "所属名=市民課 権限開始日=R8.4.1"),
    ]);
    assert_eq!(changes(&old, &old), []);
    let found = changes(&old, &new);
    let short: Vec<_> = found
        .iter()
        .map(|c| (c.account, c.from, c.to, c.ends_right()))
        .collect();
    let far = (Day(i32::MIN), Day(i32::MAX));
    let dawn = day("2025-03-31");
    assert_eq!(
        short,
        [
            ("u1", day("2026-04-01"), far.1, true),
            ("u3", far.0, dawn, false),
            ("u3", day("2025-04-01"), far.1, true),
            ("u4", far.0, day("2026-03-31"), false),
            ("u4", day("2026-04-01"), far.1, false),
        ]
    );
}

#[test]
fn the_canonical_spelling_reads_back_as_the_same_row() {
    let rows = [
        row(
            "1",
            "Ｕ1",
            "区分=正規 所属名=税務課 業務区分=住民税；固定資産 権限=照会・出力 権限開始日=R8.4.1 ID世代=R8",
        ),
        row(
            "2",
            "u2",
            "所属名=㈱髙島 状態=病休 状態開始日=R8.6.1 状態終了日=R8.6.30 退職予定日=R9.3.31",
        ),
        row(
            "",
            "b",
            "区分=共用 管理責任者=1 接続元=10.0.0.0/8;PC-* 利用時間=平日_8:30-17:15;土_9:00-12:00",
        ),
        row("4", "u4", "区分=委託 契約終了日=R8.12.28 兼務区分=兼務 権限=全て"),
    ];
    let first = Sheet::read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes(), false).unwrap();
    let text: Vec<String> = first.rows.iter().map(Row::canonical).collect();
    let again = Sheet::read(format!("{}\n{}\n", Row::header(), text.join("\n")).as_bytes(), false).unwrap();
    assert_eq!(again.rows, first.rows);
    assert_eq!(again.rows.iter().map(Row::canonical).collect::<Vec<_>>(), text);
}

#[test]
fn a_file_that_was_cut_off_or_put_together_twice_is_refused() {
    let whole = format!("{HEADER}\n{}\n{}\n", row("1", "u1", ""), row("2", "u2", ""));
    let read = |text: &str| {
        Sheet::read(text.as_bytes(), false)
            .map(|r| r.rows.len())
            .map_err(|e| e.to_string())
    };
    assert_eq!(read(&whole), Ok(2));
    let header = HEADER.len() + 1;
    // Cut behind any byte but the end of the first row: refused, with line and column.
    for end in header + 1..whole.len() {
        if whole.is_char_boundary(end) && !whole[..end].ends_with('\n') {
            let said = read(&whole[..end]).unwrap_err();
            assert!(
                said.starts_with("line 2, column") || said.starts_with("line 3, column"),
                "{end}: {said}"
            );
        }
    }
    let twice = format!("{whole}{}\n", row("1", "u1", ""));
    assert!(
        read(&twice)
            .unwrap_err()
            .starts_with("line 4, column 職員番号: this row stands in line 2 already")
    );
    let open = format!("{HEADER},備考\n{},\"cut\n", row("1", "u1", ""));
    assert!(
        read(&open)
            .unwrap_err()
            .starts_with("line 2, column 備考: a quotation mark is opened and never closed")
    );
    let remark = format!("{HEADER},備考\n{},=1+1\n", row("1", "u1", ""));
    assert!(
        read(&remark)
            .unwrap_err()
            .starts_with("line 2, column 備考: this is a formula")
    );
    let nul = format!("{HEADER},備考\n{},a\0b\n", row("1", "u1", ""));
    assert!(
        read(&nul)
            .unwrap_err()
            .starts_with("line 2, column 備考: this holds control characters")
    );
}

#[test]
fn what_is_odd_is_said_and_taken() {
    let rows = [
        row("1", "u1", "区分=派遣"),
        row("", "b1", "区分=共用"),
        row("2", "u2", "区分=特別職"),
        row("3", "u3", "状態=退職"),
        row("4", "u4", "権限終了日=平成32年3月31日"),
    ];
    let read = Sheet::read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes(), false).unwrap();
    let odd: Vec<(u64, &str)> = read.warnings.iter().map(|w| (w.line, w.column.as_str())).collect();
    assert_eq!(
        odd,
        [
            (2, "権限終了日"),
            (3, "管理責任者"),
            (4, "区分"),
            (5, "状態開始日"),
            (6, "権限終了日")
        ]
    );
    assert_eq!(read.odd, 5);
}
