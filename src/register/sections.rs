//! Sections and their posts: who is 保護管理者 of a section on a day, who stands in, who is away (訓令第3条～第6条).
//!
//! A post is held by one person and has deputies in order. Whoever is away (absence calendar), whose appointment does
//! not run, whom the account register knows as having no right in force, or who was moved out of the section is passed
//! over at once, not waited for; a post nobody can be reached for is vacant, and that is said.
//!
//! Not here: whom an alert goes to and when (`alert`), addresses as mail addresses (`config` has checked them).

use super::accounts::Register;
use crate::calendar::{Calendar, Day, Schedule, day_of};
use crate::clock::EventTime;

/// A role of the directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// 保護担当者 (第5条): first look.
    Officer,
    /// 保護管理者 (第4条): head of a section.
    Manager,
    /// 総括保護管理者 (第3条): of the whole agency.
    General,
    /// 監査責任者 (第6条): of the whole agency.
    Auditor,
    /// 情報システム管理者.
    System,
    /// アクセス権限管理担当: keeps the account register.
    Rights,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 6] = [
        Role::Officer,
        Role::Manager,
        Role::General,
        Role::Auditor,
        Role::System,
        Role::Rights,
    ];

    /// The word used in configuration and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Officer => "officer",
            Role::Manager => "manager",
            Role::General => "general",
            Role::Auditor => "auditor",
            Role::System => "system",
            Role::Rights => "rights",
        }
    }

    /// The word used in Japanese mails and reports.
    pub fn ja(self) -> &'static str {
        match self {
            Role::Officer => "保護担当者",
            Role::Manager => "保護管理者",
            Role::General => "総括保護管理者",
            Role::Auditor => "監査責任者",
            Role::System => "情報システム管理者",
            Role::Rights => "アクセス権限管理担当",
        }
    }

    /// Whether each section has one of its own; the others are the agency's.
    pub fn is_of_section(self) -> bool {
        matches!(self, Role::Officer | Role::Manager)
    }
}

/// One appointment, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The role.
    pub role: Role,
    /// 所属 as the register and the 台帳 call it; empty: the agency.
    pub section: String,
    /// 職員番号.
    pub person: String,
    /// 0: the holder; 1, 2 ...: deputies in their order.
    pub deputy: u8,
    /// Mail addresses at the desk.
    pub office: Vec<String>,
    /// Mail addresses outside office hours; empty: those at the desk.
    pub off_hours: Vec<String>,
    /// First day of the appointment.
    pub from: Option<Day>,
    /// Last day, inclusive.
    pub to: Option<Day>,
}

/// Days on which a person is away: 休暇, 出張.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// 職員番号.
    pub person: String,
    /// First day.
    pub from: Day,
    /// Last day, inclusive.
    pub to: Day,
}

/// Duty hours of a section, or of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// 所属; empty: of a person.
    pub section: String,
    /// 職員番号; empty: of a section.
    pub person: String,
    /// The hours.
    pub hours: Schedule,
}

/// Posts, absences and duty hours of an agency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sections {
    /// Every appointment.
    pub posts: Vec<Post>,
    /// The absence calendar.
    pub absences: Vec<Absence>,
    /// Duty hours that differ from 8:30 to 17:15 on open days.
    pub duties: Vec<Duty>,
}

/// Why somebody is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// The absence calendar says so.
    Absent,
    /// The account register knows no right of the person in force: left, on leave, transferred out.
    NotInOffice,
}

/// Who is there for a role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holding<'a> {
    /// Who can be told, the holder before the deputies.
    pub there: Vec<&'a Post>,
    /// Who is passed over, and why.
    pub away: Vec<(&'a Post, Away)>,
}

impl Holding<'_> {
    /// Whether nobody is appointed, or nobody of those who are is in office any more.
    pub fn is_vacant(&self) -> bool {
        self.there.is_empty() && self.away.iter().all(|(_, why)| *why == Away::NotInOffice)
    }
}

