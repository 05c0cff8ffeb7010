//! Limits held against the past: what would have been found at others, from the book alone.
//!
//! Each cell of the book is shown to the very windows the rule uses, as one access that gave out the cell's amount; so what
//! is said of a limit is what the rule would have said, as fine as the book still is. A single access is known no finer
//! than its cell (10 seconds of the last hour, four minutes of older days): there it is an upper bound.
//!
//! Pure: pages come in, numbers go out. Not here: which alerts turned out to be incidents (`store`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::book::{DayNumber, HistoryError, NoHistory, PageKey, cell_secs};
use super::page::{Page, Subjects};
use super::volume::VolumeRule;
use super::{Count, Limits, Per, RuleKind, RuleSettings, Scope, limits};
use crate::access::{Access, Amount, DatasetId, LineRef, Marks, Outcome, SourceId, Standing, Subject, Trace, WhoId};
use crate::clock::EventTime;
use crate::register::{DatasetSettings, Tier};

/// Limits below this share of the one there is are not looked at: nobody wants ten times the alerts.
const LOWEST: u64 = 10;

/// Which limit of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The common one.
    All,
    /// That of a tier.
    Tier(Tier),
    /// That of a dataset: its own, or its share of the registered persons.
    Dataset(String),
}

/// A window that held so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    who: WhoId,
    dataset: DatasetId,
    at: i64,
    observed: u64,
}

/// One limit with what the past says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuned {
    /// Which.
    pub group: Group,
    /// The limit there is.
    pub limit: u64,
    /// Nothing below this was looked at.
    pub lowest: u64,
    points: Vec<Point>,
    gap_secs: i64,
}

impl Tuned {
    /// How many alerts there would have been at `limit`: a situation goes on while its findings are no further apart
    /// than the rule's gap.
    pub fn alerts(&self, limit: u64) -> u64 {
        let mut alerts = 0u64;
        let mut last: Option<&Point> = None;
        for point in self.points.iter().filter(|p| limit < p.observed) {
            let goes_on = last.is_some_and(|l| {
                (l.who, l.dataset) == (point.who, point.dataset) && point.at.saturating_sub(l.at) <= self.gap_secs
            });
            if !goes_on {
                alerts = alerts.saturating_add(1);
            }
            last = Some(point);
        }
        alerts
    }

    /// The lowest limit at which there would have been at most so many alerts, in round numbers.
    pub fn propose(&self, most: u64) -> u64 {
        let mut values: Vec<u64> = self.points.iter().map(|p| p.observed).collect();
        values.push(self.lowest);
        values.sort_unstable();
        values.dedup();
        let first = values.partition_point(|value| most < self.alerts(*value));
        // A higher limit may cut one situation in two: go on until it holds.
        let rest = values.get(first..).unwrap_or_default();
        let mut round = rest.iter().map(|value| rounded_up(*value));
        round.find(|limit| self.alerts(*limit) <= most).unwrap_or(self.limit)
    }

    /// The largest amount a window held.
    pub fn largest(&self) -> u64 {
        self.points.iter().map(|p| p.observed).max().unwrap_or(0)
    }
}

/// Up to the next number of two digits and zeros.
fn rounded_up(n: u64) -> u64 {
    let mut unit = 1u64;
    while 100 <= n / unit {
        unit = unit.saturating_mul(10);
    }
    n.div_ceil(unit).saturating_mul(unit)
}

/// A volume rule held against the past.
#[derive(Debug)]
pub struct Tuner {
    rule: VolumeRule,
    scope: Scope,
    count: Count,
    unknown: u64,
    /// By dataset id: which limit holds, and the limit.
    groups: BTreeMap<DatasetId, (Group, u64)>,
    from: DayNumber,
    day: DayNumber,
    points: BTreeMap<Group, (u64, Vec<Point>)>,
    gap_secs: i64,
}

impl Tuner {
    /// For a rule of this kind; `None` for any other. What lies before `from` only fills windows. `gap`: how far apart
    /// findings of one situation may be.
    pub fn new(
        rule: &RuleSettings,
        datasets: &[(DatasetId, &DatasetSettings)],
        from: DayNumber,
        gap: Duration,
    ) -> Option<Tuner> {
        let RuleKind::Volume(volume) = &rule.kind else {
            return None;
        };
        let scope = Scope::new(&rule.when, datasets);
        let by_id = limits(&volume.limit, datasets);
        let limit = |id: &DatasetId| by_id.get(usize::from(id.0)).copied().unwrap_or(u64::MAX);
        let group = |(id, dataset): &(DatasetId, &DatasetSettings)| match volume.per {
            Per::Person => (*id, (Group::All, volume.limit.all.unwrap_or(u64::MAX))),
            Per::Dataset | Per::PersonDataset => (*id, (group_of(&volume.limit, dataset), limit(id))),
        };
        Some(Tuner {
            rule: VolumeRule::new(volume.clone(), rule.severity, by_id.clone()),
            scope,
            count: volume.count,
            unknown: volume.unknown,
            groups: datasets.iter().map(group).filter(|(_, (_, l))| *l < u64::MAX).collect(),
            from,
            day: DayNumber::MIN,
            points: BTreeMap::new(),
            gap_secs: i64::try_from(gap.as_secs()).unwrap_or(i64::MAX),
        })
    }

