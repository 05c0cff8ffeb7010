//! Relays that are away or do not let us in: mails wait, and leave as the same mails when the way is free.

use std::os::unix::fs::PermissionsExt;

use super::super::support::site::{Setup, Site, line};
use super::super::support::smtp::{Security, Setup as Relay, SmtpServer};
use super::{nothing_lost, says};

fn relay(port: u16, more: &str) -> String {
    format!("[mail.relay]\nhost = \"localhost\"\nport = {port}\ntimeout = \"5s\"\n{more}\n")
}

/// A site with two accesses that are told: to `soc@` and, because of the dataset, to `zei@`.
fn site_with(mail: String) -> (Site, Setup) {
    let setup = Setup {
        mail,
        ..Setup::default()
    };
    let site = Site::new(&setup);
    site.append(line(0, "old01", "zei", 1) + &line(1, "user00", "juki", 2));
    (site, setup)
}

#[test]
fn a_relay_that_is_away_costs_nothing_but_time() {
    let port = SmtpServer::free_port();
    let (site, _) = site_with(relay(port, "tls = \"none\""));
    let ran = site.pass().good();
    says(&ran.out, &["0 sent (by recipient), 2 waiting"]);
    says(
        &ran.err,
        &[
            "the mail relay cannot be used; mails wait",
            &format!("localhost:{port}"),
            "is the relay running",
        ],
    );
    assert_eq!([site.alerts().len() as u64, site.counted()], [1, 2]);
    let outbox = &site.status()["outbox"];
    assert_eq!([&outbox["waiting"], &outbox["sent"], &outbox["dead"]], [2, 0, 0]);

    let server = SmtpServer::start(Relay {
        port,
        ..Relay::default()
    });
    let daemon = site.daemon();
    site.wait_for(2);
    daemon.stop();
    let mut to: Vec<String> = server.accepted().iter().flat_map(|mail| mail.to.clone()).collect();
    to.sort();
    assert_eq!(to, ["soc@city.example.jp", "zei@city.example.jp"]);
    let ids: Vec<_> = server.accepted().iter().map(|mail| mail.header("Message-ID")).collect();
    assert!(ids[0].is_some() && ids[0] == ids[1], "{ids:?}");
    nothing_lost(&site, 2);
    assert_eq!(server.accepted().len(), 2);
}

#[test]
fn a_wrong_password_is_named_without_showing_it_and_the_mails_wait() {
    let server = SmtpServer::start(Relay {
        security: Security::StartTls,
        login: Some(("sekimori", "correct horse")),
        ..Relay::default()
    });
    let (site, setup) = site_with(String::new());
    std::fs::write(site.path("ca.pem"), &server.ca_pem).unwrap();
    let secret = |text: &str| {
        std::fs::write(site.path("password"), text).unwrap();
        std::fs::set_permissions(site.path("password"), PermissionsExt::from_mode(0o600)).unwrap();
    };
    secret("battery staple\n");
    let keys = "ca_file = \"ca.pem\"\nuser = \"sekimori\"\npassword_file = \"password\"";
    site.configure(&Setup {
        mail: relay(server.port, keys),
        ..setup
    });
    let ran = site.pass().good();
    says(
        &ran.err,
        &[
            "mails wait",
            "refused the login (535",
            "check user and the password file",
        ],
    );
    says(&ran.out, &["2 waiting"]);
    assert!(
        !ran.err.contains("battery") && !ran.err.contains("YmF0dGVyeS"),
        "{}",
        ran.err
    );
    assert_eq!([server.accepted().len(), site.alerts().len()], [0, 1]);

    secret("correct horse\n");
    let daemon = site.daemon();
    site.wait_for(2);
    daemon.stop();
    assert_eq!(server.accepted().len(), 2);
    nothing_lost(&site, 2);
}

#[test]
fn another_relay_takes_the_mails_while_the_first_is_away_and_a_test_says_which_way_is_open() {
    let (away, server) = (SmtpServer::free_port(), SmtpServer::start(Relay::default()));
    let both = format!(
        "{}\n[mail.fallback]\nhost = \"localhost\"\nport = {}\ntls = \"none\"\n",
        relay(away, "tls = \"none\""),
        server.port
    );
    let (site, _) = site_with(both);
    let ran = site.pass().good();
    says(&ran.out, &["2 sent (by recipient), 0 waiting"]);
    says(
        &ran.err,
        &["the first mail relay cannot be used; the fallback takes its mails"],
    );
    let mut to: Vec<String> = server.accepted().iter().flat_map(|mail| mail.to.clone()).collect();
    to.sort();
    assert_eq!(to, ["soc@city.example.jp", "zei@city.example.jp"]);

    let tested = site.run(&["mail", "test", "--to", "soc@city.example.jp", "--json"]);
    let lines = tested.out.lines().map(|line| serde_json::from_str(line).unwrap());
    let outcomes: Vec<serde_json::Value> = lines.collect();
    tested.bad(1, &["1 of 2 mails could not be sent"]);
    let outcome = |port: u16| {
        let way = format!("localhost:{port}");
        outcomes.iter().find(|o| o["way"] == way.as_str()).unwrap()["outcome"].clone()
    };
    assert_eq!([outcome(away), outcome(server.port)], ["blocked", "sent"]);
    let mail = server.accepted().pop().unwrap();
    assert_eq!(mail.to, ["soc@city.example.jp"]);
    nothing_lost(&site, 2);
}

#[test]
fn a_monitoring_system_is_told_whether_the_watch_runs_and_mails_leave() {
    let port = SmtpServer::free_port();
    let (site, setup) = site_with(relay(port, "tls = \"none\""));
    let check = ["status", "--check"];
    assert_eq!(site.run(&check).code, Some(2), "there is no store yet");
    site.pass().good();
    let down = site.run(&check);
    assert_eq!(down.code, Some(2));
    says(&down.out, &["CRITICAL: ", "sekimori is not running"]);
    assert!(
        !down.out.contains("cannot leave"),
        "they have waited for a moment only: {}",
        down.out
    );
    let server = SmtpServer::start(Relay {
        port,
        ..Relay::default()
    });
    site.configure(&setup);
    let daemon = site.daemon();
    site.wait_for(2);
    let up = site.run(&check);
    daemon.stop();
    assert!(matches!(up.code, Some(0 | 1)), "{} {}", up.out, up.err);
    assert!(!up.out.contains("CRITICAL"), "{}", up.out);
    drop(server);
}
