//! One record's bytes -> UTF-8.
//!
//! Decoding comes after framing and before anything looks at `\`, `|`, `"` or `,`: in CP932 the second byte of ソ, 表
//! and 十 is a backslash, in ISO-2022-JP half of a kanji may be a quote. What cannot be decoded becomes
//! U+FFFD and the record is marked; no record is lost for it.

use encoding_rs::{EUC_JP, ISO_2022_JP, SHIFT_JIS, UTF_16BE, UTF_16LE};

use super::Encoding;

/// Turns records of one encoding into UTF-8. Holds a buffer that is used again for each record.
#[derive(Debug)]
pub struct Decoder {
    /// `None` passes bytes through.
    from: Option<&'static encoding_rs::Encoding>,
    scratch: Vec<u8>,
}

/// One decoded record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text: valid UTF-8, except that a source in UTF-8 is passed through as it is.
    pub text: &'a [u8],
    /// Whether something could not be decoded and stands as U+FFFD. Never set for UTF-8, where the bytes
    /// themselves go on.
    pub damaged: bool,
}

impl Decoder {
    /// A decoder of `encoding`.
    pub fn new(encoding: Encoding) -> Decoder {
        let from = match encoding {
            Encoding::Utf8 => None,
            Encoding::Cp932 => Some(SHIFT_JIS),
            Encoding::EucJp => Some(EUC_JP),
            Encoding::Iso2022Jp => Some(ISO_2022_JP),
            Encoding::Utf16Le => Some(UTF_16LE),
            Encoding::Utf16Be => Some(UTF_16BE),
        };
        Decoder {
            from,
            scratch: Vec::new(),
        }
    }

    /// Decodes one record. Records that are ASCII anyway are not copied.
    pub fn decode<'a>(&'a mut self, bytes: &'a [u8]) -> Decoded<'a> {
        let Some(from) = self.from else {
            return Decoded {
                text: bytes,
                damaged: false,
            };
        };
        let as_is = from.is_ascii_compatible() && bytes.is_ascii();
        if as_is {
            return Decoded {
                text: bytes,
                damaged: false,
            };
        }
        let mut decoder = from.new_decoder_without_bom_handling();
        let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len());
        if self.scratch.len() < room {
            self.scratch.resize(room, 0);
        }
        let (_, _, written, damaged) = decoder.decode_to_utf8(bytes, &mut self.scratch, true);
        Decoded {
            text: self.scratch.get(..written).unwrap_or_default(),
            damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(encoding: Encoding, bytes: &[u8]) -> (String, bool) {
        let mut decoder = Decoder::new(encoding);
        let decoded = decoder.decode(bytes);
        (String::from_utf8(decoded.text.to_vec()).unwrap(), decoded.damaged)
    }

    #[test]
    fn characters_whose_second_byte_is_a_backslash_come_out_whole() {
        assert_eq!(
            text(Encoding::Cp932, b"\x83\x5c\x95\x5c,\x8f\x5c"),
            ("ソ表,十".to_owned(), false)
        );
    }

    #[test]
    fn characters_only_windows_has_are_read_too() {
        assert_eq!(
            text(Encoding::Cp932, b"\x87\x40\xfb\xfc \xee\xe0"),
            ("①髙 蕙".replace('蕙', &text(Encoding::Cp932, b"\xee\xe0").0), false)
        );
        assert_eq!(text(Encoding::Cp932, b"\xb1\xb2\xb3").0, "ｱｲｳ");
    }

    #[test]
    fn a_broken_character_is_marked_and_swallows_no_separator() {
        assert_eq!(text(Encoding::Cp932, b"a\x83,b"), ("a\u{fffd},b".to_owned(), true));
        assert_eq!(text(Encoding::EucJp, b"a\xa4"), ("a\u{fffd}".to_owned(), true));
        assert!(text(Encoding::Utf16Le, b"a\0b").1);
    }

    #[test]
    fn utf8_goes_through_untouched_even_if_it_is_broken() {
        let mut decoder = Decoder::new(Encoding::Utf8);
        assert_eq!(
            decoder.decode(b"\xff\xe3\x81"),
            Decoded {
                text: b"\xff\xe3\x81",
                damaged: false
            }
        );
    }

    #[test]
    fn the_other_encodings_of_japan_are_read() {
        assert_eq!(text(Encoding::EucJp, b"\xc0\xc7\xcc\xb3").0, "税務");
        assert_eq!(text(Encoding::Iso2022Jp, b"\x1b$B@GL3\x1b(B,1").0, "税務,1");
        assert_eq!(text(Encoding::Utf16Le, b"\x0a\x30x\0").0, "《x");
        assert_eq!(text(Encoding::Utf16Be, b"\x30\x0a\0x").0, "《x");
    }

    proptest! {
        #[test]
        fn japanese_text_survives_the_way_through_cp932(s in "[ -~ぁ-んァ-ヶ一-龠ｱ-ﾝ]{0,60}") {
            let (bytes, _, unmappable) = SHIFT_JIS.encode(&s);
            prop_assume!(!unmappable && !s.contains(['\u{a5}', '\u{203e}']));
            prop_assert_eq!(text(Encoding::Cp932, &bytes), (s.clone(), false));
        }

        #[test]
        fn any_bytes_decode_to_valid_text(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for encoding in [Encoding::Cp932, Encoding::EucJp, Encoding::Iso2022Jp, Encoding::Utf16Le, Encoding::Utf16Be] {
                let (decoded, damaged) = text(encoding, &bytes);
                let wide = matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be);
                let shown = decoded.contains(char::REPLACEMENT_CHARACTER);
                prop_assert!(!shown || damaged || wide, "an unmarked replacement");
            }
        }
    }
}
