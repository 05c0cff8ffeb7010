//! `sekimori alert`: what is open, and what named people did about it.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::out::Out;
use super::{Failure, config_arg, json, json_arg, load};
use crate::alert::text::{describe, one_line};
use crate::alert::{AlertFacts, ClosedAs};
use crate::calendar::{Jst, day_of};
use crate::clock::{Clock, EventTime, SystemClock};
use crate::config::Config;
use crate::pipeline::Teller;
use crate::store::{AlertFilter, Store, StoredAlert};
use crate::text::{Lang, inert};

/// Longest reason kept, in characters.
const REASON_CHARS_MAX: usize = 400;

pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let number = || {
        Arg::new("number")
            .value_name("NUMBER")
            .required(true)
            .help(t("警告番号（A-2026-000001）", "number (A-2026-000001)"))
    };
    let by = || {
        Arg::new("by")
            .long("by")
            .value_name("STAFF")
            .required(true)
            .help(t("登録する人の職員番号", "staff number of who does it"))
    };
    let reason = || {
        Arg::new("reason")
            .long("reason")
            .value_name("TEXT")
            .required(true)
            .help(t("理由", "why"))
    };
    let outcome = Arg::new("as")
        .long("as")
        .value_name("OUTCOME")
        .required(true)
        .value_parser(ClosedAs::ALL.map(ClosedAs::as_str))
        .help(t(
            "判断：legitimate 正当、false-alarm 誤検知、incident 事案",
            "legitimate, false-alarm or incident",
        ));
    Command::new("alert")
        .about(t("警告の一覧・確認・終了", "alerts: list, show, acknowledge, close"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(config_arg(lang))
        .subcommand(
            Command::new("list")
                .about(t("警告を一覧します", "lists alerts"))
                .arg(json_arg(lang))
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .help(t("終了した警告も表示します", "closed ones too")),
                ),
        )
        .subcommand(
            Command::new("show")
                .about(t("警告を詳しく表示します", "shows one alert"))
                .arg(json_arg(lang))
                .arg(number()),
        )
        .subcommand(
            Command::new("ack")
                .about(t("確認（認知）を登録します", "takes notice of an alert"))
                .arg(number())
                .arg(by())
                .arg(reason()),
        )
        .subcommand(
            Command::new("close")
                .about(t("判断と理由を添えて終了します", "closes an alert with an outcome"))
                .arg(number())
                .arg(by())
                .arg(reason())
                .arg(outcome),
        )
        .subcommand(
            Command::new("reopen")
                .about(t("終了した警告を再開します", "opens a closed alert again"))
                .arg(number())
                .arg(by())
                .arg(reason()),
        )
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let Some((what, args)) = args.subcommand() else {
        return Ok(());
    };
    match what {
        "list" => list(&config, args, out),
        "show" => show(&config, args, out),
        _ => turn(&config, what, args, out),
    }
}

fn facts(store: &Store, teller: &Teller, stored: &StoredAlert) -> Result<AlertFacts, Failure> {
    let mut facts = teller.facts(stored, store.who(stored.alert.who)?, store.evidence(stored.alert.id)?);
    for reason in store.reasons(stored.alert.id)? {
        facts.reasons.push(teller.facts(&reason, None, Vec::new()));
    }
    Ok(facts)
}

fn list(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let teller = Teller::for_console(config, &store)?;
    let filter = AlertFilter {
        open_only: !args.get_flag("all"),
        leads_only: true,
        max: None,
    };
    for stored in store.alerts(filter)? {
        let facts = facts(&store, &teller, &stored)?;
        if args.get_flag("json") {
            out.line(&json::alert(&stored, &facts).to_string())?;
        } else {
            out.line(&one_line(&named_by_worst(config, facts), out.lang()))?;
        }
    }
    Ok(())
}

