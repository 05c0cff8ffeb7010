//! Stores that cannot be written, are not ours, or come from the future.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::support::site::{Setup, Site, line, until};
use super::{lines, nothing_lost, says};

/// A small file system of its own, where this user may mount one; gone when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, size: &str) -> Option<Disk> {
        mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "none"], at).then(|| Disk(at.to_owned()))
    }

    fn change(&self, options: &str) {
        assert!(
            mount(&["-o", &format!("remount,{options}")], &self.0),
            "remount,{options}"
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(done.is_ok_and(|s| s.success()), "cannot unmount {}", self.0.display());
    }
}

fn mount(args: &[&str], at: &Path) -> bool {
    let done = Command::new("mount").args(args).arg(at).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

#[test]
fn a_full_disk_under_the_store_is_waited_out() {
    let site = Site::new(&Setup {
        mail: "folder = \"mails\"\n".to_owned(),
        ..Setup::default()
    });
    let Some(disk) = Disk::mount(&site.path("state"), "1m") else {
        println!("not shown: this user may not mount a small file system");
        return;
    };
    let mut daemon = site.daemon();
    daemon.wait_said(&["running"]);
    site.append(lines(0, 20));
    site.wait_for(20);

    let fill = site.path("state/fill");
    let full = std::fs::write(&fill, vec![1u8; 1 << 20]);
    assert!(full.is_err(), "the disk is not full");
    site.append(line(20, "old01", "zei", 1));
    site.append((21..2_000).map(|n| line(n, "user01", "juki", n)).collect::<String>());
    daemon.wait_said(&["the disk of the store is full; free space on it", "Nothing is lost"]);
    assert!(daemon.runs());
    site.run(&["status"]).good();

    std::fs::remove_file(&fill).unwrap();
    disk.change("size=8m");
    site.wait_for(2_000);
    assert!(daemon.runs());
    assert_eq!(site.counted(), 2_000);

    // Full once more, and told to stop: it ends as it should, and the rest is read at the next start.
    assert!(std::fs::write(&fill, vec![1u8; 8 << 20]).is_err());
    site.append((2_000..4_000).map(|n| line(n, "user02", "juki", n)).collect::<String>());
    until(
        || daemon.said(),
        || 2 <= daemon.said().matches("batch not committed").count(),
    );
    daemon.stop();
    site.pass().bad(1, &["the disk of the store is full"]);
    std::fs::remove_file(&fill).unwrap();
    nothing_lost(&site, 4_000);
    let told: Vec<String> = site.mails().into_keys().filter(|id| id.starts_with("A-")).collect();
    let alerts = site.alerts();
    assert_eq!(
        told.len() as u64,
        alerts.iter().map(|a| a["mails"].as_u64().unwrap()).sum::<u64>()
    );
    assert!(alerts.iter().any(|a| a["rule"] == "A-revoked"), "{alerts:?}");
}

#[test]
fn a_read_only_store_is_refused_with_what_would_do() {
    let site = Site::new(&Setup::default());
    let Some(disk) = Disk::mount(&site.path("state"), "8m") else {
        println!("not shown: this user may not mount a small file system");
        return;
    };
    site.append(lines(0, 10));
    disk.change("ro");
    let said = ["Read-only file system", "must be able to write the file and its folder"];
    site.pass().bad(1, &said);
    disk.change("rw");
    site.pass().good();
    site.append(lines(10, 10));
    disk.change("ro");
    site.pass().bad(1, &said);
    site.run(&["run"]).bad(1, &said);
    let looked = site.run(&["status"]);
    assert!(
        looked.code == Some(0) || looked.err.contains("must be able to write"),
        "{}",
        looked.err
    );
    disk.change("rw");
    nothing_lost(&site, 20);
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let site = super::counted_site(&Setup::default());
    let store = site.path("state/sekimori.db");
    let version = |n: i64| {
        let db = rusqlite::Connection::open(&store).unwrap();
        let before: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
        db.pragma_update(None, "user_version", n).unwrap();
        before
    };
    let ours = version(1_000);
    let before = std::fs::read(&store).unwrap();
    let said = ["sekimori.db", "schema version 1000", "install the newer sekimori again"];
    for args in [
        &["run", "--until-idle"][..],
        &["run"],
        &["status"],
        &["count"],
        &["check"],
        &["alert", "list"],
    ] {
        let code = if args == ["check"] { 78 } else { 1 };
        site.run(args).bad(code, &said);
    }
    assert!(std::fs::read(&store).unwrap() == before, "the store was changed");
    version(ours);
    site.append(lines(100, 10));
    nothing_lost(&site, 110);
}

#[test]
fn a_damaged_store_is_refused_and_kept_as_it_is() {
    let site = super::counted_site(&Setup::default());
    let store = site.path("state/sekimori.db");
    let good = std::fs::read(&store).unwrap();
    let mut bad = good.clone();
    bad[..4_096].fill(b'x');
    for bytes in [bad, b"this is no database, but somebody's notes\n".repeat(200)] {
        std::fs::write(&store, &bytes).unwrap();
        let said = [
            "sekimori.db",
            "damaged or no sekimori store",
            "restore the last backup beside it",
        ];
        site.pass().bad(1, &said);
        site.run(&["status"]).bad(1, &said);
        site.run(&["check"]).bad(78, &said);
        assert!(std::fs::read(&store).unwrap() == bytes, "the evidence was changed");
    }
    // With the backup, what was written since is read again.
    std::fs::write(&store, good).unwrap();
    site.append(lines(100, 10));
    nothing_lost(&site, 110);
}

#[test]
fn pages_damaged_in_the_middle_are_named_and_never_counted_on() {
    let site = super::counted_site(&Setup::default());
    let store = site.path("state/sekimori.db");
    let good = std::fs::read(&store).unwrap();
    let mut bad = good.clone();
    bad[3 * 4_096..].fill(0x55);
    std::fs::write(&store, &bad).unwrap();
    site.append(lines(100, 10));
    let ran = site.pass();
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    says(&ran.err, &["malformed", "restore the last backup beside it"]);
    std::fs::write(&store, good).unwrap();
    nothing_lost(&site, 110);
}
