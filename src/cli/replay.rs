//! `sekimori replay`: past logs through the very same pipeline into a scratch store; nothing is mailed.

mod compare;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};

use super::out::Out;
use super::{Failure, config_arg, json, json_arg, load, run};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, source_for_file};
use crate::pipeline::{Begin, Pipeline, Proof};
use crate::service::setup;
use crate::source::Start;
use crate::store::{AlertFilter, Store};
use crate::text::{Lang, inert, say};

pub(super) fn command(lang: Lang) -> Command {
    Command::new("replay")
        .about(lang.pick(
            "過去の記録を同じ処理に通し、出るはずの警告を表示します（送信しません）",
            "runs past logs through the same pipeline and prints the alerts; sends nothing",
        ))
        .arg(config_arg(lang))
        .arg(json_arg(lang))
        .arg(
            Arg::new("source")
                .long("source")
                .value_name("NAME")
                .help(lang.pick("FILESをこのログ源として読みます", "read FILES as this source")),
        )
        .arg(
            Arg::new("store")
                .long("store")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help(lang.pick(
                    "結果を残す新しいファイル（省略時は終了時に消去）",
                    "new file to keep the result in (default: gone at the end)",
                )),
        )
        .arg(
            Arg::new("archive")
                .long("archive")
                .value_name("DIR")
                .value_parser(clap::value_parser!(PathBuf))
                .help(lang.pick(
                    "記録簿と区画もこの新しいフォルダーに作ります",
                    "also makes ledger and segments, in this new folder",
                )),
        )
        .arg(
            Arg::new("compare")
                .long("compare")
                .value_name("RULES")
                .value_parser(clap::value_parser!(PathBuf))
                .conflicts_with_all(["store", "archive"])
                .help(lang.pick(
                    "この規則ファイルでも同じ記録を処理し、増える警告・なくなる警告を示します",
                    "runs the logs through this file of rules as well and shows which alerts come and go",
                )),
        )
        .arg(
            Arg::new("files")
                .value_name("FILES")
                .num_args(0..)
                .value_parser(clap::value_parser!(PathBuf))
                .help(lang.pick(
                    "読む記録（省略時は設定のログ源）",
                    "logs to read (default: the configured sources)",
                )),
        )
}

/// A folder that is removed at the end.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Scratch, Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let mut bytes = [0u8; 8];
        getrandom::fill(&mut bytes).map_err(|e| Failure::Failed(e.to_string()))?;
        let name = format!("sekimori-replay-{:016x}", u64::from_ne_bytes(bytes));
        let folder = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Scratch(folder))
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of a scratch store harms nobody.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    if let Some(rules) = args.get_one::<PathBuf>("compare") {
        return compare::run(config, args, rules, out);
    }
    let scratch = Scratch::new()?;
    let pipeline = play(config, args, &scratch, "replay.db")?;
    print(&pipeline, args.get_flag("json"), out)
}

/// Runs the files of `args` through the rules of `config`.
fn play(mut config: Config, args: &ArgMatches, scratch: &Scratch, name: &str) -> Result<Pipeline, Failure> {
    let files: Vec<PathBuf> = args
        .get_many::<PathBuf>("files")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let named = args.get_one::<String>("source").map(String::as_str);
    choose_files(&mut config, &files, named)?;
    let kept = args.get_one::<PathBuf>("store");
    if let Some(path) = kept
        && path.exists()
    {
        return Err(Failure::Usage({
            let path = path.display();
            say!(
                "{path} はすでにあります。新しい名前を指定してください。",
                "{path} exists; name a new file"
            )
        }));
    }
    let daemons = std::mem::replace(&mut config.store, kept.cloned().unwrap_or_else(|| scratch.file(name)));
    let mut store = Store::open(&config.store)?;
    store.scratch()?;
    if daemons.exists() && config.subject_key.exists() {
        // Hashes of the same key: what the daemon watches for is watched for here.
        let daemons = Store::open_read(&daemons)?;
        store.copy_lists(&daemons)?;
        store.copy_jobs(&daemons)?;
    }
    store.set_cache(16 * 1024)?;
    let now = SystemClock.now();
    let register = super::register(&config)?;
    let key = if config.subject_key.exists() {
        setup::subject_key(&config.subject_key, &mut store)
    } else {
        setup::subject_key(&scratch.file("subject.key"), &mut store)
    };
    let key = key.map_err(|e| Failure::Failed(e.to_string()))?;
    let host = setup::host_name();
    let mut pipeline =
        Pipeline::new(&config, store, register, key, &host).map_err(|e| Failure::Config(e.to_string()))?;
    if kept.is_none() {
        pipeline.for_once();
    }
    if let Some(folder) = args.get_one::<PathBuf>("archive") {
        archive(&mut pipeline, &mut config, folder, now).map_err(|e| Failure::Failed(e.to_string()))?;
    }
    let mut rescan = true;
    loop {
        let step = pipeline
            .step(SystemClock.now(), rescan)
            .map_err(|e| Failure::Failed(e.to_string()))?;
        rescan = false;
        if step.lines == 0 && !step.more && !pipeline.poll() && !pipeline.end_records() {
            break;
        }
    }
    pipeline.finish(now).map_err(|e| Failure::Failed(e.to_string()))?;
    Ok(pipeline)
}

