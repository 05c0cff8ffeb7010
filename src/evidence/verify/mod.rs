//! Verification: what can be proved about an archive folder, from public data, on any machine.
//!
//! Reads only. What arrives after the start is left alone: one checkpoint is taken as the head, and everything is
//! held against it. A clock that was moved or an unclean stop is a warning, never "tampered" by itself. The result
//! always ends with the span for which the record is only consistent with itself.

mod chain;
mod copies;
mod expiry;
mod extra;
mod files;
mod finding;
mod flags;
mod full;
mod log;
mod source;
mod unwatched;
mod words;

use std::path::PathBuf;
use std::time::Duration;

pub use copies::copies;
pub use expiry::GRACE_DAYS;
pub use files::sha256;
pub use finding::{Code, Finding, Weight};
pub use flags::flags;
pub use log::ReadLog;
pub use source::sources;
pub use words::ja;

use super::age::Identity;
use super::note::VerifierKey;
use crate::calendar::Jst;
use crate::clock::{EventTime, WallTime};

/// A checkpoint that was kept outside the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Where it comes from.
    pub name: String,
    /// The signed note.
    pub note: Vec<u8>,
}

/// What verification is given.
#[derive(Debug, Clone)]
pub struct Input {
    /// The archive folder, or a copy of it.
    pub archive: PathBuf,
    /// The public key of the log, from paper.
    pub key: Option<VerifierKey>,
    /// Checkpoints from mails, reports, other hosts.
    pub anchors: Vec<Anchor>,
    /// The time of the copy.
    pub now: WallTime,
    /// How old the newest entry may be.
    pub stale_after: Duration,
}

/// What verification found.
#[derive(Debug, Default)]
pub struct Report {
    /// The findings, in the order of checking.
    pub findings: Vec<Finding>,
    /// Entries checked.
    pub entries: u64,
    /// Segments checked.
    pub segments: u64,
    /// Records whose content was checked.
    pub records: u64,
    /// Entries proved at most, where a rewriting was found.
    pub proved: Option<u64>,
    /// The newest checkpoint from outside that agrees: entries and time.
    pub anchored: Option<(u64, String)>,
    /// Time of the newest signed entry.
    pub newest: Option<String>,
    /// How long the record has only been consistent with itself.
    pub alone: Option<Duration>,
}

impl Report {
    /// Notes a finding.
    pub fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// 0 clean, 1 evidence of tampering or loss, 2 something could not be checked.
    pub fn exit_code(&self) -> u8 {
        match self.findings.iter().map(|f| f.code.weight()).max() {
            Some(Weight::Evidence) => 1,
            Some(Weight::Unchecked) => 2,
            _ => 0,
        }
    }

    /// Whether a code was found.
    pub fn has(&self, code: Code) -> bool {
        self.findings.iter().any(|f| f.code == code)
    }
}

/// Checks what public data can prove: signatures, epochs, roots, anchors, files. With identities (`Some`; none are needed
/// for segments that are compressed only) also what is in the segments.
pub fn verify(input: &Input, identities: Option<&[Identity]>) -> (Report, ReadLog) {
    let mut report = Report::default();
    let log = log::check(input, &mut report);
    times(input, &log, &mut report);
    let segments = files::check(input, &log, &mut report);
    if let Some(identities) = identities {
        full::check(input, &log, &segments, identities, &mut report);
    }
    (report, log)
}

/// Reads the ledger and checks it as far as it proves itself: signatures, keys, roots, anchors; no segment is touched.
pub fn ledger(input: &Input) -> (Report, ReadLog) {
    let mut report = Report::default();
    let log = log::check(input, &mut report);
    times(input, &log, &mut report);
    (report, log)
}

/// How far an entry may lie ahead of the time of verification, microseconds: clocks differ.
const AHEAD_MAX: i64 = 3_600_000_000;

/// Micros of an entry's `at`.
pub(crate) fn micros(at: &str) -> Option<i64> {
    use crate::parse::time;
    time::any(at.as_bytes(), 9 * 3_600).map(EventTime::micros)
}

