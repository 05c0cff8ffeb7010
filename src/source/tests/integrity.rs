//! What was counted stays provable: hashes of everything consumed, and what becomes of files somebody changed.

use sha2::{Digest, Sha256};

use super::super::chunks::link;
use super::*;

#[test]
fn every_consumed_byte_is_in_a_hash_however_it_was_read() {
    let all = [text(0..400_000), "x".repeat(300_000), "\n\0\0\0end\n".to_owned()].concat();
    let mut seen = Vec::new();
    for budget in [1 << 12, 1 << 20, 64 << 20] {
        for restarts in [false, true] {
            let mut w = World::new();
            w.budget = budget;
            for piece in all.as_bytes().chunks(700_001) {
                w.append("access.log", std::str::from_utf8(piece).unwrap());
                w.scan();
                w.read();
                w.commit();
                if restarts {
                    w.restart();
                }
            }
            w.step();
            let state = w.stored.values().next().unwrap();
            assert_eq!(state.position, all.len() as u64);
            let chunks: Vec<_> = w.chunks.values().map(|c| (c.index, c.hash)).collect();
            seen.push((chunks, state.chain, state.part));
        }
    }
    let full = all.as_bytes().chunks_exact(CHUNK_BYTES as usize);
    let hashes: Vec<[u8; 32]> = full.map(|c| Sha256::digest(c).into()).collect();
    let chain = hashes.iter().fold([0; 32], |chain, hash| link(&chain, hash));
    for (chunks, head, part) in seen {
        assert_eq!(chunks, (0..).zip(hashes.iter().copied()).collect::<Vec<_>>());
        assert_eq!(head, chain);
        assert_eq!(u64::from(part.len), all.len() as u64 % CHUNK_BYTES);
    }
}

#[test]
fn where_records_end_before_their_last_newline_no_other_bytes_are_hashed() {
    let all: String = (0..120_000).map(|n| format!("{n:06},\"one\ntwo\nthree\"\n")).collect();
    for budget in [1 << 20, 64 << 20] {
        let mut w = World::with(|s| s.quoted_newlines = true);
        w.budget = budget;
        w.append("access.log", &all);
        w.step();
        assert_eq!(w.lines.len(), 120_000);
        let state = w.stored.values().next().unwrap();
        let chunk = CHUNK_BYTES as usize;
        for (hash, bytes) in w.chunks.values().zip(all.as_bytes().chunks_exact(chunk)) {
            assert_eq!(hash.hash, <[u8; 32]>::from(Sha256::digest(bytes)));
        }
        assert_eq!(w.chunks.len(), all.len() / chunk);
        let rest = &all.as_bytes()[all.len() / chunk * chunk..];
        assert_eq!(state.part.hash, <[u8; 32]>::from(Sha256::digest(rest)));
    }
}

#[test]
fn a_file_emptied_and_written_to_again_just_after_a_restart_is_never_taken_up_inside_a_record() {
    let (old, new) = (
        "000000:xxxxxxxxxx:000000\n",
        "000001:xxxxxxxxxxxxxxxxxxxxxxxxx:000001\n",
    );
    for seen in [false, true] {
        let mut w = World::new();
        w.append("access.log", old);
        w.step();
        w.restart();
        if seen {
            w.scan();
        }
        fs::write(w.path("access.log"), &new[..26]).unwrap();
        w.read();
        w.commit();
        w.settle();
        w.append("access.log", &new[26..]);
        w.settle();
        assert_eq!(w.texts(), [old.trim_end(), new.trim_end()], "seen {seen}");
        assert_eq!(w.kinds(), [SourceEventKind::Truncated], "seen {seen}");
    }
}

