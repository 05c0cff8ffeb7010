//! Real journal files (`fixtures/journal`, written by systemd 252), followed, cut short, renumbered and damaged.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::Encoding;
use super::file::JournalFile;
use super::*;

/// Entries in each fixture; those with an odd number are another unit's.
const ENTRIES: u64 = 60;
const UNIT: &str = "kosekid.service";

/// Bytes of a fixture.
fn fixture(form: &str) -> Vec<u8> {
    let packed = fs::read(format!("fixtures/journal/{form}.journal.gz")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// A folder of journal files, its tailer, and what a store would hold.
struct World {
    dir: TempDir,
    settings: SourceSettings,
    tailer: JournalTailer,
    stored: Known,
    lines: Vec<(String, LineRef, bool)>,
    batch: Vec<(String, LineRef, bool)>,
    events: Vec<SourceEvent>,
    next: i64,
    now: WallTime,
    budget: usize,
}

impl World {
    fn new() -> World {
        World::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut SourceSettings)) -> World {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = SourceSettings {
            name: "koseki".to_owned(),
            paths: vec![dir.path().to_str().unwrap().to_owned()],
            rotated_in: Vec::new(),
            journal: Some(JournalFilter {
                units: vec![UNIT.to_owned()],
                identifiers: Vec::new(),
            }),
            encoding: Encoding::Utf8,
            start: Start::Beginning,
            quoted_newlines: false,
            framing: crate::text::framing::Framing::Lines,
            delimiter: None,
            line_bytes_max: 65_536,
            rotate_wait: std::time::Duration::ZERO,
        };
        change(&mut settings);
        World {
            tailer: JournalTailer::open(settings.clone(), SourceId(1), Known::default()),
            dir,
            settings,
            stored: Known::default(),
            lines: Vec::new(),
            batch: Vec::new(),
            events: Vec::new(),
            next: 0,
            now: WallTime::from_secs(1_000_000),
            budget: 1 << 20,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&mut self) -> bool {
        let (next, batch) = (&mut self.next, &mut self.batch);
        let mut new_id = || {
            *next += 1;
            SegmentId(*next)
        };
        let mut sink = |line: Line<'_>, state: &mut Vec<u8>| {
            state.push(1);
            let text = String::from_utf8_lossy(line.bytes).into_owned();
            batch.push((text, line.at, line.damage.is_some()));
        };
        self.tailer.poll();
        self.tailer.read(self.now, self.budget, &mut new_id, &mut sink).more
    }

    fn scan(&mut self) {
        let next = &mut self.next;
        self.tailer.scan(self.now, &mut || {
            *next += 1;
            SegmentId(*next)
        });
    }

    fn commit(&mut self) {
        let handed = self.tailer.hand_over();
        for state in handed.segments {
            self.stored.segments.retain(|s| s.id != state.id);
            self.stored.segments.push(state);
        }
        self.stored.begun.extend(handed.begun);
        self.events.append(&mut self.tailer.take_events());
        self.tailer.committed();
        self.lines.append(&mut self.batch);
    }

    fn step(&mut self) {
        self.scan();
        while self.read() {}
        self.commit();
    }

    fn restart(&mut self) {
        self.batch.clear();
        self.tailer = JournalTailer::open(self.settings.clone(), SourceId(1), self.stored.clone());
    }

    fn numbers(&self) -> Vec<u64> {
        self.lines.iter().map(|l| l.1.start).collect()
    }

    fn kinds(&self) -> Vec<SourceEventKind> {
        self.events.iter().map(|e| e.kind).collect()
    }
}

/// The other unit, some of whose entries are long: those are stored compressed.
const TALKATIVE: &str = "sshd.service";

fn of_the_talkative(settings: &mut SourceSettings) {
    settings.journal = Some(JournalFilter {
        units: vec![TALKATIVE.to_owned()],
        identifiers: Vec::new(),
    });
}

/// The numbers of the wanted entries among `range`: journal numbers are one more than those of `make.py`, every
/// second one is the unit's.
fn wanted(range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    range.filter(|n| (n % 2 == 1) == FIRST_IS_WANTED).collect()
}

/// `make.py` gives entry 1 the unit at index 1, which is not ours.
const FIRST_IS_WANTED: bool = false;

/// Every entry of a file with its place.
fn places(path: &Path) -> Vec<(u64, u64)> {
    let mut file = JournalFile::open(path).unwrap();
    let mut all = Vec::new();
    while let Some(entry) = file.peek().unwrap() {
        all.push((entry.seqnum, entry.place()));
        file.advance();
    }
    all
}

/// Puts other numbers on the entries of a file, as journald would have given them in a later file of the same row.
fn renumber(path: &Path, number: impl Fn(u64) -> u64) {
    let all = places(path);
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    for (old, at) in &all {
        file.write_all_at(&number(*old).to_le_bytes(), at + 16).unwrap();
    }
    let last = all.last().unwrap().0;
    file.write_all_at(&number(last).to_le_bytes(), 160).unwrap();
    file.write_all_at(&number(all[0].0).to_le_bytes(), 168).unwrap();
}

/// Makes a file say that it has only so many entries yet, the last with this number.
fn shorten(path: &Path, entries: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&entries.to_le_bytes(), 152).unwrap();
    file.write_all_at(&entries.to_le_bytes(), 160).unwrap();
}

