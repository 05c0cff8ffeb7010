//! `sekimori job`: approved jobs (承認された業務処理), counted under a number of their own.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::out::Out;
use super::{Failure, config_arg, in_force, json_arg, load};
use crate::access::Operation;
use crate::alert::notice::Notice;
use crate::calendar::{Day, day_of, parse_date, rfc3339};
use crate::clock::{Clock, EventTime, SystemClock, WallTime};
use crate::config::Config;
use crate::pipeline::Teller;
use crate::register::jobs::{Job, World};
use crate::store::{JobRow, JobUse, Journal, Store};
use crate::text::{Lang, inert, number, say};

/// Longest text kept, in characters.
const TEXT_CHARS_MAX: usize = 400;
/// Days before its end from which a job is listed as expiring.
const EXPIRING_DAYS: i32 = 30;

pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let needed = |name, value, ja, en| named(lang, name, value, (ja, en)).required(true);
    let by = || {
        needed(
            "by",
            "STAFF",
            "登録する人の職員番号",
            "staff number of who registers it",
        )
    };
    Command::new("job")
        .about(t(
            "承認された業務処理（督促状・統計・連携など）の登録・一覧・終了",
            "approved bulk work, counted under a number of its own",
        ))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(config_arg(lang))
        .subcommand(add_command(lang, by()))
        .subcommand(
            Command::new("list")
                .about(t(
                    "業務処理を、行われた回数・件数とともに一覧します",
                    "lists jobs with what was done under them",
                ))
                .arg(json_arg(lang))
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .help(t("終了したものも表示します", "those that ended, too")),
                ),
        )
        .subcommand(
            Command::new("end")
                .about(t("業務処理を終了します", "ends a job"))
                .arg(
                    Arg::new("id")
                        .value_name("ID")
                        .required(true)
                        .value_parser(clap::value_parser!(i64))
                        .help(t("一覧の番号", "its number in the list")),
                )
                .arg(by())
                .arg(needed("reason", "TEXT", "理由", "why")),
        )
}

fn named(lang: Lang, name: &'static str, value: &'static str, (ja, en): (&'static str, &'static str)) -> Arg {
    Arg::new(name).long(name).value_name(value).help(lang.pick(ja, en))
}

fn add_command(lang: Lang, by: Arg) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let named = |name, value, ja, en| named(lang, name, value, (ja, en));
    let needed = |name, value, ja, en| named(name, value, ja, en).required(true);
    Command::new("add")
        .about(t("業務処理を登録します", "registers a job"))
        .arg(needed(
            "number",
            "NUMBER",
            "申請番号",
            "the number it was approved under",
        ))
        .arg(needed("title", "TEXT", "業務の内容", "what is done"))
        .arg(needed(
            "person",
            "STAFF",
            "業務を行う人の職員番号（システムの場合はその利用者ID）",
            "staff number of who does it (the account of a system)",
        ))
        .arg(needed("dataset", "ID", "情報資産", "the dataset"))
        .arg(
            needed(
                "operation",
                "OPERATION",
                "操作（export、print など。繰り返し可）",
                "operation, as export or print (may be repeated)",
            )
            .action(ArgAction::Append)
            .value_parser(Operation::ALL.map(Operation::as_str)),
        )
        .arg(needed("limit", "N", "1日の最大件数", "most records a day").value_parser(clap::value_parser!(u64)))
        .arg(named(
            "from",
            "DATE",
            "開始日（省略時は今日）",
            "first day (default: today)",
        ))
        .arg(needed(
            "until",
            "DATE",
            "終了日（年度末まで）",
            "last day, within the fiscal year",
        ))
        .arg(needed(
            "approver",
            "STAFF",
            "承認者の職員番号",
            "staff number of who approved it",
        ))
        .arg(by)
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
    inert(given.trim(), TEXT_CHARS_MAX)
}

fn date(args: &ArgMatches, name: &str, default: Day) -> Result<Day, Failure> {
    let Some(given) = args.get_one::<String>(name) else {
        return Ok(default);
    };
    parse_date(given).ok_or_else(|| {
        let given = inert(given, 40);
        Failure::Usage(say!(
            "--{name} {given}: 日付は 2027-03-31 か R9.3.31 のように書いてください。",
            "--{name} {given}: write a date as 2027-03-31 or R9.3.31"
        ))
    })
}

