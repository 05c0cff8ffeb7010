//! `sekimori formats`: which formats there are, what each wants of its source, with a sample; and which one a file is in.

use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use regex::bytes::{Regex, RegexBuilder};

use super::out::Out;
use super::parse::Records;
use super::{Failure, json_arg};
use crate::parse::{Definition, Format, FormatSettings, FormatState, Parsed, catalogue};
use crate::source::Decoder;
use crate::text::framing::Framing;
use crate::text::{Encoding, Lang, inert, say};

/// Formats written in the program: name, title in Japanese and English, a line.
const BUILT_IN: [(&str, &str, &str, &str); 6] = [
    (
        "combined",
        "nginx・Apache の combined（仮想ホストつきも）",
        "nginx and Apache, combined (also behind a virtual host)",
        r#"10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] "GET /juminzei/1 HTTP/1.1" 200 1234 "-" "Mozilla/5.0""#,
    ),
    (
        "common",
        "nginx・Apache の common",
        "nginx and Apache, common",
        r#"10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] "GET /juminzei/1 HTTP/1.1" 200 1234"#,
    ),
    (
        "vhost_combined",
        "Apache の vhost_combined",
        "Apache, vhost_combined",
        r#"portal.example.jp:443 10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] "GET /juminzei/1 HTTP/1.1" 200 1234 "-" "Mozilla/5.0""#,
    ),
    (
        "json",
        "JSON Lines（よくある項目名で読む）",
        "JSON lines, by the usual names",
        r#"{"time":"2026-11-21T09:05:07+09:00","user":"012345","remote_addr":"10.0.4.9","method":"GET","uri":"/juminzei/1"}"#,
    ),
    (
        "csv",
        "見出しつき CSV（日本語の列名も）",
        "CSV with a header, Japanese names too",
        "操作日時,職員番号,業務名,操作区分,件数",
    ),
    (
        "tsv",
        "見出しつきタブ区切り",
        "tab separated with a header",
        "time\tuser\tresource",
    ),
];

pub(super) fn command(lang: Lang) -> Command {
    Command::new("formats")
        .about(lang.pick(
            "読める書式の一覧、または一つの書式の説明と例を表示します",
            "lists the formats, or explains one with samples",
        ))
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .help(lang.pick("書式の名前", "name of a format")),
        )
        .arg(json_arg(lang))
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let lang = out.lang();
    if let Some(name) = args.get_one::<String>("name") {
        return one(name, out);
    }
    for (name, ja, en, _) in BUILT_IN {
        line(out, args, name, lang.pick(ja, en), "web")?;
    }
    for definition in catalogue::all() {
        line(out, args, definition.name(), definition.title(lang), definition.group())?;
    }
    Ok(())
}

fn line(out: &mut Out, args: &ArgMatches, name: &str, title: &str, group: &str) -> Result<(), Failure> {
    if args.get_flag("json") {
        let object = serde_json::json!({ "name": name, "title": title, "group": group });
        return Ok(out.line(&object.to_string())?);
    }
    Ok(out.line(&format!("{name:<20} {title}"))?)
}

fn one(name: &str, out: &mut Out) -> Result<(), Failure> {
    let lang = out.lang();
    if let Some((_, ja, en, sample)) = BUILT_IN.iter().find(|(known, ..)| *known == name) {
        out.line(lang.pick(ja, en))?;
        return Ok(out.line(sample)?);
    }
    let FormatSettings::Defined(definition, _) = named(name)? else {
        return Ok(out.line(name)?);
    };
    out.line(definition.title(lang))?;
    if !definition.aliases().is_empty() {
        let word = out.pick("別名: ", "also called: ").to_owned();
        out.line(&format!("{word}{}", definition.aliases().join(", ")))?;
    }
    out.line("")?;
    out.line(definition.note(lang))?;
    if let Some(sample) = definition.sample() {
        out.line("")?;
        out.line(sample.trim())?;
    }
    Ok(())
}

/// The format called `name`, or the definition in the file of that path.
pub(super) fn named(name: &str) -> Result<FormatSettings, Failure> {
    if name.ends_with(".toml") {
        let path = Path::new(name);
        let named = |e: &dyn std::fmt::Display| Failure::Failed(format!("{}: {e}", path.display()));
        let text = std::fs::read_to_string(path).map_err(Failure::at(path))?;
        let definition = Definition::read(&text).map_err(|e| named(&e))?;
        return Ok(FormatSettings::Defined(definition, None));
    }
    Format::from_name(name).ok_or_else(|| {
        let name = inert(name, 40);
        Failure::Usage(say!(
            "書式 {name} はありません。一覧は sekimori formats で、自作の定義はパスで指定してください（./{name}.toml）。",
            "there is no format {name}; `sekimori formats` lists them, and a definition of your own is named by its path, ./{name}.toml"
        ))
    })
}

/// Below this a format reads little of a file.
const POOR: u32 = 420;

/// Records of a file that are looked at to tell its format.
const LOOKED_AT: usize = 120;

/// How well a format fits a file.
#[derive(Debug)]
pub(super) struct Fit {
    /// The format's name.
    pub(super) name: String,
    /// Between 0 and 1000; the best one is first.
    pub(super) score: u32,
}

