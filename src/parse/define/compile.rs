//! [`Definition`] -> [`Defined`]: names become numbers, words become tables, patterns are compiled.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::HashMap;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::json::Tree;
use super::matcher::Matcher;
use super::pairs::Pairs;
use super::raw::{OneOrMany, RawDefinition, RawPairs, RawTable, Shape};
use super::table::{HeaderLine, Table, folded};
use super::values::VALUES_MAX;
use super::xml::Xml;
use super::{Definition, DefinitionError};
use crate::access::{Operation, Outcome};
use crate::parse::envelope::Envelope;
use crate::parse::names::Slot;

/// A definition, compiled.
#[derive(Debug)]
pub(in crate::parse) struct Defined {
    pub(super) zone_secs: i32,
    pub(super) envelope: Option<Envelope>,
    pub(super) letter: LetterValues,
    pub(super) programs: Vec<Vec<u8>>,
    pub(super) nothing: Vec<Vec<u8>>,
    /// Values in which bytes are written with backslashes.
    pub(super) escaped: Vec<u8>,
    /// Values that patterns find and that are written in hexadecimal; those of pairs are told apart by their quotes.
    pub(super) hexed: Vec<u8>,
    pub(super) inside: String,
    pub(super) shape: Reader,
    /// Patterns in the order of the texts they stand on.
    pub(super) patterns: Vec<Patterns>,
    /// Where each field comes from, tried in order.
    pub(super) fields: [Vec<Text>; Slot::COUNT],
    pub(super) whens: Vec<When>,
    /// What tells the sessions of one file apart.
    pub(super) session: Option<Text>,
    pub(super) outcomes: HashMap<Vec<u8>, Outcome>,
    /// What any other result word means.
    pub(super) other_outcome: Option<Outcome>,
    pub(super) classes: HashMap<Vec<u8>, Operation>,
}

/// What takes a message apart.
#[derive(Debug)]
pub(super) enum Reader {
    Text,
    Json(Tree),
    /// With the value the pairs stand in, if not the message.
    Pairs(Pairs, Option<u8>),
    Table(Table),
    Xml(Xml),
}

/// Numbers of the values an envelope gives.
#[derive(Debug, Default)]
pub(super) struct LetterValues {
    pub(super) time: Option<u8>,
    pub(super) host: Option<u8>,
    pub(super) program: Option<u8>,
    pub(super) pid: Option<u8>,
    pub(super) message: Option<u8>,
}

/// Patterns on one text, of which the first that matches counts.
#[derive(Debug)]
pub(super) struct Patterns {
    /// The value they stand on; `None`: the message.
    pub(super) on: Option<u8>,
    /// Whether nothing is wrong where it does not match.
    pub(super) also: bool,
    pub(super) set: Option<RegexSet>,
    pub(super) list: Vec<OnePattern>,
}

/// A pattern and what it means.
#[derive(Debug)]
pub(super) struct OnePattern {
    pub(super) regex: Regex,
    /// The same, the short way, where there is one.
    pub(super) matcher: Option<Matcher>,
    /// Number of the value of each group.
    pub(super) groups: Vec<(usize, u8)>,
    pub(super) then: Then,
}

/// What follows from a pattern or a condition.
#[derive(Debug)]
pub(super) struct Then {
    pub(super) set: Vec<(Slot, Text)>,
    pub(super) nothing: bool,
}

/// A condition on values.
#[derive(Debug)]
pub(super) struct When {
    pub(super) conditions: Vec<(u8, Test)>,
    pub(super) then: Then,
}

/// What a value must be.
#[derive(Debug)]
pub(super) enum Test {
    Present,
    Absent,
    OneOf(Vec<Vec<u8>>),
    Matches(Regex),
}

/// Where a text comes from.
#[derive(Debug)]
pub(super) enum Text {
    Value(u8),
    /// Values between fixed text; says nothing if one of them does.
    Pieces(Vec<Piece>),
}

#[derive(Debug)]
pub(super) enum Piece {
    Fixed(Vec<u8>),
    Value(u8),
}

/// Gives numbers to names.
#[derive(Debug, Default)]
struct Names(HashMap<String, u8>);

