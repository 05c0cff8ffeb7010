//! The head of a line that is longer than is kept of any: what was done stands at the front of most lines, and whoever
//! makes one long (a search with a million characters) must not be out of sight for that.
//!
//! The head is completed to a line the format can read: open strings, brackets and cells are closed, cells that are
//! missing are empty. What stood behind the cut is unknown then; a head that does not say when and who stays a reject.

use memchr::memchr;

use super::csv;

/// A JSON object cut anywhere, closed again. A member cut in its name or in a number is left out.
pub(super) fn object(head: &[u8]) -> Option<Vec<u8>> {
    let head = whole_characters(head);
    if head.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let mut open: Vec<u8> = Vec::new();
    // Where the last member ended, and what was open there.
    let mut safe: Option<(usize, usize)> = None;
    let (mut text, mut is_value, mut at) = (false, false, 0usize);
    let mut text_safe = 0usize;
    while let Some(byte) = head.get(at) {
        if text {
            let step = match byte {
                b'\\' if head.get(at.saturating_add(1)) == Some(&b'u') => 6,
                b'\\' => 2,
                _ => 1,
            };
            text = *byte != b'"';
            at = at.saturating_add(step);
            if at <= head.len() {
                text_safe = at;
            }
            continue;
        }
        match byte {
            b'"' => text = true,
            b'{' | b'[' => {
                open.push(if *byte == b'{' { b'}' } else { b']' });
                is_value = *byte == b'[';
            }
            b'}' | b']' => {
                open.pop();
                safe = Some((at.saturating_add(1), open.len()));
            }
            b':' => is_value = true,
            b',' => {
                safe = Some((at, open.len()));
                is_value = open.last() == Some(&b']');
            }
            _ => {}
        }
        at = at.saturating_add(1);
        text_safe = at;
    }
    let (upto, depth, quote) = match text && is_value {
        true => (text_safe.min(head.len()), open.len(), true),
        false => safe.map(|(at, depth)| (at, depth, false))?,
    };
    let mut out = head.get(..upto)?.to_vec();
    out.extend(quote.then_some(b'"'));
    out.extend(open.get(..depth)?.iter().rev());
    Some(out)
}

/// A row cut anywhere, with `columns` cells.
pub(super) fn row(head: &[u8], delimiter: u8, columns: usize) -> Option<Vec<u8>> {
    let mut out = head.to_vec();
    let (mut cells, mut rest) = (1usize, head);
    loop {
        if let [b'"', inner @ ..] = rest
            && csv::is_open(inner)
        {
            // A quote at the cut may be half of a doubled one.
            out.push(b'"');
            break;
        }
        let (_, after) = csv::cell(rest, delimiter)?;
        let Some(after) = after else { break };
        cells = cells.saturating_add(1);
        rest = after;
    }
    out.extend(std::iter::repeat_n(delimiter, columns.checked_sub(cells)?));
    Some(out)
}

/// A line of `common` or `combined` cut inside its request or behind it.
pub(super) fn web(head: &[u8]) -> Option<Vec<u8>> {
    let (mut quotes, mut behind, mut from) = (0usize, 0usize, 0usize);
    while let Some(hit) = memchr(b'"', head.get(from..)?) {
        let at = from.saturating_add(hit);
        let escapes = head.get(..at)?.iter().rev().take_while(|b| **b == b'\\').count();
        if escapes.is_multiple_of(2) {
            quotes = quotes.saturating_add(1);
            behind = at.saturating_add(1);
        }
        from = at.saturating_add(1);
    }
    // What the status and the size may have been is cut off with them.
    let (upto, rest): (usize, &[u8]) = match quotes {
        0 => return None,
        1 => (head.len(), b"\" - - \"-\" \"-\""),
        2 => (behind, b" - - \"-\" \"-\""),
        3 => (head.len(), b"\" \"-\""),
        4 => (behind, b" \"-\""),
        5 => (head.len(), b"\""),
        _ => (head.len(), b""),
    };
    let mut out = head.get(..upto)?.to_vec();
    if quotes % 2 == 1 {
        let escapes = out.iter().rev().take_while(|b| **b == b'\\').count();
        out.truncate(out.len().saturating_sub(escapes % 2));
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// Without the first bytes of a character whose last ones are cut off.
fn whole_characters(head: &[u8]) -> &[u8] {
    let tail = head.len().saturating_sub(3);
    match head
        .get(tail..)
        .map(|tail| (tail.iter().rposition(|b| 0xc0 <= *b), tail))
    {
        Some((Some(at), bytes)) if std::str::from_utf8(bytes.get(at..).unwrap_or_default()).is_err() => {
            head.get(..tail.saturating_add(at)).unwrap_or(head)
        }
        _ => head,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, FormatState, Parsed};

    fn user_and_resource(format: &str, before: &[&str], head: &str) -> Option<(String, Option<String>)> {
        let format = Format::compile(&Format::from_name(format).unwrap()).unwrap();
        let mut state = FormatState::default();
        for line in before {
            format.parse(line.as_bytes(), &mut state);
        }
        let text = |field: Option<std::borrow::Cow<'_, [u8]>>| field.map(|f| String::from_utf8_lossy(&f).into_owned());
        match format.parse_head(head.as_bytes(), &mut state) {
            Parsed::Record(record) => Some((text(record.user)?, text(record.resource))),
            Parsed::Reject(_) | Parsed::Nothing => None,
        }
    }

    #[test]
    fn a_line_cut_anywhere_behind_its_first_fields_still_says_who_did_what() {
        let web = "10.0.0.1 - u1 [21/Nov/2026:10:00:00 +0900] \"GET /a?q=\\\"x HTTP/1.1\" 200 5 \"-\" \"curl \\\"x\"";
        for cut in web.find("/a?").unwrap() + 3..=web.len() {
            let (user, resource) = user_and_resource("combined", &[], &web[..cut]).unwrap_or_else(|| panic!("{cut}"));
            assert_eq!(user, "u1");
            assert!(resource.unwrap().starts_with("/a"), "{cut}");
        }
        let json = r#"{"time":"2026-11-21T10:00:00+09:00","user":"u1","resource":"/a","n":{"k":[1,"受付\u53d7\"x",{"y":2}]},"z":true}"#;
        for cut in (json.find("/a\"").unwrap() + 4..=json.len()).filter(|cut| json.is_char_boundary(*cut)) {
            let found = user_and_resource("json", &[], &json[..cut]);
            assert_eq!(found, Some(("u1".into(), Some("/a".into()))), "{cut}");
        }
        let header = ["time,user,resource,agent,note"];
        let row = "2026-11-21 10:00:00,u1,/a,\"x,\"\"y\",n";
        for cut in row.find("/a,").unwrap() + 3..=row.len() {
            let found = user_and_resource("csv", &header, &row[..cut]);
            assert_eq!(found, Some(("u1".into(), Some("/a".into()))), "{cut}");
        }
    }

    #[test]
    fn a_head_that_does_not_say_who_is_none() {
        assert_eq!(
            user_and_resource("combined", &[], "10.0.0.1 - u1 [21/Nov/2026:10:00"),
            None
        );
        assert_eq!(user_and_resource("json", &[], r#"{"text":"aaaa"#), None);
        assert_eq!(
            user_and_resource("json", &[], r#"{"time":"2026-11-21T10:00:00+09:00","text":"aaaa"#),
            None
        );
        assert_eq!(
            user_and_resource("csv", &["time,user,resource"], "2026-11-21 10:00:00"),
            None
        );
        assert_eq!(user_and_resource("csv", &[], "aaa"), None);
    }
}
