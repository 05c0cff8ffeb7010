//! The files as systems write, rotate and destroy them, and a model of what stands in each.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::script::{Names, Packing};

/// A record, or what is written of it, in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) id: usize,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Whether its end mark is written.
    pub(crate) whole: bool,
}

/// One inode.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) file: (u64, u64),
    pub(crate) len: u64,
    /// What stands in it now, and all that ever did.
    pub(crate) spans: Vec<Span>,
    pub(crate) all: Vec<Span>,
    /// What is still to be written of its last record.
    torn: Option<String>,
    /// A handle of a writer: what was unlinked can still be written to.
    handle: Option<File>,
    /// Whether it is packed, and whether wholly.
    pub(crate) packed: Option<bool>,
    /// Names it has now.
    pub(crate) links: u32,
    /// The life of the reader that listed it last, while it had a name.
    pub(crate) listed_in: Option<u64>,
    /// The reader may have let it go.
    pub(crate) let_go: bool,
    /// Consumed bytes were cut away or changed.
    pub(crate) disturbed: bool,
    /// Changes in place since a step last saw it.
    pub(crate) edits: usize,
    /// Where it was cut since a step last saw it: nobody knows how long it was before.
    pub(crate) seen_cut: u64,
    pub(crate) was_cut: bool,
}

/// The folder.
pub(crate) struct Disk {
    dir: TempDir,
    names: Names,
    pub(crate) bodies: Vec<Body>,
    pub(crate) there: BTreeMap<String, usize>,
    /// The body whose writer has not noticed a rotation, for each log.
    late: [Option<usize>; 2],
    /// Number of the day, for dated names.
    day: u32,
    /// Records begun.
    pub(crate) records: usize,
    /// Records that were left unfinished in a file nobody writes to in the usual way.
    pub(crate) torn_off: Vec<usize>,
}

pub(crate) const LOGS: [&str; 2] = ["access.log", "admin.log"];

