//! `sekimori account import` and `diff`: what a register changes, for people, before it is taken.

use clap::ArgMatches;
use serde_json::json;

use super::{in_force, standing, table, today};
use crate::calendar::Day;
use crate::cli::Failure;
use crate::cli::out::Out;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::register::import::{Item, What, difference};
use crate::register::sections::Role;
use crate::register::{Register, Verdict};
use crate::service::import::{self, ImportError, Known, Offer, Taken};
use crate::service::setup;
use crate::store::Store;
use crate::text::{Lang, inert, number};

/// Changes listed at an import: nobody reads more on a terminal, and a register in which every row changes is brought once
/// a year. All of them are listed by `account diff`.
const LINES_MAX: usize = 2_000;
/// Longest reason kept, in characters.
const REASON_CHARS_MAX: usize = 400;

pub(super) fn import(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let text = |name: &str| args.get_one::<String>(name).map_or("", String::as_str).trim();
    let (by, reason) = (inert(text("by"), 40), inert(text("reason"), REASON_CHARS_MAX));
    let now = SystemClock.now();
    let path = args.get_one::<std::path::PathBuf>("file").cloned().unwrap_or_default();
    let mut store = Store::open(&config.store)?;
    let version = store.register_version()?;
    let (offer, in_force) = both(config, &path, version.as_ref().map(|v| v.id));
    let offer = match offer {
        Ok(offer) => offer,
        Err(why) => {
            return Err(Failure::Failed(setup::refuse(
                &mut store,
                (&path, config.accounts.lang),
                &why,
                now,
            )?));
        }
    };
    for odd in &offer.reading.warnings {
        let column = inert(&odd.column, 40);
        let why = odd.why.pick(out.lang());
        out.error(&match out.lang() {
            Lang::Ja => format!("注意：{} 行目、列「{column}」：{why}", odd.line),
            Lang::En => format!("warning: line {}, column {column}: {why}", odd.line),
        });
    }
    let mut old = None;
    let mut plan = None;
    match version.map(|v| v.id) {
        None => may_import(config, &offer.reading.register, &by, out)?,
        Some(version) => {
            let in_force = in_force.unwrap_or_else(|| import::of_version(&store, &config.accounts, version));
            let old = old.insert(in_force.map_err(|e| Failure::Failed(e.to_string()))?);
            may_import(config, old, &by, out)?;
            let compared = Compared {
                store: &store,
                version,
                old,
                new: &offer.reading.register,
            };
            // What it would write is made out while what it changes is shown.
            plan = std::thread::scope(|scope| {
                let make = || import::plan(&Store::open_read(&config.store)?, Some(version), &offer.reading.rows);
                let thread = std::thread::Builder::new().name("plan".into());
                let thread = thread.spawn_scoped(scope, make).ok();
                show(&compared, (false, LINES_MAX), out)?;
                Ok::<_, Failure>(thread.and_then(|thread| thread.join().ok()?.ok()))
            })?;
        }
    }
    if args.get_flag("dry-run") {
        let word = out
            .pick("取り込んでいません（--dry-run）", "nothing was imported (--dry-run)")
            .to_owned();
        return Ok(out.line(&word)?);
    }
    let register = old.as_ref();
    let known = Known { register, plan };
    let taken = import::take(&mut store, &config.accounts, &offer, (&by, &reason), known, now);
    // The program ends here: nobody needs the time it takes to take large registers apart again.
    std::mem::forget(old);
    let done = match taken {
        Ok(taken) => {
            if let Taken::New { version, .. } = taken {
                // Shown above; it is not told a second time by mail.
                drop(import::odd_news(&mut store, &config.accounts, (&offer, version), now)?);
            }
            told(taken, &offer, out)
        }
        Err(ImportError::Refused(why)) => Err(Failure::Failed(setup::refuse(
            &mut store,
            (&path, config.accounts.lang),
            &why,
            now,
        )?)),
        Err(ImportError::Store(e)) => Err(e.into()),
    };
    std::mem::forget(offer);
    done
}

/// Reads the file and, on a thread of its own, the register in force, where there is one: each takes as long as the other.
fn both(
    config: &Config,
    path: &std::path::Path,
    version: Option<i64>,
) -> (Result<Offer, String>, Option<Result<Register, ImportError>>) {
    std::thread::scope(|scope| {
        let in_force = version.and_then(|version| {
            let read = move || import::of_version(&Store::open_read(&config.store)?, &config.accounts, version);
            let thread = std::thread::Builder::new().name("in-force".into());
            thread.spawn_scoped(scope, read).ok()
        });
        let offer = import::read(&config.accounts, path);
        // A thread that could not be had, or that failed, is no reason not to look: it is read again then.
        (offer, in_force.and_then(|thread| thread.join().ok()))
    })
}

