//! What named people do about alerts: take notice, assign, comment, close (one or many), reopen.

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::alert::{AlertState, ClosedAs};
use crate::calendar::day_of;
use crate::cli::out::Out;
use crate::cli::{Failure, in_force};
use crate::clock::{Clock, EventTime, SystemClock, WallTime};
use crate::config::Config;
use crate::detect::Severity;
use crate::register::Register;
use crate::store::{AlertFilter, Store, StoreError, StoredAlert};
use crate::text::{Lang, inert};

/// Longest reason kept, in characters.
pub(super) const REASON_CHARS_MAX: usize = 400;

fn by(lang: Lang) -> Arg {
    Arg::new("by")
        .long("by")
        .value_name("STAFF")
        .required(true)
        .help(lang.pick("登録する人の職員番号", "staff number of who does it"))
}

fn reason(lang: Lang) -> Arg {
    Arg::new("reason")
        .long("reason")
        .value_name("TEXT")
        .required(true)
        .help(lang.pick("理由", "why"))
}

/// The subcommands of this file, below `alert`.
pub(super) fn commands(lang: Lang, number: &dyn Fn() -> Arg) -> Vec<Command> {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let named = |name: &'static str, ja: &'static str, en: &'static str| {
        let command = Command::new(name).about(t(ja, en)).arg(number());
        command.arg(by(lang)).arg(reason(lang))
    };
    let to = Arg::new("to")
        .long("to")
        .value_name("STAFF")
        .required(true)
        .help(t("担当する人の職員番号", "staff number of who sees to it"));
    vec![
        named("ack", "確認（認知）を登録します", "takes notice of an alert"),
        named(
            "assign",
            "担当者を決めます",
            "gives an alert to somebody who sees to it",
        )
        .arg(to),
        named("comment", "経過を書き添えます", "notes something about an alert"),
        close(lang),
        named("reopen", "終了した警告を再開します", "opens a closed alert again"),
    ]
}

fn close(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let filter = |name: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        let help = lang.pick(ja, en);
        Arg::new(name)
            .long(name)
            .value_name(value)
            .help(help)
            .conflicts_with("number")
    };
    let numbers = Arg::new("number")
        .value_name("NUMBER")
        .num_args(1..)
        .action(ArgAction::Append)
        .required_unless_present_any(["rule", "person", "dataset"])
        .help(t(
            "警告番号（A-2026-000001）。複数書けます",
            "numbers (A-2026-000001), one or more",
        ));
    let outcome = Arg::new("as")
        .long("as")
        .value_name("OUTCOME")
        .required(true)
        .value_parser(ClosedAs::ALL.map(ClosedAs::as_str))
        .help(t(
            "判断：legitimate 正当（理由は業務上の理由）、false-alarm 誤検知、incident 事案",
            "legitimate (the reason is the 業務上の理由), false-alarm or incident",
        ));
    Command::new("close")
        .about(t(
            "判断と理由を添えて終了します。--rule などで、重大以外をまとめて終了できます",
            "closes alerts with an outcome; --rule and the like close all that are not critical",
        ))
        .arg(numbers)
        .arg(filter(
            "rule",
            "RULE",
            "この規則の警告すべて",
            "every alert of this rule",
        ))
        .arg(filter(
            "person",
            "STAFF",
            "この職員の警告すべて",
            "every alert about this person",
        ))
        .arg(filter(
            "dataset",
            "ID",
            "この情報資産の警告すべて",
            "every alert on this dataset",
        ))
        .arg(by(lang))
        .arg(reason(lang))
        .arg(outcome)
}

pub(super) fn run(config: &Config, what: &str, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let text = |name: &str| {
        args.get_one::<String>(name)
            .map_or("", String::as_str)
            .trim()
            .to_owned()
    };
    let (by, reason) = (text("by"), inert(text("reason"), REASON_CHARS_MAX));
    if reason.is_empty() {
        return Err(Failure::Failed(
            out.pick("理由を書いてください", "give a reason").to_owned(),
        ));
    }
    // Refused before anything is made where there is no store.
    drop(Store::open_read(&config.store)?);
    let now = SystemClock.now();
    let (register, _) = in_force(config)?;
    must_be_known(config, &register, &by, now, out)?;
    let mut store = Store::open(&config.store)?;
    let number = match what {
        "close" => String::new(),
        _ => text("number"),
    };
    let (ja, en) = match what {
        "ack" => store
            .acknowledge(&number, &by, &reason, now)
            .map(|()| ("を確認済みにしました", "acknowledged")),
        "assign" => {
            let to = text("to");
            must_be_known(config, &register, &to, now, out)?;
            store
                .assign(&number, &by, &to, &reason, now)
                .map(|()| ("の担当者を登録しました", "assigned"))
        }
        "comment" => store
            .comment(&number, &by, &reason, now)
            .map(|()| ("に経過を書き添えました", "noted")),
        "close" => return close_all(&mut store, args, (&by, &reason), now, out),
        _ => store
            .reopen(&number, &by, &reason, now)
            .map(|()| ("を再開しました", "reopened")),
    }?;
    say(out, &number, ja, en)
}

