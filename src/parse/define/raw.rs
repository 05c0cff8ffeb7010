//! A format definition as its TOML file says it. docs/formats.md explains every key.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDefinition {
    pub(super) name: String,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    pub(super) title: String,
    pub(super) title_ja: String,
    pub(super) group: String,
    pub(super) note: String,
    pub(super) note_ja: String,
    #[serde(default)]
    pub(super) zone: Option<String>,
    #[serde(default)]
    pub(super) envelope: Option<String>,
    #[serde(default)]
    pub(super) programs: Vec<String>,
    #[serde(default)]
    pub(super) shape: Shape,
    #[serde(default)]
    pub(super) nothing: Vec<String>,
    /// Values in which bytes are written as `\344`, `\x8f`, `\n`.
    #[serde(default)]
    pub(super) escaped: Vec<String>,
    #[serde(default)]
    pub(super) signs: Vec<String>,
    #[serde(default)]
    pub(super) frame: Option<RawFrame>,
    #[serde(default)]
    pub(super) pairs: Option<RawPairs>,
    #[serde(default)]
    pub(super) table: Option<RawTable>,
    #[serde(default)]
    pub(super) session: Option<RawSession>,
    #[serde(default)]
    pub(super) pattern: Vec<RawPattern>,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    pub(super) when: Vec<RawWhen>,
    #[serde(default)]
    pub(super) outcome: RawOutcome,
    #[serde(default)]
    pub(super) operations: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) sample: Vec<RawSample>,
}

/// How a line is taken apart before its patterns are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    /// Not at all: patterns do it.
    #[default]
    Text,
    Json,
    Pairs,
    Table,
    Xml,
}

/// Where a record ends; one of the keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFrame {
    pub(super) begins: Option<String>,
    /// With `begins`: lines that lead the record behind them.
    pub(super) leads: Option<String>,
    /// With `begins` or `same`: behind such a line the record is over.
    pub(super) ends: Option<String>,
    pub(super) same: Option<String>,
    pub(super) json: Option<String>,
    pub(super) xml: Option<String>,
    #[serde(default)]
    pub(super) quoted: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPairs {
    #[serde(default)]
    pub(super) separator: Option<String>,
    #[serde(default)]
    pub(super) assign: Option<String>,
    #[serde(default)]
    pub(super) open: bool,
    /// The value the pairs stand in, where they are not the whole message.
    #[serde(default)]
    pub(super) on: Option<String>,
    #[serde(default)]
    pub(super) hex: Vec<String>,
    /// The value that says another separator.
    #[serde(default)]
    pub(super) separator_in: Option<String>,
}

/// Lines of one session: what the first says of the user holds for those that say nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSession {
    pub(super) key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTable {
    pub(super) delimiter: String,
    #[serde(default)]
    pub(super) columns: Vec<String>,
    /// `first`: the first line names the columns; a word such as `#Fields:`: lines that begin with it do.
    #[serde(default)]
    pub(super) header: Option<String>,
    #[serde(default)]
    pub(super) comment: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPattern {
    #[serde(default)]
    pub(super) on: Option<String>,
    /// Whether it is tried whatever other patterns on the text say.
    #[serde(default)]
    pub(super) also: bool,
    #[serde(rename = "match")]
    pub(super) pattern: String,
    #[serde(default)]
    pub(super) set: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) nothing: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWhen {
    #[serde(rename = "if")]
    pub(super) conditions: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    pub(super) set: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) nothing: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOutcome {
    #[serde(default)]
    pub(super) success: Vec<String>,
    #[serde(default)]
    pub(super) failure: Vec<String>,
}

/// A line and what it means. A field that is not written must not be there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSample {
    pub(super) line: String,
    #[serde(default)]
    pub(super) nothing: bool,
    #[serde(default)]
    pub(super) reject: Option<String>,
    pub(super) time: Option<String>,
    pub(super) user: Option<String>,
    pub(super) source: Option<String>,
    pub(super) operation: Option<String>,
    pub(super) class: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) bytes: Option<u64>,
    pub(super) rows: Option<u64>,
    pub(super) outcome: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) subject: Option<String>,
}

/// One text, or several to be tried in order.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn list(&self) -> &[String] {
        match self {
            OneOrMany::One(one) => std::slice::from_ref(one),
            OneOrMany::Many(many) => many,
        }
    }
}
