//! The store: derived counters, copies, and the way back from one.

use super::archive::{Archive, HOUR};
use crate::support::site::says;
use rusqlite::Connection;

fn tamper(archive: &Archive, sql: &str) {
    let conn = Connection::open(archive.site.path("state/sekimori.db")).unwrap();
    assert!(0 < conn.execute(sql, []).unwrap(), "{sql}");
}

fn counters(archive: &Archive) -> super::archive::Verdict {
    archive.verify(&["counters", "--stale-after", "99999"])
}

#[test]
fn counters_that_are_right_are_found_right_also_while_segments_are_open() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 2);
    archive.write(30);
    archive.step(&mut pipeline, HOUR);
    drop(pipeline);
    let verdict = counters(&archive);
    verdict.clean();
    assert_eq!(verdict.whole["records"], 190);
    // Stopped and sealed, the same.
    let pipeline = archive.start();
    archive.stop(pipeline);
    counters(&archive).clean();
}

#[test]
fn case_23_a_lowered_counter_is_named_with_person_dataset_and_day() {
    let archive = Archive::five_days();
    counters(&archive).clean();
    tamper(
        &archive,
        "UPDATE book SET accesses = accesses - 1, records = records - 1
         WHERE key = (SELECT min(key) FROM page WHERE who = (SELECT id FROM who WHERE name = '010007'))",
    );
    let verdict = counters(&archive);
    let found = verdict.found("COUNTER_DRIFT");
    assert_eq!(verdict.of("COUNTER_DRIFT").len(), 1);
    assert_eq!(
        (&found["who"], &found["dataset"]),
        (&"person 010007".into(), &"juki".into())
    );
    let (kept, again) = (&found["accesses"][0], &found["accesses"][1]);
    assert_eq!(kept.as_u64().unwrap() + 1, again.as_u64().unwrap());
    assert!(found["day"].as_str().unwrap().len() == 10);
}

#[test]
fn case_23_a_page_that_is_gone_or_made_up_is_named() {
    let archive = Archive::five_days();
    tamper(
        &archive,
        "DELETE FROM book WHERE (key >> 20) & 0x7ffffff = (SELECT id FROM who WHERE name = '010009')",
    );
    let verdict = counters(&archive);
    assert_eq!(verdict.found("COUNTER_DRIFT")["who"], "person 010009");
}

#[test]
fn case_23_an_alert_that_is_deleted_is_missed_by_the_ledger() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    // An account that has retired.
    archive.site.append(crate::support::site::line(5, "old01", "juki", 3));
    archive.step(&mut pipeline, HOUR);
    archive.stop(pipeline);
    counters(&archive).clean();
    let number = archive.site.alerts()[0]["number"].clone();
    tamper(&archive, "DELETE FROM alert_step");
    let verdict = counters(&archive);
    let found = verdict.found("COUNTER_DRIFT");
    assert_eq!(found["alert"], number);
    assert_eq!(found["step"], "detected");
}

#[test]
fn a_store_goes_to_a_copy_and_comes_back_with_positions_alerts_and_ledger() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.site.append(crate::support::site::line(5, "old01", "juki", 3));
    archive.step(&mut pipeline, HOUR);
    archive.stop(pipeline);
    let (counted, alerts) = (archive.site.counted(), archive.site.alerts());
    let folder = archive.site.path("copies");
    let folder = folder.to_str().unwrap();
    let made = archive.site.run(&["backup", "--to", folder]).good().out;
    let copy = made.split(' ').next().unwrap().to_owned();
    // Later records, then the store is lost.
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let later = archive.site.counted();
    assert_eq!(later, counted + 80);
    let store = archive.site.path("state/sekimori.db");
    let restore = |archive: &Archive| {
        archive.site.run(&[
            "restore",
            "--from",
            &copy,
            "--by",
            "000123",
            "--reason",
            "障害復旧 第3号",
        ])
    };
    restore(&archive).bad(1, &["the store is there"]);
    for ending in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{ending}", store.display())));
    }
    let said = restore(&archive).good().out;
    says(&said, &["restored", "took over"]);
    assert_eq!((archive.site.counted(), archive.site.alerts()), (counted, alerts));
    // It goes on where the copy stood: what is still in the log is counted, once, and the ledger is continued.
    let mut pipeline = archive.start();
    assert_eq!(pipeline.proof_stopped(), None);
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    assert_eq!(archive.site.counted(), later + 80);
    let verdict = archive.verify(&["full", "--stale-after", "99999"]);
    verdict.clean();
    assert!(archive.entries().iter().any(|e| e.contains("\"t\":\"recover\"")));
    let verdict = counters(&archive);
    verdict.clean();
    assert_eq!(verdict.of("UNCOUNTED").len(), 1);
}

#[test]
fn a_copy_of_another_store_is_not_taken_back() {
    let archive = Archive::five_days();
    let other = Archive::five_days();
    let folder = other.site.path("copies");
    let made = other.site.run(&["backup", "--to", folder.to_str().unwrap()]).good().out;
    let copy = made.split(' ').next().unwrap();
    let store = archive.site.path("state/sekimori.db");
    std::fs::rename(&store, archive.site.path("kept.db")).unwrap();
    archive
        .site
        .run(&["restore", "--from", copy, "--by", "000123", "--reason", "x"])
        .bad(1, &["not one of this archive"]);
    assert!(!store.exists());
}

#[test]
fn only_the_newest_copies_are_kept_and_a_plain_one_never() {
    let archive = Archive::five_days();
    let folder = archive.site.path("copies");
    std::fs::create_dir(&folder).unwrap();
    for name in [
        "sekimori-20250101T000000.db.zst.age",
        "sekimori-20250102T000000.db.zst",
        "report.pdf",
    ] {
        std::fs::write(folder.join(name), b"x").unwrap();
    }
    archive
        .site
        .run(&["backup", "--to", folder.to_str().unwrap(), "--keep", "2"])
        .good();
    let names = std::fs::read_dir(&folder).unwrap();
    let names: Vec<String> = names.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(!names.iter().any(|name| name.contains("20250101")), "{names:?}");
    assert!(!archive.site.path("state/sekimori.backup").exists());
}

#[test]
fn a_host_is_moved_with_its_store_and_archive() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 2);
    archive.stop(pipeline);
    let counted = archive.site.counted();
    // Everything is copied to other inodes, as to another host.
    let moved = archive.site.path("moved");
    super::archive::copy(&archive.site.path("state"), &moved);
    std::fs::remove_dir_all(archive.site.path("state")).unwrap();
    std::fs::rename(&moved, archive.site.path("state")).unwrap();
    let log = std::fs::read(&archive.site.log).unwrap();
    std::fs::remove_file(&archive.site.log).unwrap();
    std::fs::write(&archive.site.log, log).unwrap();
    let mut pipeline = archive.start();
    assert_eq!(pipeline.proof_stopped(), None);
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    assert_eq!(archive.site.counted(), counted + 80);
    archive.verify(&["full", "--stale-after", "99999"]).clean();
    counters(&archive).clean();
}
