//! 個人番号 in raw bytes: whether a log holds any, asked of every line, so made to look at one byte in twelve.

use super::mask::check_digit_is_right;

/// Where the first 個人番号 of `bytes` stands: twelve digits, neither more nor fewer, with the right check digit, that
/// are no account of a cloud service and no day with a time.
pub fn my_number_in(bytes: &[u8]) -> Option<usize> {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 11;
    while at < bytes.len() {
        if !digit(at) {
            at += 12;
            continue;
        }
        let mut from = at;
        while 0 < from && digit(from - 1) {
            from -= 1;
        }
        let mut end = at + 1;
        while digit(end) {
            end += 1;
        }
        if end - from == 12 && is_number(bytes.get(..from)?, bytes.get(from..end)?, bytes.get(end..)?) {
            return Some(from);
        }
        at = end + 12;
    }
    None
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