impl Names {
    fn number(&mut self, name: &str) -> Result<u8, DefinitionError> {
        if let Some(number) = self.0.get(name) {
            return Ok(*number);
        }
        let number = u8::try_from(self.0.len()).ok().filter(|n| usize::from(*n) < VALUES_MAX);
        let number = number.ok_or(DefinitionError::Values { max: VALUES_MAX })?;
        self.0.insert(name.to_owned(), number);
        Ok(number)
    }

    /// The text `{a}/{b}`, or in `fields` the bare name of a value.
    fn text(&mut self, text: &str, bare: bool) -> Result<Text, DefinitionError> {
        if bare && !text.contains('{') {
            return Ok(Text::Value(self.number(text)?));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Fixed(before.into()));
            }
            let Some((name, behind)) = after.split_once('}') else {
                return Err(DefinitionError::Incomplete("a { in a text is never closed"));
            };
            pieces.push(Piece::Value(self.number(name)?));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Fixed(rest.into()));
        }
        Ok(Text::Pieces(pieces))
    }
}

impl Defined {
    /// Compiles a definition; `zone_secs` in place of its own zone where the source says so.
    pub(in crate::parse) fn new(definition: &Definition, zone_secs: Option<i32>) -> Result<Defined, DefinitionError> {
        let raw = &definition.0.raw;
        let mut names = Names::default();
        let patterns = patterns(raw, &mut names)?;
        let fields = fields(raw, &mut names)?;
        let whens = whens(raw, &mut names)?;
        let pairs_on = raw.pairs.as_ref().and_then(|pairs| pairs.on.as_deref());
        let pairs_on = pairs_on.map(|on| names.number(on)).transpose()?;
        for key in raw
            .pairs
            .iter()
            .flat_map(|pairs| pairs.hex.iter().chain(&pairs.separator_in))
        {
            names.number(key)?;
        }
        let of_pattern = |key: &String| {
            let group = format!("(?P<{key}>");
            raw.pattern.iter().any(|pattern| pattern.pattern.contains(&group))
        };
        let hexed = raw
            .pairs
            .iter()
            .flat_map(|pairs| &pairs.hex)
            .filter(|key| of_pattern(key));
        let hexed = hexed.map(|name| names.number(name)).collect::<Result<_, _>>()?;
        let escaped = raw
            .escaped
            .iter()
            .map(|name| names.number(name))
            .collect::<Result<_, _>>()?;
        let session = raw.session.as_ref();
        let session = session.map(|s| names.text(&s.key, false)).transpose()?;
        let letter = LetterValues {
            time: names.0.get("stamp").copied(),
            host: names.0.get("host").copied(),
            program: names.0.get("program").copied(),
            pid: names.0.get("pid").copied(),
            message: names.0.get("message").copied(),
        };
        let envelope = raw.envelope.as_deref().map(envelope).transpose()?;
        let (outcomes, other_outcome) = outcomes(raw);
        let bytes = |list: &[String]| list.iter().map(|s| s.as_bytes().to_vec()).collect::<Vec<_>>();
        let mut nothing = bytes(&raw.nothing);
        nothing.push(b"-".to_vec());
        Ok(Defined {
            zone_secs: zone_secs.unwrap_or(definition.0.zone_secs),
            envelope,
            letter,
            programs: bytes(&raw.programs),
            nothing,
            escaped,
            hexed,
            inside: match &definition.0.framing {
                crate::text::framing::Framing::Json(inside) => inside.clone(),
                _ => String::new(),
            },
            shape: shape(raw, &names, pairs_on)?,
            patterns,
            fields,
            whens,
            session,
            outcomes,
            other_outcome,
            classes: classes(raw)?,
        })
    }
}

fn envelope(word: &str) -> Result<Envelope, DefinitionError> {
    Envelope::from_word(word).ok_or_else(|| DefinitionError::Word {
        key: "envelope",
        word: word.to_owned(),
        known: Envelope::ALL.map(|(word, _)| word).join(", "),
    })
}

fn regex(pattern: &str) -> Result<Regex, DefinitionError> {
    let built = RegexBuilder::new(pattern).unicode(false).build();
    built.map_err(|e| DefinitionError::Pattern {
        pattern: pattern.to_owned(),
        why: e.to_string(),
    })
}

fn slot(key: &str) -> Result<Slot, DefinitionError> {
    Slot::from_key(key).ok_or_else(|| DefinitionError::Field { key: key.to_owned() })
}

