//! One kept version of a report: the content, its seal, and who confirmed it. What every form is drawn from.

use super::doc::{Cell, Report};
use crate::calendar::{Day, Jst, rfc3339};
use crate::clock::WallTime;
use crate::store::{ReportRow, ReviewRow};
use crate::text::{Lang, inert};

/// A kept version of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// `R-000012`.
    pub number: String,
    /// From 1.
    pub version: u64,
    /// SHA-256 of `content`, hex.
    pub sha256: String,
    /// What was hashed.
    pub content: String,
    /// The same, read.
    pub report: Report,
    /// When it was made.
    pub made_at: WallTime,
    /// The day by which it is to be confirmed.
    pub due: Day,
    /// Entries of the ledger before its own.
    pub ledger_size: u64,
    /// Root of these, hex.
    pub ledger_root: String,
    /// What differs from the version before.
    pub changes: Vec<String>,
    /// Who confirmed it.
    pub reviews: Vec<ReviewRow>,
}

impl Edition {
    /// From the rows of the store.
    ///
    /// # Errors
    /// The content is no report this program knows.
    pub fn of(row: ReportRow, reviews: Vec<ReviewRow>) -> Result<Edition, serde_json::Error> {
        let report = Report::read(&row.report.content)?;
        let mut reviews = reviews;
        // Two posts of one sheet are registered in the same moment.
        reviews.sort_by_key(|r| report.reviewers.iter().position(|of| of.role == r.review.role));
        Ok(Edition {
            report,
            number: row.number,
            version: row.version,
            sha256: row.report.sha256,
            content: row.report.content,
            made_at: row.made_at,
            due: row.report.due,
            ledger_size: row.ledger_size,
            ledger_root: row.ledger_root,
            changes: serde_json::from_str(&row.changes).unwrap_or_default(),
            reviews,
        })
    }

    /// Language of the report.
    pub fn lang(&self) -> Lang {
        Lang::from_word(&self.report.lang).unwrap_or_default()
    }

    /// The day it was made.
    pub fn made_day(&self) -> Day {
        Jst::from(self.made_at).day
    }

    /// `2026-10_市民課_R-000012`: a name for its files.
    pub fn file_stem(&self) -> String {
        let section = match self.report.section.as_str() {
            "" => self.lang().pick("全庁", "agency"),
            section => section,
        };
        let safe = |text: &str| text.replace(|c: char| c == '/' || c.is_control() || c.is_whitespace(), "_");
        let (from, to) = (&self.report.from, &self.report.to);
        let month = from.get(..7).unwrap_or(from);
        let span = match self.report.kind.as_str() {
            "monthly" => month.to_owned(),
            _ => format!("{from}_{to}"),
        };
        format!("{span}_{}_{}", safe(section), self.number)
    }

    /// Names and values of what stands on the first page of every form.
    pub fn seal(&self) -> Vec<(String, String)> {
        let lang = self.lang();
        let pair = |ja: &str, en: &str, value: String| (lang.pick(ja, en).to_owned(), value);
        vec![
            pair("文書番号", "number", self.number.clone()),
            pair("版", "version", self.version.to_string()),
            pair("内容のSHA-256", "sha256", self.sha256.clone()),
            pair("証跡台帳の件数", "ledger size", self.ledger_size.to_string()),
            pair("証跡台帳の根", "ledger root", self.ledger_root.clone()),
            pair("作成日時", "made at", rfc3339(self.made_at.micros())),
            pair("確認期限", "to be confirmed by", self.due.iso()),
        ]
    }

    /// Whether everybody who has to has confirmed it.
    pub fn is_complete(&self) -> bool {
        let signed = |role: &str| self.reviews.iter().any(|r| r.review.role == role);
        self.report.reviewers.iter().all(|r| signed(&r.role))
    }

    /// Headings of 確認欄.
    pub fn sign_heads(&self) -> [&'static str; 6] {
        match self.lang() {
            Lang::Ja => [
                "職",
                "確認日",
                "確認者（職員番号）",
                "確認方法（全件・抽出・聞取り）",
                "確認結果",
                "措置・期限",
            ],
            Lang::En => ["role", "date", "by (staff number)", "method", "result", "measures"],
        }
    }

    /// Rows of 確認欄: what is signed, blanks for the rest.
    pub fn sign_rows(&self) -> Vec<[Cell; 6]> {
        let lang = self.lang();
        let rows = self.report.reviewers.iter().map(|reviewer| {
            let signed = self.reviews.iter().find(|r| r.review.role == reviewer.role);
            let title = Cell::Text(reviewer.title.clone());
            match signed.map(|r| &r.review) {
                None => [title, Cell::Blank, Cell::Blank, Cell::Blank, Cell::Blank, Cell::Blank],
                Some(r) => [
                    title,
                    r.on.into(),
                    inert(&r.by, 40).into(),
                    method(&r.method, lang).into(),
                    result(&r.result, lang).into(),
                    inert(&r.measures, 400).into(),
                ],
            }
        });
        rows.collect()
    }
}

/// How somebody confirmed, in words.
pub fn method(word: &str, lang: Lang) -> &str {
    match word {
        "all" => lang.pick("全件", "all"),
        "sample" => lang.pick("抽出", "sample"),
        "hearing" => lang.pick("聞取り", "hearing"),
        other => other,
    }
}

/// With what result, in words.
pub fn result(word: &str, lang: Lang) -> &str {
    match word {
        "normal" => lang.pick("異常なし", "normal"),
        "check" => lang.pick("要確認", "check"),
        "incident" => lang.pick("事案", "incident"),
        other => other,
    }
}
