//! Facts -> Report: the twelve parts, in words. Pure.
//!
//! Promise: 「異常なし」 is never offered while anything in the scope is unwatched or a record is missing, late or lost.

mod alerts;
mod follow;
mod state;
mod summary;
mod usage;
mod words;

use super::doc::{Block, Cell, Column, LAYOUT, Part, Point, Report, Reviewer, Table, Verdict};
use super::facts::{AlertRow, Facts};
use super::period::Kind;
use crate::alert::{AlertState, ClosedAs};
use crate::detect::Severity;
use crate::text::{Lang, number};

/// Rejected lines in tenths of a percent above which they are a point (I4).
const REJECTS_PERMILLE: u64 = 1;

/// Composes a report.
pub fn compose(facts: &Facts, lang: Lang) -> Report {
    let barred = state::barred(facts, lang);
    let points = points(facts, lang);
    let incidents = facts.alerts.iter().any(is_incident);
    let verdict = match (incidents, barred.is_empty() && points.is_empty()) {
        (true, _) => Verdict::Incident,
        (false, false) => Verdict::Check,
        (false, true) => Verdict::Normal,
    };
    let mut report = Report {
        layout: LAYOUT,
        kind: facts.period.kind.as_str().to_owned(),
        lang: lang.pick("ja", "en").to_owned(),
        title: title(facts, lang),
        period: facts.period.label(lang),
        from: facts.period.from.iso(),
        to: facts.period.to.iso(),
        agency: facts.agency.clone(),
        section: facts.section.clone().unwrap_or_default(),
        head: head(facts, lang),
        verdict,
        barred,
        points,
        parts: Vec::new(),
        about: about(facts),
        reviewers: facts
            .reviewers
            .iter()
            .map(|(role, persons)| Reviewer {
                role: role.as_str().to_owned(),
                title: words::role(*role, lang).to_owned(),
                persons: persons.clone(),
            })
            .collect(),
    };
    let titles = PARTS.map(|(ja, en)| lang.pick(ja, en));
    let bodies = [
        summary::summary(facts, &report, lang),
        state::completeness(facts, lang),
        state::coverage(facts, lang),
        usage::usage(facts, lang),
        alerts::alerts(facts, lang),
        usage::cumulative(facts, lang),
        alerts::rights(facts, lang),
        usage::copies(facts, lang),
        usage::samples(facts, lang),
        follow::settings(facts, lang),
        follow::before(facts, &report, lang),
        follow::review(facts, &report, lang),
    ];
    for ((n, title), blocks) in (1..).zip(titles).zip(bodies) {
        report.parts.push(Part {
            number: n,
            title: title.to_owned(),
            blocks,
        });
    }
    report
}

const PARTS: [(&str, &str); 12] = [
    ("総括", "Summary"),
    ("記録の完全性", "Whether the record is whole"),
    ("監視の網羅性", "Whether everything is watched"),
    ("利用状況", "Use"),
    ("警告の状況", "Alerts"),
    ("累積監視（少量継続の確認）", "Slow drip"),
    ("権限突合", "Rights against use"),
    ("一時複製の消去確認", "Deletion of temporary copies"),
    ("抽出確認（業務上の理由の確認）", "Samples to be explained"),
    ("設定の確認", "Settings"),
    ("前回指摘事項の対応状況", "What became of the points of the last report"),
    ("所見・評価・見直し", "Findings, judgement, revision"),
];

fn title(facts: &Facts, lang: Lang) -> String {
    let kind = facts.period.kind.say(lang);
    match lang {
        Lang::Ja => format!("アクセス記録分析報告書（{kind}）"),
        Lang::En => format!("Report on the analysis of access records ({kind})"),
    }
}

fn head(facts: &Facts, lang: Lang) -> Vec<String> {
    let my_number = facts.datasets.iter().filter(|d| d.my_number).count();
    let n = facts.datasets.len();
    let to = match (&facts.section, facts.period.kind) {
        (Some(section), _) => lang.pick("所属：", "Section: ").to_owned() + section + lang.pick("　保護管理者　様", ""),
        (None, Kind::Yearly) => lang
            .pick(
                "総括保護管理者・監査責任者　様",
                "To the general protection manager and the auditor",
            )
            .to_owned(),
        (None, _) => lang
            .pick("総括保護管理者　様", "To the general protection manager")
            .to_owned(),
    };
    let about = match lang {
        Lang::Ja => format!("対象：表5に掲げる保有個人情報 {n}件（うち特定個人情報ファイル {my_number}件）"),
        Lang::En => format!("About: the {n} datasets of table 5, {my_number} of them with 個人番号"),
    };
    let ground = lang.pick(
        "根拠：訓令第21条第1項・第2項、第22条（指針第6-3から6-5まで）",
        "Ground: directive article 21 (1) (2), article 22 (guideline 6-3 to 6-5)",
    );
    let class = lang.pick(
        "取扱注意（個人情報保護担当限り）。利用者は職員番号と所属で示す。住民等の氏名・番号は含まない。",
        "Confidential (staff in charge of data protection). People are named by staff number; no citizen's data stand here.",
    );
    let mut out = vec![to, about, ground.to_owned(), class.to_owned()];
    if !facts.over {
        out.push(
            lang.pick(
                "注意：対象期間の終了前に作成した途中経過である。",
                "Note: made before the period was over; it is not the final report.",
            )
            .to_owned(),
        );
    }
    out
}

fn is_incident(alert: &AlertRow) -> bool {
    alert.state == AlertState::Closed && alert.closed_as == ClosedAs::Incident.as_str()
}

