//! One segment: the consumed bytes of one file from one offset to another, compressed, encrypted, bound to the ledger.
//!
//! The plaintext is one header line and then the bytes of the source unchanged, so that `tail -n +2` gives exactly what
//! stood in the log. Its root is that of a tree whose leaf 0 is the header line and whose further leaves are the
//! lines (cut at LF, without it); the salt in the header keeps the content of a small segment from being guessed
//! from its root. Header and cuts depend on nothing but the source, so that a segment that a crash interrupted comes
//! out the same when it is read again.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::age::{AgeError, Decryptor, Encryptor, Identity, Recipient};
use super::frames::{Frames, Hashed, Sink};
use super::tree::{Frontier, Hash, leaf_hash, leaf_hasher};

/// Where a segment begins and what must be known to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// Name of the source.
    pub source: String,
    /// The file, by its number in the store.
    pub file: i64,
    /// Offset of the first byte.
    pub from: u64,
    /// It stands inside a line of which only the head is read; the head is in the segment before.
    pub inside: bool,
    /// What the format remembers there (a header of columns further up).
    pub state: Vec<u8>,
    /// 16 bytes nobody outside can guess.
    pub salt: [u8; 16],
}

impl Beginning {
    /// The header line, without its newline.
    pub fn line(&self) -> String {
        let mut line = json!({"file": self.file, "from": self.from, "salt": super::note::base64(&self.salt), "src": self.source,
            "state": super::note::base64(&self.state), "v": 1});
        if let Some(line) = line.as_object_mut().filter(|_| self.inside) {
            line.insert("inside".into(), true.into());
        }
        line.to_string()
    }

    /// Reads a header line.
    pub fn read(line: &[u8]) -> Option<Beginning> {
        let value: serde_json::Value = serde_json::from_slice(line).ok()?;
        let bytes = |key: &str| super::note::unbase64(value.get(key)?.as_str()?);
        Some(Beginning {
            source: value.get("src")?.as_str()?.to_owned(),
            file: value.get("file")?.as_i64()?,
            from: value.get("from")?.as_u64()?,
            inside: value.get("inside").is_some_and(|inside| inside == true),
            state: bytes("state")?,
            salt: bytes("salt")?.try_into().ok()?,
        })
    }
}

/// The tree over header and lines while they pass.
#[derive(Debug, Clone)]
pub struct Leaves {
    tree: Frontier,
    /// The hash of a line whose end has not come yet, however long it gets.
    partial: Option<Sha256>,
}

impl Leaves {
    /// Begins with the header line.
    pub fn new(header: &[u8]) -> Leaves {
        let mut tree = Frontier::default();
        tree.push(leaf_hash(header));
        Leaves { tree, partial: None }
    }

    /// Takes the next bytes, wherever they are cut.
    pub fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, more) = rest.split_at(at);
            let leaf = match self.partial.take() {
                None => leaf_hash(line),
                Some(begun) => begun.chain_update(line).finalize().into(),
            };
            self.tree.push(leaf);
            rest = more.get(1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            self.partial.get_or_insert_with(leaf_hasher).update(rest);
        }
    }

    /// Lines so far and the root over header and lines; a last one without LF counts.
    pub fn root(&self) -> (u64, Hash) {
        let mut tree = self.tree.clone();
        if let Some(begun) = &self.partial {
            tree.push(begun.clone().finalize().into());
        }
        (tree.size().saturating_sub(1), tree.root())
    }

    /// Whole lines so far.
    pub fn lines(&self) -> u64 {
        self.tree.size().saturating_sub(1)
    }
}

/// A segment that is being written.
pub struct SegmentWriter {
    frames: Frames,
    leaves: Leaves,
    raw: Sha256,
    bytes: u64,
}

impl std::fmt::Debug for SegmentWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentWriter")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// What a finished segment is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Lines.
    pub lines: u64,
    /// Bytes of the source.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256_raw: Hash,
    /// Root over header and lines.
    pub root: Hash,
    /// SHA-256 of the file.
    pub sha256_age: Hash,
    /// Its length.
    pub len_age: u64,
}

