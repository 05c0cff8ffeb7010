//! `sekimori check`: everything that can be known to be wrong before the daemon starts.

use clap::{ArgMatches, Command};

use super::out::Out;
use super::status::holes;
use super::{Failure, config_arg, heads, load};
use crate::access::DatasetId;
use crate::alert::{gaps, notice};
use crate::config::{Config, SourceConfig};
use crate::detect::coverage::Gap;
use crate::detect::{List, Relation, RuleKind, RuleSettings, run_samples};
use crate::mail::mailer_for;
use crate::parse::time;
use crate::register::Naming;
use crate::register::accounts::Reading;
use crate::service::import;
use crate::source::SourceEventKind;
use crate::store::Store;
use crate::text::{Lang, inert, number};

/// Odd things of the register that are listed.
const ODD_MAX: usize = 20;

pub(super) fn command(lang: Lang) -> Command {
    Command::new("check")
        .about(lang.pick(
            "設定・台帳・規則の例を点検します（監視は始めません）",
            "checks configuration, register and the samples of the rules without starting",
        ))
        .arg(config_arg(lang))
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, warnings) = load(args, out)?;
    for warning in &warnings.list {
        let word = out.pick("注意", "warning");
        out.error(&format!("{word}: {}", warning.render(out.lang())));
    }
    let mut wrong = Vec::new();
    samples(&config, &mut wrong);
    let read = formats(&config, &mut wrong);
    if let Err(e) = mailer_for(&config.mail) {
        wrong.push(e.to_string());
    }
    let accounts = match import::read(&config.accounts, &config.accounts.path) {
        Ok(offer) => odd(&config, offer.reading, out),
        Err(why) => {
            wrong.push(format!("{}: {why}", config.accounts.path.display()));
            0
        }
    };
    if config.store.exists() {
        match Store::open_read(&config.store) {
            Ok(store) => {
                // What configuration alone shows was said above.
                let seen = |gap: &Gap| !matches!(gap, Gap::NoRule { .. } | Gap::NoDataset { .. });
                for gap in holes(&config, &store)?.iter().filter(|gap| seen(gap)) {
                    let word = out.pick("注意", "warning");
                    out.error(&format!("{word}: {}", gaps::say(gap, out.lang())));
                }
            }
            Err(e) => wrong.push(e.to_string()),
        }
    }
    sources(&config, out);
    lists(&config, out);
    if config.evidence.recipients.is_empty() {
        out.error(out.lang().pick(
            "注意: evidence.recipients がないため、保管するアクセス記録は圧縮のみで、暗号化されません。保管庫のフォルダーを読める者は記録を読めます。改ざんの検知はできますが、窃取は防げません。",
            "warning: without evidence.recipients the archived access records are compressed, not encrypted: whoever reads the archive folder reads the records. Tampering shows, theft is not prevented.",
        ));
    }
    if !wrong.is_empty() {
        return Err(Failure::Config(wrong.join("\n")));
    }
    let n = |n: usize| number(u64::try_from(n).unwrap_or(0));
    let tested = read + config.rules.iter().map(|r| r.samples.len()).sum::<usize>();
    let (sources, datasets, rules) = (n(config.sources.len()), n(config.datasets.len()), n(config.rules.len()));
    let (tested, accounts) = (n(tested), n(accounts));
    out.line(&match out.lang() {
        Lang::Ja => format!(
            "設定に誤りはありません。ログ源 {sources}、情報資産 {datasets}、規則 {rules}（例 {tested} 件すべて期待どおり）、アカウント {accounts}　版 {}",
            config.hash.get(..8).unwrap_or_default()
        ),
        Lang::En => format!(
            "the configuration is sound: {sources} sources, {datasets} datasets, {rules} rules ({tested} samples as expected), {accounts} accounts; version {}",
            config.hash.get(..8).unwrap_or_default()
        ),
    })?;
    Ok(())
}

fn samples(config: &Config, wrong: &mut Vec<String>) {
    let read = |text: &str| time::any(text.as_bytes(), 9 * 3_600);
    for error in run_samples(&config.rules, &config.datasets, &read) {
        wrong.push(error.to_string());
    }
}

/// Runs the samples of every definition a source uses; gives their number.
fn formats(config: &Config, wrong: &mut Vec<String>) -> usize {
    let mut count = 0;
    for source in &config.sources {
        if let Some(definition) = source.format.definition() {
            let (samples, errors) = definition.run_samples();
            count += samples;
            wrong.extend(errors.iter().map(ToString::to_string));
        }
    }
    count
}

