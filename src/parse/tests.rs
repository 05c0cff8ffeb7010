//! All formats together: fixture lines that carry their expectation, and what holds for any bytes.

use proptest::prelude::*;

use super::*;

const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

/// The files of `fixtures/logs`. `the_list_of_fixtures_is_whole` keeps the list whole.
const FIXTURES: [(&str, &str); 11] = [
    (
        "apache_custom.log",
        include_str!("../../fixtures/logs/apache_custom.log"),
    ),
    ("apache_times.log", include_str!("../../fixtures/logs/apache_times.log")),
    ("combined.log", include_str!("../../fixtures/logs/combined.log")),
    ("common.log", include_str!("../../fixtures/logs/common.log")),
    ("csv_ja.log", include_str!("../../fixtures/logs/csv_ja.log")),
    (
        "csv_without_header.log",
        include_str!("../../fixtures/logs/csv_without_header.log"),
    ),
    ("json.log", include_str!("../../fixtures/logs/json.log")),
    ("nginx_json.log", include_str!("../../fixtures/logs/nginx_json.log")),
    (
        "nginx_unquoted.log",
        include_str!("../../fixtures/logs/nginx_unquoted.log"),
    ),
    (
        "nginx_upstream.log",
        include_str!("../../fixtures/logs/nginx_upstream.log"),
    ),
    (
        "vhost_combined.log",
        include_str!("../../fixtures/logs/vhost_combined.log"),
    ),
];

fn format(name: &str) -> Format {
    Format::compile(&Format::from_name(name).unwrap_or_else(|| panic!("no format {name}"))).unwrap()
}

/// Checks one record against what stands above it.
fn check(place: &str, expectation: &str, parsed: &Parsed<'_>) {
    let mut out = Vec::new();
    json::write_record(&mut out, 1, parsed);
    let shown = String::from_utf8(out).unwrap();
    if expectation == "nothing" {
        assert_eq!(*parsed, Parsed::Nothing, "{place}");
        return;
    }
    assert_ne!(*parsed, Parsed::Nothing, "{place}");
    let got: serde_json::Value = serde_json::from_str(&shown).unwrap();
    if let Some(reason) = expectation.strip_prefix("reject ") {
        assert_eq!(got["reject"], reason, "{place}: {shown}");
        return;
    }
    let wanted = expectation.strip_prefix("expect ").unwrap();
    let wanted: serde_json::Map<String, serde_json::Value> = serde_json::from_str(wanted).unwrap();
    assert!(got["reject"].is_null(), "{place}: {shown}");
    for (key, value) in wanted {
        assert_eq!(got[&key], value, "{place}: {key} of {shown}");
    }
}

#[test]
fn every_fixture_line_gives_what_stands_above_it() {
    let mut checked = 0;
    for (file, text) in FIXTURES {
        let mut lines = text.lines().enumerate().peekable();
        let first = lines.next().unwrap().1;
        let format = format(first.strip_prefix("# format ").unwrap());
        let mut state = FormatState::default();
        while let Some((number, line)) = lines.next() {
            let expectation = line
                .strip_prefix("# ")
                .unwrap_or_else(|| panic!("{file}:{} is no comment", number + 1));
            if !["expect ", "reject ", "nothing"]
                .iter()
                .any(|word| expectation.starts_with(word))
            {
                continue;
            }
            let mut record = lines.next().unwrap().1.to_owned();
            // A quoted newline: the framer hands over the whole record.
            while let Some((_, more)) = lines.next_if(|(_, next)| !next.starts_with("# ")) {
                record.push('\n');
                record.push_str(more);
            }
            let before = state.to_bytes();
            let parsed = format.parse(record.as_bytes(), &mut state);
            check(&format!("{file}:{}", number + 2), expectation, &parsed);
            // What stands at the ends of a record changes nothing.
            for variant in [
                format!("{record}\r"),
                format!("\u{feff}{record}"),
                format!("\0\0\0{record}"),
            ] {
                let mut copy = FormatState::from_bytes(&before);
                if expectation != "nothing" && expectation != "reject missing-field" {
                    let again = format.parse(variant.as_bytes(), &mut copy);
                    check(&format!("{file}:{} {variant:?}", number + 2), expectation, &again);
                }
            }
            checked += 1;
        }
    }
    assert!(80 < checked, "{checked}");
}

