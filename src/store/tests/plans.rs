//! Every statement finds its rows by an index: read from the sources, planned by SQLite.

use regex::Regex;

use super::*;

/// The statements of this module, as they stand in its sources.
fn statements() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let code = files.filter(|file| file.extension().is_some_and(|e| e == "rs") && !file.ends_with("tests.rs"));
    let sources: Vec<String> = code.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let strings = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).unwrap();
    let verb = Regex::new(r"^\s*(SELECT|INSERT|UPDATE|DELETE)\s").unwrap();
    let columns = Regex::new(r#"(?s)const COLUMNS: &str =\s*"((?:[^"\\]|\\.)*)""#).unwrap();
    let of = |file: &String| columns.captures(file).map(|c| c[1].to_owned());
    let of_alerts = sources
        .iter()
        .filter(|s| s.contains("FROM alert AS a"))
        .find_map(of)
        .unwrap();
    let all = sources.iter().flat_map(|file| {
        let columns = of(file).unwrap_or_else(|| of_alerts.clone());
        let all = strings.captures_iter(file);
        all.map(move |c| c[1].replace("{COLUMNS}", &columns).replace("\\\"", "\""))
    });
    all.filter(|s| verb.is_match(s)).collect()
}

/// Statements that read a whole table, and why that is right.
const WHOLE: &[(&str, &str)] = &[
    (
        "FROM exception AS e",
        "as many as people have registered; in the order of their numbers",
    ),
    (
        "FROM job ORDER BY id",
        "as many as people have registered, each time one is added",
    ),
    (
        "SELECT id, kind, name FROM who",
        "once at the start: the names are kept in memory",
    ),
    (
        "SELECT id, name FROM dataset ORDER BY id",
        "for a command of a person; as many rows as the 台帳 has entries",
    ),
    (
        "substr(number, 1, 7) = ?1 ORDER BY id DESC LIMIT 1",
        "backwards, and ends at the newest alert of the year",
    ),
    (
        "WHERE (?1 = 0 OR a.state <> 'closed')",
        "for a command of a person, newest first",
    ),
    (
        "FROM source AS s LEFT JOIN tally",
        "for the status; sources, and a row a day and source",
    ),
    (
        "SELECT why, sum(lines) FROM reject",
        "for the status; a few rows a day and source",
    ),
    (
        "SELECT state, count(*) FROM mail_recipient",
        "for the status; a row a mail and recipient",
    ),
    (
        "WHERE r.state = 'waiting' AND m.at <= ?1",
        "for the status; a row a mail that waits",
    ),
    (
        "WHERE state = 'dead' AND ?1 <= settled_at",
        "the same: those given up lately",
    ),
    (
        "FROM journal ORDER BY id DESC LIMIT ?1",
        "backwards, and ends at the limit",
    ),
    (
        "FROM register ORDER BY id DESC LIMIT ?1",
        "backwards, and ends at the limit",
    ),
    (
        "FROM register_row WHERE since < ?1 ORDER BY id DESC LIMIT 1",
        "after an import that was interrupted: backwards, and ends at the newest row that stays",
    ),
    (
        "FROM register_row AS r WHERE r.since",
        "at an import, off the ingest thread: the whole register is wanted",
    ),
    (
        "SELECT first, last FROM register_row_end WHERE version <= ?1 ORDER BY first",
        "the same: what of it has ended",
    ),
    (
        "WHERE phase IN (0, 1) AND caught_at < last_read",
        "for a report; a row a file that was ever read",
    ),
    (
        "FROM exception_hit WHERE day BETWEEN",
        "for a report; a row a day and exception",
    ),
    (
        "FROM report ORDER BY id",
        "for a command of a person: every report that was made",
    ),
    (
        "FROM page AS p LEFT JOIN who AS w",
        "verify counters: all of the book is compared",
    ),
    (
        "FROM alert_step AS s JOIN alert AS a",
        "verify counters: every step is compared",
    ),
    (
        "SELECT a.content FROM mail_attachment AS a",
        "backwards, and ends at the newest mail that left",
    ),
    (
        "SELECT at, what, detail FROM journal",
        "verify counters: every row is compared",
    ),
    ("due_day FROM report", "verify counters: every report is compared"),
    (
        "FROM review AS v JOIN report AS p",
        "verify counters: every confirmation is compared",
    ),
    (
        "SELECT id, message_id, subject, body FROM mail",
        "verify counters: every mail is compared",
    ),
    (
        "FROM incident_step AS s JOIN incident AS i",
        "verify counters: every step is compared",
    ),
    (
        "FROM source_event AS e JOIN source AS s",
        "verify counters: every event is compared",
    ),
    (
        "FROM alert AS a LEFT JOIN who AS w",
        "verify counters: every alert is compared",
    ),
    (
        "SELECT text FROM register_row ORDER BY id",
        "an export about a person: every row that ever named his accounts",
    ),
    ("SELECT id, name FROM source ORDER BY id", "verify: a row a source"),
    ("sqlite_sequence", "a row a table"),
    ("sqlite_schema", "at opening; a row a table"),
];

fn plan(store: &Store, sql: &str) -> Vec<String> {
    let mut explain = store
        .conn
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    let mut rows = explain.raw_query();
    let mut out = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        out.push(row.get::<_, String>(3).unwrap());
    }
    out
}

#[test]
fn every_statement_finds_its_rows_by_an_index() {
    let p = made();
    let all = statements();
    assert!(50 <= all.len(), "only {} statements found", all.len());
    let mut used = vec![false; WHOLE.len()];
    for sql in &all {
        // A subquery that is itself found by an index is gone through, not searched.
        let scans: Vec<String> = plan(&p.store, sql)
            .into_iter()
            .filter(|step| match step.strip_prefix("SCAN ") {
                Some(what) => !what.starts_with('(') && !["w", "CONSTANT"].contains(&what.split(' ').next().unwrap()),
                None => false,
            })
            .collect();
        let excused = WHOLE.iter().position(|(part, _)| sql.contains(part));
        match (scans.is_empty(), excused) {
            (false, Some(i)) => used[i] = true,
            (false, None) => panic!("{sql}\nreads whole tables: {scans:?}"),
            (true, _) => {}
        }
    }
    for ((part, why), used) in WHOLE.iter().zip(used) {
        assert!(used, "nothing needs to be excused for {part:?} ({why}) any more");
    }
}

#[test]
fn looking_back_reads_the_days_and_persons_asked_for_only() {
    let p = made();
    let all = statements();
    let of = |part: &str| {
        all.iter()
            .find(|s| s.contains(part))
            .map(|s| plan(&p.store, s).join("; "))
            .unwrap()
    };
    assert!(of("FROM book WHERE key = ?1").contains("(rowid=?)"));
    assert!(of("FROM page WHERE key BETWEEN ?1 AND ?2 AND (?3 IS NULL").contains("(rowid>? AND rowid<?)"));
    assert!(of("SELECT max(key) FROM book").contains("SEARCH book"));
    assert!(
        of("SELECT (SELECT min(key) FROM book)").contains("SEARCH"),
        "{}",
        of("SELECT (SELECT min(key) FROM book)")
    );
    assert!(of("SELECT id, first_seen, last_seen, lead FROM alert").contains("alert_key"));
    assert!(of("SELECT min(next_at) FROM mail_recipient").contains("mail_waiting"));
}
