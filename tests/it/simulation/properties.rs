//! What is found does not depend on how lines fall into batches, nor on which file is read first.

use std::time::Duration;

use super::oracle::facts;
use super::script::{Dice, Event, Fate, Shape};
use super::world::{self, source, start};
use crate::support::daemon::{TestDaemon, jst};

/// Lines of two days, most of them of one person, in order but for late ones.
fn lines(dice: &mut Dice, n: u64, spread: i64) -> Vec<String> {
    let end = jst("2026-11-20 12:00:00").secs();
    let begin = end - spread;
    let line = |i: u64, dice: &mut Dice| {
        let late = match dice.roll(12) {
            0 => dice.roll(3 * 3_600),
            1 => dice.roll(spread as u64),
            _ => dice.roll(30),
        };
        let event = Event {
            fate: Fate::Access,
            newline: false,
            ..Event::roll(dice)
        };
        let secs = begin + spread * i as i64 / n as i64 - late as i64;
        world::text(Shape::Json, &event, (secs.max(begin), i as usize))
    };
    (0..n).map(|i| line(i, dice)).collect()
}

fn daemon(sources: &str) -> TestDaemon {
    start(sources, jst("2026-11-20 12:00:00"))
}

fn cut_anywhere(seed: u64, lines: &[String]) -> TestDaemon {
    let mut dice = Dice(seed ^ 0xfeed);
    let mut daemon = daemon(source(Shape::Json));
    let often = 2 + dice.roll(30);
    for line in lines {
        daemon.write("app.log", line);
        match dice.roll(often * 4) {
            0 => daemon.restart(),
            1 => {
                daemon.step();
                daemon.crash();
                daemon.rise();
            }
            2 => drop(daemon.settle()),
            3 => {
                daemon.step();
                daemon.tick(Duration::from_millis(150));
            }
            4 => {
                daemon.step();
                daemon.fail_batch();
            }
            _ => {}
        }
    }
    daemon.settle();
    daemon
}

#[test]
fn the_same_lines_in_other_batches_are_the_same_alerts() {
    for seed in 0..10u64 {
        let mut dice = Dice(seed);
        let spread = if dice.one_in(2) { 20 * 3_600 } else { 3 * 3_600 };
        let lines = lines(&mut dice, 250, spread);
        let mut whole = daemon(source(Shape::Json));
        whole.write("app.log", &lines.concat());
        whole.settle();
        let cut = cut_anywhere(seed, &lines);
        assert!(!whole.alerts().is_empty());
        assert_eq!(facts(&cut), facts(&whole), "seed {seed}");
    }
}

#[test]
fn batches_that_follow_one_another_while_the_one_before_is_committed_are_the_same_alerts() {
    for seed in 0..3u64 {
        let mut dice = Dice(seed + 500);
        let lines = lines(&mut dice, 300, 60 * 3_600);
        let mut whole = daemon(source(Shape::Json));
        whole.write("app.log", &lines.concat());
        whole.settle();
        let mut behind = daemon(source(Shape::Json));
        behind.small_batches(1, 4_000);
        behind.write("app.log", &lines.concat());
        let first = behind.step().unwrap();
        assert!(first.more && first.lines < 100, "{first:?}");
        behind.settle();
        assert!(!whole.alerts().is_empty());
        assert_eq!(facts(&behind), facts(&whole), "seed {seed}");
    }
}

const TWO: &str = r#"
[[source]]
name = "first"
paths = ["first.log"]
format = "json"
[source.fields]
time = "at"
user = "user"
operation = "action"
resource = "screen"
rows = "count"
outcome = "result"
subject = "no"
[[source]]
name = "second"
paths = ["second.log"]
format = "json"
[source.fields]
time = "at"
user = "user"
operation = "action"
resource = "screen"
rows = "count"
outcome = "result"
subject = "no"
"#;

/// Rule, who, dataset, observed, limit: what does not depend on which access came last.
fn found(daemon: &TestDaemon) -> Vec<(String, String, String, u64, u64)> {
    daemon
        .alerts()
        .into_iter()
        .map(|a| (a.rule, a.who, a.dataset, a.observed, a.limit))
        .collect()
}

