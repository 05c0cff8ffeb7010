//! What goes wrong, and what only looks as if it did.

use sekimori::calendar::Day;
use sekimori::detect::Severity::{Critical, Warning};

use super::people::{Agency, section_name};
use super::year::{Act, Incident, Plan, Trap, clock};

fn incident(
    plan: &mut Plan,
    what: &'static str,
    rules: &'static [&'static str],
    severity: sekimori::detect::Severity,
    (who, dataset): (String, &'static str),
    (day, at): (Day, i64),
) {
    plan.incidents.push(Incident {
        what,
        rules,
        severity,
        who,
        dataset,
        day,
        at,
    });
}

pub(super) fn incidents(agency: &mut Agency, plan: &mut Plan) {
    accounts(agency, plan);
    takes(agency, plan);
    drips(agency, plan);
    hours(agency, plan);
    sequences(agency, plan);
    relations(agency, plan);
    grants(agency, plan);
}

/// Use that the register does not grant, or by accounts of other sorts.
fn grants(agency: &mut Agency, plan: &mut Plan) {
    // The contract has run out, the account has not.
    let who = agency.cast(2);
    let person = &mut agency.people[who];
    (person.sort, person.contract_to, person.works) = ("委託", "R8.5.31", false);
    let number = person.number.clone();
    let day = plan.business(46);
    plan.add(day, [Act::look(agency, who, 2, clock(10, 20), 6_000_000)]);
    incident(
        plan,
        "behind the contract",
        &["A7"],
        Critical,
        (number, "kaigo"),
        (day, clock(10, 20)),
    );

    let who = agency.cast(3);
    let person = &mut agency.people[who];
    (person.sort, person.works) = ("特権", false);
    let number = person.number.clone();
    let day = plan.business(48);
    plan.add(day, [Act::look(agency, who, 3, clock(11, 40), 6_000_700)]);
    incident(
        plan,
        "an administrator looks",
        &["A8"],
        Warning,
        (number, "koho"),
        (day, clock(11, 40)),
    );

    let who = agency.cast(3);
    let person = &mut agency.people[who];
    (person.granted, person.works) = (("koho", "照会"), false);
    let number = person.number.clone();
    let day = plan.business(49);
    plan.add(day, [Act::export(agency, who, 3, clock(15, 10), 3)]);
    incident(
        plan,
        "an export nobody granted",
        &["P3"],
        Critical,
        (number, "koho"),
        (day, clock(15, 10)),
    );

    let who = agency.cast(3);
    let person = &mut agency.people[who];
    (person.granted, person.works) = (("koho", ""), false);
    let number = person.number.clone();
    let day = plan.business(51);
    plan.add(day, [Act::look(agency, who, 0, clock(13, 30), 6_001_400)]);
    incident(
        plan,
        "a dataset nobody granted",
        &["P1"],
        Warning,
        (number, "juki"),
        (day, clock(13, 30)),
    );

    let who = agency.cast(2);
    let number = agency.people[who].number.clone();
    let day = plan.business(53);
    plan.add(
        day,
        [Act::look(agency, who, 2, clock(12, 40), 6_002_100).at_terminal("KASHI-01")],
    );
    incident(
        plan,
        "from a lent terminal",
        &["P2"],
        Warning,
        (number, "kaigo"),
        (day, clock(12, 40)),
    );

    // Somebody on the list of the 保護管理者.
    let who = agency.cast(0);
    let number = agency.people[who].number.clone();
    let day = plan.business(57);
    plan.add(day, [Act::look(agency, who, 0, clock(14, 50), super::people::WATCHED)]);
    incident(
        plan,
        "somebody to be protected",
        &["S3"],
        Warning,
        (number, "juki"),
        (day, clock(14, 50)),
    );
}

