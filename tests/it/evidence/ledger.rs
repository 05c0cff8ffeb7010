//! Attacks on the ledger and its checkpoints.

use super::archive::{Archive, HOUR, copy};
use sekimori::evidence::Signer;
use sekimori::text::Lang;

/// Changes one byte of the heartbeat of day 2.
fn edit(archive: &Archive) -> usize {
    let at = archive.nth("heartbeat", 6);
    let mut entries = archive.entries();
    entries[at] = entries[at].replacen("heartbeat", "heartbeet", 1);
    archive.put_entries(&entries);
    at
}

#[test]
fn five_days_verify_clean_and_say_since_when_nobody_outside_confirms() {
    let archive = Archive::five_days();
    let verdict = archive.verify(&[]);
    verdict.clean();
    assert_eq!(verdict.of("UNANCHORED").len(), 1);
    assert_eq!(verdict.whole["entries"], archive.entries().len());
    archive.anchor("today");
    let verdict = archive.verify(&[]);
    verdict.clean();
    assert_eq!(verdict.of("UNANCHORED").len(), 0);
    assert_eq!(verdict.whole["self_consistent_seconds"], 0);
    let epochs = std::fs::read_dir(archive.file("log/epoch")).unwrap().count();
    assert_eq!(
        epochs,
        archive.entries().iter().filter(|e| e.contains("\"t\":\"key\"")).count() - 1
    );
    assert!(5 <= epochs, "{epochs} epochs are closed");
}

#[test]
fn case_3_an_edited_entry_is_a_wrong_root_between_two_checkpoints() {
    let archive = Archive::five_days();
    let at = edit(&archive) as u64;
    let verdict = archive.verify(&[]);
    verdict.found("ROOT_MISMATCH");
    let span = verdict.found("REWRITTEN");
    assert!(
        span["from"].as_u64().unwrap() <= at && at < span["to"].as_u64().unwrap(),
        "{span}"
    );
    // The epoch of that day and every later one.
    assert_eq!(verdict.found("KEYCHAIN")["epoch"], 2);
}

#[test]
fn case_4_an_edit_signed_with_stolen_keys_is_caught_by_the_closing_of_its_day() {
    let archive = Archive::five_days();
    let outside = archive.notes()[4].clone();
    let at = edit(&archive);
    let (log, day) = archive.stolen();
    let size = archive.entries().len();
    archive.put_notes(&[archive.signed(size, &[&log, &day])]);
    let verdict = archive.verify(&[]);
    assert_eq!(verdict.found("KEYCHAIN")["epoch"], 2);
    assert_eq!(verdict.of("ROOT_MISMATCH").len(), 0);
    archive.keep("day-1", &outside);
    let last = archive.notes()[0].clone();
    assert_ne!(last, outside);
    let span = archive.verify(&[]).found("REWRITTEN").clone();
    assert!(span["from"].as_u64().unwrap() <= at as u64, "{span}");
}

#[test]
fn case_5_closings_signed_again_with_todays_key_break_every_epoch() {
    let archive = Archive::five_days();
    let at = edit(&archive);
    let (log, day) = archive.stolen();
    let keys: Vec<usize> = (0..archive.entries().len())
        .filter(|i| archive.entries()[*i].contains("\"t\":\"key\""))
        .collect();
    for (epoch, key) in keys.iter().skip(1).enumerate() {
        let note = archive.signed(key + 1, &[&log, &day]);
        std::fs::write(archive.file(&format!("log/epoch/{:06}.note", epoch + 1)), note).unwrap();
    }
    archive.put_notes(&[archive.signed(archive.entries().len(), &[&log, &day])]);
    let verdict = archive.verify(&[]);
    let epochs: Vec<_> = verdict
        .of("KEYCHAIN")
        .iter()
        .map(|f| f["epoch"].as_u64().unwrap())
        .collect();
    assert_eq!(
        epochs,
        (1..keys.len() as u64).collect::<Vec<_>>(),
        "edited at {at}: {verdict:#?}"
    );
}

