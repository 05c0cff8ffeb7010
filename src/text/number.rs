//! 個人番号 in raw bytes: whether a log holds any, asked of every line, so looked for in 64 bytes at a time.

use super::mask::{MASKED_BYTES_MAX, check_digit_is_right, digit_at_start, number_at_start};

/// Digits of a group, where a number is written in groups; a number in one run has three times as many.
const GROUP: usize = 4;
const RUN: usize = 3 * GROUP;

/// Bytes looked at together; the next ones begin so far behind that every group stands in one of them as a whole.
const BLOCK: usize = 64;
const STEP: usize = BLOCK - GROUP;

/// Where the first 個人番号 of `bytes` stands: twelve digits with the right check digit, in one run or in three groups of
/// four with the same signs between them that [`mask_numbers`](super::mask_numbers) sees, half or full width; that are no
/// account of a cloud service, no day with a time, and no part of something longer (a card number, a UUID, a column among
/// columns of numbers).
pub fn my_number_in(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| GROUP <= rest.len()) {
        let (digits, marks) = match rest.first_chunk::<BLOCK>() {
            Some(block) => places(block),
            None => {
                let mut block = [0; BLOCK];
                block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                places(&block)
            }
        };
        // Four digits begin here, and none stands before them.
        let begin = digits & digits >> 1 & digits >> 2 & digits >> 3 & !(digits << 1);
        let half = each(begin).find_map(|n| narrow(bytes, at + n));
        let full = each(marks).find_map(|n| wide(bytes, at + n));
        if let Some(found) = half.or(full) {
            return Some(found);
        }
        at += STEP;
    }
    None
}

/// The numbers of the bits that are set.
fn each(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let n = usize::try_from(bits.trailing_zeros()).ok().filter(|n| *n < BLOCK)?;
        bits &= bits - 1;
        Some(n)
    })
}

/// A bit for each byte that is an ASCII digit, and for each that may be the middle one of a full-width digit.
fn places(block: &[u8; BLOCK]) -> (u64, u64) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // Eight bits, eight apart, become neighbours.
    let gathered = |high: u64| (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    let (eights, _) = block.as_chunks::<8>();
    let (mut digits, mut marks) = (0_u64, 0_u64);
    for (eight, shift) in eights.iter().zip((0..).step_by(8)) {
        let word = u64::from_le_bytes(*eight);
        // Below ten, without the bits of '0': nothing is carried out of a byte.
        let low = word ^ (0x30 * ONES);
        let none = ((low & !HIGH) + 0x76 * ONES) | low;
        digits |= gathered(!none & HIGH) << shift;
        if word & HIGH != 0 {
            let other = word ^ (0xbc * ONES);
            let some = ((other & !HIGH) + 0x7f * ONES) | other;
            marks |= gathered(!some & HIGH) << shift;
        }
    }
    (digits, marks)
}

/// A run of half-width digits that is a number, or begins one.
fn narrow(bytes: &[u8], from: usize) -> Option<usize> {
    let before = from.checked_sub(1).and_then(|at| bytes.get(at));
    if before.is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let behind = bytes.get(from + GROUP..)?;
    if !behind.first().is_some_and(u8::is_ascii_digit) {
        return (may_go_on(behind) && is_written(bytes, from, GROUP)).then_some(from);
    }
    let end = from + GROUP + behind.iter().take_while(|b| b.is_ascii_digit()).count();
    let escaped = before == Some(&b'%');
    // `%20123456789018`: two digits of an escape stand before the number.
    for from in [from, from + 2].into_iter().take(1 + usize::from(escaped)) {
        let digits = end.saturating_sub(from);
        if digits == RUN && is_number(bytes.get(..from)?, bytes.get(from..end)?, bytes.get(end..)?)
            || digits == GROUP && may_go_on(bytes.get(end..)?) && is_written(bytes, from, GROUP)
        {
            return Some(from);
        }
    }
    None
}

