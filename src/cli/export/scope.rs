//! What was asked for on the command line, as what is looked for in the archive.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use clap::ArgMatches;
use serde_json::Value;

use super::bound_of;
use crate::access::{DatasetId, WhoId};
use crate::calendar::{Day, day_of, parse_date};
use crate::cli::Failure;
use crate::clock::EventTime;
use crate::config::Config;
use crate::parse::place::{SubjectKey, WhoIds};
use crate::parse::time;
use crate::pipeline::{Scope, Wanted};
use crate::register::accounts::normal;
use crate::store::{self, Store};
use crate::text::{inert, say};

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub scope: Scope,
    /// What kind of question it was, for the ledger: words without names.
    pub kind: Vec<String>,
    /// The question in full; the ledger binds it and does not tell it.
    pub bound: Value,
    /// First and last day asked for.
    pub days: (i32, i32),
}

/// Gives out ids of persons and accounts, and says whose they are; shared by who places records and who writes rows.
#[derive(Debug, Clone)]
pub(super) struct Named {
    names: Rc<RefCell<(store::Names, BTreeMap<WhoId, String>)>>,
    datasets: Rc<BTreeMap<DatasetId, (String, String)>>,
}

impl Named {
    /// `datasets`: id and title by row id.
    pub fn new(names: store::Names, datasets: BTreeMap<DatasetId, (String, String)>) -> Named {
        Named {
            names: Rc::new(RefCell::new((names, BTreeMap::new()))),
            datasets: Rc::new(datasets),
        }
    }

    /// Id and title of a dataset.
    pub fn dataset(&self, id: DatasetId) -> (&str, &str) {
        self.datasets.get(&id).map_or(("", ""), |(id, title)| (id, title))
    }

    /// The 職員番号 a placed record belongs to; none for an account nobody registered.
    pub fn person(&self, who: WhoId) -> Option<String> {
        self.names.borrow().1.get(&who).cloned()
    }
}

impl WhoIds for Named {
    fn person(&mut self, number: &str) -> WhoId {
        let mut named = self.names.borrow_mut();
        let id = named.0.person(number);
        named.1.entry(id).or_insert_with(|| number.to_owned());
        id
    }
    fn account(&mut self, name: &str) -> WhoId {
        self.names.borrow_mut().0.account(name)
    }
}

pub(super) fn read(
    args: &ArgMatches,
    config: &Config,
    store: &Store,
    (names, key): (&store::Names, &SubjectKey),
) -> Result<Asked, Failure> {
    let text = |name: &str| {
        args.get_one::<String>(name)
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
    };
    not_empty(args)?;
    let mut scope = Scope {
        from: moment(text("from"), false, "--from")?,
        to: moment(text("to"), true, "--to")?,
        ..Scope::default()
    };
    let mut kind = Vec::new();
    let subject = match text("subject") {
        Some("-") => {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line)?;
            Some(line.trim().to_owned())
        }
        number => number.map(str::to_owned),
    };
    if subject.as_deref().is_some_and(str::is_empty) {
        return Err(empty("subject"));
    }
    if let Some(number) = &subject {
        scope.subject = Some(key.hash(number.as_bytes()));
        kind.push("subject".to_owned());
    }
    if let Some(id) = text("dataset") {
        let known = store.known_datasets()?;
        let Some((row, _)) = known.iter().find(|(_, name)| name == id) else {
            let names: Vec<&str> = config.datasets.iter().map(|d| d.id.as_str()).collect();
            let (id, names) = (inert(id, 40), names.join(", "));
            return Err(Failure::Usage(say!(
                "--dataset {id}: その情報資産はありません。あるもの：{names}",
                "--dataset {id}: there is no such dataset; there are: {names}"
            )));
        };
        scope.dataset = Some((*row, id.to_owned()));
        kind.push("dataset".to_owned());
    }
    if text("person").is_some() || text("account").is_some() {
        scope.who = Some(wanted((text("person"), text("account")), store, names)?);
        kind.push("person".to_owned());
    }
    if kind.is_empty() {
        kind.push("period".to_owned());
    }
    let day = |at: EventTime| day_of(at).0;
    let days = (
        scope.from.map_or(i32::MIN, day),
        scope.to.map_or(i32::MAX, |to| {
            day(EventTime::from_micros(to.micros().saturating_sub(1)))
        }),
    );
    let hashed = scope.subject.map(|s| format!("{:016x}", s.0)).unwrap_or_default();
    let values = [
        ("from", text("from").unwrap_or_default()),
        ("to", text("to").unwrap_or_default()),
        ("person", text("person").unwrap_or_default()),
        ("account", text("account").unwrap_or_default()),
        ("dataset", text("dataset").unwrap_or_default()),
        ("subject", hashed.as_str()),
    ];
    Ok(Asked {
        scope,
        kind,
        bound: bound_of(&values),
        days,
    })
}

