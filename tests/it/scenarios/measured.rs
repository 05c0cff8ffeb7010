//! What an amount or a time of a log may be, and which of several reasons people read first.

use super::{HOUR, bodies, jst, leads, shipped, to_soc};

/// An export of the juki system.
fn export(at: &str, records: &str) -> String {
    format!("{at},012104,市民課-PC⑤,CSV出力,住民票抽出,{records},正常,,\n")
}

#[test]
fn the_take_of_the_morning_leads_and_not_the_ten_records_of_the_evening_before() {
    let mut daemon = shipped("2026-11-17 20:15:00");
    daemon.write("oplog.csv", &export("2026/11/17 20:14:00", "10"));
    daemon.settle();
    daemon.deliver();
    daemon.set_clock("2026-11-18 09:15:00");
    daemon.write("oplog.csv", &export("2026/11/18 09:14:00", "4000"));
    daemon.settle();
    daemon.deliver();
    let mails = to_soc(&daemon);
    let last = &mails.last().unwrap().message;
    assert!(last.body.contains("4,000件となり"), "{}\n{}", last.subject, last.body);
    assert!(last.body.contains("しきい値の約4.0倍"), "{}", last.body);
    // What grows from then on is told, whichever of the reasons it is.
    let before = mails.len();
    for (n, records) in ["3000", "3900"].iter().enumerate() {
        daemon.tick(HOUR);
        daemon.write("oplog.csv", &export(&format!("2026/11/18 1{n}:15:00"), records));
        daemon.settle();
        daemon.deliver();
    }
    let told: Vec<_> = to_soc(&daemon).split_off(before);
    assert!(bodies(&told).contains("倍に"), "{}", bodies(&told));
}

#[test]
fn a_number_that_cannot_be_is_no_number_and_mutes_nothing_that_follows() {
    let mut daemon = shipped("2026-11-18 09:00:00");
    daemon.write("oplog.csv", &export("2026/11/17 10:14:00", "99999999999999"));
    daemon.settle();
    daemon.deliver();
    assert!(
        leads(daemon.alerts())
            .iter()
            .all(|a| a.rule == "I" || a.observed < 1_000)
    );
    assert!(
        bodies(&to_soc(&daemon)).contains("あり得ない件数"),
        "{}",
        bodies(&to_soc(&daemon))
    );
    let before = to_soc(&daemon).len();
    for (n, records) in ["1500", "80000"].iter().enumerate() {
        daemon.write("oplog.csv", &export(&format!("2026/11/18 09:0{n}:00"), records));
        daemon.settle();
        daemon.deliver();
    }
    let told: Vec<_> = to_soc(&daemon).split_off(before);
    assert!(2 <= told.len(), "{}", bodies(&told));
    assert!(bodies(&told).contains("81,5"), "{}", bodies(&told));
}

#[test]
fn a_clock_that_runs_ahead_is_told_of_once_and_hides_nothing() {
    let mut daemon = shipped("2026-11-18 09:00:00");
    for minute in 10..20 {
        daemon.write("oplog.csv", &export(&format!("2026/11/18 10:{minute}:00"), "900"));
        daemon.settle();
        daemon.deliver();
    }
    let mails = bodies(&to_soc(&daemon));
    assert_eq!(mails.matches("日時が現在より先の記録").count(), 1, "{mails}");
    assert_eq!(daemon.sources()[2].rejects, []);
    let alerts = daemon.alerts_of("V3");
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].observed, 9_000);
    assert_eq!(alerts[0].first_seen.secs(), jst("2026-11-18 09:00:00").secs());
}

#[test]
fn forty_files_whose_records_nobody_counted_are_told_of_by_their_size() {
    let mut daemon = shipped("2026-11-18 09:00:00");
    for minute in 10..50 {
        let line = format!(
            "10.20.3.14 - tz012345 [18/Nov/2026:08:{minute}:11 +0900] \"GET /juminzei/export/a{minute}.csv HTTP/1.1\" 200 \
             4900000 \"-\" \"x\"\n"
        );
        daemon.write("access.log", &line);
    }
    daemon.settle();
    daemon.deliver();
    assert_eq!(daemon.alerts_of("V11E").len(), 1);
    let mails = bodies(&to_soc(&daemon));
    assert!(mails.contains("24時間の大容量の出力"), "{mails}");
}
