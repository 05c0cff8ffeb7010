//! The quickstart as a newcomer runs it: the real binary, twice, on the shipped samples, in a copy of their folders.
//!
//! Promises of README and fixtures/quickstart/README.md: seven alerts and no others, readable mails, a second run
//! that counts and mails nothing, and no number of a citizen anywhere but in the samples themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use regex::Regex;
use rusqlite::types::ValueRef;
use sekimori::clock::{Clock, SystemClock};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::daemon::jst;
use crate::support::mail::readable;

const CONFIG: &str = "config/quickstart.toml";
/// The 個人番号 that somebody typed as a user name.
const TYPED: &str = "123456789018";

/// When it happened, rule, who, severity, observed.
const STORY: [(&str, &str, &str, &str, u64); 7] = [
    ("2026-11-16 18:42:33", "V1", "012104", "warning", 1_240),
    ("2026-11-17 08:52:04", "A1", "010427", "warning", 3),
    ("2026-11-18 11:40:00", "V3", "011604", "warning", 114),
    ("2026-11-18 13:20:00", "A2", "013207", "warning", 3),
    ("2026-11-19 00:12:00", "A4", "maint01", "warning", 3),
    ("2026-11-19 09:02:44", "A4", "個人番号(マスク)", "notice", 1),
    ("2026-11-21 10:25:37", "A1", "008841", "critical", 16),
];

struct Town {
    folder: TempDir,
}

