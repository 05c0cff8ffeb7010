//! What was found, as a table that office programs open without harm, or as lines of JSON with the proof of each record.
//!
//! Text of a log may hold formulas: a cell that would begin one begins with an apostrophe. The JSON is one object a line:
//! `export` (who checks it needs the checkpoint in it), `segment` (entry and its way to the checkpoint, before the first
//! record of each), `record` (its lines and the way of each to the root of its segment), `end`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::scope::{Asked, Named};
use crate::access::{Amount, Outcome};
use crate::calendar::rfc3339;
use crate::clock::WallTime;
use crate::evidence::{Levels, base64, hex, verify};
use crate::pipeline::{Hit, Looked};
use crate::text::{Lang, inert};

/// Longest cell, in characters.
const CELL_CHARS_MAX: usize = 4_000;

/// A way to write what was found.
pub(super) trait Rows {
    /// Before the first record.
    fn begin(&mut self, to: &mut dyn Write) -> io::Result<()>;
    /// A record.
    fn record(&mut self, hit: &Hit<'_>, named: &Named, to: &mut dyn Write) -> io::Result<()>;
    /// Behind the last one.
    fn end(&mut self, looked: &Looked, to: &mut dyn Write) -> io::Result<()>;
}

/// The fields of a record, by name; text as it may be shown.
fn fields(hit: &Hit<'_>, named: &Named) -> [(&'static str, Value); 11] {
    let text = |value: Option<&[u8]>| value.map_or(Value::Null, |v| inert(v, CELL_CHARS_MAX).into());
    let amount = |amount: Option<Amount>| match amount {
        Some(Amount::Known(n)) => n.into(),
        _ => Value::Null,
    };
    let (record, access) = (hit.record, hit.access);
    let time = record.and_then(|r| r.time).map(|t| rfc3339(t.micros()));
    let outcome = access.map(|a| {
        if a.outcome == Outcome::Success {
            "success"
        } else {
            "failure"
        }
    });
    let operation = match access {
        Some(access) => access.operation.as_str().into(),
        None => text(record.and_then(|r| r.operation.as_deref())),
    };
    [
        ("time", time.map_or(Value::Null, Value::from)),
        ("account", text(record.and_then(|r| r.user.as_deref()))),
        (
            "person",
            access
                .and_then(|a| named.person(a.who))
                .map_or(Value::Null, Value::from),
        ),
        (
            "dataset",
            access.map_or(Value::Null, |a| named.dataset(a.dataset).0.into()),
        ),
        ("operation", operation),
        ("outcome", outcome.map_or(Value::Null, Value::from)),
        ("records", amount(access.map(|a| a.records))),
        ("bytes", amount(access.map(|a| a.bytes))),
        ("address", text(record.and_then(|r| r.source.as_deref()))),
        ("resource", text(record.and_then(|r| r.resource.as_deref()))),
        ("unread", hit.why.map_or(Value::Null, |why| why.as_str().into())),
    ]
}

/// A table: CSV (RFC 4180) in UTF-8 with a byte order mark.
pub(super) struct Csv(pub Lang);

const HEADS: [(&str, &str); 15] = [
    ("時刻", "time"),
    ("利用者ID", "account"),
    ("職員番号", "person"),
    ("情報資産", "dataset"),
    ("情報資産名", "dataset title"),
    ("操作", "operation"),
    ("結果", "outcome"),
    ("件数", "records"),
    ("バイト", "bytes"),
    ("接続元", "address"),
    ("対象", "resource"),
    ("解釈できない理由", "unread"),
    ("ログ源", "source"),
    ("区画", "segment"),
    ("行", "line"),
];

impl Rows for Csv {
    fn begin(&mut self, to: &mut dyn Write) -> io::Result<()> {
        let heads = HEADS.map(|(ja, en)| self.0.pick(ja, en).to_owned());
        to.write_all("\u{feff}".as_bytes())?;
        to.write_all(row(&heads).as_bytes())
    }

