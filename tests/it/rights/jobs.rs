//! Approved jobs: bulk work counted under a number of its own, and what goes beyond it.

use std::time::Duration;

use sekimori::access::Operation;
use sekimori::calendar::{Jst, parse_date, rfc3339};
use sekimori::clock::{Clock as _, SystemClock};
use sekimori::register::jobs::Job;
use sekimori::store::{JobUse, Store};

use super::{alerts, to};
use crate::support::city;
use crate::support::daemon::{TestDaemon, jst};
use crate::support::site::{Setup, Site, says};

const CONFIG: &str = city!(
    "\"soc@city.example.jp\"",
    r#"[[source]]
name = "app"
paths = ["app.jsonl"]
format = "json"
[source.fields]
time = "at"
user = "user"
operation = "action"
resource = "screen"
rows = "count"
"#
);

const DATASETS: &str = r#"
[[dataset]]
id = "zei"
title = "住民税課税台帳"
tier = "A"
owner = "税務課"
[[dataset.match]]
resource = "/zei/export"
class = "export"
[[dataset.match]]
resource = "/zei/view"
class = "view"
"#;

/// Limits of a person with a dataset, and what ended rights are.
fn rules() -> String {
    let volume = |id: &str, title: &str, within: &str, limit: u64, severity: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\ntitle = \"{title}\"\nkind = \"volume\"\nwhen = {{ operation = [\"export\"] }}\n\
             count = \"records\"\nper = [\"person\", \"dataset\"]\nwithin = \"{within}\"\nlimit = {limit}\n\
             severity = \"{severity}\"\n"
        )
    };
    let ended = "[[rule]]\nid = \"A1\"\ntitle = \"権限の終了後の利用\"\nkind = \"account\"\n\
        standing = [\"revoked\"]\nseverity = \"critical\"\n";
    [
        volume("V1", "大量出力", "one access", 1_000, "warning"),
        volume("V1C", "極めて大量の出力", "one access", 10_000, "critical"),
        volume("V3", "24時間の大量出力", "24h", 1_000, "warning"),
        volume("V5", "30日の大量出力", "30d", 5_000, "warning"),
        ended.to_owned(),
    ]
    .concat()
}

const ACCOUNTS: &str = "職員番号,利用者ID,所属名,権限開始日,権限終了日\n\
    000001,u1,税務課,R6.4.1,\n000009,u9,税務課,R6.4.1,\n000010,u10,情報課,R6.4.1,\n";

fn export(clock: &str, screen: &str, count: &str) -> String {
    format!(
        "{{\"at\":\"2026-11-20T{clock}+09:00\",\"user\":\"u1\",\"action\":\"GET\",\"screen\":\"/zei/{screen}\"{count}}}\n"
    )
}

fn records(n: u64) -> String {
    format!(",\"count\":{n}")
}

fn job() -> Job {
    Job {
        id: 0,
        number: "R8-督促-012".into(),
        title: "督促状の発送".into(),
        person: "000001".into(),
        dataset: "zei".into(),
        operations: vec![Operation::Export],
        limit: 20_000,
        from: parse_date("2026-11-20").unwrap(),
        until: parse_date("2027-03-31").unwrap(),
        approver: "000009".into(),
        by: "000010".into(),
    }
}

fn daemon() -> TestDaemon {
    let files = [
        ("sekimori.toml", CONFIG),
        ("datasets.toml", DATASETS),
        ("rules.toml", &rules()),
        ("accounts.csv", ACCOUNTS),
        ("app.jsonl", ""),
    ];
    TestDaemon::start(&files, jst("2026-11-20 09:00:00"))
}

fn after(daemon: &mut TestDaemon, clock: &str, line: &str) {
    daemon.set_clock(&format!("2026-11-20 {clock}"));
    daemon.write("app.jsonl", line);
    daemon.settle();
    daemon.deliver();
}

fn store(daemon: &TestDaemon) -> Store {
    Store::open(&daemon.path("sekimori.db")).unwrap()
}

