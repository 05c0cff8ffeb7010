//! What the configuration names and the records have not: columns that were renamed or mistyped. To be told at once,
//! before lines are lost by the ten.

use std::fmt;

use super::FieldNames;
use super::names::Slot;

/// Names of columns that are shown.
const SHOWN_MAX: usize = 12;

/// Columns that were looked for in a header and do not stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The fields whose column is not there.
    pub fields: Vec<Lack>,
    /// The names that do stand there.
    pub columns: Vec<String>,
    /// Whether no line can be read without them. Else the lines are read and these fields are unknown.
    pub unread: bool,
    /// Whether the names are no text: the encoding is another one than configured.
    pub garbled: bool,
}

/// A field whose column is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// Its key in `[source.fields]`.
    pub field: &'static str,
    /// The configured name; empty: none is configured and none of the usual ones is there.
    pub name: String,
    /// The name that was most likely meant.
    pub near: Option<String>,
}

impl Lacking {
    /// What is not there of `fields`, in a header of these names.
    pub(super) fn new(slots: &[Slot], fields: &FieldNames, names: &[Vec<u8>], unread: bool) -> Lacking {
        let columns: Vec<String> = names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect();
        let taken = |name: &str| Slot::ALL.iter().any(|slot| slot.configured(fields) == Some(name));
        let free: Vec<&str> = columns.iter().map(String::as_str).filter(|n| !taken(n)).collect();
        let lack = |slot: &Slot| {
            let name = slot.configured(fields).unwrap_or_default().to_owned();
            Lack {
                field: slot.key(),
                near: near(*slot, &name, &free),
                name,
            }
        };
        Lacking {
            fields: slots.iter().map(lack).collect(),
            garbled: names.iter().any(|name| std::str::from_utf8(name).is_err())
                || columns.iter().any(|n| n.contains('\u{fffd}')),
            columns,
            unread,
        }
    }
}

/// The column that most likely holds what `name` was to hold: one usual for the field, else one whose name contains it or
/// is contained in it.
fn near(slot: Slot, name: &str, columns: &[&str]) -> Option<String> {
    let usual = slot.usual().iter().find(|usual| columns.contains(usual));
    let alike =
        |column: &&&str| !column.is_empty() && !name.is_empty() && (column.contains(name) || name.contains(**column));
    let found = usual.or_else(|| columns.iter().find(alike));
    found.map(|name| (*name).to_owned())
}

impl fmt::Display for Lacking {
    /// In no language: keys, names and signs. What stands here came from a log: whoever shows it makes it inert.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, lack) in self.fields.iter().enumerate() {
            let between = if n == 0 { "" } else { "; " };
            write!(f, "{between}{}", lack.field)?;
            if !lack.name.is_empty() {
                write!(f, " = \"{}\"", lack.name)?;
            }
            if let Some(near) = &lack.near {
                write!(f, " → \"{near}\"?")?;
            }
        }
        if self.garbled {
            return f.write_str("; encoding?");
        }
        let more = if SHOWN_MAX < self.columns.len() { ", …" } else { "" };
        let shown: Vec<&str> = self.columns.iter().take(SHOWN_MAX).map(String::as_str).collect();
        write!(f, " [{}{more}]", shown.join(", "))
    }
}
