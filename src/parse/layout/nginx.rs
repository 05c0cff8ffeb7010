//! nginx `log_format` strings (`ngx_http_log_module`).

use std::borrow::Cow;

use super::build::{Piece, build, push_text};
use super::{Layout, What};
use crate::parse::format::FormatError;

/// Compiles the text between the quotes of a `log_format`, pieces joined; `escape=json`, `escape=none` or
/// `escape=default` may stand in front of it, and the quotes may still be there. An unknown variable is text nobody looks at.
pub(in crate::parse) fn compile(format: &str) -> Result<Layout, FormatError> {
    let (escaped, format) = match format.trim_start().strip_prefix("escape=") {
        Some(rest) => escaping(rest)?,
        None => (true, format),
    };
    let format = &*unquoted(format);
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some((text, behind)) = rest.split_once('$') {
        push_text_if_any(&mut pieces, text);
        let at = format.len() - behind.len();
        let (name, behind) = variable(behind, at)?;
        push_variable(&mut pieces, name);
        rest = behind;
    }
    push_text_if_any(&mut pieces, rest);
    build(pieces, escaped, "$time_iso8601")
}

/// Reads the word behind `escape=`: whether quotes are escaped, and the format string.
fn escaping(text: &str) -> Result<(bool, &str), FormatError> {
    for (word, escaped) in [("default", true), ("json", true), ("none", false)] {
        if let Some(rest) = text.strip_prefix(word) {
            return Ok((escaped, rest.trim_start()));
        }
    }
    let word = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or(text);
    Err(FormatError::Escape { word: word.to_owned() })
}

/// Joins the pieces of a string copied with its single quotes and line breaks.
fn unquoted(format: &str) -> Cow<'_, str> {
    let copied = format.trim();
    if !copied.starts_with('\'') {
        return Cow::Borrowed(format);
    }
    Cow::Owned(copied.split('\'').skip(1).step_by(2).collect())
}

fn push_text_if_any(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        push_text(pieces, text.as_bytes());
    }
}

/// Splits the name of a variable from what follows it. `at` is the place of the `$`, counted from 1.
fn variable(text: &str, at: usize) -> Result<(&str, &str), FormatError> {
    if let Some(rest) = text.strip_prefix('{') {
        return rest.split_once('}').ok_or(FormatError::Unclosed { at, what: "${" });
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    match text.split_at_checked(end) {
        Some((name, rest)) if !name.is_empty() => Ok((name, rest)),
        _ => Err(FormatError::Nameless { at }),
    }
}

fn push_variable(pieces: &mut Vec<Piece>, name: &str) {
    // `$uri$is_args$args` is one URI with its query.
    if matches!(name, "is_args" | "args" | "query_string")
        && let Some(Piece::Field {
            what: what @ (What::Path | What::Resource),
            rank,
            ..
        }) = pieces.last_mut()
    {
        *what = What::Resource;
        *rank = 1;
        return;
    }
    let (what, rank) = match name {
        "remote_addr" => (What::Source, 9),
        "realip_remote_addr" | "proxy_protocol_addr" => (What::Source, 3),
        "http_x_real_ip" => (What::Source, 2),
        "http_x_forwarded_for" => (What::Forwarded, 1),
        "proxy_add_x_forwarded_for" => (What::List, 0),
        "remote_user" => (What::User, 9),
        "time_iso8601" => (What::Iso, 2),
        "time_local" => (What::Clf, 1),
        "msec" => (What::Epoch, 3),
        "request" => (What::Request, 2),
        "request_uri" => (What::Resource, 3),
        "uri" | "document_uri" => (What::Path, 1),
        "args" | "query_string" => (What::Query, 1),
        "request_method" => (What::Operation, 9),
        "status" => (What::Status, 9),
        "body_bytes_sent" => (What::Bytes, 2),
        "bytes_sent" => (What::Bytes, 1),
        "http_user_agent" => (What::Agent, 9),
        name if name.starts_with("upstream_") => (What::List, 0),
        _ => (What::Skip, 0),
    };
    pieces.push(Piece::Field {
        what,
        rank,
        name: format!("${name}"),
    });
}
