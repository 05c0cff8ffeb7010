//! `strftime` formats of Apache's `%{format}t`, compiled once and read piece by piece: one log line may hold the
//! second, its fraction and the zone in three different fields.

use super::{Civil, month, offset, two};
use crate::clock::{EventTime, MICROS};
use crate::parse::scan;

/// One piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::parse) enum Item {
    /// Text that stands as it is.
    Text(u8),
    /// A number or name.
    Part(Part),
}

/// What a conversion says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::parse) enum Part {
    Year,
    YearOfCentury,
    Month,
    MonthName,
    Day,
    Hour,
    Half,
    Minute,
    Second,
    Zone,
    /// A zone's or weekday's name: letters, skipped.
    Name,
    EpochSecs,
    EpochMillis,
    EpochMicros,
    Millis,
    Micros,
}

/// What the fields read so far say of the time.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::parse) struct Parts {
    civil: Civil,
    pm: Option<bool>,
    zone: Option<i32>,
    epoch_micros: Option<i64>,
}

/// Compiles a format. The error is the conversion that cannot be read.
pub(in crate::parse) fn compile(format: &str) -> Result<Vec<Item>, String> {
    let format = format
        .strip_prefix("begin:")
        .or(format.strip_prefix("end:"))
        .unwrap_or(format);
    let whole = match format {
        "sec" => Some(Part::EpochSecs),
        "msec" => Some(Part::EpochMillis),
        "usec" => Some(Part::EpochMicros),
        "msec_frac" => Some(Part::Millis),
        "usec_frac" => Some(Part::Micros),
        _ => None,
    };
    if let Some(part) = whole {
        return Ok(vec![Item::Part(part)]);
    }
    let mut items = Vec::new();
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            items.extend(char.to_string().bytes().map(Item::Text));
            continue;
        }
        let conversion = chars.next().unwrap_or('%');
        expand(conversion, &mut items).ok_or_else(|| format!("%{conversion}"))?;
    }
    Ok(items)
}

/// `1795219507.042`
pub(in crate::parse) fn epoch_with_millis() -> Vec<Item> {
    vec![Item::Part(Part::EpochSecs), Item::Text(b'.'), Item::Part(Part::Millis)]
}

fn expand(conversion: char, items: &mut Vec<Item>) -> Option<()> {
    let part = match conversion {
        'Y' => Part::Year,
        'y' => Part::YearOfCentury,
        'm' => Part::Month,
        'b' | 'B' | 'h' => Part::MonthName,
        'd' | 'e' => Part::Day,
        'H' | 'I' | 'k' | 'l' => Part::Hour,
        'p' | 'P' => Part::Half,
        'M' => Part::Minute,
        'S' => Part::Second,
        'z' => Part::Zone,
        'Z' | 'a' | 'A' => Part::Name,
        's' => Part::EpochSecs,
        'F' => return several("Y-m-d", items),
        'T' => return several("H:M:S", items),
        'R' => return several("H:M", items),
        'D' => return several("m/d/y", items),
        '%' | 'n' | 't' => {
            items.push(Item::Text(match conversion {
                'n' => b'\n',
                't' => b'\t',
                _ => b'%',
            }));
            return Some(());
        }
        _ => return None,
    };
    items.push(Item::Part(part));
    Some(())
}

/// A conversion that is short for several: letters are conversions, the rest is text.
fn several(short: &str, items: &mut Vec<Item>) -> Option<()> {
    for char in short.chars() {
        if char.is_ascii_alphabetic() {
            expand(char, items)?;
        } else {
            items.push(Item::Text(u8::try_from(char).ok()?));
        }
    }
    Some(())
}

impl Parts {
    /// Reads one field from the start of `text`; gives what follows it.
    pub(in crate::parse) fn read<'a>(&mut self, items: &[Item], text: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = text;
        for item in items {
            rest = match item {
                Item::Text(byte) => rest.split_first().filter(|(first, _)| *first == byte)?.1,
                Item::Part(part) => self.part(*part, rest)?,
            };
        }
        Some(rest)
    }

    /// The moment all fields together name; `zone_secs` where none of them names a zone.
    pub(in crate::parse) fn time(&self, zone_secs: i32) -> Option<EventTime> {
        if let Some(micros) = self.epoch_micros {
            return Some(EventTime::from_micros(
                micros.checked_add(i64::from(self.civil.micros))?,
            ));
        }
        let hour = match (self.pm, self.civil.hour) {
            (None, hour) => hour,
            (Some(pm), hour @ 1..=12) => hour % 12 + if pm { 12 } else { 0 },
            (Some(_), _) => return None,
        };
        Civil { hour, ..self.civil }.at(self.zone.unwrap_or(zone_secs))
    }

    fn part<'a>(&mut self, part: Part, text: &'a [u8]) -> Option<&'a [u8]> {
        let civil = &mut self.civil;
        match part {
            Part::Year => {
                let ([a, b, c, d], rest) = text.split_first_chunk::<4>()?;
                civil.year = two(*a, *b)? * 100 + two(*c, *d)?;
                return Some(rest);
            }
            Part::MonthName => {
                let (name, rest) = text.split_first_chunk::<3>()?;
                civil.month = month(name)?;
                return Some(letters(rest));
            }
            Part::Half => {
                let ([half, _], rest) = text.split_first_chunk::<2>()?;
                self.pm = Some(half.eq_ignore_ascii_case(&b'p'));
                return Some(rest);
            }
            Part::Zone => {
                let ([sign, a, b], rest) = text.split_first_chunk::<3>()?;
                let ([c, d], rest) = rest.strip_prefix(b":").unwrap_or(rest).split_first_chunk::<2>()?;
                self.zone = Some(offset(*sign, two(*a, *b)?, two(*c, *d)?)?);
                return Some(rest);
            }
            Part::Name => return Some(letters(text)),
            Part::EpochSecs => return self.epoch(text, MICROS),
            Part::EpochMillis => return self.epoch(text, 1000),
            Part::EpochMicros => return self.epoch(text, 1),
            Part::Millis | Part::Micros => {
                let digits = if part == Part::Millis { 3 } else { 6 };
                let (field, rest) = text.split_at_checked(digits)?;
                civil.micros = super::fraction(field).filter(|(_, after)| after.is_empty())?.0;
                return Some(rest);
            }
            _ => {}
        }
        // `%e` and `%l` pad with a blank.
        let ([tens, ones], rest) = text.split_first_chunk::<2>()?;
        let value = two(if *tens == b' ' { b'0' } else { *tens }, *ones)?;
        match part {
            Part::YearOfCentury => civil.year = 2000 + value,
            Part::Month => civil.month = value,
            Part::Day => civil.day = value,
            Part::Hour => civil.hour = value,
            Part::Minute => civil.minute = value,
            _ => civil.second = value,
        }
        Some(rest)
    }

    fn epoch<'a>(&mut self, text: &'a [u8], micros: i64) -> Option<&'a [u8]> {
        let (value, rest) = scan::number(text)?;
        self.epoch_micros = Some(i64::try_from(value).ok()?.checked_mul(micros)?);
        Some(rest)
    }
}

fn letters(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(text.len());
    text.get(end..).unwrap_or_default()
}
