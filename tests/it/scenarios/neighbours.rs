//! Who looks at whom, on the real binary with the shipped rules: what no limit on amounts sees (scenarios 4, 6, 7 and 8).

use serde_json::Value;

use crate::support::site::{Site, append_to, says};

const HEAD: &str = "職員番号,利用者ID,区分,所属名,権限開始日,権限終了日,状態,退職予定日\n";
const LOG_HEAD: &str = "処理日時,利用者ID,所属名,端末名,機能名,操作区分,件数,宛名番号,処理結果,利用目的\n";
const OPLOG: &str = "fixtures/quickstart/juki/oplog-1.csv";
const SECTIONS: [&str; 4] = ["市民課", "税務課", "国保年金課", "図書館"];

/// Seven people of four sections, 013000 to 013006.
fn site() -> Site {
    let site = Site::trial();
    let people = (0..7).map(|n| format!("01300{n},01300{n},正規,{},R4.4.1,,在職,\n", SECTIONS[n % 4]));
    let register: String = std::iter::once(HEAD.to_owned()).chain(people).collect();
    std::fs::write(site.path("config/accounts.csv"), register).unwrap();
    write(&site, LOG_HEAD);
    site
}

fn write(site: &Site, text: &str) {
    let (bytes, _, lossy) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!lossy);
    append_to(&site.path(OPLOG), &bytes);
}

/// One person looks at one citizen.
fn look(at: &str, person: usize, citizen: u64) -> String {
    let terminal = format!("市民課-PC{person}");
    format!("{at},01300{person},,{terminal},住民票照会,照会,1,{citizen},正常,\n")
}

fn of_rule(site: &Site, rule: &str) -> Vec<Value> {
    let all = site.objects(&["alert", "list", "--all", "--json"]);
    let names = |alert: &Value| -> Vec<Value> {
        let mut found = vec![alert.clone()];
        found.extend(alert["reasons"].as_array().into_iter().flatten().cloned());
        found
    };
    all.iter().flat_map(names).filter(|a| a["rule"] == rule).collect()
}

/// Scenario 6: seven people of four sections look at one citizen, each for a reason of his own or for none.
#[test]
fn one_citizen_looked_at_from_several_sections_is_found_at_the_third_person() {
    let site = site();
    let days = ["16", "16", "17", "17", "18", "19", "20"];
    for (person, day) in days.iter().enumerate() {
        write(
            &site,
            &look(&format!("2025/11/{day} 10:{:02}:00", person * 5), person, 4_711),
        );
        // What they do all day.
        for other in 0..30 {
            let citizen = 100_000 + 1_000 * person as u64 + other;
            write(
                &site,
                &look(&format!("2025/11/{day} 11:{other:02}:00"), person, citizen),
            );
        }
        site.pass().good();
        let found = of_rule(&site, "S1");
        // Nobody for two of them; then the third, and each who follows.
        assert_eq!(found.len(), person.saturating_sub(1), "person {person}: {found:#?}");
    }
    let found = of_rule(&site, "S1");
    let first = found.iter().filter_map(|a| a["first_seen"].as_str()).min();
    assert_eq!(first, Some("2025-11-17T10:10:00+09:00"));
    assert_eq!(found.iter().filter_map(|a| a["observed"].as_u64()).max(), Some(7));
    assert!(found.iter().all(|a| a["severity"] == "warning"), "{found:#?}");
    let mails = site.run_ja(&["alert", "list", "--all"]).good().out;
    assert!(!mails.contains("4711"), "{mails}");
}

