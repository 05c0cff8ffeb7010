//! What a command did cannot be taken back by a copy of the store made just before: its entry is in the log folder, signed,
//! before it gives anything out.

use super::archive::Archive;
use crate::support::site::says;
use sekimori::store::Lock;

const WHO: [&str; 4] = ["--by", "010001", "--reason", "覗き見"];

fn one_day() -> Archive {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    archive
}

fn export() -> Vec<&'static str> {
    [&["export"], &WHO[..], &["--subject", "00000007"]].concat()
}

/// Indexes of entries of a kind in the log folder that the last checkpoint covers.
fn signed(archive: &Archive, kind: &str) -> usize {
    let size: usize = archive.notes().last().unwrap().lines().nth(1).unwrap().parse().unwrap();
    let kind = format!("\"t\":\"{kind}\"");
    archive
        .entries()
        .iter()
        .take(size)
        .filter(|e| e.contains(&kind))
        .count()
}

/// Puts the store back as it was before `act`.
fn undone(archive: &Archive, act: impl FnOnce(&Archive)) {
    let (store, kept) = (archive.site.path("state/sekimori.db"), archive.site.path("before.db"));
    std::fs::copy(&store, &kept).unwrap();
    act(archive);
    for ending in ["-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{ending}", store.display())));
    }
    std::fs::copy(&kept, &store).unwrap();
}

#[test]
fn a_peek_is_signed_before_its_first_record_also_where_no_daemon_runs() {
    let archive = one_day();
    // Killed the moment before it would be signed: nothing was given out.
    let ran = archive.site.run_with(&export(), "proof.carried:1:abort");
    assert_eq!((ran.code, ran.out.as_str()), (None, ""));
    undone(&archive, |archive| {
        let ran = archive.site.run(&export()).good();
        assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
        assert_eq!((signed(archive, "export"), signed(archive, "exported")), (2, 1));
    });
    let pipeline = archive.start();
    let why = pipeline
        .proof_stopped()
        .expect("the store is older than what was signed");
    says(why.pick(sekimori::text::Lang::En), &["older than the log"]);
    drop(pipeline);
    // And so for whoever peeks once more.
    let ran = archive.site.run(&export());
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    says(&ran.err, &["the ledger cannot be signed", "older than the log"]);
}

#[test]
fn holds_announcements_and_copies_are_signed_too() {
    let archive = one_day();
    undone(&archive, |archive| {
        archive
            .site
            .run(&[&["retain", "hold"], &WHO[..], &["1"]].concat())
            .good();
        assert_eq!(signed(archive, "hold"), 1);
        let copies = archive.site.path("copies");
        let ran = archive
            .site
            .run_with(&["backup", "--to", copies.to_str().unwrap()], "proof.signed:1:28");
        says(&ran.err, &["cannot be signed"]);
        let names: Vec<_> = std::fs::read_dir(&copies)
            .unwrap()
            .map(|f| f.unwrap().file_name())
            .collect();
        assert!(names.is_empty(), "{names:?}");
        archive.site.run(&["backup", "--to", copies.to_str().unwrap()]).good();
        assert_eq!(signed(archive, "backup"), 2);
    });
    assert!(archive.start().proof_stopped().is_some());
}

#[test]
fn while_the_daemon_runs_it_signs_what_the_command_waits_for() {
    let archive = one_day();
    let mut daemon = archive.site.daemon();
    daemon.wait_said(&["running"]);
    let before = archive.notes().len();
    archive.site.run(&export()).good();
    assert_eq!((signed(&archive, "export"), signed(&archive, "exported")), (1, 1));
    assert!(before + 2 <= archive.notes().len());
    daemon.stop();
    archive.verify(&["--stale-after", "99999"]).clean();
}

#[test]
fn a_daemon_that_does_not_sign_keeps_records_from_going_out() {
    let archive = one_day();
    // As a daemon that runs, and whose folder is full, say.
    let daemon = Lock::take(&archive.site.path("state/sekimori.db")).unwrap();
    let ran = archive.site.run_with(&export(), "settle.wait:1:11");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    says(&ran.err, &["cannot be signed", "daemon"]);
    drop(daemon);
    archive.site.run(&export()).good();
}

#[test]
fn a_command_makes_no_new_key_for_a_ledger_that_has_one() {
    let archive = one_day();
    let key = archive.site.path("state/keys/log.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let ran = archive.site.run(&export());
    assert_eq!(
        (ran.code, ran.out.as_str(), key.exists()),
        (Some(1), "", false),
        "{}",
        ran.err
    );
    says(&ran.err, &["log.key", "start sekimori"]);
    std::fs::write(&key, kept).unwrap();
}
