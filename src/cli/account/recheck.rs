//! `sekimori account recheck`: the archive held against a corrected register, for what the counters cannot say.

use clap::ArgMatches;
use serde_json::json;

use crate::cli::out::Out;
use crate::cli::verify::{identities, ledger_input, print};
use crate::cli::{Failure, in_force};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::evidence::verify;
use crate::pipeline::{Rejudge, Rejudged, Search};
use crate::service::settle::settle;
use crate::service::{import, setup};
use crate::store::{Journal, Store};
use crate::text::{Lang, inert, number};

pub(super) fn run(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let now = SystemClock.now();
    let failed = |why: &dyn std::fmt::Display| Failure::Failed(why.to_string());
    let by = inert(args.get_one::<String>("by").map_or("", String::as_str).trim(), 40);
    let input = ledger_input(args, config, out)?;
    let (report, log) = verify::ledger(&input);
    if report.exit_code() != 0 {
        print(&report, false, out)?;
        let why = out.pick(
            "記録簿に異常があるため、保管した記録を判定に使えません",
            "the ledger does not verify: nothing can be judged by it",
        );
        return Err(failed(&why));
    }
    let identities = identities(args, out)?;
    let (after, version) = in_force(config)?;
    super::change::may_import(config, &after, &by, out)?;
    let mut store = Store::open(&config.store)?;
    if !store.is_judged_by(version)? {
        // The daemon does that by the counters, and tells of it: what it would find must not be told twice.
        let why = out.pick(
            "取り込んだ版による過去の判定がまだ済んでいません。監視を動かすと自動で行われますので、その後に実行してください",
            "the version in force was not held against the past yet; the daemon does that by itself: start it, and ask again then",
        );
        return Err(failed(&why));
    }
    let since = match args.get_one::<i64>("since") {
        Some(since) => *since,
        None => version.saturating_sub(1),
    };
    if since < 1 || version <= since {
        let why = out.pick(
            "比べる前の版がありません（sekimori account list --versions）",
            "there is no earlier version to compare with (sekimori account list --versions)",
        );
        return Err(failed(&why));
    }
    let before = import::of_version(&store, &config.accounts, since).map_err(|e| failed(&e))?;
    let key = setup::subject_key(&config.subject_key, &mut store).map_err(|e| failed(&e))?;
    // Reading the archive is itself recorded, before it is done.
    let detail = format!("versions {since} and {version} held against the archive by {by}");
    let what = "register-recheck";
    store.note(now, &Journal { what, detail })?;
    settle(config, &mut store, now)?;
    let rejudge = Rejudge {
        config,
        search: Search {
            archive: &input.archive,
            log: &log,
            identities: &identities,
        },
        registers: (before, after),
        version,
        key,
        host: &setup::host_name(),
    };
    let done = rejudge.run(&mut store, now).map_err(|e| failed(&e))?;
    told(&done, (since, version), args.get_flag("json"), out)?;
    if done.looked.complete() {
        Ok(())
    } else {
        Err(Failure::Verdict(3))
    }
}

fn told(done: &Rejudged, (since, version): (i64, i64), as_json: bool, out: &mut Out) -> Result<(), Failure> {
    let looked = &done.looked;
    if as_json {
        let unusable: Vec<u64> = looked.unusable.iter().map(|(n, _)| *n).collect();
        let all = json!({
            "since": since, "version": version, "segments": looked.segments, "opened": looked.opened,
            "records": looked.records, "looked_at": looked.found, "differing": done.differing, "alerts": done.found,
            "known": done.known, "mails": done.mails, "missing": looked.missing, "unusable": unusable,
        });
        return Ok(out.line(&all.to_string())?);
    }
    let (segments, opened, records) = (number(looked.segments), number(looked.opened), number(looked.records));
    let (found, differing, new, known) = (
        number(looked.found),
        number(done.differing),
        number(done.found),
        number(done.known),
    );
    let mut lines = match out.lang() {
        Lang::Ja => vec![
            format!("版 {since} と版 {version} を、保管した記録に当てて比べました。"),
            format!(
                "区画 {segments} 個のうち {opened} 個を開き、記録 {records} 件を読みました（うち対象者の利用 {found} 件）。"
            ),
            format!("判定が変わった利用：{differing} 件　新たな警告（遡及）：{new} 件　通知済み：{known} 件"),
        ],
        Lang::En => vec![
            format!("versions {since} and {version} were held against the archived records"),
            format!("{opened} of {segments} segments opened, {records} records read, {found} of the persons concerned"),
            format!("judged differently: {differing}; new alerts in hindsight: {new}; told before: {known}"),
        ],
    };
    lines.push(
        out.pick(
            "まだ封印していない記録（直近1時間以内など）は含まれません。",
            "Records that are not sealed yet (of the last hour or so) are not in it.",
        )
        .to_owned(),
    );
    if !looked.missing.is_empty() {
        let list: Vec<String> = looked.missing.iter().map(u64::to_string).collect();
        let word = out.pick("区画がないため含まれません", "not there, and so not in it: segments");
        lines.push(format!("{word}：{}", list.join(", ")));
    }
    for (n, why) in &looked.unusable {
        lines.push(match out.lang() {
            Lang::Ja => format!("区画 {n} は開けないため含まれません：{}", verify::ja(why)),
            Lang::En => format!("segment {n} is not in it: {why}"),
        });
    }
    for line in lines {
        out.line(&line)?;
    }
    Ok(())
}
