//! Hostile text made harmless for mail, terminal, report and our own log.
//!
//! Promises: what comes out holds no control, bidirectional, zero-width or other invisible character, no
//! 個人番号, at most the characters asked for; and making it inert once more changes nothing.
//!
//! Not here: HTML and spreadsheet escaping (`report`), mail header encoding (`mail`).

use std::borrow::Cow;
use std::fmt::Write as _;

/// What stands where a 個人番号 stood.
pub const MASK: &str = "個人番号(マスク)";

/// Longest a 個人番号 can be as written: three groups of four with two separators.
const NUMBER_CHARS_MAX: usize = 14;

/// `text` made harmless and at most `max_chars` characters long; a cut shows as `…`.
///
/// Invalid UTF-8 becomes U+FFFD; characters that steer a terminal, a mail header or the direction of
/// writing, and those nobody can see, become visible escapes like `\u{202e}`; 個人番号 are masked.
pub fn inert(text: impl AsRef<[u8]>, max_chars: usize) -> String {
    let (shown, more) = escape(text.as_ref(), max_chars.saturating_add(2 * NUMBER_CHARS_MAX));
    let masked = mask_numbers(&shown);
    let length = masked.chars().count();
    if !more && length <= max_chars {
        return masked.into_owned();
    }
    // Where the text went on, a number may have been cut at the end of what we looked at: that much goes too.
    let whole = if more {
        length.saturating_sub(NUMBER_CHARS_MAX)
    } else {
        length
    };
    let mut cut: String = masked.chars().take(whole.min(max_chars.saturating_sub(1))).collect();
    if max_chars > 0 {
        cut.push('…');
    }
    // Cutting a longer run of digits can leave twelve of them.
    match mask_numbers(&cut) {
        Cow::Owned(masked) => masked,
        Cow::Borrowed(_) => cut,
    }
}

/// The visible form of `bytes`, stopping behind `limit` characters; and whether there was more.
fn escape(bytes: &[u8], limit: usize) -> (String, bool) {
    let mut out = String::new();
    let mut written = 0_usize;
    let mut ideograph = false;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if written >= limit {
                return (out, true);
            }
            if is_harmful(c, ideograph) {
                let before = out.len();
                // Writing to a String cannot fail.
                write!(out, "\\u{{{:x}}}", u32::from(c)).unwrap_or_default();
                written += out.len() - before;
            } else {
                out.push(c);
                written += 1;
            }
            ideograph = is_ideograph(c);
        }
        if !chunk.invalid().is_empty() {
            if written >= limit {
                return (out, true);
            }
            out.push('\u{fffd}');
            written += 1;
            ideograph = false;
        }
    }
    (out, false)
}

