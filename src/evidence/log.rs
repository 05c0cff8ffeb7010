//! The log folder: entries as lines, checkpoints as lines, one closing checkpoint an epoch. All of it only grows, so the
//! files can carry the append-only flag.
//!
//! ```text
//! log/entries.jsonl    leaf i = line i without its newline
//! log/cp.b64           every checkpoint: base64 of the signed note
//! log/epoch/NNNNNN.note the closing checkpoint of epoch N, signed by its own key
//! trust/log.vkey       the public key of the log; printed on paper at installation
//! ```
//! The store is ahead of this folder, never behind: an entry is committed there first. A crash leaves lines missing or the
//! last one half written; both are made good from the store, byte by byte, without ever cutting a file. A folder
//! that says something else than the store is not repaired: signing stops (see [`Log::join`]).

mod lines;

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use self::lines::Lines;
use super::durable::put;
use super::entry::Entry;
use super::keys::{KeyError, KeyFolder};
use super::note::{Checkpoint, Note, Signer, VerifierKey, base64, unbase64};
use super::tree::{Frontier, Hash, leaf_hash};
use crate::text::{Lang, Say, reason, say};

/// The log cannot be written or must not be signed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file.
    #[error("cannot {what} {path}: {error}")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What stands in the folder is not what the store says; signing it would make two histories.
    #[error("{}", .0.pick(Lang::En))]
    Fork(Say),
}

impl LogError {
    /// The same for people, in both languages.
    pub fn say(&self) -> Say {
        match self {
            LogError::Fork(why) => why.clone(),
            LogError::Key(why) => say!("鍵を使えません：{why}", "{why}"),
            LogError::File { what, path, error } => {
                let (path, why) = (path.display(), reason(error));
                let did = match *what {
                    "open" => "開けません",
                    "read" => "読めません",
                    "make" => "作れません",
                    _ => "書けません",
                };
                let (ja, en) = (why.pick(Lang::Ja), why.pick(Lang::En));
                say!("{path} を{did}：{ja}", "cannot {what} {path}: {en}")
            }
        }
    }
}

/// Bytes at the end of the checkpoints in which the last one stands.
const TAIL: u64 = 64 << 10;

/// Passes a named place (`fault`).
fn pass(place: &'static str, path: &Path) -> Result<(), LogError> {
    crate::fault::pass(place).map_err(|e| file_error("write", path, e))
}

fn file_error(what: &'static str, path: &Path, error: std::io::Error) -> LogError {
    LogError::File {
        what,
        path: path.to_owned(),
        error,
    }
}

/// An epoch as its `key` entry begins it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u64,
    /// Entries up to and including the `key` entry, and their root.
    pub size: u64,
    /// See `size`.
    pub root: Hash,
    /// When it began, as the entry says it.
    pub at: String,
}

/// The log folder with the keys that sign it.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    keys: KeyFolder,
    origin: String,
    entries: Lines,
    checkpoints: Lines,
    tree: Frontier,
    epochs: Vec<Epoch>,
    /// Roots at sizes somebody asked for.
    roots: BTreeMap<u64, Hash>,
    /// Roots that were signed over more entries than the folder holds.
    expected: BTreeMap<u64, Hash>,
    last: Option<(String, Checkpoint)>,
    signers: Option<(Signer, Signer)>,
}

