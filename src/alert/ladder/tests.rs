use std::time::Duration;

use super::*;
use crate::calendar::{day_start, parse_date};
use crate::register::sections::Absence;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn post(role: Role, section: &str, person: &str, deputy: u8) -> Post {
    Post {
        role,
        section: section.into(),
        person: person.into(),
        deputy,
        office: vec![format!("{person}@desk.example.jp")],
        off_hours: vec![format!("{person}@night.example.jp")],
        from: None,
        to: None,
    }
}

fn town() -> Sections {
    Sections {
        posts: vec![
            post(Role::Officer, "税務課", "10", 0),
            post(Role::Manager, "税務課", "20", 0),
            post(Role::Manager, "税務課", "21", 1),
            post(Role::Manager, "税務課", "22", 2),
            post(Role::General, "", "30", 0),
            post(Role::General, "", "31", 1),
            post(Role::Auditor, "", "40", 0),
            post(Role::System, "", "50", 0),
        ],
        ..Sections::default()
    }
}

fn settings() -> LadderSettings {
    LadderSettings {
        duty: vec!["duty@example.jp".into()],
        ..LadderSettings::default()
    }
}

fn at(day: &str, hour: i64, minute: i64) -> WallTime {
    WallTime::from_secs(day_start(parse_date(day).unwrap()).secs() + hour * 3_600 + minute * 60)
}

/// A Friday on which offices are open, at 10:00.
fn friday() -> WallTime {
    at("2026-11-20", 10, 0)
}

/// A town, its ladder, and an alert in it.
struct Scene {
    sections: Sections,
    settings: LadderSettings,
    suspect: Option<&'static str>,
    severity: Severity,
    told: Vec<Told>,
    security: Vec<String>,
}

impl Scene {
    fn new() -> Scene {
        Scene {
            sections: town(),
            settings: settings(),
            suspect: None,
            severity: Severity::Critical,
            told: Vec::new(),
            security: vec!["soc@example.jp".into()],
        }
    }

    fn with<T>(&self, f: impl FnOnce(&Case<'_>, &Office<'_>) -> T) -> T {
        let calendar = Calendar::default();
        let office = Office {
            settings: &self.settings,
            sections: &self.sections,
            calendar: &calendar,
            register: None,
            security: &self.security,
            owners: &[],
        };
        let case = Case {
            owner: "税務課",
            severity: self.severity,
            suspect: self.suspect,
        };
        f(&case, &office)
    }

    fn look(&mut self, now: WallTime) -> Look {
        let look = self.with(|case, office| look(case, office, &self.told, now));
        self.told.extend(look.hops.iter().map(|hop| Told {
            hop: hop.clone(),
            reach: Reach::Got(now),
        }));
        look
    }

    /// Who is told at `now`: places, or persons passed over in brackets.
    fn says(&mut self, now: WallTime) -> String {
        words(&self.look(now).hops)
    }

    fn refuse(&mut self, person: &str) {
        for told in self.told.iter_mut().filter(|t| t.hop.person == person) {
            told.reach = Reach::Refused;
        }
    }

    fn foresee(&self, now: WallTime) -> Vec<Hop> {
        self.with(|case, office| foresee(case, office, &[], now))
    }
}

