//! Whole program against its peers, in one run: `cargo bench --bench pipeline`.
//!
//! Makes a log of an agency's days (5,000 users, 40 datasets, office rhythm, a bulk download now and then), then runs
//! `sekimori replay` with two volume rules and the account rule beside what a careful administrator would write
//! in mawk, and goaccess with its user panel only, where these are installed. Rounds are interleaved; medians and ratios
//! are printed. `SEKIMORI_BENCH_LINES` (default 1,000,000) and `SEKIMORI_BENCH_ROUNDS` (default 5) change the size.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on must stop"
)]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const USERS: u64 = 5_000;
const DATASETS: u64 = 40;
const LINES_A_DAY: u64 = 1_000_000;
/// 2026-04-01T00:00:00+09:00.
const BEGIN: u64 = 1_774_969_200;

/// What the peer counts: downloads and bytes by user and dataset, and users over 300 downloads in ten minutes.
const AWK: &str = r#"
$6 == "\"GET" && ($9 == 200 || $9 == 206) && $7 ~ /^\/api\/[^\/]+\/records\/[0-9]+/ {
  n[$3]++; b[$3] += $10
  split($7, part, "/"); dn[part[3]]++; db[part[3]] += $10
  if ($3 != "-" && ++w[$3, substr($4, 2, 16)] == 301) print "ALERT", $3, $4
}
END { for (u in n) print "U", u, n[u], b[u]; for (d in dn) print "D", d, dn[d], db[d] }
"#;

fn main() {
    let setting = |name: &str, default| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let lines: u64 = setting("SEKIMORI_BENCH_LINES", 1_000_000);
    let rounds: u64 = setting("SEKIMORI_BENCH_ROUNDS", 5);
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    write_log(&log, lines);
    write_configuration(folder.path());
    let program = env!("CARGO_BIN_EXE_sekimori");
    let config = folder.path().join("sekimori.toml");
    let mut runs: Vec<(&str, Command)> = vec![("sekimori replay", Command::new(program))];
    runs[0].1.args(["replay", "--json", "--config"]).arg(&config).arg(&log);
    if installed("mawk") {
        let mut mawk = Command::new("mawk");
        mawk.arg(AWK).arg(&log);
        runs.push(("mawk counting script", mawk));
    }
    if installed("goaccess") {
        runs.push((
            "goaccess, user panel only",
            goaccess(&log, &folder.path().join("report.json")),
        ));
    }
    let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); runs.len()];
    for _ in 0..rounds {
        for ((_, command), times) in runs.iter_mut().zip(&mut seconds) {
            let began = Instant::now();
            let status = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(status.expect("a program that starts").success());
            times.push(began.elapsed().as_secs_f64());
        }
    }
    let size = std::fs::metadata(&log).expect("the log").len();
    println!(
        "{lines} lines, {:.0} MB, {rounds} rounds, medians of elapsed time",
        size as f64 / 1e6
    );
    let ours = median(&mut seconds[0]);
    for ((name, _), times) in runs.iter().zip(&mut seconds) {
        let s = median(times);
        let rate = lines as f64 / s / 1e6;
        println!(
            "{name:<28} {s:7.3} s  {rate:6.2} M lines/s  {:5.2} x sekimori's time",
            s / ours
        );
    }
}

