//! Reports of a made-up year, held against a recount that knows nothing of the book.

mod recount;

use sekimori::calendar::{Day, Jst, day_start, parse_date};
use sekimori::clock::WallTime;
use sekimori::config::{self, Config};
use sekimori::register::Register;
use sekimori::report::doc::{Cell, Verdict};
use sekimori::report::sheet;
use sekimori::report::sign::{self, Posts, Refusal};
use sekimori::report::{self, Edition, Form, Kind, Period, Site, audit};
use sekimori::store::Store;

use crate::support::daemon::{TestDaemon, jst};
use recount::{Happened, Year};

const SECTIONS: [(&str, &str, &str); 3] = [
    ("juki", "市民課", "S"),
    ("zei", "税務課", "A"),
    ("kaigo", "介護保険課", "B"),
];

const RULES: &str = r#"
[[rule]]
id = "V3"
title = "24時間の大量出力"
kind = "volume"
when = { operation = ["export", "print"] }
count = "records"
per = ["person", "dataset"]
within = "24h"
limit = { S = 200, A = 300, B = 500 }
severity = "warning"
[[rule]]
id = "V6"
title = "365日間の累積出力"
kind = "volume"
when = { operation = ["export", "print"] }
count = "records"
per = ["person", "dataset"]
within = "365d"
limit = { S = 20000, A = 20000, B = 20000 }
severity = "warning"
[[rule]]
id = "A1"
title = "失効した権限"
kind = "account"
standing = ["revoked", "unknown"]
severity = "critical"
"#;

const POSTS: &str = r#"
[[post]]
role = "officer"
section = "税務課"
person = "010001"
office = ["tanto@city.example.jp"]
[[post]]
role = "manager"
section = "税務課"
person = "010002"
office = ["kacho@city.example.jp"]
[[post]]
role = "manager"
section = "税務課"
person = "010003"
deputy = 1
office = ["hosa@city.example.jp"]
"#;

fn configuration(posts: bool) -> Vec<(&'static str, String)> {
    let mut main = String::from(
        "agency = \"○○市\"\nlanguage = \"ja\"\n[store]\npath = \"sekimori.db\"\n[accounts]\nregister = \"accounts.csv\"\n\
         [mail]\nfrom = \"sekimori@city.example.jp\"\nfolder = \"mails\"\n[alerts]\nto = [\"soc@city.example.jp\"]\n",
    );
    if posts {
        main.insert_str(0, "sections = [\"sections.toml\"]\n");
    }
    let mut datasets = String::new();
    for (id, owner, tier) in SECTIONS {
        main.push_str(&format!(
            "[[source]]\nname = \"{id}-web\"\npaths = [\"{id}.log\"]\nformat = \"combined\"\n"
        ));
        datasets.push_str(&format!(
            "[[dataset]]\nid = \"{id}\"\ntitle = \"{owner}の台帳\"\ntier = \"{tier}\"\nowner = \"{owner}\"\nregistered = 5000\n\
             [[dataset.match]]\nsources = [\"{id}-web\"]\nresource = \"/{id}/export/**\"\nclass = \"export\"\nrecords = 40\n\
             [[dataset.match]]\nsources = [\"{id}-web\"]\nresource = \"/{id}/{{subject}}\"\nclass = \"view\"\nrecords = 1\n"
        ));
    }
    let mut accounts = String::from("職員番号,利用者ID,所属名,権限開始日,権限終了日\n");
    for n in 0..30 {
        let (_, owner, _) = SECTIONS[n % 3];
        accounts.push_str(&format!("{:06},user{n:02},{owner},R5.4.1,\n", 10_000 + n));
    }
    vec![
        ("sekimori.toml", main),
        ("datasets.toml", datasets),
        ("rules.toml", RULES.to_owned()),
        ("sections.toml", POSTS.to_owned()),
        ("accounts.csv", accounts),
    ]
}

/// A daemon and what reports need beside it.
struct Town {
    daemon: TestDaemon,
    config: Config,
    register: Register,
}

