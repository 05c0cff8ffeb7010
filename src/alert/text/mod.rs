//! The text people get of an alert: mail, `alert show`, and one line for lists.
//!
//! Pure: facts in, text out; the same facts give the same text, so a mail can be stored before it is sent.
//! Whatever comes from logs and registers is made inert here once more; contents of log lines never appear,
//! only where they stand. The order is that of somebody who reads on a phone at night: what happened, the
//! facts, what to do first, how to answer for it.
//!
//! Not here: who gets the mail and when (`decide`, the ladder), headers and encoding (`mail`).

mod en;
mod ja;
mod view;

use std::sync::Arc;

use super::AlertFacts;
use super::ladder::{Hop, Why};
use crate::calendar::Calendar;
use crate::clock::WallTime;
use crate::detect::Severity;
use crate::text::{Lang, columns, wrap};
use view::View;

/// Columns of a line of a mail: fits a window of Outlook and the quoting marks of an answer.
const LINE_COLUMNS: usize = 74;

/// Why people are told now. Stands in subject and body, and in the record of the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotifyReason {
    /// The situation is new.
    First,
    /// It grew: what a rule observed of it, not always the leading one, reached `times` times that rule's limit.
    Grown {
        /// How many times.
        times: u64,
        /// Where the rule has no limit: the uses it found.
        uses: Option<u64>,
        /// Whether that rule is not the one in whose words the alert is told.
        aside: bool,
    },
    /// It became worse in severity.
    Worse {
        /// The severity people were told before.
        from: Severity,
    },
    /// It goes on, and the repeat interval has passed.
    Repeat,
    /// It was closed and came back.
    Reopened,
    /// A rule of another kind holds in the same situation.
    Further,
    /// It is handed on to whoever is next on the ladder.
    Handed(Why),
}

impl NotifyReason {
    /// The word used in JSON and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            NotifyReason::First => "first",
            NotifyReason::Grown { .. } => "grown",
            NotifyReason::Worse { .. } => "worse",
            NotifyReason::Repeat => "repeat",
            NotifyReason::Reopened => "reopened",
            NotifyReason::Further => "further",
            NotifyReason::Handed(_) => "handed-on",
        }
    }

    /// Of several reasons the one that says most is told.
    pub fn weight(self) -> u64 {
        match self {
            NotifyReason::Repeat | NotifyReason::Handed(_) => 0,
            NotifyReason::Reopened => 1,
            NotifyReason::Grown { uses: Some(_), .. } => 2,
            NotifyReason::Grown { times, .. } => 2u64.saturating_add(times.min(1 << 20)),
            NotifyReason::Further => 1 << 21,
            NotifyReason::Worse { .. } => 1 << 22,
            NotifyReason::First => 1 << 23,
        }
    }
}

/// What a mail says of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailContext {
    /// Name of the agency.
    pub agency: String,
    /// Language of the mail.
    pub lang: Lang,
    /// Where people ask (内線 …).
    pub contact: Option<String>,
    /// Telephone numbers for whoever is told of an alert that nobody answered for.
    pub phone: Option<String>,
    /// Name of the host on which the commands are run.
    pub host: String,
    /// When the mail is composed.
    pub now: WallTime,
    /// When the offices of the agency are closed.
    pub calendar: Arc<Calendar>,
}

/// A mail before it gets its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailText {
    /// One line without control characters; not yet encoded.
    pub subject: String,
    /// Plain text, lines ended by `\n`, at most 74 columns where words allow.
    pub body: String,
}

/// What a language makes of an alert; [`compose`] lays it out.
struct Parts {
    greeting: Vec<String>,
    /// Paragraphs: what happened, why this mail comes now, what time it is for the reader.
    summary: Vec<String>,
    rows: Vec<Row>,
    steps: Vec<Piece>,
    answer: Vec<Piece>,
    proof: Vec<Row>,
    closing: Vec<String>,
    signature: Vec<String>,
}

/// A label with its value, a line an entry.
struct Row {
    label: &'static str,
    lines: Vec<String>,
}

impl Row {
    fn new(label: &'static str, line: impl Into<String>) -> Row {
        Row {
            label,
            lines: vec![line.into()],
        }
    }
}

/// A piece of advice.
enum Piece {
    /// Words.
    Say(String),
    /// A command to be copied.
    Type(String),
}

impl Piece {
    fn say(text: impl Into<String>) -> Piece {
        Piece::Say(text.into())
    }
}