fn archive(path: &Path) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[2], 16).unwrap();
}

#[test]
fn what_the_unit_wrote_is_given_out_in_order_from_either_form() {
    for form in ["compact", "plain"] {
        let mut w = World::new();
        w.write("0123/system.journal", &fixture(form));
        w.step();
        assert_eq!(w.numbers(), wanted(1..=ENTRIES), "{form}");
        assert!(w.lines.iter().all(|l| l.0.starts_with("{\"at\":\"2026-11-21T10:00:")));
        assert_eq!(w.kinds(), []);
        w.step();
        w.restart();
        w.step();
        assert_eq!(w.numbers(), wanted(1..=ENTRIES), "nothing again");
    }
}

#[test]
fn units_and_identifiers_say_whose_entries_are_read() {
    for (units, identifiers, found) in [
        (&[UNIT, "sshd.service"][..], &[][..], 60),
        (&[], &["kosekid"], 30),
        (&[UNIT], &["sshd"], 0),
        (&["other.service"], &[], 0),
        (&["kosekid"], &[], 0),
    ] {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let mut w = World::with(|s| {
            s.journal = Some(JournalFilter {
                units: owned(units),
                identifiers: owned(identifiers),
            });
        });
        w.write("system.journal", &fixture("compact"));
        w.step();
        assert_eq!(w.lines.len(), found, "{units:?} {identifiers:?}");
    }
}

#[test]
fn followed_in_steps_of_any_size_and_stopped_anywhere_each_entry_counts_once() {
    let whole = fixture("compact");
    for stride in [1, 7, 23] {
        let mut w = World::new();
        w.budget = 300;
        w.write("system.journal", &whole);
        for upto in (1..=ENTRIES).step_by(stride).chain([ENTRIES]) {
            shorten(&w.path("system.journal"), upto);
            match upto % 4 {
                0 => w.restart(),
                1 => {
                    w.read();
                    let known = w.stored.clone();
                    w.batch.clear();
                    w.tailer.reset(known);
                }
                _ => {}
            }
            w.step();
            assert_eq!(w.numbers(), wanted(1..=upto), "stride {stride}");
        }
        assert_eq!(w.kinds(), []);
    }
}