impl Log {
    /// Opens the folder `archive`, makes it where it is not there, and reads the log as it stands. `sizes`: where the
    /// root will be asked for.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn open(archive: &Path, keys: &Path, origin: &str, sizes: &[u64]) -> Result<Log, LogError> {
        let folder = archive.join("log");
        for dir in [
            folder.join("epoch"),
            archive.join("trust"),
            archive.join("seg"),
            archive.join("tmp"),
        ] {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o750).create(&dir);
            made.map_err(|e| file_error("make", &dir, e))?;
        }
        let mut last = None;
        let checkpoints = Lines::open(folder.join("cp.b64"), |line| {
            let note = std::str::from_utf8(line).ok().and_then(unbase64);
            let note = note.and_then(|note| String::from_utf8(note).ok());
            let read = note.and_then(|text| {
                let checkpoint = Checkpoint::read(Note::read(text.as_bytes()).ok()?.text()).ok()?;
                Some((text, checkpoint))
            });
            last = read.or_else(|| last.take());
        })?;
        let mut reading = Reading {
            sizes: sizes.iter().copied().chain(last.iter().map(|(_, c)| c.size)).collect(),
            ..Reading::default()
        };
        let entries = Lines::open(folder.join("entries.jsonl"), |line| reading.line(line))?;
        Ok(Log {
            folder,
            keys: KeyFolder::new(keys),
            origin: origin.to_owned(),
            entries,
            checkpoints,
            tree: reading.tree,
            epochs: reading.epochs,
            roots: reading.roots,
            expected: BTreeMap::new(),
            last,
            signers: None,
        })
    }

    /// Entries in the folder.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The tree of the entries in the folder.
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// Name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The last checkpoint in the folder: note and what it says.
    pub fn last(&self) -> Option<&(String, Checkpoint)> {
        self.last.as_ref()
    }

    /// The present epoch.
    pub fn epoch(&self) -> Option<&Epoch> {
        self.epochs.last()
    }

    /// The public key of the log, made on first use.
    ///
    /// # Errors
    /// The key cannot be made or read.
    pub fn verifier(&self) -> Result<VerifierKey, LogError> {
        Ok(self.keys.make_log(&self.origin)?.verifier().clone())
    }

    /// Whether the key that signs this log is at hand. A command is not handed the one systemd decrypts for the daemon, and must
    /// not make another.
    ///
    /// # Errors
    /// It is not.
    pub fn must_have_key(&self) -> Result<(), LogError> {
        Ok(self.keys.log(&self.origin).map(drop)?)
    }

    /// Whether the folder of keys holds one that was made before.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn has_signed(&self) -> Result<bool, LogError> {
        Ok(self.keys.is_used()?)
    }

    /// Whether a segment stands in the archive.
    pub fn has_segments(&self) -> bool {
        let archive = self.folder.with_file_name("");
        let used = |name: &str| std::fs::read_dir(archive.join(name)).is_ok_and(|mut files| files.next().is_some());
        used("seg") || used("idx")
    }

    /// Makes the key of the next epoch and gives the entry that announces it.
    ///
    /// # Errors
    /// The key cannot be made.
    pub fn next_epoch(&self, at: crate::clock::WallTime) -> Result<Entry, LogError> {
        let number = self.epoch().map_or(1, |epoch| epoch.number.saturating_add(1));
        let key = self.keys.make_epoch(&self.origin, number)?;
        let log = self.keys.make_log(&self.origin)?;
        Ok(Entry::new("key", at)
            .with("epoch", number)
            .with("vkey", key.verifier().to_string())
            .with("log", log.verifier().to_string()))
    }

    /// Whether the folder may be continued: it must be a beginning of what the store holds, and hold whatever was signed.
    /// `anchors` are checkpoints that left the host and are known again.
    ///
    /// # Errors
    /// [`LogError::Fork`] says what does not fit together.
    pub fn join(&mut self, store: &Frontier, signed: &[Checkpoint]) -> Result<(), LogError> {
        let fork = |why: Say| {
            let (ja, en) = (why.pick(Lang::Ja), why.pick(Lang::En));
            Err(LogError::Fork(say!(
                "{ja}最新のデータベースを元の場所に戻すまで、署名も保管もされません（失われた場合は、このフォルダーを残し、新しいデータベースと保管庫で始めてください）。",
                "{en}; nothing is signed or archived until the newest store is back in its place (or, where it is lost, a new store and a new folder are begun and this folder is kept)"
            )))
        };
        let (folder, store_size, size) = (self.folder.display(), store.size(), self.size());
        if store_size < size {
            return fork(say!(
                "{folder} には {size} 項目ありますが、データベースには {store_size} 項目しかありません。データベースが記録簿より古くなっています（写しやスナップショットから戻されていませんか）。",
                "{folder} holds {size} entries, the store only {store_size}: the store is older than the log (a restored backup or snapshot?)"
            ));
        }
        if store_size == size && store.root() != self.tree.root() {
            return fork(say!(
                "{folder} の項目がデータベースの項目と一致しません。",
                "the entries in {folder} are not those of the store"
            ));
        }
        let ours = |checkpoint: &&Checkpoint| checkpoint.origin == self.origin;
        let last = self.last.iter().map(|(_, checkpoint)| checkpoint);
        for checkpoint in signed.iter().chain(last).filter(ours) {
            let size = checkpoint.size;
            if store_size < size {
                return fork(say!(
                    "{size} 項目までの照合点に署名済みですが、データベースには {store_size} 項目しかありません。巻き戻されています。",
                    "a checkpoint over {size} entries has been signed, the store holds only {store_size}: it was set back"
                ));
            }
            let root = self.roots.get(&size);
            if root.is_some_and(|root| *root != checkpoint.root) {
                return fork(say!(
                    "{folder} の最初の {size} 項目が、署名したものと一致しません。",
                    "the first {size} entries in {folder} are not those that were signed"
                ));
            }
            if root.is_none() {
                self.expected.insert(size, checkpoint.root);
            }
        }
        Ok(())
    }

    /// Continues the log with the next entry of the store. An entry that begins an epoch closes the one before it.
    ///
    /// # Errors
    /// The folder or a key.
    pub fn add(&mut self, line: &str) -> Result<(), LogError> {
        self.entries.add(line)?;
        self.tree.push(leaf_hash(line.as_bytes()));
        if self
            .expected
            .get(&self.tree.size())
            .is_some_and(|root| *root != self.tree.root())
        {
            let size = self.tree.size();
            return Err(LogError::Fork(say!(
                "データベースの最初の {size} 項目が、署名したものと一致しません。",
                "the first {size} entries of the store are not those that were signed"
            )));
        }
        if let Some(epoch) = begins_epoch(line.as_bytes(), &self.tree) {
            self.epochs.push(epoch);
            self.signers = None;
            self.close_epochs()?;
        }
        Ok(())
    }

    /// Signs the closing checkpoints that are missing, and destroys the keys of closed epochs.
    ///
    /// # Errors
    /// The folder; or the key of an epoch is gone before it was closed.
    pub fn close_epochs(&mut self) -> Result<(), LogError> {
        let pairs: Vec<(Epoch, Epoch)> = self
            .epochs
            .iter()
            .zip(self.epochs.iter().skip(1))
            .map(|(a, b)| (a.clone(), b.clone()))
            .collect();
        for (epoch, next) in pairs {
            let path = self.folder.join("epoch").join(format!("{:06}.note", epoch.number));
            if !path.exists() {
                self.entries.sync()?;
                let Some(key) = self.keys.epoch(&self.origin, epoch.number)? else {
                    let number = epoch.number;
                    return Err(LogError::Fork(say!(
                        "第 {number} 期の署名鍵が、その期を締める前に失われています。このフォルダーをそのまま残し、新しいデータベースと保管庫で始めてください。",
                        "the key of epoch {number} is gone before the epoch was closed; keep this folder and begin a new store and a new folder"
                    )));
                };
                let checkpoint = Checkpoint {
                    origin: self.origin.clone(),
                    size: next.size,
                    root: next.root,
                };
                let note = checkpoint.sign(&[&self.keys.log(&self.origin)?, &key]);
                pass("log.closing", &path)?;
                put(&path, note.as_bytes()).map_err(|e| file_error("write", &path, e))?;
                pass("log.closed", &path)?;
                self.checkpoints.add(&base64(note.as_bytes()))?;
                self.checkpoints.sync()?;
                self.last = Some((note, checkpoint));
            }
            self.complete(&path)?;
            pass("log.key", &path)?;
            self.keys.destroy_epoch(epoch.number)?;
        }
        Ok(())
    }

    /// Completes the line of a closing checkpoint that a crash cut.
    fn complete(&mut self, closing: &Path) -> Result<(), LogError> {
        if self.checkpoints.partial().is_empty() {
            return Ok(());
        }
        let note = std::fs::read(closing).map_err(|e| file_error("read", closing, e))?;
        let line = base64(&note);
        if line.as_bytes().starts_with(self.checkpoints.partial()) {
            self.checkpoints.add(&line)?;
        }
        Ok(())
    }

    /// Signs the entries in the folder. What was signed must be kept by the store before [`Log::publish`] lets it out.
    ///
    /// # Errors
    /// A key is missing, or there is nothing to sign.
    pub fn sign(&mut self) -> Result<(String, Checkpoint), LogError> {
        self.entries.sync()?;
        let Some(epoch) = self.epochs.last() else {
            return Err(LogError::Fork(say!(
                "記録簿にまだ鍵の項目がありません。",
                "the log has no key entry yet"
            )));
        };
        if self.signers.is_none() {
            let Some(key) = self.keys.epoch(&self.origin, epoch.number)? else {
                let number = epoch.number;
                return Err(LogError::Fork(say!(
                    "第 {number} 期の署名鍵が失われています。このフォルダーをそのまま残し、新しいデータベースと保管庫で始めてください。",
                    "the key of epoch {number} is gone; keep this folder and begin a new store and a new folder"
                )));
            };
            self.signers = Some((self.keys.log(&self.origin)?, key));
        }
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: self.tree.size(),
            root: self.tree.root(),
        };
        let note = match &self.signers {
            Some((log, key)) => checkpoint.sign(&[log, key]),
            None => String::new(),
        };
        Ok((note, checkpoint))
    }

    /// Adds a signed checkpoint to the folder, durably; one that stands there already is left alone.
    ///
    /// # Errors
    /// The folder.
    pub fn publish(&mut self, note: &str) -> Result<(), LogError> {
        if self.last.as_ref().is_some_and(|(last, _)| last == note) && self.checkpoints.partial().is_empty() {
            return Ok(());
        }
        pass("log.publish", &self.folder)?;
        self.checkpoints.add(&base64(note.as_bytes()))?;
        pass("log.published", &self.folder)?;
        self.checkpoints.sync()?;
        let read = Note::read(note.as_bytes()).and_then(|n| Checkpoint::read(n.text()));
        self.last = read.ok().map(|checkpoint| (note.to_owned(), checkpoint));
        Ok(())
    }

    /// Writes the public keys where a verifier looks for them.
    ///
    /// # Errors
    /// The folder.
    pub fn publish_trust(&self) -> Result<(), LogError> {
        let path = self.folder.with_file_name("trust").join("log.vkey");
        let key = format!("{}\n", self.verifier()?);
        if std::fs::read_to_string(&path).is_ok_and(|there| there == key) {
            return Ok(());
        }
        put(&path, key.as_bytes()).map_err(|e| file_error("write", &path, e))
    }
}

