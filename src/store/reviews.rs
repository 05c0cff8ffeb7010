//! Reports that were made and who confirmed them. Rows are never changed; each comes with its entry of the ledger.
//!
//! Not here: what a report says (`report`), who may sign (`report::sign`).

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::json;

use super::{Store, StoreError, count, int, ledger};
use crate::calendar::Day;
use crate::clock::WallTime;
use crate::evidence::{Entry, hex};
use crate::text::say;

/// A report to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReport {
    /// `monthly`, `quarterly`, `yearly`, `special`, `settings`.
    pub kind: String,
    /// 所属; empty: the agency.
    pub section: String,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// SHA-256 of `content`, hex.
    pub sha256: String,
    /// What was hashed.
    pub content: String,
    /// The best result people may choose.
    pub verdict: String,
    /// Who made it; empty: sekimori itself.
    pub by: String,
    /// The day by which it is to be signed.
    pub due: Day,
}

/// A report that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// Row id.
    pub id: i64,
    /// `R-000012`.
    pub number: String,
    /// What it is of.
    pub report: NewReport,
    /// From 1; a changed report is a new version.
    pub version: u64,
    /// What differs from the version before, as JSON.
    pub changes: String,
    /// When it was made.
    pub made_at: WallTime,
    /// Entries of the ledger before its own.
    pub ledger_size: u64,
    /// Root of these, hex.
    pub ledger_root: String,
}

/// A confirmation to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReview {
    /// `officer`, `manager`, `general`, `auditor`.
    pub role: String,
    /// 職員番号.
    pub by: String,
    /// 確認日.
    pub on: Day,
    /// `all`, `sample`, `hearing`.
    pub method: String,
    /// `normal`, `check`, `incident`.
    pub result: String,
    /// 措置・期限.
    pub measures: String,
    /// Answers to samples and points, as JSON.
    pub answers: String,
    /// SHA-256 of the returned sheet; empty: the command line.
    pub origin: String,
}

/// A confirmation that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRow {
    /// What was confirmed.
    pub review: NewReview,
    /// When it was registered.
    pub at: WallTime,
}

/// Whether a confirmation is taken: the report, its confirmations so far, and whether it is the newest version.
pub type Deciding<'a> = dyn Fn(&ReportRow, &[ReviewRow], bool) -> Result<NewReview, String> + 'a;

const COLUMNS: &str =
    "id, number, kind, section, from_day, to_day, version, sha256, content, verdict, changes, made_at,
    by, due_day, ledger_size, ledger_root";

fn report(r: &Row<'_>) -> Result<ReportRow, rusqlite::Error> {
    Ok(ReportRow {
        id: r.get(0)?,
        number: r.get(1)?,
        report: NewReport {
            kind: r.get(2)?,
            section: r.get(3)?,
            from: Day(r.get(4)?),
            to: Day(r.get(5)?),
            sha256: r.get(7)?,
            content: r.get(8)?,
            verdict: r.get(9)?,
            by: r.get(12)?,
            due: Day(r.get(13)?),
        },
        version: count(r.get(6)?),
        changes: r.get(10)?,
        made_at: WallTime::from_micros(r.get(11)?),
        ledger_size: count(r.get(14)?),
        ledger_root: r.get(15)?,
    })
}

fn review(r: &Row<'_>) -> Result<ReviewRow, rusqlite::Error> {
    Ok(ReviewRow {
        review: NewReview {
            role: r.get(0)?,
            by: r.get(1)?,
            on: Day(r.get(2)?),
            method: r.get(3)?,
            result: r.get(4)?,
            measures: r.get(5)?,
            answers: r.get(6)?,
            origin: r.get(7)?,
        },
        at: WallTime::from_micros(r.get(8)?),
    })
}

/// What an entry of the ledger binds of a report beside what it tells.
pub(super) fn report_words((verdict, changes): (&str, &str), by: &str, due: Day) -> serde_json::Value {
    json!({"verdict": verdict, "changes": changes, "by": by, "due": due.iso()})
}

