//! What somebody writes into a log to put himself or others out of sight: quotes, lines without end, holes.
//!
//! Not here: where records end, byte by byte (`source`), what the heads of lines say (`parse`).

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use crate::support::city;
use crate::support::daemon::{TestDaemon, jst};

const CONFIG: &str = city!(
    "\"soc@city.example.jp\"",
    r#"[[source]]
name = "juki"
paths = ["oplog-*.csv"]
format = "csv"
[[source]]
name = "app"
paths = ["app.jsonl"]
format = "json"
line_bytes_max = "64KiB"
"#
);

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

const HEADER: &str = "処理日時,利用者ID,端末名,操作区分,機能名,備考\n";

fn daemon() -> TestDaemon {
    let files = [
        ("sekimori.toml", CONFIG),
        ("datasets.toml", DATASETS),
        ("rules.toml", RULES),
        ("accounts.csv", include_str!("../../config/accounts.csv")),
    ];
    TestDaemon::start(&files, jst("2026-11-20 10:00:00"))
}

fn row(minute: u32, user: &str, note: &str) -> String {
    format!("2026/11/20 09:{minute:02}:00,{user},SHI-PC-07,照会,住民票照会,{note}\n")
}

/// Accesses of the book by who is known as whom.
fn counted(daemon: &TestDaemon) -> u64 {
    daemon.counts().iter().map(|c| c.amounts[0]).sum()
}

fn told(daemon: &mut TestDaemon, what: &str) -> usize {
    daemon.deliver();
    let mails = daemon.mails();
    mails.iter().filter(|m| m.message.body.contains(what)).count()
}

#[test]
fn one_quote_or_two_hide_no_access_and_are_told_by_mail() {
    let mut daemon = daemon();
    let notes = ["", "\"x", "", "", "y\"", "\"a\nb\"", "", "\"z"];
    let text: String = notes.iter().zip(0..).map(|(note, n)| row(n, "008841", note)).collect();
    daemon.write("oplog-1.csv", &format!("{HEADER}{text}"));
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), 7, "the last one may still go on");
    assert_eq!(told(&mut daemon, "引用符が閉じられていない行"), 1);
    daemon.write("oplog-1.csv", &row(30, "008841", ""));
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), 9);
    assert_eq!(told(&mut daemon, "引用符が閉じられていない行"), 1, "once a day");
    let rejects = &daemon.sources()[0].rejects;
    assert!(rejects.is_empty(), "{rejects:?}");
}

#[test]
fn a_line_an_open_quote_leaves_too_short_is_a_reject_of_its_own_kind() {
    let mut daemon = daemon();
    let cut = "2026/11/20 09:00:00,008841,\"SHI\n";
    daemon.write("oplog-1.csv", &format!("{HEADER}{cut}{}", row(1, "008841", "")));
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), 1);
    assert_eq!(daemon.sources()[0].rejects, [("open-quote".to_owned(), 1)]);
}

#[test]
fn who_makes_his_line_too_long_is_counted_all_the_same() {
    let mut daemon = daemon();
    let line = |text: &str| {
        format!(
            "{{\"time\":\"2026-11-20T09:00:00+09:00\",\"user\":\"008841\",\"action\":\"view\",\"resource\":\"/a\",\"text\":\"{text}\",\"z\":1}}\n"
        )
    };
    daemon.write("app.jsonl", &(line("x") + &line(&"x".repeat(300_000)) + &line("x")));
    daemon.write("app.jsonl", &format!("{{\"text\":\"{}\"}}\n", "x".repeat(300_000)));
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), 3);
    assert_eq!(daemon.sources()[1].amounts[0], 4, "lines");
    assert_eq!(daemon.sources()[1].rejects, [("oversize".to_owned(), 1)]);
    assert_eq!(told(&mut daemon, "長すぎる行"), 1);
}

#[test]
fn a_line_without_end_and_a_hole_keep_nobody_waiting() {
    let mut daemon = daemon();
    daemon.write("oplog-1.csv", &format!("{HEADER}{}", row(0, "008841", "")));
    daemon.write("oplog-2.csv", HEADER);
    let mut hole = File::create(daemon.path("oplog-3.csv")).unwrap();
    hole.set_len(30 << 30).unwrap();
    let endless = File::create(daemon.path("app.jsonl")).unwrap();
    (&endless).write_all(b"{").unwrap();
    endless.set_len(400 << 20).unwrap();
    // One step is one batch: what others wrote is committed long before the line has been read.
    let step = daemon.step().unwrap();
    assert!(step.more);
    daemon.write("oplog-2.csv", &row(1, "008841", ""));
    daemon.step().unwrap();
    let step = daemon.step().unwrap();
    assert!(step.more, "it is still being read");
    assert_eq!(counted(&daemon), 2);
    assert!(daemon.settle());
    assert_eq!(told(&mut daemon, "何も書かれていない領域"), 0, "no mail for a hole");
    assert_eq!(told(&mut daemon, "長すぎる行"), 1);
    // Behind all that the next lines are read.
    hole.seek(SeekFrom::Start(0)).unwrap();
    hole.write_all(format!("{HEADER}{}", row(2, "008841", "")).as_bytes())
        .unwrap();
    daemon.write(
        "app.jsonl",
        "\n{\"time\":\"2026-11-20T09:03:00+09:00\",\"user\":\"008841\",\"resource\":\"/a\"}\n",
    );
    assert!(daemon.settle());
    assert_eq!(counted(&daemon), 4);
}
