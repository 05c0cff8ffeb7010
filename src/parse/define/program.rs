//! Patterns -> programs of [`super::matcher`]: which bytes, how often, which way first.

use memchr::memmem::Finder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// Most instructions of a pattern; a longer one is left to the regex crate.
const PROGRAM_MAX: usize = 4_000;

/// Bytes, by membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set([bool; 256]);

impl Set {
    fn none() -> Set {
        Set([false; 256])
    }

    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or(false)
    }

    fn add(&mut self, byte: u8) {
        if let Some(place) = self.0.get_mut(usize::from(byte)) {
            *place = true;
        }
    }

    fn join(&mut self, other: &Set) {
        self.0.iter_mut().zip(&other.0).for_each(|(to, from)| *to |= from);
    }

    fn meets(&self, other: &Set) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| *a && *b)
    }

    /// The bytes that are not in it, where they are few.
    fn outside(&self) -> Option<Vec<u8>> {
        let out: Vec<u8> = (0..=255).filter(|b| !self.has(*b)).collect();
        (out.len() <= 3).then_some(out)
    }
}

#[derive(Debug)]
pub(super) enum Inst {
    Text(Box<[u8]>),
    One(Box<Set>),
    Run(Box<Run>),
    /// Tries the first, then the second.
    Split(usize, usize),
    Jump(usize),
    Save(usize),
    Look(Look),
    Match,
}

/// A byte again and again.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) set: Set,
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) greedy: bool,
    /// Where a greedy run stops, if that is at few bytes.
    pub(super) stops: Option<Vec<u8>>,
    /// Bytes with which what follows may go on; `None`: it may go on anyhow.
    pub(super) next: Option<Set>,
    /// Nothing that follows can go on inside the run: it is as long as it can be.
    pub(super) possessive: bool,
    /// Where the loop goes on that the run is one way through.
    pub(super) exit: Option<usize>,
}

/// A pattern, compiled.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) list: Vec<Inst>,
    /// It matches at the start of the text or nowhere.
    pub(super) anchored: bool,
    /// Bytes a match may begin with, if it must begin with one.
    pub(super) first: Option<Box<Set>>,
    /// The same behind the start of the text: `(?:^|;)` begins with a `;` there.
    pub(super) inner: Option<Box<Set>>,
    /// Text that stands in every match.
    pub(super) need: Option<Need>,
    /// It matches without any text.
    pub(super) empty: bool,
    /// Places of its groups.
    pub(super) slots: usize,
}

impl Program {
    /// Compiles a pattern as the regex crate reads it without Unicode; `None`: left to the regex crate.
    pub(super) fn new(pattern: &str, groups_max: usize) -> Option<Program> {
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
        let hir = parser.parse(pattern).ok()?;
        let anchored = hir.properties().look_set_prefix().contains(Look::Start);
        if groups_max <= hir.properties().explicit_captures_len() {
            return None;
        }
        let mut program = Vec::new();
        add(&mut program, &hir)?;
        program.push(Inst::Match);
        for pc in 0..program.len() {
            let exit = match program.get(pc) {
                Some(Inst::Run(run)) => run.exit,
                _ => None,
            };
            let next = first_of(&program, exit.unwrap_or(pc + 1), true);
            if let Some(Inst::Run(run)) = program.get_mut(pc) {
                // A run before a `^` may have to give back all that it took.
                let gives_back = |next: &First| next.at_start || next.set.meets(&run.set);
                run.possessive = next.as_ref().is_some_and(|next| !gives_back(next));
                run.next = next.filter(|next| !next.anyhow && exit.is_none()).map(|next| next.set);
            }
        }
        let begins_with = |at_start| {
            let first = first_of(&program, 0, at_start).filter(|first| !first.anyhow && !first.at_end);
            first.map(|first| Box::new(first.set))
        };
        Some(Program {
            first: begins_with(true),
            inner: begins_with(false),
            need: Need::of(&hir),
            empty: matches!(hir.kind(), HirKind::Empty),
            list: program,
            anchored,
            slots: hir.properties().explicit_captures_len() * 2 + 2,
        })
    }
}

/// Text that stands in every match of a pattern: one of a few words.
#[derive(Debug)]
pub(super) struct Need {
    words: Vec<Finder<'static>>,
    pub(super) behind: Place,
}

/// Words of which a match holds one.
type Words = Vec<Vec<u8>>;
/// How far behind the start of a match they stand, at least and at most, if that is said and near.
type Place = Option<(usize, usize)>;

/// Furthest that is near.
const NEAR: usize = 8;
/// Most words that are looked for one by one.
const WORDS_MAX: usize = 6;

