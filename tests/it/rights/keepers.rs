//! Whoever may bring registers could make anything look right: what he changes for himself, and whose an account is, is
//! told to whoever checks. `cargo test --test it -- rights::keepers --nocapture` shows the mail.

use super::{DATASETS, TOP, WITH_POSTS, bring, to};
use crate::support::daemon::{TestDaemon, jst};
use crate::support::site::says;

/// Who keeps the register, beside those at the top.
const KEEPER: &str = r#"
[[post]]
role = "rights"
person = "000001"
office = ["kengen@city.example.jp"]
"#;

const RULES: &str = r#"
[[rule]]
id = "P1"
title = "権限のない情報資産の利用"
kind = "grant"
lacks = ["dataset"]
severity = "warning"
"#;

const HEAD: &str = "職員番号,利用者ID,区分,所属名,情報資産,権限開始日,権限終了日\n";

#[test]
fn a_right_a_keeper_of_the_register_gives_himself_and_an_account_that_changes_hands_are_told_to_the_auditor() {
    let before = "000001,u0001,正規,情報課,zei,R6.4.1,\n000002,u0002,正規,税務課,zei,R6.4.1,\n\
        000003,u0003,正規,税務課,zei,R6.4.1,\n";
    let files = [
        ("sekimori.toml", WITH_POSTS),
        ("datasets.toml", DATASETS),
        ("rules.toml", RULES),
        ("sections.toml", &format!("{TOP}{KEEPER}")),
        ("accounts.csv", &format!("{HEAD}{before}")),
        ("access.log", ""),
    ];
    let mut daemon = TestDaemon::start(&files, jst("2026-11-20 08:00:00"));
    daemon.settle();
    daemon.deliver();
    let about = |daemon: &TestDaemon, address: &str| -> Vec<(String, String)> {
        let told = to(daemon, address).into_iter();
        told.filter(|(subject, _)| subject.contains("台帳を管理する方の権限"))
            .collect()
    };
    let everybody = [
        "kansa@city.example.jp",
        "soumu-bucho@city.example.jp",
        "soc@city.example.jp",
    ];

    // What the registers of every day bring is told to nobody.
    let ordinary = format!("{HEAD}{before}000004,u0004,正規,税務課,zei,R8.11.1,\n");
    bring(&mut daemon, "2026-11-20 09:00:00", &ordinary);
    assert!(everybody.iter().all(|address| about(&daemon, address).is_empty()));

    // The keeper helps himself to 介護保険, gives one account a number that nobody has, and makes another nobody's.
    let after = "000001,u0001,正規,情報課,zei;kaigo,R6.4.1,\n999999,u0002,正規,税務課,zei,R6.4.1,\n\
        ,u0003,共用,税務課,zei,R6.4.1,\n000004,u0004,正規,税務課,zei,R8.11.1,\n";
    bring(&mut daemon, "2026-11-20 10:00:00", &format!("{HEAD}{after}"));
    for address in everybody {
        let told = about(&daemon, address);
        assert_eq!(told.len(), 1, "{address}");
        println!("To: {address}\nSubject: {}\n\n{}", told[0].0, told[0].1);
        says(
            &told[0].1,
            &[
                "版 3",
                "3 件",
                "職員番号 000001（情報課）",
                "zei;kaigo",
                "000002 → 999999",
                "共用又はシステム",
                "u0003",
            ],
        );
    }
    assert!(about(&daemon, "kengen@city.example.jp").is_empty(), "not to himself");

    // Once a version, whatever restarts.
    let mails = daemon.mails().len();
    daemon.restart();
    daemon.settle();
    daemon.deliver();
    assert_eq!(daemon.mails().len(), mails);
}
