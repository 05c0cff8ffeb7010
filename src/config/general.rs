//! The main file: agency, store, register, recipients. Sources and mail have their own files.

use std::path::PathBuf;
use std::time::Duration;

use crate::alert::AlertSettings;
use crate::alert::ladder::LadderSettings;
use crate::alert::notice::Rhythm;
use crate::calendar::Calendar;
use crate::evidence::EvidenceSettings;
use crate::mail::MailSettings;
use crate::register::AccountsSettings;
use crate::source::Encoding;
use crate::text::Lang;

use super::problem::{Problem, say, shown};
use super::section::{Found, Section};
use super::sources::{self, Sources};
use super::units::{DAY, MINUTE};
use super::values::Words;
use super::{escalation, evidence, mail};

/// Name of the key file beside the store.
const SUBJECT_KEY: &str = "subject.key";
/// How far ahead of the clock a record may be dated, where nothing is said.
const FUTURE_SKEW: Duration = MINUTE;
/// Times between two mails of one situation, where nothing is said.
const REPEAT_CRITICAL: Duration = Duration::from_secs(4 * 3600);
const REPEAT_WARNING: Duration = DAY;
const RHYTHMS: [(&str, Rhythm); 3] = [
    ("weekly", Rhythm::Weekly),
    ("daily", Rhythm::Daily),
    ("off", Rhythm::Off),
];
const REPEAT_MAX: Duration = Duration::from_secs(30 * 86_400);

/// Share of the rights in force that an import may take away, in percent, where nothing is said.
const VANISH_PERCENT: u8 = 20;
/// A register that was not brought for so long is raised, where nothing is said.
const STALE_AFTER: Duration = Duration::from_secs(8 * 86_400);
const STALE_MAX: Duration = Duration::from_secs(400 * 86_400);

/// The languages by their words.
pub(super) const LANGS: [(&str, Lang); 2] = [("ja", Lang::Ja), ("en", Lang::En)];

/// The encodings by their words, in small letters.
const ENCODINGS: &Words<Encoding> = &[
    ("utf-8", Encoding::Utf8),
    ("cp932", Encoding::Cp932),
    ("euc-jp", Encoding::EucJp),
    ("iso-2022-jp", Encoding::Iso2022Jp),
    ("utf-16le", Encoding::Utf16Le),
    ("utf-16be", Encoding::Utf16Be),
    ("shift_jis", Encoding::Cp932),
    ("sjis", Encoding::Cp932),
    ("windows-31j", Encoding::Cp932),
];

/// What the main file says; `None` where it is wrong, with a problem noted.
#[derive(Debug)]
pub(super) struct General {
    pub agency: Option<String>,
    pub lang: Lang,
    pub contact: Option<String>,
    /// Files of datasets, as written.
    pub datasets: Option<Vec<Found<String>>>,
    /// Files of rules, as written.
    pub rules: Option<Vec<Found<String>>>,
    /// Files of posts, as written.
    pub sections: Option<Vec<Found<String>>>,
    pub store: Option<PathBuf>,
    pub subject_key: Option<PathBuf>,
    pub accounts: Option<AccountsSettings>,
    pub calendar: Option<Calendar>,
    pub future_skew: Option<Duration>,
    pub mail: Option<MailSettings>,
    pub alerts: Option<AlertSettings>,
    pub evidence: Option<EvidenceSettings>,
    /// The owner sections that recipients are named for.
    pub owners: Vec<Found<String>>,
    pub sources: Sources,
}

/// Reads the main file. `lang` was read before everything else.
pub(super) fn read(root: &Section<'_>, lang: Lang, warnings: &mut Vec<Problem>) -> General {
    let agency = root.required_string("agency").map(|f| f.value);
    root.choice("language", &LANGS);
    let contact = root.string("contact").map(|f| f.value);
    let datasets = files(root, "datasets", "datasets.toml");
    let rules = files(root, "rules", "rules.toml");
    let sections = match root.value("sections") {
        Some(_) => files(root, "sections", ""),
        None => Some(Vec::new()),
    };
    let (store, subject_key) = store(&root.required_table("store"));
    let accounts = accounts(&root.required_table("accounts"), lang);
    let calendar = super::calendar::read(root);
    let future_skew = match root.table("ingest") {
        Some(ingest) => {
            let skew = ingest.duration("future_skew", FUTURE_SKEW, Duration::ZERO..=DAY);
            ingest.finish();
            skew
        }
        None => Some(FUTURE_SKEW),
    };
    let beside_store = store.as_deref().and_then(|path| path.parent()).map(PathBuf::from);
    let evidence = evidence::read(root, beside_store.as_deref());
    let mail = mail::read(&root.required_table("mail"), beside_store, warnings);
    let mut owners = Vec::new();
    let ladder = escalation::read(root);
    let alerts = alerts(&root.required_table("alerts"), &mut owners, ladder);
    let sources = sources::read(root);
    root.finish();
    General {
        agency,
        lang,
        contact,
        datasets,
        rules,
        sections,
        store,
        subject_key,
        accounts,
        calendar,
        future_skew,
        mail,
        alerts,
        evidence,
        owners,
        sources,
    }
}

