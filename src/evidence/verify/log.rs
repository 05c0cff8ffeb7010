//! The log itself: signatures, the chain of epoch keys, roots, anchors.
//!
//! Each rule answers a failure seen in practice: old entries accepted under a newer key, empty epochs left unsealed,
//! a missing signature taken for "nothing to check", anchors that were kept and never compared.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::finding::{Code, Finding};
use super::words::ja;
use super::{Anchor, Input, Report, chain};
use crate::calendar::rfc3339;
use crate::evidence::entry::{ENTRY_BYTES_MAX, Entry};
use crate::evidence::note::{Checkpoint, Note, VerifierKey, unbase64};
use crate::evidence::tree::{Frontier, Hash, leaf_hash};

/// Findings of one kind told of one by one; more are counted.
const TOLD_MAX: usize = 20;

/// A checkpoint that claims something about the log.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Its signatures.
    pub note: Note,
    /// The note as it was read.
    bytes: String,
    /// Where it stands: `log/cp.b64:12`, `log/epoch/000001.note`, the name of an anchor.
    pub place: String,
    /// It was kept outside.
    pub anchor: bool,
}

/// The log as it was read: what further checks need.
#[derive(Debug, Default)]
pub struct ReadLog {
    /// Entries up to the head, with their index.
    pub entries: Vec<(u64, Entry)>,
    /// Hash of every leaf up to the head.
    pub leaves: Vec<Hash>,
    /// Size and root of the head.
    pub head: Option<Checkpoint>,
    /// Sizes of checkpoints from outside that agree, each with when it was taken (`at` of its last entry).
    pub anchored: u64,
    /// The signed note of the head.
    pub note: String,
    /// Sizes of all checkpoints from outside that agree.
    pub anchors: Vec<u64>,
    /// Lines behind the head: not signed yet.
    pub unsigned: u64,
    /// Files that entries behind the head list.
    pub later: Vec<String>,
}

/// Reads and checks the log. What follows from it is read from the entries up to the head only.
pub fn check(input: &Input, report: &mut Report) -> ReadLog {
    let mut log = ReadLog::default();
    let Some(key) = key(input, report) else {
        return log;
    };
    let mut points = Vec::new();
    checkpoints(input, &key, &mut points, report);
    let head = points.last().map(|p: &Point| p.checkpoint.clone());
    log.note = points.last().map(|p| p.bytes.clone()).unwrap_or_default();
    let Some(head) = head else {
        report.add(
            Finding::new(
                Code::SigBad,
                "この公開鍵で署名された照合点が一つもありません。",
                "no checkpoint is signed by this public key",
            )
            .at("file", "log/cp.b64")
            .at("key", key.to_string()),
        );
        return log;
    };
    closings(input, &key, &mut points, report);
    anchors(input, &key, &mut points, report);
    let roots = read(input, &head, &points, &mut log, report);
    compare(&head, &points, &roots, &mut log, report);
    forks(&points, report);
    let epochs = chain::epochs(&log, report);
    chain::check(&epochs, &points, &roots, &head, &key, report);
    log.head = Some(head);
    log
}

fn key(input: &Input, report: &mut Report) -> Option<VerifierKey> {
    if let Some(key) = &input.key {
        return Some(key.clone());
    }
    let path = input.archive.join("trust/log.vkey");
    let read = std::fs::read_to_string(&path).map_err(|e| e.to_string());
    match read.and_then(|text| VerifierKey::read(&text).map_err(str::to_owned)) {
        Ok(key) => {
            report.add(Finding::new(
                Code::Unanchored,
                format!("公開鍵は保管庫の中のもの（{key}）を使いました。導入時に印刷した鍵と見比べてください。"),
                format!("the public key was taken from the archive itself ({key}); compare it with the one printed at installation"),
            ));
            Some(key)
        }
        Err(why) => {
            report.add(
                Finding::new(
                    Code::Unchecked,
                    format!("公開鍵を読めません（{}）。--key で指定してください。", ja(&why)),
                    format!("cannot read the public key ({why}); give it with --key"),
                )
                .at("file", "trust/log.vkey"),
            );
            None
        }
    }
}

fn point(bytes: &[u8], key: &VerifierKey, place: &str, anchor: bool) -> Result<Point, &'static str> {
    let note = Note::read(bytes)?;
    let checkpoint = Checkpoint::read(note.text())?;
    if checkpoint.origin != key.name() {
        return Err("it is of another log");
    }
    if !note.signed_by(key) {
        return Err(if note.claims(key) {
            "its signature is wrong"
        } else {
            "it is not signed by the given key"
        });
    }
    Ok(Point {
        checkpoint,
        note,
        bytes: String::from_utf8_lossy(bytes).into_owned(),
        place: place.to_owned(),
        anchor,
    })
}

fn sig_bad(place: &str, why: &str, report: &mut Report) {
    report.add(
        Finding::new(
            Code::SigBad,
            format!("{place} の照合点を認められません（{}）。", ja(why)),
            format!("the checkpoint in {place} is not accepted: {why}"),
        )
        .at("file", place)
        .next(
            "公開鍵が導入時に控えたものか確かめ、写しの照合点と比べてください。",
            "make sure the public key is the one kept since installation, and compare with copies",
        ),
    );
}