/// The newest checkpoint in the log folder of `archive`, as it stands this moment.
pub fn last_published(archive: &Path) -> Option<Checkpoint> {
    let mut file = std::fs::File::open(archive.join("log/cp.b64")).ok()?;
    let len = file.metadata().ok()?.len();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(len.saturating_sub(TAIL))).ok()?;
    let mut tail = String::new();
    std::io::Read::read_to_string(&mut file, &mut tail).ok()?;
    let whole = tail.get(..tail.rfind('\n')?)?;
    let note = unbase64(whole.rsplit('\n').next()?)?;
    Checkpoint::read(Note::read(&note).ok()?.text()).ok()
}

/// What reading the entries collects.
#[derive(Debug, Default)]
struct Reading {
    tree: Frontier,
    epochs: Vec<Epoch>,
    sizes: Vec<u64>,
    roots: BTreeMap<u64, Hash>,
}

impl Reading {
    fn line(&mut self, line: &[u8]) {
        self.tree.push(leaf_hash(line));
        self.epochs.extend(begins_epoch(line, &self.tree));
        if self.sizes.contains(&self.tree.size()) {
            self.roots.insert(self.tree.size(), self.tree.root());
        }
    }
}

fn begins_epoch(line: &[u8], tree: &Frontier) -> Option<Epoch> {
    memchr::memmem::find(line, br#""t":"key""#)?;
    let entry = Entry::read(line).ok().filter(|e| e.kind() == "key")?;
    Some(Epoch {
        number: entry.number("epoch")?,
        size: tree.size(),
        root: tree.root(),
        at: entry.text("at").to_owned(),
    })
}
