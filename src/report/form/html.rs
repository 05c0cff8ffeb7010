//! HTML for paper: one page that needs nothing else, A4 upright, heads of tables on every sheet.
//!
//! Every text is escaped; there is no script, and no other address is asked for anything (the policy in the head says so
//! to the browser, too).

use std::fmt::Write as _;

use super::{FormError, chart, short_day, shown};
use crate::report::Edition;
use crate::report::doc::{Block, Cell, Table};
use crate::text::{Lang, number};

const STYLE: &str = include_str!("report.css");

/// `text` where HTML would read it as text, in and outside of attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Appends formatted text; writing to a String cannot fail.
macro_rules! put {
    ($out:expr, $($what:tt)*) => { write!($out, $($what)*).unwrap_or_default() };
}

pub(super) fn draw(edition: &Edition) -> Result<String, FormError> {
    let (report, lang) = (&edition.report, edition.lang());
    let mut out = String::with_capacity(64 * 1_024);
    let whole = format!("{} {}", report.title, report.period);
    put!(
        out,
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}@page {{ @bottom-left {{ content: \"{} {}\"; }} }}\n</style>\n</head>\n<body>\n",
        lang.pick("ja", "en"),
        escape(&whole),
        edition.number,
        lang.pick("取扱注意", "confidential"),
    );
    first_page(edition, &mut out);
    for part in &report.parts {
        put!(out, "<section>\n<h2>{}　{}</h2>\n", part.number, escape(&part.title));
        for block in &part.blocks {
            draw_block(block, lang, &mut out)?;
        }
        out.push_str("</section>\n");
    }
    signatures(edition, &mut out);
    out.push_str("</body>\n</html>\n");
    Ok(out)
}

fn first_page(edition: &Edition, out: &mut String) {
    let (report, lang) = (&edition.report, edition.lang());
    let made = short_day(edition.made_day(), lang);
    put!(
        out,
        "<header>\n<p class=\"right\">{}{}　{}{made}</p>\n<p class=\"right\">{}</p>\n<h1>{}<br>{}</h1>\n",
        lang.pick("文書番号：", "No. "),
        escape(&edition.number),
        lang.pick("作成：", "made "),
        escape(&report.agency),
        escape(&report.title),
        escape(&report.period),
    );
    for line in &report.head {
        put!(out, "<p class=\"head\">{}</p>\n", escape(line));
    }
    let version = match lang {
        Lang::Ja => format!("第{}版", edition.version),
        Lang::En => format!("version {}", edition.version),
    };
    put!(
        out,
        "<table class=\"seal\"><tr><th>{}</th><td>{version}</td></tr><tr><th>{}</th><td class=\"hash\">{}</td></tr>\
         <tr><th>{}</th><td class=\"hash\">{} / {}</td></tr><tr><th>{}</th><td>{}</td></tr></table>\n",
        lang.pick("版", "Version"),
        lang.pick("内容のSHA-256", "SHA-256 of the content"),
        edition.sha256,
        lang.pick("証跡台帳の先頭（件数／根）", "Head of the ledger (size / root)"),
        number(edition.ledger_size),
        edition.ledger_root,
        lang.pick("確認期限", "To be confirmed by"),
        escape(lang.pick(&edition.due.wareki_weekday(), &edition.due.iso())),
    );
    if 1 < edition.version {
        put!(
            out,
            "<div class=\"changes\"><p><strong>{}</strong></p><ul>",
            lang.pick(
                "本書は前の版の後に到着した記録又は処置により改められた。前の版も保存されている。変更点：",
                "This version replaces an earlier one, which is kept: records or outcomes came in later. Changes:",
            )
        );
        for change in &edition.changes {
            put!(out, "<li>{}</li>", escape(change));
        }
        out.push_str("</ul></div>\n");
    }
    out.push_str("</header>\n");
}

fn draw_block(block: &Block, lang: Lang, out: &mut String) -> Result<(), FormError> {
    match block {
        Block::Text(text) => put!(out, "<p>{}</p>\n", escape(text)),
        Block::Warning(text) => {
            let mark = lang.pick("【注意】", "Warning: ");
            put!(out, "<p class=\"warning\">{mark}{}</p>\n", escape(text));
        }
        Block::Note(text) => put!(out, "<p class=\"note\">{}</p>\n", escape(text)),
        Block::Table(table) => draw_table(table, lang, out),
        Block::Chart(of) => {
            put!(
                out,
                "<figure>\n<figcaption>{}（{}）</figcaption>\n",
                escape(&of.title),
                escape(&of.unit)
            );
            out.push_str(&chart::svg(of)?);
            out.push_str("</figure>\n");
        }
    }
    Ok(())
}

fn draw_table(table: &Table, lang: Lang, out: &mut String) {
    let total: u32 = table.columns.iter().map(|c| u32::from(c.width)).sum::<u32>().max(1);
    let class = if 10 < table.columns.len() {
        " class=\"dense\""
    } else {
        ""
    };
    put!(
        out,
        "<table{class} id=\"{}\">\n<caption>{}</caption>\n<colgroup>",
        table.id,
        escape(&table.title)
    );
    for column in &table.columns {
        put!(out, "<col style=\"width:{}%\">", u32::from(column.width) * 100 / total);
    }
    out.push_str("</colgroup>\n<thead><tr>");
    for column in &table.columns {
        put!(out, "<th>{}</th>", escape(&column.title));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        let blank = row.contains(&Cell::Blank);
        out.push_str(if blank { "<tr class=\"form\">" } else { "<tr>" });
        for cell in row {
            let class = match cell {
                Cell::Count(_) | Cell::Permille(_) | Cell::Unknown | Cell::None => " class=\"n\"",
                _ => "",
            };
            put!(out, "<td{class}>{}</td>", escape(&shown(cell, lang)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
}

/// 確認欄.
fn signatures(edition: &Edition, out: &mut String) {
    let lang = edition.lang();
    put!(
        out,
        "<section class=\"sign\">\n<h2>{}</h2>\n<table id=\"reviews\">\n<thead><tr>",
        lang.pick("確認欄", "Confirmed by")
    );
    for head in edition.sign_heads() {
        put!(out, "<th>{head}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in edition.sign_rows() {
        out.push_str("<tr class=\"sign\">");
        for cell in row {
            put!(out, "<td>{}</td>", escape(&shown(&cell, lang)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
    let hint = match lang {
        Lang::Ja => format!(
            "確認結果の登録：sekimori report sign {} --by 職員番号 --method 抽出 --result 要確認 --measures 措置　又は、返送用のCSV・XLSXに記入して sekimori report sign --sheet ファイル。前順位の者が確認した後に確認する。表10に掲げる者は確認できない。",
            edition.number
        ),
        Lang::En => format!(
            "To register: sekimori report sign {} --by NUMBER --method sample --result check --measures TEXT, or fill in the CSV or XLSX and sekimori report sign --sheet FILE. Each signs behind the one before; nobody who stands in table 10 does.",
            edition.number
        ),
    };
    put!(out, "<p class=\"note\">{}</p>\n</section>\n", escape(&hint));
}
