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

#[test]
fn a_log_closed_for_want_of_descriptors_is_known_as_the_original_of_its_copy() {
    let few = |times| Act::Fault("source.open", 24, times);
    live(&[few(0), Act::CopyTruncate(0, true, false)]);
    live(&[few(0), Act::CopyTruncate(0, true, true)]);
    live(&[
        Act::Write(1, 2, 4),
        Act::Step,
        few(2),
        Act::Delete(0),
        Act::Write(0, 4, 7),
        Act::Step,
        Act::CopyTruncate(1, true, true),
    ]);
    live(&[
        few(9),
        Act::Write(1, 6, 33),
        Act::Step,
        Act::Die("source.look", 20),
        Act::CopyTruncate(0, true, false),
    ]);
}

#[test]
fn a_copy_waits_while_its_original_cannot_be_looked_at() {
    live(&[
        Act::Write(1, 3, 2499),
        Act::Fault("source.read", 5, 14),
        Act::Step,
        Act::Empty(0),
        Act::CopyTruncate(1, true, true),
    ]);
    for place in ["source.stat", "source.open"] {
        for times in [2, 7, 13, 17] {
            live(&[
                Act::CopyTruncate(0, false, false),
                Act::Restart,
                Act::Fault(place, 116, times),
                Act::Step,
                Act::Pack(0, Packing::Gzip, true),
            ]);
            live(&[
                Act::CopyTruncate(0, false, true),
                Act::Pack(0, Packing::Zstd, false),
                Act::Restart,
                Act::Fault(place, 116, times),
                Act::Write(1, 3, 24),
                Act::Step,
            ]);
        }
    }
}

#[test]
fn a_copy_that_ends_early_and_is_packed_before_anybody_looks_counts_nothing_twice() {
    live(&[
        Act::Fault("source.open", 24, 10),
        Act::CopyTruncate(0, true, true),
        Act::Pack(0, Packing::Gzip, true),
        Act::Scan,
    ]);
}

#[test]
fn a_batch_that_fails_while_files_cannot_be_read_counts_nothing_twice() {
    for (place, times) in [
        ("source.read", 0),
        ("source.read", 1),
        ("source.read", 2),
        ("source.read", 16),
        ("source.stat", 2),
        ("source.stat", 8),
        ("source.stat", 15),
    ] {
        let fault = Act::Fault(place, 5, times);
        live(&[
            Act::CopyTruncate(0, false, false),
            Act::Fail,
            fault,
            Act::Write(0, 2, 5),
            Act::Scan,
        ]);
        live(&[
            Act::Fail,
            Act::CopyTruncate(0, false, false),
            fault,
            Act::Read,
            Act::Write(0, 6, 7),
        ]);
        live(&[
            Act::Write(1, 3, 602),
            Act::Step,
            fault,
            Act::Fail,
            Act::CopyTruncate(0, true, false),
            Act::Step,
            Act::Step,
            Act::Write(0, 1, 13),
        ]);
        live(&[
            fault,
            Act::Write(0, 5, 19),
            Act::Fail,
            Act::CopyTruncate(0, false, true),
            Act::Pack(0, Packing::Gzip, true),
        ]);
    }
    live(&[
        Act::Empty(0),
        Act::Fault("source.read", 5, 2),
        Act::Fail,
        Act::Write(0, 6, 11),
        Act::Read,
        Act::Step,
    ]);
}

#[test]
fn a_deleted_file_that_only_a_failed_batch_knew_stays_open_until_it_can_be_read() {
    live(&[
        Act::Rotate(0, false),
        Act::Write(0, 5, 19),
        Act::Scan,
        Act::Fail,
        Act::Delete(0),
        Act::Fault("source.read", 5, 3),
        Act::Pack(0, Packing::Zstd, true),
    ]);
    live(&[
        Act::Rotate(0, false),
        Act::Write(0, 2, 4),
        Act::Scan,
        Act::Fail,
        Act::Fault("source.read", 116, 14),
        Act::CopyTruncate(0, true, true),
        Act::Delete(0),
        Act::Late(0),
    ]);
}