/// Lines of a file; `false` for a last one without its newline. Bounded memory whatever stands in it.
fn lines(path: &Path, mut seen: impl FnMut(&[u8], bool) -> bool) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, std::fs::File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = u64::try_from(ENTRY_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
        let n = std::io::Read::take(&mut reader, most).read_until(b'\n', &mut line)?;
        if n == 0 {
            return Ok(());
        }
        let whole = line.last() == Some(&b'\n');
        if !whole && most <= u64::try_from(n).unwrap_or(0) {
            // Longer than anything that may stand here: skip the rest of it.
            skip_line(&mut reader)?;
            if !seen(&line, true) {
                return Ok(());
            }
            continue;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if !seen(text, whole) {
            return Ok(());
        }
    }
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let newline = memchr::memchr(b'\n', buffer);
        let used = newline.map_or(buffer.len(), |at| at.saturating_add(1));
        reader.consume(used);
        if newline.is_some() {
            return Ok(());
        }
    }
}

fn checkpoints(input: &Input, key: &VerifierKey, points: &mut Vec<Point>, report: &mut Report) {
    let path = input.archive.join("log/cp.b64");
    let (mut number, mut bad) = (0u64, 0usize);
    let read = lines(&path, |line, whole| {
        if !whole {
            // Being written this moment, or cut by a crash: the daemon completes it.
            return true;
        }
        number = number.saturating_add(1);
        let place = format!("log/cp.b64:{number}");
        let text = std::str::from_utf8(line).ok();
        let note = text.and_then(unbase64).ok_or("it is no canonical base64");
        match note.and_then(|note| point(&note, key, &place, false)) {
            Ok(point) => points.push(point),
            Err(why) => {
                bad = bad.saturating_add(1);
                if bad <= TOLD_MAX {
                    sig_bad(&place, why, report);
                }
            }
        }
        true
    });
    if TOLD_MAX < bad {
        sig_bad("log/cp.b64", &format!("{bad} lines in all"), report);
    }
    if let Err(e) = read {
        report.add(
            Finding::new(
                Code::Unchecked,
                format!("照合点を読めません（{e}）。"),
                format!("cannot read the checkpoints: {e}"),
            )
            .at("file", "log/cp.b64"),
        );
    }
}

