//! Three days without a mail relay, and what people get when it is back: each 重大 singly, the rest in one mail.
//!
//! Not here: what single answers of a relay mean (`mail::smtp`), a real relay (tests/live).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::support::city;
use crate::support::daemon::{Taken, TestDaemon, jst};

const MAIN: &str = city!(
    "\"soc@city.example.jp\", \"csirt@city.example.jp\"",
    "sections = \"sections.toml\"",
    r#"sign_of_life = "off"
[[source]]
name = "juki-csv"
paths = ["oplog.csv"]
format = "csv"
[source.fields]
time = "処理日時"
user = "利用者ID"
operation = "操作区分"
resource = "機能名"
rows = "件数"
"#
);

const DATASETS: &str = r#"
[[dataset]]
id = "juki"
title = "住民基本台帳"
tier = "A"
owner = "市民課"
registered = 90000
[[dataset.match]]
sources = ["juki-csv"]
resource = "住民票抽出"
class = "export"
"#;

const RULES: &str = r#"
[[rule]]
id = "V1"
title = "1回の大量出力"
kind = "volume"
when = { operation = ["export"] }
count = "records"
per = ["person", "dataset"]
within = "one access"
limit = { A = 1000 }
severity = "critical"
basis = ["22"]
[[rule]]
id = "V2"
title = "1回のやや多い出力"
kind = "volume"
when = { operation = ["export"] }
count = "records"
per = ["person", "dataset"]
within = "one access"
limit = { A = 100 }
severity = "warning"
basis = ["22"]
"#;

const POSTS: &str = r#"
[[post]]
role = "manager"
section = "市民課"
person = "011000"
office = ["kacho@city.example.jp"]
[[post]]
role = "manager"
section = "市民課"
person = "011002"
deputy = 1
office = ["hosa@city.example.jp"]
[[post]]
role = "general"
person = "000010"
office = ["soukatsu@city.example.jp"]
"#;

const ALERTS: u64 = 500;
/// One alert in so many is 重大.
const CRITICAL_EVERY: u64 = 25;
const EVERYBODY: [&str; 3] = ["soc@city.example.jp", "csirt@city.example.jp", "kacho@city.example.jp"];

fn is_critical(n: u64) -> bool {
    n.is_multiple_of(CRITICAL_EVERY)
}

/// The relay goes away on Friday at 9:00; 500 alerts come until Monday at 9:00.
fn three_days() -> TestDaemon {
    let people: String = (0..ALERTS)
        .map(|n| format!("{:06},u{n},市民課,R5.4.1,\n", 20_000 + n))
        .collect();
    let people = format!("職員番号,利用者ID,所属名,権限開始日,権限終了日\n{people}");
    let files = [
        ("sekimori.toml", MAIN),
        ("datasets.toml", DATASETS),
        ("rules.toml", RULES),
        ("sections.toml", POSTS),
        ("accounts.csv", people.as_str()),
        ("oplog.csv", "処理日時,利用者ID,操作区分,機能名,件数\n"),
    ];
    let mut daemon = TestDaemon::start(&files, jst("2026-11-27 09:00:00"));
    daemon.set_relay(false);
    let each = Duration::from_secs(3 * 86_400 / ALERTS);
    for n in 0..ALERTS {
        daemon.tick(each);
        let at = sekimori::calendar::Jst::from(daemon.now());
        let (day, clock) = (at.day.iso().replace('-', "/"), at.clock());
        let records = if is_critical(n) { 5_000 } else { 150 };
        daemon.write(
            "oplog.csv",
            &format!("{day} {clock},u{n},ファイル出力,住民票抽出,{records}\n"),
        );
        daemon.settle();
        if n % 10 == 0 {
            daemon.deliver();
        }
        if n % 97 == 0 {
            daemon.crash();
            daemon.rise();
        }
    }
    assert_eq!(daemon.mails(), [], "the relay is away");
    daemon
}

fn to<'a>(mails: &'a [Taken], address: &str) -> Vec<&'a Taken> {
    mails.iter().filter(|m| m.recipient == address).collect()
}

fn number(n: u64) -> String {
    format!("A-2026-{:06}", n + 1)
}

