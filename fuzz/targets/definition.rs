//! What an administrator may write as a format definition: refused with words, or used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekimori::parse::{Definition, Format, FormatSettings, FormatState};
use sekimori_fuzz::seeds;

fuzz_target!(init: seeds::write("definition"), |input: &[u8]| {
    let Some(text) = input.get(2..).and_then(|text| std::str::from_utf8(text).ok()) else { return };
    let Ok(definition) = Definition::read(text) else { return };
    let settings = FormatSettings::Defined(definition.clone(), None);
    let format = Format::compile(&settings).expect("it was read");
    let mut state = FormatState::default();
    for line in definition.sample_lines() {
        let _parsed = format.parse(line.as_bytes(), &mut state);
    }
    let _samples = definition.run_samples();
});
