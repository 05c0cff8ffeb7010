//! Which files belong to one log: what stands in its folders under the names of its family.
//!
//! A *family* is a live file and the names rotation gives its predecessors: `access.log`, `access.log.1`,
//! `access.log-20260101`, `access-20260101.log`, each with or without a compression suffix (`rotated`). Names only say
//! which files to look at and in which order; whether a file was read already is a matter of content
//! (`identity`).

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use glob::Pattern;

use super::body::Form;
use super::identity::Stat;
use super::rotated::{self, Rank};
use super::spent::Spent;
use crate::fault;

/// A file that a scan found under a name of this source.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub path: PathBuf,
    /// The live path of its family.
    pub base: PathBuf,
    pub rank: Rank,
    /// Whether the configuration names it, and not only its family.
    pub named: bool,
    pub compressed: bool,
    /// How it is compressed, if it can be unpacked.
    pub form: Option<Form>,
    /// Whether `start` is spent on a pattern it belongs to: then it is read from its first byte.
    pub begun: bool,
    pub stat: Stat,
}

impl Listed {
    /// Whether it is compressed in a way that cannot be unpacked here.
    pub fn sealed_off(&self) -> bool {
        self.compressed && self.form.is_none()
    }

    /// Whether it stands under the live path of its family.
    pub fn live(&self) -> bool {
        self.rank == Rank::LIVE
    }
}

/// What one look at the directories gave.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// What is there, live files first.
    pub files: Vec<Listed>,
    /// Directories to be watched: those that are there, or their nearest ancestors.
    pub watch: Vec<PathBuf>,
    /// Paths that could not be looked at, with the reason: they may be there or not.
    pub blind: Vec<(PathBuf, io::Error)>,
    /// Paths of something that is no regular file.
    pub odd: Vec<PathBuf>,
    /// Something changed while it was being listed.
    pub shaky: bool,
}

impl Listing {
    /// Whether what is not in `files` is surely gone.
    pub fn certain(&self) -> bool {
        self.blind.is_empty() && !self.shaky
    }

    /// Whether `other` holds the same files under the same names.
    pub fn agrees(&self, other: &Listing) -> bool {
        fn named(of: &Listing) -> Vec<(&PathBuf, &super::Incarnation)> {
            let mut named: Vec<_> = of.files.iter().map(|f| (&f.path, &f.stat.incarnation)).collect();
            named.sort_by_key(|(path, _)| *path);
            named
        }
        named(self) == named(other)
    }

    /// Whether `other`, taken later, holds the same members of family `base` under the same names, and those that `open` tells
    /// by their number as long as they were.
    pub fn agrees_on(&self, other: &Listing, base: &Path, open: impl Fn(usize) -> bool) -> bool {
        let members = |f: &Listed| f.base == base && !f.live();
        let same = |a: &Listed, b: &Listed| a.path == b.path && a.stat.incarnation == b.stat.incarnation;
        let as_it_was = |(index, file): (usize, &Listed)| {
            let mut now = other.files.iter().filter(|now| same(file, now));
            now.any(|now| !open(index) || now.stat.size == file.stat.size)
        };
        let mut before = self.files.iter().enumerate().filter(|(_, f)| members(f));
        let count = other.files.iter().filter(|f| members(f)).count();
        before.clone().count() == count && before.all(as_it_was)
    }
}

/// The configured paths of one source.
#[derive(Debug)]
pub(super) struct Paths {
    wanted: Vec<Wanted>,
    /// Folders with rotated members, as configured.
    rotated_in: Vec<PathBuf>,
    /// Patterns whose files were listed once, also those that are configured no more.
    pub spent: Spent,
}

#[derive(Debug)]
struct Wanted {
    /// As configured.
    pattern: String,
    /// Directory part, perhaps with wildcards.
    dir: String,
    /// File name part.
    name: Pattern,
    /// Whether there are wildcards in the directory part.
    dirs_vary: bool,
    /// Whether the file name part is a plain name.
    literal: bool,
}

impl Paths {
    /// From absolute paths or glob patterns; a pattern that is none is taken as a plain name.
    pub fn new(patterns: &[String], rotated_in: &[String]) -> Paths {
        let wild = |s: &str| s.contains(['*', '?', '[']);
        let wanted = patterns.iter().map(|pattern| {
            let (dir, name) = pattern.rsplit_once('/').unwrap_or((".", pattern));
            let dir = if dir.is_empty() { "/" } else { dir };
            let plain = || Pattern::new(&Pattern::escape(name)).unwrap_or_default();
            let literal = !wild(name);
            Wanted {
                pattern: pattern.clone(),
                dir: dir.to_owned(),
                name: if literal {
                    plain()
                } else {
                    Pattern::new(name).unwrap_or_else(|_| plain())
                },
                dirs_vary: wild(dir),
                literal,
            }
        });
        Paths {
            wanted: wanted.collect(),
            rotated_in: rotated_in.iter().map(PathBuf::from).collect(),
            spent: Spent::default(),
        }
    }