impl Disk {
    pub(crate) fn new(names: Names) -> Disk {
        let memory = Path::new("/dev/shm");
        Disk {
            dir: tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap(),
            names,
            bodies: Vec::new(),
            there: BTreeMap::new(),
            late: [None; 2],
            day: 20_260_100,
            records: 0,
            torn_off: Vec::new(),
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn live(&self, log: usize) -> Option<usize> {
        self.there.get(LOGS[log]).copied()
    }

    fn born(&mut self, name: &str, handle: File, spans: Vec<Span>, packed: Option<bool>) -> usize {
        let stat = handle.metadata().unwrap();
        self.bodies.push(Body {
            file: (stat.dev(), stat.ino()),
            len: stat.len(),
            all: spans.clone(),
            spans,
            torn: None,
            handle: Some(handle),
            packed,
            links: 1,
            listed_in: None,
            let_go: false,
            disturbed: false,
            edits: 0,
            seen_cut: u64::MAX,
            was_cut: false,
        });
        let at = self.bodies.len() - 1;
        if let Some(old) = self.there.insert(name.to_owned(), at) {
            self.bodies[old].links -= 1;
        }
        at
    }

    /// A copy of `body`: what was changed in that is changed in it.
    fn born_of(&mut self, body: usize, name: &str, handle: File, packed: Option<bool>) -> usize {
        let (spans, disturbed) = (self.bodies[body].spans.clone(), self.bodies[body].disturbed);
        let at = self.born(name, handle, spans, packed);
        self.bodies[at].disturbed = disturbed;
        at
    }

    /// The live file, made if it is not there.
    pub(crate) fn open(&mut self, log: usize) -> usize {
        if let Some(body) = self.live(log) {
            return body;
        }
        let options = OpenOptions::new().create_new(true).append(true).read(true).clone();
        let handle = options.open(self.path(LOGS[log])).unwrap();
        self.born(LOGS[log], handle, Vec::new(), None)
    }

    fn append(&mut self, body: usize, bytes: &[u8]) {
        let body = &mut self.bodies[body];
        body.handle.as_mut().unwrap().write_all(bytes).unwrap();
        body.len += bytes.len() as u64;
    }

    /// The text of a new record: it can be told whole from torn.
    fn record(&mut self, pad: usize) -> (usize, String) {
        let id = self.records;
        self.records += 1;
        (id, format!("{id:06}:{}:{id:06}\n", "x".repeat(pad)))
    }

    /// Ends the record that was begun.
    fn finish(&mut self, body: usize) {
        if let Some(rest) = self.bodies[body].torn.take() {
            self.append(body, rest.as_bytes());
            let body = &mut self.bodies[body];
            for last in [body.spans.last_mut(), body.all.last_mut()].into_iter().flatten() {
                (last.end, last.whole) = (body.len, true);
            }
        }
    }

    /// Writes so many hundredths of a record; 100: all of it.
    pub(crate) fn write(&mut self, body: usize, pad: usize, hundredths: u8) {
        self.finish(body);
        let (id, text) = self.record(pad);
        let at = (text.len() * usize::from(hundredths) / 100).max(1);
        let start = self.bodies[body].len;
        let (now, later) = text.split_at(at);
        self.append(body, now.as_bytes());
        let whole = later.is_empty();
        self.bodies[body].torn = (!whole).then(|| later.to_owned());
        let end = self.bodies[body].len;
        let span = Span { id, start, end, whole };
        self.bodies[body].spans.push(span);
        self.bodies[body].all.push(span);
    }

    /// A record that is not finished may be given out as it is.
    pub(crate) fn tear_off(&mut self, body: usize) {
        if self.is_torn(body) {
            self.torn_off.extend(self.bodies[body].spans.last().map(|s| s.id));
        }
    }

    pub(crate) fn is_torn(&self, body: usize) -> bool {
        self.bodies[body].torn.is_some()
    }

    fn rename(&mut self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
        let body = self.there.remove(from).unwrap();
        if let Some(old) = self.there.insert(to.to_owned(), body) {
            self.bodies[old].links -= 1;
        }
    }

    /// Rotated files of a log, youngest first.
    pub(crate) fn rotated(&self, log: usize) -> Vec<String> {
        let stem = format!("{}{}", LOGS[log], self.separator());
        let mut all: Vec<String> = self.there.keys().filter(|n| n.starts_with(&stem)).cloned().collect();
        let number = |name: &String| -> i64 {
            let digits: String = name[stem.len()..].chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or(0)
        };
        all.sort_by_key(|name| match self.names {
            Names::Numbered => number(name),
            Names::Dated => -number(name),
        });
        all
    }

    fn separator(&self) -> char {
        match self.names {
            Names::Numbered => '.',
            Names::Dated => '-',
        }
    }

    /// Makes room for the next rotated file and gives its name.
    fn shift(&mut self, log: usize) -> String {
        if self.names == Names::Dated {
            self.day += 1;
            return format!("{}-{}", LOGS[log], self.day);
        }
        let stem = format!("{}.", LOGS[log]);
        for name in self.rotated(log).into_iter().rev() {
            let (number, rest) =
                name[stem.len()..].split_at(name[stem.len()..].find('.').unwrap_or(name.len() - stem.len()));
            let next = number.parse::<u32>().unwrap() + 1;
            self.rename(&name, &format!("{stem}{next}{rest}"));
        }
        format!("{stem}1")
    }

    pub(crate) fn rotate(&mut self, log: usize, create: bool) {
        let Some(body) = self.live(log) else { return };
        let name = self.shift(log);
        self.tear_off(body);
        self.rename(LOGS[log], &name);
        self.late[log] = Some(body);
        if create {
            self.open(log);
        }
    }

    /// The first half of copytruncate. Gives back the body that is to be emptied.
    pub(crate) fn copy(&mut self, log: usize) -> Option<usize> {
        let body = self.live(log).filter(|b| !self.is_torn(*b))?;
        let name = self.shift(log);
        fs::copy(self.path(LOGS[log]), self.path(&name)).unwrap();
        let handle = OpenOptions::new()
            .append(true)
            .read(true)
            .open(self.path(&name))
            .unwrap();
        self.born_of(body, &name, handle, None);
        Some(body)
    }

    /// Cuts a file down to `len`.
    pub(crate) fn cut(&mut self, body: usize, len: u64) {
        let b = &mut self.bodies[body];
        b.handle.as_ref().unwrap().set_len(len).unwrap();
        b.len = len;
        b.was_cut = true;
        b.torn = None;
        b.spans.retain(|s| s.end <= len);
    }

    fn unlink(&mut self, name: &str) -> usize {
        fs::remove_file(self.path(name)).unwrap();
        let body = self.there.remove(name).unwrap();
        self.bodies[body].links -= 1;
        body
    }

    pub(crate) fn expire(&mut self, log: usize) {
        if let Some(name) = self.rotated(log).pop() {
            self.unlink(&name);
        }
    }

    pub(crate) fn delete(&mut self, log: usize) {
        if self.live(log).is_some() {
            let body = self.unlink(LOGS[log]);
            self.tear_off(body);
            self.late[log] = Some(body);
        }
    }

    /// The body somebody still writes to although it is not the live one.
    pub(crate) fn late(&self, log: usize) -> Option<usize> {
        self.late[log].filter(|body| self.live(log) != Some(*body))
    }

    pub(crate) fn link(&mut self, log: usize) {
        let name = format!(
            "{}{}",
            LOGS[log],
            if self.names == Names::Dated { "-20250101" } else { ".77" }
        );
        let Some(body) = self.live(log) else { return };
        if self.there.contains_key(&name) || (self.names == Names::Numbered && !self.rotated(log).is_empty()) {
            return;
        }
        fs::hard_link(self.path(LOGS[log]), self.path(&name)).unwrap();
        self.there.insert(name, body);
        self.bodies[body].links += 1;
    }

    /// Writes the live file's content into a new file and puts it in its place.
    pub(crate) fn replace(&mut self, log: usize) {
        let Some(body) = self.live(log).filter(|b| !self.is_torn(*b)) else {
            return;
        };
        fs::copy(self.path(LOGS[log]), self.path("new.tmp")).unwrap();
        fs::rename(self.path("new.tmp"), self.path(LOGS[log])).unwrap();
        let handle = OpenOptions::new()
            .append(true)
            .read(true)
            .open(self.path(LOGS[log]))
            .unwrap();
        self.born_of(body, LOGS[log], handle, None);
        // Its writer goes on in the new file.
        self.bodies[body].handle = None;
    }

    /// Changes one byte of padding.
    pub(crate) fn edit(&mut self, body: usize, at: u64) -> bool {
        let b = &self.bodies[body];
        let file = OpenOptions::new()
            .write(true)
            .read(true)
            .open(format!("/proc/self/fd/{}", {
                use std::os::fd::AsRawFd;
                b.handle.as_ref().unwrap().as_raw_fd()
            }));
        let Ok(file) = file else { return false };
        let mut byte = [0];
        if file.read_at(&mut byte, at).unwrap_or(0) == 1 && byte[0] == b'x' {
            file.write_all_at(b"y", at).unwrap();
            return true;
        }
        false
    }

    /// Begins to pack the youngest plain rotated file: half of it stands under the packed name.
    pub(crate) fn pack(&mut self, log: usize, how: Packing) -> Option<Packed> {
        let ends = [".gz", ".zst", ".xz", ".bz2"];
        let rotated = self.rotated(log);
        let plain = rotated.iter().find(|n| !ends.iter().any(|e| n.ends_with(e)))?.clone();
        let body = self.there[&plain];
        if self.bodies[body].torn.is_some() || self.bodies[body].links > 1 || self.bodies[body].packed.is_some() {
            return None;
        }
        let end = match how {
            Packing::Gzip => ".gz",
            Packing::Zstd => ".zst",
            Packing::Xz => ".xz",
            Packing::Bzip2 => ".bz2",
        };
        let bytes = packed(how, &self.path(&plain))?;
        let name = format!("{plain}{end}");
        if self.there.contains_key(&name) {
            return None;
        }
        let handle = OpenOptions::new()
            .create_new(true)
            .append(true)
            .read(true)
            .open(self.path(&name))
            .unwrap();
        let to = self.born_of(body, &name, handle, Some(false));
        let (a, b) = bytes.split_at(bytes.len() / 2);
        self.append(to, a);
        Some(Packed {
            plain,
            to,
            rest: b.to_vec(),
        })
    }

    /// The rest of the packed file is written.
    pub(crate) fn pack_rest(&mut self, packed: &Packed) {
        self.append(packed.to, &packed.rest);
        self.bodies[packed.to].packed = Some(true);
    }

    /// The plain file goes.
    pub(crate) fn pack_end(&mut self, packed: &Packed) {
        let body = self.unlink(&packed.plain);
        for late in &mut self.late {
            *late = late.filter(|l| *l != body);
        }
    }
}

/// A file that is being packed.
#[derive(Debug)]
pub(crate) struct Packed {
    plain: String,
    to: usize,
    rest: Vec<u8>,
}

/// What the packer makes of a file; none where it is not installed. The two that matter most are written here, without
/// compressing: no process has to be started.
fn packed(how: Packing, file: &Path) -> Option<Vec<u8>> {
    let program = match how {
        Packing::Gzip => return Some(gzip(&fs::read(file).unwrap())),
        Packing::Zstd => return Some(zstd(&fs::read(file).unwrap())),
        Packing::Xz => "xz",
        Packing::Bzip2 => "bzip2",
    };
    let out = Command::new(program)
        .arg("-c")
        .arg(file)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    out.status.success().then_some(out.stdout)
}

/// RFC 1952 around stored blocks of RFC 1951.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut blocks = bytes.chunks(60_000).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let len = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(block);
    }
    let crc = bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    });
    out.extend((!crc).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// RFC 8878: one frame of raw blocks.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    let mut blocks = bytes.chunks(60_000).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0]);
    }
    while let Some(block) = blocks.next() {
        let head = (block.len() as u32) << 3 | u32::from(blocks.peek().is_none());
        out.extend(&head.to_le_bytes()[..3]);
        out.extend(block);
    }
    out
}
