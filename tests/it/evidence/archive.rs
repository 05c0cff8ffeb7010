//! An archive of several days, and what an attacker does to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekimori::clock::WallTime;
use sekimori::evidence::{Checkpoint, Entry, Frontier, KeyFolder, Signer, leaf_hash};
use sekimori::pipeline::{Begin, Pipeline, Proof};
use sekimori::service::setup;
use sekimori::store::Store;
use serde_json::Value;

use crate::support::site::{Setup, Site, line};

/// 2026-11-16 00:00 JST.
pub const BEGIN: WallTime = WallTime::from_secs(1_794_754_800);
pub const HOUR: Duration = Duration::from_secs(3_600);

/// A site whose daemon runs in this process, under a clock that is moved.
pub struct Archive {
    pub site: Site,
    pub now: WallTime,
    lines: u64,
}

/// What `sekimori verify --json` said.
#[derive(Debug)]
pub struct Verdict {
    pub code: i32,
    pub findings: Vec<Value>,
    pub whole: Value,
}

impl Archive {
    pub fn new() -> Archive {
        Archive::with("")
    }

    /// A site with these lines in `[evidence]`.
    pub fn with(evidence: &str) -> Archive {
        let source = format!("[evidence]\n{evidence}\n");
        let site = Site::new(&Setup {
            source,
            ..Setup::default()
        });
        Archive {
            site,
            now: BEGIN,
            lines: 0,
        }
    }

    pub fn start(&self) -> Pipeline {
        let config = sekimori::config::load(&self.site.config).unwrap().config;
        let mut store = Store::open(&config.store).unwrap();
        let register = setup::register_in_force(&config, &mut store, self.now)
            .unwrap()
            .register;
        let key = setup::subject_key(&config.subject_key, &mut store).unwrap();
        let begin = Begin {
            config: &config,
            host: "host1",
            start: true,
        };
        let proof = Proof::open(&mut store, &begin, self.now).unwrap();
        let mut pipeline = Pipeline::new(&config, store, register, key, "host1").unwrap();
        pipeline.set_proof(proof);
        if pipeline.proof_stopped().is_none() {
            pipeline.open_archive(&config, self.now).unwrap();
        }
        pipeline
    }

    /// Writes `n` more lines into the live log.
    pub fn write(&mut self, n: u64) {
        let text: String = (self.lines..self.lines + n)
            .map(|n| line(n, &format!("user{:02}", n % 50), "juki", n % 97))
            .collect();
        self.lines += n;
        self.site.append(text);
    }

    /// Lets the pipeline see what is there, and the clock go on by `span`.
    pub fn step(&mut self, pipeline: &mut Pipeline, span: Duration) {
        loop {
            let step = pipeline.step(self.now, true).unwrap();
            if step.lines == 0 && !step.more {
                break;
            }
            self.now = self.now.plus(Duration::from_secs(1));
        }
        self.now = self.now.plus(span);
    }

    /// Days of four looks each, with lines before every look.
    pub fn days(&mut self, pipeline: &mut Pipeline, days: u64) {
        for _ in 0..4 * days {
            self.write(20);
            self.step(pipeline, 6 * HOUR);
        }
    }

    pub fn stop(&mut self, mut pipeline: Pipeline) {
        pipeline.finish(self.now).unwrap();
    }

    /// Five days from start to stop.
    pub fn five_days() -> Archive {
        let mut archive = Archive::new();
        let mut pipeline = archive.start();
        archive.days(&mut pipeline, 5);
        archive.stop(pipeline);
        archive
    }

    pub fn folder(&self) -> PathBuf {
        self.site.path("state/archive")
    }

    pub fn keys(&self) -> KeyFolder {
        KeyFolder::new(&self.site.path("state/keys"))
    }

    pub fn vkey(&self) -> String {
        std::fs::read_to_string(self.folder().join("trust/log.vkey"))
            .unwrap()
            .trim()
            .to_owned()
    }

