//! Patterns of definitions, matched the way their lines are made: fields that end at a mark, one behind the other.
//!
//! The regex crate finds captures by following every way a pattern could match; in logs there is nearly always one.
//! This goes that way, back where it has to, and gives up after so many steps: then the regex crate decides, so that a
//! hostile line costs no more than before. What is found is what the regex crate finds; tests hold them against each other.

use memchr::{memchr, memchr2, memchr3};
use regex_syntax::hir::Look;

use super::program::{Inst, Need, Program, Run, Set};

/// Most groups of a pattern.
pub(super) const GROUPS_MAX: usize = 28;
/// Steps a match may take: so many, and so many for each byte.
const STEPS: usize = 2_000;
const STEPS_PER_BYTE: usize = 24;
/// No place.
const NOWHERE: usize = usize::MAX;

/// A pattern, compiled.
#[derive(Debug)]
pub(super) struct Matcher(Program);

/// Where groups begin and end.
pub(super) type Places = [usize; 2 * GROUPS_MAX];

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Match,
    Nothing,
    /// Too many ways: ask somebody else.
    Undecided,
}

/// Ways that may still be tried, kept from line to line so that none has to ask for memory.
pub(in crate::parse) type Stack = Vec<Back>;

/// What to try when a way ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::parse) enum Back {
    Branch { pc: usize, at: usize },
    Restore { slot: usize, old: usize },
    Shrink { pc: usize, least: usize, at: usize },
    Grow { pc: usize, at: usize, left: usize },
}

impl Matcher {
    /// Compiles a pattern as the regex crate reads it without Unicode; `None`: left to the regex crate.
    pub(super) fn new(pattern: &str) -> Option<Matcher> {
        Program::new(pattern, GROUPS_MAX).map(Matcher)
    }

    /// Whether it is known where a match may begin: at the start of the text, with certain bytes or near a certain word.
    /// Else the regex crate is faster at searching.
    pub(super) fn knows_where(&self) -> bool {
        let Program {
            anchored,
            inner,
            need,
            empty,
            ..
        } = &self.0;
        *anchored || *empty || inner.is_some() || need.as_ref().is_some_and(|need| need.behind.is_some())
    }

    /// Looks for the first match in `text`; `places` then says where its groups are.
    pub(super) fn find(&self, text: &[u8], places: &mut Places, stack: &mut Stack) -> Found {
        let program = &self.0;
        let begins = |set: &Option<Box<Set>>, at: usize| {
            set.as_ref()
                .is_none_or(|set| text.get(at).is_some_and(|byte| set.has(*byte)))
        };
        let mut steps = STEPS + STEPS_PER_BYTE * text.len();
        if program.anchored {
            // A word somewhere behind is looked for first: no way there has to be tried without it.
            let lacks = |need: &Need| need.behind.is_none() && need.find(text).is_none();
            if !begins(&program.first, 0) || program.need.as_ref().is_some_and(lacks) {
                return Found::Nothing;
            }
            return self.at(text, 0, places, stack, &mut steps);
        }
        // The last place a match may begin before the next word has to be looked for.
        let mut upto = text.len();
        let mut word = None;
        let mut from = 0;
        loop {
            if let Some(need) = &program.need
                && (word.is_none() || upto < from)
            {
                let least = need.behind.map_or(0, |(least, _)| least);
                let after = from + least;
                let Some(at) = text.get(after..).and_then(|rest| need.find(rest)).map(|at| after + at) else {
                    return Found::Nothing;
                };
                word = Some(at);
                if let Some((least, most)) = need.behind {
                    from = from.max(at.saturating_sub(most));
                    upto = at - least;
                }
            }
            let set = if from == 0 { &program.first } else { &program.inner };
            if begins(set, from) {
                match self.at(text, from, places, stack, &mut steps) {
                    Found::Nothing => {}
                    found => return found,
                }
            }
            from += 1;
            if text.len() < from {
                return Found::Nothing;
            }
            if program.need.as_ref().is_none_or(|need| need.behind.is_none())
                && let Some(inner) = &program.inner
            {
                let Some(skip) = text.get(from..).and_then(|t| t.iter().position(|b| inner.has(*b))) else {
                    return Found::Nothing;
                };
                from += skip;
            }
        }
    }

    fn at(&self, text: &[u8], from: usize, places: &mut Places, stack: &mut Stack, steps: &mut usize) -> Found {
        if let Some(used) = places.get_mut(..self.0.slots) {
            used.fill(NOWHERE);
        }
        stack.clear();
        let (mut pc, mut at) = (0, from);
        loop {
            if *steps == 0 {
                return Found::Undecided;
            }
            *steps -= 1;
            let Some(inst) = self.0.list.get(pc) else {
                return Found::Undecided;
            };
            let went = match inst {
                Inst::Match => return Found::Match,
                Inst::Text(wanted) => {
                    let here = text.get(at..).is_some_and(|rest| rest.starts_with(wanted));
                    here.then(|| (pc + 1, at + wanted.len()))
                }
                Inst::One(set) => text.get(at).filter(|b| set.has(**b)).map(|_| (pc + 1, at + 1)),
                Inst::Run(run) => run.go(text, (pc, at), stack),
                Inst::Split(first, second) => {
                    stack.push(Back::Branch { pc: *second, at });
                    Some((*first, at))
                }
                Inst::Jump(to) => Some((*to, at)),
                Inst::Save(slot) => {
                    if let Some(place) = places.get_mut(*slot) {
                        if !stack.is_empty() {
                            stack.push(Back::Restore {
                                slot: *slot,
                                old: *place,
                            });
                        }
                        *place = at;
                    }
                    Some((pc + 1, at))
                }
                Inst::Look(look) => holds(*look, text, at).then_some((pc + 1, at)),
            };
            let went = went.or_else(|| self.back(text, places, stack, steps));
            let Some(went) = went else { return Found::Nothing };
            (pc, at) = went;
        }
    }

