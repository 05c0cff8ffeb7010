//! Facts of a closed period from the store. The only part of `report` that reads anything.
//!
//! Promise: the same store, settings and period give the same facts; the clock is asked for nothing but whether the
//! period is over.

mod alerts;
mod amounts;
mod courses;
mod records;
mod rights;

pub(super) use alerts::foremost;

use std::collections::BTreeMap;

use super::facts::{DatasetFacts, ExceptionFacts, Facts, SettingsFacts};
use super::period::Period;
use crate::access::{DatasetId, WhoId};
use crate::calendar::{Calendar, Day, day_start};
use crate::clock::EventTime;
use crate::detect::RuleSettings;
use crate::detect::coverage::{self, Seen, SourceSeen};
use crate::register::sections::{Role, Sections};
use crate::register::{DatasetSettings, Register};
use crate::store::{Store, StoreError};
use crate::text::{Lang, inert};

/// Longest name of a person or account shown, in characters.
pub(super) const NAME_CHARS_MAX: usize = 40;
/// Longest reason shown, in characters.
const REASON_CHARS_MAX: usize = 200;

/// What is configured, as far as a report speaks of it.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The agency.
    pub agency: &'a str,
    /// Language of the report.
    pub lang: Lang,
    /// The 台帳.
    pub datasets: &'a [DatasetSettings],
    /// The rules.
    pub rules: &'a [RuleSettings],
    /// Names of the sources in order of configuration.
    pub sources: &'a [&'a str],
    /// Posts and absences.
    pub sections: &'a Sections,
    /// Closed days.
    pub calendar: &'a Calendar,
    /// The register in force at the end of the period, and its version; 0: none is kept yet.
    pub register: (&'a Register, i64),
    /// SHA-256 of the configuration, hex.
    pub hash: &'a str,
}

/// Names of who was counted.
#[derive(Debug, Default)]
struct People {
    by_id: BTreeMap<WhoId, (bool, String)>,
}

impl People {
    fn read(store: &Store) -> Result<People, StoreError> {
        let all = store.everybody()?.into_iter();
        Ok(People {
            by_id: all
                .map(|(id, kind, name)| (id, (kind == "person" || kind == "job", name)))
                .collect(),
        })
    }

    /// Whether the register knew the person, and the name as it may be shown.
    fn of(&self, who: WhoId) -> (bool, String) {
        let found = self.by_id.get(&who);
        found.map_or((false, String::new()), |(person, name)| {
            (*person, inert(name, NAME_CHARS_MAX))
        })
    }
}

/// What a report on one span and section looks at.
struct Scope<'a> {
    store: &'a Store,
    site: Site<'a>,
    period: Period,
    section: Option<&'a str>,
    /// The last day that is over.
    last: Day,
    /// Datasets in scope with their ids in the store; 0: never seen.
    datasets: Vec<(DatasetId, &'a DatasetSettings)>,
    people: People,
}

impl Scope<'_> {
    fn place(&self, dataset: DatasetId) -> Option<usize> {
        self.datasets.iter().position(|(id, _)| *id == dataset && id.0 != 0)
    }

    fn title_of(&self, person: &str) -> String {
        let (register, _) = self.site.register;
        let account = register.accounts_of(person).first();
        account.map_or(String::new(), |ix| {
            inert(register.verdict_on(*ix, self.period.to).section, NAME_CHARS_MAX)
        })
    }

    /// Open days of the period that are over.
    fn open_days(&self) -> impl Iterator<Item = Day> + '_ {
        (self.period.from.0..=self.period.to.0.min(self.last.0))
            .map(Day)
            .filter(|day| !self.site.calendar.is_closed(*day))
    }
}

