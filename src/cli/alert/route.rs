//! `sekimori alert route`: who was told of an alert, and who would be told when if nobody answered.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::facts;
use crate::alert::ladder::{Hop, Told};
use crate::alert::text::hop_line;
use crate::alert::{AlertFacts, AlertState};
use crate::calendar::rfc3339;
use crate::cli::out::Out;
use crate::cli::{Failure, in_force, json_arg};
use crate::clock::{Clock, SystemClock, WallTime};
use crate::config::Config;
use crate::pipeline::Teller;
use crate::store::Store;
use crate::text::Lang;

pub(super) fn command(lang: Lang, number: Arg) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    Command::new("route")
        .about(t(
            "誰にいつ通知したか、確認がなければ次に誰にいつ通知するかを示します（通知はしません）",
            "who was told of an alert, and who would be told when if nobody answered; tells nobody",
        ))
        .arg(json_arg(lang))
        .arg(number)
        .arg(Arg::new("at").long("at").value_name("TIME").help(t(
            "この時刻（2026-11-21T14:03:27+09:00）に発生したものとして示します",
            "as if it were raised at that time (2026-11-21T14:03:27+09:00)",
        )))
}

pub(super) fn run(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let (register, _) = in_force(config)?;
    let teller = Teller::for_console(config, &store)?;
    teller.set_register(std::sync::Arc::new(register));
    let stored = store.alert(args.get_one::<String>("number").map_or("", String::as_str))?;
    let alert = stored.alert.id;
    let (_, shown) = facts(&store, &teller, &stored)?;
    let at = args.get_one::<String>("at").map(|text| moment(text, out)).transpose()?;
    let now = at.unwrap_or_else(|| SystemClock.now());
    let (past, told): (Vec<Hop>, Vec<Told>) = match at {
        Some(_) => (Vec::new(), Vec::new()),
        None => (
            store.hops(alert)?,
            store.ladder(alert)?.map(|row| row.told).unwrap_or_default(),
        ),
    };
    let answered = at.is_none() && stored.alert.state != AlertState::Open;
    let to_come = match answered {
        true => Vec::new(),
        false => teller.foresee(&shown, &told, now),
    };
    let always = teller.always(&shown, now);
    if args.get_flag("json") {
        let value = as_json(&shown, &always, [&past, &to_come]);
        return Ok(out.line(&value.to_string())?);
    }
    human(out, &always, &past, &to_come, answered)
}

/// A moment as people write it, JST where no zone is given.
fn moment(text: &str, out: &Out) -> Result<WallTime, Failure> {
    let read = crate::parse::time::any(text.as_bytes(), 9 * 3_600);
    read.map(|at| WallTime::from_micros(at.micros())).ok_or_else(|| {
        let why = out.pick(
            "--at は 2026-11-21T14:03:27+09:00 のように書いてください",
            "write --at as 2026-11-21T14:03:27+09:00",
        );
        Failure::Failed(why.to_owned())
    })
}

fn human(out: &mut Out, always: &[String], past: &[Hop], to_come: &[Hop], answered: bool) -> Result<(), Failure> {
    let lang = out.lang();
    let word = out.pick("すべての警告の宛先", "gets every alert");
    out.line(&format!("{word}  {}", always.join(", ")))?;
    for (heading, hops) in [
        (lang.pick("これまで", "so far"), past),
        (
            lang.pick("今後（確認の登録がない場合）", "to come, if nobody answers"),
            to_come,
        ),
    ] {
        if hops.is_empty() {
            continue;
        }
        out.line(heading)?;
        for hop in hops {
            let to = match hop.addresses.is_empty() {
                true => String::new(),
                false => format!("  {}", hop.addresses.join(", ")),
            };
            out.line(&format!("  {}{to}", hop_line(hop, lang)))?;
        }
    }
    if answered {
        out.line(lang.pick(
            "確認済みのため、次の方への通知はありません。",
            "It was answered for: nobody else is told.",
        ))?;
    } else if past.is_empty() && to_come.is_empty() {
        out.line(lang.pick(
            "次に通知する方がいません。設定の sections（[[post]]）か [escalation] duty に書いてください。",
            "Nobody is next. Name posts in the files of sections, or escalation.duty.",
        ))?;
    }
    Ok(())
}

fn as_json(facts: &AlertFacts, always: &[String], hops: [&[Hop]; 2]) -> Value {
    let list = |hops: &[Hop]| hops.iter().map(hop).collect::<Vec<_>>();
    let [past, to_come] = hops;
    json!({
        "number": facts.alert.number,
        "severity": facts.alert.severity.as_str(),
        "always": always,
        "told": list(past),
        "to_come": list(to_come),
    })
}

/// One hop, as machines read it.
pub(super) fn hop(hop: &Hop) -> Value {
    json!({
        "at": rfc3339(hop.at.micros()),
        "level": hop.level,
        "place": hop.place.as_str(),
        "person": (!hop.person.is_empty()).then_some(hop.person.as_str()),
        "addresses": hop.addresses,
        "told": !hop.why.is_passed_over(),
        "why": hop.why.as_str(),
        "waited_secs": hop.why.wait().map(|wait| wait.as_secs()),
    })
}
