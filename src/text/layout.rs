//! Columns of plain text: how wide a line is, and where it may break.
//!
//! Not here: anything about proportional fonts; a mail reader may use one, so layout never carries meaning.

/// Columns `text` takes where full-width characters take two. Characters of ambiguous width (①, …, ×)
/// count two, so that a line is never longer than thought.
pub fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

fn char_columns(c: char) -> usize {
    match c {
        '\0'..='\u{7e}' | '\u{a0}'..='\u{a6}' | '\u{a9}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' => 1,
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => 0,
        '\u{ff61}'..='\u{ffdc}' => 1,
        _ => 2,
    }
}

/// Breaks `text` into lines of at most `width` columns; lines after the first begin with `indent` spaces.
/// Words of half-width characters stay whole where they fit on a line, and no line begins with closing
/// punctuation or ends with an opening bracket (行頭・行末禁則).
pub fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for piece in pieces(text) {
        let fits = used + columns(piece.trim_end_matches(' ')) <= width;
        if !fits && used > indent {
            lines.push(line.trim_end_matches([' ', '\u{3000}']).to_string());
            line = " ".repeat(indent);
            used = indent;
        }
        let piece = if used == indent && !lines.is_empty() {
            piece.trim_start_matches([' ', '\u{3000}'])
        } else {
            piece
        };
        for c in piece.chars() {
            // A word longer than a line breaks anywhere.
            if c != ' ' && used + char_columns(c) > width && used > indent {
                lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
                used = indent;
            }
            line.push(c);
            used += char_columns(c);
        }
    }
    lines.push(line.trim_end_matches([' ', '\u{3000}']).to_string());
    lines
}

/// The pieces of `text` that stay together: a half-width word with the space behind it, or one full-width
/// character with the opening brackets before it and the closing punctuation behind it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        if before.is_some_and(|b| may_break(b, c)) {
            pieces.extend(text.get(start..at));
            start = at;
        }
        before = Some(c);
    }
    pieces.extend(text.get(start..));
    pieces
}

fn may_break(before: char, after: char) -> bool {
    if not_first(after) || not_last(before) {
        return false;
    }
    after != ' ' && (before == ' ' || is_full_width(before) || is_full_width(after))
}

/// 行頭禁則文字: closing punctuation, small kana, marks of repetition.
#[rustfmt::skip]
fn not_first(c: char) -> bool {
    matches!(c,
        '、' | '。' | '，' | '．' | '・' | '：' | '；' | '？' | '！' | '）' | '］' | '｝' | '」' | '』' | '】' | '〕' | '》' | '〉'
        | '’' | '”' | 'ー' | '々' | 'ァ' | 'ィ' | 'ゥ' | 'ェ' | 'ォ' | 'ッ' | 'ャ' | 'ュ' | 'ョ' | 'ヮ' | 'ぁ' | 'ぃ' | 'ぅ' | 'ぇ'
        | 'ぉ' | 'っ' | 'ゃ' | 'ゅ' | 'ょ' | 'ゎ' | '…' | '～' | ',' | '.' | ':' | ';' | '?' | '!' | ')' | ']' | '}' | '%')
}

/// 行末禁則文字: opening brackets.
#[rustfmt::skip]
fn not_last(c: char) -> bool {
    matches!(c, '（' | '［' | '｛' | '「' | '『' | '【' | '〔' | '《' | '〈' | '‘' | '“' | '(' | '[' | '{')
}

fn is_full_width(c: char) -> bool {
    char_columns(c) == 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn full_width_characters_take_two_columns() {
        assert_eq!(columns("abc"), 3);
        assert_eq!(columns("警告番号："), 10);
        assert_eq!(columns("ｱｲｳ"), 3);
        assert_eq!(columns("①…×"), 6);
        assert_eq!(columns("葛\u{e0100}城"), 4);
    }

    #[test]
    fn words_and_numbers_stay_whole() {
        assert_eq!(
            wrap("職員番号 012345 のアカウント", 14, 0),
            ["職員番号", "012345 のアカ", "ウント"]
        );
        assert_eq!(wrap("do not wait for it", 10, 2), ["do not", "  wait for", "  it"]);
    }

    #[test]
    fn no_line_begins_with_closing_punctuation() {
        assert_eq!(wrap("あいうえ。かき", 8, 0), ["あいう", "え。かき"]);
        assert_eq!(wrap("あいう（え）", 8, 0), ["あいう", "（え）"]);
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_and_keeps_the_width(text in "[a-z0-9 、。（）あいう漢字]{0,80}", indent in 0..6_usize) {
            let lines = wrap(&text, 20, indent);
            for line in &lines {
                prop_assert!(columns(line) <= 20, "{line:?}");
            }
            let squeeze = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(squeeze(&lines.concat()), squeeze(&text));
        }
    }
}
