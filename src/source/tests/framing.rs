//! Bytes to records: partial lines, long lines, NULs, quoted newlines, encodings.

use proptest::prelude::*;

use super::super::framer::{Columns, Framer};
use super::super::probe::records;
use super::*;
use crate::text::framing::Framing;

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\"".to_vec()),
        Just(b",\"".to_vec()),
        Just(b"\",".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        Just(b",\"x\ny\"\"z\",".to_vec()),
        Just(b"\n".repeat(70)),
        Just(b"\xff\xfe\"\0\n\0\"\0,\0\"\0".to_vec()),
        Just(b"\xfe\xff\0\"\0\n\0\"\0,\0\"".to_vec()),
        Just(b"\n\0".to_vec()),
        Just(b"\0\n".to_vec()),
        Just(b"\x1b$B".to_vec()),
        Just(b"\x1b(B".to_vec()),
        Just(vec![0x0a, 0x30]),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|p| p.concat())
}

proptest! {
    #[test]
    fn any_way_of_cutting_gives_the_same_records(
        bytes in any_bytes(),
        cuts in proptest::collection::vec(1usize..9, 1..5),
        quoted in any::<bool>(),
        max in prop_oneof![Just(7usize), Just(64), Just(4096)],
        columns in 0usize..5,
    ) {
        for encoding in [Encoding::Utf8, Encoding::Iso2022Jp, Encoding::Utf16Le, Encoding::Utf16Be] {
            let columns = Columns { declared: columns, of: |_| 0 };
            let framer = Framer::new(encoding, quoted, max).with_delimiter(Some(b',')).with_columns(Some(columns));
            let whole = records(&framer, &bytes, &[usize::MAX >> 1]);
            prop_assert_eq!(&whole, &records(&framer, &bytes, &cuts));
            let mut end = 0;
            for (from, to) in whole {
                prop_assert_eq!(from, end);
                end = to;
            }
        }
    }
}

fn read_all(change: impl FnOnce(&mut SourceSettings), bytes: &[u8]) -> Vec<(Vec<u8>, Option<Damage>)> {
    let mut w = World::with(change);
    fs::write(w.path("access.log"), bytes).unwrap();
    w.scan();
    let mut out = Vec::new();
    let mut id = || SegmentId(1);
    while w
        .tailer
        .read(w.now, 1 << 16, &mut id, &mut |l, _| {
            out.push((l.bytes.to_vec(), l.damage))
        })
        .more
    {}
    out
}

#[test]
fn newlines_inside_quotes_belong_to_the_record() {
    let lines = read_all(|s| s.quoted_newlines = true, b"a,\"x\ny\"\"z\n\",b\r\nnext,1\n");
    assert_eq!(
        lines,
        [(b"a,\"x\ny\"\"z\n\",b".to_vec(), None), (b"next,1".to_vec(), None)]
    );
}

#[test]
fn a_quote_in_the_middle_of_a_cell_opens_nothing() {
    let text = format!("12\" monitor,1\n{}a,24\" monitor\nlast,1\n", "ok,1\n".repeat(5000));
    for (encoding, bytes) in [
        (Encoding::Utf8, text.clone().into_bytes()),
        (Encoding::Cp932, text.clone().into_bytes()),
        (Encoding::Iso2022Jp, text.clone().into_bytes()),
        (
            Encoding::Utf16Le,
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
    ] {
        let lines = read_all(
            |s| {
                s.quoted_newlines = true;
                s.encoding = encoding;
            },
            &bytes,
        );
        assert_eq!(lines.len(), 5003, "{encoding:?}");
    }
}

#[test]
fn text_behind_a_closing_quote_does_not_swallow_the_lines_before_it() {
    let lines = read_all(|s| s.quoted_newlines = true, b"a,\"x\nb,1\nc,2\nd,y\"z\ne,3\n");
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[1].0, b"b,1");
}

#[test]
fn a_quote_nobody_closes_holds_back_64_lines_at_most() {
    let ok = |n: usize| "ok,1\n".repeat(n);
    for (lines_there, lines_read) in [(64, 0), (65, 65), (5000, 5000)] {
        let lines = read_all(
            |s| {
                s.quoted_newlines = true;
                s.line_bytes_max = 1 << 20;
            },
            format!("bad,\"x\n{}", ok(lines_there - 1)).as_bytes(),
        );
        assert_eq!(lines.len(), lines_read);
    }
    let long = format!("bad,\"x\n{}\n{}\nok,1\n", "a".repeat(40_000), "b".repeat(40_000));
    let change = |s: &mut SourceSettings| {
        s.quoted_newlines = true;
        s.line_bytes_max = 1 << 20;
    };
    assert_eq!(read_all(change, long.as_bytes()).len(), 4);
}