impl Town {
    fn new(start: &str, posts: bool) -> Town {
        let files = configuration(posts);
        let borrowed: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
        let daemon = TestDaemon::start(&borrowed, jst(start));
        let config = config::load(&daemon.path("sekimori.toml"))
            .unwrap_or_else(|e| panic!("{e}"))
            .config;
        let register = Register::read(&std::fs::read(daemon.path("accounts.csv")).unwrap()).unwrap();
        Town {
            daemon,
            config,
            register,
        }
    }

    /// Writes what happened on a day and reads it in the evening.
    fn live(&mut self, day: Day, happened: &[Happened]) {
        for h in happened {
            self.daemon.write(&format!("{}.log", h.dataset), &h.line());
        }
        self.daemon.set_clock(&format!("{} 23:50:00", day.iso()));
        assert!(self.daemon.settle());
    }

    fn make(&self, period: Period, section: Option<&str>, now: WallTime) -> (Edition, bool) {
        let sources: Vec<&str> = self.config.sources.iter().map(|s| s.read.name.as_str()).collect();
        let mut store = self.daemon.console();
        report::make(&mut store, self.site(&sources), (period, section), "", now).unwrap()
    }

    fn site<'a>(&'a self, sources: &'a [&'a str]) -> Site<'a> {
        Site {
            agency: &self.config.agency,
            lang: self.config.lang,
            datasets: &self.config.datasets,
            rules: &self.config.rules,
            sources,
            sections: &self.config.sections,
            calendar: &self.config.calendar,
            register: (&self.register, 1),
            hash: &self.config.hash,
        }
    }

    fn sign(&self, number: &str, request: &sign::Request, now: WallTime) -> Result<(), String> {
        let mut store: Store = self.daemon.console();
        let today = Jst::from(now).day;
        let signed = store.sign_report(number, now, &|row, reviews, newest| {
            let edition = Edition::of(row.clone(), reviews.to_vec()).unwrap();
            sign::decide(&edition, newest, request, &Nobody, today).map_err(|why| why.say(edition.lang()))
        });
        signed.map(|_| ()).map_err(|e| e.to_string())
    }
}

struct Nobody;

impl Posts for Nobody {
    fn holds(&self, _role: &str, _section: &str, _person: &str) -> Option<bool> {
        Some(false)
    }
    fn is_in_office(&self, _person: &str) -> bool {
        false
    }
}

fn day(text: &str) -> Day {
    parse_date(text).unwrap()
}

fn morning_after(period: Period) -> WallTime {
    WallTime::from_secs(day_start(period.to.plus(1)).secs() + 9 * 3_600)
}

fn months(year: i32) -> Vec<Period> {
    (0..12)
        .map(|n| {
            let (year, month) = if n < 9 { (year, n + 4) } else { (year + 1, n - 8) };
            Period::month(&format!("{year}-{month:02}")).unwrap()
        })
        .collect()
}

/// A year of three sections is lived day by day; each report must say what a recount of the events says.
#[test]
fn every_number_of_a_years_reports_is_that_of_a_recount() {
    let mut town = Town::new("2025-04-01 00:10:00", false);
    let year = Year::make(&SECTIONS.map(|s| s.0));
    let mut made = Vec::new();
    for month in months(2025) {
        for n in month.from.0..=month.to.0 {
            let of_day: Vec<Happened> = year.on(Day(n)).cloned().collect();
            if !of_day.is_empty() {
                town.live(Day(n), &of_day);
            }
        }
        for (_, owner, _) in SECTIONS {
            made.push((
                month,
                Some(owner),
                town.make(month, Some(owner), morning_after(month)).0,
            ));
        }
        if [6, 9, 12, 3].contains(&month.from.date().month) {
            let quarter = Period::around(Kind::Quarterly, month.to).unwrap();
            made.push((quarter, None, town.make(quarter, None, morning_after(quarter)).0));
        }
    }
    let whole = Period::fiscal_year(2025).unwrap();
    made.push((whole, None, town.make(whole, None, morning_after(whole)).0));
    assert_eq!(made.len(), 36 + 4 + 1);
    for (period, section, edition) in &made {
        let datasets: Vec<&str> = SECTIONS
            .iter()
            .filter(|s| section.is_none_or(|o| o == s.1))
            .map(|s| s.0)
            .collect();
        recount::check(&edition.report, *period, &datasets, &year);
    }
    silence_is_told(&made);
    // The same data give the same bytes, and no new version.
    let (last, is_new) = town.make(whole, None, morning_after(whole));
    let (_, _, first) = made.last().unwrap();
    assert!(!is_new);
    for form in Form::ALL {
        assert_eq!(
            report::draw(&last, form).unwrap(),
            report::draw(first, form).unwrap(),
            "{form:?}"
        );
    }
    bundle_of(&town, &year, whole);
}

