//! Whom a mail goes to first: who gets every alert, the addresses of the owner section, and whoever holds its posts.
//!
//! Whoever is away is passed over for the deputy; where nobody is there, or the holder is the one the alert is about, the
//! next level is told at once. Nobody is told of an alert about himself at an address of his own. If it is about somebody
//! who runs the systems, 監査責任者 are told too.
//!
//! Not here: what happens when nobody answers.

use super::Teller;
use crate::clock::{EventTime, WallTime};
use crate::register::sections::{Post, Role};

impl Teller {
    /// Recipients of an alert of a dataset of the section `owner`, about `suspect` (職員番号) where that is somebody.
    pub(super) fn recipients(&self, owner: &str, suspect: Option<&str>, now: WallTime) -> Vec<String> {
        let at = EventTime::from_micros(now.micros());
        let mut out: Vec<String> = Vec::new();
        let owners = self.settings.owners.iter().filter(|(section, _)| section == owner);
        out.extend(self.settings.to.iter().chain(owners.flat_map(|o| &o.1)).cloned());
        let is_own = |post: &&Post| Some(post.person.as_str()) == suspect;
        if !owner.is_empty() && self.sections.posts.iter().any(|post| post.section == owner) {
            let mut above = false;
            for role in [Role::Officer, Role::Manager] {
                let holding = self.sections.who_holds(role, owner, at, None);
                let holds_it_himself = holding.there.first().is_some_and(is_own);
                match holding.there.into_iter().find(|post| !is_own(post)) {
                    Some(post) => out.extend(self.addresses(post, at)),
                    None => above |= role == Role::Manager,
                }
                above |= holds_it_himself && role == Role::Manager;
            }
            if above {
                out.extend(self.of_role(Role::General, suspect, at));
            }
        }
        let runs_systems = |post: &Post| post.role == Role::System && is_own(&post);
        if self.sections.posts.iter().any(runs_systems) {
            out.extend(self.of_role(Role::Auditor, suspect, at));
        }
        self.without(out, suspect)
    }

    /// Recipients of what changes whom the watch sees: who gets every alert, and 監査責任者.
    pub(super) fn of_the_watch(&self, now: WallTime) -> Vec<String> {
        let at = EventTime::from_micros(now.micros());
        let mut out = self.settings.to.clone();
        out.extend(self.of_role(Role::Auditor, None, at));
        self.without(out, None)
    }

    fn of_role(&self, role: Role, suspect: Option<&str>, at: EventTime) -> Vec<String> {
        let holding = self.sections.who_holds(role, "", at, None);
        let mut there = holding.there.into_iter();
        let post = there.find(|post| Some(post.person.as_str()) != suspect);
        post.map_or_else(Vec::new, |post| self.addresses(post, at))
    }

    /// At the desk while the person is on duty, else where he is reached then.
    fn addresses(&self, post: &Post, at: EventTime) -> Vec<String> {
        let on_duty = self.sections.on_duty(&post.person, &post.section, at, &self.calendar);
        post.addresses(on_duty).to_vec()
    }

    /// Each address once, and none that is the suspect's own alone.
    fn without(&self, addresses: Vec<String>, suspect: Option<&str>) -> Vec<String> {
        let posts = || self.sections.posts.iter();
        let has = |post: &Post, address: &String| post.office.contains(address) || post.off_hours.contains(address);
        let is_own = |address: &String| {
            posts().any(|post| Some(post.person.as_str()) == suspect && has(post, address))
                && !posts().any(|post| Some(post.person.as_str()) != suspect && has(post, address))
        };
        let mut out: Vec<String> = Vec::new();
        for address in &addresses {
            if !out.contains(address) && !is_own(address) {
                out.push(address.clone());
            }
        }
        if out.is_empty() {
            // A mail to nobody would be an alert nobody hears of.
            out.extend(addresses.into_iter().take(1));
        }
        out
    }
}
