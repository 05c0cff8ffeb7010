//! `sekimori report sign` and `overdue`: who confirmed which report, and who is late.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use crate::calendar::{Day, Jst, day_start};
use crate::cli::day;
use crate::cli::out::Out;
use crate::cli::{Failure, in_force, json_arg};
use crate::clock::{Clock, EventTime, SystemClock, WallTime};
use crate::config::Config;
use crate::register::Register;
use crate::register::accounts::normal;
use crate::register::sections::Role;
use crate::report::sheet::{self, BYTES_MAX};
use crate::report::sign::{self, Posts, Request};
use crate::report::{self, Edition, Kind, Period};
use crate::store::{ReportRow, Store};
use crate::text::{Lang, inert};

pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let named = |name: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        Arg::new(name).long(name).value_name(value).help(t(ja, en))
    };
    Command::new("sign")
        .about(t(
            "報告書の確認を登録します",
            "registers that somebody confirmed a report",
        ))
        .arg(
            Arg::new("number")
                .value_name("NUMBER")
                .required_unless_present("sheet")
                .conflicts_with("sheet")
                .help(t("文書番号", "its number")),
        )
        .arg(
            named(
                "sheet",
                "FILE",
                "記入して返送された CSV 又は XLSX",
                "a returned CSV or XLSX",
            )
            .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(
            named(
                "by",
                "STAFF",
                "確認者の職員番号（--sheet では登録する人）",
                "staff number of who confirms (with --sheet: of who registers it)",
            )
            .required(true),
        )
        .arg(named(
            "role",
            "ROLE",
            "職（officer, manager, general, auditor）",
            "officer, manager, general, auditor",
        ))
        .arg(named(
            "on",
            "DATE",
            "確認日（省略時は今日）",
            "the day (default: today)",
        ))
        .arg(
            named(
                "method",
                "METHOD",
                "確認方法：全件・抽出・聞取り",
                "all, sample, hearing",
            )
            .required_unless_present("sheet"),
        )
        .arg(
            named(
                "result",
                "RESULT",
                "確認結果：異常なし・要確認・事案",
                "normal, check, incident",
            )
            .required_unless_present("sheet"),
        )
        .arg(named(
            "measures",
            "TEXT",
            "措置・期限",
            "what is done about it, until when",
        ))
}

pub(super) fn overdue_command(lang: Lang) -> Command {
    Command::new("overdue")
        .about(lang.pick(
            "作成されていない報告書、期限までに確認されていない報告書を一覧します",
            "lists reports that were not made, or not confirmed in time",
        ))
        .arg(json_arg(lang))
}

/// Posts as configured today.
struct PostsToday<'a> {
    config: &'a Config,
    register: Register,
    now: WallTime,
}

impl PostsToday<'_> {
    fn today(&self) -> Day {
        Jst::from(self.now).day
    }
}

impl Posts for PostsToday<'_> {
    fn holds(&self, role: &str, section: &str, person: &str) -> Option<bool> {
        let role = Role::ALL.into_iter().find(|r| r.as_str() == role)?;
        let noon = EventTime::from_secs(day_start(self.today()).secs() + 12 * 3_600);
        let holding = self
            .config
            .sections
            .who_holds(role, section, noon, Some(&self.register));
        if holding.there.is_empty() && holding.away.is_empty() {
            return None;
        }
        let same = |other: &str| normal(other.as_bytes()) == normal(person.as_bytes());
        Some(holding.there.iter().any(|post| same(&post.person)))
    }

    fn is_in_office(&self, person: &str) -> bool {
        self.register.is_in_force(person.trim(), self.today())
    }
}

pub(super) fn run(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let now = SystemClock.now();
    let text = |name: &str| args.get_one::<String>(name).map_or("", String::as_str);
    let posts = PostsToday {
        config,
        register: in_force(config)?.0,
        now,
    };
    let mut store = Store::open(&config.store)?;
    let (number, requests) = match args.get_one::<PathBuf>("sheet") {
        Some(path) => {
            if !posts.is_in_office(text("by")) {
                let why = out.pick(
                    "権限台帳に在職の記録がありません",
                    "the register knows no right in force",
                );
                return Err(Failure::Failed(format!("--by {}: {why}", inert(text("by"), 40))));
            }
            let named = |why: String| Failure::Failed(format!("{}: {why}", path.display()));
            let bytes = read(path).map_err(|e| named(e.to_string()))?;
            let returned = sheet::read(&bytes).map_err(|e| named(e.say(out.lang())))?;
            let edition = report::open(&store, &returned.number)?;
            let mut requests = returned.requests(&edition).map_err(|e| named(e.say(out.lang())))?;
            for request in &mut requests {
                let answers: serde_json::Value = serde_json::from_str(&request.answers).unwrap_or_default();
                request.answers = json!({"registered_by": text("by"), "answers": answers}).to_string();
            }
            (returned.number, requests)
        }
        None => {
            let on = day(args, "on")?;
            let request = Request {
                role: args.get_one::<String>("role").cloned(),
                by: text("by").to_owned(),
                on,
                method: text("method").to_owned(),
                result: text("result").to_owned(),
                measures: text("measures").to_owned(),
                answers: "[]".to_owned(),
                origin: String::new(),
            };
            (text("number").to_owned(), vec![request])
        }
    };
    for request in requests {
        let lang = out.lang();
        let review = store.sign_report(&number, now, &|row, reviews, newest| {
            let edition = Edition::of(row.clone(), reviews.to_vec()).map_err(|e| e.to_string())?;
            let refused = |why: sign::Refusal| format!("{number}: {}", why.say(lang));
            sign::decide(&edition, newest, &request, &posts, posts.today()).map_err(refused)
        })?;
        let edition = report::open(&store, &number)?;
        let title = edition.report.reviewers.iter().find(|r| r.role == review.role);
        let title = title.map_or(review.role.as_str(), |r| r.title.as_str());
        let late = edition.due < posts.today();
        let told = match (lang, late) {
            (Lang::Ja, false) => "",
            (Lang::Ja, true) => "　期限を過ぎている",
            (Lang::En, false) => "",
            (Lang::En, true) => "  late: it was due before",
        };
        let (by, sha) = (&review.by, edition.sha256.get(..16).unwrap_or(&edition.sha256));
        out.line(&match lang {
            Lang::Ja => format!("{number}　{title}（{by}）の確認を登録しました（内容 {sha}…）。{told}"),
            Lang::En => format!("{number}  confirmed by {by} as {title} (content {sha}…){told}"),
        })?;
    }
    Ok(())
}

