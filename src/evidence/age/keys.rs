//! Keys of age as people write them: recipients `age1…` and identities `AGE-SECRET-KEY-1…`, Bech32 (BIP 173).

use x25519_dalek::{PublicKey, StaticSecret};

use super::AgeError;

/// Somebody segments are encrypted to: `age1…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub(super) public: [u8; 32],
    text: String,
}

impl Recipient {
    /// Reads `age1…`.
    ///
    /// # Errors
    /// It is no X25519 recipient.
    pub fn read(text: &str) -> Result<Recipient, AgeError> {
        let (hrp, bytes) = bech32(text).ok_or(AgeError::Key("not a Bech32 text: mistyped?"))?;
        match (hrp.as_str(), <[u8; 32]>::try_from(bytes)) {
            ("age", Ok(public)) => Ok(Recipient {
                public,
                text: text.to_ascii_lowercase(),
            }),
            ("age-secret-key-", _) => Err(AgeError::Key(
                "this is a secret identity; only its recipient (age1…) may stand on this host",
            )),
            _ => Err(AgeError::Key("no X25519 recipient (age1…)")),
        }
    }

    /// A short name of it for the ledger: the first 16 hexadecimal digits of its SHA-256.
    pub fn fingerprint(&self) -> String {
        use sha2::Digest;
        let hash = sha2::Sha256::digest(self.public);
        super::super::tree::hex(hash.first_chunk::<8>().unwrap_or(&[0; 8]))
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A secret that opens segments: `AGE-SECRET-KEY-1…`. Never shown.
pub struct Identity(pub(super) StaticSecret);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// Reads a file of identities as `age-keygen` writes it.
    ///
    /// # Errors
    /// No line holds an X25519 identity.
    pub fn read_all(text: &str) -> Result<Vec<Identity>, AgeError> {
        let keys = text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'));
        let read: Vec<Identity> = keys
            .map(|line| match bech32(line) {
                Some((hrp, bytes)) if hrp == "age-secret-key-" => {
                    let secret: [u8; 32] = bytes.try_into().map_err(|_| AgeError::Key("not an X25519 identity"))?;
                    Ok(Identity(StaticSecret::from(secret)))
                }
                _ => Err(AgeError::Key("not an X25519 identity (AGE-SECRET-KEY-1…)")),
            })
            .collect::<Result<_, _>>()?;
        match read.is_empty() {
            true => Err(AgeError::Key("there is no identity in it")),
            false => Ok(read),
        }
    }

    /// Who it belongs to: the 32 bytes of the recipient.
    pub(super) fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }
}

/// Human part and bytes of a Bech32 text (BIP 173) of any length, in one case of letters.
fn bech32(text: &str) -> Option<(String, Vec<u8>)> {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let mixed = text.bytes().any(|b| b.is_ascii_lowercase()) && text.bytes().any(|b| b.is_ascii_uppercase());
    let text = text.to_ascii_lowercase();
    let (hrp, data) = text.rsplit_once('1').filter(|(hrp, _)| !mixed && !hrp.is_empty())?;
    let values: Vec<u8> = data
        .bytes()
        .map(|b| LETTERS.iter().position(|l| *l == b).and_then(|i| u8::try_from(i).ok()))
        .collect::<Option<_>>()?;
    let high = hrp.bytes().map(|b| b >> 5);
    let low = hrp.bytes().map(|b| b & 31);
    let all = high.chain([0]).chain(low).chain(values.iter().copied());
    let check = all.fold(1u32, |check, value| {
        let top = check >> 25;
        let next = (check & 0x01ff_ffff) << 5 ^ u32::from(value);
        let taps = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let set = (0u32..).zip(taps).filter(|(i, _)| top >> i & 1 == 1);
        set.fold(next, |check, (_, tap)| check ^ tap)
    });
    if check != 1 {
        return None;
    }
    let data = values.get(..values.len().checked_sub(6)?)?;
    let (mut bits, mut have, mut bytes) = (0u32, 0u32, Vec::new());
    for value in data {
        bits = (bits << 5 | u32::from(*value)) & 0xfff;
        have += 5;
        if 8 <= have {
            have -= 8;
            bytes.push(u8::try_from(bits >> have & 0xff).ok()?);
        }
    }
    // What is left over are zeros, and less than one letter of them.
    (have < 5 && bits & ((1 << have) - 1) == 0).then(|| (hrp.to_owned(), bytes))
}
