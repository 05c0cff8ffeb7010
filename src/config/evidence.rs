//! `[evidence]`: where the record that proves itself is kept. Without the table everything stands beside the store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::problem::say;
use super::section::Section;
use crate::evidence::{EvidenceSettings, is_name};

/// How often a checkpoint is signed, where nothing is said.
const CHECKPOINT: Duration = Duration::from_secs(300);
const CHECKPOINT_MIN: Duration = Duration::from_secs(1);
const CHECKPOINT_MAX: Duration = Duration::from_secs(3_600);

/// Reads the table; `store` is the folder of the store.
pub(super) fn read(root: &Section<'_>, store: Option<&Path>) -> Option<EvidenceSettings> {
    let beside = |name: &str| store.unwrap_or(Path::new("")).join(name);
    let Some(table) = root.table("evidence") else {
        return Some(EvidenceSettings {
            folder: beside("archive"),
            keys: beside("keys"),
            origin: None,
            checkpoint_every: CHECKPOINT,
            anchors: None,
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
    table.finish();
    Some(EvidenceSettings {
        folder: folder.ok()?.unwrap_or_else(|| beside("archive")),
        keys: keys.ok()?.unwrap_or_else(|| beside("keys")),
        origin: origin.ok()?,
        checkpoint_every: checkpoint_every?,
        anchors: anchors.ok()?,
    })
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
