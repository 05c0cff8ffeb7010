//! `sekimori report make --due`: every report whose period is over and that was not made yet, and the mails about it.
//!
//! Run each morning by `systemd/sekimori-report.timer`: on open days only, so that a report is made on the first open day
//! behind its period, and whatever was missed while the host was down is made at the next run.

use std::path::PathBuf;

use clap::ArgMatches;

use super::{forms, register_of, site, site_of, write};
use crate::alert::outbox::{Attachment, Message};
use crate::calendar::{Day, Jst, day_start};
use crate::cli::Failure;
use crate::cli::out::Out;
use crate::clock::{Clock, EventTime, SystemClock, WallTime};
use crate::config::Config;
use crate::register::sections::Role;
use crate::report::{self, Edition, Form, Kind, Period, ReportError};
use crate::store::{NewMail, ReportRow, Store};
use crate::text::{Lang, inert};

/// Months behind which a report that was never made is not made by itself any more: the registers of that time are gone.
const MONTHS_BACK: i32 = 15;
/// Days between two reminders of the same report.
const REMIND_EVERY: i32 = 7;

pub(super) fn run(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let now = SystemClock.now();
    let today = Jst::from(now).day;
    if config.calendar.is_closed(today) {
        return Ok(out.line(out.pick(
            "閉庁日のため、次の開庁日に作成します。",
            "a closed day: the next open day makes them",
        ))?);
    }
    let forms = forms(args)?;
    let mut store = Store::open(&config.store)?;
    let sources = site_of(config);
    for (period, section) in missing(config, &store, today)? {
        let register = register_of(config, &store, period)?;
        let site = site(config, &sources, (&register.0, register.1));
        let section = section.as_deref();
        let (edition, _) = report::make(&mut store, site, (period, section), "", now)?;
        let label = inert(section.unwrap_or(out.pick("全庁", "agency")), 40);
        out.line(&format!("{}　{label}　{}", edition.number, period.label(out.lang())))?;
        if let Some(folder) = args.get_one::<PathBuf>("out") {
            write(&edition, &forms, folder, out)?;
        }
        if args.get_flag("mail") {
            tell(config, &mut store, &edition, None, now)?;
        }
    }
    if args.get_flag("mail") {
        remind(config, &mut store, today, now)?;
    }
    Ok(())
}

/// Periods that are over and whose report was never made, oldest first: each month of each section, then quarter and year.
fn missing(config: &Config, store: &Store, today: Day) -> Result<Vec<(Period, Option<String>)>, Failure> {
    let Some(first) = store.first_day()? else {
        return Ok(Vec::new());
    };
    let rows = store.reports()?;
    let made = |p: Period, section: &str| {
        let is = |row: &ReportRow| {
            let r = &row.report;
            (r.kind.as_str(), r.section.as_str(), r.from, r.to) == (p.kind.as_str(), section, p.from, p.to)
        };
        rows.iter().any(is)
    };
    let mut owners: Vec<String> = Vec::new();
    for owner in config.datasets.iter().map(|d| &d.owner) {
        if !owner.is_empty() && !owners.contains(owner) {
            owners.push(owner.clone());
        }
    }
    let mut out = Vec::new();
    let start = first.max(today.plus(-31 * MONTHS_BACK));
    let mut month = Period::around(Kind::Monthly, start);
    while let Some(m) = month.filter(|m| m.to < today) {
        let sections = owners.iter().filter(|o| !made(m, o));
        out.extend(sections.map(|owner| (m, Some(owner.clone()))));
        for kind in [Kind::Quarterly, Kind::Yearly] {
            let whole = Period::around(kind, m.to).filter(|p| p.to == m.to && !made(*p, ""));
            out.extend(whole.map(|p| (p, None)));
        }
        month = Period::around(Kind::Monthly, m.to.plus(1));
    }
    Ok(out)
}

/// Newest versions that were due before today and are not confirmed: whoever is next is reminded each week, and from the
/// second week on the 総括保護管理者 with him.
fn remind(config: &Config, store: &mut Store, today: Day, now: WallTime) -> Result<(), Failure> {
    let rows = store.reports()?;
    for row in &rows {
        let r = &row.report;
        let newer = rows.iter().any(|o| {
            let o_report = &o.report;
            (&o_report.kind, &o_report.section, o_report.from, o_report.to) == (&r.kind, &r.section, r.from, r.to)
                && row.version < o.version
        });
        if newer || today <= r.due {
            continue;
        }
        let edition = report::open(store, &row.number)?;
        if !edition.is_complete() {
            tell(config, store, &edition, Some(today), now)?;
        }
    }
    Ok(())
}

