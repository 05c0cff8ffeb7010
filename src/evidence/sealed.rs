//! A file sealed for keeping elsewhere: compressed and encrypted like a segment, so that `age -d | zstd -d` opens it, too.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::age::{Decryptor, Encryptor, Identity, Recipient};
use super::segment::SegmentError;

/// Seals the file `from` as `to`, durably; without recipients it is compressed only.
///
/// # Errors
/// Either file; `to` must not be there yet.
pub fn seal_file(from: &Path, to: &Path, recipients: &[Recipient], level: i32) -> io::Result<()> {
    let mut plain = File::open(from)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(to)?;
    let file = BufWriter::with_capacity(1 << 18, file);
    let file = match recipients {
        [] => compress(&mut plain, file, level)?,
        recipients => compress(&mut plain, Encryptor::new(file, recipients)?, level)?.finish()?,
    };
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    super::durable::sync_folder(to)
}

fn compress<W: Write>(plain: &mut File, to: W, level: i32) -> io::Result<W> {
    let mut zstd = zstd::stream::write::Encoder::new(to, level)?;
    zstd.include_checksum(true)?;
    io::copy(plain, &mut zstd)?;
    zstd.finish()
}

/// Opens a sealed file into `to`, durably.
///
/// # Errors
/// [`SegmentError`]; `to` must not be there yet.
pub fn open_sealed(from: &Path, identities: &[Identity], to: &Path) -> Result<(), SegmentError> {
    let encrypted = from.extension().is_some_and(|e| e == "age");
    let file = BufReader::with_capacity(1 << 18, File::open(from)?);
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    match encrypted {
        true => {
            let mut plain = zstd::stream::read::Decoder::new(Decryptor::new(file, identities)?)?;
            io::copy(&mut plain, &mut out)?;
        }
        false => {
            io::copy(&mut zstd::stream::read::Decoder::new(file)?, &mut out)?;
        }
    }
    Ok(out.sync_all()?)
}
