//! What is done to the watch itself is told at once, to those who were told before as well: settings that are changed for the
//! act and set back, a ledger that begins anew, a file of the ledger that was cut, a store that was put back.

use rusqlite::Connection;

use super::archive::{Archive, put_lines};
use crate::support::mail::readable;
use crate::support::site::{Setup, Site, line, says};

/// Mails whose subject bears this mark, as people read them.
fn told(site: &Site, mark: &str) -> Vec<String> {
    let files = std::fs::read_dir(site.path("mails")).into_iter().flatten();
    let files = files
        .map(|f| f.unwrap().path())
        .filter(|f| f.extension().is_some_and(|e| e == "eml"));
    let mails = files.map(|f| readable(&std::fs::read_to_string(f).unwrap()));
    let mut mails: Vec<String> = mails.filter(|m| m.contains(mark)).collect();
    mails.sort();
    mails
}

fn changed(site: &Site, name: &str, from: &str, to: &str) {
    let path = site.path(name);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    std::fs::write(&path, text.replace(from, to)).unwrap();
}

#[test]
fn settings_changed_for_the_act_and_set_back_are_told_to_those_before_and_after() {
    const MARK: &str = "[SETTINGS CHANGED]";
    let site = Site::new(&Setup::default());
    site.pass().good();
    site.pass().good();
    assert_eq!(told(&site, MARK), [""; 0]);
    changed(&site, "sekimori.toml", "soc@city", "away@city");
    changed(&site, "rules.toml", "limit = 60", "limit = 6000");
    site.pass().good();
    let mails = told(&site, MARK);
    let of = |to: &str| {
        mails
            .iter()
            .filter(|m| m.lines().any(|l| l.starts_with("To:") && l.contains(to)))
            .count()
    };
    assert!(1 <= of("soc@city") && 1 <= of("away@city"), "{mails:#?}");
    says(
        &mails[0],
        &[
            "- recipients of every alert: soc@city.example.jp → away@city.example.jp",
            "- rule V-hour: 60 → 6000",
        ],
    );
    changed(&site, "sekimori.toml", "away@city", "soc@city");
    changed(&site, "rules.toml", "limit = 6000", "limit = 60");
    site.pass().good();
    assert_eq!(told(&site, MARK).len(), 2 * mails.len());
    site.pass().good();
    assert_eq!(told(&site, MARK).len(), 2 * mails.len());
}

#[test]
fn whoever_silences_the_sign_of_life_is_told_of() {
    const MARK: &str = "[SETTINGS CHANGED]";
    let site = Site::new(&Setup::default());
    site.pass().good();
    changed(
        &site,
        "sekimori.toml",
        "[alerts]\n",
        "[alerts]\nsign_of_life = \"off\"\n",
    );
    site.pass().good();
    let mails = told(&site, MARK);
    assert!(!mails.is_empty());
    says(
        &mails[0],
        &["who is told next and again, and the sign of life: changed"],
    );
}

#[test]
fn a_ledger_that_begins_anew_under_an_old_key_is_told_and_found() {
    const MARK: &str = "[RECORD IMPAIRED]";
    let site = Site::new(&Setup::default());
    site.append(line(1, "user01", "juki", 1));
    site.pass().good();
    assert_eq!(told(&site, MARK), [""; 0]);
    std::fs::remove_dir_all(site.path("state/archive")).unwrap();
    for name in ["sekimori.db", "sekimori.db-wal", "sekimori.db-shm"] {
        drop(std::fs::remove_file(site.path("state").join(name)));
    }
    site.pass().good();
    let mails = told(&site, MARK);
    assert_eq!(mails.len(), 1, "{mails:#?}");
    says(
        &mails[0],
        &["a ledger has begun anew", "a key that signed is still there"],
    );
    let ran = site.run(&["verify"]).good();
    says(&ran.out, &["warning BEGUN_ANEW"]);
}