fn patterns(raw: &RawDefinition, names: &mut Names) -> Result<Vec<Patterns>, DefinitionError> {
    /// The text, whether beside others, the patterns and how they were written.
    type Group<'r> = ((Option<&'r str>, bool), Vec<OnePattern>, Vec<&'r str>);
    let mut out: Vec<Group<'_>> = Vec::new();
    for pattern in &raw.pattern {
        let regex = regex(&pattern.pattern)?;
        let mut groups = Vec::new();
        for (at, name) in regex.capture_names().enumerate() {
            if let Some(name) = name {
                groups.push((at, names.number(name)?));
            }
        }
        let then = then(&pattern.set, pattern.nothing, names)?;
        let one = OnePattern {
            regex,
            matcher: Matcher::new(&pattern.pattern).filter(Matcher::knows_where),
            groups,
            then,
        };
        let on = (pattern.on.as_deref(), pattern.also);
        match out.iter_mut().find(|(known, ..)| *known == on && !pattern.also) {
            Some((_, list, texts)) => {
                list.push(one);
                texts.push(&pattern.pattern);
            }
            None => out.push((on, vec![one], vec![&pattern.pattern])),
        }
    }
    out.into_iter()
        .map(|((on, also), list, texts)| {
            let set = if texts.len() < 2 || list.iter().all(|one| one.matcher.is_some()) {
                None
            } else {
                let set = RegexSetBuilder::new(&texts).unicode(false).build();
                Some(set.map_err(|e| DefinitionError::Pattern {
                    pattern: texts.concat(),
                    why: e.to_string(),
                })?)
            };
            Ok(Patterns {
                on: on.map(|name| names.number(name)).transpose()?,
                also,
                set,
                list,
            })
        })
        .collect()
}

fn then(
    set: &std::collections::BTreeMap<String, String>,
    nothing: bool,
    names: &mut Names,
) -> Result<Then, DefinitionError> {
    let set = set
        .iter()
        .map(|(key, text)| Ok((slot(key)?, names.text(text, false)?)))
        .collect::<Result<_, DefinitionError>>()?;
    Ok(Then { set, nothing })
}

fn fields(raw: &RawDefinition, names: &mut Names) -> Result<[Vec<Text>; Slot::COUNT], DefinitionError> {
    let mut out = [const { Vec::new() }; Slot::COUNT];
    for (key, texts) in &raw.fields {
        let list = texts
            .list()
            .iter()
            .map(|text| names.text(text, true))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(place) = out.get_mut(slot(key)? as usize) {
            *place = list;
        }
    }
    // A value with the name of a field is that field, unless the definition says otherwise.
    for slot in Slot::ALL {
        if let Some(place) = out.get_mut(slot as usize)
            && place.is_empty()
            && !raw.fields.contains_key(slot.key())
        {
            let known = names.0.get(slot.key()).copied();
            // What stands in a table or an object is known by its fields alone.
            place.extend(known.map(Text::Value));
        }
    }
    let time = out.get_mut(Slot::Time as usize);
    if let Some(time) = time.filter(|time| time.is_empty() && raw.envelope.is_some()) {
        time.push(Text::Value(names.number("stamp")?));
    }
    Ok(out)
}

fn whens(raw: &RawDefinition, names: &mut Names) -> Result<Vec<When>, DefinitionError> {
    let mut out = Vec::new();
    for when in &raw.when {
        let mut conditions = Vec::new();
        for (name, wanted) in &when.conditions {
            conditions.push((names.number(name)?, test(wanted)?));
        }
        out.push(When {
            conditions,
            then: then(&when.set, when.nothing, names)?,
        });
    }
    Ok(out)
}

fn test(wanted: &OneOrMany) -> Result<Test, DefinitionError> {
    if let OneOrMany::One(text) = wanted {
        match text.as_str() {
            "?" => return Ok(Test::Present),
            "!" => return Ok(Test::Absent),
            _ => {}
        }
        if let Some(pattern) = text.strip_prefix('/').and_then(|t| t.strip_suffix('/')) {
            return Ok(Test::Matches(regex(pattern)?));
        }
    }
    Ok(Test::OneOf(
        wanted.list().iter().map(|t| t.as_bytes().to_vec()).collect(),
    ))
}

