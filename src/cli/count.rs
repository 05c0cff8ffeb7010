//! `sekimori count`: reads the book.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value};

use super::out::Out;
use super::{Failure, config_arg, day, json_arg, load};
use crate::access::Operation;
use crate::calendar::Day;
use crate::store::{CountBy, CountRow, Store};
use crate::text::{Lang, columns, inert, number, say};

const NAMES: [&str; 6] = [
    "accesses",
    "records",
    "records_unknown",
    "bytes",
    "bytes_unknown",
    "denied",
];

pub(super) fn command(lang: Lang) -> Command {
    let day = |name: &'static str, help: &'static str| Arg::new(name).long(name).value_name("DATE").help(help);
    Command::new("count")
        .about(lang.pick("集計を表示します", "reads the counters"))
        .arg(config_arg(lang))
        .arg(json_arg(lang))
        .arg(
            Arg::new("by")
                .long("by")
                .value_name("KEYS")
                .default_value("person,dataset,operation,day")
                .help(lang.pick(
                    "集計の単位：person, dataset, operation, day をコンマで区切って指定します",
                    "keys, separated by commas: person, dataset, operation, day",
                )),
        )
        .arg(day(
            "from",
            lang.pick(
                "この日から（2026-11-21, R8.11.21 など）",
                "from this day (2026-11-21, R8.11.21)",
            ),
        ))
        .arg(day("to", lang.pick("この日まで", "to this day")))
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let by = keys(args.get_one::<String>("by").map_or("", String::as_str))?;
    let from = day(args, "from")?.map_or(i32::MIN, |day| day.0);
    let to = day(args, "to")?.map_or(i32::MAX, |day| day.0);
    let store = Store::open_read(&config.store)?;
    let rows = store.counts(by, from, to)?;
    if args.get_flag("json") {
        for row in &rows {
            out.line(&Value::Object(object(by, row)).to_string())?;
        }
        return Ok(());
    }
    table(by, &rows, out)
}

fn keys(text: &str) -> Result<CountBy, Failure> {
    let mut by = CountBy::default();
    for key in text.split(',').map(str::trim).filter(|k| !k.is_empty()) {
        match key {
            "person" => by.person = true,
            "dataset" => by.dataset = true,
            "operation" => by.operation = true,
            "day" => by.day = true,
            other => {
                let other = inert(other, 40);
                return Err(Failure::Usage(say!(
                    "--by: {other} は使えません。person, dataset, operation, day から書いてください。",
                    "--by: {other} is unknown; write person, dataset, operation, day"
                )));
            }
        }
    }
    Ok(by)
}

fn operation(row: &CountRow) -> &'static str {
    row.operation
        .and_then(Operation::from_number)
        .map_or("", Operation::as_str)
}

fn object(by: CountBy, row: &CountRow) -> Map<String, Value> {
    let mut object = Map::new();
    if by.day {
        object.insert("day".into(), row.day.map(|d| Day(d).iso()).into());
    }
    if by.person {
        object.insert("person".into(), row.who.clone().into());
        object.insert("registered".into(), row.registered.into());
    }
    if by.dataset {
        object.insert("dataset".into(), row.dataset.clone().into());
    }
    if by.operation {
        object.insert("operation".into(), operation(row).into());
    }
    for (name, amount) in NAMES.into_iter().zip(row.amounts) {
        object.insert(name.into(), amount.into());
    }
    object
}

fn table(by: CountBy, rows: &[CountRow], out: &mut Out) -> Result<(), Failure> {
    let (ja, en) = (
        [
            "日",
            "利用者",
            "情報資産",
            "操作",
            "回数",
            "件数",
            "件数不明",
            "バイト",
            "バイト不明",
            "拒否・失敗",
        ],
        [
            "day",
            "person",
            "dataset",
            "operation",
            "accesses",
            "records",
            "unknown",
            "bytes",
            "unknown",
            "denied",
        ],
    );
    let head = if out.lang() == Lang::Ja { ja } else { en };
    let shown = [
        by.day,
        by.person,
        by.dataset,
        by.operation,
        true,
        true,
        true,
        true,
        true,
        true,
    ];
    let mut lines: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        let mut line = vec![
            row.day.map(|d| Day(d).iso()).unwrap_or_default(),
            row.who.as_deref().map(|w| inert(w, 40)).unwrap_or_default(),
            row.dataset.clone().unwrap_or_default(),
            operation(row).to_owned(),
        ];
        line.extend(row.amounts.map(number));
        lines.push(line);
    }
    let widths: Vec<usize> = (0..shown.len())
        .map(|i| {
            lines
                .iter()
                .filter_map(|l| l.get(i))
                .map(|c| columns(c))
                .max()
                .unwrap_or(0)
        })
        .collect();
    for line in &lines {
        let mut text = String::new();
        for (i, ((cell, width), shown)) in line.iter().zip(&widths).zip(shown).enumerate() {
            if shown {
                let fill = " ".repeat(width.saturating_sub(columns(cell)));
                let (before, after) = if i < 4 {
                    ("", fill.as_str())
                } else {
                    (fill.as_str(), "")
                };
                text.push_str(before);
                text.push_str(cell);
                text.push_str(after);
                text.push_str("  ");
            }
        }
        out.line(text.trim_end())?;
    }
    Ok(())
}
