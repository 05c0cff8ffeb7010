//! When datasets were used, and whose data were seen: cells and subjects of the period.

use std::collections::{BTreeMap, HashSet};

use super::Scope;
use crate::access::DatasetId;
use crate::calendar::Day;
use crate::clock::EventTime;
use crate::detect::book::cell_secs;
use crate::detect::page::{CELL_SECS, Page, Subjects};
use crate::detect::sketch::Sketch;
use crate::store::StoreError;

/// Distinct citizens of a dataset kept exactly; beyond, an estimate.
const EXACT_MAX: usize = 1 << 20;
/// Office hours in minutes, for silence: 8:30 to 17:15.
const OFFICE: (u64, u64) = (510, 1_035);

/// A dataset over the period.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    /// Successes.
    pub accesses: u64,
    /// Distinct citizens, and whether that is an estimate.
    pub subjects: Option<(u64, bool)>,
    /// Outside office hours of open days.
    pub off_hours: u64,
    /// On closed days.
    pub closed: u64,
    /// Longest time without an access within office hours, in minutes.
    pub silent_longest: u64,
    /// Open days without an access.
    pub idle_days: Vec<Day>,
}

/// All datasets over the period.
#[derive(Debug)]
pub(super) struct Courses {
    pub datasets: Vec<Course>,
    pub daily: Vec<(Day, u64, bool)>,
    pub hourly: [[u64; 24]; 7],
}

enum Distinct {
    Exact(HashSet<u64>),
    Sketch(Box<Sketch>),
}

impl Distinct {
    fn add(&mut self, page: &Page) {
        match (&page.subjects, &mut *self) {
            (Subjects::Exact(seen), Distinct::Exact(have)) => {
                have.extend(seen.iter().map(|s| s.0));
                if have.len() <= EXACT_MAX {
                    return;
                }
                let mut sketch = Box::<Sketch>::default();
                have.iter().for_each(|hash| sketch.insert(*hash));
                *self = Distinct::Sketch(sketch);
            }
            (Subjects::Exact(seen), Distinct::Sketch(sketch)) => seen.iter().for_each(|s| sketch.insert(s.0)),
            (Subjects::Sketch(theirs), Distinct::Exact(have)) => {
                let mut sketch = theirs.clone();
                have.iter().for_each(|hash| sketch.insert(*hash));
                *self = Distinct::Sketch(sketch);
            }
            (Subjects::Sketch(theirs), Distinct::Sketch(sketch)) => sketch.merge(theirs),
        }
    }

    fn count(&self) -> (u64, bool) {
        match self {
            Distinct::Exact(have) => (u64::try_from(have.len()).unwrap_or(u64::MAX), false),
            Distinct::Sketch(sketch) => (sketch.estimate(), true),
        }
    }
}

impl Courses {
    pub(super) fn read(scope: &Scope<'_>) -> Result<Courses, StoreError> {
        let period = scope.period;
        let days = period.from.0..=period.to.0;
        let closed: Vec<bool> = days.clone().map(|d| scope.site.calendar.is_closed(Day(d))).collect();
        let mut out = Courses {
            datasets: Vec::new(),
            daily: days
                .map(Day)
                .zip(closed)
                .map(|(day, closed)| (day, 0, closed))
                .collect(),
            hourly: [[0; 24]; 7],
        };
        let subjects = subjects(scope)?;
        for (id, settings) in &scope.datasets {
            let mut course = Course {
                subjects: subjects.get(id).map(Distinct::count),
                ..Course::default()
            };
            // Minutes with a record, by day.
            let mut minutes: BTreeMap<i32, Vec<(u64, u64)>> = BTreeMap::new();
            scope
                .store
                .dataset_pages(*id, period.from.0, period.to.0, &mut |day, _, page| {
                    out.take(scope, &settings.owner, day, page, &mut course);
                    let spans = page
                        .cells
                        .iter()
                        .map(|c| (u64::from(c.start) / 6, u64::from(c.start + c.width - 1) / 6));
                    minutes.entry(day).or_default().extend(spans);
                })?;
            for day in scope.open_days() {
                match minutes.get_mut(&day.0) {
                    Some(spans) => course.silent_longest = course.silent_longest.max(longest_silence(spans)),
                    None => course.idle_days.push(day),
                }
            }
            out.datasets.push(course);
        }
        Ok(out)
    }

    fn take(&mut self, scope: &Scope<'_>, owner: &str, day: i32, page: &Page, course: &mut Course) {
        let place = usize::try_from(day.saturating_sub(scope.period.from.0)).unwrap_or(usize::MAX);
        let mut is_closed = false;
        if let Some((_, sum, closed)) = self.daily.get_mut(place) {
            *sum = sum.saturating_add(page.total.accesses);
            is_closed = *closed;
        }
        course.accesses = course.accesses.saturating_add(page.total.accesses);
        // 1970-01-01 was a Thursday; Monday comes first.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0);
        for cell in page.cells.iter().filter(|c| 0 < c.amounts.accesses) {
            let n = cell.amounts.accesses;
            let hour = usize::from(cell.start / 360);
            if let Some(sum) = self.hourly.get_mut(weekday).and_then(|hours| hours.get_mut(hour)) {
                *sum = sum.saturating_add(n);
            }
            if is_closed {
                course.closed = course.closed.saturating_add(n);
                continue;
            }
            let from = cell_secs(day, cell.start);
            let last = from + i64::from(cell.width) * CELL_SECS - 1;
            let on_duty = |secs: i64| {
                let at = EventTime::from_secs(secs);
                scope.site.sections.on_duty("", owner, at, scope.site.calendar)
            };
            // A cell that reaches over the end of the hours counts as outside: the cautious side.
            if !on_duty(from) || !on_duty(last) {
                course.off_hours = course.off_hours.saturating_add(n);
            }
        }
    }
}

fn subjects(scope: &Scope<'_>) -> Result<BTreeMap<DatasetId, Distinct>, StoreError> {
    let mut out: BTreeMap<DatasetId, Distinct> = BTreeMap::new();
    let wanted = |id: DatasetId| scope.place(id).is_some();
    let (from, to) = (scope.period.from.0, scope.period.to.0);
    scope.store.subject_pages(from, to, &wanted, &mut |dataset, page| {
        out.entry(dataset)
            .or_insert_with(|| Distinct::Exact(HashSet::new()))
            .add(page);
    })?;
    Ok(out)
}

/// The longest time within office hours in which no span of minutes lies.
fn longest_silence(spans: &mut [(u64, u64)]) -> u64 {
    spans.sort_unstable();
    let (mut at, end) = OFFICE;
    let mut longest = 0;
    for (from, to) in spans.iter() {
        longest = longest.max((*from).min(end).saturating_sub(at));
        at = at.max(to + 1);
    }
    longest.max(end.saturating_sub(at.min(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_within_office_hours_only() {
        assert_eq!(longest_silence(&mut []), 525);
        assert_eq!(longest_silence(&mut [(480, 480), (1_100, 1_100)]), 525);
        assert_eq!(longest_silence(&mut [(600, 600), (510, 510)]), 434, "10:01 to 17:15");
        assert_eq!(longest_silence(&mut [(510, 700), (702, 1_034)]), 1);
    }
}
