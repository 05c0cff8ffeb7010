//! Texts under numbers: accounts, persons and sections of a register, and the rows of an import.
//!
//! Two hundred thousand names are kept end to end in one text, not each by itself: a register is made, compared and
//! dropped without an allocation a name.

use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Texts, each once, numbered in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Names {
    text: String,
    /// Where each text ends; it begins where the one before ended.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl PartialEq for Names {
    fn eq(&self, other: &Names) -> bool {
        (&self.text, &self.ends) == (&other.text, &other.ends)
    }
}

impl Eq for Names {}

/// The text under a number; empty where there is none.
fn text_of<'t>(text: &'t str, ends: &[u32], number: u32) -> &'t str {
    let place = |n: u32| usize::try_from(n).ok();
    let end = |n: u32| ends.get(place(n)?).copied().and_then(place);
    let begin = number.checked_sub(1).map_or(Some(0), end);
    let range = begin.zip(end(number)).map(|(begin, end)| begin..end);
    range.and_then(|range| text.get(range)).unwrap_or_default()
}

impl Names {
    /// Room for so many texts of so many bytes together.
    pub fn with_capacity(count: usize, bytes: usize) -> Names {
        Names {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(count),
            table: HashTable::with_capacity(count),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text under a number; empty where there is none.
    pub fn get(&self, number: u32) -> &str {
        text_of(&self.text, &self.ends, number)
    }

    /// Every text with its number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).map(|n| (n, self.get(n)))
    }

    /// The number of a text.
    pub fn find(&self, text: &str) -> Option<u32> {
        let is = |n: &u32| self.get(*n) == text;
        self.table.find(self.hasher.hash_one(text), is).copied()
    }

    /// The number of a text, which gets one where it has none yet.
    pub fn of(&mut self, text: &str) -> u32 {
        let Names {
            text: all,
            ends,
            table,
            hasher,
        } = self;
        let is = |n: &u32| text_of(all, ends, *n) == text;
        let hash = hasher.hash_one(text);
        if let Some(known) = table.find(hash, is) {
            return *known;
        }
        let number = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        table.insert_unique(hash, number, |n| hasher.hash_one(text_of(all, ends, *n)));
        all.push_str(text);
        ends.push(u32::try_from(all.len()).unwrap_or(u32::MAX));
        number
    }

    /// Gives back room that is not used.
    pub fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_text_has_one_number_and_is_found_under_it(
            put in prop::collection::vec("[ab課]{0,4}", 0..60), asked in prop::collection::vec("[ab課]{0,4}", 0..20),
        ) {
            let mut names = Names::default();
            let mut naive: Vec<String> = Vec::new();
            for text in &put {
                let expected = naive.iter().position(|known| known == text).unwrap_or(naive.len());
                if expected == naive.len() {
                    naive.push(text.clone());
                }
                prop_assert_eq!(names.of(text), u32::try_from(expected).unwrap());
            }
            prop_assert_eq!(names.iter().map(|(_, text)| text.to_owned()).collect::<Vec<_>>(), naive.clone());
            for text in put.iter().chain(&asked) {
                let expected = naive.iter().position(|known| known == text).map(|n| u32::try_from(n).unwrap());
                prop_assert_eq!(names.find(text), expected);
            }
            prop_assert_eq!(names.get(u32::try_from(naive.len()).unwrap()), "");
        }
    }
}
