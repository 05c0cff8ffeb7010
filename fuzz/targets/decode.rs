//! Bytes of Japanese encodings to text: always UTF-8, the same every time, and no ASCII moves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekimori::source::{Decoder, Encoding};
use sekimori::text::{inert, mask_numbers, my_number_in};
use sekimori_fuzz::seeds;

fuzz_target!(init: seeds::write("decode"), |input: &[u8]| {
    let Some(record) = input.get(2..) else { return };
    for encoding in [Encoding::Cp932, Encoding::EucJp, Encoding::Iso2022Jp, Encoding::Utf16Le, Encoding::Utf16Be] {
        let mut decoder = Decoder::new(encoding);
        let text = decoder.decode(record).text.to_vec();
        assert!(std::str::from_utf8(&text).is_ok(), "{encoding:?}");
        assert_eq!(decoder.decode(record).text, text);
        shown(&text);
    }
    let _guess = Encoding::guess(record);
    shown(record);
});

/// What is raised as a 個人番号 is masked, and nothing shown holds one.
fn shown(text: &[u8]) {
    let shown = inert(text, 200);
    assert!(!shown.chars().any(char::is_control));
    assert_eq!(mask_numbers(&shown), shown);
    assert_eq!(my_number_in(shown.as_bytes()), None);
    if let Ok(text) = std::str::from_utf8(text)
        && my_number_in(text.as_bytes()).is_some()
    {
        assert_ne!(mask_numbers(text), text);
    }
}
