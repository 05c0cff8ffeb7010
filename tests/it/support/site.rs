//! A site in a temporary folder: configuration, 台帳, rules, register, a log, a folder for mails, and the real
//! binary run on it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sekimori::clock::{Clock as _, SystemClock};
use serde_json::Value;
use tempfile::TempDir;

/// Longest time a condition is waited for. Reached only where something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// What differs from one site to another.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Paths of the source, relative to the site.
    pub paths: &'static str,
    /// Further keys of the source.
    pub source: String,
    /// Where the store stands.
    pub store: String,
    /// The sections behind `[mail]`'s sender: a folder or a relay.
    pub mail: String,
    /// The register.
    pub accounts: &'static str,
    /// Language of console and mails.
    pub language: &'static str,
}

/// Accounts `user00` to `user59` stand for 60 persons; `old01` has retired.
pub const ACCOUNTS: &str = "accounts.csv";

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            paths: "log/access.log",
            source: String::new(),
            store: "state/sekimori.db".to_owned(),
            mail: "folder = \"mails\"\n".to_owned(),
            accounts: ACCOUNTS,
            language: "en",
        }
    }
}

/// The site.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    /// The configuration file.
    pub config: PathBuf,
    /// The live log.
    pub log: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How it ended.
    pub status: ExitStatus,
}

impl Ran {
    /// The command did its work.
    #[track_caller]
    pub fn good(self) -> Ran {
        assert_eq!(self.code, Some(0), "{} {}{}", self.status, self.out, self.err);
        self
    }

    /// The command ended with this code and said all this.
    #[track_caller]
    pub fn bad(self, code: i32, said: &[&str]) -> Ran {
        assert_eq!(self.code, Some(code), "{} {}{}", self.status, self.out, self.err);
        says(&self.err, said);
        self
    }
}

/// Every one of `said` stands in `text`.
#[track_caller]
pub fn says(text: &str, said: &[&str]) {
    for words in said {
        assert!(text.contains(words), "not said: {words:?}\n{text}");
    }
}

const RULES: &str = r#"
[[rule]]
id = "V-hour"
title = "一時間の大量照会"
kind = "volume"
count = "accesses"
per = ["person", "dataset"]
within = "60m"
limit = 60
severity = "warning"
[[rule]]
id = "V-citizens"
title = "一日の対象者数"
kind = "volume"
count = "subjects"
per = ["person"]
within = "day"
limit = 100
severity = "warning"
[[rule]]
id = "V-all"
title = "情報資産全体の大量照会"
kind = "volume"
count = "accesses"
per = ["dataset"]
within = "10m"
limit = 200
severity = "warning"
[[rule]]
id = "A-revoked"
title = "失効した権限"
kind = "account"
standing = ["revoked", "unknown"]
severity = "critical"
"#;

const DATASETS: &str = r#"
[[dataset]]
id = "juki"
title = "住民基本台帳"
tier = "A"
owner = "市民課"
[[dataset.match]]
resource = "/juki/{subject}"
class = "view"
[[dataset]]
id = "zei"
title = "住民税課税台帳"
tier = "A"
owner = "税務課"
[[dataset.match]]
resource = "/zei/{subject}"
class = "view"
"#;

impl Site {
    /// A site with this setup.
    pub fn new(setup: &Setup) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["log", "state"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        let mut accounts = String::from("職員番号,利用者ID,所属名,権限開始日,権限終了日\n");
        for n in 0..60 {
            accounts.push_str(&format!("{:06},user{n:02},市民課,R5.4.1,\n", 10_000 + n));
        }
        accounts.push_str("008841,old01,税務課,R5.4.1,R7.3.31\n");
        std::fs::write(at(ACCOUNTS), accounts).unwrap();
        std::fs::write(at("rules.toml"), RULES).unwrap();
        std::fs::write(at("datasets.toml"), DATASETS).unwrap();
        let site = Site {
            config: at("sekimori.toml"),
            log: at("log/access.log"),
            folder,
        };
        site.configure(setup);
        site
    }

