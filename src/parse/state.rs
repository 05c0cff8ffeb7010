//! What a format remembers between lines of one file, and how that is stored beside the file's position.
//!
//! A CSV header, the users of open sessions and open operations are worth storing; the last time stamp is a short cut and is made again
//! after a restart.

use super::csv::Plan;
use super::lacking::Lacking;
use super::rows::Operations;
use super::sessions::Sessions;
use super::time::TimeCache;
use crate::clock::EventTime;

/// First byte of [`FormatState::to_bytes`]; another layout gets another number.
const LAYOUT: u8 = 1;

/// First byte where sessions are kept as well.
const LAYOUT_SESSIONS: u8 = 2;

/// First byte where operations are kept as well: their number, they, the header.
const LAYOUT_OPERATIONS: u8 = 3;

/// What a format remembers between lines of one file.
#[derive(Debug, Clone, Default)]
pub struct FormatState {
    /// The header line of a CSV file.
    pub(super) header: Option<Header>,
    /// See [`FormatState::version`].
    version: u32,
    /// Who the open sessions of this file belong to.
    pub(super) sessions: Sessions,
    /// Operations whose rows were seen lately.
    pub(super) operations: Operations,
    /// Configured columns that do not stand in the header, until they are told of.
    pub(super) lacking: Option<Box<Lacking>>,
    /// The same of a line that may be a title above the header.
    pub(super) suspect: Option<Box<Lacking>>,
    /// Room for matching, used again and again.
    pub(super) stack: super::define::Stack,
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
    /// The same for a format definition, with its number.
    pub(super) table: Option<(u64, Vec<Option<u8>>)>,
}

impl FormatState {
    /// Changes whenever [`FormatState::to_bytes`] would give something else; store it again only then.
    pub fn version(&self) -> u32 {
        let learned = self.sessions.changes().wrapping_add(self.operations.changes());
        self.version.wrapping_add(learned)
    }

    /// Says when the lines are read: the year of stamps that write none is the latest one not behind it.
    pub fn read_at(&mut self, now: EventTime) {
        self.clock.reference = Some(now.micros());
    }

    /// How often a header was read.
    pub fn headers(&self) -> u32 {
        self.version
    }

    /// What the header that was just read has not, though it is configured.
    #[inline]
    pub fn take_lacking(&mut self) -> Option<Box<Lacking>> {
        self.lacking.take()
    }

    /// Names of the columns, of a format that has any.
    pub fn columns(&self) -> Option<Vec<String>> {
        let header = self.header.as_ref()?;
        let names = header
            .names
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned());
        Some(names.collect())
    }

    /// How many columns a file has whose kept state is `bytes`; 0: that is not known.
    pub fn columns_in(bytes: &[u8]) -> usize {
        let state = FormatState::from_bytes(bytes);
        state.header.map_or(0, |header| header.names.len())
    }

    /// What must be kept so that reading goes on in the middle of the file. Empty where there is nothing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.operations.is_empty() {
            out.push(LAYOUT_OPERATIONS);
            let mut count = 0_u32;
            let mut texts = Vec::new();
            self.operations.texts(|text| {
                count = count.saturating_add(1);
                push(&mut texts, text);
            });
            out.extend_from_slice(&count.to_le_bytes());
            out.append(&mut texts);
            let names = self.header.iter().flat_map(|header| &header.names);
            names.for_each(|name| push(&mut out, name));
        } else if let Some(header) = &self.header {
            out.push(LAYOUT);
            header.names.iter().for_each(|name| push(&mut out, name));
        } else if !self.sessions.is_empty() {
            out.push(LAYOUT_SESSIONS);
            self.sessions.texts().for_each(|text| push(&mut out, text));
        }
        out
    }

    /// The state kept by [`FormatState::to_bytes`]. Bytes of another layout give an empty state: lines are then
    /// rejected until the next header, and that shows.
    pub fn from_bytes(bytes: &[u8]) -> FormatState {
        let mut state = FormatState::default();
        match bytes.split_first() {
            Some((&LAYOUT, rest)) => {
                state.header = texts(rest).map(|names| Header {
                    names,
                    plan: None,
                    table: None,
                });
            }
            Some((&LAYOUT_SESSIONS, rest)) => state.sessions = Sessions::from_texts(texts(rest).unwrap_or_default()),
            Some((&LAYOUT_OPERATIONS, rest)) => state.take_operations(rest),
            _ => {}
        }
        state
    }

    fn take_operations(&mut self, bytes: &[u8]) {
        let Some((count, rest)) = bytes.split_first_chunk::<4>() else {
            return;
        };
        let count = usize::try_from(u32::from_le_bytes(*count)).unwrap_or(usize::MAX);
        let mut texts = texts(rest).unwrap_or_default();
        let names = texts.split_off(count.min(texts.len()));
        self.operations = Operations::from_texts(texts);
        self.header = (!names.is_empty()).then_some(Header {
            names,
            plan: None,
            table: None,
        });
    }

    /// Takes over a header line.
    pub(super) fn set_header(&mut self, header: Header) {
        self.header = Some(header);
        self.version = self.version.wrapping_add(1);
    }
}

fn push(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text);
}

fn texts(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = bytes;
    let mut texts = Vec::new();
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        texts.push(text.to_vec());
        rest = after;
    }
    Some(texts)
}
