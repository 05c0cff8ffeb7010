//! The plain life of a log: appended, rotated, cut, deleted, read again after a restart.

use super::identity::Stat;
use super::*;

#[test]
fn lines_come_once_with_their_places_as_the_file_grows() {
    let mut w = World::new();
    w.append("access.log", "one\r\n\ntwo");
    w.step();
    w.append("access.log", "!\n");
    w.step();
    assert_eq!(w.texts(), ["one", "", "two!"]);
    let places: Vec<_> = w.lines.iter().map(|l| (l.at.start, l.at.end)).collect();
    assert_eq!(places, [(0, 5), (5, 6), (6, 11)]);
    let state = w.stored.values().next().unwrap();
    assert_eq!(
        (state.position, state.lines, state.head.len, state.window.len),
        (11, 3, 11, 11)
    );
    assert!(w.tailer.idle() && !w.tailer.poll());
}

#[test]
fn a_quiet_file_gives_no_changes_to_commit() {
    let mut w = World::new();
    w.append("access.log", "one\n");
    w.step();
    w.pass(WAIT);
    w.scan();
    w.drain();
    assert!(!w.tailer.has_changes() && w.tailer.hand_over() == Handed::default());
    assert!(w.tailer.take_events().is_empty());
}

#[test]
fn a_small_budget_gives_whole_records_and_says_that_there_is_more() {
    let mut w = World::new();
    w.append("access.log", &text(0..10));
    w.scan();
    w.budget = 20;
    assert_eq!(
        w.read(),
        ReadOutcome {
            bytes: 18,
            lines: 2,
            scanned: 18,
            more: true
        }
    );
    w.budget = 1;
    assert_eq!(
        w.read(),
        ReadOutcome {
            bytes: 9,
            lines: 1,
            scanned: 9,
            more: true
        }
    );
    w.drain();
    w.commit();
    assert_eq!(w.texts(), numbered(0..10));
}

#[test]
fn rename_and_create_with_a_late_writer_on_the_old_file() {
    let mut w = World::new();
    let mut old = w.writer("access.log");
    old.write_all(text(0..3).as_bytes()).unwrap();
    w.budget = 18;
    w.scan();
    w.read();
    w.commit();
    w.budget = 1 << 20;
    w.rename("access.log", "access.log.1");
    w.append("access.log", &text(5..7));
    old.write_all(text(3..4).as_bytes()).unwrap();
    w.step();
    old.write_all(text(4..5).as_bytes()).unwrap();
    w.step();
    assert_eq!(w.sorted(), numbered(0..7));
    assert_eq!(&w.texts()[..4], numbered(0..4), "the rotated file is read first");
    w.settle();
    assert_eq!(
        w.phases(),
        [
            ("access.log.1".to_owned(), Phase::Sealed),
            ("access.log".to_owned(), Phase::Live)
        ]
    );
    // Even hours later the line of a wedged worker is not lost.
    old.write_all(text(7..8).as_bytes()).unwrap();
    w.step();
    assert_eq!(w.sorted(), numbered(0..8));
    assert!(w.events.is_empty());
}

#[test]
fn a_rotation_before_anything_was_read_loses_nothing() {
    let mut w = World::new();
    w.append("access.log", &text(0..3));
    w.scan();
    w.rename("access.log", "access.log.1");
    w.append("access.log", &text(3..5));
    w.step();
    assert_eq!(w.texts(), numbered(0..5));
}

#[test]
fn several_rotations_between_two_looks() {
    let mut w = World::new();
    w.append("access.log", &text(0..2));
    w.step();
    for n in 1..4 {
        w.append("access.log", &text(n * 2..n * 2 + 1));
        for i in (1..n).rev() {
            w.rename(&format!("access.log.{i}"), &format!("access.log.{}", i + 1));
        }
        w.rename("access.log", "access.log.1");
        w.append("access.log", &text(n * 2 + 1..n * 2 + 2));
    }
    w.step();
    assert_eq!(w.texts(), numbered(0..8));
    w.settle();
    w.restart();
    w.settle();
    assert_eq!(w.texts(), numbered(0..8));
}

