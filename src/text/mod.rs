//! What people read: the language, numbers and spans in words, and hostile text made inert.
//!
//! Log text is written by attackers. Whatever of it (or of a register, or of a server's answer) reaches a
//! mail, a terminal, a report or the program's own log passes [`inert`] first.
//!
//! Not here: dates (`calendar`), the sentences of a mail (`alert::text`).

mod encoding;
mod fold;
pub mod framing;
mod inert;
mod layout;
mod mask;
mod number;
mod say;

pub use encoding::Encoding;
pub use fold::folded;
pub use inert::inert;
pub use layout::{columns, wrap};
pub use mask::{MASK, mask_numbers};
pub use number::my_number_in;
pub(crate) use say::say;
pub use say::{Say, reason};

use std::time::Duration;

/// The language people are addressed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// 日本語, the default.
    #[default]
    Ja,
    /// English.
    En,
}

impl Lang {
    /// The language called `word` in configuration (`ja`, `en`).
    pub fn from_word(word: &str) -> Option<Lang> {
        match word {
            "ja" => Some(Lang::Ja),
            "en" => Some(Lang::En),
            _ => None,
        }
    }

    /// Picks the text of this language.
    pub fn pick<'a>(self, ja: &'a str, en: &'a str) -> &'a str {
        match self {
            Lang::Ja => ja,
            Lang::En => en,
        }
    }
}

/// `n` with a comma after every three digits, as in official papers: `12,480`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A span in words: `10分`, `24時間`, `30日`; `10 minutes`, `24 hours`, `30 days`. Up to two days it stays
/// in hours, because that is how limits are spoken of. Below a second it is given in milliseconds.
pub fn duration_text(span: Duration, lang: Lang) -> String {
    const UNITS: [(u64, &str, &str); 4] = [
        (86_400, "日", "day"),
        (3_600, "時間", "hour"),
        (60, "分", "minute"),
        (1, "秒", "second"),
    ];
    let mut rest = span.as_secs();
    if rest == 0 && span.subsec_millis() > 0 {
        return unit_text(u64::from(span.subsec_millis()), "ミリ秒", "millisecond", lang);
    }
    let mut parts = Vec::new();
    for (size, ja, en) in UNITS {
        if size == 86_400 && rest < 2 * size {
            continue;
        }
        let n = rest / size;
        rest %= size;
        if n > 0 {
            parts.push(unit_text(n, ja, en, lang));
        }
    }
    match parts.is_empty() {
        true => unit_text(0, "秒", "second", lang),
        false => parts.join(lang.pick("", " ")),
    }
}

fn unit_text(n: u64, ja: &str, en: &str, lang: Lang) -> String {
    match lang {
        Lang::Ja => format!("{}{ja}", number(n)),
        Lang::En => format!("{} {en}{}", number(n), if n == 1 { "" } else { "s" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_commas_every_three_digits() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_000), "1,000");
        assert_eq!(number(12_480), "12,480");
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn spans_read_as_limits_are_spoken_of() {
        let secs = Duration::from_secs;
        let cases = [
            (secs(600), "10分", "10 minutes"),
            (secs(3_600), "1時間", "1 hour"),
            (secs(5_400), "1時間30分", "1 hour 30 minutes"),
            (secs(86_400), "24時間", "24 hours"),
            (secs(2 * 86_400), "2日", "2 days"),
            (secs(30 * 86_400), "30日", "30 days"),
            (secs(365 * 86_400), "365日", "365 days"),
            (secs(0), "0秒", "0 seconds"),
            (Duration::from_millis(200), "200ミリ秒", "200 milliseconds"),
        ];
        for (span, ja, en) in cases {
            assert_eq!(duration_text(span, Lang::Ja), ja);
            assert_eq!(duration_text(span, Lang::En), en);
        }
    }
}
