//! What happens at agencies, as a security officer would notice it: one situation, the alerts and mails it makes.
//!
//! The first part runs the shipped `config/rules.toml`, `config/datasets.toml` and `config/accounts.csv`; the second
//! one rule at a time. Not here: faults (`simulation`), how a mail is laid out (`alert::text`).

mod crowd;
mod measured;
mod neighbours;

use std::time::Duration;

use sekimori::alert::{AlertState, ClosedAs};
use sekimori::clock::WallTime;
use sekimori::detect::Severity;

use crate::support::city;
use crate::support::daemon::{Seen, Taken, TestDaemon, jst, stamp};

const SOC: &str = "kojinjoho-security@city.example.jp";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

// --- the shipped rules -------------------------------------------------------------------------------------

/// The shipped configuration on logs of the three kinds of the quickstart.
const SHIPPED: &str = city!(
    "\"kojinjoho-security@city.example.jp\"",
    r#"[alerts.owners]
"市民課" = ["shiminka-hogo@city.example.jp"]
[[source]]
name = "juminzei-web"
paths = ["access.log"]
format = "combined"
[[source]]
name = "kaigo-app"
paths = ["audit.jsonl"]
format = "json"
[source.fields]
time = "at"
user = "user"
operation = "action"
resource = "screen"
rows = "count"
[[source]]
name = "juki-csv"
paths = ["oplog.csv"]
format = "csv"
[source.fields]
time = "処理日時"
user = "利用者ID"
source = "端末名"
operation = "操作区分"
resource = "機能名"
rows = "件数"
outcome = "処理結果"
subject = "宛名番号"
"#
);

const JUKI_HEADER: &str = "処理日時,利用者ID,端末名,操作区分,機能名,件数,処理結果,宛名番号,氏名\n";

fn shipped(now: &str) -> TestDaemon {
    let files = [
        ("sekimori.toml", SHIPPED),
        ("datasets.toml", include_str!("../../config/datasets.toml")),
        ("rules.toml", include_str!("../../config/rules.toml")),
        ("accounts.csv", include_str!("../../config/accounts.csv")),
        ("oplog.csv", JUKI_HEADER),
    ];
    TestDaemon::start(&files, jst(now))
}

/// A line of the juki log: an extract with a citizen's number and name in it, as such logs have them.
fn extract(at: &str, user: &str, records: u64) -> String {
    let at = at.replace('-', "/");
    format!("{at},{user},市民課-PC③,ファイル出力,住民票抽出,{records},正常,1234567890,関守 花子\n")
}

/// 16 files with 248 records on the Saturday after 008841 retired (Friday, inclusive).
fn saturday() -> Vec<String> {
    let files = (0..16u32).map(|n| {
        let at = format!("2026-11-21 09:{:02}:{:02}", 41 + n / 4, n % 4 * 13);
        extract(&at, "008841", if n < 8 { 15 } else { 16 })
    });
    files.collect()
}

fn bodies(mails: &[Taken]) -> String {
    mails
        .iter()
        .map(|m| format!("{}\n{}\n", m.message.subject, m.message.body))
        .collect()
}

fn to_soc(daemon: &TestDaemon) -> Vec<Taken> {
    daemon.mails().into_iter().filter(|m| m.recipient == SOC).collect()
}

/// The alerts people are told of; further reasons (`A-2026-000001-2`) stand in them.
fn leads(alerts: Vec<Seen>) -> Vec<Seen> {
    alerts
        .into_iter()
        .filter(|a| a.number.matches('-').count() == 2)
        .collect()
}

