use super::*;
use crate::detect::Severity;
use crate::report::compose::compose;
use crate::report::compose::tests::{alert, quiet};
use crate::report::form::{Form, draw};
use crate::store::{NewReview, ReviewRow};

fn edition() -> Edition {
    let mut facts = quiet();
    facts
        .alerts
        .push(alert(Severity::Warning, crate::alert::AlertState::Open, ""));
    facts.rules.push(crate::report::facts::RuleFacts::default());
    facts.samples.push(crate::report::facts::SampleFacts {
        day: facts.period.from,
        minutes: (545, 548),
        name: "012345".into(),
        section: "税務課".into(),
        dataset: "zei".into(),
        operation: crate::access::Operation::View,
        accesses: 3,
    });
    let report = compose(&facts, Lang::Ja);
    let content = report.content().unwrap();
    Edition {
        number: "R-000001".into(),
        version: 1,
        sha256: crate::report::doc::sha256(&content),
        content,
        report,
        made_at: WallTime::from_secs(1_793_500_000),
        due: Day(20_772),
        ledger_size: 0,
        ledger_root: String::new(),
        changes: Vec::new(),
        reviews: Vec::new(),
    }
}

fn sent(edition: &Edition) -> String {
    String::from_utf8(draw(edition, Form::Csv).unwrap()).unwrap()
}

/// The form filled in by the officer.
fn filled(edition: &Edition) -> String {
    sent(edition).replace(
        "\r\n保護担当者,,,,,",
        "\r\n保護担当者,R8.11.5,11111,抽出,要確認,11月20日まで",
    )
}

fn asked(text: &str) -> Result<Vec<Request>, SheetError> {
    read(text.as_bytes())?.requests(&edition())
}

#[test]
fn a_filled_in_sheet_says_who_confirms_and_what_was_answered() {
    let file = filled(&edition());
    let file = file.replace("住民税課税台帳,照会,3,,,", "住民税課税台帳,照会,3,受-12,窓口の照会,適");
    let requests = asked(&file).unwrap();
    assert_eq!(requests.len(), 1);
    let r = &requests[0];
    assert_eq!(
        (r.by.as_str(), r.on, r.method.as_str()),
        ("011111", Day::of(2026, 11, 5), "抽出"),
        "zeros are back"
    );
    assert_eq!((r.result.as_str(), r.measures.as_str()), ("要確認", "11月20日まで"));
    assert!(
        r.answers.contains("窓口の照会") && r.answers.contains("受-12"),
        "{}",
        r.answers
    );
}

#[test]
fn what_a_spreadsheet_rewrites_when_it_saves_is_no_change() {
    let file = filled(&edition());
    let saved = file
        .replace("2026-10-01", "2026/10/1")
        .replace("1000,43,956", "\"1,000\",43,956")
        .replace(",012345,", ",12345,");
    assert_ne!(file, saved);
    assert_eq!(asked(&saved).unwrap().len(), 1);
    let (cp932, _, _) = encoding_rs::SHIFT_JIS.encode(saved.trim_start_matches('\u{feff}'));
    assert_eq!(read(&cp932).unwrap().requests(&edition()).unwrap().len(), 1);
}

#[test]
fn an_edited_a_forged_and_a_cut_sheet_are_told_apart() {
    let file = filled(&edition());
    let edited = asked(&file.replace(",1200,1000,", ",12,1000,"));
    assert!(
        matches!(&edited, Err(SheetError::Edited(at, was, now)) if at.contains("表10") && was == "1200" && now == "12")
    );
    let edition = edition();
    assert_eq!(
        asked(&file.replace(&edition.sha256, &"0".repeat(64))),
        Err(SheetError::Forged)
    );
    assert_eq!(asked(&file.replace("R-000001", "R-000002")), Err(SheetError::Forged));
    let (head, _) = file.split_once("10 表16").unwrap();
    assert!(matches!(asked(head), Err(SheetError::Cut(_))));
    assert_eq!(asked("a,b\r\n"), Err(SheetError::NoNumber));
    assert_eq!(asked(&sent(&edition)), Err(SheetError::Nothing));
    let (head, rest) = file.split_once("要確認,11月20日まで").unwrap();
    let no_day = format!("{head}要確認,x{rest}").replace("R8.11.5", "来週");
    assert_eq!(asked(&no_day), Err(SheetError::NoDay("来週".into())));
}

#[test]
fn the_same_sheet_twice_says_nothing_new_and_a_changed_one_contradicts() {
    let mut edition = edition();
    let file = filled(&edition);
    edition.reviews.push(ReviewRow {
        review: NewReview {
            role: "officer".into(),
            by: "011111".into(),
            on: Day(20_762),
            method: "sample".into(),
            result: "check".into(),
            measures: "11月20日まで".into(),
            answers: "[]".into(),
            origin: String::new(),
        },
        at: WallTime::from_secs(0),
    });
    let again = |text: &str| read(text.as_bytes()).unwrap().requests(&edition);
    assert_eq!(again(&file), Err(SheetError::Nothing));
    assert_eq!(
        again(&file.replace("抽出,要確認", "抽出,異常なし")),
        Err(SheetError::Contradicts("保護担当者".into()))
    );
}

#[test]
fn the_workbook_comes_back_as_it_went() {
    let edition = edition();
    let bytes = draw(&edition, Form::Xlsx).unwrap();
    assert_eq!(read(&bytes).unwrap().requests(&edition), Err(SheetError::Nothing));
}
