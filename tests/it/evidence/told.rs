//! What must not pass in silence: an archive behind its copy, things that do not belong into it, a log that is gone, records
//! that were lost.

use super::archive::{Archive, HOUR, copy};
use crate::support::site::{Ran, says};

#[test]
fn an_archive_that_is_behind_its_copy_was_cut() {
    let archive = Archive::five_days();
    let kept = archive.site.path("kept");
    copy(&archive.folder(), &kept);
    let entries = archive.entries();
    let (log, day) = archive.stolen();
    let size = entries.len() - 3;
    archive.put_entries(&entries[..size]);
    archive.put_notes(&[archive.signed(size, &[&log, &day])]);
    let (a, b) = (archive.folder(), kept.clone());
    let ran = archive
        .site
        .run(&["verify", "backup", a.to_str().unwrap(), b.to_str().unwrap()]);
    says(&ran.bad(1, &[]).out, &["FOUND TRUNCATED", "its end was cut"]);
}

#[test]
fn what_does_not_belong_into_the_archive_is_told_wherever_it_stands() {
    let archive = Archive::five_days();
    archive.verify(&[]).clean();
    let vkey = std::fs::read(archive.file("trust/log.vkey")).unwrap();
    for name in [
        "notes.txt",
        "log/entries.bak",
        "log/epoch/old.note",
        "trust/other.vkey",
        "seg/x",
    ] {
        std::fs::write(archive.file(name), &vkey).unwrap();
        let verdict = archive.verify(&[]);
        assert_eq!(verdict.found("EXTRA_FILE")["file"], name);
        assert_eq!(verdict.of("SIG_BAD").len(), 0, "{verdict:#?}");
        std::fs::remove_file(archive.file(name)).unwrap();
    }
    let elsewhere = archive.site.path("elsewhere");
    std::fs::rename(archive.file("seg"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, archive.file("seg")).unwrap();
    assert_eq!(archive.verify(&[]).found("EXTRA_FILE")["file"], "seg");
    std::fs::remove_file(archive.file("seg")).unwrap();
    std::fs::rename(&elsewhere, archive.file("seg")).unwrap();
    archive.verify(&[]).clean();
}

#[test]
fn a_log_that_is_gone_is_no_agreement_with_it() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    archive.verify(&["source"]).clean();
    std::fs::remove_file(&archive.site.log).unwrap();
    let verdict = archive.verify(&["source"]);
    assert_eq!(verdict.code, 2, "{verdict:#?}");
    let path = archive.site.log.to_str().unwrap();
    assert!(
        verdict.of("UNCHECKED").iter().any(|f| f["path"] == path),
        "{verdict:#?}"
    );
}

#[test]
fn an_answer_says_how_far_the_archive_reaches_and_what_was_lost_on_the_way() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    let export = |archive: &Archive, args: &[&str]| -> Ran {
        let by = ["export", "--by", "010001", "--reason", "照会", "--format", "json"];
        archive.site.run(&[&by[..], args].concat())
    };
    // Counted, and gone with its log before it was sealed.
    archive.write(30);
    archive.step(&mut pipeline, HOUR);
    drop(pipeline);
    std::fs::remove_file(&archive.site.log).unwrap();
    let pipeline = archive.start();
    archive.stop(pipeline);
    let ran = export(&archive, &["--dataset", "juki"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    says(
        &ran.err,
        &[
            "were lost before they were archived",
            "the archive holds records of 2025-06-02 to 2025-06-02",
        ],
    );
    let end: serde_json::Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&end["complete"], end["gaps"].as_array().unwrap().len()),
        (&false.into(), 1)
    );
    // Of other times nothing was lost.
    let ran = export(&archive, &["--to", "2001-01-01"]).good();
    says(
        &ran.err,
        &["0 records", "to 2001-01-01", "the archive holds records of 2025-06-02"],
    );
    let verdict = archive.verify(&["counters", "--stale-after", "99999"]);
    assert_eq!(verdict.of("COUNTER_DRIFT").len(), 0, "{verdict:#?}");
    assert_eq!(verdict.of("UNCOUNTED").len(), 1, "{verdict:#?}");
}