/// How old the newest entry is, where the clock jumped, and since when nothing outside confirms the record.
fn times(input: &Input, log: &ReadLog, report: &mut Report) {
    let Some((_, last)) = log.entries.last() else {
        return;
    };
    let newest = last.text("at").to_owned();
    let now = input.now.micros();
    if let Some(at) = micros(&newest) {
        let ahead = at.saturating_sub(now);
        if AHEAD_MAX < ahead {
            report.add(
                Finding::new(
                    Code::Clock,
                    format!("最新の項目が {newest} のもので、検証の時刻より先です。機器の時計が進められた疑いがあります。"),
                    format!("the newest entry is of {newest}, ahead of the time of verification: somebody may have set the clock"),
                )
                .at("newest", newest.as_str()),
            );
        }
        let age = Duration::from_micros(u64::try_from(now.saturating_sub(at)).unwrap_or(0));
        if input.stale_after < age {
            let stopped = last.kind() == "stop";
            let (ja, en) = match stopped {
                true => ("最後の項目は停止の記録です。", "the last entry is a stop"),
                false => ("停止の記録もありません。", "and there is no stop"),
            };
            report.add(
                Finding::new(
                    Code::Stale,
                    format!("最新の項目が {newest} のもので、古すぎます。{ja}"),
                    format!("the newest entry is of {newest}, which is too old; {en}"),
                )
                .at("newest", newest.as_str())
                .next(
                    "監視が動いているか、末尾が切り取られていないか、写しの時刻（--now）が正しいかを確かめてください。",
                    "see whether the daemon runs, whether the end was cut off, and whether --now is the time of the copy",
                ),
            );
        }
    }
    let mut before: Option<i64> = None;
    for (index, entry) in &log.entries {
        match entry.kind() {
            "recover" => recovered(*index, entry, report),
            "integrity" => impaired(*index, entry, report),
            _ => {}
        }
        let Some(at) = micros(entry.text("at")) else { continue };
        if before.is_some_and(|before| at.saturating_add(60_000_000) < before) {
            report.add(
                Finding::new(
                    Code::Clock,
                    format!("{index} 番の項目で時計が {} へ戻っています。", entry.text("at")),
                    format!("the clock went back to {} at entry {index}", entry.text("at")),
                )
                .at("entry", *index),
            );
        }
        before = Some(at);
    }
    unwatched::check(log, report);
    if log.anchored == 0 {
        report.add(Finding::new(
            Code::Unanchored,
            "外部に控えた照合点と比べていません。記録は自己整合のみです（--anchors で指定できます）。",
            "no checkpoint kept outside was compared: the record is only consistent with itself (give them with --anchors)",
        ));
    } else {
        report.anchored = Some((log.anchored, log.time_of(log.anchored)));
    }
    let since = match &report.anchored {
        Some((_, at)) => micros(at),
        None => log.entries.first().and_then(|(_, e)| micros(e.text("at"))),
    };
    let until = micros(&newest);
    if let (Some(since), Some(until)) = (since, until) {
        let span = u64::try_from(until.saturating_sub(since)).unwrap_or(0);
        report.alone = Some(Duration::from_micros(span));
    }
    report.newest = Some(newest);
}

fn recovered(index: u64, entry: &super::entry::Entry, report: &mut Report) {
    let (at, by) = (entry.text("at"), entry.text("by"));
    let (from, to) = (entry.number("from").unwrap_or(0), entry.number("to").unwrap_or(0));
    let (doubt_ja, doubt_en) = match entry.get("known").and_then(serde_json::Value::as_bool) {
        Some(false) => (
            "この内容の写しを作った記録はなく、手が加えられた疑いがあります。",
            "; no entry knows of a copy with this content: it may have been doctored",
        ),
        _ => ("", ""),
    };
    report.add(
        Finding::new(
            Code::Recovered,
            format!("{at} に {by} がデータベースを写しから戻しています（{index} 番の項目）。{from}〜{to} 番の項目が述べる警告・送信の行は失われています。{doubt_ja}"),
            format!("{by} restored the store from a copy at {at} (entry {index}); rows of alerts and mails that entries {from} to {to} speak of are lost{doubt_en}"),
        )
        .at("entry", index)
        .at("by", by)
        .at("sha256", entry.text("sha256"))
        .next(
            "覚えのある復元か、決裁の記録と照らし合わせてください。",
            "hold it against the record of the decision",
        ),
    );
}

/// What the daemon itself found of its folder when it began.
fn impaired(index: u64, entry: &super::entry::Entry, report: &mut Report) {
    let at = entry.text("at");
    let (spoken_ja, spoken_en) = (
        spoken_time(at, crate::text::Lang::Ja),
        spoken_time(at, crate::text::Lang::En),
    );
    let finding = match entry.text("what") {
        "log-cut" => {
            let (size, signed) = (entry.number("size").unwrap_or(0), entry.number("signed").unwrap_or(0));
            Finding::new(
                Code::Mended,
                format!("{spoken_ja}に、署名済みの {signed} 項目のうち {size} 項目しか記録簿のファイルに残っておらず、データベースから書き直されています。"),
                format!("at {spoken_en} only {size} of {signed} signed entries stood in the file of the ledger; they were written again from the store"),
            )
            .next(
                "その時に届いたメールと照らし合わせ、誰がファイルを切り取ったかを確かめてください。",
                "hold it against the mail of that time, and find out who cut the file",
            )
        }
        "begun-anew" => Finding::new(
            Code::BegunAnew,
            format!("{spoken_ja}に、以前の記録簿の跡（鍵・区画・照合点）がある場所で、記録簿が最初から始まっています。"),
            format!("at {spoken_en} this ledger began at its first entry where there had been one before"),
        )
        .next(
            "以前の記録簿の写しと、手元の照合点を確かめてください。決裁を経たものでなければ、記録が消された疑いがあります。",
            "look for copies of the ledger before and the checkpoints you keep; without a decision, records may have been destroyed",
        ),
        _ => return,
    };
    report.add(finding.at("entry", index).at("at", at));
}

/// A time of an entry as people read it.
pub fn spoken_time(at: &str, lang: crate::text::Lang) -> String {
    let Some(micros) = micros(at) else {
        return at.to_owned();
    };
    let jst = Jst::from(EventTime::from_micros(micros));
    match lang {
        crate::text::Lang::Ja => jst.wareki(),
        crate::text::Lang::En => jst.iso(),
    }
}