/// Scenario 7: one user, seventeen citizens in as many months, each on several days; and the citizen who asks who it was is answered.
#[test]
fn looking_at_the_same_citizens_again_and_again_is_found_and_the_citizen_can_be_told() {
    let site = site();
    let mut text = String::new();
    for round in 0..5 {
        for citizen in 0..17u64 {
            let (months, day) = (6 + citizen, 2 + round * 5);
            let (year, month) = (2024 + months / 12, 1 + months % 12);
            let at = format!("{year}/{month:02}/{day:02} 10:{citizen:02}:00");
            text.push_str(&look(&at, 0, 5_000 + 7 * citizen));
        }
    }
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    write(&site, &format!("{}\n", lines.join("\n")));
    site.pass().good();
    let found = of_rule(&site, "S2");
    assert!(!found.is_empty());
    assert!(found.iter().all(|a| 4 <= a["observed"].as_u64().unwrap()), "{found:#?}");
    let told = site.objects(&[
        "export",
        "--subject",
        "5007",
        "--reason",
        "本人からの照会",
        "--by",
        "013001",
        "--format",
        "json",
    ]);
    let times: Vec<&str> = told.iter().filter_map(|row| row["time"].as_str()).collect();
    assert_eq!(times.len(), 5, "{told:#?}");
    assert!(
        told.iter()
            .filter(|row| row["time"].is_string())
            .all(|row| row["person"] == "013000")
    );
}

/// Scenario 8: colleagues. Without the list nobody can see it, and that is said; with it each look is found.
#[test]
fn looks_at_colleagues_are_found_by_the_list_and_without_it_that_is_said() {
    let site = site();
    let said = site.run_ja(&["check"]).good();
    says(&said.err, &["S4", "S3", "watchlist import"]);
    write(&site, &look("2025/11/17 10:00:00", 0, 9_001));
    site.pass().good();
    assert!(of_rule(&site, "S4").is_empty() && of_rule(&site, "S4C").is_empty());
    // 013000's own number is 9000, 013001's 9001; 013001 and 013002 are married.
    let list = site.path("staff.csv");
    std::fs::write(
        &list,
        "013000,9000\n013001,9001\n013002,9001\n013001,9002\n013002,9002\n",
    )
    .unwrap();
    let import = [
        "watchlist",
        "import",
        "staff",
        list.to_str().unwrap(),
        "--by",
        "013006",
        "--reason",
        "人事課の一覧",
    ];
    site.run(&import).good();
    assert!(!site.run_ja(&["check"]).good().err.contains("S4"), "the list is there");
    for (minute, person, citizen) in [
        (1, 0, 9_001),
        (2, 0, 9_000),
        (3, 1, 9_001),
        (4, 2, 9_001),
        (5, 3, 77_777),
    ] {
        write(&site, &look(&format!("2025/11/18 10:0{minute}:00"), person, citizen));
    }
    site.pass().good();
    let people = |rule: &str| -> Vec<String> {
        let mut all: Vec<String> = of_rule(&site, rule)
            .iter()
            .map(|a| a["first_seen"].as_str().unwrap()[14..16].to_owned())
            .collect();
        all.sort();
        all
    };
    assert_eq!(people("S4"), ["02", "03", "04"], "themselves and their households");
    assert_eq!(people("S4C"), ["01"]);
}

/// Scenario 4: a dataset that no rule looks at is named before anything leaks from it.
#[test]
fn a_dataset_without_a_rule_is_said_before_anything_happens_there() {
    let site = site();
    let rules = "[[rule]]\nid = \"V1\"\ntitle = \"1回の大量出力\"\nkind = \"volume\"\nseverity = \"warning\"\n\
                 when = { dataset = [\"juki\", \"kaigo\"], operation = [\"export\"] }\ncount = \"records\"\n\
                 per = [\"person\", \"dataset\"]\nwithin = \"one access\"\nlimit = 1000\n";
    std::fs::write(site.path("config/rules.toml"), rules).unwrap();
    site.pass().good();
    let gaps = site.status()["gaps"].to_string();
    says(&gaps, &["no-rule", "juminzei"]);
    let said = site.run_ja(&["check"]).good();
    says(&format!("{}{}", said.out, said.err), &["juminzei", "規則"]);
}
