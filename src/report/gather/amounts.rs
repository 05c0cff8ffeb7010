//! One pass over the book, person by person: who used what, in this period and in those it is compared with.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Scope;
use crate::access::{DatasetId, Operation, WhoId};
use crate::calendar::Day;
use crate::detect::coverage::looks_at;
use crate::detect::{Count, Limits, Per, RuleKind, Within};
use crate::register::DatasetSettings;
use crate::report::facts::{CumulativeFacts, ExportFacts, SampleFacts, Use, UserFacts};
use crate::report::period::{Kind, Period};
use crate::store::{DayUse, StoreError};

/// Months of the trend.
const MONTHS: i32 = 13;
/// Rows of the table of slow drip.
const CUMULATIVE_MAX: usize = 20;
/// Rows of the table of exports.
const EXPORTS_MAX: usize = 40;
/// How many uses are drawn for 理由確認.
const SAMPLES: usize = 10;
/// Days of slow drip.
const DRIP: [i32; 2] = [30, 365];

/// What one person did with one dataset.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    now: Use,
    /// Used in the period before, in that of last year.
    then: [bool; 2],
    /// Accesses in the periods before.
    earlier: u64,
    /// Records of the last 30 and 365 days.
    drip: [u64; 2],
}

/// What a pass over the book gives.
#[derive(Debug)]
pub(super) struct Scan {
    /// By dataset in scope: the period, the one before, last year's.
    pub uses: Vec<[Use; 3]>,
    sums: BTreeMap<(WhoId, usize), Sum>,
    /// Last day with a success, whatever the dataset.
    pub last: BTreeMap<WhoId, Day>,
    earlier: Vec<(Period, bool)>,
    trend: BTreeMap<Day, (u64, u64)>,
    exports: Vec<DayUse>,
    export_count: u64,
    draws: BTreeMap<[u8; 32], DayUse>,
}

fn takes(operation: Operation) -> bool {
    matches!(operation, Operation::Export | Operation::Print)
}

fn largest(exports: &mut Vec<DayUse>) {
    exports.sort_by_key(|e| {
        let a = e.amounts;
        (
            std::cmp::Reverse((a.records, a.records_unknown)),
            e.day,
            e.who,
            e.dataset,
            e.operation,
        )
    });
    exports.truncate(EXPORTS_MAX);
}

fn as_use(of: &DayUse) -> Use {
    let mut out = Use {
        accesses: of.amounts.accesses,
        denied: of.amounts.denied,
        ..Use::default()
    };
    if let Some(slot) = out.by_operation.get_mut(usize::from(of.operation as u8)) {
        *slot = of.amounts.accesses;
    }
    if takes(of.operation) {
        out.taken = of.amounts.records;
        out.taken_unknown = of.amounts.records_unknown;
    }
    out
}

fn month_of(day: Day) -> Day {
    Period::around(Kind::Monthly, day).map_or(day, |m| m.from)
}

impl Scan {
    pub(super) fn read(scope: &Scope<'_>) -> Result<Scan, StoreError> {
        let period = scope.period;
        let then = [period.before(), period.year_before()];
        let mut earlier = vec![(period.before(), false)];
        if period.days() <= 92 {
            let second = period.before().before();
            earlier.extend([(second, false), (second.before(), false)]);
        }
        let mut first_month = month_of(period.to);
        for _ in 1..MONTHS {
            first_month = month_of(first_month.plus(-1));
        }
        let begins = [period.from, then[1].from, first_month, period.to.plus(1 - DRIP[1])];
        let begins = begins.into_iter().chain(earlier.iter().map(|e| e.0.from));
        let from = begins.min().unwrap_or(period.from);
        let seed = scope.store.draw(&format!(
            "{} {} {}",
            scope.section.unwrap_or_default(),
            period.from.iso(),
            period.to.iso()
        ))?;
        let mut scan = Scan {
            uses: vec![[Use::default(); 3]; scope.datasets.len()],
            sums: BTreeMap::new(),
            last: BTreeMap::new(),
            earlier,
            trend: BTreeMap::new(),
            exports: Vec::new(),
            export_count: 0,
            draws: BTreeMap::new(),
        };
        let mut month = month_of(first_month);
        while month <= period.to {
            scan.trend.insert(month, (0, 0));
            month = Period::around(Kind::Monthly, month).map_or(period.to, |m| m.to).plus(1);
        }
        let places = Places::new(scope);
        let mut month = (Day(i32::MIN), Day(i32::MIN));
        scope.store.uses(from.0, period.to.0, &mut |of| {
            let day = Day(of.day);
            if 0 < of.amounts.accesses {
                scan.last.insert(of.who, day);
            }
            let Some(place) = places.of(of.dataset) else { return };
            if month.0 != day {
                month = (day, month_of(day));
            }
            if let Some(trend) = scan.trend.get_mut(&month.1) {
                trend.0 = trend.0.saturating_add(of.amounts.accesses);
                if takes(of.operation) {
                    trend.1 = trend.1.saturating_add(of.amounts.records);
                }
            }
            scan.add(&of, place, (period, then));
            if period.holds(day) {
                scan.note(of, &seed);
            }
        })?;
        scan.count_users();
        Ok(scan)
    }

