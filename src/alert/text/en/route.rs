//! Who was told, and why (English).

use crate::alert::ladder::{Hop, Place, Why};
use crate::alert::text::Row;
use crate::alert::text::view::{View, name};
use crate::calendar::Jst;
use crate::text::{Lang, duration_text};

/// "deputy of the data protection manager"
pub(in crate::alert::text) fn place(place: Place) -> &'static str {
    match place {
        Place::Officer => "data protection officer",
        Place::Manager => "data protection manager",
        Place::Deputy => "deputy of the data protection manager",
        Place::General => "general data protection manager",
        Place::GeneralDeputy => "deputy of the general data protection manager",
        Place::Auditor => "audit officer",
        Place::System => "system administrator",
        Place::Duty => "duty contact",
        Place::Security => "information security staff",
    }
}

fn why(why: Why) -> String {
    let text = |wait| duration_text(wait, Lang::En);
    match why {
        Why::First => "told".to_owned(),
        Why::Unanswered(wait) => format!("told: not acknowledged within {}", text(wait)),
        Why::Nobody => "told: nobody before could be".to_owned(),
        Why::Refused => "told: the mail before was refused".to_owned(),
        Why::Suspect => "told: the alert is about whoever comes before".to_owned(),
        Why::Administrator => "told: the alert is about somebody who runs the systems".to_owned(),
        Why::Again(wait) => format!("told again: not acknowledged for {}", text(wait)),
        Why::Absent => "passed over: away".to_owned(),
        Why::Left => "passed over: no right in force, or moved to another section".to_owned(),
        Why::Vacant => "nobody there".to_owned(),
        Why::Himself => "left out: the alert is about this person".to_owned(),
    }
}

/// `2026-11-21 14:03:27 JST  deputy of the data protection manager (012301)  told: ...`
pub(in crate::alert::text) fn hop(hop: &Hop) -> String {
    let who = match hop.person.as_str() {
        "" => place(hop.place).to_owned(),
        person => format!("{} ({})", place(hop.place), name(person)),
    };
    format!("{}  {who}  {}", Jst::from(hop.at).iso(), why(hop.why))
}

/// Everybody told or passed over so far.
pub(super) fn told(view: &View) -> Option<Row> {
    let line = |hop: &Hop| {
        let at = Jst::from(hop.at);
        format!(
            "{} {:02}:{:02}  {}: {}",
            at.day.iso(),
            at.hour(),
            at.minute(),
            place(hop.place),
            why(hop.why)
        )
    };
    let lines: Vec<String> = view.facts.told.iter().map(line).collect();
    (!lines.is_empty()).then_some(Row { label: "Told", lines })
}

/// Whom a mail of the ladder speaks to, the highest first.
pub(super) fn greeting(view: &View) -> Option<String> {
    let told = &view.facts.told;
    let last = told.iter().rev().find(|hop| !hop.why.is_passed_over())?;
    let now = told
        .iter()
        .rev()
        .filter(|hop| hop.at == last.at && !hop.why.is_passed_over());
    let names: Vec<&str> = now.map(|hop| place(hop.place)).collect();
    Some(format!("To the {}", names.join(" and the ")))
}

/// Why the mail comes to somebody new.
pub(super) fn news(reason: Why) -> String {
    let text = |wait| duration_text(wait, Lang::En);
    match reason {
        Why::Unanswered(wait) => format!(
            "Whoever was told before has not acknowledged it within {}; you are next.",
            text(wait)
        ),
        Why::Nobody => "Whoever comes before you is away, or the post is vacant; you are next.".to_owned(),
        Why::Refused => "The mail to whoever comes before you was refused; you are next.".to_owned(),
        Why::Suspect => "The alert is about whoever comes before you; you are told in his place.".to_owned(),
        Why::Administrator => {
            "The alert is about somebody who runs the systems; the audit officer is told, too.".to_owned()
        }
        Why::Again(wait) => format!("Nobody has acknowledged it for {}; you are told once more.", text(wait)),
        _ => "A closed alert was opened again.".to_owned(),
    }
}

/// The mark in the subject.
pub(super) fn mark(reason: Why) -> String {
    match reason {
        Why::Unanswered(wait) => format!(", not acknowledged for {}", duration_text(wait, Lang::En)),
        Why::Again(wait) => format!(", still not acknowledged after {}", duration_text(wait, Lang::En)),
        Why::First => ", reopened".to_owned(),
        _ => ", you are next".to_owned(),
    }
}