/// A file of a size that can be a returned sheet.
fn read(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A report that is late.
struct Late {
    period: Period,
    section: String,
    number: Option<String>,
    due: Day,
    waits_for: String,
}

/// Every monthly report since the first use on record that is not made though its month is over, and every newest version
/// that is not confirmed though it was due.
fn late(config: &Config, store: &Store, today: Day) -> Result<Vec<Late>, Failure> {
    let rows = store.reports()?;
    let mut out = Vec::new();
    let mut owners: Vec<&str> = config
        .datasets
        .iter()
        .map(|d| d.owner.as_str())
        .filter(|o| !o.is_empty())
        .collect();
    owners.sort_unstable();
    owners.dedup();
    let is = |row: &&ReportRow, p: Period, section: &str| {
        let r = &row.report;
        (r.kind.as_str(), r.section.as_str(), r.from, r.to) == (p.kind.as_str(), section, p.from, p.to)
    };
    let mut month = store.first_day()?.and_then(|day| Period::around(Kind::Monthly, day));
    while let Some(m) = month.filter(|m| m.to < today) {
        for section in &owners {
            let newest = rows
                .iter()
                .filter(|row| is(row, m, section))
                .max_by_key(|row| row.version);
            if newest.is_none() {
                out.push(Late {
                    period: m,
                    section: (*section).to_owned(),
                    number: None,
                    due: m.due(&config.calendar),
                    waits_for: String::new(),
                });
            }
        }
        month = Period::around(Kind::Monthly, m.to.plus(1));
    }
    for row in &rows {
        let r = &row.report;
        let Some(kind) = Kind::from_word(&r.kind) else { continue };
        let period = Period {
            kind,
            from: r.from,
            to: r.to,
        };
        let newer = rows
            .iter()
            .any(|other| is(&other, period, &r.section) && row.version < other.version);
        if newer || today <= r.due {
            continue;
        }
        let edition = report::open(store, &row.number)?;
        let signed = |role: &str| edition.reviews.iter().any(|v| v.review.role == role);
        if let Some(next) = edition.report.reviewers.iter().find(|v| !signed(&v.role)) {
            let who = next.persons.first().map_or(String::new(), |p| format!(" {p}"));
            out.push(Late {
                period,
                section: r.section.clone(),
                number: Some(row.number.clone()),
                due: r.due,
                waits_for: format!("{}{who}", next.title),
            });
        }
    }
    out.sort_by_key(|l| (l.due, l.section.clone()));
    Ok(out)
}

pub(super) fn overdue(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let today = Jst::from(SystemClock.now()).day;
    let all = late(config, &store, today)?;
    for l in &all {
        let days = today.0.saturating_sub(l.due.0).max(0);
        if args.get_flag("json") {
            let value = json!({"number": l.number, "kind": l.period.kind.as_str(), "section": l.section,
                "from": l.period.from.iso(), "to": l.period.to.iso(), "due": l.due.iso(), "days_late": days,
                "waits_for": l.waits_for, "made": l.number.is_some()});
            out.line(&value.to_string())?;
            continue;
        }
        let section = if l.section.is_empty() {
            out.pick("全庁", "agency")
        } else {
            &l.section
        };
        let what = match (&l.number, out.lang()) {
            (None, Lang::Ja) => "未作成".to_owned(),
            (None, Lang::En) => "not made".to_owned(),
            (Some(number), Lang::Ja) => format!("{number} 未確認：{}", l.waits_for),
            (Some(number), Lang::En) => format!("{number} waits for {}", l.waits_for),
        };
        let (period, due) = (l.period.label(out.lang()), l.due.iso());
        out.line(&match out.lang() {
            Lang::Ja => format!("{section}　{period}　{what}　期限 {due}（{days}日超過）"),
            Lang::En => format!("{section}  {period}  {what}  due {due} ({days} days late)"),
        })?;
    }
    if all.is_empty() && !args.get_flag("json") {
        let none = out.pick("遅れている報告書はありません。", "no report is late");
        out.line(none)?;
    }
    Ok(())
}
