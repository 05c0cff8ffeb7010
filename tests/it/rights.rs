//! Rights as they change: transfers that arrive late, registers that arrive broken, exceptions that somebody wants for
//! himself. What security staff see of each: alerts and mails.

mod backdated;
mod jobs;
mod keepers;
mod live;
mod vacant;

use std::collections::{BTreeMap, BTreeSet};

use sekimori::calendar::{Jst, day_of};
use sekimori::clock::{Clock as _, EventTime, SystemClock};

use crate::support::city;
use crate::support::daemon::{TestDaemon, jst};
use crate::support::site::{Setup, Site, says};

const CONFIG: &str = city!(
    "\"soc@city.example.jp\"",
    r#"sign_of_life = "off"
[alerts.owners]
"介護保険課" = ["kaigo@city.example.jp"]
[[source]]
name = "web"
paths = ["access.log"]
format = "combined"
"#
);

/// The same city with posts, and without owners of its own.
const WITH_POSTS: &str = city!(
    "\"soc@city.example.jp\"",
    "sections = \"sections.toml\"",
    r#"[[source]]
name = "web"
paths = ["access.log"]
format = "combined"
"#
);

/// 監査責任者 and 総括保護管理者.
const TOP: &str = r#"
[[post]]
role = "auditor"
person = "900001"
office = ["kansa@city.example.jp"]
[[post]]
role = "general"
person = "900002"
office = ["soumu-bucho@city.example.jp"]
"#;

const DATASETS: &str = r#"
[[dataset]]
id = "zei"
title = "住民税課税台帳"
tier = "A"
owner = "税務課"
[[dataset.match]]
resource = "/zei/*"
class = "view"
[[dataset]]
id = "kaigo"
title = "介護保険被保険者台帳"
tier = "S"
owner = "介護保険課"
[[dataset.match]]
resource = "/kaigo/*"
class = "view"
"#;

const RULES: &str = r#"
[[rule]]
id = "A11"
title = "異動前の所属の情報資産の利用"
kind = "account"
standing = ["transferred"]
severity = "warning"
[[rule]]
id = "A11N"
title = "事務引継期間中の、異動前の所属の情報資産の利用"
kind = "account"
standing = ["handover"]
severity = "notice"
"#;

const PEOPLE: usize = 600;

/// What was decided about the person: from which day on he is in the new section.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moved {
    No,
    April,
    LateMarch,
}

/// Every third person is of 介護保険課, the others of 税務課; all of them go to 市民課.
fn section(n: usize) -> &'static str {
    if n.is_multiple_of(3) {
        "介護保険課"
    } else {
        "税務課"
    }
}

fn register(moved: impl Fn(usize) -> Moved) -> String {
    let mut out = String::from("職員番号,利用者ID,所属名,権限開始日,権限終了日\n");
    for n in 0..PEOPLE {
        let (ends, begins) = match moved(n) {
            Moved::No => {
                out.push_str(&format!("{n:06},u{n:04},{},R6.4.1,\n", section(n)));
                continue;
            }
            Moved::April => ("R8.3.31", "R8.4.1"),
            Moved::LateMarch => ("R8.3.24", "R8.3.25"),
        };
        out.push_str(&format!("{n:06},u{n:04},{},R6.4.1,{ends}\n", section(n)));
        out.push_str(&format!("{n:06},u{n:04},市民課,{begins},\n"));
    }
    out
}

/// Everybody looks into the data of his old section once.
fn day(date: &str) -> String {
    let one = |n: usize| {
        let dataset = if n.is_multiple_of(3) { "kaigo" } else { "zei" };
        format!(
            "10.0.0.7 - u{n:04} [{date}:10:{:02}:{:02} +0900] \"GET /{dataset}/1 HTTP/1.1\" 200 512 \"-\" \"a\"\n",
            n / 60,
            n % 60
        )
    };
    (0..PEOPLE).map(one).collect()
}

fn alerts(daemon: &TestDaemon) -> BTreeMap<(String, String), u64> {
    daemon.alerts().into_iter().map(|a| ((a.rule, a.who), a.hits)).collect()
}

fn to(daemon: &TestDaemon, address: &str) -> Vec<(String, String)> {
    let mails = daemon.mails().into_iter().filter(|m| m.recipient == address);
    mails.map(|m| (m.message.subject, m.message.body)).collect()
}

fn two_days(daemon: &mut TestDaemon) {
    for date in ["01/Apr/2026", "02/Apr/2026"] {
        daemon.set_clock(&format!("2026-04-{} 18:00:00", &date[..2]));
        daemon.write("access.log", &day(date));
        daemon.settle();
        daemon.deliver();
    }
}

/// Another register, and what it makes of the past.
fn bring(daemon: &mut TestDaemon, at: &str, register: &str) {
    daemon.set_clock(at);
    std::fs::write(daemon.path("accounts.csv"), register).unwrap();
    daemon.restart();
    daemon.settle();
    daemon.deliver();
}

