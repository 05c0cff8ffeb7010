//! The single values of a table: texts, lists, numbers, words, paths.
//!
//! Each method reports what is wrong and answers `None`.

use std::path::PathBuf;

use toml::de::DeValue;

use super::nearest::advice;
use super::problem::{say, shown};
use super::section::{Found, Section, absolute};

/// A word of the configuration and what it means.
pub(super) type Words<T> = [(&'static str, T)];

impl Section<'_> {
    /// A text that is not blank.
    pub(super) fn string(&self, key: &str) -> Option<Found<String>> {
        let found = self.value(key)?;
        let Some(text) = found.value.as_str() else {
            self.wrong_type(
                &found,
                "文字列",
                "a string",
                Some(say!("\"…\" で囲んでください。", "write \"…\"")),
            );
            return None;
        };
        self.not_blank(found.with(text.to_owned()))
    }

    fn not_blank(&self, text: Found<String>) -> Option<Found<String>> {
        if text.value.trim().is_empty() {
            self.problem(&text.place, say!("空です。", "empty"), None);
            return None;
        }
        Some(text)
    }

    /// A text that must stand here.
    pub(super) fn required_string(&self, key: &str) -> Option<Found<String>> {
        if self.value(key).is_none() {
            self.missing(key, None);
        }
        self.string(key)
    }

    /// A list of texts; `None` where the key is absent or wrong.
    pub(super) fn strings(&self, key: &str) -> Option<Vec<Found<String>>> {
        let found = self.value(key)?;
        let Some(list) = found.value.as_array() else {
            let shape = say!("[\"…\", \"…\"] のように書いてください。", "write [\"…\", \"…\"]");
            self.wrong_type(&found, "文字列の一覧", "a list of strings", Some(shape));
            return None;
        };
        let mut all = Some(Vec::new());
        for (i, item) in list.iter().enumerate() {
            let place = self
                .doc()
                .place(item.span().start, format!("{}[{}]", found.place.key, i + 1));
            let text = match item.get_ref().as_str() {
                Some(text) => self.not_blank(Found {
                    value: text.to_owned(),
                    place,
                }),
                None => {
                    self.wrong_type(
                        &Found {
                            value: item.get_ref(),
                            place,
                        },
                        "文字列",
                        "a string",
                        None,
                    );
                    None
                }
            };
            match (text, &mut all) {
                (Some(text), Some(all)) => all.push(text),
                _ => all = None,
            }
        }
        all
    }

    /// A list of at least one text that must stand here.
    pub(super) fn required_strings(&self, key: &str) -> Option<Vec<Found<String>>> {
        if self.value(key).is_none() {
            self.missing(key, None);
        }
        let list = self.strings(key)?;
        if list.is_empty() {
            let place = self.value(key)?.place;
            self.problem(
                &place,
                say!("一つ以上書いてください。", "needs at least one entry"),
                None,
            );
            return None;
        }
        Some(list)
    }

    /// One text, or a list of texts.
    pub(super) fn string_or_strings(&self, key: &str) -> Option<Vec<Found<String>>> {
        match self.value(key)?.value {
            DeValue::String(_) => self.string(key).map(|one| vec![one]),
            _ => self.required_strings(key),
        }
    }

    /// A whole number from 0.
    pub(super) fn integer(&self, key: &str) -> Option<Found<u64>> {
        let found = self.value(key)?;
        let Some(integer) = found.value.as_integer() else {
            self.wrong_type(
                &found,
                "整数",
                "an integer",
                Some(say!("例: {key} = 100", "such as {key} = 100")),
            );
            return None;
        };
        // What fits no i64 does not fit the store either.
        match i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|n| u64::try_from(n).ok())
        {
            Some(n) => Some(found.with(n)),
            None => {
                let n = shown(integer.as_str());
                let message = say!(
                    "0 以上の整数を書いてください（{n} が書かれています）。",
                    "{n} is not a number from 0"
                );
                self.problem(&found.place, message, None);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &str) -> Option<Found<bool>> {
        let found = self.value(key)?;
        if found.value.as_bool().is_none() {
            let hint = say!(
                "引用符を付けずに true か false と書いてください。",
                "write true or false without quotes"
            );
            self.wrong_type(&found, "真偽値", "a boolean", Some(hint));
        }
        found.value.as_bool().map(|b| found.with(b))
    }

    /// One of `words`.
    pub(super) fn choice<T: Copy>(&self, key: &str, words: &Words<T>) -> Option<Found<T>> {
        let text = self.string(key)?;
        self.word(&text, words)
    }

    /// One of `words` that must stand here.
    pub(super) fn required_choice<T: Copy>(&self, key: &str, words: &Words<T>) -> Option<Found<T>> {
        if self.value(key).is_none() {
            let all = words.iter().map(|(w, _)| *w).collect::<Vec<_>>().join(", ");
            self.missing(key, Some(say!("書けるのは次のとおりです: {all}", "valid: {all}")));
        }
        self.choice(key, words)
    }

    /// A list of at least one of `words`; empty where the key is absent.
    pub(super) fn choices<T: Copy>(&self, key: &str, words: &Words<T>) -> Option<Vec<T>> {
        if self.value(key).is_none() {
            return Some(Vec::new());
        }
        let list = self.required_strings(key)?;
        let read: Vec<Option<T>> = list
            .iter()
            .map(|text| self.word(text, words).map(|f| f.value))
            .collect();
        read.into_iter().collect()
    }

    /// What `text` means among `words`.
    pub(super) fn word<T: Copy>(&self, text: &Found<String>, words: &Words<T>) -> Option<Found<T>> {
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(text.with(*meaning));
        }
        let valid: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.unknown_word(text, &valid);
        None
    }

    /// Reports that `text` is none of `valid`.
    pub(super) fn unknown_word(&self, text: &Found<String>, valid: &[&str]) {
        let word = shown(&text.value);
        let message = say!("「{word}」という値はありません。", "unknown value \"{word}\"");
        self.problem(&text.place, message, advice(&text.value, valid));
    }

    /// A path, made absolute: a relative one is relative to the folder of this file.
    pub(super) fn path(&self, key: &str) -> Option<Found<PathBuf>> {
        self.string(key)
            .map(|text| text.with(absolute(self.doc().folder(), &text.value)))
    }

    /// A path that must stand here.
    pub(super) fn required_path(&self, key: &str) -> Option<Found<PathBuf>> {
        self.required_string(key)
            .map(|text| text.with(absolute(self.doc().folder(), &text.value)))
    }
}
