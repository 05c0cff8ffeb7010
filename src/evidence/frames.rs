//! The compressed bytes of a segment, and no compressor for it while nothing comes.
//!
//! A segment stays open for up to an hour, and there may be one for each of thousands of files: what it keeps in memory
//! between two lines must be little. Bytes wait here until there are enough to be worth a compressor; when nothing comes
//! any more ([`Frames::rest`]), they become a frame and the compressor goes. Frames may follow one another (RFC 8878 §3.1), and every `zstd`
//! reads them as one.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zstd::bulk::Compressor;

use super::age::Encryptor;

/// Waiting bytes that count as a compressor in use.
const BEGIN: usize = 32 * 1024;
/// Bytes of a frame while they come fast: compressed in one piece, which is quicker than as they come.
const FRAME: usize = 1024 * 1024;
/// Most bytes that may go on waiting at rest: so few would cost more as a frame of their own.
const WAIT_MAX: usize = 4 * 1024;
/// Bytes written to the file at once.
const WRITE: usize = 256 * 1024;

/// A file that is hashed as it is written. It is open only while something is written: there may be thousands of them.
#[derive(Debug)]
pub(super) struct Hashed {
    path: PathBuf,
    waiting: Vec<u8>,
    hash: Sha256,
    len: u64,
}

impl Hashed {
    /// Makes the file.
    pub fn create(path: &Path) -> io::Result<Hashed> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o640).open(path)?;
        Ok(Hashed {
            path: path.to_owned(),
            waiting: Vec::new(),
            hash: Sha256::new(),
            len: 0,
        })
    }

    fn write_out(&mut self) -> io::Result<File> {
        let mut file = File::options().append(true).open(&self.path)?;
        file.write_all(&self.waiting)?;
        Ok(file)
    }

    /// Makes what was written durable; gives its hash and length.
    pub fn finish(mut self) -> io::Result<([u8; 32], u64)> {
        let file = self.write_out()?;
        file.set_permissions(Permissions::from_mode(0o440))?;
        file.sync_all()?;
        Ok((self.hash.finalize().into(), self.len))
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        self.hash.update(bytes);
        self.len = self.len.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if WRITE <= self.waiting.len() {
            self.write_out()?;
            self.waiting.clear();
        }
        Ok(bytes.len())
    }

    /// Writes what waits and keeps no memory for more.
    fn flush(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.write_out()?;
        }
        self.waiting = Vec::new();
        Ok(())
    }
}

/// Where compressed bytes go.
#[derive(Debug)]
pub(super) enum Sink {
    Age(Box<Encryptor<Hashed>>),
    Plain(Hashed),
}

impl Sink {
    fn finish(self) -> io::Result<Hashed> {
        match self {
            Sink::Age(age) => age.finish(),
            Sink::Plain(file) => Ok(file),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Age(age) => age.write(bytes),
            Sink::Plain(file) => file.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Age(age) => age.flush(),
            Sink::Plain(file) => file.flush(),
        }
    }
}

/// Bytes that are compressed frame by frame: each in one piece, with what it needs to be checked.
pub(super) struct Frames {
    /// None once the file could not be written: nothing of it is used any more.
    to: Option<Sink>,
    compressor: Option<Compressor<'static>>,
    /// Not compressed yet.
    waiting: Vec<u8>,
    level: i32,
}

impl Frames {
    pub fn new(sink: Sink, level: i32) -> Frames {
        Frames {
            to: Some(sink),
            compressor: None,
            waiting: Vec::new(),
            level,
        }
    }

    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.waiting.is_empty() && FRAME <= bytes.len() {
            return self.frame(bytes);
        }
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < FRAME {
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let done = self.frame(&waiting);
        waiting.clear();
        self.waiting = waiting;
        done
    }

    /// Whether it holds a compressor, or as many bytes as are worth one.
    pub fn busy(&self) -> bool {
        self.compressor.is_some() || BEGIN <= self.waiting.len()
    }

    /// Nothing comes at present: keeps as little as it can until it does.
    pub fn rest(&mut self) -> io::Result<()> {
        if WAIT_MAX < self.waiting.len() {
            self.end()?;
        }
        self.compressor = None;
        self.waiting.shrink_to_fit();
        self.to.as_mut().map_or(Ok(()), Write::flush)
    }

    /// Ends the segment, durably; gives hash and length of its file.
    pub fn finish(mut self) -> io::Result<([u8; 32], u64)> {
        if !self.waiting.is_empty() {
            self.end()?;
        }
        self.to.ok_or_else(broken)?.finish()?.finish()
    }

    /// Writes what waits as a frame.
    fn end(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.frame(&waiting)
    }

    fn frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            None => {
                let mut compressor = Compressor::new(self.level)?;
                compressor.include_checksum(true)?;
                self.compressor.insert(compressor)
            }
        };
        let packed = compressor.compress(bytes)?;
        let mut to = self.to.take().ok_or_else(broken)?;
        to.write_all(&packed)?;
        self.to = Some(to);
        Ok(())
    }
}

fn broken() -> io::Error {
    io::Error::other("it could not be written before")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn read(path: &std::path::Path) -> Vec<u8> {
        let mut all = Vec::new();
        let decoder = zstd::stream::read::Decoder::new(File::open(path).unwrap());
        decoder.unwrap().read_to_end(&mut all).unwrap();
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_segment_that_rests_at_any_time_holds_what_was_given_to_it(
            pieces in proptest::collection::vec((0usize..700_000, any::<bool>()), 1..12),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("segment");
            let mut frames = Frames::new(Sink::Plain(Hashed::create(&path).unwrap()), 1);
            let mut all = Vec::new();
            for (n, (len, rests)) in pieces.iter().enumerate() {
                let bytes: Vec<u8> = (0..*len).map(|at| (at % 7 * n % 251) as u8).collect();
                all.extend_from_slice(&bytes);
                frames.take(&bytes).unwrap();
                if *rests {
                    frames.rest().unwrap();
                    prop_assert!(!frames.busy() && frames.waiting.len() <= WAIT_MAX);
                }
            }
            let (hash, len) = frames.finish().unwrap();
            let file = std::fs::read(&path).unwrap();
            prop_assert_eq!((hash, len), (Sha256::digest(&file).into(), file.len() as u64));
            prop_assert_eq!(if all.is_empty() { Vec::new() } else { read(&path) }, all);
        }
    }

    #[test]
    fn few_bytes_take_no_compressor_and_many_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = Hashed::create(&folder.path().join("segment")).unwrap();
        let mut frames = Frames::new(Sink::Plain(file), 1);
        frames.take(&[b'x'; 2_000]).unwrap();
        assert!(!frames.busy());
        frames.rest().unwrap();
        assert_eq!(frames.waiting.len(), 2_000);
        frames.take(&[b'x'; BEGIN]).unwrap();
        assert!(frames.busy());
        frames.rest().unwrap();
        assert!(!frames.busy() && frames.waiting.is_empty());
        frames.take(&[b'x'; FRAME]).unwrap();
        assert!(frames.busy() && frames.waiting.is_empty());
    }
}
