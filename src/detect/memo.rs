//! What a rule remembers of one key beyond the counters: the rows of it, and the cache that stands before them.
//!
//! A kind that needs more than the book (which days somebody looked at one citizen, which terminals are usual) keeps
//! one small value a key. `Memory` reads a value when it is first asked for, changes it in place, and hands
//! out what changed when the batch is sealed; the store writes it in the batch's transaction. So memory is a cache of
//! committed rows here too: a restart, a failed batch and a forgotten key change nothing.
//!
//! Promise asked of every value: the order in which accesses were added cannot be seen in it, as far as they lie no
//! further apart than the lateness a rule allows.

use hashbrown::HashMap;

use super::book::{DayNumber, History, HistoryError};

/// Which rule's values: made of the rule's id, so that a rule keeps its own when others come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space(pub u32);

impl Space {
    /// The space of the rule called `id`, for values of one sort.
    pub fn of(id: &str, sort: u8) -> Space {
        let bytes = id.bytes().chain([0, sort]);
        let hash = bytes.fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
        Space(hash)
    }
}

/// A value that changed, as the store writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memo {
    /// Whose.
    pub space: Space,
    /// Of what.
    pub key: u64,
    /// The day behind which nobody can ask for it any more.
    pub until: DayNumber,
    /// The value.
    pub bytes: Vec<u8>,
}

/// A value that can be kept in a row.
pub(super) trait Value: Default + std::fmt::Debug {
    /// Appends the value.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads what [`Value::encode`] wrote; `None` for anything else.
    fn decode(bytes: &[u8]) -> Option<Self>;
    /// The day behind which nobody can ask for it any more.
    fn until(&self) -> DayNumber;
}

#[derive(Debug, Default)]
struct Slot<V> {
    value: V,
    /// Whether the batch in hand changed it.
    changed: bool,
    /// Number of the batch that last asked for it.
    asked: u32,
}

/// The values of one space, as far as they are in memory.
#[derive(Debug)]
pub(super) struct Memory<V> {
    space: Space,
    slots: HashMap<u64, Slot<V>>,
    changed: Vec<u64>,
    batch: u32,
    /// Whether rows may be there that are not in memory; `None`: not yet asked.
    rows: Option<bool>,
    /// Values kept at most once nothing holds them.
    most: usize,
}

impl<V: Value> Memory<V> {
    pub fn new(space: Space, most: usize) -> Self {
        Memory {
            space,
            slots: HashMap::new(),
            changed: Vec::new(),
            batch: 0,
            rows: None,
            most,
        }
    }

    fn load(&mut self, key: u64, is_new: bool, history: &mut dyn History) -> Result<(), HistoryError> {
        if self.slots.contains_key(&key) {
            return Ok(());
        }
        let rows = match self.rows {
            Some(rows) => rows,
            None => *self.rows.insert(history.has_memos(self.space)?),
        };
        let stored = if rows && !is_new {
            history.memo(self.space, key)?
        } else {
            None
        };
        let value = match stored {
            None => V::default(),
            Some(bytes) => V::decode(&bytes).ok_or_else(|| HistoryError {
                why: "a value that a rule keeps cannot be read; restore the last backup and keep this store as \
                      evidence"
                    .into(),
                transient: false,
            })?,
        };
        self.slots.insert(
            key,
            Slot {
                value,
                changed: false,
                asked: self.batch,
            },
        );
        Ok(())
    }

    /// The value of a key, to look at. `is_new`: nothing can have been kept of it before this run.
    pub fn look(&mut self, key: u64, is_new: bool, history: &mut dyn History) -> Result<&V, HistoryError> {
        self.load(key, is_new, history)?;
        let batch = self.batch;
        let slot = self.slots.entry(key).or_default();
        slot.asked = batch;
        Ok(&slot.value)
    }

    /// The value of a key, to change with `change`, which says whether it did.
    pub fn change<T>(
        &mut self,
        key: u64,
        is_new: bool,
        history: &mut dyn History,
        change: impl FnOnce(&mut V) -> (bool, T),
    ) -> Result<T, HistoryError> {
        self.load(key, is_new, history)?;
        let batch = self.batch;
        let slot = self.slots.entry(key).or_default();
        slot.asked = batch;
        let (changed, out) = change(&mut slot.value);
        if changed && !slot.changed {
            slot.changed = true;
            self.changed.push(key);
        }
        Ok(out)
    }

    /// The batch is sealed: hands out what it changed.
    pub fn seal(&mut self, out: &mut Vec<Memo>) {
        let mut keys = std::mem::take(&mut self.changed);
        keys.sort_unstable();
        for key in keys.drain(..) {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.changed = false;
                let mut bytes = Vec::new();
                slot.value.encode(&mut bytes);
                out.push(Memo {
                    space: self.space,
                    key,
                    until: slot.value.until(),
                    bytes,
                });
            }
        }
        self.changed = keys;
        self.batch = self.batch.wrapping_add(1);
    }

    /// Forgets what was not asked for lately, where there is too much; only while no commit is on its way.
    pub fn prune(&mut self) {
        if self.slots.len() <= self.most {
            return;
        }
        // A quarter of the room is made at once, so that the next one is not so soon.
        let mut ages: Vec<u32> = self.slots.values().map(|s| self.batch.wrapping_sub(s.asked)).collect();
        let keep = (self.most / 4 * 3).min(ages.len().saturating_sub(1));
        let (_, oldest, _) = ages.select_nth_unstable(keep);
        let oldest = (*oldest).max(1);
        let batch = self.batch;
        self.slots
            .retain(|_, slot| slot.changed || batch.wrapping_sub(slot.asked) < oldest);
        self.rows = Some(true);
    }

    /// Forgets everything: the batch failed and is read again.
    pub fn reset(&mut self) {
        self.slots.clear();
        self.changed.clear();
        self.rows = None;
    }

    /// Values in memory.
    pub fn len(&self) -> usize {
        self.slots.len()
    }
}

