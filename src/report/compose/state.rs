//! 2 記録の完全性 and 3 監視の網羅性: what the other numbers rest on, and why 異常なし may not be said.

use super::super::doc::{Block, Cell, Point};
use super::super::facts::{Facts, SourceFacts};
use super::{REJECTS_PERMILLE, n, note, table, text, words};
use crate::calendar::Day;
use crate::detect::coverage::Gap;
use crate::text::{Lang, number};

/// Days listed one by one; beyond, their number.
const DAYS_MAX: usize = 10;

fn days(list: &[Day], lang: Lang) -> String {
    let shown: Vec<String> = list
        .iter()
        .take(DAYS_MAX)
        .map(|day| match lang {
            Lang::Ja => {
                let date = day.date();
                format!("{}/{}", date.month, date.day)
            }
            Lang::En => day.iso(),
        })
        .collect();
    let mut out = shown.join(lang.pick("、", ", "));
    if DAYS_MAX < list.len() {
        let total = number(n(list.len()));
        out.push_str(&match lang {
            Lang::Ja => format!("ほか　計{total}日"),
            Lang::En => format!(" and more, {total} days"),
        });
    }
    out
}

fn rejects_permille(s: &SourceFacts) -> u64 {
    s.rejects.saturating_mul(1_000).checked_div(s.lines).unwrap_or(0)
}

/// Why nobody may say that nothing was found.
pub(super) fn barred(facts: &Facts, lang: Lang) -> Vec<String> {
    let mut out = Vec::new();
    if !facts.over {
        out.push(
            lang.pick("対象期間が終了していない。", "The period is not over.")
                .to_owned(),
        );
    }
    if facts.datasets.is_empty() {
        out.push(
            lang.pick(
                "対象となる情報資産が台帳にない。",
                "The register of datasets holds none of this section.",
            )
            .to_owned(),
        );
    }
    for gap in facts.gaps.iter().filter(|g| !matches!(g, Gap::Vacant { .. })) {
        let gap = words::gap(facts, gap, lang);
        out.push(match lang {
            Lang::Ja => format!("監視されていないものがある：{gap}"),
            Lang::En => format!("Something is not watched: {gap}"),
        });
    }
    for s in facts.sources.iter().filter(|s| !s.missing.is_empty()) {
        let (name, list) = (&s.name, days(&s.missing, lang));
        out.push(match lang {
            Lang::Ja => format!("ログ源 {name} の記録がない開庁日がある：{list}"),
            Lang::En => format!("Nothing was recorded by {name} on open days: {list}"),
        });
    }
    for s in facts.sources.iter().filter(|s| s.behind) {
        let name = &s.name;
        out.push(match lang {
            Lang::Ja => format!("ログ源 {name} は読取りが終わっていない（遅れ）。"),
            Lang::En => format!("{name} is not read to its end yet."),
        });
    }
    let lost = facts
        .losses
        .iter()
        .filter(|l| l.lost && l.cause != "configured")
        .count();
    if 0 < lost {
        let lost = number(n(lost));
        out.push(match lang {
            Lang::Ja => format!("記録の欠落又は破損が{lost}件ある（2を参照）。"),
            Lang::En => format!("Records were lost or damaged {lost} times, see part 2."),
        });
    }
    if !facts.adds_up {
        out.push(
            lang.pick(
                "個人別の集計と情報資産別の集計が一致しない。復元と再集計を要する。",
                "The amounts of all persons do not add up to those of the datasets; the store must be restored.",
            )
            .to_owned(),
        );
    }
    out
}

/// Points about the record and the watch.
pub(super) fn points(facts: &Facts, lang: Lang) -> Vec<Point> {
    let mut out = Vec::new();
    let mut push = |key: String, text: String| out.push(Point { key, text });
    for gap in &facts.gaps {
        let about = gap.dataset().map_or_else(|| gap.sources().join(","), str::to_owned);
        push(format!("gap:{}:{about}", gap.as_str()), words::gap(facts, gap, lang));
    }
    for s in &facts.sources {
        let name = &s.name;
        if !s.missing.is_empty() {
            let list = days(&s.missing, lang);
            let text = match lang {
                Lang::Ja => format!("ログ源 {name} の記録がない開庁日の原因を確認すること（{list}）"),
                Lang::En => format!("find out why {name} recorded nothing on {list}"),
            };
            push(format!("missing:{name}"), text);
        }
        if s.behind {
            let text = match lang {
                Lang::Ja => format!("ログ源 {name} の読取りの遅れを解消し、報告書を作り直すこと"),
                Lang::En => format!("let {name} be read to its end and make this report again"),
            };
            push(format!("behind:{name}"), text);
        }
        if REJECTS_PERMILLE < rejects_permille(s) {
            let (rejects, lines) = (number(s.rejects), number(s.lines));
            let text = match lang {
                Lang::Ja => format!("ログ源 {name} の解析不能行が多い（{rejects}行／{lines}行）"),
                Lang::En => format!("{name} gave many lines no record came from ({rejects} of {lines})"),
            };
            push(format!("rejects:{name}"), text);
        }
    }
    for l in &facts.losses {
        let (source, kind) = (&l.source, words::event(&l.kind, lang));
        let day = crate::calendar::Jst::from(l.at);
        let text = match lang {
            Lang::Ja => format!("ログ源 {source}：{kind}（{}）の原因を確認すること", day.day.wareki()),
            Lang::En => format!("{source}: {kind} on {}; find out why", day.day.iso()),
        };
        push(format!("loss:{source}:{}:{}", l.kind, l.at.micros()), text);
    }
    out
}

