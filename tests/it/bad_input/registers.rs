//! Registers that did not arrive, are empty or broken: without an earlier one there is no start, with one it stays.

use super::super::support::site::{ACCOUNTS, Setup, Site, line, until};
use super::{lines, nothing_lost, says};

/// What can be wrong with the file, and what is said of it.
fn breakages(good: &str) -> Vec<(&'static str, Option<String>, Vec<&'static str>)> {
    let head = good.lines().next().unwrap().to_owned() + "\n";
    let line_3 = format!("{head}010000,user00,市民課,R5.4.1,\n010001,user01,市民課,R5.13.1,\n");
    vec![
        (
            "missing",
            None,
            vec!["No such file", "accounts.register must name the exported CSV file"],
        ),
        (
            "empty",
            Some(String::new()),
            vec!["no account at all", "is the export cut off?"],
        ),
        ("only a header", Some(head), vec!["no account at all"]),
        (
            "a wrong date",
            Some(line_3),
            vec!["line 3, column 権限開始日", "R5.13.1", "write 2026-11-21"],
        ),
    ]
}

#[test]
fn without_any_register_there_is_no_start_and_every_mistake_is_named() {
    let site = Site::new(&Setup::default());
    site.append(lines(0, 30));
    let good = std::fs::read_to_string(site.path(ACCOUNTS)).unwrap();
    for (what, text, said) in breakages(&good) {
        println!("{what}");
        match &text {
            None => std::fs::remove_file(site.path(ACCOUNTS)).unwrap(),
            Some(text) => std::fs::write(site.path(ACCOUNTS), text).unwrap(),
        }
        for args in [&["run", "--until-idle"][..], &["run"], &["check"], &["replay"]] {
            let ran = site.run(args).bad(78, &said);
            says(&ran.err, &[ACCOUNTS]);
        }
    }
    std::fs::write(site.path(ACCOUNTS), good).unwrap();
    nothing_lost(&site, 30);
}

#[test]
fn the_last_good_register_stays_in_force_and_everybody_hears_of_it() {
    let site = super::counted_site(&Setup::default());
    let good = std::fs::read_to_string(site.path(ACCOUNTS)).unwrap();
    for (nth, (what, text, said)) in (1..).zip(breakages(&good)) {
        println!("{what}");
        match &text {
            None => std::fs::remove_file(site.path(ACCOUNTS)).unwrap(),
            Some(text) => std::fs::write(site.path(ACCOUNTS), text).unwrap(),
        }
        // Somebody the good register knows as revoked.
        site.append(line(100 + nth, "old01", "zei", 1));
        let ran = site.pass().good();
        says(&ran.err, &said);
        says(
            &ran.err,
            &[
                "register refused; the last good one stays in force",
                "version 1 stays in force",
            ],
        );
        assert_eq!(site.counted(), 100 + nth);
    }
    let mut alerts = site.alerts();
    alerts.retain(|alert| alert["rule"] != "V-hour");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!([&alerts[0]["person"], &alerts[0]["rule"]], ["008841", "A-revoked"]);
    let status = site.run(&["status"]).good();
    says(&status.out, &["register-refused", "version 1 stays in force"]);
    until(
        || "a mail of each refusal".to_owned(),
        || 3 <= site.mails().keys().filter(|id| id.starts_with("N-")).count(),
    );
    std::fs::write(site.path(ACCOUNTS), good).unwrap();
    let ran = site.pass().good();
    // A checkpoint goes to the journal with every commit that says something new; nothing else does.
    let complaint = ran.err.lines().find(|line| !line.contains(" INFO "));
    assert_eq!(complaint, None);
    nothing_lost(&site, 104);
}
