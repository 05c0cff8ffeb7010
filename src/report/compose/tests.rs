use super::*;
use crate::access::Standing;
use crate::calendar::{Day, day_start};
use crate::clock::WallTime;
use crate::detect::coverage::Gap;
use crate::register::Tier;
use crate::register::sections::Role;
use crate::report::facts::{BeforeFacts, DatasetFacts, LossFacts, RightsFacts, SettingsFacts, SourceFacts, Use};
use crate::report::period::Period;

/// A month of a section with one dataset and one source, in which all is well.
pub(in crate::report) fn quiet() -> Facts {
    let period = Period::month("2026-10").unwrap();
    let used = Use {
        users: 3,
        by_operation: [0, 40, 2, 1, 0, 0, 0, 0, 0],
        accesses: 43,
        taken: 20,
        ..Use::default()
    };
    Facts {
        period,
        agency: "○○市".into(),
        section: Some("税務課".into()),
        over: true,
        datasets: vec![DatasetFacts {
            id: "zei".into(),
            title: "住民税課税台帳".into(),
            tier: Tier::A,
            owner: "税務課".into(),
            registered: Some(48_210),
            my_number: false,
            uses: [used, used, Use::default()],
            subjects: Some(31),
            estimated: false,
            off_hours: 0,
            closed: 0,
            silent_longest: 42,
            idle_days: Vec::new(),
        }],
        sources: vec![SourceFacts {
            name: "zei-web".into(),
            lines: 1_000,
            accesses: 43,
            no_dataset: 956,
            nothing: 0,
            repeated: 0,
            rejects: 1,
            damaged: 0,
            why: vec![("time".into(), 1)],
            missing: Vec::new(),
            behind: false,
        }],
        losses: Vec::new(),
        gaps: Vec::new(),
        adds_up: true,
        daily: vec![(period.from, 43, false)],
        hourly: [[0; 24]; 7],
        monthly: vec![(period.from, 43, 20)],
        users: Vec::new(),
        rules: Vec::new(),
        alerts: Vec::new(),
        alerts_before: [0, 0],
        exceptions: Vec::new(),
        cumulative: Vec::new(),
        rights: RightsFacts::default(),
        exports: (Vec::new(), 0),
        samples: Vec::new(),
        settings: SettingsFacts::default(),
        before: None,
        sections: Vec::new(),
        reviewers: vec![
            (Role::Officer, vec!["011111".into()]),
            (Role::Manager, vec!["022222".into(), "033333".into()]),
        ],
    }
}

pub(in crate::report) fn alert(severity: Severity, state: AlertState, closed_as: &str) -> AlertRow {
    AlertRow {
        number: "A-2026-000007".into(),
        rule: "V3".into(),
        severity,
        at: crate::calendar::day_start(Period::month("2026-10").unwrap().from),
        dataset: "zei".into(),
        who: "012345".into(),
        section: "税務課".into(),
        observed: 1_200,
        limit: 1_000,
        hits: 3,
        standing: Standing::Valid,
        state,
        closed_as: closed_as.into(),
        retro: false,
        times: [Some(WallTime::from_secs(0)), None, None],
    }
}

#[test]
fn a_month_in_which_all_is_well_may_be_called_so() {
    let report = compose(&quiet(), Lang::Ja);
    assert_eq!(
        (report.verdict, report.barred.len(), report.points.len()),
        (Verdict::Normal, 0, 0)
    );
    assert_eq!(report.parts.len(), 12);
    assert!(report.about.is_empty());
}

