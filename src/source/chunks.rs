//! What proves consumed bytes afterwards: a SHA-256 of each MiB, and a chain over them.
//!
//! Every consumed byte is hashed in order, newlines, NULs and left out ones included (FIPS 180-4). A full chunk's hash is
//! written with the batch that filled it, and `chain = SHA-256(chain || hash)` goes on over it, from 32 zero bytes; the
//! chunk that is not full yet is proved by `part`. When a segment is over, [`SegmentState::seal`] binds all of it
//! to what was over before. A change of one byte names its chunk; a changed, missing or added row breaks the chain.

use std::fs::File;
use std::io;

use sha2::{Digest, Sha256};

use super::identity::read_full;
use super::{CHUNK_BYTES, ChunkHash, Proof, SegmentState};
use crate::access::SegmentId;

/// Bytes hashed at once when a file is read again.
const PIECE: usize = 256 * 1024;

/// The running hashes of one segment.
#[derive(Debug, Clone)]
pub(super) struct Hashing {
    /// Position up to which bytes were taken.
    at: u64,
    /// Bytes in the chunk that is not full yet.
    len: u32,
    hasher: Sha256,
    chain: [u8; 32],
    filled: Vec<(u64, [u8; 32])>,
}

/// The chunk `position` lies in: its number and its range in a segment that begins at `origin`.
pub(super) fn chunk_at(position: u64, origin: u64) -> (u64, u64, u64) {
    let index = position / CHUNK_BYTES;
    let start = index.saturating_mul(CHUNK_BYTES);
    (index, start.max(origin), start.saturating_add(CHUNK_BYTES))
}

impl Hashing {
    /// Nothing taken yet of a segment that begins at `origin`.
    pub fn begin(origin: u64) -> Hashing {
        Hashing {
            at: origin,
            len: 0,
            hasher: Sha256::new(),
            chain: [0; 32],
            filled: Vec::new(),
        }
    }

    /// Goes on where `state` stands, from what `file` holds of its last chunk. The second value: whether that is what
    /// was consumed.
    pub fn restore(read: &mut ReadAt<'_>, state: &SegmentState) -> io::Result<(Hashing, bool)> {
        let (_, start, _) = chunk_at(state.position, state.origin);
        let mut hashing = Hashing::begin(start);
        hashing.chain = state.chain;
        hashing.take_from(read, state.position)?;
        let same = hashing.part() == state.part;
        Ok((hashing, same))
    }

    /// Takes the bytes that follow.
    pub fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (index, _, end) = chunk_at(self.at, 0);
            let room = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.hasher.update(now);
            self.at = self.at.saturating_add(now.len() as u64);
            self.len = self.len.saturating_add(u32::try_from(now.len()).unwrap_or(u32::MAX));
            if self.at == end {
                let hash: [u8; 32] = self.hasher.finalize_reset().into();
                self.chain = link(&self.chain, &hash);
                self.filled.push((index, hash));
                self.len = 0;
            }
            bytes = later;
        }
    }

    /// Takes what the file holds up to `position`.
    pub fn take_from(&mut self, read: &mut ReadAt<'_>, position: u64) -> io::Result<()> {
        let mut buf = vec![0; PIECE];
        while self.at < position {
            let want = usize::try_from(position.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let piece = buf.get_mut(..want.min(PIECE)).unwrap_or_default();
            let n = read(piece, self.at)?;
            if n != piece.len() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
            }
            self.take(piece);
        }
        Ok(())
    }

    /// The chunk that is not full yet.
    pub fn part(&self) -> Proof {
        Proof {
            len: self.len,
            hash: self.hasher.clone().finalize().into(),
        }
    }

    /// Over all full chunks.
    pub fn chain(&self) -> [u8; 32] {
        self.chain
    }

    /// The chunks that became full since the last call.
    pub fn take_filled(&mut self, segment: SegmentId) -> Vec<ChunkHash> {
        let hash = |(index, hash)| ChunkHash {
            segment,
            index,
            hash,
            found: None,
        };
        std::mem::take(&mut self.filled).into_iter().map(hash).collect()
    }
}

/// Reads bytes at a position until the buffer is full or the file ends; gives their number.
pub(super) type ReadAt<'r> = dyn FnMut(&mut [u8], u64) -> io::Result<usize> + 'r;

