//! Request targets as a server reads them, whatever their spelling.
//!
//! Somebody who may ask for `/juki/export` may ask for `/juki/./export`, `//juki/export`, `/x/../juki/export`,
//! `/juki%2Fexport`, `/juki;a=b/export` or `http://host/juki/export` just as well: many servers answer all of them
//! with the same data, and the log holds what was asked. So each such spelling is brought to one form and compared
//! with the patterns first. This errs on the side of matching: a server may refuse what we count, and then the line
//! says so by its status.
//!
//! Not here: what a path means (`datasets`).

use std::borrow::Cow;

use memchr::{memchr, memmem};

/// Times a path is decoded: servers behind servers decode again.
const DECODINGS_MAX: usize = 3;

/// Path and query of a request target. `http://host/path` is the path, as for a server; what begins with neither
/// is no path and has no query.
pub(super) fn split(target: &[u8]) -> (&[u8], &[u8]) {
    let path = match target.first() {
        Some(b'h' | b'H') => behind_host(target).unwrap_or(target),
        _ => target,
    };
    match memchr(b'?', path) {
        Some(q) if path.first() == Some(&b'/') => {
            (path.get(..q).unwrap_or_default(), path.get(q + 1..).unwrap_or_default())
        }
        _ => (path, &[]),
    }
}

fn behind_host(target: &[u8]) -> Option<&[u8]> {
    let scheme = memmem::find(target, b"://")?;
    let name = target.get(..scheme)?;
    if !name.eq_ignore_ascii_case(b"http") && !name.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let rest = target.get(scheme + 3..)?;
    rest.get(memchr(b'/', rest)?..)
}

/// Whether a path is spelled in a way that [`plain`] would change. Cheap: every line asks.
pub(super) fn is_odd(path: &[u8]) -> bool {
    // Without a branch for each byte this takes many at once; nearly all paths end here.
    let behind = path.get(1..).unwrap_or_default();
    let pair = |(a, b): (&u8, &u8)| (*a == b'/') & ((*b == b'/') | (*b == b'.'));
    let alone = |b: &u8| (*b == b';') | (*b == b'\\') | (*b == b'%');
    let suspect = path.iter().zip(behind).fold(false, |odd, both| odd | pair(both))
        | path.iter().fold(false, |odd, byte| odd | alone(byte));
    suspect && is_odd_somewhere(path)
}

fn is_odd_somewhere(path: &[u8]) -> bool {
    let mut before = 0u8;
    for (i, byte) in path.iter().enumerate() {
        let odd = match byte {
            b';' | b'\\' => true,
            b'/' | b'.' => before == b'/',
            b'%' => matches!(
                path.get(i + 1..i + 3),
                Some([b'2', b'e' | b'E' | b'f' | b'F' | b'5'] | [b'3', b'b' | b'B'] | [b'5', b'c' | b'C'])
            ),
            _ => false,
        };
        if odd {
            return true;
        }
        before = *byte;
    }
    false
}

/// The path with escapes, empty and dot segments, backslashes and parameters behind `;` resolved.
pub(super) fn plain(path: &[u8]) -> Vec<u8> {
    let mut text = Cow::Borrowed(path);
    for _ in 0..DECODINGS_MAX {
        match decoded(&text) {
            Cow::Owned(once) if once != *text => text = Cow::Owned(once),
            _ => break,
        }
    }
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut is_folder = false;
    for segment in text.split(|b| matches!(b, b'/' | b'\\')) {
        let name = memchr(b';', segment).map_or(segment, |end| segment.get(..end).unwrap_or_default());
        is_folder = matches!(name, b"" | b"." | b"..");
        match name {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let mut out = Vec::with_capacity(text.len() + 1);
    for segment in segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if is_folder || out.is_empty() {
        out.push(b'/');
    }
    out
}

/// Percent-encodes as servers and browsers do: upper-case hex, unreserved characters as they are.
pub(super) fn encoded(segment: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(segment.len() * 3);
    for b in segment.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b) {
            out.push(b);
        } else {
            out.extend_from_slice(format!("%{b:02X}").as_bytes());
        }
    }
    out
}

