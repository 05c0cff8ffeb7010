//! 10 設定の確認, 11 前回指摘事項の対応状況, 12 所見・評価・見直し.

use super::super::doc::{Block, Cell, Report};
use super::super::facts::Facts;
use super::{table, text, words};
use crate::calendar::{Day, Jst};
use crate::detect::Count;
use crate::text::Lang;

fn day(day: Day, lang: Lang) -> String {
    lang.pick(&day.wareki(), &day.iso()).to_owned()
}

fn unit(count: Count, lang: Lang) -> &'static str {
    match count {
        Count::Accesses => lang.pick("回", "accesses"),
        Count::Records => lang.pick("件", "records"),
        Count::Bytes => lang.pick("バイト", "bytes"),
        Count::Subjects => lang.pick("人", "citizens"),
    }
}

/// 10 設定の確認.
pub(super) fn settings(facts: &Facts, lang: Lang) -> Vec<Block> {
    let s = &facts.settings;
    let head: String = s.hash.chars().take(16).collect();
    let changed = s.changed.map(|at| Jst::from(at).day);
    let changed = changed.map_or_else(|| lang.pick("記録なし", "not on record").to_owned(), |d| day(d, lang));
    let changes = s.changes;
    let mut out = vec![text(
        lang,
        format!("設定（SHA-256 先頭16桁 {head}）は {changed} から有効である。対象期間中の設定の変更は {changes}回。"),
        format!(
            "The settings (SHA-256 {head}…) have been in force since {changed}; they changed {changes} times in the period."
        ),
    )];
    out.push(match &s.confirmed {
        Some((on, number)) => {
            let on = day(*on, lang);
            text(
                lang,
                format!("直近の設定確認：{on}（{number}）"),
                format!("Last confirmation of the settings: {on} ({number})"),
            )
        }
        None => Block::Warning(
            lang.pick(
                "設定の定期的確認（訓令第22条）の記録がない。",
                "No confirmation of the settings (article 22) is on record.",
            )
            .to_owned(),
        ),
    });
    let rows = s.limits.iter().map(|l| {
        let limit = |n: Option<u64>| n.map_or(Cell::None, Cell::Count);
        let [s_limit, a_limit, b_limit] = l.limits;
        vec![
            l.rule.as_str().into(),
            l.title.as_str().into(),
            lang.pick(l.severity.ja(), l.severity.as_str()).into(),
            limit(s_limit),
            limit(a_limit),
            limit(b_limit),
            l.count.map_or(Cell::None, |c| unit(c, lang).into()),
        ]
    });
    out.push(table(
        "limits",
        lang.pick("表16 規則としきい値", "Table 16: rules and limits"),
        1,
        lang,
        &[
            ("rule", "規則", "rule", 2),
            ("title", "名称", "title", 8),
            ("severity", "重要度", "severity", 2),
            ("limit_s", "S", "S", 3),
            ("limit_a", "A", "A", 3),
            ("limit_b", "B", "B", 3),
            ("unit", "単位", "unit", 2),
        ],
        rows.collect(),
    ));
    out
}

/// 11 前回指摘事項の対応状況.
pub(super) fn before(facts: &Facts, report: &Report, lang: Lang) -> Vec<Block> {
    let Some(before) = &facts.before else {
        return vec![text(lang, "前回の報告書はない。", "There is no earlier report.")];
    };
    let (number, period) = (&before.number, &before.period);
    let mut out = vec![text(
        lang,
        format!("前回の報告書：{number}（{period}）"),
        format!("The last report: {number} ({period})"),
    )];
    if !before.complete {
        let due = day(before.due, lang);
        out.push(Block::Warning(match lang {
            Lang::Ja => format!("前回の報告書の確認が終わっていない（期限 {due}）。"),
            Lang::En => format!("The last report is not confirmed (due {due})."),
        }));
    }
    if !before.reviews.is_empty() {
        let rows = before.reviews.iter().map(|(role, on, result, measures)| {
            vec![
                role.as_str().into(),
                (*on).into(),
                words::result(result, lang).into(),
                measures.as_str().into(),
            ]
        });
        out.push(table(
            "before_reviews",
            lang.pick("前回の確認", "Who confirmed it"),
            1,
            lang,
            &[
                ("role", "職", "role", 4),
                ("on", "確認日", "on", 4),
                ("result", "確認結果", "result", 3),
                ("measures", "措置・期限", "measures", 9),
            ],
            rows.collect(),
        ));
    }
    if before.points.is_empty() {
        out.push(text(lang, "前回の要確認事項はない。", "It had no points."));
        return out;
    }
    let open = |key: &str| report.points.iter().any(|p| p.key == key);
    let rows = before.points.iter().map(|(key, point)| {
        vec![
            point.as_str().into(),
            if open(key) {
                lang.pick("継続", "still open").into()
            } else {
                lang.pick("今回は該当なし", "not found again").into()
            },
            Cell::Blank,
        ]
    });
    out.push(table(
        "before_points",
        lang.pick("表17 前回の要確認事項", "Table 17: its points"),
        1,
        lang,
        &[
            ("point", "事項", "point", 10),
            ("now", "今回", "now", 3),
            ("done", "対応", "what was done", 5),
        ],
        rows.collect(),
    ));
    out
}

/// 12 所見・評価・見直し.
pub(super) fn review(facts: &Facts, report: &Report, lang: Lang) -> Vec<Block> {
    let mut out = Vec::new();
    if report.points.is_empty() {
        out.push(text(lang, "今回の要確認事項はない。", "There are no points this time."));
    } else {
        let rows = (1u64..)
            .zip(&report.points)
            .map(|(nth, point)| vec![nth.into(), point.text.as_str().into(), Cell::Blank, Cell::Blank]);
        out.push(table(
            "points",
            lang.pick("表18 要確認事項と措置", "Table 18: points and measures"),
            2,
            lang,
            &[
                ("number", "番号", "no.", 1),
                ("point", "要確認事項", "point", 10),
                ("measure", "措置", "measure", 6),
                ("until", "期限", "until", 3),
            ],
            rows.collect(),
        ));
    }
    out.push(table(
        "findings",
        lang.pick(
            "所見・評価・見直し（訓令第43条）",
            "Findings, judgement, revision (article 43)",
        ),
        1,
        lang,
        &[("what", "区分", "what", 3), ("text", "記入欄", "", 12)],
        [
            ("所見", "findings"),
            ("評価", "judgement"),
            ("しきい値・規則の見直し", "limits and rules to revise"),
        ]
        .into_iter()
        .map(|(ja, en)| vec![lang.pick(ja, en).into(), Cell::Blank])
        .collect(),
    ));
    if facts.section.is_none() && facts.period.kind == super::Kind::Yearly {
        out.push(text(
            lang,
            "年次の報告書では、しきい値の妥当性（誤検知の割合、見逃し）、監査の証跡、記録の保存と廃棄、次年度の計画、ID再付与の結果を併せて評価すること。監査の資料は sekimori report audit により作成する。",
            "The yearly report also judges the limits (false alarms, misses), evidence of audits, retention, next year's plan and re-issued accounts; sekimori report audit makes the bundle.",
        ));
    }
    out
}
