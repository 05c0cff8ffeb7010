//! What the sealing thread is given: bytes as they were consumed, and what they were counted by.

use std::sync::Arc;

/// Bytes of one file, just consumed.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The file's number in the store.
    pub file: i64,
    /// Its source.
    pub source: Arc<str>,
    /// Offset of the first byte, and behind the last one. In a journal: numbers of entries.
    pub span: (u64, u64),
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they begin, and whether they end, inside a record of which only the head is read.
    pub inside: (bool, bool),
    /// They end where a record does, or inside one of which only the head is read: a segment may end there.
    pub ends: bool,
    /// What the format remembered before them and after them.
    pub states: (Vec<u8>, Vec<u8>),
    /// What they were counted by.
    pub context: Arc<Context>,
}

/// What decides how records are counted: whoever counts them again needs the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// Version of the account register; 0: none of the store's.
    pub register: i64,
    /// Hash of the configuration.
    pub config: String,
}