fn outcomes(raw: &RawDefinition) -> (HashMap<Vec<u8>, Outcome>, Option<Outcome>) {
    let mut words = HashMap::new();
    let mut other = None;
    for (list, outcome) in [
        (&raw.outcome.success, Outcome::Success),
        (&raw.outcome.failure, Outcome::Failure),
    ] {
        for word in list {
            if word == "*" {
                other = Some(outcome);
            } else {
                words.insert(word.to_ascii_lowercase().into_bytes(), outcome);
            }
        }
    }
    (words, other)
}

fn classes(raw: &RawDefinition) -> Result<HashMap<Vec<u8>, Operation>, DefinitionError> {
    let mut out = HashMap::new();
    for (class, words) in &raw.operations {
        let class = Operation::from_word(class).ok_or_else(|| DefinitionError::Word {
            key: "operations",
            word: class.clone(),
            known: Operation::ALL.map(Operation::as_str).join(", "),
        })?;
        out.extend(words.iter().map(|word| (word.to_lowercase().into_bytes(), class)));
    }
    Ok(out)
}

fn shape(raw: &RawDefinition, names: &Names, pairs_on: Option<u8>) -> Result<Reader, DefinitionError> {
    let by_name = || {
        names
            .0
            .iter()
            .map(|(name, number)| (name.as_bytes().to_vec(), *number))
            .collect()
    };
    Ok(match raw.shape {
        Shape::Text if raw.pattern.is_empty() => {
            return Err(DefinitionError::Incomplete(
                "there is no [[pattern]] and no shape: write shape = \"json\", \"pairs\", \"table\" or \"xml\", or a [[pattern]]",
            ));
        }
        Shape::Text => Reader::Text,
        Shape::Json => Reader::Json(Tree::new(names.0.iter().map(|(name, number)| (*number, name.as_str())))),
        Shape::Xml => Reader::Xml(Xml(by_name())),
        Shape::Pairs => Reader::Pairs(pairs(raw.pairs.as_ref(), names, by_name())?, pairs_on),
        Shape::Table => Reader::Table(table(raw, names)?),
    })
}

fn one_byte(key: &'static str, text: Option<&String>, usual: u8) -> Result<u8, DefinitionError> {
    match text.map(|t| t.as_bytes()) {
        None => Ok(usual),
        Some([byte]) => Ok(*byte),
        Some(_) => Err(DefinitionError::Word {
            key,
            word: text.cloned().unwrap_or_default(),
            known: "a single character".into(),
        }),
    }
}

fn pairs(raw: Option<&RawPairs>, names: &Names, keys: HashMap<Vec<u8>, u8>) -> Result<Pairs, DefinitionError> {
    let hex = raw.map(|raw| &*raw.hex).unwrap_or_default();
    Ok(Pairs {
        keys,
        separator: one_byte("separator", raw.and_then(|r| r.separator.as_ref()), b' ')?,
        assign: one_byte("assign", raw.and_then(|r| r.assign.as_ref()), b'=')?,
        open: raw.is_some_and(|raw| raw.open),
        hex: hex.iter().filter_map(|key| names.0.get(key).copied()).collect(),
        separator_in: raw
            .and_then(|raw| raw.separator_in.as_ref())
            .and_then(|key| names.0.get(key).copied()),
    })
}

fn table(raw: &RawDefinition, names: &Names) -> Result<Table, DefinitionError> {
    let Some(RawTable {
        delimiter,
        columns,
        header,
        comment,
    }) = &raw.table
    else {
        return Err(DefinitionError::Incomplete(
            "shape = \"table\" needs [table] with its delimiter",
        ));
    };
    let mut hasher = DefaultHasher::new();
    raw.name.hash(&mut hasher);
    let names: HashMap<Vec<u8>, u8> = names.0.iter().map(|(name, n)| (folded(name.as_bytes()), *n)).collect();
    let header = match header.as_deref() {
        None => HeaderLine::None,
        Some("first") => HeaderLine::First,
        Some(word) => HeaderLine::Word(word.into()),
    };
    if columns.is_empty() && header == HeaderLine::None {
        return Err(DefinitionError::Incomplete("[table] needs columns, a header, or both"));
    }
    Ok(Table {
        delimiter: one_byte("delimiter", Some(delimiter), b',')?,
        columns: columns
            .iter()
            .map(|c| names.get(&folded(c.as_bytes())).copied())
            .collect(),
        names,
        header,
        comment: comment.clone().unwrap_or_default().into(),
        id: hasher.finish(),
    })
}
