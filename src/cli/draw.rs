//! `sekimori draw`: the uses drawn by lot of a month, section by section, for 理由確認.

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::out::Out;
use super::{Failure, config_arg, in_force, json_arg, load};
use crate::calendar::{Jst, rfc3339};
use crate::clock::{Clock, SystemClock};
use crate::detect::RuleKind;
use crate::pipeline::{drawn, month_before};
use crate::store::Store;
use crate::text::{Lang, inert, number};

pub(super) fn command(lang: Lang) -> Command {
    Command::new("draw")
        .about(lang.pick(
            "業務上の理由を確認するために、所属ごとに無作為に抽出した利用を表示します",
            "shows the uses drawn by lot of each section, to be asked about",
        ))
        .arg(config_arg(lang))
        .arg(json_arg(lang))
        .arg(
            Arg::new("month")
                .long("month")
                .value_name("YYYY-MM")
                .help(lang.pick("対象の月（省略時は先月）", "month (default: the last one)")),
        )
}

fn month(text: &str) -> Option<i32> {
    let (year, month) = text.split_once('-')?;
    let (year, month) = (year.parse::<i32>().ok()?, month.parse::<i32>().ok()?);
    ((1990..=2149).contains(&year) && (1..=12).contains(&month)).then_some(year * 100 + month)
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let month = match args.get_one::<String>("month") {
        None => month_before(Jst::from(SystemClock.now()).day),
        Some(text) => month(text.trim()).ok_or_else(|| {
            let why = out.pick("月は 2026-11 のように書いてください", "write a month such as 2026-11");
            Failure::Failed(format!("--month {}: {why}", inert(text, 20)))
        })?,
    };
    let store = Store::open_read(&config.store)?;
    let (register, _) = in_force(&config)?;
    let rules: Vec<_> = config
        .rules
        .iter()
        .filter(|r| matches!(r.kind, RuleKind::Draw(_)))
        .collect();
    if rules.is_empty() {
        let why = out.pick(
            "kind = \"draw\" の規則がありません",
            "there is no rule of kind \"draw\"",
        );
        return Err(Failure::Failed(why.to_owned()));
    }
    for rule in rules {
        for section in drawn(&store, &register, rule, month)? {
            if !args.get_flag("json") {
                let name = inert(&section.section, 48);
                let (of, n) = (
                    number(section.of),
                    number(u64::try_from(section.uses.len()).unwrap_or(0)),
                );
                out.line(&match out.lang() {
                    Lang::Ja => format!("■ {name}（{of}件のうち{n}件）"),
                    Lang::En => format!("- {name} ({n} of {of})"),
                })?;
            }
            for (one, line) in &section.uses {
                let at = format!("{}:{}-{}", line.segment.0, line.start, line.end);
                if args.get_flag("json") {
                    let line = json!({
                        "rule": rule.id, "month": format!("{}-{:02}", month / 100, month % 100),
                        "section": section.section, "uses": section.of, "time": rfc3339(one.at.micros()),
                        "who": one.who, "dataset": one.dataset, "operation": one.operation.as_str(), "record": at,
                    });
                    out.line(&line.to_string())?;
                } else {
                    out.line(&format!("  {}　{at}", one.say(out.lang())))?;
                }
            }
        }
    }
    Ok(())
}
