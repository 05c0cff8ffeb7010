//! Signed notes and checkpoints (C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0), signed with Ed25519 (RFC 8032).
//!
//! A checkpoint is three lines (origin, size, root) and its signatures. Ours carries two: of the log key, which
//! outside tools know, and of the key of the day, which no longer exists tomorrow. Lines of keys nobody asked
//! for are ignored, as the specification wants; a note without the wanted signature never passes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

use super::tree::Hash;

/// Type byte of Ed25519 keys and signatures.
const ED25519_TYPE: u8 = 1;
/// Most signature lines of a note.
const SIGNATURES_MAX: usize = 16;
/// Longest note taken, in bytes.
const NOTE_BYTES_MAX: usize = 16 * 1024;
/// What a signature line begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// Bytes as standard base64 with padding (RFC 4648 §4).
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of standard base64 in its one canonical spelling.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A public key with its name: `name+hash+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// The key `public` called `name`.
    pub fn new(name: &str, public: [u8; 32]) -> VerifierKey {
        VerifierKey {
            name: name.to_owned(),
            public,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key).
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ED25519_TYPE])
            .chain_update(self.public)
            .finalize();
        hash.first_chunk::<4>().copied().unwrap_or_default()
    }

    /// Reads `name+hash+key`.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn read(text: &str) -> Result<VerifierKey, &'static str> {
        let mut parts = text.trim_end_matches('\n').splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a key has the form name+hash+key");
        };
        let key = unbase64(key).ok_or("the key is no base64")?;
        let Some((&ED25519_TYPE, public)) = key.split_first() else {
            return Err("the key is no Ed25519 key");
        };
        let public: [u8; 32] = public.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
        if !is_name(name) {
            return Err("the name of the key is empty or holds a space or plus sign");
        }
        let key = VerifierKey::new(name, public);
        if super::tree::unhex(id) != Some(key.id()) {
            return Err("the hash of the key does not belong to it");
        }
        Ok(key)
    }

    fn holds(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public)
            .verify(text.as_bytes(), signature)
            .is_ok()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let mut key = vec![ED25519_TYPE];
        key.extend_from_slice(&self.public);
        write!(f, "{}+{id:08x}+{}", self.name, base64(&key))
    }
}

/// Whether a key may be called so.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('+') && !name.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// A private key with its name. Its seed is never shown.
pub struct Signer {
    key: VerifierKey,
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Signer {
    /// The key of the 32 random bytes `seed`, called `name`. `None` if the bytes are no seed.
    pub fn new(name: &str, seed: &[u8]) -> Option<Signer> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().ok()?;
        Some(Signer {
            key: VerifierKey::new(name, public),
            pair,
        })
    }

    /// What others check its signatures with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    fn line(&self, text: &str) -> String {
        let mut bytes = self.key.id().to_vec();
        bytes.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{DASH}{} {}\n", self.key.name, base64(&bytes))
    }
}

/// A note that was read: its text and who claims to have signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<(String, [u8; 4], Vec<u8>)>,
}

impl Note {
    /// Reads a note, strictly.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn read(bytes: &[u8]) -> Result<Note, &'static str> {
        if NOTE_BYTES_MAX < bytes.len() {
            return Err("too long for a note");
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        if whole.chars().any(|c| c.is_control() && c != '\n') {
            return Err("it holds control characters");
        }
        let (text, signatures) = whole.rsplit_once("\n\n").ok_or("no empty line before its signatures")?;
        let signatures = signatures.strip_suffix('\n').ok_or("its last line is not ended")?;
        let lines: Vec<&str> = signatures.split('\n').collect();
        if SIGNATURES_MAX < lines.len() {
            return Err("too many signatures");
        }
        let signatures = lines.into_iter().map(signature).collect::<Option<Vec<_>>>();
        Ok(Note {
            text: format!("{text}\n"),
            signatures: signatures.ok_or("a line that is no signature")?,
        })
    }

    /// What was signed, its last newline included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether `key` signed it. Of several lines of this key each must hold.
    pub fn signed_by(&self, key: &VerifierKey) -> bool {
        let mut ours = self.lines_of(key).peekable();
        ours.peek().is_some() && ours.all(|signature| key.holds(&self.text, signature))
    }

    /// Whether a line claims to be of `key`, sound or not.
    pub fn claims(&self, key: &VerifierKey) -> bool {
        self.lines_of(key).next().is_some()
    }

    fn lines_of<'a>(&'a self, key: &'a VerifierKey) -> impl Iterator<Item = &'a Vec<u8>> {
        let ours = move |(name, id, _): &&(String, [u8; 4], Vec<u8>)| *name == key.name && *id == key.id();
        self.signatures.iter().filter(ours).map(|(_, _, signature)| signature)
    }
}

fn signature(line: &str) -> Option<(String, [u8; 4], Vec<u8>)> {
    let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = unbase64(bytes)?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    is_name(name).then(|| (name.to_owned(), *id, signature.to_vec()))
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of their tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The three lines.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root))
    }

    /// The signed note.
    pub fn sign(&self, signers: &[&Signer]) -> String {
        let text = self.text();
        let lines: String = signers.iter().map(|signer| signer.line(&text)).collect();
        format!("{text}\n{lines}")
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn read(text: &str) -> Result<Checkpoint, &'static str> {
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines.as_slice() else {
            return Err("a checkpoint has three lines");
        };
        let number: u64 = size.parse().map_err(|_| "its size is no number")?;
        if number.to_string() != *size {
            return Err("its size is not written plainly");
        }
        let root = unbase64(root).and_then(|root| root.try_into().ok());
        Ok(Checkpoint {
            origin: (*origin).to_owned(),
            size: number,
            root: root.ok_or("its root is no base64 of 32 bytes")?,
        })
    }
}

/// A code of 16 letters to compare a checkpoint by eye or by telephone: the first 10 bytes of SHA-256 of its text in
/// base32 (RFC 4648 §6). It helps people; it proves nothing, being too short.
pub fn spoken_code(text: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = Sha256::digest(text.as_bytes());
    let mut code = String::new();
    let (mut bits, mut have) = (0u32, 0u32);
    for byte in hash.iter().take(10) {
        bits = bits << 8 | u32::from(*byte);
        have += 8;
        while 5 <= have {
            have -= 5;
            let index = usize::try_from(bits >> have & 31).unwrap_or(0);
            let letter = LETTERS.get(index).copied().unwrap_or(b'A');
            if code.len() % 5 == 4 {
                code.push('-');
            }
            code.push(char::from(letter));
        }
        bits &= (1 << have) - 1;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(name: &str, seed: u8) -> Signer {
        Signer::new(name, &[seed; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "example.jp/log".into(),
            size: 7,
            root: [9; 32],
        }
    }

    #[test]
    fn the_example_of_the_specification_is_understood() {
        let key = VerifierKey::read("example.com/foo+530d903b+Ab9DW+u6dx7Go2ZgI8RAz3K7kVQnmLXjzk3Cg1PTAYPq");
        // Only the form is checked here; whether the hash belongs to the key decides.
        assert!(matches!(
            key,
            Ok(_) | Err("the hash of the key does not belong to it" | "an Ed25519 key has 32 bytes")
        ));
        let key = signer("example.com/foo", 1).verifier().to_string();
        assert_eq!(VerifierKey::read(&key).unwrap().to_string(), key);
    }

    #[test]
    fn a_checkpoint_passes_with_both_keys_and_with_no_other() {
        let (log, day, other) = (
            signer("example.jp/log", 1),
            signer("example.jp/log/epoch", 2),
            signer("example.jp/log", 3),
        );
        let note = checkpoint().sign(&[&log, &day]);
        let read = Note::read(note.as_bytes()).unwrap();
        assert!(read.signed_by(log.verifier()) && read.signed_by(day.verifier()));
        assert!(!read.signed_by(other.verifier()));
        assert_eq!(Checkpoint::read(read.text()), Ok(checkpoint()));
        let forged = note.replacen("\n7\n", "\n8\n", 1);
        let read = Note::read(forged.as_bytes()).unwrap();
        assert!(!read.signed_by(log.verifier()) && read.claims(log.verifier()));
    }

    #[test]
    fn hostile_notes_are_refused() {
        let log = signer("example.jp/log", 1);
        let note = checkpoint().sign(&[&log]);
        let line = note.lines().last().unwrap().to_owned();
        let many = format!("{note}{}", format!("{line}\n").repeat(20));
        let bad = [
            note.replace('\n', "\r\n"),
            note.trim_end().to_owned(),
            format!("{note} "),
            note.replacen("\u{2014}", "-", 1),
            many,
            format!("{}{}", note.split_once("\n\n").unwrap().0, "\n"),
            note.replacen("=\n\u{2014}", "\n\u{2014}", 1)
                .replacen("\n\n\u{2014}", "\n\u{2014}", 1),
        ];
        for text in bad {
            assert!(Note::read(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(Note::read(&[0xff; 10]).is_err());
        for text in ["a\n07\nAA==\n", "a\n7\n", "a\n7\nAAA=\nmore\n", "a\n-1\n\n"] {
            assert!(Checkpoint::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_spoken_code_has_four_groups_of_four() {
        let code = spoken_code(&checkpoint().text());
        assert_eq!(code.len(), 19);
        assert!(code.split('-').all(|group| group.len() == 4), "{code}");
    }
}
