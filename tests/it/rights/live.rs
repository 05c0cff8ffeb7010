//! What happened at agencies, on the real binary with the shipped rules and 台帳: registers, logs, mails as files, and what
//! the commands print. `cargo test --test it -- rights::live --nocapture` shows the mails.

use sekimori::calendar::{Day, Jst};
use sekimori::clock::{Clock as _, SystemClock};

use crate::support::mail::readable;
use crate::support::site::{Site, append_to, says, until};

const HEAD: &str = "職員番号,利用者ID,区分,所属名,権限開始日,権限終了日,状態,退職予定日\n";
const LOG_HEAD: &str = "処理日時,利用者ID,所属名,端末名,機能名,操作区分,件数,宛名番号,処理結果,利用目的\n";
const OPLOG: &str = "fixtures/quickstart/juki/oplog-1.csv";

/// 012101 heads 市民課, 012102 is 主査 there, 012103 係長 of another section; 040001 is 監査責任者.
pub(super) const STAFF: &str = "012101,012101,正規,市民課,R4.4.1,,在職,\n012102,012102,正規,市民課,R4.4.1,,在職,\n\
    012103,012103,正規,図書館,R4.4.1,,在職,\n040001,040001,正規,監査室,R4.4.1,,在職,\n";

pub(super) const POSTS: &str = r#"
[[post]]
role = "manager"
section = "市民課"
person = "012101"
office = ["shiminka-kacho@city.example.jp"]
[[post]]
role = "officer"
section = "市民課"
person = "012102"
office = ["shiminka-shusa@city.example.jp"]
[[post]]
role = "officer"
section = "市民課"
person = "012104"
deputy = 1
office = ["shiminka-shunin@city.example.jp"]
[[post]]
role = "auditor"
person = "040001"
office = ["kansa@city.example.jp"]
"#;

pub(super) fn site(accounts: &str) -> Site {
    let site = Site::trial();
    std::fs::write(site.path("config/accounts.csv"), format!("{HEAD}{STAFF}{accounts}")).unwrap();
    let config = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(
        &site.config,
        config.replace("rules = ", "sections = \"sections.toml\"\nrules = "),
    )
    .unwrap();
    std::fs::write(site.path("config/sections.toml"), POSTS).unwrap();
    write_log(&site, LOG_HEAD);
    site
}

/// Appends to the operation log as the package writes it, in Windows' Shift_JIS.
pub(super) fn write_log(site: &Site, text: &str) {
    let (bytes, _, lossy) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!lossy);
    append_to(&site.path(OPLOG), &bytes);
}

pub(super) fn line(day: Day, clock: &str, user: &str, operation: &str, records: u64) -> String {
    let day = day.iso().replace('-', "/");
    format!("{day} {clock},{user},市民課,市民課-PC③,住民票抽出,{operation},{records},1234567890,正常,\n")
}

pub(super) fn clock(second: u32) -> String {
    format!("{}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// A mail, taken apart: recipients, subject, body.
pub(super) struct Mail {
    pub to: String,
    pub subject: String,
    pub body: String,
}

pub(super) fn mails(site: &Site) -> Vec<Mail> {
    let Ok(folder) = std::fs::read_dir(site.path("var/quickstart/outbox")) else {
        return Vec::new();
    };
    let mut files: Vec<_> = folder.map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "eml"));
    files.sort();
    files
        .iter()
        .map(|path| mail(&std::fs::read_to_string(path).unwrap()))
        .collect()
}

fn mail(text: &str) -> Mail {
    let text = readable(text);
    let (head, body) = text.split_once("\n\n").unwrap();
    let field = |name: &str| {
        let found = head.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().trim().to_owned()
    };
    Mail {
        to: field("To:"),
        subject: field("Subject:"),
        body: body.to_owned(),
    }
}

