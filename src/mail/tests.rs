//! What a mail looks like, in bytes and as a file.

use std::os::unix::fs::PermissionsExt as _;

use super::test_relay::{Received, base64_decoded};
use super::*;
use crate::clock::WallTime;

/// 2026-11-21 14:03:27 JST, a Saturday.
const SATURDAY: WallTime = WallTime::from_secs(1_795_237_407);

pub(crate) fn message() -> Message {
    Message {
        message_id: "A-2026-000123.1.4f2a@sekimori.example.lg.jp".into(),
        in_reply_to: None,
        from: "sekimori@example.lg.jp".into(),
        to: vec!["hogo@example.lg.jp".into(), "csirt@example.lg.jp".into()],
        subject: "【重大】[要確認 60分以内] 個人情報アクセス警告 A-2026-000123（税務課／住民税課税台帳）".into(),
        body: "次の警告を検知しました。\n検知 12,480件\n.\n..終わり\n".into(),
        date: SATURDAY,
        urgent: true,
        attachments: Vec::new(),
    }
}

fn read(bytes: Vec<u8>) -> Received {
    Received {
        from: String::new(),
        to: Vec::new(),
        bytes,
    }
}

fn header(message: &Message, name: &str) -> Option<String> {
    read(message.to_rfc5322().unwrap()).header(name)
}

/// RFC 2047 undone: base64 and Q words in UTF-8; white space between two words is none.
fn decoded(header: &str) -> String {
    let (mut text, mut rest) = (String::new(), header);
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let between = &rest[..start];
        if !(after_word && between.trim().is_empty()) {
            text.push_str(between);
        }
        let mut parts = rest[start + 2..].splitn(3, '?');
        let (charset, kind) = (parts.next().unwrap(), parts.next().unwrap());
        assert_eq!(charset.to_ascii_lowercase(), "utf-8");
        assert_eq!(kind.to_ascii_lowercase(), "b");
        let (word, behind) = parts.next().unwrap().split_once("?=").unwrap();
        text.push_str(std::str::from_utf8(&base64_decoded(word)).unwrap());
        rest = behind;
        after_word = true;
    }
    text + rest
}

/// The text part, its transfer encoding undone.
fn body(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    match read(bytes.to_vec())
        .header("Content-Transfer-Encoding")
        .unwrap()
        .as_str()
    {
        "base64" => String::from_utf8(base64_decoded(body)).unwrap(),
        "7bit" | "8bit" => body.to_owned(),
        "quoted-printable" => {
            let joined = body.replace("=\r\n", "");
            let mut bytes = Vec::new();
            let mut rest = joined.as_bytes();
            while let [first, behind @ ..] = rest {
                if *first == b'=' {
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&behind[..2]).unwrap(), 16).unwrap());
                    rest = &behind[2..];
                } else {
                    bytes.push(*first);
                    rest = behind;
                }
            }
            String::from_utf8(bytes).unwrap()
        }
        other => panic!("unexpected transfer encoding {other}"),
    }
}

#[test]
fn a_japanese_subject_and_text_read_as_written() {
    let message = message();
    let bytes = message.to_rfc5322().unwrap();
    assert!(bytes.is_ascii());
    assert_eq!(decoded(&header(&message, "Subject").unwrap()), message.subject);
    assert_eq!(body(&bytes), message.body.replace('\n', "\r\n"));
}

#[test]
fn the_same_message_is_the_same_bytes_every_time() {
    assert_eq!(message().to_rfc5322().unwrap(), message().to_rfc5322().unwrap());
}