#[test]
fn six_hundred_transfers_known_two_days_late_are_one_mail_in_hindsight_and_corrections_another() {
    let files = [
        ("sekimori.toml", CONFIG),
        ("datasets.toml", DATASETS),
        ("rules.toml", RULES),
        ("accounts.csv", &register(|_| Moved::No)),
        ("access.log", ""),
    ];
    let mut daemon = TestDaemon::start(&files, jst("2026-03-31 17:00:00"));
    two_days(&mut daemon);
    assert_eq!(
        alerts(&daemon),
        BTreeMap::new(),
        "as far as anybody knows, nobody has moved"
    );
    assert_eq!(daemon.mails(), []);

    // The register of the transfers arrives on the 3rd.
    bring(&mut daemon, "2026-04-03 09:00:00", &register(|_| Moved::April));
    // By hand: tier S has no days to hand over; for tier A the two days lie within the seven.
    let expected: BTreeMap<(String, String), u64> = (0..PEOPLE)
        .map(|n| {
            (
                (
                    if n.is_multiple_of(3) { "A11" } else { "A11N" }.to_owned(),
                    format!("{n:06}"),
                ),
                2,
            )
        })
        .collect();
    assert_eq!(alerts(&daemon), expected);
    let told = to(&daemon, "soc@city.example.jp");
    assert_eq!(told.len(), 1, "one import, one mail");
    let (subject, body) = &told[0];
    println!("{subject}\n\n{}", body.lines().take(12).collect::<Vec<_>>().join("\n"));
    assert!(subject.contains("遡及"), "{subject}");
    says(
        body,
        &[
            "権限台帳　版 2：600 件",
            "［遡及］A11",
            "000000（",
            "介護保険被保険者台帳",
            "ほか 400 件",
        ],
    );
    let first = body.lines().find(|line| line.contains("［遡及］")).unwrap();
    assert!(
        first.contains("警告") && first.contains("A11 "),
        "the worst first: {first}"
    );
    let owner = to(&daemon, "kaigo@city.example.jp");
    assert_eq!(owner.len(), 1);
    assert!(
        owner[0].1.contains("200 件") && !owner[0].1.contains("住民税"),
        "{}",
        owner[0].1
    );

    // The same register again, a restart, a day: nothing more is said.
    daemon.restart();
    daemon.settle();
    daemon.deliver();
    assert_eq!(daemon.mails().len(), 2);

    // Corrections on the 10th: ten people moved a week earlier, ten never moved.
    let corrected = |n: usize| match n {
        0..10 => Moved::No,
        590.. => Moved::LateMarch,
        _ => Moved::April,
    };
    bring(&mut daemon, "2026-04-10 09:00:00", &register(corrected));
    // Moved on 25 March, tier A may be used until the 31st; tier S was said already.
    let late: BTreeSet<String> = (590..PEOPLE)
        .filter(|n| !n.is_multiple_of(3))
        .map(|n| format!("{n:06}"))
        .collect();
    let new: BTreeSet<String> = alerts(&daemon)
        .into_keys()
        .filter(|key| !expected.contains_key(key))
        .map(|(rule, who)| {
            assert_eq!(rule, "A11");
            who
        })
        .collect();
    assert_eq!(new, late);
    told_of_corrections(&daemon, late.len());
}

/// One mail in hindsight, and one about the ten whose use is granted again.
fn told_of_corrections(daemon: &TestDaemon, late: usize) {
    let told = to(daemon, "soc@city.example.jp");
    assert_eq!(
        told.len(),
        3,
        "one in hindsight, and one about the ten whose use is granted again"
    );
    let of_version = |subject: &str| {
        let told = told
            .iter()
            .find(|(s, body)| s.contains(subject) && body.contains("版 3"));
        told.unwrap_or_else(|| panic!("{subject}: {told:?}")).1.clone()
    };
    says(&of_version("過去の利用に関する警告"), &[&format!("版 3：{} 件", late)]);
    says(
        &of_version("さかのぼって認められた"),
        &["：10 件", "職員番号 000009（介護保険課）"],
    );
}

#[test]
fn an_empty_or_halved_register_is_refused_and_the_last_good_one_goes_on_watching() {
    let site = Site::new(&Setup::default());
    let line = |user: &str, n: u64| crate::support::site::line(n, user, "zei", 1);
    site.append(line("user01", 1));
    site.pass().good();
    let good = std::fs::read(site.path("accounts.csv")).unwrap();
    for (n, broken) in [Vec::new(), good[..good.len() / 2 - 3].to_vec()]
        .into_iter()
        .enumerate()
    {
        std::fs::write(site.path("accounts.csv"), broken).unwrap();
        site.append(line("old01", 10 + n as u64));
        let ran = site.pass().good();
        println!("{}", ran.err);
        says(&ran.err, &["stays in force"]);
    }
    let alerts = site.alerts();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(
        (&alerts[0]["rule"], &alerts[0]["hits"]),
        (&"A-revoked".into(), &2.into())
    );
    assert_eq!(site.counted(), 3, "everything was counted meanwhile");
    let refusals = site.mails().keys().filter(|id| id.starts_with("N-")).count();
    assert!(1 <= refusals, "{:?}", site.mails());
}

