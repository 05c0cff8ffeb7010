//! Logs that cannot be read, or are no logs.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::super::support::site::{Setup, Site, line, open_log, until};
use super::{lines, nothing_lost};

#[test]
fn a_log_without_read_permission_is_named_and_read_from_its_start_once_it_has_it() {
    let site = Site::new(&Setup::default());
    site.append(lines(0, 50));
    let mode = |mode| std::fs::set_permissions(&site.log, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o000);
    if std::fs::read(&site.log).is_ok() {
        println!("not shown: this user may read everything");
        return;
    }
    let ran = site.pass().good();
    super::says(
        &ran.err,
        &[
            "access.log",
            "Permission denied",
            "let the account that runs sekimori read it",
        ],
    );
    mode(0o600);
    nothing_lost(&site, 50);
}

#[test]
fn a_folder_a_pipe_and_a_link_to_nothing_in_place_of_a_log_are_named() {
    let site = Site::new(&Setup::default());
    let odd = [
        "web: something that is no file stands where a log is expected",
        "access.log",
        "let paths name the log file",
    ];
    std::fs::create_dir(&site.log).unwrap();
    super::says(&site.pass().good().err, &odd);
    super::says(
        &site.run(&["check"]).good().err,
        &["access.log: not a regular file; let paths name the log file"],
    );
    std::fs::remove_dir(&site.log).unwrap();

    mknodat(CWD, &site.log, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    super::says(&site.pass().good().err, &odd);
    super::says(&site.run(&["check"]).good().err, &["access.log: not a regular file"]);
    std::fs::remove_file(&site.log).unwrap();

    symlink(site.path("nowhere"), &site.log).unwrap();
    super::says(&site.pass().good().err, &["web: no file is there yet", "access.log"]);
    super::says(&site.run(&["check"]).good().err, &["access.log: a link to nothing"]);
    std::fs::remove_file(&site.log).unwrap();

    site.append(lines(0, 50));
    nothing_lost(&site, 50);
}

#[test]
fn a_folder_that_turns_into_the_log_is_told_by_mail_and_then_followed() {
    let site = Site::new(&Setup::default());
    std::fs::create_dir(&site.log).unwrap();
    let mut daemon = site.daemon();
    daemon.wait_said(&[
        "a log is not read as it should be",
        "not-a-file",
        "let paths name the log file itself",
    ]);
    until(|| "the mail".to_owned(), || site.mails().len() == 1);
    std::fs::remove_dir(&site.log).unwrap();
    site.append(lines(0, 50));
    site.wait_for(50);
    daemon.stop();
    nothing_lost(&site, 50);
}

#[test]
fn a_line_of_100_mb_is_one_reject_and_costs_no_memory() {
    let site = Site::new(&Setup::default());
    site.append(lines(0, 10));
    let mut log = open_log(&site.log);
    let size = log.metadata().unwrap().len();
    // A hole reads as NUL bytes; text around it makes it a line.
    log.write_all(b"begin ").unwrap();
    log.set_len(size + (100 << 20)).unwrap();
    log.seek(SeekFrom::End(0)).unwrap();
    log.write_all(b" end\n").unwrap();
    site.append(lines(10, 10));
    let daemon = site.daemon();
    site.wait_for(21);
    let peak = daemon.peak_kib();
    daemon.stop();
    println!("peak memory {peak} KiB");
    assert!(peak < 200 * 1024, "{peak} KiB");
    assert_eq!([site.tally("accesses"), site.tally("rejects")], [20, 1]);
    assert_eq!(site.status()["sources"][0]["rejects_by_reason"]["oversize"], 1);
    nothing_lost(&site, 20);
}

#[test]
fn a_binary_file_is_counted_as_rejects_and_the_lines_behind_it_as_accesses() {
    let site = Site::new(&Setup::default());
    let mut noise: Vec<u8> = (0u32..60_000)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1])
        .collect();
    noise.push(b'\n');
    let ends = noise.iter().filter(|b| **b == b'\n').count() as u64;
    site.append(&noise);
    site.append(line(0, "user00", "juki", 7));
    let ran = site.pass().good();
    assert_eq!([site.tally("lines"), site.counted()], [ends + 1, 1], "{}", ran.out);
    let nothing = ends - site.tally("rejects");
    assert!(
        nothing < ends / 10,
        "{nothing} of {ends} lines of noise were taken for empty ones"
    );
    assert!(
        ran.out.is_ascii() || ran.out.chars().all(|c| !c.is_control() || c == '\n'),
        "{:?}",
        ran.out
    );
    nothing_lost(&site, 1);
}

#[test]
fn an_unknown_encoding_is_refused_with_its_place_and_the_nearest_ones() {
    let site = super::counted_site(&Setup::default());
    site.configure(&Setup {
        source: "encoding = \"shift-jiss\"\n".to_owned(),
        ..Setup::default()
    });
    let said = [
        "sekimori.toml:",
        "source[1].encoding",
        "shift-jiss",
        "did you mean \"shift_jis\"?",
    ];
    site.pass().bad(78, &said);
    site.run(&["check"]).bad(78, &said);
    site.append(lines(100, 20));
    site.configure(&Setup::default());
    nothing_lost(&site, 120);
}

#[test]
fn what_happened_to_a_log_stands_in_the_status_of_its_source() {
    let site = Site::new(&Setup::default());
    site.append(lines(0, 40));
    site.pass().good();
    assert_eq!(site.status()["sources"][0]["events"], serde_json::json!([]));
    std::fs::write(&site.log, lines(100, 3)).unwrap();
    site.pass().good();
    let events = &site.status()["sources"][0]["events"];
    assert_eq!(
        (&events[0]["kind"], &events[0]["times"]),
        (&"truncated".into(), &1.into())
    );
    super::says(
        &site.run(&["status"]).good().out,
        &["last 7 days: the log was cut", "(1 times, newest 20"],
    );
}