impl Need {
    /// The longest such text of a pattern, the nearer one where two are equal.
    fn of(hir: &Hir) -> Option<Need> {
        let mut best: Option<(Words, Place)> = None;
        let mut behind = Some((0, 0));
        let parts = match hir.kind() {
            HirKind::Concat(parts) => parts.as_slice(),
            _ => std::slice::from_ref(hir),
        };
        for part in parts {
            if let Some(words) = words(part) {
                let shortest = |words: &[Vec<u8>]| words.iter().map(Vec::len).min().unwrap_or(0);
                let near = behind.filter(|(_, most)| *most <= NEAR);
                let better = best.as_ref().is_none_or(|(known, place)| {
                    (place.is_none() && near.is_some())
                        || place.is_some() == near.is_some() && shortest(known) < shortest(&words)
                });
                if better {
                    best = Some((words, near));
                }
            }
            let (least, most) = (part.properties().minimum_len(), part.properties().maximum_len());
            behind = behind.and_then(|(a, b)| Some((a + least?, b.checked_add(most?)?)));
        }
        let (words, behind) = best?;
        let words = words.iter().map(|word| Finder::new(word).into_owned()).collect();
        Some(Need { words, behind })
    }

    /// Where it stands first.
    pub(super) fn find(&self, text: &[u8]) -> Option<usize> {
        self.words.iter().filter_map(|word| word.find(text)).min()
    }
}

/// The words of which a part holds one for sure.
fn words(hir: &Hir) -> Option<Words> {
    match hir.kind() {
        HirKind::Literal(text) => Some(vec![text.0.to_vec()]),
        HirKind::Capture(group) => words(&group.sub),
        HirKind::Repetition(rep) if 0 < rep.min => words(&rep.sub),
        HirKind::Alternation(parts) if parts.len() <= WORDS_MAX => {
            let all: Option<Vec<_>> = parts.iter().map(words).collect();
            all.map(|all| all.concat()).filter(|all| all.len() <= WORDS_MAX)
        }
        // Only what stands at its start: else it were further behind than said.
        HirKind::Concat(parts) => words(parts.first()?),
        _ => None,
    }
}

/// Adds the instructions of a part; `None`: too many, or of a kind left to the regex crate.
fn add(program: &mut Vec<Inst>, hir: &Hir) -> Option<()> {
    if PROGRAM_MAX < program.len() {
        return None;
    }
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(text) => program.push(Inst::Text(text.0.clone())),
        HirKind::Class(_) => program.push(Inst::One(Box::new(single(hir)?))),
        HirKind::Look(
            look @ (Look::Start | Look::End | Look::StartLF | Look::EndLF | Look::WordAscii | Look::WordAsciiNegate),
        ) => program.push(Inst::Look(*look)),
        HirKind::Look(_) => return None,
        HirKind::Capture(group) => {
            let slot = usize::try_from(group.index).ok()?.checked_mul(2)?;
            program.push(Inst::Save(slot));
            add(program, &group.sub)?;
            program.push(Inst::Save(slot + 1));
        }
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| add(program, part))?,
        HirKind::Alternation(parts) => {
            let mut ends = Vec::new();
            for (n, part) in parts.iter().enumerate() {
                let last = n + 1 == parts.len();
                let split = program.len();
                if !last {
                    program.push(Inst::Split(split + 1, 0));
                }
                add(program, part)?;
                if !last {
                    ends.push(program.len());
                    program.push(Inst::Jump(0));
                    let next = program.len();
                    if let Some(Inst::Split(_, second)) = program.get_mut(split) {
                        *second = next;
                    }
                }
            }
            let end = program.len();
            for at in ends {
                if let Some(Inst::Jump(to)) = program.get_mut(at) {
                    *to = end;
                }
            }
        }
        HirKind::Repetition(rep) => {
            let min = usize::try_from(rep.min).ok()?;
            let max = rep.max.map(usize::try_from).transpose().ok()?;
            if let Some(set) = single(&rep.sub) {
                program.push(Inst::Run(Box::new(Run {
                    stops: set.outside(),
                    set,
                    min,
                    max: max.unwrap_or(usize::MAX),
                    greedy: rep.greedy,
                    next: None,
                    possessive: false,
                    exit: None,
                })));
                return Some(());
            }
            // What may be empty could go round for ever.
            rep.sub.properties().minimum_len().filter(|len| 0 < *len)?;
            (0..min).try_for_each(|_| add(program, &rep.sub))?;
            match max {
                None => {
                    let split = program.len();
                    program.push(Inst::Split(0, 0));
                    add(program, &rep.sub)?;
                    program.push(Inst::Jump(split));
                    let exit = program.len();
                    if rep.greedy {
                        run_through(program, &rep.sub, (split + 1, exit));
                    }
                    let ways = (split + 1, program.len());
                    set_split(program, split, ways, rep.greedy);
                }
                Some(max) => {
                    let mut splits = Vec::new();
                    for _ in min..max {
                        splits.push(program.len());
                        program.push(Inst::Split(0, 0));
                        add(program, &rep.sub)?;
                    }
                    let end = program.len();
                    for split in splits {
                        set_split(program, split, (split + 1, end), rep.greedy);
                    }
                }
            }
        }
    }
    Some(())
}

