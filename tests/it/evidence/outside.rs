//! What leaves the host, and what is held against it: mails with checkpoints, logs that are still there, copies, snapshots.

use std::os::unix::fs::FileExt as _;

use sekimori::evidence::{Note, VerifierKey};

use super::archive::{Archive, HOUR, copy};
use crate::support::site::{self, says};

#[test]
fn every_mail_carries_the_checkpoint_and_the_mails_are_the_anchors() {
    let archive = Archive::new();
    let site = &archive.site;
    site.append(site::line(5, "old01", "juki", 3));
    site.pass().good();
    site.append(site::line(6, "old01", "zei", 4));
    site.pass().good();
    let anchors = site.path("anchors");
    copy(&site.path("mails"), &anchors);
    let mails: Vec<String> = std::fs::read_dir(&anchors)
        .unwrap()
        .map(|f| std::fs::read_to_string(f.unwrap().path()).unwrap())
        .collect();
    assert!(2 <= mails.len());
    for mail in &mails {
        says(
            mail,
            &[
                "multipart/mixed",
                "filename=\"checkpoint-",
                "Content-Transfer-Encoding: base64",
            ],
        );
    }
    let verdict = site.run(&[
        "verify",
        "--key",
        &archive.vkey(),
        "--anchors",
        anchors.to_str().unwrap(),
    ]);
    assert_eq!(verdict.code, Some(0), "{}{}", verdict.out, verdict.err);
    says(&verdict.out, &["unaltered up to the checkpoint of"]);
    assert!(!verdict.out.contains("UNANCHORED"), "{}", verdict.out);
}

#[test]
fn the_checkpoint_of_each_day_is_mailed_also_on_closed_days_and_says_where_the_ledger_stands() {
    // 2026-11-16 is a Monday, the 23rd a holiday.
    let mut archive = Archive::with("checkpoints_to = [\"kansa@city.example.jp\"]");
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 9);
    let key = VerifierKey::read(&archive.vkey()).unwrap();
    let due = pipeline.store().due_mails(archive.now, 400).unwrap();
    let daily: Vec<_> = due.iter().filter(|d| d.message.message_id.starts_with("C-")).collect();
    assert!((8..=9).contains(&daily.len()), "{}", daily.len());
    for due in &daily {
        assert_eq!(due.message.to, ["kansa@city.example.jp"]);
        let [file] = due.message.attachments.as_slice() else {
            panic!("{:?}", due.message.attachments)
        };
        let note = Note::read(&file.content).unwrap();
        assert!(note.signed_by(&key));
        let root = note.text().lines().nth(2).unwrap();
        says(&due.message.body, &[root, "code:", "segments"]);
    }
    archive.stop(pipeline);
}

#[test]
fn the_checkpoint_is_a_line_of_the_journal_that_verifies_as_it_stands() {
    let archive = Archive::new();
    let site = &archive.site;
    site.append(site::line(5, "user01", "juki", 3));
    let daemon = site.daemon();
    site.wait_for(1);
    daemon.stop();
    let anchors = site.path("anchors");
    std::fs::create_dir(&anchors).unwrap();
    std::fs::copy(site.path("journal"), anchors.join("syslog.1")).unwrap();
    let verdict = site.run(&[
        "verify",
        "--key",
        &archive.vkey(),
        "--anchors",
        anchors.to_str().unwrap(),
    ]);
    assert_eq!(verdict.code, Some(0), "{}{}", verdict.out, verdict.err);
    assert!(!verdict.out.contains("UNANCHORED"), "{}", verdict.out);
}