/// 介護保険課 lost its log for ten days of September, and in January nothing came at all.
fn silence_is_told(made: &[(Period, Option<&str>, Edition)]) {
    let of = |month: &str, section: &str| {
        let period = Period::month(month).unwrap();
        let found = made.iter().find(|(p, s, _)| *p == period && *s == Some(section));
        &found.unwrap().2.report
    };
    let dead = of("2025-09", "介護保険課");
    assert_eq!(dead.verdict, Verdict::Check);
    assert!(
        dead.barred
            .iter()
            .any(|b| b.contains("kaigo-web") && b.contains("9/10、9/11、9/12、9/16")),
        "{:?}",
        dead.barred
    );
    let sources = dead.table("sources").unwrap();
    assert_eq!(
        sources.cell(&sources.rows[0], "missing_days"),
        Some(&Cell::Count(5)),
        "three closed days lie between"
    );
    let nothing = of("2026-01", "介護保険課");
    assert!(
        nothing
            .barred
            .iter()
            .any(|b| b.contains("どのログ源（kaigo-web）からも届いていない")),
        "{:?}",
        nothing.barred
    );
    assert_eq!(nothing.verdict, Verdict::Check);
    let sound = of("2025-09", "市民課");
    assert!(sound.barred.is_empty(), "{:?}", sound.barred);
    // Its follow-up: what was missing in September is no point of October any more.
    let after = of("2025-10", "介護保険課").table("before_points").unwrap();
    assert!(
        after.rows.iter().any(|r| r[1] == Cell::from("今回は該当なし")),
        "{:?}",
        after.rows
    );
    // Quarter: nobody signed anything.
    let period = Period::quarter("2025-2").unwrap();
    let quarter = &made.iter().find(|m| m.0 == period).unwrap().2.report;
    let sections = quarter.table("sections").unwrap();
    for row in &sections.rows {
        assert_eq!(sections.cell(row, "made"), Some(&Cell::Count(3)));
        assert_eq!(sections.cell(row, "unsigned"), Some(&Cell::Count(3)));
    }
}

fn bundle_of(town: &Town, year: &Year, whole: Period) {
    let sources: Vec<&str> = town.config.sources.iter().map(|s| s.read.name.as_str()).collect();
    let store = town.daemon.store();
    let files = audit::bundle(&store, town.site(&sources), whole, whole.to.plus(20)).unwrap();
    let text = |name: &str| {
        let file = files.iter().find(|f| f.name == name).unwrap();
        String::from_utf8(file.bytes.clone()).unwrap()
    };
    let sum = |name: &str, column: usize| -> u64 {
        let text = text(name);
        let cells = text
            .lines()
            .skip(1)
            .map(|l| l.split(',').nth(column).unwrap().parse::<u64>().unwrap());
        cells.sum()
    };
    assert_eq!(sum("coverage_sources.csv", 2), year.lines());
    assert_eq!(sum("coverage_datasets.csv", 2), year.successes());
    assert_eq!(text("coverage_sources.csv").lines().count(), 1 + 365 * 3);
    assert!(text("ledger.csv").contains("全項目から計算した根と一致"));
    assert!(text("reviews.csv").lines().count() > 36 * 2);
    assert!(text("checklist.csv").contains("確認されていない報告書"));
    assert_eq!(text("SHA256SUMS").lines().count(), files.len() - 1);
}

