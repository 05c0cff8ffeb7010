//! The fixtures under `fixtures/config`, and the operator's manual held against the code.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::load::read_all;
use super::*;
use crate::access::{Operation, Standing};
use crate::calendar::{Closed, day_start, parse_date};
use crate::clock::EventTime;
use crate::detect::{Per, RuleKind, Severity, Within};
use crate::mail::{Tls, TransportSettings};
use crate::parse::{FormatSettings, WebFormat};
use crate::register::Tier;
use crate::register::sections::Role;
use crate::source::{Encoding, Start};

const GOOD: &str = "fixtures/config/good";
const BAD: &str = "fixtures/config/bad";

fn good(name: &str) -> Loaded {
    load(&Path::new(GOOD).join(name).join("sekimori.toml")).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A copy of the minimal configuration, with its main file changed.
fn changed(change: impl Fn(String) -> String) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(Path::new(GOOD).join("minimal")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let main = path.ends_with("sekimori.toml");
        let copy = dir.path().join(path.file_name().unwrap());
        fs::write(&copy, if main { change(text) } else { text }).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o640)).unwrap();
    }
    let main = dir.path().join("sekimori.toml");
    (dir, main)
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.list.iter().map(|w| w.render(Lang::En)).collect()
}

#[test]
fn every_bad_fixture_is_told_as_stored() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut names: Vec<PathBuf> = fs::read_dir(BAD)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    names.sort();
    assert!(25 <= names.len(), "only {} bad fixtures", names.len());
    for dir in names {
        let problems = match load(&dir.join("sekimori.toml")) {
            Ok(_) => panic!("{} is accepted", dir.display()),
            Err(problems) => problems,
        };
        assert!(!problems.is_empty(), "{} is refused without a reason", dir.display());
        let said = problems.to_string() + "\n";
        assert!(
            !said.contains("hunter2"),
            "a message of {} repeats a password",
            dir.display()
        );
        let golden = dir.with_extension("stderr");
        if update {
            fs::write(&golden, &said).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(
            said,
            expected,
            "{} (UPDATE_GOLDEN=1 rewrites the expectation)",
            golden.display()
        );
    }
}

#[test]
fn problems_read_in_either_language() {
    for entry in fs::read_dir(BAD).unwrap() {
        let dir = entry.unwrap().path();
        let Err(problems) = load(&dir.join("sekimori.toml")) else {
            continue;
        };
        for (ja, en) in problems.render(Lang::Ja).lines().zip(problems.render(Lang::En).lines()) {
            assert_ne!(ja, en);
            assert!(
                ja.ends_with('。') || ja.contains("とおりです: ") || ja.contains("例: "),
                "{ja}"
            );
        }
    }
}

#[test]
fn the_minimal_configuration_has_the_documented_defaults() {
    let Loaded { config, warnings } = good("minimal");
    let here = std::path::absolute(Path::new(GOOD).join("minimal")).unwrap();
    assert_eq!(warnings.list, []);
    assert_eq!(config.lang, Lang::Ja);
    assert_eq!(config.contact, None);
    assert_eq!(config.store, here.join("sekimori.db"));
    assert_eq!(config.subject_key, here.join("subject.key"));
    assert_eq!(config.future_skew, Duration::from_secs(60));
    assert_eq!(
        config.accounts,
        AccountsSettings {
            path: here.join("accounts.csv"),
            encoding: Encoding::Utf8,
            domains: Vec::new(),
            drop_folder: None,
            vanish_percent_max: 20,
            stale_after: Duration::from_secs(8 * 86_400),
            unended_last_line: false,
            lang: Lang::Ja,
        }
    );
    assert_eq!(config.calendar, Calendar::default());
    assert_eq!(config.mail.transport, TransportSettings::Folder(here.join("outbox")));
    assert_eq!(config.alerts.repeat_critical, Duration::from_secs(4 * 3600));
    assert_eq!(config.alerts.repeat_warning, Duration::from_secs(24 * 3600));
    let source = &config.sources[0];
    assert_eq!(source.format, FormatSettings::Web(WebFormat::Combined));
    let expected = SourceSettings {
        journal: None,
        name: "juki-web".into(),
        paths: vec![here.join("access.log").to_str().unwrap().to_owned()],
        rotated_in: Vec::new(),
        encoding: Encoding::Utf8,
        start: Start::Beginning,
        quoted_newlines: false,
        framing: crate::text::framing::Framing::Lines,
        delimiter: None,
        line_bytes_max: 1 << 20,
        rotate_wait: Duration::from_secs(600),
    };
    assert_eq!(source.read, expected);
    let RuleKind::Volume(volume) = &config.rules[0].kind else {
        panic!("not a volume rule")
    };
    assert_eq!((volume.per, volume.unknown), (Per::PersonDataset, 1));
}

