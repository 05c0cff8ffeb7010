//! The nearest valid choice to a word somebody mistyped.

use super::problem::{Say, say, shown};

/// Most choices that a message lists when none is near.
const LISTED_MAX: usize = 16;

/// The choice that `word` was most likely meant to be: one that begins with it, or one within a third of its
/// length in edits (an insertion, removal, exchange, or two neighbours swapped), without regard to case.
pub(super) fn nearest<'c>(word: &str, choices: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let length = word.chars().count();
    let most = (length / 3).min(4);
    let begun = |choice: &str| 2 < length && lower(choice).starts_with(&lower(word));
    let near = choices
        .into_iter()
        .map(|choice| (if begun(choice) { 0 } else { distance(word, choice) }, choice))
        .min_by_key(|(d, _)| *d)?;
    (near.0 <= most).then_some(near.1)
}

/// "Did you mean", or all choices where none is near and they are few.
pub(super) fn advice(word: &str, choices: &[&str]) -> Option<Say> {
    if let Some(near) = nearest(word, choices.iter().copied()) {
        let near = shown(near);
        return Some(say!("「{near}」のことですか。", "did you mean \"{near}\"?"));
    }
    if choices.is_empty() || LISTED_MAX < choices.len() {
        return None;
    }
    let all = choices.iter().map(|c| shown(c)).collect::<Vec<_>>().join(", ");
    Some(say!("書けるのは次のとおりです: {all}", "valid: {all}"))
}

/// Optimal string alignment distance of two words, in characters.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (lower(a), lower(b));
    // Three rows of the table: the one before the last, the last, and the one being filled.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, j) + usize::from(x != y))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = 0 < i && 0 < j && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

fn lower(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_with_swapped_neighbours_as_one() {
        assert_eq!(distance("paths", "paths"), 0);
        assert_eq!(distance("pathz", "paths"), 1);
        assert_eq!(distance("psth", "paths"), 2);
        assert_eq!(distance("comibned", "combined"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("税務科", "税務課"), 1);
        assert_eq!(distance("CSV", "csv"), 0);
    }

    #[test]
    fn a_far_word_has_no_nearest_choice_but_a_list() {
        assert_eq!(nearest("pathz", ["path", "paths", "name"]), Some("path"));
        assert_eq!(nearest("warn", ["notice", "warning"]), Some("warning"));
        assert_eq!(nearest("s", ["S", "A"]), Some("S"));
        assert_eq!(
            nearest("C", ["S", "A"]),
            None,
            "every letter is one edit from every other"
        );
        assert_eq!(nearest("xyz", ["paths", "name"]), None);
        let list = advice("grant", &["volume", "account"]).unwrap();
        assert!(list.pick(crate::text::Lang::En).contains("volume, account"));
    }
}
