//! What happens, day by day: office rhythm, seasons, and who does what.

use sekimori::calendar::{Day, is_closed, parse_date};

use super::incidents;
use super::people::{Agency, CITIZENS, DATASETS, kind};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Act {
    /// Seconds since the day began.
    pub at: i64,
    pub user: String,
    pub terminal: String,
    pub dataset: usize,
    pub action: &'static str,
    pub rows: Option<u64>,
    pub subject: Option<u64>,
    pub failed: bool,
}

/// What must be found.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    pub what: &'static str,
    /// Rules of which one must tell of it.
    pub rules: &'static [&'static str],
    pub severity: sekimori::detect::Severity,
    /// 職員番号 or account; empty: told of a dataset.
    pub who: String,
    pub dataset: &'static str,
    /// The access that completes it.
    pub day: Day,
    pub at: i64,
}

/// What must not be told of above a notice.
#[derive(Debug, Clone)]
pub(super) struct Trap {
    pub what: &'static str,
    pub who: String,
    pub days: (Day, Day),
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub days: Vec<(Day, Vec<Act>)>,
    pub incidents: Vec<Incident>,
    pub traps: Vec<Trap>,
}

impl Plan {
    pub fn add(&mut self, day: Day, acts: impl IntoIterator<Item = Act>) {
        let first = self.days[0].0.0;
        let index = usize::try_from(day.0 - first).unwrap();
        self.days[index].1.extend(acts);
    }

    /// The `n`th business day.
    pub fn business(&self, n: usize) -> Day {
        self.days.iter().map(|d| d.0).filter(|d| !is_closed(*d)).nth(n).unwrap()
    }

    /// The first closed day at or behind the `n`th day.
    pub fn closed_from(&self, n: usize) -> Day {
        self.days[n..].iter().map(|d| d.0).find(|d| is_closed(*d)).unwrap()
    }

    pub fn business_days(&self) -> usize {
        self.days.iter().filter(|d| !is_closed(d.0)).count()
    }
}

pub(super) fn clock(hour: i64, minute: i64) -> i64 {
    hour * 3_600 + minute * 60
}

impl Act {
    pub fn look(agency: &Agency, who: usize, dataset: usize, at: i64, subject: u64) -> Act {
        let person = &agency.people[who];
        Act {
            at,
            user: format!("u{}", person.number),
            terminal: person.terminal.clone(),
            dataset,
            action: "照会",
            rows: Some(1),
            subject: Some(subject),
            failed: false,
        }
    }

    pub fn export(agency: &Agency, who: usize, dataset: usize, at: i64, rows: u64) -> Act {
        Act {
            action: "CSV出力",
            rows: Some(rows),
            subject: None,
            ..Act::look(agency, who, dataset, at, 0)
        }
    }

    pub fn login(agency: &Agency, who: usize, dataset: usize, at: i64, failed: bool) -> Act {
        Act {
            action: "ログイン",
            rows: None,
            subject: None,
            failed,
            ..Act::look(agency, who, dataset, at, 0)
        }
    }

    pub fn at_terminal(self, terminal: &str) -> Act {
        Act {
            terminal: terminal.to_owned(),
            ..self
        }
    }

    pub fn line(&self, day: Day) -> String {
        let start = sekimori::calendar::day_start(day).secs();
        let at = crate::support::daemon::stamp(start + self.at);
        let rows = self.rows.map_or(String::new(), |n| format!(",\"n\":{n}"));
        let subject = self.subject.map_or(String::new(), |n| format!(",\"no\":\"{n:010}\""));
        let result = if self.failed { "failure" } else { "success" };
        format!(
            "{{\"at\":\"{at}\",\"user\":\"{}\",\"pc\":\"{}\",\"action\":\"{}\",\"screen\":\"/{}/x\",\"result\":\"{result}\"{rows}{subject}}}\n",
            self.user, self.terminal, self.action, DATASETS[self.dataset]
        )
    }
}

pub(super) fn plan(agency: &mut Agency, first: &str, last: &str) -> Plan {
    let (first, last) = (parse_date(first).unwrap(), parse_date(last).unwrap());
    let mut plan = Plan {
        days: (first.0..=last.0).map(|d| (Day(d), Vec::new())).collect(),
        ..Plan::default()
    };
    // Parts are given out first: they change the register and who works.
    incidents::incidents(agency, &mut plan);
    incidents::traps(agency, &mut plan);
    for i in 0..plan.days.len() {
        let day = plan.days[i].0;
        if !is_closed(day) {
            let acts = business_day(agency, day);
            plan.days[i].1.extend(acts);
        }
        plan.days[i].1.sort();
    }
    plan
}

