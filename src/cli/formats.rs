//! `sekimori formats`: which formats there are, what each wants of its source, with a sample; and the definition itself, to be
//! changed.

use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::out::Out;
use super::{Failure, json_arg};
use crate::parse::{Definition, Format, FormatSettings, catalogue};
use crate::text::{Lang, inert, say};

/// Formats written in the program: name, title in Japanese and English, a line.
pub(super) const BUILT_IN: [(&str, &str, &str, &str); 6] = [
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
        .arg(
            Arg::new("toml")
                .long("toml")
                .action(ArgAction::SetTrue)
                .requires("name")
                .help(lang.pick(
                    "定義ファイルの内容を表示します（formats/名前.toml に置いて直せます）",
                    "prints the definition, to be kept as formats/NAME.toml and changed",
                )),
        )
        .arg(json_arg(lang))
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let lang = out.lang();
    if let Some(name) = args.get_one::<String>("name") {
        return match args.get_flag("toml") {
            true => toml(name, out),
            false => one(name, out),
        };
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

/// The text of a definition.
fn toml(name: &str, out: &mut Out) -> Result<(), Failure> {
    match named(name)? {
        FormatSettings::Defined(definition, _) => Ok(out.line(definition.text().trim_end())?),
        _ => Err(built_in(name)),
    }
}

fn built_in(name: &str) -> Failure {
    let name = inert(name, 40);
    Failure::Usage(say!(
        "書式 {name} はプログラムに組み込まれていて、定義ファイルはありません。",
        "the format {name} is written in the program and has no definition"
    ))
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
