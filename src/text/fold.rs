//! Words as people mean them, whatever width and case they were typed in: `ＣＳＶ出力`, `ﾌｧｲﾙ出力`, `文書　出力`.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// The word in the form all its spellings share: NFKC, small letters, without blanks at its ends. A word that is in that
/// form but for the case of ASCII letters is borrowed: whoever compares ignores that.
#[inline]
pub fn folded(word: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(word) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(fold(word))
    }
}

#[cold]
fn fold(word: &[u8]) -> Vec<u8> {
    let word: String = String::from_utf8_lossy(word)
        .nfkc()
        .flat_map(char::to_lowercase)
        .collect();
    word.trim().as_bytes().to_vec()
}

/// Whether a word is sure to be in that form: ASCII without blanks at its ends, and ideographs and kana of full width
/// that no mark follows. Looks at bytes, because this is asked of every line.
#[inline]
fn is_plain(word: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    if blank(word.first()) || blank(word.last()) {
        return false;
    }
    let mut rest = word;
    loop {
        rest = match rest {
            [] => return true,
            [0..=0x7f, after @ ..] => after,
            // U+3041..U+3096, U+30A1..U+30FC: not the marks U+3099 to U+309F, U+30FF.
            [0xe3, 0x81, 0x81..=0xbf, after @ ..] | [0xe3, 0x82, 0x80..=0x96 | 0xa1..=0xbf, after @ ..] => after,
            [0xe3, 0x83, 0x80..=0xbc, after @ ..] => after,
            // U+4E00..U+9FBF.
            [0xe4, 0xb8..=0xbf, 0x80..=0xbf, after @ ..] => after,
            [0xe5..=0xe8, 0x80..=0xbf, 0x80..=0xbf, after @ ..] => after,
            [0xe9, 0x80..=0xbe, 0x80..=0xbf, after @ ..] => after,
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_word_are_one() {
        for (typed, word) in [
            ("ＣＳＶ出力", "csv出力"),
            ("ﾌｧｲﾙ出力", "ファイル出力"),
            ("文書　ダウンロード　", "文書 ダウンロード"),
            ("フ\u{3099}ック", "ブック"),
            (" 照会 ", "照会"),
            ("ＧＥＴ", "get"),
        ] {
            assert_eq!(&*folded(typed.as_bytes()), word.as_bytes(), "{typed}");
        }
        assert!(matches!(folded("CSV出力".as_bytes()), Cow::Borrowed(_)));
        assert!(matches!(folded("一括ダウンロード".as_bytes()), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn a_word_that_is_borrowed_is_in_the_common_form(word in "[ぁ-ヿ一-龥a-z ｱ-ﾝＡ-Ｚ゛°①㈱]{0,6}|\\PC{0,6}") {
            if let Cow::Borrowed(plain) = folded(word.as_bytes()) {
                prop_assert_eq!(plain.to_ascii_lowercase(), fold(word.as_bytes()));
            }
        }
    }
}
