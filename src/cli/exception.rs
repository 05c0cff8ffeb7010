//! `sekimori exception`: limits raised for somebody, for a while, by somebody else.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::out::Out;
use super::{Failure, config_arg, in_force, json_arg, load};
use crate::alert::notice::Notice;
use crate::calendar::{Day, day_of, parse_date, rfc3339};
use crate::clock::{Clock, EventTime, SystemClock, WallTime};
use crate::config::Config;
use crate::detect::RuleKind;
use crate::pipeline::Teller;
use crate::register::exceptions::{EXPIRING_DAYS, World};
use crate::register::{DatasetSettings, Exception};
use crate::store::{ExceptionRow, Journal, Store};
use crate::text::{Lang, inert, number, say};

/// Longest reason kept, in characters.
const REASON_CHARS_MAX: usize = 400;

pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let named = |name: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        Arg::new(name).long(name).value_name(value).help(t(ja, en))
    };
    let by = || {
        named(
            "by",
            "STAFF",
            "登録する人の職員番号",
            "staff number of who registers it",
        )
        .required(true)
    };
    let reason = || named("reason", "TEXT", "理由", "why").required(true);
    Command::new("exception")
        .about(t(
            "監視の例外（しきい値の引上げ）の登録・一覧・終了",
            "exceptions: limits raised for somebody, for a while",
        ))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(config_arg(lang))
        .subcommand(
            Command::new("add")
                .about(t("例外を登録します", "registers an exception"))
                .arg(
                    named("rule", "ID", "規則（繰り返し可）", "rule (may be repeated)")
                        .required(true)
                        .action(ArgAction::Append),
                )
                .arg(named("person", "STAFF", "対象者の職員番号", "staff number it is for"))
                .arg(named("dataset", "ID", "対象の情報資産", "dataset it is for"))
                .arg(
                    named("limit", "N", "引き上げた後のしきい値", "the raised limit")
                        .required(true)
                        .value_parser(clap::value_parser!(u64)),
                )
                .arg(named(
                    "from",
                    "DATE",
                    "開始日（省略時は今日）",
                    "first day (default: today)",
                ))
                .arg(
                    named(
                        "until",
                        "DATE",
                        "終了日（年度末まで）",
                        "last day, within the fiscal year",
                    )
                    .required(true),
                )
                .arg(
                    named(
                        "approver",
                        "STAFF",
                        "承認者の職員番号",
                        "staff number of who approved it",
                    )
                    .required(true),
                )
                .arg(by())
                .arg(reason()),
        )
        .subcommand(
            Command::new("list")
                .about(t("例外を一覧します", "lists exceptions"))
                .arg(json_arg(lang))
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .help(t("終了した例外も表示します", "those that ended, too")),
                ),
        )
        .subcommand(
            Command::new("end")
                .about(t("例外を終了します", "ends an exception"))
                .arg(
                    Arg::new("number")
                        .value_name("NUMBER")
                        .required(true)
                        .value_parser(clap::value_parser!(i64))
                        .help(t("例外の番号", "its number")),
                )
                .arg(by())
                .arg(reason()),
        )
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    match args.subcommand() {
        Some(("add", args)) => add(&config, args, out),
        Some(("end", args)) => end(&config, args, out),
        Some((_, args)) => list(&config, args, out),
        None => Ok(()),
    }
}

fn today(now: WallTime) -> Day {
    day_of(EventTime::from_micros(now.micros()))
}

fn text(args: &ArgMatches, name: &str) -> String {
    let given = args.get_one::<String>(name).map_or("", String::as_str);
    inert(given.trim(), REASON_CHARS_MAX)
}

fn date(args: &ArgMatches, name: &str) -> Result<Option<Day>, Failure> {
    let Some(given) = args.get_one::<String>(name) else {
        return Ok(None);
    };
    let wrong = || {
        let given = inert(given, 40);
        Failure::Usage(say!(
            "--{name} {given}: 日付は 2027-03-31 か R9.3.31 のように書いてください。",
            "--{name} {given}: write a date as 2027-03-31 or R9.3.31"
        ))
    };
    parse_date(given).map(Some).ok_or_else(wrong)
}

fn add(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let now = SystemClock.now();
    let some = |name: &str| args.get_one::<String>(name).map(|_| text(args, name));
    let exception = Exception {
        id: 0,
        rules: args.get_many::<String>("rule").into_iter().flatten().cloned().collect(),
        person: some("person"),
        dataset: some("dataset"),
        limit: args.get_one::<u64>("limit").copied().unwrap_or(0),
        from: date(args, "from")?.unwrap_or_else(|| today(now)),
        until: date(args, "until")?.unwrap_or_else(|| today(now)),
        reason: text(args, "reason"),
        approver: text(args, "approver"),
        by: text(args, "by"),
    };
    let rules: Vec<&str> = config.rules.iter().map(|r| r.id.as_str()).collect();
    let datasets: Vec<&str> = config.datasets.iter().map(|d| d.id.as_str()).collect();
    let world = World {
        today: today(now),
        rules: &rules,
        datasets: &datasets,
        limit: limit(config, &exception),
        approver_in_force: in_force(config)?.0.is_in_force(&exception.approver, today(now)),
    };
    let mut store = Store::open(&config.store)?;
    if let Err(refusal) = exception.check(&world) {
        if refusal.is_evasion() {
            // Who tries to leave the watch by his own word is a matter for others.
            let detail = format!(
                "an exception of {} for {} was refused: approved by {}, registered by {}",
                exception.rules.join(" "),
                exception.person.as_deref().unwrap_or(""),
                exception.approver,
                exception.by
            );
            let what = "exception-refused";
            store.note(now, &Journal { what, detail })?;
            tell(config, &mut store, &exception, true, now)?;
        }
        return Err(Failure::Failed(refusal.say(out.lang())));
    }
    let id = store.add_exception(&exception, now)?;
    tell(
        config,
        &mut store,
        &Exception {
            id,
            ..exception.clone()
        },
        false,
        now,
    )?;
    let (end, limit) = (exception.until, number(exception.limit));
    out.line(&match out.lang() {
        Lang::Ja => format!("例外 {id} を登録しました（しきい値 {limit}、{} まで）。", end.wareki()),
        Lang::En => format!("exception {id} registered (limit {limit}, until {})", end.iso()),
    })?;
    Ok(())
}