    /// Every pattern was listed now.
    pub fn begin(&mut self) {
        self.wanted.iter().for_each(|w| self.spent.add(&w.pattern));
    }

    /// The live path of the family that `path` belongs to by its name, and its age there.
    pub fn place(&self, path: &Path) -> (PathBuf, Rank) {
        let wanted: Vec<&Wanted> = self.wanted.iter().collect();
        match path.file_name().and_then(|name| role(name, &wanted)) {
            Some((base, rank, _, _)) => (self.home(path).join(base), rank),
            None => (path.to_owned(), Rank::LIVE),
        }
    }

    /// The folder of the live file that a member at `path` belongs to.
    fn home(&self, path: &Path) -> PathBuf {
        let own = path.parent().unwrap_or(Path::new("/"));
        let moved = |wanted: &Wanted| {
            let dir = Path::new(&wanted.dir);
            let of = |old: &PathBuf| dir.join(old) == own;
            (!wanted.dirs_vary && self.rotated_in.iter().any(of)).then(|| dir.to_owned())
        };
        let below = || {
            let relative = self
                .rotated_in
                .iter()
                .filter(|old| old.is_relative() && own.ends_with(old));
            let up = relative.map(|old| old.components().count()).next()?;
            own.ancestors().nth(up).map(Path::to_owned)
        };
        self.wanted
            .iter()
            .find_map(moved)
            .or_else(below)
            .unwrap_or_else(|| own.to_owned())
    }

    /// Looks at every directory once and lists what belongs to this source.
    pub fn list(&self) -> Listing {
        let mut out = Listing::default();
        let mut dirs: Vec<(PathBuf, Vec<&Wanted>)> = Vec::new();
        for wanted in &self.wanted {
            for dir in wanted.dirs(&mut out) {
                match dirs.iter_mut().find(|(d, _)| *d == dir) {
                    Some((_, all)) => all.push(wanted),
                    None => dirs.push((dir, vec![wanted])),
                }
            }
        }
        for (dir, wanted) in &dirs {
            list_dir(dir, dir, wanted, &self.spent, &mut out);
            for old in &self.rotated_in {
                list_dir(&dir.join(old), dir, wanted, &self.spent, &mut out);
            }
        }
        out.files
            .sort_by(|a, b| b.rank.cmp(&a.rank).then_with(|| a.path.cmp(&b.path)));
        out.watch.sort();
        out.watch.dedup();
        out
    }
}

impl Wanted {
    fn matches(&self, name: &str) -> bool {
        let options = glob::MatchOptions {
            require_literal_leading_dot: true,
            ..glob::MatchOptions::new()
        };
        self.name.matches_with(name, options)
    }

    /// The directories its files may stand in; adds to `out.watch` where new ones may appear.
    fn dirs(&self, out: &mut Listing) -> Vec<PathBuf> {
        if !self.dirs_vary {
            return vec![PathBuf::from(&self.dir)];
        }
        let fixed: PathBuf = Path::new(&self.dir)
            .components()
            .take_while(|c| !c.as_os_str().to_string_lossy().contains(['*', '?', '[']))
            .collect();
        let mut dirs = Vec::new();
        if let Some(parent) = self.dir.strip_suffix("/**") {
            dirs.push(PathBuf::from(if parent.is_empty() { "/" } else { parent }));
        }
        match glob::glob(&self.dir) {
            Ok(found) => {
                for dir in found {
                    match dir {
                        Ok(dir) if dir.is_dir() => dirs.push(dir),
                        Ok(_) => {}
                        Err(e) => out.blind.push((e.path().to_owned(), e.into())),
                    }
                }
            }
            Err(_) => dirs.push(PathBuf::from(&self.dir)),
        }
        watch(&fixed, out);
        dirs
    }
}

/// Adds `dir`, or its nearest ancestor that is there, to what is to be watched.
fn watch(dir: &Path, out: &mut Listing) {
    if let Some(there) = dir.ancestors().find(|d| d.is_dir()) {
        out.watch.push(there.to_owned());
    }
}

