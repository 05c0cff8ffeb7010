//! What is given out of the archive, to whom, and how it proves itself.

use std::path::PathBuf;

use serde_json::Value;

use super::archive::{Archive, HOUR};
use crate::support::site::{Ran, says};

const PUBLIC: &str = "age13ajax0m47nrn5vdg3rf5uswptfrspj2tx6jx09kn7z2sryze29rqt26sg6";
const SECRET: &str = "AGE-SECRET-KEY-1AUDHHH4EDSD68F36SW6M3FXPRLQ4H4KSDE890LARKZ3DVCLC9TJSTNQCVK";
const WHO: [&str; 4] = ["--by", "010001", "--reason", "開示請求 令和8年第7号"];

/// Three days, encrypted, and the officer's key at hand. Every citizen of 97 is looked at two or three times.
fn three_days() -> Archive {
    let mut archive = Archive::with(&format!("recipients = [\"{PUBLIC}\"]"));
    let mut pipeline = archive.start();
    archive.days(&mut pipeline, 3);
    archive.stop(pipeline);
    std::fs::write(archive.site.path("officer.key"), format!("{SECRET}\n")).unwrap();
    archive
}

fn export(archive: &Archive, args: &[&str]) -> Ran {
    let key = archive.site.path("officer.key");
    let mut all = vec!["export"];
    all.extend(WHO);
    all.extend(args);
    all.extend(["--identity", key.to_str().unwrap()]);
    archive.site.run(&all)
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn written(archive: &Archive, name: &str, text: &str) -> PathBuf {
    let path = archive.site.path(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_citizen_learns_who_looked_and_every_record_proves_itself() {
    let archive = three_days();
    let ran = export(&archive, &["--subject", "00000007", "--format", "json"]).good();
    let all = objects(&ran.out);
    let records: Vec<&Value> = all.iter().filter(|o| o["t"] == "record").collect();
    // Lines 7, 104 and 201 of 240.
    let people: Vec<&str> = records.iter().map(|r| r["person"].as_str().unwrap()).collect();
    assert_eq!(people, ["010007", "010004", "010001"], "{}", ran.out);
    assert!(
        records
            .iter()
            .all(|r| r["resource"].as_str().unwrap().starts_with("/juki/00000007?")),
        "{records:?}"
    );
    let end = all.last().unwrap();
    assert_eq!((&end["t"], &end["complete"]), (&"end".into(), &true.into()));
    assert_eq!(end["opened"], 3, "the index passes the others: {end}");
    assert_eq!(
        end["segments"].as_u64().unwrap(),
        end["passed_by_index"].as_u64().unwrap() + 3
    );
    let path = written(&archive, "answer.json", &ran.out);
    let check = |path: &PathBuf| {
        archive
            .site
            .run(&["prove", "--key", &archive.vkey(), "--check", path.to_str().unwrap()])
    };
    says(&check(&path).good().out, &["3 records hold"]);
    // Not one character may differ, and none may be left out.
    let line = records[0]["lines"][0]["line"].as_str().unwrap();
    let other = ran.out.replacen(line, &line.replacen('M', "N", 1), 1);
    assert_ne!(other, ran.out);
    check(&written(&archive, "other.json", &other)).bad(1, &["does not lead to the root of its segment"]);
    let fewer: String = ran
        .out
        .lines()
        .filter(|l| !l.contains("\"person\":\"010004\""))
        .map(|l| format!("{l}\n"))
        .collect();
    check(&written(&archive, "fewer.json", &fewer)).bad(1, &["2 records, and it says that they were 3"]);
}

#[test]
fn an_export_is_entered_before_and_after_it_and_names_no_citizen() {
    let archive = three_days();
    let out = archive.site.path("answer.csv");
    let ran = export(&archive, &["--subject", "00000007", "--out", out.to_str().unwrap()]).good();
    says(&ran.err, &["3 records", "SHA-256"]);
    let bytes = std::fs::read(&out).unwrap();
    assert!(bytes.starts_with("\u{feff}time,account,person,".as_bytes()));
    assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), 4);
    // A second one into the same file is refused: nothing that was given out is overwritten.
    export(&archive, &["--subject", "00000007", "--out", out.to_str().unwrap()]).bad(1, &["answer.csv"]);
    let mut pipeline = archive.start();
    let mut archive = archive;
    archive.step(&mut pipeline, HOUR);
    archive.stop(pipeline);
    let entries = archive.entries();
    let of = |kind: &str| -> Vec<Value> {
        let kind = format!("\"t\":\"{kind}\"");
        let own = entries.iter().filter(|e| e.contains(&kind));
        own.map(|e| serde_json::from_str(e).unwrap()).collect()
    };
    let (before, after) = (of("export"), of("exported"));
    assert_eq!((before.len(), after.len()), (2, 1));
    assert_eq!(before[0]["by"], "010001");
    assert_eq!(before[0]["kind"], serde_json::json!(["subject"]));
    assert_eq!(after[0]["records"], 3);
    assert_eq!(after[0]["sha256"], sekimori::evidence::verify::sha256(&out).unwrap().0);
    let index = entries.iter().position(|e| e.contains("\"t\":\"export\"")).unwrap();
    assert_eq!(after[0]["of"], index);
    let whole = entries.join("\n");
    assert!(!whole.contains("開示請求") && !whole.contains("00000007"), "{whole}");
}

#[test]
fn a_person_a_dataset_and_a_period_are_found_whole() {
    let archive = three_days();
    let count = |args: &[&str]| {
        let ran = export(&archive, args).good();
        ran.out.lines().count() - 1
    };
    assert_eq!(count(&[]), 240);
    assert_eq!(count(&["--dataset", "juki"]), 240);
    // user07 of fifty: lines 7, 57, 107, 157 and 207.
    assert_eq!(count(&["--person", "010007"]), 5);
    assert_eq!(count(&["--account", "USER07"]), 5);
    assert_eq!(count(&["--person", "010007", "--subject", "00000007"]), 1);
    assert_eq!(count(&["--person", "999999"]), 0);
    assert_eq!(count(&["--to", "2001-01-01"]), 0);
    export(&archive, &["--dataset", "nowhere"]).bad(2, &["no such dataset", "juki"]);
    export(&archive, &["--from", "yesterday"]).bad(2, &["no date"]);
}

#[test]
fn without_the_officers_key_the_answer_says_that_it_is_not_complete() {
    let archive = three_days();
    let mut all = vec!["export"];
    all.extend(WHO);
    all.extend(["--subject", "00000007", "--format", "json"]);
    let ran = archive.site.run(&all);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    says(&ran.err, &["No identity is given", "This answer is not complete"]);
    assert_eq!(objects(&ran.out).last().unwrap()["complete"], false);
    archive.site.run(&["export", "--subject", "00000007"]).bad(2, &["--by"]);
}

#[test]
fn what_is_asked_for_and_empty_gives_out_nothing_and_strangers_get_nothing() {
    let archive = three_days();
    for name in ["--subject", "--person", "--account", "--dataset", "--from", "--to"] {
        export(&archive, &[name, " "]).bad(2, &[name, "is empty"]);
    }
    let key = archive.site.path("officer.key");
    let key = key.to_str().unwrap();
    let stranger = ["export", "--by", "山田", "--reason", "x", "--identity", key];
    archive
        .site
        .run(&stranger)
        .bad(1, &["山田", "no staff number of the register"]);
    assert_eq!(archive.entries().iter().filter(|e| e.contains("山田")).count(), 0);
}

#[test]
fn a_mistyped_path_is_no_evidence_of_tampering() {
    let archive = three_days();
    let run = |args: &[&str]| {
        archive
            .site
            .run(&[&["verify", "full", "--stale-after", "99999"], args].concat())
    };
    run(&["--identity", "nofile.key"]).bad(3, &["nofile.key"]);
    run(&["--key", "nofile.vkey"]).bad(3, &["nofile.vkey"]);
    run(&["--anchors", "nofolder"]).bad(3, &["nofolder"]);
    let empty = archive.site.path("empty");
    std::fs::create_dir(&empty).unwrap();
    says(
        &run(&["--anchors", empty.to_str().unwrap()]).err,
        &["no checkpoint there"],
    );
}

#[test]
fn a_segment_that_is_not_what_was_sealed_gives_out_nothing() {
    let archive = three_days();
    let entries = archive.entries();
    let mut names = entries.iter().filter_map(|e| {
        serde_json::from_str::<Value>(e).unwrap()["name"]
            .as_str()
            .map(str::to_owned)
    });
    let gone = archive.file(&names.next().unwrap());
    std::fs::remove_file(&gone).unwrap();
    let ran = export(&archive, &["--format", "json"]);
    assert_eq!(ran.code, Some(3));
    let end = objects(&ran.out).pop().unwrap();
    assert_eq!(end["missing"], serde_json::json!([1]));
    // A ledger that does not verify gives out nothing at all, unless somebody answers for it.
    let mut changed = entries.clone();
    changed[3] = changed[3].replacen("\"at\":\"2", "\"at\":\"1", 1);
    archive.put_entries(&changed);
    export(&archive, &[]).bad(1, &["does not verify"]);
    assert_eq!(export(&archive, &["--anyway"]).code, Some(3));
}
