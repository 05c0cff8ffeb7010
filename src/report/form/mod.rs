//! A report in each of its forms. All of them are drawn from the same content, and text is inert in every one.
//!
//! Not here: where files are put, whom they are mailed to.

mod chart;
mod csv;
mod html;
mod json;
mod xlsx;

use std::borrow::Cow;

use super::Edition;
use super::doc::Cell;
use crate::calendar::{Day, Jst};
use crate::clock::WallTime;
use crate::text::{Lang, number};

/// A form a report is given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// One page that needs nothing else, made for A4 paper.
    Html,
    /// One table after the other, UTF-8 with a byte order mark.
    Csv,
    /// A workbook.
    Xlsx,
    /// For machines.
    Json,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 4] = [Form::Html, Form::Csv, Form::Xlsx, Form::Json];

    /// The word on the command line, and the ending of the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Html => "html",
            Form::Csv => "csv",
            Form::Xlsx => "xlsx",
            Form::Json => "json",
        }
    }
}

/// A form could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// The workbook.
    #[error("cannot write the workbook: {0}")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    /// A chart.
    #[error("cannot draw the chart {0}: {1}")]
    Chart(String, String),
}

/// Draws `edition` as `form`. The same edition gives the same bytes.
///
/// # Errors
/// [`FormError`]
pub fn draw(edition: &Edition, form: Form) -> Result<Vec<u8>, FormError> {
    Ok(match form {
        Form::Html => html::draw(edition)?.into_bytes(),
        Form::Csv => csv::draw(edition).into_bytes(),
        Form::Xlsx => xlsx::draw(edition)?,
        Form::Json => json::draw(edition).into_bytes(),
    })
}

/// A table alone, as CSV.
pub(super) fn table_csv(table: &super::doc::Table, lang: Lang) -> String {
    csv::alone(table, lang)
}

/// A cell as people read it.
fn shown(cell: &Cell, lang: Lang) -> Cow<'_, str> {
    match cell {
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::Count(n) => Cow::Owned(number(*n)),
        Cell::Permille(n) => Cow::Owned(format!("{}.{}%", n / 10, (n % 10).abs())),
        Cell::Day(day) => Cow::Owned(short_day(Day(*day), lang)),
        Cell::Time(at) => {
            let at = Jst::from(WallTime::from_micros(*at));
            Cow::Owned(format!(
                "{} {:02}:{:02}",
                short_day(at.day, lang),
                at.hour(),
                at.minute()
            ))
        }
        Cell::Unknown => Cow::Borrowed(lang.pick("不明", "unknown")),
        Cell::None => Cow::Borrowed(lang.pick("－", "-")),
        Cell::Blank => Cow::Borrowed(""),
    }
}

/// `R8.10.5`, as forms write it; `2026-10-05` in English.
fn short_day(day: Day, lang: Lang) -> String {
    let date = day.date();
    match lang {
        Lang::Ja if day >= Day(18_017) => format!("R{}.{}.{}", date.year - 2018, date.month, date.day),
        _ => day.iso(),
    }
}

#[cfg(test)]
mod tests;
