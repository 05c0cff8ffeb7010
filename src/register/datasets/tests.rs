use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::register::{MatchSettings, Terms, Tier};

fn pattern(resource: &str) -> MatchSettings {
    MatchSettings {
        sources: Vec::new(),
        resource: resource.into(),
        subject_query: None,
        operations: Vec::new(),
        class: Some(Operation::View),
        records: None,
    }
}

/// One dataset for each pattern, numbered from 1 in the order given.
fn compiled(patterns: &[MatchSettings]) -> Datasets {
    let datasets: Vec<DatasetSettings> = patterns
        .iter()
        .map(|m| DatasetSettings {
            id: String::new(),
            title: String::new(),
            tier: Tier::A,
            owner: String::new(),
            registered: None,
            terms: Terms::default(),
            matches: vec![m.clone()],
        })
        .collect();
    let numbered: Vec<_> = (1u16..).map(DatasetId).zip(&datasets).collect();
    Datasets::new(&numbered, &["web", "csv"])
}

fn datasets(resources: &[&str]) -> Datasets {
    compiled(&resources.iter().map(|r| pattern(r)).collect::<Vec<_>>())
}

/// Number of the pattern that decides; 0 for none.
fn nth(datasets: &Datasets, resource: &str) -> u16 {
    datasets
        .resolve(0, b"GET", resource.as_bytes())
        .map_or(0, |hit| hit.dataset.0)
}

fn subject(datasets: &Datasets, resource: &str) -> Option<String> {
    let hit = datasets.resolve(0, b"GET", resource.as_bytes())?;
    hit.subject.map(|s| String::from_utf8_lossy(&s).into_owned())
}

#[test]
fn segments_stars_and_the_rest_match_what_the_manual_says() {
    let all = datasets(&["/juki/list", "/juki/*/view", "/juki/csv/**", "/juki/x-*.csv", "/"]);
    for (path, want) in [
        ("/juki/list", 1),
        ("/juki/list?page=2", 1),
        ("/juki/lists", 0),
        ("/juki/LIST", 0),
        ("/juki", 0),
        ("/juki/12/view", 2),
        ("/juki/1/2/view", 0),
        ("/juki/csv", 3),
        ("/juki/csv/", 3),
        ("/juki/csv/a", 3),
        ("/juki/csv/a/b/c.csv?x", 3),
        ("/juki/csvs", 0),
        ("/juki/x-2026.csv", 4),
        ("/juki/x-.csv", 4),
        ("/juki/x-.csv.gz", 0),
        ("/", 5),
        ("", 0),
        ("juki/list", 0),
    ] {
        assert_eq!(nth(&all, path), want, "{path}");
    }
}

#[test]
fn the_pattern_written_first_decides() {
    let paths = ["/a/b", "/a/*", "/a/b*", "/a/{subject}", "/a/**", "/**", "*"];
    for shift in 0..paths.len() {
        let mut order = paths.to_vec();
        order.rotate_left(shift);
        assert_eq!(nth(&datasets(&order), "/a/b"), 1, "{order:?}");
    }
    assert_eq!(nth(&datasets(&["/a/b", "/a/b"]), "/a/b"), 1);
}

#[test]
fn the_operation_and_the_source_must_fit_and_else_the_next_pattern_decides() {
    let mut patterns = [
        pattern("/juki/{subject}"),
        pattern("/juki/{subject}"),
        pattern("/juki/**"),
    ];
    patterns[0].operations = vec!["GET".into(), "照会".into()];
    patterns[1].operations = vec!["post".into()];
    patterns[1].class = Some(Operation::Update);
    patterns[2].sources = vec!["csv".into()];
    let all = compiled(&patterns);
    let hit = |source, operation: &str| {
        all.resolve(source, operation.as_bytes(), b"/juki/1")
            .map(|h| (h.dataset.0, h.operation.unwrap()))
    };
    assert_eq!(hit(0, "GET"), Some((1, Operation::View)));
    assert_eq!(hit(0, "get"), Some((1, Operation::View)));
    assert_eq!(hit(0, "照会"), Some((1, Operation::View)));
    assert_eq!(hit(0, "POST"), Some((2, Operation::Update)));
    assert_eq!(hit(0, "DELETE"), None);
    assert_eq!(hit(1, "DELETE"), Some((3, Operation::View)));
    assert_eq!(hit(2, "GET"), None, "a source nobody configured");
    assert_eq!(hit(0, ""), None);
}

#[test]
fn the_citizens_number_is_taken_from_the_segment_or_the_query() {
    let mut patterns = [
        pattern("/juki/{subject}/view"),
        pattern("/search"),
        pattern("/{subject}"),
    ];
    patterns[1].subject_query = Some("atena".into());
    let all = compiled(&patterns);
    for (resource, want) in [
        ("/juki/0012345/view", Some("0012345")),
        ("/juki/%31%32/view?atena=9", Some("12")),
        ("/juki/12;jsessionid=1/view", Some("12")),
        ("/juki//view", None),
        ("/search?x=1&atena=%30012&atena=7", Some("0012")),
        ("/search?%61tena=5", Some("5")),
        ("/search?atena=", None),
        ("/search", None),
        ("//search?atena=3", Some("3")),
        ("/77", Some("77")),
        ("/77/", Some("77")),
        ("/", None),
    ] {
        assert_eq!(subject(&all, resource).as_deref(), want, "{resource}");
    }
}

