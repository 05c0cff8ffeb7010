//! All journal files of a folder as what they are: one or more rows of entries with growing numbers.
//!
//! journald writes several files at a time (the system's, each user's), renames them when it rotates and deletes the
//! oldest; all of one row share their numbers. An entry that stands in two files is one entry.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::super::Incarnation;
use super::super::identity::Stat;
use super::file::{Entry, Header, JournalFile, SeqnumId, Torn};
use crate::fault;

/// Places of fields whose class is remembered for each file.
const KNOWN_MAX: usize = 65_536;
/// Longest start of a field that is looked at to know which one it is.
const NAME_MAX: usize = 512;

/// Which entries belong to the source. An entry must satisfy each list that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalFilter {
    /// Units (`_SYSTEMD_UNIT`), which journald itself notes and no program can claim.
    pub units: Vec<String>,
    /// Names programs give themselves (`SYSLOG_IDENTIFIER`).
    pub identifiers: Vec<String>,
}

/// What a field says for the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// It says nothing.
    Other,
    /// It names a wanted unit.
    Unit,
    /// It names a wanted identifier.
    Identifier,
    /// It is what the program wrote.
    Message,
}

/// One open file, with what is known of its fields.
#[derive(Debug)]
struct Open {
    file: JournalFile,
    /// The next entry, if it was looked up.
    next: Option<Entry>,
    known: HashMap<u64, Class>,
    /// Reading it failed, when its header was this: nothing more comes from it before that changes.
    torn: Option<(Header, String)>,
    sought: bool,
    /// It has no name any more.
    gone: bool,
}

/// The files of one folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    filter: JournalFilter,
    files: Vec<Open>,
    /// Files that were read to their end and are written no more, by incarnation and size, with their row.
    done: HashMap<(Incarnation, u64), (SeqnumId, Row)>,
    /// Folders that hold the files.
    pub dirs: Vec<PathBuf>,
}

/// Paths that could not be read, and why.
pub(super) type Trouble = Vec<(PathBuf, String)>;

/// What is there of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub first: u64,
    pub last: u64,
    /// None of its files is written any more.
    pub over: bool,
}

impl Row {
    fn of(file: &JournalFile) -> Row {
        Row {
            first: file.header.first,
            last: file.header.last,
            over: file.is_over(),
        }
    }
}

impl Folder {
    pub fn new(path: PathBuf, filter: JournalFilter) -> Folder {
        Folder {
            path,
            filter,
            files: Vec::new(),
            done: HashMap::new(),
            dirs: Vec::new(),
        }
    }

    /// Lists the folder, opens what is new, and looks at every header. `read` says up to where a row was read.
    /// Gives back what could not be read.
    pub fn list(&mut self, read: &dyn Fn(&SeqnumId) -> Option<u64>) -> Trouble {
        let mut trouble = Vec::new();
        let mut there = HashMap::new();
        for path in self.names(&mut trouble) {
            match Stat::of_path(&path, false) {
                Ok(stat) => drop(there.insert(stat.incarnation, (path, stat))),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => trouble.push((path, e.to_string())),
            }
        }
        for open in &mut self.files {
            match there.remove(&open.file.stat.incarnation) {
                Some((path, _)) => (open.file.path, open.gone) = (path, false),
                None => open.gone = true,
            }
        }
        self.done
            .retain(|(incarnation, size), _| there.get(incarnation).is_some_and(|(_, stat)| stat.size == *size));
        for (incarnation, (path, stat)) in there {
            if self.done.contains_key(&(incarnation, stat.size)) {
                continue;
            }
            match JournalFile::open(&path) {
                Ok(file) if read(&file.header.seqnum_id).is_some_and(|p| file.header.last < p) && file.is_over() => {
                    self.done
                        .insert((incarnation, stat.size), (file.header.seqnum_id, Row::of(&file)));
                }
                Ok(file) => self.files.push(Open::new(file)),
                Err(Torn::Io(e)) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => trouble.push((path, e.to_string())),
            }
        }
        for open in &mut self.files {
            if let Err(e) = open.file.look() {
                open.torn = Some((open.file.header, e.to_string()));
            } else if open
                .torn
                .as_ref()
                .is_some_and(|(header, _)| *header != open.file.header)
            {
                open.torn = None;
            }
            if let Some((_, why)) = &open.torn {
                trouble.push((open.file.path.clone(), why.clone()));
            }
        }
        self.let_go(read);
        trouble
    }

    /// Closes what was read to its end and will not grow.
    fn let_go(&mut self, read: &dyn Fn(&SeqnumId) -> Option<u64>) {
        let done = &mut self.done;
        self.files.retain(|open| {
            let header = &open.file.header;
            let finished = read(&header.seqnum_id).is_some_and(|p| header.last < p);
            let over = finished && (open.gone || open.file.is_over());
            if over && !open.gone {
                let key = (open.file.stat.incarnation, open.file.stat.size);
                done.insert(key, (header.seqnum_id, Row::of(&open.file)));
            }
            !over
        });
    }

    /// Journal files in the folder and in the folders of machines below it.
    fn names(&mut self, trouble: &mut Trouble) -> Vec<PathBuf> {
        let mut names = Vec::new();
        self.dirs = vec![self.path.clone()];
        let mut below = Vec::new();
        journals(&self.path, &mut names, Some(&mut below), trouble);
        for dir in below {
            journals(&dir, &mut names, None, trouble);
            self.dirs.push(dir);
        }
        names
    }

    /// Looks again at the headers of the files that are open.
    pub fn look(&mut self) {
        for open in &mut self.files {
            // What cannot be looked at now is raised by the next listing.
            drop(open.file.look());
        }
    }

