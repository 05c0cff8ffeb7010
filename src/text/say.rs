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

/// Why the operating system refused something about a file, without what would do.
pub fn reason(e: &std::io::Error) -> Say {
    use std::io::ErrorKind;
    let ja = match e.kind() {
        ErrorKind::NotFound => "ありません",
        ErrorKind::PermissionDenied => "権限がありません",
        ErrorKind::IsADirectory => "フォルダーです",
        ErrorKind::NotADirectory => "途中にフォルダーでないものがあります",
        ErrorKind::AlreadyExists => "すでにあります",
        ErrorKind::StorageFull => "ディスクに空きがありません",
        ErrorKind::ReadOnlyFilesystem => "読み取り専用のファイルシステムです",
        ErrorKind::FileTooLarge => "大きすぎます",
        ErrorKind::InvalidData => "文字コード又は形式が合いません",
        _ => return say!("{e}", "{e}"),
    };
    say!("{ja}", "{e}")
}

/// Both texts as format strings; names in braces are taken from the surroundings.
macro_rules! say {
    ($ja:literal, $en:literal) => {
        $crate::text::Say::new(format!($ja), format!($en))
    };
}
pub(crate) use say;