fn assert_tells_of_saturday(mail: &Taken, observed: &str) {
    let (subject, body) = (&mail.message.subject, &mail.message.body);
    assert!(
        subject.contains("重大") && subject.contains("住民基本台帳"),
        "{subject}"
    );
    assert!(mail.message.urgent);
    for fact in [
        "A1",
        "権限終了後・退職後の利用",
        "住民基本台帳",
        "しきい値：0回",
        "（土）",
        "9:41:00",
        "職員番号 008841",
        "市民課",
        "11月20日",
    ] {
        assert!(body.contains(fact), "`{fact}` is not in the mail:\n{body}");
    }
    assert!(body.contains(&format!("検知値　：{observed}")), "{body}");
    for private in ["1234567890", "関守 花子", "住民票抽出"] {
        assert!(
            !body.contains(private) && !subject.contains(private),
            "`{private}` is in the mail:\n{body}"
        );
    }
}

#[test]
fn sixteen_files_on_the_saturday_after_retirement_are_one_critical_mail() {
    let mut daemon = shipped("2026-11-20 17:00:00");
    daemon.write("oplog.csv", &extract("2026-11-20 16:59:00", "008841", 15));
    daemon.settle();
    assert_eq!(daemon.alerts(), [], "the right is in force until Friday 24:00");
    daemon.set_clock("2026-11-21 09:46:00");
    daemon.write("oplog.csv", &saturday().concat());
    daemon.step();
    daemon.deliver();
    let mails = to_soc(&daemon);
    assert_eq!(mails.len(), 1, "{}", bodies(&mails));
    assert_tells_of_saturday(&mails[0], "16回");
    assert!(mails[0].message.body.contains("248件"), "{}", mails[0].message.body);
    let owner = daemon
        .mails()
        .into_iter()
        .filter(|m| m.recipient == "shiminka-hogo@city.example.jp")
        .count();
    assert_eq!((owner, daemon.mails().len()), (1, 2));
    // T2X holds too, of the same files: a further reason, told in the same mail.
    let alerts = leads(daemon.alerts());
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (alerts[0].rule.as_str(), alerts[0].who.as_str(), alerts[0].severity),
        ("A1", "008841", Severity::Critical)
    );
}

#[test]
fn sixteen_files_arriving_over_an_hour_are_still_one_mail() {
    let mut daemon = shipped("2026-11-21 09:41:00");
    for line in saturday() {
        daemon.tick(4 * MINUTE);
        daemon.write("oplog.csv", &line);
        daemon.step();
        daemon.deliver();
    }
    let mails = to_soc(&daemon);
    assert_eq!(mails.len(), 1, "{}", bodies(&mails));
    assert_tells_of_saturday(&mails[0], "1回");
    // T2X holds too, of the same files: a further reason, told in the same mail.
    let alerts = leads(daemon.alerts());
    assert_eq!((alerts.len(), alerts[0].observed, alerts[0].hits), (1, 16, 16));
}

#[test]
fn ninety_nine_records_a_day_pass_the_thirty_day_limit_on_business_day_six() {
    let mut daemon = shipped("2026-11-01 09:00:00");
    let days = ["11-02", "11-04", "11-05", "11-06", "11-09", "11-10"];
    for (n, day) in days.iter().enumerate() {
        let at = format!("2026-{day} {:02}:30:00", 9 + n);
        daemon.set_clock(&at);
        let at = stamp(jst(&at).secs());
        let line = format!(r#"{{"at":"{at}","user":"kg011604","action":"CSV出力","screen":"/kaigo/list","count":99}}"#);
        daemon.write("audit.jsonl", &format!("{line}\n"));
        assert_eq!(daemon.alerts_of("V5"), [], "before business day {}", n + 1);
        daemon.settle();
        // The sum is in the book, not in memory.
        daemon.restart();
    }
    let alerts = daemon.alerts_of("V5");
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].observed, alerts[0].limit), (6 * 99, 500));
    assert_eq!(alerts[0].first_seen.micros(), jst("2026-11-10 14:30:00").micros());
    assert_eq!(
        (daemon.alerts_of("V1"), daemon.alerts_of("V3")),
        (vec![], vec![]),
        "no single day passes a limit"
    );
}

