//! Exports of packaged systems, as their administrators meet them: overlapping, with rows of one operation, with columns
//! that change, dated in another zone, with numbers that should not be there.

use std::time::Duration;

use crate::support::city;
use crate::support::daemon::{TestDaemon, jst, stamp};

const CONFIG: &str = city!(
    "\"kojinjoho-security@city.example.jp\"",
    r#"[[source]]
name = "juki"
paths = ["oplog-*.csv"]
format = "csv"
[source.fields]
record_key = "受付番号+枝番"
joined_by = "受付番号"
[[source]]
name = "app"
paths = ["app.jsonl"]
format = "json"
zone = "UTC"
[[source]]
name = "audit"
paths = ["audit.log"]
format = "auditd"
"#
);

const HEADER: &str = "処理日時,利用者ID,端末名,操作区分,機能名,件数,処理結果,宛名番号,受付番号,枝番\n";

fn daemon() -> TestDaemon {
    let files = [
        ("sekimori.toml", CONFIG),
        ("datasets.toml", DATASETS),
        ("rules.toml", RULES),
        ("accounts.csv", include_str!("../../config/accounts.csv")),
    ];
    TestDaemon::start(&files, jst("2026-11-20 10:00:00"))
}

const RULES: &str = r#"
[[rule]]
id = "L1"
title = "many"
kind = "volume"
severity = "warning"
basis = ["22"]
count = "accesses"
per = ["person", "dataset"]
within = "60m"
limit = { A = 100000 }
"#;

const DATASETS: &str = r#"
[[dataset]]
id = "juki"
title = "住民基本台帳"
tier = "A"
owner = "市民課"
[[dataset.match]]
resource = "**"
class = "view"
"#;

/// Row `branch` of operation `number`.
fn row(number: u32, branch: u32, rows: &str) -> String {
    let minute = number % 60;
    format!(
        "2026/11/20 09:{minute:02}:00,008841,SHI-PC-07,照会,住民票照会,{rows},正常,{number:06}{branch:04},N{number},{branch}\n"
    )
}

/// Accesses and records of the book, over everybody.
fn counted(daemon: &TestDaemon) -> (u64, u64) {
    let counts = daemon.counts();
    let sum = |at: usize| counts.iter().map(|c| c.amounts[at]).sum();
    (sum(0), sum(1))
}

fn told(daemon: &mut TestDaemon, what: &str) -> usize {
    daemon.deliver();
    let mails = daemon.mails();
    mails.iter().filter(|m| m.message.body.contains(what)).count()
}

#[test]
fn overlapping_exports_count_each_record_once_over_restarts_and_failed_batches() {
    let mut daemon = daemon();
    let export = |days: std::ops::Range<u32>| days.map(|n| row(n, 1, "2")).collect::<String>();
    daemon.write("oplog-1.csv", &format!("{HEADER}{}", export(0..20)));
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), (20, 40));
    daemon.write("oplog-2.csv", &format!("{HEADER}{}", export(10..30)));
    daemon.step();
    daemon.fail_batch();
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), (30, 60), "ten stood in both");
    daemon.restart();
    daemon.write("oplog-3.csv", &format!("{HEADER}{}{}", export(0..30), export(29..31)));
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), (31, 62));
}

#[test]
fn rows_of_one_operation_count_as_one_access_with_its_count() {
    let mut daemon = daemon();
    let rows: String = (1..=30).map(|branch| row(7, branch, "30")).collect();
    daemon.write("oplog-1.csv", &format!("{HEADER}{rows}"));
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), (1, 30));
}

#[test]
fn an_export_with_other_columns_is_read_by_name_and_told_once() {
    let mut daemon = daemon();
    daemon.write("oplog-1.csv", &format!("{HEADER}{}", row(1, 1, "2")));
    assert!(daemon.settle());
    assert_eq!(told(&mut daemon, "列の構成が変わりました"), 0);
    let other = "受付番号,枝番,利用者ID,処理日時,操作区分,機能名,出力件数,備考\nN2,1,008841,2026/11/20 09:02:00,照会,住民票照会,5,x\n";
    daemon.write("oplog-2.csv", other);
    daemon.restart();
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), (2, 7), "columns are found by name");
    assert_eq!(told(&mut daemon, "列の構成が変わりました"), 1);
    assert_eq!(told(&mut daemon, "出力件数, 備考"), 1, "which columns came");
    daemon.write("oplog-3.csv", &other.replace("N2", "N3"));
    assert!(daemon.settle());
    assert_eq!(told(&mut daemon, "列の構成が変わりました"), 1);
}