/// One number out of several: a key of two parts.
pub(super) fn joined(a: u64, b: u64) -> u64 {
    // SplitMix64's last steps: every bit of the parts reaches every bit of the key.
    let mut z = a.rotate_left(32) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Writes numbers one behind the other, seven bits a byte (LEB128).
pub(super) fn put(out: &mut Vec<u8>, mut v: u64) {
    while 0x7f < v {
        let [low, ..] = v.to_le_bytes();
        out.push(low | 0x80);
        v >>= 7;
    }
    let [low, ..] = v.to_le_bytes();
    out.push(low);
}

/// Writes a number that may be negative.
pub(super) fn put_signed(out: &mut Vec<u8>, v: i64) {
    put(out, (v.wrapping_shl(1) ^ (v >> 63)).cast_unsigned());
}

/// Reads what was written.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    pub fn number(&mut self) -> Option<u64> {
        let mut v = 0u64;
        let mut shift = 0u32;
        loop {
            let (byte, tail) = self.0.split_first()?;
            self.0 = tail;
            v |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(v);
            }
            shift += 7;
        }
    }

    pub fn signed(&mut self) -> Option<i64> {
        let v = self.number()?;
        Some((v >> 1).cast_signed() ^ -((v & 1).cast_signed()))
    }

    pub fn day(&mut self) -> Option<DayNumber> {
        i32::try_from(self.signed()?).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A set of days, as far as they lie no more than 127 days behind the newest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct DaySet {
    newest: DayNumber,
    /// Bit `n`: the day `n` days before the newest.
    days: u128,
}

impl DaySet {
    /// Adds a day; whether it was not in it.
    pub fn add(&mut self, day: DayNumber) -> bool {
        if self.days == 0 {
            *self = DaySet { newest: day, days: 1 };
            return true;
        }
        let before = *self;
        if self.newest < day {
            let shift = u32::try_from(i64::from(day) - i64::from(self.newest)).unwrap_or(u32::MAX);
            self.days = self.days.checked_shl(shift).unwrap_or(0) | 1;
            self.newest = day;
        } else {
            let behind = u32::try_from(i64::from(self.newest) - i64::from(day)).unwrap_or(u32::MAX);
            self.days |= 1u128.checked_shl(behind).unwrap_or(0);
        }
        *self != before
    }

    /// How many days of the set lie in `from..=to`.
    pub fn count(&self, from: DayNumber, to: DayNumber) -> u32 {
        if self.days == 0 || to < from {
            return 0;
        }
        let behind = |day: DayNumber| i64::from(self.newest) - i64::from(day);
        let (low, high) = (behind(to).max(0), behind(from));
        if high < 0 || 127 < low {
            return 0;
        }
        let from_low = self.days >> u32::try_from(low).unwrap_or(127);
        let width = u32::try_from(high - low + 1).unwrap_or(u32::MAX);
        let mask = 1u128.checked_shl(width).map_or(u128::MAX, |bit| bit - 1);
        (from_low & mask).count_ones()
    }

    /// The newest day; `None` where it is empty.
    pub fn newest(&self) -> Option<DayNumber> {
        (self.days != 0).then_some(self.newest)
    }

    pub fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, i64::from(self.newest));
        out.extend_from_slice(&self.days.to_le_bytes());
    }

    pub fn take(from: &mut Reader<'_>) -> Option<DaySet> {
        let newest = from.day()?;
        let (days, tail) = from.0.split_first_chunk::<16>()?;
        from.0 = tail;
        Some(DaySet {
            newest,
            days: u128::from_le_bytes(*days),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_days_is_the_same_in_any_order_and_counts_what_lies_between() {
        let days = [20_000, 20_003, 20_090, 20_003, 19_990];
        let (mut a, mut b) = (DaySet::default(), DaySet::default());
        for (one, other) in days.iter().zip(days.iter().rev()) {
            a.add(*one);
            b.add(*other);
        }
        assert_eq!(a, b);
        assert_eq!(
            (
                a.count(20_000, 20_003),
                a.count(19_000, 30_000),
                a.count(20_004, 20_089)
            ),
            (2, 4, 0)
        );
        assert_eq!(a.newest(), Some(20_090));
        assert!(!a.add(20_003) && a.add(20_004));
        let mut bytes = Vec::new();
        a.put(&mut bytes);
        assert_eq!(DaySet::take(&mut Reader(&bytes)), Some(a));
        let mut far = a;
        assert!(far.add(21_000));
        assert_eq!(far.count(0, 30_000), 1, "days 128 days behind are forgotten");
    }

    #[test]
    fn numbers_come_back_as_they_were_written() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 300_000, u64::MAX];
        let signed = [0, -1, 1, i64::MIN, i64::MAX, -20_000];
        numbers.iter().for_each(|n| put(&mut out, *n));
        signed.iter().for_each(|n| put_signed(&mut out, *n));
        let mut reader = Reader(&out);
        assert!(numbers.iter().all(|n| reader.number() == Some(*n)));
        assert!(signed.iter().all(|n| reader.signed() == Some(*n)));
        assert!(reader.is_empty() && reader.number().is_none());
    }
}
