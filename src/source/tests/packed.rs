//! Compressed members of a rotation: read on where their plain file was left, or whole, and once.

use super::super::body::Form;
use super::*;

const FORMS: [(&str, Form); 4] = super::super::body::FORMS;

fn pack(form: Form, bytes: &[u8]) -> Vec<u8> {
    match form {
        Form::Gzip => {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Form::Bzip2 => {
            let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Form::Xz => {
            let mut to = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Form::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        Form::Evtx => unreachable!("not among FORMS"),
    }
}

/// What `gzip access.log.1` does.
fn compress(w: &World, name: &str, (suffix, form): (&str, Form)) {
    let bytes = fs::read(w.path(name)).unwrap();
    fs::write(w.path(&format!("{name}{suffix}")), pack(form, &bytes)).unwrap();
    fs::remove_file(w.path(name)).unwrap();
}

#[test]
fn a_file_that_was_compressed_while_down_is_read_on_by_its_position_before_compression() {
    for form in FORMS {
        for read in [0, 3, 700] {
            let mut w = World::new();
            w.append("access.log", &text(0..read));
            w.step();
            w.restart();
            w.append("access.log", &text(read..900));
            w.rename("access.log", "access.log.1");
            compress(&w, "access.log.1", form);
            w.append("access.log", &text(900..902));
            w.settle();
            assert!(
                w.texts() == numbered(0..902),
                "{form:?} {read}: {} lines",
                w.lines.len()
            );
            w.rename(&format!("access.log.1{}", form.0), &format!("access.log.2{}", form.0));
            w.restart();
            w.settle();
            assert_eq!(w.lines.len(), 902);
            assert_eq!(w.kinds(), [], "{form:?} {read}");
        }
    }
}

#[test]
fn rotations_while_down_compressed_or_not_are_caught_up_in_order() {
    for rotations in 0..5u32 {
        for mixed in 0..3 {
            for dated in [false, true] {
                let mut w = World::new();
                w.append("access.log", &text(0..2));
                w.step();
                w.restart();
                w.append("access.log", &text(2..4));
                for n in 0..rotations {
                    let to = if dated {
                        format!("access.log-2026010{}", n + 1)
                    } else {
                        for i in (1..=n).rev() {
                            for suffix in ["", ".gz", ".zst", ".xz", ".bz2"] {
                                let from = format!("access.log.{i}{suffix}");
                                if w.path(&from).exists() {
                                    w.rename(&from, &format!("access.log.{}{suffix}", i + 1));
                                }
                            }
                        }
                        "access.log.1".to_owned()
                    };
                    w.rename("access.log", &to);
                    if n % 3 < mixed {
                        compress(&w, &to, FORMS[n as usize % 4]);
                    }
                    w.append("access.log", &text(4 + n * 2..6 + n * 2));
                }
                w.settle();
                assert_eq!(w.texts(), numbered(0..4 + rotations * 2), "{rotations} {mixed} {dated}");
                w.restart();
                w.settle();
                assert_eq!(w.lines.len() as u32, 4 + rotations * 2);
                assert_eq!(w.kinds(), []);
            }
        }
    }
}

#[test]
fn compression_at_once_and_later_while_running_counts_nothing_twice() {
    for (suffix, form) in FORMS {
        for delayed in [false, true] {
            let mut w = World::new();
            w.append("access.log", &text(0..50));
            w.step();
            let mut late = w.writer("access.log");
            w.rename("access.log", "access.log.1");
            w.append("access.log", &text(60..70));
            if delayed {
                w.settle();
            }
            // The compressor reads and writes for a while, and the plain file stands beside it.
            let bytes = fs::read(w.path("access.log.1")).unwrap();
            let packed = pack(form, &bytes);
            let gz = w.path(&format!("access.log.1{suffix}"));
            fs::write(&gz, &packed[..packed.len() / 2]).unwrap();
            w.step();
            fs::write(&gz, &packed).unwrap();
            w.step();
            fs::remove_file(w.path("access.log.1")).unwrap();
            w.step();
            // A worker that never noticed: its line is in no file with a name.
            late.write_all(text(50..51).as_bytes()).unwrap();
            w.settle();
            let mut expected = [numbered(0..51), numbered(60..70)].concat();
            expected.sort();
            if delayed {
                // It was over and unlinked long ago; what is written there nobody can see.
                expected.retain(|l| l != "line-050" || w.texts().contains(&"line-050"));
            }
            assert_eq!(w.sorted(), expected, "{suffix} {delayed}");
            w.restart();
            w.settle();
            assert_eq!(w.sorted(), expected, "{suffix} {delayed}");
        }
    }
}

#[test]
fn a_new_member_that_is_just_being_packed_is_read_once() {
    for (suffix, form) in FORMS {
        for lines in [1, 4, 700] {
            let mut w = World::new();
            w.append("access.log", &text(800..801));
            w.step();
            // Rotated and packed before anybody saw it under a plain name.
            let lines = text(0..lines);
            w.append("access.log-20260102", &lines);
            let packed = pack(form, lines.as_bytes());
            let gz = w.path(&format!("access.log-20260102{suffix}"));
            fs::write(&gz, &packed[..packed.len() / 2]).unwrap();
            w.step();
            fs::write(&gz, &packed).unwrap();
            w.step();
            fs::remove_file(w.path("access.log-20260102")).unwrap();
            w.step();
            w.settle();
            w.restart();
            w.settle();
            let mut expected: Vec<_> = lines.lines().map(str::to_owned).collect();
            expected.push("line-800".to_owned());
            assert!(w.sorted() == expected, "{suffix}: {} lines", w.lines.len());
            assert_eq!(w.kinds(), []);
        }
    }
}

#[test]
fn a_packed_member_that_was_read_and_is_unpacked_again_counts_nothing_twice() {
    for (suffix, form) in FORMS {
        for lines in [1, 4, 700] {
            for kept in [false, true] {
                let mut w = World::new();
                w.append("access.log", &text(800..801));
                w.step();
                let lines = text(0..lines);
                let gz = w.path(&format!("access.log-20260102{suffix}"));
                fs::write(&gz, pack(form, lines.as_bytes())).unwrap();
                w.settle();
                let plain = w.path("access.log-20260102");
                fs::write(&plain, &lines.as_bytes()[..lines.len() / 2]).unwrap();
                w.step();
                fs::write(&plain, &lines).unwrap();
                w.step();
                if !kept {
                    fs::remove_file(&gz).unwrap();
                }
                w.settle();
                w.restart();
                w.settle();
                let mut expected: Vec<_> = lines.lines().map(str::to_owned).collect();
                expected.push("line-800".to_owned());
                assert!(w.sorted() == expected, "{suffix}: {} lines, kept {kept}", w.lines.len());
                assert_eq!(w.kinds(), []);
                // Whoever adds to what was unpacked is read.
                w.append("access.log-20260102", &text(801..802));
                w.settle();
                expected.push("line-801".to_owned());
                assert!(w.sorted() == expected, "{suffix}: {} lines, kept {kept}", w.lines.len());
            }
        }
    }
}

#[test]
fn two_different_files_of_one_name_one_of_them_packed_are_both_read() {
    let mut w = World::new();
    w.append("access.log", &text(800..801));
    w.step();
    w.append("access.log-20260102", &text(0..4));
    fs::write(
        w.path("access.log-20260102.gz"),
        pack(Form::Gzip, text(4..9).as_bytes()),
    )
    .unwrap();
    w.settle();
    assert_eq!(w.sorted(), [numbered(0..9), numbered(800..801)].concat());
}

#[test]
fn members_of_several_parts_are_read_to_their_last_one() {
    for form in [Form::Gzip, Form::Zstd, Form::Xz, Form::Bzip2] {
        let mut w = World::new();
        w.append("access.log", "");
        w.step();
        let suffix = FORMS.iter().find(|f| f.1 == form).unwrap().0;
        let all = [pack(form, text(0..40).as_bytes()), pack(form, text(40..50).as_bytes())].concat();
        fs::write(w.path(&format!("access.log.1{suffix}")), all).unwrap();
        w.settle();
        assert_eq!(w.texts(), numbered(0..50), "{form:?}");
        assert_eq!(w.kinds(), []);
    }
}

#[test]
fn a_member_that_is_still_being_written_is_read_as_it_grows_and_one_that_stays_cut_is_told() {
    for (suffix, form) in FORMS {
        for completed in [true, false] {
            let mut w = World::new();
            w.append("access.log", "");
            w.step();
            let lines = text(0..900).repeat(40);
            let packed = pack(form, lines.as_bytes());
            let path = w.path(&format!("access.log.1{suffix}"));
            fs::write(&path, &packed[..packed.len() - 9]).unwrap();
            w.step();
            assert!(w.events.is_empty(), "{form:?}: {:?}", w.events);
            if completed {
                fs::write(&path, &packed).unwrap();
            }
            w.settle();
            w.restart();
            w.settle();
            if completed {
                assert_eq!(w.lines.len(), 36_000, "{form:?}");
                assert_eq!(w.kinds(), []);
            } else {
                assert_eq!(w.kinds(), [SourceEventKind::Corrupt], "{form:?}");
                assert!(w.lines.len() <= 36_000);
                // Somebody puts the whole one in its place.
                fs::remove_file(&path).unwrap();
                fs::write(&path, &packed).unwrap();
                w.settle();
                assert_eq!(w.lines.len(), 36_000, "{form:?}");
            }
        }
    }
}

#[test]
fn a_wrong_checksum_is_told() {
    let mut w = World::new();
    w.append("access.log", "");
    w.step();
    let mut packed = pack(Form::Gzip, text(0..5).as_bytes());
    let crc = packed.len() - 8;
    packed[crc] ^= 1;
    fs::write(w.path("access.log.1.gz"), &packed).unwrap();
    w.settle();
    w.restart();
    w.settle();
    assert_eq!(w.kinds(), [SourceEventKind::Corrupt]);
}

#[test]
fn a_compressed_member_that_is_not_what_was_read_is_told_and_counts_nothing_twice() {
    let mut w = World::new();
    w.append("access.log", &text(0..900));
    w.step();
    w.rename("access.log", "access.log.1");
    w.append("access.log", &text(900..901));
    w.settle();
    let edited = text(0..900).replace("line-600", "line-abc");
    fs::write(w.path("access.log.1.gz"), pack(Form::Gzip, edited.as_bytes())).unwrap();
    fs::remove_file(w.path("access.log.1")).unwrap();
    w.settle();
    w.restart();
    w.settle();
    assert!(w.texts() == numbered(0..901), "{} lines", w.lines.len());
    assert_eq!(w.kinds(), [SourceEventKind::Edited]);
}

#[test]
fn compressed_members_from_before_the_first_start_are_not_read_whatever_becomes_of_them() {
    let mut w = World::new();
    fs::write(w.path("access.log.2.gz"), pack(Form::Gzip, b"old\n")).unwrap();
    w.append("access.log.1", &text(100..700));
    w.append("access.log", &text(0..1));
    w.settle();
    w.rename("access.log.2.gz", "access.log.3.gz");
    w.rename("access.log.1", "access.log.2");
    compress(&w, "access.log.2", (".gz", Form::Gzip));
    // Restored from elsewhere: another inode.
    fs::copy(w.path("access.log.3.gz"), w.path("tmp")).unwrap();
    w.rename("tmp", "access.log.3.gz");
    w.restart();
    w.settle();
    assert_eq!(w.texts(), numbered(0..1));
    assert_eq!(w.kinds(), []);
}

#[test]
fn a_compressed_file_of_many_megabytes_is_unpacked_in_turns_and_little_memory() {
    let mut w = World::new();
    w.append("access.log", "first\n");
    w.step();
    w.restart();
    let long = format!("first\n{}\nlast\n", "0".repeat(30 << 20));
    fs::write(w.path("access.log.1.gz"), pack(Form::Gzip, long.as_bytes())).unwrap();
    fs::remove_file(w.path("access.log")).unwrap();
    w.append("access.log", "next\n");
    w.settle();
    assert_eq!(w.lines.len(), 4);
    assert_eq!(w.lines[1].damage, Some(Damage::Oversize));
    assert_eq!((w.texts()[2], w.texts()[3]), ("last", "next"));
}

#[test]
fn members_that_rotation_moves_to_another_folder_are_read_there() {
    for folder in ["old", "../old"] {
        let mut w = World::with(|s| {
            s.paths = vec!["logs/access.log".to_owned()];
            s.rotated_in = vec![folder.to_owned()];
        });
        let old = Path::new("logs").join(folder);
        fs::create_dir_all(w.path("logs")).unwrap();
        fs::create_dir_all(w.dir.path().join(&old)).unwrap();
        let member = |n: u32| old.join(format!("access.log.{n}")).to_str().unwrap().to_owned();
        w.append("logs/access.log", &text(0..2));
        w.step();
        w.restart();
        w.append("logs/access.log", &text(2..4));
        w.rename("logs/access.log", &member(1));
        w.append("logs/access.log", &text(4..6));
        w.rename(&member(1), &member(2));
        compress(&w, &member(2), (".gz", Form::Gzip));
        w.rename("logs/access.log", &member(1));
        w.append("logs/access.log", &text(6..7));
        w.settle();
        w.restart();
        w.settle();
        assert_eq!(w.texts(), numbered(0..7), "{folder}");
        assert_eq!(w.kinds(), []);
    }
}