#[test]
fn case_6_a_cut_tail_is_named_by_the_anchor_and_stale_without_one() {
    let mut archive = Archive::five_days();
    let outside = archive.notes().last().unwrap().clone();
    let before = archive.entries();
    let (log, day) = archive.stolen();
    let left = before.len() - 10;
    archive.put_entries(&before[..left]);
    archive.put_notes(&[archive.signed(left, &[&log, &day])]);
    archive.now = archive.now.plus(26 * HOUR);
    archive.verify(&[]).found("STALE");
    archive.keep("mail", &outside);
    let verdict = archive.verify(&[]);
    let cut = verdict.found("TRUNCATED");
    assert_eq!(
        (cut["from"].as_u64(), cut["to"].as_u64()),
        (Some(left as u64), Some(before.len() as u64))
    );
}

#[test]
fn case_7_a_log_cut_back_and_carried_on_is_not_signed_by_the_next_key_of_its_epoch() {
    let archive = Archive::five_days();
    let outside = archive.notes()[10].clone();
    let (log, day) = archive.stolen();
    let second = archive.nth("key", 2);
    let mut entries = archive.entries()[..=second].to_vec();
    let beat = archive.entries()[archive.nth("heartbeat", 17)].clone();
    entries.push(beat);
    archive.put_entries(&entries);
    for epoch in 3..9 {
        drop(std::fs::remove_file(
            archive.file(&format!("log/epoch/{epoch:06}.note")),
        ));
    }
    archive.put_notes(&[archive.signed(entries.len(), &[&log, &day])]);
    assert_eq!(archive.verify(&[]).found("KEYCHAIN")["epoch"], 3);
    archive.keep("outside", &outside);
    let verdict = archive.verify(&[]);
    let codes: Vec<_> = verdict.findings.iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert!(
        codes.contains(&"REWRITTEN") || codes.contains(&"TRUNCATED"),
        "{codes:?}"
    );
}

#[test]
fn case_8_last_weeks_backup_in_place_of_the_archive_is_cut_and_stale() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 2);
    let old = archive.site.path("backup");
    copy(&archive.folder(), &old);
    // What is signed; entries behind that may stand there already.
    let had: u64 = archive.notes().last().unwrap().lines().nth(1).unwrap().parse().unwrap();
    archive.days(&mut pipeline, 3);
    archive.stop(pipeline);
    archive.anchor("newest");
    let verdict = archive.verify_copy(&old, &archive.vkey(), &[]);
    assert_eq!(verdict.found("TRUNCATED")["from"], had);
    verdict.found("STALE");
}

#[test]
fn case_18_two_histories_of_one_size_are_a_fork_and_both_notes_are_kept() {
    let archive = Archive::five_days();
    archive.anchor("mine");
    let mut entries = archive.entries();
    let size = entries.len();
    let original = entries.clone();
    entries[size - 1] = entries[size - 1].replacen("stop", "halt", 1);
    archive.put_entries(&entries);
    let (log, day) = archive.stolen();
    let other = archive.signed(size, &[&log, &day]);
    archive.put_entries(&original);
    archive.keep("shown-to-the-other", &other);
    let verdict = archive.verify(&[]);
    let fork = verdict.found("FORK");
    assert_eq!(fork["size"], size);
    assert_eq!(fork["notes"].as_array().unwrap().len(), 2);
}

#[test]
fn case_19_a_missing_or_unsigned_closing_never_passes() {
    let archive = Archive::five_days();
    let path = archive.file("log/epoch/000002.note");
    let note = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(archive.verify(&[]).found("KEYCHAIN")["epoch"], 2);
    let text = note.split_once("\n\n").unwrap().0;
    std::fs::write(&path, format!("{text}\n\n")).unwrap();
    let verdict = archive.verify(&[]);
    assert_eq!(verdict.found("KEYCHAIN")["epoch"], 2);
    verdict.found("SIG_BAD");
}

