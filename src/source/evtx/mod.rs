//! Windows event logs (EVTX) as text: each event becomes one line of XML, as `wevtutil` writes it, so that what reads event
//! XML reads these files as well.
//!
//! A file is a header and chunks of 64 KiB; a chunk holds records in binary XML (`binxml`) that refer to names and templates
//! of their own chunk only. A record that cannot be read becomes a line that is no event, so that it counts as rejected; a
//! file that ends in the middle of a chunk is an error, as with any packed file.
//!
//! Not here: files that still grow. Windows writes into the middle of them, over the oldest records: such a file is
//! exported (`wevtutil epl`) and the export read.

mod binxml;
#[cfg(test)]
mod tests;
mod value;
#[cfg(test)]
mod writer;

use std::io::{self, Read};

/// How a file begins.
const FILE: &[u8] = b"ElfFile\0";
/// How a chunk begins.
const CHUNK: &[u8] = b"ElfChnk\0";
/// Size of a chunk, and where its records begin.
const CHUNK_BYTES: usize = 0x1_0000;
const RECORDS_AT: usize = 512;
/// How a record begins, and how much of it is no XML: mark, size, number, time; and the size again.
const RECORD: [u8; 4] = [0x2a, 0x2a, 0, 0];
const RECORD_HEAD: usize = 24;
const RECORD_TAIL: usize = 4;

/// The events of a file as lines.
#[derive(Debug)]
pub(super) struct Events<R> {
    file: R,
    begun: bool,
    chunk: Vec<u8>,
    /// Lines of the chunk in hand, and how much of them was given out.
    lines: Vec<u8>,
    given: usize,
}

impl<R: Read> Events<R> {
    pub(super) fn new(file: R) -> Events<R> {
        Events {
            file,
            begun: false,
            chunk: Vec::new(),
            lines: Vec::new(),
            given: 0,
        }
    }

    /// Reads the header, which says how long it is.
    fn begin(&mut self) -> io::Result<()> {
        let mut header = [0u8; 128];
        self.file.read_exact(&mut header)?;
        if !header.starts_with(FILE) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a Windows event log (EVTX)",
            ));
        }
        let long = u16_at(&header, 40).map_or(4096, u64::from).max(128);
        io::copy(&mut (&mut self.file).take(long - 128), &mut io::sink())?;
        self.begun = true;
        Ok(())
    }

    /// Turns the next chunk into lines; `false`: there is none.
    fn next_chunk(&mut self) -> io::Result<bool> {
        self.chunk.clear();
        let read = (&mut self.file).take(CHUNK_BYTES as u64).read_to_end(&mut self.chunk)?;
        if read == 0 {
            return Ok(false);
        }
        if read < CHUNK_BYTES {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.lines.clear();
        self.given = 0;
        // Chunks that were not used yet are empty.
        if self.chunk.starts_with(CHUNK) {
            records(&self.chunk, &mut self.lines);
        }
        Ok(true)
    }
}

impl<R: Read> Read for Events<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        while self.given == self.lines.len() {
            if !self.next_chunk()? {
                return Ok(0);
            }
        }
        let mut rest = self.lines.get(self.given..).unwrap_or_default();
        let read = rest.read(to)?;
        self.given += read;
        Ok(read)
    }
}

/// Writes every record of a chunk as a line.
fn records(chunk: &[u8], lines: &mut Vec<u8>) {
    let end = u32_at(chunk, 48).map_or(chunk.len(), |end| end.min(chunk.len()));
    let mut at = RECORDS_AT;
    while at < end && chunk.get(at..at + 4) == Some(&RECORD) {
        let Some(size) = u32_at(chunk, at + 4).filter(|size| RECORD_HEAD + RECORD_TAIL <= *size) else {
            break;
        };
        let Some(xml_end) = (at + size).checked_sub(RECORD_TAIL).filter(|end| *end <= chunk.len()) else {
            break;
        };
        let from = lines.len();
        if binxml::write(chunk, (at + RECORD_HEAD, xml_end), lines).is_none() {
            lines.truncate(from);
            let number = chunk
                .get(at + 8..at + 16)
                .and_then(|b| b.try_into().ok())
                .map_or(0, u64::from_le_bytes);
            lines.extend_from_slice(format!("<Event unreadable='{number}'></Event>").as_bytes());
        }
        lines.push(b'\n');
        at += size;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(two.try_into().ok()?))
}

/// A number that is used as a place or a length.
fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(four.try_into().ok()?)).ok()
}
