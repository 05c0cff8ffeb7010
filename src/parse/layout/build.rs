//! Pieces of a format string -> [`Layout`]: which of several fields counts, what ends each, what cannot be told apart.

use super::{End, Layout, Next, Step, What};
use crate::parse::format::FormatError;
use crate::parse::time::strftime;

/// What a format string consists of.
#[derive(Debug)]
pub(super) enum Piece {
    /// Text that stands as it is.
    Text(Vec<u8>),
    /// A field as the string names it; of several for the same thing the one with the highest rank counts.
    Field { what: What, rank: u8, name: String },
}

/// Puts text behind the pieces, joined with text that is there already.
pub(super) fn push_text(pieces: &mut Vec<Piece>, text: &[u8]) {
    if let Some(Piece::Text(before)) = pieces.last_mut() {
        before.extend_from_slice(text);
    } else {
        pieces.push(Piece::Text(text.to_vec()));
    }
}

/// Builds the scanner.
pub(super) fn build(mut pieces: Vec<Piece>, escaped: bool, time_hint: &'static str) -> Result<Layout, FormatError> {
    choose(&mut pieces);
    if !pieces
        .iter()
        .any(|piece| matches!(piece, Piece::Field { what, .. } if is_time(what)))
    {
        return Err(FormatError::NoTime { hint: time_hint });
    }
    let mut lead = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => match steps.last_mut() {
                Some(step) => step.literal = text,
                None => lead = text,
            },
            Piece::Field { what, name, .. } => {
                if let (Some(before), Some(first)) = (steps.last_mut(), names.last())
                    && before.literal.is_empty()
                    && !joins(before, &what)
                {
                    return Err(FormatError::Adjacent {
                        first: first.clone(),
                        second: name,
                    });
                }
                names.push(name);
                steps.push(Step {
                    what,
                    end: End::Own,
                    literal: Vec::new(),
                    next: Next::Anything,
                    next_literal: Vec::new(),
                });
            }
        }
    }
    ends(&lead, &mut steps);
    Ok(Layout { lead, steps, escaped })
}

/// Whether a field may follow `before` with nothing between; if so, says how `before` ends.
fn joins(before: &mut Step, next: &What) -> bool {
    if is_time(&before.what) {
        return true;
    }
    if matches!(next, What::Resource | What::Path) {
        before.end = End::Slash;
        return true;
    }
    false
}

/// Leaves, of the fields that say the same, only the one that says it best; the others are skipped.
fn choose(pieces: &mut [Piece]) {
    let ranks: Vec<_> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Field { what, rank, .. } => subject_of(what).map(|subject| (subject, *rank)),
            Piece::Text(_) => None,
        })
        .collect();
    let best = |subject: u8| ranks.iter().filter(|(s, _)| *s == subject).map(|(_, rank)| *rank).max();
    let mut taken = Vec::new();
    for piece in pieces.iter_mut() {
        let Piece::Field { what, rank, .. } = piece else {
            continue;
        };
        let Some(subject) = subject_of(what) else { continue };
        let parts_of_one = matches!(what, What::Strftime(_));
        if Some(*rank) != best(subject) || !parts_of_one && taken.contains(&subject) {
            // A time still says where it ends; only its meaning is dropped.
            *what = match &*what {
                What::Forwarded => What::List,
                time if is_time(time) => What::Strftime(skipped_time(time)),
                _ => What::Skip,
            };
        } else {
            taken.push(subject);
        }
    }
    let has_request = pieces.iter().any(|p| {
        matches!(
            p,
            Piece::Field {
                what: What::Request | What::Resource,
                ..
            }
        )
    });
    for piece in pieces {
        if let Piece::Field { what, .. } = piece
            && has_request
            && matches!(what, What::Path | What::Query)
        {
            *what = What::Skip;
        }
    }
}

/// What two fields must share to be alternatives of each other.
fn subject_of(what: &What) -> Option<u8> {
    Some(match what {
        What::Source | What::Forwarded => 0,
        What::User => 1,
        What::Clf | What::Iso | What::Epoch | What::Strftime(_) => 2,
        What::Status => 3,
        What::Bytes => 4,
        What::Agent => 5,
        What::Path => 6,
        What::Resource | What::Request => 7,
        What::Query => 8,
        What::Operation => 9,
        What::Skip | What::List => return None,
    })
}

fn is_time(what: &What) -> bool {
    matches!(what, What::Clf | What::Iso | What::Epoch | What::Strftime(_))
}

/// The same time as parts: they are read, and count for nothing where another field gave the whole time.
fn skipped_time(what: &What) -> Vec<strftime::Item> {
    let format = match what {
        What::Clf => "%d/%b/%Y:%H:%M:%S %z",
        What::Iso => "%FT%T%z",
        What::Strftime(items) => return items.clone(),
        _ => return strftime::epoch_with_millis(),
    };
    strftime::compile(format).unwrap_or_default()
}

/// Decides how the end of each field is found.
fn ends(lead: &[u8], steps: &mut [Step]) {
    let mut before: Vec<u8> = lead.to_vec();
    let mut following: Vec<_> = steps
        .iter()
        .skip(1)
        .map(|step| (step.what.clone(), step.literal.clone()))
        .collect();
    following.push((What::Skip, Vec::new()));
    for (step, (next, next_literal)) in steps.iter_mut().zip(following) {
        step.next_literal = next_literal;
        if is_time(&step.what) {
            step.end = End::Own;
        } else if step.end != End::Slash {
            step.end = match (before.last(), step.literal.first()) {
                (Some(b'"'), Some(b'"')) => End::Quote,
                (_, Some(_)) => End::Literal,
                (_, None) if matches!(step.what, What::Status | What::Bytes | What::Source) => End::Blank,
                (_, None) => End::Line,
            };
        }
        step.next = match next {
            What::Clf => Next::ClfTime,
            What::Iso | What::Epoch => Next::Digit,
            What::Status => Next::Status,
            What::Bytes => Next::Amount,
            _ => Next::Anything,
        };
        before.clone_from(&step.literal);
    }
}
