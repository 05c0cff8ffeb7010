//! Somebody with root changes the store behind the program: each row that people rely on is held against the ledger.

use rusqlite::Connection;
use sekimori::calendar::Jst;
use sekimori::clock::{Clock as _, SystemClock};
use serde_json::Value;

use crate::support::site::{Setup, Site, line, says};

/// A day of today with everything in it: an alert that was answered for, one that an exception holds, an incident, a
/// register, an approved job, a report that was signed, mails, a log that was cut.
fn busy() -> Site {
    let site = Site::new(&Setup::default());
    let today = Jst::from(SystemClock.now()).day;
    let config = std::fs::read_to_string(&site.config).unwrap();
    let open = format!("[calendar]\nopen = [\"{}\"]\n", today.iso());
    std::fs::write(&site.config, config + &open).unwrap();
    let names = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let stamp = |days: i32| {
        let date = today.plus(days).date();
        format!("{:02}/{}/{}", date.day, names[usize::from(date.month) - 1], date.year)
    };
    let (yesterday, last_month) = (stamp(-1), stamp(-40));
    let (from, until) = (today.plus(-1).iso(), today.plus(1).iso());
    let reason = ["--reason", "第12号"];
    let span = [
        "--from",
        &from,
        "--until",
        &until,
        "--approver",
        "010001",
        "--by",
        "010002",
    ];
    let of = ["--person", "010007", "--dataset", "juki", "--limit", "20000"];
    site.pass().good();
    site.run(&[&["exception", "add", "--rule", "V-hour"], &of[..], &span, &reason].concat())
        .good();
    let of = [
        "--person",
        "010008",
        "--dataset",
        "juki",
        "--operation",
        "view",
        "--limit",
        "100",
    ];
    let job = ["job", "add", "--number", "R8-12", "--title", "督促"];
    site.run(&[&job[..], &of, &["--from", &today.iso()], &span[2..]].concat())
        .good();
    let text: String = (0..70)
        .map(|n| line(n, "user07", "juki", n % 9).replace("02/Jun/2025", &yesterday))
        .chain((0..30).map(|n| line(n, "user01", "juki", n).replace("02/Jun/2025", &last_month)))
        .chain([line(0, "old01", "juki", 3), line(0, "old01", "zei", 4)])
        .collect();
    site.append(&text);
    site.pass().good();
    let alerts = site.alerts();
    let about = |dataset: &str| {
        let found = alerts
            .iter()
            .find(|a| a["rule"] == "A-revoked" && a["dataset"] == dataset);
        found.unwrap_or_else(|| panic!("{alerts:#?}"))["number"]
            .as_str()
            .unwrap()
    };
    let (one, other) = (about("juki"), about("zei"));
    let by = ["--by", "010003", "--reason", "本人に確認"];
    site.run(&[&["alert", "ack", one], &by[..]].concat()).good();
    site.run(&[&["incident", "open", other, "--title", "持ち出し"], &by[..]].concat())
        .good();
    site.run(&["report", "make", "--due", "--mail"]).good();
    let number = site.objects(&["report", "list", "--json"])[0]["number"].clone();
    let sign = [
        "report",
        "sign",
        number.as_str().unwrap(),
        "--by",
        "010001",
        "--method",
        "sample",
        "--result",
        "check",
        "--measures",
        "x",
    ];
    site.run(&sign).good();
    // Cut between two looks: what was read of it stands in the archive.
    std::fs::write(
        &site.log,
        line(900, "user02", "juki", 5).replace("02/Jun/2025", &yesterday),
    )
    .unwrap();
    site.pass().good();
    site
}

fn drifts(site: &Site) -> (i32, Vec<Value>) {
    let ran = site.run(&["verify", "counters", "--json"]);
    let objects = ran.out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let found = objects.filter(|o| o["code"] == "COUNTER_DRIFT").collect();
    (ran.code.unwrap(), found)
}

