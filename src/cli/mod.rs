//! The command line: one file a subcommand.
//!
//! Human output by default, `--json` for machines with stable documented keys (docs/manual.md). Exit codes: 0 done,
//! 1 failed, 2 wrong usage, 75 the store is in use, 78 configuration.

mod account;
mod alert;
mod approval;
mod backup;
mod check;
mod count;
mod detect;
mod draw;
mod exception;
mod explain;
mod export;
mod failure;
mod formats;
mod heads;
mod health;
mod incident;
mod job;
mod json;
mod mail;
mod out;
mod parse;
mod prove;
mod replay;
mod report;
mod retain;
mod rules;
mod run;
mod status;
mod tune;
mod verify;
mod watchlist;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::calendar::{Day, parse_date};
use crate::config::{Config, Problems};
use crate::register::Register;
use crate::service::import;
use crate::store::Store;
use crate::text::{Lang, Say, inert, say};
use failure::Failure;
use out::Out;

/// Where the configuration stands unless `--config` says otherwise.
const CONFIG: &str = "/etc/sekimori/sekimori.toml";

/// An error with its causes.
fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(e) = cause {
        let why = e.to_string();
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        cause = e.source();
    }
    text
}

/// Runs the command line `args` (the program's name first).
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let lang = std::env::var("SEKIMORI_LANG")
        .ok()
        .and_then(|word| Lang::from_word(&word))
        .unwrap_or_default();
    let args: Vec<OsString> = args.into_iter().collect();
    let verifies = args.get(1).is_some_and(|word| word == "verify");
    let matches = match command(lang).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(e) => {
            // For `verify` 2 says that something could not be checked.
            let usage = if verifies { 3 } else { 2 };
            let code = if e.exit_code() == 0 { 0 } else { usage };
            // Nothing can be done about a closed terminal.
            drop(e.print());
            return ExitCode::from(code);
        }
    };
    let mut out = Out::new(lang);
    let done = dispatch(&matches, &mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(said) = failure.said(out.lang()) {
                out.error(&said);
            }
            drop(out.flush());
            ExitCode::from(failure.code())
        }
    }
}

fn dispatch(matches: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("run", args)) => run::run(args, out),
        Some(("check", args)) => check::run(args, out),
        Some(("replay", args)) => replay::run(args, out),
        Some(("explain", args)) => explain::run(args, out),
        Some(("rules", args)) => rules::run(args, out),
        Some(("tune", args)) => tune::run(args, out),
        Some(("draw", args)) => draw::run(args, out),
        Some(("watchlist", args)) => watchlist::run(args, out),
        Some(("parse", args)) => parse::run(args, out),
        Some(("formats", args)) => formats::run(args, out),
        Some(("count", args)) => count::run(args, out),
        Some(("status", args)) => status::run(args, out),
        Some(("alert", args)) => alert::run(args, out),
        Some(("incident", args)) => incident::run(args, out),
        Some(("account", args)) => account::run(args, out),
        Some(("exception", args)) => exception::run(args, out),
        Some(("job", args)) => job::run(args, out),
        Some(("report", args)) => report::run(args, out),
        Some(("mail", args)) => mail::run(args, out),
        Some(("verify", args)) => verify::run(args, out),
        Some(("prove", args)) => prove::run(args, out),
        Some(("retain", args)) => retain::run(args, out),
        Some(("backup", args)) => backup::run(args, out),
        Some(("restore", args)) => backup::restore(args, out),
        Some(("export", args)) => export::run(args, out),
        _ => Err(Failure::Usage(Say::new(
            "コマンドを指定してください。",
            "name a command",
        ))),
    }
}

fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    Command::new("sekimori")
        .version(env!("CARGO_PKG_VERSION"))
        .about(t(
            "関守：個人情報を扱うシステムのアクセス記録を監視し、集計し、警告します",
            "sekimori: watches, counts and alerts on access logs of systems that hold personal data",
        ))
        .after_help(t(
            "終了コード: 0 正常　1 失敗　2 使い方の誤り　75 使用中　78 設定の誤り\nEnglish: SEKIMORI_LANG=en sekimori --help",
            "Exit codes: 0 done, 1 failed, 2 usage, 75 store in use, 78 configuration\n日本語: SEKIMORI_LANG=ja",
        ))
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(run::command(lang))
        .subcommand(check::command(lang))
        .subcommand(replay::command(lang))
        .subcommand(explain::command(lang))
        .subcommand(rules::command(lang))
        .subcommand(tune::command(lang))
        .subcommand(draw::command(lang))
        .subcommand(watchlist::command(lang))
        .subcommand(parse::command(lang))
        .subcommand(formats::command(lang))
        .subcommand(count::command(lang))
        .subcommand(status::command(lang))
        .subcommand(alert::command(lang))
        .subcommand(incident::command(lang))
        .subcommand(account::command(lang))
        .subcommand(exception::command(lang))
        .subcommand(job::command(lang))
        .subcommand(report::command(lang))
        .subcommand(mail::command(lang))
        .subcommand(verify::command(lang))
        .subcommand(prove::command(lang))
        .subcommand(retain::command(lang))
        .subcommand(backup::command(lang))
        .subcommand(backup::restore_command(lang))
        .subcommand(export::command(lang))
}

fn config_arg(lang: Lang) -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .default_value(CONFIG)
        .global(true)
        .help(lang.pick("設定ファイル", "configuration file"))
}

fn json_arg(lang: Lang) -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help(lang.pick("1行1件のJSONで出力します", "print one JSON object a line"))
}

fn config_path(args: &ArgMatches) -> PathBuf {
    args.get_one::<PathBuf>("config")
        .cloned()
        .unwrap_or_else(|| CONFIG.into())
}

/// The day called `name`, where it is given.
fn day(args: &ArgMatches, name: &str) -> Result<Option<Day>, Failure> {
    let Some(given) = args.get_one::<String>(name) else {
        return Ok(None);
    };
    parse_date(given).map(Some).ok_or_else(|| {
        let given = inert(given, 40);
        Failure::Usage(say!(
            "--{name}: {given} は日付ではありません。2026-11-21 か R8.11.21 のように書いてください。",
            "--{name}: {given} is no date; write 2026-11-21 or R8.11.21"
        ))
    })
}

/// Loads the configuration; from here on the console speaks its language.
fn load(args: &ArgMatches, out: &mut Out) -> Result<(Config, Problems), Failure> {
    let path = config_path(args);
    match crate::config::load(&path) {
        Ok(loaded) => {
            out.speak(loaded.config.lang);
            Ok((loaded.config, loaded.warnings))
        }
        Err(problems) => Err(Failure::Config(rendered(&problems, out))),
    }
}

/// The register in force, with its version (0: none is kept yet, this is the file).
fn in_force(config: &Config) -> Result<(Register, i64), Failure> {
    if config.store.exists() {
        let store = Store::open_read(&config.store)?;
        if let Some(version) = store.register_version()? {
            let register = import::of_version(&store, &config.accounts, version.id);
            return Ok((register.map_err(|e| Failure::Failed(e.to_string()))?, version.id));
        }
    }
    Ok((register(config)?, 0))
}

/// The register as the file holds it now.
fn register(config: &Config) -> Result<Register, Failure> {
    let named = |why| Failure::Config(format!("{}: {why}", config.accounts.path.display()));
    let offer = import::read(&config.accounts, &config.accounts.path).map_err(named)?;
    Ok(offer.reading.register)
}

fn rendered(problems: &Problems, out: &Out) -> String {
    problems.render(out.lang()).trim_end().to_owned()
}
