//! Hostile text made harmless for mail, terminal, report and our own log.
//!
//! Promises: what comes out holds no control, bidirectional, zero-width or other invisible character, no
//! 個人番号, at most the characters asked for; and making it inert once more changes nothing.
//!
//! Not here: HTML and spreadsheet escaping (`report`), mail header encoding (`mail`).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::mask::{NUMBER_CHARS_MAX, mask_numbers};

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
