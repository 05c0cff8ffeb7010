//! What happened in a made-up year, and what a report must say of it: counted from the events, not from the book.

use std::collections::{BTreeMap, BTreeSet};

use sekimori::calendar::{Day, is_closed};
use sekimori::report::Period;
use sekimori::report::doc::{Block, Cell, Report, Shape};

use crate::support::dice::Dice;

/// One line of a log.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    pub(crate) dataset: &'static str,
    day: Day,
    minute: u32,
    user: u64,
    subject: u64,
    export: bool,
    denied: bool,
}

impl Happened {
    /// A view.
    pub(crate) fn view(dataset: &'static str, day: Day, minute: u32, user: u64, subject: u64) -> Happened {
        Happened {
            dataset,
            day,
            minute,
            user,
            subject,
            export: false,
            denied: false,
        }
    }

    /// As the web server writes it.
    pub(crate) fn line(&self) -> String {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let date = self.day.date();
        let (month, hour, minute) = (MONTHS[usize::from(date.month) - 1], self.minute / 60, self.minute % 60);
        let what = if self.export {
            format!("/{}/export/all.csv", self.dataset)
        } else {
            format!("/{}/{:08}", self.dataset, self.subject)
        };
        let status = if self.denied { 403 } else { 200 };
        format!(
            "10.0.0.7 - user{:02} [{:02}/{month}/{}:{hour:02}:{minute:02}:07 +0900] \"GET {what} HTTP/1.1\" {status} 512 \"-\" \"a\"\n",
            self.user, date.day, date.year
        )
    }

    fn taken(&self) -> u64 {
        if self.export && !self.denied { 40 } else { 0 }
    }
}

/// A year of events.
#[derive(Debug)]
pub(crate) struct Year(BTreeMap<i32, Vec<Happened>>);

impl Year {
    /// April 2025 to March 2026. 介護保険課 loses ten days of September and the whole of January.
    pub(crate) fn make(datasets: &[&'static str]) -> Year {
        let mut dice = Dice::from_env("reports", 20_250_401);
        let from = Day::of(2025, 4, 1).unwrap();
        let mut days = BTreeMap::new();
        for day in (0..365).map(|n| from.plus(n)) {
            let date = day.date();
            let mut events = Vec::new();
            for (n, dataset) in (0u64..).zip(datasets) {
                let lost =
                    *dataset == "kaigo" && ((date.month == 9 && (10..=17).contains(&date.day)) || date.month == 1);
                if lost {
                    continue;
                }
                let busy = if is_closed(day) {
                    dice.below(2)
                } else {
                    8 + dice.below(14)
                };
                for _ in 0..busy {
                    // The book's widest cell lies across the ends of office hours: nothing happens there.
                    let minute = match dice.below(12) {
                        0 => 1_050 + dice.below(300),
                        1 => 120 + dice.below(300),
                        _ => 520 + dice.below(500),
                    };
                    events.push(Happened {
                        dataset,
                        day,
                        minute: minute as u32,
                        user: 3 * dice.below(9) + n,
                        subject: dice.below(400),
                        export: dice.once_in(20),
                        denied: dice.once_in(30),
                    });
                }
            }
            events.sort_by_key(|h| h.minute);
            days.insert(day.0, events);
        }
        Year(days)
    }

    pub(crate) fn on(&self, day: Day) -> impl Iterator<Item = &Happened> {
        self.0.get(&day.0).into_iter().flatten()
    }

    fn within<'a>(&'a self, period: Period, datasets: &'a [&'a str]) -> impl Iterator<Item = &'a Happened> {
        let range = self.0.range(period.from.0..=period.to.0);
        range
            .flat_map(|(_, list)| list)
            .filter(move |h| datasets.contains(&h.dataset))
    }

    /// Lines of the whole year.
    pub(crate) fn lines(&self) -> u64 {
        self.0.values().map(|l| l.len() as u64).sum()
    }

    /// Of these successes.
    pub(crate) fn successes(&self) -> u64 {
        self.0.values().flatten().filter(|h| !h.denied).count() as u64
    }
}

