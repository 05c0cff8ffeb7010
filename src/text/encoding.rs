//! Encodings of Japanese text, by the names administrators use.

/// Encoding of a file's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8, with or without byte order mark.
    #[default]
    Utf8,
    /// Windows-31J, what Japanese systems call Shift_JIS.
    Cp932,
    /// EUC-JP.
    EucJp,
    /// ISO-2022-JP.
    Iso2022Jp,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
}

impl Encoding {
    /// The word used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Cp932 => "cp932",
            Encoding::EucJp => "euc-jp",
            Encoding::Iso2022Jp => "iso-2022-jp",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
        }
    }

    /// The encoding called `word` in configuration, without regard to case; the usual other names are understood.
    pub fn from_word(word: &str) -> Option<Encoding> {
        match word.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Encoding::Utf8),
            "cp932" | "shift_jis" | "sjis" | "windows-31j" | "ms932" => Some(Encoding::Cp932),
            "euc-jp" => Some(Encoding::EucJp),
            "iso-2022-jp" => Some(Encoding::Iso2022Jp),
            "utf-16le" => Some(Encoding::Utf16Le),
            "utf-16be" => Some(Encoding::Utf16Be),
            _ => None,
        }
    }

    fn decoding(self) -> &'static encoding_rs::Encoding {
        match self {
            Encoding::Utf8 => encoding_rs::UTF_8,
            Encoding::Cp932 => encoding_rs::SHIFT_JIS,
            Encoding::EucJp => encoding_rs::EUC_JP,
            Encoding::Iso2022Jp => encoding_rs::ISO_2022_JP,
            Encoding::Utf16Le => encoding_rs::UTF_16LE,
            Encoding::Utf16Be => encoding_rs::UTF_16BE,
        }
    }

    /// A whole file as UTF-8, without byte order mark.
    ///
    /// # Errors
    /// The first line (from 1) with bytes that are no text of this encoding.
    pub fn decode_all(self, bytes: &[u8]) -> Result<Vec<u8>, u64> {
        let (text, damaged) = self.decoding().decode_with_bom_removal(bytes);
        if damaged {
            let before = text.split('\u{fffd}').next().unwrap_or_default();
            return Err(before.bytes().filter(|b| *b == b'\n').count() as u64 + 1);
        }
        Ok(text.into_owned().into_bytes())
    }
}
