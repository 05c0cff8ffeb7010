//! One cell of the register, and how it is read.

use unicode_normalization::UnicodeNormalization;

use super::columns::{Column, Columns};
use super::declared::are_hosts;
use super::row::{State, bit};
use super::{AccountKind, RegisterError, normal};
use crate::access::Operation;
use crate::calendar::{Day, Schedule, parse_date};
use crate::text::{Say, say};

/// Longest text kept of a cell, in characters.
const TEXT_CHARS_MAX: usize = 256;

#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub columns: &'a Columns,
    pub text: &'a str,
    pub column: Column,
    pub line: u64,
}

/// The start of a text, for messages.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A word as it is compared: NFKC, small letters, without blanks around.
pub(super) fn normal_word(raw: &[u8]) -> String {
    normal(raw).into_owned()
}

/// Whether a spreadsheet would run the text instead of showing it.
pub(super) fn is_formula(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ('\u{3041}'..='\u{9fff}').contains(&c);
    if text.chars().next().is_none_or(plain) {
        // Nearly every cell; no such character becomes another one that matters here.
        return false;
    }
    let mut chars = text.nfkc();
    matches!(
        (chars.next(), chars.next()),
        (Some('=' | '+' | '@'), _) | (Some('-'), Some(_))
    )
}

impl<'a> Cell<'a> {
    pub(super) fn error(self, why: Say) -> RegisterError {
        self.columns.error(self.column, self.line, why)
    }

