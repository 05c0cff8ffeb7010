//! A workbook: a sheet to confirm on, then a sheet a table. Numbers are numbers, days are days, text is never a formula.

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::FormError;
use crate::calendar::{Day, Jst};
use crate::clock::WallTime;
use crate::report::Edition;
use crate::report::doc::{Cell, Table};
use crate::report::sheet;
use crate::text::Lang;

/// A4.
const PAPER: u8 = 9;
/// Characters a unit of a column's width takes.
const UNIT: f64 = 4.0;

struct Formats {
    title: Format,
    head: Format,
    text: Format,
    number: Format,
    percent: Format,
    day: Format,
    time: Format,
    form: Format,
}

impl Formats {
    fn new() -> Formats {
        let plain = || {
            Format::new()
                .set_border(FormatBorder::Thin)
                .set_align(FormatAlign::Top)
                .set_font_size(10)
        };
        Formats {
            title: Format::new().set_bold().set_font_size(12),
            head: plain()
                .set_bold()
                .set_text_wrap()
                .set_align(FormatAlign::Center)
                .set_background_color(0x00E6_E6E6),
            text: plain().set_text_wrap().set_num_format("@"),
            number: plain().set_num_format("#,##0"),
            percent: plain().set_num_format("0.0%"),
            day: plain().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left),
            time: plain()
                .set_num_format("yyyy-mm-dd hh:mm:ss")
                .set_align(FormatAlign::Left),
            form: plain()
                .set_text_wrap()
                .set_num_format("@")
                .set_background_color(0x00FF_FFE0),
        }
    }
}

pub(super) fn draw(edition: &Edition) -> Result<Vec<u8>, FormError> {
    let mut book = Workbook::new();
    // The time of making, not of drawing: the same edition gives the same bytes.
    let made = ExcelDateTime::from_timestamp(edition.made_at.secs())?;
    book.set_properties(
        &DocProperties::new()
            .set_title(edition.report.title.as_str())
            .set_creation_datetime(&made),
    );
    let formats = Formats::new();
    first(edition, book.add_worksheet(), &formats)?;
    for (part, table) in edition.report.tables() {
        let sheet = book.add_worksheet();
        sheet.set_name(format!("{part} {}", table.id))?;
        put_table(edition, (part, table), sheet, &formats)?;
    }
    Ok(book.save_to_buffer()?)
}

fn page(edition: &Edition, sheet: &mut Worksheet) {
    sheet.set_paper_size(PAPER);
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_footer(format!("&L{}&R&P / &N", edition.number));
}

fn first(edition: &Edition, sheet: &mut Worksheet, f: &Formats) -> Result<(), XlsxError> {
    let (report, lang) = (&edition.report, edition.lang());
    sheet.set_name(lang.pick("確認", "confirm"))?;
    page(edition, sheet);
    sheet.set_landscape();
    for (column, width) in (0u16..).zip([26.0, 14.0, 20.0, 30.0, 14.0, 46.0]) {
        sheet.set_column_width(column, width)?;
    }
    let mut row = 0u32;
    sheet.write_string_with_format(row, 0, &report.title, &f.title)?;
    sheet.write_string_with_format(row + 1, 0, &report.period, &f.title)?;
    row += 2;
    for (name, value) in edition.seal() {
        sheet.write_string(row, 0, name)?;
        sheet.write_string(row, 1, value)?;
        row += 1;
    }
    let changes = edition.changes.iter();
    for line in report.head.iter().chain(changes).chain(&report.barred) {
        sheet.write_string(row, 0, line)?;
        row += 1;
    }
    let form = sheet::form(edition);
    for (cells, nth) in form.iter().zip(0u32..) {
        for (cell, column) in cells.iter().zip(0u16..) {
            let format = match nth {
                0 | 1 => &f.title,
                2 => &f.head,
                _ if cell.is_empty() => &f.form,
                _ => &f.text,
            };
            sheet.write_string_with_format(row, column, cell, format)?;
        }
        row += 1;
    }
    let hint = lang.pick(
        "確認日・確認者（職員番号）・確認方法（全件・抽出・聞取り）・確認結果（異常なし・要確認・事案）・措置を記入し、このファイルをそのまま返送すること。他の欄を書き換えると受け付けられない。",
        "Fill in date, staff number, method (all, sample, hearing), result (normal, check, incident), measures, and return this file. Other cells must stay as they are.",
    );
    sheet.write_string(row + 1, 0, hint)?;
    sheet.set_freeze_panes(2, 0)?;
    sheet.set_print_area(0, 0, row + 1, 5)?;
    sheet.set_repeat_rows(0, 1)?;
    Ok(())
}

