//! `sekimori report`: makes, lists, shows and signs the periodic アクセス記録分析報告書.

mod audit;
mod due;
mod sign;

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::out::Out;
use super::{Failure, config_arg, json_arg, load};
use crate::calendar::{Jst, rfc3339};
use crate::cli::day;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::register::Register;
use crate::report::{self, Edition, Form, Kind, Period, ReportError, Site};
use crate::service::import;
use crate::store::Store;
use crate::text::{Lang, Say, inert, say};

impl From<ReportError> for Failure {
    fn from(e: ReportError) -> Self {
        match e {
            ReportError::Store(e) => e.into(),
            e => Failure::Failed(e.to_string()),
        }
    }
}

pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let named = |name: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        Arg::new(name).long(name).value_name(value).help(t(ja, en))
    };
    let forms = || {
        named(
            "format",
            "FORMS",
            "形式：html, csv, xlsx, json をコンマで区切って指定します",
            "forms, separated by commas: html, csv, xlsx, json",
        )
    };
    let folder = || {
        named("out", "DIR", "出力先のフォルダ", "folder the files are put into")
            .value_parser(clap::value_parser!(PathBuf))
    };
    Command::new("report")
        .about(t("アクセス記録分析報告書", "the periodic reports"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(config_arg(lang))
        .subcommand(make_command(lang, forms().default_value("html"), folder()))
        .subcommand(
            Command::new("list")
                .about(t("作成した報告書を一覧します", "lists the reports that were made"))
                .arg(json_arg(lang))
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .help(t("古い版も表示します", "earlier versions, too")),
                ),
        )
        .subcommand(
            Command::new("show")
                .about(t(
                    "作成した報告書を保存されたとおりに出力します",
                    "gives a report again as it was kept",
                ))
                .arg(
                    Arg::new("number")
                        .value_name("NUMBER")
                        .required(true)
                        .help(t("文書番号", "its number")),
                )
                .arg(forms().default_value("html"))
                .arg(folder()),
        )
        .subcommand(sign::command(lang))
        .subcommand(sign::overdue_command(lang))
        .subcommand(audit::command(lang))
}

fn make_command(lang: Lang, forms: Arg, folder: Arg) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let named = |name: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        Arg::new(name).long(name).value_name(value).help(t(ja, en))
    };
    Command::new("make")
        .about(t(
            "報告書を作成します（内容が前の版と同じときは前の版を出力します）",
            "makes a report; where it would say the same, the newest version is given again",
        ))
        .arg(named(
            "month",
            "YYYY-MM",
            "対象月（2026-10, R8.10）",
            "the month (2026-10)",
        ))
        .arg(named(
            "quarter",
            "YYYY-N",
            "対象の年度と四半期（2026-3）",
            "fiscal year and quarter (2026-3)",
        ))
        .arg(
            named("fiscal-year", "YYYY", "対象の年度（2026）", "the fiscal year (2026)")
                .value_parser(clap::value_parser!(i32)),
        )
        .arg(named("from", "DATE", "随時：この日から", "on demand: from this day"))
        .arg(named("to", "DATE", "随時：この日まで", "on demand: to this day"))
        .arg(
            named(
                "section",
                "NAME",
                "所属（繰り返し可。all はすべての所属）",
                "section (may be repeated; all: each one)",
            )
            .action(ArgAction::Append),
        )
        .arg(
            Arg::new("due")
                .long("due")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["month", "quarter", "fiscal-year", "from", "to", "section"])
                .help(t(
                    "期間が終わり、まだ作成していない報告書をすべて作成します（開庁日のみ。タイマーから実行します）",
                    "every report whose period is over and that was not made yet, on open days (for a timer)",
                )),
        )
        .arg(
            Arg::new("mail")
                .long("mail")
                .action(ArgAction::SetTrue)
                .requires("due")
                .help(t(
                    "次に確認する者へメールで送付し、期限を過ぎたものを督促します",
                    "mails them to whoever confirms next, and reminds of those overdue",
                )),
        )
        .arg(named("by", "STAFF", "作成者の職員番号", "staff number of who makes it"))
        .arg(forms)
        .arg(folder)
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    match args.subcommand() {
        Some(("make", args)) if args.get_flag("due") => due::run(&config, args, out),
        Some(("make", args)) => make(&config, args, out),
        Some(("show", args)) => show(&config, args, out),
        Some(("sign", args)) => sign::run(&config, args, out),
        Some(("overdue", args)) => sign::overdue(&config, args, out),
        Some(("audit", args)) => audit::run(&config, args, out),
        Some((_, args)) => list(&config, args, out),
        None => Ok(()),
    }
}

