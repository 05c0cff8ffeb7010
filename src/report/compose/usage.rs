//! 4 利用状況, 6 累積監視, 8 一時複製の消去確認, 9 抽出確認.

use super::super::doc::{Block, Cell, Chart, Shape};
use super::super::facts::Facts;
use super::{change, n, note, table, text, words};
use crate::access::Operation;
use crate::text::{Lang, number};

/// Rows of the table of persons.
const USERS_MAX: usize = 20;
/// Persons in the chart against their usual.
const CHART_USERS: usize = 10;

/// 4 利用状況.
pub(super) fn usage(facts: &Facts, lang: Lang) -> Vec<Block> {
    vec![
        datasets(facts, lang),
        note(
            lang,
            "対象者数は、記録に対象者の番号がある利用について重複を除いた数であり、「約」を付した数は推計（誤差の標準は約0.8％）である。時間外は開庁日の勤務時間外、閉庁日は土曜日、日曜日、休日及び年末年始をいう。時間外の境界は最大4分の幅で広めに数える。",
            "Citizens are counted once each where the log names them; numbers with a ~ are estimates (standard error 0.8 %). Outside hours means outside office hours of open days, counted up to four minutes generously.",
        ),
        users(facts, lang),
        Block::Chart(daily(facts, lang)),
        Block::Chart(Chart {
            id: "hourly".to_owned(),
            title: lang
                .pick(
                    "図3 時間帯と曜日（濃いほど多い）",
                    "Chart 3: hour and weekday, darker for more",
                )
                .to_owned(),
            unit: lang.pick("回", "accesses").to_owned(),
            shape: Shape::Heat {
                rows: match lang {
                    Lang::Ja => ["月", "火", "水", "木", "金", "土", "日"],
                    Lang::En => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
                }
                .map(str::to_owned)
                .to_vec(),
                values: facts.hourly.iter().map(|hours| hours.to_vec()).collect(),
            },
        }),
        Block::Chart(against_usual(facts, lang)),
    ]
}

fn datasets(facts: &Facts, lang: Lang) -> Block {
    let rows = facts.datasets.iter().map(|d| {
        let used = &d.uses[0];
        let of = |operation| Cell::Count(used.of(operation));
        let subjects = match (d.subjects, d.estimated) {
            (None, _) => Cell::None,
            (Some(count), false) => Cell::Count(count),
            (Some(count), true) => Cell::from(format!("{}{}", lang.pick("約", "~"), number(count))),
        };
        vec![
            d.title.as_str().into(),
            used.users.into(),
            of(Operation::View),
            of(Operation::Search),
            of(Operation::Export),
            of(Operation::Print),
            Cell::Count(used.of(Operation::Update).saturating_add(used.of(Operation::Delete))),
            used.taken.into(),
            used.taken_unknown.into(),
            subjects,
            d.off_hours.into(),
            d.closed.into(),
            used.denied.into(),
        ]
    });
    table(
        "datasets",
        lang.pick("表7 情報資産別の利用状況", "Table 7: use by dataset"),
        1,
        lang,
        &[
            ("dataset", "情報資産", "dataset", 6),
            ("users", "利用者数", "users", 2),
            ("views", "照会", "views", 3),
            ("searches", "検索", "searches", 3),
            ("exports", "出力", "exports", 2),
            ("prints", "印刷", "prints", 2),
            ("updates", "更新・削除", "updates", 2),
            ("taken", "出力・印刷件数", "records taken", 3),
            ("taken_unknown", "件数不明", "unknown", 2),
            ("subjects", "対象者数", "citizens", 3),
            ("off_hours", "時間外", "off hours", 2),
            ("closed_days", "閉庁日", "closed days", 2),
            ("denied", "拒否・失敗", "denied", 2),
        ],
        rows.collect(),
    )
}

