//! Values nobody asks for, and the shapes of plain values.

use crate::parse::scan::quoted;

/// Deepest nesting that is skipped; serialisers of logs stay far below, bombs do not.
const DEPTH_MAX: usize = 128;

/// Without the blanks in front.
#[inline]
pub(in crate::parse) fn blanks(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = text {
        text = rest;
    }
    text
}

/// Splits a number, `true`, `false` or `null` from what follows it.
#[inline]
pub(in crate::parse) fn scalar(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text
        .iter()
        .position(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'.' | b'+' | b'-' | b'E'));
    let (value, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let is_plain = match value {
        b"true" | b"false" | b"null" => true,
        [b'-', digits @ ..] => is_number(digits),
        digits => is_number(digits),
    };
    is_plain.then_some((value, rest))
}

fn is_number(text: &[u8]) -> bool {
    let Some((whole, rest)) = digits(text) else {
        return false;
    };
    if let [b'0', _, ..] = whole {
        return false;
    }
    let rest = match rest {
        [b'.', part @ ..] => match digits(part) {
            Some((_, rest)) => rest,
            None => return false,
        },
        rest => rest,
    };
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', power @ ..] | [b'e' | b'E', power @ ..] => {
            digits(power).is_some_and(|(_, rest)| rest.is_empty())
        }
        _ => false,
    }
}

/// One or more digits and what follows them.
#[inline]
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())
}

/// What follows the object or array `text` begins with. Only its brackets and strings are looked at.
pub(in crate::parse) fn skip(text: &[u8]) -> Option<&[u8]> {
    let mut open = [0_u8; DEPTH_MAX];
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        let at = rest
            .iter()
            .position(|b| matches!(b, b'"' | b'{' | b'[' | b'}' | b']'))?;
        let (mark, after) = rest.get(at..)?.split_first()?;
        rest = match mark {
            b'"' => quoted(after)?.1,
            b'{' | b'[' => {
                *open.get_mut(depth)? = *mark;
                depth += 1;
                after
            }
            _ => {
                depth = depth.checked_sub(1)?;
                // `{` and `}`, `[` and `]` are two apart in ASCII.
                if open.get(depth)?.wrapping_add(2) != *mark {
                    return None;
                }
                after
            }
        };
        if depth == 0 {
            return Some(rest);
        }
    }
}
