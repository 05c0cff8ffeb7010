//! The bundle for the 監査責任者 (訓令第41条): what a year's watch left behind, as tables anybody can open.
//!
//! Coverage day by day, reports and who confirmed them how late, exceptions, changes of the settings, alerts with their
//! times, the ledger's entries and whether they still hash to its root, and a checklist made of what was seen.
//!
//! Not here: the proof with public means (docs/audit.md), files (`cli`).

use std::collections::BTreeMap;

use super::doc::{Cell, Column, Table};
use super::gather::Site;
use super::period::Period;
use super::{ReportError, form};
use crate::calendar::{Day, Jst};
use crate::clock::WallTime;
use crate::detect::coverage::{self, looks_at};
use crate::evidence::{Entry, Frontier, hex, leaf_hash};
use crate::store::{Store, StoreError};
use crate::text::{Lang, inert};

/// Entries read at once.
const ENTRIES: u32 = 10_000;

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

type Head<'a> = (&'a str, &'a str, &'a str);

fn table(id: &str, lang: Lang, (ja, en): (&str, &str), heads: &[Head<'_>], rows: Vec<Vec<Cell>>) -> Table {
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
        rows.push(vec![
            a.number.as_str().into(),
            a.rule.as_str().into(),
            site.lang.pick(a.severity.ja(), a.severity.as_str()).into(),
            names.get(&a.dataset).map_or("", String::as_str).into(),
            inert(&who, 40).into(),
            Cell::Time(a.first_seen.micros()),
            Cell::Time(a.detected_at.micros()),
            first("mailed").0,
            acknowledged,
            by.into(),
            first("closed").0,
            a.observed.into(),
            a.limit.into(),
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

/// The ledger: what kinds of entries the year has, and whether all of it hashes to the root the store keeps.
struct Ledger {
    kinds: BTreeMap<String, (u64, u64)>,
    config: Vec<(WallTime, String, String, u64)>,
    size: u64,
    root: String,
    holds: bool,
}

impl Ledger {
    fn read(store: &Store, year: Period) -> Result<Ledger, StoreError> {
        let kept = store.ledger_tree()?;
        let mut tree = Frontier::default();
        let mut out = Ledger {
            kinds: BTreeMap::new(),
            config: Vec::new(),
            size: kept.size(),
            root: hex(&kept.root()),
            holds: false,
        };
        loop {
            let lines = store.ledger_lines(tree.size(), ENTRIES)?;
            if lines.is_empty() {
                break;
            }
            for line in &lines {
                tree.push(leaf_hash(line.as_bytes()));
                let Ok(entry) = Entry::read(line.as_bytes()) else {
                    continue;
                };
                let (all, within) = out.kinds.entry(entry.kind().to_owned()).or_default();
                *all += 1;
                let at = WallTime::from_micros(entry.at_micros());
                if !year.holds(Jst::from(at).day) {
                    continue;
                }
                *within += 1;
                if entry.kind() == "config" {
                    let uid = entry.number("uid").unwrap_or(0);
                    out.config
                        .push((at, entry.text("from").to_owned(), entry.text("to").to_owned(), uid));
                }
            }
        }
        out.holds = tree.root() == kept.root() && tree.size() == kept.size();
        Ok(out)
    }

    fn table(&self, lang: Lang) -> Table {
        let mut rows: Vec<Vec<Cell>> = self
            .kinds
            .iter()
            .map(|(kind, (all, within))| vec![kind.as_str().into(), (*within).into(), (*all).into()])
            .collect();
        let total = self.kinds.values().map(|k| k.1).sum::<u64>();
        rows.push(vec![
            lang.pick("年度計", "in the year").into(),
            total.into(),
            self.size.into(),
        ]);
        rows.push(vec![
            lang.pick("根", "root").into(),
            self.root.as_str().into(),
            self.verdict(lang).into(),
        ]);
        table(
            "ledger",
            lang,
            ("証跡台帳の項目", "entries of the ledger"),
            &[
                ("kind", "種別", "kind"),
                ("year", "年度", "year"),
                ("all", "全期間", "all"),
            ],
            rows,
        )
    }

    fn verdict(&self, lang: Lang) -> &'static str {
        if self.holds {
            lang.pick("全項目から計算した根と一致", "all entries hash to it")
        } else {
            lang.pick(
                "全項目から計算した根と不一致（改ざん又は欠落）",
                "the entries do not hash to it: altered or cut",
            )
        }
    }
}

/// What an audit has to ask, from what was seen (訓令第41条・第42条).
fn checklist(
    store: &Store,
    site: Site<'_>,
    tables: &[Table],
    ledger: &Ledger,
    today: Day,
) -> Result<Table, StoreError> {
    let lang = site.lang;
    let rows_of = |id: &str| tables.iter().find(|t| t.id == id).map_or(&[][..], |t| &t.rows);
    let count = |id: &str, test: &dyn Fn(&Table, &[Cell]) -> bool| {
        let found = tables.iter().find(|t| t.id == id);
        found.map_or(0, |t| t.rows.iter().filter(|row| test(t, row)).count())
    };
    let blank = |t: &Table, row: &[Cell], column: &str| t.cell(row, column) == Some(&Cell::None);
    let unsigned = count("reviews", &|t, row| blank(t, row, "on"));
    let late = count(
        "reviews",
        &|t, row| matches!(t.cell(row, "days_late"), Some(Cell::Count(n)) if 0 < *n),
    );
    let silent = count("coverage_sources", &|t, row| {
        let state = lang.pick("記録なし（開庁日）", "nothing, open day");
        t.cell(row, "state") == Some(&Cell::from(state))
    });
    let unacknowledged = count("alerts", &|t, row| t.cell(row, "state") == Some(&Cell::from("open")));
    let seen = store.seen(today.0)?;
    let holes = coverage::gaps(site.datasets, site.rules, site.sources, &seen).len();
    let facts: [(&str, &str, usize); 8] = [
        (
            "確認されていない報告書（職別）",
            "reports not confirmed, by post",
            unsigned,
        ),
        (
            "期限を過ぎて確認された、又は未確認の報告書",
            "reports confirmed late or not at all",
            late,
        ),
        (
            "記録のない開庁日（ログ源別の延べ）",
            "open days without a record, by source",
            silent,
        ),
        ("監視の例外", "exceptions", rows_of("exceptions").len()),
        ("未確認の警告", "alerts nobody has acknowledged", unacknowledged),
        ("設定の変更", "changes of the settings", rows_of("settings").len()),
        ("現在監視されていないもの", "holes in the watch now", holes),
        (
            "証跡台帳の不一致",
            "ledger that does not hash to its root",
            usize::from(!ledger.holds),
        ),
    ];
    let rows = facts.into_iter().map(|(ja, en, n)| {
        vec![
            lang.pick(ja, en).into(),
            u64::try_from(n).unwrap_or(0).into(),
            Cell::Blank,
            Cell::Blank,
            Cell::Blank,
        ]
    });
    Ok(table(
        "checklist",
        lang,
        ("監査・点検の確認表", "checklist"),
        &[
            ("item", "項目", "item"),
            ("count", "件数", "count"),
            ("checked_on", "確認日", "checked on"),
            ("checked_by", "確認者", "by"),
            ("finding", "所見", "finding"),
        ],
        rows.collect(),
    ))
}
