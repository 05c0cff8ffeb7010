//! What stands in the archive and does not belong there: files nobody listed, links in the place of folders.

use std::collections::BTreeSet;
use std::path::Path;

use super::Report;
use super::finding::{Code, Finding};

/// Everything that no entry lists and that is no part of the archive itself. `names`: the files of segments.
pub(super) fn check(archive: &Path, names: &BTreeSet<String>, report: &mut Report) {
    for folder in ["seg", "idx"] {
        below(archive, folder, names, report);
    }
    beside(archive, report);
}

/// Everything below `folder` that no entry lists.
fn below(archive: &Path, folder: &str, names: &BTreeSet<String>, report: &mut Report) {
    let mut folders = vec![folder.to_owned()];
    while let Some(name) = folders.pop() {
        let entries = std::fs::read_dir(archive.join(&name))
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        for entry in entries {
            let path = format!("{name}/{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() && names.contains(&path) => {}
                _ => {
                    // Links in the place of a segment are told where the segment is.
                    if !names.contains(&path) {
                        report.add(
                            Finding::new(
                                Code::ExtraFile,
                                format!("記録簿にないもの {path} が保管庫にあります。"),
                                format!("{path} stands in the archive and in no entry"),
                            )
                            .at("file", path),
                        );
                    }
                }
            }
        }
    }
}

/// What stands in each folder of the archive that lists no segments: `true` for folders.
const PLACES: [(&str, &[(&str, bool)]); 3] = [
    (
        "",
        &[
            ("log", true),
            ("seg", true),
            ("idx", true),
            ("trust", true),
            ("tmp", true),
            ("lost+found", true),
        ],
    ),
    ("log", &[("entries.jsonl", false), ("cp.b64", false), ("epoch", true)]),
    ("trust", &[("log.vkey", false)]),
];

/// Files and folders of the archive itself: each what it should be, and nothing beside them.
fn beside(archive: &Path, report: &mut Report) {
    let mut told = |path: String| {
        let finding = Finding::new(
            Code::ExtraFile,
            format!("{path} は、保管庫にあるはずのないもの（余分なファイル、リンクなど）です。"),
            format!("{path} is nothing that belongs into the archive (another file, or a link in the place of one)"),
        );
        report.add(finding.at("file", path));
    };
    let read = |folder: &str| {
        std::fs::read_dir(archive.join(folder))
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
    };
    for (folder, expected) in PLACES {
        for entry in read(folder) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let place = expected.iter().find(|(of, _)| *of == name);
            let right = entry.file_type().is_ok_and(|kind| match place {
                Some((_, true)) => kind.is_dir(),
                Some((_, false)) => kind.is_file(),
                // Being written this moment.
                None => kind.is_file() && name.ends_with(".new"),
            });
            if !right {
                told(Path::new(folder).join(&name).display().to_string());
            }
        }
    }
    for entry in read("log/epoch") {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_suffix(".new").unwrap_or(&name).strip_suffix(".note");
        let number = number.filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()));
        if number.is_none() || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            told(format!("log/epoch/{name}"));
        }
    }
}