pub(super) fn show(what: &str, mail: &Mail) {
    println!(
        "--- {what}\nTo: {}\nSubject: {}\n\n{}",
        mail.to, mail.subject, mail.body
    );
}

pub(super) fn one<'m>(mails: &'m [Mail], subject: &str) -> &'m Mail {
    let found: Vec<&Mail> = mails.iter().filter(|m| m.subject.contains(subject)).collect();
    let all: Vec<&String> = mails.iter().map(|m| &m.subject).collect();
    assert_eq!(found.len(), 1, "{subject} in {all:#?}");
    found[0]
}

/// Scenario 1: an ID still alive the day after retirement, a Saturday.
#[test]
fn sixteen_files_the_day_after_retirement_are_one_critical_mail_within_seconds() {
    let friday = Day::of(2025, 11, 21).unwrap();
    let site = site("008841,008841,正規,市民課,R5.4.1,R7.11.21,在職,\n");
    let mut daemon = site.daemon();
    daemon.wait_said(&["running"]);
    write_log(&site, &line(friday, "23:59:59", "008841", "照会", 1));
    let saturday = friday.plus(1);
    let files: String = (0..16u32)
        .map(|n| {
            line(
                saturday,
                &clock(n * 40),
                "００８８４１",
                "ファイル出力",
                if n < 8 { 15 } else { 16 },
            )
        })
        .collect();
    let before = SystemClock.now();
    write_log(&site, &files);
    let told = || mails(&site).iter().any(|mail| mail.subject.contains("重大"));
    until(|| "the mail".into(), told);
    let took = SystemClock.now().since(before);
    println!("from the write to the mail: {} ms", took.as_millis());
    assert!(took.as_secs() < 60);
    daemon.stop();
    // Apart from what the running daemon tells of assets whose logs are not there.
    let mut mails = mails(&site);
    mails.retain(|mail| !mail.subject.contains("監視の漏れ"));
    let subjects: Vec<&String> = mails.iter().map(|mail| &mail.subject).collect();
    assert_eq!(mails.len(), 1, "one grouped mail: {subjects:#?}");
    show("scenario 1", &mails[0]);
    assert!(mails[0].subject.contains("重大"), "{}", mails[0].subject);
    says(
        &mails[0].body,
        &["A1", "職員番号 008841", "11月21日", "（土）", "住民基本台帳", "閉庁日"],
    );
    assert!(!mails[0].body.contains("1234567890"));
    // 保護担当者 and 保護管理者 of the owner section are told with whoever gets every alert.
    says(
        &mails[0].to,
        &["shiminka-kacho@", "shiminka-shusa@", "kojinjoho-security@"],
    );
    let alerts = site.alerts();
    let rules = std::iter::once(&alerts[0]).chain(alerts[0]["reasons"].as_array().unwrap());
    let a1: Vec<_> = rules.filter(|a| a["rule"] == "A1").collect();
    assert_eq!((alerts.len(), a1.len(), &a1[0]["hits"]), (1, 1, &16.into()));
    let listed = site.run_ja(&["alert", "list"]).good().out;
    println!("{listed}");
    assert!(
        listed.contains("重大") && listed.contains("A1"),
        "named by what is worst: {listed}"
    );
}