    pub fn origin(&self) -> String {
        self.vkey().split('+').next().unwrap().to_owned()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub fn entries(&self) -> Vec<String> {
        lines(&self.file("log/entries.jsonl"))
    }

    pub fn put_entries(&self, entries: &[String]) {
        put_lines(&self.file("log/entries.jsonl"), entries);
    }

    /// The notes of all checkpoints, oldest first.
    pub fn notes(&self) -> Vec<String> {
        let notes = lines(&self.file("log/cp.b64"));
        notes
            .iter()
            .map(|l| String::from_utf8(STANDARD.decode(l).unwrap()).unwrap())
            .collect()
    }

    pub fn put_notes(&self, notes: &[String]) {
        let lines: Vec<String> = notes.iter().map(|n| STANDARD.encode(n)).collect();
        put_lines(&self.file("log/cp.b64"), &lines);
    }

    /// Index of the nth entry of a kind.
    pub fn nth(&self, kind: &str, n: usize) -> usize {
        let entries = self.entries();
        let mut of = entries
            .iter()
            .enumerate()
            .filter(|(_, e)| Entry::read(e.as_bytes()).unwrap().kind() == kind);
        of.nth(n).unwrap_or_else(|| panic!("no {kind} number {n}")).0
    }

    /// Keys a thief finds on the host now: the log key and that of the present epoch.
    pub fn stolen(&self) -> (Signer, Signer) {
        let origin = self.origin();
        let last = self.entries().iter().filter(|e| e.contains("\"t\":\"key\"")).count() as u64;
        let day = self.keys().epoch(&origin, last).unwrap().unwrap();
        (self.keys().log(&origin).unwrap(), day)
    }

    /// A checkpoint over the first `size` entries as they stand now.
    pub fn signed(&self, size: usize, signers: &[&Signer]) -> String {
        let mut tree = Frontier::default();
        self.entries()
            .iter()
            .take(size)
            .for_each(|e| tree.push(leaf_hash(e.as_bytes())));
        let checkpoint = Checkpoint {
            origin: self.origin(),
            size: size as u64,
            root: tree.root(),
        };
        checkpoint.sign(signers)
    }

    /// Keeps the newest checkpoint outside.
    pub fn anchor(&self, name: &str) {
        self.keep(name, self.notes().last().unwrap());
    }

    pub fn keep(&self, name: &str, note: &str) {
        let folder = self.site.path("anchors");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.note")), note).unwrap();
    }

    /// Verifies with the shipped program, with the key on paper and what is kept outside.
    pub fn verify(&self, args: &[&str]) -> Verdict {
        let (archive, key) = (self.folder(), self.vkey());
        self.verify_copy(&archive, &key, args)
    }

    pub fn verify_copy(&self, archive: &Path, key: &str, args: &[&str]) -> Verdict {
        let anchors = self.site.path("anchors");
        std::fs::create_dir_all(&anchors).unwrap();
        let now = sekimori::calendar::rfc3339(self.now.micros());
        let mut all = vec!["verify", "--json", "--archive", archive.to_str().unwrap(), "--key", key];
        all.extend(["--anchors", anchors.to_str().unwrap()]);
        if !args.contains(&"--now") {
            all.extend(["--now", &now]);
        }
        all.extend(args);
        let ran = self.site.run(&all);
        let mut objects: Vec<Value> = ran
            .out
            .lines()
            .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err)))
            .collect();
        let whole = objects.pop().unwrap_or_else(|| panic!("{}", ran.err));
        Verdict {
            code: ran.code.unwrap(),
            findings: objects,
            whole,
        }
    }
}

impl Verdict {
    /// Findings by code.
    pub fn of(&self, code: &str) -> Vec<&Value> {
        self.findings.iter().filter(|f| f["code"] == code).collect()
    }

    #[track_caller]
    pub fn clean(&self) {
        assert_eq!(self.code, 0, "{self:#?}");
    }

    /// Tampering is proved under this code; gives its first finding.
    #[track_caller]
    pub fn found(&self, code: &str) -> &Value {
        assert_eq!(self.code, 1, "{self:#?}");
        let found = self.of(code);
        found
            .first()
            .copied()
            .unwrap_or_else(|| panic!("no {code} in {self:#?}"))
    }
}

pub fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

pub fn put_lines(path: &Path, lines: &[String]) {
    std::fs::write(path, lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
}

/// Copies a folder with all that is in it, as a backup of a running archive does: what is renamed or taken away between the
/// listing and the copying is left out.
pub fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let into = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &into);
        } else if let Err(error) = std::fs::copy(&path, &into) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", path.display());
        }
    }
}
