//! Mails as files: what a site without a relay gets, and what the quickstart shows.
//!
//! One `.eml` a message, whoever it goes to; written as a whole or not at all; the same message again is the
//! same file.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::rfc5322::{Jst, Transfer, rendered};
use super::{Carrying, Delivery, Mailer, Message, Obstacle, one_line};

/// Longest part of a Message-ID in a file name, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Writes mails into a folder.
#[derive(Debug)]
pub struct FolderMailer {
    /// The folder; held by whoever is writing into it.
    folder: Arc<Mutex<PathBuf>>,
}

impl FolderMailer {
    /// A mailer into `folder`, which is made when the first mail comes.
    pub fn new(folder: PathBuf) -> FolderMailer {
        FolderMailer {
            folder: Arc::new(Mutex::new(folder)),
        }
    }
}

impl Mailer for FolderMailer {
    fn deliver<'a>(&'a self, message: &'a Message, _recipient: &'a str) -> Carrying<'a, Delivery> {
        Box::pin(async move {
            let bytes = match rendered(message, Transfer::EightBit) {
                Ok(bytes) => bytes,
                Err(e) => return Delivery::Permanent(e.to_string()),
            };
            let (name, folder) = (file_name(message), Arc::clone(&self.folder));
            let written = tokio::task::spawn_blocking(move || {
                let folder = folder.lock().unwrap_or_else(PoisonError::into_inner);
                (write_once(&folder, &name, &bytes), folder.join(&name))
            });
            match written.await {
                Ok((Ok(()), path)) => Delivery::Sent(format!("written to {}", path.display())),
                Ok((Err(e), path)) => Delivery::Blocked {
                    by: Obstacle::Session,
                    why: format!(
                        "{}: {}; the mail folder must be writable and have room",
                        path.display(),
                        e
                    ),
                },
                Err(e) => Delivery::Transient(one_line(&format!("writing the mail broke off: {e}"))),
            }
        })
    }
}

/// `20261121T140327-<message id>.eml`, JST, safe as a file name. Different Message-IDs never share a name: where
/// one had to be changed or cut, a piece of its hash stands behind it.
fn file_name(message: &Message) -> String {
    let Jst {
        year,
        month,
        day,
        hour,
        minute,
        second,
        ..
    } = Jst::from_secs(message.date.secs());
    let id = &message.message_id;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    let mut name: String = id
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .take(NAME_CHARS_MAX)
        .collect();
    if name != *id {
        name.push('-');
        name.extend(Sha256::digest(id.as_bytes()).iter().take(6).map(|b| format!("{b:02x}")));
    }
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}-{name}.eml")
}

/// Writes `bytes` as `name` into `folder`: readable by its owner only, on disk before it has its name. A file that is
/// there is left alone; its name says that it holds this message, whole.
fn write_once(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let path = folder.join(name);
    if path.try_exists()? {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let unfinished = folder.join(format!(".{name}.part"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, &path)?;
    File::open(folder)?.sync_all()
}
