//! Windows event logs: whatever stands in a chunk becomes lines of events.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekimori::source::probe;
use sekimori_fuzz::seeds;

const CHUNK: usize = 0x1_0000;

fuzz_target!(init: seeds::write("event_log"), |input: &[u8]| {
    let mut file = b"ElfFile\0".to_vec();
    file.resize(4096, 0);
    file[40..42].copy_from_slice(&4096_u16.to_le_bytes());
    file.extend_from_slice(input.get(2..).unwrap_or_default());
    file.resize(4096 + CHUNK, 0);
    let lines = probe::event_lines(&file).expect("a file of whole chunks");
    for line in lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        assert!(line.starts_with(b"<Event"), "{}", line.escape_ascii());
        assert!(!line.iter().any(u8::is_ascii_control), "{}", line.escape_ascii());
    }
    // Names and values refer to each other; what comes of a chunk stays within bounds.
    assert!(lines.len() < 64 << 20, "{} bytes", lines.len());
});
