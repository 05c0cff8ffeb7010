//! `sekimori account idle` and `reconcile`: rights against use (指摘事例11: rights of people who moved or left).
//!
//! The book counts by person, so a use by one of several accounts of a person counts for all of them here.

use std::collections::BTreeMap;

use clap::ArgMatches;
use serde_json::json;

use super::{charge, in_force, standing, table, today};
use crate::access::{Mark, Standing};
use crate::calendar::Day;
use crate::cli::Failure;
use crate::cli::out::Out;
use crate::config::Config;
use crate::register::{AccountIx, Register};
use crate::store::{Store, Usage};
use crate::text::{Lang, inert};

/// How far back the last use is looked for, in days.
const LOOK_BACK: i32 = 800;

struct Used {
    /// By person (or unregistered account), the datasets used.
    by_name: BTreeMap<String, Vec<Usage>>,
}

impl Used {
    fn read(config: &Config, from: Day, since: Day) -> Result<Used, Failure> {
        let store = Store::open_read(&config.store)?;
        let mut by_name: BTreeMap<String, Vec<Usage>> = BTreeMap::new();
        for usage in store.usages(from.0, since.0)? {
            by_name.entry(usage.who.clone()).or_default().push(usage);
        }
        Ok(Used { by_name })
    }

    fn of(&self, person: &str) -> &[Usage] {
        self.by_name.get(person).map_or(&[], Vec::as_slice)
    }

    fn last(&self, person: &str) -> Option<Day> {
        self.of(person).iter().filter_map(|u| u.last).max().map(Day)
    }
}

fn days(args: &ArgMatches) -> i32 {
    args.get_one::<u16>("days").copied().map_or(90, i32::from)
}

pub(super) fn idle(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (today, days) = (today(), days(args));
    let (register, _) = in_force(config)?;
    let used = Used::read(config, today.plus(-LOOK_BACK), today.plus(1 - days))?;
    let lang = out.lang();
    let words = match lang {
        Lang::Ja => ["職員番号", "利用者ID", "所属", "最終利用日", "業務・権限"],
        Lang::En => ["person", "account", "section", "last use", "rights"],
    };
    let mut lines = vec![words.map(str::to_owned).to_vec()];
    for ix in register.all() {
        let Some(last) = is_idle(&register, ix, &used, today, days) else {
            continue;
        };
        let verdict = register.verdict_on(ix, today);
        let rights = charge(&register, verdict.span());
        if args.get_flag("json") {
            let line = json!({
                "account": register.name(ix),
                "person": verdict.person,
                "section": verdict.section,
                "last_use": last.map(Day::iso),
                "rights": rights,
            });
            out.line(&line.to_string())?;
            continue;
        }
        let last = match (last, lang) {
            (None, _) => lang.pick("記録なし", "none on record").to_owned(),
            (Some(day), Lang::Ja) => day.wareki(),
            (Some(day), Lang::En) => day.iso(),
        };
        lines.push(vec![
            inert(verdict.person, 40),
            inert(register.name(ix), 40),
            inert(verdict.section, 40),
            last,
            rights,
        ]);
    }
    if args.get_flag("json") {
        Ok(())
    } else {
        table(&lines, out)
    }
}

/// The last use of an account whose right has been in force for `days` without any; `None`: it is not idle.
fn is_idle(register: &Register, ix: AccountIx, used: &Used, today: Day, days: i32) -> Option<Option<Day>> {
    let since = today.plus(1 - days);
    let was = |day: Day| register.verdict_on(ix, day).standing == Standing::Valid;
    if !was(today) || !was(since) {
        // A right that began within these days is not idle yet.
        return None;
    }
    let last = used.last(register.verdict_on(ix, today).person);
    (last.is_none_or(|last| last < since)).then_some(last)
}

pub(super) fn reconcile(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (today, days) = (today(), days(args));
    let (register, version) = in_force(config)?;
    let used = Used::read(config, today.plus(-LOOK_BACK), today.plus(1 - days))?;
    let titles: BTreeMap<&str, &str> = config
        .datasets
        .iter()
        .map(|d| (d.id.as_str(), d.title.as_str()))
        .collect();
    out.bytes(b"\xef\xbb\xbf")?;
    let sheet = Sheet {
        register: &register,
        version,
        used: &used,
        titles: &titles,
        today,
        days,
    };
    for row in sheet.rows() {
        let cells: Vec<String> = row.iter().map(|cell| cell_text(cell)).collect();
        out.bytes(cells.join(",").as_bytes())?;
        out.bytes(b"\r\n")?;
    }
    Ok(())
}

