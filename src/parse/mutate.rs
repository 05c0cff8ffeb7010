//! Hostile lines by the thousand: good lines of every format, changed the way attackers, broken writers and power cuts
//! change them. Nothing panics, what is read does not depend on how the bytes came, and one line stays one record.
//!
//! Bounded, so that it runs with every test; `SEKIMORI_MUTATIONS`, when it is built, says how many changes of each seed there
//! are (a run over night takes a million). The seeds are the samples of the definitions and the lines of `fixtures/logs`.

use super::*;
use crate::text::framing::Framing;

/// Changes of each seed.
const MUTATIONS: u64 = 60;

/// What is put into lines: quotes, ends of fields and of records, escapes, numbers at the edge, marks that turn text around.
const PIECES: [&[u8]; 34] = [
    b"\"",
    b"\\\"",
    b"\\",
    b"'",
    b",",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\0",
    b"]",
    b"[",
    b"{",
    b"}",
    b"<",
    b">",
    b"|",
    b"=",
    b":",
    b"-",
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    "\u{202e}".as_bytes(),
    "\u{feff}".as_bytes(),
    "１２".as_bytes(),
    b"&#x0;",
    b"18446744073709551616",
    b"-1",
    b"9999-99-99",
    b" user=root ",
    b"\" 200 1 \"-\" \"",
    b"<!--",
    b"]]>",
];

/// xorshift64*: the same changes on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % n.max(1)
    }
}

/// One change of a line.
fn change(line: &mut Vec<u8>, dice: &mut Dice, other: &[u8]) {
    let at = dice.below(line.len() + 1);
    match dice.below(8) {
        0 => line.truncate(at),
        1 => drop(line.drain(..at)),
        2 if at < line.len() => line[at] = u8::try_from(dice.below(256)).unwrap(),
        3 => drop(line.splice(at..at, PIECES[dice.below(PIECES.len())].iter().copied())),
        4 => {
            let end = (at + dice.below(20)).min(line.len());
            let part = line[at..end].to_vec();
            let times = dice.below(4);
            (0..times).for_each(|_| drop(line.splice(at..at, part.iter().copied())));
        }
        5 => {
            let from = dice.below(other.len() + 1);
            let part = &other[from..(from + dice.below(40)).min(other.len())];
            drop(line.splice(at..at, part.iter().copied()));
        }
        6 => {
            let end = (at + dice.below(12)).min(line.len());
            drop(line.drain(at..end));
        }
        _ => drop(line.splice(at..at, [b"[{\"(<"[dice.below(5)]].repeat(dice.below(300)))),
    }
}

/// Every format with its seeds.
fn formats() -> Vec<(String, FormatSettings, Vec<Vec<u8>>)> {
    let lines = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>()
    };
    let combined = include_str!("../../fixtures/logs/combined.log");
    let hot = [
        ("combined", combined),
        ("common", include_str!("../../fixtures/logs/common.log")),
        ("vhost_combined", include_str!("../../fixtures/logs/vhost_combined.log")),
        ("json", include_str!("../../fixtures/logs/json.log")),
        ("csv", include_str!("../../fixtures/logs/csv_ja.log")),
        (
            "apache:%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\"",
            combined,
        ),
        ("docker+combined", combined),
        ("syslog+json", include_str!("../../fixtures/logs/json.log")),
        ("cri+combined", combined),
    ];
    let mut out: Vec<_> = hot
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Format::from_name(name).unwrap(), lines(text)))
        .collect();
    for definition in catalogue::all() {
        let seeds = definition.sample_lines().map(|line| line.as_bytes().to_vec()).collect();
        out.push((
            definition.name().to_owned(),
            FormatSettings::Defined(definition.clone(), None),
            seeds,
        ));
    }
    out
}

fn mutations() -> u64 {
    option_env!("SEKIMORI_MUTATIONS")
        .and_then(|n| n.parse().ok())
        .unwrap_or(MUTATIONS)
}

#[test]
fn no_change_of_a_good_line_makes_a_format_panic_or_read_the_same_line_in_two_ways() {
    let formats = formats();
    let all: Vec<&Vec<u8>> = formats.iter().flat_map(|(.., seeds)| seeds).collect();
    for (nth, (name, settings, seeds)) in formats.iter().enumerate() {
        let format = Format::compile(settings).unwrap();
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (nth as u64 + 1));
        let mut written = Vec::new();
        for seed in seeds {
            for _ in 0..mutations() {
                let mut line = seed.clone();
                for _ in 0..=dice.below(4) {
                    let other = all[dice.below(all.len())];
                    change(&mut line, &mut dice, other);
                }
                let mut state = FormatState::default();
                // A header or a session may have stood before it.
                if dice.below(2) == 0 {
                    format.parse(&seeds[0], &mut state);
                }
                let mut again = FormatState::from_bytes(&state.to_bytes());
                let parsed = format.parse(&line, &mut state);
                assert_eq!(
                    parsed,
                    format.parse(&line, &mut again),
                    "{name}: {}",
                    line.escape_ascii()
                );
                written.clear();
                json::write_record(&mut written, 1, &parsed);
                let lines = written.iter().filter(|b| **b == b'\n').count();
                assert!(lines <= 1 && !written.contains(&0x1b), "{name}: one record is one line");
                if let Ok(text) = std::str::from_utf8(&written)
                    && !text.is_empty()
                {
                    serde_json::from_str::<serde_json::Value>(text).unwrap();
                }
            }
        }
    }
}

#[test]
fn the_records_of_a_damaged_log_are_the_same_however_its_bytes_come() {
    for (nth, (name, settings, seeds)) in formats().into_iter().enumerate() {
        let framing = settings.framing();
        let mut dice = Dice(0x51_7c_c1_b7 ^ (nth as u64 + 1));
        for _ in 0..mutations() / 6 {
            let mut log = Vec::new();
            for _ in 0..6 {
                log.extend_from_slice(&seeds[dice.below(seeds.len())]);
                log.push(b'\n');
            }
            for _ in 0..dice.below(6) {
                change(&mut log, &mut dice, &seeds[0]);
            }
            let whole = ends(&framing, &log, &mut |have| *have = usize::MAX);
            let pieces = ends(&framing, &log, &mut |have| *have += 1 + dice.below(50));
            assert_eq!(whole, pieces, "{name}: {}", log.escape_ascii());
            assert_eq!(
                whole.last().copied().unwrap_or(0),
                log.len(),
                "{name}: every byte is in a record"
            );
        }
    }
}

/// Where records end, if `more` says how many bytes have come so far.
fn ends(framing: &Framing, log: &[u8], more: &mut dyn FnMut(&mut usize)) -> Vec<usize> {
    let (mut out, mut from, mut have) = (Vec::new(), 0, 0);
    while from < log.len() {
        let there = have.min(log.len());
        match framing.end(&log[from.min(there)..there], there == log.len()) {
            Some(len) => {
                from += len;
                out.push(from);
            }
            None => more(&mut have),
        }
    }
    out
}

#[test]
fn a_field_of_a_megabyte_and_a_hundred_thousand_levels_are_read_or_refused() {
    let deep = format!(
        "{{\"time\":\"2026-11-21T09:05:07Z\",\"a\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let wide = |line: &[u8]| {
        let mut line = line.to_vec();
        let at = line.len() / 2;
        drop(line.splice(at..at, vec![b'a'; 1 << 20]));
        line
    };
    for (_, settings, seeds) in formats() {
        let format = Format::compile(&settings).unwrap();
        let mut state = FormatState::default();
        format.parse(deep.as_bytes(), &mut state);
        format.parse(&wide(&seeds[0]), &mut state);
    }
}