#[test]
fn each_row_that_is_changed_added_or_taken_away_by_sql_is_named() {
    let site = busy();
    assert_eq!(drifts(&site), (0, vec![]), "{}", site.run(&["verify", "counters"]).out);
    let store = site.path("state/sekimori.db");
    let whole = std::fs::read(&store).unwrap();
    let attacks = [
        (
            "alert_state",
            "UPDATE alert SET state = 'closed', closed_as = 'business' WHERE state = 'acknowledged'",
        ),
        (
            "alert",
            "UPDATE alert SET who = (SELECT min(id) FROM who) WHERE rule = 'A-revoked'",
        ),
        ("alert", "UPDATE alert SET severity = 0 WHERE rule = 'A-revoked'"),
        (
            "register_row",
            "UPDATE register_row SET text = replace(text, '008841', '010059')",
        ),
        ("register", "UPDATE register SET by = '010059'"),
        ("register", "DELETE FROM register WHERE id = 1"),
        ("exception", "UPDATE exception SET \"limit\" = 9000000"),
        ("exception", "DELETE FROM exception_hit; DELETE FROM exception"),
        (
            "exception",
            "INSERT INTO exception (rules, person, dataset, \"limit\", from_day, until_day, reason, approver, by, at)
            VALUES ('V-hour', '', '', 9999999, 0, 99999, 'x', '010001', '010002', 0)",
        ),
        (
            "exception",
            "UPDATE exception SET ended_at = 5, ended_by = '010001', ended_why = 'x'",
        ),
        ("job", "DELETE FROM job"),
        ("job", "UPDATE job SET person = '010009'"),
        ("journal", "DELETE FROM journal WHERE what = 'exception-added'"),
        (
            "journal",
            "INSERT INTO journal (at, what, detail) VALUES (1, 'config', 'x')",
        ),
        (
            "report",
            "DROP TRIGGER report_unchanged; UPDATE report SET verdict = 'normal', content = 'x'",
        ),
        ("review", "DROP TRIGGER review_whole; DELETE FROM review"),
        (
            "mail",
            "DELETE FROM mail_attachment; DELETE FROM mail_recipient; DELETE FROM mail WHERE alert <> 0",
        ),
        ("mail", "UPDATE mail_recipient SET address = 'nobody@example.jp'"),
        ("mail_recipient", "UPDATE mail_recipient SET state = 'dead'"),
        ("incident", "UPDATE incident_step SET by = '010059'"),
        ("source_event", "DELETE FROM source_event"),
    ];
    for (table, sql) in attacks {
        let conn = Connection::open(&store).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = 0; {sql}"))
            .unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert!(0 < conn.total_changes(), "{sql}");
        drop(conn);
        let (code, found) = drifts(&site);
        assert_eq!(code, 1, "{sql}");
        assert!(
            found.iter().any(|f| f["table"] == table && f["name"] != ""),
            "{sql}: {found:#?}"
        );
        std::fs::write(&store, &whole).unwrap();
    }
    assert_eq!(drifts(&site), (0, vec![]));
}

#[test]
fn an_exception_that_was_made_and_removed_by_sql_shows_in_what_it_held() {
    let site = Site::new(&Setup::default());
    site.pass().good();
    let store = site.path("state/sekimori.db");
    let sql = |text: &str| Connection::open(&store).unwrap().execute(text, []).unwrap();
    sql(
        "INSERT INTO exception (rules, person, dataset, \"limit\", from_day, until_day, reason, approver, by, at)
         VALUES ('V-hour', '010007', '', 9999999, 0, 99999, 'x', '010001', '010002', 0)",
    );
    let text: String = (0..70).map(|n| line(n, "user07", "juki", n % 9)).collect();
    site.append(&text);
    site.pass().good();
    sql("DELETE FROM exception_hit");
    sql("DELETE FROM exception");
    let (code, found) = drifts(&site);
    assert_eq!(code, 1);
    let held = found
        .iter()
        .find(|f| f["table"] == "exception")
        .unwrap_or_else(|| panic!("{found:#?}"));
    says(
        held["what"].as_str().unwrap(),
        &["held an alert", "nobody ever registered it"],
    );
}
