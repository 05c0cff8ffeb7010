//! Files that go: deleted, renamed out of the watch, left in a form nobody reads.

use super::*;

#[test]
fn delete_and_recreate_with_the_inode_used_again() {
    let mut w = World::new();
    w.append("access.log", "same first line\n");
    w.step();
    for n in 0..8 {
        fs::remove_file(w.path("access.log")).unwrap();
        w.append("access.log", &format!("same first line\n{n}\n"));
        // Without a look in between, the descriptor we hold keeps the inode from being used again; after
        // a restart nothing does.
        if n % 2 == 1 {
            w.restart();
        }
        w.step();
        assert_eq!(w.lines.len(), 3 + n * 2);
    }
}

#[test]
fn a_file_deleted_before_it_was_read_is_read_to_its_end() {
    let mut w = World::new();
    let mut old = w.writer("access.log");
    old.write_all(text(0..3).as_bytes()).unwrap();
    w.scan();
    fs::remove_file(w.path("access.log")).unwrap();
    w.append("access.log", &text(4..5));
    w.step();
    old.write_all(text(3..4).as_bytes()).unwrap();
    w.settle();
    assert_eq!(w.sorted(), numbered(0..5));
    assert_eq!(w.stored.values().filter(|s| s.phase == Phase::Sealed).count(), 1);
}

#[test]
fn a_file_that_went_while_down_is_a_lost_event() {
    let mut w = World::new();
    w.append("access.log", &text(0..3));
    w.step();
    w.restart();
    fs::remove_file(w.path("access.log")).unwrap();
    w.append("access.log", &text(3..5));
    w.step();
    assert_eq!(w.texts(), numbered(0..5));
    assert_eq!(w.kinds(), [SourceEventKind::Lost]);
    w.restart();
    w.step();
    assert_eq!(w.kinds().len(), 1);
}

#[test]
fn a_file_that_exists_only_in_a_form_that_is_not_read_is_a_lost_event_that_says_so() {
    let mut w = World::new();
    w.append("access.log", &text(0..3));
    w.step();
    w.restart();
    fs::remove_file(w.path("access.log")).unwrap();
    w.append("access.log.2.lz4", "packed");
    w.append("access.log.1", &text(3..5));
    w.append("access.log", &text(5..6));
    w.step();
    assert_eq!(w.texts(), numbered(0..6));
    assert_eq!(w.kinds(), [SourceEventKind::Lost]);
    assert!(w.events[0].detail.contains("compressed"), "{}", w.events[0].detail);
}

#[test]
fn a_generation_in_between_in_a_form_that_is_not_read_is_a_lost_event() {
    let mut w = World::new();
    w.append("access.log", &text(0..3));
    w.step();
    w.restart();
    w.rename("access.log", "access.log.2");
    w.append("access.log.1.Z", "packed");
    w.append("access.log", &text(3..4));
    w.step();
    assert_eq!(w.texts(), numbered(0..4));
    assert_eq!(w.kinds(), [SourceEventKind::Lost]);
}

#[test]
fn unread_bytes_that_vanish_are_an_event() {
    let mut w = World::new();
    w.append("access.log", &(text(0..3) + "being writ"));
    w.step();
    File::options()
        .write(true)
        .open(w.path("access.log"))
        .unwrap()
        .set_len(30)
        .unwrap();
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::Gap]);
    assert_eq!((w.events[0].lo, w.events[0].hi), (30, 37));
    w.append("access.log", "re\n");
    w.step();
    assert_eq!(w.texts(), ["line-000", "line-001", "line-002", "beire"]);
}

