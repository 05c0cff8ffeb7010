//! Lines by a definition: envelope, shape, patterns, fields.

use std::borrow::Cow;

use super::compile::{Defined, OnePattern, Patterns, Piece, Reader, Test, Text, Then};
use super::matcher::{Found, GROUPS_MAX, Places, Stack};
use super::table::Row;
use super::values::Values;
use crate::access::{Outcome, name_hash};
use crate::parse::cells::{amount, outcome};
use crate::parse::format::{Got, Read};
use crate::parse::names::Slot;
use crate::parse::scan::{Raw, account};
use crate::parse::state::FormatState;
use crate::parse::time;
use crate::parse::{Record, Why, cells, web};
use crate::text::framing::json_start;

/// Fields that were set by a pattern or a condition; an empty text is a field taken away.
type Set<'a> = [Option<Cow<'a, [u8]>>; Slot::COUNT];

impl Defined {
    /// Reads one record.
    pub(in crate::parse) fn read<'a>(&self, line: &'a [u8], state: &mut FormatState, record: &mut Record<'a>) -> Read {
        let mut values = Values::new(&self.nothing);
        let Some(envelope) = self.envelope else {
            return self.message(line, state, &mut values, record);
        };
        let letter = envelope.open(line);
        if !self.programs.is_empty()
            && !letter
                .program
                .is_some_and(|program| self.programs.iter().any(|known| known == program))
        {
            // Without a tag the message has to show whether it is one of ours.
            if letter.program.is_some() && letter.time.is_some() {
                return Ok(Got::Nothing);
            }
        }
        for (number, text) in [
            (self.letter.time, letter.time),
            (self.letter.host, letter.host),
            (self.letter.program, letter.program),
            (self.letter.pid, letter.pid),
        ] {
            if let (Some(number), Some(text)) = (number, text) {
                values.set(number, Cow::Borrowed(text));
            }
        }
        match letter.message {
            Cow::Borrowed(message) => self.message(message, state, &mut values, record),
            Cow::Owned(message) => {
                let mut inner = Values::new(&self.nothing);
                let mut owned = Record::default();
                if let (Some(number), Some(text)) = (self.letter.time, letter.time) {
                    inner.set(number, Cow::Borrowed(text));
                }
                let read = self.message(&message, state, &mut inner, &mut owned);
                *record = owned.into_owned();
                read
            }
        }
    }

    fn message<'a>(
        &self,
        message: &'a [u8],
        state: &mut FormatState,
        values: &mut Values<'a, '_>,
        record: &mut Record<'a>,
    ) -> Read {
        if let Some(number) = self.letter.message
            && !matches!(self.shape, Reader::Json(_))
        {
            values.set(number, Cow::Borrowed(message));
        }
        match &self.shape {
            Reader::Text => {}
            Reader::Json(tree) => {
                let text = json_start(message, &self.inside);
                if text.is_empty() {
                    return Ok(Got::Nothing);
                }
                tree.read(text, values).ok_or(Why::Json)?;
            }
            Reader::Pairs(pairs, None) => pairs.read(message, values),
            Reader::Xml(xml) => {
                let text = message.trim_ascii();
                if text.starts_with(b"</") || text.starts_with(b"<?") && !text.contains(&b'/') {
                    return Ok(Got::Nothing);
                }
                xml.read(message, values).ok_or(Why::Shape)?;
            }
            Reader::Table(table) => {
                if let Row::Nothing = table.read(message, state, values)? {
                    return Ok(Got::Nothing);
                }
            }
            Reader::Pairs(_, Some(_)) => {}
        }
        let mut set: Set<'a> = [const { None }; Slot::COUNT];
        for patterns in &self.patterns {
            if patterns.apply(message, values, &mut set, &mut state.stack)? == Got::Nothing {
                return Ok(Got::Nothing);
            }
        }
        if let Reader::Pairs(pairs, Some(on)) = &self.shape
            && let Some(Cow::Borrowed(text)) = values.get(*on).cloned()
        {
            pairs.read(text, values);
        }
        for number in &self.hexed {
            values.unhex(*number);
        }
        for number in &self.escaped {
            values.unescape(*number);
        }
        for when in &self.whens {
            let holds = |(number, test): &(u8, Test)| test.holds(values.get(*number).map(|v| &**v));
            if when.conditions.iter().all(holds) {
                if when.then.nothing {
                    return Ok(Got::Nothing);
                }
                when.then.apply(values, &mut set);
            }
        }
        self.fill(values, &mut set, state, record)
    }

    fn fill<'a>(
        &self,
        values: &Values<'a, '_>,
        set: &mut Set<'a>,
        state: &mut FormatState,
        record: &mut Record<'a>,
    ) -> Read {
        let mut take = |slot: Slot| -> Option<Cow<'a, [u8]>> {
            if let Some(text) = set.get_mut(slot as usize).and_then(Option::take) {
                return (!text.is_empty()).then_some(text);
            }
            let texts = self.fields.get(slot as usize)?;
            texts.iter().find_map(|text| text.of(values))
        };
        let day = take(Slot::Time);
        if let Some(day) = &day {
            record.time = match take(Slot::Clock) {
                Some(clock) => time::joined(day, &clock, self.zone_secs),
                None => state.clock.any(day, self.zone_secs),
            };
            if record.time.is_none() {
                return Err(Why::Time);
            }
        }
        // A row without one is a row of something else.
        if day.is_none() && matches!(self.shape, Reader::Table(_)) {
            return Err(Why::Time);
        }
        record.user = take(Slot::User).map(account);
        record.source = take(Slot::Source).map(address);
        record.resource = take(Slot::Resource);
        record.bytes = take(Slot::Bytes).and_then(|t| amount(&t).ok().flatten());
        record.rows = take(Slot::Rows).and_then(|t| amount(&t).ok().flatten());
        record.user_agent = take(Slot::Agent);
        record.subject = take(Slot::Subject);
        record.outcome = take(Slot::Outcome).and_then(|word| self.outcome(&word));
        if let Some(text) = take(Slot::Status) {
            match amount(&text) {
                Ok(value) => record.status = value.and_then(|v| u16::try_from(v).ok()),
                Err(_) => record.outcome = record.outcome.or_else(|| self.outcome(&text)),
            }
        }
        if let Some(key) = &self.session
            && let Some(key) = key.of(values)
        {
            state.sessions.meet(&key, record);
        }
        record.key = take(Slot::RecordKey).map(|key| name_hash(&key));
        let (operation, joined) = (take(Slot::Operation), take(Slot::JoinedBy));
        if let Some(line) = take(Slot::Request) {
            match line {
                Cow::Borrowed(text) => web::request(Raw { text, escaped: false }, record),
                owned => cells::request(owned, record),
            }
        }
        if operation.is_some() {
            record.operation = operation;
        }
        if let Some(word) = &record.operation
            && !self.classes.is_empty()
        {
            record.class = self.class(word);
        }
        if day.is_none()
            && record.user.is_none()
            && record.source.is_none()
            && record.resource.is_none()
            && record.operation.is_none()
        {
            return Err(Why::Missing);
        }
        if let Some(number) = joined {
            state.operations.meet(&number, record);
        }
        Ok(Got::Record)
    }

    fn outcome(&self, word: &[u8]) -> Option<Outcome> {
        if self.outcomes.is_empty() && self.other_outcome.is_none() {
            return outcome(word);
        }
        let mut small = [0_u8; 48];
        let known = small.get_mut(..word.len()).and_then(|place| {
            place.copy_from_slice(word);
            place.make_ascii_lowercase();
            self.outcomes.get(&*place).copied()
        });
        known.or(self.other_outcome)
    }

    fn class(&self, word: &[u8]) -> Option<crate::access::Operation> {
        if let Some(class) = self.classes.get(word) {
            return Some(*class);
        }
        let lower = String::from_utf8_lossy(word).to_lowercase();
        self.classes.get(lower.as_bytes()).copied()
    }
}

