//! `sekimori parse`: lines of a file as the format understands them.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use super::out::Out;
use super::{Failure, json_arg};
use crate::calendar::rfc3339;
use crate::parse::{Format, FormatState, Parsed, Record, json};
use crate::source::Decoder;
use crate::text::{Encoding, Lang, inert};

pub(super) fn command(lang: Lang) -> Command {
    Command::new("parse")
        .about(lang.pick(
            "記録の行を書式に従って解釈し、表示します",
            "shows what a format makes of the lines of a file",
        ))
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .required(true)
                .help(lang.pick(
                    "common, combined, vhost_combined, json, csv, または nginx:書式 / apache:書式",
                    "common, combined, vhost_combined, json, csv, or nginx:FORMAT / apache:FORMAT",
                )),
        )
        .arg(
            Arg::new("encoding")
                .long("encoding")
                .value_name("ENCODING")
                .default_value("utf-8")
                .help(lang.pick(
                    "文字コード（utf-8, cp932, euc-jp, iso-2022-jp）",
                    "encoding (utf-8, cp932, euc-jp, iso-2022-jp)",
                )),
        )
        .arg(json_arg(lang))
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf)),
        )
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let name = args.get_one::<String>("format").map_or("", String::as_str);
    let settings = Format::from_name(name).ok_or_else(|| {
        Failure::Failed(format!(
            "there is no format {name}; there are common, combined, vhost_combined, json, csv, nginx:…, apache:…"
        ))
    })?;
    let format = Format::compile(&settings).map_err(|e| Failure::Failed(e.to_string()))?;
    let word = args.get_one::<String>("encoding").map_or("utf-8", String::as_str);
    let encoding = Encoding::from_word(word).ok_or_else(|| {
        Failure::Failed(format!(
            "there is no encoding {word}; write utf-8, cp932, euc-jp or iso-2022-jp"
        ))
    })?;
    let Some(path) = args.get_one::<PathBuf>("file") else {
        return Ok(());
    };
    let file = std::fs::File::open(path).map_err(|e| Failure::Failed(format!("{}: {e}", path.display())))?;
    let mut lines = Lines {
        file: BufReader::with_capacity(1 << 20, file),
        line: Vec::new(),
        number: 0,
        quoted: name == "csv",
    };
    let mut decoder = Decoder::new(encoding);
    let mut state = FormatState::default();
    let mut text = Vec::new();
    while let Some((number, bytes)) = lines.next()? {
        let decoded = decoder.decode(bytes);
        let parsed = format.parse(decoded.text, &mut state);
        if args.get_flag("json") {
            if parsed != Parsed::Nothing {
                text.clear();
                json::write_record(&mut text, number, &parsed);
                out.bytes(text.trim_ascii_end())?;
                out.bytes(b"\n")?;
            }
        } else {
            out.line(&human(number, &parsed))?;
        }
    }
    Ok(())
}

/// Records of a file; a CSV record may go on over several lines.
struct Lines {
    file: BufReader<std::fs::File>,
    line: Vec<u8>,
    number: u64,
    quoted: bool,
}

impl Lines {
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, Failure> {
        self.line.clear();
        let first = self.number + 1;
        loop {
            let n = self.file.read_until(b'\n', &mut self.line)?;
            if n == 0 {
                break;
            }
            self.number += 1;
            if !self.quoted || self.line.iter().filter(|b| **b == b'"').count().is_multiple_of(2) {
                break;
            }
        }
        if self.line.is_empty() {
            return Ok(None);
        }
        Ok(Some((first, self.line.strip_suffix(b"\n").unwrap_or(&self.line))))
    }
}

fn human(number: u64, parsed: &Parsed<'_>) -> String {
    match parsed {
        Parsed::Nothing => format!("{number}: -"),
        Parsed::Reject(why) => format!("{number}: reject {}", why.as_str()),
        Parsed::Record(r) => format!("{number}: {}", fields(r)),
    }
}

fn fields(r: &Record<'_>) -> String {
    let text = |v: &Option<std::borrow::Cow<'_, [u8]>>| v.as_ref().map(|v| inert(v.as_ref(), 120));
    let number = |v: Option<u64>| v.map(|v| v.to_string());
    let all = [
        ("time", r.time.map(|t| rfc3339(t.micros()))),
        ("user", text(&r.user)),
        ("source", text(&r.source)),
        ("operation", text(&r.operation)),
        ("resource", text(&r.resource)),
        ("status", number(r.status.map(u64::from))),
        ("bytes", number(r.bytes)),
        ("rows", number(r.rows)),
        ("outcome", r.outcome.map(|o| o.as_str().to_owned())),
        ("user_agent", text(&r.user_agent)),
        ("subject", r.subject.as_ref().map(|_| "(hashed)".to_owned())),
    ];
    let said = all
        .into_iter()
        .filter_map(|(name, value)| value.map(|v| format!("{name}={v}")));
    said.collect::<Vec<_>>().join("  ")
}
