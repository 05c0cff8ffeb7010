//! The bundle for the 監査責任者 (訓令第41条): what a year's watch left behind, as tables anybody can open.
//!
//! Coverage day by day, reports and who confirmed them how late, exceptions, changes of the settings, alerts with their
//! times, the ledger's entries and whether they still hash to its root, and a checklist made of what was seen.
//!
//! Not here: the proof with public means (docs/audit.md), files (`cli`).

use std::collections::BTreeMap;

use super::checklist::{Ledger, checklist};
use super::doc::{Cell, Column, Table};
use super::gather::{Site, foremost};
use super::period::Period;
use super::{ReportError, form};
use crate::calendar::{Day, Jst};
use crate::detect::coverage::{self, looks_at};
use crate::evidence::hex;
use crate::store::{Store, StoreError};
use crate::text::{Lang, inert};

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Makes the bundle of a year.
///
/// # Errors
/// The store.
pub fn bundle(store: &Store, site: Site<'_>, year: Period, today: Day) -> Result<Vec<File>, ReportError> {
    let ledger = Ledger::read(store, year)?;
    let tables = [
        sources(store, site, year, today)?,
        datasets(store, site, year, today)?,
        reviews(store, site, year, today)?,
        exceptions(store, site, year)?,
        settings(&ledger, site.lang),
        alerts(store, site, year)?,
        ledger.table(site.lang),
    ];
    let list = checklist(store, site, &tables, &ledger, today)?;
    let file = |table: &Table| File {
        name: format!("{}.csv", table.id),
        bytes: form::table_csv(table, site.lang).into_bytes(),
    };
    let mut out = vec![file(&list)];
    out.extend(tables.iter().map(file));
    if let Some(signed) = store.ledger_signed()? {
        out.push(File {
            name: "checkpoint.note".to_owned(),
            bytes: signed.note.into_bytes(),
        });
    }
    let mut manifest = String::new();
    for file in &out {
        let sum = hex(&<sha2::Sha256 as sha2::Digest>::digest(&file.bytes));
        manifest.push_str(&format!("{sum}  {}\n", file.name));
    }
    out.push(File {
        name: "SHA256SUMS".to_owned(),
        bytes: manifest.into_bytes(),
    });
    Ok(out)
}

pub(super) type Head<'a> = (&'a str, &'a str, &'a str);

