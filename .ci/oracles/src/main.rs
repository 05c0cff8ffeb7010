//! Holds an archive against other people's implementations of its formats: every checkpoint with `signed_note`, its fields with
//! `tlog_tiles`, every root with `ct-merkle` and `tlog_tiles`, every segment with the `age` crate and zstd.
//!
//! usage: oracles ARCHIVE log.vkey [IDENTITY]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::{Digest, Sha256};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash, HashReader, stored_hashes, tree_hash};

/// The nodes of the tree as `tlog_tiles` numbers them.
#[derive(Default)]
struct Nodes(RefCell<Vec<Hash>>);

impl HashReader for Nodes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::tlog::Error> {
        let nodes = self.0.borrow();
        Ok(indexes.iter().map(|i| nodes[usize::try_from(*i).unwrap()]).collect())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let archive = Path::new(&args[1]);
    let vkey = std::fs::read_to_string(&args[2])?;
    let known = VerifierList::new(vec![Box::new(StandardVerifier::new(vkey.trim()).map_err(|e| format!("{e:?}"))?)]);
    let entries = std::fs::read_to_string(archive.join("log/entries.jsonl"))?;
    let lines: Vec<&str> = entries.lines().collect();

    // Roots of every prefix, by both.
    let mut memory = MemoryBackedTree::<Sha256, String>::new();
    let nodes = Nodes::default();
    let mut roots: BTreeMap<u64, [u8; 32]> = BTreeMap::new();
    for (n, line) in lines.iter().enumerate() {
        memory.push((*line).to_owned());
        let more = stored_hashes(n as u64, line.as_bytes(), &nodes).map_err(|e| format!("{e:?}"))?;
        nodes.0.borrow_mut().extend(more);
        let size = n as u64 + 1;
        let root: [u8; 32] = memory.root().as_bytes().as_slice().try_into()?;
        let other = tree_hash(size, &nodes).map_err(|e| format!("{e:?}"))?;
        assert_eq!(root, other.0, "the two crates differ at {size}");
        roots.insert(size, root);
    }

    let mut checkpoints = 0;
    for line in std::fs::read_to_string(archive.join("log/cp.b64"))?.lines() {
        let note = Note::from_bytes(&STANDARD.decode(line)?).map_err(|e| format!("{e:?}"))?;
        let (good, _) = note.verify(&known).map_err(|e| format!("{e:?}"))?;
        assert_eq!(good.len(), 1, "signed once by the key of the log");
        let checkpoint = Checkpoint::from_bytes(note.text()).map_err(|e| format!("{e:?}"))?;
        assert_eq!(checkpoint.extension(), "");
        assert_eq!(Some(&checkpoint.hash().0), roots.get(&checkpoint.size()), "root of {}", checkpoint.size());
        checkpoints += 1;
    }
    assert!(0 < checkpoints);

    let identity = args.get(3).map(|path| age::IdentityFile::from_file(path.clone())).transpose()?;
    let identities = identity.map(|file| file.into_identities()).transpose().map_err(|e| format!("{e:?}"))?.unwrap_or_default();
    let mut segments = 0;
    for line in &lines {
        let entry: serde_json::Value = serde_json::from_str(line)?;
        if entry["t"] != "segment" {
            continue;
        }
        let file = std::fs::File::open(archive.join(entry["name"].as_str().unwrap()))?;
        let mut plain = Vec::new();
        if entry["rcpt"].as_array().unwrap().is_empty() {
            zstd::Decoder::new(file)?.read_to_end(&mut plain)?;
        } else {
            let opened = age::Decryptor::new(file)?.decrypt(identities.iter().map(|i| i.as_ref() as &dyn age::Identity))?;
            zstd::Decoder::new(opened)?.read_to_end(&mut plain)?;
        }
        let body = &plain[plain.iter().position(|b| *b == b'\n').unwrap() + 1..];
        let hash: String = Sha256::digest(body).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(entry["sha256_raw"], hash.as_str());
        let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let text = plain.strip_suffix(b"\n").unwrap_or(&plain);
        text.split(|b| *b == b'\n').for_each(|line| tree.push(line.to_vec()));
        let root: String = tree.root().as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(entry["root"], root.as_str());
        segments += 1;
    }
    assert!(0 < segments);
    println!("{} entries, {checkpoints} checkpoints and {segments} segments agree with signed_note, tlog_tiles, ct-merkle, age and zstd", lines.len());
    Ok(())
}
