//! How far an incident reaches: what the counters of its days say of its people and datasets.

use std::collections::BTreeMap;

use super::alerts;
use crate::access::{DatasetId, Operation, WhoId};
use crate::alert::incident::{Incident, Range, Reach};
use crate::calendar::day_of;
use crate::cli::Failure;
use crate::config::Config;
use crate::detect::book::{History, HistoryError, PageKey, Select};
use crate::detect::page::Page;
use crate::store::{PageHistory, Store};

/// Adds up the pages of every day from the first window to the last access of the incident's alerts. Whole days: what
/// the same people did on them beside stands in it, which is the cautious side.
pub(super) fn of(config: &Config, store: &Store, incident: &Incident) -> Result<Range, Failure> {
    let names = store.names()?;
    let mut history = PageHistory {
        store,
        names: &names,
        key: None,
        lists: None,
    };
    let mut range = Range::default();
    let mut subjects = Page::default();
    let mut cells: BTreeMap<(u32, u16, u8), Reach> = BTreeMap::new();
    let mut keys: BTreeMap<(u32, u16), (i32, i32, String)> = BTreeMap::new();
    for stored in alerts(store, incident)? {
        let a = &stored.alert;
        let (first, last) = range.span.unwrap_or((a.first_seen, a.last_seen));
        range.span = Some((first.min(a.first_seen), last.max(a.last_seen)));
        let days = (day_of(a.window_from).0, day_of(a.last_seen).0);
        let key = keys
            .entry((a.who.0, a.dataset.0))
            .or_insert((days.0, days.1, stored.section.clone()));
        (key.0, key.1) = (key.0.min(days.0), key.1.max(days.1));
    }
    for ((who, dataset), (from, to, section)) in keys {
        let (who, dataset) = (WhoId(who), DatasetId(dataset));
        let select = match (who, dataset) {
            (WhoId(0), dataset) => Select::DatasetByPerson(dataset),
            (who, DatasetId(0)) => Select::Person(who),
            (who, dataset) => Select::PersonDataset(who, dataset),
        };
        let name = store.who(who)?.map(|(_, name)| name).unwrap_or_default();
        let mut sink = |_, key: PageKey, page: &Page| {
            if key.operation() == Operation::Login || (page.total.accesses == 0 && page.distinct() == 0) {
                return;
            }
            subjects.merge(page);
            let at = (who.0, key.dataset().0, key.operation() as u8);
            let reach = cells.entry(at).or_insert_with(|| Reach {
                who: name.clone(),
                section: section.clone(),
                dataset: String::new(),
                operation: key.operation(),
                accesses: 0,
                records: 0,
                records_unknown: 0,
            });
            reach.accesses = reach.accesses.saturating_add(page.total.accesses);
            reach.records = reach.records.saturating_add(page.total.records);
            reach.records_unknown = reach.records_unknown.saturating_add(page.total.records_unknown);
        };
        history.pages(select, from, to, &mut sink).map_err(lost)?;
    }
    for ((_, dataset, _), mut reach) in cells {
        let name = store.dataset_name(DatasetId(dataset))?;
        let titled = config.datasets.iter().find(|d| d.id == name);
        reach.dataset = titled.map_or(name, |d| d.title.clone());
        range.records_max = range.records_max.saturating_add(reach.records);
        range.unknown = range.unknown.saturating_add(reach.records_unknown);
        range.rows.push(reach);
    }
    range.subjects_min = subjects.distinct();
    Ok(range)
}

fn lost(e: HistoryError) -> Failure {
    Failure::Failed(e.to_string())
}
