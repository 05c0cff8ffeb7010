//! `sekimori replay --compare RULES`: the same logs by two files of rules, and which alerts come and go.
//!
//! What is compared is each rule's finding of a person and dataset, whether it led an alert or stood in one as a further
//! reason: two are the same where rule, person and dataset are the same and their times meet.

use std::collections::BTreeMap;
use std::path::Path;

use clap::ArgMatches;
use serde_json::json;

use super::super::out::Out;
use super::super::{Failure, config_path, json, rendered};
use super::{Scratch, play};
use crate::alert::text::one_line;
use crate::config::{Config, load_with_rules};
use crate::detect::Severity;
use crate::pipeline::Pipeline;
use crate::store::{AlertFilter, StoredAlert};
use crate::text::{Lang, inert, number};

/// What one file of rules found.
struct Found {
    pipeline: Pipeline,
    all: Vec<StoredAlert>,
}

impl Found {
    fn of(pipeline: Pipeline) -> Result<Found, Failure> {
        let mut all = pipeline.store().alerts(AlertFilter::default())?;
        all.sort_by_key(|s| (s.alert.first_seen, s.alert.id));
        Ok(Found { pipeline, all })
    }

    /// What an alert is of, by names: row ids may differ from one store to the other.
    fn key(&self, stored: &StoredAlert) -> Result<(String, String, String), Failure> {
        let store = self.pipeline.store();
        let who = store
            .who(stored.alert.who)?
            .map(|(kind, name)| format!("{kind} {name}"));
        let dataset = store.dataset_name(stored.alert.dataset)?;
        Ok((stored.alert.rule.clone(), who.unwrap_or_default(), dataset))
    }

    /// Those for which `other` has nothing, and those it says something else of.
    fn against<'a>(&'a self, other: &'a Found) -> Result<(Vec<&'a StoredAlert>, Vec<Pair<'a>>), Failure> {
        let mut theirs: BTreeMap<_, Vec<&StoredAlert>> = BTreeMap::new();
        for stored in &other.all {
            theirs.entry(other.key(stored)?).or_default().push(stored);
        }
        let (mut alone, mut differing) = (Vec::new(), Vec::new());
        for stored in &self.all {
            let meets = |o: &&&StoredAlert| {
                stored.alert.first_seen <= o.alert.last_seen && o.alert.first_seen <= stored.alert.last_seen
            };
            let same = theirs.get(&self.key(stored)?).and_then(|all| all.iter().find(meets));
            match same {
                None => alone.push(stored),
                Some(same) if worth(stored) != worth(same) => differing.push((stored, *same)),
                Some(_) => {}
            }
        }
        Ok((alone, differing))
    }
}

type Pair<'a> = (&'a StoredAlert, &'a StoredAlert);

/// What a change of rules changes of an alert: severity, limit, and whether people are told of it by itself.
fn worth(stored: &StoredAlert) -> (Severity, u64, bool) {
    (
        stored.alert.severity,
        stored.alert.limit,
        stored.lead == stored.alert.id,
    )
}

pub(super) fn run(config: Config, args: &ArgMatches, rules: &Path, out: &mut Out) -> Result<(), Failure> {
    let loaded = load_with_rules(&config_path(args), rules);
    let others = loaded
        .map_err(|problems| Failure::Config(rendered(&problems, out)))?
        .config;
    let ids = |config: &Config| -> Vec<String> { config.rules.iter().map(|r| r.id.clone()).collect() };
    let mut all: Vec<String> = ids(&config);
    all.extend(
        ids(&others)
            .into_iter()
            .filter(|id| !config.rules.iter().any(|r| r.id == *id)),
    );
    let scratch = Scratch::new()?;
    let now = Found::of(play(config, args, &scratch, "now.db")?)?;
    let then = Found::of(play(others, args, &scratch, "then.db")?)?;
    let (gone, changed) = now.against(&then)?;
    let (new, _) = then.against(&now)?;
    let as_json = args.get_flag("json");
    for (found, list, sign, word) in [(&now, &gone, "-", "gone"), (&then, &new, "+", "new")] {
        for stored in list {
            line(found, stored, (sign, word), as_json, out)?;
        }
    }
    for (before, after) in &changed {
        line(&now, before, ("<", "before"), as_json, out)?;
        line(&then, after, (">", "after"), as_json, out)?;
    }
    for rule in &all {
        summary(rule, (&now, &then), (&gone, &new), as_json, out)?;
    }
    Ok(())
}

fn line(
    found: &Found,
    stored: &StoredAlert,
    (sign, word): (&str, &str),
    as_json: bool,
    out: &mut Out,
) -> Result<(), Failure> {
    let store = found.pipeline.store();
    let facts = found
        .pipeline
        .teller()
        .facts(stored, store.who(stored.alert.who)?, Vec::new());
    if as_json {
        let alert = json::alert(stored, &facts);
        let leads = stored.lead == stored.alert.id;
        let line = json!({ "change": word, "leads": leads, "alert": alert });
        return Ok(out.line(&line.to_string())?);
    }
    let rule = inert(&stored.alert.rule, 32);
    Ok(out.line(&format!("{sign} {rule:6} {}", one_line(&facts, out.lang())))?)
}

/// How many each file of rules found, rule by rule.
fn summary(
    rule: &str,
    (now, then): (&Found, &Found),
    (gone, new): (&[&StoredAlert], &[&StoredAlert]),
    as_json: bool,
    out: &mut Out,
) -> Result<(), Failure> {
    let of = |found: &Found| found.all.iter().filter(|s| s.alert.rule == rule).count();
    let among = |list: &[&StoredAlert]| list.iter().filter(|s| s.alert.rule == rule).count();
    let counts = [of(now), of(then), among(gone), among(new)];
    if as_json {
        let [now, then, gone, new] = counts;
        let line = json!({ "rule": rule, "now": now, "then": then, "gone": gone, "new": new });
        return Ok(out.line(&line.to_string())?);
    }
    let [now, then, gone, new] = counts.map(|n| number(u64::try_from(n).unwrap_or(u64::MAX)));
    if counts == [0; 4] {
        return Ok(());
    }
    let rule = inert(rule, 32);
    Ok(out.line(&match out.lang() {
        Lang::Ja => format!("{rule:6} 現在 {now}件 → 比較 {then}件（なくなる {gone}件、増える {new}件）"),
        Lang::En => format!("{rule:6} now {now}, then {then} (gone {gone}, new {new})"),
    })?)
}
