//! `sekimori incident`: alerts that became an incident, its dates, what was decided, and the report within the agency.

mod range;

use std::collections::BTreeSet;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::alert::act::must_be_known;
use super::alert::facts;
use super::out::Out;
use super::{Failure, config_arg, in_force, json_arg, load};
use crate::alert::incident::report::{self, Facts};
use crate::alert::incident::{Ground, Incident, Moment, Periods};
use crate::alert::text::{hop_line, one_line};
use crate::calendar::{Day, day_of, rfc3339};
use crate::clock::{Clock, EventTime, SystemClock, WallTime};
use crate::config::Config;
use crate::pipeline::Teller;
use crate::store::{NewIncident, Store, StoredAlert};
use crate::text::{Lang, inert};

/// Longest reason kept, in characters.
const REASON_CHARS_MAX: usize = 400;
/// Entries of segments looked through for evidence to be held.
const SEGMENTS_MAX: u32 = 4_000_000;

#[expect(clippy::too_many_lines, reason = "one list of subcommands, read from top to bottom")]
pub(super) fn command(lang: Lang) -> Command {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let named = |name: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        Arg::new(name).long(name).value_name(value).help(t(ja, en))
    };
    let number = || {
        let help = t("事案番号（I-2026-0001）", "number (I-2026-0001)");
        Arg::new("number").value_name("NUMBER").required(true).help(help)
    };
    let by = || named("by", "STAFF", "登録する人の職員番号", "staff number of who does it").required(true);
    let reason = || named("reason", "TEXT", "理由・内容", "why, or what").required(true);
    let alerts = Arg::new("alerts").value_name("ALERT").num_args(1..).required(true);
    let grounds = named(
        "grounds",
        "WORDS",
        "該当区分（例: wrongful,hundred。なければ none）",
        "grounds (wrongful,hundred; none)",
    )
    .required(true)
    .value_delimiter(',')
    .action(ArgAction::Append)
    .value_parser(Ground::ALL.map(Ground::as_str));
    let kind = named("kind", "KIND", "prompt 速報、final 確報", "prompt or final")
        .required(true)
        .value_parser(["prompt", "final"]);
    let html = Arg::new("html").long("html").action(ArgAction::SetTrue);
    Command::new("incident")
        .about(t(
            "事案の登録・期限・庁内報告",
            "incidents: open, dates, decide, report within the agency",
        ))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(config_arg(lang))
        .subcommand(
            Command::new("open")
                .about(t("警告を事案とします", "makes an incident of alerts"))
                .arg(alerts.help(t("警告番号", "numbers of alerts")))
                .arg(named("title", "TEXT", "件名", "title").required(true))
                .arg(named(
                    "known-at",
                    "TIME",
                    "認知日時（なければ警告の最初の認知、又は今）",
                    "when it came to be known; default: the first acknowledgement, or now",
                ))
                .arg(named(
                    "known-by",
                    "STAFF",
                    "認知した人の職員番号（なければ --by）",
                    "staff number of who came to know",
                ))
                .arg(by())
                .arg(reason()),
        )
        .subcommand(
            Command::new("list")
                .about(t("事案を一覧します", "lists incidents"))
                .arg(json_arg(lang)),
        )
        .subcommand(
            Command::new("show")
                .about(t("事案を表示します", "shows one incident"))
                .arg(json_arg(lang))
                .arg(number()),
        )
        .subcommand(
            Command::new("decide")
                .about(t(
                    "報告の要否を判断します（1人でも必要）",
                    "whether it is to be reported; asked for one single person, too",
                ))
                .arg(number())
                .arg(grounds)
                .arg(by())
                .arg(reason()),
        )
        .subcommand(
            Command::new("note")
                .about(t("措置・経過を記録します", "notes what was done"))
                .arg(number())
                .arg(by())
                .arg(reason()),
        )
        .subcommand(
            Command::new("filed")
                .about(t("速報・確報の提出を記録します", "notes that a report was filed"))
                .arg(number())
                .arg(kind)
                .arg(by())
                .arg(reason()),
        )
        .subcommand(
            Command::new("close")
                .about(t("事案を終結します", "closes an incident"))
                .arg(number())
                .arg(by())
                .arg(reason()),
        )
        .subcommand(
            Command::new("report")
                .about(t(
                    "庁内報告の下書きを出力します",
                    "writes the draft of the report within the agency",
                ))
                .arg(number())
                .arg(html.help(t("HTML（A4）で出力します", "as HTML for A4"))),
        )
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let Some((what, args)) = args.subcommand() else {
        return Ok(());
    };
    match what {
        "list" => list(&config, args, out),
        "show" => show(&config, args, out),
        "report" => write_report(&config, args, out),
        _ => act(&config, what, args, out),
    }
}

