//! A file of lines that only grows: a line that a crash cut is completed, never cut away.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::{LogError, file_error};
use crate::text::say;

/// A file of lines that only grows.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    file: File,
    /// What stands behind the last newline: a line cut by a crash.
    partial: Vec<u8>,
}

impl Lines {
    /// Opens it, and shows each whole line.
    pub fn open(path: PathBuf, mut seen: impl FnMut(&[u8])) -> Result<Lines, LogError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o640).open(&path);
        let file = file.map_err(|e| file_error("open", &path, e))?;
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        let mut line = Vec::new();
        let mut partial = Vec::new();
        loop {
            line.clear();
            let n = reader
                .read_until(b'\n', &mut line)
                .map_err(|e| file_error("read", &path, e))?;
            match line.strip_suffix(b"\n") {
                Some(whole) => seen(whole),
                None if n == 0 => break,
                None => partial.clone_from(&line),
            }
        }
        drop(reader);
        let mut lines = Lines { path, file, partial };
        lines.drop_unwritten()?;
        Ok(lines)
    }

    /// The beginning of a line that a crash cut.
    pub fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Some file systems leave NUL bytes where a power loss came before the data: they are no line of anybody's.
    fn drop_unwritten(&mut self) -> Result<(), LogError> {
        let Some(at) = memchr::memchr(0, &self.partial) else {
            return Ok(());
        };
        let surplus = u64::try_from(self.partial.len().saturating_sub(at)).unwrap_or(0);
        let cut = self
            .file
            .metadata()
            .and_then(|m| self.file.set_len(m.len().saturating_sub(surplus)));
        cut.map_err(|e| file_error("cut the bytes a power loss left unwritten from", &self.path, e))?;
        self.partial.truncate(at);
        Ok(())
    }

    /// Adds a line; what a crash left of it is completed.
    pub fn add(&mut self, line: &str) -> Result<(), LogError> {
        let Some(rest) = line.as_bytes().strip_prefix(self.partial.as_slice()) else {
            let path = self.path.display();
            return Err(LogError::Fork(say!(
                "{path} の最後の行が、そこにあるはずの項目の先頭と一致しません。",
                "the last line of {path} is not the beginning of the entry that belongs there"
            )));
        };
        let mut bytes = rest.to_vec();
        bytes.push(b'\n');
        let mut written = 0usize;
        while written < bytes.len() {
            let left = bytes.get(written..).unwrap_or_default();
            match self.write(left) {
                Ok(n) => written = written.saturating_add(n),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => {
                    // What of it went to a disk that is full is completed next time, not written twice.
                    self.partial.extend_from_slice(bytes.get(..written).unwrap_or_default());
                    return Err(file_error("write", &self.path, e));
                }
            }
        }
        self.partial.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Err(e) = crate::fault::pass("log.line") {
            // As a disk that becomes full in the middle.
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            self.file.write_all(half)?;
            self.partial.extend_from_slice(half);
            return Err(e);
        }
        self.file.write(bytes)
    }

    /// Makes what was added durable.
    pub fn sync(&self) -> Result<(), LogError> {
        self.file.sync_data().map_err(|e| file_error("write", &self.path, e))
    }
}
