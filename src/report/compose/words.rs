//! Words of reports for what the program calls by short names.

use crate::access::{Operation, Standing};
use crate::alert::notice::in_words;
use crate::alert::{AlertState, ClosedAs};
use crate::detect::coverage::Gap;
use crate::register::sections::Role;
use crate::report::facts::{AlertRow, DatasetFacts, Facts};
use crate::text::{Lang, inert, number};

pub(super) fn role(role: Role, lang: Lang) -> &'static str {
    let en = match role {
        Role::Officer => "protection officer",
        Role::Manager => "protection manager",
        Role::General => "general protection manager",
        Role::Auditor => "auditor",
        Role::System => "system manager",
        Role::Rights => "keeper of the account register",
    };
    lang.pick(role.ja(), en)
}

/// What became of an alert.
pub(super) fn state(alert: &AlertRow, lang: Lang) -> &'static str {
    match (alert.state, alert.closed_as.as_str()) {
        (AlertState::Open, _) => lang.pick("未確認", "not acknowledged"),
        (AlertState::Acknowledged, _) => lang.pick("要調査（確認済み）", "acknowledged, being looked into"),
        (AlertState::Closed, word) if word == ClosedAs::Incident.as_str() => lang.pick("事案", "incident"),
        (AlertState::Closed, word) if word == ClosedAs::FalseAlarm.as_str() => lang.pick("誤検知", "false alarm"),
        (AlertState::Closed, _) => lang.pick("正当", "legitimate"),
    }
}

pub(super) fn operation(operation: Operation, lang: Lang) -> &'static str {
    match operation {
        Operation::View => lang.pick("照会", "view"),
        Operation::Search => lang.pick("検索", "search"),
        Operation::Export => lang.pick("出力", "export"),
        Operation::Print => lang.pick("印刷", "print"),
        Operation::Update => lang.pick("更新", "update"),
        Operation::Delete => lang.pick("削除", "delete"),
        Operation::Login => lang.pick("認証", "login"),
        Operation::Other => lang.pick("その他", "other"),
    }
}

pub(super) fn standing(standing: Standing, lang: Lang) -> &'static str {
    match standing {
        Standing::Valid => lang.pick("有効", "valid"),
        Standing::Revoked => lang.pick("退職・失効後の利用", "use behind the end of the right"),
        Standing::NotYetValid => lang.pick("権限開始前の利用", "use before the right began"),
        Standing::OnLeave => lang.pick("休職・育休・停職中の利用", "use while on leave or suspended"),
        Standing::Unknown => lang.pick("台帳にないIDの利用", "use by an account no register knows"),
        Standing::Anonymous => lang.pick("利用者の記録がない利用", "use without a user in the log"),
    }
}

/// What happened to the bytes of a source.
pub(super) fn event(kind: &str, lang: Lang) -> &str {
    match kind {
        "truncated" => lang.pick("切詰め", "truncated"),
        "rolled-back" => lang.pick("巻戻し", "rolled back"),
        "edited" => lang.pick("読取り済み部分の書換え", "read part changed"),
        "replaced" => lang.pick("同内容のファイルへの置換え", "replaced by a copy"),
        "gap" => lang.pick("未読部分の欠落", "unread part missing"),
        "lost" => lang.pick("読取り前のファイル消失", "file gone before it was read"),
        "corrupt" => lang.pick("圧縮ファイルの破損", "compressed file damaged"),
        "renamed-away" => lang.pick("監視外の名前への変更", "renamed out of the watch"),
        "unreadable" => lang.pick("読取り不能", "cannot be read"),
        other => in_words(other, lang).unwrap_or(other),
    }
}

/// Why it happened, as far as the program knows.
pub(super) fn cause(cause: &str, lang: Lang) -> &str {
    match cause {
        "unexplained" => lang.pick("不明（調査を要する）", "unexplained"),
        "crash" => lang.pick("停電・異常終了", "power loss or crash"),
        "handling" => lang.pick("ログの世代交代等の取扱い", "handling of the log"),
        "configured" => lang.pick("設定による", "by configuration"),
        other => other,
    }
}