fn number(cell: Option<&Cell>) -> u64 {
    match cell {
        Some(Cell::Count(n)) => *n,
        Some(Cell::None) => 0,
        other => panic!("no number: {other:?}"),
    }
}

/// Holds every number of a report against the events.
pub(crate) fn check(report: &Report, period: Period, datasets: &[&str], year: &Year) {
    let at = format!("{} {:?}", period.short(), datasets);
    let all: Vec<&Happened> = year.within(period, datasets).collect();
    let good = || all.iter().filter(|h| !h.denied);
    let count = |test: &dyn Fn(&Happened) -> bool| good().filter(|h| test(h)).count() as u64;
    // 表1
    let table = report.table("comparison").unwrap();
    let before: Vec<&Happened> = year.within(period.before(), datasets).collect();
    let now = [
        count(&|_| true),
        all.iter().map(|h| h.taken()).sum(),
        0,
        all.iter().filter(|h| h.denied).count() as u64,
    ];
    let then = [
        before.iter().filter(|h| !h.denied).count() as u64,
        before.iter().map(|h| h.taken()).sum(),
        0,
        before.iter().filter(|h| h.denied).count() as u64,
    ];
    for ((row, now), then) in table.rows.iter().zip(now).zip(then) {
        assert_eq!(number(table.cell(row, "now")), now, "{at} {row:?}");
        assert_eq!(number(table.cell(row, "before")), then, "{at} {row:?}");
        let ratio = table.cell(row, "before_ratio").unwrap();
        match then {
            0 => assert_eq!(ratio, &Cell::None, "{at}"),
            then => assert_eq!(ratio, &Cell::Permille((now * 1_000 / then) as i64), "{at}"),
        }
    }
    // 表3
    let table = report.table("sources").unwrap();
    for (row, dataset) in table.rows.iter().zip(datasets) {
        let own = || all.iter().filter(|h| h.dataset == *dataset);
        assert_eq!(number(table.cell(row, "lines")), own().count() as u64, "{at}");
        assert_eq!(number(table.cell(row, "rejects")), 0, "{at}");
    }
    // 表7
    let table = report.table("datasets").unwrap();
    assert_eq!(table.rows.len(), datasets.len());
    for (row, dataset) in table.rows.iter().zip(datasets) {
        let own = |test: &dyn Fn(&Happened) -> bool| count(&|h| h.dataset == *dataset && test(h));
        let distinct = |of: &dyn Fn(&Happened) -> u64, views: bool| {
            let seen: BTreeSet<u64> = good()
                .filter(|h| h.dataset == *dataset && (!views || !h.export))
                .map(|h| of(h))
                .collect();
            seen.len() as u64
        };
        let in_office = |h: &Happened| (510..1_035).contains(&h.minute);
        let expected = [
            ("users", distinct(&|h| h.user, false)),
            ("views", own(&|h| !h.export)),
            ("exports", own(&|h| h.export)),
            ("searches", 0),
            ("taken", 40 * own(&|h| h.export)),
            ("taken_unknown", 0),
            ("subjects", distinct(&|h| h.subject, true)),
            ("off_hours", own(&|h| !is_closed(h.day) && !in_office(h))),
            ("closed_days", own(&|h| is_closed(h.day))),
            (
                "denied",
                all.iter().filter(|h| h.dataset == *dataset && h.denied).count() as u64,
            ),
        ];
        for (column, n) in expected {
            let cell = table.cell(row, column);
            assert_eq!(number(cell), n, "{at} {dataset} {column}");
        }
    }
    users(report, &at, &all);
    charts(report, &at, period, &all);
    drip(report, &at, period, datasets, year);
    let exports: BTreeSet<_> = good()
        .filter(|h| h.export)
        .map(|h| (h.day, h.user, h.dataset))
        .collect();
    let shown = report.table("copies").map_or(0, |t| t.rows.len());
    assert_eq!(shown, exports.len().min(40), "{at}");
    for row in report.table("samples").map_or(&[][..], |t| &t.rows) {
        let (Cell::Day(day), Cell::Text(person)) = (&row[1], &row[3]) else {
            panic!("{row:?}")
        };
        let happened = good().filter(|h| h.day.0 == *day && format!("{:06}", 10_000 + h.user) == *person);
        assert!(0 < happened.count(), "{at}: a sample that never happened: {row:?}");
    }
}

