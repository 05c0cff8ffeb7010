//! Columns, members and encodings that are not as the configuration says.

use super::super::support::mail::readable;
use super::super::support::site::{Site, says};

const HEADER: &str = "処理日時,利用者ID,所属名,端末名,機能名,操作区分,件数,宛名番号,処理結果,利用目的";
const ROWS: [&str; 3] = [
    "2026/11/18 09:14:00,012104,市民課,市民課-PC⑤,一覧,照会,1,,正常,",
    "2026/11/18 09:15:00,012104,市民課,市民課-PC⑤,一覧,照会,2,,正常,",
    "2026/11/18 09:16:00,012104,市民課,市民課-PC⑤,一覧,照会,3,,正常,",
];

/// The trial site with an operation log under this header, in UTF-8 where `encoding` says so.
fn site(header: &str, encoding: &str) -> Site {
    let site = Site::trial();
    let config = std::fs::read_to_string(&site.config).unwrap();
    let config = config.replace("encoding = \"cp932\"", &format!("encoding = \"{encoding}\""));
    std::fs::write(&site.config, config).unwrap();
    let text = format!("{header}\r\n{}\r\n", ROWS.join("\r\n"));
    std::fs::write(site.path("fixtures/quickstart/juki/oplog-1.csv"), text).unwrap();
    site
}

/// Every mail, as its reader sees it.
fn mails(site: &Site) -> String {
    let files = std::fs::read_dir(site.path("var/quickstart/outbox")).unwrap();
    files
        .map(|file| readable(&std::fs::read_to_string(file.unwrap().path()).unwrap()))
        .collect()
}

/// What one run told by mail, and what it counted of the operation log.
fn told(site: &Site) -> (String, [u64; 2]) {
    site.pass().good();
    let source = &site.status()["sources"][2];
    assert_eq!(source["name"], "juki-csv");
    let amount = |key: &str| source[key].as_u64().unwrap();
    (mails(site), [amount("accesses"), amount("rejects")])
}

#[test]
fn a_count_column_that_was_renamed_is_told_at_once_and_the_accesses_count() {
    let site = site(&HEADER.replace("件数", "出力件数"), "utf-8");
    let missing = "rows = \"件数\" → \"出力件数\"?";
    says(
        &site.run_ja(&["check"]).good().err,
        &[
            "juki-csv",
            "oplog-1.csv",
            "[source.fields] の列が見出しにありません",
            missing,
        ],
    );
    let (mails, amounts) = told(&site);
    assert_eq!(amounts, [3, 0]);
    says(&mails, &["設定した列が見出しにありません", missing, "[source.fields]"]);
}

#[test]
fn an_account_column_that_was_renamed_is_told_at_once_and_the_accesses_count() {
    let site = site(&HEADER.replace("利用者ID", "操作した人"), "utf-8");
    let (mails, amounts) = told(&site);
    assert_eq!(amounts, [3, 0]);
    says(&mails, &["設定した列が見出しにありません", "user = \"利用者ID\""]);
}

#[test]
fn a_time_column_that_is_not_there_is_told_at_once() {
    let site = site(&HEADER.replace("処理日時", "処理日"), "utf-8");
    let missing = "time = \"処理日時\" → \"処理日\"?";
    says(&site.run_ja(&["check"]).good().err, &["記録を解釈できません", missing]);
    let (mails, amounts) = told(&site);
    assert_eq!(amounts, [0, 4]);
    says(&mails, &["記録を1行も解釈できません", missing, "sekimori check"]);
}

#[test]
fn another_encoding_than_configured_is_told_at_once() {
    let site = site(HEADER, "cp932");
    says(
        &site.run_ja(&["check"]).good().err,
        &["encoding?", "encoding = cp932 では読めない文字があります"],
    );
    let (mails, amounts) = told(&site);
    assert_eq!(amounts, [0, 4]);
    says(&mails, &["記録を1行も解釈できません", "encoding?"]);
}

#[test]
fn lines_that_are_another_format_are_told_at_the_third() {
    let site = Site::trial();
    let log = site.path("fixtures/quickstart/kaigo/audit.jsonl");
    std::fs::write(
        &log,
        "{\"when\":\"2026-11-18T09:00:00+09:00\",\"user\":{\"id\":\"012104\"}}\n".repeat(3),
    )
    .unwrap();
    says(
        &site.run_ja(&["check"]).good().err,
        &[
            "kaigo-app",
            "先頭の 3 行のうち 3 行を解釈できません（必要な項目がありません 3）",
        ],
    );
    site.pass().good();
    says(
        &mails(&site),
        &["kaigo-app", "記録を1行も解釈できません", "missing-field"],
    );
}

#[test]
fn a_member_that_stands_in_no_line_is_named_by_check() {
    let site = Site::trial();
    let log = site.path("fixtures/quickstart/kaigo/audit.jsonl");
    let line = "{\"at\":\"2026-11-18T09:00:00+09:00\",\"user\":{\"id\":\"012104\"},\"terminal\":\"T1\",\"action\":\"照会\",\
        \"screen\":\"/kaigo/a\",\"result\":\"OK\",\"hihokensha_no\":\"1\",\"row_count\":5}\n";
    std::fs::write(&log, line).unwrap();
    says(
        &site.run_ja(&["check"]).good().err,
        &["rows = \"count\" は、先頭の 1 行のどれにもありません → \"row_count\"?"],
    );
}
