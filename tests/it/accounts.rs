//! The account register at work: the real binary, its commands, and the daemon while a register is brought.

use sekimori::calendar::Jst;
use sekimori::clock::{Clock, SystemClock};

use crate::support::site::{ACCOUNTS, Setup, Site, line, says, until};

/// The site's register with the rows changed by `edit`.
fn edited(site: &Site, edit: impl Fn(&str) -> Option<String>) -> String {
    let text = std::fs::read_to_string(site.path(ACCOUNTS)).unwrap();
    text.lines().filter_map(edit).map(|row| row + "\n").collect()
}

fn put(site: &Site, name: &str, text: &str) -> String {
    std::fs::write(site.path(name), text).unwrap();
    site.path(name).to_str().unwrap().to_owned()
}

#[test]
fn an_import_shows_what_it_changes_before_it_is_taken() {
    let site = super::bad_input::counted_site(&Setup::default());
    let yesterday = Jst::from(SystemClock.now()).day.plus(-2).iso();
    let text = edited(&site, |row| match row.split(',').next().unwrap() {
        "010000" => Some(format!("010000,user00,市民課,R5.4.1,{yesterday}")),
        "010001" => Some("010001,user01,税務課,R5.4.1,".into()),
        "010002" => None,
        _ => Some(row.to_owned()),
    });
    let file = put(&site, "new.csv", &(text + "020000,new00,税務課,R8.4.1,\n"));
    let told = ["gone 1", "ended 1", "moved 1", "new 1", "user00", "[reaches back]"];
    says(&site.run(&["account", "diff", &file]).good().out, &told);
    let dry = site
        .run(&["account", "import", &file, "--by", "010003", "--dry-run"])
        .good();
    says(&dry.out, &told);
    says(&dry.out, &["nothing was imported"]);
    assert_eq!(site.objects(&["account", "list", "--versions", "--json"]).len(), 1);
    let done = site.run(&["account", "import", &file, "--by", "010003"]).good();
    says(
        &done.out,
        &["imported as version 2 (61 rows, 61 accounts, 3 rows added, 3 ended)"],
    );
    let versions = site.objects(&["account", "list", "--versions", "--json"]);
    assert_eq!([&versions[0]["by"], &versions[1]["by"]], ["010003", ""]);
    let listed = site.objects(&["account", "list", "--json"]);
    let of = |account: &str| listed.iter().find(|a| a["account"] == account);
    assert!(of("user00").is_none() && of("user02").is_none() && of("old01").is_none());
    assert_eq!(of("user01").unwrap()["section"], "税務課");
    let before = site.objects(&["account", "diff", "--since", "1", "--json"]);
    let gone = before.iter().find(|c| c["what"] == "gone").unwrap();
    assert_eq!(
        (&gone["account"], &gone["retroactive"]),
        (&"user02".into(), &true.into())
    );
    // Nobody touched the configured file: the version that was imported by hand stays.
    site.pass().good();
    assert_eq!(site.objects(&["account", "list", "--versions", "--json"]).len(), 2);
}

#[test]
fn nobody_brings_a_register_under_a_number_that_is_none_or_without_the_office() {
    let site = super::bad_input::counted_site(&Setup::default());
    let text = edited(&site, |row| Some(row.to_owned())) + "020000,new00,税務課,R8.4.1,\n";
    let file = put(&site, "new.csv", &text);
    let by = |who: &str| site.run(&["account", "import", &file, "--by", who]);
    by("999999").bad(1, &["--by 999999", "no right of this person in force"]);
    let retired = "008841";
    by(retired).bad(1, &["no right of this person in force"]);
    let post = |role: &str, person: &str| {
        format!("[[post]]\nrole = \"{role}\"\nperson = \"{person}\"\noffice = [\"{person}@city.example.jp\"]\n")
    };
    let posts = post("auditor", "010004") + &post("rights", "010005") + &post("general", "010006");
    std::fs::write(site.path("sections.toml"), posts).unwrap();
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, format!("sections = \"sections.toml\"\n{config}")).unwrap();
    for (who, what) in [
        ("010003", "no post"),
        ("010004", "the auditor"),
        ("010006", "another keeps registers"),
    ] {
        println!("{what}");
        by(who).bad(1, &["holds no post that may import a register (rights, system)"]);
    }
    assert_eq!(site.objects(&["account", "list", "--versions", "--json"]).len(), 1);
    by("010005").good();
    let versions = site.objects(&["account", "list", "--versions", "--json"]);
    assert_eq!(versions[0]["by"], "010005");
}

#[test]
fn a_register_cut_in_half_is_refused_and_a_named_reason_lets_it_pass() {
    let site = super::bad_input::counted_site(&Setup::default());
    let half: Vec<String> = edited(&site, |row| Some(row.to_owned()))
        .lines()
        .take(31)
        .map(str::to_owned)
        .collect();
    let file = put(&site, "half.csv", &(half.join("\n") + "\n"));
    let by = ["account", "import", &file, "--by", "010003"];
    site.run(&by).bad(
        1,
        &[
            "30 of the 60 accounts whose right is in force today",
            "version 1 stays in force",
        ],
    );
    site.run(&[&by[..], &["--reason", "支所の廃止"]].concat()).good();
    assert_eq!(
        site.objects(&["account", "list", "--versions", "--json"])[0]["reason"],
        "支所の廃止"
    );
    let cut = put(&site, "cut.csv", &half.join("\n"));
    let cut = site.run(&["account", "import", &cut, "--by", "010003"]);
    cut.bad(
        1,
        &["line 31, column 権限終了日: the last line has no end mark; was the file cut off?"],
    );
}

