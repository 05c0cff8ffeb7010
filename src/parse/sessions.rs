//! Who the open sessions of one file belong to: servers that write the account once, where the session opens, and only the
//! number of the session on each line after it.
//!
//! Bounded: beyond [`SESSIONS_MAX`] the oldest is forgotten, and its lines are those of nobody, which shows.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::Record;

/// Sessions kept for one file.
const SESSIONS_MAX: usize = 512;

/// Longest text kept of a session, in bytes.
const TEXT_MAX: usize = 256;

/// Open sessions, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    list: VecDeque<Session>,
    changes: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Session {
    key: Vec<u8>,
    user: Vec<u8>,
    source: Vec<u8>,
}

impl Sessions {
    /// Learns from a record that names its user, and tells one that does not.
    pub(super) fn meet(&mut self, key: &[u8], record: &mut Record<'_>) {
        let at = self.list.iter().rposition(|session| session.key == key);
        let Some(user) = &record.user else {
            if let Some(session) = at.and_then(|at| self.list.get(at)) {
                record.user = Some(Cow::Owned(session.user.clone()));
                if record.source.is_none() && !session.source.is_empty() {
                    record.source = Some(Cow::Owned(session.source.clone()));
                }
            }
            return;
        };
        let known = at.and_then(|at| self.list.get(at));
        if record.source.is_none()
            && let Some(session) = known.filter(|session| *session.user == **user && !session.source.is_empty())
        {
            record.source = Some(Cow::Owned(session.source.clone()));
        }
        let source = record.source.as_deref().unwrap_or_default();
        if known.is_some_and(|session| *session.user == **user && session.source == source)
            || TEXT_MAX < key.len() + user.len() + source.len()
        {
            return;
        }
        let session = Session {
            key: key.to_vec(),
            user: user.to_vec(),
            source: source.to_vec(),
        };
        if let Some(at) = at {
            self.list.remove(at);
        }
        if SESSIONS_MAX <= self.list.len() {
            self.list.pop_front();
        }
        self.list.push_back(session);
        self.changes = self.changes.wrapping_add(1);
    }

    /// How often something was learned.
    pub(super) fn changes(&self) -> u32 {
        self.changes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Everything, three texts a session.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.list
            .iter()
            .flat_map(|session| [&*session.key, &*session.user, &*session.source])
    }

    /// What [`Sessions::texts`] gave.
    pub(super) fn from_texts(texts: Vec<Vec<u8>>) -> Sessions {
        let mut sessions = Sessions::default();
        let mut texts = texts.into_iter();
        while let (Some(key), Some(user), Some(source)) = (texts.next(), texts.next(), texts.next()) {
            sessions.list.push_back(Session { key, user, source });
        }
        sessions
    }
}
