//! kill -9 at random moments while a log is written and rotated: every line is counted exactly once, each alert is
//! mailed under its Message-IDs exactly once, and the alerts are those of a run nobody disturbed.
//!
//! `SEKIMORI_CRASH_KILLS=200 SEKIMORI_CRASH_LINES=200000` (and `SEKIMORI_BIN` for a release binary) make the long run.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::support::dice::{Dice, number};
use super::support::site::{self, Setup, Site};

/// Longest life of a daemon before it is killed.
const LIFE_MAX: Duration = Duration::from_millis(350);

/// One program that appends to the log and rotates it.
struct Writer<'a> {
    site: &'a Site,
    dice: Dice,
    /// Lines that may be written by now: more with every kill, so that the writing spans all of them.
    allowed: &'a AtomicU64,
    log: std::fs::File,
    whole: Vec<u8>,
    /// Batches between two rotations, on average.
    rotate_every: u64,
    rotations: u64,
}

impl Writer<'_> {
    /// Writes `lines` numbered lines in pieces that end anywhere. Gives back all of them.
    fn run(mut self, lines: u64) -> (Vec<u8>, u64) {
        let mut n = 0;
        while n < lines {
            while self.allowed.load(Ordering::SeqCst) <= n {
                site::pause(Duration::from_millis(1));
            }
            let batch = (1 + self.dice.below(80)).min(lines - n);
            let text: String = (n..n + batch).map(|n| self.line(n)).collect();
            n += batch;
            self.write(text.as_bytes());
            if self.dice.once_in(self.rotate_every) {
                self.rotate();
            }
            if self.dice.once_in(4) {
                let time = self.dice.time(Duration::from_millis(6));
                site::pause(time);
            }
        }
        (self.whole, self.rotations)
    }

    /// A few people look at many citizens, many at few; some have no right any more, or never had one.
    fn line(&mut self, n: u64) -> String {
        let user = match self.dice.below(400) {
            0 => "old01".to_owned(),
            1 => format!("nobody{}", self.dice.below(3)),
            2..26 => format!("user{:02}", self.dice.below(3)),
            _ => format!("user{:02}", self.dice.below(60)),
        };
        let dataset = if self.dice.once_in(3) { "zei" } else { "juki" };
        // A line a second: the long run goes over three days, and nobody has so many citizens a day that they
        // are only estimated.
        site::line(10 * n, &user, dataset, self.dice.below(5_000))
    }

    /// Writes in two pieces, as a program with a full buffer does.
    fn write(&mut self, bytes: &[u8]) {
        let (a, b) = bytes.split_at(self.dice.index(bytes.len() + 1));
        for piece in [a, b] {
            self.log.write_all(piece).unwrap();
        }
        self.whole.extend_from_slice(bytes);
    }

    /// Rename and create, `.1` before `.2`; the program keeps the old file open a little longer.
    fn rotate(&mut self) {
        self.rotations += 1;
        let name = |n: u64| self.site.path(&format!("log/access.log.{n}"));
        for n in (1..self.rotations).rev() {
            std::fs::rename(name(n), name(n + 1)).unwrap();
        }
        std::fs::rename(&self.site.log, name(1)).unwrap();
        let time = self.dice.time(Duration::from_millis(20));
        site::pause(time);
        self.log = site::open_log(&self.site.log);
    }
}

/// Every mail of every alert is there once, and none that belongs to no alert.
fn check_mails(site: &Site, alerts: &[Value]) {
    let mails = site.mails();
    assert!(
        mails.values().all(|files| *files == 1),
        "more than one file of a mail: {mails:?}"
    );
    let mut told = 0;
    for alert in alerts {
        let (number, count) = (alert["number"].as_str().unwrap(), alert["mails"].as_u64().unwrap());
        assert!(1 <= count, "not mailed: {alert}");
        for nth in 1..=count {
            let prefix = format!("{number}.{nth}.");
            assert_eq!(
                mails.keys().filter(|id| id.starts_with(&prefix)).count(),
                1,
                "mail {nth} of {alert}"
            );
        }
        told += count;
    }
    assert_eq!(site.unfinished_mails(), Vec::<std::path::PathBuf>::new());
    assert_eq!(mails.len() as u64, told, "mails without an alert: {mails:?}");
}

#[test]
fn killed_at_random_moments_every_line_counts_once_and_every_mail_leaves_once() {
    let mut dice = Dice::from_env("crash", 20_261_121);
    let (kills, lines) = (
        number("SEKIMORI_CRASH_KILLS", 12),
        number("SEKIMORI_CRASH_LINES", 12_000),
    );
    let site = Site::new(&Setup::default());
    let allowed = AtomicU64::new(0);
    let writer = Writer {
        site: &site,
        dice: dice.fork(),
        allowed: &allowed,
        log: site::open_log(&site.log),
        whole: Vec::new(),
        rotate_every: lines / 40 / kills + 1,
        rotations: 0,
    };
    let (whole, rotations) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| writer.run(lines));
        // The watch begins with the first look at the log, before which nothing is promised of rotated files.
        let daemon = site.daemon();
        site::until(
            || "the first look".to_owned(),
            || site.status()["sources"][0]["files"][0].is_object(),
        );
        daemon.kill();
        for kill in 2..=kills {
            allowed.store(lines * kill / (kills + 1), Ordering::SeqCst);
            let daemon = site.daemon();
            site::pause(dice.time(LIFE_MAX));
            daemon.kill();
        }
        allowed.store(lines, Ordering::SeqCst);
        writing.join().unwrap()
    });
    let daemon = site.daemon();
    site.wait_for(lines);
    daemon.stop();

    assert_eq!(site.counted(), lines);
    assert_eq!([site.tally("accesses"), site.tally("rejects")], [lines, 0]);
    let alerts = site.alerts();
    check_mails(&site, &alerts);
    let undisturbed = site.path("whole.log");
    std::fs::write(&undisturbed, &whole).unwrap();
    let expected = site.replay(&[&undisturbed]);
    println!(
        "{kills} kills, {lines} lines, {rotations} rotations, {} alerts, {} mails",
        alerts.len(),
        site.mails().len()
    );
    assert!(3 <= expected.len() && 1 <= rotations, "the story is too quiet");
    site::same_alerts(&alerts, &expected);
}
