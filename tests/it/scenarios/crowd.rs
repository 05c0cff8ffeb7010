//! More alerts at once than anybody reads one by one.

use super::{JUKI_HEADER, SHIPPED, SOC, extract, jst};
use crate::support::daemon::TestDaemon;

const RULE: &str = r#"
[[rule]]
id = "V"
title = "大量出力"
kind = "volume"
severity = "warning"
count = "records"
per = ["person", "dataset"]
within = "one access"
limit = 10
basis = ["22"]
explain = { ja = "多い。", en = "Many." }
"#;

#[test]
fn alerts_told_together_are_told_to_the_section_that_owns_the_data_as_well() {
    let mut register = "職員番号,利用者ID,所属名,権限開始日,権限終了日\n".to_owned();
    let people = 0..520;
    for n in people.clone() {
        register.push_str(&format!("{n:06},u{n:06},税務課,R5.4.1,\n"));
    }
    let files = [
        ("sekimori.toml", SHIPPED),
        ("datasets.toml", include_str!("../../../config/datasets.toml")),
        ("rules.toml", RULE),
        ("accounts.csv", register.as_str()),
        ("oplog.csv", JUKI_HEADER),
    ];
    let mut daemon = TestDaemon::start(&files, jst("2026-11-18 10:05:00"));
    let lines: String = people
        .map(|n| extract("2026-11-18 10:00:00", &format!("u{n:06}"), 11))
        .collect();
    daemon.write("oplog.csv", &lines);
    daemon.settle();
    daemon.deliver();
    assert_eq!(daemon.alerts().len(), 520);
    for address in [SOC, "shiminka-hogo@city.example.jp"] {
        let mails = daemon.mails();
        let mails = mails.iter().filter(|m| m.recipient == address);
        let (lists, single): (Vec<_>, Vec<_>) = mails.partition(|m| m.message.message_id.starts_with("M-V-"));
        let of_one = |text: &str| (0..520).filter(|n| text.contains(&format!("{n:06}"))).count();
        let listed: usize = lists.iter().map(|m| of_one(&m.message.body)).sum();
        assert_eq!((single.len(), lists.len(), listed), (500, 1, 20), "{address}");
    }
}
