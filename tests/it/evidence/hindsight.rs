//! A corrected register held against the archived records: what the counters are too coarse to say.

use super::archive::{Archive, HOUR};
use crate::support::site::says;

const PUBLIC: &str = "age13ajax0m47nrn5vdg3rf5uswptfrspj2tx6jx09kn7z2sryze29rqt26sg6";
const SECRET: &str = "AGE-SECRET-KEY-1AUDHHH4EDSD68F36SW6M3FXPRLQ4H4KSDE890LARKZ3DVCLC9TJSTNQCVK";

#[test]
fn which_of_two_accounts_was_used_is_found_in_the_archive_where_the_counters_cannot_say() {
    let mut archive = Archive::with(&format!("recipients = [\"{PUBLIC}\"]"));
    let accounts = archive.site.path("accounts.csv");
    let mut register = std::fs::read_to_string(&accounts).unwrap();
    register += "010000,adm00,市民課,R5.4.1,\n";
    std::fs::write(&accounts, &register).unwrap();
    // Five looks by user00, three by adm00, on the first day; then a day of others', so that everything is sealed.
    let mut pipeline = archive.start();
    archive.now = archive.now.plus(12 * HOUR);
    let look = |user: &str, n: u32| {
        format!("10.0.0.7 - {user} [16/Nov/2026:10:{n:02}:00 +0900] \"GET /juki/1 HTTP/1.1\" 200 512 \"-\" \"a\"\n")
    };
    let looks: String = (0..8)
        .map(|n| look(if n < 5 { "user00" } else { "adm00" }, n))
        .collect();
    archive.site.append(looks);
    archive.step(&mut pipeline, 6 * HOUR);
    archive.days(&mut pipeline, 1);
    archive.stop(pipeline);
    let site = &archive.site;
    let key = site.path("officer.key");
    std::fs::write(&key, format!("{SECRET}\n")).unwrap();

    // user00 should have ended the day before; the person keeps adm00.
    let ended = register.replace("010000,user00,市民課,R5.4.1,", "010000,user00,市民課,R5.4.1,R8.11.15");
    let file = site.path("corrected.csv");
    std::fs::write(&file, ended).unwrap();
    site.run(&["account", "import", file.to_str().unwrap(), "--by", "010001"])
        .good();
    // Before the daemon has judged the past by it, the archive is not asked: what both find would be told twice.
    site.run(&["account", "recheck", "--by", "010001"])
        .bad(1, &["was not held against the past yet"]);
    site.pass().good();
    let retro = || {
        let all = site.alerts();
        all.into_iter().filter(|a| a["retro"] == true).collect::<Vec<_>>()
    };
    assert_eq!(
        retro(),
        [serde_json::Value::Null; 0],
        "by the counters one account with a right is enough"
    );

    let recheck = |with: &[&str]| {
        let by = ["account", "recheck", "--by", "010001"];
        site.run(&[&by[..], with].concat())
    };
    let closed = recheck(&[]);
    assert_eq!(closed.code, Some(3), "{}{}", closed.out, closed.err);
    says(&closed.out, &["is not in it"]);
    assert_eq!(retro(), [serde_json::Value::Null; 0]);

    let key = key.to_str().unwrap().to_owned();
    let done = recheck(&["--identity", &key]).good();
    println!("{}", done.out);
    says(
        &done.out,
        &[
            "versions 1 and 2",
            "judged differently: 5; new alerts in hindsight: 1; told before: 0",
        ],
    );
    let found = retro();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (&found[0]["rule"], &found[0]["person"]),
        (&"A-revoked".into(), &"010000".into())
    );
    assert_eq!((&found[0]["hits"], &found[0]["register"]), (&5.into(), &2.into()));
    let shown = site
        .run(&["alert", "show", found[0]["number"].as_str().unwrap()])
        .good()
        .out;
    says(&shown, &["in hindsight", "account register: version 2", "1:0-86"]);
    site.pass().good();
    let mails = site.mails().keys().filter(|id| id.starts_with("HA-2-")).count();
    assert_eq!(mails, 1, "{:?}", site.mails().keys());

    // Once a version, and in the ledger.
    let again = recheck(&["--identity", &key]).good();
    says(&again.out, &["new alerts in hindsight: 0; told before: 1"]);
    assert_eq!(retro().len(), 1);
    recheck(&["--identity", &key, "--since", "2"]).bad(1, &["no earlier version to compare with"]);
}
