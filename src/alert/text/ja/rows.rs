//! The facts and what they rest on, a label and a value each (Japanese).

use super::judged::measured;
use super::{dataset, span_text, who};
use crate::access::{Mark, Standing};
use crate::alert::AlertFacts;
use crate::alert::text::Row;
use crate::alert::text::view::{self, Off, View};
use crate::calendar::{Day, Jst};
use crate::detect::Within;
use crate::text::{Lang, duration_text, number};

/// The facts, in the order people ask for them.
pub(in crate::alert::text) fn rows(view: &View) -> Vec<Row> {
    let alert = view.alert;
    let mut rows = vec![
        Row::new("警告番号", view.number.as_str()),
        Row::new("重要度", alert.severity.ja()),
        Row::new("規則", format!("{}　{}", view.rule, view.rule_title)),
        Row::new("しきい値", limit(view)),
        Row::new("検知値", observed(view)),
    ];
    if let Some(within) = view.facts.within {
        rows.push(Row::new("集計期間", window(view, within)));
    }
    rows.push(Row::new(
        "検知日時",
        format!("{} JST", Jst::from(alert.detected_at).wareki()),
    ));
    if alert.retro {
        rows.push(Row::new(
            "検知区分",
            "遡及（訂正された台帳により、過去の利用を改めて判定したもの）",
        ));
    }
    if let Some(late) = view.late() {
        rows.push(Row::new(
            "検知区分",
            format!(
                "遅延（事象から約{}後に届いた記録によるもの）",
                duration_text(late, Lang::Ja)
            ),
        ));
    }
    rows.push(happened(view));
    rows.push(Row::new("情報資産", asset(view)));
    if let Some(job) = &view.facts.job {
        rows.push(Row::new(
            "業務処理",
            format!("申請番号 {job}（承認された業務処理の最大件数を超えました）"),
        ));
    }
    rows.push(Row::new(
        "操作",
        if view.one_access() {
            alert.operation.ja().to_string()
        } else {
            format!("{}（直近の利用）", alert.operation.ja())
        },
    ));
    rows.extend(people(view));
    rows.extend(amounts(view));
    rows.extend(reasons(view));
    rows
}

/// What other rules found in the same situation, a line each.
fn reasons(view: &View) -> Option<Row> {
    let line = |facts: &AlertFacts| {
        let view = View::new(facts);
        let measured = match view.alert.limit {
            0 => measured(view.alert.observed, &view),
            limit => format!(
                "{}（しきい値 {}）",
                measured(view.alert.observed, &view),
                measured(limit, &view)
            ),
        };
        format!(
            "{}　{}：{}　{measured}",
            view.rule,
            view.rule_title,
            view.alert.severity.ja()
        )
    };
    let lines: Vec<String> = view.facts.reasons.iter().map(line).collect();
    (!lines.is_empty()).then_some(Row {
        label: "他の理由",
        lines,
    })
}

fn limit(view: &View) -> String {
    match view.alert.limit {
        0 => "0回（1回の利用でも警告）".to_string(),
        limit => measured(limit, view),
    }
}

fn observed(view: &View) -> String {
    let observed = measured(view.alert.observed, view);
    match view.ratio() {
        Some(ratio) => format!("{observed}（しきい値の約{ratio}倍）"),
        None => observed,
    }
}

fn window(view: &View, within: Within) -> String {
    let from = Jst::from(view.alert.window_from);
    match within {
        Within::OneAccess => "1回の利用ごと".to_string(),
        Within::Rolling(span) => format!("{}（{} から）", span_text(span), from.wareki()),
        Within::Day => format!("1日（{}）", from.day.wareki_weekday()),
    }
}

fn happened(view: &View) -> Row {
    let (first, last) = (Jst::from(view.alert.first_seen), Jst::from(view.alert.last_seen));
    let span = match (first == last, first.day == last.day) {
        (true, _) => first.wareki(),
        (false, true) => format!("{}～{}", first.wareki(), last.clock()),
        (false, false) => format!("{}～{}", first.wareki(), last.wareki()),
    };
    let mut row = Row::new("発生日時", span);
    row.lines.extend(view.off().map(|off| match off {
        Off::Day(why) => format!("閉庁日（{}）の利用です。", why.ja()),
        Off::Hours => "勤務時間外（8時30分～17時15分以外）の利用です。".to_string(),
    }));
    row
}

fn asset(view: &View) -> String {
    if view.over_datasets() {
        return match view.crowd() {
            true => dataset(view),
            false => "規則の対象とする情報資産の合計".to_string(),
        };
    }
    match (view.tier.is_empty(), view.owner.is_empty()) {
        (true, _) => dataset(view),
        (false, true) => format!("{}（重要度{}）", dataset(view), view.tier),
        (false, false) => format!("{}（重要度{}、所管 {}）", dataset(view), view.tier, view.owner),
    }
}