#[test]
fn records_and_class_are_those_of_the_pattern() {
    let mut one = pattern("/juki/print");
    (one.class, one.records) = (Some(Operation::Print), Some(3));
    let all = compiled(&[one]);
    let hit = all.resolve(0, b"GET", b"/juki/print").unwrap();
    assert_eq!(
        (hit.operation.unwrap(), hit.records, hit.subject),
        (Operation::Print, Some(3), None)
    );
}

#[test]
fn percent_encoding_of_either_case_is_decoded_once() {
    let all = datasets(&["/住民/一覧 表", "/a%b", "/x/*表.csv"]);
    for spelling in [
        "/住民/一覧 表",
        "/%E4%BD%8F%E6%B0%91/%E4%B8%80%E8%A6%A7%20%E8%A1%A8",
        "/%e4%bd%8f%e6%b0%91/%e4%b8%80%e8%a6%a7%20%e8%a1%a8",
        "/%e4%BD%8f民/一覧%20表",
    ] {
        assert_eq!(nth(&all, spelling), 1, "{spelling}");
    }
    assert_eq!(nth(&all, "/住民/一覧+表"), 0, "a plus is a plus in a path");
    assert_eq!(nth(&all, "/a%25b"), 2);
    assert_eq!(nth(&all, "/a%b"), 2, "what is no escape stays");
    assert_eq!(nth(&all, "/x/%E4%BB%A3%E8%A1%A8.csv"), 3);
    let plain = datasets(&["/a/list", "/%61/list"]);
    assert_eq!(nth(&plain, "/%61/list"), 2, "written as the log writes it");
}

#[test]
fn no_spelling_of_a_path_slips_past_its_pattern() {
    let all = datasets(&["/api/juminzei/export", "/api/{subject}/view", "/api/files/**", "/**"]);
    for disguise in [
        "/api/juminzei/export/",
        "//api/juminzei/export",
        "/api//juminzei/export",
        "/api/./juminzei/export",
        "/api/x/../juminzei/export",
        "/public/../api/juminzei/export",
        "/%2e/api/juminzei/export",
        "/public/%2e%2E/api/juminzei/export",
        "/public/%252e%252e/api/juminzei/export",
        "/api%2Fjuminzei%2fexport",
        "/api%252Fjuminzei/export",
        "/api/juminzei/export;jsessionid=0A1B",
        "/api;x/juminzei;y=1/export;z?format=csv",
        "/public/..;/api/juminzei/export",
        "/api\\juminzei\\export",
        "/api/juminzei%5Cexport",
        "http://10.0.0.1/api/juminzei/export",
        "HTTP://juki.example:8443//api/./juminzei/export?x",
        "/api/%6A%75minzei/export",
    ] {
        assert_eq!(nth(&all, disguise), 1, "{disguise}");
    }
    assert_eq!(subject(&all, "//api/./0123;a=b/view").as_deref(), Some("0123"));
    assert_eq!(
        nth(&all, "/api/files/../../etc"),
        4,
        "out of the folder is out of the pattern"
    );
    assert_eq!(nth(&all, "/api/files/a%2Fb/../c"), 3);
}

#[test]
fn a_segment_that_holds_an_encoded_slash_still_matches_as_it_stands() {
    let all = datasets(&["/docs/{subject}/view", "/files/*"]);
    assert_eq!(subject(&all, "/docs/12%2F34/view").as_deref(), Some("12/34"));
    assert_eq!(nth(&all, "/files/a%2Fb.csv"), 2);
    assert_eq!(nth(&all, "/files/a;b.csv"), 2);
}

#[test]
fn what_is_no_path_is_compared_as_a_whole() {
    let all = datasets(&["住民票 照会", "住民*出力", "JUKI.ATENA", "https://a.example/list*"]);
    for (resource, want) in [
        ("住民票 照会", 1),
        ("住民票　照会", 0),
        ("住民税 一括出力", 2),
        ("住民出力", 2),
        ("住民出力済", 0),
        ("JUKI.ATENA", 3),
        ("juki.atena", 0),
        ("/JUKI.ATENA", 0),
        ("https://a.example/list?page=1", 4),
        ("https://b.example/list", 0),
        ("JUKI.ATENA?x", 0),
    ] {
        assert_eq!(nth(&all, resource), want, "{resource}");
    }
    let mixed = datasets(&["/list", "https://a.example/list"]);
    assert_eq!(
        nth(&mixed, "https://a.example/list"),
        1,
        "a whole address is its path as well"
    );
    let mixed = datasets(&["https://a.example/list", "/list"]);
    assert_eq!(
        [
            nth(&mixed, "https://a.example/list"),
            nth(&mixed, "https://b.example/list")
        ],
        [1, 2]
    );
}