#[test]
fn an_administrator_who_takes_ninety_three_thousand_every_five_weeks_is_told_of_the_first_time() {
    let mut daemon = shipped("2026-06-01 12:00:00");
    let mut at = jst("2026-06-01 12:00:00");
    for take in 1..=3usize {
        daemon.write("oplog.csv", &extract(&text_of(at), "v-abc03", 93_000));
        daemon.step();
        daemon.deliver();
        let alerts = daemon.alerts_of("V1C");
        assert_eq!(alerts.len(), take, "each take is a situation of its own");
        assert!(
            alerts
                .iter()
                .all(|a| a.observed == 93_000 && a.severity == Severity::Critical && a.who == "900017")
        );
        at = at.plus(35 * DAY);
        daemon.tick(35 * DAY);
    }
    let first = &to_soc(&daemon)[0];
    assert_eq!(first.at, jst("2026-06-01 12:00:00"));
    assert!(daemon.mails().iter().any(|m| m.message.subject.contains("重大")));
    assert_eq!(
        daemon.alerts_of("V6").iter().map(|a| a.observed).max(),
        Some(3 * 93_000),
        "a year adds up"
    );
}

fn text_of(at: WallTime) -> String {
    stamp(at.secs()).replace('T', " ").replace("+09:00", "")
}

// --- one rule at a time --------------------------------------------------------------------------------------

const OFFICE: &str = r#"
agency = "○○市"
[store]
path = "sekimori.db"
[accounts]
register = "accounts.csv"
[ingest]
future_skew = "5m"
[mail]
from = "sekimori@city.example.jp"
[alerts]
to = ["kojinjoho-security@city.example.jp"]
repeat_critical = "4h"
repeat_warning = "24h"
[[source]]
name = "app"
paths = ["app.jsonl"]
format = "json"
[source.fields]
time = "at"
user = "user"
operation = "action"
resource = "screen"
rows = "count"
outcome = "result"
"#;

const DATASETS: &str = r#"
[[dataset]]
id = "zei"
title = "課税台帳"
tier = "A"
owner = "税務課"
[[dataset.match]]
resource = "zei"
class = "export"
[[dataset]]
id = "fukushi"
title = "福祉台帳"
tier = "S"
owner = "福祉課"
[[dataset.match]]
resource = "fukushi"
class = "export"
"#;

const ACCOUNTS: &str = "職員番号,利用者ID,区分,所属名,権限開始日,権限終了日,状態\n\
    012345,tz1,正規,税務課,R8.4.1,,在職\n012346,tz2,正規,税務課,R8.4.1,,在職\n012347,tz3,正規,税務課,R8.4.1,,在職\n\
    012348,tz4,正規,福祉課,R8.4.1,,在職\n";

/// A volume rule V on exports: what it counts, whose, over what span, with which limit.
fn office(what: &str) -> TestDaemon {
    let rules =
        format!("[[rule]]\nid = \"V\"\ntitle = \"大量出力\"\nkind = \"volume\"\nseverity = \"warning\"\n{what}\n");
    let files = [
        ("sekimori.toml", OFFICE),
        ("datasets.toml", DATASETS),
        ("accounts.csv", ACCOUNTS),
        ("rules.toml", &rules),
    ];
    TestDaemon::start(&files, jst("2026-11-18 10:00:00"))
}

/// An access at `at`; `count`: what the log says of the number of records.
fn access(at: WallTime, user: &str, dataset: &str, count: &str) -> String {
    let at = stamp(at.secs());
    format!("{{\"at\":\"{at}\",\"user\":\"{user}\",\"action\":\"出力\",\"screen\":\"{dataset}\"{count}}}\n")
}

fn rows(n: u64) -> String {
    format!(",\"count\":{n}")
}

/// tz1 takes `n` records of zei now; mails leave.
fn take(daemon: &mut TestDaemon, n: u64) {
    daemon.write("app.jsonl", &access(daemon.now(), "tz1", "zei", &rows(n)));
    daemon.step();
    daemon.deliver();
}

