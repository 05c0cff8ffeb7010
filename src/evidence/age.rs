//! age v1 (C2SP age) with X25519 recipients: the encryption of segments, so that every `age` of a distribution opens them.
//!
//! Encrypts to one or more recipients, whose identities are never on this host; decrypts with an identity for those who
//! verify or export. The format says nothing about who made a file: that a segment is ours is what the ledger proves.
//! Stanzas of other kinds are ignored when reading, as the specification wants.

use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use x25519_dalek::{PublicKey, StaticSecret};

/// Bytes of plaintext in one chunk of the payload.
pub const CHUNK: usize = 64 * 1024;
/// What authentication adds to a chunk.
const TAG: usize = 16;
/// The first line.
const VERSION: &str = "age-encryption.org/v1";
/// What a stanza of our kind begins with.
const STANZA: &str = "-> X25519 ";
/// Longest header that is read.
const HEADER_MAX: usize = 64 * 1024;

/// Something is no age file, or not for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// A recipient or identity that is none.
    #[error("{0}")]
    Key(&'static str),
    /// The header.
    #[error("its age header is damaged: {0}")]
    Header(&'static str),
    /// None of the identities opens it.
    #[error("none of the given identities opens it")]
    NotForUs,
}

/// Somebody segments are encrypted to: `age1…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    public: [u8; 32],
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
        super::tree::hex(hash.first_chunk::<8>().unwrap_or(&[0; 8]))
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A secret that opens segments: `AGE-SECRET-KEY-1…`. Never shown.
pub struct Identity(StaticSecret);

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
    fn public(&self) -> [u8; 32] {
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

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869) to 32 bytes.
fn derive(secret: &[u8], salt: &[u8], info: &str) -> [u8; 32] {
    let mut out = [0u8; 32];
    let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let info = [info.as_bytes()];
    let filled = pseudorandom
        .expand(&info, Length(32))
        .and_then(|okm| okm.fill(&mut out));
    // 32 bytes are far below what HKDF can give.
    debug_assert!(filled.is_ok());
    out
}

fn cipher(key: &[u8; 32]) -> io::Result<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key);
    Ok(LessSafeKey::new(key.map_err(|_| io::Error::other("no such cipher"))?))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(bytes)
}

fn header_mac(file_key: &[u8], header: &str) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(file_key, &[], "header"));
    hmac::sign(&key, header.as_bytes())
}

/// The nonce of a chunk: its number and whether it is the last.
fn nonce(counter: u64, last: bool) -> Nonce {
    let mut bytes = [0u8; 12];
    if let Some((number, flag)) = bytes.split_last_chunk_mut::<9>().map(|(_, tail)| tail.split_at_mut(8)) {
        number.copy_from_slice(&counter.to_be_bytes());
        flag.copy_from_slice(&[u8::from(last)]);
    }
    Nonce::assume_unique_for_key(bytes)
}

/// Encrypts what is written to it. [`Encryptor::finish`] makes it a whole file.
pub struct Encryptor<W: Write> {
    to: W,
    key: LessSafeKey,
    buffer: Vec<u8>,
    counter: u64,
}

impl<W: Write> std::fmt::Debug for Encryptor<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encryptor")
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

impl<W: Write> Encryptor<W> {
    /// Writes the header for `recipients`.
    ///
    /// # Errors
    /// The writer, or the system gives no random bytes.
    pub fn new(mut to: W, recipients: &[Recipient]) -> io::Result<Encryptor<W>> {
        let file_key: [u8; 16] = random()?;
        let mut header = format!("{VERSION}\n");
        for recipient in recipients {
            let secret = StaticSecret::from(random::<32>()?);
            let share = PublicKey::from(&secret).to_bytes();
            let shared = secret.diffie_hellman(&PublicKey::from(recipient.public));
            let wrap = derive(
                shared.as_bytes(),
                &[share, recipient.public].concat(),
                "age-encryption.org/v1/X25519",
            );
            let mut body = file_key.to_vec();
            let sealed = cipher(&wrap)?.seal_in_place_append_tag(nonce(0, false), Aad::empty(), &mut body);
            sealed.map_err(|_| io::Error::other("cannot wrap the file key"))?;
            let (share, body) = (STANDARD_NO_PAD.encode(share), STANDARD_NO_PAD.encode(body));
            header.push_str(&format!("{STANZA}{share}\n{body}\n"));
        }
        header.push_str("---");
        let mac = STANDARD_NO_PAD.encode(header_mac(&file_key, &header));
        to.write_all(format!("{header} {mac}\n").as_bytes())?;
        let salt: [u8; 16] = random()?;
        to.write_all(&salt)?;
        Ok(Encryptor {
            to,
            key: cipher(&derive(&file_key, &salt, "payload"))?,
            buffer: Vec::with_capacity(CHUNK + TAG),
            counter: 0,
        })
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = nonce(self.counter, last);
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut self.buffer);
        sealed.map_err(|_| io::Error::other("cannot encrypt"))?;
        self.to.write_all(&self.buffer)?;
        self.buffer.clear();
        self.counter = self.counter.saturating_add(1);
        Ok(())
    }

    /// Writes the last chunk and gives back the writer.
    ///
    /// # Errors
    /// The writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.to)
    }
}

