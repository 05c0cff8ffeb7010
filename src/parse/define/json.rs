//! Values of a JSON object by path, in one pass without building it.
//!
//! A path is member names joined by dots; `[]` behind a name is any element of its array (the first that has the value
//! counts), `[name=text]` the element whose member `name` is `text`. A member with the dots in its own name is found too.
//! An object or array at the end of a path is its text.

use super::values::Values;
use crate::parse::jsonl::paths::{Paths, Wanted};
use crate::parse::jsonl::skip::{blanks, scalar, skip};
use crate::parse::scan::{Raw, quoted, unescape};

/// Deepest nesting of arrays that is looked into.
const DEPTH_MAX: usize = 24;

/// The values of a definition, as a tree of names.
#[derive(Debug)]
pub(super) struct Tree(Paths);

impl Tree {
    /// A tree of numbered paths.
    pub(super) fn new<'p>(paths: impl Iterator<Item = (u8, &'p str)>) -> Tree {
        let mut tree = Paths::new();
        for (number, path) in paths {
            let segments = segments(path);
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            tree.add_segments(number, &segments, 0);
            if 1 < segments.len() {
                tree.add_segments(number, &[path], 1);
            }
        }
        Tree(tree)
    }

    /// Reads an object; `None` if `text` is none, or goes on behind it.
    pub(super) fn read<'a>(&self, text: &'a [u8], values: &mut Values<'a, '_>) -> Option<()> {
        let [b'{', inside @ ..] = blanks(text) else { return None };
        let rest = blanks(self.object(Paths::ROOT, inside, values, 0)?);
        // What separates the objects of an array.
        let rest = rest.strip_prefix(b",").map_or(rest, blanks);
        rest.iter()
            .all(|b| matches!(b, b']' | b'}' | b' ' | b'\r' | b'\n'))
            .then_some(())
    }

    fn object<'a>(&self, node: usize, text: &'a [u8], values: &mut Values<'a, '_>, depth: usize) -> Option<&'a [u8]> {
        let mut rest = blanks(text);
        if let [b'}', after @ ..] = rest {
            return Some(after);
        }
        loop {
            let [b'"', key @ ..] = rest else { return None };
            let (key, after) = quoted(key)?;
            let [b':', value @ ..] = blanks(after) else { return None };
            let wanted = if key.escaped {
                self.0.find(node, &unescape(key.text))
            } else {
                self.0.find(node, key.text)
            };
            rest = blanks(self.value(wanted, blanks(value), values, depth)?);
            rest = match rest {
                [b',', after @ ..] => blanks(after),
                [b'}', after @ ..] => return Some(after),
                _ => return None,
            };
        }
    }

    fn value<'a>(
        &self,
        wanted: Option<&Wanted>,
        text: &'a [u8],
        values: &mut Values<'a, '_>,
        depth: usize,
    ) -> Option<&'a [u8]> {
        let (raw, rest) = match text {
            [b'"', inside @ ..] => quoted(inside)?,
            [b'{' | b'[', inside @ ..] => {
                let node = wanted.and_then(|wanted| wanted.node).filter(|_| depth < DEPTH_MAX);
                let rest = match (node, text) {
                    (None, _) => skip(text)?,
                    (Some(node), [b'{', ..]) => self.object(node, inside, values, depth + 1)?,
                    (Some(node), _) => self.array(node, inside, values, depth + 1)?,
                };
                let text = text.get(..text.len() - rest.len())?;
                (Raw { text, escaped: false }, rest)
            }
            _ => {
                let (text, rest) = scalar(text)?;
                if text == b"null" {
                    return Some(rest);
                }
                (Raw { text, escaped: false }, rest)
            }
        };
        // `{}` and `[]` say nothing.
        if !matches!(raw.text, b"{}" | b"[]") {
            for (number, _) in wanted.map_or(&[][..], |wanted| &wanted.slots) {
                values.set_raw_if_none(*number, raw);
            }
        }
        Some(rest)
    }

    fn array<'a>(&self, node: usize, text: &'a [u8], values: &mut Values<'a, '_>, depth: usize) -> Option<&'a [u8]> {
        let mut rest = blanks(text);
        if let [b']', after @ ..] = rest {
            return Some(after);
        }
        loop {
            let element = rest;
            rest = skip_value(element)?;
            for (name, wanted) in self.0.names(node) {
                if name == b"[]" || chosen(name, element) {
                    self.value(Some(wanted), element, values, depth)?;
                }
            }
            rest = match blanks(rest) {
                [b',', after @ ..] => blanks(after),
                [b']', after @ ..] => return Some(after),
                _ => return None,
            };
        }
    }
}

/// Whether the object `element` is the one `[name=text]` asks for.
fn chosen(filter: &[u8], element: &[u8]) -> bool {
    let inner = filter.strip_prefix(b"[").and_then(|f| f.strip_suffix(b"]"));
    let Some(at) = inner.and_then(|inner| memchr::memchr(b'=', inner)) else {
        return false;
    };
    let (name, text) = inner.and_then(|inner| inner.split_at_checked(at)).unwrap_or_default();
    member(element, name).is_some_and(|found| Some(found) == text.get(1..))
}

/// The text of a member of an object.
fn member<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let [b'{', rest @ ..] = object else { return None };
    let mut rest = blanks(rest);
    loop {
        let [b'"', key @ ..] = rest else { return None };
        let (key, after) = quoted(key)?;
        let [b':', value @ ..] = blanks(after) else { return None };
        let value = blanks(value);
        let after = skip_value(value)?;
        if key.text == name {
            let text = value.get(..value.len() - after.len())?;
            return Some(
                text.strip_prefix(b"\"")
                    .and_then(|t| t.strip_suffix(b"\""))
                    .unwrap_or(text),
            );
        }
        rest = match blanks(after) {
            [b',', after @ ..] => blanks(after),
            _ => return None,
        };
    }
}

fn skip_value(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'"', inside @ ..] => Some(quoted(inside)?.1),
        [b'{' | b'[', ..] => skip(text),
        _ => Some(scalar(text)?.1),
    }
}

/// `a.b[].c[name=x.y].d` -> `a`, `b`, `[]`, `c`, `[name=x.y]`, `d`.
fn segments(path: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut inside = false;
    for char in path.chars() {
        match char {
            '[' => {
                inside = true;
                out.push(String::from('['));
            }
            // `a..b`: the name `.b`.
            '.' if !inside => match out.last_mut() {
                Some(last) if last.is_empty() => last.push('.'),
                _ => out.push(String::new()),
            },
            _ => {
                inside &= char != ']';
                if let Some(last) = out.last_mut() {
                    last.push(char);
                }
            }
        }
    }
    out.retain(|segment| !segment.is_empty());
    out
}