fn at(daemon: &mut TestDaemon, when: &str, n: u64) {
    daemon.set_clock(when);
    take(daemon, n);
    daemon.settle();
}

#[test]
fn exactly_the_limit_is_allowed_and_one_more_is_not() {
    let mut daemon = office("count = \"records\"\nwithin = \"24h\"\nlimit = 100");
    take(&mut daemon, 60);
    daemon.tick(HOUR);
    take(&mut daemon, 40);
    daemon.settle();
    assert_eq!((daemon.alerts(), daemon.mails()), (vec![], vec![]));
    take(&mut daemon, 1);
    let alerts = daemon.alerts();
    assert_eq!((alerts.len(), alerts[0].observed, alerts[0].limit), (1, 101, 100));
    assert_eq!(daemon.mails().len(), 1);
}

#[test]
fn a_situation_that_grows_is_mailed_at_two_five_and_ten_times_the_limit_as_one_thread() {
    let mut daemon = office("count = \"records\"\nwithin = \"24h\"\nlimit = 100");
    let mut mailed = Vec::new();
    for _ in 0..13 {
        take(&mut daemon, 90);
        daemon.tick(MINUTE);
        mailed.push(daemon.mails().len());
    }
    //              90 180 270 360 450 540 .. 990 1080: first, 2x at 270, 5x at 540, 10x at 1080
    assert_eq!(mailed, [0, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4]);
    let alerts = daemon.alerts();
    assert_eq!((alerts.len(), alerts[0].observed, alerts[0].hits), (1, 13 * 90, 12));
    let mails = daemon.mails();
    let first = &mails[0].message;
    assert_eq!(first.in_reply_to, None);
    assert!(
        mails
            .iter()
            .skip(1)
            .all(|m| m.message.in_reply_to.as_ref() == Some(&first.message_id))
    );
    let ids: std::collections::BTreeSet<_> = mails.iter().map(|m| &m.message.message_id).collect();
    assert_eq!(ids.len(), mails.len());
    assert!(mails[3].message.body.contains("1,080"), "{}", mails[3].message.body);
}

#[test]
fn a_situation_that_goes_on_is_mailed_again_after_the_repeat_interval_only() {
    let mut daemon = office("count = \"records\"\nwithin = \"one access\"\nlimit = 100");
    take(&mut daemon, 150);
    for _ in 0..23 {
        daemon.tick(HOUR);
        take(&mut daemon, 150);
    }
    assert_eq!(daemon.mails().len(), 1);
    daemon.tick(HOUR);
    daemon.settle();
    daemon.deliver();
    assert_eq!(daemon.mails().len(), 1, "nothing new, nothing to repeat");
    take(&mut daemon, 150);
    assert_eq!(daemon.mails().len(), 2);
    assert_eq!(daemon.alerts().len(), 1);
}

#[test]
fn a_closed_alert_stays_quiet_and_comes_back_when_it_has_grown() {
    let mut daemon = office("count = \"records\"\nwithin = \"24h\"\nlimit = 100");
    take(&mut daemon, 110);
    let number = daemon.alerts()[0].number.clone();
    daemon
        .console()
        .close_alert(
            &number,
            "012399",
            ClosedAs::Legitimate,
            "業務依頼 税第12号",
            daemon.now(),
        )
        .unwrap();
    take(&mut daemon, 80);
    let held = daemon.alerts();
    assert_eq!(
        (held.len(), held[0].observed, held[0].state),
        (1, 190, AlertState::Closed)
    );
    assert_eq!(daemon.mails().len(), 1);
    take(&mut daemon, 20);
    let back = daemon.alerts();
    assert_eq!(
        (back.len(), back[0].observed, back[0].state),
        (1, 210, AlertState::Open)
    );
    assert_eq!(daemon.mails().len(), 2);
    assert_eq!(back[0].number, number);
}

