//! The formats of each target, and the inputs it starts from: samples of the definitions and lines of `fixtures/logs`.

use std::io::Read as _;
use std::path::PathBuf;

use sekimori::parse::catalogue;

use crate::{ATTACK, Forged};

const COMBINED: &str = include_str!("../../fixtures/logs/combined.log");
const JSON: &str = include_str!("../../fixtures/logs/json.log");
const CSV: &str = include_str!("../../fixtures/logs/csv_ja.log");
/// A security log that Windows wrote.
const EVENTS: &[u8] = include_bytes!("../../fixtures/evtx/security.evtx.gz");

/// What an attacker would send.
const SENT: [&str; 12] = [
    "\" 200 1 \"-\" \"x\" user=root",
    "\n10.9.9.9 - root [21/Nov/2026:09:05:07 +0900] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n",
    "\",\"user\":\"root\",\"x\":\"",
    "\r\n\"\",root,\"\"",
    "] 10.9.9.9 - root [",
    "</Data><Data Name='SubjectUserName'>root</Data>]]><!--",
    "root from 10.9.9.9 port 22 ssh2",
    "\\x22\\u0022\\\"\\\\\"",
    "\u{202e}\u{200b}\u{feff}\u{1b}[2J\0",
    "&quot;&#10;&lt;",
    "99 <134>1 - - - - - - ",
    "１２３４－５６７８－９０１８ 1234-5678-9018 123456789018",
];

/// The formats a target tries.
pub fn formats(target: &str) -> Vec<&'static str> {
    match target {
        "web" => vec![
            "combined",
            "common",
            "vhost_combined",
            "apache:%v:%p %h %l %u %t \\\"%m %U%q %H\\\" %>s %O %400,501{Referer}i \\\"%{User-Agent}i\\\" %D",
            "apache:%{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t %{%z}t %a %u \"%r\" %s->%>s %b",
            "nginx:$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" \"$http_x_forwarded_for\" rt=$request_time",
            "nginx:[$time_iso8601] $http_x_forwarded_for $remote_user $request_method $scheme://$host$uri$is_args$args $status $bytes_sent $msec",
            "nginx:escape=json{\"time\":\"$time_iso8601\",\"addr\":\"$remote_addr\",\"user\":\"$remote_user\",\"uri\":\"$request_uri\",\"status\":$status,\"agent\":\"$http_user_agent\"}",
        ],
        "json" => vec!["json"],
        "csv" => vec!["csv", "tsv"],
        "w3c" => vec!["iis", "cloudfront"],
        "pairs" => vec!["logfmt", "cef", "leef", "auditd"],
        "syslog" => vec![
            "syslog",
            "syslog+combined",
            "docker+combined",
            "cri+json",
            "fluentd+json",
            "rfc6587+syslog+combined",
            "rfc6587+sshd",
        ],
        "windows_xml" => vec!["windows-xml", "mysql-audit-xml"],
        "defined" => catalogue::names().collect(),
        _ => Vec::new(),
    }
}

/// Lines for one format: the samples of its definition, or the fixtures of its kind.
fn lines(format: &str) -> Vec<Vec<u8>> {
    let inner = format.rsplit('+').next().unwrap_or(format);
    if let Some(definition) = catalogue::find(inner) {
        return definition.sample_lines().map(|line| line.as_bytes().to_vec()).collect();
    }
    let text = match inner {
        "json" => JSON,
        "csv" | "tsv" => CSV,
        _ => COMBINED,
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.as_bytes().to_vec()).collect()
}

/// A line in its envelopes.
fn enveloped(format: &str, line: &[u8]) -> Vec<u8> {
    let Some((envelope, inner)) = format.split_once('+').filter(|_| !format.contains(':')) else {
        return line.to_vec();
    };
    let line = enveloped(inner, line);
    let text = String::from_utf8_lossy(&line);
    match envelope {
        "syslog" => format!("<134>1 2026-11-21T00:05:07Z web1 app 7 - [a@1 b=\"c\"] {text}"),
        "docker" => {
            serde_json::json!({ "log": format!("{text}\n"), "stream": "stdout", "time": "2026-11-21T00:05:07.1Z" })
                .to_string()
        }
        "cri" => format!("2026-11-21T00:05:07.1Z stdout F {text}"),
        "fluentd" => format!("2026-11-21T09:05:07+09:00\tapp.access\t{text}"),
        "rfc6587" => format!("{} {text}", text.len()),
        _ => text.into_owned(),
    }
    .into_bytes()
}

/// Writes the inputs `target` starts from into the folder that the variable SEEDS names, before it is read.
pub fn write(target: &str) {
    let Some(folder) = std::env::var_os("SEEDS").map(PathBuf::from) else {
        return;
    };
    for (nth, seed) in of(target).into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{nth:04}")), seed).expect("a folder to write to");
    }
}

/// The inputs a target starts from.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut put = |pick: usize, knob: u8, log: &[u8]| {
        let pick = u8::try_from(pick % 256).unwrap_or(0);
        seeds.push([&[pick, knob], log].concat());
    };
    for (nth, format) in formats(target).iter().enumerate() {
        let lines: Vec<Vec<u8>> = lines(format).iter().map(|line| enveloped(format, line)).collect();
        for line in &lines {
            put(nth, 5, line);
        }
        let all = lines.join(&b'\n');
        put(nth, 77, &all[..all.len().min(4000)]);
    }
    for (nth, _) in Forged::of(target).enumerate() {
        for sent in SENT {
            put(nth, ATTACK, sent.as_bytes());
        }
    }
    match target {
        "framing" | "decode" => {
            for (nth, name) in catalogue::names().enumerate() {
                let lines = lines(name).join(&b'\n');
                put(nth, 9, &lines[..lines.len().min(4000)]);
            }
            put(1, 3, CSV.as_bytes());
            for text in [
                "7 <1>a\nb\n5 <1>bc",
                "5 <1>a",
                "{\"Records\":[{\"a\":1},{\"a\":[{}]}]}",
                "\u{feff}a\r\n\"b\nc\",\"d\n",
            ] {
                put(3, 9, text.as_bytes());
                let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                put(4, 9, &little);
            }
            put(1, 9, b"\x8f\x5c\x83\x5c\x95\x5c,\x1b$B!\"\x1b(B\n");
        }
        "definition" => {
            for definition in catalogue::all() {
                put(0, 0, definition.text().as_bytes());
            }
        }
        "event_log" => {
            let mut file = Vec::new();
            flate2::read::GzDecoder::new(EVENTS)
                .read_to_end(&mut file)
                .expect("a packed file");
            // The first records of the first chunk, with the names and templates they refer to.
            put(0, 0, &file[4096..4096 + 4000]);
            put(0, 0, &file[4096..4096 + 8000]);
        }
        _ => {}
    }
    seeds
}