    /// The configuration of the trial run, with its logs still to be written.
    pub fn trial() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::create_dir(folder.path().join("config")).unwrap();
        for name in ["quickstart.toml", "datasets.toml", "rules.toml", "accounts.csv"] {
            std::fs::copy(root.join("config").join(name), folder.path().join("config").join(name)).unwrap();
        }
        let site = Site {
            config: folder.path().join("config/quickstart.toml"),
            log: folder.path().join("fixtures/quickstart/juminzei/access.log"),
            folder,
        };
        for source in ["juminzei", "kaigo", "juki"] {
            std::fs::create_dir_all(site.path("fixtures/quickstart").join(source)).unwrap();
        }
        site
    }

    /// Writes the main configuration file anew.
    pub fn configure(&self, setup: &Setup) {
        let Setup {
            paths,
            source,
            store,
            mail,
            accounts,
            language,
        } = setup;
        let text = format!(
            "agency = \"○○市\"\nlanguage = \"{language}\"\n[store]\npath = \"{store}\"\n\
             subject_key = \"subject.key\"\n[accounts]\nregister = \"{accounts}\"\n\
             [mail]\nfrom = \"sekimori@city.example.jp\"\n{mail}\n\
             [alerts]\nto = [\"soc@city.example.jp\"]\n[alerts.owners]\n\"税務課\" = [\"zei@city.example.jp\"]\n\
             [[source]]\nname = \"web\"\npaths = [\"{paths}\"]\nformat = \"combined\"\n{source}\n"
        );
        std::fs::write(&self.config, text).unwrap();
    }

    /// A path of the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Appends to the live log.
    pub fn append(&self, bytes: impl AsRef<[u8]>) {
        append_to(&self.log, bytes.as_ref());
    }

    fn command(&self, args: &[&str]) -> Command {
        let binary = std::env::var_os("SEKIMORI_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_sekimori").into());
        let mut command = Command::new(binary);
        command.args(args).arg("--config").arg(&self.config);
        command
            .stdin(Stdio::null())
            .env("SEKIMORI_LANG", "en")
            .env_remove("SEKIMORI_LOG");
        command.env_remove("NOTIFY_SOCKET");
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Site::ran(self.command(args))
    }

    /// The same with the console in Japanese, as people have it who set nothing.
    pub fn run_ja(&self, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.env_remove("SEKIMORI_LANG");
        Site::ran(command)
    }

    fn ran(mut command: Command) -> Ran {
        let done = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran {
            code: done.status.code(),
            status: done.status,
            out: text(done.stdout),
            err: text(done.stderr),
        }
    }

    /// Reads all there is and ends.
    pub fn pass(&self) -> Ran {
        self.run(&["run", "--until-idle"])
    }

    /// Reads all there is, and something happens at a named place (`sekimori::fault`).
    pub fn pass_with(&self, fault: &str) -> Ran {
        self.run_with(&["run", "--until-idle"], fault)
    }

    /// Runs a command, and something happens at a named place.
    pub fn run_with(&self, args: &[&str], fault: &str) -> Ran {
        let mut command = self.command(args);
        command.env("SEKIMORI_FAULT", fault);
        Site::ran(command)
    }

    /// Starts the daemon.
    pub fn daemon(&self) -> Daemon {
        let journal = self.path("journal");
        let log = OpenOptions::new().create(true).append(true).open(&journal).unwrap();
        let child = self
            .command(&["run"])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Daemon { child, journal }
    }

    /// Objects a command prints, one a line.
    pub fn objects(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.run(args).good();
        ran.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// `sekimori status`; null before there is a store.
    pub fn status(&self) -> Value {
        let ran = self.run(&["status", "--json"]);
        if ran.code == Some(0) {
            serde_json::from_str(&ran.out).unwrap()
        } else {
            Value::Null
        }
    }

    /// A number of the only source.
    pub fn tally(&self, what: &str) -> u64 {
        self.status()["sources"][0][what].as_u64().unwrap_or(0)
    }

    /// Accesses in the book.
    pub fn counted(&self) -> u64 {
        let rows = self.objects(&["count", "--json", "--by", "day"]);
        rows.iter().map(|row| row["accesses"].as_u64().unwrap()).sum()
    }

    /// Every alert, oldest first.
    pub fn alerts(&self) -> Vec<Value> {
        let mut alerts = self.objects(&["alert", "list", "--all", "--json"]);
        alerts.sort_by_key(|alert| alert["number"].to_string());
        alerts
    }

    /// Alerts of a replay of `files`.
    pub fn replay(&self, files: &[&Path]) -> Vec<Value> {
        let mut args = vec!["replay", "--json"];
        args.extend(files.iter().map(|file| file.to_str().unwrap()));
        self.objects(&args)
    }

    /// Files in the folder of mails: the mails, and what is unfinished.
    fn mail_files(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let Ok(folder) = std::fs::read_dir(self.path("mails")) else {
            return (Vec::new(), Vec::new());
        };
        folder
            .map(|entry| entry.unwrap().path())
            .partition(|path| path.extension().is_some_and(|e| e == "eml"))
    }

    /// Files in the folder of mails that are no mails.
    pub fn unfinished_mails(&self) -> Vec<PathBuf> {
        self.mail_files().1
    }

    /// How many `.eml` files there are of each Message-ID.
    pub fn mails(&self) -> BTreeMap<String, usize> {
        let mut ids = BTreeMap::new();
        for path in self.mail_files().0 {
            let text = std::fs::read_to_string(&path).unwrap();
            let id = text
                .lines()
                .find_map(|line| line.strip_prefix("Message-ID: <"))
                .unwrap();
            *ids.entry(id.trim_end_matches('>').to_owned()).or_insert(0) += 1;
        }
        ids
    }

    /// Waits until this many lines of all sources are committed and no mail waits, as long as it goes on.
    #[track_caller]
    pub fn wait_for(&self, lines: u64) {
        let mut moved = SystemClock.now();
        let mut before = (0, 0);
        loop {
            let status = self.status();
            let sources = status["sources"].as_array().into_iter().flatten();
            let read: u64 = sources.map(|source| source["lines"].as_u64().unwrap()).sum();
            if read == lines && status["outbox"]["waiting"] == 0 {
                return;
            }
            let now = (read, status["outbox"]["sent"].as_u64().unwrap_or(0));
            if now != before {
                (before, moved) = (now, SystemClock.now());
            }
            if PATIENCE < SystemClock.now().since(moved) {
                let said = std::fs::read_to_string(self.path("journal")).unwrap_or_default();
                panic!(
                    "waited in vain for {lines} lines\n{}\n{said}",
                    self.run(&["status"]).out
                );
            }
            pause(Duration::from_millis(5));
        }
    }
}

