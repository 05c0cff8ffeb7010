//! Where one record of a log ends, for logs whose records are more than a line or less than one.
//!
//! Pure and without memory: asked with the bytes from the start of a record, so that any way of cutting a file into
//! chunks gives the same records. What cannot be a record of the kind ends at its first newline, and a record that
//! does not end within [`OPEN_BYTES_MAX`] ends at a newline as well: a wrong byte costs one record, never the file.
//!
//! Not here: reading files (`source`), what a record means (`parse`).

use std::sync::Arc;

use memchr::{memchr, memchr_iter, memmem, memrchr};
use regex::bytes::Regex;

/// Longest record of several lines, in bytes.
pub const OPEN_BYTES_MAX: usize = 256 * 1024;

/// Where records end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Framing {
    /// At each newline.
    #[default]
    Lines,
    /// At each newline outside quoted cells (RFC 4180).
    Quoted,
    /// Before each line that matches; other lines belong to the record before them. A line that matches the second pattern
    /// leads the record that follows it (the `# Time:` of a slow log). Behind a line that matches the third one the record
    /// is surely over, so that nobody has to wait for the next.
    Begins(Pattern, Option<Pattern>, Option<Pattern>),
    /// Where the text of the first group changes from one line to the next; as well behind a line that matches the second
    /// pattern.
    Same(Pattern, Option<Pattern>),
    /// Behind each object, be they lines, pretty-printed, or members of the array under this name.
    Json(String),
    /// Behind the end tag of this element.
    Xml(String),
    /// After as many bytes as the number in front says (RFC 6587, octet counting); else at each newline.
    Counted,
}

/// A regular expression that knows whether it is another one.
#[derive(Debug, Clone)]
pub struct Pattern(Arc<Regex>);

impl Pattern {
    /// Compiles a pattern on bytes.
    ///
    /// # Errors
    /// What the pattern says wrong.
    pub fn new(text: &str) -> Result<Pattern, regex::Error> {
        let regex = regex::bytes::RegexBuilder::new(text).unicode(false).build()?;
        Ok(Pattern(Arc::new(regex)))
    }

