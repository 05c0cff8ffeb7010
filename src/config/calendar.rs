//! `[calendar]`: the official list of 祝日, and the days an agency closes or opens by its own rules.

use crate::calendar::{Calendar, Day, parse_date};

use super::general::encoding;
use super::problem::{say, shown};
use super::section::{Found, Section};

/// Largest list read, in bytes.
const LIST_BYTES_MAX: u64 = 4 << 20;

/// Reads the section, where there is one.
pub(super) fn read(root: &Section<'_>) -> Option<Calendar> {
    let Some(section) = root.table("calendar") else {
        return Some(Calendar::default());
    };
    let mut calendar = Calendar::default();
    let official = match section.value("holidays") {
        Some(_) => official(&section, &mut calendar),
        None => {
            section.refuse(
                "encoding",
                &say!("holidays がないときは書けません。", "only beside holidays"),
            );
            Some(())
        }
    };
    let closed = days(&section, "closed", |day| calendar.close(day));
    let open = days(&section, "open", |day| calendar.open(day));
    section.finish();
    official.and(closed).and(open)?;
    Some(calendar)
}

fn official(section: &Section<'_>, calendar: &mut Calendar) -> Option<()> {
    let path = section.path("holidays");
    let encoding = encoding(section);
    let (path, encoding) = (path?, encoding?);
    let small = std::fs::metadata(&path.value).is_ok_and(|m| m.len() <= LIST_BYTES_MAX);
    let bytes = match std::fs::read(&path.value) {
        Ok(bytes) if small => bytes,
        Ok(_) => {
            let message = say!(
                "大きすぎて、祝日の一覧とは考えられません。",
                "too large for a list of holidays"
            );
            section.problem(&path.place, message, None);
            return None;
        }
        Err(e) => {
            section.problem(&path.place, say!("読めません（{e}）。", "cannot be read: {e}"), None);
            return None;
        }
    };
    let Ok(text) = encoding.decode_all(&bytes) else {
        let word = encoding.as_str();
        section.problem(
            &path.place,
            say!("{word} のファイルではありません。", "the file is not {word}"),
            Some(say!(
                "内閣府の一覧は encoding = \"cp932\" です。",
                "the list of the Cabinet Office is encoding = \"cp932\""
            )),
        );
        return None;
    };
    match calendar.set_official(&String::from_utf8_lossy(&text)) {
        Ok(()) => Some(()),
        Err(e) => {
            section.problem(
                &path.place,
                say!("祝日の一覧として読めません（{e}）。", "no list of holidays: {e}"),
                Some(say!(
                    "内閣府「国民の祝日」のCSVをそのまま置いてください。",
                    "put the CSV of the Cabinet Office there as it is"
                )),
            );
            None
        }
    }
}

fn days(section: &Section<'_>, key: &str, mut add: impl FnMut(Day)) -> Option<()> {
    if section.value(key).is_none() {
        return Some(());
    }
    let list: Vec<Found<String>> = section.required_strings(key)?;
    let mut sound = Some(());
    for day in list {
        match parse_date(&day.value) {
            Some(date) => add(date),
            None => {
                let word = shown(&day.value);
                let message = say!("「{word}」は日付ではありません。", "\"{word}\" is no date");
                let hint = say!(
                    "2026-11-21 や R8.11.21 と書いてください。",
                    "write 2026-11-21 or R8.11.21"
                );
                section.problem(&day.place, message, Some(hint));
                sound = None;
            }
        }
    }
    sound
}