/// 2 記録の完全性.
pub(super) fn completeness(facts: &Facts, lang: Lang) -> Vec<Block> {
    let rows = facts.sources.iter().map(|s| {
        vec![
            Cell::from(s.name.as_str()),
            s.lines.into(),
            s.accesses.into(),
            s.no_dataset.into(),
            s.nothing.into(),
            s.repeated.into(),
            s.rejects.into(),
            match s.lines {
                0 => Cell::None,
                _ => Cell::Permille(i64::try_from(rejects_permille(s)).unwrap_or(0)),
            },
            s.damaged.into(),
            n(s.missing.len()).into(),
        ]
    });
    let mut out = vec![table(
        "sources",
        lang.pick(
            "表3 ログ源別の受信状況（読み取った日による）",
            "Table 3: sources, by day of reading",
        ),
        1,
        lang,
        &[
            ("source", "ログ源", "source", 5),
            ("lines", "受信行数", "lines", 3),
            ("accesses", "情報資産の利用", "accesses", 3),
            ("no_dataset", "対象外の利用", "no dataset", 3),
            ("nothing", "見出し・空行", "headers", 3),
            ("repeated", "再送", "repeated", 2),
            ("rejects", "解析不能", "rejected", 3),
            ("rejects_ratio", "解析不能率", "rejected %", 3),
            ("damaged", "文字化け", "damaged", 2),
            ("missing_days", "記録のない開庁日", "days missing", 3),
        ],
        rows.collect(),
    )];
    out.push(note(
        lang,
        "受信行数は、情報資産の利用、対象外の利用、見出し・空行、再送（既に集計した記録が再び出力されたもの）及び解析不能の合計である（複数行を一つの操作とする形式では一致しないことがある）。記録のない開庁日とは、その日に1行も読み取らず、その日付の利用も1件もない開庁日をいう。",
        "Lines divide up into the columns behind them (where several lines are one operation, there are fewer accesses); repeated are records that were counted before and came again. A day is missing where nothing was read on it and no use of that date is on record.",
    ));
    for s in facts.sources.iter().filter(|s| !s.missing.is_empty()) {
        let (name, list) = (&s.name, days(&s.missing, lang));
        out.push(Block::Warning(match lang {
            Lang::Ja => format!("{name}：記録のない開庁日　{list}"),
            Lang::En => format!("{name}: nothing on {list}"),
        }));
    }
    out.extend(reasons(facts, lang));
    if facts.losses.is_empty() {
        out.push(text(
            lang,
            "記録の欠落、切詰め、書換え等は検知していない。",
            "No loss, truncation or change of the logs was found.",
        ));
    } else {
        out.push(losses(facts, lang));
    }
    out.push(if facts.adds_up {
        text(
            lang,
            "個人別の集計の合計と情報資産別の集計は一致した。",
            "The amounts of all persons add up to those of the datasets.",
        )
    } else {
        Block::Warning(
            lang.pick(
                "個人別の集計と情報資産別の集計が一致しない。",
                "The amounts do not add up.",
            )
            .to_owned(),
        )
    });
    out
}

/// Rejected lines by reason.
fn reasons(facts: &Facts, lang: Lang) -> Option<Block> {
    let why: Vec<Vec<Cell>> = facts
        .sources
        .iter()
        .flat_map(|s| {
            s.why
                .iter()
                .map(|(why, lines)| vec![s.name.as_str().into(), why.as_str().into(), (*lines).into()])
        })
        .collect();
    if why.is_empty() {
        return None;
    }
    Some(table(
        "rejects",
        lang.pick("解析不能の理由別行数", "Rejected lines by reason"),
        2,
        lang,
        &[
            ("source", "ログ源", "source", 4),
            ("why", "理由", "reason", 4),
            ("lines", "行数", "lines", 2),
        ],
        why,
    ))
}

