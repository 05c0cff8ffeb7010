//! Holes in the watch in words, for mails, `status` and `check`.

use crate::detect::coverage::{Gap, SILENT_DAYS};
use crate::text::{Lang, inert, number};

/// Longest name shown, in characters.
const NAME_CHARS_MAX: usize = 48;

/// One hole, in one sentence.
pub fn say(gap: &Gap, lang: Lang) -> String {
    let name = |text: &str| inert(text, NAME_CHARS_MAX);
    let dataset = name(gap.dataset().unwrap_or_default());
    let sources = gap.sources().iter().map(|s| name(s)).collect::<Vec<_>>().join(", ");
    match (gap, lang) {
        (Gap::NoRule { .. }, Lang::Ja) => format!("情報資産「{dataset}」を見る規則がありません"),
        (Gap::NoRule { .. }, Lang::En) => format!("no rule looks at the dataset {dataset:?}"),
        (Gap::NoLiveSource { sources, .. }, Lang::Ja) if sources.is_empty() => {
            format!("情報資産「{dataset}」の記録を読む情報源がありません")
        }
        (Gap::NoLiveSource { sources, .. }, Lang::En) if sources.is_empty() => {
            format!("no source is configured for the dataset {dataset:?}")
        }
        (Gap::NoLiveSource { .. }, Lang::Ja) => {
            format!("情報資産「{dataset}」の記録が、どの情報源（{sources}）からも{SILENT_DAYS}日間届いていません")
        }
        (Gap::NoLiveSource { .. }, Lang::En) => {
            format!(
                "none of the sources of the dataset {dataset:?} ({sources}) has given a line for {SILENT_DAYS} days"
            )
        }
        (Gap::ExpectedSilent { .. }, Lang::Ja) => {
            format!(
                "情報資産「{dataset}」の記録が届くはずの情報源「{sources}」から、{SILENT_DAYS}日間記録が届いていません"
            )
        }
        (Gap::ExpectedSilent { .. }, Lang::En) => {
            format!(
                "the source {sources}, in which the dataset {dataset:?} is expected, has given no line for {SILENT_DAYS} days"
            )
        }
        (Gap::Unseen { .. }, Lang::Ja) => {
            format!("情報資産「{dataset}」の利用の記録が、情報源（{sources}）に{SILENT_DAYS}日間ありません")
        }
        (Gap::Unseen { .. }, Lang::En) => {
            format!("no use of the dataset {dataset:?} was seen in {sources} for {SILENT_DAYS} days")
        }
        (Gap::Vacant { role, section }, Lang::Ja) => {
            let of = if section.is_empty() {
                String::new()
            } else {
                format!("「{}」の", name(section))
            };
            format!(
                "{of}{}が空席です（任命されている方が、権限台帳では在職していない、又は別の所属に移っている場合を含みます）",
                role.ja()
            )
        }
        (Gap::Vacant { role, section }, Lang::En) => {
            let of = if section.is_empty() {
                String::new()
            } else {
                format!(" of {}", name(section))
            };
            format!(
                "the post of {}{of} is vacant, or by the register nobody appointed to it is in office and in that section",
                role.as_str()
            )
        }
        (Gap::NoDataset { .. }, Lang::Ja) => format!("情報源「{sources}」の記録を見る情報資産がありません"),
        (Gap::NoDataset { .. }, Lang::En) => format!("no dataset looks at the source {sources}"),
        (Gap::NothingPlaced { lines, .. }, Lang::Ja) => format!(
            "情報源「{sources}」の{SILENT_DAYS}日間の記録 {} 行が、どの情報資産にも当たりません",
            number(*lines)
        ),
        (Gap::NothingPlaced { lines, .. }, Lang::En) => {
            format!(
                "none of the {} lines of the source {sources} in {SILENT_DAYS} days belongs to a dataset",
                number(*lines)
            )
        }
    }
}