fn add(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let now = SystemClock.now();
    let today = today(now);
    let operations = args.get_many::<String>("operation").into_iter().flatten();
    let job = Job {
        id: 0,
        number: text(args, "number"),
        title: text(args, "title"),
        person: text(args, "person"),
        dataset: text(args, "dataset"),
        operations: operations.filter_map(|word| Operation::from_word(word)).collect(),
        limit: args.get_one::<u64>("limit").copied().unwrap_or(0),
        from: date(args, "from", today)?,
        until: date(args, "until", today)?,
        approver: text(args, "approver"),
        by: text(args, "by"),
    };
    let datasets: Vec<&str> = config.datasets.iter().map(|d| d.id.as_str()).collect();
    let (register, _) = in_force(config)?;
    let world = World {
        today,
        datasets: &datasets,
        in_force: &|who| register.is_in_force(who, today),
    };
    let mut store = Store::open(&config.store)?;
    if let Err(refusal) = job.check(&world) {
        if refusal.is_evasion() {
            let detail = format!(
                "job {} of {} was refused: approved by {}, registered by {}",
                job.number, job.person, job.approver, job.by
            );
            let what = "job-refused";
            store.note(now, &Journal { what, detail })?;
            tell(config, &mut store, &job, true, now)?;
        }
        return Err(Failure::Failed(refusal.say(out.lang())));
    }
    let id = store.add_job(&job, now)?;
    let job = Job { id, ..job };
    tell(config, &mut store, &job, false, now)?;
    let (end, limit, number_) = (job.until, number(job.limit), &job.number);
    out.line(&match out.lang() {
        Lang::Ja => format!(
            "業務処理 {id}（申請番号 {number_}）を登録しました。1日 {limit} 件、{} まで。1分後からの利用に適用されます。",
            end.wareki()
        ),
        Lang::En => format!(
            "job {id} (number {number_}) registered: {limit} records a day until {}, for accesses from a minute from now",
            end.iso()
        ),
    })?;
    Ok(())
}

/// Whoever gets every alert and the auditor know what is counted apart.
fn tell(config: &Config, store: &mut Store, job: &Job, refused: bool, now: WallTime) -> Result<(), Failure> {
    let mut teller = Teller::for_console(config, store)?;
    teller.set_host(&crate::service::setup::host_name());
    let notice = Notice::Job {
        job: job.clone(),
        refused,
    };
    let local = format!("J-{}-{}", job.id, now.micros());
    store.queue(&teller.notice(&notice, &local, now))?;
    Ok(())
}

fn end(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let id = args.get_one::<i64>("id").copied().unwrap_or(0);
    let mut store = Store::open(&config.store)?;
    store.end_job(id, &text(args, "by"), &text(args, "reason"), SystemClock.now())?;
    out.line(&match out.lang() {
        Lang::Ja => format!("業務処理 {id} を終了しました。"),
        Lang::En => format!("job {id} ended"),
    })?;
    Ok(())
}

/// How a job stands on `today`.
fn state(row: &JobRow, used: &JobUse, today: Day) -> (&'static str, &'static str) {
    let job = &row.job;
    match &row.ended {
        Some(_) => ("ended", "終了"),
        None if job.until < today => ("expired", "期限切れ"),
        None if job.limit < used.most => ("exceeded", "最大件数超過"),
        None if job.until.0.saturating_sub(today.0) <= EXPIRING_DAYS => ("expiring", "まもなく期限"),
        None if used.accesses == 0 => ("never-used", "未使用"),
        None => ("active", "有効"),
    }
}

fn list(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let today = today(SystemClock.now());
    for row in store.job_rows()? {
        let used = store.job_use(&row.job, today)?;
        let (word, ja) = state(&row, &used, today);
        if row.ended.is_some() && !args.get_flag("all") {
            continue;
        }
        if args.get_flag("json") {
            out.line(&object(&row, &used, word).to_string())?;
            continue;
        }
        out.line(&shown(&row, &used, (word, ja), out.lang()))?;
    }
    Ok(())
}

fn shown(row: &JobRow, used: &JobUse, (word, ja): (&str, &str), lang: Lang) -> String {
    let job = &row.job;
    let operations: Vec<&str> = job.operations.iter().map(|o| lang.pick(o.ja(), o.as_str())).collect();
    let operations = operations.join("・");
    let (limit, accesses, records, most) = (
        number(job.limit),
        number(used.accesses),
        number(used.records),
        number(used.most),
    );
    let Job {
        id,
        number,
        title,
        person,
        dataset,
        approver,
        ..
    } = job;
    match lang {
        Lang::Ja => format!(
            "{id}  {ja}  {number}  {title}  {person}  {dataset}（{operations}）  1日 {limit} 件まで  ～{}  実績 {accesses} 回 {records} 件（最大の日 {most} 件）  承認 {approver}",
            job.until.iso()
        ),
        Lang::En => format!(
            "{id}  {word}  {number}  {title}  {person}  {dataset} ({operations})  {limit} records a day  until {}  {accesses} accesses, {records} records (most on a day {most})  approved by {approver}",
            job.until.iso()
        ),
    }
}

fn object(row: &JobRow, used: &JobUse, state: &str) -> serde_json::Value {
    let job = &row.job;
    let operations: Vec<&str> = job.operations.iter().map(|o| o.as_str()).collect();
    json!({
        "id": job.id, "state": state, "number": job.number, "title": job.title, "person": job.person,
        "dataset": job.dataset, "operations": operations, "limit": job.limit, "from": job.from.iso(),
        "until": job.until.iso(), "approver": job.approver, "by": job.by, "at": rfc3339(row.at.micros()),
        "accesses": used.accesses, "records": used.records, "most_on_a_day": used.most,
        "last": used.last.map(Day::iso),
        "ended_at": row.ended.as_ref().map(|(at, ..)| rfc3339(at.micros())),
        "ended_by": row.ended.as_ref().map(|(_, by, _)| by),
        "ended_why": row.ended.as_ref().map(|(.., why)| why),
    })
}
