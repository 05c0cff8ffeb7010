//! The keyed hash that stands for a citizen's number.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;

use crate::access::Subject;
use crate::access::sha256::{BLOCK, State, behind, of_rest};

/// Key for hashes of citizens' numbers.
#[derive(Clone)]
pub struct SubjectKey {
    /// HMAC with nothing said yet, for numbers of any length.
    long: Hmac<Sha256>,
    /// The states of SHA-256 behind the inner and the outer key: a short number takes two blocks from here, half of
    /// what the general way costs.
    inner: State,
    outer: State,
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
        SubjectKey {
            long: Hmac::new(&block.into()),
            inner: behind(block.map(|byte| byte ^ 0x36)),
            outer: behind(block.map(|byte| byte ^ 0x5c)),
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
        let inner = of_rest::<1>(self.inner, &[number]);
        let short = inner.and_then(|inner| of_rest::<1>(self.outer, &[&inner]));
        let hash = short.unwrap_or_else(|| {
            let mut mac = self.long.clone();
            mac.update(number);
            mac.finalize().into_bytes().into()
        });
        let [a, b, c, d, e, f, g, h, ..] = hash;
        Subject(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
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