    /// Text that is shown to people and opened in spreadsheets later: nothing but text.
    pub(super) fn inert(self) -> Result<&'a str, RegisterError> {
        if self.text.len() <= TEXT_CHARS_MAX && self.text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Ok(self.text);
        }
        if self.text.chars().any(char::is_control) {
            return Err(self.error(say!("制御文字が含まれています", "this holds control characters")));
        }
        if is_formula(self.text) {
            return Err(self.error(say!(
                "表計算ソフトの数式です。先頭に = + - @ のない、値だけを出力してください",
                "this is a formula of a spreadsheet; export the values, without = + - @ in front"
            )));
        }
        if TEXT_CHARS_MAX < self.text.len() && TEXT_CHARS_MAX < self.text.chars().count() {
            return Err(self.error(say!(
                "{TEXT_CHARS_MAX} 文字を超えています",
                "this is longer than {TEXT_CHARS_MAX} characters"
            )));
        }
        Ok(self.text)
    }

    pub(super) fn name(self) -> Result<&'a str, RegisterError> {
        let name = self.inert()?;
        if name.is_empty() || (!name.is_ascii() && name.nfkc().all(char::is_whitespace)) {
            return Err(self.error(say!("空欄にはできません", "this must not be empty")));
        }
        Ok(name)
    }

    /// A 職員番号: NFKC, leading zeros kept.
    pub(super) fn number(self) -> Result<Box<str>, RegisterError> {
        let text = self.inert()?;
        if text.is_ascii() {
            return Ok(text.into());
        }
        Ok(text.nfkc().collect::<String>().trim().into())
    }

    /// Several entries; `；`, `、` and a full-width comma separate as `;` does.
    pub(super) fn list(self) -> Result<Box<str>, RegisterError> {
        const SEPARATORS: [char; 4] = [';', '；', '、', '，'];
        let text = self.inert()?;
        if !text.contains(SEPARATORS) {
            return Ok(text.into());
        }
        let parts = text.split(SEPARATORS).map(str::trim).filter(|p| !p.is_empty());
        Ok(parts.collect::<Vec<_>>().join(";").into())
    }

    pub(super) fn date(self) -> Result<Option<Day>, RegisterError> {
        if self.text.is_empty() {
            return Ok(None);
        }
        parse_date(self.text).map(Some).ok_or_else(|| {
            let text = shorten(self.text);
            self.error(say!(
                "「{text}」は日付ではありません。2026-11-21、2026/11/21、R8.11.21 のように書いてください",
                "{text:?} is no date; write 2026-11-21, 2026/11/21 or R8.11.21"
            ))
        })
    }

    pub(super) fn state(self) -> Result<State, RegisterError> {
        let state = normal(self.text.as_bytes());
        State::from_word(&state).ok_or_else(|| {
            let state = shorten(&state);
            self.error(say!(
                "状態「{state}」は分かりません。在職、休職、育休、病休、停職、派遣中、退職、失職のいずれかを書いてください",
                "the state {state:?} is unknown; write 在職, 休職, 育休, 病休, 停職, 派遣中, 退職 or 失職"
            ))
        })
    }

    /// The kind; `None` for a word we do not know.
    pub(super) fn kind(self) -> Result<Option<AccountKind>, RegisterError> {
        let text = normal(self.inert()?.as_bytes());
        Ok(Some(match text.as_ref() {
            "" | "unstated" => AccountKind::Unstated,
            "正規" | "正職員" | "正規職員" | "常勤" | "一般職" | "regular" => AccountKind::Regular,
            "再任用" | "再任用職員" | "定年前再任用" | "暫定再任用" | "reappointed" => {
                AccountKind::Reappointed
            }
            "会計年度任用" | "会計年度任用職員" | "会計年度" | "fiscal-year" => {
                AccountKind::FiscalYear
            }
            "臨時" | "臨時職員" | "非常勤" | "任期付" | "temporary" => AccountKind::Temporary,
            "派遣" | "派遣職員" | "派遣社員" | "dispatched" => AccountKind::Dispatched,
            "委託" | "業務委託" | "保守委託" | "contractor" => AccountKind::Contractor,
            "システム" | "バッチ" | "連携" | "system" => AccountKind::System,
            "共用" | "共有" | "共用id" | "shared" => AccountKind::Shared,
            "特権" | "特権id" | "管理者" | "privileged" => AccountKind::Privileged,
            _ => return Ok(None),
        }))
    }

    /// Whether the row is a 兼務.
    pub(super) fn concurrent(self) -> Result<bool, RegisterError> {
        if matches!(self.text, "" | "本務") {
            return Ok(false);
        }
        let text = normal(self.text.as_bytes());
        match text.as_ref() {
            "" | "本務" | "主務" | "main" | "0" => Ok(false),
            "兼務" | "併任" | "concurrent" | "1" => Ok(true),
            _ => {
                let text = shorten(&text);
                Err(self.error(say!(
                    "「{text}」は分かりません。本務か兼務と書いてください",
                    "{text:?} is unknown; write 本務 or 兼務"
                )))
            }
        }
    }

    /// Permitted operations as a mask; 0: not stated. Looking up a record takes a search, and changing one takes both.
    pub(super) fn operations(self) -> Result<u16, RegisterError> {
        let text = normal(self.inert()?.as_bytes());
        let view = bit(Operation::View) | bit(Operation::Search);
        let mut mask = 0;
        for word in text
            .split([';', '・', ',', '、', '/', ' ', '\u{ff65}'])
            .filter(|w| !w.is_empty())
        {
            mask |= match word {
                "照会" | "参照" | "閲覧" | "view" => view,
                "検索" | "search" => bit(Operation::Search),
                "出力" | "抽出" | "export" => bit(Operation::Export),
                "印刷" | "帳票" | "発行" | "print" => bit(Operation::Print),
                "更新" | "登録" | "追加" | "修正" | "update" => bit(Operation::Update) | view,
                "削除" | "delete" => bit(Operation::Delete) | view,
                "認証" | "login" => bit(Operation::Login),
                "その他" | "保守" | "other" => bit(Operation::Other),
                "全て" | "すべて" | "全権" | "all" => Operation::ALL.into_iter().map(bit).sum(),
                _ => {
                    let word = shorten(word);
                    return Err(self.error(say!(
                        "操作「{word}」は分かりません。照会、検索、出力、印刷、更新、削除、全てのいずれかを書いてください（限らないときは空欄）",
                        "the operation {word:?} is unknown; write 照会, 検索, 出力, 印刷, 更新, 削除 or 全て, or leave the cell empty to limit nothing"
                    )));
                }
            };
        }
        Ok(mask)
    }

    /// An ID世代 as a year: `R8`, `令和8年度`, `2026`, or any number below 100 as it is; 0: not stated.
    pub(super) fn generation(self) -> Result<i32, RegisterError> {
        let text = normal(self.text.as_bytes());
        if text.is_empty() {
            return Ok(0);
        }
        let plain = text.trim_end_matches("年度").trim_end_matches('年');
        let number = plain.parse::<u16>().ok().filter(|n| 0 < *n).map(i32::from);
        let year = || parse_date(&format!("{plain}.4.1")).or_else(|| parse_date(&format!("{plain}年4月1日")));
        number.or_else(|| year().map(|day| day.date().year)).ok_or_else(|| {
            let text = shorten(&text);
            self.error(say!(
                "「{text}」は世代ではありません。R8、2026 か、増えていく番号を書いてください",
                "{text:?} is no generation; write R8, 2026 or a number that grows"
            ))
        })
    }

    pub(super) fn hosts(self) -> Result<Box<str>, RegisterError> {
        let hosts = self.list()?;
        if are_hosts(&hosts) {
            return Ok(hosts);
        }
        Err(self.error(say!(
            "アドレス、ネットワーク、端末名のいずれでもないものがあります。10.1.2.3、10.1.2.0/24、ZEI-PC-* のように、; で区切って書いてください",
            "an entry is no address, network or name; write 10.1.2.3, 10.1.2.0/24 or ZEI-PC-*, separated by ;"
        )))
    }

    pub(super) fn schedule(self) -> Result<Box<str>, RegisterError> {
        let text = self.inert()?;
        if text.is_empty() || Schedule::parse(text).is_some() {
            return Ok(text.into());
        }
        let text = shorten(text);
        Err(self.error(say!(
            "「{text}」は時間帯ではありません。平日 8:30-17:15 や 毎日 1:00-5:00 のように、複数は ; で区切って書いてください",
            "{text:?} is no schedule; write 平日 8:30-17:15 or 毎日 1:00-5:00, several separated by ;"
        )))
    }
}
