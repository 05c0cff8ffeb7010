//! The content of segments: decrypted, decompressed, hashed line by line, held against entries and heartbeats.

use std::collections::BTreeMap;

use super::files::Listed;
use super::finding::{Code, Finding};
use super::words::ja;
use super::{Input, ReadLog, Report};
use crate::evidence::age::{AgeError, Identity};
use crate::evidence::segment::{Beginning, Leaves, SegmentError, SegmentReader};
use crate::evidence::tree::hex;

/// What heartbeats said of an open segment, by file and beginning: bytes so far, root, entry.
type Beats = BTreeMap<(u64, u64), Vec<(u64, String, u64)>>;

/// Opens every segment and checks all that is in it.
pub fn check(input: &Input, log: &ReadLog, segments: &[Listed<'_>], identities: &[Identity], report: &mut Report) {
    let beats = beats(log);
    for segment in segments {
        match content(input, segment, identities, &beats, report) {
            Ok(()) => {}
            Err(SegmentError::Age(AgeError::NotForUs)) => report.add(at(
                segment,
                Code::Unchecked,
                "渡された秘密鍵では開けません。".into(),
                "none of the given identities opens it".into(),
            )),
            Err(why) => report.add(at(
                segment,
                Code::SegUnreadable,
                format!("最後まで復号・伸長できません（{}）。", ja(&why.to_string())),
                format!("it cannot be decrypted and decompressed to its end: {why}"),
            )),
        }
    }
}

fn at(segment: &Listed<'_>, code: Code, ja: String, en: String) -> Finding {
    Finding::new(
        code,
        format!("区画 {}：{ja}", segment.n),
        format!("segment {}: {en}", segment.n),
    )
    .at("segment", segment.n)
    .at("file", segment.name)
    .at("src", segment.entry.text("src"))
    .at("off", vec![segment.off.0, segment.off.1])
}

fn beats(log: &ReadLog) -> Beats {
    let mut beats = Beats::new();
    for (index, entry) in log.entries.iter().filter(|(_, e)| e.kind() == "heartbeat") {
        let open = entry.get("open").and_then(|v| v.as_array());
        for open in open.into_iter().flatten() {
            let span = open.get("off").and_then(|v| v.as_array()).map(Vec::as_slice);
            let file = open.get("file").and_then(serde_json::Value::as_u64);
            let root = open.get("root").and_then(serde_json::Value::as_str);
            if let (Some(file), Some([from, to]), Some(root)) = (file, span, root)
                && let (Some(from), Some(to)) = (from.as_u64(), to.as_u64())
            {
                let len = open.get("len").and_then(serde_json::Value::as_u64);
                beats.entry((file, from)).or_default().push((
                    len.unwrap_or_else(|| to.saturating_sub(from)),
                    root.to_owned(),
                    *index,
                ));
            }
        }
    }
    beats.values_mut().for_each(|list| list.sort());
    beats
}

fn content(
    input: &Input,
    segment: &Listed<'_>,
    identities: &[Identity],
    beats: &Beats,
    report: &mut Report,
) -> Result<(), SegmentError> {
    let entry = segment.entry;
    let encrypted = !entry.texts("rcpt").is_empty();
    let (from, declared) = (segment.off.0, entry.raw_bytes());
    let mut reader = SegmentReader::open(&input.archive.join(segment.name), encrypted, identities, declared)?;
    let beginning = Beginning::read(reader.header());
    let file = entry.number("file").unwrap_or(0);
    let same =
        beginning.is_some_and(|b| u64::try_from(b.file) == Ok(file) && b.from == from && b.source == entry.text("src"));
    if !same {
        report.add(at(
            segment,
            Code::Content,
            "先頭の行が記録簿と一致しません。".into(),
            "its header is not what the ledger says".into(),
        ));
    }
    let mut leaves = Leaves::new(reader.header());
    let mut offset = 0u64;
    let mut due = beats
        .get(&(file, from))
        .into_iter()
        .flatten()
        .filter(|(at, ..)| *at <= declared)
        .peekable();
    let mut good = None;
    let mut buffer = Vec::new();
    loop {
        let bytes = reader.next(&mut buffer)?;
        if bytes.is_empty() {
            break;
        }
        let mut rest = bytes;
        while let Some((beat, root, index)) = due.peek() {
            let ahead = usize::try_from(beat.saturating_sub(offset)).unwrap_or(usize::MAX);
            let Some((before, after)) = rest.split_at_checked(ahead) else {
                break;
            };
            leaves.take(before);
            offset = *beat;
            rest = after;
            if hex(&leaves.root().1) == *root {
                good = Some(*index);
            } else {
                beat_broken(segment, good, *index, offset, report);
            }
            due.next();
        }
        leaves.take(rest);
        offset = offset.saturating_add(u64::try_from(rest.len()).unwrap_or(u64::MAX));
    }
    let (lines, root) = leaves.root();
    report.records = report.records.saturating_add(lines);
    // Lines and length together are the content: a hash of all the bytes would say the same once more.
    let sound = offset == declared && Some(lines) == entry.number("recs");
    if !sound || hex(&root) != entry.text("root") {
        report.add(
            at(
                segment,
                Code::Content,
                format!("中身が記録簿と一致しません（{lines} 行、{offset} バイト）。",),
                format!("its content is not what was recorded ({lines} lines, {offset} bytes)"),
            )
            .at("expected", entry.text("root"))
            .at("found", hex(&root)),
        );
    }
    Ok(())
}

fn beat_broken(segment: &Listed<'_>, good: Option<u64>, index: u64, offset: u64, report: &mut Report) {
    let since = good.map_or_else(|| "-".to_owned(), |n| n.to_string());
    report.add(
        at(
            segment,
            Code::Rewritten,
            format!("開いている間の確認（項目 {since}〜{index}、{offset} バイトまで）のあとで書き換えられています。"),
            format!("it was rewritten after the heartbeat in entry {index} (up to offset {offset}; the last one that agrees: {since})"),
        )
        .at("from", good.unwrap_or(0))
        .at("to", index),
    );
}