impl Post {
    fn runs(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    /// Where the person is reached at that moment.
    pub fn addresses(&self, in_office_hours: bool) -> &[String] {
        if in_office_hours || self.off_hours.is_empty() {
            &self.office
        } else {
            &self.off_hours
        }
    }
}

impl Sections {
    /// Who holds `role` for `section` on the day of `at` (JST); for a role of the agency the section does not matter.
    /// The register may know more than the configuration; without one the configuration is believed.
    pub fn who_holds(&self, role: Role, section: &str, at: EventTime, register: Option<&Register>) -> Holding<'_> {
        let day = day_of(at);
        let wanted = if role.is_of_section() { section } else { "" };
        let mut posts: Vec<&Post> = self
            .posts
            .iter()
            .filter(|post| post.role == role && post.section == wanted && post.runs(day))
            .collect();
        posts.sort_by_key(|post| post.deputy);
        let mut holding = Holding::default();
        for post in posts {
            let absent = |a: &Absence| a.person == post.person && a.from <= day && day <= a.to;
            // Executives may have no account at all; the register speaks of those it knows only.
            let gone = |register: &Register| {
                !register.accounts_of(&post.person).is_empty()
                    && (!register.is_in_force(&post.person, day)
                        || (role.is_of_section() && register.has_left(&post.person, section, (post.from, day))))
            };
            if self.absences.iter().any(absent) {
                holding.away.push((post, Away::Absent));
            } else if register.is_some_and(gone) {
                holding.away.push((post, Away::NotInOffice));
            } else {
                holding.there.push(post);
            }
        }
        holding
    }