impl Patterns {
    fn apply<'a>(&self, message: &'a [u8], values: &mut Values<'a, '_>, set: &mut Set<'a>, stack: &mut Stack) -> Read {
        let Some(on) = self.on else {
            return match self.find(message, values, set, stack) {
                Some(got) => Ok(got),
                None if self.also => Ok(Got::Record),
                None => Err(Why::Shape),
            };
        };
        let Some(text) = values.get(on).cloned() else {
            return Ok(Got::Record);
        };
        let got = match text {
            Cow::Borrowed(text) => self.find(text, values, set, stack),
            Cow::Owned(text) => {
                let mut inner = Values::new(&[]);
                let mut inner_set: Set<'_> = [const { None }; Slot::COUNT];
                let got = self.find(&text, &mut inner, &mut inner_set, stack);
                for pattern in &self.list {
                    for (_, number) in &pattern.groups {
                        if let Some(value) = inner.get(*number) {
                            values.set(*number, Cow::Owned(value.to_vec()));
                        }
                    }
                }
                for (to, from) in set.iter_mut().zip(inner_set) {
                    if let Some(from) = from {
                        *to = Some(Cow::Owned(from.into_owned()));
                    }
                }
                got
            }
        };
        Ok(got.unwrap_or(Got::Record))
    }

    /// Tries the patterns; `None` if none of them matches.
    fn find<'a>(
        &self,
        text: &'a [u8],
        values: &mut Values<'a, '_>,
        set: &mut Set<'a>,
        stack: &mut Stack,
    ) -> Option<Got> {
        let Some(all) = &self.set else {
            return self.list.iter().find_map(|one| one.apply(text, values, set, stack));
        };
        let first = all.matches(text).iter().next()?;
        self.list.get(first)?.apply(text, values, set, stack)
    }
}