/// Whether a second group may follow, behind a first one. Asked of every year in a log: no more than a glance.
fn may_go_on(behind: &[u8]) -> bool {
    let sign = |b: &&u8| matches!(**b, b'-' | b'_' | b'.' | b'/' | b'+' | b'~' | b' ');
    let signs = behind.iter().take(GROUP).take_while(sign).count();
    match behind.get(signs..) {
        Some([b'%' | 0x80.., ..]) => true,
        Some([a, b, c, d, rest @ ..]) if 0 < signs => {
            [a, b, c, d].into_iter().all(u8::is_ascii_digit) && !rest.first().is_some_and(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// Bytes of a full-width digit in UTF-8: EF BC 90 to EF BC 99.
const WIDE: usize = 3;

/// A run of full-width digits that is a number, or begins one; `at` is where the second byte of its first one may stand.
fn wide(bytes: &[u8], at: usize) -> Option<usize> {
    let wide = |at: usize| matches!(bytes.get(at..), Some([0xef, 0xbc, 0x90..=0x99, ..]));
    let from = at.checked_sub(1).filter(|from| wide(*from))?;
    if from.checked_sub(WIDE).is_some_and(wide) {
        return None;
    }
    let digits = (0..=RUN).take_while(|n| wide(from + n * WIDE)).count();
    is_written(bytes, from, digits).then_some(from)
}

/// Whether the number that a run of `digits` digits begins is a 個人番号 as people write it: in three groups, or in
/// full width.
#[cold]
fn is_written(bytes: &[u8], from: usize, digits: usize) -> bool {
    if digits != RUN && digits != GROUP {
        return false;
    }
    let rest = bytes.get(from..).unwrap_or_default();
    let near = rest.get(..MASKED_BYTES_MAX.min(rest.len())).unwrap_or_default();
    let text = near.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let Some(number) = number_at_start(text).and_then(|length| text.get(..length)) else {
        return false;
    };
    let (before, behind) = (
        bytes.get(..from).unwrap_or_default(),
        rest.get(number.len()..).unwrap_or_default(),
    );
    let plain = plain_digits(number);
    !number.contains(char::is_control)
        && !number.contains("\\u{")
        && plain.len() == RUN
        && !is_stamp(&plain)
        && !goes_on(number, before, behind)
        && !is_account(before, behind)
}

/// The digits of a number as ASCII.
fn plain_digits(number: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(RUN);
    let mut rest = number;
    while let Some(c) = rest.chars().next() {
        let digit = digit_at_start(rest);
        // An escape of a sign between groups, `%2D`, holds digits that are none of the number.
        let escape = c == '%' && digit.is_none();
        plain.extend(
            digit
                .and_then(|(digit, _)| u8::try_from(digit).ok())
                .map(|digit| b'0' + digit),
        );
        let length = digit.map_or(if escape { 3 } else { c.len_utf8() }, |(_, length)| length);
        rest = rest.get(length.min(rest.len())..).unwrap_or_default();
    }
    plain
}

/// Whether a further part stands before or behind the number with the same sign between: `4000-1234-5678-9018`, the middle of
/// a UUID, one of several columns of numbers.
fn goes_on(number: &str, before: &[u8], behind: &[u8]) -> bool {
    let Some(sign) = number.bytes().find(|b| !b.is_ascii_digit()).filter(u8::is_ascii) else {
        return false;
    };
    let part = |byte: Option<&u8>| {
        byte.is_some_and(|b| {
            b.is_ascii_digit() || b.is_ascii_alphanumeric() && sign != b' ' || *b == b'-' && sign == b' '
        })
    };
    let (last, last_but_one) = (before.last(), before.iter().rev().nth(1));
    let (first, second) = (behind.first(), behind.get(1));
    last == Some(&sign) && part(last_but_one) || first == Some(&sign) && part(second)
}

#[cold]
fn is_number(before: &[u8], number: &[u8], behind: &[u8]) -> bool {
    let digits: Vec<u32> = number.iter().map(|b| u32::from(b.wrapping_sub(b'0'))).collect();
    check_digit_is_right(&digits) && !is_account(before, behind) && !is_stamp(number)
}

/// `arn:aws:iam::123456789012:user/x`, `"accountId":"123456789012"`, `AWSLogs/123456789012/`.
fn is_account(before: &[u8], behind: &[u8]) -> bool {
    let name = before.trim_ascii_end();
    let name = name.strip_suffix(b"\"").unwrap_or(name).trim_ascii_end();
    let name = name.strip_suffix(b":").unwrap_or(name).trim_ascii_end();
    let name = name.strip_suffix(b"\"").unwrap_or(name);
    let named = name.len() < before.len() && name.len() >= 7 && {
        let last = name.get(name.len() - 7..).unwrap_or_default();
        last.eq_ignore_ascii_case(b"countId") || last.eq_ignore_ascii_case(b"account")
    };
    named || before.ends_with(b":") && behind.starts_with(b":") || before.ends_with(b"AWSLogs/")
}

/// `202611210905`.
fn is_stamp(number: &[u8]) -> bool {
    let part = |from: usize, to: usize| {
        let digits = number.get(from..to).unwrap_or_default();
        digits
            .iter()
            .fold(0_u32, |n, d| n * 10 + u32::from(d.wrapping_sub(b'0')))
    };
    (1990..=2099).contains(&part(0, 4))
        && (1..=12).contains(&part(4, 6))
        && (1..=31).contains(&part(6, 8))
        && part(8, 10) < 30
        && part(10, 12) < 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_wherever_it_stands() {
        for pad in 0..40 {
            for (before, behind) in [("", ""), ("宛名=", ","), ("\"", "\""), ("20261121 ", " 12345678901")] {
                let before = format!("{}{before}", "x".repeat(pad));
                let text = format!("{before}123456789018{behind}");
                assert_eq!(my_number_in(text.as_bytes()), Some(before.len()), "{text}");
            }
        }
    }

    #[test]
    fn a_number_written_in_groups_or_in_full_width_is_found_wherever_it_stands() {
        for number in [
            "1234-5678-9018",
            "1234 5678 9018",
            "1234_5678_9018",
            "1234.5678.9018",
            "1234/5678/9018",
            "1234+5678+9018",
            "1234%205678%209018",
            "1234%2D5678%2D9018",
            "1234　5678　9018",
            "1234－5678－9018",
            "1234ー5678ー9018",
            "1234‐5678−9018",
            "1234 - 5678 - 9018",
            "１２３４５６７８９０１８",
            "１２３４－５６７８－９０１８",
            "１２３４　５６７８　９０１８",
        ] {
            for pad in 0..24 {
                for (before, behind) in [
                    ("", ""),
                    ("宛名=", ","),
                    ("\"", "\""),
                    ("番号", "の者"),
                    ("?q=", "&x=1"),
                    ("q=%20", " "),
                ] {
                    let before = format!("{}{before}", "x".repeat(pad));
                    let text = format!("{before}{number}{behind}");
                    assert_eq!(my_number_in(text.as_bytes()), Some(before.len()), "{text}");
                    assert_ne!(
                        crate::text::mask_numbers(&text),
                        text,
                        "what is raised is masked: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn groups_of_digits_that_are_something_else_are_none() {
        for text in [
            "1234-5678-9012",      // the check digit is another one
            "4000-1234-5678-9018", // a card
            "1234-5678-9018-0000",
            "0123abcd-1234-5678-9018-0123456789ab", // a UUID
            "abcdef01-1234-5678-9018-abcdef012345",
            "200 1234 5678 9018 15", // columns
            "- 1234 5678 9018 -",
            "GET /img/1234/5678/9018/a.png",
            "2026-1121-0908", // a day with a time
            "1234\t5678\t9018",
            "03-1234-5678",
            "0120-123-456",
            "090-1234-5678",
            "1234:5678:9018",
            "12345678-9018",
            "１２３４５６７８９０１８９",
        ] {
            assert_eq!(my_number_in(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn other_digits_are_none() {
        for text in [
            "123456789012",
            "1234567890188",
            "0123456789018",
            "arn:aws:iam::123456789018:user/x",
            r#"{"accountId": "123456789018"}"#,
            r#"{"recipientAccountId":"123456789018"}"#,
            "AWSLogs/123456789018/CloudTrail",
            "",
            "12345678901",
        ] {
            assert_eq!(my_number_in(text.as_bytes()), None, "{text}");
        }
        let stamp = (0..60).map(|minute| format!("2026112109{minute:02}"));
        assert!(stamp.into_iter().all(|text| my_number_in(text.as_bytes()).is_none()));
    }
}
