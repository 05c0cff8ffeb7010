//! `sekimori exception`: limits raised for somebody, for a while, by somebody else.

use clap::{ArgAction, ArgMatches, Command};
use serde_json::json;

use super::approval::{self, evaded, named, tell, text, today};
use super::out::Out;
use super::{Failure, config_arg, day, in_force, load};
use crate::alert::notice::Notice;
use crate::calendar::{Day, rfc3339};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::detect::RuleKind;
use crate::register::exceptions::{EXPIRING_DAYS, World};
use crate::register::{DatasetSettings, Exception};
use crate::store::{ExceptionRow, Journal, Store};
use crate::text::{Lang, number};

pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let named = |name, value, ja, en| named(lang, name, value, (ja, en));
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
                .args(approval::period(lang))
                .arg(approval::approver(lang))
                .arg(approval::by(lang))
                .arg(approval::reason(lang)),
        )
        .subcommand(approval::list(
            lang,
            ("例外を一覧します", "lists exceptions"),
            ("終了した例外も表示します", "those that ended, too"),
        ))
        .subcommand(approval::end(lang, ("例外を終了します", "ends an exception")))
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
    let some = |name: &str| args.get_one::<String>(name).map(|_| text(args, name));
    let exception = Exception {
        id: 0,
        rules: args.get_many::<String>("rule").into_iter().flatten().cloned().collect(),
        person: some("person"),
        dataset: some("dataset"),
        limit: args.get_one::<u64>("limit").copied().unwrap_or(0),
        from: day(args, "from")?.unwrap_or_else(|| today(now)),
        until: day(args, "until")?.unwrap_or_else(|| today(now)),
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
            let detail = format!(
                "an exception of {} for {} was refused: approved by {}, registered by {}",
                exception.rules.join(" "),
                exception.person.as_deref().unwrap_or(""),
                exception.approver,
                exception.by
            );
            let what = "exception-refused";
            let (notice, local) = notice(&exception, true);
            evaded(config, &mut store, &Journal { what, detail }, (&notice, &local), now)?;
        }
        return Err(Failure::Failed(refusal.say(out.lang())));
    }
    let id = store.add_exception(&exception, now)?;
    let (notice, local) = notice(
        &Exception {
            id,
            ..exception.clone()
        },
        false,
    );
    tell(config, &mut store, &notice, &local, now)?;
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

/// What is told of it, and the beginning of the mail's Message-ID.
fn notice(e: &Exception, refused: bool) -> (Notice, String) {
    let exception = e.clone();
    (Notice::Exception { exception, refused }, format!("X-{}", e.id))
}

fn end(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let id = approval::number(args);
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