#[test]
fn many_hands_on_one_dataset_are_found_where_no_single_one_is() {
    let mut daemon = office("count = \"records\"\nper = [\"dataset\"]\nwithin = \"24h\"\nlimit = 100");
    for user in ["tz1", "tz2", "tz3", "tz4"] {
        daemon.write("app.jsonl", &access(daemon.now(), user, "zei", &rows(30)));
        daemon.write("app.jsonl", &access(daemon.now(), user, "fukushi", &rows(25)));
        daemon.settle();
        daemon.restart();
        daemon.tick(HOUR);
    }
    daemon.deliver();
    let alerts = daemon.alerts();
    assert_eq!(alerts.len(), 1, "four times 25 is exactly the limit");
    assert_eq!(
        (alerts[0].who.as_str(), alerts[0].dataset.as_str(), alerts[0].observed),
        ("", "zei", 120)
    );
    let mails = daemon.mails();
    assert_eq!(mails.len(), 1);
    for number in ["012345", "012346", "012347", "012348"] {
        assert!(
            !mails[0].message.body.contains(number),
            "it is nobody's alone:\n{}",
            mails[0].message.body
        );
    }
}

#[test]
fn a_calendar_day_ends_at_midnight_in_japan() {
    let apart = |first: &str, second: &str| -> Vec<Seen> {
        let mut daemon = office("count = \"records\"\nwithin = \"day\"\nlimit = 100");
        at(&mut daemon, first, 60);
        at(&mut daemon, second, 60);
        daemon.alerts()
    };
    assert_eq!(apart("2026-11-18 23:59:59", "2026-11-19 00:00:01"), []);
    assert_eq!(apart("2026-11-19 00:00:01", "2026-11-19 23:59:59").len(), 1);
    assert_eq!(
        apart("2026-11-18 08:59:59", "2026-11-18 09:00:01").len(),
        1,
        "09:00 is midnight in Greenwich only"
    );
}

#[test]
fn sixty_minutes_hold_what_is_fifty_nine_minutes_apart_and_not_what_is_sixty_one() {
    let apart = |second: &str, restart: bool| -> usize {
        let mut daemon = office("count = \"records\"\nwithin = \"60m\"\nlimit = 100");
        at(&mut daemon, "2026-11-18 10:00:00", 60);
        if restart {
            daemon.restart();
        }
        at(&mut daemon, second, 60);
        daemon.alerts().len()
    };
    for restart in [false, true] {
        assert_eq!(apart("2026-11-18 10:59:00", restart), 1);
        assert_eq!(apart("2026-11-18 11:01:00", restart), 0);
    }
}

#[test]
fn an_access_without_a_stated_number_counts_as_the_rule_says_and_is_shown_as_unknown() {
    let mut daemon = office("count = \"records\"\nwithin = \"24h\"\nlimit = 100\nunknown = 60");
    let unknown = |daemon: &TestDaemon| access(daemon.now(), "tz1", "zei", "");
    daemon.write("app.jsonl", &unknown(&daemon));
    daemon.settle();
    assert_eq!(daemon.alerts(), []);
    daemon.restart();
    daemon.write("app.jsonl", &unknown(&daemon));
    daemon.settle();
    daemon.deliver();
    assert_eq!(daemon.alerts()[0].observed, 120);
    let counts = daemon.counts();
    assert_eq!(counts.len(), 1);
    let [accesses, records, records_unknown, ..] = counts[0].amounts;
    assert_eq!((accesses, records, records_unknown), (2, 0, 2), "unknown is not zero");
    assert!(
        daemon.mails()[0].message.body.contains("不明"),
        "{}",
        daemon.mails()[0].message.body
    );
}