/// Every format that reads something of the file, best first.
pub(super) fn detect(path: &Path, encoding: Encoding) -> Result<Vec<Fit>, Failure> {
    let mut candidates: Vec<(String, FormatSettings, Option<Definition>)> = Vec::new();
    for (name, ..) in BUILT_IN {
        candidates.extend(Format::from_name(name).map(|settings| (name.to_owned(), settings, None)));
    }
    for definition in catalogue::all() {
        let settings = FormatSettings::Defined(definition.clone(), None);
        candidates.push((definition.name().to_owned(), settings, Some(definition)));
    }
    let mut fits = Vec::new();
    for (name, settings, definition) in candidates {
        let score = fit(path, encoding, &settings, definition.as_ref())?;
        if 0 < score {
            fits.push(Fit { name, score });
        }
    }
    fits.sort_by_key(|fit| std::cmp::Reverse(fit.score));
    Ok(fits)
}

/// What shows the format in a record: a text, or a pattern between slashes.
fn signs(definition: Option<&Definition>) -> Vec<Regex> {
    let signs = definition.map(Definition::signs).unwrap_or_default();
    let pattern = |sign: &String| match sign.strip_prefix('/').and_then(|s| s.strip_suffix('/')) {
        Some(pattern) => pattern.to_owned(),
        None => regex::escape(sign),
    };
    let build = |pattern: String| RegexBuilder::new(&pattern).unicode(false).build().ok();
    signs.iter().map(pattern).filter_map(build).collect()
}

/// What share of the records is read, weighed by how much each says and by the signs the format leaves.
fn fit(
    path: &Path,
    encoding: Encoding,
    settings: &FormatSettings,
    definition: Option<&Definition>,
) -> Result<u32, Failure> {
    let Ok(format) = Format::compile(settings) else {
        return Ok(0);
    };
    let mut records = Records::open(path, settings.framing(), encoding)?;
    let mut decoder = Decoder::new(records.encoding);
    let mut state = FormatState::default();
    if let Some(written) = records.written {
        state.read_at(written);
    }
    let signs = signs(definition);
    let (mut seen, mut said, mut signed, mut several) = (0_u32, 0_u32, 0_u32, false);
    while let Some((_, bytes)) = records.next()? {
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let text = decoder.decode(bytes).text;
        several |= text.trim_ascii().contains(&b'\n');
        signed += u32::from(signs.iter().any(|sign| sign.is_match(text.trim_ascii_end())));
        seen += 1;
        if let Parsed::Record(record) = format.parse(text, &mut state) {
            let fields = [
                record.time.is_some(),
                record.user.is_some(),
                record.source.is_some(),
                record.operation.is_some(),
                record.resource.is_some(),
                record.status.is_some(),
                record.bytes.is_some() || record.rows.is_some(),
                record.outcome.is_some(),
                record.user_agent.is_some(),
            ];
            // Half for being read, half for what it says.
            said += 500 + fields.iter().filter(|field| **field).map(|_| 55).sum::<u32>();
        }
        if LOOKED_AT <= usize::try_from(seen).unwrap_or(usize::MAX) {
            break;
        }
    }
    // What reads nothing out of a file does not fit it.
    if said == 0 {
        return Ok(0);
    }
    let mut score = said / seen;
    if !signs.is_empty() {
        score = if signed == 0 {
            score / 4
        } else {
            score + 300 * signed / seen
        };
    }
    // Records of several lines that a format of single lines would tear apart.
    if several
        && matches!(
            settings.framing(),
            Framing::Begins(..) | Framing::Same(..) | Framing::Xml(_)
        )
    {
        score += 60;
    }
    // What reads anything says least about what it reads.
    if definition.is_some_and(|d| d.group() == "generic" && signs.is_empty())
        || matches!(settings, FormatSettings::Json(_))
    {
        score = score * 3 / 5;
    }
    Ok(score)
}

/// What is proposed for a file, in words.
pub(super) fn proposal(fits: &[Fit], encoding: Encoding, lang: Lang) -> Option<String> {
    let best = fits.first()?;
    let others: Vec<&str> = fits.iter().skip(1).take(2).map(|fit| fit.name.as_str()).collect();
    let name = inert(best.name.as_bytes(), 60);
    let mut said = match lang {
        Lang::Ja => format!("書式: {name}"),
        Lang::En => format!("format: {name}"),
    };
    if !others.is_empty() {
        said.push_str(&match lang {
            Lang::Ja => format!("（次の候補: {}）", others.join(", ")),
            Lang::En => format!(" (next: {})", others.join(", ")),
        });
    }
    if encoding != Encoding::Utf8 {
        said.push_str(&format!("  encoding = \"{}\"", encoding.as_str()));
    }
    if best.score < POOR {
        said.push_str(lang.pick(
            "\nよく合う書式ではありません。docs/formats.md「定義の書き方」の要領で定義を書き、--format ./名前.toml で試してください。",
            "\nNone fits well. Write a definition (docs/formats.md says how) and try it with --format ./name.toml.",
        ));
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Formats whose lines are those of another one as well, which is as good a name for them.
    const SAME: [(&str, &str); 2] = [("tomcat", "combined"), ("upsun", "fastly")];

    #[test]
    fn the_samples_of_every_format_are_recognised_as_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut wrong = Vec::new();
        for definition in catalogue::all() {
            let path = folder.path().join(definition.name());
            let lines: Vec<&str> = definition.sample_lines().map(str::trim).collect();
            std::fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
            let fits = detect(&path, Encoding::Utf8).unwrap();
            let best = fits.first().map_or("nothing", |fit| &fit.name);
            let same = SAME.contains(&(definition.name(), best));
            if best != definition.name() && !same {
                wrong.push(format!("{} is taken for {best}", definition.name()));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
