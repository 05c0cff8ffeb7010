//! One file of the journal, read as `systemd.io/JOURNAL_FILE_FORMAT` describes it: header, entries in order, fields.
//!
//! The file is being written while it is read, or was left torn by a crash: every offset and length is checked
//! against the file before it is used, and what does not fit is [`Torn`], never a panic and never an allocation
//! larger than a field may be.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::super::identity::{Stat, bytes_at};
use super::super::tail::open_file;
use super::unpack::{Packing, unpack};

/// Bytes of the header that every version has, up to and including the times of the last entry.
const HEADER: usize = 208;
/// What stands before the payload of any object.
const OBJECT: usize = 16;
/// Fixed part of an entry, before its items.
const ENTRY: usize = 64;
/// Fixed part of a field's value; the compact form has eight bytes more.
const DATA: usize = 64;
/// Most items of an entry that are looked at.
const ITEMS_MAX: usize = 4_096;
/// Most arrays in the chain of entries; each is longer than the one before.
const ARRAYS_MAX: usize = 4_096;

const TYPE_DATA: u8 = 1;
const TYPE_ENTRY: u8 = 3;
const TYPE_ENTRY_ARRAY: u8 = 6;
/// Incompatible features that are understood: three compressions, keyed hashes, the compact form.
const FEATURES: u32 = 0b1_1111;
const COMPACT: u32 = 0b1_0000;

/// The state of a file that was rotated away.
const ARCHIVED: u8 = 2;

/// Why a file, or the rest of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Torn {
    /// The system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no journal, or one of a newer kind.
    #[error("{0}")]
    Foreign(String),
    /// Something in it points nowhere.
    #[error("damaged at byte {at}: {what}")]
    Damaged {
        /// Where.
        at: u64,
        /// What does not fit.
        what: &'static str,
    },
}

/// The 128-bit name of a row of sequence numbers: as long as it stays the same, numbers only grow.
pub(super) type SeqnumId = [u8; 16];

/// What the header says now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub seqnum_id: SeqnumId,
    /// Entries linked into the chain.
    pub entries: u64,
    pub first: u64,
    pub last: u64,
    compact: bool,
    arrays: u64,
    arena_end: u64,
    /// It was rotated away: nothing is added any more.
    archived: bool,
}

/// An entry, without its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub seqnum: u64,
    at: u64,
    size: u64,
}

#[cfg(test)]
impl Entry {
    /// Where it stands in its file.
    pub fn place(&self) -> u64 {
        self.at
    }
}

/// One journal file.
#[derive(Debug)]
pub(super) struct JournalFile {
    pub path: PathBuf,
    pub stat: Stat,
    file: File,
    pub header: Header,
    /// Where the entry after the last one given is looked for: array, index in it, number of entries before it.
    cursor: Cursor,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    array: u64,
    index: u64,
    /// Entries before this one.
    nth: u64,
}

/// One array of the chain.
#[derive(Debug, Clone, Copy)]
struct Array {
    at: u64,
    next: u64,
    items: u64,
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..at.saturating_add(8)).and_then(|b| b.first_chunk::<8>());
    found.map_or(0, |b| u64::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..at.saturating_add(4)).and_then(|b| b.first_chunk::<4>());
    found.map_or(0, |b| u32::from_le_bytes(*b))
}

fn damaged(at: u64, what: &'static str) -> Torn {
    Torn::Damaged { at, what }
}

impl JournalFile {
    /// Opens a journal file and reads its header.
    pub fn open(path: &Path) -> Result<JournalFile, Torn> {
        let file = open_file(path, false)?;
        let stat = Stat::of_file(&file)?;
        if !stat.regular() {
            return Err(Torn::Foreign("not a regular file".to_owned()));
        }
        let header = header(&file)?;
        Ok(JournalFile {
            path: path.to_owned(),
            stat,
            file,
            header,
            cursor: Cursor::default(),
        })
    }

    /// Looks at the header again: has anything been added?
    pub fn look(&mut self) -> Result<(), Torn> {
        self.stat = Stat::of_file(&self.file)?;
        self.header = header(&self.file)?;
        Ok(())
    }