/// Lists `dir`, in which files of the logs in `home` stand.
fn list_dir(dir: &Path, home: &Path, wanted: &[&Wanted], spent: &Spent, out: &mut Listing) {
    watch(dir, out);
    let entries = match fault::pass("source.list").and_then(|()| std::fs::read_dir(dir)) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return,
        Err(e) => return out.blind.push((dir.to_owned(), e)),
    };
    for entry in entries {
        let (name, link) = match entry {
            Ok(entry) => (entry.file_name(), entry.file_type().is_ok_and(|kind| kind.is_symlink())),
            Err(e) => {
                out.blind.push((dir.to_owned(), e));
                continue;
            }
        };
        if let Some((base, rank, named, compressed)) = role(&name, wanted) {
            if dir != home && rank == Rank::LIVE {
                continue;
            }
            list_file(
                (dir, home),
                (&name, link),
                (base, rank, named, compressed),
                (wanted, spent),
                out,
            );
        }
    }
}

/// What the file called `name` is to the source.
fn role(name: &OsStr, wanted: &[&Wanted]) -> Option<(String, Rank, bool, bool)> {
    rotated::role(name.to_str()?, &|name| wanted.iter().any(|w| w.matches(name)))
}

fn list_file(
    (dir, home): (&Path, &Path),
    (name, link): (&OsStr, bool),
    (base, rank, named, compressed): (String, Rank, bool, bool),
    (wanted, spent): (&[&Wanted], &Spent),
    out: &mut Listing,
) {
    let path = dir.join(name);
    let begun = spent.holds(&path) || spent.holds(&home.join(&base));
    // A configured path may be a link to today's file; the other members must be files themselves, so that
    // nobody who may write into the directory can have us read something else.
    let follow = rank == Rank::LIVE;
    match Stat::of_path(&path, follow) {
        Ok(stat) if stat.regular() => {
            let base = home.join(base);
            if link
                && let Ok(target) = std::fs::canonicalize(&path)
                && target.parent() != Some(dir)
            {
                watch(target.parent().unwrap_or(dir), out);
            }
            let form = Form::of(&path).filter(|_| compressed);
            out.files.push(Listed {
                path,
                base,
                rank,
                named,
                compressed,
                form,
                begun,
                stat,
            });
        }
        Ok(stat) => {
            let literal = name
                .to_str()
                .is_some_and(|n| wanted.iter().any(|w| w.literal && w.matches(n)));
            let dir = stat.kind == rustix::fs::FileType::Directory;
            if literal || !dir {
                out.odd.push(path);
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => out.shaky |= Stat::of_path(&path, false).is_err(),
        Err(e) => out.blind.push((path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, configured: &str) -> Option<(String, Rank, bool, bool)> {
        let paths = Paths::new(&[format!("/var/log/{configured}")], &[]);
        role(OsStr::new(name), &paths.wanted.iter().collect::<Vec<_>>())
    }

    fn base(name: &str, configured: &str) -> Option<String> {
        of(name, configured).map(|r| r.0)
    }

    #[test]
    fn rotated_names_lead_to_the_live_name() {
        for name in [
            "access.log.1",
            "access.log.12",
            "access.log.2.gz",
            "access.log-20260101",
            "access.log-20260101.gz",
            "access.log-2026-01-01",
            "access.log-2026010123",
            "access.log-20260101-1767225600",
            "access.log.2026-01-01",
            "access.log_20260101",
            "access-20260101.log",
            "access.2026-01-01.log.zst",
            "access.1.log",
            "access.log-20260101.2",
        ] {
            assert_eq!(base(name, "access.log").as_deref(), Some("access.log"), "{name}");
        }
        for name in [
            "access.log.bak",
            "access.log~",
            "access.log.1.swp",
            "other.log.1",
            "access.log-2026",
            "access.log.-1",
        ] {
            assert_eq!(base(name, "access.log"), None, "{name}");
        }
    }

    #[test]
    fn older_files_rank_lower() {
        let rank = |name: &str| of(name, "access.log").unwrap().1;
        let order = [
            "access.log-20251231",
            "access.log-20260101",
            "access.log-2026010101",
            "access.log.10",
            "access.log.2",
            "access.log.1",
            "access.log",
        ];
        for pair in order.windows(2) {
            assert!(rank(pair[0]) < rank(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn a_glob_that_names_rotated_files_too_keeps_them_in_one_family() {
        let (found, rank, named, _) = of("access.log.1", "access.log*").unwrap();
        assert_eq!((found.as_str(), named), ("access.log", true));
        assert!(rank < Rank::LIVE);
        assert_eq!(of("access.log", "access.log*").unwrap().1, Rank::LIVE);
    }

    #[test]
    fn dated_names_of_a_glob_without_a_live_name_are_live_each() {
        assert_eq!(of("app.2026-01-01.log", "app.*-*.log").unwrap().1, Rank::LIVE);
        assert_eq!(of("app-20260101.log", "app-20260101.log").unwrap().1, Rank::LIVE);
    }
}