/// Percent-decodes once; what is no escape stays as it is.
pub(super) fn decoded(segment: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'%', segment).is_none() {
        return Cow::Borrowed(segment);
    }
    let mut out = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((first, tail)) = rest.split_first() {
        let hex = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match (first, tail) {
            (b'%', [hi, lo, after @ ..]) if hex(hi).is_some() && hex(lo).is_some() => {
                out.push(hex(hi).unwrap_or(0) << 4 | hex(lo).unwrap_or(0));
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(out)
}

/// The first parameter called `name`, decoded.
pub(super) fn query_value<'a>(query: &'a [u8], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    query.split(|b| *b == b'&').find_map(|pair| {
        let eq = memchr(b'=', pair)?;
        (*decoded(pair.get(..eq)?) == *name).then(|| decoded(pair.get(eq + 1..).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str) -> String {
        String::from_utf8(plain(path.as_bytes())).unwrap()
    }

    #[test]
    fn every_spelling_of_a_path_is_brought_to_one() {
        for spelling in [
            "/juki/export",
            "//juki//export",
            "/./juki/./export",
            "/x/../juki/export",
            "/../../juki/y/../export",
            "/juki/%2e/export",
            "/x/%2E%2e/juki/export",
            "/juki%2Fexport",
            "/juki%2fexport",
            "/juki;jsessionid=1A2B/export;v=2",
            "/x/..;/juki/export",
            "/juki%3Bx/export",
            "/juki\\export",
            "\\juki%5Cexport",
            "/x/%252e%252e/juki/export",
            "/%6Auki/export",
        ] {
            assert_eq!(shown(spelling), "/juki/export", "{spelling}");
            assert_eq!(
                is_odd(spelling.as_bytes()),
                !["/juki/export", "/%6Auki/export"].contains(&spelling),
                "{spelling}"
            );
        }
        for (folder, want) in [
            ("/", "/"),
            ("//", "/"),
            ("/..", "/"),
            ("/a/", "/a/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("", "/"),
        ] {
            assert_eq!(shown(folder), want, "{folder}");
        }
        assert_eq!(shown("/a/...//b..c/.d"), "/a/.../b..c/.d");
        assert!(!is_odd(b"/api/v1.2/export.csv"));
        assert!(!is_odd("/住民/%E4%BD%8F".as_bytes()));
    }

    #[test]
    fn a_target_is_split_as_a_server_does() {
        let both = |target: &str| {
            let (path, query) = split(target.as_bytes());
            (
                String::from_utf8_lossy(path).into_owned(),
                String::from_utf8_lossy(query).into_owned(),
            )
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(both("/a/b?x=1&y=/z?"), pair("/a/b", "x=1&y=/z?"));
        assert_eq!(both("http://juki.example:8080/a/b?x=1"), pair("/a/b", "x=1"));
        assert_eq!(both("HTTPS://u@[::1]/a"), pair("/a", ""));
        assert_eq!(both("http://juki.example"), pair("http://juki.example", ""));
        assert_eq!(both("ftp://juki.example/a"), pair("ftp://juki.example/a", ""));
        assert_eq!(both("http?a://b/c"), pair("http?a://b/c", ""));
        assert_eq!(both("照会?"), pair("照会?", ""));
        assert_eq!(both(""), pair("", ""));
    }

    #[test]
    fn a_parameter_is_found_by_its_name_however_that_is_written() {
        let value = |query: &'static str| {
            query_value(query.as_bytes(), b"no").map(|v| String::from_utf8(v.into_owned()).unwrap())
        };
        assert_eq!(value("a=1&no=123&no=9").as_deref(), Some("123"));
        assert_eq!(value("%6Eo=1%32").as_deref(), Some("12"));
        assert_eq!(value("no=").as_deref(), Some(""));
        assert_eq!(value("no"), None);
        assert_eq!(value("xno=1&No=2"), None);
        assert_eq!(value(""), None);
    }

    #[test]
    fn what_is_no_escape_stays_as_it_is() {
        for (text, want) in [
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%%41", "%A"),
            ("%2541", "%41"),
            ("a%E4%BD%8F", "a住"),
        ] {
            assert_eq!(
                String::from_utf8(decoded(text.as_bytes()).into_owned()).unwrap(),
                want,
                "{text}"
            );
        }
    }
}
