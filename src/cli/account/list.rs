//! `sekimori account list`.

use clap::ArgMatches;
use serde_json::{Value, json};

use super::{charge, in_force, standing, table, today};
use crate::access::Standing;
use crate::calendar::{Day, Jst, rfc3339};
use crate::cli::Failure;
use crate::cli::day;
use crate::cli::out::Out;
use crate::config::Config;
use crate::store::{RegisterVersion, Store};
use crate::text::{Lang, inert, number};

/// Imports listed.
const VERSIONS_MAX: u32 = 200;

pub(super) fn run(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    if args.get_flag("versions") {
        return versions(config, args, out);
    }
    let on = day(args, "on")?.unwrap_or_else(today);
    let (register, version) = in_force(config)?;
    let lang = out.lang();
    let date = |day: Option<Day>| match (day, lang) {
        (None, _) => String::new(),
        (Some(day), Lang::Ja) => day.wareki(),
        (Some(day), Lang::En) => day.iso(),
    };
    let mut lines = vec![head(lang)];
    for ix in register.all() {
        let verdict = register.verdict_on(ix, on);
        if verdict.standing != Standing::Valid && !args.get_flag("all") {
            continue;
        }
        let rights = charge(&register, verdict.span());
        if args.get_flag("json") {
            let custodian = verdict
                .declared
                .map(|d| d.custodian().to_owned())
                .filter(|c| !c.is_empty());
            let line = json!({
                "account": register.name(ix),
                "person": verdict.person,
                "kind": verdict.kind.as_str(),
                "section": verdict.section,
                "standing": verdict.standing.as_str(),
                "marks": verdict.marks.iter().map(|m| m.as_str()).collect::<Vec<_>>(),
                "valid_from": verdict.valid_from.map(Day::iso),
                "valid_to": verdict.valid_to.map(Day::iso),
                "leaving": verdict.leaving.map(Day::iso),
                "rights": rights,
                "custodian": custodian,
                "version": version,
            });
            out.line(&line.to_string())?;
            continue;
        }
        let ends = match verdict.standing {
            Standing::NotYetValid => format!("{}～", date(verdict.valid_from)),
            _ if verdict.valid_to.is_none() => String::new(),
            _ => format!("～{}", date(verdict.valid_to)),
        };
        lines.push(vec![
            inert(verdict.person, 40),
            inert(register.name(ix), 40),
            lang.pick(verdict.kind.ja(), verdict.kind.as_str()).to_owned(),
            inert(verdict.section, 40),
            standing(&verdict, lang),
            ends,
            rights,
        ]);
    }
    if args.get_flag("json") {
        Ok(())
    } else {
        table(&lines, out)
    }
}

fn head(lang: Lang) -> Vec<String> {
    let words = match lang {
        Lang::Ja => ["職員番号", "利用者ID", "区分", "所属", "状態", "期限", "業務・権限"],
        Lang::En => ["person", "account", "kind", "section", "standing", "until", "rights"],
    };
    words.map(str::to_owned).to_vec()
}

fn versions(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let store = Store::open_read(&config.store)?;
    let lang = out.lang();
    let words = match lang {
        Lang::Ja => [
            "版",
            "取込日時",
            "行",
            "アカウント",
            "追加",
            "終了",
            "取込者",
            "ファイル",
            "理由",
        ],
        Lang::En => [
            "version", "imported", "rows", "accounts", "added", "ended", "by", "file", "reason",
        ],
    };
    let mut lines = vec![words.map(str::to_owned).to_vec()];
    for v in store.register_versions(VERSIONS_MAX)? {
        if args.get_flag("json") {
            out.line(&object(&v).to_string())?;
            continue;
        }
        let at = match lang {
            Lang::Ja => Jst::from(v.imported_at).wareki(),
            Lang::En => Jst::from(v.imported_at).iso(),
        };
        lines.push(vec![
            v.id.to_string(),
            at,
            number(v.import.rows),
            number(v.import.accounts),
            number(v.added),
            number(v.ended),
            inert(&v.import.by, 40),
            inert(&v.import.origin, 200),
            inert(&v.import.reason, 200),
        ]);
    }
    if args.get_flag("json") {
        Ok(())
    } else {
        table(&lines, out)
    }
}

fn object(v: &RegisterVersion) -> Value {
    json!({
        "version": v.id,
        "imported_at": rfc3339(v.imported_at.micros()),
        "refreshed_at": rfc3339(v.refreshed_at.micros()),
        "by": v.import.by,
        "file": v.import.origin,
        "sha256": v.import.sha256,
        "rows": v.import.rows,
        "accounts": v.import.accounts,
        "people": v.import.people,
        "added": v.added,
        "ended": v.ended,
        "reason": v.import.reason,
    })
}