#[test]
fn a_quoted_cell_of_many_lines_is_one_record_with_any_usual_delimiter() {
    for delimiter in [",", "\t", ";", "|"] {
        let cell = format!("\"{}end\"", "x\n".repeat(64));
        let text = format!("\u{feff}{cell}{delimiter}1\na{delimiter}{cell}\r\nnext{delimiter}1\n");
        assert_eq!(
            read_all(|s| s.quoted_newlines = true, text.as_bytes()).len(),
            3,
            "{delimiter:?}"
        );
    }
}

#[test]
fn a_quote_nobody_closes_costs_one_record_and_not_the_file() {
    let tail = "ok,1\n".repeat(100);
    let lines = read_all(
        |s| {
            s.quoted_newlines = true;
            s.line_bytes_max = 50;
        },
        format!("bad,\"x\n{tail}").as_bytes(),
    );
    assert_eq!(lines.len(), 101);
    assert_eq!(lines[0].1, Some(Damage::OpenQuote));
    assert!(lines[1..].iter().all(|(_, damage)| damage.is_none()));
}

#[test]
fn the_longest_record_and_one_byte_more() {
    for len in [9, 10, 11] {
        for end in ["\n", "\r\n"] {
            let lines = read_all(
                |s| s.line_bytes_max = 10,
                format!("{}{end}b\n", "x".repeat(len)).as_bytes(),
            );
            let damage = (len > 10).then_some(Damage::Oversize);
            assert_eq!(
                lines,
                [("x".repeat(len.min(10)).into_bytes(), damage), (b"b".to_vec(), None)]
            );
        }
    }
}

#[test]
fn a_line_of_many_megabytes_is_one_record_in_little_memory() {
    let mut w = World::with(|s| s.line_bytes_max = 1000);
    let piece = "0123456789".repeat(30_000);
    w.append("access.log", "first\n");
    for _ in 0..20 {
        w.append("access.log", &piece);
        w.step();
    }
    assert_eq!(w.lines.len(), 2, "its head does not wait for its end");
    w.restart();
    w.step();
    w.append("access.log", "\nlast\n");
    w.step();
    assert_eq!(w.texts(), ["first", &piece[..1000], "last"]);
    assert_eq!(w.lines[1].damage, Some(Damage::Oversize));
    assert_eq!(w.lines[1].at.start, 6);
    assert_eq!(w.lines[2].at.start, 6 + 6_000_001);
    w.append("access.log", "more\n");
    w.restart();
    w.step();
    assert_eq!(w.lines.len(), 4);
    assert!(w.events.is_empty());
}

#[test]
fn a_record_longer_than_a_chunk_but_allowed_is_whole() {
    let long = "x".repeat(3_000_000);
    let lines = read_all(|s| s.line_bytes_max = 4_000_000, format!("a\n{long}\r\nb\n").as_bytes());
    assert_eq!(lines.len(), 3);
    assert_eq!((lines[1].0.len(), lines[1].1), (3_000_000, None));
}

#[test]
fn nul_bytes_inside_a_record_are_marked_and_those_before_one_are_left_out_with_an_event() {
    let mut w = World::new();
    fs::write(w.path("access.log"), b"a\n\0\0\0b\nc\0c\n").unwrap();
    w.step();
    assert_eq!(w.texts(), ["a", "b", "c\0c"]);
    assert_eq!(w.lines[1].at.start, 5);
    assert_eq!(w.lines[2].damage, Some(Damage::Nul));
    assert_eq!(w.kinds(), [SourceEventKind::Skipped]);
    assert_eq!((w.events[0].lo, w.events[0].hi), (2, 5));
}

