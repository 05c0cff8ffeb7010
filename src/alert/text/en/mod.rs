//! The English text: complete, and saying the same as the Japanese. Titles stay as configured.

mod judged;
mod route;
mod rows;
mod steps;
mod summary;

use super::view::{Off, View, off, said, title};
use super::{MailContext, NotifyReason, Parts, Piece, Row, Style};
use crate::alert::AlertState;
use crate::calendar::Jst;
use crate::detect::{Count, Severity};
use crate::text::{Lang, duration_text, number};

pub(super) use route::hop;
pub(super) use rows::{proof, rows};
use steps::steps;
use summary::summary;

pub(super) const STYLE: Style = Style {
    headings: [
        "== The alert ==",
        "== What to do first ==",
        "== Acknowledge ==",
        "== Basis ==",
    ],
    separator: "  ",
    fill: " ",
};

/// `[CRITICAL] Personal data access alert A-2026-001234 (Tax Section / Resident tax ledger)`
pub(super) fn subject(view: &View, why: NotifyReason) -> String {
    let mark = match why {
        NotifyReason::First => String::new(),
        NotifyReason::Grown { aside: true, .. } => ", growing".to_string(),
        NotifyReason::Grown { uses: Some(uses), .. } => format!(", now {}", judged::measured(uses, view)),
        NotifyReason::Grown { times, .. } => format!(", {}x the limit", number(times)),
        NotifyReason::Worse { .. } => ", severity raised".to_string(),
        NotifyReason::Repeat => ", ongoing".to_string(),
        NotifyReason::Reopened => ", reopened".to_string(),
        NotifyReason::Further => ", further reason".to_string(),
        NotifyReason::Handed(why) => route::mark(why),
    };
    let mark = match view.facts.answer_within {
        Some(within) => format!("{mark}, acknowledge within {}", duration_text(within, Lang::En)),
        None => mark,
    };
    let section = if view.owner.is_empty() {
        view.section.as_deref()
    } else {
        Some(view.owner.as_str())
    };
    let place = match section {
        Some(section) => format!("{section} / {}", dataset(view)),
        None => dataset(view),
    };
    let severity = severity(view.alert.severity).to_uppercase();
    format!(
        "[{severity}{mark}] Personal data access alert {} ({place})",
        view.number
    )
}

pub(super) fn parts(view: &View, why: NotifyReason, ctx: &MailContext) -> Parts {
    let greeting = match view.owner.is_empty() {
        true => vec!["To the data protection managers and information security staff".to_string()],
        false => vec![
            format!("To the data protection manager (保護管理者) of {}", view.owner),
            "(copy: information security staff)".to_string(),
        ],
    };
    let greeting = match why {
        NotifyReason::Handed(_) => route::greeting(view).map_or(greeting, |line| vec![line]),
        _ if view.past_manager() => route::greeting(view).map_or(greeting, |line| vec![line]),
        _ => greeting,
    };
    let mut summary = vec![summary(view)];
    summary.extend(Some(said(view.facts.words.explain(Lang::En))).filter(|text| !text.is_empty()));
    summary.extend(news(view, why));
    summary.extend(hour_of_the_reader(ctx));
    let mut closing = vec!["This mail holds no personal data of citizens.".to_string()];
    closing.extend(
        ctx.contact
            .as_deref()
            .map(|contact| format!("Contact: {}", title(contact))),
    );
    let phone = ctx.phone.as_deref().filter(|_| !view.facts.told.is_empty());
    closing.extend(phone.map(|phone| format!("Telephone: {}", said(phone))));
    let (agency, host) = (title(&ctx.agency), title(&ctx.host));
    Parts {
        greeting,
        summary,
        rows: rows(view).into_iter().chain(route::told(view)).collect(),
        steps: steps(view),
        answer: answer(view, &host),
        proof: proof(view),
        closing,
        signature: vec![
            format!("{agency}, personal data access monitoring (sekimori on {host})"),
            format!("Written {}", Jst::from(ctx.now).iso()),
        ],
    }
}

/// Why this mail comes now, unless it is the first.
fn news(view: &View, why: NotifyReason) -> Option<String> {
    Some(match why {
        NotifyReason::First => return None,
        NotifyReason::Grown {
            uses: Some(uses),
            aside: true,
            ..
        } => {
            format!(
                "It has gone on since the last mail: {} uses by now that one of the other reasons speaks of.",
                number(uses)
            )
        }
        NotifyReason::Grown { uses: Some(uses), .. } => {
            format!(
                "It has gone on since the last mail: {} by now.",
                judged::measured(uses, view)
            )
        }
        NotifyReason::Grown {
            times, aside: false, ..
        } => {
            format!(
                "It has grown since the last mail and reached {} times the limit.",
                number(times)
            )
        }
        NotifyReason::Grown { times, .. } => {
            format!(
                "It has grown since the last mail: one of the other reasons reached {} times its limit.",
                number(times)
            )
        }
        NotifyReason::Worse { from } => {
            format!(
                "Its severity rose from {} to {}.",
                severity(from),
                severity(view.alert.severity)
            )
        }
        NotifyReason::Repeat if view.alert.state == AlertState::Open => {
            "It has gone on since the last mail, and nobody has acknowledged it yet.".to_string()
        }
        NotifyReason::Repeat => "It has gone on since the last mail.".to_string(),
        NotifyReason::Further => {
            "Since the last mail another kind of rule has come to hold for the same user.".to_string()
        }
        NotifyReason::Handed(why) => route::news(why),
        NotifyReason::Reopened => {
            "This alert was closed; the same situation came back, so it is open again.".to_string()
        }
    })
}