    /// Posts that should be held on `day` and are not: 保護管理者 and 保護担当者 of each of `owners` (sections that own
    /// datasets), and the agency's own roles. A post all of whose holders have left by the register is vacant, too.
    pub fn vacant<'s>(
        &self,
        owners: impl IntoIterator<Item = &'s str>,
        at: EventTime,
        register: Option<&Register>,
    ) -> Vec<(Role, &'s str)> {
        let of_sections = owners
            .into_iter()
            .flat_map(|s| [(Role::Officer, s), (Role::Manager, s)]);
        let all = of_sections.chain([(Role::General, ""), (Role::Auditor, "")]);
        all.filter(|(role, section)| self.who_holds(*role, section, at, register).is_vacant())
            .collect()
    }

    /// Who may bring account registers on `day`: where somebody is アクセス権限管理担当, he, his deputies and
    /// 情報システム管理者; else whoever holds any post but 監査責任者, who checks what others brought. `None`: no posts are
    /// configured, so nothing is asked.
    pub fn may_bring_registers(&self, person: &str, day: Day) -> Option<bool> {
        if self.posts.is_empty() {
            return None;
        }
        let running = || self.posts.iter().filter(|post| post.runs(day));
        let kept = running().any(|post| post.role == Role::Rights);
        let may = |role: Role| match role {
            Role::Rights | Role::System => true,
            Role::Auditor => false,
            Role::Officer | Role::Manager | Role::General => !kept,
        };
        Some(running().any(|post| post.person == person && may(post.role)))
    }

    /// 職員番号 of those who may bring registers on `day`.
    pub fn keepers(&self, day: Day) -> Vec<&str> {
        let all = self.posts.iter().map(|post| post.person.as_str());
        let mut keepers: Vec<&str> = all
            .filter(|person| self.may_bring_registers(person, day) == Some(true))
            .collect();
        keepers.sort_unstable();
        keepers.dedup();
        keepers
    }

    /// Whether `at` lies in the duty hours of the person, else of the section, else in office hours.
    pub fn on_duty(&self, person: &str, section: &str, at: EventTime, calendar: &Calendar) -> bool {
        let of_person = self.duties.iter().find(|d| !person.is_empty() && d.person == person);
        let of_section = || self.duties.iter().find(|d| d.person.is_empty() && d.section == section);
        match of_person.or_else(of_section) {
            Some(duty) => duty.hours.holds(at, calendar),
            None => Schedule::office().holds(at, calendar),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{day_start, parse_date};

    fn post(role: Role, section: &str, person: &str, deputy: u8) -> Post {
        Post {
            role,
            section: section.into(),
            person: person.into(),
            deputy,
            office: vec![format!("{person}@city.example.jp")],
            off_hours: Vec::new(),
            from: None,
            to: None,
        }
    }

    fn day(text: &str) -> Day {
        parse_date(text).unwrap()
    }

    fn noon(date: &str) -> EventTime {
        EventTime::from_secs(day_start(day(date)).secs() + 12 * 3_600)
    }

    fn people(holding: &Holding<'_>) -> Vec<String> {
        holding.there.iter().map(|post| post.person.clone()).collect()
    }

    fn town() -> Sections {
        Sections {
            posts: vec![
                post(Role::Manager, "税務課", "2", 1),
                post(Role::Manager, "税務課", "1", 0),
                Post {
                    to: Some(day("2026-03-31")),
                    ..post(Role::Manager, "市民課", "3", 0)
                },
                post(Role::General, "", "9", 0),
            ],
            absences: vec![Absence {
                person: "1".into(),
                from: day("2026-11-20"),
                to: day("2026-11-24"),
            }],
            duties: Vec::new(),
        }
    }

    #[test]
    fn the_holder_comes_before_the_deputies_and_who_is_away_is_passed_over() {
        let town = town();
        let held = |date: &str| people(&town.who_holds(Role::Manager, "税務課", noon(date), None));
        assert_eq!(held("2026-11-19"), ["1", "2"]);
        assert_eq!(held("2026-11-20"), ["2"]);
        assert_eq!(held("2026-11-24"), ["2"]);
        assert_eq!(held("2026-11-25"), ["1", "2"]);
        let away = town.who_holds(Role::Manager, "税務課", noon("2026-11-20"), None).away;
        assert_eq!(
            away.iter()
                .map(|(p, why)| (p.person.as_str(), *why))
                .collect::<Vec<_>>(),
            [("1", Away::Absent)]
        );
    }

    #[test]
    fn whoever_the_register_knows_as_gone_holds_nothing() {
        let csv = "職員番号,利用者ID,権限終了日\n1,u1,R8.3.31\n2,u2,\n";
        let register = Register::read(csv.as_bytes()).unwrap();
        let town = town();
        let held = town.who_holds(Role::Manager, "税務課", noon("2026-04-01"), Some(&register));
        assert_eq!(people(&held), ["2"]);
        assert_eq!(held.away[0].1, Away::NotInOffice);
        let general = town.who_holds(Role::General, "税務課", noon("2026-04-01"), Some(&register));
        assert_eq!(people(&general), ["9"], "no account: believed");
    }

    #[test]
    fn whoever_was_moved_to_another_section_heads_the_old_one_no_more() {
        let csv = "職員番号,利用者ID,所属名,権限開始日,権限終了日\n1,u1,税務課,R4.4.1,R8.3.31\n1,u1,図書館,R8.4.1,\n\
                   2,u2,総務課,R4.4.1,\n";
        let register = Register::read(csv.as_bytes()).unwrap();
        let town = town();
        let held =
            |town: &Sections, date: &str| people(&town.who_holds(Role::Manager, "税務課", noon(date), Some(&register)));
        assert_eq!(held(&town, "2026-03-31"), ["1", "2"], "still there");
        assert_eq!(
            held(&town, "2026-04-01"),
            ["2"],
            "and 2, who was never there, is believed"
        );
        let mut again = town;
        for post in &mut again.posts {
            post.from = Some(day("2026-04-01"));
        }
        assert_eq!(held(&again, "2026-04-01"), ["1", "2"], "appointed after he was moved");
        let second = csv.replace("2,u2", "1,u1b,税務課,R8.4.1,\n2,u2");
        let register = Register::read(second.as_bytes()).unwrap();
        let both = again.who_holds(Role::Manager, "税務課", noon("2026-04-02"), Some(&register));
        assert_eq!(people(&both), ["1", "2"]);
    }

    #[test]
    fn vacant_posts_are_named() {
        let town = town();
        assert_eq!(
            town.vacant(["税務課", "市民課"], noon("2026-04-01"), None),
            [
                (Role::Officer, "税務課"),
                (Role::Officer, "市民課"),
                (Role::Manager, "市民課"),
                (Role::Auditor, ""),
            ]
        );
    }

    #[test]
    fn duty_hours_go_by_person_then_section_then_office() {
        let duty = |section: &str, person: &str, hours| Duty {
            section: section.into(),
            person: person.into(),
            hours: Schedule::parse(hours).unwrap(),
        };
        let sections = Sections {
            duties: vec![duty("窓口課", "", "毎日 9:00-19:00"), duty("", "7", "毎日 22:00-6:00")],
            ..Sections::default()
        };
        let calendar = Calendar::default();
        let on = |person: &str, section: &str, hour: i64| {
            let at = EventTime::from_secs(day_start(day("2026-11-21")).secs() + hour * 3_600);
            sections.on_duty(person, section, at, &calendar)
        };
        assert!(on("1", "窓口課", 18) && !on("1", "窓口課", 20), "a Saturday");
        assert!(!on("1", "税務課", 12), "offices are closed");
        assert!(on("7", "窓口課", 23) && !on("7", "窓口課", 12));
        let post = Post {
            off_hours: vec!["duty@city.example.jp".into()],
            ..post(Role::Manager, "税務課", "1", 0)
        };
        assert_eq!(post.addresses(true), ["1@city.example.jp"]);
        assert_eq!(post.addresses(false), ["duty@city.example.jp"]);
    }
}
