//! The segments as files: there, whole, the right ones, for the right people, and nothing beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use sha2::{Digest, Sha256};

use super::expiry::{Absence, Expiries};
use super::finding::{Code, Finding};
use super::{Input, ReadLog, Report, extra, micros};
use crate::evidence::age::Header;
use crate::evidence::entry::Entry;
use crate::evidence::tree::hex;

/// What is noticed so soon after a start happened before it, microseconds.
const JUST_STARTED: i64 = 30_000_000;

/// One segment as its entry describes it.
#[derive(Debug, Clone)]
pub struct Listed<'l> {
    /// Index of the entry.
    pub index: u64,
    /// The entry.
    pub entry: &'l Entry,
    /// Its number.
    pub n: u64,
    /// Its path within the archive.
    pub name: &'l str,
    /// Bytes of the source.
    pub off: (u64, u64),
}

/// Segments that are there and are the files that were sealed: what further checks may open.
pub fn check<'l>(input: &Input, log: &'l ReadLog, report: &mut Report) -> Vec<Listed<'l>> {
    let listed = listed(log, report);
    let expiries = Expiries::read(log, input.now);
    expiries.check(log, report);
    let hashes: BTreeMap<&str, u64> = listed.iter().map(|l| (l.entry.text("sha256_age"), l.n)).collect();
    let mut sound = Vec::new();
    readers(log, &listed, report);
    for segment in &listed {
        report.segments = report.segments.saturating_add(1);
        if file(input, segment, &hashes, &expiries, report) {
            sound.push(segment.clone());
        }
    }
    let names: BTreeSet<String> = listed
        .iter()
        .map(|l| l.name.to_owned())
        .chain(listed.iter().map(|l| format!("idx/{:08}.idx", l.n)))
        .chain(log.later.iter().cloned())
        .collect();
    extra::check(&input.archive, &names, report);
    continuity(log, &listed, report);
    sound
}

fn listed<'l>(log: &'l ReadLog, report: &mut Report) -> Vec<Listed<'l>> {
    let mut listed = Vec::new();
    for (index, entry) in log.entries.iter().filter(|(_, e)| e.kind() == "segment") {
        let (n, name, off) = (entry.number("n"), entry.text("name"), entry.span("off"));
        let plain = Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
        match (n, off) {
            (Some(n), Some(off)) if plain && name.starts_with("seg/") && off.0 <= off.1 => listed.push(Listed {
                index: *index,
                entry,
                n,
                name,
                off,
            }),
            _ => report.add(
                Finding::new(
                    Code::Content,
                    format!("{index} 番の項目の区画の記述が不正です（{name:?}）。"),
                    format!("entry {index} describes no segment of this archive ({name:?})"),
                )
                .at("entry", *index),
            ),
        }
    }
    listed
}

