//! Records and holes larger than anything that should be read at once.

use super::*;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;

/// A hole of `len` bytes at the end of the log.
fn hole(w: &World, len: u64) -> u64 {
    let file = File::options().append(true).open(w.path("access.log")).unwrap();
    let size = file.metadata().unwrap().len() + len;
    file.set_len(size).unwrap();
    size
}

#[test]
fn a_hole_of_many_gigabytes_costs_no_reading_and_is_told_once() {
    let mut w = World::new();
    w.append("access.log", "first\n");
    let size = hole(&w, 30 << 30);
    w.step();
    w.step();
    assert_eq!(w.texts(), ["first"]);
    assert_eq!(w.kinds(), [SourceEventKind::Skipped]);
    assert_eq!((w.events[0].lo, w.events[0].hi), (6, size));
    // Where somebody writes into it, that is read.
    let file = File::options().write(true).open(w.path("access.log")).unwrap();
    file.write_at(b"second\n", 6).unwrap();
    w.step();
    assert_eq!(w.texts(), ["first", "second"]);
    assert_eq!(w.stored.values().next().unwrap().position, 13);
}

#[test]
fn room_taken_up_in_advance_is_read_when_it_is_filled() {
    let mut w = World::new();
    w.append("access.log", "first\n");
    fs::write(w.path("access.log"), [&b"first\n"[..], &[0; 3 << 20]].concat()).unwrap();
    w.step();
    let mut file = File::options().write(true).open(w.path("access.log")).unwrap();
    file.seek(SeekFrom::Start(6)).unwrap();
    for n in 0..3 {
        file.write_all(format!("line {n}\n").as_bytes()).unwrap();
        w.step();
        w.restart();
        w.step();
        assert_eq!(w.lines.len(), 2 + n);
    }
    w.append("access.log", "behind it\n");
    w.step();
    assert_eq!(w.texts()[4..], ["behind it"]);
    assert_eq!(w.kinds(), [SourceEventKind::Skipped]);
}

#[test]
fn a_hole_before_a_line_is_passed_over_in_turns_and_a_restart_in_it_changes_nothing() {
    for restart in [false, true] {
        let mut w = World::new();
        w.append("access.log", "first\n");
        let size = hole(&w, 20 << 20);
        w.append("access.log", "second\n");
        w.scan();
        let mut longest = 0;
        while {
            w.tailer.poll();
            let out = w.read();
            longest = longest.max(out.scanned);
            w.commit();
            if restart && out.more {
                w.restart();
                w.scan();
            }
            out.more
        } {}
        assert!(longest < 3 << 20, "{longest}");
        assert_eq!(w.texts(), ["first", "second"]);
        assert_eq!(w.lines[1].at.start, size);
        w.look_again();
        let told: Vec<_> = w.events.iter().map(|e| e.kind).collect();
        assert!(told.iter().all(|kind| *kind == SourceEventKind::Skipped), "{told:?}");
        assert!(!told.is_empty());
    }
}

#[test]
fn a_line_longer_than_is_kept_is_read_in_turns_and_a_restart_in_it_changes_nothing() {
    for (restart, encoding) in [
        (false, Encoding::Utf8),
        (true, Encoding::Utf8),
        (false, Encoding::Utf16Le),
        (true, Encoding::Utf16Le),
    ] {
        let mut w = World::with(|s| {
            s.encoding = encoding;
            s.line_bytes_max = 100_000;
        });
        let text = format!("first\n{}\nlast\n", "long ".repeat(3_000_000));
        let bytes: Vec<u8> = match encoding {
            Encoding::Utf8 => text.into_bytes(),
            _ => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        };
        fs::write(w.path("access.log"), &bytes).unwrap();
        w.tailer.keep_raw();
        let (mut longest, mut raws) = (0, Vec::new());
        w.scan();
        loop {
            w.tailer.poll();
            let out = w.read();
            longest = longest.max(out.scanned);
            raws.extend(w.tailer.take_raw());
            w.commit();
            if !out.more {
                break;
            }
            if restart {
                w.restart();
                w.tailer.keep_raw();
                w.scan();
            }
        }
        assert!(longest < 3 << 20, "{longest}");
        assert_eq!(w.lines.len(), 3);
        assert_eq!(w.lines[1].damage, Some(Damage::Oversize));
        w.look_again();
        assert_eq!(w.kinds(), []);
        // Archived in pieces that can be cut once more, whichever of them stand together.
        assert!(raws.iter().all(|raw| raw.bytes.len() < 2 << 20));
        assert_eq!(
            raws.iter().flat_map(|raw| raw.bytes.clone()).collect::<Vec<u8>>(),
            bytes
        );
        let recut = Recut::new(&w.settings);
        let mut again = Vec::new();
        for raw in &raws {
            let stood = Stood {
                file: raw.segment,
                from: raw.span.0,
                inside: raw.inside.0,
                state: &[],
            };
            recut.records(&stood, &raw.bytes, &mut |line, _, _| {
                again.push((line.bytes.to_vec(), line.at))
            });
        }
        assert_eq!(again.len(), 3);
        assert!(again.iter().map(|a| a.1).eq(w.lines.iter().map(|l| l.at)));
    }
}

#[test]
fn a_log_cut_inside_an_endless_line_loses_no_line_behind_it() {
    let mut w = World::new();
    w.append("access.log", &format!("first\n{}", "x".repeat(1 << 20)));
    w.step();
    assert_eq!(w.lines.len(), 2);
    File::options()
        .write(true)
        .open(w.path("access.log"))
        .unwrap()
        .set_len(500_000)
        .unwrap();
    w.step();
    w.append("access.log", "\nlast\n");
    w.step();
    assert_eq!(w.texts().last(), Some(&"last"));
}
