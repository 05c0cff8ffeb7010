//! `sekimori export`: access records of a period, a person, a dataset or one citizen (本人照会・開示請求), for whoever holds an
//! identity; as a table or with proofs.
//!
//! What is given out, to whom and why is entered into the ledger and signed before the first record is, and what it came to
//! afterwards.
//! Exit codes: 0 complete, 1 failed, 2 wrong usage, 3 something could not be opened or was lost: the answer says what is missing.

mod rows;
mod scope;

use std::io::{Read as _, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use sha2::{Digest, Sha256};

use self::rows::{Csv, Json, Rows};
use self::scope::Named;
use super::alert::act::must_be_known;
use super::out::Out;
use super::verify::{archive_arg, identity_arg, key_arg, ledger_input};
use super::{Failure, config_arg, load};
use crate::calendar::{Day, day_of};
use crate::clock::{Clock, EventTime, SystemClock, WallTime};
use crate::config::Config;
use crate::evidence::{Entry, Identity, hex, verify};
use crate::pipeline::{Looked, Reread, Search};
use crate::service::settle::settle;
use crate::service::{import, setup};
use crate::store::Store;
use crate::text::{Lang, number};

pub(super) fn command(lang: Lang) -> Command {
    let text = |name: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        Arg::new(name).long(name).value_name(value).help(lang.pick(ja, en))
    };
    Command::new("export")
        .about(lang.pick(
            "保管したアクセス記録を取り出します（監査・本人照会・開示請求）。取り出したことも記録されます",
            "gives out archived access records (audit, a citizen's inquiry); that is recorded, too",
        ))
        .after_help(lang.pick(
            "終了コード: 0 すべて取り出しました　1 失敗　2 使い方の誤り　3 開けない区画又は失われた記録があり、回答は不完全です",
            "Exit codes: 0 complete, 1 failed, 2 wrong usage, 3 some segments could not be opened, or records were lost: the answer is not complete",
        ))
        .arg(config_arg(lang))
        .arg(
            text(
                "by",
                "STAFF",
                "取り出す者の職員番号",
                "staff number of whoever takes them out",
            )
            .required(true),
        )
        .arg(
            text(
                "reason",
                "TEXT",
                "理由・決裁番号・請求の受付番号",
                "why; number of the decision or request",
            )
            .required(true),
        )
        .arg(text("from", "DATE", "この日（時刻）から", "from this day or time"))
        .arg(text(
            "to",
            "DATE",
            "この日まで（その日を含む。時刻ならその前まで）",
            "to this day, inclusive; before this time",
        ))
        .arg(text("person", "STAFF", "この職員の利用", "accesses of this person"))
        .arg(text(
            "account",
            "ACCOUNT",
            "この利用者IDの利用",
            "accesses of this account",
        ))
        .arg(text("dataset", "ID", "この情報資産の利用", "accesses to this dataset"))
        .arg(text(
            "subject",
            "NUMBER",
            "この本人（宛名番号など）に関する利用。- なら標準入力から読みます",
            "accesses to this citizen's records; - reads the number from standard input",
        ))
        .arg(
            Arg::new("format")
                .long("format")
                .value_parser(["csv", "json"])
                .default_value("csv")
                .help(lang.pick(
                    "csv: 表（BOM付きUTF-8）　json: 1件ごとの証明付き",
                    "csv: a table (UTF-8 with BOM); json: with a proof for each record",
                )),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help(lang.pick(
                    "書き出す新しいファイル（省略時は標準出力）",
                    "new file to write (default: standard output)",
                )),
        )
        .arg(
            Arg::new("anyway")
                .long("anyway")
                .action(ArgAction::SetTrue)
                .help(lang.pick(
                    "記録簿に異常があっても取り出します（記録されます）",
                    "also where the ledger does not verify; that is recorded",
                )),
        )
        .arg(archive_arg(lang))
        .arg(key_arg(lang))
        .arg(identity_arg(lang))
}