fn used(daemon: &TestDaemon) -> JobUse {
    store(daemon)
        .job_use(&job(), parse_date("2026-11-20").unwrap())
        .unwrap()
}

fn keys(daemon: &TestDaemon) -> Vec<(String, String)> {
    alerts(daemon).into_keys().collect()
}

#[test]
fn a_job_neither_feeds_nor_falls_under_the_limits_of_the_person_who_does_it() {
    let mut daemon = daemon();
    store(&daemon).add_job(&job(), jst("2026-11-20 10:00:00")).unwrap();
    after(&mut daemon, "10:00:40", &export("10:00:30", "export", &records(900)));
    after(&mut daemon, "10:02:00", &export("10:02:00", "export", &records(15_000)));
    assert_eq!(keys(&daemon), [], "900 of his own, 15,000 under the job");
    let counted = used(&daemon);
    assert_eq!((counted.accesses, counted.records, counted.most), (1, 15_000, 15_000));
    // What says not how many records, and another class of operation, are his own.
    after(
        &mut daemon,
        "10:03:00",
        &(export("10:03:00", "export", "") + &export("10:03:01", "view", &records(1))),
    );
    assert_eq!(used(&daemon).accesses, 1);

    // The limits of his own go on as if there were no job: 900 + 101 passes 1,000 within a day, once the job has ended.
    store(&daemon)
        .end_job(1, "000010", "発送終了", jst("2026-11-20 11:00:00"))
        .unwrap();
    after(&mut daemon, "11:30:00", &export("11:30:00", "export", &records(101)));
    assert_eq!(keys(&daemon), [("V3".to_owned(), "000001".to_owned())]);
    let alert = daemon.alerts().remove(0);
    assert!(alert.observed < 1_100, "the job's 15,000 are not in it: {alert:?}");
    daemon.restart();
    after(&mut daemon, "11:40:00", &export("11:40:00", "export", &records(10)));
    assert_eq!(
        keys(&daemon),
        [("V3".to_owned(), "000001".to_owned())],
        "nor after a restart"
    );
}

#[test]
fn what_passes_the_limit_of_a_job_is_an_alert_under_its_number_and_about_who_does_it() {
    let mut daemon = daemon();
    store(&daemon).add_job(&job(), jst("2026-11-20 10:00:00")).unwrap();
    for (clock, n) in [("10:02:00", 8_000), ("10:04:00", 8_000)] {
        after(&mut daemon, clock, &export(clock, "export", &records(n)));
    }
    assert_eq!(keys(&daemon), []);
    daemon.restart();
    after(&mut daemon, "10:06:00", &export("10:06:00", "export", &records(8_000)));
    let under = "R8-督促-012/000001".to_owned();
    assert_eq!(keys(&daemon), [("V3".to_owned(), under)]);
    let alert = daemon.alerts().remove(0);
    assert_eq!((alert.observed, alert.limit), (24_000, 20_000));
    let told = to(&daemon, "soc@city.example.jp");
    assert_eq!(told.len(), 1);
    println!("{}\n\n{}", told[0].0, told[0].1);
    says(
        &told[0].1,
        &["申請番号 R8-督促-012", "職員番号 000001", "24,000件", "20,000件"],
    );

    // A right that ends in the past is held against what was done under the job, too.
    daemon.set_clock("2026-11-21 09:00:00");
    let ended = ACCOUNTS.replace("000001,u1,税務課,R6.4.1,", "000001,u1,税務課,R6.4.1,R8.11.19");
    std::fs::write(daemon.path("accounts.csv"), ended).unwrap();
    daemon.restart();
    daemon.settle();
    daemon.deliver();
    let about = to(&daemon, "soc@city.example.jp");
    let retro = about.iter().find(|(subject, _)| subject.contains("遡及")).unwrap();
    says(&retro.1, &["［遡及］A1", "000001", "3回"]);
}

/// As the log writes it; the log's clock may run ahead by an hour here.
fn two_minutes_from_now() -> String {
    let at = Jst::from(SystemClock.now().plus(Duration::from_secs(120)));
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = at.day.date();
    format!(
        "{:02}/{}/{}:{} +0900",
        date.day,
        months[usize::from(date.month) - 1],
        date.year,
        at.clock()
    )
}

