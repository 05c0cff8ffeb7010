use proptest::prelude::*;
use serde_json::Value as Json;

use crate::parse::{FieldNames, Format, FormatError, FormatSettings, FormatState, JsonFormat, Parsed, Record, Why};

fn compile(fields: FieldNames) -> Result<Format, FormatError> {
    Format::compile(&FormatSettings::Json(JsonFormat {
        fields,
        zone_secs: 32_400,
    }))
}

fn parse<'a>(fields: FieldNames, line: &'a str) -> Parsed<'a> {
    compile(fields)
        .unwrap()
        .parse(line.as_bytes(), &mut FormatState::default())
}

fn record(parsed: Parsed<'_>) -> Record<'_> {
    match parsed {
        Parsed::Record(record) => record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn configured_paths_go_into_objects_and_leave_usual_names_alone() {
    let fields = FieldNames {
        time: Some("meta.at".into()),
        user: Some("actor.staff.no".into()),
        rows: Some("result.n".into()),
        ..FieldNames::default()
    };
    let line = r#"{"user":"wrong","actor":{"staff":{"no":"012345","name":"x"}},"meta":{"at":"2026-11-21 09:05:07"},"result":{"n":7},"uri":"/a"}"#;
    let record = record(parse(fields.clone(), line));
    assert_eq!(record.user.as_deref(), Some(&b"012345"[..]));
    assert_eq!((record.rows, record.resource.as_deref()), (Some(7), Some(&b"/a"[..])));
    assert_eq!(record.time.unwrap().secs(), 1_795_219_507);
    assert_eq!(
        parse(fields, r#"{"time":"2026-11-21 09:05:07"}"#),
        Parsed::Reject(Why::Missing)
    );
}

#[test]
fn a_path_with_an_empty_name_is_refused() {
    let error = compile(FieldNames {
        user: Some("a..b".into()),
        ..FieldNames::default()
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"a..b\" for user is not a path of member names joined by dots"
    );
}

#[test]
fn the_better_of_several_usual_names_counts_wherever_it_stands() {
    for line in [
        r#"{"time":"2026-11-21 09:05:07","remote_user":"b","user":"a"}"#,
        r#"{"time":"2026-11-21 09:05:07","user":"a","remote_user":"b"}"#,
    ] {
        assert_eq!(
            record(parse(FieldNames::default(), line)).user.as_deref(),
            Some(&b"a"[..])
        );
    }
}

#[test]
fn a_bomb_of_brackets_is_refused_and_deep_nesting_is_not() {
    let nested = |depth: usize| {
        format!(
            r#"{{"x":{}{},"time":"2026-11-21 09:05:07"}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert!(matches!(parse(FieldNames::default(), &nested(100)), Parsed::Record(_)));
    assert_eq!(
        parse(FieldNames::default(), &nested(100_000)),
        Parsed::Reject(Why::Json)
    );
    let objects = format!("{}\"time\":1{}", "{\"user\":".repeat(10_000), "}".repeat(10_000));
    assert_eq!(parse(FieldNames::default(), &objects), Parsed::Reject(Why::Json));
}

#[test]
fn brackets_that_do_not_match_are_refused() {
    for line in [
        r#"{"a":[}]}"#,
        r#"{"a":{]}"#,
        r#"{"a":[}"#,
        r#"{"a"}"#,
        r#"{"a":1,}"#,
        r#"{,}"#,
        r#"{"a":NaN NaN}"#,
        r#"{"a":'x,"b":1}"#,
    ] {
        assert_eq!(parse(FieldNames::default(), line), Parsed::Reject(Why::Json), "{line}");
    }
}

/// Values of every kind, a few levels deep.
fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,12}|[\"\\\\\n\t{}\\[\\]]{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::vec(("[a-z\"\\\\]{0,4}", inner), 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn every_object_a_serialiser_writes_is_read_with_its_values(
        before in json(), after in json(), user in "[^\\s-]\\PC{0,10}[^\\s']|[\"\\\\]{1,4}x", pretty in any::<bool>(),
    ) {
        let line = serde_json::json!({"a": before, "user": user, "time": "2026-11-21 09:05:07", "z": after});
        let text = if pretty { serde_json::to_string_pretty(&line) } else { serde_json::to_string(&line) }.unwrap();
        let parsed = parse(FieldNames::default(), &text);
        let record = record(parsed);
        let expected = user.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{3000}');
        let expected = expected.strip_prefix('\'').unwrap_or(expected);
        prop_assert_eq!(String::from_utf8_lossy(&record.user.unwrap_or_default()).into_owned(), expected);
    }

    #[test]
    fn what_a_serialiser_takes_for_a_flat_object_is_one_here_and_what_it_refuses_has_only_odd_tokens(
        text in r#"\{"time":"2026-11-21 09:05:07"[,:"{}\[\]a0-9.eE+ -]{0,12}"#,
    ) {
        let ours = matches!(parse(FieldNames::default(), &text), Parsed::Record(_) | Parsed::Reject(Why::Number));
        let theirs = serde_json::from_str::<serde_json::Map<String, Json>>(&text);
        // Inside values nobody asks for only brackets and strings are looked at.
        let nested = text.get(1..).is_some_and(|rest| rest.contains(['{', '[']));
        if !nested && theirs.is_ok() {
            prop_assert!(ours, "{}", text);
        }
        if !nested && ours {
            // With each token that is none replaced, it is what we took it for.
            let tokens = regex::Regex::new(r#":(\s*)[a-zA-Z0-9.+_-]*\s*([,}])"#).unwrap();
            let mended = tokens.replace_all(&text, ":${1}0$2");
            let theirs = serde_json::from_str::<serde_json::Map<String, Json>>(&mended);
            prop_assert!(theirs.is_ok(), "{}", text);
        }
    }
}

#[test]
fn an_odd_token_costs_no_record_and_says_nothing() {
    for odd in [
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "None",
        "-",
        "",
        "True",
        "0x1F",
    ] {
        let line = format!(r#"{{"time":"2026-11-21 09:05:07","x":{odd},"user":"a","rows":{odd},"y":{odd}}}"#);
        let read = record(parse(FieldNames::default(), &line));
        assert_eq!((read.user.as_deref(), read.rows), (Some(&b"a"[..]), None), "{line}");
    }
}

#[test]
fn numbers_are_read_however_a_serialiser_writes_them() {
    for (number, rows) in [("1e3", 1_000), ("1.0", 1), ("2.5E+3", 2_500), ("007", 7)] {
        let line = format!(r#"{{"time":"2026-11-21 09:05:07","user":012345,"rows":{number}}}"#);
        let read = record(parse(FieldNames::default(), &line));
        assert_eq!(
            (read.user.as_deref(), read.rows),
            (Some(&b"012345"[..]), Some(rows)),
            "{line}"
        );
    }
}