/// Segments must be encrypted to those the configuration in force named: one reader more is a thief, one less a loss.
fn readers(log: &ReadLog, listed: &[Listed<'_>], report: &mut Report) {
    let mut in_force: Option<Vec<&str>> = None;
    let mut segments = listed.iter().peekable();
    for (index, entry) in &log.entries {
        if entry.kind() == "config" {
            in_force = Some(entry.texts("rcpt"));
        }
        let Some(segment) = segments.next_if(|segment| segment.index == *index) else {
            continue;
        };
        let declared = segment.entry.texts("rcpt");
        if in_force.as_ref().is_some_and(|in_force| *in_force != declared) {
            let (ja, en) = place(segment);
            let finding = Finding::new(
                Code::Recipients,
                format!("{ja}を開ける者が、記録された設定と違います（{}）。", declared.join(" ")),
                format!(
                    "{en} is encrypted to others than the configuration on record names ({})",
                    declared.join(" ")
                ),
            );
            report.add(of(finding, segment));
        }
    }
}

fn of(finding: Finding, segment: &Listed<'_>) -> Finding {
    let text = |key: &str| segment.entry.text(key).to_owned();
    finding
        .at("segment", segment.n)
        .at("file", segment.name)
        .at("src", text("src"))
        .at("off", vec![segment.off.0, segment.off.1])
        .at("first", text("first"))
        .at("last", text("last"))
}

fn place(segment: &Listed<'_>) -> (String, String) {
    let (src, (from, to)) = (segment.entry.text("src"), segment.off);
    let (first, last) = (segment.entry.text("first"), segment.entry.text("last"));
    (
        format!("区画 {}（{src} の {from}〜{to} バイト、{first}〜{last}）", segment.n),
        format!("segment {} ({src}, bytes {from} to {to}, {first} to {last})", segment.n),
    )
}

/// Checks the file of one segment; whether it may be opened.
fn file(
    input: &Input,
    segment: &Listed<'_>,
    hashes: &BTreeMap<&str, u64>,
    expiries: &Expiries<'_>,
    report: &mut Report,
) -> bool {
    let path = input.archive.join(segment.name);
    let (ja, en) = place(segment);
    let restore = (
        format!(
            "写しから {} を戻してください（SHA-256 {}）。",
            segment.name,
            segment.entry.text("sha256_age")
        ),
        format!(
            "restore {} from a copy (SHA-256 {})",
            segment.name,
            segment.entry.text("sha256_age")
        ),
    );
    let Ok(metadata) = std::fs::symlink_metadata(&path) else {
        match expiries.absence(segment.n) {
            Absence::Lawful => return false,
            Absence::Told => return false,
            Absence::Unknown => {}
        }
        let finding = Finding::new(
            Code::SegMissing,
            format!("{ja}がありません。"),
            format!("{en} is not there"),
        );
        report.add(of(finding, segment).next(restore.0, restore.1));
        return false;
    };
    if !metadata.is_file() || metadata.nlink() > 1 {
        let finding = Finding::new(
            Code::ExtraFile,
            format!("{ja}の場所に通常のファイルでないもの（リンクなど）があります。"),
            format!("what stands in the place of {en} is a link or no regular file"),
        );
        report.add(of(finding, segment));
        return false;
    }
    let (hash, len) = match sha256(&path) {
        Ok(read) => read,
        Err(e) => {
            let finding = Finding::new(
                Code::Unchecked,
                format!("{ja}を読めません（{e}）。"),
                format!("{en} cannot be read: {e}"),
            );
            report.add(of(finding, segment));
            return false;
        }
    };
    let declared = segment.entry.texts("rcpt").len();
    if declared > 0 {
        let there = File::open(&path)
            .ok()
            .and_then(|f| Header::read(&mut BufReader::new(f)).ok())
            .map(|h| h.recipients());
        if there.is_some_and(|there| there != declared) {
            let there = there.unwrap_or(0);
            let finding = Finding::new(
                Code::Recipients,
                format!("{ja}を開ける者が {there} 人になっています（記録では {declared} 人）。"),
                format!("{en} is encrypted to {there} recipients, the ledger says {declared}"),
            );
            report.add(of(finding, segment));
        }
    }
    let good = hash == segment.entry.text("sha256_age") && Some(len) == segment.entry.number("len_age");
    if !good {
        let other = hashes.get(hash.as_str());
        let (also_ja, also_en) = match other {
            Some(n) => (
                format!(" 中身は区画 {n} のものです。"),
                format!("; it is the content of segment {n}"),
            ),
            None => (String::new(), String::new()),
        };
        let mut finding = Finding::new(
            Code::SegModified,
            format!("{ja}が封印したときのファイルではありません。{also_ja}"),
            format!("{en} is not the file that was sealed{also_en}"),
        )
        .at("expected", segment.entry.text("sha256_age"))
        .at("found", hash);
        if let Some(n) = other {
            finding = finding.at("content_of", *n);
        }
        report.add(of(finding, segment).next(restore.0, restore.1));
    }
    index(input, segment, report);
    // A changed one is opened all the same: that tells where it was changed.
    true
}

fn index(input: &Input, segment: &Listed<'_>, report: &mut Report) {
    let name = format!("idx/{:08}.idx", segment.n);
    let found = sha256(&input.archive.join(&name))
        .map(|(hash, _)| hash)
        .unwrap_or_default();
    if found != segment.entry.text("idx") {
        let finding = Finding::new(
            Code::SegModified,
            format!(
                "区画 {} の索引 {name} が封印したときのものではありません。本人に関する検索に漏れが出ます。",
                segment.n
            ),
            format!(
                "the index {name} of segment {} is not the one that was sealed; searches would miss records",
                segment.n
            ),
        );
        report.add(of(finding, segment).at("file", name));
    }
}

/// SHA-256 and length of a file.
pub fn sha256(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let (mut hash, mut len, mut buffer) = (Sha256::new(), 0u64, vec![0u8; 1 << 20]);
    loop {
        let n = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..n).filter(|b| !b.is_empty()) else {
            let hash: [u8; 32] = hash.finalize().into();
            return Ok((hex(&hash), len));
        };
        hash.update(read);
        len = len.saturating_add(u64::try_from(n).unwrap_or(0));
    }
}