fn ended(site: &Site) {
    site.run(&["job", "end", "1", "--by", "010003", "--reason", "done"])
        .good();
    assert_eq!(site.objects(&["job", "list", "--json"]), [serde_json::Value::Null; 0]);
    let ended = site.objects(&["job", "list", "--json", "--all"]);
    assert_eq!(ended[0]["ended_by"], "010003");
    assert!(ended[0]["ended_at"].as_str().unwrap() <= rfc3339(SystemClock.now().micros()).as_str());
}

#[test]
fn a_job_is_registered_by_somebody_else_told_to_the_auditor_and_listed_with_what_was_done() {
    let site = Site::new(&Setup {
        source: "[ingest]\nfuture_skew = \"1h\"\n".into(),
        ..Setup::default()
    });
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, format!("sections = \"sections.toml\"\n{config}")).unwrap();
    let auditor = "[[post]]\nrole = \"auditor\"\nperson = \"010004\"\noffice = [\"kansa@city.example.jp\"]\n";
    std::fs::write(site.path("sections.toml"), auditor).unwrap();
    let datasets = std::fs::read_to_string(site.path("datasets.toml")).unwrap();
    std::fs::write(
        site.path("datasets.toml"),
        datasets.replace("class = \"view\"", "class = \"view\"\nrecords = 1"),
    )
    .unwrap();
    site.pass().good();
    let year_end = Jst::from(SystemClock.now()).day;
    let until = parse_date(&format!("{}-03-31", year_end.fiscal_year() + 1))
        .unwrap()
        .iso();
    let add = |person: &str, approver: &str, until: &str| {
        site.run(&[
            "job",
            "add",
            "--number",
            "R8-012",
            "--title",
            "督促状の発送",
            "--person",
            person,
            "--dataset",
            "zei",
            "--operation",
            "view",
            "--limit",
            "100",
            "--until",
            until,
            "--approver",
            approver,
            "--by",
            "010003",
        ])
    };
    add("010000", "010000", &until).bad(1, &["nobody approves or registers a job of his own"]);
    add("010000", "008841", &until).bad(1, &["the approver 008841 has no right in force"]);
    add("010000", "010001", "2099-04-01").bad(1, &["ends with the fiscal year"]);
    let done = add("010000", "010001", &until).good();
    says(&done.out, &["job 1 (number R8-012) registered: 100 records a day"]);
    let stamp = two_minutes_from_now();
    let lines = |user: &str, n: usize| {
        let line = format!("10.0.0.7 - {user} [{stamp}] \"GET /zei/1 HTTP/1.1\" 200 512 \"-\" \"a\"\n");
        line.repeat(n)
    };
    // Above the hourly limit of 60 for anybody; under the job only its own counts.
    site.append(lines("user00", 70));
    site.append(lines("user01", 70));
    site.pass().good();
    let rules: Vec<String> = site
        .alerts()
        .iter()
        .map(|a| format!("{} {}", a["rule"], a["person"]))
        .collect();
    assert_eq!(rules.len(), 1, "{rules:?}");
    says(&rules[0], &["V-hour", "010001"]);
    let listed = site.objects(&["job", "list", "--json"]);
    assert_eq!(
        (&listed[0]["accesses"], &listed[0]["records"], &listed[0]["state"]),
        (&70.into(), &70.into(), &"active".into())
    );
    println!("{}", site.run_ja(&["job", "list"]).good().out);
    let counts = site.objects(&["count", "--json", "--by", "person"]);
    says(&format!("{counts:?}"), &["R8-012/010000"]);
    let idle = site.objects(&["account", "idle", "--json", "--days", "90"]);
    assert!(
        idle.iter().all(|i| i["person"] != "010000"),
        "who works under a job uses his right"
    );
    let mails = site.mails();
    assert_eq!(
        mails.keys().filter(|id| id.starts_with("J-")).count(),
        2,
        "the attempt and the job: {:?}",
        mails.keys()
    );
    ended(&site);
}