#[test]
fn register_calendar_and_posts_come_out_as_written() {
    let Loaded { config, .. } = good("full");
    let accounts = &config.accounts;
    assert_eq!(
        (
            accounts.vanish_percent_max,
            accounts.stale_after,
            accounts.unended_last_line
        ),
        (10, Duration::from_secs(3 * 86_400), true)
    );
    assert_eq!(
        accounts.drop_folder.as_deref(),
        Some(Path::new("/var/lib/sekimori/register"))
    );
    let noon = EventTime::from_secs(day_start(parse_date("2026-11-20").unwrap()).secs() + 12 * 3_600);
    let held = config.sections.who_holds(Role::Manager, "税務課", noon, None);
    assert_eq!(
        (held.there[0].person.as_str(), held.away[0].0.person.as_str()),
        ("012301", "012300")
    );
    assert!(config.sections.on_duty("1", "福祉課", noon, &config.calendar));
    let closed = |date: &str| config.calendar.closed(parse_date(date).unwrap()).map(Closed::ja);
    assert_eq!(closed("2026-07-23"), Some("国民の祝日"), "as the list says");
    assert_eq!(closed("2026-07-20"), None);
    assert_eq!(closed("2026-11-13"), Some("庁の休日"));
    assert_eq!(closed("2027-03-28"), None);
}

#[test]
fn a_source_of_the_journal_says_whose_entries_it_reads() {
    let Loaded { config, .. } = good("full");
    let read = &config
        .sources
        .iter()
        .find(|s| s.read.name == "koseki-journal")
        .unwrap()
        .read;
    let filter = read.journal.clone().unwrap();
    assert_eq!(
        (filter.units, filter.identifiers),
        (vec!["kosekid.service".to_owned()], vec!["kosekid".to_owned()])
    );
    assert_eq!(read.paths, ["/var/log/journal"]);
}

#[test]
fn what_makes_one_access_of_several_rows_comes_out_as_written() {
    let Loaded { config, .. } = good("full");
    let FormatSettings::Csv(csv) = &config.sources[3].format else {
        panic!("not CSV")
    };
    assert_eq!(
        (csv.equal_within_secs, csv.fields.joined_by.as_deref()),
        (5, Some("セッション番号"))
    );
    assert_eq!(csv.fields.record_key.as_deref(), Some("受付番号+枝番"));
}

