//! One delivery to a relay that misbehaves in every way it can.

use std::path::Path;

use super::super::test_relay::{Act, Moment, Security, Setup, SmtpServer};
use super::super::tests::message;
use super::*;

const TO: &str = "hogo@example.lg.jp";

fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".into(),
        port,
        tls: Tls::None,
        ca_file: None,
        user: None,
        password_file: None,
        timeout: Duration::from_secs(20),
    }
}

async fn send(settings: &SmtpSettings) -> Delivery {
    let mailer = SmtpMailer::new("sekimori@example.lg.jp", settings).unwrap();
    mailer.deliver(&message(), TO).await
}

/// The delivery to a plain relay with this script.
async fn send_to(script: impl Fn(Moment<'_>) -> Act + Send + Sync + 'static) -> (Delivery, SmtpServer) {
    let server = SmtpServer::scripted(move |moment, _| script(moment));
    let delivery = send(&settings(server.port)).await;
    (delivery, server)
}

#[track_caller]
fn blocked(delivery: Delivery) -> (Obstacle, String) {
    match delivery {
        Delivery::Blocked { by, why } => (by, why),
        other => panic!("expected Blocked, got {other:?}"),
    }
}

#[tokio::test]
async fn an_accepted_mail_is_there_byte_for_byte_with_the_answer() {
    let (delivery, server) = send_to(|_| Act::Usual).await;
    assert_eq!(delivery, Delivery::Sent("250 2.0.0 queued".into()));
    let [mail] = server.accepted().try_into().unwrap();
    assert_eq!(
        (mail.from.as_str(), mail.to),
        ("sekimori@example.lg.jp", vec![TO.to_owned()])
    );
    assert_eq!(mail.bytes, message().to_rfc5322().unwrap());
}

#[tokio::test]
async fn lines_that_begin_with_a_dot_arrive_as_written() {
    let server = SmtpServer::scripted(|_, _| Act::Usual);
    let mailer = SmtpMailer::new("sekimori@example.lg.jp", &settings(server.port)).unwrap();
    for body in [".\n..\n.x\nend", "\n.\n", "."] {
        let message = Message {
            body: body.into(),
            ..message()
        };
        assert!(matches!(mailer.deliver(&message, TO).await, Delivery::Sent(_)));
        let bytes = server.accepted().pop().unwrap().bytes;
        assert_eq!(bytes, message.to_rfc5322().unwrap());
        let text = String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
        assert_eq!(text.split_once("\n\n").unwrap().1.trim_end(), body.trim_end());
    }
}

#[tokio::test]
async fn mails_of_one_round_share_a_connection_and_rest_ends_it() {
    let server = SmtpServer::scripted(|moment, n| match moment {
        Moment::Recipient(_) if n == 1 => Act::Say("550 5.1.1 no such user"),
        _ => Act::Usual,
    });
    let mailer = SmtpMailer::new("sekimori@example.lg.jp", &settings(server.port)).unwrap();
    for expected in [true, false, true] {
        assert_eq!(
            matches!(mailer.deliver(&message(), TO).await, Delivery::Sent(_)),
            expected
        );
    }
    mailer.rest().await;
    let said = server.said();
    let count = |word: &str| said.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!((count("EHLO"), count("RSET"), count("QUIT")), (1, 1, 1), "{said:?}");
    assert!(
        matches!(mailer.deliver(&message(), TO).await, Delivery::Sent(_)),
        "a new connection where needed"
    );
}

#[tokio::test]
async fn a_connection_the_relay_dropped_meanwhile_is_replaced() {
    let port = SmtpServer::free_port();
    let first = SmtpServer::start(Setup {
        port,
        ..Setup::default()
    });
    let mailer = SmtpMailer::new("sekimori@example.lg.jp", &settings(port)).unwrap();
    assert!(matches!(mailer.deliver(&message(), TO).await, Delivery::Sent(_)));
    drop(first);
    let second = SmtpServer::start(Setup {
        port,
        ..Setup::default()
    });
    assert!(matches!(mailer.deliver(&message(), TO).await, Delivery::Sent(_)));
    assert_eq!(second.accepted().len(), 1);
}

#[tokio::test]
async fn only_a_refusal_of_this_recipient_or_text_is_final() {
    let (delivery, _) = send_to(|m| match m {
        Moment::Recipient(_) => Act::Say("550 5.1.1 <hogo@example.lg.jp>: no such user"),
        _ => Act::Usual,
    })
    .await;
    assert!(
        matches!(&delivery, Delivery::Permanent(why) if why.contains("550 5.1.1")),
        "{delivery:?}"
    );
    let (delivery, _) = send_to(|m| match m {
        Moment::Text(_) => Act::Say("552 5.3.4 too big"),
        _ => Act::Usual,
    })
    .await;
    assert!(
        matches!(&delivery, Delivery::Permanent(why) if why.contains("552 5.3.4 too big")),
        "{delivery:?}"
    );
    let (delivery, server) = send_to(|m| match m {
        Moment::Recipient(_) => Act::Say("554 5.7.1 <unknown[10.0.0.1]>: Client host rejected: Access denied"),
        _ => Act::Usual,
    })
    .await;
    assert!(
        matches!(&delivery, Delivery::Transient(why) if why.contains("must accept this host")),
        "{delivery:?}"
    );
    assert!(server.accepted().is_empty());
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_before_any_connection() {
    for to in ["hogo", "hogo@a\r\nRCPT TO:<x@y>", "保護@example.lg.jp", ""] {
        let mailer = SmtpMailer::new("sekimori@example.lg.jp", &settings(1)).unwrap();
        assert!(
            matches!(mailer.deliver(&message(), to).await, Delivery::Permanent(_)),
            "{to}"
        );
    }
}

#[tokio::test]
async fn a_4xx_to_the_mail_is_for_later() {
    for step in 0..3 {
        let (delivery, server) = send_to(move |m| match (m, step) {
            (Moment::Recipient(_), 0) | (Moment::Data, 1) | (Moment::Text(_), 2) => Act::Say("451 4.7.1 greylisted"),
            _ => Act::Usual,
        })
        .await;
        assert!(
            matches!(&delivery, Delivery::Transient(why) if why.contains("451 4.7.1 greylisted")),
            "{delivery:?}"
        );
        assert!(server.accepted().is_empty());
    }
}

#[tokio::test]
async fn a_relay_that_is_not_itself_blocks_all_mails_and_ends_none() {
    for answer in ["554 5.3.2 no service", "421 4.3.2 shutting down", "nonsense"] {
        for step in 0..3 {
            let (delivery, _) = send_to(move |m| match (m, step) {
                (Moment::Greeting, 0) | (Moment::Hello, 1) | (Moment::Sender, 2) => Act::Say(answer),
                _ => Act::Usual,
            })
            .await;
            let (by, why) = blocked(delivery);
            assert_eq!(by, Obstacle::Session, "{why}");
        }
    }
    let (delivery, _) = send_to(|m| if let Moment::Greeting = m { Act::Cut } else { Act::Usual }).await;
    blocked(delivery);
    let (_, why) = blocked(send(&settings(SmtpServer::free_port())).await);
    assert!(why.contains("refused") && why.contains("is the relay running"), "{why}");
}

#[tokio::test]
async fn a_silent_relay_costs_the_time_limit_and_no_more() {
    for step in 0..4 {
        let server = SmtpServer::scripted(move |m, _| match (m, step) {
            (Moment::Greeting, 0) | (Moment::Hello, 1) | (Moment::Recipient(_), 2) | (Moment::Text(_), 3) => {
                Act::Silence
            }
            _ => Act::Usual,
        });
        let settings = SmtpSettings {
            timeout: Duration::from_millis(150),
            ..settings(server.port)
        };
        let delivery = send(&settings).await;
        let why = match (step, delivery) {
            (0 | 1, Delivery::Blocked { why, .. }) | (2 | 3, Delivery::Transient(why)) => why,
            (_, other) => panic!("step {step}: {other:?}"),
        };
        assert!(why.contains("did not answer within 0.15 s"), "{why}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_to_the_text_means_again() {
    let (delivery, server) = send_to(|m| {
        if let Moment::Text(_) = m {
            Act::AcceptAndCut
        } else {
            Act::Usual
        }
    })
    .await;
    assert!(
        matches!(&delivery, Delivery::Transient(why) if why.contains("may have arrived")),
        "{delivery:?}"
    );
    assert_eq!(server.accepted().len(), 1);
}

/// A relay with this protection and login, and settings that fit it; the authority stands in `dir`.
fn protected(
    dir: &Path,
    security: Security,
    login: Option<(&'static str, &'static str)>,
) -> (SmtpServer, SmtpSettings) {
    let server = SmtpServer::start(Setup {
        security,
        login,
        ..Setup::default()
    });
    let ca_file = dir.join("ca.pem");
    std::fs::write(&ca_file, &server.ca_pem).unwrap();
    let tls = if security == Security::Tls {
        Tls::Tls
    } else {
        Tls::StartTls
    };
    let settings = SmtpSettings {
        tls,
        ca_file: Some(ca_file),
        host: "localhost".into(),
        ..settings(server.port)
    };
    (server, settings)
}

#[tokio::test]
async fn tls_works_with_a_private_authority_and_is_required() {
    let dir = tempfile::tempdir().unwrap();
    for security in [Security::StartTls, Security::Tls] {
        let (server, settings) = protected(dir.path(), security, None);
        assert!(matches!(send(&settings).await, Delivery::Sent(_)), "{security:?}");
        assert_eq!(server.accepted().len(), 1);

        let unknown = SmtpSettings {
            ca_file: None,
            ..settings.clone()
        };
        let (_, why) = blocked(send(&unknown).await);
        assert!(why.contains("UnknownIssuer") && why.contains("ca_file"), "{why}");
        assert_eq!(server.accepted().len(), 1, "nothing leaves unprotected");
    }
    let server = SmtpServer::scripted(|_, _| Act::Usual);
    let (_, why) = blocked(
        send(&SmtpSettings {
            tls: Tls::StartTls,
            ..settings(server.port)
        })
        .await,
    );
    assert!(why.contains("does not offer STARTTLS"), "{why}");
    assert!(server.accepted().is_empty());
}

#[tokio::test]
async fn a_login_is_read_from_its_file_at_each_connection() {
    let dir = tempfile::tempdir().unwrap();
    let (server, settings) = protected(dir.path(), Security::StartTls, Some(("sekimori", "ひみつ pass")));
    let file = dir.path().join("relay-password");
    let settings = SmtpSettings {
        user: Some("sekimori".into()),
        password_file: Some("relay-password".into()),
        ..settings
    };
    let mut mailer = SmtpMailer::new("sekimori@example.lg.jp", &settings).unwrap();
    mailer.credentials = Some(dir.path().to_owned());

    let (by, why) = blocked(mailer.deliver(&message(), TO).await);
    assert_eq!(by, Obstacle::Session);
    assert!(why.contains("password file relay-password"), "{why}");

    std::fs::write(&file, "wrong-secret\n").unwrap();
    let (by, why) = blocked(mailer.deliver(&message(), TO).await);
    assert_eq!(by, Obstacle::Login);
    assert!(
        why.contains("refused the login (535 5.7.8)") && why.contains("check user"),
        "{why}"
    );
    for secret in ["wrong-secret", "AHNla2ltb3JpAHdyb25nLXNlY3JldA"] {
        assert!(
            !why.contains(secret) && !format!("{mailer:?}").contains(secret),
            "{why}"
        );
    }

    std::fs::write(&file, "ひみつ pass\n").unwrap();
    assert!(matches!(mailer.deliver(&message(), TO).await, Delivery::Sent(_)));
    assert_eq!(server.accepted().len(), 1);
}

#[tokio::test]
async fn a_relay_that_wants_a_login_we_do_not_have_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, settings) = protected(dir.path(), Security::StartTls, Some(("u", "p")));
    let (by, why) = blocked(send(&settings).await);
    assert_eq!(by, Obstacle::Login);
    assert!(
        why.contains("530") && why.contains("set user and password_file"),
        "{why}"
    );
}

#[test]
fn settings_that_cannot_work_are_refused_with_what_would_do() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let refused = |settings: SmtpSettings| SmtpMailer::new("s@example.lg.jp", &settings).unwrap_err().to_string();
    let login = || SmtpSettings {
        user: Some("u".into()),
        password_file: Some("p".into()),
        ..settings(25)
    };
    assert!(refused(login()).contains("in clear"));
    assert!(
        refused(SmtpSettings {
            password_file: None,
            ..login()
        })
        .contains("password_file is not")
    );
    assert!(refused(SmtpSettings { user: None, ..login() }).contains("user is not"));
    let tls = |ca: &Path| SmtpSettings {
        tls: Tls::Tls,
        ca_file: Some(ca.to_owned()),
        ..settings(25)
    };
    assert!(refused(tls(&empty)).contains("no certificate in it"));
    assert!(refused(tls(&dir.path().join("none.pem"))).contains("none.pem"));
    assert!(
        SmtpMailer::new("sekimori", &settings(25))
            .unwrap_err()
            .to_string()
            .contains("`sekimori`")
    );
}

#[test]
fn one_line_end_is_not_part_of_a_password() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pw");
    for (held, expected) in [
        (&b"secret\n"[..], Some("secret")),
        (b"secret\r\n", Some("secret")),
        (b" se cret ", Some(" se cret ")),
        (b"", None),
        (b"\n", None),
        (b"two\nlines\n", None),
        (b"\xff\xfe", None),
    ] {
        std::fs::write(&file, held).unwrap();
        assert_eq!(password(&file, None).ok().as_deref(), expected, "{held:?}");
    }
    std::fs::write(&file, "from systemd").unwrap();
    assert_eq!(password(Path::new("pw"), Some(dir.path())).unwrap(), "from systemd");
    assert!(
        password(Path::new("/nonexistent/pw"), Some(dir.path())).is_err(),
        "absolute names are taken as they are"
    );
}
