//! `sekimori mail test`: whether mails leave, by every configured way, and who got one.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::out::Out;
use super::{Failure, config_arg, json_arg, load};
use crate::clock::{Clock, SystemClock};
use crate::mail::Delivery;
use crate::service::trial::{Trial, everybody, try_mail};
use crate::store::{Journal, Store};
use crate::text::{Lang, inert};

/// Longest answer of a relay shown, in characters.
const ANSWER_CHARS_MAX: usize = 300;

pub(super) fn command(lang: Lang) -> Command {
    Command::new("mail")
        .about(lang.pick("通知メールの経路", "the way alerts take"))
        .subcommand_required(true)
        .subcommand(
            Command::new("test")
                .about(lang.pick(
                    "設定されたすべての経路で試験メールを送り、誰に届いたかを表示します",
                    "sends a test mail by every configured way and says who got it",
                ))
                .arg(config_arg(lang))
                .arg(json_arg(lang))
                .arg(
                    Arg::new("to")
                        .long("to")
                        .value_name("ADDRESS")
                        .action(ArgAction::Append)
                        .help(lang.pick(
                            "宛先（繰り返し可。省略時は、設定と役職表にあるすべての宛先）",
                            "recipient, may be repeated (default: everybody in the configuration)",
                        )),
                ),
        )
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    match args.subcommand() {
        Some(("test", args)) => test(args, out),
        _ => Ok(()),
    }
}

fn test(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let to: Vec<String> = match args.get_many::<String>("to") {
        Some(given) => given.cloned().collect(),
        None => everybody(&config),
    };
    let now = SystemClock.now();
    let trials = try_mail(&config, &to, now)?;
    let json = args.get_flag("json");
    for trial in &trials {
        out.line(&match json {
            true => object(trial),
            false => line(trial, out.lang()),
        })?;
    }
    let failed = trials.iter().filter(|t| !is_sent(t)).count();
    let sent = trials.len() - failed;
    if config.store.exists() {
        let detail = format!("{sent} sent, {failed} not");
        let what = "mail-tested";
        Store::open(&config.store)?.note(now, &Journal { what, detail })?;
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::Failed(match out.lang() {
        Lang::Ja => format!("{} 通のうち {failed} 通を送信できませんでした。", trials.len()),
        Lang::En => format!("{failed} of {} mails could not be sent", trials.len()),
    }))
}

fn is_sent(trial: &Trial) -> bool {
    matches!(trial.delivery, Delivery::Sent(_))
}

/// What became of it: in a word, and the answer.
fn outcome(delivery: &Delivery) -> (&'static str, &str) {
    match delivery {
        Delivery::Sent(answer) => ("sent", answer),
        Delivery::Transient(why) => ("put-off", why),
        Delivery::Permanent(why) => ("refused", why),
        Delivery::Blocked { why, .. } => ("blocked", why),
    }
}

fn object(trial: &Trial) -> String {
    let (outcome, answer) = outcome(&trial.delivery);
    json!({"way": trial.way, "to": trial.recipient, "outcome": outcome, "answer": answer}).to_string()
}

fn line(trial: &Trial, lang: Lang) -> String {
    let (word, answer) = outcome(&trial.delivery);
    let word = match (word, lang) {
        (word, Lang::En) => word,
        ("sent", _) => "送信しました",
        ("put-off", _) => "保留されました",
        ("refused", _) => "拒否されました",
        _ => "中継サーバを利用できません",
    };
    let (way, to) = (inert(&trial.way, 300), inert(&trial.recipient, 300));
    format!("{word}  {way} → {to}  {}", inert(answer, ANSWER_CHARS_MAX))
}
