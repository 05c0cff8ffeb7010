//! `[mail]`: the sender, and the way out: a folder, or an SMTP relay with another one to fall back on.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::mail::{MailSettings, SmtpSettings, Tls, TransportSettings};

use super::problem::{Place, Problem, say, shown};
use super::section::{Found, Section, absolute, warning};

/// Name of the folder of mails beside the store.
const OUTBOX: &str = "outbox";
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
const TLS_WORDS: [(&str, Tls); 3] = [("starttls", Tls::StartTls), ("tls", Tls::Tls), ("none", Tls::None)];

/// Reads `[mail]`; `beside_store` is the folder of the store, where that is known.
pub(super) fn read(
    mail: &Section<'_>,
    beside_store: Option<PathBuf>,
    warnings: &mut Vec<Problem>,
) -> Option<MailSettings> {
    let from = mail.required_string("from").and_then(|from| address(mail, &from));
    let folder = mail.value("folder").map(|found| (found.place, mail.path("folder")));
    let relay = mail
        .value("relay")
        .map(|_| mail.table("relay").and_then(|table| smtp(&table, warnings)));
    let fallback = mail.value("fallback").map(|found| {
        let read = mail.table("fallback").and_then(|table| smtp(&table, warnings));
        (found.place, read)
    });
    mail.finish();
    if let (Some((place, _)), None) = (&fallback, &relay) {
        let message = say!(
            "[mail.relay] がありません。",
            "there is no [mail.relay] to fall back from"
        );
        let hint = say!(
            "ふだん使う中継サーバを [mail.relay] に書いてください。",
            "put the usual relay into [mail.relay]"
        );
        mail.problem(place, message, Some(hint));
        return None;
    }
    let fallback = match fallback {
        Some((_, None)) => return None,
        Some((_, read)) => read,
        None => None,
    };
    let transport = match (folder, relay) {
        (Some((place, _)), Some(_)) => {
            let message = say!(
                "[mail.relay] と同時には使えません。",
                "cannot stand beside [mail.relay]"
            );
            let hint = say!("どちらか一方だけを書いてください。", "keep one of them");
            mail.problem(&place, message, Some(hint));
            None
        }
        (None, Some(relay)) => relay.map(|relay| TransportSettings::Smtp {
            relay,
            fallback: fallback.map(Box::new),
        }),
        (Some((_, folder)), None) => folder.map(|f| TransportSettings::Folder(f.value)),
        (None, None) => beside_store.map(|folder| TransportSettings::Folder(folder.join(OUTBOX))),
    };
    Some(MailSettings {
        from: from?,
        transport: transport?,
    })
}

fn smtp(relay: &Section<'_>, warnings: &mut Vec<Problem>) -> Option<SmtpSettings> {
    let host = relay.required_string("host").and_then(|host| host_name(relay, host));
    let tls = match relay.value("tls") {
        Some(found) => relay.choice("tls", &TLS_WORDS).map(|tls| (tls.value, found.place)),
        None => Some((Tls::StartTls, relay.place())),
    };
    let port = relay
        .value("port")
        .map(|_| relay.integer("port").and_then(|port| port_number(relay, &port)));
    let ca_file = relay.path("ca_file");
    let user = relay.string("user");
    let password_file = relay.string("password_file");
    let in_the_open = relay.forbid(
        "password",
        say!("パスワードを設定ファイルに書くことはできません。", "a password may not stand in this file"),
        say!(
            "password_file に、パスワードだけを書いたファイルの場所か systemd の資格情報（LoadCredential=）の名前を書いてください。",
            "give password_file: a file that holds only the password, or the name of a systemd credential (LoadCredential=)"
        ),
    );
    let timeout = relay.duration("timeout", TIMEOUT, TIMEOUT_RANGE);
    relay.finish();
    both_or_none(relay, in_the_open);

    let (tls, tls_place) = tls?;
    if let Some(ca_file) = ca_file.as_ref().filter(|_| tls == Tls::None) {
        let message = say!("tls = \"none\" では使われません。", "has no effect with tls = \"none\"");
        relay.problem(&ca_file.place, message, None);
    }
    let host = host?;
    if tls == Tls::None && !is_loopback(&host) {
        warnings.push(in_the_clear(&tls_place, &host, user.is_some()));
    }
    let port = match port {
        Some(port) => port?,
        None => default_port(tls),
    };
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let password_file =
        password_file.map(|file| password_path(relay.doc().folder(), credentials.as_deref(), &file.value));
    Some(SmtpSettings {
        host,
        port,
        tls,
        ca_file: ca_file.map(|f| f.value),
        user: user.map(|f| f.value),
        password_file,
        timeout: timeout?,
    })
}

