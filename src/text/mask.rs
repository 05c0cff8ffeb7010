//! 個人番号 that stand in a text, however they are written, and what stands in their place.

use std::borrow::Cow;

/// What stands where a 個人番号 stood.
pub const MASK: &str = "個人番号(マスク)";

/// Digits of a 個人番号.
const DIGITS: usize = 12;
/// Where groups of four end.
const GROUPS: [usize; 2] = [4, 8];
/// Most signs between two groups.
const GAP_MAX: usize = 3;

/// Longest a 個人番号 can be as written: each digit as `%EF%BC%91`, each sign between groups as `\u{10ffff}`.
pub(super) const NUMBER_CHARS_MAX: usize = DIGITS * 9 + GROUPS.len() * GAP_MAX * 10;

/// Longest a 個人番号 can be as written, in bytes.
pub(super) const MASKED_BYTES_MAX: usize = 4 * NUMBER_CHARS_MAX;

/// `text` with every 個人番号 replaced by [`MASK`]: twelve digits with the right check digit, half or full width or
/// percent-encoded, in one run or in three groups of four with blanks, hyphens of any kind, `_`, `.`, `/` or the like between
/// them. A run of thirteen digits or more is none: time stamps and receipt numbers would be mutilated at random.
pub fn mask_numbers(text: &str) -> Cow<'_, str> {
    if text.chars().filter(|c| digit(*c).is_some()).take(DIGITS).count() < DIGITS {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    let mut run_before = false;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let number = if run_before { None } else { number_at_start(rest) };
        if let Some(length) = number {
            out.push_str(text.get(copied..at).unwrap_or_default());
            out.push_str(MASK);
            at += length;
            copied = at;
            run_before = true;
            continue;
        }
        let is_digit = digit_at_start(rest).is_some();
        // `%20123456789018` is a blank before a number; `%123456789018` is a number behind a sign.
        let escape = escape_at_start(rest).filter(|_| is_digit || rest.get(1..).and_then(number_at_start).is_none());
        at += escape.map_or_else(|| rest.chars().next().map_or(1, char::len_utf8), |(_, length)| length);
        run_before = is_digit;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Length in bytes of the 個人番号 that `text` starts with.
pub(super) fn number_at_start(text: &str) -> Option<usize> {
    let mut digits = [0; DIGITS];
    let mut at = 0;
    let mut gaps = 0;
    for (n, place) in digits.iter_mut().enumerate() {
        if GROUPS.contains(&n) {
            let gap = gap_at_start(text.get(at..)?);
            gaps += usize::from(0 < gap);
            at += gap;
        }
        let (digit, length) = digit_at_start(text.get(at..)?)?;
        *place = digit;
        at += length;
    }
    // 1234-56789018 is no way to write one, and a thirteenth digit makes it something else.
    let well_formed = gaps != 1 && digit_at_start(text.get(at..)?).is_none();
    (well_formed && check_digit_is_right(&digits)).then_some(at)
}

/// The digit `text` starts with, and its length in bytes.
pub(super) fn digit_at_start(text: &str) -> Option<(u32, usize)> {
    let c = text.chars().next()?;
    match c {
        '%' => {
            let (c, length) = escape_at_start(text)?;
            Some((digit(c)?, length))
        }
        c => Some((digit(c)?, c.len_utf8())),
    }
}

/// Length in bytes of the signs between groups of digits that `text` starts with; 0: none.
fn gap_at_start(text: &str) -> usize {
    let mut at = 0;
    for _ in 0..GAP_MAX {
        let Some(rest) = text.get(at..) else { break };
        let escape = escape_at_start(rest);
        let (c, length) = match (escape, rest.chars().next()) {
            (Some(escape), _) => escape,
            (None, Some(c)) => (c, c.len_utf8()),
            (None, None) => break,
        };
        if !is_separator(c) {
            break;
        }
        at += length;
    }
    at
}

/// The character that an escape at the start of `text` stands for, and the length of the escape: `%E3%80%80` of URLs,
/// `\u{200b}` of this program.
fn escape_at_start(text: &str) -> Option<(char, usize)> {
    if let Some(rest) = text.strip_prefix("\\u{") {
        let end = rest.get(..rest.len().min(7)).map_or(Some(0), |near| near.find('}'))?;
        let c = u32::from_str_radix(rest.get(..end)?, 16)
            .ok()
            .and_then(char::from_u32)?;
        return Some((c, end + 4));
    }
    let mut bytes = [0; 4];
    for n in 0..bytes.len() {
        *bytes.get_mut(n)? = percent(text.get(3 * n..)?)?;
        let so_far = n + 1;
        let whole = bytes.get(..so_far).and_then(|b| std::str::from_utf8(b).ok());
        if let Some(c) = whole.and_then(|t| t.chars().next()) {
            return Some((c, 3 * so_far));
        }
    }
    None
}

fn percent(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
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

/// Blanks, hyphens and dashes of every kind, and what else people and programs put between groups of digits.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '-' | '_' | '.' | '/' | '+' | '~' | '·' | '\u{ad}' | '\u{30fb}' | '\u{30fc}' | '\u{301c}' | '\u{3030}'
            | '\u{2010}'..='\u{2015}' | '\u{2022}' | '\u{2027}' | '\u{2043}' | '\u{2212}' | '\u{2500}' | '\u{2501}' | '\u{2e3a}' | '\u{2e3b}'
            | '\u{fe58}' | '\u{fe63}' | '\u{ff0b}'..='\u{ff0f}' | '\u{ff3f}' | '\u{ff5e}' | '\u{ff65}' | '\u{ff70}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::super::inert;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_kojin_bango_is_masked_however_it_is_written() {
        for text in [
            "123456789018",
            "１２３４５６７８９０１８",
            "1234-5678-9018",
            "1234 5678 9018",
            "１２３４－５６７８　９０１８",
            "1234_5678_9018",
            "1234.5678.9018",
            "1234/5678/9018",
            "1234%205678%209018",
            "1234%E3%80%805678%E3%80%809018",
            "1234  5678  9018",
            "1234 - 5678 - 9018",
            "1234–5678—9018",
            "1234‐5678−9018",
            "1234ー5678ｰ9018",
            "1234・5678･9018",
            "%31234%2D5678%2d9018",
            "%EF%BC%91２３４５６７８９０１８",
        ] {
            assert_eq!(mask_numbers(text), MASK);
            assert_eq!(mask_numbers(&format!("番号{text}です")), format!("番号{MASK}です"));
            assert_eq!(inert(format!("id={text};"), 64), format!("id={MASK};"));
        }
        assert_eq!(inert("1234\u{200b}5678\t9018", 64), MASK);
        assert_eq!(mask_numbers("%20123456789018"), format!("%20{MASK}"));
        assert_eq!(mask_numbers("q=%123456789018"), format!("q=%{MASK}"));
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
            "1234----5678----9018",
            "2026/11/21 09:05",
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

    proptest! {
        #[test]
        fn a_number_between_any_signs_is_masked_and_masking_again_changes_nothing(
            gap in "[-_./ \u{3000}\u{2010}-\u{2015}]{1,3}", other in "[-_ ]{1,3}", before in "[a-z%/ ]{0,4}", behind in "[a-z/ ]{0,4}",
        ) {
            let text = format!("{before}1234{gap}5678{other}9018{behind}");
            let masked = mask_numbers(&text);
            prop_assert_eq!(&*masked, format!("{before}{MASK}{behind}"));
            prop_assert_eq!(mask_numbers(&masked), &*masked);
        }
    }
}
