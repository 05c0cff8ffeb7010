//! What must be there before the first line is read: the register in force, the key for citizens' numbers.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::alert::notice::Notice;
use crate::clock::WallTime;
use crate::config::Config;
use crate::parse::place::SubjectKey;
use crate::register::{AccountsSettings, Register};
use crate::store::{Journal, Store, StoreError};
use crate::text::Lang;

use super::import::{self, ImportError, Taken};

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
    /// What people should be told of the register just taken.
    pub odd: Option<Notice>,
}

/// What came of a look at the register file.
#[derive(Debug, Default)]
pub struct Considered {
    /// Why it was refused, if it was.
    pub refused: Option<String>,
    /// What is odd in it and was not before.
    pub odd: Option<Notice>,
}

/// What the store remembers of the register file: the content that was last taken, so that a file nobody touched never
/// takes the place of a register that was imported by command since.
const FILE_TAKEN: &str = "register_file";

/// Takes the register file into force where it has changed and keeps it in the store; a file that is missing, empty or
/// broken is refused and the last good version stays, loudly.
///
/// # Errors
/// [`SetupError`] when there is no register at all.
pub fn register_in_force(config: &Config, store: &mut Store, now: WallTime) -> Result<InForce, SetupError> {
    let path = config.accounts.path.clone();
    let Considered { refused, odd } = consider_file(&config.accounts, store, None, now)?;
    let Some(version) = store.register_version()? else {
        let why = refused.unwrap_or_default();
        return Err(SetupError::Register { path, why });
    };
    let register = import::of_version(store, &config.accounts, version.id).map_err(|e| match e {
        ImportError::Store(e) => SetupError::Store(e),
        ImportError::Refused(why) => SetupError::Register { path, why },
    })?;
    Ok(InForce {
        register,
        version: version.id,
        refused,
        odd,
    })
}

/// Imports the configured file where its content is another one than the last one taken from it. Why it was refused is in
/// the journal then. `known`: see [`import::Known`].
///
/// # Errors
/// The store.
pub fn consider_file(
    accounts: &AccountsSettings,
    store: &mut Store,
    known: Option<&Register>,
    now: WallTime,
) -> Result<Considered, StoreError> {
    let path = &accounts.path;
    let refused = |store: &mut Store, why: &str| {
        Ok(Considered {
            refused: Some(refuse(store, (path, accounts.lang), why, now)?),
            odd: None,
        })
    };
    let offer = match import::read(accounts, path) {
        Ok(offer) => offer,
        Err(why) => return refused(store, &why),
    };
    if store.meta(FILE_TAKEN)?.as_ref() == Some(&offer.sha256) && store.register_version()?.is_some() {
        return Ok(Considered::default());
    }
    let known = import::Known {
        register: known,
        plan: None,
    };
    match import::take(store, accounts, &offer, ("", ""), known, now) {
        Ok(taken) => {
            store.set_meta(FILE_TAKEN, &offer.sha256)?;
            let odd = match taken {
                Taken::New { version, .. } => import::odd_news(store, accounts, (&offer, version), now)?,
                Taken::Same(_) => None,
            };
            Ok(Considered { refused: None, odd })
        }
        Err(ImportError::Refused(why)) => refused(store, &why),
        Err(ImportError::Store(e)) => Err(e),
    }
}

/// Notes that a register was refused, where another one stays in force. Returns what is said of it.
///
/// # Errors
/// The store.
pub fn refuse(store: &mut Store, (path, lang): (&Path, Lang), why: &str, now: WallTime) -> Result<String, StoreError> {
    let Some(version) = store.register_version()? else {
        return Ok(why.to_owned());
    };
    let detail = match lang {
        Lang::Ja => format!("{}：{why}。版 {} で監視を続けています。", path.display(), version.id),
        Lang::En => format!("{}: {why}; version {} stays in force", path.display(), version.id),
    };
    let what = "register-refused";
    store.note(
        now,
        &Journal {
            what,
            detail: detail.clone(),
        },
    )?;
    Ok(detail)
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

/// Reads the key for citizens' numbers, of a store that is only looked at.
///
/// # Errors
/// [`SetupError::Key`] for a file that is no key, or not the one this store was begun with.
pub fn subject_key_of(path: &Path, store: &Store) -> Result<SubjectKey, SetupError> {
    let error = |why: &str| SetupError::Key {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    let text = std::fs::read_to_string(path).map_err(|e| error(&e.to_string()))?;
    let secret = unhex(text.trim()).ok_or_else(|| error("it must hold 64 hexadecimal digits"))?;
    let key = SubjectKey::new(&secret);
    let check = format!("{:016x}", key.hash(b"sekimori subject key check").0);
    match store.meta("subject_key_check")? {
        Some(kept) if kept != check => Err(error("it is another key than the one this store was begun with")),
        _ => Ok(key),
    }
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