impl OnePattern {
    fn apply<'a>(
        &self,
        text: &'a [u8],
        values: &mut Values<'a, '_>,
        set: &mut Set<'a>,
        stack: &mut Stack,
    ) -> Option<Got> {
        let mut places: Places = [0; 2 * GROUPS_MAX];
        let found = self.matcher.as_ref().map(|short| short.find(text, &mut places, stack));
        if found == Some(Found::Match) {
            for (group, number) in &self.groups {
                if let (Some(from), Some(to)) = (places.get(2 * group), places.get(2 * group + 1))
                    && let Some(part) = text.get(*from..*to)
                {
                    values.set(*number, Cow::Borrowed(part));
                }
            }
        } else if found == Some(Found::Nothing) {
            return None;
        } else if self.groups.is_empty() {
            self.regex.is_match(text).then_some(())?;
        } else {
            let found = self.regex.captures(text)?;
            for (group, number) in &self.groups {
                if let Some(part) = found.get(*group) {
                    values.set(*number, Cow::Borrowed(part.as_bytes()));
                }
            }
        }
        if self.then.nothing {
            return Some(Got::Nothing);
        }
        self.then.apply(values, set);
        Some(Got::Record)
    }
}

impl Then {
    fn apply<'a>(&self, values: &Values<'a, '_>, set: &mut Set<'a>) {
        for (slot, text) in &self.set {
            if let Some(place) = set.get_mut(*slot as usize) {
                // What cannot be put together is as if it were not written.
                if let Some(text) = text.of(values) {
                    *place = Some(text);
                }
            }
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&[u8]>) -> bool {
        match (self, value) {
            (Test::Present, value) => value.is_some(),
            (Test::Absent, value) => value.is_none(),
            (_, None) => false,
            (Test::OneOf(words), Some(value)) => words.iter().any(|word| word == value),
            (Test::Matches(regex), Some(value)) => regex.is_match(value),
        }
    }
}

impl Text {
    fn of<'a>(&self, values: &Values<'a, '_>) -> Option<Cow<'a, [u8]>> {
        match self {
            Text::Value(number) => values.get(*number).cloned(),
            Text::Pieces(pieces) => {
                let mut out = Vec::new();
                for piece in pieces {
                    match piece {
                        Piece::Fixed(text) => out.extend_from_slice(text),
                        Piece::Value(number) => out.extend_from_slice(values.get(*number)?),
                    }
                }
                Some(Cow::Owned(out))
            }
        }
    }
}

/// An address without its port, brackets and the `/` Java puts before it.
fn address(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(bare_address(text)),
        Cow::Owned(text) => Cow::Owned(bare_address(&text).to_vec()),
    }
}

fn bare_address(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"/").unwrap_or(text);
    let text = text
        .strip_prefix(b"::ffff:")
        .filter(|t| t.contains(&b'.'))
        .unwrap_or(text);
    if let [b'[', inside @ ..] = text {
        return inside.split(|b| *b == b']').next().unwrap_or(inside);
    }
    let mut parts = text.split(|b| *b == b':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(host), Some(port), None) if !host.is_empty() && port.iter().all(u8::is_ascii_digit) => host,
        _ => text,
    }
}
