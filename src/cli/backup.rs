//! `sekimori backup` and `restore`: a sealed copy of the store while it is in use, and the way back.
//!
//! The copy is encrypted to the officers like the segments are. A restored store is older than the log folder: it takes over
//! the entries it lacks, says in the ledger who restored it and why, and reads on from where the copy stood; the counters of
//! what is still in the logs come right. Private keys are in no copy.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::out::Out;
use super::verify::{archive_arg, identities, identity_arg, key_arg, ledger_input};
use super::{Failure, config_arg, load};
use crate::alert::notice::{Handled, Notice};
use crate::calendar::rfc3339;
use crate::clock::{Clock, SystemClock, WallTime};
use crate::config::Config;
use crate::evidence::{Entry, Frontier, leaf_hash, open_sealed, seal_file, sync_folder, verify};
use crate::service::settle::settle;
use crate::store::{Lock, Store, StoreError};
use crate::text::{Lang, Say, number};

/// What the names of copies begin with.
const NAME: &str = "sekimori-";

pub(super) fn command(lang: Lang) -> Command {
    Command::new("backup")
        .about(lang.pick(
            "データベースの写しを、封印して作ります（稼働中でも取れます）",
            "makes a sealed copy of the store, also while it is in use",
        ))
        .arg(config_arg(lang))
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("DIR")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help(lang.pick("写しを置くフォルダー", "folder for the copies")),
        )
        .arg(
            Arg::new("keep")
                .long("keep")
                .value_name("N")
                .value_parser(clap::value_parser!(u16).range(1..))
                .help(lang.pick("新しいほうから N 個だけ残します", "keeps only the newest N copies")),
        )
}

pub(super) fn restore_command(lang: Lang) -> Command {
    let text = |name: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .required(true)
            .help(lang.pick(ja, en))
    };
    Command::new("restore")
        .about(lang.pick(
            "データベースを写しから戻します。戻したことは記録簿に残ります",
            "puts a copy of the store back in its place; the ledger says so",
        ))
        .arg(config_arg(lang))
        .arg(text("from", "FILE", "戻す写し", "the copy").value_parser(clap::value_parser!(PathBuf)))
        .arg(text(
            "by",
            "STAFF",
            "決定した者の職員番号",
            "staff number of whoever decided",
        ))
        .arg(text("reason", "TEXT", "理由・決裁番号", "why; number of the decision"))
        .arg(archive_arg(lang))
        .arg(key_arg(lang))
        .arg(identity_arg(lang))
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let now = SystemClock.now();
    let folder = args.get_one::<PathBuf>("to").cloned().unwrap_or_default();
    let mut store = Store::open(&config.store)?;
    // Beside the store: nobody else may read there, and the plain copy must not lie where copies are pulled from.
    let plain = config.store.with_extension("backup");
    remove(&plain)?;
    let made = make(&config, &store, (&plain, &folder), now);
    remove(&plain)?;
    let made = made?;
    // Nobody pulls it under this name; it gets its own once the ledger knows of it for good.
    let entered = enter(&config, &mut store, &made, now);
    if let Err(e) = entered {
        remove(&made.unfinished)?;
        return Err(e);
    }
    let (hash, len) = entered?;
    std::fs::rename(&made.unfinished, &made.path)?;
    sync_folder(&made.path)?;
    if let Some(keep) = args.get_one::<u16>("keep") {
        thin_out(&folder, usize::from(*keep))?;
    }
    let (len, size, at) = (number(len), number(made.size), made.path.display());
    Ok(out.line(&match out.lang() {
        Lang::Ja => format!("{at}（{len} バイト、記録簿 {size} 項目まで、SHA-256 {hash}）"),
        Lang::En => format!("{at} ({len} bytes, up to {size} entries of the ledger, SHA-256 {hash})"),
    })?)
}

/// A sealed copy, before and after it gets its name.
struct Made {
    unfinished: PathBuf,
    path: PathBuf,
    /// Entries of the ledger it holds.
    size: u64,
}

/// Enters the copy into the ledger, and waits until that is signed: SHA-256 and length.
fn enter(config: &Config, store: &mut Store, made: &Made, now: WallTime) -> Result<(String, u64), Failure> {
    let (hash, len) = verify::sha256(&made.unfinished)?;
    let name = made.path.file_name().map(|n| n.to_string_lossy().into_owned());
    let recipients = config.evidence.recipients.iter().map(|r| r.fingerprint());
    store.ledger_append(&[Entry::new("backup", now)
        .with("name", name.unwrap_or_default())
        .with("upto", made.size)
        .with("sha256", hash.as_str())
        .with("len", len)
        .with("rcpt", recipients.collect::<Vec<_>>())])?;
    settle(config, store, now)?;
    Ok((hash, len))
}

fn make(config: &Config, store: &Store, (plain, folder): (&Path, &Path), now: WallTime) -> Result<Made, Failure> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    let size = store.copy_to(plain)?;
    let digits = |c: &char| c.is_ascii_digit() || *c == 'T';
    let at: String = rfc3339(now.micros()).chars().take(19).filter(digits).collect();
    let ending = if config.evidence.recipients.is_empty() {
        "db.zst"
    } else {
        "db.zst.age"
    };
    let path = folder.join(format!("{NAME}{at}.{ending}"));
    let unfinished = folder.join(format!(".{NAME}{at}.new"));
    remove(&unfinished)?;
    seal_file(plain, &unfinished, &config.evidence.recipients, 3).map_err(Failure::at(&path))?;
    Ok(Made { unfinished, path, size })
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Failure::at(path)(e)),
        _ => Ok(()),
    }
}