/// Refuses a register that nobody stands for: whoever brings it has a right in force and the office for it.
pub(super) fn may_import(config: &Config, register: &Register, by: &str, out: &Out) -> Result<(), Failure> {
    let day = today();
    if !register.is_in_force(by, day) {
        return Err(Failure::Failed(match out.lang() {
            Lang::Ja => {
                format!("--by {by}：権限台帳で有効な職員ではありません。取り込む方ご本人の職員番号を書いてください")
            }
            Lang::En => format!(
                "--by {by}: the account register knows no right of this person in force; give the staff number of whoever imports it"
            ),
        }));
    }
    if config.sections.may_bring_registers(by, day) != Some(false) {
        return Ok(());
    }
    let role = |role: Role| match out.lang() {
        Lang::Ja => role.ja(),
        Lang::En => role.as_str(),
    };
    let (rights, system) = (role(Role::Rights), role(Role::System));
    Err(Failure::Failed(match out.lang() {
        Lang::Ja => format!(
            "--by {by}：台帳を取り込む役（{rights}、{system}）に就いていません。設定の [[post]] を確かめてください"
        ),
        Lang::En => format!(
            "--by {by}: this person holds no post that may import a register ({rights}, {system}); see [[post]]"
        ),
    }))
}

fn told(taken: Taken, offer: &Offer, out: &mut Out) -> Result<(), Failure> {
    let n = |n: usize| number(u64::try_from(n).unwrap_or(0));
    let register = &offer.reading.register;
    let (rows, accounts) = (n(register.rows()), n(register.accounts()));
    let text = match (taken, out.lang()) {
        (Taken::Same(version), Lang::Ja) => format!("版 {version} と同じ内容です。更新日だけを改めました。"),
        (Taken::Same(version), Lang::En) => format!("the same as version {version}; noted that it was brought again"),
        (Taken::New { version, added, ended }, Lang::Ja) => format!(
            "版 {version} として取り込みました（{rows} 行、アカウント {accounts}、追加 {} 行、終了 {} 行）。稼働中の sekimori には数秒で反映されます。",
            n(added),
            n(ended)
        ),
        (Taken::New { version, added, ended }, Lang::En) => format!(
            "imported as version {version} ({rows} rows, {accounts} accounts, {} rows added, {} ended); a running sekimori takes it up within seconds",
            n(added),
            n(ended)
        ),
    };
    Ok(out.line(&text)?)
}

pub(super) fn diff(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let json = args.get_flag("json");
    let (current, version) = in_force(config)?;
    let store = Store::open_read(&config.store)?;
    if let Some(since) = args.get_one::<i64>("since") {
        let old = import::of_version(&store, &config.accounts, *since).map_err(|e| Failure::Failed(e.to_string()))?;
        return show(
            &Compared {
                store: &store,
                version: *since,
                old: &old,
                new: &current,
            },
            (json, usize::MAX),
            out,
        );
    }
    let path = args
        .get_one::<std::path::PathBuf>("file")
        .unwrap_or(&config.accounts.path);
    let named = |why| Failure::Failed(format!("{}: {why}", path.display()));
    let offer = import::read(&config.accounts, path).map_err(named)?;
    show(
        &Compared {
            store: &store,
            version,
            old: &current,
            new: &offer.reading.register,
        },
        (json, usize::MAX),
        out,
    )
}

struct Compared<'a> {
    store: &'a Store,
    /// Of `old`.
    version: i64,
    old: &'a Register,
    new: &'a Register,
}

