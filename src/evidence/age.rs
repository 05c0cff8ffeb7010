//! age v1 (C2SP age) with X25519 recipients: the encryption of segments, so that every `age` of a distribution opens them.
//!
//! Encrypts to one or more recipients, whose identities are never on this host; decrypts with an identity for those who
//! verify or export. The format says nothing about who made a file: that a segment is ours is what the ledger proves.
//! Stanzas of other kinds are ignored when reading, as the specification wants.

mod keys;

use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use x25519_dalek::{PublicKey, StaticSecret};

pub use keys::{Identity, Recipient};

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

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869) to 32 bytes. A key that could not be made is an error, never zeros.
fn derive(secret: &[u8], salt: &[u8], info: &str) -> io::Result<[u8; 32]> {
    let mut out = [0u8; 32];
    let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let info = [info.as_bytes()];
    let filled = pseudorandom
        .expand(&info, Length(32))
        .and_then(|okm| okm.fill(&mut out));
    filled.map_err(|_| io::Error::other("cannot derive a key"))?;
    Ok(out)
}

/// The key that wraps the file key for the holder of `recipient`. A share or a recipient of low order, which would give
/// everybody the same secret, is refused as the specification wants.
fn wrapping(secret: &StaticSecret, with: [u8; 32], share: [u8; 32], recipient: [u8; 32]) -> io::Result<[u8; 32]> {
    let shared = secret.diffie_hellman(&PublicKey::from(with));
    if !shared.was_contributory() {
        return Err(io::Error::other("a recipient or share of low order"));
    }
    derive(
        shared.as_bytes(),
        &[share, recipient].concat(),
        "age-encryption.org/v1/X25519",
    )
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

fn header_key(file_key: &[u8]) -> io::Result<hmac::Key> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &derive(file_key, &[], "header")?))
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
            let wrap = wrapping(&secret, recipient.public, share, recipient.public)?;
            let mut body = file_key.to_vec();
            let sealed = cipher(&wrap)?.seal_in_place_append_tag(nonce(0, false), Aad::empty(), &mut body);
            sealed.map_err(|_| io::Error::other("cannot wrap the file key"))?;
            let (share, body) = (STANDARD_NO_PAD.encode(share), STANDARD_NO_PAD.encode(body));
            header.push_str(&format!("{STANZA}{share}\n{body}\n"));
        }
        header.push_str("---");
        let mac = STANDARD_NO_PAD.encode(hmac::sign(&header_key(&file_key)?, header.as_bytes()));
        to.write_all(format!("{header} {mac}\n").as_bytes())?;
        let salt: [u8; 16] = random()?;
        to.write_all(&salt)?;
        Ok(Encryptor {
            to,
            key: cipher(&derive(&file_key, &salt, "payload")?)?,
            buffer: Vec::new(),
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
        let whole = (CHUNK + TAG).saturating_sub(self.buffer.len());
        self.buffer.reserve_exact(whole);
        self.buffer.extend_from_slice(taken);
        Ok(taken.len())
    }

    /// Writes out what is sealed, and keeps no more memory than what is not.
    fn flush(&mut self) -> io::Result<()> {
        self.buffer.shrink_to_fit();
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
                let Ok(key) = wrapping(&identity.0, *share, *share, identity.public()).and_then(|wrap| cipher(&wrap))
                else {
                    continue;
                };
                let mut body = body.clone();
                let Ok(opened) = key.open_in_place(nonce(0, false), Aad::empty(), &mut body) else {
                    continue;
                };
                let file_key: [u8; 16] = (&*opened)
                    .try_into()
                    .map_err(|_| AgeError::Header("a file key of the wrong length"))?;
                let key = header_key(&file_key).map_err(|_| AgeError::Header("no key for its MAC"))?;
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
        let key = derive(&file_key, &salt, "payload").and_then(|key| cipher(&key));
        let key = key.map_err(|_| AgeError::Header("no such cipher"))?;
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
    fn nothing_is_encrypted_to_a_point_that_gives_everybody_the_same_secret() {
        let mut nobody = Recipient::read(PUBLIC).unwrap();
        nobody.public = [0; 32];
        assert!(Encryptor::new(Vec::new(), &[nobody]).is_err());
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