/// In a greedy loop over ways that begin differently, one of which is a single byte, that way may run: `(?:[^"\\]|\\.)*`
/// goes over all that is no mark at once.
fn run_through(program: &mut [Inst], sub: &Hir, (from, exit): (usize, usize)) {
    let HirKind::Alternation(parts) = sub.kind() else {
        return;
    };
    let firsts: Option<Vec<Set>> = parts.iter().map(begins).collect();
    let Some(firsts) = firsts else { return };
    let apart = |n: usize| {
        firsts
            .iter()
            .enumerate()
            .all(|(m, other)| m == n || firsts.get(n).is_some_and(|set| !set.meets(other)))
    };
    let mut at = from;
    for (n, part) in parts.iter().enumerate() {
        // Behind the split that leads to it, but for the last.
        let here = at + usize::from(n + 1 < parts.len());
        if let (Some(set), Some(Inst::One(_) | Inst::Text(_)), true) = (single(part), program.get(here), apart(n))
            && let Some(place) = program.get_mut(here)
        {
            *place = Inst::Run(Box::new(Run {
                stops: set.outside(),
                set,
                min: 1,
                max: usize::MAX,
                greedy: true,
                next: None,
                possessive: false,
                exit: Some(exit),
            }));
        }
        match program.get(at) {
            Some(Inst::Split(_, next)) => at = *next,
            _ => return,
        }
    }
}

/// Bytes a part begins with, if it surely begins with one.
fn begins(hir: &Hir) -> Option<Set> {
    match hir.kind() {
        HirKind::Literal(text) => {
            let mut set = Set::none();
            set.add(*text.0.first()?);
            Some(set)
        }
        HirKind::Class(_) => single(hir),
        HirKind::Capture(group) => begins(&group.sub),
        HirKind::Concat(parts) => begins(parts.first()?),
        _ => None,
    }
}

fn set_split(program: &mut [Inst], split: usize, (into, out): (usize, usize), greedy: bool) {
    if let Some(Inst::Split(first, second)) = program.get_mut(split) {
        (*first, *second) = if greedy { (into, out) } else { (out, into) };
    }
}

/// The bytes of a part that is one byte.
fn single(hir: &Hir) -> Option<Set> {
    let mut set = Set::none();
    match hir.kind() {
        HirKind::Literal(text) => match &*text.0 {
            [byte] => set.add(*byte),
            _ => return None,
        },
        HirKind::Class(Class::Bytes(class)) => {
            for range in class.ranges() {
                (range.start()..=range.end()).for_each(|b| set.add(b));
            }
        }
        HirKind::Class(Class::Unicode(class)) => {
            for range in class.ranges() {
                let (start, end) = (u8::try_from(range.start()).ok()?, u8::try_from(range.end()).ok()?);
                if !end.is_ascii() {
                    return None;
                }
                (start..=end).for_each(|b| set.add(b));
            }
        }
        _ => return None,
    }
    Some(set)
}

/// What a program goes on with.
struct First {
    set: Set,
    /// It may go on, or be over, whatever comes.
    anyhow: bool,
    /// It may be over at the end of the text.
    at_end: bool,
    /// It goes on in some way only at the start of the text.
    at_start: bool,
}

/// What the program goes on with from `pc`, at the start of the text or behind it; `None`: nobody can say.
fn first_of(program: &[Inst], pc: usize, at_start: bool) -> Option<First> {
    let mut first = First {
        set: Set::none(),
        anyhow: false,
        at_end: false,
        at_start: false,
    };
    let (mut todo, mut seen) = (vec![pc], vec![false; program.len()]);
    while let Some(pc) = todo.pop() {
        match seen.get_mut(pc) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        match program.get(pc)? {
            Inst::Text(text) => first.set.add(*text.first()?),
            Inst::One(set) => first.set.join(set),
            Inst::Run(run) => {
                first.set.join(&run.set);
                if run.min == 0 {
                    todo.push(pc + 1);
                }
            }
            Inst::Split(a, b) => todo.extend([*a, *b]),
            Inst::Jump(to) => todo.push(*to),
            Inst::Look(Look::Start) if !at_start => {}
            Inst::Look(Look::Start) => {
                first.at_start = true;
                todo.push(pc + 1);
            }
            Inst::Save(_) => todo.push(pc + 1),
            Inst::Look(Look::End) => first.at_end = true,
            // Asks for what stands around: that may change with the length of what stands before it.
            Inst::Look(_) => return None,
            Inst::Match => first.anyhow = true,
        }
    }
    // A match needs no more: a greedy run that reaches it is never made shorter.
    Some(first)
}