/// The outcome people chose.
pub(super) fn result(word: &str, lang: Lang) -> &str {
    match word {
        "normal" => lang.pick("異常なし", "nothing found"),
        "check" => lang.pick("要確認", "to be looked into"),
        "incident" => lang.pick("事案", "incident"),
        other => other,
    }
}

/// 名称 of a dataset in the report.
pub(super) fn dataset<'a>(facts: &'a Facts, id: &'a str, lang: Lang) -> &'a str {
    let found = facts.datasets.iter().find(|d: &&DatasetFacts| d.id == id);
    match found {
        Some(d) => &d.title,
        None if id.is_empty() => lang.pick("（情報資産の特定なし）", "(no dataset)"),
        None => id,
    }
}

/// A hole in the watch, as it stood over the period.
pub(super) fn gap(facts: &Facts, gap: &Gap, lang: Lang) -> String {
    let name = |text: &str| inert(text, 48);
    let title = name(gap.dataset().map_or("", |id| dataset(facts, id, lang)));
    let sources = gap
        .sources()
        .iter()
        .map(|s| name(s))
        .collect::<Vec<_>>()
        .join(lang.pick("、", ", "));
    match (gap, lang) {
        (Gap::NoRule { .. }, Lang::Ja) => format!("情報資産「{title}」を見る規則がない"),
        (Gap::NoRule { .. }, Lang::En) => format!("no rule looks at {title}"),
        (Gap::NoLiveSource { sources, .. }, Lang::Ja) if sources.is_empty() => {
            format!("情報資産「{title}」の記録を読むログ源がない")
        }
        (Gap::NoLiveSource { sources, .. }, Lang::En) if sources.is_empty() => {
            format!("no source is configured for {title}")
        }
        (Gap::NoLiveSource { .. }, Lang::Ja) => {
            format!("情報資産「{title}」の記録が、対象期間中どのログ源（{sources}）からも届いていない")
        }
        (Gap::NoLiveSource { .. }, Lang::En) => {
            format!("none of the sources of {title} ({sources}) gave a line in the period")
        }
        (Gap::ExpectedSilent { .. }, Lang::Ja) => {
            format!("情報資産「{title}」の記録が届くはずのログ源「{sources}」から、対象期間中記録が届いていない")
        }
        (Gap::ExpectedSilent { .. }, Lang::En) => {
            format!("{sources}, in which {title} is expected, gave no line in the period")
        }
        (Gap::Unseen { .. }, Lang::Ja) => {
            format!("情報資産「{title}」の利用の記録が、対象期間中ログ源（{sources}）に1件もない")
        }
        (Gap::Unseen { .. }, Lang::En) => format!("no use of {title} was seen in {sources} in the period"),
        (Gap::Vacant { role, section }, Lang::Ja) => {
            let of = if section.is_empty() {
                String::new()
            } else {
                format!("「{}」の", name(section))
            };
            format!(
                "{of}{}が空席である（任命された者が在職していない、又は別の所属に移っている場合を含む）",
                role.ja()
            )
        }
        (Gap::Vacant { role, section }, Lang::En) => {
            let role = self::role(*role, lang);
            format!("the post of {role} {} is vacant", name(section))
        }
        (Gap::NoDataset { .. }, Lang::Ja) => format!("ログ源「{sources}」の記録を見る情報資産がない"),
        (Gap::NoDataset { .. }, Lang::En) => format!("no dataset looks at the source {sources}"),
        (Gap::NothingPlaced { lines, .. }, Lang::Ja) => {
            format!(
                "ログ源「{sources}」の対象期間の記録 {}行が、どの情報資産にも当たらない",
                number(*lines)
            )
        }
        (Gap::NothingPlaced { lines, .. }, Lang::En) => {
            format!("none of the {} lines of {sources} belongs to a dataset", number(*lines))
        }
    }
}