/// Who, with which right, from where.
fn people(view: &View) -> Vec<Row> {
    if view.over_persons() {
        return vec![Row::new(
            "利用者",
            "全利用者の合計（特定の利用者に対する警告ではありません）",
        )];
    }
    let mut rows = Vec::new();
    if view.person.is_some() {
        rows.push(Row::new("利用者", who(view)));
    }
    // On a line of its own, so that a name made up to look like our words stands alone.
    if !view.account.is_empty() && view.person.as_ref() != Some(&view.account) {
        let label = if view.crowd() {
            "利用者名の例"
        } else {
            "利用者名"
        };
        rows.push(Row::new(label, format!("「{}」", view.account)));
    }
    rows.push(Row::new("権限状態", standing_text(view, view.alert.standing)));
    if !view.alert.marks.is_empty() {
        let marks: Vec<&str> = view.alert.marks.iter().map(Mark::ja).collect();
        rows.push(Row::new("該当事項", marks.join("、")));
    }
    if !view.address.is_empty() {
        rows.push(Row::new("接続元", view.address.as_str()));
    }
    rows
}

pub(super) fn standing_text(view: &View, standing: Standing) -> String {
    let to = view.facts.valid_to.map(|day| Day(day).wareki());
    match (standing, to, view.facts.valid_from) {
        (Standing::Valid, Some(to), _) => format!("有効（～{to}）"),
        (Standing::Valid, None, _) => "有効".to_string(),
        (Standing::Revoked, Some(to), _) => format!("失効（～{to}）"),
        (Standing::Revoked, None, _) => "失効".to_string(),
        (Standing::NotYetValid, _, Some(from)) => format!("有効期間前（{}～）", Day(from).wareki()),
        (Standing::NotYetValid, _, None) => "有効期間前".to_string(),
        (Standing::OnLeave, ..) => "休職等（休職、休業、停職、派遣等の期間中）".to_string(),
        (Standing::Unknown, ..) => "権限台帳に登録なし".to_string(),
        (Standing::Anonymous, ..) => "利用者名の記録なし".to_string(),
    }
}

/// How many accesses, with how many records.
fn amounts(view: &View) -> Vec<Row> {
    let alert = view.alert;
    // Of a volume rule only the accesses behind the limit are the alert's own.
    let behind = view.facts.count.is_some() && !view.one_access();
    let since = if behind {
        "しきい値を超えて以降。"
    } else {
        ""
    };
    let hits = format!(
        "{}回（{since}成功 {}回、失敗 {}回）",
        number(alert.hits),
        number(alert.successes),
        number(view.failures())
    );
    let records = match (view.all_failed(), alert.records, alert.records_unknown) {
        (true, ..) => "なし（成功した利用の記録はありません）".to_string(),
        (false, records, 0) if behind => format!("{}件（しきい値を超えて以降）", number(records)),
        (false, records, 0) => format!("{}件", number(records)),
        (false, 0, unknown) => format!("不明（件数不明 {}回）", number(unknown)),
        (false, records, unknown) => format!("{}件（{since}ほかに件数不明 {}回）", number(records), number(unknown)),
    };
    vec![Row::new("利用回数", hits), Row::new("件数", records)]
}

/// What the alert rests on: articles, and where the records stand.
pub(in crate::alert::text) fn proof(view: &View) -> Vec<Row> {
    let mut rows = Vec::new();
    if !view.basis.is_empty() {
        rows.push(Row {
            label: "規程",
            lines: view.basis.iter().map(|basis| article(basis)).collect(),
        });
    }
    let source = if view.alert.retro {
        "集計値（件数の記録）"
    } else {
        view.source.as_str()
    };
    rows.push(Row::new("記録元", source));
    let evidence = view
        .evidence()
        .into_iter()
        .map(|at| at.unwrap_or_else(|| "…".to_string()))
        .collect::<Vec<_>>();
    if !evidence.is_empty() {
        let mut row = Row::new("記録位置", evidence.join("  "));
        row.lines
            .push("（ファイル番号:開始-終了。内容は記載しません）".to_string());
        rows.push(row);
    }
    rows
}

fn article(basis: &str) -> String {
    let Some(article) = view::article(basis) else {
        return basis.to_string();
    };
    let paragraph = article
        .paragraph
        .map_or(String::new(), |paragraph| format!("第{paragraph}項"));
    let heading = article.heading.map_or(String::new(), |(ja, _)| format!("（{ja}）"));
    format!("訓令第{}条{paragraph}{heading}", article.number)
}