/// Says what is odd in the register, and which of its words name nothing of the 台帳. How many accounts it holds.
fn odd(config: &Config, mut reading: Reading, out: &mut Out) -> usize {
    let file = config.accounts.path.display();
    let word = out.pick("注意", "warning");
    for warning in reading.warnings.iter().take(ODD_MAX) {
        let (line, column) = (warning.line, inert(&warning.column, 40));
        let why = warning.why.pick(out.lang());
        out.error(&match out.lang() {
            Lang::Ja => format!("{word}: {file}: {line} 行目、列「{column}」：{why}"),
            Lang::En => format!("{word}: {file}: line {line}, column {column}: {why}"),
        });
    }
    let more = reading
        .odd
        .saturating_sub(u64::try_from(ODD_MAX.min(reading.warnings.len())).unwrap_or(0));
    if 0 < more {
        out.error(&format!(
            "{word}: {file}: {} {}",
            number(more),
            out.pick("件の注意がほかにあります", "more of this kind")
        ));
    }
    // The numbers do not matter here, only whether there is one.
    let numbered: Vec<_> = (1u16..).map(DatasetId).zip(&config.datasets).collect();
    reading.register.bind(&Naming::new(&numbered));
    for (line, name) in reading.register.unknown_words().iter().take(ODD_MAX) {
        let name = inert(name, 40);
        let why = out.pick("台帳にない名称です", "no dataset is called so");
        out.error(&match out.lang() {
            Lang::Ja => format!("{word}: {file}: {line} 行目：「{name}」：{why}"),
            Lang::En => format!("{word}: {file}: line {line}: {name}: {why}"),
        });
    }
    reading.register.accounts()
}

/// Logs that cannot be read now, or do not look as configured, are no mistake of the configuration alone, but somebody
/// should know.
fn sources(config: &Config, out: &mut Out) {
    for source in &config.sources {
        if source.read.journal.is_some() {
            journal(source, out);
            continue;
        }
        let found: Vec<_> = source
            .read
            .paths
            .iter()
            .filter_map(|p| glob::glob(p).ok())
            .flatten()
            .filter_map(Result::ok)
            .collect();
        let name = &source.read.name;
        if found.is_empty() {
            let why = out.pick("該当するファイルがまだありません", "no file is there yet");
            out.error(&format!("{name}: {why}: {}", source.read.paths.join(", ")));
        }
        let newest = found
            .iter()
            .max_by_key(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
            .cloned();
        for path in found {
            let Ok(what) = std::fs::metadata(&path) else {
                let why = out.pick("指す先がないリンクです", "a link to nothing");
                out.error(&format!("{name}: {}: {why}", path.display()));
                continue;
            };
            // Opening a FIFO would wait for its writer.
            if !what.is_file() {
                let why = notice::remedy(SourceEventKind::NotAFile, out.lang());
                let kind = out.pick("ファイルではありません", "not a regular file");
                out.error(&format!("{name}: {}: {kind}; {why}", path.display()));
                continue;
            }
            if let Err(e) = std::fs::File::open(&path) {
                let hint = notice::remedy(SourceEventKind::Unreadable, out.lang());
                out.error(&format!("{name}: {}: {e}; {hint}", path.display()));
                continue;
            }
            if Some(&path) == newest.as_ref() {
                let word = out.pick("注意", "warning");
                for wrong in heads::look(source, &path, out.lang()) {
                    out.error(&format!("{word}: {name}: {}: {wrong}", path.display()));
                }
            }
        }
    }
}

/// Rules that ask for a list of citizens which nobody has brought: they see nothing, and that must not look like peace.
fn lists(config: &Config, out: &mut Out) {
    let known = match config.store.exists() {
        true => Store::open_read(&config.store).and_then(|store| store.list_versions()),
        false => Ok(Vec::new()),
    };
    let Ok(known) = known else { return };
    let brought = |list: List| known.iter().any(|v| v.list == list as u8 && 0 < v.entries);
    for (list, word) in [(List::Watch, "watch"), (List::Staff, "staff")] {
        let asks = |rule: &&RuleSettings| match &rule.kind {
            RuleKind::Relation(r) => match r.relation {
                Relation::Watched => list == List::Watch,
                Relation::Own | Relation::Colleague => list == List::Staff,
                Relation::Converge { .. } | Relation::Repeat => false,
            },
            _ => false,
        };
        let ids: Vec<String> = config.rules.iter().filter(asks).map(|r| inert(&r.id, 32)).collect();
        if ids.is_empty() || brought(list) {
            continue;
        }
        let ids = ids.join(", ");
        out.error(&match out.lang() {
            Lang::Ja => format!(
                "注意: 規則 {ids} が使う一覧がまだ取り込まれていないため、当たることがありません。sekimori watchlist import {word} で取り込んでください"
            ),
            Lang::En => format!(
                "warning: rules {ids} never hold: the list they ask for was not brought yet; sekimori watchlist import {word}"
            ),
        });
    }
}

/// A folder of the journal that cannot be listed.
fn journal(source: &SourceConfig, out: &mut Out) {
    for folder in &source.read.paths {
        if let Err(e) = std::fs::read_dir(folder) {
            let hint = out.pick(
                "sekimori を動かす利用者を systemd-journal グループに加えてください",
                "put the account that runs sekimori into group systemd-journal",
            );
            out.error(&format!("{}: {folder}: {e}; {hint}", source.read.name));
        }
    }
}