#[test]
fn nobody_may_say_that_all_is_well_while_anything_is_unwatched_missing_late_or_lost() {
    type Change = (&'static str, fn(&mut Facts));
    let spoilt: [Change; 7] = [
        ("監視されていない", |f| {
            f.gaps.push(Gap::NoRule { dataset: "zei".into() })
        }),
        ("記録がない開庁日", |f| f.sources[0].missing.push(f.period.from)),
        ("読取りが終わっていない", |f| f.sources[0].behind = true),
        ("記録の欠落又は破損", |f| {
            f.losses.push(LossFacts {
                at: WallTime::from_secs(day_start(f.period.from).secs()),
                source: "zei-web".into(),
                kind: "gap".into(),
                bytes: 100,
                cause: "unexplained".into(),
                lost: true,
            });
        }),
        ("一致しない", |f| f.adds_up = false),
        ("期間が終了していない", |f| f.over = false),
        ("台帳にない", |f| f.datasets.clear()),
    ];
    for (said, change) in spoilt {
        let mut facts = quiet();
        change(&mut facts);
        let report = compose(&facts, Lang::Ja);
        assert_eq!(report.verdict, Verdict::Check, "{said}");
        assert!(
            report.barred.iter().any(|why| why.contains(said)),
            "{said}: {:?}",
            report.barred
        );
        let first = &report.parts[0].blocks;
        assert!(
            first.iter().any(|b| matches!(b, Block::Warning(w) if w.contains(said))),
            "{said}"
        );
        assert!(!compose(&facts, Lang::En).barred.is_empty());
    }
}

#[test]
fn open_alerts_are_points_and_an_incident_is_one_whatever_else() {
    let judged = |alerts: Vec<AlertRow>| {
        let report = compose(&Facts { alerts, ..quiet() }, Lang::Ja);
        (report.verdict, report.points.len(), report.about)
    };
    let about = |who: &str| vec![who.to_owned()];
    assert_eq!(
        judged(vec![alert(Severity::Warning, AlertState::Open, "")]),
        (Verdict::Check, 1, about("012345"))
    );
    assert_eq!(
        judged(vec![alert(Severity::Critical, AlertState::Closed, "incident")]),
        (Verdict::Incident, 1, about("012345"))
    );
    assert_eq!(
        judged(vec![alert(Severity::Warning, AlertState::Closed, "legitimate")]),
        (Verdict::Normal, 0, about("012345"))
    );
    assert_eq!(
        judged(vec![alert(Severity::Warning, AlertState::Closed, "false-alarm")]),
        (Verdict::Normal, 0, vec![])
    );
}

#[test]
fn points_of_the_last_report_are_followed_up() {
    let mut facts = quiet();
    facts.sources[0].rejects = 50;
    facts.before = Some(BeforeFacts {
        number: "R-000001".into(),
        period: "令和8年9月分".into(),
        points: vec![
            ("rejects:zei-web".into(), "多い".into()),
            ("alert:A-2026-000001".into(), "未了".into()),
        ],
        reviews: Vec::new(),
        complete: false,
        due: Day::of(2026, 10, 15).unwrap(),
    });
    let report = compose(&facts, Lang::Ja);
    let table = report.table("before_points").unwrap();
    let states: Vec<&Cell> = table.rows.iter().map(|row| &row[1]).collect();
    assert_eq!(states, [&Cell::from("継続"), &Cell::from("今回は該当なし")]);
    assert!(report.points.iter().any(|p| p.key == "unsigned"), "{:?}", report.points);
}

#[test]
fn every_table_is_whole_in_both_languages() {
    let mut facts = quiet();
    facts.alerts.push(alert(Severity::Warning, AlertState::Open, ""));
    for lang in [Lang::Ja, Lang::En] {
        let report = compose(&facts, lang);
        for (part, table) in report.tables() {
            assert!(
                !table.title.is_empty() && table.keys <= table.columns.len(),
                "{part} {}",
                table.id
            );
            for row in &table.rows {
                assert_eq!(row.len(), table.columns.len(), "{part} {}", table.id);
            }
        }
        let again = compose(&facts, lang).content().unwrap();
        assert_eq!(report.content().unwrap(), again);
        assert_eq!(Report::read(&again).unwrap(), report);
    }
}
