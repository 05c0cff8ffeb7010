//! Reading consumed bytes once more, for whoever lost them: an archive that was interrupted.
//!
//! A file counts only if its content proves to be what was consumed, whatever its name, packed or not.

use std::fs::DirEntry;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::Path;
use std::sync::Arc;

use super::SegmentState;
use super::body::{Body, Form};
use super::identity::{Stat, prove};
use super::tail::open_file;

/// The file of a segment, opened to be read once more.
#[derive(Debug)]
pub struct Again(Body);

/// Opens the file of a segment once more: under the name it was last seen with, under another one beside it, or packed
/// beside it. `None`: it is gone, or holds something else.
pub fn open_again(state: &SegmentState) -> Option<Again> {
    if let Some(again) = open(&state.path, state) {
        return Some(again);
    }
    let beside: Vec<DirEntry> = std::fs::read_dir(state.path.parent()?)
        .ok()?
        .filter_map(Result::ok)
        .collect();
    let renamed = beside.iter().filter(|e| e.ino() == state.incarnation.ino);
    let packed = beside.iter().filter(|e| Form::of(&e.path()).is_some());
    renamed.chain(packed).find_map(|entry| open(&entry.path(), state))
}

/// The same, for whoever wants the bytes and not to know what became of the file: also in a copy of it, and in the folders
/// `rotated_in`, as configured.
pub fn open_anywhere(state: &SegmentState, rotated_in: &[String]) -> Option<Again> {
    let copied = || {
        let (folder, stem) = (state.path.parent()?, state.path.file_stem()?.as_encoded_bytes());
        let folders = std::iter::once(folder.to_owned()).chain(rotated_in.iter().map(|other| folder.join(other)));
        let all = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
        let mut family = all
            .filter_map(Result::ok)
            .filter(|e| e.file_name().as_encoded_bytes().starts_with(stem));
        family.find_map(|entry| open(&entry.path(), state))
    };
    open_again(state).or_else(copied)
}

fn open(path: &Path, state: &SegmentState) -> Option<Again> {
    let file = open_file(path, true).ok()?;
    let stat = Stat::of_file(&file).ok().filter(Stat::regular)?;
    let mut body = Body::new(file, path);
    let size = match &body {
        Body::Plain(_) => stat.size,
        // How much is in it is known at its end; reading says so.
        Body::Packed(_) => u64::MAX,
    };
    prove(&mut body, size, state).ok().flatten().map(|_| Again(body))
}

/// The bytes of a file from the front, for whoever reads it once; unpacked if its name says that it is packed.
///
/// # Errors
/// The file cannot be opened.
pub fn open_whole(path: &Path) -> io::Result<Box<dyn io::Read + Send>> {
    let file = std::fs::File::open(path)?;
    match Form::of(path) {
        None => Ok(Box::new(file)),
        Some(form) => form.decoder(Arc::new(file), Arc::default()),
    }
}

/// Opens what stands in the place of a file that was read, where its content is no more what it was: the same inode, under the
/// name it was last seen with or beside it, that no younger file of `all` has. `None`: it is gone.
pub fn open_changed(state: &SegmentState, all: &[SegmentState]) -> Option<Again> {
    let own = |other: &SegmentState| {
        (other.incarnation.dev, other.incarnation.ino) == (state.incarnation.dev, state.incarnation.ino)
    };
    if all.iter().any(|other| state.id < other.id && own(other)) {
        return None;
    }
    let beside = std::fs::read_dir(state.path.parent()?).ok()?.filter_map(Result::ok);
    let same = beside
        .filter(|e| e.ino() == state.incarnation.ino)
        .map(|e| e.path())
        .next();
    let path = same?;
    let file = open_file(&path, true).ok()?;
    let stat = Stat::of_file(&file).ok().filter(Stat::regular)?;
    let there = stat.incarnation.dev == state.incarnation.dev && stat.incarnation.btime == state.incarnation.btime;
    there.then(|| Again(Body::new(file, &path)))
}

/// Bytes from `at`; fewer where there are no more.
///
/// # Errors
/// The file cannot be read.
pub fn read_again(from: &mut Again, at: u64, len: usize) -> io::Result<Vec<u8>> {
    from.0.bytes_at(at, len)
}
