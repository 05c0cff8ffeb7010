//! `sekimori status`: sources, store, outbox, last alert.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::out::Out;
use super::{Failure, config_arg, health, json_arg, load};
use crate::alert::gaps;
use crate::alert::notice::in_words;
use crate::calendar::{Jst, day_of, rfc3339};
use crate::clock::{Clock, EventTime, SystemClock, WallTime};
use crate::config::Config;
use crate::detect::coverage::{self, Gap};
use crate::register::DatasetSettings;
use crate::source::{Phase, SegmentState};
use crate::store::{AlertFilter, Lock, SourceRow, Store};
use crate::text::{Lang, inert, number};

pub(super) fn command(lang: Lang) -> Command {
    Command::new("status")
        .about(lang.pick("動作状況を表示します", "shows how things stand"))
        .arg(config_arg(lang))
        .arg(json_arg(lang))
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .conflicts_with("json")
                .help(lang.pick(
                    "監視システム用：1行の結果と終了コード（0 正常、1 要確認、2 至急確認）",
                    "for monitoring: one line, and exit code 0 (well), 1 (look soon) or 2 (look now)",
                )),
        )
}

/// A file that is still followed.
struct FileRow {
    path: String,
    position: u64,
    size: Option<u64>,
    lines: u64,
    /// How long the oldest unread byte may have waited, in seconds.
    lag_secs: Option<u64>,
}

fn file(state: &SegmentState, running: bool, now: WallTime) -> FileRow {
    // The size of another file under the same name would make a wrong lag: it is given only for the same one, and not
    // for a compressed one.
    let meta = std::fs::metadata(&state.path).ok();
    let meta = meta.filter(|m| m.ino() == state.incarnation.ino && state.position <= m.len() && !state.packed());
    let size = meta.as_ref().map(std::fs::Metadata::len);
    let lag_secs = meta.map(|m| {
        let since = match m.len() == state.position {
            true => now,
            // It was read to its end at the last look: a daemon that runs looks every second.
            false if running && state.last_read <= state.caught_at => WallTime::from_secs(m.mtime()),
            false => state.caught_at,
        };
        now.since(since).as_secs()
    });
    FileRow {
        path: inert(state.path.to_string_lossy().as_ref(), 300),
        position: state.position,
        size,
        lines: state.lines,
        lag_secs,
    }
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    if args.get_flag("check") {
        return health::check(&config, out);
    }
    let store = Store::open_read(&config.store)?;
    let running = Lock::is_held(&config.store);
    let now = SystemClock.now();
    let mut sources = Vec::new();
    for row in store.sources()? {
        let files = files(&store, &row, running, now)?;
        let events = lately(&store, &row, now)?;
        sources.push((row, files, events));
    }
    if args.get_flag("json") {
        let value = as_json(&config, &store, running, &sources)?;
        return Ok(out.line(&value.to_string())?);
    }
    human(&config, &store, running, &sources, out)
}

/// The files of a source that are still followed.
fn files(store: &Store, row: &SourceRow, running: bool, now: WallTime) -> Result<Vec<FileRow>, Failure> {
    let live = |s: &&SegmentState| matches!(s.phase, Phase::Live | Phase::Rotated);
    let states = store.segments(row.id)?;
    Ok(states.iter().filter(live).map(|s| file(s, running, now)).collect())
}

/// How far behind each file is that is still followed, in seconds.
pub(super) fn lags(store: &Store, running: bool, now: WallTime) -> Result<Vec<(String, u64)>, Failure> {
    let mut lags = Vec::new();
    for row in store.sources()? {
        let files = files(store, &row, running, now)?;
        lags.extend(files.into_iter().filter_map(|f| Some((f.path, f.lag_secs?))));
    }
    Ok(lags)
}

/// What happened to a source lately, by kind: how often, and when last.
type Lately = BTreeMap<String, (u64, WallTime)>;

/// Days of what is late enough to be looked at.
const LATELY_DAYS: i32 = 7;

