//! Bytes to records: the same however they come, in every framing and encoding.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sekimori::parse::catalogue;
use sekimori::source::Encoding;
use sekimori::text::framing::Framing;
use sekimori_fuzz::{cut_the_same, seeds};

static FRAMINGS: OnceLock<Vec<Framing>> = OnceLock::new();

fn framings() -> Vec<Framing> {
    let mut all = vec![
        Framing::Lines,
        Framing::Quoted,
        Framing::Counted,
        Framing::Json("Records".into()),
    ];
    for definition in catalogue::all() {
        if !all.contains(definition.framing()) {
            all.push(definition.framing().clone());
        }
    }
    all
}

fuzz_target!(init: seeds::write("framing"), |input: &[u8]| {
    let [pick, knob, log @ ..] = input else { return };
    let framings = FRAMINGS.get_or_init(framings);
    let framing = &framings[usize::from(*pick) % framings.len()];
    for encoding in [Encoding::Utf8, Encoding::Iso2022Jp, Encoding::Utf16Le, Encoding::Utf16Be] {
        cut_the_same(encoding, framing, usize::from(*knob % 5), log, *knob);
    }
    counted(log);
});

/// A stream of counted messages holds as many as were sent, whatever stands in them.
fn counted(log: &[u8]) {
    let messages: Vec<Vec<u8>> = log.chunks(40).map(|part| [b"<13>", part].concat()).collect();
    let stream: Vec<u8> = messages
        .iter()
        .flat_map(|m| [format!("{} ", m.len()).as_bytes(), m].concat())
        .collect();
    let (mut rest, mut found) = (stream.as_slice(), 0);
    while let Some(end) = Framing::Counted.end(rest, true) {
        let (record, behind) = rest.split_at(end);
        assert!(record.ends_with(&messages[found]));
        (rest, found) = (behind, found + 1);
    }
    assert_eq!(found, messages.len());
}
