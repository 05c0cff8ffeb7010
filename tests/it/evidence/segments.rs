//! Attacks on segments, and what happens to them without any attacker.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sekimori::evidence::{Beginning, Entry, Identity, Recipient, SegmentReader, SegmentWriter};

use super::archive::{Archive, HOUR, put_lines};

const SECRET: &str = "AGE-SECRET-KEY-1AUDHHH4EDSD68F36SW6M3FXPRLQ4H4KSDE890LARKZ3DVCLC9TJSTNQCVK";
const PUBLIC: &str = "age13ajax0m47nrn5vdg3rf5uswptfrspj2tx6jx09kn7z2sryze29rqt26sg6";

/// Three days, encrypted to one officer.
fn sealed() -> Archive {
    let mut archive = Archive::with(&format!("recipients = [\"{PUBLIC}\"]"));
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 3);
    archive.stop(pipeline);
    std::fs::write(archive.site.path("officer.key"), format!("{SECRET}\n")).unwrap();
    archive
}

fn full(archive: &Archive) -> super::archive::Verdict {
    let identity = archive.site.path("officer.key");
    archive.verify(&["full", "--identity", identity.to_str().unwrap()])
}

/// The nth segment: entry and file.
fn segment(archive: &Archive, n: usize) -> (Entry, PathBuf) {
    let entry = Entry::read(archive.entries()[archive.nth("segment", n)].as_bytes()).unwrap();
    let path = archive.file(entry.text("name"));
    (entry, path)
}

fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// What stands in a segment.
fn plain(archive: &Archive, n: usize) -> (Beginning, Vec<u8>) {
    let (entry, path) = segment(archive, n);
    let identities = Identity::read_all(SECRET).unwrap();
    let encrypted = !entry.texts("rcpt").is_empty();
    let mut reader = SegmentReader::open(&path, encrypted, &identities, u64::MAX).unwrap();
    (Beginning::read(reader.header()).unwrap(), reader.all().unwrap())
}