/// How a language writes labels and headings.
struct Style {
    /// Headings of the sections: facts, first steps, answer, proof.
    headings: [&'static str; 4],
    /// Between a label, filled up to its column with `fill`, and the value.
    separator: &'static str,
    /// Full-width where labels are, so that the column holds in a proportional font too.
    fill: &'static str,
}

/// The mail about an alert.
pub fn compose(facts: &AlertFacts, why: NotifyReason, ctx: &MailContext) -> MailText {
    let view = View::new(facts);
    let (subject, parts) = match ctx.lang {
        Lang::Ja => (ja::subject(&view, why), ja::parts(&view, why, ctx)),
        Lang::En => (en::subject(&view, why), en::parts(&view, why, ctx)),
    };
    MailText {
        subject,
        body: lay_out(&parts, style(ctx.lang)),
    }
}

/// The alert in several lines, for `alert show`: the facts of the mail, its state, and the evidence.
pub fn describe(facts: &AlertFacts, lang: Lang) -> String {
    let view = View::new(facts);
    let [mut rows, life, proof] = match lang {
        Lang::Ja => [ja::rows(&view), ja::life(&view), ja::proof(&view)],
        Lang::En => [en::rows(&view), en::life(&view), en::proof(&view)],
    };
    rows.extend(life);
    rows.extend(proof);
    let mut out = String::new();
    put_rows(&mut out, &rows, style(lang));
    out
}

/// The alert in one line, for `alert list` and the console.
pub fn one_line(facts: &AlertFacts, lang: Lang) -> String {
    let view = View::new(facts);
    match lang {
        Lang::Ja => ja::one_line(&view),
        Lang::En => en::one_line(&view),
    }
}

/// One hop of the ladder in one line, for the console and mails.
pub fn hop_line(hop: &Hop, lang: Lang) -> String {
    match lang {
        Lang::Ja => ja::hop(hop),
        Lang::En => en::hop(hop),
    }
}

fn style(lang: Lang) -> &'static Style {
    match lang {
        Lang::Ja => &ja::STYLE,
        Lang::En => &en::STYLE,
    }
}

fn lay_out(parts: &Parts, style: &Style) -> String {
    let [facts, first, answer, proof] = style.headings;
    let mut out = String::new();
    put_all(&mut out, &parts.greeting);
    for paragraph in &parts.summary {
        out.push('\n');
        put(&mut out, paragraph, 0);
    }
    put_heading(&mut out, facts);
    put_rows(&mut out, &parts.rows, style);
    put_heading(&mut out, first);
    put_steps(&mut out, &parts.steps);
    put_heading(&mut out, answer);
    for piece in &parts.answer {
        match piece {
            Piece::Say(text) => put(&mut out, text, 0),
            Piece::Type(command) => put_command(&mut out, command),
        }
    }
    put_heading(&mut out, proof);
    put_rows(&mut out, &parts.proof, style);
    out.push('\n');
    put_all(&mut out, &parts.closing);
    out.push('\n');
    put_all(&mut out, &parts.signature);
    out
}

fn put_heading(out: &mut String, heading: &str) {
    out.push('\n');
    put(out, heading, 0);
}

fn put_all(out: &mut String, lines: &[String]) {
    for line in lines {
        put(out, line, 0);
    }
}

/// Writes `text` wrapped, with `indent` spaces before the second line and those behind it.
fn put(out: &mut String, text: &str, indent: usize) {
    for line in wrap(text, LINE_COLUMNS, indent) {
        out.push_str(&line);
        out.push('\n');
    }
}

/// Writes a command, never wrapped: broken over two lines it could not be copied.
fn put_command(out: &mut String, command: &str) {
    out.push_str("    ");
    out.push_str(command);
    out.push('\n');
}

fn put_steps(out: &mut String, steps: &[Piece]) {
    let mut number = 0;
    for step in steps {
        match step {
            Piece::Say(text) => {
                number += 1;
                put(out, &format!("{number}. {text}"), 3);
            }
            Piece::Type(command) => put_command(out, command),
        }
    }
}

/// Writes rows with their values in one column.
fn put_rows(out: &mut String, rows: &[Row], style: &Style) {
    let width = rows.iter().map(|row| columns(row.label)).max().unwrap_or(0);
    let indent = width + columns(style.separator);
    for row in rows {
        let missing = width.saturating_sub(columns(row.label)) / columns(style.fill).max(1);
        let mut lead = format!("{}{}{}", row.label, style.fill.repeat(missing), style.separator);
        for line in &row.lines {
            put(out, &format!("{lead}{line}"), indent);
            lead = " ".repeat(indent);
        }
    }
}

#[cfg(test)]
mod tests;