/// What an entry of the ledger binds of a confirmation: who signed and for what is told, the words are bound.
pub(super) fn bound_words(review: &NewReview) -> serde_json::Value {
    json!({"by": review.by, "on": review.on.iso(), "method": review.method, "result": review.result,
        "measures": review.measures, "answers": review.answers, "origin": review.origin})
}

fn reviews(conn: &rusqlite::Connection, report: i64) -> Result<Vec<ReviewRow>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT role, by, on_day, method, result, measures, answers, origin, at FROM review WHERE report = ?1
         ORDER BY at, role",
    )?;
    Ok(select.query_map([report], review)?.collect::<Result<_, _>>()?)
}

fn newest(tx: &Transaction<'_>, new: &NewReport) -> Result<Option<ReportRow>, StoreError> {
    let select = format!(
        "SELECT {COLUMNS} FROM report WHERE kind = ?1 AND section = ?2 AND from_day = ?3 AND to_day = ?4
         ORDER BY version DESC LIMIT 1"
    );
    let of = params![new.kind, new.section, new.from.0, new.to.0];
    Ok(tx.prepare_cached(&select)?.query_row(of, report).optional()?)
}

impl Store {
    /// Keeps a report with its entry in the ledger. Where the newest version says the same, that one is given back and
    /// nothing is written; `changes` says what differs from the version before.
    ///
    /// # Errors
    /// The store; nothing is kept then.
    pub fn keep_report(
        &mut self,
        new: &NewReport,
        changes: &dyn Fn(&ReportRow) -> String,
        now: WallTime,
    ) -> Result<(ReportRow, bool), StoreError> {
        let tx = self.begin()?;
        let before = newest(&tx, new)?;
        if let Some(same) = before.as_ref().filter(|b| b.report.sha256 == new.sha256) {
            return Ok((same.clone(), false));
        }
        let version = before.as_ref().map_or(1, |b| b.version.saturating_add(1));
        let changes = before.as_ref().map_or_else(|| "[]".to_owned(), changes);
        let id: i64 = tx.query_row(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'report'), 0) + 1",
            [],
            |r| r.get(0),
        )?;
        let number = format!("R-{id:06}");
        let tree = ledger::tree(&tx)?;
        let (size, root) = (tree.size(), hex(&tree.root()));
        tx.execute(
            "INSERT INTO report (id, number, kind, section, from_day, to_day, version, sha256, content, verdict, changes,
                made_at, by, due_day, ledger_size, ledger_root)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                id,
                number,
                new.kind,
                new.section,
                new.from.0,
                new.to.0,
                int(version),
                new.sha256,
                new.content,
                new.verdict,
                changes,
                now.micros(),
                new.by,
                new.due.0,
                int(size),
                root
            ],
        )?;
        let entry = Entry::new("report", now)
            .with("report", number.as_str())
            .with("kind", new.kind.as_str())
            .with("section", new.section.as_str())
            .with("from", new.from.iso())
            .with("to", new.to.iso())
            .with("version", version)
            .with("sha256", new.sha256.as_str())
            .with(
                "row",
                ledger::bound(&tx, &report_words((&new.verdict, &changes), &new.by, new.due))?,
            );
        ledger::append(&tx, &entry)?;
        let kept = tx.query_row(&format!("SELECT {COLUMNS} FROM report WHERE id = ?1"), [id], report)?;
        tx.commit()?;
        Ok((kept, true))
    }

    /// Every version of every report, oldest first.
    pub fn reports(&self) -> Result<Vec<ReportRow>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached(&format!("SELECT {COLUMNS} FROM report ORDER BY id"))?;
        Ok(select.query_map([], report)?.collect::<Result<_, _>>()?)
    }

    /// The report with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is none.
    pub fn report(&self, number: &str) -> Result<ReportRow, StoreError> {
        find(&self.conn, number)
    }

    /// Who confirmed a report, in the order in which it was registered.
    pub fn reviews(&self, report: i64) -> Result<Vec<ReviewRow>, StoreError> {
        reviews(&self.conn, report)
    }

    /// Keeps a confirmation that `decide` allows, seeing the report, its confirmations so far, and whether a newer version
    /// is there; with its entry in the ledger.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with what `decide` says; nothing is kept then.
    pub fn sign_report(&mut self, number: &str, now: WallTime, decide: &Deciding<'_>) -> Result<NewReview, StoreError> {
        let tx = self.begin()?;
        let found = find(&tx, number)?;
        let so_far = reviews(&tx, found.id)?;
        let is_newest = newest(&tx, &found.report)?.is_none_or(|n| n.id == found.id);
        let review = decide(&found, &so_far, is_newest).map_err(StoreError::because)?;
        tx.execute(
            "INSERT INTO review (report, role, by, on_day, method, result, measures, answers, origin, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                found.id,
                review.role,
                review.by,
                review.on.0,
                review.method,
                review.result,
                review.measures,
                review.answers,
                review.origin,
                now.micros()
            ],
        )?;
        let row = ledger::bound(&tx, &bound_words(&review))?;
        let entry = Entry::new("review", now)
            .with("report", number)
            .with("sha256", found.report.sha256.as_str())
            .with("role", review.role.as_str())
            .with("by", review.by.as_str())
            .with("result", review.result.as_str())
            .with("row", row);
        ledger::append(&tx, &entry)?;
        tx.commit()?;
        Ok(review)
    }
}

