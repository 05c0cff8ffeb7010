//! `[[post]]`, `[[absence]]`, `[[duty]]`: who holds which role, who is away, and when people are on duty.

use crate::calendar::{Day, Schedule, parse_date};
use crate::register::sections::{Absence, Duty, Post, Role, Sections};

use super::mail;
use super::problem::{say, shown};
use super::section::Section;

/// Deputies of one post.
const DEPUTIES_MAX: u64 = 20;

/// Reads one file; what is sound in it is added.
pub(super) fn read(root: &Section<'_>, sections: &mut Sections) {
    for table in root.tables("post") {
        sections.posts.extend(post(&table));
    }
    for table in root.tables("absence") {
        sections.absences.extend(absence(&table));
    }
    for table in root.tables("duty") {
        sections.duties.extend(duty(&table));
    }
}

fn post(table: &Section<'_>) -> Option<Post> {
    let role = table.required_choice("role", &Role::ALL.map(|role| (role.as_str(), role)));
    let section = text(table, "section");
    let person = table.required_string("person").map(|f| f.value);
    let deputy = match table.value("deputy") {
        Some(_) => table.integer("deputy").and_then(|found| {
            let deputy = u8::try_from(found.value).ok().filter(|n| u64::from(*n) <= DEPUTIES_MAX);
            if deputy.is_none() {
                let message = say!(
                    "0（本人）から {DEPUTIES_MAX} までの整数を書いてください。",
                    "write a whole number from 0 (the holder) to {DEPUTIES_MAX}"
                );
                table.problem(&found.place, message, None);
            }
            deputy
        }),
        None => Some(0),
    };
    let office = table
        .required_strings("office")
        .and_then(|list| mail::addresses(table, &list));
    let off_hours = match table.value("off_hours") {
        Some(_) => table
            .required_strings("off_hours")
            .and_then(|list| mail::addresses(table, &list)),
        None => Some(Vec::new()),
    };
    let (from, to) = (date(table, "from"), date(table, "to"));
    let place = table.place();
    table.finish();
    let (role, section) = (role?.value, section?);
    if role.is_of_section() == section.is_empty() {
        let message = if role.is_of_section() {
            say!("所属（section）を書いてください。", "this role needs a section")
        } else {
            say!(
                "全庁の役割なので、所属（section）は書けません。",
                "a role of the whole agency has no section"
            )
        };
        table.problem(&place, message, None);
        return None;
    }
    Some(Post {
        role,
        section,
        person: person?,
        deputy: deputy?,
        office: office?,
        off_hours: off_hours?,
        from: from?,
        to: to?,
    })
}

fn absence(table: &Section<'_>) -> Option<Absence> {
    let person = table.required_string("person").map(|f| f.value);
    for key in ["from", "to"] {
        if table.value(key).is_none() {
            table.missing(key, None);
        }
    }
    let (from, to) = (date(table, "from"), date(table, "to"));
    table.finish();
    Some(Absence {
        person: person?,
        from: from??,
        to: to??,
    })
}

fn duty(table: &Section<'_>) -> Option<Duty> {
    let (section, person) = (text(table, "section"), text(table, "person"));
    let hours = table.required_string("hours").and_then(|found| {
        let hours = Schedule::parse(&found.value);
        if hours.is_none() {
            let word = shown(&found.value);
            let message = say!("「{word}」は時間帯ではありません。", "\"{word}\" is no list of hours");
            let hint = say!(
                "平日 8:30-17:15 のように書いてください。",
                "write for instance 平日 8:30-17:15, or open 8:30-17:15"
            );
            table.problem(&found.place, message, Some(hint));
        }
        hours
    });
    let place = table.place();
    table.finish();
    let (section, person) = (section?, person?);
    if section.is_empty() == person.is_empty() {
        let message = say!(
            "section か person のどちらか一方を書いてください。",
            "write either section or person"
        );
        table.problem(&place, message, None);
        return None;
    }
    Some(Duty {
        section,
        person,
        hours: hours?,
    })
}

/// A text that may be left out.
fn text(table: &Section<'_>, key: &str) -> Option<String> {
    match table.value(key) {
        Some(_) => table.string(key).map(|f| f.value),
        None => Some(String::new()),
    }
}

/// A day that may be left out.
fn date(table: &Section<'_>, key: &str) -> Option<Option<Day>> {
    if table.value(key).is_none() {
        return Some(None);
    }
    let found = table.string(key)?;
    let day = parse_date(&found.value);
    if day.is_none() {
        let word = shown(&found.value);
        let message = say!("「{word}」は日付ではありません。", "\"{word}\" is no date");
        let hint = say!(
            "2026-11-21 や R8.11.21 と書いてください。",
            "write 2026-11-21 or R8.11.21"
        );
        table.problem(&found.place, message, Some(hint));
    }
    day.map(Some)
}