/// Lists what changes: as JSON, or for people, `most` changes one by one.
fn show(compared: &Compared<'_>, (json, most): (bool, usize), out: &mut Out) -> Result<(), Failure> {
    let today = today();
    let items = difference(compared.old, compared.new, today);
    let mut lines = Vec::new();
    let mut touched = 0u64;
    for item in &items {
        let uses = uses(compared.store, item, today)?;
        touched = touched.saturating_add(uses);
        if json {
            out.line(&object(item, uses).to_string())?;
        } else if lines.len() < most {
            lines.push(line(item, uses, out.lang()));
        }
    }
    if json {
        return Ok(());
    }
    let version = compared.version;
    out.line(&match out.lang() {
        Lang::Ja => format!("版 {version} との差分：{} 件", items.len()),
        Lang::En => format!("difference to version {version}: {}", items.len()),
    })?;
    table(&lines, out)?;
    if lines.len() < items.len() {
        let more = number(u64::try_from(items.len() - lines.len()).unwrap_or(0));
        out.line(&match out.lang() {
            Lang::Ja => format!("ほか {more} 件（全件は sekimori account diff で確認できます）"),
            Lang::En => format!("and {more} more (sekimori account diff lists all)"),
        })?;
    }
    let counts = What::ALL.map(|what| (what, items.iter().filter(|i| i.what == what).count()));
    let counts: Vec<String> = counts
        .iter()
        .filter(|(_, n)| 0 < *n)
        .map(|(what, n)| format!("{} {n}", word(*what, out.lang())))
        .collect();
    if !counts.is_empty() {
        out.line(&counts.join("　"))?;
    }
    let back = items.iter().filter(|i| i.retroactive).count();
    if 0 < back {
        let touched = number(touched);
        out.line(&match out.lang() {
            Lang::Ja => format!("うち遡及 {back} 件（さかのぼる期間に本人の利用 {touched} 回）"),
            Lang::En => {
                format!("{back} of them reach back ({touched} accesses of these persons in the days concerned)")
            }
        })?;
    }
    Ok(())
}

/// Accesses of the person on the past days that change for the worse.
fn uses(store: &Store, item: &Item<'_>, today: Day) -> Result<u64, Failure> {
    let Some(before) = item
        .change
        .before
        .filter(|_| item.retroactive && item.what != What::Begun)
    else {
        return Ok(0);
    };
    let to = item.change.to.min(today);
    Ok(store.accesses_of(before.person, item.change.from.0, to.0)?)
}

fn word(what: What, lang: Lang) -> &'static str {
    match what {
        What::Gone => lang.pick("削除", "gone"),
        What::Ended => lang.pick("失効", "ended"),
        What::Away => lang.pick("休職等", "away"),
        What::Holder => lang.pick("利用者の交代", "other holder"),
        What::Moved => lang.pick("異動", "moved"),
        What::Begun => lang.pick("付与", "begun"),
        What::New => lang.pick("新規", "new"),
        What::Other => lang.pick("変更", "other"),
    }
}

fn said(verdict: Option<Verdict<'_>>, lang: Lang) -> String {
    let Some(verdict) = verdict else {
        return lang.pick("登録なし", "not registered").to_owned();
    };
    format!("{} {}", inert(verdict.section, 40), standing(&verdict, lang))
}

fn line(item: &Item<'_>, uses: u64, lang: Lang) -> Vec<String> {
    let change = &item.change;
    let person = change.after.or(change.before).map_or("", |v| v.person);
    let date = |day: Day| match (day.0, lang) {
        (i32::MIN | i32::MAX, _) => String::new(),
        (_, Lang::Ja) => day.wareki(),
        (_, Lang::En) => day.iso(),
    };
    let mut back = String::new();
    if item.retroactive {
        lang.pick("【遡及】", "[reaches back]").clone_into(&mut back);
    }
    if 0 < uses {
        back.push_str(&match lang {
            Lang::Ja => format!("この間の利用 {} 回", number(uses)),
            Lang::En => format!(" {} accesses", number(uses)),
        });
    }
    vec![
        word(item.what, lang).to_owned(),
        inert(person, 40),
        inert(change.account, 40),
        format!("{} → {}", said(change.before, lang), said(change.after, lang)),
        format!("{}～{}", date(change.from), date(change.to)),
        back,
    ]
}

fn object(item: &Item<'_>, uses: u64) -> serde_json::Value {
    let change = &item.change;
    let date = |day: Day| (day.0 != i32::MIN && day.0 != i32::MAX).then(|| day.iso());
    let side = |verdict: Option<Verdict<'_>>| {
        verdict.map(|v| json!({"person": v.person, "section": v.section, "standing": v.standing.as_str()}))
    };
    json!({
        "what": item.what.as_str(),
        "account": change.account,
        "from": date(change.from),
        "to": date(change.to),
        "before": side(change.before),
        "after": side(change.after),
        "retroactive": item.retroactive,
        "accesses": uses,
    })
}