#[test]
fn the_full_configuration_comes_out_as_written() {
    let Loaded { config, warnings } = good("full");
    assert_eq!(warnings.list, []);
    let names: Vec<&str> = config.sources.iter().map(|s| s.read.name.as_str()).collect();
    assert_eq!(
        names,
        ["juki-web", "portal", "api", "fukushi", "vhosts", "koseki-journal"]
    );
    let FormatSettings::Web(WebFormat::Nginx(format)) = &config.sources[0].format else {
        panic!("not nginx")
    };
    assert!(
        format.starts_with("$remote_addr - ") && format.ends_with("\"$http_user_agent\""),
        "{format}"
    );
    assert!(
        format.contains("\"$request\" $status"),
        "pieces are joined as they stand: {format}"
    );
    assert_eq!(
        (config.sources[1].read.start, config.sources[1].read.line_bytes_max),
        (Start::End, 65_536)
    );
    let FormatSettings::Json(json) = &config.sources[2].format else {
        panic!("not JSON")
    };
    assert_eq!((json.zone_secs, json.fields.rows.as_deref()), (0, Some("details.rows")));
    let FormatSettings::Csv(csv) = &config.sources[3].format else {
        panic!("not CSV")
    };
    assert_eq!((csv.delimiter, csv.columns.len(), csv.zone_secs), (b'\t', 11, 9 * 3600));
    assert!(config.sources[3].read.quoted_newlines);
    assert_eq!(config.sources[3].read.encoding, Encoding::Cp932);
    assert_eq!(config.accounts.encoding, Encoding::Cp932);

    let TransportSettings::Smtp { relay, .. } = &config.mail.transport else {
        panic!("no relay")
    };
    assert_eq!(
        (relay.port, relay.tls, relay.user.as_deref()),
        (2525, Tls::StartTls, Some("sekimori"))
    );
    assert!(relay.password_file.as_ref().unwrap().is_absolute());
    assert_eq!(
        (config.alerts.owners[1].0.as_str(), config.alerts.owners[1].1.len()),
        ("福祉課", 2)
    );

    let ids: Vec<&str> = config.datasets.iter().map(|d| d.id.as_str()).collect();
    assert_eq!(ids, ["juminzei", "fukushi", "koho"]);
    assert_eq!(
        (config.datasets[0].tier, config.datasets[0].registered),
        (Tier::A, Some(182_000))
    );
    assert_eq!(config.datasets[0].matches[0].records, Some(1));
    assert_eq!(config.datasets[0].matches[2].subject_query.as_deref(), Some("atena"));

    let RuleKind::Volume(v1) = &config.rules[0].kind else {
        panic!("not a volume rule")
    };
    assert_eq!(
        (v1.within, v1.limit.tiers.as_slice()),
        (
            Within::OneAccess,
            &[(Tier::S, 100), (Tier::A, 1000), (Tier::B, 5000)][..]
        )
    );
    assert_eq!(config.rules[0].when.operations, [Operation::Export, Operation::Print]);
    assert_eq!(config.rules[0].samples[1].line, 18);
    let RuleKind::Volume(v3) = &config.rules[1].kind else {
        panic!("not a volume rule")
    };
    assert_eq!(
        (v3.per, v3.within),
        (Per::PersonDataset, Within::Rolling(Duration::from_secs(86_400)))
    );
    assert_eq!(v3.limit.datasets, [("juminzei".to_owned(), 600)]);
    let RuleKind::Volume(v11) = &config.rules[3].kind else {
        panic!("not a volume rule")
    };
    assert_eq!(
        (v11.limit.all, v11.unknown, v11.per),
        (Some(200_000_000), 0, Per::Person)
    );
    let RuleKind::Account(a1) = &config.rules[4].kind else {
        panic!("not an account rule")
    };
    assert_eq!(
        (a1.standings.as_slice(), a1.failure),
        (&Standing::SUSPICIOUS[..], Some(Severity::Warning))
    );
}

#[test]
fn a_folder_for_mails_may_be_chosen_and_the_language_set() {
    let config = good("folder").config;
    let here = std::path::absolute(Path::new(GOOD).join("folder")).unwrap();
    assert_eq!(config.mail.transport, TransportSettings::Folder(here.join("mails")));
    assert_eq!(config.lang, Lang::En);
}

#[test]
fn the_port_follows_the_protection_of_the_connection() {
    for (tls, port) in [
        ("", 587),
        ("tls = \"starttls\"", 587),
        ("tls = \"tls\"", 465),
        ("tls = \"none\"", 25),
    ] {
        let (_dir, main) = changed(|text| format!("{text}\n[mail.relay]\nhost = \"127.0.0.1\"\n{tls}\n"));
        let loaded = load(&main).unwrap();
        let TransportSettings::Smtp { relay, .. } = loaded.config.mail.transport else {
            panic!("no relay")
        };
        assert_eq!(relay.port, port, "{tls}");
        assert_eq!(loaded.warnings.list, []);
    }
}

#[test]
fn the_hash_changes_with_every_byte_of_every_file_and_only_then() {
    let before = good("minimal").config.hash;
    assert_eq!(before.len(), 64);
    let (dir, main) = changed(|text| text);
    assert_eq!(load(&main).unwrap().config.hash, before, "the folder does not matter");
    for file in ["sekimori.toml", "datasets.toml", "rules.toml"] {
        let path = dir.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}#")).unwrap();
        assert_ne!(load(&main).unwrap().config.hash, before, "{file}");
        fs::write(&path, text).unwrap();
    }
}

#[test]
fn a_byte_order_mark_is_no_error() {
    let (_dir, main) = changed(|text| format!("\u{feff}{text}"));
    assert_eq!(load(&main).unwrap().config.agency, "○○市");
}

#[test]
fn an_unreadable_main_file_says_what_to_do() {
    let problems = load(Path::new("nowhere/sekimori.toml")).unwrap_err();
    assert_eq!(problems.list.len(), 1);
    assert!(problems.to_string().contains("--config"), "{problems}");
    let problems = load(Path::new("src")).unwrap_err();
    assert!(problems.to_string().contains("フォルダー"), "{problems}");
}