#[test]
fn a_long_or_broken_path_costs_little_and_breaks_nothing() {
    let all = datasets(&["/a/*/b/*/c/*/d", "/*a*a*a*a*a*a*b", "/{subject}/**"]);
    for path in [
        "/".repeat(60_000),
        format!("/{}", "a".repeat(60_000)),
        "/a".repeat(30_000),
        "/%".repeat(30_000),
        "/..".repeat(20_000),
        "/%25".repeat(15_000),
    ] {
        nth(&all, &path);
    }
    assert!(all.resolve(0, b"GET", b"/\xff\xfe/\x00").is_some());
    assert!(datasets(&[]).resolve(0, b"GET", b"/").is_none());
}

/// Whether `pattern` says `path`: segment by segment, as the manual says it, the slow way.
fn says(pattern: &str, path: &str) -> bool {
    let decode = |s: &str| String::from_utf8(path::decoded(s.as_bytes()).into_owned()).unwrap();
    let (Some(pattern), Some(path)) = (pattern.strip_prefix('/'), path.strip_prefix('/')) else {
        return false;
    };
    let (p, s): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    let fits = |(p, s): (&&str, &&str)| match *p {
        "*" => true,
        "{subject}" => !s.is_empty(),
        glob => glob_by_hand(glob, &decode(s)),
    };
    match p.split_last() {
        Some((&"**", head)) => head.len() <= s.len() && head.iter().zip(&s).all(fits),
        _ => p.len() == s.len() && p.iter().zip(&s).all(fits),
    }
}

fn glob_by_hand(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    chars_fit(&glob, &text)
}

fn chars_fit(glob: &[char], text: &[char]) -> bool {
    match (glob, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => chars_fit(rest, text) || !text.is_empty() && chars_fit(glob, &text[1..]),
        ([a, glob @ ..], [b, text @ ..]) => a == b && chars_fit(glob, text),
        _ => false,
    }
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let segment = prop_oneof![
        Just("a"),
        Just("b"),
        Just("a b"),
        Just("住"),
        Just("*"),
        Just("{subject}"),
        Just("a*"),
        Just("*b"),
        Just("a*b*")
    ];
    let last = prop_oneof![3 => Just(""), 1 => Just("/**")];
    let one = (vec(segment, 1..4), last).prop_map(|(s, last)| format!("/{}{last}", s.join("/")));
    vec(one, 1..8)
}

fn segments() -> impl Strategy<Value = Vec<&'static str>> {
    let segment = prop_oneof![
        Just("a"),
        Just("b"),
        Just("ab"),
        Just("a b"),
        Just("a%20b"),
        Just("%61"),
        Just("住"),
        Just("%E4%BD%8F"),
        Just("%e4%bd%8f"),
        Just("aab"),
        Just("c")
    ];
    vec(segment, 1..5)
}

proptest! {
    #[test]
    fn the_trie_says_what_reading_the_patterns_one_by_one_says(patterns in patterns(), path in segments(), folder in any::<bool>()) {
        let all = datasets(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
        let exact = format!("/{}", path.join("/"));
        let path = if folder { format!("{exact}/") } else { exact.clone() };
        let first = |path: &str| patterns.iter().position(|p| says(p, path));
        let want = first(&path).into_iter().chain(first(&exact)).min().map_or(0, |i| i + 1);
        prop_assert_eq!(usize::from(nth(&all, &path)), want, "{} of {:?}", path, patterns);
    }

    #[test]
    fn a_disguised_path_is_the_path(
        patterns in patterns(),
        path in segments(),
        disguises in vec(0u8..10, 5),
        host in any::<bool>(),
    ) {
        let all = datasets(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
        let plain = format!("/{}", path.join("/"));
        let mut odd = String::new();
        for (segment, disguise) in path.iter().zip(disguises.iter().cycle()) {
            let segment = segment.to_string();
            odd += &match disguise {
                0 => format!("//{segment}"),
                1 => format!("/./{segment}"),
                2 => format!("/x/../{segment}"),
                3 => format!("/x/%2e%2E/{segment}"),
                4 => format!("/{segment};jsessionid=1"),
                5 => format!("/y/..;/{segment}"),
                6 => format!("%2F{segment}"),
                7 => format!("\\{segment}"),
                8 => format!("/%2e/{segment}"),
                _ => format!("/{segment}"),
            };
        }
        // The first slash of a target is always one.
        let odd = format!("/{odd}");
        let odd = if host { format!("https://juki.example{odd}") } else { odd };
        if nth(&all, &plain) != 0 {
            prop_assert_eq!(nth(&all, &odd), nth(&all, &plain), "{} for {} of {:?}", odd, plain, patterns);
        }
    }

    #[test]
    fn any_bytes_are_some_resource_or_none(resource in vec(any::<u8>(), 0..60), patterns in patterns()) {
        let all = datasets(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert!(all.resolve(0, b"GET", &resource).is_none_or(|hit| usize::from(hit.dataset.0) <= patterns.len()));
        let mut slashed = b"/".to_vec();
        slashed.extend(&resource);
        prop_assert!(all.resolve(0, b"GET", &slashed).is_none_or(|hit| usize::from(hit.dataset.0) <= patterns.len()));
    }
}
