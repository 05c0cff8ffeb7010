//! The bytes of a member of a family, packed or not (a log of Windows counts as packed text), by their position in the log as it was written.
//!
//! A compressed member is unpacked as it is read, forward, with some of what was read last kept, so that a position
//! means the same before and after compression. Whatever the size of the file and whatever somebody put into it, memory
//! stays small: windows larger than [`WINDOW_MAX`] are refused.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::evtx::Events;
use super::identity::{Stat, read_full};

/// Bytes of what was unpacked last that can be read again without beginning anew: a record that is given out before its end
/// is known, and some more.
const BACK: usize = 2 << 20;
/// Largest window a compressed file may ask for.
const WINDOW_MAX: u32 = 128 << 20;
/// Bytes unpacked at once where they are only passed over.
const PIECE: usize = 64 * 1024;

/// How a member is compressed, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    /// A log of Windows, which becomes text.
    Evtx,
}

/// Suffixes of members that are unpacked.
pub(super) const FORMS: [(&str, Form); 4] = [
    (".gz", Form::Gzip),
    (".zst", Form::Zstd),
    (".xz", Form::Xz),
    (".bz2", Form::Bzip2),
];

/// Suffix of logs of Windows.
pub(super) const EVTX: &str = ".evtx";

impl Form {
    /// The form the name of a file says it has.
    pub fn of(path: &Path) -> Option<Form> {
        let name = path.file_name()?.to_str()?;
        let log = (EVTX, Form::Evtx);
        let mut forms = FORMS.iter().chain([&log]);
        forms.find(|(suffix, _)| name.ends_with(suffix)).map(|f| f.1)
    }

    pub(super) fn decoder(self, file: Arc<File>, ended: Arc<AtomicBool>) -> io::Result<Decoder> {
        ended.store(false, Ordering::Relaxed);
        let raw = BufReader::with_capacity(PIECE, Raw { file, at: 0, ended });
        Ok(match self {
            Form::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            Form::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(raw)),
            Form::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(raw, true, WINDOW_MAX / 1024)),
            Form::Evtx => Box::new(Events::new(raw)),
            Form::Zstd => {
                let mut frames = zstd::stream::read::Decoder::with_buffer(raw)?;
                frames.window_log_max(WINDOW_MAX.ilog2())?;
                Box::new(frames)
            }
        })
    }
}

type Decoder = Box<dyn Read + Send>;

/// The bytes of one member.
#[derive(Debug)]
pub(super) enum Body {
    Plain(File),
    Packed(Box<Packed>),
}

impl Body {
    /// The bytes of `file`, which stood under `path`.
    pub fn new(file: File, path: &Path) -> Body {
        match Form::of(path) {
            Some(form) => Body::Packed(Box::new(Packed::new(file, form))),
            None => Body::Plain(file),
        }
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        match self {
            Body::Plain(file) => file,
            Body::Packed(packed) => &packed.file,
        }
    }

    /// Reads until `buf` is full or there is no more; gives the number of bytes read.
    pub fn read_full(&mut self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Body::Plain(file) => read_full(file, buf, at),
            Body::Packed(packed) => packed.read_full(buf, at),
        }
    }

    /// The `len` bytes from `at`; fewer where there are no more.
    pub fn bytes_at(&mut self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let n = self.read_full(&mut bytes, at)?;
        bytes.truncate(n);
        Ok(bytes)
    }

    /// What one look says; the size is that of the log, as far as it is known.
    pub fn stat(&self) -> io::Result<Stat> {
        match self {
            Body::Plain(file) => Stat::of_file(file),
            Body::Packed(packed) => Ok(Stat {
                size: packed.known,
                ..Stat::of_file(&packed.file)?
            }),
        }
    }
}

/// A compressed member.
pub(super) struct Packed {
    file: Arc<File>,
    form: Form,
    decoder: Option<Decoder>,
    /// Whether the decoder met the end of the file: an error behind that is one of what is missing.
    ended: Arc<AtomicBool>,
    /// What was unpacked last; ends at `at`.
    back: Vec<u8>,
    at: u64,
    /// Bytes known to be in it.
    known: u64,
    /// Whether that is all, and every checksum was right.
    pub whole: bool,
    /// Size of the file when unpacking stopped before its end.
    stopped: Option<u64>,
    /// Why it cannot be unpacked any further.
    pub broken: Option<String>,
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed")
            .field("form", &self.form)
            .field("at", &self.at)
            .field("whole", &self.whole)
            .finish_non_exhaustive()
    }
}