    /// Shows it a page, in the order of days.
    ///
    /// # Errors
    /// Never: nothing is looked up.
    pub fn feed(&mut self, day: DayNumber, key: PageKey, page: &Page) -> Result<(), HistoryError> {
        if !self.scope.holds(key.dataset(), key.operation()) {
            return Ok(());
        }
        let Some((group, limit)) = self.groups.get(&key.dataset()).cloned() else {
            return Ok(());
        };
        if self.day < day {
            self.day = day;
            self.rule.next_batch();
            self.rule.prune(EventTime::from_secs(cell_secs(day, 0)));
        }
        let mut accesses: Vec<(u16, u64, Option<Subject>)> = Vec::new();
        match (&self.count, &page.subjects) {
            (Count::Subjects, Subjects::Exact(seen)) => {
                accesses.extend(seen.iter().map(|(hash, cell)| (*cell, 1, Some(Subject(*hash)))));
                accesses.sort_unstable_by_key(|(cell, _, subject)| (*cell, subject.map(|s| s.0)));
            }
            (Count::Subjects, Subjects::Sketch(sketch)) => {
                let at = cell_secs(day, 8_639);
                self.note(group, limit, (key.who(), key.dataset(), at, sketch.estimate()), day);
                return Ok(());
            }
            (count, _) => accesses.extend(page.cells.iter().map(|cell| {
                let a = &cell.amounts;
                let unknown = a.records_unknown.saturating_mul(self.unknown);
                let amount = match count {
                    Count::Accesses | Count::Subjects => a.accesses,
                    Count::Records => a.records.saturating_add(unknown),
                    Count::Bytes => a.bytes.saturating_add(a.bytes_unknown.saturating_mul(self.unknown)),
                };
                (cell.start.saturating_add(cell.width.saturating_sub(1)), amount, None)
            })),
        }
        for (cell, amount, subject) in accesses.into_iter().filter(|(_, amount, _)| 0 < *amount) {
            let at = cell_secs(day, cell);
            let mut access = access(key, at, amount, subject);
            // Of accesses each counts one: as many of them as the cell holds.
            let times = if self.count == Count::Accesses { amount } else { 1 };
            let mut observed = 0;
            for _ in 0..times {
                let weighed = self.rule.weigh(&access, &self.scope, &mut NoHistory)?;
                observed = weighed.map_or(0, |p| p.observed);
            }
            access.time = EventTime::from_secs(at);
            let (who, dataset) = self.rule.key(&access);
            self.note(group.clone(), limit, (who, dataset, at, observed), day);
        }
        Ok(())
    }

    fn note(
        &mut self,
        group: Group,
        limit: u64,
        (who, dataset, at, observed): (WhoId, DatasetId, i64, u64),
        day: DayNumber,
    ) {
        let entry = self.points.entry(group).or_insert((limit, Vec::new()));
        entry.0 = entry.0.min(limit);
        if day < self.from || observed <= limit / LOWEST {
            return;
        }
        let point = Point {
            who,
            dataset,
            at,
            observed,
        };
        match entry.1.last_mut() {
            // The same window once more, no fuller.
            Some(last) if (last.who, last.dataset, last.at) == (who, dataset, at) => {
                last.observed = last.observed.max(observed);
            }
            _ => entry.1.push(point),
        }
    }

    /// What the past says, limit by limit.
    pub fn done(self) -> Vec<Tuned> {
        let mut all: BTreeMap<Group, (u64, Vec<Point>)> = BTreeMap::new();
        for (group, limit) in self.groups.into_values() {
            all.entry(group).or_insert((limit, Vec::new()));
        }
        all.extend(self.points);
        let tuned = all.into_iter().map(|(group, (limit, mut points))| {
            points.sort_unstable();
            Tuned {
                group,
                limit,
                lowest: limit / LOWEST,
                points,
                gap_secs: self.gap_secs,
            }
        });
        tuned.collect()
    }
}

fn group_of(limit: &Limits, dataset: &DatasetSettings) -> Group {
    let own = limit.datasets.iter().any(|(id, _)| *id == dataset.id);
    let shared = limit.share.is_some() && dataset.registered.is_some();
    match limit.tiers.iter().any(|(tier, _)| *tier == dataset.tier) {
        _ if own || shared => Group::Dataset(dataset.id.clone()),
        true => Group::Tier(dataset.tier),
        false => Group::All,
    }
}