    fn key<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        let found = self.0.captures(line)?;
        Some(found.get(1)?.as_bytes())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Framing {
    /// Whether a record simply ends at the next newline.
    pub fn is_lines(&self) -> bool {
        matches!(self, Framing::Lines)
    }

    /// Whether the end of a record only shows when the next one has begun.
    pub fn looks_ahead(&self) -> bool {
        matches!(self, Framing::Begins(..) | Framing::Same(..))
    }

    /// Length of the record `bytes` begins with, its end mark included; `None` where more bytes must come to know.
    /// `last`: no more will come.
    pub fn end(&self, bytes: &[u8], last: bool) -> Option<usize> {
        // Only so far is looked, that a record ends at the same place however many bytes were there at once.
        let all = bytes;
        let bytes = bytes.get(..OPEN_BYTES_MAX).unwrap_or(bytes);
        let no_more = last;
        let last = last && bytes.len() == all.len();
        let end = match self {
            Framing::Lines => line_end(all),
            Framing::Quoted => quoted_end(bytes, last),
            Framing::Begins(pattern, lead, over) => grouped(bytes, last, over.as_ref(), |_, before, line| {
                !pattern.0.is_match(line) || lead.as_ref().is_some_and(|lead| lead.0.is_match(before))
            }),
            Framing::Same(pattern, over) => grouped(bytes, last, over.as_ref(), |first, _, line| {
                pattern.key(first).is_some_and(|key| pattern.key(line) == Some(key))
            }),
            Framing::Json(inside) => json_end(bytes, inside),
            Framing::Xml(element) => xml_end(bytes, element),
            Framing::Counted => counted_end(bytes),
        };
        let end = match end {
            None if bytes.len() < all.len() => line_end(all),
            end => end,
        };
        end.or((no_more && !all.is_empty()).then_some(all.len()))
    }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr(b'\n', bytes).map(|at| at + 1)
}

/// Lines as long as `goes_on` says that the next one belongs to the first.
fn grouped(
    bytes: &[u8],
    last: bool,
    over: Option<&Pattern>,
    goes_on: impl Fn(&[u8], &[u8], &[u8]) -> bool,
) -> Option<usize> {
    let mut end = line_end(bytes)?;
    let first = bytes.get(..end)?;
    let mut before = first;
    loop {
        if over.is_some_and(|over| over.0.is_match(trimmed(before))) {
            return Some(end);
        }
        let rest = bytes.get(end..)?;
        let next = match line_end(rest) {
            Some(len) => len,
            None if last && !rest.is_empty() => rest.len(),
            None if last => return Some(end),
            // A next line that long is none of this record.
            None if OPEN_BYTES_MAX <= bytes.len() => return Some(end),
            None => return None,
        };
        let line = rest.get(..next)?;
        if !goes_on(first, before, trimmed(line)) {
            return Some(end);
        }
        before = line;
        end += next;
    }
}

/// Newlines in quoted cells, at most.
const QUOTED_NEWLINES_MAX: usize = 64;

/// Up to the first newline with an even number of quotes before it.
fn quoted_end(bytes: &[u8], last: bool) -> Option<usize> {
    let mut open = false;
    let mut from = 0;
    for end in memchr_iter(b'\n', bytes).take(QUOTED_NEWLINES_MAX).map(|at| at + 1) {
        open ^= memchr_iter(b'"', bytes.get(from..end)?).count() % 2 == 1;
        if !open {
            return Some(end);
        }
        from = end;
    }
    // A quote that nobody closed must not hold back what follows.
    let given_up = last || memchr_iter(b'\n', bytes).nth(QUOTED_NEWLINES_MAX - 1).is_some();
    if given_up { line_end(bytes) } else { None }
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn xml_end(bytes: &[u8], element: &str) -> Option<usize> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    // What is no element is a line, whatever stands in it.
    if !text.starts_with(b"<") {
        return line_end(text).map(|end| bytes.len() - text.len() + end);
    }
    let close = format!("</{element}>");
    let close = memmem::find(bytes, close.as_bytes()).map(|at| at + close.len());
    // One that was cut off ends where the next one begins on a line of its own.
    let open = format!("<{element}");
    if text.starts_with(open.as_bytes()) {
        let begun = bytes.len() - text.len();
        let body = bytes.get(begun..close.unwrap_or(bytes.len()))?;
        let next = memmem::find(body, format!("\n{open}").as_bytes());
        // Its name may go on.
        let whole = |at: &usize| matches!(body.get(at + 1 + open.len()), Some(b'>' | b' ' | b'\t' | b'\r' | b'\n'));
        if let Some(at) = next.filter(whole) {
            return Some(begun + at + 1);
        }
    }
    let at = close?;
    Some(at + separator(bytes.get(at..)?)?)
}

fn counted_end(bytes: &[u8]) -> Option<usize> {
    let digits = bytes.iter().take(7).take_while(|b| b.is_ascii_digit()).count();
    match bytes.get(digits..) {
        Some([b' ', b'<', ..]) if 0 < digits => {
            let len: usize = std::str::from_utf8(bytes.get(..digits)?).ok()?.parse().ok()?;
            let end = digits + 1 + len;
            (end <= bytes.len()).then_some(end)
        }
        _ => line_end(bytes),
    }
}

/// Blanks and commas behind a record, up to and with a line break. What follows them must be known.
fn separator(text: &[u8]) -> Option<usize> {
    let at = text.iter().position(|b| !matches!(b, b',' | b' ' | b'\t' | b'\r'))?;
    Some(at + usize::from(text.get(at) == Some(&b'\n')))
}

fn json_end(bytes: &[u8], inside: &str) -> Option<usize> {
    let skipped = bytes.len() - json_start(bytes, inside).len();
    let text = bytes.get(skipped..)?;
    match text.first() {
        Some(b'{') => {}
        Some(_) => return line_end(text).map(|end| skipped + end),
        // Only brackets and blanks so far: a line of them is nothing, the rest belongs to what follows.
        None => return None,
    }
    let end = skipped + object_end(text)?;
    Some(end + separator(bytes.get(end..)?)?)
}

/// `bytes` without what stands before the first object: blanks, brackets of arrays, and `{"inside": [`.
pub fn json_start<'a>(bytes: &'a [u8], inside: &str) -> &'a [u8] {
    let mut text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    loop {
        match text {
            [b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']' | b'}', rest @ ..] => text = rest,
            [b'{', rest @ ..] => match array_under(rest, inside) {
                Some(rest) => text = rest,
                None => return text,
            },
            _ => return text,
        }
    }
}

fn array_under<'a>(text: &'a [u8], inside: &str) -> Option<&'a [u8]> {
    if inside.is_empty() {
        return None;
    }
    let text = text.trim_ascii_start().strip_prefix(b"\"")?;
    let text = text.strip_prefix(inside.as_bytes())?.strip_prefix(b"\"")?;
    let text = text.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    text.strip_prefix(b"[")
}