#[test]
fn a_file_that_no_one_may_read_names_the_key_that_names_it() {
    let read = |path: &Path| match path.ends_with("rules.toml") {
        true => Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied)),
        false => fs::read(path),
    };
    let problems = load_with(&Path::new(GOOD).join("minimal/sekimori.toml"), &read).unwrap_err();
    assert_eq!(problems.list[0].key, "rules");
    assert!(problems.to_string().contains("読む権限がありません"), "{problems}");
}

#[test]
fn files_that_others_may_change_or_read_are_warned_of() {
    let (dir, main) =
        changed(|text| format!("{text}\n[mail.relay]\nhost = \"127.0.0.1\"\nuser = \"u\"\npassword_file = \"pw\"\n"));
    let password = dir.path().join("pw");
    fs::write(&password, "secret").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(warnings(&load(&main).unwrap()), [""; 0]);
    fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&main, fs::Permissions::from_mode(0o646)).unwrap();
    let said = warnings(&load(&main).unwrap());
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("everybody can change this file"), "{said:?}");
    assert!(said[1].contains("everybody can read this password file"), "{said:?}");
}

#[test]
fn mails_in_the_clear_to_another_host_are_warned_of() {
    let (_dir, main) = changed(|text| format!("{text}\n[mail.relay]\nhost = \"mail.example.jp\"\ntls = \"none\"\n"));
    let said = warnings(&load(&main).unwrap());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("mail.relay.tls: mails travel to mail.example.jp in the clear"),
        "{said:?}"
    );
}

#[test]
fn what_nobody_watches_is_warned_of() {
    let (dir, main) = changed(|text| {
        let second = "[[source]]\nname = \"other\"\npaths = [\"b.log\"]\nformat = \"common\"\n";
        format!("{text}\n{second}\n[alerts.owners]\n\"税務科\" = [\"z@example.jp\"]\n")
    });
    let datasets = fs::read_to_string(dir.path().join("datasets.toml")).unwrap();
    let named = datasets.replace("resource", "sources = [\"juki-web\"]\nresource");
    let unwatched = named.replace("juminzei", "koho").replace("\"A\"", "\"B\"");
    fs::write(dir.path().join("datasets.toml"), named + &unwatched).unwrap();
    let rules = fs::read_to_string(dir.path().join("rules.toml")).unwrap();
    fs::write(dir.path().join("rules.toml"), rules + "when = { tier = [\"A\"] }\n").unwrap();
    let said = warnings(&load(&main).unwrap()).join("\n");
    assert!(said.contains("no dataset looks at the source \"other\""), "{said}");
    assert!(said.contains("no rule looks at the dataset \"koho\""), "{said}");
    assert!(
        said.contains("no dataset is owned by \"税務科\"; did you mean \"税務課\"?"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 3, "{said}");
}

#[test]
fn a_past_log_is_read_as_the_source_whose_pattern_it_matches() {
    let config = good("full").config;
    let source = |file: &str| source_for_file(&config, Path::new(file));
    assert_eq!(source("/var/log/nginx/access.log"), Some(0));
    assert_eq!(source("/var/log/nginx/juki-2.log"), Some(0));
    assert_eq!(source("/var/log/nginx/old/../juki-2.log"), Some(0));
    assert_eq!(
        source("/var/log/nginx/juki-2/deep.log"),
        None,
        "a star stays inside one folder"
    );
    assert_eq!(source("/srv/export/fukushi_202611.csv"), Some(3));
    assert_eq!(source("/elsewhere.log"), None);
    let config = good("folder").config;
    assert_eq!(
        source_for_file(&config, Path::new("fixtures/config/good/folder/logs/app-1.log")),
        Some(0)
    );
}

#[test]
fn a_folder_with_a_bracket_in_its_name_is_taken_literally() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("a[1]");
    fs::create_dir(&odd).unwrap();
    for entry in fs::read_dir(Path::new(GOOD).join("minimal")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, odd.join(path.file_name().unwrap())).unwrap();
    }
    let config = load(&odd.join("sekimori.toml")).unwrap().config;
    assert_eq!(source_for_file(&config, &odd.join("access.log")), Some(0));
}

