//! The real program dies, or the disk refuses, at every write of the record: the next run makes it good from store and source,
//! and verification finds nothing but warnings.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::Value;

use crate::support::site::{self, Setup, Site};

const SIGABRT: i32 = 6;
/// Lines of a round.
const LINES: u64 = 40;

/// Every place where the record is written, in the order of a run.
const PLACES: [&str; 17] = [
    "archive.write",
    "archive.finish",
    "archive.index",
    "archive.name",
    "commit.before",
    "commit.positions",
    "commit.book",
    "commit.after",
    "archive.place",
    "archive.placed",
    "log.line",
    "proof.carried",
    "proof.signed",
    "log.publish",
    "log.published",
    "step.read",
    "step.commit",
];

struct Host {
    site: Site,
    lines: u64,
}

impl Host {
    fn new() -> Host {
        let source = "[evidence]\nsegment_size = \"64KiB\"\n".to_owned();
        let site = Site::new(&Setup {
            source,
            ..Setup::default()
        });
        let mut host = Host { site, lines: 0 };
        host.write();
        host.site.pass().good();
        host
    }

    fn write(&mut self) {
        for n in self.lines..self.lines + LINES {
            self.site
                .append(site::line(n * 300, &format!("user{:02}", n % 60), "juki", n));
        }
        self.lines += LINES;
    }

    /// Verifies everything; gives the codes found.
    fn verify(&self, depth: &str) -> (i32, Vec<String>, Value) {
        let ran = self.site.run(&["verify", depth, "--json"]);
        let mut all: Vec<Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let whole = all.pop().unwrap_or_else(|| panic!("{}{}", ran.out, ran.err));
        let codes = all.iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect();
        (ran.code.unwrap(), codes, whole)
    }

    #[track_caller]
    fn sound(&self, after: &str) {
        let (code, codes, whole) = self.verify("full");
        assert_eq!(code, 0, "{after}: {codes:?}");
        assert_eq!(whole["records"], self.lines, "{after}");
        assert_eq!(self.site.counted(), self.lines, "{after}");
        let (code, codes, _) = self.verify("counters");
        assert_eq!(code, 0, "{after}: {codes:?}");
    }
}

fn happened(effect: &str, ran: &site::Ran) -> bool {
    match effect {
        "abort" => ran.status.signal() == Some(SIGABRT),
        _ => ran.code != Some(0) || ran.err.contains("ERROR") || ran.err.contains("WARN"),
    }
}

/// ENOSPC.
const FULL: &str = "28";

#[test]
fn case_24_dead_at_any_write_of_the_record_it_is_whole_again_after_the_next_start() {
    let mut host = Host::new();
    for place in PLACES {
        let mut times = 0;
        for nth in [1, 2, 4] {
            host.write();
            let ran = host.site.pass_with(&format!("{place}:{nth}:abort"));
            times += u32::from(happened("abort", &ran));
            // While it is dead the record may lag; it says nothing wrong.
            let (code, codes, _) = host.verify("full");
            assert_eq!(code, 0, "dead at {place}:{nth}: {codes:?}");
            host.write();
            host.site.pass().good();
            host.sound(&format!("{place}:{nth}"));
        }
        assert!(0 < times, "{place} is never passed");
    }
}

#[test]
fn a_disk_that_is_full_at_any_write_of_the_record_costs_nothing_but_time() {
    let mut host = Host::new();
    for place in PLACES {
        for nth in [1, 3] {
            host.write();
            let ran = host.site.pass_with(&format!("{place}:{nth}:{FULL}"));
            assert!(ran.code.is_some(), "{place}: {}", ran.err);
            let (code, codes, _) = host.verify("full");
            assert_eq!(code, 0, "full at {place}:{nth}: {codes:?}");
            host.write();
            host.site.pass().good();
            host.sound(&format!("{place}:{nth}"));
        }
    }
}

#[test]
fn case_24_with_the_source_gone_what_was_not_sealed_is_a_gap_and_nothing_else() {
    let mut host = Host::new();
    host.write();
    let ran = host.site.pass_with("archive.finish:1:abort");
    assert!(happened("abort", &ran), "{}", ran.err);
    std::fs::remove_file(&host.site.log).unwrap();
    host.site.append(site::line(90_000, "user01", "juki", 7));
    host.site.pass().good();
    let (code, codes, _) = host.verify("full");
    assert_eq!(code, 1);
    assert!(codes.contains(&"GAP".to_owned()), "{codes:?}");
    let tampering = [
        "REWRITTEN",
        "KEYCHAIN",
        "ROOT_MISMATCH",
        "SEG_MODIFIED",
        "CONTENT",
        "FORK",
    ];
    assert!(
        !codes.iter().any(|code| tampering.contains(&code.as_str())),
        "{codes:?}"
    );
}

#[test]
fn case_24_whatever_a_power_cut_leaves_of_the_log_files_is_completed() {
    let mut host = Host::new();
    host.write();
    host.site.pass().good();
    let folder = host.site.path("state/archive/log");
    for name in ["entries.jsonl", "cp.b64"] {
        let path = folder.join(name);
        // Checkpoints are made durable one by one: only the last can be cut.
        let cuts = if name == "cp.b64" {
            [1, 2, 3, 50, 100]
        } else {
            [1, 2, 100, 10_000, usize::MAX]
        };
        for cut in cuts {
            // What never reached the disk: the end is gone, or its blocks were never filled.
            for unwritten in [0, 64] {
                let whole = std::fs::read(&path).unwrap();
                let mut left = whole[..whole.len().saturating_sub(cut)].to_vec();
                left.extend(std::iter::repeat_n(0u8, unwritten));
                std::fs::write(&path, &left).unwrap();
                host.write();
                host.site.pass().good();
                host.sound(&format!("{name} cut by {cut}, {unwritten} unwritten"));
                let now = std::fs::read(&path).unwrap();
                assert!(now.starts_with(&whole), "{name} cut by {cut}");
            }
        }
    }
}

#[test]
fn a_clock_that_steps_back_and_forth_is_a_warning_and_never_tampering() {
    let mut archive = super::archive::Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    for hours in [3i64, -30, 50, -20] {
        let micros = archive.now.micros() + hours * 3_600_000_000;
        archive.now = sekimori::clock::WallTime::from_micros(micros);
        archive.write(20);
        archive.step(&mut pipeline, super::archive::HOUR);
    }
    archive.stop(pipeline);
    let pipeline = archive.start();
    archive.stop(pipeline);
    let verdict = archive.verify(&["full", "--stale-after", "99999"]);
    verdict.clean();
    assert!(!verdict.of("CLOCK").is_empty());
}
