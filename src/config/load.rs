//! The files of a configuration, read in order: main, datasets, rules.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::de::DeTable;

use crate::detect::{Per, RuleKind, RuleSettings};
use crate::register::sections::Sections;
use crate::text::Lang;

use super::Config;
use super::datasets::{self, Datasets};
use super::doc::Doc;
use super::general::{self, General, LANGS};
use super::problem::{Place, Problem, Problems, Say, say, shown};
use super::rules::{self, Rules, World};
use super::section::{Found, Section};
use super::sections;
use super::terms;
use super::unwise;

/// Longest configuration file, in bytes: 65,000 datasets fit several times.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A configuration that is right, and what in it is unwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Worth mending, but no reason not to start.
    pub warnings: Problems,
}

/// Reads and checks the configuration whose main file is `path`.
///
/// # Errors
/// Everything that is wrong, in all files.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    load_with(path, &read_file)
}

/// As [`load`], with `read` in the place of the file system.
///
/// # Errors
/// Everything that is wrong, in all files.
pub fn load_with(path: &Path, read: &dyn Fn(&Path) -> io::Result<Vec<u8>>) -> Result<Loaded, Problems> {
    read_all(path, read).0
}

/// As [`load`], with the rules of another file in the place of the configured ones: to compare the two.
///
/// # Errors
/// Everything that is wrong, in all files.
pub fn load_with_rules(path: &Path, rules: &Path) -> Result<Loaded, Problems> {
    read_files(path, Some(rules), &read_file).0
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read as _;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if FILE_BYTES_MAX < u64::try_from(read).unwrap_or(u64::MAX) {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    Ok(bytes)
}

/// As [`load_with`], together with every key that was asked for: the valid ones.
pub(super) fn read_all(
    path: &Path,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> (Result<Loaded, Problems>, BTreeSet<String>) {
    read_files(path, None, read)
}

fn read_files(
    path: &Path,
    rules: Option<&Path>,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> (Result<Loaded, Problems>, BTreeSet<String>) {
    let mut reading = Reading {
        read,
        rules: rules.map(Path::to_path_buf),
        hasher: Sha256::new(),
        files: Vec::new(),
        problems: Vec::new(),
        keys: BTreeSet::new(),
    };
    let mut lang = Lang::default();
    let loaded = reading.all(path, &mut lang);
    let result = match loaded {
        Some(loaded) if reading.problems.is_empty() => Ok(loaded),
        _ => Err(Problems {
            lang,
            list: reading.problems,
        }),
    };
    (result, reading.keys)
}

/// The state of one reading.
struct Reading<'r> {
    read: &'r dyn Fn(&Path) -> io::Result<Vec<u8>>,
    /// Rules to be read in the place of the configured ones.
    rules: Option<PathBuf>,
    hasher: Sha256,
    files: Vec<PathBuf>,
    problems: Vec<Problem>,
    keys: BTreeSet<String>,
}

impl Reading<'_> {
    fn all(&mut self, path: &Path, lang: &mut Lang) -> Option<Loaded> {
        let text = match self.text(path, &Say::new("ファイル", "the file")) {
            Ok(text) => text,
            Err(why) => {
                let hint = say!(
                    "設定ファイルの場所を --config で指定してください。",
                    "name the configuration file with --config"
                );
                self.problems.push(Problem::new(&Place::whole(path), why, Some(hint)));
                return None;
            }
        }?;
        let doc = Doc::new(path, &text);
        let Some(table) = doc.parse() else {
            self.take(doc);
            return None;
        };
        *lang = lang_of(&table);
        let mut warnings = Vec::new();
        let mut general = general::read(&Section::root(&doc, &table), *lang, &mut warnings);
        drop(table);
        let files = general.datasets.take();
        let dataset_files = files.as_ref().map_or(usize::MAX, Vec::len);
        let of_datasets = self.opened(&doc, "datasets", files.unwrap_or_default());
        let mut rule_files = general.rules.take().unwrap_or_default();
        if let Some(others) = self.rules.take() {
            let place = rule_files
                .first()
                .map_or_else(|| Place::whole(&others), |f| f.place.clone());
            let value = std::path::absolute(&others).unwrap_or(others).display().to_string();
            rule_files = vec![Found { value, place }];
        }
        let of_rules = self.opened(&doc, "rules", rule_files);
        let of_sections = self.opened(&doc, "sections", general.sections.take().unwrap_or_default());
        let main_is_right = doc.problem_count() == 0;
        self.take(doc);

        let mut datasets = Datasets::default();
        let sources: Vec<&str> = general.sources.names.iter().map(|n| n.value.as_str()).collect();
        let mut ids_known = of_datasets.len() == dataset_files;
        for (file, text) in &of_datasets {
            ids_known &= self.part(file, text, |root| datasets::read(root, &sources, &mut datasets));
        }
        let mut rules = Rules::default();
        let world = World {
            datasets: &datasets.settings,
            ids: datasets.ids.keys().map(String::as_str).collect(),
            limits: &datasets.limits,
            ids_known,
            sources: &general.sources.settings,
            complete: main_is_right && self.problems.is_empty(),
        };
        for (file, text) in &of_rules {
            self.part(file, text, |root| rules::read(root, &world, &mut rules));
        }
        self.own_limits(&datasets, &rules);
        let mut posts = Sections::default();
        for (file, text) in &of_sections {
            self.part(file, text, |root| sections::read(root, &mut posts));
        }
        unwise::permissions(&self.files, general.mail.as_ref(), &mut warnings);
        unwise::gaps(&general, &datasets, &rules.settings, &mut warnings);
        let config = checked(path, general, (datasets, rules, posts), self.hash())?;
        Some(Loaded {
            config,
            warnings: Problems {
                lang: *lang,
                list: warnings,
            },
        })
    }

    /// Reports limits of datasets for rules that can have none.
    fn own_limits(&mut self, datasets: &Datasets, rules: &Rules) {
        if !self.problems.is_empty() {
            // A rule that is wrong is no unknown one.
            return;
        }
        let by_dataset = |rule: &&RuleSettings| matches!(&rule.kind, RuleKind::Volume(v) if v.per != Per::Person);
        let ids: Vec<&str> = rules
            .settings
            .iter()
            .filter(by_dataset)
            .map(|r| r.id.as_str())
            .collect();
        for (place, message, hint) in terms::without_rule(&datasets.limits, &ids) {
            self.problems.push(Problem::new(place, message, hint));
        }
    }

    /// The hash of all files read so far, hex.
    fn hash(&self) -> String {
        let hash = self.hasher.clone().finalize();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The texts of the files that `key` of the main file names.
    fn opened(&mut self, main: &Doc<'_>, key: &str, files: Vec<Found<String>>) -> Vec<(PathBuf, String)> {
        let mut opened = Vec::new();
        for file in files {
            let path = main.beside(&file.value);
            let shown = shown(&path.display().to_string());
            match self.text(&path, &Say::new(format!("{shown} "), shown)) {
                Ok(text) => opened.extend(text.map(|text| (path, text))),
                Err(why) => {
                    let hint = say!(
                        "ファイルを置くか、{key} に正しい場所を書いてください。",
                        "put the file there, or give its place under {key}"
                    );
                    main.problem(&file.place, why, Some(hint));
                }
            }
        }
        opened
    }

    /// Reads one further file; whether it was TOML at all.
    fn part(&mut self, file: &Path, text: &str, read: impl FnOnce(&Section<'_>)) -> bool {
        let doc = Doc::new(file, text);
        let table = doc.parse();
        if let Some(table) = &table {
            let root = Section::root(&doc, table);
            read(&root);
            root.finish();
        }
        let is_toml = table.is_some();
        drop(table);
        self.take(doc);
        is_toml
    }

    /// The text of a file that is `called` so, added to the hash. `Ok(None)`: it was read but is no text, which was noted.
    fn text(&mut self, path: &Path, called: &Say) -> Result<Option<String>, Say> {
        let (ja, en) = (called.pick(Lang::Ja), called.pick(Lang::En));
        let bytes = (self.read)(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => say!("{ja}がありません。", "{en} does not exist"),
            io::ErrorKind::PermissionDenied => {
                say!("{ja}を読む権限がありません。", "no permission to read {en}")
            }
            io::ErrorKind::IsADirectory => say!("{ja}はフォルダーです。", "{en} is a folder"),
            io::ErrorKind::FileTooLarge => say!("{ja}は大きすぎます。", "{en} is too large"),
            _ => say!("{ja}を読めません（{error}）。", "cannot read {en}: {error}"),
        })?;
        self.files.push(path.to_path_buf());
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        for part in [name, &bytes] {
            // Each part with its length, so that no two sets of files run together to the same bytes.
            self.hasher
                .update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            self.hasher.update(part);
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(match text.strip_prefix('\u{feff}') {
                Some(rest) => rest.to_owned(),
                None => text,
            })),
            Err(error) => {
                let valid = error
                    .as_bytes()
                    .get(..error.utf8_error().valid_up_to())
                    .unwrap_or_default();
                let line = valid.iter().filter(|b| **b == b'\n').count() + 1;
                let place = Place {
                    line,
                    ..Place::whole(path)
                };
                let message = say!("UTF-8 の文字ではありません。", "not valid UTF-8");
                let hint = say!(
                    "ファイルを文字コード UTF-8 で保存し直してください。",
                    "save the file as UTF-8"
                );
                self.problems.push(Problem::new(&place, message, Some(hint)));
                Ok(None)
            }
        }
    }

    fn take(&mut self, doc: Doc<'_>) {
        let (problems, keys) = doc.into_parts();
        self.problems.extend(problems);
        self.keys.extend(keys);
    }
}

/// The language of the messages, read before anything is said.
fn lang_of(table: &DeTable<'_>) -> Lang {
    let word = table.get("language").and_then(|value| value.get_ref().as_str());
    LANGS
        .iter()
        .find(|(w, _)| Some(*w) == word)
        .map(|(_, lang)| *lang)
        .unwrap_or_default()
}

/// The whole, where every part is right.
fn checked(
    path: &Path,
    general: General,
    (datasets, rules, sections): (Datasets, Rules, Sections),
    hash: String,
) -> Option<Config> {
    Some(Config {
        path: path.to_path_buf(),
        agency: general.agency?,
        lang: general.lang,
        contact: general.contact,
        store: general.store?,
        subject_key: general.subject_key?,
        future_skew: general.future_skew?,
        sources: general.sources.settings,
        accounts: general.accounts?,
        calendar: general.calendar?,
        sections,
        datasets: datasets.settings,
        rules: rules.settings,
        alerts: general.alerts?,
        mail: general.mail?,
        evidence: general.evidence?,
        hash,
    })
}