    /// Whether nothing can be added any more: it was rotated, or put aside because it was damaged.
    pub fn is_over(&self) -> bool {
        self.header.archived || self.path.extension().is_some_and(|e| e == "journal~")
    }

    /// Sets out to give entries from `seqnum` on.
    pub fn seek(&mut self, seqnum: u64) -> Result<(), Torn> {
        let mut cursor = Cursor {
            array: self.header.arrays,
            ..Cursor::default()
        };
        for _ in 0..ARRAYS_MAX {
            if cursor.array == 0 {
                break;
            }
            let array = self.array(cursor.array)?;
            let used = self.used(&array, cursor.nth);
            let next = cursor.nth.saturating_add(used);
            let beyond = array.next != 0 && next < self.header.entries;
            if beyond
                && self
                    .entry_in(&array, used.saturating_sub(1))?
                    .is_some_and(|e| e.seqnum < seqnum)
            {
                cursor = Cursor {
                    array: array.next,
                    index: 0,
                    nth: next,
                };
                continue;
            }
            let (mut low, mut high) = (0, used);
            while low < high {
                let middle = low.midpoint(high);
                match self.entry_in(&array, middle)? {
                    Some(entry) if entry.seqnum < seqnum => low = middle.saturating_add(1),
                    _ => high = middle,
                }
            }
            cursor.index = low;
            cursor.nth = cursor.nth.saturating_add(low);
            break;
        }
        self.cursor = cursor;
        Ok(())
    }

    /// The entry that comes next, without going past it.
    pub fn peek(&mut self) -> Result<Option<Entry>, Torn> {
        if self.cursor.array == 0 {
            // The first entry may have come since.
            self.cursor.array = self.header.arrays;
        }
        if self.cursor.array == 0 || self.header.entries <= self.cursor.nth {
            return Ok(None);
        }
        let mut array = self.array(self.cursor.array)?;
        if array.items <= self.cursor.index {
            if array.next == 0 {
                return Ok(None);
            }
            array = self.array(array.next)?;
            self.cursor = Cursor {
                array: array.at,
                index: 0,
                nth: self.cursor.nth,
            };
        }
        self.entry_in(&array, self.cursor.index)
    }

    /// Goes past the entry that comes next.
    pub fn advance(&mut self) {
        self.cursor.index = self.cursor.index.saturating_add(1);
        self.cursor.nth = self.cursor.nth.saturating_add(1);
    }

    fn array(&self, at: u64) -> Result<Array, Torn> {
        let head = self.object(at, TYPE_ENTRY_ARRAY, OBJECT.saturating_add(8))?;
        let width = if self.header.compact { 4 } else { 8 };
        let room = u64_at(&head, 8).saturating_sub(24);
        let next = u64_at(&head, 16);
        // The chain grows towards the end of the file: so it has an end.
        if next != 0 && next <= at {
            return Err(damaged(at, "the chain of entries turns back"));
        }
        Ok(Array {
            at,
            next,
            items: room / width,
        })
    }

    /// Items of `array` that are in use when `before` entries stand in the arrays before it.
    fn used(&self, array: &Array, before: u64) -> u64 {
        array.items.min(self.header.entries.saturating_sub(before))
    }

    fn entry_in(&self, array: &Array, index: u64) -> Result<Option<Entry>, Torn> {
        let width: usize = if self.header.compact { 4 } else { 8 };
        let at = array
            .at
            .saturating_add(24)
            .saturating_add(index.saturating_mul(width as u64));
        let item = self.bytes(at, width)?;
        let offset = if self.header.compact {
            u64::from(u32_at(&item, 0))
        } else {
            u64_at(&item, 0)
        };
        if offset == 0 {
            // Reserved, and not linked yet.
            return Ok(None);
        }
        let head = self.object(offset, TYPE_ENTRY, ENTRY)?;
        Ok(Some(Entry {
            seqnum: u64_at(&head, 16),
            at: offset,
            size: u64_at(&head, 8),
        }))
    }