/// The period the options name.
fn period(args: &ArgMatches) -> Result<Period, Failure> {
    let text = |name: &str| args.get_one::<String>(name).map(String::as_str);
    let wrong = |what: &str, ja: &str, en: &str| {
        let given = inert(what, 40);
        Failure::Usage(say!("{given}: {ja}", "{given}: {en}"))
    };
    if let Some(month) = text("month") {
        return Period::month(month)
            .ok_or_else(|| wrong(month, "月は 2026-10 のように書いてください", "write a month as 2026-10"));
    }
    if let Some(quarter) = text("quarter") {
        let why = (
            "年度と四半期は 2026-3 のように書いてください",
            "write fiscal year and quarter as 2026-3",
        );
        return Period::quarter(quarter).ok_or_else(|| wrong(quarter, why.0, why.1));
    }
    if let Some(year) = args.get_one::<i32>("fiscal-year") {
        return Period::fiscal_year(*year).ok_or_else(|| {
            wrong(
                &year.to_string(),
                "年度は 2026 のように書いてください",
                "write a fiscal year as 2026",
            )
        });
    }
    match (day(args, "from")?, day(args, "to")?) {
        (Some(from), Some(to)) => Period::special(from, to).ok_or_else(|| {
            wrong(
                &from.iso(),
                "--from は --to より前の日、期間は3年以内にしてください",
                "--from must not be behind --to, and the span not longer than three years",
            )
        }),
        _ => Err(Failure::Usage(Say::new(
            "対象期間を --month、--quarter、--fiscal-year、又は --from と --to で指定してください",
            "say which period: --month, --quarter, --fiscal-year, or --from and --to",
        ))),
    }
}

fn forms(args: &ArgMatches) -> Result<Vec<Form>, Failure> {
    let words = args.get_one::<String>("format").map_or("", String::as_str);
    let form = |word: &str| {
        Form::ALL.into_iter().find(|f| f.as_str() == word).ok_or_else(|| {
            let word = inert(word, 40);
            {
                let word = inert(word, 40);
                Failure::Usage(say!(
                    "--format: {word} は使えません。html, csv, xlsx, json から書いてください。",
                    "--format: {word} is unknown; write html, csv, xlsx, json"
                ))
            }
        })
    };
    words
        .split(',')
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .map(form)
        .collect()
}

/// The register in force at the end of a period, and its version.
fn register_of(config: &Config, store: &Store, period: Period) -> Result<(Register, i64), Failure> {
    let versions = store.register_versions(10_000)?;
    let then = |at: crate::clock::WallTime| Jst::from(at).day <= period.to;
    let chosen = versions.iter().find(|v| then(v.imported_at)).or(versions.last());
    match chosen {
        Some(version) => {
            let register = import::of_version(store, &config.accounts, version.id);
            Ok((register.map_err(|e| Failure::Failed(e.to_string()))?, version.id))
        }
        None => Ok((super::register(config)?, 0)),
    }
}

/// Names of the sources, in order of configuration.
fn site_of(config: &Config) -> Vec<&str> {
    config.sources.iter().map(|s| s.read.name.as_str()).collect()
}