fn thin_out(folder: &Path, keep: usize) -> Result<(), Failure> {
    let mut copies: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| {
            let name = path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            name.starts_with(NAME) && name.contains(".db.zst")
        })
        .collect();
    copies.sort();
    let surplus = copies.len().saturating_sub(keep);
    copies.iter().take(surplus).try_for_each(|path| remove(path))
}

pub(super) fn restore(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let now = SystemClock.now();
    let text = |name: &str| args.get_one::<String>(name).map_or("", String::as_str).trim();
    if text("by").is_empty() || text("reason").is_empty() {
        return Err(Failure::Usage(Say::new(
            "--by と --reason を指定してください。",
            "give --by and --reason",
        )));
    }
    let _lock = Lock::take(&config.store)?;
    if config.store.exists() {
        let why = out.pick(
            "データベースが既にあります。別の場所に移して（証拠として残して）からやり直してください",
            "the store is there; move it elsewhere (keep it as evidence) and try again",
        );
        return Err(Failure::Failed(format!("{}: {why}", config.store.display())));
    }
    let from = args.get_one::<PathBuf>("from").cloned().unwrap_or_default();
    let unfinished = config.store.with_extension("restored");
    remove(&unfinished)?;
    let identities = identities(args, out)?;
    let opened = open_sealed(&from, &identities, &unfinished)
        .map_err(|e| Failure::Failed(format!("{}: {e}", from.display())))
        .and_then(|()| Ok(Store::check_copy(&unfinished)?));
    let size = match opened {
        Ok(size) => size,
        Err(e) => {
            remove(&unfinished)?;
            return Err(e);
        }
    };
    // Before it is in its place, so that a daemon never sees it without what it takes over.
    let (hash, _) = verify::sha256(&from)?;
    let deed = Deed {
        by: text("by"),
        reason: text("reason"),
        sha256: &hash,
        size,
    };
    let adopted = adopt(args, &config, &unfinished, &deed, now, out);
    if let Err(e) = adopted {
        remove(&unfinished)?;
        return Err(e);
    }
    std::fs::rename(&unfinished, &config.store)?;
    sync_folder(&config.store)?;
    let (adopted, size) = (number(adopted?), number(size));
    Ok(out.line(&match out.lang() {
        Lang::Ja => format!("戻しました（記録簿 {size} 項目）。保管庫から {adopted} 項目を引き継ぎ、戻したことを記録しました。sekimori を起動してください。"),
        Lang::En => format!("restored ({size} entries of the ledger); took over {adopted} entries from the archive and recorded the restoration; start sekimori now"),
    })?)
}

/// A restoration: who, why, from what.
struct Deed<'a> {
    by: &'a str,
    reason: &'a str,
    /// Of the copy, hex.
    sha256: &'a str,
    /// Entries of the ledger in it.
    size: u64,
}

/// Takes over what the log folder holds beyond the copy; how many entries.
fn adopt(
    args: &ArgMatches,
    config: &Config,
    path: &Path,
    deed: &Deed<'_>,
    now: WallTime,
    out: &mut Out,
) -> Result<u64, Failure> {
    let Deed {
        by,
        reason,
        sha256,
        size,
    } = *deed;
    let entries = config.evidence.folder.join("log/entries.jsonl");
    let mut store = Store::open(path)?;
    let mut lines = Vec::new();
    if entries.exists() {
        let input = ledger_input(args, config, out)?;
        let (report, log) = verify::ledger(&input);
        if report.exit_code() != 0 {
            super::verify::print(&report, false, out)?;
            return Err(Failure::Failed(
                out.pick(
                    "保管庫の記録簿に異常があります。原因を確かめるまで戻せません",
                    "the ledger of the archive does not verify; nothing is restored before that is understood",
                )
                .to_owned(),
            ));
        }
        let text = std::fs::read_to_string(&entries)?;
        let all: Vec<&str> = text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
            .collect();
        let both = usize::try_from(size).unwrap_or(usize::MAX);
        let mut tree = Frontier::default();
        all.iter()
            .take(both)
            .for_each(|line| tree.push(leaf_hash(line.as_bytes())));
        let ours = store.ledger_tree()?;
        let shared = log.leaves.len().min(both);
        if (ours.size() == tree.size() && ours.root() != tree.root()) || shared == 0 && 0 < both && !all.is_empty() {
            return Err(Failure::Failed(
                out.pick(
                    "この写しは、この保管庫のものではありません（記録簿が一致しません）",
                    "the copy is not one of this archive: their ledgers differ",
                )
                .to_owned(),
            ));
        }
        lines = all.iter().skip(both).map(|line| (*line).to_owned()).collect();
    }
    let adopted = u64::try_from(lines.len()).unwrap_or(0);
    // The copy itself does not hold the entry about it; the folder does.
    let of_this =
        |line: &String| Entry::read(line.as_bytes()).is_ok_and(|e| e.kind() == "backup" && e.text("sha256") == sha256);
    let known = lines.iter().any(of_this);
    let row = store.bound(&json!({"what": "recover", "by": by, "reason": reason}))?;
    let last = Entry::new("recover", now)
        .with("from", size)
        .with("to", size.saturating_add(adopted))
        .with("by", by)
        .with("sha256", sha256)
        .with("known", known)
        .with("row", row);
    store.adopt(&lines, &last).map_err(|e: StoreError| Failure::from(e))?;
    store.note(
        now,
        &crate::store::Journal {
            what: "recover",
            detail: format!("{by}: {reason}"),
        },
    )?;
    let notice = Notice::Handled(Handled::Restored {
        by: by.to_owned(),
        reason: reason.to_owned(),
        sha256: sha256.to_owned(),
        known,
        entries: (size, adopted),
    });
    super::approval::tell(config, &mut store, &notice, "K", now)?;
    Ok(adopted)
}