#[test]
fn lines_arriving_in_another_order_through_two_sources_are_the_same_alerts() {
    for seed in 0..10u64 {
        let mut dice = Dice(seed + 1_000);
        // One situation: less than a day from the first line to the last.
        let lines = lines(&mut dice, 120, 20 * 3_600);
        let mut whole = daemon(TWO);
        whole.write("first.log", &lines.concat());
        whole.settle();
        let mut shuffled = lines.clone();
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, dice.roll(at as u64 + 1) as usize);
        }
        let mut apart = daemon(TWO);
        for line in &shuffled {
            apart.write(if dice.one_in(2) { "first.log" } else { "second.log" }, line);
            match dice.roll(12) {
                0 => drop(apart.settle()),
                1 => apart.restart(),
                _ => {}
            }
        }
        apart.settle();
        assert!(!whole.alerts().is_empty());
        assert_eq!(found(&apart), found(&whole), "seed {seed}");
    }
}

fn unregistered(secs: i64, n: usize) -> String {
    let event = Event {
        fate: Fate::Access,
        user: super::script::UNKNOWN,
        success: true,
        ..Event::roll(&mut Dice(1))
    };
    world::text(Shape::Json, &event, (secs, n))
}

#[test]
fn a_late_line_between_two_situations_leaves_them_two_however_lines_fall_into_batches() {
    // Seed 127: in one batch the late line made one of two situations that lie more than a day apart.
    let start = jst("2026-11-17 12:00:00").secs();
    let lines = [start, start + 30 * 3_600, start + 15 * 3_600].map(|at| unregistered(at, 1));
    let mut whole = daemon(source(Shape::Json));
    whole.write("app.log", &lines.concat());
    whole.settle();
    let mut apart = daemon(source(Shape::Json));
    for line in &lines {
        apart.write("app.log", line);
        apart.settle();
    }
    assert_eq!(facts(&whole), facts(&apart));
    let of: Vec<_> = whole
        .alerts_of("WHO")
        .iter()
        .map(|a| (a.first_seen.secs() - start, a.hits))
        .collect();
    assert_eq!(of, [(0, 1), (15 * 3_600, 2)]);
}

#[test]
fn the_rest_of_an_older_file_is_read_before_the_newer_one() {
    // Seed 19: the newer file of a dated row was read first, and the alert began at another line than in a replay.
    let mut daemon = daemon(source(Shape::Csv));
    let line = |secs: i64, rows: u64| {
        let event = Event {
            fate: Fate::Access,
            user: 0,
            dataset: 0,
            operation: 1,
            rows: Some(rows),
            success: true,
            subject: 1,
            ago: 0,
            newline: false,
        };
        world::text(Shape::Csv, &event, (secs, 1))
    };
    let noon = jst("2026-11-19 12:00:00").secs();
    daemon.write(&world::dated(1), world::HEADER);
    daemon.settle();
    daemon.write(&world::dated(1), &line(noon, 131));
    daemon.write(&world::dated(2), &(world::HEADER.to_owned() + &line(noon + 60, 9)));
    daemon.settle();
    let alerts = daemon.alerts_of("ROLL");
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (alerts[0].first_seen.secs(), alerts[0].hits, alerts[0].observed),
        (noon, 2, 140)
    );
}

#[test]
fn a_rotated_file_is_read_to_its_end_before_the_new_one_however_little_is_read_at_a_time() {
    // Seed 333: where the rest of a turn was too short for the next line of the old file, one of the new file came first.
    let noon = jst("2026-11-19 12:00:00").secs();
    let line = |n: usize| {
        let event = Event {
            fate: Fate::Access,
            user: 0,
            dataset: 0,
            operation: 1,
            success: true,
            ..Event::roll(&mut Dice(1))
        };
        let pad = " ".repeat(if n < 6 { 60 } else { 0 });
        world::text(Shape::Json, &event, (noon + n as i64, n)).replace("\n", &format!("{pad}\n"))
    };
    for turn in (100..400).step_by(15) {
        let mut daemon = daemon(source(Shape::Json));
        daemon.small_batches(1, turn);
        daemon.settle();
        daemon.write("app.log", &(0..6).map(line).collect::<String>());
        std::fs::rename(daemon.path("app.log"), daemon.path("app.log.1")).unwrap();
        daemon.write("app.log", &(6..12).map(line).collect::<String>());
        daemon.settle();
        let alerts = daemon.alerts_of("HOUR");
        let found: Vec<_> = alerts
            .iter()
            .map(|a| (a.first_seen.secs() - noon, a.hits, a.observed))
            .collect();
        assert_eq!(found, [(5, 7, 12)], "{turn} bytes at a time");
    }
}
