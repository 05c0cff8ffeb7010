//! `sekimori verify`: whether the record is what was recorded. Runs on the folder or on a copy, here or elsewhere.
//!
//! Exit codes: 0 nothing found, 1 evidence of tampering or loss, 2 something could not be checked, 3 wrong usage.

mod anchors;
mod counters;
mod rows;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use self::anchors::anchors;
use super::out::Out;
use super::{Failure, config_arg, json_arg, load};
use crate::clock::{Clock, SystemClock, WallTime};
use crate::config::Config;
use crate::evidence::verify::{self, Input, Report, Weight, spoken_time};
use crate::evidence::{Identity, VerifierKey};
use crate::parse::time;
use crate::store::Store;
use crate::text::{Lang, duration_text, number};

/// How old the newest entry may be, where nothing is said: a copy that is pulled daily.
const STALE_HOURS: u64 = 26;

pub(super) fn command(lang: Lang) -> Command {
    let path = |name: &'static str, long: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        Arg::new(name)
            .long(long)
            .value_name(value)
            .value_parser(clap::value_parser!(PathBuf))
            .help(lang.pick(ja, en))
    };
    Command::new("verify")
        .about(lang.pick(
            "記録が改ざん・欠落していないかを検証します",
            "checks whether the record was altered or cut",
        ))
        .after_help(lang.pick(
            "終了コード: 0 異常なし　1 改ざん・欠落の証拠あり　2 確かめられないものあり　3 使い方の誤り",
            "Exit codes: 0 nothing found, 1 evidence of tampering or loss, 2 something could not be checked, 3 usage",
        ))
        .arg(config_arg(lang))
        .arg(json_arg(lang))
        .arg(
            Arg::new("depth")
                .value_name("WHAT")
                .value_parser(["quick", "full", "source", "counters", "backup"])
                .default_value("quick")
                .help(lang.pick(
                    "quick: 公開情報だけで検証　full: 区画の中身も検証（秘密鍵が必要）　source: 残っている元のログと比較　counters: 保管した記録から集計し直して比較（秘密鍵が必要）　backup: 二つの写し A B を比較",
                    "quick: with public data only; full: the content of segments, too (needs an identity); source: logs that are still there; counters: counts the archived records again (needs an identity); backup: two copies A and B",
                )),
        )
        .arg(
            Arg::new("copies")
                .value_name("COPY")
                .num_args(0..=2)
                .value_parser(clap::value_parser!(PathBuf))
                .help(lang.pick("backup で比べる二つの保管庫", "the two archives that backup compares")),
        )
        .arg(archive_arg(lang))
        .arg(key_arg(lang))
        .arg(identity_arg(lang))
        .arg(path(
            "anchors",
            "anchors",
            "DIR",
            "外部に控えた照合点（.note、syslog、メール）のフォルダー",
            "folder of checkpoints kept outside (.note files, syslog lines, mails)",
        ))
        .arg(Arg::new("now").long("now").value_name("TIME").help(lang.pick(
            "写しを取った時刻（省略時は現在）",
            "the time of the copy (default: now)",
        )))
        .arg(
            Arg::new("stale-after")
                .long("stale-after")
                .value_name("HOURS")
                .value_parser(clap::value_parser!(u64))
                .help(lang.pick(
                    "最新の項目が何時間古ければ異常とするか（既定 26）",
                    "hours after which the newest entry is too old (default 26)",
                )),
        )
}

pub(super) fn archive_arg(lang: Lang) -> Arg {
    let help = lang.pick(
        "保管庫またはその写し（省略時は設定の場所）",
        "the archive or a copy of it (default: the configured one)",
    );
    Arg::new("archive")
        .long("archive")
        .value_name("DIR")
        .value_parser(clap::value_parser!(PathBuf))
        .help(help)
}

pub(super) fn key_arg(lang: Lang) -> Arg {
    let help = lang.pick(
        "導入時に控えた公開鍵（文字列またはファイル）",
        "the public key kept since installation (text or file)",
    );
    Arg::new("key").long("key").value_name("KEY").help(help)
}

pub(super) fn identity_arg(lang: Lang) -> Arg {
    let help = lang.pick("age の秘密鍵のファイル", "file of age identities");
    Arg::new("identity")
        .long("identity")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help(help)
}

/// The public key as it was given: text, or a file that holds it.
pub(super) fn key(text: &str, out: &mut Out) -> Result<VerifierKey, Failure> {
    let path = Path::new(text);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // A key as text holds a plus sign; a path seldom does.
        Err(e) if path.is_file() || !text.contains('+') => return Err(Failure::at(path)(e)),
        Err(_) => text.to_owned(),
    };
    VerifierKey::read(text.trim()).map_err(|why| usage(format!("--key: {}", said(why, out)), out))
}