    /// The rows that are there.
    pub fn rows(&self) -> BTreeMap<SeqnumId, Row> {
        let open = self.files.iter().map(|o| &o.file).filter(|f| 0 < f.header.entries);
        let open = open.map(|file| (file.header.seqnum_id, Row::of(file)));
        let mut rows: BTreeMap<SeqnumId, Row> = BTreeMap::new();
        for (id, found) in open.chain(self.done.values().copied()) {
            let row = rows.entry(id).or_insert(found);
            row.first = row.first.min(found.first);
            row.last = row.last.max(found.last);
            row.over &= found.over;
        }
        rows
    }

    /// Whether any of `files` is open here.
    pub fn holds(&self, files: &[Incarnation]) -> bool {
        let key = |i: &Incarnation| (i.dev, i.ino);
        self.files
            .iter()
            .any(|o| files.iter().any(|f| key(f) == key(&o.file.stat.incarnation)))
    }

    /// Every file is to be read from another place.
    pub fn rewind(&mut self) {
        for open in &mut self.files {
            (open.sought, open.next) = (false, None);
        }
    }

    /// The number of the next entry of a row from `position` on, and the file it stands in.
    pub fn next(&mut self, row: &SeqnumId, position: u64, trouble: &mut Trouble) -> Option<(u64, usize)> {
        let mut found: Option<(u64, usize)> = None;
        for (at, open) in self.files.iter_mut().enumerate() {
            if open.torn.is_some() || open.file.header.seqnum_id != *row || open.file.header.last < position {
                continue;
            }
            match open.peek(position) {
                Ok(Some(entry)) if found.is_none_or(|(first, _)| entry.seqnum < first) => {
                    found = Some((entry.seqnum, at));
                }
                Ok(_) => {}
                Err(e) => trouble.push(open.tear(&e)),
            }
        }
        found
    }

    /// What the program wrote in the entry that [`Folder::next`] found, if it is one of the source's: its first `max`
    /// bytes and its length.
    pub fn message(&mut self, at: usize, max: usize) -> Result<Option<(Vec<u8>, u64)>, Torn> {
        let Some(open) = self.files.get_mut(at) else {
            return Ok(None);
        };
        let Some(entry) = open.next else { return Ok(None) };
        let (mut unit, mut identifier) = (self.filter.units.is_empty(), self.filter.identifiers.is_empty());
        let mut message = None;
        for place in open.file.items(&entry)? {
            match open.class(place, &self.filter)? {
                Class::Other => {}
                Class::Unit => unit = true,
                Class::Identifier => identifier = true,
                Class::Message => message = message.or(Some(place)),
            }
        }
        let Some(place) = message.filter(|_| unit && identifier) else {
            return Ok(None);
        };
        let (mut field, len) = open.file.field(place, max.saturating_add(MESSAGE.len()))?;
        field.drain(..MESSAGE.len().min(field.len()));
        Ok(Some((field, len.saturating_sub(MESSAGE.len() as u64))))
    }

    /// The file of [`Folder::next`] cannot be read on.
    pub fn give_up(&mut self, at: usize, why: &Torn) -> Trouble {
        self.files.get_mut(at).map(|open| open.tear(why)).into_iter().collect()
    }
}

const MESSAGE: &[u8] = b"MESSAGE=";

impl Open {
    fn new(file: JournalFile) -> Open {
        Open {
            file,
            next: None,
            known: HashMap::new(),
            torn: None,
            sought: false,
            gone: false,
        }
    }

    fn tear(&mut self, why: &Torn) -> (PathBuf, String) {
        let why = why.to_string();
        self.torn = Some((self.file.header, why.clone()));
        (self.file.path.clone(), why)
    }

    /// The next entry whose number is not below `position`.
    fn peek(&mut self, position: u64) -> Result<Option<Entry>, Torn> {
        if !self.sought {
            self.file.seek(position)?;
            self.sought = true;
        }
        while self.next.is_none_or(|e| e.seqnum < position) {
            if self.next.take().is_some() {
                self.file.advance();
            }
            self.next = self.file.peek()?;
            if self.next.is_none() {
                return Ok(None);
            }
        }
        Ok(self.next)
    }

    fn class(&mut self, place: u64, filter: &JournalFilter) -> Result<Class, Torn> {
        if let Some(class) = self.known.get(&place) {
            return Ok(*class);
        }
        let (start, _) = self.file.field(place, NAME_MAX)?;
        let names = |wanted: &[String], value: &[u8]| wanted.iter().any(|w| w.as_bytes() == value);
        let class = if start.starts_with(MESSAGE) {
            Class::Message
        } else if start
            .strip_prefix(b"_SYSTEMD_UNIT=")
            .is_some_and(|v| names(&filter.units, v))
        {
            Class::Unit
        } else if start
            .strip_prefix(b"SYSLOG_IDENTIFIER=")
            .is_some_and(|v| names(&filter.identifiers, v))
        {
            Class::Identifier
        } else {
            Class::Other
        };
        // Messages differ; what repeats in every entry is worth remembering.
        if class != Class::Message {
            if KNOWN_MAX <= self.known.len() {
                self.known.clear();
            }
            self.known.insert(place, class);
        }
        Ok(class)
    }
}

/// Adds the journal files of `dir` to `names`, and the folders in it to `below`.
fn journals(dir: &Path, names: &mut Vec<PathBuf>, mut below: Option<&mut Vec<PathBuf>>, trouble: &mut Trouble) {
    let entries = match fault::pass("source.list").and_then(|()| std::fs::read_dir(dir)) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return,
        Err(e) => return trouble.push((dir.to_owned(), e.to_string())),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if matches!(name, "journal" | "journal~") {
            names.push(path);
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Some(below) = below.as_deref_mut()
        {
            below.push(path);
        }
    }
}
