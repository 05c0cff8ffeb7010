//! How many people meet at one citizen by chance, and how many more say something.

use crate::detect::book::DayNumber;
use crate::detect::memo::{Reader, Value, put, put_signed};

/// Days over which what happens by chance is counted.
const CHANCE_DAYS: DayNumber = 28;
/// How many citizens may be found by chance in those days before the rule asks for more people.
const CHANCE_MAX: f64 = 0.5;
/// Days that must have been counted before they say what happens by chance.
const SPAN_MIN: DayNumber = 10;
/// Citizens at whom so many people met must have been counted to go by it.
const COUNTED_MIN: u64 = 5;
/// Citizens there are at least, however few were looked at so far.
const CITIZENS_MIN: u64 = 5_000;
/// Largest number of people told apart in what is counted.
const REACHED_MAX: usize = 16;

/// What happens by chance, by day: looks of a person at a citizen, and citizens at whom so many people had looked.
#[derive(Debug, Clone, Default)]
pub(super) struct Chance {
    days: Vec<(DayNumber, u64, [u32; REACHED_MAX])>,
    /// Citizens ever looked at.
    pub citizens: u64,
}

impl Value for Chance {
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.citizens);
        for (day, looks, reached) in &self.days {
            put_signed(out, i64::from(*day));
            put(out, *looks);
            reached.iter().for_each(|n| put(out, u64::from(*n)));
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut chance = Chance {
            citizens: reader.number()?,
            days: Vec::new(),
        };
        while !reader.is_empty() {
            let (day, looks) = (reader.day()?, reader.number()?);
            let mut reached = [0u32; REACHED_MAX];
            for n in &mut reached {
                *n = u32::try_from(reader.number()?).ok()?;
            }
            chance.days.push((day, looks, reached));
        }
        Some(chance)
    }

    fn until(&self) -> DayNumber {
        self.days.last().map_or(0, |d| d.0).saturating_add(400)
    }
}

impl Chance {
    pub fn day(&mut self, day: DayNumber) -> Option<&mut (DayNumber, u64, [u32; REACHED_MAX])> {
        let at = self.days.partition_point(|d| d.0 < day);
        if self.days.get(at).is_none_or(|d| d.0 != day) {
            self.days.insert(at, (day, 0, [0; REACHED_MAX]));
            if 64 < self.days.len() {
                self.days.remove(0);
                return self.days.get_mut(at.saturating_sub(1));
            }
        }
        self.days.get_mut(at)
    }

    /// The smallest number of people above `limit` that is not met by chance.
    pub fn telling(&self, day: DayNumber, within: DayNumber, limit: u64) -> u64 {
        let learned = self.days.iter().filter(|d| day - CHANCE_DAYS <= d.0 && d.0 <= day - 2);
        let in_window = |d: &&(DayNumber, u64, [u32; REACHED_MAX])| day - within <= d.0 && d.0 <= day;
        let looks: u64 = self.days.iter().filter(in_window).map(|d| d.1).sum();
        let mut reached = [0u64; REACHED_MAX];
        for (_, _, on_day) in learned {
            reached
                .iter_mut()
                .zip(on_day)
                .for_each(|(sum, n)| *sum += u64::from(*n));
        }
        // With today, yesterday is not learned from yet.
        let span = self
            .days
            .first()
            .map_or(0, |first| day.saturating_sub(1).saturating_sub(first.0));
        let span = span.clamp(0, CHANCE_DAYS);
        let citizens = as_f64(self.citizens.max(CITIZENS_MIN));
        let rate = as_f64(looks) / citizens;
        let windows = f64::from(CHANCE_DAYS) / f64::from(within.max(1));
        let first = limit.saturating_add(1);
        (first..64)
            .find(|k| {
                // How often people would meet who choose blindly; where the last weeks show that they meet less often (an
                // update or a document settles most looks), what those show.
                let blindly = citizens * windows * tail(rate, *k);
                let by_chance = extrapolated(&reached, *k, span).map_or(blindly, |shown| shown.min(blindly));
                let seen = usize::try_from(*k)
                    .ok()
                    .and_then(|k| reached.get(k))
                    .copied()
                    .unwrap_or(0);
                by_chance <= CHANCE_MAX && as_f64(seen) <= 2.0 * CHANCE_MAX
            })
            .unwrap_or(64)
    }
}

/// At how many citizens so many people are expected to meet in [`CHANCE_DAYS`], going by the `span` days in which `reached`
/// was counted: each further person makes it rarer by at least as much as the last one that is well counted did.
fn extrapolated(reached: &[u64; REACHED_MAX], k: u64, span: DayNumber) -> Option<f64> {
    let k = usize::try_from(k)
        .ok()
        .filter(|k| *k < REACHED_MAX && SPAN_MIN <= span)?;
    let count = |n: usize| reached.get(n).copied().unwrap_or(0);
    let known = (3..k)
        .rev()
        .find(|n| COUNTED_MIN <= count(*n) && count(*n) < count(n - 1))?;
    let rarer = as_f64(count(known)) / as_f64(count(known - 1));
    let further = i32::try_from(k - known).ok()?;
    Some(as_f64(count(known)) * rarer.powi(further) * f64::from(CHANCE_DAYS) / f64::from(span))
}

fn as_f64(n: u64) -> f64 {
    u32::try_from(n).map_or(f64::from(u32::MAX), f64::from)
}

/// How likely so many or more are where `rate` are usual (Poisson).
fn tail(rate: f64, k: u64) -> f64 {
    let (mut term, mut below) = ((-rate).exp(), 0.0);
    for i in 0..k {
        below += term;
        term *= rate / as_f64(i + 1);
    }
    // Small tails drown in 1 - below: their first terms say it.
    let (mut above, mut i) = (0.0, k);
    while i < k + 60 {
        above += term;
        i += 1;
        term *= rate / as_f64(i);
    }
    if below < 0.5 { 1.0 - below } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_five_often_meet_by_chance_the_seventh_person_tells_and_not_the_tenth() {
        // A week of an office of 1,500: most looks end in an update or a document, so few meet.
        let mut chance = Chance {
            days: Vec::new(),
            citizens: 86_420,
        };
        for day in 0..60 {
            let mut reached = [0u32; REACHED_MAX];
            (reached[2], reached[3], reached[4]) = (1_300, 150, 12);
            reached[5] = u32::from(day % 2 == 0);
            chance.days.push((20_000 + day, 17_000, reached));
        }
        assert_eq!(chance.telling(20_059, 7, 2), 7);
        // Before anything was counted chance alone is reckoned with.
        chance.days.drain(..57);
        assert!(7 < chance.telling(20_059, 7, 2));
    }

    #[test]
    fn in_a_small_office_the_third_person_tells() {
        let mut chance = Chance::default();
        for day in 0..40 {
            chance.days.push((20_000 + day, 20, [0; REACHED_MAX]));
        }
        chance.citizens = 1_500;
        assert_eq!(chance.telling(20_039, 7, 2), 3);
    }
}
