//! The daemon on the agency's log, and how what it found compares with what happened.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::Path;

use sekimori::calendar::{day_of, day_start};
use sekimori::clock::{EventTime, WallTime};
use sekimori::detect::{List, Severity};

use super::people::{Agency, CONFIG, WATCHED, datasets};
use super::year::Plan;
use crate::support::daemon::{Seen, TestDaemon};

#[derive(Debug, Default)]
pub(super) struct Score {
    lines: usize,
    business_days: usize,
    incidents: usize,
    pub missed: Vec<String>,
    pub traps: Vec<String>,
    /// Warnings and criticals by rule, and those that belong to no incident.
    told: BTreeMap<(Severity, String), (usize, usize)>,
    notices: BTreeMap<String, usize>,
    loud: usize,
    others: Vec<String>,
}

impl Score {
    pub fn per_day(&self) -> f64 {
        self.loud as f64 / self.business_days as f64
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} lines, {} business days; {} of {} incidents found; {} warnings or criticals, {:.2} a business day",
            self.lines,
            self.business_days,
            self.incidents - self.missed.len(),
            self.incidents,
            self.loud,
            self.per_day()
        )?;
        for ((severity, rule), (all, others)) in &self.told {
            writeln!(
                f,
                "  {} {rule}: {all}, {others} of them of no incident",
                severity.as_str()
            )?;
        }
        writeln!(f, "  notices: {:?}", self.notices)?;
        for other in self.others.iter().take(30) {
            writeln!(f, "  of no incident: {other}")?;
        }
        Ok(())
    }
}

pub(super) fn run(agency: &Agency, plan: Plan) -> Score {
    let first = plan.days[0].0;
    let files = [
        ("sekimori.toml", CONFIG.to_owned()),
        ("datasets.toml", datasets()),
        ("rules.toml", include_str!("../../../config/rules.toml").to_owned()),
        ("accounts.csv", agency.register()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let at = |time: EventTime| WallTime::from_micros(time.micros());
    let mut daemon = TestDaemon::start(&files, at(day_start(first)));
    watch(&mut daemon, at(day_start(first)));
    let mut score = Score {
        business_days: plan.business_days(),
        incidents: plan.incidents.len(),
        ..Score::default()
    };
    for (n, (day, acts)) in plan.days.iter().enumerate() {
        let text: String = acts.iter().map(|act| act.line(*day)).collect();
        score.lines += acts.len();
        daemon.set_time(at(day_start(day.plus(1))));
        daemon.write("audit.jsonl", &text);
        daemon.settle();
        if n % 23 == 22 {
            daemon.restart();
        }
    }
    compare(&plan, &daemon.alerts(), &mut score);
    score
}

/// Writes the agency's files and its log into `folder`.
pub(super) fn write(agency: &Agency, plan: &Plan, folder: &Path) {
    let put = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    put("sekimori.toml", CONFIG.to_owned());
    put("datasets.toml", datasets());
    put("rules.toml", include_str!("../../../config/rules.toml").to_owned());
    put("accounts.csv", agency.register());
    let mut log = std::io::BufWriter::new(std::fs::File::create(folder.join("audit.jsonl")).unwrap());
    for (day, acts) in &plan.days {
        for act in acts {
            log.write_all(act.line(*day).as_bytes()).unwrap();
        }
    }
    log.flush().unwrap();
}

/// Puts the citizen of one incident on the watch-list.
fn watch(daemon: &mut TestDaemon, now: WallTime) {
    let subject = daemon.subject(&format!("{WATCHED:010}"));
    let (by, why) = ("010000", "DV等支援措置");
    let mut store = daemon.console();
    store
        .put_list(List::Watch, &[(subject, String::new())], (by, why), now)
        .unwrap();
}

fn show(a: &Seen) -> String {
    let day = day_of(a.first_seen);
    format!(
        "{} {} {} {} {} {} {}/{}",
        a.rule,
        a.severity.as_str(),
        a.who,
        a.dataset,
        day.iso(),
        a.hits,
        a.observed,
        a.limit
    )
}

fn compare(plan: &Plan, alerts: &[Seen], score: &mut Score) {
    let loud: Vec<&Seen> = alerts.iter().filter(|a| Severity::Notice < a.severity).collect();
    let mut of_incident = vec![false; loud.len()];
    for incident in &plan.incidents {
        let at = EventTime::from_secs(day_start(incident.day).secs() + incident.at);
        let mut found = false;
        for (alert, of) in loud.iter().zip(&mut of_incident) {
            let same = alert.who == incident.who && (alert.dataset.is_empty() || alert.dataset == incident.dataset);
            let near = day_of(alert.first_seen).0 <= incident.day.0 && incident.day.0 <= day_of(alert.last_seen).0;
            *of |= near && (same || incident.rules.contains(&alert.rule.as_str()));
            let told = incident.rules.contains(&alert.rule.as_str()) && incident.severity <= alert.severity;
            found |= same && told && alert.first_seen <= at && at <= alert.last_seen;
        }
        if !found {
            let near: Vec<String> = alerts
                .iter()
                .filter(|a| a.who == incident.who && (a.first_seen <= at.plus(std::time::Duration::from_secs(86_400))))
                .map(show)
                .collect();
            score
                .missed
                .push(format!("{}: {incident:?}; of the same: {near:?}", incident.what));
        }
    }
    for trap in &plan.traps {
        let within = |a: &&&Seen| {
            a.who == trap.who && trap.days.0.0 <= day_of(a.last_seen).0 && day_of(a.first_seen).0 <= trap.days.1.0
        };
        for alert in loud.iter().filter(within) {
            score.traps.push(format!("{}: {}", trap.what, show(alert)));
        }
    }
    score.loud = loud.len();
    for (alert, of) in loud.iter().zip(&of_incident) {
        let entry = score.told.entry((alert.severity, alert.rule.clone())).or_default();
        entry.0 += 1;
        if !of {
            entry.1 += 1;
            score.others.push(show(alert));
        }
    }
    for alert in alerts.iter().filter(|a| a.severity == Severity::Notice) {
        *score.notices.entry(alert.rule.clone()).or_default() += 1;
    }
}
