//! `sekimori parse`: lines of a file as the format understands them.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::out::Out;
use super::{Failure, detect, formats, json_arg};
use crate::access::Outcome;
use crate::calendar::Jst;
use crate::clock::EventTime;
use crate::parse::{Format, FormatState, Parsed, Record, json};
use crate::source::{Decoder, open_whole};
use crate::text::framing::{Framing, json_start, lines_of};
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
    let shown = args.get_flag("detect");
    let mut left = if shown { SHOWN } else { usize::MAX };
    let settings = if shown || name == "auto" {
        let fits = detect::detect(path, encoding)?;
        let said = detect::proposal(&fits, encoding, out.lang());
        let unknown = out.pick("どの書式にも当てはまりません", "no format fits");
        let said = said.ok_or_else(|| Failure::Failed(format!("{}: {unknown}", path.display())))?;
        if shown && args.get_flag("json") {
            let best = fits.first().map_or("", |fit| &fit.name);
            return Ok(out.line(&serde_json::json!({ "format": best, "encoding": encoding.as_str() }).to_string())?);
        }
        if shown {
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
        if shown {
            if let Parsed::Record(_) = &parsed {
                out.line(&human(number, &parsed, out.lang()))?;
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
            out.line(&human(number, &parsed, out.lang()))?;
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
        let blank = match &self.framing {
            Framing::Json(inside) => record.len() - json_start(record, inside).len(),
            _ => record.iter().take_while(|b| b.is_ascii_whitespace()).count(),
        };
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

/// A line as people read it.
pub(super) fn human(number: u64, parsed: &Parsed<'_>, lang: Lang) -> String {
    let said = match (parsed, lang) {
        (Parsed::Nothing, Lang::Ja) => "記録ではありません（見出し、注釈、空行など）".to_owned(),
        (Parsed::Nothing, Lang::En) => "no record (a header, a comment, an empty line)".to_owned(),
        (Parsed::Reject(why), Lang::Ja) => format!("解釈できません（{}）", why.ja()),
        (Parsed::Reject(why), Lang::En) => format!("cannot be read: {}", why.as_str()),
        (Parsed::Record(r), _) => fields(r, lang),
    };
    match lang {
        Lang::Ja => format!("{number}行目  {said}"),
        Lang::En => format!("line {number}  {said}"),
    }
}

/// What a record says, each with its name; a citizen's number never.
pub(super) fn fields(r: &Record<'_>, lang: Lang) -> String {
    let text = |v: &Option<std::borrow::Cow<'_, [u8]>>| v.as_ref().map(|v| inert(v.as_ref(), 120));
    let amount = |v: Option<u64>| v.map(crate::text::number);
    let time = r.time.map(|time| match lang {
        Lang::Ja => Jst::from(time).wareki(),
        Lang::En => Jst::from(time).iso(),
    });
    let class = r.class.map(|class| lang.pick(class.ja(), class.as_str()).to_owned());
    let outcome = r.outcome.map(|outcome| match outcome {
        Outcome::Success => lang.pick("成功", "success").to_owned(),
        Outcome::Failure => lang.pick("失敗", "failure").to_owned(),
    });
    let subject = r
        .subject
        .as_ref()
        .map(|_| lang.pick("あり（番号は表示しません）", "yes (not shown)").to_owned());
    let all = [
        ("日時", "time", time),
        ("利用者", "user", text(&r.user)),
        ("接続元", "source", text(&r.source)),
        ("操作", "operation", text(&r.operation)),
        ("区分", "class", class),
        ("対象", "resource", text(&r.resource)),
        ("状態", "status", r.status.map(|status| status.to_string())),
        ("バイト数", "bytes", amount(r.bytes)),
        ("件数", "rows", amount(r.rows)),
        ("結果", "outcome", outcome),
        ("利用ソフト", "user agent", text(&r.user_agent)),
        ("本人の番号", "citizen's number", subject),
    ];
    let said = all
        .into_iter()
        .filter_map(|(ja, en, value)| value.map(|v| format!("{} {v}", lang.pick(ja, en))));
    said.collect::<Vec<_>>().join(lang.pick("、", ", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::Why;

    #[test]
    fn what_people_read_of_a_line_is_in_their_language_and_names_no_citizen() {
        let header = "操作日時,職員番号,操作区分,業務名,宛名番号,件数,処理結果";
        let row = "2026/11/21 9:05:07,012345,照会,\u{1b}1234-5678-9018,0012345678,\"1,240件\",正常";
        let format = Format::compile(&Format::from_name("csv").unwrap()).unwrap();
        let mut state = FormatState::default();
        assert_eq!(format.parse(header.as_bytes(), &mut state), Parsed::Nothing);
        let parsed = format.parse(row.as_bytes(), &mut state);
        assert_eq!(
            human(2, &parsed, Lang::Ja),
            "2行目  日時 令和8年11月21日（土）09:05:07、利用者 012345、操作 照会、対象 \\u{1b}個人番号(マスク)、件数 1,240、結果 成功、\
             本人の番号 あり（番号は表示しません）"
        );
        assert_eq!(
            human(2, &parsed, Lang::En),
            "line 2  time 2026-11-21 09:05:07 JST, user 012345, operation 照会, resource \\u{1b}個人番号(マスク), rows 1,240, outcome \
             success, citizen's number yes (not shown)"
        );
        for why in Why::ALL {
            let said = human(3, &Parsed::Reject(why), Lang::Ja);
            assert!(!said.contains(why.as_str()), "{said}");
        }
    }
}
