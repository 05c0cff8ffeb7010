//! Rights against use (指摘事例11): what the register says of the accounts that were used, and of those that were not.

use std::collections::BTreeMap;

use super::alerts::Alerts;
use super::amounts::Scan;
use super::{NAME_CHARS_MAX, Scope};
use crate::access::{Standing, WhoId};
use crate::calendar::Day;
use crate::register::AccountKind;
use crate::report::facts::RightsFacts;
use crate::store::StoreError;
use crate::text::inert;

/// Days without a use behind which a right is listed.
pub(super) const IDLE_DAYS: i32 = 90;
/// Days before the end of a right at which it is listed.
const LEAVING_DAYS: i32 = 30;

pub(super) fn read(scope: &Scope<'_>, scan: &Scan, alerts: &Alerts) -> Result<RightsFacts, StoreError> {
    let (register, version) = scope.site.register;
    let mut facts = RightsFacts::default();
    if 0 < version {
        let versions = scope.store.register_versions(10_000)?;
        facts.register = versions.iter().find(|v| v.id == version).map(|v| (v.id, v.imported_at));
    }
    for standing in Standing::SUSPICIOUS {
        let n = alerts.rows.iter().filter(|a| a.standing == standing).count();
        if 0 < n {
            facts.without_right.push((standing, u64::try_from(n).unwrap_or(0)));
        }
    }
    uses(scope, scan, &mut facts);
    let ids: BTreeMap<&str, WhoId> = scope
        .people
        .by_id
        .iter()
        .filter(|(_, (person, _))| *person)
        .map(|(id, (_, name))| (name.as_str(), *id))
        .collect();
    let shown = |text: &str| inert(text, NAME_CHARS_MAX);
    for ix in register.all() {
        let verdict = register.verdict_on(ix, scope.period.to);
        if scope.section.is_some_and(|section| section != verdict.section) || verdict.standing != Standing::Valid {
            continue;
        }
        let (person, account) = (shown(verdict.person), shown(register.name(ix)));
        let since = scope.period.to.plus(1 - IDLE_DAYS);
        let last: Option<Day> = ids.get(verdict.person).and_then(|id| scan.last.get(id)).copied();
        let held = register.verdict_on(ix, since).standing == Standing::Valid;
        if held && last.is_none_or(|last| last < since) {
            facts.idle.push((person.clone(), account.clone(), last));
        }
        if verdict.kind.ends() && verdict.valid_to.is_none() {
            let kind = verdict.kind;
            facts
                .endless
                .push((person.clone(), account.clone(), kind.ja(), kind.as_str()));
        }
        let ends = [verdict.leaving, verdict.valid_to].into_iter().flatten().min();
        if let Some(day) = ends.filter(|day| day.0.saturating_sub(scope.period.to.0) <= LEAVING_DAYS) {
            facts.leaving.push((person.clone(), account.clone(), day));
        }
        if verdict.kind == AccountKind::Shared {
            let custodian = verdict.declared.map(|d| shown(d.custodian())).unwrap_or_default();
            facts.shared.push((account, custodian));
        }
    }
    facts.idle.sort();
    facts.endless.sort();
    facts.leaving.sort();
    facts.shared.sort();
    Ok(facts)
}

/// Accounts no register knows, and outside staff, with what they did in the period.
fn uses(scope: &Scope<'_>, scan: &Scan, facts: &mut RightsFacts) {
    let (register, _) = scope.site.register;
    let mut outside: BTreeMap<String, (&'static str, &'static str, u64, u64)> = BTreeMap::new();
    for (who, place, used) in scan.by_person() {
        if used.accesses + used.denied == 0 {
            continue;
        }
        let (registered, name) = scope.people.of(who);
        let dataset = scope.datasets.get(place).map_or("", |(_, d)| d.id.as_str());
        if !registered {
            facts
                .unknown
                .push((name, dataset.to_owned(), used.accesses, used.denied));
            continue;
        }
        let kind = register
            .accounts_of(&name)
            .iter()
            .map(|ix| register.verdict_on(*ix, scope.period.to).kind)
            .find(|kind| kind.is_external());
        if let Some(kind) = kind {
            let sum = outside.entry(name).or_insert((kind.ja(), kind.as_str(), 0, 0));
            sum.2 = sum.2.saturating_add(used.accesses);
            sum.3 = sum.3.saturating_add(used.taken);
        }
    }
    facts.unknown.sort();
    facts.outside = outside
        .into_iter()
        .map(|(name, (ja, en, n, taken))| (name, ja, en, n, taken))
        .collect();
}
