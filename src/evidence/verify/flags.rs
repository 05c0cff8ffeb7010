//! The append-only and immutable flags of an archive in its place: an obstacle, set by a unit of root's; copies have none.

use std::fs::File;
use std::path::Path;

use rustix::fs::{IFlags, ioctl_getflags};

use super::Report;
use super::finding::{Code, Finding};

/// Files looked at of each kind.
const LOOKED_MAX: usize = 2_000;

/// Warns of files without the flag they should have, where the file system knows flags.
pub fn flags(archive: &Path, report: &mut Report) {
    let mut bare: Vec<String> = Vec::new();
    for name in ["log/entries.jsonl", "log/cp.b64"] {
        if lacks(&archive.join(name), IFlags::APPEND) {
            bare.push(name.to_owned());
        }
    }
    let closings = std::fs::read_dir(archive.join("log/epoch")).into_iter().flatten();
    let closings = closings.filter_map(|f| Some(f.ok()?.path())).take(LOOKED_MAX);
    let open = closings.filter(|path| lacks(path, IFlags::IMMUTABLE)).count();
    if 0 < open {
        bare.push(format!("log/epoch ({open})"));
    }
    if bare.is_empty() {
        return;
    }
    let list = bare.join(", ");
    report.add(
        Finding::new(
            Code::Flags,
            format!("追記専用・変更不可の属性がないファイルがあります：{list}"),
            format!("files without the append-only or immutable flag: {list}"),
        )
        .at("files", bare)
        .next(
            "systemctl enable --now sekimori-flags.timer で付けられます（root による改変を防ぐものではありません）。",
            "systemctl enable --now sekimori-flags.timer sets them (they do not keep root from anything)",
        ),
    );
}

fn lacks(path: &Path, flag: IFlags) -> bool {
    let flags = File::open(path).ok().and_then(|file| ioctl_getflags(file).ok());
    flags.is_some_and(|flags| !flags.contains(flag))
}
