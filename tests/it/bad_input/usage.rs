//! Command lines that name what is not there: said in the reader's language, with the code of wrong usage.

use std::process::Command;

use super::super::support::site::{Setup, Site};

fn agency() -> Site {
    let site = Site::new(&Setup {
        language: "ja",
        ..Setup::default()
    });
    site.append("");
    site.pass().good();
    site
}

#[test]
fn a_command_line_that_names_what_is_not_there_ends_with_2_and_says_what_there_is() {
    let site = agency();
    let log = site.log.to_str().unwrap();
    for (args, said) in [
        (vec!["count", "--by", "foo"], "person, dataset, operation, day"),
        (
            vec!["count", "--by", "day", "--from", "yesterday"],
            "2026-11-21 か R8.11.21",
        ),
        (
            vec!["replay", "--source", "nowhere", log],
            "監視対象 nowhere はありません",
        ),
        (vec!["explain", log, "7"], "7 行目はありません"),
    ] {
        site.run_ja(&args).bad(2, &[said]);
    }
    for (args, said) in [
        (["--format=foo", "--encoding=utf-8"], "書式 foo はありません"),
        (["--format=common", "--encoding=sjis7"], "cp932"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekimori"));
        let done = command.arg("parse").args(args).arg(log).output().unwrap();
        let text = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{text}");
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn what_is_not_there_is_said_in_the_language_of_the_reader() {
    let site = agency();
    for (args, ja, en) in [
        (
            ["alert", "show", "A-2026-000005"],
            "警告 A-2026-000005 はありません",
            "there is no alert A-2026-000005",
        ),
        (
            ["report", "show", "R-000005"],
            "報告書 R-000005 はありません",
            "there is no report R-000005",
        ),
        (
            ["replay", "--source=web", "/nowhere.log"],
            "/nowhere.log: ありません",
            "/nowhere.log: No such file",
        ),
    ] {
        site.run_ja(&args).bad(1, &[ja]);
        site.run(&args).bad(1, &[en]);
    }
}
