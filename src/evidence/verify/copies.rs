//! Two copies of one archive held against each other: where they part, what one lacks, and where it can be had.

use std::path::Path;

use super::files::sha256;
use super::finding::{Code, Finding};
use super::{Input, ReadLog, Report, expiry, log, micros};
use crate::evidence::entry::Entry;

/// Checks the ledgers of both and compares them, with every segment either of them lists.
pub fn copies(a: &Input, b: &Input) -> Report {
    let mut report = Report::default();
    let (first, second) = (log::check(a, &mut report), log::check(b, &mut report));
    report.entries = report.entries.max(u64::try_from(first.leaves.len()).unwrap_or(0));
    parted(&first, &second, (&a.archive, &b.archive), &mut report);
    behind((&first, &second), (a, b), &mut report);
    let longer = if second.leaves.len() < first.leaves.len() {
        &first
    } else {
        &second
    };
    let expiries = expiry::Expiries::read(longer, a.now);
    for (_, entry) in longer.entries.iter().filter(|(_, e)| e.kind() == "segment") {
        report.segments = report.segments.saturating_add(1);
        let n = entry.number("n").unwrap_or(0);
        let lawful = !matches!(expiries.absence(n), expiry::Absence::Unknown);
        segment(entry, (&a.archive, &b.archive), lawful, &mut report);
    }
    report.newest = longer.entries.last().map(|(_, e)| e.text("at").to_owned());
    report
}

/// The first entry in which the two differ.
fn parted(a: &ReadLog, b: &ReadLog, (at_a, at_b): (&Path, &Path), report: &mut Report) {
    let same = a.leaves.iter().zip(&b.leaves).take_while(|(a, b)| a == b).count();
    if same == a.leaves.len().min(b.leaves.len()) {
        return;
    }
    let (index, at_a, at_b) = (same as u64, at_a.display(), at_b.display());
    let at = a.time_of(index.saturating_add(1));
    report.add(
        Finding::new(
            Code::Fork,
            format!("二つの写し（{at_a} と {at_b}）の記録簿は {index} 番の項目（{at}）から食い違っています。"),
            format!("the ledgers of the two copies ({at_a}, {at_b}) differ from entry {index} on ({at})"),
        )
        .at("entry", index)
        .next(
            format!("{index} 番より前は一致しています。外部の照合点と一致するほうが本物です。"),
            format!("they agree before entry {index}; the one that agrees with a checkpoint kept outside is genuine"),
        ),
    );
}

/// How far the shorter one lags.
fn behind((a, b): (&ReadLog, &ReadLog), (at_a, at_b): (&Input, &Input), report: &mut Report) {
    let (short, long, input) = match a.leaves.len().cmp(&b.leaves.len()) {
        std::cmp::Ordering::Equal => return,
        std::cmp::Ordering::Less => (a, b, at_a),
        std::cmp::Ordering::Greater => (b, a, at_b),
    };
    let (from, to) = (short.leaves.len() as u64, long.leaves.len() as u64);
    if a.leaves.len() < b.leaves.len() {
        cut((from, to), (&at_a.archive, &at_b.archive), report);
        return;
    }
    let time = |log: &ReadLog| micros(&log.time_of(u64::MAX)).unwrap_or(0);
    let lag = u64::try_from(time(long).saturating_sub(time(short))).unwrap_or(0);
    let late = input.stale_after < std::time::Duration::from_micros(lag);
    let hours = lag / 3_600_000_000;
    let at = input.archive.display();
    report.add(
        Finding::new(
            if late { Code::BackupBehind } else { Code::BackupAge },
            format!(
                "写し {at} は記録簿の {from}〜{} 番を含みません（{hours} 時間の遅れ）。",
                to.saturating_sub(1)
            ),
            format!(
                "the copy {at} lacks entries {from} to {} ({hours} hours behind)",
                to.saturating_sub(1)
            ),
        )
        .at("from", from)
        .at("to", to)
        .next(
            "写しを取る処理が動いているか確かめてください。",
            "see whether the copying still runs",
        ),
    );
}

/// The archive itself (named first) is never behind a copy of it.
fn cut((from, to): (u64, u64), (archive, copy): (&Path, &Path), report: &mut Report) {
    let (archive, copy, last) = (archive.display(), copy.display(), to.saturating_sub(1));
    report.add(
        Finding::new(
            Code::Truncated,
            format!("保管庫 {archive} に、写し {copy} にある {from}〜{last} 番の項目がありません。末尾が切り取られたか、古いものと差し替えられています。"),
            format!("the archive {archive} lacks entries {from} to {last}, which its copy {copy} has: its end was cut, or an older one took its place"),
        )
        .at("from", from)
        .at("to", to)
        .next(
            "一つめに保管庫、二つめにその写しを指定したか確かめてください（逆に指定した場合は、写しの遅れです）。写しは消さずに保全してください。",
            "make sure that the archive was named first and its copy second (the other way round the copy lags); keep the copy safe",
        ),
    );
}

fn segment(entry: &Entry, (a, b): (&Path, &Path), lawful: bool, report: &mut Report) {
    let (n, name) = (entry.number("n").unwrap_or(0), entry.text("name"));
    let good = |folder: &Path| {
        let path = folder.join(name);
        match sha256(&path) {
            Ok((hash, _)) => Some(hash == entry.text("sha256_age")),
            Err(_) => None,
        }
    };
    for (here, there, state, other) in [(a, b, good(a), good(b)), (b, a, good(b), good(a))] {
        let (code, ja, en) = match (state, other) {
            (Some(true), _) => continue,
            (None, _) if lawful => continue,
            (None, Some(true)) => (Code::SegMissing, "ありません", "is not there"),
            (Some(false), Some(true)) => (
                Code::SegModified,
                "封印したときのファイルではありません",
                "is not the file that was sealed",
            ),
            // Told once, for the first of the two.
            (None, _) if here == a => (Code::SegMissing, "どちらの写しにもありません", "is in neither copy"),
            (Some(false), _) if here == a => (
                Code::SegModified,
                "どちらの写しでも封印したときのファイルではありません",
                "is the file that was sealed in neither copy",
            ),
            _ => continue,
        };
        let mut finding = Finding::new(
            code,
            format!("{} の区画 {n}（{name}）が{ja}。", here.display()),
            format!("segment {n} ({name}) in {}: it {en}", here.display()),
        )
        .at("segment", n)
        .at("file", name)
        .at("src", entry.text("src"));
        if other == Some(true) {
            finding = finding.at("available_in", there.display().to_string()).next(
                format!(
                    "{} にある同じファイルは封印したときのままです。そこから戻してください。",
                    there.display()
                ),
                format!(
                    "the one in {} is the file that was sealed; restore it from there",
                    there.display()
                ),
            );
        }
        report.add(finding);
    }
}