/// Records of a month that come in behind its report make a new version that says what changed; the old one stays signed.
#[test]
fn late_data_behind_a_signature_make_a_new_version() {
    let mut town = Town::new("2025-10-01 00:10:00", true);
    let year = Year::make(&["zei"]);
    let period = Period::month("2025-10").unwrap();
    for n in period.from.0..=period.to.0 {
        let of_day: Vec<Happened> = year.on(Day(n)).cloned().collect();
        town.live(Day(n), &of_day);
    }
    let now = morning_after(period);
    let (first, _) = town.make(period, Some("税務課"), now);
    let request = |by: &str, result: &str| sign::Request {
        by: by.into(),
        method: "抽出".into(),
        result: result.into(),
        measures: "確認した".into(),
        answers: "[]".into(),
        ..sign::Request::default()
    };
    assert_eq!(
        first.report.verdict,
        Verdict::Normal,
        "{:?} {:?}",
        first.report.barred,
        first.report.points
    );
    let late = Refusal::NotYet("保護担当者".into());
    let manager = sign::Request {
        role: Some("manager".into()),
        ..request("010002", "異常なし")
    };
    assert_eq!(town.sign(&first.number, &manager, now), Err(late.say(first.lang())));
    town.sign(&first.number, &request("010001", "異常なし"), now).unwrap();
    town.sign(&first.number, &manager, now).unwrap();
    // A log of October is found on 5 November.
    let found = Happened::view("zei", day("2025-10-14"), 600, 4, 77);
    town.daemon.write("zei.log", &found.line());
    town.daemon.set_clock("2025-11-05 10:00:00");
    assert!(town.daemon.settle());
    let later = jst("2025-11-05 11:00:00");
    let (second, is_new) = town.make(period, Some("税務課"), later);
    assert!(is_new && second.version == 2 && !second.is_complete());
    assert!(
        second.changes.iter().any(|c| c.contains("表7") && c.contains("照会")),
        "{:?}",
        second.changes
    );
    let page = String::from_utf8(report::draw(&second, Form::Html).unwrap()).unwrap();
    assert!(page.contains("第2版") && page.contains("前の版も保存されている"));
    assert_eq!(
        town.sign(&first.number, &request("010003", "異常なし"), later),
        Err(Refusal::Superseded.say(first.lang()))
    );
    let store = town.daemon.store();
    let kept = report::open(&store, &first.number).unwrap();
    assert!(
        kept.is_complete() && kept.content == first.content,
        "the old one stays as it was signed"
    );
}

/// The sheet goes out, comes back filled in, and is registered once; whoever changes anything else in it is told.
#[test]
fn a_returned_sheet_signs_and_one_that_was_tampered_with_does_not() {
    let mut town = Town::new("2025-10-01 00:10:00", true);
    let year = Year::make(&["zei"]);
    let period = Period::month("2025-10").unwrap();
    for n in period.from.0..=period.to.0 {
        let of_day: Vec<Happened> = year.on(Day(n)).cloned().collect();
        town.live(Day(n), &of_day);
    }
    let now = morning_after(period);
    let (edition, _) = town.make(period, Some("税務課"), now);
    let sent = String::from_utf8(report::draw(&edition, Form::Csv).unwrap()).unwrap();
    let filled = sent
        .replace("\r\n保護担当者,,,,,", "\r\n保護担当者,2025/11/1,10001,抽出,異常なし,")
        .replace("\r\n保護管理者,,,,,", "\r\n保護管理者,R7.11.1,010002,全件,異常なし,");
    let take = |text: &str, now: WallTime| -> Result<usize, String> {
        let returned = sheet::read(text.as_bytes()).map_err(|e| e.say(edition.lang()))?;
        let current = report::open(&town.daemon.store(), &returned.number).map_err(|e| e.to_string())?;
        let requests = returned.requests(&current).map_err(|e| e.say(edition.lang()))?;
        for request in &requests {
            town.sign(&returned.number, request, now)?;
        }
        Ok(requests.len())
    };
    let forged = filled.replace(&edition.sha256, &"ab".repeat(32));
    assert!(take(&forged, now).unwrap_err().contains("一致しない"));
    let (views, more) = (edition_views(&edition), edition_views(&edition) + 1);
    let edited = filled.replace(&format!(",{views},"), &format!(",{more},"));
    assert!(take(&edited, now).unwrap_err().contains("書き換えられている"));
    let stranger = filled.replace(",10001,", ",10009,");
    assert!(take(&stranger, now).unwrap_err().contains("職にある者"));
    // Behind its due day: taken, and told as late by the day of registration.
    let late = jst("2025-11-20 09:00:00");
    assert_eq!(take(&filled, late), Ok(2));
    assert!(take(&filled, late).unwrap_err().contains("同じ表"));
    let signed = report::open(&town.daemon.store(), &edition.number).unwrap();
    assert!(signed.is_complete());
    assert_eq!(
        signed.reviews[0].review.by, "010001",
        "zeros that a spreadsheet cut are back"
    );
    assert!(signed.due < Jst::from(signed.reviews[0].at).day);
    let ledger = town.daemon.store().ledger_of("review", 10).unwrap();
    assert_eq!(ledger.len(), 2);
    assert!(ledger.iter().all(|e| e.text("sha256") == edition.sha256));
}