fn losses(facts: &Facts, lang: Lang) -> Block {
    let rows = facts.losses.iter().map(|l| {
        vec![
            Cell::Time(l.at.micros()),
            l.source.as_str().into(),
            words::event(&l.kind, lang).into(),
            l.bytes.into(),
            words::cause(&l.cause, lang).into(),
        ]
    });
    table(
        "losses",
        lang.pick("表4 記録に生じた事象", "Table 4: what happened to the logs"),
        2,
        lang,
        &[
            ("at", "検知日時", "noticed", 5),
            ("source", "ログ源", "source", 4),
            ("kind", "事象", "what", 5),
            ("bytes", "バイト数", "bytes", 3),
            ("cause", "原因", "cause", 5),
        ],
        rows.collect(),
    )
}

/// 3 監視の網羅性.
pub(super) fn coverage(facts: &Facts, lang: Lang) -> Vec<Block> {
    let total = facts.datasets.len();
    let holes: Vec<&str> = facts
        .datasets
        .iter()
        .filter(|d| facts.gaps.iter().any(|g| g.dataset() == Some(&d.id)))
        .map(|d| d.id.as_str())
        .collect();
    let (all, watched, unwatched) = (number(n(total)), number(n(total - holes.len())), number(n(holes.len())));
    let mut out = vec![text(
        lang,
        format!("台帳の情報資産 {all}件のうち、監視中 {watched}件、監視されていないもの {unwatched}件。"),
        format!("Of {all} datasets in the register {watched} are watched and {unwatched} are not."),
    )];
    out.extend(
        facts
            .gaps
            .iter()
            .map(|gap| Block::Warning(words::gap(facts, gap, lang))),
    );
    let rows = facts.datasets.iter().map(|d| {
        let gap = facts.gaps.iter().find(|g| g.dataset() == Some(&d.id));
        vec![
            d.title.as_str().into(),
            d.id.as_str().into(),
            d.tier.as_str().into(),
            d.owner.as_str().into(),
            d.registered.map_or(Cell::Unknown, Cell::Count),
            match gap {
                None => lang.pick("監視中", "watched").into(),
                Some(Gap::NoRule { .. }) => lang.pick("規則なし", "no rule").into(),
                Some(_) => lang.pick("記録なし", "no record").into(),
            },
            d.silent_longest.into(),
            n(d.idle_days.len()).into(),
        ]
    });
    out.push(table(
        "coverage",
        lang.pick("表5 情報資産の監視状況", "Table 5: datasets and their watch"),
        2,
        lang,
        &[
            ("title", "情報資産", "dataset", 6),
            ("id", "記号", "id", 3),
            ("tier", "重要度", "tier", 2),
            ("owner", "所管", "owner", 4),
            ("registered", "登録件数", "registered", 3),
            ("watch", "監視", "watch", 3),
            ("silent_minutes", "最長無利用（分）", "longest silence (min)", 3),
            ("idle_days", "利用のない開庁日", "open days without use", 3),
        ],
        rows.collect(),
    ));
    out.push(note(
        lang,
        "最長無利用は、開庁日の8時30分から17時15分までの間で利用の記録が続けて現れなかった最長の時間（利用が1件もない日を除く）である。",
        "The longest silence is the longest time within office hours without any record, days without any use left out.",
    ));
    if facts.exceptions.is_empty() {
        out.push(text(
            lang,
            "監視の例外（しきい値の引上げ）はない。",
            "There are no exceptions.",
        ));
    } else {
        out.push(exceptions(facts, lang));
    }
    out
}

fn exceptions(facts: &Facts, lang: Lang) -> Block {
    let everybody = lang.pick("全員", "everybody");
    let rows = facts.exceptions.iter().map(|e| {
        vec![
            u64::try_from(e.id).unwrap_or(0).into(),
            e.rules.as_str().into(),
            if e.person.is_empty() {
                everybody.into()
            } else {
                e.person.as_str().into()
            },
            if e.dataset.is_empty() {
                lang.pick("全資産", "every dataset").into()
            } else {
                words::dataset(facts, &e.dataset, lang).into()
            },
            e.limit.into(),
            e.until.into(),
            e.reason.as_str().into(),
            e.approver.as_str().into(),
            e.hits.into(),
            e.late_hits.into(),
        ]
    });
    table(
        "exceptions",
        lang.pick("表6 監視の例外", "Table 6: exceptions"),
        1,
        lang,
        &[
            ("number", "番号", "number", 2),
            ("rules", "規則", "rules", 3),
            ("person", "対象者", "person", 3),
            ("dataset", "情報資産", "dataset", 4),
            ("limit", "しきい値", "limit", 3),
            ("until", "期限", "until", 4),
            ("reason", "理由", "reason", 5),
            ("approver", "承認者", "approver", 3),
            ("hits", "該当", "hits", 2),
            ("late_hits", "期限後", "late", 2),
        ],
        rows.collect(),
    )
}