/// Lets the whole path of writing run, as in the daemon.
fn archive(
    pipeline: &mut Pipeline,
    config: &mut Config,
    folder: &Path,
    now: crate::clock::WallTime,
) -> Result<(), crate::pipeline::PipelineError> {
    config.evidence.folder = folder.to_owned();
    config.evidence.keys = folder.join("keys");
    let host = setup::host_name();
    let begin = Begin {
        config,
        host: &host,
        start: true,
    };
    let proof = Proof::open(pipeline.writing_store()?, &begin, now)?;
    pipeline.set_proof(proof);
    pipeline.open_archive(config, now)
}

fn print(pipeline: &Pipeline, as_json: bool, out: &mut Out) -> Result<(), Failure> {
    let mut alerts = pipeline.store().alerts(AlertFilter {
        leads_only: true,
        ..AlertFilter::default()
    })?;
    alerts.sort_by_key(|s| (s.alert.first_seen, s.alert.id));
    if !as_json {
        return run::print_alerts(pipeline, &alerts, out);
    }
    for stored in &alerts {
        let (shown, facts) = super::alert::facts(pipeline.store(), pipeline.teller(), stored)?;
        out.line(&json::alert(&shown, &facts).to_string())?;
    }
    Ok(())
}

/// Puts the files in place of the paths of the sources they belong to; other sources read nothing.
fn choose_files(config: &mut Config, files: &[PathBuf], named: Option<&str>) -> Result<(), Failure> {
    for source in &mut config.sources {
        source.read.start = Start::Beginning;
        source.read.rotate_wait = Duration::ZERO;
    }
    if files.is_empty() {
        return Ok(());
    }
    let mut chosen: Vec<Vec<String>> = vec![Vec::new(); config.sources.len()];
    for file in files {
        let index = source_of(config, file, named)?;
        let path = std::fs::canonicalize(file).map_err(Failure::at(file))?;
        let path = path.to_str().map(glob::Pattern::escape);
        let path = path.ok_or_else(|| {
            let file = file.display();
            Failure::Usage(say!(
                "{file}: ファイル名がUTF-8ではありません。",
                "{file}: the name is not UTF-8"
            ))
        })?;
        if let Some(paths) = chosen.get_mut(index) {
            paths.push(path);
        }
    }
    for (source, paths) in config.sources.iter_mut().zip(chosen) {
        // Files are read as files, also of a source that reads the journal.
        (source.read.paths, source.read.journal) = (paths, None);
    }
    Ok(())
}

pub(super) fn source_of(config: &Config, file: &Path, named: Option<&str>) -> Result<usize, Failure> {
    let names: Vec<&str> = config.sources.iter().map(|s| s.read.name.as_str()).collect();
    if let Some(name) = named {
        let hint = || {
            let (name, names) = (inert(name, 40), names.join(", "));
            Failure::Usage(say!(
                "監視対象 {name} はありません。あるもの：{names}",
                "there is no source {name}; there are: {names}"
            ))
        };
        return names.iter().position(|n| *n == name).ok_or_else(hint);
    }
    if names.len() == 1 {
        return Ok(0);
    }
    source_for_file(config, file).ok_or_else(|| {
        if let Err(e) = std::fs::metadata(file) {
            return Failure::at(file)(e);
        }
        let (file, names) = (file.display(), names.join(", "));
        Failure::Usage(say!(
            "{file} はどの監視対象のファイルでもありません。--source で指定してください：{names}",
            "{file} is no file of a configured source; add --source with one of: {names}"
        ))
    })
}
