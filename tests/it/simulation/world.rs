//! The world around the daemon: files as systems write and rotate them, and what was written.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use sekimori::clock::WallTime;
use sekimori::store::AlertFilter;

use super::script::{AHEAD, Act, DATASETS, Event, Fate, OPERATIONS, RECIPIENTS, Shape, USERS};
use crate::support::city;
use crate::support::daemon::{TestDaemon, jst, stamp};

pub(crate) const HEADER: &str = "日時,利用者,操作,画面,件数,結果,宛名番号,備考\n";
const LIVE: &str = "app.log";

const MAIN: &str = city!("\"soc@city.example.jp\", \"zeimuka@city.example.jp\"", r#""#);

const JSON: &str = r#"
[[source]]
name = "app"
paths = ["app.log"]
format = "json"
[source.fields]
time = "at"
user = "user"
operation = "action"
resource = "screen"
rows = "count"
outcome = "result"
subject = "no"
"#;

const CSV: &str = r#"
[[source]]
name = "app"
paths = ["oplog-*.csv"]
format = "csv"
[source.fields]
time = "日時"
user = "利用者"
operation = "操作"
resource = "画面"
rows = "件数"
outcome = "結果"
subject = "宛名番号"
"#;

const ACCOUNTS: &str = "職員番号,利用者ID,所属名,権限開始日,権限終了日,状態\n\
    012341,tz1,税務課,R8.4.1,,在職\n012342,tz2,税務課,R8.4.1,,在職\n012343,tz3,税務課,R8.4.1,,在職\n\
    012343,kg3,介護保険課,R8.4.1,,在職\n008841,old,税務課,R8.4.1,R8.10.31,在職\n012349,saki,税務課,R8.4.1,,在職\n";

/// Rules of every kind and span; `oracle` knows what each means.
const RULES: &str = include_str!("rules.toml");

/// A line that was written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) event: Event,
    /// Its own time, seconds since 1970.
    pub(crate) secs: i64,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) daemon: TestDaemon,
    pub(crate) shape: Shape,
    pub(crate) lines: Vec<Written>,
    /// Header lines of files.
    pub(crate) headers: u64,
    /// What is still to be written of a line that was begun.
    torn: Option<String>,
    /// Whether the file that is written to holds a line that no other file holds.
    told_apart: bool,
    /// Number of the file that is written to.
    file: u32,
    /// Mails that were under way when the process died: these may come twice.
    pub(crate) in_doubt: Vec<(String, String)>,
}

pub(crate) fn start(sources: &str, now: WallTime) -> TestDaemon {
    let main = format!("{MAIN}{sources}");
    let datasets: String = DATASETS.iter().map(|d| dataset(d)).collect();
    let files = [
        ("sekimori.toml", main.as_str()),
        ("datasets.toml", &datasets),
        ("accounts.csv", ACCOUNTS),
        ("rules.toml", RULES),
    ];
    TestDaemon::start(&files, now)
}

pub(crate) fn source(shape: Shape) -> &'static str {
    match shape {
        Shape::Json => JSON,
        Shape::Csv => CSV,
    }
}

fn dataset(id: &str) -> String {
    let tier = if id == "kaigo" { "S" } else { "A" };
    let head = format!("[[dataset]]\nid = \"{id}\"\ntitle = \"{id}台帳\"\ntier = \"{tier}\"\nowner = \"税務課\"\n");
    let each = [("照会", "view"), ("出力", "export"), ("更新", "update")];
    let matches = each.map(|(word, class)| {
        format!("[[dataset.match]]\nresource = \"/{id}/**\"\noperations = [\"{word}\"]\nclass = \"{class}\"\n")
    });
    head + &matches.concat()
}

