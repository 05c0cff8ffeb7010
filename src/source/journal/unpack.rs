//! Fields of the journal that are stored compressed.

use std::io::Read;

/// How a field is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Xz,
    Lz4,
    Zstd,
}

/// Most bytes a packed field may hold: systemd's own limit for one field.
const FIELD_MAX: u64 = 768 << 20;

/// The first `max` bytes of what is packed in `bytes`, and its whole length. `None`: it is damaged.
pub(super) fn unpack(packing: Packing, bytes: &[u8], max: usize) -> Option<(Vec<u8>, u64)> {
    match packing {
        Packing::Xz => stream(lzma_rust2::XzReader::new(bytes, false), max),
        Packing::Zstd => stream(zstd::stream::read::Decoder::with_buffer(bytes).ok()?, max),
        Packing::Lz4 => {
            // Eight bytes of length, then one block.
            let (len, block) = bytes.split_first_chunk::<8>()?;
            let len = u64::from_le_bytes(*len);
            // An LZ4 block expands at most 255 times: no length that the bytes cannot give is believed.
            let possible = (block.len() as u64).saturating_mul(255).min(FIELD_MAX);
            let room = usize::try_from(len).ok().filter(|_| len <= possible)?;
            let mut field = lz4_flex::block::decompress(block, room).ok()?;
            if field.len() != room {
                return None;
            }
            field.truncate(max);
            Some((field, len))
        }
    }
}

/// Reads a stream to its end and keeps the first `max` bytes.
fn stream(mut from: impl Read, max: usize) -> Option<(Vec<u8>, u64)> {
    let mut field = Vec::new();
    from.by_ref().take(max as u64).read_to_end(&mut field).ok()?;
    let rest = std::io::copy(&mut from.take(FIELD_MAX), &mut std::io::sink()).ok()?;
    let len = (field.len() as u64).saturating_add(rest);
    Some((field, len))
}
