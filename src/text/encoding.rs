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

    /// The encoding text that begins with `bytes` is most likely in.
    pub fn guess(bytes: &[u8]) -> Encoding {
        match bytes {
            [0xff, 0xfe, ..] => return Encoding::Utf16Le,
            [0xfe, 0xff, ..] => return Encoding::Utf16Be,
            _ => {}
        }
        let broken = match std::str::from_utf8(bytes) {
            // A character may be cut at the end.
            Err(e) => e.error_len().is_some(),
            Ok(_) => false,
        };
        let nul = |odd: usize| bytes.iter().skip(odd).step_by(2).take(400).filter(|b| **b == 0).count();
        if 100 < nul(1) && nul(0) == 0 {
            return Encoding::Utf16Le;
        }
        if memchr::memmem::find(bytes, b"\x1b$B").is_some() {
            return Encoding::Iso2022Jp;
        }
        if !broken {
            return Encoding::Utf8;
        }
        let damage = |encoding: &Encoding| {
            let (text, _) = encoding.decoding().decode_without_bom_handling(bytes);
            // Half-width kana are what EUC-JP looks like in Windows-31J.
            text.chars()
                .filter(|c| matches!(c, '\u{fffd}' | '\u{ff61}'..='\u{ff9f}'))
                .count()
        };
        [Encoding::Cp932, Encoding::EucJp]
            .into_iter()
            .min_by_key(damage)
            .unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_of_japanese_text_is_told_by_its_bytes() {
        let text = "操作日時,職員番号,操作内容\r\n2026/11/21 9:05:07,012345,住民票の写しを交付ｼﾏｼﾀ\r\n".repeat(20);
        let all = [Encoding::Utf8, Encoding::Cp932, Encoding::EucJp, Encoding::Iso2022Jp];
        for encoding in all {
            let plain = text.replace(
                "ｼﾏｼﾀ",
                if encoding == Encoding::Cp932 {
                    "ｼﾏｼﾀ"
                } else {
                    ""
                },
            );
            let (bytes, ..) = encoding.decoding().encode(&plain);
            assert_eq!(Encoding::guess(&bytes), encoding);
            assert_eq!(Encoding::guess(&bytes[..bytes.len() - 3]), encoding, "cut");
        }
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(Encoding::guess(&[b"\xff\xfe", &wide[..]].concat()), Encoding::Utf16Le);
        let ascii: Vec<u8> = "2026-11-21 Logon succeeded\r\n"
            .repeat(20)
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(Encoding::guess(&ascii), Encoding::Utf16Le);
    }
}
