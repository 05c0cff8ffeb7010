//! The periodic アクセス記録分析報告書 (訓令第21条第1項): a closed period -> facts -> report -> HTML, CSV, XLSX, JSON.
//!
//! Promises: the same data give the same bytes. A report is kept as it was hashed, with its entry in the ledger in the same
//! transaction; changed data give a new version that says what changed, and the old one stays. 「異常なし」 is never
//! offered while anything is unwatched or a record is missing, late or lost. No citizen's data, no names of staff.
//!
//! `gather` reads the store, `compose` decides and words, `form` draws; only `gather` and this file touch the store.
//!
//! Not here: when reports are made and whom they are mailed to (`service`), files and the command line (`cli`).

pub mod audit;
mod checklist;
mod compose;
mod differ;
pub mod doc;
mod edition;
mod facts;
mod form;
mod gather;
pub mod period;
pub mod sheet;
pub mod sign;

use crate::calendar::{Day, Jst};
use crate::clock::WallTime;
use crate::store::{NewReport, ReportRow, Store, StoreError};

pub use edition::Edition;
pub use form::{Form, FormError, draw};
pub use gather::{Site, roles};
pub use period::{Kind, Period};

/// A report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A form.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A kept report is not readable.
    #[error("the report {number} in the store cannot be read: {why}; was it written by a newer sekimori?")]
    Unreadable {
        /// Its number.
        number: String,
        /// Why.
        why: String,
    },
    /// Content cannot be written as JSON.
    #[error("cannot write the report as JSON: {0}")]
    Content(#[source] serde_json::Error),
}

/// Makes the report of a period on a section (`None`: on the agency) and keeps it, unless the newest version says the same.
/// Gives the edition, and whether it is new.
///
/// # Errors
/// [`ReportError`]; nothing is kept then.
pub fn make(
    store: &mut Store,
    site: Site<'_>,
    (period, section): (Period, Option<&str>),
    by: &str,
    now: WallTime,
) -> Result<(Edition, bool), ReportError> {
    let facts = gather::gather(store, site, (period, section), Jst::from(now).day)?;
    let report = compose::compose(&facts, site.lang);
    let content = report.content().map_err(ReportError::Content)?;
    let new = NewReport {
        kind: period.kind.as_str().to_owned(),
        section: section.unwrap_or_default().to_owned(),
        from: period.from,
        to: period.to,
        sha256: doc::sha256(&content),
        content,
        verdict: report.verdict.as_str().to_owned(),
        by: by.to_owned(),
        due: period.due(site.calendar),
    };
    let changes = |before: &ReportRow| {
        let before = doc::Report::read(&before.report.content);
        let changes = before
            .map(|before| differ::changes(&before, &report))
            .unwrap_or_default();
        serde_json::to_string(&changes).unwrap_or_else(|_| "[]".to_owned())
    };
    let (row, is_new) = store.keep_report(&new, &changes, now)?;
    Ok((edition_of(store, row)?, is_new))
}

/// The edition with this number, as it was kept, with who confirmed it so far.
///
/// # Errors
/// [`ReportError`]
pub fn open(store: &Store, number: &str) -> Result<Edition, ReportError> {
    edition_of(store, store.report(number)?)
}

fn edition_of(store: &Store, row: ReportRow) -> Result<Edition, ReportError> {
    let reviews = store.reviews(row.id)?;
    let number = row.number.clone();
    Edition::of(row, reviews).map_err(|why| ReportError::Unreadable {
        number,
        why: why.to_string(),
    })
}

/// Sections that own datasets, in the order of the 台帳: each gets a monthly report.
pub fn owners<'a>(site: &Site<'a>) -> Vec<&'a str> {
    let mut out: Vec<&str> = Vec::new();
    for dataset in site.datasets {
        if !dataset.owner.is_empty() && !out.contains(&dataset.owner.as_str()) {
            out.push(&dataset.owner);
        }
    }
    out
}

/// The day a period ends on, as people are told to come back after it.
pub fn over_on(period: Period) -> Day {
    period.to.plus(1)
}