/// The identities of `--identity`; none without it.
pub(super) fn identities(args: &ArgMatches, out: &mut Out) -> Result<Vec<Identity>, Failure> {
    let Some(file) = args.get_one::<PathBuf>("identity") else {
        return Ok(Vec::new());
    };
    let read = Identity::read_all(&std::fs::read_to_string(file).map_err(Failure::at(file))?);
    read.map_err(|why| usage(format!("{}: {}", file.display(), said(&why.to_string(), out)), out))
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    check(args, out).map_err(|failure| no_verdict(failure, out))
}

/// What kept the check from being made is no evidence of anything: 1 is left to that.
fn no_verdict(failure: Failure, out: &mut Out) -> Failure {
    let code = match &failure {
        Failure::File(_, e) if e.kind() == std::io::ErrorKind::NotFound => 3,
        Failure::File(..) | Failure::Failed(_) => 2,
        Failure::Store(_) if failure.code() == 1 => 2,
        _ => return failure,
    };
    if let Some(said) = failure.said(out.lang()) {
        out.error(&said);
    }
    Failure::Verdict(code)
}

fn check(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let depth = args.get_one::<String>("depth").map_or("quick", String::as_str);
    let copies: Vec<&PathBuf> = args.get_many("copies").into_iter().flatten().collect();
    if (depth == "backup") != (copies.len() == 2) {
        let why = out.pick(
            "verify backup A B のように、比べる二つの保管庫を指定してください",
            "write verify backup A B, with the two archives to compare",
        );
        return Err(usage(why.to_owned(), out));
    }
    let report = match (depth, copies.as_slice()) {
        ("backup", [a, b]) => {
            let key_of = |folder: &PathBuf, out: &mut Out| {
                let mut input = common(args, out)?;
                input.archive.clone_from(folder);
                there(&input, out)?;
                Ok::<Input, Failure>(input)
            };
            let (first, second) = (key_of(a, out)?, key_of(b, out)?);
            verify::copies(&first, &second)
        }
        ("source", _) => source(args, out)?,
        ("counters", _) => counters::check(args, out)?,
        _ => {
            let input = input(args, out)?;
            let identities = identities(args, out)?;
            let mut report = verify::verify(&input, (depth == "full").then_some(&identities)).0;
            if args.get_one::<PathBuf>("archive").is_none() {
                verify::flags(&input.archive, &mut report);
            }
            report
        }
    };
    print(&report, args.get_flag("json"), out)?;
    match report.exit_code() {
        0 => Ok(()),
        code => Err(Failure::Verdict(code)),
    }
}

/// The ledger, and the logs that are still there against what was archived of them.
fn source(args: &ArgMatches, out: &mut Out) -> Result<Report, Failure> {
    let (config, _) = load(args, out)?;
    let input = input(args, out)?;
    let (mut report, log) = verify::ledger(&input);
    let store = Store::open_read(&config.store)?;
    let mut files = Vec::new();
    for (id, _) in store.source_rows()? {
        files.extend(store.segments(id)?);
    }
    verify::sources(&log, &files, &mut report);
    Ok(report)
}

/// A reason in the language of the console.
pub(super) fn said(why: &str, out: &Out) -> String {
    match out.lang() {
        Lang::Ja => verify::ja(why),
        Lang::En => why.to_owned(),
    }
}

pub(super) fn usage(why: String, out: &mut Out) -> Failure {
    out.error(&why);
    Failure::Verdict(3)
}

pub(super) fn input(args: &ArgMatches, out: &mut Out) -> Result<Input, Failure> {
    let archive = match args.get_one::<PathBuf>("archive") {
        Some(folder) => folder.clone(),
        None => load(args, out)?.0.evidence.folder,
    };
    let mut input = common(args, out)?;
    input.archive = archive;
    there(&input, out)?;
    Ok(input)
}

fn there(input: &Input, out: &mut Out) -> Result<(), Failure> {
    if input.archive.is_dir() {
        return Ok(());
    }
    let why = out.pick("フォルダーがありません", "no such folder");
    Err(usage(format!("{}: {why}", input.archive.display()), out))
}

