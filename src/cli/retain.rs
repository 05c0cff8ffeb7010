//! `sekimori retain`: retention of segments in two steps, and holds against it.
//!
//! `expire` announces in the ledger which segments are due and who approved; the checkpoint that says so leaves with the anchors.
//! After seven days `delete` removes those that are still due and under no hold, and records that. What stays for ever
//! is the entry: source, bytes, times, hashes, who approved.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Arg, ArgMatches, Command};

use super::out::Out;
use super::{Failure, config_arg, load};
use crate::calendar::day_of;
use crate::clock::{Clock, EventTime, SystemClock, WallTime};
use crate::evidence::{Entry, verify};
use crate::parse::time;
use crate::service::settle::settle;
use crate::store::Store;
use crate::text::{Lang, Say, say};

/// Entries read of each kind.
const ENTRIES_MAX: u32 = 4_000_000;

pub(super) fn command(lang: Lang) -> Command {
    let by = || {
        Arg::new("by")
            .long("by")
            .value_name("STAFF")
            .required(true)
            .help(lang.pick("決定した者の職員番号", "staff number of whoever decided"))
    };
    let reason = || {
        Arg::new("reason")
            .long("reason")
            .value_name("TEXT")
            .required(true)
            .help(lang.pick("理由・決裁番号", "why; number of the decision"))
    };
    let segments = || {
        Arg::new("segments")
            .value_name("N")
            .num_args(1..)
            .required(true)
            .value_parser(clap::value_parser!(u64))
            .help(lang.pick("区画の番号", "numbers of segments"))
    };
    let sub = |name: &'static str, ja: &'static str, en: &'static str| {
        Command::new(name).about(lang.pick(ja, en)).arg(config_arg(lang))
    };
    Command::new("retain")
        .about(lang.pick(
            "保存期間と保全（消去の二段階手続）",
            "retention and holds of archived records",
        ))
        .subcommand_required(true)
        .subcommand(sub(
            "due",
            "保存期間が満了した区画を表示します",
            "lists segments whose time is over",
        ))
        .subcommand(
            sub(
                "hold",
                "区画を保全します（訴訟・事案）",
                "keeps segments (litigation, incident)",
            )
            .arg(by())
            .arg(reason())
            .arg(segments()),
        )
        .subcommand(
            sub("release", "保全を解きます", "ends a hold")
                .arg(by())
                .arg(reason())
                .arg(segments()),
        )
        .subcommand(
            sub(
                "expire",
                "満了した区画の消去を告知します（第一段階）",
                "announces the expiry of what is due (first step)",
            )
            .arg(by())
            .arg(reason()),
        )
        .subcommand(sub(
            "delete",
            "告知から7日を経た区画を消去します（第二段階）",
            "deletes what was announced seven days ago (second step)",
        ))
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let Some((what, args)) = args.subcommand() else {
        return Err(Failure::Usage(Say::new(
            "コマンドを指定してください。",
            "name a command",
        )));
    };
    let (config, _) = load(args, out)?;
    let now = SystemClock.now();
    if what == "due" {
        let retention = Retention::read(&Store::open_read(&config.store)?)?;
        return list(&retention.due(now), &retention, out);
    }
    let mut store = Store::open(&config.store)?;
    let retention = Retention::read(&store)?;
    let text = |name: &str| args.get_one::<String>(name).cloned().unwrap_or_default();
    let chosen = match what {
        "hold" | "release" => args
            .get_many::<u64>("segments")
            .into_iter()
            .flatten()
            .copied()
            .collect(),
        "expire" => retention
            .due(now)
            .difference(&retention.announced.keys().copied().collect())
            .copied()
            .collect(),
        _ => retention.waited(now),
    };
    let mut chosen: BTreeSet<u64> = chosen;
    if what == "delete" {
        let left = store.checkpoint_left()?;
        let unknown: Vec<u64> = chosen
            .iter()
            .copied()
            .filter(|n| !retention.known_outside(*n, left))
            .collect();
        if !unknown.is_empty() {
            chosen.retain(|n| !unknown.contains(n));
            let list = unknown.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            out.error(&match out.lang() {
                Lang::Ja => format!("消去の告知を含む照合点がまだ外部に出ていないため、消去しません：{list}（メールの送信を確かめてください）"),
                Lang::En => format!("not deleted, because no checkpoint that covers the announcement has left the host: {list} (see whether mail leaves)"),
            });
        }
    }
    if let Some(n) = chosen.iter().find(|n| !retention.segments.contains_key(n)) {
        return Err(Failure::Usage(say!(
            "その番号の区画はありません：{n}",
            "there is no segment of this number: {n}"
        )));
    }
    if chosen.is_empty() {
        return Ok(out.line(out.pick("該当する区画はありません。", "no segment is concerned"))?);
    }
    if what == "delete" {
        for n in &chosen {
            let name = retention.segments.get(n).map_or("", |e| e.text("name"));
            remove(&config.evidence.folder.join(name))?;
            remove(&config.evidence.folder.join(format!("idx/{n:08}.idx")))?;
        }
        store.ledger_append(&[
            Entry::new("expired", now).with("segments", chosen.iter().copied().collect::<Vec<_>>())
        ])?;
    } else {
        store.ledger_note(what, &text("by"), &text("reason"), &chosen, now)?;
    }
    settle(&config, &mut store, now)?;
    list(&chosen, &retention, out)
}

