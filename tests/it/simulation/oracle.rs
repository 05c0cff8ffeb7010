//! What must be true in the end, computed from what was written and from nothing the program did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use sekimori::clock::EventTime;

use super::script::{AHEAD, DATASETS, Event, Fate, NOBODY, OPERATIONS, RECIPIENTS, REVOKED, Shape, UNKNOWN, USERS};
use super::world::{World, Written, dated, source, start};
use crate::support::daemon::{Seen, TestDaemon};

type Verdict = Result<(), String>;

/// Everything.
pub(crate) fn judge(world: &World) -> Verdict {
    fates(world)?;
    book(&world.lines, &world.daemon)?;
    limits(&world.lines, &world.daemon.alerts())?;
    mails(world)?;
    replay(world)
}

fn same<T: PartialEq + Debug>(what: &str, found: T, wanted: T) -> Verdict {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, wanted {wanted:?}"))
    }
}

/// Every line was read once and came to what it had to.
fn fates(world: &World) -> Verdict {
    let of = |fate: Fate| world.lines.iter().filter(|l| l.event.fate == fate).count() as u64;
    let sources = world.daemon.sources();
    let [lines, _, accesses, elsewhere, rejects, ..] = sources[0].amounts;
    same("lines", lines, world.lines.len() as u64 + world.headers)?;
    same("accesses", accesses, of(Fate::Access) + of(Fate::Future))?;
    same("lines about no dataset", elsewhere, of(Fate::Elsewhere))?;
    same("rejects", rejects, of(Fate::Malformed))?;
    let malformed = if world.shape == Shape::Json { "json" } else { "time" };
    let mut wanted = vec![(malformed.to_owned(), of(Fate::Malformed))];
    wanted.retain(|w| w.1 > 0);
    same("reasons", sources[0].rejects.clone(), wanted)
}

fn accesses(lines: &[Written]) -> impl Iterator<Item = (&Event, i64)> {
    lines
        .iter()
        .filter(|l| l.event.fate == Fate::Access)
        .map(|l| (&l.event, l.secs))
}

/// The counters equal a recount.
fn book(lines: &[Written], daemon: &TestDaemon) -> Verdict {
    let mut wanted: BTreeMap<(String, String, u8, i32), [u64; 6]> = BTreeMap::new();
    for (e, secs) in accesses(lines) {
        let day = sekimori::calendar::day_of(EventTime::from_secs(secs)).0;
        let key = (
            USERS[e.user].1.to_owned(),
            DATASETS[e.dataset].to_owned(),
            OPERATIONS[e.operation].1,
            day,
        );
        let row = wanted.entry(key).or_default();
        match (e.success, e.rows) {
            (false, _) => row[5] += 1,
            (true, rows) => {
                row[0] += 1;
                row[1] += rows.unwrap_or(0);
                row[2] += u64::from(rows.is_none());
                row[4] += 1;
            }
        }
    }
    let found = daemon.counts().into_iter().map(|r| {
        let key = (
            r.who.unwrap_or_default(),
            r.dataset.unwrap_or_default(),
            r.operation.unwrap_or(0),
            r.day.unwrap_or(0),
        );
        (key, r.amounts)
    });
    let found = found.filter(|(key, _)| key.0 != USERS[AHEAD].1);
    same("the book", found.collect(), wanted)
}

/// What is added up.
#[derive(Clone, Copy, PartialEq)]
enum Sum {
    Accesses,
    Records(u64),
    Subjects,
}

#[derive(Clone, Copy)]
enum Span {
    One,
    /// Width and bucket, seconds.
    Rolling(i64, i64),
    Day,
}

/// A volume rule of `rules.toml`, said again.
struct Rule {
    id: &'static str,
    sum: Sum,
    span: Span,
    limit: u64,
    person: bool,
    dataset: bool,
    looks_at: fn(&Event) -> bool,
}