    /// The places of the fields of an entry.
    pub fn items(&self, entry: &Entry) -> Result<Vec<u64>, Torn> {
        let width = if self.header.compact { 4 } else { 16 };
        let room = usize::try_from(entry.size).unwrap_or(usize::MAX).saturating_sub(ENTRY);
        let items = (room / width).min(ITEMS_MAX);
        let bytes = self.bytes(entry.at.saturating_add(ENTRY as u64), items.saturating_mul(width))?;
        let places = bytes.chunks_exact(width).map(|item| {
            if width == 4 {
                u64::from(u32_at(item, 0))
            } else {
                u64_at(item, 0)
            }
        });
        Ok(places.filter(|at| *at != 0).collect())
    }

    /// The field at `at` as `NAME=value`, its first `max` bytes, and how long it is as a whole.
    pub fn field(&self, at: u64, max: usize) -> Result<(Vec<u8>, u64), Torn> {
        let head = self.object(at, TYPE_DATA, DATA)?;
        let fixed: usize = if self.header.compact {
            DATA.saturating_add(8)
        } else {
            DATA
        };
        let len = u64_at(&head, 8).saturating_sub(fixed as u64);
        let packing = match head.get(1).copied().unwrap_or(0) & 0b111 {
            0 => None,
            0b001 => Some(Packing::Xz),
            0b010 => Some(Packing::Lz4),
            0b100 => Some(Packing::Zstd),
            _ => return Err(damaged(at, "a field packed in two ways")),
        };
        let from = at.saturating_add(fixed as u64);
        let most = if packing.is_some() { usize::MAX } else { max };
        let want = usize::try_from(len).unwrap_or(usize::MAX).min(most);
        let bytes = self.bytes(from, want)?;
        match packing {
            None => Ok((bytes, len)),
            Some(packing) => unpack(packing, &bytes, max).ok_or_else(|| damaged(at, "a field that cannot be unpacked")),
        }
    }

    /// The first `len` bytes of the object at `at`, which must be of `kind` and lie in the file.
    fn object(&self, at: u64, kind: u8, len: usize) -> Result<Vec<u8>, Torn> {
        if at == 0 || at & 7 != 0 {
            return Err(damaged(at, "a place where no object begins"));
        }
        let head = self.bytes(at, len)?;
        let size = u64_at(&head, 8);
        if head.first() != Some(&kind) {
            return Err(damaged(at, "an object of another kind"));
        }
        let end = at
            .checked_add(size)
            .filter(|end| *end <= self.header.arena_end.max(self.stat.size));
        if size < len as u64 || end.is_none() {
            return Err(damaged(at, "an object that reaches beyond the file"));
        }
        Ok(head)
    }

    fn bytes(&self, at: u64, len: usize) -> Result<Vec<u8>, Torn> {
        let end = at.checked_add(len as u64);
        if end.is_none_or(|end| self.header.arena_end.max(self.stat.size) < end) {
            return Err(damaged(at, "something beyond the end of the file"));
        }
        let bytes = bytes_at(&self.file, at, len)?;
        if bytes.len() == len {
            Ok(bytes)
        } else {
            Err(damaged(at, "the file ends too early"))
        }
    }
}

fn header(file: &File) -> Result<Header, Torn> {
    let bytes = bytes_at(file, 0, HEADER)?;
    if bytes.get(..8) != Some(b"LPKSHHRH") {
        return Err(Torn::Foreign("it does not begin like a journal file".to_owned()));
    }
    if bytes.len() < HEADER {
        return Err(damaged(0, "the file ends in its header"));
    }
    let features = u32_at(&bytes, 12);
    if features & !FEATURES != 0 {
        let unknown = features & !FEATURES;
        return Err(Torn::Foreign(format!(
            "written by a newer systemd, with features this program does not know ({unknown:#x})"
        )));
    }
    let seqnum_id = bytes.get(72..88).and_then(|b| b.first_chunk::<16>());
    Ok(Header {
        seqnum_id: seqnum_id.copied().unwrap_or_default(),
        entries: u64_at(&bytes, 152),
        last: u64_at(&bytes, 160),
        first: u64_at(&bytes, 168),
        arrays: u64_at(&bytes, 176),
        compact: features & COMPACT != 0,
        archived: bytes.get(16) == Some(&ARCHIVED),
        arena_end: u64_at(&bytes, 88).saturating_add(u64_at(&bytes, 96)),
    })
}