/// The SHA-256 of `lo..hi` of `file`; `None` where it ends before.
pub(super) fn hash_of(file: &File, lo: u64, hi: u64) -> io::Result<Option<[u8; 32]>> {
    let mut hasher = Sha256::new();
    let mut buf = vec![0; PIECE];
    let mut at = lo;
    while at < hi {
        let want = usize::try_from(hi.saturating_sub(at)).unwrap_or(usize::MAX);
        let piece = buf.get_mut(..want.min(PIECE)).unwrap_or_default();
        if read_full(file, piece, at)? != piece.len() {
            return Ok(None);
        }
        hasher.update(&*piece);
        at = at.saturating_add(piece.len() as u64);
    }
    Ok(Some(hasher.finalize().into()))
}

/// The chain with one more chunk.
pub(super) fn link(chain: &[u8; 32], hash: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(chain).chain_update(hash).finalize().into()
}

/// The first bytes of a hash, for people to compare.
pub(super) fn brief(hash: &[u8; 32]) -> String {
    hash.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

impl SegmentState {
    /// Whether the file it was last seen in is compressed: its size says nothing of what is in it.
    pub fn packed(&self) -> bool {
        super::body::Form::of(&self.path).is_some()
    }

    /// Binds the segment as it is to the seal before it (32 zero bytes where there is none).
    pub fn seal(&self, before: &[u8; 32]) -> [u8; 32] {
        let id = self.id.0.cast_unsigned();
        let mut hasher = Sha256::new().chain_update(before);
        for number in [id, self.origin, self.position, self.lines] {
            hasher.update(number.to_le_bytes());
        }
        hasher
            .chain_update(self.part.hash)
            .chain_update(self.chain)
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(origin: u64, pieces: &[&[u8]]) -> Hashing {
        let mut hashing = Hashing::begin(origin);
        pieces.iter().for_each(|p| hashing.take(p));
        hashing
    }

    #[test]
    fn each_full_chunk_has_its_hash_and_the_rest_its_part() {
        let bytes: Vec<u8> = (0..CHUNK_BYTES * 2 + 100).map(|n| (n % 251) as u8).collect();
        let chunk = CHUNK_BYTES as usize;
        let mut hashing = taken(0, &[&bytes]);
        let of = |range: std::ops::Range<usize>| -> [u8; 32] { Sha256::digest(&bytes[range]).into() };
        let (first, second) = (of(0..chunk), of(chunk..2 * chunk));
        assert_eq!(hashing.chain(), link(&link(&[0; 32], &first), &second));
        assert_eq!(
            hashing.part(),
            Proof {
                len: 100,
                hash: of(2 * chunk..2 * chunk + 100)
            }
        );
        let filled = hashing.take_filled(SegmentId(1));
        assert_eq!(
            filled.iter().map(|c| (c.index, c.hash)).collect::<Vec<_>>(),
            [(0, first), (1, second)]
        );
        assert!(hashing.take_filled(SegmentId(1)).is_empty());
    }

    proptest! {
        #[test]
        fn any_way_of_giving_the_bytes_gives_the_same_hashes(
            origin in 0..CHUNK_BYTES * 2,
            cuts in proptest::collection::vec(1usize..400_000, 1..12),
        ) {
            let pieces: Vec<Vec<u8>> = cuts.iter().map(|n| vec![*n as u8; *n]).collect();
            let parts: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let (mut one, mut many) = (taken(origin, &[&pieces.concat()]), taken(origin, &parts));
            prop_assert_eq!((one.part(), one.chain()), (many.part(), many.chain()));
            prop_assert_eq!(one.take_filled(SegmentId(1)), many.take_filled(SegmentId(1)));
        }
    }

    #[test]
    fn a_seal_depends_on_everything_it_binds() {
        let state = crate::source::tests::state();
        let seal = state.seal(&[0; 32]);
        let changes: [fn(&mut SegmentState); 6] = [
            |s| s.id.0 += 1,
            |s| s.origin += 1,
            |s| s.position += 1,
            |s| s.lines += 1,
            |s| s.part.hash[31] ^= 1,
            |s| s.chain[0] ^= 1,
        ];
        for change in changes {
            let mut other = state.clone();
            change(&mut other);
            assert_ne!(other.seal(&[0; 32]), seal);
        }
        assert_ne!(state.seal(&[1; 32]), seal);
    }
}