/// Gathers what is known of a period. `today` tells whether it is over.
///
/// # Errors
/// The store.
pub fn gather(
    store: &Store,
    site: Site<'_>,
    (period, section): (Period, Option<&str>),
    today: Day,
) -> Result<Facts, StoreError> {
    let known: BTreeMap<String, DatasetId> = store.known_datasets()?.into_iter().map(|(id, n)| (n, id)).collect();
    let datasets = site
        .datasets
        .iter()
        .filter(|d| section.is_none_or(|s| s == d.owner))
        .map(|d| (known.get(&d.id).copied().unwrap_or_default(), d))
        .collect();
    let scope = Scope {
        store,
        site,
        period,
        section,
        last: today.plus(-1),
        datasets,
        people: People::read(store)?,
    };
    let scan = amounts::Scan::read(&scope)?;
    let courses = courses::Courses::read(&scope)?;
    let mut datasets: Vec<DatasetFacts> = Vec::new();
    for (n, (_, d)) in scope.datasets.iter().enumerate() {
        let course = courses.datasets.get(n).cloned().unwrap_or_default();
        datasets.push(DatasetFacts {
            id: d.id.clone(),
            title: if d.title.is_empty() {
                d.id.clone()
            } else {
                d.title.clone()
            },
            tier: d.tier,
            owner: d.owner.clone(),
            registered: d.registered,
            my_number: d.terms.my_number,
            uses: scan.uses.get(n).copied().unwrap_or_default(),
            subjects: course.subjects.map(|s| s.0),
            estimated: course.subjects.is_some_and(|s| s.1),
            off_hours: course.off_hours,
            closed: course.closed,
            silent_longest: course.silent_longest,
            idle_days: course.idle_days,
        });
    }
    let sources = records::sources(&scope, &datasets)?;
    let gaps = gaps(&scope, &datasets, &sources);
    let alerts = alerts::Alerts::read(&scope)?;
    let rights = rights::read(&scope, &scan, &alerts)?;
    let totals = datasets.iter().map(|d| d.uses[0].accesses);
    let adds_up = totals.eq(courses.datasets.iter().map(|c| c.accesses));
    Ok(Facts {
        period,
        agency: site.agency.to_owned(),
        section: section.map(str::to_owned),
        over: period.to < today,
        losses: records::losses(&scope, &sources)?,
        sources,
        gaps,
        adds_up,
        daily: courses.daily,
        hourly: courses.hourly,
        monthly: scan.months(),
        users: scan.users(&scope),
        rules: alerts.rules,
        alerts: alerts.rows,
        alerts_before: alerts.before,
        exceptions: exceptions(&scope)?,
        cumulative: scan.cumulative(&scope),
        rights,
        exports: scan.exports(&scope),
        samples: scan.samples(&scope)?,
        settings: settings(&scope)?,
        before: records::before(&scope)?,
        sections: match section {
            None => records::sections(&scope, &datasets, &alerts.by_owner)?,
            Some(_) => Vec::new(),
        },
        reviewers: reviewers(&scope),
        datasets,
    })
}

/// Holes in the watch over the period, as they are told each day over the last week.
fn gaps(scope: &Scope<'_>, datasets: &[DatasetFacts], sources: &[super::facts::SourceFacts]) -> Vec<coverage::Gap> {
    let used = datasets.iter().filter(|d| 0 < d.uses[0].accesses + d.uses[0].denied);
    let used: Vec<String> = used.map(|d| d.id.clone()).collect();
    // Records of the period may have been read later: a source whose datasets were used was live.
    let live = |name: &str| {
        let of_source = |d: &&DatasetSettings| coverage::applies(d, name) && used.contains(&d.id);
        scope.site.datasets.iter().any(|d| of_source(&d))
    };
    let seen = Seen {
        age_days: Some(coverage::SILENT_DAYS),
        sources: sources
            .iter()
            .map(|s| SourceSeen {
                name: s.name.clone(),
                lines: s.lines.max(u64::from(live(&s.name))),
                accesses: s.accesses.max(u64::from(live(&s.name))),
            })
            .collect(),
        datasets: used.clone(),
    };
    let own: Vec<DatasetSettings> = scope.datasets.iter().map(|(_, d)| (*d).clone()).collect();
    let names: Vec<&str> = match scope.section {
        None => scope.site.sources.to_vec(),
        Some(_) => sources.iter().map(|s| s.name.as_str()).collect(),
    };
    let mut out = coverage::gaps(&own, scope.site.rules, &names, &seen);
    if !scope.site.sections.posts.is_empty() {
        let mut owners: Vec<&str> = own.iter().map(|d| d.owner.as_str()).collect();
        owners.sort_unstable();
        owners.dedup();
        let register = Some(scope.site.register.0);
        let vacant = scope.site.sections.vacant(owners, noon(scope.period.to), register);
        let own = vacant
            .iter()
            .filter(|(role, _)| scope.section.is_none() || role.is_of_section());
        out.extend(own.map(|(role, section)| coverage::Gap::Vacant {
            role: *role,
            section: (*section).to_owned(),
        }));
    }
    out
}

