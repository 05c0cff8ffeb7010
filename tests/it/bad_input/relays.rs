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
