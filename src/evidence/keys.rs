//! The private keys of the log on this host: one file a key, readable by the owner only.
//!
//! The log key stays; the key of an epoch (a day) is overwritten and removed as soon as its closing checkpoint stands, so
//! that who breaks in tomorrow cannot sign what happened today. On journaling or copy-on-write media and in snapshots
//! a removed key may outlive that; the anchors outside this host are the answer to it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::note::Signer;
use super::tree::{hex, unhex};

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the key {path}: {why}")]
pub struct KeyError {
    path: PathBuf,
    why: String,
}

/// The folder of private keys.
#[derive(Debug, Clone)]
pub struct KeyFolder(PathBuf);

impl KeyFolder {
    /// The folder at `path`; made when the first key is.
    pub fn new(path: &Path) -> KeyFolder {
        KeyFolder(path.to_owned())
    }

    fn log_key(&self) -> PathBuf {
        // A key that systemd decrypted for us (LoadCredentialEncrypted=) goes before the file.
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| PathBuf::from(folder).join("log.key"));
        credential
            .filter(|path| path.exists())
            .unwrap_or_else(|| self.0.join("log.key"))
    }

    fn epoch_key(&self, epoch: u64) -> PathBuf {
        self.0.join(format!("epoch-{epoch:06}.key"))
    }

    /// Whether a key was made here before, of whatever ledger. One that systemd hands over may never have signed.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn is_used(&self) -> Result<bool, KeyError> {
        match std::fs::read_dir(&self.0) {
            Ok(files) => Ok(files
                .filter_map(Result::ok)
                .any(|file| file.path().extension().is_some_and(|e| e == "key"))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(failed(&self.0, &e)),
        }
    }

    /// Whether there is a log key.
    pub fn has_log_key(&self) -> bool {
        self.log_key().exists()
    }

    /// The log key called `origin`.
    ///
    /// # Errors
    /// The key is not there, not readable for the owner only, or no key.
    pub fn log(&self, origin: &str) -> Result<Signer, KeyError> {
        read(&self.log_key(), origin)
    }

    /// The same; made where there is none.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make_log(&self, origin: &str) -> Result<Signer, KeyError> {
        if !self.has_log_key() {
            self.make(&self.0.join("log.key"))?;
        }
        self.log(origin)
    }

    /// The key of an epoch of the log `origin`. `None`: it is not there.
    ///
    /// # Errors
    /// It is there and cannot be used.
    pub fn epoch(&self, origin: &str, epoch: u64) -> Result<Option<Signer>, KeyError> {
        let path = self.epoch_key(epoch);
        if !path.exists() {
            return Ok(None);
        }
        read(&path, &epoch_name(origin)).map(Some)
    }

    /// The key of an epoch; made where there is none.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make_epoch(&self, origin: &str, epoch: u64) -> Result<Signer, KeyError> {
        let path = self.epoch_key(epoch);
        if !path.exists() {
            self.make(&path)?;
        }
        read(&path, &epoch_name(origin))
    }

    /// Overwrites and removes the key of an epoch that is closed.
    ///
    /// # Errors
    /// The file system.
    pub fn destroy_epoch(&self, epoch: u64) -> Result<(), KeyError> {
        let path = self.epoch_key(epoch);
        let gone = || -> std::io::Result<()> {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            let mut file = OpenOptions::new().write(true).open(&path)?;
            file.write_all(&[b'0'; 64])?;
            file.sync_all()?;
            std::fs::remove_file(&path)?;
            File::open(&self.0)?.sync_all()
        };
        match gone() {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            gone => gone.map_err(|e| failed(&path, &e)),
        }
    }

    /// Makes a key that is there whole or not at all.
    fn make(&self, path: &Path) -> Result<(), KeyError> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).map_err(|e| failed(path, &e))?;
        let put = || -> std::io::Result<()> {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            let unfinished = path.with_extension("new");
            match std::fs::remove_file(&unfinished) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o400)
                .open(&unfinished)?;
            file.write_all(hex(&seed).as_bytes())?;
            file.sync_all()?;
            // Unlike renaming, this never takes the place of a key that has turned up.
            std::fs::hard_link(&unfinished, path)?;
            std::fs::remove_file(&unfinished)?;
            File::open(&self.0)?.sync_all()
        };
        put().map_err(|e| failed(path, &e))
    }
}

/// The name under which keys of epochs sign.
pub fn epoch_name(origin: &str) -> String {
    format!("{origin}/epoch")
}

fn failed(path: &Path, why: &dyn std::fmt::Display) -> KeyError {
    KeyError {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

fn read(path: &Path, name: &str) -> Result<Signer, KeyError> {
    let text = std::fs::read_to_string(path).map_err(|e| failed(path, &e))?;
    let mode = std::fs::metadata(path)
        .map_err(|e| failed(path, &e))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(failed(path, &"others may read it; chmod 400 it"));
    }
    let seed = unhex::<32>(text.trim()).ok_or_else(|| failed(path, &"it must hold 64 hexadecimal digits"))?;
    Signer::new(name, &seed).ok_or_else(|| failed(path, &"it is no Ed25519 seed"))
}
