//! What one line costs in each format, beside the ways it could have been done: `cargo bench --bench parse`.
//!
//! An item is a line (a record may be several), so divan's items per second are lines per second. The lines are made here, the same on every run:
//! users, addresses and paths as a portal of an agency has them, a second shared by some ten lines.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot be set up has nothing else to do than to stop"
)]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use regex::bytes::Regex;
use sekimori::clock::EventTime;
use sekimori::parse::{Format, FormatState, Parsed, time};
use sekimori::text::my_number_in;
use serde::Deserialize;

/// Lines of each kind.
const LINES: usize = 10_000;

const NGINX_COMBINED: &str = r#"nginx:$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

/// The plain pattern everybody writes first: no escaped quotes, no blanks in names.
const PATTERN: &str =
    r#"^([^ ]+) [^ ]+ ([^ ]+) \[([^\]]+)\] "([A-Z]+) ([^ "]+) [^"]*" ([0-9]{3}) ([0-9]+|-) "([^"]*)" "([^"]*)""#;

/// The pattern that reads what the hand-written parser reads.
const EXACT_PATTERN: &str = r#"^(\S+) \S+ (.+?) \[([^\]]+)\] "([A-Z]+) (\S+)(?: HTTP/[0-9.]+)?" ([0-9]{3}) ([0-9]+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)""#;

fn main() {
    divan::main();
}

/// One access, before it is written in some format.
struct Access {
    address: String,
    user: String,
    minute: usize,
    second: usize,
    uri: String,
    bytes: usize,
    agent: &'static str,
}

fn accesses() -> impl Iterator<Item = Access> {
    const AGENTS: [&str; 4] = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
        "python-requests/2.31.0",
        "curl/8.5.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
    ];
    (0..LINES).map(|n| {
        // A multiplicative hash: spread out, and the same on every run.
        let mixed = n.wrapping_mul(2_654_435_761) >> 7;
        Access {
            address: format!("10.{}.{}.{}", mixed % 4, mixed / 4 % 200, mixed / 800 % 250),
            user: if mixed.is_multiple_of(33) {
                "-".into()
            } else {
                format!("tz{:06}", mixed % 5000)
            },
            minute: n / 600 % 60,
            second: n / 10 % 60,
            uri: match mixed % 3 {
                0 => format!("/api/juminzei/records/{}", mixed % 100_000),
                1 => format!("/export/%E4%BD%8F%E6%B0%91%E7%A8%8E.csv?year=R8&page={}", mixed % 900),
                _ => format!("/search?q=%E6%9D%B1%E4%BA%AC&page={}", mixed % 90),
            },
            bytes: mixed % 60_000,
            agent: AGENTS[mixed % 4],
        }
    })
}

fn combined_lines() -> Vec<Vec<u8>> {
    accesses()
        .map(|a| {
            format!(
                "{} - {} [21/Nov/2026:09:{:02}:{:02} +0900] \"GET {} HTTP/1.1\" 200 {} \"https://portal.example.jp/\" \"{}\"",
                a.address, a.user, a.minute, a.second, a.uri, a.bytes, a.agent
            )
            .into_bytes()
        })
        .collect()
}

fn json_lines() -> Vec<Vec<u8>> {
    accesses()
        .map(|a| {
            format!(
                "{{\"time\":\"2026-11-21T09:{:02}:{:02}+09:00\",\"remote_addr\":\"{}\",\"remote_user\":\"{}\",\
                 \"request_method\":\"GET\",\"request_uri\":\"{}\",\"server_protocol\":\"HTTP/1.1\",\"status\":200,\
                 \"body_bytes_sent\":{},\"http_referer\":\"https://portal.example.jp/\",\"http_user_agent\":\"{}\"}}",
                a.minute, a.second, a.address, a.user, a.uri, a.bytes, a.agent
            )
            .into_bytes()
        })
        .collect()
}

fn csv_lines() -> Vec<Vec<u8>> {
    accesses()
        .map(|a| {
            format!(
                "2026/11/21 9:{:02}:{:02},{},税務課,照会,\"住民税, 課税台帳\",{:010},{},ZEI-PC-{},正常",
                a.minute,
                a.second,
                a.user,
                a.bytes,
                a.bytes % 100,
                a.bytes % 500
            )
            .into_bytes()
        })
        .collect()
}

fn format(name: &str) -> Format {
    Format::compile(&Format::from_name(name).expect("a known name")).expect("a good format")
}

/// Reads every line with a format of this program; each must be a record.
fn run(bencher: Bencher, name: &str, header: Option<&str>, lines: Vec<Vec<u8>>) {
    let format = format(name);
    let mut state = FormatState::default();
    if let Some(header) = header {
        assert_eq!(format.parse(header.as_bytes(), &mut state), Parsed::Nothing);
    }
    for line in &lines {
        assert!(
            matches!(format.parse(line, &mut state), Parsed::Record(_)),
            "{}",
            String::from_utf8_lossy(line)
        );
    }
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        for line in &lines {
            black_box(format.parse(black_box(line), &mut state));
        }
    });
}

mod combined {
    use super::*;

    #[divan::bench]
    fn hand_written(bencher: Bencher) {
        run(bencher, "combined", None, combined_lines());
    }