fn put_table(
    edition: &Edition,
    (part, table): (u8, &Table),
    sheet: &mut Worksheet,
    f: &Formats,
) -> Result<(), XlsxError> {
    page(edition, sheet);
    if 6 < table.columns.len() {
        sheet.set_landscape();
    }
    sheet.write_string_with_format(0, 0, format!("{part} {}", table.title), &f.title)?;
    for (column, n) in table.columns.iter().zip(0u16..) {
        sheet.set_column_width(n, (f64::from(column.width) * UNIT).max(10.0))?;
        sheet.write_string_with_format(1, n, &column.title, &f.head)?;
    }
    let mut row = 2u32;
    for cells in &table.rows {
        for (cell, n) in cells.iter().zip(0u16..) {
            put_cell(sheet, (row, n), cell, edition.lang(), f)?;
        }
        row += 1;
    }
    let last = u16::try_from(table.columns.len()).unwrap_or(1).max(1) - 1;
    let keys = u16::try_from(table.keys.min(3)).unwrap_or(0);
    sheet.set_freeze_panes(2, keys)?;
    sheet.set_repeat_rows(0, 1)?;
    sheet.set_print_area(0, 0, row.max(3) - 1, last)?;
    Ok(())
}

fn put_cell(sheet: &mut Worksheet, at: (u32, u16), cell: &Cell, lang: Lang, f: &Formats) -> Result<(), XlsxError> {
    let (row, column) = at;
    match cell {
        Cell::Text(text) => sheet.write_string_with_format(row, column, text, &f.text)?,
        Cell::Count(n) => match exact(*n) {
            Some(n) => sheet.write_number_with_format(row, column, n, &f.number)?,
            None => sheet.write_string_with_format(row, column, n.to_string(), &f.text)?,
        },
        Cell::Permille(n) => {
            let share = f64::from(i32::try_from(*n).unwrap_or(i32::MAX)) / 1_000.0;
            sheet.write_number_with_format(row, column, share, &f.percent)?
        }
        Cell::Day(day) => {
            let date = Day(*day).date();
            let year = u16::try_from(date.year).unwrap_or(1_900);
            let day = ExcelDateTime::from_ymd(year, date.month, date.day)?;
            sheet.write_datetime_with_format(row, column, day, &f.day)?
        }
        Cell::Time(micros) => {
            let at = Jst::from(WallTime::from_micros(*micros));
            let date = at.day.date();
            let year = u16::try_from(date.year).unwrap_or(1_900);
            let (hour, minute) = (at.hour(), at.minute());
            let small = |n: u32| u8::try_from(n).unwrap_or(0);
            let time = ExcelDateTime::from_ymd(year, date.month, date.day)?.and_hms(
                u16::from(small(hour)),
                small(minute),
                f64::from(at.second()),
            )?;
            sheet.write_datetime_with_format(row, column, time, &f.time)?
        }
        Cell::Unknown => sheet.write_string_with_format(row, column, lang.pick("不明", "unknown"), &f.text)?,
        Cell::None => sheet.write_string_with_format(row, column, "", &f.text)?,
        Cell::Blank => sheet.write_string_with_format(row, column, "", &f.form)?,
    };
    Ok(())
}

/// A number a spreadsheet holds exactly; beyond 15 digits it would round.
fn exact(n: u64) -> Option<f64> {
    let (high, low) = (n / 1_000_000_000, n % 1_000_000_000);
    let part = |n: u64| u32::try_from(n).ok().map(f64::from);
    (n < 1_000_000_000_000_000).then(|| Some(part(high)? * 1e9 + part(low)?))?
}
