//! Checkpoints that were kept outside, in whatever they came in.

use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::evidence::unbase64;
use crate::evidence::verify::Anchor;

/// Checkpoints in whatever a folder holds: notes, lines of syslog, mails with the note attached.
pub(super) fn anchors(folder: &Path) -> Result<Vec<Anchor>, Failure> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(Failure::at(folder))?
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let mut anchors = Vec::new();
    for path in files {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let bytes = std::fs::read(&path).map_err(Failure::at(&path))?;
        if path.extension().is_some_and(|e| e == "note") {
            anchors.push(Anchor { name, note: bytes });
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        for (nth, line) in text.lines().enumerate() {
            let note = line
                .split_once("checkpoint v1 note=")
                .map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
            if let Some(note) = note.and_then(unbase64) {
                let name = format!("{name}:{}", nth.saturating_add(1));
                anchors.push(Anchor { name, note });
            }
        }
        anchors.extend(attached(&text).map(|note| Anchor {
            name: name.clone(),
            note,
        }));
    }
    Ok(anchors)
}

/// The notes attached to a mail: runs of base64 lines that decode to a checkpoint.
fn attached(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let runs = text.split("\n\n").chain(text.split("\r\n\r\n"));
    // A part of a mail ends with the line of its boundary.
    let part = |run: &str| -> String {
        let lines = run.lines().map(str::trim);
        lines.take_while(|line| !line.starts_with("--")).collect()
    };
    runs.filter_map(|run| unbase64(&part(run)))
        .filter(|note| note.windows(2).any(|w| w == b"\n\n") && note.windows(3).any(|w| w == "\u{2014}".as_bytes()))
        .collect::<Vec<_>>()
        .into_iter()
}
