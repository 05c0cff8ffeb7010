mod samples;

use proptest::prelude::*;

use super::*;
use crate::access::{DatasetId, Mark, Marks, Standing, WhoId};
use crate::alert::{AlertState, Notified};
use crate::clock::EventTime;
use samples::*;

fn context(lang: Lang, now: &str) -> MailContext {
    MailContext {
        agency: "関守市".into(),
        lang,
        contact: Some("情報システム担当 内線1234".into()),
        phone: None,
        host: "kansi01".into(),
        now: wall(now),
        calendar: Default::default(),
    }
}

/// Every mail that stands in `fixtures/mail`: name, facts, reason, when it is composed.
fn cases() -> Vec<(&'static str, AlertFacts, NotifyReason, &'static str)> {
    let worse = NotifyReason::Worse {
        from: Severity::Warning,
    };
    let mut acknowledged = retired();
    acknowledged.alert.state = AlertState::Acknowledged;
    vec![
        ("volume", volume(), NotifyReason::First, "2026-11-20 14:03:13"),
        (
            "volume-critical-10x",
            volume_critical(),
            NotifyReason::Grown {
                times: 10,
                uses: None,
                aside: false,
            },
            "2026-11-20 22:47:03",
        ),
        (
            "volume-one-access",
            one_access(),
            NotifyReason::First,
            "2026-11-24 18:30:01",
        ),
        (
            "volume-bytes-unknown-records",
            unknown_counts(),
            NotifyReason::First,
            "2026-11-20 14:21:41",
        ),
        (
            "dataset-total",
            dataset_total(),
            NotifyReason::First,
            "2026-11-20 16:10:00",
        ),
        (
            "person-total",
            person_total(),
            NotifyReason::Reopened,
            "2026-11-20 14:21:41",
        ),
        (
            "revoked-saturday",
            retired(),
            NotifyReason::First,
            "2026-11-21 10:02:13",
        ),
        (
            "revoked-grown",
            retired(),
            NotifyReason::Grown {
                times: 10,
                uses: Some(retired().alert.observed),
                aside: false,
            },
            "2026-11-21 10:14:51",
        ),
        (
            "revoked-repeat-acknowledged",
            acknowledged,
            NotifyReason::Repeat,
            "2026-11-24 09:00:00",
        ),
        (
            "not-yet-valid",
            not_yet_valid(),
            NotifyReason::First,
            "2026-11-20 14:21:41",
        ),
        ("on-leave", on_leave(), worse, "2026-11-20 14:21:41"),
        ("unknown-hostile", hostile(), NotifyReason::First, "2026-11-21 03:01:11"),
        ("anonymous", anonymous(), NotifyReason::Repeat, "2026-11-23 09:00:00"),
    ]
}

/// Compares with `fixtures/mail/NAME`, or writes it where UPDATE_GOLDEN is set.
fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/mail")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text, expected,
        "{name}: run the test with UPDATE_GOLDEN=1 and read what changed"
    );
}

#[test]
fn every_mail_reads_as_its_golden_text() {
    for (name, facts, why, now) in cases() {
        for (lang, suffix) in [(Lang::Ja, "ja"), (Lang::En, "en")] {
            let mail = compose(&facts, why, &context(lang, now));
            golden(
                &format!("{name}.{suffix}.txt"),
                &format!("{}\n\n{}", mail.subject, mail.body),
            );
        }
    }
}

#[test]
fn show_and_list_read_as_their_golden_text() {
    for (lang, suffix) in [(Lang::Ja, "ja"), (Lang::En, "en")] {
        let mut told = retired();
        told.alert.notified = Some(Notified {
            at: wall("2026-11-21 10:14:51"),
            level: 10,
            severity: Severity::Critical,
            mails: 2,
            hits: 16,
        });
        golden(&format!("show.{suffix}.txt"), &describe(&told, lang));
        let list: Vec<String> = cases()
            .iter()
            .map(|(_, facts, ..)| one_line(facts, lang) + "\n")
            .collect();
        golden(&format!("list.{suffix}.txt"), &list.concat());
    }
}

#[test]
fn lines_fit_a_window_and_hold_nothing_that_steers_it() {
    for (name, facts, why, now) in cases() {
        for lang in [Lang::Ja, Lang::En] {
            let MailText { subject, body } = compose(&facts, why, &context(lang, now));
            for line in body.lines() {
                assert!(columns(line) <= LINE_COLUMNS, "{name}: {line}");
                assert_eq!(line.trim_end(), line, "{name}");
            }
            assert!(body.chars().all(|c| c == '\n' || !c.is_control()), "{name}");
            assert!(!subject.chars().any(char::is_control), "{name}");
        }
    }
}

#[test]
fn a_hostile_name_stays_one_short_harmless_piece_of_one_line() {
    let mail = compose(
        &hostile(),
        NotifyReason::First,
        &context(Lang::Ja, "2026-11-21 03:01:11"),
    );
    assert!(
        mail.body
            .contains("利用者名：「x\\u{d}\\u{a}Bcc: a@example.jp\\u{1b}[2J\\u{202e}<s…」\n")
    );
    assert!(!mail.body.contains("\nBcc:") && !mail.body.contains("://") && !mail.body.contains("9018"));
    assert!(mail.body.len() < 4_000, "{} bytes", mail.body.len());
    assert!(!mail.subject.contains("Bcc"));
}