    /// The next way to try.
    fn back(&self, text: &[u8], places: &mut Places, stack: &mut Stack, steps: &mut usize) -> Option<(usize, usize)> {
        while let Some(back) = stack.pop() {
            *steps = steps.saturating_sub(1);
            match back {
                Back::Branch { pc, at } => return Some((pc, at)),
                Back::Restore { slot, old } => {
                    if let Some(place) = places.get_mut(slot) {
                        *place = old;
                    }
                }
                Back::Shrink { pc, least, at } => {
                    let Some(Inst::Run(run)) = self.0.list.get(pc) else {
                        return None;
                    };
                    if let Some(at) = run.shorter(text, least, at, steps) {
                        if least < at {
                            stack.push(Back::Shrink { pc, least, at });
                        }
                        return Some((pc + 1, at));
                    }
                }
                Back::Grow { pc, at, left } => {
                    let Some(Inst::Run(run)) = self.0.list.get(pc) else {
                        return None;
                    };
                    if let Some(went) = run.longer(text, (pc, at), left, stack, steps) {
                        return Some(went);
                    }
                }
            }
        }
        None
    }
}

impl Run {
    /// Runs from `at`, and remembers the other ways.
    fn go(&self, text: &[u8], (pc, at): (usize, usize), stack: &mut Stack) -> Option<(usize, usize)> {
        let rest = text.get(at..)?;
        if !self.greedy {
            let head = rest.get(..self.min)?;
            if !head.iter().all(|b| self.set.has(*b)) {
                return None;
            }
            let at = at + self.min;
            stack.push(Back::Grow {
                pc,
                at,
                left: self.max.saturating_sub(self.min),
            });
            return Some((pc + 1, at));
        }
        let stop = match self.stops.as_deref() {
            Some([]) => None,
            Some([a]) => memchr(*a, rest),
            Some([a, b]) => memchr2(*a, *b, rest),
            Some([a, b, c]) => memchr3(*a, *b, *c, rest),
            _ => rest.iter().position(|b| !self.set.has(*b)),
        };
        let len = stop.unwrap_or(rest.len()).min(self.max);
        if len < self.min {
            return None;
        }
        // Cut short by its greatest length, what follows may go on inside after all.
        if self.min < len && !(self.possessive && len < self.max) {
            stack.push(Back::Shrink {
                pc,
                least: at + self.min,
                at: at + len,
            });
        }
        Some((pc + 1, at + len))
    }

    /// The next shorter end of a greedy run.
    fn shorter(&self, text: &[u8], least: usize, at: usize, steps: &mut usize) -> Option<usize> {
        let mut at = at;
        while least < at && 0 < *steps {
            at -= 1;
            *steps -= 1;
            let goes_on = self
                .next
                .as_ref()
                .is_none_or(|next| text.get(at).is_some_and(|b| next.has(*b)));
            if goes_on {
                return Some(at);
            }
        }
        None
    }

    /// The next longer end of a lazy run.
    fn longer(
        &self,
        text: &[u8],
        (pc, at): (usize, usize),
        left: usize,
        stack: &mut Stack,
        steps: &mut usize,
    ) -> Option<(usize, usize)> {
        let (mut at, mut left) = (at, left);
        while 0 < left {
            let byte = text.get(at)?;
            if !self.set.has(*byte) {
                return None;
            }
            (at, left) = (at + 1, left - 1);
            *steps = steps.saturating_sub(1);
            let goes_on = match (&self.next, text.get(at)) {
                (Some(next), Some(byte)) => next.has(*byte),
                _ => true,
            };
            if goes_on {
                stack.push(Back::Grow { pc, at, left });
                return Some((pc + 1, at));
            }
        }
        None
    }
}

