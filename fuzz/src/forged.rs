//! Lines as real writers write them, with one field that the client fills in.

use sekimori::clock::EventTime;

/// Who signed in, from where, and when: what must come out, whatever the client sent.
pub const USER: &str = "012345";
pub const ADDRESS: &str = "10.0.4.9";
pub const TIME: EventTime = EventTime::from_secs(1_795_219_507);

/// How a writer escapes what a client sent.
#[derive(Clone, Copy)]
enum Escape {
    /// Apache: `\"`, `\\`, `\n`, `\xhh`.
    Apache,
    /// nginx: `\x22`, `\x5C`, `\xhh`.
    Nginx,
    /// JSON, as every encoder does.
    Json,
    /// A line of nginx inside JSON (Docker).
    NginxInJson,
    /// RFC 4180: quotes doubled, newlines as they are.
    Csv,
    /// PostgreSQL: quotes doubled for pgaudit, a tab behind a newline.
    PostgreSql,
    /// Blanks and controls become `+` (IIS).
    Plus,
    /// RFC 5424: `\"`, `\\`, `\]`; controls as `?`.
    Param,
    /// XML text.
    Xml,
    /// OpenSSH: visual encoding of what is not printable.
    Vis,
}

/// A line, with the places of what the client sent.
pub struct Forged {
    target: &'static str,
    pub format: &'static str,
    /// Lines before it.
    header: &'static str,
    /// `@` stands for what was sent.
    line: &'static str,
    escape: Escape,
    /// Whether the line says who signed in.
    pub names_user: bool,
}

const fn forged(target: &'static str, format: &'static str, escape: Escape, line: &'static str) -> Forged {
    Forged {
        target,
        format,
        header: "",
        line,
        escape,
        names_user: true,
    }
}

/// The same of a line that does not say who signed in.
const fn nobody(target: &'static str, format: &'static str, escape: Escape, line: &'static str) -> Forged {
    Forged {
        names_user: false,
        ..forged(target, format, escape, line)
    }
}

const ALL: [Forged; 17] = [
    forged(
        "web",
        "combined",
        Escape::Nginx,
        "10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] \"@\" 200 1234 \"-\" \"-\"\n",
    ),
    forged(
        "web",
        "combined",
        Escape::Apache,
        "10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] \"GET / HTTP/1.1\" 200 1234 \"@\" \"@\"\n",
    ),
    forged(
        "web",
        "common",
        Escape::Apache,
        "10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] \"GET /@ HTTP/1.1\" 200 1234\n",
    ),
    forged(
        "web",
        "vhost_combined",
        Escape::Apache,
        "tax.example.jp:443 10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] \"GET /@ HTTP/1.1\" 200 1234 \"@\" \"@\"\n",
    ),
    forged(
        "web",
        "apache:%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\" %D",
        Escape::Apache,
        "10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] \"GET /@ HTTP/1.1\" 200 1234 \"@\" \"@\" 15\n",
    ),
    forged(
        "web",
        "nginx:escape=json{\"t\":\"$time_iso8601\",\"a\":\"$remote_addr\",\"u\":\"$remote_user\",\"r\":\"$request\",\"s\":$status,\"g\":\"$http_user_agent\"}",
        Escape::Json,
        "{\"t\":\"2026-11-21T09:05:07+09:00\",\"a\":\"10.0.4.9\",\"u\":\"012345\",\"r\":\"GET /@ HTTP/1.1\",\"s\":200,\"g\":\"@\"}\n",
    ),
    forged(
        "json",
        "json",
        Escape::Json,
        "{\"agent\":\"@\",\"more\":{\"user\":\"@\",\"list\":[\"@\"]},\"time\":\"2026-11-21T09:05:07+09:00\",\"user\":\"012345\",\"remote_addr\":\"10.0.4.9\",\"uri\":\"/@\"}\n",
    ),
    Forged {
        target: "csv",
        format: "csv",
        header: "操作日時,職員番号,端末名,操作区分,業務名,検索語,件数\n",
        line: "2026/11/21 9:05:07,012345,10.0.4.9,照会,\"業務@\",\"@\",3\n",
        escape: Escape::Csv,
        names_user: true,
    },
    Forged {
        target: "w3c",
        format: "iis",
        header: "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status sc-bytes\n",
        line: "2026-11-21 00:05:07 10.0.0.1 GET /a@ q=@ 443 012345 10.0.4.9 @ 200 1234\n",
        escape: Escape::Plus,
        names_user: true,
    },
    forged(
        "pairs",
        "logfmt",
        Escape::Json,
        "time=2026-11-21T09:05:07+09:00 user=012345 remote_addr=10.0.4.9 status=200 agent=\"@\" msg=\"x @\"\n",
    ),
    forged(
        "syslog",
        "syslog+combined",
        Escape::Param,
        "<134>1 2026-11-21T09:05:07+09:00 web1 nginx 7 - [a@1 b=\"@\"] 10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n",
    ),
    forged(
        "syslog",
        "syslog+combined",
        Escape::Nginx,
        "Nov 21 09:05:07 web1 nginx: 10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] \"@\" 200 1 \"@\" \"@\"\n",
    ),
    forged(
        "syslog",
        "docker+combined",
        Escape::NginxInJson,
        "{\"log\":\"10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] \\\"@\\\" 200 1 \\\"@\\\" \\\"@\\\"\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-21T00:05:08.1Z\"}\n",
    ),
    forged(
        "windows_xml",
        "windows-xml",
        Escape::Xml,
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-Auditing'/><EventID>5145</EventID><TimeCreated SystemTime='2026-11-21T00:05:07.0000000Z'/></System><EventData><Data Name='SubjectUserName'>012345</Data><Data Name='IpAddress'>10.0.4.9</Data><Data Name='ShareName'>\\\\*\\d</Data><Data Name='RelativeTargetName'>a@</Data><Data Name='AccessMask'>0x1</Data></EventData></Event>\n",
    ),
    forged(
        "defined",
        "postgresql",
        Escape::PostgreSql,
        "2026-11-21 09:05:07.000 JST [71] 012345@juki 10.0.4.9 LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.juminhyo,\"select '@'\",<not logged>,3\n",
    ),
    nobody(
        "defined",
        "haproxy",
        Escape::Plus,
        "Nov 21 09:05:07 lb1 haproxy[14389]: 10.0.4.9:33317 [21/Nov/2026:09:05:07.000] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 \"GET /a@ HTTP/1.1\"\n",
    ),
    nobody(
        "defined",
        "sshd",
        Escape::Vis,
        "Nov 21 09:05:07 fs1 sshd[3402]: Failed password for invalid user x@ from 10.0.4.9 port 63673 ssh2\n",
    ),
];