/// Length of the object `text` begins with.
fn object_end(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at += string_len(text.get(at + 1..)?)?,
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Length of a string behind its opening quote, the closing one included.
fn string_len(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        from = at + 2;
    }
}

/// Where the last record that surely ended before the end of `bytes` ends.
pub fn last_line_end(bytes: &[u8]) -> usize {
    memrchr(b'\n', bytes).map_or(0, |at| at + 1)
}

/// Lines of `bytes`, for counting.
pub fn lines_of(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(framing: &Framing, bytes: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut rest = bytes.as_bytes();
        while !rest.is_empty() {
            let end = framing.end(rest, true).unwrap();
            out.push(String::from_utf8_lossy(&rest[..end]).trim_end().to_owned());
            rest = &rest[end..];
        }
        out
    }

    #[test]
    fn lines_that_do_not_begin_a_record_belong_to_the_one_before() {
        let framing = Framing::Begins(Pattern::new("^[0-9]").unwrap(), None, None);
        assert_eq!(records(&framing, "1 a\n  b\n2 c\n3\n"), ["1 a\n  b", "2 c", "3"]);
        assert_eq!(framing.end(b"1 a\n  b\n", false), None, "the next line may go on");
        assert_eq!(framing.end(b"1 a\n2", false), None, "the next line is not whole");
        assert_eq!(framing.end(b"1 a\n2 b\n", false), Some(4));
    }

    #[test]
    fn records_of_one_event_stay_together() {
        let framing = Framing::Same(Pattern::new(r"msg=audit\(([0-9.:]+)\)").unwrap(), None);
        let text = "type=A msg=audit(1.0:7): x\ntype=B msg=audit(1.0:7): y\ntype=A msg=audit(1.0:8): z\n";
        assert_eq!(records(&framing, text).len(), 2);
        assert_eq!(records(&framing, "no key\nno key\n").len(), 2);
    }

    #[test]
    fn objects_are_found_on_lines_in_arrays_and_pretty_printed() {
        let framing = Framing::Json("Records".into());
        for text in [
            "{\"a\":1}\n{\"a\":\"}{\"}\n",
            "{\"Records\":[{\"a\":1},{\"a\":2}]}\n",
            "[\n {\n  \"a\": 1\n },\n {\n  \"a\": 2\n }\n]\n",
        ] {
            let found = records(&framing, text);
            let objects: Vec<_> = found
                .iter()
                .filter(|r| json_start(r.as_bytes(), "Records").starts_with(b"{"))
                .collect();
            assert_eq!(objects.len(), 2, "{found:?}");
        }
    }

    #[test]
    fn an_element_ends_at_its_tag_and_a_counted_message_after_its_bytes() {
        let xml = Framing::Xml("Event".into());
        assert_eq!(
            records(&xml, "<Events><Event>a</Event><Event>\nb</Event>\n</Events>\n").len(),
            3
        );
        // A line that is no element ends with itself, and one that was cut off costs none but itself.
        assert_eq!(records(&xml, "x <Event></Event>y\n<Event>b</Event>\n").len(), 2);
        let cut = "<Event a='1'><Data>one\n<Event a='2'><Data>two</Data></Event>\n<Events>";
        assert_eq!(
            records(&xml, cut),
            [
                "<Event a='1'><Data>one",
                "<Event a='2'><Data>two</Data></Event>",
                "<Events>"
            ]
        );
        assert_eq!(
            records(&Framing::Counted, "5 <1>a\n5 <1>bc<1>d\n"),
            ["5 <1>a", "5 <1>bc", "<1>d"]
        );
    }

    proptest! {
        #[test]
        fn every_byte_belongs_to_exactly_one_record(text in "[a-c0-9<>/{}\"\\\\\\[\\],: \n]{0,200}") {
            for framing in [
                Framing::Lines,
                Framing::Begins(Pattern::new("^[0-9]").unwrap(), None, None),
                Framing::Same(Pattern::new("^([a-c])").unwrap(), Some(Pattern::new("c$").unwrap())),
                Framing::Json("a".into()),
                Framing::Xml("a".into()),
                Framing::Counted,
            ] {
                let mut rest = text.as_bytes();
                while !rest.is_empty() {
                    let end = framing.end(rest, true).unwrap();
                    prop_assert!(0 < end && end <= rest.len());
                    // Known early, it is the same end.
                    for cut in 0..rest.len() {
                        if let Some(early) = framing.end(&rest[..cut], false) {
                            prop_assert_eq!(early, end, "{:?} cut at {}", framing, cut);
                        }
                    }
                    rest = &rest[end..];
                }
            }
        }
    }
}
