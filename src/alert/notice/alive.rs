//! Mails that say the watch is there: the sign of life, whose absence is an alarm to whoever waits for it, and the test
//! of the way a mail takes.

use super::{DETAIL_CHARS_MAX, Notice, Parts};
use crate::calendar::{Day, Jst, Weekday};
use crate::clock::{EventTime, WallTime};
use crate::text::{Lang, inert, number};

/// How often the sign of life comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rhythm {
    /// Every Monday, closed or not: whoever waits for it need not count.
    #[default]
    Weekly,
    /// Every day.
    Daily,
    /// Never.
    Off,
}

impl Rhythm {
    /// The days a sign of life on `today` speaks of, the day since which it is due, and the day of the next one.
    pub fn span(self, today: Day) -> Option<Span> {
        let (due, days) = match self {
            Rhythm::Off => return None,
            Rhythm::Daily => (today, 1),
            Rhythm::Weekly => {
                let monday = (0..7)
                    .map(|back| today.plus(-back))
                    .find(|day| day.weekday() == Weekday::Monday)?;
                (monday, 7)
            }
        };
        Some(Span {
            from: due.plus(-days),
            to: due.plus(-1),
            due,
            next: due.plus(days),
        })
    }
}

/// The time of a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First day it speaks of.
    pub from: Day,
    /// Last day, inclusive.
    pub to: Day,
    /// Since when it is due.
    pub due: Day,
    /// When the next one is.
    pub next: Day,
}

/// What a sign of life says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The days.
    pub span: Span,
    /// What was read of each configured source.
    pub sources: Vec<SourceLife>,
    /// Alerts that began in these days: 重大, 警告, 注意.
    pub alerts: [u64; 3],
    /// Alerts nobody has closed, whenever they began.
    pub open: u64,
    /// Mails that wait, and that could not be delivered, by recipient.
    pub mails: [u64; 2],
    /// Entries of the ledger under the newest checkpoint, and its code for comparing by eye.
    pub ledger: Option<(u64, String)>,
}

/// What was read of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLife {
    /// Its name.
    pub name: String,
    /// Lines read.
    pub lines: u64,
    /// Lines no record came from.
    pub rejected: u64,
    /// Time of the newest record.
    pub newest: Option<EventTime>,
}

/// The mark in the subject and the first sentence.
pub(super) fn occasion(notice: &Notice, lang: Lang) -> (&'static str, &'static str) {
    match notice {
        Notice::Test { .. } => (
            lang.pick("【試験】", "[TEST] "),
            lang.pick(
                "個人情報アクセス監視（sekimori）の通知経路の試験です。実際の警告ではありません。",
                "This is a test of the way alerts take. Nothing has happened.",
            ),
        ),
        _ => (
            lang.pick("【稼働報告】", "[ALIVE] "),
            lang.pick(
                "個人情報アクセスの監視の状況は、次のとおりです。",
                "This is how the watch over access to personal data stands:",
            ),
        ),
    }
}