#[test]
fn case_15_a_log_edited_after_it_was_read_is_told_from_what_was_archived() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let verdict = archive.verify(&["source"]);
    verdict.clean();
    let same = verdict.of("SOURCES")[0]["same"].as_u64().unwrap();
    assert!(0 < same);
    // While the daemon is stopped somebody takes his own name out.
    let file = std::fs::File::options().write(true).open(&archive.site.log).unwrap();
    let text = std::fs::read_to_string(&archive.site.log).unwrap();
    let at = text.find("user07").unwrap();
    file.write_all_at(b"user42", at as u64).unwrap();
    let verdict = archive.verify(&["source"]);
    let found = verdict.found("CONTENT");
    assert_eq!(found["src"], "web");
    assert_eq!(found["path"], archive.site.log.to_str().unwrap());
    let (from, to) = (found["off"][0].as_u64().unwrap(), found["off"][1].as_u64().unwrap());
    assert!(from <= at as u64 && (at as u64) < to, "{found}");
    // The record itself is untouched, and stays so when the daemon goes on.
    archive.verify(&["full"]).clean();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    assert_eq!(archive.verify(&["full"]).code, 0);
    archive.verify(&["source"]).found("CONTENT");
}

#[test]
fn case_15_bytes_taken_out_before_they_were_read_are_a_gap() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let read = std::fs::metadata(&archive.site.log).unwrap().len();
    archive.write(10);
    let mut pipeline = archive.start();
    archive.step(&mut pipeline, HOUR);
    // Crash: what was read is counted, not sealed; then the log is cut back to before it.
    drop(pipeline);
    let file = std::fs::File::options().write(true).open(&archive.site.log).unwrap();
    file.set_len(read).unwrap();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let verdict = archive.verify(&["full"]);
    let gap = verdict.found("GAP");
    assert_eq!(gap["off"][0], read, "{gap}");
    let tampering = ["REWRITTEN", "KEYCHAIN", "ROOT_MISMATCH", "SEG_MODIFIED", "CONTENT"];
    assert!(tampering.iter().all(|code| verdict.of(code).is_empty()), "{verdict:#?}");
}

#[test]
fn case_25_a_snapshot_that_was_made_to_sign_is_proved_by_what_had_left() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let snapshot = archive.site.path("snapshot");
    copy(&archive.site.path("state"), &snapshot);
    let log = std::fs::read(&archive.site.log).unwrap();
    let then = archive.now;
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    archive.anchor("left-with-a-mail");
    // The machine is set back as a whole, keys included, and nobody tells it what had left.
    std::fs::remove_dir_all(archive.site.path("state")).unwrap();
    copy(&snapshot, &archive.site.path("state"));
    std::fs::write(&archive.site.log, log).unwrap();
    archive.now = then;
    let mut pipeline = archive.start();
    assert_eq!(pipeline.proof_stopped(), None);
    archive.site.append(site::line(400, "user33", "zei", 9));
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let verdict = archive.verify(&[]);
    assert_eq!(verdict.code, 1);
    let codes: Vec<_> = verdict.findings.iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"FORK") || codes.contains(&"REWRITTEN"), "{codes:?}");
}

#[test]
fn case_9_a_segment_that_one_copy_lost_is_to_be_had_from_the_other() {
    let archive = Archive::five_days();
    let backup = archive.site.path("backup");
    copy(&archive.folder(), &backup);
    let (a, b) = (archive.folder(), backup.clone());
    let compare = |depth: &[&str]| {
        let mut args = vec![
            "verify",
            "backup",
            a.to_str().unwrap(),
            b.to_str().unwrap(),
            "--json",
            "--key",
        ];
        let key = archive.vkey();
        args.push(&key);
        args.extend(depth);
        let ran = archive.site.run(&args);
        let mut all: Vec<serde_json::Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let whole = all.pop().unwrap_or_else(|| panic!("{}", ran.err));
        (ran.code.unwrap(), all, whole)
    };
    assert_eq!(compare(&[]).0, 0);
    let entry: serde_json::Value = serde_json::from_str(&archive.entries()[archive.nth("segment", 1)]).unwrap();
    let name = entry["name"].as_str().unwrap();
    std::fs::remove_file(archive.file(name)).unwrap();
    let (code, found, _) = compare(&[]);
    assert_eq!(code, 1);
    assert_eq!(
        (&found[0]["code"], &found[0]["segment"]),
        (&"SEG_MISSING".into(), &entry["n"])
    );
    assert_eq!(found[0]["available_in"], backup.to_str().unwrap());
    std::fs::copy(backup.join(name), archive.file(name)).unwrap();
    // A copy that lags is named with what it lacks.
    let entries = archive.entries();
    let notes = archive.notes();
    super::archive::put_lines(&backup.join("log/entries.jsonl"), &entries[..entries.len() - 6]);
    let earlier: Vec<String> = notes[..4].to_vec();
    use base64::Engine as _;
    let lines: Vec<String> = earlier
        .iter()
        .map(|n| base64::engine::general_purpose::STANDARD.encode(n))
        .collect();
    super::archive::put_lines(&backup.join("log/cp.b64"), &lines);
    let (_, found, _) = compare(&["--stale-after", "1"]);
    assert!(found.iter().any(|f| f["code"] == "BACKUP_BEHIND"), "{found:?}");
}

