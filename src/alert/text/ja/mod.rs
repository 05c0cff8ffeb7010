//! The Japanese text: official, plain, and fair. An account acted; whether the person did is still to be found out.

mod judged;
mod route;
mod rows;
mod steps;
mod summary;

use super::view::{Off, View, off, said, title};
use super::{MailContext, NotifyReason, Parts, Piece, Row, Style};
use crate::access::Operation;
use crate::alert::AlertState;
use crate::calendar::Jst;
use crate::detect::Count;
use crate::text::{Lang, columns, duration_text, number};

pub(super) use route::hop;
pub(super) use rows::{proof, rows};
use steps::steps;
use summary::summary;

pub(super) const STYLE: Style = Style {
    headings: ["■ 警告の内容", "■ まず行うこと", "■ 確認の登録", "■ 根拠"],
    separator: "：",
    fill: "\u{3000}",
};

/// `【重大】[要確認] 個人情報アクセス警告 A-2026-001234（税務課／住民税課税台帳）`
pub(super) fn subject(view: &View, why: NotifyReason) -> String {
    let mark = match why {
        NotifyReason::First => "要確認".to_string(),
        NotifyReason::Grown { aside: true, .. } => "要確認・増加".to_string(),
        NotifyReason::Grown { uses: Some(uses), .. } => format!("要確認・{}回に増加", number(uses)),
        NotifyReason::Grown { times, .. } => format!("要確認・{}倍に増加", number(times)),
        NotifyReason::Worse { .. } => "要確認・重要度上昇".to_string(),
        NotifyReason::Repeat if view.alert.state == AlertState::Acknowledged => "継続中".to_string(),
        NotifyReason::Repeat => "要確認・継続中".to_string(),
        NotifyReason::Reopened => "要確認・再発".to_string(),
        NotifyReason::Further => "要確認・理由追加".to_string(),
        NotifyReason::Handed(why) => route::mark(why),
    };
    let mark = match view.facts.answer_within {
        Some(within) => mark.replacen("要確認", &format!("要確認 {}以内", duration_text(within, Lang::Ja)), 1),
        None => mark,
    };
    let section = if view.owner.is_empty() {
        view.section.as_deref()
    } else {
        Some(view.owner.as_str())
    };
    let place = match section {
        Some(section) => format!("{section}／{}", dataset(view)),
        None => dataset(view),
    };
    format!(
        "【{}】[{mark}] 個人情報アクセス警告 {}（{place}）",
        view.alert.severity.ja(),
        view.number
    )
}

pub(super) fn parts(view: &View, why: NotifyReason, ctx: &MailContext) -> Parts {
    let greeting = match view.owner.is_empty() {
        true => vec!["保護管理者・情報セキュリティ担当者 各位".to_string()],
        false => vec![
            format!("{}　保護管理者 様", view.owner),
            "（写：情報セキュリティ担当者）".to_string(),
        ],
    };
    let greeting = match why {
        NotifyReason::Handed(_) => route::greeting(view).map_or(greeting, |line| vec![line]),
        _ if view.past_manager() => route::greeting(view).map_or(greeting, |line| vec![line]),
        _ => greeting,
    };
    let mut summary = vec![summary(view)];
    summary.extend(Some(said(view.facts.words.explain(Lang::Ja))).filter(|text| !text.is_empty()));
    summary.extend(news(view, why));
    summary.extend(hour_of_the_reader(ctx));
    let mut closing = vec!["このメールに、住民等の個人情報は含まれていません。".to_string()];
    closing.extend(
        ctx.contact
            .as_deref()
            .map(|contact| format!("問合せ：{}", title(contact))),
    );
    let phone = ctx.phone.as_deref().filter(|_| !view.facts.told.is_empty());
    closing.extend(phone.map(|phone| format!("電話連絡先：{}", said(phone))));
    let (agency, host) = (title(&ctx.agency), title(&ctx.host));
    Parts {
        greeting,
        summary,
        rows: rows(view).into_iter().chain(route::told(view)).collect(),
        steps: steps(view),
        answer: answer(view, &host),
        proof: proof(view),
        closing,
        signature: vec![
            format!("{agency}　個人情報アクセス監視（sekimori／{host}）"),
            format!("作成：{} JST", Jst::from(ctx.now).wareki()),
        ],
    }
}

/// Why this mail comes now, unless it is the first.
fn news(view: &View, why: NotifyReason) -> Option<String> {
    Some(match why {
        NotifyReason::First => return None,
        NotifyReason::Grown {
            uses: Some(uses),
            aside: true,
            ..
        } => {
            format!(
                "前回の通知の後も続き、「他の理由」のうち一つに当たる利用が{}回になりました。",
                number(uses)
            )
        }
        NotifyReason::Grown { uses: Some(uses), .. } => {
            format!("前回の通知の後も続き、検知した利用は{}回になりました。", number(uses))
        }
        NotifyReason::Grown {
            times, aside: false, ..
        } => {
            format!("前回の通知の後も増え続け、しきい値の{}倍に達しました。", number(times))
        }
        NotifyReason::Grown { times, .. } => {
            format!(
                "前回の通知の後も増え続け、「他の理由」のうち一つがしきい値の{}倍に達しました。",
                number(times)
            )
        }
        NotifyReason::Worse { from } => {
            format!(
                "重要度が「{}」から「{}」に上がりました。",
                from.ja(),
                view.alert.severity.ja()
            )
        }
        NotifyReason::Repeat if view.alert.state == AlertState::Open => {
            "前回の通知の後も続いています。確認の登録は、まだありません。".to_string()
        }
        NotifyReason::Repeat => "前回の通知の後も続いています。".to_string(),
        NotifyReason::Further => "前回の通知の後、同じ利用者について別の規則にも該当しました。".to_string(),
        NotifyReason::Handed(why) => route::news(why),
        NotifyReason::Reopened => "終結した警告と同じ状況が再び検知されたため、警告を再開しました。".to_string(),
    })
}

