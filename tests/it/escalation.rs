//! Who hears of an alert while nobody answers for it: absence, vacancy, refused mails, silence, and the suspect.
//!
//! The whole daemon with a manual clock; what each test expects was worked out by hand from the times in
//! docs/configuration.md. Not here: the ladder level by level (`alert::ladder`).

use std::time::Duration;

use sekimori::alert::AlertId;
use sekimori::alert::ladder::Hop;
use sekimori::calendar::Jst;
use sekimori::evidence::Entry;
use sekimori::store::StoreError;

use crate::support::city;
use crate::support::daemon::{Taken, TestDaemon, jst};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

const MAIN: &str = city!(
    "\"kojinjoho-security@city.example.jp\"",
    "sections = \"sections.toml\"",
    r#"[escalation]
duty = ["toban@city.example.jp"]
phone = "当直 048-000-0000"
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

/// 保護担当者 011001, 保護管理者 011000, 総括保護管理者 000010, 監査責任者 000020, 情報システム管理者 000030.
const POSTS: &str = r#"
[[post]]
role = "officer"
section = "市民課"
person = "011001"
office = ["tanto@city.example.jp"]
off_hours = ["tanto-yakan@city.example.jp"]
[[post]]
role = "manager"
section = "市民課"
person = "011000"
office = ["kacho@city.example.jp"]
off_hours = ["kacho-yakan@city.example.jp"]
[[post]]
role = "general"
person = "000010"
office = ["soukatsu@city.example.jp"]
off_hours = ["soukatsu-yakan@city.example.jp"]
[[post]]
role = "auditor"
person = "000020"
office = ["kansa@city.example.jp"]
[[post]]
role = "system"
person = "000030"
office = ["system@city.example.jp"]
"#;

const LEAVE: &str = r#"
[[absence]]
person = "011000"
from = "R8.11.20"
to = "R8.11.24"
"#;

const DEPUTY: &str = r#"
[[post]]
role = "manager"
section = "市民課"
person = "011002"
deputy = 1
office = ["hosa@city.example.jp"]
"#;

const PEOPLE: &str = "職員番号,利用者ID,所属名,権限開始日,権限終了日\n012345,u12345,市民課,R5.4.1,\n\
    011000,u11000,市民課,R5.4.1,\n011001,u11001,市民課,R5.4.1,\n011002,u11002,市民課,R5.4.1,\n\
    000010,u10,総務部,R5.4.1,\n000020,u20,監査室,R5.4.1,\n000030,u30,情報政策課,R5.4.1,\n";

const HEAD: &str = "処理日時,利用者ID,端末名,操作区分,機能名,件数,処理結果,宛名番号\n";

fn city(posts: &str, now: &str) -> TestDaemon {
    let posts = format!("{POSTS}{posts}");
    let files = [
        ("sekimori.toml", MAIN),
        ("datasets.toml", DATASETS),
        ("rules.toml", RULES),
        ("sections.toml", posts.as_str()),
        ("accounts.csv", PEOPLE),
        ("oplog.csv", HEAD),
    ];
    TestDaemon::start(&files, jst(now))
}

/// Somebody takes out `records` at `at`.
fn export(daemon: &mut TestDaemon, at: &str, user: &str, records: u64) {
    let line = format!(
        "{},{user},PC1,ファイル出力,住民票抽出,{records},正常,1\n",
        at.replace('-', "/")
    );
    daemon.write("oplog.csv", &line);
    assert!(daemon.settle());
    daemon.deliver();
}

/// The clock goes on and the daemon looks, and sends what there is to send.
fn pass(daemon: &mut TestDaemon, time: Duration) {
    daemon.tick(time);
    daemon.step();
    daemon.deliver();
}

/// Hops of the first alert: `14:03:30 manager 011000 absent`.
fn hops(daemon: &TestDaemon) -> Vec<String> {
    let line = |hop: &Hop| {
        let at = Jst::from(hop.at);
        let who = if hop.person.is_empty() { "-" } else { &hop.person };
        format!(
            "{} {} {} {who} {}",
            at.day.date().day,
            at.clock(),
            hop.place.as_str(),
            hop.why.as_str()
        )
    };
    daemon.store().hops(AlertId(1)).unwrap().iter().map(line).collect()
}

fn got(daemon: &TestDaemon, address: &str) -> Vec<Taken> {
    daemon.mails().into_iter().filter(|m| m.recipient == address).collect()
}

#[test]
fn leave_a_vacant_deputy_and_a_refused_mail_bring_the_alert_to_the_duty_officer_at_once() {
    let mut daemon = city(LEAVE, "2026-11-21 14:03:30");
    daemon.answer("soukatsu-yakan@city.example.jp", 550);
    export(&mut daemon, "2026-11-21 14:03:27", "u12345", 12_480);
    let first = [
        "21 14:03:30 officer 011001 first",
        "21 14:03:30 manager 011000 absent",
        "21 14:03:30 manager - vacant",
        "21 14:03:30 deputy - vacant",
        "21 14:03:30 general 000010 nobody-below",
        "21 14:03:30 general-deputy - vacant",
    ];
    assert_eq!(hops(&daemon), first);
    pass(&mut daemon, SECOND);
    let refused = [
        "21 14:03:31 general - vacant",
        "21 14:03:31 duty - refused",
        "21 14:03:31 security - refused",
    ];
    assert_eq!(hops(&daemon)[6..], refused);
    let duty = got(&daemon, "toban@city.example.jp");
    assert_eq!(duty.len(), 1);
    let Taken { message, at, .. } = &duty[0];
    assert_eq!(*at, jst("2026-11-21 14:03:31"));
    assert!(message.subject.contains("次順位へ通知"), "{}", message.subject);
    for words in [
        "メールが届かなかったため",
        "時間外の連絡先",
        "当直 048-000-0000",
        "保護管理者：不在",
        "該当者なし",
    ] {
        let body: String = message.body.split_whitespace().collect();
        let words: String = words.split_whitespace().collect();
        assert!(body.contains(&words), "`{words}` is not in\n{}", message.body);
    }
    // Nobody else for a day; then the last level once more, and nobody after somebody answered.
    for _ in 0..23 {
        pass(&mut daemon, HOUR);
    }
    pass(&mut daemon, 59 * MINUTE + 59 * SECOND);
    assert_eq!(hops(&daemon).len(), 9);
    pass(&mut daemon, SECOND);
    assert_eq!(
        hops(&daemon)[9..],
        ["22 14:03:31 security - again", "22 14:03:31 duty - again"]
    );
    let now = daemon.now();
    daemon
        .console()
        .acknowledge("A-2026-000001", "000020", "当直から電話で報告を受けた", now)
        .unwrap();
    for _ in 0..3 {
        pass(&mut daemon, 24 * HOUR);
    }
    assert_eq!(hops(&daemon).len(), 11);
    assert_eq!(entries(&daemon), hops(&daemon).len(), "each hop stands in the ledger");
}

/// Hops in the ledger, each with its place and reason.
fn entries(daemon: &TestDaemon) -> usize {
    let lines = daemon.store().ledger_lines(0, 10_000).unwrap();
    let entries = lines.iter().map(|line| Entry::read(line.as_bytes()).unwrap());
    entries
        .filter(|e| !e.text("place").is_empty() && !e.text("why").is_empty())
        .count()
}

#[test]
fn silence_brings_it_up_in_the_times_of_the_hour() {
    // Friday in office hours; everybody is there.
    let mut daemon = city(DEPUTY, "2026-11-20 16:00:00");
    export(&mut daemon, "2026-11-20 15:59:59", "u12345", 12_480);
    for _ in 0..(5 * 60) {
        pass(&mut daemon, MINUTE);
    }
    let wanted = [
        "20 16:00:00 officer 011001 first",
        "20 16:00:00 manager 011000 first",
        // 30 minutes within office hours.
        "20 16:30:00 deputy 011002 unanswered",
        // An hour; it is past 17:15 now, so at the address for the night.
        "20 17:30:00 general 000010 unanswered",
        "20 17:30:00 general-deputy - vacant",
        "20 19:30:00 duty - unanswered",
        "20 19:30:00 security - unanswered",
    ];
    assert_eq!(hops(&daemon), wanted);
    assert_eq!(got(&daemon, "kacho@city.example.jp").len(), 1);
    assert_eq!(got(&daemon, "soukatsu-yakan@city.example.jp").len(), 1);
    assert_eq!(got(&daemon, "soukatsu@city.example.jp").len(), 0);
    let first = &got(&daemon, "kacho@city.example.jp")[0].message;
    assert!(first.subject.contains("[要確認 30分以内]"), "{}", first.subject);
    let deputy = &got(&daemon, "hosa@city.example.jp")[0].message;
    assert_eq!(
        deputy.in_reply_to.as_deref(),
        Some(first.message_id.as_str()),
        "one thread"
    );
}

#[test]
fn an_acknowledgement_in_time_ends_the_climb_and_a_reopened_alert_begins_anew() {
    let mut daemon = city(DEPUTY, "2026-11-20 10:00:00");
    export(&mut daemon, "2026-11-20 09:59:59", "u12345", 12_480);
    pass(&mut daemon, 29 * MINUTE);
    let now = daemon.now();
    daemon
        .console()
        .acknowledge("A-2026-000001", "011000", "確認中", now)
        .unwrap();
    for _ in 0..30 {
        pass(&mut daemon, HOUR);
    }
    assert_eq!(hops(&daemon).len(), 2);
    let now = daemon.now();
    let closed = sekimori::alert::ClosedAs::Legitimate;
    daemon
        .console()
        .close_alert("A-2026-000001", "011000", closed, "統計", now)
        .unwrap();
    daemon.set_clock("2026-11-24 10:00:00");
    let now = daemon.now();
    daemon
        .console()
        .reopen("A-2026-000001", "000010", "説明に疑問がある", now)
        .unwrap();
    pass(&mut daemon, SECOND);
    pass(&mut daemon, 30 * MINUTE);
    let again = [
        "24 10:00:01 officer 011001 first",
        "24 10:00:01 manager 011000 first",
        "24 10:30:01 deputy 011002 unanswered",
    ];
    assert_eq!(hops(&daemon)[2..], again);
}

#[test]
fn restarts_and_crashes_change_no_hop() {
    let mut daemon = city(DEPUTY, "2026-11-20 10:00:00");
    export(&mut daemon, "2026-11-20 09:59:59", "u12345", 12_480);
    for minute in 0..120 {
        daemon.tick(MINUTE);
        daemon.step();
        if minute % 3 == 0 {
            daemon.crash();
            daemon.rise();
        }
        if !daemon.crash_in_mail(0) {
            daemon.deliver();
        }
        daemon.rise();
        daemon.deliver();
    }
    let wanted = [
        "20 10:00:00 officer 011001 first",
        "20 10:00:00 manager 011000 first",
        "20 10:30:00 deputy 011002 unanswered",
        "20 11:30:00 general 000010 unanswered",
        "20 11:30:00 general-deputy - vacant",
    ];
    assert_eq!(hops(&daemon), wanted);
}

#[test]
fn a_suspect_neither_gets_nor_acknowledges_nor_closes_his_own_alert() {
    let cases = [
        ("u11000", "011000", ["kacho@", "kacho-yakan@"]),
        ("u11002", "011002", ["hosa@", "hosa@"]),
        ("u10", "000010", ["soukatsu@", "soukatsu-yakan@"]),
        ("u30", "000030", ["system@", "system@"]),
    ];
    for (user, person, own) in cases {
        let mut daemon = city(DEPUTY, "2026-11-20 10:00:00");
        export(&mut daemon, "2026-11-20 09:59:59", user, 12_480);
        for _ in 0..(30 * 60) {
            pass(&mut daemon, MINUTE);
        }
        let mails = daemon.mails();
        let his = |m: &&Taken| {
            own.iter()
                .any(|own| m.recipient.starts_with(own) || m.message.to.iter().any(|to| to.starts_with(own)))
        };
        assert_eq!(mails.iter().filter(his).count(), 0, "{person}");
        assert!(
            !got(&daemon, "toban@city.example.jp").is_empty(),
            "{person}: it reaches others"
        );
        let audited = !got(&daemon, "kansa@city.example.jp").is_empty();
        assert_eq!(audited, matches!(person, "000010" | "000030"), "{person}");
        let (mut console, now) = (daemon.console(), daemon.now());
        let number = "A-2026-000001";
        let done = [
            console.acknowledge(number, person, "自分で確認した", now),
            console.close_alert(number, person, sekimori::alert::ClosedAs::Legitimate, "業務", now),
            console.acknowledge(number, &format!(" {person}"), "自分で確認した", now),
        ];
        for one in done {
            assert!(matches!(one, Err(StoreError::Refused(_))), "{person}: {one:?}");
        }
        console.acknowledge(number, "000020", "監査責任者が確認", now).unwrap();
        let reopened = console.reopen(number, person, "x", now);
        assert!(matches!(reopened, Err(StoreError::Refused(_))));
    }
}

#[test]
fn a_mail_about_the_manager_greets_others_and_sends_nobody_to_him() {
    let mut daemon = city(DEPUTY, "2026-11-20 10:00:00");
    export(&mut daemon, "2026-11-20 09:59:59", "u11000", 12_480);
    export(&mut daemon, "2026-11-20 09:59:59", "u12345", 12_480);
    daemon.deliver();
    let mails = daemon.mails();
    let of = |number: &str| {
        let mut of = mails.iter().filter(|m| m.message.subject.contains(number));
        of.next().unwrap().message.body.clone()
    };
    let (his, other) = (of("A-2026-000001"), of("A-2026-000002"));
    assert!(his.contains("保護管理者本人の利用に関するもの"), "{his}");
    assert!(!his.contains("保護管理者 様\n（写"), "{his}");
    assert!(!his.contains("直ちに保護管理者へ報告"), "{his}");
    assert!(other.contains("市民課　保護管理者 様"), "{other}");
    assert!(other.contains("直ちに保護管理者へ報告"), "{other}");
}

#[test]
fn an_alert_is_assigned_commented_and_closed_and_its_four_times_stand_apart() {
    let mut daemon = city(DEPUTY, "2026-11-20 10:00:00");
    export(&mut daemon, "2026-11-20 09:59:59", "u11002", 12_480);
    let (mut console, number) = (daemon.console(), "A-2026-000001");
    let at = |minute: u64| jst("2026-11-20 10:00:00").plus(MINUTE * u32::try_from(minute).unwrap());
    let times = daemon.store().times(AlertId(1)).unwrap();
    assert_eq!((times.sent, times.known, times.dealt_with), (Some(at(0)), None, None));
    console.acknowledge(number, "011000", "電話で確認中", at(5)).unwrap();
    let himself = console.assign(number, "011000", "011002", "担当", at(6));
    assert!(matches!(himself, Err(StoreError::Refused(_))), "{himself:?}");
    console.assign(number, "011000", "011001", "聞取り", at(6)).unwrap();
    assert!(console.comment(number, "011002", "自分で書く", at(7)).is_err());
    console.comment(number, "011001", "所属長に確認した", at(30)).unwrap();
    let closed = sekimori::alert::ClosedAs::Legitimate;
    console
        .close_alert(number, "011001", closed, "国勢調査の準備", at(90))
        .unwrap();
    let times = daemon.store().times(AlertId(1)).unwrap();
    assert_eq!(times.known, Some((at(5), "011000".to_owned())));
    assert_eq!(times.dealt_with, Some((at(90), "011001".to_owned())));
    assert_eq!(times.assignee.as_deref(), Some("011001"));
    let steps: Vec<String> = daemon
        .store()
        .steps(AlertId(1))
        .unwrap()
        .into_iter()
        .map(|s| s.step)
        .collect();
    for step in [
        "detected",
        "mailed",
        "told",
        "acknowledged",
        "assigned",
        "commented",
        "closed",
    ] {
        assert!(steps.iter().any(|s| s == step), "{step} is not in {steps:?}");
    }
    // A further reason has no life of its own.
    let reason = console.acknowledge("A-2026-000001-2", "011000", "x", at(91));
    assert!(matches!(reason, Err(StoreError::Refused(_))), "{reason:?}");
}

#[test]
fn each_monday_those_who_get_every_alert_hear_that_the_watch_is_running_and_when_the_next_mail_comes() {
    let security = "kojinjoho-security@city.example.jp";
    let alive = |daemon: &TestDaemon| -> Vec<Taken> {
        let mut all = got(daemon, security);
        all.retain(|mail| mail.message.subject.contains("稼働報告"));
        all
    };
    // A Friday; the Monday is a holiday.
    let mut daemon = city(DEPUTY, "2026-11-20 10:00:00");
    export(&mut daemon, "2026-11-20 09:59:59", "u12345", 12_480);
    for _ in 0..70 {
        pass(&mut daemon, HOUR);
    }
    pass(&mut daemon, 44 * MINUTE);
    assert_eq!(alive(&daemon), []);
    pass(&mut daemon, MINUTE);
    pass(&mut daemon, HOUR);
    let told = alive(&daemon);
    assert_eq!(told.len(), 1);
    let body = &told[0].message.body;
    println!("{}\n\n{body}", told[0].message.subject);
    for words in [
        "令和8年11月16日（月）～令和8年11月22日（日）",
        "・juki-csv：2 行（解釈できない行 0）、最新の記録 令和8年11月20日（金）09:59:59",
        "重大 1 件、警告 0 件、注意 0 件（終結していないもの 1 件）",
        "次の報告：令和8年11月30日（月）",
    ] {
        assert!(body.contains(words), "`{words}` is not in\n{body}");
    }
    // Away on the next Monday: it is said on Tuesday, for the week before.
    pass(&mut daemon, 7 * 24 * HOUR);
    let told = alive(&daemon);
    assert_eq!(told.len(), 2);
    let body = &told[1].message.body;
    assert!(body.contains("・juki-csv：この期間に届いた記録はありません"), "{body}");
}