fn text(args: &ArgMatches, name: &str) -> String {
    let text = args.get_one::<String>(name).map_or("", String::as_str);
    text.trim().to_owned()
}

fn act(config: &Config, what: &str, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    drop(Store::open_read(&config.store)?);
    let now = SystemClock.now();
    let (by, reason) = (text(args, "by"), inert(text(args, "reason"), REASON_CHARS_MAX));
    let (register, _) = in_force(config)?;
    must_be_known(config, &register, &by, now, out)?;
    let mut store = Store::open(&config.store)?;
    let who = (by.as_str(), reason.as_str());
    let number = match what {
        "open" => {
            let known_by = args.get_one::<String>("known-by").map_or(by.as_str(), |b| b.trim());
            must_be_known(config, &register, known_by, now, out)?;
            open(&mut store, args, (who, known_by), now, out)?
        }
        _ => text(args, "number"),
    };
    match what {
        "open" => {}
        "decide" => {
            let words = args.get_many::<String>("grounds").into_iter().flatten();
            let grounds: Vec<Ground> = words.filter_map(|word| Ground::from_word(word)).collect();
            store.decide_incident(&number, &grounds, who, now)?;
        }
        "filed" => {
            let said = format!("{}: {reason}", text(args, "kind"));
            store.note_incident(&number, "filed", (&by, &said), now)?;
        }
        "close" => store.close_incident(&number, who, now)?,
        _ => store.note_incident(&number, "noted", who, now)?,
    }
    if what != "close" {
        let segments = evidence(&store, &number)?;
        store.hold_for_incident(&number, &segments, &by, now)?;
    }
    head(config, &store.incident(&number)?, now, out)
}

fn open(
    store: &mut Store,
    args: &ArgMatches,
    (by, known_by): ((&str, &str), &str),
    now: WallTime,
    out: &Out,
) -> Result<String, Failure> {
    let numbers = args.get_many::<String>("alerts").into_iter().flatten();
    let alerts: Vec<String> = numbers.map(|n| n.trim().to_owned()).collect();
    let mut first: Option<WallTime> = None;
    for number in &alerts {
        let known = store.times(store.alert(number)?.alert.id)?.known;
        first = [first, known.map(|(at, _)| at)].into_iter().flatten().min();
    }
    let known_at = match args.get_one::<String>("known-at") {
        None => first.unwrap_or(now),
        Some(at) => {
            let read = crate::parse::time::any(at.as_bytes(), 9 * 3_600);
            let read = read
                .map(|at| WallTime::from_micros(at.micros()))
                .filter(|at| *at <= now);
            read.ok_or_else(|| {
                let why = out.pick(
                    "--known-at は、今より前の日時を 2026-11-21T14:03:27+09:00 のように書いてください",
                    "write --known-at as 2026-11-21T14:03:27+09:00, not in the future",
                );
                Failure::Failed(why.to_owned())
            })?
        }
    };
    let title = inert(text(args, "title"), 120);
    let new = NewIncident {
        title: &title,
        alerts: &alerts,
        known: (known_at, known_by),
        by,
    };
    Ok(store.open_incident(&new, now)?)
}

