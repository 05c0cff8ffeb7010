//! `sekimori job`: approved jobs (承認された業務処理), counted under a number of their own.

use clap::{ArgAction, ArgMatches, Command};
use serde_json::json;

use super::approval::{self, evaded, named, tell, text, today};
use super::out::Out;
use super::{Failure, config_arg, day, in_force, load};
use crate::access::Operation;
use crate::alert::notice::Notice;
use crate::calendar::{Day, rfc3339};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::register::jobs::{Job, World};
use crate::store::{JobRow, JobUse, Journal, Store};
use crate::text::{Lang, number};

/// Days before its end from which a job is listed as expiring.
const EXPIRING_DAYS: i32 = 30;

pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    Command::new("job")
        .about(t(
            "承認された業務処理（督促状・統計・連携など）の登録・一覧・終了",
            "approved bulk work, counted under a number of its own",
        ))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(config_arg(lang))
        .subcommand(add_command(lang))
        .subcommand(approval::list(
            lang,
            (
                "業務処理を、行われた回数・件数とともに一覧します",
                "lists jobs with what was done under them",
            ),
            ("終了したものも表示します", "those that ended, too"),
        ))
        .subcommand(approval::end(lang, ("業務処理を終了します", "ends a job")))
}

fn add_command(lang: Lang) -> Command {
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
        .args(approval::period(lang))
        .arg(approval::approver(lang))
        .arg(approval::by(lang))
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
        from: day(args, "from")?.unwrap_or(today),
        until: day(args, "until")?.unwrap_or(today),
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
            let (notice, local) = notice(&job, true);
            evaded(config, &mut store, &Journal { what, detail }, (&notice, &local), now)?;
        }
        return Err(Failure::Failed(refusal.say(out.lang())));
    }
    let id = store.add_job(&job, now)?;
    let job = Job { id, ..job };
    let (notice, local) = notice(&job, false);
    tell(config, &mut store, &notice, &local, now)?;
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

/// What is told of it, and the beginning of the mail's Message-ID.
fn notice(job: &Job, refused: bool) -> (Notice, String) {
    let (id, job) = (job.id, job.clone());
    (Notice::Job { job, refused }, format!("J-{id}"))
}

fn end(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let id = approval::number(args);
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
