//! A report as content: parts, tables with typed cells, charts as data. What is hashed, signed and drawn in each form.
//!
//! Promise: plain data. The same value is the same JSON, byte for byte, and any form can be drawn again from it alone.
//!
//! Not here: what the tables say (`compose`), how they look (`form`).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::evidence::hex;

/// Number of this layout; a later program can tell which one wrote a stored report.
pub const LAYOUT: u32 = 1;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`LAYOUT`].
    pub layout: u32,
    /// `monthly`, `quarterly`, `yearly`, `special`, `settings`.
    pub kind: String,
    /// `ja` or `en`.
    pub lang: String,
    /// What the paper is called.
    pub title: String,
    /// The period in words.
    pub period: String,
    /// First day, `2026-10-01`.
    pub from: String,
    /// Last day.
    pub to: String,
    /// The agency.
    pub agency: String,
    /// 所属; empty: the agency as a whole.
    pub section: String,
    /// Lines under the title: to whom, about what, on which ground, how to handle.
    pub head: Vec<String>,
    /// The best result people may choose.
    pub verdict: Verdict,
    /// Why nobody may say 異常なし; empty where one may.
    pub barred: Vec<String>,
    /// What somebody has to look after.
    pub points: Vec<Point>,
    /// The twelve parts.
    pub parts: Vec<Part>,
    /// 職員番号 of those it is about: they do not confirm it.
    pub about: Vec<String>,
    /// Who confirms it, in this order.
    pub reviewers: Vec<Reviewer>,
}

/// The best result people may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// 異常なし may be chosen.
    Normal,
    /// 要確認: something is open.
    Check,
    /// 事案: an alert was closed as an incident.
    Incident,
}

impl Verdict {
    /// The word used in the store and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Normal => "normal",
            Verdict::Check => "check",
            Verdict::Incident => "incident",
        }
    }
}

/// Something somebody has to look after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The same point has the same key in the next report: `open-alerts`, `unwatched:juki`.
    pub key: String,
    /// In words.
    pub text: String,
}

/// Somebody who confirms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewer {
    /// `officer`, `manager`, `general`, `auditor`.
    pub role: String,
    /// 保護管理者.
    pub title: String,
    /// 職員番号 of the holder and the deputies on the last day, in their order; empty: nobody is configured.
    pub persons: Vec<String>,
}

/// One of the parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 1.
    pub number: u8,
    /// 総括.
    pub title: String,
    /// What stands in it, in order.
    pub blocks: Vec<Block>,
}

/// A piece of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// A sentence.
    Text(String),
    /// A sentence that must not be overlooked.
    Warning(String),
    /// How to read what stands above.
    Note(String),
    /// A table.
    Table(Table),
    /// A chart.
    Chart(Chart),
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Stable word: name of the CSV file and of the worksheet's range, `datasets`.
    pub id: String,
    /// 表1 情報資産別の利用状況.
    pub title: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// How many columns from the left name a row.
    pub keys: usize,
    /// Rows, a cell a column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Stable word for machines.
    pub id: String,
    /// Heading.
    pub title: String,
    /// How wide it is compared with the others.
    pub width: u8,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// Text, made inert.
    Text(String),
    /// A number of something.
    Count(u64),
    /// Tenths of a percent.
    Permille(i64),
    /// A day, as days since 1970-01-01 in Japan.
    Day(i32),
    /// A moment, microseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    /// Nothing is known: 不明.
    Unknown,
    /// There is nothing of the kind: －.
    None,
    /// To be filled in by hand.
    Blank,
}

impl From<u64> for Cell {
    fn from(n: u64) -> Cell {
        Cell::Count(n)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl From<crate::calendar::Day> for Cell {
    fn from(day: crate::calendar::Day) -> Cell {
        Cell::Day(day.0)
    }
}

/// A chart, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// Stable word.
    pub id: String,
    /// 図2 日別の利用回数.
    pub title: String,
    /// What is counted.
    pub unit: String,
    /// How it is drawn.
    pub shape: Shape,
}

/// How a chart is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A bar for each label; those marked are hatched (closed days).
    Bars {
        /// Under the bars.
        labels: Vec<String>,
        /// Heights.
        values: Vec<u64>,
        /// Which are marked, and what that means.
        marked: Vec<bool>,
        /// Words for those that are marked.
        mark: String,
    },
    /// A field of squares, darker for more: a row for each label, 24 columns.
    Heat {
        /// Left of the rows.
        rows: Vec<String>,
        /// A list for each row.
        values: Vec<Vec<u64>>,
    },
    /// Two bars for each label: now and usual.
    Pairs {
        /// Left of the bars.
        labels: Vec<String>,
        /// Now.
        now: Vec<u64>,
        /// Usual.
        usual: Vec<u64>,
        /// Words for now and usual.
        words: [String; 2],
    },
    /// Lines over the same labels.
    Lines {
        /// Under the points.
        labels: Vec<String>,
        /// Each line with its name.
        lines: Vec<(String, Vec<u64>)>,
    },
}

impl Report {
    /// The bytes that are hashed: JSON in the order of the fields, without spaces.
    ///
    /// # Errors
    /// None that plain data could have; serde has the type.
    pub fn content(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads what [`Report::content`] wrote.
    ///
    /// # Errors
    /// It is no report, or one of another layout.
    pub fn read(content: &str) -> Result<Report, serde_json::Error> {
        serde_json::from_str(content)
    }

    /// Every table, with the number of its part.
    pub fn tables(&self) -> impl Iterator<Item = (u8, &Table)> {
        self.parts.iter().flat_map(|part| {
            part.blocks.iter().filter_map(move |block| match block {
                Block::Table(table) => Some((part.number, table)),
                _ => None,
            })
        })
    }

    /// The table with this id.
    pub fn table(&self, id: &str) -> Option<&Table> {
        self.tables().find(|(_, t)| t.id == id).map(|(_, t)| t)
    }
}

impl Table {
    /// The cell of a row in the column called `column`.
    pub fn cell<'a>(&self, row: &'a [Cell], column: &str) -> Option<&'a Cell> {
        row.get(self.columns.iter().position(|c| c.id == column)?)
    }
}

/// SHA-256 of a report's content, hex.
pub fn sha256(content: &str) -> String {
    hex(&Sha256::digest(content.as_bytes()))
}