/// The `n`th line as the system writes it.
pub(crate) fn text(shape: Shape, event: &Event, (secs, n): (i64, usize)) -> String {
    let at = stamp(secs);
    let user = USERS[event.user].0;
    let operation = OPERATIONS[event.operation].0;
    let screen = match event.fate {
        Fate::Elsewhere => "/menu/top".to_owned(),
        _ => format!("/{}/daicho", DATASETS[event.dataset]),
    };
    let result = if event.success { "成功" } else { "失敗" };
    match (shape, event.fate) {
        (_, Fate::Blank) => "\n".to_owned(),
        (Shape::Json, Fate::Malformed) => format!("{{\"at\":\"{at}\",\"user\":\"{user}\",\"n\":{n},\"acti\n"),
        (Shape::Csv, Fate::Malformed) => format!("きのう,{user},{operation},{screen},1,{result},1,{n}\n"),
        (Shape::Json, _) => {
            let rows = event.rows.map_or_else(String::new, |n| format!(",\"count\":{n}"));
            let user = if user.is_empty() {
                String::new()
            } else {
                format!(",\"user\":\"{user}\"")
            };
            let no = 100_200 + event.subject;
            format!(
                "{{\"at\":\"{at}\"{user},\"action\":\"{operation}\",\"screen\":\"{screen}\"{rows},\"result\":\"{result}\",\"no\":\"{no}\",\"n\":{n}}}\n"
            )
        }
        (Shape::Csv, _) => {
            let rows = event.rows.map_or_else(String::new, |n| n.to_string());
            let note = if event.newline {
                format!("\"窓口\n二行目, {n}\"")
            } else {
                n.to_string()
            };
            let no = 100_200 + event.subject;
            format!("{at},{user},{operation},{screen},{rows},{result},{no},{note}\n")
        }
    }
}

impl World {
    pub(crate) fn new(shape: Shape) -> World {
        let daemon = start(source(shape), jst("2026-11-18 09:00:00"));
        let mut world = World {
            daemon,
            shape,
            lines: Vec::new(),
            headers: 0,
            torn: None,
            told_apart: false,
            file: 0,
            in_doubt: Vec::new(),
        };
        world.begin_file();
        // Before its first start a source has no past.
        world.daemon.settle();
        world
    }

    fn live(&self) -> String {
        match self.shape {
            Shape::Json => LIVE.to_owned(),
            Shape::Csv => dated(self.file),
        }
    }

    fn begin_file(&mut self) {
        self.file += 1;
        self.told_apart = false;
        match self.shape {
            Shape::Json => self.daemon.write(LIVE, ""),
            Shape::Csv => {
                self.daemon.write(&self.live(), HEADER);
                self.headers += 1;
            }
        }
    }

    fn line(&mut self, event: &Event) -> String {
        let mut event = *event;
        // Two files that hold nothing but the same empty line look like a file and its copy.
        if event.fate == Fate::Blank && !self.told_apart {
            event.fate = Fate::Elsewhere;
        }
        if event.fate == Fate::Future {
            (event.user, event.success) = (AHEAD, false);
        }
        self.told_apart |= event.fate != Fate::Blank;
        let late = match event.fate {
            Fate::Future => -400 * 86_400,
            _ => event.ago,
        };
        let secs = self.daemon.now().secs() - late;
        let text = text(self.shape, &event, (secs, self.lines.len()));
        self.lines.push(Written {
            event,
            secs,
            text: text.clone(),
        });
        text
    }

    fn finish_line(&mut self) {
        if let Some(rest) = self.torn.take() {
            self.daemon.write(&self.live(), &rest);
        }
    }

