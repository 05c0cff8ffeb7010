//! `sekimori run`: the daemon, or one pass over everything that is there.

use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::out::Out;
use super::{Failure, config_arg, load};
use crate::alert::notice;
use crate::alert::text::one_line;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::mail::TransportSettings;
use crate::pipeline::Pipeline;
use crate::service::{self, Ran, RunOptions};
use crate::store::{AlertFilter, StoredAlert};
use crate::text::{Lang, number};

pub(super) fn command(lang: Lang) -> Command {
    Command::new("run")
        .about(lang.pick("監視を開始します（常駐）", "watches: the daemon"))
        .arg(config_arg(lang))
        .arg(
            Arg::new("until-idle")
                .long("until-idle")
                .action(ArgAction::SetTrue)
                .help(lang.pick("すべて読み終えたら終了します", "ends when everything has been read")),
        )
        .arg(
            Arg::new("log")
                .long("log")
                .value_name("FORM")
                .value_parser(["text", "json"])
                .default_value("text")
                .help(lang.pick(
                    "動作記録の形式（標準エラー出力）",
                    "form of the program's own log (standard error)",
                )),
        )
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, warnings) = load(args, out)?;
    start_log(args.get_one::<String>("log").is_some_and(|form| form == "json"));
    for warning in &warnings.list {
        out.error(&warning.render(out.lang()));
    }
    if args.get_flag("until-idle") {
        let ran = service::run_until_idle(&config, &SystemClock)?;
        return report(&config, &ran, out);
    }
    let options = RunOptions {
        config: super::config_path(args),
        clock: Arc::new(SystemClock),
    };
    Ok(service::run(&options, config)?)
}

/// The program's own log: events on standard error, which journald takes. Fields are escaped, so that text of a
/// log cannot forge a line.
fn start_log(json: bool) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("SEKIMORI_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let started = if json { log.json().try_init() } else { log.try_init() };
    // A second start in one process (tests) keeps the first log.
    drop(started);
}

fn report(config: &Config, ran: &Ran, out: &mut Out) -> Result<(), Failure> {
    let lang = out.lang();
    let fresh: Vec<StoredAlert> = ran
        .pipeline
        .store()
        .alerts(AlertFilter {
            leads_only: true,
            ..AlertFilter::default()
        })?
        .into_iter()
        .rev()
        .filter(|s| ran.alerts.contains(&s.alert.id))
        .collect();
    let new = number(u64::try_from(fresh.len()).unwrap_or(0));
    out.line(&match lang {
        Lang::Ja => format!("読み取り {} 行　警告（新規・増加） {new} 件", number(ran.lines)),
        Lang::En => format!("{} lines read, {new} alerts new or grown", number(ran.lines)),
    })?;
    print_alerts(&ran.pipeline, &fresh, out)?;
    for source in ran.pipeline.store().sources()? {
        let [lines, _, accesses, _, rejects, ..] = source.amounts;
        let why: Vec<String> = source.rejects.iter().map(|(why, n)| format!("{why} {n}")).collect();
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(" ({})", why.join(", "))
        };
        out.line(&match lang {
            Lang::Ja => format!(
                "  {}：累計 {} 行、アクセス {} 件、解析不能 {} 行{why}",
                source.name,
                number(lines),
                number(accesses),
                number(rejects)
            ),
            Lang::En => format!(
                "  {}: {} lines in all, {} accesses, {} rejected{why}",
                source.name,
                number(lines),
                number(accesses),
                number(rejects)
            ),
        })?;
    }
    let to = match &config.mail.transport {
        TransportSettings::Folder(folder) => folder.display().to_string(),
        TransportSettings::Smtp { relay, .. } => format!("{}:{}", relay.host, relay.port),
    };
    out.line(&match lang {
        Lang::Ja => format!(
            "警告メール：送信 {} 件（宛先ごと）、送信待ち {} 件　→ {to}",
            number(ran.sent),
            number(ran.waiting)
        ),
        Lang::En => format!(
            "alert mails: {} sent (by recipient), {} waiting -> {to}",
            number(ran.sent),
            number(ran.waiting)
        ),
    })?;
    impaired(config, ran, out)
}

/// What keeps the watch from seeing everything; a source of which no file was ever found, too.
fn impaired(config: &Config, ran: &Ran, out: &mut Out) -> Result<(), Failure> {
    for (name, event) in &ran.events {
        out.error(&notice::one_line(name, event, out.lang()));
    }
    if let Some(why) = &ran.register_refused {
        out.error(why);
    }
    let store = ran.pipeline.store();
    for row in store.sources()? {
        let source = config.sources.iter().find(|s| s.read.name == row.name);
        let told = ran.events.iter().any(|(name, _)| *name == row.name);
        if let Some(source) = source.filter(|_| !told)
            && store.segments(row.id)?.is_empty()
        {
            let why = out.pick("該当するファイルがまだありません", "no file is there yet");
            out.error(&format!("{}: {why}: {}", row.name, source.read.paths.join(", ")));
        }
    }
    Ok(())
}

/// One line an alert.
pub(super) fn print_alerts(pipeline: &Pipeline, alerts: &[StoredAlert], out: &mut Out) -> Result<(), Failure> {
    for stored in alerts {
        let (_, facts) = super::alert::facts(pipeline.store(), pipeline.teller(), stored)?;
        out.line(&one_line(&facts, out.lang()))?;
    }
    Ok(())
}
