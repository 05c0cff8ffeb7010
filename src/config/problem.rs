//! What is wrong in a configuration file, where, and what would do: told in Japanese or English.
//!
//! A problem never quotes a secret: keys are named, values only where they are words of the configuration,
//! and then made inert by [`shown`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::text::Lang;

/// Most characters of a value that a message repeats.
const SHOWN_CHARS_MAX: usize = 120;

pub use crate::text::Say;
pub(super) use crate::text::say;

/// Where something stands in a file, and the key it stands under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file as it was opened.
    pub file: Rc<Path>,
    /// 1-based; 0 is the file as a whole.
    pub line: usize,
    /// 1-based, in characters; 0 is the line as a whole.
    pub column: usize,
    /// Such as `source[1].paths`; the number counts from 1.
    pub key: String,
}

impl Place {
    /// The file as a whole.
    pub(super) fn whole(file: &Path) -> Place {
        Place {
            file: Rc::from(file),
            line: 0,
            column: 0,
            key: String::new(),
        }
    }
}

/// One thing that is wrong (or, as a warning, unwise) in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file it stands in, as it was opened.
    pub file: PathBuf,
    /// Line, from 1; 0 concerns the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 concerns the line as a whole.
    pub column: usize,
    /// The key, such as `source[1].paths` (numbers count from 1); empty where none is concerned.
    pub key: String,
    /// What is wrong.
    pub message: Say,
    /// What would do.
    pub hint: Option<Say>,
}

impl Problem {
    pub(super) fn new(place: &Place, message: Say, hint: Option<Say>) -> Problem {
        Problem {
            file: place.file.to_path_buf(),
            line: place.line,
            column: place.column,
            key: place.key.clone(),
            message,
            hint,
        }
    }

    /// The problem on one line: `sekimori.toml:12: source[1].pathz: 知らない項目です。「paths」のことですか。`
    pub fn render(&self, lang: Lang) -> String {
        let mut line = self.file.display().to_string();
        if 0 < self.line {
            line.push_str(&format!(":{}", self.line));
            // A key says more than a column; without one the column is all there is.
            if self.key.is_empty() && 0 < self.column {
                line.push_str(&format!(":{}", self.column));
            }
        }
        line.push_str(": ");
        if !self.key.is_empty() {
            line.push_str(&self.key);
            line.push_str(": ");
        }
        line.push_str(self.message.pick(lang));
        if let Some(hint) = &self.hint {
            line.push_str(lang.pick("", "; "));
            line.push_str(hint.pick(lang));
        }
        line
    }
}

/// Everything that is wrong, in the order of the files as read and of the lines in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems {
    /// The language the configuration asks for; Japanese where it could not be read.
    pub lang: Lang,
    /// The problems.
    pub list: Vec<Problem>,
}

impl Problems {
    /// Every problem on its own line, each line ended.
    pub fn render(&self, lang: Lang) -> String {
        self.list.iter().map(|p| p.render(lang) + "\n").collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(self.lang).trim_end())
    }
}

impl std::error::Error for Problems {}

/// A value as a message may repeat it: short, on one line, without characters that steer a terminal or turn
/// the direction of reading.
pub(super) fn shown(value: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut text: String = value
        .chars()
        .take(SHOWN_CHARS_MAX)
        .map(|c| if steers(c) { '\u{fffd}' } else { c })
        .collect();
    if SHOWN_CHARS_MAX < value.chars().count() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_with_place_key_message_and_hint() {
        let place = Place {
            file: Rc::from(Path::new("a.toml")),
            line: 3,
            column: 1,
            key: "source[1].pathz".into(),
        };
        let hint = say!("「paths」のことですか。", "did you mean \"paths\"?");
        let problem = Problem::new(&place, say!("知らない項目です。", "unknown key"), Some(hint));
        assert_eq!(
            problem.render(Lang::Ja),
            "a.toml:3: source[1].pathz: 知らない項目です。「paths」のことですか。"
        );
        assert_eq!(
            problem.render(Lang::En),
            "a.toml:3: source[1].pathz: unknown key; did you mean \"paths\"?"
        );
    }

    #[test]
    fn a_repeated_value_cannot_steer_the_terminal() {
        assert_eq!(shown("a\u{1b}[31m\nb\u{202e}c"), "a\u{fffd}[31m\u{fffd}b\u{fffd}c");
        assert_eq!(shown(&"長".repeat(200)).chars().count(), SHOWN_CHARS_MAX + 1);
    }
}