/// Scenario 2: 1,019 files with 31,429 records, 22 days before leaving.
#[test]
fn a_thousand_files_before_somebody_leaves_are_critical_at_half_the_limit() {
    let day = Day::of(2025, 11, 27).unwrap();
    let leaving = day.plus(22);
    let site = site(&format!("022222,sh022222,正規,市民課,R2.4.1,,在職,{}\n", leaving.iso()));
    let files: Vec<u64> = (0..1_019).map(|n| if n < 859 { 31 } else { 30 }).collect();
    assert_eq!(files.iter().sum::<u64>(), 31_429);
    // From 8:40 on, one file every half a minute.
    let lines: Vec<String> = (0u32..)
        .zip(&files)
        .map(|(n, records)| line(day, &clock(31_200 + n * 30), "sh022222", "ファイル出力", *records))
        .collect();
    write_log(&site, &lines[..16].concat());
    site.pass().good();
    assert_eq!(
        mails(&site).len(),
        0,
        "496 records: half the limit of 1,000 is not passed"
    );
    write_log(&site, &lines[16]);
    site.pass().good();
    let first = mails(&site);
    assert_eq!(first.len(), 1, "527 records");
    show("scenario 2, at half the limit", &first[0]);
    says(&first[0].body, &["500件", "527件", "職員番号 022222"]);
    write_log(&site, &lines[17..].concat());
    site.pass().good();
    let all = mails(&site);
    let critical: Vec<&Mail> = all.iter().filter(|m| m.subject.contains("重大")).collect();
    assert!(!critical.is_empty());
    show("scenario 2, grown", critical[critical.len() - 1]);
    let alerts = site.alerts();
    assert_eq!(alerts.len(), 1, "one situation with its reasons: {alerts:#?}");
    assert_eq!(alerts[0]["severity"], "critical");
    let detail = site
        .run(&["alert", "show", alerts[0]["number"].as_str().unwrap()])
        .good()
        .out;
    println!("{detail}");
    says(&detail, &["31,429"]);
    println!("{} mails in all", all.len());
}

/// Scenario 9: whoever has no rights asks whoever has; the whole city leaves, and somebody is to be left out of the watch.
#[test]
fn the_whole_city_exported_is_found_and_nobody_leaves_the_watch_in_silence() {
    let day = Day::of(2025, 11, 27).unwrap();
    let site = site("");
    write_log(&site, &line(day, "10:15:00", "012102", "ファイル出力", 34_000));
    write_log(&site, &line(day, "10:20:00", "012103", "照会", 1));
    site.pass().good();
    let told = mails(&site);
    let export = one(&told, "重大");
    show("scenario 9, the export", export);
    says(&export.body, &["34,000", "職員番号 012102"]);
    // 主査 is 保護担当者 of the section: the deputy and the head are told, he is not.
    says(&export.to, &["shiminka-kacho@", "shiminka-shunin@"]);
    assert!(!export.to.contains("shiminka-shusa@"), "{}", export.to);
    let rules: Vec<String> = site
        .objects(&["alert", "list", "--all", "--json"])
        .iter()
        .map(|a| a.to_string())
        .collect();
    says(&rules.concat(), &["V9"]);
    // He is to be left out of the watch: by himself, then by the colleague who asked him.
    let until_day = Jst::from(SystemClock.now()).day.iso();
    let add = |approver: &str, by: &str| {
        site.run_ja(&[
            "exception",
            "add",
            "--rule",
            "V9",
            "--rule",
            "V1C",
            "--person",
            "012102",
            "--dataset",
            "juki",
            "--limit",
            "90000",
            "--until",
            &until_day,
            "--approver",
            approver,
            "--by",
            by,
            "--reason",
            "統計の作成",
        ])
    };
    let refused = add("012102", "012103");
    println!("{}", refused.err);
    refused.bad(1, &["本人が承認・登録することはできません"]);
    site.pass().good();
    let told = mails(&site);
    let attempt = one(&told, "例外");
    show("scenario 9, the attempt", attempt);
    says(&attempt.to, &["kojinjoho-security@", "kansa@"]);
    says(&attempt.body, &["012102", "012103", "統計の作成"]);
    add("012101", "012103").good();
    let listed = site.run_ja(&["exception", "list"]).good().out;
    println!("{listed}");
    says(&listed, &["V9,V1C", "012102", "承認 012101"]);
    site.pass().good();
    let told: Vec<Mail> = mails(&site)
        .into_iter()
        .filter(|m| m.subject.contains("例外"))
        .collect();
    assert_eq!(told.len(), 2, "a granted one is told as well");
    assert!(told.iter().all(|m| m.to.contains("kansa@")));
}

