//! Formats as data: a TOML file says how the records of a product are framed, taken apart and read, with samples and
//! what they mean.
//!
//! [`Definition`] is the checked file, `Defined` what reads lines by it: an envelope is opened, the message is taken apart
//! into named values by its shape (`json`, `pairs`, `table`, `xml`) and by patterns, and the values become the fields of a
//! record. docs/formats.md is the manual of the file.
//!
//! Promises: the first of two equal names counts; what the file does not name gets into no record; a pattern that does not
//! match leaves a reject, never a guess.
//!
//! Not here: where the files are (`config`, and `catalogue` for those in the program).

mod compile;
mod json;
mod matcher;
mod pairs;
mod program;
mod raw;
mod read;
mod samples;
mod table;
mod values;
mod xml;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(super) use compile::Defined;
pub(super) use matcher::Stack;
pub use samples::SampleError;

use raw::RawDefinition;

use crate::text::Lang;
use crate::text::framing::{Framing, Pattern};

/// A format definition, read and checked.
#[derive(Debug, Clone)]
pub struct Definition(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    text: String,
    raw: RawDefinition,
    framing: Framing,
    zone_secs: i32,
}

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// Not TOML, an unknown key, a value of the wrong kind; the message names line and column.
    #[error("{0}")]
    Toml(String),
    /// A regular expression that cannot be compiled.
    #[error("the pattern {pattern} cannot be used: {why}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What the library says.
        why: String,
    },
    /// A key that is no field of an access.
    #[error("{key} is no field; the fields are {known}", known = known_fields())]
    Field {
        /// The key.
        key: String,
    },
    /// A word where only some are allowed.
    #[error("{key} = \"{word}\" is not known; write {known}")]
    Word {
        /// The key.
        key: &'static str,
        /// What stands there.
        word: String,
        /// What may stand there.
        known: String,
    },
    /// Too many values.
    #[error("more than {max} different values are named; the definition is too large")]
    Values {
        /// How many there may be.
        max: usize,
    },
    /// The definition does not say how its lines are taken apart.
    #[error("{0}")]
    Incomplete(&'static str),
}

fn known_fields() -> String {
    let keys = super::names::Slot::ALL.map(super::names::Slot::key);
    keys.join(", ")
}

impl PartialEq for Definition {
    fn eq(&self, other: &Definition) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Definition {}

impl Definition {
    /// Reads and checks a definition.
    ///
    /// # Errors
    /// What is wrong with it, with its place where there is one.
    pub fn read(text: &str) -> Result<Definition, DefinitionError> {
        let raw: RawDefinition = toml::from_str(text).map_err(|e| DefinitionError::Toml(e.to_string()))?;
        let framing = framing(&raw)?;
        let zone_secs = match &raw.zone {
            None => super::time::JST_SECS,
            Some(zone) => super::time::zone_of(zone.as_bytes()).ok_or_else(|| DefinitionError::Word {
                key: "zone",
                word: zone.clone(),
                known: "the likes of \"+09:00\", \"UTC\" or \"JST\"".into(),
            })?,
        };
        let definition = Definition(Arc::new(Inner {
            text: text.to_owned(),
            raw,
            framing,
            zone_secs,
        }));
        Defined::new(&definition, None)?;
        Ok(definition)
    }

    /// The definition as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The name used in configuration.
    pub fn name(&self) -> &str {
        &self.0.raw.name
    }

    /// Other names of it.
    pub fn aliases(&self) -> &[String] {
        &self.0.raw.aliases
    }

    /// What it is, in a line.
    pub fn title(&self, lang: Lang) -> &str {
        lang.pick(&self.0.raw.title_ja, &self.0.raw.title)
    }

    /// What must be switched on at the source, and where it misleads.
    pub fn note(&self, lang: Lang) -> &str {
        lang.pick(&self.0.raw.note_ja, &self.0.raw.note)
    }

    /// The kind of system: `web`, `database`, `files`, `cloud`, `sign-in`, `app`, `generic`.
    pub fn group(&self) -> &str {
        &self.0.raw.group
    }

    /// The envelope it opens by itself.
    pub fn envelope(&self) -> Option<&str> {
        self.0.raw.envelope.as_deref()
    }

    /// Where its records end.
    pub fn framing(&self) -> &Framing {
        &self.0.framing
    }

    /// The first line of its samples that is a record.
    pub fn sample(&self) -> Option<&str> {
        let samples = &self.0.raw.sample;
        let record = samples.iter().find(|s| !s.nothing && s.reject.is_none());
        record.map(|s| s.line.as_str())
    }

    /// Its patterns.
    #[cfg(test)]
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.0.raw.pattern.iter().map(|p| p.pattern.as_str())
    }

    /// The lines of its samples.
    pub fn sample_lines(&self) -> impl Iterator<Item = &str> {
        self.0.raw.sample.iter().map(|s| s.line.as_str())
    }

    /// Whether records may hold the field with this key.
    pub fn says(&self, field: &str) -> bool {
        let raw = &self.0.raw;
        let group = format!("(?P<{field}>");
        raw.fields.contains_key(field)
            || raw
                .pattern
                .iter()
                .any(|p| p.pattern.contains(&group) || p.set.contains_key(field))
            || raw.when.iter().any(|when| when.set.contains_key(field))
    }

    /// Texts that stand in every record, for telling formats apart.
    pub fn signs(&self) -> &[String] {
        &self.0.raw.signs
    }
}

fn framing(raw: &RawDefinition) -> Result<Framing, DefinitionError> {
    let pattern = |text: &String| {
        Pattern::new(text).map_err(|e| DefinitionError::Pattern {
            pattern: text.clone(),
            why: e.to_string(),
        })
    };
    Ok(match &raw.frame {
        None if raw.shape == raw::Shape::Json => Framing::Json(String::new()),
        None => Framing::Lines,
        Some(frame) => {
            let ends = || frame.ends.as_ref().map(pattern).transpose();
            match (&frame.begins, &frame.same, &frame.json, &frame.xml) {
                (Some(begins), None, None, None) => Framing::Begins(
                    pattern(begins)?,
                    frame.leads.as_ref().map(pattern).transpose()?,
                    ends()?,
                ),
                (None, Some(same), None, None) => Framing::Same(pattern(same)?, ends()?),
                (None, None, Some(inside), None) => Framing::Json(inside.clone()),
                (None, None, None, Some(element)) => Framing::Xml(element.clone()),
                (None, None, None, None) if frame.quoted => Framing::Quoted,
                _ => {
                    return Err(DefinitionError::Incomplete(
                        "[frame] has one key: begins, same, json, xml or quoted",
                    ));
                }
            }
        }
    })
}
