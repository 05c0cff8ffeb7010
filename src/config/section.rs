//! A table of a configuration file, read key by key.
//!
//! A [`Section`] remembers which keys were asked for; [`Section::finish`] reports every other one. So the set
//! of valid keys stands once, in the code that reads them. Every method reports what is wrong and answers
//! `None`; the caller goes on with the next key, so that all problems are told at once.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::doc::Doc;
use super::nearest::advice;
use super::problem::{Place, Problem, Say, say, shown};

/// A value with the place it stands at.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> Found<T> {
    /// Another value for the same place.
    pub(super) fn with<U>(&self, value: U) -> Found<U> {
        Found {
            value,
            place: self.place.clone(),
        }
    }
}

/// One table.
#[derive(Debug)]
pub(super) struct Section<'d> {
    doc: &'d Doc<'d>,
    /// `None`: a required table that is not there; its required keys are reported instead.
    table: Option<&'d DeTable<'d>>,
    /// Such as `source[2].fields`; empty for the file itself.
    name: String,
    /// Such as `source[].fields`.
    pattern: String,
    at: usize,
    /// Whether any key may stand here.
    open: Cell<bool>,
    /// Whether the table was written as something else, which was reported: nothing more is missing then.
    quiet: bool,
    /// Keys that are no valid ones but were reported already, in better words.
    told: RefCell<Vec<String>>,
}