fn noon(day: Day) -> EventTime {
    EventTime::from_secs(day_start(day).secs() + 12 * 3_600)
}

fn exceptions(scope: &Scope<'_>) -> Result<Vec<ExceptionFacts>, StoreError> {
    let hits = scope.store.exception_hits(scope.period.from, scope.period.to)?;
    let own = |dataset: &str| scope.datasets.iter().any(|(_, d)| d.id == dataset);
    let mut out = Vec::new();
    for row in scope.store.exceptions()? {
        let e = &row.exception;
        let ended = row.ended.as_ref().map(|(at, ..)| crate::calendar::Jst::from(*at).day);
        let last = ended.map_or(e.until, |day| day.min(e.until));
        let (held, late) = hits.iter().find(|h| h.0 == e.id).map_or((0, 0), |h| (h.1, h.2));
        let runs = e.from <= scope.period.to && (scope.period.from <= last || 0 < late);
        if !runs || !e.dataset.as_deref().is_none_or(own) {
            continue;
        }
        let some = |text: &Option<String>| text.as_deref().map(|t| inert(t, NAME_CHARS_MAX)).unwrap_or_default();
        out.push(ExceptionFacts {
            id: e.id,
            rules: e.rules.join(" "),
            person: some(&e.person),
            dataset: some(&e.dataset),
            limit: e.limit,
            until: e.until,
            reason: inert(&e.reason, REASON_CHARS_MAX),
            approver: inert(&e.approver, NAME_CHARS_MAX),
            hits: held,
            late_hits: late,
            ended: ended.is_some_and(|day| day <= scope.period.to),
        });
    }
    Ok(out)
}

fn settings(scope: &Scope<'_>) -> Result<SettingsFacts, StoreError> {
    use super::facts::LimitFacts;
    use crate::clock::WallTime;
    use crate::detect::RuleKind;
    use crate::register::Tier;
    let entries = scope.store.ledger_of("config", 10_000)?;
    let at = |e: &crate::evidence::Entry| WallTime::from_micros(e.at_micros());
    let changed = entries.iter().rev().find(|e| e.text("to") == scope.site.hash).map(at);
    let within = |e: &&crate::evidence::Entry| scope.period.holds(crate::calendar::Jst::from(at(e)).day);
    let limits = scope.site.rules.iter().map(|rule| {
        let volume = match &rule.kind {
            RuleKind::Volume(volume) => Some(volume),
            _ => None,
        };
        let of_tier = |tier: Tier| {
            let limits = &volume?.limit;
            limits
                .tiers
                .iter()
                .find(|(t, _)| *t == tier)
                .map(|(_, n)| *n)
                .or(limits.all)
        };
        LimitFacts {
            rule: rule.id.clone(),
            title: rule.title.clone(),
            severity: rule.severity,
            count: volume.map(|v| v.count),
            limits: Tier::ALL.map(of_tier),
        }
    });
    Ok(SettingsFacts {
        hash: scope.site.hash.to_owned(),
        changed,
        changes: u64::try_from(entries.iter().filter(within).count()).unwrap_or(0),
        limits: limits.collect(),
        confirmed: records::confirmed(scope)?,
    })
}

/// Who confirms a report, in their order (訓令第3条～第6条).
pub fn roles(kind: super::period::Kind, of_section: bool) -> &'static [Role] {
    use super::period::Kind;
    match kind {
        Kind::Monthly | Kind::Special if of_section => &[Role::Officer, Role::Manager],
        Kind::Monthly | Kind::Special | Kind::Quarterly => &[Role::General],
        Kind::Yearly => &[Role::General, Role::Auditor],
    }
}

fn reviewers(scope: &Scope<'_>) -> Vec<(Role, Vec<String>)> {
    let noon = noon(scope.period.to);
    let roles = roles(scope.period.kind, scope.section.is_some()).iter();
    roles
        .map(|role| {
            let section = scope.section.unwrap_or_default();
            let holding = scope
                .site
                .sections
                .who_holds(*role, section, noon, Some(scope.site.register.0));
            let away = holding.away.iter().map(|(post, _)| *post);
            let mut posts: Vec<_> = holding.there.iter().copied().chain(away).collect();
            posts.sort_by_key(|post| post.deputy);
            (
                *role,
                posts.into_iter().map(|p| inert(&p.person, NAME_CHARS_MAX)).collect(),
            )
        })
        .collect()
}