#[test]
fn the_mail_of_the_day_after_retirement_names_what_the_reader_must_know() {
    let mail = compose(
        &retired(),
        NotifyReason::First,
        &context(Lang::Ja, "2026-11-21 10:02:13"),
    );
    for fact in [
        "A-2026-001234",
        "A1",
        "住民税課税台帳",
        "職員番号 012345（税務課）",
        "失効（～令和8年11月20日）",
        "令和8年11月21日（土）10:02:11",
        "閉庁日（土曜日）",
        "16回",
        "248件",
        "0回（1回の利用でも警告）",
        "重大",
        "訓令第39条第1項",
        "sekimori alert ack A-2026-001234 --by",
    ] {
        assert!(mail.body.contains(fact), "{fact}");
    }
    assert_eq!(
        mail.subject,
        "【重大】[要確認] 個人情報アクセス警告 A-2026-001234（税務課／住民税課税台帳）"
    );
}

#[test]
fn english_subjects_say_the_same() {
    let mut facts = retired();
    facts.owner = "Tax Section".into();
    facts.dataset_title = "Resident tax ledger".into();
    let mail = compose(&facts, NotifyReason::First, &context(Lang::En, "2026-11-21 10:02:13"));
    assert_eq!(
        mail.subject,
        "[CRITICAL] Personal data access alert A-2026-001234 (Tax Section / Resident tax ledger)"
    );
}

#[test]
fn the_first_steps_differ_by_what_happened() {
    let first_steps = |facts: &AlertFacts| {
        let body = compose(facts, NotifyReason::First, &context(Lang::Ja, "2026-11-20 14:03:13")).body;
        body.split("■").nth(2).unwrap().to_string()
    };
    let mut seen = std::collections::BTreeSet::new();
    let mut failed = retired();
    failed.alert.successes = 0;
    for facts in [
        volume(),
        person_total(),
        dataset_total(),
        retired(),
        failed,
        not_yet_valid(),
        on_leave(),
        hostile(),
        anonymous(),
    ] {
        assert!(seen.insert(first_steps(&facts)), "{}", facts.alert.rule);
    }
}

#[test]
fn an_unknown_count_is_never_shown_as_zero() {
    let mut facts = retired();
    facts.alert.records = 0;
    facts.alert.records_unknown = 16;
    let body = compose(&facts, NotifyReason::First, &context(Lang::Ja, "2026-11-21 10:02:13")).body;
    assert!(body.contains("不明（件数不明 16回）") && body.contains("（16回、件数不明）") && !body.contains("0件"));
}

proptest! {
    #[test]
    fn no_text_from_outside_breaks_a_mail(
        account in ".*", address in ".*", title in ".*", section in proptest::option::of(".*"), who in 0..2_u32, dataset in 0..2_u16,
        standing in 0..6_usize, observed in any::<u64>(), limit in any::<u64>(), when in any::<i64>(),
    ) {
        let mut facts = volume();
        facts.alert.who = WhoId(who);
        facts.alert.dataset = DatasetId(dataset);
        facts.alert.standing = [Standing::Valid].iter().chain(&Standing::SUSPICIOUS).copied().nth(standing).unwrap();
        facts.alert.observed = observed;
        facts.alert.limit = limit;
        facts.alert.first_seen = EventTime::from_micros(when);
        facts.alert.window_from = EventTime::from_micros(when);
        facts.valid_to = Some(i32::MAX);
        facts.account = account;
        facts.address = address;
        facts.dataset_title = title;
        facts.section = section;
        facts.person = None;
        for lang in [Lang::Ja, Lang::En] {
            let mail = compose(&facts, NotifyReason::Grown { times: 2, uses: None, aside: false }, &context(lang, "2026-11-20 14:03:13"));
            for text in [mail.subject.as_str(), &one_line(&facts, lang)] {
                prop_assert!(!text.chars().any(char::is_control));
            }
            for text in [mail.body.as_str(), &describe(&facts, lang)] {
                prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
                prop_assert!(text.lines().all(|line| columns(line) <= LINE_COLUMNS), "{text}");
            }
        }
    }
}

#[test]
fn a_rule_says_in_its_own_words_why_and_what_to_check_first() {
    let mut facts = account(Standing::Valid);
    facts.alert.rule = "P3".into();
    facts.rule_title = "付与されていない操作".into();
    facts.alert.marks = Marks::of(&[Mark::Operation, Mark::Leaving]);
    facts.words.explain = ["照会だけを認められた方が出力しています。".into(), String::new()];
    facts.words.first = [vec!["出力の\n必要を確認してください。".into()], vec!["See why.".into()]];
    let mail = compose(&facts, NotifyReason::First, &context(Lang::Ja, "2026-11-20 14:03:13")).body;
    for said in [
        "規則「付与されていない操作」に当たります。",
        "照会だけを認められた方が出力しています。",
        "出力の",
        "該当事項：退職・異動予定、付与されていない操作",
    ] {
        assert!(mail.contains(said), "`{said}` is not in\n{mail}");
    }
    assert!(!mail.contains("利用者の所属長に確認"), "{mail}");
    let mail = compose(&facts, NotifyReason::First, &context(Lang::En, "2026-11-20 14:03:13")).body;
    for said in [
        "照会だけを",
        "3. See why.",
        "about to leave or move, an operation that is not granted",
    ] {
        assert!(mail.contains(said), "`{said}` is not in\n{mail}");
    }
}