/// Each 重大 singly and in order, one digest that names all the rest, and nothing else.
fn assert_told(mails: &[Taken], address: &str) {
    let his = to(mails, address);
    let single: Vec<&str> = his
        .iter()
        .filter(|m| m.message.subject.contains("重大"))
        .map(|m| m.message.message_id.split('.').next().unwrap())
        .collect();
    let wanted: Vec<String> = (0..ALERTS).filter(|n| is_critical(*n)).map(number).collect();
    assert_eq!(single, wanted, "{address}");
    let rest: Vec<&&Taken> = his.iter().filter(|m| !m.message.subject.contains("重大")).collect();
    assert_eq!(
        rest.len(),
        1,
        "{address}: {:?}",
        rest.iter().map(|m| &m.message.subject).collect::<Vec<_>>()
    );
    let body = &rest[0].message.body;
    let named: Vec<u64> = (0..ALERTS).filter(|n| body.contains(&number(*n))).collect();
    let wanted: Vec<u64> = (0..ALERTS).filter(|n| !is_critical(*n)).collect();
    assert_eq!(named, wanted, "{address}");
    assert!(body.contains("全480通"), "{body}");
}

fn assert_once(mails: &[Taken]) {
    let mut seen = BTreeMap::new();
    for mail in mails {
        *seen.entry((&mail.message.message_id, &mail.recipient)).or_insert(0) += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, n)| 1 < **n).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn after_three_days_each_critical_alert_comes_singly_and_the_rest_in_one_mail() {
    let mut daemon = three_days();
    daemon.set_relay(true);
    daemon.tick(Duration::from_secs(60));
    daemon.deliver();
    let mails = daemon.mails();
    EVERYBODY.iter().for_each(|address| assert_told(&mails, address));
    assert_once(&mails);
    assert_eq!(mails.len(), EVERYBODY.len() * 21);
    // Urgent ones leave before the digest.
    for address in EVERYBODY {
        let last = to(&mails, address).pop().unwrap();
        assert!(last.message.subject.contains("まとめ"), "{}", last.message.subject);
    }
    assert_eq!(daemon.mail_counts().waiting, 0);
    // Nobody answers: the deputy gets each critical one after half an hour, the others together after four hours.
    let before = daemon.mails().len();
    for _ in 0..(5 * 60) {
        daemon.tick(Duration::from_secs(60));
        daemon.step();
        daemon.deliver();
    }
    let mails = daemon.mails().split_off(before);
    let deputy = to(&mails, "hosa@city.example.jp");
    let (single, together): (Vec<&Taken>, Vec<&Taken>) = deputy
        .into_iter()
        .partition(|m| m.message.urgent && m.message.subject.contains("重大"));
    assert_eq!((single.len(), together.len()), (20, 1));
    let body = &together[0].message.body;
    assert!((0..ALERTS).all(|n| is_critical(n) != body.contains(&number(n))));
    assert_once(&daemon.mails());
}

#[test]
fn one_who_is_put_off_and_one_who_is_refused_hold_nobody_back() {
    let mut daemon = three_days();
    daemon.set_relay(true);
    daemon.answer("soc@city.example.jp", 451);
    daemon.answer("csirt@city.example.jp", 552);
    daemon.tick(Duration::from_secs(60));
    daemon.deliver();
    let mails = daemon.mails();
    assert_told(&mails, "kacho@city.example.jp");
    assert_eq!(mails.len(), 21);
    // Greylisted: it comes later, singly or together as before.
    daemon.answer("soc@city.example.jp", 250);
    for _ in 0..40 {
        daemon.tick(Duration::from_secs(60));
        daemon.deliver();
    }
    let mails = daemon.mails();
    assert_told(&mails, "soc@city.example.jp");
    assert_eq!(to(&mails, "csirt@city.example.jp").len(), 0);
    assert_once(&mails);
}

#[test]
fn killed_at_every_third_mail_nothing_is_lost_and_only_what_was_in_hand_may_come_twice() {
    let mut daemon = three_days();
    daemon.set_relay(true);
    let mut deaths = 0;
    loop {
        daemon.tick(Duration::from_secs(20));
        if !daemon.crash_in_mail(2) {
            break;
        }
        deaths += 1;
        daemon.rise();
        assert!(deaths < 200, "it never ends");
    }
    assert!(15 < deaths, "{deaths} deaths");
    let mut mails = daemon.mails();
    let all = mails.len();
    let mut seen = BTreeSet::new();
    mails.retain(|m| seen.insert((m.message.message_id.clone(), m.recipient.clone())));
    // Three recipients are served beside each other: so many mails are in hand when the process dies.
    let in_hand = deaths * EVERYBODY.len();
    assert!(all - mails.len() <= in_hand, "{} came twice", all - mails.len());
    for address in EVERYBODY {
        let mut his: Vec<Taken> = mails.iter().filter(|m| m.recipient == address).cloned().collect();
        his.sort_by_key(|m| m.at.micros());
        assert_told(&his, address);
    }
}