#[test]
fn case_20_another_key_is_a_bad_signature_and_not_nothing_to_check() {
    let archive = Archive::five_days();
    let same_name = Signer::new(&archive.origin(), &[7; 32]).unwrap();
    let other_name = Signer::new("other/log", &[7; 32]).unwrap();
    for key in [same_name, other_name] {
        let verdict = archive.verify_copy(&archive.folder(), &key.verifier().to_string(), &[]);
        verdict.found("SIG_BAD");
        assert_eq!(verdict.whole["entries"], 0);
    }
}

#[test]
fn case_25_a_snapshot_that_is_started_again_does_not_sign() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    drop(pipeline);
    let snapshot = archive.site.path("snapshot.db");
    std::fs::copy(archive.site.path("state/sekimori.db"), &snapshot).unwrap();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let (entries, notes) = (archive.entries(), archive.notes());
    std::fs::copy(&snapshot, archive.site.path("state/sekimori.db")).unwrap();
    let mut pipeline = archive.start();
    let why = pipeline.proof_stopped().expect("it must not sign").to_owned();
    assert!(why.pick(Lang::En).contains("older than the log"), "{why:?}");
    assert!(why.pick(Lang::Ja).contains("記録簿より古く"), "{why:?}");
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    assert_eq!((archive.entries(), archive.notes()), (entries, notes));
    archive.verify(&["--stale-after", "999"]).clean();
}

#[test]
fn case_25_a_whole_snapshot_that_is_started_again_is_stopped_by_what_came_back() {
    let mut archive = Archive::with("anchors = \"anchors\"");
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let snapshot = archive.site.path("snapshot");
    copy(&archive.site.path("state"), &snapshot);
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    archive.anchor("came-back");
    std::fs::remove_dir_all(archive.site.path("state")).unwrap();
    copy(&snapshot, &archive.site.path("state"));
    let pipeline = archive.start();
    let why = pipeline.proof_stopped().expect("it must not sign").to_owned();
    assert!(why.pick(Lang::En).contains("set back"), "{why:?}");
    assert!(why.pick(Lang::Ja).contains("巻き戻されています"), "{why:?}");
}

#[test]
fn case_25_hostile_input_is_refused_without_a_panic() {
    let archive = Archive::five_days();
    let entries = archive.entries();
    let huge = format!(r#"{{"t":"{}"}}"#, "x".repeat(70_000));
    let doubled = r#"{"at":"2026-11-20T00:00:00+09:00","t":"a","t":"b"}"#.to_owned();
    for bad in [huge, doubled, "\u{feff}{}".to_owned(), String::new(), "[[[[".to_owned()] {
        let mut changed = entries.clone();
        changed[5] = bad;
        archive.put_entries(&changed);
        let verdict = archive.verify(&[]);
        assert_eq!(verdict.found("CONTENT")["entry"], 5);
    }
    archive.put_entries(&entries);
    let whole = std::fs::read(archive.file("log/cp.b64")).unwrap();
    let note = archive.notes().last().unwrap().clone();
    let line = note.lines().last().unwrap().to_owned();
    let hostile = [
        note.replace('\n', "\r\n"),
        format!("{note}{}", format!("{line}\n").repeat(20)),
        note.replacen('\n', " \n", 1),
        "x".repeat(100_000),
    ];
    for note in hostile {
        archive.put_notes(&[note]);
        archive.verify(&[]).found("SIG_BAD");
    }
    for bytes in [&b"\xff\xfe\x00\n"[..], b"A\n", b"QQ\n", b"\n\n\n"] {
        std::fs::write(archive.file("log/cp.b64"), bytes).unwrap();
        archive.verify(&[]).found("SIG_BAD");
    }
    std::fs::write(archive.file("log/cp.b64"), whole).unwrap();
    archive.verify(&[]).clean();
}