fn closings(input: &Input, key: &VerifierKey, points: &mut Vec<Point>, report: &mut Report) {
    let folder = input.archive.join("log/epoch");
    let files = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = files.map(|f| f.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    // Of other names none is a closing: they are told as files that do not belong there.
    let number = |name: &str| {
        name.strip_suffix(".note")
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    };
    let notes = names.iter().filter(|name| number(name));
    for name in notes {
        let place = format!("log/epoch/{name}");
        let bytes = std::fs::read(folder.join(name)).unwrap_or_default();
        match point(&bytes, key, &place, false) {
            Ok(point) => points.push(point),
            Err(why) => sig_bad(&place, why, report),
        }
    }
}

fn anchors(input: &Input, key: &VerifierKey, points: &mut Vec<Point>, report: &mut Report) {
    for Anchor { name, note } in &input.anchors {
        match point(note, key, name, true) {
            Ok(point) => points.push(point),
            Err(why) => sig_bad(name, why, report),
        }
    }
}

/// Reads the entries; gives the root at every size a checkpoint speaks of.
fn read(
    input: &Input,
    head: &Checkpoint,
    points: &[Point],
    log: &mut ReadLog,
    report: &mut Report,
) -> BTreeMap<u64, Hash> {
    let sizes: BTreeSet<u64> = points.iter().map(|p| p.checkpoint.size).collect();
    let mut roots = BTreeMap::new();
    let mut tree = Frontier::default();
    let mut bad = 0usize;
    let read = lines(&input.archive.join("log/entries.jsonl"), |line, whole| {
        if !whole {
            return true;
        }
        let index = tree.size();
        let leaf = leaf_hash(line);
        tree.push(leaf);
        if sizes.contains(&tree.size()) {
            roots.insert(tree.size(), tree.root());
        }
        if head.size <= index {
            log.unsigned = log.unsigned.saturating_add(1);
            if let Some((n, name)) = Entry::read(line)
                .ok()
                .and_then(|e| Some((e.number("n")?, e.text("name").to_owned())))
            {
                log.later.extend([name, format!("idx/{n:08}.idx")]);
            }
            return true;
        }
        log.leaves.push(leaf);
        match Entry::read(line) {
            Ok(entry) => log.entries.push((index, entry)),
            Err(why) => {
                bad = bad.saturating_add(1);
                if bad <= TOLD_MAX {
                    report.add(
                        Finding::new(
                            Code::Content,
                            format!("記録簿の {index} 番の項目を読めません（{}）。", ja(why)),
                            format!("entry {index} of the ledger is refused: {why}"),
                        )
                        .at("entry", index),
                    );
                }
            }
        }
        true
    });
    if let Err(e) = read {
        report.add(
            Finding::new(
                Code::Unchecked,
                format!("記録簿を読めません（{e}）。"),
                format!("cannot read the ledger: {e}"),
            )
            .at("file", "log/entries.jsonl"),
        );
    }
    report.entries = tree.size().min(head.size);
    roots
}

/// Holds every checkpoint against the entries.
fn compare(head: &Checkpoint, points: &[Point], roots: &BTreeMap<u64, Hash>, log: &mut ReadLog, report: &mut Report) {
    let there = report.entries.saturating_add(log.unsigned);
    let good = |p: &&Point| roots.get(&p.checkpoint.size) == Some(&p.checkpoint.root);
    let outside = points.iter().filter(|p| p.anchor && p.checkpoint.size <= head.size);
    log.anchors = outside.filter(good).map(|p| p.checkpoint.size).collect();
    log.anchored = log.anchors.iter().copied().max().unwrap_or(0);
    let wrong: Vec<&Point> = points
        .iter()
        .filter(|p| {
            roots
                .get(&p.checkpoint.size)
                .is_some_and(|root| *root != p.checkpoint.root)
        })
        .collect();
    if let Some(first) = wrong.iter().min_by_key(|p| p.checkpoint.size) {
        let to = first.checkpoint.size;
        let from = points
            .iter()
            .filter(good)
            .map(|p| p.checkpoint.size)
            .filter(|s| *s < to)
            .max()
            .unwrap_or(0);
        let (since, until) = (log.time_of(from), log.time_of(to));
        report.proved = Some(report.proved.unwrap_or(u64::MAX).min(from));
        report.add(
            Finding::new(
                Code::Rewritten,
                format!("記録簿の {from} 番から {} 番までの間（{since}〜{until}）の項目が、署名後に書き換えられています（照合点 {}）。", to.saturating_sub(1), first.place),
                format!("entries {from} to {} of the ledger ({since} to {until}) are not those that were signed (checkpoint {})", to.saturating_sub(1), first.place),
            )
            .at("from", from)
            .at("to", to)
            .at("checkpoint", first.place.as_str())
            .next(
                format!("{from} 番より前は照合点と一致しています。写しの同じ範囲と比べてください。"),
                format!("entries before {from} agree with a checkpoint; compare this range with a copy"),
            ),
        );
    }
    if wrong.iter().any(|p| p.checkpoint.size == head.size && !p.anchor) {
        report.add(
            Finding::new(
                Code::RootMismatch,
                format!("記録簿の {} 項目の根が最新の照合点と一致しません。", head.size),
                format!(
                    "the root of the {} entries is not that of the newest checkpoint",
                    head.size
                ),
            )
            .at("size", head.size),
        );
    }
    // The closing of an epoch that is being written this moment, or that a crash kept out of the list of checkpoints: the
    // daemon completes that.
    let ahead = |p: &&Point| !p.anchor && head.size < p.checkpoint.size && p.checkpoint.size <= there && good(p);
    let newest = points.iter().filter(|p| !ahead(p)).max_by_key(|p| p.checkpoint.size);
    if let Some(newest) = newest.filter(|p| there.min(head.size) < p.checkpoint.size) {
        let (from, to) = (there.min(head.size), newest.checkpoint.size);
        report.add(
            Finding::new(
                Code::Truncated,
                format!(
                    "署名済みの項目 {from} 番から {} 番までが失われています（照合点 {}）。",
                    to.saturating_sub(1),
                    newest.place
                ),
                format!(
                    "signed entries {from} to {} are gone (checkpoint {})",
                    to.saturating_sub(1),
                    newest.place
                ),
            )
            .at("from", from)
            .at("to", to)
            .at("checkpoint", newest.place.as_str())
            .next(
                "この範囲を写しから戻して、もう一度検証してください。",
                "restore this range from a copy and verify again",
            ),
        );
    }
}

fn forks(points: &[Point], report: &mut Report) {
    let mut by_size: BTreeMap<u64, Vec<&Point>> = BTreeMap::new();
    for point in points {
        by_size.entry(point.checkpoint.size).or_default().push(point);
    }
    for (size, same) in by_size {
        let Some(first) = same.first() else { continue };
        if let Some(other) = same.iter().find(|p| p.checkpoint.root != first.checkpoint.root) {
            report.add(
                Finding::new(
                    Code::Fork,
                    format!("同じ件数（{size}）で内容の異なる照合点が二つ署名されています：{} と {}。", first.place, other.place),
                    format!("two different histories of {size} entries are signed: {} and {}", first.place, other.place),
                )
                .at("size", size)
                .at("notes", vec![first.note.text(), other.note.text()])
                .next(
                    "二つの照合点はどちらも消さず、保護管理者と監査責任者の双方に知らせてください。署名した鍵の持ち主は否認できません。",
                    "keep both notes and tell both officers: whoever holds the key cannot deny having signed them",
                ),
            );
        }
    }
}

impl ReadLog {
    /// When the entry before size `size` was made, as it says itself.
    pub fn time_of(&self, size: u64) -> String {
        let last = self.entries.iter().rev().find(|(index, _)| *index < size);
        last.map_or_else(|| rfc3339(0), |(_, entry)| entry.text("at").to_owned())
    }
}