struct Sheet<'a> {
    register: &'a Register,
    version: i64,
    used: &'a Used,
    titles: &'a BTreeMap<&'a str, &'a str>,
    today: Day,
    days: i32,
}

impl Sheet<'_> {
    fn rows(&self) -> Vec<Vec<String>> {
        let days = self.days;
        let head = [
            "職員番号".to_owned(),
            "利用者ID".to_owned(),
            "区分".to_owned(),
            "所属".to_owned(),
            "権限状態".to_owned(),
            "権限終了日".to_owned(),
            "業務・権限（台帳）".to_owned(),
            "利用した情報資産".to_owned(),
            "最終利用日".to_owned(),
            format!("{days}日間の利用回数"),
            format!("{days}日間の件数"),
            format!("{days}日間の拒否・失敗"),
            "所見".to_owned(),
            "台帳の版".to_owned(),
        ];
        let mut rows = vec![head.to_vec()];
        for ix in self.register.all() {
            let verdict = self.register.verdict_on(ix, self.today);
            let uses = self.used.of(verdict.person);
            if verdict.standing != Standing::Valid && uses.iter().all(|u| u.accesses == 0 && u.denied == 0) {
                continue;
            }
            let finding = self.finding(ix);
            let about = vec![
                verdict.person.to_owned(),
                self.register.name(ix).to_owned(),
                verdict.kind.ja().to_owned(),
                verdict.section.to_owned(),
                standing(&verdict, Lang::Ja),
                verdict.valid_to.map(Day::iso).unwrap_or_default(),
                charge(self.register, verdict.span()),
            ];
            self.usage_rows(&about, uses, &finding, &mut rows);
        }
        let registered = |name: &str| !self.register.accounts_of(name).is_empty();
        for (name, uses) in self.used.by_name.iter().filter(|(name, _)| !registered(name)) {
            let about = ["", name.as_str(), "", "", "登録なし", "", ""].map(str::to_owned);
            self.usage_rows(&about, uses, "台帳にない利用者", &mut rows);
        }
        rows
    }

    fn usage_rows(&self, about: &[String], uses: &[Usage], finding: &str, rows: &mut Vec<Vec<String>>) {
        let version = self.version.to_string();
        let mut push = |usage: [String; 5]| {
            let mut row = about.to_vec();
            row.extend(usage);
            row.push(finding.to_owned());
            row.push(version.clone());
            rows.push(row);
        };
        if uses.is_empty() {
            push(Default::default());
        }
        for usage in uses {
            push([
                self.titles
                    .get(usage.dataset.as_str())
                    .map_or(usage.dataset.as_str(), |t| t)
                    .to_owned(),
                usage.last.map(|d| Day(d).iso()).unwrap_or_default(),
                usage.accesses.to_string(),
                usage.records.to_string(),
                usage.denied.to_string(),
            ]);
        }
    }

    /// What somebody has to look after, in words.
    fn finding(&self, ix: AccountIx) -> String {
        let verdict = self.register.verdict_on(ix, self.today);
        let mut found = Vec::new();
        if is_idle(self.register, ix, self.used, self.today, self.days).is_some() {
            found.push(format!("{}日以上利用なし", self.days));
        }
        let last = self.used.last(verdict.person);
        if verdict.standing != Standing::Valid {
            let ended = verdict.valid_to.is_some_and(|to| last.is_some_and(|last| to < last));
            found.push(
                if ended {
                    "失効後の利用あり"
                } else {
                    "権限なしの利用あり"
                }
                .to_owned(),
            );
        }
        for mark in [Mark::ContractEnded, Mark::OldGeneration]
            .into_iter()
            .filter(|m| verdict.marks.has(*m))
        {
            found.push(format!("{}・権限が残っている", mark.ja()));
        }
        if verdict.standing == Standing::Valid && verdict.kind.ends() && verdict.valid_to.is_none() {
            found.push("終了日の記載なし".to_owned());
        }
        if verdict
            .leaving
            .is_some_and(|last| last.0.saturating_sub(self.today.0) <= 30)
        {
            found.push("30日以内に退職・契約終了の予定".to_owned());
        }
        if verdict.kind.is_custodied() && verdict.declared.is_none_or(|d| d.custodian().is_empty()) {
            found.push("管理責任者の記載なし".to_owned());
        }
        found.join("、")
    }
}

/// A cell that a spreadsheet shows and never runs.
fn cell_text(cell: &str) -> String {
    let mut text = inert(cell, 400);
    if text.starts_with(['=', '+', '-', '@', '\t', '＝', '＋', '－', '＠']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"']) {
        text = format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}