#[test]
fn headers_say_when_in_japan_which_thread_and_that_a_machine_wrote_it() {
    let mut message = message();
    message.in_reply_to = Some("A-2026-000123.0.4f2a@sekimori.example.lg.jp".into());
    let expected = [
        ("Date", "Sat, 21 Nov 2026 14:03:27 +0900"),
        ("Message-ID", "<A-2026-000123.1.4f2a@sekimori.example.lg.jp>"),
        ("In-Reply-To", "<A-2026-000123.0.4f2a@sekimori.example.lg.jp>"),
        ("References", "<A-2026-000123.0.4f2a@sekimori.example.lg.jp>"),
        ("From", "sekimori@example.lg.jp"),
        ("To", "hogo@example.lg.jp, csirt@example.lg.jp"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Language", "ja"),
        ("Auto-Submitted", "auto-generated"),
        ("Importance", "high"),
        ("X-Priority", "1 (Highest)"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&message, name).as_deref(), Some(value), "{name}");
    }
    message.urgent = false;
    message.subject = "[Critical] access warning A-2026-000123 (住民税課税台帳)".into();
    message.body = "The following was detected. Dataset: 住民税課税台帳 (すべての人).\n".repeat(3);
    assert_eq!(header(&message, "Importance"), None);
    assert_eq!(header(&message, "X-Priority"), None);
    assert_eq!(header(&message, "Content-Language").as_deref(), Some("en"));
}

#[test]
fn dates_are_right_across_leap_days_and_year_ends() {
    for (secs, expected) in [
        (0, "Thu, 01 Jan 1970 09:00:00 +0900"),
        (951_750_000, "Tue, 29 Feb 2000 00:00:00 +0900"),
        (1_709_175_599, "Thu, 29 Feb 2024 11:59:59 +0900"),
        (1_798_729_199, "Thu, 31 Dec 2026 23:59:59 +0900"),
        (1_798_729_200, "Fri, 01 Jan 2027 00:00:00 +0900"),
        (4_107_510_000, "Mon, 01 Mar 2100 00:00:00 +0900"),
    ] {
        let message = Message {
            date: WallTime::from_secs(secs),
            ..message()
        };
        assert_eq!(header(&message, "Date").as_deref(), Some(expected));
    }
}

#[test]
fn no_line_is_too_long_whatever_the_fields_hold() {
    let mut message = message();
    message.to = (0..80)
        .map(|i| format!("hogokanrisha-{i:02}@very-long-section-name.example.lg.jp"))
        .collect();
    message.subject = "重大 alert ".repeat(60) + &"あ".repeat(300) + &"x".repeat(2000);
    message.body = "長".repeat(3000) + "\n" + &"y".repeat(5000);
    message.in_reply_to = Some(format!("{}@example.lg.jp", "i".repeat(200)));
    let bytes = message.to_rfc5322().unwrap();
    for line in bytes.split(|&b| b == b'\n') {
        assert!(
            line.len() <= 999,
            "{} bytes: {}",
            line.len(),
            String::from_utf8_lossy(line)
        );
    }
    let text = String::from_utf8(bytes.clone()).unwrap();
    for word in text.split_whitespace().filter(|word| word.starts_with("=?")) {
        assert!(word.len() <= 75, "encoded word of {} bytes", word.len());
    }
    for line in text.split("\r\n").filter(|line| line.contains("=?utf-8?")) {
        assert!(
            line.len() <= 76,
            "line with encoded words of {} bytes: {line}",
            line.len()
        );
    }
    assert_eq!(decoded(&header(&message, "Subject").unwrap()), message.subject);
    assert_eq!(body(&bytes), message.body.replace('\n', "\r\n"));
}

#[test]
fn line_ends_in_fields_add_no_header() {
    let mut message = message();
    message.subject = "harmless\r\nBcc: thief@example.com\n\nhello\u{0}\u{1b}[31m".into();
    message.to.push("a@example.lg.jp\r\nBcc: thief@example.com".into());
    message.body = "text\u{0}\u{7}\r.\r\nend".into();
    let bytes = message.to_rfc5322().unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(header(&message, "Bcc"), None);
    assert!(!text.to_ascii_lowercase().contains("\nbcc"));
    assert_eq!(
        decoded(&header(&message, "Subject").unwrap()),
        "harmless Bcc: thief@example.com  hello  [31m"
    );
    assert_eq!(
        header(&message, "To").as_deref(),
        Some("hogo@example.lg.jp, csirt@example.lg.jp")
    );
    assert_eq!(body(&bytes), "text   .\r\nend\r\n");

    for id in ["a@b\r\nBcc: t@e", "a b@c", "a@b>", "<a@b>", "日本@b", "@b", "a@", "ab"] {
        let crooked = Message {
            message_id: id.into(),
            ..self::message()
        };
        assert!(matches!(crooked.to_rfc5322(), Err(MailError::MessageId(_))), "{id}");
        let crooked = Message {
            in_reply_to: Some(id.into()),
            ..self::message()
        };
        assert!(matches!(crooked.to_rfc5322(), Err(MailError::MessageId(_))), "{id}");
    }
    let crooked = Message {
        from: "a@b.example\r\nBcc: t@e.example".into(),
        ..self::message()
    };
    assert!(matches!(crooked.to_rfc5322(), Err(MailError::Address(_))));
}

