//! Where finished segments get their places, and what of the consumed bytes is left out.

use std::path::{Path, PathBuf};

use crate::evidence::{Entry, sync_folder};
use crate::pipeline::PipelineError;
use crate::source::{Raw, entries_from};
use crate::store::StoreError;

/// Leaves out what is archived already, up to `upto`, which may stand inside a record of which only the head is read.
pub(super) fn cut_off(raw: &mut Raw, (upto, inside): (u64, bool), journal: bool) {
    let Some(ahead) = upto.checked_sub(raw.span.0).filter(|ahead| 0 < *ahead) else {
        return;
    };
    if journal {
        raw.bytes = entries_from(&raw.bytes, upto);
    } else {
        let ahead = usize::try_from(ahead).unwrap_or(usize::MAX).min(raw.bytes.len());
        raw.bytes.drain(..ahead);
    }
    raw.span.0 = upto;
    raw.inside.0 = inside;
}

/// A folder that is full or cannot be written for a while is waited out like the store.
pub(super) fn failed(what: &str, path: &Path, error: std::io::Error) -> PipelineError {
    PipelineError::Store(match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::ReadOnlyFilesystem => StoreError::passed(error),
        _ => StoreError::because(format!("cannot {what} {}: {error}", path.display())),
    })
}

/// Gives a file its place, durably.
pub(super) fn put(from: &Path, to: &Path) -> Result<(), PipelineError> {
    use std::os::unix::fs::DirBuilderExt;
    let place = || {
        // Each new folder is made durable in the one above it: a segment must not be lost with the folder of its day.
        let above: Vec<&Path> = to.ancestors().skip(1).take_while(|folder| !folder.is_dir()).collect();
        for folder in above.into_iter().rev() {
            std::fs::DirBuilder::new().mode(0o750).create(folder)?;
            sync_folder(folder)?;
        }
        crate::fault::pass("archive.place")?;
        std::fs::rename(from, to)?;
        crate::fault::pass("archive.placed")?;
        sync_folder(to)
    };
    place().map_err(|e| failed("place", to, e))
}

/// Finishes what a crash interrupted: committed segments are to get their places (from, to), others are thrown away.
pub(super) fn left_over(folder: &Path, newest: &[Entry]) -> Result<Vec<(PathBuf, PathBuf)>, PipelineError> {
    let mut placing = Vec::new();
    let tmp = folder.join("tmp");
    let files = std::fs::read_dir(&tmp).map_err(|e| failed("read", &tmp, e))?;
    for path in files.filter_map(|f| Some(f.ok()?.path())) {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let number = name
            .strip_prefix('n')
            .and_then(|n| n.get(..8))
            .and_then(|n| n.parse::<u64>().ok());
        let entry = number.and_then(|n| newest.iter().find(|e| e.number("n") == Some(n)));
        let place = match (entry, name.ends_with(".part")) {
            (Some(entry), true) => Some(folder.join(entry.text("name"))),
            (Some(_), false) => number.map(|n| folder.join(format!("idx/{n:08}.idx"))),
            (None, _) => None,
        };
        match place {
            Some(place) => placing.push((path, place)),
            None => std::fs::remove_file(&path).map_err(|e| failed("remove", &path, e))?,
        }
    }
    Ok(placing)
}
