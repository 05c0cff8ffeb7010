//! `[evidence]`: where the record that proves itself is kept. Without the table everything stands beside the store.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mail;
use super::problem::say;
use super::section::Section;
use super::units::DAY;
use crate::evidence::{EvidenceSettings, Recipient, is_name};

/// How often a checkpoint is signed, where nothing is said.
const CHECKPOINT: Duration = Duration::from_secs(300);
const CHECKPOINT_MIN: Duration = Duration::from_secs(1);
const CHECKPOINT_MAX: Duration = Duration::from_secs(3_600);

const LEVEL: u16 = 1;
const SEGMENT_BYTES: u64 = 64 << 20;
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
const SEGMENT_BYTES_MAX: u64 = 1 << 30;
const SEGMENT_EVERY: Duration = Duration::from_secs(3_600);
/// 保存期間, where nothing is said.
const KEEP_YEARS: u16 = 5;

/// Reads the table; `store` is the folder of the store.
pub(super) fn read(root: &Section<'_>, store: Option<&Path>) -> Option<EvidenceSettings> {
    let beside = |name: &str| store.unwrap_or(Path::new("")).join(name);
    let Some(table) = root.table("evidence") else {
        return Some(EvidenceSettings {
            folder: beside("archive"),
            keys: beside("keys"),
            origin: None,
            checkpoint_every: CHECKPOINT,
            recipients: Vec::new(),
            level: i32::from(LEVEL),
            segment_bytes: SEGMENT_BYTES,
            segment_every: SEGMENT_EVERY,
            keep_years: KEEP_YEARS,
            keep_datasets: Vec::new(),
            anchors: None,
            checkpoints_to: Vec::new(),
        });
    };
    let path = |key: &str| -> Result<Option<PathBuf>, ()> {
        match table.value(key) {
            None => Ok(None),
            Some(_) => table.path(key).map(|found| Some(found.value)).ok_or(()),
        }
    };
    let (folder, keys, anchors) = (path("folder"), path("keys"), path("anchors"));
    let origin = match table.value("origin") {
        None => Ok(None),
        Some(_) => origin(&table).map(Some).ok_or(()),
    };
    let checkpoint_every = table.duration("checkpoint_every", CHECKPOINT, CHECKPOINT_MIN..=CHECKPOINT_MAX);
    let recipients = recipients(&table);
    let checkpoints_to = match table.value("checkpoints_to") {
        None => Some(Vec::new()),
        Some(_) => table
            .required_strings("checkpoints_to")
            .and_then(|list| mail::addresses(&table, &list)),
    };
    let level = number(&table, "compression", 1..=19, LEVEL);
    let segment_bytes = table.size("segment_size", SEGMENT_BYTES, SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX);
    let segment_every = table.duration("segment_every", SEGMENT_EVERY, CHECKPOINT_MIN..=DAY);
    let keep_years = number(&table, "keep_years", 1..=100, KEEP_YEARS);
    let mut keep_datasets = Vec::new();
    if let Some(keep) = table.table("keep_datasets") {
        for dataset in keep.keys() {
            let years = number(&keep, &dataset.value, 1..=100, KEEP_YEARS);
            keep_datasets.extend(years.map(|years| (dataset.value.clone(), years)));
        }
        keep.finish();
    }
    table.finish();
    Some(EvidenceSettings {
        folder: folder.ok()?.unwrap_or_else(|| beside("archive")),
        keys: keys.ok()?.unwrap_or_else(|| beside("keys")),
        origin: origin.ok()?,
        checkpoint_every: checkpoint_every?,
        recipients: recipients?,
        level: i32::from(level?),
        segment_bytes: segment_bytes?,
        segment_every: segment_every?,
        keep_years: keep_years?,
        keep_datasets,
        anchors: anchors.ok()?,
        checkpoints_to: checkpoints_to?,
    })
}

/// A whole number within `range`.
fn number(table: &Section<'_>, key: &str, range: RangeInclusive<u16>, default: u16) -> Option<u16> {
    if table.value(key).is_none() {
        return Some(default);
    }
    let found = table.integer(key)?;
    match u16::try_from(found.value).ok().filter(|n| range.contains(n)) {
        Some(n) => Some(n),
        None => {
            let (from, to) = (range.start(), range.end());
            let message = say!(
                "{from} から {to} までの数を書いてください。",
                "write a number from {from} to {to}"
            );
            table.problem(&found.place, message, None);
            None
        }
    }
}

/// Who can open segments. Their identities are made elsewhere and never come here.
fn recipients(table: &Section<'_>) -> Option<Vec<Recipient>> {
    if table.value("recipients").is_none() {
        return Some(Vec::new());
    }
    let list = table.required_strings("recipients")?;
    let read: Vec<Option<Recipient>> = list
        .iter()
        .map(|text| match Recipient::read(&text.value) {
            Ok(recipient) => Some(recipient),
            Err(why) => {
                let message = say!("age の公開鍵ではありません（{why}）。", "no age recipient: {why}");
                let hint = say!(
                    "保護管理者と監査責任者がそれぞれ自分の端末で age-keygen を実行し、表示された age1 で始まる公開鍵だけを書いてください。",
                    "each officer runs age-keygen on a machine of his own; only the public key, which begins with age1, stands here"
                );
                table.problem(&text.place, message, Some(hint));
                None
            }
        })
        .collect();
    read.into_iter().collect()
}

fn origin(table: &Section<'_>) -> Option<String> {
    let name = table.string("origin")?;
    if !is_name(&name.value) {
        let message = say!(
            "記録簿の名前に空白と + は使えません。",
            "the name of a log holds no spaces and no plus sign"
        );
        let hint = say!(
            "例: access-log.city.example.jp/host1",
            "write it like access-log.city.example.jp/host1"
        );
        table.problem(&name.place, message, Some(hint));
        return None;
    }
    Some(name.value)
}