/// Puts another segment in the place of the nth, made for `recipients` people.
fn replace(archive: &Archive, n: usize, bytes: &[u8], recipients: usize) -> sekimori::evidence::Sealed {
    let (beginning, _) = plain(archive, n);
    let (_, path) = segment(archive, n);
    std::fs::remove_file(&path).unwrap();
    let all = vec![Recipient::read(PUBLIC).unwrap(); recipients];
    let mut writer = SegmentWriter::new(&path, &beginning, &all, 1).unwrap();
    writer.take(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn every_line_is_archived_and_opens_with_the_officers_key_only() {
    let archive = sealed();
    let verdict = full(&archive);
    verdict.clean();
    assert_eq!(verdict.whole["records"], 12 * 20);
    let mut all = Vec::new();
    for n in 0..verdict.whole["segments"].as_u64().unwrap() as usize {
        all.extend(plain(&archive, n).1);
    }
    assert_eq!(all, std::fs::read(&archive.site.log).unwrap());
    let verdict = archive.verify(&["full"]);
    assert_eq!(verdict.code, 2, "{verdict:#?}");
    assert!(!verdict.of("UNCHECKED").is_empty());
    let bytes = std::fs::read(segment(&archive, 0).1).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
}

#[test]
fn without_recipients_segments_are_compressed_and_verify_without_a_key() {
    let archive = Archive::five_days();
    let verdict = archive.verify(&["full"]);
    verdict.clean();
    assert_eq!(verdict.whole["records"], 20 * 20);
    assert!(segment(&archive, 0).0.text("name").ends_with(".zst"));
}

#[test]
fn case_1_a_flipped_bit_names_the_segment_and_its_chunk() {
    let archive = sealed();
    let (entry, path) = segment(&archive, 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    overwrite(&path, &bytes);
    assert_eq!(
        archive.verify(&[]).found("SEG_MODIFIED")["segment"],
        entry.number("n").unwrap()
    );
    let verdict = full(&archive);
    let why = verdict.found("SEG_UNREADABLE")["what"].as_str().unwrap();
    assert!(why.contains("chunk 0 of 64 KiB"), "{why}");
}

#[test]
fn case_2_a_record_edited_and_encrypted_to_the_same_people_is_another_file() {
    let archive = sealed();
    let (_, bytes) = plain(&archive, 1);
    let text = String::from_utf8(bytes).unwrap().replacen("user2", "user4", 1);
    replace(&archive, 1, text.as_bytes(), 1);
    archive.verify(&[]).found("SEG_MODIFIED");
    full(&archive).found("CONTENT");
}

#[test]
fn case_3_the_same_with_its_entry_rewritten_breaks_the_root() {
    let archive = sealed();
    let (_, bytes) = plain(&archive, 1);
    let text = String::from_utf8(bytes).unwrap().replacen("user2", "user4", 1);
    let sealed = replace(&archive, 1, text.as_bytes(), 1);
    let hex = sekimori::evidence::hex;
    let (entry, _) = segment(&archive, 1);
    let mut entries = archive.entries();
    let at = archive.nth("segment", 1);
    for (key, hash) in [
        ("sha256_age", sealed.sha256_age),
        ("sha256_raw", sealed.sha256_raw),
        ("root", sealed.root),
    ] {
        entries[at] = entries[at].replace(entry.text(key), &hex(&hash));
    }
    let before = format!("\"len_age\":{}", entry.number("len_age").unwrap());
    entries[at] = entries[at].replace(&before, &format!("\"len_age\":{}", sealed.len_age));
    archive.put_entries(&entries);
    let verdict = full(&archive);
    assert!(
        verdict.of("SEG_MODIFIED").is_empty() && verdict.of("CONTENT").is_empty(),
        "{verdict:#?}"
    );
    verdict.found("ROOT_MISMATCH");
    verdict.found("REWRITTEN");
}

#[test]
fn case_9_a_missing_segment_is_named_with_source_bytes_and_time() {
    let archive = sealed();
    let (entry, path) = segment(&archive, 1);
    std::fs::remove_file(&path).unwrap();
    let verdict = archive.verify(&[]);
    let found = verdict.found("SEG_MISSING");
    assert_eq!(found["src"], "web");
    assert_eq!(found["off"], *entry.get("off").unwrap());
    assert_eq!(found["first"], entry.text("first"));
    assert!(found["next"].as_str().unwrap().contains(entry.text("sha256_age")));
}

#[test]
fn case_13_swapped_segments_name_each_other() {
    let archive = sealed();
    let ((one, a), (two, b)) = (segment(&archive, 0), segment(&archive, 1));
    let (x, y) = (std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
    overwrite(&a, &y);
    overwrite(&b, &x);
    let verdict = archive.verify(&[]);
    let found = verdict.of("SEG_MODIFIED");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["content_of"], two.number("n").unwrap());
    assert_eq!(found[1]["content_of"], one.number("n").unwrap());
}

#[test]
fn case_14_and_15_bytes_archived_twice_or_never_are_named() {
    let archive = sealed();
    let mut entries = archive.entries();
    let (one, two) = (archive.nth("segment", 1), archive.nth("segment", 2));
    let off = |at: usize| Entry::read(entries[at].as_bytes()).unwrap().span("off").unwrap();
    let (first, second) = (off(one), off(two));
    let span = |(from, to): (u64, u64)| format!("\"off\":[{from},{to}]");
    let original = entries.clone();
    entries[two] = entries[two].replace(&span(second), &span((first.0, first.1)));
    archive.put_entries(&entries);
    archive.verify(&[]).found("OVERLAP");
    entries.clone_from(&original);
    entries[two] = entries[two].replace(&span(second), &span((second.0 + 100, second.1)));
    archive.put_entries(&entries);
    let verdict = archive.verify(&[]);
    assert_eq!(
        verdict.found("GAP")["off"],
        serde_json::json!([second.0, second.0 + 100])
    );
}

#[test]
fn case_16_a_log_cut_before_it_was_read_is_a_gap_with_its_reason() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    archive.write(40);
    std::fs::write(&archive.site.log, b"").unwrap();
    archive.write(5);
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let verdict = archive.verify(&["full"]);
    let gap = verdict.found("GAP");
    assert_eq!(gap["src"], "web");
    assert!(["truncated", "lost"].contains(&gap["why"].as_str().unwrap()), "{gap}");
}

#[test]
fn case_17_a_record_taken_out_of_the_open_segment_after_a_heartbeat_is_named() {
    let archive = sealed();
    // The heartbeat of a day covers what was open then.
    let (_, bytes) = plain(&archive, 0);
    let text = String::from_utf8(bytes).unwrap();
    let without: String = text.lines().skip(1).map(|l| format!("{l}\n")).collect();
    let beats: Vec<String> = archive
        .entries()
        .into_iter()
        .filter(|e| e.contains("\"open\":[{"))
        .collect();
    assert!(!beats.is_empty());
    let padded = format!("{}{}", "x".repeat(text.len() - without.len()), without);
    replace(&archive, 0, padded.as_bytes(), 1);
    let verdict = full(&archive);
    verdict.found("REWRITTEN");
    verdict.found("CONTENT");
}

#[test]
fn case_21_one_reader_more_is_told() {
    let archive = sealed();
    let (_, bytes) = plain(&archive, 1);
    replace(&archive, 1, &bytes, 2);
    let verdict = archive.verify(&[]);
    assert_eq!(
        verdict.found("RECIPIENTS")["segment"],
        segment(&archive, 1).0.number("n").unwrap()
    );
}

#[test]
fn case_22_what_nobody_listed_is_told_and_no_path_leads_out() {
    let archive = sealed();
    let (_, path) = segment(&archive, 0);
    let folder = path.parent().unwrap();
    std::fs::write(folder.join("more.zst.age"), b"x").unwrap();
    symlink("/etc/passwd", folder.join("link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.join("fifo"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let verdict = archive.verify(&[]);
    verdict.found("EXTRA_FILE");
    assert_eq!(verdict.of("EXTRA_FILE").len(), 3);
    for name in ["more.zst.age", "link", "fifo"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    std::fs::hard_link(&path, archive.site.path("kept")).unwrap();
    archive.verify(&[]).found("EXTRA_FILE");
    std::fs::remove_file(archive.site.path("kept")).unwrap();
    let name = segment(&archive, 0).0.text("name").to_owned();
    let entries: Vec<String> = archive
        .entries()
        .iter()
        .map(|e| e.replace(&name, "seg/../../../etc/passwd"))
        .collect();
    put_lines(&archive.file("log/entries.jsonl"), &entries);
    archive.verify(&[]).found("CONTENT");
}

#[test]
fn an_emptied_index_is_told() {
    let archive = sealed();
    let n = segment(&archive, 0).0.number("n").unwrap();
    std::fs::write(archive.file(&format!("idx/{n:08}.idx")), b"").unwrap();
    assert_eq!(archive.verify(&[]).found("SEG_MODIFIED")["segment"], n);
}

#[test]
fn case_25_a_bomb_is_not_blown_up() {
    let archive = Archive::five_days();
    let (beginning, _) = plain(&archive, 0);
    let (_, path) = segment(&archive, 0);
    std::fs::remove_file(&path).unwrap();
    let mut zstd = zstd::Encoder::new(std::fs::File::create(&path).unwrap(), 3).unwrap();
    zstd.write_all(format!("{}\n", beginning.line()).as_bytes()).unwrap();
    for _ in 0..512 {
        zstd.write_all(&[0; 1 << 20]).unwrap();
    }
    zstd.finish().unwrap();
    let verdict = archive.verify(&["full"]);
    let why = verdict.found("SEG_UNREADABLE")["what"].as_str().unwrap();
    assert!(why.contains("more than was declared"), "{why}");
}

/// A daemon that is gone without a stop: of 110 records the 30 that were not sealed yet are lost with it.
fn crashed() -> Archive {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.write(30);
    archive.step(&mut pipeline, HOUR);
    drop(pipeline);
    archive
}

#[test]
fn case_24_after_a_crash_the_source_refills_what_was_open() {
    let mut archive = crashed();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let verdict = archive.verify(&["full"]);
    verdict.clean();
    assert_eq!(verdict.whole["records"], 190);
}

#[test]
fn case_24_a_log_copied_and_emptied_or_moved_away_while_down_refills_what_was_open() {
    for copied in [true, false] {
        let mut archive = crashed();
        let log = &archive.site.log;
        let beside = PathBuf::from(format!("{}.1", log.display()));
        std::fs::copy(log, &beside).unwrap();
        if copied {
            std::fs::write(log, "").unwrap();
        } else {
            std::fs::remove_file(log).unwrap();
        }
        let mut pipeline = archive.start();
        archive.days(&mut pipeline, 1);
        archive.stop(pipeline);
        let verdict = archive.verify(&["full"]);
        verdict.clean();
        assert_eq!(verdict.whole["records"], 190);
    }
}

#[test]
fn case_24_the_same_without_the_source_is_a_gap() {
    let mut archive = crashed();
    std::fs::remove_file(&archive.site.log).unwrap();
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let verdict = archive.verify(&["full"]);
    let why: Vec<&str> = verdict
        .of("GAP")
        .iter()
        .map(|f| f["why"].as_str().unwrap_or(""))
        .collect();
    assert!(why.contains(&"archive"), "{verdict:#?}");
    assert_eq!(verdict.code, 1);
}

#[test]
fn a_rotated_log_is_sealed_when_it_is_read_so_that_a_start_after_a_crash_has_little_to_read_again() {
    let mut archive = Archive::new();
    let mut pipeline = archive.start();
    archive.write(20);
    archive.step(&mut pipeline, Duration::from_secs(2));
    let rotated = PathBuf::from(format!("{}.1", archive.site.log.display()));
    std::fs::rename(&archive.site.log, &rotated).unwrap();
    archive.write(20);
    // Its late writer is still waited for, far longer than this takes. Sealing is done by a thread of its own.
    let sealed = |archive: &Archive| archive.entries().iter().any(|e| e.contains("\"t\":\"segment\""));
    for _ in 0..500 {
        archive.step(&mut pipeline, Duration::from_secs(1));
        if sealed(&archive) {
            break;
        }
        std::thread::yield_now();
    }
    drop(pipeline);
    let (entry, _) = segment(&archive, 0);
    let end = std::fs::metadata(&rotated).unwrap().len();
    assert_eq!(entry.number("recs"), Some(20));
    assert!(archive.entries()[archive.nth("segment", 0)].contains(&format!("\"off\":[0,{end}]")));
    // What comes after that is archived once, too.
    let pipeline = archive.start();
    archive.stop(pipeline);
    let verdict = archive.verify(&["full"]);
    verdict.clean();
    assert_eq!(verdict.whole["records"], 40);
}