fn lately(store: &Store, row: &SourceRow, now: WallTime) -> Result<Lately, Failure> {
    let today = day_of(EventTime::from_micros(now.micros()));
    let mut events = Lately::new();
    for event in store.events_in(today.plus(1 - LATELY_DAYS), today)? {
        if event.source == row.id {
            let (times, newest) = events.entry(event.kind).or_insert((0, event.at));
            (*times, *newest) = (times.saturating_add(1), event.at.max(*newest));
        }
    }
    Ok(events)
}

/// What nobody watches, as it is told by mail each day.
pub(super) fn holes(config: &Config, store: &Store) -> Result<Vec<Gap>, Failure> {
    let today = day_of(EventTime::from_micros(SystemClock.now().micros()));
    let sources: Vec<&str> = config.sources.iter().map(|s| s.read.name.as_str()).collect();
    Ok(coverage::gaps(
        &config.datasets,
        &config.rules,
        &sources,
        &store.seen(today.0)?,
    ))
}

/// An entry of the 台帳.
fn dataset(d: &DatasetSettings) -> Value {
    json!({
        "id": d.id, "title": d.title, "tier": d.tier.as_str(), "owner": d.owner, "registered": d.registered,
        "my_number": d.terms.my_number, "retention_years": d.terms.retention_years,
        "terminals_limited": !d.terms.terminals.is_empty(), "expected_in": d.terms.sources,
    })
}

