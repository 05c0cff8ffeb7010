//! Rows of the store that are not what the ledger says, in words.

use crate::cli::Failure;
use crate::evidence::verify::{Code, Finding, Report};
use crate::store::{RowDrift, RowOf, Store};
use crate::text::inert;

/// Findings told one by one; more are counted.
const TOLD_MAX: usize = 50;

pub(super) fn check(store: &Store, without: &[(u64, u64)], report: &mut Report) -> Result<(), Failure> {
    let drifts = store.rows_against_ledger(without)?;
    for drift in drifts.iter().take(TOLD_MAX) {
        report.add(finding(drift));
    }
    let more = drifts.len().saturating_sub(TOLD_MAX);
    if 0 < more {
        report.add(Finding::new(
            Code::CounterDrift,
            format!("記録簿と一致しない行が、データベースにほかに {more} 件あります。"),
            format!("{more} more rows of the store are not what the ledger says"),
        ));
    }
    Ok(())
}

/// What it is: for machines, in Japanese, in English.
fn words(of: RowOf) -> (&'static str, &'static str, &'static str) {
    match of {
        RowOf::Journal => ("journal", "動作の記録", "row of the journal"),
        RowOf::Register => ("register", "権限台帳の版", "version of the account register"),
        RowOf::RegisterRows => (
            "register_row",
            "権限台帳の中身、版",
            "rows of the account register, version",
        ),
        RowOf::Exception => ("exception", "例外", "exception"),
        RowOf::ExceptionUsed => ("exception", "例外", "exception"),
        RowOf::Job => ("job", "承認された業務処理", "approved job"),
        RowOf::Report => ("report", "報告書", "report"),
        RowOf::Review => ("review", "確認（署名）、報告書", "confirmation of report"),
        RowOf::Mail => ("mail", "メール", "mail"),
        RowOf::Delivery => ("mail_recipient", "送信の結果、メール", "delivery of mail"),
        RowOf::Incident => ("incident", "事案の経過", "step of incident"),
        RowOf::SourceEvent => ("source_event", "ログの出来事", "event of a log"),
        RowOf::Alert => (
            "alert",
            "対象者・規則・重大度、警告",
            "person, rule or severity of alert",
        ),
        RowOf::AlertState => ("alert_state", "状態、警告", "state of alert"),
    }
}

fn finding(drift: &RowDrift) -> Finding {
    let (table, ja, en) = words(drift.of);
    let name = inert(&drift.name, 80);
    let (ja, en) = (format!("{ja} {name}"), format!("{en} {name}"));
    let finding = match (drift.of, drift.entry) {
        (RowOf::ExceptionUsed, entry) => {
            let entry = entry.unwrap_or(0);
            Finding::new(
                Code::CounterDrift,
                format!("{ja}により警告が止められましたが（記録簿の {entry} 番）、その登録が記録簿にありません。"),
                format!("{en} held an alert (entry {entry} of the ledger), and nobody ever registered it"),
            )
        }
        (RowOf::AlertState, _) => Finding::new(
            Code::CounterDrift,
            format!("{ja} が、記録された経過と一致しません。"),
            format!("{en} is not what its recorded steps come to"),
        ),
        (_, Some(entry)) => Finding::new(
            Code::CounterDrift,
            format!("{ja} の行が、データベースから消されているか書き換えられています（記録簿の {entry} 番）。"),
            format!("{en}: its row is gone from the store or was changed (entry {entry} of the ledger)"),
        ),
        (_, None) => Finding::new(
            Code::CounterDrift,
            format!("{ja} の行が記録簿にありません。後から加えられたか書き換えられています。"),
            format!("{en}: its row stands in no entry of the ledger: it was added or changed"),
        ),
    };
    let finding = match drift.entry {
        Some(entry) => finding.at("entry", entry),
        None => finding,
    };
    finding.at("table", table).at("name", name).next(
        "データベースを書き換えた者がいないか確かめてください。正しい内容は、書換え前の写し（backup）にあります。",
        "find out who changed the store; what it said before stands in its copies (backup)",
    )
}