fn accounts(agency: &mut Agency, plan: &mut Plan) {
    // Retired on a Friday, back on the Saturday.
    let who = agency.cast(0);
    let person = &mut agency.people[who];
    (person.to, person.state, person.state_from) = ("R8.5.29", "退職", "R8.5.30");
    person.works = false;
    let number = person.number.clone();
    let day = sekimori::calendar::parse_date("2026-05-30").unwrap();
    let acts: Vec<Act> = (0..16)
        .map(|n| Act::export(agency, who, 0, clock(9, 41) + n * 13, 15))
        .collect();
    plan.add(day, acts);
    incident(
        plan,
        "retired the day before",
        &["A1"],
        Critical,
        (number, "juki"),
        (day, clock(9, 41)),
    );

    let who = agency.cast(2);
    let person = &mut agency.people[who];
    (person.state, person.state_from, person.state_to) = ("育休", "R8.4.20", "R9.3.31");
    person.works = false;
    let number = person.number.clone();
    let day = plan.business(35);
    plan.add(day, [Act::look(agency, who, 2, clock(10, 5), 1_234_567)]);
    incident(
        plan,
        "on leave",
        &["A3"],
        Critical,
        (number, "kaigo"),
        (day, clock(10, 5)),
    );

    let who = agency.cast(1);
    agency.people[who].from = "R8.7.1";
    agency.people[who].works = false;
    let number = agency.people[who].number.clone();
    let day = plan.business(25);
    plan.add(day, [Act::look(agency, who, 1, clock(11, 0), 1_234_574)]);
    incident(
        plan,
        "before the right begins",
        &["A2"],
        Warning,
        (number, "juminzei"),
        (day, clock(11, 0)),
    );

    let day = plan.business(41);
    let act = Act {
        user: "maint99".into(),
        ..Act::look(agency, 0, 1, clock(14, 2), 1_234_581)
    };
    plan.add(day, [act]);
    incident(
        plan,
        "nobody's account",
        &["A4"],
        Warning,
        ("maint99".into(), "juminzei"),
        (day, clock(14, 2)),
    );
}

fn takes(agency: &mut Agency, plan: &mut Plan) {
    let who = agency.cast(1);
    let number = agency.people[who].number.clone();
    let day = plan.business(30);
    plan.add(day, [Act::export(agency, who, 1, clock(14, 3), 12_480)]);
    incident(
        plan,
        "one large take",
        &["V1C"],
        Critical,
        (number, "juminzei"),
        (day, clock(14, 3)),
    );

    let who = agency.cast(0);
    let number = agency.people[who].number.clone();
    let day = plan.business(44);
    let acts: Vec<Act> = (0..3)
        .map(|n| Act::export(agency, who, 0, clock(15, 0) + n * 900, 400))
        .collect();
    plan.add(day, acts);
    incident(
        plan,
        "split over an hour",
        &["V2", "V3"],
        Warning,
        (number, "juki"),
        (day, clock(15, 30)),
    );

    // Leaving in three weeks: half of the limits.
    let who = agency.cast(1);
    agency.people[who].leaving = "R8.6.30";
    let number = agency.people[who].number.clone();
    let day = sekimori::calendar::parse_date("2026-06-10").unwrap();
    plan.add(day, [Act::export(agency, who, 1, clock(16, 40), 640)]);
    incident(
        plan,
        "before leaving",
        &["V1"],
        Warning,
        (number, "juminzei"),
        (day, clock(16, 40)),
    );

    // Seven users stay below every limit of their own, on one day.
    let day = plan.business(50);
    for n in 0..7 {
        let who = agency.cast(1);
        plan.add(day, [Act::export(agency, who, 1, clock(10, 0) + n * 1_200, 960)]);
        if n == 6 {
            let at = clock(10, 0) + n * 1_200;
            incident(
                plan,
                "split over seven users",
                &["V7"],
                Warning,
                (String::new(), "juminzei"),
                (day, at),
            );
        }
    }

    // Citizen after citizen, all day.
    let who = agency.cast(2);
    let number = agency.people[who].number.clone();
    let day = plan.business(58);
    let acts: Vec<Act> = (0..301)
        .map(|n| {
            Act::look(
                agency,
                who,
                2,
                clock(8, 40) + n * 80,
                5_000_000 + (n as u64 * 7_919) % 80_000,
            )
        })
        .collect();
    plan.add(day, acts);
    incident(
        plan,
        "very many citizens",
        &["V3S"],
        Warning,
        (number, "kaigo"),
        (day, clock(8, 40) + 300 * 80),
    );
}