#[test]
fn a_line_without_a_time_is_a_reject_and_moves_no_counter() {
    let mut daemon = office("count = \"records\"\nwithin = \"24h\"\nlimit = 100");
    daemon.write(
        "app.jsonl",
        "{\"user\":\"tz1\",\"action\":\"出力\",\"screen\":\"zei\",\"count\":500}\n",
    );
    daemon.write(
        "app.jsonl",
        "{\"at\":\"yesterday\",\"user\":\"tz1\",\"action\":\"出力\",\"screen\":\"zei\",\"count\":500}\n",
    );
    daemon.settle();
    assert_eq!((daemon.alerts(), daemon.counts()), (vec![], vec![]));
    let rejects = daemon.sources()[0].rejects.clone();
    assert_eq!(rejects, [("missing-field".to_owned(), 1), ("time".to_owned(), 1)]);
}

#[test]
fn a_line_from_the_future_is_a_reject_and_leaves_the_windows_alone() {
    let mut daemon = office("count = \"records\"\nwithin = \"24h\"\nlimit = 100");
    take(&mut daemon, 60);
    let soon = daemon.now().plus(4 * MINUTE);
    let never = daemon.now().plus(300 * DAY);
    daemon.write("app.jsonl", &access(never, "tz1", "zei", &rows(60)));
    daemon.settle();
    assert_eq!(daemon.alerts().len(), 1, "it counts as of when it was read");
    assert_eq!(daemon.sources()[0].rejects, []);
    // A clock that runs four minutes ahead is within the allowance, and yesterday's window is still whole.
    daemon.write("app.jsonl", &access(soon, "tz1", "zei", &rows(60)));
    daemon.settle();
    assert_eq!(daemon.alerts()[0].observed, 180);
}

#[test]
fn a_refused_recipient_does_not_hold_back_the_other_and_is_not_tried_again() {
    let two = OFFICE.replace("to = [", "to = [\"gone@city.example.jp\", ");
    let rules = "[[rule]]\nid = \"V\"\ntitle = \"大量出力\"\nkind = \"volume\"\nseverity = \"warning\"\ncount = \"records\"\nwithin = \"24h\"\nlimit = 100\n";
    let files = [
        ("sekimori.toml", two.as_str()),
        ("datasets.toml", DATASETS),
        ("accounts.csv", ACCOUNTS),
        ("rules.toml", rules),
    ];
    let mut daemon = TestDaemon::start(&files, jst("2026-11-18 10:00:00"));
    daemon.answer("gone@city.example.jp", 550);
    daemon.answer(SOC, 451);
    take(&mut daemon, 200);
    assert_eq!(daemon.mails(), []);
    daemon.answer(SOC, 250);
    daemon.answer("gone@city.example.jp", 250);
    daemon.tick(HOUR);
    daemon.deliver();
    let taken: Vec<_> = daemon.mails().into_iter().map(|m| m.recipient).collect();
    assert_eq!(taken, [SOC]);
    let counts = daemon.mail_counts();
    assert_eq!((counts.sent, counts.dead, counts.waiting), (1, 1, 0));
}

#[test]
fn a_full_disk_loses_no_line_and_tells_once_it_has_room() {
    let mut daemon = office("count = \"records\"\nwithin = \"24h\"\nlimit = 100");
    daemon.fill_disk(true);
    let crowd = |daemon: &TestDaemon| -> String {
        (0..200)
            .map(|n| access(daemon.now(), &format!("nobody{n}"), "fukushi", &rows(1)))
            .collect()
    };
    for _ in 0..3 {
        daemon.write("app.jsonl", &crowd(&daemon));
        daemon.write("app.jsonl", &access(daemon.now(), "tz1", "zei", &rows(60)));
        assert!(!daemon.settle(), "nothing can be committed");
        daemon.tick(HOUR);
    }
    assert_eq!((daemon.counts(), daemon.alerts()), (vec![], vec![]));
    daemon.crash();
    daemon.rise();
    assert!(!daemon.settle());
    daemon.fill_disk(false);
    daemon.settle();
    daemon.deliver();
    assert_eq!(
        daemon.sources()[0].amounts[..3],
        [603, daemon.sources()[0].amounts[1], 603]
    );
    assert_eq!(
        (daemon.alerts().len(), daemon.alerts()[0].observed, daemon.mails().len()),
        (1, 180, 1)
    );
}