#[test]
fn whatever_bytes_stand_in_a_file_reading_ends_with_a_reason() {
    let texts: [&[u8]; 6] = [
        b"",
        b"\0\0",
        b"\xff\xfe[\0",
        b"source = 1",
        b"source = [1]\nmail = 2",
        b"[[rule]]\n",
    ];
    for bytes in texts {
        let read = |path: &Path| match path.ends_with("sekimori.toml") {
            true => Ok(bytes.to_vec()),
            false => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        };
        let problems = load_with(Path::new("sekimori.toml"), &read).unwrap_err();
        assert!(!problems.is_empty(), "{bytes:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn a_damaged_file_is_read_or_refused_with_reasons(which in 0usize..3, from in 0.0..1.0f64, cut in 1usize..40, put in "[\\[\\]{}=\",.a-z0-9\\n ]{0,6}") {
        let name = ["sekimori.toml", "datasets.toml", "rules.toml"][which];
        let read = |path: &Path| {
            let text = fs::read_to_string(path)?;
            if !path.ends_with(name) {
                return Ok(text.into_bytes());
            }
            let chars: Vec<char> = text.chars().collect();
            let at = (chars.len() as f64 * from) as usize;
            let end = (at + cut).min(chars.len());
            Ok(chars[..at].iter().copied().chain(put.chars()).chain(chars[end..].iter().copied()).collect::<String>().into_bytes())
        };
        if let Err(problems) = load_with(&Path::new(GOOD).join("full/sekimori.toml"), &read) {
            proptest::prop_assert!(!problems.is_empty());
            proptest::prop_assert_eq!(problems.render(Lang::En).lines().count(), problems.list.len());
        }
    }
}

/// Keys in the first column of the manual's tables: `` | `source[].paths` | ``.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string("docs/configuration.md").unwrap();
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(key, _)| key.to_owned()).collect()
}

/// Without the keys that are tables of others.
fn leaves(keys: &BTreeSet<String>) -> BTreeSet<String> {
    let inner = |key: &String| {
        keys.iter().any(|other| {
            other
                .strip_prefix(key.as_str())
                .is_some_and(|r| r.starts_with('.') || r.starts_with("[]."))
        })
    };
    keys.iter().filter(|key| !inner(key)).cloned().collect()
}

#[test]
fn the_manual_lists_exactly_the_keys_that_are_accepted() {
    let (loaded, asked) = read_all(&Path::new(GOOD).join("full/sekimori.toml"), &|path| fs::read(path));
    assert!(loaded.is_ok());
    let (asked, documented) = (leaves(&asked), leaves(&documented()));
    let undocumented: Vec<_> = asked.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&asked).collect();
    assert!(
        undocumented.is_empty(),
        "accepted but not in docs/configuration.md: {undocumented:?}"
    );
    assert!(
        unknown.is_empty(),
        "in docs/configuration.md but not accepted: {unknown:?}"
    );
}

#[test]
fn the_good_fixtures_hold_every_key() {
    let mut present = BTreeSet::new();
    for file in [
        "full/sekimori.toml",
        "full/datasets.toml",
        "full/datasets-fukushi.toml",
        "full/rules.toml",
        "full/sections.toml",
        "folder/sekimori.toml",
    ] {
        let text = fs::read_to_string(Path::new(GOOD).join(file)).unwrap();
        let table = toml::de::DeTable::parse(&text).unwrap().into_inner();
        collect("", &table, &mut present);
    }
    let missing: Vec<String> = leaves(&documented())
        .into_iter()
        .filter(|key| !present.contains(key))
        .collect();
    assert!(missing.is_empty(), "no good fixture holds {missing:?}");
}

fn collect(prefix: &str, table: &toml::de::DeTable<'_>, into: &mut BTreeSet<String>) {
    let open = [
        "alerts.owners.",
        "dataset[].limits.",
        "evidence.keep_datasets.",
        "rule[].limit.",
        "rule[].floor.",
    ]
    .contains(&prefix);
    for (key, value) in table {
        let key = if open { "*" } else { key.get_ref() };
        into.insert(format!("{prefix}{key}"));
        if let Some(inner) = value.get_ref().as_table() {
            collect(&format!("{prefix}{key}."), inner, into);
        }
        for inner in value
            .get_ref()
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| item.get_ref().as_table())
        {
            collect(&format!("{prefix}{key}[]."), inner, into);
        }
    }
}
