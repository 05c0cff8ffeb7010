//! `sekimori verify counters`: the counters, alerts and ledger of the store against what is archived.

use clap::ArgMatches;

use super::{identities, input};
use crate::calendar::Day;
use crate::cli::out::Out;
use crate::cli::replay::Scratch;
use crate::cli::{Failure, load};
use crate::evidence::verify::{self, Code, Finding, ReadLog, Report};
use crate::pipeline::{Recount, Recounted, Reread};
use crate::register::Register;
use crate::service::{import, setup};
use crate::store::{CounterDrift, Store};
use crate::text::inert;

/// Findings of one kind told one by one; more are counted.
const TOLD_MAX: usize = 50;

pub(super) fn check(args: &ArgMatches, out: &mut Out) -> Result<Report, Failure> {
    let (config, _) = load(args, out)?;
    let input = input(args, out)?;
    let identities = identities(args, out)?;
    let (mut report, log) = verify::ledger(&input);
    let store = Store::open_read(&config.store)?;
    store.snapshot()?;
    ledger(&store, &log, &mut report)?;
    let without = restored(&log);
    alerts(&store, &without, &mut report)?;
    super::rows::check(&store, &without, &mut report)?;

    let scratch = Scratch::new()?;
    let path = scratch.file("again.db");
    let mut into = Store::open(&path)?;
    into.scratch()?;
    let names: Vec<&str> = config.datasets.iter().map(|d| d.id.as_str()).collect();
    let datasets = into.dataset_ids(&names)?;
    // The check of the key stands in the live store, which is only looked at here.
    let key = setup::subject_key_of(&config.subject_key, &store).map_err(|e| Failure::Failed(e.to_string()))?;
    let mut reread =
        Reread::new(&config, &datasets, Register::default(), key).map_err(|e| Failure::Config(e.to_string()))?;
    reread.set_jobs(store.jobs_as(&into.known_datasets()?)?);
    let mut recount = Recount {
        config: &config,
        archive: &input.archive,
        identities: &identities,
        reread,
        into,
    };
    let mut registers = |version: i64| import::of_version(&store, &config.accounts, version).map_err(|e| e.to_string());
    let done = recount
        .run(&store, &mut registers)
        .map_err(|e| Failure::Failed(e.to_string()))?;
    drop(recount);
    report.segments = done.segments;
    report.records = done.records;
    closed(&done, &mut report);
    counters(&store.counters_against(&path)?, &done, &mut report);
    Ok(report)
}

/// The ledger in the store against the one in the folder.
fn ledger(store: &Store, log: &ReadLog, report: &mut Report) -> Result<(), Failure> {
    let mut at = 0u64;
    let mut entries = log.entries.iter();
    loop {
        let lines = store.ledger_lines(at, 1_000)?;
        if lines.is_empty() {
            break;
        }
        for line in lines {
            let Some((index, entry)) = entries.next() else {
                return Ok(());
            };
            if entry.line() != line {
                report.add(
                    Finding::new(
                        Code::CounterDrift,
                        format!("データベースの記録簿の {index} 番の項目が、署名された記録簿と違います。"),
                        format!("entry {index} of the ledger in the store is not the one that was signed"),
                    )
                    .at("entry", *index),
                );
                return Ok(());
            }
            at = at.saturating_add(1);
        }
    }
    if let Some((index, _)) = entries.next() {
        report.add(
            Finding::new(
                Code::CounterDrift,
                format!("データベースの記録簿は {index} 番以降の項目を含みません。署名された記録簿より古いものです。"),
                format!("the ledger in the store ends before entry {index}: it is older than the one that was signed"),
            )
            .at("entry", *index),
        );
    }
    Ok(())
}

/// Entries that were taken over from the folder when a store was restored: their rows are lost, and that is recorded.
fn restored(log: &ReadLog) -> Vec<(u64, u64)> {
    let recovered = log.entries.iter().filter(|(_, e)| e.kind() == "recover");
    recovered
        .filter_map(|(_, e)| Some((e.number("from")?, e.number("to")?)))
        .collect()
}

