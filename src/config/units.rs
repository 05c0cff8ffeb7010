//! Durations, sizes and zones as people write them in the configuration.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::problem::{say, shown};
use super::section::{Found, Section};

/// One minute.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// One day.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

const DURATION_UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
const SIZE_UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
/// Offsets from UTC in use reach from -12:00 to +14:00.
const ZONE_SECS: RangeInclusive<i32> = -12 * 3600..=14 * 3600;

/// `90s`, `10m`, `4h`, `7d`, `1h30m`: whole numbers with units, each unit once, the largest first.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut secs: u64 = 0;
    let mut smallest = u64::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let mut chars = tail.chars();
        let unit = chars.next()?;
        let (_, size) = DURATION_UNITS
            .into_iter()
            .find(|(u, size)| *u == unit && *size < smallest)?;
        secs = secs.checked_add(number.parse::<u64>().ok()?.checked_mul(size)?)?;
        smallest = size;
        rest = chars.as_str();
    }
    (!text.is_empty()).then(|| Duration::from_secs(secs))
}

/// A duration the way [`duration`] reads it, in whole seconds.
pub(super) fn show_duration(d: Duration) -> String {
    let mut rest = d.as_secs();
    let mut text = String::new();
    for (unit, size) in DURATION_UNITS {
        if size <= rest {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// `64KiB`, `1MiB`, `512B`: bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let (unit, bytes) = SIZE_UNITS.into_iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text.strip_suffix(unit)?.trim_end();
    (number.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
    number.parse::<u64>().ok()?.checked_mul(bytes)
}

/// A number of bytes the way [`size`] reads it.
pub(super) fn show_size(bytes: u64) -> String {
    let fits = |(_, unit): &(&str, u64)| *unit <= bytes && bytes.is_multiple_of(*unit);
    let (unit, divisor) = SIZE_UNITS
        .into_iter()
        .filter(fits)
        .max_by_key(|(_, unit)| *unit)
        .unwrap_or(("B", 1));
    format!("{}{unit}", bytes / divisor)
}

/// `+09:00`, `Asia/Tokyo`, `UTC`: seconds east of UTC. Japan has no summer time, so an offset is enough.
pub(super) fn zone(text: &str) -> Option<i32> {
    match text {
        "Asia/Tokyo" => return Some(9 * 3600),
        "UTC" => return Some(0),
        _ => {}
    }
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |s: &str| s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
    (two_digits(hours) && two_digits(minutes)).then_some(())?;
    let minutes = minutes.parse::<i32>().ok().filter(|m| *m < 60)?;
    let secs = sign * (hours.parse::<i32>().ok()? * 3600 + minutes * 60);
    ZONE_SECS.contains(&secs).then_some(secs)
}

impl Section<'_> {
    /// A duration within `range`, or `default` where the key is absent.
    pub(super) fn duration(&self, key: &str, default: Duration, range: RangeInclusive<Duration>) -> Option<Duration> {
        if self.value(key).is_none() {
            return Some(default);
        }
        let found = self.value(key)?;
        if !found.value.is_str() {
            let hint = say!(
                "\"10m\" のように単位を付けて書いてください。",
                "write it with a unit, such as \"10m\""
            );
            self.wrong_type(&found, "期間", "a duration", Some(hint));
            return None;
        }
        let text = self.string(key)?;
        let word = shown(&text.value);
        let Some(d) = duration(&text.value) else {
            let message = say!("「{word}」は期間として読めません。", "\"{word}\" is not a duration");
            let hint = say!(
                "30s、10m、4h、7d、1h30m のように書いてください。",
                "write 30s, 10m, 4h, 7d, or 1h30m"
            );
            self.problem(&text.place, message, Some(hint));
            return None;
        };
        self.within(&text.with(d), &range)
    }

    /// The duration if it is within `range`; else says so.
    pub(super) fn within(&self, found: &Found<Duration>, range: &RangeInclusive<Duration>) -> Option<Duration> {
        if range.contains(&found.value) {
            return Some(found.value);
        }
        let (low, high) = (show_duration(*range.start()), show_duration(*range.end()));
        let is = show_duration(found.value);
        let message = say!(
            "{low} から {high} までの期間を書いてください（{is} が書かれています）。",
            "must be from {low} to {high}, found {is}"
        );
        self.problem(&found.place, message, None);
        None
    }

    /// A number of bytes within `range`, as an integer or with a unit, or `default` where the key is absent.
    pub(super) fn size(&self, key: &str, default: u64, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(found) = self.value(key) else {
            return Some(default);
        };
        let bytes = if found.value.is_integer() {
            self.integer(key)?
        } else if !found.value.is_str() {
            let hint = say!("\"1MiB\" のように書いてください。", "write it such as \"1MiB\"");
            self.wrong_type(&found, "大きさ", "a size", Some(hint));
            return None;
        } else {
            let text = self.string(key)?;
            let word = shown(&text.value);
            let Some(bytes) = size(&text.value) else {
                let message = say!("「{word}」は大きさとして読めません。", "\"{word}\" is not a size");
                let hint = say!("64KiB、1MiB のように書いてください。", "write 64KiB or 1MiB");
                self.problem(&text.place, message, Some(hint));
                return None;
            };
            text.with(bytes)
        };
        if !range.contains(&bytes.value) {
            let (low, high) = (show_size(*range.start()), show_size(*range.end()));
            let is = show_size(bytes.value);
            let message = say!(
                "{low} から {high} までの大きさを書いてください（{is} が書かれています）。",
                "must be from {low} to {high}, found {is}"
            );
            self.problem(&bytes.place, message, None);
            return None;
        }
        Some(bytes.value)
    }

    /// An offset from UTC in seconds; `default` where the key is absent.
    pub(super) fn zone(&self, key: &str, default: i32) -> Option<i32> {
        if self.value(key).is_none() {
            return Some(default);
        }
        let text = self.string(key)?;
        let read = zone(&text.value);
        if read.is_none() {
            let word = shown(&text.value);
            let message = say!("「{word}」という時差はありません。", "unknown zone \"{word}\"");
            let hint = say!(
                "+09:00、Asia/Tokyo、UTC のように書いてください。",
                "write +09:00, Asia/Tokyo, or UTC"
            );
            self.problem(&text.place, message, Some(hint));
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_numbers_with_units_largest_first() {
        for (text, secs) in [
            ("90s", 90),
            ("10m", 600),
            ("4h", 14_400),
            ("7d", 604_800),
            ("1h30m", 5_400),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(secs)), "{text}");
        }
        let bad = [
            "",
            "10",
            "m",
            "5 minutes",
            "30m1h",
            "1m1m",
            "-1m",
            "1.5h",
            "1ms",
            "99999999999999999999d",
            "１０m",
        ];
        for text in bad {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(size("64KiB"), Some(65_536));
        assert_eq!(size("1 MiB"), Some(1 << 20));
        assert_eq!(size("512B"), Some(512));
        for text in ["", "KiB", "1", "1MB", "-1KiB", "99999999999GiB", "+1KiB"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(show_size(1 << 20), "1MiB");
        assert_eq!(show_size(1500), "1500B");
    }

    #[test]
    fn zones_are_offsets_or_one_of_two_names() {
        assert_eq!(zone("+09:00"), Some(32_400));
        assert_eq!(zone("Asia/Tokyo"), Some(32_400));
        assert_eq!(zone("UTC"), Some(0));
        assert_eq!(zone("-03:30"), Some(-12_600));
        for text in ["+9:00", "+0900", "+15:00", "+09:60", "Europe/Berlin", "", "+-1:00"] {
            assert_eq!(zone(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_shown_duration_reads_back_as_itself(secs in 0u64..40_000_000_000) {
            let d = Duration::from_secs(secs);
            prop_assert_eq!(duration(&show_duration(d)), Some(d));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC{0,12}|[-+0-9:dhmsKiB]{0,12}") {
            let _ = (duration(&text), size(&text), zone(&text));
        }
    }
}