impl Packed {
    fn new(file: File, form: Form) -> Packed {
        Packed {
            file: Arc::new(file),
            form,
            decoder: None,
            ended: Arc::default(),
            back: Vec::new(),
            at: 0,
            known: 0,
            whole: false,
            stopped: None,
            broken: None,
        }
    }

    /// Unpacks towards `position`, at most `budget` bytes: whether that was reached. Shows each piece to `see`.
    pub fn advance(&mut self, position: u64, budget: usize, see: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let mut left = budget;
        let mut piece = vec![0; PIECE];
        while self.at < position && left > 0 {
            let want = usize::try_from(position.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let Some(buf) = piece.get_mut(..want.min(PIECE)) else {
                break;
            };
            let n = self.unpack(buf)?;
            see(buf.get(..n).unwrap_or_default());
            if n == 0 {
                return Ok(false);
            }
            left = left.saturating_sub(n);
        }
        Ok(self.at >= position)
    }

    /// How far it was unpacked.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether there is nothing more to unpack at present.
    pub fn at_end(&self) -> bool {
        self.whole && self.at == self.known || self.broken.is_some() || self.stopped.is_some()
    }

    fn read_full(&mut self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let kept = self.at.saturating_sub(self.back.len() as u64);
        if at < kept {
            self.rewind();
        }
        if self.at < at && !self.advance(at, usize::MAX, &mut |_| {})? {
            return Ok(0);
        }
        let skip = usize::try_from(self.back.len() as u64 - self.at.saturating_sub(at).min(self.back.len() as u64))
            .unwrap_or(usize::MAX);
        let again = self.back.get(skip..).unwrap_or_default();
        let mut done = again.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..done), again.get(..done)) {
            to.copy_from_slice(from);
        }
        while let Some(rest) = buf.get_mut(done..).filter(|r| !r.is_empty()) {
            match self.unpack(rest)? {
                0 => break,
                n => done = done.saturating_add(n),
            }
        }
        Ok(done)
    }

    /// Begins anew from the start.
    pub fn rewind(&mut self) {
        self.decoder = None;
        self.back.clear();
        self.at = 0;
        self.stopped = None;
    }

    /// Unpacks the next bytes. None: the end, or the end of what can be unpacked at present.
    fn unpack(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.broken.is_some() || self.whole && self.at == self.known {
            return Ok(0);
        }
        if let Some(size) = self.stopped {
            if Stat::of_file(&self.file)?.size == size {
                return Ok(0);
            }
            // It has grown since: decoders do not go on behind an end, so it begins anew up to here.
            let to = self.at;
            self.rewind();
            if !self.advance(to, usize::MAX, &mut |_| {})? {
                return Ok(0);
            }
        }
        let (form, file, ended) = (self.form, &self.file, &self.ended);
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(form.decoder(Arc::clone(file), Arc::clone(ended))?),
        };
        let n = loop {
            match decoder.read(buf) {
                Ok(n) => break n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.raw_os_error().is_some() => {
                    // No decoder goes on behind an error; the next call begins anew.
                    self.rewind();
                    return Err(e);
                }
                Err(_) if self.ended.load(Ordering::Relaxed) => {
                    self.stopped = Some(Stat::of_file(&self.file)?.size);
                    return Ok(0);
                }
                Err(e) => {
                    self.broken = Some(e.to_string());
                    return Ok(0);
                }
            }
        };
        if n == 0 {
            self.whole = true;
            self.known = self.at;
            return Ok(0);
        }
        self.back.extend_from_slice(buf.get(..n).unwrap_or_default());
        if self.back.len() > BACK * 2 {
            self.back.drain(..self.back.len().saturating_sub(BACK));
        }
        self.at = self.at.saturating_add(n as u64);
        self.known = self.known.max(self.at);
        Ok(n)
    }

    /// Whether nothing but an end is missing: it may still be written.
    pub fn unfinished(&self) -> bool {
        self.stopped.is_some()
    }
}

/// A file read from its start, beside whoever else reads it.
struct Raw {
    file: Arc<File>,
    at: u64,
    ended: Arc<AtomicBool>,
}

impl Read for Raw {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.at)?;
        if n == 0 && !buf.is_empty() {
            self.ended.store(true, Ordering::Relaxed);
        }
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}