/// Whether `c` steers a device or the direction of writing, or cannot be seen. The list is the general
/// categories Cc, Cf, Zl, Zp and the default-ignorable characters of Unicode 16.
fn is_harmful(c: char, after_ideograph: bool) -> bool {
    match c {
        // Variation selectors are how 外字 of names are written (IVS); elsewhere they only hide.
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => !after_ideograph,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' => true,
        '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' => true,
        '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => true,
        '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' | '\u{110bd}' | '\u{110cd}' => true,
        '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// `text` with every 個人番号 replaced by [`MASK`]: a run of exactly twelve digits, or three groups of four
/// with one hyphen or space between, half or full width, whose check digit is right. A run of thirteen
/// digits or more is none: time stamps and receipt numbers would be mutilated at random.
pub fn mask_numbers(text: &str) -> Cow<'_, str> {
    if text.chars().filter_map(digit).take(12).count() < 12 {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    let mut run_before = false;
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let starts_run = digit(c).is_some() && !run_before;
        run_before = digit(c).is_some();
        let number = if starts_run {
            text.get(at..).and_then(number_at_start)
        } else {
            None
        };
        let Some(length) = number else {
            at += c.len_utf8();
            continue;
        };
        out.push_str(text.get(copied..at).unwrap_or_default());
        out.push_str(MASK);
        at += length;
        copied = at;
        run_before = true;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Length in bytes of the 個人番号 that `text`, which starts with a digit, starts with.
fn number_at_start(text: &str) -> Option<usize> {
    let mut digits = Vec::with_capacity(12);
    let mut grouped = false;
    let mut chars = text.char_indices().peekable();
    let mut end = 0;
    while digits.len() < 12 {
        let (at, c) = chars.next()?;
        if let Some(d) = digit(c) {
            digits.push(d);
            end = at + c.len_utf8();
            continue;
        }
        // A separator stands behind the fourth and the eighth digit, or nowhere.
        if !is_separator(c) || (digits.len() != 4 && !(digits.len() == 8 && grouped)) {
            return None;
        }
        grouped = true;
        let (at, c) = chars.next()?;
        digits.push(digit(c)?);
        end = at + c.len_utf8();
    }
    // 1234-56789018 is no way to write one, and a thirteenth digit makes it something else.
    let written = text.get(..end)?.chars().count();
    let continues = chars.peek().is_some_and(|(_, c)| digit(*c).is_some());
    let well_formed = !continues && (written == 12 || written == NUMBER_CHARS_MAX);
    (well_formed && check_digit_is_right(&digits)).then_some(end)
}

/// The 検査用数字 of 番号法施行令第8条 and 平成26年総務省令第85号第5条: P_n the n-th of the first eleven
/// digits from the right, Q_n = n+1 for n in 1..=6, n-5 for 7..=11; 11 - (ΣP_n·Q_n mod 11), 0 where that
/// remainder is 1 or less.
pub(super) fn check_digit_is_right(digits: &[u32]) -> bool {
    const WEIGHTS: [u32; 11] = [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    let [body @ .., check] = digits else { return false };
    let remainder = body.iter().zip(WEIGHTS).map(|(p, q)| p * q).sum::<u32>() % 11;
    let expected = if remainder <= 1 { 0 } else { 11 - remainder };
    body.len() == 11 && *check == expected
}

fn digit(c: char) -> Option<u32> {
    match c {
        '０'..='９' => Some(u32::from(c) - u32::from('０')),
        _ => c.to_digit(10),
    }
}

fn is_separator(c: char) -> bool {
    matches!(
        c,
        '-' | ' ' | '\u{3000}' | '\u{a0}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' | '\u{ff0d}' | '\u{ff70}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_of_any_script_stays_as_it_is() {
        for text in [
            "tz012345",
            "税務課　山田",
            "DOMAIN\\u01",
            "ﾃｽﾄ",
            "髙﨑①㈱～",
            "葛\u{e0100}城市",
            "C:\\u{x}",
        ] {
            assert_eq!(inert(text, 64), text);
        }
    }

    #[test]
    fn what_steers_a_device_becomes_visible() {
        assert_eq!(inert("a\r\nBcc: x@example.jp", 64), "a\\u{d}\\u{a}Bcc: x@example.jp");
        assert_eq!(inert("\x1b[2Jroot\0\u{9b}31m", 64), "\\u{1b}[2Jroot\\u{0}\\u{9b}31m");
        assert_eq!(
            inert("gpj\u{202e}exe\u{2066}\u{200f}", 64),
            "gpj\\u{202e}exe\\u{2066}\\u{200f}"
        );
        assert_eq!(
            inert("ad\u{200b}min\u{feff}\u{e0041}", 64),
            "ad\\u{200b}min\\u{feff}\\u{e0041}"
        );
        assert_eq!(inert("a\u{fe0f}", 64), "a\\u{fe0f}");
        assert_eq!(inert("x\u{2028}y", 64), "x\\u{2028}y");
    }

    #[test]
    fn bytes_that_are_no_utf8_become_replacement_characters() {
        assert_eq!(inert(b"ab\xff\xfec", 64), "ab\u{fffd}\u{fffd}c");
        assert_eq!(inert(b"\x93\xfa\x96{", 64), "\u{fffd}\u{fffd}\u{fffd}{");
    }

    #[test]
    fn long_text_is_cut_with_a_mark() {
        assert_eq!(inert("abcdef", 6), "abcdef");
        assert_eq!(inert("abcdefg", 6), "abcde…");
        assert_eq!(inert("x".repeat(10_240), 8), "xxxxxxx…");
        assert_eq!(inert("abc", 1), "…");
        assert_eq!(inert("abc", 0), "");
    }

    #[test]
    fn a_kojin_bango_is_masked_however_it_is_written() {
        for text in [
            "123456789018",
            "１２３４５６７８９０１８",
            "1234-5678-9018",
            "1234 5678 9018",
            "１２３４－５６７８　９０１８",
        ] {
            assert_eq!(mask_numbers(text), MASK);
            assert_eq!(mask_numbers(&format!("番号{text}です")), format!("番号{MASK}です"));
            assert_eq!(inert(format!("id={text};"), 64), format!("id={MASK};"));
        }
        assert_eq!(mask_numbers("123456789018,123456789018"), format!("{MASK},{MASK}"));
    }

    #[test]
    fn other_numbers_are_left_alone() {
        let others = [
            "123456789012",
            "1234567890189",
            "20261121090507",
            "12345678901",
            "1234-56789018",
            "12-3456-7890-18",
            "03-1234-5678",
        ];
        for text in others {
            assert_eq!(mask_numbers(text), text);
        }
    }

    #[test]
    fn a_check_digit_of_ten_or_eleven_counts_as_zero() {
        // P_1 = 6 and Q_1 = 2 leave a remainder of 1; no digits at all leave 0.
        assert_eq!(mask_numbers("000000000060"), MASK);
        assert_eq!(mask_numbers("000000000000"), MASK);
        assert_eq!(mask_numbers("000000000061"), "000000000061");
    }

    #[test]
    fn a_cut_never_leaves_a_part_of_a_number() {
        for pad in 0..40 {
            for numbers in 1..5 {
                let text = format!("{}{}", "x".repeat(pad), "123456789018/".repeat(numbers));
                for max in 0..60 {
                    let shown = inert(&text, max);
                    assert!(
                        !shown.contains(|c: char| c.is_ascii_digit()),
                        "{text} at {max}: {shown}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn inert_text_is_harmless_short_and_stays_the_same(text in ".*", bytes in any::<Vec<u8>>(), max in 0..80_usize) {
            for shown in [inert(&text, max), inert(&bytes, max)] {
                prop_assert!(shown.chars().count() <= max);
                let mut before = ' ';
                for c in shown.chars() {
                    prop_assert!(!is_harmful(c, is_ideograph(before)) && !c.is_control());
                    before = c;
                }
                prop_assert_eq!(&inert(&shown, max), &shown);
            }
        }

        #[test]
        fn hostile_mixtures_stay_harmless(text in "[0-9０-９\\- \u{202e}\u{200b}\r\n\u{1b}葛\u{e0100}]{0,60}", max in 0..60_usize) {
            let shown = inert(&text, max);
            let steering = ['\u{202e}', '\u{200b}', '\r', '\n', '\u{1b}'];
            prop_assert!(!shown.contains(steering));
            prop_assert_eq!(&inert(&shown, max), &shown);
            prop_assert!(mask_numbers(&shown) == shown);
        }
    }
}
