//! 5 警告の状況 and 7 権限突合.

use super::super::doc::{Block, Cell};
use super::super::facts::Facts;
use super::{n, table, text, words};
use crate::detect::Severity;
use crate::text::{Lang, number};

/// Rows of a list of accounts; the rest is counted.
const ROWS_MAX: usize = 60;

fn severity(severity: Severity, lang: Lang) -> &'static str {
    lang.pick(severity.ja(), severity.as_str())
}

/// 5 警告の状況.
pub(super) fn alerts(facts: &Facts, lang: Lang) -> Vec<Block> {
    if facts.rules.is_empty() {
        return vec![text(
            lang,
            "対象期間に警告はない。",
            "There were no alerts in the period.",
        )];
    }
    let rows = facts.rules.iter().map(|r| {
        vec![
            r.id.as_str().into(),
            r.title.as_str().into(),
            r.raised.into(),
            r.legitimate.into(),
            r.false_alarm.into(),
            r.acknowledged.into(),
            r.incident.into(),
            r.open.into(),
        ]
    });
    let mut out = vec![table(
        "rules",
        lang.pick("表9 規則別の警告と結果", "Table 9: alerts by rule and outcome"),
        1,
        lang,
        &[
            ("rule", "規則", "rule", 2),
            ("title", "名称", "title", 7),
            ("raised", "発生", "raised", 2),
            ("legitimate", "正当", "legitimate", 2),
            ("false_alarm", "誤検知", "false alarm", 2),
            ("acknowledged", "要調査", "being looked into", 2),
            ("incident", "事案", "incident", 2),
            ("open", "未確認", "open", 2),
        ],
        rows.collect(),
    )];
    let listed = facts.alerts.iter().filter(|a| Severity::Notice < a.severity);
    let rows: Vec<Vec<Cell>> = listed
        .map(|a| {
            let time = |at: Option<crate::clock::WallTime>| at.map_or(Cell::None, |at| Cell::Time(at.micros()));
            let mut what = words::state(a, lang).to_owned();
            if a.retro {
                what.push_str(lang.pick("・遡及", ", in hindsight"));
            }
            vec![
                a.number.as_str().into(),
                severity(a.severity, lang).into(),
                a.rule.as_str().into(),
                Cell::Time(a.at.micros()),
                a.who.as_str().into(),
                a.section.as_str().into(),
                words::dataset(facts, &a.dataset, lang).into(),
                a.observed.into(),
                a.limit.into(),
                time(a.times[1]),
                time(a.times[2]),
                what.into(),
            ]
        })
        .collect();
    if rows.is_empty() {
        out.push(text(
            lang,
            "警告以上の重要度のものはない（注意のみ）。",
            "All of them were notices.",
        ));
        return out;
    }
    out.push(table(
        "alerts",
        lang.pick("表10 警告・重大の一覧", "Table 10: warnings and critical alerts"),
        1,
        lang,
        &[
            ("number", "番号", "number", 4),
            ("severity", "重要度", "severity", 2),
            ("rule", "規則", "rule", 2),
            ("at", "事象の日時", "first seen", 4),
            ("person", "利用者", "who", 3),
            ("section", "所属", "section", 3),
            ("dataset", "情報資産", "dataset", 4),
            ("observed", "検知", "observed", 2),
            ("limit", "基準", "limit", 2),
            ("mailed", "通知", "mailed", 4),
            ("acknowledged", "確認", "acknowledged", 4),
            ("outcome", "処置", "outcome", 3),
        ],
        rows,
    ));
    out
}