/// What is asked for and empty (a variable of a shell that was not set) must not give out everybody's records.
fn not_empty(args: &ArgMatches) -> Result<(), Failure> {
    let given = |name: &&&str| args.get_one::<String>(name).is_some_and(|text| text.trim().is_empty());
    let names = ["subject", "person", "account", "dataset", "from", "to", "by", "reason"];
    names.iter().find(given).map_or(Ok(()), |name| Err(empty(name)))
}

fn empty(name: &str) -> Failure {
    Failure::Usage(say!(
        "--{name} が空です。値を指定してください",
        "--{name} is empty; say what is meant"
    ))
}

/// A day or a time; `end`: a day is meant to its end.
fn moment(text: Option<&str>, end: bool, name: &str) -> Result<Option<EventTime>, Failure> {
    let Some(text) = text else { return Ok(None) };
    if let Some(day) = parse_date(text) {
        let day = if end { Day(day.0.saturating_add(1)) } else { day };
        let secs = i64::from(day.0).saturating_mul(86_400).saturating_sub(9 * 3_600);
        return Ok(Some(EventTime::from_micros(secs.saturating_mul(1_000_000))));
    }
    match time::any(text.as_bytes(), 9 * 3_600) {
        Some(at) => Ok(Some(at)),
        None => {
            let text = inert(text, 40);
            Err(Failure::Usage(say!(
                "{name}: {text} は日付ではありません。2026-11-21、R8.11.21 又は 2026-11-21T09:00:00+09:00 のように書いてください。",
                "{name}: {text} is no date; write 2026-11-21, R8.11.21 or 2026-11-21T09:00:00+09:00"
            )))
        }
    }
}

/// A person with every account the registers ever gave him, and whoever shared these: an access may have been taken for that
/// one's before a register was corrected.
fn wanted(
    (person, account): (Option<&str>, Option<&str>),
    store: &Store,
    names: &store::Names,
) -> Result<Wanted, Failure> {
    let links: Vec<(String, String)> = store.register_rows_ever()?.iter().filter_map(|row| link(row)).collect();
    let mut accounts: BTreeSet<String> = account.map(|a| normal(a.as_bytes()).into_owned()).into_iter().collect();
    let mut wanted = Wanted::default();
    if let Some(number) = person {
        wanted.who.extend(names.known_person(number));
        let his = links.iter().filter(|(person, _)| person == number);
        accounts.extend(his.map(|(_, account)| account.clone()));
    }
    for name in &accounts {
        wanted.who.extend(names.known_account(name));
    }
    let shared = links.iter().filter(|(_, account)| accounts.contains(account));
    let shared: BTreeSet<WhoId> = shared.filter_map(|(person, _)| names.known_person(person)).collect();
    if person.is_none() {
        wanted.who.extend(&shared);
        wanted.account = accounts.pop_first();
    }
    wanted.perhaps = shared;
    Ok(wanted)
}

/// Person and account of a row in its canonical spelling: its first two cells.
fn link(row: &str) -> Option<(String, String)> {
    let (person, rest) = cell(row)?;
    let (account, _) = cell(rest)?;
    Some((person, account))
}

fn cell(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        return text.split_once(',').map(|(cell, rest)| (cell.to_owned(), rest));
    };
    let mut out = String::new();
    loop {
        let (piece, after) = rest.split_once('"')?;
        out.push_str(piece);
        match after.strip_prefix('"') {
            Some(more) => {
                out.push('"');
                rest = more;
            }
            None => return Some((out, after.strip_prefix(',').unwrap_or(after))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_its_person_and_account_also_in_quotes() {
        assert_eq!(link("010001,user01,個人,"), Some(("010001".into(), "user01".into())));
        assert_eq!(link("\"a,\"\"b\",\"x,y\",個人"), Some(("a,\"b".into(), "x,y".into())));
    }
}