pub(super) fn table(id: &str, lang: Lang, (ja, en): (&str, &str), heads: &[Head<'_>], rows: Vec<Vec<Cell>>) -> Table {
    Table {
        id: id.to_owned(),
        title: lang.pick(ja, en).to_owned(),
        columns: heads
            .iter()
            .map(|(id, ja, en)| Column {
                id: (*id).to_owned(),
                title: lang.pick(ja, en).to_owned(),
                width: 1,
            })
            .collect(),
        keys: 1,
        rows,
    }
}

fn days(year: Period, today: Day) -> impl Iterator<Item = Day> {
    (year.from.0..=year.to.0.min(today.0 - 1)).map(Day)
}

/// Each day and source: what was read. Days without a line stand there, too.
fn sources(store: &Store, site: Site<'_>, year: Period, today: Day) -> Result<Table, StoreError> {
    let ids: BTreeMap<String, _> = store.source_rows()?.into_iter().map(|(id, name)| (name, id)).collect();
    let tallies = store.tallies(year.from.0, year.to.0)?;
    let by_key: BTreeMap<_, _> = tallies.iter().map(|t| ((t.day, t.source), t.tally)).collect();
    let mut rows = Vec::new();
    for day in days(year, today) {
        let open = !site.calendar.is_closed(day);
        for name in site.sources {
            let t = ids
                .get(*name)
                .and_then(|id| by_key.get(&(day, *id)))
                .copied()
                .unwrap_or_default();
            let state = match (t.lines, open) {
                (0, true) => site.lang.pick("記録なし（開庁日）", "nothing, open day"),
                (0, false) => site.lang.pick("記録なし", "nothing"),
                _ => "",
            };
            rows.push(vec![
                day.into(),
                (*name).into(),
                t.lines.into(),
                t.bytes.into(),
                t.accesses.into(),
                t.no_dataset.into(),
                t.nothing.into(),
                t.repeated.into(),
                t.rejects.into(),
                t.damaged.into(),
                state.into(),
            ]);
        }
    }
    Ok(table(
        "coverage_sources",
        site.lang,
        ("読取り台帳（日・ログ源別）", "what was read, by day and source"),
        &[
            ("day", "読取日", "day of reading"),
            ("source", "ログ源", "source"),
            ("lines", "行数", "lines"),
            ("bytes", "バイト数", "bytes"),
            ("accesses", "情報資産の利用", "accesses"),
            ("no_dataset", "対象外", "no dataset"),
            ("nothing", "見出し・空行", "headers"),
            ("repeated", "再送", "repeated"),
            ("rejects", "解析不能", "rejects"),
            ("damaged", "文字化け", "damaged"),
            ("state", "状態", "state"),
        ],
        rows,
    ))
}

/// Each day and dataset: minutes with a record, and the rules that judged it.
fn datasets(store: &Store, site: Site<'_>, year: Period, today: Day) -> Result<Table, StoreError> {
    let ids: BTreeMap<String, _> = store
        .known_datasets()?
        .into_iter()
        .map(|(id, name)| (name, id))
        .collect();
    let last = year.to.min(today.plus(-1));
    let mut rows = Vec::new();
    for d in site.datasets {
        let rules: Vec<&str> = site
            .rules
            .iter()
            .filter(|r| looks_at(&r.when, d))
            .map(|r| r.id.as_str())
            .collect();
        let rules = rules.join(" ");
        let from: Vec<&str> = site
            .sources
            .iter()
            .copied()
            .filter(|s| coverage::applies(d, s))
            .collect();
        let from = from.join(" ");
        let mut by_day: BTreeMap<i32, (u64, Vec<u16>)> = BTreeMap::new();
        if let Some(id) = ids.get(&d.id) {
            store.dataset_pages(*id, year.from.0, last.0, &mut |day, _, page| {
                let (accesses, minutes) = by_day.entry(day).or_default();
                *accesses = accesses.saturating_add(page.total.accesses);
                for cell in &page.cells {
                    minutes.extend(cell.start / 6..=(cell.start + cell.width - 1) / 6);
                }
            })?;
        }
        for day in days(year, today) {
            let (accesses, mut minutes) = by_day.remove(&day.0).unwrap_or_default();
            minutes.sort_unstable();
            minutes.dedup();
            let clock =
                |minute: Option<&u16>| minute.map_or(Cell::None, |m| Cell::from(format!("{}:{:02}", m / 60, m % 60)));
            rows.push(vec![
                day.into(),
                d.id.as_str().into(),
                accesses.into(),
                u64::try_from(minutes.len()).unwrap_or(0).into(),
                clock(minutes.first()),
                clock(minutes.last()),
                from.as_str().into(),
                rules.as_str().into(),
            ]);
        }
    }
    Ok(table(
        "coverage_datasets",
        site.lang,
        ("評価台帳（日・情報資産別）", "what was judged, by day and dataset"),
        &[
            ("day", "日", "day"),
            ("dataset", "情報資産", "dataset"),
            ("accesses", "利用回数", "accesses"),
            ("minutes", "記録のある分", "minutes with a record"),
            ("first", "最初", "first"),
            ("last", "最後", "last"),
            ("sources", "ログ源", "sources"),
            ("rules", "評価した規則", "rules that judged it"),
        ],
        rows,
    ))
}

/// Every version of every report that touches the year, and who confirmed it.
fn reviews(store: &Store, site: Site<'_>, year: Period, today: Day) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    for row in store.reports()? {
        let r = &row.report;
        if r.to < year.from || year.to < r.from {
            continue;
        }
        let edition = super::open(store, &row.number)?;
        for reviewer in &edition.report.reviewers {
            let signed = edition.reviews.iter().find(|v| v.review.role == reviewer.role);
            let done = signed.map(|v| Jst::from(v.at).day);
            let late = u64::try_from(done.unwrap_or(today).0.saturating_sub(r.due.0)).unwrap_or(0);
            let mut cells: Vec<Cell> = vec![
                row.number.as_str().into(),
                r.kind.as_str().into(),
                r.section.as_str().into(),
                r.from.into(),
                r.to.into(),
                row.version.into(),
                r.sha256.as_str().into(),
                Cell::Time(row.made_at.micros()),
                r.due.into(),
                reviewer.title.as_str().into(),
            ];
            cells.extend(match signed.map(|v| (&v.review, v.at)) {
                None => [Cell::None, Cell::None, Cell::None, Cell::None, Cell::None, Cell::None],
                Some((v, at)) => [
                    v.on.into(),
                    Cell::Time(at.micros()),
                    inert(&v.by, 40).into(),
                    super::edition::method(&v.method, site.lang).into(),
                    super::edition::result(&v.result, site.lang).into(),
                    inert(&v.measures, 2_000).into(),
                ],
            });
            cells.push(late.into());
            rows.push(cells);
        }
    }
    Ok(table(
        "reviews",
        site.lang,
        ("報告書と確認の記録", "reports and who confirmed them"),
        &[
            ("number", "文書番号", "number"),
            ("kind", "種別", "kind"),
            ("section", "所属", "section"),
            ("from", "自", "from"),
            ("to", "至", "to"),
            ("version", "版", "version"),
            ("sha256", "SHA-256", "sha256"),
            ("made_at", "作成", "made"),
            ("due", "期限", "due"),
            ("role", "職", "role"),
            ("on", "確認日", "confirmed on"),
            ("at", "登録", "registered"),
            ("by", "確認者", "by"),
            ("method", "方法", "method"),
            ("result", "結果", "result"),
            ("measures", "措置", "measures"),
            ("days_late", "遅延日数", "days late"),
        ],
        rows,
    ))
}

