//! `sekimori formats`: which formats there are, and what each wants of its source.

use std::path::Path;

use super::Failure;
use crate::parse::{Definition, Format, FormatSettings};

/// The format called `name`, or the definition in the file of that path.
pub(super) fn named(name: &str) -> Result<FormatSettings, Failure> {
    if name.ends_with(".toml") {
        let path = Path::new(name);
        let named = |e: &dyn std::fmt::Display| Failure::Failed(format!("{}: {e}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| named(&e))?;
        let definition = Definition::read(&text).map_err(|e| named(&e))?;
        return Ok(FormatSettings::Defined(definition, None));
    }
    Format::from_name(name).ok_or_else(|| {
        Failure::Failed(format!(
            "there is no format {name}; `sekimori formats` lists them, and a definition of your own is named by its path, ./{name}.toml"
        ))
    })
}