#[test]
fn case_21_readers_nobody_configured_are_told_by_the_configuration_on_record() {
    let archive = Archive::five_days();
    let mut entries = archive.entries();
    let at = archive.nth("segment", 1);
    let n = serde_json::from_str::<serde_json::Value>(&entries[at]).unwrap()["n"].clone();
    entries[at] = entries[at].replacen("\"rcpt\":[]", "\"rcpt\":[\"0123456789abcdef\"]", 1);
    archive.put_entries(&entries);
    let verdict = archive.verify(&[]);
    assert_eq!(verdict.found("RECIPIENTS")["segment"], n);
}

/// A site that reads the journal of systemd: the unit's entries are the odd ones of sixty.
fn journal() -> site::Site {
    let site = site::Site::new(&site::Setup::default());
    let text = std::fs::read_to_string(&site.config).unwrap();
    let head = text.split("[[source]]").next().unwrap();
    let source = "[[source]]\nname = \"koseki\"\njournal = \"journald\"\nunits = [\"kosekid.service\"]\nformat = \"json\"\n\
                  [source.fields]\ntime = \"at\"\nuser = \"user\"\noperation = \"action\"\nresource = \"screen\"\n";
    std::fs::write(&site.config, format!("{head}{source}")).unwrap();
    std::fs::create_dir(site.path("journald")).unwrap();
    let packed = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/journal/compact.journal.gz"
    ))
    .unwrap();
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut plain).unwrap();
    std::fs::write(site.path("journald/system.journal"), plain).unwrap();
    site
}

#[test]
fn entries_of_the_journal_are_archived_counted_again_and_given_out() {
    let site = journal();
    // It dies with everything open: the entries are read from the journal once more.
    let died = site.pass_with("archive.finish:1:abort");
    assert_eq!(died.code, None, "{}", died.err);
    site.pass().good();
    let counted = site.counted();
    assert_eq!(counted, 30);
    let full = site.run(&["verify", "full", "--json"]);
    assert_eq!(full.code, Some(0), "{}{}", full.out, full.err);
    let whole: serde_json::Value = serde_json::from_str(full.out.lines().last().unwrap()).unwrap();
    assert_eq!(whole["records"], 30);
    let again = site.run(&["verify", "counters"]);
    assert_eq!(again.code, Some(0), "{}{}", again.out, again.err);
    let given = site
        .run(&[
            "export",
            "--by",
            "010001",
            "--reason",
            "監査",
            "--account",
            "tz1",
            "--format",
            "json",
        ])
        .good();
    let records = given.out.lines().filter(|l| l.contains("\"t\":\"record\"")).count();
    assert_eq!(records, 30, "{}", given.out);
    let proof = site.path("answer.json");
    std::fs::write(&proof, &given.out).unwrap();
    let key = site.path("state/archive/trust/log.vkey");
    let checked = site.run(&[
        "prove",
        "--key",
        key.to_str().unwrap(),
        "--check",
        proof.to_str().unwrap(),
    ]);
    says(&checked.good().out, &["30 records hold"]);
}

#[test]
fn entries_of_the_journal_that_are_gone_before_they_were_sealed_are_a_gap() {
    let site = journal();
    site.pass_with("archive.finish:1:abort");
    std::fs::remove_file(site.path("journald/system.journal")).unwrap();
    site.pass();
    let full = site.run(&["verify", "full", "--json"]);
    assert_eq!(full.code, Some(1), "{}{}", full.out, full.err);
    says(&full.out, &["\"GAP\""]);
}
