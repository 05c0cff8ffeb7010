//! Rights given for days that had passed: told to whoever checks, never healed in silence.

use super::{DATASETS, TOP, WITH_POSTS, alerts, bring, day, to};
use crate::support::daemon::{TestDaemon, jst};
use crate::support::site::says;

const RULES: &str = r#"
[[rule]]
id = "A1"
title = "権限の終了後の利用"
kind = "account"
standing = ["revoked", "not-yet-valid"]
severity = "critical"
[[rule]]
id = "A4"
title = "台帳にない利用者ID"
kind = "account"
standing = ["unknown"]
severity = "warning"
[[rule]]
id = "P1"
title = "権限のない情報資産の利用"
kind = "grant"
lacks = ["dataset"]
severity = "warning"
"#;

const HEAD: &str = "職員番号,利用者ID,所属名,情報資産,権限開始日,権限終了日\n";
/// u0000 and u0003 use kaigo, u0001 and u0002 zei.
const BEFORE: &str = "000000,u0000,介護保険課,kaigo,R6.4.1,R8.3.31\n000001,u0001,税務課,kaigo,R6.4.1,\n\
    000002,u0002,税務課,zei,R6.4.1,\n";

fn four(date: &str) -> String {
    day(date).lines().take(4).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_right_given_for_days_that_had_passed_is_told_to_the_auditor_and_the_head_of_the_agency() {
    let files = [
        ("sekimori.toml", WITH_POSTS),
        ("datasets.toml", DATASETS),
        ("rules.toml", RULES),
        ("sections.toml", TOP),
        ("accounts.csv", &format!("{HEAD}{BEFORE}")),
        ("access.log", ""),
    ];
    let mut daemon = TestDaemon::start(&files, jst("2026-04-01 08:00:00"));
    daemon.set_clock("2026-04-01 18:00:00");
    daemon.write("access.log", &four("01/Apr/2026"));
    daemon.settle();
    daemon.deliver();
    // Retired, not granted, granted, in no register.
    let then = alerts(&daemon);
    let rules: Vec<(&str, &str)> = then.keys().map(|(rule, who)| (rule.as_str(), who.as_str())).collect();
    assert_eq!(rules, [("A1", "000000"), ("A4", "u0003"), ("P1", "000001")]);

    // On the 10th somebody prolongs the first, grants the second, and registers the last: each since 1 April.
    let after = "000000,u0000,介護保険課,kaigo,R6.4.1,\n000001,u0001,税務課,kaigo;zei,R6.4.1,\n\
        000002,u0002,税務課,zei,R6.4.1,\n000003,u0003,介護保険課,kaigo,R8.4.1,\n";
    bring(&mut daemon, "2026-04-10 09:00:00", &format!("{HEAD}{after}"));
    for address in [
        "kansa@city.example.jp",
        "soumu-bucho@city.example.jp",
        "soc@city.example.jp",
    ] {
        let told = to(&daemon, address);
        let about: Vec<_> = told
            .iter()
            .filter(|(subject, _)| subject.contains("さかのぼって認められた"))
            .collect();
        assert_eq!(about.len(), 1, "{address}: {told:?}");
        println!("{}\n\n{}", about[0].0, about[0].1);
        says(
            &about[0].1,
            &[
                "版 2",
                "3 件",
                "職員番号 000000（介護保険課）　介護保険被保険者台帳",
                "当時：権限終了後",
                "職員番号 000001（税務課）　住民税課税台帳",
                "当時：付与されていない利用",
                "職員番号 000003（介護保険課）",
                "当時：台帳に登録なし",
            ],
        );
        assert!(!about[0].1.contains("000002"), "what was granted all along is no news");
    }
    assert_eq!(alerts(&daemon), then, "what was found stays found");

    // Once a version, whatever restarts.
    let mails = daemon.mails().len();
    daemon.restart();
    daemon.settle();
    daemon.deliver();
    assert_eq!(daemon.mails().len(), mails);
}
