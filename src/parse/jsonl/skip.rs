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

/// What a token says that is none of JSON: nothing.
const NOTHING: &[u8] = b"null";

/// Splits a number, `true`, `false` or `null` from what follows it.
///
/// What writers put there without asking JSON (`NaN`, `Infinity`, `None`, `-`, nothing at all before the next comma) says
/// nothing and costs no record, as long as it is clear where it ends. Digits stay as they are written (`012345`).
#[inline]
pub(in crate::parse) fn scalar(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text
        .iter()
        .position(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'+' | b'-' | b'_'));
    let (value, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    match value {
        b"true" | b"false" | b"null" | [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => Some((value, rest)),
        [] if !matches!(rest, [b',' | b'}', ..]) => None,
        _ => Some((NOTHING, rest)),
    }
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
