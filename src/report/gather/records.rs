//! Whether the record is whole, what the last report asked for, and who is late.

use std::collections::BTreeMap;

use super::Scope;
use crate::calendar::Day;
use crate::detect::coverage;
use crate::report::doc::Report;
use crate::report::facts::{BeforeFacts, DatasetFacts, LossFacts, SectionFacts, SourceFacts};
use crate::report::period::{Kind, Period};
use crate::source::SourceEventKind;
use crate::store::{ReportRow, StoreError, Tally};
use crate::text::inert;

/// What was read of each source that a dataset in scope may stand in.
pub(super) fn sources(scope: &Scope<'_>, datasets: &[DatasetFacts]) -> Result<Vec<SourceFacts>, StoreError> {
    let ids: BTreeMap<String, _> = scope
        .store
        .source_rows()?
        .into_iter()
        .map(|(id, name)| (name, id))
        .collect();
    let tallies = scope.store.tallies(scope.period.from.0, scope.period.to.0)?;
    let rejects = scope.store.rejects_by(scope.period.from.0, scope.period.to.0)?;
    let behind = scope.store.behind()?;
    let mut out = Vec::new();
    for name in scope.site.sources {
        let own: Vec<&DatasetFacts> = datasets
            .iter()
            .zip(&scope.datasets)
            .filter(|(_, (_, settings))| coverage::applies(settings, name))
            .map(|(facts, _)| facts)
            .collect();
        if own.is_empty() && scope.section.is_some() {
            continue;
        }
        let id = ids.get(*name).copied();
        let days = tallies.iter().filter(|t| Some(t.source) == id);
        let mut sum = Tally::default();
        let mut read_on = Vec::new();
        for t in days {
            let day = &t.tally;
            sum.lines = sum.lines.saturating_add(day.lines);
            sum.accesses = sum.accesses.saturating_add(day.accesses);
            sum.no_dataset = sum.no_dataset.saturating_add(day.no_dataset);
            sum.nothing = sum.nothing.saturating_add(day.nothing);
            sum.repeated = sum.repeated.saturating_add(day.repeated);
            sum.rejects = sum.rejects.saturating_add(day.rejects);
            sum.damaged = sum.damaged.saturating_add(day.damaged);
            if 0 < day.lines {
                read_on.push(t.day);
            }
        }
        let unread = |day: &Day| !read_on.contains(day) && own.iter().all(|d| d.idle_days.contains(day));
        out.push(SourceFacts {
            name: (*name).to_owned(),
            lines: sum.lines,
            accesses: sum.accesses,
            no_dataset: sum.no_dataset,
            nothing: sum.nothing,
            repeated: sum.repeated,
            rejects: sum.rejects,
            damaged: sum.damaged,
            why: rejects
                .iter()
                .filter(|r| Some(r.0) == id)
                .map(|r| (r.1.clone(), r.2))
                .collect(),
            missing: scope.open_days().filter(unread).collect(),
            behind: id.is_some_and(|id| behind.contains(&id)),
        });
    }
    Ok(out)
}

/// What happened to the bytes of these sources.
pub(super) fn losses(scope: &Scope<'_>, sources: &[SourceFacts]) -> Result<Vec<LossFacts>, StoreError> {
    let names: BTreeMap<_, String> = scope.store.source_rows()?.into_iter().collect();
    let mut out = Vec::new();
    for event in scope.store.events_in(scope.period.from, scope.period.to)? {
        let Some(name) = names.get(&event.source) else { continue };
        let kind = SourceEventKind::ALL.into_iter().find(|k| k.as_str() == event.kind);
        let lost = kind.is_some_and(is_gone);
        if sources.iter().any(|s| s.name == *name)
            && kind.is_none_or(|k| k.is_loss() || k == SourceEventKind::Unreadable)
        {
            out.push(LossFacts {
                at: event.at,
                source: name.clone(),
                kind: event.kind,
                bytes: event.bytes,
                cause: event.cause,
                lost,
            });
        }
    }
    Ok(out)
}

/// The newest version of each report, by number of the rows.
fn newest(rows: Vec<ReportRow>) -> Vec<ReportRow> {
    let mut by_key: BTreeMap<(String, String, Day, Day), ReportRow> = BTreeMap::new();
    for row in rows {
        let r = &row.report;
        by_key.insert((r.kind.clone(), r.section.clone(), r.from, r.to), row);
    }
    by_key.into_values().collect()
}