fn users(facts: &Facts, lang: Lang) -> Block {
    let rows = facts.users.iter().take(USERS_MAX).map(|u| {
        let usual = u.earlier.checked_div(u.earlier_periods).unwrap_or(0);
        vec![
            u.name.as_str().into(),
            if u.registered {
                u.section.as_str().into()
            } else {
                lang.pick("（台帳になし）", "(not registered)").into()
            },
            u.accesses.into(),
            u.taken.into(),
            u.denied.into(),
            if u.earlier_periods == 0 {
                Cell::None
            } else {
                usual.into()
            },
            change(u.accesses, usual),
        ]
    });
    let (shown, all) = (
        number(n(facts.users.len().min(USERS_MAX))),
        number(n(facts.users.len())),
    );
    let title = match lang {
        Lang::Ja => format!("表8 利用者別の上位（{shown}人／全{all}人）"),
        Lang::En => format!("Table 8: users ({shown} of {all})"),
    };
    let usual = match facts.users.first().map_or(0, |u| u.earlier_periods) {
        0 | 1 => ("前期", "before"),
        2 => ("前2期平均", "mean of 2 before"),
        _ => ("前3期平均", "mean of 3 before"),
    };
    table(
        "users",
        &title,
        1,
        lang,
        &[
            ("person", "職員番号", "staff number", 4),
            ("section", "所属", "section", 4),
            ("accesses", "利用回数", "accesses", 3),
            ("taken", "出力・印刷件数", "records taken", 3),
            ("denied", "拒否・失敗", "denied", 3),
            ("usual", usual.0, usual.1, 3),
            ("ratio", "平均比", "ratio", 3),
        ],
        rows.collect(),
    )
}

fn daily(facts: &Facts, lang: Lang) -> Chart {
    // A year of single days is no chart: beyond two months the bars are weeks.
    let weekly = 62 < facts.daily.len();
    let step = if weekly { 7 } else { 1 };
    let bars = facts.daily.chunks(step).filter_map(|days| {
        let (first, ..) = days.first()?;
        let sum = days.iter().map(|d| d.1).fold(0, u64::saturating_add);
        let date = first.date();
        let label = if weekly || facts.period.kind != super::Kind::Monthly {
            format!("{}/{}", date.month, date.day)
        } else {
            date.day.to_string()
        };
        Some((label, sum, !weekly && days.iter().all(|d| d.2)))
    });
    let mut shape = (Vec::new(), Vec::new(), Vec::new());
    for (label, value, closed) in bars {
        shape.0.push(label);
        shape.1.push(value);
        shape.2.push(closed);
    }
    Chart {
        id: "daily".to_owned(),
        title: match weekly {
            false => lang.pick("図2 日別の利用回数", "Chart 2: accesses by day"),
            true => lang.pick("図2 週別の利用回数", "Chart 2: accesses by week"),
        }
        .to_owned(),
        unit: lang.pick("回", "accesses").to_owned(),
        shape: Shape::Bars {
            labels: shape.0,
            values: shape.1,
            marked: shape.2,
            mark: lang.pick("閉庁日", "closed days").to_owned(),
        },
    }
}

fn against_usual(facts: &Facts, lang: Lang) -> Chart {
    let top = || facts.users.iter().take(CHART_USERS);
    let usual = |u: &super::super::facts::UserFacts| u.earlier.checked_div(u.earlier_periods).unwrap_or(0);
    Chart {
        id: "users".to_owned(),
        title: lang
            .pick(
                "図4 利用回数の上位とふだんの利用",
                "Chart 4: most accesses, against the usual",
            )
            .to_owned(),
        unit: lang.pick("回", "accesses").to_owned(),
        shape: Shape::Pairs {
            labels: top().map(|u| u.name.clone()).collect(),
            now: top().map(|u| u.accesses).collect(),
            usual: top().map(usual).collect(),
            words: [lang.pick("今期", "now"), lang.pick("ふだん（前期までの平均）", "usual")].map(str::to_owned),
        },
    }
}

/// 6 累積監視.
pub(super) fn cumulative(facts: &Facts, lang: Lang) -> Vec<Block> {
    if facts.cumulative.is_empty() {
        return vec![text(
            lang,
            "期間末までの365日間に、件数の分かる出力・印刷はない。",
            "In the 365 days to the end of the period nothing of known size was exported or printed.",
        )];
    }
    let rows = facts.cumulative.iter().map(|c| {
        let limit = |l: Option<u64>| l.map_or(Cell::None, Cell::Count);
        let share = |taken: u64, l: Option<u64>| l.map_or(Cell::None, |l| change(taken, l));
        vec![
            c.name.as_str().into(),
            c.section.as_str().into(),
            words::dataset(facts, &c.dataset, lang).into(),
            c.taken[0].into(),
            limit(c.limits[0]),
            share(c.taken[0], c.limits[0]),
            c.taken[1].into(),
            limit(c.limits[1]),
            share(c.taken[1], c.limits[1]),
        ]
    });
    vec![
        table(
            "cumulative",
            lang.pick(
                "表11 出力・印刷件数の累積の上位（基準値に近い順）",
                "Table 11: records taken, nearest to their limits first",
            ),
            3,
            lang,
            &[
                ("person", "職員番号", "staff number", 3),
                ("section", "所属", "section", 3),
                ("dataset", "情報資産", "dataset", 5),
                ("days_30", "30日間", "30 days", 3),
                ("limit_30", "基準値", "limit", 3),
                ("share_30", "比", "share", 2),
                ("days_365", "365日間", "365 days", 3),
                ("limit_365", "基準値", "limit", 3),
                ("share_365", "比", "share", 2),
            ],
            rows.collect(),
        ),
        note(
            lang,
            "期間の末日までの30日間及び365日間の合計である。1回ごとでは基準値に達しない少量の持出しの継続を確かめる。",
            "Sums of the 30 and 365 days that end with the period: small amounts, often, show here.",
        ),
    ]
}