const RULES: [Rule; 6] = [
    rule("HOUR", Sum::Accesses, Span::Rolling(3_600, 60), 5, true, true, |_| true),
    rule("TEN", Sum::Subjects, Span::Rolling(600, 10), 3, true, true, |_| true),
    rule(
        "ROLL",
        Sum::Records(10),
        Span::Rolling(86_400, 1_200),
        120,
        true,
        false,
        |e| OPERATIONS[e.operation].1 == 3,
    ),
    rule("ONE", Sum::Records(1), Span::One, 200, true, true, |_| true),
    rule("SHARED", Sum::Accesses, Span::Day, 10, false, true, |_| true),
    rule(
        "SLOW",
        Sum::Subjects,
        Span::Rolling(30 * 86_400, 43_200),
        6,
        true,
        false,
        |e| e.dataset == 0,
    ),
];

const fn rule(
    id: &'static str,
    sum: Sum,
    span: Span,
    limit: u64,
    person: bool,
    dataset: bool,
    looks_at: fn(&Event) -> bool,
) -> Rule {
    Rule {
        id,
        sum,
        span,
        limit,
        person,
        dataset,
        looks_at,
    }
}

type Key = (String, String);

impl Rule {
    fn key(&self, e: &Event) -> Key {
        let who = if self.person { USERS[e.user].1 } else { "" };
        let dataset = if self.dataset { DATASETS[e.dataset] } else { "" };
        (who.to_owned(), dataset.to_owned())
    }

    fn amount(&self, all: &[(&Event, i64)], inside: impl Fn(i64) -> bool) -> u64 {
        let window = all.iter().filter(|a| inside(a.1));
        match self.sum {
            Sum::Accesses => window.count() as u64,
            Sum::Records(unknown) => window.map(|a| a.0.rows.unwrap_or(unknown)).sum(),
            Sum::Subjects => window.map(|a| a.0.subject).collect::<BTreeSet<_>>().len() as u64,
        }
    }

    /// The fullest window: at least (to the second) and at most (to the bucket, on the cautious side).
    fn fullest(&self, all: &[(&Event, i64)]) -> (u64, u64) {
        let most = |of: &dyn Fn(&(&Event, i64)) -> u64| all.iter().map(of).max().unwrap_or(0);
        match self.span {
            Span::One => {
                let one = most(&|a| self.amount(&[*a], |_| true));
                (one, one)
            }
            Span::Day => {
                let day = |secs: i64| (secs + 9 * 3_600).div_euclid(86_400);
                let whole = most(&|a| self.amount(all, |t| day(t) == day(a.1)));
                (whole, whole)
            }
            Span::Rolling(width, bucket) => {
                let exact = most(&|a| self.amount(all, |t| a.1 - width < t && t <= a.1));
                let wide = most(&|a| self.amount(all, |t| a.1 - width - bucket < t && t < a.1 + bucket));
                (exact, wide)
            }
        }
    }
}

/// A limit that a naive sum passes has its alert, and no other has one.
fn limits(lines: &[Written], alerts: &[Seen]) -> Verdict {
    for rule in &RULES {
        let mut by_key: BTreeMap<Key, Vec<(&Event, i64)>> = BTreeMap::new();
        for (e, secs) in accesses(lines).filter(|(e, _)| e.success && (rule.looks_at)(e)) {
            by_key.entry(rule.key(e)).or_default().push((e, secs));
        }
        for (key, all) in &by_key {
            let (least, most) = rule.fullest(all);
            let of_key = alerts
                .iter()
                .filter(|a| a.rule == rule.id && (&a.who, &a.dataset) == (&key.0, &key.1));
            let observed = of_key.map(|a| a.observed).max();
            let right = match observed {
                None => least <= rule.limit,
                Some(n) => rule.limit < n && least <= n && n <= most,
            };
            if !right {
                let id = rule.id;
                return Err(format!(
                    "{id} {key:?}: observed {observed:?}, a window holds {least} to {most}"
                ));
            }
        }
    }
    accounts(lines, alerts)
}

