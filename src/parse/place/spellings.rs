//! Accounts by their spelling in the log, with what the register says of them on the day of the last line.

use hashbrown::HashMap;

use crate::access::{Marks, SectionHash, SourceId, Standing, WhoId};
use crate::calendar::Day;
use crate::register::{AccountIx, Right};

/// Accounts remembered by their spelling; beyond, the memory is emptied (a flood of made-up names must not
/// fill it). As many as the table of so many takes before it grows: the 200,000 accounts of a large agency, and some.
pub(super) const SPELLINGS_MAX: usize = (1 << 18) / 8 * 7;

/// Accounts by their spelling in the log. Names of usual length stand in the table itself: one look in memory a line.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    pub(super) short: HashMap<[u8; SHORT], Spelling>,
    pub(super) long: HashMap<Box<[u8]>, Spelling>,
}

/// Room for a name of usual length; its last byte holds the length.
const SHORT: usize = 16;

fn short(name: &[u8]) -> Option<[u8; SHORT]> {
    let mut key = [0u8; SHORT];
    let (last, room) = key.split_last_mut()?;
    room.get_mut(..name.len())?.copy_from_slice(name);
    *last = u8::try_from(name.len()).ok()?;
    Some(key)
}

impl Spellings {
    pub(super) fn get_mut(&mut self, name: &[u8]) -> Option<&mut Spelling> {
        match short(name) {
            Some(key) => self.short.get_mut(&key),
            None => self.long.get_mut(name),
        }
    }

    fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    pub(super) fn insert(&mut self, name: &[u8], spelling: Spelling) {
        if SPELLINGS_MAX <= self.len() {
            self.clear();
        }
        match short(name) {
            Some(key) => self.short.insert(key, spelling),
            None => self.long.insert(name.into(), spelling),
        };
    }

    pub(super) fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    pub who: WhoId,
    /// Account and right; `None`: the register does not know it.
    pub known: Option<(AccountIx, Right)>,
    pub day: i32,
    pub standing: Standing,
    pub marks: Marks,
    pub declared: bool,
    /// Whether the person has approved jobs.
    pub jobs: bool,
    /// Number of the duty hours that hold for the person, from 1; 0: office hours.
    pub duty: u16,
    pub section: SectionHash,
    /// Of a name nobody registered: the source that showed it, and its place among such names of that day.
    pub source: SourceId,
    pub names: u32,
}

impl Spelling {
    pub(super) fn unknown((who, names): (WhoId, u32), source: SourceId, day: Day) -> Spelling {
        Spelling {
            who,
            known: None,
            day: day.0,
            standing: Standing::Unknown,
            marks: Marks::NONE,
            section: SectionHash::default(),
            declared: false,
            jobs: false,
            duty: 0,
            source,
            names,
        }
    }
}
