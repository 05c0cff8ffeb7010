//! The crash matrix: the real process dies, or the system fails it, at every named place (`sekimori::fault`), and a log is
//! written, rotated or copied and emptied before it starts again. Every line is counted once, every mail leaves once.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;

use super::support::site::{self, Setup, Site};

/// Lines of a round: enough for alerts and their mails.
const LINES: u64 = 70;
const SIGABRT: i32 = 6;

/// What happens to the log while nobody looks.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Nothing,
    Renamed,
    Copied,
}

/// A log, and how much was written.
struct Story {
    site: Site,
    lines: u64,
    rotations: u64,
}

impl Story {
    fn new() -> Story {
        let mut story = Story {
            site: Site::new(&Setup::default()),
            lines: 0,
            rotations: 0,
        };
        // Before its first start a source has no past.
        story.write();
        story.site.pass().good();
        story
    }

    fn write(&mut self) {
        for n in self.lines..self.lines + LINES {
            // Each round is another account's, so that each has alerts of its own.
            let user = format!("user{:02}", self.lines / LINES % 60);
            self.site.append(site::line(n * 300, &user, "juki", n));
        }
        self.lines += LINES;
    }

    fn meanwhile(&mut self, what: Meanwhile) {
        let name = |n: u64| self.site.path(&format!("log/access.log.{n}"));
        if !matches!(what, Meanwhile::Nothing) {
            for n in (1..=self.rotations).rev() {
                fs::rename(name(n), name(n + 1)).unwrap();
            }
            self.rotations += 1;
        }
        match what {
            Meanwhile::Nothing => {}
            Meanwhile::Renamed => fs::rename(&self.site.log, name(1)).unwrap(),
            Meanwhile::Copied => {
                fs::copy(&self.site.log, name(1)).unwrap();
                File::options()
                    .write(true)
                    .open(&self.site.log)
                    .unwrap()
                    .set_len(0)
                    .unwrap();
            }
        }
    }

    /// One round: written, read until it happens at `place`, handled meanwhile, written, read to the end.
    fn round(&mut self, place: &str, nth: u64, effect: &str, what: Meanwhile) -> bool {
        self.write();
        let fault = format!("{place}:{nth}:{effect}");
        let ran = self.site.pass_with(&fault);
        let happened = match effect {
            "abort" => ran.status.signal() == Some(SIGABRT),
            _ => ran.code != Some(0),
        };
        assert!(happened || ran.code == Some(0), "{fault}: {} {}", ran.status, ran.err);
        self.meanwhile(what);
        self.write();
        self.site.pass().good();
        assert_eq!(self.site.counted(), self.lines, "{fault}, then {what:?}");
        let mails = self.site.mails();
        assert!(mails.values().all(|files| *files == 1), "{fault}: {mails:?}");
        let told: u64 = self.site.alerts().iter().map(|a| a["mails"].as_u64().unwrap()).sum();
        let about_alerts = mails.keys().filter(|id| !id.starts_with("N-")).count();
        assert_eq!(about_alerts as u64, told, "{fault}");
        happened
    }
}

fn matrix(places: &[&str], effects: &[&str]) {
    for place in places {
        let mut story = Story::new();
        let mut happened = 0;
        for effect in effects {
            for (nth, what) in [(1, Meanwhile::Nothing), (2, Meanwhile::Renamed), (1, Meanwhile::Copied)] {
                happened += u32::from(story.round(place, nth, effect, what));
            }
        }
        assert!(0 < happened, "{place} is never passed");
    }
}

#[test]
fn dead_in_the_middle_of_a_transaction_or_right_after_it_nothing_counts_twice() {
    let places = [
        "commit.before",
        "commit.positions",
        "commit.book",
        "commit.mails",
        "commit.after",
    ];
    matrix(&places, &["abort"]);
}

#[test]
fn dead_while_files_are_listed_opened_and_read_nothing_counts_twice() {
    let places = [
        "source.list",
        "source.look",
        "source.open",
        "source.stat",
        "source.read",
        "step.read",
        "step.commit",
    ];
    matrix(&places, &["abort"]);
}

#[test]
fn dead_before_or_after_a_mail_is_taken_each_mail_leaves_once() {
    matrix(&["mail.before", "mail.after"], &["abort", "5"]);
}

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_transaction_costs_nothing_but_time() {
    matrix(
        &["commit.before", "commit.positions", "commit.book", "commit.mails"],
        &["28"],
    );
}

#[test]
fn a_log_rotated_away_after_its_first_batch_died_is_read_from_its_first_line() {
    let site = Site::new(&Setup::default());
    for n in 0..40 {
        if n == 20 {
            let ran = site.pass_with("step.read:1:abort");
            assert_eq!(ran.status.signal(), Some(SIGABRT), "{}", ran.out);
            fs::rename(&site.log, site.path("log/access.log.1")).unwrap();
        }
        site.append(site::line(n * 300, "user01", "juki", n));
    }
    site.pass().good();
    assert_eq!([site.tally("lines"), site.counted()], [40, 40]);
}