    pub(crate) fn act(&mut self, act: &Act) {
        match act {
            Act::Write(events) => {
                self.finish_line();
                for event in events {
                    let line = self.line(event);
                    self.daemon.write(&self.live(), &line);
                }
            }
            Act::Tear(event, hundredths) => {
                self.finish_line();
                let line = self.line(event);
                let mut at = line.len() * usize::from(*hundredths) / 100;
                while !line.is_char_boundary(at) {
                    at += 1;
                }
                self.daemon.write(&self.live(), &line[..at]);
                self.torn = Some(line[at..].to_owned());
            }
            Act::Rotate => self.rotate(),
            Act::CopyTruncate(look) => self.copytruncate(*look),
            Act::Sweep => self.sweep(),
            Act::Tick(d) => self.daemon.tick(*d),
            Act::Rise => self.daemon.rise(),
            Act::Relay(up) => self.daemon.set_relay(*up),
            Act::Answer(recipient, code) => self.daemon.answer(RECIPIENTS[*recipient], *code),
            Act::Disk(full) => self.daemon.fill_disk(*full),
            Act::Close(nth) => self.close(*nth),
            _ if !self.daemon.is_up() => {}
            Act::Step(rescan) => drop(self.daemon.look(*rescan)),
            Act::Settle => drop(self.daemon.settle()),
            Act::FailBatch => self.daemon.fail_batch(),
            Act::Crash => self.daemon.crash(),
            Act::Restart => self.daemon.restart(),
            Act::Deliver => drop(self.daemon.deliver()),
            Act::CrashInMail(after) => {
                let before = self.daemon.mails().len();
                if self.daemon.crash_in_mail(*after) {
                    let under_way = self.daemon.mails().split_off(before);
                    self.in_doubt
                        .extend(under_way.into_iter().map(|m| (m.message.message_id, m.recipient)));
                }
            }
        }
    }

    fn shift(&self) {
        for n in (1..60).rev() {
            let (from, to) = (format!("{LIVE}.{n}"), format!("{LIVE}.{}", n + 1));
            if self.daemon.path(&from).exists() {
                fs::rename(self.daemon.path(&from), self.daemon.path(&to)).unwrap();
            }
        }
    }

    fn rotate(&mut self) {
        if self.shape == Shape::Json {
            self.shift();
            fs::rename(self.daemon.path(LIVE), self.daemon.path("app.log.1")).unwrap();
            // Whoever had the file open ends the line there.
            if let Some(rest) = self.torn.take() {
                self.daemon.write("app.log.1", &rest);
            }
        }
        self.finish_line();
        self.begin_file();
    }

    fn copytruncate(&mut self, look: bool) {
        if self.shape == Shape::Csv || self.torn.is_some() {
            return;
        }
        self.shift();
        fs::copy(self.daemon.path(LIVE), self.daemon.path("app.log.1")).unwrap();
        if look && self.daemon.is_up() {
            self.daemon.step();
        }
        self.told_apart = false;
        File::options()
            .write(true)
            .open(self.daemon.path(LIVE))
            .unwrap()
            .set_len(0)
            .unwrap();
    }

    fn sweep(&mut self) {
        if !self.daemon.is_up() || !self.daemon.settle() {
            return;
        }
        let live = self.live();
        let old = |name: &str| (name.starts_with("app.log.") || name.starts_with("oplog-")) && name != live;
        for file in fs::read_dir(self.daemon.path("")).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().and_then(|n| n.to_str()).is_some_and(old) {
                remove(&path);
            }
        }
    }

    fn close(&self, nth: usize) {
        let mut console = self.daemon.console();
        let alerts = console
            .alerts(AlertFilter {
                open_only: true,
                leads_only: true,
                max: None,
            })
            .unwrap();
        if let Some(alert) = alerts.get(nth) {
            let outcome = sekimori::alert::ClosedAs::Legitimate;
            console
                .close_alert(
                    &alert.alert.number,
                    "012399",
                    outcome,
                    "業務依頼による",
                    self.daemon.now(),
                )
                .unwrap();
        }
    }

    /// Good weather at last: everything that can be read is read, everything that can be sent is sent.
    pub(crate) fn end(&mut self) {
        self.daemon.fill_disk(false);
        self.daemon.rise();
        self.finish_line();
        self.daemon.tick(Duration::from_secs(11));
        assert!(self.daemon.settle());
        self.daemon.set_relay(true);
        for recipient in RECIPIENTS {
            self.daemon.answer(recipient, 250);
        }
        for _ in 0..3 {
            self.daemon.tick(Duration::from_secs(3_600));
            self.daemon.deliver();
        }
    }
}

/// The name of the `n`th file of the row: names that say when are read in that order.
pub(crate) fn dated(n: u32) -> String {
    let day = sekimori::calendar::Day::of(2026, 10, 1).unwrap().plus(n as i32).iso();
    format!("oplog-{}.csv", day.replace('-', ""))
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}