#[test]
fn rotations_while_down_are_caught_up_oldest_first() {
    for rotations in 0..5u32 {
        for dated in [false, true] {
            let mut w = World::new();
            w.append("access.log.old", "not ours\n");
            w.append("access.log.7", "from before the first start\n");
            w.append("access.log", &text(0..2));
            w.step();
            w.restart();
            w.append("access.log", &text(2..4));
            for n in 0..rotations {
                if dated {
                    w.rename("access.log", &format!("access.log-2026010{}", n + 1));
                } else {
                    for i in (1..=n).rev() {
                        w.rename(&format!("access.log.{i}"), &format!("access.log.{}", i + 1));
                    }
                    w.rename("access.log", "access.log.1");
                }
                w.append("access.log", &text(4 + n * 2..6 + n * 2));
            }
            w.step();
            assert_eq!(w.texts(), numbered(0..4 + rotations * 2), "{rotations} {dated}");
            assert!(w.events.is_empty());
            w.settle();
            w.restart();
            w.settle();
            assert_eq!(w.lines.len() as u32, 4 + rotations * 2);
        }
    }
}

#[test]
fn truncation_is_an_event_and_what_follows_is_read() {
    let mut w = World::new();
    w.append("access.log", &text(0..5));
    w.step();
    fs::write(w.path("access.log"), text(5..7)).unwrap();
    w.drain();
    w.commit();
    assert_eq!(w.texts(), numbered(0..7));
    assert_eq!(w.kinds(), [SourceEventKind::Truncated]);
    assert_eq!((w.events[0].lo, w.events[0].hi), (0, 45));
    w.step();
    w.restart();
    w.step();
    assert_eq!(w.texts(), numbered(0..7));
    assert_eq!(w.kinds().len(), 1);
}

#[test]
fn a_file_that_is_truncated_and_refilled_beyond_the_position_is_read_anew() {
    for (name, refill) in [("longer", 10..20), ("same size", 10..15)] {
        for down in [false, true] {
            let mut w = World::new();
            w.append("access.log", &text(0..5));
            w.step();
            if down {
                w.restart();
            }
            fs::write(w.path("access.log"), text(refill.clone())).unwrap();
            w.step();
            let expected: Vec<_> = numbered(0..5).into_iter().chain(numbered(refill.clone())).collect();
            assert_eq!(w.texts(), expected, "{name} {down}");
            assert_eq!(w.kinds(), [SourceEventKind::Truncated], "{name} {down}");
        }
    }
}

#[test]
fn a_file_cut_back_to_an_intact_beginning_goes_on_there() {
    for down in [false, true] {
        let mut w = World::new();
        w.append("access.log", &text(0..600));
        w.step();
        if down {
            w.restart();
        }
        File::options()
            .write(true)
            .open(w.path("access.log"))
            .unwrap()
            .set_len(550 * 9 + 4)
            .unwrap();
        w.step();
        w.append("access.log", &text(600..603));
        w.step();
        assert!(w.texts() == numbered(0..603), "{down}: {} lines", w.lines.len());
        assert_eq!(w.kinds(), [SourceEventKind::RolledBack]);
        assert_eq!((w.events[0].lo, w.events[0].hi), (4096, 600 * 9));
    }
}

#[test]
fn an_edit_of_what_was_read_is_an_event_and_counts_nothing_again() {
    let mut w = World::new();
    w.append("access.log", &text(0..600));
    w.step();
    let edited = text(0..600).replace("line-590", "line-abc") + &text(600..602);
    fs::write(w.path("access.log"), edited).unwrap();
    w.step();
    assert!(w.texts() == numbered(0..602), "{} lines", w.lines.len());
    assert_eq!(w.kinds(), [SourceEventKind::Edited]);
}

#[test]
fn a_short_file_that_was_cut_and_went_on_is_read_from_the_cut() {
    let mut w = World::new();
    w.append("access.log", &text(0..5));
    w.step();
    fs::write(w.path("access.log"), text(0..2) + &text(7..9)).unwrap();
    w.step();
    assert_eq!(w.texts(), [numbered(0..5), numbered(7..9)].concat());
    assert_eq!((w.events[0].lo, w.events[0].hi), (18, 45));
}

#[test]
fn copytruncate_stepped_between_every_system_call() {
    for reads in 0..32u32 {
        let mut w = World::new();
        let look = |w: &mut World, bit: u32| {
            if reads & (1 << bit) != 0 {
                w.step();
            }
        };
        w.append("access.log", &text(0..3));
        w.step();
        w.append("access.log", &text(3..6));
        look(&mut w, 0);
        File::create(w.path("access.log.1")).unwrap();
        look(&mut w, 1);
        w.append("access.log.1", &text(0..2));
        look(&mut w, 2);
        w.append("access.log.1", &text(2..6));
        look(&mut w, 3);
        File::options()
            .write(true)
            .open(w.path("access.log"))
            .unwrap()
            .set_len(0)
            .unwrap();
        look(&mut w, 4);
        w.append("access.log", &text(6..8));
        w.step();
        w.append("access.log", &text(8..9));
        w.settle();
        w.restart();
        w.settle();
        assert_eq!(w.sorted(), numbered(0..9), "{reads:b}");
        assert!(w.events.is_empty(), "{reads:b} {:?}", w.events);
    }
}

