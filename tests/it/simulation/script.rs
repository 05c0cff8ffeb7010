//! Seed -> script: every act carries all its numbers, so that cutting one leaves the others what they are.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014): a seed gives the same script for ever.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }
}

/// How lines are written and files rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// JSON lines in one file that is renamed.
    Json,
    /// CSV with a header line in each of a row of files, and now and then a newline inside a field.
    Csv,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Access,
    /// Belongs to no dataset.
    Elsewhere,
    /// No record comes from it.
    Malformed,
    /// Dated more than a year ahead: counts as of when it is read.
    Future,
    /// An empty line.
    Blank,
}

/// One line that a system writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) fate: Fate,
    pub(crate) user: usize,
    pub(crate) dataset: usize,
    pub(crate) operation: usize,
    pub(crate) rows: Option<u64>,
    pub(crate) success: bool,
    pub(crate) subject: u64,
    /// How many seconds before it was written it happened.
    pub(crate) ago: i64,
    /// Whether a field holds a newline, where the format can.
    pub(crate) newline: bool,
}

/// Accounts by number: registered ones, one that is revoked, one nobody registered, nobody.
pub(crate) const USERS: [(&str, &str); 8] = [
    ("tz1", "012341"),
    ("tz2", "012342"),
    ("tz3", "012343"),
    ("kg3", "012343"),
    ("old", "008841"),
    ("maint01", "maint01"),
    ("", "-"),
    ("saki", "012349"),
];
pub(crate) const REVOKED: usize = 4;
pub(crate) const UNKNOWN: usize = 5;
pub(crate) const NOBODY: usize = 6;
/// Whose clock runs ahead: when he did what depends on when it is read, so nothing else is said of him.
pub(crate) const AHEAD: usize = 7;
pub(crate) const DATASETS: [&str; 3] = ["zei", "juki", "kaigo"];
pub(crate) const OPERATIONS: [(&str, u8); 3] = [("照会", 1), ("出力", 3), ("更新", 5)];
pub(crate) const RECIPIENTS: [&str; 2] = ["soc@city.example.jp", "zeimuka@city.example.jp"];

impl Event {
    pub(crate) fn roll(dice: &mut Dice) -> Event {
        let fate = match dice.roll(24) {
            0 => Fate::Elsewhere,
            1 => Fate::Malformed,
            2 => Fate::Future,
            3 => Fate::Blank,
            _ => Fate::Access,
        };
        let ago = match dice.roll(10) {
            0..=6 => dice.roll(60),
            7 | 8 => dice.roll(3 * 3_600),
            _ => dice.roll(60 * 3_600),
        };
        Event {
            fate,
            user: [0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6][dice.roll(11) as usize],
            dataset: [0, 0, 0, 1, 2][dice.roll(5) as usize],
            operation: [0, 1, 1, 2][dice.roll(4) as usize],
            rows: (!dice.one_in(5)).then(|| if dice.one_in(12) { dice.roll(900) } else { dice.roll(30) }),
            success: !dice.one_in(8),
            subject: dice.roll(9),
            ago: ago as i64,
            newline: dice.one_in(10),
        }
    }
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Whole lines are written.
    Write(Vec<Event>),
    /// A line is begun and so many hundredths of it written; the rest comes with the next write.
    Tear(Event, u8),
    /// The file is renamed and a new one begun (the next file of the row is begun).
    Rotate,
    /// The file is copied away and emptied; a look comes in between or not.
    CopyTruncate(bool),
    /// Everything is read, then the old files are deleted.
    Sweep,
    Tick(Duration),
    /// A step; folders are listed now or only when it is time.
    Step(bool),
    /// Everything is read and committed.
    Settle,
    /// The batch in hand fails.
    FailBatch,
    Crash,
    Rise,
    Restart,
    Deliver,
    /// The process dies while mail goes out, after so many.
    CrashInMail(u32),
    Relay(bool),
    /// What the relay answers one of the recipients.
    Answer(usize, u16),
    Disk(bool),
    /// Somebody closes an alert from the command line.
    Close(usize),
}

impl Act {
    pub(crate) const NAMES: [&str; 18] = [
        "write",
        "tear",
        "rotate",
        "copytruncate",
        "sweep",
        "tick",
        "step",
        "settle",
        "fail-batch",
        "crash",
        "rise",
        "restart",
        "deliver",
        "crash-in-mail",
        "relay",
        "answer",
        "disk",
        "close",
    ];

    pub(crate) fn name(&self) -> &'static str {
        let at = match self {
            Act::Write(_) => 0,
            Act::Tear(..) => 1,
            Act::Rotate => 2,
            Act::CopyTruncate(_) => 3,
            Act::Sweep => 4,
            Act::Tick(_) => 5,
            Act::Step(_) => 6,
            Act::Settle => 7,
            Act::FailBatch => 8,
            Act::Crash => 9,
            Act::Rise => 10,
            Act::Restart => 11,
            Act::Deliver => 12,
            Act::CrashInMail(_) => 13,
            Act::Relay(_) => 14,
            Act::Answer(..) => 15,
            Act::Disk(_) => 16,
            Act::Close(_) => 17,
        };
        Act::NAMES[at]
    }

    fn roll(dice: &mut Dice) -> Act {
        match dice.roll(100) {
            0..=27 => Act::Write((0..1 + dice.roll(6)).map(|_| Event::roll(dice)).collect()),
            28..=32 => Act::Tear(Event::roll(dice), 1 + dice.roll(99) as u8),
            33..=37 => Act::Rotate,
            38 | 39 => Act::CopyTruncate(dice.one_in(2)),
            40..=42 => Act::Sweep,
            43..=54 => Act::Tick(match dice.roll(4) {
                0 => Duration::from_millis(1 + dice.roll(400)),
                1 => Duration::from_secs(dice.roll(20)),
                2 => Duration::from_secs(dice.roll(3_600)),
                _ => Duration::from_secs(dice.roll(20 * 3_600)),
            }),
            55..=68 => Act::Step(dice.one_in(2)),
            69..=72 => Act::Settle,
            73 | 74 => Act::FailBatch,
            75..=79 => Act::Crash,
            80..=84 => Act::Rise,
            85 | 86 => Act::Restart,
            87..=91 => Act::Deliver,
            92 => Act::CrashInMail(dice.roll(4) as u32),
            93 | 94 => Act::Relay(dice.one_in(2)),
            95 => Act::Answer(dice.roll(2) as usize, if dice.one_in(2) { 451 } else { 250 }),
            96..=98 => Act::Disk(dice.one_in(2)),
            _ => Act::Close(dice.roll(4) as usize),
        }
    }
}

/// A life of the daemon.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) shape: Shape,
    pub(crate) acts: Vec<Act>,
    /// Lines of a batch, where batches are committed behind the reading of the next.
    pub(crate) batch_lines: Option<u64>,
}

impl Script {
    pub(crate) fn of(seed: u64) -> Script {
        let mut dice = Dice(seed);
        let shape = if dice.one_in(3) { Shape::Csv } else { Shape::Json };
        let acts = 15 + dice.roll(45);
        Script {
            shape,
            acts: (0..acts).map(|_| Act::roll(&mut dice)).collect(),
            batch_lines: (seed % 2 == 1).then_some(1 + seed / 2 % 7),
        }
    }
}