impl Town {
    fn new() -> Town {
        let folder = tempfile::tempdir().unwrap();
        for part in ["config", "fixtures/quickstart"] {
            copy(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join(part),
                &folder.path().join(part),
            );
        }
        Town { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sekimori(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekimori"));
        command
            .current_dir(self.folder.path())
            .args(args)
            .args(["--config", CONFIG]);
        let output = command
            .env_remove("SEKIMORI_LOG")
            .env("LANG", "ja_JP.UTF-8")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        output
    }

    fn json(&self, args: &[&str]) -> Vec<Value> {
        let output = self.sekimori(args);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every mail file: its name and what its reader sees.
    fn mails(&self) -> Vec<(String, String)> {
        let files = fs::read_dir(self.path("var/quickstart/outbox")).unwrap();
        let mut mails: Vec<(String, String)> = files
            .map(|file| {
                let file = file.unwrap();
                let name = file.file_name().into_string().unwrap();
                (name, readable(&fs::read_to_string(file.path()).unwrap()))
            })
            .collect();
        mails.sort();
        mails
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Of the story what a machine's clock lets come true: a line more than a day ahead of it is from the future.
fn story() -> BTreeSet<(String, String, String, u64)> {
    let now = SystemClock.now().plus(std::time::Duration::from_secs(86_400));
    let happened = STORY.into_iter().filter(|s| jst(s.0) <= now);
    happened
        .map(|(_, rule, who, severity, n)| (rule.to_owned(), who.to_owned(), severity.to_owned(), n))
        .collect()
}

fn alerts(town: &Town) -> BTreeSet<(String, String, String, u64)> {
    let text = |v: &Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
    let who = |v: &Value| {
        if v["person"].is_string() {
            text(v, "person")
        } else {
            text(v, "account")
        }
    };
    let rows = town.json(&["alert", "list", "--json"]);
    rows.iter()
        .map(|v| {
            (
                text(v, "rule"),
                who(v),
                text(v, "severity"),
                v["observed"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// Numbers and rules of alerts as the list and as the reports of all sections have them.
fn listed_and_reported(town: &Town) -> [BTreeSet<(String, String)>; 2] {
    let listed = town.json(&["alert", "list", "--json"]);
    let loud = listed.iter().filter(|v| v["severity"] != "notice");
    let of = |v: &Value, key: &str| v[key].as_str().unwrap().to_owned();
    let listed = loud.map(|v| (of(v, "number"), of(v, "rule"))).collect();
    let span = ["--from", "2026-11-11", "--to", "2026-11-21"];
    let form = ["--section", "all", "--format", "json", "--out", "reports"];
    town.sekimori(&[&["report", "make"], &span[..], &form[..]].concat());
    let mut reported = BTreeSet::new();
    for file in fs::read_dir(town.path("reports")).unwrap() {
        let report: Value = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        let mut todo = vec![&report];
        while let Some(value) = todo.pop() {
            if value["id"] == "alerts" {
                let rows = value["rows"].as_array().unwrap().iter();
                reported.extend(rows.map(|row| (of(&row[0], "text"), of(&row[2], "text"))));
            }
            todo.extend(value.as_array().into_iter().flatten());
            todo.extend(value.as_object().into_iter().flat_map(|members| members.values()));
        }
    }
    [listed, reported]
}

/// The output that README shows.
fn readme() -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, shown) = text.split_once("```text\n").unwrap();
    shown.split_once("```").unwrap().0.to_owned()
}

/// Its lines, without what is said of sources and the folder that is another one for everybody.
fn printed(output: &str) -> Vec<&str> {
    let lines = output.lines().filter(|line| !line.starts_with("sekimori: "));
    lines
        .map(|line| line.split("→").next().unwrap_or(line).trim_end())
        .collect()
}

#[test]
fn the_quickstart_tells_its_story_once() {
    let town = Town::new();
    let run = ["run", "--until-idle"];
    let first = town.sekimori(&run);
    assert_eq!(alerts(&town), story(), "{}", said(&first));
    if story().len() == STORY.len() {
        assert_eq!(printed(&String::from_utf8_lossy(&first.stdout)), printed(&readme()));
        let [listed, reported] = listed_and_reported(&town);
        assert_eq!(listed, reported);
    }
    // Notices stand in the digest of a business day; everything worse has a mail of its own.
    let told: Vec<_> = town
        .mails()
        .into_iter()
        .filter(|m| m.1.contains("■ 警告の内容"))
        .collect();
    let loud: Vec<_> = story().into_iter().filter(|s| s.2 != "notice").collect();
    let mails = town.mails();
    assert_eq!(told.len(), loud.len(), "{mails:?}");
    for (name, mail) in &told {
        assert!(
            mail.contains("Subject: 【") && mail.contains("■ 警告の内容"),
            "{name}: {mail}"
        );
    }
    for (rule, who, _, _) in loud {
        let told = mails
            .iter()
            .any(|(_, m)| m.contains(&format!("規則　　：{rule}　")) && m.contains(&who));
        assert!(told, "no mail tells of {rule} {who}");
    }
    let counters = town
        .sekimori(&["count", "--json", "--by", "person,dataset,operation,day"])
        .stdout;
    assert!(
        20 < counters.split(|b| *b == b'\n').count(),
        "{}",
        String::from_utf8_lossy(&counters)
    );

    let second = town.sekimori(&run);
    assert_eq!(alerts(&town), story(), "{}", said(&second));
    assert_eq!(town.mails(), mails);
    let again = town
        .sekimori(&["count", "--json", "--by", "person,dataset,operation,day"])
        .stdout;
    assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&counters));

    no_citizen_is_named(&town, &[first, second]);
}

/// Numbers of citizens in the samples: 宛名番号, 被保険者番号, the last segment of a path.
fn citizens() -> BTreeSet<String> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/quickstart");
    let mut found = BTreeSet::from([TYPED.to_owned()]);
    let places = [
        ("juki/oplog-20261114.csv", r"[^0-9]([0-9]{10})[^0-9]"),
        ("juki/oplog-20261121.csv", r"[^0-9]([0-9]{10})[^0-9]"),
        ("kaigo/audit.jsonl", r#""hihokensha_no":"([0-9]+)""#),
        ("juminzei/access.log", r"/juminzei/kojin/([0-9]+)"),
    ];
    for (file, pattern) in places {
        let text = String::from_utf8_lossy(&fs::read(samples.join(file)).unwrap()).into_owned();
        let before = found.len();
        found.extend(
            Regex::new(pattern)
                .unwrap()
                .captures_iter(&text)
                .map(|c| c[1].to_owned()),
        );
        assert!(before + 10 < found.len(), "{file} holds no numbers of citizens");
    }
    assert!(found.iter().all(|n| 6 < n.len()), "{found:?}");
    found
}

fn no_citizen_is_named(town: &Town, runs: &[Output]) {
    let citizens = citizens();
    let mut texts: Vec<(String, Vec<u8>)> = stored(&town.path("var/quickstart/sekimori.db"));
    texts.extend(town.mails().into_iter().map(|(name, mail)| (name, mail.into_bytes())));
    texts.extend(runs.iter().map(|run| ("output".to_owned(), said(run).into_bytes())));
    for args in [["alert", "list"], ["status", "--json"], ["count", "--json"]] {
        texts.push((args.join(" "), said(&town.sekimori(&args)).into_bytes()));
    }
    assert!(100 < texts.len());
    for (place, text) in &texts {
        let text = String::from_utf8_lossy(text);
        for number in &citizens {
            assert!(!text.contains(number.as_str()), "{place} holds {number}: {text}");
        }
        let my_number = numbers(&text).find(|n| is_my_number(n));
        assert_eq!(my_number, None, "{place}: {text}");
    }
}

/// Every text and blob of the store, with its table and column; without the store's own name, which is hexadecimal.
fn stored(path: &Path) -> Vec<(String, Vec<u8>)> {
    let conn = rusqlite::Connection::open(path).unwrap();
    let names = |sql: &str| -> Vec<String> {
        let mut select = conn.prepare(sql).unwrap();
        select
            .query_map([], |r| r.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    let own = names("SELECT value FROM meta WHERE key = 'store_id'").pop().unwrap();
    let mut out = Vec::new();
    for table in names("SELECT name FROM sqlite_schema WHERE type = 'table'") {
        let mut select = conn.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns: Vec<String> = select.column_names().map(str::to_owned).collect();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (i, column) in columns.iter().enumerate() {
                let bytes = match row.get_ref(i).unwrap() {
                    ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).replace(&own, "").into_bytes(),
                    ValueRef::Blob(bytes) => bytes.to_vec(),
                    _ => continue,
                };
                out.push((format!("{table}.{column}"), bytes));
            }
        }
    }
    out
}

/// Runs of exactly twelve digits that stand alone.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|n| n.len() == 12 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether the last digit is the check digit of the other eleven (行政手続…施行令第8条).
fn is_my_number(number: &str) -> bool {
    let digits: Vec<u32> = number.bytes().map(|b| u32::from(b - b'0')).collect();
    let sum: u32 = (1..=11u32)
        .map(|n| digits[11 - n as usize] * if n <= 6 { n + 1 } else { n - 5 })
        .sum();
    let check = if sum % 11 <= 1 { 0 } else { 11 - sum % 11 };
    digits[11] == check
}

#[test]
fn the_check_digit_of_an_invented_number_is_known() {
    assert!(is_my_number(TYPED));
    assert!(!is_my_number("123456789010"));
    assert_eq!(
        numbers("x 123456789018, 1234567890123 a23456789018").collect::<Vec<_>>(),
        [TYPED]
    );
}