    #[divan::bench]
    fn log_format_compiled(bencher: Bencher) {
        run(bencher, NGINX_COMBINED, None, combined_lines());
    }

    #[divan::bench]
    fn regex_simple(bencher: Bencher) {
        by_regex(bencher, PATTERN);
    }

    #[divan::bench]
    fn regex_exact(bencher: Bencher) {
        by_regex(bencher, EXACT_PATTERN);
    }

    /// As most programs write it: captures by number, made anew for each line.
    #[divan::bench]
    fn regex_captures(bencher: Bencher) {
        let lines = combined_lines();
        let regex = Regex::new(PATTERN).expect("a good pattern");
        bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
            for line in &lines {
                let line: &[u8] = black_box(line);
                let found = regex.captures(line).expect("a match");
                let field = |n| found.get(n).map_or(&[][..], |m| m.as_bytes());
                let number = |text: &[u8]| text.iter().fold(0_u64, |n, d| n * 10 + u64::from(d.wrapping_sub(b'0')));
                black_box((field(1), field(2), time::clf(field(3)), field(4), field(5)));
                black_box((number(field(6)), number(field(7)), field(8), field(9)));
            }
        });
    }

    /// The same fields, numbers and moment by captures, into locations made once.
    fn by_regex(bencher: Bencher, pattern: &str) {
        let lines = combined_lines();
        let regex = Regex::new(pattern).expect("a good pattern");
        let mut places = regex.capture_locations();
        bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
            for line in &lines {
                let line: &[u8] = black_box(line);
                regex.captures_read(&mut places, line).expect("a match");
                let field = |n| places.get(n).map_or(&[][..], |(from, to)| &line[from..to]);
                let number = |text: &[u8]| text.iter().fold(0_u64, |n, d| n * 10 + u64::from(d.wrapping_sub(b'0')));
                black_box((
                    field(1),
                    field(2),
                    time::clf(field(3)),
                    field(4),
                    field(5),
                    number(field(6)),
                    number(field(7)),
                ));
                black_box((field(8), field(9)));
            }
        });
    }
}

mod json {
    use super::*;

    #[derive(Deserialize)]
    struct Fields<'a> {
        time: &'a str,
        remote_addr: &'a str,
        remote_user: &'a str,
        request_method: &'a str,
        request_uri: &'a str,
        status: u16,
        body_bytes_sent: u64,
        http_user_agent: &'a str,
    }

    #[divan::bench]
    fn flat_scanner(bencher: Bencher) {
        run(bencher, "json", None, json_lines());
    }

    #[divan::bench]
    fn serde_json_borrowed_struct(bencher: Bencher) {
        let lines = json_lines();
        bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
            for line in &lines {
                let fields: Fields<'_> = serde_json::from_slice(black_box(line)).expect("good JSON");
                let at: Option<EventTime> = time::any(fields.time.as_bytes(), 0);
                black_box((
                    at,
                    fields.remote_addr,
                    fields.remote_user,
                    fields.request_method,
                    fields.request_uri,
                ));
                black_box((fields.status, fields.body_bytes_sent, fields.http_user_agent));
            }
        });
    }
}

#[divan::bench]
fn csv(bencher: Bencher) {
    let header = "操作日時,職員番号,部署名,操作区分,業務名,宛名番号,件数,端末名,処理結果";
    run(bencher, "csv", Some(header), csv_lines());
}

mod defined {
    use super::*;
    use sekimori::parse::catalogue;

    fn names() -> Vec<&'static str> {
        catalogue::names().collect()
    }

    /// The samples of a definition that are records, over and over, behind a header where there is one.
    #[divan::bench(args = names())]
    fn sample(bencher: Bencher, name: &str) {
        let definition = catalogue::find(name).expect("a definition");
        let format = format(name);
        let mut state = FormatState::default();
        state.read_at(EventTime::from_secs(1_795_219_507));
        let samples: Vec<&[u8]> = definition.sample_lines().map(str::as_bytes).collect();
        let records: Vec<&[u8]> = samples
            .iter()
            .copied()
            .filter(|line| matches!(format.parse(line, &mut state), Parsed::Record(_)))
            .collect();
        assert!(!records.is_empty(), "{name} has no record among its samples");
        let lines: usize = records
            .iter()
            .map(|record| record.trim_ascii().split(|b| *b == b'\n').count())
            .sum();
        bencher.counter(ItemsCount::new(lines * 100)).bench_local(|| {
            for _ in 0..100 {
                for line in &records {
                    black_box(format.parse(black_box(line), &mut state));
                }
            }
        });
    }
}

/// What looking for a 個人番号 adds to every line.
#[divan::bench]
fn my_number(bencher: Bencher) {
    let lines = combined_lines();
    assert!(lines.iter().all(|line| my_number_in(line).is_none()));
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        for line in &lines {
            black_box(my_number_in(black_box(line)));
        }
    });
}

mod times {
    use super::*;

    #[divan::bench(args = [
        "21/Nov/2026:09:05:07 +0900", "2026-11-21T09:05:07.042Z", "2026/11/21 9:05:07", "1795219507.042", "R8.11.21 9:05",
        "令和8年11月21日 9時05分07秒",
    ])]
    fn read(bencher: Bencher, text: &str) {
        bencher.bench(|| time::any(black_box(text).as_bytes(), time::JST_SECS));
    }
}
