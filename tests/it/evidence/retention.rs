//! Retention: what may be gone and what may not.

use std::collections::BTreeSet;
use std::time::Duration;

use sekimori::evidence::Entry;
use sekimori::pipeline::Pipeline;

use super::archive::{Archive, HOUR};

const YEAR: Duration = Duration::from_secs(366 * 86_400);

struct Kept {
    archive: Archive,
    pipeline: Pipeline,
    files: Vec<std::path::PathBuf>,
}

/// Three days of records, and a clock that stands `years` years later.
fn later(years: u32) -> Kept {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 3);
    archive.stop(pipeline);
    let entry = Entry::read(archive.entries()[archive.nth("segment", 0)].as_bytes()).unwrap();
    let files = vec![archive.file(entry.text("name")), archive.file("idx/00000001.idx")];
    archive.now = archive.now.plus(YEAR * years);
    let pipeline = archive.start();
    Kept {
        archive,
        pipeline,
        files,
    }
}

impl Kept {
    fn say(&mut self, what: &str) {
        let one = BTreeSet::from([1]);
        let (store, now) = (self.pipeline.writing_store().unwrap(), self.archive.now);
        if what == "expired" {
            store
                .ledger_append(&[Entry::new("expired", now).with("segments", vec![1])])
                .unwrap();
        } else {
            store.ledger_note(what, "000123", "決裁第7号", &one, now).unwrap();
        }
        self.archive.step(&mut self.pipeline, HOUR);
        self.archive.step(&mut self.pipeline, HOUR);
    }

    fn wait(&mut self, days: u32) {
        for _ in 0..days {
            self.archive.step(&mut self.pipeline, 24 * HOUR);
        }
    }

    fn delete(&mut self) {
        self.files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
        self.say("expired");
    }

    fn verify(self) -> super::archive::Verdict {
        let mut archive = self.archive;
        archive.stop(self.pipeline);
        archive.verify(&[])
    }
}

#[test]
fn an_expiry_that_was_due_announced_known_outside_and_waited_for_is_lawful() {
    let mut kept = later(7);
    kept.say("expire");
    kept.archive.anchor("mail");
    kept.wait(8);
    kept.delete();
    kept.verify().clean();
}

#[test]
fn case_10_a_segment_expired_before_its_time_names_the_approver() {
    let mut kept = later(1);
    kept.say("expire");
    kept.archive.anchor("mail");
    kept.wait(8);
    kept.delete();
    let verdict = kept.verify();
    let found = verdict.found("EARLY_EXPIRY");
    assert_eq!((&found["segment"], &found["approver"]), (&1.into(), &"000123".into()));
}

#[test]
fn case_11_an_expiry_nobody_outside_knew_of_in_time_is_told() {
    let mut unanchored = later(7);
    unanchored.say("expire");
    unanchored.wait(8);
    unanchored.delete();
    unanchored.verify().found("UNLOGGED_EXPIRY");
    let mut hasty = later(7);
    hasty.say("expire");
    hasty.archive.anchor("mail");
    hasty.wait(1);
    hasty.delete();
    hasty.verify().found("UNLOGGED_EXPIRY");
    let mut afterwards = later(7);
    afterwards.delete();
    afterwards.say("expire");
    afterwards.archive.anchor("mail");
    afterwards.verify().found("UNLOGGED_EXPIRY");
}

#[test]
fn case_12_a_segment_under_a_hold_must_not_go() {
    let mut kept = later(7);
    kept.say("hold");
    kept.say("expire");
    kept.archive.anchor("mail");
    kept.wait(8);
    kept.delete();
    let verdict = kept.verify();
    let found = verdict.found("EARLY_EXPIRY");
    assert!(found["what"].as_str().unwrap().contains("hold"), "{found}");
}

#[test]
fn the_command_line_deletes_nothing_that_is_not_due() {
    let kept = later(0);
    let archive = kept.archive;
    archive.verify(&["--stale-after", "99999"]).clean();
    drop(kept.pipeline);
    let site = &archive.site;
    assert_eq!(site.run(&["retain", "due"]).good().out, "");
    site.run(&["retain", "expire", "--by", "000123", "--reason", "第7号"])
        .good();
    site.run(&["retain", "delete"]).good();
    assert!(kept.files.iter().all(|file| file.exists()));
    site.run(&["retain", "hold", "--by", "000123", "--reason", "事案", "1"])
        .good();
    assert_eq!(
        site.run(&["retain", "hold", "--by", "000123", "--reason", "事案", "999"])
            .code,
        Some(2)
    );
}