fn alerts(store: &Store, without: &[(u64, u64)], report: &mut Report) -> Result<(), Failure> {
    for (nth, drift) in store.steps_against_ledger(without)?.into_iter().enumerate() {
        if nth == TOLD_MAX {
            break;
        }
        let (alert, step) = (inert(&drift.alert, 40), inert(&drift.step, 40));
        let finding = match drift.entry {
            Some(entry) => Finding::new(
                Code::CounterDrift,
                format!("警告 {alert} の記録（{step}）が、データベースから消されているか書き換えられています（記録簿の {entry} 番）。"),
                format!("the row of alert {alert} ({step}) is gone from the store or was changed (entry {entry} of the ledger)"),
            )
            .at("entry", entry),
            None => Finding::new(
                Code::CounterDrift,
                format!("警告 {alert} の記録（{step}）が記録簿にありません。後から加えられたか書き換えられています。"),
                format!("the row of alert {alert} ({step}) stands in no entry of the ledger: it was added or changed"),
            ),
        };
        report.add(finding.at("alert", alert).at("step", step));
    }
    Ok(())
}

fn closed(done: &Recounted, report: &mut Report) {
    for (n, why) in done.closed.iter().take(TOLD_MAX) {
        report.add(
            Finding::new(
                Code::Unchecked,
                format!("区画 {n} を集計し直せません（{}）。", verify::ja(why)),
                format!("segment {n} cannot be counted again: {why}"),
            )
            .at("segment", *n),
        );
    }
}

fn counters(drifts: &[CounterDrift], done: &Recounted, report: &mut Report) {
    let mut told = 0usize;
    for drift in drifts {
        if let Some(why) = done.open_day(drift.day) {
            tracing::debug!(day = drift.day, why, "not compared");
            continue;
        }
        told = told.saturating_add(1);
        if TOLD_MAX < told {
            continue;
        }
        report.add(one(drift, done.is_other(drift.day)));
    }
    if TOLD_MAX < told {
        report.add(Finding::new(
            Code::Unchecked,
            format!("ほかにも {} 件の集計が一致しません。", told.saturating_sub(TOLD_MAX)),
            format!("{} more counters differ", told.saturating_sub(TOLD_MAX)),
        ));
    }
    let days = done.days.len();
    if 0 < days || done.upto.is_some() {
        let upto = done.upto.as_ref().map_or_else(String::new, |(day, _)| Day(*day).iso());
        report.add(
            Finding::new(
                Code::Uncounted,
                format!("記録の一部が残っていないため比べられない日があります（{days} 日、{upto} 以前）。"),
                format!("some days cannot be compared, because not all of their records are left ({days} days; up to {upto})"),
            )
            .at("days", done.days.keys().map(|day| Day(*day).iso()).collect::<Vec<_>>())
            .at("upto", upto),
        );
    }
}

fn one(drift: &CounterDrift, other_config: bool) -> Finding {
    let (day, who) = (Day(drift.day).iso(), inert(&drift.who, 80));
    let everybody = who.is_empty();
    let operation = crate::access::Operation::from_number(drift.operation);
    let (dataset, ja) = (inert(&drift.dataset, 80), operation.map_or("", |o| o.ja()));
    let en = operation.map_or("", |o| o.as_str());
    let numbers: Vec<String> = drift
        .numbers
        .iter()
        .map(|(name, kept, found)| format!("{name} {kept} / {found}"))
        .collect();
    let numbers = numbers.join(", ");
    let (whose_ja, whose_en) = match everybody {
        true => ("全員".to_owned(), "everybody".to_owned()),
        false => (who.clone(), who.clone()),
    };
    // Under another configuration the same records mean something else; that is for people to find out.
    let code = if other_config {
        Code::Unchecked
    } else {
        Code::CounterDrift
    };
    let mut finding = Finding::new(
        code,
        format!("{day} の集計（{whose_ja}、{dataset}、{ja}）が、保管した記録から数え直した値と違います：{numbers}（データベース／数え直し）"),
        format!("the counters of {day} ({whose_en}, {dataset}, {en}) are not what the archived records give: {numbers} (store / counted again)"),
    )
    .at("day", day)
    .at("who", who)
    .at("dataset", dataset)
    .at("operation", en);
    for (name, kept, found) in &drift.numbers {
        finding = finding.at(name, vec![*kept, *found]);
    }
    let next = match other_config {
        true => (
            "記録を集計した時と設定が違います。当時の設定（区画の項目の config のハッシュ）を --config で指定して確かめてください。",
            "the records were counted under another configuration; check with that one (the hash in the segments' entries) by --config",
        ),
        false => (
            "正しいのは保管した記録から数え直した値です。データベースを書き換えた者がいないか確かめてください。",
            "the archived records are right; find out who changed the store",
        ),
    };
    finding.next(next.0, next.1)
}