#[test]
fn a_hole_that_copytruncate_left_before_a_writer_with_its_own_offset_costs_no_line() {
    for hole in [10, 70_000, 700_000, 3_000_000u64] {
        let mut w = World::new();
        w.append("access.log", "first\n");
        w.step();
        let file = File::options().write(true).open(w.path("access.log")).unwrap();
        file.set_len(6 + hole).unwrap();
        w.step();
        w.append("access.log", "second\n");
        w.step();
        w.restart();
        w.step();
        assert_eq!(w.texts(), ["first", "second"], "{hole}");
        assert_eq!(w.lines[1].damage, None);
        assert_eq!(w.kinds(), [SourceEventKind::Skipped]);
        assert_eq!((w.events[0].lo, w.events[0].hi), (6, 6 + hole));
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    assert_eq!(
        read_all(|_| {}, b"\xef\xbb\xbfa\nb\n"),
        [(b"a".to_vec(), None), (b"b".to_vec(), None)]
    );
    let wide: Vec<u8> = "\u{feff}《a》\r\nb\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let lines = read_all(|s| s.encoding = Encoding::Utf16Le, &wide);
    let mut decoder = Decoder::new(Encoding::Utf16Le);
    assert_eq!(decoder.decode(&lines[0].0).text, "《a》".as_bytes());
    assert_eq!(
        (lines.len(), lines[1].0.as_slice(), lines[1].1),
        (2, b"b\0".as_slice(), None)
    );
}

#[test]
fn restart_at_every_byte_of_a_record_gives_it_once() {
    let all = b"one\r\n\xe5\x8f\x97\xe4\xbb\x98\ntwo\n";
    for cut in 0..all.len() {
        let mut w = World::new();
        fs::write(w.path("access.log"), &all[..cut]).unwrap();
        w.step();
        w.restart();
        let mut file = w.writer("access.log");
        file.write_all(&all[cut..]).unwrap();
        w.step();
        assert_eq!(w.texts(), ["one", "受付", "two"], "{cut}");
    }
}

/// Records are the lines with the same number in brackets; `EOE` ends one.
fn audited() -> World {
    let pattern = |text| crate::text::framing::Pattern::new(text).unwrap();
    World::with(|s| s.framing = Framing::Same(pattern(r"audit\((\d+)\)"), Some(pattern("^EOE"))))
}

#[test]
fn an_event_of_several_records_is_one_record_however_it_is_written_and_restarted() {
    let all = "A audit(1) x\nB audit(1) y\nEOE audit(1)\nA audit(2) x\nB audit(2) y\nA audit(3) z\n";
    for cut in 0..=all.len() {
        let mut w = audited();
        w.append("access.log", &all[..cut]);
        w.step();
        w.restart();
        w.step();
        w.append("access.log", &all[cut..]);
        w.step();
        let expected = ["A audit(1) x\nB audit(1) y\nEOE audit(1)", "A audit(2) x\nB audit(2) y"];
        assert_eq!(w.texts(), expected, "{cut}: the third may go on");
    }
}

#[test]
fn the_last_record_of_a_quiet_file_does_not_wait_for_the_next() {
    let mut w = audited();
    w.append("access.log", "A audit(1) x\nB audit(1) y\n");
    w.step();
    w.pass(Duration::from_secs(4));
    w.append("access.log", "C audit(1) z\n");
    w.step();
    w.pass(Duration::from_secs(4));
    w.step();
    assert_eq!(w.lines.len(), 0, "something was added four seconds ago");
    w.pass(Duration::from_secs(1));
    w.step();
    assert_eq!(w.texts(), ["A audit(1) x\nB audit(1) y\nC audit(1) z"]);
    w.append("access.log", "A audit(2) x\nB audi");
    w.step();
    w.pass(Duration::from_secs(60));
    w.step();
    assert_eq!(w.lines.len(), 1, "its last line is not whole");
    w.append("access.log", "t(2) y\n");
    w.step();
    assert!(w.tailer.settle(None), "no more is expected");
    w.step();
    assert_eq!(w.texts()[1..], ["A audit(2) x\nB audit(2) y"]);
}

#[test]
fn a_line_without_end_among_records_of_several_lines_costs_one_record() {
    for framing in [
        audited().settings.framing.clone(),
        Framing::Json("a".into()),
        Framing::Xml("E".into()),
    ] {
        let mut w = World::with(|s| {
            s.framing = framing.clone();
            s.line_bytes_max = 1000;
        });
        let endless = "<{".repeat(700_000);
        w.append("access.log", &endless);
        w.step();
        assert_eq!(w.lines.len(), 1);
        w.append("access.log", "\nafter\nthat\n");
        w.settle();
        let texts = w.texts();
        assert_eq!((texts[0].len(), w.lines[0].damage), (1000, Some(Damage::Oversize)));
        assert_eq!(texts[1..], ["after", "that"], "{framing:?}");
    }
}