fn exceptions(store: &Store, site: Site<'_>, year: Period) -> Result<Table, StoreError> {
    let hits = store.exception_hits(year.from, year.to)?;
    let mut rows = Vec::new();
    for row in store.exceptions()? {
        let e = &row.exception;
        if e.until < year.from || year.to < e.from {
            continue;
        }
        let (held, late) = hits.iter().find(|h| h.0 == e.id).map_or((0, 0), |h| (h.1, h.2));
        let some = |text: &Option<String>| text.as_deref().map(|t| inert(t, 40)).unwrap_or_default();
        rows.push(vec![
            e.id.to_string().into(),
            e.rules.join(" ").into(),
            some(&e.person).into(),
            some(&e.dataset).into(),
            e.limit.into(),
            e.from.into(),
            e.until.into(),
            inert(&e.reason, 400).into(),
            inert(&e.approver, 40).into(),
            inert(&e.by, 40).into(),
            held.into(),
            late.into(),
            row.ended
                .as_ref()
                .map_or(Cell::None, |(at, ..)| Cell::Time(at.micros())),
        ]);
    }
    Ok(table(
        "exceptions",
        site.lang,
        ("監視の例外", "exceptions"),
        &[
            ("number", "番号", "number"),
            ("rules", "規則", "rules"),
            ("person", "対象者", "person"),
            ("dataset", "情報資産", "dataset"),
            ("limit", "しきい値", "limit"),
            ("from", "自", "from"),
            ("until", "至", "until"),
            ("reason", "理由", "reason"),
            ("approver", "承認者", "approver"),
            ("by", "登録者", "by"),
            ("hits", "該当", "hits"),
            ("late_hits", "期限後", "late hits"),
            ("ended_at", "終了", "ended"),
        ],
        rows,
    ))
}

fn settings(ledger: &Ledger, lang: Lang) -> Table {
    let rows = ledger.config.iter().map(|(at, from, to, uid)| {
        vec![
            Cell::Time(at.micros()),
            from.as_str().into(),
            to.as_str().into(),
            uid.to_string().into(),
        ]
    });
    table(
        "settings",
        lang,
        ("設定の変更", "changes of the settings"),
        &[
            ("at", "日時", "at"),
            ("from", "変更前 SHA-256", "from"),
            ("to", "変更後 SHA-256", "to"),
            ("uid", "ファイル所有者", "uid"),
        ],
        rows.collect(),
    )
}

fn alerts(store: &Store, site: Site<'_>, year: Period) -> Result<Table, StoreError> {
    let mut rows = Vec::new();
    let names: BTreeMap<_, _> = store.known_datasets()?.into_iter().collect();
    for (stored, who) in store.alerts_in(year.from, year.to)? {
        let a = &stored.alert;
        if stored.lead != a.id {
            continue;
        }
        let steps = store.steps(a.id)?;
        let first = |step: &str| {
            let found = steps.iter().find(|s| s.step == step);
            found.map_or((Cell::None, String::new()), |s| {
                (Cell::Time(s.at.micros()), inert(&s.by, 40))
            })
        };
        let (acknowledged, by) = first("acknowledged");
        let shown = foremost(store, site.rules, &stored)?.alert;
        rows.push(vec![
            a.number.as_str().into(),
            shown.rule.as_str().into(),
            site.lang.pick(a.severity.ja(), a.severity.as_str()).into(),
            names.get(&a.dataset).map_or("", String::as_str).into(),
            inert(&who, 40).into(),
            Cell::Time(shown.first_seen.micros()),
            Cell::Time(a.detected_at.micros()),
            first("mailed").0,
            acknowledged,
            by.into(),
            first("closed").0,
            shown.observed.into(),
            shown.limit.into(),
            a.state.as_str().into(),
            stored.closed_as.as_str().into(),
            stored.config.as_str().into(),
        ]);
    }
    Ok(table(
        "alerts",
        site.lang,
        ("警告と処置", "alerts and outcomes"),
        &[
            ("number", "番号", "number"),
            ("rule", "規則", "rule"),
            ("severity", "重要度", "severity"),
            ("dataset", "情報資産", "dataset"),
            ("person", "利用者", "who"),
            ("first_seen", "事象", "first seen"),
            ("detected_at", "検知", "detected"),
            ("mailed_at", "通知", "mailed"),
            ("acknowledged_at", "確認", "acknowledged"),
            ("acknowledged_by", "確認者", "by"),
            ("closed_at", "終結", "closed"),
            ("observed", "検知値", "observed"),
            ("limit", "基準", "limit"),
            ("state", "状態", "state"),
            ("closed_as", "結果", "closed as"),
            ("config", "設定 SHA-256", "configuration"),
        ],
        rows,
    ))
}