fn find(conn: &rusqlite::Connection, number: &str) -> Result<ReportRow, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM report WHERE number = ?1");
    let found = conn.prepare_cached(&select)?.query_row([number], report).optional()?;
    found.ok_or_else(|| {
        StoreError::NotFound(say!(
            "報告書 {number} はありません。sekimori report list で一覧を確かめてください。",
            "there is no report {number}; see sekimori report list"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_questions_of_the_manual_can_be_asked() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("s.db")).unwrap();
        let manual = include_str!("../../docs/manual.md");
        let questions: Vec<&str> = manual
            .split("```sql\n")
            .skip(1)
            .map(|q| q.split("```").next().unwrap())
            .collect();
        assert_eq!(questions.len(), 5);
        for question in questions {
            let mut select = store
                .conn
                .prepare(question)
                .unwrap_or_else(|e| panic!("{question}: {e}"));
            assert!(select.readonly() && 3 <= select.column_count(), "{question}");
            assert!(select.query([]).unwrap().next().unwrap().is_none());
        }
    }

    fn new(content: &str) -> NewReport {
        NewReport {
            kind: "monthly".into(),
            section: "税務課".into(),
            from: Day(20_727),
            to: Day(20_757),
            sha256: format!("{content}-hash"),
            content: content.into(),
            verdict: "normal".into(),
            by: String::new(),
            due: Day(20_772),
        }
    }

    #[test]
    fn a_changed_report_is_a_new_version_and_nothing_kept_is_ever_changed() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("s.db")).unwrap();
        let now = WallTime::from_secs(1_795_150_800);
        let mut keep = |content: &str| store.keep_report(&new(content), &|_| "[\"x\"]".into(), now).unwrap();
        let (first, is_new) = keep("a");
        assert!(is_new && first.version == 1 && first.changes == "[]");
        assert_eq!(keep("a"), (first, false), "nothing is written twice");
        let (second, _) = keep("b");
        assert_eq!((second.version, second.changes.as_str()), (2, "[\"x\"]"));
        assert_eq!(store.ledger_of("report", 9).unwrap().len(), 2);
        for change in [
            "UPDATE report SET verdict = 'normal' WHERE id = 1",
            "DELETE FROM report WHERE id = 1",
            "DELETE FROM review WHERE report = 1",
        ] {
            let done = store.conn.execute(change, []);
            assert!(change.contains("review") || done.is_err(), "{change}");
        }
        let refused = store.sign_report("R-000001", now, &|_, _, newest| {
            assert!(!newest);
            Err("superseded".into())
        });
        assert!(matches!(refused, Err(StoreError::Refused(_))));
        assert!(store.reviews(1).unwrap().is_empty() && store.ledger_of("review", 9).unwrap().is_empty());
    }
}