/// What a cell of the book holds, as one access.
fn access(key: PageKey, at: i64, amount: u64, subject: Option<Subject>) -> Access {
    Access {
        at: LineRef::default(),
        source: SourceId(0),
        time: EventTime::from_secs(at),
        who: key.who(),
        standing: Standing::Valid,
        marks: Marks::NONE,
        dataset: key.dataset(),
        operation: key.operation(),
        outcome: Outcome::Success,
        records: Amount::Known(amount),
        bytes: Amount::Known(amount),
        subject,
        trace: Trace::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Operation;
    use crate::detect::book::Book;
    use crate::detect::{Severity, Volume, When, Within, Words};
    use crate::register::Terms;

    const DAY: i64 = 86_400;

    fn dataset(id: &str, tier: Tier) -> DatasetSettings {
        DatasetSettings {
            id: id.into(),
            title: String::new(),
            tier,
            owner: String::new(),
            registered: None,
            terms: Terms::default(),
            matches: Vec::new(),
        }
    }

    fn rule(within: Within, count: Count) -> RuleSettings {
        RuleSettings {
            id: "V".into(),
            title: String::new(),
            severity: Severity::Warning,
            basis: Vec::new(),
            kind: RuleKind::Volume(Volume {
                count,
                per: Per::PersonDataset,
                within,
                limit: Limits {
                    tiers: vec![(Tier::A, 1_000), (Tier::S, 100)],
                    ..Limits::default()
                },
                unknown: 1,
                leaving: 100,
            }),
            when: When::default(),
            words: Words::default(),
            samples: Vec::new(),
        }
    }

    /// Person, day, second of the day, records; on dataset 1.
    fn tuned(rule: &RuleSettings, uses: &[(u32, i64, i64, u64)]) -> Vec<Tuned> {
        let (a, s) = (dataset("juki", Tier::A), dataset("kaigo", Tier::S));
        let datasets = [(DatasetId(1), &a), (DatasetId(2), &s)];
        let mut book = Book::default();
        for (who, day, second, records) in uses {
            let at = cell_secs(20_000, 0) + day * DAY + second;
            let mut one = access(
                PageKey::new(WhoId(*who), DatasetId(1), Operation::Export),
                at,
                *records,
                None,
            );
            one.bytes = Amount::Unknown;
            book.add(&one);
        }
        let mut tuner = Tuner::new(rule, &datasets, 20_000, Duration::from_secs(86_400)).unwrap();
        let mut pages: Vec<(DayNumber, PageKey, Page)> = Vec::new();
        book.fold(|day, key, page| {
            pages.push((day, key, page.clone()));
            Ok::<(), ()>(())
        })
        .unwrap();
        for (day, key, page) in pages.iter().filter(|(_, key, _)| key.who() != WhoId(0)) {
            tuner.feed(*day, *key, page).unwrap();
        }
        tuner.done()
    }

    #[test]
    fn what_would_have_been_found_at_another_limit_is_counted_by_situation() {
        let rule = rule(Within::Rolling(Duration::from_secs(86_400)), Count::Records);
        // Person 1 takes 400 three times in a day; person 2 takes 600 on two days far apart; person 3 takes 150 a day.
        let mut uses = vec![(1, 1, 36_000, 400), (1, 1, 40_000, 400), (1, 1, 44_000, 400)];
        uses.extend([(2, 3, 36_000, 600), (2, 10, 36_000, 600)]);
        uses.extend((0..20).map(|day| (3, day, 50_000, 150)));
        let all = tuned(&rule, &uses);
        let of_tier = |tier| all.iter().find(|t| t.group == Group::Tier(tier)).unwrap();
        let a = of_tier(Tier::A);
        assert_eq!((a.limit, a.lowest, a.largest()), (1_000, 100, 1_200));
        let at = [1_200, 1_000, 599, 300, 149].map(|limit| a.alerts(limit));
        // At 149 every day of person 3 goes on into the next.
        assert_eq!(at, [0, 1, 3, 3, 4]);
        assert_eq!(
            (a.propose(0), a.propose(1), a.propose(3), a.propose(99)),
            (1_200, 600, 300, 100)
        );
        assert_eq!((of_tier(Tier::S).alerts(10), of_tier(Tier::S).propose(1)), (0, 10));
    }

    #[test]
    fn accesses_and_single_accesses_are_held_against_limits_too() {
        let uses: Vec<_> = (0..30).map(|n| (1, 1, 36_000 + n * 20, 5)).collect();
        let day = tuned(
            &rule(Within::Rolling(Duration::from_secs(3_600)), Count::Accesses),
            &uses,
        );
        assert_eq!(
            day.iter().map(Tuned::largest).max(),
            Some(0),
            "30 lie below a tenth of 1,000"
        );
        let uses: Vec<_> = (0..300).map(|n| (1, 1, 36_000 + n * 5, 5)).collect();
        let day = tuned(
            &rule(Within::Rolling(Duration::from_secs(3_600)), Count::Accesses),
            &uses,
        );
        assert_eq!(day.iter().map(Tuned::largest).max(), Some(300));
        let one = tuned(&rule(Within::OneAccess, Count::Records), &[(1, 1, 36_000, 730)]);
        assert_eq!(one.iter().map(Tuned::largest).max(), Some(730));
    }
}