fn installed(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

fn goaccess(log: &Path, report: &Path) -> Command {
    const OTHERS: &str = "VISITORS REQUESTS REQUESTS_STATIC NOT_FOUND HOSTS OS BROWSERS VISIT_TIMES VIRTUAL_HOSTS REFERRERS \
        REFERRING_SITES KEYPHRASES STATUS_CODES GEO_LOCATION CACHE_STATUS MIME_TYPE TLS_TYPE";
    let mut command = Command::new("goaccess");
    command.arg(log).args([
        "--log-format=%h %^ %e [%d:%t %^] \"%r\" %s %b \"%R\" \"%u\"",
        "--date-format=%d/%b/%Y",
        "--time-format=%T",
        "--no-progress",
        "-o",
    ]);
    command
        .arg(report)
        .args(OTHERS.split_whitespace().map(|panel| format!("--ignore-panel={panel}")));
    command
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Marsaglia's xorshift64: the same log in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn user(n: u64) -> String {
    if n.is_multiple_of(3) {
        format!("tanaka.{n}")
    } else {
        format!("u{n:05}")
    }
}

fn write_log(path: &Path, lines: u64) {
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(path).expect("the log"));
    let mut random = Random(20_260_401);
    let (mut stamp, mut second) = (String::new(), u64::MAX);
    for n in 0..lines {
        let at = BEGIN + n * 86_400 / LINES_A_DAY;
        if at != second {
            second = at;
            let local = at + 9 * 3_600;
            let (day, s) = (local / 86_400 - 20_544, local % 86_400);
            stamp.clear();
            let (h, m, s) = (s / 3_600, s / 60 % 60, s % 60);
            write!(stamp, "{:02}/Apr/2026:{h:02}:{m:02}:{s:02} +0900", day % 30 + 1).expect("a string");
        }
        let r = random.next();
        // Few users are busy, many are not.
        let who = (r % USERS) * (r >> 20 & 1023) / 1023;
        let dataset = (r >> 32) % DATASETS * ((r >> 40) & 255) / 255;
        let (record, bytes) = (random.next() % 400_000, 400 + (r >> 48) % 8_000);
        let status = [200, 200, 200, 200, 200, 200, 200, 304, 404, 403][usize::try_from(r >> 52).unwrap_or(0) % 10];
        let uri = if r.is_multiple_of(3) {
            format!("/assets/app.{}.js", r >> 60)
        } else {
            format!("/api/dataset-{dataset}/records/{record}")
        };
        writeln!(
            out,
            "10.{}.{}.{} - {} [{stamp}] \"GET {uri} HTTP/1.1\" {status} {bytes} \"-\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64)\"",
            r >> 8 & 255,
            r >> 16 & 255,
            r >> 24 & 255,
            user(who)
        )
        .expect("room on the disk");
    }
    out.flush().expect("room on the disk");
}

fn write_configuration(folder: &Path) {
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("room on the disk");
    put(
        "sekimori.toml",
        concat!(
            "agency = \"bench\"\n[store]\npath = \"bench.db\"\n[accounts]\nregister = \"accounts.csv\"\n",
            "[mail]\nfrom = \"a@example.jp\"\n[alerts]\nto = [\"b@example.jp\"]\n",
            "[[source]]\nname = \"web\"\npaths = [\"access.log\"]\nformat = \"combined\"\n"
        ),
    );
    let mut datasets = String::new();
    for n in 0..DATASETS {
        write!(datasets, "[[dataset]]\nid = \"d{n}\"\ntitle = \"{n}\"\ntier = \"A\"\nowner = \"x\"\n[[dataset.match]]\n\
            resource = \"/api/dataset-{n}/records/{{subject}}\"\noperations = [\"GET\"]\nclass = \"view\"\nrecords = 1\n")
        .expect("a string");
    }
    put("datasets.toml", &datasets);
    put(
        "rules.toml",
        concat!(
            "[[rule]]\nid = \"V2\"\ntitle = \"10 min\"\nseverity = \"warning\"\nkind = \"volume\"\ncount = \"accesses\"\n",
            "per = [\"person\"]\nwithin = \"10m\"\nlimit = 300\n",
            "[[rule]]\nid = \"V3\"\ntitle = \"24 h\"\nseverity = \"warning\"\nkind = \"volume\"\ncount = \"accesses\"\n",
            "per = [\"person\", \"dataset\"]\nwithin = \"24h\"\nlimit = 500\n",
            "[[rule]]\nid = \"A1\"\ntitle = \"no right\"\nseverity = \"critical\"\nkind = \"account\"\n",
            "standing = [\"revoked\", \"not-yet-valid\", \"unknown\"]\nfailure = \"warning\"\n"
        ),
    );
    let mut accounts = String::from("職員番号,利用者ID,所属名,権限開始日,権限終了日\n");
    for n in 0..USERS {
        let end = if n % 250 == 7 { "2026-03-31" } else { "" };
        writeln!(accounts, "{},{},x,2020-01-01,{end}", 100_000 + n, user(n)).expect("a string");
    }
    put("accounts.csv", &accounts);
}