fn as_json(
    config: &Config,
    store: &Store,
    running: bool,
    sources: &[(SourceRow, Vec<FileRow>, Lately)],
) -> Result<Value, Failure> {
    let mails = store.mail_counts()?;
    let last = store.alerts(AlertFilter {
        open_only: false,
        leads_only: true,
        max: Some(1),
    })?;
    let open = store.alerts(AlertFilter {
        open_only: true,
        leads_only: true,
        max: None,
    })?;
    let time = |micros: i64| {
        if micros == 0 {
            Value::Null
        } else {
            Value::from(rfc3339(micros))
        }
    };
    let sources: Vec<Value> = sources
        .iter()
        .map(|(row, files, events)| {
            let [lines, bytes, accesses, no_dataset, rejects, damaged, repeated] = row.amounts;
            let why: serde_json::Map<String, Value> = row
                .rejects
                .iter()
                .map(|(why, n)| (why.clone(), Value::from(*n)))
                .collect();
            let files: Vec<Value> = files
                .iter()
                .map(|f| {
                    let lag = f.size.map(|size| size - f.position);
                    json!({"path": f.path, "position": f.position, "size": f.size, "lag_bytes": lag, "lag_secs": f.lag_secs,
                        "lines": f.lines})
                })
                .collect();
            json!({
                "name": row.name, "configured": config.sources.iter().any(|s| s.read.name == row.name),
                "lines": lines, "bytes": bytes, "accesses": accesses, "no_dataset": no_dataset,
                "repeated": repeated, "rejects": rejects, "rejects_by_reason": why, "damaged": damaged,
                "newest": time(row.newest), "files": files,
                "events": events.iter().map(|(kind, (times, newest))| json!({"kind": kind, "times": times,
                    "newest": rfc3339(newest.micros())})).collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(json!({
        "running": running,
        "store": config.store.display().to_string(),
        "store_bytes": std::fs::metadata(&config.store).map(|m| m.len()).ok(),
        "config": config.hash,
        "sources": sources,
        "outbox": {"waiting": mails.waiting, "sent": mails.sent, "dead": mails.dead,
            "oldest_waiting": mails.oldest.map(|t| rfc3339(t.micros()))},
        "datasets": config.datasets.iter().map(dataset).collect::<Vec<_>>(),
        "gaps": holes(config, store)?.iter().map(|gap| json!({"gap": gap.as_str(), "dataset": gap.dataset(),
            "sources": gap.sources()})).collect::<Vec<_>>(),
        "alerts_open": open.len(),
        "last_alert": last.first().map(|s| json!({"number": s.alert.number, "rule": s.alert.rule,
            "severity": s.alert.severity.as_str(), "detected_at": rfc3339(s.alert.detected_at.micros())})),
    }))
}

/// What was read of a source, and what became of it.
fn amounts(row: &SourceRow, out: &mut Out) -> Result<(), Failure> {
    let [lines, _, accesses, no_dataset, rejects, damaged, repeated] = row.amounts;
    let newest = if row.newest == 0 {
        "-".to_owned()
    } else {
        Jst::from(EventTime::from_micros(row.newest)).iso()
    };
    let (lines, accesses, rejects) = (number(lines), number(accesses), number(rejects));
    out.line(&if out.lang() == Lang::Ja {
        format!(
            "{}  行 {lines}  アクセス {accesses}  解析不能 {rejects}  最新の記録 {newest}",
            row.name
        )
    } else {
        format!(
            "{}  lines {lines}  accesses {accesses}  rejected {rejects}  newest record {newest}",
            row.name
        )
    })?;
    for (ja, en, n) in [
        (
            "対象外（どの情報資産にも当てはまらない記録）",
            "about no dataset",
            no_dataset,
        ),
        (
            "再送（既に集計した記録が再び出力されたもの）",
            "counted before (exported again)",
            repeated,
        ),
        ("文字化けのある行", "with bytes that are no text", damaged),
    ] {
        if 0 < n {
            out.line(&format!("    {}: {}", out.pick(ja, en), number(n)))?;
        }
    }
    for (why, n) in &row.rejects {
        out.line(&format!(
            "    {} {why}: {}",
            out.pick("解析不能", "rejected"),
            number(*n)
        ))?;
    }
    Ok(())
}

fn human(
    config: &Config,
    store: &Store,
    running: bool,
    sources: &[(SourceRow, Vec<FileRow>, Lately)],
    out: &mut Out,
) -> Result<(), Failure> {
    let ja = out.lang() == Lang::Ja;
    let state = match (running, ja) {
        (true, true) => "稼働中",
        (true, false) => "running",
        (false, true) => "停止中",
        (false, false) => "not running",
    };
    out.line(&format!("sekimori: {state}  {}", config.store.display()))?;
    for (row, files, events) in sources {
        amounts(row, out)?;
        for (kind, (times, newest)) in events {
            let what = in_words(kind, out.lang()).unwrap_or(kind);
            let (times, newest) = (number(*times), Jst::from(*newest).iso());
            out.line(&match ja {
                true => format!("    直近{LATELY_DAYS}日の事象：{what}（{times} 回、最新 {newest}）"),
                false => format!("    last {LATELY_DAYS} days: {what} ({times} times, newest {newest})"),
            })?;
        }
        for f in files {
            let lag = f.size.map_or_else(|| "?".to_owned(), |size| number(size - f.position));
            let word = out.pick("未読バイト", "unread bytes");
            let late = match f.lag_secs {
                Some(secs) if secs > 0 && ja => format!("  遅れ {} 秒", number(secs)),
                Some(secs) if secs > 0 => format!("  behind {} s", number(secs)),
                _ => String::new(),
            };
            out.line(&format!("    {}  {}  {word} {lag}{late}", f.path, number(f.position)))?;
        }
    }
    for gap in holes(config, store)? {
        out.line(&format!(
            "{}  {}",
            out.pick("監視の漏れ", "not watched"),
            gaps::say(&gap, out.lang())
        ))?;
    }
    let mails = store.mail_counts()?;
    let (waiting, sent, dead) = (number(mails.waiting), number(mails.sent), number(mails.dead));
    out.line(&if ja {
        format!("メール  送信待ち {waiting}  送信済み {sent}  送信不能 {dead}")
    } else {
        format!("mail  waiting {waiting}  sent {sent}  undeliverable {dead}")
    })?;
    let last = store.alerts(AlertFilter {
        open_only: false,
        leads_only: true,
        max: Some(1),
    })?;
    if let Some(last) = last.first() {
        let at = Jst::from(last.alert.detected_at).iso();
        out.line(&format!(
            "{}  {}  {at}",
            out.pick("最後の警告", "last alert"),
            last.alert.number
        ))?;
    }
    for (at, what, detail) in store.journal(5)? {
        out.line(&format!("{}  {what}  {}", Jst::from(at).iso(), inert(&detail, 200)))?;
    }
    Ok(())
}
