use crate::parse::{Format, FormatError, FormatSettings, FormatState, Parsed, Record, WebFormat};

fn nginx(format: &str) -> Result<Format, FormatError> {
    Format::compile(&FormatSettings::Web(WebFormat::Nginx(format.to_owned())))
}

fn apache(format: &str) -> Result<Format, FormatError> {
    Format::compile(&FormatSettings::Web(WebFormat::Apache(format.to_owned())))
}

fn message(result: Result<Format, FormatError>) -> String {
    result.unwrap_err().to_string()
}

fn record<'a>(format: &Format, line: &'a str) -> Record<'a> {
    match format.parse(line.as_bytes(), &mut FormatState::default()) {
        Parsed::Record(record) => record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_compiled_is_named_with_its_place_and_what_would_do() {
    assert_eq!(
        message(apache("%h %y %t")),
        "unknown directive %y at position 4 of the format string; take it out, or skip its text with %{skip}n"
    );
    assert!(message(apache("%h %{%Q}t")).starts_with("time conversion %Q at position 4"));
    assert!(message(apache("%h %{Referer")).starts_with("%{ at position 4"));
    assert!(message(nginx("$remote_addr ${host")).starts_with("${ at position 14"));
    assert!(message(nginx("$remote_addr $ $time_local")).starts_with("$ at position 14"));
    assert!(
        message(nginx("$remote_addr$remote_user $time_local")).starts_with("$remote_addr and $remote_user stand side")
    );
    assert!(message(nginx("$remote_addr $status")).contains("holds no time; add $time_iso8601"));
    assert!(message(apache("%h %>s")).contains("holds no time; add %t"));
    assert!(message(nginx("escape=xml $time_local")).starts_with("escape=xml is not known"));
}

#[test]
fn a_format_without_escapes_leaves_backslashes_alone() {
    let format = nginx(r#"escape=none [$time_iso8601] $remote_user "$request_uri""#).unwrap();
    let record = record(&format, r#"[2026-11-21T09:05:07+09:00] CORP\x22 "/a\x20b""#);
    assert_eq!(record.user.as_deref(), Some(&br"CORP\x22"[..]));
    assert_eq!(record.resource.as_deref(), Some(&br"/a\x20b"[..]));
}

#[test]
fn the_forwarded_address_is_the_source_only_where_there_is_no_other() {
    let both = nginx(r#"$http_x_forwarded_for|$remote_addr|$msec"#).unwrap();
    assert_eq!(
        record(&both, "1.1.1.1|10.0.0.1|1795219507.042").source.as_deref(),
        Some(&b"10.0.0.1"[..])
    );
    let one = apache(r#"%{X-Forwarded-For}i|%{sec}t"#).unwrap();
    assert_eq!(
        record(&one, "1.1.1.1|1795219507").source.as_deref(),
        Some(&b"1.1.1.1"[..])
    );
}

#[test]
fn of_several_times_each_is_read_and_the_finest_counts() {
    let format = nginx("$time_local $time_iso8601 $msec $status").unwrap();
    let record = record(
        &format,
        "21/Nov/2026:09:05:07 +0900 2026-11-21T09:05:07+09:00 1795219507.042 200",
    );
    assert_eq!(record.time.unwrap().micros(), 1_795_219_507_042_000);
    assert_eq!(record.status, Some(200));
    let format = apache("%t %{%FT%T}t.%{usec_frac}t %u").unwrap();
    let line = "[21/Nov/2026:09:05:07 +0900] 2026-11-21T09:05:07.000042 bob";
    assert_eq!(self::record(&format, line).user.as_deref(), Some(&b"bob"[..]));
}

#[test]
fn a_date_typed_as_a_name_does_not_end_the_name() {
    let format = nginx(r#"$remote_addr $remote_user [$time_local] "$request" $status"#).unwrap();
    let line = r#"10.1.2.3 eve [01/Jan/2020:00:00:00 +0000] \x22 [x [21/Nov/2026:09:05:07 +0900] "GET / HTTP/1.1" 401"#;
    let record = record(&format, line);
    assert_eq!(
        record.user.as_deref(),
        Some(&br#"eve [01/Jan/2020:00:00:00 +0000] " [x"#[..])
    );
    assert_eq!(record.time.unwrap().secs(), 1_795_219_507);
}

#[test]
fn a_string_copied_with_its_quotes_is_joined() {
    let copied = "escape=default '$remote_addr [$time_local] '\n    '\"$request\" $status';";
    let record_of =
        |format: &Format| record(format, r#"10.1.2.3 [21/Nov/2026:09:05:07 +0900] "GET /a HTTP/1.1" 200"#).status;
    assert_eq!(record_of(&nginx(copied).unwrap()), Some(200));
}

#[test]
fn path_and_query_apart_are_one_resource() {
    let format = nginx("$msec $uri $args $status").unwrap();
    assert_eq!(
        record(&format, "1795219507.042 /a x=1 200").resource.as_deref(),
        Some(&b"/a?x=1"[..])
    );
    assert_eq!(
        record(&format, "1795219507.042 /a - 200").resource.as_deref(),
        Some(&b"/a"[..])
    );
}

#[test]
fn the_user_of_a_variable_counts_where_there_is_no_other() {
    let format = apache("%t %{REMOTE_USER}e %s").unwrap();
    assert_eq!(
        record(&format, "[21/Nov/2026:09:05:07 +0900] bob 200").user.as_deref(),
        Some(&b"bob"[..])
    );
}

#[test]
fn tabs_percent_signs_and_status_marks_of_the_server_configuration_are_understood() {
    let format = apache(r#"100%%\t%h\t%{%d/%b/%Y:%I:%M:%S %p}t\t%!200,304{Referer}i\t%>s\t%<s"#).unwrap();
    let record = record(&format, "100%\t10.1.2.3\t21/Nov/2026:02:05:07 PM\t-\t200\t301");
    assert_eq!(record.status, Some(200));
    assert_eq!(record.time.unwrap().secs(), 1_795_219_507 + 5 * 3600);
}
