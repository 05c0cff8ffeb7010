//! Lives of files that were once told wrong, as short as they could be made. Each failed before the reader was mended.

use super::script::{Act, Names, Packing, Script, Senses, Setup};

/// Reads `budget` bytes at once, told and polling; numbered names.
const SETUP: Setup = Setup {
    names: Names::Numbered,
    senses: Senses::Both,
    budget: 700,
    wide: false,
};

fn live(acts: &[Act]) {
    for (budget, senses) in [(60, Senses::Polling), (700, Senses::Both), (1 << 20, Senses::WakeUps)] {
        for names in [Names::Numbered, Names::Dated] {
            let setup = Setup {
                names,
                senses,
                budget,
                ..SETUP
            };
            let acts = acts.to_vec();
            if let Err(why) = super::live(&Script { setup, acts }) {
                panic!("{setup:?}: {why}");
            }
        }
    }
}

#[test]
fn a_copy_that_cannot_be_opened_when_the_log_is_cut_counts_nothing_twice() {
    let out = |place| Act::Fault(place, 24, 2);
    live(&[
        Act::Write(1, 5, 18),
        Act::Scan,
        out("source.open"),
        Act::CopyTruncate(0, false, true),
        Act::Step,
    ]);
    live(&[out("source.list"), Act::CopyTruncate(0, false, false), Act::Scan]);
    live(&[
        Act::Write(1, 2, 32),
        Act::Restart,
        Act::Read,
        out("source.open"),
        Act::CopyTruncate(1, true, true),
        Act::Pack(1, Packing::Zstd, false),
        Act::Read,
    ]);
}

#[test]
fn a_file_that_cannot_be_looked_at_while_it_is_packed_is_still_the_same() {
    live(&[
        Act::Write(1, 1, 22),
        Act::Step,
        Act::Write(0, 6, 9),
        Act::Rotate(0, false),
        Act::Fault("source.stat", 5, 17),
        Act::Write(0, 3, 25),
        Act::Pack(0, Packing::Gzip, true),
    ]);
}

#[test]
fn a_file_that_could_not_be_read_is_tried_again_as_soon_as_it_can() {
    live(&[
        Act::Fault("source.read", 13, 11),
        Act::Write(0, 3, 36),
        Act::Read,
        Act::Write(1, 1, 2549),
    ]);
}

#[test]
fn the_last_record_changed_in_place_counts_once() {
    live(&[Act::Write(0, 6, 31), Act::Step, Act::Edit(0, 96)]);
    live(&[Act::Write(0, 4, 30), Act::Step, Act::Edit(0, 87), Act::Restart]);
}

#[test]
fn a_log_that_was_changed_and_then_copied_and_emptied_counts_once() {
    for looks in [false, true] {
        live(&[
            Act::Write(0, 5, 33),
            Act::Step,
            Act::Edit(0, 40),
            Act::CopyTruncate(0, looks, false),
        ]);
        live(&[
            Act::Write(0, 4, 30),
            Act::Step,
            Act::Edit(0, 87),
            Act::CopyTruncate(0, looks, false),
        ]);
    }
    live(&[
        Act::Write(0, 3, 36),
        Act::Step,
        Act::Edit(0, 8),
        Act::Restart,
        Act::CopyTruncate(0, false, false),
        Act::Write(0, 1, 655),
    ]);
    live(&[
        Act::CopyTruncate(0, false, false),
        Act::Write(0, 3, 1475),
        Act::Step,
        Act::Edit(0, 50),
        Act::CopyTruncate(0, true, true),
    ]);
    live(&[
        Act::Write(0, 5, 2482),
        Act::Step,
        Act::Edit(0, 68),
        Act::CopyTruncate(0, true, false),
    ]);
}

#[test]
fn a_log_that_was_changed_and_then_packed_counts_once() {
    live(&[
        Act::Write(0, 4, 6),
        Act::Step,
        Act::Edit(0, 34),
        Act::Rotate(0, false),
        Act::Restart,
        Act::Pack(0, Packing::Gzip, false),
    ]);
    live(&[
        Act::Long(0),
        Act::Write(0, 6, 23),
        Act::Step,
        Act::Edit(0, 82),
        Act::Write(0, 4, 1026),
        Act::Rotate(0, false),
        Act::Pack(0, Packing::Zstd, true),
    ]);
}

#[test]
fn a_log_cut_back_twice_goes_on_where_it_ends() {
    live(&[
        Act::Write(0, 1, 9),
        Act::Write(0, 2, 24),
        Act::Step,
        Act::RollBack(0, 88),
        Act::RollBack(0, 38),
    ]);
}

#[test]
fn a_log_cut_back_and_written_to_while_down_begins_with_a_whole_record() {
    live(&[
        Act::Write(0, 6, 1586),
        Act::Write(0, 4, 2),
        Act::Step,
        Act::RollBack(0, 97),
    ]);
    live(&[
        Act::Write(0, 4, 1599),
        Act::Write(0, 4, 38),
        Act::Step,
        Act::RollBack(0, 19),
    ]);
    live(&[
        Act::CopyTruncate(0, true, false),
        Act::Write(0, 5, 30),
        Act::Step,
        Act::Edit(0, 30),
        Act::RollBack(0, 63),
    ]);
}