#[test]
fn a_citizens_my_number_in_a_log_is_told_once_a_day_and_shown_nowhere() {
    let mut daemon = daemon();
    // However it is written: as a user, as an address typed, in full width.
    let line = |n: u32, number: &str| {
        let at = stamp(daemon_secs("2026-11-20 09:59:00") + i64::from(n));
        format!("{{\"time\":\"{at}\",\"user\":\"{number}\",\"resource\":\"/x?my={number}\"}}\n")
    };
    let written = [
        "1234-5678-9018",
        "123456789018",
        "１２３４－５６７８－９０１８",
        "1234 5678 9018",
        "1234_5678_9018",
    ];
    daemon.write(
        "app.jsonl",
        &(0..9).map(|n| line(n, "1234-5678-9018")).collect::<String>(),
    );
    assert!(daemon.settle());
    daemon.write(
        "app.jsonl",
        &(9..14)
            .zip(written)
            .map(|(n, number)| line(n, number))
            .collect::<String>(),
    );
    assert!(daemon.settle());
    assert_eq!(told(&mut daemon, "個人番号とみられる数字"), 1);
    daemon.tick(Duration::from_secs(86_400));
    daemon.write("app.jsonl", &line(20, "１２３４ ５６７８ ９０１８"));
    assert!(daemon.settle());
    assert_eq!(told(&mut daemon, "個人番号とみられる数字"), 2, "a new day");
    let store = ["sekimori.db", "sekimori.db-wal"].map(|file| std::fs::read(daemon.path(file)).unwrap_or_default());
    assert!(1_000 < store.concat().len(), "the store is where it is looked for");
    for number in written.iter().chain(&["１２３４ ５６７８ ９０１８"]) {
        assert!(
            !daemon.mails().iter().any(|m| m.message.body.contains(number)),
            "{number} in a mail"
        );
        let held = |bytes: &Vec<u8>| bytes.windows(number.len()).any(|part| part == number.as_bytes());
        assert!(!store.iter().any(held), "{number} in the store");
    }
}

fn daemon_secs(text: &str) -> i64 {
    jst(text).micros() / 1_000_000
}

#[test]
fn records_in_another_zone_are_one_notice_and_not_a_flood() {
    let mut daemon = daemon();
    // The system writes Japanese time, and the source says UTC.
    for minute in 0..30 {
        daemon.tick(Duration::from_secs(60));
        let lines: String = (0..20)
            .map(|n| {
                format!("{{\"time\":\"2026-11-20 10:{minute:02}:{n:02}\",\"user\":\"008841\",\"resource\":\"/x\"}}\n")
            })
            .collect();
        daemon.write("app.jsonl", &lines);
        assert!(daemon.settle());
    }
    assert_eq!(told(&mut daemon, "時差の設定誤りの疑い"), 1);
    assert_eq!(told(&mut daemon, "+09:00"), 1);
    assert!(daemon.mails().len() <= 6, "{} mails", daemon.mails().len());
}

#[test]
fn an_audit_event_of_several_records_is_one_access_wherever_the_daemon_is_killed() {
    let event = |n: u32| {
        let at = 1_795_136_400 + i64::from(n);
        format!(
            "type=SYSCALL msg=audit({at}.042:{n}): arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c ppid=1 pid=2 auid=1001 uid=0 comm=\"cat\" exe=\"/usr/bin/cat\" key=\"juki\"\n\
             type=CWD msg=audit({at}.042:{n}): cwd=\"/\"\n\
             type=PATH msg=audit({at}.042:{n}): item=0 name=\"/srv/juki/a.csv\" inode=1 nametype=NORMAL\n\
             type=EOE msg=audit({at}.042:{n}): \n"
        )
    };
    let log: String = (1..=5).map(event).collect();
    for cut in (0..log.len()).step_by(37) {
        let mut daemon = daemon();
        daemon.write("audit.log", &log[..cut]);
        assert!(daemon.settle());
        daemon.crash();
        daemon.rise();
        daemon.write("audit.log", &log[cut..]);
        assert!(daemon.settle());
        assert_eq!(counted(&daemon).0, 5, "cut at {cut}");
    }
}
