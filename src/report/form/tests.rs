use std::io::Cursor;

use calamine::{Data, Reader as _, Xlsx};

use super::*;
use crate::alert::AlertState;
use crate::detect::Severity;
use crate::report::compose::compose;
use crate::report::compose::tests::{alert, quiet};
use crate::report::doc::{Report, sha256};

const HOSTILE: [&str; 7] = [
    "=cmd|'/c calc'!A1",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "+1+1",
    "@SUM(1)",
    "－2",
    "a,\"b\"",
];

fn edition(report: Report) -> Edition {
    let content = report.content().unwrap();
    Edition {
        number: "R-000001".into(),
        version: 2,
        sha256: sha256(&content),
        content,
        report,
        made_at: WallTime::from_secs(1_795_150_800),
        due: Day(20_700),
        ledger_size: 12,
        ledger_root: "00".repeat(32),
        changes: HOSTILE.map(str::to_owned).to_vec(),
        reviews: Vec::new(),
    }
}

/// A report in which every text that is somebody else's is hostile.
fn hostile() -> Edition {
    let mut facts = quiet();
    facts.section = Some(HOSTILE[1].into());
    facts.datasets[0].title = HOSTILE[2].into();
    facts.sources[0].name = HOSTILE[0].into();
    for text in HOSTILE {
        let mut row = alert(Severity::Warning, AlertState::Open, "");
        row.who = text.into();
        row.number = text.into();
        facts.alerts.push(row);
        facts.rights.unknown.push((text.into(), text.into(), 1, 0));
        facts.users.push(crate::report::facts::UserFacts {
            name: text.into(),
            registered: false,
            section: text.into(),
            accesses: 5,
            taken: 0,
            earlier: 0,
            earlier_periods: 0,
            denied: 0,
        });
    }
    edition(compose(&facts, Lang::Ja))
}

#[test]
fn the_same_edition_gives_the_same_bytes_in_every_form() {
    let edition = hostile();
    for form in Form::ALL {
        assert_eq!(
            draw(&edition, form).unwrap(),
            draw(&edition.clone(), form).unwrap(),
            "{form:?}"
        );
    }
}

#[test]
fn hostile_text_is_only_text_on_the_page() {
    let page = String::from_utf8(draw(&hostile(), Form::Html).unwrap()).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img"), "raw markup");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("http://") || page.matches("http://").count() == page.matches("http://www.w3.org/").count());
}

#[test]
fn no_cell_of_the_table_file_begins_a_formula() {
    let file = String::from_utf8(draw(&hostile(), Form::Csv).unwrap()).unwrap();
    assert!(file.starts_with('\u{feff}') && file.contains("\r\n"));
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(file.trim_start_matches('\u{feff}').as_bytes());
    let mut seen = 0;
    for record in reader.records() {
        for cell in &record.unwrap() {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t']),
                "{cell:?}"
            );
            seen += usize::from(cell.contains("cmd|"));
        }
    }
    assert!(2 < seen, "the hostile names stand in it");
}

#[test]
fn the_workbook_holds_numbers_as_numbers_and_no_formula() {
    let bytes = draw(&hostile(), Form::Xlsx).unwrap();
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let names = book.sheet_names();
    assert_eq!(names[0], "確認");
    for name in &names {
        let formulas = book.worksheet_formula(name).unwrap();
        assert!(formulas.cells().all(|(_, _, f)| f.is_empty()), "{name}");
    }
    let sheet = names.iter().find(|n| n.ends_with(" datasets")).unwrap();
    let range = book.worksheet_range(sheet).unwrap();
    assert_eq!(range.get((2, 1)), Some(&Data::Float(3.0)), "users");
    assert_eq!(range.get((2, 0)), Some(&Data::String(HOSTILE[2].into())));
}

#[test]
fn the_hash_is_of_the_content_as_it_stands_in_the_json() {
    let edition = hostile();
    let text = String::from_utf8(draw(&edition, Form::Json).unwrap()).unwrap();
    let (_, rest) = text.split_once(",\"content\":").unwrap();
    let content = rest.trim_end().strip_suffix('}').unwrap();
    assert_eq!(sha256(content), edition.sha256);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["sha256"], edition.sha256);
    assert_eq!(value["content"]["kind"], "monthly");
}