fn drips(agency: &mut Agency, plan: &mut Plan) {
    // 99 a day where 100 is the limit: the sixth business day passes 500 in thirty days.
    let who = agency.cast(2);
    agency.people[who].exports = false;
    let number = agency.people[who].number.clone();
    // Not more than three a week, else the seven days tell of it sooner.
    let days = [10, 12, 14, 16, 18, 20];
    for (n, day) in days.into_iter().enumerate() {
        let day = plan.business(day);
        plan.add(day, [Act::export(agency, who, 2, clock(13, 10), 99)]);
        if n == 5 {
            incident(
                plan,
                "99 a day",
                &["V5"],
                Warning,
                (number.clone(), "kaigo"),
                (day, clock(13, 10)),
            );
        }
    }
    // A tenth of everybody registered within thirty days.
    let who = agency.cast(3);
    agency.people[who].exports = false;
    let number = agency.people[who].number.clone();
    for n in 0..6 {
        let day = plan.business(60 + n);
        plan.add(day, [Act::export(agency, who, 3, clock(11, 20), 420)]);
        if n == 5 {
            incident(
                plan,
                "a tenth of the register",
                &["V9"],
                Critical,
                (number.clone(), "koho"),
                (day, clock(11, 20)),
            );
        }
    }
}

fn hours(agency: &mut Agency, plan: &mut Plan) {
    let who = agency.cast(1);
    let number = agency.people[who].number.clone();
    let day = plan.business(33);
    plan.add(day, [Act::export(agency, who, 1, clock(20, 40), 12)]);
    incident(
        plan,
        "an export in the evening",
        &["T1X"],
        Warning,
        (number, "juminzei"),
        (day, clock(20, 40)),
    );

    let who = agency.cast(0);
    let number = agency.people[who].number.clone();
    let day = plan.closed_from(70);
    plan.add(day, [Act::export(agency, who, 0, clock(10, 0), 25)]);
    incident(
        plan,
        "an export on a closed day",
        &["T2X"],
        Warning,
        (number, "juki"),
        (day, clock(10, 0)),
    );

    let who = agency.cast(2);
    let number = agency.people[who].number.clone();
    let day = plan.business(38);
    plan.add(day, [Act::export(agency, who, 2, clock(23, 12), 4)]);
    incident(
        plan,
        "an export at night",
        &["T3"],
        Critical,
        (number, "kaigo"),
        (day, clock(23, 12)),
    );
}

fn sequences(agency: &mut Agency, plan: &mut Plan) {
    // Somebody else uses the account, from another building.
    let who = agency.cast(1);
    let number = agency.people[who].number.clone();
    let day = plan.business(47);
    plan.add(
        day,
        [
            Act::look(agency, who, 1, clock(15, 1), 2_000_000),
            Act::look(agency, who, 1, clock(15, 5), 2_000_700).at_terminal("PC-9001"),
        ],
    );
    incident(
        plan,
        "one account, two terminals",
        &["A6"],
        Warning,
        (number, "juminzei"),
        (day, clock(15, 5)),
    );

    // Three accounts at the desk of one of them.
    let (a, b, c) = (agency.cast(2), agency.cast(2), agency.cast(2));
    let desk = agency.people[a].terminal.clone();
    let number = agency.people[c].number.clone();
    let day = plan.business(52);
    plan.add(
        day,
        [
            Act::look(agency, a, 2, clock(12, 10), 2_100_000),
            Act::look(agency, b, 2, clock(12, 18), 2_100_700).at_terminal(&desk),
            Act::look(agency, c, 2, clock(12, 26), 2_101_400).at_terminal(&desk),
        ],
    );
    incident(
        plan,
        "three accounts at one terminal",
        &["A6P"],
        Warning,
        (number, "kaigo"),
        (day, clock(12, 26)),
    );

    let who = agency.cast(0);
    let number = agency.people[who].number.clone();
    let day = plan.business(36);
    let acts: Vec<Act> = (0..5)
        .map(|n| Act::login(agency, who, 0, clock(7, 40) + n * 40, true).at_terminal("PC-9002"))
        .collect();
    plan.add(day, acts);
    incident(
        plan,
        "passwords tried",
        &["A10"],
        Warning,
        (number, "juki"),
        (day, clock(7, 40) + 160),
    );

    // A script goes through the register.
    let who = agency.cast(0);
    let number = agency.people[who].number.clone();
    let day = plan.business(40);
    let acts: Vec<Act> = (0..60)
        .map(|n| Act::look(agency, who, 0, clock(16, 0) + n * 4, 3_000_000 + n as u64 * 7).at_terminal("PC-0000-S"))
        .map(|act| Act {
            terminal: agency.people[who].terminal.clone(),
            ..act
        })
        .collect();
    plan.add(day, acts);
    incident(
        plan,
        "numbers in order",
        &["V10"],
        Warning,
        (number, "juki"),
        (day, clock(16, 0) + 19 * 4),
    );
}