fn in_the_clear(place: &Place, host: &str, password: bool) -> Problem {
    let host = shown(host);
    let message = match password {
        true => say!(
            "{host} までの通信が暗号化されず、通知の内容とパスワードが読み取られるおそれがあります。",
            "mails and the password travel to {host} in the clear"
        ),
        false => say!(
            "{host} までの通信が暗号化されず、通知の内容が読み取られるおそれがあります。",
            "mails travel to {host} in the clear"
        ),
    };
    let hint = say!(
        "tls = \"starttls\" か \"tls\" にしてください。",
        "use tls = \"starttls\" or \"tls\""
    );
    warning(place, message, Some(hint))
}

/// The registered port of each way (RFC 6409, RFC 8314, RFC 5321).
fn default_port(tls: Tls) -> u16 {
    match tls {
        Tls::StartTls => 587,
        Tls::Tls => 465,
        Tls::None => 25,
    }
}

fn port_number(relay: &Section<'_>, port: &Found<u64>) -> Option<u16> {
    let number = u16::try_from(port.value).ok().filter(|n| *n != 0);
    if number.is_none() {
        let message = say!("1 から 65535 までの番号を書いてください。", "must be from 1 to 65535");
        relay.problem(&port.place, message, None);
    }
    number
}

fn host_name(relay: &Section<'_>, host: Found<String>) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.value.parse::<IpAddr>().is_ok() || host.value.chars().all(plain) {
        return Some(host.value);
    }
    // What stands before an @ may be a password.
    let word = match host.value.contains('@') {
        true => "…@…".to_owned(),
        false => shown(&host.value),
    };
    let message = say!(
        "「{word}」はホスト名でも IP アドレスでもありません。",
        "\"{word}\" is neither a host name nor an address"
    );
    let hint = say!("ポート番号は port に書いてください。", "the port stands under port");
    relay.problem(&host.place, message, Some(hint));
    None
}

/// Reports a user without a password or the reverse; `told`: where the password belongs was already said.
fn both_or_none(relay: &Section<'_>, told: bool) {
    let pair = [("user", "password_file"), ("password_file", "user")];
    for (there, absent) in pair {
        let told = told && absent == "password_file";
        if relay.value(there).is_some() && relay.value(absent).is_none() && !told {
            relay.missing(
                absent,
                Some(say!("{there} と対で書いてください。", "it goes together with {there}")),
            );
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Where the password stands: a relative name is looked for among the service's credentials first, then beside
/// the configuration file.
fn password_path(folder: &Path, credentials: Option<&Path>, name: &str) -> PathBuf {
    let credential = credentials
        .filter(|_| Path::new(name).is_relative())
        .map(|dir| dir.join(name));
    credential
        .filter(|path| path.is_file())
        .unwrap_or_else(|| absolute(folder, name))
}

/// The addresses of `list`, each once.
pub(super) fn addresses(section: &Section<'_>, list: &[Found<String>]) -> Option<Vec<String>> {
    for (i, one) in list.iter().enumerate() {
        if list
            .iter()
            .take(i)
            .any(|before| before.value.eq_ignore_ascii_case(&one.value))
        {
            let message = say!("同じ宛先が二度書かれています。", "the same recipient stands twice");
            section.problem(&one.place, message, None);
        }
    }
    let read: Vec<Option<String>> = list.iter().map(|one| address(section, one)).collect();
    read.into_iter().collect()
}

fn address(section: &Section<'_>, text: &Found<String>) -> Option<String> {
    let dotless = |a: &lettre::Address| a.domain().starts_with('.') || a.domain().ends_with('.');
    if text.value.parse::<lettre::Address>().is_ok_and(|a| !dotless(&a)) {
        return Some(text.value.clone());
    }
    let word = shown(&text.value);
    let message = say!(
        "「{word}」はメールアドレスとして正しくありません。",
        "\"{word}\" is not a mail address"
    );
    let hint = say!(
        "表示名や山かっこを付けずに「soc@example.go.jp」のように書いてください。",
        "write it as soc@example.go.jp, without a name or angle brackets"
    );
    section.problem(&text.place, message, Some(hint));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_before_a_file_beside_the_configuration() {
        let credentials = tempfile::tempdir().unwrap();
        std::fs::write(credentials.path().join("smtp"), "x").unwrap();
        let folder = Path::new("/etc/sekimori");
        let dir = Some(credentials.path());
        assert_eq!(password_path(folder, dir, "smtp"), credentials.path().join("smtp"));
        assert_eq!(password_path(folder, dir, "other"), Path::new("/etc/sekimori/other"));
        assert_eq!(password_path(folder, None, "smtp"), Path::new("/etc/sekimori/smtp"));
        assert_eq!(password_path(folder, dir, "/run/smtp"), Path::new("/run/smtp"));
    }
}