    fn record(&mut self, hit: &Hit<'_>, named: &Named, to: &mut dyn Write) -> io::Result<()> {
        let title = hit.access.map_or("", |access| named.dataset(access.dataset).1);
        let mut cells: Vec<String> = Vec::with_capacity(HEADS.len());
        for (name, value) in fields(hit, named) {
            let said = match (name, hit.access) {
                ("operation", Some(access)) => self.0.pick(access.operation.ja(), access.operation.as_str()).to_owned(),
                ("outcome", Some(access)) if access.outcome == Outcome::Success => {
                    self.0.pick("成功", "success").to_owned()
                }
                ("outcome", Some(_)) => self.0.pick("失敗", "failure").to_owned(),
                _ => match value {
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    other => other.to_string(),
                },
            };
            cells.push(said);
            if name == "dataset" {
                cells.push(title.to_owned());
            }
        }
        cells.push(hit.segment.entry.text("src").to_owned());
        cells.push(hit.segment.n.to_string());
        cells.push(hit.line.to_string());
        to.write_all(row(&cells).as_bytes())
    }

    fn end(&mut self, _looked: &Looked, _to: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// One row, with its line end.
fn row(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell that is never taken for a formula, in quotes where it needs them.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let cell = format!("{}{cell}", if formula { "'" } else { "" });
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

/// Lines of JSON with proofs.
pub(super) struct Json<'a> {
    log: &'a verify::ReadLog,
    tree: Levels,
    head: Value,
    /// The segment the last record stood in.
    of: Option<u64>,
}

impl<'a> Json<'a> {
    pub fn new(log: &'a verify::ReadLog, asked: &Asked, (entry, now): (u64, WallTime)) -> Json<'a> {
        let size = log.head.as_ref().map(|head| head.size);
        Json {
            log,
            tree: Levels::of(log.leaves.clone()),
            head: json!({
                "t": "export", "at": rfc3339(now.micros()), "kind": asked.kind, "entry": entry,
                "checkpoint": log.note, "size": size,
            }),
            of: None,
        }
    }
}

impl Rows for Json<'_> {
    fn begin(&mut self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "{}", self.head)
    }

    fn record(&mut self, hit: &Hit<'_>, named: &Named, to: &mut dyn Write) -> io::Result<()> {
        if self.of != Some(hit.segment.n) {
            let at = usize::try_from(hit.segment.index).unwrap_or(usize::MAX);
            let segment = json!({
                "t": "segment", "n": hit.segment.n, "entry": hit.segment.entry.line(),
                "entry_index": hit.segment.index, "log_path": path(&self.tree, at),
                "segment_leaves": hit.tree.size(),
            });
            writeln!(to, "{segment}")?;
            self.of = Some(hit.segment.n);
        }
        let lines: Vec<Value> = hit
            .lines
            .iter()
            .zip(hit.line..)
            .map(|(line, at)| json!({"line": base64(line), "line_index": at, "segment_path": path(hit.tree, at)}))
            .collect();
        let mut object =
            json!({"t": "record", "n": hit.segment.n, "src": hit.segment.entry.text("src"), "lines": lines});
        if let Some(object) = object.as_object_mut() {
            let all = fields(hit, named);
            object.extend(all.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        writeln!(to, "{object}")
    }

    fn end(&mut self, looked: &Looked, to: &mut dyn Write) -> io::Result<()> {
        let unusable: Vec<u64> = looked.unusable.iter().map(|(n, _)| *n).collect();
        let end = json!({
            "t": "end", "records": looked.found, "segments": looked.segments, "opened": looked.opened,
            "passed_by_index": looked.passed, "missing": looked.missing, "unusable": unusable,
            "gaps": looked.gaps, "unread_lines": looked.unread, "complete": looked.complete(),
            "entries": self.log.entries.len(),
        });
        writeln!(to, "{end}")
    }
}

fn path(tree: &Levels, at: usize) -> Vec<String> {
    tree.path(at).unwrap_or_default().iter().map(|hash| hex(hash)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula() {
        for cell in ["=1+1", "+81", "-2", "@SUM(A1)", "\tx", "＝HYPERLINK(1)"] {
            assert!(quoted(cell).trim_start_matches('"').starts_with('\''), "{cell}");
        }
        assert_eq!(quoted("a\"b,c\n"), "\"a\"\"b,c\n\"");
        assert_eq!(quoted("012345"), "012345");
    }
}