/// 1 April of a fiscal year that the book still knows.
fn first_of_april() -> Day {
    let today = Jst::from(SystemClock.now()).day;
    let april = Day::of(today.fiscal_year(), 4, 1).unwrap();
    match today.0 - april.0 {
        ..20 => Day::of(today.fiscal_year() - 1, 4, 1).unwrap(),
        _ => april,
    }
}

const PEOPLE: usize = 600;

fn old_section(n: usize) -> &'static str {
    if n.is_multiple_of(3) {
        "介護保険課"
    } else {
        "市民課"
    }
}

/// Everybody of the old sections; whoever has moved is in 図書館 from that day on.
fn six_hundred(moved: impl Fn(usize) -> Option<Day>) -> String {
    let mut text = format!("{HEAD}{STAFF}");
    for n in 0..PEOPLE {
        let (old, first) = (old_section(n), moved(n));
        let to = first.map_or_else(String::new, |first| first.plus(-1).iso());
        text += &format!("1{n:05},u{n:04},正規,{old},2020-04-01,{to},在職,\n");
        if let Some(first) = first {
            text += &format!("1{n:05},u{n:04},正規,図書館,{},,在職,\n", first.iso());
        }
    }
    text
}

/// Everybody keeps looking into the 台帳 of his old section.
fn old_habits(site: &Site, day: Day) {
    for n in 0..PEOPLE {
        let at = clock(32_400 + u32::try_from(n).unwrap() * 40);
        if n.is_multiple_of(3) {
            let at = format!("{}T{at:0>8}+09:00", day.iso());
            let text = format!(
                "{{\"at\":\"{at}\",\"user\":{{\"id\":\"u{n:04}\"}},\"terminal\":\"KAI-PC-{n}\",\"action\":\"照会\",\
                 \"screen\":\"/kaigo/hihokensha\",\"count\":1,\"result\":\"ok\"}}\n"
            );
            append_to(&site.path("fixtures/quickstart/kaigo/audit.jsonl"), text.as_bytes());
        } else {
            let text = line(day, &at, &format!("u{n:04}"), "照会", 1);
            write_log(site, &text.replace("PC③", &format!("PC{n}")));
        }
    }
}

/// Rule and person of every finding in hindsight.
fn in_hindsight(site: &Site) -> Vec<(String, String)> {
    let all = site.objects(&["alert", "list", "--all", "--json"]);
    let text = |a: &serde_json::Value, key: &str| a[key].as_str().unwrap().to_owned();
    let retro = all.iter().filter(|a| a["retro"] == true);
    let mut found: Vec<_> = retro.map(|a| (text(a, "rule"), text(a, "person"))).collect();
    found.sort();
    found
}

fn about_the_past(site: &Site) -> Vec<Mail> {
    let told = mails(site).into_iter();
    told.filter(|m| m.subject.contains("過去の利用")).collect()
}