#[test]
fn a_file_renamed_out_of_the_configuration_is_read_on_and_told_once() {
    for steps in [&["gone"][..], &["access.log.1", "gone"]] {
        let mut w = World::new();
        let mut old = w.writer("access.log");
        old.write_all(text(0..2).as_bytes()).unwrap();
        w.step();
        let mut name = "access.log";
        for to in steps {
            w.rename(name, to);
            name = to;
            w.append("access.log", &text(2..3));
            w.step();
        }
        w.settle();
        w.settle();
        assert_eq!(w.kinds(), [SourceEventKind::RenamedAway], "{steps:?}");
        old.write_all(text(3..9).as_bytes()).unwrap();
        w.drain();
        // A failed batch neither closes it nor tells again what the store has.
        w.fail_batch();
        w.settle();
        let mut expected = numbered(0..9);
        expected.extend(numbered(2..3).into_iter().cycle().take(steps.len() - 1));
        expected.sort();
        assert_eq!(w.sorted(), expected, "{steps:?}");
        assert_eq!(w.kinds(), [SourceEventKind::RenamedAway]);
        // Deleted, it is over as any other.
        fs::remove_file(w.path(name)).unwrap();
        w.settle();
        assert!(
            w.phases().iter().any(|(_, phase)| *phase == Phase::Sealed),
            "{:?}",
            w.phases()
        );
    }
}

#[test]
fn an_untold_rename_is_told_again_after_a_failed_batch_and_not_at_all_if_the_name_comes_back() {
    let mut w = World::new();
    w.append("access.log", &text(0..2));
    w.step();
    w.rename("access.log", "gone");
    w.step();
    w.rename("gone", "access.log");
    w.settle();
    assert!(w.events.is_empty());
    w.rename("access.log", "gone");
    w.step();
    w.pass(WAIT);
    w.scan();
    w.fail_batch();
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::RenamedAway]);
}

#[test]
fn of_too_many_files_renamed_away_the_oldest_is_let_go_with_an_event() {
    let max = super::super::away::AWAY_MAX as u32;
    let mut w = World::new();
    let mut first = w.writer("access.log");
    for n in 0..=max {
        w.append("access.log", &text(n..n + 1));
        w.step();
        w.rename("access.log", &format!("gone-{n}"));
        w.step();
        w.pass(Duration::from_secs(1));
    }
    w.step();
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::Lost]);
    first.write_all(b"unread\n").unwrap();
    w.settle();
    assert_eq!(w.texts(), numbered(0..max + 1));
    let told = w.kinds().into_iter().filter(|k| *k == SourceEventKind::RenamedAway);
    assert_eq!(told.count(), max as usize);
}

#[test]
fn a_log_that_comes_back_after_it_was_called_lost_counts_nothing_twice() {
    for lines in [3, 900] {
        for copied in [false, true] {
            // A short copy looks like many other files.
            if copied && lines == 3 {
                continue;
            }
            let mut w = World::with(|s| s.paths = vec!["var/log/access.log".to_owned()]);
            fs::create_dir_all(w.path("var/log")).unwrap();
            w.append("var/log/access.log", &text(0..lines));
            w.step();
            w.rename("var/log", "var/away");
            w.restart();
            w.settle();
            assert_eq!(w.kinds(), [SourceEventKind::Lost], "{lines} {copied}");
            if copied {
                fs::create_dir(w.path("var/log")).unwrap();
                fs::copy(w.path("var/away/access.log"), w.path("var/log/access.log")).unwrap();
            } else {
                w.rename("var/away", "var/log");
            }
            w.append("var/log/access.log", &text(lines..lines + 2));
            w.restart();
            w.settle();
            assert_eq!(w.texts(), numbered(0..lines + 2), "{lines} {copied}");
        }
    }
}

#[test]
fn rotated_files_deleted_while_down_after_they_were_read_are_no_loss_and_others_are() {
    let mut w = World::new();
    for n in 0..4 {
        w.append("access.log", &text(n * 10..n * 10 + 10));
        w.step();
        for old in (1..=n).rev() {
            w.rename(&format!("access.log.{old}"), &format!("access.log.{}", old + 1));
        }
        w.rename("access.log", "access.log.1");
        w.append("access.log", "");
        w.step();
        w.pass(Duration::from_secs(1));
    }
    w.append("access.log", &text(40..41));
    w.step();
    // Rotation keeps two, and then somebody takes one out of the row.
    fs::remove_file(w.path("access.log.4")).unwrap();
    w.restart();
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::Expired]);
    fs::remove_file(w.path("access.log.1")).unwrap();
    w.restart();
    w.step();
    assert_eq!(w.kinds(), [SourceEventKind::Expired, SourceEventKind::Lost]);
    assert_eq!(w.texts(), numbered(0..41));
}