/// Changes one byte in place.
fn flip(w: &World, name: &str, at: u64) {
    use std::os::unix::fs::FileExt;
    let file = File::options().read(true).write(true).open(w.path(name)).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn one_changed_bit_anywhere_in_what_was_read_is_told_after_a_restart_or_by_looking_again() {
    let lines = 400_000;
    let size = u64::from(lines) * 9;
    for at in [0, 5000, CHUNK_BYTES - 1, CHUNK_BYTES, size / 2, size - 2] {
        for down in [false, true] {
            let mut w = World::new();
            let all = vec!["line-abc"; lines as usize].join("\n") + "\n";
            w.append("access.log", &all);
            w.step();
            if down {
                w.restart();
            }
            flip(&w, "access.log", at);
            w.append("access.log", "next\n");
            w.step();
            w.look_again();
            w.commit();
            assert_eq!(w.lines.len() as u32, lines + 1, "{at} {down}");
            assert!(!w.events.is_empty(), "{at} {down}");
            assert!(
                w.kinds().iter().all(|k| *k == SourceEventKind::Edited),
                "{at} {down} {:?}",
                w.events
            );
            assert!(
                w.events.iter().any(|e| e.lo <= at && at < e.hi),
                "{at} {down} {:?}",
                w.events
            );
            let told = w.events.len();
            w.look_again();
            w.restart();
            w.step();
            w.look_again();
            w.commit();
            assert_eq!(w.events.len(), told, "told once: {at} {down}: {:?}", w.events);
        }
    }
}

#[test]
fn a_change_in_a_file_that_is_over_is_told_too() {
    let mut w = World::new();
    w.append("access.log", &text(0..300_000));
    w.step();
    w.rename("access.log", "access.log.1");
    w.append("access.log", "next\n");
    w.settle();
    w.restart();
    w.settle();
    w.look_again();
    assert_eq!(w.kinds(), []);
    flip(&w, "access.log.1", 1_500_000);
    w.look_again();
    w.commit();
    assert_eq!(w.kinds(), [SourceEventKind::Edited]);
    assert_eq!((w.events[0].lo, w.events[0].hi), (CHUNK_BYTES, 2 * CHUNK_BYTES));
}

#[test]
fn a_line_changed_in_place_in_a_short_file_counts_nothing_again() {
    for down in [false, true] {
        let mut w = World::new();
        w.append("access.log", &text(0..20));
        w.step();
        if down {
            w.restart();
        }
        flip(&w, "access.log", 45);
        w.append("access.log", &text(20..21));
        w.step();
        w.look_again();
        w.commit();
        assert_eq!(w.texts(), numbered(0..21), "{down}");
        assert!(w.kinds().contains(&SourceEventKind::Edited), "{down} {:?}", w.events);
    }
}

#[test]
fn a_change_that_was_told_is_what_the_file_is_known_by_from_then_on() {
    let size = text(0..900).len() as u64;
    for at in [3, 45, size / 2, size - 20] {
        let mut w = World::new();
        w.append("access.log", &text(0..900));
        w.step();
        flip(&w, "access.log", at);
        w.look_again();
        w.commit();
        assert_eq!(w.kinds(), [SourceEventKind::Edited], "byte {at}");
        w.restart();
        w.settle();
        w.append("access.log", &text(900..901));
        w.step();
        w.restart();
        w.settle();
        assert_eq!(w.lines.len(), 901, "byte {at}");
        assert_eq!(w.kinds(), [SourceEventKind::Edited], "byte {at}: told once");
    }
}

#[test]
fn a_file_cut_back_is_read_on_from_there_and_a_crash_of_the_host_is_told_apart() {
    for (lines, left) in [(20u32, 13u32), (20, 1), (600, 570), (200_000, 150_000)] {
        for crash in [false, true] {
            let mut w = World::new();
            w.append("access.log", &text(0..lines));
            w.step();
            w.restart();
            let file = File::options().write(true).open(w.path("access.log")).unwrap();
            let size = text(0..left).len() as u64;
            file.set_len(size).unwrap();
            if crash {
                w.tailer.boot ^= 1;
            }
            w.append("access.log", "next\n");
            w.step();
            if lines < 600 {
                // Short enough for every record to be known.
                assert_eq!(w.texts().last(), Some(&"next"), "{lines} {left}");
                assert_eq!(w.lines.len() as u32, lines + 1, "{lines} {left}");
            } else {
                assert!(w.lines.len() as u32 <= lines + 1);
            }
            let kinds = w.kinds();
            assert_eq!(kinds.len(), 1, "{:?}", w.events);
            assert!(w.events[0].hi == text(0..lines).len() as u64);
            if kinds == [SourceEventKind::RolledBack] {
                let expected = if crash { Cause::Crash } else { Cause::Unexplained };
                assert_eq!(w.events[0].cause, expected);
            }
        }
    }
}

#[test]
fn an_editor_that_replaces_the_file_is_told_and_counts_nothing_again() {
    for down in [false, true] {
        for edit in ["line-100\n", "line-598\n"] {
            let mut w = World::new();
            w.append("access.log", &text(0..600));
            w.step();
            if down {
                w.restart();
            }
            // sed -i: a line is taken out, the new file takes the old one's name.
            fs::write(w.path("tmp"), text(0..600).replace(edit, "")).unwrap();
            w.rename("tmp", "access.log");
            w.step();
            w.append("access.log", &text(600..602));
            w.settle();
            let expected: Vec<String> = numbered(0..602);
            let lost = expected.iter().filter(|l| !w.texts().contains(&l.as_str())).count();
            assert!(w.lines.len() <= 602, "{down} {edit} counted twice");
            assert!(lost <= 1, "{down} {edit} {lost}");
            assert!(
                w.kinds().contains(&SourceEventKind::Replaced),
                "{down} {edit} {:?}",
                w.events
            );
        }
    }
}

#[test]
fn lines_taken_out_in_place_are_told_and_what_follows_is_read() {
    let mut w = World::new();
    w.append("access.log", &text(0..900));
    w.step();
    fs::write(
        w.path("access.log"),
        text(0..900).replace("line-700\n", "") + &text(900..903),
    )
    .unwrap();
    w.step();
    assert!(w.texts() == numbered(0..903), "{} lines", w.lines.len());
    assert_eq!(w.kinds(), [SourceEventKind::Edited]);
}

#[test]
fn times_that_are_set_back_or_forth_decide_nothing_and_hide_nothing() {
    let day = Duration::from_secs(86_400);
    for touch in [-4_000i64, 4_000] {
        let mut w = World::new();
        w.append("access.log", &text(0..900));
        w.step();
        let set = |w: &World| {
            let file = File::options().write(true).open(w.path("access.log")).unwrap();
            let now = std::time::SystemTime::UNIX_EPOCH + day * 20_000;
            let at = if touch < 0 {
                now - day * 4_000
            } else {
                now + day * 4_000
            };
            file.set_times(fs::FileTimes::new().set_modified(at).set_accessed(at))
                .unwrap();
        };
        set(&w);
        w.append("access.log", &text(900..901));
        set(&w);
        w.settle();
        w.restart();
        w.settle();
        assert_eq!(w.texts(), numbered(0..901));
        assert!(w.kinds().is_empty(), "{touch}");
        // Somebody changes what was read, and sets the time to what it was.
        let changed = fs::read_to_string(w.path("access.log"))
            .unwrap()
            .replacen("line-895", "line-xxx", 1);
        let file = File::options().write(true).open(w.path("access.log")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, changed.as_bytes(), 0).unwrap();
        set(&w);
        w.step();
        w.look_again();
        w.commit();
        assert_eq!(w.kinds(), [SourceEventKind::Edited], "{touch}");
        assert_eq!(w.texts(), numbered(0..901));
    }
}

#[test]
fn a_change_in_the_middle_while_down_is_told_by_the_next_reading() {
    let mut w = World::new();
    w.append("access.log", &text(0..2000));
    w.step();
    w.restart();
    let was = fs::read_to_string(w.path("access.log")).unwrap();
    let changed = was.replacen("line-1000", "line-xxxx", 1);
    let file = File::options().write(true).open(w.path("access.log")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, changed.as_bytes(), 0).unwrap();
    w.append("access.log", &text(2000..2001));
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::Edited]);
    assert_eq!(w.texts(), numbered(0..2001));
}