/// What is configured, as far as reports speak of it.
fn site<'a>(config: &'a Config, sources: &'a [&'a str], register: (&'a Register, i64)) -> Site<'a> {
    Site {
        agency: &config.agency,
        lang: config.lang,
        datasets: &config.datasets,
        rules: &config.rules,
        sources,
        sections: &config.sections,
        calendar: &config.calendar,
        register,
        hash: &config.hash,
    }
}

fn make(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (period, forms) = (period(args)?, forms(args)?);
    let by = inert(args.get_one::<String>("by").map_or("", String::as_str).trim(), 40);
    let folder = args.get_one::<PathBuf>("out");
    let mut store = Store::open(&config.store)?;
    let register = register_of(config, &store, period)?;
    let sources = site_of(config);
    let site = site(config, &sources, (&register.0, register.1));
    let owners = report::owners(&site);
    let mut sections: Vec<Option<&str>> = Vec::new();
    for given in args.get_many::<String>("section").into_iter().flatten() {
        match given.as_str() {
            "all" => sections.extend(owners.iter().map(|o| Some(*o))),
            name if owners.contains(&name) => sections.push(Some(name)),
            name => {
                let (name, all) = (inert(name, 40), owners.join(", "));
                return Err(Failure::Usage(say!(
                    "{name}: この所属が所管する情報資産はありません。所属：{all}",
                    "{name}: no dataset is owned by this section; write one of {all}"
                )));
            }
        }
    }
    if sections.is_empty() {
        if period.kind == Kind::Monthly {
            sections.extend(owners.iter().map(|o| Some(*o)));
        } else {
            sections.push(None);
        }
    }
    for section in sections {
        let now = SystemClock.now();
        let (edition, is_new) = report::make(&mut store, site, (period, section), &by, now)?;
        let state = if is_new {
            out.pick("作成しました", "made")
        } else {
            out.pick("内容は前の版と同じです", "says the same as before")
        };
        let (number, version) = (&edition.number, edition.version);
        let label = inert(section.unwrap_or(out.pick("全庁", "agency")), 40);
        out.line(&match out.lang() {
            Lang::Ja => format!("{number}　{label}　{}　第{version}版　{state}", period.label(Lang::Ja)),
            Lang::En => format!(
                "{number}  {label}  {}  version {version}  {state}",
                period.label(Lang::En)
            ),
        })?;
        if let Some(folder) = folder {
            write(&edition, &forms, folder, out)?;
        }
    }
    Ok(())
}

/// Puts the forms of an edition into a folder; readable by the owner only.
fn write(edition: &Edition, forms: &[Form], folder: &Path, out: &mut Out) -> Result<(), Failure> {
    for form in forms {
        let path = folder.join(format!("{}.{}", edition.file_stem(), form.as_str()));
        put(&path, &report::draw(edition, *form).map_err(ReportError::Form)?)?;
        out.line(&format!("  {}", path.display()))?;
    }
    Ok(())
}

/// Writes a file that only its owner reads; makes its folder.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let write = || {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(bytes)
    };
    write().map_err(Failure::at(path))
}

fn show(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let forms = forms(args)?;
    let store = Store::open_read(&config.store)?;
    let edition = report::open(&store, args.get_one::<String>("number").map_or("", String::as_str))?;
    match (args.get_one::<PathBuf>("out"), forms.as_slice()) {
        (Some(folder), forms) => write(&edition, forms, folder, out),
        (None, [form]) => Ok(out.bytes(&report::draw(&edition, *form).map_err(ReportError::Form)?)?),
        (None, _) => Err(Failure::Usage(Say::new(
            "複数の形式は --out でフォルダーを指定してください。",
            "several forms need a folder: --out DIR",
        ))),
    }
}

fn list(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let rows = store.reports()?;
    for row in &rows {
        let r = &row.report;
        let newer = rows.iter().any(|other| {
            let o = &other.report;
            (&o.kind, &o.section, o.from, o.to) == (&r.kind, &r.section, r.from, r.to) && row.version < other.version
        });
        if newer && !args.get_flag("all") {
            continue;
        }
        let edition = report::open(&store, &row.number)?;
        let complete = edition.is_complete();
        if args.get_flag("json") {
            let signed: Vec<_> = edition
                .reviews
                .iter()
                .map(|r| {
                    let v = &r.review;
                    json!({"role": v.role, "by": v.by, "on": v.on.iso(), "method": v.method, "result": v.result,
                        "measures": v.measures})
                })
                .collect();
            let value = json!({
                "number": row.number, "kind": r.kind, "section": r.section, "from": r.from.iso(), "to": r.to.iso(),
                "version": row.version, "newest": !newer, "sha256": r.sha256, "verdict": r.verdict, "due": r.due.iso(),
                "made_at": rfc3339(row.made_at.micros()), "by": r.by, "points": edition.report.points.len(),
                "reviews": signed, "complete": complete,
            });
            out.line(&value.to_string())?;
            continue;
        }
        let section = if r.section.is_empty() {
            out.pick("全庁", "agency")
        } else {
            &r.section
        };
        let state = match (complete, newer) {
            (_, true) => out.pick("旧版", "superseded"),
            (true, _) => out.pick("確認済み", "confirmed"),
            (false, _) => out.pick("未確認", "not confirmed"),
        };
        let (number, period, version) = (&row.number, &edition.report.period, row.version);
        out.line(&match out.lang() {
            Lang::Ja => format!(
                "{number}  {section}  {period}  第{version}版  {state}  期限 {}",
                r.due.iso()
            ),
            Lang::En => format!(
                "{number}  {section}  {period}  version {version}  {state}  due {}",
                r.due.iso()
            ),
        })?;
    }
    Ok(())
}