#[test]
fn the_list_of_fixtures_is_whole() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/logs");
    let mut there: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".log"))
        .collect();
    there.sort();
    assert_eq!(there, FIXTURES.map(|(name, _)| name));
}

#[test]
fn nul_bytes_are_named_as_the_reason() {
    for name in ["combined", "json", "csv"] {
        assert_eq!(
            format(name).parse(b"\0\0\0\0", &mut FormatState::default()),
            Parsed::Reject(Why::Nul),
            "{name}"
        );
        assert_eq!(
            format(name).parse(b"ab\0cd", &mut FormatState::default()),
            Parsed::Reject(Why::Nul),
            "{name}"
        );
    }
}

#[test]
fn an_empty_line_is_nothing() {
    for name in ["combined", "common", "json", "csv", &format!("nginx:{COMBINED}")] {
        for line in [&b""[..], b"\r", b"  ", b"\xef\xbb\xbf"] {
            assert_eq!(
                format(name).parse(line, &mut FormatState::default()),
                Parsed::Nothing,
                "{name}"
            );
        }
    }
}

#[test]
fn invalid_bytes_are_kept_in_their_field() {
    let line = b"10.1.2.3 - t\xff\x81 [21/Nov/2026:09:05:07 +0900] \"GET /\x83\x5c HTTP/1.1\" 200 1 \"-\" \"-\"";
    let format = format("combined");
    let Parsed::Record(record) = format.parse(line, &mut FormatState::default()) else {
        panic!("rejected")
    };
    assert_eq!(record.user.as_deref(), Some(&b"t\xff\x81"[..]));
}

#[test]
fn plain_fields_are_borrowed_from_the_line() {
    let line = br#"10.1.2.3 - bob [21/Nov/2026:09:05:07 +0900] "GET / HTTP/1.1" 200 1 "-" "a\x22""#;
    for name in ["combined", &format!("nginx:{COMBINED}")] {
        let format = format(name);
        let Parsed::Record(record) = format.parse(line, &mut FormatState::default()) else {
            panic!("rejected")
        };
        assert!(matches!(record.user, Some(Cow::Borrowed(b"bob"))), "{name}");
        assert!(matches!(record.resource, Some(Cow::Borrowed(b"/"))), "{name}");
        assert!(matches!(record.user_agent, Some(Cow::Owned(_))), "{name}");
    }
}

#[test]
fn nicknames_mean_the_hand_written_parsers() {
    let line = b"www.example.jp 10.1.2.3 - bob [21/Nov/2026:09:05:07 +0900] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"";
    for name in [
        "apache",
        "nginx",
        "apache:combined",
        "nginx:combined",
        "apache:vhost_combined",
    ] {
        let format = format(name);
        let Parsed::Record(record) = format.parse(line, &mut FormatState::default()) else {
            panic!("{name}")
        };
        assert_eq!(record.source.as_deref(), Some(&b"10.1.2.3"[..]), "{name}");
    }
    assert!(Format::from_name("nothing").is_none());
}