/// Those who stand in alerts that were no false alarm: they do not confirm the report (nobody judges his own case).
fn about(facts: &Facts) -> Vec<String> {
    let named = facts.alerts.iter().filter(|a| {
        let dismissed = a.state == AlertState::Closed && a.closed_as == ClosedAs::FalseAlarm.as_str();
        Severity::Notice < a.severity && !dismissed && !a.who.is_empty()
    });
    let mut out: Vec<String> = named.map(|a| a.who.clone()).collect();
    out.sort();
    out.dedup();
    out
}

/// Numbers of something, saturating.
fn n(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn points(facts: &Facts, lang: Lang) -> Vec<Point> {
    let mut out = state::points(facts, lang);
    let mut push = |key: &str, text: String| {
        out.push(Point {
            key: key.to_owned(),
            text,
        });
    };
    let unsettled = |a: &&AlertRow| a.state != AlertState::Closed && Severity::Notice < a.severity;
    for alert in facts.alerts.iter().filter(unsettled) {
        let (no, rule) = (&alert.number, &alert.rule);
        let text = match lang {
            Lang::Ja => format!(
                "警告 {no}（{rule}）の処置が終わっていない（{}）",
                words::state(alert, lang)
            ),
            Lang::En => format!("alert {no} ({rule}) is not settled: {}", words::state(alert, lang)),
        };
        push(&format!("alert:{no}"), text);
    }
    for alert in facts.alerts.iter().filter(|a| is_incident(a)) {
        let (no, rule) = (&alert.number, &alert.rule);
        let text = match lang {
            Lang::Ja => format!("警告 {no}（{rule}）は事案である。再発防止措置を記載すること（訓令第43条）"),
            Lang::En => format!("alert {no} ({rule}) is an incident; say what prevents another one (article 43)"),
        };
        push(&format!("incident:{no}"), text);
    }
    let notices = facts
        .alerts
        .iter()
        .filter(|a| a.state == AlertState::Open && a.severity == Severity::Notice);
    let open = n(notices.count());
    if 0 < open {
        let open = number(open);
        push(
            "notices",
            lang_count(lang, &open, "未確認の注意が{}件ある", "{} notices are not looked after"),
        );
    }
    for (name, id, accesses, denied) in &facts.rights.unknown {
        let dataset = words::dataset(facts, id, lang);
        let (a, d) = (number(*accesses), number(*denied));
        let text = match lang {
            Lang::Ja => format!("台帳にない利用者 {name} が {dataset} を利用した（成功 {a}回、拒否・失敗 {d}回）"),
            Lang::En => format!("{name}, whom no register knows, used {dataset} ({a} accesses, {d} refused)"),
        };
        push(&format!("unknown:{name}:{id}"), text);
    }
    for e in facts.exceptions.iter().filter(|e| 0 < e.late_hits) {
        let (id, late) = (e.id, number(e.late_hits));
        let text = match lang {
            Lang::Ja => format!("監視の例外 {id} は期限後も該当が{late}回あった"),
            Lang::En => format!("exception {id} would have held {late} findings behind its last day"),
        };
        push(&format!("exception:{id}"), text);
    }
    if let Some(before) = facts.before.as_ref().filter(|b| !b.complete) {
        let (period, due) = (&before.period, before.due);
        let text = match lang {
            Lang::Ja => format!(
                "前回の報告書（{period}）の確認が終わっていない（期限 {}）",
                due.wareki()
            ),
            Lang::En => format!("the last report ({period}) is not confirmed (due {})", due.iso()),
        };
        push("unsigned", text);
    }
    let late: u64 = facts.sections.iter().map(|s| s.reviews[4]).fold(0, u64::saturating_add);
    if 0 < late {
        let late = number(late);
        push(
            "overdue",
            lang_count(
                lang,
                &late,
                "作成又は確認が終わっていない月次報告が{}件ある",
                "{} monthly reports are not made or not confirmed",
            ),
        );
    }
    out
}

fn lang_count(lang: Lang, count: &str, ja: &'static str, en: &'static str) -> String {
    lang.pick(ja, en).replace("{}", count)
}

/// A column: stable word, heading in Japanese and English, width.
type Head<'a> = (&'a str, &'a str, &'a str, u8);

fn table(id: &str, title: &str, keys: usize, lang: Lang, columns: &[Head<'_>], rows: Vec<Vec<Cell>>) -> Block {
    Block::Table(Table {
        id: id.to_owned(),
        title: title.to_owned(),
        columns: columns
            .iter()
            .map(|(id, ja, en, width)| Column {
                id: (*id).to_owned(),
                title: lang.pick(ja, en).to_owned(),
                width: *width,
            })
            .collect(),
        keys,
        rows,
    })
}

fn text(lang: Lang, ja: impl Into<String>, en: impl Into<String>) -> Block {
    Block::Text(match lang {
        Lang::Ja => ja.into(),
        Lang::En => en.into(),
    })
}

fn note(lang: Lang, ja: &str, en: &str) -> Block {
    Block::Note(lang.pick(ja, en).to_owned())
}

/// Change against another period, in tenths of a percent.
fn change(now: u64, then: u64) -> Cell {
    let permille = |n: u64| i64::try_from(n.saturating_mul(1_000).checked_div(then).unwrap_or(0)).unwrap_or(i64::MAX);
    match then {
        0 => Cell::None,
        _ => Cell::Permille(permille(now)),
    }
}

#[cfg(test)]
pub(super) mod tests;
