//! The mail about uses drawn by lot: who is to be asked for the reason, section by section.

use super::Parts;
use crate::access::Operation;
use crate::calendar::Jst;
use crate::clock::EventTime;
use crate::text::{Lang, inert, number};

/// Longest name shown, in characters.
const NAME_CHARS_MAX: usize = 48;

/// A use that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnUse {
    /// When.
    pub at: EventTime,
    /// 職員番号, or the account.
    pub who: String,
    /// Id of the dataset.
    pub dataset: String,
    /// Class of operation.
    pub operation: Operation,
}

impl DrawnUse {
    /// In one line.
    pub fn say(&self, lang: Lang) -> String {
        let (who, dataset) = (inert(&self.who, NAME_CHARS_MAX), inert(&self.dataset, NAME_CHARS_MAX));
        let at = Jst::from(self.at);
        match lang {
            Lang::Ja => format!("{}　{who}　{dataset}　{}", at.wareki(), self.operation.ja()),
            Lang::En => format!("{}  {who}  {dataset}  {}", at.iso(), self.operation.as_str()),
        }
    }
}

/// A section, how many uses it made, and those drawn.
pub type SectionUses = (String, u64, Vec<DrawnUse>);

pub(super) fn drawn(rule: &str, month: i32, sections: &[SectionUses], lang: Lang) -> Parts {
    let (year, month, rule) = (month / 100, month % 100, inert(rule, 80));
    let mut lines = vec![match lang {
        Lang::Ja => format!("対象：{year}年{month}月　規則：{rule}"),
        Lang::En => format!("Month: {year}-{month:02}  rule: {rule}"),
    }];
    for (section, of, uses) in sections {
        let name = inert(section, NAME_CHARS_MAX);
        let (of, drawn) = (number(*of), number(u64::try_from(uses.len()).unwrap_or(0)));
        lines.push(String::new());
        lines.push(match (lang, name.is_empty()) {
            (Lang::Ja, true) => format!("■ 所属不明（{of}件のうち{drawn}件）"),
            (Lang::Ja, false) => format!("■ {name}（{of}件のうち{drawn}件）"),
            (Lang::En, true) => format!("- section unknown ({drawn} of {of})"),
            (Lang::En, false) => format!("- {name} ({drawn} of {of})"),
        });
        lines.extend(uses.iter().map(|one| format!("  {}", one.say(lang))));
    }
    (
        lang.pick("業務上の理由を確認する利用（抽出）", "uses drawn by lot, to be asked about"),
        lines,
        lang.pick(
            "所属長は、利用した職員に業務上の理由を確認し、結果を控えてください。抽出は鍵を用いた無作為で、疑いを示すものではありません。\n同じ一覧は sekimori draw で再び表示でき、記録の位置も分かります。",
            "Heads of sections ask the staff for the reason and note the answer. The draw is random, by a secret key; it is no suspicion.\nsekimori draw shows the same list again, with the places of the records.",
        ),
    )
}