#[test]
fn a_cut_file_of_the_ledger_is_mended_and_told() {
    let archive = Archive::five_days();
    let (entries, notes) = (archive.entries(), super::archive::lines(&archive.file("log/cp.b64")));
    put_lines(&archive.file("log/entries.jsonl"), &entries[..entries.len() - 3]);
    put_lines(&archive.file("log/cp.b64"), &notes[..notes.len() - 1]);
    archive.site.pass().good();
    let mails = told(&archive.site, "[RECORD IMPAIRED]");
    assert_eq!(mails.len(), 1, "{mails:#?}");
    says(&mails[0], &["had been cut"]);
    assert_eq!(archive.entries()[..entries.len()], entries);
    let ran = archive.site.run(&["verify", "--stale-after", "99999"]).good();
    says(&ran.out, &["warning MENDED"]);
}

#[test]
fn a_restored_store_is_told_and_a_doctored_copy_is_doubted() {
    let site = Site::new(&Setup::default());
    site.append(line(1, "old01", "juki", 1));
    site.pass().good();
    let folder = site.path("copies");
    site.run(&["backup", "--to", folder.to_str().unwrap()]).good();
    let copy = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let restored = |from: &std::path::Path| {
        for name in ["sekimori.db", "sekimori.db-wal", "sekimori.db-shm"] {
            drop(std::fs::remove_file(site.path("state").join(name)));
        }
        let by = ["--by", "010001", "--reason", "障害復旧"];
        site.run(&[&["restore", "--from", from.to_str().unwrap()], &by[..]].concat())
            .good();
        site.pass().good();
        told(&site, "[STORE RESTORED]")
    };
    let hash = sekimori::evidence::verify::sha256(&copy).unwrap().0;
    let mails = restored(&copy);
    assert_eq!(mails.len(), 1, "{mails:#?}");
    says(&mails[0], &["010001", "障害復旧", &hash]);
    assert!(!mails[0].contains("doctored"), "{}", mails[0]);
    // The alert is taken out of the copy.
    let plain = site.path("plain.db");
    std::fs::write(&plain, zstd::decode_all(std::fs::File::open(&copy).unwrap()).unwrap()).unwrap();
    let conn = Connection::open(&plain).unwrap();
    conn.execute_batch(
        "PRAGMA foreign_keys = 0; DELETE FROM alert_evidence; DELETE FROM alert_step; DELETE FROM alert",
    )
    .unwrap();
    drop(conn);
    let doctored = site.path("sekimori-doctored.db.zst");
    std::fs::write(
        &doctored,
        zstd::encode_all(std::fs::File::open(&plain).unwrap(), 1).unwrap(),
    )
    .unwrap();
    let mails = restored(&doctored);
    assert_eq!(mails.len(), 2, "{mails:#?}");
    assert!(mails.iter().any(|m| m.contains("may have been doctored")), "{mails:#?}");
    let found = site.run(&["verify", "--json", "counters"]).bad(1, &[]).out;
    says(&found, &["COUNTER_DRIFT"]);
    says(
        &site.run(&["verify"]).good().out,
        &["no entry knows of a copy with this content"],
    );
}

#[test]
fn another_configuration_leaves_only_its_own_days_unchecked() {
    let archive = Archive::new();
    let day = |site: &Site, day: u32| {
        let text: String = (0..20)
            .map(|n| line(n, &format!("user{n:02}"), "juki", n).replace("02/Jun/2025", &format!("{day:02}/Jun/2025")))
            .collect();
        site.append(text);
        site.pass().good();
    };
    let site = &archive.site;
    day(site, 2);
    changed(site, "rules.toml", "limit = 60", "limit = 61");
    day(site, 5);
    let lowered = |day: &str| {
        let conn = Connection::open(site.path("state/sekimori.db")).unwrap();
        let sql = "UPDATE book SET accesses = accesses - 1 WHERE key IN (SELECT key FROM page
            WHERE day = CAST(julianday(?1) - julianday('1970-01-01') AS INTEGER) AND who <> 0 LIMIT 1)";
        assert_eq!(conn.execute(sql, [day]).unwrap(), 1);
    };
    assert_eq!(site.run(&["verify", "counters"]).code, Some(0));
    lowered("2025-06-02");
    says(
        &site.run(&["verify", "counters"]).bad(2, &[]).out,
        &["unchecked UNCHECKED", "2025-06-02"],
    );
    lowered("2025-06-05");
    let out = site.run(&["verify", "counters"]).bad(1, &[]).out;
    says(&out, &["FOUND COUNTER_DRIFT: the counters of 2025-06-05"]);
}