impl<W: Write> Write for Encryptor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk is only sealed when more follows: the last one carries a flag.
        if self.buffer.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let room = CHUNK.saturating_sub(self.buffer.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The header of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Shares and bodies of its X25519 stanzas.
    stanzas: Vec<([u8; 32], Vec<u8>)>,
    /// Up to and with `---`.
    text: String,
    mac: Vec<u8>,
}

impl Header {
    /// Reads a header and nothing behind it.
    ///
    /// # Errors
    /// It is none, or longer than any of ours.
    pub fn read(from: &mut impl Read) -> Result<Header, AgeError> {
        let mut text = String::new();
        let mut lines = 0usize;
        loop {
            let line = line(from, HEADER_MAX.saturating_sub(text.len()))?;
            if lines == 0 && line != VERSION {
                return Err(AgeError::Header("it is no age file"));
            }
            lines = lines.saturating_add(1);
            if let Some(mac) = line.strip_prefix("--- ") {
                text.push_str("---");
                let mac = STANDARD_NO_PAD
                    .decode(mac)
                    .map_err(|_| AgeError::Header("its MAC is no base64"))?;
                return Header::parse(text, mac);
            }
            text.push_str(&line);
            text.push('\n');
        }
    }

    fn parse(text: String, mac: Vec<u8>) -> Result<Header, AgeError> {
        let mut stanzas = Vec::new();
        let mut lines = text.lines().skip(1).peekable();
        while let Some(line) = lines.next() {
            if line == "---" {
                break;
            }
            if !line.starts_with("-> ") {
                return Err(AgeError::Header("a line outside a stanza"));
            }
            let mut body = String::new();
            while let Some(more) = lines.next_if(|l| !l.starts_with("-> ") && *l != "---") {
                body.push_str(more);
            }
            let Some(share) = line.strip_prefix(STANZA) else {
                continue;
            };
            let share = STANDARD_NO_PAD.decode(share).ok().and_then(|s| s.try_into().ok());
            let body = STANDARD_NO_PAD.decode(body).ok().filter(|b| b.len() == 32);
            let (Some(share), Some(body)) = (share, body) else {
                return Err(AgeError::Header("an X25519 stanza of the wrong length"));
            };
            stanzas.push((share, body));
        }
        Ok(Header { stanzas, text, mac })
    }

    /// How many X25519 recipients there are.
    pub fn recipients(&self) -> usize {
        self.stanzas.len()
    }

    fn open(&self, identities: &[Identity]) -> Result<[u8; 16], AgeError> {
        for identity in identities {
            for (share, body) in &self.stanzas {
                let shared = identity.0.diffie_hellman(&PublicKey::from(*share));
                let salt = [*share, identity.public()].concat();
                let wrap = derive(shared.as_bytes(), &salt, "age-encryption.org/v1/X25519");
                let mut body = body.clone();
                let Ok(key) = cipher(&wrap) else { continue };
                let Ok(opened) = key.open_in_place(nonce(0, false), Aad::empty(), &mut body) else {
                    continue;
                };
                let file_key: [u8; 16] = (&*opened)
                    .try_into()
                    .map_err(|_| AgeError::Header("a file key of the wrong length"))?;
                let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(&file_key, &[], "header"));
                let sound = hmac::verify(&key, self.text.as_bytes(), &self.mac).is_ok();
                return sound
                    .then_some(file_key)
                    .ok_or(AgeError::Header("its MAC does not hold"));
            }
        }
        Err(AgeError::NotForUs)
    }
}

/// One line without its newline, at most `max` bytes.
fn line(from: &mut impl Read, max: usize) -> Result<String, AgeError> {
    let mut bytes = Vec::new();
    let mut one = [0u8; 1];
    loop {
        from.read_exact(&mut one)
            .map_err(|_| AgeError::Header("it ends in the header"))?;
        match one {
            [b'\n'] => break,
            [byte] if bytes.len() < max => bytes.push(byte),
            _ => return Err(AgeError::Header("it is too long")),
        }
    }
    String::from_utf8(bytes).map_err(|_| AgeError::Header("it is no text"))
}

/// Decrypts a file as it is read. An error of kind `InvalidData` names the chunk that is not what was encrypted.
pub struct Decryptor<R: Read> {
    from: R,
    key: LessSafeKey,
    chunk: Vec<u8>,
    /// What is open of `chunk`: from, to.
    open: (usize, usize),
    /// The chunk that follows, read ahead: the last one is known by nothing following it.
    next: Vec<u8>,
    counter: u64,
    done: bool,
}

