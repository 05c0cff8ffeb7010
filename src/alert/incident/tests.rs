use super::*;
use crate::calendar::parse_date;

fn day(text: &str) -> Day {
    parse_date(text).unwrap()
}

fn dates(known: &str) -> [String; 4] {
    let p = Periods::of(day(known), &Calendar::default());
    [p.prompt_from, p.prompt_by, p.final_by, p.final_by_wrongful].map(Day::iso)
}

#[test]
fn the_worked_examples_come_out() {
    // Known on a Saturday: day 3 is a holiday, day 30 a Sunday.
    assert_eq!(
        dates("R8.11.21"),
        ["2026-11-23", "2026-11-25", "2026-12-21", "2027-01-19"]
    );
    // Day 30 falls into the closed days of the new year.
    assert_eq!(dates("R8.12.1")[2], "2027-01-04");
}

/// Known on; day 3, day 5, day 30 and day 60 with closed days behind them counted by hand.
const TABLE: [(&str, [&str; 4]); 20] = [
    ("2026-10-31", ["2026-11-02", "2026-11-04", "2026-11-30", "2027-01-04"]),
    ("2026-11-02", ["2026-11-04", "2026-11-06", "2026-12-01", "2027-01-04"]),
    ("2026-11-30", ["2026-12-02", "2026-12-04", "2027-01-04", "2027-01-28"]),
    ("2026-12-02", ["2026-12-04", "2026-12-06", "2027-01-04", "2027-02-01"]),
    ("2026-12-04", ["2026-12-06", "2026-12-08", "2027-01-04", "2027-02-01"]),
    ("2026-12-05", ["2026-12-07", "2026-12-09", "2027-01-04", "2027-02-02"]),
    ("2026-12-28", ["2026-12-30", "2027-01-01", "2027-01-26", "2027-02-25"]),
    ("2026-12-31", ["2027-01-02", "2027-01-04", "2027-01-29", "2027-03-01"]),
    ("2027-01-02", ["2027-01-04", "2027-01-06", "2027-02-01", "2027-03-02"]),
    ("2026-04-04", ["2026-04-06", "2026-04-08", "2026-05-07", "2026-06-02"]),
    ("2026-04-05", ["2026-04-07", "2026-04-09", "2026-05-07", "2026-06-03"]),
    ("2026-03-31", ["2026-04-02", "2026-04-04", "2026-04-30", "2026-05-29"]),
    ("2026-08-23", ["2026-08-25", "2026-08-27", "2026-09-24", "2026-10-21"]),
    ("2026-08-24", ["2026-08-26", "2026-08-28", "2026-09-24", "2026-10-22"]),
    ("2026-07-24", ["2026-07-26", "2026-07-28", "2026-08-24", "2026-09-24"]),
    ("2027-04-04", ["2027-04-06", "2027-04-08", "2027-05-06", "2027-06-02"]),
    ("2027-11-30", ["2027-12-02", "2027-12-04", "2028-01-04", "2028-01-28"]),
    ("2028-12-05", ["2028-12-07", "2028-12-09", "2029-01-04", "2029-02-02"]),
    ("2028-01-30", ["2028-02-01", "2028-02-03", "2028-02-28", "2028-03-29"]),
    ("2026-06-12", ["2026-06-14", "2026-06-16", "2026-07-13", "2026-08-10"]),
];

#[test]
fn twenty_dates_across_year_ends_and_runs_of_holidays() {
    for (known, wanted) in TABLE {
        assert_eq!(dates(known), wanted, "known on {known}");
    }
}

#[test]
fn an_office_that_opens_on_sundays_counts_them() {
    let mut calendar = Calendar::default();
    calendar.open(day("2026-12-20"));
    assert_eq!(Periods::of(day("2026-11-21"), &calendar).final_by, day("2026-12-20"));
    calendar.close(day("2027-01-19"));
    assert_eq!(
        Periods::of(day("2026-11-21"), &calendar).final_due(true),
        day("2027-01-20")
    );
}

#[test]
fn hostile_words_of_people_make_no_markup() {
    let incident = Incident {
        number: "I-2026-0001".into(),
        title: "<script>alert(1)</script>\u{1b}[31m\u{202e}x".into(),
        opened_at: WallTime::from_secs(0),
        opened_by: "1".into(),
        known_at: WallTime::from_secs(0),
        known_by: "1".into(),
        grounds: Vec::new(),
        closed: false,
        alerts: vec!["A-2026-000001".into()],
        held: Vec::new(),
    };
    let facts = report::Facts {
        agency: "○○市",
        incident: &incident,
        detected_at: WallTime::from_secs(0),
        periods: Periods::of(day("2026-11-21"), &Calendar::default()),
        range: &Range::default(),
        timeline: &[],
        now: WallTime::from_secs(0),
    };
    for lang in [crate::text::Lang::Ja, crate::text::Lang::En] {
        let html = report::html(&facts, lang);
        assert!(!html.contains("<script") && !html.contains('\u{1b}') && !html.contains('\u{202e}'));
        let text = report::text(&facts, lang);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    }
    assert!(
        report::text(&facts, crate::text::Lang::Ja).contains("1人でも"),
        "nothing is decided by itself"
    );
}
