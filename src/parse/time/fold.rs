//! Japanese writing of dates -> the plain ASCII that [`super::free`] reads, in a buffer on the stack.
//!
//! Full-width characters become their ASCII twins, 令和 and ㋿ become `R`, 元 becomes `1`, 年月日 become
//! separators, 時分秒 become `h`, `m`, `s`, 午前 and 午後 become `a` and `p`; a weekday in parentheses goes.

/// Longest date this has room for, in bytes; nobody writes a longer one.
const FOLDED_BYTES_MAX: usize = 64;

/// A date in plain ASCII.
pub(super) struct Folded {
    bytes: [u8; FOLDED_BYTES_MAX],
    len: usize,
}

impl Default for Folded {
    fn default() -> Self {
        Self {
            bytes: [0; FOLDED_BYTES_MAX],
            len: 0,
        }
    }
}

impl Folded {
    /// The text so far.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Folds `text` and puts it behind what is there. `None` for a character no date holds, or too many.
    pub(super) fn push(&mut self, text: &[u8]) -> Option<()> {
        let mut chars = std::str::from_utf8(text).ok()?.chars();
        while let Some(char) = chars.next() {
            let ascii = match char {
                '\0'..='\x7f' if char != '(' => u8::try_from(char).ok()?,
                '年' | '月' => b'/',
                '日' | '\u{3000}' => b' ',
                '時' => b'h',
                '分' => b'm',
                '秒' => b's',
                '元' => b'1',
                '㋿' => b'R',
                '㍻' => b'H',
                '㍼' => b'S',
                '㍽' => b'T',
                '㍾' => b'M',
                '−' | '‐' => b'-',
                '(' | '（' => {
                    chars.find(|char| matches!(char, ')' | '）'))?;
                    b' '
                }
                '！'..='～' => u8::try_from(u32::from(char) - 0xFEE0).ok()?,
                _ => two_signs(char, chars.next()?)?,
            };
            self.byte(ascii)?;
        }
        Some(())
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        *self.bytes.get_mut(self.len)? = byte;
        self.len += 1;
        Some(())
    }
}

/// The byte for a word of two signs.
fn two_signs(first: char, second: char) -> Option<u8> {
    Some(match (first, second) {
        ('令', '和') => b'R',
        ('平', '成') => b'H',
        ('昭', '和') => b'S',
        ('大', '正') => b'T',
        ('明', '治') => b'M',
        ('午', '前') => b'a',
        ('午', '後') => b'p',
        _ => return None,
    })
}