impl SegmentWriter {
    /// Begins a segment in the file `path`; without recipients it is compressed only.
    ///
    /// # Errors
    /// The file.
    pub fn new(path: &Path, beginning: &Beginning, recipients: &[Recipient], level: i32) -> io::Result<SegmentWriter> {
        let file = Hashed::create(path)?;
        let sink = match recipients {
            [] => Sink::Plain(file),
            recipients => Sink::Age(Box::new(Encryptor::new(file, recipients)?)),
        };
        let mut frames = Frames::new(sink, level);
        let header = beginning.line();
        frames.take(header.as_bytes())?;
        frames.take(b"\n")?;
        Ok(SegmentWriter {
            frames,
            leaves: Leaves::new(header.as_bytes()),
            raw: Sha256::new(),
            bytes: 0,
        })
    }

    /// Takes the next bytes of the source.
    ///
    /// # Errors
    /// The file.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.raw.update(bytes);
        self.leaves.take(bytes);
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.frames.take(bytes)
    }

    /// Whether it holds the memory of one that is written to.
    pub fn busy(&self) -> bool {
        self.frames.busy()
    }

    /// Nothing comes at present: keeps as little memory as it can until it does.
    ///
    /// # Errors
    /// The file.
    pub fn rest(&mut self) -> io::Result<()> {
        self.frames.rest()
    }

    /// Bytes of the source so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lines and root as they stand.
    pub fn root(&self) -> (u64, Hash) {
        self.leaves.root()
    }

    /// Ends the segment, durably.
    ///
    /// # Errors
    /// The file.
    pub fn finish(self) -> io::Result<Sealed> {
        let (lines, root) = self.leaves.root();
        let (sha256_age, len_age) = self.frames.finish()?;
        Ok(Sealed {
            lines,
            bytes: self.bytes,
            sha256_raw: self.raw.finalize().into(),
            root,
            sha256_age,
            len_age,
        })
    }
}

/// A segment that is read: first its header, then the bytes of the source.
pub struct SegmentReader {
    from: BufReader<Box<dyn Read + Send>>,
    header: Vec<u8>,
    left: u64,
}

impl std::fmt::Debug for SegmentReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentReader")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Why a segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The encryption.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// The file, its compression, or its content.
    #[error("{0}")]
    Read(#[from] io::Error),
}

/// Longest header line that is read.
const HEADER_MAX: u64 = 1 << 20;

impl SegmentReader {
    /// Opens a segment of `bytes` bytes of source. No more than that is ever decompressed, whatever the file says.
    ///
    /// # Errors
    /// [`SegmentError`].
    pub fn open(
        path: &Path,
        encrypted: bool,
        identities: &[Identity],
        bytes: u64,
    ) -> Result<SegmentReader, SegmentError> {
        use std::io::BufRead;
        let file = BufReader::with_capacity(1 << 18, File::open(path)?);
        let plain: Box<dyn Read + Send> = match encrypted {
            true => Box::new(zstd::stream::read::Decoder::new(Decryptor::new(file, identities)?)?),
            false => Box::new(zstd::stream::read::Decoder::new(file)?),
        };
        let mut from = BufReader::with_capacity(1 << 18, plain);
        let mut header = Vec::new();
        (&mut from).take(HEADER_MAX).read_until(b'\n', &mut header)?;
        if header.pop() != Some(b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it has no header line").into());
        }
        Ok(SegmentReader {
            from,
            header,
            left: bytes,
        })
    }

    /// The header line.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The next bytes; empty at the end. More bytes than declared are an error.
    ///
    /// # Errors
    /// The file is not what was sealed.
    pub fn next<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        buffer.resize(1 << 18, 0);
        let n = self.from.read(buffer)?;
        let read = u64::try_from(n).unwrap_or(u64::MAX);
        self.left = match self.left.checked_sub(read) {
            Some(left) => left,
            None => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it holds more than was declared",
                ));
            }
        };
        Ok(buffer.get(..n).unwrap_or_default())
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`SegmentReader::next`].
    pub fn all(&mut self) -> io::Result<Vec<u8>> {
        let (mut all, mut buffer) = (Vec::new(), Vec::new());
        loop {
            let bytes = self.next(&mut buffer)?;
            if bytes.is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(bytes);
        }
    }
}