/// The last report of the same kind on the same section, and what became of it.
pub(super) fn before(scope: &Scope<'_>) -> Result<Option<BeforeFacts>, StoreError> {
    let period = scope.period.before();
    let rows = newest(scope.store.reports()?);
    let row = rows.into_iter().find(|row| {
        let r = &row.report;
        r.kind == period.kind.as_str()
            && r.section == scope.section.unwrap_or_default()
            && (r.from, r.to) == (period.from, period.to)
    });
    let Some(row) = row else { return Ok(None) };
    let Ok(report) = Report::read(&row.report.content) else {
        return Ok(None);
    };
    let reviews = scope.store.reviews(row.id)?;
    let role = |word: &str| {
        let found = report.reviewers.iter().find(|r| r.role == word);
        found.map_or_else(|| word.to_owned(), |r| r.title.clone())
    };
    Ok(Some(BeforeFacts {
        number: row.number,
        period: report.period.clone(),
        points: report.points.iter().map(|p| (p.key.clone(), p.text.clone())).collect(),
        reviews: reviews
            .iter()
            .map(|r| {
                let review = &r.review;
                (
                    role(&review.role),
                    review.on,
                    review.result.clone(),
                    inert(&review.measures, 400),
                )
            })
            .collect(),
        complete: report.reviewers.len() <= reviews.len(),
        due: row.report.due,
    }))
}

/// The last 設定確認 up to the end of the period: its day and the number of its record.
pub(super) fn confirmed(scope: &Scope<'_>) -> Result<Option<(Day, String)>, StoreError> {
    let mut last = None;
    for row in scope.store.reports()? {
        if row.report.kind == "settings" && row.report.to <= scope.period.to && !scope.store.reviews(row.id)?.is_empty()
        {
            last = Some((row.report.to, row.number));
        }
    }
    Ok(last)
}

/// Section by section: use, alerts, and whether the monthly reports were made and confirmed.
pub(super) fn sections(
    scope: &Scope<'_>,
    datasets: &[DatasetFacts],
    alerts: &BTreeMap<String, [u64; 3]>,
) -> Result<Vec<SectionFacts>, StoreError> {
    let rows = newest(scope.store.reports()?);
    let mut months = Vec::new();
    let mut month = Period::around(Kind::Monthly, scope.period.from);
    while let Some(m) = month.filter(|m| m.from <= scope.period.to && m.to <= scope.last) {
        if scope.period.from <= m.from && m.to <= scope.period.to {
            months.push(m);
        }
        month = Period::around(Kind::Monthly, m.to.plus(1));
    }
    let mut out: Vec<SectionFacts> = Vec::new();
    for facts in datasets {
        if let Some(section) = out.iter_mut().find(|s| s.section == facts.owner) {
            section.datasets += 1;
            section.uses[0].add(&facts.uses[0]);
            section.uses[1].add(&facts.uses[1]);
            continue;
        }
        let mut reviews = [0u64; 5];
        for m in &months {
            reviews[0] += 1;
            let row = rows.iter().find(|row| {
                let r = &row.report;
                r.kind == "monthly" && r.section == facts.owner && r.from == m.from
            });
            let Some(row) = row else {
                reviews[4] += 1;
                continue;
            };
            reviews[1] += 1;
            let signed = scope.store.reviews(row.id)?;
            let needed = Report::read(&row.report.content).map_or(1, |r| r.reviewers.len().max(1));
            // The day of registration: whoever fills in a date may write an earlier one.
            let last = signed.iter().map(|r| crate::calendar::Jst::from(r.at).day).max();
            match last.filter(|_| needed <= signed.len()) {
                Some(day) if day <= row.report.due => reviews[2] += 1,
                Some(_) => reviews[3] += 1,
                None => reviews[4] += 1,
            }
        }
        out.push(SectionFacts {
            section: facts.owner.clone(),
            datasets: 1,
            uses: [facts.uses[0], facts.uses[1]],
            alerts: alerts.get(&facts.owner).copied().unwrap_or_default(),
            reviews,
        });
    }
    Ok(out)
}

/// Whether records may be gone for good, so that nobody can say that nothing happened.
fn is_gone(kind: SourceEventKind) -> bool {
    matches!(
        kind,
        SourceEventKind::Truncated
            | SourceEventKind::Gap
            | SourceEventKind::Lost
            | SourceEventKind::Corrupt
            | SourceEventKind::Unreadable
    )
}