impl Forged {
    /// Those of a target.
    pub fn of(target: &str) -> impl Iterator<Item = &'static Forged> {
        static FORGED: [Forged; 17] = ALL;
        FORGED.iter().filter(move |forged| forged.target == target)
    }

    /// The log with `sent` in its places.
    pub fn log(&self, sent: &[u8]) -> Vec<u8> {
        let sent = self.escape.written(sent);
        let mut out = self.header.as_bytes().to_vec();
        let mut parts = self.line.split('@');
        // An `@` of the writer's own has a digit or a name behind it.
        out.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
        for part in parts {
            if part.starts_with("1 b=") || part.starts_with("juki") {
                out.push(b'@');
            } else {
                out.extend_from_slice(&sent);
            }
            out.extend_from_slice(part.as_bytes());
        }
        out
    }
}

impl Escape {
    fn written(self, sent: &[u8]) -> Vec<u8> {
        let text = || String::from_utf8_lossy(sent);
        let json = |text: &str| {
            let quoted = serde_json::to_string(text).expect("a text");
            quoted[1..quoted.len() - 1].to_owned()
        };
        match self {
            Escape::Apache => sent
                .iter()
                .flat_map(|b| match b {
                    b'"' | b'\\' => vec![b'\\', *b],
                    b'\n' => b"\\n".to_vec(),
                    0x20..=0x7e => vec![*b],
                    b => format!("\\x{b:02x}").into_bytes(),
                })
                .collect(),
            Escape::Nginx => nginx(sent),
            Escape::Json => json(&text()).into_bytes(),
            Escape::NginxInJson => json(&String::from_utf8_lossy(&nginx(sent))).into_bytes(),
            // More newlines than a cell may have are another matter.
            Escape::Csv => lines(sent, 30, b"\n")
                .iter()
                .flat_map(|b| if *b == b'"' { vec![b'"'; 2] } else { vec![*b] })
                .collect(),
            Escape::PostgreSql => {
                let text = lines(sent, 200, b"\n\t");
                let text = text.iter().filter(|b| **b != 0);
                text.flat_map(|b| if *b == b'"' { vec![b'"'; 2] } else { vec![*b] })
                    .collect()
            }
            Escape::Plus => sent
                .iter()
                .map(|b| {
                    if *b <= 0x20 || *b == 0x7f || *b == b'"' {
                        b'+'
                    } else {
                        *b
                    }
                })
                .collect(),
            Escape::Param => sent
                .iter()
                .flat_map(|b| match b {
                    b'"' | b'\\' | b']' => vec![b'\\', *b],
                    0..0x20 | 0x7f => vec![b'?'],
                    b => vec![*b],
                })
                .collect(),
            Escape::Xml => {
                let text = text().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                text.chars()
                    .map(|c| if c.is_control() && c != '\n' { '?' } else { c })
                    .collect::<String>()
                    .into_bytes()
            }
            Escape::Vis => sent
                .iter()
                .flat_map(|b| match b {
                    b'\\' => b"\\\\".to_vec(),
                    0x20..=0x7e => vec![*b],
                    b => format!("\\{b:03o}").into_bytes(),
                })
                .collect(),
        }
    }
}

fn nginx(sent: &[u8]) -> Vec<u8> {
    sent.iter()
        .flat_map(|b| match b {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => format!("\\x{b:02X}").into_bytes(),
            b => vec![*b],
        })
        .collect()
}

/// At most `most` newlines, each written as `newline`.
fn lines(sent: &[u8], most: usize, newline: &[u8]) -> Vec<u8> {
    let mut lines = sent.split(|b| *b == b'\n');
    let mut out = lines.next().unwrap_or_default().to_vec();
    for line in lines.take(most) {
        out.extend_from_slice(newline);
        out.extend_from_slice(line);
    }
    out
}