/// Text of a header value or a user name as a server writes it: blanks and brackets, no raw quote.
fn escaped_text() -> impl Strategy<Value = String> {
    r#"([a-zA-Z0-9@._ \[\]/:;,+=-]|\\x22|\\x5C|\\xE3\\x81\\x82){0,20}"#
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_a_record_or_a_reject_in_every_format(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in r#"[\[\]"\\ {}:,0-9a-zA-Z/.\n日時'=-]{0,120}"#,
    ) {
        for name in ["combined", "common", "vhost_combined", "json", "csv", "tsv", &format!("nginx:{COMBINED}"),
            "nginx:escape=none$msec $remote_user $upstream_addr \"$request\" $uri$is_args$args",
            "apache:%h %u %{%d/%b/%Y %T}t.%{usec_frac}t %{%z}t \"%r\" %>s %b %U%q"] {
            let format = format(name);
            for line in [&bytes[..], text.as_bytes()] {
                let mut state = FormatState::default();
                state.set_header(super::state::Header {
                    names: ["日時", "利用者ID", "件数"].map(|n| n.as_bytes().to_vec()).to_vec(), plan: None, table: None, });
                for mut state in [FormatState::default(), state] {
                    if let Parsed::Record(Record { user: Some(user), .. }) = format.parse(line, &mut state) {
                        prop_assert!(!user.contains(&b'\n'));
                    }
                }
            }
        }
    }

    #[test]
    fn no_change_of_a_good_line_panics(at in 0_usize..140, byte in any::<u8>(), cut in 0_usize..140) {
        let good = br#"www.example.jp:80 10.1.2.3 - bob [21/Nov/2026:09:05:07 +0900] "GET /a HTTP/1.1" 200 15 "-" "curl/8" 0.003"#;
        let mut line = good.to_vec();
        if let Some(place) = line.get_mut(at) { *place = byte; }
        line.truncate(cut);
        for name in ["combined", "common", "vhost_combined", &format!("nginx:$host:$server_port {COMBINED}")] {
            let _ = format(name).parse(&line, &mut FormatState::default());
        }
    }

    #[test]
    fn the_compiled_combined_format_agrees_with_the_hand_written_one(
        address in r"10\.[0-9]\.[0-9]{1,2}\.7|2001:db8::[0-9a-f]{1,4}",
        user in r"[a-z][a-z0-9@._-]{0,9}( [a-z\[\]]{1,5})?|-",
        minute in 0..60, second in 0..61,
        method in "GET|POST|DELETE|-|get",
        target in escaped_text(), protocol in "( HTTP/1\\.[01]| HTTP/2\\.0|)",
        status in 100..600, bytes in "[0-9]{1,6}|-",
        referer in escaped_text(), agent in escaped_text(),
    ) {
        let line = format!(
            "{address} - {user} [21/Nov/2026:09:{minute:02}:{second:02} +0900] \"{method} /{target}{protocol}\" {status} {bytes} \
             \"{referer}\" \"{agent}\"");
        let (hand, compiled) = (format("combined"), format(&format!("nginx:{COMBINED}")));
        let (mut one, mut two) = (FormatState::default(), FormatState::default());
        let hand = hand.parse(line.as_bytes(), &mut one);
        prop_assert!(matches!(hand, Parsed::Record(_)), "{}", line);
        prop_assert_eq!(hand, compiled.parse(line.as_bytes(), &mut two));
    }
}

#[test]
fn a_stream_kept_with_byte_counts_is_cut_by_them_and_each_message_read_by_its_own_format() {
    let message = |user: &str, agent: &str| {
        let line =
            format!("10.0.4.9 - {user} [21/Nov/2026:09:05:07 +0900] \"GET /a HTTP/1.1\" 200 12 \"-\" \"{agent}\"");
        let message = format!("<134>1 2026-11-21T00:05:07Z web1 nginx - - - {line}");
        format!("{} {message}", message.len())
    };
    let settings = Format::from_name("rfc6587+syslog+combined").unwrap();
    let format = Format::compile(&settings).unwrap();
    // A newline inside, an envelope inside, no newline behind; and a file where each has one.
    let hostile = "x\n99 <134>1 - - - - - - 9.9.9.9 - root";
    for end in ["", "\n"] {
        let log = [
            message("012345", "curl"),
            message("012346", hostile),
            message("012347", "curl"),
        ];
        let log: String = log.map(|message| message + end).concat();
        let (mut rest, mut users, mut state) = (log.as_bytes(), Vec::new(), FormatState::default());
        while !rest.is_empty() {
            let end = settings.framing().end(rest, true).unwrap();
            match format.parse(&rest[..end], &mut state) {
                Parsed::Record(record) => users.push(String::from_utf8(record.user.unwrap().into_owned()).unwrap()),
                other => assert_eq!(other, Parsed::Nothing),
            }
            rest = &rest[end..];
        }
        assert_eq!(users, ["012345", "012346", "012347"]);
    }
}