impl<R: Read> std::fmt::Debug for Decryptor<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decryptor")
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Decryptor<R> {
    /// Reads the header and opens it with one of `identities`.
    ///
    /// # Errors
    /// [`AgeError`].
    pub fn new(mut from: R, identities: &[Identity]) -> Result<Decryptor<R>, AgeError> {
        let header = Header::read(&mut from)?;
        let file_key = header.open(identities)?;
        let mut salt = [0u8; 16];
        from.read_exact(&mut salt)
            .map_err(|_| AgeError::Header("it ends behind the header"))?;
        let key = cipher(&derive(&file_key, &salt, "payload")).map_err(|_| AgeError::Header("no such cipher"))?;
        let mut new = Decryptor {
            from,
            key,
            chunk: Vec::new(),
            open: (0, 0),
            next: Vec::new(),
            counter: 0,
            done: false,
        };
        new.ahead().map_err(|_| AgeError::Header("it cannot be read"))?;
        Ok(new)
    }

    fn ahead(&mut self) -> io::Result<()> {
        self.next.clear();
        let most = u64::try_from(CHUNK + TAG).unwrap_or(u64::MAX);
        (&mut self.from).take(most).read_to_end(&mut self.next)?;
        Ok(())
    }

    fn turn(&mut self) -> io::Result<()> {
        std::mem::swap(&mut self.chunk, &mut self.next);
        self.ahead()?;
        let last = self.next.is_empty();
        let at = self.counter;
        let bad = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("chunk {at} of 64 KiB was changed or cut"),
            )
        };
        let opened = self.key.open_in_place(nonce(at, last), Aad::empty(), &mut self.chunk);
        let len = opened.map_err(|_| bad())?.len();
        // An empty last chunk is only that of an empty file.
        if len == 0 && at != 0 {
            return Err(bad());
        }
        self.open = (0, len);
        self.done = last;
        self.counter = at.saturating_add(1);
        Ok(())
    }
}

impl<R: Read> Read for Decryptor<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.open.0 == self.open.1 {
            if self.done {
                return Ok(0);
            }
            self.turn()?;
        }
        let (from, to) = self.open;
        let open = self.chunk.get(from..to).unwrap_or_default();
        let n = open.len().min(into.len());
        if let (Some(into), Some(open)) = (into.get_mut(..n), open.get(..n)) {
            into.copy_from_slice(open);
        }
        self.open = (from.saturating_add(n), to);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pair made with age-keygen for these tests.
    const SECRET: &str = "AGE-SECRET-KEY-1AUDHHH4EDSD68F36SW6M3FXPRLQ4H4KSDE890LARKZ3DVCLC9TJSTNQCVK";
    const PUBLIC: &str = "age13ajax0m47nrn5vdg3rf5uswptfrspj2tx6jx09kn7z2sryze29rqt26sg6";

    fn identity() -> Vec<Identity> {
        Identity::read_all(&format!("# made for tests\n{SECRET}\n")).unwrap()
    }

    fn sealed(plain: &[u8], recipients: usize) -> Vec<u8> {
        let recipients = vec![Recipient::read(PUBLIC).unwrap(); recipients];
        let mut age = Encryptor::new(Vec::new(), &recipients).unwrap();
        age.write_all(plain).unwrap();
        age.finish().unwrap()
    }

    fn opened(file: &[u8]) -> Result<Vec<u8>, String> {
        let mut age = Decryptor::new(file, &identity()).map_err(|e| e.to_string())?;
        let mut plain = Vec::new();
        age.read_to_end(&mut plain).map_err(|e| e.to_string())?;
        Ok(plain)
    }

    #[test]
    fn a_recipient_is_that_of_its_identity() {
        assert_eq!(identity()[0].public(), Recipient::read(PUBLIC).unwrap().public);
        assert!(Recipient::read(&PUBLIC.replacen('j', "k", 1)).is_err());
        assert!(Recipient::read(SECRET).unwrap_err().to_string().contains("secret"));
        assert!(Identity::read_all("# nothing\n").is_err());
    }

    #[test]
    fn what_is_encrypted_comes_back_at_every_length_around_a_chunk() {
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7] {
            let plain: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            assert_eq!(opened(&sealed(&plain, 2)).unwrap(), plain, "{len}");
        }
        let header = Header::read(&mut sealed(b"x", 3).as_slice()).unwrap();
        assert_eq!(header.recipients(), 3);
    }

    #[test]
    fn a_changed_cut_or_grown_file_is_refused_with_its_chunk() {
        let plain = vec![7u8; 3 * CHUNK];
        let whole = sealed(&plain, 1);
        let payload = whole.len() - 3 * (CHUNK + TAG);
        let mut flipped = whole.clone();
        flipped[payload + CHUNK + TAG + 99] ^= 1;
        assert!(opened(&flipped).unwrap_err().starts_with("chunk 1 "));
        assert!(opened(&whole[..whole.len() - 1]).unwrap_err().starts_with("chunk 2 "));
        assert!(
            opened(&whole[..payload + CHUNK + TAG])
                .unwrap_err()
                .starts_with("chunk 0 ")
        );
        let mut grown = whole.clone();
        grown.push(0);
        assert!(opened(&grown).is_err());
        let mut header = whole.clone();
        header[60] ^= 1;
        assert!(opened(&header).is_err());
        assert_eq!(
            opened(b"hello"),
            Err("its age header is damaged: it ends in the header".into())
        );
    }
}
