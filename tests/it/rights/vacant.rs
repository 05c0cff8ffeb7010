//! The post of 保護管理者 stands empty: the mail goes one step up, on the real binary.
//! `cargo test --test it -- rights::vacant --nocapture` shows the mails.

use sekimori::calendar::Day;

use super::live::{Mail, POSTS, STAFF, line, mails, one, show, site, write_log};
use crate::support::site::{Site, says};

/// 総括保護管理者, above every section.
const GENERAL: &str = r#"
[[post]]
role = "general"
person = "000010"
office = ["soukatsu@city.example.jp"]
"#;

const HEAD_OF_SECTION: &str = "012101,012101,正規,市民課,R4.4.1,,在職,\n";

/// A town whose head of 市民課 stands in the register as `head` says.
fn town(head: &str) -> Site {
    let site = site("");
    let file = site.path("config/accounts.csv");
    let register = std::fs::read_to_string(&file).unwrap();
    assert!(STAFF.contains(HEAD_OF_SECTION) && register.contains(HEAD_OF_SECTION));
    std::fs::write(&file, register.replace(HEAD_OF_SECTION, head)).unwrap();
    std::fs::write(site.path("config/sections.toml"), format!("{POSTS}{GENERAL}")).unwrap();
    site
}

/// The mail about 34,000 records that left 市民課.
fn told(site: &Site, what: &str) -> Mail {
    let day = Day::of(2025, 11, 27).unwrap();
    write_log(site, &line(day, "10:15:00", "012103", "ファイル出力", 34_000));
    site.pass().good();
    let mut all = mails(site);
    let subject = one(&all, "重大").subject.clone();
    let mail = all.swap_remove(all.iter().position(|m| m.subject == subject).unwrap());
    show(what, &mail);
    mail
}

#[test]
fn a_critical_alert_goes_to_the_head_of_the_section_and_not_above_while_he_is_there() {
    let mail = told(&town(HEAD_OF_SECTION), "the head is there");
    says(&mail.to, &["shiminka-kacho@", "shiminka-shusa@"]);
    assert!(!mail.to.contains("soukatsu@"), "{}", mail.to);
}

#[test]
fn where_the_head_of_the_section_has_left_or_was_moved_the_mail_goes_one_step_up_at_once() {
    let retired = "012101,012101,正規,市民課,R4.4.1,R7.3.31,在職,\n";
    let moved = "012101,012101,正規,市民課,R4.4.1,R7.3.31,在職,\n012101,012101,正規,図書館,R7.4.1,,在職,\n";
    let on_leave = "012101,012101,正規,市民課,R4.4.1,,休職,\n";
    for (what, head) in [("retired", retired), ("moved", moved), ("on leave", on_leave)] {
        let site = town(head);
        let mail = told(&site, what);
        says(&mail.to, &["soukatsu@", "shiminka-shusa@"]);
        assert!(!mail.to.contains("shiminka-kacho@"), "{what}: {}", mail.to);
        assert!(
            mail.body.starts_with("総括保護管理者") && !mail.body.contains("保護管理者 様\n（写"),
            "{what}: the mail speaks to whoever gets it:\n{}",
            mail.body
        );
        let body: String = mail.body.split_whitespace().collect();
        says(
            &body,
            &[
                "保護管理者：権限が失効（退職・休職・異動等）",
                "総括保護管理者（先の方に通知できないため）",
            ],
        );
        let number = site.alerts()[0]["number"].as_str().unwrap().to_owned();
        let shown = site.run_ja(&["alert", "show", &number]).good().out;
        println!("{shown}");
        says(&shown, &["総括保護管理者"]);
    }
}