/// The archived segments of the sources and the time of an incident.
fn evidence(store: &Store, number: &str) -> Result<BTreeSet<u64>, Failure> {
    let mut spans = Vec::new();
    for alert in alerts(store, &store.incident(number)?)? {
        let alert = alert.alert;
        let (from, to) = (rfc3339(alert.window_from.micros()), rfc3339(alert.last_seen.micros()));
        spans.push((store.source_name(alert.source)?, from, to));
    }
    let mut held = BTreeSet::new();
    for entry in store.ledger_newest("segment", SEGMENTS_MAX)? {
        let (src, first, last) = (entry.text("src"), entry.text("first"), entry.text("last"));
        // RFC 3339 in one zone: the order of the texts is the order of time.
        let touches = |(source, from, to): &(String, String, String)| {
            source == src && first <= to.as_str() && from.as_str() <= last
        };
        if spans.iter().any(touches) {
            held.extend(entry.number("n"));
        }
    }
    Ok(held)
}

/// The alerts of an incident.
fn alerts(store: &Store, incident: &Incident) -> Result<Vec<StoredAlert>, Failure> {
    let all = incident.alerts.iter().map(|number| store.alert(number));
    Ok(all.collect::<Result<_, _>>()?)
}

fn periods(config: &Config, incident: &Incident) -> Periods {
    let known = day_of(EventTime::from_micros(incident.known_at.micros()));
    Periods::of(known, &config.calendar)
}

/// Number, dates and state, with what is due.
fn head(config: &Config, incident: &Incident, now: WallTime, out: &mut Out) -> Result<(), Failure> {
    let lang = out.lang();
    let day = |day: Day| match lang {
        Lang::Ja => day.wareki_weekday(),
        Lang::En => day.iso(),
    };
    let p = periods(config, incident);
    let decided = match incident.must_report() {
        None => out.pick("要否未判断", "not decided"),
        Some(true) => out.pick("要報告", "to be reported"),
        Some(false) => out.pick("報告不要", "not to be reported"),
    };
    let state = match incident.closed {
        true => out.pick("終結", "closed"),
        false => out.pick("対応中", "open"),
    };
    let (title, number) = (inert(&incident.title, 120), &incident.number);
    let (prompt, due) = (day(p.prompt_by), day(p.final_due(incident.is_wrongful())));
    let today = day_of(EventTime::from_micros(now.micros()));
    let left = p.final_due(incident.is_wrongful()).0.saturating_sub(today.0);
    Ok(out.line(&match lang {
        Lang::Ja => {
            format!("{number}  {state}  {decided}  速報 {prompt}まで（目安）  確報 {due}まで（あと{left}日）  {title}")
        }
        Lang::En => {
            format!("{number}  {state}  {decided}  preliminary by {prompt}  final by {due} ({left} days left)  {title}")
        }
    })?)
}

fn list(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let now = SystemClock.now();
    for incident in store.incidents()? {
        match args.get_flag("json") {
            true => out.line(&as_json(config, &incident).to_string())?,
            false => head(config, &incident, now, out)?,
        }
    }
    Ok(())
}

fn show(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let incident = store.incident(&text(args, "number"))?;
    let range = range::of(config, &store, &incident)?;
    if args.get_flag("json") {
        let mut value = as_json(config, &incident);
        if let Some(members) = value.as_object_mut() {
            let people: BTreeSet<&str> = range.rows.iter().map(|r| r.who.as_str()).collect();
            members.insert("people".into(), json!(people));
            members.insert("subjects_min".into(), range.subjects_min.into());
            members.insert("records_max".into(), range.records_max.into());
            members.insert("records_unknown".into(), range.unknown.into());
        }
        return Ok(out.line(&value.to_string())?);
    }
    head(config, &incident, SystemClock.now(), out)?;
    print_report(config, &store, &incident, false, out)
}

fn write_report(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let incident = store.incident(&text(args, "number"))?;
    print_report(config, &store, &incident, args.get_flag("html"), out)
}