/// Where the rows go: a file or standard output, hashed on the way.
struct Sink<'a> {
    file: Option<std::io::BufWriter<std::fs::File>>,
    out: &'a mut Out,
    hash: Sha256,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.hash.update(bytes);
        match &mut self.file {
            Some(file) => file.write_all(bytes)?,
            None => self.out.bytes(bytes)?,
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.file {
            Some(file) => {
                file.flush()?;
                file.get_ref().sync_all()
            }
            None => self.out.flush(),
        }
    }
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let now = SystemClock.now();
    let input = ledger_input(args, &config, out)?;
    let (report, log) = verify::ledger(&input);
    let sound = report.exit_code() == 0;
    if !sound && !args.get_flag("anyway") {
        super::verify::print(&report, false, out)?;
        return Err(Failure::Failed(
            out.pick(
                "記録簿に異常があるため取り出しません。それでも必要なときは --anyway を付けてください（記録されます）",
                "the ledger does not verify, so nothing is given out; --anyway does it all the same, and records that",
            )
            .to_owned(),
        ));
    }
    let identities = identities(args, out)?;
    let mut store = Store::open(&config.store)?;
    let key = setup::subject_key(&config.subject_key, &mut store).map_err(|e| Failure::Failed(e.to_string()))?;
    let names = store.names()?;
    let asked = scope::read(args, &config, &store, (&names, &key))?;
    let datasets = store.dataset_ids(&config.datasets.iter().map(|d| d.id.as_str()).collect::<Vec<_>>())?;
    let titles = config.datasets.iter().map(|d| (d.id.clone(), d.title.clone()));
    let mut named = Named::new(names, datasets.iter().copied().zip(titles).collect());
    let version = store.register_version()?.map_or(0, |v| v.id);
    let register = import::of_version(&store, &config.accounts, version).map_err(|e| Failure::Failed(e.to_string()))?;
    let by = args.get_one::<String>("by").map_or("", String::as_str).trim();
    must_be_known(&config, &register, by, now, out)?;
    let mut reread = Reread::new(&config, &datasets, register, key).map_err(|e| Failure::Config(e.to_string()))?;
    let text = |name: &str| args.get_one::<String>(name).map_or("", String::as_str).trim();
    let format = text("format");
    let mut entry = Entry::new("export", now)
        .with("format", format)
        .with("kind", asked.kind.clone());
    if !sound {
        entry = entry.with("anyway", true);
    }
    let of = store.ledger_decided(entry, (text("by"), text("reason")), asked.bound.clone())?;
    // Before the first record: a copy of the store made a moment ago must not be able to take the entry back.
    signed(&config, &mut store, now, !sound, out)?;

    let search = Search {
        archive: &input.archive,
        log: &log,
        identities: &identities,
    };
    let mut looked = Looked::default();
    let candidates = search.candidates(&asked.scope, &mut looked);
    progress(candidates.len(), &looked, out);
    let mut sink = Sink {
        file: file(args)?,
        out,
        hash: Sha256::new(),
    };
    let lang = sink.out.lang();
    let mut rows: Box<dyn Rows> = match format {
        "json" => Box::new(Json::new(&log, &asked, (of, now))),
        _ => Box::new(Csv(lang)),
    };
    rows.begin(&mut sink)?;
    let who = named.clone();
    let done = search.records(
        candidates,
        &asked.scope,
        &mut reread,
        &mut named,
        &mut looked,
        &mut |hit| rows.record(hit, &who, &mut sink),
    );
    done.map_err(|e| Failure::Failed(e.to_string()))?;
    rows.end(&looked, &mut sink)?;
    sink.flush()?;
    let hash: [u8; 32] = sink.hash.finalize().into();
    store.ledger_append(&[Entry::new("exported", SystemClock.now())
        .with("of", of)
        .with("records", looked.found)
        .with("segments", looked.opened)
        .with("complete", looked.complete())
        .with("sha256", hex(&hash))])?;
    signed(&config, &mut store, SystemClock.now(), !sound, sink.out)?;
    let rejects = store.rejects_in(asked.days.0, asked.days.1)?;
    told(&looked, (&hex(&hash), rejects, identities.is_empty()), asked.days, out);
    if looked.complete() {
        Ok(())
    } else {
        Err(Failure::Verdict(3))
    }
}

/// Waits until what is given out is known for good. Where the ledger is broken already and people asked for the records all
/// the same (`anyway`), that it cannot be signed is said and does not hold them up.
fn signed(config: &Config, store: &mut Store, now: WallTime, anyway: bool, out: &mut Out) -> Result<(), Failure> {
    match settle(config, store, now) {
        Err(why) if anyway => {
            out.error(why.say().pick(out.lang()));
            Ok(())
        }
        done => Ok(done?),
    }
}

/// The identities of `--identity`: a file, or standard input, so that none is ever written down on this host.
fn identities(args: &ArgMatches, out: &mut Out) -> Result<Vec<Identity>, Failure> {
    if args
        .get_one::<PathBuf>("identity")
        .is_some_and(|path| path.as_os_str() == "-")
    {
        let mut text = String::new();
        std::io::stdin().take(1 << 16).read_to_string(&mut text)?;
        return Identity::read_all(&text).map_err(|why| Failure::Failed(why.to_string()));
    }
    super::verify::identities(args, out)
}

fn file(args: &ArgMatches) -> Result<Option<std::io::BufWriter<std::fs::File>>, Failure> {
    let Some(path) = args.get_one::<PathBuf>("out") else {
        return Ok(None);
    };
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let file = file.map_err(Failure::at(path))?;
    Ok(Some(std::io::BufWriter::with_capacity(1 << 18, file)))
}