/// Everything but the folder.
fn common(args: &ArgMatches, out: &mut Out) -> Result<Input, Failure> {
    let public = match args.get_one::<String>("key") {
        None => None,
        Some(text) => Some(key(text, out)?),
    };
    let given = |name: &str| args.try_get_one::<String>(name).ok().flatten();
    let now = match given("now") {
        None => SystemClock.now(),
        Some(text) => match time::any(text.as_bytes(), 9 * 3_600) {
            Some(at) => WallTime::from_micros(at.micros()),
            None => return Err(usage(format!("--now: {text}"), out)),
        },
    };
    let hours = args
        .try_get_one::<u64>("stale-after")
        .ok()
        .flatten()
        .copied()
        .unwrap_or(STALE_HOURS);
    let anchors = match args.try_get_one::<PathBuf>("anchors").ok().flatten() {
        None => Vec::new(),
        Some(folder) => {
            let found = anchors(folder)?;
            if found.is_empty() {
                let why = out.pick(
                    "照合点がありません（.note、syslog、メール）",
                    "no checkpoint there (.note, syslog, mail)",
                );
                out.error(&format!("--anchors {}: {why}", folder.display()));
            }
            found
        }
    };
    Ok(Input {
        archive: PathBuf::new(),
        key: public,
        anchors,
        now,
        stale_after: Duration::from_secs(hours.saturating_mul(3_600)),
    })
}

/// The configured archive (or the one that was named), to read its ledger whatever its age.
pub(super) fn ledger_input(args: &ArgMatches, config: &Config, out: &mut Out) -> Result<Input, Failure> {
    let archive = args.get_one::<PathBuf>("archive").cloned();
    let public = match args.get_one::<String>("key") {
        None => None,
        Some(text) => Some(key(text, out)?),
    };
    Ok(Input {
        archive: archive.unwrap_or_else(|| config.evidence.folder.clone()),
        key: public,
        anchors: Vec::new(),
        now: SystemClock.now(),
        stale_after: Duration::MAX,
    })
}

pub(super) fn print(report: &Report, as_json: bool, out: &mut Out) -> Result<(), Failure> {
    let lang = out.lang();
    if as_json {
        for finding in &report.findings {
            out.line(&finding.json(lang).to_string())?;
        }
        let (anchored, at) = report.anchored.clone().unzip();
        let whole = json!({
            "result": report.exit_code(), "entries": report.entries, "segments": report.segments,
            "records": report.records, "anchored": anchored, "anchored_at": at, "newest": report.newest,
            "self_consistent_seconds": report.alone.map(|d| d.as_secs()),
        });
        return Ok(out.line(&whole.to_string())?);
    }
    for finding in &report.findings {
        let word = match finding.code.weight() {
            Weight::Info => lang.pick("参考", "note"),
            Weight::Warning => lang.pick("注意", "warning"),
            Weight::Unchecked => lang.pick("未確認", "unchecked"),
            Weight::Evidence => lang.pick("異常", "FOUND"),
        };
        let code = finding.code.as_str();
        out.line(&format!(
            "{word} {code}: {}",
            lang.pick(&finding.what.0, &finding.what.1)
        ))?;
        let next = lang.pick(&finding.next.0, &finding.next.1);
        if !next.is_empty() {
            out.line(&format!("    {next}"))?;
        }
    }
    let (entries, segments, records) = (number(report.entries), number(report.segments), number(report.records));
    out.line(&match lang {
        Lang::Ja => format!("検証した範囲：記録簿 {entries} 項目、区画 {segments} 個、記録 {records} 件"),
        Lang::En => format!("checked: {entries} entries, {segments} segments, {records} records"),
    })?;
    Ok(out.line(&conclusion(report, lang))?)
}

/// Up to when the record is proved, and since when it only agrees with itself.
fn conclusion(report: &Report, lang: Lang) -> String {
    let alone = report.alone.unwrap_or_default();
    let alone = duration_text(Duration::from_secs(alone.as_secs()), lang);
    let clean = report.exit_code() == 0;
    match (&report.anchored, lang, clean) {
        (_, Lang::Ja, false) => {
            "結果：上記のとおり異常または未確認があります。改ざんなしとは確認できません。".to_owned()
        }
        (_, Lang::En, false) => "result: see above; the record is not confirmed to be unaltered".to_owned(),
        (Some((_, at)), Lang::Ja, true) => format!(
            "結果：{} の照合点（外部の控え）まで改ざんなしを確認。以後 {alone}間は自己整合のみ",
            spoken_time(at, lang)
        ),
        (Some((_, at)), Lang::En, true) => format!(
            "result: unaltered up to the checkpoint of {} kept outside; the {alone} since are only consistent with themselves",
            spoken_time(at, lang)
        ),
        (None, Lang::Ja, true) => {
            format!("結果：異常なし。ただし外部の照合点がないため、全期間（{alone}）が自己整合のみ")
        }
        (None, Lang::En, true) => format!(
            "result: nothing found, but without a checkpoint from outside the whole span ({alone}) is only consistent with itself"
        ),
    }
}
