//! One text in Japanese and in English, for places that do not know who will read it.

use super::Lang;

/// One text in both languages. Which one is read is only known later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    ja: String,
    en: String,
}

impl Say {
    /// The same thing said in Japanese and in English.
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Say {
        Say {
            ja: ja.into(),
            en: en.into(),
        }
    }

    /// The text of this language.
    pub fn pick(&self, lang: Lang) -> &str {
        lang.pick(&self.ja, &self.en)
    }
}

/// Both texts as format strings; names in braces are taken from the surroundings.
macro_rules! say {
    ($ja:literal, $en:literal) => {
        $crate::text::Say::new(format!($ja), format!($en))
    };
}
pub(crate) use say;