fn progress(candidates: usize, looked: &Looked, out: &mut Out) {
    let (all, open) = (number(looked.segments), number(u64::try_from(candidates).unwrap_or(0)));
    let said = match out.lang() {
        Lang::Ja => format!("対象の区画 {all} 個のうち {open} 個を開きます。"),
        Lang::En => format!("opening {open} of {all} segments"),
    };
    out.error(&said);
}

/// The period that was asked for, and what the archive holds at all: nothing found means nothing outside of it.
fn reach(days: (i32, i32), held: Option<(i64, i64)>, lang: Lang) -> String {
    let day = |day: i32| match lang {
        Lang::Ja => Day(day).wareki(),
        Lang::En => Day(day).iso(),
    };
    // As far back and ahead as days go: nobody said where to begin or end.
    let known = |day: i32| -400_000 < day && day < 400_000;
    let from = if known(days.0) { day(days.0) } else { String::new() };
    let to = if known(days.1) { day(days.1) } else { String::new() };
    let of = |at: i64| day(day_of(EventTime::from_micros(at)).0);
    match (lang, held) {
        (Lang::Ja, Some((first, last))) => format!(
            "対象期間：{from}〜{to}　保管庫にある記録の期間：{}〜{}（この外の利用は分かりません）",
            of(first),
            of(last)
        ),
        (Lang::Ja, None) => format!("対象期間：{from}〜{to}　保管庫に封印済みの記録はありません"),
        (Lang::En, Some((first, last))) => format!(
            "period asked for: {from} to {to}; the archive holds records of {} to {} (of uses outside it nothing is known)",
            of(first),
            of(last)
        ),
        (Lang::En, None) => format!("period asked for: {from} to {to}; no sealed record is in the archive"),
    }
}

fn told(looked: &Looked, (hash, rejects, no_identity): (&str, u64, bool), days: (i32, i32), out: &mut Out) {
    let (found, records, opened) = (number(looked.found), number(looked.records), number(looked.opened));
    let list = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let lang = out.lang();
    let mut lines = vec![match lang {
        Lang::Ja => {
            format!("{found} 件を取り出しました（開いた区画 {opened} 個、読んだ記録 {records} 件）。SHA-256 {hash}")
        }
        Lang::En => format!("{found} records ({opened} segments opened, {records} records read); SHA-256 {hash}"),
    }];
    lines.push(reach(days, looked.held, lang));
    if !looked.gaps.is_empty() {
        let gaps = list(&looked.gaps);
        lines.push(match lang {
            Lang::Ja => format!("この期間のものかもしれない記録が、保管される前に失われています（記録簿の {gaps} 番。sekimori verify で確認できます）。"),
            Lang::En => format!("records that may be of this period were lost before they were archived (entries {gaps} of the ledger; see sekimori verify)"),
        });
    }
    if 0 < rejects {
        let rejects = number(rejects);
        lines.push(match lang {
            Lang::Ja => format!("注意：この期間に、解釈できなかった行が {rejects} 行あります。利用者・本人による検索の対象になりません。"),
            Lang::En => format!("note: {rejects} lines of this period could not be read; a search by person or citizen does not find them"),
        });
    }
    lines.push(
        lang.pick(
            "まだ封印していない記録（直近1時間以内など）は含まれません。",
            "Records that are not sealed yet (of the last hour or so) are not in it.",
        )
        .to_owned(),
    );
    if !looked.missing.is_empty() {
        let missing = list(&looked.missing);
        lines.push(match lang {
            Lang::Ja => format!("区画がないため含まれません（消去済みまたは欠落）：{missing}"),
            Lang::En => format!("not there (expired or missing) and so not in it: segments {missing}"),
        });
    }
    if !looked.unusable.is_empty() && no_identity {
        let why = lang.pick(
            "秘密鍵（--identity）が指定されていません。暗号化された区画は開けません。",
            "No identity is given (--identity): encrypted segments cannot be opened.",
        );
        lines.push(why.to_owned());
    }
    for (n, why) in &looked.unusable {
        lines.push(match lang {
            Lang::Ja => format!("区画 {n} は開けないため含まれません：{}", verify::ja(why)),
            Lang::En => format!("segment {n} is not in it: {why}"),
        });
    }
    if !looked.complete() {
        let why = lang.pick(
            "この回答は不完全です。「該当なし」の根拠にはなりません（終了コード 3）。",
            "This answer is not complete: it does not show that there is nothing more (exit code 3).",
        );
        lines.push(why.to_owned());
    }
    lines.iter().for_each(|line| out.error(line));
}

/// For the bound part of the entry: what was asked for, in full.
fn bound_of(values: &[(&str, &str)]) -> serde_json::Value {
    json!(values.iter().copied().collect::<std::collections::BTreeMap<_, _>>())
}
