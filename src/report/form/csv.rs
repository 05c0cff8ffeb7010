//! CSV for spreadsheets: UTF-8 with a byte order mark, tables one below the other, nothing that a spreadsheet would run.
//! The same file can be filled in and returned (`report::sheet`).

use super::super::doc::{Cell, Table};
use super::super::sheet;
use crate::calendar::{Day, Jst};
use crate::clock::WallTime;
use crate::report::Edition;
use crate::text::Lang;

/// A cell that a spreadsheet shows and never runs.
pub(super) fn guarded(text: &str) -> String {
    let begins = text.trim_start_matches([' ', '\u{3000}', '"', '\'']);
    let formula = begins.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠', '|', '%']);
    let mut out = if formula { format!("'{text}") } else { text.to_owned() };
    if out.contains([',', '"', '\n', '\r']) {
        out = format!("\"{}\"", out.replace('"', "\"\""));
    }
    out
}

/// A cell as machines and spreadsheets read it: plain numbers, ISO days.
fn value(cell: &Cell, lang: Lang) -> String {
    match cell {
        Cell::Text(text) => guarded(text),
        Cell::Count(n) => n.to_string(),
        Cell::Permille(n) => format!("{}.{}", n / 10, (n % 10).abs()),
        Cell::Day(day) => Day(*day).iso(),
        Cell::Time(at) => {
            let at = Jst::from(WallTime::from_micros(*at));
            format!("{} {}", at.day.iso(), at.clock())
        }
        Cell::Unknown => lang.pick("不明", "unknown").to_owned(),
        Cell::None | Cell::Blank => String::new(),
    }
}

/// A table alone: its heads in the first line.
pub(super) fn alone(table: &Table, lang: Lang) -> String {
    let mut out = String::from("\u{feff}");
    put(table, lang, &mut |cells| line(&mut out, cells));
    out
}

fn line(out: &mut String, cells: &[String]) {
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

fn put(table: &Table, lang: Lang, line: &mut dyn FnMut(&[String])) {
    line(&table.columns.iter().map(|c| guarded(&c.title)).collect::<Vec<_>>());
    for row in &table.rows {
        line(&row.iter().map(|cell| value(cell, lang)).collect::<Vec<_>>());
    }
}

pub(super) fn draw(edition: &Edition) -> String {
    let (report, lang) = (&edition.report, edition.lang());
    let mut out = String::from("\u{feff}");
    let mut line = |cells: &[String]| line(&mut out, cells);
    line(&[guarded(&report.title), guarded(&report.period)]);
    for (name, value) in edition.seal() {
        line(&[guarded(&name), guarded(&value)]);
    }
    for head in &report.head {
        line(&[guarded(head)]);
    }
    for change in &edition.changes {
        line(&[lang.pick("変更点", "change").to_owned(), guarded(change)]);
    }
    for why in &report.barred {
        line(&[
            lang.pick("異常なしを選択できない理由", "why nothing found is not offered")
                .to_owned(),
            guarded(why),
        ]);
    }
    for row in sheet::form(edition) {
        line(&row.iter().map(|cell| guarded(cell)).collect::<Vec<_>>());
    }
    for (part, table) in report.tables() {
        line(&[]);
        line(&[format!("{part} {}", table.title)].map(|t| guarded(&t)));
        put(table, lang, &mut line);
    }
    out
}
