//! What differs between two versions of a report, in lines people read on the first page of the later one.

use super::doc::{Cell, Report, Table};
use crate::text::number;

/// Lines at most; the rest is counted.
const LINES_MAX: usize = 30;

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Count(n) => number(*n),
        Cell::Permille(n) => format!("{}.{}%", n / 10, (n % 10).abs()),
        Cell::Day(day) => crate::calendar::Day(*day).iso(),
        Cell::Time(at) => crate::calendar::rfc3339(*at),
        Cell::Unknown => "?".to_owned(),
        Cell::None | Cell::Blank => "-".to_owned(),
    }
}

fn key(table: &Table, row: &[Cell]) -> String {
    row.iter().take(table.keys).map(shown).collect::<Vec<_>>().join(" ")
}

/// The changes from `before` to `after`, at most [`LINES_MAX`] of them and a count of the rest.
pub(super) fn changes(before: &Report, after: &Report) -> Vec<String> {
    let mut out = Vec::new();
    for (part, table) in after.tables() {
        let old = before.table(&table.id);
        let old_rows = || old.iter().flat_map(|t| t.rows.iter());
        for row in &table.rows {
            let name = key(table, row);
            match old_rows().find(|r| key(table, r) == name) {
                None => out.push(format!("{part} {}：＋ {name}", table.title)),
                Some(was) if was != row => {
                    for (column, cell) in table.columns.iter().zip(row).skip(table.keys) {
                        let Some(then) = old.and_then(|t| t.cell(was, &column.id)) else {
                            continue;
                        };
                        if then != cell {
                            out.push(format!(
                                "{part} {}：{name}　{} {} → {}",
                                table.title,
                                column.title,
                                shown(then),
                                shown(cell)
                            ));
                        }
                    }
                }
                Some(_) => {}
            }
        }
        for was in old_rows() {
            let name = key(table, was);
            if !table.rows.iter().any(|r| key(table, r) == name) {
                out.push(format!("{part} {}：－ {name}", table.title));
            }
        }
    }
    for (part, table) in before.tables().filter(|(_, t)| after.table(&t.id).is_none()) {
        out.push(format!("{part} － {}", table.title));
    }
    let rest = out.len().saturating_sub(LINES_MAX);
    if 0 < rest {
        out.truncate(LINES_MAX);
        out.push(format!("… +{rest}"));
    }
    out
}
