//! What a format remembers between lines of one file, and how that is stored beside the file's position.
//!
//! Only a CSV header is worth storing; the last time stamp is a short cut and is made again after a restart.

use super::csv::Plan;
use super::time::TimeCache;

/// First byte of [`FormatState::to_bytes`]; another layout gets another number.
const LAYOUT: u8 = 1;

/// What a format remembers between lines of one file.
#[derive(Debug, Clone, Default)]
pub struct FormatState {
    /// The header line of a CSV file.
    pub(super) header: Option<Header>,
    /// See [`FormatState::version`].
    version: u32,
    /// The last time stamp read.
    pub(super) clock: TimeCache,
}

/// A header line and what the present format makes of it.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// Column names, trimmed.
    pub(super) names: Vec<Vec<u8>>,
    /// Which column is which field; made again when the format is another one (new configuration).
    pub(super) plan: Option<Plan>,
}

impl FormatState {
    /// Changes whenever [`FormatState::to_bytes`] would give something else; store it again only then.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What must be kept so that reading goes on in the middle of the file. Empty where there is nothing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(header) = &self.header {
            out.push(LAYOUT);
            for name in &header.names {
                out.extend_from_slice(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
                out.extend_from_slice(name);
            }
        }
        out
    }

    /// The state kept by [`FormatState::to_bytes`]. Bytes of another layout give an empty state: lines are then
    /// rejected until the next header, and that shows.
    pub fn from_bytes(bytes: &[u8]) -> FormatState {
        let header = names(bytes).map(|names| Header { names, plan: None });
        FormatState {
            header,
            ..FormatState::default()
        }
    }

    /// Takes over a header line.
    pub(super) fn set_header(&mut self, header: Header) {
        self.header = Some(header);
        self.version = self.version.wrapping_add(1);
    }
}

fn names(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (&LAYOUT, mut rest) = bytes.split_first()? else {
        return None;
    };
    let mut names = Vec::new();
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        names.push(name.to_vec());
        rest = after;
    }
    Some(names)
}