/// The alert as people were told of it: in the words of its worst reason, under the number of the one that leads.
fn named_by_worst(config: &Config, facts: AlertFacts) -> AlertFacts {
    let severity = facts.alert.severity;
    let own = config.rules.iter().find(|rule| rule.id == facts.alert.rule);
    if own.is_none_or(|rule| severity <= rule.severity) {
        return facts;
    }
    let worst = facts.reasons.iter().find(|reason| reason.alert.severity == severity);
    match worst.cloned() {
        Some(mut worst) => {
            worst.alert.number.clone_from(&facts.alert.number);
            worst.alert.state = facts.alert.state;
            (worst.person, worst.section) = (facts.person, facts.section);
            worst
        }
        None => facts,
    }
}

fn show(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let teller = Teller::for_console(config, &store)?;
    let stored = store.alert(args.get_one::<String>("number").map_or("", String::as_str))?;
    let facts = facts(&store, &teller, &stored)?;
    if args.get_flag("json") {
        return Ok(out.line(&json::alert(&stored, &facts).to_string())?);
    }
    out.line(describe(&facts, out.lang()).trim_end())?;
    if 0 < stored.register {
        let version = stored.register;
        out.line(&match out.lang() {
            Lang::Ja => format!("権限台帳：版 {version}（sekimori account list --versions）"),
            Lang::En => format!("account register: version {version} (sekimori account list --versions)"),
        })?;
    }
    for step in store.steps(stored.alert.id)? {
        let by = if step.by.is_empty() {
            "sekimori".to_owned()
        } else {
            inert(&step.by, 40)
        };
        let word = match (out.lang(), step.step.as_str()) {
            (Lang::Ja, "detected") => "検知",
            (Lang::Ja, "mailed") => "送信",
            (Lang::Ja, "acknowledged") => "認知",
            (Lang::Ja, "closed") => "終了",
            (Lang::Ja, "reopened") => "再開",
            (_, other) => other,
        };
        out.line(&format!(
            "{}  {word}  {by}  {}",
            Jst::from(step.at).iso(),
            inert(&step.reason, REASON_CHARS_MAX)
        ))?;
    }
    Ok(())
}

fn turn(config: &Config, what: &str, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let text = |name: &str| {
        args.get_one::<String>(name)
            .map_or("", String::as_str)
            .trim()
            .to_owned()
    };
    let (number, by, reason) = (text("number"), text("by"), inert(text("reason"), REASON_CHARS_MAX));
    if reason.is_empty() {
        return Err(Failure::Failed(
            out.pick("理由を書いてください", "give a reason").to_owned(),
        ));
    }
    if !Store::open_read(&config.store)?.path().exists() {
        return Ok(());
    }
    let (register, _) = super::in_force(config)?;
    let now = SystemClock.now();
    if !register.is_in_force(&by, day_of(EventTime::from_micros(now.micros()))) {
        let why = out.pick(
            "はアカウント台帳にない職員番号です",
            " is no staff number of the register",
        );
        return Err(Failure::Failed(format!("{}{why}", inert(&by, 40))));
    }
    let mut store = Store::open(&config.store)?;
    let done = match what {
        "ack" => store
            .acknowledge(&number, &by, &reason, now)
            .map(|()| ("を確認済みにしました", "acknowledged")),
        "close" => {
            let word = text("as");
            let outcome = ClosedAs::ALL
                .into_iter()
                .find(|o| o.as_str() == word)
                .unwrap_or(ClosedAs::FalseAlarm);
            store
                .close_alert(&number, &by, outcome, &reason, now)
                .map(|()| ("を終了しました", "closed"))
        }
        _ => store
            .reopen(&number, &by, &reason, now)
            .map(|()| ("を再開しました", "reopened")),
    }?;
    let number = inert(&number, 40);
    out.line(&match out.lang() {
        Lang::Ja => format!("{number} {}", done.0),
        Lang::En => format!("{number} {}", done.1),
    })?;
    Ok(())
}
