//! One look at the ladder of one alert: who is told at a level, who stands in, when the level is left.

use std::time::Duration;

use super::{Case, Hop, Office, Place, Reach, Rung, Told, Why};
use crate::clock::{EventTime, WallTime};
use crate::detect::Severity;
use crate::register::sections::Away;

/// One look at one alert.
pub(super) struct Walk<'a> {
    pub case: &'a Case<'a>,
    pub office: &'a Office<'a>,
    pub rungs: &'a [Rung],
    pub told: Vec<Told>,
    pub made: Vec<Hop>,
    pub now: WallTime,
}

impl Walk<'_> {
    /// The highest level that was come to.
    pub fn level(&self) -> Option<usize> {
        self.told.iter().map(|t| t.hop.level).max()
    }

    pub fn begin(&mut self) {
        let above = self.case.suspect.is_some_and(|suspect| self.office.is_above(suspect));
        if self.case.owner.is_empty() {
            // Nobody owns it: whoever gets every alert is the first level.
            self.fill(0, Place::Security, Why::First);
        } else {
            self.climb(0, Why::First);
        }
        if above {
            self.fill(0, Place::Auditor, Why::Administrator);
        }
    }

    /// Tells a level, and the ones above it while nobody who decides could be told.
    fn climb(&mut self, from: usize, why: Why) {
        let (mut level, mut why) = (from, why);
        while let Some(rung) = self.rungs.get(level) {
            let before = self.passed_himself();
            for place in &rung.tell {
                self.fill(level, *place, why);
            }
            let himself = before < self.passed_himself();
            if self.holds(level) && !himself {
                return;
            }
            let rank = rung.rank();
            level += 1;
            if himself {
                // One level above him, not the next of his own deputies.
                why = Why::Suspect;
                while self.rungs.get(level).is_some_and(|above| above.rank() <= rank) {
                    level += 1;
                }
            } else {
                // What made the first level be left still holds for the ones passed on the way.
                why = if why == Why::First { Why::Nobody } else { why };
            }
        }
    }

    /// How many times the one who would decide turned out to be the one the alert is about.
    fn passed_himself(&self) -> usize {
        let decides = |hop: &Hop| self.rungs.get(hop.level).is_some_and(|r| r.rank() <= hop.place.rank());
        let himself = |t: &&Told| t.hop.why == Why::Himself && decides(&t.hop);
        self.told.iter().filter(himself).count()
    }

    /// Finds somebody else for each place whose mail was refused; leaves the level where nobody is left.
    pub fn mend(&mut self, level: usize) {
        let refused = |t: &&Told| t.reach == Reach::Refused && !t.hop.why.is_passed_over();
        let mut places: Vec<(usize, Place)> = self
            .told
            .iter()
            .filter(refused)
            .map(|t| (t.hop.level, t.hop.place))
            .collect();
        places.dedup();
        for (at, place) in places {
            self.fill(at, place, Why::Refused);
        }
        if !self.holds(level) && level.saturating_add(1) < self.rungs.len() {
            self.climb(level + 1, Why::Refused);
        }
    }

    /// Leaves a level that nobody has answered for in time; otherwise says when that will be.
    pub fn wait(&mut self, level: usize) -> Option<WallTime> {
        let times = |t: &Told| match t.reach {
            Reach::Got(at) => Some(at),
            Reach::PutOff => Some(t.hop.at),
            Reach::UnderWay | Reach::Refused => None,
        };
        let first = self.deciding(level).filter_map(times).min()?;
        let last = self.deciding(level).filter_map(times).max()?;
        let next = level.saturating_add(1);
        let Some(rung) = self.rungs.get(next) else {
            let again = self.office.settings.again;
            if self.case.severity != Severity::Critical || again.is_zero() {
                return None;
            }
            let due = last.plus(again);
            if self.now < due {
                return Some(due);
            }
            self.again(level, again);
            return None;
        };
        let at = EventTime::from_micros(first.micros());
        let on_duty = self
            .office
            .sections
            .on_duty("", self.case.owner, at, self.office.calendar);
        let wait = if on_duty { rung.after } else { rung.after_off_hours };
        let due = first.plus(wait);
        if self.now < due {
            return Some(due);
        }
        self.climb(next, Why::Unanswered(wait));
        None
    }

    /// Tells the last level once more.
    fn again(&mut self, level: usize, after: Duration) {
        let mut places: Vec<Place> = Vec::new();
        let of_level = |t: &&Told| t.hop.level == level && !t.hop.why.is_passed_over() && t.reach != Reach::Refused;
        let hops: Vec<Hop> = self.told.iter().rev().filter(of_level).map(|t| t.hop.clone()).collect();
        for hop in hops {
            if !places.contains(&hop.place) {
                places.push(hop.place);
                self.make(Hop {
                    at: self.now,
                    why: Why::Again(after),
                    ..hop
                });
            }
        }
    }

    /// Whether somebody who decides at a level was told, and no refusal is known.
    fn holds(&self, level: usize) -> bool {
        self.deciding(level).next().is_some()
    }

    /// Those who were told at a level and decide whether it was told at all: the highest of it.
    fn deciding(&self, level: usize) -> impl Iterator<Item = &Told> {
        let rank = self.rungs.get(level).map_or(0, Rung::rank);
        let decides = move |t: &&Told| {
            t.hop.level == level && rank <= t.hop.place.rank() && t.hop.why != Why::Administrator && is_live(t)
        };
        self.told.iter().filter(decides)
    }

    /// Tells the first one for a place who is there, was not told yet and is not the one the alert is about.
    fn fill(&mut self, level: usize, place: Place, why: Why) {
        if self
            .told
            .iter()
            .any(|t| t.hop.level == level && t.hop.place == place && is_live(t))
        {
            return;
        }
        let Some(role) = place.role() else {
            let list = match place {
                Place::Duty => self.office.settings.duty.as_slice(),
                _ => self.office.security,
            };
            return self.fill_list(level, place, list, why);
        };
        let owner = self.case.owner;
        if role.is_of_section() && !self.office.sections.posts.iter().any(|p| p.section == owner) {
            // A section that named mailboxes and no persons: its mailbox stands for its head.
            let owners = self.office.owners.iter().find(|(section, _)| section == owner);
            if let Some((_, list)) = owners.filter(|_| matches!(place, Place::Officer | Place::Manager)) {
                return self.fill_list(level, place, list, why);
            }
        }
        let at = EventTime::from_micros(self.now.micros());
        let holding = self
            .office
            .sections
            .who_holds(role, owner, at, self.office.register.as_deref());
        for (post, away) in &holding.away {
            let why = match away {
                Away::Absent => Why::Absent,
                Away::NotInOffice => Why::Left,
            };
            self.pass(level, place, &post.person, why);
        }
        for post in &holding.there {
            if self.case.suspect == Some(post.person.as_str()) {
                self.pass(level, place, &post.person, Why::Himself);
                continue;
            }
            let known = |t: &Told| t.hop.place.role() == Some(role) && t.hop.person == post.person;
            if self.told.iter().any(|t| known(t) && !t.hop.why.is_passed_over()) {
                continue;
            }
            let on_duty = self
                .office
                .sections
                .on_duty(&post.person, &post.section, at, self.office.calendar);
            let addresses = self.office.without(post.addresses(on_duty), self.case.suspect);
            if addresses.is_empty() {
                self.pass(level, place, &post.person, Why::Himself);
                continue;
            }
            return self.make(Hop {
                at: self.now,
                level,
                place,
                person: post.person.clone(),
                addresses,
                why,
            });
        }
        self.pass(level, place, "", Why::Vacant);
    }

    fn fill_list(&mut self, level: usize, place: Place, list: &[String], why: Why) {
        let addresses = self.office.without(list, self.case.suspect);
        let person = String::new();
        let refused = self
            .told
            .iter()
            .any(|t| t.hop.place == place && t.reach == Reach::Refused);
        if addresses.is_empty() || refused {
            return self.pass(level, place, "", Why::Vacant);
        }
        self.make(Hop {
            at: self.now,
            level,
            place,
            person,
            addresses,
            why,
        });
    }

    /// Notes once that somebody is passed over, or that there is nobody.
    fn pass(&mut self, level: usize, place: Place, person: &str, why: Why) {
        let same = |t: &Told| match person {
            "" => t.hop.level == level && t.hop.place == place && t.hop.person.is_empty(),
            person => t.hop.person == person && t.hop.place.role() == place.role(),
        };
        if !self.told.iter().any(|t| same(t) && t.hop.why == why) {
            self.make(Hop {
                at: self.now,
                level,
                place,
                person: person.to_owned(),
                addresses: Vec::new(),
                why,
            });
        }
    }

    fn make(&mut self, hop: Hop) {
        let reach = Reach::UnderWay;
        self.told.push(Told {
            hop: hop.clone(),
            reach,
        });
        self.made.push(hop);
    }
}

fn is_live(told: &Told) -> bool {
    !told.hop.why.is_passed_over() && told.reach != Reach::Refused
}