fn holds(look: Look, text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
    let behind = text.get(at).copied();
    let word = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    match look {
        Look::Start => at == 0,
        Look::End => at == text.len(),
        Look::StartLF => before.is_none_or(|b| b == b'\n'),
        Look::EndLF => behind.is_none_or(|b| b == b'\n'),
        Look::WordAscii => word(before) != word(behind),
        Look::WordAsciiNegate => word(before) == word(behind),
        // Refused when compiled.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::catalogue;
    use proptest::prelude::*;
    use regex::bytes::{Regex, RegexBuilder};

    fn regex(pattern: &str) -> Regex {
        RegexBuilder::new(pattern).unicode(false).build().unwrap()
    }

    /// Whether both find the same groups in `text`, or this one gives up.
    fn agree(pattern: &str, matcher: &Matcher, regex: &Regex, text: &[u8]) -> bool {
        let mut places = [0; 2 * GROUPS_MAX];
        let found = matcher.find(text, &mut places, &mut Vec::new());
        let wanted = regex.captures(text);
        match (found, wanted) {
            (Found::Undecided, _) => return false,
            (Found::Nothing, None) => {}
            (Found::Match, Some(wanted)) => {
                for group in 1..regex.captures_len() {
                    let place = places.get(2 * group..2 * group + 2).unwrap();
                    let got = (place[0] != NOWHERE && place[1] != NOWHERE).then(|| (place[0], place[1]));
                    let want = wanted.get(group).map(|m| (m.start(), m.end()));
                    assert_eq!(got, want, "group {group} of {pattern} in {}", text.escape_ascii());
                }
            }
            (found, wanted) => panic!("{found:?}, not {wanted:?}: {pattern} in {}", text.escape_ascii()),
        }
        true
    }

    #[test]
    fn every_pattern_of_every_definition_finds_what_the_regex_crate_finds() {
        let all: Vec<Vec<u8>> = catalogue::all()
            .flat_map(|d| d.sample_lines().map(|l| l.as_bytes().to_vec()).collect::<Vec<_>>())
            .collect();
        let (mut short, mut whole, mut seed) = (0, 0, 0x9e37_79b9_7f4a_7c15_u64);
        let mut below = |n: usize| {
            seed ^= seed >> 12;
            seed ^= seed << 25;
            seed ^= seed >> 27;
            usize::try_from(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % n.max(1)
        };
        for definition in catalogue::all() {
            for pattern in definition.patterns() {
                whole += 1;
                let Some(matcher) = Matcher::new(pattern) else { continue };
                short += 1;
                let regex = regex(pattern);
                let own: Vec<Vec<u8>> = definition.sample_lines().map(|l| l.as_bytes().to_vec()).collect();
                for n in 0..40 {
                    let from = if n % 3 == 0 { &all } else { &own };
                    let mut line = from[below(from.len())].clone();
                    // Headers of envelopes stand before what the pattern reads.
                    let start = if n % 2 == 0 { 0 } else { below(line.len()) };
                    line.drain(..start);
                    for _ in 0..below(4) {
                        let at = below(line.len() + 1);
                        line.insert(at, b"\"\\ ,|[]:-09aZ\n=\t"[below(16)]);
                    }
                    agree(pattern, &matcher, &regex, &line);
                }
            }
        }
        assert!(whole * 9 < short * 10, "{short} of {whole} go the short way");
    }

    #[test]
    fn a_run_gives_back_all_it_took_to_what_goes_on_at_the_start_only() {
        for pattern in [
            "([^b]*)(?:^|b)",
            "([^b]*?)(?:^|b)",
            "([^b]*)(?:^c|^|b)",
            "(?:x|[^b])*(^|b)",
            "([^b]*)(^)",
        ] {
            for text in ["", "\n", "a\n", "ab", "cb", "c", "xx"] {
                if let Some(matcher) = Matcher::new(pattern) {
                    agree(pattern, &matcher, &regex(pattern), text.as_bytes());
                }
            }
        }
    }

    #[test]
    fn a_pattern_that_could_match_in_endless_ways_gives_up() {
        let matcher = Matcher::new(r"^(?:a+b?)*c$").unwrap();
        let text = [&[b'a'; 5_000][..], b"cx"].concat();
        let mut places = [0; 2 * GROUPS_MAX];
        assert_eq!(matcher.find(&text, &mut places, &mut Vec::new()), Found::Undecided);
        // Without a word it needs there is no way to try.
        let short = matcher.find(&[b'a'; 5_000], &mut places, &mut Vec::new());
        assert_eq!(short, Found::Nothing);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn small_patterns_find_what_the_regex_crate_finds(
            parts in proptest::collection::vec(prop_oneof![
                Just("a"), Just("(a)"), Just("(a*)"), Just("(a*?)"), Just("([^b]*)"), Just("(.+?)"), Just("(b|ab)"), Just("(?:[^a]|a.)*"),
                Just("(?:(a)|b)*"), Just("(a{1,2})"), Just("(b{0,2}?)"), Just("\\b"), Just("( )?"), Just("(?:a|)"), Just("(?i:B)"),
                Just("(\\S+)"), Just("(?:x(a))?"), Just("c"), Just("ab"), Just("(?:^|b)"), Just("(?:ca|xb)"), Just("b{2,3}"), Just("(?m:^)"),
            ], 0..6),
            anchor in any::<bool>(), end in any::<bool>(),
            text in "[abcx \n]{0,14}",
        ) {
            let pattern = format!("{}{}{}", if anchor { "^" } else { "" }, parts.concat(), if end { "$" } else { "" });
            if let Some(matcher) = Matcher::new(&pattern) {
                agree(&pattern, &matcher, &regex(&pattern), text.as_bytes());
            }
        }
    }
}
