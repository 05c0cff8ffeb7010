//! What must be there before the first line is read: the register in force, the key for citizens' numbers.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::clock::WallTime;
use crate::config::Config;
use crate::parse::place::SubjectKey;
use crate::register::{Register, RegisterError};
use crate::store::{Journal, Store, StoreError};

/// Something needed at the start is not there or not sound.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The register cannot be read and there is no earlier one.
    #[error("the account register {path} cannot be used and no earlier one is kept: {why}")]
    Register {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would do.
        why: String,
    },
    /// The key file.
    #[error("the key for citizens' numbers {path}: {why}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would do.
        why: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A register in force.
#[derive(Debug)]
pub struct InForce {
    /// The register.
    pub register: Register,
    /// Its version in the store.
    pub version: i64,
    /// Why the file was refused, if an earlier version serves instead.
    pub refused: Option<String>,
}

/// The register file as it is now.
///
/// # Errors
/// What is wrong with the file, with line and column, and what would do.
pub fn read_register(config: &Config) -> Result<(Register, Vec<u8>), String> {
    let bytes = std::fs::read(&config.accounts.path)
        .map_err(|e| format!("{e}; accounts.register must name the exported CSV file, readable for sekimori"))?;
    let text = config.accounts.encoding.decode_all(&bytes).map_err(|line| {
        RegisterError::Encoding {
            encoding: config.accounts.encoding.as_str(),
            line,
        }
        .to_string()
    })?;
    let mut register = Register::read(&text).map_err(|e| e.to_string())?;
    register.set_domains(&config.accounts.domains);
    Ok((register, text))
}

/// Takes the register file into force and keeps it in the store; a file that is missing, empty or broken is
/// refused and the last good version stays, loudly.
///
/// # Errors
/// [`SetupError`] when there is no register at all.
pub fn register_in_force(config: &Config, store: &mut Store, now: WallTime) -> Result<InForce, SetupError> {
    let why = match read_register(config) {
        Ok((register, text)) => {
            let rows = u64::try_from(register.rows()).unwrap_or(u64::MAX);
            let version = store.keep_register(&hex(&Sha256::digest(&text)), rows, &text, now)?;
            return Ok(InForce {
                register,
                version,
                refused: None,
            });
        }
        Err(why) => why,
    };
    let path = config.accounts.path.clone();
    let Some((version, content)) = store.last_register()? else {
        return Err(SetupError::Register { path, why });
    };
    let mut register = Register::read(&content).map_err(|e| SetupError::Register {
        path: path.clone(),
        why: e.to_string(),
    })?;
    register.set_domains(&config.accounts.domains);
    let detail = format!("{}: {why}; version {version} stays in force", path.display());
    store.note(
        now,
        &Journal {
            what: "register-refused",
            detail: detail.clone(),
        },
    )?;
    Ok(InForce {
        register,
        version,
        refused: Some(detail),
    })
}

/// Reads the key for citizens' numbers; makes it, readable by the owner only, where there is none.
///
/// # Errors
/// [`SetupError::Key`] for a file that is no key or that others may read.
pub fn subject_key(path: &Path, store: &mut Store) -> Result<SubjectKey, SetupError> {
    let error = |why: String| SetupError::Key {
        path: path.to_owned(),
        why,
    };
    let secret = match std::fs::read_to_string(path) {
        Ok(text) => {
            let mode = std::fs::metadata(path)
                .map_err(|e| error(e.to_string()))?
                .permissions()
                .mode();
            if mode & 0o077 != 0 {
                return Err(error("others may read it; chmod 600 it".into()));
            }
            unhex(text.trim()).ok_or_else(|| error("it must hold 64 hexadecimal digits".into()))?
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            if store.meta("subject_key_check")?.is_some() {
                let why = "it is gone, and the counters of distinct citizens were made with it; \
                           restore it from where it is kept";
                return Err(error(why.into()));
            }
            make_key(path).map_err(error)?
        }
        Err(e) => return Err(error(e.to_string())),
    };
    let key = SubjectKey::new(&secret);
    let check = format!("{:016x}", key.hash(b"sekimori subject key check").0);
    match store.meta("subject_key_check")? {
        None => store.set_meta("subject_key_check", &check)?,
        Some(kept) if kept == check => {}
        Some(_) => {
            let why = "it is another key than the one this store was begun with; restore the right one";
            return Err(error(why.into()));
        }
    }
    Ok(key)
}

/// Makes a key that is there whole or not at all, whatever happens meanwhile.
fn make_key(path: &Path) -> Result<[u8; 32], String> {
    let mut secret = [0u8; 32];
    getrandom::fill(&mut secret).map_err(|e| e.to_string())?;
    put_key(path, &secret).map_err(|e| format!("it cannot be made: {e}"))?;
    Ok(secret)
}

fn put_key(path: &Path, secret: &[u8; 32]) -> std::io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    match std::fs::remove_file(&unfinished) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(hex(secret).as_bytes())?;
    file.sync_all()?;
    // Unlike renaming, this never takes the place of a key that has turned up.
    std::fs::hard_link(&unfinished, path)?;
    std::fs::remove_file(&unfinished)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0u8; 32];
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    if digits.len() != 64 {
        return None;
    }
    let (pairs, _) = digits.as_chunks::<2>();
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = high << 4 | low;
    }
    Some(out)
}

/// Name of this host, for mails.
pub fn host_name() -> String {
    let name = rustix::system::uname();
    crate::text::inert(name.nodename().to_bytes(), 64)
}

#[cfg(test)]
mod tests;