/// `SEKIMORI_KEEP=1` leaves the site of a failed test behind, to be looked at.
impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("SEKIMORI_KEEP").is_some() {
            self.folder.disable_cleanup(true);
            println!("kept: {}", self.folder.path().display());
        }
    }
}

/// The running daemon; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    journal: PathBuf,
}

impl Daemon {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// SIGKILL, and waits until it is dead.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM: ends with 0.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal(Signal::TERM);
        until(
            || "the end of the daemon".to_owned(),
            || self.child.try_wait().unwrap().is_some(),
        );
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.said());
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Everything daemons of this site said.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.journal).unwrap()
    }

    /// Waits until it has said all of this.
    #[track_caller]
    pub fn wait_said(&mut self, words: &[&str]) {
        let journal = self.journal.clone();
        until(
            || format!("{words:?} in\n{}", std::fs::read_to_string(&journal).unwrap()),
            || {
                assert!(self.runs(), "it ended:\n{}", self.said());
                let said = self.said();
                words.iter().all(|w| said.contains(w))
            },
        );
    }

    /// Largest resident memory so far, in KiB.
    pub fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Appends to a file, which is made where it is not there.
pub fn append_to(path: &Path, bytes: &[u8]) {
    open_log(path).write_all(bytes).unwrap();
}

/// A log as its writer holds it.
pub fn open_log(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// Waits for `held`, looking every few milliseconds.
#[track_caller]
pub fn until(what: impl Fn() -> String, mut held: impl FnMut() -> bool) {
    let begin = SystemClock.now();
    while !held() {
        assert!(
            SystemClock.now().since(begin) < PATIENCE,
            "waited in vain for {}",
            what()
        );
        pause(Duration::from_millis(5));
    }
}

/// Lets other processes go on for a moment, between two looks.
pub fn pause(time: Duration) {
    std::thread::park_timeout(time);
}

/// Line number `n` of a log in combined format: by `user`, who looks at citizen `citizen` in `dataset`. Ten lines a
/// second, from 2025-06-02 10:00 JST on.
pub fn line(n: u64, user: &str, dataset: &str, citizen: u64) -> String {
    let secs = n / 10 + 10 * 3_600;
    let (day, secs) = (2 + secs / 86_400, secs % 86_400);
    let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
    format!(
        "10.0.0.7 - {user} [{day:02}/Jun/2025:{hour:02}:{minute:02}:{second:02} +0900] \
         \"GET /{dataset}/{citizen:08}?n={n} HTTP/1.1\" 200 512 \"-\" \"agent\"\n"
    )
}

/// The same alerts, but for when they were noticed and how often people were told.
#[track_caller]
pub fn same_alerts(found: &[Value], expected: &[Value]) {
    let plain = |alerts: &[Value]| {
        let mut alerts: Vec<String> = alerts.iter().map(plain_alert).collect();
        alerts.sort();
        alerts
    };
    let (found, expected) = (plain(found), plain(expected));
    let only = |a: &[String], b: &[String]| {
        a.iter()
            .filter(|x| !b.contains(x))
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    };
    let (here, there) = (only(&found, &expected), only(&expected, &found));
    assert!(found == expected, "only found:\n{here}\nonly expected:\n{there}");
}

fn plain_alert(alert: &Value) -> String {
    let mut alert = alert.clone();
    for key in ["number", "detected_at", "mails", "register"] {
        assert!(
            alert.as_object_mut().unwrap().remove(key).is_some(),
            "no {key} in {alert}"
        );
    }
    alert.to_string()
}