#[test]
fn rotation_deletion_and_an_entry_in_two_files_change_nothing() {
    let mut w = World::new();
    w.write("system.journal", &fixture("compact"));
    shorten(&w.path("system.journal"), 40);
    w.step();
    // journald renames the file and begins another one of the same row; a copy of the old one turns up, too.
    fs::rename(w.path("system.journal"), w.path("system@1.journal")).unwrap();
    shorten(&w.path("system@1.journal"), ENTRIES);
    archive(&w.path("system@1.journal"));
    fs::copy(w.path("system@1.journal"), w.path("system@1-copy.journal~")).unwrap();
    w.write("system.journal", &fixture("compact"));
    renumber(&w.path("system.journal"), |n| n + ENTRIES);
    w.step();
    let upto = |n| -> Vec<u64> { wanted(1..=n) };
    assert_eq!(w.numbers(), upto(2 * ENTRIES));
    fs::remove_file(w.path("system@1.journal")).unwrap();
    w.step();
    w.restart();
    w.step();
    assert_eq!((w.numbers(), w.kinds()), (upto(2 * ENTRIES), vec![]));
}

#[test]
fn entries_that_were_deleted_before_they_were_read_are_a_gap_with_its_bounds() {
    let mut w = World::new();
    w.write("system.journal", &fixture("compact"));
    shorten(&w.path("system.journal"), 20);
    w.step();
    fs::remove_file(w.path("system.journal")).unwrap();
    w.write("system.journal", &fixture("compact"));
    renumber(&w.path("system.journal"), |n| n + 100);
    w.restart();
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::Gap]);
    assert_eq!((w.events[0].lo, w.events[0].hi), (21, 101));
    assert_eq!(w.lines.len(), 10 + 30);
    w.step();
    assert_eq!(w.kinds().len(), 1, "once");
}

#[test]
fn a_journal_that_begins_anew_is_a_loss_and_is_read_from_its_first_entry() {
    let mut w = World::new();
    w.write("system.journal", &fixture("compact"));
    w.step();
    w.write("system.journal", &fixture("plain"));
    w.restart();
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::Lost]);
    assert_eq!(w.lines.len(), 60);
}

#[test]
fn reading_from_the_end_gives_only_what_comes_after_the_first_start() {
    let mut w = World::with(|s| s.start = Start::End);
    w.write("system.journal", &fixture("compact"));
    shorten(&w.path("system.journal"), 30);
    w.step();
    assert_eq!((w.lines.len(), w.kinds()), (0, vec![SourceEventKind::StartedAtEnd]));
    w.restart();
    shorten(&w.path("system.journal"), ENTRIES);
    w.step();
    assert_eq!(w.numbers(), wanted(31..=ENTRIES));
    let mut empty = World::with(|s| s.start = Start::End);
    empty.step();
    empty.restart();
    empty.write("system.journal", &fixture("compact"));
    empty.step();
    assert_eq!(empty.numbers(), wanted(1..=ENTRIES), "it came after the first start");
}

#[test]
fn compressed_messages_come_out_whole_and_longer_ones_than_are_kept_count_once_with_their_head() {
    for (form, max) in [("compact", 65_536), ("plain", 65_536), ("compact", 1_024)] {
        let mut w = World::with(|s| {
            of_the_talkative(s);
            s.line_bytes_max = max;
        });
        w.write("system.journal", &fixture(form));
        w.step();
        let others: Vec<u64> = (1..=ENTRIES).filter(|n| n % 2 == 1).collect();
        assert_eq!(w.numbers(), others);
        let long: Vec<_> = w.lines.iter().filter(|l| 1_000 < l.0.len()).collect();
        assert_eq!(long.len(), 6, "{form}");
        for (text, _, oversize) in long {
            assert_eq!((text.len() == 1_024, *oversize), (max == 1_024, max == 1_024));
            assert_eq!(text.ends_with("long text \"}"), max != 1_024);
        }
    }
}