fn relations(agency: &mut Agency, plan: &mut Plan) {
    // Seven people of several sections look at one citizen who is in the news.
    let cast: Vec<usize> = [0, 1, 0, 1, 0, 1, 0]
        .into_iter()
        .map(|kind| agency.cast(kind))
        .collect();
    let sections: std::collections::BTreeSet<String> =
        cast.iter().map(|w| section_name(agency.people[*w].section)).collect();
    assert!(2 <= sections.len());
    let base = 54;
    for (n, who) in cast.iter().enumerate() {
        let day = plan.business(base + n / 2);
        let at = clock(9, 30) + n as i64 * 4_000;
        plan.add(day, [Act::look(agency, *who, 0, at, 9_999_999)]);
        if n == 6 {
            let number = agency.people[*who].number.clone();
            incident(
                plan,
                "the neighbour in the news",
                &["S1"],
                Warning,
                (number, "juki"),
                (day, at),
            );
        }
    }
}

fn trap(plan: &mut Plan, what: &'static str, who: String, days: (Day, Day)) {
    plan.traps.push(Trap { what, who, days });
}

pub(super) fn traps(agency: &mut Agency, plan: &mut Plan) {
    let all = (plan.days[0].0, plan.days.last().unwrap().0);
    // Overtime with looks only, on many evenings.
    for _ in 0..3 {
        let who = agency.cast(1);
        let number = agency.people[who].number.clone();
        for n in (5..60).step_by(2) {
            let day = plan.business(n);
            let subject = 1_000_000 + agency.dice.below(80_000) * 7;
            let at = clock(20, 15) + agency.dice.below(3_000) as i64;
            let act = Act::look(agency, who, 1, at, subject);
            plan.add(day, [act]);
        }
        trap(plan, "overtime", number, all);
    }
    // The counter is open on Saturdays.
    for _ in 0..2 {
        let who = agency.cast(0);
        let number = agency.people[who].number.clone();
        for week in 0..10 {
            let day = plan.closed_from(week * 7 + 1);
            for n in 0..8 {
                let subject = 1_000_000 + agency.dice.below(80_000) * 7;
                plan.add(day, [Act::look(agency, who, 0, clock(9, 0) + n * 900, subject)]);
            }
        }
        trap(plan, "open on Saturday", number, all);
    }
    // A family of five, one number after the other.
    let who = agency.cast(0);
    let number = agency.people[who].number.clone();
    let day = plan.business(22);
    let acts: Vec<Act> = (0..5)
        .map(|n| Act::look(agency, who, 0, clock(10, 0) + n * 30, 4_000_000 + n as u64))
        .collect();
    plan.add(day, acts);
    trap(plan, "a family", number, (day, day));
    // A work list in the order of numbers, far apart.
    let who = agency.cast(1);
    let number = agency.people[who].number.clone();
    let day = plan.business(29);
    let acts: Vec<Act> = (0..40)
        .map(|n| Act::look(agency, who, 1, clock(13, 0) + n * 60, 4_100_000 + n as u64 * 1_500))
        .collect();
    plan.add(day, acts);
    trap(plan, "a sorted work list", number, (day, day));
    // Case workers see the same people again and again, and write down why.
    for _ in 0..2 {
        let who = agency.cast(2);
        let number = agency.people[who].number.clone();
        for n in (3..60).step_by(4) {
            let day = plan.business(n);
            let look = Act::look(agency, who, 2, clock(14, 0), 4_200_000);
            let update = Act {
                action: "更新",
                at: clock(14, 4),
                ..look.clone()
            };
            plan.add(day, [look, update]);
        }
        trap(plan, "a case worker", number, all);
    }
    // A password forgotten over the holidays, twice, and then remembered.
    let who = agency.cast(0);
    let number = agency.people[who].number.clone();
    let day = plan.business(24);
    let acts: Vec<Act> = (0..5)
        .map(|n| Act::login(agency, who, 0, clock(8, 30) + n * 30, n < 4))
        .collect();
    plan.add(day, acts);
    trap(plan, "a forgotten password", number, (day, day));
    // A file of almost as many as is allowed.
    let who = agency.cast(1);
    agency.people[who].exports = false;
    let number = agency.people[who].number.clone();
    let day = plan.business(31);
    plan.add(day, [Act::export(agency, who, 1, clock(10, 0), 940)]);
    trap(plan, "almost as many as allowed", number, (day, day));
}