#[test]
fn a_copy_that_turns_up_packed_after_the_log_was_given_up_counts_nothing_twice() {
    live(&[
        Act::CopyTruncate(0, true, false),
        Act::Fault("source.list", 13, 6),
        Act::Pack(0, Packing::Gzip, false),
        Act::Step,
        Act::Pass(64),
        Act::Step,
    ]);
    live(&[
        Act::Write(1, 2, 31),
        Act::Die("source.list", 18),
        Act::CopyTruncate(1, false, false),
        Act::Fault("source.list", 116, 12),
        Act::Pack(1, Packing::Gzip, false),
        Act::CopyTruncate(0, true, true),
        Act::Pass(61),
        Act::Step,
    ]);
}

#[test]
fn a_log_of_long_records_that_was_changed_is_known_by_the_others() {
    live(&[
        Act::Rotate(0, true),
        Act::Write(0, 4, 2740),
        Act::Step,
        Act::Edit(0, 3),
        Act::CopyTruncate(0, false, false),
    ]);
    live(&[
        Act::Rotate(0, false),
        Act::Write(0, 1, 16),
        Act::Write(0, 1, 908),
        Act::Long(0),
        Act::Step,
        Act::Edit(0, 15),
        Act::Rotate(0, true),
        Act::Pack(0, Packing::Gzip, false),
    ]);
    live(&[
        Act::Write(0, 4, 2364),
        Act::Read,
        Act::Commit,
        Act::Edit(0, 41),
        Act::Write(0, 6, 15),
        Act::CopyTruncate(0, false, true),
        Act::Pack(0, Packing::Gzip, true),
    ]);
}

#[test]
fn a_log_that_was_changed_and_then_cut_back_counts_once() {
    live(&[
        Act::Write(0, 5, 2210),
        Act::Step,
        Act::Edit(0, 12),
        Act::RollBack(0, 88),
    ]);
    live(&[
        Act::Write(0, 4, 1713),
        Act::Write(0, 1, 37),
        Act::Step,
        Act::Edit(0, 5),
        Act::RollBack(0, 46),
    ]);
    live(&[
        Act::Rotate(0, true),
        Act::Long(0),
        Act::Write(0, 5, 14),
        Act::Step,
        Act::Edit(0, 15),
        Act::RollBack(0, 36),
    ]);
}

#[test]
fn two_of_five_records_changed_in_place_count_once() {
    live(&[
        Act::CopyTruncate(0, true, false),
        Act::Write(0, 3, 0),
        Act::Tear(0, 66),
        Act::Write(0, 1, 13),
        Act::Step,
        Act::Edit(0, 46),
        Act::Edit(0, 92),
    ]);
}

#[test]
fn long_records_that_are_alike_inside_are_each_counted() {
    live(&[
        Act::CopyTruncate(0, true, false),
        Act::Long(0),
        Act::Step,
        Act::Delete(0),
        Act::Long(0),
    ]);
    live(&[
        Act::Long(0),
        Act::CopyTruncate(0, true, true),
        Act::Long(0),
        Act::Long(0),
    ]);
}

#[test]
fn a_changed_log_and_its_copy_count_once_although_calls_fail() {
    live(&[
        Act::Write(0, 4, 39),
        Act::Step,
        Act::Edit(0, 15),
        Act::Restart,
        Act::Fault("source.look", 116, 18),
        Act::CopyTruncate(0, false, true),
        Act::Pack(0, Packing::Zstd, true),
    ]);
    live(&[
        Act::Write(0, 4, 773),
        Act::Step,
        Act::Restart,
        Act::Edit(0, 17),
        Act::CopyTruncate(0, false, false),
        Act::Fault("source.read", 116, 7),
        Act::Scan,
        Act::Pass(88),
        Act::Scan,
        Act::Step,
    ]);
    live(&[
        Act::Rotate(0, false),
        Act::Write(0, 2, 5),
        Act::Write(0, 6, 8),
        Act::Step,
        Act::Restart,
        Act::Edit(0, 55),
        Act::Fault("source.stat", 116, 0),
        Act::CopyTruncate(0, true, false),
    ]);
    live(&[
        Act::Write(0, 3, 26),
        Act::Step,
        Act::Edit(0, 64),
        Act::Reconfigure(true, false),
        Act::Write(0, 4, 27),
        Act::Rotate(0, false),
        Act::Pack(0, Packing::Gzip, true),
    ]);
}
