//! What somebody did to the settings, the ledger or the store of the watch itself: told at once, to those who were told before
//! it was done as well as after.

use super::held::listed;
use super::{ALERTS_MAX, DETAIL_CHARS_MAX, Parts};
use crate::calendar::Jst;
use crate::clock::WallTime;
use crate::text::{Lang, inert, number};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// Another configuration is in force.
    Settings(Vec<SettingChange>),
    /// A ledger begins at its first entry where there was one before.
    LedgerAnew(Vec<Trace>),
    /// The log folder held fewer entries than were signed; they were written again from the store.
    LedgerCut {
        /// Entries it held.
        size: u64,
        /// Entries that were signed.
        signed: u64,
        /// When they were.
        at: WallTime,
    },
    /// The store was put back from a copy.
    Restored {
        /// Who decided it.
        by: String,
        /// Why.
        reason: String,
        /// SHA-256 of the copy, hex.
        sha256: String,
        /// Whether the ledger knows of a copy with this content.
        known: bool,
        /// Entries of the ledger the copy held, and those that were taken over from the log folder.
        entries: (u64, u64),
    },
}

/// A part of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingPart {
    /// Who gets every alert.
    To,
    /// Who gets those of a section.
    Owner,
    /// Who gets the checkpoint of the day.
    Checkpoints,
    /// Who can open segments.
    Readers,
    /// Posts and who holds them.
    Sections,
    /// Who is told next, and when again; how often it is said that the watch is running.
    Ladder,
    /// How mail leaves.
    Mail,
    /// A rule.
    Rule,
    /// A dataset.
    Dataset,
    /// A log.
    Source,
    /// Days and hours of work.
    Calendar,
    /// The account register.
    Register,
    /// How long and where records are kept.
    Keeping,
}

/// A part that is another now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange {
    /// Which.
    pub part: SettingPart,
    /// Its id or name; empty where there is one.
    pub name: String,
    /// What of it was shown before and is now: addresses, limits; none where there was or is none.
    pub shown: (Option<String>, Option<String>),
}

/// What shows that there was a ledger before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// A key that signed.
    Key,
    /// Segments in the archive.
    Segments,
    /// A checkpoint that was kept.
    Anchor,
}

impl Trace {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Trace::Key => "key",
            Trace::Segments => "segments",
            Trace::Anchor => "anchor",
        }
    }
}

fn part(part: SettingPart, lang: Lang) -> &'static str {
    match part {
        SettingPart::To => lang.pick("警告の宛先", "recipients of every alert"),
        SettingPart::Owner => lang.pick("所属の宛先", "recipients of a section"),
        SettingPart::Checkpoints => lang.pick("照合点の宛先", "recipients of the checkpoint"),
        SettingPart::Readers => lang.pick("区画を開ける鍵", "keys that open segments"),
        SettingPart::Sections => lang.pick("役職と担当者", "posts and who holds them"),
        SettingPart::Ladder => lang.pick(
            "未確認時の連絡順・再通知・稼働報告",
            "who is told next and again, and the sign of life",
        ),
        SettingPart::Mail => lang.pick("メールの送信方法", "how mail leaves"),
        SettingPart::Rule => lang.pick("規則", "rule"),
        SettingPart::Dataset => lang.pick("情報資産", "dataset"),
        SettingPart::Source => lang.pick("情報源", "source"),
        SettingPart::Calendar => lang.pick("閉庁日・執務時間", "days and hours of work"),
        SettingPart::Register => lang.pick("権限台帳の取込み", "the account register"),
        SettingPart::Keeping => lang.pick("記録の保管", "how records are kept"),
    }
}

fn change(change: &SettingChange, lang: Lang) -> String {
    let shown = |text: &Option<String>| text.as_ref().map(|text| inert(text, DETAIL_CHARS_MAX));
    let what = match (shown(&change.shown.0), shown(&change.shown.1)) {
        (None, Some(new)) if new.is_empty() => lang.pick("追加", "added").to_owned(),
        (None, Some(new)) => in_brackets(lang.pick("追加", "added"), &new, lang),
        (Some(old), None) if old.is_empty() => lang.pick("削除", "removed").to_owned(),
        (Some(old), None) => in_brackets(lang.pick("削除", "removed"), &old, lang),
        (Some(old), Some(new)) if old != new => {
            let none = lang.pick("なし", "none");
            let or = |text: String| if text.is_empty() { none.to_owned() } else { text };
            format!("{} → {}", or(old), or(new))
        }
        _ => lang.pick("内容の変更", "changed").to_owned(),
    };
    let (part, name) = (part(change.part, lang), inert(&change.name, 80));
    let space = if name.is_empty() { "" } else { " " };
    match lang {
        Lang::Ja => format!("・{part}{space}{name}：{what}"),
        Lang::En => format!("- {part}{space}{name}: {what}"),
    }
}

fn in_brackets(word: &str, what: &str, lang: Lang) -> String {
    match lang {
        Lang::Ja => format!("{word}（{what}）"),
        Lang::En => format!("{word} ({what})"),
    }
}