/// 7 権限突合.
pub(super) fn rights(facts: &Facts, lang: Lang) -> Vec<Block> {
    let r = &facts.rights;
    let mut out = vec![match r.register {
        Some((version, at)) => {
            let at = crate::calendar::Jst::from(at);
            text(
                lang,
                format!("権限台帳：版 {version}（{} 取込み）による。", at.day.wareki()),
                format!(
                    "By version {version} of the account register, imported {}.",
                    at.day.iso()
                ),
            )
        }
        None => text(
            lang,
            "権限台帳：取込みの記録がない（設定された台帳ファイルによる）。",
            "By the register file as configured; no import is on record.",
        ),
    }];
    for (standing, count) in &r.without_right {
        let (what, count) = (words::standing(*standing, lang), number(*count));
        out.push(Block::Warning(match lang {
            Lang::Ja => format!("{what}：警告 {count}件（5を参照）"),
            Lang::En => format!("{what}: {count} alerts, see part 5"),
        }));
    }
    if r.without_right.is_empty() {
        out.push(text(
            lang,
            "退職、異動、休職等により権限のない者の利用による警告はない。",
            "No alert was about use without a right in force.",
        ));
    }
    let mut rows = rights_rows(facts, lang);
    let total = rows.len();
    if total == 0 {
        out.push(text(
            lang,
            "突合の結果、確認を要する権限はない。",
            "No right needs looking after.",
        ));
    } else {
        rows.truncate(ROWS_MAX);
        out.push(table(
            "rights",
            lang.pick("表12 権限と利用の突合", "Table 12: rights against use"),
            3,
            lang,
            &[
                ("what", "区分", "what", 4),
                ("person", "職員番号", "staff number", 3),
                ("account", "利用者ID", "account", 4),
                ("detail", "内容", "detail", 8),
            ],
            rows,
        ));
        if ROWS_MAX < total {
            let rest = number(n(total - ROWS_MAX));
            out.push(text(
                lang,
                format!("ほか{rest}件は sekimori account reconcile の出力による。"),
                format!("and {rest} more; see sekimori account reconcile"),
            ));
        }
    }
    out.extend(outside(facts, lang));
    out
}

/// Rights and uses that somebody has to look after, a row each.
fn rights_rows(facts: &Facts, lang: Lang) -> Vec<Vec<Cell>> {
    let r = &facts.rights;
    let cells = |texts: &[&str]| texts.iter().map(|t| Cell::from(*t)).collect::<Vec<_>>();
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for (name, dataset, accesses, denied) in &r.unknown {
        let use_of = match lang {
            Lang::Ja => format!(
                "{}：成功 {}回、拒否・失敗 {}回",
                words::dataset(facts, dataset, lang),
                number(*accesses),
                number(*denied)
            ),
            Lang::En => format!(
                "{}: {} accesses, {} refused",
                words::dataset(facts, dataset, lang),
                number(*accesses),
                number(*denied)
            ),
        };
        rows.push(cells(&[
            lang.pick("台帳にないID", "unknown account"),
            "",
            name,
            &use_of,
        ]));
    }
    for (person, account, last) in &r.idle {
        let last = match (last, lang) {
            (None, _) => lang.pick("最終利用の記録なし", "no use on record").to_owned(),
            (Some(day), Lang::Ja) => format!("最終利用 {}", day.wareki()),
            (Some(day), Lang::En) => format!("last use {}", day.iso()),
        };
        rows.push(cells(&[
            lang.pick("90日以上利用なし", "not used for 90 days"),
            person,
            account,
            &last,
        ]));
    }
    for (person, account, day) in &r.leaving {
        let day = lang.pick(&day.wareki(), &day.iso()).to_owned();
        rows.push(cells(&[
            lang.pick("30日以内に終了", "ends within 30 days"),
            person,
            account,
            &day,
        ]));
    }
    for (person, account, ja, en) in &r.endless {
        rows.push(cells(&[
            lang.pick("終了日の記載なし", "no end is stated"),
            person,
            account,
            lang.pick(ja, en),
        ]));
    }
    for (account, custodian) in &r.shared {
        let of = match (custodian.is_empty(), lang) {
            (true, _) => lang.pick("管理責任者の記載なし", "no custodian").to_owned(),
            (false, Lang::Ja) => format!("管理責任者 {custodian}"),
            (false, Lang::En) => format!("custodian {custodian}"),
        };
        rows.push(cells(&[lang.pick("共用ID", "shared account"), "", account, &of]));
    }
    rows
}

/// 委託先・派遣.
fn outside(facts: &Facts, lang: Lang) -> Option<Block> {
    let r = &facts.rights;
    if r.outside.is_empty() {
        return None;
    }
    let rows = r.outside.iter().map(|(name, ja, en, accesses, taken)| {
        vec![
            name.as_str().into(),
            lang.pick(ja, en).into(),
            (*accesses).into(),
            (*taken).into(),
        ]
    });
    Some(table(
        "outside",
        lang.pick("表13 委託先・派遣の利用", "Table 13: outside staff"),
        1,
        lang,
        &[
            ("person", "職員番号", "staff number", 4),
            ("kind", "区分", "kind", 3),
            ("accesses", "利用回数", "accesses", 3),
            ("taken", "出力・印刷件数", "records taken", 3),
        ],
        rows.collect(),
    ))
}
