//! What an import of 200,000 accounts costs, and how long it keeps lines waiting: `cargo bench --bench import`.
//!
//! The real daemon tails a log to which a line is written every 20 ms; meanwhile `sekimori account import` brings another
//! register. Printed are the time of the command, the time until the daemon has taken it up, and the longest time from a
//! line's writing to its commit before and during the import: what the second is longer than the first, the import did.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on must stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, waits, and starts a thread"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

const ACCOUNTS: usize = 200_000;
const DATASETS: usize = 5_000;
const EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether an account's right changes.
type Moved = fn(usize) -> bool;

fn main() {
    let site = tempfile::tempdir().expect("a folder");
    let folder = site.path();
    write_configuration(folder);
    let began = Instant::now();
    let mut daemon = Daemon(start(folder));
    wait("the daemon", || store(folder).is_some_and(|db| version(&db) == 1));
    append(folder);
    wait("the first line", || store(folder).is_some_and(|db| 0 < lines(&db)));
    println!(
        "{ACCOUNTS} accounts, {DATASETS} datasets: first register and first line after {:.2?}",
        began.elapsed()
    );
    let watch = Watch::begin(folder);
    watch.see(200);
    // A line waits for its batch, whether anything is imported or not: what an import adds is how long it stops the ingest.
    let quiet = watch.longest();
    println!("quiet: longest time from a line to its commit {quiet:.0?}");
    let imports: [(&str, Moved); 3] = [
        ("600 transfers", |n| n < 600),
        ("every right prolonged", |_| true),
        ("the same but one", |n| n != 7),
    ];
    for ((what, moved), n) in imports.into_iter().zip(2i64..) {
        let file = folder.join("next.csv");
        let to = if n == 2 { "R8.9.30" } else { "R10.3.31" };
        std::fs::write(&file, register(|a| if moved(a) { to } else { "R9.3.31" })).expect("room on the disk");
        watch.reset();
        let began = Instant::now();
        let mut import = sekimori(folder, &["account", "import", "next.csv", "--by", "100000"]);
        assert!(
            import
                .stdout(Stdio::null())
                .status()
                .expect("a program that starts")
                .success()
        );
        let command = began.elapsed();
        wait("the register in force", || reconsidered(folder) == n);
        let in_force = began.elapsed();
        // What was written during the import, and what follows it.
        watch.see(100);
        let longest = watch.longest();
        println!(
            "{what}: command {command:.2?}, in force and held against the past after {in_force:.2?}, longest time from a line to its commit {longest:.0?}, {:.0?} more than quiet",
            longest.saturating_sub(quiet)
        );
    }
    watch.end();
    daemon.0.kill().expect("the daemon still runs");
    daemon.0.wait().expect("it ends");
}

/// Ends with its owner, whatever happened.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
    }
}

fn sekimori(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekimori"));
    command
        .current_dir(folder)
        .args(args)
        .arg("--config")
        .arg("sekimori.toml");
    command
}