fn settings(changes: &[SettingChange], lang: Lang) -> Parts {
    (
        lang.pick("監視の設定が変更されました", "the settings of the watch were changed"),
        listed(changes, ALERTS_MAX, |c| change(c, lang), lang),
        lang.pick(
            "このメールは、変更前の宛先と変更後の宛先の双方に送っています。決裁と照らし合わせてください。\n心当たりのない変更は、監視を一時的に逃れるためのものである疑いがあります。元に戻されたときも、改めてお知らせします。",
            "This goes to those who were told before the change as well as after it. Hold it against the decision.\nA change nobody knows of may be meant to escape the watch for a while; that it is set back is told again.",
        ),
    )
}

pub(super) fn handled(handled: &Handled, lang: Lang) -> Parts {
    match handled {
        Handled::Settings(changes) => settings(changes, lang),
        Handled::LedgerAnew(traces) => {
            let word = |trace: &Trace| match trace {
                Trace::Key => lang.pick("・署名に使われた鍵が残っています", "- a key that signed is still there"),
                Trace::Segments => lang.pick("・区画（保管された記録）が残っています", "- segments are still there"),
                Trace::Anchor => lang.pick("・以前の照合点が残っています", "- an earlier checkpoint is still there"),
            };
            (
                lang.pick("記録簿が最初から始まりました", "a ledger has begun anew"),
                traces.iter().map(|trace| word(trace).to_owned()).collect(),
                lang.pick(
                    "以前の記録簿があった跡がありますが、データベースと保管庫は空でした。記録が消された疑いがあります。\n決裁を経て新しく始めた場合は、その記録と照らし合わせてください。そうでない場合は、写し（別の機器）と手元の照合点を保全し、監査責任者に知らせてください。",
                    "There was a ledger before, and both the store and the archive were empty: records may have been destroyed.\nIf it was begun anew by decision, hold this against it. Else secure the copies on other hosts and the checkpoints you keep, and tell the audit officer.",
                ),
            )
        }
        Handled::LedgerCut { size, signed, at } => {
            let (size, signed, at) = (number(*size), number(*signed), Jst::from(*at));
            let line = match lang {
                Lang::Ja => format!(
                    "・{}に署名した {signed} 項目のうち、{size} 項目しか残っていませんでした",
                    at.wareki()
                ),
                Lang::En => format!("- of the {signed} entries signed at {}, {size} were left", at.iso()),
            };
            (
                lang.pick("記録簿のファイルが切り取られていました", "the file of the ledger had been cut"),
                vec![line],
                lang.pick(
                    "失われた項目は、データベースから元のとおり書き直しました（照合点と一致しています）。\n保管庫のファイルを誰が書き換えたか、ディスクに障害がなかったかを確かめてください。",
                    "What was lost was written again from the store, as it was (it agrees with the checkpoint).\nFind out who changed the files of the archive, or whether the disk fails.",
                ),
            )
        }
        Handled::Restored {
            by,
            reason,
            sha256,
            known,
            entries: (had, taken),
        } => {
            let (by, reason) = (inert(by, 40), inert(reason, DETAIL_CHARS_MAX));
            let (had, taken) = (number(*had), number(*taken));
            let mut lines = match lang {
                Lang::Ja => vec![
                    format!("・決定した者：{by}　　理由：{reason}"),
                    format!("・写しの SHA-256：{sha256}"),
                    format!("・写しの記録簿：{had} 項目　　保管庫から引き継いだもの：{taken} 項目"),
                ],
                Lang::En => vec![
                    format!("- decided by {by}, because {reason}"),
                    format!("- SHA-256 of the copy: {sha256}"),
                    format!("- entries of the ledger in it: {had}; taken over from the archive: {taken}"),
                ],
            };
            if !known {
                lines.push(
                    lang.pick(
                        "・この内容の写しを作った記録が、記録簿にありません。写しに手が加えられた疑いがあります",
                        "- the ledger knows of no copy with this content: it may have been doctored",
                    )
                    .to_owned(),
                );
            }
            (
                lang.pick("データベースが写しから戻されました", "the store was put back from a copy"),
                lines,
                lang.pick(
                    "写しより後の警告・送信の記録は失われています（記録簿には残っています）。覚えのある復元か、決裁の記録と照らし合わせ、\nsekimori verify counters で内容を確かめてください。",
                    "Rows of alerts and mails since the copy are lost (the ledger has them). Hold it against the decision, and check the content\nwith sekimori verify counters.",
                ),
            )
        }
    }
}

/// The mark in the subject, and the first sentence.
pub(super) fn occasion(handled: &Handled, lang: Lang) -> (&'static str, &'static str) {
    match handled {
        Handled::Settings(_) => (
            lang.pick("【設定の変更】", "[SETTINGS CHANGED] "),
            lang.pick(
                "個人情報アクセスの監視の設定が、次のとおり変わりました。",
                "The settings of the watch over access to personal data were changed as follows:",
            ),
        ),
        Handled::Restored { .. } => (
            lang.pick("【データベースの復元】", "[STORE RESTORED] "),
            lang.pick(
                "個人情報アクセスの監視のデータベースが、写しから戻されました。",
                "The store of the watch over access to personal data was put back from a copy:",
            ),
        ),
        _ => (
            lang.pick("【記録の異常】", "[RECORD IMPAIRED] "),
            lang.pick(
                "アクセス記録の記録簿に、次の異常がありました。",
                "Something is wrong with the ledger of access records:",
            ),
        ),
    }
}