fn hour_of_the_reader(ctx: &MailContext) -> Option<String> {
    let now = match off(Jst::from(ctx.now), &ctx.calendar)? {
        Off::Day(why) => format!("Offices are closed today ({}).", why.en()),
        Off::Hours => "It is outside office hours now.".to_string(),
    };
    Some(format!(
        "{now} Please follow the arrangements for nights and closed days."
    ))
}

fn answer(view: &View, host: &str) -> Vec<Piece> {
    let mut answer = vec![
        Piece::say(format!("On the server ({host}), run:")),
        Piece::say("- to see the details"),
        Piece::Type(format!("sekimori alert show {}", view.number)),
    ];
    if view.alert.state == AlertState::Acknowledged {
        answer.push(Piece::say("- It is acknowledged already."));
        return answer;
    }
    answer.extend([
        Piece::say("- to acknowledge (put in your staff number and the reason)"),
        Piece::Type(format!(
            "sekimori alert ack {} --by STAFF-NO --reason REASON",
            view.number
        )),
        Piece::say("Someone other than the person concerned must acknowledge. Acknowledging does not close the alert."),
    ]);
    if let Some(within) = view.facts.answer_within {
        let within = duration_text(within, Lang::En);
        answer.push(Piece::say(format!(
            "If nobody has acknowledged it within {within}, deputies and superiors are told one after another."
        )));
    }
    answer
}

/// State and mails, for `alert show`.
pub(super) fn life(view: &View) -> Vec<Row> {
    let mails = match view.alert.notified {
        None => "none".to_string(),
        Some(told) => format!("{} (last {})", told.mails, Jst::from(told.at).iso()),
    };
    vec![Row::new("State", view.alert.state.as_str()), Row::new("Mails", mails)]
}

pub(super) fn one_line(view: &View) -> String {
    let first = Jst::from(view.alert.first_seen);
    let who = match (&view.person, view.over_persons()) {
        (_, true) => "all persons".to_string(),
        (Some(person), _) => view
            .section
            .as_ref()
            .map_or(person.clone(), |section| format!("{person} ({section})")),
        (None, _) if view.account.is_empty() => "no name".to_string(),
        (None, _) => format!("\"{}\"", view.account),
    };
    let amount = match view.alert.limit {
        0 => judged::measured(view.alert.observed, view),
        limit => format!(
            "{} (limit {})",
            judged::measured(view.alert.observed, view),
            number(limit)
        ),
    };
    format!(
        "{}  {:8}  {:12}  {} {:02}:{:02}  {}  {}  {who}  {amount}",
        view.number,
        severity(view.alert.severity),
        view.alert.state.as_str(),
        first.day.iso(),
        first.hour(),
        first.minute(),
        if view.alert.retro {
            format!("[in hindsight] {}", view.rule)
        } else {
            view.rule.clone()
        },
        dataset(view),
    )
}

fn severity(severity: Severity) -> &'static str {
    severity.as_str()
}

fn dataset(view: &View) -> String {
    match (view.over_datasets(), view.dataset.is_empty()) {
        (true, _) => "several datasets".to_string(),
        (false, true) => "data outside the dataset register".to_string(),
        (false, false) => view.dataset.clone(),
    }
}

fn who(view: &View) -> String {
    match (&view.person, &view.section) {
        (Some(person), Some(section)) => format!("staff no. {person} ({section})"),
        (Some(person), None) => format!("staff no. {person}"),
        (None, _) => "a user".to_string(),
    }
}

/// An amount with its unit.
fn amount(n: u64, count: Option<Count>) -> String {
    let unit = match (count, n) {
        (Some(Count::Records), 1) => "record",
        (Some(Count::Records), _) => "records",
        (Some(Count::Subjects), 1) => "citizen",
        (Some(Count::Subjects), _) => "citizens",
        (Some(Count::Accesses) | None, 1) => "access",
        (Some(Count::Accesses) | None, _) => "accesses",
        (Some(Count::Bytes), 1) => "byte",
        (Some(Count::Bytes), _) => "bytes",
    };
    match count {
        Some(Count::Bytes) if n >= 1_000_000 => {
            format!(
                "{} bytes (about {} MB)",
                number(n),
                number(n.saturating_add(500_000) / 1_000_000)
            )
        }
        _ => format!("{} {unit}", number(n)),
    }
}
