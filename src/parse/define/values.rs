//! The values a line was taken apart into, by number.

use std::borrow::Cow;

use crate::parse::scan::{Raw, trim, unescape};

/// Most values a definition may name.
pub(super) const VALUES_MAX: usize = 72;

/// The values of one line.
#[derive(Debug)]
pub(super) struct Values<'a, 'd> {
    list: [Option<Cow<'a, [u8]>>; VALUES_MAX],
    /// Texts that say nothing, `-` among them.
    nothing: &'d [Vec<u8>],
}

impl<'a, 'd> Values<'a, 'd> {
    pub(super) fn new(nothing: &'d [Vec<u8>]) -> Values<'a, 'd> {
        Values {
            list: [const { None }; VALUES_MAX],
            nothing,
        }
    }

    /// The value, if the line says one.
    pub(super) fn get(&self, number: u8) -> Option<&Cow<'a, [u8]>> {
        self.list.get(usize::from(number))?.as_ref()
    }

    /// Sets a value; what says nothing is none.
    pub(super) fn set(&mut self, number: u8, value: Cow<'a, [u8]>) {
        let value = match value {
            Cow::Borrowed(text) => Cow::Borrowed(trim(text)),
            owned => owned,
        };
        if value.is_empty() || self.nothing.iter().any(|n| **n == *value) {
            return;
        }
        if let Some(place) = self.list.get_mut(usize::from(number)) {
            *place = Some(value);
        }
    }

    /// Sets a text that may hold escapes, unless there is a value: whoever smuggles a second one in gains nothing.
    pub(super) fn set_raw_if_none(&mut self, number: u8, raw: Raw<'a>) {
        if self.get(number).is_none() {
            let value = if raw.escaped {
                Cow::Owned(unescape(raw.text))
            } else {
                Cow::Borrowed(raw.text)
            };
            self.set(number, value);
        }
    }
}
