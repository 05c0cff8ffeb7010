//! What the daemon finds while a log is written is what a replay of the finished log finds.

use std::path::Path;
use std::time::Duration;

use super::support::dice::Dice;
use super::support::site::{self, Setup, Site, append_to};

/// Writes `bytes` to `path` in pieces of random size that end anywhere, in lines and in characters, and lets the
/// daemon look in between, now and then.
fn produce(path: &Path, bytes: &[u8], dice: &mut Dice) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = if dice.once_in(8) { 16_000 } else { 400 };
        let (piece, after) = rest.split_at((1 + dice.index(most)).min(rest.len()));
        append_to(path, piece);
        rest = after;
        if dice.once_in(3) {
            let time = dice.time(Duration::from_millis(12));
            site::pause(time);
        }
    }
}

#[test]
fn a_log_written_in_pieces_gives_the_alerts_of_its_replay() {
    let mut dice = Dice::from_env("live_equals_replay", 3);
    let site = Site::new(&Setup::default());
    let mut log = String::new();
    let lines = 6_000;
    for n in 0..lines {
        let user = match dice.below(300) {
            0 => "old01".to_owned(),
            1 => format!("nobody{}", dice.below(4)),
            _ => format!("user{:02}", dice.below(1 + n / 400)),
        };
        // Servers write a request when it ends: lines are not quite in order. Nights lie between some.
        let at = n + n / 2_000 * 500_000 - dice.below(20).min(n % 2_000);
        log.push_str(&site::line(
            at,
            &user,
            if dice.once_in(3) { "zei" } else { "juki" },
            dice.below(900),
        ));
    }
    let daemon = site.daemon();
    produce(&site.log, log.as_bytes(), &mut dice);
    site.wait_for(lines);
    daemon.stop();
    let expected = site.replay(&[&site.log]);
    println!("{} alerts", expected.len());
    assert!(5 <= expected.len(), "the story is too quiet");
    site::same_alerts(&site.alerts(), &expected);
}

#[test]
fn the_trial_runs_logs_written_live_side_by_side_give_the_alerts_of_their_replay() {
    let mut dice = Dice::from_env("live_equals_replay", 4);
    let site = Site::trial();
    let names = [
        "juminzei/access.log",
        "kaigo/audit.jsonl",
        "juki/oplog-20261114.csv",
        "juki/oplog-20261121.csv",
    ];
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/quickstart");
    let logs = names.map(|name| (name, std::fs::read(samples.join(name)).unwrap()));
    let daemon = site.daemon();
    // The two CSV files one after the other, as days do; the systems side by side.
    std::thread::scope(|scope| {
        for group in [&logs[..1], &logs[1..2], &logs[2..]] {
            let (mut dice, site) = (dice.fork(), &site);
            scope.spawn(move || {
                for (name, bytes) in group {
                    produce(&site.path("fixtures/quickstart").join(name), bytes, &mut dice);
                }
            });
        }
    });
    let ends = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count() as u64;
    site.wait_for(logs.iter().map(|(_, bytes)| ends(bytes)).sum());
    daemon.stop();
    let expected = site.replay(&[]);
    println!("{} alerts", expected.len());
    site::same_alerts(&site.alerts(), &expected);
}