    fn add(&mut self, of: &DayUse, place: usize, (period, then): (Period, [Period; 2])) {
        let day = Day(of.day);
        let used = as_use(of);
        let sum = self.sums.entry((of.who, place)).or_default();
        if let Some(uses) = self.uses.get_mut(place) {
            let [now, before, last_year] = uses;
            if period.holds(day) {
                now.add(&used);
                sum.now.add(&used);
            }
            for ((use_of, span), seen) in [before, last_year].into_iter().zip(then).zip(&mut sum.then) {
                if span.holds(day) {
                    use_of.add(&used);
                    *seen |= 0 < used.accesses;
                }
            }
        }
        for (span, any) in &mut self.earlier {
            if span.holds(day) {
                *any = true;
                sum.earlier = sum.earlier.saturating_add(used.accesses);
            }
        }
        for (drip, days) in sum.drip.iter_mut().zip(DRIP) {
            if period.to.0.saturating_sub(days) < of.day {
                *drip = drip.saturating_add(used.taken);
            }
        }
    }

    /// Notes a use of the period itself: exports, and what may be drawn.
    fn note(&mut self, of: DayUse, seed: &str) {
        if of.amounts.accesses == 0 {
            return;
        }
        if takes(of.operation) {
            self.export_count = self.export_count.saturating_add(1);
            self.exports.push(of);
            if 100_000 < self.exports.len() {
                largest(&mut self.exports);
            }
        }
        if matches!(of.operation, Operation::Login | Operation::Other) {
            return;
        }
        let text = format!("{seed} {} {} {} {}", of.day, of.who.0, of.dataset.0, of.operation as u8);
        self.draws.insert(Sha256::digest(text.as_bytes()).into(), of);
        if SAMPLES < self.draws.len() {
            self.draws.pop_last();
        }
    }

    fn count_users(&mut self) {
        for ((_, place), sum) in &self.sums {
            let Some([now, before, last_year]) = self.uses.get_mut(*place) else {
                continue;
            };
            now.users += u64::from(0 < sum.now.accesses);
            before.users += u64::from(sum.then[0]);
            last_year.users += u64::from(sum.then[1]);
        }
    }

    /// Accesses and records taken, month by month.
    pub(super) fn months(&self) -> Vec<(Day, u64, u64)> {
        self.trend.iter().map(|(day, (a, r))| (*day, *a, *r)).collect()
    }

    /// Everybody who used anything in the period, most accesses first.
    pub(super) fn users(&self, scope: &Scope<'_>) -> Vec<UserFacts> {
        let mut by_who: BTreeMap<WhoId, Sum> = BTreeMap::new();
        for ((who, _), sum) in &self.sums {
            let all = by_who.entry(*who).or_default();
            all.now.add(&sum.now);
            all.earlier = all.earlier.saturating_add(sum.earlier);
        }
        let periods = u64::try_from(self.earlier.iter().filter(|e| e.1).count()).unwrap_or(0);
        let mut out: Vec<UserFacts> = by_who
            .into_iter()
            .filter(|(_, sum)| 0 < sum.now.accesses + sum.now.denied)
            .map(|(who, sum)| {
                let (registered, name) = scope.people.of(who);
                UserFacts {
                    section: scope.title_of(&name),
                    name,
                    registered,
                    accesses: sum.now.accesses,
                    taken: sum.now.taken,
                    earlier: sum.earlier,
                    earlier_periods: periods,
                    denied: sum.now.denied,
                }
            })
            .collect();
        out.sort_by(|a, b| (b.accesses, b.taken, &a.name).cmp(&(a.accesses, a.taken, &b.name)));
        out
    }

    /// What each person and dataset was used for in the period: for `rights`.
    pub(super) fn by_person(&self) -> impl Iterator<Item = (WhoId, usize, &Use)> {
        self.sums.iter().map(|((who, place), sum)| (*who, *place, &sum.now))
    }