/// Each use by an account without a right is a hit of exactly one alert.
fn accounts(lines: &[Written], alerts: &[Seen]) -> Verdict {
    let hits = |user: usize, rule: &str, failures: bool| -> Verdict {
        let hit = |(e, _): &(&Event, i64)| e.user == user && (failures || e.success);
        let wanted = accesses(lines).filter(hit).count() as u64;
        let of = alerts.iter().filter(|a| a.rule == rule && a.who == USERS[user].1);
        same(
            &format!("{rule} hits of {}", USERS[user].1),
            of.map(|a| a.hits).sum(),
            wanted,
        )
    };
    hits(REVOKED, "GONE", true)?;
    hits(UNKNOWN, "WHO", false)?;
    hits(NOBODY, "WHO", false)
}

/// Each alert was told first once, everything reached everybody, nothing came twice without a reason.
fn mails(world: &World) -> Verdict {
    let counts = world.daemon.mail_counts();
    same(
        "mails that wait or were given up",
        (counts.waiting, counts.dead),
        (0, 0),
    )?;
    let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
    // What waited long is told on one list: who got which.
    let mut lists: Vec<(String, String)> = Vec::new();
    for mail in world.daemon.mails() {
        if mail.message.message_id.starts_with("O-") {
            lists.push((mail.recipient.clone(), mail.message.body));
        }
        *times.entry((mail.message.message_id, mail.recipient)).or_default() += 1;
    }
    // One the relay took while the daemon died may stand on a list afterwards: it is not counted as sent then.
    let (accepted, doubtful) = (times.len() as u64, world.in_doubt.len() as u64);
    if accepted < counts.sent || counts.sent + doubtful < accepted {
        return Err(format!("{accepted} mails were accepted, {} count as sent", counts.sent));
    }
    for (mail, times) in &times {
        let allowed = 1 + world.in_doubt.iter().filter(|d| *d == mail).count();
        if allowed < *times {
            return Err(format!("{mail:?} came {times} times, not {allowed}"));
        }
    }
    // A further reason of an alert (`A-2026-000001-2`) is told with the one that leads.
    let leads = world.daemon.alerts().into_iter();
    for alert in leads.filter(|a| a.number.matches('-').count() == 2) {
        for recipient in RECIPIENTS {
            let first = format!("{}.1.", alert.number);
            let told = times
                .keys()
                .filter(|(id, to)| id.starts_with(&first) && to == recipient)
                .count();
            let listed = lists
                .iter()
                .any(|(to, body)| to == recipient && body.contains(&alert.number));
            if 1 < told || told == 0 && !listed {
                return Err(format!(
                    "first mails of {} to {recipient}: {told}, on a list: {listed}",
                    alert.number
                ));
            }
        }
    }
    Ok(())
}

/// The alerts are those of a fresh daemon that reads all lines at once.
fn replay(world: &World) -> Verdict {
    let mut fresh = start(source(world.shape), world.daemon.now());
    let header = if world.shape == Shape::Csv {
        super::world::HEADER
    } else {
        ""
    };
    let lines = world
        .lines
        .iter()
        .filter(|l| l.event.fate != Fate::Future)
        .map(|l| l.text.as_str());
    let all = header.to_owned() + &lines.collect::<String>();
    fresh.write(
        &if world.shape == Shape::Csv {
            dated(1)
        } else {
            "app.log".to_owned()
        },
        &all,
    );
    if !fresh.settle() {
        return Err("the replay could not be committed".to_owned());
    }
    same("alerts, live and replayed", facts(&world.daemon), facts(&fresh))
}

/// Rule, person, dataset, observed, limit, first, last, hits.
pub(crate) type Facts = (String, String, String, u64, u64, i64, i64, u64);

/// Alerts without what depends on when they were noticed and told.
pub(crate) fn facts(daemon: &TestDaemon) -> Vec<Facts> {
    let alerts = daemon.alerts().into_iter();
    alerts
        .map(|a| {
            let (first, last) = (a.first_seen.micros(), a.last_seen.micros());
            (a.rule, a.who, a.dataset, a.observed, a.limit, first, last, a.hits)
        })
        .collect()
}