#[test]
fn copytruncate_while_down_goes_on_in_the_copy() {
    let mut w = World::new();
    w.append("access.log", &text(0..3));
    w.step();
    w.append("access.log", &text(3..5));
    w.restart();
    fs::copy(w.path("access.log"), w.path("access.log.1")).unwrap();
    fs::write(w.path("access.log"), text(5..6)).unwrap();
    w.settle();
    w.restart();
    w.settle();
    assert_eq!(w.texts(), numbered(0..6));
    assert!(w.events.is_empty());
}

#[test]
fn members_from_before_the_first_start_are_not_read_but_what_is_added_to_them_is() {
    let mut w = World::new();
    w.append("access.log.1", "old\n");
    w.append("access.log", &text(0..1));
    w.step();
    w.append("access.log.1", "late\n");
    w.step();
    w.rename("access.log.1", "access.log.2");
    w.restart();
    w.step();
    assert_eq!(w.texts(), ["line-000", "late"]);
}

#[test]
fn started_at_the_end_counts_what_comes_and_says_what_was_left_out() {
    let mut w = World::with(|s| s.start = Start::End);
    w.append("access.log", "old 1\nold 2\nbeing wri");
    w.scan();
    w.append("access.log", "tten\nnew\n");
    w.append("late.log", "");
    w.step();
    assert_eq!(w.texts(), ["being written", "new"]);
    assert_eq!(w.kinds(), [SourceEventKind::StartedAtEnd]);
    assert_eq!((w.events[0].lo, w.events[0].hi), (0, 12));
    w.rename("access.log", "access.log.1");
    w.append("access.log", "next\n");
    w.restart();
    w.step();
    assert_eq!(w.texts(), ["being written", "new", "next"]);
}

#[test]
fn an_incomplete_last_line_waits_for_its_end_or_for_the_file_to_be_over() {
    let mut w = World::new();
    w.append("access.log", "one\ntw");
    w.step();
    w.pass(WAIT * 3);
    w.step();
    assert_eq!(w.texts(), ["one"], "no time alone makes a record");
    w.rename("access.log", "access.log.1");
    w.settle();
    assert_eq!(w.texts(), ["one"], "nothing follows yet");
    w.append("access.log", "three\n");
    w.step();
    assert_eq!(w.texts(), ["one", "tw", "three"]);
    w.settle();
    assert_eq!(w.lines.len(), 3);
}

#[test]
fn several_files_by_glob_each_count_even_with_the_same_content() {
    let mut w = World::with(|s| s.paths = vec!["*/app*.log".to_owned()]);
    fs::create_dir(w.path("a")).unwrap();
    let same = text(0..1000);
    w.append("a/app1.log", &same);
    w.append("a/app2.log", &same);
    w.append("a/other.txt", "no\n");
    w.step();
    fs::create_dir(w.path("b")).unwrap();
    w.append("b/app1.log", &same);
    w.step();
    assert_eq!(w.lines.len(), 3000);
    assert!(w.tailer.watch_dirs().contains(&w.path("b")) && w.tailer.watch_dirs().contains(&w.path("")));
    w.restart();
    w.step();
    assert_eq!(w.lines.len(), 3000);
    assert_eq!(w.tailer.status().len(), 3);
}

#[test]
fn a_glob_that_matches_rotated_names_too_reads_each_file_once() {
    let mut w = World::with(|s| s.paths = vec!["access.log*".to_owned()]);
    w.append("access.log.2", &text(0..2));
    w.append("access.log.1", &text(2..4));
    w.append("access.log", &text(4..6));
    fs::hard_link(w.path("access.log"), w.path("access.log-link")).unwrap();
    w.step();
    w.rename("access.log.2", "access.log.3");
    w.rename("access.log.1", "access.log.2");
    w.rename("access.log", "access.log.1");
    w.append("access.log", &text(6..8));
    w.settle();
    w.restart();
    w.settle();
    assert_eq!(w.texts(), numbered(0..8));
}

#[test]
fn a_link_to_the_file_of_the_day_is_followed_when_it_moves_on() {
    let mut w = World::new();
    w.append("access-20260101.log", &text(0..2));
    std::os::unix::fs::symlink("access-20260101.log", w.path("access.log")).unwrap();
    w.step();
    w.append("access-20260101.log", &text(2..3));
    w.append("access-20260102.log", &text(3..5));
    fs::remove_file(w.path("access.log")).unwrap();
    std::os::unix::fs::symlink("access-20260102.log", w.path("access.log")).unwrap();
    w.settle();
    w.restart();
    w.settle();
    assert_eq!(w.texts(), numbered(0..5));
}

