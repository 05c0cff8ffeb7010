//! What a batch takes along, and files that are over: nothing is let go before it is durable.

use super::*;

#[test]
fn an_unlinked_file_stays_open_until_the_batch_that_sealed_it_is_durable() {
    let mut w = World::new();
    let mut old = w.writer("access.log");
    old.write_all(text(0..3).as_bytes()).unwrap();
    w.step();
    fs::remove_file(w.path("access.log")).unwrap();
    w.step();
    w.pass(WAIT);
    w.scan();
    w.drain();
    // The batch is on its way when the last line comes, and fails.
    let handed = w.tailer.hand_over();
    assert!(handed.segments.iter().any(|s| s.phase == Phase::Sealed));
    old.write_all(text(3..4).as_bytes()).unwrap();
    w.fail_batch();
    w.settle();
    assert_eq!(w.texts(), numbered(0..4));
}

#[test]
fn the_next_batch_is_read_while_the_last_one_is_on_its_way() {
    let mut w = World::new();
    w.append("access.log", &text(0..3));
    w.scan();
    w.drain();
    let first = w.tailer.hand_over();
    let mut one = std::mem::take(&mut w.batch);
    w.append("access.log", &text(3..5));
    w.drain();
    w.store(first);
    w.lines.append(&mut one);
    w.tailer.committed();
    assert!(w.tailer.has_changes(), "the second batch is not durable yet");
    w.commit();
    w.restart();
    w.settle();
    assert_eq!(w.texts(), numbered(0..5));
}

#[test]
fn a_file_that_was_over_and_then_left_the_source_is_read_on_when_somebody_writes_to_it() {
    let mut w = World::new();
    let mut old = w.writer("access.log");
    old.write_all(text(0..2).as_bytes()).unwrap();
    w.step();
    w.rename("access.log", "access.log.1");
    w.append("access.log", &text(2..3));
    w.settle();
    assert!(w.phases().contains(&("access.log.1".to_owned(), Phase::Sealed)));
    w.rename("access.log.1", "archive");
    w.settle();
    assert_eq!(w.kinds(), [], "moving away what is over is nobody's concern");
    old.write_all(text(3..4).as_bytes()).unwrap();
    w.settle();
    assert_eq!(w.texts(), numbered(0..4));
    assert_eq!(w.kinds(), [SourceEventKind::RenamedAway]);
}

#[test]
fn rotated_files_with_the_same_single_line_are_each_counted() {
    let born = |w: &World, name: &str| {
        let stat = super::super::identity::Stat::of_path(&w.path(name), true);
        stat.map_or(0, |s| s.incarnation.btime)
    };
    // As rotations are seconds apart, no two files have the same birth time.
    let begin = |w: &World| {
        while born(w, "access.log") <= born(w, "access.log.1") {
            fs::remove_file(w.path("access.log")).ok();
            w.append("access.log", "heartbeat\n");
        }
    };
    for down in [false, true] {
        let mut w = World::new();
        begin(&w);
        w.step();
        for _ in 0..3 {
            if down {
                w.restart();
            }
            for n in (1..9).rev() {
                if w.path(&format!("access.log.{n}")).exists() {
                    w.rename(&format!("access.log.{n}"), &format!("access.log.{}", n + 2));
                }
            }
            w.rename("access.log", "access.log.1");
            begin(&w);
            w.rename("access.log.1", "access.log.2");
            w.rename("access.log", "access.log.1");
            begin(&w);
            w.settle();
        }
        assert_eq!(w.lines.len(), 7, "{down}");
    }
}

#[test]
fn start_at_the_end_is_spent_by_a_start_without_files() {
    let mut w = World::with(|s| s.start = Start::End);
    w.step();
    w.restart();
    w.append("access.log", &text(0..2));
    w.step();
    assert_eq!(w.texts(), numbered(0..2), "it appeared after the first start");
    assert!(w.events.is_empty());
}

#[test]
fn a_pattern_added_later_has_its_own_first_start_and_another_name_for_the_same_files_has_not() {
    let mut w = World::with(|s| s.start = Start::End);
    w.append("other.log", "old\n");
    w.append("access.log", "old\n");
    w.step();
    w.settings.paths.push(w.path("other.log").to_str().unwrap().to_owned());
    w.restart();
    w.append("other.log", "new\n");
    w.step();
    assert!(
        w.texts().is_empty(),
        "there before the first start of its pattern: {:?}",
        w.texts()
    );
    w.settings.paths = vec![w.path("*.log").to_str().unwrap().to_owned()];
    w.append("access.log", "newer\n");
    w.rename("access.log", "access.log.1");
    w.append("access.log", "newest\n");
    w.restart();
    w.append("other.log", "last\n");
    w.settle();
    assert_eq!(w.sorted(), ["last", "newer", "newest"]);
}

#[test]
fn cells_are_separated_by_the_configured_delimiter_only() {
    for (delimiter, lines) in [(Some(b','), 3), (Some(b';'), 2), (None, 2)] {
        let mut w = World::with(|s| {
            s.quoted_newlines = true;
            s.delimiter = delimiter;
        });
        w.append("access.log", "a;\"x\ny\";z\nnext,1\n");
        w.step();
        assert_eq!(w.lines.len(), lines, "{delimiter:?}");
    }
}
