//! Imports of the account register: from the configured file, from the drop folder, or by command.
//!
//! An import reads and checks the whole file before anything is written, keeps what is new as a version in the store,
//! and never runs on the ingest thread. A file that is refused changes nothing.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::access::name_hash;
use crate::alert::notice::Notice;
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::register::accounts::{Names, Reading, Row, Sheet, Warning};
use crate::register::{AccountsSettings, Register, RegisterError, import};
use crate::store::{Ended, Importing, Journal, NewRegister, Store, StoreError};
use crate::text::{Lang, inert, say};

/// Largest register file read, in bytes: two million rows.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// Bytes of a row in its canonical spelling.
const ROW_BYTES_USUAL: usize = 112;

/// A register file, read and found sound.
#[derive(Debug)]
pub struct Offer {
    /// The file.
    pub origin: PathBuf,
    /// SHA-256 of its text, hex.
    pub sha256: String,
    /// What it holds.
    pub reading: Reading,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The same content is in force already, as this version.
    Same(i64),
    /// A new version.
    New {
        /// Its number.
        version: i64,
        /// Rows it added.
        added: usize,
        /// Rows it took away.
        ended: usize,
    },
}

/// Why an offer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The register itself: what is wrong and what would do.
    #[error("{0}")]
    Refused(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a register file.
///
/// # Errors
/// What is wrong with the file, with line and column, and what would do.
pub fn read(accounts: &AccountsSettings, path: &Path) -> Result<Offer, String> {
    let lang = accounts.lang;
    let open = |e: std::io::Error| match lang {
        Lang::Ja => format!("{e}。accounts.register には、sekimori が読める、出力した CSV ファイルを書いてください"),
        Lang::En => format!("{e}; accounts.register must name the exported CSV file, readable for sekimori"),
    };
    let before = std::fs::metadata(path).map_err(open)?;
    if FILE_BYTES_MAX < before.len() {
        let most = FILE_BYTES_MAX >> 20;
        let why = say!(
            "ファイルが {most} MiB を超えています。台帳とは考えられません",
            "the file is larger than {most} MiB; no register is"
        );
        return Err(why.pick(lang).to_owned());
    }
    let bytes = std::fs::read(path).map_err(open)?;
    let after = std::fs::metadata(path).map_err(open)?;
    if before.len() != after.len() || before.modified().ok() != after.modified().ok() {
        let why = say!(
            "ファイルは書込み中です。書込みが終わってから、もう一度読みます",
            "the file is being written right now; it is looked at again when that is done"
        );
        return Err(why.pick(lang).to_owned());
    }
    let text = accounts.encoding.decode_all(&bytes).map_err(|line| {
        let encoding = accounts.encoding.as_str();
        RegisterError::Encoding { encoding, line }.say(lang)
    })?;
    let mut reading = Sheet::read(&text, accounts.unended_last_line).map_err(|e| e.say(lang))?;
    reading.register.set_domains(&accounts.domains);
    Ok(Offer {
        origin: path.to_owned(),
        sha256: Sha256::digest(&text).iter().map(|b| format!("{b:02x}")).collect(),
        reading,
    })
}

/// The register of a version in the store.
///
/// # Errors
/// The store, or a version that cannot be read.
pub fn of_version(store: &Store, accounts: &AccountsSettings, version: i64) -> Result<Register, ImportError> {
    let mut csv = format!("{}\n", Row::header());
    store.each_register_row(version, &mut |_, text| {
        csv.push_str(text);
        csv.push('\n');
    })?;
    let refused = |e: RegisterError| {
        ImportError::Refused(match accounts.lang {
            Lang::Ja => format!("保管している台帳を読めません：{}", e.say(Lang::Ja)),
            Lang::En => format!("the register kept in the store cannot be read: {e}"),
        })
    };
    let mut register = Sheet::read(csv.as_bytes(), true).map_err(refused)?.register;
    register.set_domains(&accounts.domains);
    register.set_version(version);
    Ok(register)
}

/// What taking an offer would write: the rows it adds and the rows that end.
#[derive(Debug)]
pub struct Plan {
    /// The version it was made against; 0: none.
    version: i64,
    /// Every row offered, in its canonical spelling.
    offered: Names,
    /// Of each, whether it is in force.
    kept: Vec<bool>,
    ended: Ended,
}

/// Holds the rows of an offer against those of the version in force.
///
/// # Errors
/// The store.
pub fn plan(store: &Store, version: Option<i64>, rows: &[Row]) -> Result<Plan, StoreError> {
    let offered = spelled(rows);
    let (mut kept, mut ended) = (vec![false; offered.len()], Ended::default());
    if let Some(version) = version {
        store.each_register_row(version, &mut |id, text| {
            let place = offered.find(text).and_then(|n| usize::try_from(n).ok());
            // One row in force for each spelling: a second one could only be an import's that went wrong.
            let kept = place.and_then(|n| kept.get_mut(n)).filter(|kept| !**kept);
            ended.next(id, kept.is_none());
            if let Some(kept) = kept {
                *kept = true;
            }
        })?;
    }
    Ok(Plan {
        version: version.unwrap_or(0),
        offered,
        kept,
        ended,
    })
}

/// What was read or made out before, and need not be again where it still holds.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// A register that was in force.
    pub register: Option<&'a Register>,
    /// The plan of this offer.
    pub plan: Option<Plan>,
}

