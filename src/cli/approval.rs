//! What `exception` and `job` share: something allowed for a while, by others than who asks for it, and known to all who
//! watch.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Failure, json_arg};
use crate::alert::notice::Notice;
use crate::calendar::{Day, day_of};
use crate::clock::{EventTime, WallTime};
use crate::config::Config;
use crate::pipeline::Teller;
use crate::store::{Journal, Store};
use crate::text::{Lang, inert};

/// Longest text kept, in characters.
const TEXT_CHARS_MAX: usize = 400;

pub(super) fn named(
    lang: Lang,
    name: &'static str,
    value: &'static str,
    (ja, en): (&'static str, &'static str),
) -> Arg {
    Arg::new(name).long(name).value_name(value).help(lang.pick(ja, en))
}

pub(super) fn by(lang: Lang) -> Arg {
    let help = ("登録する人の職員番号", "staff number of who registers it");
    named(lang, "by", "STAFF", help).required(true)
}

pub(super) fn approver(lang: Lang) -> Arg {
    let help = ("承認者の職員番号", "staff number of who approved it");
    named(lang, "approver", "STAFF", help).required(true)
}

pub(super) fn reason(lang: Lang) -> Arg {
    named(lang, "reason", "TEXT", ("理由", "why")).required(true)
}

/// From when until when.
pub(super) fn period(lang: Lang) -> [Arg; 2] {
    let from = ("開始日（省略時は今日）", "first day (default: today)");
    let until = ("終了日（年度末まで）", "last day, within the fiscal year");
    [
        named(lang, "from", "DATE", from),
        named(lang, "until", "DATE", until).required(true),
    ]
}

pub(super) fn list(lang: Lang, (ja, en): (&'static str, &'static str), all: (&'static str, &'static str)) -> Command {
    let all = Arg::new("all")
        .long("all")
        .action(ArgAction::SetTrue)
        .help(lang.pick(all.0, all.1));
    Command::new("list")
        .about(lang.pick(ja, en))
        .arg(json_arg(lang))
        .arg(all)
}

pub(super) fn end(lang: Lang, (ja, en): (&'static str, &'static str)) -> Command {
    let number = Arg::new("number")
        .value_name("NUMBER")
        .required(true)
        .value_parser(clap::value_parser!(i64))
        .help(lang.pick("一覧の番号", "its number in the list"));
    Command::new("end")
        .about(lang.pick(ja, en))
        .arg(number)
        .arg(by(lang))
        .arg(reason(lang))
}

/// What is to be ended.
pub(super) fn number(args: &ArgMatches) -> i64 {
    args.get_one::<i64>("number").copied().unwrap_or(0)
}

pub(super) fn today(now: WallTime) -> Day {
    day_of(EventTime::from_micros(now.micros()))
}

pub(super) fn text(args: &ArgMatches, name: &str) -> String {
    let given = args.get_one::<String>(name).map_or("", String::as_str);
    inert(given.trim(), TEXT_CHARS_MAX)
}

/// Nobody is taken out of the watch in silence: whoever gets every alert is told.
pub(super) fn tell(
    config: &Config,
    store: &mut Store,
    notice: &Notice,
    local: &str,
    now: WallTime,
) -> Result<(), Failure> {
    let mut teller = Teller::for_console(config, store)?;
    teller.set_host(&crate::service::setup::host_name());
    store.queue(&teller.notice(notice, &format!("{local}-{}", now.micros()), now))?;
    Ok(())
}

/// Who tries to leave the watch by his own word is a matter for others.
pub(super) fn evaded(
    config: &Config,
    store: &mut Store,
    journal: &Journal,
    (notice, local): (&Notice, &str),
    now: WallTime,
) -> Result<(), Failure> {
    store.note(now, journal)?;
    tell(config, store, notice, local, now)
}