#[test]
fn directories_that_do_not_exist_yet_go_and_come_again() {
    let mut w = World::with(|s| s.paths = vec!["var/log/access.log".to_owned()]);
    w.step();
    assert_eq!(w.tailer.watch_dirs(), [w.path("")]);
    assert!(w.tailer.idle());
    fs::create_dir_all(w.path("var/log")).unwrap();
    w.append("var/log/access.log", &text(0..2));
    w.step();
    assert_eq!(w.tailer.watch_dirs(), [w.path("var/log")]);
    w.rename("var/log", "var/old");
    w.append("var/old/access.log", &text(2..3));
    w.step();
    fs::create_dir(w.path("var/log")).unwrap();
    w.append("var/log/access.log", &text(3..4));
    w.settle();
    assert_eq!(w.texts(), numbered(0..4));
}

#[test]
fn a_file_replaced_by_its_own_content_is_not_counted_again() {
    let mut w = World::new();
    w.append("access.log", &text(0..900));
    w.step();
    fs::copy(w.path("access.log"), w.path("tmp")).unwrap();
    w.rename("tmp", "access.log");
    w.append("access.log", &text(900..902));
    w.step();
    assert_eq!(w.texts(), numbered(0..902));
}

#[test]
fn another_device_number_after_a_reboot_changes_nothing() {
    let mut w = World::new();
    w.append("access.log", &text(0..2));
    w.step();
    w.rename("access.log", "access.log.1");
    w.append("access.log", "");
    w.append("access.log", &text(2..3));
    w.settle();
    for state in w.stored.values_mut() {
        state.incarnation.dev += 77;
    }
    w.restart();
    w.append("access.log", &text(3..4));
    w.settle();
    assert_eq!(w.texts(), numbered(0..4));
    assert!(w.events.is_empty());
}

#[test]
fn a_change_while_down_at_either_end_of_what_was_read_is_noticed() {
    for edited in ["line-000", "line-599"] {
        let mut w = World::new();
        w.append("access.log", &text(0..600));
        w.step();
        w.restart();
        fs::write(
            w.path("access.log"),
            text(0..600).replace(edited, "line-abc") + &text(600..601),
        )
        .unwrap();
        w.step();
        assert_eq!(w.kinds(), [SourceEventKind::Edited], "{edited}");
        assert!(w.texts() == numbered(0..601), "{edited}: {} lines", w.lines.len());
    }
}

#[test]
fn a_copy_that_ends_before_what_was_read_is_not_counted_again() {
    for looked in [false, true] {
        let mut w = World::new();
        w.append("access.log", &text(0..3));
        w.step();
        fs::copy(w.path("access.log"), w.path("access.log.1")).unwrap();
        w.append("access.log", &text(3..6));
        if looked {
            w.scan();
        }
        w.drain();
        fs::write(w.path("access.log"), text(6..7)).unwrap();
        w.settle();
        w.restart();
        w.settle();
        assert_eq!(w.texts(), numbered(0..7), "{looked}");
        assert!(w.events.is_empty(), "the copy holds what it could hold");
    }
}

#[test]
fn files_said_to_be_written_to_are_read_under_any_name_and_the_others_at_the_next_look() {
    let mut w = World::with(|s| s.paths = vec!["a.log".to_owned(), "b.log".to_owned()]);
    w.append("a.log", "a1\n");
    w.append("b.log", "b1\n");
    w.step();
    w.rename("a.log", "a.log.1");
    w.append("a.log.1", "a2\n");
    w.append("b.log", "b2\n");
    let a = Stat::of_path(&w.path("a.log.1"), true).unwrap().incarnation;
    assert!(!w.tailer.written(&[Incarnation::default()]));
    assert!(w.tailer.written(&[a]));
    w.read();
    w.commit();
    assert_eq!(w.texts(), ["a1", "b1", "a2"]);
    assert!(w.tailer.poll());
    w.drain();
    w.commit();
    assert_eq!(w.texts(), ["a1", "b1", "a2", "b2"]);
    // Nothing new in it: nothing is read, and it is not looked at again and again.
    assert!(w.tailer.written(&[a]));
    assert_eq!(w.read(), ReadOutcome::default());
    assert!(w.tailer.idle() && !w.tailer.poll());
}