/// Names of further files; `default` beside the main file where the key is absent.
fn files(root: &Section<'_>, key: &'static str, default: &str) -> Option<Vec<Found<String>>> {
    if root.value(key).is_none() {
        return Some(vec![Found {
            value: default.to_owned(),
            place: root.place_of_missing(key),
        }]);
    }
    let list = root.string_or_strings(key)?;
    for (i, file) in list.iter().enumerate() {
        if list.iter().take(i).any(|before| before.value == file.value) {
            let name = shown(&file.value);
            root.problem(
                &file.place,
                say!("{name} が二度書かれています。", "{name} is listed twice"),
                None,
            );
        }
    }
    Some(list)
}

fn store(store: &Section<'_>) -> (Option<PathBuf>, Option<PathBuf>) {
    let path = store.required_path("path").map(|f| f.value);
    let beside = path.as_deref().map(|p| p.with_file_name(SUBJECT_KEY));
    let subject_key = match store.value("subject_key") {
        Some(found) => {
            let key = store.path("subject_key").map(|f| f.value);
            if key.is_some() && key == path {
                let message = say!("path と同じファイルです。", "the same file as path");
                store.problem(&found.place, message, None);
            }
            key
        }
        None => beside,
    };
    store.finish();
    (path, subject_key)
}

fn accounts(accounts: &Section<'_>, lang: Lang) -> Option<AccountsSettings> {
    let path = accounts.required_path("register");
    let encoding = encoding(accounts);
    let domains = match accounts.value("domains") {
        Some(_) => accounts.required_strings("domains"),
        None => Some(Vec::new()),
    };
    let drop_folder = match accounts.value("drop_folder") {
        Some(_) => accounts.path("drop_folder").map(|f| Some(f.value)),
        None => Some(None),
    };
    let vanish_percent_max = percent(accounts, "vanish_percent_max", VANISH_PERCENT);
    let stale_after = accounts.duration("stale_after", STALE_AFTER, DAY..=STALE_MAX);
    let unended_last_line = match accounts.value("unended_last_line") {
        Some(_) => accounts
            .choice("unended_last_line", &[("refuse", false), ("accept", true)])
            .map(|f| f.value),
        None => Some(false),
    };
    accounts.finish();
    Some(AccountsSettings {
        path: path?.value,
        encoding: encoding?,
        domains: domains?.into_iter().map(|d| d.value).collect(),
        drop_folder: drop_folder?,
        vanish_percent_max: vanish_percent_max?,
        stale_after: stale_after?,
        unended_last_line: unended_last_line?,
        lang,
    })
}

/// A whole number of percent.
fn percent(section: &Section<'_>, key: &str, default: u8) -> Option<u8> {
    if section.value(key).is_none() {
        return Some(default);
    }
    let found = section.integer(key)?;
    match u8::try_from(found.value).ok().filter(|n| *n <= 100) {
        Some(percent) => Some(percent),
        None => {
            let message = say!(
                "0 から 100 までの整数を書いてください。",
                "write a whole number from 0 to 100"
            );
            section.problem(&found.place, message, None);
            None
        }
    }
}

/// The key `encoding`; UTF-8 where it is absent. Names of encodings are known in any case of letters.
pub(super) fn encoding(section: &Section<'_>) -> Option<Encoding> {
    if section.value("encoding").is_none() {
        return Some(Encoding::Utf8);
    }
    let text = section.string("encoding")?;
    section
        .word(&text.with(text.value.to_ascii_lowercase()), ENCODINGS)
        .map(|f| f.value)
}

fn alerts(
    alerts: &Section<'_>,
    sections: &mut Vec<Found<String>>,
    ladder: Option<LadderSettings>,
) -> Option<AlertSettings> {
    let to = alerts
        .required_strings("to")
        .and_then(|list| mail::addresses(alerts, &list));
    let range = MINUTE..=REPEAT_MAX;
    let repeat_critical = alerts.duration("repeat_critical", REPEAT_CRITICAL, range.clone());
    let repeat_warning = alerts.duration("repeat_warning", REPEAT_WARNING, range);
    let sign_of_life = match alerts.value("sign_of_life") {
        Some(_) => alerts.choice("sign_of_life", &RHYTHMS).map(|f| f.value),
        None => Some(Rhythm::default()),
    };
    let mut owners = Some(Vec::new());
    if let Some(table) = alerts.table("owners") {
        *sections = table.keys();
        for section in sections.iter() {
            let list = table
                .required_strings(&section.value)
                .and_then(|list| mail::addresses(&table, &list));
            match (list, &mut owners) {
                (Some(list), Some(owners)) => owners.push((section.value.clone(), list)),
                _ => owners = None,
            }
        }
    }
    alerts.finish();
    Some(AlertSettings {
        to: to?,
        owners: owners?,
        repeat_critical: repeat_critical?,
        repeat_warning: repeat_warning?,
        sign_of_life: sign_of_life?,
        ladder: ladder?,
    })
}