fn edition_views(edition: &Edition) -> u64 {
    let table = edition.report.table("datasets").unwrap();
    match table.cell(&table.rows[0], "views") {
        Some(Cell::Count(n)) => *n,
        other => panic!("{other:?}"),
    }
}

/// The real binary, as its timer runs it: what is over is made once, mailed to whoever confirms first, and stands open as overdue.
#[test]
fn what_is_due_is_made_once_and_caught_up_after_a_time_without_runs() {
    use crate::support::site::{Setup, Site, line, says};
    use sekimori::clock::{Clock as _, SystemClock};
    let site = Site::new(&Setup::default());
    let today = Jst::from(SystemClock.now()).day;
    let with_today_open = |text: String| text + &format!("[calendar]\nopen = [\"{}\"]\n", today.iso());
    let text = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, with_today_open(text)).unwrap();
    // Something of last month, whenever this runs.
    let month = Period::around(Kind::Monthly, today).unwrap().before();
    let date = month.from.plus(9).date();
    let names = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let stamp = format!("{:02}/{}/{}", date.day, names[usize::from(date.month) - 1], date.year);
    for n in 0..30 {
        site.append(line(n, "user01", "juki", n).replace("02/Jun/2025", &stamp));
    }
    site.pass().good();
    let made = site.run(&["report", "make", "--due", "--mail"]).good();
    let monthly = |made: &str| made.lines().filter(|l| l.starts_with("R-")).count();
    assert!(
        2 <= monthly(&made.out),
        "市民課 and 税務課, and quarter or year where one is over: {}",
        made.out
    );
    let again = site.run(&["report", "make", "--due", "--mail"]).good();
    assert_eq!(monthly(&again.out), 0, "{}", again.out);
    let listed = site.objects(&["report", "list", "--json"]);
    assert_eq!(listed.len(), monthly(&made.out));
    assert!(listed.iter().all(|r| r["complete"] == false && r["version"] == 1));
    // The daemon sends what was queued; 税務課 has an address of its own.
    site.pass().good();
    let files = std::fs::read_dir(site.path("mails"))
        .unwrap()
        .map(|f| f.unwrap().path());
    let mails: Vec<String> = files
        .filter(|f| f.extension().is_some_and(|e| e == "eml"))
        .map(|f| crate::support::mail::readable(&std::fs::read_to_string(f).unwrap()))
        .collect();
    let asks: Vec<&String> = mails.iter().filter(|m| m.contains("[to confirm]")).collect();
    assert_eq!(asks.len(), listed.len(), "{mails:?}");
    assert!(asks.iter().any(|m| m.contains("zei@city.example.jp")), "{asks:?}");
    let number = listed[0]["number"].as_str().unwrap();
    let by = [
        "--by",
        "010001",
        "--method",
        "sample",
        "--result",
        "normal",
        "--measures",
        "x",
    ];
    site.run(&[&["report", "sign", number][..], &by].concat())
        .bad(1, &["nothing found is not offered"]);
    let by = [
        "--by",
        "010001",
        "--method",
        "sample",
        "--result",
        "check",
        "--measures",
        "the watch begins",
    ];
    says(
        &site.run(&[&["report", "sign", number][..], &by].concat()).good().out,
        &["confirmed by 010001"],
    );
    site.run(&[&["report", "sign", number][..], &by].concat())
        .bad(1, &["nobody confirms twice"]);
}