fn users(report: &Report, at: &str, all: &[&Happened]) {
    let mut sums: BTreeMap<String, (u64, u64, u64)> = BTreeMap::new();
    for h in all {
        let sum = sums.entry(format!("{:06}", 10_000 + h.user)).or_default();
        sum.0 += u64::from(!h.denied);
        sum.1 += h.taken();
        sum.2 += u64::from(h.denied);
    }
    let mut expected: Vec<_> = sums.into_iter().collect();
    expected.sort_by(|a, b| (b.1.0, b.1.1, &a.0).cmp(&(a.1.0, a.1.1, &b.0)));
    let table = report.table("users").unwrap();
    assert_eq!(table.rows.len(), expected.len().min(20), "{at}");
    for (row, (name, (accesses, taken, denied))) in table.rows.iter().zip(expected) {
        assert_eq!(row[0], Cell::Text(name), "{at}");
        assert_eq!(number(table.cell(row, "accesses")), accesses, "{at}");
        assert_eq!(number(table.cell(row, "taken")), taken, "{at}");
        assert_eq!(number(table.cell(row, "denied")), denied, "{at}");
    }
}

fn charts(report: &Report, at: &str, period: Period, all: &[&Happened]) {
    let good = || all.iter().filter(|h| !h.denied);
    let mut seen = 0;
    for block in report.parts.iter().flat_map(|p| &p.blocks) {
        let Block::Chart(chart) = block else { continue };
        match &chart.shape {
            Shape::Bars { values, .. } => {
                let step = if 62 < period.days() { 7 } else { 1 };
                let mut expected = vec![0u64; values.len()];
                for h in good() {
                    expected[((h.day.0 - period.from.0) / step) as usize] += 1;
                }
                assert_eq!(values, &expected, "{at}");
                seen += 1;
            }
            Shape::Heat { values, .. } => {
                let mut expected = vec![vec![0u64; 24]; 7];
                for h in good() {
                    expected[(h.day.0 + 3).rem_euclid(7) as usize][(h.minute / 60) as usize] += 1;
                }
                assert_eq!(values, &expected, "{at}");
                seen += 1;
            }
            Shape::Pairs { .. } | Shape::Lines { .. } => seen += 1,
        }
    }
    assert_eq!(seen, 4, "{at}");
}

fn drip(report: &Report, at: &str, period: Period, datasets: &[&str], year: &Year) {
    let Some(table) = report.table("cumulative") else {
        return;
    };
    let sum = |days: i32| {
        let from = Day(period.to.0 - days + 1);
        let span = Period::special(from, period.to).unwrap();
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for h in year.within(span, datasets) {
            *sums.entry(format!("{:06}", 10_000 + h.user)).or_default() += h.taken();
        }
        sums
    };
    let (month, whole) = (sum(30), sum(365));
    assert_eq!(
        table.rows.len(),
        whole.values().filter(|n| 0 < **n).count().min(20),
        "{at}"
    );
    for row in &table.rows {
        let Cell::Text(name) = &row[0] else { panic!("{row:?}") };
        assert_eq!(
            number(table.cell(row, "days_30")),
            month.get(name).copied().unwrap_or(0),
            "{at} {name}"
        );
        assert_eq!(number(table.cell(row, "days_365")), whole[name], "{at} {name}");
        assert_eq!(number(table.cell(row, "limit_365")), 20_000, "{at}");
    }
}
