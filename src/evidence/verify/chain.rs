//! The chain of epoch keys: every epoch is closed once, by its own key, and none is missing, idle days included.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Code, Finding};
use super::log::Point;
use super::{ReadLog, Report};
use crate::evidence::keys::epoch_name;
use crate::evidence::note::{Checkpoint, VerifierKey};
use crate::evidence::tree::Hash;

/// An epoch as its `key` entry begins it.
#[derive(Debug, Clone)]
pub(super) struct EpochKey {
    number: u64,
    size: u64,
    key: Option<VerifierKey>,
}

fn broken(number: u64, why: (String, String), report: &mut Report) {
    report.add(
        Finding::new(
            Code::Keychain,
            format!("{number} 番目の期間の鍵のつながりが切れています：{}", why.0),
            format!("the chain of keys breaks at epoch {number}: {}", why.1),
        )
        .at("epoch", number),
    );
}

/// The epochs of the log, in order; what is wrong with their numbers is told.
pub(super) fn epochs(log: &ReadLog, report: &mut Report) -> Vec<EpochKey> {
    let mut epochs: Vec<EpochKey> = Vec::new();
    for (index, entry) in log.entries.iter().filter(|(_, e)| e.kind() == "key") {
        let number = entry.number("epoch").unwrap_or(0);
        let expected = epochs.last().map_or(1, |e| e.number.saturating_add(1));
        if number != expected {
            let ja = format!("次は {expected} のはずです（{index} 番の項目）。");
            broken(
                number,
                (ja, format!("the next one should be {expected} (entry {index})")),
                report,
            );
        }
        epochs.push(EpochKey {
            number,
            size: index.saturating_add(1),
            key: VerifierKey::read(entry.text("vkey")).ok(),
        });
    }
    if epochs.is_empty() {
        let ja = "鍵の項目がありません。".to_owned();
        broken(1, (ja, "there is no key entry".to_owned()), report);
    }
    epochs
}

/// Holds closings and checkpoints against the keys of their epochs.
pub(super) fn check(
    epochs: &[EpochKey],
    points: &[Point],
    roots: &BTreeMap<u64, Hash>,
    head: &Checkpoint,
    key: &VerifierKey,
    report: &mut Report,
) {
    let name = epoch_name(key.name());
    for (epoch, next) in epochs.iter().zip(epochs.iter().skip(1)) {
        let place = format!("log/epoch/{:06}.note", epoch.number);
        let Some(closing) = points.iter().find(|p| p.place == place) else {
            let ja = format!("締めの照合点 {place} がありません。");
            broken(
                epoch.number,
                (ja, format!("its closing checkpoint {place} is not there")),
                report,
            );
            continue;
        };
        let c = &closing.checkpoint;
        let own = epoch.key.as_ref().filter(|k| k.name() == name);
        if !own.is_some_and(|key| closing.note.signed_by(key)) {
            let ja = format!("{place} がその期間の鍵で署名されていません。");
            broken(
                epoch.number,
                (ja, format!("{place} is not signed by the key of its own epoch")),
                report,
            );
        }
        if c.size != next.size || roots.get(&c.size) != Some(&c.root) {
            let ja = format!("{place} が記録簿と一致しません（{} 項目）。", c.size);
            broken(
                epoch.number,
                (
                    ja,
                    format!("{place} ({} entries) does not agree with the ledger", c.size),
                ),
                report,
            );
        }
    }
    let mut told = BTreeSet::new();
    for point in points
        .iter()
        .filter(|p| !p.anchor && p.place.starts_with("log/cp.b64") && p.checkpoint.size <= head.size)
    {
        let size = point.checkpoint.size;
        // A checkpoint that ends with the next epoch's key is the closing one of the epoch before.
        let of = epochs
            .iter()
            .rev()
            .find(|e| e.size < size || (e.size == size && e.number == 1));
        let Some(epoch) = of else {
            let place = &point.place;
            let ja = format!("{place}（{size} 項目）より前に鍵の項目がありません。");
            broken(
                0,
                (ja, format!("no key entry stands before {place} ({size} entries)")),
                report,
            );
            continue;
        };
        if !epoch.key.as_ref().is_some_and(|key| point.note.signed_by(key)) && told.insert(epoch.number) {
            let place = &point.place;
            let ja = format!("{place}（{size} 項目）がその期間の鍵で署名されていません。");
            broken(
                epoch.number,
                (
                    ja,
                    format!("{place} ({size} entries) is not signed by the key of that epoch"),
                ),
                report,
            );
        }
    }
}
