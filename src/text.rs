//! What people read: the language, and hostile text made inert.
//!
//! Log text is written by attackers. Whatever of it (or of a register, or of a server's answer) reaches a
//! mail, a terminal, a report or the program's own log passes [`inert`] first.

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
