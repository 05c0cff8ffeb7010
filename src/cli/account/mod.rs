//! `sekimori account`: who may use what today, what an import changes, and which rights nobody uses.

mod change;
mod list;
mod recheck;
mod unused;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::out::Out;
use super::verify::{archive_arg, identity_arg, key_arg};
use super::{Failure, config_arg, in_force, json_arg, load};
use crate::access::{Mark, Operation, Standing};
use crate::calendar::{Day, day_of};
use crate::clock::{Clock, EventTime, SystemClock};
use crate::register::{Register, SpanIx, Verdict};
use crate::text::{Lang, columns, inert};

type Words = fn(&'static str, &'static str) -> &'static str;

pub(super) fn command(lang: Lang) -> Command {
    let t: Words = match lang {
        Lang::Ja => |ja, _| ja,
        Lang::En => |_, en| en,
    };
    Command::new("account")
        .about(t(
            "アカウント台帳：一覧・取込み・差分・突合",
            "the account register: list, import, compare",
        ))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(config_arg(lang))
        .subcommand(list_command(t).arg(json_arg(lang)))
        .subcommand(import_command(t))
        .subcommand(diff_command(t).arg(json_arg(lang)))
        .subcommand(
            recheck_command(t)
                .arg(json_arg(lang))
                .arg(archive_arg(lang))
                .arg(key_arg(lang))
                .arg(identity_arg(lang)),
        )
        .subcommand(
            Command::new("idle")
                .about(t(
                    "長期間使われていない権限を一覧します",
                    "rights nobody has used for long",
                ))
                .arg(json_arg(lang))
                .arg(days(t)),
        )
        .subcommand(
            Command::new("reconcile")
                .about(t("権限と利用の突合表をCSVで出力します", "rights against use, as CSV"))
                .arg(days(t)),
        )
}

fn file() -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .value_parser(clap::value_parser!(std::path::PathBuf))
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn days(t: Words) -> Arg {
    Arg::new("days")
        .long("days")
        .value_name("N")
        .default_value("90")
        .value_parser(clap::value_parser!(u16).range(1..=800))
        .help(t(
            "この日数のあいだ利用がない権限",
            "rights without use for so many days",
        ))
}

fn list_command(t: Words) -> Command {
    let on = Arg::new("on").long("on").value_name("DATE");
    Command::new("list")
        .about(t(
            "その日に権限のあるアカウントを一覧します",
            "accounts with a right in force that day",
        ))
        .arg(on.help(t("この日の状態（省略時は今日）", "as on this day; today by default")))
        .arg(flag(
            "all",
            t("権限のないアカウントも表示します", "those without a right too"),
        ))
        .arg(flag("versions", t("取込みの履歴を表示します", "the imports so far")))
}

fn import_command(t: Words) -> Command {
    let by = Arg::new("by").long("by").value_name("STAFF").required(true);
    let reason = Arg::new("reason").long("reason").value_name("TEXT");
    Command::new("import")
        .about(t("台帳のファイルを取り込みます", "imports a register file"))
        .arg(file().required(true).help(t("台帳のCSV", "the CSV")))
        .arg(by.help(t("取り込む人の職員番号", "staff number of who imports it")))
        .arg(reason.help(t(
            "権限の大幅な減少を認める理由",
            "why it may take away more than the configured share",
        )))
        .arg(flag(
            "dry-run",
            t(
                "差分を表示するだけで取り込みません",
                "shows the difference and imports nothing",
            ),
        ))
}

fn diff_command(t: Words) -> Command {
    let since = Arg::new("since")
        .long("since")
        .value_name("VERSION")
        .value_parser(clap::value_parser!(i64).range(1..))
        .conflicts_with("file");
    Command::new("diff")
        .about(t(
            "現在の台帳との差分を表示します",
            "what a file, or another version, changes",
        ))
        .arg(file().help(t(
            "比べるCSV（省略時は設定のファイル）",
            "the CSV; the configured one by default",
        )))
        .arg(since.help(t(
            "この版から現在の版までの差分",
            "from this version to the one in force",
        )))
}

fn recheck_command(t: Words) -> Command {
    let by = Arg::new("by").long("by").value_name("STAFF").required(true);
    let since = Arg::new("since")
        .long("since")
        .value_name("VERSION")
        .value_parser(clap::value_parser!(i64).range(1..));
    Command::new("recheck")
        .about(t(
            "台帳の訂正を、保管した記録に当てて改めて判定します（どの利用者ID・端末・時刻の利用かまで見ます）",
            "holds a corrected register against the archived records: which account, terminal and hour",
        ))
        .arg(by.help(t("行う人の職員番号", "staff number of who does it")))
        .arg(since.help(t(
            "この版と現在の版を比べます（省略時は一つ前の版）",
            "compares this version with the one in force; by default the one before",
        )))
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    match args.subcommand() {
        Some(("list", args)) => list::run(&config, args, out),
        Some(("import", args)) => change::import(&config, args, out),
        Some(("diff", args)) => change::diff(&config, args, out),
        Some(("recheck", args)) => recheck::run(&config, args, out),
        Some(("idle", args)) => unused::idle(&config, args, out),
        Some(("reconcile", args)) => unused::reconcile(&config, args, out),
        _ => Ok(()),
    }
}

fn today() -> Day {
    day_of(EventTime::from_micros(SystemClock.now().micros()))
}

/// Whether the right is in force, in words.
fn standing(verdict: &Verdict<'_>, lang: Lang) -> String {
    let word = match verdict.standing {
        Standing::Valid => lang.pick("有効", "valid"),
        Standing::Revoked => lang.pick("失効", "revoked"),
        Standing::NotYetValid => lang.pick("開始前", "not yet valid"),
        Standing::OnLeave => lang.pick("休職等", "on leave"),
        Standing::Unknown | Standing::Anonymous => lang.pick("登録なし", "unknown"),
    };
    let mark = [Mark::ContractEnded, Mark::OldGeneration]
        .into_iter()
        .find(|m| verdict.marks.has(*m));
    mark.map_or(word, |mark| lang.pick(mark.ja(), mark.en())).to_owned()
}

/// What a span grants, as the register words it.
fn charge(register: &Register, span: SpanIx) -> String {
    let words = register.charge_of(span).into_iter().map(|(name, operations)| {
        let operations: Vec<&str> = operations.into_iter().map(Operation::ja).collect();
        match operations.is_empty() {
            true => name,
            false => format!("{name}（{}）", operations.join("・")),
        }
    });
    inert(words.collect::<Vec<_>>().join("; "), 200)
}

/// Prints lines of cells in columns; the last one is not filled up.
fn table(lines: &[Vec<String>], out: &mut Out) -> Result<(), Failure> {
    let cells = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |n: usize| {
        lines
            .iter()
            .filter_map(|l| l.get(n))
            .map(|c| columns(c))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..cells).map(width).collect();
    for line in lines {
        let mut text = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width.saturating_sub(columns(cell)) + 2));
        }
        out.line(text.trim_end())?;
    }
    Ok(())
}