#[test]
fn what_is_no_journal_or_a_newer_one_is_raised_once_and_no_more() {
    let mut w = World::new();
    w.write("system.journal", b"no journal at all");
    let mut newer = fixture("compact");
    newer[12] |= 0x80;
    w.write("user-1000.journal", &newer);
    for _ in 0..3 {
        w.step();
    }
    assert_eq!(w.kinds(), [SourceEventKind::Unreadable; 2]);
    assert!(w.events.iter().any(|e| e.detail.contains("newer systemd")));
    w.write("system.journal", &fixture("compact"));
    w.step();
    assert_eq!(w.lines.len(), 30);
    assert_eq!(w.kinds()[2..], [SourceEventKind::ReadableAgain]);
}

/// Whatever is broken in a file: no panic, no endless loop, nothing twice; what is missing is told.
#[test]
fn damage_anywhere_is_told_and_never_counted_twice() {
    let whole = fixture("compact");
    let used = whole.iter().rposition(|b| *b != 0).unwrap();
    let mut seed = 7u64;
    let mut roll = |sides: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % sides
    };
    let arrays = whole.len().min(used);
    for round in 0..120 {
        let mut bytes = whole.clone();
        match round % 3 {
            0 => bytes.truncate(roll(used)),
            1 => (0..40).for_each(|_| bytes[roll(arrays)] ^= 1 << (round % 8)),
            _ => {
                let at = roll(used);
                bytes[at..(at + 4_096).min(used)].fill(0);
            }
        }
        let mut w = World::new();
        w.write("system.journal", &bytes);
        w.step();
        w.step();
        w.restart();
        w.step();
        let mut numbers = w.numbers();
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all, "round {round}");
        // A cut before the last entry cannot go unseen.
        if round % 3 == 0 && w.lines.len() < 30 {
            assert!(!w.events.is_empty(), "round {round}: {} lines", w.lines.len());
        }
    }
}

/// The arrays of entries of a file are a chain; a forged one that leads back to its beginning would be read for ever.
#[test]
fn a_chain_of_entries_that_leads_back_is_damage_and_ends() {
    let mut bytes = fixture("compact");
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let place = |offset: u64| usize::try_from(offset).unwrap();
    // Of the header: the number of entries, and the first array. Of an array: the next one.
    let (entries, first, next) = (152, 176, 16);
    let beginning = word(&bytes, first);
    let mut last = beginning;
    while word(&bytes, place(last) + next) != 0 {
        last = word(&bytes, place(last) + next);
    }
    assert!(beginning < last, "a chain of one array");
    bytes[place(last) + next..][..8].copy_from_slice(&beginning.to_le_bytes());
    let many = word(&bytes, entries) + 1_000;
    bytes[entries..][..8].copy_from_slice(&many.to_le_bytes());
    let mut w = World::new();
    w.write("system.journal", &bytes);
    w.step();
    w.step();
    let told = |e: &SourceEvent| e.detail.contains("the chain of entries turns back");
    assert!(w.events.iter().any(told), "{:?}", w.events);
    let mut numbers = w.numbers();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), w.lines.len());
}

#[test]
fn fields_packed_by_lz4_and_xz_are_unpacked_and_lies_about_their_length_are_not_believed() {
    use super::unpack::{Packing, unpack};
    use std::io::Write as _;
    let text = b"MESSAGE=abcabcabcabcabcabcabcabcabcabcabcabcabcabc".repeat(40);
    let mut lz4 = (text.len() as u64).to_le_bytes().to_vec();
    lz4.extend(lz4_flex::block::compress(&text));
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(6)).unwrap();
    xz.write_all(&text).unwrap();
    let xz = xz.finish().unwrap();
    for (packing, bytes) in [(Packing::Lz4, lz4.clone()), (Packing::Xz, xz)] {
        let (field, len) = unpack(packing, &bytes, 100).unwrap();
        assert_eq!(
            (field.as_slice(), len),
            (&text[..100], text.len() as u64),
            "{packing:?}"
        );
        assert!(unpack(packing, &bytes[..bytes.len() / 2], 100).is_none());
    }
    lz4[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(unpack(Packing::Lz4, &lz4, 100).is_none());
}