fn print_report(config: &Config, store: &Store, incident: &Incident, html: bool, out: &mut Out) -> Result<(), Failure> {
    let lang = out.lang();
    let alerts = alerts(store, incident)?;
    let detected = alerts.iter().map(|a| a.alert.detected_at).min();
    let range = range::of(config, store, incident)?;
    let timeline = timeline(config, store, (incident, &alerts), lang)?;
    let facts = Facts {
        agency: &config.agency,
        incident,
        detected_at: detected.unwrap_or(incident.known_at),
        periods: periods(config, incident),
        range: &range,
        timeline: &timeline,
        now: SystemClock.now(),
    };
    let written = match html {
        true => report::html(&facts, lang),
        false => report::text(&facts, lang),
    };
    Ok(out.line(written.trim_end())?)
}

/// Everything that is on record about an incident and its alerts, oldest first.
fn timeline(
    config: &Config,
    store: &Store,
    (incident, alerts): (&Incident, &[StoredAlert]),
    lang: Lang,
) -> Result<Vec<Moment>, Failure> {
    let teller = Teller::for_console(config, store)?;
    let mut all = Vec::new();
    for alert in alerts {
        let (id, number) = (alert.alert.id, &alert.alert.number);
        let line = one_line(&facts(store, &teller, alert)?.1, lang);
        all.push(Moment {
            at: alert.alert.detected_at,
            what: format!("{} {line}", lang.pick("検知", "noticed")),
        });
        if let Some(at) = store.times(id)?.sent {
            let what = format!("{} {number}", lang.pick("送信", "mailed"));
            all.push(Moment { at, what });
        }
        for hop in store.hops(id)? {
            let line = hop_line(&hop, lang);
            // The time stands in a column of its own.
            let line = line.split_once(['\u{3000}']).map_or(line.as_str(), |(_, rest)| rest);
            let what = format!("{number} {line}");
            all.push(Moment { at: hop.at, what });
        }
        for step in store.steps(id)?.into_iter().filter(|s| !s.by.is_empty()) {
            let what = format!("{number} {} {}（{}）", word(&step.step, lang), step.reason, step.by);
            all.push(Moment { at: step.at, what });
        }
    }
    for step in store.incident_steps(&incident.number)? {
        let what = format!(
            "{} {} {}（{}）",
            incident.number,
            word(&step.step, lang),
            step.reason,
            step.by
        );
        all.push(Moment { at: step.at, what });
    }
    all.sort_by_key(|moment| moment.at.micros());
    Ok(all)
}

fn word(step: &str, lang: Lang) -> &str {
    match (lang, step) {
        (Lang::Ja, "acknowledged") => "認知",
        (Lang::Ja, "assigned") => "担当",
        (Lang::Ja, "commented" | "noted") => "経過",
        (Lang::Ja, "closed") => "終結",
        (Lang::Ja, "reopened") => "再開",
        (Lang::Ja, "opened") => "事案として登録",
        (Lang::Ja, "decided") => "要否判断",
        (Lang::Ja, "filed") => "提出",
        (Lang::Ja, "held") => "証拠保全（区画）",
        (_, other) => other,
    }
}

fn as_json(config: &Config, incident: &Incident) -> Value {
    let p = periods(config, incident);
    json!({
        "number": incident.number,
        "title": incident.title,
        "state": if incident.closed { "closed" } else { "open" },
        "opened_at": rfc3339(incident.opened_at.micros()),
        "opened_by": incident.opened_by,
        "known_at": rfc3339(incident.known_at.micros()),
        "known_by": incident.known_by,
        "must_report": incident.must_report(),
        "grounds": incident.grounds.iter().map(|g| g.as_str()).collect::<Vec<_>>(),
        "prompt_from": p.prompt_from.iso(),
        "prompt_by": p.prompt_by.iso(),
        "final_by": p.final_due(incident.is_wrongful()).iso(),
        "alerts": incident.alerts,
        "held_segments": incident.held,
    })
}
