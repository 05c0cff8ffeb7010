//! Apache `LogFormat` strings (`mod_log_config`, `mod_logio`).

use super::build::{Piece, build, push_text};
use super::{Layout, What};
use crate::parse::format::FormatError;
use crate::parse::time::strftime;

/// Compiles a `LogFormat` string; `\"`, `\\`, `\t` and `\n` of the server's configuration are understood.
pub(in crate::parse) fn compile(format: &str) -> Result<Layout, FormatError> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(char) = rest.chars().next() {
        let behind = rest.get(char.len_utf8()..).unwrap_or_default();
        let at = format.len() - behind.len();
        rest = match char {
            '%' => directive(behind, at, &mut pieces)?,
            '\\' => escape(behind, &mut pieces),
            _ => {
                push_text(&mut pieces, char.encode_utf8(&mut [0; 4]).as_bytes());
                behind
            }
        };
    }
    build(pieces, true, "%t")
}

fn escape<'a>(text: &'a str, pieces: &mut Vec<Piece>) -> &'a str {
    let (meant, rest) = match text.as_bytes().first() {
        Some(b'"') => ("\"", text.get(1..)),
        Some(b'\\') => ("\\", text.get(1..)),
        Some(b't') => ("\t", text.get(1..)),
        Some(b'n') => ("\n", text.get(1..)),
        _ => ("\\", Some(text)),
    };
    push_text(pieces, meant.as_bytes());
    rest.unwrap_or_default()
}

/// Reads a directive behind its `%`; gives what follows it. `at` is the place of the `%`, counted from 1.
fn directive<'a>(text: &'a str, at: usize, pieces: &mut Vec<Piece>) -> Result<&'a str, FormatError> {
    // Conditions (`!200,304`) and `<`, `>` stand before the braces; `>` may also stand behind them.
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '!' | ',' | '<'));
    let (last, rest) = final_mark(rest);
    let (argument, rest) = match rest.strip_prefix('{') {
        Some(rest) => {
            let (argument, rest) = rest.split_once('}').ok_or(FormatError::Unclosed { at, what: "%{" })?;
            (Some(argument), rest)
        }
        None => (None, rest),
    };
    let (also_last, rest) = final_mark(rest);
    let long = ["^ti", "^to"]
        .into_iter()
        .find(|name| argument.is_some() && rest.starts_with(name));
    let letter = rest.chars().next();
    let width = long.map_or(letter.map_or(0, char::len_utf8), str::len);
    let (name, rest) = rest.split_at_checked(width).unwrap_or((rest, ""));
    let shown = match argument {
        Some(argument) => format!("%{{{argument}}}{name}"),
        None => format!("%{name}"),
    };
    if argument.is_none() && name == "%" {
        push_text(pieces, b"%");
        return Ok(rest);
    }
    if argument.is_none() && name == "t" {
        push_text(pieces, b"[");
        pieces.push(Piece::Field {
            what: What::Clf,
            rank: 2,
            name: shown,
        });
        push_text(pieces, b"]");
        return Ok(rest);
    }
    // The query (with its `?`, or nothing) right behind the path.
    if name == "q"
        && let Some(Piece::Field {
            what: what @ What::Path,
            ..
        }) = pieces.last_mut()
    {
        *what = What::Resource;
        return Ok(rest);
    }
    let (what, rank) = match (argument, name) {
        (Some(format), "t") => {
            let items = strftime::compile(format).map_err(|what| FormatError::Time { at, what })?;
            (What::Strftime(items), 1)
        }
        _ => field(argument, name, last || also_last).ok_or_else(|| FormatError::Directive {
            at,
            what: shown.clone(),
        })?,
    };
    pieces.push(Piece::Field {
        what,
        rank,
        name: shown,
    });
    Ok(rest)
}

/// Takes a `>` (the final request after internal redirects) from the front.
fn final_mark(text: &str) -> (bool, &str) {
    match text.strip_prefix('>') {
        Some(rest) => (true, rest),
        None => (false, text),
    }
}

fn field(argument: Option<&str>, name: &str, last: bool) -> Option<(What, u8)> {
    Some(match (argument, name) {
        (None, "h") => (What::Source, 9),
        (None, "a") => (What::Source, 8),
        (Some("c"), "a" | "h") => (What::Source, 3),
        (None, "u") => (What::User, 9),
        (Some(variable), "e" | "x" | "n") if variable.eq_ignore_ascii_case("REMOTE_USER") => (What::User, 1),
        (None, "r") => (What::Request, 2),
        (None, "m") => (What::Operation, 9),
        (None, "U") => (What::Path, 1),
        (None, "q") => (What::Query, 1),
        (None, "s") => (What::Status, if last { 9 } else { 1 }),
        (None, "b" | "B") => (What::Bytes, 2),
        (None, "O") => (What::Bytes, 1),
        (Some(header), "i") if header.eq_ignore_ascii_case("User-Agent") => (What::Agent, 9),
        (Some(header), "i") if header.eq_ignore_ascii_case("X-Forwarded-For") => (What::Forwarded, 1),
        (None, "A" | "l" | "H" | "I" | "S" | "D" | "T" | "v" | "V" | "p" | "P" | "X" | "k" | "L" | "R" | "f")
        | (Some(_), "i" | "o" | "e" | "n" | "x" | "C" | "p" | "P" | "T" | "L" | "^ti" | "^to") => (What::Skip, 0),
        _ => return None,
    })
}