/// Makes an offer the version in force. `by` is who brought it (empty: sekimori itself); a `reason` allows it to take
/// away more than the share that is configured.
///
/// # Errors
/// [`ImportError`]; the version in force stays.
pub fn take(
    store: &mut Store,
    accounts: &AccountsSettings,
    offer: &Offer,
    (by, reason): (&str, &str),
    known: Known<'_>,
    now: WallTime,
) -> Result<Taken, ImportError> {
    let lock = Importing::begin(store.path())?;
    let current = store.register_version()?;
    if let Some(current) = current.as_ref().filter(|c| c.import.sha256 == offer.sha256) {
        store.refresh_register(current.id, now)?;
        return Ok(Taken::Same(current.id));
    }
    if let Some(current) = current.as_ref().filter(|_| reason.is_empty()) {
        let read;
        let old = match known.register.filter(|known| known.version() == current.id) {
            Some(known) => known,
            None => {
                read = of_version(store, accounts, current.id)?;
                &read
            }
        };
        let today = day_of(EventTime::from_micros(now.micros()));
        import::weigh(old, &offer.reading.register, today, accounts.vanish_percent_max)
            .map_err(|e| ImportError::Refused(e.say(accounts.lang)))?;
    }
    let version = current.as_ref().map(|c| c.id);
    let plan = match known.plan.filter(|plan| plan.version == version.unwrap_or(0)) {
        Some(plan) => plan,
        None => plan(store, version, &offer.reading.rows)?,
    };
    let ended = plan.ended.rows();
    let fresh = plan.offered.iter().zip(&plan.kept).filter(|(_, kept)| !**kept);
    let mut added: Vec<&str> = fresh.map(|((_, text), _)| text).collect();
    added.sort_unstable();
    let register = &offer.reading.register;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let new = NewRegister {
        by: by.to_owned(),
        origin: offer.origin.display().to_string(),
        sha256: offer.sha256.clone(),
        rows: count(register.rows()),
        accounts: count(register.accounts()),
        people: count(register.people()),
        reason: reason.to_owned(),
    };
    let version = store.put_register(&lock, &new, &added, &plan.ended, now)?;
    let detail = format!(
        "version {version}: {} rows ({} added, {ended} ended), {} accounts, from {}{}{}",
        new.rows,
        added.len(),
        new.accounts,
        new.origin,
        if by.is_empty() {
            String::new()
        } else {
            format!(", by {by}")
        },
        if reason.is_empty() {
            String::new()
        } else {
            format!(", because {reason}")
        },
    );
    store.note(
        now,
        &Journal {
            what: "register-imported",
            detail,
        },
    )?;
    Ok(Taken::New {
        version,
        added: added.len(),
        ended: usize::try_from(ended).unwrap_or(usize::MAX),
    })
}

/// The canonical spelling of rows, each once: rows that differ in names of people or remarks only are one.
fn spelled(rows: &[Row]) -> Names {
    let (mut names, mut one) = (
        Names::with_capacity(rows.len(), rows.len() * ROW_BYTES_USUAL),
        String::new(),
    );
    for row in rows {
        one.clear();
        row.write_canonical(&mut one);
        names.of(&one);
    }
    names
}

/// Setting: what was odd in the version in force, each oddity as a hash of account and column.
const ODD: &str = "register_odd";

/// What is odd in the register just taken as `version` and was not in the one before, for people. Also noted in the journal.
///
/// # Errors
/// The store.
pub fn odd_news(
    store: &mut Store,
    accounts: &AccountsSettings,
    (offer, version): (&Offer, i64),
    now: WallTime,
) -> Result<Option<Notice>, StoreError> {
    let hashed = |w: &Warning| {
        let what = [w.account.as_bytes(), b"\0", w.column.as_bytes()].concat();
        format!("{:016x}", name_hash(&what))
    };
    let before = store.meta(ODD)?.unwrap_or_default();
    let (mut all, mut lines) = (Vec::new(), Vec::new());
    for warning in &offer.reading.warnings {
        let hash = hashed(warning);
        if !before.split(' ').any(|known| known == hash) {
            lines.push(line_of(warning, accounts.lang));
        }
        all.push(hash);
    }
    let all = all.join(" ");
    if all != before {
        store.set_meta(ODD, &all)?;
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let what = "register-odd";
    let detail = format!("version {version}: {}", lines.join(" / "));
    store.note(now, &Journal { what, detail })?;
    Ok(Some(Notice::RegisterOdd { version, lines }))
}

/// A warning on one line.
fn line_of(warning: &Warning, lang: Lang) -> String {
    let (line, why) = (warning.line, warning.why.pick(lang));
    let (account, column) = (inert(&warning.account, 40), inert(&warning.column, 40));
    match lang {
        Lang::Ja => format!("・{line} 行目（{account}）、列「{column}」：{why}"),
        Lang::En => format!("- line {line} ({account}), column {column}: {why}"),
    }
}

#[cfg(test)]
mod tests;