fn remove(path: &std::path::Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Failure::at(path)(e)),
        _ => Ok(()),
    }
}

fn list(chosen: &BTreeSet<u64>, retention: &Retention, out: &mut Out) -> Result<(), Failure> {
    for n in chosen {
        let Some(entry) = retention.segments.get(n) else {
            continue;
        };
        let (src, until, name) = (entry.text("src"), entry.text("keep_until"), entry.text("name"));
        out.line(&format!(
            "{n}  {src}  {}〜{}  {until}  {name}",
            entry.text("first"),
            entry.text("last")
        ))?;
    }
    Ok(())
}

/// What the ledger says of retention.
struct Retention {
    segments: BTreeMap<u64, Entry>,
    held: BTreeSet<u64>,
    /// When, and as which entry.
    announced: BTreeMap<u64, (String, u64)>,
    done: BTreeSet<u64>,
}

impl Retention {
    fn read(store: &Store) -> Result<Retention, Failure> {
        let of = |kind: &str| store.ledger_newest(kind, ENTRIES_MAX);
        let segments = of("segment")?
            .into_iter()
            .filter_map(|e| Some((e.number("n")?, e)))
            .collect();
        let numbers = |e: &Entry| -> Vec<u64> {
            let list = e.get("segments").and_then(|v| v.as_array());
            list.into_iter()
                .flatten()
                .filter_map(serde_json::Value::as_u64)
                .collect()
        };
        // The newest word on a segment counts.
        let mut steps: Vec<(String, bool, Vec<u64>)> = Vec::new();
        for (kind, hold) in [("hold", true), ("release", false)] {
            steps.extend(of(kind)?.iter().map(|e| (e.text("at").to_owned(), hold, numbers(e))));
        }
        steps.sort();
        let mut held = BTreeSet::new();
        for (_, hold, numbers) in steps {
            for n in numbers {
                if hold {
                    held.insert(n)
                } else {
                    held.remove(&n)
                };
            }
        }
        let announced = store
            .ledger_placed("expire")?
            .iter()
            .flat_map(|(ix, e)| {
                let at = e.text("at").to_owned();
                numbers(e)
                    .into_iter()
                    .map(|n| (n, (at.clone(), *ix)))
                    .collect::<Vec<_>>()
            })
            .collect();
        let done = of("expired")?.iter().flat_map(numbers).collect();
        Ok(Retention {
            segments,
            held,
            announced,
            done,
        })
    }

    /// Segments whose time is over and that nothing keeps.
    fn due(&self, now: WallTime) -> BTreeSet<u64> {
        let today = day_of(EventTime::from_micros(now.micros())).iso();
        let over = |(n, e): &(&u64, &Entry)| {
            let until = e.text("keep_until");
            !until.is_empty() && until < today.as_str() && !self.held.contains(n) && !self.done.contains(n)
        };
        self.segments.iter().filter(over).map(|(n, _)| *n).collect()
    }

    /// Whether a checkpoint over so many entries covers the announcement of a segment.
    fn known_outside(&self, n: u64, size: u64) -> bool {
        self.announced.get(&n).is_some_and(|(_, ix)| *ix < size)
    }

    /// Segments whose expiry was announced long enough ago.
    fn waited(&self, now: WallTime) -> BTreeSet<u64> {
        let grace = verify::GRACE_DAYS.saturating_mul(86_400_000_000);
        let ready = |n: &u64| {
            let at = self
                .announced
                .get(n)
                .and_then(|(at, _)| time::any(at.as_bytes(), 9 * 3_600));
            at.is_some_and(|at| at.micros().saturating_add(grace) < now.micros())
        };
        self.due(now).into_iter().filter(ready).collect()
    }
}