/// 8 一時複製の消去確認.
pub(super) fn copies(facts: &Facts, lang: Lang) -> Vec<Block> {
    let (exports, total) = &facts.exports;
    if exports.is_empty() {
        return vec![text(
            lang,
            "対象期間に出力・印刷はない。",
            "Nothing was exported or printed.",
        )];
    }
    let rows = exports.iter().map(|e| {
        vec![
            e.day.into(),
            e.name.as_str().into(),
            words::dataset(facts, &e.dataset, lang).into(),
            words::operation(e.operation, lang).into(),
            e.accesses.into(),
            if e.records == 0 && 0 < e.unknown {
                Cell::Unknown
            } else {
                e.records.into()
            },
            Cell::Blank,
            Cell::Blank,
        ]
    });
    let (shown, all) = (number(n(exports.len())), number(*total));
    vec![
        text(
            lang,
            format!(
                "対象期間の出力・印刷は、日・利用者・情報資産・操作の別に{all}件である。件数の多い順に{shown}件を示す。作成した一時的な複製の消去を確認し、消去日と確認者を記入すること（訓令第26条）。"
            ),
            format!(
                "{all} exports and prints by day, person, dataset and operation; the {shown} largest. Confirm that temporary copies were deleted (article 26)."
            ),
        ),
        table(
            "copies",
            lang.pick(
                "表14 出力・印刷と複製の消去",
                "Table 14: exports, prints, and deletion of copies",
            ),
            4,
            lang,
            &[
                ("day", "日", "day", 5),
                ("person", "職員番号", "staff number", 3),
                ("dataset", "情報資産", "dataset", 5),
                ("operation", "操作", "operation", 2),
                ("accesses", "回数", "times", 2),
                ("records", "件数", "records", 3),
                ("deleted_on", "消去日", "deleted on", 3),
                ("deleted_by", "確認者", "confirmed by", 3),
            ],
            rows.collect(),
        ),
    ]
}

/// 9 抽出確認.
pub(super) fn samples(facts: &Facts, lang: Lang) -> Vec<Block> {
    if facts.samples.is_empty() {
        return vec![text(
            lang,
            "対象期間に抽出できる利用はない。",
            "There was no use to draw from.",
        )];
    }
    let clock = |minute: u32| format!("{}:{:02}", minute / 60, minute % 60);
    let rows = (1u64..).zip(&facts.samples).map(|(nth, s)| {
        let (from, to) = (clock(s.minutes.0), clock(s.minutes.1));
        vec![
            nth.into(),
            s.day.into(),
            if from == to {
                from.into()
            } else {
                format!("{from}～{to}").into()
            },
            s.name.as_str().into(),
            s.section.as_str().into(),
            words::dataset(facts, &s.dataset, lang).into(),
            words::operation(s.operation, lang).into(),
            s.accesses.into(),
            Cell::Blank,
            Cell::Blank,
            Cell::Blank,
        ]
    });
    let count = number(n(facts.samples.len()));
    vec![
        text(
            lang,
            format!(
                "無作為に抽出した{count}件である。本人以外の者が、受付番号、申請書等と照合して業務上の理由を確認し、結果を記入すること。"
            ),
            format!(
                "{count} uses drawn at random. Somebody else than the user compares each with requests and receipts and notes the result."
            ),
        ),
        table(
            "samples",
            lang.pick("表15 抽出確認", "Table 15: samples"),
            1,
            lang,
            &[
                ("number", "番号", "no.", 1),
                ("day", "日", "day", 5),
                ("time", "時刻", "time", 3),
                ("person", "職員番号", "staff number", 3),
                ("section", "所属", "section", 3),
                ("dataset", "情報資産", "dataset", 4),
                ("operation", "操作", "operation", 2),
                ("accesses", "回数", "times", 2),
                ("receipt", "受付番号等", "receipt", 3),
                ("reason", "業務上の理由", "reason", 4),
                ("verdict", "適否", "proper?", 2),
            ],
            rows.collect(),
        ),
    ]
}