/// Mails a report, or (`late` on this day) a reminder of it, to whoever has to confirm next. The same mail is queued once.
fn tell(
    config: &Config,
    store: &mut Store,
    edition: &Edition,
    late: Option<Day>,
    now: WallTime,
) -> Result<(), Failure> {
    let signed = |role: &str| edition.reviews.iter().any(|v| v.review.role == role);
    let Some(next) = edition.report.reviewers.iter().find(|v| !signed(&v.role)) else {
        return Ok(());
    };
    let weeks = late.map(|today| today.0.saturating_sub(edition.due.0) / REMIND_EVERY);
    let mut to = addresses(config, &next.role, &edition.report.section, now);
    if weeks.is_some_and(|weeks| 1 <= weeks) {
        to.extend(addresses(config, Role::General.as_str(), "", now));
    }
    if to.is_empty() {
        let owner = config.alerts.owners.iter().find(|(s, _)| *s == edition.report.section);
        to = owner.map_or_else(|| config.alerts.to.clone(), |(_, list)| list.clone());
    }
    to.dedup();
    let lang = config.lang;
    let form = |form: Form| -> Result<Attachment, Failure> {
        Ok(Attachment {
            name: format!("{}.{}", edition.number, form.as_str()),
            content: report::draw(edition, form).map_err(ReportError::Form)?,
        })
    };
    let host = config
        .mail
        .from
        .rsplit_once('@')
        .map_or("localhost", |(_, h)| h.trim_end_matches('>'));
    let local = match weeks {
        None => format!("{}.{}", edition.number, next.role),
        Some(weeks) => format!("{}.{}.late{weeks}", edition.number, next.role),
    };
    let message = Message {
        message_id: format!("{local}.{}@{host}", edition.sha256.get(..16).unwrap_or("report")),
        in_reply_to: None,
        from: config.mail.from.clone(),
        to,
        subject: subject(edition, late.is_some(), lang),
        body: body(config, edition, &next.title, late, lang),
        date: now,
        urgent: late.is_some(),
        attachments: vec![form(Form::Html)?, form(Form::Xlsx)?, form(Form::Csv)?],
    };
    store.queue(&NewMail { alert: None, message })?;
    Ok(())
}

/// Where the holder of a post, or the first deputy who is there, is reached today.
fn addresses(config: &Config, role: &str, section: &str, now: WallTime) -> Vec<String> {
    let Some(role) = Role::ALL.into_iter().find(|r| r.as_str() == role) else {
        return Vec::new();
    };
    let noon = EventTime::from_secs(day_start(Jst::from(now).day).secs() + 12 * 3_600);
    let holding = config.sections.who_holds(role, section, noon, None);
    holding
        .there
        .first()
        .map_or_else(Vec::new, |post| post.addresses(true).to_vec())
}

fn subject(edition: &Edition, late: bool, lang: Lang) -> String {
    let (number, period) = (&edition.number, &edition.report.period);
    match (lang, late) {
        (Lang::Ja, false) => format!("【確認依頼】アクセス記録分析報告書 {number}　{period}"),
        (Lang::Ja, true) => format!("【督促】アクセス記録分析報告書の確認 {number}　{period}"),
        (Lang::En, false) => format!("[to confirm] report on access records {number}, {period}"),
        (Lang::En, true) => format!("[overdue] report on access records {number}, {period}"),
    }
}

fn body(config: &Config, edition: &Edition, title: &str, late: Option<Day>, lang: Lang) -> String {
    let (number, due) = (&edition.number, edition.due);
    let points = edition.report.points.len();
    let mut lines = match lang {
        Lang::Ja => vec![
            format!("{}　{title}　様", edition.report.section),
            String::new(),
            match late {
                None => "アクセス記録分析報告書を作成しました。内容を確認し、確認結果を登録してください。".to_owned(),
                Some(day) => format!(
                    "次の報告書は確認の期限を{}日過ぎています。至急、確認結果を登録してください。",
                    day.0.saturating_sub(due.0)
                ),
            },
            String::new(),
            format!("文書番号：{number}（第{}版）", edition.version),
            format!("対象期間：{}", edition.report.period),
            format!("確認期限：{}", due.wareki_weekday()),
            format!("要確認事項：{points}件"),
            format!("内容のSHA-256：{}", edition.sha256),
            String::new(),
            "添付のHTMLは印刷用です。サーバを使わない場合は、添付のXLSX又はCSVの確認欄に記入し、そのまま返送してください。".to_owned(),
            "本メール及び添付には職員番号が含まれます。住民等の個人情報は含まれません。".to_owned(),
        ],
        Lang::En => vec![
            format!("To the {title} {}", edition.report.section),
            String::new(),
            match late {
                None => "A report on access records was made. Please look at it and register the result.".to_owned(),
                Some(day) => format!("The report below is {} days overdue.", day.0.saturating_sub(due.0)),
            },
            String::new(),
            format!("number: {number}, version {}", edition.version),
            format!("period: {}", edition.report.period),
            format!("to be confirmed by: {}", due.iso()),
            format!("points: {points}"),
            format!("SHA-256 of the content: {}", edition.sha256),
            String::new(),
            "The HTML is for paper. Without access to the server fill in the XLSX or CSV and return it.".to_owned(),
        ],
    };
    if let Some(contact) = &config.contact {
        lines.push(match lang {
            Lang::Ja => format!("問合せ：{contact}"),
            Lang::En => format!("contact: {contact}"),
        });
    }
    lines.join("\n") + "\n"
}
