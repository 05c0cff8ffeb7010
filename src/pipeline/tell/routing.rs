//! Whom a mail goes to: who gets every alert, the mailboxes of the owner section, and whoever the ladder names.
//!
//! Nobody is told of an alert about himself at an address of his own. Where nobody else is left, whoever stands above
//! is told in their place; a mail to the person concerned is never made.

use std::sync::{Arc, PoisonError};

use super::Teller;
use crate::alert::ladder::{Case, Hop, Office};
use crate::clock::{EventTime, WallTime};
use crate::detect::Severity;
use crate::register::Register;
use crate::register::sections::{Post, Role};

impl Teller {
    /// Who there is to be told.
    pub(super) fn office(&self) -> Office<'_> {
        Office {
            settings: &self.settings.ladder,
            sections: &self.sections,
            calendar: &self.calendar,
            register: self.register(),
            security: &self.settings.to,
            owners: &self.settings.owners,
        }
    }

    /// Goes by this register where it asks who holds a post.
    pub fn set_register(&self, register: Arc<Register>) {
        *self.register.write().unwrap_or_else(PoisonError::into_inner) = Some(register);
    }

    fn register(&self) -> Option<Arc<Register>> {
        self.register.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whom an alert concerns: of what no section owns, the section of the person it is about.
    pub fn case<'a>(
        &self,
        owner: &'a str,
        section: Option<&'a str>,
        suspect: Option<&'a str>,
        severity: Severity,
    ) -> Case<'a> {
        Case {
            owner: if owner.is_empty() { section.unwrap_or("") } else { owner },
            severity,
            suspect,
        }
    }

    /// Recipients of a mail about an alert: who gets every one, its owner section, and whoever `hops` tell.
    pub(super) fn recipients(&self, case: &Case<'_>, hops: &[Hop], now: WallTime) -> Vec<String> {
        let owners = self.settings.owners.iter().filter(|(section, _)| section == case.owner);
        let all = self.settings.to.iter().chain(owners.flat_map(|o| &o.1));
        let all = all.chain(hops.iter().flat_map(|hop| &hop.addresses));
        let out = self.office().without(all, case.suspect);
        if !out.is_empty() {
            return out;
        }
        // A mail to nobody would be an alert nobody hears of.
        let above = [Role::Auditor, Role::General, Role::System];
        let mut above = above.into_iter().map(|role| self.of_role(role, case.suspect, now));
        above.find(|list| !list.is_empty()).unwrap_or_default()
    }

    /// Recipients of what changes whom the watch sees: who gets every alert, and 監査責任者.
    pub(super) fn of_the_watch(&self, now: WallTime) -> Vec<String> {
        let auditor = self.of_role(Role::Auditor, None, now);
        self.office().without(self.settings.to.iter().chain(&auditor), None)
    }

    /// The same with 総括保護管理者: rights that somebody gave for days that had passed.
    pub(super) fn of_the_top(&self, now: WallTime) -> Vec<String> {
        let (auditor, general) = (
            self.of_role(Role::Auditor, None, now),
            self.of_role(Role::General, None, now),
        );
        let all = self.settings.to.iter().chain(&auditor).chain(&general);
        self.office().without(all, None)
    }

    /// Who gets every alert, and アクセス権限管理担当.
    pub(super) fn of_registers(&self, now: WallTime) -> Vec<String> {
        let keeper = self.of_role(Role::Rights, None, now);
        self.office().without(self.settings.to.iter().chain(&keeper), None)
    }

    fn of_role(&self, role: Role, suspect: Option<&str>, now: WallTime) -> Vec<String> {
        let at = EventTime::from_micros(now.micros());
        let holding = self.sections.who_holds(role, "", at, self.register().as_deref());
        let mut there = holding.there.into_iter();
        let post = there.find(|post| Some(post.person.as_str()) != suspect);
        let list = post.map_or(&[][..], |post| self.addresses(post, at));
        self.office().without(list, suspect)
    }

    /// At the desk while the person is on duty, else where he is reached then.
    fn addresses<'p>(&self, post: &'p Post, at: EventTime) -> &'p [String] {
        let on_duty = self.sections.on_duty(&post.person, &post.section, at, &self.calendar);
        post.addresses(on_duty)
    }
}