fn start(folder: &Path) -> Child {
    let log = std::fs::File::create(folder.join("daemon.err")).expect("room on the disk");
    let mut command = sekimori(folder, &["run"]);
    command.stdout(Stdio::null()).stderr(log);
    command.spawn().expect("a program that starts")
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn store(folder: &Path) -> Option<Connection> {
    Connection::open_with_flags(folder.join("bench.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).ok()
}

fn version(db: &Connection) -> i64 {
    db.query_row("SELECT coalesce(max(id), 0) FROM register", [], |r| r.get(0))
        .unwrap_or(0)
}

fn reconsidered(folder: &Path) -> i64 {
    let read = |db: Connection| {
        let text = "SELECT value FROM meta WHERE key = 'register_reconsidered'";
        db.query_row(text, [], |r| r.get::<_, String>(0)).ok()
    };
    store(folder).and_then(read).and_then(|v| v.parse().ok()).unwrap_or(0)
}

fn lines(db: &Connection) -> usize {
    let sum: i64 = db
        .query_row("SELECT coalesce(sum(lines), 0) FROM tally", [], |r| r.get(0))
        .unwrap_or(0);
    usize::try_from(sum).unwrap_or(0)
}

fn append(folder: &Path) {
    let mut log = std::fs::OpenOptions::new()
        .append(true)
        .open(folder.join("access.log"))
        .expect("the log");
    let line = "10.0.0.7 - tz000001 [01/Jul/2026:10:00:00 +0900] \"GET /app1/d1/view HTTP/1.1\" 200 512 \"-\" \"a\"\n";
    log.write_all(line.as_bytes()).expect("room on the disk");
}

/// Writes lines and sees when they are committed.
struct Watch {
    stop: Arc<AtomicBool>,
    longest: Arc<Mutex<Duration>>,
    /// Lines that were committed since it began.
    committed: Arc<AtomicUsize>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Watch {
    fn begin(folder: &Path) -> Watch {
        let (stop, longest) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Duration::ZERO)));
        let db = store(folder).expect("the store");
        let first = lines(&db);
        let written: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let committed: Arc<AtomicUsize> = Arc::default();
        let writer = {
            let (stop, written, folder): (_, _, PathBuf) = (stop.clone(), written.clone(), folder.to_owned());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    append(&folder);
                    written.lock().expect("no panic").push(Instant::now());
                    std::thread::sleep(EVERY);
                }
            }
        };
        let reader = {
            let (stop, longest, committed) = (stop.clone(), longest.clone(), committed.clone());
            move || {
                let mut seen = first;
                while !stop.load(Ordering::Relaxed) {
                    let (now_seen, now) = (lines(&db), Instant::now());
                    let written = written.lock().expect("no panic");
                    let oldest_waiting = written.get(seen - first).copied();
                    drop(written);
                    if let Some(at) = oldest_waiting {
                        let mut longest = longest.lock().expect("no panic");
                        *longest = (*longest).max(now.saturating_duration_since(at));
                    }
                    seen = seen.max(now_seen);
                    committed.store(seen - first, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        };
        Watch {
            stop,
            longest,
            committed,
            threads: vec![std::thread::spawn(writer), std::thread::spawn(reader)],
        }
    }

    /// Waits until so many lines more were committed.
    fn see(&self, lines: usize) {
        let from = self.committed.load(Ordering::Relaxed);
        wait("lines to be committed", || {
            from + lines <= self.committed.load(Ordering::Relaxed)
        });
    }

    fn longest(&self) -> Duration {
        *self.longest.lock().expect("no panic")
    }

    fn reset(&self) {
        *self.longest.lock().expect("no panic") = Duration::ZERO;
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("no panic");
        }
    }
}

fn register(to: impl Fn(usize) -> &'static str) -> String {
    let mut text = String::from("職員番号,利用者ID,区分,所属名,業務区分,権限,権限開始日,権限終了日,状態\n");
    for n in 0..ACCOUNTS {
        let (section, task, to) = (n % 700, n % DATASETS, to(n));
        writeln!(
            text,
            "{n:06},tz{n:06},正規,第{section}課,d{task},照会・出力,R8.4.1,{to},在職"
        )
        .expect("a string");
    }
    text
}

fn write_configuration(folder: &Path) {
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("room on the disk");
    put(
        "sekimori.toml",
        concat!(
            "agency = \"bench\"\n[store]\npath = \"bench.db\"\n[accounts]\nregister = \"accounts.csv\"\n",
            "[mail]\nfrom = \"a@example.jp\"\nfolder = \"mails\"\n[alerts]\nto = [\"b@example.jp\"]\n",
            "[[source]]\nname = \"web\"\npaths = [\"access.log\"]\nformat = \"combined\"\n"
        ),
    );
    let mut datasets = String::new();
    for n in 0..DATASETS {
        write!(
            datasets,
            "[[dataset]]\nid = \"d{n}\"\ntitle = \"d{n}\"\ntier = \"A\"\nowner = \"x\"\n[[dataset.match]]\n\
             resource = \"/app{}/d{n}/view\"\nclass = \"view\"\nrecords = 1\n",
            n % 100
        )
        .expect("a string");
    }
    put("datasets.toml", &datasets);
    put(
        "rules.toml",
        concat!(
            "[[rule]]\nid = \"A1\"\ntitle = \"no right\"\nseverity = \"critical\"\nkind = \"account\"\n",
            "standing = [\"revoked\", \"not-yet-valid\", \"unknown\"]\nfailure = \"warning\"\n"
        ),
    );
    put("accounts.csv", &register(|_| "R9.3.31"));
    put("access.log", "");
}
