//! What an audit has to ask, made from what the bundle shows, and the ledger it rests on.

use std::collections::BTreeMap;

use super::audit::table;
use super::doc::{Cell, Table};
use super::gather::Site;
use super::period::Period;
use crate::calendar::{Day, Jst};
use crate::clock::WallTime;
use crate::detect::coverage;
use crate::evidence::{Entry, Frontier, hex, leaf_hash};
use crate::store::{Store, StoreError};
use crate::text::Lang;

/// Entries read at once.
const ENTRIES: u32 = 10_000;

/// The ledger: what kinds of entries the year has, and whether all of it hashes to the root the store keeps.
pub(super) struct Ledger {
    kinds: BTreeMap<String, (u64, u64)>,
    /// Changes of the settings: when, from which, to which, whose file.
    pub config: Vec<(WallTime, String, String, u64)>,
    size: u64,
    root: String,
    holds: bool,
}

impl Ledger {
    pub fn read(store: &Store, year: Period) -> Result<Ledger, StoreError> {
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

    pub fn table(&self, lang: Lang) -> Table {
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
pub(super) fn checklist(
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
