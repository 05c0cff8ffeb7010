//! What names say of rotation: which live file a name comes from, and how old it is among the others of its family.
//!
//! Not here: what is there under these names (`family`), and whether it was read already (`identity`).

use std::ffi::OsStr;
use std::path::Path;

use super::body::EVTX;

/// Suffixes of compressed files.
const COMPRESSED: [&str; 6] = [".gz", ".zst", ".xz", ".bz2", ".lz4", ".Z"];

/// Age of a file within its family; the greatest is the live file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    day: u64,
    /// What follows the day: time of day, a second number.
    rest: u64,
    /// `u64::MAX` minus the rotation number: `.1` is younger than `.2`.
    turn: u64,
}

impl Rank {
    /// The live file's.
    pub const LIVE: Rank = Rank {
        day: u64::MAX,
        rest: u64::MAX,
        turn: u64::MAX,
    };
    /// That of a file that was live and stands under no name of its family any more.
    pub const GONE: Rank = Rank {
        day: u64::MAX,
        rest: u64::MAX,
        turn: u64::MAX - 1,
    };
}

/// When a live file was begun, as far as its own name says (`oplog-20261121.csv`); [`Rank::LIVE`] if it does not.
pub(super) fn begun(path: &Path) -> Rank {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let whole = Rotated {
        base: name.to_owned(),
        rank: Rank::LIVE,
    };
    let dated = rotated(&whole).into_iter().map(|r| r.rank);
    dated
        .filter(|rank| rank.day != Rank::LIVE.day)
        .min()
        .unwrap_or(Rank::LIVE)
}

/// What a rotated file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rotated {
    /// Name of the live file it would come from.
    base: String,
    rank: Rank,
}

/// What the file called `name` is to a source that knows files by their names: live name of its family, age, whether it is configured, compressed.
pub(super) fn role(name: &str, known: &dyn Fn(&str) -> bool) -> Option<(String, Rank, bool, bool)> {
    let named = known(name);
    let plain = COMPRESSED.iter().find_map(|suffix| name.strip_suffix(suffix));
    // A log of Windows is unpacked like one, under its own name.
    let compressed = plain.is_some() || name.ends_with(EVTX);
    let mut candidates = vec![Rotated {
        base: plain.unwrap_or(name).to_owned(),
        rank: Rank::LIVE,
    }];
    for _ in 0..2 {
        candidates = candidates.iter().flat_map(rotated).collect();
        if let Some(found) = candidates.iter().find(|c| known(&c.base)) {
            return Some((found.base.clone(), found.rank, named, compressed));
        }
    }
    named.then(|| (name.to_owned(), Rank::LIVE, true, compressed))
}

/// The ways `of`'s name may have come from another by rotation.
fn rotated(of: &Rotated) -> Vec<Rotated> {
    let mut found = Vec::new();
    let mut add = |base: String, stamp: &str| {
        if base.is_empty() {
            return;
        }
        if let Some(rank) = ranked(of.rank, stamp) {
            found.push(Rotated { base, rank });
        }
    };
    let name = of.base.as_str();
    // access.log.1, access.log-20260101, access.log.2026-01-01, access.log_20260101120000
    let tail = name
        .rfind(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '_')))
        .map_or(0, |at| next(name, at));
    split_stamps(name, tail).for_each(|(base, stamp)| add(base.to_owned(), stamp));
    // access-20260101.log, access.1.log
    if let Some((stem, ext)) = name.rsplit_once('.') {
        let tail = stem
            .rfind(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '_')))
            .map_or(0, |at| next(stem, at));
        split_stamps(stem, tail).for_each(|(base, stamp)| add(format!("{base}.{ext}"), stamp));
    }
    found
}

/// The position behind the character at `at`.
fn next(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|t| t.chars().next())
        .map_or(at, |c| at.saturating_add(c.len_utf8()))
}

/// The ways to cut `name` into a base and a stamp, where the stamp lies behind a separator and reaches into the run of digits
/// and dashes that begins at `tail`.
fn split_stamps(name: &str, tail: usize) -> impl Iterator<Item = (&str, &str)> {
    let from = tail.saturating_sub(1);
    name.char_indices()
        .filter(move |(at, c)| *at >= from && matches!(c, '.' | '-' | '_'))
        .filter_map(|(at, c)| {
            let stamp = name.get(at.saturating_add(1)..)?;
            let numbered = c == '.' && stamp.len() < 6 && stamp.bytes().all(|b| b.is_ascii_digit());
            let dated = stamp.len() >= 8;
            (numbered || dated).then(|| (name.get(..at).unwrap_or(name), stamp))
        })
}

/// The rank `stamp` gives: a rotation number, or a date with what may follow it.
fn ranked(of: Rank, stamp: &str) -> Option<Rank> {
    if stamp.len() < 6 {
        let number: u64 = stamp.parse().ok()?;
        return Some(Rank {
            turn: u64::MAX.saturating_sub(1).saturating_sub(number),
            ..of
        });
    }
    let digits: String = stamp.chars().filter(char::is_ascii_digit).collect();
    let part = |range: std::ops::Range<usize>| digits.get(range).and_then(|d| d.parse::<u64>().ok());
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    if !(1970..=2199).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) || digits.len() > 24 {
        return None;
    }
    let rest = digits
        .get(8..)
        .filter(|r| !r.is_empty())
        .and_then(|r| r.parse().ok())
        .unwrap_or(0);
    Some(Rank {
        day: year * 10_000 + month * 100 + day,
        rest,
        ..of
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dated_live_files_say_which_is_older() {
        let begun = |name: &str| begun(Path::new(name));
        assert!(begun("/x/oplog-20261114.csv") < begun("/x/oplog-20261121.csv"));
        assert!(begun("/x/app.2026-01-01.log") < begun("/x/app.2026-01-02.log"));
        assert!(begun("/x/app.2026-01-02.log") < begun("/x/app.log"));
        assert_eq!(begun("/x/app-1.log"), Rank::LIVE);
    }
}