/// Each file of a source is archived byte after byte, or an entry says what is missing.
fn continuity(log: &ReadLog, listed: &[Listed<'_>], report: &mut Report) {
    let mut reached: BTreeMap<u64, u64> = BTreeMap::new();
    let mut gaps = Vec::new();
    let mut started = None;
    let mut segments = listed.iter().peekable();
    for (index, entry) in &log.entries {
        match entry.kind() {
            "file" => {
                if let (Some(file), Some(from)) = (entry.number("file"), entry.number("from")) {
                    reached.entry(file).or_insert(from);
                }
            }
            "gap" => {
                if let (Some(file), Some((_, to)), "archive") =
                    (entry.number("file"), entry.span("off"), entry.text("why"))
                {
                    reached.insert(file, to);
                }
                gaps.push((*index, entry, started));
            }
            "start" => started = micros(entry.text("at")),
            "segment" => {
                let Some(segment) = segments.next_if(|segment| segment.index == *index) else {
                    continue;
                };
                follows(segment, &mut reached, report);
            }
            _ => {}
        }
    }
    for (index, entry, started) in gaps {
        let (from, to) = entry.span("off").unwrap_or_default();
        let archived = entry
            .number("file")
            .and_then(|file| reached.get(&file))
            .copied()
            .unwrap_or(0);
        let since = micros(entry.text("at"))
            .zip(started)
            .map(|(at, start)| at.saturating_sub(start));
        // Cut while it was followed (copytruncate): at most what was written within a second of it. Cut while nobody
        // looked: nobody knows what stood there.
        let watched = since.is_some_and(|since| JUST_STARTED < since);
        let unread = (to.min(archived.max(from)), to);
        match (entry.text("why"), entry.text("cause")) {
            (_, "handling") => cut(index, entry, report),
            // What stood there was read before it was changed, and what was added is read: it is all archived.
            ("edited" | "replaced", _) if to <= archived => changed(index, entry, report),
            ("truncated" | "rolled-back", _) if to <= archived && watched => cut(index, entry, report),
            ("truncated" | "rolled-back" | "edited" | "replaced", _) => gap(index, entry, unread, report),
            _ => gap(index, entry, (from, to), report),
        }
    }
}

fn cut(index: u64, entry: &Entry, report: &mut Report) {
    let (src, at) = (entry.text("src"), entry.text("at"));
    report.add(
        Finding::new(
            Code::LogCut,
            format!("{src} のファイルが監視中に切り詰められました（{at}）。読み取った分はすべて保管されています。直前の書込みが失われた可能性があります。"),
            format!("the file of {src} was cut while it was followed ({at}); what was read is archived, the very last lines before may be gone"),
        )
        .at("entry", index)
        .at("src", src),
    );
}

fn changed(index: u64, entry: &Entry, report: &mut Report) {
    let (src, at, (from, to)) = (
        entry.text("src"),
        entry.text("at"),
        entry.span("off").unwrap_or_default(),
    );
    report.add(
        Finding::new(
            Code::LogCut,
            format!("{src} のファイルの読取り済みの範囲（{from}〜{to} バイト）が後から書き換えられました（{at}）。書換え前の内容はすべて保管されています。"),
            format!("bytes {from} to {to} of the file of {src} were changed after they were read ({at}); what was read is archived as it was"),
        )
        .at("entry", index)
        .at("src", src)
        .at("off", vec![from, to]),
    );
}

fn gap(index: u64, entry: &Entry, (from, to): (u64, u64), report: &mut Report) {
    let (src, why) = (entry.text("src"), entry.text("why"));
    let (ja, en) = match to.saturating_sub(from) {
        0 => ("バイト数不明".to_owned(), "an unknown number of bytes".to_owned()),
        n => (format!("{n} バイト"), format!("{n} bytes")),
    };
    report.add(
        Finding::new(
            Code::Gap,
            format!(
                "{src} の記録が {from} バイト目から失われています（{ja}、理由 {why}、{}）。",
                entry.text("at")
            ),
            format!(
                "{en} of {src} from offset {from} on are lost ({why}, noticed {})",
                entry.text("at")
            ),
        )
        .at("entry", index)
        .at("src", src)
        .at("why", why)
        .at("off", vec![from, to])
        .next(
            "失われた範囲が元のログやその写しに残っていないか確かめてください。",
            "see whether the source or a copy of it still holds this range",
        ),
    );
}

fn follows(segment: &Listed<'_>, reached: &mut BTreeMap<u64, u64>, report: &mut Report) {
    let Some(file) = segment.entry.number("file") else {
        return;
    };
    let expected = reached.get(&file).copied().unwrap_or(0);
    let (from, to) = segment.off;
    let (ja, en) = place(segment);
    if expected < from {
        let finding = Finding::new(
            Code::Gap,
            format!(
                "{ja}の前の {} バイト（{expected}〜{from}）が保管されていません。",
                from.saturating_sub(expected)
            ),
            format!(
                "{} bytes ({expected} to {from}) before {en} are not archived",
                from.saturating_sub(expected)
            ),
        );
        report.add(of(finding, segment).at("off", vec![expected, from]));
    }
    if from < expected {
        let finding = Finding::new(
            Code::Overlap,
            format!("{ja}は既に保管した範囲（{expected} バイトまで）と重なっています。"),
            format!("{en} overlaps what was archived before (up to {expected})"),
        );
        report.add(of(finding, segment));
    }
    reached.insert(file, expected.max(to));
}
