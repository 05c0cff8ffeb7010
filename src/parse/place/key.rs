//! The keyed hash that stands for a citizen's number.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sha2::block_api::compress256;
use unicode_normalization::UnicodeNormalization;

use crate::access::Subject;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;
/// Longest number that leaves room for its end and its length in one block.
const ONE_BLOCK_MAX: usize = BLOCK - 9;
/// Where SHA-256 begins (FIPS 180-4, 5.3.3).
const BEGINNING: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Key for hashes of citizens' numbers.
#[derive(Clone)]
pub struct SubjectKey {
    /// HMAC with nothing said yet, for numbers of any length.
    long: Hmac<Sha256>,
    /// The states of SHA-256 behind the inner and the outer key: a short number takes two blocks from here, half of
    /// what the general way costs.
    inner: [u32; 8],
    outer: [u32; 8],
}

impl std::fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubjectKey(..)")
    }
}

impl SubjectKey {
    /// A key from secret bytes (32 of them, from the system's generator).
    pub fn new(secret: &[u8; 32]) -> Self {
        let mut block = [0u8; BLOCK];
        block.iter_mut().zip(secret).for_each(|(b, s)| *b = *s);
        let behind = |pad: u8| {
            let mut state = BEGINNING;
            compress256(&mut state, &[block.map(|byte| byte ^ pad)]);
            state
        };
        SubjectKey {
            long: Hmac::new(&block.into()),
            inner: behind(0x36),
            outer: behind(0x5c),
        }
    }

    /// HMAC-SHA-256 (RFC 2104) of the number, first 64 bits. Blanks around it and full-width forms (NFKC) make
    /// no difference; leading zeros do.
    pub fn hash(&self, number: &[u8]) -> Subject {
        if number.is_ascii() {
            return self.of_bytes(number.trim_ascii());
        }
        let text: String = String::from_utf8_lossy(number).nfkc().collect();
        self.of_bytes(text.trim().as_bytes())
    }

    fn of_bytes(&self, number: &[u8]) -> Subject {
        if ONE_BLOCK_MAX < number.len() {
            let mut mac = self.long.clone();
            mac.update(number);
            let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(mac.finalize().into_bytes());
            return Subject(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        }
        let mut inner = self.inner;
        last_block(&mut inner, number.iter().copied(), number.len());
        let mut outer = self.outer;
        last_block(&mut outer, inner.into_iter().flat_map(u32::to_be_bytes), 32);
        let [high, low, ..] = outer;
        Subject(u64::from(high) << 32 | u64::from(low))
    }
}

/// Takes in the last block of a message whose first one was a key: `bytes`, `len` of them, and how long all of it was.
fn last_block(state: &mut [u32; 8], bytes: impl Iterator<Item = u8>, len: usize) {
    let mut block = [0u8; BLOCK];
    block
        .iter_mut()
        .zip(bytes.chain(std::iter::once(0x80)))
        .for_each(|(b, byte)| *b = byte);
    let bits = ((BLOCK + len) * 8) as u64;
    let (_, end) = block.split_at_mut(BLOCK - 8);
    end.copy_from_slice(&bits.to_be_bytes());
    compress256(state, &[block]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_hash_as_the_general_hmac_does() {
        let key = SubjectKey::new(&[0xa7; 32]);
        let digits: Vec<u8> = (0..120u8).map(|n| b'0' + n % 10).collect();
        for len in 0..digits.len() {
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&[0xa7; 32]).unwrap();
            mac.update(&digits[..len]);
            let expected = u64::from_be_bytes(mac.finalize().into_bytes()[..8].try_into().unwrap());
            assert_eq!(key.hash(&digits[..len]), Subject(expected), "{len} digits");
        }
    }
}
