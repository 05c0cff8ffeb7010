//! Sources that are still there, held against what was archived of them: a log that was edited after it was read.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::finding::{Code, Finding};
use super::{ReadLog, Report};
use crate::evidence::entry::Entry;
use crate::evidence::tree::hex;
use crate::source::{Again, Phase, SegmentState, open_again, open_changed, read_again};

/// Bytes read at once.
const PIECE: u64 = 4 << 20;

/// Compares every archived range whose source is still there. `files`: what the store knows of the files, all of them.
pub fn sources(log: &ReadLog, files: &[SegmentState], report: &mut Report) {
    let mut of: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
    for (_, entry) in log.entries.iter().filter(|(_, e)| e.kind() == "segment") {
        let file = entry.number("file").and_then(|n| i64::try_from(n).ok());
        of.entry(file.unwrap_or(0)).or_default().push(entry);
    }
    let (mut same, mut gone) = (0u64, 0u64);
    for (file, entries) in of {
        let state = files.iter().find(|state| state.id.0 == file);
        missing(state, files, report);
        let mut opened = state.and_then(|state| open_again(state).or_else(|| open_changed(state, files)));
        for entry in entries {
            // Entries of a journal are no bytes of a file.
            let (from, to) = entry.span("off").unwrap_or_default();
            let whole = entry.raw_bytes() == to.saturating_sub(from);
            let Some(opened) = opened.as_mut().filter(|_| whole) else {
                gone = gone.saturating_add(1);
                continue;
            };
            match hash(opened, from, to) {
                Ok(found) if found == entry.text("sha256_raw") => same = same.saturating_add(1),
                found => changed(entry, state, found.unwrap_or_else(|why| why), report),
            }
        }
    }
    report.add(
        Finding::new(
            Code::Sources,
            format!("元のログと比べた区画：一致 {same} 個、元のログがないもの {gone} 個"),
            format!("segments held against their sources: {same} agree, the sources of {gone} are gone"),
        )
        .at("same", same)
        .at("gone", gone),
    );
}

/// A log that is said to stand where it is written, and does not: nothing of it can be compared, and that is no agreement.
fn missing(state: Option<&SegmentState>, files: &[SegmentState], report: &mut Report) {
    let Some(state) = state.filter(|state| state.phase == Phase::Live && !state.path.exists()) else {
        return;
    };
    if open_again(state).is_some() || open_changed(state, files).is_some() {
        return;
    }
    let path = state.path.display().to_string();
    report.add(
        Finding::new(
            Code::Unchecked,
            format!("読取り中のはずの元のログ {path} がありません。保管した内容と比べられません。"),
            format!("the log {path} should be there, and is not: it cannot be held against what was archived"),
        )
        .at("path", path)
        .next(
            "回転（ローテーション）によるものか、消されたものかを確かめてください。読み取った内容は区画に残っています。",
            "find out whether rotation took it away, or somebody; what was read of it is in the segments",
        ),
    );
}

fn hash(file: &mut Again, from: u64, to: u64) -> Result<String, String> {
    let (mut at, mut hash) = (from, Sha256::new());
    while at < to {
        let len = to.saturating_sub(at).min(PIECE);
        let wanted = usize::try_from(len).unwrap_or(0);
        let bytes = read_again(file, at, wanted).map_err(|e| e.to_string())?;
        if bytes.len() != wanted {
            return Err(format!("it ends at byte {}", at.saturating_add(bytes.len() as u64)));
        }
        hash.update(&bytes);
        at = at.saturating_add(len);
    }
    let hash: [u8; 32] = hash.finalize().into();
    Ok(hex(&hash))
}

fn changed(entry: &Entry, state: Option<&SegmentState>, found: String, report: &mut Report) {
    let (from, to) = entry.span("off").unwrap_or_default();
    let path = state.map_or_else(String::new, |state| state.path.display().to_string());
    let (src, n) = (entry.text("src"), entry.number("n").unwrap_or(0));
    report.add(
        Finding::new(
            Code::Content,
            format!("{src} の元のログ {path} の {from}〜{to} バイトは、読み取って保管した内容（区画 {n}）と違います。元のログが後から書き換えられています。"),
            format!("bytes {from} to {to} of {path} ({src}) are not what was read and archived (segment {n}): the log was changed afterwards"),
        )
        .at("segment", n)
        .at("src", src)
        .at("path", path)
        .at("off", vec![from, to])
        .at("expected", entry.text("sha256_raw"))
        .at("found", found)
        .next(
            "読み取った時の内容は区画に残っています。sekimori prove で当時の行を示せます。",
            "what was read is in the segment; sekimori prove shows its lines",
        ),
    );
}