fn say(out: &mut Out, number: &str, ja: &str, en: &str) -> Result<(), Failure> {
    let number = inert(number, 40);
    Ok(out.line(&match out.lang() {
        Lang::Ja => format!("{number} {ja}"),
        Lang::En => format!("{number} {en}"),
    })?)
}

/// Refuses a staff number that neither the register nor any post knows.
pub(in crate::cli) fn must_be_known(
    config: &Config,
    register: &Register,
    person: &str,
    now: WallTime,
    out: &Out,
) -> Result<(), Failure> {
    let today = day_of(EventTime::from_micros(now.micros()));
    let holds = |post: &crate::register::sections::Post| {
        post.person == person && post.from.is_none_or(|from| from <= today) && post.to.is_none_or(|to| today <= to)
    };
    // Executives may hold a post and no account; whoever has left by the register holds none.
    let has_post = register.accounts_of(person).is_empty() && config.sections.posts.iter().any(holds);
    if has_post || register.is_in_force(person, today) {
        return Ok(());
    }
    let why = match register.accounts_of(person).is_empty() {
        true => out.pick(
            "はアカウント台帳にない職員番号です",
            " is no staff number of the register",
        ),
        false => out.pick(
            "は、アカウント台帳に本日有効な権限がない職員番号です（退職・休職・停職など）",
            " holds no right that is in force today by the register (retired, on leave, suspended)",
        ),
    };
    Err(Failure::Failed(format!("{}{why}", inert(person, 40))))
}

/// Closes each alert that is named or matches, each on its own: one that cannot be closed holds back no other.
fn close_all(
    store: &mut Store,
    args: &ArgMatches,
    (by, reason): (&str, &str),
    now: WallTime,
    out: &mut Out,
) -> Result<(), Failure> {
    let word = args.get_one::<String>("as").map_or("", String::as_str);
    let outcome = ClosedAs::ALL.into_iter().find(|o| o.as_str() == word);
    let outcome = outcome.unwrap_or(ClosedAs::FalseAlarm);
    let numbers: Vec<String> = match args.get_many::<String>("number") {
        Some(numbers) => numbers.map(|n| n.trim().to_owned()).collect(),
        None => matching(store, args)?,
    };
    let mut refused = Vec::new();
    for number in &numbers {
        match store.close_alert(number, by, outcome, reason, now) {
            Ok(()) => say(out, number, "を終了しました", "closed")?,
            Err(e @ (StoreError::Refused(_) | StoreError::NotFound(_))) => {
                refused.push(e.say().pick(out.lang()).to_owned())
            }
            Err(e) => return Err(e.into()),
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(refused.join("\n")))
}

/// Numbers of the alerts that are not closed and match, but for 重大: those are closed by their number.
fn matching(store: &Store, args: &ArgMatches) -> Result<Vec<String>, Failure> {
    let wanted = |name: &str| args.get_one::<String>(name).map(|w| w.trim().to_owned());
    let (rule, person, dataset) = (wanted("rule"), wanted("person"), wanted("dataset"));
    let filter = AlertFilter {
        open_only: true,
        leads_only: true,
        max: None,
    };
    let mut numbers = Vec::new();
    for StoredAlert { alert, .. } in store.alerts(filter)? {
        let who = store.who(alert.who)?.map(|(_, name)| name);
        let is = |wanted: &Option<String>, there: Option<&str>| wanted.as_deref().is_none_or(|w| Some(w) == there);
        let on = store.dataset_name(alert.dataset)?;
        let fits = is(&rule, Some(&alert.rule)) && is(&person, who.as_deref()) && is(&dataset, Some(&on));
        if fits && alert.severity < Severity::Critical && alert.state != AlertState::Closed {
            numbers.push(alert.number);
        }
    }
    numbers.reverse();
    Ok(numbers)
}