pub(super) fn alive(life: &Life, lang: Lang) -> Parts {
    let Span { from, to, next, .. } = life.span;
    let mut lines = vec![match lang {
        Lang::Ja => format!("対象期間：{}～{}", from.wareki_weekday(), to.wareki_weekday()),
        Lang::En => format!("{} to {}", from.iso(), to.iso()),
    }];
    lines.extend(life.sources.iter().map(|source| of_source(source, lang)));
    let [critical, warning, notice] = life.alerts.map(number);
    let [waiting, dead] = life.mails.map(number);
    let open = number(life.open);
    lines.push(match lang {
        Lang::Ja => {
            format!("警告　　：重大 {critical} 件、警告 {warning} 件、注意 {notice} 件（終結していないもの {open} 件）")
        }
        Lang::En => format!("alerts: {critical} critical, {warning} warnings, {notice} notices ({open} not closed)"),
    });
    lines.push(match lang {
        Lang::Ja => format!("メール　：送信待ち {waiting} 件、届けられなかったもの {dead} 件"),
        Lang::En => format!("mails: {waiting} waiting, {dead} undeliverable"),
    });
    lines.extend(life.ledger.as_ref().map(|(size, code)| match lang {
        Lang::Ja => format!("記録簿　：{} 項目（照合用の符号 {code}）", number(*size)),
        Lang::En => format!("ledger: {} entries (code {code})", number(*size)),
    }));
    lines.push(match lang {
        Lang::Ja => format!("次の報告：{}", next.wareki_weekday()),
        Lang::En => format!("next: {}", next.iso()),
    });
    (
        lang.pick("個人情報アクセスの監視は動いています", "the watch over personal data is running"),
        lines,
        lang.pick(
            "次の報告の日にこのメールが届かないときは、監視が止まっているおそれがあります。情報システム担当に確認してください（sekimori status）。\n届いていない記録、増えた解釈できない行、届けられなかったメールがあれば、その理由を確認してください。",
            "If this mail does not come on that day, the watch may have stopped: ask those who run the systems (sekimori status).\nWhere a log is missing, lines cannot be read or mails did not arrive, ask why.",
        ),
    )
}

fn of_source(source: &SourceLife, lang: Lang) -> String {
    let name = inert(&source.name, DETAIL_CHARS_MAX);
    let (lines, rejected) = (number(source.lines), number(source.rejected));
    match (source.lines, source.newest, lang) {
        (0, _, Lang::Ja) => format!("・{name}：この期間に届いた記録はありません"),
        (0, _, Lang::En) => format!("- {name}: nothing was read"),
        (_, newest, Lang::Ja) => format!(
            "・{name}：{lines} 行（解釈できない行 {rejected}）{}",
            newest.map_or_else(String::new, |at| format!("、最新の記録 {}", Jst::from(at).wareki()))
        ),
        (_, newest, Lang::En) => format!(
            "- {name}: {lines} lines ({rejected} rejected){}",
            newest.map_or_else(String::new, |at| format!(", newest record {}", Jst::from(at).iso()))
        ),
    }
}

pub(super) fn test(way: &str, at: WallTime, lang: Lang) -> Parts {
    let way = inert(way, DETAIL_CHARS_MAX);
    let lines = match lang {
        Lang::Ja => vec![
            format!("送信日時：{}", Jst::from(at).wareki()),
            format!("送信経路：{way}"),
        ],
        Lang::En => vec![format!("sent: {}", Jst::from(at).iso()), format!("by way of: {way}")],
    };
    (
        lang.pick("通知経路の試験", "the way alerts take"),
        lines,
        lang.pick(
            "このメールが届いたことを、試験を行った担当者にお知らせください。迷惑メールのフォルダーに入っていたときは、そのこともお知らせください。",
            "Please tell whoever made the test that this mail arrived; also if you found it among the junk.",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_week_runs_from_monday_to_sunday_and_its_report_is_due_until_the_next() {
        let day = |d: u8| Day::of(2026, 11, d).unwrap();
        let week = Span {
            from: day(9),
            to: day(15),
            due: day(16),
            next: day(23),
        };
        for today in 16..=22 {
            assert_eq!(Rhythm::Weekly.span(day(today)), Some(week), "{today}");
        }
        assert_eq!(Rhythm::Weekly.span(day(23)).unwrap().from, day(16));
        assert_eq!(Rhythm::Daily.span(day(23)).unwrap().to, day(22));
        assert_eq!(Rhythm::Off.span(day(23)), None);
    }

    proptest! {
        #[test]
        fn every_day_is_told_of_once(first in -20_000i32..40_000, weekly: bool) {
            let rhythm = if weekly { Rhythm::Weekly } else { Rhythm::Daily };
            let mut told: Vec<Span> = (0..30).filter_map(|n| rhythm.span(Day(first + n))).collect();
            told.dedup();
            for pair in told.windows(2) {
                prop_assert_eq!(pair[1].from, pair[0].to.plus(1));
                prop_assert_eq!(pair[1].due, pair[0].next);
            }
        }
    }
}