/// Scenario 10: 600 transfers on 1 April, the register two days late, corrected a week later.
#[test]
fn six_hundred_transfers_brought_late_are_shown_before_they_are_taken_and_told_once() {
    let april = first_of_april();
    let site = site("");
    let put = |path: &str, moved: &dyn Fn(usize) -> Option<Day>| {
        std::fs::write(site.path(path), six_hundred(moved)).unwrap();
    };
    put("config/accounts.csv", &|_| None);
    old_habits(&site, april);
    old_habits(&site, april.plus(1));
    site.pass().good();
    assert_eq!(
        (site.alerts(), mails(&site).len()),
        (vec![], 0),
        "as far as anybody knows, nobody has moved"
    );

    put("april.csv", &|_| Some(april));
    let file = site.path("april.csv").to_str().unwrap().to_owned();
    let diff = site.run_ja(&["account", "diff", &file]).good().out;
    let lines: Vec<&str> = diff.lines().collect();
    println!(
        "{}\n...\n{}",
        lines[..5].join("\n"),
        lines[lines.len() - 3..].join("\n")
    );
    let said = [
        "版 1 との差分：600 件",
        "異動 600",
        "うち遡及 600 件",
        "本人の利用 1,200 回",
        "【遡及】",
    ];
    says(&diff, &said);
    let mut daemon = site.daemon();
    daemon.wait_said(&["running"]);
    site.run(&["account", "import", &file, "--by", "012101"]).good();
    until(
        || "the mails about the past".into(),
        || about_the_past(&site).len() == 3,
    );
    // By hand: tier S has no days to hand over, so the 200 of 介護保険課 are warnings; of the others both days lie within
    // the seven.
    let rule = |n: usize| if n.is_multiple_of(3) { "A11" } else { "A11N" };
    let mut expected: Vec<_> = (0..PEOPLE).map(|n| (rule(n).to_owned(), format!("1{n:05}"))).collect();
    expected.sort();
    let found = in_hindsight(&site);
    assert_eq!(found, expected);
    let told = about_the_past(&site);
    let shortest = told.iter().min_by_key(|m| m.body.len()).unwrap();
    println!(
        "--- scenario 10\nTo: {}\nSubject: {}\n\n{:.1500}",
        shortest.to, shortest.subject, shortest.body
    );

    // On the 10th: ten never moved, ten moved a week earlier.
    put("april.csv", &|n| match n {
        0..10 => None,
        590.. => Some(april.plus(-7)),
        _ => Some(april),
    });
    println!("{}", site.run_ja(&["account", "diff", &file]).good().out);
    site.run(&["account", "import", &file, "--by", "012101"]).good();
    let late: Vec<usize> = (590..PEOPLE).filter(|n| !n.is_multiple_of(3)).collect();
    until(
        || "the corrections".into(),
        || found.len() + late.len() <= in_hindsight(&site).len(),
    );
    until(|| "their mails".into(), || about_the_past(&site).len() == 5);
    daemon.stop();
    let new: Vec<_> = in_hindsight(&site)
        .into_iter()
        .filter(|key| !found.contains(key))
        .collect();
    let expected: Vec<_> = late.iter().map(|n| ("A11".to_owned(), format!("1{n:05}"))).collect();
    assert_eq!(new, expected, "moved a week earlier, the seven days were over");
    // One for everybody and one for each owner section, at each import; one about the ten who may do again what they did;
    // and one of sources that were never there.
    let (past, all) = (about_the_past(&site).len(), mails(&site).len());
    println!(
        "{} and {} findings in hindsight, {past} mails of them, {all} in all",
        found.len(),
        new.len()
    );
    assert!(past == 5 && all <= 7, "{past} {all}");
}