/// A line of the trial's web server: a download of so many bytes by 012345, a minute ago.
fn download(bytes: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let at = Jst::from(SystemClock.now().minus(std::time::Duration::from_secs(60)));
    let date = at.day.date();
    format!(
        "10.20.3.45 - tz012345 [{:02}/{}/{}:{} +0900] \"GET /juminzei/export/all.csv HTTP/1.1\" 200 {bytes} \"-\" \"a\"\n",
        date.day,
        MONTHS[usize::from(date.month) - 1],
        date.year,
        at.clock()
    )
}

const BYTES: &str = r#"
[[rule]]
id = "V11D"
title = "24時間の大容量の応答"
kind = "volume"
severity = "warning"
count = "bytes"
per = ["person", "dataset"]
within = "24h"
limit = 200000000
"#;

#[test]
fn nobody_raises_his_own_limit_and_what_an_exception_holds_is_still_counted() {
    let site = Site::trial();
    // One rule: on a closed day, say, another one would tell of the same download.
    std::fs::write(site.path("config/rules.toml"), BYTES).unwrap();
    let today = day_of(EventTime::from_micros(SystemClock.now().micros())).iso();
    let add = |approver: &str, by: &str, limit: &str| {
        site.run(&[
            "exception",
            "add",
            "--rule",
            "V11D",
            "--person",
            "012345",
            "--dataset",
            "juminzei",
            "--limit",
            limit,
            "--until",
            &today,
            "--approver",
            approver,
            "--by",
            by,
            "--reason",
            "全件の照合",
        ])
    };
    // 釜石: whoever holds the rights is to be left out of the watch.
    add("012345", "012101", "600000000").bad(1, &["nobody approves or registers an exception for himself"]);
    add("012101", "012345", "600000000").bad(1, &["nobody approves"]);
    add("012101", "012102", "200000000").bad(1, &["the limit is 200000000 now"]);
    add("999999", "012102", "600000000").bad(1, &["has no right in force"]);
    add("012101", "012102", "600000000").good();
    refused_beyond_the_year(&site);

    site.append(download(300_000_000));
    site.pass().good();
    let v11 = || {
        let all = site.alerts();
        all.into_iter().filter(|a| a["rule"] == "V11D").collect::<Vec<_>>()
    };
    let held = v11();
    assert_eq!(held.len(), 1, "recorded all the same: {held:?}");
    assert_eq!(
        (&held[0]["state"], &held[0]["mails"]),
        (&"closed".into(), &0.into()),
        "{held:?}"
    );
    assert!(1 <= site.counted(), "and counted");
    let list = site.objects(&["exception", "list", "--json"]);
    assert_eq!(list.len(), 1);
    assert_eq!(
        (&list[0]["state"], &list[0]["hits"]),
        (&"expiring".into(), &1.into()),
        "{list:?}"
    );

    site.append(download(400_000_000));
    site.pass().good();
    let told = v11();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["state"], &told[0]["mails"]),
        (&"open".into(), &1.into()),
        "beyond the raised limit: {told:?}"
    );

    site.run(&["exception", "end", "1", "--by", "012101", "--reason", "終了"])
        .good();
    assert_eq!(
        site.objects(&["exception", "list", "--json"]),
        [serde_json::Value::Null; 0]
    );
    let ended = site.objects(&["exception", "list", "--json", "--all"]);
    assert_eq!(
        (&ended[0]["state"], &ended[0]["ended_by"]),
        (&"ended".into(), &"012101".into())
    );
    // Two refusals that somebody tried for himself, and the exception: told by mail to whoever gets every alert.
    assert_eq!(mails_about_exceptions(&site), 3);
}

fn mails_about_exceptions(site: &Site) -> usize {
    let folder = std::fs::read_dir(site.path("var/quickstart/outbox")).unwrap();
    let mails = folder.map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap());
    mails.filter(|text| text.contains("Message-ID: <X-")).count()
}

fn refused_beyond_the_year(site: &Site) {
    let beyond = site.run(&[
        "exception",
        "add",
        "--rule",
        "V11D",
        "--person",
        "012345",
        "--limit",
        "600000000",
        "--until",
        "2099-04-01",
        "--approver",
        "012101",
        "--by",
        "012102",
        "--reason",
        "x",
    ]);
    beyond.bad(1, &["ends with the fiscal year"]);
}
