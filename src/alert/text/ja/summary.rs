//! What happened, in one sentence (Japanese).

use super::judged::judged;
use super::rows::standing_text;
use super::{amount, dataset, operation, span_text, who};
use crate::access::{Operation, Standing};
use crate::alert::text::view::{Concern, View};
use crate::calendar::Day;
use crate::detect::{Count, Within};
use crate::text::number;

/// What happened, in one sentence of plain words.
pub(super) fn summary(view: &View) -> String {
    if let Some(text) = judged(view) {
        return text;
    }
    if let (Some(count), Some(within)) = (view.facts.count, view.facts.within) {
        return volume_summary(view, count, within);
    }
    let done = account_use(view);
    let dataset = dataset(view);
    if view.crowd() && 0 < view.alert.limit {
        return format!(
            "権限台帳に登録のない利用者名が、1日に{}種類現れました（1件ずつ警告する上限は{}種類）。これらの利用者名で、{dataset}{done}",
            number(view.alert.observed),
            number(view.alert.limit),
        );
    }
    match view.alert.standing {
        Standing::Revoked => {
            let ended = view.facts.valid_to.map_or("権限が失効している".to_string(), |day| {
                format!("{}で権限が失効した", Day(day).wareki())
            });
            format!("{ended}{}のアカウントで、{dataset}{done}", who(view))
        }
        Standing::NotYetValid => {
            let begins = view
                .facts
                .valid_from
                .map_or(String::new(), |day| format!("（{}）", Day(day).wareki()));
            format!(
                "権限の開始日{begins}より前に、{}のアカウントで、{dataset}{done}",
                who(view)
            )
        }
        Standing::OnLeave => format!("休職等の期間中である{}のアカウントで、{dataset}{done}", who(view)),
        Standing::Unknown => format!("権限台帳に登録のない利用者名で、{dataset}{done}"),
        Standing::Anonymous => format!("利用者名が記録されないまま、{dataset}{done}"),
        Standing::Valid => format!(
            "{}のアカウントで、{dataset}{done}規則「{}」に当たります。",
            who(view),
            view.rule_title
        ),
    }
}

/// What was done with an account that has no right, as the end of a sentence behind the dataset.
fn account_use(view: &View) -> String {
    let operation = match view.alert.operation {
        Operation::Login => "へのログイン等".to_string(),
        _ => format!("の{}", operation(view)),
    };
    let hits = format!("{}回", number(view.alert.hits));
    match (view.all_failed(), view.alert.records, view.alert.records_unknown) {
        (true, ..) => format!("{operation}が試みられました（{hits}、すべて失敗）。"),
        (false, 0, _) => format!("{operation}が行われました（{hits}、件数不明）。"),
        (false, records, 0) => format!("{operation}が行われました（{hits}、{}件）。", number(records)),
        (false, records, _) => format!("{operation}が行われました（{hits}、判明分{}件）。", number(records)),
    }
}

fn volume_summary(view: &View, count: Count, within: Within) -> String {
    let span = match within {
        Within::OneAccess => "1回で".to_string(),
        Within::Rolling(span) => format!("{}で", span_text(span)),
        Within::Day => "1日で".to_string(),
    };
    let part = if count == Count::Subjects { "分" } else { "" };
    let amount = format!("{}{part}", amount(view.alert.observed, Some(count)));
    let limit = self::amount(view.alert.limit, Some(count));
    let (dataset, operation) = (dataset(view), operation(view));
    let whose = match (view.over_persons(), view.over_datasets()) {
        (true, true) => format!("全利用者による{operation}が、規則の対象とする情報資産を合わせて、"),
        (true, false) => format!("{dataset}の{operation}が、全利用者を合わせて、"),
        (false, true) => format!(
            "{}による{operation}が、規則の対象とする情報資産を合わせて、",
            actor(view)
        ),
        (false, false) => format!("{}による{dataset}の{operation}が、", actor(view)),
    };
    let mut text = format!("{whose}{span}{amount}となり、しきい値の{limit}を超えました。");
    if let (Concern::Account(standing), Some(_)) = (view.concern(), &view.person) {
        text.push_str(&format!(
            "なお、このアカウントの権限は「{}」です。",
            standing_text(view, standing)
        ));
    }
    text
}

/// Who acted in a volume alert, so that it reads within a sentence.
fn actor(view: &View) -> String {
    match (view.alert.standing, &view.person) {
        (_, Some(_)) => format!("{}のアカウント", who(view)),
        (Standing::Anonymous, None) => "利用者名の記録がない利用者".to_string(),
        (_, None) => "権限台帳に登録のない利用者名".to_string(),
    }
}
