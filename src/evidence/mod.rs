//! Evidence: what makes the record of accesses prove itself.
//!
//! Two levels, so that lawful deletion never touches the proof. *Segments* hold the consumed bytes of the sources as they
//! were, compressed and encrypted to people whose keys are not on this host; they expire. The *ledger* is an RFC 6962
//! tree of small entries without personal data about segments and everything decided; it is kept for ever. Its signed
//! checkpoints leave the host.
//!
//! Promises: what stood in the ledger when a checkpoint left cannot be changed, cut or removed without [`verify`] saying
//! so, and saying where. Everything younger than the last checkpoint that left is only consistent with itself, and the
//! result says so. Nothing on one host keeps its root from altering records; this gives evidence.
//!
//! `tree`, `entry` and `note` are pure. Not here: the rows of the ledger in the store (`store::ledger`), when a checkpoint
//! is due (`pipeline::proof`).

mod age;
mod durable;
mod entry;
mod facts;
mod frames;
mod index;
mod keys;
mod log;
mod note;
mod piece;
mod sealed;
mod sealer;
mod segment;
mod tree;
pub mod verify;

use std::path::PathBuf;
use std::time::Duration;

pub use age::{AgeError, Header, Identity, Recipient};
pub use durable::{put, sync_folder};
pub use entry::{ENTRY_BYTES_MAX, Entry, commitment};
pub use facts::Facts;
pub use index::{may_hold, of_person};
pub use keys::{KeyError, KeyFolder};
pub use log::{Log, LogError, last_published};
pub use note::{Checkpoint, Note, Signer, VerifierKey, base64, is_name, spoken_code, unbase64};
pub use piece::{Context, Piece};
pub use sealed::{open_sealed, seal_file};
pub use sealer::{Finished, OpenSegment, Sealer, SealerSettings};
pub use segment::{Beginning, Leaves, Sealed, SegmentError, SegmentReader, SegmentWriter};
pub use tree::{Frontier, Hash, Levels, audit_path, hex, leaf_hash, node_hash, path_holds, root_of, unhex};

/// Where the record is kept and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceSettings {
    /// The archive folder: log, segments, public keys.
    pub folder: PathBuf,
    /// The folder of private keys.
    pub keys: PathBuf,
    /// Name of the log; made of the host's name where it is not given.
    pub origin: Option<String>,
    /// How often a checkpoint is signed.
    pub checkpoint_every: Duration,
    /// Who can open segments; nobody: they are compressed only.
    pub recipients: Vec<Recipient>,
    /// Level of compression, 1 to 19.
    pub level: i32,
    /// Bytes of source in one segment.
    pub segment_bytes: u64,
    /// How long a segment stays open.
    pub segment_every: Duration,
    /// Years segments are kept after the fiscal year of their newest record, at least.
    pub keep_years: u16,
    /// The same for segments that hold records of these datasets; the longest counts.
    pub keep_datasets: Vec<(String, u16)>,
    /// A folder of checkpoints that came back to this host: compared before anything is signed.
    pub anchors: Option<PathBuf>,
    /// Who gets the checkpoint of each day by mail; nobody named: everybody who gets every alert.
    pub checkpoints_to: Vec<String>,
}