    /// Slow drip, nearest to a limit first.
    pub(super) fn cumulative(&self, scope: &Scope<'_>) -> Vec<CumulativeFacts> {
        let limits: Vec<[Option<u64>; 2]> = scope.datasets.iter().map(|(_, d)| drip_limits(scope, d)).collect();
        let mut out: Vec<CumulativeFacts> = self
            .sums
            .iter()
            .filter(|(_, sum)| 0 < sum.drip[1])
            .filter_map(|((who, place), sum)| {
                let (_, dataset) = scope.datasets.get(*place)?;
                let (_, name) = scope.people.of(*who);
                Some(CumulativeFacts {
                    section: scope.title_of(&name),
                    name,
                    dataset: dataset.id.clone(),
                    taken: sum.drip,
                    limits: limits.get(*place).copied().unwrap_or_default(),
                })
            })
            .collect();
        out.sort_by(|a, b| {
            let order = |c: &CumulativeFacts| std::cmp::Reverse((c.share(), c.taken[1]));
            (order(a), &a.name, &a.dataset).cmp(&(order(b), &b.name, &b.dataset))
        });
        out.truncate(CUMULATIVE_MAX);
        out
    }

    /// The largest exports and prints of the period, and how many rows there are.
    pub(super) fn exports(&self, scope: &Scope<'_>) -> (Vec<ExportFacts>, u64) {
        let mut all = self.exports.clone();
        largest(&mut all);
        let facts = all.iter().map(|e| ExportFacts {
            day: Day(e.day),
            name: scope.people.of(e.who).1,
            dataset: dataset_of(scope, e.dataset),
            operation: e.operation,
            accesses: e.amounts.accesses,
            records: e.amounts.records,
            unknown: e.amounts.records_unknown,
        });
        (facts.collect(), self.export_count)
    }

    /// What was drawn, in the order of time.
    pub(super) fn samples(&self, scope: &Scope<'_>) -> Result<Vec<SampleFacts>, StoreError> {
        let mut out = Vec::new();
        for (draw, of) in &self.draws {
            let cells = scope.store.page_of(of)?.map(|page| page.cells).unwrap_or_default();
            let cells: Vec<_> = cells.iter().filter(|c| 0 < c.amounts.accesses).collect();
            let nth = draw
                .last()
                .map_or(0, |b| usize::from(*b))
                .checked_rem(cells.len())
                .unwrap_or(0);
            let Some(cell) = cells.get(nth) else { continue };
            let (_, name) = scope.people.of(of.who);
            let minute = |finest: u16| u32::from(finest) / 6;
            out.push(SampleFacts {
                day: Day(of.day),
                minutes: (minute(cell.start), minute(cell.start + cell.width - 1)),
                section: scope.title_of(&name),
                name,
                dataset: dataset_of(scope, of.dataset),
                operation: of.operation,
                accesses: cell.amounts.accesses,
            });
        }
        out.sort_by(|a, b| (a.day, a.minutes, &a.name).cmp(&(b.day, b.minutes, &b.name)));
        Ok(out)
    }
}

/// Places of the datasets in scope by their ids, looked up once a row.
struct Places(Vec<Option<usize>>);

impl Places {
    fn new(scope: &Scope<'_>) -> Places {
        let mut places = vec![
            None;
            scope
                .datasets
                .iter()
                .map(|(id, _)| usize::from(id.0) + 1)
                .max()
                .unwrap_or(0)
        ];
        for (n, (id, _)) in scope.datasets.iter().enumerate().filter(|(_, (id, _))| id.0 != 0) {
            if let Some(slot) = places.get_mut(usize::from(id.0)) {
                *slot = Some(n);
            }
        }
        Places(places)
    }

    fn of(&self, dataset: DatasetId) -> Option<usize> {
        self.0.get(usize::from(dataset.0)).copied().flatten()
    }
}

fn dataset_of(scope: &Scope<'_>, id: DatasetId) -> String {
    let place = scope.place(id).and_then(|n| scope.datasets.get(n));
    place.map_or(String::new(), |(_, d)| d.id.clone())
}

/// The limits on records taken within 30 and 365 days that hold for a dataset: the lowest of each.
fn drip_limits(scope: &Scope<'_>, dataset: &DatasetSettings) -> [Option<u64>; 2] {
    DRIP.map(|days| {
        let within = Within::Rolling(Duration::from_secs(u64::try_from(days).unwrap_or(0) * 86_400));
        let rules = scope.site.rules.iter().filter(|rule| {
            looks_at(&rule.when, dataset)
                && (rule.when.operations.is_empty() || rule.when.operations.contains(&Operation::Export))
        });
        let limits = rules.filter_map(|rule| match &rule.kind {
            RuleKind::Volume(v) if v.count == Count::Records && v.within == within && v.per == Per::PersonDataset => {
                limit(&v.limit, dataset)
            }
            _ => None,
        });
        limits.min()
    })
}

fn limit(limits: &Limits, dataset: &DatasetSettings) -> Option<u64> {
    let own = limits.datasets.iter().find(|(id, _)| *id == dataset.id).map(|l| l.1);
    let tier = limits.tiers.iter().find(|(t, _)| *t == dataset.tier).map(|l| l.1);
    let share = || {
        let percent = limits.share?;
        Some((dataset.registered?.saturating_mul(percent) / 100).max(limits.least))
    };
    own.or(tier).or(limits.all).or_else(share)
}
