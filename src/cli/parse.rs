//! `sekimori parse`: lines of a file as the format understands them.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::out::Out;
use super::{Failure, formats, json_arg};
use crate::calendar::rfc3339;
use crate::clock::EventTime;
use crate::parse::{Format, FormatState, Parsed, Record, json};
use crate::source::{Decoder, open_whole};
use crate::text::framing::{Framing, lines_of};
use crate::text::{Encoding, Lang, inert, say};

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
                .required_unless_present("detect")
                .help(lang.pick(
                    "書式の名前（sekimori formats で一覧）、定義ファイル ./my.toml、nginx:書式 / apache:書式、auto",
                    "name of a format (see sekimori formats), a definition ./my.toml, nginx:FORMAT / apache:FORMAT, or auto",
                )),
        )
        .arg(
            Arg::new("detect")
                .long("detect")
                .action(ArgAction::SetTrue)
                .help(lang.pick(
                    "書式を推定し、最初の数件を表示します",
                    "proposes the format and shows the first accesses",
                )),
        )
        .arg(
            Arg::new("encoding")
                .long("encoding")
                .value_name("ENCODING")
                .help(lang.pick(
                    "文字コード（utf-8, cp932, euc-jp, iso-2022-jp, utf-16le, utf-16be）。省くと推定します",
                    "encoding (utf-8, cp932, euc-jp, iso-2022-jp, utf-16le, utf-16be); guessed if left out",
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
    let Some(path) = args.get_one::<PathBuf>("file") else {
        return Ok(());
    };
    let encoding = match args.get_one::<String>("encoding") {
        Some(word) => Encoding::from_word(word).ok_or_else(|| {
            let word = inert(word, 40);
            Failure::Usage(say!(
                "文字コード {word} はありません。utf-8, cp932, euc-jp, iso-2022-jp, utf-16le, utf-16be のどれかを書いてください。",
                "there is no encoding {word}; write utf-8, cp932, euc-jp, iso-2022-jp, utf-16le or utf-16be"
            ))
        })?,
        None => guess(path)?,
    };
    let name = args.get_one::<String>("format").map_or("auto", String::as_str);
    let detect = args.get_flag("detect");
    let mut left = if detect { SHOWN } else { usize::MAX };
    let settings = if detect || name == "auto" {
        let fits = formats::detect(path, encoding)?;
        let said = formats::proposal(&fits, encoding, out.lang());
        let unknown = out.pick("どの書式にも当てはまりません", "no format fits");
        let said = said.ok_or_else(|| Failure::Failed(format!("{}: {unknown}", path.display())))?;
        if detect && args.get_flag("json") {
            let best = fits.first().map_or("", |fit| &fit.name);
            return Ok(out.line(&serde_json::json!({ "format": best, "encoding": encoding.as_str() }).to_string())?);
        }
        if detect {
            out.line(&said)?;
        } else {
            out.error(&said);
        }
        formats::named(fits.first().map_or("", |fit| &fit.name))?
    } else {
        formats::named(name)?
    };
    let format = Format::compile(&settings).map_err(|e| Failure::Failed(e.to_string()))?;
    let mut state = FormatState::default();
    let mut records = Records::open(path, settings.framing(), encoding)?;
    if let Some(written) = records.written {
        state.read_at(written);
    }
    let mut decoder = Decoder::new(records.encoding);
    let mut text = Vec::new();
    while let Some((number, bytes)) = records.next()? {
        let decoded = decoder.decode(bytes);
        let parsed = format.parse(decoded.text, &mut state);
        if detect {
            if let Parsed::Record(_) = &parsed {
                out.line(&human(number, &parsed))?;
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        } else if args.get_flag("json") {
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

/// Accesses shown where the format was guessed.
const SHOWN: usize = 5;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// The encoding of a file, by its first bytes.
fn guess(path: &Path) -> Result<Encoding, Failure> {
    let named = Failure::at(path);
    let mut bytes = Vec::new();
    let mut first = open_whole(path).map_err(&named)?.take(CHUNK as u64);
    first.read_to_end(&mut bytes).map_err(&named)?;
    Ok(Encoding::guess(&bytes))
}

/// Records of a file by its framing, each with the number of its first line.
pub(super) struct Records {
    file: Box<dyn Read + Send>,
    framing: Framing,
    bytes: Vec<u8>,
    /// Where the next record begins in `bytes`.
    from: usize,
    ended: bool,
    line: u64,
    /// The encoding of the records given.
    pub(super) encoding: Encoding,
    /// When the file was last written to.
    pub(super) written: Option<EventTime>,
}

impl Records {
    /// Opens a file, packed or not. Records are cut before they are decoded, but for UTF-16, where a byte is no character.
    pub(super) fn open(path: &Path, framing: Framing, encoding: Encoding) -> Result<Records, Failure> {
        let named = Failure::at(path);
        let mut file = open_whole(path).map_err(&named)?;
        let mut left = encoding;
        if matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be) {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(&named)?;
            let text = Decoder::new(encoding).decode(&bytes).text.to_vec();
            (file, left) = (Box::new(std::io::Cursor::new(text)), Encoding::Utf8);
        }
        let written = std::fs::metadata(path).and_then(|m| m.modified()).map_err(&named)?;
        let written = written.duration_since(std::time::UNIX_EPOCH).ok();
        let written = written.and_then(|at| i64::try_from(at.as_micros()).ok());
        Ok(Records {
            file,
            framing,
            bytes: Vec::new(),
            from: 0,
            ended: false,
            line: 1,
            encoding: left,
            written: written.map(EventTime::from_micros),
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, Failure> {
        let len = loop {
            let rest = self.bytes.get(self.from..).unwrap_or_default();
            if let Some(len) = self.framing.end(rest, self.ended) {
                break len;
            }
            if self.ended {
                return Ok(None);
            }
            self.bytes.drain(..self.from);
            self.from = 0;
            let mut limited = (&mut self.file).take(CHUNK as u64);
            self.ended = limited.read_to_end(&mut self.bytes)? == 0;
        };
        let record = self.bytes.get(self.from..self.from + len).unwrap_or_default();
        self.from += len;
        // The number is that of the line the record itself begins in.
        let blank = record.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let before = lines(record.get(..blank).unwrap_or_default());
        let number = if blank == record.len() {
            self.line
        } else {
            self.line + before
        };
        self.line += lines(record);
        Ok(Some((number, record)))
    }
}

fn lines(bytes: &[u8]) -> u64 {
    u64::try_from(lines_of(bytes)).unwrap_or(u64::MAX)
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
        ("class", r.class.map(|c| c.as_str().to_owned())),
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
