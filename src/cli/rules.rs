//! `sekimori rules list`: each rule with when it last held, how often, and how much of it was a false alarm.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::out::Out;
use super::{Failure, config_arg, json_arg, load};
use crate::calendar::{Jst, rfc3339};
use crate::store::Store;
use crate::text::{Lang, inert, number};

pub(super) fn command(lang: Lang) -> Command {
    let list = Command::new("list")
        .about(lang.pick(
            "規則ごとに、最後の該当、件数、誤検知の割合を表示します",
            "lists the rules: last held, alerts, hits, share of false alarms",
        ))
        .arg(json_arg(lang));
    Command::new("rules")
        .about(lang.pick("検知規則の状況", "the rules and how they did"))
        .arg(config_arg(lang))
        .subcommand_required(true)
        .subcommand(list)
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let as_json = args.subcommand().is_some_and(|(_, args)| args.get_flag("json"));
    let store = Store::open_read(&config.store)?;
    for rule in &config.rules {
        let record = store.rule_record(&rule.id)?;
        let share = (record.false_alarms.saturating_mul(100)).checked_div(record.closed);
        if as_json {
            let last = record.last.map(|at| rfc3339(at.micros()));
            let line = json!({
                "rule": rule.id, "title": rule.title, "severity": rule.severity.as_str(), "last_fired": last,
                "alerts": record.alerts, "hits": record.hits, "closed": record.closed,
                "false_alarms": record.false_alarms, "incidents": record.incidents,
            });
            out.line(&line.to_string())?;
            continue;
        }
        let last = record
            .last
            .map_or(out.pick("なし", "never").to_owned(), |at| Jst::from(at).day.iso());
        let share = share.map_or("-".to_owned(), |percent| format!("{percent}%"));
        let (id, title) = (inert(&rule.id, 32), inert(&rule.title, 60));
        let severity = out.pick(rule.severity.ja(), rule.severity.as_str());
        out.line(&match out.lang() {
            Lang::Ja => format!(
                "{id:6} {severity}  最終 {last}  警告 {}件  該当 {}回  終結 {}件（誤検知 {share}、事案 {}件）  {title}",
                number(record.alerts),
                number(record.hits),
                number(record.closed),
                number(record.incidents)
            ),
            Lang::En => format!(
                "{id:6} {severity:8}  last {last}  {} alerts  {} hits  {} closed (false alarms {share}, incidents {})  {title}",
                number(record.alerts),
                number(record.hits),
                number(record.closed),
                number(record.incidents)
            ),
        })?;
    }
    Ok(())
}