/// Rows that take an import several transactions.
const MANY: usize = 17_000;

#[test]
fn an_import_that_dies_midway_leaves_the_version_in_force_and_the_next_one_is_whole() {
    let site = super::bad_input::counted_site(&Setup::default());
    let small = edited(&site, |row| Some(row.to_owned()));
    let many: String = (0..MANY).map(|n| format!("9{n:05},x{n:05},税務課,R5.4.1,\n")).collect();
    let (small, large) = (
        put(&site, "small.csv", &small),
        put(&site, "large.csv", &(small + &many)),
    );
    let import =
        |file: &str| ["account", "import", file, "--by", "010003", "--reason", "支所の統合"].map(str::to_owned);
    let listed = || site.run(&["account", "list", "--all", "--json"]).good().out;
    let versions = || site.objects(&["account", "list", "--versions", "--json"]).len();
    let dies = |file: &str, places: &[&str]| {
        let before = (versions(), listed());
        for place in places {
            let args = import(file);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let died = site.run_with(&args, &format!("{place}:abort"));
            assert_eq!(died.code, None, "{place}: {}", died.err);
            assert_eq!((versions(), listed()), before, "{place}");
            // Whoever left is watched by the register in force all the while.
            site.append(line(2_000, "old01", "zei", 1));
            site.pass().good();
            assert_eq!(versions(), before.0, "{place}");
        }
        let args = import(file);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        site.run(&args).good();
        assert_eq!(versions(), before.0 + 1);
        listed().lines().count()
    };
    let few = listed().lines().count();
    let rows = [
        "register.rows:1",
        "register.rows:2",
        "register.rows:3",
        "register.version:1",
    ];
    assert_eq!(dies(&large, &rows), few + MANY);
    let ends = ["register.ends:1", "register.version:1"];
    assert_eq!(
        dies(&small, &ends),
        few,
        "nothing of it is left, nothing of the others is lost"
    );
    let left = site.alerts().into_iter().find(|a| a["person"] == "008841").unwrap();
    assert_eq!(
        (&left["rule"], &left["hits"]),
        (&"A-revoked".into(), &(rows.len() + ends.len()).into())
    );
}

#[test]
fn rights_nobody_uses_and_uses_nobody_granted_stand_in_the_table() {
    let site = super::bad_input::counted_site(&Setup::default());
    site.append(line(1_000, "=cmd|x", "zei", 1));
    site.append(line(1_001, "old01", "zei", 1));
    site.pass().good();
    let idle = site.objects(&["account", "idle", "--json", "--days", "700"]);
    let used = site.objects(&["count", "--json", "--by", "person"]);
    let used: Vec<&str> = used.iter().map(|u| u["person"].as_str().unwrap()).collect();
    assert!(
        idle.len() < 60 && idle.iter().all(|i| !used.contains(&i["person"].as_str().unwrap())),
        "{idle:?}"
    );
    let table = site.run(&["account", "reconcile", "--days", "700"]).good().out;
    assert!(table.starts_with("\u{feff}職員番号,利用者ID,"), "{table}");
    assert!(table.contains("\r\n") && !table.replace("\r\n", "").contains('\n'));
    let row = |what: &str| {
        table
            .lines()
            .find(|l| l.contains(what))
            .unwrap_or_else(|| panic!("{what}: {table}"))
            .to_owned()
    };
    assert!(row("old01").contains("失効後の利用あり"), "{}", row("old01"));
    assert!(
        row("cmd").contains("'=cmd|x") && row("cmd").contains("台帳にない利用者"),
        "{}",
        row("cmd")
    );
}

#[test]
fn a_register_that_is_brought_while_the_daemon_runs_judges_the_next_line() {
    let site = super::bad_input::counted_site(&Setup::default());
    let mut daemon = site.daemon();
    daemon.wait_said(&["running"]);
    let text = edited(&site, |row| {
        Some(row.replace("user07,市民課,R5.4.1,", "user07,市民課,R5.4.1,R6.3.31"))
    });
    std::fs::write(site.path(ACCOUNTS), text).unwrap();
    daemon.wait_said(&["new register in force"]);
    site.append(line(500, "user07", "zei", 1));
    until(
        || "the alert".to_owned(),
        || {
            site.alerts()
                .iter()
                .any(|a| a["person"] == "010007" && a["rule"] == "A-revoked")
        },
    );
    // A register that cannot be used changes nothing and is told.
    std::fs::write(site.path(ACCOUNTS), "職員番号,利用者ID\n1").unwrap();
    daemon.wait_said(&[
        "register refused; the last good one stays in force",
        "version 2 stays in force",
    ]);
    daemon.stop();
}
