//! What it costs to keep what was read provable: `cargo bench --bench tail`.
//!
//! The same log is read through the same tailer with and without the hashes of consumed bytes, in turn, in one run:
//! cut into records only, and cut, decoded and parsed, which is what the daemon does with every line. Medians and
//! ratios are printed. `SEKIMORI_BENCH_LINES` (default 2,000,000) and `SEKIMORI_BENCH_ROUNDS` (default 7) change the size.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on must stop"
)]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use sekimori::access::{SegmentId, SourceId};
use sekimori::clock::WallTime;
use sekimori::parse::{Format, FormatSettings, FormatState, Parsed, WebFormat};
use sekimori::source::{Encoding, Known, SourceSettings, Start, Tailer};

fn main() {
    let setting = |name: &str, default| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let lines: u64 = setting("SEKIMORI_BENCH_LINES", 2_000_000);
    let rounds: u64 = setting("SEKIMORI_BENCH_ROUNDS", 7);
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    write_log(&log, lines);
    let size = std::fs::metadata(&log).expect("the log").len();
    println!("{lines} lines, {:.0} MB, {rounds} rounds, medians", size as f64 / 1e6);
    for (name, parse) in [("records only", false), ("records and parsing", true)] {
        let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for hashed in [false, true] {
                times[usize::from(hashed)].push(read(&log, lines, hashed, parse));
            }
        }
        let [without, with] = times.map(|mut t| {
            t.sort_by(f64::total_cmp);
            t[t.len() / 2]
        });
        println!(
            "{name:<20} without {without:6.3} s ({:5.0} MB/s)   with hashes {with:6.3} s ({:5.0} MB/s)   {:+.1} %",
            size as f64 / without / 1e6,
            size as f64 / with / 1e6,
            (with / without - 1.0) * 100.0
        );
    }
}

/// Reads the log once; gives the seconds.
fn read(log: &Path, lines: u64, hashed: bool, parse: bool) -> f64 {
    let settings = SourceSettings {
        journal: None,
        name: "web".to_owned(),
        paths: vec![log.to_str().expect("a name").to_owned()],
        rotated_in: Vec::new(),
        encoding: Encoding::Utf8,
        start: Start::Beginning,
        quoted_newlines: false,
        framing: sekimori::text::framing::Framing::Lines,
        delimiter: None,
        line_bytes_max: 1 << 20,
        rotate_wait: Duration::from_secs(600),
    };
    let format = Format::compile(&FormatSettings::Web(WebFormat::Combined)).expect("a format");
    let mut state = FormatState::default();
    let mut tailer = Tailer::open(settings, SourceId(1), Known::default());
    if !hashed {
        tailer.without_hashes();
    }
    let (mut next, mut seen, mut records) = (0, 0u64, 0u64);
    let now = WallTime::from_secs(1_800_000_000);
    let began = Instant::now();
    loop {
        let mut id = || {
            next += 1;
            SegmentId(next)
        };
        let read = tailer.read(now, 8 << 20, &mut id, &mut |line, _| {
            if parse {
                records += u64::from(matches!(format.parse(line.bytes, &mut state), Parsed::Record(_)));
            }
        });
        seen += read.lines;
        tailer.hand_over();
        tailer.committed();
        if !read.more {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    assert!(
        seen == lines && (!parse || records == lines),
        "{seen} lines, {records} records"
    );
    seconds
}

fn write_log(path: &Path, lines: u64) {
    let mut out = BufWriter::new(std::fs::File::create(path).expect("the log"));
    for n in 0..lines {
        let (user, minute, second) = (n * 7_919 % 5_000, n / 600 % 60, n / 10 % 60);
        writeln!(
            out,
            "10.{}.{}.{} - u{user:05} [21/Nov/2026:10:{minute:02}:{second:02} +0900] \"GET /api/juminzei/records/{} HTTP/1.1\" \
             200 {} \"https://portal.city.example.jp/menu\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64)\"",
            user % 4,
            user % 250,
            n % 250,
            n * 31 % 900_000,
            n * 17 % 90_000
        )
        .expect("room for the log");
    }
    out.flush().expect("room for the log");
}