fn words(hops: &[Hop]) -> String {
    let word = |hop: &Hop| {
        let who = if hop.person.is_empty() {
            hop.place.as_str()
        } else {
            &hop.person
        };
        match hop.why.is_passed_over() {
            true => format!("[{who} {}]", hop.why.as_str()),
            false => who.to_owned(),
        }
    };
    hops.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn unanswered_it_climbs_level_by_level_in_the_times_of_office_hours() {
    let hops = Scene::new().foresee(friday());
    let seen: Vec<(u64, String, Why)> = hops
        .iter()
        .map(|hop| {
            let who = if hop.person.is_empty() {
                hop.place.as_str()
            } else {
                &hop.person
            };
            (hop.at.since(friday()).as_secs() / 60, who.to_owned(), hop.why)
        })
        .collect();
    let wanted = [
        (0, "10", Why::First),
        (0, "20", Why::First),
        (30, "21", Why::Unanswered(30 * MINUTE)),
        (90, "30", Why::Unanswered(HOUR)),
        (90, "31", Why::Unanswered(HOUR)),
        (210, "duty", Why::Unanswered(2 * HOUR)),
        (210, "security", Why::Unanswered(2 * HOUR)),
        (210 + 1_440, "security", Why::Again(24 * HOUR)),
        (210 + 1_440, "duty", Why::Again(24 * HOUR)),
    ];
    assert_eq!(seen, wanted.map(|(at, who, why)| (at, who.to_owned(), why)));
}

#[test]
fn at_night_it_goes_to_other_addresses_and_waits_longer() {
    let mut scene = Scene::new();
    let night = at("2026-11-21", 3, 0);
    let look = scene.look(night);
    assert_eq!(look.hops[1].addresses, ["20@night.example.jp"]);
    assert_eq!(scene.look(night).next, Some(night.plus(HOUR)));
    assert_eq!(scene.says(night.plus(59 * MINUTE)), "");
    assert_eq!(scene.says(night.plus(60 * MINUTE)), "21");
}

#[test]
fn whoever_is_away_is_passed_over_at_once() {
    let mut scene = Scene::new();
    scene.sections.absences.push(Absence {
        person: "20".into(),
        from: parse_date("2026-11-20").unwrap(),
        to: parse_date("2026-11-20").unwrap(),
    });
    assert_eq!(scene.says(friday()), "10 [20 absent] 21");
    assert_eq!(scene.says(friday().plus(30 * MINUTE)), "22");
    assert_eq!(scene.says(friday().plus(90 * MINUTE)), "30 31");
}

#[test]
fn a_vacant_post_means_the_next_level_at_once() {
    let mut scene = Scene::new();
    scene.sections.posts.retain(|p| p.role != Role::Manager);
    let look = scene.look(friday());
    assert_eq!(words(&look.hops), "10 [manager vacant] [deputy vacant] 30 31");
    assert_eq!(look.hops[3].why, Why::Nobody);
}

#[test]
fn deputies_that_run_out_in_time_are_no_second_wait() {
    let mut scene = Scene::new();
    scene
        .sections
        .posts
        .retain(|p| p.role != Role::Manager || p.deputy == 0);
    assert_eq!(scene.says(friday()), "10 20");
    let look = scene.look(friday().plus(30 * MINUTE));
    assert_eq!(words(&look.hops), "[deputy vacant] 30 31");
    assert_eq!(look.hops[1].why, Why::Unanswered(30 * MINUTE));
}

#[test]
fn a_refused_mail_goes_to_the_deputy_and_then_a_level_up() {
    let mut scene = Scene::new();
    assert_eq!(scene.says(friday()), "10 20");
    for (refused, next) in [
        ("20", "21"),
        ("21", "22"),
        ("22", "[manager vacant] [deputy vacant] 30 31"),
    ] {
        scene.refuse(refused);
        assert_eq!(scene.says(friday().plus(MINUTE)), next);
        assert_eq!(scene.says(friday().plus(MINUTE)), "", "once");
    }
}

#[test]
fn while_the_mail_cannot_leave_nobodys_time_runs() {
    let mut scene = Scene::new();
    scene.look(friday());
    scene.told.iter_mut().for_each(|t| t.reach = Reach::UnderWay);
    assert_eq!(scene.look(friday().plus(48 * HOUR)), Look::default());
    let back = friday().plus(49 * HOUR);
    scene.told.iter_mut().for_each(|t| t.reach = Reach::Got(back));
    assert_eq!(scene.look(back).next, Some(back.plus(HOUR)), "a Sunday");
}

#[test]
fn put_off_by_the_relay_his_time_runs_all_the_same() {
    let mut scene = Scene::new();
    scene.look(friday());
    scene.told.iter_mut().for_each(|t| t.reach = Reach::PutOff);
    assert_eq!(scene.says(friday().plus(30 * MINUTE)), "21");
}

#[test]
fn a_daemon_that_was_down_gives_each_level_its_time() {
    let mut scene = Scene::new();
    scene.look(friday());
    let late = friday().plus(5 * HOUR);
    assert_eq!(scene.says(late), "21");
    assert_eq!(scene.says(late.plus(59 * MINUTE)), "");
    assert_eq!(scene.says(late.plus(60 * MINUTE)), "30 31");
}

#[test]
fn a_suspect_is_never_told_whatever_he_is() {
    let cases = [
        ("10", "[10 himself] [officer vacant] 20"),
        ("20", "10 [20 himself] 21 30 31"),
        ("21", "10 20"),
        ("30", "10 20 40"),
        ("40", "10 20"),
        ("50", "10 20 40"),
    ];
    for (suspect, first) in cases {
        for severity in [Severity::Critical, Severity::Warning] {
            let mut scene = Scene::new();
            scene.suspect = Some(suspect);
            scene.severity = severity;
            scene.security.push(format!("{suspect}@desk.example.jp"));
            let first = match severity {
                Severity::Critical => first.to_owned(),
                _ => first.replace(" 31", ""),
            };
            assert_eq!(scene.says(friday()), first, "{suspect}");
            for hop in scene.foresee(friday()) {
                let his = |a: &String| a.starts_with(suspect);
                assert!(!hop.addresses.iter().any(his), "{suspect}: {hop:?}");
            }
        }
    }
}

#[test]
fn somebody_who_runs_the_host_without_a_post_is_told_of_to_the_auditor() {
    let mut scene = Scene::new();
    scene.settings.administrators = vec!["99".into()];
    scene.suspect = Some("99");
    assert_eq!(scene.says(friday()), "10 20 40");
    scene.refuse("20");
    assert_eq!(
        scene.says(friday()),
        "21",
        "the auditor is told beside the others, not in their place"
    );
}

#[test]
fn a_deputy_who_is_the_suspect_is_no_step_on_the_way() {
    let mut scene = Scene::new();
    scene.suspect = Some("21");
    scene.look(friday());
    assert_eq!(scene.says(friday().plus(30 * MINUTE)), "[21 himself] 22 30 31");
}

#[test]
fn an_alert_no_section_owns_begins_with_those_who_get_every_one() {
    let mut scene = Scene::new();
    let hops = scene
        .with(|case, office| look(&Case { owner: "", ..*case }, office, &[], friday()))
        .hops;
    assert_eq!(words(&hops), "security");
    scene.sections = Sections::default();
    scene.settings.duty.clear();
    assert_eq!(scene.look(friday()), Look::default(), "nobody could be next");
}

#[test]
fn notices_climb_no_ladder() {
    let mut scene = Scene::new();
    scene.severity = Severity::Notice;
    assert_eq!(scene.look(friday()), Look::default());
}