impl<'d> Section<'d> {
    /// The file itself.
    pub(super) fn root(doc: &'d Doc<'d>, table: &'d DeTable<'d>) -> Section<'d> {
        let (name, pattern) = (String::new(), String::new());
        Section {
            quiet: false,
            doc,
            table: Some(table),
            name,
            pattern,
            at: 0,
            open: Cell::default(),
            told: RefCell::default(),
        }
    }

    fn child(&self, table: Option<&'d DeTable<'d>>, name: String, pattern: String, at: usize) -> Section<'d> {
        Section {
            quiet: false,
            doc: self.doc,
            table,
            name,
            pattern,
            at,
            open: Cell::default(),
            told: RefCell::default(),
        }
    }

    /// The file this table stands in.
    pub(super) fn doc(&self) -> &'d Doc<'d> {
        self.doc
    }

    /// The place where the table begins.
    pub(super) fn place(&self) -> Place {
        self.doc.place(self.at, self.name.clone())
    }

    /// The place where `key` is missing: the table's heading, or the file as a whole.
    pub(super) fn place_of_missing(&self, key: &str) -> Place {
        let place = self.doc.place(self.at, self.key_name(key));
        match self.table.filter(|_| !self.name.is_empty()) {
            Some(_) => place,
            None => Place {
                line: 0,
                column: 0,
                ..place
            },
        }
    }

    /// Notes a problem.
    pub(super) fn problem(&self, place: &Place, message: Say, hint: Option<Say>) {
        self.doc.problem(place, message, hint);
    }

    fn key_name(&self, key: &str) -> String {
        let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let key = if plain {
            key.to_owned()
        } else {
            format!("\"{}\"", shown(key))
        };
        if self.name.is_empty() {
            key
        } else {
            format!("{}.{key}", self.name)
        }
    }

    fn key_pattern(&self, key: &str) -> String {
        if self.pattern.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.pattern)
        }
    }

    /// The value of `key` and its place; from now on the key is a valid one here.
    pub(super) fn value(&self, key: &str) -> Option<Found<&'d DeValue<'d>>> {
        if !self.open.get() {
            self.doc.ask(&self.pattern, key);
        }
        self.look(key)
    }

    fn look(&self, key: &str) -> Option<Found<&'d DeValue<'d>>> {
        let (name, value) = self.table?.get_key_value(key)?;
        // A table's own span is its heading; a key's span is nearer for everything else.
        let at = if value.get_ref().is_table() {
            value.span().start.max(name.span().start)
        } else {
            name.span().start
        };
        Some(Found {
            value: value.get_ref(),
            place: self.doc.place(at, self.key_name(key)),
        })
    }

    /// All keys, whatever they are called: this table is one of names that the operator chooses.
    pub(super) fn keys(&self) -> Vec<Found<String>> {
        self.open.set(true);
        self.doc.ask(&self.pattern, "*");
        let Some(table) = self.table else { return Vec::new() };
        let found = |(key, _): (&Spanned<_>, &Spanned<DeValue<'d>>)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            Found {
                value: name.to_string(),
                place: self.doc.place(key.span().start, self.key_name(name)),
            }
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries.into_iter().map(found).collect()
    }

    /// Reports every key that nobody asked for, with the nearest valid one.
    pub(super) fn finish(&self) {
        let Some(table) = self.table.filter(|_| !self.open.get()) else {
            return;
        };
        let asked = self.doc.asked(&self.pattern);
        let valid: Vec<&str> = asked.iter().map(String::as_str).collect();
        let told = self.told.borrow();
        for (key, _) in table.iter() {
            let name = key.get_ref().as_ref();
            if asked.contains(name) || told.iter().any(|told| told == name) {
                continue;
            }
            let place = self.doc.place(key.span().start, self.key_name(key.get_ref()));
            self.problem(
                &place,
                say!("知らない項目です。", "unknown key"),
                advice(key.get_ref(), &valid),
            );
        }
    }

    /// Reports `key` if it stands here, saying why it may not.
    pub(super) fn refuse(&self, key: &str, message: &Say) {
        if let Some(found) = self.value(key) {
            self.problem(&found.place, message.clone(), None);
        }
    }

    /// Reports `key`, which is never valid here but often tried; whether it stands here.
    pub(super) fn forbid(&self, key: &str, message: Say, hint: Say) -> bool {
        let Some(found) = self.look(key) else { return false };
        self.problem(&found.place, message, Some(hint));
        self.told.borrow_mut().push(key.to_owned());
        true
    }

    /// Reports that `key` must stand here.
    pub(super) fn missing(&self, key: &str, hint: Option<Say>) {
        if self.quiet {
            return;
        }
        let message = say!("必要な項目がありません。", "required but missing");
        self.problem(&self.place_of_missing(key), message, hint);
    }

    /// Reports that something else is expected.
    pub(super) fn wrong_type(&self, found: &Found<&DeValue<'_>>, ja: &str, en: &str, hint: Option<Say>) {
        let (is_ja, is_en) = type_name(found.value);
        let message = say!(
            "{ja}を書く項目ですが、{is_ja}が書かれています。",
            "expected {en}, found {is_en}"
        );
        self.problem(&found.place, message, hint);
    }

    /// The table `key`.
    pub(super) fn table(&self, key: &str) -> Option<Section<'d>> {
        let found = self.value(key)?;
        let Some(table) = found.value.as_table() else {
            let name = self.key_name(key);
            let hint = if found.value.is_array() {
                say!(
                    "[{name}] と一重の角かっこで、一度だけ書いてください。",
                    "write [{name}] once, with single brackets"
                )
            } else {
                say!(
                    "[{name}] の見出しの下に書いてください。",
                    "write it below the heading [{name}]"
                )
            };
            self.wrong_type(&found, "表", "a table", Some(hint));
            return None;
        };
        Some(self.child(
            Some(table),
            self.key_name(key),
            self.key_pattern(key),
            self.start_of(key),
        ))
    }

    fn start_of(&self, key: &str) -> usize {
        let entry = self.table.and_then(|table| table.get_key_value(key));
        entry.map_or(self.at, |(name, value)| value.span().start.max(name.span().start))
    }

    /// The table `key`; where it is not there, its required keys are what is missing.
    pub(super) fn required_table(&self, key: &str) -> Section<'d> {
        let absent = || self.child(None, self.key_name(key), self.key_pattern(key), self.at);
        let quiet = self.value(key).is_some();
        self.table(key).unwrap_or_else(|| Section { quiet, ..absent() })
    }

    /// The tables `[[key]]`, in the order of the file.
    pub(super) fn tables(&self, key: &str) -> Vec<Section<'d>> {
        let Some(found) = self.value(key) else {
            return Vec::new();
        };
        let name = self.key_name(key);
        let pattern = format!("{}[]", self.key_pattern(key));
        let hint = || {
            Some(say!(
                "[[{name}]] と二重の角かっこで書いてください。",
                "write [[{name}]] with double brackets"
            ))
        };
        let Some(list) = found.value.as_array() else {
            self.wrong_type(&found, "表の一覧", "a list of tables", hint());
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (i, item) in list.iter().enumerate() {
            let (name, at) = (format!("{name}[{}]", i + 1), item.span().start);
            match item.get_ref().as_table() {
                Some(table) => sections.push(self.child(Some(table), name, pattern.clone(), at)),
                None => {
                    let found = Found {
                        value: item.get_ref(),
                        place: self.doc.place(at, name),
                    };
                    self.wrong_type(&found, "表", "a table", hint());
                }
            }
        }
        sections
    }
}

/// `path` as seen from `folder`, without `.` parts and, where no link stands before it, without `..`.
pub(super) fn absolute(folder: &Path, path: &str) -> PathBuf {
    let joined = folder.join(path);
    let mut out = PathBuf::new();
    for part in std::path::absolute(&joined).unwrap_or(joined).components() {
        let real_folder = || out.symlink_metadata().is_ok_and(|m| m.is_dir());
        if part == std::path::Component::ParentDir && real_folder() {
            out.pop();
        } else {
            out.push(part);
        }
    }
    out
}

/// A warning: noted beside the problems, and stopping nothing.
pub(super) fn warning(place: &Place, message: Say, hint: Option<Say>) -> Problem {
    Problem::new(place, message, hint)
}

fn type_name(value: &DeValue<'_>) -> (&'static str, &'static str) {
    match value {
        DeValue::String(_) => ("文字列", "a string"),
        DeValue::Integer(_) => ("整数", "an integer"),
        DeValue::Float(_) => ("小数", "a float"),
        DeValue::Boolean(_) => ("真偽値", "a boolean"),
        DeValue::Datetime(_) => ("日時", "a date or time"),
        DeValue::Array(_) => ("一覧", "a list"),
        DeValue::Table(_) => ("表", "a table"),
    }
}