/// What can be wrong with a register, and what is said of it.
type Breakage = (&'static str, Vec<u8>, &'static [&'static str]);

fn breakages(text: &str) -> Vec<Breakage> {
    let good = text.as_bytes();
    let half_a_row = good[..good.len() / 2 - 3].to_vec();
    let lines: Vec<&str> = text.lines().collect();
    let half = (lines[..lines.len() / 2].join("\n") + "\n").into_bytes();
    let with = |from: &str, to: &str| text.replacen(from, to, 1).into_bytes();
    let wide = format!(
        "{}\n{}\n",
        vec!["列"; 1_000_000].join(","),
        vec!["1"; 1_000_000].join(",")
    );
    let (sjis, ..) = encoding_rs::SHIFT_JIS.encode(text);
    vec![
        ("empty", Vec::new(), &["アカウントが1件もありません"]),
        ("cut within a row", half_a_row, &["行目、列「"]),
        ("cut between rows", half, &["アカウントのうち", "--reason"]),
        (
            "another encoding",
            sjis.into_owned(),
            &["文字コードが utf-8 ではありません（1 行目"],
        ),
        (
            "a formula",
            with("s0100,正規,市民課", "s0100,正規,=HYPERLINK(\"http://x\")"),
            &["107 行目、列「所属名」", "数式"],
        ),
        (
            "a formula in a column nobody reads",
            {
                let text = text
                    .replacen("退職予定日\n", "退職予定日,備考\n", 1)
                    .replace(",在職,\n", ",在職,,\n");
                text.replacen(
                    "s0100,正規,市民課,R5.4.1,,在職,,",
                    "s0100,正規,市民課,R5.4.1,,在職,,=1+cmd|x",
                    1,
                )
                .into_bytes()
            },
            &["107 行目、列「備考」", "数式"],
        ),
        (
            "a NUL",
            with("s0100,正規", "s01\0,正規"),
            &["107 行目、列「利用者ID」", "制御文字"],
        ),
        (
            "a million columns",
            wide.into_bytes(),
            &["1 行目、列「257」", "列が 256 を超えています"],
        ),
        (
            "the same row twice",
            with(
                "200100,s0100,正規,市民課,R5.4.1,,在職,\n",
                "200100,s0100,正規,市民課,R5.4.1,,在職,\n200100,s0100,正規,市民課,R5.4.1,,在職,\n",
            ),
            &["108 行目", "107 行目にもあります"],
        ),
        (
            "no such day",
            with("s0100,正規,市民課,R5.4.1", "s0100,正規,市民課,R5.2.30"),
            &["107 行目、列「権限開始日」", "R5.2.30"],
        ),
        (
            "two holders",
            with("s0101,正規", "s0100,正規"),
            &["108 行目、列「職員番号」", "同じ期間に"],
        ),
        (
            "a quote never closed",
            with("s0100,正規,市民課", "s0100,正規,\"市民課"),
            &["行目、列「"],
        ),
    ]
}

/// Scenario 11: the register is empty, or cut in half; and hostile ones.
#[test]
fn a_register_that_is_broken_is_refused_with_its_place_and_changes_nothing() {
    let staff: String = (0..200)
        .map(|n| format!("2{n:05},s{n:04},正規,市民課,R5.4.1,,在職,\n"))
        .collect();
    let friday = Day::of(2025, 11, 21).unwrap();
    let site = site(&format!("008841,008841,正規,市民課,R5.4.1,R7.11.20,在職,\n{staff}"));
    site.pass().good();
    let good = std::fs::read(site.path("config/accounts.csv")).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let broken = breakages(&text);
    let version = || site.objects(&["account", "list", "--versions", "--json"]).len();
    let listed = || site.run(&["account", "list", "--all", "--json"]).good().out;
    let (versions, accounts) = (version(), listed());
    let file = site.path("config/accounts.csv");
    for (n, (what, bytes, said)) in (0u32..).zip(&broken) {
        std::fs::write(&file, bytes).unwrap();
        let by_hand = site.run_ja(&["account", "import", file.to_str().unwrap(), "--by", "012101"]);
        println!("{what}: {}", by_hand.err.lines().last().unwrap_or_default());
        by_hand.bad(1, said);
        // The daemon meets the same file: it goes on with the last good one.
        write_log(&site, &line(friday, &clock(36_000 + n * 60), "008841", "照会", 1));
        let ran = site.pass().good();
        says(&ran.err, &["版 1 で監視を続けています"]);
        assert_eq!((version(), listed()), (versions, accounts.clone()), "{what}");
    }
    let told: Vec<Mail> = mails(&site)
        .into_iter()
        .filter(|m| m.subject.contains("台帳を取り込めません"))
        .collect();
    assert_eq!(told.len(), broken.len(), "each refusal is told");
    show("scenario 11", &told[0]);
    let alerts = site.alerts();
    let a1 = alerts.iter().find(|a| a["rule"] == "A1").unwrap();
    assert_eq!(a1["hits"], broken.len(), "and who left was watched all the while");
}
