//! The ladder: who is told of an alert, and who is told next while nobody answers for it.
//!
//! Pure: [`look`] is given the posts, what became of the mails so far and the time, and says who is to be told now and
//! when to look again. A level whose deciding post nobody holds, whose holder is away or whose mail was refused is left
//! at once for the next one; one that was told is given its time, counted from when the mail was accepted. The person
//! an alert is about is never told; where he holds the post himself, the level above is told at once, and where he runs
//! the systems or stands above everybody, 監査責任者.
//!
//! Not here: posts and absences (`register::sections`), mails and the record (`pipeline::tell`, `store`).

mod hop;
mod settings;
mod walk;

use std::sync::Arc;

use crate::calendar::Calendar;
use crate::clock::WallTime;
use crate::detect::Severity;
use crate::register::Register;
use crate::register::sections::{Post, Role, Sections};

pub use hop::{Hop, Reach, Told, Why};
pub use settings::{LadderSettings, Place, Rung};
use walk::Walk;

/// Whom an alert concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case<'a> {
    /// Section that answers for it: the dataset's owner; empty where there is none.
    pub owner: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// 職員番号 of the person it is about.
    pub suspect: Option<&'a str>,
}

/// Who there is to be told.
#[derive(Debug, Clone)]
pub struct Office<'a> {
    /// The levels.
    pub settings: &'a LadderSettings,
    /// Posts, absences, duty hours.
    pub sections: &'a Sections,
    /// Closed days.
    pub calendar: &'a Calendar,
    /// Who has left, where that is known.
    pub register: Option<Arc<Register>>,
    /// Whoever gets every alert.
    pub security: &'a [String],
    /// Mailboxes of owner sections.
    pub owners: &'a [(String, Vec<String>)],
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// Who is told or passed over now.
    pub hops: Vec<Hop>,
    /// When to look again if nothing else happens; none: nothing is awaited, or only what becomes of mails.
    pub next: Option<WallTime>,
}

/// Who is to be told now of an open alert that nobody has acknowledged.
pub fn look(case: &Case<'_>, office: &Office<'_>, told: &[Told], now: WallTime) -> Look {
    let rungs = office.settings.rungs(case.severity);
    if rungs.is_empty() || !office.is_set_up() {
        return Look::default();
    }
    let mut walk = Walk {
        case,
        office,
        rungs,
        told: told.to_vec(),
        made: Vec::new(),
        now,
    };
    let next = match walk.level() {
        None => {
            walk.begin();
            None
        }
        Some(level) => {
            walk.mend(level);
            if walk.made.is_empty() { walk.wait(level) } else { None }
        }
    };
    Look { hops: walk.made, next }
}

/// Who would be told, and when, if nobody answered and every mail arrived at once; up to the first repetition.
pub fn foresee(case: &Case<'_>, office: &Office<'_>, told: &[Told], now: WallTime) -> Vec<Hop> {
    const HOPS_MAX: usize = 200;
    let arrived = |t: &Told| Told {
        reach: if t.reach == Reach::UnderWay {
            Reach::Got(now)
        } else {
            t.reach
        },
        ..t.clone()
    };
    let mut told: Vec<Told> = told.iter().map(arrived).collect();
    let (mut at, mut all) = (now, Vec::new());
    while all.len() < HOPS_MAX {
        let look = look(case, office, &told, at);
        if look.hops.is_empty() {
            match look.next {
                Some(next) => at = next,
                None => break,
            }
        }
        let repeats = look.hops.iter().any(|hop| matches!(hop.why, Why::Again(_)));
        for hop in look.hops {
            let reach = Reach::Got(at);
            told.push(Told {
                hop: hop.clone(),
                reach,
            });
            all.push(hop);
        }
        if repeats {
            break;
        }
    }
    all
}

impl Office<'_> {
    /// Whether anybody could be told beside those who get every alert.
    pub fn is_set_up(&self) -> bool {
        !self.sections.posts.is_empty() || !self.settings.duty.is_empty()
    }

    /// Those of `addresses` that are not `suspect`'s own alone, each once.
    pub fn without<'x>(&self, addresses: impl IntoIterator<Item = &'x String>, suspect: Option<&str>) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for address in addresses {
            if !out.contains(address) && !suspect.is_some_and(|suspect| self.is_own(address, suspect)) {
                out.push(address.clone());
            }
        }
        out
    }

    /// Whether an address is reached by `person` and by no other holder of a post.
    pub fn is_own(&self, address: &str, person: &str) -> bool {
        let mut his = false;
        for post in &self.sections.posts {
            let has = |list: &[String]| list.iter().any(|a| a.eq_ignore_ascii_case(address));
            if has(&post.office) || has(&post.off_hours) {
                if post.person != person {
                    return false;
                }
                his = true;
            }
        }
        his
    }

    /// Whether `person` runs the systems, or is 総括保護管理者: nobody but the auditor stands above him.
    fn is_above(&self, person: &str) -> bool {
        let holds = |post: &Post| post.person == person && matches!(post.role, Role::System | Role::General);
        self.settings.administrators.iter().any(|a| a == person) || self.sections.posts.iter().any(holds)
    }
}

#[cfg(test)]
mod tests;