fn hour_of_the_reader(ctx: &MailContext) -> Option<String> {
    let now = match off(Jst::from(ctx.now), &ctx.calendar)? {
        Off::Day(why) => format!("本日は閉庁日（{}）です。", why.ja()),
        Off::Hours => "現在は勤務時間外です。".to_string(),
    };
    Some(format!("{now}休日・夜間の連絡体制により対応してください。"))
}

fn answer(view: &View, host: &str) -> Vec<Piece> {
    let mut answer = vec![
        Piece::say(format!("サーバ（{host}）で、次のコマンドを実行してください。")),
        Piece::say("・内容を見る"),
        Piece::Type(format!("sekimori alert show {}", view.number)),
    ];
    if view.alert.state == AlertState::Acknowledged {
        answer.push(Piece::say("・確認は登録済みです。"));
        return answer;
    }
    answer.extend([
        Piece::say("・警告を確認したことを登録する（職員番号と理由は置き換えてください）"),
        Piece::Type(format!(
            "sekimori alert ack {} --by 職員番号 --reason 理由",
            view.number
        )),
        Piece::say("登録は、警告の対象となった本人以外の方が行ってください。登録しても警告は終結しません。"),
    ]);
    if let Some(within) = view.facts.answer_within {
        let within = duration_text(within, Lang::Ja);
        answer.push(Piece::say(format!(
            "{within}以内に登録がないときは、代理の方や上位の方へ順次通知します。"
        )));
    }
    answer
}

/// State and mails, for `alert show`.
pub(super) fn life(view: &View) -> Vec<Row> {
    let mails = match view.alert.notified {
        None => "なし".to_string(),
        Some(told) => format!("{}通（最終 {} JST）", told.mails, Jst::from(told.at).wareki()),
    };
    vec![Row::new("状態", state(view.alert.state)), Row::new("通知", mails)]
}

pub(super) fn one_line(view: &View) -> String {
    let first = Jst::from(view.alert.first_seen);
    let who = match (&view.person, view.over_persons()) {
        (_, true) => "全利用者".to_string(),
        (Some(person), _) => view
            .section
            .as_ref()
            .map_or(person.clone(), |section| format!("{person}（{section}）")),
        (None, _) if view.account.is_empty() => "利用者名なし".to_string(),
        (None, _) => format!("「{}」", view.account),
    };
    let state = state(view.alert.state);
    let pad = " ".repeat(8_usize.saturating_sub(columns(state)));
    let amount = match view.alert.limit {
        0 => judged::measured(view.alert.observed, view),
        limit => format!(
            "{}（しきい値 {}）",
            judged::measured(view.alert.observed, view),
            judged::measured(limit, view)
        ),
    };
    format!(
        "{}  {}  {state}{pad}  {} {:02}:{:02}  {}  {}  {who}  {amount}",
        view.number,
        view.alert.severity.ja(),
        first.day.iso(),
        first.hour(),
        first.minute(),
        if view.alert.retro {
            format!("［遡及］{}", view.rule)
        } else {
            view.rule.clone()
        },
        dataset(view),
    )
}

fn state(state: AlertState) -> &'static str {
    match state {
        AlertState::Open => "未確認",
        AlertState::Acknowledged => "確認済み",
        AlertState::Closed => "終結",
    }
}

fn dataset(view: &View) -> String {
    match (view.over_datasets(), view.dataset.is_empty()) {
        (true, _) => "複数の情報資産".to_string(),
        (false, true) => "台帳に登録のない情報".to_string(),
        (false, false) => view.dataset.clone(),
    }
}

/// 「職員番号 012345（税務課）」
fn who(view: &View) -> String {
    match (&view.person, &view.section) {
        (Some(person), Some(section)) => format!("職員番号 {person}（{section}）"),
        (Some(person), None) => format!("職員番号 {person}"),
        (None, _) => "利用者".to_string(),
    }
}

/// The operation of a volume alert. Over several accesses the rule may have counted other classes too.
fn operation(view: &View) -> String {
    match (view.one_access(), view.alert.operation) {
        (_, Operation::Other) => "利用".to_string(),
        (true, operation) => operation.ja().to_string(),
        (false, operation) => format!("{}等", operation.ja()),
    }
}

fn span_text(span: std::time::Duration) -> String {
    let text = duration_text(span, Lang::Ja);
    if text.ends_with(['日', '分', '秒']) {
        format!("{text}間")
    } else {
        text
    }
}

/// An amount with its unit.
fn amount(n: u64, count: Option<Count>) -> String {
    match count {
        Some(Count::Records) => format!("{}件", number(n)),
        Some(Count::Subjects) => format!("{}人", number(n)),
        Some(Count::Accesses) | None => format!("{}回", number(n)),
        Some(Count::Bytes) if n < 1_000_000 => format!("{}バイト", number(n)),
        Some(Count::Bytes) => format!(
            "{}バイト（約{}MB）",
            number(n),
            number(n.saturating_add(500_000) / 1_000_000)
        ),
    }
}
