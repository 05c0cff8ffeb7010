//! `sekimori alert`: what is open, and what named people did about it.

pub(super) mod act;
mod route;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::out::Out;
use super::{Failure, config_arg, json, json_arg, load};
use crate::alert::AlertFacts;
use crate::alert::text::{describe, hop_line, one_line};
use crate::calendar::Jst;
use crate::config::Config;
use crate::pipeline::Teller;
use crate::store::{AlertFilter, Store, StoredAlert, Times};
use crate::text::{Lang, inert};

pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let number = || {
        Arg::new("number")
            .value_name("NUMBER")
            .required(true)
            .help(t("警告番号（A-2026-000001）", "number (A-2026-000001)"))
    };
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
        .subcommand(route::command(lang, number()))
        .subcommands(act::commands(lang, &number))
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let Some((what, args)) = args.subcommand() else {
        return Ok(());
    };
    match what {
        "list" => list(&config, args, out),
        "show" => show(&config, args, out),
        "route" => route::run(&config, args, out),
        _ => act::run(&config, what, args, out),
    }
}

/// An alert as people are told of it: in the words of the reason that stands out most, under the number and life of the
/// one that leads, with the others beside it.
pub(super) fn facts(
    store: &Store,
    teller: &Teller,
    stored: &StoredAlert,
) -> Result<(StoredAlert, AlertFacts), Failure> {
    let mut all = vec![stored.clone()];
    all.extend(store.reasons(stored.alert.id)?);
    let (shown, others) = match teller.shown(all.clone()) {
        Some(shown) => shown,
        // All of it is held by exceptions.
        None => (stored.clone(), all.split_off(1)),
    };
    let mut facts = teller.facts(&shown, store.who(shown.alert.who)?, store.evidence(shown.alert.id)?);
    facts.reasons = others.iter().map(|one| teller.facts(one, None, Vec::new())).collect();
    Ok((shown, facts))
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
        let (shown, facts) = facts(&store, &teller, &stored)?;
        if args.get_flag("json") {
            out.line(&json::alert(&shown, &facts).to_string())?;
        } else {
            out.line(&one_line(&facts, out.lang()))?;
        }
    }
    Ok(())
}

fn show(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let teller = Teller::for_console(config, &store)?;
    let stored = store.alert(args.get_one::<String>("number").map_or("", String::as_str))?;
    let (shown, facts) = facts(&store, &teller, &stored)?;
    if args.get_flag("json") {
        let mut value = json::alert(&shown, &facts);
        json::life(
            &mut value,
            &store.times(stored.alert.id)?,
            &store.steps(stored.alert.id)?,
        );
        if let Some(members) = value.as_object_mut() {
            let hops = store.hops(stored.alert.id)?;
            members.insert("route".into(), hops.iter().map(route::hop).collect());
        }
        return Ok(out.line(&value.to_string())?);
    }
    out.line(describe(&facts, out.lang()).trim_end())?;
    times(&stored, &store.times(stored.alert.id)?, out)?;
    if 0 < stored.register {
        let version = stored.register;
        out.line(&match out.lang() {
            Lang::Ja => format!("権限台帳：版 {version}（sekimori account list --versions）"),
            Lang::En => format!("account register: version {version} (sekimori account list --versions)"),
        })?;
    }
    let mut hops = store.hops(stored.alert.id)?.into_iter();
    for step in store.steps(stored.alert.id)? {
        if matches!(step.step.as_str(), "told" | "passed-over")
            && let Some(hop) = hops.next()
        {
            out.line(&hop_line(&hop, out.lang()))?;
            continue;
        }
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
            (Lang::Ja, "assigned") => "担当",
            (Lang::Ja, "commented") => "経過",
            (Lang::Ja, "excepted") => "例外",
            (_, other) => other,
        };
        out.line(&format!(
            "{}  {word}  {by}  {}",
            Jst::from(step.at).iso(),
            inert(&step.reason, act::REASON_CHARS_MAX)
        ))?;
    }
    Ok(())
}

/// 検知・送信・認知・処置: four times that are not the same.
fn times(stored: &StoredAlert, times: &Times, out: &mut Out) -> Result<(), Failure> {
    let lang = out.lang();
    let at = |at: crate::clock::WallTime| match lang {
        Lang::Ja => Jst::from(at).wareki(),
        Lang::En => Jst::from(at).iso(),
    };
    let by = |step: &Option<(crate::clock::WallTime, String)>| {
        let step = step.as_ref();
        step.map_or_else(
            || lang.pick("まだ", "not yet").to_owned(),
            |(when, by)| format!("{}  {}", at(*when), inert(by, 40)),
        )
    };
    let sent = times.sent.map_or_else(|| lang.pick("まだ", "not yet").to_owned(), at);
    let assignee = times.assignee.as_deref().map(|person| inert(person, 40));
    let rows = [
        (lang.pick("検知", "noticed"), at(stored.alert.detected_at)),
        (lang.pick("送信", "mailed"), sent),
        (lang.pick("認知", "known"), by(&times.known)),
        (lang.pick("処置", "dealt with"), by(&times.dealt_with)),
    ];
    for (word, value) in rows {
        out.line(&format!("{word}  {value}"))?;
    }
    if let Some(person) = assignee {
        out.line(&format!("{}  {person}", lang.pick("担当", "assigned to")))?;
    }
    Ok(())
}
