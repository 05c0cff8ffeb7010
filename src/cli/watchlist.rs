//! `sekimori watchlist`: lists of citizens that rules look for, imported as keyed hashes; the numbers stay nowhere.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use super::out::Out;
use super::{Failure, config_arg, load};
use crate::access::Subject;
use crate::calendar::{Jst, day_of};
use crate::clock::{Clock, EventTime, SystemClock};
use crate::detect::List;
use crate::service::setup;
use crate::store::Store;
use crate::text::{Lang, inert, number};

const REASON_CHARS_MAX: usize = 400;

pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let text = |name: &'static str, help: &'static str| Arg::new(name).long(name).required(true).help(help);
    let import = Command::new("import")
        .about(t(
            "一覧を置き換えます。番号は鍵付きハッシュにして、残しません",
            "replaces a list; numbers become keyed hashes and are not kept",
        ))
        .arg(
            Arg::new("list")
                .value_name("LIST")
                .required(true)
                .value_parser(["watch", "staff"])
                .help(t(
                    "watch: 注意を要する方（1行に宛名番号）　staff: 職員と世帯（職員番号,宛名番号）",
                    "watch: citizens to watch (one number a line); staff: staff and households (STAFF NO.,NUMBER)",
                )),
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(text("by", t("登録する方の職員番号", "staff number of who does it")))
        .arg(text("reason", t("理由", "why")));
    let show = Command::new("show").about(t(
        "取込みの履歴を表示します（内容は表示できません）",
        "shows the imports; their contents cannot be shown",
    ));
    Command::new("watchlist")
        .about(t("注意を要する方・職員の一覧", "lists of citizens that rules look for"))
        .arg(config_arg(lang))
        .subcommand_required(true)
        .subcommand(import)
        .subcommand(show)
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let Some((what, args)) = args.subcommand() else {
        return Ok(());
    };
    if what == "show" {
        for version in Store::open_read(&config.store)?.list_versions()? {
            let list = if version.list == List::Staff as u8 {
                "staff"
            } else {
                "watch"
            };
            let (by, reason) = (inert(&version.by, 40), inert(&version.reason, REASON_CHARS_MAX));
            let entries = number(version.entries);
            out.line(&format!(
                "{}  {list}  {entries}  {by}  {reason}",
                Jst::from(version.at).iso()
            ))?;
        }
        return Ok(());
    }
    let text = |name: &str| {
        args.get_one::<String>(name)
            .map_or("", String::as_str)
            .trim()
            .to_owned()
    };
    let (by, reason) = (text("by"), inert(text("reason"), REASON_CHARS_MAX));
    let list = if text("list") == "staff" {
        List::Staff
    } else {
        List::Watch
    };
    let now = SystemClock.now();
    let register = super::register(&config)?;
    if reason.is_empty() || !register.is_in_force(&by, day_of(EventTime::from_micros(now.micros()))) {
        let why = out.pick(
            "在職中の職員番号（--by）と理由（--reason）を書いてください",
            "give the staff number of somebody in office (--by) and a reason (--reason)",
        );
        return Err(Failure::Failed(why.to_owned()));
    }
    let path = args.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let bytes = std::fs::read(&path).map_err(Failure::at(&path))?;
    let mut store = Store::open(&config.store)?;
    let key = setup::subject_key(&config.subject_key, &mut store).map_err(|e| Failure::Failed(e.to_string()))?;
    let mut entries: Vec<(Subject, String)> = Vec::new();
    for (n, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (person, subject) = match (list, line.split_once(',')) {
            (List::Staff, Some((person, subject))) => (person.trim(), subject.trim()),
            (List::Watch, None) => ("", line),
            (List::Watch, Some((subject, _))) => ("", subject.trim()),
            (List::Staff, None) => ("", ""),
        };
        if subject.is_empty() {
            // Never the line itself: it may hold a citizen's number.
            let why = out.pick("職員番号,宛名番号 と書いてください", "write STAFF NO.,NUMBER");
            return Err(Failure::Failed(format!("{}:{}: {why}", path.display(), n + 1)));
        }
        entries.push((key.hash(subject.as_bytes()), person.to_owned()));
    }
    store.put_list(list, &entries, (&by, &reason), now)?;
    let n = number(u64::try_from(entries.len()).unwrap_or(0));
    out.line(&match out.lang() {
        Lang::Ja => format!(
            "{n}件を取り込みました。元のファイルは消去してください: {}",
            path.display()
        ),
        Lang::En => format!("{n} imported. Delete the file they came from: {}", path.display()),
    })?;
    Ok(())
}
