//! Signals, reloads, and a second instance.

use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use super::super::support::site::{Setup, Site, line, until};
use super::{lines, nothing_lost, says};

#[test]
fn a_second_instance_on_the_same_store_is_refused() {
    let site = Site::new(&Setup::default());
    site.append(lines(0, 30));
    let mut daemon = site.daemon();
    daemon.wait_said(&["running"]);
    site.wait_for(30);
    let said = [
        "another sekimori is running on the store",
        "sekimori.db",
        "systemctl stop sekimori",
    ];
    site.pass().bad(75, &said);
    site.run(&["run"]).bad(75, &said);
    assert!(daemon.runs());
    site.append(lines(30, 30));
    site.wait_for(60);
    daemon.stop();
    nothing_lost(&site, 60);
}

#[test]
fn a_broken_configuration_changes_nothing_and_a_good_one_everything_without_losing_a_line() {
    let site = Site::new(&Setup::default());
    site.append(lines(0, 20));
    let mut daemon = site.daemon();
    site.wait_for(20);

    let elsewhere = Setup {
        mail: "folder = \"elsewhere\"\n".to_owned(),
        ..Setup::default()
    };
    site.configure(&Setup {
        source: "encoding = \"klingon\"\n".to_owned(),
        ..elsewhere.clone()
    });
    daemon.signal(Signal::HUP);
    daemon.wait_said(&[
        "new configuration refused; the old one stays in force",
        "klingon",
        "source[1].encoding",
    ]);
    site.append(lines(20, 20));
    // For the commands below; nobody tells the daemon.
    site.configure(&Setup::default());
    site.wait_for(40);

    site.configure(&Setup {
        store: "state/other.db".to_owned(),
        ..elsewhere.clone()
    });
    daemon.signal(Signal::HUP);
    daemon.wait_said(&["store.path changed; stop and start the daemon for that"]);

    // Sound by itself, but it cannot be put into force: nothing of it is.
    let key = |mode| std::fs::set_permissions(site.path("subject.key"), PermissionsExt::from_mode(mode)).unwrap();
    site.configure(&elsewhere);
    key(0o644);
    daemon.signal(Signal::HUP);
    daemon.wait_said(&["others may read it; chmod 600 it"]);
    site.append(line(80, "old01", "zei", 2));
    site.wait_for(41);
    until(
        || "the mail in its old place".to_owned(),
        || site.mails().keys().any(|id| id.starts_with("A-")),
    );
    key(0o600);

    // A good one: another source beside the first, and another place for mails.
    std::fs::write(site.path("log/second.log"), lines(0, 10)).unwrap();
    site.configure(&Setup {
        paths: "log/[as]*.log",
        mail: "folder = \"mails2\"\n".to_owned(),
        ..Setup::default()
    });
    site.append(lines(41, 20));
    daemon.signal(Signal::HUP);
    site.append(lines(61, 19));
    daemon.wait_said(&["new configuration in force"]);
    site.append(line(90, "old01", "juki", 1));
    site.wait_for(91);
    until(
        || "the mail in its new place".to_owned(),
        || site.path("mails2").exists(),
    );
    daemon.stop();
    // The refusals were told by mail, to where mails went then.
    assert_eq!(site.mails().keys().filter(|id| id.starts_with("N-")).count(), 3);
    assert!(!site.path("elsewhere").exists());
    nothing_lost(&site, 91);
}

#[test]
fn after_sigterm_a_restart_counts_on() {
    let site = Site::new(&Setup::default());
    for life in 0..3 {
        let mut daemon = site.daemon();
        daemon.wait_said(&["running"]);
        site.append(lines(20 * life, 10));
        site.wait_for(20 * life + 10);
        // These may or may not be read before the end.
        site.append(lines(20 * life + 10, 10));
        daemon.stop();
    }
    nothing_lost(&site, 60);
    says(&std::fs::read_to_string(site.path("journal")).unwrap(), &["stopping"]);
}
