//! 1 総括: the judgement that is offered, what to look after, comparison with the period before and last year.

use super::super::doc::{Block, Cell, Chart, Report, Shape, Verdict};
use super::super::facts::{Facts, Use};
use super::super::period::Kind;
use super::{change, n, note, table, text};
use crate::text::{Lang, number};

/// Points told on the first page; all of them stand in part 12.
const POINTS_MAX: usize = 12;

pub(super) fn summary(facts: &Facts, report: &Report, lang: Lang) -> Vec<Block> {
    let mut out = vec![judgement(facts, report, lang)];
    out.extend(report.barred.iter().map(|why| Block::Warning(why.clone())));
    if report.points.is_empty() {
        out.push(text(lang, "要確認事項はない。", "There is nothing to look after."));
    } else {
        let total = number(n(report.points.len()));
        out.push(text(
            lang,
            format!("要確認事項は次の{total}件である。処置を12の表に記入すること。"),
            format!("{total} points to look after; say in part 12 what was done about each."),
        ));
        for (nth, point) in (1..).zip(report.points.iter().take(POINTS_MAX)) {
            out.push(Block::Text(format!("（{nth}）{}", point.text)));
        }
        if POINTS_MAX < report.points.len() {
            let rest = number(n(report.points.len() - POINTS_MAX));
            out.push(text(
                lang,
                format!("ほか{rest}件（12を参照）"),
                format!("and {rest} more, see part 12"),
            ));
        }
    }
    out.push(comparison(facts, lang));
    out.push(note(
        lang,
        "比は、比較する期を100％としたときの今期の割合である。比較する期に記録がないときは「－」と示す。",
        "Ratios are this period in percent of the other one; a dash where that has nothing on record.",
    ));
    if !facts.sections.is_empty() {
        out.push(sections(facts, lang));
    }
    out.push(Block::Chart(Chart {
        id: "trend".to_owned(),
        title: lang
            .pick("図1 月別の推移（13か月）", "Chart 1: month by month (13 months)")
            .to_owned(),
        unit: lang.pick("回・件", "accesses, records").to_owned(),
        shape: Shape::Lines {
            labels: facts
                .monthly
                .iter()
                .map(|(day, ..)| {
                    let date = day.date();
                    format!("{}/{}", date.year % 100, date.month)
                })
                .collect(),
            lines: vec![
                (
                    lang.pick("利用回数", "accesses").to_owned(),
                    facts.monthly.iter().map(|m| m.1).collect(),
                ),
                (
                    lang.pick("出力・印刷の件数", "records exported or printed").to_owned(),
                    facts.monthly.iter().map(|m| m.2).collect(),
                ),
            ],
        },
    }));
    out
}

fn judgement(facts: &Facts, report: &Report, lang: Lang) -> Block {
    let points = number(n(report.points.len()));
    let incidents = facts.alerts.iter().filter(|a| super::is_incident(a)).count();
    let incidents = number(n(incidents));
    match report.verdict {
        Verdict::Normal => text(
            lang,
            "判定：□異常なし　□要確認　□事案　（確認者が選択する）",
            "Judgement: [ ] nothing found  [ ] to be looked into  [ ] incident (whoever confirms chooses)",
        ),
        Verdict::Check => text(
            lang,
            format!("判定：□要確認（{points}件）　□事案　（「異常なし」は選択できない）"),
            format!("Judgement: [ ] to be looked into ({points})  [ ] incident (nothing found is not offered)"),
        ),
        Verdict::Incident => text(
            lang,
            format!("判定：■事案（{incidents}件）　要確認 {points}件（「異常なし」は選択できない）"),
            format!("Judgement: [x] incident ({incidents}); {points} points (nothing found is not offered)"),
        ),
    }
}

fn comparison(facts: &Facts, lang: Lang) -> Block {
    let mut sums = [Use::default(); 3];
    for dataset in &facts.datasets {
        for (sum, used) in sums.iter_mut().zip(&dataset.uses) {
            sum.add(used);
        }
    }
    let row = |ja: &str, en: &str, of: &dyn Fn(&Use) -> u64| {
        let [now, before, year] = sums.each_ref().map(of);
        vec![
            Cell::from(lang.pick(ja, en)),
            now.into(),
            before.into(),
            change(now, before),
            year.into(),
            change(now, year),
        ]
    };
    let mut rows = vec![
        row("利用回数（成功）", "accesses", &|u| u.accesses),
        row("出力・印刷の件数", "records exported or printed", &|u| u.taken),
        row(
            "件数不明の出力・印刷",
            "exports and prints of unknown size",
            &|u| u.taken_unknown,
        ),
        row("拒否・失敗", "refused or failed", &|u| u.denied),
    ];
    let [now, before, year] = [n(facts.alerts.len()), facts.alerts_before[0], facts.alerts_before[1]];
    rows.push(vec![
        Cell::from(lang.pick("警告の件数", "alerts")),
        now.into(),
        before.into(),
        change(now, before),
        year.into(),
        change(now, year),
    ]);
    let (before, year) = match facts.period.kind {
        Kind::Monthly => (("前月", "month before"), ("前年同月", "same month last year")),
        Kind::Quarterly => (("前四半期", "quarter before"), ("前年同期", "same quarter last year")),
        Kind::Yearly => (("前年度", "year before"), ("前年度", "year before")),
        Kind::Special => (
            ("直前の同期間", "same span before"),
            ("前年同期", "same span last year"),
        ),
    };
    table(
        "comparison",
        lang.pick(
            "表1 前期・前年同期との比較",
            "Table 1: compared with the period before and last year",
        ),
        1,
        lang,
        &[
            ("what", "区分", "what", 5),
            ("now", "今期", "now", 3),
            ("before", before.0, before.1, 3),
            ("before_ratio", "比", "ratio", 2),
            ("year_before", year.0, year.1, 3),
            ("year_before_ratio", "比", "ratio", 2),
        ],
        rows,
    )
}

fn sections(facts: &Facts, lang: Lang) -> Block {
    let rows = facts.sections.iter().map(|s| {
        let [due, made, in_time, late, open] = s.reviews;
        vec![
            Cell::from(s.section.as_str()),
            s.datasets.into(),
            s.uses[0].accesses.into(),
            change(s.uses[0].accesses, s.uses[1].accesses),
            s.uses[0].taken.into(),
            s.alerts[0].into(),
            s.alerts[1].into(),
            s.alerts[2].into(),
            due.into(),
            made.into(),
            in_time.into(),
            late.into(),
            open.into(),
        ]
    });
    table(
        "sections",
        lang.pick("表2 所属別の比較と確認の状況", "Table 2: section by section"),
        1,
        lang,
        &[
            ("section", "所属", "section", 4),
            ("datasets", "資産", "datasets", 2),
            ("accesses", "利用回数", "accesses", 3),
            ("ratio", "前期比", "ratio", 2),
            ("taken", "出力件数", "records taken", 3),
            ("alerts", "警告", "alerts", 2),
            ("open", "未了", "open", 2),
            ("incidents", "事案", "incidents", 2),
            ("months", "対象月", "months", 2),
            ("made", "作成", "made", 2),
            ("in_time", "期限内確認", "in time", 2),
            ("late", "遅延", "late", 2),
            ("unsigned", "未了", "unsigned", 2),
        ],
        rows.collect(),
    )
}
