//! Many mails as one: what waited while no relay could be used, what nobody answered for at the same time, alerts of one
//! rule that came together, and the daily digest of notices.

use super::{ALERTS_MAX, Parts};
use crate::calendar::Jst;
use crate::clock::WallTime;
use crate::text::{Lang, inert, number};

/// Mails listed in one; more are counted.
const LISTED_MAX: usize = 500;
/// Longest subject listed, in characters.
const SUBJECT_CHARS_MAX: usize = 120;

/// What waited: when each mail was composed, and its subject.
pub(super) fn held_back(mails: &[(WallTime, String)], lang: Lang) -> Parts {
    let mut lines = vec![match lang {
        Lang::Ja => format!("全{}通（作成日時　件名）", number(len(mails))),
        Lang::En => format!("{} in all (composed, subject)", number(len(mails))),
    }];
    for (at, subject) in mails.iter().take(LISTED_MAX) {
        let at = Jst::from(*at);
        let subject = inert(subject, SUBJECT_CHARS_MAX);
        lines.push(format!(
            "{} {:02}:{:02}  {subject}",
            at.day.iso(),
            at.hour(),
            at.minute()
        ));
    }
    more(&mut lines, mails.len(), lang);
    (
        lang.pick(
            "送信できなかった通知のまとめ",
            "mails that could not leave, in one",
        ),
        lines,
        lang.pick(
            "各警告の内容は sekimori alert show 警告番号 で確認し、確認の登録をしてください。「重大」の警告は、この通知とは別に一件ずつ送信しています。",
            "See each alert with sekimori alert show NUMBER and acknowledge it. Critical alerts are mailed singly beside this.",
        ),
    )
}

/// Alerts that are handed on together.
pub(super) fn unanswered(alerts: &[String], lang: Lang) -> Parts {
    let mut lines = vec![match lang {
        Lang::Ja => format!("全{}件", number(len(alerts))),
        Lang::En => format!("{} in all", number(len(alerts))),
    }];
    lines.extend(alerts.iter().take(LISTED_MAX).cloned());
    more(&mut lines, alerts.len(), lang);
    (
        lang.pick(
            "確認の登録がない警告（まとめ）",
            "alerts nobody has acknowledged, together",
        ),
        lines,
        lang.pick(
            "先に通知した方の確認がない（又は通知できない）ため、次の順位の方に通知します。内容は sekimori alert show 警告番号 で確認し、sekimori alert ack で確認の登録をしてください。",
            "Whoever was told before has not acknowledged them, or could not be told; you are next. See sekimori alert show NUMBER, then sekimori alert ack.",
        ),
    )
}

/// The first lines of a list, at most `most`, and how many more there are.
pub(super) fn listed<T>(all: &[T], most: usize, line: impl Fn(&T) -> String, lang: Lang) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(most).map(line).collect();
    let more = u64::try_from(all.len().saturating_sub(most)).unwrap_or(0);
    if 0 < more {
        lines.push(match lang {
            Lang::Ja => format!("ほか {} 件", number(more)),
            Lang::En => format!("and {} more", number(more)),
        });
    }
    lines
}

fn len<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

fn more(lines: &mut Vec<String>, all: usize, lang: Lang) {
    let more = u64::try_from(all.saturating_sub(LISTED_MAX)).unwrap_or(0);
    if 0 < more {
        lines.push(match lang {
            Lang::Ja => format!("（ほか{}件。一覧は sekimori alert list で確認できます）", number(more)),
            Lang::En => format!("({} more; see sekimori alert list)", number(more)),
        });
    }
}

pub(super) fn many(rule: &str, alerts: &[String], lang: Lang) -> Parts {
    let mut lines = vec![match lang {
        Lang::Ja => format!("規則 {rule}：{} 件", alerts.len()),
        Lang::En => format!("rule {rule}: {}", alerts.len()),
    }];
    lines.extend(alerts.iter().take(ALERTS_MAX).cloned());
    (
        lang.pick(
            "個人情報アクセス警告（まとめ）",
            "Personal data access alerts, together",
        ),
        lines,
        lang.pick(
            "各警告の内容は sekimori alert show 警告番号 で確認できます。",
            "See each with sekimori alert show NUMBER.",
        ),
    )
}

pub(super) fn digest(alerts: &[String], total: u64, lang: Lang) -> Parts {
    let mut lines = vec![match lang {
        Lang::Ja => format!("全{}件", number(total)),
        Lang::En => format!("{} in all", number(total)),
    }];
    lines.extend(alerts.iter().cloned());
    let more = total.saturating_sub(u64::try_from(alerts.len()).unwrap_or(0));
    if 0 < more {
        lines.push(match lang {
            Lang::Ja => format!("（ほか{}件。一覧は sekimori alert list で確認できます）", number(more)),
            Lang::En => format!("({} more; see sekimori alert list)", number(more)),
        });
    }
    let advice = lang.pick(
        "内容は sekimori alert show 警告番号、業務上の理由を確認したときは sekimori alert close で記録してください。",
        "See sekimori alert show NUMBER; where a reason was confirmed, record it with sekimori alert close.",
    );
    (
        lang.pick(
            "個人情報アクセスの注意（日次）",
            "notices on access to personal data (daily)",
        ),
        lines,
        advice,
    )
}