/// How busy a dataset is, in tenths of usual.
fn season(dataset: usize, day: Day) -> u64 {
    let date = day.date();
    match (dataset, date.month, date.day) {
        (0, 3, 18..) | (0, 4, ..=12) => 20,
        (1, 2, 10..) | (1, 3, ..=16) => 25,
        (1, 6, _) => 16,
        (2, 7, ..=20) => 15,
        (_, 12, 25..) | (_, 8, 10..=16) => 6,
        _ => 10,
    }
}

/// A moment of an office day: two humps with the lunch break between, and some overtime.
fn moment(agency: &mut Agency, busy: bool) -> i64 {
    let dice = &mut agency.dice;
    let at = match dice.below(20) {
        0..=8 => clock(8, 35) + dice.below(3 * 3_600 + 1_500) as i64,
        9 => clock(12, 0) + dice.below(3_600) as i64,
        10..=17 => clock(13, 0) + dice.below(4 * 3_600) as i64,
        18 => clock(17, 0) + dice.below(3_600) as i64,
        _ if busy => clock(18, 0) + dice.below(2 * 3_600 - 300) as i64,
        _ => clock(17, 0) + dice.below(2_400) as i64,
    };
    at.min(clock(19, 55))
}

fn business_day(agency: &mut Agency, day: Day) -> Vec<Act> {
    let mut acts = Vec::new();
    for who in 0..agency.people.len() {
        let person = agency.people[who].clone();
        if !person.works || agency.dice.once_in(8) {
            continue;
        }
        let home = person.looks.iter().position(|n| 0 < *n);
        let Some(home) = home else { continue };
        let mut at = clock(8, 20) + agency.dice.below(1_500) as i64;
        // Mistyped passwords: once, and after holidays up to three times.
        let mistyped = match agency.dice.below(60) {
            0 => 1 + agency.dice.below(3),
            _ => 0,
        };
        for _ in 0..mistyped {
            acts.push(Act::login(agency, who, home, at, true));
            at += 20;
        }
        acts.push(Act::login(agency, who, home, at, false));
        for dataset in 0..DATASETS.len() {
            let usual = person.looks[dataset] * season(dataset, day) / 10;
            if usual == 0 {
                continue;
            }
            let looks = usual / 2 + agency.dice.below(usual + 1);
            let busy = 10 < season(dataset, day);
            for _ in 0..looks {
                look(agency, who, dataset, busy, &mut acts);
            }
            exports(agency, who, dataset, &mut acts);
        }
    }
    acts
}

/// One look at a citizen, with what comes of it.
fn look(agency: &mut Agency, who: usize, dataset: usize, busy: bool, acts: &mut Vec<Act>) {
    let at = moment(agency, busy);
    let section = agency.people[who].section;
    // Clerks of the residents' desk work at the counter half of the time.
    let counter = kind(section) == 0 && agency.dice.once_in(2);
    let terminal = match counter {
        true => format!("MADO-{section:02}"),
        false => agency.people[who].terminal.clone(),
    };
    let subject = 1_000_000 + agency.dice.below(CITIZENS) * 7;
    let act = Act::look(agency, who, dataset, at, subject).at_terminal(&terminal);
    if agency.dice.once_in(3) {
        acts.push(Act {
            action: "検索",
            rows: Some(agency.dice.below(40)),
            subject: None,
            at: at - 30,
            ..act.clone()
        });
    }
    match agency.dice.below(6) {
        0 => acts.push(Act {
            action: "更新",
            at: at + 120,
            ..act.clone()
        }),
        1 => acts.push(Act {
            action: "帳票印刷",
            at: at + 90,
            ..act.clone()
        }),
        _ => {}
    }
    acts.push(act);
}

/// Small lists people need for their work.
fn exports(agency: &mut Agency, who: usize, dataset: usize, acts: &mut Vec<Act>) {
    if !agency.people[who].exports || !agency.dice.once_in(6) {
        return;
    }
    let rows = match dataset {
        2 => 1 + agency.dice.below(18),
        3 => 1 + agency.dice.below(240),
        _ => 1 + agency.dice.below(80),
    };
    let at = clock(9, 0) + agency.dice.below(7 * 3_600) as i64;
    acts.push(Act::export(agency, who, dataset, at, rows));
}