#[test]
fn a_message_to_no_usable_address_is_still_a_mail() {
    let message = Message {
        to: vec!["税務課".into()],
        ..message()
    };
    assert_eq!(header(&message, "To").as_deref(), Some("undisclosed-recipients:;"));
}

async fn deliver(mailer: &FolderMailer, message: &Message, to: &str) -> Delivery {
    mailer.deliver(message, to).await
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_folder_holds_one_file_a_message_that_people_can_open() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("mails/out");
    let mailer = FolderMailer::new(folder.clone());
    let name = "20261121T140327-A-2026-000123.1.4f2a@sekimori.example.lg.jp.eml";
    assert!(matches!(
        deliver(&mailer, &message(), "hogo@example.lg.jp").await,
        Delivery::Sent(_)
    ));
    assert_eq!(files(&folder), [name]);
    let path = folder.join(name);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let bytes = std::fs::read(&path).unwrap();
    assert!(
        String::from_utf8(bytes.clone())
            .unwrap()
            .contains("次の警告を検知しました。"),
        "readable in an editor"
    );
    assert_eq!(body(&bytes), message().body.replace('\n', "\r\n"));

    std::fs::write(&path, "opened and annotated").unwrap();
    assert!(matches!(
        deliver(&mailer, &message(), "csirt@example.lg.jp").await,
        Delivery::Sent(_)
    ));
    assert_eq!(files(&folder), [name]);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "opened and annotated",
        "never written twice"
    );
}

#[tokio::test]
async fn a_file_left_half_written_by_a_crash_does_not_pass_for_a_mail() {
    let dir = tempfile::tempdir().unwrap();
    let name = "20261121T140327-A-2026-000123.1.4f2a@sekimori.example.lg.jp.eml";
    std::fs::write(dir.path().join(format!(".{name}.part")), "half").unwrap();
    let mailer = FolderMailer::new(dir.path().to_owned());
    assert!(matches!(
        deliver(&mailer, &message(), "x@example.lg.jp").await,
        Delivery::Sent(_)
    ));
    assert_eq!(files(dir.path()), [name]);
    assert!(std::fs::read(dir.path().join(name)).unwrap().len() > 300);
}

#[tokio::test]
async fn message_ids_become_safe_and_different_file_names() {
    let dir = tempfile::tempdir().unwrap();
    let mailer = FolderMailer::new(dir.path().to_owned());
    let long = "l".repeat(200);
    for id in [
        "a/../b@h.example",
        "a/..|b@h.example",
        &format!("{long}1@h.example"),
        &format!("{long}2@h.example"),
    ] {
        let message = Message {
            message_id: id.into(),
            ..message()
        };
        assert!(
            matches!(deliver(&mailer, &message, "x@example.lg.jp").await, Delivery::Sent(_)),
            "{id}"
        );
    }
    let names = files(dir.path());
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.len() < 150 && !name.contains('|')));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_keeps_mails_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let in_the_way = dir.path().join("mails");
    std::fs::write(&in_the_way, "a file").unwrap();
    let mailer = FolderMailer::new(in_the_way.clone());
    let Delivery::Blocked { why, .. } = deliver(&mailer, &message(), "x@example.lg.jp").await else {
        panic!()
    };
    assert!(
        why.contains(in_the_way.to_str().unwrap()) && why.contains("must be writable"),
        "{why}"
    );
}

#[test]
fn words_of_a_relay_become_one_short_line() {
    assert_eq!(one_line("450 4.2.0\r\n\x1b[31mred\t\u{85} x"), "450 4.2.0 [31mred x");
    assert_eq!(one_line(&"あ".repeat(5000)).chars().count(), 300);
}
