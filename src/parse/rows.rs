//! Several rows of one operation -> one access: packages that write a row for each screen, child table or citizen of an
//! operation under one number, and collectors that write the same row again.
//!
//! The first row of an operation is the access. What follows it is a part of it ([`Record::part`]): it brings its citizen
//! and, where no row before it stated them, the amounts, but is no further access. So nothing waits for a row that may
//! never come. Bounded: beyond [`OPERATIONS_MAX`] open operations the oldest is forgotten.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::Record;
use crate::access::name_hash;

/// Operations kept for one file.
const OPERATIONS_MAX: usize = 64;

/// Longest text kept of an operation, in bytes.
const TEXT_MAX: usize = 128;

/// How far apart the rows of one operation may lie, in microseconds: numbers begin anew each day in some packages.
const APART_MAX: i64 = 600_000_000;

/// Operations whose rows were seen lately, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Operations {
    list: VecDeque<Operation>,
    changes: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Operation {
    key: u64,
    /// When its first row is dated, in microseconds.
    begun: i64,
    rows_stated: bool,
    bytes_stated: bool,
    user: Vec<u8>,
    source: Vec<u8>,
}

impl Operations {
    /// Takes a row of the operation `key`: the first one, or a part of what was counted already.
    pub(super) fn meet(&mut self, key: &[u8], record: &mut Record<'_>) {
        let Some(time) = record.time else { return };
        let key = name_hash(key);
        let begun = time.micros();
        let near = |o: &&mut Operation| o.key == key && o.begun.abs_diff(begun) <= APART_MAX.unsigned_abs();
        let Some(known) = self.list.iter_mut().rev().find(near) else {
            self.begin(key, begun, record);
            return;
        };
        record.part = true;
        if record.user.is_none() && !known.user.is_empty() {
            record.user = Some(Cow::Owned(known.user.clone()));
        }
        if record.source.is_none() && !known.source.is_empty() {
            record.source = Some(Cow::Owned(known.source.clone()));
        }
        // The count is the operation's: rows repeat it.
        if known.rows_stated {
            record.rows = None;
        }
        if known.bytes_stated {
            record.bytes = None;
        }
        if record.rows.is_some() || record.bytes.is_some() {
            known.rows_stated |= record.rows.is_some();
            known.bytes_stated |= record.bytes.is_some();
            self.changes = self.changes.wrapping_add(1);
        }
    }

    fn begin(&mut self, key: u64, begun: i64, record: &Record<'_>) {
        let text = |text: &Option<Cow<'_, [u8]>>| {
            let text = text.as_deref().unwrap_or_default();
            text.get(..text.len().min(TEXT_MAX)).unwrap_or_default().to_vec()
        };
        if OPERATIONS_MAX <= self.list.len() {
            self.list.pop_front();
        }
        self.list.push_back(Operation {
            key,
            begun,
            rows_stated: record.rows.is_some(),
            bytes_stated: record.bytes.is_some(),
            user: text(&record.user),
            source: text(&record.source),
        });
        self.changes = self.changes.wrapping_add(1);
    }

    /// Whether `record` is the same as one dated at most `within` microseconds apart but for its time and amounts.
    pub(super) fn is_again(&mut self, within: i64, record: &Record<'_>) -> bool {
        let Some(time) = record.time else { return false };
        let text = |text: &Option<Cow<'_, [u8]>>| name_hash(text.as_deref().unwrap_or_default());
        let outcome = record.outcome.map_or(0, |o| name_hash(o.as_str().as_bytes()));
        let parts = [
            text(&record.user),
            text(&record.source),
            text(&record.operation),
            text(&record.resource),
            text(&record.subject),
            outcome,
        ];
        let key = parts.iter().fold(1_u64, |key, part| {
            key.rotate_left(11).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part
        });
        let begun = time.micros();
        let near = |o: &Operation| o.key == key && o.begun.abs_diff(begun) <= within.unsigned_abs();
        if self.list.iter().rev().any(near) {
            return true;
        }
        self.list.retain(|o| o.key != key);
        self.begin(key, begun, &Record::default());
        false
    }

    /// How often something was learned.
    pub(super) fn changes(&self) -> u32 {
        self.changes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Everything, three texts an operation.
    pub(super) fn texts(&self, mut each: impl FnMut(&[u8])) {
        for o in &self.list {
            let mut fixed = [0_u8; 17];
            let stated = u8::from(o.rows_stated) | u8::from(o.bytes_stated) << 1;
            let bytes = o
                .key
                .to_le_bytes()
                .into_iter()
                .chain(o.begun.to_le_bytes())
                .chain([stated]);
            fixed.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            each(&fixed);
            each(&o.user);
            each(&o.source);
        }
    }

    /// What [`Operations::texts`] gave.
    pub(super) fn from_texts(texts: impl IntoIterator<Item = Vec<u8>>) -> Operations {
        let mut operations = Operations::default();
        let mut texts = texts.into_iter();
        while let (Some(fixed), Some(user), Some(source)) = (texts.next(), texts.next(), texts.next()) {
            let Some((key, rest)) = fixed.split_first_chunk::<8>() else {
                break;
            };
            let Some((begun, &[stated])) = rest.split_first_chunk::<8>() else {
                break;
            };
            operations.list.push_back(Operation {
                key: u64::from_le_bytes(*key),
                begun: i64::from_le_bytes(*begun),
                rows_stated: stated & 1 != 0,
                bytes_stated: stated & 2 != 0,
                user,
                source,
            });
        }
        operations
    }
}