/// The highest limit its rules have without it, where they count something.
fn limit(config: &Config, exception: &Exception) -> Option<u64> {
    let of_dataset = |d: &&DatasetSettings| exception.dataset.as_ref().is_none_or(|id| *id == d.id);
    let limits = config
        .rules
        .iter()
        .filter(|rule| exception.rules.contains(&rule.id))
        .filter_map(|rule| match &rule.kind {
            RuleKind::Volume(volume) => Some(&volume.limit),
            _ => None,
        });
    let highest = limits.flat_map(|limits| {
        config.datasets.iter().filter(of_dataset).filter_map(|dataset| {
            let own = limits.datasets.iter().find(|(id, _)| *id == dataset.id).map(|l| l.1);
            let tier = limits.tiers.iter().find(|(tier, _)| *tier == dataset.tier).map(|l| l.1);
            own.or(tier).or(limits.all)
        })
    });
    highest.max()
}

/// Nobody is taken out of the watch in silence: who gets every alert is told.
fn tell(config: &Config, store: &mut Store, e: &Exception, refused: bool, now: WallTime) -> Result<(), Failure> {
    let mut teller = Teller::for_console(config, store)?;
    teller.set_host(&crate::service::setup::host_name());
    let notice = Notice::Exception {
        exception: e.clone(),
        refused,
    };
    let local = format!("X-{}-{}", e.id, now.micros());
    store.queue(&teller.notice(&notice, &local, now))?;
    Ok(())
}

fn end(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let id = args.get_one::<i64>("number").copied().unwrap_or(0);
    let mut store = Store::open(&config.store)?;
    store.end_exception(id, &text(args, "by"), &text(args, "reason"), SystemClock.now())?;
    let done = out.pick("を終了しました。", " ended");
    let word = out.pick("例外 ", "exception ");
    out.line(&format!("{word}{id}{done}"))?;
    Ok(())
}

/// How an exception stands on `today`.
fn state(row: &ExceptionRow, today: Day) -> (&'static str, &'static str) {
    let e = &row.exception;
    match &row.ended {
        Some(_) => ("ended", "終了"),
        None if e.until < today && 0 < row.late_hits => ("expired-but-used", "期限切れ（期限後も該当あり）"),
        None if e.until < today => ("expired", "期限切れ"),
        None if e.until.0.saturating_sub(today.0) <= EXPIRING_DAYS => ("expiring", "まもなく期限"),
        None if row.hits == 0 => ("never-hit", "未使用"),
        None => ("active", "有効"),
    }
}

fn list(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let today = today(SystemClock.now());
    for row in store.exceptions()? {
        let (word, ja) = state(&row, today);
        if word == "ended" && !args.get_flag("all") {
            continue;
        }
        let e = &row.exception;
        if args.get_flag("json") {
            let value = json!({
                "number": e.id, "state": word, "rules": e.rules, "person": e.person, "dataset": e.dataset,
                "limit": e.limit, "from": e.from.iso(), "until": e.until.iso(), "reason": e.reason,
                "approver": e.approver, "by": e.by, "at": rfc3339(row.at.micros()), "hits": row.hits,
                "last_hit": row.last_hit.map(Day::iso), "late_hits": row.late_hits,
                "ended_at": row.ended.as_ref().map(|(at, ..)| rfc3339(at.micros())),
                "ended_by": row.ended.as_ref().map(|(_, by, _)| by), "ended_why": row.ended.as_ref().map(|(.., why)| why),
            });
            out.line(&value.to_string())?;
            continue;
        }
        let (rules, limit, hits) = (e.rules.join(","), number(e.limit), number(row.hits));
        let late = number(row.late_hits);
        let person = e.person.as_deref().unwrap_or(out.pick("全員", "everybody"));
        let dataset = e.dataset.as_deref().unwrap_or(out.pick("全資産", "every dataset"));
        out.line(&match out.lang() {
            Lang::Ja => format!(
                "{}  {ja}  {rules}  {person}  {dataset}  しきい値 {limit}  ～{}  該当 {hits}回  期限後 {late}回  承認 {}  理由：{}",
                e.id, e.until.iso(), e.approver, e.reason
            ),
            Lang::En => format!(
                "{}  {word}  {rules}  {person}  {dataset}  limit {limit}  until {}  hits {hits}  late {late}  approved by {}  because {}",
                e.id, e.until.iso(), e.approver, e.reason
            ),
        })?;
    }
    Ok(())
}
