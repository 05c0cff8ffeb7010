//! One entry of the ledger: a line of canonical JSON about an event, never about what a record says.
//!
//! Canonical: keys sorted, no spaces, UTF-8 unescaped, whole numbers only, so that one meaning has one spelling and the
//! line itself is the leaf. Citizens never stand in an entry; staff stand there only where they act in their office
//! (who acknowledged, approved, exported). Whatever else is decided about people is bound by a keyed hash
//! ([`commitment`]): who holds the row and the key can prove it, nobody can guess it from the entry.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::tree::{Hash, hex, leaf_hash};
use crate::calendar::rfc3339;
use crate::clock::WallTime;

/// Longest entry, in bytes: what a bundle of C2SP tlog-tiles can carry.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// An entry that is being made or was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(Map<String, Value>);

impl Entry {
    /// An entry of `kind` made at `at`.
    pub fn new(kind: &str, at: WallTime) -> Entry {
        let mut map = Map::new();
        map.insert("t".into(), kind.into());
        map.insert("at".into(), rfc3339(at.micros()).into());
        Entry(map)
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Entry {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// The line: the bytes of the leaf.
    pub fn line(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// Reads a line back; only the one canonical spelling is taken.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn read(line: &[u8]) -> Result<Entry, &'static str> {
        if ENTRY_BYTES_MAX < line.len() {
            return Err("longer than 65535 bytes");
        }
        let text = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
        let Ok(Value::Object(map)) = serde_json::from_str(text) else {
            return Err("no JSON object");
        };
        let entry = Entry(map);
        // A key twice, a space, a fraction: none of them comes out as it went in.
        if entry.line() != text {
            return Err("not canonical JSON");
        }
        if entry.kind().is_empty() {
            return Err("it has no type");
        }
        Ok(entry)
    }

    /// What it is about: `segment`, `heartbeat`, `alert` ...
    pub fn kind(&self) -> &str {
        self.text("t")
    }

    /// When it was made, microseconds; 0 where it does not say.
    pub fn at_micros(&self) -> i64 {
        crate::parse::time::any(self.text("at").as_bytes(), 9 * 3_600).map_or(0, crate::clock::EventTime::micros)
    }

    /// A field that is text; empty if it is not there.
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// A field that is a whole number.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.0.get(key).and_then(Value::as_u64)
    }

    /// Any field.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A field that is a list of texts.
    pub fn texts(&self, key: &str) -> Vec<&str> {
        let list = self.0.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// A field that is a span of bytes: `[from, to]`.
    pub fn span(&self, key: &str) -> Option<(u64, u64)> {
        match self.0.get(key).and_then(Value::as_array).map(Vec::as_slice) {
            Some([from, to]) => Some((from.as_u64()?, to.as_u64()?)),
            _ => None,
        }
    }

    /// Bytes in the segment it describes.
    pub fn raw_bytes(&self) -> u64 {
        let (from, to) = self.span("off").unwrap_or_default();
        self.number("len_raw").unwrap_or_else(|| to.saturating_sub(from))
    }

    /// The hash of its leaf.
    pub fn leaf(&self) -> Hash {
        leaf_hash(self.line().as_bytes())
    }
}

/// The keyed hash (HMAC-SHA-256, RFC 2104) that binds what a row of the store says, hex.
pub fn commitment(key: &[u8], row: &Value) -> String {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => hex(&mac.chain_update(row.to_string()).finalize().into_bytes()),
        // Keys of any length are taken.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_spelling() {
        let entry = Entry::new("gap", WallTime::from_secs(1_795_150_800))
            .with("off", vec![3, 9])
            .with("file", "/var/log/記録.log");
        let line = entry.line();
        assert_eq!(
            line,
            r#"{"at":"2026-11-20T14:00:00+09:00","file":"/var/log/記録.log","off":[3,9],"t":"gap"}"#
        );
        assert_eq!(Entry::read(line.as_bytes()), Ok(entry.clone()));
        assert_eq!(entry.span("off"), Some((3, 9)));
    }

    #[test]
    fn other_spellings_are_refused() {
        let long = format!(r#"{{"t":"{}"}}"#, "x".repeat(ENTRY_BYTES_MAX));
        let bad: [&[u8]; 9] = [
            br#"{"t":"a", "u":1}"#,
            br#"{"t":"a","t":"b"}"#,
            br#"{"u":1,"t":"a"}"#,
            br#"{"n":1.50,"t":"a"}"#,
            br#"{"t":"\u0061"}"#,
            b"[1]",
            b"{\"t\":\"\xff\"}",
            br#"{"n":1}"#,
            long.as_bytes(),
        ];
        for line in bad {
            assert!(Entry::read(line).is_err(), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_commitment_needs_the_key() {
        let row = serde_json::json!({"by": "012345", "reason": "確認"});
        let turned = serde_json::json!({"reason": "確認", "by": "012345"});
        assert_eq!(commitment(b"k", &row), commitment(b"k", &turned));
        assert_ne!(commitment(b"k", &row), commitment(b"l", &row));
        assert_eq!(commitment(b"k", &row).len(), 64);
    }
}
